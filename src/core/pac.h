/**
 * The parts of a ticket's PAC (MS-PAC) that say who a user is.  Their bytes come from a KDC whose
 * signature the library has verified; they are read as if they came from anybody.
 */
#ifndef NEG_CORE_PAC_H
#define NEG_CORE_PAC_H

#include <apr_pools.h>

#include "bytes.h"
#include "sid.h"

typedef struct {
    const char *account; /**< EffectiveName in UTF-8; NULL when empty, or no name (see pac.c) */
    const char *sid;     /**< of the user */
    /** The groups that grant, with Everyone and Authenticated Users, which Windows adds to every
     * token (a guest is not authenticated). */
    const neg_sids *groups;
    /** Those that are disabled or for deny only (MS-PAC section 2.2.1): they can only deny. */
    const neg_sids *deny_only;
    int not_delegated; /**< "sensitive and cannot be delegated" (MS-SAMR section 2.2.1.12) */
} neg_logon_info;

/**
 * Reads KERB_VALIDATION_INFO (MS-PAC section 2.5) in its NDR form (MS-RPCE section 2.2.6).
 * @return NULL, or a static sentence; *info is then untouched.
 */
const char *neg_pac_logon_info(apr_pool_t *p, neg_bytes bytes, neg_logon_info *info);

typedef struct {
    const char *upn;     /**< NULL when empty, or not of the form name@suffix */
    const char *account; /**< NULL when it is not told */
    const char *sid;     /**< the same */
} neg_upn_info;

/**
 * Reads UPN_DNS_INFO (MS-PAC section 2.10).
 * @return NULL, or a static sentence; *info is then untouched.
 */
const char *neg_pac_upn_dns_info(apr_pool_t *p, neg_bytes bytes, neg_upn_info *info);

/** What a PAC comes to: all of it, or why it is not known. */
typedef struct {
    const char *account, *upn, *sid;
    const neg_sids *groups, *deny_only;
    const char *unknown; /**< a sentence about "its ticket"; all the rest is then NULL */
} neg_pac;

#endif

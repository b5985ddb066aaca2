/** Who a client is: proven facts, built whole, in one pool, const afterwards. */
#ifndef NEG_CORE_IDENTITY_H
#define NEG_CORE_IDENTITY_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <apr_time.h>

#include "bytes.h"
#include "sid.h"

/** Mode and owner of a ccache (AuthNegotiateDelegatePerms). */
typedef struct {
    unsigned mode;
    long uid, gid; /**< -1: the server's own */
} neg_perms;

/** A name attribute (RFC 6680) that was asked for: authenticated and complete, or without values.
 */
typedef struct {
    const char *name;
    const apr_array_header_t *values; /**< of neg_bytes; empty when the ticket has none */
} neg_attribute;

typedef struct {
    const char *space;     /**< protection space in which it was proven */
    const char *principal; /**< display form; of a provider that is not ours: the user as typed */
    const char *name;      /**< the principal without its realm */
    const char *realm;     /**< "" when there is none: a provider that is not ours */
    const char *scheme;    /**< "Negotiate" or "Basic" */
    const char *provider;  /**< of Basic: who checked the password; else NULL */
    const char *mechanism; /**< "krb5"; "" for a provider that is not ours */
    unsigned mech;         /**< the same, as NEG_MECH_*; 0 for a provider that is not ours */
    const char *acceptor;  /**< neg_acceptor_key() of the credential that accepted */
    apr_time_t proven;     /**< when that was */
    apr_time_t expires;    /**< never later than the ticket */
    int tls;               /**< proven over TLS */
    const char *channel;   /**< neg_config_channel() of where it was proven */
    int bound;             /**< and to that channel (RFC 5929) */

    const apr_array_header_t *attributes; /**< of neg_attribute: all that were asked for, as
                                             core/sorted.h has them; or NULL */

    /* From the ticket's PAC (MS-PAC), if the library has verified it; NULL is "not known". */
    const char *account;       /**< the account's name */
    const char *upn;           /**< the user principal name */
    const char *sid;           /**< the user's own SID, "S-1-5-21-..." */
    const neg_sids *groups;    /**< NULL is not "none" */
    const neg_sids *deny_only; /**< the same: those that can only deny */
    const char *pac_unknown;   /**< why all these are NULL; NULL: they are not, or nobody asked */

    const char *ccache_dir; /**< where a delegated credential would have been stored, or NULL */
    neg_perms ccache_perms; /**< and for whom */
    const char *ccache_for; /**< services it is for, and as whom (S4U2Proxy); NULL: forwarded */
    const char *ccache;     /**< TYPE:residual of the delegated credential, or NULL */
    const char *proof;      /**< neg_ap_req_proof() of the ticket that proved it, or NULL */
} neg_identity;

/** A copy with everything that it points to in another pool; the ccache's file stays with its first
 * owner. */
neg_identity *neg_identity_dup(apr_pool_t *p, const neg_identity *identity);

/** How many bytes a copy has. */
apr_size_t neg_identity_size(const neg_identity *identity);

/** The same copy in memory of that size, aligned as malloc()'s is.  Its arrays cannot grow. */
neg_identity *neg_identity_copy(void *memory, const neg_identity *identity);

/** @return the attribute of that name (compared exactly), or NULL when it was not asked for */
const neg_attribute *neg_identity_attribute(const neg_identity *identity, const char *name);

#endif

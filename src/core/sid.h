/** Security identifiers (MS-DTYP section 2.4.2): the names of accounts and groups that never
 * change.
 */
#ifndef NEG_CORE_SID_H
#define NEG_CORE_SID_H

#include <apr_pools.h>

#define NEG_SID_SUBS_MAX 15
/** A SID's text with its NUL: "S-1-0x" and twelve digits, then fifteen times "-4294967295". */
#define NEG_SID_TEXT_MAX (18 + NEG_SID_SUBS_MAX * 11 + 1)

#define NEG_SID_EVERYONE            "S-1-1-0"
#define NEG_SID_AUTHENTICATED_USERS "S-1-5-11"

typedef struct {
    apr_uint64_t authority; /**< 48 bits */
    unsigned count;         /**< of subs, at most NEG_SID_SUBS_MAX */
    apr_uint32_t subs[NEG_SID_SUBS_MAX];
} neg_sid;

/**
 * Reads "S-1-5-21-..." (MS-DTYP section 2.4.2.1): decimal numbers without leading zeros, the
 * authority in hexadecimal when it has more than 32 bits.  Nothing before it, nothing after it, so
 * that a SID has one text.
 * @return NULL, or a static sentence; *sid is then untouched.
 */
const char *neg_sid_parse(const char *text, neg_sid *sid);

/** The text of a SID: equal texts are equal SIDs.  @return its length; text has NEG_SID_TEXT_MAX */
apr_size_t neg_sid_write(char *text, const neg_sid *sid);

/** The same, in p. */
const char *neg_sid_text(apr_pool_t *p, const neg_sid *sid);

/** Appends "-rid" to a text. @return how many characters that were, without the NUL; at most 11 */
apr_size_t neg_sid_append(char *end, apr_uint32_t rid);

/** Whether a text's last number is this one. */
int neg_sid_has_rid(const char *sid, apr_uint32_t rid);

/**
 * Groups that have the same name everywhere (MS-DTYP section 2.4.2.4); compared without case.
 * @return the SID's text, or NULL
 */
const char *neg_sid_well_known(const char *name);

/** Groups that every domain has, such as "Domain Users".  @return the RID, or 0 */
apr_uint32_t neg_sid_domain_group(const char *name);

#endif

/** Security identifiers (MS-DTYP section 2.4.2): the names of accounts and groups that never
 * change.
 *
 * A SID is its bytes (section 2.4.2.2): the revision, how many numbers it has, 48 bits of
 * authority, the numbers in little-endian order.  It has one form, so that equal bytes are equal
 * SIDs.
 */
#ifndef NEG_CORE_SID_H
#define NEG_CORE_SID_H

#include <apr_pools.h>

#include "bytes.h"
#include "reader.h"
#include "writer.h"

#define NEG_SID_SUBS_MAX 15
/** A SID's bytes. */
#define NEG_SID_MAX (8 + NEG_SID_SUBS_MAX * 4)
/** A SID's text with its NUL: "S-1-0x" and twelve digits, then fifteen times "-4294967295". */
#define NEG_SID_TEXT_MAX (18 + NEG_SID_SUBS_MAX * 11 + 1)

/** The next SID, where it is; revision 1, with one to fifteen numbers. */
neg_bytes neg_sid_read(neg_reader *r);

/**
 * Reads "S-1-5-21-..." (MS-DTYP section 2.4.2.1): decimal numbers without leading zeros, the
 * authority in hexadecimal when it has more than 32 bits.  Nothing before it, nothing after it, so
 * that a SID has one text.
 * @return NULL, or a static sentence; *sid (in p) is then untouched.
 */
const char *neg_sid_parse(apr_pool_t *p, const char *text, neg_bytes *sid);

/** The text of a SID.  @return its length; text has NEG_SID_TEXT_MAX */
apr_size_t neg_sid_write(char *text, neg_bytes sid);

/**
 * The same over the text of another SID, or of none: quick where both are of one domain, as those
 * of a list mostly are.
 * @param before the other one, whose text has len characters; or empty
 */
apr_size_t neg_sid_write_next(char *text, apr_size_t len, neg_bytes before, neg_bytes sid);

/** The text of a SID, in p. */
const char *neg_sid_text(apr_pool_t *p, neg_bytes sid);

int neg_sid_equal(neg_bytes a, neg_bytes b);

/** Whether they differ in their last number at most: accounts and groups of one domain do. */
int neg_sid_same_domain(neg_bytes a, neg_bytes b);

/** Its last number. */
apr_uint32_t neg_sid_rid(neg_bytes sid);

/** What sid is with another last number, in p. */
neg_bytes neg_sid_sibling(apr_pool_t *p, neg_bytes sid, apr_uint32_t rid);

/**
 * Groups that have the same name everywhere (MS-DTYP section 2.4.2.4); compared without case.
 * @param asserted whether it is the user's own domain that says who is in it
 * @return the SID's text, or NULL
 */
const char *neg_sid_well_known(const char *name, int *asserted);

/** Groups that every domain has, such as "Domain Users".  @return the RID, or 0 */
apr_uint32_t neg_sid_domain_group(const char *name);

/* ---- Lists ---- */

/** SIDs, one behind another: a user may have a thousand of them. To look for one: sidset.h. */
typedef struct {
    neg_writer bytes;
    int count;
} neg_sids;

/** @param room for so many bytes, before it has to grow */
neg_sids *neg_sids_make(apr_pool_t *p, apr_size_t room);
/** NULL for NULL. */
neg_sids *neg_sids_dup(apr_pool_t *p, const neg_sids *sids);

/** @return the SID in the list's pool, where it stays */
neg_bytes neg_sids_add(neg_sids *sids, neg_bytes sid);
/** The SID that a domain's is with one number more; the domain has at most fourteen. */
neg_bytes neg_sids_add_rid(neg_sids *sids, neg_bytes domain, apr_uint32_t rid);
/** What sid is with another last number. */
neg_bytes neg_sids_add_sibling(neg_sids *sids, neg_bytes sid, apr_uint32_t rid);

/** All of it, for neg_sids_next(). */
neg_bytes neg_sids_all(const neg_sids *sids);
/** Takes the first one from the rest of a list, which is not empty. */
neg_bytes neg_sids_next(neg_bytes *rest);

#endif

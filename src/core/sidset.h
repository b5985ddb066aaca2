/**
 * A list of SIDs, to be looked into many times: a user may be in a thousand groups, and a location
 * may name as many.  To find one costs the same however long the list is, as far as those in it
 * differ in their last number, and groups of a domain do.
 */
#ifndef NEG_CORE_SIDSET_H
#define NEG_CORE_SIDSET_H

#include "sid.h"

typedef struct neg_sid_set neg_sid_set;

/** In p; the SIDs stay where the list has them. */
const neg_sid_set *neg_sid_set_make(apr_pool_t *p, const neg_sids *sids);
int neg_sid_set_has(const neg_sid_set *set, neg_bytes sid);
/** Whether one of them is the group that sid is, of whatever domain: S-1-5-21-?-?-?-RID. */
int neg_sid_set_has_like(const neg_sid_set *set, neg_bytes sid);

#endif

/**
 * Why rules have refused somebody: the first few sentences, each of them once, and how many more
 * there were.  However many rules a location has, and however long they are, this stays of one
 * size, and each rule costs the same.
 */
#ifndef NEG_CORE_REASONS_H
#define NEG_CORE_REASONS_H

#include <apr_pools.h>

/** Sentences that are kept; an administrator reads on at debug. */
#define NEG_REASONS_MAX 8
/** Bytes of each. */
#define NEG_REASON_MAX 512

typedef struct {
    apr_pool_t *pool; /**< of the sentences */
    const char *kept[NEG_REASONS_MAX];
    int count; /**< of those */
    int more;  /**< how many are not kept */
} neg_reasons;

/** Whether another one would only be counted, so that it need not be written. */
int neg_reasons_are_enough(const neg_reasons *reasons);

/** Keeps a copy, cut to NEG_REASON_MAX; counts it where there are enough, or has it already. */
void neg_reasons_add(neg_reasons *reasons, const char *sentence);

/** Counts one that was not written. */
void neg_reasons_add_unwritten(neg_reasons *reasons);

/** All of them with "; " between them, in their pool; NULL where there is none. */
const char *neg_reasons_text(const neg_reasons *reasons);

#endif

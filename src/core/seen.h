/**
 * Which authenticators have been seen: a table of fixed size in memory that processes share,
 * without a lock.  An entry is never given up before its time: where there is no room, the table
 * says so.
 *
 * Each has two places where it may be, buckets of SEEN_BUCKET entries; an entry is one word with
 * 44 bits of the authenticator's hash and its time.  Two that are alike in these bits and in their
 * bucket are taken for one, which refuses a good token once in some hundred thousand million.
 */
#ifndef NEG_CORE_SEEN_H
#define NEG_CORE_SEEN_H

#include <apr_time.h>

#define NEG_SEEN_ID_LEN 32 /**< of a hash whose bits are as good as random, such as SHA-256 */

typedef struct neg_seen neg_seen;

typedef enum {
    NEG_SEEN_NEVER,  /**< and noted */
    NEG_SEEN_BEFORE, /**< or in this very moment by somebody else: both may be told so */
    NEG_SEEN_FULL    /**< not known, and not noted: no room, or too long a time */
} neg_seen_answer;

/**
 * Takes memory for a table.  What another process has written there before is taken over.
 * @param memory zeroed, or a table; at the beginning of a page
 * @return NULL when it is too small, or neither zeroed nor a table of this size
 */
neg_seen *neg_seen_open(void *memory, apr_size_t size);

/** Whether this processor can do it: without locks, which a process that dies would keep. */
int neg_seen_is_possible(void);

/** Whether neg_seen_note() would find room, if nobody comes between. */
int neg_seen_has_room(neg_seen *seen, const unsigned char *id, apr_time_t now);

/** Looks for an authenticator and notes it until its time, which is within three days. */
neg_seen_answer neg_seen_note(neg_seen *seen, const unsigned char *id, apr_time_t now,
                              apr_time_t expiry);

/** Until when somebody else has to be asked, too: something found no room.  Never goes back. */
apr_time_t neg_seen_overflow(neg_seen *seen);
void neg_seen_overflows(neg_seen *seen, apr_time_t until);

#endif

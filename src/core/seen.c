#include "seen.h"

#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#define MAGIC       UINT64_C(0x6e65672d7365656e) /* changes with what is below */
#define SEEN_BUCKET 32
#define PLACES      2

/* An entry: 44 bits of the hash, 20 of the time.  Zero is free. */
#define TIME_BITS 20
#define TIME_MASK ((UINT64_C(1) << TIME_BITS) - 1)
#define TIME_UNIT apr_time_from_sec(32)

/* Three days.  Times go around in 388: what nobody has written over by then counts once more, for
 * as long as this.  No less, since a clock that was wrong and is set back forgets what is further
 * ahead, until it comes there again. */
#define AHEAD_MAX 8192

typedef _Atomic uint64_t word;

typedef struct {
    word entries[SEEN_BUCKET];
} bucket;

struct neg_seen {
    word magic;
    word buckets;
    word overflow; /* apr_time_t */
    word unused[SEEN_BUCKET - 3];
    bucket table[];
};

neg_seen *neg_seen_open(void *memory, apr_size_t size)
{
    neg_seen *seen = memory;
    uint64_t buckets;
    if (size < sizeof(*seen) + sizeof(bucket))
        return NULL;
    buckets = (size - sizeof(*seen)) / sizeof(bucket);
    if (seen->magic == 0 && seen->buckets == 0) {
        seen->buckets = buckets;
        seen->magic = MAGIC;
    }
    return seen->magic == MAGIC && seen->buckets == buckets ? seen : NULL;
}

int neg_seen_is_possible(void)
{
    word any = 0;
    return atomic_is_lock_free(&any);
}

static uint64_t number_at(const unsigned char *id, int i)
{
    uint64_t number;
    memcpy(&number, id + i * sizeof(number), sizeof(number));
    return number;
}

static bucket *place(neg_seen *seen, const unsigned char *id, int i)
{
    return &seen->table[number_at(id, i) % seen->buckets];
}

/* Rounded up, and never zero in its upper part. */
static uint64_t entry_of(const unsigned char *id, apr_time_t expiry)
{
    uint64_t tag = number_at(id, PLACES) | (UINT64_C(1) << TIME_BITS);
    return (tag & ~TIME_MASK) | ((uint64_t)(expiry / TIME_UNIT + 1) & TIME_MASK);
}

static int is_live(uint64_t entry, apr_time_t now)
{
    uint64_t ahead = (entry - (uint64_t)(now / TIME_UNIT)) & TIME_MASK;
    return entry != 0 && ahead != 0 && ahead <= AHEAD_MAX;
}

/* Somewhere else than in the entry that is our own. */
static int is_noted(neg_seen *seen, const unsigned char *id, apr_time_t now, const word *own)
{
    uint64_t wanted = entry_of(id, 0);
    for (int i = 0; i < PLACES; i++) {
        bucket *b = place(seen, id, i);
        for (int j = 0; j < SEEN_BUCKET; j++) {
            uint64_t entry = b->entries[j];
            if (&b->entries[j] != own && ((entry ^ wanted) & ~TIME_MASK) == 0 &&
                is_live(entry, now))
                return 1;
        }
    }
    return 0;
}

static int has_room(const bucket *b, apr_time_t now)
{
    for (int j = 0; j < SEEN_BUCKET; j++)
        if (!is_live(b->entries[j], now))
            return 1;
    return 0;
}

int neg_seen_has_room(neg_seen *seen, const unsigned char *id, apr_time_t now)
{
    for (int i = 0; i < PLACES; i++)
        if (has_room(place(seen, id, i), now))
            return 1;
    return 0;
}

/* All look for room in the same order, so that of two who bring the same one finds the other's
 * where it wanted to write; one who is not found so is found by the look afterwards. */
static neg_seen_answer put(bucket *b, uint64_t entry, apr_time_t now, word **own)
{
    for (int j = 0; j < SEEN_BUCKET; j++) {
        uint64_t old = b->entries[j];
        if (!is_live(old, now) && atomic_compare_exchange_strong(&b->entries[j], &old, entry)) {
            *own = &b->entries[j];
            return NEG_SEEN_NEVER;
        }
        if (((old ^ entry) & ~TIME_MASK) == 0 && is_live(old, now))
            return NEG_SEEN_BEFORE;
    }
    return NEG_SEEN_FULL;
}

/* Who writes first and looks then cannot miss another who does the same. */
neg_seen_answer neg_seen_note(neg_seen *seen, const unsigned char *id, apr_time_t now,
                              apr_time_t expiry)
{
    neg_seen_answer answer = NEG_SEEN_FULL;
    word *own = NULL;
    if (is_noted(seen, id, now, NULL))
        return NEG_SEEN_BEFORE;
    if (expiry / TIME_UNIT + 1 - now / TIME_UNIT > AHEAD_MAX)
        return NEG_SEEN_FULL; /* it would be forgotten before its time */
    for (int i = 0; answer == NEG_SEEN_FULL && i < PLACES; i++)
        answer = put(place(seen, id, i), entry_of(id, expiry), now, &own);
    if (answer == NEG_SEEN_NEVER && is_noted(seen, id, now, own))
        return NEG_SEEN_BEFORE;
    return answer;
}

apr_time_t neg_seen_overflow(neg_seen *seen)
{
    return (apr_time_t)seen->overflow;
}

void neg_seen_overflows(neg_seen *seen, apr_time_t until)
{
    uint64_t old = seen->overflow;
    while ((apr_time_t)old < until &&
           !atomic_compare_exchange_weak(&seen->overflow, &old, (uint64_t)until))
        ;
}

#include "testing.h"

#include <pthread.h>

#include <openssl/sha.h>

#include "seen.h"

#define BUCKET   256
#define SMALLEST (2 * BUCKET) /* a header and one bucket of 32 entries */

static const apr_time_t now = apr_time_from_sec(1700000000);
static const apr_time_t later = apr_time_from_sec(1700000000 + 601);

static void *zeroed(apr_size_t size)
{
    void *memory = NULL;
    assert_int_equal(posix_memalign(&memory, 4096, size), 0);
    memset(memory, 0, size);
    apr_pool_cleanup_register(pool, memory, (apr_status_t(*)(void *))(void (*)(void))free,
                              apr_pool_cleanup_null);
    return memory;
}

static const unsigned char *id(unsigned number)
{
    static _Thread_local unsigned char hash[NEG_SEEN_ID_LEN];
    return SHA256((const unsigned char *)&number, sizeof(number), hash);
}

static void is_good_once(void **state)
{
    neg_seen *seen = neg_seen_open(zeroed(65536), 65536);
    (void)state;
    assert_non_null(seen);
    for (unsigned i = 0; i < 1000; i++)
        assert_int_equal(neg_seen_note(seen, id(i), now, later), NEG_SEEN_NEVER);
    for (unsigned i = 0; i < 1000; i++)
        assert_int_equal(neg_seen_note(seen, id(i), now, later), NEG_SEEN_BEFORE);
    assert_int_equal(neg_seen_note(seen, id(1), later, later), NEG_SEEN_BEFORE);
}

static void forgets_after_the_time(void **state)
{
    neg_seen *seen = neg_seen_open(zeroed(SMALLEST), SMALLEST);
    apr_time_t after = later + apr_time_from_sec(65);
    (void)state;
    assert_int_equal(neg_seen_note(seen, id(1), now, later), NEG_SEEN_NEVER);
    assert_int_equal(neg_seen_note(seen, id(1), after, after + 1), NEG_SEEN_NEVER);
}

#define DAYS apr_time_from_sec(24 * 3600)

/* Times go around in 388 days. */
static void forgets_for_a_year(void **state)
{
    neg_seen *seen = neg_seen_open(zeroed(SMALLEST), SMALLEST);
    (void)state;
    for (unsigned i = 0; i < 32; i++)
        assert_int_equal(neg_seen_note(seen, id(i), now, later), NEG_SEEN_NEVER);
    for (int day = 1; day < 385; day++)
        assert_true(neg_seen_has_room(seen, id(32), now + day * DAYS));
    assert_int_equal(neg_seen_note(seen, id(1), now + 200 * DAYS, later + 200 * DAYS),
                     NEG_SEEN_NEVER);
}

static void remembers_when_the_clock_is_set_back(void **state)
{
    neg_seen *seen = neg_seen_open(zeroed(SMALLEST), SMALLEST);
    (void)state;
    assert_int_equal(neg_seen_note(seen, id(1), now, later), NEG_SEEN_NEVER);
    assert_int_equal(neg_seen_note(seen, id(1), now - 2 * DAYS, later), NEG_SEEN_BEFORE);
}

static void takes_nothing_that_it_would_forget(void **state)
{
    neg_seen *seen = neg_seen_open(zeroed(SMALLEST), SMALLEST);
    (void)state;
    assert_int_equal(neg_seen_note(seen, id(1), now, now + 3 * DAYS), NEG_SEEN_NEVER);
    assert_int_equal(neg_seen_note(seen, id(1), now, now + 3 * DAYS), NEG_SEEN_BEFORE);
    assert_int_equal(neg_seen_note(seen, id(2), now, now + 4 * DAYS), NEG_SEEN_FULL);
    assert_int_equal(neg_seen_note(seen, id(2), now, now + 400 * DAYS), NEG_SEEN_FULL);
}

/* Nothing is given up for something newer. */
static void says_when_it_is_full(void **state)
{
    neg_seen *seen = neg_seen_open(zeroed(SMALLEST), SMALLEST);
    apr_time_t after = later + apr_time_from_sec(65);
    (void)state;
    for (unsigned i = 0; i < 32; i++) {
        assert_true(neg_seen_has_room(seen, id(i), now));
        assert_int_equal(neg_seen_note(seen, id(i), now, later), NEG_SEEN_NEVER);
    }
    assert_false(neg_seen_has_room(seen, id(32), now));
    assert_int_equal(neg_seen_note(seen, id(32), now, later), NEG_SEEN_FULL);
    for (unsigned i = 0; i < 32; i++)
        assert_int_equal(neg_seen_note(seen, id(i), now, later), NEG_SEEN_BEFORE);
    assert_true(neg_seen_has_room(seen, id(32), after));
    assert_int_equal(neg_seen_note(seen, id(32), after, after + 1), NEG_SEEN_NEVER);
}

static void fills_up_evenly(void **state)
{
    const apr_size_t size = 1024 * 1024;
    neg_seen *seen = neg_seen_open(zeroed(size), size);
    unsigned noted = 0;
    (void)state;
    while (neg_seen_note(seen, id(noted), now, later) == NEG_SEEN_NEVER)
        noted++;
    assert_in_range(noted, 85000, size / 8); /* of 131,000 */
}

static void takes_over_what_is_there(void **state)
{
    void *memory = zeroed(65536);
    (void)state;
    assert_int_equal(neg_seen_note(neg_seen_open(memory, 65536), id(1), now, later),
                     NEG_SEEN_NEVER);
    assert_int_equal(neg_seen_note(neg_seen_open(memory, 65536), id(1), now, later),
                     NEG_SEEN_BEFORE);
    assert_null(neg_seen_open(memory, 32768));
    memset(memory, 'x', 65536);
    assert_null(neg_seen_open(memory, 65536));
    assert_null(neg_seen_open(zeroed(SMALLEST - 1), SMALLEST - 1));
}

static void never_shortens_an_overflow(void **state)
{
    neg_seen *seen = neg_seen_open(zeroed(SMALLEST), SMALLEST);
    (void)state;
    assert_int_equal(neg_seen_overflow(seen), 0);
    neg_seen_overflows(seen, later);
    neg_seen_overflows(seen, now);
    assert_int_equal(neg_seen_overflow(seen), later);
}

/* ---- At once ---- */

#define THREADS 4
#define IDS     20000

static neg_seen *shared;
static unsigned entered[THREADS][IDS];

static void *note_all(void *data)
{
    unsigned *mine = data;
    for (unsigned i = 0; i < IDS; i++)
        mine[i] = neg_seen_note(shared, id(i), now, later) == NEG_SEEN_NEVER;
    return NULL;
}

static void lets_one_in_of_those_who_come_at_once(void **state)
{
    pthread_t threads[THREADS];
    (void)state;
    shared = neg_seen_open(zeroed(1024 * 1024), 1024 * 1024);
    for (int t = 0; t < THREADS; t++)
        assert_int_equal(pthread_create(&threads[t], NULL, note_all, entered[t]), 0);
    for (int t = 0; t < THREADS; t++)
        pthread_join(threads[t], NULL);
    for (unsigned i = 0; i < IDS; i++) {
        unsigned sum = 0;
        for (int t = 0; t < THREADS; t++)
            sum += entered[t][i];
        assert_int_equal(sum, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(is_good_once),
        TEST(forgets_after_the_time),
        TEST(forgets_for_a_year),
        TEST(remembers_when_the_clock_is_set_back),
        TEST(takes_nothing_that_it_would_forget),
        TEST(says_when_it_is_full),
        TEST(fills_up_evenly),
        TEST(takes_over_what_is_there),
        TEST(never_shortens_an_overflow),
        TEST(lets_one_in_of_those_who_come_at_once),
    };
    return RUN(tests);
}

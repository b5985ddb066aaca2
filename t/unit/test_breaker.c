#include "testing.h"

#include "breaker.h"

/* Times are seconds of a day long ago. */
static apr_time_t at(int second)
{
    return apr_time_from_sec(1000000 + second);
}

static void answers_are_asked_for(void **state)
{
    neg_breaker b = {0};
    (void)state;
    for (int second = 0; second < 100; second += 10) {
        assert_true(neg_breaker_ask(&b, at(second)));
        assert_int_equal(neg_breaker_answered(&b, at(second)), 0);
    }
    assert_int_equal(b.waiting, 0);
}

static void quick_failures_are_no_silence(void **state)
{
    neg_breaker b = {0};
    (void)state;
    for (int second = 0; second < 20; second++) {
        assert_true(neg_breaker_ask(&b, at(second)));
        neg_breaker_failed(&b, at(second), at(second));
    }
    assert_true(neg_breaker_ask(&b, at(20)));
    assert_int_equal(neg_breaker_answered(&b, at(20)), 20);
    assert_true(neg_breaker_ask(&b, at(20)));
    assert_int_equal(neg_breaker_answered(&b, at(20)), 0);
}

static void a_slow_failure_spares(void **state)
{
    neg_breaker b = {0};
    (void)state;
    assert_true(neg_breaker_ask(&b, at(0)));
    neg_breaker_failed(&b, at(0), at(25));
    assert_false(neg_breaker_ask(&b, at(25)));
    assert_false(neg_breaker_ask(&b, at(34)));
    assert_true(neg_breaker_ask(&b, at(35)));
    assert_false(neg_breaker_ask(&b, at(36)));
    assert_int_equal(neg_breaker_answered(&b, at(37)), 12);
    assert_true(neg_breaker_ask(&b, at(37)));
}

static void silence_is_noticed_by_others(void **state)
{
    neg_breaker b = {0};
    (void)state;
    assert_true(neg_breaker_ask(&b, at(0)));
    assert_true(neg_breaker_ask(&b, at(2)));
    assert_true(neg_breaker_ask(&b, at(3))); /* on another connection, perhaps */
    assert_false(neg_breaker_ask(&b, at(3)));
    assert_false(neg_breaker_ask(&b, at(12)));
    assert_int_equal(b.waiting, 3);
}

/* A thread whose connection is dead does not count against the others. */
static void one_that_waits_for_ever(void **state)
{
    neg_breaker b = {0};
    (void)state;
    assert_true(neg_breaker_ask(&b, at(0)));
    for (int second = 60; second < 600; second += 60) {
        assert_true(neg_breaker_ask(&b, at(second)));
        neg_breaker_answered(&b, at(second));
    }
    assert_int_equal(b.spared_at, 0);
    assert_int_equal(b.waiting, 1);
}

static void few_wait_for_ever(void **state)
{
    neg_breaker b = {0};
    (void)state;
    for (int second = 0; second < 1000; second++)
        neg_breaker_ask(&b, at(second));
    assert_in_range(b.waiting, 1, 4);
}

static void the_clock_is_set_back(void **state)
{
    neg_breaker b = {0};
    (void)state;
    assert_true(neg_breaker_ask(&b, at(3600)));
    neg_breaker_failed(&b, at(3600), at(3620));
    assert_false(neg_breaker_ask(&b, at(3620)));
    assert_true(neg_breaker_ask(&b, at(0)));
    assert_int_equal(neg_breaker_answered(&b, at(0)), 1);
}

static void another_second_is_no_silence(void **state)
{
    neg_breaker b = {0};
    (void)state;
    assert_true(neg_breaker_ask(&b, at(1)));
    assert_true(neg_breaker_ask(&b, at(0)));
    assert_true(neg_breaker_ask(&b, at(1)));
    assert_int_equal(b.spared_at, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(answers_are_asked_for),   TEST(quick_failures_are_no_silence),
        TEST(a_slow_failure_spares),   TEST(silence_is_noticed_by_others),
        TEST(one_that_waits_for_ever), TEST(few_wait_for_ever),
        TEST(the_clock_is_set_back),   TEST(another_second_is_no_silence),
    };
    return RUN(tests);
}

#include "testing.h"

#include "sidset.h"

static neg_bytes sid_of(const char *text)
{
    neg_bytes sid = NOTHING;
    assert_null(neg_sid_parse(pool, text, &sid));
    return sid;
}

static const neg_sid_set *set_of(const char *const *texts)
{
    neg_sids *sids = neg_sids_make(pool, 0);
    for (; *texts; texts++)
        neg_sids_add(sids, sid_of(*texts));
    return neg_sid_set_make(pool, sids);
}

#define SET(...) set_of((const char *const[]){__VA_ARGS__, NULL})

static void an_empty_one_has_nobody(void **state)
{
    const neg_sid_set *set = neg_sid_set_make(pool, neg_sids_make(pool, 9));
    (void)state;
    assert_false(neg_sid_set_has(set, sid_of("S-1-5-21-1-2-3-512")));
    assert_false(neg_sid_set_has_like(set, sid_of("S-1-5-21-1-2-3-512")));
}

static void has_what_is_in_it(void **state)
{
    const neg_sid_set *set = SET("S-1-5-21-1-2-3-512", "S-1-1-0", "S-1-5-21-1-2-3-513",
                                 "S-1-5-21-7-8-9-512", "S-1-18-1");
    (void)state;
    assert_true(neg_sid_set_has(set, sid_of("S-1-5-21-1-2-3-512")));
    assert_true(neg_sid_set_has(set, sid_of("S-1-5-21-7-8-9-512")));
    assert_true(neg_sid_set_has(set, sid_of("S-1-5-21-1-2-3-513")));
    assert_true(neg_sid_set_has(set, sid_of("S-1-1-0")));
    assert_false(neg_sid_set_has(set, sid_of("S-1-5-21-7-8-9-513")));
    assert_false(neg_sid_set_has(set, sid_of("S-1-5-21-1-2-4-512")));
    assert_false(neg_sid_set_has(set, sid_of("S-1-5-21-1-2-3")));
    assert_false(neg_sid_set_has(set, sid_of("S-1-5-21-1-2-3-512-512")));
    assert_false(neg_sid_set_has(set, sid_of("S-1-2-0")));
}

static void likeness_is_of_domains_alone(void **state)
{
    const neg_sid_set *set = SET("S-1-5-21-1-2-3-519", "S-1-5-32-544");
    (void)state;
    assert_true(neg_sid_set_has_like(set, sid_of("S-1-5-21-7-8-9-519")));
    assert_true(neg_sid_set_has_like(set, sid_of("S-1-5-21-1-2-3-519")));
    assert_false(neg_sid_set_has_like(set, sid_of("S-1-5-21-1-2-3-512")));
    assert_false(neg_sid_set_has_like(set, sid_of("S-1-5-22-1-2-3-519")));
    assert_false(neg_sid_set_has_like(set, sid_of("S-1-5-32-544")));
    assert_false(neg_sid_set_has_like(set, sid_of("S-1-5-21-7-8-519")));
}

/* Those that differ in the first numbers alone are in one chain. */
static void a_thousand_of_any_kind(void **state)
{
    neg_sids *sids = neg_sids_make(pool, 0);
    neg_bytes domain = sid_of("S-1-5-21-1-2-3");
    const neg_sid_set *set;
    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        neg_sids_add_rid(sids, domain, 2 * i);
        neg_sids_add(sids, sid_of(apr_psprintf(pool, "S-1-5-21-%u-8-9-500", i)));
    }
    set = neg_sid_set_make(pool, sids);
    for (unsigned i = 0; i < 1000; i++) {
        assert_true(neg_sid_set_has(set, sid_of(apr_psprintf(pool, "S-1-5-21-1-2-3-%u", 2 * i))));
        assert_false(
            neg_sid_set_has(set, sid_of(apr_psprintf(pool, "S-1-5-21-1-2-3-%u", 2 * i + 1))));
        assert_true(neg_sid_set_has(set, sid_of(apr_psprintf(pool, "S-1-5-21-%u-8-9-500", i))));
        assert_false(neg_sid_set_has(set, sid_of(apr_psprintf(pool, "S-1-5-21-%u-8-9-501", i))));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_empty_one_has_nobody),
        TEST(has_what_is_in_it),
        TEST(likeness_is_of_domains_alone),
        TEST(a_thousand_of_any_kind),
    };
    return RUN(tests);
}

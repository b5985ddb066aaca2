#include "testing.h"

#include "sid.h"

static void same(const char *text)
{
    neg_sid sid;

    assert_null(neg_sid_parse(text, &sid));
    assert_string_equal(neg_sid_text(pool, &sid), text);
}

static void reads_and_writes(void **state)
{
    (void)state;
    same("S-1-1-0");
    same("S-1-5-11");
    same("S-1-5-32-544");
    same("S-1-5-21-1004336348-1177238915-682003330-512");
    same("S-1-5-4294967295-0-4294967295");
    same("S-1-4294967295-1");
    same("S-1-0x000100000000-1");
    same("S-1-0xffffffffffff-1");
    same("S-1-5-1-2-3-4-5-6-7-8-9-10-11-12-13-14-15");
    same("S-1-0xffffffffffff-4294967295-4294967295-4294967295-4294967295-4294967295-4294967295-"
         "4294967295-4294967295-4294967295-4294967295-4294967295-4294967295-4294967295-4294967295-"
         "4294967295");
}

static void refuses_everything_else(void **state)
{
    static const char *const texts[] = {
        "",
        "S",
        "S-1",
        "S-1-",
        "S-1-5",
        "S-1-5-",
        "S-1-5--1",
        "s-1-5-11",
        "S-2-5-11",
        "S-1-5-011",
        "S-1-05-11",
        "S-1-5-11 ",
        " S-1-5-11",
        "S-1-5-11x",
        "S-1-5-+11",
        "S-1-5-4294967296",
        "S-1-5-99999999999999999999999999",
        "S-1-4294967296-1",
        "S-1-0x5-11",
        "S-1-0x000000000005-11",
        "S-1-0xfffffffffffff-1",
        "S-1-0x00010000000g-1",
        "S-1-5-1-2-3-4-5-6-7-8-9-10-11-12-13-14-15-16",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        neg_sid sid = {.count = 99};

        assert_sentence(neg_sid_parse(texts[i], &sid));
        assert_int_equal(sid.count, 99);
    }
}

static void knows_the_last_number(void **state)
{
    (void)state;
    assert_true(neg_sid_has_rid("S-1-5-21-1-2-3-512", 512));
    assert_false(neg_sid_has_rid("S-1-5-21-1-2-3-1512", 512));
    assert_false(neg_sid_has_rid("S-1-5-21-1-2-3-512-1", 512));
    assert_false(neg_sid_has_rid("-512", 512));
}

static void knows_names(void **state)
{
    (void)state;
    assert_string_equal(neg_sid_well_known("everyone"), "S-1-1-0");
    assert_string_equal(neg_sid_well_known("Authenticated Users"), "S-1-5-11");
    assert_null(neg_sid_well_known("Administrators"));
    assert_null(neg_sid_well_known("Domain Users"));
    assert_int_equal(neg_sid_domain_group("domain ADMINS"), 512);
    assert_int_equal(neg_sid_domain_group("Domain Users"), 513);
    assert_int_equal(neg_sid_domain_group("Everyone"), 0);
    assert_int_equal(neg_sid_domain_group(""), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reads_and_writes),
        TEST(refuses_everything_else),
        TEST(knows_the_last_number),
        TEST(knows_names),
    };

    return RUN(tests);
}

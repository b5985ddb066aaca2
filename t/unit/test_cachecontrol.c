#include "testing.h"

#include "cachecontrol.h"

static void finds_directives(void **state)
{
    (void)state;
    assert_int_equal(neg_cachecontrol_find("private", "private"), NEG_DIRECTIVE_BARE);
    assert_int_equal(neg_cachecontrol_find("max-age=60,PRIVATE ", "private"), NEG_DIRECTIVE_BARE);
    assert_int_equal(neg_cachecontrol_find("s-maxage=60", "s-maxage"), NEG_DIRECTIVE_QUALIFIED);
    assert_int_equal(neg_cachecontrol_find("private=\"a\"", "private"), NEG_DIRECTIVE_QUALIFIED);
    assert_int_equal(neg_cachecontrol_find("private=\"a\", private", "private"),
                     NEG_DIRECTIVE_BARE);
    assert_int_equal(neg_cachecontrol_find("private=a", "private"), NEG_DIRECTIVE_QUALIFIED);
}

static void finds_no_others(void **state)
{
    static const char *const values[] = {
        "",         ", ,",       "privately",      "x-private",          "no-cache=\"private\"",
        "private2", "x=private", "x=\"a, private", "x=\"\\\", private\""};
    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
        assert_int_equal(neg_cachecontrol_find(values[i], "private"), NEG_DIRECTIVE_NONE);
}

static void is_left(const char *value, const char *rest)
{
    static const char *const names[] = {"public", "s-maxage", NULL};

    assert_string_equal(neg_cachecontrol_without(pool, value, names), rest);
}

static void takes_directives_out(void **state)
{
    (void)state;
    is_left("", "");
    is_left("public", "");
    is_left("max-age=60", "max-age=60");
    is_left("public, max-age=60", "max-age=60");
    is_left("max-age=60 ,PUBLIC,, no-transform\t", "max-age=60, no-transform");
    is_left("S-MaxAge=5, s-maxage=\"7\", s-maxage", "");
    is_left("a=\"public, s-maxage=1\", public=x", "a=\"public, s-maxage=1\"");
    is_left("publicly, s-maxage2=1", "publicly, s-maxage2=1");
    is_left("a,b", "a, b");
}

static void takes_all_where_quotes_are_open(void **state)
{
    (void)state;
    is_left("max-age=\"60, public", "");
    is_left("a, b=\"\\\"", "");
    is_left("a=\"b\\", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(finds_directives),
        TEST(finds_no_others),
        TEST(takes_directives_out),
        TEST(takes_all_where_quotes_are_open),
    };

    return RUN(tests);
}

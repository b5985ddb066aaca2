#include "testing.h"

#include "cookie.h"

static const char *const n[] = {"n", NULL};
static const char *const none[] = {NULL};

static const char *nth(const char *header, const char *name, int index)
{
    const char *value = NULL;
    for (int i = 0; i <= index; i++)
        if (!(value = neg_cookie_next(pool, &header, name)))
            return NULL;
    return value;
}

static void finds(const char *header, const char *value)
{
    assert_string_equal(nth(header, "n", 0), value);
}

static void finds_cookies(void **state)
{
    (void)state;
    finds("n=1", "1");
    finds("a=2; n=1", "1");
    finds("n=1; a=2", "1");
    finds("a=2;n=1;b=3", "1");
    finds(" \tn = 1 ;", "1");
    finds("n=1, a=2; n=3", "1, a=2"); /* a comma is part of a value */
    finds("n=a==; n=2", "a==");
    finds("n=", "");
    finds("n", "");
    finds("a=\"x; n=1", "1");
    assert_string_equal(nth("n=1; n=2; n=3", "n", 2), "3");
}

static void names_compare_exactly(void **state)
{
    (void)state;
    assert_null(nth("", "n", 0));
    assert_null(nth("N=1", "n", 0));
    assert_null(nth("nn=1; xn=1; n2=1; =n", "n", 0));
    assert_null(nth("a=n=1", "n", 0));
    assert_null(nth("a=2,n=1", "n", 0)); /* nor does one begin another */
    assert_null(nth("a=2, n=1", "n", 0));
    assert_null(nth("n=1", "n", 1));
    assert_null(nth(";;, ;", "n", 0));
}

static void strips(const char *header, const char *rest)
{
    const char *got = neg_cookie_strip(pool, header, n);

    if (rest) {
        assert_string_equal(got, rest);
    } else {
        assert_null(got);
    }
}

static void takes_ours_out(void **state)
{
    (void)state;
    strips("n=1", NULL);
    strips("n=1; a=2", "a=2");
    strips("a=2; n=1", "a=2");
    strips("a=2; n=1; b=3", "a=2; b=3");
    strips("a=2;  b=3 ;n=1;n=2", "a=2;  b=3");
    strips("negotiate_0123abcd=x; a=1", "a=1");
    strips("a=1; __Host-negotiate_0123abcd=x", "a=1");
    strips("n=1; negotiate_01234567=x;", NULL);
    strips("b=1,c; n=1", "b=1,c");
    /* whole, so that what was part of a value does not become a cookie */
    strips("negotiate_01234567=x,__Host-a=2; b=1", "b=1");
    strips("a=1,n=2; __Host-b=3; c=4", "__Host-b=3; c=4");
    strips("a=1 , __Host-negotiate_01234567 = x,c", NULL);
    strips("a=1,n", NULL);
}

static void leaves_the_others(void **state)
{
    static const char *const headers[] = {
        "a=1",
        "",
        " a = 1 ;; b",
        "negotiate_0123456=x",
        "negotiate_012345678=x",
        "negotiate_0123456g=x",
        "xnegotiate_01234567=x",
        "__Host-__Host-negotiate_01234567=x",
        "a=negotiate_01234567",
        "a=1,b=n=2,,nn=3,",
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        assert_ptr_equal(neg_cookie_strip(pool, headers[i], n), headers[i]);
        assert_ptr_equal(neg_cookie_strip(pool, headers[i], none), headers[i]);
    }
}

static void knows_names(void **state)
{
    (void)state;
    assert_true(neg_cookie_is_name("__Host-a_1"));
    assert_false(neg_cookie_is_name(""));
    assert_false(neg_cookie_is_name("a b"));
    assert_false(neg_cookie_is_name("a=b"));
    assert_false(neg_cookie_is_name("a;b"));
    assert_false(neg_cookie_is_name("\xc3\xa4"));
}

static void does_not_read_past_the_end(void **state)
{
    static const char header[] = " a=\"1\"; n=2 ,; negotiate_01234567=x; __Host-n";
    size_t len;

    (void)state;
    for (len = 0; len <= strlen(header); len++) {
        char *prefix = malloc(len + 1);

        memcpy(prefix, header, len);
        prefix[len] = '\0';
        (void)nth(prefix, "n", 0);
        (void)neg_cookie_strip(pool, prefix, n);
        free(prefix);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(finds_cookies),     TEST(names_compare_exactly), TEST(takes_ours_out),
        TEST(leaves_the_others), TEST(knows_names),           TEST(does_not_read_past_the_end),
    };

    return RUN(tests);
}

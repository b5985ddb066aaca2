#include "testing.h"

#include <apr_base64.h>
#include <apr_strings.h>

#include "userpass.h"

static const char *encode(const char *text, int len)
{
    char *token68 = apr_palloc(pool, apr_base64_encode_len(len));

    apr_base64_encode(token68, text, len);
    return token68;
}

static void gives(const char *text, const char *user, const char *password)
{
    neg_userpass u;

    assert_null(neg_userpass_parse(pool, encode(text, (int)strlen(text)), &u));
    assert_string_equal(u.user, user);
    assert_string_equal(u.password, password);
}

static void refuses(const char *token68)
{
    neg_userpass u = {0};

    assert_non_null(neg_userpass_parse(pool, token68, &u));
    assert_null(u.text);
}

static void splits_at_the_first_colon(void **state)
{
    (void)state;
    gives("alice:secret", "alice", "secret");
    gives("alice:se:cr:et", "alice", "se:cr:et");
    gives("alice:", "alice", "");
    gives(":secret", "", "secret");
    gives("al\303\257ce:p\303\244ss\342\202\254", "al\303\257ce", "p\303\244ss\342\202\254");
    gives(" alice : secret ", " alice ", " secret ");
}

static void refuses_what_is_neither(void **state)
{
    (void)state;
    refuses("");
    refuses("=");
    refuses("YWxpY2U6c2VjcmV0*");
    refuses("YWxpY2U6c2VjcmV0 ");
    refuses(encode("alice", 5));
    refuses(encode("alice:sec\0ret", 13)); /* C programs would check "sec" alone */
    refuses(encode("al\0ice:secret", 13));
}

static const char *long_one(int len)
{
    char *text = apr_palloc(pool, (apr_size_t)len);

    memset(text, 'x', (size_t)len);
    text[1] = ':';
    return encode(text, len);
}

static void takes_long_passwords_within_reason(void **state)
{
    neg_userpass u;

    (void)state;
    assert_null(neg_userpass_parse(pool, long_one(32 * 1024), &u));
    assert_int_equal(strlen(u.password), 32 * 1024 - 2);
    refuses(long_one(64 * 1024));
}

static void leaves_nothing_behind(void **state)
{
    neg_userpass u;

    (void)state;
    assert_null(neg_userpass_parse(pool, encode("alice:secret", 12), &u));
    neg_userpass_wipe(&u);
    for (apr_size_t i = 0; i < u.len; i++)
        assert_int_equal(u.text[i], 0);
}

static void knows_what_is_no_name(void **state)
{
    (void)state;
    assert_null(neg_userpass_check_user("alice"));
    assert_null(neg_userpass_check_user("al\303\257ce"));
    assert_null(neg_userpass_check_user("alice@EXAMPLE.TEST"));
    assert_non_null(neg_userpass_check_user(""));
    assert_non_null(neg_userpass_check_user("alice\n"));
    assert_non_null(neg_userpass_check_user("alice\x7f"));
    assert_non_null(neg_userpass_check_user("HTTP/www.example.test"));
    assert_non_null(neg_userpass_check_user("EXAMPLE\\alice"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(splits_at_the_first_colon),
        TEST(refuses_what_is_neither),
        TEST(takes_long_passwords_within_reason),
        TEST(leaves_nothing_behind),
        TEST(knows_what_is_no_name),
    };

    return RUN(tests);
}

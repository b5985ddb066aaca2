#include "testing.h"

#include "principal.h"

static void splits(const char *principal, const char *name, const char *realm)
{
    const char *got_name = NULL;
    const char *got_realm = NULL;

    assert_null(neg_principal_split(pool, principal, &got_name, &got_realm));
    assert_string_equal(got_name, name);
    assert_string_equal(got_realm, realm);
}

static void refuses(const char *principal, const char *part)
{
    const char *name = "untouched name";
    const char *realm = "untouched realm";

    assert_says(neg_principal_split(pool, principal, &name, &realm), part);
    assert_string_equal(name, "untouched name");
    assert_string_equal(realm, "untouched realm");
}

static void splits_plain_names(void **state)
{
    (void)state;
    splits("alice@EXAMPLE.TEST", "alice", "EXAMPLE.TEST");
    splits("HTTP/host.example.test@R", "HTTP/host.example.test", "R");
    splits("a@b", "a", "b");
    splits(" @ ", " ", " ");
    splits("j\xc3\xb6rg@EXAMPLE.TEST", "j\xc3\xb6rg", "EXAMPLE.TEST");
}

static void keeps_escapes(void **state)
{
    (void)state;
    splits("alice\\@ad.example.test@AD.EXAMPLE.TEST", "alice\\@ad.example.test", "AD.EXAMPLE.TEST");
    splits("a\\/b@R", "a\\/b", "R");
    splits("\\@@R", "\\@", "R");
    splits("alice@R\\@S", "alice", "R\\@S");
    splits("alice@R\\\\", "alice", "R\\\\");
}

static void an_escaped_backslash_escapes_nothing(void **state)
{
    (void)state;
    splits("a\\\\@R", "a\\\\", "R");
    splits("a\\\\\\@b@R", "a\\\\\\@b", "R");
    refuses("a\\\\@R@S", "more than one '@'");
}

static void refuses_what_has_no_realm(void **state)
{
    (void)state;
    refuses("alice", "no realm");
    refuses("alice@", "no realm");
    refuses("alice\\@EXAMPLE.TEST", "no realm");
    refuses("alice@@", "no realm");
    refuses("alice@@EXAMPLE.TEST", "no realm");
}

static void refuses_what_has_no_name(void **state)
{
    (void)state;
    refuses("", "no name");
    refuses("@", "no name");
    refuses("@EXAMPLE.TEST", "no name");
    refuses("@a@b", "no name");
}

static void refuses_two_separators(void **state)
{
    (void)state;
    refuses("a@b@c", "more than one '@'");
    refuses("alice@EXAMPLE.TEST@", "more than one '@'");
    refuses("a\\@b@c@d", "more than one '@'");
}

static void refuses_a_backslash_at_the_end(void **state)
{
    (void)state;
    refuses("\\", "ends in a backslash");
    refuses("alice\\", "ends in a backslash");
    refuses("alice@R\\", "ends in a backslash");
    refuses("alice@R\\\\\\", "ends in a backslash");
    refuses("@\\", "ends in a backslash");
}

/* krb5_aname_to_localname() would make a local name of what is before the NUL. */
static void refuses_control_characters(void **state)
{
    (void)state;
    refuses("alice\\0x@R", "control character");
    refuses("alice@R\\0", "control character");
    refuses("a\\n@R", "control character");
    refuses("a\\t@R", "control character");
    refuses("a\\b@R", "control character");
    refuses("a\\\\\\n@R", "control character");
    refuses("a\n@R", "control character");
    refuses("a\r@R", "control character");
    refuses("a@R\x7f", "control character");
    splits("a\\\\n@R", "a\\\\n", "R");
}

static void does_not_read_past_the_end(void **state)
{
    static const char *const principals[] = {"alice\\@ad@AD.EXAMPLE.TEST", "a\\\\@R\\@S",
                                             "\\\\\\@@R"};
    size_t i, len;

    (void)state;
    for (i = 0; i < sizeof(principals) / sizeof(principals[0]); i++) {
        for (len = 0; len <= strlen(principals[i]); len++) {
            char *prefix = malloc(len + 1);
            const char *name, *realm;

            memcpy(prefix, principals[i], len);
            prefix[len] = '\0';
            if (neg_principal_split(pool, prefix, &name, &realm) == NULL) {
                assert_string_equal(apr_pstrcat(pool, name, "@", realm, NULL), prefix);
            }
            free(prefix);
        }
    }
}

static void anonymous_is_known(void **state)
{
    (void)state;
    assert_true(neg_principal_is_anonymous("WELLKNOWN/ANONYMOUS", "WELLKNOWN:ANONYMOUS"));
    assert_true(neg_principal_is_anonymous("WELLKNOWN/ANONYMOUS", "EXAMPLE.TEST"));
    assert_true(neg_principal_is_anonymous("alice", "WELLKNOWN:ANONYMOUS"));
}

static void near_misses_are_not_anonymous(void **state)
{
    (void)state;
    assert_false(neg_principal_is_anonymous("alice", "EXAMPLE.TEST"));
    assert_false(neg_principal_is_anonymous("", ""));
    assert_false(neg_principal_is_anonymous("WELLKNOWN/ANONYMOUS2", "EXAMPLE.TEST"));
    assert_false(neg_principal_is_anonymous("WELLKNOWN/ANONYMOU", "EXAMPLE.TEST"));
    assert_false(neg_principal_is_anonymous("xWELLKNOWN/ANONYMOUS", "EXAMPLE.TEST"));
    assert_false(neg_principal_is_anonymous("wellknown/anonymous", "EXAMPLE.TEST"));
    assert_false(neg_principal_is_anonymous("WELLKNOWN\\/ANONYMOUS", "EXAMPLE.TEST"));
    assert_false(neg_principal_is_anonymous("WELLKNOWN:ANONYMOUS", "EXAMPLE.TEST"));
    assert_false(neg_principal_is_anonymous("alice", "WELLKNOWN/ANONYMOUS"));
    assert_false(neg_principal_is_anonymous("alice", "WELLKNOWN:ANONYMOUS.EXAMPLE.TEST"));
    assert_false(neg_principal_is_anonymous("alice", "wellknown:anonymous"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(splits_plain_names),
        TEST(keeps_escapes),
        TEST(an_escaped_backslash_escapes_nothing),
        TEST(refuses_what_has_no_realm),
        TEST(refuses_what_has_no_name),
        TEST(refuses_two_separators),
        TEST(refuses_a_backslash_at_the_end),
        TEST(refuses_control_characters),
        TEST(does_not_read_past_the_end),
        TEST(anonymous_is_known),
        TEST(near_misses_are_not_anonymous),
    };

    return RUN(tests);
}

#include "testing.h"

#include <apr_base64.h>
#include <apr_lib.h>

#include "credentials.h"

/* ---- the credentials line ------------------------------------------------------------------ */

static void parses(const char *line, const char *scheme, const char *token68)
{
    neg_credentials credentials = {NULL, NULL};

    assert_null(neg_credentials_parse(pool, line, &credentials));
    assert_string_equal(credentials.scheme, scheme);
    assert_string_equal(credentials.token68, token68);
}

static void refuses_line(const char *line, const char *part)
{
    neg_credentials credentials = {"untouched", "too"};

    assert_says(neg_credentials_parse(pool, line, &credentials), part);
    assert_string_equal(credentials.scheme, "untouched");
    assert_string_equal(credentials.token68, "too");
}

static void takes_credentials_apart(void **state)
{
    (void)state;
    parses("Negotiate YIIB", "Negotiate", "YIIB");
    parses("nEGOTIATE YIIBAA==", "nEGOTIATE", "YIIBAA==");
    parses("Basic YTpi", "Basic", "YTpi");
    parses("Bearer a-._~+/Z09=", "Bearer", "a-._~+/Z09=");
    parses("Negotiate    YIIB", "Negotiate", "YIIB");
    parses("x!#$%&'*+-.^_`|~ YIIB", "x!#$%&'*+-.^_`|~", "YIIB");
}

static void a_scheme_may_stand_alone(void **state)
{
    (void)state;
    parses("Negotiate", "Negotiate", "");
    parses("Negotiate ", "Negotiate", "");
}

static void whitespace_around_a_field_is_no_part_of_it(void **state)
{
    (void)state;
    parses(" \tNegotiate YIIB\t ", "Negotiate", "YIIB");
    parses("Negotiate \t", "Negotiate", "");
}

static void a_comma_tells_of_a_second_line(void **state)
{
    (void)state;
    refuses_line("Negotiate YIIB, Basic YTpi", "more than one Authorization line");
    refuses_line("Negotiate YIIB, Negotiate YIIB", "more than one Authorization line");
    refuses_line("Negotiate YIIB,", "more than one Authorization line");
    refuses_line(",Negotiate YIIB", "more than one Authorization line");
    refuses_line(",", "more than one Authorization line");
    refuses_line("Digest username=\"a\", realm=\"b\"", "scheme with parameters");
}

static void refuses_lines_of_another_form(void **state)
{
    (void)state;
    refuses_line("", "do not start with");
    refuses_line("   ", "do not start with");
    refuses_line("=YIIB", "do not start with");
    refuses_line("\"Negotiate\" YIIB", "do not start with");
    refuses_line("Negotiate/YIIB", "not followed by a space");
    refuses_line("Negotiate=YIIB", "more than");
    refuses_line("Negotiate\tYIIB", "more than");
    refuses_line("Negotiate \tYIIB", "more than");
    refuses_line("Negotiate YI IB", "more than");
    refuses_line("Negotiate YI=IB", "more than");
    refuses_line("Negotiate =", "more than");
    refuses_line("Negotiate YIIB\r\nX: y", "more than");
    refuses_line("Negotiate YIIB\x01", "more than");
    refuses_line("Negotiate YI\xc3\xa4", "more than");
    refuses_line("Neg\xc3\xb6tiate YIIB", "more than");
    refuses_line("Negotiate realm=\"b\"", "more than");
}

static void writes_what_it_reads(void **state)
{
    const char *line = neg_credentials_text(pool, "Negotiate", BYTES("foob"));
    neg_credentials credentials;

    (void)state;
    assert_string_equal(line, "Negotiate Zm9vYg==");
    assert_null(neg_credentials_parse(pool, line, &credentials));
    assert_string_equal(credentials.token68, "Zm9vYg==");
    assert_string_equal(neg_credentials_text(pool, "X", BYTES("")), "X ");
}

/* ---- base64 -------------------------------------------------------------------------------- */

static void decodes(const char *text, neg_bytes wanted)
{
    char *copy = strdup(text);
    neg_bytes got = BYTES("untouched");

    assert_null(neg_token_decode(pool, copy, &got));
    assert_same_bytes(got, wanted);
    free(copy);
}

static void refuses_base64(const char *text, const char *part)
{
    char *copy = strdup(text);
    neg_bytes got = BYTES("untouched");

    assert_says(neg_token_decode(pool, copy, &got), part);
    assert_same_bytes(got, BYTES("untouched"));
    free(copy);
}

static void decodes_base64(void **state)
{
    (void)state;
    decodes("", NOTHING); /* RFC 4648 section 10 */
    decodes("Zg==", BYTES("f"));
    decodes("Zm8=", BYTES("fo"));
    decodes("Zm9v", BYTES("foo"));
    decodes("Zm9vYg==", BYTES("foob"));
    decodes("Zm9vYmE=", BYTES("fooba"));
    decodes("Zm9vYmFy", BYTES("foobar"));
    decodes("+/+/", BYTES("\xfb\xff\xbf"));
    decodes("AAAA", BYTES("\0\0\0"));
    decodes("oQcwBaADCgEC", BYTES("\xa1\x07\x30\x05\xa0\x03\x0a\x01\x02"));
}

/** Every pair of bytes, in every place of a group, against APR's encoder. */
static void decodes_what_apr_encodes(void **state)
{
    int value, len;

    (void)state;
    for (value = 0; value < 65536; value++) {
        unsigned char bytes[7] = {(unsigned char)value,
                                  (unsigned char)(value >> 8),
                                  0xa5,
                                  0,
                                  (unsigned char)value,
                                  0x5a,
                                  (unsigned char)(value >> 8)};

        for (len = 1; len <= 7; len += 1 + (value & 1)) {
            char text[16];
            neg_bytes out;

            apr_base64_encode_binary(text, bytes, len);
            assert_null(neg_token_decode(pool, text, &out));
            assert_int_equal(out.len, len);
            assert_memory_equal(out.data, bytes, (size_t)len);
        }
        if (value % 1024 == 0) {
            apr_pool_clear(pool);
        }
    }
}

static void refuses_every_byte_that_is_no_digit(void **state)
{
    int c, place;

    (void)state;
    for (c = 1; c < 256; c++) {
        for (place = 0; place < 8; place++) {
            char text[] = "AAAAAAAA";
            neg_bytes out;

            text[place] = (char)c;
            if (c == '=' && place == 7) {
                continue; /* good padding */
            }
            assert_int_equal(neg_token_decode(pool, text, &out) == NULL,
                             c < 128 && (apr_isalnum(c) || c == '+' || c == '/'));
        }
    }
}

static void refuses_characters_outside_the_alphabet(void **state)
{
    (void)state;
    refuses_base64("Zm9v Zm9v", "base64 does not have");
    refuses_base64(" Zm9v", "base64 does not have");
    refuses_base64("Zm9v\n", "base64 does not have");
    refuses_base64("Zm9v\r\nZm9v", "base64 does not have");
    refuses_base64("Zm9\tv", "base64 does not have");
    refuses_base64("Zm9\x80", "base64 does not have");
    refuses_base64("Zm9.", "base64 does not have");
    refuses_base64("Zm9~", "base64 does not have");
}

static void refuses_base64url(void **state)
{
    (void)state;
    refuses_base64("-_-_", "base64url");
    refuses_base64("Zm9_", "base64url");
    refuses_base64("-m9v", "base64url");
}

static void refuses_wrong_padding(void **state)
{
    (void)state;
    refuses_base64("Z", "middle of a group");
    refuses_base64("Zg", "middle of a group");
    refuses_base64("Zm8", "middle of a group");
    refuses_base64("Zg=", "middle of a group");
    refuses_base64("Zm9v=", "middle of a group");
    refuses_base64("Zm9vZg==Zm9v", "goes on after its padding");
    refuses_base64("Zg==\n", "goes on after its padding");
    refuses_base64("Zg=-", "goes on after its padding");
    refuses_base64("Z===", "more than two");
    refuses_base64("====", "more than two");
    refuses_base64("=", "middle of a group");
    refuses_base64("==", "middle of a group");
    refuses_base64("Zm9v====", "more than two");
}

/** Of the 64 last digits only those whose padding bits are zero may pass. */
static void refuses_bits_in_the_padding(void **state)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    int i;

    (void)state;
    for (i = 0; i < 64; i++) {
        char two[] = {'Z', digits[i], '=', '=', '\0'};
        char one[] = {'Z', 'm', digits[i], '=', '\0'};
        neg_bytes out;

        if (i % 16 == 0) {
            assert_null(neg_token_decode(pool, two, &out));
        } else {
            refuses_base64(two, "wants zeros");
        }
        if (i % 4 == 0) {
            assert_null(neg_token_decode(pool, one, &out));
        } else {
            refuses_base64(one, "wants zeros");
        }
    }
}

static void refuses_more_than_the_maximum(void **state)
{
    size_t longest = (size_t)NEG_TOKEN_MAX / 3 * 4;
    char *text = apr_pcalloc(pool, longest + 5);
    neg_bytes out;

    (void)state;
    memset(text, 'A', longest);
    assert_null(neg_token_decode(pool, text, &out));
    assert_int_equal(out.len, NEG_TOKEN_MAX);
    memcpy(text + longest, "AA==", 4);
    refuses_base64(text, "longer than");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(takes_credentials_apart),
        TEST(a_scheme_may_stand_alone),
        TEST(whitespace_around_a_field_is_no_part_of_it),
        TEST(a_comma_tells_of_a_second_line),
        TEST(refuses_lines_of_another_form),
        TEST(writes_what_it_reads),
        TEST(decodes_base64),
        TEST(decodes_what_apr_encodes),
        TEST(refuses_every_byte_that_is_no_digit),
        TEST(refuses_characters_outside_the_alphabet),
        TEST(refuses_base64url),
        TEST(refuses_wrong_padding),
        TEST(refuses_bits_in_the_padding),
        TEST(refuses_more_than_the_maximum),
    };

    return RUN(tests);
}

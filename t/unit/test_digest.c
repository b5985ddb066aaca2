#include "testing.h"

#include "digest.h"

static void same(neg_digester *digester, const char *text, const char *first, const char *last)
{
    neg_bytes bytes = {(const unsigned char *)text, strlen(text)};
    unsigned char hash[NEG_DIGEST_LEN];

    assert_true(neg_digest(digester, bytes, hash));
    assert_memory_equal(hash, first, 4);
    assert_memory_equal(hash + NEG_DIGEST_LEN - 4, last, 4);
}

/* The vectors of FIPS 180-4, one after another with the same context. */
static void is_sha256(void **state)
{
    neg_digester *digester = neg_digester_create(pool);

    (void)state;
    assert_non_null(digester);
    for (int i = 0; i < 2; i++) {
        same(digester, "abc", "\xba\x78\x16\xbf", "\xf2\x00\x15\xad");
        same(digester, "", "\xe3\xb0\xc4\x42", "\x78\x52\xb8\x55");
        same(digester, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
             "\x24\x8d\x6a\x61", "\x19\xdb\x06\xc1");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(is_sha256),
    };

    return RUN(tests);
}

#include "testing.h"

#include "pacframe.h"
#include "pacproof.h"

#define AUTHTIME 1700000000

static krb5_context krb5;

static void ok(krb5_error_code code)
{
    if (code)
        fail_msg("%s", krb5_get_error_message(krb5, code));
}

static krb5_keyblock make_key(krb5_enctype enctype)
{
    krb5_keyblock key;

    ok(krb5_c_make_random_key(krb5, enctype, &key));
    return key;
}

/* ---- A PAC of alice's, as the library signs it ---- */

static neg_bytes sign(const char *client, const krb5_keyblock *key)
{
    krb5_data part = {0, 16, (char *)"logon info, sort"}, bytes;
    krb5_principal principal;
    krb5_pac pac;
    neg_bytes copy;

    ok(krb5_parse_name(krb5, client, &principal));
    ok(krb5_pac_init(krb5, &pac));
    ok(krb5_pac_add_buffer(krb5, pac, KRB5_PAC_LOGON_INFO, &part));
    ok(krb5_pac_sign(krb5, pac, AUTHTIME, principal, key, key, &bytes));
    copy.data = apr_pmemdup(pool, bytes.data, bytes.length);
    copy.len = bytes.length;
    krb5_free_data_contents(krb5, &bytes);
    krb5_pac_free(krb5, pac);
    krb5_free_principal(krb5, principal);
    return copy;
}

static const char *verify(neg_bytes pac, const krb5_keyblock *key, int authtime,
                          const char *principal)
{
    return neg_pac_verify(pool, krb5, key, pac, apr_time_from_sec(authtime), principal);
}

#define ALICE "alice@EXAMPLE.TEST"

static const krb5_enctype enctypes[] = {
    ENCTYPE_ARCFOUR_HMAC,
    ENCTYPE_AES128_CTS_HMAC_SHA1_96,
    ENCTYPE_AES256_CTS_HMAC_SHA1_96,
    ENCTYPE_AES128_CTS_HMAC_SHA256_128,
    ENCTYPE_AES256_CTS_HMAC_SHA384_192,
    ENCTYPE_CAMELLIA128_CTS_CMAC,
    ENCTYPE_CAMELLIA256_CTS_CMAC,
};

static void each_kind_of_key_signs(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(enctypes) / sizeof(*enctypes); i++) {
        krb5_keyblock key = make_key(enctypes[i]), other = make_key(enctypes[i]);
        neg_bytes pac = sign(ALICE, &key);
        const char *why = verify(pac, &key, AUTHTIME, ALICE);

        if (why)
            fail_msg("enctype %d: %s", (int)enctypes[i], why);
        assert_says(verify(pac, &other, AUTHTIME, ALICE), "does not fit");
        krb5_free_keyblock_contents(krb5, &key);
        krb5_free_keyblock_contents(krb5, &other);
    }
}

/* Of the two signatures only what says how long they are is covered by the server's. */
static void every_changed_bit_is_noticed(void **state)
{
    krb5_keyblock key = make_key(ENCTYPE_AES256_CTS_HMAC_SHA1_96);
    neg_bytes pac = sign(ALICE, &key);
    unsigned char *bytes = (unsigned char *)pac.data;
    neg_pac_frame frame;

    (void)state;
    assert_null(neg_pac_frame_read(pac, &frame));
    for (size_t at = 0; at < pac.len; at++) {
        if (pac.data + at >= frame.kdc.signature.data &&
            pac.data + at < frame.kdc.signature.data + frame.kdc.signature.len)
            continue;
        bytes[at] ^= 1;
        if (!verify(pac, &key, AUTHTIME, ALICE))
            fail_msg("byte %zu is changed, and nobody notices", at);
        bytes[at] ^= 1;
    }
    assert_null(verify(pac, &key, AUTHTIME, ALICE));
    krb5_free_keyblock_contents(krb5, &key);
}

static void set_type(neg_bytes pac, const neg_pac_frame *frame, krb5_cksumtype type)
{
    unsigned char *at = (unsigned char *)pac.data + (frame->server.signature.data - pac.data) - 4;

    for (int i = 0; i < 4; i++)
        at[i] = (unsigned char)((apr_uint32_t)type >> (8 * i));
}

/* Puts the server's checksum, of whatever type, where it belongs. */
static void sign_again(neg_bytes pac, krb5_cksumtype type, const krb5_keyblock *key)
{
    krb5_data data = {0, (unsigned)pac.len, (char *)pac.data};
    krb5_checksum checksum;
    neg_pac_frame frame;
    unsigned char *signature;

    assert_null(neg_pac_frame_read(pac, &frame));
    signature = (unsigned char *)pac.data + (frame.server.signature.data - pac.data);
    memset(signature, 0, frame.server.signature.len);
    memset((unsigned char *)pac.data + (frame.kdc.signature.data - pac.data), 0,
           frame.kdc.signature.len);
    if (krb5_c_make_checksum(krb5, type, key, 17, &data, &checksum) == 0) {
        memcpy(signature, checksum.contents,
               checksum.length < frame.server.signature.len ? checksum.length
                                                            : frame.server.signature.len);
        krb5_free_checksum_contents(krb5, &checksum);
    }
}

/* With a checksum of another type, that would be right for it. */
static const char *verify_type(krb5_enctype enctype, krb5_cksumtype type)
{
    krb5_keyblock key = make_key(enctype);
    neg_bytes pac = sign(ALICE, &key);
    neg_pac_frame frame;
    const char *why;

    assert_null(neg_pac_frame_read(pac, &frame));
    set_type(pac, &frame, type);
    sign_again(pac, type, &key);
    why = verify(pac, &key, AUTHTIME, ALICE);
    krb5_free_keyblock_contents(krb5, &key);
    return why;
}

static void the_type_is_that_of_the_key(void **state)
{
    static const krb5_cksumtype types[] = {
        0,
        CKSUMTYPE_CRC32,
        CKSUMTYPE_RSA_MD5,
        CKSUMTYPE_NIST_SHA,
        CKSUMTYPE_HMAC_SHA1_96_AES128,
        CKSUMTYPE_MD5_HMAC_ARCFOUR,
        CKSUMTYPE_HMAC_MD5_ARCFOUR,
        0x7fffffff,
    };

    (void)state;
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
        assert_says(verify_type(ENCTYPE_AES256_CTS_HMAC_SHA1_96, types[i]), "of a type");
    assert_null(verify_type(ENCTYPE_AES256_CTS_HMAC_SHA1_96, CKSUMTYPE_HMAC_SHA1_96_AES256));
    assert_null(verify_type(ENCTYPE_ARCFOUR_HMAC, CKSUMTYPE_HMAC_MD5_ARCFOUR));
    assert_says(verify_type(ENCTYPE_ARCFOUR_HMAC, CKSUMTYPE_RSA_MD5), "of a type");
    assert_says(verify_type(ENCTYPE_ARCFOUR_HMAC, CKSUMTYPE_MD5_HMAC_ARCFOUR), "of a type");
}

/* Two octets behind the checksum, a place of its own for both (MS-PAC sections 2.4, 2.8). */
static neg_bytes with_number(neg_bytes pac, apr_size_t octets)
{
    enum {
        HEADER = 8,
        ENTRY = 16,
        SERVER = 6,
        TYPE_AND_CHECKSUM = 16,
        ROOM = 32
    };
    unsigned char *longer = apr_pcalloc(pool, pac.len + ROOM);
    unsigned char *entry = longer + HEADER;
    neg_pac_frame frame;

    assert_null(neg_pac_frame_read(pac, &frame));
    memcpy(longer, pac.data, pac.len);
    memcpy(longer + pac.len, frame.server.signature.data - 4, TYPE_AND_CHECKSUM);
    memset(longer + pac.len + TYPE_AND_CHECKSUM, 0x5a, octets);
    while (*entry != SERVER)
        entry += ENTRY;
    entry[4] = (unsigned char)(TYPE_AND_CHECKSUM + octets);
    entry[8] = (unsigned char)pac.len;
    entry[9] = (unsigned char)(pac.len >> 8);
    return (neg_bytes){longer, pac.len + ROOM};
}

static void an_rodc_has_a_number_behind_it(void **state)
{
    krb5_keyblock key = make_key(ENCTYPE_AES256_CTS_HMAC_SHA1_96);
    neg_bytes pac = with_number(sign(ALICE, &key), 2);
    neg_bytes longer = with_number(sign(ALICE, &key), 4);

    (void)state;
    assert_says(verify(pac, &key, AUTHTIME, ALICE), "does not fit");
    sign_again(pac, CKSUMTYPE_HMAC_SHA1_96_AES256, &key);
    assert_null(verify(pac, &key, AUTHTIME, ALICE));
    sign_again(longer, CKSUMTYPE_HMAC_SHA1_96_AES256, &key);
    assert_says(verify(longer, &key, AUTHTIME, ALICE), "not as long");
    krb5_free_keyblock_contents(krb5, &key);
}

static void it_is_for_one_ticket_of_one_client(void **state)
{
    krb5_keyblock key = make_key(ENCTYPE_AES128_CTS_HMAC_SHA1_96);
    neg_bytes pac = sign(ALICE, &key);

    (void)state;
    assert_null(verify(pac, &key, AUTHTIME, "alice@OTHER.TEST"));
    assert_says(verify(pac, &key, AUTHTIME + 1, ALICE), "another ticket");
    assert_says(verify(pac, &key, 0, ALICE), "another ticket");
    assert_says(verify(pac, &key, AUTHTIME, "bob@EXAMPLE.TEST"), "another client");
    assert_says(verify(pac, &key, AUTHTIME, "alice/admin@EXAMPLE.TEST"), "another client");
    assert_says(verify(pac, &key, AUTHTIME, "Alice@EXAMPLE.TEST"), "another client");
    assert_says(verify(pac, &key, AUTHTIME, "alicex@EXAMPLE.TEST"), "another client");
    pac = sign("host/a.example.test@EXAMPLE.TEST", &key);
    assert_null(verify(pac, &key, AUTHTIME, "host/a.example.test@EXAMPLE.TEST"));
    pac = sign("a\\@b@EXAMPLE.TEST", &key);
    assert_null(verify(pac, &key, AUTHTIME, "a\\@b@EXAMPLE.TEST"));
    krb5_free_keyblock_contents(krb5, &key);
}

static void what_is_no_pac_is_none(void **state)
{
    krb5_keyblock key = make_key(ENCTYPE_AES128_CTS_HMAC_SHA1_96);
    neg_bytes pac = sign(ALICE, &key);

    (void)state;
    for (size_t len = 0; len < pac.len; len++)
        assert_non_null(verify((neg_bytes){pac.data, len}, &key, AUTHTIME, ALICE));
    krb5_free_keyblock_contents(krb5, &key);
}

/* ---- The trial at start ---- */

/* Some versions answer otherwise: which, their distribution tells. */
static void the_library_is_tried(void **state)
{
    const char *believes = neg_pac_library_believes(pool, krb5);

    (void)state;
    if (believes)
        print_message("# this krb5 %s\n", believes);
    assert_true(!believes || strncmp(believes, "takes a PAC for good", 20) == 0);
}

static int begin(void **state)
{
    (void)state;
    return krb5_init_context(&krb5);
}

static int end(void **state)
{
    (void)state;
    krb5_free_context(krb5);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_kind_of_key_signs),      TEST(every_changed_bit_is_noticed),
        TEST(the_type_is_that_of_the_key), TEST(it_is_for_one_ticket_of_one_client),
        TEST(what_is_no_pac_is_none),      TEST(an_rodc_has_a_number_behind_it),
        TEST(the_library_is_tried),
    };

    return RUN_WITH(tests, begin, end);
}

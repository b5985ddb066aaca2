#include "testing.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include "binding.h"

/** A new key; of a curve if it has one.  By functions that OpenSSL 1.1.1 has, too. */
static EVP_PKEY *generate(int type, int curve)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(type, NULL);
    EVP_PKEY *key = NULL;

    assert_non_null(ctx);
    assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
    if (curve) {
        assert_int_equal(EVP_PKEY_CTX_set_ec_paramgen_curve_nid(ctx, curve), 1);
    }
    assert_int_equal(EVP_PKEY_keygen(ctx, &key), 1);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

/** A self-signed certificate in PEM, and in *der; NULL where this OpenSSL may not sign so. */
static const char *certificate(EVP_PKEY *key, const EVP_MD *digest, neg_bytes *der)
{
    X509 *x = X509_new();
    BIO *bio = BIO_new(BIO_s_mem());
    unsigned char *bytes = NULL;
    char *text;
    long len;
    const char *pem;

    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), 0);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_set_pubkey(x, key);
    if (X509_sign(x, key, digest) <= 0) {
        X509_free(x);
        BIO_free(bio);
        return NULL;
    }
    assert_true(PEM_write_bio_X509(bio, x));
    len = BIO_get_mem_data(bio, &text);
    pem = apr_pstrmemdup(pool, text, (apr_size_t)len);
    der->len = (apr_size_t)i2d_X509(x, &bytes);
    der->data = apr_pmemdup(pool, bytes, der->len);
    OPENSSL_free(bytes);
    BIO_free(bio);
    X509_free(x);
    return pem;
}

/**
 * The end point is the prefix and this hash of the certificate, whatever it was signed with.
 * @return whether there could be such a certificate
 */
static int hashes_with(EVP_PKEY *key, const EVP_MD *signature, const EVP_MD *wanted)
{
    neg_bytes der, got;
    const char *pem = certificate(key, signature, &der);
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned int len;

    if (!pem) {
        return 0;
    }
    EVP_Digest(der.data, der.len, hash, &len, wanted, NULL);
    assert_null(neg_binding_end_point(pool, pem, &got));
    assert_same_bytes(got, JOIN(BYTES("tls-server-end-point:"), ((neg_bytes){hash, len})));
    return 1;
}

static void takes_the_hash_of_the_signature(void **state)
{
    EVP_PKEY *rsa = generate(EVP_PKEY_RSA, 0);
    EVP_PKEY *ec = generate(EVP_PKEY_EC, NID_X9_62_prime256v1);

    (void)state;
    assert_true(hashes_with(rsa, EVP_sha256(), EVP_sha256()));
    assert_true(hashes_with(rsa, EVP_sha384(), EVP_sha384()));
    assert_true(hashes_with(rsa, EVP_sha512(), EVP_sha512()));
    assert_true(hashes_with(ec, EVP_sha384(), EVP_sha384()));
    assert_true(hashes_with(ec, EVP_sha512(), EVP_sha512()));
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(ec);
}

/** Some systems forbid such signatures, by FIPS or by their policy. */
static void replaces_weak_hashes(void **state)
{
    EVP_PKEY *rsa = generate(EVP_PKEY_RSA, 0);
    int seen = 0;

    (void)state;
    seen += hashes_with(rsa, EVP_sha1(), EVP_sha256());
    seen += hashes_with(rsa, EVP_md5(), EVP_sha256());
    EVP_PKEY_free(rsa);
    if (!seen) {
        skip();
    }
}

static void takes_sha256_where_there_is_no_single_hash(void **state)
{
    EVP_PKEY *ed25519 = generate(EVP_PKEY_ED25519, 0);

    (void)state;
    assert_true(hashes_with(ed25519, NULL, EVP_sha256()));
    EVP_PKEY_free(ed25519);
}

static void refuses_what_is_no_certificate(void **state)
{
    neg_bytes untouched = BYTES("untouched");
    neg_bytes out = untouched;

    (void)state;
    assert_sentence(neg_binding_end_point(pool, "", &out));
    assert_sentence(neg_binding_end_point(pool, "-----BEGIN CERTIFICATE-----\nMII", &out));
    assert_same_bytes(out, untouched);
}

static void hashes_what_is_parsed_already(void **state)
{
    EVP_PKEY *ec = generate(EVP_PKEY_EC, NID_X9_62_prime256v1);
    neg_bytes der, wanted;
    const char *pem = certificate(ec, EVP_sha512(), &der);
    const unsigned char *at = der.data;
    X509 *parsed = d2i_X509(NULL, &at, (long)der.len);
    unsigned char out[NEG_END_POINT_MAX];

    (void)state;
    assert_null(neg_binding_end_point(pool, pem, &wanted));
    assert_int_equal(neg_binding_of_certificate(parsed, out), NEG_END_POINT_MAX);
    assert_same_bytes(wanted, ((neg_bytes){out, NEG_END_POINT_MAX}));
    assert_true(neg_binding_is_end_point(wanted));
    X509_free(parsed);
    EVP_PKEY_free(ec);
}

static void knows_an_end_point(void **state)
{
    unsigned char longer[NEG_END_POINT_MAX + 1] = "tls-server-end-point:";
    unsigned char other[] = "tls-server-end-point;abc";

    (void)state;
    assert_true(neg_binding_is_end_point((neg_bytes){longer, NEG_END_POINT_MAX}));
    assert_false(neg_binding_is_end_point((neg_bytes){longer, NEG_END_POINT_MAX + 1}));
    assert_false(
        neg_binding_is_end_point((neg_bytes){longer, sizeof("tls-server-end-point:") - 1}));
    assert_false(neg_binding_is_end_point((neg_bytes){longer, 3}));
    assert_false(neg_binding_is_end_point((neg_bytes){NULL, 0}));
    assert_false(neg_binding_is_end_point((neg_bytes){other, sizeof(other) - 1}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(takes_the_hash_of_the_signature),
        TEST(replaces_weak_hashes),
        TEST(takes_sha256_where_there_is_no_single_hash),
        TEST(refuses_what_is_no_certificate),
        TEST(hashes_what_is_parsed_already),
        TEST(knows_an_end_point),
    };
    return RUN(tests);
}

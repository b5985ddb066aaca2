/* The one file of core that looks into certificates; OpenSSL does the looking. */

#include "binding.h"

#include <string.h>

#include <apr_strings.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#define PREFIX     "tls-server-end-point:" /* RFC 5929 section 4.2 */
#define PREFIX_LEN (sizeof(PREFIX) - 1)

_Static_assert(PREFIX_LEN + EVP_MAX_MD_SIZE <= NEG_END_POINT_MAX, "the longest hash has room");

static X509 *parse_pem(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *certificate = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;

    BIO_free(bio);
    return certificate;
}

/* RFC 5929 section 4.1. */
static const EVP_MD *hash_for(const X509 *certificate)
{
    int digest = NID_undef;
    const EVP_MD *hash;

    if (X509_get_signature_info((X509 *)certificate, &digest, NULL, NULL, NULL) != 1 ||
        digest == NID_undef || digest == NID_md5 || digest == NID_sha1) {
        return EVP_sha256();
    }
    hash = EVP_get_digestbynid(digest);
    return hash ? hash : EVP_sha256();
}

apr_size_t neg_binding_of_certificate(const X509 *certificate, unsigned char *out)
{
    unsigned int len = 0;

    memcpy(out, PREFIX, PREFIX_LEN);
    if (!X509_digest(certificate, hash_for(certificate), out + PREFIX_LEN, &len)) {
        return 0;
    }
    return PREFIX_LEN + len;
}

int neg_binding_is_end_point(neg_bytes bytes)
{
    return bytes.len > PREFIX_LEN && bytes.len <= NEG_END_POINT_MAX &&
           memcmp(bytes.data, PREFIX, PREFIX_LEN) == 0;
}

const char *neg_binding_end_point(apr_pool_t *p, const char *pem, neg_bytes *out)
{
    X509 *certificate = parse_pem(pem);
    unsigned char end_point[NEG_END_POINT_MAX];
    apr_size_t len;

    if (!certificate) {
        return "the certificate cannot be read";
    }
    len = neg_binding_of_certificate(certificate, end_point);
    X509_free(certificate);
    if (!len) {
        return "the certificate cannot be hashed";
    }
    out->data = apr_pmemdup(p, end_point, len);
    out->len = len;
    return NULL;
}

/* The one file of core that looks into certificates; OpenSSL does the looking. */

#include "binding.h"

#include <string.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#define PREFIX "tls-server-end-point:" /* RFC 5929 section 4.2 */

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

const char *neg_binding_end_point(apr_pool_t *p, const char *pem, neg_bytes *out)
{
    X509 *certificate = parse_pem(pem);
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned int len = 0;
    unsigned char *data;
    int ok;

    if (!certificate) {
        return "the certificate cannot be read";
    }
    ok = X509_digest(certificate, hash_for(certificate), hash, &len);
    X509_free(certificate);
    if (!ok) {
        return "the certificate cannot be hashed";
    }
    data = apr_palloc(p, sizeof(PREFIX) - 1 + len);
    memcpy(data, PREFIX, sizeof(PREFIX) - 1);
    memcpy(data + sizeof(PREFIX) - 1, hash, len);
    out->data = data;
    out->len = sizeof(PREFIX) - 1 + len;
    return NULL;
}

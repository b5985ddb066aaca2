#include "digest.h"

#include <openssl/evp.h>

struct neg_digester {
    EVP_MD_CTX *context;
};

static apr_status_t free_context(void *context)
{
    EVP_MD_CTX_free(context);
    return APR_SUCCESS;
}

neg_digester *neg_digester_create(apr_pool_t *p)
{
    neg_digester *digester = apr_palloc(p, sizeof(*digester));

    digester->context = EVP_MD_CTX_new();
    if (digester->context == NULL) {
        return NULL;
    }
    apr_pool_cleanup_register(p, digester->context, free_context, apr_pool_cleanup_null);
    /* The algorithm is looked up here, once. */
    return EVP_DigestInit_ex(digester->context, EVP_sha256(), NULL) == 1 ? digester : NULL;
}

int neg_digest(neg_digester *digester, neg_bytes bytes, unsigned char *hash)
{
    return EVP_DigestInit_ex(digester->context, NULL, NULL) == 1 &&
           EVP_DigestUpdate(digester->context, bytes.data, bytes.len) == 1 &&
           EVP_DigestFinal_ex(digester->context, hash, NULL) == 1;
}

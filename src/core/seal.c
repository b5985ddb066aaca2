/* AES-256-GCM with a ring of keys; OpenSSL does the cipher. */

#include "seal.h"

#include <limits.h>
#include <string.h>

#include <apr_strings.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include "credentials.h"

#define VERSION 1
#define ID_LEN  4
#define TAG_LEN 16
#define HEAD    (1 + ID_LEN + NEG_SEAL_NONCE)

struct neg_sealer {
    EVP_CIPHER_CTX *cipher;
};

/* ---- Keys ---- */

static apr_status_t wipe_ring(void *data)
{
    apr_array_header_t *ring = data;

    OPENSSL_cleanse(ring->elts, (size_t)ring->nalloc * (size_t)ring->elt_size);
    return APR_SUCCESS;
}

apr_array_header_t *neg_seal_ring_make(apr_pool_t *p)
{
    apr_array_header_t *ring = apr_array_make(p, 4, sizeof(neg_seal_key));

    apr_pool_cleanup_register(p, ring, wipe_ring, apr_pool_cleanup_null);
    return ring;
}

void neg_seal_ring_add(apr_array_header_t *ring, const unsigned char *key)
{
    static const char label[] = "mod_auth_negotiate key id";
    unsigned char text[sizeof(label) + NEG_SEAL_KEY];
    unsigned char hash[SHA256_DIGEST_LENGTH];
    neg_seal_key *added = apr_array_push(ring);

    memcpy(text, label, sizeof(label));
    memcpy(text + sizeof(label), key, NEG_SEAL_KEY);
    SHA256(text, sizeof(text), hash);
    OPENSSL_cleanse(text, sizeof(text));
    memcpy(added->id, hash, ID_LEN);
    memcpy(added->key, key, NEG_SEAL_KEY);
}

const char *neg_seal_key_read(apr_pool_t *p, const char *text, unsigned char *key)
{
    char *line = apr_pstrdup(p, text);
    size_t len = strlen(line);
    neg_bytes bytes = {NULL, 0};
    const char *why;

    while (len > 0 && strchr(" \t\r\n", line[len - 1])) {
        line[--len] = '\0';
    }
    why = neg_token_decode(p, line, &bytes);
    if (why == NULL && bytes.len == NEG_SEAL_KEY) {
        memcpy(key, bytes.data, NEG_SEAL_KEY);
    } else {
        why = "it does not hold 32 bytes in base64";
    }
    OPENSSL_cleanse(line, len);
    OPENSSL_cleanse((void *)bytes.data, bytes.len);
    return why;
}

/* ---- The cipher ---- */

static apr_status_t free_cipher(void *cipher)
{
    EVP_CIPHER_CTX_free(cipher);
    return APR_SUCCESS;
}

neg_sealer *neg_sealer_create(apr_pool_t *p)
{
    neg_sealer *sealer = apr_palloc(p, sizeof(*sealer));

    sealer->cipher = EVP_CIPHER_CTX_new();
    if (sealer->cipher == NULL) {
        return NULL;
    }
    apr_pool_cleanup_register(p, sealer->cipher, free_cipher, apr_pool_cleanup_null);
    if (EVP_CipherInit_ex(sealer->cipher, EVP_aes_256_gcm(), NULL, NULL, NULL, 1) != 1) {
        return NULL;
    }
    return sealer;
}

/* Everything but the tag.  The cipher is known to the context already: looking it up again would
 * cost more than using it.  @param head what is authenticated first */
static int run(EVP_CIPHER_CTX *cipher, int seal, const unsigned char *key, neg_bytes head,
               neg_bytes associated, neg_bytes in, unsigned char *out)
{
    const unsigned char *nonce = head.data + 1 + ID_LEN;
    int len = 0;

    return in.len < INT_MAX && associated.len < INT_MAX &&
           EVP_CipherInit_ex(cipher, NULL, NULL, key, nonce, seal) == 1 &&
           EVP_CipherUpdate(cipher, NULL, &len, head.data, (int)head.len) == 1 &&
           EVP_CipherUpdate(cipher, NULL, &len, associated.data, (int)associated.len) == 1 &&
           (in.len == 0 || EVP_CipherUpdate(cipher, out, &len, in.data, (int)in.len) == 1);
}

const char *neg_seal(apr_pool_t *p, neg_sealer *sealer, const apr_array_header_t *ring,
                     neg_bytes associated, neg_bytes plain, const unsigned char *nonce,
                     neg_bytes *sealed)
{
    const neg_seal_key *key = &APR_ARRAY_IDX(ring, 0, neg_seal_key);
    unsigned char *out = apr_palloc(p, plain.len + NEG_SEAL_OVERHEAD);
    neg_bytes head = {out, HEAD};
    int len = 0;

    out[0] = VERSION;
    memcpy(out + 1, key->id, ID_LEN);
    memcpy(out + 1 + ID_LEN, nonce, NEG_SEAL_NONCE);
    if (!run(sealer->cipher, 1, key->key, head, associated, plain, out + HEAD) ||
        EVP_CipherFinal_ex(sealer->cipher, out + HEAD + plain.len, &len) != 1 ||
        EVP_CIPHER_CTX_ctrl(sealer->cipher, EVP_CTRL_AEAD_GET_TAG, TAG_LEN,
                            out + HEAD + plain.len) != 1) {
        return "OpenSSL cannot seal it";
    }
    sealed->data = out;
    sealed->len = plain.len + NEG_SEAL_OVERHEAD;
    return NULL;
}

static int opens(neg_sealer *sealer, const neg_seal_key *key, neg_bytes associated,
                 neg_bytes sealed, unsigned char *out)
{
    neg_bytes head = {sealed.data, HEAD};
    neg_bytes text = {sealed.data + HEAD, sealed.len - NEG_SEAL_OVERHEAD};
    const unsigned char *tag = sealed.data + sealed.len - TAG_LEN;
    int len = 0;

    return run(sealer->cipher, 0, key->key, head, associated, text, out) &&
           EVP_CIPHER_CTX_ctrl(sealer->cipher, EVP_CTRL_AEAD_SET_TAG, TAG_LEN, (void *)tag) == 1 &&
           EVP_CipherFinal_ex(sealer->cipher, out + text.len, &len) == 1;
}

const char *neg_seal_open(apr_pool_t *p, neg_sealer *sealer, const apr_array_header_t *ring,
                          neg_bytes associated, neg_bytes sealed, neg_bytes *plain)
{
    unsigned char *out;
    int i;

    if (sealed.len < NEG_SEAL_OVERHEAD) {
        return "it is too short to be sealed";
    }
    if (sealed.data[0] != VERSION) {
        return "it is of another version";
    }
    out = apr_palloc(p, sealed.len);
    for (i = 0; i < ring->nelts; i++) {
        const neg_seal_key *key = &APR_ARRAY_IDX(ring, i, neg_seal_key);

        if (memcmp(key->id, sealed.data + 1, ID_LEN) == 0 &&
            opens(sealer, key, associated, sealed, out)) {
            plain->data = out;
            plain->len = sealed.len - NEG_SEAL_OVERHEAD;
            return NULL;
        }
    }
    return "no key opens it here";
}

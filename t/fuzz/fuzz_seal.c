/** Any bytes as a seal: nothing opens but what was sealed; and what is sealed of them opens. */
#include "fuzz.h"

#include "seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const unsigned char key[NEG_SEAL_KEY] = "thirty-two bytes, known to none";
    static const unsigned char nonce[NEG_SEAL_NONCE] = "twelve bytes";
    static const neg_bytes here = {(const unsigned char *)"here", 4};
    apr_pool_t *pool = pool_make();
    apr_array_header_t *ring = neg_seal_ring_make(pool);
    neg_sealer *sealer = neg_sealer_create(pool);
    uint8_t *copy = malloc(size ? size : 1);
    neg_bytes bytes = {copy, size};
    neg_bytes sealed = {NULL, 0};
    neg_bytes plain = {NULL, 0};
    const char *error;

    if (size) {
        memcpy(copy, data, size);
    }
    neg_seal_ring_add(ring, key);
    /* Its beginning says what it is; a fuzzer would not find the key's id. */
    if (size > 5 && copy[0] == 1) {
        memcpy(copy + 1, APR_ARRAY_IDX(ring, 0, neg_seal_key).id, 4);
    }
    error = neg_seal_open(pool, sealer, ring, here, bytes, &plain);
    PROMISE(error != NULL && is_sentence(error));
    PROMISE(plain.data == NULL && plain.len == 0);

    PROMISE(neg_seal(pool, sealer, ring, here, bytes, nonce, &sealed) == NULL);
    PROMISE(sealed.len == size + NEG_SEAL_OVERHEAD);
    PROMISE(neg_seal_open(pool, sealer, ring, here, sealed, &plain) == NULL);
    PROMISE(plain.len == size && (size == 0 || memcmp(plain.data, copy, size) == 0));
    free(copy);
    apr_pool_destroy(pool);
    return 0;
}

/**
 * Sealed bytes: AES-256-GCM (NIST SP 800-38D) with a ring of keys.
 *
 *     version (1) | key id (4) | nonce (12) | ciphertext | tag (16)
 *
 * All before the ciphertext is authenticated with it, together with the caller's associated data.
 * The nonce is random, so one key is good for 2^32 seals (SP 800-38D section 8.3).
 */
#ifndef NEG_CORE_SEAL_H
#define NEG_CORE_SEAL_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "bytes.h"

#define NEG_SEAL_KEY   32
#define NEG_SEAL_NONCE 12
/** How many bytes a seal adds. */
#define NEG_SEAL_OVERHEAD (1 + 4 + NEG_SEAL_NONCE + 16)

typedef struct {
    unsigned char id[4]; /**< of a hash of the key; two keys may have the same */
    unsigned char key[NEG_SEAL_KEY];
} neg_seal_key;

/** OpenSSL's state, set up once and used again: for one thread at a time. */
typedef struct neg_sealer neg_sealer;

/** Made in p and freed with it; NULL when OpenSSL cannot. */
neg_sealer *neg_sealer_create(apr_pool_t *p);

/** A ring without keys, in p, where they are wiped at its end. */
apr_array_header_t *neg_seal_ring_make(apr_pool_t *p);
/** Adds the NEG_SEAL_KEY bytes of a key behind the others. */
void neg_seal_ring_add(apr_array_header_t *ring, const unsigned char *key);

/**
 * Reads the text of a key file: base64 of NEG_SEAL_KEY bytes, and white space after it.
 * @return NULL, or a static sentence; key is then untouched
 */
const char *neg_seal_key_read(apr_pool_t *p, const char *text, unsigned char *key);

/**
 * Seals with the first key of the ring.
 * @param ring  of neg_seal_key, one at least
 * @param nonce NEG_SEAL_NONCE random bytes, never used before
 * @return NULL, or a static sentence; *sealed (in p) is then untouched
 */
const char *neg_seal(apr_pool_t *p, neg_sealer *sealer, const apr_array_header_t *ring,
                     neg_bytes associated, neg_bytes plain, const unsigned char *nonce,
                     neg_bytes *sealed);

/**
 * Opens what any key of the ring has sealed with the same associated data.
 * @return NULL, or a static sentence; *plain (in p) is then untouched
 */
const char *neg_seal_open(apr_pool_t *p, neg_sealer *sealer, const apr_array_header_t *ring,
                          neg_bytes associated, neg_bytes sealed, neg_bytes *plain);

#endif

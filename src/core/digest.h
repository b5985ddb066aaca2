/** SHA-256, with a context that is used again: to make one costs more than a short hash. */
#ifndef NEG_CORE_DIGEST_H
#define NEG_CORE_DIGEST_H

#include <apr_pools.h>

#include "bytes.h"

#define NEG_DIGEST_LEN 32

/** For one thread at a time. */
typedef struct neg_digester neg_digester;

/** @return in p, and ended with it; NULL when OpenSSL has no memory */
neg_digester *neg_digester_create(apr_pool_t *p);

/** @param hash receives NEG_DIGEST_LEN bytes  @return whether OpenSSL could */
int neg_digest(neg_digester *digester, neg_bytes bytes, unsigned char *hash);

#endif

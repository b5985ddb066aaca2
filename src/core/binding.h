/** Channel bindings of TLS (RFC 5929). */
#ifndef NEG_CORE_BINDING_H
#define NEG_CORE_BINDING_H

#include <apr_pools.h>

#include "bytes.h"

struct x509_st; /* OpenSSL's X509 */

/** The longest application data: the prefix and a SHA-512. */
#define NEG_END_POINT_MAX (21 + 64)

/**
 * tls-server-end-point (RFC 5929 section 4): the application data that client and server bind to.
 *
 * The certificate is hashed with the hash of its own signature; MD5 and SHA-1 are replaced by
 * SHA-256, and so is what has no single hash (Ed25519, Ed448), for which the RFC leaves the
 * binding undefined: clients that follow it send none, and those that do not use SHA-256.
 *
 * @param p   owns *out
 * @param pem the certificate in PEM; what follows its end does not matter
 * @param out "tls-server-end-point:" and the hash
 * @return NULL, or a static sentence; *out is then untouched
 */
const char *neg_binding_end_point(apr_pool_t *p, const char *pem, neg_bytes *out);

/**
 * The same of a certificate that OpenSSL has read already.
 *
 * @param out NEG_END_POINT_MAX bytes, the caller's
 * @return how many bytes of out are used; 0: the certificate cannot be hashed
 */
apr_size_t neg_binding_of_certificate(const struct x509_st *certificate, unsigned char *out);

/** Whether bytes that were kept somewhere have the form that these functions give them. */
int neg_binding_is_end_point(neg_bytes bytes);

#endif

/** What a client wrote after "Authorization:": a scheme and base64. */
#ifndef NEG_CORE_CREDENTIALS_H
#define NEG_CORE_CREDENTIALS_H

#include <apr_pools.h>

#include "bytes.h"

/** The longest token that is looked at.  Windows itself stops at 65535 (MaxTokenSize). */
#define NEG_TOKEN_MAX 65535

/** A credentials line (RFC 9110 section 11.4): `auth-scheme 1*SP token68`. */
typedef struct {
    const char *scheme;  /**< as the client spelled it; compare without case */
    const char *token68; /**< "" when nothing follows the scheme; often the header itself */
} neg_credentials;

/**
 * Takes a credentials line apart.
 * @param p    owns the strings in *out
 * @param line the header's value, which lives as long as *out: it may point into it
 * @return NULL, or a static sentence that says what is wrong; *out is then untouched.
 *
 * A comma tells of a second Authorization line (httpd joins them) and has a sentence of its own.
 */
const char *neg_credentials_parse(apr_pool_t *p, const char *line, neg_credentials *out);

/**
 * Decodes token68 as strict base64 (RFC 4648 section 4: alphabet, padding, zero pad bits).
 * @param p owns the bytes in *out
 * @return NULL, or a static sentence; *out is then untouched.  Longer than NEG_TOKEN_MAX is
 * refused.
 */
const char *neg_token_decode(apr_pool_t *p, const char *token68, neg_bytes *out);

/**
 * Writes a scheme and a token, as credentials and challenges have them.
 * @param p owns the text
 */
const char *neg_credentials_text(apr_pool_t *p, const char *scheme, neg_bytes token);

#endif

/** The Cookie header (RFC 6265 section 5.4): found in it, and taken out of it. */
#ifndef NEG_CORE_COOKIE_H
#define NEG_CORE_COOKIE_H

#include <apr_pools.h>

/**
 * The value of the next cookie of that name; names are compared exactly.  Cookies stand between
 * semicolons alone.
 * @param rest of the header; moved behind what was found
 * @return it in p, or NULL
 */
const char *neg_cookie_next(apr_pool_t *p, const char **rest, const char *name);

/**
 * The header without the cookies of those names, and without those whose names are of our own
 * making; all else stays as it is.  A cookie with such a name behind a comma of its value goes
 * whole.
 * @param names ended by NULL
 * @return header itself when nothing had to go; NULL when nothing is left; else a text in p
 */
const char *neg_cookie_strip(apr_pool_t *p, const char *header, const char *const *names);

/** Names of our own making: these words, then eight hexadecimal digits. */
#define NEG_COOKIE_PREFIX "negotiate_"
#define NEG_COOKIE_HOST   "__Host-" /**< may stand before it (draft-ietf-httpbis-rfc6265bis) */

/** Whether a text may be the name of a cookie: a token (RFC 9110 section 5.6.2). */
int neg_cookie_is_name(const char *name);

#endif

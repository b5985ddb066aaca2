/** What a client wrote after "Basic" (RFC 7617): a user and a password. */
#ifndef NEG_CORE_USERPASS_H
#define NEG_CORE_USERPASS_H

#include <apr_pools.h>

/** Both end in the same buffer, which neg_userpass_wipe() overwrites. */
typedef struct {
    const char *user;     /**< up to the first colon */
    const char *password; /**< all that follows; it may be empty, and may hold colons */
    char *text;
    apr_size_t len;
} neg_userpass;

/**
 * Decodes token68, as strictly as a token, and splits it.
 * @param p owns the bytes in *out
 * @return NULL, or a static sentence; *out is then untouched and nothing decoded is left behind.
 */
const char *neg_userpass_parse(apr_pool_t *p, const char *token68, neg_userpass *out);

/** Overwrites user and password. */
void neg_userpass_wipe(neg_userpass *userpass);

/**
 * Whether a name can be a user's: not empty, without control characters, and without '/' and '\',
 * which make another kind of principal of it.
 * @return NULL, or a static sentence that goes on after the name
 */
const char *neg_userpass_check_user(const char *user);

#endif

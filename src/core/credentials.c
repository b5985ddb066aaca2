#include "credentials.h"

#include <string.h>

#include <apr_base64.h>
#include <apr_strings.h>

/* ---- the credentials line ------------------------------------------------------------------ */

#define ALPHANUMERIC "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#define TCHAR        "!#$%&'*+-.^_`|~" ALPHANUMERIC /* RFC 9110 section 5.6.2 */
#define TOKEN68      "-._~+/" ALPHANUMERIC          /* RFC 9110 section 11.2, before its '=' */
#define OWS          " \t"                          /* RFC 9110 section 5.6.3 */

const char *neg_credentials_parse(apr_pool_t *p, const char *line, neg_credentials *out)
{
    const char *scheme = line + strspn(line, OWS);
    const char *scheme_end = scheme + strspn(scheme, TCHAR);
    const char *token68 = scheme_end + strspn(scheme_end, " ");
    const char *token68_end = token68 + strspn(token68, TOKEN68);

    if (token68_end > token68) {
        token68_end += strspn(token68_end, "=");
    }
    if (strchr(line, ',')) {
        return "there is a comma in the credentials: the request has more than one Authorization "
               "line, or a scheme with parameters";
    }
    if (scheme == scheme_end) {
        return "the credentials do not start with the name of a scheme";
    }
    if (token68 == scheme_end && token68_end > token68) {
        return "the name of the scheme is not followed by a space";
    }
    if (token68_end[strspn(token68_end, OWS)] != '\0') {
        return "the credentials hold more than a scheme, a space and a token";
    }
    out->scheme = apr_pstrmemdup(p, scheme, (apr_size_t)(scheme_end - scheme));
    out->token68 = *token68_end ? apr_pstrmemdup(p, token68, (apr_size_t)(token68_end - token68))
                                : token68; /* as usual: no copy of what may be long */
    return NULL;
}

/* ---- base64 -------------------------------------------------------------------------------- */

/* In the order of their values (RFC 4648 section 4). */
static const char base64_alphabet[] = ALPHANUMERIC "+/";

/** The value of a character that is known to be in the alphabet. */
static apr_size_t base64_value(char c)
{
    return (apr_size_t)(strchr(base64_alphabet, c) - base64_alphabet);
}

/**
 * Whether this is base64 to the letter.  APR's decoder stops silently at what it does not know, so
 * one token would have many spellings, and GSSAPI would get what was before the first mistake.
 */
static const char *base64_check(const char *text)
{
    apr_size_t digits = strspn(text, base64_alphabet);
    apr_size_t padding = strspn(text + digits, "=");
    char stopper = text[digits + padding];

    if (padding == 0 && (stopper == '-' || stopper == '_')) {
        return "the token is in base64url (it holds a '-' or '_') instead of base64";
    }
    if (padding > 0 && stopper != '\0') {
        return "the base64 text goes on after its padding";
    }
    if (stopper != '\0') {
        return "the base64 text holds a character that base64 does not have";
    }
    if (padding > 2) {
        return "the base64 text has more than two characters of padding";
    }
    if ((digits + padding) % 4 != 0) {
        return "the base64 text ends in the middle of a group of four characters";
    }
    /* Padding stands for 2 bits of the last digit each (RFC 4648 section 3.5). */
    if (padding > 0 && base64_value(text[digits - 1]) % (1u << (2 * padding)) != 0) {
        return "the base64 text has bits set where its padding wants zeros";
    }
    return NULL;
}

const char *neg_token_decode(apr_pool_t *p, const char *token68, neg_bytes *out)
{
    apr_size_t len = strlen(token68);
    const char *error;
    unsigned char *data;

    if (len > (NEG_TOKEN_MAX + 2) / 3 * 4) {
        return "the token is longer than any Kerberos token, 65535 bytes";
    }
    error = base64_check(token68);
    if (error) {
        return error;
    }
    data = apr_palloc(p, len / 4 * 3); /* groups are whole: see base64_check() */
    out->len = (apr_size_t)apr_base64_decode_binary(data, token68);
    out->data = data;
    return NULL;
}

#include "credentials.h"

#include <string.h>

#include <apr_base64.h>
#include <apr_strings.h>
#include <openssl/crypto.h>

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

const char *neg_credentials_text(apr_pool_t *p, const char *scheme, neg_bytes token)
{
    apr_size_t len = strlen(scheme);
    char *text = apr_palloc(p, len + 1 + (apr_size_t)apr_base64_encode_len((int)token.len));

    memcpy(text, scheme, len);
    text[len] = ' ';
    apr_base64_encode_binary(text + len + 1, token.data, (int)token.len);
    return text;
}

/* ---- base64 -------------------------------------------------------------------------------- */

/**
 * The value of each digit (RFC 4648 section 4), and one more: 0 is no digit.  Read here and not by
 * APR's decoder, which stops silently at what it does not know: one token would have many
 * spellings, and GSSAPI would get what was before the first mistake.
 */
static const unsigned char digits[256] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,
    ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
    ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
    ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
    ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
    ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
    ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
    ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63, ['/'] = 64,
};

static int is_digit(char c)
{
    return digits[(unsigned char)c] != 0;
}

static unsigned int bits_of(char digit)
{
    return digits[(unsigned char)digit] - 1u;
}

/** What is wrong with what follows the groups of four digits; NULL for nothing, or good padding. */
static const char *check_end(const char *end)
{
    apr_size_t count = 0;
    apr_size_t padding;
    char stopper;

    while (is_digit(end[count])) {
        count++;
    }
    padding = strspn(end + count, "=");
    stopper = end[count + padding];
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
    if ((count + padding) % 4 != 0) {
        return "the base64 text ends in the middle of a group of four characters";
    }
    /* Padding stands for 2 bits of the last digit each (RFC 4648 section 3.5). */
    if (padding > 0 && bits_of(end[count - 1]) % (1u << (2 * padding)) != 0) {
        return "the base64 text has bits set where its padding wants zeros";
    }
    return NULL;
}

/** @return where the groups of four digits end: at the end of the text, its padding or a mistake */
static const char *decode_groups(const char *text, unsigned char **to)
{
    unsigned char *out = *to;

    for (; is_digit(text[0]) && is_digit(text[1]) && is_digit(text[2]) && is_digit(text[3]);
         text += 4) {
        unsigned int bits = bits_of(text[0]) << 18 | bits_of(text[1]) << 12 |
                            bits_of(text[2]) << 6 | bits_of(text[3]);

        *out++ = (unsigned char)(bits >> 16);
        *out++ = (unsigned char)(bits >> 8);
        *out++ = (unsigned char)bits;
    }
    *to = out;
    return text;
}

/** Two or three digits, known to be good, and their padding. */
static void decode_end(const char *end, unsigned char **to)
{
    unsigned int bits = bits_of(end[0]) << 18 | bits_of(end[1]) << 12;

    *(*to)++ = (unsigned char)(bits >> 16);
    if (end[2] != '=') {
        bits |= bits_of(end[2]) << 6;
        *(*to)++ = (unsigned char)(bits >> 8);
    }
}

const char *neg_token_decode(apr_pool_t *p, const char *token68, neg_bytes *out)
{
    apr_size_t len = strlen(token68);
    unsigned char *data, *to;
    const char *end, *error;

    if (len > (NEG_TOKEN_MAX + 2) / 3 * 4) {
        return "the token is longer than any Kerberos token, 65535 bytes";
    }
    data = to = apr_palloc(p, len / 4 * 3);
    end = decode_groups(token68, &to);
    error = check_end(end);
    if (error) {
        OPENSSL_cleanse(data, (apr_size_t)(to - data)); /* the beginning of a password, or a key */
        return error;
    }
    if (*end != '\0') {
        decode_end(end, &to);
    }
    out->data = data;
    out->len = (apr_size_t)(to - data);
    return NULL;
}

#include "principal.h"

#include <string.h>

#include <apr_strings.h>

/**
 * The next '@' that is not escaped, or the end of the string.  A backslash takes the character
 * after it along (RFC 1964 section 2.1.1), so `\\@` is an escaped backslash and a separator.
 * @return NULL if the string ends in a backslash
 */
static const char *find_separator(const char *s)
{
    while (*s != '\0' && *s != '@') {
        if (*s == '\\' && *++s == '\0') {
            return NULL;
        }
        s++;
    }
    return s;
}

/**
 * Whether there is a character that no user's name has, as it is or escaped.  Local names are made
 * of the character itself, and a NUL ends them: `alice\0x` would be alice.
 * @param s does not end in a backslash that escapes nothing
 */
static int has_control_character(const char *s)
{
    for (; *s != '\0'; s++) {
        if (*s == '\\' && strchr("0bnt", *++s) != NULL) {
            return 1;
        }
        if ((unsigned char)*s < 0x20 || *s == 0x7f) {
            return 1;
        }
    }
    return 0;
}

const char *neg_principal_split(apr_pool_t *p, const char *principal, const char **name,
                                const char **realm)
{
    const char *separator = find_separator(principal);
    const char *end = separator && *separator ? find_separator(separator + 1) : separator;

    if (end == NULL) {
        return "the principal ends in a backslash, which escapes nothing";
    }
    if (separator == principal) {
        return "the principal has no name before its realm";
    }
    if (end <= separator + 1) {
        return "the principal has no realm";
    }
    if (*end == '@') {
        return "the principal has more than one '@' without a backslash before it";
    }
    if (has_control_character(principal)) {
        return "the principal has a control character, which no user's name has";
    }
    *name = apr_pstrmemdup(p, principal, (apr_size_t)(separator - principal));
    *realm = apr_pstrmemdup(p, separator + 1, (apr_size_t)(end - separator - 1));
    return NULL;
}

int neg_principal_is_anonymous(const char *name, const char *realm)
{
    return strcmp(name, "WELLKNOWN/ANONYMOUS") == 0 || strcmp(realm, "WELLKNOWN:ANONYMOUS") == 0;
}

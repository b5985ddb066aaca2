/* Realms as they are written in a configuration, and what krb5.conf makes of them. */

#include <string.h>

#include <apr_strings.h>

#include "internal.h"

/* ---- Of a line ---- */

const char *neg_realm_check(const char *realm)
{
    if (!*realm)
        return "an empty word is no realm; leave it out";
    if (*realm == '@')
        return "write the realm without its @";
    if (strpbrk(realm, ",;"))
        return "separate realms by spaces";
    return NULL;
}

int neg_realm_is_among(const apr_array_header_t *realms, const char *realm)
{
    for (int i = 0; realms && i < realms->nelts; i++)
        if (strcmp(APR_ARRAY_IDX(realms, i, const char *), realm) == 0)
            return 1;
    return 0;
}

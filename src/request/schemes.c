/* The authentication schemes that a location may use. */

#include "request.h"

const neg_scheme *const *neg_schemes(const neg_attempt *a)
{
    const struct neg_scheme_lists *lists = a->server->schemes;
    return neg_basic_is_on(a->conf) ? lists->tickets_and_passwords : lists->tickets;
}

const neg_scheme *neg_scheme_find(const neg_attempt *a, const char *name)
{
    for (const neg_scheme *const *scheme = neg_schemes(a); *scheme; scheme++)
        if (strcasecmp((*scheme)->name, name) == 0)
            return *scheme;
    return NULL;
}

int neg_schemes_offer_another(const neg_attempt *a, const neg_scheme *than)
{
    for (const neg_scheme *const *scheme = neg_schemes(a); *scheme; scheme++)
        if (*scheme != than && (*scheme)->offer(a))
            return 1;
    return 0;
}

const char *neg_scheme_of(const neg_identity *identity)
{
    return identity->provider ? neg_basic_name : neg_negotiate_name;
}

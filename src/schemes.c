/* The authentication schemes that a location may use. */

#include "negotiate.h"

/* In the order of their challenges: clients such as gokrb5 look at the first one alone. */
static const neg_scheme *const schemes[] = {&neg_negotiate_scheme, NULL};

const neg_scheme *const *neg_schemes(const neg_attempt *a)
{
    (void)a;
    return schemes;
}

const neg_scheme *neg_scheme_find(const neg_attempt *a, const char *name)
{
    for (const neg_scheme *const *scheme = neg_schemes(a); *scheme; scheme++)
        if (strcasecmp((*scheme)->name, name) == 0)
            return *scheme;
    return NULL;
}

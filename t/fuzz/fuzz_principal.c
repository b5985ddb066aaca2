/** Any string as a principal. */
#include "fuzz.h"

#include <apr_strings.h>

#include "principal.h"

/** The number of '@' that have no backslash before them, counted in another way than the code's. */
static int separators(const char *s)
{
    int count = 0;
    size_t backslashes = 0; /* in a row, just before */

    for (; *s != '\0'; s++) {
        count += *s == '@' && backslashes % 2 == 0;
        backslashes = *s == '\\' ? backslashes + 1 : 0;
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool = pool_make();
    char *principal = string_make(data, size);
    const char *name = NULL;
    const char *realm = NULL;
    const char *error = neg_principal_split(pool, principal, &name, &realm);

    if (error) {
        PROMISE(is_sentence(error));
        PROMISE(name == NULL && realm == NULL);
    } else {
        PROMISE(*name != '\0' && *realm != '\0');
        PROMISE(strcmp(apr_pstrcat(pool, name, "@", realm, NULL), principal) == 0);
        PROMISE(separators(name) == 0 && separators(realm) == 0);
        PROMISE(separators(principal) == 1);
        (void)neg_principal_is_anonymous(name, realm);
    }
    free(principal);
    apr_pool_destroy(pool);
    return 0;
}

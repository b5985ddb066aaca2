/** Any string as a Cache-Control header: what is taken out is found no more, and nothing is added.
 */
#include "fuzz.h"

#include "cachecontrol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool = pool_make();
    char *value = string_make(data, size);
    static const char *const names[] = {"public", "s-maxage", NULL};
    const char *rest = neg_cachecontrol_without(pool, value, names);

    PROMISE(strlen(rest) <= 2 * strlen(value));
    PROMISE(neg_cachecontrol_find(rest, "public") == NEG_DIRECTIVE_NONE);
    PROMISE(neg_cachecontrol_find(rest, "s-maxage") == NEG_DIRECTIVE_NONE);
    PROMISE(strcmp(neg_cachecontrol_without(pool, rest, names), rest) == 0);
    if (*rest)
        PROMISE(neg_cachecontrol_find(rest, "private") == neg_cachecontrol_find(value, "private"));
    free(value);
    apr_pool_destroy(pool);
    return 0;
}

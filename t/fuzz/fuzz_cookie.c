/** Any string as a Cookie header: what is stripped is found no more, and nothing is added. */
#include "fuzz.h"

#include "cookie.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool = pool_make();
    char *header = string_make(data, size);
    const char *at = header;
    const char *value = neg_cookie_next(pool, &at, "n");
    static const char *const names[] = {"n", NULL};
    const char *rest = neg_cookie_strip(pool, header, names);

    PROMISE(at >= header && at <= header + strlen(header));
    PROMISE(value == NULL || strstr(header, value) != NULL);
    PROMISE(value == NULL || strchr(value, ';') == NULL);
    PROMISE(value == NULL || rest != header);
    if (rest) {
        PROMISE(strlen(rest) <= strlen(header));
        PROMISE(neg_cookie_strip(pool, rest, names) == rest);
        PROMISE(neg_cookie_next(pool, &rest, "n") == NULL);
    }
    free(header);
    apr_pool_destroy(pool);
    return 0;
}

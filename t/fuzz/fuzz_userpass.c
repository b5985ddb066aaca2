/** Any string after "Basic": user and password are what was encoded, and none of it stays. */
#include "fuzz.h"

#include "userpass.h"

static int all_zero(const char *s, size_t len)
{
    while (len > 0 && *s == '\0') {
        s++;
        len--;
    }
    return len == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool = pool_make();
    char *token68 = string_make(data, size);
    neg_userpass u = {0};
    const char *error = neg_userpass_parse(pool, token68, &u);

    if (error) {
        PROMISE(is_sentence(error));
        PROMISE(u.user == NULL && u.password == NULL && u.text == NULL);
    } else {
        PROMISE(strchr(u.user, ':') == NULL);
        PROMISE(strlen(u.user) + 1 + strlen(u.password) == u.len);
        error = neg_userpass_check_user(u.user);
        PROMISE(error != NULL || strpbrk(u.user, "/\\") == NULL);
        neg_userpass_wipe(&u);
        PROMISE(all_zero(u.text, u.len));
    }
    free(token68);
    apr_pool_destroy(pool);
    return 0;
}

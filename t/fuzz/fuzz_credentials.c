/** Any string as the value of an Authorization header, and as base64. */
#include "fuzz.h"

#include <apr_base64.h>

#include "credentials.h"

/** Strict base64 has one spelling: what was accepted is what an encoder makes. */
static void check_decode(apr_pool_t *pool, const char *token68)
{
    neg_bytes bytes = {NULL, 42};
    const char *error = neg_token_decode(pool, token68, &bytes);
    char *again;

    if (error) {
        PROMISE(is_sentence(error));
        PROMISE(bytes.data == NULL && bytes.len == 42);
        return;
    }
    PROMISE(bytes.len <= NEG_TOKEN_MAX);
    again = apr_palloc(pool, (apr_size_t)apr_base64_encode_len((int)bytes.len));
    apr_base64_encode_binary(again, bytes.data, (int)bytes.len);
    PROMISE(strcmp(again, token68) == 0);
}

static void check_parse(apr_pool_t *pool, const char *line)
{
    neg_credentials credentials = {NULL, NULL};
    const char *error = neg_credentials_parse(pool, line, &credentials);

    if (error) {
        PROMISE(is_sentence(error));
        PROMISE(credentials.scheme == NULL && credentials.token68 == NULL);
        return;
    }
    PROMISE(credentials.scheme[0] != '\0');
    PROMISE(strstr(line, credentials.scheme) && strstr(line, credentials.token68));
    PROMISE(strpbrk(credentials.scheme, " \t,=") == NULL);
    PROMISE(strpbrk(credentials.token68, " \t,") == NULL);
    check_decode(pool, credentials.token68);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool = pool_make();
    char *line = string_make(data, size);

    check_parse(pool, line);
    check_decode(pool, line); /* also what a parsed line cannot hold */
    free(line);
    apr_pool_destroy(pool);
    return 0;
}

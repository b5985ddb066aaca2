/** Any bytes as a session's record: what is read has one form. */
#include "fuzz.h"

#include "record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool = pool_make();
    uint8_t *copy = malloc(size ? size : 1);
    neg_bytes record = {copy, size};
    neg_bytes again = {NULL, 0};
    neg_session session = {0};
    const char *error;

    if (size) {
        memcpy(copy, data, size);
    }
    error = neg_record_read(pool, record, &session);
    if (error) {
        PROMISE(is_sentence(error));
        PROMISE(session.identity == NULL);
    } else {
        const neg_identity *id = session.identity;

        PROMISE(id->space && id->principal && id->name && id->realm && id->scheme);
        PROMISE(id->mechanism && id->acceptor && id->channel);
        PROMISE(neg_record_write(pool, &session, &again) == NULL);
        PROMISE(again.len == size && memcmp(again.data, data, size) == 0);
    }
    free(copy);
    apr_pool_destroy(pool);
    return 0;
}

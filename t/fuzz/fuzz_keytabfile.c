/** Any bytes as a keytab: what is read of it lies in it. */
#include "fuzz.h"

#include "keytabfile.h"

static int lies_in(neg_bytes part, const uint8_t *data, size_t size)
{
    return part.len == 0 || (part.data >= data && part.len <= size - (size_t)(part.data - data));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool = pool_make();
    apr_array_header_t *entries = NULL;
    const char *error = neg_keytabfile_read(pool, (neg_bytes){data, size}, &entries);

    PROMISE(entries != NULL && (size_t)entries->nelts <= size / 4);
    PROMISE(!error || is_sentence(error));
    for (int i = 0; !error && i < entries->nelts; i++) {
        const neg_keytabfile_entry *entry = &APR_ARRAY_IDX(entries, i, neg_keytabfile_entry);

        PROMISE(entry->key.len > 0 && lies_in(entry->key, data, size));
        PROMISE(lies_in(entry->realm, data, size));
        PROMISE(entry->components->nelts > 0);
        for (int j = 0; j < entry->components->nelts; j++)
            PROMISE(lies_in(APR_ARRAY_IDX(entry->components, j, neg_bytes), data, size));
    }
    apr_pool_destroy(pool);
    return 0;
}

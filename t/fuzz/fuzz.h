/** What the fuzz targets share. */
#ifndef NEG_T_FUZZ_FUZZ_H
#define NEG_T_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <apr_general.h>
#include <apr_pools.h>

#include "bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** A promise of the code under test; unlike assert() it is there whatever NDEBUG says. */
#define PROMISE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: broken promise: %s\n", __FILE__, __LINE__, #condition);        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/** A pool for one input; the caller destroys it. */
static inline apr_pool_t *pool_make(void)
{
    static int initialized;
    apr_pool_t *pool;

    if (!initialized) {
        initialized = 1;
        apr_initialize();
        atexit(apr_terminate);
    }
    apr_pool_create(&pool, NULL);
    return pool;
}

/** The input as a string in a block of just its size, so that ASan sees what reads past it. */
static inline char *string_make(const uint8_t *data, size_t size)
{
    size_t len = size ? strnlen((const char *)data, size) : 0;
    char *s = malloc(len + 1);

    if (len > 0) {
        memcpy(s, data, len);
    }
    s[len] = '\0';
    return s;
}

/** Whether a span is empty or within the bytes; compared as numbers. */
static inline int lies_within(neg_bytes span, neg_bytes bytes)
{
    uintptr_t start = (uintptr_t)span.data;
    uintptr_t begin = (uintptr_t)bytes.data;

    return span.len == 0 ||
           (start >= begin && span.len <= bytes.len && start - begin <= bytes.len - span.len);
}

/** Whether this can follow "...: " in a log line. */
static inline int is_sentence(const char *s)
{
    return s[0] >= 'a' && s[0] <= 'z' && s[strlen(s) - 1] != '.';
}

#endif

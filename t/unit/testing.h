/** What the unit tests share: a pool, bytes made by hand, and ways to look at refusals. */
#ifndef NEG_T_UNIT_TESTING_H
#define NEG_T_UNIT_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <apr_general.h>
#include <apr_pools.h>
#include <apr_strings.h>

#include "bytes.h"

/** Owns what a test makes; emptied before each test. */
static apr_pool_t *pool;

static inline int fresh_pool(void **state)
{
    (void)state;
    apr_pool_clear(pool);
    return 0;
}

#define TEST(function) cmocka_unit_test_setup(function, fresh_pool)

/** The main function of a test program. */
#define RUN(tests) RUN_WITH((tests), NULL, NULL)

/** The same, with functions to be called before and after all tests. */
#define RUN_WITH(tests, before, after)                                                             \
    (apr_initialize(), atexit(apr_terminate), apr_pool_create(&pool, NULL),                        \
     cmocka_set_message_output(CM_OUTPUT_TAP), cmocka_run_group_tests((tests), before, after))

/** The bytes of a string literal, which may hold NULs. */
#define BYTES(literal) ((neg_bytes){(const unsigned char *)("" literal), sizeof(literal) - 1})
#define NOTHING        ((neg_bytes){NULL, 0})

static inline neg_bytes join(const neg_bytes *parts, size_t count)
{
    neg_bytes all = {NULL, 0};
    unsigned char *data;
    size_t i;

    for (i = 0; i < count; i++) {
        all.len += parts[i].len;
    }
    all.data = data = apr_palloc(pool, all.len + 1);
    for (i = 0; i < count; i++) {
        if (parts[i].len > 0) {
            memcpy(data, parts[i].data, parts[i].len);
            data += parts[i].len;
        }
    }
    return all;
}

#define COUNT(...) (sizeof((neg_bytes[]){__VA_ARGS__}) / sizeof(neg_bytes))
#define JOIN(...)  join((neg_bytes[]){__VA_ARGS__}, COUNT(__VA_ARGS__))

/** A DER element, with its length in the shortest form. */
static inline neg_bytes element(unsigned char tag, neg_bytes contents)
{
    unsigned char *head = apr_palloc(pool, 5);
    size_t octets = 0;
    size_t i;

    head[0] = tag;
    while (contents.len >= 0x80 && contents.len >> (8 * octets) != 0) {
        octets++;
    }
    head[1] = octets ? (unsigned char)(0x80 | octets) : (unsigned char)contents.len;
    for (i = 0; i < octets; i++) {
        head[2 + i] = (unsigned char)(contents.len >> (8 * (octets - 1 - i)));
    }
    return JOIN(((neg_bytes){head, 2 + octets}), contents);
}

#define DER(tag, ...) element((tag), JOIN(__VA_ARGS__))

/** The first count bytes on the heap, in a block of exactly that size, so that ASan sees all. */
static inline neg_bytes heap_copy(neg_bytes bytes, size_t count)
{
    unsigned char *data = count ? malloc(count) : NULL;

    if (count) {
        memcpy(data, bytes.data, count);
    }
    return (neg_bytes){data, count};
}

static inline void heap_free(neg_bytes copy)
{
    free((void *)copy.data);
}

/** A sentence that can follow "...: " in a log line. */
static inline void assert_sentence(const char *sentence)
{
    assert_non_null(sentence);
    assert_true(sentence[0] >= 'a' && sentence[0] <= 'z');
    assert_int_not_equal(sentence[strlen(sentence) - 1], '.');
}

/** A sentence that says this. */
static inline void assert_says(const char *sentence, const char *part)
{
    assert_sentence(sentence);
    if (strstr(sentence, part) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", sentence, part);
    }
}

static inline void assert_same_bytes(neg_bytes is, neg_bytes wanted)
{
    assert_int_equal(is.len, wanted.len);
    if (wanted.len > 0) {
        assert_memory_equal(is.data, wanted.data, wanted.len);
    }
}

/**
 * Whether a span is empty or within the bytes.  The comparison is of numbers: two pointers into
 * different objects cannot be compared.
 */
static inline int lies_within(neg_bytes span, neg_bytes bytes)
{
    uintptr_t start = (uintptr_t)span.data;
    uintptr_t begin = (uintptr_t)bytes.data;

    return span.len == 0 ||
           (start >= begin && span.len <= bytes.len && start - begin <= bytes.len - span.len);
}

/**
 * Calls check() with every single byte of bytes set to every other value, in a block
 * of exactly that size.
 */
static inline void for_each_mutation(neg_bytes bytes, void (*check)(neg_bytes))
{
    size_t at;
    int value;

    for (at = 0; at < bytes.len; at++) {
        for (value = 0; value < 256; value++) {
            neg_bytes copy = heap_copy(bytes, bytes.len);

            ((unsigned char *)copy.data)[at] = (unsigned char)value;
            check(copy);
            heap_free(copy);
        }
    }
}

#endif

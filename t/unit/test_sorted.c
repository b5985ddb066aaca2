#include "testing.h"

#include "sorted.h"

typedef struct {
    const char *text;
    int value;
} entry;

static apr_array_header_t *array_of(const char *texts, int value)
{
    apr_array_header_t *array = apr_array_make(pool, 1, sizeof(entry));
    for (; *texts; texts++) {
        entry e = {apr_pstrmemdup(pool, texts, 1), value};
        neg_sorted_put(array, &e);
    }
    return array;
}

static const char *texts_of(const apr_array_header_t *array)
{
    const char *text = "";
    for (int i = 0; i < array->nelts; i++)
        text = apr_psprintf(pool, "%s%s%d", text, APR_ARRAY_IDX(array, i, entry).text,
                            APR_ARRAY_IDX(array, i, entry).value);
    return text;
}

static void puts_each_into_its_place(void **state)
{
    (void)state;
    assert_string_equal(texts_of(array_of("", 1)), "");
    assert_string_equal(texts_of(array_of("cabdb", 1)), "a1b1c1d1");
    assert_string_equal(texts_of(array_of("abc", 1)), "a1b1c1");
    assert_string_equal(texts_of(array_of("cba", 1)), "a1b1c1");
}

static void a_later_one_takes_the_place(void **state)
{
    apr_array_header_t *array = array_of("ac", 1);
    (void)state;
    neg_sorted_put(array, &(entry){"c", 2});
    assert_string_equal(texts_of(array), "a1c2");
}

static void finds_whole_texts_alone(void **state)
{
    apr_array_header_t *array = array_of("bd", 1);
    (void)state;
    neg_sorted_put(array, &(entry){"bb", 3});
    assert_int_equal(((entry *)neg_sorted_find(array, "bb"))->value, 3);
    assert_int_equal(((entry *)neg_sorted_find(array, "b"))->value, 1);
    assert_int_equal(((entry *)neg_sorted_find(array, "d"))->value, 1);
    assert_null(neg_sorted_find(array, "a"));
    assert_null(neg_sorted_find(array, "c"));
    assert_null(neg_sorted_find(array, "bbb"));
    assert_null(neg_sorted_find(array, "e"));
    assert_null(neg_sorted_find(array, ""));
    assert_null(neg_sorted_find(array_of("", 1), "a"));
}

static void merges(void **state)
{
    (void)state;
    assert_string_equal(texts_of(neg_sorted_merge(pool, array_of("ace", 1), array_of("bcf", 2))),
                        "a1b2c2e1f2");
    assert_string_equal(texts_of(neg_sorted_merge(pool, array_of("", 1), array_of("ab", 2))),
                        "a2b2");
    assert_string_equal(texts_of(neg_sorted_merge(pool, array_of("ab", 1), array_of("", 2))),
                        "a1b1");
    assert_string_equal(texts_of(neg_sorted_merge(pool, array_of("b", 1), array_of("a", 2))),
                        "a2b1");
}

static void thousands(void **state)
{
    apr_array_header_t *array = apr_array_make(pool, 1, sizeof(entry));
    (void)state;
    for (int i = 0; i < 5000; i++) {
        entry e = {apr_psprintf(pool, "%d", i * 7919 % 5000), i * 7919 % 5000};
        neg_sorted_put(array, &e);
    }
    assert_int_equal(array->nelts, 5000);
    for (int i = 0; i < 5000; i++)
        assert_int_equal(((entry *)neg_sorted_find(array, apr_psprintf(pool, "%d", i)))->value, i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(puts_each_into_its_place),
        TEST(a_later_one_takes_the_place),
        TEST(finds_whole_texts_alone),
        TEST(merges),
        TEST(thousands),
    };
    return RUN(tests);
}

#include "testing.h"

#include "reasons.h"

/* What they take: nothing else is in the pool. */
static apr_size_t text_length(const neg_reasons *reasons)
{
    const char *text = neg_reasons_text(reasons);
    return text ? strlen(text) : 0;
}

static void none_is_no_text(void **state)
{
    neg_reasons reasons = {.pool = pool};
    (void)state;
    assert_null(neg_reasons_text(&reasons));
    assert_int_equal(neg_reasons_are_enough(&reasons), 0);
}

static void each_is_told_once(void **state)
{
    neg_reasons reasons = {.pool = pool};
    (void)state;
    neg_reasons_add(&reasons, "rule a: no");
    neg_reasons_add(&reasons, "rule b: no");
    neg_reasons_add(&reasons, "rule a: no");
    neg_reasons_add(&reasons, "rule a"); /* the beginning of another is one of its own */
    assert_string_equal(neg_reasons_text(&reasons), "rule a: no; rule b: no; rule a");
}

static void they_are_copied(void **state)
{
    neg_reasons reasons = {.pool = pool};
    char text[] = "rule a: no";
    (void)state;
    neg_reasons_add(&reasons, text);
    text[0] = 'R';
    assert_string_equal(neg_reasons_text(&reasons), "rule a: no");
}

static void more_are_counted(void **state)
{
    neg_reasons reasons = {.pool = pool};
    (void)state;
    for (int i = 0; i < NEG_REASONS_MAX; i++) {
        assert_int_equal(neg_reasons_are_enough(&reasons), 0);
        neg_reasons_add(&reasons, apr_psprintf(pool, "rule %d", i));
    }
    assert_int_equal(neg_reasons_are_enough(&reasons), 1);
    neg_reasons_add(&reasons, "rule 3");
    assert_null(strstr(neg_reasons_text(&reasons), "more"));
    neg_reasons_add(&reasons, "another");
    neg_reasons_add_unwritten(&reasons);
    assert_non_null(strstr(neg_reasons_text(&reasons), "rule 7; and 2 more"));
    assert_null(strstr(neg_reasons_text(&reasons), "another"));
}

static void stays_small_whatever_comes(void **state)
{
    neg_reasons reasons = {.pool = pool};
    char *sentence = apr_palloc(pool, 8192);
    apr_size_t before;
    (void)state;
    memset(sentence, 'x', 8191);
    sentence[8191] = '\0';
    for (int i = 0; i < 3000; i++) {
        apr_snprintf(sentence, 16, "rule %08d: ", i);
        sentence[15] = 'x';
        neg_reasons_add(&reasons, sentence);
    }
    before = text_length(&reasons);
    assert_true(before <= NEG_REASONS_MAX * (NEG_REASON_MAX + 2) + 32);
    assert_non_null(strstr(neg_reasons_text(&reasons), "xxx...; rule 00000001: "));
    assert_non_null(strstr(neg_reasons_text(&reasons), "; and 2992 more"));
    for (int i = 0; i < 100000; i++)
        neg_reasons_add(&reasons, sentence);
    assert_true(text_length(&reasons) <= before + 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(none_is_no_text),  TEST(each_is_told_once),          TEST(they_are_copied),
        TEST(more_are_counted), TEST(stays_small_whatever_comes),
    };
    return RUN(tests);
}

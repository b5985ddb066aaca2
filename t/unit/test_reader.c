#include "testing.h"

#include "der.h"

/** Reads one element of the type OCTET STRING that must be everything there is. */
static const char *read_octets(neg_bytes bytes, neg_bytes *contents)
{
    neg_bytes copy = heap_copy(bytes, bytes.len);
    const char *error = NULL;
    neg_reader r = neg_reader_of(copy, &error);

    *contents = neg_read_der(&r, NEG_DER_OCTET_STRING);
    neg_read_end(&r);
    assert_true(lies_within(*contents, copy));
    heap_free(copy);
    return error;
}

static void reads_integers_and_bytes(void **state)
{
    const char *error = NULL;
    neg_reader r = neg_reader_of(BYTES("\x01\xfe\xdc\x05\x06\x07"), &error);

    (void)state;
    assert_int_equal(neg_read_u8(&r), 1);
    assert_int_equal(neg_read_be16(&r), 0xfedc);
    assert_same_bytes(neg_read_bytes(&r, 2), BYTES("\x05\x06"));
    assert_true(neg_read_more(&r));
    assert_same_bytes(neg_read_rest(&r), BYTES("\x07"));
    assert_false(neg_read_more(&r));
    neg_read_end(&r);
    assert_null(error);
}

static void nothing_can_be_read_from_nothing(void **state)
{
    const char *error = NULL;
    neg_reader r = neg_reader_of(NOTHING, &error);

    (void)state;
    assert_false(neg_read_more(&r));
    assert_false(neg_read_der_next_is(&r, 0));
    assert_int_equal(neg_read_bytes(&r, 0).len, 0);
    assert_int_equal(neg_read_rest(&r).len, 0);
    neg_read_der_skip(&r, 0);
    neg_read_end(&r);
    assert_null(error);
    assert_int_equal(neg_read_u8(&r), 0);
    assert_says(error, "end too early");
}

static void the_first_error_stays(void **state)
{
    const char *error = NULL;
    neg_reader r = neg_reader_of(BYTES("\x04\x01\x61"), &error);

    (void)state;
    neg_read_fail(&r, "first");
    neg_read_fail(&r, "second");
    assert_string_equal(error, "first");
}

static void after_an_error_nothing_is_read(void **state)
{
    const char *error = NULL;
    neg_reader r = neg_reader_of(BYTES("\x04\x01\x61"), &error);

    (void)state;
    neg_read_fail(&r, "first");
    assert_int_equal(neg_read_u8(&r), 0);
    assert_int_equal(neg_read_be16(&r), 0);
    assert_int_equal(neg_read_bytes(&r, 2).len, 0);
    assert_int_equal(neg_read_rest(&r).len, 0);
    assert_int_equal(neg_read_der(&r, 4).len, 0);
    assert_int_equal(neg_read_der_whole(&r, 4).len, 0);
    assert_int_equal(neg_read_der_oid(&r).len, 0);
    assert_int_equal(neg_read_der_int32(&r, 4), 0);
    assert_false(neg_read_der_next_is(&r, 4));
    assert_false(neg_read_more(&r));
    assert_int_equal(r.rest.len, 3);
    assert_string_equal(error, "first");
}

static void nested_readers_share_the_error(void **state)
{
    const char *error = NULL;
    neg_reader outer = neg_reader_of(BYTES("\x30\x02\x04\x05\x04\x00"), &error);
    neg_reader inner = neg_read_der_inside(&outer, NEG_DER_SEQUENCE);

    (void)state;
    assert_int_equal(inner.rest.len, 2);
    assert_int_equal(neg_read_der(&inner, NEG_DER_OCTET_STRING).len, 0); /* reaches out of it */
    assert_says(error, "end too early");
    assert_false(neg_read_more(&outer));
}

static void too_much_to_read_is_an_error(void **state)
{
    const char *error = NULL;
    neg_bytes three = heap_copy(BYTES("abc"), 3);
    neg_reader r = neg_reader_of(three, &error);

    (void)state;
    assert_int_equal(neg_read_bytes(&r, (apr_size_t)-1).len, 0);
    assert_says(error, "end too early");
    error = NULL;
    r = neg_reader_of(three, &error);
    assert_int_equal(neg_read_bytes(&r, 4).len, 0);
    assert_says(error, "end too early");
    heap_free(three);
}

static void what_is_left_over_is_an_error(void **state)
{
    const char *error = NULL;
    neg_reader r = neg_reader_of(BYTES("x"), &error);

    (void)state;
    neg_read_end(&r);
    assert_says(error, "more than its definition");
}

static void reads_lengths_of_every_size(void **state)
{
    static const size_t sizes[] = {0, 1, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x10000, 0x12345};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        neg_bytes wanted = {apr_pcalloc(pool, sizes[i] + 1), sizes[i]};
        neg_bytes whole = DER(NEG_DER_OCTET_STRING, wanted);
        neg_bytes got;

        assert_null(read_octets(whole, &got));
        assert_int_equal(got.len, sizes[i]);
        whole.len--;
        assert_sentence(read_octets(whole, &got));
    }
}

static void refuses_lengths_that_are_not_der(void **state)
{
    static const struct {
        const char *says;
        neg_bytes bytes;
    } cases[] = {
        {"indefinite", {(const unsigned char *)"\x04\x80\x00\x00", 4}},
        {"more octets", {(const unsigned char *)"\x04\x81\x01x", 4}},
        {"more octets", {(const unsigned char *)"\x04\x81\x00", 3}},
        {"more octets", {(const unsigned char *)"\x04\x82\x00\x01x", 5}},
        {"more octets", {(const unsigned char *)"\x04\x84\x00\x00\x00\x01x", 7}},
        {"four gigabytes", {(const unsigned char *)"\x04\x85\x01\x00\x00\x00\x00", 7}},
        {"four gigabytes", {(const unsigned char *)"\x04\xff", 2}},
        {"end too early", {(const unsigned char *)"\x04\x84\xff\xff\xff\xff", 6}},
        {"end too early", {(const unsigned char *)"\x04\x82\x01", 3}},
        {"end too early", {(const unsigned char *)"\x04\x01", 2}},
        {"end too early", {(const unsigned char *)"\x04", 1}},
        {"another type", {(const unsigned char *)"\x05\x00", 2}},
        {"end too early", {NULL, 0}},
        {"more than its definition", {(const unsigned char *)"\x04\x00\x04\x00", 4}},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        neg_bytes contents;

        assert_says(read_octets(cases[i].bytes, &contents), cases[i].says);
    }
}

static void the_short_form_is_used_where_it_can(void **state)
{
    neg_bytes contents = {apr_pcalloc(pool, 0x80), 0x80};
    neg_bytes got;

    (void)state;
    assert_null(read_octets(JOIN(BYTES("\x04\x81\x80"), contents), &got));
    assert_says(read_octets(JOIN(BYTES("\x04\x81\x7f"), (neg_bytes){contents.data, 0x7f}), &got),
                "more octets");
    assert_says(read_octets(JOIN(BYTES("\x04\x82\x00\x80"), contents), &got), "more octets");
}

static void reads_an_element_with_its_head(void **state)
{
    const char *error = NULL;
    neg_reader r = neg_reader_of(BYTES("\x61\x02hi\x04\x00"), &error);

    (void)state;
    assert_same_bytes(neg_read_der_whole(&r, 0x61), BYTES("\x61\x02hi"));
    assert_same_bytes(neg_read_der_whole(&r, 0x04), BYTES("\x04\x00"));
    neg_read_end(&r);
    assert_null(error);
    r = neg_reader_of(BYTES("\x61\x05hi"), &error);
    assert_int_equal(neg_read_der_whole(&r, 0x61).len, 0);
    assert_sentence(error);
}

static void skips_only_what_is_there(void **state)
{
    const char *error = NULL;
    neg_reader r = neg_reader_of(BYTES("\xa1\x01x\xa2\x00"), &error);

    (void)state;
    neg_read_der_skip(&r, NEG_DER_CONTEXT(0));
    neg_read_der_skip(&r, NEG_DER_CONTEXT(1));
    assert_true(neg_read_der_next_is(&r, NEG_DER_CONTEXT(2)));
    assert_null(error);
}

static void an_explicit_tag_holds_one_element(void **state)
{
    const char *error = NULL;
    neg_reader r = neg_reader_of(BYTES("\xa0\x03\x04\x01x"), &error);

    (void)state;
    assert_same_bytes(neg_read_der_field(&r, 0xa0, NEG_DER_OCTET_STRING), BYTES("x"));
    assert_null(error);
    r = neg_reader_of(BYTES("\xa0\x05\x04\x01x\x04\x00"), &error);
    (void)neg_read_der_field(&r, 0xa0, NEG_DER_OCTET_STRING);
    assert_says(error, "more than its definition");
}

static const char *read_int32(neg_bytes octets, apr_int32_t *value)
{
    const char *error = NULL;
    neg_reader r = neg_reader_of(DER(0xa0, DER(NEG_DER_INTEGER, octets)), &error);

    *value = neg_read_der_int32(&r, 0xa0);
    return error;
}

static void reads_numbers(void **state)
{
    static const struct {
        apr_int32_t wanted;
        neg_bytes octets;
    } cases[] = {
        {0, {(const unsigned char *)"\x00", 1}},
        {127, {(const unsigned char *)"\x7f", 1}},
        {128, {(const unsigned char *)"\x00\x80", 2}},
        {-1, {(const unsigned char *)"\xff", 1}},
        {-128, {(const unsigned char *)"\x80", 1}},
        {-133, {(const unsigned char *)"\xff\x7b", 2}},
        {999999, {(const unsigned char *)"\x0f\x42\x3f", 3}},
        {INT32_MAX, {(const unsigned char *)"\x7f\xff\xff\xff", 4}},
        {INT32_MIN, {(const unsigned char *)"\x80\x00\x00\x00", 4}},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        apr_int32_t value;

        assert_null(read_int32(cases[i].octets, &value));
        assert_int_equal(value, cases[i].wanted);
    }
}

static void refuses_numbers(void **state)
{
    apr_int32_t value;

    (void)state;
    assert_says(read_int32(NOTHING, &value), "empty");
    assert_says(read_int32(BYTES("\x01\x00\x00\x00\x00"), &value), "32 bits");
    assert_says(read_int32(BYTES("\x00\xff\xff\xff\xff"), &value), "32 bits");
    assert_says(read_int32(BYTES("\x00\x01"), &value), "more octets");
    assert_says(read_int32(BYTES("\x00\x00"), &value), "more octets");
    assert_says(read_int32(BYTES("\xff\x80"), &value), "more octets");
}

static const char *read_oid(neg_bytes octets)
{
    const char *error = NULL;
    neg_reader r = neg_reader_of(DER(NEG_DER_OID, octets), &error);

    (void)neg_read_der_oid(&r);
    return error;
}

static void reads_object_identifiers(void **state)
{
    (void)state;
    assert_null(read_oid(BYTES("\x2a")));
    assert_null(read_oid(BYTES("\x2a\x86\x48\x86\xf7\x12\x01\x02\x02")));
    assert_null(read_oid(BYTES("\x2a\x81\x80\x00"))); /* zeros within a number are no matter */
    assert_says(read_oid(NOTHING), "empty");
    assert_says(read_oid(BYTES("\x2a\x86")), "ends too early");
    assert_says(read_oid(BYTES("\x2a\x80\x01")), "starts with zeros");
    assert_says(read_oid(BYTES("\x80\x01")), "starts with zeros");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reads_integers_and_bytes),
        TEST(nothing_can_be_read_from_nothing),
        TEST(the_first_error_stays),
        TEST(after_an_error_nothing_is_read),
        TEST(nested_readers_share_the_error),
        TEST(too_much_to_read_is_an_error),
        TEST(what_is_left_over_is_an_error),
        TEST(reads_lengths_of_every_size),
        TEST(refuses_lengths_that_are_not_der),
        TEST(the_short_form_is_used_where_it_can),
        TEST(reads_an_element_with_its_head),
        TEST(skips_only_what_is_there),
        TEST(an_explicit_tag_holds_one_element),
        TEST(reads_numbers),
        TEST(refuses_numbers),
        TEST(reads_object_identifiers),
    };

    return RUN(tests);
}

#include "testing.h"

#include "keytabfile.h"

#define REALM "\0\x01R"
#define NAME                                                                                       \
    "\0\x02" REALM "\0\x04HTTP\0\x01h"                                                             \
    "\0\0\0\x03" /* HTTP/h@R, a service's */
#define TIME  "\x65\0\0\0"
#define KEY   "\0\x11\0\x02kk" /* of enctype 17; two octets are enough here */
#define PLAIN NAME TIME "\x03" KEY

#define RECORD(len, bytes) "\0\0\0" len bytes
#define FILE_OF(records)   BYTES("\x05\x02" records)

static const char *read_file(neg_bytes file, apr_array_header_t **entries)
{
    return neg_keytabfile_read(pool, file, entries);
}

static const neg_keytabfile_entry *only(neg_bytes file)
{
    apr_array_header_t *entries;
    assert_null(read_file(file, &entries));
    assert_int_equal(entries->nelts, 1);
    return &APR_ARRAY_IDX(entries, 0, neg_keytabfile_entry);
}

static void assert_bytes(neg_bytes bytes, const char *text)
{
    assert_int_equal(bytes.len, strlen(text));
    assert_memory_equal(bytes.data, text, bytes.len);
}

static void a_key_has_a_name_and_a_label(void **state)
{
    const neg_keytabfile_entry *entry = only(FILE_OF(RECORD("\x1d", PLAIN)));
    (void)state;
    assert_bytes(entry->realm, "R");
    assert_int_equal(entry->components->nelts, 2);
    assert_bytes(APR_ARRAY_IDX(entry->components, 0, neg_bytes), "HTTP");
    assert_bytes(APR_ARRAY_IDX(entry->components, 1, neg_bytes), "h");
    assert_int_equal(entry->name_type, 3);
    assert_int_equal(entry->timestamp, 0x65000000);
    assert_int_equal(entry->kvno, 3);
    assert_int_equal(entry->enctype, 17);
    assert_bytes(entry->key, "kk");
}

static void a_version_may_be_larger_than_an_octet(void **state)
{
    (void)state;
    assert_int_equal(only(FILE_OF(RECORD("\x21", PLAIN "\0\x01\0\x02")))->kvno, 0x10002);
    assert_int_equal(only(FILE_OF(RECORD("\x21", PLAIN "\0\0\0\0")))->kvno, 3);
    assert_int_equal(only(FILE_OF(RECORD("\x25", PLAIN "\0\0\x01\0more")))->kvno, 256);
}

static void an_enctype_may_be_negative(void **state)
{
    (void)state;
    assert_int_equal(only(FILE_OF(RECORD("\x1d", NAME TIME "\x03\xff\x7b\0\x02kk")))->enctype,
                     -133);
}

static void what_was_removed_is_not_there(void **state)
{
    apr_array_header_t *entries;
    (void)state;
    assert_null(read_file(FILE_OF("\xff\xff\xff\xfcgone" RECORD("\x1d", PLAIN) "\xff\xff\xff\xff."),
                          &entries));
    assert_int_equal(entries->nelts, 1);
    assert_null(read_file(FILE_OF(""), &entries));
    assert_int_equal(entries->nelts, 0);
    assert_null(read_file(FILE_OF("\0\0\0\0behind"), &entries));
    assert_int_equal(entries->nelts, 0);
}

static void what_is_damaged_is_no_keytab(void **state)
{
    static const struct {
        neg_bytes file;
        const char *why;
    } cases[] = {
        {{NULL, 0}, "too early"},
        {{(const unsigned char *)"\x05", 1}, "too early"},
        {{(const unsigned char *)"\x05\x01", 2}, "no keytab of the version"},
        {{(const unsigned char *)"#!/bin/sh\n", 10}, "no keytab of the version"},
        {{(const unsigned char *)"\x05\x02\x7f\xff\xff\xffx", 7}, "too early"},
        {{(const unsigned char *)"\x05\x02\x80\0\0\0x", 7}, "too early"},
        {{(const unsigned char *)"\x05\x02\0\0\0\x04\0\0\0\0", 10}, "no, or too many, parts"},
        {{(const unsigned char *)"\x05\x02\0\0\0\x04\xff\xff\0\0", 10}, "no, or too many, parts"},
    };
    apr_array_header_t *entries;
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_says(read_file(cases[i].file, &entries), cases[i].why);
    assert_says(read_file(FILE_OF(RECORD("\x1b", NAME TIME "\x03\0\x11\0\0")), &entries),
                "without octets");
}

/* Each byte in a block of its own, so that the sanitizer sees one that is not there. */
static void it_is_read_to_its_end_and_no_further(void **state)
{
    neg_bytes whole = FILE_OF(RECORD("\x1d", PLAIN));
    apr_array_header_t *entries;
    (void)state;
    for (size_t len = 0; len < whole.len; len++) {
        unsigned char *cut = malloc(len + !len);
        memcpy(cut, whole.data, len);
        if (len != 2)
            assert_says(read_file((neg_bytes){cut, len}, &entries), "too early");
        free(cut);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_key_has_a_name_and_a_label), TEST(a_version_may_be_larger_than_an_octet),
        TEST(an_enctype_may_be_negative),   TEST(what_was_removed_is_not_there),
        TEST(what_is_damaged_is_no_keytab), TEST(it_is_read_to_its_end_and_no_further),
    };
    return RUN(tests);
}

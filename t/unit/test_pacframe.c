#include "testing.h"

#include "pacframe.h"

/* ---- A PAC by hand (MS-PAC sections 2.3, 2.4) ---- */

typedef struct {
    uint32_t type;
    neg_bytes bytes;
} part;

static unsigned char buffer[1024];

static void put(size_t at, uint32_t value)
{
    for (size_t i = 0; i < 4; i++)
        buffer[at + i] = (unsigned char)(value >> (8 * i));
}

/* Where the head of the buffer with this number is. */
static size_t head(size_t i)
{
    return 8 + 16 * i;
}

static neg_bytes make(const part *parts, size_t count)
{
    size_t end = head(count);

    memset(buffer, 0, sizeof(buffer));
    put(0, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        put(head(i), parts[i].type);
        put(head(i) + 4, (uint32_t)parts[i].bytes.len);
        put(head(i) + 8, (uint32_t)end);
        memcpy(buffer + end, parts[i].bytes.data, parts[i].bytes.len);
        end += (parts[i].bytes.len + 7) & ~(size_t)7;
    }
    return (neg_bytes){buffer, end};
}

#define MAKE(...) make((const part[]){__VA_ARGS__}, sizeof((part[]){__VA_ARGS__}) / sizeof(part))

#define SERVER ((part){6, BYTES("\x10\0\0\0twelve bytes")})
#define KDC                                                                                        \
    ((part){7, BYTES("\x76\xff\xff\xff"                                                            \
                     "0123456789abcdef"                                                            \
                     "\x01\0")})
#define CLIENT                                                                                     \
    ((part){10, BYTES("\0\0\x6d\xc6\x47\x17\xda\x01"                                               \
                      "\x0a\0"                                                                     \
                      "a\0l\0i\0c\0e\0")})
#define LOGON ((part){1, BYTES("logon information")})
#define UPN   ((part){12, BYTES("UPN_DNS_INFO")})
#define OTHER ((part){17, BYTES("of a type that nobody reads")})
#define WHOLE MAKE(LOGON, CLIENT, UPN, OTHER, SERVER, KDC)

static const char *read_copy(neg_bytes pac, neg_pac_frame *got)
{
    static neg_bytes copy;

    heap_free(copy);
    copy = heap_copy(pac, pac.len);
    return neg_pac_frame_read(copy, got);
}

static void refuses(neg_bytes pac, const char *why)
{
    neg_pac_frame got = {.logon_info = BYTES("untouched")};

    assert_says(read_copy(pac, &got), why);
    assert_same_bytes(got.logon_info, BYTES("untouched"));
    assert_null(got.client_info.data);
}

static void finds_the_buffers(void **state)
{
    neg_pac_frame got;

    (void)state;
    assert_null(read_copy(WHOLE, &got));
    assert_same_bytes(got.logon_info, LOGON.bytes);
    assert_same_bytes(got.upn_dns_info, UPN.bytes);
    assert_same_bytes(got.client_info, CLIENT.bytes);
    assert_int_equal(got.server.type, 16);
    assert_same_bytes(got.server.signature, BYTES("twelve bytes"));
    assert_int_equal(got.kdc.type, -138);
    assert_int_equal(got.kdc.signature.len, 18);
}

static void some_may_be_missing(void **state)
{
    neg_pac_frame got;

    (void)state;
    assert_null(read_copy(MAKE(CLIENT, SERVER, KDC), &got));
    assert_null(got.logon_info.data);
    assert_null(got.upn_dns_info.data);
    assert_null(read_copy(MAKE(CLIENT, SERVER, KDC, ((part){1, BYTES("")})), &got));
    assert_non_null(got.logon_info.data);
    assert_int_equal(got.logon_info.len, 0);
}

static void others_may_not(void **state)
{
    (void)state;
    refuses(MAKE(LOGON, CLIENT, SERVER), "not signed");
    refuses(MAKE(LOGON, CLIENT, KDC), "not signed");
    refuses(MAKE(LOGON, SERVER, KDC), "whose it is");
    refuses(MAKE(CLIENT, ((part){6, BYTES("\x10\0\0")}), KDC), "end too early");
    refuses(MAKE(OTHER), "not signed");
    refuses((neg_bytes){(const unsigned char *)"\0\0\0\0\0\0\0\0", 8}, "not signed");
}

static void there_is_one_of_each(void **state)
{
    neg_pac_frame got;

    (void)state;
    refuses(MAKE(LOGON, LOGON, CLIENT, SERVER, KDC), "two buffers");
    refuses(MAKE(CLIENT, SERVER, KDC, SERVER), "two buffers");
    refuses(MAKE(CLIENT, SERVER, KDC, KDC), "two buffers");
    refuses(MAKE(CLIENT, SERVER, KDC, CLIENT), "two buffers");
    refuses(MAKE(CLIENT, SERVER, UPN, KDC, UPN), "two buffers");
    assert_null(read_copy(MAKE(CLIENT, SERVER, OTHER, KDC, OTHER), &got));
}

/* Buffers 0 to 5 are those of WHOLE; 4 and 5 are signatures. */
static void changed(size_t at, uint32_t value, const char *why)
{
    neg_bytes whole = WHOLE;

    put(at, value);
    refuses(whole, why);
}

static void none_lies_elsewhere(void **state)
{
    neg_bytes whole = WHOLE;

    (void)state;
    changed(head(0) + 8, 8, "outside");
    changed(head(0) + 8, 0, "outside");
    changed(head(0) + 8, (uint32_t)whole.len, "outside");
    changed(head(0) + 8, 0xfffffff8, "outside");
    changed(head(0) + 12, 1, "outside");
    changed(head(0) + 4, 0xffffffff, "outside");
    changed(head(3) + 4, (uint32_t)whole.len, "outside");
    changed(head(0) + 8, (uint32_t)head(6) + 4, "multiple of eight");
}

static void a_signature_is_nothing_else(void **state)
{
    neg_bytes whole = WHOLE;
    uint32_t server = buffer[head(4) + 8], kdc = buffer[head(5) + 8];

    (void)state;
    (void)whole;
    assert_true(server && kdc == server + 16);
    changed(head(0) + 8, server, "shares bytes");
    changed(head(3) + 8, server - 8, "shares bytes");
    changed(head(0) + 8, kdc, "shares bytes");
    changed(head(4) + 4, 17, "shares bytes");
    changed(head(5) + 8, server, "shares bytes");
    changed(head(4) + 8, buffer[head(0) + 8], "shares bytes");
}

static void refuses_another_form(void **state)
{
    (void)state;
    changed(4, 1, "version");
    changed(0, 0xffffffff, "cut off");
    changed(0, 1000, "cut off");
    changed(0, 0, "not signed");
    refuses(NOTHING, "end too early");
}

static void every_cut_is_refused(void **state)
{
    neg_bytes whole = MAKE(CLIENT, SERVER, KDC);
    neg_pac_frame got;

    (void)state;
    /* The last buffer is padded to a multiple of eight. */
    for (size_t len = 0; len < whole.len - 2; len++)
        assert_non_null(read_copy((neg_bytes){buffer, len}, &got));
}

static void gives_all_or_a_sentence(neg_bytes pac)
{
    neg_pac_frame got = {.logon_info = NOTHING};
    const char *error = neg_pac_frame_read(pac, &got);

    if (error)
        assert_sentence(error);
    else
        assert_true(lies_within(got.server.signature, pac) && lies_within(got.kdc.signature, pac) &&
                    lies_within(got.client_info, pac));
}

static void any_changed_byte_is_harmless(void **state)
{
    neg_bytes whole = WHOLE;

    (void)state;
    for_each_mutation((neg_bytes){apr_pmemdup(pool, whole.data, whole.len), whole.len},
                      gives_all_or_a_sentence);
}

/* ---- PAC_CLIENT_INFO ---- */

static void refuses_client(neg_bytes info, const char *why)
{
    neg_pac_client got = {42, "untouched"};
    neg_bytes copy = heap_copy(info, info.len);

    assert_says(neg_pac_client_read(pool, copy, &got), why);
    assert_int_equal(got.authtime, 42);
    assert_string_equal(got.name, "untouched");
    heap_free(copy);
}

static void says_whose_it_is(void **state)
{
    neg_bytes info = CLIENT.bytes;
    neg_pac_client got;

    (void)state;
    assert_null(neg_pac_client_read(pool, info, &got));
    assert_int_equal(got.authtime, apr_time_from_sec(1700000000));
    assert_string_equal(got.name, "alice");
    for (size_t len = 0; len < info.len; len++)
        refuses_client((neg_bytes){info.data, len}, "end too early");
}

static void refuses_names_that_are_none(void **state)
{
#define WHEN BYTES("\0\0\x6d\xc6\x47\x17\xda\x01")
    (void)state;
    refuses_client(JOIN(WHEN, BYTES("\0\0")), "no text");
    refuses_client(JOIN(WHEN, BYTES("\x03\0a\0b")), "odd length");
    refuses_client(JOIN(WHEN, BYTES("\x04\0a\0\0\0")), "no text");
    refuses_client(JOIN(WHEN, BYTES("\x02\0\0\xd8")), "no text");
    refuses_client(BYTES("\0\0\0\0\0\0\0\0\x02\0a\0"), "before 1970");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(finds_the_buffers),
        TEST(some_may_be_missing),
        TEST(others_may_not),
        TEST(there_is_one_of_each),
        TEST(none_lies_elsewhere),
        TEST(a_signature_is_nothing_else),
        TEST(refuses_another_form),
        TEST(every_cut_is_refused),
        TEST(any_changed_byte_is_harmless),
        TEST(says_whose_it_is),
        TEST(refuses_names_that_are_none),
    };

    return RUN(tests);
}

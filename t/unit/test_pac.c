#include "testing.h"

#include "pac.h"

/* ---- A PAC by hand (MS-PAC section 2.5) ---- */

/* Where the fixed part of KERB_VALIDATION_INFO has what the tests change. */
enum {
    FIXED = 20,
    ACCOUNT = FIXED + 48,
    USER = FIXED + 100,
    PRIMARY = FIXED + 104,
    GROUP_COUNT = FIXED + 108,
    GROUPS = FIXED + 112,
    FLAGS = FIXED + 116,
    DOMAIN_ID = FIXED + 152,
    ACCOUNT_CONTROL = FIXED + 164,
    EXTRA_COUNT = FIXED + 196,
    EXTRA = FIXED + 200,
    RESOURCE_DOMAIN = FIXED + 204,
    RESOURCE_COUNT = FIXED + 208,
    RESOURCE = FIXED + 212,
    DEFERRED = FIXED + 216
};

static unsigned char buffer[1024];
static size_t end;

static void put_32(size_t at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        buffer[at + (size_t)i] = (unsigned char)(value >> (8 * i));
}

static void add_32(uint32_t value)
{
    put_32(end, value);
    end += 4;
}

static void add_sid(uint32_t a, uint32_t b)
{
    static const unsigned char head[] = {1, 3, 0, 0, 0, 0, 0, 5};

    add_32(3);
    memcpy(buffer + end, head, sizeof(head));
    end += sizeof(head);
    add_32(21);
    add_32(a);
    add_32(b);
}

/* alice (1001) of S-1-5-21-1-2 in 513, and in 1200 for deny only; extra S-1-5-21-7-8; resource
 * group 1400 of S-1-5-21-4-5. */
static neg_bytes make(void)
{
    static const char name[] = "a\0l\0i\0c\0e";

    memset(buffer, 0, sizeof(buffer));
    end = DEFERRED;
    buffer[0] = 1;
    buffer[1] = 0x10;
    buffer[2] = 8;
    put_32(16, 1);
    put_32(ACCOUNT, 10 | 10 << 16);
    put_32(ACCOUNT + 4, 1);
    put_32(USER, 1001);
    put_32(PRIMARY, 513);
    put_32(GROUP_COUNT, 2);
    put_32(GROUPS, 1);
    put_32(FLAGS, 0x220);
    put_32(DOMAIN_ID, 1);
    put_32(EXTRA_COUNT, 1);
    put_32(EXTRA, 1);
    put_32(RESOURCE_DOMAIN, 1);
    put_32(RESOURCE_COUNT, 1);
    put_32(RESOURCE, 1);
    add_32(5);
    add_32(0);
    add_32(5);
    memcpy(buffer + end, name, sizeof(name));
    end += 12; /* two of them to align */
    add_32(2);
    add_32(513);
    add_32(7);
    add_32(1200);
    add_32(16);
    add_sid(1, 2);
    add_32(1);
    add_32(1);
    add_32(7);
    add_sid(7, 8);
    add_sid(4, 5);
    add_32(1);
    add_32(1400);
    add_32(7);
    put_32(8, (uint32_t)end - 16);
    return (neg_bytes){buffer, end};
}

static const char *refused(neg_bytes bytes)
{
    neg_logon_info info = {"untouched", NULL, NULL, NULL, 0};
    const char *why = neg_pac_logon_info(pool, bytes, &info);

    assert_string_equal(info.account, "untouched");
    return why;
}

/* The PAC with one number changed. */
static const char *refused_with(size_t at, uint32_t value)
{
    neg_bytes bytes = make();

    put_32(at, value);
    return refused(bytes);
}

static void assert_list(const neg_sids *list, const char *joined)
{
    const char *text = "";
    int count = 0;

    for (neg_bytes rest = neg_sids_all(list); rest.len; count++)
        text = apr_pstrcat(pool, text, neg_sid_text(pool, neg_sids_next(&rest)), " ", NULL);
    assert_string_equal(text, joined);
    assert_int_equal(list->count, count);
}

/* ---- Tests ---- */

static void reads_all_of_it(void **state)
{
    neg_logon_info info;

    (void)state;
    assert_null(neg_pac_logon_info(pool, make(), &info));
    assert_string_equal(info.account, "alice");
    assert_string_equal(info.sid, "S-1-5-21-1-2-1001");
    assert_list(info.groups, "S-1-5-21-1-2-513 S-1-5-21-7-8 S-1-5-21-4-5-1400 S-1-1-0 S-1-5-11 ");
    assert_list(info.deny_only, "S-1-5-21-1-2-1200 ");
}

static void the_primary_group_is_one(void **state)
{
    neg_logon_info info;
    neg_bytes bytes = make();

    (void)state;
    put_32(PRIMARY, 600);
    assert_null(neg_pac_logon_info(pool, bytes, &info));
    assert_list(info.groups, "S-1-5-21-1-2-513 S-1-5-21-1-2-600 S-1-5-21-7-8 S-1-5-21-4-5-1400 "
                             "S-1-1-0 S-1-5-11 ");
    put_32(PRIMARY, 1200); /* it is there, for deny only */
    assert_null(neg_pac_logon_info(pool, bytes, &info));
    assert_list(info.groups, "S-1-5-21-1-2-513 S-1-5-21-7-8 S-1-5-21-4-5-1400 S-1-1-0 S-1-5-11 ");
}

static void a_user_of_no_domain_is_the_first_extra_sid(void **state)
{
    neg_logon_info info;
    neg_bytes bytes = make();

    (void)state;
    put_32(USER, 0);
    assert_null(neg_pac_logon_info(pool, bytes, &info));
    assert_string_equal(info.sid, "S-1-5-21-7-8");
    assert_list(info.groups, "S-1-5-21-1-2-513 S-1-5-21-4-5-1400 S-1-1-0 S-1-5-11 ");
}

static void a_guest_is_not_authenticated(void **state)
{
    neg_logon_info info;
    neg_bytes bytes = make();

    (void)state;
    put_32(FLAGS, 0x221);
    assert_null(neg_pac_logon_info(pool, bytes, &info));
    assert_list(info.groups, "S-1-5-21-1-2-513 S-1-5-21-7-8 S-1-5-21-4-5-1400 S-1-1-0 ");
}

static void knows_who_may_not_be_delegated(void **state)
{
    neg_logon_info info;
    neg_bytes bytes = make();

    (void)state;
    put_32(ACCOUNT_CONTROL, ~0x4000u);
    assert_null(neg_pac_logon_info(pool, bytes, &info));
    assert_int_equal(info.not_delegated, 0);
    put_32(ACCOUNT_CONTROL, 0x4010);
    assert_null(neg_pac_logon_info(pool, bytes, &info));
    assert_int_equal(info.not_delegated, 1);
}

static void refuses_counts_that_are_not_so(void **state)
{
    (void)state;
    assert_says(refused_with(GROUP_COUNT, 3), "another count");
    assert_says(refused_with(GROUP_COUNT, 0x80000000), "another count");
    assert_says(refused_with(EXTRA_COUNT, 0xffffffff), "another count");
    assert_says(refused_with(RESOURCE_COUNT, 2), "another count");
    assert_says(refused_with(GROUPS, 0), "has none");
    assert_says(refused_with(EXTRA, 0), "has none");
    assert_says(refused_with(RESOURCE, 0), "has none");
    assert_says(refused_with(8, 0xffffffff), "more than it has");
    assert_says(refused_with(8, 0), "more than it announces");
}

static void refuses_what_makes_no_sense(void **state)
{
    (void)state;
    assert_says(refused_with(FLAGS, 0x200), "extra SIDs without the flag");
    assert_says(refused_with(FLAGS, 0x20), "resource groups without the flag");
    assert_says(refused_with(RESOURCE_DOMAIN, 0), "resource groups without");
    assert_says(refused_with(DOMAIN_ID, 0), "no domain");
    assert_says(refused_with(16, 0), "nothing in it");
    assert_says(refused_with(0, 0x00080002), "version 1");
    assert_says(refused_with(ACCOUNT, 9 | 9 << 16), "odd length");
    assert_says(refused_with(ACCOUNT, 10), "longer than its buffer");
    assert_says(refused_with(ACCOUNT, 8 | 10 << 16), "another length");
    assert_says(refused_with(ACCOUNT + 4, 0), "no text");
    assert_says(refused_with(DEFERRED + 4, 1), "offset");
}

static void every_cut_is_refused(void **state)
{
    neg_bytes whole = make();

    (void)state;
    for (size_t len = 0; len < whole.len; len++) {
        neg_bytes cut = heap_copy(whole, len);

        assert_sentence(refused(cut));
        heap_free(cut);
    }
    /* And where the head says so, too. */
    for (size_t len = 16; len < whole.len; len++) {
        neg_bytes cut = heap_copy(whole, len);
        uint32_t rest = (uint32_t)len - 16;

        memcpy((unsigned char *)cut.data + 8, &rest, 4);
        assert_sentence(refused(cut));
        heap_free(cut);
    }
}

static void look(neg_bytes bytes)
{
    neg_logon_info info;
    const char *why = neg_pac_logon_info(pool, bytes, &info);

    if (why)
        assert_sentence(why);
    else
        assert_non_null(info.sid);
    apr_pool_clear(pool);
}

static void any_changed_byte_is_harmless(void **state)
{
    (void)state;
    for_each_mutation(make(), look);
}

static neg_upn_info upn_of(neg_bytes bytes)
{
    neg_upn_info info;

    assert_null(neg_pac_upn_dns_info(pool, bytes, &info));
    return info;
}

static const char *upn_refused(neg_bytes bytes)
{
    neg_upn_info info = {"untouched", NULL, NULL};
    const char *why = neg_pac_upn_dns_info(pool, bytes, &info);

    assert_string_equal(info.upn, "untouched");
    return why;
}

static void reads_a_upn(void **state)
{
    (void)state;
    assert_string_equal(upn_of(BYTES("\6\0\14\0\0\0\0\0\0\0\0\0a\0@\0b\0")).upn, "a@b");
    assert_null(upn_of(BYTES("\0\0\0\0\0\0\0\0\0\0\0\0")).upn);
    assert_null(upn_of(BYTES("\4\0\14\0\0\0\0\0\0\0\0\0a\0@\0")).upn);
    assert_null(upn_of(BYTES("\6\0\14\0\0\0\0\0\0\0\0\0\n\0@\0b\0")).upn);
    assert_string_equal(
        upn_of(BYTES("\0\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\14\0\30\0....\1\1\0\0\0\0\0\5"
                     "\7\0\0\0") /* padding is not looked at */)
                .sid
            ? "sid"
            : "none",
        "sid");
}

static void refuses_a_upn_elsewhere(void **state)
{
    (void)state;
    assert_says(upn_refused(BYTES("")), "end");
    assert_says(upn_refused(BYTES("\6\0\15\0\0\0\0\0\0\0\0\0a\0@\0b\0")), "more than it has");
    assert_says(upn_refused(BYTES("\376\377\14\0\0\0\0\0\0\0\0\0a\0@\0b\0")), "more than it has");
    assert_says(upn_refused(BYTES("\5\0\14\0\0\0\0\0\0\0\0\0a\0@\0b\0")), "odd length");
    assert_says(upn_refused(BYTES("\6\0\0\0\0\0\0\0\0\0\0\0a\0@\0b\0")), "within its head");
    assert_says(upn_refused(BYTES("\0\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\4\0\24\0\1\1\0\0")), "early");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reads_all_of_it),
        TEST(the_primary_group_is_one),
        TEST(a_user_of_no_domain_is_the_first_extra_sid),
        TEST(a_guest_is_not_authenticated),
        TEST(knows_who_may_not_be_delegated),
        TEST(refuses_counts_that_are_not_so),
        TEST(refuses_what_makes_no_sense),
        TEST(every_cut_is_refused),
        TEST(any_changed_byte_is_harmless),
        TEST(reads_a_upn),
        TEST(refuses_a_upn_elsewhere),
    };

    return RUN(tests);
}

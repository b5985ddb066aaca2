#include "testing.h"

#include "sid.h"

static neg_bytes sid_of(const char *text)
{
    neg_bytes sid = NOTHING;

    assert_null(neg_sid_parse(pool, text, &sid));
    return sid;
}

static void same(const char *text)
{
    assert_string_equal(neg_sid_text(pool, sid_of(text)), text);
}

static void reads_and_writes(void **state)
{
    (void)state;
    same("S-1-1-0");
    same("S-1-5-11");
    same("S-1-5-32-544");
    same("S-1-5-21-1004336348-1177238915-682003330-512");
    same("S-1-5-4294967295-0-4294967295");
    same("S-1-4294967295-1");
    same("S-1-0x000100000000-1");
    same("S-1-0xffffffffffff-1");
    same("S-1-5-1-2-3-4-5-6-7-8-9-10-11-12-13-14-15");
    same("S-1-0xffffffffffff-4294967295-4294967295-4294967295-4294967295-4294967295-4294967295-"
         "4294967295-4294967295-4294967295-4294967295-4294967295-4294967295-4294967295-4294967295-"
         "4294967295");
}

static void writes_one_after_another(void **state)
{
    static const char *const texts[] = {
        "S-1-5-21-1-2-3-512",
        "S-1-5-21-1-2-3-4294967295",
        "S-1-5-21-1-2-3-0",
        "S-1-5-21-1-2-3-5-6",
        "S-1-5-21-1-2-4-5-7",
        "S-1-1-0",
        "S-1-5-11",
        "S-1-5-4294967295",
        "S-1-0xffffffffffff-4294967295",
        "S-1-0xffffffffffff-123",
    };
    char text[NEG_SID_TEXT_MAX];
    neg_bytes before = NOTHING;
    size_t len = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        len = neg_sid_write_next(text, len, before, sid_of(texts[i]));
        before = sid_of(texts[i]);
        assert_string_equal(text, texts[i]);
        assert_int_equal(len, strlen(texts[i]));
    }
}

static void refuses_everything_else(void **state)
{
    static const char *const texts[] = {
        "",
        "S",
        "S-1",
        "S-1-",
        "S-1-5",
        "S-1-5-",
        "S-1-5--1",
        "s-1-5-11",
        "S-2-5-11",
        "S-1-5-011",
        "S-1-05-11",
        "S-1-5-11 ",
        " S-1-5-11",
        "S-1-5-11x",
        "S-1-5-+11",
        "S-1-5-4294967296",
        "S-1-5-99999999999999999999999999",
        "S-1-4294967296-1",
        "S-1-0x5-11",
        "S-1-0x000000000005-11",
        "S-1-0xfffffffffffff-1",
        "S-1-0x00010000000g-1",
        "S-1-5-1-2-3-4-5-6-7-8-9-10-11-12-13-14-15-16",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        neg_bytes sid = {NULL, 99};

        assert_sentence(neg_sid_parse(pool, texts[i], &sid));
        assert_int_equal(sid.len, 99);
    }
}

static void has_its_bytes(void **state)
{
    (void)state;
    assert_same_bytes(sid_of("S-1-5-11"), BYTES("\1\1\0\0\0\0\0\5\13\0\0\0"));
    assert_same_bytes(sid_of("S-1-0x010203040506-4278255615-1"),
                      BYTES("\1\2\1\2\3\4\5\6\377\377\0\377\1\0\0\0"));
}

/* Of the first one that is read from the bytes; empty when it is refused. */
static neg_bytes read_one(neg_bytes bytes)
{
    const char *error = NULL;
    neg_reader r = neg_reader_of(bytes, &error);
    neg_bytes sid = neg_sid_read(&r);

    assert_true((error == NULL) == (sid.len > 0));
    return sid;
}

static void reads_bytes(void **state)
{
    neg_bytes whole = sid_of("S-1-5-21-1-2-3-512");

    (void)state;
    assert_same_bytes(read_one(JOIN(whole, BYTES("more"))), whole);
    for (size_t len = 0; len < whole.len; len++) {
        neg_bytes cut = heap_copy(whole, len);

        assert_int_equal(read_one(cut).len, 0);
        heap_free(cut);
    }
    assert_int_equal(read_one(BYTES("\2\1\0\0\0\0\0\5\13\0\0\0")).len, 0);
    assert_int_equal(read_one(BYTES("\1\0\0\0\0\0\0\5\13\0\0\0")).len, 0);
    assert_int_equal(read_one(BYTES("\1\20\0\0\0\0\0\5................................"
                                    "................................"))
                         .len,
                     0);
}

static void knows_domains(void **state)
{
    neg_bytes sid = sid_of("S-1-5-21-1-2-3-512");

    (void)state;
    assert_int_equal(neg_sid_rid(sid), 512);
    assert_true(neg_sid_equal(neg_sid_sibling(pool, sid, 4294967295u),
                              sid_of("S-1-5-21-1-2-3-4294967295")));
    assert_true(neg_sid_same_domain(sid, sid_of("S-1-5-21-1-2-3-513")));
    assert_false(neg_sid_same_domain(sid, sid_of("S-1-5-21-1-2-4-512")));
    assert_false(neg_sid_same_domain(sid, sid_of("S-1-5-21-1-2-3")));
    assert_false(neg_sid_same_domain(sid, sid_of("S-1-5-21-1-2-3-512-1")));
    assert_false(neg_sid_equal(sid, sid_of("S-1-5-21-1-2-3")));
    assert_false(neg_sid_equal(sid, sid_of("S-1-5-21-1-2-3-1512")));
}

static void lists_sids(void **state)
{
    neg_sids *sids = neg_sids_make(pool, 0), *copy;
    neg_bytes domain = sid_of("S-1-5-21-1-2-3"), first = neg_sids_add_rid(sids, domain, 1), rest;

    (void)state;
    for (unsigned i = 2; i < 1000; i++)
        neg_sids_add_sibling(sids, first, i);
    neg_sids_add(sids, sid_of("S-1-1-0"));
    assert_true(neg_sid_equal(first, sid_of("S-1-5-21-1-2-3-1")));
    copy = neg_sids_dup(pool, sids);
    assert_int_equal(copy->count, 1000);
    assert_same_bytes(neg_sids_all(copy), neg_sids_all(sids));
    rest = neg_sids_all(sids);
    assert_string_equal(neg_sid_text(pool, neg_sids_next(&rest)), "S-1-5-21-1-2-3-1");
    assert_string_equal(neg_sid_text(pool, neg_sids_next(&rest)), "S-1-5-21-1-2-3-2");
    assert_null(neg_sids_dup(pool, NULL));
}

static void knows_names(void **state)
{
    int asserted = 1;

    (void)state;
    assert_string_equal(neg_sid_well_known("everyone", &asserted), "S-1-1-0");
    assert_false(asserted);
    assert_string_equal(neg_sid_well_known("Authenticated Users", &asserted), "S-1-5-11");
    assert_false(asserted);
    assert_string_equal(neg_sid_well_known("Key Trust Identity", &asserted), "S-1-18-4");
    assert_true(asserted);
    assert_null(neg_sid_well_known("Administrators", &asserted));
    assert_null(neg_sid_well_known("Domain Users", &asserted));
    assert_int_equal(neg_sid_domain_group("domain ADMINS"), 512);
    assert_int_equal(neg_sid_domain_group("Domain Users"), 513);
    assert_int_equal(neg_sid_domain_group("Everyone"), 0);
    assert_int_equal(neg_sid_domain_group(""), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reads_and_writes),
        TEST(writes_one_after_another),
        TEST(refuses_everything_else),
        TEST(has_its_bytes),
        TEST(reads_bytes),
        TEST(knows_domains),
        TEST(lists_sids),
        TEST(knows_names),
    };

    return RUN(tests);
}

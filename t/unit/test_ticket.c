#include "testing.h"

#include "ticket.h"

#define STRING(text) DER(0x1b, BYTES(text))
#define TIME(text)   DER(0x18, BYTES(text))
#define FLAGS        DER(0xa0, DER(0x03, BYTES("\0\x40\0\0\0")))
#define KEY          DER(0xa1, DER(0x30, DER(0xa0, DER(0x02, BYTES("\x12")))))
#define CREALM       DER(0xa2, STRING("EXAMPLE.TEST"))
#define CNAME        DER(0xa3, DER(0x30, NOTHING))
#define TRANSITED    DER(0xa4, DER(0x30, NOTHING))
#define AUTHTIME     DER(0xa5, TIME("20231114221320Z"))
#define ENDTIME      DER(0xa7, TIME("20231115221320Z"))
#define HEAD         JOIN(FLAGS, KEY, CREALM, CNAME, TRANSITED)
#define PART(...)    DER(0x63, DER(0x30, __VA_ARGS__))

#define ELEMENT(type, data) DER(0x30, DER(0xa0, DER(0x02, type)), DER(0xa1, DER(0x04, data)))
#define IF_RELEVANT(...)    ELEMENT(BYTES("\x01"), DER(0x30, __VA_ARGS__))
#define PAC(bytes)          ELEMENT(BYTES("\0\x80"), bytes)
#define OTHER               ELEMENT(BYTES("\x8d"), BYTES("of another type"))
#define AUTHORIZATION(...)  DER(0xaa, DER(0x30, __VA_ARGS__))
#define WITH(...)           PART(HEAD, AUTHTIME, ENDTIME, AUTHORIZATION(__VA_ARGS__))
#define ONE                 BYTES("the first PAC")
#define TWO                 BYTES("the second")

static void reads(neg_bytes plain, int pacs, neg_bytes pac)
{
    neg_bytes copy = heap_copy(plain, plain.len);
    neg_ticket_part got;
    const char *error = neg_ticket_part_read(copy, &got);

    if (error)
        fail_msg("refused: %s", error);
    assert_int_equal(apr_time_sec(got.authtime), 1700000000);
    assert_int_equal(got.pacs, pacs);
    assert_same_bytes(got.pac, pac);
    assert_true(!got.pac.len || lies_within(got.pac, copy));
    heap_free(copy);
}

static void refuses(neg_bytes plain, const char *part)
{
    neg_bytes copy = heap_copy(plain, plain.len);
    neg_ticket_part got = {42, 42, BYTES("untouched")};

    assert_says(neg_ticket_part_read(copy, &got), part);
    assert_int_equal(got.authtime, 42);
    assert_int_equal(got.pacs, 42);
    assert_same_bytes(got.pac, BYTES("untouched"));
    heap_free(copy);
}

static void finds_the_pac(void **state)
{
    (void)state;
    reads(WITH(IF_RELEVANT(PAC(ONE))), 1, ONE);
    reads(WITH(PAC(ONE)), 1, ONE);
    reads(WITH(OTHER, IF_RELEVANT(OTHER, PAC(ONE), OTHER), OTHER), 1, ONE);
    reads(WITH(IF_RELEVANT(OTHER)), 0, NOTHING);
    reads(PART(HEAD, AUTHTIME, ENDTIME), 0, NOTHING);
}

static void counts_them(void **state)
{
    (void)state;
    reads(WITH(IF_RELEVANT(PAC(ONE), PAC(TWO))), 2, ONE);
    reads(WITH(IF_RELEVANT(PAC(ONE)), IF_RELEVANT(PAC(TWO))), 2, ONE);
    reads(WITH(PAC(ONE), IF_RELEVANT(PAC(TWO), PAC(ONE))), 3, ONE);
}

static void deeper_ones_are_not_looked_for(void **state)
{
    (void)state;
    reads(WITH(IF_RELEVANT(IF_RELEVANT(PAC(TWO)), PAC(ONE))), 1, ONE);
}

static void optional_fields_and_padding_are_passed_over(void **state)
{
    neg_bytes start = DER(0xa6, TIME("20231114221320Z")),
              renew = DER(0xa8, TIME("20231114221320Z"));
    neg_bytes hosts = DER(0xa9, DER(0x30, NOTHING));

    (void)state;
    reads(PART(HEAD, AUTHTIME, start, ENDTIME, renew, hosts, AUTHORIZATION(PAC(ONE))), 1, ONE);
    reads(JOIN(WITH(PAC(ONE)), BYTES("\0\0\0")), 1, ONE);
}

static void refuses_other_plaintexts(void **state)
{
    (void)state;
    refuses(NOTHING, "end too early");
    refuses(DER(0x62, DER(0x30, HEAD, AUTHTIME, ENDTIME)), "another type");
    refuses(PART(HEAD, ENDTIME), "another type");
    refuses(PART(HEAD, AUTHTIME), "end too early");
    refuses(PART(HEAD, AUTHTIME, ENDTIME, DER(0xab, NOTHING)), "more than");
    refuses(PART(HEAD, DER(0xa5, TIME("20231314221320Z")), ENDTIME), "no calendar");
    refuses(WITH(DER(0x30, DER(0xa0, DER(0x02, BYTES("\0\x80"))))), "end too early");
    refuses(WITH(ELEMENT(BYTES("\x01"), ONE)), "another type");
    refuses(WITH(ELEMENT(BYTES("\x01"), JOIN(DER(0x30, PAC(ONE)), BYTES("\0")))), "more than");
    refuses(WITH(PAC(ONE), BYTES("\0")), "another type");
}

static void every_cut_is_refused(void **state)
{
    neg_bytes whole = WITH(IF_RELEVANT(PAC(ONE)));

    (void)state;
    for (size_t len = 0; len < whole.len; len++)
        refuses((neg_bytes){whole.data, len}, "end too early");
}

static void gives_all_or_a_sentence(neg_bytes plain)
{
    neg_ticket_part got = {-1, -1, NOTHING};
    const char *error = neg_ticket_part_read(plain, &got);

    if (error)
        assert_sentence(error);
    else
        assert_true(got.pacs >= 0 && (!got.pac.len || lies_within(got.pac, plain)));
}

static void any_changed_byte_is_harmless(void **state)
{
    (void)state;
    for_each_mutation(WITH(IF_RELEVANT(PAC(ONE)), OTHER), gives_all_or_a_sentence);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(finds_the_pac),
        TEST(counts_them),
        TEST(deeper_ones_are_not_looked_for),
        TEST(optional_fields_and_padding_are_passed_over),
        TEST(refuses_other_plaintexts),
        TEST(every_cut_is_refused),
        TEST(any_changed_byte_is_harmless),
    };

    return RUN(tests);
}

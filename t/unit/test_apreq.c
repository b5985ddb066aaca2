#include "testing.h"

#include "apreq.h"

#define VERSION_5  BYTES("\xa0\x03\x02\x01\x05")
#define MSG_TYPE   BYTES("\xa1\x03\x02\x01\x0e")
#define AP_OPTIONS DER(0xa2, DER(0x03, BYTES("\0\x20\0\0\0")))
#define TICKET     DER(0x61, BYTES("ticket, not looked into"))
#define CIPHER     BYTES("ciphertext")

static neg_bytes encrypted_data(const char *etype, size_t etype_len, neg_bytes kvno)
{
    neg_bytes number = {(const unsigned char *)etype, etype_len};

    return DER(0xa4, DER(0x30, DER(0xa0, DER(0x02, number)), kvno, DER(0xa2, DER(0x04, CIPHER))));
}

#define ENCRYPTED   encrypted_data("\x12", 1, NOTHING)
#define AP_REQ(...) DER(0x6e, DER(0x30, __VA_ARGS__))

static neg_bytes ap_req(void)
{
    return AP_REQ(VERSION_5, MSG_TYPE, AP_OPTIONS, DER(0xa3, TICKET), ENCRYPTED);
}

static void parses(neg_bytes der, apr_int32_t enctype)
{
    neg_bytes copy = heap_copy(der, der.len);
    neg_ap_req got;
    const char *error = neg_ap_req_parse(copy, &got);

    if (error) {
        fail_msg("refused: %s", error);
    }
    assert_int_equal(got.enctype, enctype);
    assert_same_bytes(got.ticket, TICKET);
    assert_same_bytes(got.authenticator, CIPHER);
    assert_true(lies_within(got.ticket, copy));
    assert_true(lies_within(got.authenticator, copy));
    heap_free(copy);
}

static void refuses(neg_bytes der, const char *part)
{
    neg_bytes copy = heap_copy(der, der.len);
    neg_ap_req got = {BYTES("untouched"), 42, BYTES("too")};

    assert_says(neg_ap_req_parse(copy, &got), part);
    assert_same_bytes(got.ticket, BYTES("untouched"));
    assert_int_equal(got.enctype, 42);
    assert_same_bytes(got.authenticator, BYTES("too"));
    heap_free(copy);
}

static void reads_an_ap_req(void **state)
{
    (void)state;
    parses(ap_req(), 18);
}

static void reads_every_enctype(void **state)
{
#define WITH(etype)                                                                                \
    AP_REQ(VERSION_5, MSG_TYPE, AP_OPTIONS, DER(0xa3, TICKET),                                     \
           encrypted_data(etype, sizeof(etype) - 1, NOTHING))
    (void)state;
    parses(WITH("\x17"), 23);
    parses(WITH("\xff\x7b"), -133); /* RC4-HMAC-OLD */
    refuses(WITH("\x01\0\0\0\0"), "32 bits");
    refuses(WITH("\0\x12"), "more octets");
    refuses(WITH(""), "empty");
}

static void a_kvno_is_passed_over(void **state)
{
    (void)state;
    parses(AP_REQ(VERSION_5, MSG_TYPE, AP_OPTIONS, DER(0xa3, TICKET),
                  encrypted_data("\x12", 1, BYTES("\xa1\x03\x02\x01\x07"))),
           18);
}

static void refuses_other_messages(void **state)
{
    neg_bytes rest = JOIN(AP_OPTIONS, DER(0xa3, TICKET), ENCRYPTED);

    (void)state;
    refuses(NOTHING, "end too early");
    refuses(BYTES("hello"), "another type");
    refuses(DER(0x6f, DER(0x30, VERSION_5, MSG_TYPE, rest)), "another type");
    refuses(DER(0x6e, VERSION_5, MSG_TYPE, rest), "another type");
    refuses(AP_REQ(BYTES("\xa0\x03\x02\x01\x04"), MSG_TYPE, rest), "version 5");
    refuses(AP_REQ(VERSION_5, BYTES("\xa1\x03\x02\x01\x0f"), rest), "than AP-REQ");
    refuses(AP_REQ(MSG_TYPE, VERSION_5, rest), "another type");
    refuses(AP_REQ(VERSION_5, MSG_TYPE, DER(0xa3, TICKET), ENCRYPTED), "another type");
    refuses(AP_REQ(VERSION_5, MSG_TYPE, AP_OPTIONS, ENCRYPTED), "another type");
    refuses(AP_REQ(VERSION_5, MSG_TYPE, AP_OPTIONS, DER(0xa3, DER(0x30, NOTHING)), ENCRYPTED),
            "another type");
    refuses(AP_REQ(VERSION_5, MSG_TYPE, AP_OPTIONS, DER(0xa3, TICKET)), "end too early");
}

static void refuses_what_follows(void **state)
{
    neg_bytes head = JOIN(VERSION_5, MSG_TYPE, AP_OPTIONS);

    (void)state;
    refuses(JOIN(ap_req(), BYTES("\0")), "more than");
    refuses(DER(0x6e, DER(0x30, head, DER(0xa3, TICKET), ENCRYPTED), BYTES("\0")), "more than");
    refuses(AP_REQ(head, DER(0xa3, TICKET), ENCRYPTED, BYTES("\xa5\0")), "more than");
    refuses(AP_REQ(head, DER(0xa3, TICKET, BYTES("\0")), ENCRYPTED), "more than");
    refuses(AP_REQ(head, DER(0xa3, TICKET), DER(0xa4, DER(0x30, NOTHING), BYTES("\0"))),
            "more than");
    refuses(AP_REQ(head, DER(0xa3, TICKET),
                   DER(0xa4, DER(0x30, BYTES("\xa0\x03\x02\x01\x12"), DER(0xa2, DER(0x04, CIPHER)),
                                 BYTES("\xa3\0")))),
            "more than");
}

static void every_cut_of_an_ap_req_is_refused(void **state)
{
    neg_bytes whole = ap_req();
    size_t len;

    (void)state;
    for (len = 0; len < whole.len; len++) {
        refuses((neg_bytes){whole.data, len}, "end too early");
    }
}

static void keeps_its_promises(neg_bytes der)
{
    neg_ap_req got = {NOTHING, 0, NOTHING};
    const char *error = neg_ap_req_parse(der, &got);

    if (error) {
        assert_sentence(error);
        assert_null(got.ticket.data);
    } else {
        assert_true(lies_within(got.ticket, der));
        assert_true(lies_within(got.authenticator, der));
    }
}

static void any_changed_byte_of_an_ap_req_is_harmless(void **state)
{
    (void)state;
    for_each_mutation(ap_req(), keeps_its_promises);
}

/* ---- the Authenticator --------------------------------------------------------------------- */

#define CREALM             DER(0xa1, DER(0x1b, BYTES("EXAMPLE.TEST")))
#define CNAME              DER(0xa2, DER(0x30, BYTES("name, not looked into")))
#define CKSUM              DER(0xa3, DER(0x30, BYTES("checksum")))
#define CUSEC              DER(0xa4, DER(0x02, BYTES("\x01\xe2\x40"))) /* 123456 */
#define CTIME              DER(0xa5, DER(0x18, BYTES("20240229123456Z")))
#define SECONDS            1709210096 /* date -u -d '2024-02-29 12:34:56' +%s */
#define AUTHENTICATOR(...) DER(0x62, DER(0x30, __VA_ARGS__))

static neg_bytes authenticator(void)
{
    return AUTHENTICATOR(VERSION_5, CREALM, CNAME, CKSUM, CUSEC, CTIME, DER(0xa6, BYTES("subkey")),
                         DER(0xa7, DER(0x02, BYTES("\1"))), DER(0xa8, BYTES("data")));
}

/** An Authenticator of this time and these octets of cusec. */
static neg_bytes at(const char *time, neg_bytes cusec)
{
    neg_bytes ctime = {(const unsigned char *)time, strlen(time)};

    return AUTHENTICATOR(VERSION_5, CREALM, CNAME, DER(0xa4, DER(0x02, cusec)),
                         DER(0xa5, DER(0x18, ctime)));
}

static void tells(neg_bytes plain, apr_time_t wanted)
{
    neg_bytes copy = heap_copy(plain, plain.len);
    apr_time_t got = -1;
    const char *error = neg_authenticator_time(copy, &got);

    if (error) {
        fail_msg("refused: %s", error);
    }
    assert_int_equal(got, wanted);
    heap_free(copy);
}

static void refuses_time(neg_bytes plain, const char *part)
{
    neg_bytes copy = heap_copy(plain, plain.len);
    apr_time_t got = 42;

    assert_says(neg_authenticator_time(copy, &got), part);
    assert_int_equal(got, 42);
    heap_free(copy);
}

static void reads_the_time(void **state)
{
    (void)state;
    tells(authenticator(), apr_time_make(SECONDS, 123456));
    tells(AUTHENTICATOR(VERSION_5, CREALM, CNAME, CUSEC, CTIME), apr_time_make(SECONDS, 123456));
    tells(at("19700101000000Z", BYTES("\0")), 0);
    tells(at("20240229123456Z", BYTES("\x0f\x42\x3f")), apr_time_make(SECONDS, 999999));
    tells(at("20380119031408Z", BYTES("\0")), apr_time_from_sec(APR_INT64_C(2147483648)));
}

static void padding_may_follow(void **state)
{
    (void)state;
    tells(JOIN(authenticator(), BYTES("\0\0\0")), apr_time_make(SECONDS, 123456));
    tells(JOIN(authenticator(), BYTES("\xff\x7fjunk")), apr_time_make(SECONDS, 123456));
}

static void refuses_times_of_another_form(void **state)
{
    neg_bytes zero = BYTES("\0");

    (void)state;
    refuses_time(at("", zero), "end too early");
    refuses_time(at("20240229123456", zero), "end too early");
    refuses_time(at("20240229123456z", zero), "YYYYMMDD");
    refuses_time(at("20240229123456ZZ", zero), "YYYYMMDD");
    refuses_time(at("20240229123456.5Z", zero), "YYYYMMDD");
    refuses_time(at("20240229123456+0100", zero), "YYYYMMDD");
    refuses_time(at("202402291234Z", zero), "YYYYMMDD");
    refuses_time(at("2024-02-29 12:3", zero), "YYYYMMDD");
    refuses_time(at("+0240229123456Z", zero), "YYYYMMDD");
    refuses_time(at("2024022912345:Z", zero), "YYYYMMDD");
}

static void refuses_times_that_are_none(void **state)
{
    static const char *const none[] = {
        "20230229123456Z", "20240230123456Z", "20240001123456Z", "20241301123456Z",
        "20249901123456Z", "20240200123456Z", "20240432123456Z", "20240229243456Z",
        "20240229126056Z", "20240229123460Z", "19691231235959Z", "00000101000000Z",
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        refuses_time(at(none[i], BYTES("\0")), "no calendar");
    }
    refuses_time(at("20240229123456Z", BYTES("\x0f\x42\x40")), "microseconds");
    refuses_time(at("20240229123456Z", BYTES("\xff")), "microseconds");
}

static void refuses_other_plaintexts(void **state)
{
    (void)state;
    refuses_time(NOTHING, "end too early");
    refuses_time(BYTES("\0\0\0\0"), "another type");
    refuses_time(ap_req(), "another type");
    refuses_time(AUTHENTICATOR(BYTES("\xa0\x03\x02\x01\x04"), CREALM, CNAME, CUSEC, CTIME),
                 "version 5");
    refuses_time(AUTHENTICATOR(VERSION_5, CNAME, CUSEC, CTIME), "another type");
    refuses_time(AUTHENTICATOR(VERSION_5, CREALM, CUSEC, CTIME), "another type");
    refuses_time(AUTHENTICATOR(VERSION_5, CREALM, CNAME, CTIME), "another type");
    refuses_time(AUTHENTICATOR(VERSION_5, CREALM, CNAME, CUSEC), "end too early");
    refuses_time(AUTHENTICATOR(VERSION_5, CREALM, CNAME, CTIME, CUSEC), "another type");
    refuses_time(AUTHENTICATOR(VERSION_5, CREALM, CNAME, CUSEC, CTIME, DER(0xa9, NOTHING)),
                 "more than");
    refuses_time(DER(0x62, DER(0x30, VERSION_5, CREALM, CNAME, CUSEC, CTIME), BYTES("\0")),
                 "more than");
}

static void every_cut_of_an_authenticator_is_refused(void **state)
{
    neg_bytes whole = authenticator();
    size_t len;

    (void)state;
    for (len = 0; len < whole.len; len++) {
        refuses_time((neg_bytes){whole.data, len}, "end too early");
    }
}

static void gives_a_time_or_a_sentence(neg_bytes plain)
{
    apr_time_t ctime = -1;
    const char *error = neg_authenticator_time(plain, &ctime);

    if (error) {
        assert_sentence(error);
        assert_int_equal(ctime, -1);
    } else {
        assert_true(ctime >= 0);
    }
}

static void any_changed_byte_of_an_authenticator_is_harmless(void **state)
{
    (void)state;
    for_each_mutation(authenticator(), gives_a_time_or_a_sentence);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reads_an_ap_req),
        TEST(reads_every_enctype),
        TEST(a_kvno_is_passed_over),
        TEST(refuses_other_messages),
        TEST(refuses_what_follows),
        TEST(every_cut_of_an_ap_req_is_refused),
        TEST(any_changed_byte_of_an_ap_req_is_harmless),
        TEST(reads_the_time),
        TEST(padding_may_follow),
        TEST(refuses_times_of_another_form),
        TEST(refuses_times_that_are_none),
        TEST(refuses_other_plaintexts),
        TEST(every_cut_of_an_authenticator_is_refused),
        TEST(any_changed_byte_of_an_authenticator_is_harmless),
    };

    return RUN(tests);
}

#include "testing.h"

#include "ntlm.h"

/* ---- messages by hand ---------------------------------------------------------------------- */

#define FLAGS "\x97\x82\x08\xe2"
#define VER   "\x0a\0\x61\x4a\0\0\0\x0f"

enum {
    LM,
    NT,
    DOMAIN,
    USER,
    WORKSTATION,
    KEY,
    FIELDS
};

#define HEADER 88 /* with version and MIC */

/** What a good message has; tests change one thing. */
static neg_bytes values[FIELDS];
static neg_bytes flags;

static neg_bytes response(neg_bytes pairs)
{
    return JOIN(BYTES("proofproofproof!"), BYTES("\1\1\0\0\0\0\0\0"), BYTES("timetime"),
                BYTES("clientch"), BYTES("\0\0\0\0"), pairs, BYTES("\0\0\0\0"));
}

#define AV_DOMAIN BYTES("\2\0\4\0A\0D\0")
#define AV_TIME   BYTES("\7\0\x08\0timetime")
#define AV_END    BYTES("\0\0\0\0")
#define AV_MIC    BYTES("\6\0\4\0\2\0\0\0")
#define AV_CB     BYTES("\x0a\0\x10\0sixteen octets..")

static void good_message(void)
{
    values[LM] = BYTES("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
    values[NT] = response(JOIN(AV_DOMAIN, AV_TIME, AV_END));
    values[DOMAIN] = BYTES("A\0D\0");
    values[USER] = BYTES("m\0e\0");
    values[WORKSTATION] = BYTES("P\0C\0");
    values[KEY] = BYTES("sixteen octets..");
    flags = BYTES(FLAGS);
}

static neg_bytes le16(size_t n)
{
    unsigned char *data = apr_palloc(pool, 2);

    data[0] = n & 0xff;
    data[1] = n >> 8 & 0xff;
    return (neg_bytes){data, 2};
}

static neg_bytes a_field(size_t len, size_t max_len, size_t offset)
{
    return JOIN(le16(len), le16(max_len), le16(offset & 0xffff), le16(offset >> 16));
}

/** @param which a field that is replaced by *instead; or FIELDS */
static neg_bytes authenticate_with(int which, neg_bytes instead)
{
    neg_bytes header = BYTES("NTLMSSP\0\3\0\0\0");
    neg_bytes payload = NOTHING;
    int i;

    for (i = 0; i < FIELDS; i++) {
        header =
            JOIN(header, i == which ? instead
                                    : a_field(values[i].len, values[i].len, HEADER + payload.len));
        payload = JOIN(payload, values[i]);
    }
    return JOIN(header, flags, BYTES(VER), BYTES("the MIC of 16 by"), payload);
}

static neg_bytes authenticate(void)
{
    return authenticate_with(FIELDS, NOTHING);
}

#define NEGOTIATE(flags, domain, workstation)                                                      \
    JOIN(BYTES("NTLMSSP\0\1\0\0\0"), flags, domain, workstation, BYTES(VER), BYTES("ADPC"))
#define NO_FIELD BYTES("\0\0\0\0\0\0\0\0")

static neg_ntlm reads(neg_bytes message)
{
    neg_bytes copy = heap_copy(message, message.len);
    neg_ntlm got = {NEG_NTLM_NONE, -1, -1};
    const char *error = neg_ntlm_read(copy, &got);

    heap_free(copy);
    if (error) {
        fail_msg("refused: %s", error);
    }
    return got;
}

static void refuses(neg_bytes message, const char *part)
{
    neg_bytes copy = heap_copy(message, message.len);
    neg_ntlm got = {NEG_NTLM_NONE, -1, -1};

    assert_says(neg_ntlm_read(copy, &got), part);
    assert_int_equal(got.anonymous, -1);
    heap_free(copy);
}

static void refuses_value(int which, neg_bytes value, const char *part)
{
    good_message();
    values[which] = value;
    refuses(authenticate(), part);
}

static void refuses_pairs(neg_bytes pairs, const char *part)
{
    refuses_value(NT, response(pairs), part);
}

/* ---- tests --------------------------------------------------------------------------------- */

static void reads_negotiate(void **state)
{
    (void)state;
    assert_int_equal(reads(NEGOTIATE(BYTES(FLAGS), NO_FIELD, NO_FIELD)).type, NEG_NTLM_NEGOTIATE);
    assert_int_equal(reads(NEGOTIATE(BYTES(FLAGS), a_field(2, 2, 40), a_field(2, 2, 42))).type,
                     NEG_NTLM_NEGOTIATE);
    refuses(NEGOTIATE(BYTES(FLAGS), a_field(2, 2, 39), NO_FIELD), "outside its payload");
    refuses(NEGOTIATE(BYTES(FLAGS), NO_FIELD, a_field(2, 2, 43)), "outside its payload");
    refuses(NEGOTIATE(BYTES(FLAGS), NO_FIELD, a_field(1, 1, 0xffffffff)), "outside its payload");
    refuses(NEGOTIATE(BYTES(FLAGS), a_field(2, 1, 40), NO_FIELD), "longer than its own limit");
    refuses(NEGOTIATE(BYTES("\x96\x82\x08\xe2"), NO_FIELD, NO_FIELD), "without Unicode");
    refuses(NEGOTIATE(BYTES("\x97\x82\x08\xa2"), NO_FIELD, NO_FIELD), "no session key");
    refuses(NEGOTIATE(BYTES("\xd7\x82\x08\xe2"), NO_FIELD, NO_FIELD), "datagrams");
}

static void reads_authenticate(void **state)
{
    neg_ntlm got;

    (void)state;
    good_message();
    got = reads(authenticate());
    assert_int_equal(got.type, NEG_NTLM_AUTHENTICATE);
    assert_false(got.anonymous);
    assert_false(got.bound);
    values[LM] = NOTHING;
    reads(authenticate());
    values[WORKSTATION] = NOTHING;
    reads(authenticate());
    values[USER] = BYTES("\x3d\xd8\x00\xde"); /* beyond 16 bits */
    reads(authenticate());
}

static void knows_bindings(void **state)
{
    (void)state;
    good_message();
    values[NT] = response(JOIN(AV_DOMAIN, AV_CB, AV_END));
    assert_true(reads(authenticate()).bound);
    values[NT] =
        response(JOIN(AV_DOMAIN, BYTES("\x0a\0\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), AV_END));
    assert_false(reads(authenticate()).bound);
}

static void knows_nobody(void **state)
{
    (void)state;
    good_message();
    values[USER] = NOTHING;
    assert_true(reads(authenticate()).anonymous);
    values[NT] = NOTHING;
    values[KEY] = NOTHING;
    assert_true(reads(authenticate()).anonymous);
}

static void refuses_other_messages(void **state)
{
    (void)state;
    refuses(NOTHING, "no NTLM message");
    refuses(BYTES("NTLMSSP"), "no NTLM message");
    refuses(BYTES("NTLMSSX\0\1\0\0\0"), "no NTLM message");
    refuses(BYTES("NTLMSSP\0"), "end too early");
    refuses(BYTES("NTLMSSP\0\2\0\0\0"), "only servers send");
    refuses(BYTES("NTLMSSP\0\4\0\0\0"), "unknown type");
    refuses(BYTES("NTLMSSP\0\1\0\0\1"), "unknown type");
}

static void refuses_fields_outside(void **state)
{
    size_t end;
    int i;

    (void)state;
    for (i = 0; i < FIELDS; i++) {
        good_message();
        end = authenticate().len;
        refuses(authenticate_with(i, a_field(1, 1, end)), "outside its payload");
        refuses(authenticate_with(i, a_field(2, 2, end - 1)), "outside its payload");
        refuses(authenticate_with(i, a_field(16, 16, 71)), "outside its payload");
        refuses(authenticate_with(i, a_field(16, 16, 0xfffffff8)), "outside its payload");
        refuses(authenticate_with(i, a_field(0xffff, 0xffff, HEADER)), "outside its payload");
        refuses(authenticate_with(i, a_field(16, 15, HEADER)), "longer than its own limit");
    }
    good_message();
    values[NT] = response(JOIN(AV_MIC, AV_END));
    reads(authenticate());
    refuses(authenticate_with(WORKSTATION, a_field(2, 2, 80)), "outside its payload");
}

static void refuses_names(void **state)
{
    int i;

    (void)state;
    for (i = DOMAIN; i <= USER; i++) {
        refuses_value(i, BYTES("x\0@\0"), "no account has");
        refuses_value(i, BYTES("A\0\\\0x\0"), "no account has");
        refuses_value(i, BYTES("x\0/\0"), "no account has");
        refuses_value(i, BYTES(":\0"), "no account has");
        refuses_value(i, BYTES("x\0\0\0"), "control character");
        refuses_value(i, BYTES("\n\0"), "control character");
        refuses_value(i, BYTES("\x85\0"), "control character");
        refuses_value(i, BYTES("\0\xd8"), "not UTF-16");
        refuses_value(i, BYTES("\0\xd8x\0"), "not UTF-16");
        refuses_value(i, BYTES("\0\xdc"), "not UTF-16");
        refuses_value(i, BYTES("x"), "end too early");
        refuses_value(i, (neg_bytes){memset(apr_palloc(pool, 514), 'x', 514), 514}, "too long");
    }
    refuses_value(DOMAIN, NOTHING, "not of which domain");
    refuses_value(WORKSTATION, BYTES("x\0y"), "end too early");
}

static void refuses_responses(void **state)
{
    neg_bytes bad;

    (void)state;
    refuses_value(NT, NOTHING, "NTLMv2");
    refuses_value(NT, BYTES("twenty-four octets......"), "NTLMv2");
    refuses_value(LM, BYTES("twenty-four octets......"), "LM response");
    refuses_value(LM, BYTES("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), "LM response");
    refuses_value(KEY, NOTHING, "16 bytes");
    refuses_value(KEY, BYTES("fifteen octets."), "16 bytes");
    bad = heap_copy(response(AV_END), response(AV_END).len);
    ((unsigned char *)bad.data)[17] = 2;
    refuses_value(NT, bad, "unknown version");
    heap_free(bad);
    good_message();
    flags = BYTES("\x96\x82\x08\xe2");
    refuses(authenticate(), "without Unicode");
    flags = BYTES("\x97\x82\x08\xa2");
    refuses(authenticate(), "no session key");
}

static void refuses_av_pairs(void **state)
{
    (void)state;
    refuses_value(NT, BYTES("proofproofproof!\1\1\0\0\0\0\0\0timetimeclientch\0\0\0\0"),
                  "end too early");
    refuses_pairs(BYTES("\x0b\0\0\0"), "unknown, repeated");
    refuses_pairs(BYTES("\xff\xff\0\0"), "unknown, repeated");
    refuses_pairs(JOIN(AV_TIME, AV_TIME, AV_END), "unknown, repeated");
    refuses_pairs(BYTES("\0\0\1\0x"), "an end that is none");
    refuses_pairs(BYTES("\6\0\3\0\0\0\0"), "end too early");
    refuses_pairs(JOIN(BYTES("\6\0\5\0\0\0\0\0\0"), AV_END), "holds more");
    refuses_pairs(JOIN(BYTES("\7\0\7\0timetim"), AV_END), "end too early");
    refuses_pairs(JOIN(BYTES("\x0a\0\x0f\0fifteen octets."), AV_END), "end too early");
    refuses_pairs(JOIN(BYTES("\x0a\0\x11\0seventeen octets."), AV_END), "holds more");
    refuses_pairs(JOIN(BYTES("\x09\0\2\0\0\xd8"), AV_END), "not UTF-16");
    refuses_pairs(BYTES("\x09\0\xff\xff"), "end too early");
    refuses_pairs(JOIN(AV_END, BYTES("x")), "behind its AV_PAIRs");
}

/** Whatever is cut off or changed, nothing is read outside, and what passes is whole. */
static void any_message(neg_bytes message)
{
    neg_ntlm got = {NEG_NTLM_NONE, 0, 0};

    if (neg_ntlm_read(message, &got) == NULL) {
        assert_true(got.type == NEG_NTLM_NEGOTIATE || got.type == NEG_NTLM_AUTHENTICATE);
    }
}

static void survives_changes(void **state)
{
    neg_bytes message;
    size_t len;

    (void)state;
    good_message();
    values[NT] = response(JOIN(AV_DOMAIN, AV_MIC, AV_CB, AV_END));
    message = authenticate();
    for (len = 0; len < message.len; len++) {
        neg_bytes copy = heap_copy(message, len);
        neg_ntlm got;

        assert_non_null(neg_ntlm_read(copy, &got));
        heap_free(copy);
    }
    for_each_mutation(message, any_message);
    for_each_mutation(NEGOTIATE(BYTES(FLAGS), a_field(2, 2, 40), a_field(2, 2, 42)), any_message);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reads_negotiate),  TEST(reads_authenticate),     TEST(knows_bindings),
        TEST(knows_nobody),     TEST(refuses_other_messages), TEST(refuses_fields_outside),
        TEST(refuses_names),    TEST(refuses_responses),      TEST(refuses_av_pairs),
        TEST(survives_changes),
    };

    return RUN(tests);
}

#include "tokens.h"

static void is(neg_bytes token, neg_token_kind kind, neg_bytes wanted_ap_req)
{
    neg_bytes copy = heap_copy(token, token.len);
    neg_token got = {.kind = NEG_TOKEN_OTHER};
    const char *error = neg_token_classify(copy, NEG_MECH_KRB5, &got);

    if (error) {
        fail_msg("refused: %s", error);
    }
    assert_int_equal(got.kind, kind);
    assert_same_bytes(got.ap_req, wanted_ap_req);
    assert_true(lies_within(got.ap_req, copy));
    heap_free(copy);
}

static void refuses(neg_bytes token, const char *part)
{
    neg_bytes copy = heap_copy(token, token.len);
    neg_token got = {.kind = NEG_TOKEN_IAKERB, .ap_req = BYTES("untouched")};

    assert_says(neg_token_classify(copy, NEG_MECH_KRB5, &got), part);
    assert_int_equal(got.kind, NEG_TOKEN_IAKERB);
    assert_same_bytes(got.ap_req, BYTES("untouched"));
    heap_free(copy);
}

/* ---- tokens of one mechanism --------------------------------------------------------------- */

static void knows_kerberos(void **state)
{
    (void)state;
    is(krb5(), NEG_TOKEN_KRB5_INIT, ap_req());
    is(framed(MS_KRB5_OID, JOIN(BYTES("\1\0"), ap_req())), NEG_TOKEN_KRB5_INIT, ap_req());
    is(ap_req(), NEG_TOKEN_KRB5_INIT, ap_req());
    is(DER(0x6f, BYTES("reply")), NEG_TOKEN_KRB5_NEXT, NOTHING);
}

static void knows_the_others(void **state)
{
    (void)state;
    is(NTLMSSP, NEG_TOKEN_NTLM, NOTHING);
    is(BYTES("NTLMSSP\0"), NEG_TOKEN_NTLM, NOTHING);
    is(framed(IAKERB_OID, BYTES("\5\1")), NEG_TOKEN_IAKERB, NOTHING);
    is(framed(NEGOEX_OID, BYTES("NEGOEXTS")), NEG_TOKEN_OTHER, NOTHING);
    is(framed(NTLM_OID, NTLMSSP), NEG_TOKEN_OTHER, NOTHING);
    is(framed(U2U_OID, BYTES("\4\0")), NEG_TOKEN_OTHER, NOTHING);
    is(framed(DER(0x06, BYTES("\x2a")), NOTHING), NEG_TOKEN_OTHER, NOTHING);
}

static void refuses_what_is_no_token(void **state)
{
    (void)state;
    refuses(NOTHING, "empty");
    refuses(BYTES("NTLMSSP"), "first bytes");
    refuses(BYTES("NTLMSSP\1"), "first bytes");
    refuses(BYTES("NTLMssp\0"), "first bytes");
    refuses(BYTES("hello"), "first bytes");
    refuses(BYTES("\0"), "first bytes");
    refuses(BYTES("\x30\0"), "first bytes");
    refuses(BYTES("\x7e\0"), "first bytes");
    refuses(BYTES("user:password"), "first bytes");
    refuses(BYTES("\x60"), "end too early");
    refuses(BYTES("\x60\0"), "end too early");
    refuses(BYTES("\x60\x80\0\0"), "indefinite");
}

static void refuses_kerberos_that_starts_nothing(void **state)
{
    (void)state;
    refuses(framed(KRB5_OID, JOIN(BYTES("\2\0"), DER(0x6f, BYTES("x")))), "no client sends");
    refuses(framed(KRB5_OID, JOIN(BYTES("\3\0"), DER(0x7e, BYTES("x")))), "no client sends");
    refuses(framed(KRB5_OID, JOIN(BYTES("\0\1"), ap_req())), "starts an authentication");
    refuses(framed(KRB5_OID, JOIN(BYTES("\4\4"), ap_req())), "starts an authentication");
    refuses(framed(KRB5_OID, JOIN(BYTES("\1\0"), DER(0x6f, BYTES("x")))), "another type");
    refuses(framed(KRB5_OID, ap_req()), "starts an authentication");
    refuses(framed(KRB5_OID, BYTES("\1\0")), "end too early");
    refuses(framed(KRB5_OID, BYTES("\1")), "end too early");
    refuses(framed(KRB5_OID, NOTHING), "end too early");
    refuses(framed(KRB5_OID, NTLMSSP), "starts an authentication");
}

static void refuses_bytes_after_kerberos(void **state)
{
    (void)state;
    refuses(JOIN(krb5(), BYTES("\0")), "after its end");
    refuses(JOIN(krb5(), krb5()), "after its end");
    refuses(JOIN(ap_req(), BYTES("\0")), "after its end");
    refuses(JOIN(DER(0x6f, BYTES("x")), BYTES("\0")), "after its end");
    refuses(JOIN(framed(IAKERB_OID, BYTES("x")), BYTES("\0")), "after its end");
    refuses(JOIN(framed(NEGOEX_OID, BYTES("x")), BYTES("\0")), "after its end");
    refuses(framed(KRB5_OID, JOIN(BYTES("\1\0"), ap_req(), BYTES("\0"))), "more than");
}

static void refuses_frames_without_a_sound_oid(void **state)
{
    (void)state;
    refuses(framed(DER(0x06, NOTHING), BYTES("x")), "object identifier");
    refuses(framed(DER(0x06, BYTES("\x2a\x86")), BYTES("x")), "object identifier");
    refuses(framed(DER(0x06, BYTES("\x2a\x80\x01")), BYTES("x")), "object identifier");
    refuses(framed(DER(0x04, BYTES("\x2a")), BYTES("x")), "another type");
    refuses(BYTES("\x60\x03\x06\x05\x2b\x06\x01\x05\x02"), "end too early");
    refuses(BYTES("\x60\x04\x06\x81\x01\x2a"), "more octets");
    refuses(BYTES("\x60\x81\x03\x06\x01\x2a"), "more octets");
    refuses(BYTES("\x6e\x81\x01x"), "more octets");
    refuses(BYTES("\x6e\x80\0\0"), "indefinite");
    refuses(BYTES("\x6e\x84\xff\xff\xff\xff"), "end too early");
}

/* ---- NegTokenInit -------------------------------------------------------------------------- */

static void knows_an_offer_of_kerberos(void **state)
{
    (void)state;
    is(browser(), NEG_TOKEN_SPNEGO_INIT, ap_req());
    is(NEG_TOKEN_INIT(MECH_LIST(KRB5_OID), MECH_TOKEN(krb5())), NEG_TOKEN_SPNEGO_INIT, ap_req());
    is(NEG_TOKEN_INIT(MECH_LIST(KRB5_OID), MECH_TOKEN(ap_req())), NEG_TOKEN_SPNEGO_INIT, ap_req());
    is(NEG_TOKEN_INIT(MECH_LIST(MS_KRB5_OID), MECH_TOKEN(krb5())), NEG_TOKEN_SPNEGO_INIT, ap_req());
    is(NEG_TOKEN_INIT(MECH_LIST(KRB5_OID)), NEG_TOKEN_SPNEGO_INIT, NOTHING);
    is(NEG_TOKEN_INIT(MECH_LIST(KRB5_OID), MECH_TOKEN(NOTHING)), NEG_TOKEN_SPNEGO_INIT, NOTHING);
}

static void knows_the_optional_fields(void **state)
{
    neg_bytes flags = DER(0xa1, DER(0x03, BYTES("\1\x40")));

    (void)state;
    is(NEG_TOKEN_INIT(MECH_LIST(KRB5_OID), flags, MECH_TOKEN(krb5()),
                      DER(0xa3, DER(0x04, BYTES("mic")))),
       NEG_TOKEN_SPNEGO_INIT, ap_req());
    is(NEG_TOKEN_INIT(MECH_LIST(KRB5_OID), flags), NEG_TOKEN_SPNEGO_INIT, NOTHING);
    is(NEG_TOKEN_INIT(MECH_LIST(KRB5_OID), DER(0xa3, BYTES("any"))), NEG_TOKEN_SPNEGO_INIT,
       NOTHING);
}

static void leaves_the_token_of_another_favourite_alone(void **state)
{
    (void)state;
    is(NEG_TOKEN_INIT(MECH_LIST(NEGOEX_OID, KRB5_OID), MECH_TOKEN(BYTES("junk"))),
       NEG_TOKEN_SPNEGO_INIT, NOTHING);
    is(NEG_TOKEN_INIT(MECH_LIST(NTLM_OID, KRB5_OID), MECH_TOKEN(NTLMSSP)), NEG_TOKEN_SPNEGO_INIT,
       NOTHING);
    is(NEG_TOKEN_INIT(MECH_LIST(NTLM_OID, KRB5_OID), MECH_TOKEN(krb5())), NEG_TOKEN_SPNEGO_INIT,
       NOTHING);
}

static void knows_offers_without_kerberos(void **state)
{
    (void)state;
    is(NEG_TOKEN_INIT(MECH_LIST(NTLM_OID), MECH_TOKEN(NTLMSSP)), NEG_TOKEN_NTLM, NOTHING);
    is(NEG_TOKEN_INIT(MECH_LIST(NEGOEX_OID, NTLM_OID)), NEG_TOKEN_NTLM, NOTHING);
    is(NEG_TOKEN_INIT(MECH_LIST(IAKERB_OID, NTLM_OID)), NEG_TOKEN_NTLM, NOTHING);
    is(NEG_TOKEN_INIT(MECH_LIST(IAKERB_OID)), NEG_TOKEN_IAKERB, NOTHING);
    is(NEG_TOKEN_INIT(MECH_LIST(NEGOEX_OID)), NEG_TOKEN_OTHER, NOTHING);
    is(NEG_TOKEN_INIT(MECH_LIST(SPNEGO_OID)), NEG_TOKEN_OTHER, NOTHING);
    is(NEG_TOKEN_INIT(MECH_LIST(U2U_OID)), NEG_TOKEN_OTHER, NOTHING);
}

static void ntlm_under_the_name_of_kerberos_is_ntlm(void **state)
{
    (void)state;
    is(NEG_TOKEN_INIT(MECH_LIST(KRB5_OID, NTLM_OID), MECH_TOKEN(NTLMSSP)), NEG_TOKEN_NTLM, NOTHING);
    is(NEG_TOKEN_INIT(MECH_LIST(MS_KRB5_OID), MECH_TOKEN(NTLMSSP)), NEG_TOKEN_NTLM, NOTHING);
}

static void refuses_junk_under_the_name_of_kerberos(void **state)
{
#define KRB5_CARRIES(...) NEG_TOKEN_INIT(MECH_LIST(KRB5_OID, NTLM_OID), MECH_TOKEN(__VA_ARGS__))
    (void)state;
    refuses(KRB5_CARRIES(BYTES("junk")), "no Kerberos token");
    refuses(KRB5_CARRIES(BYTES("NTLMSSP")), "no Kerberos token");
    refuses(KRB5_CARRIES(DER(0x6f, BYTES("x"))), "no Kerberos token");
    refuses(KRB5_CARRIES(framed(IAKERB_OID, BYTES("x"))), "another mechanism");
    refuses(KRB5_CARRIES(browser()), "another mechanism");
    refuses(KRB5_CARRIES(framed(KRB5_OID, BYTES("\2\0x"))), "no client sends");
    refuses(KRB5_CARRIES(krb5(), BYTES("\0")), "more than");
    refuses(KRB5_CARRIES(ap_req(), BYTES("\0")), "more than");
    refuses(KRB5_CARRIES(BYTES("\x6e\x05x")), "end too early");
    refuses(KRB5_CARRIES(BYTES("\x60")), "end too early");
}

static void refuses_broken_offers(void **state)
{
    neg_bytes list = MECH_LIST(KRB5_OID);
    neg_bytes token = MECH_TOKEN(krb5());
    neg_bytes mic = DER(0xa3, BYTES("mic"));

    (void)state;
    refuses(NEG_TOKEN_INIT(MECH_LIST(NOTHING)), "no mechanism");
    refuses(NEG_TOKEN_INIT(NOTHING), "end too early");
    refuses(NEG_TOKEN_INIT(token), "another type");
    refuses(NEG_TOKEN_INIT(token, list), "another type");
    refuses(NEG_TOKEN_INIT(list, mic, token), "another order");
    refuses(NEG_TOKEN_INIT(list, list), "another order");
    refuses(NEG_TOKEN_INIT(list, token, token), "another order");
    refuses(NEG_TOKEN_INIT(list, DER(0xa4, NOTHING)), "more than");
    refuses(NEG_TOKEN_INIT(list, BYTES("\0")), "more than");
    refuses(NEG_TOKEN_INIT(DER(0xa0, KRB5_OID)), "another type");
    refuses(NEG_TOKEN_INIT(DER(0xa0, DER(0x30, KRB5_OID), BYTES("\0"))), "more than");
    refuses(NEG_TOKEN_INIT(MECH_LIST(KRB5_OID, BYTES("\5\0"))), "another type");
    refuses(NEG_TOKEN_INIT(MECH_LIST(KRB5_OID, DER(0x06, NOTHING))), "object identifier");
    refuses(NEG_TOKEN_INIT(list, DER(0xa2, krb5())), "another type");
    refuses(NEG_TOKEN_INIT(list, DER(0xa2, DER(0x04, krb5()), BYTES("\0"))), "more than");
}

static void refuses_bytes_around_an_offer(void **state)
{
    neg_bytes init = DER(0x30, MECH_LIST(KRB5_OID), MECH_TOKEN(krb5()));

    (void)state;
    is(framed(SPNEGO_OID, DER(0xa0, init)), NEG_TOKEN_SPNEGO_INIT, ap_req());
    refuses(framed(SPNEGO_OID, DER(0xa0, init, BYTES("\0"))), "more than");
    refuses(framed(SPNEGO_OID, JOIN(DER(0xa0, init), BYTES("\0"))), "more than");
    refuses(JOIN(framed(SPNEGO_OID, DER(0xa0, init)), BYTES("\0")), "after its end");
    refuses(framed(SPNEGO_OID, DER(0xa1, init)), "another type");
    refuses(framed(SPNEGO_OID, init), "another type");
    refuses(framed(SPNEGO_OID, NOTHING), "end too early");
    refuses(framed(SPNEGO_OID, krb5()), "another type");
    refuses(DER(0xa0, init), "without the frame");
}

/* ---- NegTokenResp -------------------------------------------------------------------------- */

static void knows_a_later_leg(void **state)
{
    (void)state;
    is(NEG_TOKEN_RESP(NEG_STATE("\1"), DER(0xa1, KRB5_OID), MECH_TOKEN(krb5()),
                      DER(0xa3, DER(0x04, BYTES("mic")))),
       NEG_TOKEN_SPNEGO_NEXT, ap_req());
    is(NEG_TOKEN_RESP(MECH_TOKEN(krb5())), NEG_TOKEN_SPNEGO_NEXT, ap_req());
    is(NEG_TOKEN_RESP(MECH_TOKEN(ap_req())), NEG_TOKEN_SPNEGO_NEXT, ap_req());
    is(NEG_TOKEN_RESP(MECH_TOKEN(DER(0x6f, BYTES("x")))), NEG_TOKEN_SPNEGO_NEXT, NOTHING);
    is(NEG_TOKEN_RESP(MECH_TOKEN(NOTHING)), NEG_TOKEN_SPNEGO_NEXT, NOTHING);
    is(NEG_TOKEN_RESP(NEG_STATE("\0"), DER(0xa3, DER(0x04, BYTES("mic")))), NEG_TOKEN_SPNEGO_NEXT,
       NOTHING);
    is(NEG_TOKEN_RESP(NOTHING), NEG_TOKEN_SPNEGO_NEXT, NOTHING);
    /* GSSAPI gives a frame to whom it names, whatever was agreed upon: not to be let through. */
    is(NEG_TOKEN_RESP(MECH_TOKEN(framed(IAKERB_OID, BYTES("x")))), NEG_TOKEN_IAKERB, NOTHING);
    is(NEG_TOKEN_RESP(MECH_TOKEN(framed(NTLM_OID, NTLMSSP))), NEG_TOKEN_OTHER, NOTHING);
    is(NEG_TOKEN_RESP(MECH_TOKEN(framed(SPNEGO_OID, NOTHING))), NEG_TOKEN_OTHER, NOTHING);
    is(neg_token_spnego_reject, NEG_TOKEN_SPNEGO_NEXT, NOTHING);
}

static void ntlm_in_a_later_leg_is_ntlm(void **state)
{
    (void)state;
    is(NEG_TOKEN_RESP(MECH_TOKEN(NTLMSSP)), NEG_TOKEN_NTLM, NOTHING);
    is(NEG_TOKEN_RESP(NEG_STATE("\1"), DER(0xa1, NTLM_OID), MECH_TOKEN(NTLMSSP)), NEG_TOKEN_NTLM,
       NOTHING);
}

static void refuses_broken_later_legs(void **state)
{
    (void)state;
    refuses(NEG_TOKEN_RESP(NEG_STATE("\4")), "state");
    refuses(NEG_TOKEN_RESP(NEG_STATE("")), "state");
    refuses(NEG_TOKEN_RESP(NEG_STATE("\0\1")), "state");
    refuses(NEG_TOKEN_RESP(DER(0xa0, DER(0x02, BYTES("\1")))), "another type");
    refuses(NEG_TOKEN_RESP(MECH_TOKEN(krb5()), NEG_STATE("\1")), "another order");
    refuses(NEG_TOKEN_RESP(MECH_TOKEN(krb5()), MECH_TOKEN(krb5())), "another order");
    refuses(NEG_TOKEN_RESP(DER(0xa1, DER(0x06, NOTHING))), "object identifier");
    refuses(NEG_TOKEN_RESP(DER(0xa1, DER(0x04, BYTES("x")))), "another type");
    refuses(NEG_TOKEN_RESP(DER(0xa1, KRB5_OID, KRB5_OID)), "more than");
    refuses(NEG_TOKEN_RESP(DER(0xa3, BYTES("mic"))), "another type");
    refuses(NEG_TOKEN_RESP(DER(0xa4, NOTHING)), "more than");
    refuses(NEG_TOKEN_RESP(MECH_TOKEN(ap_req(), BYTES("\0"))), "more than");
    refuses(NEG_TOKEN_RESP(MECH_TOKEN(BYTES("\x6e\x05x"))), "end too early");
    refuses(NEG_TOKEN_RESP(MECH_TOKEN(krb5(), BYTES("\0"))), "more than");
    refuses(NEG_TOKEN_RESP(MECH_TOKEN(BYTES("\x60"))), "end too early");
    refuses(NEG_TOKEN_RESP(MECH_TOKEN(framed(IAKERB_OID, BYTES("x")), BYTES("\0"))), "more than");
    refuses(NEG_TOKEN_RESP(MECH_TOKEN(framed(KRB5_OID, BYTES("\1\0")))), "end too early");
    refuses(DER(0xa1, DER(0x30, NOTHING), BYTES("\0")), "more than");
    refuses(DER(0xa1, DER(0x31, NOTHING)), "another type");
    refuses(DER(0xa1, NOTHING), "end too early");
    refuses(JOIN(neg_token_spnego_reject, BYTES("\0")), "after its end");
    refuses(BYTES("\xa1\x80\x30\0\0\0"), "indefinite");
}

static void the_reject_token_is_as_specified(void **state)
{
    (void)state;
    assert_same_bytes(neg_token_spnego_reject, BYTES("\xa1\x07\x30\x05\xa0\x03\x0a\x01\x02"));
}

/* ---- every cut and every changed byte ------------------------------------------------------ */

static void every_cut_is_refused(void **state)
{
    const neg_bytes tokens[] = {
        krb5(),
        ap_req(),
        browser(),
        NEG_TOKEN_INIT(MECH_LIST(NTLM_OID), MECH_TOKEN(NTLMSSP)),
        NEG_TOKEN_RESP(NEG_STATE("\1"), DER(0xa1, KRB5_OID), MECH_TOKEN(krb5())),
        DER(0x6f, BYTES("reply")),
        framed(IAKERB_OID, BYTES("\5\1")),
        framed(NEGOEX_OID, BYTES("x")),
        neg_token_spnego_reject,
    };
    size_t i, len;

    (void)state;
    for (i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
        for (len = 0; len < tokens[i].len; len++) {
            refuses((neg_bytes){tokens[i].data, len}, len ? "end too early" : "empty");
        }
    }
}

static void keeps_its_promises(neg_bytes token)
{
    neg_token got = {.kind = NEG_TOKEN_OTHER};
    const char *error = neg_token_classify(token, NEG_MECH_KRB5, &got);

    if (error) {
        assert_sentence(error);
        assert_null(got.ap_req.data);
    } else {
        assert_true(lies_within(got.ap_req, token));
        assert_true(got.ap_req.len == 0 || got.ap_req.data[0] == 0x6e);
    }
}

static void any_changed_byte_is_harmless(void **state)
{
    (void)state;
    for_each_mutation(browser(), keeps_its_promises);
    for_each_mutation(krb5(), keeps_its_promises);
    for_each_mutation(NEG_TOKEN_RESP(NEG_STATE("\1"), DER(0xa1, KRB5_OID), MECH_TOKEN(krb5()),
                                     DER(0xa3, DER(0x04, BYTES("mic")))),
                      keeps_its_promises);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(knows_kerberos),
        TEST(knows_the_others),
        TEST(refuses_what_is_no_token),
        TEST(refuses_kerberos_that_starts_nothing),
        TEST(refuses_bytes_after_kerberos),
        TEST(refuses_frames_without_a_sound_oid),
        TEST(knows_an_offer_of_kerberos),
        TEST(knows_the_optional_fields),
        TEST(leaves_the_token_of_another_favourite_alone),
        TEST(knows_offers_without_kerberos),
        TEST(ntlm_under_the_name_of_kerberos_is_ntlm),
        TEST(refuses_junk_under_the_name_of_kerberos),
        TEST(refuses_broken_offers),
        TEST(refuses_bytes_around_an_offer),
        TEST(knows_a_later_leg),
        TEST(ntlm_in_a_later_leg_is_ntlm),
        TEST(refuses_broken_later_legs),
        TEST(the_reject_token_is_as_specified),
        TEST(every_cut_is_refused),
        TEST(any_changed_byte_is_harmless),
    };

    return RUN(tests);
}

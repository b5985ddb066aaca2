/* The same tokens where other mechanisms are accepted than Kerberos alone. */

#include "tokens.h"

static neg_token reads(neg_bytes token, unsigned int mechs)
{
    neg_token got = {.kind = NEG_TOKEN_OTHER};
    const char *error = neg_token_classify(token, mechs, &got);

    if (error) {
        fail_msg("refused: %s", error);
    }
    return got;
}

static void refuses_for(unsigned int mechs, neg_bytes token, const char *part)
{
    neg_token got;

    assert_says(neg_token_classify(token, mechs, &got), part);
}

#define BOTH (NEG_MECH_KRB5 | NEG_MECH_NTLMSSP)

static neg_bytes ntlm_negotiate(void)
{
    return JOIN(NTLMSSP, BYTES("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), BYTES("\x0a\0\0\0\0\0\0\x0f"));
}

static neg_bytes ntlm_nobody(void)
{
    unsigned char *fields = apr_pcalloc(pool, 60);

    return JOIN(BYTES("NTLMSSP\0\3\0\0\0"), ((neg_bytes){fields, 60}));
}

static void takes_ntlm_where_accepted(void **state)
{
    neg_token got;

    (void)state;
    got = reads(ntlm_negotiate(), BOTH);
    assert_int_equal(got.kind, NEG_TOKEN_NTLM_INIT);
    assert_int_equal(got.mech, NEG_MECH_NTLMSSP);
    assert_int_equal(got.ntlm.type, NEG_NTLM_NEGOTIATE);
    got = reads(ntlm_nobody(), BOTH);
    assert_int_equal(got.kind, NEG_TOKEN_NTLM_NEXT);
    assert_true(got.ntlm.anonymous);
    got = reads(NEG_TOKEN_INIT(MECH_LIST(NTLM_OID), MECH_TOKEN(ntlm_negotiate())), BOTH);
    assert_int_equal(got.kind, NEG_TOKEN_SPNEGO_INIT);
    assert_int_equal(got.mech, NEG_MECH_NTLMSSP);
    assert_int_equal(got.ntlm.type, NEG_NTLM_NEGOTIATE);
    got = reads(NEG_TOKEN_RESP(MECH_TOKEN(ntlm_nobody())), BOTH);
    assert_int_equal(got.kind, NEG_TOKEN_SPNEGO_NEXT);
    assert_int_equal(got.mech, NEG_MECH_NTLMSSP);
    refuses_for(BOTH, NTLMSSP, "end too early");
    refuses_for(BOTH, NEG_TOKEN_RESP(MECH_TOKEN(NTLMSSP)), "end too early");
    refuses_for(BOTH, NEG_TOKEN_INIT(MECH_LIST(NTLM_OID), MECH_TOKEN(NTLMSSP)), "end too early");
    refuses_for(BOTH, NEG_TOKEN_INIT(MECH_LIST(NTLM_OID), MECH_TOKEN(krb5())), "no NTLM message");
    refuses_for(BOTH, NEG_TOKEN_INIT(MECH_LIST(NTLM_OID), MECH_TOKEN(NOTHING)), "no NTLM message");
    refuses_for(BOTH, NEG_TOKEN_INIT(MECH_LIST(NTLM_OID), MECH_TOKEN(ntlm_nobody())),
                "last message");
    refuses_for(BOTH, NEG_TOKEN_INIT(MECH_LIST(KRB5_OID, NTLM_OID), MECH_TOKEN(ntlm_negotiate())),
                "no Kerberos token");
}

/** As GSSAPI does: the first of the client's that is accepted. */
static void chooses_for_the_client(void **state)
{
    (void)state;
    assert_int_equal(reads(NEG_TOKEN_INIT(MECH_LIST(NTLM_OID, KRB5_OID)), BOTH).mech,
                     NEG_MECH_NTLMSSP);
    assert_int_equal(reads(NEG_TOKEN_INIT(MECH_LIST(NEGOEX_OID, MS_KRB5_OID, NTLM_OID)), BOTH).mech,
                     NEG_MECH_KRB5);
    assert_int_equal(reads(NEG_TOKEN_INIT(MECH_LIST(NTLM_OID, KRB5_OID)), NEG_MECH_KRB5).mech,
                     NEG_MECH_KRB5);
    assert_int_equal(reads(browser(), NEG_MECH_NTLMSSP).mech, NEG_MECH_NTLMSSP);
    assert_int_equal(reads(browser(), BOTH).mech, NEG_MECH_KRB5);
}

static void refuses_kerberos_where_it_is_not_accepted(void **state)
{
    (void)state;
    assert_int_equal(reads(krb5(), NEG_MECH_NTLMSSP).kind, NEG_TOKEN_OTHER);
    assert_int_equal(reads(ap_req(), NEG_MECH_NTLMSSP).kind, NEG_TOKEN_OTHER);
    assert_int_equal(
        reads(NEG_TOKEN_INIT(MECH_LIST(KRB5_OID), MECH_TOKEN(krb5())), NEG_MECH_NTLMSSP).kind,
        NEG_TOKEN_OTHER);
    assert_int_equal(reads(NEG_TOKEN_RESP(MECH_TOKEN(krb5())), NEG_MECH_NTLMSSP).kind,
                     NEG_TOKEN_OTHER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(takes_ntlm_where_accepted),
        TEST(chooses_for_the_client),
        TEST(refuses_kerberos_where_it_is_not_accepted),
    };

    return RUN(tests);
}

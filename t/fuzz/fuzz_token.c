/** Any bytes as a decoded token. */
#include "fuzz.h"

#include "token.h"

static int same(neg_bytes a, neg_bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/** The AP-REQ that was found is itself a token, and all of it. */
static void check_ap_req(neg_bytes ap_req)
{
    neg_token bare;

    PROMISE(neg_token_classify(ap_req, NEG_MECH_KRB5, &bare) == NULL);
    PROMISE(bare.kind == NEG_TOKEN_KRB5_INIT);
    PROMISE(bare.ap_req.data == ap_req.data && bare.ap_req.len == ap_req.len);
}

/** Framing is exact: with a byte less or more it is no token.  Raw NTLM has no framing. */
static void check_exactness(neg_bytes token)
{
    unsigned char *longer = malloc(token.len + 1);
    neg_token other;

    memcpy(longer, token.data, token.len);
    longer[token.len] = 0;
    PROMISE(neg_token_classify((neg_bytes){longer, token.len + 1}, NEG_MECH_KRB5, &other) != NULL);
    PROMISE(neg_token_classify((neg_bytes){longer, token.len - 1}, NEG_MECH_KRB5, &other) != NULL);
    free(longer);
}

/** With NTLM accepted, what is to get there has been read whole. */
static void check_ntlm(neg_bytes token)
{
    neg_token t;

    if (neg_token_classify(token, NEG_MECH_KRB5 | NEG_MECH_NTLMSSP, &t) != NULL) {
        return;
    }
    PROMISE(t.kind != NEG_TOKEN_NTLM);
    if (t.ntlm.type != NEG_NTLM_NONE) {
        PROMISE(t.mech == NEG_MECH_NTLMSSP && t.ap_req.len == 0);
    }
    if (t.kind == NEG_TOKEN_SPNEGO_NEXT && t.mech == NEG_MECH_NTLMSSP) {
        PROMISE(t.ntlm.type != NEG_NTLM_NONE);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    neg_bytes token = {data, size};
    const neg_token untouched = {.kind = NEG_TOKEN_OTHER,
                                 .ap_req = {(const unsigned char *)"", 42}};
    neg_token t = untouched;
    const char *error = neg_token_classify(token, NEG_MECH_KRB5, &t);

    check_ntlm(token);

    if (error) {
        PROMISE(is_sentence(error));
        PROMISE(t.ap_req.len == 42);
        return 0;
    }
    PROMISE(lies_within(t.ap_req, token));
    if (t.ap_req.len > 0) {
        check_ap_req(t.ap_req);
    }
    if (t.kind == NEG_TOKEN_KRB5_INIT) {
        PROMISE(t.ap_req.len > 0);
    }
    if (t.kind == NEG_TOKEN_NTLM && data[0] == 'N') {
        PROMISE(same((neg_bytes){data, 8}, (neg_bytes){(const unsigned char *)"NTLMSSP", 8}));
    } else {
        check_exactness(token);
    }
    return 0;
}

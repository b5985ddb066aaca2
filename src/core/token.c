#include "token.h"

#include <string.h>

#include "der.h"

/* ---- mechanisms ---------------------------------------------------------------------------- */

typedef enum {
    MECH_OTHER,
    MECH_SPNEGO,
    MECH_KRB5,
    MECH_NTLM,
    MECH_IAKERB
} mech_id;

/* Windows 2000 wrote Kerberos' OID with 16 bits, and its successors repeat that beside the right
 * one (MS-SPNG section 3.1.5.2): both mean the same. */
static const struct {
    mech_id mech;
    apr_size_t len;
    const char *oid; /* contents octets */
} known[] = {
    {MECH_SPNEGO, 6, "\x2b\x06\x01\x05\x05\x02"},                /* 1.3.6.1.5.5.2 */
    {MECH_KRB5, 9, "\x2a\x86\x48\x86\xf7\x12\x01\x02\x02"},      /* 1.2.840.113554.1.2.2 */
    {MECH_KRB5, 9, "\x2a\x86\x48\x82\xf7\x12\x01\x02\x02"},      /* 1.2.840.48018.1.2.2 */
    {MECH_NTLM, 10, "\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a"}, /* 1.3.6.1.4.1.311.2.2.10 */
    {MECH_IAKERB, 6, "\x2b\x06\x01\x05\x02\x05"},                /* 1.3.6.1.5.2.5 */
};

/** The bit of AuthNegotiateMechs; 0 for what is never negotiated. */
static unsigned int bit_of(mech_id mech)
{
    return mech == MECH_KRB5 ? NEG_MECH_KRB5 : mech == MECH_NTLM ? NEG_MECH_NTLMSSP : 0;
}

static mech_id mech_of(neg_bytes oid)
{
    apr_size_t i;

    for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (oid.len == known[i].len && memcmp(oid.data, known[i].oid, oid.len) == 0) {
            return known[i].mech;
        }
    }
    return MECH_OTHER;
}

/* ---- tokens of one mechanism --------------------------------------------------------------- */

#define TAG_FRAME  NEG_DER_APPLICATION(0)  /* InitialContextToken, RFC 2743 section 3.1 */
#define TAG_AP_REQ NEG_DER_APPLICATION(14) /* RFC 4120 section 5.5.1 */
#define TAG_AP_REP NEG_DER_APPLICATION(15) /* RFC 4120 section 5.5.2 */

/** NTLM messages have no framing (MS-NLMP section 2.2.1). */
static int next_is_ntlm(const neg_reader *r)
{
    return neg_read_more(r) && neg_ntlm_is(r->rest);
}

/** The rest is a message for NTLM: where that is accepted it must be a good one. */
static void read_ntlm(neg_reader *r, unsigned int mechs, neg_token *t)
{
    const char *why = NULL;
    neg_bytes message = neg_read_rest(r);

    t->mech = NEG_MECH_NTLMSSP;
    if (!(mechs & NEG_MECH_NTLMSSP)) {
        t->kind = NEG_TOKEN_NTLM;
    } else if ((why = neg_ntlm_read(message, &t->ntlm)) != NULL) {
        neg_read_fail(r, why);
    }
}

/** What follows the OID in Kerberos' frame: a TOK_ID and a message (RFC 4121 section 4.1). */
static void read_krb5_initial(neg_reader *r, neg_token *t)
{
    switch (neg_read_be16(r)) {
    case 0x0100:
        t->ap_req = neg_read_der_whole(r, TAG_AP_REQ);
        neg_read_end(r);
        break;
    case 0x0200:
    case 0x0300:
        neg_read_fail(r, "it is an answer of a Kerberos server (AP-REP or KRB-ERROR), which no "
                         "client sends");
        break;
    default:
        neg_read_fail(r, "it is a Kerberos token, but not one that starts an authentication");
    }
}

/** A framed token within SPNEGO; only Kerberos' is looked into. */
static mech_id read_mech_frame(neg_reader *r, neg_token *t)
{
    neg_reader frame = neg_read_der_inside(r, TAG_FRAME);
    mech_id mech = mech_of(neg_read_der_oid(&frame));

    if (mech == MECH_KRB5) {
        read_krb5_initial(&frame, t);
    }
    return mech;
}

/* ---- SPNEGO -------------------------------------------------------------------------------- */

/** MechTypeList (RFC 4178 section 4.1), the client's favourite first. */
typedef struct {
    mech_id first;
    mech_id chosen;       /* the first that is accepted: GSSAPI's choice, too; or MECH_OTHER */
    unsigned int offered; /* bit set of 1 << mech */
} mech_list;

static mech_list read_mech_list(neg_reader *r, unsigned int mechs)
{
    neg_reader field = neg_read_der_inside(r, NEG_DER_CONTEXT(0));
    neg_reader oids = neg_read_der_inside(&field, NEG_DER_SEQUENCE);
    mech_list list = {MECH_OTHER, MECH_OTHER, 0};

    neg_read_end(&field);
    while (neg_read_more(&oids)) {
        mech_id next = mech_of(neg_read_der_oid(&oids));

        if (list.offered == 0) {
            list.first = next;
        }
        if (list.chosen == MECH_OTHER && bit_of(next) & mechs) {
            list.chosen = next;
        }
        list.offered |= 1u << next;
    }
    if (list.offered == 0) {
        neg_read_fail(r, "it is a SPNEGO token that offers no mechanism at all");
    }
    return list;
}

/** What a list of mechanisms means to a server that has chosen from it. */
static neg_token_kind kind_of_offer(mech_list list)
{
    if (list.chosen != MECH_OTHER) {
        return NEG_TOKEN_SPNEGO_INIT;
    }
    if (list.offered & 1u << MECH_NTLM) {
        return NEG_TOKEN_NTLM;
    }
    if (list.offered & 1u << MECH_IAKERB) {
        return NEG_TOKEN_IAKERB;
    }
    return NEG_TOKEN_OTHER;
}

/** Kerberos' first token, in its frame or bare (DCE style). */
static void read_optimistic_krb5(neg_reader *inner, unsigned int mechs, neg_token *t)
{
    if (next_is_ntlm(inner) && !(mechs & NEG_MECH_NTLMSSP)) {
        t->kind = NEG_TOKEN_NTLM;
        (void)neg_read_rest(inner);
    } else if (neg_read_der_next_is(inner, TAG_AP_REQ)) {
        t->ap_req = neg_read_der_whole(inner, TAG_AP_REQ);
    } else if (!neg_read_der_next_is(inner, TAG_FRAME)) {
        neg_read_fail(inner, "it names Kerberos, but what it carries is no Kerberos token");
    } else if (read_mech_frame(inner, t) != MECH_KRB5) {
        neg_read_fail(inner, "it names Kerberos, but carries a token of another mechanism");
    }
    neg_read_end(inner);
}

/**
 * The mechToken is for the client's favourite mechanism.  It is looked at if that was chosen:
 * GSSAPI ignores any other and goes on with its choice.
 */
static void read_optimistic_token(neg_reader *r, mech_list list, unsigned int mechs, neg_token *t)
{
    neg_bytes mech_token = neg_read_der_field(r, NEG_DER_CONTEXT(2), NEG_DER_OCTET_STRING);
    neg_reader inner = neg_reader_of(mech_token, r->error);

    if (list.first != list.chosen) {
        return;
    }
    if (list.chosen == MECH_NTLM) {
        read_ntlm(&inner, mechs, t);
        if (t->ntlm.type == NEG_NTLM_AUTHENTICATE) {
            neg_read_fail(&inner, "it begins an exchange with the last message of NTLM");
        }
    } else if (list.chosen == MECH_KRB5 && mech_token.len > 0) {
        read_optimistic_krb5(&inner, mechs, t);
    }
}

/** NegTokenInit (RFC 4178 section 4.2.1). */
static void read_neg_token_init(neg_reader *r, unsigned int mechs, neg_token *t)
{
    neg_reader choice = neg_read_der_inside(r, NEG_DER_CONTEXT(0));
    neg_reader init = neg_read_der_inside(&choice, NEG_DER_SEQUENCE);
    mech_list list = read_mech_list(&init, mechs);

    t->kind = kind_of_offer(list);
    t->mech = bit_of(list.chosen);
    neg_read_der_skip(&init, NEG_DER_CONTEXT(1)); /* reqFlags: MUST be ignored */
    if (neg_read_der_next_is(&init, NEG_DER_CONTEXT(2))) {
        read_optimistic_token(&init, list, mechs, t);
    }
    neg_read_der_skip(&init, NEG_DER_CONTEXT(3)); /* mechListMIC */
    neg_read_end(&init);
    neg_read_end(&choice);
    neg_read_end(r);
}

/** ENUMERATED accept-completed (0) to request-mic (3). */
static void read_neg_state(neg_reader *r)
{
    neg_bytes state = neg_read_der_field(r, NEG_DER_CONTEXT(0), NEG_DER_ENUMERATED);

    if (*r->error == NULL && (state.len != 1 || state.data[0] > 3)) {
        neg_read_fail(r, "it is a SPNEGO token with a state that SPNEGO does not have");
    }
}

/** Only the acceptor's to say, but harmless. */
static void read_supported_mech(neg_reader *r)
{
    neg_reader field = neg_read_der_inside(r, NEG_DER_CONTEXT(1));

    (void)neg_read_der_oid(&field);
    neg_read_end(&field);
}

/**
 * A later leg's token: of the mechanism agreed upon, which is NTLM only when it looks like that.
 * The frame of another one must not get through: GSSAPI chooses by it whom to give the token to,
 * whatever was agreed upon.
 */
static void read_response_token(neg_reader *r, unsigned int mechs, neg_token *t)
{
    neg_bytes response = neg_read_der_field(r, NEG_DER_CONTEXT(2), NEG_DER_OCTET_STRING);
    neg_reader inner = neg_reader_of(response, r->error);

    if (next_is_ntlm(&inner)) {
        read_ntlm(&inner, mechs, t);
        return;
    }
    t->mech = NEG_MECH_KRB5;
    if (neg_read_der_next_is(&inner, TAG_AP_REQ)) {
        t->ap_req = neg_read_der_whole(&inner, TAG_AP_REQ);
    } else if (neg_read_der_next_is(&inner, TAG_FRAME)) {
        mech_id mech = read_mech_frame(&inner, t);

        if (mech != MECH_KRB5) {
            t->kind = mech == MECH_IAKERB ? NEG_TOKEN_IAKERB : NEG_TOKEN_OTHER;
        }
    } else {
        (void)neg_read_rest(&inner);
    }
    neg_read_end(&inner);
}

/** NegTokenResp (RFC 4178 section 4.2.2), which has no frame. */
static void read_neg_token_resp(neg_reader *r, unsigned int mechs, neg_token *t)
{
    neg_reader choice = neg_read_der_inside(r, NEG_DER_CONTEXT(1));
    neg_reader resp = neg_read_der_inside(&choice, NEG_DER_SEQUENCE);

    t->kind = NEG_TOKEN_SPNEGO_NEXT;
    if (neg_read_der_next_is(&resp, NEG_DER_CONTEXT(0))) {
        read_neg_state(&resp);
    }
    if (neg_read_der_next_is(&resp, NEG_DER_CONTEXT(1))) {
        read_supported_mech(&resp);
    }
    if (neg_read_der_next_is(&resp, NEG_DER_CONTEXT(2))) {
        read_response_token(&resp, mechs, t);
    }
    if (neg_read_der_next_is(&resp, NEG_DER_CONTEXT(3))) {
        (void)neg_read_der_field(&resp, NEG_DER_CONTEXT(3), NEG_DER_OCTET_STRING); /* the MIC */
    }
    neg_read_end(&resp);
    neg_read_end(&choice);
}

static const unsigned char reject[] = {
    0xa1, 0x07,                  /* NegotiationToken: negTokenResp [1] */
    0x30, 0x05,                  /* SEQUENCE */
    0xa0, 0x03, 0x0a, 0x01, 0x02 /* negState [0] ENUMERATED: reject (2) */
};

const neg_bytes neg_token_spnego_reject = {reject, sizeof(reject)};

/* ---- any token ----------------------------------------------------------------------------- */

/** A token in the frame of RFC 2743 section 3.1: whose it is, an OID tells. */
static void read_framed(neg_reader *r, unsigned int mechs, neg_token *t)
{
    neg_reader frame = neg_read_der_inside(r, TAG_FRAME);

    switch (mech_of(neg_read_der_oid(&frame))) {
    case MECH_SPNEGO:
        read_neg_token_init(&frame, mechs, t);
        break;
    case MECH_KRB5:
        t->kind = NEG_TOKEN_KRB5_INIT;
        t->mech = NEG_MECH_KRB5;
        read_krb5_initial(&frame, t);
        break;
    case MECH_IAKERB:
        t->kind = NEG_TOKEN_IAKERB;
        break;
    default:
        t->kind = NEG_TOKEN_OTHER;
    }
}

static void read_token(neg_reader *r, unsigned int mechs, neg_token *t)
{
    if (next_is_ntlm(r)) {
        read_ntlm(r, mechs, t);
        if (t->kind != NEG_TOKEN_NTLM) {
            t->kind =
                t->ntlm.type == NEG_NTLM_NEGOTIATE ? NEG_TOKEN_NTLM_INIT : NEG_TOKEN_NTLM_NEXT;
        }
    } else if (neg_read_der_next_is(r, TAG_FRAME)) {
        read_framed(r, mechs, t);
    } else if (neg_read_der_next_is(r, NEG_DER_CONTEXT(1))) {
        read_neg_token_resp(r, mechs, t);
    } else if (neg_read_der_next_is(r, TAG_AP_REQ)) {
        t->kind = NEG_TOKEN_KRB5_INIT;
        t->mech = NEG_MECH_KRB5;
        t->ap_req = neg_read_der_whole(r, TAG_AP_REQ);
    } else if (neg_read_der_next_is(r, TAG_AP_REP)) {
        t->kind = NEG_TOKEN_KRB5_NEXT;
        t->mech = NEG_MECH_KRB5;
        (void)neg_read_der(r, TAG_AP_REP);
    } else if (neg_read_der_next_is(r, NEG_DER_CONTEXT(0))) {
        neg_read_fail(r, "it is a SPNEGO token without the frame that its first message needs "
                         "(RFC 2743 section 3.1), as some old clients send it");
    } else if (!neg_read_more(r)) {
        neg_read_fail(r, "it is empty");
    } else {
        neg_read_fail(r, "its first bytes are not those of SPNEGO, Kerberos or NTLM");
    }
}

const char *neg_token_classify(neg_bytes token, unsigned int mechs, neg_token *out)
{
    neg_token t = {.kind = NEG_TOKEN_OTHER};
    const char *error = NULL;
    neg_reader r = neg_reader_of(token, &error);

    read_token(&r, mechs, &t);
    if (neg_read_more(&r)) {
        neg_read_fail(&r, "there are bytes after its end");
    }
    if (error) {
        return error;
    }
    if (t.mech == NEG_MECH_KRB5 && !(mechs & NEG_MECH_KRB5)) {
        t.kind = NEG_TOKEN_OTHER;
    }
    *out = t;
    return NULL;
}

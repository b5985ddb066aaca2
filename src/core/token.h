/**
 * What kind of token a client sent, found out without GSSAPI.
 *
 * GSSAPI and its mechanism plugins are not the place for bytes from strangers that are not even
 * tokens, so everything that can be refused by its form is refused here.
 */
#ifndef NEG_CORE_TOKEN_H
#define NEG_CORE_TOKEN_H

#include "bytes.h"
#include "mech.h"
#include "ntlm.h"

/** What kind of message a decoded token is, as far as its outermost bytes tell. */
typedef enum {
    NEG_TOKEN_SPNEGO_INIT, /**< NegTokenInit (RFC 4178 4.2.1) that offers what is accepted */
    NEG_TOKEN_SPNEGO_NEXT, /**< NegTokenResp (RFC 4178 4.2.2): a later leg */
    NEG_TOKEN_KRB5_INIT,   /**< AP-REQ, framed (RFC 4121 4.1) or bare (DCE style) */
    NEG_TOKEN_KRB5_NEXT,   /**< bare AP-REP: the third leg of DCE style */
    NEG_TOKEN_NTLM_INIT,   /**< NEGOTIATE_MESSAGE, raw (MS-NLMP 2.2.1.1) */
    NEG_TOKEN_NTLM_NEXT,   /**< AUTHENTICATE_MESSAGE, raw (MS-NLMP 2.2.1.3) */
    NEG_TOKEN_NTLM,        /**< NTLM, raw or within SPNEGO, where it is not accepted */
    NEG_TOKEN_IAKERB,      /**< Kerberos with the server as its way to the KDC */
    NEG_TOKEN_OTHER        /**< a well-formed token of a mechanism that we do not know */
} neg_token_kind;

/** A classified token.  Every span points into the bytes that were classified. */
typedef struct {
    neg_token_kind kind;
    neg_bytes ap_req;  /**< the KRB_AP_REQ inside (RFC 4120 5.5.1); empty when there is none */
    unsigned int mech; /**< NEG_MECH_* that will get what is inside, or that was chosen; or 0 */
    neg_ntlm ntlm;     /**< the message of NTLM inside, which has been read whole; or type NONE */
} neg_token;

/**
 * Tells what kind of token these bytes are; the outer framing must be whole and exact DER.
 * @param mechs NEG_MECH_* that are accepted; what is inside for another one is NTLM, IAKERB or
 *              OTHER, whatever it is wrapped in
 * @return NULL, or a static sentence; *out is then untouched.  Allocates nothing.
 */
const char *neg_token_classify(neg_bytes token, unsigned int mechs, neg_token *out);

/** NegTokenResp { negState = reject } (RFC 4178 4.2.2): how SPNEGO says no. */
extern const neg_bytes neg_token_spnego_reject;

#endif

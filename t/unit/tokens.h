/** Tokens by hand, for the tests of what they are. */
#ifndef NEG_TEST_TOKENS_H
#define NEG_TEST_TOKENS_H

#include "testing.h"

#include "token.h"

#define SPNEGO_OID  DER(0x06, BYTES("\x2b\x06\x01\x05\x05\x02"))
#define KRB5_OID    DER(0x06, BYTES("\x2a\x86\x48\x86\xf7\x12\x01\x02\x02"))
#define MS_KRB5_OID DER(0x06, BYTES("\x2a\x86\x48\x82\xf7\x12\x01\x02\x02"))
#define NTLM_OID    DER(0x06, BYTES("\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a"))
#define IAKERB_OID  DER(0x06, BYTES("\x2b\x06\x01\x05\x02\x05"))
#define NEGOEX_OID  DER(0x06, BYTES("\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x1e"))
#define U2U_OID     DER(0x06, BYTES("\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x03"))

#define NTLMSSP BYTES("NTLMSSP\0\1\0\0\0\x97\x82\x08\xe2")

/** To classify, an AP-REQ is a tag and contents; 0x81 of them need a long length. */
static inline neg_bytes ap_req(void)
{
    unsigned char *contents = apr_palloc(pool, 0x81);

    memset(contents, 0x30, 0x81);
    return DER(0x6e, ((neg_bytes){contents, 0x81}));
}

static inline neg_bytes framed(neg_bytes oid, neg_bytes inner)
{
    return DER(0x60, oid, inner);
}

static inline neg_bytes krb5(void)
{
    return framed(KRB5_OID, JOIN(BYTES("\1\0"), ap_req()));
}

#define MECH_LIST(...)      DER(0xa0, DER(0x30, __VA_ARGS__))
#define MECH_TOKEN(...)     DER(0xa2, DER(0x04, __VA_ARGS__))
#define NEG_TOKEN_INIT(...) framed(SPNEGO_OID, DER(0xa0, DER(0x30, __VA_ARGS__)))
#define NEG_TOKEN_RESP(...) DER(0xa1, DER(0x30, __VA_ARGS__))
#define NEG_STATE(literal)  DER(0xa0, DER(0x0a, BYTES(literal)))

/** What browsers send: both OIDs of Kerberos, NEGOEX, NTLM, and an AP-REQ. */
static inline neg_bytes browser(void)
{
    return NEG_TOKEN_INIT(MECH_LIST(MS_KRB5_OID, KRB5_OID, NEGOEX_OID, NTLM_OID),
                          MECH_TOKEN(krb5()));
}

#endif

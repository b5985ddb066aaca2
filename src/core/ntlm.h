/**
 * The NTLMSSP messages of a client (MS-NLMP section 2.2.1), read strictly.
 *
 * The library that verifies them was not made for strangers' bytes: it copies a session key that is
 * not there, and measures a user's name that is not there.  So nothing reaches it that has not been
 * read here to the last byte.  Only NTLMv2 passes: what is older can be broken by whoever sees it,
 * and what it says of channel bindings is protected by nothing.
 */
#ifndef NEG_CORE_NTLM_H
#define NEG_CORE_NTLM_H

#include "bytes.h"

typedef enum {
    NEG_NTLM_NONE,
    NEG_NTLM_NEGOTIATE = 1,   /**< the client begins (section 2.2.1.1) */
    NEG_NTLM_AUTHENTICATE = 3 /**< it answers the server's challenge (section 2.2.1.3) */
} neg_ntlm_type;

typedef struct {
    neg_ntlm_type type;
    int anonymous; /**< AUTHENTICATE that names no user; the rest of it has not been looked at */
    int bound;     /**< AUTHENTICATE with channel bindings, which its proof covers */
} neg_ntlm;

/** Whether these bytes begin like a message of NTLMSSP. */
int neg_ntlm_is(neg_bytes bytes);

/**
 * Reads a whole message.
 * @return NULL, or a static sentence; *out is then untouched.  Allocates nothing.
 */
const char *neg_ntlm_read(neg_bytes message, neg_ntlm *out);

#endif

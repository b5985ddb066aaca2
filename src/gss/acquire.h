/** How an acceptor credential is acquired: for credentials.c and keyring.c, which keep it. */
#ifndef NEG_GSS_ACQUIRE_H
#define NEG_GSS_ACQUIRE_H

#include "gss.h"

/** @return GSSAPI's major status; with *cred, which is the caller's, unless it is an error */
OM_uint32 neg_acceptor_acquire(OM_uint32 *minor, const neg_acceptor *acceptor, gss_cred_id_t *cred);

/** Acquires for the principal in acceptor->acceptor; GSS_C_NO_CREDENTIAL when that fails. */
gss_cred_id_t neg_acceptor_acquire_principal(const neg_acceptor *acceptor);

#endif

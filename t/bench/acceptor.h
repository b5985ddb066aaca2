/**
 * What GSSAPI alone takes for a token: the limit of what a server can reach.
 */
#ifndef NEG_BENCH_ACCEPTOR_H
#define NEG_BENCH_ACCEPTOR_H

#include <gssapi/gssapi.h>

/**
 * Acquires a credential as the module does it: Kerberos, then SPNEGO, restricted to Kerberos.
 *
 * @param service  a host based service, such as HTTP
 * @param keytab   NULL is krb5's default
 * @param rcache   NULL is krb5's default
 * @return GSS_C_NO_CREDENTIAL when there is none; else the caller releases it
 */
gss_cred_id_t bench_acquire(const char *service, const char *keytab, const char *rcache);

/**
 * Does what a server needs of a token: gets the client's name in text, and the token that answers.
 *
 * @param reply  the caller releases it
 * @return gss_accept_sec_context's major status, or gss_display_name's
 */
OM_uint32 bench_accept(gss_cred_id_t credential, gss_buffer_t token, gss_buffer_t reply,
                       OM_uint32 *minor);

#endif

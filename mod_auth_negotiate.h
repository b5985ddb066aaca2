/**
 * mod_auth_negotiate for other modules: who is it, and which credential did the user delegate.
 *
 * Both are optional functions: retrieve them in a post_config or optional_fn_retrieve hook with
 * APR_RETRIEVE_OPTIONAL_FN, and expect NULL where the module is not loaded.
 */
#ifndef MOD_AUTH_NEGOTIATE_H
#define MOD_AUTH_NEGOTIATE_H

#include <apr_optional.h>
#include <apr_time.h>
#include <gssapi/gssapi.h>
#include <httpd.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What was proven about the client.  Members may be added at the end. */
typedef struct {
    const char *principal; /**< the whole Kerberos principal, escaped as GSSAPI displays it; where
                                another provider checked a password, the user's name */
    const char *realm;     /**< "" then */
    const char *scheme;    /**< "Negotiate" or "Basic" */
    const char *mechanism; /**< "krb5"; "" where another provider checked a password */
    const char *source;    /**< "header", "connection" or "inherited" */
    const char *ccache;    /**< TYPE:residual of the delegated credential, or NULL; NULL until the
                                request has passed authorization, too */
    apr_time_t expires;    /**< when the proof ends; never later than the ticket; 0 without one */
} auth_negotiate_identity_t;

/**
 * Who is it?
 * @return what AuthType Negotiate proved for this request, living as long as r; NULL when it was
 *         not authenticated, or not by this module.  r->user may differ (AuthNegotiateUser).
 */
APR_DECLARE_OPTIONAL_FN(const auth_negotiate_identity_t *, auth_negotiate_identity,
                        (request_rec * r));

/**
 * The credential that the user delegated, to act in the user's name.
 * @param r    the request
 * @param cred for gss_init_sec_context with the krb5 mechanism; released with r's pool, not by the
 *             caller
 * @return APR_SUCCESS; APR_ENOENT when nobody was authenticated and let in (so in every hook before
 *         fixups, and in the error page of a request that was refused) or nothing was delegated;
 *         APR_EGENERAL when the stored credential cannot be opened (the log says why)
 */
APR_DECLARE_OPTIONAL_FN(apr_status_t, auth_negotiate_delegated,
                        (request_rec * r, gss_cred_id_t *cred));

#ifdef __cplusplus
}
#endif

#endif

/*
 * Which service a client's token was accepted for, whoever accepted it.
 *
 * GSSAPI is told which keys may accept, and libkrb5 keeps to it; but a plugin may stand before it
 * (an interposer such as gssproxy's), with keys that nobody here has named.  The context says which
 * service it was, and that has to be one of our keytab's that the acceptor takes.  To ask costs as
 * much as a sixth of a token, so it is asked where there is such a plugin.
 */

#include <string.h>

#include <apr_escape.h>
#include <apr_strings.h>

#include "keyring.h"

static int fail(neg_failure *failure, neg_cause cause, const char *text)
{
    failure->cause = cause;
    failure->text = text;
    return -1;
}

/* Names are compared as they are displayed, which is unambiguous (RFC 1964 section 2.1.1). */
static const char *service_of(apr_pool_t *p, gss_ctx_id_t context)
{
    gss_name_t name = GSS_C_NO_NAME;
    gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
    const char *service = NULL;
    OM_uint32 minor;
    if (GSS_ERROR(
            gss_inquire_context(&minor, context, NULL, &name, NULL, NULL, NULL, NULL, NULL)) ||
        name == GSS_C_NO_NAME)
        return NULL;
    if (!GSS_ERROR(gss_display_name(&minor, name, &text, NULL)))
        service = apr_pstrmemdup(p, text.value, text.length);
    gss_release_buffer(&minor, &text);
    gss_release_name(&minor, &name);
    return service;
}

/* The host of HTTP@host is krb5's to complete (dns_canonicalize_hostname). */
static int is_canonical(apr_pool_t *p, krb5_context krb5, const char *service, const char *acceptor)
{
    const char *host = strchr(acceptor, '@');
    krb5_principal wanted, is;
    int equal;
    if (!host || krb5_sname_to_principal(krb5, host + 1,
                                         apr_pstrmemdup(p, acceptor, (apr_size_t)(host - acceptor)),
                                         KRB5_NT_SRV_HST, &wanted) != 0)
        return 0;
    equal = krb5_parse_name(krb5, service, &is) == 0;
    if (equal) {
        equal = krb5_principal_compare_any_realm(krb5, wanted, is);
        krb5_free_principal(krb5, is);
    }
    krb5_free_principal(krb5, wanted);
    return equal;
}

static int refuse(apr_pool_t *p, const neg_leg_input *in, const char *service, neg_failure *failure)
{
    krb5_context krb5 = neg_worker_krb5(in->worker);
    const neg_acceptor *acceptor = in->acceptor;
    const char *keytab = acceptor->keytab ? acceptor->keytab : neg_keytab_default_name(p, krb5);
    apr_array_header_t *entries;
    const char *why = neg_keytab_list(p, krb5, keytab, &entries);
    if (why)
        return fail(failure, NEG_CAUSE_KEYTAB, neg_keytab_explain(p, keytab, why));
    return fail(
        failure, NEG_CAUSE_WRONG_SERVICE,
        apr_psprintf(p,
                     "GSSAPI accepted the token as %s, and AuthNegotiateAcceptor %s with the "
                     "keytab %s is for others (it has keys of %s): a plugin of GSSAPI has keys of "
                     "its own. If that is gssproxy, set GSSPROXY_BEHAVIOR=LOCAL_ONLY in httpd's "
                     "environment, or take GSS_USE_PROXY out of it",
                     apr_pescape_echo(p, service, 0), acceptor->acceptor, keytab,
                     neg_keytab_principals(p, entries, 6)));
}

int neg_service_check(apr_pool_t *p, gss_ctx_id_t context, const neg_leg_input *in,
                      neg_failure *failure)
{
    const char *service;
    if (!neg_worker_is_interposed(in->worker))
        return 0;
    if (!(service = service_of(p, context)))
        return fail(failure, NEG_CAUSE_INTERNAL,
                    "GSSAPI accepted the token and does not say for which service");
    if ((neg_keytab_serves(service, in->acceptor->acceptor) ||
         is_canonical(p, neg_worker_krb5(in->worker), service, in->acceptor->acceptor)) &&
        neg_worker_has_key_of(in->worker, p, in->acceptor->keytab, service, in->now))
        return 0;
    return refuse(p, in, service, failure);
}

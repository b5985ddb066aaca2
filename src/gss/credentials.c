/* Acceptor credentials: acquired once per thread and acceptor, then used for every token. */

#include <apr_hash.h>
#include <apr_strings.h>

#include "acquire.h"
#include "keyring.h"

/* An AuthNegotiateAcceptor expression may follow the Host header; only names that have a key get
 * as far as here, but their spellings are the client's. */
#define CREDENTIALS_MAX 64

static int has_key_among(const apr_array_header_t *entries, const char *acceptor)
{
    for (int i = 0; i < entries->nelts; i++)
        if (neg_keytab_serves(APR_ARRAY_IDX(entries, i, neg_keytab_entry).principal, acceptor))
            return 1;
    return 0;
}

/*
 * Asked before a name that the client may have made up goes to GSSAPI, which may look it up in the
 * DNS: whoever owns the name's zone would decide for how long.  Of a keytab that cannot be read
 * GSSAPI tells.
 */
static int has_key_for(neg_worker *worker, apr_pool_t *p, const neg_acceptor *acceptor)
{
    const neg_keys *keys = neg_worker_keylist(worker, p, acceptor->keytab, apr_time_now());
    apr_array_header_t *entries = keys ? keys->entries : NULL;
    if (!keys && neg_keytab_list(p, neg_worker_krb5(worker), acceptor->keytab, &entries) != NULL)
        return 1;
    return has_key_among(entries, acceptor->acceptor);
}

/* What acquiring says of a keytab is seldom the reason; reading the keytab is. */
static void explain_acquire(neg_worker *worker, apr_pool_t *p, const neg_acceptor *acceptor,
                            const char *says, neg_failure *failure)
{
    const neg_keys *keys = neg_worker_keylist(worker, p, acceptor->keytab, apr_time_now());
    apr_array_header_t *entries = keys ? keys->entries : NULL;
    const char *keytab =
        acceptor->keytab ? acceptor->keytab : neg_keytab_default_name(p, neg_worker_krb5(worker));
    const char *why = keys ? NULL : neg_keytab_list(p, neg_worker_krb5(worker), keytab, &entries);

    failure->cause = why || !acceptor->by_request ? NEG_CAUSE_KEYTAB : NEG_CAUSE_NO_KEY;
    if (why)
        failure->text = neg_keytab_explain(p, keytab, why);
    else if (!acceptor->by_request && has_key_among(entries, acceptor->acceptor)) {
        failure->cause = NEG_CAUSE_INTERNAL;
        failure->text = apr_psprintf(
            p,
            "the keytab %s has a key for AuthNegotiateAcceptor %s, and GSSAPI cannot use it%s: "
            "see whether memory or open files have run out, and httpd's environment "
            "(KRB5RCACHENAME)",
            keytab, acceptor->acceptor, says);
    } else
        failure->text = apr_psprintf(
            p,
            "no key in the keytab %s may accept for AuthNegotiateAcceptor %s; it has keys of %s%s",
            keytab, acceptor->acceptor, neg_keytab_principals(p, entries, 8), says);
}

gss_cred_id_t neg_worker_credential(neg_worker *worker, apr_pool_t *p, const neg_acceptor *acceptor,
                                    neg_failure *failure)
{
    const char *key = neg_acceptor_key(p, acceptor);
    apr_hash_t *known = neg_worker_credentials(worker);
    gss_cred_id_t cred = apr_hash_get(known, key, APR_HASH_KEY_STRING);
    OM_uint32 major, minor = 0;
    int cached;

    if (cred)
        return cred;
    if (acceptor->by_request && !has_key_for(worker, p, acceptor)) {
        explain_acquire(worker, p, acceptor, "", failure);
        return GSS_C_NO_CREDENTIAL;
    }
    major = neg_acceptor_acquire(&minor, acceptor, &cred);
    if (GSS_ERROR(major)) {
        explain_acquire(
            worker, p, acceptor,
            apr_psprintf(p, " (GSSAPI says: %s)", neg_status_text(p, major, minor, &neg_oid_krb5)),
            failure);
        return GSS_C_NO_CREDENTIAL;
    }
    neg_worker_look_at_plugins(worker);
    cached = apr_hash_count(known) < CREDENTIALS_MAX;
    apr_pool_cleanup_register(cached ? apr_hash_pool_get(known) : p, cred, neg_release_credential,
                              apr_pool_cleanup_null);
    if (cached)
        apr_hash_set(known, apr_pstrdup(apr_hash_pool_get(known), key), APR_HASH_KEY_STRING, cred);
    return cred;
}

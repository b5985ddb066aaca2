/*
 * AuthNegotiateImpersonate: protocol transition (MS-SFU, S4U2Self).  A user whom another module has
 * authenticated gets tickets as if he had come with Kerberos.
 *
 * Whoever decides what r->user is decides who is impersonated.  So a name must be one that a
 * principal can have without an escape, and of a realm that is named.
 */

#include <string.h>

#include <apr_strings.h>

#include "answer.h"
#include "internal.h"
#include "userpass.h"

/* ---- Fixups ---- */

/* What decides about the ccache of a user. */
static const char *key_of(request_rec *r, const neg_conf *conf)
{
    neg_perms perms = neg_config_perms(conf);
    return apr_psprintf(r->pool, "%s\n%s\n%s\n%s\n%s\n%o %ld %ld\n%s", r->user, neg_s4u_text(conf),
                        conf->keytab ? conf->keytab : "", neg_config_acceptor_text(conf),
                        neg_config_delegate_place(conf), perms.mode, perms.uid, perms.gid,
                        neg_config_delegate_env(conf));
}

/* Our own users have their tickets already: see neg_s4u_delegate(). */
static int is_wanted(request_rec *r)
{
    const neg_conf *conf = neg_config_of(r);
    return conf->impersonate && conf->impersonate->on && neg_s4u_is_on(conf) && r->user &&
           !neg_attempt_granted(r);
}

static int is_current(request_rec *r, const neg_impersonated *one)
{
    return is_wanted(r) && neg_admitted_user(r) &&
           strcmp(one->key, key_of(r, neg_config_of(r))) == 0;
}

const neg_impersonated *neg_impersonate_of(request_rec *r)
{
    const neg_attempt *a = neg_attempt_nearest(r);
    for (const neg_impersonated *one = a ? a->exchange->impersonated : NULL; one; one = one->next)
        if (is_current(r, one))
            return one;
    return NULL;
}

neg_attempt *neg_impersonate_attempt(request_rec *r)
{
    const neg_impersonated *one = neg_impersonate_of(r);
    neg_attempt *a;
    neg_identity *identity;
    if (!one)
        return NULL;
    a = neg_attempt_create(r);
    a->identity = identity = apr_pcalloc(neg_attempt_pool(a), sizeof(*identity));
    identity->principal = one->principal;
    identity->ccache = one->ccache;
    return a;
}

static const neg_impersonated *find(const neg_attempt *a, const char *key)
{
    const neg_impersonated *one = a->exchange->impersonated;
    while (one && strcmp(one->key, key) != 0)
        one = one->next;
    return one;
}

static neg_outcome find_principal(neg_attempt *a, const char **principal)
{
    if (!neg_admitted_user(a->r))
        return neg_impersonate_refuse(
            a, a->r->user,
            "no module has said that it has authenticated this user, and how "
            "(AUTH_TYPE), or the request was let in without that (Require all granted, "
            "Satisfy Any), or the name is of a certificate that nobody has verified "
            "(SSLUserName needs SSLVerifyClient require)");
    return neg_impersonate_find(a, a->r->user, principal);
}

/* One for a client's request with all its parts that are alike. */
static neg_outcome impersonate(neg_attempt *a, const char *key, const neg_impersonated **result)
{
    apr_pool_t *p = neg_attempt_pool(a);
    neg_impersonated *one = apr_pcalloc(p, sizeof(*one));
    const char *principal;
    if (neg_negotiate_find_acceptor(a) == NEG_REFUSED ||
        find_principal(a, &principal) == NEG_REFUSED ||
        neg_s4u_impersonate(a, &principal) == NEG_REFUSED)
        return NEG_REFUSED;
    if (a->delegated != GSS_C_NO_CREDENTIAL && neg_attempt_store(a, p, &one->ccache) == NEG_REFUSED)
        return NEG_REFUSED;
    one->key = apr_pstrdup(p, key);
    one->principal = apr_pstrdup(p, principal);
    one->env = neg_config_delegate_env(a->conf);
    one->next = a->exchange->impersonated;
    *result = a->exchange->impersonated = one;
    return NEG_GRANTED;
}

static void withhold(request_rec *r)
{
    const neg_attempt *a = neg_attempt_nearest(r);
    for (const neg_impersonated *one = a ? a->exchange->impersonated : NULL; one; one = one->next) {
        if (one->ccache && !is_current(r, one))
            neg_publish_withhold(r, one->env, one->ccache);
    }
}

/* The page that says why somebody was refused needs no tickets, and its request no refusal. */
static int is_borrowed(const request_rec *r)
{
    return neg_admitted_source(r) && !neg_admitted_user(r);
}

int neg_impersonate_fixups(request_rec *r)
{
    neg_attempt *a;
    const char *key;
    const neg_impersonated *one;
    withhold(r);
    if (!is_wanted(r) || is_borrowed(r))
        return DECLINED;
    a = neg_attempt_begin(r);
    key = key_of(r, a->conf);
    one = find(a, key);
    if (!one && impersonate(a, key, &one) == NEG_REFUSED)
        return neg_answer_impersonation(a);
    neg_answer_keep_private(r);
    if (neg_config_delegate_dir(a->conf))
        neg_publish_impersonated(r, a->conf, one->ccache);
    return DECLINED;
}

int neg_impersonate_last_fixups(request_rec *r)
{
    withhold(r);
    return DECLINED;
}

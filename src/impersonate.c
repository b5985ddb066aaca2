/*
 * AuthNegotiateImpersonate: protocol transition (MS-SFU, S4U2Self).  A user whom another module has
 * authenticated gets tickets as if he had come with Kerberos.
 *
 * Whoever decides what r->user is decides who is impersonated.  So a name must be one that a
 * principal can have without an escape, and of a realm that is named.
 */

#include <string.h>

#include <apr_strings.h>

#include "acting.h"
#include "negotiate.h"
#include "userpass.h"

#define NAME_MAX_LENGTH 256

/* ---- The directive ---- */

const char *neg_impersonate_set(cmd_parms *cmd, void *conf, int argc, char *const argv[])
{
    neg_conf *c = neg_config_edit(cmd, conf);
    neg_impersonate_rule *rule = apr_pcalloc(cmd->pool, sizeof(*rule));
    apr_array_header_t *realms = apr_array_make(cmd->pool, 2, sizeof(const char *));
    c->impersonate = rule;
    rule->realms = realms;
    if (argc == 1 && strcasecmp(argv[0], "Off") == 0)
        return NULL;
    if (argc == 0 || strcasecmp(argv[0], "On") != 0)
        return "AuthNegotiateImpersonate: write Off, or On, which may be followed by realms whose "
               "users may be impersonated, too";
    rule->on = 1;
    for (int i = 1; i < argc; i++) {
        if (!*argv[i] || strpbrk(argv[i], "@/\\"))
            return apr_psprintf(cmd->pool,
                                "AuthNegotiateImpersonate: \"%s\" is no realm; write it without an "
                                "@, such as EXAMPLE.COM",
                                argv[i]);
        APR_ARRAY_PUSH(realms, const char *) = argv[i];
    }
    return NULL;
}

const char *neg_impersonate_text(apr_pool_t *p, const neg_conf *conf)
{
    if (!conf->impersonate || !conf->impersonate->on)
        return "Off";
    return apr_pstrcat(p, "On ", apr_array_pstrcat(p, conf->impersonate->realms, ' '), NULL);
}

/* ---- Who may be impersonated ---- */

/* @return NULL, or why not */
static const char *check_name(const char *user)
{
    const char *at = strchr(user, '@');
    apr_size_t len = strlen(user);
    const char *why = neg_userpass_check_user(user);
    if (why)
        return why;
    if (len > NAME_MAX_LENGTH || *user == ' ' || user[len - 1] == ' ')
        return "the name is too long, or begins or ends with a space";
    return at == user || (at && (!at[1] || strchr(at + 1, '@')))
               ? "the name is not of the form user@REALM"
               : NULL;
}

static int has_realm(const apr_array_header_t *realms, const char *realm)
{
    for (int i = 0; i < realms->nelts; i++)
        if (strcmp(APR_ARRAY_IDX(realms, i, const char *), realm) == 0)
            return 1;
    return 0;
}

static neg_outcome refuse(neg_attempt *a, const char *user, const char *why)
{
    apr_pool_t *p = neg_attempt_pool(a);
    return neg_attempt_refuse(a, NEG_CAUSE_NAME,
                              apr_psprintf(p,
                                           "%.256s is not impersonated "
                                           "(AuthNegotiateImpersonate): %s",
                                           ap_escape_logitem(p, user), why));
}

neg_outcome neg_impersonate_find(neg_attempt *a, const char *user, const char **principal)
{
    apr_pool_t *p = neg_attempt_pool(a);
    neg_worker *worker = a->server->workers ? neg_worker_get(a->server->workers) : NULL;
    const char *realm = worker ? neg_worker_default_realm(worker, p) : NULL;
    const char *at = strchr(user, '@');
    const char *why = check_name(user);
    if (!why && neg_config_is_overridden(a->r, OR_AUTHCFG))
        why =
            "a .htaccess has a say here in who the user is (AllowOverride AuthConfig), so that its "
            "author could be everybody. Write AllowOverride None for this directory";
    if (!why && !realm)
        why = "krb5.conf has no default_realm";
    if (!why && at && strcmp(at + 1, realm) != 0 &&
        !has_realm(a->conf->impersonate->realms, at + 1))
        why = "its realm is not the default one, and is not named in the directive";
    if (why)
        return refuse(a, user, why);
    *principal = at ? user : apr_pstrcat(p, user, "@", realm, NULL);
    return NEG_GRANTED;
}

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

int neg_impersonate_is_current(request_rec *r, const neg_impersonated *one)
{
    return is_wanted(r) && neg_admitted_user(r) &&
           strcmp(one->key, key_of(r, neg_config_of(r))) == 0;
}

const neg_impersonated *neg_impersonate_of(request_rec *r)
{
    const neg_attempt *a = neg_attempt_nearest(r);
    for (const neg_impersonated *one = a ? a->exchange->impersonated : NULL; one; one = one->next)
        if (neg_impersonate_is_current(r, one))
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
        return refuse(a, a->r->user,
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

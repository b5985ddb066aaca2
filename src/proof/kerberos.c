/* The authn provider `kerberos`: which users the KDC may be asked about, and what it says. */

#include <string.h>

#include <apr_md5.h>
#include <apr_optional.h>
#include <apr_strings.h>
#include <http_core.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "answer.h"
#include "internal.h"
#include "userpass.h"

/* ---- Which realms may be asked ---- */

static int is_allowed(const neg_conf *conf, const char *default_realm, const char *realm)
{
    return strcmp(realm, default_realm) == 0 || neg_realm_is_among(conf->basic_realm, realm) ||
           neg_realm_is_among(conf->required_realms, realm) ||
           (conf->user && neg_realm_is_among(conf->user->realms, realm));
}

/* ---- Whom the KDC is asked about ---- */

/* Who is not known here may be known to the next provider of the list. */
static authn_status refuse(neg_attempt *a, neg_cause cause, const char *why)
{
    neg_attempt_refuse(a, cause, why);
    if (cause == NEG_CAUSE_UNKNOWN_USER || cause == NEG_CAUSE_REALM)
        return AUTH_USER_NOT_FOUND;
    return neg_cause_blame(cause) == NEG_BLAME_PASSWORD ? AUTH_DENIED : AUTH_GENERAL_ERROR;
}

static void append_realms(apr_array_header_t *all, const apr_array_header_t *more)
{
    for (int i = 0; more && i < more->nelts; i++) {
        const char *realm = APR_ARRAY_IDX(more, i, const char *);
        if (!neg_realm_is_among(all, realm))
            APR_ARRAY_PUSH(all, const char *) = realm;
    }
}

/* Those for which is_allowed() is true. */
static const char *allowed_realms(apr_pool_t *p, const neg_conf *conf, const char *default_realm)
{
    apr_array_header_t *all = apr_array_make(p, 4, sizeof(const char *));
    APR_ARRAY_PUSH(all, const char *) = default_realm;
    append_realms(all, conf->basic_realm);
    append_realms(all, conf->required_realms);
    append_realms(all, conf->user ? conf->user->realms : NULL);
    return apr_array_pstrcat(p, all, ' ');
}

static authn_status refuse_realm(neg_attempt *a, const char *default_realm, const char *realm)
{
    apr_pool_t *p = neg_attempt_pool(a);
    return refuse(a, NEG_CAUSE_REALM,
                  apr_psprintf(p,
                               "the KDC of the realm %.256s is not asked here, only that of %s; a "
                               "location that is for its users says so with "
                               "AuthNegotiateBasicRealm or Require krb5-realm",
                               ap_escape_logitem(p, realm),
                               allowed_realms(p, a->conf, default_realm)));
}

/* Fills user and enterprise. @return AUTH_USER_FOUND, or why nobody is asked */
static authn_status find_user(neg_attempt *a, const char *typed, const char *default_realm,
                              neg_password *in)
{
    const char *why = neg_userpass_check_user(typed);
    const char *at = strchr(typed, '@');
    if (why)
        return refuse(a, NEG_CAUSE_UNKNOWN_USER, why);
    in->user = typed;
    in->enterprise = at && a->conf->basic_enterprise == NEG_ON;
    if (!at)
        in->user = apr_pstrcat(neg_attempt_pool(a), typed, "@", default_realm, NULL);
    else if (at == typed || !at[1] || strchr(at + 1, '@'))
        return refuse(a, NEG_CAUSE_UNKNOWN_USER, "the name is not of the form user@REALM");
    else if (!in->enterprise && !is_allowed(a->conf, default_realm, at + 1))
        return refuse_realm(a, default_realm, at + 1);
    return AUTH_USER_FOUND;
}

/* ---- The KDC, asked once ---- */

/** What it said, for as long as the client's request, which has one password. */
struct neg_checked {
    const char *what;
    neg_leg leg;
    struct neg_checked *next;
};

static void ask_kdc(neg_attempt *a, const neg_password *in, neg_leg *leg)
{
    apr_uint32_t *slot = neg_slots_take(a->server->slots);
    if (!slot) {
        memset(leg, 0, sizeof(*leg));
        leg->state = NEG_LEG_FAILED;
        leg->failure.cause = NEG_CAUSE_BUSY;
        leg->failure.text =
            apr_psprintf(neg_attempt_pool(a),
                         "%u passwords are being checked already, a quarter of MaxRequestWorkers, "
                         "and the others keep serving: see whether the KDC is slow",
                         neg_slots_limit(a->server->slots));
        return;
    }
    neg_password_check(neg_attempt_pool(a), in, leg);
    neg_slots_give_back(slot);
}

/* Parts of a page have policies of their own, and the same password. */
static const neg_leg *ask_once(neg_attempt *a, const neg_password *in)
{
    apr_pool_t *p = neg_attempt_pool(a);
    const char *wants = in->wants ? apr_array_pstrcat(p, in->wants, ' ') : "";
    const char *what =
        apr_psprintf(p, "%d %d %d %d %s %s %s %s", in->enterprise, in->want_delegated, in->want_pac,
                     in->want_ap_req, in->user, in->host, a->acceptor_key, wants);
    struct neg_checked *checked = a->exchange->checked;
    while (checked && strcmp(checked->what, what) != 0)
        checked = checked->next;
    if (!checked) {
        checked = apr_pcalloc(p, sizeof(*checked));
        checked->what = what;
        ask_kdc(a, in, &checked->leg);
        checked->next = a->exchange->checked;
        a->exchange->checked = checked;
    }
    return &checked->leg;
}

static authn_status take_identity(neg_attempt *a, const neg_password *in, const neg_leg *leg,
                                  const char *default_realm)
{
    const neg_client *client = &leg->client;
    neg_identity *identity;
    if (client->anonymous)
        return refuse(a, NEG_CAUSE_UNKNOWN_USER, "the KDC gives an anonymous ticket for it");
    if (in->enterprise && !is_allowed(a->conf, default_realm, client->realm))
        return refuse_realm(a, default_realm, client->realm);
    identity = neg_negotiate_identity(a, client, (neg_bytes){NULL, 0});
    identity->scheme = neg_basic_name;
    identity->provider = NEG_KERBEROS;
    a->identity = identity;
    a->delegated = client->delegated;
    a->ap_req = leg->ap_req;
    return AUTH_GRANTED;
}

/* ---- mod_authn_socache ---- */

/* As htpasswd's own.  It has to be cheaper than what krb5 makes a key of a password with (PBKDF2,
 * RFC 3962 section 4), or the cache would spare the KDC and cost the server more. */
#define BCRYPT_COST 5
#define BCRYPT_MAX  72 /* bytes of a password; it looks at no more */

/* REMOTE_USER. */
static const char *user_of(neg_attempt *a)
{
    const char *user;
    neg_publish_identity(a, a->r); /* for AuthNegotiateUser with an expression */
    user = neg_publish_user(a);
    neg_publish_nothing(a, a->r);
    return user;
}

/* A cached answer gives the name as it was typed: it must be the one that is given now. */
static int is_same_name(neg_attempt *a, const char *typed)
{
    const char *user = user_of(a);
    return user && strcmp(user, typed) == 0;
}

static void cache(neg_attempt *a, const char *user, const char *password)
{
    APR_OPTIONAL_FN_TYPE(ap_authn_cache_store) *store =
        APR_RETRIEVE_OPTIONAL_FN(ap_authn_cache_store);
    unsigned char salt[16];
    char hash[64];
    if (!store || strlen(password) > BCRYPT_MAX || !is_same_name(a, user) ||
        RAND_bytes(salt, sizeof(salt)) != 1 ||
        apr_bcrypt_encode(password, BCRYPT_COST, salt, sizeof(salt), hash, sizeof(hash)) !=
            APR_SUCCESS)
        return;
    store(a->r, NEG_KERBEROS, user, NULL, hash);
    OPENSSL_cleanse(hash, sizeof(hash));
}

/* ---- The check ---- */

static authn_status ask_about(neg_attempt *a, neg_password *in, const char *user,
                              const char *default_realm)
{
    const struct neg_checked *before = a->exchange->checked;
    const neg_leg *leg = ask_once(a, in);
    authn_status status;
    if (leg->state != NEG_LEG_COMPLETE)
        return refuse(a, leg->failure.cause, leg->failure.text);
    status = take_identity(a, in, leg, default_realm);
    if (status == AUTH_GRANTED && a->exchange->checked != before)
        cache(a, user, in->password);
    return status;
}

authn_status neg_kerberos_check(neg_attempt *a, const char *user, const char *password)
{
    neg_password in = {0};
    const char *realm;
    authn_status status;
    if (!a->server->slots || !a->server->workers ||
        !(in.worker = neg_worker_get(a->server->workers)))
        return refuse(a, NEG_CAUSE_INTERNAL,
                      "krb5 cannot be set up in this process: look at krb5.conf");
    if (!(realm = neg_worker_default_realm(in.worker, neg_attempt_pool(a))))
        return refuse(a, NEG_CAUSE_NO_KDC,
                      "krb5.conf has no default_realm, in which users without a realm would be");
    status = find_user(a, user, realm, &in);
    if (status != AUTH_USER_FOUND)
        return status;
    if (!*password)
        return refuse(a, NEG_CAUSE_PASSWORD, "the password is empty");
    in.acceptor = &a->acceptor;
    in.host = a->r->server->server_hostname ? a->r->server->server_hostname : "";
    in.password = password;
    in.want_ap_req = neg_s4u_is_on(a->conf);
    in.want_delegated = neg_config_delegate_place(a->conf) != NULL && !in.want_ap_req;
    in.wants = a->conf->wants;
    in.want_pac = a->conf->wants_pac || neg_attempt_wants_account(a);
    return ask_about(a, &in, user, realm);
}

/* ---- Under mod_auth_basic ---- */

/* mod_auth_basic logs the line of a user who is not let in; the reason is beside it. */
static authn_status report(neg_attempt *a, const char *user, authn_status status)
{
    if (neg_cause_blame(a->failure.cause) != NEG_BLAME_PASSWORD) {
        neg_report_basic(a);
        return status;
    }
    ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, a->r, "AuthBasicProvider kerberos: %.256s: %s (%s)",
                  ap_escape_logitem(a->r->pool, user), a->failure.text,
                  neg_cause_code(a->failure.cause));
    return status;
}

static authn_status refuse_clear(neg_attempt *a)
{
    return refuse(a, NEG_CAUSE_TLS,
                  "AuthBasicProvider kerberos takes no password over a connection that is not "
                  "encrypted: redirect http:// to https://, or write AuthNegotiateRequireTLS Off "
                  "there");
}

/* One attempt that nobody finds, with no memory of another password. */
static neg_attempt *create_attempt(request_rec *r)
{
    neg_attempt *a = neg_attempt_create(r);
    a->exchange = apr_pmemdup(neg_attempt_pool(a), a->exchange, sizeof(*a->exchange));
    a->exchange->checked = NULL;
    return a;
}

static authn_status check_password(request_rec *r, const char *user, const char *password)
{
    neg_attempt *a = create_attempt(r);
    authn_status status;
    if (neg_basic_lacks_tls(a->conf, r))
        return report(a, user, refuse_clear(a));
    if (neg_negotiate_find_acceptor(a) == NEG_REFUSED)
        return report(a, user, AUTH_GENERAL_ERROR);
    status = neg_kerberos_check(a, user, password);
    if (status != AUTH_GRANTED)
        return report(a, user, status);
    if (!(user = user_of(a)))
        return report(a, a->identity->principal, AUTH_DENIED);
    r->user = (char *)user;
    return AUTH_GRANTED;
}

const authn_provider neg_kerberos_provider = {check_password, NULL};

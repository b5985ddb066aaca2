/* What applications see of an identity: the environment, and REMOTE_USER. */

#include <apr_strings.h>

#include "answer.h"
#include "request.h"

/* ---- Variables ---- */

typedef struct {
    const neg_identity *identity;
    const char *source;
    const neg_conf *conf; /* of the location that is granted */
    apr_pool_t *pool;
} view;

/* A getter's NULL: nothing is known.  Where a provider that is not ours checked a password, nobody
 * knows more than the name that was typed. */
static int has_ticket(const view *v)
{
    return v->identity->mech != 0;
}

static const char *gss_name(const view *v)
{
    return has_ticket(v) ? v->identity->principal : NULL;
}

static const char *gss_session_expiration(const view *v)
{
    if (!has_ticket(v))
        return NULL;
    return apr_off_t_toa(v->pool, (apr_off_t)apr_time_sec(v->identity->expires));
}

static const char *negotiate_mech(const view *v)
{
    return has_ticket(v) ? v->identity->mechanism : NULL;
}

static const char *negotiate_channel_bound(const view *v)
{
    if (!has_ticket(v))
        return NULL;
    return v->identity->bound ? "1" : "0";
}

static const char *negotiate_sid(const view *v)
{
    return v->identity->sid;
}

static const char *negotiate_groups(const view *v)
{
    return neg_groups_published(v->pool, v->conf->group, v->identity);
}

static const char *negotiate_source(const view *v)
{
    return v->source;
}

static const char *negotiate_realm(const view *v)
{
    return has_ticket(v) ? v->identity->realm : NULL;
}

static const struct {
    const char *name;
    const char *(*get)(const view *);
} variables[] = {
    {"GSS_NAME", gss_name},
    {"GSS_SESSION_EXPIRATION", gss_session_expiration},
    {"NEGOTIATE_CHANNEL_BOUND", negotiate_channel_bound},
    {"NEGOTIATE_GROUPS", negotiate_groups},
    {"NEGOTIATE_MECH", negotiate_mech},
    {"NEGOTIATE_REALM", negotiate_realm},
    {"NEGOTIATE_SID", negotiate_sid},
    {"NEGOTIATE_SOURCE", negotiate_source},
};

/* Only where this location has delegation, and has let the user in: the variable is an invitation
 * to act as the user. */
static void publish_ccache(const neg_attempt *a, request_rec *r)
{
    if (a->identity->ccache && neg_config_delegate_dir(a->conf))
        apr_table_setn(r->subprocess_env, neg_config_delegate_env(a->conf), a->identity->ccache);
}

/* A variable that the ticket has no values for is taken away, whoever has set it. */
static void publish_attributes(const neg_attempt *a, const neg_identity *identity, request_rec *r)
{
    const neg_attribute_rule *rule = a->conf->attribute;
    for (int i = 0; rule && i < rule->shown->nelts; i++) {
        const neg_shown *shown = &APR_ARRAY_IDX(rule->shown, i, neg_shown);
        const neg_attribute *attribute =
            identity ? neg_identity_attribute(identity, shown->name) : NULL;
        const char *text = attribute ? neg_attributes_text(r->pool, attribute) : NULL;
        if (text)
            apr_table_setn(r->subprocess_env, shown->variable, text);
        else
            apr_table_unset(r->subprocess_env, shown->variable);
    }
}

static int redirects_before(const request_rec *r)
{
    int count = 0;
    for (; r; r = r->prev ? r->prev : r->main)
        count += r->prev != NULL;
    return count;
}

/* An internal redirect has the environment of the request before it, with REDIRECT_ before each
 * name: once more for each redirect. */
void neg_publish_withhold(request_rec *r, const char *name, const char *value)
{
    for (int left = redirects_before(r); left >= 0; left--) {
        const char *shown = apr_table_get(r->subprocess_env, name);
        if (shown && strcmp(shown, value) == 0)
            apr_table_unset(r->subprocess_env, name);
        name = apr_pstrcat(r->pool, "REDIRECT_", name, NULL);
    }
}

/* Requests come with the environment of those that they are part of.  What names a ccache there is
 * for where delegation was on, and under the name that it had there: see publish_ccache(). */
static void withhold_ccaches(request_rec *r)
{
    const neg_conf *conf = neg_config_of(r);
    const char *env = neg_admitted_attempt(r) && neg_config_delegate_dir(conf)
                          ? neg_config_delegate_env(conf)
                          : "";
    for (neg_attempt *a = neg_attempt_nearest(r); a; a = neg_attempt_above(a)) {
        const char *old = a->conf ? neg_config_delegate_env(a->conf) : NULL;
        if (old && a->identity && a->identity->ccache && strcmp(old, env) != 0)
            neg_publish_withhold(r, old, a->identity->ccache);
    }
}

/* Whether r's own location shows the same attribute in that variable. */
static int shows_alike(request_rec *r, const neg_shown *shown)
{
    const char *name =
        neg_attempt_granted(r) ? neg_attributes_shown(neg_config_of(r), shown->variable) : NULL;
    return name && strcmp(name, shown->name) == 0;
}

static void withhold_attributes_of(const neg_attempt *a, request_rec *r)
{
    for (int i = 0; i < a->conf->attribute->shown->nelts; i++) {
        const neg_shown *shown = &APR_ARRAY_IDX(a->conf->attribute->shown, i, neg_shown);
        const neg_attribute *attribute = neg_identity_attribute(a->identity, shown->name);
        const char *text =
            attribute && !shows_alike(r, shown) ? neg_attributes_text(r->pool, attribute) : NULL;
        if (text)
            neg_publish_withhold(r, shown->variable, text);
    }
}

/* What an outer request's location shows of the ticket is for that location. */
static void withhold_attributes(request_rec *r)
{
    for (neg_attempt *a = neg_attempt_nearest(r); a; a = neg_attempt_above(a))
        if (a->conf && a->conf->attribute && a->identity)
            withhold_attributes_of(a, r);
}

void neg_publish_identity(const neg_attempt *a, request_rec *r)
{
    view v = {a->identity, a->r == r ? a->source : "inherited", a->conf, r->pool};
    for (size_t i = 0; i < sizeof(variables) / sizeof(*variables); i++) {
        const char *value = variables[i].get(&v);
        if (value)
            apr_table_setn(r->subprocess_env, variables[i].name, value);
        else /* whoever has set it: it would be taken for ours */
            apr_table_unset(r->subprocess_env, variables[i].name);
    }
    publish_attributes(a, a->identity, r);
}

void neg_publish_nothing(const neg_attempt *a, request_rec *r)
{
    for (size_t i = 0; i < sizeof(variables) / sizeof(*variables); i++)
        apr_table_unset(r->subprocess_env, variables[i].name);
    publish_attributes(a, NULL, r);
    apr_table_unset(r->subprocess_env, neg_config_delegate_env(a->conf));
}

void neg_publish_impersonated(request_rec *r, const neg_conf *conf, const char *ccache)
{
    if (ccache)
        apr_table_setn(r->subprocess_env, neg_config_delegate_env(conf), ccache);
    else
        apr_table_unset(r->subprocess_env, neg_config_delegate_env(conf));
}

void neg_publish_failure(const neg_attempt *a, request_rec *r)
{
    apr_table_setn(r->subprocess_env, "NEGOTIATE_ERROR", neg_cause_code(a->failure.cause));
    apr_table_setn(r->subprocess_env, "NEGOTIATE_ERROR_TEXT", a->failure.text);
}

void neg_publish_unshared(request_rec *r)
{
    apr_table_setn(r->subprocess_env, "proxy-nokeepalive", "1");
    apr_table_setn(r->subprocess_env, "proxy-interim-response", "Suppress");
}

int neg_publish_fixups(request_rec *r)
{
    const neg_attempt *a = neg_attempt_granted(r);
    withhold_ccaches(r);
    withhold_attributes(r);
    if (a && a->r != r)
        neg_publish_identity(a, r);
    if ((a = neg_admitted_attempt(r)))
        publish_ccache(a, r);
    if (r->prev && (a = neg_attempt_nearest(r->prev)) && a->failure.cause)
        neg_publish_failure(a, r);
    return DECLINED;
}

/* A variable of mod_cache's. */
void neg_publish_uncacheable(request_rec *r)
{
    apr_table_setn(r->subprocess_env, "no-cache", "1");
}

/* mod_dir and mod_negotiation put another page's configuration into the place of this one's. */
int neg_publish_last_fixups(request_rec *r)
{
    withhold_ccaches(r);
    withhold_attributes(r);
    return DECLINED;
}

/* ---- REMOTE_USER ---- */

static const char *refuse_name(neg_attempt *a, const char *why)
{
    neg_attempt_refuse(a, NEG_CAUSE_NAME,
                       apr_psprintf(neg_attempt_pool(a), "%s has no user name here: %s",
                                    a->identity->principal, why));
    return NULL;
}

static const char *local_name(neg_attempt *a)
{
    const char *local = NULL;
    neg_worker *worker;
    /* DOMAIN\\name would be read as a principal with an escape, and be somebody of krb5's. */
    if (a->identity->mech != NEG_MECH_KRB5)
        return refuse_name(a, "auth_to_local is for Kerberos principals, and this is none: write "
                              "AuthNegotiateUser principal where others are accepted");
    worker = a->server->workers ? neg_worker_get(a->server->workers) : NULL;
    if (worker && !neg_worker_default_realm(worker, neg_attempt_pool(a))) {
        neg_attempt_refuse(a, NEG_CAUSE_NO_KDC,
                           "krb5.conf is missing or has no default_realm, which AuthNegotiateUser "
                           "local needs: write it in the section [libdefaults]");
        return NULL;
    }
    if (worker)
        local = neg_client_local_name(worker, neg_attempt_pool(a), a->identity->principal);
    return local ? local
                 : refuse_name(a, "no rule of auth_to_local in krb5.conf gives a local name for "
                                  "this principal: add one, or change AuthNegotiateUser local");
}

int neg_publish_is_home(const neg_attempt *a, const apr_array_header_t *realms)
{
    neg_worker *worker;
    const char *realm = NULL;
    if (a->identity->mech != NEG_MECH_KRB5)
        return 0; /* a user of NTLM has a domain, and keeps it */
    for (int i = 0; realms && i < realms->nelts; i++)
        if (strcmp(APR_ARRAY_IDX(realms, i, const char *), a->identity->realm) == 0)
            return 1;
    if ((!realms || realms->nelts == 0) && a->server->workers &&
        (worker = neg_worker_get(a->server->workers)))
        realm = neg_worker_default_realm(worker, neg_attempt_pool(a));
    return realm && strcmp(realm, a->identity->realm) == 0;
}

static const char *refuse_unknown(neg_attempt *a, const char *what)
{
    return refuse_name(a, apr_psprintf(neg_attempt_pool(a),
                                       "AuthNegotiateUser wants its %s, and the client's ticket %s",
                                       what,
                                       a->identity->pac_unknown ? a->identity->pac_unknown
                                                                : "has none that could be a name"));
}

/* One account, one name: an '@' is only where a realm follows, and only the home realms' accounts
 * are without one. */
static const char *account(neg_attempt *a, const neg_user_rule *rule)
{
    const char *name = a->identity->account;
    if (!name || strpbrk(name, "@/\\"))
        return refuse_unknown(a, "account name");
    return neg_publish_is_home(a, rule->realms)
               ? name
               : apr_pstrcat(neg_attempt_pool(a), name, "@", a->identity->realm, NULL);
}

/* Another forest may give its users the suffix of ours. */
static const char *upn(neg_attempt *a, const neg_user_rule *rule)
{
    if (!a->identity->upn)
        return refuse_unknown(a, "user principal name");
    return neg_publish_is_home(a, rule->realms)
               ? a->identity->upn
               : refuse_name(a, "its realm is not one of those whose user principal names are "
                                "believed: AuthNegotiateUser upn and the realms, or account");
}

static const char *expression(neg_attempt *a, const neg_user_rule *rule)
{
    const char *error = NULL;
    const char *user = ap_expr_str_exec(a->r, rule->expr, &error);
    if (error)
        return refuse_name(a, apr_pstrcat(neg_attempt_pool(a), "AuthNegotiateUser: ", error, NULL));
    return *user ? apr_pstrdup(neg_attempt_pool(a), user)
                 : refuse_name(a, "the expression of AuthNegotiateUser is empty for it");
}

static const char *user_by_rule(neg_attempt *a)
{
    const neg_user_rule *rule = a->conf->user;
    if (!a->identity->mech) /* no principal, to which a rule could apply */
        return a->identity->principal;
    switch (rule ? rule->form : NEG_USER_PRINCIPAL) {
    case NEG_USER_LOCAL:
        return local_name(a);
    case NEG_USER_STRIP:
        return neg_publish_is_home(a, rule->realms) ? a->identity->name : a->identity->principal;
    case NEG_USER_ACCOUNT:
        return account(a, rule);
    case NEG_USER_UPN:
        return upn(a, rule);
    case NEG_USER_EXPR:
        return expression(a, rule);
    default:
        return a->identity->principal;
    }
}

/* White space around the value of a header is not part of it (RFC 9110 section 5.5): "alice " would
 * be alice to a backend that gets REMOTE_USER in one. */
static int has_outer_space(const char *user)
{
    return *user == ' ' || user[strlen(user) - 1] == ' ';
}

const char *neg_publish_user(neg_attempt *a)
{
    const char *user = user_by_rule(a);
    if (user && !*user)
        return refuse_name(a, "it would be empty; see which provider takes a user without a name");
    return user && has_outer_space(user)
               ? refuse_name(a, "it would begin or end with a space; rename the principal")
               : user;
}

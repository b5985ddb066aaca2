/* Negotiate towards a backend, as the user: AuthNegotiateProxyService. */

#include <apr_strings.h>
#include <apr_uri.h>
#include <http_core.h>

#include "credentials.h"
#include "delegate.h"
#include "internal.h"

struct neg_backend {
    neg_attempt *attempt;
    const neg_backend_rule *rule;
    neg_ticket_place place;
    neg_initiator *initiator; /* of the last request that was sent; NULL: none */
    neg_worker *worker;
};

/* ---- Whether, and as whom ---- */

static neg_outcome refuse_undelegated(neg_attempt *a)
{
    return neg_attempt_refuse(
        a, NEG_CAUSE_NOT_DELEGATED,
        apr_psprintf(
            neg_attempt_pool(a),
            "%s has delegated no ticket, without which this request cannot be sent to the "
            "backend in that name (AuthNegotiateProxyService). What it takes: a ticket that "
            "may be forwarded (kinit -f; no \"sensitive, cannot be delegated\" on the "
            "account), a service account of this server that is trusted for delegation "
            "(ok_as_delegate), and a client that is told to delegate to this server "
            "(AuthNegotiateDelegateAllowlist in Chrome and Edge, "
            "network.negotiate-auth.delegation-uris in Firefox, curl --delegation always). "
            "With \"optional\" after the service such requests go on without",
            a->identity->principal));
}

/* The ccache that speaks for the user. */
static const char *ccache_of(const neg_attempt *a)
{
    return a->identity->ccache;
}

neg_outcome neg_backend_begin(neg_attempt *a, neg_backend **backend)
{
    const neg_backend_rule *rule = neg_config_proxy_service(a->conf);
    neg_backend *b;
    if (!rule || (rule->optional && !ccache_of(a)))
        return NEG_UNKNOWN;
    if (neg_config_is_overridden(a->r, OR_FILEINFO))
        return neg_attempt_refuse(
            a, NEG_CAUSE_POLICY,
            apr_psprintf(neg_attempt_pool(a),
                         "a .htaccess has a say here in where requests are sent (AllowOverride "
                         "FileInfo), so %s is not proven to a backend: its author could use that "
                         "elsewhere. Write the rule in the server's configuration, and "
                         "AllowOverride None",
                         a->identity->principal));
    if (!ccache_of(a))
        return refuse_undelegated(a);
    b = *backend = apr_pcalloc(a->r->pool, sizeof(*b));
    b->attempt = a;
    b->rule = rule;
    b->place.ccache = ccache_of(a);
    return NEG_GRANTED;
}

/* ---- To whom ---- */

/* Others have no way to say who the backend is. */
static int is_http(const char *url)
{
    static const char *const schemes[] = {"http:", "https:", "h2:", "h2c:"};
    for (size_t i = 0; i < sizeof(schemes) / sizeof(*schemes); i++)
        if (strncasecmp(url, schemes[i], strlen(schemes[i])) == 0)
            return 1;
    return 0;
}

static neg_outcome check_target(neg_attempt *a, const neg_backend_target *to)
{
    apr_pool_t *p = a->r->pool;
    if (!is_http(to->url))
        return neg_attempt_refuse(
            a, NEG_CAUSE_INTERNAL,
            apr_psprintf(p,
                         "AuthNegotiateProxyService works with backends by http, https, h2 and "
                         "h2c, not with \"%.40s\": write AuthNegotiateProxyService off for them",
                         ap_escape_logitem(p, to->url)));
    if (to->is_shared)
        return neg_attempt_refuse(
            a, NEG_CAUSE_INTERNAL,
            apr_psprintf(p,
                         "connections to \"%.80s\" would be used for more users than one, which "
                         "AuthNegotiateProxyService has to prevent: write disablereuse=on after "
                         "this backend's URL in ProxyPass or BalancerMember",
                         ap_escape_logitem(p, to->url)));
    return NEG_UNKNOWN;
}

static const char *host_of(apr_pool_t *p, const char *url)
{
    apr_uri_t uri;
    return apr_uri_parse(p, url, &uri) == APR_SUCCESS && uri.hostname ? uri.hostname : "";
}

static const char *service_of(neg_backend *b, const char *url)
{
    request_rec *r = b->attempt->r;
    const char *error = NULL;
    const char *text = b->rule->text;
    if (b->rule->expr) {
        text = ap_expr_str_exec(r, b->rule->expr, &error);
    } else if (strcmp(text, "HTTP") == 0) {
        text = apr_pstrcat(r->pool, "HTTP@", host_of(r->pool, url), NULL);
    }
    if (!error && neg_config_is_service_at_host(text))
        return text;
    neg_attempt_refuse(
        b->attempt, NEG_CAUSE_INTERNAL,
        apr_psprintf(r->pool,
                     "AuthNegotiateProxyService %s gives no name such as HTTP@backend.example.com "
                     "for this request: %s",
                     b->rule->text, error ? error : ap_escape_logitem(r->pool, text)));
    return NULL;
}

/* ---- The exchange ---- */

static const char *key_of(const neg_backend *b)
{
    const neg_identity *identity = b->attempt->identity;
    return identity->proof
               ? apr_pstrcat(b->attempt->r->pool, b->place.service, " ", identity->proof, " ",
                             identity->acceptor, " ", identity->principal, NULL)
               : NULL;
}

/* The ticket is kept when the KDC has given it: so the delegation that it is for was genuine. */
static const char *begin_exchange(neg_backend *b, neg_bytes *token)
{
    const neg_attempt *a = b->attempt;
    neg_tickets *tickets = a->server->tickets;
    apr_time_t now = apr_time_now();
    int lent = 0;
    const char *why;
    b->place.key = key_of(b);
    if (tickets && b->place.key)
        lent = neg_tickets_lend(tickets, neg_worker_krb5(b->worker), &b->place, now);
    why = neg_initiator_begin(a->r->pool, b->place.ccache, a->identity->principal, b->place.service,
                              &b->initiator, token);
    if (!why && tickets && b->place.key && !lent)
        neg_tickets_keep(tickets, neg_worker_krb5(b->worker), &b->place, now, a->identity->expires);
    return why;
}

const char *neg_backend_authorization(neg_backend *b, const neg_backend_target *to)
{
    neg_attempt *a = b->attempt;
    neg_bytes token;
    const char *why;
    b->initiator = NULL;
    if (check_target(a, to) == NEG_REFUSED || !(b->place.service = service_of(b, to->url)))
        return NULL;
    b->worker = a->server->workers ? neg_worker_get(a->server->workers) : NULL;
    why = b->worker ? begin_exchange(b, &token) : "krb5 cannot be set up in this process";
    if (!why)
        return neg_credentials_text(a->r->pool, neg_negotiate_name, token);
    b->initiator = NULL;
    neg_attempt_refuse(a, NEG_CAUSE_BACKEND_TICKET, why);
    return NULL;
}

/* ---- The backend's answer ---- */

/* The one line of its scheme that has a token. */
static const char *read_token(const neg_backend *b, neg_bytes *token)
{
    request_rec *r = b->attempt->r;
    const char *line = apr_table_get(r->headers_out, "WWW-Authenticate");
    neg_credentials credentials;
    if (!line)
        return "it has sent no token at all (it asks for no authentication, or is another server)";
    if (neg_credentials_parse(r->pool, line, &credentials) ||
        strcasecmp(credentials.scheme, neg_negotiate_name) != 0 || !*credentials.token68)
        return "it asks for another authentication, and has sent no token";
    return neg_token_decode(r->pool, credentials.token68, token);
}

static const char *check(neg_backend *b)
{
    neg_bytes token;
    const char *why = read_token(b, &token);
    if (!why)
        why = neg_initiator_finish(b->initiator, token);
    if (!why && b->attempt->r->status == HTTP_UNAUTHORIZED)
        why = "it has accepted the token, and then answered 401";
    return why;
}

neg_outcome neg_backend_check(neg_backend *b)
{
    neg_attempt *a = b->attempt;
    const char *why = b->initiator ? check(b) : "no token was sent to it";
    if (!why) {
        ap_log_rerror(APLOG_MARK, APLOG_DEBUG, 0, a->r, "the backend is %s, and was asked as %s",
                      b->place.service, a->identity->principal);
        return NEG_GRANTED;
    }
    if (b->place.key)
        neg_tickets_forget(a->server->tickets, neg_worker_krb5(b->worker), b->place.key);
    return neg_attempt_refuse(
        a, NEG_CAUSE_BACKEND,
        apr_psprintf(
            a->r->pool,
            "the answer of the backend (status %d) is not passed on to %s, because the "
            "backend has not proven that it is %s: %s. Look at the log of the backend, and "
            "at its keytab",
            a->r->status, a->identity->principal,
            b->place.service ? b->place.service : b->rule->text, why));
}

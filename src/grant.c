/*
 * The story of a request: where its identity may come from, the gate that each passes
 * (request/policy.c), and what a fresh identity brings.
 */

#include <string.h>

#include <apr_strings.h>
#include <http_protocol.h>

#include "acting.h"
#include "credentials.h"
#include "grant.h"
#include "proof.h"
#include "session.h"

/* ---- Sources: each proposes an identity, or knows why there is none ---- */

/* Where httpd asks us at all, the configuration is another one, and with it perhaps the file that
 * another provider reads. */
static int may_inherit(const neg_attempt *a, const neg_identity *identity)
{
    return neg_basic_may_keep(identity) &&
           neg_permits(a->conf, a->acceptor_key, a->space, identity) == NULL;
}

/* What an ancestor was granted, or else what the client's token has proven for a sibling.  The
 * client's own request comes after a sibling where mod_rewrite has looked ahead (LA-U): its token
 * it is all the same. */
static neg_outcome inherit(neg_attempt *a)
{
    for (const neg_attempt *ancestor = neg_attempt_above(a); ancestor && !a->identity;
         ancestor = neg_attempt_above(ancestor))
        if (ancestor->identity && may_inherit(a, ancestor->identity))
            a->identity = ancestor->identity;
    if (!a->identity && a->exchange->identity && neg_basic_may_keep(a->exchange->identity))
        a->identity = a->exchange->identity;
    a->ahead = a->identity && a->r == a->exchange->root;
    a->fresh = a->ahead;
    return a->identity ? NEG_GRANTED : NEG_UNKNOWN;
}

static const char *authorization_of(const neg_attempt *a)
{
    return apr_table_get(a->r->headers_in, a->r->proxyreq == PROXYREQ_PROXY ? "Proxy-Authorization"
                                                                            : "Authorization");
}

#define SCHEME_SHOWN 16

/* A secret without a scheme stands in the place of one: what may be a secret is not shown. */
static neg_outcome refuse_scheme(neg_attempt *a, const neg_credentials *credentials)
{
    apr_pool_t *p = neg_attempt_pool(a);
    int is_name = *credentials->token68 && strlen(credentials->scheme) <= SCHEME_SHOWN;
    return neg_attempt_refuse(
        a, NEG_CAUSE_SCHEME,
        apr_psprintf(p,
                     "the client sent credentials of %s%s, which this location does not offer: "
                     "take user and password out of the URL or the client's configuration",
                     is_name ? "the scheme " : "no scheme that is known",
                     is_name ? ap_escape_logitem(p, credentials->scheme) : ""));
}

static neg_outcome use_credentials(neg_attempt *a, const char *line)
{
    apr_pool_t *p = neg_attempt_pool(a);
    neg_credentials credentials;
    const char *why = neg_credentials_parse(p, line, &credentials);
    if (why)
        return neg_attempt_refuse(
            a, strchr(line, ',') ? NEG_CAUSE_DUPLICATE : NEG_CAUSE_MALFORMED,
            apr_pstrcat(p, "the Authorization header cannot be used: ", why,
                        ". Look at the client, and at proxies and scripts that add or change it",
                        NULL));
    a->exchange->scheme = neg_scheme_find(a, credentials.scheme);
    if (!a->exchange->scheme)
        return refuse_scheme(a, &credentials);
    return a->exchange->scheme->run(a, credentials.token68);
}

/* A password is good again, but it is for the rules of this location to say for what. */
static neg_outcome use_password_again(neg_attempt *a, const char *line)
{
    neg_outcome outcome = use_credentials(a, line);
    a->exchange->scheme = &neg_basic_scheme; /* though this location may not have it */
    a->fresh = a->identity != NULL;
    return outcome;
}

/* A credential always means a fresh attempt, whatever the connection knows; but a token is used
 * once: it cannot be used again, and a subrequest would only see a replay. */
static neg_outcome use_header(neg_attempt *a)
{
    neg_exchange *exchange = a->exchange;
    const char *line = authorization_of(a);
    if (!line)
        return NEG_UNKNOWN;
    if (exchange->tried && exchange->scheme == &neg_basic_scheme)
        return use_password_again(a, line);
    if (exchange->tried) {
        a->failure = exchange->failure;
        return exchange->outcome == NEG_GRANTED ? NEG_UNKNOWN : exchange->outcome;
    }
    exchange->tried = 1;
    /* What another module has given a subrequest ends with it. */
    exchange->line = a->r->main ? apr_pstrdup(neg_attempt_pool(a), line) : line;
    exchange->outcome = use_credentials(a, line);
    exchange->failure = a->failure;
    exchange->identity = a->identity;
    a->fresh = a->identity != NULL;
    if (exchange->outcome == NEG_REFUSED) {
        neg_conn_forget(a->r);
        if (a->conf->offer == NEG_OFFER_ONCE && exchange->scheme == &neg_negotiate_scheme)
            neg_conn_note_failed(a->r);
    }
    return exchange->outcome;
}

static const struct {
    neg_outcome (*ask)(neg_attempt *);
    const char *name; /* NEGOTIATE_SOURCE */
} sources[] = {
    {inherit, "inherited"},
    {use_header, "header"},
    {neg_session_recall, "session"}, /* comes with the request; what is known of a connection */
    {neg_conn_recall, "connection"}, /* is believed of it */
};

/* ---- The gate ---- */

static neg_outcome store_delegated(neg_attempt *a, apr_pool_t *owner)
{
    apr_pool_t *p = neg_attempt_pool(a);
    neg_identity *identity;
    const char *ccache;
    if (neg_attempt_store(a, owner, &ccache) == NEG_REFUSED)
        return NEG_REFUSED;
    identity = neg_identity_dup(p, a->identity);
    identity->ccache = apr_pstrdup(p, ccache);
    a->identity = a->exchange->identity = identity;
    return NEG_GRANTED;
}

/* What the look ahead has stored is where it is: a ccache of the request's is none for a
 * connection. */
static neg_outcome settle_ahead(neg_attempt *a)
{
    a->kept = !a->identity->ccache && neg_conn_may_remember(a) && neg_conn_remember(a);
    return NEG_GRANTED;
}

/* A fresh identity, and the ccache that came with it, belong to the connection where that may keep
 * them, else to the client's request. */
static neg_outcome settle(neg_attempt *a)
{
    int remember = neg_conn_may_remember(a);
    if (a->ahead)
        return settle_ahead(a);
    if (!a->identity->provider)
        neg_conn_note_worked(a->r);
    neg_conn_forget(a->r);
    if (neg_s4u_is_on(a->conf) && neg_s4u_delegate(a) == NEG_REFUSED)
        return NEG_REFUSED;
    if (a->delegated != GSS_C_NO_CREDENTIAL &&
        store_delegated(a, remember ? neg_conn_renew(a) : neg_attempt_pool(a)) == NEG_REFUSED)
        return NEG_REFUSED;
    a->kept = remember && neg_conn_remember(a);
    return NEG_GRANTED;
}

/* The client has just shown its ticket, for a location that wanted less of it, and cannot do so
 * again: to ask would begin a circle. */
static int is_too_late(const neg_attempt *a)
{
    return a->identity == a->exchange->identity && neg_wants_unasked(a->conf, a->identity);
}

static neg_outcome refuse_too_late(neg_attempt *a)
{
    return neg_attempt_refuse(
        a, NEG_CAUSE_POLICY,
        apr_psprintf(neg_attempt_pool(a),
                     "the ticket of %s was used for %s, which does not want the attribute \"%s\" "
                     "that this part of the request needs: write an AuthNegotiateAttribute, "
                     "AuthNegotiateGroup or Require that needs it there too",
                     a->identity->principal,
                     ap_escape_logitem(neg_attempt_pool(a), a->exchange->root->uri),
                     neg_wants_unasked(a->conf, a->identity)));
}

/* Nothing is granted because something was authenticated before: every identity passes here. */
static neg_outcome admit(neg_attempt *a)
{
    const char *why = neg_permits(a->conf, a->acceptor_key, a->space, a->identity);
    if (a->fresh || a->recalled) /* whether he may enter or not */
        neg_conn_witness(a);
    if (!why)
        return a->fresh ? settle(a) : NEG_GRANTED;
    ap_log_rerror(APLOG_MARK, APLOG_DEBUG, 0, a->r, "%s is known, but not for this location: %s",
                  a->identity->principal, why);
    if ((!a->fresh || a->ahead) && is_too_late(a))
        return refuse_too_late(a);
    if (!a->fresh) {
        a->identity = NULL;
        return NEG_UNKNOWN;
    }
    return neg_attempt_refuse(
        a, NEG_CAUSE_POLICY,
        apr_psprintf(neg_attempt_pool(a), "%s may not enter: %s", a->identity->principal, why));
}

/* What a token proved and the gate refused is nothing that a subrequest could inherit. */
static void withdraw(neg_attempt *a)
{
    a->exchange->outcome = NEG_REFUSED;
    a->exchange->identity = NULL;
    a->exchange->failure = a->failure;
}

static neg_outcome ask_sources(neg_attempt *a)
{
    for (size_t i = 0; i < sizeof(sources) / sizeof(*sources); i++) {
        neg_outcome outcome = sources[i].ask(a);
        if (outcome == NEG_GRANTED) {
            a->source = a->ahead ? "header" : sources[i].name;
            outcome = admit(a);
            if (outcome == NEG_REFUSED && a->fresh)
                withdraw(a);
        }
        if (outcome != NEG_UNKNOWN)
            return outcome;
    }
    return NEG_UNKNOWN;
}

static neg_outcome refuse_clear(neg_attempt *a)
{
    const char *directive = a->conf->require_tls == NEG_ON
                                ? "AuthNegotiateRequireTLS is On here"
                                : "AuthNegotiateReplayCache is none here, which is for TLS alone";
    return neg_attempt_refuse(a, NEG_CAUSE_TLS,
                              apr_pstrcat(neg_attempt_pool(a), directive,
                                          ", and this connection is not encrypted: redirect "
                                          "http:// to https://, or let TLS end where httpd sees it",
                                          NULL));
}

static neg_outcome prepare(neg_attempt *a)
{
    return neg_attempt_lacks_tls(a) ? refuse_clear(a) : neg_negotiate_find_acceptor(a);
}

neg_outcome neg_grant_run(neg_attempt *a)
{
    neg_outcome outcome = prepare(a);
    if (outcome != NEG_REFUSED)
        outcome = ask_sources(a);
    else if (authorization_of(a) && !a->exchange->tried)
        neg_conn_forget(a->r); /* who comes with a new credential is no longer who was there */
    if (outcome != NEG_GRANTED)
        a->identity = NULL;
    return outcome;
}

/* ---- What is handed down ---- */

/* In the order of their challenges: clients such as gokrb5 look at the first one alone. */
static const neg_scheme *const tickets[] = {&neg_negotiate_scheme, NULL};

static const neg_scheme *const tickets_and_passwords[] = {&neg_negotiate_scheme, &neg_basic_scheme,
                                                          NULL};

static const struct neg_scheme_lists lists = {tickets, tickets_and_passwords};

void neg_grant_init_child(server_rec *servers)
{
    for (server_rec *s = servers; s; s = s->next)
        neg_config_server(s)->schemes = &lists;
}

int neg_grant_logout(request_rec *r)
{
    int status = neg_session_logout(r);
    if (status != DECLINED && status != HTTP_METHOD_NOT_ALLOWED)
        neg_conn_forget(r);
    return status;
}

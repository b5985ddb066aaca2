/* One client request: where its identity may come from, and the gate (policy.c) that each passes.
 */

#include <apr_strings.h>
#include <http_core.h>
#include <http_protocol.h>
#include <http_request.h>
#include <http_ssl.h>

#include "credentials.h"
#include "delegate.h"
#include "request.h"

/* ---- Requests, their ancestors and their attempts ---- */

/* A redirect within a subrequest has both, and comes from the former. */
static request_rec *parent_of(const request_rec *r)
{
    return r->prev ? r->prev : r->main;
}

static neg_attempt *attempt_at(const request_rec *r)
{
    const neg_request *known = neg_request_seen(r);
    return known ? known->attempt : NULL;
}

apr_pool_t *neg_attempt_pool(const neg_attempt *a)
{
    return a->exchange->root->pool;
}

neg_attempt *neg_attempt_nearest(request_rec *r)
{
    for (; r; r = parent_of(r))
        if (attempt_at(r))
            return attempt_at(r);
    return NULL;
}

neg_attempt *neg_attempt_above(const neg_attempt *a)
{
    return neg_attempt_nearest(parent_of(a->r));
}

static neg_attempt *make_root(request_rec *root)
{
    neg_attempt *a = apr_pcalloc(root->pool, sizeof(*a));
    a->r = root;
    a->exchange = apr_pcalloc(root->pool, sizeof(*a->exchange));
    a->exchange->root = root;
    neg_request_of(root)->attempt = a;
    return a;
}

/* The root keeps the exchange, with an empty attempt where it is not protected itself. */
neg_exchange *neg_attempt_exchange(request_rec *r)
{
    request_rec *root = r;
    neg_attempt *a;
    while (parent_of(root))
        root = parent_of(root);
    a = attempt_at(root);
    return a ? a->exchange : make_root(root)->exchange;
}

/* That of ServerName, where it has one; else the one that the client has come to. */
static apr_port_t port_of(const request_rec *r)
{
    return r->server->port ? r->server->port : r->connection->local_addr->port;
}

/* The protection space (RFC 9110 section 11.5): scheme and server as they are configured, not as
 * the client names them, and the realm.  A forward proxy's users are in a space of their own. */
static const char *space_of(request_rec *r, apr_pool_t *p)
{
    const char *name = ap_auth_name(r);
    return apr_pstrcat(p, r->proxyreq == PROXYREQ_PROXY ? "proxy" : ap_http_scheme(r), "://",
                       r->server->server_hostname, ":", apr_itoa(p, port_of(r)), " ",
                       name ? name : "", NULL);
}

static neg_attempt *fill(neg_attempt *a, request_rec *r, neg_exchange *exchange)
{
    a->r = r;
    a->exchange = exchange;
    a->conf = neg_config_of(r);
    a->server = neg_config_server(r->server);
    a->space = space_of(r, exchange->root->pool);
    return a;
}

neg_attempt *neg_attempt_create(request_rec *r)
{
    neg_exchange *exchange = neg_attempt_exchange(r);
    return fill(apr_pcalloc(exchange->root->pool, sizeof(neg_attempt)), r, exchange);
}

neg_attempt *neg_attempt_begin(request_rec *r)
{
    neg_exchange *exchange = neg_attempt_exchange(r);
    neg_attempt *a = attempt_at(r);
    if (!a || a->conf) /* else it is the root's, still empty */
        a = apr_pcalloc(exchange->root->pool, sizeof(*a));
    neg_request_of(r)->attempt = a;
    return fill(a, r, exchange);
}

neg_outcome neg_attempt_refuse(neg_attempt *a, neg_cause cause, const char *text)
{
    a->failure.cause = cause;
    a->failure.text = text;
    return NEG_REFUSED;
}

/* ---- The gate ---- */

static const char *store(const neg_attempt *a, apr_pool_t *owner, gss_cred_id_t cred,
                         const char **ccache)
{
    neg_perms perms = neg_config_perms(a->conf);
    neg_ccache_place place = {a->server->ccaches, neg_config_delegate_dir(a->conf), perms.mode,
                              perms.uid, perms.gid};
    if (!place.directory)
        return neg_ccache_hide(owner, cred, ccache);
    return place.all ? neg_ccache_store(owner, cred, &place, ccache)
                     : "this process has no memory for it";
}

static neg_outcome refuse_foreign(neg_attempt *a, const char *principal, const char *why)
{
    return neg_attempt_refuse(
        a, NEG_CAUSE_DELEGATED_NAME,
        apr_psprintf(neg_attempt_pool(a),
                     "%s %s. Who has logged in under two spellings of one name logs in once "
                     "(kdestroy, kinit); otherwise somebody tries to pass for another",
                     principal, why));
}

neg_outcome neg_attempt_store(neg_attempt *a, apr_pool_t *owner, const char **ccache)
{
    apr_pool_t *p = neg_attempt_pool(a);
    const char *principal = a->delegated_of ? a->delegated_of : a->identity->principal;
    const char *why = neg_delegated_check(p, a->delegated, principal);
    if (why)
        return refuse_foreign(a, principal, why);
    why = store(a, owner, a->delegated, ccache);
    if (why)
        return neg_attempt_refuse(a, NEG_CAUSE_DELEGATION,
                                  apr_psprintf(p,
                                               "the delegated credential of %s could not be "
                                               "stored: %s. httpd -t tries the directory as the "
                                               "server's user",
                                               principal, why));
    return NEG_GRANTED;
}

/* ---- What it wants ---- */

/* That of a subrequest is the one that contains it. */
int neg_attempt_is_answered(const request_rec *r)
{
    while (r->main)
        r = r->main;
    return r->sent_bodyct != 0;
}

/* Of a request whose answer has begun nothing can be said any more; a forward proxy's clients
 * have no cookie for it; of a password that another module has checked, we know too little. */
int neg_attempt_wants_session(const neg_attempt *a)
{
    return a->conf->session == NEG_ON && a->r->proxyreq != PROXYREQ_PROXY &&
           !neg_attempt_is_answered(a->r) && a->server->session_keys;
}

int neg_attempt_wants_account(const neg_attempt *a)
{
    const neg_session_place *place = a->server->session_place;
    return neg_attempt_wants_session(a) && place && place->store;
}

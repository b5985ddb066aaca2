/*
 * What a connection keeps: a half-open context, an identity, or the note that Negotiate failed.
 *
 * Nothing of it lives in a request's pool.  An identity has its own memory; a context, or the
 * ccache of an identity, a pool below the connection's, which ends when they are forgotten.  Only
 * HTTP/1.1 connections are used: an HTTP/2 stream is not a connection, and its thread must not
 * touch the connection that carries it.
 */

#include <stdlib.h>

#include <apr_atomic.h>
#include <apr_strings.h>

#include "negotiate.h"

/*
 * Half-open contexts that one child may hold.  Each is some 18 kB of GSSAPI's memory, beside the
 * 22 kB of its connection: 18 MB.  Clients need them rarely (the usual exchange has one leg), and
 * for milliseconds.
 */
#define HALF_OPEN_MAX 1000

/* Many connections are idle, and a pool has 8 KB at least: one piece of malloc()'s, for as long as
 * the connection or one of its requests has it. */
typedef struct {
    apr_uint32_t uses;
    const neg_identity *identity;
} kept;

typedef struct {
    const server_rec
        *server; /* where it was; two virtual hosts may be named alike, or not at all */
    kept *kept;
    apr_pool_t *pool;     /* of a ccache, or of what follows; NULL when there is none */
    neg_context *context; /* half-open */
    const char *space;    /* where it was begun */
    const char *acceptor; /* with which credential */
    const char *channel;  /* against which its bindings were held; a later leg has none */
    int failed;           /* stays when the rest is forgotten */
} neg_conn;

static neg_conn *find(const request_rec *r)
{
    return ap_get_module_config(r->connection->conn_config, &auth_negotiate_module);
}

static apr_status_t let_go(void *data)
{
    kept *k = data;
    if (apr_atomic_dec32(&k->uses) == 0)
        free(k);
    return APR_SUCCESS;
}

static void forget_identity(neg_conn *conn)
{
    if (conn->kept)
        let_go(conn->kept);
    conn->kept = NULL;
}

static apr_status_t end(void *conn)
{
    forget_identity(conn);
    return APR_SUCCESS;
}

static neg_conn *make(const request_rec *r)
{
    neg_conn *conn = find(r);
    if (!conn) {
        conn = apr_pcalloc(r->connection->pool, sizeof(*conn));
        apr_pool_cleanup_register(r->connection->pool, conn, end, apr_pool_cleanup_null);
        ap_set_module_config(r->connection->conn_config, &auth_negotiate_module, conn);
    }
    return conn;
}

static void clear(neg_conn *conn)
{
    forget_identity(conn);
    conn->context = NULL;
    if (conn->pool)
        apr_pool_destroy(conn->pool);
    conn->pool = NULL;
}

/* Ready for something new, with nothing left of what was. */
static neg_conn *renew(const request_rec *r)
{
    neg_conn *conn = make(r);
    clear(conn);
    apr_pool_create(&conn->pool, r->connection->pool);
    apr_pool_tag(conn->pool, "auth_negotiate");
    return conn;
}

/* A subrequest has neither version nor answer of its own. */
static const request_rec *main_of(const request_rec *r)
{
    while (r->main)
        r = r->main;
    return r;
}

int neg_conn_is_stream(const request_rec *r)
{
    return r->connection->master != NULL;
}

int neg_conn_can_hold(const request_rec *r)
{
    return !neg_conn_is_stream(r) && main_of(r)->proto_num >= HTTP_VERSION(1, 1) &&
           r->connection->keepalive != AP_CONN_CLOSE;
}

/* httpd says so only when it answers (ap_set_keepalive), and then by these rules. */
static int stays_open(const request_rec *r)
{
    const server_rec *s = r->server;
    return s->keep_alive && s->keep_alive_timeout > 0 &&
           (s->keep_alive_max == 0 || s->keep_alive_max > r->connection->keepalives) &&
           !apr_table_get(r->subprocess_env, "nokeepalive") &&
           !ap_find_token(r->pool, apr_table_get(r->headers_in, "Connection"), "close");
}

int neg_conn_can_continue(const request_rec *r)
{
    return neg_conn_can_hold(r) && stays_open(r);
}

/* What proxies write into a request; docs/proxies.md lists it. */
static const char *const traces[] = {"Via",         "Forwarded", "X-Real-IP",
                                     "X-Client-IP", "CDN-Loop",  "Proxy-Connection"};
static const char traces_prefix[] = "X-Forwarded-";

/* A table finds a name at once, but not the beginning of one. */
static int has_trace(const apr_table_t *headers)
{
    const apr_array_header_t *all = apr_table_elts(headers);
    for (size_t i = 0; i < sizeof(traces) / sizeof(*traces); i++)
        if (apr_table_get(headers, traces[i]))
            return 1;
    for (int i = 0; i < all->nelts; i++)
        if (strncasecmp(APR_ARRAY_IDX(all, i, apr_table_entry_t).key, traces_prefix,
                        sizeof(traces_prefix) - 1) == 0)
            return 1;
    return 0;
}

/*
 * Somebody between client and server may put several clients' requests on one connection.
 * mod_remoteip takes the header away that it believed, and the address in it may be the proxy's
 * own, whose machine has clients too: but then the request no longer has the connection's.
 */
int neg_conn_is_direct(const request_rec *r)
{
    return !has_trace(r->headers_in) && r->useragent_addr == r->connection->client_addr &&
           strcmp(r->useragent_ip, r->connection->client_ip) == 0;
}

/* A page that includes a protected part may have been sent to here: then it is too late to say
 * Persistent-Auth, or to tell caches that it has become private. */
static int has_begun(const request_rec *r)
{
    return main_of(r)->sent_bodyct != 0;
}

/* Clients send passwords with every request: there is nothing to be remembered of them. */
static int is_password(const neg_attempt *a)
{
    return a->identity && a->identity->provider;
}

/* Whether this location and this answer let a connection keep an identity. */
static int is_wanted(const neg_attempt *a)
{
    return !is_password(a) && a->conf->persist == NEG_ON && !has_begun(a->r);
}

int neg_conn_may_remember(const neg_attempt *a)
{
    return is_wanted(a) && neg_conn_can_hold(a->r) && neg_conn_is_direct(a->r);
}

neg_outcome neg_conn_recall(neg_attempt *a)
{
    neg_conn *conn = neg_conn_can_hold(a->r) ? find(a->r) : NULL;
    if (!conn || !conn->kept)
        return NEG_UNKNOWN;
    /* Whoever stands between now may have stood there before without a word. */
    if (conn->kept->identity->expires <= apr_time_now() || !neg_conn_is_direct(a->r)) {
        clear(conn);
        return NEG_UNKNOWN;
    }
    if (!is_wanted(a) || conn->server != a->r->server)
        return NEG_UNKNOWN;
    /* A request may outlive what its connection knows. */
    apr_atomic_inc32(&conn->kept->uses);
    apr_pool_cleanup_register(neg_attempt_pool(a), conn->kept, let_go, apr_pool_cleanup_null);
    a->identity = conn->kept->identity;
    return NEG_GRANTED;
}

apr_pool_t *neg_conn_renew(const neg_attempt *a)
{
    return renew(a->r)->pool;
}

void neg_conn_remember(const neg_attempt *a)
{
    neg_conn *conn = make(a->r);
    kept *k = malloc(sizeof(*k) + neg_identity_size(a->identity));
    forget_identity(conn);
    if (!k)
        return;
    k->uses = 1;
    k->identity = neg_identity_copy(k + 1, a->identity);
    conn->server = a->r->server;
    conn->kept = k;
}

void neg_conn_forget(const request_rec *r)
{
    neg_conn *conn = neg_conn_is_stream(r) ? NULL : find(r);
    if (conn)
        clear(conn);
}

/* ---- Half-open contexts ---- */

/* Connections may end after the child's pool has, so this lives as long as their common parent. */
apr_uint32_t *neg_conn_count_create(const server_rec *servers)
{
    return apr_pcalloc(servers->process->pconf, sizeof(apr_uint32_t));
}

static apr_status_t give_back(void *half_open)
{
    apr_atomic_dec32(half_open);
    return APR_SUCCESS;
}

/* A place among the child's half-open contexts, which is given back with p.  @return 0 if none is
 * left */
static int take_place(apr_uint32_t *half_open, apr_pool_t *p)
{
    int taken = apr_atomic_inc32(half_open) < HALF_OPEN_MAX;
    if (taken)
        apr_pool_cleanup_register(p, half_open, give_back, apr_pool_cleanup_null);
    else
        apr_atomic_dec32(half_open);
    return taken;
}

int neg_conn_hold(const neg_attempt *a, neg_context *context)
{
    neg_conn *conn = renew(a->r);
    if (!take_place(a->server->half_open, conn->pool))
        return 0;
    conn->server = a->r->server;
    conn->context = neg_context_move(context, conn->pool);
    conn->space = apr_pstrdup(conn->pool, a->space);
    conn->acceptor = apr_pstrdup(conn->pool, a->acceptor_key);
    conn->channel = apr_pstrdup(conn->pool, neg_config_channel(a->conf));
    return 1;
}

neg_context *neg_conn_take(const neg_attempt *a)
{
    neg_conn *conn = neg_conn_is_stream(a->r) ? NULL : find(a->r);
    neg_context *context = NULL;
    if (!conn || !conn->context)
        return NULL;
    if (conn->server == a->r->server && strcmp(conn->space, a->space) == 0 &&
        strcmp(conn->acceptor, a->acceptor_key) == 0 &&
        strcmp(conn->channel, neg_config_channel(a->conf)) == 0)
        context = neg_context_move(conn->context, neg_attempt_pool(a));
    clear(conn);
    return context;
}

void neg_conn_note_failed(const request_rec *r)
{
    if (neg_conn_can_hold(r))
        make(r)->failed = 1;
}

void neg_conn_note_worked(const request_rec *r)
{
    neg_conn *conn = neg_conn_is_stream(r) ? NULL : find(r);
    if (conn)
        conn->failed = 0;
}

int neg_conn_has_failed(const request_rec *r)
{
    neg_conn *conn = neg_conn_is_stream(r) ? NULL : find(r);
    return conn && conn->failed;
}

/*
 * What a connection keeps: a half-open context, an identity, or the note that Negotiate failed; and
 * what it has seen of its client, so that a second one is noticed.
 *
 * Nothing of it lives in a request's pool.  An identity has its own memory; a context, or the
 * ccache of an identity, a pool below the connection's, which ends when they are forgotten.  Only
 * HTTP/1.1 connections are used: an HTTP/2 stream is not a connection, and its thread must not
 * touch the connection that carries it.
 */

#include <stdlib.h>
#include <string.h>

#include <apr_atomic.h>
#include <apr_strings.h>

#include "answer.h"
#include "internal.h"

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

    /* These stay when the rest is forgotten. */
    int failed;
    const char *person;    /* who was proven first, by whatever; NULL: nobody yet */
    const char *agent;     /* and with which User-Agent */
    const char *shared_by; /* what shows that there are several clients; NULL: nothing */
    int is_said;           /* that; or nobody has to be told */
    neg_tls *tls;          /* of resumed.c */
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

static neg_conn *make_of(conn_rec *c)
{
    neg_conn *conn = ap_get_module_config(c->conn_config, &auth_negotiate_module);
    if (!conn) {
        conn = apr_pcalloc(c->pool, sizeof(*conn));
        apr_pool_cleanup_register(c->pool, conn, end, apr_pool_cleanup_null);
        ap_set_module_config(c->conn_config, &auth_negotiate_module, conn);
    }
    return conn;
}

static neg_conn *make(const request_rec *r)
{
    return make_of(r->connection);
}

void neg_conn_set_tls(conn_rec *c, neg_tls *tls)
{
    make_of(c)->tls = tls;
}

/* Written before the first stream begins, so that the streams' threads may read it. */
neg_tls *neg_conn_tls(const conn_rec *c)
{
    const conn_rec *carrier = c->master ? c->master : c;
    const neg_conn *conn = ap_get_module_config(carrier->conn_config, &auth_negotiate_module);
    return conn ? conn->tls : NULL;
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

/* Clients send passwords with every request: there is nothing to be remembered of them. */
static int is_password(const neg_attempt *a)
{
    return a->identity && a->identity->provider;
}

/* Whether this location and this answer let a connection keep an identity.  A page that includes a
 * protected part may have been sent to here: then it is too late to say Persistent-Auth, or to tell
 * caches that it has become private. */
static int is_wanted(const neg_attempt *a)
{
    return !is_password(a) && a->conf->persist == NEG_ON && !neg_attempt_is_answered(a->r);
}

/* ---- One client, or several ---- */

/* A principal is one person everywhere; a user of another provider where that was asked.  One
 * person of an Active Directory who comes under two spellings counts as two, which costs a few
 * tokens.
 * @param p whose the text is */
static const char *person_of(apr_pool_t *p, const neg_identity *i)
{
    return i->mech ? apr_pstrcat(p, i->mechanism, " ", i->principal, NULL)
                   : apr_pstrcat(p, i->provider, "\n", i->space, "\n", i->principal, NULL);
}

/* A browser, curl, git, Subversion or a program in Java sends one on a connection. */
static const char *agent_of(const request_rec *r)
{
    const char *agent = apr_table_get(r->headers_in, "User-Agent");
    return agent ? agent : "";
}

static const char another_person[] = "a second user was proven on it";

static const char another_agent[] = "its requests have different User-Agent headers";

static const char a_trace[] = "a request on it came through a proxy";

/* What shows that this request is not of the client that the connection has known; or NULL. */
static const char *look_for_another(const neg_conn *conn, const request_rec *r)
{
    if (neg_intermediary_is_likely(r))
        return a_trace;
    return conn->agent && strcmp(conn->agent, agent_of(r)) != 0 ? another_agent : NULL;
}

/* Whoever joins clients now may have done so before without a word: it is for good. */
static void end_keeping(neg_conn *conn, const char *why)
{
    if (conn->kept)
        clear(conn);
    if (conn->shared_by)
        return;
    conn->shared_by = why;
    conn->is_said = why == a_trace; /* a proxy that can be seen does no harm */
}

static void say_once(const neg_attempt *a, neg_conn *conn)
{
    if (conn->is_said)
        return;
    conn->is_said = 1;
    neg_report_aside(
        a, NEG_CAUSE_SHARED,
        apr_pstrcat(neg_attempt_pool(a),
                    "several clients come on one connection: ", conn->shared_by,
                    ". Nothing is kept on it any more. If a proxy in front of httpd joins them and "
                    "leaves no trace, one may have been answered as another before this line: "
                    "write AuthNegotiatePersist Off, or let the proxy write a header (nginx: "
                    "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; haproxy: option "
                    "forwardfor). If it is one client that has several names or programs, nothing "
                    "is wrong",
                    NULL));
}

void neg_conn_witness(const neg_attempt *a)
{
    apr_pool_t *p = a->r->connection->pool;
    const char *person, *why;
    neg_conn *conn;
    int is_concerned;
    if (neg_conn_is_stream(a->r))
        return;
    conn = make(a->r);
    is_concerned = conn->kept || is_wanted(a);
    person = person_of(neg_attempt_pool(a), a->identity);
    why = look_for_another(conn, a->r);
    if (why != a_trace && conn->person && strcmp(conn->person, person) != 0)
        why = another_person;
    if (why)
        end_keeping(conn, why);
    if (conn->shared_by && is_concerned)
        say_once(a, conn);
    if (conn->person)
        return;
    conn->person = apr_pstrdup(p, person);
    conn->agent = apr_pstrdup(p, agent_of(a->r));
}

/* ---- What is kept ---- */

int neg_conn_may_remember(const neg_attempt *a)
{
    const neg_conn *conn = find(a->r);
    return is_wanted(a) && neg_conn_can_continue(a->r) && !neg_intermediary_is_likely(a->r) &&
           !(conn && conn->shared_by);
}

neg_outcome neg_conn_recall(neg_attempt *a)
{
    neg_conn *conn = neg_conn_can_hold(a->r) ? find(a->r) : NULL;
    const char *why;
    if (!conn || !conn->kept)
        return NEG_UNKNOWN;
    if ((why = look_for_another(conn, a->r))) {
        end_keeping(conn, why);
        say_once(a, conn);
        return NEG_UNKNOWN;
    }
    if (conn->kept->identity->expires <= apr_time_now()) {
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

int neg_conn_remember(const neg_attempt *a)
{
    neg_conn *conn = make(a->r);
    kept *k = malloc(sizeof(*k) + neg_identity_size(a->identity));
    forget_identity(conn);
    if (!k)
        return 0;
    k->uses = 1;
    k->identity = neg_identity_copy(k + 1, a->identity);
    conn->server = a->r->server;
    conn->kept = k;
    return 1;
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

/* ---- Negotiate failed ---- */

/* Of this client, and of no other whom a proxy brings on the same connection. */
static int is_of_one(const request_rec *r, const neg_conn *conn)
{
    return !conn->shared_by && !neg_intermediary_is_likely(r);
}

void neg_conn_note_failed(const request_rec *r)
{
    neg_conn *conn = neg_conn_can_hold(r) ? make(r) : NULL;
    if (conn && is_of_one(r, conn))
        conn->failed = 1;
}

void neg_conn_note_worked(const request_rec *r)
{
    neg_conn *conn = neg_conn_is_stream(r) ? NULL : find(r);
    if (conn)
        conn->failed = 0;
}

int neg_conn_has_failed(const request_rec *r)
{
    const neg_conn *conn = neg_conn_is_stream(r) ? NULL : find(r);
    return conn && conn->failed && is_of_one(r, conn);
}

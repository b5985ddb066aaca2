/*
 * Requests that mod_proxy passes on to a backend.
 *
 * What the client proved itself with is for this server alone, and so is what this server answers
 * to it: neither crosses to the other side.  Where AuthNegotiateProxyService is set the request
 * goes out with a token of the user's (backend.c), and an answer comes in only from a backend that
 * has proven itself.
 *
 * A handler before all others takes this request's side effects for the time that mod_proxy's
 * handler runs, and a filter sees the answer before all others.
 */

#include <httpd.h> /* before the others, which do not include it */

#include <apr_dso.h>
#include <mod_proxy.h>
#include <util_filter.h>

#include "answer.h"
#include "internal.h"

static const char filter_name[] = "NEGOTIATE_BACKEND";

/** A request on its way to a backend. */
typedef struct {
    request_rec *r;
    neg_attempt *attempt;      /**< that granted it; NULL: open to all */
    neg_backend *backend;      /**< NULL: no token for the backend */
    apr_table_t *headers_in;   /**< as the client sent them */
    const apr_table_t *own;    /**< headers of ours for the answer */
    const apr_table_t *before; /**< r->headers_out, until there is an answer */
    int answered;
    int refused;
} passage;

static passage *passage_of(const request_rec *r)
{
    for (const ap_filter_t *f = r->output_filters; f; f = f->next)
        if (f->r == r && strcasecmp(f->frec->name, filter_name) == 0)
            return f->ctx;
    return NULL;
}

static int is_passed_on(const request_rec *r)
{
    return (r->proxyreq == PROXYREQ_REVERSE && r->filename &&
            strncmp(r->filename, "proxy:", 6) == 0) ||
           (r->handler && strncmp(r->handler, "proxy:", 6) == 0);
}

/* ---- On the way out ---- */

/* Only the very credential that was used here: one that the administrator has put into its place
 * (RequestHeader set Authorization) is meant for the backend. */
static int is_consumed(const request_rec *r, const neg_exchange *exchange)
{
    const char *line = apr_table_get(r->headers_in, "Authorization");
    return line && exchange->line && strcmp(line, exchange->line) == 0 &&
           !apr_table_get(r->subprocess_env, "negotiate-pass-authorization");
}

/* Changed in a copy: caches and logs have to see what the client sent. */
static void hide(passage *p, const neg_exchange *exchange)
{
    request_rec *r = p->r;
    int consumed = is_consumed(r, exchange);
    p->headers_in = r->headers_in;
    r->headers_in = apr_table_copy(r->pool, r->headers_in);
    if (consumed)
        apr_table_unset(r->headers_in, "Authorization");
    if (p->backend) /* an answer 101 goes to the client at once, unproven */
        apr_table_unset(r->headers_in, "Upgrade");
}

/* neg_publish_unshared() is enough for the others; mod_proxy_http2 does not look at it. */
static int is_shared(const proxy_worker *worker, const char *url)
{
    return strncasecmp(url, "h2", 2) == 0 && worker->s->is_address_reusable &&
           !worker->s->disablereuse;
}

static const char *authorization_for(passage *p, const proxy_worker *worker, const char *url)
{
    neg_backend_target target = {url, is_shared(worker, url)};
    return p->answered ? NULL : neg_backend_authorization(p->backend, &target);
}

/* mod_proxy's hook scheme_handler, before those that send a request: the backend is chosen, also
 * from a balancer's members, and r->headers_in is what goes there. */
static int address(request_rec *r, proxy_worker *worker, proxy_server_conf *conf, char *url,
                   const char *proxy_host, apr_port_t proxy_port)
{
    passage *p = passage_of(r);
    const char *authorization;
    (void)conf;
    (void)proxy_host;
    (void)proxy_port;
    if (!p || !p->backend)
        return DECLINED;
    if ((authorization = authorization_for(p, worker, url))) {
        apr_table_setn(r->headers_in, "Authorization", authorization);
        return DECLINED;
    }
    p->refused = 1;
    return HTTP_BAD_GATEWAY; /* for mod_proxy; pass_on() has the last word */
}

/* ---- On the way back ---- */

/* Once, when there is an answer, before anything of it goes further. */
static void receive(passage *p)
{
    p->answered = 1;
    p->r->headers_in = p->headers_in;
    if (p->backend && !p->refused)
        p->refused = neg_backend_check(p->backend) == NEG_REFUSED;
    if (p->refused) { /* ErrorDocument takes a status that is left here for an error in an error */
        p->r->status = HTTP_OK;
        p->r->status_line = NULL;
    }
    if (p->attempt)
        neg_answer_give_own(p->r, p->own);
}

/* An error makes mod_proxy close the backend's connection, with whatever comes on it. */
static apr_status_t filter(ap_filter_t *f, apr_bucket_brigade *answer)
{
    passage *p = f->ctx;
    if (!p->answered)
        receive(p);
    if (!p->refused)
        return ap_pass_brigade(f->next, answer);
    apr_brigade_cleanup(answer);
    return APR_EGENERAL;
}

/* mod_proxy has ended without an answer that went through the filter: it has given up, which is its
 * own failure, or leaves the error page to us (ProxyErrorOverride). */
static void conclude(passage *p, int status)
{
    int left = p->r->status;
    if (ap_is_HTTP_ERROR(status)) {
        p->r->status = status;
        if (p->r->headers_out == p->before && !p->refused)
            p->backend = NULL;
    }
    receive(p);
    p->r->status = left;
}

/* ---- The handler ---- */

/* The attempt of an ancestor is not to fail with this request. */
static neg_attempt *attempt_for(request_rec *r)
{
    neg_attempt *a = neg_attempt_granted(r);
    if (!a)
        return neg_impersonate_attempt(r);
    if (a->r == r && a->conf == neg_config_of(r))
        return a;
    a = apr_pmemdup(r->pool, a, sizeof(*a));
    a->r = r;
    a->conf = neg_config_of(r);
    return a;
}

/* An error page comes without the user whom it is for. */
static int may_act(request_rec *r)
{
    return neg_admitted_attempt(r) || neg_impersonate_of(r);
}

static int pass_on(request_rec *r, const neg_exchange *exchange)
{
    passage *p = apr_pcalloc(r->pool, sizeof(*p));
    int status;
    p->r = r;
    if ((p->attempt = attempt_for(r))) {
        if (may_act(r) && neg_backend_begin(p->attempt, &p->backend) == NEG_REFUSED)
            return neg_answer_unpassable(p->attempt);
        p->own = neg_answer_take_own(r);
    }
    if (p->backend)
        neg_publish_unshared(r);
    p->before = r->headers_out;
    hide(p, exchange);
    ap_add_output_filter(filter_name, p, r, r->connection);
    status = ap_run_handler(r);
    if (!p->answered)
        conclude(p, status);
    return p->refused ? neg_answer_unpassable(p->attempt) : status;
}

static int handler(request_rec *r)
{
    const neg_attempt *nearest;
    if (!is_passed_on(r) || passage_of(r) || !(nearest = neg_attempt_nearest(r)))
        return DECLINED;
    return pass_on(r, nearest->exchange);
}

typedef void hook_adder(proxy_HOOK_scheme_handler_t *, const char *const *, const char *const *,
                        int);

/* mod_proxy may be loaded after this module, or not at all: so its hook is looked for by its name,
 * in all that has been loaded.  Were it not found, no answer would be let in. */
static int pre_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp)
{
    apr_dso_handle_t *all;
    apr_dso_handle_sym_t hook;
    (void)pconf;
    (void)plog;
    if (apr_dso_load(&all, NULL, ptemp) == APR_SUCCESS &&
        apr_dso_sym(&hook, all, "proxy_hook_scheme_handler") == APR_SUCCESS)
        ((hook_adder *)hook)(address, NULL, NULL, APR_HOOK_REALLY_FIRST);
    return OK;
}

void neg_proxy_register(apr_pool_t *p)
{
    static const char *const after_caches[] = {"mod_cache.c", NULL};
    (void)p;
    ap_hook_handler(handler, after_caches, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_pre_config(pre_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_register_output_filter(filter_name, filter, NULL, (ap_filter_type)(AP_FTYPE_RESOURCE - 1));
}

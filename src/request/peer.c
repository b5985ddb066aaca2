/*
 * Whether somebody stands between the client and this server (an intermediary, RFC 9110 section
 * 3.7), who may put the requests of several clients on one connection.
 */

#include <string.h>

#include <apr_strings.h>

#include "request.h"

/* What proxies write into a request; docs/proxies.md has the same list. */
static const char *const traces[] = {
    "Via",
    "Forwarded",
    "X-Real-IP",
    "X-Client-IP",
    "Client-IP", /* Traffic Server */
    "True-Client-IP",
    "X-Cluster-Client-IP",
    "Proxy-Client-IP",
    "WL-Proxy-Client-IP",
    "X-MS-Proxy", /* MS-ADFSPIP section 2.2.1 */
    "X-MS-Forwarded-Client-IP",
    "X-Amzn-Trace-Id",
    "X-Amz-Cf-Id",
    "X-Cloud-Trace-Context",
    "X-Varnish",
    "X-Vinyl",
    "Surrogate-Capability", /* squid */
    "CDN-Loop",             /* RFC 8586 */
    "Proxy-Connection",
    "Front-End-Https",
    "Client-Cert", /* RFC 9440 */
    "Early-Data",  /* RFC 8470 */
};

static const char *const prefixes[] = {"X-Forwarded-", "X-Original-", "X-ARR-", "X-Azure-",
                                       "X-Envoy-",     "CF-",         "Fastly-"};

static int has_prefix(const char *name)
{
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++)
        if (strncasecmp(name, prefixes[i], strlen(prefixes[i])) == 0)
            return 1;
    return 0;
}

/* A table finds a name at once, but not the beginning of one. */
static int has_trace(const apr_table_t *headers)
{
    const apr_array_header_t *all = apr_table_elts(headers);
    for (size_t i = 0; i < sizeof(traces) / sizeof(*traces); i++)
        if (apr_table_get(headers, traces[i]))
            return 1;
    for (int i = 0; i < all->nelts; i++)
        if (has_prefix(APR_ARRAY_IDX(all, i, apr_table_entry_t).key))
            return 1;
    return 0;
}

/* mod_remoteip takes the header away that it believed, and the address in it may be the proxy's
 * own, whose machine has clients too: but then the request no longer has the connection's. */
int neg_intermediary_is_known(const request_rec *r)
{
    return has_trace(r->headers_in) || r->useragent_addr != r->connection->client_addr ||
           strcmp(r->useragent_ip, r->connection->client_ip) != 0;
}

/* A field whose name stands there in exactly this spelling. */
static int is_spelled(const apr_table_t *headers, const char *name)
{
    const apr_array_header_t *all = apr_table_elts(headers);
    for (int i = 0; i < all->nelts; i++)
        if (strcmp(APR_ARRAY_IDX(all, i, apr_table_entry_t).key, name) == 0)
            return 1;
    return 0;
}

/*
 * An intermediary has to take Connection away, and need not write another (RFC 9110 section 7.6.1).
 * Over HTTP/1.1 browsers always send it; and programs that write the names of fields in lower case,
 * as proxies do that carry HTTP/2 as well (haproxy), mostly do.
 */
static int lacks_connection(const request_rec *r)
{
    const char *agent = apr_table_get(r->headers_in, "User-Agent");
    return !apr_table_get(r->headers_in, "Connection") &&
           ((agent && strncmp(agent, "Mozilla/", 8) == 0) || is_spelled(r->headers_in, "host"));
}

int neg_intermediary_is_likely(const request_rec *r)
{
    return neg_intermediary_is_known(r) || lacks_connection(r);
}

/* ---- What the connection can carry ---- */

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

/* Session cookies beyond authentication: hidden from applications, and ended by a handler. */

#include <string.h>

#include <apr_strings.h>
#include <http_core.h>
#include <http_protocol.h>

#include "cookie.h"
#include "session.h"

/* ---- Hidden ---- */

static const char *const *names_of(const request_rec *r)
{
    const apr_array_header_t *configured = neg_config_server(r->server)->cookie_names;
    apr_array_header_t *names = apr_array_copy(r->pool, configured);
    APR_ARRAY_PUSH(names, const char *) = NULL;
    return (const char *const *)names->elts;
}

/*
 * A cookie is a credential: neither a CGI program nor a backend needs it, and both could use it.
 * So could the author of a .htaccess, which begins to be read after this.  What the client sent is
 * kept where only this module finds it.  A forward proxy's requests have cookies of others.
 */
int neg_session_hide_cookies(request_rec *r)
{
    const char *header = apr_table_get(r->headers_in, "Cookie");
    const char *rest;
    if (!header || r->proxyreq == PROXYREQ_PROXY)
        return DECLINED;
    rest = neg_cookie_strip(r->pool, header, names_of(r));
    if (rest == header)
        return DECLINED;
    neg_attempt_exchange(r)->cookies = apr_pstrdup(r->pool, header);
    if (rest)
        apr_table_setn(r->headers_in, "Cookie", rest);
    else
        apr_table_unset(r->headers_in, "Cookie");
    return DECLINED;
}

/* ---- SetHandler negotiate-logout ---- */

int neg_session_logout(request_rec *r)
{
    neg_attempt *a;
    int ended;
    if (!r->handler || strcmp(r->handler, "negotiate-logout") != 0)
        return DECLINED;
    r->allowed |= (AP_METHOD_BIT << M_GET) | (AP_METHOD_BIT << M_POST);
    if (r->method_number != M_GET && r->method_number != M_POST)
        return HTTP_METHOD_NOT_ALLOWED;
    if (ap_discard_request_body(r) != OK)
        return HTTP_BAD_REQUEST;
    a = neg_attempt_begin(r);
    ended = neg_session_end(a);
    neg_conn_forget(r);
    return neg_answer_logout(a, ended);
}

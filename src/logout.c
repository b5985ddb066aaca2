/* Session cookies beyond authentication: hidden from applications, and ended by a handler. */

#include <string.h>

#include <apr_strings.h>
#include <http_core.h>
#include <http_protocol.h>

#include "cookie.h"
#include "session.h"

/* ---- Hidden ---- */

/*
 * A cookie is a credential: neither a CGI program nor a backend needs it, and both could use it.
 * What the client sent is kept for this request's other locations.  A forward proxy's requests
 * have cookies of others.
 */
static void hide(request_rec *r, const char *name)
{
    const char *header = apr_table_get(r->headers_in, "Cookie");
    neg_exchange *exchange;
    const char *names[] = {name, NULL};
    const char *rest;
    if (!header || r->proxyreq == PROXYREQ_PROXY)
        return;
    rest = neg_cookie_strip(r->pool, header, names);
    if (rest == header)
        return;
    exchange = neg_attempt_exchange(r);
    if (!exchange->cookies_hidden) {
        exchange->cookies_hidden = 1;
        exchange->cookies = apr_pstrdup(exchange->root->pool, header);
    }
    if (rest) /* into a table that subrequests may share */
        apr_table_setn(r->headers_in, "Cookie", apr_pstrdup(exchange->root->pool, rest));
    else
        apr_table_unset(r->headers_in, "Cookie");
}

void neg_session_hide_cookies(neg_attempt *a)
{
    hide(a->r, a->conf->session == NEG_ON ? neg_session_cookie_name(a) : NULL);
}

int neg_session_fixups(request_rec *r)
{
    hide(r, NULL);
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
    neg_session_hide_cookies(a);
    ended = neg_session_end(a);
    neg_conn_forget(r);
    return neg_answer_logout(a, ended);
}

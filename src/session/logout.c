/* Session cookies beyond authentication: hidden from applications, and ended by a handler. */

#include <string.h>

#include <apr_strings.h>
#include <http_core.h>
#include <http_protocol.h>

#include "answer.h"
#include "cookie.h"
#include "internal.h"

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
 * kept where only this module finds it; what an internal redirect has instead may be the author's.
 * A forward proxy's requests have cookies of others.
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
    if (!r->prev && !r->main)
        neg_attempt_exchange(r)->cookies = apr_pstrdup(r->pool, header);
    if (rest)
        apr_table_setn(r->headers_in, "Cookie", rest);
    else
        apr_table_unset(r->headers_in, "Cookie");
    return DECLINED;
}

/* ---- SetHandler negotiate-logout ---- */

static void tell(neg_attempt *a, neg_logout result)
{
    const char *name = neg_session_cookie_name(a);
    neg_cookie_rule rule = neg_config_cookie(a->conf);
    if (result == NEG_LOGOUT_NOTHING)
        ap_log_rerror(
            APLOG_MARK, APLOG_INFO, 0, a->r,
            "logout has ended no session: the client sent no cookie %s of one that goes "
            "on. If it has one, see that AuthName and AuthNegotiateSessionCookie are the "
            "same here as where it logged in, that Path=%s covers this URL, and that this "
            "is the same host, port and scheme (https) as the login",
            name, rule.path);
    if (result == NEG_LOGOUT_TOO_MANY)
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, a->r,
                      "logout cannot say that the session has ended: the client sent more cookies "
                      "%s than are looked at. Somebody plants them, for a Domain or Path of his; "
                      "the user has to delete them",
                      name);
}

int neg_session_logout(request_rec *r)
{
    neg_attempt *a;
    neg_logout result;
    if (!r->handler || strcmp(r->handler, "negotiate-logout") != 0)
        return DECLINED;
    r->allowed |= (AP_METHOD_BIT << M_GET) | (AP_METHOD_BIT << M_POST);
    if (r->method_number != M_GET && r->method_number != M_POST)
        return HTTP_METHOD_NOT_ALLOWED;
    if (ap_discard_request_body(r) != OK)
        return HTTP_BAD_REQUEST;
    a = neg_attempt_begin(r);
    result = neg_session_end(a);
    tell(a, result);
    return neg_answer_logout(a, result);
}

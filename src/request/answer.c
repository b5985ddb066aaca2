/* From outcome to response: the writer of headers, at which headers.c looks once more before they
 * are sent. */

#include <apr_strings.h>
#include <http_core.h>
#include <http_protocol.h>

#include "answer.h"
#include "credentials.h"
#include "request.h"
#include "token.h"

static const char *authenticate_header(const request_rec *r)
{
    return r->proxyreq == PROXYREQ_PROXY ? "Proxy-Authenticate" : "WWW-Authenticate";
}

/*
 * err_headers_out is sent with every status and survives internal redirects, where it is the same
 * table: what an earlier attempt of this request wrote is replaced, not repeated.
 */
static void write_lines(const neg_attempt *a, request_rec *r, const apr_array_header_t *lines)
{
    const char *name = authenticate_header(r);
    apr_table_unset(r->err_headers_out, name);
    for (int i = 0; i < lines->nelts; i++)
        apr_table_addn(r->err_headers_out, name, APR_ARRAY_IDX(lines, i, const char *));
    a->exchange->header = name;
    a->exchange->lines = lines;
}

static apr_array_header_t *make_lines(const neg_attempt *a)
{
    return apr_array_make(neg_attempt_pool(a), 2, sizeof(const char *));
}

static void send_token(const neg_attempt *a, request_rec *r)
{
    apr_array_header_t *lines;
    if (!a->exchange->reply.len)
        return;
    lines = make_lines(a);
    APR_ARRAY_PUSH(lines, const char *) =
        neg_credentials_text(neg_attempt_pool(a), neg_negotiate_name, a->exchange->reply);
    write_lines(a, r, lines);
}

/* A subrequest has no answer of its own: what the client has to know, the answer that contains it
 * must say, or the one for which it only looked ahead (mod_rewrite's LA-U). */
static request_rec *answered(request_rec *r)
{
    while (r->main)
        r = r->main;
    return r;
}

/* The header is here for a cache that looks before headers.c does. */
void neg_answer_keep_private(request_rec *r)
{
    neg_attempt_exchange(r)->sharing = NEG_SHARING_NONE;
    if (r->main)
        neg_headers_watch(answered(r));
    r = answered(r);
    if (!ap_find_token(r->pool, apr_table_get(r->err_headers_out, "Cache-Control"), "private"))
        apr_table_mergen(r->err_headers_out, "Cache-Control", "private");
}

/* Some caches keep what they are not told to leave, a 401 as well, and give it to who comes with a
 * ticket.  A forward proxy's answers are not this server's. */
static void keep_refusal_private(request_rec *r)
{
    if (r->proxyreq != PROXYREQ_PROXY)
        neg_answer_keep_private(r);
}

/* ---- Challenges ---- */

/*
 * How a failed Negotiate is answered.  A bare challenge would be taken by some clients for an
 * invitation to send the same token again, so a mechanism's error token, or else SPNEGO's reject,
 * tells them that it is over.
 */
static const char *rejection(const neg_attempt *a)
{
    return neg_credentials_text(neg_attempt_pool(a), neg_negotiate_name,
                                a->exchange->reply.len ? a->exchange->reply
                                                       : neg_token_spnego_reject);
}

static const char *challenge_of(const neg_attempt *a, const neg_scheme *scheme,
                                const neg_scheme *failed)
{
    if (scheme != failed || scheme->by_password)
        return scheme->offer(a);
    if (a->conf->offer == NEG_OFFER_ONCE && neg_schemes_offer_another(a, failed))
        return NULL;
    return rejection(a);
}

/* One line for each scheme: some clients do not understand two in one.  @return how many */
static int challenge(const neg_attempt *a, const neg_scheme *failed)
{
    apr_array_header_t *lines = make_lines(a);
    int lacks_tls =
        neg_attempt_lacks_tls(a); /* another module's 401 comes before our own refusal */
    for (const neg_scheme *const *scheme = neg_schemes(a); *scheme && !lacks_tls; scheme++) {
        const char *text = challenge_of(a, *scheme, failed);
        if (text)
            APR_ARRAY_PUSH(lines, const char *) = text;
    }
    write_lines(a, a->r, lines);
    keep_refusal_private(a->r);
    return lines->nelts;
}

/* ---- Outcomes ---- */

static int ask_for_patience(request_rec *r)
{
    apr_table_setn(r->err_headers_out, "Retry-After", "10");
    return HTTP_SERVICE_UNAVAILABLE;
}

/* Only the client itself can change to HTTP/1.1; a proxy would make a 502 of it. */
static int wants_http_1_1(const neg_attempt *a)
{
    return a->failure.cause == NEG_CAUSE_CONNECTION && neg_conn_is_stream(a->r) &&
           !neg_intermediary_is_known(a->r);
}

/*
 * The stream is reset with HTTP_1_1_REQUIRED (RFC 9113 section 7), upon which clients repeat the
 * request on an HTTP/1.1 connection.  mod_http2 does so by a note of mod_ssl's, on a 403 that no
 * ErrorDocument has made another request of.
 */
static int require_http_1_1(const neg_attempt *a)
{
    write_lines(a, a->r, make_lines(a));
    apr_table_setn(a->r->notes, "ssl-renegotiate-forbidden", "Negotiate needs another leg");
    ap_custom_response(a->r, HTTP_FORBIDDEN, "This needs HTTP/1.1.");
    return HTTP_FORBIDDEN;
}

static int refuse(neg_attempt *a)
{
    neg_report(a);
    neg_publish_failure(a, a->r);
    keep_refusal_private(a->r);
    if (wants_http_1_1(a))
        return require_http_1_1(a);
    switch (neg_cause_blame(a->failure.cause)) {
    case NEG_BLAME_CLIENT:
    case NEG_BLAME_PASSWORD:
        if (challenge(a, a->exchange->outcome == NEG_REFUSED ? a->exchange->scheme : NULL))
            return HTTP_UNAUTHORIZED;
        return HTTP_FORBIDDEN;
    case NEG_BLAME_POLICY:
        send_token(a, a->r);
        return HTTP_FORBIDDEN;
    case NEG_BLAME_BUSY:
        return ask_for_patience(a->r);
    default:
        return HTTP_INTERNAL_SERVER_ERROR;
    }
}

/* The first visit of every client: nothing worth a line. */
static int ask_for_credentials(neg_attempt *a)
{
    if (challenge(a, NULL)) {
        ap_log_rerror(APLOG_MARK, APLOG_TRACE1, 0, a->r, "no credentials: the client is asked");
        return HTTP_UNAUTHORIZED;
    }
    /* RFC 9110 section 15.5.2: a 401 without a challenge is none. */
    neg_attempt_refuse(a, NEG_CAUSE_NO_SCHEME,
                       "this client may not be offered Negotiate (no-negotiate), and there is no "
                       "other scheme here");
    return refuse(a);
}

/* RFC 9111 section 3.5 keeps shared caches away from what had an Authorization header, unless the
 * answer permits them; some take what does not forbid it. */
static void keep_to_its_word(const neg_attempt *a)
{
    if (a->exchange->sharing == NEG_SHARING_ANY && a->r->proxyreq != PROXYREQ_PROXY)
        a->exchange->sharing = NEG_SHARING_BY_WORD;
    if (a->r->main)
        neg_headers_watch(answered(a->r));
}

/* Once, when a session is begun or renewed, or ended. */
void neg_answer_send_cookie(const neg_attempt *a)
{
    request_rec *r = answered(a->r);
    if (!a->exchange->cookie)
        return;
    apr_table_addn(r->err_headers_out, "Set-Cookie", a->exchange->cookie);
    neg_answer_keep_private(r);
    a->exchange->cookie = NULL;
}

int neg_answer_impersonation(neg_attempt *a)
{
    return refuse(a);
}

int neg_answer_logout(neg_attempt *a, neg_logout result)
{
    static const char *const texts[NEG_LOGOUT_COUNT] = {
        "You are logged out.\n",
        "There was no session to end.\n",
        "The session could not be ended now. Try again.\n",
        "There are too many cookies, so a session may go on. Delete this site's cookies.\n",
    };
    request_rec *r = a->r;
    neg_answer_send_cookie(a);
    apr_table_setn(answered(r)->err_headers_out, "Cache-Control", "no-store");
    if (result == NEG_LOGOUT_FAILED || result == NEG_LOGOUT_TOO_MANY) {
        ap_custom_response(r, HTTP_SERVICE_UNAVAILABLE, texts[result]);
        return ask_for_patience(r);
    }
    ap_set_content_type(r, "text/plain; charset=utf-8");
    ap_rputs(texts[result], r);
    return OK;
}

static int grant(neg_attempt *a)
{
    request_rec *r = a->r;
    char *user;
    neg_publish_identity(a, r); /* first: AuthNegotiateUser may be an expression over it */
    if (!(user = (char *)neg_publish_user(a))) {
        neg_publish_nothing(a, r);
        a->identity = NULL;
        return refuse(a);
    }
    r->user = user;
    r->ap_auth_type = (char *)neg_scheme_of(a->identity);
    if (a->fresh) {
        send_token(a, answered(r));
        if (a->kept)
            apr_table_setn(answered(r)->err_headers_out, "Persistent-Auth", "true");
    }
    if (a->exchange->tried)
        keep_to_its_word(a);
    else
        neg_answer_keep_private(r);
    ap_log_rerror(APLOG_MARK, APLOG_DEBUG, 0, r, "%s is %s (%s, %s)", user, a->identity->principal,
                  a->identity->mechanism, a->source);
    return OK;
}

int neg_answer(neg_attempt *a, neg_outcome outcome)
{
    switch (outcome) {
    case NEG_GRANTED:
        return grant(a);
    case NEG_CONTINUE:
        write_lines(a, a->r, make_lines(a));
        send_token(a, a->r);
        keep_refusal_private(a->r);
        return HTTP_UNAUTHORIZED;
    case NEG_REFUSED:
        return refuse(a);
    default:
        return ask_for_credentials(a);
    }
}

/* The identity stays what it is: only the error page, and the log, are told. */
int neg_answer_unknown_groups(neg_attempt *a, request_rec *r)
{
    neg_attempt refused = *a;
    neg_attempt_refuse(&refused, NEG_CAUSE_GROUPS, a->groups_unknown);
    neg_report(&refused);
    neg_publish_failure(&refused, r);
    if (a->r == r)
        a->failure = refused.failure;
    return HTTP_FORBIDDEN;
}

/* No scheme but Negotiate: a password is no newer ticket.  A client that answers is told 403 if its
 * ticket is not enough: nobody is asked again who has just been asked. */
int neg_answer_ask_again(const neg_attempt *a)
{
    const char *text = neg_attempt_lacks_tls(a) ? NULL : a->server->schemes->tickets[0]->offer(a);
    apr_array_header_t *lines = make_lines(a);
    if (a->fresh || a->exchange->tried || a->r->main || !text)
        return 0;
    APR_ARRAY_PUSH(lines, const char *) = text;
    write_lines(a, a->r, lines);
    return 1;
}

/* ---- Beside a backend's answer ---- */

static const char *const of_connection[] = {"WWW-Authenticate", "Persistent-Auth"};

const apr_table_t *neg_answer_take_own(request_rec *r)
{
    apr_table_t *own = apr_table_make(r->pool, 2);
    for (size_t i = 0; i < sizeof(of_connection) / sizeof(*of_connection); i++) {
        const char *value = apr_table_get(r->err_headers_out, of_connection[i]);
        if (value)
            apr_table_setn(own, of_connection[i], value);
        apr_table_unset(r->err_headers_out, of_connection[i]);
    }
    return own;
}

/*
 * Each of these headers is about one connection.  On a 401 WWW-Authenticate is the backend's, and a
 * final token beside it would be one challenge more; on every other answer it is ours.
 * mod_proxy_http has put the backend's into headers_out, mod_proxy_fcgi into err_headers_out.
 */
void neg_answer_give_own(request_rec *r, const apr_table_t *own)
{
    for (size_t i = 0; i < sizeof(of_connection) / sizeof(*of_connection); i++) {
        const char *value = apr_table_get(own, of_connection[i]);
        if (r->status == HTTP_UNAUTHORIZED && i == 0)
            continue;
        apr_table_unset(r->headers_out, of_connection[i]);
        apr_table_unset(r->err_headers_out, of_connection[i]);
        if (value && r->status != HTTP_UNAUTHORIZED)
            apr_table_setn(r->err_headers_out, of_connection[i], value);
    }
}

int neg_answer_unpassable(neg_attempt *a)
{
    neg_report(a);
    neg_publish_failure(a, a->r);
    switch (neg_cause_blame(a->failure.cause)) {
    case NEG_BLAME_BACKEND:
        return HTTP_BAD_GATEWAY;
    case NEG_BLAME_POLICY:
        return HTTP_FORBIDDEN;
    default:
        return HTTP_INTERNAL_SERVER_ERROR;
    }
}

/* Whoever was granted and is turned away all the same keeps the final token: it is no challenge. */
int neg_answer_note_failure(request_rec *r, const char *auth_type)
{
    if (strcasecmp(auth_type, neg_negotiate_name) != 0)
        return DECLINED;
    if (!neg_attempt_granted(r))
        challenge(neg_attempt_begin(r), NULL);
    return OK;
}

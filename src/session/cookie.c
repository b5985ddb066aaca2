/*
 * A session as a cookie, and as a record in a store: sealed, and good in one protection space.
 */

#include <string.h>

#include <apr_base64.h>
#include <apr_strings.h>
#include <http_ssl.h>
#include <openssl/rand.h>

#include "answer.h"
#include "cookie.h"
#include "credentials.h"
#include "delegate.h"
#include "internal.h"
#include "reader.h"
#include "seal.h"
#include "writer.h"

#define COOKIE_MAX 3800 /* browsers take 4096 bytes with name and attributes (RFC 6265 6.1) */

/* ---- The cookie ---- */

/* @param value NULL deletes it */
void neg_session_write_cookie(neg_attempt *a, const char *value, apr_time_t ends)
{
    apr_pool_t *p = neg_attempt_pool(a);
    neg_cookie_rule rule = neg_config_cookie(a->conf);
    apr_int64_t left = apr_time_sec(ends - apr_time_now());
    apr_int64_t max_age = !value                ? 0
                          : !rule.max_age       ? -1
                          : rule.max_age < left ? rule.max_age
                                                : left;
    a->exchange->cookie = apr_pstrcat(
        p, neg_session_cookie_name(a), "=", value ? value : "",
        neg_session_attributes(p, &rule, neg_session_is_secure(a, &rule), max_age), NULL);
}

/* ---- Seals ---- */

static const char seal_of_number[] = "negotiate session 3: number and times";

static const char seal_of_record[] = "negotiate session 3: record";

static const neg_bytes no_id;

/* ---- The store ---- */

/* What is in its seat, if that is this session's. */
static const char *fetch(neg_attempt *a, const neg_live *l, neg_bytes *record)
{
    neg_bytes sealed;
    switch (neg_store_get(neg_session_store_of(a), a->r->server, neg_attempt_pool(a),
                          neg_session_seat_of(l), &sealed)) {
    case NEG_STORE_OK:
        return neg_session_open_sealed(a, seal_of_record, l->id, sealed, record);
    case NEG_STORE_NOTHING:
        return "the store has forgotten it, or it was ended";
    case NEG_STORE_PAUSED:
        return "the store has not answered a moment ago";
    default:
        neg_session_report_silence(a);
        return "the store does not answer";
    }
}

/* A renewal that comes while the session is ended must not bring it back; nor does one begin where
 * another one has just begun. */
static int keep(neg_attempt *a, const neg_live *l, neg_bytes record, neg_session_how how)
{
    apr_pool_t *p = neg_attempt_pool(a);
    apr_time_t alive = l->session.idle_at + NEG_SESSION_SPARE;
    neg_bytes sealed;
    if (neg_session_seal(a, seal_of_record, l->id, record, &sealed) != NULL)
        return 0;
    if (alive > l->session.ends)
        alive = l->session.ends;
    switch (neg_store_put(neg_session_store_of(a), a->r->server, p, neg_session_seat_of(l), sealed,
                          neg_session_seat_until(l, alive),
                          how == NEG_SESSION_BEGIN ? NEG_STORE_NEW : NEG_STORE_KNOWN)) {
    case NEG_STORE_OK:
        return 1;
    case NEG_STORE_THERE:
    case NEG_STORE_NOTHING:
    case NEG_STORE_PAUSED:
        return 0;
    default:
        neg_session_report_store(
            a, apr_psprintf(p, "the store does not take a session of %" APR_SIZE_T_FMT " bytes",
                            sealed.len));
        return 0;
    }
}

/* @return whether it is certain that the session is in the store no more */
static neg_store_result end_record(neg_attempt *a, const neg_live *l)
{
    apr_pool_t *p = neg_attempt_pool(a);
    neg_store *store = neg_session_store_of(a);
    neg_bytes seat = neg_session_seat_of(l), sealed, record;
    neg_store_result result = neg_store_get(store, a->r->server, p, seat, &sealed);
    if (result == NEG_STORE_OK &&
        neg_session_open_sealed(a, seal_of_record, l->id, sealed, &record) != NULL)
        return NEG_STORE_OK; /* another one has its seat */
    if (result == NEG_STORE_NOTHING && neg_store_is_local(store))
        return NEG_STORE_OK; /* nothing is written for a cookie that is over */
    return result == NEG_STORE_OK || result == NEG_STORE_NOTHING
               ? neg_store_end(store, a->r->server, p, seat, apr_time_now() + NEG_SESSION_WINDOW)
               : result;
}

static int remove_record(neg_attempt *a, const neg_live *l)
{
    neg_store_result result = end_record(a, l);
    if (result == NEG_STORE_FAILED)
        neg_session_report_store(a, "the store does not answer, and a session in it goes on");
    return result == NEG_STORE_OK;
}

/* A session that ends takes its record and the client's tickets with it. */
int neg_session_forget(neg_attempt *a, const neg_live *l)
{
    if (l->session.identity && l->session.identity->ccache)
        neg_ccache_drop(l->session.identity->ccache);
    return l->id.len == 0 || remove_record(a, l);
}

/* ---- From a cookie to a session ---- */

/* Its end stands beside the number, so that no store is asked for what has ended; and when it was
 * last used, which the store need not know at once. */
static neg_bytes write_number(apr_pool_t *p, const neg_live *l)
{
    neg_writer w = {p, NULL, 0, 0};
    neg_bytes numbered;
    neg_write_bytes(&w, l->id.data, l->id.len);
    neg_write_be64(&w, l->session.renewed);
    neg_write_be64(&w, l->session.idle_at);
    neg_write_be64(&w, l->session.ends);
    numbered.data = w.data;
    numbered.len = w.len;
    return numbered;
}

static const char *read_number(neg_bytes numbered, neg_live *l)
{
    const char *error = NULL;
    neg_reader reader = neg_reader_of(numbered, &error);
    neg_bytes id = neg_read_bytes(&reader, NEG_SESSION_ID);
    l->session.renewed = neg_read_be64(&reader);
    l->session.idle_at = neg_read_be64(&reader);
    l->session.ends = neg_read_be64(&reader);
    neg_read_end(&reader);
    if (!error && apr_time_now() >= l->session.ends)
        error = "it has ended";
    if (!error)
        l->id = id;
    return error;
}

const char *neg_session_unseal(neg_attempt *a, const char *text, neg_live *l)
{
    neg_bytes sealed, numbered;
    const char *why = *text ? neg_token_decode(neg_attempt_pool(a), text, &sealed) : "it is empty";
    memset(l, 0, sizeof(*l));
    if (why || !neg_session_store_of(a))
        return why ? why : neg_session_open_sealed(a, seal_of_record, no_id, sealed, &l->record);
    why = neg_session_open_sealed(a, seal_of_number, no_id, sealed, &numbered);
    return why ? why : read_number(numbered, l);
}

/* The cookie may know of a later use than the store, and the store of a later one than this cookie.
 */
static void take_latest(neg_live *l, const neg_session *of_cookie)
{
    l->stored = l->session.renewed;
    l->stored_idle_at = l->session.idle_at;
    if (l->id.len && of_cookie->renewed > l->session.renewed)
        l->session.renewed = of_cookie->renewed;
    if (l->id.len && of_cookie->idle_at > l->session.idle_at)
        l->session.idle_at = of_cookie->idle_at;
}

const char *neg_session_read(neg_attempt *a, neg_live *l)
{
    neg_session of_cookie = l->session;
    const char *why = l->id.len ? fetch(a, l, &l->record) : NULL;
    if (!why)
        why = neg_record_read(neg_attempt_pool(a), l->record, &l->session);
    if (!why)
        take_latest(l, &of_cookie);
    return why;
}

/* ---- From a session to a cookie ---- */

static const char *encode(apr_pool_t *p, neg_bytes bytes)
{
    char *text = apr_palloc(p, (apr_size_t)apr_base64_encode_len((int)bytes.len));
    apr_base64_encode_binary(text, bytes.data, (int)bytes.len);
    return text;
}

static int fits(neg_attempt *a, const char *text)
{
    apr_size_t len = strlen(neg_session_cookie_name(a)) + 1 + strlen(text);
    if (len <= COOKIE_MAX)
        return 1;
    neg_report_aside(a, NEG_CAUSE_SESSION_SIZE,
                     apr_psprintf(neg_attempt_pool(a),
                                  "a session of %s would need a cookie of %" APR_SIZE_T_FMT
                                  " bytes, and browsers take no more than %d, so there is none: "
                                  "keep sessions in a cache (AuthNegotiateSessionStore shmcb, or "
                                  "redis or memcache for several servers)",
                                  a->identity->principal, len, COOKIE_MAX));
    return 0;
}

static int is_in_store(const neg_attempt *a)
{
    return neg_session_store_of(a) != NULL;
}

/* Whether the client needs another cookie than the one it has. */
static int has_to_be_sent(const neg_attempt *a, neg_session_how how)
{
    return !is_in_store(a) || how != NEG_SESSION_RENEW || neg_config_cookie(a->conf).max_age;
}

/* @return whether the session is kept; its cookie, where it needs one, is then on its way */
int neg_session_save(neg_attempt *a, const neg_live *l, neg_session_how how)
{
    neg_bytes record, sealed;
    const char *text;
    if (neg_record_write(neg_attempt_pool(a), &l->session, &record) != NULL) {
        neg_session_report_store(a, "a session has more to keep than any store takes");
        return 0;
    }
    if (is_in_store(a) && how != NEG_SESSION_PROLONG && !keep(a, l, record, how))
        return 0;
    if (!has_to_be_sent(a, how))
        return 1;
    if (neg_session_seal(a, is_in_store(a) ? seal_of_number : seal_of_record, no_id,
                         is_in_store(a) ? write_number(neg_attempt_pool(a), l) : record,
                         &sealed) != NULL)
        return 0;
    text = encode(neg_attempt_pool(a), sealed);
    if (!fits(a, text))
        return 0;
    neg_session_write_cookie(a, text, l->session.ends);
    return 1;
}

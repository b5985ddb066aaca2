/*
 * The last look at an answer's headers, which others write, fold and replace after answer.c.
 *
 * Three filters stand where that has happened: behind the handler, so that a script's folding is
 * undone before mod_headers edits line for line; behind mod_headers, and before mod_cache stores;
 * and before the headers are sent, also where mod_cache is what answers.  Each looks once.
 */

#include <httpd.h> /* before the others, which do not include it */

#include <string.h>

#include <apr_strings.h>
#include <http_config.h>
#include <http_protocol.h>
#include <http_request.h>
#include <util_filter.h>

#include "answer.h"
#include "cachecontrol.h"
#include "request.h"

/* ---- One line for each challenge ---- */

/* As httpd puts the lines of one header into one: ap_scan_script_header(). */
static const char *fold(apr_pool_t *p, const apr_array_header_t *lines)
{
    const char *all = "";
    for (int i = 0; i < lines->nelts; i++)
        all = apr_pstrcat(p, all, i ? ", " : "", APR_ARRAY_IDX(lines, i, const char *), NULL);
    return all;
}

static int is_among(const apr_array_header_t *lines, const char *text)
{
    for (int i = 0; i < lines->nelts; i++)
        if (strcmp(APR_ARRAY_IDX(lines, i, const char *), text) == 0)
            return 1;
    return strcmp(fold(lines->pool, lines), text) == 0;
}

/* What of a header is a script's own, behind ours.  @return NULL when the header is not ours */
static const char *behind(const char *value, const char *ours)
{
    apr_size_t len = strlen(ours);
    if (!value || strncmp(value, ours, len) != 0)
        return NULL;
    if (!value[len])
        return "";
    return strncmp(value + len, ", ", 2) == 0 ? value + len + 2 : NULL;
}

/* Clients such as Chromium read one challenge in a line. */
static void unfold(request_rec *r, const neg_exchange *exchange)
{
    const apr_array_header_t *lines = exchange->lines;
    const char *rest;
    if (!lines || lines->nelts == 0)
        return;
    rest = behind(apr_table_get(r->err_headers_out, exchange->header), fold(r->pool, lines));
    if (!rest || (!*rest && lines->nelts == 1))
        return;
    apr_table_unset(r->err_headers_out, exchange->header);
    for (int i = 0; i < lines->nelts; i++)
        apr_table_addn(r->err_headers_out, exchange->header, APR_ARRAY_IDX(lines, i, const char *));
    if (*rest && !is_among(lines, rest))
        apr_table_addn(r->err_headers_out, exchange->header, rest);
}

/* ---- Caches ---- */

static const char cache_control[] = "Cache-Control";

static const char token_alone[] = "private=\"WWW-Authenticate\"";

/* Of all lines, whoever wrote them; "" for none. */
static const char *said_to_caches(const request_rec *r)
{
    const char *first = apr_table_getm(r->pool, r->err_headers_out, cache_control);
    const char *second = apr_table_getm(r->pool, r->headers_out, cache_control);
    if (!first || !second)
        return first ? first : second ? second : "";
    return apr_pstrcat(r->pool, first, ", ", second, NULL);
}

/* mod_cache reads those of err_headers_out alone, where there are any. */
static void tell_caches(request_rec *r, const char *said, const char *more)
{
    apr_table_unset(r->headers_out, cache_control);
    apr_table_setn(r->err_headers_out, cache_control,
                   *said ? apr_pstrcat(r->pool, said, ", ", more, NULL) : more);
}

static int has(const char *said, const char *directive)
{
    return neg_cachecontrol_find(said, directive) != NEG_DIRECTIVE_NONE;
}

/* RFC 9213 has a field for each kind of cache, whose names end alike; the others are older. */
static int is_for_certain_caches(const char *name)
{
    static const char *const others[] = {"X-Accel-Expires", "Surrogate-Control", "Edge-Control"};
    static const char targeted[] = "-Cache-Control";
    apr_size_t len = strlen(name);
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
        if (strcasecmp(name, others[i]) == 0)
            return 1;
    return len >= sizeof(targeted) && strcasecmp(name + len + 1 - sizeof(targeted), targeted) == 0;
}

static int note_name(void *names, const char *name, const char *value)
{
    (void)value;
    if (is_for_certain_caches(name))
        APR_ARRAY_PUSH((apr_array_header_t *)names, const char *) = name;
    return 1;
}

/* Who obeys such a field looks at no Cache-Control. */
static void silence_others(request_rec *r)
{
    apr_array_header_t *names = apr_array_make(r->pool, 0, sizeof(const char *));
    apr_table_do(note_name, names, r->headers_out, NULL);
    apr_table_do(note_name, names, r->err_headers_out, NULL);
    for (int i = 0; i < names->nelts; i++) {
        apr_table_unset(r->headers_out, APR_ARRAY_IDX(names, i, const char *));
        apr_table_unset(r->err_headers_out, APR_ARRAY_IDX(names, i, const char *));
    }
}

/* `public, private` has two meanings.  CacheStorePrivate and CacheStoreNoStore would keep it all
 * the same, and this variable is what mod_cache obeys always. */
static void keep_from_caches(request_rec *r, const char *said)
{
    static const char *const for_caches[] = {"public", "s-maxage", NULL};
    int is_open = has(said, "public") || has(said, "s-maxage");
    neg_publish_uncacheable(r);
    silence_others(r);
    if (is_open)
        said = neg_cachecontrol_without(r->pool, said, for_caches);
    if (neg_cachecontrol_find(said, "private") != NEG_DIRECTIVE_BARE && !has(said, "no-store"))
        tell_caches(r, said, "private");
    else if (is_open)
        tell_caches(r, "", said);
}

/* The page is for everybody, the proof for one (RFC 9111 section 5.2.2.7).  Caches that do not know
 * an argument of `private` keep away from all of it.  mod_cache stores the request's headers, too,
 * and a password is good again. */
static void keep_proof_from_caches(request_rec *r, const neg_exchange *exchange, const char *said)
{
    if (exchange->scheme && exchange->scheme->by_password)
        neg_publish_uncacheable(r);
    if (!apr_table_get(r->err_headers_out, "WWW-Authenticate"))
        return;
    silence_others(r);
    if (!strstr(said, token_alone))
        tell_caches(r, said, token_alone);
}

/* @param is_final whether nobody can say `public` any more */
static void judge_sharing(request_rec *r, const neg_exchange *exchange, int is_final)
{
    neg_sharing sharing = exchange->sharing;
    const char *said = said_to_caches(r);
    if (sharing == NEG_SHARING_BY_WORD && (has(said, "public") || has(said, "s-maxage")))
        keep_proof_from_caches(r, exchange, said);
    else if (sharing == NEG_SHARING_NONE || (sharing == NEG_SHARING_BY_WORD && is_final))
        keep_from_caches(r, said);
}

/* ---- Filters ---- */

static const char behind_handler[] = "NEGOTIATE_LINES";

static const char before_cache[] = "NEGOTIATE_SHARING";

static const char before_sending[] = "NEGOTIATE_HEADERS";

static const neg_exchange *exchange_of(request_rec *r)
{
    const neg_attempt *nearest = neg_attempt_nearest(r);
    return nearest ? nearest->exchange : NULL;
}

static apr_status_t look(ap_filter_t *f, apr_bucket_brigade *answer)
{
    const neg_exchange *exchange = exchange_of(f->r);
    int is_first = strcasecmp(f->frec->name, behind_handler) == 0;
    if (is_first)
        unfold(f->r, exchange);
    judge_sharing(f->r, exchange, !is_first);
    ap_remove_output_filter(f);
    return ap_pass_brigade(f->next, answer);
}

static void add(request_rec *r, const char *name)
{
    for (const ap_filter_t *f = r->output_filters; f; f = f->next)
        if (f->r == r && strcasecmp(f->frec->name, name) == 0)
            return;
    ap_add_output_filter(name, NULL, r, r->connection);
}

/* A part of an answer has no headers, but mod_cache would store it as an answer of its own. */
static int is_concerned(request_rec *r)
{
    const neg_exchange *exchange = exchange_of(r);
    if (!exchange || (exchange->sharing == NEG_SHARING_ANY && !exchange->lines))
        return 0;
    if (r->main && exchange->sharing == NEG_SHARING_NONE)
        r->no_cache = 1;
    return !r->main;
}

static void insert_first(request_rec *r)
{
    if (is_concerned(r))
        add(r, behind_handler);
}

static void insert_last(request_rec *r)
{
    if (is_concerned(r))
        neg_headers_watch(r);
}

static void insert_for_error(request_rec *r)
{
    if (is_concerned(r))
        add(r, before_sending);
}

void neg_headers_watch(request_rec *r)
{
    add(r, before_cache);
    add(r, before_sending);
}

void neg_headers_register(apr_pool_t *p)
{
    (void)p;
    ap_hook_insert_filter(insert_first, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_insert_filter(insert_last, NULL, NULL, APR_HOOK_REALLY_LAST);
    ap_hook_insert_error_filter(insert_for_error, NULL, NULL, APR_HOOK_REALLY_LAST);
    ap_register_output_filter(behind_handler, look, NULL, AP_FTYPE_RESOURCE);
    ap_register_output_filter(before_cache, look, NULL, AP_FTYPE_CONTENT_SET);
    ap_register_output_filter(before_sending, look, NULL, (ap_filter_type)(AP_FTYPE_PROTOCOL - 1));
}

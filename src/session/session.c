/*
 * Sessions: an identity that a sealed cookie keeps, or names.
 *
 * Whoever has the cookie is the client, so the cookie is good in one protection space alone, its
 * times are held against the location's at each use, and neg_permits() is asked like for every
 * other identity.  What is not good is as good as none: the client is asked again.
 */

#include <string.h>

#include <apr_atomic.h>
#include <apr_escape.h>
#include <apr_strings.h>
#include <http_core.h>
#include <openssl/sha.h>

#include "answer.h"
#include "delegate.h"
#include "internal.h"

/* A session is renewed when this part of its time without a request has gone: each answer with a
 * new cookie would keep caches from all of them. */
#define RENEWED_AFTER(idle) ((idle) / 4)

#define SWEEP_SECONDS 60

/* ---- Good here? ---- */

/* The client's tickets may have been left at another machine: then none were stored, to who asks
 * here.  A renewal keeps the session as it is, for where they are. */
static const neg_identity *without_ccache(const neg_attempt *a, const neg_identity *identity)
{
    neg_identity *copy = apr_pmemdup(neg_attempt_pool(a), identity, sizeof(*identity));
    copy->ccache = NULL;
    copy->ccache_dir = NULL;
    return copy;
}

/* Whether one that goes on lets the client in here, too. */
static const char *examine_here(neg_attempt *a, neg_live *l)
{
    l->identity = l->session.identity;
    if (l->identity->ccache && !neg_ccache_is_kept(l->identity->ccache))
        l->identity = without_ccache(a, l->identity);
    return neg_permits(a->conf, a->acceptor_key, a->space, l->identity);
}

/* The first that does. */
static neg_live *choose(neg_attempt *a, const apr_array_header_t *living)
{
    for (int i = 0; i < living->nelts; i++) {
        neg_live *l = &APR_ARRAY_IDX(living, i, neg_live);
        const char *why = examine_here(a, l);
        if (!why)
            return l;
        ap_log_rerror(APLOG_MARK, APLOG_DEBUG, 0, a->r, "a session cookie is not used: %s", why);
    }
    return NULL;
}

/* ---- In use ---- */

static apr_time_t earlier(apr_time_t a, apr_time_t b)
{
    return a < b ? a : b;
}

static apr_time_t later(apr_time_t a, apr_time_t b)
{
    return a > b ? a : b;
}

/*
 * Each location asks when a session was last used, wherever that was: so its use is noted in time
 * for the strictest of those that it has been used at.
 */
static int is_due(const neg_attempt *a, const neg_session *s, apr_time_t now)
{
    apr_interval_time_t here = neg_config_timeouts(a->conf).idle;
    return now - s->renewed >= RENEWED_AFTER(earlier(here, s->idle));
}

/* Its idle time begins anew; what it ends at, it has been given at its beginning. */
static neg_live as_used_now(const neg_attempt *a, const neg_live *l, apr_time_t now)
{
    apr_interval_time_t here = neg_config_timeouts(a->conf).idle;
    neg_live used = *l;
    used.session.renewed = now;
    used.session.idle = earlier(here, l->session.idle);
    used.session.idle_at = later(l->session.idle_at, earlier(now + here, l->session.ends));
    return used;
}

/* A session that comes to a location with another idle time, shorter or much longer, is noted at
 * once: else the next use would come too late there. */
static int is_changed(const neg_attempt *a, const neg_session *s, const neg_session *used)
{
    return used->idle < s->idle ||
           used->idle_at - s->idle_at >= RENEWED_AFTER(neg_config_timeouts(a->conf).idle);
}

/*
 * Whether a renewal is written into the store, where all users share the room: a session that is
 * renewed every few seconds is there twice as old each time, and then every few minutes.  Between
 * them the cookie alone has it, and the entry lasts for as long.
 */
static int is_for_store(const neg_live *l, const neg_live *used, apr_time_t now)
{
    apr_interval_time_t pause = earlier(NEG_SESSION_SPARE, (now - l->session.begun) / 2);
    return used->session.idle < l->session.idle || now - l->stored >= pause ||
           used->session.idle_at > l->stored_idle_at + NEG_SESSION_SPARE;
}

static void renew(neg_attempt *a, const neg_live *l, apr_time_t now)
{
    neg_live used = as_used_now(a, l, now);
    if (!is_due(a, &l->session, now) && !is_changed(a, &l->session, &used.session))
        return;
    if (neg_session_save(a, &used,
                         is_for_store(l, &used, now) ? NEG_SESSION_RENEW : NEG_SESSION_PROLONG) &&
        used.session.identity->ccache)
        neg_ccache_renew(used.session.identity->ccache);
}

/* ---- A new session ---- */

static neg_bytes facts_of(apr_pool_t *p, const neg_identity *identity)
{
    neg_session s = {0};
    neg_identity facts = *identity;
    neg_bytes record = {NULL, 0};
    facts.proven = facts.expires = 0;
    facts.ccache = facts.ccache_dir = NULL;
    memset(&facts.ccache_perms, 0, sizeof(facts.ccache_perms));
    s.identity = &facts;
    neg_record_write(p, &s, &record);
    return record;
}

/* Tickets stay with a session that can be ended, and only those in a file: what this process has in
 * its memory, for backends, goes with the request or the connection. */
static int has_tickets_to_keep(const neg_attempt *a)
{
    return neg_session_store_of(a) && a->identity->ccache &&
           neg_ccache_is_file(a->identity->ccache);
}

/* Whether a session is all that a new one would be. */
static int is_as_good(const neg_attempt *a, const neg_identity *old)
{
    neg_bytes x = facts_of(neg_attempt_pool(a), old);
    neg_bytes y = facts_of(neg_attempt_pool(a), a->identity);
    if (has_tickets_to_keep(a) && !old->ccache)
        return 0;
    return x.len && x.len == y.len && memcmp(x.data, y.data, x.len) == 0;
}

static void sweep(const neg_attempt *a, const char *directory)
{
    apr_uint32_t now = (apr_uint32_t)apr_time_sec(apr_time_now());
    apr_uint32_t *swept_at = &a->server->session_place->swept_at;
    apr_uint32_t before = apr_atomic_read32(swept_at);
    if (now - before >= SWEEP_SECONDS && apr_atomic_cas32(swept_at, now, before) == before)
        neg_ccaches_sweep_sessions(neg_attempt_pool(a), directory);
}

static const char *hash_text(apr_pool_t *p, const void *data, apr_size_t len, int bytes)
{
    unsigned char hash[SHA256_DIGEST_LENGTH];
    SHA256(data, len, hash);
    return apr_pescape_hex(p, hash, bytes, 0);
}

/* The tickets stay where they are, under a name that lasts. */
static const char *keep_ccache(neg_attempt *a, const neg_live *l)
{
    apr_pool_t *p = neg_attempt_pool(a);
    const neg_identity *identity = a->identity;
    neg_ccache_session session;
    const char *account = neg_session_account(a);
    const char *kept = NULL, *why;
    if (!has_tickets_to_keep(a))
        return NULL;
    sweep(a, identity->ccache_dir);
    session.directory = identity->ccache_dir;
    session.ends = l->session.ends;
    session.idle = neg_config_timeouts(a->conf).idle;
    session.owner = hash_text(p, account, strlen(account), 8);
    session.name = hash_text(p, l->id.data, l->id.len, 16);
    if ((why = neg_ccache_keep(p, identity->ccache, &session, &kept)))
        neg_report_aside(a, NEG_CAUSE_DELEGATION, why);
    return kept;
}

static const neg_identity *identity_to_keep(neg_attempt *a, const neg_live *l)
{
    neg_identity *identity;
    const char *ccache = keep_ccache(a, l);
    if (!ccache)
        return a->identity->ccache ? without_ccache(a, a->identity) : a->identity;
    identity = apr_pmemdup(neg_attempt_pool(a), a->identity, sizeof(*identity));
    identity->ccache = ccache;
    return identity;
}

/* @return whether there is one now */
static int begin(neg_attempt *a)
{
    neg_timeouts timeouts = neg_config_timeouts(a->conf);
    neg_live *l = apr_pcalloc(neg_attempt_pool(a), sizeof(*l));
    apr_time_t now = apr_time_now();
    l->session.begun = l->session.renewed = now;
    l->session.ends = earlier(now + timeouts.absolute, a->identity->expires);
    l->session.idle = timeouts.idle;
    l->session.idle_at = earlier(now + timeouts.idle, l->session.ends);
    if (l->session.ends <= now || (neg_session_store_of(a) && !neg_session_take_seat(a, l)))
        return 0;
    l->session.identity = identity_to_keep(a, l);
    if (neg_session_save(a, l, NEG_SESSION_BEGIN))
        a->exchange->session = l;
    else if (l->session.identity->ccache)
        neg_ccache_drop(l->session.identity->ccache);
    return a->exchange->session == l;
}

/* A password is good again for each location that an internal redirect comes to. */
static int has_begun(neg_attempt *a)
{
    const neg_live *begun = a->exchange->session;
    if (begun && is_as_good(a, begun->session.identity))
        return 1;
    if (begun)
        neg_session_forget(a, begun);
    a->exchange->session = NULL;
    return 0;
}

static void end_those(neg_attempt *a, const apr_array_header_t *living, int of_same_person)
{
    for (int i = 0; i < living->nelts; i++) {
        const neg_live *l = &APR_ARRAY_IDX(living, i, neg_live);
        if (neg_session_is_same_person(l->session.identity, a->identity) == of_same_person)
            neg_session_forget(a, l);
    }
}

/* A client that sends a token with every request need not get as many cookies. */
static int has_one_as_good(neg_attempt *a, const apr_array_header_t *living)
{
    for (int i = 0; i < living->nelts; i++) {
        const neg_live *l = &APR_ARRAY_IDX(living, i, neg_live);
        if (!is_due(a, &l->session, apr_time_now()) && is_as_good(a, l->session.identity))
            return 1;
    }
    return 0;
}

/* Where no other session can begin, the user's goes on. */
static void begin_if_wanted(neg_attempt *a)
{
    const apr_array_header_t *living;
    if (!neg_attempt_wants_session(a) || !neg_basic_may_keep(a->identity) || has_begun(a))
        return;
    living = neg_session_find(a);
    end_those(a, living, 0);
    if (!has_one_as_good(a, living) && begin(a))
        end_those(a, living, 1);
}

/* A subrequest has no answer of its own, and whether what it is part of is allowed is not known. */
int neg_session_fixups(request_rec *r)
{
    neg_attempt *a = neg_attempt_granted(r);
    if (!a || a->r != r || r->main)
        return DECLINED;
    if (a->fresh)
        begin_if_wanted(a);
    else if (a->recalled)
        renew(a, a->recalled, apr_time_now());
    neg_answer_send_cookie(a);
    return DECLINED;
}

/* ---- The source, and the end ---- */

neg_outcome neg_session_recall(neg_attempt *a)
{
    const apr_array_header_t *living = neg_attempt_wants_session(a) ? neg_session_find(a) : NULL;
    neg_live *l = living && !neg_session_is_of_two(a, living) ? choose(a, living) : NULL;
    if (!l)
        return NEG_UNKNOWN;
    a->identity = l->identity;
    a->recalled = l;
    return NEG_GRANTED;
}

/* Whosever they are: what came with this request is what the user wants to be rid of.  What the
 * store has not got is ended again: a store that is gone says so of all. */
neg_logout neg_session_end(neg_attempt *a)
{
    neg_session_cookies c = {.looked_at = 0};
    neg_live l;
    int ended = 0, failed = 0;
    while (a->server->session_keys && neg_session_next(a, &c, &l)) {
        ended |= neg_session_examine(a, &l) == NULL;
        failed |= !neg_session_forget(a, &l);
    }
    if (a->exchange->session) {
        ended = 1;
        failed |= !neg_session_forget(a, a->exchange->session);
    }
    neg_session_write_cookie(a, NULL, 0);
    return failed                    ? NEG_LOGOUT_FAILED
           : neg_session_has_more(a) ? NEG_LOGOUT_TOO_MANY
           : ended                   ? NEG_LOGOUT_DONE
                                     : NEG_LOGOUT_NOTHING;
}

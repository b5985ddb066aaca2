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
#include <openssl/rand.h>
#include <openssl/sha.h>

#include "cookie.h"
#include "session.h"

/* Cookies of one name that are looked at: for another Path or Domain, or planted by who can set
 * some for this host. */
#define COOKIES_MAX 64
/* Those of them that a request looks up in a store.  Who can plant cookies has as many sessions as
 * he likes, and may have ended them. */
#define LOOKUPS_MAX 32

/* A session is renewed when this part of its time without a request has gone: each answer with a
 * new cookie would keep caches from all of them. */
#define RENEWED_AFTER(idle) ((idle) / 4)

#define SWEEP_SECONDS 60

/* ---- Good here? ---- */

/* What was sealed counts, and what this location has: the shorter wins. */
static const char *lapsed(const neg_attempt *a, const neg_session *s, apr_time_t now)
{
    neg_timeouts timeouts = neg_config_timeouts(a->conf);
    if (now >= s->ends || now >= s->begun + timeouts.absolute || now >= s->identity->expires)
        return "it has ended";
    if (now >= s->idle_at || now >= s->renewed + timeouts.idle)
        return "it has not been used for too long";
    return NULL;
}

/* The client's tickets may have been left at another machine: then none were stored, to who asks
 * here.  A renewal keeps the session as it is, for where they are. */
static const neg_identity *without_ccache(const neg_attempt *a, const neg_identity *identity)
{
    neg_identity *copy = apr_pmemdup(neg_attempt_pool(a), identity, sizeof(*identity));
    copy->ccache = NULL;
    copy->ccache_dir = NULL;
    return copy;
}

/* Any session of the client's that goes on. */
static const char *examine_times(neg_attempt *a, neg_live *l)
{
    const char *why = neg_session_read(a, l);
    return why ? why : lapsed(a, &l->session, apr_time_now());
}

/* One that lets the client in here. */
static const char *examine(neg_attempt *a, neg_live *l)
{
    const char *why = examine_times(a, l);
    if (why)
        return why;
    l->identity = l->session.identity;
    if (l->identity->ccache && !neg_ccache_is_kept(l->identity->ccache))
        l->identity = without_ccache(a, l->identity);
    return neg_permits(a->conf, a->acceptor_key, a->space, l->identity);
}

/* The client's cookies of this space, one after the other. */
typedef struct {
    int looked_at, found;
    neg_bytes ids[COOKIES_MAX]; /* of those that were found */
} cookies;

/* One session may come in many cookies. */
static int is_found_again(const cookies *c, const neg_live *l)
{
    for (int i = 0; l->id.len && i < c->found; i++)
        if (memcmp(c->ids[i].data, l->id.data, NEG_SESSION_ID) == 0)
            return 1;
    return 0;
}

static const char *next_cookie(neg_attempt *a, cookies *c)
{
    return a->exchange->cookies && c->looked_at < COOKIES_MAX
               ? neg_cookie_find(neg_attempt_pool(a), a->exchange->cookies,
                                 neg_session_cookie_name(a), c->looked_at++)
               : NULL;
}

/* @return whether there is another one that our key has sealed, and whose end has not come */
static int next_session(neg_attempt *a, cookies *c, neg_live *l)
{
    const char *text;
    while ((text = next_cookie(a, c))) {
        const char *why = neg_session_unseal(a, text, l);
        if (!why && is_found_again(c, l))
            why = "it is the same as one before it";
        if (!why) {
            c->ids[c->found++] = l->id;
            return 1;
        }
        ap_log_rerror(APLOG_MARK, APLOG_DEBUG, 0, a->r, "a session cookie is not used: %s", why);
    }
    return 0;
}

/* The first that is good enough. */
static int find_session(neg_attempt *a, neg_live *l, const char *(*look)(neg_attempt *, neg_live *))
{
    cookies c = {.looked_at = 0};
    while (c.found < LOOKUPS_MAX && next_session(a, &c, l)) {
        const char *why = look(a, l);
        if (!why)
            return 1;
        ap_log_rerror(APLOG_MARK, APLOG_DEBUG, 0, a->r, "a session cookie is not used: %s", why);
    }
    return 0;
}

static apr_time_t earlier(apr_time_t a, apr_time_t b)
{
    return a < b ? a : b;
}

static int is_due(const neg_attempt *a, const neg_session *s, apr_time_t now)
{
    return now - s->renewed >= RENEWED_AFTER(neg_config_timeouts(a->conf).idle);
}

/* Only its idle time begins anew; what it ends at, it has been given at its beginning. */
static void renew(neg_attempt *a, const neg_live *l, apr_time_t now)
{
    neg_live renewed = *l;
    renewed.session.renewed = now;
    renewed.session.idle_at =
        earlier(now + neg_config_timeouts(a->conf).idle, renewed.session.ends);
    if (!is_due(a, &l->session, now) || renewed.session.idle_at <= l->session.idle_at)
        return;
    if (neg_session_save(a, &renewed, 1) && renewed.session.identity->ccache)
        neg_ccache_renew(renewed.session.identity->ccache);
}

static int end_session(neg_attempt *a, const neg_live *l)
{
    neg_session_list_remove(a, l);
    return neg_session_forget(a, l);
}

/* ---- A new session ---- */

/* Of a request whose answer has begun nothing can be said any more; a forward proxy's clients
 * have no cookie for it; of a password that another module has checked, we know too little. */
static int is_wanted(const neg_attempt *a)
{
    const request_rec *r = a->r;
    while (r->main)
        r = r->main;
    return a->conf->session == NEG_ON && a->r->proxyreq != PROXYREQ_PROXY && !r->sent_bodyct &&
           a->server->session_keys;
}

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
    const char *kept = NULL, *why;
    if (!has_tickets_to_keep(a))
        return NULL;
    sweep(a, identity->ccache_dir);
    session.directory = identity->ccache_dir;
    session.ends = l->session.ends;
    session.idle = neg_config_timeouts(a->conf).idle;
    session.owner = hash_text(p, identity->principal, strlen(identity->principal), 8);
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

static int make_id(const neg_attempt *a, neg_live *l)
{
    unsigned char *id = apr_palloc(neg_attempt_pool(a), NEG_SESSION_ID);
    l->id.data = id;
    l->id.len = neg_session_store_of(a) ? NEG_SESSION_ID : 0;
    return RAND_bytes(id, NEG_SESSION_ID) == 1;
}

static void begin(neg_attempt *a)
{
    neg_timeouts timeouts = neg_config_timeouts(a->conf);
    neg_live *l = apr_pcalloc(neg_attempt_pool(a), sizeof(*l));
    apr_time_t now = apr_time_now();
    l->session.begun = l->session.renewed = now;
    l->session.ends = earlier(now + timeouts.absolute, a->identity->expires);
    l->session.idle_at = earlier(now + timeouts.idle, l->session.ends);
    if (l->session.ends <= now || !make_id(a, l))
        return;
    neg_session_list_add(a, l);
    l->session.identity = identity_to_keep(a, l);
    if (neg_session_save(a, l, 0))
        a->exchange->session = l;
    else if (l->session.identity->ccache)
        neg_ccache_drop(l->session.identity->ccache);
}

/* A password is good again for each location that an internal redirect comes to. */
static int has_begun(neg_attempt *a)
{
    const neg_live *begun = a->exchange->session;
    if (begun && is_as_good(a, begun->session.identity))
        return 1;
    if (begun)
        end_session(a, begun);
    a->exchange->session = NULL;
    return 0;
}

static void begin_if_wanted(neg_attempt *a)
{
    neg_live old;
    int has_old;
    if (!is_wanted(a) || !neg_basic_may_keep(a->identity) || has_begun(a))
        return;
    has_old = find_session(a, &old, examine_times);
    if (has_old && !is_due(a, &old.session, apr_time_now()) && is_as_good(a, old.session.identity))
        return; /* a client that sends a token with every request need not get as many cookies */
    if (has_old)
        end_session(a, &old);
    begin(a);
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
    neg_live l;
    if (!is_wanted(a) || !find_session(a, &l, examine))
        return NEG_UNKNOWN;
    a->identity = l.identity;
    a->recalled = apr_pmemdup(neg_attempt_pool(a), &l, sizeof(l));
    return NEG_GRANTED;
}

static int has_more_cookies(neg_attempt *a)
{
    return a->exchange->cookies && neg_cookie_find(neg_attempt_pool(a), a->exchange->cookies,
                                                   neg_session_cookie_name(a), COOKIES_MAX) != NULL;
}

/* What the store has not got is ended again: a store that is gone says so of all. */
neg_logout neg_session_end(neg_attempt *a)
{
    cookies c = {.looked_at = 0};
    neg_live l;
    int ended = 0, failed = 0;
    while (a->server->session_keys && next_session(a, &c, &l)) {
        ended |= examine_times(a, &l) == NULL;
        failed |= !end_session(a, &l);
    }
    if (a->exchange->session) {
        ended = 1;
        failed |= !end_session(a, a->exchange->session);
    }
    neg_session_write_cookie(a, NULL, 0);
    return failed                ? NEG_LOGOUT_FAILED
           : has_more_cookies(a) ? NEG_LOGOUT_TOO_MANY
           : ended               ? NEG_LOGOUT_DONE
                                 : NEG_LOGOUT_NOTHING;
}

/*
 * Which sessions a client's cookies are of.
 *
 * Who has a cookie is its client, but others may have put cookies beside it: a host of the same
 * domain can set one of any name that does not begin with __Host-, with a longer Path, so that it
 * comes first.  What our key has not sealed does not count, nor what has ended.  Of two that go on
 * and are of two persons nobody can say which is the client's.
 */

#include <string.h>

#include <apr_strings.h>

#include "answer.h"
#include "cookie.h"
#include "internal.h"

/* Cookies of one name that are looked at: for another Path or Domain, or planted by who can set
 * some for this host. */
#define COOKIES_MAX NEG_SESSION_COOKIES
/* Those of them that a request looks up in a store.  Who can plant cookies has as many sessions as
 * he likes, and may have ended them. */
#define LOOKUPS_MAX 32

/* ---- One cookie after the other ---- */

/* One session may come in many cookies. */
static int is_found_again(const neg_session_cookies *c, const neg_live *l)
{
    for (int i = 0; l->id.len && i < c->found; i++)
        if (memcmp(c->ids[i].data, l->id.data, NEG_SESSION_ID) == 0)
            return 1;
    return 0;
}

static const char *next_cookie(neg_attempt *a, neg_session_cookies *c)
{
    if (c->looked_at++ == 0)
        c->rest = a->exchange->cookies;
    return c->rest && c->looked_at <= COOKIES_MAX
               ? neg_cookie_next(neg_attempt_pool(a), &c->rest, neg_session_cookie_name(a))
               : NULL;
}

static void tell_unused(const neg_attempt *a, const char *why)
{
    ap_log_rerror(APLOG_MARK, APLOG_DEBUG, 0, a->r, "a session cookie is not used: %s", why);
}

int neg_session_next(neg_attempt *a, neg_session_cookies *c, neg_live *l)
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
        tell_unused(a, why);
    }
    return 0;
}

int neg_session_has_more(neg_attempt *a)
{
    const char *rest = a->exchange->cookies;
    int count = 0;
    while (rest && count <= COOKIES_MAX &&
           neg_cookie_next(neg_attempt_pool(a), &rest, neg_session_cookie_name(a)))
        count++;
    return count > COOKIES_MAX;
}

/* ---- Those that go on ---- */

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

const char *neg_session_examine(neg_attempt *a, neg_live *l)
{
    const char *why = neg_session_read(a, l);
    return why ? why : lapsed(a, &l->session, apr_time_now());
}

const apr_array_header_t *neg_session_find(neg_attempt *a)
{
    apr_array_header_t *living = apr_array_make(neg_attempt_pool(a), 1, sizeof(neg_live));
    neg_session_cookies c = {.looked_at = 0};
    neg_live l;
    while (c.found < LOOKUPS_MAX && neg_session_next(a, &c, &l)) {
        const char *why = neg_session_examine(a, &l);
        if (why)
            tell_unused(a, why);
        else
            APR_ARRAY_PUSH(living, neg_live) = l;
    }
    return living;
}

/* ---- Whose they are ---- */

/* An Active Directory has many spellings for one account, an MIT realm has accounts that differ in
 * the case of a letter alone. */
int neg_session_is_same_person(const neg_identity *one, const neg_identity *other)
{
    if (one->sid && other->sid)
        return strcmp(one->sid, other->sid) == 0;
    return strcmp(one->principal, other->principal) == 0;
}

static void tell_two(neg_attempt *a, const neg_identity *one, const neg_identity *other)
{
    neg_report_aside(
        a, NEG_CAUSE_TWO_SESSIONS,
        apr_psprintf(
            neg_attempt_pool(a),
            "the client sent cookies %s of sessions of %s and of %s. Neither is used, and the "
            "client is asked for its ticket. Another host of the domain may have planted one: use "
            "TLS and a cookie whose name begins with __Host- (AuthNegotiateSessionCookie "
            "default, without Path and Domain), which no other host can set",
            neg_session_cookie_name(a), one->principal, other->principal));
}

int neg_session_is_of_two(neg_attempt *a, const apr_array_header_t *living)
{
    const neg_live *all = (const neg_live *)living->elts;
    for (int i = 1; i < living->nelts; i++)
        if (!neg_session_is_same_person(all[0].session.identity, all[i].session.identity)) {
            tell_two(a, all[0].session.identity, all[i].session.identity);
            return 1;
        }
    return 0;
}

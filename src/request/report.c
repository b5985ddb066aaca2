/* What the error log is told of a refusal, and how often. */

#include <string.h>

#include <apr_atomic.h>
#include <apr_time.h>

#include "answer.h"
#include "request.h"

#define QUIET_SECONDS 60

static const struct {
    const char *code;
    neg_blame blame;
} causes[NEG_CAUSE_COUNT] = {
#define X(name, code, blame) {code, NEG_BLAME_##blame},
    NEG_CAUSES(X)
#undef X
};

/* Of one child.  Counting is all that threads share here, so atomic counters are enough. */
struct neg_tally {
    struct {
        apr_uint32_t told_at; /* seconds since the epoch; 0: never */
        apr_uint32_t untold;  /* refusals since then */
    } of[NEG_CAUSE_COUNT];
};

struct neg_tally *neg_report_create(apr_pool_t *p)
{
    return apr_pcalloc(p, sizeof(struct neg_tally));
}

const char *neg_cause_code(neg_cause cause)
{
    return causes[cause].code;
}

neg_blame neg_cause_blame(neg_cause cause)
{
    return causes[cause].blame;
}

static int level_of(neg_blame blame)
{
    return blame == NEG_BLAME_SERVER || blame == NEG_BLAME_BUSY ? APLOG_ERR : APLOG_WARNING;
}

/* Whether this one is to be told aloud; *untold says how many were not, since the last that was. */
static int is_due(struct neg_tally *tally, neg_cause cause, apr_uint32_t *untold)
{
    apr_uint32_t now = (apr_uint32_t)apr_time_sec(apr_time_now());
    apr_uint32_t told_at = apr_atomic_read32(&tally->of[cause].told_at);
    if ((told_at && now - told_at < QUIET_SECONDS) ||
        apr_atomic_cas32(&tally->of[cause].told_at, now, told_at) != told_at) {
        apr_atomic_inc32(&tally->of[cause].untold);
        return 0;
    }
    *untold = apr_atomic_xchg32(&tally->of[cause].untold, 0);
    return 1;
}

static void tell(const neg_attempt *a, const char *what, neg_cause cause, const char *text)
{
    const char *code = neg_cause_code(cause);
    int level = APLOG_INFO;
    apr_uint32_t untold = 0;

    if (!a->server->tally || is_due(a->server->tally, cause, &untold))
        level = level_of(neg_cause_blame(cause));
    if (untold)
        ap_log_rerror(APLOG_MARK, level, 0, a->r,
                      "%s (%s): %s [and %u more of this kind since it was last "
                      "logged here; LogLevel auth_negotiate:info shows each]",
                      what, code, text, untold);
    else
        ap_log_rerror(APLOG_MARK, level, 0, a->r, "%s (%s): %s", what, code, text);
}

/* Each, and in httpd's own words: programs count them, and lock out who guesses (fail2ban). */
static void tell_password(const neg_attempt *a)
{
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, a->r, "%s (%s)", a->failure.text,
                  neg_cause_code(a->failure.cause));
}

static void tell_basic(const neg_attempt *a)
{
    if (neg_cause_blame(a->failure.cause) == NEG_BLAME_PASSWORD)
        tell_password(a);
    else
        tell(a, "Basic refused", a->failure.cause, a->failure.text);
}

/* A client's request may be refused twice, for a look ahead and for itself.  It has one password,
 * and has guessed once. */
static int is_told(const neg_attempt *a)
{
    const char *before = a->exchange->told;
    a->exchange->told =
        neg_cause_blame(a->failure.cause) == NEG_BLAME_PASSWORD ? "a password" : a->failure.text;
    return before && strcmp(before, a->exchange->told) == 0;
}

void neg_report_basic(const neg_attempt *a)
{
    if (!is_told(a))
        tell_basic(a);
}

void neg_report(const neg_attempt *a)
{
    if (is_told(a))
        return;
    if (a->exchange->scheme && a->exchange->scheme->by_password)
        tell_basic(a);
    else
        tell(a, "Negotiate refused", a->failure.cause, a->failure.text);
}

void neg_report_aside(const neg_attempt *a, neg_cause cause, const char *text)
{
    tell(a, "Negotiate goes on", cause, text);
}

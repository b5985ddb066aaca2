/* Whether a server elsewhere is worth asking: see breaker.h. */

#include <apr_atomic.h>

#include "breaker.h"

/* An answer takes a millisecond; a network has to be very bad to need this long. */
#define PATIENCE_SECONDS 3

/* Between two attempts at a server that is silent. */
#define SPARED_SECONDS 10

/* Each attempt may hold a thread for good. */
#define WAITING_MAX 4

static apr_uint32_t seconds(apr_time_t time)
{
    return (apr_uint32_t)apr_time_sec(time);
}

/* Another thread's clock may be a second ahead; one that was set back ends the span: better too
 * early than never. */
static int is_over(apr_uint32_t since, int span, apr_uint32_t now)
{
    apr_int32_t passed = (apr_int32_t)(now - since);
    return passed >= span || passed <= -span;
}

/* Only one of the threads that come at the same time. */
static int may_try_again(neg_breaker *b, apr_uint32_t spared_at, apr_uint32_t now)
{
    return is_over(spared_at, SPARED_SECONDS, now) &&
           apr_atomic_read32(&b->waiting) < WAITING_MAX &&
           apr_atomic_cas32(&b->spared_at, now, spared_at) == spared_at;
}

/* Others have waited for long, and nobody was answered since.  The one that finds this out tries
 * once more: their connections may be dead, and a new one is not. */
static int is_first_to_notice(neg_breaker *b, apr_uint32_t now)
{
    apr_atomic_cas32(&b->failed_at, now, 0);
    return apr_atomic_cas32(&b->spared_at, now, 0) == 0;
}

int neg_breaker_ask(neg_breaker *b, apr_time_t time)
{
    apr_uint32_t now = seconds(time);
    apr_uint32_t spared_at = apr_atomic_read32(&b->spared_at);
    apr_uint32_t asked_at = apr_atomic_cas32(&b->asked_at, now, 0);
    if (spared_at && !may_try_again(b, spared_at, now))
        return 0;
    if (!spared_at && asked_at && is_over(asked_at, PATIENCE_SECONDS, now) &&
        !is_first_to_notice(b, now))
        return 0;
    apr_atomic_inc32(&b->waiting);
    return 1;
}

apr_uint32_t neg_breaker_answered(neg_breaker *b, apr_time_t time)
{
    apr_uint32_t now = seconds(time);
    apr_uint32_t failed_at = apr_atomic_xchg32(&b->failed_at, 0);
    apr_atomic_dec32(&b->waiting);
    apr_atomic_set32(&b->asked_at, 0);
    apr_atomic_set32(&b->spared_at, 0);
    if (!failed_at)
        return 0;
    return now > failed_at ? now - failed_at : 1;
}

void neg_breaker_failed(neg_breaker *b, apr_time_t asked, apr_time_t time)
{
    apr_uint32_t now = seconds(time);
    apr_atomic_dec32(&b->waiting);
    apr_atomic_cas32(&b->failed_at, now, 0);
    apr_atomic_set32(&b->asked_at, 0); /* a refusal is an answer, too; silence is noted below */
    if (is_over(seconds(asked), PATIENCE_SECONDS, now))
        apr_atomic_set32(&b->spared_at, now);
}

/**
 * Whether a server elsewhere (a shared cache) is worth asking.  One that accepts connections and
 * then says nothing holds every thread that asks it, for as long as its client library waits:
 * mod_socache_redis several times RedisTimeout, mod_socache_memcache without end.  So once it is
 * known to be silent it is spared for a while; then one thread tries again.
 *
 * A breaker belongs to one process.  Its threads share it by atomic operations, without a lock:
 * what one sees may be a moment old, which costs a question too many.
 */
#ifndef NEG_BREAKER_H
#define NEG_BREAKER_H

#include <apr_time.h>

/** All zero at the beginning.  Times are seconds since the epoch; 0 is never. */
typedef struct {
    apr_uint32_t waiting;   /**< threads that have asked and not been answered */
    apr_uint32_t asked_at;  /**< the oldest question after the last answer */
    apr_uint32_t spared_at; /**< when it was found silent, or tried again; 0: it is asked */
    apr_uint32_t failed_at; /**< the first failure after the last answer */
} neg_breaker;

/** @return whether to ask; who does has to call neg_breaker_answered() or neg_breaker_failed() */
int neg_breaker_ask(neg_breaker *b, apr_time_t now);
/** @return for how many seconds it had failed, at least 1; 0 if it had not */
apr_uint32_t neg_breaker_answered(neg_breaker *b, apr_time_t now);
/** @param asked when neg_breaker_ask() was called */
void neg_breaker_failed(neg_breaker *b, apr_time_t asked, apr_time_t now);

#endif

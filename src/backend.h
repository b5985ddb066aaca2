/** Requests that mod_proxy passes on, and Negotiate towards their backends. */
#ifndef NEG_BACKEND_H
#define NEG_BACKEND_H

#include "negotiate.h"

/* ---- proxy.c: requests that are passed on to a backend ---- */

void neg_proxy_register(apr_pool_t *p);

/* ---- backend.c: Negotiate towards a backend, as the user ---- */

/** What a request needs to be sent to a backend in its user's name. */
typedef struct neg_backend neg_backend;

const char *neg_backend_set(cmd_parms *cmd, void *conf, const char *service, const char *otherwise);
/**
 * Whether this request, granted by a, is to be sent so.
 * @return NEG_UNKNOWN when not, NEG_GRANTED with *backend, or NEG_REFUSED with a->failure
 */
neg_outcome neg_backend_begin(neg_attempt *a, neg_backend **backend);

/** Where mod_proxy is about to send it. */
typedef struct {
    const char *url;
    int is_shared; /**< the connection is kept for other users, and nothing can be done about it */
} neg_backend_target;

/** The value of Authorization for this target, new for each call; NULL when refused. */
const char *neg_backend_authorization(neg_backend *backend, const neg_backend_target *target);
/** Whether the answer that r has got is of who it should be.  @return NEG_GRANTED or NEG_REFUSED */
neg_outcome neg_backend_check(neg_backend *backend);

#endif

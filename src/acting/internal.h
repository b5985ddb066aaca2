/** Within the room of acting for users. */
#ifndef NEG_ACTING_INTERNAL_H
#define NEG_ACTING_INTERNAL_H

#include "acting.h"

/* ---- who.c ---- */

/** The principal of a user who may be impersonated here.
 * @return NEG_GRANTED, or NEG_REFUSED */
neg_outcome neg_impersonate_find(neg_attempt *a, const char *user, const char **principal);
/** Notes that nobody is. @return NEG_REFUSED */
neg_outcome neg_impersonate_refuse(neg_attempt *a, const char *user, const char *why);

/* ---- s4u.c ---- */

/** As neg_s4u_delegate(), for a user of another module's.
 * @param principal of the user; then as the KDC spells it */
neg_outcome neg_s4u_impersonate(neg_attempt *a, const char **principal);

/* ---- impersonate.c ---- */

/** neg_impersonate_of() as an attempt that was granted, of which nothing but principal and ccache
 * is known. */
neg_attempt *neg_impersonate_attempt(request_rec *r);

/* ---- backend.c: Negotiate towards a backend, as the user ---- */

/** What a request needs to be sent to a backend in its user's name. */
typedef struct neg_backend neg_backend;

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

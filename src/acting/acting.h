/**
 * The room of acting for users: tickets in their names (MS-SFU), for those who have shown one and
 * for others, and Negotiate towards backends.  It acts for who was let in, and for nobody else
 * (request/admitted.c); it never lets anybody in itself.
 */
#ifndef NEG_ACTING_H
#define NEG_ACTING_H

#include "request.h"

/* ---- s4u.c: tickets for other services, in the user's name ---- */

void neg_s4u_init_child(server_rec *servers);
/** Gets a->delegated for a fresh identity, which then ends with it.
 * @return NEG_GRANTED, without a credential where that is optional, or NEG_REFUSED */
neg_outcome neg_s4u_delegate(neg_attempt *a);

/* ---- ownplace.c ---- */

/** post_config hook: a directory for our own tickets, if any are needed. */
int neg_ownplace_open(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *servers);
/** monitor hook, each few seconds in the parent: makes it anew when somebody has removed it. */
int neg_ownplace_monitor(apr_pool_t *p, server_rec *s);

/* ---- impersonate.c: users whom another module has authenticated ---- */

/** A user whom another module has authenticated, with tickets of this request's. */
typedef struct neg_impersonated {
    const char *key; /**< who, and for what */
    const char *principal;
    const char *ccache; /**< NULL: there are none, which is optional */
    const char *env;    /**< the variable that names it */
    struct neg_impersonated *next;
} neg_impersonated;

/** fixups hook. */
int neg_impersonate_fixups(request_rec *r);
/** fixups hook, after those that put another request into the place of this one. */
int neg_impersonate_last_fixups(request_rec *r);
/** That of r, after fixups; NULL: r has no user who is impersonated. */
const neg_impersonated *neg_impersonate_of(request_rec *r);

/* ---- proxy.c: requests that are passed on to a backend ---- */

void neg_proxy_register(apr_pool_t *p);

#endif

/** Acting for users: tickets in their names (MS-SFU), for those who have shown one and for others.
 */
#ifndef NEG_ACTING_H
#define NEG_ACTING_H

#include "negotiate.h"

/* ---- admitted.c: who has been let in, and so may be acted for ---- */

/** What this module knows of a request. */
typedef struct {
    neg_attempt *attempt;          /**< NULL: none yet */
    struct neg_standing *standing; /**< whether it was let in: see admitted.c; NULL: no user */
} neg_request;

/** What is known of r, in its request_config; never NULL. */
neg_request *neg_request_of(request_rec *r);
/** The same, but NULL if nothing is. */
neg_request *neg_request_seen(const request_rec *r);

/** check_authz hook, before all others: the core has a user, of whom authorization is asked. */
int neg_admitted_ask(request_rec *r);
/** type_checker hook, before all others: r was let in, or has its user from another request. */
int neg_admitted_settle(request_rec *r);
/** fixups hook, after all others: none has refused r. */
int neg_admitted_complete(request_rec *r);
/** The request that the core has copied r's user from; NULL: none. */
request_rec *neg_admitted_source(const request_rec *r);
/** Whether r->user has been authenticated and let in, by r itself or by its source. */
int neg_admitted_user(const request_rec *r);
/** The attempt by which r was granted, if r was then let in: unlike neg_attempt_granted(), not
 * where authorization is still to come, or has refused.  r->user may have been changed: who acts is
 * the identity.  @return NULL where nobody is to be acted for */
neg_attempt *neg_admitted_attempt(request_rec *r);

/* ---- s4u.c: tickets for other services, in the user's name ---- */

const char *neg_s4u_set(cmd_parms *cmd, void *conf, int argc, char *const argv[]);
/** Whether it is On by itself, whatever the sections around say. */
int neg_s4u_is_written(const neg_conf *conf);
int neg_s4u_is_on(const neg_conf *conf);
/** What the tickets are for; NULL: they are not asked for. */
const char *neg_s4u_text(const neg_conf *conf);
/** @param own what a section has itself
 *  @param conf what its requests see
 *  @return NULL, or a static sentence why that cannot be obeyed */
const char *neg_s4u_conflict(const neg_conf *own, const neg_conf *conf);
void neg_s4u_init_child(server_rec *servers);
/** Gets a->delegated for a fresh identity, which then ends with it.
 * @return NEG_GRANTED, without a credential where that is optional, or NEG_REFUSED */
neg_outcome neg_s4u_delegate(neg_attempt *a);
/** The same for a user of another module's.
 * @param principal of the user; then as the KDC spells it */
neg_outcome neg_s4u_impersonate(neg_attempt *a, const char **principal);

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

const char *neg_impersonate_set(cmd_parms *cmd, void *conf, int argc, char *const argv[]);
/** The directive's value. */
const char *neg_impersonate_text(apr_pool_t *p, const neg_conf *conf);
/** The principal of a user who may be impersonated here.
 * @return NEG_GRANTED, or NEG_REFUSED */
neg_outcome neg_impersonate_find(neg_attempt *a, const char *user, const char **principal);
/** fixups hook. */
int neg_impersonate_fixups(request_rec *r);
/** Whether it is that of r's user, for r's location. */
int neg_impersonate_is_current(request_rec *r, const neg_impersonated *one);
/** That of r, after fixups; NULL: r has no user who is impersonated. */
const neg_impersonated *neg_impersonate_of(request_rec *r);
/** The same as an attempt that was granted, of which nothing but principal and ccache is known. */
neg_attempt *neg_impersonate_attempt(request_rec *r);

#endif

/**
 * The room of authorization: what Require can ask of a ticket, and what a client is told that is
 * known and not allowed.  It never authenticates anybody.
 */
#ifndef NEG_AUTHZ_H
#define NEG_AUTHZ_H

#include "request.h"

/** check_authz hook: what becomes of a user who is known and not allowed. */
int neg_authorize(request_rec *r);
/** Require krb5-realm, auth-indicator, name-attribute and pac-group. */
void neg_authorize_register(apr_pool_t *p);

#endif

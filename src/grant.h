/** The story of a request, on top of all rooms. */
#ifndef NEG_GRANT_H
#define NEG_GRANT_H

#include "request.h"

/** In a new child: hands the schemes down to all servers. */
void neg_grant_init_child(server_rec *servers);
/** Asks the sources in turn, and holds what they know against the policy. */
neg_outcome neg_grant_run(neg_attempt *a);
/** handler hook: negotiate-logout, after which the connection knows nobody either. */
int neg_grant_logout(request_rec *r);

#endif

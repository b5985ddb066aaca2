/**
 * The room of the way in that takes a cookie: an identity that a sealed cookie keeps, or names.
 *
 * The cookie holds the record (core/record.h), sealed for its protection space (core/seal.h).  With
 * a store it holds the session's number alone, and the record, sealed too, is in the store.  It
 * never takes a credential: a session begins for an identity that was let in.
 */
#ifndef NEG_SESSION_H
#define NEG_SESSION_H

#include "request.h"

/* ---- place.c: keys and the store's life ---- */

int neg_session_pre_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp);
/** post_config hook: a key where none is named, and the stores. */
int neg_session_open(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *servers);
void neg_session_init_child(apr_pool_t *pchild, server_rec *servers);

/* ---- session.c ---- */

/** Source: the identity of a session whose cookie the client sent. */
neg_outcome neg_session_recall(neg_attempt *a);
/** fixups hook, when the client is known to be allowed: begins a session after a fresh grant,
 * unless the client has one that is as good, and renews one that is in use. */
int neg_session_fixups(request_rec *r);

/* ---- logout.c: what is seen of cookies elsewhere, and the handler that ends sessions ---- */

/** post_read_request hook: takes our cookies out of what everybody else sees. */
int neg_session_hide_cookies(request_rec *r);
/** handler hook: negotiate-logout. */
int neg_session_logout(request_rec *r);

#endif

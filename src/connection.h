/** What stands at the other end of a connection, and what the connection keeps of it. */
#ifndef NEG_CONNECTION_H
#define NEG_CONNECTION_H

#include "negotiate.h"

/* ---- intermediary.c: who stands between ---- */

/** Whether the request has a trace of an intermediary's, on a stream of HTTP/2 as well. */
int neg_intermediary_is_known(const request_rec *r);
/** Whether there is one, or the request of HTTP/1.1 looks as if its client had not written it. */
int neg_intermediary_is_likely(const request_rec *r);

/* ---- connection.c ---- */

/** Whether the request came on a stream of HTTP/2, which is no connection. */
int neg_conn_is_stream(const request_rec *r);
/** Whether a context or an identity may be kept on this connection at all (HTTP/1.1, not h2). */
int neg_conn_can_hold(const request_rec *r);
/** Whether it will also see the client's next request, as far as can be told before the answer. */
int neg_conn_can_continue(const request_rec *r);
/** Notes who was just proven, by whatever (a->identity).  A second person, or another User-Agent,
 * is a second client: this connection keeps nothing any more. */
void neg_conn_witness(const neg_attempt *a);
/** Whether it may keep an identity for this location: Persist is On, nobody stands between, it has
 * one client as far as was seen, and will see its next request. */
int neg_conn_may_remember(const neg_attempt *a);
/** Source: an identity that this connection keeps. */
neg_outcome neg_conn_recall(neg_attempt *a);
/** This child's count of half-open contexts, for as long as its connections live. */
apr_uint32_t *neg_conn_count_create(const server_rec *servers);
/** Keeps a half-open context for the next request.  @return 0 when the child has too many */
int neg_conn_hold(const neg_attempt *a, neg_context *context);
/** Takes a half-open context out, if begun with this space, acceptor and channel; else NULL. */
neg_context *neg_conn_take(const neg_attempt *a);
/** Forgets everything and gives a pool for what belongs to the next identity; remember follows. */
apr_pool_t *neg_conn_renew(const neg_attempt *a);
/** Keeps a->identity, where it may.  @return whether there was memory for it */
int neg_conn_remember(const neg_attempt *a);
void neg_conn_forget(const request_rec *r);
/** Negotiate failed on this connection (AuthNegotiateOffer once). */
void neg_conn_note_failed(const request_rec *r);
/** Negotiate worked, so the client may be offered it again. */
void neg_conn_note_worked(const request_rec *r);
int neg_conn_has_failed(const request_rec *r);

#endif

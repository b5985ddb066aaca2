/**
 * The room of the ways in that take a credential: a token in one leg after the other, what a
 * connection keeps of it, a password.  It never decides what an identity may do: that is the
 * policy's (request/policy.c), and no other room asks it for more than this header has.
 */
#ifndef NEG_PROOF_H
#define NEG_PROOF_H

#include "request.h"

extern const neg_scheme neg_negotiate_scheme;
extern const neg_scheme neg_basic_scheme;
extern const authn_provider neg_kerberos_provider;

/* ---- connection.c: what a connection keeps ---- */

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
/** Forgets everything and gives a pool for what belongs to the next identity; remember follows. */
apr_pool_t *neg_conn_renew(const neg_attempt *a);
/** Keeps a->identity, where it may.  @return whether there was memory for it */
int neg_conn_remember(const neg_attempt *a);
void neg_conn_forget(const request_rec *r);
/** Negotiate failed on this connection (AuthNegotiateOffer once). */
void neg_conn_note_failed(const request_rec *r);
/** Negotiate worked, so the client may be offered it again. */
void neg_conn_note_worked(const request_rec *r);

/* ---- replay.c ---- */

int neg_replay_pre_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp);
int neg_replay_open(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *servers);
void neg_replay_init_child(apr_pool_t *pchild, server_rec *servers);
/** check_config hook: where `memory` is, no virtual host may have another one. */
int neg_replay_check_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                            server_rec *servers);

/* ---- resumed.c ---- */

/** Asks mod_ssl, where it is loaded, for its contexts and connections. */
void neg_resumed_register(void);

#endif

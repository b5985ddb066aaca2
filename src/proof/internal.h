/** Within the room of proofs. */
#ifndef NEG_PROOF_INTERNAL_H
#define NEG_PROOF_INTERNAL_H

#include "proof.h"
#include "seen.h"
#include "token.h"

/* ---- negotiate.c ---- */

/** What a token, or the KDC's ticket for a password, has proven here.
 * @param ap_req of the token; empty for a password */
neg_identity *neg_negotiate_identity(const neg_attempt *a, const neg_client *client,
                                     neg_bytes ap_req);

/* ---- ntlm.c ---- */

/** NTLM where it is not accepted. */
neg_outcome neg_mechs_refuse_ntlm(neg_attempt *a);
/** Where it is: on a connection of its client's own, and with a name.  @return NEG_UNKNOWN, or
 * NEG_REFUSED */
neg_outcome neg_mechs_limit_ntlm(neg_attempt *a, const neg_token *token);

/* ---- binding.c ---- */

/** The channel bindings of this request's connection, empty when it has none: fills in->bindings
 * and in->bindings_refused, with in->worker.
 * @return NULL, or a sentence in the request's pool */
const char *neg_binding_find(const neg_attempt *a, neg_leg_input *in);

/* ---- kerberos.c: the provider `kerberos` ---- */

/**
 * Asks the KDC, once for a client's request where nothing else is wanted of it.
 * @return AUTH_GRANTED with a->identity, and a->delegated where that is wanted; else a->failure
 */
authn_status neg_kerberos_check(neg_attempt *a, const char *user, const char *password);

/* ---- replay.c ---- */

/** What a used token is known by: the hash of its authenticator. */
typedef struct {
    int known; /**< 0 where nobody wants it, or nothing is to be found */
    unsigned char hash[NEG_SEEN_ID_LEN];
} neg_replay_id;
void neg_replay_identify(const neg_server *server, neg_worker *worker, neg_bytes ap_req,
                         neg_replay_id *id);
/** Whether krb5's own cache has to be asked, whatever neg_replay_rcache() says.  @param id NULL: it
 * is not known before the exchange is over */
int neg_replay_needs_krb5(const neg_server *server, const neg_replay_id *id, apr_time_t now,
                          apr_time_t expiry);
/**
 * Notes an authenticator that GSSAPI has accepted in the cache of this server, if it has one.
 * @param expiry     when the authenticator is too old to be accepted again
 * @param krb5_knows whether krb5's own cache was asked for it
 * @return NEG_UNKNOWN when it is new, or NEG_REFUSED
 */
neg_outcome neg_replay_check(neg_attempt *a, const neg_replay_id *id, apr_time_t expiry,
                             int krb5_knows);

/* ---- replay_memory.c: the cache that is a table of our own ---- */

/** The table, mapped into this process and its children; NULL when it cannot be, which is logged.
 */
neg_seen *neg_replay_memory_open(apr_pool_t *pconf, server_rec *s, apr_size_t size);
/** This configuration has another cache. */
void neg_replay_memory_leave(void);
/** Whether it will do without krb5's own cache for this authenticator. */
int neg_replay_memory_suffices(neg_seen *seen, const unsigned char *id, apr_time_t now,
                               apr_time_t expiry);

/* ---- connection.c ---- */

/** Keeps a half-open context for the next request.  @return 0 when the child has too many */
int neg_conn_hold(const neg_attempt *a, neg_context *context);
/** Takes a half-open context out, if begun with this space, acceptor and channel; else NULL. */
neg_context *neg_conn_take(const neg_attempt *a);
int neg_conn_has_failed(const request_rec *r);

/* ---- resumed.c: what the client of a resumed TLS session was shown ---- */

/** The tls-server-end-point of the certificate that the client was shown when c's TLS session
 * began; empty where the session is not a resumed one, or does not say. */
neg_bytes neg_resumed_end_point(const conn_rec *c);

/** A place on a connection that carries TLS, for as long as that lives. */
typedef struct neg_tls neg_tls;
void neg_conn_set_tls(conn_rec *c, neg_tls *tls);
/** The one of c, or of the connection that carries this stream; NULL when it has none. */
neg_tls *neg_conn_tls(const conn_rec *c);

#endif

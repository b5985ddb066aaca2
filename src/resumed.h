/** What the client of a resumed TLS session was shown. */
#ifndef NEG_RESUMED_H
#define NEG_RESUMED_H

#include "negotiate.h"

/** Asks mod_ssl, where it is loaded, for its contexts and connections. */
void neg_resumed_register(void);
/** The tls-server-end-point of the certificate that the client was shown when c's TLS session
 * began; empty where the session is not a resumed one, or does not say. */
neg_bytes neg_resumed_end_point(const conn_rec *c);

/* ---- connection.c ---- */

/** A place on a connection that carries TLS, for as long as that lives. */
typedef struct neg_tls neg_tls;
void neg_conn_set_tls(conn_rec *c, neg_tls *tls);
/** The one of c, or of the connection that carries this stream; NULL when it has none. */
neg_tls *neg_conn_tls(const conn_rec *c);

#endif

/**
 * The keys of a keytab in memory, and credentials for one of them: keyring.c for handshake.c, on
 * what acquire.c acquires.
 */
#ifndef NEG_GSS_KEYRING_H
#define NEG_GSS_KEYRING_H

#include <apr_hash.h>

#include "gss.h"
#include "keys.h"

/**
 * This thread's credential for the one key that an AP-REQ was made with, if the keytab is a file at
 * rest that has it and the acceptor takes it; else GSS_C_NO_CREDENTIAL: ask
 * neg_worker_credential().  It stays the worker's until the file has changed, which is looked for
 * at each call.
 * @param trial whether to ask is of any use: a key that opens the ticket, or nothing, is known
 *              where it is NEG_TRIAL_OPENED
 */
gss_cred_id_t neg_worker_credential_for(neg_worker *worker, apr_pool_t *p,
                                        const neg_acceptor *acceptor, neg_bytes ap_req,
                                        apr_time_t now, neg_trial *trial);

/** The keys of a keytab, as long as they are what its file has; else NULL.
 * @param keytab as of a neg_acceptor */
const neg_keys *neg_worker_keylist(neg_worker *worker, apr_pool_t *p, const char *keytab,
                                   apr_time_t now);

/**
 * All keys of a keytab that is a file at rest, in memory; else NULL.  It stays the worker's; use it
 * at once.
 * @param keytab a neg_acceptor's
 */
krb5_keytab neg_worker_keys(neg_worker *worker, apr_pool_t *p, const char *keytab, apr_time_t now);

/** Whether a keytab, NULL being krb5's default, has a key of this principal now. */
int neg_worker_has_key_of(neg_worker *worker, apr_pool_t *p, const char *keytab,
                          const char *principal, apr_time_t now);

/* ---- plugins.c ---- */

/** Whether a plugin that is loaded now takes other mechanisms' calls; p is for a moment. */
int neg_plugins_interpose(apr_pool_t *p);

/* ---- service.c ---- */

/**
 * Whether a completed context of krb5's was accepted for a service that the acceptor takes and the
 * keytab has a key of, whichever library did it.
 * @return 0, or -1 with *failure filled
 */
int neg_service_check(apr_pool_t *p, gss_ctx_id_t context, const neg_leg_input *in,
                      neg_failure *failure);

/* ---- worker.c ---- */

/** neg_acceptor_key() -> gss_cred_id_t, in the worker's pool. */
apr_hash_t *neg_worker_credentials(neg_worker *worker);
/** A keytab, as a neg_acceptor names it -> what keyring.c has of it, in the worker's pool. */
apr_hash_t *neg_worker_keyrings(neg_worker *worker);
/** To be called when a credential has been acquired: GSSAPI has loaded its plugins then. */
void neg_worker_look_at_plugins(neg_worker *worker);
/** Whether one of them stood before krb5, then or earlier. */
int neg_worker_is_interposed(const neg_worker *worker);

#endif

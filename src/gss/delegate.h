/** Credentials that clients delegate, and what is done with them: ccaches, tickets for backends. */
#ifndef NEG_GSS_DELEGATE_H
#define NEG_GSS_DELEGATE_H

#include "gss.h"

/* ---- delegate.c: where delegated credentials go ---- */

/** The ccaches that a child process has stored and whose owners have not ended yet. */
typedef struct neg_ccaches neg_ccaches;

/** When the child ends, what is left of them is removed.  NULL when APR cannot. */
neg_ccaches *neg_ccaches_create(apr_pool_t *pchild);

/**
 * Removes the ccaches of children that are no more: who is killed removes nothing himself.
 * @return how many they were
 */
int neg_ccaches_sweep(apr_pool_t *p, const char *directory);

/**
 * Whether a credential is in a client's own name.  A client writes the name of what it delegates
 * itself (RFC 4120 section 5.8.1), and programs believe it.
 * @param principal whose it has to be, as GSSAPI displays it
 * @return NULL, or a sentence in p that goes on after that name
 */
const char *neg_delegated_check(apr_pool_t *p, gss_cred_id_t delegated, const char *principal);

typedef struct {
    neg_ccaches *all;
    const char *directory;
    unsigned mode; /**< permission bits of the ccache */
    long uid;      /**< -1: as it is */
    long gid;      /**< -1: as it is */
} neg_ccache_place;

/**
 * Stores a delegated credential in a new FILE ccache; the file ends with the pool.
 * @param p      owns the name and the file
 * @param ccache FILE:path
 * @return NULL, or a sentence (in p) that says what failed
 */
const char *neg_ccache_store(apr_pool_t *p, gss_cred_id_t delegated, const neg_ccache_place *place,
                             const char **ccache);

/** The session that a ccache is to live as long as. */
typedef struct {
    const char *directory;
    apr_time_t ends;
    apr_interval_time_t idle;
    const char
        *owner; /**< the same for all sessions of one user; letters and digits, like the name */
    const char *name; /**< unlike every other */
} neg_ccache_session;

/** What one user, who may keep no cookie and begin sessions without end, can leave on the disk. */
#define NEG_CCACHES_KEPT_MAX 16

/** Whether it is in a file, and not in the memory of this process. */
int neg_ccache_is_file(const char *ccache);

/**
 * Gives the file of a stored ccache a second name, which its pool does not end: a session's.
 * @param ccache neg_ccache_is_file()
 * @param kept FILE:path
 * @return NULL, or a sentence in p; also when the user has NEG_CCACHES_KEPT_MAX already
 */
const char *neg_ccache_keep(apr_pool_t *p, const char *ccache, const neg_ccache_session *session,
                            const char **kept);
/** Whether it is a session's and still there: sessions may have been begun at another machine. */
int neg_ccache_is_kept(const char *ccache);
/** Its session is in use: its time without use begins anew. */
void neg_ccache_renew(const char *ccache);
/** Removes a session's ccache; leaves others alone. */
void neg_ccache_drop(const char *ccache);
/** Removes those of sessions that have ended.  @return how many they were */
int neg_ccaches_sweep_sessions(apr_pool_t *p, const char *directory);

/**
 * Opens a stored ccache as an initiator credential, released with p.
 * @return NULL, or a sentence in p
 */
const char *neg_ccache_open(apr_pool_t *p, const char *ccache, gss_cred_id_t *cred);

/**
 * Keeps a delegated credential in a new ccache in this process's memory; it ends with the pool.
 * @param ccache MEMORY:name, in p
 * @return NULL, or a sentence in p
 */
const char *neg_ccache_hide(apr_pool_t *p, gss_cred_id_t delegated, const char **ccache);

/* ---- initiate.c: the other half of an exchange, as a user ---- */

/** An exchange with a backend; it ends with its pool. */
typedef struct neg_initiator neg_initiator;

/**
 * Begins an exchange by SPNEGO with Kerberos.
 * @param ccache    TYPE:residual: the only one whose tickets are used
 * @param principal whose they have to be, as GSSAPI displays it
 * @param service   service@host
 * @param token     the first token, in p
 * @return NULL, or a sentence in p
 */
const char *neg_initiator_begin(apr_pool_t *p, const char *ccache, const char *principal,
                                const char *service, neg_initiator **initiator, neg_bytes *token);

/**
 * Ends it with the backend's token.
 * @return NULL when the backend has proven itself, or a sentence in the initiator's pool
 */
const char *neg_initiator_finish(neg_initiator *initiator, neg_bytes token);

/* ---- tickets.c: tickets for backends, got once ---- */

/** Those of a child process, for all its threads. */
typedef struct neg_tickets neg_tickets;

/** NULL when APR cannot. */
neg_tickets *neg_tickets_create(void);

/** A ticket for service@host in a user's ccache, and the logon that it may be lent to. */
typedef struct {
    const char *ccache; /**< TYPE:residual */
    const char *service;
    const char *key; /**< equal for the same user with the same proof alone; service included */
} neg_ticket_place;

/** Puts it into the ccache when it is known.  @return whether it is there now */
int neg_tickets_lend(neg_tickets *tickets, krb5_context krb5, const neg_ticket_place *place,
                     apr_time_t now);
/** Notes the one that is in the ccache, until it ends or `end` comes. */
void neg_tickets_keep(neg_tickets *tickets, krb5_context krb5, const neg_ticket_place *place,
                      apr_time_t now, apr_time_t end);
/** The backend does not take it (any more). */
void neg_tickets_forget(neg_tickets *tickets, krb5_context krb5, const char *key);

#endif

/**
 * GSSAPI and krb5 with APR pools.  No httpd here: the glue passes in what it knows and decides
 * what is logged.
 *
 * Every GSS handle is released by a cleanup of the pool that it was asked for with.
 */
#ifndef NEG_GSS_H
#define NEG_GSS_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <apr_time.h>
#include <gssapi/gssapi.h>
#include <krb5.h>

#include "bytes.h"
#include "cause.h"
#include "identity.h"
#include "mech.h"
#include "pac.h"
#include "worker.h"

/* ---- library.c ---- */

/** Sets up what GSSAPI and krb5 keep for their process; to be called before there are children.
 * @return NULL, or a sentence in p */
const char *neg_library_prepare(apr_pool_t *p);

/* ---- credentials.c ---- */

/** What decides which acceptor credential a location uses. */
typedef struct {
    const char *keytab;   /**< TYPE:residual; NULL is krb5's default */
    const char *acceptor; /**< "any", a service ("HTTP") or a service at a host ("HTTP@host") */
    int by_request;       /**< the request had a say in it: a missing key may be its doing */
    unsigned mechs;       /**< NEG_MECH_*: what may be negotiated, on every path alike */
    const char *rcache;   /**< TYPE:residual, such as "none:"; NULL is krb5's default */
} neg_acceptor;

/**
 * This thread's credential for an acceptor; it stays the worker's.
 * @param p       owns the failure's text
 * @param failure filled when GSS_C_NO_CREDENTIAL is returned; cause NEG_CAUSE_KEYTAB
 *
 * A FILE keytab is read again by krb5 at every accept, so a rotated key needs no new credential.
 */
gss_cred_id_t neg_worker_credential(neg_worker *worker, apr_pool_t *p, const neg_acceptor *acceptor,
                                    neg_failure *failure);

/** A pool's cleanup for a gss_cred_id_t. */
apr_status_t neg_release_credential(void *cred);

/** A text that is equal for two acceptors only when they accept the same; allocated in p. */
const char *neg_acceptor_key(apr_pool_t *p, const neg_acceptor *acceptor);

/* ---- handshake.c: one leg ---- */

/** A security context that needs another leg. */
typedef struct neg_context neg_context;

/** What a completed exchange proved about a client. */
typedef struct {
    const char *principal; /**< display form, escaped (RFC 1964 2.1.1) */
    const char *name;      /**< the principal without its realm */
    const char *realm;
    const char *mechanism; /**< "krb5" or "ntlmssp" */
    unsigned mech;         /**< the same, as NEG_MECH_* */
    apr_time_t expires;    /**< when the ticket ends; never later */
    int anonymous;
    int bound;               /**< to the channel that the leg's input named */
    gss_cred_id_t delegated; /**< GSS_C_NO_CREDENTIAL when none came or none was wanted */
    const apr_array_header_t *attributes; /**< of neg_attribute: all that were wanted, or NULL */
    neg_pac pac;                          /**< all NULL unless it was wanted */
} neg_client;

typedef enum {
    NEG_LEG_COMPLETE,
    NEG_LEG_CONTINUE,
    NEG_LEG_FAILED
} neg_leg_state;

typedef struct {
    neg_leg_state state;
    neg_bytes reply;      /**< to be sent to the client; empty when GSSAPI gives nothing */
    neg_client client;    /**< when COMPLETE */
    neg_context *context; /**< when CONTINUE; in the pool of the leg */
    neg_failure failure;  /**< when FAILED */
    int accepted;         /**< GSSAPI took the token, even if what it says cannot be used */
    int has_ap_req;       /**< this leg, or one before it, brought an AP-REQ */
    neg_bytes ap_req;     /**< when COMPLETE and wanted: that one, in the pool of the leg */
} neg_leg;

typedef struct {
    neg_worker *worker;
    const neg_acceptor *acceptor;
    neg_context *context; /**< from the leg before, or NULL; consumed */
    neg_bytes token;
    neg_bytes ap_req;             /**< the AP-REQ in it, if any: to explain a failure */
    unsigned mech;                /**< whose token it is, as core/token.h found out */
    int is_spnego;                /**< and whether it is wrapped in SPNEGO */
    neg_bytes bindings;           /**< application data of the channel bindings; empty: none */
    const char *bindings_refused; /**< what is said of a token with others, after whose it is */
    int want_delegated;
    int want_ap_req;
    const apr_array_header_t *wants; /**< of const char *: names of attributes; NULL: none */
    int want_pac;
    apr_time_t now;
} neg_leg_input;

/** Runs gss_accept_sec_context once.  Everything in *leg lives in p. */
void neg_leg_accept(apr_pool_t *p, const neg_leg_input *in, neg_leg *leg);

/** Gives a context to a pool that lives longer; it then ends with that pool. */
neg_context *neg_context_move(neg_context *context, apr_pool_t *p);

/** How many legs this context has seen. */
int neg_context_legs(const neg_context *context);

/**
 * Whether a later token is of the mechanism, and in the wrapping, that the context was begun with.
 * GSSAPI does not look at everything that this lets it depend on, so only NTLM is held to it.
 */
int neg_context_expects(const neg_context *context, unsigned mech, int is_spnego);

/* ---- plugins.c ---- */

/** Has GSSAPI load its plugins.  @return whether one of them takes krb5's calls; p is for a moment
 */
int neg_plugins_interposed(apr_pool_t *p);

/* ---- ntlm.c: the mechanism of gss-ntlmssp ---- */

/** Whether GSSAPI has it on this machine. */
int neg_ntlm_is_installed(void);

/** neg_client_read() for NTLM: the principal is DOMAIN\user, and there is no realm. */
int neg_ntlm_client_read(apr_pool_t *p, gss_name_t name, neg_client *client, neg_failure *failure);

/**
 * neg_explain_refusal() for NTLM.
 * @param bound whether the message was held against channel bindings
 */
void neg_ntlm_explain(apr_pool_t *p, OM_uint32 major, OM_uint32 minor, int bound,
                      neg_failure *failure);

/* ---- password.c: a password, checked by the KDC, which our own key verifies ---- */

typedef struct {
    neg_worker *worker;
    const neg_acceptor *acceptor;
    const char *host;     /**< this server's name: the key of HTTP/host is asked for first */
    const char *user;     /**< name@REALM; with enterprise any name@domain */
    int enterprise;       /**< the default realm's KDC says whose name it is (RFC 6806 section 5) */
    const char *password; /**< not empty; it stays the caller's, who wipes it */
    int want_delegated;   /**< leg->client.delegated is to hold the user's ticket-granting ticket */
    const apr_array_header_t *wants; /**< of const char *: names of attributes; NULL: none */
    int want_pac;
    int want_ap_req; /**< forwardable, for tickets in the user's name */
} neg_password;

/**
 * One AS and one TGS exchange (one more TGS for each realm in between), and a token that is
 * accepted.  No default ccache, client keytab or variable of the environment is used.
 * @param p   owns everything in *leg, a delegated credential too
 * @param leg COMPLETE or FAILED
 */
void neg_password_check(apr_pool_t *p, const neg_password *in, neg_leg *leg);

/* ---- client.c: names ---- */

/**
 * Fills *client from the completed context's source name; takes neither name nor context.
 * @return 0, or -1 with *failure filled
 */
int neg_client_read(apr_pool_t *p, gss_name_t name, neg_client *client, neg_failure *failure);

/** Frees it with p. @return it */
krb5_principal neg_principal_hold(apr_pool_t *p, krb5_context krb5, krb5_principal principal);
const char *neg_principal_text(apr_pool_t *p, krb5_context krb5, krb5_const_principal principal);

/** The local account that auth_to_local gives a principal; NULL when no rule fits, or when it has
 * control characters, or what the principal's display form escapes. */
const char *neg_client_local_name(neg_worker *worker, apr_pool_t *p, const char *principal);

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

/* ---- keytab.c: what is in a keytab ---- */

typedef struct {
    const char *principal;
    unsigned kvno;
    int enctype;
    const char *enctype_name;
} neg_keytab_entry;

/**
 * Lists a keytab.
 * @param name    TYPE:residual, NULL for krb5's default
 * @param entries an array of neg_keytab_entry in p
 * @return NULL, or a sentence in p
 */
const char *neg_keytab_list(apr_pool_t *p, krb5_context krb5, const char *name,
                            apr_array_header_t **entries);

/** Adds a neg_keytab_entry in p. */
krb5_error_code neg_keytab_add_entry(apr_pool_t *p, krb5_context krb5,
                                     const krb5_keytab_entry *from, apr_array_header_t *entries);

/** The sentence for a keytab that cannot be read while the server runs, in p. */
const char *neg_keytab_explain(apr_pool_t *p, const char *keytab, const char *why);

/** TYPE:residual of krb5's default keytab, in p. */
const char *neg_keytab_default_name(apr_pool_t *p, krb5_context krb5);

/** The name of an encryption type, in p. */
const char *neg_keytab_enctype(apr_pool_t *p, int enctype);

/** The path of a FILE keytab's TYPE:residual; NULL for other types. */
const char *neg_keytab_path(const char *name);

/** Whether a key of this principal may accept under "any", "HTTP" or "HTTP@host". */
int neg_keytab_serves(const char *principal, const char *acceptor);

/** The principals of a listing, each once, joined with ", ", at most `most` of them. */
const char *neg_keytab_principals(apr_pool_t *p, const apr_array_header_t *entries, int most);

/* ---- status.c: status codes in words ---- */

/** Major and minor status as GSSAPI words them; the minor needs its mechanism.  In p. */
const char *neg_status_text(apr_pool_t *p, OM_uint32 major, OM_uint32 minor, gss_OID mech);

/** A krb5 error as the library words it, in p. */
const char *neg_status_krb5_text(apr_pool_t *p, krb5_context krb5, krb5_error_code code);
/** What krb5 says of the KDC itself, whatever that was asked for.
 * @return 0, or -1 when it is about something else */
int neg_explain_kdc(apr_pool_t *p, krb5_context krb5, krb5_error_code code, neg_failure *failure);

/** The minor status alone; "" when there is none. */
const char *neg_status_minor_text(apr_pool_t *p, OM_uint32 minor, gss_OID mech);

/** Whether the text of a minor status is that of a krb5 or system error. */
int neg_status_is(const char *text, krb5_error_code code);

/** A span of time in words, without its sign: "12 minutes".  In p. */
const char *neg_status_duration(apr_pool_t *p, apr_time_t time);

/* ---- explain.c: status -> cause and remedy ---- */

/** What GSSAPI answered, and what it was asked: all that an explanation can be made of. */
typedef struct {
    OM_uint32 major;
    OM_uint32 minor;
    gss_OID mech;
    const neg_leg_input *in;
} neg_refusal;

/** Finds the cause of a failed accept and writes the sentence into p. */
void neg_explain_refusal(apr_pool_t *p, const neg_refusal *refusal, neg_failure *failure);

int neg_same_oid(gss_OID a, gss_OID b);
extern gss_OID_desc neg_oid_krb5;
extern gss_OID_desc neg_oid_ntlmssp;
extern gss_OID_desc neg_oid_spnego;

#endif

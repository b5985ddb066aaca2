/**
 * The room of GSSAPI and krb5, with APR's pools.  It never sees httpd: the glue passes in what it
 * knows, and decides what is logged.
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

#include "identity.h"
#include "keytab.h"
#include "mech.h"
#include "pac.h"
#include "status.h"
#include "worker.h"

/* ---- library.c ---- */

/** Sets up what GSSAPI and krb5 keep for their process; to be called before there are children.
 * @return NULL, or a sentence in p */
const char *neg_library_prepare(apr_pool_t *p);

/* ---- acquire.c ---- */

/** What decides which acceptor credential a location uses. */
typedef struct {
    const char *keytab;   /**< TYPE:residual; NULL is krb5's default */
    const char *acceptor; /**< "any", a service ("HTTP") or a service at a host ("HTTP@host") */
    int by_request;       /**< the request had a say in it: a missing key may be its doing */
    unsigned mechs;       /**< NEG_MECH_*: what may be negotiated, on every path alike */
    const char *rcache;   /**< TYPE:residual, such as "none:"; NULL is krb5's default */
} neg_acceptor;

/** A pool's cleanup for a gss_cred_id_t. */
apr_status_t neg_release_credential(void *cred);

/** A text that is equal for two acceptors only when they accept the same; allocated in p. */
const char *neg_acceptor_key(apr_pool_t *p, const neg_acceptor *acceptor);

/* ---- credentials.c ---- */

/**
 * This thread's credential for an acceptor; it stays the worker's.
 * @param p       owns the failure's text
 * @param failure filled when GSS_C_NO_CREDENTIAL is returned; cause NEG_CAUSE_KEYTAB
 *
 * A FILE keytab is read again by krb5 at every accept, so a rotated key needs no new credential.
 */
gss_cred_id_t neg_worker_credential(neg_worker *worker, apr_pool_t *p, const neg_acceptor *acceptor,
                                    neg_failure *failure);

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

#endif

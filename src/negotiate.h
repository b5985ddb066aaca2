/**
 * The private header of the glue between httpd and the layers below: what is made of a request,
 * then prototypes grouped by the file that has them.  The policy it is held against is in conf.h.
 *
 * An identity (identity.h) is a set of proven facts about a client; a location's configuration is a
 * policy.  A request is granted when an identity was proven in its protection space and the policy
 * permits its facts: see neg_permits(), which stands on every way in.
 */
#ifndef NEG_NEGOTIATE_H
#define NEG_NEGOTIATE_H

#include <httpd.h> /* before the others, which do not include it */

#include <http_log.h>

#include "cause.h"
#include "conf.h"
#include "gss.h"
#include "identity.h"
#include "mod_auth_negotiate.h"
#include "seen.h"

/* The one symbol that httpd looks for; everything else stays inside (-fvisibility=hidden). */
extern module AP_MODULE_DECLARE_DATA auth_negotiate_module __attribute__((visibility("default")));
#ifndef NEG_MODULE_FILE /* which has AP_DECLARE_MODULE instead */
APLOG_USE_MODULE(auth_negotiate);
#endif

/* ---- Attempts ---- */

typedef enum {
    NEG_UNKNOWN,  /**< this source knows nothing */
    NEG_GRANTED,  /**< attempt->identity was proven */
    NEG_CONTINUE, /**< another leg is needed: attempt->reply */
    NEG_REFUSED   /**< attempt->failure says why, and so with which status */
} neg_outcome;

struct neg_scheme;

/**
 * What became of the credentials of a client's request: one for the request with all its
 * subrequests and internal redirects, so that a token is never tried twice.
 */
typedef struct {
    request_rec *root;               /**< the request that the client sent; its pool owns all */
    int tried;                       /**< the Authorization header has been used */
    neg_outcome outcome;             /**< of that use */
    const neg_identity *identity;    /**< that it proved */
    const struct neg_scheme *scheme; /**< that it named, if this server has it */
    neg_bytes reply;                 /**< the token that answers it */
    neg_failure failure;
} neg_exchange;

/** One request, or subrequest or redirect, that asks for an identity. */
typedef struct {
    request_rec *r;
    neg_exchange *exchange;
    const neg_conf *conf;
    neg_server *server;
    const char *space;            /**< protection space of this location */
    neg_acceptor acceptor;        /**< that this location wants */
    const char *acceptor_key;     /**< neg_acceptor_key() of it */
    const neg_identity *identity; /**< proven for r; NULL until granted */
    const char *source;           /**< NEGOTIATE_SOURCE */
    int fresh;                    /**< the identity comes from a token of this very request */
    gss_cred_id_t delegated;      /**< with a fresh identity, until it is stored */
    neg_failure failure;          /**< why r is refused */
    int authorizing;              /**< other modules are being asked: see authorize() */
} neg_attempt;

/** An authentication scheme: what it offers, and how it uses a credential. */
typedef struct neg_scheme {
    const char *name;
    /** @return the challenge for this request, or NULL where it is not offered */
    const char *(*offer)(const neg_attempt *a);
    /** Uses the credentials; fills a->identity, a->reply or a->failure. */
    neg_outcome (*run)(neg_attempt *a, const char *token68);
} neg_scheme;

/* ---- attempt.c ---- */

/** A new attempt for r, in the pool of the client's request. */
neg_attempt *neg_attempt_begin(request_rec *r);
/** Asks the sources in turn. */
neg_outcome neg_attempt_run(neg_attempt *a);
/** Notes a refusal. @return NEG_REFUSED */
neg_outcome neg_attempt_refuse(neg_attempt *a, neg_cause cause, const char *text);
/** Whether TLS is needed here, and this connection has none. */
int neg_attempt_lacks_tls(const neg_attempt *a);
/** The attempt by which r was granted, its own or an ancestor's; NULL when not by this module. */
neg_attempt *neg_attempt_granted(request_rec *r);
/** The attempt of r or of its nearest ancestor that has one; NULL when none has. */
neg_attempt *neg_attempt_nearest(request_rec *r);
/** The one of the nearest ancestor of a's request that has one; NULL when none has. */
neg_attempt *neg_attempt_above(const neg_attempt *a);
/** The pool of the client's request. */
apr_pool_t *neg_attempt_pool(const neg_attempt *a);

/**
 * The policy: whether an identity's facts are enough for this location.  Pure.
 * @return NULL, or a sentence why not
 */
const char *neg_permits(const neg_conf *conf, const char *acceptor, const char *space,
                        const neg_identity *identity);

/* ---- schemes.c ---- */

/** The scheme of that name if this location uses it, else NULL; compares without case. */
const neg_scheme *neg_scheme_find(const neg_attempt *a, const char *name);
/** All that this location uses, in the order of their challenges, ended by NULL. */
const neg_scheme *const *neg_schemes(const neg_attempt *a);

/* ---- negotiate.c: one leg ---- */

extern const neg_scheme neg_negotiate_scheme;
extern const char neg_negotiate_name[]; /**< r->ap_auth_type, known by its address */

/** Finds a->acceptor, which may be an expression.  @return NEG_UNKNOWN, or NEG_REFUSED */
neg_outcome neg_negotiate_find_acceptor(neg_attempt *a);

/* ---- binding.c ---- */

const char *neg_binding_set(cmd_parms *cmd, void *conf, const char *mode, const char *file);
/** The channel bindings of this request's connection, empty when it has none.
 * @return NULL, or a sentence in the request's pool */
const char *neg_binding_find(const neg_attempt *a, neg_worker *worker, neg_bytes *bindings);

/* ---- replay.c ---- */

const char *neg_replay_set(cmd_parms *cmd, void *ignored, const char *text, const char *otherwise);
neg_replay_kind neg_replay_kind_of(const neg_server *server);
const char *neg_replay_text(const neg_server *server);
int neg_replay_pre_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp);
int neg_replay_open(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *servers);
void neg_replay_init_child(apr_pool_t *pchild, server_rec *servers);
/** check_config hook: where `memory` is, no virtual host may have another one. */
int neg_replay_check_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                            server_rec *servers);
/** krb5's own cache as an acceptor names it: NULL, its default, or "none:". */
const char *neg_replay_rcache(const neg_server *server);
/** Whether krb5's own cache has to be asked for this AP-REQ, whatever neg_replay_rcache() says. */
int neg_replay_needs_krb5(const neg_server *server, neg_bytes ap_req, apr_time_t now,
                          apr_time_t expiry);
/**
 * Notes the authenticator of an AP-REQ that GSSAPI has accepted in the shared cache, if there is
 * one.
 * @param expiry when the authenticator is too old to be accepted again
 * @return NEG_UNKNOWN when it is new, or NEG_REFUSED
 */
neg_outcome neg_replay_check(neg_attempt *a, neg_bytes ap_req, apr_time_t expiry);

/* ---- replay_memory.c ---- */

/** Reads memory[:megabytes]. */
const char *neg_replay_memory_set(cmd_parms *cmd, const char *text, apr_size_t *size);
/** The table, mapped into this process and its children; NULL when it cannot be, which is logged.
 */
neg_seen *neg_replay_memory_open(apr_pool_t *pconf, server_rec *s, apr_size_t size);
/** Whether it will do without krb5's own cache for this AP-REQ. */
int neg_replay_memory_suffices(neg_seen *seen, neg_bytes ap_req, apr_time_t now, apr_time_t expiry);

/* ---- connection.c ---- */

/** Whether the request came on a stream of HTTP/2, which is no connection. */
int neg_conn_is_stream(const request_rec *r);
/** Whether the client itself is at the other end, as far as can be seen. */
int neg_conn_is_direct(const request_rec *r);
/** Whether a context or an identity may be kept on this connection at all (HTTP/1.1, not h2). */
int neg_conn_can_hold(const request_rec *r);
/** Whether it will also see the client's next request, as far as can be told before the answer. */
int neg_conn_can_continue(const request_rec *r);
/** Whether it may keep an identity for this location: Persist is On and nobody stands between. */
int neg_conn_may_remember(const neg_attempt *a);
/** Source: an identity that this connection keeps. */
neg_outcome neg_conn_recall(neg_attempt *a);
/** Keeps a half-open context for the next request. */
void neg_conn_hold(const neg_attempt *a, neg_context *context);
/** Takes a half-open context out, if begun with this space, acceptor and channel; else NULL. */
neg_context *neg_conn_take(const neg_attempt *a);
/** Forgets everything and gives the pool that the next identity will live in; remember follows. */
apr_pool_t *neg_conn_renew(const neg_attempt *a);
void neg_conn_remember(const neg_attempt *a);
void neg_conn_forget(const request_rec *r);
/** Negotiate failed on this connection (AuthNegotiateOffer once). */
void neg_conn_note_failed(const request_rec *r);
/** Negotiate worked, so the client may be offered it again. */
void neg_conn_note_worked(const request_rec *r);
int neg_conn_has_failed(const request_rec *r);

/* ---- answer.c ---- */

/** Turns an outcome into the response. @return what check_authn has to return */
int neg_answer(neg_attempt *a, neg_outcome outcome);
/** note_auth_failure hook: the challenges for a 401 that another module answers. */
int neg_answer_note_failure(request_rec *r, const char *auth_type);

/* ---- report.c ---- */

/** This child's counters of what has been told, allocated in p. */
struct neg_tally *neg_report_create(apr_pool_t *p);
/** Logs a->failure: at the level of its blame once a minute for each cause, else at INFO. */
void neg_report(const neg_attempt *a);
/** Logs trouble that refuses nobody, at the same pace. */
void neg_report_aside(const neg_attempt *a, neg_cause cause, const char *text);
const char *neg_cause_code(neg_cause cause);
neg_blame neg_cause_blame(neg_cause cause);

/* ---- publish.c ---- */

/** Puts a's identity into the environment of r, which is a->r or inherits from it. */
void neg_publish_identity(const neg_attempt *a, request_rec *r);
/** Takes it out again: an identity without a user name is none. */
void neg_publish_nothing(const neg_attempt *a, request_rec *r);
/** Puts a's failure into the environment of r, for ErrorDocument. */
void neg_publish_failure(const neg_attempt *a, request_rec *r);
/** fixups hook: again, for subrequests and redirects that the core did not ask us about. */
int neg_publish_fixups(request_rec *r);
/** fixups hook, after those that put another request into the place of this one. */
int neg_publish_last_fixups(request_rec *r);
/** REMOTE_USER by this location's AuthNegotiateUser; NULL when refused. */
const char *neg_publish_user(neg_attempt *a);

#endif

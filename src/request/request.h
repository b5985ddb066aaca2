/**
 * The room of a request's frame: what is made of a request, who asks for an identity and who was
 * let in, the gate that every identity passes, and the answer.  It never proves anything: the rooms
 * above bring identities, and what they bring is held against the configuration here.
 *
 * An identity (identity.h) is a set of proven facts about a client; a location's configuration is a
 * policy.  A request is granted when an identity was proven in its protection space and the policy
 * permits its facts: see neg_permits(), which stands on every way in.
 */
#ifndef NEG_REQUEST_H
#define NEG_REQUEST_H

#include <httpd.h> /* before the others, which do not include it */

#include <ap_mpm.h>
#include <http_log.h>

#include "cause.h"
#include "conf.h"
#include "reasons.h"

/* ---- Attempts ---- */

/** Whether an answer is for its client alone.  The greatest counts. */
typedef enum {
    NEG_SHARING_ANY,     /**< nobody was granted anything */
    NEG_SHARING_BY_WORD, /**< by credentials in the request: where the answer says `public` */
    NEG_SHARING_NONE     /**< by what a connection, a session or another module knows */
} neg_sharing;

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
    const char *line;                /**< that header's value */
    neg_outcome outcome;             /**< of that use */
    const neg_identity *identity;    /**< that it proved */
    const struct neg_scheme *scheme; /**< that it named, if this server has it */
    neg_bytes reply;                 /**< the token that answers it */
    neg_failure failure;
    struct neg_checked *checked; /**< what the KDC said of the password: see kerberos.c */
    const char *cookies;         /**< the Cookie header as the client sent it; NULL: without ours */
    const char *cookie;          /**< a Set-Cookie that the answer is to have, until it has it */
    struct neg_live *session;    /**< begun by this request; NULL: none */
    const char *sid;             /**< the client's, where its PAC was read; else NULL */
    const char *told;            /**< the last refusal that the error log has; NULL: none */
    struct neg_impersonated *impersonated; /**< users of other modules: see impersonate.c */
    neg_sharing sharing;                   /**< of the answer, with all its parts */
    const char *header;              /**< where our challenges, or the final token, were written */
    const apr_array_header_t *lines; /**< of const char *: these; NULL: none */
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
    struct neg_live *recalled;    /**< the session that the identity comes from; NULL: none */
    const char *cookie_name;      /**< of sessions here, once somebody has asked */
    int fresh;                    /**< the identity comes from a token of this very request */
    int kept;                     /**< and the connection keeps it */
    int ahead;                    /**< which a subrequest has used before it: a look ahead */
    gss_cred_id_t delegated;      /**< with a fresh identity, until it is stored */
    const char *delegated_of;     /**< whose that has to be; NULL: the identity's */
    neg_bytes ap_req;             /**< with a fresh identity, where it is needed: see s4u.c */
    neg_failure failure;          /**< why r is refused */
    neg_reasons *denied;          /**< what rules of ours have said; NULL: no rules are being asked,
                                     see neg_authorize() */
    int lacking;                  /**< one of them was a rule that a newer ticket may satisfy */
    const char *groups_unknown;   /**< why one of them could not tell; else NULL */
    const struct neg_memberships *memberships; /**< while rules are asked: see membership.c */
} neg_attempt;

/** An authentication scheme: what it offers, and how it uses a credential. */
typedef struct neg_scheme {
    const char *name;
    /** @return the challenge for this request, or NULL where it is not offered */
    const char *(*offer)(const neg_attempt *a);
    /** Uses the credentials; fills a->identity, a->reply or a->failure. */
    neg_outcome (*run)(neg_attempt *a, const char *token68);
    int by_password; /**< else by a ticket */
} neg_scheme;

/** What locations may use, in the order of their challenges, each ended by NULL: handed down by
 * grant.c. */
struct neg_scheme_lists {
    const neg_scheme *const *tickets;
    const neg_scheme *const *tickets_and_passwords;
};

/* ---- attempt.c ---- */

/** A new attempt for r, in the pool of the client's request. */
neg_attempt *neg_attempt_begin(request_rec *r);
/** The same, which nobody finds by its request. */
neg_attempt *neg_attempt_create(request_rec *r);
/** Notes a refusal. @return NEG_REFUSED */
neg_outcome neg_attempt_refuse(neg_attempt *a, neg_cause cause, const char *text);
/** The attempt of r or of its nearest ancestor that has one; NULL when none has. */
neg_attempt *neg_attempt_nearest(request_rec *r);
/** The one of the nearest ancestor of a's request that has one; NULL when none has. */
neg_attempt *neg_attempt_above(const neg_attempt *a);
/** What r and all that it is part of share. */
neg_exchange *neg_attempt_exchange(request_rec *r);
/**
 * Stores a->delegated as this location wants it, if it is in the right name: each credential that
 * acts for a user passes here.
 * @param owner of the file
 * @return NEG_GRANTED, or NEG_REFUSED
 */
neg_outcome neg_attempt_store(neg_attempt *a, apr_pool_t *owner, const char **ccache);
/** The pool of the client's request. */
apr_pool_t *neg_attempt_pool(const neg_attempt *a);
/** Whether something of the client's answer has been sent: then it is too late for its headers. */
int neg_attempt_is_answered(const request_rec *r);
/** Whether sessions begin here, and this request can have one. */
int neg_attempt_wants_session(const neg_attempt *a);
/** Whether a fresh identity's session will count among those of its account: session/seat.c. */
int neg_attempt_wants_account(const neg_attempt *a);

/* ---- admitted.c: who has been let in, and so may be acted for ---- */

/** What this module knows of a request. */
typedef struct {
    neg_attempt *attempt;          /**< NULL: none yet */
    struct neg_standing *standing; /**< whether it was let in: see admitted.c; NULL: no user */
} neg_request;

/** What is known of r, in its request_config; never NULL. */
neg_request *neg_request_of(request_rec *r);
/** The same, but NULL if nothing is. */
neg_request *neg_request_seen(const request_rec *r);

/** check_authz hook, before all others: the core has a user, of whom authorization is asked. */
int neg_admitted_ask(request_rec *r);
/** type_checker hook, before all others: r was let in, or has its user from another request. */
int neg_admitted_settle(request_rec *r);
/** fixups hook, after all others: none has refused r. */
int neg_admitted_complete(request_rec *r);
/** The request that the core has copied r's user from; NULL: none. */
request_rec *neg_admitted_source(const request_rec *r);
/** By which r's user was authenticated: r's own or its source's; NULL when not by this module.
 * For who acts in the user's name there is neg_admitted_attempt(). */
neg_attempt *neg_attempt_granted(request_rec *r);
/** Whether r->user has been authenticated and let in, by r itself or by its source. */
int neg_admitted_user(const request_rec *r);
/** The attempt by which r was granted, if r was then let in: unlike neg_attempt_granted(), not
 * where authorization is still to come, or has refused.  r->user may have been changed: who acts is
 * the identity.  @return NULL where nobody is to be acted for */
neg_attempt *neg_admitted_attempt(request_rec *r);

/* ---- policy.c ---- */

/**
 * The policy: whether an identity's facts are enough for this location.  Pure.
 * @return NULL, or a sentence why not
 */
const char *neg_permits(const neg_conf *conf, const char *acceptor, const char *space,
                        const neg_identity *identity);
/** Whether TLS is needed here, and this connection has none. */
int neg_attempt_lacks_tls(const neg_attempt *a);
/** Whether a password would cross the network in the clear, against this policy. */
int neg_basic_lacks_tls(const neg_conf *conf, const request_rec *r);
/** Whether an identity may be kept for requests that prove nothing themselves: one that Kerberos
 * has proven; what other providers say is good where and when they say it. */
int neg_basic_may_keep(const neg_identity *identity);

/* ---- acceptor.c ---- */

/** Finds a->acceptor, which may be an expression.  @return NEG_UNKNOWN, or NEG_REFUSED */
neg_outcome neg_negotiate_find_acceptor(neg_attempt *a);

/* ---- schemes.c ---- */

/** The scheme of that name if this location uses it, else NULL; compares without case. */
const neg_scheme *neg_scheme_find(const neg_attempt *a, const char *name);
/** All that this location uses, in the order of their challenges, ended by NULL. */
const neg_scheme *const *neg_schemes(const neg_attempt *a);
/** Whether this request is offered one beside that. */
int neg_schemes_offer_another(const neg_attempt *a, const neg_scheme *than);

/** r->ap_auth_type for an identity: known by its address. */
const char *neg_scheme_of(const neg_identity *identity);

/* ---- peer.c: what stands at the other end of a connection ---- */

/** Whether the request has a trace of an intermediary's, on a stream of HTTP/2 as well. */
int neg_intermediary_is_known(const request_rec *r);
/** Whether there is one, or the request of HTTP/1.1 looks as if its client had not written it. */
int neg_intermediary_is_likely(const request_rec *r);

/** Whether the request came on a stream of HTTP/2, which is no connection. */
int neg_conn_is_stream(const request_rec *r);
/** Whether a context or an identity may be kept on this connection at all (HTTP/1.1, not h2). */
int neg_conn_can_hold(const request_rec *r);
/** Whether it will also see the client's next request, as far as can be told before the answer. */
int neg_conn_can_continue(const request_rec *r);

/* ---- slots.c: how many passwords may be checked at once ---- */

/** post_config hook. */
int neg_slots_open(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *servers);
/** @return what neg_slots_give_back() wants, or NULL when all are taken */
apr_uint32_t *neg_slots_take(struct neg_slots *slots);
void neg_slots_give_back(apr_uint32_t *slot);
unsigned neg_slots_limit(const struct neg_slots *slots);
/** child_status hook: those of a child that is no more are free. */
void neg_slots_child_status(server_rec *s, pid_t pid, ap_generation_t gen, int slot,
                            mpm_child_status state);

#endif

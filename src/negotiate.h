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

#include <ap_mpm.h>
#include <http_log.h>

#include "cause.h"
#include "conf.h"
#include "gss.h"
#include "headers.h"
#include "identity.h"
#include "mod_auth_negotiate.h"
#include "reasons.h"
#include "seen.h"
#include "token.h"

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
} neg_scheme;

/* ---- attempt.c ---- */

/** A new attempt for r, in the pool of the client's request. */
neg_attempt *neg_attempt_begin(request_rec *r);
/** The same, which nobody finds by its request. */
neg_attempt *neg_attempt_create(request_rec *r);
/** Asks the sources in turn. */
neg_outcome neg_attempt_run(neg_attempt *a);
/** Notes a refusal. @return NEG_REFUSED */
neg_outcome neg_attempt_refuse(neg_attempt *a, neg_cause cause, const char *text);
/** Whether TLS is needed here, and this connection has none. */
int neg_attempt_lacks_tls(const neg_attempt *a);
/** By which r's user was authenticated: r's own or its source's; NULL when not by this module.
 * For who acts in the user's name there is neg_admitted_attempt(). */
neg_attempt *neg_attempt_granted(request_rec *r);
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

/* ---- policy.c ---- */

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
/** Whether this request is offered one beside that. */
int neg_schemes_offer_another(const neg_attempt *a, const neg_scheme *than);

/** r->ap_auth_type for an identity: known by its address. */
const char *neg_scheme_of(const neg_identity *identity);

/* ---- negotiate.c: one leg ---- */

extern const neg_scheme neg_negotiate_scheme;
extern const char neg_negotiate_name[]; /**< r->ap_auth_type, known by its address */

/** Finds a->acceptor, which may be an expression.  @return NEG_UNKNOWN, or NEG_REFUSED */
neg_outcome neg_negotiate_find_acceptor(neg_attempt *a);

/** What a token, or the KDC's ticket for a password, has proven here.
 * @param ap_req of the token; empty for a password */
neg_identity *neg_negotiate_identity(const neg_attempt *a, const neg_client *client,
                                     neg_bytes ap_req);

/* ---- mechs.c ---- */

const char *neg_mechs_set(cmd_parms *cmd, void *conf, const char *name);
/** A set of NEG_MECH_* as AuthNegotiateMechs has it. */
const char *neg_mechs_text(unsigned mechs);
/** @return NULL, or a static sentence why these mechanisms cannot have this acceptor */
const char *neg_mechs_conflict(unsigned mechs, const char *acceptor);
/** NTLM where it is not accepted. */
neg_outcome neg_mechs_refuse_ntlm(neg_attempt *a);
/** Where it is: on a connection of its client's own, and with a name.  @return NEG_UNKNOWN, or
 * NEG_REFUSED */
neg_outcome neg_mechs_limit_ntlm(neg_attempt *a, const neg_token *token);

/* ---- basic.c: passwords ---- */

extern const neg_scheme neg_basic_scheme;
extern const char neg_basic_name[];

const char *neg_basic_provider_set(cmd_parms *cmd, void *conf, const char *name);
/** Whether passwords are taken at all by this policy. */
int neg_basic_is_on(const neg_conf *conf);
/** Whether this policy has a provider of that name. */
int neg_basic_has(const neg_conf *conf, const char *provider);
/** Whether a password would cross the network in the clear, against this policy. */
int neg_basic_lacks_tls(const neg_conf *conf, const request_rec *r);
/** Whether an identity may be kept for requests that prove nothing themselves: one that Kerberos
 * has proven; what other providers say is good where and when they say it. */
int neg_basic_may_keep(const neg_identity *identity);

/* ---- kerberos.c: the provider `kerberos` ---- */

#define NEG_KERBEROS "kerberos"

extern const authn_provider neg_kerberos_provider;

const char *neg_kerberos_realm_set(cmd_parms *cmd, void *conf, const char *realm);
/** httpd's AuthBasicProvider, noted for the checks at start. */
const char *neg_kerberos_see_provider(cmd_parms *cmd, void *conf, const char *name);
/** httpd's Require: the realms of a literal krb5-realm may be asked. */
const char *neg_kerberos_see_require(cmd_parms *cmd, void *conf, const char *line);
/**
 * Asks the KDC, once for a client's request where nothing else is wanted of it.
 * @return AUTH_GRANTED with a->identity, and a->delegated where that is wanted; else a->failure
 */
authn_status neg_kerberos_check(neg_attempt *a, const char *user, const char *password);

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

/* ---- binding.c ---- */

const char *neg_binding_set(cmd_parms *cmd, void *conf, const char *mode, const char *file);
/** The channel bindings of this request's connection, empty when it has none: fills in->bindings
 * and in->bindings_refused, with in->worker.
 * @return NULL, or a sentence in the request's pool */
const char *neg_binding_find(const neg_attempt *a, neg_leg_input *in);

/* ---- attributes.c ---- */

const char *neg_attributes_set(cmd_parms *cmd, void *conf, const char *variable, const char *name);
/** An outer section's variables with an inner one's, in p. */
const neg_attribute_rule *neg_attributes_merge(apr_pool_t *p, const neg_attribute_rule *base,
                                               const neg_attribute_rule *add);
/** The attribute that a location shows in this variable, or NULL. */
const char *neg_attributes_shown(const neg_conf *conf, const char *variable);
/** The values as one text of printable characters, in p; NULL where there are none. */
const char *neg_attributes_text(apr_pool_t *p, const neg_attribute *attribute);

/** Notes that requests for this section need an attribute of the client's ticket. */
void neg_wants_add(cmd_parms *cmd, neg_conf *conf, const char *name);
/** What either list has, in p if it is neither of them. */
const apr_array_header_t *neg_wants_merge(apr_pool_t *p, const apr_array_header_t *base,
                                          const apr_array_header_t *add);
/** The first attribute that is wanted and was never asked for, the PAC's included; or NULL. */
const char *neg_wants_unasked(const neg_conf *conf, const neg_identity *identity);

/* ---- authorize.c ---- */

/** check_authz hook: what becomes of a user who is known and not allowed. */
int neg_authorize(request_rec *r);
/** httpd's Require, seen by us too. */
const char *neg_authorize_see(cmd_parms *cmd, void *conf, const char *line);
void neg_authorize_register(apr_pool_t *p);

/* ---- groups.c ---- */

const char *neg_groups_set(cmd_parms *cmd, void *conf, const char *name, const char *sid);
/** An outer section's names with an inner one's, in p. */
const neg_groups *neg_groups_merge(apr_pool_t *p, const neg_groups *outer, const neg_groups *inner);
/** A name as it is compared: without case. */
const char *neg_groups_key(apr_pool_t *p, const char *name);
/** The SID that a name has here, by its key; or NULL. */
const neg_bytes *neg_groups_find(const neg_groups *groups, const char *key);
/** All names with their SIDs, for the dump. */
const char *neg_groups_text(apr_pool_t *p, const neg_groups *groups);
/** NEGOTIATE_GROUPS, in p: names, or SIDs of those that have none, with ';' between them.  NULL
 * where this location has no names, or the groups are not known. */
const char *neg_groups_published(apr_pool_t *p, const neg_groups *names,
                                 const neg_identity *identity);

/* ---- membership.c ---- */

/** Require pac-group, seen by us too. */
void neg_membership_see(cmd_parms *cmd, neg_conf *conf, const char *line);
/** A name in conf's Require lines that no AuthNegotiateGroup explains, or NULL. */
const char *neg_membership_unnamed(apr_pool_t *p, server_rec *servers, const neg_conf *conf);

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

/* ---- answer.c ---- */

/** Refuses whom a rule could not judge (a->groups_unknown). @return the status */
int neg_answer_unknown_groups(neg_attempt *a, request_rec *r);
/** Turns an outcome into the response. @return what check_authn has to return */
int neg_answer(neg_attempt *a, neg_outcome outcome);
/** Asks a known client for a newer ticket.  @return whether it can be asked */
int neg_answer_ask_again(const neg_attempt *a);
/** No cache may give this answer to anybody else, whatever it says of itself. */
void neg_answer_keep_private(request_rec *r);
/** Sends a->exchange->cookie, if there is one. */
void neg_answer_send_cookie(const neg_attempt *a);
/** Of a user of another module's, who is refused.  @return what a fixups hook has to return */
int neg_answer_impersonation(neg_attempt *a);
/** note_auth_failure hook: the challenges for a 401 that another module answers. */
int neg_answer_note_failure(request_rec *r, const char *auth_type);

/** Takes the final token and what goes with it out of the answer, while a backend makes one. */
const apr_table_t *neg_answer_take_own(request_rec *r);
/** Gives it back, in the place of a backend's: not to a backend's 401, which is left as it is. */
void neg_answer_give_own(request_rec *r, const apr_table_t *own);
/** The status for a request that was granted and cannot be passed on: a->failure says why. */
int neg_answer_unpassable(neg_attempt *a);

/* ---- report.c ---- */

/** This child's counters of what has been told, allocated in p. */
struct neg_tally *neg_report_create(apr_pool_t *p);
/** Logs a->failure: at the level of its blame once a minute for each cause, else at INFO. */
void neg_report(const neg_attempt *a);
/** The same of the provider `kerberos` under mod_auth_basic. */
void neg_report_basic(const neg_attempt *a);
/** Logs trouble that refuses nobody, at the same pace. */
void neg_report_aside(const neg_attempt *a, neg_cause cause, const char *text);
const char *neg_cause_code(neg_cause cause);
neg_blame neg_cause_blame(neg_cause cause);

/* ---- publish.c ---- */

/** Puts a's identity into the environment of r, which is a->r or inherits from it. */
void neg_publish_identity(const neg_attempt *a, request_rec *r);
/** Takes it out again: an identity without a user name is none. */
void neg_publish_nothing(const neg_attempt *a, request_rec *r);
/** The ccache of a user of another module's, or NULL. */
void neg_publish_impersonated(request_rec *r, const neg_conf *conf, const char *ccache);
/** Puts a's failure into the environment of r, for ErrorDocument. */
void neg_publish_failure(const neg_attempt *a, request_rec *r);
/** fixups hook: again, for subrequests and redirects that the core did not ask us about. */
int neg_publish_fixups(request_rec *r);
/** For a request that is sent to a backend as its user: mod_proxy keeps its connection for nobody,
 * and passes no interim answers on, which prove nothing. */
void neg_publish_unshared(request_rec *r);
/** For an answer that mod_cache must not store, whatever it says of itself. */
void neg_publish_uncacheable(request_rec *r);
/** fixups hook, after those that put another request into the place of this one. */
int neg_publish_last_fixups(request_rec *r);
/** Whether a's identity is of one of these realms; of the default realm when there are none. */
int neg_publish_is_home(const neg_attempt *a, const apr_array_header_t *realms);
/** REMOTE_USER by this location's AuthNegotiateUser; NULL when refused. */
const char *neg_publish_user(neg_attempt *a);

#endif

/** From an outcome to what the client, the application and the log are told. */
#ifndef NEG_REQUEST_ANSWER_H
#define NEG_REQUEST_ANSWER_H

#include "request.h"

/** What logout comes to. */
typedef enum {
    NEG_LOGOUT_DONE,
    NEG_LOGOUT_NOTHING,  /**< there was no session to end */
    NEG_LOGOUT_FAILED,   /**< one may go on, since the store does not answer */
    NEG_LOGOUT_TOO_MANY, /**< one may go on, behind more cookies than are looked at */
    NEG_LOGOUT_COUNT
} neg_logout;

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
/** Of the logout handler: a->exchange->cookie, and 200 or, where a session may go on, 503.
 * @return what a handler has to return */
int neg_answer_logout(neg_attempt *a, neg_logout result);
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
/** Takes a variable out of r's environment, and its copies for redirects, where it has that value.
 */
void neg_publish_withhold(request_rec *r, const char *name, const char *value);
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

/* ---- headers.c: the last look at an answer's headers, before they are sent ---- */

/** For a part of an answer, which was granted after the answer's own filters were chosen. */
void neg_headers_watch(request_rec *r);
void neg_headers_register(apr_pool_t *p);

#endif

/**
 * Sessions: an identity that a sealed cookie keeps, or names.
 *
 * The cookie holds the record (core/record.h), sealed for its protection space (core/seal.h).  With
 * a store it holds the session's number alone, and the record, sealed too, is in the store.
 */
#ifndef NEG_SESSION_H
#define NEG_SESSION_H

#include "negotiate.h"
#include "record.h"
#include "store.h"

/* ---- sessionconf.c: directives, keys and the store's life ---- */

struct neg_session_place {
    const char *text;      /**< as configured */
    neg_store *store;      /**< NULL: the cookie */
    apr_uint32_t swept_at; /**< of this child: when ended sessions' ccaches were last looked for */
};

const char *neg_session_set_timeout(cmd_parms *cmd, void *conf, const char *idle,
                                    const char *absolute);
const char *neg_session_set_cookie(cmd_parms *cmd, void *conf, int argc, char *const argv[]);
const char *neg_session_set_key(cmd_parms *cmd, void *ignored, const char *file);
const char *neg_session_set_store(cmd_parms *cmd, void *ignored, const char *text);

const char *neg_session_store_text(const neg_server *server);
const char *neg_session_keys_text(apr_pool_t *p, const neg_server *server);
/** What follows the cookie's value: "; Path=/; HttpOnly; ...". */
const char *neg_session_attributes(apr_pool_t *p, const neg_cookie_rule *rule, int secure,
                                   apr_int64_t max_age);

int neg_session_pre_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp);
/** post_config hook: a key where none is named, and the stores. */
int neg_session_open(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *servers);
void neg_session_init_child(apr_pool_t *pchild, server_rec *servers);

/* ---- sessioncheck.c: what can be seen at start ---- */

/** httpd's SetHandler, seen by us too. */
const char *neg_session_see_handler(cmd_parms *cmd, void *conf, const char *line);
/** Whether browsers send the cookie to where it is to be deleted.  @return NULL, or a warning */
const char *neg_session_check_logout(apr_pool_t *p, const neg_section *section,
                                     const neg_conf *conf);
/** Whether cookies of this section may go in the clear unasked.  @return NULL, or a warning */
const char *neg_session_check_clear(apr_pool_t *p, const server_rec *s, const neg_section *section,
                                    const neg_conf *conf);

/* ---- sessioncookie.c: a session as a cookie and as a record, and back ---- */

#define NEG_SESSION_ID NEG_STORE_ID /**< length of its number in a store */

typedef struct neg_live {
    neg_bytes id;                 /**< its number in the store; empty without one */
    neg_bytes record;             /**< what the cookie has sealed, or the store */
    neg_session session;          /**< the same, read */
    const neg_identity *identity; /**< the session's, as this machine can use it */
} neg_live;

/** What a seal is bound to: what it is of, the place and the cookie; in a's pool. */
neg_bytes neg_session_associated(neg_attempt *a, const char *what, neg_bytes id);
/** @return NULL, or a sentence; *sealed and *plain are in a's pool */
const char *neg_session_seal(neg_attempt *a, const char *what, neg_bytes id, neg_bytes plain,
                             neg_bytes *sealed);
const char *neg_session_open_sealed(neg_attempt *a, const char *what, neg_bytes id,
                                    neg_bytes sealed, neg_bytes *plain);

/** The name of this location's cookie. */
const char *neg_session_cookie_name(neg_attempt *a);
/** NULL: there is none, the cookie has it all. */
neg_store *neg_session_store_of(const neg_attempt *a);
/** Opens the value of a cookie; no store is asked.
 * @return NULL, or a sentence why it is good for nothing */
const char *neg_session_unseal(neg_attempt *a, const char *value, neg_live *l);
/** Reads what was unsealed, from the store if it is there.  @return NULL, or a sentence why not */
const char *neg_session_read(neg_attempt *a, neg_live *l);
/** Keeps a session, or its renewal; the cookie for the answer is written where one is needed.
 * @return whether it could be kept */
int neg_session_save(neg_attempt *a, const neg_live *l, int renewal);
/** Removes its record and the client's tickets.  @return 0 when the store has not done so */
int neg_session_forget(neg_attempt *a, const neg_live *l);
/** @param value NULL deletes the cookie */
void neg_session_write_cookie(neg_attempt *a, const char *value, apr_time_t ends);

/* ---- sessionlist.c: how many sessions of a principal a store has ---- */

#define NEG_SESSIONS_MAX 16

/** Notes a new session of a->identity's, which may end its oldest. */
void neg_session_list_add(neg_attempt *a, const neg_live *l);
/** Forgets one, if it has been read. */
void neg_session_list_remove(neg_attempt *a, const neg_live *l);

/* ---- session.c ---- */

/** Source: the identity of a session whose cookie the client sent. */
neg_outcome neg_session_recall(neg_attempt *a);
/** fixups hook, when the client is known to be allowed: begins a session after a fresh grant,
 * unless the client has one that is as good, and renews one that is in use. */
int neg_session_fixups(request_rec *r);
/** Ends the client's sessions in a's protection space, and writes the cookie that deletes its own.
 */
neg_logout neg_session_end(neg_attempt *a);

/* ---- logout.c: what is seen of cookies elsewhere, and the handler that ends sessions ---- */

/** post_read_request hook: takes our cookies out of what everybody else sees. */
int neg_session_hide_cookies(request_rec *r);
/** handler hook: negotiate-logout. */
int neg_session_logout(request_rec *r);

#endif

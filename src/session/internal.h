/** Within the room of sessions. */
#ifndef NEG_SESSION_INTERNAL_H
#define NEG_SESSION_INTERNAL_H

#include "answer.h"
#include "record.h"
#include "session.h"
#include "store.h"

/* ---- sealed.c: the name of a cookie, and what is sealed for it ---- */

/** The name of this location's cookie. */
const char *neg_session_cookie_name(neg_attempt *a);
/** Whether it is for TLS alone. */
int neg_session_is_secure(const neg_attempt *a, const neg_cookie_rule *rule);
/** What a seal is bound to: what it is of, the place and the cookie; in a's pool. */
neg_bytes neg_session_associated(neg_attempt *a, const char *what, neg_bytes id);
/** @return NULL, or a sentence; *sealed and *plain are in a's pool */
const char *neg_session_seal(neg_attempt *a, const char *what, neg_bytes id, neg_bytes plain,
                             neg_bytes *sealed);
const char *neg_session_open_sealed(neg_attempt *a, const char *what, neg_bytes id,
                                    neg_bytes sealed, neg_bytes *plain);
/** NULL: there is none, the cookie has it all. */
neg_store *neg_session_store_of(const neg_attempt *a);
/** Tells why the store is of no use. */
void neg_session_report_store(neg_attempt *a, const char *what);
/** Tells that the store does not answer. */
void neg_session_report_silence(neg_attempt *a);

/* ---- cookie.c: a session as a cookie and as a record, and back ---- */

/** Length of its number in a store: the name of its entry (seat.c), and what only this
 * session has, so that no other opens a record that was put there before or after it. */
#define NEG_SESSION_ID (NEG_STORE_ID + 16)

typedef struct neg_live {
    neg_bytes id;                 /**< its number in the store; empty without one */
    neg_bytes record;             /**< what the cookie has sealed, or the store */
    neg_session session;          /**< the same, read */
    apr_time_t stored;            /**< when the store was last told that it is in use */
    apr_time_t stored_idle_at;    /**< and its idle_at then */
    const neg_identity *identity; /**< the session's, as this machine can use it */
} neg_live;

/** How a session is kept. */
typedef enum {
    NEG_SESSION_BEGIN,
    NEG_SESSION_RENEW,  /**< where it is */
    NEG_SESSION_PROLONG /**< by the cookie alone, for NEG_SESSION_SPARE at most */
} neg_session_how;

/** For how long a session's entry in a store may lack what its cookie has. */
#define NEG_SESSION_SPARE apr_time_from_sec(300)

/** Opens the value of a cookie; no store is asked.
 * @return NULL, or a sentence why it is good for nothing */
const char *neg_session_unseal(neg_attempt *a, const char *value, neg_live *l);
/** Reads what was unsealed, from the store if it is there.  @return NULL, or a sentence why not */
const char *neg_session_read(neg_attempt *a, neg_live *l);
/** Keeps a session, or its renewal; the cookie for the answer is written where one is needed.
 * @return whether it could be kept */
int neg_session_save(neg_attempt *a, const neg_live *l, neg_session_how how);
/** Ends it, with the client's tickets.  @return 0 when the store has not done so */
int neg_session_forget(neg_attempt *a, const neg_live *l);
/** @param value NULL deletes the cookie */
void neg_session_write_cookie(neg_attempt *a, const char *value, apr_time_t ends);

/* ---- seat.c: how many sessions a user has in a store ---- */

#define NEG_SESSIONS_MAX 16 /**< of a user in a protection space */
#define NEG_SESSION_WINDOW                                                                         \
    apr_time_from_sec(600) /**< in which no more begin, ended ones included */

/** Whose sessions count together: a SID, or the principal without regard to case. */
const char *neg_session_account(const neg_attempt *a);
/** Gives a new session of a->identity's its number in the store.
 * @return 0 when it can have none, which has been told */
int neg_session_take_seat(neg_attempt *a, neg_live *l);
/** The name of its entry in the store. */
neg_bytes neg_session_seat_of(const neg_live *l);
/** Until when the entry has to stay.  @param alive until when its session may go on */
apr_time_t neg_session_seat_until(const neg_live *l, apr_time_t alive);

/* ---- find.c: which sessions the client's cookies are of ---- */

#define NEG_SESSION_COOKIES 64 /**< of one name are looked at */

/** The client's cookies of this space, one after the other; all zero before the first. */
typedef struct {
    int looked_at, found;
    const char *rest;                   /**< of the header */
    neg_bytes ids[NEG_SESSION_COOKIES]; /**< of those that were found */
} neg_session_cookies;

/** @return whether there is another one that our key has sealed, and whose end has not come */
int neg_session_next(neg_attempt *a, neg_session_cookies *c, neg_live *l);
/** Whether there are more than are looked at. */
int neg_session_has_more(neg_attempt *a);
/** Reads it.  @return NULL when it goes on, or why not */
const char *neg_session_examine(neg_attempt *a, neg_live *l);
/** All that go on, as neg_live, in a's pool. */
const apr_array_header_t *neg_session_find(neg_attempt *a);
int neg_session_is_same_person(const neg_identity *one, const neg_identity *other);
/** Whether they are of two persons, which is told. */
int neg_session_is_of_two(neg_attempt *a, const apr_array_header_t *living);

/* ---- session.c ---- */

/** Ends the client's sessions in a's protection space, and writes the cookie that deletes its own.
 */
neg_logout neg_session_end(neg_attempt *a);

#endif

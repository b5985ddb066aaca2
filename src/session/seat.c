/*
 * The places that one user's sessions can have in a store: so many, and no session begins where all
 * are taken.
 *
 * A store of limited size is shared by all users, and one of them may log in without end: without a
 * cookie jar, or ending each session.  What he writes must not drive out what others have there. So
 * the name of an entry is made of its user and the number of a seat, and a seat that was taken
 * stays so for a while, whatever becomes of its session.  To find a free one only reads; who finds
 * none writes nothing.  (In mod_socache_shmcb each write takes room until its ring has gone around,
 * also one that replaces or removes an entry.)
 *
 * In this machine's memory two that take a seat are told apart.  At a server two that come in the
 * same instant may take the same one: the later session is there, the earlier one is not, and its
 * client is asked again.
 */

#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include "answer.h"
#include "internal.h"

static const char name_of_seat[] = "negotiate session 3: a seat";

/*
 * An Active Directory gives tickets to its accounts however they are spelled: their SID is what
 * stays the same.  Where it is not known the case of letters does not count.  In a realm that tells
 * ALICE from alice these two share their seats, and nothing else.
 */
const char *neg_session_account(const neg_attempt *a)
{
    char *folded;
    if (a->exchange->sid)
        return a->exchange->sid;
    folded = apr_pstrdup(neg_attempt_pool(a), a->identity->principal);
    for (char *c = folded; *c; c++)
        *c = (char)apr_tolower(*c);
    return folded;
}

static neg_bytes seat_id(neg_attempt *a, const char *account, unsigned number)
{
    apr_pool_t *p = neg_attempt_pool(a);
    const char *text = apr_psprintf(p, "%u %s", number, account);
    neg_bytes whose = {(const unsigned char *)text, strlen(text)};
    neg_bytes bytes = neg_session_associated(a, name_of_seat, whose);
    unsigned char *hash = apr_palloc(p, SHA256_DIGEST_LENGTH);
    neg_bytes id = {SHA256(bytes.data, bytes.len, hash), NEG_STORE_ID};
    return id;
}

/* From any of them on, so that few are looked at where most are free, and two that come at once do
 * not look at the same. */
static neg_store_result find_free(neg_attempt *a, const char *account, neg_bytes *id)
{
    unsigned char first;
    if (RAND_bytes(&first, 1) != 1)
        return NEG_STORE_FAILED;
    for (unsigned i = 0; i < NEG_SESSIONS_MAX; i++) {
        neg_store_result result;
        *id = seat_id(a, account, (first + i) % NEG_SESSIONS_MAX);
        result = neg_store_look(neg_session_store_of(a), a->r->server, neg_attempt_pool(a), *id);
        if (result != NEG_STORE_THERE)
            return result == NEG_STORE_NOTHING ? NEG_STORE_OK : result;
    }
    return NEG_STORE_THERE;
}

static void tell_full(neg_attempt *a)
{
    neg_report_aside(
        a, NEG_CAUSE_SESSION_LIMIT,
        apr_psprintf(
            neg_attempt_pool(a),
            "%s has %d sessions, or has begun as many in the last %d minutes, so this "
            "request begins none: see which client of this user logs in again and again "
            "and keeps no cookie, and give it a cookie jar. It is served as without "
            "sessions, with a ticket for each request. Where no client does so, the idle time "
            "is very short: AuthNegotiateSessionStore cookie has no such limit",
            a->identity->principal, NEG_SESSIONS_MAX, (int)apr_time_sec(NEG_SESSION_WINDOW) / 60));
}

int neg_session_take_seat(neg_attempt *a, neg_live *l)
{
    unsigned char *id = apr_palloc(neg_attempt_pool(a), NEG_SESSION_ID);
    neg_bytes seat;
    neg_store_result result = find_free(a, neg_session_account(a), &seat);
    if (result == NEG_STORE_THERE)
        tell_full(a);
    else if (result == NEG_STORE_FAILED)
        neg_session_report_silence(a);
    if (result != NEG_STORE_OK || RAND_bytes(id + NEG_STORE_ID, NEG_SESSION_ID - NEG_STORE_ID) != 1)
        return 0;
    memcpy(id, seat.data, NEG_STORE_ID);
    l->id.data = id;
    l->id.len = NEG_SESSION_ID;
    return 1;
}

neg_bytes neg_session_seat_of(const neg_live *l)
{
    neg_bytes id = {l->id.data, NEG_STORE_ID};
    return id;
}

apr_time_t neg_session_seat_until(const neg_live *l, apr_time_t alive)
{
    apr_time_t begun = l->session.begun + NEG_SESSION_WINDOW;
    return (alive > begun ? alive : begun) + apr_time_from_sec(2);
}

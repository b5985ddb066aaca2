/*
 * AuthNegotiateReplayCache: which authenticators have been seen.
 *
 * krb5's own cache knows what this machine has accepted.  A cluster behind one name shares its key,
 * so a token that was captured on its way to one node could be sent to another; a cache that the
 * nodes share refuses it there.  krb5's own goes on beside it: it does not forget when the shared
 * one is full, restarted or gone, and it lets a token that comes twice at once in only once.  The
 * cache `memory` (replay_memory.c) is of this machine, too, and takes its place.
 *
 * The key is the authenticator's ciphertext (RFC 4120 section 3.2.3 has every authenticator
 * different), not the token, which can be wrapped again.
 */

#include <apr_strings.h>
#include <http_core.h>

#include "answer.h"
#include "apreq.h"
#include "digest.h"
#include "internal.h"

_Static_assert(NEG_SEEN_ID_LEN == NEG_DIGEST_LEN && NEG_STORE_ID == NEG_DIGEST_LEN,
               "both caches find an authenticator by its hash");

static const unsigned char mark[] = {1}; /* neg_replay_use has its size */

/* ---- Configuration ---- */

/* A token that this cache has seen alone would be good at a virtual host that asks another. */
int neg_replay_check_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                            server_rec *servers)
{
    const neg_replay *whole = neg_config_server(servers)->replay;
    (void)pconf;
    (void)plog;
    (void)ptemp;
    for (server_rec *s = servers; whole && whole->kind == NEG_REPLAY_MEMORY && s; s = s->next) {
        if (neg_config_server(s)->replay == whole)
            continue;
        ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_ERR, 0, s,
                     "AuthNegotiateReplayCache %s in the virtual host %s: the whole server has "
                     "%s, and a token used there would be good here again. Take this line away, "
                     "or that one",
                     neg_replay_text(neg_config_server(s)), s->server_hostname, whole->text);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    return OK;
}

/* ---- Life of the store ---- */

static neg_store *store_of(server_rec *s)
{
    const neg_replay *replay = neg_config_server(s)->replay;
    return replay ? replay->store : NULL;
}

int neg_replay_pre_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp)
{
    (void)plog;
    (void)ptemp;
    return neg_store_register(pconf, &neg_replay_use);
}

int neg_replay_open(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *servers)
{
    neg_replay *whole = neg_config_server(servers)->replay;
    (void)plog;
    (void)ptemp;
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG)
        return OK;
    if (neg_replay_kind_of(neg_config_server(servers)) != NEG_REPLAY_MEMORY)
        neg_replay_memory_leave();
    else if (!(whole->seen = neg_replay_memory_open(pconf, servers, whole->size)))
        return HTTP_INTERNAL_SERVER_ERROR;
    return neg_store_open(servers, pconf, store_of);
}

void neg_replay_init_child(apr_pool_t *pchild, server_rec *servers)
{
    neg_store_init_child(servers, pchild, store_of);
}

/* ---- Seen before? ---- */

static int has_own_cache(const neg_server *server)
{
    neg_replay_kind kind = neg_replay_kind_of(server);
    return kind == NEG_REPLAY_STORE || kind == NEG_REPLAY_MEMORY;
}

void neg_replay_identify(const neg_server *server, neg_worker *worker, neg_bytes ap_req,
                         neg_replay_id *id)
{
    neg_ap_req parsed;
    id->known = has_own_cache(server) && neg_ap_req_parse(ap_req, &parsed) == NULL &&
                neg_digest(neg_worker_digester(worker), parsed.authenticator, id->hash);
}

int neg_replay_needs_krb5(const neg_server *server, const neg_replay_id *id, apr_time_t now,
                          apr_time_t expiry)
{
    return neg_replay_kind_of(server) == NEG_REPLAY_MEMORY &&
           !(id && id->known &&
             neg_replay_memory_suffices(server->replay->seen, id->hash, now, expiry));
}

static neg_outcome memory_is_full(neg_attempt *a)
{
    return neg_attempt_refuse(a, NEG_CAUSE_REPLAY_CACHE,
                              "the replay cache in memory became full in this moment, so this "
                              "token cannot be accepted: give it more megabytes "
                              "(AuthNegotiateReplayCache memory:32)");
}

static neg_outcome store_is_gone(neg_attempt *a, const neg_replay *replay)
{
    if (replay->or_local) {
        neg_report_aside(a, NEG_CAUSE_REPLAY_CACHE,
                         apr_psprintf(neg_attempt_pool(a),
                                      "the shared replay cache %s does not answer: until it does, "
                                      "a token used at another node is not recognized here "
                                      "(or-local)",
                                      replay->text));
        return NEG_UNKNOWN;
    }
    return neg_attempt_refuse(a, NEG_CAUSE_REPLAY_CACHE,
                              apr_psprintf(neg_attempt_pool(a),
                                           "the shared replay cache %s does not answer, so no "
                                           "token can be accepted: start it again, or write "
                                           "or-local behind it in AuthNegotiateReplayCache",
                                           replay->text));
}

static neg_store_result note_in_store(neg_attempt *a, const unsigned char *hash, apr_time_t expiry)
{
    neg_bytes id = {hash, NEG_STORE_ID};
    neg_bytes value = {mark, sizeof(mark)};
    return neg_store_put(a->server->replay->store, a->r->server, neg_attempt_pool(a), id, value,
                         expiry, NEG_STORE_NEW);
}

/* What finds no room is known to krb5's own, or to nobody: it has to be asked for it again, as long
 * as it could come again. */
static neg_store_result note_in_memory(neg_seen *memory, const unsigned char *hash,
                                       apr_time_t expiry, int krb5_knows)
{
    switch (neg_seen_note(memory, hash, apr_time_now(), expiry)) {
    case NEG_SEEN_NEVER:
        return NEG_STORE_OK;
    case NEG_SEEN_BEFORE:
        return NEG_STORE_THERE;
    default:
        neg_seen_overflows(memory, expiry);
        return krb5_knows ? NEG_STORE_OK : NEG_STORE_FAILED;
    }
}

neg_outcome neg_replay_check(neg_attempt *a, const neg_replay_id *id, apr_time_t expiry,
                             int krb5_knows)
{
    neg_replay *replay = a->server->replay;
    neg_replay_kind kind = neg_replay_kind_of(a->server);
    if (!has_own_cache(a->server))
        return NEG_UNKNOWN;
    if (!id->known)
        return neg_attempt_refuse(a, NEG_CAUSE_MALFORMED,
                                  "GSSAPI accepted the token, but it is not in the form (DER) in "
                                  "which its authenticator can be found and looked up in "
                                  "AuthNegotiateReplayCache");
    switch (kind == NEG_REPLAY_MEMORY ? note_in_memory(replay->seen, id->hash, expiry, krb5_knows)
                                      : note_in_store(a, id->hash, expiry)) {
    case NEG_STORE_OK:
        return NEG_UNKNOWN;
    case NEG_STORE_THERE:
        return neg_attempt_refuse(a, NEG_CAUSE_REPLAY,
                                  "this very token has been used before, here or at another node: "
                                  "either somebody sends a captured token again, or a client or "
                                  "proxy repeats a request with its old Authorization header");
    default:
        return kind == NEG_REPLAY_MEMORY ? memory_is_full(a) : store_is_gone(a, replay);
    }
}

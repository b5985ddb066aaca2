/*
 * AuthNegotiateReplayCache: which authenticators have been seen.
 *
 * krb5's own cache knows what this machine has accepted.  A cluster behind one name shares its key,
 * so a token that was captured on its way to one node could be sent to another; a cache that the
 * nodes share refuses it there.  krb5's own goes on beside it: it does not forget when the shared
 * one is full, restarted or gone, and it lets a token that comes twice at once in only once.
 *
 * The key is the authenticator's ciphertext (RFC 4120 section 3.2.3 has every authenticator
 * different), not the token, which can be wrapped again.
 */

#include <ap_socache.h>
#include <apr_strings.h>
#include <http_core.h>
#include <openssl/sha.h>
#include <util_mutex.h>

#include "apreq.h"
#include "negotiate.h"

#define MUTEX_TYPE "auth-negotiate-replay"
#define CACHE_NAME "neg-replay" /* the providers take 14 characters at most */

struct neg_replay {
    neg_replay_kind kind;
    int or_local;     /* while the store is gone, krb5's own cache is enough */
    const char *text; /* as configured */
    const ap_socache_provider_t *provider;
    ap_socache_instance_t *instance;
    apr_global_mutex_t *mutex; /* where the provider needs one */
    apr_size_t size;           /* of memory, instead of a provider */
    neg_seen *seen;
};

/* In this machine's memory or files, and so in need of our mutex; the others are servers. */
static int is_local(const ap_socache_provider_t *provider)
{
    return (provider->flags & AP_SOCACHE_FLAG_NOTMPSAFE) != 0;
}

/* ---- Configuration ---- */

static const char *create_store(cmd_parms *cmd, neg_replay *replay, const char *text)
{
    const char *colon = strchr(text, ':');
    const char *name = colon ? apr_pstrmemdup(cmd->pool, text, (apr_size_t)(colon - text)) : text;
    const char *why;

    replay->kind = NEG_REPLAY_STORE;
    replay->provider =
        ap_lookup_provider(AP_SOCACHE_PROVIDER_GROUP, name, AP_SOCACHE_PROVIDER_VERSION);
    if (!replay->provider)
        return apr_psprintf(cmd->pool,
                            "AuthNegotiateReplayCache: \"%s\" is no cache that is loaded; write "
                            "default, none, or a provider such as shmcb or redis:host:port, whose "
                            "module (mod_socache_%s) a LoadModule line before this one loads",
                            name, name);
    if (!is_local(replay->provider) && strchr(text, ','))
        return apr_psprintf(cmd->pool,
                            "AuthNegotiateReplayCache %s: name one server; of several, the one "
                            "that has seen a token may be gone when another is asked for it",
                            text);
    why = replay->provider->create(&replay->instance, colon ? colon + 1 : NULL, cmd->temp_pool,
                                   cmd->pool);
    return why ? apr_psprintf(cmd->pool, "AuthNegotiateReplayCache %s: %s", text, why) : NULL;
}

const char *neg_replay_set(cmd_parms *cmd, void *ignored, const char *text, const char *otherwise)
{
    neg_replay *replay = apr_pcalloc(cmd->pool, sizeof(*replay));
    (void)ignored;
    neg_config_server(cmd->server)->replay = replay;
    replay->text = text;
    if (otherwise && strcasecmp(otherwise, "or-local") != 0 &&
        strcasecmp(otherwise, "or-refuse") != 0)
        return "AuthNegotiateReplayCache: after a shared cache write or-refuse (what happens when "
               "it is gone, unless told) or or-local";
    replay->or_local = otherwise && strcasecmp(otherwise, "or-local") == 0;
    if (!otherwise && (strcasecmp(text, "memory") == 0 || strncasecmp(text, "memory:", 7) == 0)) {
        replay->kind = NEG_REPLAY_MEMORY;
        return neg_replay_memory_set(cmd, text, &replay->size);
    }
    if (strcasecmp(text, "default") != 0 && strcasecmp(text, "none") != 0)
        return create_store(cmd, replay, text);
    replay->kind = strcasecmp(text, "none") == 0 ? NEG_REPLAY_NONE : NEG_REPLAY_DEFAULT;
    return otherwise ? "AuthNegotiateReplayCache: or-refuse and or-local go with a shared cache"
                     : NULL;
}

neg_replay_kind neg_replay_kind_of(const neg_server *server)
{
    return server->replay ? server->replay->kind : NEG_REPLAY_DEFAULT;
}

const char *neg_replay_text(const neg_server *server)
{
    return server->replay ? server->replay->text : "default";
}

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

int neg_replay_pre_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp)
{
    (void)plog;
    (void)ptemp;
    return ap_mutex_register(pconf, MUTEX_TYPE, NULL, APR_LOCK_DEFAULT, 0) == APR_SUCCESS
               ? OK
               : HTTP_INTERNAL_SERVER_ERROR;
}

static int open_store(neg_replay *replay, server_rec *s, apr_pool_t *pconf)
{
    struct ap_socache_hints hints = {SHA256_DIGEST_LENGTH, 1, apr_time_from_sec(60)};
    apr_status_t rv;
    if (is_local(replay->provider)) {
        rv = ap_global_mutex_create(&replay->mutex, NULL, MUTEX_TYPE, NULL, s, pconf, 0);
        if (rv != APR_SUCCESS)
            return HTTP_INTERNAL_SERVER_ERROR; /* httpd has said why */
    }
    rv = replay->provider->init(replay->instance, CACHE_NAME, &hints, s, pconf);
    if (rv == APR_SUCCESS)
        return OK;
    ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_ERR, rv, s,
                 "AuthNegotiateReplayCache %s cannot be opened", replay->text);
    return HTTP_INTERNAL_SERVER_ERROR;
}

int neg_replay_open(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *servers)
{
    (void)plog;
    (void)ptemp;
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG)
        return OK;
    for (server_rec *s = servers; s; s = s->next) {
        neg_replay *replay = neg_config_server(s)->replay;
        int inherited = s != servers && replay == neg_config_server(servers)->replay;
        if (replay && replay->kind == NEG_REPLAY_STORE && !inherited) {
            int status = open_store(replay, s, pconf);
            if (status != OK)
                return status;
        }
        if (replay && replay->kind == NEG_REPLAY_MEMORY && !inherited &&
            !(replay->seen = neg_replay_memory_open(pconf, s, replay->size)))
            return HTTP_INTERNAL_SERVER_ERROR;
    }
    return OK;
}

void neg_replay_init_child(apr_pool_t *pchild, server_rec *servers)
{
    for (server_rec *s = servers; s; s = s->next) {
        neg_replay *replay = neg_config_server(s)->replay;
        int inherited = s != servers && replay == neg_config_server(servers)->replay;
        if (replay && replay->mutex && !inherited &&
            apr_global_mutex_child_init(&replay->mutex, apr_global_mutex_lockfile(replay->mutex),
                                        pchild) != APR_SUCCESS)
            ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s,
                         "the mutex of AuthNegotiateReplayCache cannot be opened in a child");
    }
}

/* ---- Seen before? ---- */

typedef enum {
    SEEN_NEVER,
    SEEN_BEFORE,
    SEEN_UNKNOWN /* the store does not answer */
} seen;

const char *neg_replay_rcache(const neg_server *server)
{
    neg_replay_kind kind = neg_replay_kind_of(server);
    return kind == NEG_REPLAY_NONE || kind == NEG_REPLAY_MEMORY ? "none:" : NULL;
}

int neg_replay_needs_krb5(const neg_server *server, neg_bytes ap_req, apr_time_t now,
                          apr_time_t expiry)
{
    return neg_replay_kind_of(server) == NEG_REPLAY_MEMORY &&
           !neg_replay_memory_suffices(server->replay->seen, ap_req, now, expiry);
}

/* What found room before and finds none now was asked of nobody else, unless what is asked of krb5
 * now will be asked of it for as long as this token could come again. */
static seen note_in_memory(neg_seen *memory, const unsigned char *id, apr_time_t expiry)
{
    switch (neg_seen_note(memory, id, apr_time_now(), expiry)) {
    case NEG_SEEN_NEVER:
        return SEEN_NEVER;
    case NEG_SEEN_BEFORE:
        return SEEN_BEFORE;
    default:
        return neg_seen_overflow(memory) >= expiry ? SEEN_NEVER : SEEN_UNKNOWN;
    }
}

/* Looks and notes.  Where the provider is in this machine's memory this is one step under its
 * mutex; two nodes that ask a remote one in the same instant may both be told "never". */
static seen look_and_note(const neg_attempt *a, neg_replay *replay, const unsigned char *id,
                          apr_time_t expiry)
{
    apr_pool_t *p = neg_attempt_pool(a);
    server_rec *s = a->r->server;
    unsigned char mark = 1;
    unsigned char found[8];
    unsigned int len = sizeof(found);
    apr_status_t rv =
        replay->provider->retrieve(replay->instance, s, id, SHA256_DIGEST_LENGTH, found, &len, p);
    if (rv == APR_SUCCESS)
        return SEEN_BEFORE;
    if (rv != APR_NOTFOUND)
        return SEEN_UNKNOWN;
    rv =
        replay->provider->store(replay->instance, s, id, SHA256_DIGEST_LENGTH, expiry, &mark, 1, p);
    return rv == APR_SUCCESS ? SEEN_NEVER : SEEN_UNKNOWN;
}

static seen ask_store(const neg_attempt *a, neg_replay *replay, const unsigned char *id,
                      apr_time_t expiry)
{
    seen result;
    if (replay->kind == NEG_REPLAY_MEMORY)
        return note_in_memory(replay->seen, id, expiry);
    if (replay->mutex && apr_global_mutex_lock(replay->mutex) != APR_SUCCESS)
        return SEEN_UNKNOWN;
    result = look_and_note(a, replay, id, expiry);
    if (replay->mutex)
        apr_global_mutex_unlock(replay->mutex);
    return result;
}

static neg_outcome store_is_gone(neg_attempt *a, const neg_replay *replay)
{
    if (replay->kind == NEG_REPLAY_MEMORY)
        return neg_attempt_refuse(a, NEG_CAUSE_REPLAY_CACHE,
                                  "the replay cache in memory became full in this moment, so this "
                                  "token cannot be accepted: give it more megabytes "
                                  "(AuthNegotiateReplayCache memory:32)");
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

neg_outcome neg_replay_check(neg_attempt *a, neg_bytes ap_req, apr_time_t expiry)
{
    neg_replay *replay = a->server->replay;
    neg_ap_req parsed;
    unsigned char id[SHA256_DIGEST_LENGTH];
    if (!replay || (replay->kind != NEG_REPLAY_STORE && replay->kind != NEG_REPLAY_MEMORY))
        return NEG_UNKNOWN;
    if (neg_ap_req_parse(ap_req, &parsed) != NULL)
        return neg_attempt_refuse(a, NEG_CAUSE_MALFORMED,
                                  "GSSAPI accepted the token, but it is not in the form (DER) in "
                                  "which its authenticator can be found and looked up in "
                                  "AuthNegotiateReplayCache");
    SHA256(parsed.authenticator.data, parsed.authenticator.len, id);
    switch (ask_store(a, replay, id, expiry)) {
    case SEEN_NEVER:
        return NEG_UNKNOWN;
    case SEEN_BEFORE:
        return neg_attempt_refuse(a, NEG_CAUSE_REPLAY,
                                  "this very token has been used before, here or at another node: "
                                  "either somebody sends a captured token again, or a client or "
                                  "proxy repeats a request with its old Authorization header");
    default:
        return store_is_gone(a, replay);
    }
}

/* A cache of httpd's (socache), with a mutex where it needs one, and patience with its silence. */

#include <ap_provider.h>
#include <ap_socache.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <http_log.h>
#include <util_mutex.h>

#include "breaker.h"
#include "internal.h"
#include "store.h"

#define ENDED_LEN 1 /* bytes of an entry that was ended: nobody who ends some has one so short */

/* What is kept over restarts. */
typedef struct {
    ap_socache_instance_t *instance;
    apr_global_mutex_t *mutex;
} shared;

struct neg_store {
    const char *text; /* as configured */
    const neg_store_use *use;
    const ap_socache_provider_t *provider;
    ap_socache_instance_t *instance;
    apr_global_mutex_t *mutex; /* NULL where the provider needs none */
    neg_breaker breaker;       /* for a server: each child has a copy of its own */
};

/* Those need our mutex; the others are servers. */
int neg_store_is_local(const neg_store *store)
{
    return (store->provider->flags & AP_SOCACHE_FLAG_NOTMPSAFE) != 0;
}

static const char *arguments(const char *text)
{
    const char *colon = strchr(text, ':');
    return colon ? colon + 1 : NULL;
}

const char *neg_store_create(cmd_parms *cmd, const neg_store_use *use, const char *text,
                             neg_store **made)
{
    const char *name = apr_pstrmemdup(cmd->pool, text, strcspn(text, ":"));
    neg_store *store = apr_pcalloc(cmd->pool, sizeof(*store));
    const char *why;
    store->text = text;
    store->use = use;
    store->provider =
        ap_lookup_provider(AP_SOCACHE_PROVIDER_GROUP, name, AP_SOCACHE_PROVIDER_VERSION);
    if (!store->provider)
        return apr_psprintf(cmd->pool,
                            "\"%s\" is no cache that is loaded; write a provider such as shmcb or "
                            "redis:host:port, whose module (mod_socache_%s) a LoadModule line "
                            "before this one loads",
                            name, name);
    *made = store;
    why = store->provider->create(&store->instance, arguments(text), cmd->temp_pool, cmd->pool);
    return why ? apr_psprintf(cmd->pool, "%s: %s", text, why) : NULL;
}

const char *neg_store_text(const neg_store *store)
{
    return store->text;
}

/* ---- Life ---- */

int neg_store_register(apr_pool_t *pconf, const neg_store_use *use)
{
    return ap_mutex_register(pconf, use->mutex, NULL, APR_LOCK_DEFAULT, 0) == APR_SUCCESS
               ? OK
               : HTTP_INTERNAL_SERVER_ERROR;
}

static int open_instance(neg_store *store, server_rec *s, apr_pool_t *p)
{
    struct ap_socache_hints hints = {NEG_STORE_ID, (unsigned int)store->use->usual,
                                     apr_time_from_sec(3600)};
    apr_status_t rv = store->provider->init(store->instance, store->use->cache, &hints, s, p);
    if (rv == APR_SUCCESS)
        return OK;
    ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_ERR, rv, s, "the cache %s cannot be opened",
                 store->text);
    return HTTP_INTERNAL_SERVER_ERROR;
}

/* Its memory and its mutex live as long as the parent process, for the same server. */
static int open_shared(neg_store *store, server_rec *s, apr_pool_t *pconf)
{
    apr_pool_t *p = s->process->pool;
    const char *key = apr_psprintf(pconf, "auth_negotiate:%s:%s:%s:%u", store->use->mutex,
                                   store->text, s->is_virtual ? s->server_hostname : "", s->port);
    shared *kept = ap_retained_data_get(key);
    if (!kept) {
        const char *why = store->provider->create(&store->instance, arguments(store->text), p, p);
        if (why || ap_global_mutex_create(&store->mutex, NULL, store->use->mutex, NULL, s, p, 0) !=
                       APR_SUCCESS)
            return HTTP_INTERNAL_SERVER_ERROR; /* httpd has said why */
        if (open_instance(store, s, p) != OK)
            return HTTP_INTERNAL_SERVER_ERROR;
        kept = ap_retained_data_create(key, sizeof(*kept));
        kept->instance = store->instance;
        kept->mutex = store->mutex;
    }
    store->instance = kept->instance;
    store->mutex = kept->mutex;
    return OK;
}

/* Not one that a virtual host has from the main server. */
static neg_store *own_store(server_rec *s, server_rec *servers, neg_store_finder find)
{
    neg_store *store = find(s);
    return s != servers && store == find(servers) ? NULL : store;
}

int neg_store_open(server_rec *servers, apr_pool_t *pconf, neg_store_finder find)
{
    for (server_rec *s = servers; s; s = s->next) {
        neg_store *store = own_store(s, servers, find);
        int status = !store                      ? OK
                     : neg_store_is_local(store) ? open_shared(store, s, pconf)
                                                 : open_instance(store, s, pconf);
        if (status != OK)
            return status;
    }
    return OK;
}

void neg_store_init_child(server_rec *servers, apr_pool_t *pchild, neg_store_finder find)
{
    for (server_rec *s = servers; s; s = s->next) {
        neg_store *store = own_store(s, servers, find);
        if (store && store->mutex &&
            apr_global_mutex_child_init(&store->mutex, apr_global_mutex_lockfile(store->mutex),
                                        pchild) != APR_SUCCESS)
            ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s,
                         "the mutex of the cache %s cannot be opened in a child", store->text);
    }
}

/* ---- Use ---- */

/* One use of the store by one thread. */
typedef struct {
    neg_store *store;
    server_rec *s;
    apr_pool_t *p;
    neg_bytes id;
    apr_time_t asked;
} use;

static neg_store_result begin(use *u)
{
    u->asked = apr_time_now();
    if (u->store->mutex)
        return apr_global_mutex_lock(u->store->mutex) == APR_SUCCESS ? NEG_STORE_OK
                                                                     : NEG_STORE_FAILED;
    return neg_breaker_ask(&u->store->breaker, u->asked) ? NEG_STORE_OK : NEG_STORE_PAUSED;
}

/* Memory is never away: what it does not take is that value alone. */
static neg_store_result end(use *u, neg_store_result result)
{
    apr_uint32_t failed_for;
    if (u->store->mutex) {
        apr_global_mutex_unlock(u->store->mutex);
    } else if (result == NEG_STORE_FAILED) {
        neg_breaker_failed(&u->store->breaker, u->asked, apr_time_now());
    } else if ((failed_for = neg_breaker_answered(&u->store->breaker, apr_time_now()))) {
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, u->s,
                     "the cache %s (%s) answers again, after %u seconds in which this process got "
                     "no answer",
                     u->store->text, u->store->use->cache, failed_for);
    }
    return result;
}

static neg_store_result result_of(apr_status_t rv)
{
    return rv == APR_SUCCESS    ? NEG_STORE_OK
           : rv == APR_NOTFOUND ? NEG_STORE_NOTHING
                                : NEG_STORE_FAILED;
}

/* One request may look many times: the room for the largest value is given back at once. */
static neg_store_result retrieve(use *u, neg_bytes *value)
{
    unsigned int len = (unsigned int)u->store->use->largest;
    unsigned char *room;
    apr_pool_t *p;
    apr_status_t rv = apr_pool_create(&p, u->p);
    if (rv != APR_SUCCESS)
        return NEG_STORE_FAILED;
    room = apr_palloc(p, len);
    rv = u->store->provider->retrieve(u->store->instance, u->s, u->id.data, (unsigned int)u->id.len,
                                      room, &len, p);
    value->data = rv == APR_SUCCESS ? apr_pmemdup(u->p, room, len) : NULL;
    value->len = rv == APR_SUCCESS ? len : 0;
    apr_pool_destroy(p);
    return result_of(rv);
}

/* An entry that is there and has not been ended. */
static neg_store_result retrieve_living(use *u, neg_bytes *value)
{
    neg_store_result result = retrieve(u, value);
    return result == NEG_STORE_OK && value->len == ENDED_LEN ? NEG_STORE_NOTHING : result;
}

/* @return OK where the entry may be written, THERE or NOTHING where not, or FAILED */
static neg_store_result look(use *u, neg_store_which which)
{
    neg_bytes before;
    neg_store_result found = which == NEG_STORE_ANY     ? NEG_STORE_OK
                             : which == NEG_STORE_KNOWN ? retrieve_living(u, &before)
                                                        : retrieve(u, &before);
    if (which == NEG_STORE_NEW && found == NEG_STORE_OK)
        return NEG_STORE_THERE;
    return which == NEG_STORE_NEW && found == NEG_STORE_NOTHING ? NEG_STORE_OK : found;
}

neg_store_result neg_store_get(neg_store *store, server_rec *s, apr_pool_t *p, neg_bytes id,
                               neg_bytes *value)
{
    use u = {store, s, p, id, 0};
    neg_store_result result = begin(&u);
    return result == NEG_STORE_OK ? end(&u, retrieve_living(&u, value)) : result;
}

neg_store_result neg_store_put(neg_store *store, server_rec *s, apr_pool_t *p, neg_bytes id,
                               neg_bytes value, apr_time_t expiry, neg_store_which which)
{
    use u = {store, s, p, id, 0};
    neg_store_result result = begin(&u);
    if (result != NEG_STORE_OK)
        return result;
    if ((result = look(&u, which)) == NEG_STORE_OK)
        result = result_of(store->provider->store(store->instance, s, id.data, (unsigned int)id.len,
                                                  expiry, (unsigned char *)value.data,
                                                  (unsigned int)value.len, p));
    return end(&u, result);
}

neg_store_result neg_store_look(neg_store *store, server_rec *s, apr_pool_t *p, neg_bytes id)
{
    use u = {store, s, p, id, 0};
    neg_bytes value;
    neg_store_result result = begin(&u);
    if (result != NEG_STORE_OK)
        return result;
    result = end(&u, retrieve(&u, &value));
    return result == NEG_STORE_OK ? NEG_STORE_THERE : result;
}

/*
 * Of a server that is gone httpd's modules say that it has no such entry, as of one that is there:
 * only what it takes shows that the entry is over.  So it is not removed, but marked: what was
 * under way finds the mark, too.
 */
neg_store_result neg_store_end(neg_store *store, server_rec *s, apr_pool_t *p, neg_bytes id,
                               apr_time_t then)
{
    static const unsigned char mark[ENDED_LEN] = {0};
    neg_bytes value = {mark, sizeof(mark)};
    return neg_store_put(store, s, p, id, value, then, NEG_STORE_ANY);
}

/* ---- As it is written ---- */

/* What httpd's modules cannot read as a port they take for a part of the name, and start. */
static int is_host_and_port(const char *server)
{
    const char *bracket = strchr(server, ']');
    const char *colon = strchr(bracket ? bracket : server, ':');
    apr_int64_t port;
    char *end;
    if (!*server || strchr(server, '/') || colon == server)
        return 0;
    if (!colon)
        return 1;
    port = apr_strtoi64(colon + 1, &end, 10);
    return apr_isdigit(colon[1]) && !*end && port > 0 && port < 65536;
}

const char *neg_store_check(apr_pool_t *p, const char *text)
{
    const char *args = strchr(text, ':');
    char *name = apr_pstrmemdup(p, text, strcspn(text, ":"));
    char *server, *rest;
    int is_remote = strcasecmp(name, "redis") == 0 || strcasecmp(name, "memcache") == 0;
    if (strchr(name, '('))
        return apr_psprintf(
            p, "\"%s\": the size stands behind a path: write shmcb:/path/name(512000)", text);
    server = is_remote ? apr_strtok(apr_pstrdup(p, args ? args + 1 : ""), ",", &rest) : NULL;
    while (server && is_host_and_port(server)) {
        is_remote = 0;
        server = apr_strtok(NULL, ",", &rest);
    }
    if (!server && !is_remote)
        return NULL;
    return apr_psprintf(p, "\"%s\" names no server: write %s:host:port, such as %s:%s, without //",
                        text, name, name,
                        strcasecmp(name, "redis") == 0 ? "cache.example.com:6379"
                                                       : "cache.example.com:11211");
}

/* A cache of httpd's (socache), with a mutex where it needs one, and patience with its failures. */

#include "store.h"

#include <ap_provider.h>
#include <ap_socache.h>
#include <apr_atomic.h>
#include <apr_strings.h>
#include <http_log.h>
#include <util_mutex.h>

#include "negotiate.h"

#define CACHE_NAME    "neg-session" /* the providers take 14 characters at most */
#define PAUSE_SECONDS 5
#define ID_LEN        32
#define USUAL_SIZE    1000

/* What is kept over restarts. */
typedef struct {
    ap_socache_instance_t *instance;
    apr_global_mutex_t *mutex;
} shared;

struct neg_store {
    const char *text; /* as configured */
    const ap_socache_provider_t *provider;
    ap_socache_instance_t *instance;
    apr_global_mutex_t *mutex; /* NULL where the provider needs none */
    apr_uint32_t failed_at;    /* seconds; of this child, whose threads all look at it; 0: never */
};

/* In this machine's memory or files, and so in need of our mutex; the others are servers. */
static int is_local(const neg_store *store)
{
    return (store->provider->flags & AP_SOCACHE_FLAG_NOTMPSAFE) != 0;
}

static const char *arguments(const char *text)
{
    const char *colon = strchr(text, ':');
    return colon ? colon + 1 : NULL;
}

const char *neg_store_create(cmd_parms *cmd, const char *text, neg_store **made)
{
    const char *name = apr_pstrmemdup(cmd->pool, text, strcspn(text, ":"));
    neg_store *store = apr_pcalloc(cmd->pool, sizeof(*store));
    const char *why;
    store->text = text;
    store->provider =
        ap_lookup_provider(AP_SOCACHE_PROVIDER_GROUP, name, AP_SOCACHE_PROVIDER_VERSION);
    if (!store->provider)
        return apr_psprintf(cmd->pool,
                            "\"%s\" is no cache that is loaded; write a provider such as shmcb or "
                            "redis:host:port, whose module (mod_socache_%s) a LoadModule line "
                            "before this one loads",
                            name, name);
    why = store->provider->create(&store->instance, arguments(text), cmd->temp_pool, cmd->pool);
    *made = store;
    return why;
}

const char *neg_store_text(const neg_store *store)
{
    return store->text;
}

/* ---- Life ---- */

static int open_instance(neg_store *store, server_rec *s, apr_pool_t *p)
{
    struct ap_socache_hints hints = {ID_LEN, USUAL_SIZE, apr_time_from_sec(3600)};
    apr_status_t rv = store->provider->init(store->instance, CACHE_NAME, &hints, s, p);
    if (rv == APR_SUCCESS)
        return OK;
    ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_ERR, rv, s, "the cache %s cannot be opened",
                 store->text);
    return HTTP_INTERNAL_SERVER_ERROR;
}

/* Its memory and its mutex live as long as the parent process. */
static int open_shared(neg_store *store, server_rec *s, apr_pool_t *pconf, const char *mutex)
{
    apr_pool_t *p = s->process->pool;
    const char *key = apr_pstrcat(pconf, "auth_negotiate:", mutex, ":", store->text, NULL);
    shared *kept = ap_retained_data_get(key);
    if (!kept) {
        const char *why = store->provider->create(&store->instance, arguments(store->text), p, p);
        if (why || ap_global_mutex_create(&store->mutex, NULL, mutex, NULL, s, p, 0) != APR_SUCCESS)
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

int neg_store_open(neg_store *store, server_rec *s, apr_pool_t *pconf, const char *mutex)
{
    return is_local(store) ? open_shared(store, s, pconf, mutex) : open_instance(store, s, pconf);
}

void neg_store_init_child(neg_store *store, server_rec *s, apr_pool_t *pchild)
{
    if (store->mutex &&
        apr_global_mutex_child_init(&store->mutex, apr_global_mutex_lockfile(store->mutex),
                                    pchild) != APR_SUCCESS)
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s, "the mutex of the cache %s cannot be opened",
                     store->text);
}

/* ---- Use ---- */

static int is_paused(const neg_store *store)
{
    apr_uint32_t failed_at = apr_atomic_read32((apr_uint32_t *)&store->failed_at);
    return failed_at && (apr_uint32_t)apr_time_sec(apr_time_now()) - failed_at < PAUSE_SECONDS;
}

static neg_store_result result_of(neg_store *store, apr_status_t rv)
{
    if (rv == APR_SUCCESS)
        return NEG_STORE_OK;
    if (rv == APR_NOTFOUND)
        return NEG_STORE_NOTHING;
    if (!is_local(store)) /* memory is never away: this entry was refused, and others are not */
        apr_atomic_set32(&store->failed_at, (apr_uint32_t)apr_time_sec(apr_time_now()));
    return NEG_STORE_FAILED;
}

static int lock(neg_store *store)
{
    return !store->mutex || apr_global_mutex_lock(store->mutex) == APR_SUCCESS;
}

static void unlock(neg_store *store)
{
    if (store->mutex)
        apr_global_mutex_unlock(store->mutex);
}

neg_store_result neg_store_get(neg_store *store, server_rec *s, apr_pool_t *p, neg_bytes id,
                               apr_size_t largest, neg_bytes *value)
{
    unsigned char *data = apr_palloc(p, largest);
    unsigned int len = (unsigned int)largest;
    apr_status_t rv;
    if (is_paused(store))
        return NEG_STORE_PAUSED;
    if (!lock(store))
        return NEG_STORE_FAILED;
    rv =
        store->provider->retrieve(store->instance, s, id.data, (unsigned int)id.len, data, &len, p);
    unlock(store);
    value->data = data;
    value->len = len;
    return result_of(store, rv);
}

neg_store_result neg_store_put(neg_store *store, server_rec *s, apr_pool_t *p, neg_bytes id,
                               neg_bytes value, apr_time_t expiry)
{
    apr_status_t rv;
    if (is_paused(store))
        return NEG_STORE_PAUSED;
    if (!lock(store))
        return NEG_STORE_FAILED;
    rv = store->provider->store(store->instance, s, id.data, (unsigned int)id.len, expiry,
                                (unsigned char *)value.data, (unsigned int)value.len, p);
    unlock(store);
    return result_of(store, rv);
}

neg_store_result neg_store_remove(neg_store *store, server_rec *s, apr_pool_t *p, neg_bytes id)
{
    apr_status_t rv;
    if (is_paused(store))
        return NEG_STORE_PAUSED;
    if (!lock(store))
        return NEG_STORE_FAILED;
    rv = store->provider->remove(store->instance, s, id.data, (unsigned int)id.len, p);
    unlock(store);
    return result_of(store, rv);
}

/* What each thread keeps: made at its first use, given back when it ends. */

#include <apr_hash.h>
#include <apr_strings.h>
#include <apr_thread_proc.h>
#include <profile.h>

#include "binding.h"
#include "digest.h"
#include "keyring.h"
#include "seal.h"

/* Certificates change with a reload of httpd, which makes new processes. */
#define END_POINTS_MAX 64

#define DEFAULT_CLOCKSKEW 300 /* krb5.conf(5) */

struct neg_workers {
    apr_threadkey_t *key;
};

struct neg_worker {
    apr_pool_t *pool;
    krb5_context krb5;       /* also keeps the parsed krb5.conf alive for GSSAPI's own contexts */
    apr_hash_t *credentials; /* neg_acceptor_key() -> gss_cred_id_t */
    apr_hash_t *keyrings;    /* see keyring.c */
    apr_hash_t *end_points;  /* PEM of a certificate -> neg_bytes * */
    neg_sealer *sealer;      /* of session cookies; NULL until it is used */
    neg_digester *digester;
    apr_time_t clockskew;
    int interposed; /* a plugin of GSSAPI stands before krb5: see plugins.c */
};

static apr_status_t free_krb5(void *krb5)
{
    krb5_free_context(krb5);
    return APR_SUCCESS;
}

static void end_worker(void *worker)
{
    apr_pool_destroy(((neg_worker *)worker)->pool);
}

/* The thread that runs the child's own cleanups gets no destructor call from the thread library. */
static apr_status_t end_own_worker(void *data)
{
    neg_workers *workers = data;
    void *worker = NULL;
    if (apr_threadkey_private_get(&worker, workers->key) == APR_SUCCESS && worker) {
        apr_threadkey_private_set(NULL, workers->key);
        end_worker(worker);
    }
    return APR_SUCCESS;
}

neg_workers *neg_workers_create(apr_pool_t *pchild)
{
    neg_workers *workers = apr_pcalloc(pchild, sizeof(*workers));
    if (apr_threadkey_private_create(&workers->key, end_worker, pchild) != APR_SUCCESS)
        return NULL;
    apr_pool_cleanup_register(pchild, workers, end_own_worker, apr_pool_cleanup_null);
    return workers;
}

static apr_time_t read_clockskew(krb5_context krb5)
{
    profile_t profile;
    int seconds = DEFAULT_CLOCKSKEW;
    if (krb5_get_profile(krb5, &profile) == 0) {
        profile_get_integer(profile, "libdefaults", "clockskew", NULL, DEFAULT_CLOCKSKEW, &seconds);
        profile_release(profile);
    }
    return apr_time_from_sec(seconds);
}

apr_time_t neg_clockskew_configured(void)
{
    apr_time_t skew = apr_time_from_sec(DEFAULT_CLOCKSKEW);
    krb5_context krb5;
    if (krb5_init_context(&krb5) == 0) {
        skew = read_clockskew(krb5);
        krb5_free_context(krb5);
    }
    return skew;
}

/* Memory that no other thread is asked about. */
static apr_pool_t *create_own_pool(void)
{
    apr_allocator_t *allocator;
    apr_pool_t *pool;
    if (apr_allocator_create(&allocator) != APR_SUCCESS)
        return NULL;
    if (apr_pool_create_ex(&pool, NULL, NULL, allocator) != APR_SUCCESS) {
        apr_allocator_destroy(allocator);
        return NULL;
    }
    apr_allocator_owner_set(allocator, pool);
    return pool;
}

static neg_worker *create_worker(void)
{
    apr_pool_t *pool = create_own_pool();
    neg_worker *worker;
    if (!pool)
        return NULL;
    worker = apr_pcalloc(pool, sizeof(*worker));
    worker->pool = pool;
    worker->digester = neg_digester_create(pool);
    if (!worker->digester || krb5_init_context(&worker->krb5) != 0) {
        apr_pool_destroy(pool);
        return NULL;
    }
    apr_pool_cleanup_register(pool, worker->krb5, free_krb5, apr_pool_cleanup_null);
    worker->credentials = apr_hash_make(pool);
    worker->keyrings = apr_hash_make(pool);
    worker->end_points = apr_hash_make(pool);
    worker->clockskew = read_clockskew(worker->krb5);
    return worker;
}

neg_sealer *neg_worker_sealer(neg_worker *worker)
{
    if (!worker->sealer)
        worker->sealer = neg_sealer_create(worker->pool);
    return worker->sealer;
}

neg_worker *neg_worker_get(neg_workers *workers)
{
    void *found = NULL;
    neg_worker *worker;
    if (apr_threadkey_private_get(&found, workers->key) == APR_SUCCESS && found)
        return found;
    worker = create_worker();
    if (worker && apr_threadkey_private_set(worker, workers->key) != APR_SUCCESS) {
        end_worker(worker);
        return NULL;
    }
    return worker;
}

neg_digester *neg_worker_digester(neg_worker *worker)
{
    return worker->digester;
}

apr_hash_t *neg_worker_credentials(neg_worker *worker)
{
    return worker->credentials;
}

void neg_worker_look_at_plugins(neg_worker *worker)
{
    apr_pool_t *scratch = neg_worker_scratch(worker);
    worker->interposed |= neg_plugins_interpose(scratch);
    apr_pool_destroy(scratch);
}

int neg_worker_is_interposed(const neg_worker *worker)
{
    return worker->interposed;
}

apr_hash_t *neg_worker_keyrings(neg_worker *worker)
{
    return worker->keyrings;
}

krb5_context neg_worker_krb5(neg_worker *worker)
{
    return worker->krb5;
}

apr_pool_t *neg_worker_scratch(neg_worker *worker)
{
    apr_pool_t *scratch;
    apr_pool_create(&scratch, worker->pool);
    return scratch;
}

apr_time_t neg_worker_clockskew(neg_worker *worker)
{
    return worker->clockskew;
}

const char *neg_worker_default_realm(neg_worker *worker, apr_pool_t *p)
{
    char *realm;
    const char *copy;
    if (krb5_get_default_realm(worker->krb5, &realm) != 0)
        return NULL;
    copy = apr_pstrdup(p, realm);
    krb5_free_default_realm(worker->krb5, realm);
    return copy;
}

const char *neg_worker_end_point(neg_worker *worker, apr_pool_t *p, const char *pem,
                                 neg_bytes *end_point)
{
    const neg_bytes *known = apr_hash_get(worker->end_points, pem, APR_HASH_KEY_STRING);
    int cached = apr_hash_count(worker->end_points) < END_POINTS_MAX;
    const char *why;
    if (known) {
        *end_point = *known;
        return NULL;
    }
    why = neg_binding_end_point(cached ? worker->pool : p, pem, end_point);
    if (!why && cached)
        apr_hash_set(worker->end_points, apr_pstrdup(worker->pool, pem), APR_HASH_KEY_STRING,
                     apr_pmemdup(worker->pool, end_point, sizeof(*end_point)));
    return why;
}

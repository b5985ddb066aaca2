/*
 * Tickets in users' names, got from the KDC once and lent to later requests.
 *
 * They are lent to a request that comes with the very ticket for which the KDC gave them: its
 * session key is known to the client that got it, which has just proven so.  A user who is
 * impersonated has been authenticated by somebody else for each request.
 */

#include <stdlib.h>
#include <string.h>

#include <apr_escape.h>
#include <apr_hash.h>
#include <apr_strings.h>
#include <apr_thread_mutex.h>
#include <openssl/sha.h>

#include "delegate.h"
#include "s4u.h"

/* Some 4 kB each; the one that is good for the shortest makes room. */
#define KEPT_MAX 1024

/* Too short to be lent: whoever uses it has to come to the end of his work. */
#define RESERVE apr_time_from_sec(60)

typedef struct {
    char *key; /* NULL: free */
    krb5_ccache ccache;
    apr_time_t ends;
    apr_time_t until; /* lent, and no longer */
} kept;

/* Not in the child's pool, for the sake of threads that end after it: see delegate.c. */
struct neg_proxied {
    apr_thread_mutex_t *lock;
    apr_hash_t *by_key;
    kept all[KEPT_MAX];
};

neg_proxied *neg_proxied_create(void)
{
    apr_pool_t *pool;
    neg_proxied *proxied;
    if (apr_pool_create_unmanaged(&pool) != APR_SUCCESS)
        return NULL;
    proxied = apr_pcalloc(pool, sizeof(*proxied));
    proxied->by_key = apr_hash_make(pool);
    if (apr_thread_mutex_create(&proxied->lock, APR_THREAD_MUTEX_DEFAULT, pool) == APR_SUCCESS)
        return proxied;
    apr_pool_destroy(pool);
    return NULL;
}

const char *neg_proxied_key(apr_pool_t *p, const neg_s4u *in)
{
    unsigned char hash[SHA256_DIGEST_LENGTH];
    const char *text =
        apr_psprintf(p, "%s\n%s\n%s\n%s\n%s\n", in->user, in->self.keytab ? in->self.keytab : "",
                     in->self.acceptor, in->self.account ? in->self.account : "",
                     apr_array_pstrcat(p, in->services, ' '));
    SHA256(in->ticket.data, in->ticket.len, hash);
    return apr_pstrcat(p, in->ticket.len ? apr_pescape_hex(p, hash, sizeof(hash), 0) : "S4U2Self",
                       "\n", text, NULL);
}

/* ---- Purses ---- */

static apr_status_t end_purse(void *data)
{
    neg_purse *purse = data;
    if (purse->ccache)
        krb5_cc_destroy(purse->krb5, purse->ccache);
    krb5_free_context(purse->krb5);
    return APR_SUCCESS;
}

neg_purse *neg_purse_create(apr_pool_t *p)
{
    neg_purse *purse = apr_pcalloc(p, sizeof(*purse));
    if (krb5_init_context(&purse->krb5) != 0)
        return NULL;
    apr_pool_cleanup_register(p, purse, end_purse, apr_pool_cleanup_null);
    if (krb5_cc_new_unique(purse->krb5, "MEMORY", NULL, &purse->ccache) != 0) {
        purse->ccache = NULL;
        return NULL;
    }
    return purse;
}

const char *neg_purse_open(apr_pool_t *p, const neg_purse *purse, neg_granted *granted)
{
    char *name;
    krb5_principal user;
    if (krb5_cc_get_full_name(purse->krb5, purse->ccache, &name) != 0)
        return "there is no memory for tickets";
    granted->ccache = apr_pstrdup(p, name);
    krb5_free_string(purse->krb5, name);
    if (krb5_cc_get_principal(purse->krb5, purse->ccache, &user) != 0)
        return "the tickets have no name";
    granted->user = neg_principal_text(p, purse->krb5, user);
    krb5_free_principal(purse->krb5, user);
    return neg_ccache_open(p, granted->ccache, &granted->cred);
}

/* ---- Under the lock ---- */

static int copy(krb5_context krb5, krb5_ccache from, krb5_ccache to)
{
    krb5_principal client;
    int copied;
    if (krb5_cc_get_principal(krb5, from, &client) != 0)
        return 0;
    copied = krb5_cc_initialize(krb5, to, client) == 0 && krb5_cc_copy_creds(krb5, from, to) == 0;
    krb5_free_principal(krb5, client);
    return copied;
}

static void discard(neg_proxied *proxied, krb5_context krb5, kept *k)
{
    if (!k->key)
        return;
    apr_hash_set(proxied->by_key, k->key, APR_HASH_KEY_STRING, NULL);
    krb5_cc_destroy(krb5, k->ccache); /* which wipes the session keys */
    free(k->key);
    k->key = NULL;
}

static kept *room(neg_proxied *proxied)
{
    kept *first = proxied->all;
    for (kept *k = proxied->all; k < proxied->all + KEPT_MAX; k++) {
        if (!k->key)
            return k;
        if (k->until < first->until)
            first = k;
    }
    return first;
}

static apr_time_t find(neg_proxied *proxied, const char *key, apr_time_t now, neg_purse *purse)
{
    kept *k = apr_hash_get(proxied->by_key, key, APR_HASH_KEY_STRING);
    if (k && k->until <= now) {
        discard(proxied, purse->krb5, k);
        k = NULL;
    }
    return k && copy(purse->krb5, k->ccache, purse->ccache) ? k->ends : 0;
}

static void put(neg_proxied *proxied, krb5_context krb5, const char *key, krb5_ccache from,
                apr_time_t ends, apr_time_t until)
{
    kept *k = apr_hash_get(proxied->by_key, key, APR_HASH_KEY_STRING);
    if (!k)
        k = room(proxied);
    discard(proxied, krb5, k);
    if (krb5_cc_new_unique(krb5, "MEMORY", NULL, &k->ccache) != 0)
        return;
    if (!copy(krb5, from, k->ccache) || !(k->key = strdup(key))) {
        krb5_cc_destroy(krb5, k->ccache);
        return;
    }
    k->ends = ends;
    k->until = until < ends - RESERVE ? until : ends - RESERVE;
    apr_hash_set(proxied->by_key, k->key, APR_HASH_KEY_STRING, k);
}

/* ---- Lend and keep ---- */

int neg_proxied_lend(neg_proxied *proxied, apr_pool_t *p, const char *key, apr_time_t now,
                     neg_granted *granted)
{
    neg_purse *purse;
    int known;
    apr_thread_mutex_lock(proxied->lock);
    known = apr_hash_get(proxied->by_key, key, APR_HASH_KEY_STRING) != NULL;
    apr_thread_mutex_unlock(proxied->lock);
    if (!known || !(purse = neg_purse_create(p)))
        return 0;
    apr_thread_mutex_lock(proxied->lock);
    granted->ends = find(proxied, key, now, purse);
    apr_thread_mutex_unlock(proxied->lock);
    return granted->ends && neg_purse_open(p, purse, granted) == NULL;
}

void neg_proxied_keep(neg_proxied *proxied, const char *key, const neg_granted *granted,
                      apr_time_t until)
{
    krb5_context krb5;
    krb5_ccache from;
    if (krb5_init_context(&krb5) != 0)
        return;
    if (krb5_cc_resolve(krb5, granted->ccache, &from) == 0) {
        apr_thread_mutex_lock(proxied->lock);
        put(proxied, krb5, key, from, granted->ends, until);
        apr_thread_mutex_unlock(proxied->lock);
        krb5_cc_close(krb5, from);
    }
    krb5_free_context(krb5);
}

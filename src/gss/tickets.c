/*
 * Tickets for backends: got from the KDC once, though every request delegates anew.
 *
 * A client delegates another ticket-granting ticket with each token, and only the KDC could tell
 * whether it is genuine.  But all its tokens hold the same service ticket, the one by which the
 * client proves who it is.  So what was got with the delegation that came with a service ticket is
 * lent to the requests that come with that very one: the same logon of the same user, whose session
 * key nobody else has.
 */

#include <stdlib.h>
#include <string.h>

#include <apr_hash.h>
#include <apr_strings.h>
#include <apr_thread_mutex.h>

#include "delegate.h"
#include "gss.h"

/* 2 kB each; the one that ends first makes room. */
#define TICKETS_MAX 1024

typedef struct ticket {
    char *key;
    krb5_creds *creds;
    apr_time_t end;
} ticket;

/* Not in the child's pool, for the sake of threads that end after it: see delegate.c. */
struct neg_tickets {
    apr_thread_mutex_t *lock;
    apr_hash_t *by_key;
    ticket all[TICKETS_MAX];
};

neg_tickets *neg_tickets_create(void)
{
    apr_pool_t *pool;
    neg_tickets *tickets;
    if (apr_pool_create_unmanaged(&pool) != APR_SUCCESS)
        return NULL;
    tickets = apr_pcalloc(pool, sizeof(*tickets));
    tickets->by_key = apr_hash_make(pool);
    if (apr_thread_mutex_create(&tickets->lock, APR_THREAD_MUTEX_DEFAULT, pool) == APR_SUCCESS)
        return tickets;
    apr_pool_destroy(pool);
    return NULL;
}

/* ---- Under the lock ---- */

static void discard(neg_tickets *tickets, krb5_context krb5, ticket *t)
{
    if (!t->key)
        return;
    apr_hash_set(tickets->by_key, t->key, APR_HASH_KEY_STRING, NULL);
    krb5_free_creds(krb5, t->creds); /* which wipes the session key */
    free(t->key);
    t->key = NULL;
}

static ticket *room(neg_tickets *tickets)
{
    ticket *first = tickets->all;
    for (ticket *t = tickets->all; t < tickets->all + TICKETS_MAX; t++) {
        if (!t->key)
            return t;
        if (t->end < first->end)
            first = t;
    }
    return first;
}

static krb5_creds *copy_of(neg_tickets *tickets, krb5_context krb5, const char *key, apr_time_t now)
{
    krb5_creds *copy = NULL;
    ticket *t = apr_hash_get(tickets->by_key, key, APR_HASH_KEY_STRING);
    if (t && t->end <= now)
        discard(tickets, krb5, t);
    else if (t && krb5_copy_creds(krb5, t->creds, &copy) != 0)
        copy = NULL;
    return copy;
}

static void keep(neg_tickets *tickets, krb5_context krb5, const char *key, krb5_creds *creds,
                 apr_time_t end)
{
    ticket *t = apr_hash_get(tickets->by_key, key, APR_HASH_KEY_STRING);
    if (!t)
        t = room(tickets);
    discard(tickets, krb5, t);
    if (!(t->key = strdup(key)))
        return;
    if (krb5_copy_creds(krb5, creds, &t->creds) != 0) {
        free(t->key);
        t->key = NULL;
        return;
    }
    t->end = end;
    apr_hash_set(tickets->by_key, t->key, APR_HASH_KEY_STRING, t);
}

/* ---- To and from a user's ccache ---- */

/* The realm may be one that only the KDC knew. */
static krb5_error_code find(krb5_context krb5, const char *ccache, const char *service,
                            apr_time_t now, krb5_creds *creds)
{
    krb5_ccache handle;
    krb5_creds wanted = {0};
    const char *host = strchr(service, '@') + 1;
    char *name = strndup(service, (size_t)(host - 1 - service));
    krb5_error_code code = krb5_cc_resolve(krb5, ccache, &handle);
    if (!code) {
        wanted.times.endtime = (krb5_timestamp)apr_time_sec(now);
        if ((code = krb5_cc_get_principal(krb5, handle, &wanted.client)) == 0 &&
            (code = krb5_sname_to_principal(krb5, host, name, KRB5_NT_SRV_HST, &wanted.server)) ==
                0)
            code = krb5_cc_retrieve_cred(
                krb5, handle, KRB5_TC_MATCH_SRV_NAMEONLY | KRB5_TC_MATCH_TIMES, &wanted, creds);
        krb5_free_cred_contents(krb5, &wanted);
        krb5_cc_close(krb5, handle);
    }
    free(name);
    return code;
}

/* Never into a ccache that says to be another's. */
static void put(krb5_context krb5, const char *ccache, krb5_creds *creds)
{
    krb5_ccache handle;
    krb5_principal owner;
    if (krb5_cc_resolve(krb5, ccache, &handle) != 0)
        return;
    if (krb5_cc_get_principal(krb5, handle, &owner) == 0) {
        if (krb5_principal_compare(krb5, owner, creds->client))
            (void)krb5_cc_store_cred(krb5, handle, creds);
        krb5_free_principal(krb5, owner);
    }
    krb5_cc_close(krb5, handle);
}

int neg_tickets_lend(neg_tickets *tickets, krb5_context krb5, const neg_ticket_place *place,
                     apr_time_t now)
{
    krb5_creds own, *creds;
    if (find(krb5, place->ccache, place->service, now, &own) == 0) {
        krb5_free_cred_contents(krb5, &own);
        return 1;
    }
    apr_thread_mutex_lock(tickets->lock);
    creds = copy_of(tickets, krb5, place->key, now);
    apr_thread_mutex_unlock(tickets->lock);
    if (!creds)
        return 0;
    put(krb5, place->ccache, creds);
    krb5_free_creds(krb5, creds);
    return 1;
}

void neg_tickets_keep(neg_tickets *tickets, krb5_context krb5, const neg_ticket_place *place,
                      apr_time_t now, apr_time_t end)
{
    krb5_creds creds;
    apr_time_t until;
    if (find(krb5, place->ccache, place->service, now, &creds) != 0)
        return;
    until = apr_time_from_sec((apr_uint32_t)creds.times.endtime);
    apr_thread_mutex_lock(tickets->lock);
    keep(tickets, krb5, place->key, &creds, until < end ? until : end);
    apr_thread_mutex_unlock(tickets->lock);
    krb5_free_cred_contents(krb5, &creds);
}

void neg_tickets_forget(neg_tickets *tickets, krb5_context krb5, const char *key)
{
    ticket *t;
    apr_thread_mutex_lock(tickets->lock);
    if ((t = apr_hash_get(tickets->by_key, key, APR_HASH_KEY_STRING)))
        discard(tickets, krb5, t);
    apr_thread_mutex_unlock(tickets->lock);
}

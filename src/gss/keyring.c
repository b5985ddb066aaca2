/*
 * A keytab's keys in memory, so that a token costs neither reading the file nor trying keys in
 * vain: the ticket says in the clear which key it was made with, and only with that one it is
 * opened.
 *
 * The file stays the truth.  It is looked at with each token; when its identity, size or times have
 * changed, the keys are wiped and read again.  One that the parent holds does not change (held.h).
 * Whatever is out of the ordinary (no such key, a file
 * that cannot be read, one of which another writer may be in the midst) goes the ordinary way,
 * which knows how to explain it.
 */

#include <string.h>
#include <sys/stat.h>

#include <apr_hash.h>
#include <apr_strings.h>

#include "acquire.h"
#include "apreq.h"
#include "held.h"
#include "keyring.h"

/* A file that was written twice within its clock's tick looks the same: it has to come to rest. */
#define REST apr_time_from_sec(2)

typedef struct {
    apr_pool_t *pool; /* of what follows; cleared when the file has changed */
    const char *path; /* NULL: it is held */
    struct stat file;
    const char *memory;      /* MEMORY:name */
    krb5_keytab keytab;      /* the same, open */
    neg_keys *keys;          /* NULL when nothing was read */
    apr_hash_t *credentials; /* neg_acceptor_key() -> gss_cred_id_t */
} keyring;

typedef struct {
    krb5_context krb5;
    krb5_keytab keytab;
} open_keytab;

/* The library wipes the keys of a keytab in memory with its last handle. */
static apr_status_t close_keytab(void *data)
{
    open_keytab *opened = data;
    krb5_kt_close(opened->krb5, opened->keytab);
    return APR_SUCCESS;
}

static krb5_keytab open_in(apr_pool_t *p, krb5_context krb5, const char *name)
{
    open_keytab *opened = apr_palloc(p, sizeof(*opened));
    opened->krb5 = krb5;
    if (krb5_kt_resolve(krb5, name, &opened->keytab) != 0)
        return NULL;
    apr_pool_cleanup_register(p, opened, close_keytab, apr_pool_cleanup_null);
    return opened->keytab;
}

/* All or nothing. */
static void read_keys(keyring *ring, krb5_context krb5)
{
    apr_pool_t *scratch;
    krb5_keytab from, to;
    apr_pool_create(&scratch, ring->pool);
    ring->memory = apr_psprintf(ring->pool, "MEMORY:auth_negotiate-%pp", (void *)ring);
    ring->credentials = apr_hash_make(ring->pool);
    from = open_in(scratch, krb5, apr_pstrcat(scratch, "FILE:", ring->path, NULL));
    to = from ? open_in(ring->pool, krb5, ring->memory) : NULL;
    ring->keys = to ? neg_keys_read(ring->pool, krb5, from, to) : NULL;
    ring->keytab = to;
    apr_pool_destroy(scratch);
}

static int read_held(keyring *ring, krb5_context krb5)
{
    ring->credentials = apr_hash_make(ring->pool);
    ring->keytab = open_in(ring->pool, krb5, ring->memory);
    ring->keys = ring->keytab ? neg_keys_read(ring->pool, krb5, ring->keytab, NULL) : NULL;
    return ring->keys != NULL;
}

static int same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static int same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           same_time(a->st_mtim, b->st_mtim) && same_time(a->st_ctim, b->st_ctim);
}

static int is_at_rest(const struct stat *file, apr_time_t now)
{
    return apr_time_from_sec(file->st_ctim.tv_sec) + file->st_ctim.tv_nsec / 1000 + REST < now;
}

static keyring *create_ring(apr_pool_t *p, const char *path)
{
    keyring *ring = apr_pcalloc(p, sizeof(*ring));
    ring->path = path ? apr_pstrdup(p, path) : NULL;
    apr_pool_create(&ring->pool, p);
    return ring;
}

/* @return whether the ring has what is in the file now */
static int renew(keyring *ring, krb5_context krb5, apr_time_t now)
{
    struct stat file;
    int there;
    if (!ring->path)
        return ring->keys || read_held(ring, krb5);
    there = stat(ring->path, &file) == 0;
    if (there && ring->keys && same_file(&file, &ring->file))
        return 1;
    ring->keys = NULL;
    apr_pool_clear(ring->pool);
    if (!there || !S_ISREG(file.st_mode) || !is_at_rest(&file, now))
        return 0;
    ring->file = file;
    read_keys(ring, krb5);
    if (ring->keys && (stat(ring->path, &file) != 0 || !same_file(&file, &ring->file)))
        ring->keys = NULL;
    return ring->keys != NULL;
}

static gss_cred_id_t credential_of(keyring *ring, neg_worker *worker, apr_pool_t *p,
                                   const neg_acceptor *acceptor)
{
    const char *key = neg_acceptor_key(p, acceptor);
    gss_cred_id_t cred = apr_hash_get(ring->credentials, key, APR_HASH_KEY_STRING);
    if (!cred && (cred = neg_acceptor_acquire_principal(acceptor)) != GSS_C_NO_CREDENTIAL) {
        apr_pool_cleanup_register(ring->pool, cred, neg_release_credential, apr_pool_cleanup_null);
        apr_hash_set(ring->credentials, apr_pstrdup(ring->pool, key), APR_HASH_KEY_STRING, cred);
        neg_worker_look_at_plugins(worker);
    }
    return cred;
}

/* A credential for one principal is Kerberos' alone, and a host's name is the library's to find. */
static int may_be_named(const neg_acceptor *acceptor)
{
    return acceptor->mechs == NEG_MECH_KRB5 && !strchr(acceptor->acceptor, '@');
}

/* Where two keys have one label the library must try both, which it does not for a name; and where
 * the ticket names no key that is there, an alias may share the key of another name. */
static gss_cred_id_t credential_for(keyring *ring, neg_worker *worker, apr_pool_t *p,
                                    const neg_acceptor *acceptor, const krb5_ticket *ticket,
                                    neg_trial *trial)
{
    neg_acceptor named = *acceptor;
    const neg_key *key;
    *trial = NEG_TRIAL_OPENED;
    if (!may_be_named(acceptor) || neg_keys_labelled(ring->keys, ticket, &key) != 1 ||
        !neg_key_may_accept(key->principal, acceptor->acceptor)) {
        *trial = neg_keys_try(ring->keys, ticket, acceptor->acceptor, NEG_TRIAL_FULL, &key);
        return GSS_C_NO_CREDENTIAL;
    }
    named.acceptor = key->name;
    named.keytab = ring->memory;
    return credential_of(ring, worker, p, &named);
}

/* ---- All of a thread ---- */

static keyring *find_ring(neg_worker *worker, apr_pool_t *p, const char *keytab)
{
    apr_hash_t *all = neg_worker_keyrings(worker);
    apr_pool_t *own = apr_hash_pool_get(all);
    const char *key = keytab ? keytab : "";
    keyring *ring = apr_hash_get(all, key, APR_HASH_KEY_STRING);
    const char *path;
    if (ring)
        return ring;
    path = neg_keytab_path(keytab ? keytab : neg_keytab_default_name(p, neg_worker_krb5(worker)));
    if (!path && !neg_held_is_name(keytab))
        return NULL;
    ring = create_ring(own, path);
    key = apr_pstrdup(own, key);
    if (!path)
        ring->memory = key;
    apr_hash_set(all, key, APR_HASH_KEY_STRING, ring);
    return ring;
}

/* @return the keys as they are in the file now, or NULL */
static keyring *current_ring(neg_worker *worker, apr_pool_t *p, const char *keytab, apr_time_t now)
{
    keyring *ring = find_ring(worker, p, keytab);
    return ring && renew(ring, neg_worker_krb5(worker), now) ? ring : NULL;
}

const neg_keys *neg_worker_keylist(neg_worker *worker, apr_pool_t *p, const char *keytab,
                                   apr_time_t now)
{
    const keyring *ring = current_ring(worker, p, keytab, now);
    return ring ? ring->keys : NULL;
}

gss_cred_id_t neg_worker_credential_for(neg_worker *worker, apr_pool_t *p,
                                        const neg_acceptor *acceptor, neg_bytes ap_req,
                                        apr_time_t now, neg_trial *trial)
{
    krb5_context krb5 = neg_worker_krb5(worker);
    gss_cred_id_t cred;
    keyring *ring;
    neg_ap_req parsed;
    krb5_ticket *ticket;
    krb5_data der;
    *trial = NEG_TRIAL_OPENED;
    if (neg_ap_req_parse(ap_req, &parsed) != NULL)
        return GSS_C_NO_CREDENTIAL;
    der = (krb5_data){0, (unsigned)parsed.ticket.len, (char *)parsed.ticket.data};
    if (!(ring = current_ring(worker, p, acceptor->keytab, now)) ||
        krb5_decode_ticket(&der, &ticket) != 0)
        return GSS_C_NO_CREDENTIAL;
    cred = credential_for(ring, worker, p, acceptor, ticket, trial);
    krb5_free_ticket(krb5, ticket);
    return cred;
}

krb5_keytab neg_worker_keys(neg_worker *worker, apr_pool_t *p, const char *keytab, apr_time_t now)
{
    const keyring *ring = current_ring(worker, p, keytab, now);
    return ring ? ring->keytab : NULL;
}

int neg_worker_has_key_of(neg_worker *worker, apr_pool_t *p, const char *keytab,
                          const char *principal, apr_time_t now)
{
    const neg_keys *keys = neg_worker_keylist(worker, p, keytab, now);
    apr_array_header_t *entries = keys ? keys->entries : NULL;
    if (!entries && neg_keytab_list(p, neg_worker_krb5(worker), keytab, &entries) != NULL)
        return 0;
    for (int i = 0; i < entries->nelts; i++)
        if (strcmp(APR_ARRAY_IDX(entries, i, neg_keytab_entry).principal, principal) == 0)
            return 1;
    return 0;
}

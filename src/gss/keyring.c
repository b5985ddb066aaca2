/*
 * A keytab's keys in memory, so that a token costs neither reading the file nor trying keys in
 * vain: the ticket says in the clear which key it was made with, and only with that one it is
 * opened.
 *
 * The file stays the truth.  It is looked at with each token; when its identity, size or times have
 * changed, the keys are wiped and read again.  Whatever is out of the ordinary (no such key, a file
 * that cannot be read, one of which another writer may be in the midst) goes the ordinary way,
 * which knows how to explain it.
 */

#include <string.h>
#include <sys/stat.h>

#include <apr_hash.h>
#include <apr_strings.h>

#include "apreq.h"
#include "keyring.h"

/* A file that was written twice within its clock's tick looks the same: it has to come to rest. */
#define REST apr_time_from_sec(2)

typedef struct {
    krb5_principal principal;
    const char *name;
    krb5_kvno kvno;
    krb5_enctype enctype;
} key_label;

typedef struct {
    apr_pool_t *pool; /* of what follows; cleared when the file has changed */
    const char *path;
    struct stat file;
    const char *memory;         /* MEMORY:name */
    apr_array_header_t *labels; /* of key_label; NULL when nothing was read */
    apr_hash_t *credentials;    /* neg_acceptor_key() -> gss_cred_id_t */
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

static int add_label(keyring *ring, krb5_context krb5, const krb5_keytab_entry *entry)
{
    key_label *label = apr_array_push(ring->labels);
    krb5_principal principal;
    if (krb5_copy_principal(krb5, entry->principal, &principal) != 0)
        return -1;
    label->principal = neg_principal_hold(ring->pool, krb5, principal);
    label->name = neg_principal_text(ring->pool, krb5, principal);
    label->kvno = entry->vno;
    label->enctype = entry->key.enctype;
    return 0;
}

static int copy_keys(keyring *ring, krb5_context krb5, krb5_keytab from, krb5_keytab to)
{
    krb5_keytab_entry entry;
    krb5_kt_cursor cursor;
    krb5_error_code code;
    int failed = 0;
    if (krb5_kt_start_seq_get(krb5, from, &cursor) != 0)
        return -1;
    while (!failed && (code = krb5_kt_next_entry(krb5, from, &entry, &cursor)) == 0) {
        failed = krb5_kt_add_entry(krb5, to, &entry) != 0 || add_label(ring, krb5, &entry) != 0;
        krb5_free_keytab_entry_contents(krb5, &entry);
    }
    krb5_kt_end_seq_get(krb5, from, &cursor);
    return failed || code != KRB5_KT_END ? -1 : 0;
}

/* All or nothing. */
static void read_keys(keyring *ring, krb5_context krb5)
{
    apr_pool_t *scratch;
    krb5_keytab from, to;
    apr_pool_create(&scratch, ring->pool);
    ring->memory = apr_psprintf(ring->pool, "MEMORY:auth_negotiate-%pp", (void *)ring);
    ring->labels = apr_array_make(ring->pool, 8, sizeof(key_label));
    ring->credentials = apr_hash_make(ring->pool);
    from = open_in(scratch, krb5, apr_pstrcat(scratch, "FILE:", ring->path, NULL));
    to = from ? open_in(ring->pool, krb5, ring->memory) : NULL;
    if (!to || copy_keys(ring, krb5, from, to) != 0)
        ring->labels = NULL;
    apr_pool_destroy(scratch);
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
    ring->path = apr_pstrdup(p, path);
    apr_pool_create(&ring->pool, p);
    return ring;
}

/* @return whether the ring has what is in the file now */
static int renew(keyring *ring, krb5_context krb5, apr_time_t now)
{
    struct stat file;
    int there = stat(ring->path, &file) == 0;
    if (there && ring->labels && same_file(&file, &ring->file))
        return 1;
    ring->labels = NULL;
    apr_pool_clear(ring->pool);
    if (!there || !S_ISREG(file.st_mode) || !is_at_rest(&file, now))
        return 0;
    ring->file = file;
    read_keys(ring, krb5);
    if (ring->labels && (stat(ring->path, &file) != 0 || !same_file(&file, &ring->file)))
        ring->labels = NULL;
    return ring->labels != NULL;
}

/* As a host-based name without a host is matched: a service and a host, nothing more. */
static int may_accept(krb5_const_principal principal, const char *acceptor)
{
    const krb5_data *service = krb5_princ_component(NULL, principal, 0);
    if (strcmp(acceptor, "any") == 0)
        return 1;
    return principal->length == 2 && service->length == strlen(acceptor) &&
           memcmp(service->data, acceptor, service->length) == 0;
}

/* Where two keys have one label the library must try both, which it does not for a name. */
static const char *find_name(const keyring *ring, krb5_context krb5, const krb5_ticket *ticket,
                             const char *acceptor)
{
    const key_label *found = NULL;
    for (int i = 0; i < ring->labels->nelts; i++) {
        const key_label *label = &APR_ARRAY_IDX(ring->labels, i, key_label);
        if (label->kvno != ticket->enc_part.kvno || label->enctype != ticket->enc_part.enctype ||
            !krb5_principal_compare(krb5, label->principal, ticket->server))
            continue;
        if (found)
            return NULL;
        found = label;
    }
    return found && may_accept(found->principal, acceptor) ? found->name : NULL;
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

static gss_cred_id_t credential_for(keyring *ring, neg_worker *worker, apr_pool_t *p,
                                    const neg_acceptor *acceptor, neg_bytes ticket, apr_time_t now)
{
    krb5_context krb5 = neg_worker_krb5(worker);
    krb5_data der = {0, (unsigned)ticket.len, (char *)ticket.data};
    krb5_ticket *decoded;
    neg_acceptor named = *acceptor;
    if (!renew(ring, krb5, now) || krb5_decode_ticket(&der, &decoded) != 0)
        return GSS_C_NO_CREDENTIAL;
    named.acceptor = find_name(ring, krb5, decoded, acceptor->acceptor);
    krb5_free_ticket(krb5, decoded);
    named.keytab = ring->memory;
    return named.acceptor ? credential_of(ring, worker, p, &named) : GSS_C_NO_CREDENTIAL;
}

/* ---- All of a thread ---- */

struct neg_keyrings {
    apr_pool_t *pool;
    apr_hash_t *rings; /* a neg_acceptor's keytab -> keyring */
};

neg_keyrings *neg_keyrings_create(apr_pool_t *p)
{
    neg_keyrings *all = apr_palloc(p, sizeof(*all));
    all->pool = p;
    all->rings = apr_hash_make(p);
    return all;
}

static keyring *find_ring(neg_worker *worker, apr_pool_t *p, const char *keytab)
{
    neg_keyrings *all = neg_worker_keyrings(worker);
    const char *key = keytab ? keytab : "";
    keyring *ring = apr_hash_get(all->rings, key, APR_HASH_KEY_STRING);
    const char *path;
    if (ring)
        return ring;
    path = neg_keytab_path(keytab ? keytab : neg_keytab_default_name(p, neg_worker_krb5(worker)));
    if (!path)
        return NULL;
    ring = create_ring(all->pool, path);
    apr_hash_set(all->rings, apr_pstrdup(all->pool, key), APR_HASH_KEY_STRING, ring);
    return ring;
}

gss_cred_id_t neg_worker_credential_for(neg_worker *worker, apr_pool_t *p,
                                        const neg_acceptor *acceptor, neg_bytes ap_req,
                                        apr_time_t now)
{
    keyring *ring;
    neg_ap_req parsed;
    if (acceptor->mechs != NEG_MECH_KRB5 || strchr(acceptor->acceptor, '@') ||
        neg_ap_req_parse(ap_req, &parsed) != NULL)
        return GSS_C_NO_CREDENTIAL;
    if (!(ring = find_ring(worker, p, acceptor->keytab)))
        return GSS_C_NO_CREDENTIAL;
    return credential_for(ring, worker, p, acceptor, parsed.ticket, now);
}

static int is_listed(neg_worker *worker, apr_pool_t *p, const char *keytab, const char *principal)
{
    apr_array_header_t *entries;
    if (neg_keytab_list(p, neg_worker_krb5(worker), keytab, &entries) != NULL)
        return 0;
    for (int i = 0; i < entries->nelts; i++)
        if (strcmp(APR_ARRAY_IDX(entries, i, neg_keytab_entry).principal, principal) == 0)
            return 1;
    return 0;
}

int neg_worker_has_key_of(neg_worker *worker, apr_pool_t *p, const char *keytab,
                          const char *principal, apr_time_t now)
{
    keyring *ring = find_ring(worker, p, keytab);
    if (!ring || !renew(ring, neg_worker_krb5(worker), now))
        return is_listed(worker, p, keytab, principal);
    for (int i = 0; i < ring->labels->nelts; i++)
        if (strcmp(APR_ARRAY_IDX(ring->labels, i, key_label).name, principal) == 0)
            return 1;
    return 0;
}

#include "keys.h"

#include <stdlib.h>
#include <string.h>

#include <apr_hash.h>
#include <apr_strings.h>

#define OCTETS_PER_KEY 256

#define KEYUSAGE_TICKET 2 /* RFC 4120 section 7.5.1 */

/* ---- Reading ---- */

typedef struct {
    krb5_context krb5;
    krb5_key key;
} held_key;

static apr_status_t free_key(void *data)
{
    held_key *held = data;
    krb5_k_free_key(held->krb5, held->key);
    return APR_SUCCESS;
}

static int hold_key(apr_pool_t *p, krb5_context krb5, const krb5_keyblock *block, krb5_key *key)
{
    held_key *held = apr_palloc(p, sizeof(*held));
    held->krb5 = krb5;
    if (krb5_k_create_key(krb5, block, &held->key) != 0)
        return -1;
    apr_pool_cleanup_register(p, held, free_key, apr_pool_cleanup_null);
    *key = held->key;
    return 0;
}

/* Only while a keytab is read: what tells whether a key was there before is wiped afterwards. */
typedef struct {
    apr_pool_t *pool;
    apr_hash_t *keys;          /* text -> krb5_key */
    apr_array_header_t *texts; /* of neg_bytes */
} known_keys;

static known_keys known_make(apr_pool_t *p)
{
    return (known_keys){p, apr_hash_make(p), apr_array_make(p, 8, sizeof(neg_bytes))};
}

static void known_wipe(const known_keys *known)
{
    for (int i = 0; i < known->texts->nelts; i++) {
        neg_bytes text = APR_ARRAY_IDX(known->texts, i, neg_bytes);
        explicit_bzero((void *)text.data, text.len);
    }
}

/* What neg_key_may_accept() looks at, the enctype, and the key. */
static neg_bytes known_text(known_keys *known, const krb5_keytab_entry *entry)
{
    const krb5_data *service = krb5_princ_component(NULL, entry->principal, 0);
    unsigned of_service = entry->principal->length == 2 ? service->length : 0;
    unsigned char *text =
        apr_palloc(known->pool, sizeof(krb5_enctype) + entry->key.length + 1 + of_service);
    neg_bytes bytes = {text, 0};
    memcpy(text, &entry->key.enctype, sizeof(krb5_enctype));
    bytes.len = sizeof(krb5_enctype);
    memcpy(text + bytes.len, entry->key.contents, entry->key.length);
    bytes.len += entry->key.length;
    text[bytes.len++] = entry->principal->length == 2;
    if (of_service)
        memcpy(text + bytes.len, service->data, of_service);
    bytes.len += of_service;
    APR_ARRAY_PUSH(known->texts, neg_bytes) = bytes;
    return bytes;
}

static int make_key(apr_pool_t *p, krb5_context krb5, known_keys *known,
                    const krb5_keytab_entry *entry, neg_key *key)
{
    neg_bytes text = known_text(known, entry);
    key->key = apr_hash_get(known->keys, text.data, (apr_ssize_t)text.len);
    key->again = key->key != NULL;
    if (!key->again && hold_key(p, krb5, &entry->key, &key->key) != 0)
        return -1;
    apr_hash_set(known->keys, text.data, (apr_ssize_t)text.len, key->key);
    return 0;
}

static int add_key(apr_pool_t *p, neg_keys *keys, known_keys *known, const krb5_keytab_entry *entry)
{
    neg_key *key = apr_array_push(keys->all);
    krb5_principal principal;
    memset(key, 0, sizeof(*key));
    if (neg_keytab_add_entry(p, keys->krb5, entry, keys->entries) != 0 ||
        krb5_copy_principal(keys->krb5, entry->principal, &principal) != 0)
        return -1;
    key->principal = neg_principal_hold(p, keys->krb5, principal);
    key->name = APR_ARRAY_IDX(keys->entries, keys->entries->nelts - 1, neg_keytab_entry).principal;
    key->kvno = entry->vno;
    key->enctype = entry->key.enctype;
    return make_key(p, keys->krb5, known, entry, key);
}

/* @return 0, or -1 */
static int read_all(apr_pool_t *p, neg_keys *keys, known_keys *known, krb5_keytab from,
                    krb5_keytab to)
{
    krb5_keytab_entry entry;
    krb5_kt_cursor cursor;
    krb5_error_code code;
    int failed = 0;
    if (krb5_kt_start_seq_get(keys->krb5, from, &cursor) != 0)
        return -1;
    while (!failed && (code = krb5_kt_next_entry(keys->krb5, from, &entry, &cursor)) == 0) {
        failed = (to && krb5_kt_add_entry(keys->krb5, to, &entry) != 0) ||
                 add_key(p, keys, known, &entry) != 0;
        krb5_free_keytab_entry_contents(keys->krb5, &entry);
    }
    krb5_kt_end_seq_get(keys->krb5, from, &cursor);
    return failed || code != KRB5_KT_END ? -1 : 0;
}

neg_keys *neg_keys_read(apr_pool_t *p, krb5_context krb5, krb5_keytab from, krb5_keytab to)
{
    neg_keys *keys = apr_palloc(p, sizeof(*keys));
    apr_pool_t *scratch;
    known_keys known;
    int failed;
    keys->krb5 = krb5;
    keys->all = apr_array_make(p, 8, sizeof(neg_key));
    keys->entries = apr_array_make(p, 8, sizeof(neg_keytab_entry));
    apr_pool_create(&scratch, p);
    known = known_make(scratch);
    failed = read_all(p, keys, &known, from, to);
    known_wipe(&known);
    apr_pool_destroy(scratch);
    return failed ? NULL : keys;
}

neg_keys *neg_keys_of(apr_pool_t *p, krb5_context krb5, const char *name)
{
    neg_keys *keys;
    krb5_keytab keytab;
    if (krb5_kt_resolve(krb5, name, &keytab) != 0)
        return NULL;
    keys = neg_keys_read(p, krb5, keytab, NULL);
    krb5_kt_close(krb5, keytab);
    return keys;
}

/* ---- By the label ---- */

static int is_labelled(const neg_keys *keys, const neg_key *key, const krb5_ticket *ticket)
{
    return key->kvno == ticket->enc_part.kvno && key->enctype == ticket->enc_part.enctype &&
           krb5_principal_compare(keys->krb5, key->principal, ticket->server);
}

int neg_keys_labelled(const neg_keys *keys, const krb5_ticket *ticket, const neg_key **first)
{
    int count = 0;
    for (int i = 0; i < keys->all->nelts; i++) {
        const neg_key *key = &APR_ARRAY_IDX(keys->all, i, neg_key);
        if (is_labelled(keys, key, ticket) && count++ == 0)
            *first = key;
    }
    return count;
}

/* ---- One after the other ---- */

/* As a host-based name without a host is matched: a service and a host, nothing more.  Which host
 * one with a host means, the library may have asked the DNS. */
int neg_key_may_accept(krb5_const_principal principal, const char *acceptor)
{
    const krb5_data *service = krb5_princ_component(NULL, principal, 0);
    apr_size_t len = strcspn(acceptor, "@");
    if (strcmp(acceptor, "any") == 0)
        return 1;
    return principal->length == 2 && service->length == len &&
           memcmp(service->data, acceptor, len) == 0;
}

typedef struct {
    const neg_keys *keys;
    const krb5_ticket *ticket;
    const char *acceptor;
    krb5_data plain;
    apr_size_t octets; /* that may still be spent */
} trial;

/* The library takes a key of a similar enctype for one of the ticket's. */
static int is_similar(const trial *t, const neg_key *key)
{
    krb5_boolean similar = 0;
    return krb5_c_enctype_compare(t->keys->krb5, key->enctype, t->ticket->enc_part.enctype,
                                  &similar) == 0 &&
           similar;
}

static int opens_as_similar(trial *t, const neg_key *key)
{
    krb5_keyblock *block;
    int opened;
    if (krb5_k_key_keyblock(t->keys->krb5, key->key, &block) != 0)
        return 0;
    block->enctype = t->ticket->enc_part.enctype;
    opened = krb5_c_decrypt(t->keys->krb5, block, KEYUSAGE_TICKET, NULL, &t->ticket->enc_part,
                            &t->plain) == 0;
    krb5_free_keyblock(t->keys->krb5, block);
    return opened;
}

static int opens(trial *t, const neg_key *key)
{
    t->plain.length = t->ticket->enc_part.ciphertext.length;
    if (key->enctype != t->ticket->enc_part.enctype)
        return opens_as_similar(t, key);
    return krb5_k_decrypt(t->keys->krb5, key->key, KEYUSAGE_TICKET, NULL, &t->ticket->enc_part,
                          &t->plain) == 0;
}

static neg_trial try_key(trial *t, const neg_key *key)
{
    apr_size_t cost = t->ticket->enc_part.ciphertext.length + OCTETS_PER_KEY;
    if (!is_similar(t, key))
        return NEG_TRIAL_NONE;
    if (t->octets < cost)
        return NEG_TRIAL_GIVEN_UP;
    t->octets -= cost;
    return opens(t, key) ? NEG_TRIAL_OPENED : NEG_TRIAL_NONE;
}

/* The likeliest first: what the ticket says of itself is true but for aliases and forgeries. */
typedef enum {
    OF_THIS_NAME,
    OF_THIS_VERSION,
    OF_ANOTHER_VERSION,
    TURNS
} turn;

static int is_its_turn(const trial *t, turn now, const neg_key *key)
{
    int same_name = krb5_principal_compare(t->keys->krb5, key->principal, t->ticket->server);
    if (now == OF_THIS_NAME || same_name)
        return now == OF_THIS_NAME && same_name;
    return !key->again && (key->kvno == t->ticket->enc_part.kvno) == (now == OF_THIS_VERSION);
}

static neg_trial try_keys(trial *t, turn now, const neg_key **opener)
{
    neg_trial result = NEG_TRIAL_NONE;
    for (int i = 0; i < t->keys->all->nelts && result == NEG_TRIAL_NONE; i++) {
        const neg_key *key = &APR_ARRAY_IDX(t->keys->all, i, neg_key);
        if (!is_its_turn(t, now, key) || !neg_key_may_accept(key->principal, t->acceptor))
            continue;
        result = try_key(t, key);
        if (result == NEG_TRIAL_OPENED)
            *opener = key;
    }
    return result;
}

neg_trial neg_keys_try(const neg_keys *keys, const krb5_ticket *ticket, const char *acceptor,
                       apr_size_t octets, const neg_key **opener)
{
    trial t = {keys, ticket, acceptor, {0}, octets};
    apr_size_t len = ticket->enc_part.ciphertext.length;
    neg_trial result = NEG_TRIAL_NONE;
    *opener = NULL;
    if (!(t.plain.data = malloc(len + 1)))
        return NEG_TRIAL_GIVEN_UP;
    for (turn now = OF_THIS_NAME; now < TURNS && result == NEG_TRIAL_NONE; now++)
        result = try_keys(&t, now, opener);
    explicit_bzero(t.plain.data, len); /* it has a session key */
    free(t.plain.data);
    return result;
}

/* ---- To look into it ---- */

static int decrypt_with(apr_pool_t *p, const neg_keys *keys, const neg_key *key,
                        krb5_ticket *ticket)
{
    krb5_keytab_entry entry = {.principal = key->principal, .vno = key->kvno};
    krb5_keyblock *block;
    krb5_keytab keytab;
    int failed = -1;
    if (krb5_k_key_keyblock(keys->krb5, key->key, &block) != 0)
        return -1;
    entry.key = *block;
    if (krb5_kt_resolve(keys->krb5,
                        apr_psprintf(p, "MEMORY:auth_negotiate-one-%pp", (void *)&entry),
                        &keytab) == 0) {
        failed = krb5_kt_add_entry(keys->krb5, keytab, &entry) != 0 ||
                         krb5_server_decrypt_ticket_keytab(keys->krb5, keytab, ticket) != 0
                     ? -1
                     : 0;
        krb5_kt_close(keys->krb5, keytab);
    }
    krb5_free_keyblock(keys->krb5, block);
    return failed;
}

int neg_keys_decrypt(apr_pool_t *p, const neg_keys *keys, krb5_ticket *ticket, int with_any)
{
    const neg_key *key;
    int labelled = neg_keys_labelled(keys, ticket, &key);
    if (labelled == 0 && !with_any)
        return -1;
    if (labelled != 1 &&
        neg_keys_try(keys, ticket, "any", with_any ? NEG_TRIAL_FULL : NEG_TRIAL_SHORT, &key) !=
            NEG_TRIAL_OPENED)
        return -1;
    return decrypt_with(p, keys, key, ticket);
}

/* Which key of the keytab we log in with at the KDC, and as whom. */

#include <string.h>

#include <apr_strings.h>

#include "s4u.h"

/* ---- Reading the keytab ---- */

typedef struct {
    krb5_context krb5;
    apr_array_header_t *all; /* of krb5_keytab_entry */
} entries;

static apr_status_t free_entries(void *data)
{
    entries *e = data;
    for (int i = 0; i < e->all->nelts; i++)
        krb5_free_keytab_entry_contents(e->krb5, &APR_ARRAY_IDX(e->all, i, krb5_keytab_entry));
    return APR_SUCCESS;
}

static krb5_error_code read_entries(krb5_context krb5, krb5_keytab keytab, entries *e)
{
    krb5_kt_cursor cursor;
    krb5_keytab_entry entry;
    krb5_error_code code = krb5_kt_start_seq_get(krb5, keytab, &cursor);
    if (code)
        return code;
    while (krb5_kt_next_entry(krb5, keytab, &entry, &cursor) == 0)
        APR_ARRAY_PUSH(e->all, krb5_keytab_entry) = entry;
    return krb5_kt_end_seq_get(krb5, keytab, &cursor);
}

static int open_keytab(apr_pool_t *p, krb5_context krb5, const neg_self *self, entries **list,
                       neg_failure *failure)
{
    const char *name = self->keytab ? self->keytab : neg_keytab_default_name(p, krb5);
    entries *e = apr_palloc(p, sizeof(*e));
    krb5_keytab keytab;
    krb5_error_code code = krb5_kt_resolve(krb5, name, &keytab);
    e->krb5 = krb5;
    e->all = apr_array_make(p, 8, sizeof(krb5_keytab_entry));
    apr_pool_cleanup_register(p, e, free_entries, apr_pool_cleanup_null);
    if (!code) {
        code = read_entries(krb5, keytab, e);
        krb5_kt_close(krb5, keytab);
    }
    *list = e;
    if (!code)
        return 0;
    failure->cause = NEG_CAUSE_KEYTAB;
    failure->text = neg_keytab_explain(p, name, neg_status_krb5_text(p, krb5, code));
    return -1;
}

static int is_same_key(const krb5_keyblock *a, const krb5_keyblock *b)
{
    return a->enctype == b->enctype && a->length == b->length &&
           memcmp(a->contents, b->contents, a->length) == 0;
}

/*
 * An Active Directory knows an account by its own name, and not by those of its services, while all
 * of them have one key.  So an entry with the same key and the name of an account is a better one
 * to log in with.
 */
static krb5_const_principal find_account(krb5_context krb5, const entries *e,
                                         krb5_const_principal owner)
{
    for (int i = 0; i < e->all->nelts; i++) {
        const krb5_keytab_entry *key = &APR_ARRAY_IDX(e->all, i, krb5_keytab_entry);
        for (int j = 0; krb5_principal_compare(krb5, key->principal, owner) && j < e->all->nelts;
             j++) {
            const krb5_keytab_entry *other = &APR_ARRAY_IDX(e->all, j, krb5_keytab_entry);
            if (other->principal->length == 1 && is_same_key(&key->key, &other->key) &&
                krb5_realm_compare(krb5, other->principal, owner))
                return other->principal;
        }
    }
    return owner;
}

int neg_self_owner(apr_pool_t *p, krb5_context krb5, const neg_self *self, krb5_principal *owner,
                   neg_failure *failure)
{
    entries *e;
    if (open_keytab(p, krb5, self, &e, failure) != 0)
        return -1;
    for (int i = 0; i < e->all->nelts; i++) {
        krb5_const_principal principal = APR_ARRAY_IDX(e->all, i, krb5_keytab_entry).principal;
        if (neg_keytab_serves(neg_principal_text(p, krb5, principal), self->acceptor) &&
            krb5_copy_principal(krb5, principal, owner) == 0) {
            neg_principal_hold(p, krb5, *owner);
            return 0;
        }
    }
    failure->cause = NEG_CAUSE_KEYTAB;
    failure->text = apr_psprintf(
        p,
        "the keytab %s has no key for AuthNegotiateAcceptor %s, with which "
        "this server could log in at the KDC",
        self->keytab ? self->keytab : neg_keytab_default_name(p, krb5), self->acceptor);
    return -1;
}

int neg_self_client(apr_pool_t *p, krb5_context krb5, const neg_self *self,
                    krb5_const_principal owner, krb5_principal *client, neg_failure *failure)
{
    krb5_error_code code;
    entries *e;
    if (self->account) {
        code = krb5_parse_name(krb5, self->account, client);
    } else {
        if (open_keytab(p, krb5, self, &e, failure) != 0)
            return -1;
        code = krb5_copy_principal(krb5, find_account(krb5, e, owner), client);
    }
    if (code) {
        failure->cause = NEG_CAUSE_OWN_NAME;
        failure->text = apr_psprintf(p, "this server cannot log in at the KDC as %s: %s",
                                     self->account ? self->account : "its key's owner",
                                     neg_status_krb5_text(p, krb5, code));
        return -1;
    }
    neg_principal_hold(p, krb5, *client);
    return 0;
}

/* ---- One to log in with ---- */

static krb5_error_code fill(krb5_context krb5, const entries *e, krb5_const_principal owner,
                            krb5_principal client, krb5_keytab keytab)
{
    krb5_error_code code = 0;
    for (int i = 0; i < e->all->nelts && !code; i++) {
        krb5_keytab_entry entry = APR_ARRAY_IDX(e->all, i, krb5_keytab_entry);
        if (!krb5_principal_compare(krb5, entry.principal, owner))
            continue;
        entry.principal = client;
        code = krb5_kt_add_entry(krb5, keytab, &entry);
    }
    return code;
}

int neg_self_keytab(apr_pool_t *p, krb5_context krb5, const neg_self *self,
                    krb5_const_principal owner, krb5_principal client, krb5_keytab *keytab,
                    neg_failure *failure)
{
    entries *e;
    krb5_error_code code;
    if (open_keytab(p, krb5, self, &e, failure) != 0)
        return -1;
    code = krb5_kt_resolve(krb5, apr_psprintf(p, "MEMORY:mod_auth_negotiate %pp", (const void *)e),
                           keytab);
    if (!code && (code = fill(krb5, e, owner, client, *keytab)))
        krb5_kt_close(krb5, *keytab);
    if (!code)
        return 0;
    failure->cause = NEG_CAUSE_OWN_TICKET;
    failure->text = apr_psprintf(p, "the keys of the keytab cannot be used: %s",
                                 neg_status_krb5_text(p, krb5, code));
    return -1;
}

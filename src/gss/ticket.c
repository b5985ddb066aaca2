/*
 * A client's ticket, opened by ourselves.  The library has done so already, and does not say with
 * which key.
 */

#include <string.h>

#include "apreq.h"
#include "keyring.h"
#include "pacproof.h"

/* RFC 4120 section 7.5.1: a Ticket is encrypted with key usage 2. */
#define KEYUSAGE_TICKET 2

typedef struct {
    apr_pool_t *p;
    krb5_context krb5;
    krb5_ticket *ticket;
    unsigned char *room; /* for what is in it */
    neg_opened *opened;
} lock;

static apr_status_t wipe(void *data)
{
    neg_opened *opened = data;
    explicit_bzero((unsigned char *)opened->plain.data, opened->plain.len); /* the session key */
    krb5_free_keyblock_contents(opened->krb5, &opened->key);
    return APR_SUCCESS;
}

static int fits(lock *l, const krb5_keyblock *key)
{
    krb5_enc_data sealed = l->ticket->enc_part;
    krb5_data plain = {0};
    plain.data = (char *)l->room;
    plain.length = sealed.ciphertext.length;
    if (key->enctype != sealed.enctype ||
        krb5_c_decrypt(l->krb5, key, KEYUSAGE_TICKET, NULL, &sealed, &plain) != 0)
        return 0;
    l->opened->plain = (neg_bytes){l->room, plain.length};
    if (krb5_copy_keyblock_contents(l->krb5, key, &l->opened->key) == 0)
        return 1;
    explicit_bzero(l->room, plain.length);
    return 0;
}

static int try_entry(lock *l, krb5_keytab_entry *entry)
{
    int opens = fits(l, &entry->key);
    krb5_free_keytab_entry_contents(l->krb5, entry);
    return opens;
}

/* As a rule the ticket names its key. */
static int try_named(lock *l, krb5_keytab keytab)
{
    krb5_keytab_entry entry;
    return krb5_kt_get_entry(l->krb5, keytab, l->ticket->server, l->ticket->enc_part.kvno,
                             l->ticket->enc_part.enctype, &entry) == 0 &&
           try_entry(l, &entry);
}

/* It may name an alias, for which the library tries all of them. */
static int try_all(lock *l, krb5_keytab keytab)
{
    krb5_keytab_entry entry;
    krb5_kt_cursor cursor;
    int opens = 0;
    if (krb5_kt_start_seq_get(l->krb5, keytab, &cursor) != 0)
        return 0;
    while (!opens && krb5_kt_next_entry(l->krb5, keytab, &entry, &cursor) == 0)
        opens = entry.key.enctype == l->ticket->enc_part.enctype
                    ? try_entry(l, &entry)
                    : (krb5_free_keytab_entry_contents(l->krb5, &entry), 0);
    krb5_kt_end_seq_get(l->krb5, keytab, &cursor);
    return opens;
}

static int try_keytab(lock *l, krb5_keytab keytab)
{
    return try_named(l, keytab) || try_all(l, keytab);
}

/* Where its keys are not in memory it is read. */
static int try_keys(lock *l, neg_worker *worker, const char *name, apr_time_t now)
{
    krb5_keytab keytab = neg_worker_keys(worker, l->p, name, now);
    int opens;
    if (keytab)
        return try_keytab(l, keytab);
    if ((name ? krb5_kt_resolve(l->krb5, name, &keytab) : krb5_kt_default(l->krb5, &keytab)) != 0)
        return 0;
    opens = try_keytab(l, keytab);
    krb5_kt_close(l->krb5, keytab);
    return opens;
}

int neg_ticket_open(apr_pool_t *p, neg_worker *worker, const char *keytab, neg_bytes ap_req,
                    apr_time_t now, neg_opened *opened)
{
    lock l = {p, neg_worker_krb5(worker), NULL, NULL, opened};
    neg_ap_req parsed;
    krb5_data der = {0};
    int opens;
    memset(opened, 0, sizeof(*opened));
    opened->krb5 = l.krb5;
    if (neg_ap_req_parse(ap_req, &parsed) != NULL)
        return -1;
    der.data = (char *)parsed.ticket.data;
    der.length = (unsigned)parsed.ticket.len;
    if (krb5_decode_ticket(&der, &l.ticket) != 0)
        return -1;
    l.room = apr_palloc(p, l.ticket->enc_part.ciphertext.length + 1);
    opens = try_keys(&l, worker, keytab, now);
    krb5_free_ticket(l.krb5, l.ticket);
    if (!opens)
        return -1;
    apr_pool_cleanup_register(p, opened, wipe, apr_pool_cleanup_null);
    return 0;
}

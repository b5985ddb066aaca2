/*
 * The sessions of one principal in a store: so many, and then a new one ends the oldest.
 *
 * A client that keeps no cookie begins one with every request, and would drive those of others out
 * of a store of limited size.  The list is an entry of the store itself, sealed.  Two nodes that
 * change it in the same instant may lose an entry: then there is one session more, until its time
 * ends.
 */

#include <string.h>

#include <apr_strings.h>
#include <openssl/sha.h>

#include "reader.h"
#include "session.h"
#include "writer.h"

typedef struct {
    neg_bytes id;
    apr_time_t ends;
} entry;

static const char seal_of_list[] = "negotiate session 2: those of a principal";

/* ---- The entry of the store ---- */

static neg_bytes list_id(neg_attempt *a, const char *principal)
{
    neg_bytes name = {(const unsigned char *)principal, strlen(principal)};
    neg_bytes whose = neg_session_associated(a, seal_of_list, name);
    unsigned char *hash = apr_palloc(neg_attempt_pool(a), SHA256_DIGEST_LENGTH);
    neg_bytes id = {SHA256(whose.data, whose.len, hash), NEG_SESSION_ID};
    return id;
}

/* Those whose end has not come, the oldest first. */
static apr_array_header_t *read_entries(apr_pool_t *p, neg_bytes plain)
{
    apr_array_header_t *entries = apr_array_make(p, NEG_SESSIONS_MAX + 1, sizeof(entry));
    const char *error = NULL;
    neg_reader reader = neg_reader_of(plain, &error);
    while (neg_read_more(&reader)) {
        entry e;
        e.id = neg_read_bytes(&reader, NEG_SESSION_ID);
        e.ends = neg_read_be64(&reader);
        if (!error && e.ends > apr_time_now())
            APR_ARRAY_PUSH(entries, entry) = e;
    }
    return entries;
}

/* @return NULL where the store does not answer */
static apr_array_header_t *fetch(neg_attempt *a, neg_bytes id)
{
    apr_pool_t *p = neg_attempt_pool(a);
    neg_bytes sealed, plain = {NULL, 0};
    switch (neg_store_get(neg_session_store_of(a), a->r->server, p, id, &sealed)) {
    case NEG_STORE_OK:
        if (neg_session_open_sealed(a, seal_of_list, id, sealed, &plain) != NULL)
            plain.len = 0; /* under a key that is no more: so are its sessions */
        return read_entries(p, plain);
    case NEG_STORE_NOTHING:
        return read_entries(p, plain);
    default:
        return NULL;
    }
}

static void put(neg_attempt *a, neg_bytes id, const apr_array_header_t *entries)
{
    apr_pool_t *p = neg_attempt_pool(a);
    neg_writer w = {p, NULL, 0, 0};
    neg_bytes plain, sealed;
    apr_time_t ends = 0;
    for (int i = 0; i < entries->nelts; i++) {
        const entry *e = &APR_ARRAY_IDX(entries, i, entry);
        neg_write_bytes(&w, e->id.data, e->id.len);
        neg_write_be64(&w, e->ends);
        ends = e->ends > ends ? e->ends : ends;
    }
    plain.data = w.data;
    plain.len = w.len;
    if (plain.len == 0)
        neg_store_end(neg_session_store_of(a), a->r->server, p, id);
    else if (neg_session_seal(a, seal_of_list, id, plain, &sealed) == NULL)
        neg_store_put(neg_session_store_of(a), a->r->server, p, id, sealed,
                      ends + apr_time_from_sec(2), NEG_STORE_ANY);
}

/* ---- Its changes ---- */

static void take_out(apr_array_header_t *entries, int at)
{
    entry *all = (entry *)entries->elts;
    entries->nelts--;
    memmove(all + at, all + at + 1, sizeof(entry) * (apr_size_t)(entries->nelts - at));
}

static void end_oldest(neg_attempt *a, apr_array_header_t *entries)
{
    neg_live oldest;
    memset(&oldest, 0, sizeof(oldest));
    oldest.id = APR_ARRAY_IDX(entries, 0, entry).id;
    if (neg_session_read(a, &oldest) == NULL) { /* else it has ended already */
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, a->r,
                      "%s has %d sessions, so the oldest is ended: see who logs in again and again "
                      "and keeps no cookie",
                      a->identity->principal, NEG_SESSIONS_MAX);
        neg_session_forget(a, &oldest);
    }
    take_out(entries, 0);
}

void neg_session_list_add(neg_attempt *a, const neg_live *l)
{
    neg_bytes id;
    apr_array_header_t *entries;
    entry *added;
    if (!neg_session_store_of(a))
        return;
    id = list_id(a, a->identity->principal);
    if (!(entries = fetch(a, id)))
        return; /* nor will it take the session */
    while (entries->nelts >= NEG_SESSIONS_MAX)
        end_oldest(a, entries);
    added = apr_array_push(entries);
    added->id = l->id;
    added->ends = l->session.ends;
    put(a, id, entries);
}

void neg_session_list_remove(neg_attempt *a, const neg_live *l)
{
    neg_bytes id;
    apr_array_header_t *entries;
    if (!l->id.len || !l->session.identity)
        return;
    id = list_id(a, l->session.identity->principal);
    entries = fetch(a, id);
    for (int i = 0; entries && i < entries->nelts; i++)
        if (memcmp(APR_ARRAY_IDX(entries, i, entry).id.data, l->id.data, NEG_SESSION_ID) == 0) {
            take_out(entries, i);
            put(a, id, entries);
            return;
        }
}

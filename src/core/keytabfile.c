/* A keytab file's bytes. */

#include "keytabfile.h"

#include <string.h>

#include "reader.h"

/* More of a principal's name than any KDC gives. */
#define COMPONENTS_MAX 32

static apr_uint32_t read_be32(neg_reader *r)
{
    apr_uint32_t high = neg_read_be16(r);

    return high << 16 | neg_read_be16(r);
}

/* 16 bits of length, then so many octets. */
static neg_bytes read_counted(neg_reader *r)
{
    return neg_read_bytes(r, neg_read_be16(r));
}

static void read_name(apr_pool_t *p, neg_reader *r, neg_keytabfile_entry *entry)
{
    unsigned int count = neg_read_be16(r);

    if (count == 0 || count > COMPONENTS_MAX) {
        neg_read_fail(r, "it has a key for a name of no, or too many, parts");
        count = 0;
    }
    entry->realm = read_counted(r);
    entry->components = apr_array_make(p, (int)count, sizeof(neg_bytes));
    while (count-- > 0) {
        APR_ARRAY_PUSH(entry->components, neg_bytes) = read_counted(r);
    }
    entry->name_type = read_be32(r);
}

/* A version above 255 follows the key; writers of old leave that out, or write 0. */
static void read_entry(apr_pool_t *p, neg_reader *r, neg_keytabfile_entry *entry)
{
    apr_uint32_t kvno;

    read_name(p, r, entry);
    entry->timestamp = read_be32(r);
    entry->kvno = neg_read_u8(r);
    entry->enctype = (apr_int16_t)neg_read_be16(r);
    entry->key = read_counted(r);
    if (*r->error == NULL && entry->key.len == 0) {
        neg_read_fail(r, "it has a key without octets");
    }
    if (r->rest.len >= 4 && (kvno = read_be32(r)) != 0) {
        entry->kvno = kvno;
    }
}

/* @return the next record, or one of no octets: a key that was removed leaves a hole behind, whose
 * length is negative */
static neg_reader read_record(neg_reader *r)
{
    apr_uint32_t len = read_be32(r);
    int is_hole = len >> 31;
    neg_bytes record = neg_read_bytes(r, is_hole ? -len : len);

    if (is_hole) {
        record.len = 0;
    } else if (len == 0) { /* nothing is behind it */
        r->rest.len = 0;
    }
    return neg_reader_of(record, r->error);
}

const char *neg_keytabfile_read(apr_pool_t *p, neg_bytes file, apr_array_header_t **entries)
{
    const char *error = NULL;
    neg_reader r = neg_reader_of(file, &error);

    *entries = apr_array_make(p, 8, sizeof(neg_keytabfile_entry));
    if (neg_read_be16(&r) != 0x0502) {
        neg_read_fail(&r, "it is no keytab of the version that MIT krb5 writes");
    }
    while (neg_read_more(&r)) {
        neg_reader record = read_record(&r);

        if (neg_read_more(&record)) {
            read_entry(p, &record, apr_array_push(*entries));
        }
    }
    return error;
}

/* A session as bytes and back. */

#include "record.h"

#include <limits.h>
#include <string.h>

#include <apr_strings.h>

#include "reader.h"
#include "writer.h"

#define VERSION 4

/* Flags. */
#define TLS   1u
#define BOUND 2u

/* ---- Strings: a number that is 0 for NULL, else the length and one; then the octets ---- */

static void write_block(neg_writer *w, const void *data, apr_size_t len)
{
    neg_write_number(w, (apr_uint32_t)len + 1);
    neg_write_bytes(w, data, len);
}

static void write_string(neg_writer *w, const char *s)
{
    if (s) {
        write_block(w, s, strlen(s));
    } else {
        neg_write_number(w, 0);
    }
}

/* @return whether there is one */
static int read_block(neg_reader *r, neg_bytes *block)
{
    apr_uint32_t len = neg_read_number(r);

    *block = neg_read_bytes(r, len ? len - 1 : 0);
    return len > 0;
}

static const char *read_string(apr_pool_t *p, neg_reader *r)
{
    neg_bytes block;

    if (!read_block(r, &block)) {
        return NULL;
    }
    if (block.len && memchr(block.data, '\0', block.len)) {
        neg_read_fail(r, "it has a string with a NUL");
    }
    return block.len ? apr_pstrmemdup(p, (const char *)block.data, block.len) : "";
}

/* Of a member that every identity has. */
static const char *read_present(apr_pool_t *p, neg_reader *r)
{
    const char *s = read_string(p, r);

    if (!s) {
        neg_read_fail(r, "it has nothing where every identity has something");
    }
    return s ? s : "";
}

/* ---- Groups: SIDs of a domain differ in their last number alone, which takes some two octets.  A
 * SID that is as the one before but for that is one more than this number; another one is 0 and the
 * SID. ---- */

#define NO_NUMBER 0xffffffffu /* one more would not fit */

static int is_short(neg_bytes sid, neg_bytes before)
{
    return before.len > 0 && neg_sid_same_domain(sid, before) && neg_sid_rid(sid) != NO_NUMBER;
}

static void write_groups(neg_writer *w, const neg_sids *groups)
{
    neg_bytes rest, before = {NULL, 0};

    neg_write_number(w, groups ? (apr_uint32_t)groups->count + 1 : 0);
    if (!groups) {
        return;
    }
    for (rest = neg_sids_all(groups); rest.len > 0;) {
        neg_bytes sid = neg_sids_next(&rest);

        if (is_short(sid, before)) {
            neg_write_number(w, neg_sid_rid(sid) + 1);
        } else {
            neg_write_number(w, 0);
            neg_write_bytes(w, sid.data, sid.len);
        }
        before = sid;
    }
}

/* @return it, where it is in the list */
static neg_bytes read_group(neg_reader *r, neg_sids *groups, neg_bytes before)
{
    apr_uint32_t number = neg_read_number(r);
    neg_bytes sid;

    if (number > 0 && before.len == 0) {
        neg_read_fail(r, "its first group has no SID");
    }
    if (number > 0 && *r->error == NULL) {
        return neg_sids_add_sibling(groups, before, number - 1);
    }
    sid = neg_sid_read(r);
    if (sid.len > 0 && is_short(sid, before)) {
        neg_read_fail(r, "it repeats more of a group's SID than it has to");
    }
    return neg_sids_add(groups, sid);
}

/* A group is not made before its octets are seen, so that a count alone costs nothing. */
static const neg_sids *read_groups(apr_pool_t *p, neg_reader *r)
{
    apr_uint32_t count = neg_read_number(r);
    neg_bytes sid = {NULL, 0};
    neg_sids *groups;

    if (count == 0) {
        return NULL;
    }
    groups = neg_sids_make(p, 0);
    while (--count > 0 && *r->error == NULL) {
        sid = read_group(r, groups, sid);
    }
    return groups;
}

/* ---- Attributes ---- */

static void write_attributes(neg_writer *w, const apr_array_header_t *attributes)
{
    int i, j;

    neg_write_number(w, attributes ? (apr_uint32_t)attributes->nelts + 1 : 0);
    for (i = 0; attributes && i < attributes->nelts; i++) {
        const neg_attribute *attribute = &APR_ARRAY_IDX(attributes, i, neg_attribute);

        write_string(w, attribute->name);
        neg_write_number(w, (apr_uint32_t)attribute->values->nelts);
        for (j = 0; j < attribute->values->nelts; j++) {
            neg_bytes value = APR_ARRAY_IDX(attribute->values, j, neg_bytes);

            write_block(w, value.data, value.len);
        }
    }
}

static const apr_array_header_t *read_values(apr_pool_t *p, neg_reader *r)
{
    apr_uint32_t count = neg_read_number(r);
    apr_array_header_t *values = apr_array_make(p, 1, sizeof(neg_bytes));

    while (count-- > 0 && *r->error == NULL) {
        neg_bytes value;

        if (!read_block(r, &value)) {
            neg_read_fail(r, "it has an attribute's value that is none");
        }
        if (value.len) {
            value.data = apr_pmemdup(p, value.data, value.len);
        }
        APR_ARRAY_PUSH(values, neg_bytes) = value;
    }
    return values;
}

/* As they are looked for: core/sorted.h. */
static const apr_array_header_t *read_attributes(apr_pool_t *p, neg_reader *r)
{
    apr_uint32_t count = neg_read_number(r);
    apr_array_header_t *attributes;
    const char *before = NULL;

    if (count == 0) {
        return NULL;
    }
    attributes = apr_array_make(p, 2, sizeof(neg_attribute));
    while (--count > 0 && *r->error == NULL) {
        neg_attribute *attribute = apr_array_push(attributes);

        attribute->name = read_present(p, r);
        attribute->values = read_values(p, r);
        if (before && strcmp(before, attribute->name) >= 0) {
            neg_read_fail(r, "its attributes are out of their order");
        }
        before = attribute->name;
    }
    return attributes;
}

/* ---- The whole: both functions name the members in the same order; all but the proof, which is of
 * one token ---- */

static void write_identity(neg_writer *w, const neg_identity *id)
{
    neg_write_u8(w, (id->tls ? TLS : 0) | (id->bound ? BOUND : 0));
    write_string(w, id->space);
    write_string(w, id->principal);
    write_string(w, id->name);
    write_string(w, id->realm);
    write_string(w, id->scheme);
    write_string(w, id->provider);
    write_string(w, id->mechanism);
    neg_write_number(w, id->mech);
    write_string(w, id->acceptor);
    neg_write_be64(w, id->proven);
    neg_write_be64(w, id->expires);
    write_string(w, id->channel);
    write_attributes(w, id->attributes);
    write_string(w, id->account);
    write_string(w, id->upn);
    write_string(w, id->sid);
    write_groups(w, id->groups);
    write_groups(w, id->deny_only);
    write_string(w, id->pac_unknown);
    write_string(w, id->ccache_dir);
    neg_write_number(w, id->ccache_perms.mode);
    neg_write_be64(w, id->ccache_perms.uid);
    neg_write_be64(w, id->ccache_perms.gid);
    write_string(w, id->ccache_for);
    write_string(w, id->ccache);
}

static const neg_identity *read_identity(apr_pool_t *p, neg_reader *r)
{
    neg_identity *id = apr_pcalloc(p, sizeof(*id));
    unsigned int flags = neg_read_u8(r);

    if (flags & ~(TLS | BOUND)) {
        neg_read_fail(r, "it has flags that are none");
    }
    id->tls = (flags & TLS) != 0;
    id->bound = (flags & BOUND) != 0;
    id->space = read_present(p, r);
    id->principal = read_present(p, r);
    id->name = read_present(p, r);
    id->realm = read_present(p, r);
    id->scheme = read_present(p, r);
    id->provider = read_string(p, r);
    id->mechanism = read_present(p, r);
    id->mech = neg_read_number(r);
    id->acceptor = read_present(p, r);
    id->proven = neg_read_be64(r);
    id->expires = neg_read_be64(r);
    id->channel = read_present(p, r);
    id->attributes = read_attributes(p, r);
    id->account = read_string(p, r);
    id->upn = read_string(p, r);
    id->sid = read_string(p, r);
    id->groups = read_groups(p, r);
    id->deny_only = read_groups(p, r);
    id->pac_unknown = read_string(p, r);
    id->ccache_dir = read_string(p, r);
    id->ccache_perms.mode = neg_read_number(r);
    id->ccache_perms.uid = (long)neg_read_be64(r);
    id->ccache_perms.gid = (long)neg_read_be64(r);
    id->ccache_for = read_string(p, r);
    id->ccache = read_string(p, r);
    return id;
}

const char *neg_record_write(apr_pool_t *p, const neg_session *session, neg_bytes *record)
{
    neg_writer w = {p, NULL, 0, 0};

    neg_write_u8(&w, VERSION);
    neg_write_be64(&w, session->begun);
    neg_write_be64(&w, session->renewed);
    neg_write_be64(&w, session->idle_at);
    neg_write_be64(&w, session->ends);
    neg_write_be64(&w, session->idle);
    write_identity(&w, session->identity);
    if (w.len > NEG_RECORD_MAX) {
        return "it is longer than any record";
    }
    record->data = w.data;
    record->len = w.len;
    return NULL;
}

const char *neg_record_read(apr_pool_t *p, neg_bytes record, neg_session *session)
{
    const char *error = NULL;
    neg_reader r = neg_reader_of(record, &error);
    neg_session read;

    if (record.len > NEG_RECORD_MAX) {
        return "it is longer than any record";
    }
    if (neg_read_u8(&r) != VERSION) {
        neg_read_fail(&r, "it is a record of another version");
    }
    read.begun = neg_read_be64(&r);
    read.renewed = neg_read_be64(&r);
    read.idle_at = neg_read_be64(&r);
    read.ends = neg_read_be64(&r);
    read.idle = neg_read_be64(&r);
    read.identity = read_identity(p, &r);
    neg_read_end(&r);
    if (error == NULL) {
        *session = read;
    }
    return error;
}

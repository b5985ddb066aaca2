#include "identity.h"

#include <string.h>

#include "sorted.h"

/* A copy is one piece of memory, so that whoever keeps it needs no pool, whose smallest has 8 KB.
 * It is filled from its beginning; without memory, what it would need is only counted. */
typedef struct {
    char *memory;
    apr_size_t used;
} block;

static void *put_bytes(block *b, const void *bytes, apr_size_t len)
{
    char *place = b->memory ? b->memory + b->used : NULL;
    if (place && len)
        memcpy(place, bytes, len);
    b->used += len;
    return place;
}

static void *put_aligned(block *b, const void *bytes, apr_size_t len)
{
    b->used = APR_ALIGN_DEFAULT(b->used);
    return put_bytes(b, bytes, len);
}

static const char *put_text(block *b, const char *text)
{
    return text ? put_bytes(b, text, strlen(text) + 1) : NULL;
}

/* With its elements as they are. */
static apr_array_header_t *put_array(block *b, const apr_array_header_t *from)
{
    apr_array_header_t *copy = put_aligned(b, from, sizeof(*from));
    char *elts = put_aligned(b, from->elts, (apr_size_t)from->nelts * (apr_size_t)from->elt_size);
    if (copy) {
        copy->pool = NULL; /* it cannot grow */
        copy->nalloc = copy->nelts;
        copy->elts = elts;
    }
    return copy;
}

static const neg_sids *put_sids(block *b, const neg_sids *from)
{
    neg_sids *copy = from ? put_aligned(b, from, sizeof(*from)) : NULL;
    unsigned char *bytes = from ? put_bytes(b, from->bytes.data, from->bytes.len) : NULL;
    if (copy) {
        copy->bytes.pool = NULL; /* it cannot grow either */
        copy->bytes.data = bytes;
        copy->bytes.room = copy->bytes.len;
    }
    return copy;
}

static const apr_array_header_t *put_values(block *b, const apr_array_header_t *from)
{
    apr_array_header_t *copy = put_array(b, from);
    for (int i = 0; i < from->nelts; i++) {
        neg_bytes value = APR_ARRAY_IDX(from, i, neg_bytes);
        value.data = put_bytes(b, value.data, value.len);
        if (copy)
            APR_ARRAY_IDX(copy, i, neg_bytes) = value;
    }
    return copy;
}

static const apr_array_header_t *put_attributes(block *b, const apr_array_header_t *from)
{
    apr_array_header_t *copy = from ? put_array(b, from) : NULL;
    for (int i = 0; from && i < from->nelts; i++) {
        neg_attribute attribute = APR_ARRAY_IDX(from, i, neg_attribute);
        attribute.name = put_text(b, attribute.name);
        attribute.values = put_values(b, attribute.values);
        if (copy)
            APR_ARRAY_IDX(copy, i, neg_attribute) = attribute;
    }
    return copy;
}

static neg_identity *put_identity(block *b, const neg_identity *identity)
{
    neg_identity *place = put_aligned(b, identity, sizeof(*identity));
    neg_identity copy = *identity;
    copy.attributes = put_attributes(b, identity->attributes);
    copy.groups = put_sids(b, identity->groups);
    copy.deny_only = put_sids(b, identity->deny_only);
    copy.space = put_text(b, identity->space);
    copy.principal = put_text(b, identity->principal);
    copy.name = put_text(b, identity->name);
    copy.realm = put_text(b, identity->realm);
    copy.scheme = put_text(b, identity->scheme);
    copy.provider = put_text(b, identity->provider);
    copy.mechanism = put_text(b, identity->mechanism);
    copy.acceptor = put_text(b, identity->acceptor);
    copy.channel = put_text(b, identity->channel);
    copy.account = put_text(b, identity->account);
    copy.upn = put_text(b, identity->upn);
    copy.sid = put_text(b, identity->sid);
    copy.pac_unknown = put_text(b, identity->pac_unknown);
    copy.ccache_dir = put_text(b, identity->ccache_dir);
    copy.ccache_for = put_text(b, identity->ccache_for);
    copy.ccache = put_text(b, identity->ccache);
    copy.proof = put_text(b, identity->proof);
    if (place)
        *place = copy;
    return place;
}

apr_size_t neg_identity_size(const neg_identity *identity)
{
    block b = {NULL, 0};
    put_identity(&b, identity);
    return b.used;
}

neg_identity *neg_identity_copy(void *memory, const neg_identity *identity)
{
    block b = {memory, 0};
    return put_identity(&b, identity);
}

neg_identity *neg_identity_dup(apr_pool_t *p, const neg_identity *identity)
{
    return neg_identity_copy(apr_palloc(p, neg_identity_size(identity)), identity);
}

const neg_attribute *neg_identity_attribute(const neg_identity *identity, const char *name)
{
    return identity->attributes ? neg_sorted_find(identity->attributes, name) : NULL;
}

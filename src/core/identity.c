#include "identity.h"

#include <string.h>

#include <apr_strings.h>

static const apr_array_header_t *dup_values(apr_pool_t *p, const apr_array_header_t *values)
{
    apr_array_header_t *copy = apr_array_make(p, values->nelts + 1, sizeof(neg_bytes));
    for (int i = 0; i < values->nelts; i++) {
        neg_bytes value = APR_ARRAY_IDX(values, i, neg_bytes);
        if (value.len)
            value.data = apr_pmemdup(p, value.data, value.len);
        APR_ARRAY_PUSH(copy, neg_bytes) = value;
    }
    return copy;
}

static const apr_array_header_t *dup_attributes(apr_pool_t *p, const apr_array_header_t *attributes)
{
    apr_array_header_t *copy;
    if (!attributes)
        return NULL;
    copy = apr_array_make(p, attributes->nelts + 1, sizeof(neg_attribute));
    for (int i = 0; i < attributes->nelts; i++) {
        const neg_attribute *from = &APR_ARRAY_IDX(attributes, i, neg_attribute);
        neg_attribute *to = apr_array_push(copy);
        to->name = apr_pstrdup(p, from->name);
        to->values = dup_values(p, from->values);
    }
    return copy;
}

neg_identity *neg_identity_dup(apr_pool_t *p, const neg_identity *identity)
{
    neg_identity *copy = apr_pmemdup(p, identity, sizeof(*identity));
    copy->space = apr_pstrdup(p, identity->space);
    copy->principal = apr_pstrdup(p, identity->principal);
    copy->name = apr_pstrdup(p, identity->name);
    copy->realm = apr_pstrdup(p, identity->realm);
    copy->scheme = apr_pstrdup(p, identity->scheme);
    copy->provider = apr_pstrdup(p, identity->provider);
    copy->mechanism = apr_pstrdup(p, identity->mechanism);
    copy->acceptor = apr_pstrdup(p, identity->acceptor);
    copy->channel = apr_pstrdup(p, identity->channel);
    copy->attributes = dup_attributes(p, identity->attributes);
    copy->account = apr_pstrdup(p, identity->account);
    copy->upn = apr_pstrdup(p, identity->upn);
    copy->sid = apr_pstrdup(p, identity->sid);
    copy->groups = neg_sids_dup(p, identity->groups);
    copy->deny_only = neg_sids_dup(p, identity->deny_only);
    copy->pac_unknown = apr_pstrdup(p, identity->pac_unknown);
    copy->ccache_dir = apr_pstrdup(p, identity->ccache_dir);
    copy->ccache = apr_pstrdup(p, identity->ccache);
    copy->proof = apr_pstrdup(p, identity->proof);
    return copy;
}

const neg_attribute *neg_identity_attribute(const neg_identity *identity, const char *name)
{
    for (int i = 0; identity->attributes && i < identity->attributes->nelts; i++) {
        const neg_attribute *attribute = &APR_ARRAY_IDX(identity->attributes, i, neg_attribute);
        if (strcmp(attribute->name, name) == 0)
            return attribute;
    }
    return NULL;
}

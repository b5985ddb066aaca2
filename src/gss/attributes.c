/* Name attributes (RFC 6680): what the KDC says of a client beside its name. */

#include <apr_strings.h>
#include <gssapi/gssapi_ext.h>

#include "pacproof.h"

/* What an application can be handed, as one variable of its environment too. */
#define VALUES_MAX 64
#define BYTES_MAX  32768

typedef struct {
    apr_pool_t *pool;
    gss_name_t name;
    apr_size_t bytes; /* of all the values so far */
} reader;

static const char *describe(const reader *r, const char *attribute, const char *what)
{
    return apr_psprintf(r->pool, "its attribute \"%s\" %s", attribute, what);
}

/* Only what the library has verified, and has whole, is a fact. */
static const char *keep_value(reader *r, neg_attribute *attribute, const gss_buffer_desc *value)
{
    neg_bytes *kept;
    if ((r->bytes += value->length) > BYTES_MAX)
        return describe(r, attribute->name,
                        apr_psprintf(r->pool,
                                     "and those before it have more than the %d bytes that are "
                                     "read: ask for fewer, with AuthNegotiateAttribute and Require",
                                     BYTES_MAX));
    if (attribute->values->nelts == VALUES_MAX)
        return describe(
            r, attribute->name,
            apr_psprintf(r->pool, "has more than the %d values that are read", VALUES_MAX));
    kept = apr_array_push((apr_array_header_t *)attribute->values);
    kept->data = apr_pmemdup(r->pool, value->value, value->length);
    kept->len = value->length;
    return NULL;
}

/* @return NULL, also where the ticket has no such attribute; or a sentence */
static const char *read_values(reader *r, neg_attribute *attribute)
{
    gss_buffer_desc name = {strlen(attribute->name), (void *)attribute->name};
    const char *why = NULL;
    int more = -1;
    while (!why && more != 0) {
        gss_buffer_desc value = GSS_C_EMPTY_BUFFER, shown = GSS_C_EMPTY_BUFFER;
        OM_uint32 minor, ignored;
        int authenticated = 0, complete = 0, before = more;
        OM_uint32 major = gss_get_name_attribute(&minor, r->name, &name, &authenticated, &complete,
                                                 &value, &shown, &more);
        if (major == GSS_S_UNAVAILABLE)
            return NULL;
        if (GSS_ERROR(major) || more == before)
            why =
                describe(r, attribute->name,
                         apr_pstrcat(r->pool, "cannot be read: ",
                                     neg_status_text(r->pool, major, minor, &neg_oid_krb5), NULL));
        else if (authenticated && complete)
            why = keep_value(r, attribute, &value);
        gss_release_buffer(&ignored, &value);
        gss_release_buffer(&ignored, &shown);
    }
    return why;
}

/* As the library compares it. */
static int is_of_pac(const char *attribute)
{
    return strncasecmp(attribute, "urn:mspac:", strlen("urn:mspac:")) == 0;
}

int neg_attributes_want_pac(const apr_array_header_t *wants)
{
    for (int i = 0; wants && i < wants->nelts; i++)
        if (is_of_pac(APR_ARRAY_IDX(wants, i, const char *)))
            return 1;
    return 0;
}

static const char *read_attribute(reader *r, const neg_pac_proof *proof, neg_attribute *attribute)
{
    if (!is_of_pac(attribute->name) || proof->pac.len)
        return read_values(r, attribute);
    return proof->unproven
               ? describe(r, attribute->name,
                          apr_pstrcat(r->pool, "is of a PAC that ", proof->unproven, NULL))
               : NULL;
}

const char *neg_attributes_read(apr_pool_t *p, gss_name_t name, const apr_array_header_t *wants,
                                const neg_pac_proof *proof, const apr_array_header_t **attributes)
{
    reader r = {p, name, 0};
    apr_array_header_t *read = apr_array_make(p, wants->nelts, sizeof(neg_attribute));
    for (int i = 0; i < wants->nelts; i++) {
        neg_attribute *attribute = apr_array_push(read);
        const char *why;
        attribute->name = apr_pstrdup(p, APR_ARRAY_IDX(wants, i, const char *));
        attribute->values = apr_array_make(p, 1, sizeof(neg_bytes));
        if ((why = read_attribute(&r, proof, attribute)))
            return why;
    }
    *attributes = read;
    return NULL;
}

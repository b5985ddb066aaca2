/* The other half of an exchange: a user's credential towards a backend. */

#include <apr_strings.h>
#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>

#include "delegate.h"
#include "gss.h"

struct neg_initiator {
    apr_pool_t *pool;
    const char *principal;
    const char *service;
    gss_name_t target;
    gss_cred_id_t cred;
    gss_ctx_id_t context;
};

static apr_status_t end_initiator(void *data)
{
    neg_initiator *i = data;
    OM_uint32 minor;
    gss_delete_sec_context(&minor, &i->context, GSS_C_NO_BUFFER);
    gss_release_cred(&minor, &i->cred);
    gss_release_name(&minor, &i->target);
    return APR_SUCCESS;
}

static OM_uint32 import(OM_uint32 *minor, const char *text, gss_OID type, gss_name_t *name)
{
    gss_buffer_desc buffer = {strlen(text), (void *)text};
    return gss_import_name(minor, &buffer, type, name);
}

/*
 * For this principal, from this ccache.  The name is asked for because the ccache's own is what a
 * client wrote into its delegation; krb5 refuses when they differ.  As for acceptors, Kerberos'
 * element comes first and SPNEGO's is bound to it: a credential without SPNEGO's would be passed
 * over by gss_init_sec_context, which then takes the default ccache of the process.
 */
static OM_uint32 acquire(neg_initiator *i, OM_uint32 *minor, const char *ccache)
{
    gss_key_value_element_desc element = {"ccache", ccache};
    gss_key_value_set_desc store = {1, &element};
    gss_OID_set_desc krb5 = {1, &neg_oid_krb5};
    gss_name_t name = GSS_C_NO_NAME;
    OM_uint32 ignored,
        major = import(minor, i->principal, (gss_OID)GSS_KRB5_NT_PRINCIPAL_NAME, &name);
    if (!GSS_ERROR(major))
        major = gss_acquire_cred_from(minor, name, GSS_C_INDEFINITE, &krb5, GSS_C_INITIATE, &store,
                                      &i->cred, NULL, NULL);
    if (!GSS_ERROR(major))
        major =
            gss_add_cred_from(minor, i->cred, name, &neg_oid_spnego, GSS_C_INITIATE,
                              GSS_C_INDEFINITE, GSS_C_INDEFINITE, &store, NULL, NULL, NULL, NULL);
    if (!GSS_ERROR(major))
        major = gss_set_neg_mechs(minor, i->cred, &krb5);
    gss_release_name(&ignored, &name);
    return major;
}

static OM_uint32 step(neg_initiator *i, OM_uint32 *minor, neg_bytes in, neg_bytes *out,
                      OM_uint32 *flags)
{
    gss_buffer_desc input = {in.len, (void *)in.data};
    gss_buffer_desc output = GSS_C_EMPTY_BUFFER;
    OM_uint32 ignored,
        major = gss_init_sec_context(minor, i->cred, &i->context, i->target, &neg_oid_spnego,
                                     GSS_C_MUTUAL_FLAG, 0, GSS_C_NO_CHANNEL_BINDINGS,
                                     in.len ? &input : GSS_C_NO_BUFFER, NULL, &output, flags, NULL);
    out->len = output.length;
    out->data = output.length ? apr_pmemdup(i->pool, output.value, output.length) : NULL;
    gss_release_buffer(&ignored, &output);
    return major;
}

const char *neg_initiator_begin(apr_pool_t *p, const char *ccache, const char *principal,
                                const char *service, neg_initiator **initiator, neg_bytes *token)
{
    neg_initiator *i = apr_pcalloc(p, sizeof(*i));
    const neg_bytes nothing = {NULL, 0};
    OM_uint32 minor, flags, major;

    i->pool = p;
    i->principal = principal;
    i->service = service;
    apr_pool_cleanup_register(p, i, end_initiator, apr_pool_cleanup_null);
    major = acquire(i, &minor, ccache);
    if (GSS_ERROR(major))
        return apr_psprintf(p, "what %s delegated is of no use (%s)", principal,
                            neg_status_text(p, major, minor, &neg_oid_krb5));
    major = import(&minor, service, GSS_C_NT_HOSTBASED_SERVICE, &i->target);
    if (!GSS_ERROR(major))
        major = step(i, &minor, nothing, token, &flags);
    if (GSS_ERROR(major))
        return apr_psprintf(
            p,
            "%s gets no ticket for %s: %s. See that the KDC knows this name (kvno "
            "%s as a user), lets tickets be forwarded, and can be reached from here",
            principal, service, neg_status_text(p, major, minor, &neg_oid_krb5), service);
    if (major != GSS_S_CONTINUE_NEEDED)
        return "GSSAPI would take the backend without a proof of who it is";
    *initiator = i;
    return NULL;
}

/* The last check of all: as whom this exchange was. */
static const char *check_name(neg_initiator *i)
{
    gss_name_t name = GSS_C_NO_NAME;
    neg_client self;
    neg_failure failure;
    OM_uint32 minor,
        major = gss_inquire_context(&minor, i->context, &name, NULL, NULL, NULL, NULL, NULL, NULL);
    int failed = GSS_ERROR(major) || neg_client_read(i->pool, name, &self, &failure) != 0;
    gss_release_name(&minor, &name);
    if (failed || strcmp(self.principal, i->principal) != 0)
        return "the exchange with the backend was in another name than the user's";
    return NULL;
}

const char *neg_initiator_finish(neg_initiator *i, neg_bytes token)
{
    neg_bytes rest;
    OM_uint32 minor, flags = 0, major = step(i, &minor, token, &rest, &flags);
    if (GSS_ERROR(major))
        return apr_psprintf(i->pool, "its token does not prove that it is %s: %s", i->service,
                            neg_status_text(i->pool, major, minor, &neg_oid_krb5));
    if (major == GSS_S_CONTINUE_NEEDED)
        return "it wants an exchange of more than one leg, which is not carried on here";
    if (!(flags & GSS_C_MUTUAL_FLAG))
        return apr_psprintf(i->pool, "its token does not prove that it is %s", i->service);
    return check_name(i);
}

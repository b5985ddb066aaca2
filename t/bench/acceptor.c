#include "acceptor.h"

#include <string.h>

#include <gssapi/gssapi_ext.h>

static gss_OID_desc krb5_mech = {9, "\x2a\x86\x48\x86\xf7\x12\x01\x02\x02"};
static gss_OID_desc spnego_mech = {6, "\x2b\x06\x01\x05\x05\x02"};

gss_cred_id_t bench_acquire(const char *service, const char *keytab, const char *rcache)
{
    gss_key_value_element_desc elements[2];
    gss_key_value_set_desc store = {0, elements};
    gss_OID_set_desc krb5 = {1, &krb5_mech};
    gss_buffer_desc text = {strlen(service), (void *)service};
    gss_cred_id_t cred = GSS_C_NO_CREDENTIAL;
    gss_name_t name;
    OM_uint32 minor;
    if (keytab)
        elements[store.count++] = (gss_key_value_element_desc){"keytab", keytab};
    if (rcache)
        elements[store.count++] = (gss_key_value_element_desc){"rcache", rcache};
    if (gss_import_name(&minor, &text, GSS_C_NT_HOSTBASED_SERVICE, &name))
        return GSS_C_NO_CREDENTIAL;
    if (gss_acquire_cred_from(&minor, name, GSS_C_INDEFINITE, &krb5, GSS_C_ACCEPT, &store, &cred,
                              NULL, NULL) ||
        gss_add_cred_from(&minor, cred, name, &spnego_mech, GSS_C_ACCEPT, 0, GSS_C_INDEFINITE,
                          &store, NULL, NULL, NULL, NULL) ||
        gss_set_neg_mechs(&minor, cred, &krb5))
        gss_release_cred(&minor, &cred);
    gss_release_name(&minor, &name);
    return cred;
}

OM_uint32 bench_accept(gss_cred_id_t credential, gss_buffer_t token, gss_buffer_t reply,
                       OM_uint32 *minor)
{
    gss_ctx_id_t context = GSS_C_NO_CONTEXT;
    gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
    gss_name_t client = GSS_C_NO_NAME;
    OM_uint32 ignored, major;
    major = gss_accept_sec_context(minor, &context, credential, token, GSS_C_NO_CHANNEL_BINDINGS,
                                   &client, NULL, reply, NULL, NULL, NULL);
    if (major == GSS_S_COMPLETE)
        major = gss_display_name(minor, client, &text, NULL);
    gss_release_buffer(&ignored, &text);
    gss_release_name(&ignored, &client);
    gss_delete_sec_context(&ignored, &context, GSS_C_NO_BUFFER);
    return major;
}

/* How an acceptor credential is acquired, with an element for each mechanism. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>
#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>

#include "acquire.h"

/* Bytes that one is made with, amply. */
#define ACQUIRE_NEEDS 131072

apr_status_t neg_release_credential(void *cred)
{
    OM_uint32 minor;
    gss_cred_id_t handle = cred;
    gss_release_cred(&minor, &handle);
    return APR_SUCCESS;
}

const char *neg_acceptor_key(apr_pool_t *p, const neg_acceptor *acceptor)
{
    return apr_pstrcat(p, acceptor->acceptor, " ", apr_itoa(p, (int)acceptor->mechs), " ",
                       acceptor->rcache ? acceptor->rcache : "", " ",
                       acceptor->keytab ? acceptor->keytab : "", NULL);
}

/* GSS_C_NO_NAME accepts with every key; "HTTP" without a host with every HTTP/ key. */
static OM_uint32 import_acceptor(OM_uint32 *minor, const char *acceptor, gss_name_t *name)
{
    gss_buffer_desc text;
    *name = GSS_C_NO_NAME;
    if (strcmp(acceptor, "any") == 0)
        return GSS_S_COMPLETE;
    text.value = (void *)acceptor;
    text.length = strlen(acceptor);
    return gss_import_name(minor, &text, GSS_C_NT_HOSTBASED_SERVICE, name);
}

/* Adds an element to a credential, which is made for the first of them. */
static OM_uint32 add_element(OM_uint32 *minor, gss_name_t name, gss_OID mech,
                             gss_const_key_value_set_t store, gss_cred_id_t *cred)
{
    gss_OID_set_desc set = {1, mech};
    if (*cred == GSS_C_NO_CREDENTIAL)
        return gss_acquire_cred_from(minor, name, GSS_C_INDEFINITE, &set, GSS_C_ACCEPT, store, cred,
                                     NULL, NULL);
    return gss_add_cred_from(minor, *cred, name, mech, GSS_C_ACCEPT, GSS_C_INDEFINITE,
                             GSS_C_INDEFINITE, store, NULL, NULL, NULL, NULL);
}

/* The mechanisms as GSSAPI has them.  @return how many there are in oids, which holds two */
static size_t oids_of(unsigned mechs, gss_OID_desc *oids)
{
    size_t count = 0;
    if (mechs & NEG_MECH_KRB5)
        oids[count++] = neg_oid_krb5;
    if (mechs & NEG_MECH_NTLMSSP)
        oids[count++] = neg_oid_ntlmssp;
    return count;
}

/*
 * libgssapi 1.20 and others look into the list of mechanisms, while they make SPNEGO's element,
 * whether they have got it or not: where memory runs out just there, that is the end of the
 * process.  So it has to be there before.
 */
static int has_memory(void)
{
    void *volatile block = malloc(ACQUIRE_NEEDS);
    int there = block != NULL;
    free(block);
    return there;
}

/*
 * One element for bare tokens of each mechanism, one for SPNEGO.  Kerberos' comes first and alone:
 * acquired together one would be enough, and SPNEGO's is to be had from any mechanism that is
 * installed on the machine, with no key at all.  Without gss_set_neg_mechs any of them could be
 * negotiated, too.
 */
static OM_uint32 acquire_elements(OM_uint32 *minor, const neg_acceptor *acceptor, gss_name_t name,
                                  gss_cred_id_t *cred)
{
    gss_key_value_element_desc elements[2];
    gss_key_value_set_desc store = {0, elements};
    gss_OID_desc oids[2];
    gss_OID_set_desc mechs = {oids_of(acceptor->mechs, oids), oids};
    OM_uint32 major = GSS_S_COMPLETE, ignored;

    if (acceptor->keytab)
        elements[store.count++] = (gss_key_value_element_desc){"keytab", acceptor->keytab};
    if (acceptor->rcache)
        elements[store.count++] = (gss_key_value_element_desc){"rcache", acceptor->rcache};
    *cred = GSS_C_NO_CREDENTIAL;
    if (!has_memory()) {
        *minor = ENOMEM;
        return GSS_S_FAILURE;
    }
    for (size_t i = 0; i < mechs.count && !GSS_ERROR(major); i++)
        major = add_element(minor, name, &oids[i], &store, cred);
    if (!GSS_ERROR(major))
        major = add_element(minor, name, &neg_oid_spnego, &store, cred);
    if (!GSS_ERROR(major))
        major = gss_set_neg_mechs(minor, *cred, &mechs);
    if (GSS_ERROR(major) && *cred != GSS_C_NO_CREDENTIAL)
        gss_release_cred(&ignored, cred);
    return major;
}

static OM_uint32 try_offer(OM_uint32 *minor, gss_cred_id_t cred, const char *offer, size_t len)
{
    gss_buffer_desc input = {len, (void *)offer};
    gss_buffer_desc output = GSS_C_EMPTY_BUFFER;
    gss_ctx_id_t context = GSS_C_NO_CONTEXT;
    OM_uint32 ignored,
        major = gss_accept_sec_context(minor, &context, cred, &input, GSS_C_NO_CHANNEL_BINDINGS,
                                       NULL, NULL, &output, NULL, NULL, NULL);
    gss_release_buffer(&ignored, &output);
    if (context != GSS_C_NO_CONTEXT)
        gss_delete_sec_context(&ignored, &context, GSS_C_NO_BUFFER);
    return major == GSS_S_COMPLETE ? GSS_S_FAILURE : major; /* it cannot be complete */
}

/*
 * Whether SPNEGO will find each mechanism in it: an offer without a token must be answered with "go
 * on".  Each element was acquired by itself.  When memory, file descriptors or the keytab ran out
 * at the last one, it can be had from some other mechanism alone; kept, it would refuse every
 * client for as long as its thread lives.
 */
static OM_uint32 try_offers(OM_uint32 *minor, gss_cred_id_t cred, unsigned mechs)
{
    static const char krb5[] = "\x60\x1b\x06\x06\x2b\x06\x01\x05\x05\x02\xa0\x11\x30\x0f\xa0\x0d"
                               "\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02";
    static const char ntlm[] = "\x60\x1c\x06\x06\x2b\x06\x01\x05\x05\x02\xa0\x12\x30\x10\xa0\x0e"
                               "\x30\x0c\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a";
    OM_uint32 major = GSS_S_COMPLETE;
    if (mechs & NEG_MECH_KRB5)
        major = try_offer(minor, cred, krb5, sizeof(krb5) - 1);
    if (!GSS_ERROR(major) && mechs & NEG_MECH_NTLMSSP)
        major = try_offer(minor, cred, ntlm, sizeof(ntlm) - 1);
    return major;
}

/* Takes the name. */
static OM_uint32 acquire_named(OM_uint32 *minor, const neg_acceptor *acceptor, gss_name_t name,
                               gss_cred_id_t *cred)
{
    OM_uint32 ignored, major = acquire_elements(minor, acceptor, name, cred);
    gss_release_name(&ignored, &name);
    if (GSS_ERROR(major))
        return major;
    major = try_offers(minor, *cred, acceptor->mechs);
    if (GSS_ERROR(major))
        gss_release_cred(&ignored, cred);
    return major;
}

OM_uint32 neg_acceptor_acquire(OM_uint32 *minor, const neg_acceptor *acceptor, gss_cred_id_t *cred)
{
    gss_name_t name;
    OM_uint32 major = import_acceptor(minor, acceptor->acceptor, &name);
    return GSS_ERROR(major) ? major : acquire_named(minor, acceptor, name, cred);
}

gss_cred_id_t neg_acceptor_acquire_principal(const neg_acceptor *acceptor)
{
    gss_buffer_desc text = {strlen(acceptor->acceptor), (void *)acceptor->acceptor};
    gss_cred_id_t cred;
    gss_name_t name;
    OM_uint32 minor;
    if (GSS_ERROR(gss_import_name(&minor, &text, GSS_KRB5_NT_PRINCIPAL_NAME, &name)) ||
        GSS_ERROR(acquire_named(&minor, acceptor, name, &cred)))
        return GSS_C_NO_CREDENTIAL;
    return cred;
}

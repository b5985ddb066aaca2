/*
 * S4U2Self (MS-SFU section 3.2.5.1): a ticket for ourselves in the name of a user whom somebody
 * else has authenticated.  krb5 has it behind GSSAPI alone.
 */

#include <string.h>

#include <apr_strings.h>
#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>

#include "s4u.h"

typedef struct {
    apr_pool_t *p;
    const char *user;
    const neg_purse *own; /* has our own ticket */
    neg_failure *failure;
} question;

static int fail(const question *q, neg_cause cause, const char *text)
{
    q->failure->cause = cause;
    q->failure->text = text;
    return -1;
}

static const struct {
    krb5_error_code code;
    neg_cause cause;
    const char *text;
} about_users[] = {
    {KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN, NEG_CAUSE_NO_ACCOUNT, "the KDC knows no such user"},
    {KRB5KDC_ERR_CLIENT_REVOKED, NEG_CAUSE_NO_ACCOUNT, "the account is locked or disabled"},
    {KRB5KDC_ERR_NAME_EXP, NEG_CAUSE_NO_ACCOUNT, "the account has expired"},
    {KRB5KDC_ERR_BADOPTION, NEG_CAUSE_NOT_PERMITTED,
     "the KDC does not let this server's account have tickets for itself in users' names: it needs "
     "a servicePrincipalName"},
    {KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN, NEG_CAUSE_NOT_PERMITTED,
     "the KDC does not let this server's account have tickets for itself in users' names: it needs "
     "a servicePrincipalName"},
    {KRB5KDC_ERR_POLICY, NEG_CAUSE_NOT_PERMITTED, "the KDC's policy forbids it"},
};

static int explain(const question *q, OM_uint32 major, OM_uint32 minor)
{
    const char *said = neg_status_text(q->p, major, minor, &neg_oid_krb5);
    const char *detail = neg_status_minor_text(q->p, minor, &neg_oid_krb5);
    if (neg_explain_kdc(q->p, q->own->krb5, (krb5_error_code)minor, q->failure) == 0)
        return -1;
    for (size_t i = 0; i < sizeof(about_users) / sizeof(*about_users); i++)
        if (neg_status_is(detail, about_users[i].code))
            return fail(q, about_users[i].cause,
                        apr_psprintf(q->p, "%s cannot be impersonated: %s (%s)", q->user,
                                     about_users[i].text, said));
    return fail(q, NEG_CAUSE_OWN_TICKET,
                apr_psprintf(q->p, "the KDC gives no ticket in the name of %s: %s", q->user, said));
}

static apr_status_t release_name(void *name)
{
    OM_uint32 minor;
    gss_name_t handle = name;
    gss_release_name(&minor, &handle);
    return APR_SUCCESS;
}

/* Both credentials are the pool's. */
static OM_uint32 impersonate(const question *q, OM_uint32 *minor, gss_cred_id_t own,
                             gss_cred_id_t *cred)
{
    gss_OID_set_desc mechs = {1, &neg_oid_krb5};
    gss_buffer_desc text = {strlen(q->user), (void *)q->user};
    gss_name_t name = GSS_C_NO_NAME;
    OM_uint32 major = gss_import_name(minor, &text, (gss_OID)GSS_KRB5_NT_PRINCIPAL_NAME, &name);
    if (GSS_ERROR(major))
        return major;
    apr_pool_cleanup_register(q->p, name, release_name, apr_pool_cleanup_null);
    major = gss_acquire_cred_impersonate_name(minor, own, name, GSS_C_INDEFINITE, &mechs,
                                              GSS_C_INITIATE, cred, NULL, NULL);
    if (!GSS_ERROR(major))
        apr_pool_cleanup_register(q->p, *cred, neg_release_credential, apr_pool_cleanup_null);
    return major;
}

/* Beside our own ticket the credential has one that is not ours: the user's for us. */
static krb5_error_code take_evidence(const question *q, const neg_purse *from,
                                     krb5_const_principal self, krb5_data *evidence)
{
    krb5_cc_cursor cursor;
    krb5_creds creds;
    krb5_error_code code = krb5_cc_start_seq_get(from->krb5, from->ccache, &cursor);
    if (code)
        return code;
    evidence->data = NULL;
    while (krb5_cc_next_cred(from->krb5, from->ccache, &cursor, &creds) == 0) {
        if (!krb5_principal_compare(from->krb5, creds.client, self) &&
            krb5_principal_compare(from->krb5, creds.server, self)) {
            evidence->data = apr_pmemdup(q->p, creds.ticket.data, creds.ticket.length);
            evidence->length = creds.ticket.length;
        }
        krb5_free_cred_contents(from->krb5, &creds);
    }
    krb5_cc_end_seq_get(from->krb5, from->ccache, &cursor);
    return evidence->data ? 0 : KRB5_CC_NOTFOUND;
}

static int store(const question *q, gss_cred_id_t cred, neg_purse *into)
{
    gss_key_value_element_desc element = {"ccache", NULL};
    gss_key_value_set_desc places = {1, &element};
    OM_uint32 minor, major;
    char *name;
    if (krb5_cc_get_full_name(into->krb5, into->ccache, &name) != 0)
        return fail(q, NEG_CAUSE_INTERNAL, "there is no memory for tickets");
    element.value = name;
    major =
        gss_store_cred_into(&minor, cred, GSS_C_INITIATE, &neg_oid_krb5, 1, 0, &places, NULL, NULL);
    krb5_free_string(into->krb5, name);
    return GSS_ERROR(major) ? explain(q, major, minor) : 0;
}

int neg_s4u_self(apr_pool_t *p, const char *user, const neg_purse *own, krb5_const_principal self,
                 krb5_data *evidence, neg_failure *failure)
{
    question q = {p, user, own, failure};
    neg_granted ours;
    gss_cred_id_t cred;
    neg_purse *theirs = neg_purse_create(p);
    const char *why = theirs ? neg_purse_open(p, own, &ours) : "there is no memory for tickets";
    OM_uint32 minor, major;
    if (why)
        return fail(&q, NEG_CAUSE_INTERNAL, why);
    major = impersonate(&q, &minor, ours.cred, &cred);
    if (GSS_ERROR(major))
        return explain(&q, major, minor);
    if (store(&q, cred, theirs) != 0)
        return -1;
    if (take_evidence(&q, theirs, self, evidence) != 0)
        return fail(&q, NEG_CAUSE_INTERNAL, "GSSAPI has impersonated the user without a ticket");
    return 0;
}

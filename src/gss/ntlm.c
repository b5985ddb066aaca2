/*
 * The mechanism of gss-ntlmssp: a plugin, which may be there or not.  Its messages have been read
 * by core/ntlm.c before it gets them.
 */

#include <string.h>

#include <apr_strings.h>

#include "gss.h"

int neg_ntlm_is_installed(void)
{
    gss_OID_set mechs = GSS_C_NO_OID_SET;
    OM_uint32 minor;
    int found = 0;
    if (GSS_ERROR(gss_indicate_mechs(&minor, &mechs)))
        return 0;
    gss_test_oid_set_member(&minor, &neg_oid_ntlmssp, mechs, &found);
    gss_release_oid_set(&minor, &mechs);
    return found;
}

/*
 * One backslash, with something on either side.  A principal of Kerberos has an '@' that nothing
 * escapes, or, without its realm, no backslash alone: so nobody of Kerberos has such a name.
 */
static const char *check_name(const char *principal)
{
    const char *backslash = strchr(principal, '\\');
    if (!backslash || backslash == principal || !backslash[1] || strchr(backslash + 1, '\\'))
        return "it is not of the form DOMAIN\\user";
    if (strpbrk(principal, "@/"))
        return "it could be a Kerberos principal's";
    for (const char *s = principal; *s; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7f)
            return "it has a control character";
    return NULL;
}

int neg_ntlm_client_read(apr_pool_t *p, gss_name_t name, neg_client *client, neg_failure *failure)
{
    gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
    OM_uint32 major, minor, ignored;
    const char *why;
    apr_size_t len;

    major = gss_display_name(&minor, name, &text, NULL);
    if (GSS_ERROR(major)) {
        failure->cause = NEG_CAUSE_INTERNAL;
        failure->text = apr_psprintf(p, "GSSAPI accepted the client but cannot tell its name: %s",
                                     neg_status_text(p, major, minor, &neg_oid_ntlmssp));
        return -1;
    }
    len = text.length;
    if (len && ((const char *)text.value)[len - 1] == '\0')
        len--; /* gss-ntlmssp counts the string's end */
    client->principal = apr_pstrmemdup(p, text.value, len);
    gss_release_buffer(&ignored, &text);
    why = strlen(client->principal) == len ? check_name(client->principal) : "it contains a NUL";
    if (why) {
        failure->cause = NEG_CAUSE_NAME;
        failure->text = apr_psprintf(p, "the client's NTLM name cannot be used: %s", why);
        return -1;
    }
    client->name = client->principal;
    client->realm = "";
    return 0;
}

void neg_ntlm_explain(apr_pool_t *p, OM_uint32 major, OM_uint32 minor, int bound,
                      neg_failure *failure)
{
    /* A wrong password is no defect, and the form of the token has been checked. */
    if (GSS_ROUTINE_ERROR(major) == GSS_S_BAD_BINDINGS ||
        (bound && GSS_ROUTINE_ERROR(major) == GSS_S_DEFECTIVE_TOKEN)) {
        failure->cause = NEG_CAUSE_BINDINGS;
        failure->text = "the NTLM message was made for another TLS certificate: somebody relays "
                        "it, or TLS ends in front of httpd and AuthNegotiateChannelBinding does "
                        "not name the certificate that clients see";
        return;
    }
    failure->cause = NEG_CAUSE_REJECTED;
    failure->text = apr_psprintf(
        p,
        "NTLM refused the client (%s): the user is not known or the password is wrong. Passwords "
        "are checked by winbind, if it runs and the machine is in the domain (wbinfo -t), or "
        "against the file that NTLM_USER_FILE names in httpd's environment",
        neg_status_text(p, major, minor, &neg_oid_ntlmssp));
}

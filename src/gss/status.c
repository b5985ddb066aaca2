/* Status codes in words. */

#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>

#include "gss.h"

static void append_status(apr_pool_t *p, const char **text, OM_uint32 code, int type, gss_OID mech)
{
    OM_uint32 major, minor, more = 0;
    do {
        gss_buffer_desc line = GSS_C_EMPTY_BUFFER;
        major = gss_display_status(&minor, code, type, mech, &more, &line);
        if (GSS_ERROR(major))
            return;
        *text = apr_pstrcat(p, *text, **text ? ": " : "",
                            apr_pstrmemdup(p, line.value, line.length), NULL);
        gss_release_buffer(&minor, &line);
    } while (more);
}

const char *neg_status_minor_text(apr_pool_t *p, OM_uint32 minor, gss_OID mech)
{
    const char *text = "";
    if (minor != 0)
        append_status(p, &text, minor, GSS_C_MECH_CODE, mech ? mech : &neg_oid_krb5);
    return text;
}

/* "Unspecified GSS failure" says nothing where the minor status has something to say. */
const char *neg_status_text(apr_pool_t *p, OM_uint32 major, OM_uint32 minor, gss_OID mech)
{
    const char *text = "";
    const char *detail = neg_status_minor_text(p, minor, mech);
    if (GSS_ROUTINE_ERROR(major) == GSS_S_FAILURE && *detail)
        return detail;
    append_status(p, &text, major, GSS_C_GSS_CODE, GSS_C_NO_OID);
    return *detail ? apr_pstrcat(p, text, ": ", detail, NULL) : text;
}

const char *neg_status_krb5_text(apr_pool_t *p, krb5_context krb5, krb5_error_code code)
{
    const char *message = krb5_get_error_message(krb5, code);
    const char *text = apr_pstrdup(p, message);
    krb5_free_error_message(krb5, message);
    return text;
}

/*
 * Whether krb5 gave this error.  Its number does not tell: for a token within SPNEGO GSSAPI makes
 * up a minor status of its own.  The text that belongs to the number comes through.
 */
int neg_status_is(const char *text, krb5_error_code code)
{
    const char *words = error_message(code);
    return strncmp(text, words, strlen(words)) == 0;
}

const char *neg_status_duration(apr_pool_t *p, apr_time_t time)
{
    long seconds = labs((long)apr_time_sec(time));
    if (seconds < 120)
        return apr_psprintf(p, "%ld seconds", seconds);
    if (seconds < 2 * 3600)
        return apr_psprintf(p, "%ld minutes", (seconds + 30) / 60);
    if (seconds < 48 * 3600)
        return apr_psprintf(p, "%ld hours", (seconds + 1800) / 3600);
    return apr_psprintf(p, "%ld days", (seconds + 43200) / 86400);
}

/* ---- Of the KDC itself ---- */

static const struct {
    krb5_error_code code;
    neg_cause cause;
    const char *text;
} about_kdc[] = {
    {KRB5_KDC_UNREACH, NEG_CAUSE_KDC,
     "no KDC answers: see that one runs, and that this machine reaches it"},
    {KRB5KDC_ERR_SVC_UNAVAILABLE, NEG_CAUSE_KDC, "the KDC says that it cannot serve just now"},
    {KRB5_REALM_CANT_RESOLVE, NEG_CAUSE_NO_KDC,
     "the names of the realm's KDCs have no address: look at [realms] in krb5.conf, and at DNS"},
    {KRB5_REALM_UNKNOWN, NEG_CAUSE_NO_KDC,
     "no KDC of the realm is known: name one in [realms] of krb5.conf, or in DNS"},
    {KRB5KRB_AP_ERR_SKEW, NEG_CAUSE_CLOCK,
     "the clocks of this server and of the KDC differ too much: set both by NTP"},
    {KRB5_KDCREP_SKEW, NEG_CAUSE_CLOCK,
     "the clocks of this server and of the KDC differ too much: set both by NTP"},
};

int neg_explain_kdc(apr_pool_t *p, krb5_context krb5, krb5_error_code code, neg_failure *failure)
{
    for (size_t i = 0; i < sizeof(about_kdc) / sizeof(*about_kdc); i++)
        if (about_kdc[i].code == code) {
            failure->cause = about_kdc[i].cause;
            failure->text = apr_pstrcat(p, about_kdc[i].text,
                                        " (krb5: ", neg_status_krb5_text(p, krb5, code), ")", NULL);
            return 0;
        }
    return -1;
}

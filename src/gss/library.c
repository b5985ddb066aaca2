/*
 * What GSSAPI and krb5 set up once for their process: the list of mechanisms, tables of errors,
 * random numbers.  Where memory runs out in the midst of it they remember the failure for as long
 * as the process lives, and every token is refused.  So it is done before there are children, and
 * they inherit it.
 */

#include <apr_strings.h>

#include "gss.h"
#include "signals.h"

static int has_mech(gss_OID_set mechs, gss_OID mech)
{
    OM_uint32 minor;
    int found = 0;
    return !GSS_ERROR(gss_test_oid_set_member(&minor, mech, mechs, &found)) && found;
}

const char *neg_library_prepare(apr_pool_t *p)
{
    gss_OID_set mechs = GSS_C_NO_OID_SET;
    OM_uint32 minor = 0, ignored, major;
    struct sigaction before;
    krb5_context krb5;
    int complete;
    neg_signals_ignore_pipe(&before);
    major = gss_indicate_mechs(&minor, &mechs);
    neg_signals_heed_pipe(&before);
    complete =
        !GSS_ERROR(major) && has_mech(mechs, &neg_oid_krb5) && has_mech(mechs, &neg_oid_spnego);
    gss_release_oid_set(&ignored, &mechs);
    if (krb5_init_context(&krb5) == 0) /* else krb5.conf cannot be read, which others tell */
        krb5_free_context(krb5);
    if (complete)
        return NULL;
    return apr_psprintf(p,
                        "GSSAPI cannot be set up: %s. Look at libgssapi_krb5, /etc/gss/mech.d and "
                        "the memory of this machine",
                        GSS_ERROR(major) ? neg_status_text(p, major, minor, GSS_C_NO_OID)
                                         : "it has not both Kerberos and SPNEGO");
}

/* Which mechanisms may be negotiated: the directive, and where NTLM has its limits. */

#include <apr_strings.h>
#include <http_core.h>

#include "internal.h"

/* ---- NTLM ---- */

neg_outcome neg_mechs_refuse_ntlm(neg_attempt *a)
{
    return neg_attempt_refuse(
        a, NEG_CAUSE_NTLM,
        "the client sent NTLM, which is not accepted here. A browser does so when it can get no "
        "Kerberos ticket for the name in the URL: the service principal HTTP/that-name is missing "
        "or registered twice (setspn -Q, setspn -X), the URL has an IP address, the site is not in "
        "the browser's intranet zone, or the client cannot reach a domain controller");
}

/*
 * NTLM proves who is at the other end of a connection.  Where several clients may share it, one
 * would complete what another has begun.
 */
neg_outcome neg_mechs_limit_ntlm(neg_attempt *a, const neg_token *token)
{
    if (token->mech != NEG_MECH_NTLMSSP)
        return NEG_UNKNOWN;
    if (neg_intermediary_is_known(a->r))
        return neg_attempt_refuse(
            a, NEG_CAUSE_CONNECTION,
            "the client sent NTLM through a proxy, which may put several clients' requests on one "
            "connection, while NTLM is about a connection and not a request: let these clients "
            "come directly, or get them Kerberos tickets");
    if (token->ntlm.anonymous)
        return neg_attempt_refuse(a, NEG_CAUSE_ANONYMOUS,
                                  "the NTLM message is anonymous: it names no user");
    return NEG_UNKNOWN;
}

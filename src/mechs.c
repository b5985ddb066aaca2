/* Which mechanisms may be negotiated: the directive, and where NTLM has its limits. */

#include <apr_strings.h>
#include <http_core.h>

#include "connection.h"
#include "negotiate.h"

/* ---- AuthNegotiateMechs ---- */

static const char *allow_ntlmssp(cmd_parms *cmd, neg_conf *conf)
{
    if (!neg_ntlm_is_installed())
        return apr_psprintf(cmd->pool,
                            "%s: ntlmssp is not to be had, since GSSAPI has no such mechanism on "
                            "this machine: install gss-ntlmssp (Fedora: gssntlmssp), or write "
                            "%s krb5",
                            cmd->cmd->name, cmd->cmd->name);
    conf->mechs |= NEG_MECH_NTLMSSP;
    return NULL;
}

const char *neg_mechs_set(cmd_parms *cmd, void *conf, const char *name)
{
    neg_conf *c = neg_config_edit(cmd, conf);
    if (strcasecmp(name, "ntlmssp") == 0)
        return allow_ntlmssp(cmd, c);
    /* krb5 lets the client name the realm, and has no limit for how long a worker waits for it. */
    if (strcasecmp(name, "iakerb") == 0)
        return apr_psprintf(cmd->pool,
                            "%s: iakerb would make this server ask the KDC of any realm that a "
                            "stranger names, and wait for the answer; that cannot be bounded, so "
                            "it is not negotiated: write %s krb5, and let clients reach a KDC, "
                            "through a KDC proxy (MS-KKDCP) for example",
                            cmd->cmd->name, cmd->cmd->name);
    if (strcasecmp(name, "krb5") != 0)
        return apr_psprintf(cmd->pool,
                            "%s: there is no mechanism \"%s\"; write krb5, ntlmssp or both",
                            cmd->cmd->name, name);
    c->mechs |= NEG_MECH_KRB5;
    return NULL;
}

const char *neg_mechs_text(unsigned mechs)
{
    switch (mechs) {
    case NEG_MECH_NTLMSSP:
        return "ntlmssp";
    case NEG_MECH_KRB5 | NEG_MECH_NTLMSSP:
        return "krb5 ntlmssp";
    default:
        return "krb5";
    }
}

/*
 * gss-ntlmssp frees memory that is not its own when the credential that accepts has no name, and
 * "any" means a credential without one.
 */
const char *neg_mechs_conflict(unsigned mechs, const char *acceptor)
{
    if (!(mechs & NEG_MECH_NTLMSSP) || strcmp(acceptor, "any") != 0)
        return NULL;
    return "AuthNegotiateMechs has ntlmssp here, which needs an acceptor with a name: write "
           "AuthNegotiateAcceptor HTTP, or krb5 alone";
}

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

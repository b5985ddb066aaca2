/* Realms as they are written in a configuration, beside the one of krb5.conf. */

#include <string.h>

#include <apr_strings.h>

#include "start.h"

const char *neg_realm_default(apr_pool_t *p, krb5_context krb5)
{
    char *realm;
    const char *copy;
    if (!krb5 || krb5_get_default_realm(krb5, &realm) != 0)
        return NULL;
    copy = apr_pstrdup(p, realm);
    krb5_free_default_realm(krb5, realm);
    return copy;
}

const char *neg_realm_needs_default(const neg_conf *conf)
{
    if (conf->user && conf->user->form == NEG_USER_LOCAL)
        return "AuthNegotiateUser local";
    if (conf->user && conf->user->realms && conf->user->realms->nelts == 0)
        return "AuthNegotiateUser strip, account or upn (without realms)";
    return neg_basic_has(conf, NEG_KERBEROS) ? "AuthNegotiateBasicProvider kerberos" : NULL;
}

static void compare(apr_pool_t *p, const char *line, const apr_array_header_t *realms,
                    const char *default_realm, apr_array_header_t *findings)
{
    for (int i = 0; realms && i < realms->nelts; i++) {
        const char *realm = APR_ARRAY_IDX(realms, i, const char *);
        if (strcasecmp(realm, default_realm) != 0 || strcmp(realm, default_realm) == 0)
            continue;
        neg_finding *found = apr_array_push(findings);
        found->where = line;
        found->sentence = apr_psprintf(p,
                                       "the realm %s differs from krb5.conf's default realm only "
                                       "by the case of its letters, which counts: write %s",
                                       realm, default_realm);
    }
}

const apr_array_header_t *neg_realm_find_lookalikes(apr_pool_t *p, const neg_conf *own,
                                                    const char *default_realm)
{
    apr_array_header_t *findings = apr_array_make(p, 1, sizeof(neg_finding));
    compare(p, "AuthNegotiateBasicRealm", own->basic_realm, default_realm, findings);
    compare(p, "Require krb5-realm", own->required_realms, default_realm, findings);
    compare(p, "AuthNegotiateUser", own->user ? own->user->realms : NULL, default_realm, findings);
    return findings;
}

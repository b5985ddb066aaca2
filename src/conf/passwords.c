/* Directives about passwords: AuthNegotiateBasicProvider, AuthNegotiateBasicRealm, and what is seen
 * of httpd's own. */

#include <string.h>

#include <ap_provider.h>
#include <apr_strings.h>
#include <http_core.h>

#include "internal.h"

const char neg_basic_name[] = "Basic";

static apr_array_header_t *providers_of(cmd_parms *cmd, neg_conf *c)
{
    if (!c->basic_provider)
        c->basic_provider = apr_array_make(cmd->pool, 2, sizeof(neg_provider));
    return (apr_array_header_t *)c->basic_provider; /* while its section is read it may grow */
}

const char *neg_basic_provider_set(cmd_parms *cmd, void *conf, const char *name)
{
    neg_conf *c = neg_config_edit(cmd, conf);
    apr_array_header_t *providers = providers_of(cmd, c);
    neg_provider *provider;
    const authn_provider *authn;
    if (strcasecmp(name, "off") == 0) {
        apr_array_clear(providers);
        return NULL;
    }
    authn = ap_lookup_provider(AUTHN_PROVIDER_GROUP, name, AUTHN_PROVIDER_VERSION);
    if (!authn)
        return apr_psprintf(cmd->pool,
                            "AuthNegotiateBasicProvider: \"%s\" is no provider that is loaded; "
                            "write kerberos, off, or one of httpd's such as file or ldap, whose "
                            "module a LoadModule line loads",
                            name);
    if (!authn->check_password)
        return apr_psprintf(cmd->pool,
                            "AuthNegotiateBasicProvider: the provider %s cannot check passwords; "
                            "write kerberos, or another one that can",
                            name);
    provider = apr_array_push(providers);
    provider->name = name;
    provider->authn = authn;
    return NULL;
}

int neg_basic_is_on(const neg_conf *conf)
{
    return conf->basic_provider && conf->basic_provider->nelts > 0 &&
           neg_config_binding(conf) != NEG_BINDING_REQUIRE;
}

int neg_basic_has(const neg_conf *conf, const char *provider)
{
    for (int i = 0; conf->basic_provider && i < conf->basic_provider->nelts; i++)
        if (strcmp(APR_ARRAY_IDX(conf->basic_provider, i, neg_provider).name, provider) == 0)
            return 1;
    return 0;
}

static void add_realm(cmd_parms *cmd, const apr_array_header_t **list, const char *realm)
{
    if (!*list)
        *list = apr_array_make(cmd->pool, 2, sizeof(const char *));
    if (realm) /* while its section is read the list may grow */
        APR_ARRAY_PUSH((apr_array_header_t *)*list, const char *) = realm;
}

const char *neg_kerberos_realm_set(cmd_parms *cmd, void *conf, const char *realm)
{
    neg_conf *c = neg_config_edit(cmd, conf);
    if (strcasecmp(realm, "default") == 0)
        realm = NULL;
    else if (strpbrk(realm, ",;"))
        return apr_psprintf(cmd->pool, "AuthNegotiateBasicRealm: \"%s\": %s", realm,
                            neg_realm_check(realm));
    else if (!*realm || strpbrk(realm, "@/\\"))
        return apr_psprintf(cmd->pool,
                            "AuthNegotiateBasicRealm: \"%s\" is no realm; write it without an @, "
                            "such as EXAMPLE.COM, or default for krb5.conf's own alone",
                            realm);
    add_realm(cmd, &c->basic_realm, realm);
    return NULL;
}

/* A section with rules of its own does not have those around it (AuthMerging Off); what a rule
 * excludes is not allowed by it. */
const char *neg_kerberos_see_require(cmd_parms *cmd, void *conf, const char *line)
{
    neg_conf *c = conf;
    const ap_directive_t *parent = cmd->directive->parent;
    int counts = strcasecmp(ap_getword_conf(cmd->temp_pool, &line), "krb5-realm") == 0 &&
                 !(parent && strcasecmp(parent->directive, "<RequireNone") == 0);
    if (!ap_find_linked_module("mod_authz_core.c"))
        return "Require is of mod_authz_core, which is not loaded: load it";
    add_realm(cmd, &c->required_realms, NULL);
    while (counts && *line) {
        const char *realm = ap_getword_conf(cmd->pool, &line);
        if (*realm && !strstr(realm, "%{"))
            add_realm(cmd, &c->required_realms, realm);
    }
    return NULL;
}

const char *neg_kerberos_see_provider(cmd_parms *cmd, void *conf, const char *name)
{
    if (!ap_find_linked_module("mod_auth_basic.c"))
        return "AuthBasicProvider is of mod_auth_basic, which is not loaded: load it, or write "
               "AuthType Negotiate and AuthNegotiateBasicProvider";
    if (strcmp(name, NEG_KERBEROS) == 0)
        neg_config_note_basic(cmd, conf);
    return NULL;
}

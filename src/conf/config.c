/* Configurations: made, merged, with defaults. */

#include <apr_strings.h>
#include <http_core.h>

#include "internal.h"

#define DEFAULT_ACCEPTOR     "HTTP"
#define DEFAULT_DELEGATE_ENV "KRB5CCNAME"
#define DEFAULT_CCACHE_MODE  0600
#define DEFAULT_IDLE         apr_time_from_sec(30 * 60)
#define DEFAULT_ABSOLUTE     apr_time_from_sec(10 * 3600)

/* ---- Create and merge ---- */

void *neg_config_create_dir(apr_pool_t *p, char *where)
{
    neg_conf *conf = apr_pcalloc(p, sizeof(*conf));
    conf->where = where;
    return conf;
}

void *neg_config_merge_dir(apr_pool_t *p, void *base_conf, void *add_conf)
{
    const neg_conf *base = base_conf;
    const neg_conf *add = add_conf;
    neg_conf *merged = apr_pmemdup(p, add, sizeof(*add));
#define X(type, name)                                                                              \
    if (!merged->name)                                                                             \
        merged->name = base->name;
    NEG_CONF_MEMBERS(X)
#undef X
    merged->attribute = neg_attributes_merge(p, base->attribute, add->attribute);
    merged->group = neg_groups_merge(p, base->group, add->group);
    merged->wants_pac = base->wants_pac || add->wants_pac;
    merged->wants = neg_wants_merge(p, base->wants, add->wants);
    return merged;
}

void *neg_config_create_server(apr_pool_t *p, server_rec *s)
{
    neg_server *server = apr_pcalloc(p, sizeof(*server));
    (void)s;
    server->sections = apr_array_make(p, 4, sizeof(neg_section *));
    server->warnings = apr_array_make(p, 2, sizeof(const char *));
    server->cookie_names = apr_array_make(p, 2, sizeof(const char *));
    return server;
}

void *neg_config_merge_server(apr_pool_t *p, void *base_server, void *add_server)
{
    const neg_server *base = base_server;
    neg_server *merged = apr_pmemdup(p, add_server, sizeof(*merged));
    if (!merged->session_keys)
        merged->session_keys = base->session_keys;
    if (!merged->session_place)
        merged->session_place = base->session_place;
    /* The main server's sections are those of each virtual host, too. */
    merged->cookie_names = apr_array_append(p, base->cookie_names, merged->cookie_names);
    if (!merged->replay)
        merged->replay = base->replay;
    return merged;
}

/* ---- Defaults ---- */

const char *neg_config_acceptor_text(const neg_conf *conf)
{
    return conf->acceptor ? conf->acceptor->text : DEFAULT_ACCEPTOR;
}

static int is_service_name(const char *text)
{
    const char *at = strchr(text, '@');
    return strpbrk(text, "/ \t\\") == NULL &&
           (at ? at > text && at[1] && !strchr(at + 1, '@') : *text != '\0');
}

/* What AuthNegotiateAcceptor takes, and what its expression must come to: krb5 accepts with every
 * key where there is an '@' and no host after it. */
int neg_config_is_acceptor(const char *text)
{
    return strcmp(text, "any") == 0 || strcmp(text, DEFAULT_ACCEPTOR) == 0 ||
           (strchr(text, '@') && is_service_name(text));
}

int neg_config_is_service_at_host(const char *text)
{
    return strchr(text, '@') && neg_config_is_acceptor(text);
}

const char *neg_config_delegate_dir(const neg_conf *conf)
{
    return conf->delegate ? conf->delegate->directory : NULL;
}

const neg_backend_rule *neg_config_proxy_service(const neg_conf *conf)
{
    const neg_backend_rule *rule = conf->proxy_service;
    return rule && strcmp(rule->text, "off") != 0 ? rule : NULL;
}

const char *neg_config_delegate_place(const neg_conf *conf)
{
    const char *directory = neg_config_delegate_dir(conf);
    return directory ? directory : neg_config_proxy_service(conf) ? NEG_IN_MEMORY : NULL;
}

const char *neg_config_delegate_env(const neg_conf *conf)
{
    return conf->delegate_env ? conf->delegate_env : DEFAULT_DELEGATE_ENV;
}

neg_perms neg_config_perms(const neg_conf *conf)
{
    static const neg_perms defaults = {DEFAULT_CCACHE_MODE, -1, -1};
    return conf->delegate_perms ? *conf->delegate_perms : defaults;
}

unsigned neg_config_mechs(const neg_conf *conf)
{
    return conf->mechs ? conf->mechs : NEG_MECH_KRB5;
}

neg_timeouts neg_config_timeouts(const neg_conf *conf)
{
    static const neg_timeouts defaults = {DEFAULT_IDLE, DEFAULT_ABSOLUTE};
    return conf->session_timeout ? *conf->session_timeout : defaults;
}

neg_cookie_rule neg_config_cookie(const neg_conf *conf)
{
    static const neg_cookie_rule defaults = {.path = "/", .same_site = "Lax"};
    return conf->session_cookie ? *conf->session_cookie : defaults;
}

neg_binding_mode neg_config_binding(const neg_conf *conf)
{
    return conf->channel_binding ? conf->channel_binding->mode : NEG_BINDING_OPTIONAL;
}

const char *neg_config_channel(const neg_conf *conf)
{
    if (neg_config_binding(conf) == NEG_BINDING_OFF)
        return "off";
    if (conf->channel_binding && conf->channel_binding->certificate)
        return conf->channel_binding->certificate;
    return "own";
}

const char *neg_config_user_text(const neg_conf *conf)
{
    return conf->user ? conf->user->text : "principal";
}

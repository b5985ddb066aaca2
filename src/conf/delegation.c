/* Directives about acting for users: AuthNegotiateS4U2Proxy, AuthNegotiateImpersonate,
 * AuthNegotiateProxyService. */

#include <string.h>

#include <apr_strings.h>

#include "internal.h"

/* ---- AuthNegotiateS4U2Proxy ---- */

/* HTTP@host, as GSSAPI has it, or a principal. */
static int is_service(const char *text)
{
    const char *at = strchr(text, '@');
    const char *slash = strchr(text, '/');
    if (strpbrk(text, " \t\\") || (at && strchr(at + 1, '@')))
        return 0;
    if (slash)
        return slash > text && slash[1] && slash[1] != '@' && (!at || (at > slash && at[1]));
    return at && at > text && at[1];
}

static const char *add_word(cmd_parms *cmd, neg_s4u_rule *rule, const char *word)
{
    if (strcasecmp(word, "optional") == 0)
        rule->optional = 1;
    else if (strncmp(word, "account:", 8) == 0 && word[8] && !strchr(word, '/'))
        rule->account = word + 8;
    else if (is_service(word))
        APR_ARRAY_PUSH((apr_array_header_t *)rule->services, const char *) = word;
    else
        return apr_psprintf(cmd->pool,
                            "AuthNegotiateS4U2Proxy: \"%s\" is not understood; write services such "
                            "as HTTP@backend.example.com or cifs/files.example.com@EXAMPLE.COM, "
                            "account:NAME (as whom this server asks for them), or optional "
                            "(requests go on without)",
                            word);
    rule->text = apr_pstrcat(cmd->pool, rule->text, *rule->text ? " " : "", word, NULL);
    return NULL;
}

const char *neg_s4u_set(cmd_parms *cmd, void *conf, int argc, char *const argv[])
{
    neg_conf *c = neg_config_edit(cmd, conf);
    neg_s4u_rule *rule = apr_pcalloc(cmd->pool, sizeof(*rule));
    const char *why = NULL;
    c->s4u2proxy = rule;
    rule->services = apr_array_make(cmd->pool, 2, sizeof(const char *));
    if (argc == 1 && strcasecmp(argv[0], "Off") == 0)
        return NULL;
    if (argc == 0 || strcasecmp(argv[0], "On") != 0)
        return "AuthNegotiateS4U2Proxy: write Off, or On and the services that the application "
               "uses in its users' names, such as On HTTP@backend.example.com";
    rule->text = "";
    for (int i = 1; i < argc && !why; i++)
        why = add_word(cmd, rule, argv[i]);
    if (!why && rule->services->nelts == 0)
        why = "AuthNegotiateS4U2Proxy On: name the services that the application uses in its "
              "users' names, such as On HTTP@backend.example.com. Without names the application "
              "would need this server's own ticket-granting ticket, with which it could do all "
              "that the server may";
    return why;
}

int neg_s4u_is_written(const neg_conf *conf)
{
    return conf->s4u2proxy && conf->s4u2proxy->text;
}

/* Where AuthNegotiateDelegate is off there are no credentials at all. */
int neg_s4u_is_on(const neg_conf *conf)
{
    return neg_s4u_text(conf) != NULL;
}

const char *neg_s4u_text(const neg_conf *conf)
{
    return neg_s4u_is_written(conf) && neg_config_delegate_place(conf) ? conf->s4u2proxy->text
                                                                       : NULL;
}

const char *neg_s4u_conflict(const neg_conf *own, const neg_conf *conf)
{
    if (neg_s4u_is_written(own) && !neg_config_delegate_place(conf))
        return "the tickets have nowhere to go: write AuthNegotiateDelegate FILE: and a directory, "
               "or "
               "AuthNegotiateProxyService, there, too";
    if (own->impersonate && own->impersonate->on && !neg_s4u_is_on(conf))
        return "AuthNegotiateImpersonate On does not say what the users' tickets are for: write "
               "AuthNegotiateS4U2Proxy On and the services there, too";
    return NULL;
}

/* ---- AuthNegotiateImpersonate ---- */

const char *neg_impersonate_set(cmd_parms *cmd, void *conf, int argc, char *const argv[])
{
    neg_conf *c = neg_config_edit(cmd, conf);
    neg_impersonate_rule *rule = apr_pcalloc(cmd->pool, sizeof(*rule));
    apr_array_header_t *realms = apr_array_make(cmd->pool, 2, sizeof(const char *));
    c->impersonate = rule;
    rule->realms = realms;
    if (argc == 1 && strcasecmp(argv[0], "Off") == 0)
        return NULL;
    if (argc == 0 || strcasecmp(argv[0], "On") != 0)
        return "AuthNegotiateImpersonate: write Off, or On, which may be followed by realms whose "
               "users may be impersonated, too";
    rule->on = 1;
    for (int i = 1; i < argc; i++) {
        if (!*argv[i] || strpbrk(argv[i], "@/\\"))
            return apr_psprintf(cmd->pool,
                                "AuthNegotiateImpersonate: \"%s\" is no realm; write it without an "
                                "@, such as EXAMPLE.COM",
                                argv[i]);
        APR_ARRAY_PUSH(realms, const char *) = argv[i];
    }
    return NULL;
}

const char *neg_impersonate_text(apr_pool_t *p, const neg_conf *conf)
{
    if (!conf->impersonate || !conf->impersonate->on)
        return "Off";
    return apr_pstrcat(p, "On ", apr_array_pstrcat(p, conf->impersonate->realms, ' '), NULL);
}

/* ---- AuthNegotiateProxyService ---- */

static const char *set_expression(cmd_parms *cmd, neg_backend_rule *rule)
{
    const char *error = NULL;
    rule->expr = ap_expr_parse_cmd(cmd, rule->text, AP_EXPR_FLAG_STRING_RESULT, &error, NULL);
    return error
               ? apr_psprintf(cmd->pool,
                              "AuthNegotiateProxyService: the expression \"%s\" cannot be read: %s",
                              rule->text, error)
               : NULL;
}

const char *neg_backend_set(cmd_parms *cmd, void *conf, const char *service, const char *otherwise)
{
    neg_conf *c = neg_config_edit(cmd, conf);
    neg_backend_rule *rule = apr_pcalloc(cmd->pool, sizeof(*rule));
    c->proxy_service = rule;
    rule->text = service;
    if (otherwise && (strcasecmp(otherwise, "optional") != 0 || strcasecmp(service, "off") == 0))
        return apr_psprintf(cmd->pool,
                            "AuthNegotiateProxyService: \"%s\" is not understood after %s; write "
                            "optional after a service, or nothing",
                            otherwise, service);
    rule->optional = otherwise != NULL;
    if (strstr(service, "%{"))
        return set_expression(cmd, rule);
    if (strcasecmp(service, "off") == 0)
        rule->text = "off";
    else if (strcmp(service, "HTTP") != 0 && !neg_config_is_service_at_host(service))
        return apr_psprintf(
            cmd->pool,
            "AuthNegotiateProxyService: \"%s\" is not understood; write HTTP (at the "
            "host that the request goes to), HTTP@backend.example.com (without a "
            "realm), an expression with %%{...}, or off",
            service);
    return NULL;
}

/* `httpd -t -D DUMP_NEGOTIATE`: what the configuration comes to, and which keys there are. */

#include <apr_file_io.h>
#include <apr_strings.h>
#include <http_core.h>

#include "start.h"

typedef struct {
    apr_pool_t *pool;
    apr_file_t *out;
    krb5_context krb5;
    const neg_server *server; /* the main one */
} dump;

static const char *on_off(neg_switch value, const char *unset)
{
    return value == NEG_ON ? "On" : value == NEG_OFF ? "Off" : unset;
}

static void dump_keytab(dump *d, const neg_conf *conf)
{
    apr_array_header_t *entries;
    const char *name = conf->keytab ? conf->keytab : neg_keytab_default_name(d->pool, d->krb5);
    const char *why = neg_keytab_list(d->pool, d->krb5, name, &entries);
    apr_file_printf(d->out, "    keytab        %s%s\n", name,
                    !conf->keytab                                        ? " (krb5's default)"
                    : neg_config_keytab(d->server, conf) != conf->keytab ? " (for root alone: read "
                                                                           "at start)"
                                                                         : "");
    if (why)
        apr_file_printf(d->out, "                  cannot be read: %s\n", why);
    for (int i = 0; !why && i < entries->nelts; i++) {
        const neg_keytab_entry *entry = &APR_ARRAY_IDX(entries, i, neg_keytab_entry);
        apr_file_printf(d->out, "                  %s kvno %u %s%s\n", entry->principal,
                        entry->kvno, entry->enctype_name,
                        conf->acceptor && conf->acceptor->expr ? ""
                        : neg_keytab_serves(entry->principal, neg_config_acceptor_text(conf))
                            ? ""
                            : " (does not accept here)");
    }
}

static void dump_delegation(dump *d, const neg_conf *conf)
{
    neg_perms perms = neg_config_perms(conf);
    const char *directory = neg_config_delegate_dir(conf);
    if (!directory) {
        apr_file_printf(d->out, "    delegate      off\n");
        return;
    }
    apr_file_printf(d->out, "    delegate      FILE:%s in %s, mode %04o", directory,
                    neg_config_delegate_env(conf), perms.mode);
    if (perms.uid != -1)
        apr_file_printf(d->out, ", uid %ld", perms.uid);
    if (perms.gid != -1)
        apr_file_printf(d->out, ", gid %ld", perms.gid);
    apr_file_printf(d->out, "\n");
}

static void dump_binding(dump *d, const neg_conf *conf)
{
    static const char *const modes[] = {"optional", "off", "require"};
    const char *file = conf->channel_binding ? conf->channel_binding->certificate : NULL;
    apr_file_printf(d->out, "    bindings      %s%s%s\n", modes[neg_config_binding(conf)],
                    file ? ", certificate " : "", file ? file : "");
}

static void dump_attributes(dump *d, const neg_conf *conf)
{
    const neg_attribute_rule *rule = conf->attribute;
    int count = rule ? rule->shown->nelts : 0;
    apr_file_printf(d->out, "    attributes    %s", count ? "" : "off");
    for (int i = 0; i < count; i++) {
        const neg_shown *shown = &APR_ARRAY_IDX(rule->shown, i, neg_shown);
        apr_file_printf(d->out, "%s%s in %s", i ? ", " : "", shown->name, shown->variable);
    }
    apr_file_printf(d->out, "\n");
}

static void dump_passwords(dump *d, const neg_conf *conf)
{
    const apr_array_header_t *providers = conf->basic_provider;
    const apr_array_header_t *realms = conf->basic_realm;
    apr_file_printf(d->out, "    passwords     %s", providers && providers->nelts ? "" : "off");
    for (int i = 0; providers && i < providers->nelts; i++)
        apr_file_printf(d->out, "%s%s", i ? " " : "",
                        APR_ARRAY_IDX(providers, i, neg_provider).name);
    apr_file_printf(d->out, "\n    realms        %s", realms && realms->nelts ? "" : "default");
    for (int i = 0; realms && i < realms->nelts; i++)
        apr_file_printf(d->out, "%s%s", i ? " " : "", APR_ARRAY_IDX(realms, i, const char *));
    apr_file_printf(d->out, "\n    enterprise    %s\n", on_off(conf->basic_enterprise, "Off"));
}

static void dump_session(dump *d, const neg_conf *conf)
{
    neg_timeouts timeouts = neg_config_timeouts(conf);
    neg_cookie_rule rule = neg_config_cookie(conf);
    apr_file_printf(d->out, "    session       %s\n", on_off(conf->session, "Off"));
    apr_file_printf(
        d->out, "    timeouts      idle %" APR_TIME_T_FMT " s, absolute %" APR_TIME_T_FMT " s\n",
        apr_time_sec(timeouts.idle), apr_time_sec(timeouts.absolute));
    apr_file_printf(
        d->out, "    cookie        %s%s\n", rule.name ? rule.name : "(default name)",
        neg_session_attributes(d->pool, &rule, rule.secure, rule.max_age ? rule.max_age : -1));
}

static void dump_section(dump *d, server_rec *s, const neg_section *section)
{
    const neg_conf *conf = neg_sections_merge(d->pool, s, section);
    apr_file_printf(d->out, "  %s%s (%s:%d)\n", section->where,
                    section->negotiates ? ": AuthType Negotiate" : "", section->file,
                    section->line);
    dump_keytab(d, conf);
    apr_file_printf(d->out, "    acceptor      %s\n", neg_config_acceptor_text(conf));
    apr_file_printf(d->out, "    mechanisms    %s\n", neg_mechs_text(neg_config_mechs(conf)));
    apr_file_printf(d->out, "    require TLS   %s\n", on_off(conf->require_tls, "Off"));
    dump_binding(d, conf);
    apr_file_printf(d->out, "    persist       %s\n", on_off(conf->persist, "Off"));
    apr_file_printf(d->out, "    offer         %s\n",
                    conf->offer == NEG_OFFER_ONCE ? "once" : "always");
    apr_file_printf(d->out, "    user          %s\n", neg_config_user_text(conf));
    dump_delegation(d, conf);
    apr_file_printf(d->out, "    s4u2proxy     %s\n",
                    neg_s4u_is_on(conf) ? neg_s4u_text(conf) : "Off");
    apr_file_printf(d->out, "    impersonate   %s\n", neg_impersonate_text(d->pool, conf));
    dump_attributes(d, conf);
    apr_file_printf(d->out, "    groups        %s\n", neg_groups_text(d->pool, conf->group));
    dump_passwords(d, conf);
    dump_session(d, conf);
    apr_file_printf(d->out, "    proxy service %s%s\n",
                    conf->proxy_service ? conf->proxy_service->text : "off",
                    conf->proxy_service && conf->proxy_service->optional ? " optional" : "");
}

static void dump_server(dump *d, server_rec *s)
{
    const apr_array_header_t *sections = neg_config_server(s)->sections;
    if (sections->nelts == 0)
        return;
    apr_file_printf(d->out, "%s %s:%u\n", s->is_virtual ? "virtual host" : "main server",
                    s->server_hostname ? s->server_hostname : "(no ServerName)", (unsigned)s->port);
    apr_file_printf(d->out, "  replay cache    %s\n", neg_replay_text(neg_config_server(s)));
    apr_file_printf(d->out, "  session store   %s\n", neg_session_store_text(neg_config_server(s)));
    apr_file_printf(d->out, "  session keys    %s\n",
                    neg_session_keys_text(d->pool, neg_config_server(s)));
    for (int i = 0; i < sections->nelts; i++)
        dump_section(d, s, APR_ARRAY_IDX(sections, i, const neg_section *));
}

void neg_dump(apr_pool_t *pconf, server_rec *s)
{
    dump d;
    if (!ap_exists_config_define("DUMP_NEGOTIATE"))
        return;
    d.pool = pconf;
    d.server = neg_config_server(s);
    apr_file_open_stdout(&d.out, pconf);
    if (krb5_init_context(&d.krb5) != 0) {
        apr_file_printf(d.out, "krb5.conf cannot be read\n");
        return;
    }
    apr_file_printf(d.out, "Negotiate:\n");
    for (; s; s = s->next)
        dump_server(&d, s);
    krb5_free_context(d.krb5);
}

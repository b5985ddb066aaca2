/* What is found of a configuration, and changed while it is read. */

#include <apr_strings.h>
#include <http_core.h>

#include "internal.h"

const neg_conf *neg_config_of(request_rec *r)
{
    return ap_get_module_config(r->per_dir_config, &auth_negotiate_module);
}

neg_server *neg_config_server(server_rec *s)
{
    return ap_get_module_config(s->module_config, &auth_negotiate_module);
}

static neg_section *section_of(cmd_parms *cmd, const neg_conf *conf)
{
    neg_server *server = neg_config_server(cmd->server);
    neg_section *section;
    for (int i = 0; i < server->sections->nelts; i++) {
        section = APR_ARRAY_IDX(server->sections, i, neg_section *);
        if (section->conf == conf)
            return section;
    }
    section = apr_pcalloc(cmd->pool, sizeof(*section));
    section->conf = conf;
    section->where = conf->where ? conf->where : "the whole server";
    section->scope = neg_scope_of(cmd->pool, cmd->directive);
    section->file = cmd->directive->filename;
    section->line = cmd->directive->line_num;
    APR_ARRAY_PUSH(server->sections, neg_section *) = section;
    return section;
}

/* A .htaccess is read while requests are served: nothing of it may outlive its request. */
int neg_config_at_start(cmd_parms *cmd)
{
    return ap_check_cmd_context(cmd, NOT_IN_HTACCESS) == NULL;
}

int neg_config_is_overridden(const request_rec *r, int classes)
{
    for (const struct htaccess_result *found = r->htaccess; found; found = found->next)
        if (found->htaccess &&
            (found->override & classes ||
             (found->override_list && !apr_is_empty_table(found->override_list))))
            return 1;
    return 0;
}

neg_conf *neg_config_edit(cmd_parms *cmd, void *conf)
{
    if (neg_config_at_start(cmd))
        section_of(cmd, conf);
    return conf;
}

void neg_config_note_auth_type(cmd_parms *cmd, const neg_conf *conf)
{
    if (neg_config_at_start(cmd))
        section_of(cmd, conf)->negotiates = 1;
}

void neg_config_note_basic(cmd_parms *cmd, const neg_conf *conf)
{
    if (neg_config_at_start(cmd))
        section_of(cmd, conf)->takes_passwords = 1;
}

void neg_config_note_logout(cmd_parms *cmd, const neg_conf *conf)
{
    if (neg_config_at_start(cmd))
        section_of(cmd, conf)->logs_out = 1;
}

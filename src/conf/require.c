/* httpd's Require lines, seen by us too: what they need of a ticket. */

#include <string.h>

#include <apr_strings.h>

#include "internal.h"

static void see_groups(cmd_parms *cmd, neg_conf *conf, const char *line)
{
    apr_array_header_t *names;
    conf->wants_pac = 1;
    if (!neg_config_at_start(cmd))
        return;
    neg_config_edit(cmd, conf);
    names = conf->group_names ? (apr_array_header_t *)conf->group_names
                              : apr_array_make(cmd->pool, 2, sizeof(const char *));
    while (*line)
        APR_ARRAY_PUSH(names, const char *) = ap_getword_conf(cmd->pool, &line);
    conf->group_names = names;
}

static void see_indicator(cmd_parms *cmd, neg_conf *conf, const char *line)
{
    (void)line;
    neg_wants_add(cmd, conf, NEG_INDICATORS);
}

static void see_attribute(cmd_parms *cmd, neg_conf *conf, const char *line)
{
    const char *name = ap_getword_conf(cmd->pool, &line);
    if (*name)
        neg_wants_add(cmd, conf, name);
}

/* The rules whose lines say what a location needs. */
static const struct {
    const char *provider;
    void (*see)(cmd_parms *cmd, neg_conf *conf, const char *line);
} seen[] = {
    {"auth-indicator", see_indicator},
    {"name-attribute", see_attribute},
    {"pac-group", see_groups},
};

const char *neg_require_see(cmd_parms *cmd, void *conf, const char *line)
{
    const char *why = neg_kerberos_see_require(cmd, conf, line);
    const char *word = ap_getword_conf(cmd->temp_pool, &line);
    if (why)
        return why;
    if (strcasecmp(word, "not") == 0)
        word = ap_getword_conf(cmd->temp_pool, &line);
    for (size_t i = 0; i < sizeof(seen) / sizeof(*seen); i++)
        if (strcmp(word, seen[i].provider) == 0)
            seen[i].see(cmd, conf, line);
    return NULL;
}

/*
 * What a section's requests will see, as far as the start can tell: httpd merges sections when a
 * request comes.  A plain path is known to lie within another one; whose requests a
 * <LocationMatch>, an <If>, or a <Directory> beside a <Location> will be for, nobody can say.
 */

#include <http_core.h>
#include <http_main.h>

#include "start.h"

static int encloses(const neg_section *outer, const neg_section *inner)
{
    return outer->conf->where && inner->conf->where && outer != inner &&
           neg_scope_is_path_within(outer->conf->where, inner->conf->where);
}

static const neg_conf *merge_enclosing(apr_pool_t *p, const neg_conf *conf, server_rec *s,
                                       const neg_section *section)
{
    const apr_array_header_t *sections = neg_config_server(s)->sections;
    for (int i = 0; i < sections->nelts; i++) {
        const neg_section *outer = APR_ARRAY_IDX(sections, i, const neg_section *);
        if (encloses(outer, section))
            conf = neg_config_merge_dir(p, (void *)conf, (void *)outer->conf);
    }
    return conf;
}

const neg_conf *neg_sections_merge(apr_pool_t *p, server_rec *s, const neg_section *section)
{
    const neg_conf *conf = ap_get_module_config(s->lookup_defaults, &auth_negotiate_module);
    if (s != ap_server_conf)
        conf = merge_enclosing(p, conf, ap_server_conf, section);
    conf = merge_enclosing(p, conf, s, section);
    return neg_config_merge_dir(p, (void *)conf, (void *)section->conf);
}

/* ---- What is not merged ---- */

/* @param home the server that other is written in */
static int is_merged(server_rec *home, const neg_section *other, server_rec *s,
                     const neg_section *section)
{
    return other == section || ((home == s || home == ap_server_conf) &&
                                (!*other->scope.kind || encloses(other, section)));
}

static int speaks_of(const neg_conf *conf, neg_topic topic)
{
    switch (topic) {
    case NEG_TOPIC_KEYTAB:
        return conf->keytab != NULL;
    case NEG_TOPIC_KEYS:
        return conf->keytab || conf->acceptor || conf->mechs;
    case NEG_TOPIC_MECHS:
        return conf->acceptor || conf->mechs;
    case NEG_TOPIC_TICKETS:
        return conf->delegate || conf->proxy_service || conf->s4u2proxy || conf->impersonate;
    case NEG_TOPIC_PASSWORDS:
        return conf->basic_provider || conf->channel_binding;
    case NEG_TOPIC_NAMES:
        return conf->user || conf->basic_provider;
    default:
        return conf->require_tls != NEG_UNSET;
    }
}

static int may_meet(const neg_section *other, const neg_section *section, int inner)
{
    return neg_scope_may_cover(&other->scope, &section->scope) ||
           (inner && neg_scope_may_cover(&section->scope, &other->scope));
}

const neg_section *neg_sections_find_other(server_rec *s, const neg_section *section,
                                           neg_topic topic, int inner)
{
    for (server_rec *home = ap_server_conf; home; home = home->next) {
        const apr_array_header_t *sections = neg_config_server(home)->sections;
        for (int i = 0; i < sections->nelts; i++) {
            const neg_section *other = APR_ARRAY_IDX(sections, i, const neg_section *);
            if (!is_merged(home, other, s, section) && speaks_of(other->conf, topic) &&
                may_meet(other, section, inner))
                return other;
        }
    }
    return NULL;
}

/* ---- What httpd's own lines say of a section ---- */

int neg_sections_negotiate(server_rec *s, const neg_section *section)
{
    const apr_array_header_t *sections = neg_config_server(s)->sections;
    for (int i = 0; i < sections->nelts; i++) {
        const neg_section *outer = APR_ARRAY_IDX(sections, i, const neg_section *);
        if (outer->negotiates && encloses(outer, section))
            return 1;
    }
    return section->negotiates;
}

int neg_sections_take_passwords(server_rec *s, const neg_section *section)
{
    const apr_array_header_t *sections = neg_config_server(s)->sections;
    for (int i = 0; i < sections->nelts; i++) {
        const neg_section *outer = APR_ARRAY_IDX(sections, i, const neg_section *);
        if (outer->takes_passwords && encloses(outer, section))
            return 1;
    }
    return section->takes_passwords;
}

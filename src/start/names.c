/* Names in Require pac-group that no AuthNegotiateGroup explains. */

#include <string.h>

#include "sid.h"
#include "start.h"

static int is_named(apr_pool_t *p, server_rec *servers, const char *name)
{
    const char *key = neg_groups_key(p, name);
    for (server_rec *s = servers; s; s = s->next) {
        const apr_array_header_t *sections = neg_config_server(s)->sections;
        for (int i = 0; i < sections->nelts; i++)
            if (neg_groups_find(APR_ARRAY_IDX(sections, i, const neg_section *)->conf->group, key))
                return 1;
    }
    return 0;
}

/* Whether the name's line is around the rule cannot be seen for all sections (<If>): it is looked
 * at when it is needed. */
const char *neg_membership_unnamed(apr_pool_t *p, server_rec *servers, const neg_conf *conf)
{
    int asserted;
    for (int i = 0; conf->group_names && i < conf->group_names->nelts; i++) {
        const char *name = APR_ARRAY_IDX(conf->group_names, i, const char *);
        if (strncasecmp(name, "S-1-", 4) != 0 && !neg_sid_well_known(name, &asserted) &&
            !neg_sid_domain_group(name) && !is_named(p, servers, name))
            return name;
    }
    return NULL;
}

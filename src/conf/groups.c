/*
 * Names for groups of an Active Directory, since a ticket has SIDs alone: AuthNegotiateGroup, and
 * NEGOTIATE_GROUPS.
 */

#include <apr_hash.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include "internal.h"
#include "writer.h"

/* ---- AuthNegotiateGroup ---- */

typedef struct {
    const char *name; /* as configured */
    const char *key;  /* in lower case: names of groups have no case */
    const char *text; /* of the SID */
    neg_bytes sid;
} group;

/* The lines of one section.  Merges happen per request, so that they only put one behind another.
 */
struct neg_groups {
    const neg_groups *outer; /* sections around it, or NULL */
    int off;                 /* it forgets those */
    apr_array_header_t *all; /* of group *, as they were written */
    apr_hash_t *by_key, *by_sid;
};

const char *neg_groups_key(apr_pool_t *p, const char *name)
{
    char *key = apr_pstrdup(p, name);
    for (char *s = key; *s; s++)
        *s = (char)apr_tolower(*s);
    return key;
}

/* ';' separates names in NEGOTIATE_GROUPS; no name of an Active Directory has one. */
static const char *check_name(apr_pool_t *p, const group *g)
{
    const char *name = g->name;
    int asserted;
    const char *known = neg_sid_well_known(name, &asserted);
    apr_uint32_t rid = neg_sid_domain_group(name);
    if (!*name || apr_isspace(*name) || apr_isspace(name[strlen(name) - 1]))
        return "a name is not empty, and has no space at its ends";
    for (const char *s = name; *s; s++)
        if (*s == ';' || apr_iscntrl(*s))
            return "a name has no semicolon and no control character";
    if (strncasecmp(name, "S-1-", 4) == 0)
        return "write the name first, then the SID";
    if ((known && strcmp(known, g->text) != 0) || (rid && neg_sid_rid(g->sid) != rid))
        return apr_psprintf(p,
                            "\"%s\" is the name of another group everywhere; choose a name of "
                            "your own",
                            name);
    return NULL;
}

/* Groups of a domain differ in that; and a thousand are looked up for one request. */
static unsigned hash_sid(const char *key, apr_ssize_t *len)
{
    return neg_sid_rid((neg_bytes){(const unsigned char *)key, (apr_size_t)*len});
}

static neg_groups *make(apr_pool_t *p)
{
    neg_groups *groups = apr_pcalloc(p, sizeof(*groups));
    groups->all = apr_array_make(p, 4, sizeof(group *));
    groups->by_key = apr_hash_make(p);
    groups->by_sid = apr_hash_make_custom(p, hash_sid);
    return groups;
}

/* @return NULL, or a sentence */
static const char *read_group(apr_pool_t *p, const char *name, const char *text, group *g)
{
    const char *why = neg_sid_parse(p, text, &g->sid);
    if (why)
        return apr_psprintf(p,
                            "\"%s\" cannot be read: %s; write a name and its SID, such as \"Web "
                            "Editors\" S-1-5-21-1004336348-1177238915-682003330-1106 "
                            "(tools/ad-groups lists those of a directory)",
                            text, why);
    g->name = name;
    g->key = neg_groups_key(p, name);
    g->text = neg_sid_text(p, g->sid);
    return check_name(p, g);
}

/* @return NULL, or a sentence */
static const char *add(apr_pool_t *p, neg_groups *groups, const group *g)
{
    const group *same = apr_hash_get(groups->by_key, g->key, APR_HASH_KEY_STRING);
    if (same)
        return neg_sid_equal(same->sid, g->sid)
                   ? NULL
                   : apr_psprintf(p, "\"%s\" is %s already; one name is one group", g->name,
                                  same->text);
    APR_ARRAY_PUSH(groups->all, const group *) = g;
    apr_hash_set(groups->by_key, g->key, APR_HASH_KEY_STRING, g);
    if (!apr_hash_get(groups->by_sid, g->sid.data, (apr_ssize_t)g->sid.len))
        apr_hash_set(groups->by_sid, g->sid.data, (apr_ssize_t)g->sid.len, g);
    return NULL;
}

const char *neg_groups_set(cmd_parms *cmd, void *conf, const char *name, const char *text)
{
    neg_conf *c = neg_config_edit(cmd, conf);
    neg_groups *groups = (neg_groups *)c->group;
    group *g = apr_pcalloc(cmd->pool, sizeof(*g));
    int off = !text && strcasecmp(name, "off") == 0;
    const char *why = NULL;
    if (!groups || off)
        groups = make(cmd->pool);
    groups->off |= off;
    c->group = groups;
    if (off)
        return NULL;
    c->wants_pac = 1;
    why = text ? read_group(cmd->pool, name, text, g) : "write a name and its SID, or off";
    if (!why)
        why = add(cmd->pool, groups, g);
    return why ? apr_psprintf(cmd->pool, "AuthNegotiateGroup: %s", why) : NULL;
}

const neg_groups *neg_groups_merge(apr_pool_t *p, const neg_groups *outer, const neg_groups *inner)
{
    neg_groups *merged;
    if (!outer || !inner || inner->off)
        return inner ? inner : outer;
    merged = apr_pmemdup(p, inner, sizeof(*inner));
    merged->outer = neg_groups_merge(p, outer, inner->outer);
    return merged;
}

static const group *find_name(const neg_groups *groups, const char *key)
{
    const group *found = NULL;
    for (; groups && !found; groups = groups->outer)
        found = apr_hash_get(groups->by_key, key, APR_HASH_KEY_STRING);
    return found;
}

const neg_bytes *neg_groups_find(const neg_groups *groups, const char *key)
{
    const group *found = find_name(groups, key);
    return found ? &found->sid : NULL;
}

/* A name that an inner section has given to another group is no longer this one's. */
static const char *name_of(const neg_groups *groups, neg_bytes sid)
{
    for (const neg_groups *g = groups; g; g = g->outer) {
        const group *found = apr_hash_get(g->by_sid, sid.data, (apr_ssize_t)sid.len);
        if (found && find_name(groups, found->key) == found)
            return found->name;
    }
    return NULL;
}

static int has_names(const neg_groups *groups)
{
    for (; groups; groups = groups->outer)
        if (groups->all->nelts)
            return 1;
    return 0;
}

const char *neg_groups_text(apr_pool_t *p, const neg_groups *groups)
{
    const char *text = "";
    for (; groups; groups = groups->outer)
        for (int i = 0; i < groups->all->nelts; i++) {
            const group *g = APR_ARRAY_IDX(groups->all, i, const group *);
            text = apr_pstrcat(p, text, *text ? "; " : "", g->name, " ", g->text, NULL);
        }
    return *text ? text : "off";
}

/* ---- NEGOTIATE_GROUPS ---- */

/* Where it is written, and the SID that was written last. */
typedef struct {
    neg_writer to;
    neg_bytes sid;
    char text[NEG_SID_TEXT_MAX];
    apr_size_t len;
} list;

static void write_group(list *l, const neg_groups *names, neg_bytes sid)
{
    const char *name = name_of(names, sid);
    if (l->to.len)
        neg_write_u8(&l->to, ';');
    if (name) {
        neg_write_bytes(&l->to, name, strlen(name));
        return;
    }
    l->len = neg_sid_write_next(l->text, l->len, l->sid, sid);
    l->sid = sid;
    neg_write_bytes(&l->to, l->text, l->len);
}

const char *neg_groups_published(apr_pool_t *p, const neg_groups *names,
                                 const neg_identity *identity)
{
    list l = {.to = {p, NULL, 0, 0}};
    if (!has_names(names) || !identity->groups)
        return NULL;
    for (neg_bytes rest = neg_sids_all(identity->groups); rest.len;)
        write_group(&l, names, neg_sids_next(&rest));
    neg_write_u8(&l.to, '\0');
    return (const char *)l.to.data;
}

/*
 * Groups of an Active Directory, from the ticket's PAC: names for them (AuthNegotiateGroup),
 * Require pac-group, NEGOTIATE_GROUPS.
 *
 * A ticket has SIDs alone.  Groups that are not known are not "none": a rule then refuses, whether
 * it asks for a group or excludes one.
 */

#include <apr_hash.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include "authorize.h"
#include "sid.h"

/* ---- AuthNegotiateGroup ---- */

typedef struct {
    const char *name; /* as configured */
    const char *key;  /* in lower case: names of groups have no case */
    const char *sid;
} group;

/* The lines of one section.  Merges happen per request, so that they only put one behind another.
 */
struct neg_groups {
    const neg_groups *outer; /* sections around it, or NULL */
    apr_array_header_t *all; /* of group *, as they were written */
    apr_hash_t *by_key, *by_sid;
};

static const char *key_of(apr_pool_t *p, const char *name)
{
    char *key = apr_pstrdup(p, name);
    for (char *s = key; *s; s++)
        *s = (char)apr_tolower(*s);
    return key;
}

/* ';' separates names in NEGOTIATE_GROUPS; no name of an Active Directory has one. */
static const char *check_name(apr_pool_t *p, const char *name, const char *sid)
{
    const char *known = neg_sid_well_known(name);
    apr_uint32_t rid = neg_sid_domain_group(name);
    if (!*name || apr_isspace(*name) || apr_isspace(name[strlen(name) - 1]))
        return "a name is not empty, and has no space at its ends";
    for (const char *s = name; *s; s++)
        if (*s == ';' || apr_iscntrl(*s))
            return "a name has no semicolon and no control character";
    if (strncasecmp(name, "S-1-", 4) == 0)
        return "write the name first, then the SID";
    if ((known && strcmp(known, sid) != 0) || (rid && !neg_sid_has_rid(sid, rid)))
        return apr_psprintf(p,
                            "\"%s\" is the name of another group everywhere; choose a name of "
                            "your own",
                            name);
    return NULL;
}

static neg_groups *make(apr_pool_t *p)
{
    neg_groups *groups = apr_pcalloc(p, sizeof(*groups));
    groups->all = apr_array_make(p, 4, sizeof(group *));
    groups->by_key = apr_hash_make(p);
    groups->by_sid = apr_hash_make(p);
    return groups;
}

/* @return NULL, or a sentence */
static const char *add(apr_pool_t *p, neg_groups *groups, const char *name, const char *sid)
{
    group *g = apr_pcalloc(p, sizeof(*g));
    const group *same;
    g->name = name;
    g->key = key_of(p, name);
    g->sid = sid;
    same = apr_hash_get(groups->by_key, g->key, APR_HASH_KEY_STRING);
    if (same)
        return strcmp(same->sid, sid) == 0
                   ? NULL
                   : apr_psprintf(p, "\"%s\" is %s already; one name is one group", name,
                                  same->sid);
    APR_ARRAY_PUSH(groups->all, group *) = g;
    apr_hash_set(groups->by_key, g->key, APR_HASH_KEY_STRING, g);
    if (!apr_hash_get(groups->by_sid, sid, APR_HASH_KEY_STRING))
        apr_hash_set(groups->by_sid, sid, APR_HASH_KEY_STRING, g);
    return NULL;
}

const char *neg_groups_set(cmd_parms *cmd, void *conf, const char *name, const char *text)
{
    neg_conf *c = neg_config_edit(cmd, conf);
    neg_sid sid;
    const char *canonical;
    const char *why = neg_sid_parse(text, &sid);
    if (why)
        return apr_psprintf(cmd->pool,
                            "AuthNegotiateGroup: \"%s\" cannot be read: %s; write a name and its "
                            "SID, such as \"Web Editors\" S-1-5-21-1004336348-1177238915-682003330-"
                            "1106 (tools/ad-groups lists those of a directory)",
                            text, why);
    canonical = neg_sid_text(cmd->pool, &sid);
    why = check_name(cmd->pool, name, canonical);
    c->wants_pac = 1;
    if (!c->group)
        c->group = make(cmd->pool);
    if (!why)
        why = add(cmd->pool, (neg_groups *)c->group, name, canonical);
    return why ? apr_psprintf(cmd->pool, "AuthNegotiateGroup: %s", why) : NULL;
}

const neg_groups *neg_groups_merge(apr_pool_t *p, const neg_groups *outer, const neg_groups *inner)
{
    neg_groups *merged;
    if (!outer || !inner)
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

/* A name that an inner section has given to another group is no longer this one's. */
static const char *name_of(const neg_groups *groups, const char *sid)
{
    for (const neg_groups *g = groups; g; g = g->outer) {
        const group *found = apr_hash_get(g->by_sid, sid, APR_HASH_KEY_STRING);
        if (found && find_name(groups, found->key) == found)
            return found->name;
    }
    return NULL;
}

const char *neg_groups_text(apr_pool_t *p, const neg_groups *groups)
{
    const char *text = groups ? "" : "no names";
    for (; groups; groups = groups->outer)
        for (int i = 0; i < groups->all->nelts; i++) {
            const group *g = APR_ARRAY_IDX(groups->all, i, const group *);
            text = apr_pstrcat(p, text, *text ? "; " : "", g->name, " ", g->sid, NULL);
        }
    return text;
}

/* ---- NEGOTIATE_GROUPS ---- */

const char *neg_groups_published(apr_pool_t *p, const neg_groups *names,
                                 const neg_identity *identity)
{
    const apr_array_header_t *groups = identity->groups;
    const char **shown;
    apr_size_t len = 1;
    char *text, *end;
    if (!names || !groups)
        return NULL;
    shown = apr_palloc(p, (apr_size_t)groups->nelts * sizeof(*shown) + 1);
    for (int i = 0; i < groups->nelts; i++) {
        const char *sid = APR_ARRAY_IDX(groups, i, const char *);
        const char *name = name_of(names, sid);
        shown[i] = name ? name : sid;
        len += strlen(shown[i]) + 1;
    }
    end = text = apr_palloc(p, len);
    for (int i = 0; i < groups->nelts; i++) {
        if (i)
            *end++ = ';';
        end = stpcpy(end, shown[i]);
    }
    *end = '\0';
    return text;
}

/* ---- Require pac-group SID-or-name ... ---- */

typedef struct {
    const char *text; /* as written */
    const char *sid;  /* of a SID; else NULL, and it is a name */
    const char *key;  /* of a name */
} wanted;

typedef struct {
    const char *rule;           /* "Require pac-group ...", for the log */
    apr_array_header_t *wanted; /* of wanted: any of them */
    int may_grant;              /* to satisfy it may mean to be let in */
    int may_deny;               /* or to be kept out: "not", RequireNone */
} group_rule;

/*
 * httpd does not tell a provider whether a match lets in or keeps out; the configuration around the
 * line does.  An alias may be used for either, and so may a RequireNone within another.
 */
static void find_sense(const cmd_parms *cmd, group_rule *rule)
{
    const ap_directive_t *d = cmd->directive;
    const char *args = d->args;
    int negations = args && strcasecmp(ap_getword_conf(cmd->temp_pool, &args), "not") == 0;
    for (; d; d = d->parent) {
        if (strncasecmp(d->directive, "<RequireNone", 12) == 0)
            negations++;
        if (strncasecmp(d->directive, "<AuthzProviderAlias", 19) == 0)
            negations += 2;
    }
    rule->may_grant = negations != 1;
    rule->may_deny = negations != 0;
}

static const char *parse_one(cmd_parms *cmd, const char *text, wanted *w)
{
    neg_sid sid;
    const char *why;
    w->text = text;
    if (strstr(text, "%{"))
        return "a group cannot be an expression: write its name or its SID";
    if (strncasecmp(text, "S-1-", 4) != 0) {
        w->key = key_of(cmd->pool, text);
        w->sid = neg_sid_well_known(text);
        return *text ? NULL : "an empty word is no group; leave it out";
    }
    if ((why = neg_sid_parse(text, &sid)))
        return apr_psprintf(cmd->pool, "\"%s\" cannot be read: %s", text, why);
    w->sid = neg_sid_text(cmd->pool, &sid);
    return NULL;
}

static const char *parse_groups(cmd_parms *cmd, const char *line, const void **parsed)
{
    group_rule *rule = apr_pcalloc(cmd->pool, sizeof(*rule));
    const char *why = NULL;
    rule->rule = apr_pstrcat(cmd->pool, "Require pac-group ", line, NULL);
    rule->wanted = apr_array_make(cmd->pool, 2, sizeof(wanted));
    find_sense(cmd, rule);
    while (*line && !why) {
        wanted *w = apr_array_push(rule->wanted);
        memset(w, 0, sizeof(*w));
        why = parse_one(cmd, ap_getword_conf(cmd->pool, &line), w);
    }
    *parsed = rule;
    if (!why && rule->wanted->nelts == 0)
        why = "write one or more groups: SIDs, or names (in quotes where they have spaces)";
    return why ? apr_psprintf(cmd->pool, "Require pac-group: %s", why) : NULL;
}

/* ---- Whether a rule is satisfied ---- */

static int is_among(const apr_array_header_t *groups, const char *sid)
{
    for (int i = 0; i < groups->nelts; i++)
        if (strcmp(APR_ARRAY_IDX(groups, i, const char *), sid) == 0)
            return 1;
    return 0;
}

/* The SID of a group of the user's own domain. */
static const char *of_own_domain(const neg_attempt *a, apr_uint32_t rid)
{
    const char *sid = a->identity->sid;
    const char *dash = strrchr(sid, '-');
    return apr_psprintf(a->r->pool, "%.*s-%" APR_UINT64_T_FMT, (int)(dash - sid), sid,
                        (apr_uint64_t)rid);
}

/* Other domains' administrators put into their "Domain Admins" whom they like: such a name lets in
 * users of this server's own realm alone, but it keeps out those of every domain. */
static const char *sid_of(const neg_attempt *a, const wanted *w, const char *sid, int to_deny)
{
    if (sid || (!to_deny && !neg_publish_is_home(a, NULL)))
        return sid;
    return of_own_domain(a, neg_sid_domain_group(w->text));
}

/* What is for deny only is for that. */
static int is_member(const neg_attempt *a, const char *sid, int to_deny)
{
    const neg_identity *identity = a->identity;
    return sid && (strcmp(sid, identity->sid) == 0 || is_among(identity->groups, sid) ||
                   (to_deny && is_among(identity->deny_only, sid)));
}

/* A rule's error keeps the client out, whichever sense the rule has; neg_authorize() makes it the
 * 403 that it is. */
static authz_status fail_closed(neg_attempt *a, const group_rule *rule, const char *why)
{
    a->groups_unknown = why;
    return rule->may_deny ? AUTHZ_GENERAL_ERROR : AUTHZ_DENIED;
}

static authz_status check_unknown(neg_attempt *a, const group_rule *rule)
{
    const char *why = a->identity->pac_unknown;
    why = apr_psprintf(neg_attempt_pool(a),
                       "%s: the groups of %s are not known: the client's ticket %s", rule->rule,
                       a->identity->principal,
                       why ? why
                       : a->identity->mech != NEG_MECH_KRB5
                           ? "is none: who proved the client tells none"
                           : "was not asked for them. Where AuthzProviderAlias hides the rule, "
                             "write AuthNegotiateGroup in the section that has it");
    ap_log_rerror(APLOG_MARK, APLOG_DEBUG, 0, a->r, "%s", why);
    return fail_closed(a, rule, why);
}

/* Somebody whom another module has authenticated, of whom no groups can be known. */
static authz_status refuse_others(request_rec *r, const group_rule *rule)
{
    if (!rule->may_deny)
        return AUTHZ_DENIED;
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                  "%s: %s was authenticated by another module, so that nothing tells the groups: "
                  "use the rule where AuthType is Negotiate",
                  rule->rule, ap_escape_logitem(r->pool, r->user));
    return AUTHZ_GENERAL_ERROR;
}

static authz_status check_one(neg_attempt *a, const group_rule *rule, const wanted *w,
                              const neg_groups *names)
{
    const group *named = w->key ? find_name(names, w->key) : NULL;
    const char *sid = named ? named->sid : w->sid;
    int to_grant, to_deny;
    if (!sid && !neg_sid_domain_group(w->text)) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, a->r,
                      "%s: nothing says which group \"%s\" is: write AuthNegotiateGroup with its "
                      "SID for this location",
                      rule->rule, w->text);
        return AUTHZ_GENERAL_ERROR;
    }
    to_grant = is_member(a, sid_of(a, w, sid, 0), 0);
    to_deny = is_member(a, sid_of(a, w, sid, 1), 1);
    if (rule->may_grant && rule->may_deny && to_grant != to_deny)
        return fail_closed(
            a, rule,
            apr_psprintf(neg_attempt_pool(a),
                         "%s: %s is in \"%s\" only where that keeps out, and it is "
                         "not clear here whether it does: write Require not, without "
                         "an alias",
                         rule->rule, a->identity->principal, w->text));
    return (rule->may_deny ? to_deny : to_grant) ? AUTHZ_GRANTED : AUTHZ_DENIED;
}

static authz_status check_groups(request_rec *r, const char *line, const void *parsed)
{
    const group_rule *rule = parsed;
    const neg_identity *identity;
    neg_attempt *a = neg_attempt_granted(r);
    authz_status status = neg_authorize_identity(r, rule->rule, &identity);
    (void)line;
    if (status == AUTHZ_DENIED_NO_USER)
        return status;
    if (!a)
        return refuse_others(r, rule);
    if (status != AUTHZ_GRANTED || !identity->groups || !identity->deny_only || !identity->sid)
        return check_unknown(a, rule);
    for (int i = 0; i < rule->wanted->nelts; i++) {
        const wanted *w = &APR_ARRAY_IDX(rule->wanted, i, wanted);
        status = check_one(a, rule, w, neg_config_of(r)->group);
        if (status != AUTHZ_DENIED)
            return status;
    }
    ap_log_rerror(APLOG_MARK, APLOG_DEBUG, 0, r, "%s: %s is in %d groups, and in none of these",
                  rule->rule, identity->principal, identity->groups->nelts);
    neg_authorize_note_lacking(r);
    return AUTHZ_DENIED;
}

const authz_provider neg_groups_provider = {check_groups, parse_groups};

/* ---- Names at start ---- */

void neg_groups_see(cmd_parms *cmd, neg_conf *conf, const char *line)
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

static int is_named(apr_pool_t *p, server_rec *servers, const char *name)
{
    const char *key = key_of(p, name);
    for (server_rec *s = servers; s; s = s->next) {
        const apr_array_header_t *sections = neg_config_server(s)->sections;
        for (int i = 0; i < sections->nelts; i++)
            if (find_name(APR_ARRAY_IDX(sections, i, const neg_section *)->conf->group, key))
                return 1;
    }
    return 0;
}

/* Whether the name's line is around the rule cannot be seen for all sections (<If>): it is looked
 * at when it is needed. */
const char *neg_groups_unnamed(apr_pool_t *p, server_rec *servers, const neg_conf *conf)
{
    for (int i = 0; conf->group_names && i < conf->group_names->nelts; i++) {
        const char *name = APR_ARRAY_IDX(conf->group_names, i, const char *);
        if (strncasecmp(name, "S-1-", 4) != 0 && !neg_sid_well_known(name) &&
            !neg_sid_domain_group(name) && !is_named(p, servers, name))
            return name;
    }
    return NULL;
}

/*
 * Require pac-group: who is in a group of an Active Directory, by the ticket's PAC.
 *
 * Groups that are not known are not "none": a rule then refuses, whether it asks for a group or
 * excludes one.
 */

#include <apr_strings.h>

#include "answer.h"
#include "internal.h"
#include "sidset.h"

/* ---- Require pac-group SID-or-name ... ---- */

typedef struct {
    const char *text; /* as written */
    const char *key;  /* of a name; else NULL */
    neg_bytes sid;    /* of a SID, or of a name that is the same everywhere; else empty */
    apr_uint32_t rid; /* of a name that every domain has; else 0 */
    int asserted;     /* the user's own domain says who is in it */
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
    const char *known, *why;
    w->text = text;
    if (strstr(text, "%{"))
        return "a group cannot be an expression: write its name or its SID";
    if (strncasecmp(text, "S-1-", 4) != 0) {
        w->key = neg_groups_key(cmd->pool, text);
        w->rid = neg_sid_domain_group(text);
        w->asserted = w->rid != 0;
        if ((known = neg_sid_well_known(text, &w->asserted)))
            return neg_sid_parse(cmd->pool, known, &w->sid);
        return *text ? NULL : "an empty word is no group; leave it out";
    }
    why = neg_sid_parse(cmd->pool, text, &w->sid);
    return why ? apr_psprintf(cmd->pool, "\"%s\" cannot be read: %s", text, why) : NULL;
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

/* The groups of a client, to be looked into once for each word of each rule. */
typedef struct neg_memberships {
    const neg_sid_set *groups, *deny_only;
} memberships;

/* Whom a rule is about. */
typedef struct {
    request_rec *r;
    apr_pool_t *scratch; /* ends with the rule: there may be thousands */
    neg_attempt *attempt;
    const neg_identity *identity;
    const memberships *in;
    neg_bytes sid;
} client;

static const memberships *find_memberships(const client *c)
{
    neg_attempt *a = c->attempt;
    memberships *in;
    if (a->memberships)
        return a->memberships;
    in = apr_palloc(a->denied ? c->r->pool : c->scratch, sizeof(*in));
    in->groups = neg_sid_set_make(a->denied ? c->r->pool : c->scratch, c->identity->groups);
    in->deny_only = neg_sid_set_make(a->denied ? c->r->pool : c->scratch, c->identity->deny_only);
    if (a->denied)
        a->memberships = in;
    return in;
}

/* Other domains' administrators put into their "Domain Admins" whom they like, and say of their
 * users what they like: such a name lets in users of this server's own realm alone, but it keeps
 * out those of every domain.  @return an empty one for no group */
static neg_bytes sid_of(const client *c, const wanted *w, const neg_bytes *named, int to_deny)
{
    if (named)
        return *named;
    if (w->asserted && !to_deny && !neg_publish_is_home(c->attempt, NULL))
        return (neg_bytes){NULL, 0};
    return w->rid ? neg_sid_sibling(c->scratch, c->sid, w->rid) : w->sid;
}

/* What is for deny only is for that. */
static int is_member(const client *c, neg_bytes sid, int to_deny)
{
    return sid.len && (neg_sid_equal(sid, c->sid) || neg_sid_set_has(c->in->groups, sid) ||
                       (to_deny && neg_sid_set_has(c->in->deny_only, sid)));
}

/* A forest has one "Enterprise Admins", that of its root, and users of every domain are in it. */
static int is_foreign_member(const client *c, apr_uint32_t rid)
{
    neg_bytes own = neg_sid_sibling(c->scratch, c->sid, rid);
    return neg_sid_set_has_like(c->in->groups, own) || neg_sid_set_has_like(c->in->deny_only, own);
}

/* A rule's error keeps the client out, whichever sense the rule has; neg_authorize() makes it the
 * 403 that it is. */
static authz_status fail_closed(neg_attempt *a, const group_rule *rule, const char *why)
{
    a->groups_unknown = why;
    return rule->may_deny ? AUTHZ_GENERAL_ERROR : AUTHZ_DENIED;
}

/* It is the same for all rules, and told of the first. */
static authz_status check_unknown(neg_attempt *a, const group_rule *rule)
{
    const char *why = a->identity->pac_unknown;
    if (a->groups_unknown)
        return fail_closed(a, rule, a->groups_unknown);
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

static authz_status check_one(const client *c, const group_rule *rule, const wanted *w)
{
    neg_attempt *a = c->attempt;
    const neg_bytes *named = w->key ? neg_groups_find(neg_config_of(c->r)->group, w->key) : NULL;
    int to_grant, to_deny;
    if (!named && !w->sid.len && !w->rid) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, a->r,
                      "%s: nothing says which group \"%s\" is: write AuthNegotiateGroup with its "
                      "SID for this location",
                      rule->rule, w->text);
        return AUTHZ_GENERAL_ERROR;
    }
    to_grant = rule->may_grant && is_member(c, sid_of(c, w, named, 0), 0);
    to_deny = rule->may_deny && (is_member(c, sid_of(c, w, named, 1), 1) ||
                                 (!named && w->rid && is_foreign_member(c, w->rid)));
    if (rule->may_grant && rule->may_deny && to_grant != to_deny)
        return fail_closed(
            a, rule,
            apr_psprintf(neg_attempt_pool(a),
                         "%s: %s is in \"%s\" only where that keeps out, and it is "
                         "not clear here whether it does: write Require not, without "
                         "an alias",
                         rule->rule, a->identity->principal, w->text));
    return to_grant || to_deny ? AUTHZ_GRANTED : AUTHZ_DENIED;
}

static authz_status check_words(client *c, const group_rule *rule)
{
    authz_status status = AUTHZ_DENIED;
    c->in = find_memberships(c);
    for (int i = 0; i < rule->wanted->nelts && status == AUTHZ_DENIED; i++)
        status = check_one(c, rule, &APR_ARRAY_IDX(rule->wanted, i, wanted));
    if (status != AUTHZ_DENIED)
        return status;
    neg_authorize_note_lacking(c->r);
    return neg_authorize_deny(c->r, "%s: %s is in %d groups, and in none of these", rule->rule,
                              c->identity->principal, c->identity->groups->count);
}

static authz_status check_groups(request_rec *r, const char *line, const void *parsed)
{
    const group_rule *rule = parsed;
    client c = {.r = r, .attempt = neg_attempt_granted(r)};
    authz_status status = neg_authorize_identity(r, rule->rule, &c.identity);
    (void)line;
    if (status == AUTHZ_DENIED_NO_USER)
        return status;
    if (!c.attempt)
        return refuse_others(r, rule);
    if (status != AUTHZ_GRANTED || !c.identity->groups || !c.identity->deny_only ||
        !c.identity->sid)
        return check_unknown(c.attempt, rule);
    apr_pool_create(&c.scratch, r->pool);
    status = neg_sid_parse(c.scratch, c.identity->sid, &c.sid) ? check_unknown(c.attempt, rule)
                                                               : check_words(&c, rule);
    apr_pool_destroy(c.scratch);
    return status;
}

const authz_provider neg_membership_provider = {check_groups, parse_groups};

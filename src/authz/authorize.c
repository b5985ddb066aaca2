/*
 * Authorization: what Require can ask of a ticket (krb5-realm, auth-indicator, name-attribute), and
 * what a client is told that is known and not allowed.
 */

#include <ap_provider.h>
#include <apr_strings.h>
#include <http_core.h>
#include <http_protocol.h>
#include <http_request.h>

#include "answer.h"
#include "credentials.h"
#include "internal.h"

/* ---- Known and not allowed ---- */

/*
 * mod_authz_core answers 401 when Require turns away a user who is known.  To a client that has
 * shown its only ticket this means "try again": some do, in circles.  So the other modules are
 * asked first, and their 401 becomes the 403 that it is (RFC 9110 section 15.5.4), unless the
 * client has shown no ticket with this request and a newer one could have what a rule of ours has
 * missed.
 */
static int tell_denied(const neg_attempt *a, request_rec *r, int status, const char *why)
{
    ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r,
                  "%s (REMOTE_USER %s) is known and may not enter (%d): %s. Where it should, write "
                  "a Require that it satisfies",
                  a->identity->principal, ap_escape_logitem(r->pool, r->user), status,
                  why ? why : "no Require of this location is for it");
    return status;
}

/* Asks the other modules, ours among them, and gathers what our rules find. */
static int ask(neg_attempt *attempt, request_rec *r, neg_reasons *denied)
{
    int status;
    attempt->lacking = 0;
    attempt->groups_unknown = NULL;
    attempt->denied = denied;
    status = ap_run_auth_checker(r);
    attempt->denied = NULL;
    attempt->memberships = NULL; /* in r's pool, and the attempt may live longer */
    return status;
}

int neg_authorize(request_rec *r)
{
    int status;
    neg_reasons denied = {.pool = r->pool};
    neg_attempt *attempt = neg_attempt_granted(r);
    if (!attempt || attempt->denied)
        return DECLINED;
    status = ask(attempt, r, &denied);
    if (attempt->groups_unknown && (status == HTTP_UNAUTHORIZED || status == HTTP_FORBIDDEN ||
                                    status == HTTP_INTERNAL_SERVER_ERROR))
        return neg_answer_unknown_groups(attempt, r);
    if (status == HTTP_UNAUTHORIZED && !(attempt->lacking && neg_answer_ask_again(attempt)))
        status = HTTP_FORBIDDEN;
    if (status != HTTP_UNAUTHORIZED && status != HTTP_FORBIDDEN)
        return status;
    return tell_denied(attempt, r, status, neg_reasons_text(&denied));
}

/* ---- Require krb5-realm realm ... ---- */

static const char *parse_realms(cmd_parms *cmd, const char *line, const void **parsed)
{
    const apr_array_header_t *words;
    const char *why = neg_words_read(cmd, line, &words);
    if (why)
        return apr_psprintf(cmd->pool,
                            "Require krb5-realm: %s; write one or more realms, such as EXAMPLE.COM",
                            why);
    for (int i = 0; i < words->nelts; i++) {
        const neg_word *word = &APR_ARRAY_IDX(words, i, neg_word);
        if (!word->expr && (why = neg_realm_check(word->text)))
            return apr_psprintf(cmd->pool, "Require krb5-realm: \"%s\": %s", word->text, why);
    }
    *parsed = words;
    return NULL;
}

static authz_status check_realms(request_rec *r, const char *line, const void *parsed)
{
    const apr_array_header_t *words = parsed;
    const neg_identity *identity;
    authz_status status = neg_authorize_identity(r, "Require krb5-realm", &identity);
    if (status != AUTHZ_GRANTED)
        return status;
    for (int i = 0; i < words->nelts; i++) {
        const char *realm = neg_words_text(r, &APR_ARRAY_IDX(words, i, neg_word));
        if (!realm)
            return AUTHZ_GENERAL_ERROR;
        if (*realm && strcmp(realm, identity->realm) == 0)
            return AUTHZ_GRANTED;
    }
    return neg_authorize_deny(r, "Require krb5-realm %s: %s is of another realm", line,
                              identity->principal);
}

/* ---- Attributes ---- */

/* A value that is written in base64 is decoded once; text is what it is. */
typedef struct {
    neg_word word;
    neg_bytes bytes; /* data is NULL: word's text for the request */
} value_rule;

typedef struct {
    const char *rule;           /* "Require ...", for the log */
    const char *name;           /* of the attribute */
    apr_array_header_t *values; /* of value_rule: any of them */
} attribute_rule;

static int has_value(const neg_attribute *attribute, neg_bytes wanted)
{
    for (int i = 0; i < attribute->values->nelts; i++) {
        neg_bytes value = APR_ARRAY_IDX(attribute->values, i, neg_bytes);
        if (value.len == wanted.len && memcmp(value.data, wanted.data, wanted.len) == 0)
            return 1;
    }
    return 0;
}

static authz_status check_value(request_rec *r, const neg_attribute *attribute,
                                const value_rule *value)
{
    neg_bytes wanted = value->bytes;
    if (!wanted.data) {
        const char *text = neg_words_text(r, &value->word);
        if (!text)
            return AUTHZ_GENERAL_ERROR;
        wanted.data = (const unsigned char *)text;
        wanted.len = strlen(text);
    }
    return wanted.len && has_value(attribute, wanted) ? AUTHZ_GRANTED : AUTHZ_DENIED;
}

/* <AuthzProviderAlias> hides a rule's attribute from conf/require.c. */
static authz_status refuse_unasked(request_rec *r, const attribute_rule *rule)
{
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                  "%s: the ticket was not asked for \"%s\", because the rule stands where this "
                  "module cannot see it (AuthzProviderAlias): write AuthNegotiateAttribute "
                  "TICKET_ATTRIBUTE %s in the section that has the Require line",
                  rule->rule, rule->name, rule->name);
    return AUTHZ_GENERAL_ERROR;
}

static authz_status deny(request_rec *r, const attribute_rule *rule, const neg_attribute *attribute,
                         const neg_identity *identity)
{
    apr_pool_t *scratch;
    const char *has;
    authz_status status;
    neg_authorize_note_lacking(r);
    apr_pool_create(&scratch, r->pool);
    has = neg_authorize_is_read(r) ? neg_attributes_text(scratch, attribute) : NULL;
    status = neg_authorize_deny(r, "%s: the ticket of %s has %s%s", rule->rule, identity->principal,
                                has ? "only " : "no such attribute", has ? has : "");
    apr_pool_destroy(scratch);
    return status;
}

static authz_status check_attribute(request_rec *r, const char *line, const void *parsed)
{
    const attribute_rule *rule = parsed;
    const neg_identity *identity;
    const neg_attribute *attribute;
    authz_status status = neg_authorize_identity(r, rule->rule, &identity);
    (void)line;
    if (status != AUTHZ_GRANTED)
        return status;
    if (!(attribute = neg_identity_attribute(identity, rule->name)))
        return refuse_unasked(r, rule);
    for (int i = 0; i < rule->values->nelts; i++) {
        status = check_value(r, attribute, &APR_ARRAY_IDX(rule->values, i, value_rule));
        if (status != AUTHZ_DENIED)
            return status;
    }
    return deny(r, rule, attribute, identity);
}

static attribute_rule *make_rule(cmd_parms *cmd, const char *type, const char *line)
{
    attribute_rule *rule = apr_pcalloc(cmd->pool, sizeof(*rule));
    rule->rule = apr_pstrcat(cmd->pool, "Require ", type, " ", line, NULL);
    rule->values = apr_array_make(cmd->pool, 1, sizeof(value_rule));
    return rule;
}

static value_rule *add_value(attribute_rule *rule, const neg_word *word)
{
    value_rule *value = apr_array_push(rule->values);
    memset(value, 0, sizeof(*value));
    value->word = *word;
    return value;
}

/* ---- Require auth-indicator indicator ... ---- */

static const char *parse_indicators(cmd_parms *cmd, const char *line, const void **parsed)
{
    attribute_rule *rule = make_rule(cmd, "auth-indicator", line);
    const apr_array_header_t *words;
    const char *why = neg_words_read(cmd, line, &words);
    if (why)
        return apr_psprintf(cmd->pool,
                            "Require auth-indicator: %s; write one or more indicators as the KDC's "
                            "configuration names them, such as pkinit",
                            why);
    rule->name = NEG_INDICATORS;
    for (int i = 0; i < words->nelts; i++)
        add_value(rule, &APR_ARRAY_IDX(words, i, neg_word));
    *parsed = rule;
    return NULL;
}

/* ---- Require name-attribute name value ... ---- */

static const char *decode(cmd_parms *cmd, value_rule *value)
{
    static const char prefix[] = "base64:";
    const char *text = value->word.text;
    const char *why;
    if (strncmp(text, prefix, sizeof(prefix) - 1) != 0)
        return NULL;
    if (value->word.expr)
        return "an expression cannot be in base64; write it without base64:";
    why = neg_token_decode(cmd->pool, text + sizeof(prefix) - 1, &value->bytes);
    if (!why && value->bytes.len == 0)
        why = "there is nothing in it";
    return why ? apr_psprintf(cmd->pool, "\"%s\" cannot be decoded: %s", text, why) : NULL;
}

static const char *parse_values(cmd_parms *cmd, const char *line, attribute_rule *rule)
{
    const apr_array_header_t *words;
    const char *why = NULL;
    rule->name = ap_getword_conf(cmd->pool, &line);
    if (!*rule->name)
        return "nothing follows it";
    if (neg_words_is_expression(rule->name))
        return "the name of the attribute cannot be an expression: it has to be known when the "
               "ticket is read";
    if ((why = neg_words_read(cmd, line, &words)))
        return why;
    for (int i = 0; !why && i < words->nelts; i++)
        why = decode(cmd, add_value(rule, &APR_ARRAY_IDX(words, i, neg_word)));
    return why;
}

static const char *parse_attribute(cmd_parms *cmd, const char *line, const void **parsed)
{
    attribute_rule *rule = make_rule(cmd, "name-attribute", line);
    const char *why = parse_values(cmd, line, rule);
    *parsed = rule;
    return why ? apr_psprintf(cmd->pool,
                              "Require name-attribute: %s. Write the name of an attribute and the "
                              "value that it has to have, as text or as base64: and its bytes in "
                              "base64",
                              why)
               : NULL;
}

/* ---- The providers ---- */

static const authz_provider realm_provider = {check_realms, parse_realms};

static const authz_provider indicator_provider = {check_attribute, parse_indicators};

static const authz_provider attribute_provider = {check_attribute, parse_attribute};

void neg_authorize_register(apr_pool_t *p)
{
    static const struct {
        const char *name;
        const authz_provider *provider;
    } providers[] = {
        {"krb5-realm", &realm_provider},
        {"auth-indicator", &indicator_provider},
        {"name-attribute", &attribute_provider},
        {"pac-group", &neg_membership_provider},
    };
    for (size_t i = 0; i < sizeof(providers) / sizeof(*providers); i++)
        ap_register_auth_provider(p, AUTHZ_PROVIDER_GROUP, providers[i].name,
                                  AUTHZ_PROVIDER_VERSION, providers[i].provider,
                                  AP_AUTH_INTERNAL_PER_CONF);
}

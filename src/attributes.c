/*
 * Name attributes in the configuration: which ones a location shows in its environment
 * (AuthNegotiateAttribute), and which ones a ticket has to be asked for.
 */

#include <apr_lib.h>
#include <apr_strings.h>

#include "negotiate.h"

/* ---- AuthNegotiateAttribute ---- */

/* Variables of others: httpd's and CGI's, ours, and what changes the way of a program. */
static int is_taken(const char *variable)
{
    static const char *const prefixes[] = {
        "AUTH_",    "BASH_",   "CONTENT_",   "CONTEXT_",  "DOCUMENT_", "DYLD_",
        "GATEWAY_", "GSS_",    "HTTP_",      "HTTPS",     "JAVA_",     "KRB5",
        "LD_",      "LUA_",    "NEGOTIATE_", "NODE_",     "PATH_",     "PERL",
        "PHP",      "PYTHON",  "QUERY_",     "REDIRECT_", "REMOTE_",   "REQUEST_",
        "RUBY",     "SCRIPT_", "SERVER_",    "SSL_",      "UNIQUE_"};
    static const char *const names[] = {"ENV", "HOME",   "IFS", "PATH", "SHELL",      "TEMP",
                                        "TMP", "TMPDIR", "TZ",  "USER", "nokeepalive"};
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++)
        if (strncasecmp(variable, prefixes[i], strlen(prefixes[i])) == 0)
            return 1;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (strcasecmp(variable, names[i]) == 0)
            return 1;
    return 0;
}

static int is_variable(const char *text)
{
    for (const char *s = text; *s; s++)
        if (!apr_isalnum(*s) && *s != '_')
            return 0;
    return *text && !apr_isdigit(*text);
}

static const char *check_names(cmd_parms *cmd, const char *variable, const char *name)
{
    if (!is_variable(variable))
        return apr_psprintf(cmd->pool,
                            "AuthNegotiateAttribute: \"%s\" is no name of a variable; write one of "
                            "letters, digits and underscores, such as TICKET_INDICATORS",
                            variable);
    if (is_taken(variable))
        return apr_psprintf(cmd->pool,
                            "AuthNegotiateAttribute: the variable %s has a meaning of its own; "
                            "write another one, such as TICKET_%s",
                            variable, variable);
    if (!name || !*name)
        return apr_psprintf(cmd->pool,
                            "AuthNegotiateAttribute: write the attribute that %s is to show, such "
                            "as auth-indicators",
                            variable);
    if (strstr(name, "%{"))
        return "AuthNegotiateAttribute: the name of the attribute cannot be an expression: it has "
               "to be known when the ticket is read";
    return NULL;
}

static int find(const apr_array_header_t *shown, const char *variable)
{
    for (int i = 0; i < shown->nelts; i++)
        if (strcmp(APR_ARRAY_IDX(shown, i, neg_shown).variable, variable) == 0)
            return i;
    return -1;
}

/* A later line for the same variable takes the place of the earlier. */
static void put(apr_array_header_t *shown, const neg_shown *one)
{
    int i = find(shown, one->variable);
    *(i < 0 ? (neg_shown *)apr_array_push(shown) : &APR_ARRAY_IDX(shown, i, neg_shown)) = *one;
}

const char *neg_attributes_set(cmd_parms *cmd, void *conf, const char *variable, const char *name)
{
    neg_conf *c = neg_config_edit(cmd, conf);
    neg_attribute_rule *rule = apr_pcalloc(cmd->pool, sizeof(*rule));
    apr_array_header_t *shown = apr_array_make(cmd->pool, 2, sizeof(neg_shown));
    neg_shown one = {variable, name};
    const char *why;
    rule->shown = shown;
    if (!name && strcasecmp(variable, "off") == 0) {
        rule->off = 1;
        c->attribute = rule;
        return NULL;
    }
    if ((why = check_names(cmd, variable, name)))
        return why;
    put(shown, &one);
    c->attribute = neg_attributes_merge(cmd->pool, c->attribute, rule);
    neg_wants_add(cmd, c, name);
    return NULL;
}

const neg_attribute_rule *neg_attributes_merge(apr_pool_t *p, const neg_attribute_rule *base,
                                               const neg_attribute_rule *add)
{
    neg_attribute_rule *merged;
    apr_array_header_t *shown;
    if (!base || !add || add->off)
        return add ? add : base;
    merged = apr_pmemdup(p, base, sizeof(*base));
    merged->shown = shown = apr_array_copy(p, base->shown);
    for (int i = 0; i < add->shown->nelts; i++)
        put(shown, &APR_ARRAY_IDX(add->shown, i, neg_shown));
    return merged;
}

const char *neg_attributes_shown(const neg_conf *conf, const char *variable)
{
    int i = conf->attribute ? find(conf->attribute->shown, variable) : -1;
    return i < 0 ? NULL : APR_ARRAY_IDX(conf->attribute->shown, i, neg_shown).name;
}

/* ---- Values as text ---- */

/* ';' ends a value, and '%' begins an escape: neither can come from within one. */
static int is_plain(unsigned char c)
{
    return c > 0x20 && c < 0x7f && c != ';' && c != '%';
}

static char *escape(char *to, neg_bytes value)
{
    static const char digits[] = "0123456789ABCDEF";
    for (apr_size_t i = 0; i < value.len; i++) {
        unsigned char c = value.data[i];
        if (is_plain(c)) {
            *to++ = (char)c;
        } else {
            *to++ = '%';
            *to++ = digits[c >> 4];
            *to++ = digits[c & 15];
        }
    }
    return to;
}

const char *neg_attributes_text(apr_pool_t *p, const neg_attribute *attribute)
{
    const apr_array_header_t *values = attribute->values;
    apr_size_t most = 1;
    char *text, *end;
    if (values->nelts == 0)
        return NULL;
    for (int i = 0; i < values->nelts; i++)
        most += 3 * APR_ARRAY_IDX(values, i, neg_bytes).len + 1;
    end = text = apr_palloc(p, most);
    for (int i = 0; i < values->nelts; i++) {
        if (i)
            *end++ = ';';
        end = escape(end, APR_ARRAY_IDX(values, i, neg_bytes));
    }
    *end = '\0';
    return text;
}

/* ---- What is wanted ---- */

static int has(const apr_array_header_t *names, const char *name)
{
    for (int i = 0; i < names->nelts; i++)
        if (strcmp(APR_ARRAY_IDX(names, i, const char *), name) == 0)
            return 1;
    return 0;
}

static const apr_array_header_t *with(apr_pool_t *p, const apr_array_header_t *names,
                                      const char *name)
{
    apr_array_header_t *more;
    if (names && has(names, name))
        return names;
    more = names ? apr_array_copy(p, names) : apr_array_make(p, 2, sizeof(const char *));
    APR_ARRAY_PUSH(more, const char *) = name;
    return more;
}

void neg_wants_add(cmd_parms *cmd, neg_conf *conf, const char *name)
{
    conf->wants = with(cmd->pool, conf->wants, name);
}

const apr_array_header_t *neg_wants_merge(apr_pool_t *p, const apr_array_header_t *base,
                                          const apr_array_header_t *add)
{
    if (!base || !add)
        return add ? add : base;
    for (int i = 0; i < add->nelts; i++)
        base = with(p, base, APR_ARRAY_IDX(add, i, const char *));
    return base;
}

const char *neg_wants_unasked(const neg_conf *conf, const neg_identity *identity)
{
    if (identity->mech != NEG_MECH_KRB5) /* without a ticket there is nothing to ask */
        return NULL;
    for (int i = 0; conf->wants && i < conf->wants->nelts; i++) {
        const char *name = APR_ARRAY_IDX(conf->wants, i, const char *);
        if (!neg_identity_attribute(identity, name))
            return name;
    }
    if (conf->wants_pac && !identity->sid && !identity->pac_unknown)
        return "urn:mspac:logon-info";
    return NULL;
}

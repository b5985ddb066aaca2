/*
 * Name attributes in the configuration: which ones a location shows in its environment
 * (AuthNegotiateAttribute), and which ones a ticket has to be asked for.
 */

#include <apr_lib.h>
#include <apr_strings.h>

#include "internal.h"
#include "sorted.h"

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

static neg_attribute_rule *make_rule(apr_pool_t *p)
{
    neg_attribute_rule *rule = apr_pcalloc(p, sizeof(*rule));
    rule->shown = apr_array_make(p, 2, sizeof(neg_shown));
    return rule;
}

/* A later line for the same variable takes the place of the earlier. */
const char *neg_attributes_set(cmd_parms *cmd, void *conf, const char *variable, const char *name)
{
    neg_conf *c = neg_config_edit(cmd, conf);
    neg_shown one = {variable, name};
    int off = !name && strcasecmp(variable, "off") == 0;
    const char *why = off ? NULL : check_names(cmd, variable, name);
    if (why)
        return why;
    if (!c->attribute || off) {
        neg_attribute_rule *rule = make_rule(cmd->pool);
        rule->off = off;
        c->attribute = rule;
    }
    if (off)
        return NULL;
    neg_sorted_put((apr_array_header_t *)c->attribute->shown, &one); /* while it is read */
    neg_wants_add(cmd, c, name);
    return NULL;
}

const neg_attribute_rule *neg_attributes_merge(apr_pool_t *p, const neg_attribute_rule *base,
                                               const neg_attribute_rule *add)
{
    neg_attribute_rule *merged;
    if (!base || !add || add->off)
        return add ? add : base;
    merged = apr_pmemdup(p, base, sizeof(*base));
    merged->shown = neg_sorted_merge(p, base->shown, add->shown);
    return merged;
}

const char *neg_attributes_shown(const neg_conf *conf, const char *variable)
{
    const neg_shown *shown =
        conf->attribute ? neg_sorted_find(conf->attribute->shown, variable) : NULL;
    return shown ? shown->name : NULL;
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

void neg_wants_add(cmd_parms *cmd, neg_conf *conf, const char *name)
{
    if (!conf->wants)
        conf->wants = apr_array_make(cmd->pool, 2, sizeof(const char *));
    neg_sorted_put((apr_array_header_t *)conf->wants, &name); /* while its section is read */
}

const apr_array_header_t *neg_wants_merge(apr_pool_t *p, const apr_array_header_t *base,
                                          const apr_array_header_t *add)
{
    if (!base || !add)
        return add ? add : base;
    return neg_sorted_merge(p, base, add);
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

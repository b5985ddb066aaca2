/*
 * Sections that are open or dead: what httpd accepts and nobody has meant.  They are told by lines
 * that are httpd's own, so its tree of all lines is read.  Only warnings come of it, and none where
 * a line that this cannot see (a .htaccess, a section that is found by its files) may mend it.
 * And what httpd's environment puts before Kerberos.
 */

#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>

#include "start.h"

typedef enum {
    LINE_NEGOTIATE,   /* AuthType Negotiate */
    LINE_TYPE,        /* another AuthType under which our lines may be of use */
    LINE_UNKNOWN,     /* an AuthType that is none of httpd's */
    LINE_NAME,        /* AuthName */
    LINE_REQUIRE_ALL, /* Require all granted, or denied: nobody is asked */
    LINE_REQUIRE,     /* any other */
    LINE_IMPERSONATE, /* AuthNegotiateImpersonate On: our lines are for users of other modules */
    LINE_OURS         /* AuthNegotiate... */
} line_kind;

typedef struct {
    line_kind kind;
    const ap_directive_t *line;
    const char *word; /* its first argument */
    neg_scope scope;
} mark;

typedef struct {
    apr_pool_t *pool;
    apr_array_header_t *marks;    /* of mark */
    apr_array_header_t *findings; /* of neg_finding */
    int open_to_htaccess;         /* a .htaccess may have AuthType, AuthName and Require */
} reading;

/* ---- Reading ---- */

static void add_mark(reading *in, line_kind kind, const ap_directive_t *line, const char *word)
{
    mark *m = apr_array_push(in->marks);
    m->kind = kind;
    m->line = line;
    m->word = word;
    m->scope = neg_scope_of(in->pool, line);
}

static line_kind kind_of_type(const char *type)
{
    static const char *const known[] = {"Basic", "Digest", "Form", "None"};
    if (strcasecmp(type, neg_negotiate_name) == 0)
        return LINE_NEGOTIATE;
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (strcasecmp(type, known[i]) == 0)
            return LINE_TYPE;
    return strchr(type, '%') ? LINE_TYPE : LINE_UNKNOWN;
}

static void read_line(reading *in, const ap_directive_t *line)
{
    const char *args = line->args;
    const char *word = ap_getword_conf(in->pool, &args);
    if (strcasecmp(line->directive, "AuthType") == 0)
        add_mark(in, kind_of_type(word), line, word);
    else if (strcasecmp(line->directive, "AuthName") == 0)
        add_mark(in, LINE_NAME, line, word);
    else if (strcasecmp(line->directive, "Require") == 0)
        add_mark(in, strcasecmp(word, "all") == 0 ? LINE_REQUIRE_ALL : LINE_REQUIRE, line, word);
    else if (strcasecmp(line->directive, "AuthNegotiateImpersonate") == 0 &&
             strcasecmp(word, "On") == 0)
        add_mark(in, LINE_IMPERSONATE, line, word);
    else if (strncasecmp(line->directive, "AuthNegotiate", 13) == 0)
        add_mark(in, LINE_OURS, line, word);
    else if (strncasecmp(line->directive, "AllowOverride", 13) == 0 &&
             strcasecmp(word, "None") != 0)
        in->open_to_htaccess = 1;
}

static void read_lines(reading *in, const ap_directive_t *line)
{
    for (; line; line = line->next) {
        read_line(in, line);
        read_lines(in, line->first_child);
    }
}

/* ---- Looking for others ---- */

/* One that may be for the same requests. */
static int has_related(const reading *in, const mark *m, line_kind kind)
{
    for (int i = 0; i < in->marks->nelts; i++) {
        const mark *other = &APR_ARRAY_IDX(in->marks, i, mark);
        if (other->kind == kind && (neg_scope_may_cover(&other->scope, &m->scope) ||
                                    neg_scope_may_cover(&m->scope, &other->scope)))
            return 1;
    }
    return 0;
}

static const mark *beside(const reading *in, const mark *m, line_kind kind)
{
    for (int i = 0; i < in->marks->nelts; i++) {
        const mark *other = &APR_ARRAY_IDX(in->marks, i, mark);
        if (other->kind == kind && neg_scope_is_same(&other->scope, &m->scope))
            return other;
    }
    return NULL;
}

/* ---- Findings ---- */

static const char *section_of(const reading *in, const mark *m)
{
    return *m->scope.kind ? apr_pstrcat(in->pool, m->scope.kind, " ", m->scope.text, ">", NULL)
                          : "the whole server";
}

static void advise(reading *in, const mark *m, const char *where, const char *format)
{
    neg_finding *found = apr_array_push(in->findings);
    found->where = apr_psprintf(in->pool, "%s (in %s, %s:%d)", where,
                                *m->scope.path ? m->scope.path : "the whole server",
                                m->line->filename, m->line->line_num);
    found->sentence = apr_pstrcat(in->pool, section_of(in, m), " ", format, NULL);
}

static void check_negotiate(reading *in, const mark *m)
{
    if (!has_related(in, m, LINE_REQUIRE) && !beside(in, m, LINE_REQUIRE_ALL))
        advise(in, m, "AuthType Negotiate",
               "has no Require, and takes that of the sections around it: where this is \"all "
               "granted\", the page is open and nobody is asked. Write Require valid-user, or who "
               "else may enter");
    if (!has_related(in, m, LINE_NAME))
        advise(in, m, "AuthType Negotiate",
               "has no AuthName: what is proven in one such section is good in all, and clients "
               "that are asked for a password see no name. Write AuthName \"...\"");
}

static void check_unknown_type(reading *in, const mark *m)
{
    const mark *ours = beside(in, m, LINE_OURS);
    if (ours && !has_related(in, m, LINE_IMPERSONATE))
        advise(in, m, apr_pstrcat(in->pool, "AuthType ", m->word, NULL),
               apr_pstrcat(in->pool, "has ", ours->line->directive,
                           ", which is for AuthType Negotiate, and does nothing here: write "
                           "AuthType Negotiate, or take the line out",
                           NULL));
}

/* At the level of a server a line may wait for sections that are still to be written. */
static void check_ours(reading *in, const mark *m)
{
    if (*m->scope.kind && !has_related(in, m, LINE_NEGOTIATE) && !has_related(in, m, LINE_TYPE) &&
        !has_related(in, m, LINE_UNKNOWN) && !has_related(in, m, LINE_IMPERSONATE))
        advise(in, m, m->line->directive,
               "has no AuthType, nor has a section around it: nobody is asked for a ticket there. "
               "Write AuthType Negotiate");
}

static void check_mark(reading *in, const mark *m)
{
    if (m->kind == LINE_UNKNOWN)
        check_unknown_type(in, m);
    if (in->open_to_htaccess)
        return;
    if (m->kind == LINE_NEGOTIATE)
        check_negotiate(in, m);
    if (m->kind == LINE_OURS)
        check_ours(in, m);
}

/* ---- The environment ---- */

static int negotiates(const reading *in)
{
    for (int i = 0; i < in->marks->nelts; i++)
        if (APR_ARRAY_IDX(in->marks, i, mark).kind == LINE_NEGOTIATE)
            return 1;
    return 0;
}

/* gssproxy's plugin is idle without the variable, and by LOCAL_ONLY leaves everything to krb5. */
static void check_gssproxy(reading *in)
{
    const char *behavior = getenv("GSSPROXY_BEHAVIOR");
    neg_finding *found;
    if (!getenv("GSS_USE_PROXY") || (behavior && strcmp(behavior, "LOCAL_ONLY") == 0) ||
        !negotiates(in) || !neg_plugins_interposed(in->pool))
        return;
    found = apr_array_push(in->findings);
    found->where = "GSS_USE_PROXY in httpd's environment";
    found->sentence =
        "gssproxy stands before Kerberos, and its keys open the clients' tickets. Tokens for "
        "services that AuthNegotiateKeytab and AuthNegotiateAcceptor do not have are refused; "
        "through it AuthNegotiateBasicProvider kerberos, AuthNegotiateDelegate, "
        "AuthNegotiateProxyService, AuthNegotiateS4U2Proxy, Require auth-indicator, "
        "name-attribute and pac-group do not work. Set GSSPROXY_BEHAVIOR=LOCAL_ONLY in httpd's "
        "environment, or take GSS_USE_PROXY out of it";
}

const apr_array_header_t *neg_advice_find(apr_pool_t *p)
{
    reading in = {.pool = p};
    in.marks = apr_array_make(p, 16, sizeof(mark));
    in.findings = apr_array_make(p, 2, sizeof(neg_finding));
    read_lines(&in, ap_conftree);
    for (int i = 0; i < in.marks->nelts; i++)
        check_mark(&in, &APR_ARRAY_IDX(in.marks, i, mark));
    neg_openpage_find(p, in.findings);
    check_gssproxy(&in);
    return in.findings;
}

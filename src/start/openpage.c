/*
 * Pages that a <Location> protects, and that somebody gets by another way: from a virtual host that
 * has no such section (port 80 beside 443), or by a second URL (Alias, ScriptAlias).  Only warnings
 * come of it, and none where a line that this cannot judge may stand in that way.
 */

#include <string.h>

#include <apr_fnmatch.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include "start.h"
#include "urlmap.h"

/* A URL at a host, and what it comes to there. */
typedef struct {
    const ap_directive_t *host;
    const char *url;
    const char *target;
} place;

/* ---- Whether a section is for a place ---- */

/* <Directory> with wildcards is for what lies below as well. */
static int covers_by_wildcard(apr_pool_t *p, const char *pattern, const char *path)
{
    for (const char *end = path; (end = strchr(end + 1, '/'));)
        if (apr_fnmatch(pattern, apr_pstrmemdup(p, path, (apr_size_t)(end - path)),
                        APR_FNM_PATHNAME) == APR_SUCCESS)
            return 1;
    return apr_fnmatch(pattern, path, APR_FNM_PATHNAME) == APR_SUCCESS;
}

/* <LocationMatch "pattern">, and <Location ~ "pattern">. */
static const char *pattern_of(const neg_urls *u, const neg_scope *scope)
{
    const char *args = scope->text;
    apr_size_t len = strlen(scope->kind);
    if (strcasecmp(scope->kind + len - 5, "Match") == 0)
        return scope->path;
    if (strcmp(scope->path, "~") != 0)
        return NULL;
    ap_getword_conf(u->pool, &args);
    return ap_getword_conf(u->pool, &args);
}

/* Of a section that the place's host has. */
static int covers(const neg_urls *u, const neg_scope *scope, const place *at)
{
    int by_url = strncasecmp(scope->kind, "<Location", 9) == 0;
    int by_file = strncasecmp(scope->kind, "<Directory", 10) == 0;
    const char *subject = by_url ? at->url : at->target;
    const char *pattern;
    if (strncasecmp(scope->kind, "<Files", 6) == 0) /* for some files of a directory */
        return strcmp(scope->path, "*") == 0;
    if (strncasecmp(scope->kind, "<Proxy", 6) == 0)
        return strstr(at->target, "://") != NULL;
    if (!by_url && !by_file)
        return 1;
    if (scope->plain)
        return neg_scope_is_path_within(scope->path, subject);
    pattern = pattern_of(u, scope);
    return pattern ? neg_urlmap_matches(u, pattern, subject)
                   : covers_by_wildcard(u->scratch, scope->path, subject);
}

/* ---- Whether somebody stands in the way ---- */

static int is(const neg_line *l, const char *directive)
{
    return strcasecmp(l->line->directive, directive) == 0;
}

static int opens(const neg_line *l)
{
    return strcasecmp(l->word[0], "all") == 0 && strcasecmp(l->word[1], "granted") == 0;
}

/* Redirect [status] from to, or [status] to in a section. */
static int redirects(const neg_urls *u, const neg_line *l, const place *at)
{
    const char *from = l->word[0];
    if (*l->scope.kind)
        return 1;
    if (is(l, "RedirectMatch"))
        return neg_urlmap_matches(u, strpbrk(from, "^$(/*.[") ? from : l->word[1], at->url);
    return neg_scope_is_path_within(*from == '/' ? from : l->word[1], at->url);
}

/* Its conditions are believed to be fulfilled. */
static int rewrites_away(const neg_urls *u, const neg_line *l, const place *at)
{
    int away = strncasecmp(l->word[1], "http", 4) == 0 || strpbrk(l->word[2], "RFG") != NULL;
    return away && (*l->scope.kind || neg_urlmap_matches(u, l->word[0], at->url));
}

/* Lines, other than Require, with which nobody gets the page without more ado. */
static int turns_away(const neg_urls *u, const neg_line *l, const place *at)
{
    if (strncasecmp(l->line->directive, "Redirect", 8) == 0)
        return covers(u, &l->scope, at) && redirects(u, l, at);
    if (is(l, "RewriteRule"))
        return covers(u, &l->scope, at) && rewrites_away(u, l, at);
    if (is(l, "MDRequireHttps"))
        return strcasecmp(l->word[0], "off") != 0;
    return (is(l, "SSLRequireSSL") || is(l, "SSLRequire") || is(l, "Deny")) &&
           covers(u, &l->scope, at);
}

/* A .htaccess beside the files is for every URL of theirs. */
static int has_htaccess(apr_pool_t *p, const char *target)
{
    apr_finfo_t info;
    return *target == '/' && apr_stat(&info, apr_pstrcat(p, target, "/.htaccess", NULL),
                                      APR_FINFO_TYPE, p) == APR_SUCCESS;
}

/* What the Require lines come to: httpd asks directories from the outermost to the innermost, then
 * locations in their order; each that has some replaces what was before. */
typedef struct {
    apr_size_t depth; /* of the directory that has decided so far */
    int guarded;
    int by_location;
} verdict;

static int counts(const verdict *v, const neg_line *l)
{
    if (strcasecmp(l->scope.kind, "<Directory") == 0 && l->scope.plain)
        return !v->by_location && strlen(l->scope.path) >= v->depth;
    return 1;
}

static void judge(const neg_urls *u, const neg_line *l, const place *at, verdict *v)
{
    int open = opens(l);
    if (!covers(u, &l->scope, at) || !counts(v, l))
        return;
    if (strcasecmp(l->scope.kind, "<Location") == 0)
        v->by_location = 1;
    else if (l->scope.plain)
        v->depth = strlen(l->scope.path);
    if (l->scope.plain || !open) /* sections that cannot be put into an order only guard */
        v->guarded = !open;
}

/* @return whether nothing that follows can open it again */
static int ask_lines(const neg_urls *u, const ap_directive_t *owner, const place *at, verdict *v)
{
    const apr_array_header_t *lines = neg_urlmap_lines(u, owner);
    for (int i = 0; i < lines->nelts; i++) {
        const neg_line *l = &APR_ARRAY_IDX(lines, i, neg_line);
        if (turns_away(u, l, at))
            return 1;
        if (is(l, "Require"))
            judge(u, l, at, v);
    }
    return 0;
}

static int is_guarded(const neg_urls *u, const place *at)
{
    verdict v = {0, 0, 0};
    if (ask_lines(u, NULL, at, &v) || (at->host && ask_lines(u, at->host, at, &v)))
        return 1;
    return v.guarded || has_htaccess(u->scratch, at->target);
}

/* Somebody has written that this is open: a section of its own, deeper than what is protected. */
static int opens_on_purpose(const neg_urls *u, const neg_line *l, const place *at,
                            const place *page)
{
    int by_url = strcasecmp(l->scope.kind, "<Location") == 0 && strlen(l->scope.path) > 1;
    int by_file = strcasecmp(l->scope.kind, "<Directory") == 0 &&
                  strlen(l->scope.path) > strlen(page->target);
    return is(l, "Require") && (by_url || by_file) && opens(l) && covers(u, &l->scope, at);
}

static int is_meant(const neg_urls *u, const ap_directive_t *owner, const place *at,
                    const place *page)
{
    const apr_array_header_t *lines = neg_urlmap_lines(u, owner);
    for (int i = 0; i < lines->nelts; i++)
        if (opens_on_purpose(u, &APR_ARRAY_IDX(lines, i, neg_line), at, page))
            return 1;
    return owner && is_meant(u, NULL, at, page);
}

/* ---- Findings ---- */

static const char *name_of(apr_pool_t *p, const ap_directive_t *host)
{
    return host ? apr_psprintf(p, "<VirtualHost %s (%s:%d)", host->args, host->filename,
                               host->line_num)
                : "the main server";
}

/* As the last SSLEngine of its own lines says. @return -1: none does */
static int engine_of(const neg_urls *u, const ap_directive_t *host)
{
    const apr_array_header_t *lines = neg_urlmap_lines(u, host);
    int engine = -1;
    for (int i = 0; i < lines->nelts; i++) {
        const neg_line *l = &APR_ARRAY_IDX(lines, i, neg_line);
        if (is(l, "SSLEngine"))
            engine = strcasecmp(l->word[0], "off") != 0;
    }
    return engine;
}

static int is_at_443(const ap_directive_t *host)
{
    for (const char *at = host->args; (at = strstr(at, ":443")); at += 4)
        if (!apr_isdigit(at[4]))
            return 1;
    return 0;
}

/* Whether its URLs are https already: a redirect to https would come back to it. */
static int has_tls(const neg_urls *u, const ap_directive_t *host)
{
    int engine = host ? engine_of(u, host) : -1;
    if (engine < 0)
        engine = engine_of(u, NULL);
    return engine > 0 || (host && is_at_443(host));
}

static const char *remedy(const neg_urls *u, const place *page, const place *other)
{
    apr_pool_t *p = u->pool;
    const char *there = apr_psprintf(p, "into a <Location \"%s\"> of that host", other->url);
    if (*page->target == '/')
        there = apr_psprintf(p,
                             "into <Directory \"%s\">, outside of the virtual hosts: it counts for "
                             "every host and URL",
                             page->target);
    return page->host == other->host || has_tls(u, other->host)
               ? apr_psprintf(p, "Put the section's lines %s", there)
               : apr_psprintf(
                     p,
                     "Write Redirect permanent \"%s\" \"https://...\" in that host, or put "
                     "the section's lines %s",
                     other->url, there);
}

static void tell(const neg_urls *u, const neg_line *l, const place *page, const place *other,
                 const neg_map *by, apr_array_header_t *findings)
{
    neg_finding *found = apr_array_push(findings);
    found->where = apr_psprintf(u->pool, "AuthType Negotiate (in %s, %s:%d)", l->scope.path,
                                l->line->filename, l->line->line_num);
    found->sentence = apr_psprintf(
        u->pool,
        "the same %s open at %s: %s there needs no login, because %s (%s:%d) leads to %s, and "
        "<Location %s> is not for it. %s",
        *page->target == '/' ? "files are" : "page is", name_of(u->pool, other->host), other->url,
        by->line->directive, by->line->filename, by->line->line_num,
        *page->target == '/' ? "them" : "it", l->scope.text, remedy(u, page, other));
}

/* A part is looked at in the page's own host alone: elsewhere it may well be meant to be open. */
static int is_open(const neg_urls *u, const place *page, const neg_map *map, place *other)
{
    int part;
    const neg_map *by;
    const char *resolved;
    other->url = neg_urlmap_reach(u, map, page->target, &part);
    if (!other->url || (part && (other->host != page->host || map->kind == NEG_MAP_ROOT)))
        return 0;
    other->target = part ? map->target : page->target;
    resolved = neg_urlmap_resolve(u, other->host, other->url, &by);
    return resolved && by == map && strcmp(resolved, other->target) == 0 && !is_guarded(u, other) &&
           !is_meant(u, other->host, other, page);
}

/* Servers with thousands of hosts are to start all the same: what is not looked at is not said. */
#define LOOKS_MAX    1000000
#define FINDINGS_MAX 3 /* of one section */

typedef struct {
    const neg_urls *urls;
    const neg_line *line; /* AuthType Negotiate of the section that is looked at */
    apr_array_header_t *findings;
    int found; /* of this section */
    int looks; /* of all */
} search;

static void check_host(search *in, const place *page, const neg_map *map,
                       const ap_directive_t *host)
{
    place other = {.host = host};
    if (in->found < FINDINGS_MAX && in->looks++ < LOOKS_MAX &&
        is_open(in->urls, page, map, &other)) {
        tell(in->urls, in->line, page, &other, map, in->findings);
        in->found++;
    }
}

/* The main server's maps are every host's. */
static void check_maps(search *in, const place *page, const ap_directive_t *owner)
{
    const apr_array_header_t *hosts = in->urls->hosts;
    const apr_array_header_t *maps = neg_urlmap_maps(in->urls, owner);
    for (int m = 0; m < maps->nelts; m++) {
        const neg_map *map = &APR_ARRAY_IDX(maps, m, neg_map);
        int part;
        if (!neg_urlmap_reach(in->urls, map, page->target, &part))
            continue;
        if (owner)
            check_host(in, page, map, owner);
        for (int h = 0; !owner && h < hosts->nelts; h++)
            check_host(in, page, map, APR_ARRAY_IDX(hosts, h, const ap_directive_t *));
    }
}

static void check_page(search *in, const place *page)
{
    const apr_array_header_t *hosts = in->urls->hosts;
    if (in->looks++ >= LOOKS_MAX)
        return;
    check_maps(in, page, NULL);
    for (int h = 0; h < hosts->nelts; h++)
        if (APR_ARRAY_IDX(hosts, h, const ap_directive_t *))
            check_maps(in, page, APR_ARRAY_IDX(hosts, h, const ap_directive_t *));
}

static void check_location(search *in)
{
    const apr_array_header_t *hosts = in->urls->hosts;
    const neg_scope *scope = &in->line->scope;
    const neg_map *by;
    in->found = 0;
    for (int h = 0; h < hosts->nelts; h++) {
        place page = {.host = APR_ARRAY_IDX(hosts, h, const ap_directive_t *), .url = scope->path};
        if (scope->host && scope->host != page.host)
            continue;
        page.target = neg_urlmap_resolve(in->urls, page.host, page.url, &by);
        if (page.target && is_guarded(in->urls, &page))
            check_page(in, &page);
    }
    apr_pool_clear(in->urls->scratch);
}

static void check_lines(search *in, const ap_directive_t *owner)
{
    const apr_array_header_t *lines = neg_urlmap_lines(in->urls, owner);
    for (int i = 0; i < lines->nelts; i++) {
        in->line = &APR_ARRAY_IDX(lines, i, neg_line);
        if (is(in->line, "AuthType") && in->line->scope.plain &&
            strcasecmp(in->line->scope.kind, "<Location") == 0 &&
            strcasecmp(in->line->word[0], neg_negotiate_name) == 0)
            check_location(in);
    }
}

void neg_openpage_find(apr_pool_t *p, apr_array_header_t *findings)
{
    search in = {.urls = neg_urlmap_read(p), .findings = findings};
    check_lines(&in, NULL);
    for (int i = 0; i < in.urls->hosts->nelts; i++)
        if (APR_ARRAY_IDX(in.urls->hosts, i, const ap_directive_t *))
            check_lines(&in, APR_ARRAY_IDX(in.urls->hosts, i, const ap_directive_t *));
}

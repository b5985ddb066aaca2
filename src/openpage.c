/*
 * Pages that a <Location> protects, and that somebody gets by another way: from a virtual host that
 * has no such section (port 80 beside 443), or by a second URL (Alias, ScriptAlias).  Only warnings
 * come of it, and none where a line that this cannot judge may stand in that way.
 */

#include <string.h>

#include <apr_fnmatch.h>
#include <apr_strings.h>

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
static const char *pattern_of(apr_pool_t *p, const neg_scope *scope)
{
    const char *args = scope->text;
    apr_size_t len = strlen(scope->kind);
    if (strcasecmp(scope->kind + len - 5, "Match") == 0)
        return scope->path;
    if (strcmp(scope->path, "~") != 0)
        return NULL;
    ap_getword_conf(p, &args);
    return ap_getword_conf(p, &args);
}

static int covers(apr_pool_t *p, const neg_scope *scope, const place *at)
{
    int by_url = strncasecmp(scope->kind, "<Location", 9) == 0;
    int by_file = strncasecmp(scope->kind, "<Directory", 10) == 0;
    const char *subject = by_url ? at->url : at->target;
    const char *pattern;
    if (!neg_urlmap_is_seen(scope->host, at->host))
        return 0;
    if (!*scope->kind)
        return 1;
    if (strncasecmp(scope->kind, "<Files", 6) == 0) /* for some files of a directory */
        return strcmp(scope->path, "*") == 0;
    if (strncasecmp(scope->kind, "<Proxy", 6) == 0)
        return strstr(at->target, "://") != NULL;
    if (!by_url && !by_file)
        return 1;
    if (scope->plain)
        return neg_scope_is_path_within(scope->path, subject);
    pattern = pattern_of(p, scope);
    if (pattern)
        return neg_urlmap_matches(p, pattern, subject);
    return covers_by_wildcard(p, scope->path, subject);
}

/* ---- Whether somebody stands in the way ---- */

static int is(const neg_line *l, const char *directive)
{
    return strcasecmp(l->line->directive, directive) == 0;
}

static int opens(apr_pool_t *p, const neg_line *l)
{
    return strcasecmp(neg_urlmap_word(p, l->line, 0), "all") == 0 &&
           strcasecmp(neg_urlmap_word(p, l->line, 1), "granted") == 0;
}

/* Redirect [status] from to, or [status] to in a section. */
static int redirects(apr_pool_t *p, const neg_line *l, const place *at)
{
    const char *from = neg_urlmap_word(p, l->line, 0);
    if (is(l, "RedirectMatch") && *l->scope.kind == '\0')
        return neg_urlmap_matches(
            p, strpbrk(from, "^$(/*.[") ? from : neg_urlmap_word(p, l->line, 1), at->url);
    if (*l->scope.kind)
        return 1;
    if (*from != '/')
        from = neg_urlmap_word(p, l->line, 1);
    return neg_scope_is_path_within(from, at->url);
}

/* Its conditions are believed to be fulfilled. */
static int rewrites_away(apr_pool_t *p, const neg_line *l, const place *at)
{
    const char *target = neg_urlmap_word(p, l->line, 1);
    const char *flags = neg_urlmap_word(p, l->line, 2);
    int away = strncasecmp(target, "http", 4) == 0 || strpbrk(flags, "RFG") != NULL;
    return away &&
           (*l->scope.kind || neg_urlmap_matches(p, neg_urlmap_word(p, l->line, 0), at->url));
}

/* Lines, other than Require, with which nobody gets the page without more ado. */
static int turns_away(apr_pool_t *p, const neg_line *l, const place *at)
{
    if (!covers(p, &l->scope, at))
        return 0;
    if (strncasecmp(l->line->directive, "Redirect", 8) == 0)
        return redirects(p, l, at);
    if (is(l, "RewriteRule"))
        return rewrites_away(p, l, at);
    if (is(l, "MDRequireHttps"))
        return strcasecmp(neg_urlmap_word(p, l->line, 0), "off") != 0;
    return is(l, "SSLRequireSSL") || is(l, "Deny") || is(l, "SSLRequire");
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
    int open = opens(u->pool, l);
    if (!covers(u->pool, &l->scope, at) || !counts(v, l))
        return;
    if (strcasecmp(l->scope.kind, "<Location") == 0)
        v->by_location = 1;
    else if (l->scope.plain)
        v->depth = strlen(l->scope.path);
    if (l->scope.plain || !open) /* sections that cannot be put into an order only guard */
        v->guarded = !open;
}

static int is_guarded(const neg_urls *u, const place *at)
{
    verdict v = {0, 0, 0};
    for (int i = 0; i < u->lines->nelts; i++) {
        const neg_line *l = &APR_ARRAY_IDX(u->lines, i, neg_line);
        if (turns_away(u->pool, l, at))
            return 1;
        if (is(l, "Require"))
            judge(u, l, at, &v);
    }
    return v.guarded || has_htaccess(u->pool, at->target);
}

/* Somebody has written that this is open: a section of its own, deeper than what is protected. */
static int is_meant(const neg_urls *u, const place *at, const place *page)
{
    for (int i = 0; i < u->lines->nelts; i++) {
        const neg_line *l = &APR_ARRAY_IDX(u->lines, i, neg_line);
        int by_url = strcasecmp(l->scope.kind, "<Location") == 0 && strlen(l->scope.path) > 1;
        int by_file = strcasecmp(l->scope.kind, "<Directory") == 0 &&
                      strlen(l->scope.path) > strlen(page->target);
        if (is(l, "Require") && (by_url || by_file) && opens(u->pool, l) &&
            covers(u->pool, &l->scope, at))
            return 1;
    }
    return 0;
}

/* ---- Findings ---- */

static const char *name_of(apr_pool_t *p, const ap_directive_t *host)
{
    return host ? apr_psprintf(p, "<VirtualHost %s (%s:%d)", host->args, host->filename,
                               host->line_num)
                : "the main server";
}

static const char *remedy(apr_pool_t *p, const place *page, const place *other)
{
    const char *there = apr_psprintf(p, "<Location \"%s\"> there", other->url);
    if (*page->target == '/')
        there = apr_psprintf(p, "<Directory \"%s\">, which counts for every URL", page->target);
    return page->host == other->host
               ? apr_psprintf(p, "Put the section's lines into %s", there)
               : apr_psprintf(p,
                              "Write Redirect permanent \"%s\" \"https://...\" there, or put the "
                              "section's lines into %s, outside of the virtual hosts",
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
        "<Location %s> does not protect all ways to its page: %s answers %s with the same (%s, "
        "%s:%d), and asks nobody. %s",
        l->scope.text, name_of(u->pool, other->host), other->url, by->line->directive,
        by->line->filename, by->line->line_num, remedy(u->pool, page, other));
}

/* By a map of another host, or by another one of this host. */
static int is_open(const neg_urls *u, const place *page, const neg_map *map, place *other)
{
    int part;
    const char *resolved;
    other->url = neg_urlmap_reach(u, map, page->target, &part);
    if (!other->url || !neg_urlmap_is_seen(map->host, other->host) ||
        (part && (other->host != page->host || map->kind == NEG_MAP_ROOT)))
        return 0;
    other->target = part ? map->target : page->target;
    resolved = neg_urlmap_resolve(u, other->host, other->url);
    return resolved && strcmp(resolved, other->target) == 0 && !is_guarded(u, other) &&
           !is_meant(u, other, page);
}

static void check_page(const neg_urls *u, const neg_line *l, const place *page,
                       apr_array_header_t *findings)
{
    for (int h = 0; h < u->hosts->nelts; h++) {
        place other = {.host = APR_ARRAY_IDX(u->hosts, h, const ap_directive_t *)};
        for (int m = 0; m < u->maps->nelts; m++) {
            const neg_map *map = &APR_ARRAY_IDX(u->maps, m, neg_map);
            if (is_open(u, page, map, &other)) {
                tell(u, l, page, &other, map, findings);
                break;
            }
        }
    }
}

static void check_location(const neg_urls *u, const neg_line *l, apr_array_header_t *findings)
{
    for (int h = 0; h < u->hosts->nelts; h++) {
        place page = {.host = APR_ARRAY_IDX(u->hosts, h, const ap_directive_t *),
                      .url = l->scope.path};
        if (!neg_urlmap_is_seen(l->scope.host, page.host))
            continue;
        page.target = neg_urlmap_resolve(u, page.host, page.url);
        if (page.target && is_guarded(u, &page))
            check_page(u, l, &page, findings);
    }
}

void neg_openpage_find(apr_pool_t *p, apr_array_header_t *findings)
{
    const neg_urls *u = neg_urlmap_read(p);
    for (int i = 0; i < u->lines->nelts; i++) {
        const neg_line *l = &APR_ARRAY_IDX(u->lines, i, neg_line);
        if (is(l, "AuthType") && l->scope.plain && strcasecmp(l->scope.kind, "<Location") == 0 &&
            strcasecmp(neg_urlmap_word(p, l->line, 0), neg_negotiate_name) == 0)
            check_location(u, l, findings);
    }
}

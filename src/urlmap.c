/*
 * What URLs come to, as far as the lines of the configuration tell: DocumentRoot, Alias,
 * ScriptAlias, ProxyPass, SetHandler.  Where a pattern has a say, nothing is told.
 */

#include <string.h>

#include <apr_strings.h>

#include "urlmap.h"

/* ---- Lines ---- */

const char *neg_urlmap_word(apr_pool_t *p, const ap_directive_t *line, int n)
{
    const char *args = line->args;
    const char *word = ap_getword_conf(p, &args);
    while (n-- > 0)
        word = ap_getword_conf(p, &args);
    return word;
}

static int is_line(const neg_line *l, const char *directive)
{
    return strcasecmp(l->line->directive, directive) == 0;
}

static void read_lines(neg_urls *u, const ap_directive_t *line)
{
    for (; line; line = line->next) {
        neg_line *l = apr_array_push(u->lines);
        l->line = line;
        l->scope = neg_scope_of(u->pool, line);
        read_lines(u, line->first_child);
    }
}

/* ---- Hosts ---- */

static const char *port_of(const char *address)
{
    const char *colon = strrchr(address, ':');
    return colon && !strchr(colon, ']') ? colon + 1 : "";
}

/* Whether the virtual host is for this port, at whatever address. */
static int has_port(apr_pool_t *p, const ap_directive_t *host, const char *port)
{
    const char *args = apr_pstrdup(p, host->args);
    const char *address;
    char *end = strrchr(args, '>');
    if (end)
        *end = '\0';
    while (*(address = ap_getword_conf(p, &args))) {
        const char *own = port_of(address);
        if (!*own || strcmp(own, "*") == 0 || strcmp(own, port) == 0)
            return 1;
    }
    return 0;
}

static int is_taken(const neg_urls *u, const char *port)
{
    for (int i = 0; i < u->hosts->nelts; i++)
        if (has_port(u->pool, APR_ARRAY_IDX(u->hosts, i, const ap_directive_t *), port))
            return 1;
    return 0;
}

/* The main server answers where no virtual host does. */
static int main_answers(const neg_urls *u)
{
    int listens = 0;
    for (int i = 0; i < u->lines->nelts; i++) {
        const neg_line *l = &APR_ARRAY_IDX(u->lines, i, neg_line);
        const char *address, *port;
        if (!is_line(l, "Listen"))
            continue;
        listens = 1;
        address = neg_urlmap_word(u->pool, l->line, 0);
        port = port_of(address);
        if (!is_taken(u, *port ? port : address))
            return 1;
    }
    return !listens;
}

static void find_hosts(neg_urls *u)
{
    for (int i = 0; i < u->lines->nelts; i++) {
        const neg_line *l = &APR_ARRAY_IDX(u->lines, i, neg_line);
        if (is_line(l, "<VirtualHost"))
            APR_ARRAY_PUSH(u->hosts, const ap_directive_t *) = l->line;
    }
    if (main_answers(u))
        APR_ARRAY_PUSH(u->hosts, const ap_directive_t *) = NULL;
}

int neg_urlmap_is_seen(const ap_directive_t *owner, const ap_directive_t *host)
{
    return !owner || owner == host;
}

/* ---- Maps ---- */

/* Without slashes at its end; "" is the whole. */
static const char *without_end(apr_pool_t *p, const char *path)
{
    apr_size_t len = strlen(path);
    while (len && path[len - 1] == '/')
        len--;
    return apr_pstrmemdup(p, path, len);
}

static void add_map(neg_urls *u, const neg_line *l, int kind, const char *url, const char *target)
{
    neg_map *map;
    if (!*target || strcmp(target, "!") == 0 || strchr(target, '%') || *url != '/')
        return;
    map = apr_array_push(u->maps);
    map->kind = kind;
    map->line = l->line;
    map->host = l->scope.host;
    map->url = without_end(u->pool, url);
    if (kind == NEG_MAP_ROOT || kind == NEG_MAP_ALIAS)
        target = ap_server_root_relative(u->pool, target);
    map->target = target ? without_end(u->pool, target) : "";
}

/* Those that work on the file that the URL comes to anyway. */
static int is_for_files(const char *handler)
{
    static const char *const words[] = {"script", "php",   "default-handler", "server-parsed",
                                        "as-is",  "fcgi:", "type-map",        "None"};
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (strstr(handler, words[i]))
            return 1;
    return 0;
}

static void read_map(neg_urls *u, const neg_line *l)
{
    static const struct {
        const char *directive;
        int kind;
    } kinds[] = {{"Alias", NEG_MAP_ALIAS},
                 {"ScriptAlias", NEG_MAP_ALIAS},
                 {"WSGIScriptAlias", NEG_MAP_ALIAS},
                 {"ProxyPass", NEG_MAP_PROXY}};
    const char *first = neg_urlmap_word(u->pool, l->line, 0);
    const char *second = neg_urlmap_word(u->pool, l->line, 1);
    int in_location = l->scope.plain && strcasecmp(l->scope.kind, "<Location") == 0;
    if (is_line(l, "DocumentRoot"))
        add_map(u, l, NEG_MAP_ROOT, "/", first);
    if (is_line(l, "SetHandler") && in_location && !is_for_files(first))
        add_map(u, l, NEG_MAP_HANDLER, l->scope.path, first);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        if (is_line(l, kinds[i].directive) && in_location)
            add_map(u, l, kinds[i].kind, l->scope.path, first);
        else if (is_line(l, kinds[i].directive) && !*l->scope.kind)
            add_map(u, l, kinds[i].kind, first, second);
}

neg_urls *neg_urlmap_read(apr_pool_t *p)
{
    neg_urls *u = apr_palloc(p, sizeof(*u));
    u->pool = p;
    u->lines = apr_array_make(p, 64, sizeof(neg_line));
    u->hosts = apr_array_make(p, 4, sizeof(const ap_directive_t *));
    u->maps = apr_array_make(p, 8, sizeof(neg_map));
    read_lines(u, ap_conftree);
    find_hosts(u);
    for (int i = 0; i < u->lines->nelts; i++)
        read_map(u, &APR_ARRAY_IDX(u->lines, i, neg_line));
    return u;
}

/* ---- From a URL to what it comes to, and back ---- */

int neg_urlmap_matches(apr_pool_t *p, const char *pattern, const char *url)
{
    int negated = *pattern == '!';
    ap_regex_t *regex = ap_pregcomp(p, pattern + negated, AP_REG_EXTENDED);
    const char *below = apr_pstrcat(p, without_end(p, url), "/x", NULL);
    if (!regex)
        return 1;
    return negated ? ap_regexec(regex, url, 0, NULL, 0) != 0
                   : ap_regexec(regex, url, 0, NULL, 0) == 0 ||
                         ap_regexec(regex, below, 0, NULL, 0) == 0;
}

/* One that takes its URLs from patterns, or changes them. */
static int is_pattern(const neg_urls *u, const neg_line *l, const char *url)
{
    static const char *const directives[] = {"AliasMatch", "ScriptAliasMatch", "ProxyPassMatch",
                                             "WSGIScriptAliasMatch"};
    const char *target = neg_urlmap_word(u->pool, l->line, 1);
    if (*l->scope.kind)
        return 0;
    for (size_t i = 0; i < sizeof(directives) / sizeof(*directives); i++)
        if (is_line(l, directives[i]))
            return neg_urlmap_matches(u->pool, neg_urlmap_word(u->pool, l->line, 0), url);
    return is_line(l, "RewriteRule") && strcmp(target, "-") != 0 &&
           strncasecmp(target, "http", 4) != 0 &&
           neg_urlmap_matches(u->pool, neg_urlmap_word(u->pool, l->line, 0), url);
}

static int is_better(const neg_map *map, const neg_map *than)
{
    if (!than || map->kind != than->kind)
        return !than || map->kind > than->kind;
    if (!map->host != !than->host)
        return map->host != NULL;
    return strlen(map->url) > strlen(than->url);
}

static const char *join(apr_pool_t *p, const char *path, const char *rest)
{
    while (*rest == '/')
        rest++;
    return *rest ? apr_pstrcat(p, path, "/", rest, NULL) : path;
}

const char *neg_urlmap_resolve(const neg_urls *u, const ap_directive_t *host, const char *url)
{
    const char *whole = without_end(u->pool, url);
    const neg_map *best = NULL;
    for (int i = 0; i < u->lines->nelts; i++) {
        const neg_line *l = &APR_ARRAY_IDX(u->lines, i, neg_line);
        if (neg_urlmap_is_seen(l->scope.host, host) && is_pattern(u, l, url))
            return NULL;
    }
    for (int i = 0; i < u->maps->nelts; i++) {
        const neg_map *map = &APR_ARRAY_IDX(u->maps, i, neg_map);
        if (neg_urlmap_is_seen(map->host, host) && neg_scope_is_path_within(map->url, whole) &&
            is_better(map, best))
            best = map;
    }
    if (!best)
        return NULL;
    return best->kind == NEG_MAP_HANDLER ? best->target
                                         : join(u->pool, best->target, whole + strlen(best->url));
}

const char *neg_urlmap_reach(const neg_urls *u, const neg_map *map, const char *target, int *part)
{
    const char *url = *map->url ? map->url : "/";
    *part = 0;
    if (map->kind == NEG_MAP_HANDLER)
        return strcmp(map->target, target) == 0 ? url : NULL;
    if (neg_scope_is_path_within(map->target, target)) {
        const char *reached = join(u->pool, map->url, target + strlen(map->target));
        return *reached ? reached : "/";
    }
    *part = neg_scope_is_path_within(target, map->target);
    return *part ? url : NULL;
}

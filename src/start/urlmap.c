/*
 * What URLs come to, as far as the lines of the configuration tell: DocumentRoot, Alias,
 * ScriptAlias, ProxyPass, SetHandler.  Where a pattern has a say, nothing is told.
 */

#include <string.h>

#include <apr_strings.h>

#include "start.h"
#include "urlmap.h"

/* ---- Lines ---- */

static int is_line(const neg_line *l, const char *directive)
{
    return strcasecmp(l->line->directive, directive) == 0;
}

/* There may be many others. */
static int may_matter(const char *directive)
{
    static const char *const begin[] = {"AuthType",     "Require", "Redirect",  "RewriteRule",
                                        "Deny",         "SSLReq",  "SSLEngine", "MDRequire",
                                        "Alias",        "Script",  "WSGIScri",  "ProxyPass",
                                        "DocumentRoot", "Listen",  "SetHand"};
    for (size_t i = 0; i < sizeof(begin) / sizeof(*begin); i++)
        if (strncasecmp(directive, begin[i], strlen(begin[i])) == 0)
            return 1;
    return 0;
}

static apr_array_header_t *array_of(apr_hash_t *arrays, const ap_directive_t *host, int size)
{
    apr_pool_t *p = apr_hash_pool_get(arrays);
    apr_array_header_t *array = apr_hash_get(arrays, &host, sizeof(host));
    if (!array) {
        array = apr_array_make(p, 4, size);
        apr_hash_set(arrays, apr_pmemdup(p, &host, sizeof(host)), sizeof(host), array);
    }
    return array;
}

static apr_array_header_t *lines_of(const neg_urls *u, const ap_directive_t *host)
{
    return array_of(u->lines, host, sizeof(neg_line));
}

static apr_array_header_t *maps_of(const neg_urls *u, const ap_directive_t *host)
{
    return array_of(u->maps, host, sizeof(neg_map));
}

const apr_array_header_t *neg_urlmap_lines(const neg_urls *u, const ap_directive_t *host)
{
    return lines_of(u, host);
}

const apr_array_header_t *neg_urlmap_maps(const neg_urls *u, const ap_directive_t *host)
{
    return maps_of(u, host);
}

static void read_line(neg_urls *u, const ap_directive_t *line)
{
    neg_scope scope = neg_scope_of(u->pool, line);
    neg_line *l = apr_array_push(lines_of(u, scope.host));
    const char *args = line->args;
    l->line = line;
    l->scope = scope;
    for (size_t i = 0; i < sizeof(l->word) / sizeof(*l->word); i++)
        l->word[i] = ap_getword_conf(u->pool, &args);
}

static void read_lines(neg_urls *u, const ap_directive_t *line)
{
    for (; line; line = line->next) {
        if (strcasecmp(line->directive, "<VirtualHost") == 0)
            APR_ARRAY_PUSH(u->hosts, const ap_directive_t *) = line;
        else if (may_matter(line->directive))
            read_line(u, line);
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
    const apr_array_header_t *lines = lines_of(u, NULL);
    int listens = 0;
    for (int i = 0; i < lines->nelts; i++) {
        const neg_line *l = &APR_ARRAY_IDX(lines, i, neg_line);
        const char *port = port_of(l->word[0]);
        if (!is_line(l, "Listen"))
            continue;
        listens = 1;
        if (!is_taken(u, *port ? port : l->word[0]))
            return 1;
    }
    return !listens;
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
    map = apr_array_push(maps_of(u, l->scope.host));
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
    const char *first = l->word[0];
    const char *second = l->word[1];
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

static void read_maps(neg_urls *u, const ap_directive_t *host)
{
    const apr_array_header_t *lines = lines_of(u, host);
    for (int i = 0; i < lines->nelts; i++)
        read_map(u, &APR_ARRAY_IDX(lines, i, neg_line));
}

neg_urls *neg_urlmap_read(apr_pool_t *p)
{
    neg_urls *u = apr_palloc(p, sizeof(*u));
    u->pool = p;
    apr_pool_create(&u->scratch, p);
    u->lines = apr_hash_make(p);
    u->patterns = apr_hash_make(p);
    u->hosts = apr_array_make(p, 4, sizeof(const ap_directive_t *));
    u->maps = apr_hash_make(p);
    read_lines(u, ap_conftree);
    read_maps(u, NULL);
    for (int i = 0; i < u->hosts->nelts; i++)
        read_maps(u, APR_ARRAY_IDX(u->hosts, i, const ap_directive_t *));
    if (main_answers(u))
        APR_ARRAY_PUSH(u->hosts, const ap_directive_t *) = NULL;
    return u;
}

/* ---- From a URL to what it comes to, and back ---- */

static const ap_regex_t *compiled(const neg_urls *u, const char *pattern)
{
    ap_regex_t *regex = apr_hash_get(u->patterns, pattern, APR_HASH_KEY_STRING);
    if (!regex) {
        regex = ap_pregcomp(u->pool, pattern, AP_REG_EXTENDED);
        apr_hash_set(u->patterns, pattern, APR_HASH_KEY_STRING, regex);
    }
    return regex;
}

int neg_urlmap_matches(const neg_urls *u, const char *pattern, const char *subject)
{
    int negated = *pattern == '!';
    const ap_regex_t *regex = compiled(u, pattern + negated);
    const char *below = apr_pstrcat(u->scratch, without_end(u->scratch, subject), "/x", NULL);
    int matches = regex && (ap_regexec(regex, subject, 0, NULL, 0) == 0 ||
                            ap_regexec(regex, below, 0, NULL, 0) == 0);
    return negated ? !matches : matches;
}

/* One that takes its URLs from patterns, or changes them. */
static int is_pattern(const neg_urls *u, const neg_line *l, const char *url)
{
    static const char *const directives[] = {"AliasMatch", "ScriptAliasMatch", "ProxyPassMatch",
                                             "WSGIScriptAliasMatch"};
    if (*l->scope.kind)
        return 0;
    for (size_t i = 0; i < sizeof(directives) / sizeof(*directives); i++)
        if (is_line(l, directives[i]))
            return neg_urlmap_matches(u, l->word[0], url);
    return is_line(l, "RewriteRule") && strcmp(l->word[1], "-") != 0 &&
           strncasecmp(l->word[1], "http", 4) != 0 && neg_urlmap_matches(u, l->word[0], url);
}

static int has_pattern(const neg_urls *u, const ap_directive_t *host, const char *url)
{
    const apr_array_header_t *lines = lines_of(u, host);
    for (int i = 0; i < lines->nelts; i++)
        if (is_pattern(u, &APR_ARRAY_IDX(lines, i, neg_line), url))
            return 1;
    return 0;
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

static const neg_map *better_of(const neg_urls *u, const ap_directive_t *owner, const char *url,
                                const neg_map *best)
{
    const apr_array_header_t *maps = maps_of(u, owner);
    for (int i = 0; i < maps->nelts; i++) {
        const neg_map *map = &APR_ARRAY_IDX(maps, i, neg_map);
        if (neg_scope_is_path_within(map->url, url) && is_better(map, best))
            best = map;
    }
    return best;
}

const char *neg_urlmap_resolve(const neg_urls *u, const ap_directive_t *host, const char *url,
                               const neg_map **by)
{
    const char *whole = without_end(u->scratch, url);
    const neg_map *best = better_of(u, host, whole, better_of(u, NULL, whole, NULL));
    if (!best || has_pattern(u, NULL, url) || has_pattern(u, host, url))
        return NULL;
    *by = best;
    return best->kind == NEG_MAP_HANDLER
               ? best->target
               : join(u->scratch, best->target, whole + strlen(best->url));
}

const char *neg_urlmap_reach(const neg_urls *u, const neg_map *map, const char *target, int *part)
{
    const char *url = *map->url ? map->url : "/";
    *part = 0;
    if (map->kind == NEG_MAP_HANDLER)
        return strcmp(map->target, target) == 0 ? url : NULL;
    if (neg_scope_is_path_within(map->target, target)) {
        const char *reached = join(u->scratch, map->url, target + strlen(map->target));
        return *reached ? reached : "/";
    }
    *part = neg_scope_is_path_within(target, map->target);
    return *part ? url : NULL;
}

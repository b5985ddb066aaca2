/*
 * Where a line of the configuration stands, and whose requests it can be for.  It is told from the
 * lines alone: which files a location's requests come to is known only when they come.
 */

#include <string.h>

#include <apr_strings.h>

#include "internal.h"

/* Sections that choose requests; <IfModule>, <Limit>, <RequireAll> and others do not. */
static int is_section(const ap_directive_t *line)
{
    static const char *const kinds[] = {"<Location", "<Directory", "<Files", "<Proxy",
                                        "<If",       "<ElseIf",    "<Else"};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        apr_size_t len = strlen(kinds[i]);
        if (strncasecmp(line->directive, kinds[i], len) == 0 &&
            (!line->directive[len] || strcasecmp(line->directive + len, "Match") == 0))
            return 1;
    }
    return 0;
}

neg_scope neg_scope_of(apr_pool_t *p, const ap_directive_t *line)
{
    neg_scope scope = {.kind = "", .path = ""};
    for (const ap_directive_t *at = line->parent; at; at = at->parent) {
        if (strcasecmp(at->directive, "<VirtualHost") == 0)
            scope.host = at;
        if (*scope.kind || !is_section(at))
            continue;
        const char *end = strrchr(at->args, '>');
        const char *args =
            end ? apr_pstrmemdup(p, at->args, (apr_size_t)(end - at->args)) : at->args;
        scope.kind = at->directive;
        scope.text = args;
        scope.path = ap_getword_conf(p, &args);
    }
    scope.plain =
        (strcasecmp(scope.kind, "<Location") == 0 || strcasecmp(scope.kind, "<Directory") == 0) &&
        *scope.path == '/' && !strpbrk(scope.path, "*?[$");
    return scope;
}

int neg_scope_is_path_within(const char *outer, const char *inner)
{
    apr_size_t len = strlen(outer);
    return strncmp(outer, inner, len) == 0 &&
           (inner[len] == '/' || inner[len] == '\0' || (len && outer[len - 1] == '/'));
}

int neg_scope_may_cover(const neg_scope *outer, const neg_scope *inner)
{
    if (outer->host && inner->host && outer->host != inner->host)
        return 0;
    if (!*outer->kind)
        return 1;
    if (!*inner->kind)
        return 0;
    if (!outer->plain || !inner->plain || strcasecmp(outer->kind, inner->kind) != 0)
        return 1;
    return neg_scope_is_path_within(outer->path, inner->path);
}

int neg_scope_is_same(const neg_scope *a, const neg_scope *b)
{
    return a->host == b->host && strcasecmp(a->kind, b->kind) == 0 &&
           strcmp(a->path, b->path) == 0 && (a->plain || !a->text || strcmp(a->text, b->text) == 0);
}

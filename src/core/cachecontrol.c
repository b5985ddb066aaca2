#include "cachecontrol.h"

#include <string.h>
#include <strings.h>

#include <apr_strings.h>

/** One directive, as it stands. */
typedef struct {
    const char *text;
    size_t len;      /**< of all of it, without the white space around it */
    size_t name_len; /**< of what stands before the '=' */
    int is_closed;   /**< its quotes are */
} directive;

static int is_space(char c)
{
    return c == ' ' || c == '\t';
}

/* A quoted-string (RFC 9110 section 5.6.4) may have commas.  @return behind its end */
static const char *skip_quoted(const char *at, int *is_closed)
{
    for (at++; *at && *at != '"'; at++)
        if (*at == '\\' && at[1])
            at++;
    *is_closed = *at == '"';
    return *at ? at + 1 : at;
}

/* @return where the next one begins, or NULL when there is none here */
static const char *read_directive(const char *at, directive *found)
{
    const char *end;
    while (is_space(*at) || *at == ',')
        at++;
    if (!*at)
        return NULL;
    found->text = at;
    found->is_closed = 1;
    while (*at && *at != ',')
        at = *at == '"' ? skip_quoted(at, &found->is_closed) : at + 1;
    for (end = at; is_space(end[-1]);)
        end--;
    found->len = (size_t)(end - found->text);
    found->name_len = strcspn(found->text, "=, \t");
    if (found->name_len > found->len)
        found->name_len = found->len;
    return at;
}

static int has_name(const directive *d, const char *name)
{
    return d->name_len == strlen(name) && strncasecmp(d->text, name, d->name_len) == 0;
}

neg_directive neg_cachecontrol_find(const char *value, const char *name)
{
    neg_directive result = NEG_DIRECTIVE_NONE;
    directive d;
    for (const char *at = value; (at = read_directive(at, &d));) {
        if (has_name(&d, name) && d.name_len == d.len)
            return NEG_DIRECTIVE_BARE;
        if (has_name(&d, name))
            result = NEG_DIRECTIVE_QUALIFIED;
    }
    return result;
}

static int is_among(const directive *d, const char *const *names)
{
    for (; *names; names++)
        if (has_name(d, *names))
            return 1;
    return 0;
}

const char *neg_cachecontrol_without(apr_pool_t *p, const char *value, const char *const *names)
{
    char *rest = apr_palloc(p, 2 * strlen(value) + 1);
    char *end = rest;
    directive d;
    for (const char *at = value; (at = read_directive(at, &d));) {
        if (!d.is_closed)
            return "";
        if (is_among(&d, names))
            continue;
        if (end > rest) {
            *end++ = ',';
            *end++ = ' ';
        }
        memcpy(end, d.text, d.len);
        end += d.len;
    }
    *end = '\0';
    return rest;
}

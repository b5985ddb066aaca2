/* The Cookie header. */

#include "cookie.h"

#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>

/* One cookie of a header: what stands between two semicolons. */
typedef struct {
    const char *name, *value; /* where they begin */
    apr_size_t name_len, value_len;
    const char *next; /* where the next begins, or the header's NUL */
} pair;

static int is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* The name and the value between two places, without the blanks around them. */
static void read_pair(const char *at, const char *stop, pair *found)
{
    const char *equals;

    while (at < stop && is_blank(*at)) {
        at++;
    }
    while (stop > at && is_blank(stop[-1])) {
        stop--;
    }
    equals = memchr(at, '=', (apr_size_t)(stop - at));
    found->name = at;
    found->name_len = (apr_size_t)((equals ? equals : stop) - at);
    found->value = equals ? equals + 1 : stop;
    found->value_len = (apr_size_t)(stop - found->value);
    while (found->name_len > 0 && is_blank(at[found->name_len - 1])) {
        found->name_len--;
    }
    while (found->value_len > 0 && is_blank(*found->value)) {
        found->value++;
        found->value_len--;
    }
}

/*
 * Semicolons alone stand between cookies.  httpd joins several Cookie lines with a comma, but one
 * may as well be part of a value, and then whoever may set a cookie of any name would set all.
 */
static int next_pair(const char *at, pair *found)
{
    const char *stop;

    if (*at == '\0') {
        return 0;
    }
    stop = at + strcspn(at, ";");
    read_pair(at, stop, found);
    found->next = stop + strspn(stop, "; \t");
    return 1;
}

static int is_named(const pair *cookie, const char *name)
{
    return strlen(name) == cookie->name_len && memcmp(cookie->name, name, cookie->name_len) == 0;
}

const char *neg_cookie_next(apr_pool_t *p, const char **rest, const char *name)
{
    pair cookie;

    while (next_pair(*rest, &cookie)) {
        *rest = cookie.next;
        if (is_named(&cookie, name)) {
            return apr_pstrmemdup(p, cookie.value, cookie.value_len);
        }
    }
    return NULL;
}

static int is_of_our_making(const pair *cookie)
{
    const char *s = cookie->name;
    const char *end = s + cookie->name_len;
    int i;

    if (cookie->name_len >= sizeof(NEG_COOKIE_HOST) - 1 &&
        memcmp(s, NEG_COOKIE_HOST, sizeof(NEG_COOKIE_HOST) - 1) == 0) {
        s += sizeof(NEG_COOKIE_HOST) - 1;
    }
    if (end - s != sizeof(NEG_COOKIE_PREFIX) - 1 + 8 ||
        memcmp(s, NEG_COOKIE_PREFIX, sizeof(NEG_COOKIE_PREFIX) - 1) != 0) {
        return 0;
    }
    for (i = 1; i <= 8; i++) {
        if (!apr_isxdigit(end[-i])) {
            return 0;
        }
    }
    return 1;
}

static int is_any(const pair *cookie, const char *const *names)
{
    for (; *names; names++) {
        if (is_named(cookie, *names)) {
            return 1;
        }
    }
    return 0;
}

/* Others may split at commas, as httpd joins lines: they must not find there what is to be hidden.
 */
static int has_ours(const pair *cookie, const char *const *names)
{
    const char *at = cookie->name;
    const char *end = cookie->value + cookie->value_len;
    pair part;

    for (;;) {
        const char *comma = memchr(at, ',', (apr_size_t)(end - at));

        read_pair(at, comma ? comma : end, &part);
        if (is_of_our_making(&part) || is_any(&part, names)) {
            return 1;
        }
        if (!comma) {
            return 0;
        }
        at = comma + 1;
    }
}

const char *neg_cookie_strip(apr_pool_t *p, const char *header, const char *const *names)
{
    apr_size_t len = 0;
    char *kept = apr_palloc(p, strlen(header) + 1);
    const char *at = header;
    pair cookie;

    for (; next_pair(at, &cookie); at = cookie.next) {
        if (!has_ours(&cookie, names)) {
            memcpy(kept + len, at, (apr_size_t)(cookie.next - at));
            len += (apr_size_t)(cookie.next - at);
        }
    }
    if (len == strlen(header)) {
        return header;
    }
    while (len > 0 && strchr("; \t", kept[len - 1])) {
        len--;
    }
    kept[len] = '\0';
    return len ? kept : NULL;
}

int neg_cookie_is_name(const char *name)
{
    const char *s;

    for (s = name; *s; s++) {
        if (!apr_isalnum(*s) && !strchr("!#$%&'*+-.^_`|~", *s)) {
            return 0;
        }
    }
    return *name != '\0';
}

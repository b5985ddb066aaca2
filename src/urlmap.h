/** What URLs come to, as far as the lines of the configuration tell: for the checks at start. */
#ifndef NEG_URLMAP_H
#define NEG_URLMAP_H

#include "negotiate.h"

/** A line, and where it stands. */
typedef struct {
    const ap_directive_t *line;
    neg_scope scope;
} neg_line;

typedef struct {
    apr_pool_t *pool;
    apr_array_header_t *lines; /**< of neg_line, in the order of the files */
    apr_array_header_t *hosts; /**< of const ap_directive_t *: <VirtualHost>s; NULL: the main
                                  server, where it answers anybody */
    apr_array_header_t *maps;  /**< of neg_map */
} neg_urls;

/** One way from URLs to what answers them. */
typedef struct {
    enum {
        NEG_MAP_ROOT, /* DocumentRoot: the last that is asked */
        NEG_MAP_ALIAS,
        NEG_MAP_PROXY,
        NEG_MAP_HANDLER
    } kind;
    const ap_directive_t *line;
    const ap_directive_t *host; /**< NULL: the main server's, which all have */
    const char *url;            /**< a prefix */
    const char *target;         /**< path, URL of a backend, or name of a handler */
} neg_map;

/** Reads httpd's tree of lines. */
neg_urls *neg_urlmap_read(apr_pool_t *p);
/** Whether what stands in a host, or in the main server (NULL), is for the requests of host. */
int neg_urlmap_is_seen(const ap_directive_t *owner, const ap_directive_t *host);
/** What url comes to at host, in u's pool; NULL where the lines do not tell. */
const char *neg_urlmap_resolve(const neg_urls *u, const ap_directive_t *host, const char *url);
/** The URL by which map comes to target, or into it (*part); NULL where it does not. */
const char *neg_urlmap_reach(const neg_urls *u, const neg_map *map, const char *target, int *part);
/** The n-th word of a line's arguments from 0, or "". */
const char *neg_urlmap_word(apr_pool_t *p, const ap_directive_t *line, int n);
/** Whether a pattern matches a URL, or what lies below it. */
int neg_urlmap_matches(apr_pool_t *p, const char *pattern, const char *url);

#endif

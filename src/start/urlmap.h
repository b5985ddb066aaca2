/** What URLs come to, as far as the lines of the configuration tell: for the checks at start. */
#ifndef NEG_URLMAP_H
#define NEG_URLMAP_H

#include <apr_hash.h>

#include "start.h"

/** A line that may have a say, and where it stands. */
typedef struct {
    const ap_directive_t *line;
    neg_scope scope;
    const char *word[3]; /**< its first arguments, or "" */
} neg_line;

typedef struct {
    apr_pool_t *pool;
    apr_pool_t *scratch;       /**< what neg_urlmap_*() return, until it is cleared */
    apr_hash_t *lines;         /**< by host: see neg_urlmap_lines() */
    apr_hash_t *patterns;      /**< compiled, by their text */
    apr_array_header_t *hosts; /**< of const ap_directive_t *: <VirtualHost>s, and NULL for the main
                                    server, where it answers anybody */
    apr_hash_t *maps;          /**< by host: see neg_urlmap_maps() */
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
/** The lines of a host, or of the main server (NULL), which are for all hosts: an array of neg_line
 * in the order of the files. */
const apr_array_header_t *neg_urlmap_lines(const neg_urls *u, const ap_directive_t *host);
/** Its maps: an array of neg_map. */
const apr_array_header_t *neg_urlmap_maps(const neg_urls *u, const ap_directive_t *host);
/** What url comes to at host, and by which map; NULL where the lines do not tell. */
const char *neg_urlmap_resolve(const neg_urls *u, const ap_directive_t *host, const char *url,
                               const neg_map **by);
/** The URL by which map comes to target, or into it (*part); NULL where it does not. */
const char *neg_urlmap_reach(const neg_urls *u, const neg_map *map, const char *target, int *part);
/** Whether a pattern matches a URL or path, or what lies below it. */
int neg_urlmap_matches(const neg_urls *u, const char *pattern, const char *subject);

#endif

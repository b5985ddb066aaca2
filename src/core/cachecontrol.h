/** The header Cache-Control of an answer (RFC 9111 section 5.2). */
#ifndef NEG_CORE_CACHECONTROL_H
#define NEG_CORE_CACHECONTROL_H

#include <apr_pools.h>

typedef enum {
    NEG_DIRECTIVE_NONE,
    NEG_DIRECTIVE_BARE,     /**< the name alone */
    NEG_DIRECTIVE_QUALIFIED /**< with an argument: private="Set-Cookie" is another thing */
} neg_directive;

/**
 * Whether a directive is there; without an argument, if it is there with one and without.  Names
 * are compared without case.
 * @param value of one header or of several, joined by commas
 */
neg_directive neg_cachecontrol_find(const char *value, const char *name);

/**
 * The value without the directives of these names, with or without an argument.  Caches read a
 * value whose quotes are not closed in different ways: nothing of it is left.
 * @param names ended by NULL
 * @return a text in p, perhaps empty
 */
const char *neg_cachecontrol_without(apr_pool_t *p, const char *value, const char *const *names);

#endif

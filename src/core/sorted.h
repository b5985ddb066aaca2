/**
 * Arrays whose elements begin with a text, in the order of strcmp() and each text once: a location
 * may name thousands of attributes, and each of its requests merges, reads and looks for them.
 */
#ifndef NEG_CORE_SORTED_H
#define NEG_CORE_SORTED_H

#include <apr_pools.h>
#include <apr_tables.h>

/** @return the element with this text, or NULL */
void *neg_sorted_find(const apr_array_header_t *sorted, const char *text);

/** Copies an element into its place, which may be that of one with the same text. */
void neg_sorted_put(apr_array_header_t *sorted, const void *element);

/** What either has, in p; where both have a text, the second one's. */
apr_array_header_t *neg_sorted_merge(apr_pool_t *p, const apr_array_header_t *first,
                                     const apr_array_header_t *second);

#endif

#include "sorted.h"

#include <string.h>

static char *at(const apr_array_header_t *sorted, int i)
{
    return sorted->elts + (apr_size_t)i * (apr_size_t)sorted->elt_size;
}

static const char *text_of(const void *element)
{
    return *(const char *const *)element;
}

/* @return the place of the first element that is not before text */
static int place_of(const apr_array_header_t *sorted, const char *text)
{
    int low = 0, high = sorted->nelts;
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (strcmp(text_of(at(sorted, middle)), text) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int is_at(const apr_array_header_t *sorted, int place, const char *text)
{
    return place < sorted->nelts && strcmp(text_of(at(sorted, place)), text) == 0;
}

void *neg_sorted_find(const apr_array_header_t *sorted, const char *text)
{
    int place = place_of(sorted, text);
    return is_at(sorted, place, text) ? at(sorted, place) : NULL;
}

void neg_sorted_put(apr_array_header_t *sorted, const void *element)
{
    int place = place_of(sorted, text_of(element));
    int behind = sorted->nelts - place;
    if (!is_at(sorted, place, text_of(element))) {
        apr_array_push(sorted);
        memmove(at(sorted, place + 1), at(sorted, place),
                (apr_size_t)behind * (apr_size_t)sorted->elt_size);
    }
    memcpy(at(sorted, place), element, (apr_size_t)sorted->elt_size);
}

static void take(apr_array_header_t *to, const apr_array_header_t *from, int i)
{
    memcpy(apr_array_push(to), at(from, i), (apr_size_t)from->elt_size);
}

apr_array_header_t *neg_sorted_merge(apr_pool_t *p, const apr_array_header_t *first,
                                     const apr_array_header_t *second)
{
    apr_array_header_t *merged = apr_array_make(p, first->nelts + second->nelts, first->elt_size);
    int i = 0, j = 0;
    while (i < first->nelts || j < second->nelts) {
        int order = i == first->nelts    ? 1
                    : j == second->nelts ? -1
                                         : strcmp(text_of(at(first, i)), text_of(at(second, j)));
        if (order < 0)
            take(merged, first, i);
        else
            take(merged, second, j);
        i += order <= 0;
        j += order >= 0;
    }
    return merged;
}

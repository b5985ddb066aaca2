/** The files that delegated credentials are in: ccaches.c for delegate.c. */
#ifndef NEG_GSS_CCACHES_H
#define NEG_GSS_CCACHES_H

#include "delegate.h"
#include "gss.h"

typedef struct neg_ccache_file neg_ccache_file;

/**
 * Makes an empty file, mode 0600, with a name that nobody can foresee.  It ends with p.
 * @return NULL, or a sentence in p
 */
const char *neg_ccaches_add(apr_pool_t *p, neg_ccaches *all, const char *directory,
                            neg_ccache_file **file);
const char *neg_ccaches_path(const neg_ccache_file *file);
/** Before p ends. */
void neg_ccaches_remove(apr_pool_t *p, neg_ccache_file *file);

#endif

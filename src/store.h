/**
 * A cache of httpd's (socache): shmcb in this machine's memory, redis or memcache for many.
 *
 * It is asked by all threads of all children.  One that fails is left alone for a while, so that
 * not every request waits for what does not answer.
 */
#ifndef NEG_STORE_H
#define NEG_STORE_H

#include <httpd.h> /* before the others, which do not include it */

#include <http_config.h>

#include "bytes.h"

typedef struct neg_store neg_store;

typedef enum {
    NEG_STORE_OK,
    NEG_STORE_NOTHING, /**< it has no such entry */
    NEG_STORE_PAUSED,  /**< it has failed a moment ago and is not asked */
    NEG_STORE_FAILED
} neg_store_result;

/** From "provider" or "provider:arguments".  @return NULL, or what is wrong, after "Directive: " */
const char *neg_store_create(cmd_parms *cmd, const char *text, neg_store **store);
const char *neg_store_text(const neg_store *store);

/**
 * In post_config.  What is in this machine's memory is made once and kept over restarts: the
 * children that end gracefully still use it.
 * @param mutex as registered with ap_mutex_register
 * @return OK or an error, which has been logged
 */
int neg_store_open(neg_store *store, server_rec *s, apr_pool_t *pconf, const char *mutex);
void neg_store_init_child(neg_store *store, server_rec *s, apr_pool_t *pchild);

/** @param value in p */
neg_store_result neg_store_get(neg_store *store, server_rec *s, apr_pool_t *p, neg_bytes id,
                               apr_size_t largest, neg_bytes *value);
neg_store_result neg_store_put(neg_store *store, server_rec *s, apr_pool_t *p, neg_bytes id,
                               neg_bytes value, apr_time_t expiry);
neg_store_result neg_store_remove(neg_store *store, server_rec *s, apr_pool_t *p, neg_bytes id);

#endif

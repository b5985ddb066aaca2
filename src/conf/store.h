/**
 * A cache of httpd's (socache): shmcb in this machine's memory, redis or memcache for many.
 *
 * It is asked by all threads of all children.  A server that is silent is spared for a while
 * (core/breaker.h), so that not every request waits for it.
 */
#ifndef NEG_STORE_H
#define NEG_STORE_H

#include <httpd.h> /* before the others, which do not include it */

#include <http_config.h>

#include "bytes.h"

typedef struct neg_store neg_store;

/** What a store is for: a constant of whoever uses it. */
typedef struct {
    const char *cache;  /**< names its entries; the providers take 14 characters at most */
    const char *mutex;  /**< for httpd's Mutex directive */
    apr_size_t usual;   /**< bytes of a value */
    apr_size_t largest; /**< no value has more */
} neg_store_use;

#define NEG_STORE_ID 32 /**< bytes by which an entry is found */

typedef enum {
    NEG_STORE_OK,
    NEG_STORE_NOTHING, /**< it has no such entry */
    NEG_STORE_THERE,   /**< it has one already */
    NEG_STORE_PAUSED,  /**< it is silent, and is not asked */
    NEG_STORE_FAILED
} neg_store_result;

/** Which entries a value may be put into. */
typedef enum {
    NEG_STORE_ANY,
    NEG_STORE_NEW,  /**< none is there: else THERE */
    NEG_STORE_KNOWN /**< one is there, and not ended: else NOTHING */
} neg_store_which;

/** From "provider" or "provider:arguments".  @return NULL, or what is wrong, after "Directive: " */
const char *neg_store_create(cmd_parms *cmd, const neg_store_use *use, const char *text,
                             neg_store **store);
const char *neg_store_text(const neg_store *store);
/** Whether it is in this machine's memory or files. */
int neg_store_is_local(const neg_store *store);

/** Finds a server's store, its own or the main server's; or NULL. */
typedef neg_store *(*neg_store_finder)(server_rec *s);

/** In pre_config.  @return OK or an error */
int neg_store_register(apr_pool_t *pconf, const neg_store_use *use);
/**
 * In post_config: opens each server's own.  What is in this machine's memory is made once and kept
 * over restarts: the children that end gracefully still use it.
 * @return OK or an error, which has been logged
 */
int neg_store_open(server_rec *servers, apr_pool_t *pconf, neg_store_finder find);
void neg_store_init_child(server_rec *servers, apr_pool_t *pchild, neg_store_finder find);

/** @param id NEG_STORE_ID bytes
 *  @param value in p */
neg_store_result neg_store_get(neg_store *store, server_rec *s, apr_pool_t *p, neg_bytes id,
                               neg_bytes *value);
/** In this machine's memory a look and a put are one step; of a server two that ask in the same
 * instant may both be told that an entry is new, or known. */
neg_store_result neg_store_put(neg_store *store, server_rec *s, apr_pool_t *p, neg_bytes id,
                               neg_bytes value, apr_time_t expiry, neg_store_which which);
/** Whether there is an entry of that name, or one that was ended and keeps its place.
 * @return THERE, NOTHING, PAUSED or FAILED */
neg_store_result neg_store_look(neg_store *store, server_rec *s, apr_pool_t *p, neg_bytes id);
/**
 * Ends an entry: neither get nor NEG_STORE_KNOWN finds it any more, whatever is under way at
 * another node, and no NEG_STORE_NEW takes its place before then.
 * @return OK only where that is certain
 */
neg_store_result neg_store_end(neg_store *store, server_rec *s, apr_pool_t *p, neg_bytes id,
                               apr_time_t then);

#endif

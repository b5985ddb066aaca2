/* Where sessions are kept: the key that seals them, and the store, from start to end. */

#include <string.h>

#include <http_core.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "internal.h"
#include "seal.h"

#define RETAINED_KEY "auth_negotiate:session-key"

/* Made by the parent, so that its children have the same, and kept over restarts. */
static apr_array_header_t *retained_ring(apr_pool_t *pconf)
{
    apr_array_header_t *ring = neg_seal_ring_make(pconf);
    unsigned char *key = ap_retained_data_get(RETAINED_KEY);
    if (!key) {
        unsigned char made[NEG_SEAL_KEY];
        if (RAND_priv_bytes(made, sizeof(made)) != 1)
            return NULL;
        key = ap_retained_data_create(RETAINED_KEY, NEG_SEAL_KEY);
        memcpy(key, made, sizeof(made));
        OPENSSL_cleanse(made, sizeof(made));
    }
    neg_seal_ring_add(ring, key);
    return ring;
}

/* ---- Life ---- */

static neg_store *store_of(server_rec *s)
{
    const neg_session_place *place = neg_config_server(s)->session_place;
    return place ? place->store : NULL;
}

int neg_session_pre_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp)
{
    (void)plog;
    (void)ptemp;
    return neg_store_register(pconf, &neg_session_use);
}

int neg_session_open(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *servers)
{
    apr_array_header_t *made;
    (void)plog;
    (void)ptemp;
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG)
        return OK;
    if (!(made = retained_ring(pconf))) {
        ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_ERR, 0, servers,
                     "OpenSSL has no random bytes for a session key");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    for (server_rec *s = servers; s; s = s->next)
        if (!neg_config_server(s)->session_keys)
            neg_config_server(s)->session_keys = made;
    return neg_store_open(servers, pconf, store_of);
}

void neg_session_init_child(apr_pool_t *pchild, server_rec *servers)
{
    neg_store_init_child(servers, pchild, store_of);
}

/* Keytabs as this process has them. */

#include "held.h"
#include "internal.h"

const char *neg_config_keytab(const neg_server *server, const neg_conf *conf)
{
    const neg_held *held = server->held && conf->keytab
                               ? apr_hash_get(server->held, conf->keytab, APR_HASH_KEY_STRING)
                               : NULL;
    return held ? neg_held_name(held) : conf->keytab;
}

const char *neg_config_open_keytabs(apr_pool_t *p, server_rec *s)
{
    apr_hash_t *held = neg_config_server(s)->held;
    krb5_error_code code = 0;
    if (!held)
        return NULL;
    for (apr_hash_index_t *i = apr_hash_first(p, held); i && !code; i = apr_hash_next(i))
        code = neg_held_open(p, apr_hash_this_val(i));
    return code ? neg_status_krb5_text(p, NULL, code) : NULL;
}

/* Channel bindings: which TLS channel a token has to be made for. */

#include <apr_strings.h>
#include <http_ssl.h>

#include "negotiate.h"

/* Of httpd's own TLS: the certificate that this very connection was shown (SNI, RSA or ECDSA). */
static const char *own_end_point(const neg_attempt *a, neg_worker *worker, neg_bytes *bindings)
{
    apr_pool_t *p = neg_attempt_pool(a);
    request_rec *r = a->r;
    const char *pem, *why;

    if (!ap_ssl_conn_is_ssl(r->connection))
        return NULL;
    pem = ap_ssl_var_lookup(p, r->server, r->connection, r, "SSL_SERVER_CERT");
    why = pem && *pem ? neg_worker_end_point(worker, p, pem, bindings)
                      : "mod_ssl does not tell the server's certificate";
    return why ? apr_pstrcat(p, "the channel bindings cannot be found: ", why, NULL) : NULL;
}

const char *neg_binding_find(const neg_attempt *a, neg_worker *worker, neg_bytes *bindings)
{
    const neg_binding_rule *rule = a->conf->binding;
    bindings->data = NULL;
    bindings->len = 0;
    if (rule && rule->mode == NEG_BINDING_OFF)
        return NULL;
    if (rule && rule->certificate) {
        *bindings = rule->end_point;
        return NULL;
    }
    return own_end_point(a, worker, bindings);
}

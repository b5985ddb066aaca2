/* Channel bindings: which TLS channel a token has to be made for. */

#include <string.h>

#include <apr_strings.h>
#include <http_core.h>
#include <http_ssl.h>

#include "binding.h"
#include "internal.h"

/* ---- Of a connection ---- */

static const char *ask_tls(const neg_attempt *a, const char *variable)
{
    request_rec *r = a->r;
    const char *value =
        ap_ssl_var_lookup(neg_attempt_pool(a), r->server, r->connection, r, variable);
    return value ? value : "";
}

/* mod_ssl's words for a handshake in which no certificate was sent, and the other one. */
static int is_resumed(const neg_attempt *a)
{
    return strcmp(ask_tls(a, "SSL_SESSION_RESUMED"), "Resumed") == 0;
}

#define OTHER " came with channel bindings of another TLS certificate than this server's"
#define CAUSE                                                                                      \
    ": somebody relays a token, or something in front of httpd ends the TLS connection; its "      \
    "certificate is then to be named in AuthNegotiateChannelBinding"

static const char refused[] = OTHER CAUSE;

static const char refused_unsure[] =
    OTHER ", on a resumed TLS session that does not say which certificate its client was shown (it "
          "began without this module, or mod_ssl has another OpenSSL): where the virtual host has "
          "several certificates, or a new one, the client enters with a full handshake, so begin "
          "with an empty SSLSessionCache and a new SSLSessionTicketKeyFile; where it has one" CAUSE;

/*
 * Of httpd's own TLS: the certificate that this very client was shown (SNI, RSA or ECDSA).
 *
 * SSL_SERVER_CERT is that one if it was sent on this connection.  On a resumed session none was,
 * and SSL_SERVER_CERT is one of the virtual host's certificates, as they are now: what the session
 * itself says comes first.  Where it says nothing, that one is still no relay's, and the client may
 * have been shown another.
 */
static const char *own_end_point(const neg_attempt *a, neg_leg_input *in)
{
    apr_pool_t *p = neg_attempt_pool(a);
    const char *pem, *why;

    if (!ap_ssl_conn_is_ssl(a->r->connection))
        return NULL;
    if (is_resumed(a)) {
        in->bindings = neg_resumed_end_point(a->r->connection);
        if (in->bindings.len)
            return NULL;
        in->bindings_refused = refused_unsure;
    }
    pem = ask_tls(a, "SSL_SERVER_CERT");
    why = *pem ? neg_worker_end_point(in->worker, p, pem, &in->bindings)
               : "mod_ssl does not tell the server's certificate";
    return why ? apr_pstrcat(p, "the channel bindings cannot be found: ", why, NULL) : NULL;
}

const char *neg_binding_find(const neg_attempt *a, neg_leg_input *in)
{
    const neg_binding_rule *rule = a->conf->channel_binding;
    in->bindings.data = NULL;
    in->bindings.len = 0;
    in->bindings_refused = refused;
    if (rule && rule->mode == NEG_BINDING_OFF)
        return NULL;
    if (rule && rule->certificate) {
        in->bindings = rule->end_point;
        return NULL;
    }
    return own_end_point(a, in);
}

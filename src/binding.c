/* Channel bindings: which TLS channel a token has to be made for. */

#include <string.h>

#include <apr_strings.h>
#include <http_core.h>
#include <http_ssl.h>

#include "binding.h"
#include "negotiate.h"
#include "resumed.h"

/* ---- AuthNegotiateChannelBinding ---- */

static const char *read_file(cmd_parms *cmd, const char *path, const char **text)
{
    enum {
        LARGEST = 1 << 20
    };
    apr_file_t *file;
    char *buffer = apr_palloc(cmd->temp_pool, LARGEST + 1);
    apr_size_t len = 0;
    apr_status_t rv = apr_file_open(&file, path, APR_FOPEN_READ, 0, cmd->temp_pool);
    if (rv == APR_SUCCESS) {
        rv = apr_file_read_full(file, buffer, LARGEST, &len);
        apr_file_close(file);
    }
    if (rv != APR_SUCCESS && rv != APR_EOF)
        return apr_psprintf(cmd->pool,
                            "%s: the certificate %s cannot be read: %pm. Write the path of the "
                            "one, in PEM, that clients see, as root can read it",
                            cmd->cmd->name, path, &rv);
    buffer[len] = '\0';
    *text = buffer;
    return NULL;
}

/* Read once, here: a certificate that is renewed wants a reload of httpd anyway. */
static const char *set_certificate(cmd_parms *cmd, neg_binding_rule *rule, const char *file)
{
    const char *pem = NULL, *why;
    if (!(rule->certificate = ap_server_root_relative(cmd->pool, file)))
        return "AuthNegotiateChannelBinding: the path of the certificate is not valid";
    if ((why = read_file(cmd, rule->certificate, &pem)))
        return why;
    why = neg_binding_end_point(cmd->pool, pem, &rule->end_point);
    return why ? apr_psprintf(cmd->pool,
                              "AuthNegotiateChannelBinding: %s: %s; write the file of the "
                              "certificate, in PEM, that clients see",
                              rule->certificate, why)
               : NULL;
}

const char *neg_binding_set(cmd_parms *cmd, void *conf, const char *mode, const char *file)
{
    neg_conf *c = neg_config_edit(cmd, conf);
    neg_binding_rule *rule = apr_pcalloc(cmd->pool, sizeof(*rule));
    c->channel_binding = rule;
    if (strcasecmp(mode, "off") == 0)
        rule->mode = NEG_BINDING_OFF;
    else if (strcasecmp(mode, "require") == 0)
        rule->mode = NEG_BINDING_REQUIRE;
    else if (strcasecmp(mode, "optional") != 0)
        return apr_psprintf(cmd->pool,
                            "AuthNegotiateChannelBinding: write optional, off or require, not "
                            "\"%s\"; a certificate follows that word",
                            mode);
    if (!file)
        return NULL;
    if (rule->mode == NEG_BINDING_OFF)
        return "AuthNegotiateChannelBinding: off has no use for a certificate; leave it out";
    if (!neg_config_at_start(cmd))
        return "AuthNegotiateChannelBinding: a certificate may not be named in .htaccess";
    return set_certificate(cmd, rule, file);
}

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

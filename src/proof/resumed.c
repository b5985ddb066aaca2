/*
 * Which certificate the client of a resumed TLS session was shown.
 *
 * Channel bindings (RFC 5929) are to the certificate in the server's Certificate message.  A
 * resumed session has none: its client was shown one when the session began, which may be another
 * than OpenSSL names now (RSA beside ECDSA; renewed since; at another node of a cluster).  So the
 * session itself is made to say it: the end point is written into it
 * (SSL_SESSION_set1_ticket_appdata) while its client has just been shown the certificate, and is
 * read when it is resumed.
 *
 * What is relied on:
 *
 *   - A session is the server's own word.  It is kept in a ticket under the server's key
 *     (SSLSessionTicketKeyFile), or in its cache (SSLSessionCache): who can write there has its
 *     secrets anyway.
 *   - OpenSSL writes these bytes into tickets and into what a cache gets, gives them back with the
 *     session, and copies them to the tickets that a resumed session brings.  It asks the ticket
 *     callback for every ticket (TLS 1.2, TLS 1.3, where also what lies in the cache is one); a
 *     session of TLS 1.2 that is known by its id alone passes by the callback that stores it, which
 *     is mod_ssl's and is called after ours.  mod_ssl itself has no ticket callback.
 *   - mod_ssl's hooks init_server and pre_handshake, which are optional: nothing happens where they
 *     are not run, and nothing of mod_ssl is linked.
 */

#include <string.h>

#include <httpd.h> /* before the others, which do not include it */

#include <apr_optional_hooks.h>
#include <http_connection.h>
#include <http_main.h>
#include <http_ssl.h>
#include <openssl/ssl.h>

#include "binding.h"
#include "internal.h"

struct neg_tls {
    SSL *ssl; /* of mod_ssl's, which may end it at any time: until its handshake is over or has
                 failed */
    apr_size_t len;
    unsigned char end_point[NEG_END_POINT_MAX];
};

/* ---- What a session says ---- */

/* The session's own memory; empty when it says nothing that we have written. */
static neg_bytes said_by(SSL_SESSION *session)
{
    void *data = NULL;
    neg_bytes said = {NULL, 0};
    if (session && SSL_SESSION_get0_ticket_appdata(session, &data, &said.len) == 1)
        said.data = data;
    if (!said.data || !neg_binding_is_end_point(said))
        said.len = 0;
    return said;
}

/* To be called while the certificate of this handshake is the one that OpenSSL has at hand. */
static void mark(SSL *ssl, SSL_SESSION *session)
{
    const X509 *shown = SSL_session_reused(ssl) ? NULL : SSL_get_certificate(ssl);
    unsigned char end_point[NEG_END_POINT_MAX];
    apr_size_t len = shown && session ? neg_binding_of_certificate(shown, end_point) : 0;
    if (len)
        SSL_SESSION_set1_ticket_appdata(session, end_point, len);
}

/* ---- OpenSSL's callbacks ---- */

/* @return 1: 0 would end the handshake */
static int new_ticket(SSL *ssl, void *ignored)
{
    (void)ignored;
    mark(ssl, SSL_get_session(ssl));
    return 1;
}

/* A ticket that does not say it, since it was made without this module, is not used: the handshake
 * is a full one, and the next ticket says it. */
static SSL_TICKET_RETURN old_ticket(SSL *ssl, SSL_SESSION *session, const unsigned char *key,
                                    size_t key_len, SSL_TICKET_STATUS status, void *ignored)
{
    (void)ssl;
    (void)key;
    (void)key_len;
    (void)ignored;
    if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW)
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    if (!said_by(session).len)
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

/* @return whether the session's reference is kept: mod_ssl's answer */
static int new_session(SSL *ssl, SSL_SESSION *session)
{
    mark(ssl, session);
    return neg_config_server(ap_server_conf)->keep_session(ssl, session);
}

/* ---- mod_ssl's hooks ---- */

/* mod_ssl may have been built with another OpenSSL, which must not be touched with this one's
 * functions.  They are one where the versions are the same and so are the methods' addresses. */
static int is_same_openssl(server_rec *s, apr_pool_t *p, SSL_CTX *ctx)
{
    const char *theirs = ap_ssl_var_lookup(p, s, NULL, NULL, "SSL_VERSION_LIBRARY");
    const char *ours = OpenSSL_version(OPENSSL_VERSION); /* OpenSSL 3.0.19 27 Jan 2026 */
    const char *version = strchr(ours, ' ');
    apr_size_t len = version ? strcspn(version + 1, " ") : 0;
    const char *slash = theirs ? strchr(theirs, '/') : NULL;
    if (!slash || !len || strncmp(theirs, ours, (apr_size_t)(slash - theirs)) != 0 ||
        slash - theirs != version - ours || strncmp(slash + 1, version + 1, len) != 0 ||
        slash[1 + len] != '\0')
        return 0;
    return SSL_CTX_get_ssl_method(ctx) == TLS_server_method() ||
           SSL_CTX_get_ssl_method(ctx) == TLS_method();
}

/* It is one function for all contexts of a configuration. */
static void see_new_sessions(SSL_CTX *ctx)
{
    neg_server *whole = neg_config_server(ap_server_conf);
    int (*keep)(SSL *, SSL_SESSION *) = SSL_CTX_sess_get_new_cb(ctx);
    if (!keep || (whole->keep_session && whole->keep_session != keep))
        return;
    whole->keep_session = keep;
    SSL_CTX_sess_set_new_cb(ctx, new_session);
}

static int init_server(server_rec *s, apr_pool_t *p, int is_proxy, SSL_CTX *ctx)
{
    if (is_proxy)
        return OK;
    if (!is_same_openssl(s, p, ctx)) {
        ap_log_error(APLOG_MARK, APLOG_INFO, 0, s,
                     "mod_ssl and this module use two builds of OpenSSL: of a resumed TLS session "
                     "it is not known which of several certificates its client was shown");
        return OK;
    }
    neg_config_server(ap_server_conf)->sees_tls = 1;
    SSL_CTX_set_session_ticket_cb(ctx, new_ticket, old_ticket, NULL);
    see_new_sessions(ctx);
    return OK;
}

/* Before the handshake. */
static int pre_handshake(conn_rec *c, SSL *ssl, int is_proxy)
{
    neg_tls *tls;
    if (is_proxy || !neg_config_server(ap_server_conf)->sees_tls)
        return OK;
    tls = apr_pcalloc(c->pool, sizeof(*tls));
    tls->ssl = ssl;
    neg_conn_set_tls(c, tls);
    return OK;
}

/* ---- httpd's hooks ---- */

static void look_at(neg_tls *tls, SSL *ssl)
{
    neg_bytes said = {NULL, 0};
    if (SSL_is_init_finished(ssl) && SSL_session_reused(ssl))
        said = said_by(SSL_get_session(ssl));
    tls->len = said.len;
    if (said.len)
        memcpy(tls->end_point, said.data, said.len);
}

/* After it, in the connection's own thread, and before there is a request or a stream.  A handshake
 * that has failed (or plain HTTP instead of one) has ended the SSL by now: mod_ssl says that the
 * connection has TLS as long as it has not. */
static int process_connection(conn_rec *c)
{
    neg_tls *tls = c->master ? NULL : neg_conn_tls(c);
    SSL *ssl = tls ? tls->ssl : NULL;
    if (!ssl)
        return DECLINED;
    tls->ssl = NULL;
    if (ap_ssl_conn_is_ssl(c))
        look_at(tls, ssl);
    return DECLINED;
}

neg_bytes neg_resumed_end_point(const conn_rec *c)
{
    const neg_tls *tls = neg_conn_tls(c);
    neg_bytes end_point = {NULL, 0};
    if (tls && tls->len) {
        end_point.data = tls->end_point;
        end_point.len = tls->len;
    }
    return end_point;
}

/* mod_ssl's hooks are known by their bare names.  This is what APR_OPTIONAL_HOOK comes to, without
 * the header that declares them, which many systems do not install. */
void neg_resumed_register(void)
{
    static const char *const after[] = {"mod_ssl.c", NULL};
    static const char *const before[] = {"mod_http2.c", NULL};
    apr_optional_hook_add("init_server", (void (*)(void))init_server, NULL, NULL, APR_HOOK_MIDDLE);
    apr_optional_hook_add("pre_handshake", (void (*)(void))pre_handshake, NULL, NULL,
                          APR_HOOK_MIDDLE);
    ap_hook_process_connection(process_connection, after, before, APR_HOOK_MIDDLE);
}

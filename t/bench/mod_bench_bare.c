/*
 * The limit, in httpd: gss_accept_sec_context and gss_display_name for the token of a request, the
 * answer's token in its header, and nothing else: no policy, no replay table, no user.  For a table
 * of figures alone.
 *
 *   BenchBare keytab [rcache]      in one <Location> of a server
 *
 * What it takes beyond t/bench/accept is httpd's: a longer request and answer, and a processor
 * whose caches hold more than one loop.
 */
#include <apr_base64.h>
#include <apr_strings.h>
#include <httpd.h>
#include <http_config.h>
#include <http_core.h>
#include <http_log.h>
#include <http_request.h>
#include <krb5.h>

#include "acceptor.h"

extern module AP_MODULE_DECLARE_DATA bench_bare_module __attribute__((visibility("default")));

typedef struct {
    const char *keytab, *rcache;
} bare_conf;

static krb5_context kept;                /* so that krb5.conf stays parsed */
static _Thread_local gss_cred_id_t mine; /* the server has one BenchBare */

static void *create_conf(apr_pool_t *p, char *where)
{
    (void)where;
    return apr_pcalloc(p, sizeof(bare_conf));
}

static const char *set_bare(cmd_parms *cmd, void *conf, const char *keytab, const char *rcache)
{
    bare_conf *c = conf;
    (void)cmd;
    c->keytab = keytab;
    c->rcache = rcache;
    return NULL;
}

static const char scheme[] = "Negotiate ";

static int accept_token(request_rec *r, const bare_conf *conf, const char *text)
{
    gss_buffer_desc token, reply = GSS_C_EMPTY_BUFFER;
    OM_uint32 minor, major;
    char *encoded;
    if (mine == GSS_C_NO_CREDENTIAL)
        mine = bench_acquire("HTTP", conf->keytab, conf->rcache);
    token.value = apr_palloc(r->pool, (apr_size_t)apr_base64_decode_len(text));
    token.length = (size_t)apr_base64_decode(token.value, text);
    major = bench_accept(mine, &token, &reply, &minor);
    if (major != GSS_S_COMPLETE) {
        gss_release_buffer(&minor, &reply);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    encoded =
        apr_palloc(r->pool, strlen(scheme) + (size_t)apr_base64_encode_len((int)reply.length));
    apr_base64_encode(apr_cpystrn(encoded, scheme, strlen(scheme) + 1), reply.value,
                      (int)reply.length);
    apr_table_setn(r->headers_out, "WWW-Authenticate", encoded);
    gss_release_buffer(&minor, &reply);
    return DECLINED;
}

static int fixups(request_rec *r)
{
    const bare_conf *conf = ap_get_module_config(r->per_dir_config, &bench_bare_module);
    const char *line = conf->keytab ? apr_table_get(r->headers_in, "Authorization") : NULL;
    if (!line || strncmp(line, scheme, strlen(scheme)) != 0)
        return DECLINED;
    return accept_token(r, conf, line + strlen(scheme));
}

static void child_init(apr_pool_t *p, server_rec *s)
{
    (void)p;
    if (krb5_init_context(&kept) != 0)
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, s, "krb5 cannot be set up: look at KRB5_CONFIG");
}

static void register_hooks(apr_pool_t *p)
{
    (void)p;
    ap_hook_child_init(child_init, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_fixups(fixups, NULL, NULL, APR_HOOK_MIDDLE);
}

static const command_rec commands[] = {
    AP_INIT_TAKE12("BenchBare", set_bare, NULL, ACCESS_CONF, "a keytab, and a replay cache"),
    {.name = NULL}};

AP_DECLARE_MODULE(bench_bare) = {
    STANDARD20_MODULE_STUFF, create_conf, NULL, NULL, NULL, commands, register_hooks, 0};

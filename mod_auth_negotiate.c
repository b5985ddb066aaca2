/*
 * mod_auth_negotiate: AuthType Negotiate (RFC 4559), Kerberos through SPNEGO.
 *
 * The way of a request, through the rooms of src/ (docs/design.md has them):
 *
 *   post_read_request                    cookies of sessions are taken out of what others see
 *   check_authn      authenticate()      an attempt is begun, and src/grant.c tells its story: the
 *                                        sources are asked in turn (an ancestor of this request;
 * the Authorization header, for which proof/negotiate.c runs one leg, on gss/handshake.c, and
 * proof/basic.c asks who checks passwords; a session's cookie; the connection); neg_permits() is
 * the gate; request/answer.c turns the outcome into a status and headers, request/publish.c into
 *                                        environment
 *   check_authz      neg_admitted_ask    somebody is known: request/admitted.c
 *                    neg_authorize()     authz/authorize.c: a user who is known and not allowed
 * gets a 403, not a request for another password; and what Require can ask of a ticket type_checker
 * neg_admitted_settle whoever it is was let in, or is another request's user fixups
 * neg_publish_fixups  the environment again, where the core did not ask us neg_impersonate_fixups
 * tickets for a user whom another module has let in neg_session_fixups  a session begins, or is
 * renewed: the client may enter note_auth_failure                    the challenge for 401s that
 * other modules answer handler          acting/proxy.c      where mod_proxy passes the request on:
 * without what the client proved itself with, or with a token of the user's for the backend
 * (acting/backend.c)
 *
 * What can be seen before the first request is told by src/start/check.c at start and by `httpd
 * -t`.
 */

#define NEG_MODULE_FILE

#include <apr_optional.h>
#include <http_core.h>
#include <http_protocol.h>
#include <http_request.h>
#include <mpm_common.h>

#include "acting.h"
#include "answer.h"
#include "authz.h"
#include "delegate.h"
#include "grant.h"
#include "mod_auth_negotiate.h"
#include "proof.h"
#include "session.h"
#include "start.h"

/* Some modules answer 401 for every location that they can see, whatever its AuthType is; those of
 * one rank are asked in the order in which they are loaded.  Behind mod_ssl, which only notes what
 * a certificate says. */
#define BEFORE_OTHERS (APR_HOOK_MIDDLE - 1)

static int is_ours(request_rec *r)
{
    const char *type = ap_auth_type(r);
    return type && strcasecmp(type, neg_negotiate_name) == 0;
}

static int authenticate(request_rec *r)
{
    neg_attempt *attempt;
    if (!is_ours(r))
        return DECLINED;
    attempt = neg_attempt_begin(r);
    return neg_answer(attempt, neg_grant_run(attempt));
}

static int prepare(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s)
{
    const char *why = neg_library_prepare(ptemp);
    (void)pconf;
    (void)plog;
    if (why)
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s, "%s", why);
    return why ? HTTP_INTERNAL_SERVER_ERROR : OK;
}

static void sweep_ccaches(apr_pool_t *p, server_rec *s)
{
    const apr_array_header_t *sections = neg_config_server(s)->sections;
    for (int i = 0; i < sections->nelts; i++) {
        const neg_conf *conf = APR_ARRAY_IDX(sections, i, const neg_section *)->conf;
        const char *directory = neg_config_delegate_dir(conf);
        int removed = directory ? neg_ccaches_sweep(p, directory) : 0;
        if (directory)
            neg_ccaches_sweep_sessions(p, directory);
        if (removed)
            ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, s,
                         "%d delegated tickets of children that were killed are removed from %s",
                         removed, directory);
    }
}

static void open_keytabs(apr_pool_t *pchild, server_rec *s)
{
    const char *why = neg_config_open_keytabs(pchild, s);
    if (why)
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s,
                     "the keys that the parent has read cannot be used in this child: %s", why);
}

static void init_child(apr_pool_t *pchild, server_rec *servers)
{
    neg_workers *workers = neg_workers_create(pchild);
    struct neg_tally *tally = neg_report_create(pchild);
    neg_ccaches *ccaches = neg_ccaches_create(pchild);
    apr_uint32_t *half_open = neg_conn_count_create(servers);
    neg_tickets *tickets = neg_tickets_create();
    neg_replay_init_child(pchild, servers);
    neg_session_init_child(pchild, servers);
    neg_s4u_init_child(servers);
    neg_grant_init_child(servers);
    open_keytabs(pchild, servers);
    for (server_rec *s = servers; s; s = s->next) {
        neg_config_server(s)->workers = workers;
        neg_config_server(s)->tally = tally;
        neg_config_server(s)->ccaches = ccaches;
        neg_config_server(s)->half_open = half_open;
        neg_config_server(s)->tickets = tickets;
        sweep_ccaches(pchild, s);
    }
}

/* ---- For other modules ---- */

static const auth_negotiate_identity_t *auth_negotiate_identity(request_rec *r)
{
    const neg_attempt *a = neg_attempt_granted(r);
    const neg_attempt *admitted = neg_admitted_attempt(r);
    auth_negotiate_identity_t *identity;
    if (!a)
        return NULL;
    identity = apr_pcalloc(r->pool, sizeof(*identity));
    identity->principal = a->identity->principal;
    identity->realm = a->identity->realm;
    identity->scheme = a->identity->scheme;
    identity->mechanism = a->identity->mechanism;
    identity->source = a->r == r ? a->source : "inherited";
    identity->ccache =
        admitted && neg_config_delegate_dir(admitted->conf) ? admitted->identity->ccache : NULL;
    identity->expires = a->identity->expires;
    return identity;
}

static apr_status_t auth_negotiate_delegated(request_rec *r, gss_cred_id_t *cred)
{
    const auth_negotiate_identity_t *identity = auth_negotiate_identity(r);
    const neg_impersonated *impersonated = identity ? NULL : neg_impersonate_of(r);
    const char *ccache = identity ? identity->ccache : impersonated ? impersonated->ccache : NULL;
    const char *why;
    if (!ccache)
        return APR_ENOENT;
    if ((why = neg_ccache_open(r->pool, ccache, cred)) == NULL)
        return APR_SUCCESS;
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "the credential that %s delegated is lost: %s",
                  identity ? identity->principal : r->user, why);
    return APR_EGENERAL;
}

static void register_hooks(apr_pool_t *p)
{
    static const char *const before_rewrite[] = {"mod_rewrite.c", NULL};
    static const char *const after_proxy[] = {"mod_proxy.c", NULL}; /* which sees whose they are */
    ap_hook_pre_config(neg_replay_pre_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_pre_config(neg_session_pre_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_check_config(neg_check_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_check_config(neg_replay_check_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_config(neg_check_warn, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_config(prepare, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_config(neg_replay_open, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_config(neg_slots_open, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_status(neg_slots_child_status, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_config(neg_session_open, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_config(neg_ownplace_open, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_monitor(neg_ownplace_monitor, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_read_request(neg_session_hide_cookies, after_proxy, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_test_config(neg_dump, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_init(init_child, NULL, NULL, APR_HOOK_MIDDLE);
    /* PER_CONF: one module that asks for PER_URI makes the server ask for every subrequest. */
    ap_hook_check_authz(neg_admitted_ask, NULL, NULL, APR_HOOK_REALLY_FIRST,
                        AP_AUTH_INTERNAL_PER_CONF);
    ap_hook_check_authn(authenticate, NULL, NULL, BEFORE_OTHERS, AP_AUTH_INTERNAL_PER_CONF);
    ap_hook_check_authz(neg_authorize, NULL, NULL, APR_HOOK_FIRST, AP_AUTH_INTERNAL_PER_CONF);
    ap_hook_type_checker(neg_admitted_settle, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_fixups(neg_publish_fixups, NULL, before_rewrite, APR_HOOK_FIRST);
    ap_hook_fixups(neg_impersonate_fixups, NULL, before_rewrite, APR_HOOK_FIRST);
    ap_hook_fixups(neg_session_fixups, NULL, before_rewrite, APR_HOOK_FIRST);
    ap_hook_fixups(neg_admitted_complete, NULL, NULL, APR_HOOK_REALLY_LAST);
    ap_hook_fixups(neg_publish_last_fixups, NULL, NULL, APR_HOOK_REALLY_LAST);
    ap_hook_fixups(neg_impersonate_last_fixups, NULL, NULL, APR_HOOK_REALLY_LAST);
    ap_hook_handler(neg_grant_logout, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_note_auth_failure(neg_answer_note_failure, NULL, NULL, APR_HOOK_MIDDLE);
    neg_authorize_register(p);
    ap_register_auth_provider(p, AUTHN_PROVIDER_GROUP, NEG_KERBEROS, AUTHN_PROVIDER_VERSION,
                              &neg_kerberos_provider, AP_AUTH_INTERNAL_PER_CONF);
    neg_proxy_register(p);
    neg_headers_register(p);
    neg_resumed_register();
    APR_REGISTER_OPTIONAL_FN(auth_negotiate_identity);
    APR_REGISTER_OPTIONAL_FN(auth_negotiate_delegated);
}

/* clang-format off */
AP_DECLARE_MODULE(auth_negotiate) = {
    STANDARD20_MODULE_STUFF,
    neg_config_create_dir,    /* per directory */
    neg_config_merge_dir,
    neg_config_create_server, /* per server */
    neg_config_merge_server,
    neg_commands,
    register_hooks,
    AP_MODULE_FLAG_NONE};

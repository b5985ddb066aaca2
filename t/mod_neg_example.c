/*
 * A model for modules that work in a user's name: a handler, `SetHandler neg-example`, which says
 * who the user is and makes a token for another service with the credential that the user
 * delegated.
 *
 * What to copy from it:
 *
 *   - Include mod_auth_negotiate.h; link nothing of mod_auth_negotiate.  Its functions are optional
 *     ones: httpd hands them out where the module is loaded, and NULL where it is not.
 *   - Ask auth_negotiate_identity() in the request that you serve.  A subrequest or an internal
 *     redirect gives the identity of the request that it came from.
 *   - Give the delegated credential to gss_init_sec_context() with the krb5 mechanism.  It holds
 *     nothing for SPNEGO, which would silently take the server's own tickets instead.
 *   - Do not release it: it ends with the request.
 */

#include <httpd.h>

#include <apr_base64.h>
#include <apr_strings.h>
#include <http_config.h>
#include <http_log.h>
#include <http_protocol.h>

#include "mod_auth_negotiate.h"

extern module AP_MODULE_DECLARE_DATA neg_example_module __attribute__((visibility("default")));

static APR_OPTIONAL_FN_TYPE(auth_negotiate_identity) * get_identity;
static APR_OPTIONAL_FN_TYPE(auth_negotiate_delegated) * get_delegated;

static void retrieve_functions(void)
{
    get_identity = APR_RETRIEVE_OPTIONAL_FN(auth_negotiate_identity);
    get_delegated = APR_RETRIEVE_OPTIONAL_FN(auth_negotiate_delegated);
}

static void print_identity(request_rec *r, const auth_negotiate_identity_t *identity)
{
    ap_rprintf(r,
               "principal=%s\nrealm=%s\nscheme=%s\nmechanism=%s\nsource=%s\nccache=%s\n"
               "expires=%" APR_TIME_T_FMT "\n",
               identity->principal, identity->realm, identity->scheme, identity->mechanism,
               identity->source, identity->ccache ? identity->ccache : "",
               apr_time_sec(identity->expires));
}

/* ---- Acting as the user ---- */

static gss_OID_desc krb5 = {9, (void *)"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02"};

static const char *status_text(request_rec *r, OM_uint32 code, int type)
{
    gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
    OM_uint32 minor, more = 0;
    const char *copy = "";
    if (!GSS_ERROR(gss_display_status(&minor, code, type, &krb5, &more, &text)))
        copy = apr_pstrmemdup(r->pool, text.value, text.length);
    gss_release_buffer(&minor, &text);
    return copy;
}

static void print_name(request_rec *r, gss_ctx_id_t context)
{
    gss_name_t name = GSS_C_NO_NAME;
    gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
    OM_uint32 minor;
    if (!GSS_ERROR(
            gss_inquire_context(&minor, context, &name, NULL, NULL, NULL, NULL, NULL, NULL)) &&
        !GSS_ERROR(gss_display_name(&minor, name, &text, NULL)))
        ap_rprintf(r, "initiator=%.*s\n", (int)text.length, (const char *)text.value);
    gss_release_buffer(&minor, &text);
    gss_release_name(&minor, &name);
}

/* The first token of an exchange with a service: what a client of that service would send. */
static void print_token(request_rec *r, gss_cred_id_t cred, const char *service)
{
    gss_buffer_desc text = {strlen(service), (void *)service};
    gss_buffer_desc token = GSS_C_EMPTY_BUFFER;
    gss_name_t target = GSS_C_NO_NAME;
    gss_ctx_id_t context = GSS_C_NO_CONTEXT;
    OM_uint32 major, minor, ignored;

    major = gss_import_name(&minor, &text, GSS_C_NT_HOSTBASED_SERVICE, &target);
    if (!GSS_ERROR(major))
        major = gss_init_sec_context(&minor, cred, &context, target, &krb5, 0, 0,
                                     GSS_C_NO_CHANNEL_BINDINGS, GSS_C_NO_BUFFER, NULL, &token, NULL,
                                     NULL);
    if (GSS_ERROR(major)) {
        ap_rprintf(r, "error=%s: %s\n", status_text(r, major, GSS_C_GSS_CODE),
                   status_text(r, minor, GSS_C_MECH_CODE));
    } else {
        char *base64 = apr_palloc(r->pool, (apr_size_t)apr_base64_encode_len((int)token.length));
        apr_base64_encode_binary(base64, token.value, (int)token.length);
        print_name(r, context);
        ap_rprintf(r, "token=%s\n", base64);
    }
    gss_release_buffer(&ignored, &token);
    gss_release_name(&ignored, &target);
    gss_delete_sec_context(&ignored, &context, GSS_C_NO_BUFFER);
}

static void print_delegated(request_rec *r)
{
    gss_cred_id_t cred = GSS_C_NO_CREDENTIAL;
    apr_status_t rv = get_delegated(r, &cred);
    ap_rprintf(r, "delegated=%s\n",
               rv == APR_SUCCESS  ? "yes"
               : rv == APR_ENOENT ? "APR_ENOENT"
                                  : "error");
    if (rv == APR_SUCCESS)
        print_token(r, cred, r->args && *r->args ? r->args : "HTTP@localhost");
}

/* ---- The handler ---- */

static int handle(request_rec *r)
{
    const auth_negotiate_identity_t *identity;
    if (!r->handler || strcmp(r->handler, "neg-example") != 0)
        return DECLINED;
    if (!get_identity || !get_delegated)
        return HTTP_SERVICE_UNAVAILABLE;
    ap_set_content_type(r, "text/plain");
    identity = get_identity(r);
    ap_rprintf(r, "identity=%s\n", identity ? "yes" : "NULL");
    if (identity)
        print_identity(r, identity);
    print_delegated(r);
    return OK;
}

static void register_hooks(apr_pool_t *p)
{
    (void)p;
    ap_hook_optional_fn_retrieve(retrieve_functions, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_handler(handle, NULL, NULL, APR_HOOK_MIDDLE);
}

AP_DECLARE_MODULE(neg_example) = {
    STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, register_hooks, AP_MODULE_FLAG_NONE};

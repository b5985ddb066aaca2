/*
 * From a password to an identity: the user's ticket-granting ticket (one AS exchange), with it a
 * ticket for ourselves (one TGS exchange), and a token that is accepted like anybody's.
 *
 * Whoever answers in the KDC's place can make up the first ticket together with the password, but
 * not the second: our own key has to open it.  Nothing outside of this check is touched: tickets go
 * to a ccache in memory that nobody else knows the name of.
 */

#include <string.h>

#include <apr_strings.h>
#include <gssapi/gssapi_krb5.h>

#include "gss.h"
#include "signals.h"
#include "token.h"

typedef struct {
    apr_pool_t *p;       /* of what is handed out */
    apr_pool_t *scratch; /* of what is needed for the check, and of delegated credentials */
    const neg_password *in;
    krb5_context krb5; /* its own: scratch may end in another thread than the worker's */
    krb5_ccache ccache;
    krb5_principal user;
    krb5_principal service;
    gss_cred_id_t cred;
    neg_failure *failure;
} check;

static int fail(check *c, neg_cause cause, const char *text)
{
    c->failure->cause = cause;
    c->failure->text = text;
    return -1;
}

static apr_status_t end_check(void *data)
{
    check *c = data;
    if (c->ccache)
        krb5_cc_destroy(c->krb5, c->ccache);
    krb5_free_principal(c->krb5, c->user);
    krb5_free_principal(c->krb5, c->service);
    krb5_free_context(c->krb5);
    return APR_SUCCESS;
}

static int begin_check(check *c)
{
    if (krb5_init_context(&c->krb5) != 0)
        return fail(c, NEG_CAUSE_INTERNAL, "krb5 cannot be set up: look at krb5.conf");
    apr_pool_cleanup_register(c->scratch, c, end_check, apr_pool_cleanup_null);
    return 0;
}

/* ---- What krb5 says ---- */

static const struct {
    krb5_error_code code;
    neg_cause cause;
    const char *text;
} verdicts[] = {
    {KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN, NEG_CAUSE_UNKNOWN_USER, "the KDC does not know the user"},
    {KRB5KDC_ERR_PREAUTH_FAILED, NEG_CAUSE_PASSWORD, "wrong password"},
    {KRB5KRB_AP_ERR_BAD_INTEGRITY, NEG_CAUSE_PASSWORD, "wrong password"},
    {KRB5_PREAUTH_FAILED, NEG_CAUSE_PASSWORD, "wrong password"},
    {KRB5KDC_ERR_CLIENT_REVOKED, NEG_CAUSE_LOCKED, "the account is locked or disabled"},
    {KRB5KDC_ERR_CLIENT_NOTYET, NEG_CAUSE_LOCKED, "the account is not valid yet"},
    {KRB5KDC_ERR_POLICY, NEG_CAUSE_LOCKED, "the KDC's policy gives the account no ticket"},
    {KRB5KDC_ERR_NAME_EXP, NEG_CAUSE_ACCOUNT_EXPIRED, "the account has expired"},
    {KRB5KDC_ERR_KEY_EXP, NEG_CAUSE_PASSWORD_EXPIRED,
     "the password has expired and must be changed (kpasswd)"},
    {KRB5_KDCREP_MODIFIED, NEG_CAUSE_UNVERIFIED,
     "the KDC's answer is not to what was asked: something else answers in its place"},
    {KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN, NEG_CAUSE_UNVERIFIED,
     "the KDC does not know this server, so it cannot be verified: the principal of the keytab is "
     "missing there"},
};

/* Of the KDC's own words (RFC 4120 section 7.5.9) about a user each is the user's trouble. */
static int is_refusal_by_kdc(krb5_error_code code)
{
    return code >= KRB5KDC_ERR_NONE && code < KRB5KDC_ERR_NONE + 60;
}

static int explain(check *c, krb5_error_code code, const char *what)
{
    const char *said = neg_status_krb5_text(c->p, c->krb5, code);
    if (neg_explain_kdc(c->p, c->krb5, code, c->failure) == 0)
        return -1;
    for (size_t i = 0; i < sizeof(verdicts) / sizeof(*verdicts); i++)
        if (verdicts[i].code == code)
            return fail(c, verdicts[i].cause,
                        apr_pstrcat(c->p, verdicts[i].text, " (krb5: ", said, ")", NULL));
    return fail(c, is_refusal_by_kdc(code) ? NEG_CAUSE_LOCKED : NEG_CAUSE_INTERNAL,
                apr_pstrcat(c->p, what, ": ", said, NULL));
}

/* ---- Which of our keys is to verify the KDC ---- */

static int is_in_realm(const char *principal, const char *realm)
{
    const char *at = strrchr(principal, '@');
    return at && realm && strcmp(at + 1, realm) == 0;
}

/* The key of the server's own name, in the user's realm, is the one most surely in use. */
static int rank(const check *c, const char *principal)
{
    const char *own = apr_pstrcat(c->scratch, "HTTP@", c->in->host, NULL);
    const char *realm = krb5_princ_realm(c->krb5, c->user)->data;
    return 1 + 4 * neg_keytab_serves(principal, own) + 2 * neg_keytab_serves(principal, "HTTP") +
           is_in_realm(principal, realm);
}

static const char *best_principal(const check *c, const apr_array_header_t *entries)
{
    const char *best = NULL;
    for (int i = 0; i < entries->nelts; i++) {
        const char *principal = APR_ARRAY_IDX(entries, i, neg_keytab_entry).principal;
        if (neg_keytab_serves(principal, c->in->acceptor->acceptor) &&
            (!best || rank(c, principal) > rank(c, best)))
            best = principal;
    }
    return best;
}

/* Read again each time, so that a rotated keytab is the one that counts. */
static int find_service(check *c)
{
    const neg_acceptor *acceptor = c->in->acceptor;
    const char *keytab =
        acceptor->keytab ? acceptor->keytab : neg_keytab_default_name(c->p, c->krb5);
    apr_array_header_t *entries;
    const char *principal;
    const char *why = neg_keytab_list(c->p, c->krb5, keytab, &entries);
    if (why)
        return fail(c, NEG_CAUSE_KEYTAB, neg_keytab_explain(c->p, keytab, why));
    if (!(principal = best_principal(c, entries)))
        return fail(c, acceptor->by_request ? NEG_CAUSE_NO_KEY : NEG_CAUSE_KEYTAB,
                    apr_psprintf(c->p,
                                 "the keytab %s has no key for AuthNegotiateAcceptor %s, by which "
                                 "the KDC could be verified, only of %s",
                                 keytab, acceptor->acceptor,
                                 neg_keytab_principals(c->p, entries, 5)));
    if (krb5_parse_name(c->krb5, principal, &c->service) != 0)
        return fail(c, NEG_CAUSE_KEYTAB, "the keytab has a principal that krb5 cannot read");
    return 0;
}

/* ---- The two exchanges ---- */

static int parse_user(check *c)
{
    int flags = c->in->enterprise ? KRB5_PRINCIPAL_PARSE_ENTERPRISE : 0;
    krb5_error_code code = krb5_parse_name_flags(c->krb5, c->in->user, flags, &c->user);
    return code == 0 ? 0
                     : fail(c, NEG_CAUSE_UNKNOWN_USER,
                            apr_pstrcat(c->p, "the name is none that Kerberos has: ",
                                        neg_status_krb5_text(c->p, c->krb5, code), NULL));
}

static krb5_error_code get_tgt(check *c, krb5_creds *tgt)
{
    krb5_get_init_creds_opt *options;
    krb5_error_code code = krb5_get_init_creds_opt_alloc(c->krb5, &options);
    if (code != 0)
        return code;
    krb5_get_init_creds_opt_set_canonicalize(options, c->in->enterprise);
    krb5_get_init_creds_opt_set_change_password_prompt(options, 0);
    if (c->in->want_ap_req)
        krb5_get_init_creds_opt_set_forwardable(options, 1);
    code = krb5_get_init_creds_password(c->krb5, tgt, c->user, c->in->password, NULL, NULL, 0, NULL,
                                        options);
    krb5_get_init_creds_opt_free(c->krb5, options);
    return code;
}

static krb5_error_code keep_tgt(check *c, krb5_creds *tgt)
{
    krb5_error_code code = krb5_cc_new_unique(c->krb5, "MEMORY", NULL, &c->ccache);
    if (code == 0)
        code = krb5_cc_initialize(c->krb5, c->ccache, tgt->client);
    if (code == 0)
        code = krb5_cc_store_cred(c->krb5, c->ccache, tgt);
    return code;
}

/* The ticket stays in the ccache, where GSSAPI finds it: it alone would hide krb5's error. */
static krb5_error_code get_service_ticket(check *c, krb5_principal client)
{
    krb5_creds wanted = {0};
    krb5_creds *ticket = NULL;
    krb5_error_code code;
    wanted.client = client;
    wanted.server = c->service;
    code = krb5_get_credentials(c->krb5, 0, c->ccache, &wanted, &ticket);
    if (code == 0)
        krb5_free_creds(c->krb5, ticket);
    return code;
}

static int get_tickets(check *c)
{
    krb5_creds tgt = {0};
    krb5_error_code code = get_tgt(c, &tgt);
    if (code != 0)
        return explain(c, code, "the KDC gives the user no ticket");
    code = keep_tgt(c, &tgt);
    if (code == 0)
        code = get_service_ticket(c, tgt.client);
    krb5_free_cred_contents(c->krb5, &tgt);
    if (code == 0)
        return 0;
    explain(c, code, "the KDC gives the user no ticket for this server");
    if (c->failure->cause == NEG_CAUSE_LOCKED)
        c->failure->cause = NEG_CAUSE_UNVERIFIED; /* the user did get one */
    return -1;
}

/* ---- The token, and what our own key says to it ---- */

static OM_uint32 open_ccache(check *c, OM_uint32 *minor)
{
    char *name;
    gss_key_value_element_desc element = {"ccache", NULL};
    gss_key_value_set_desc store = {1, &element};
    gss_OID_set_desc mechs = {1, &neg_oid_krb5};
    OM_uint32 major;
    if (krb5_cc_get_full_name(c->krb5, c->ccache, &name) != 0)
        return GSS_S_FAILURE;
    element.value = name;
    major = gss_acquire_cred_from(minor, GSS_C_NO_NAME, GSS_C_INDEFINITE, &mechs, GSS_C_INITIATE,
                                  &store, &c->cred, NULL, NULL);
    krb5_free_string(c->krb5, name);
    if (!GSS_ERROR(major))
        apr_pool_cleanup_register(c->scratch, c->cred, neg_release_credential,
                                  apr_pool_cleanup_null);
    return major;
}

static OM_uint32 import_service(check *c, OM_uint32 *minor, gss_name_t *name)
{
    gss_buffer_desc text;
    char *principal;
    OM_uint32 major;
    if (krb5_unparse_name(c->krb5, c->service, &principal) != 0)
        return GSS_S_BAD_NAME;
    text.value = principal;
    text.length = strlen(principal);
    major = gss_import_name(minor, &text, (gss_OID)GSS_KRB5_NT_PRINCIPAL_NAME, name);
    krb5_free_unparsed_name(c->krb5, principal);
    return major;
}

static OM_uint32 make_token(check *c, OM_uint32 *minor, neg_bytes *token)
{
    gss_buffer_desc output = GSS_C_EMPTY_BUFFER;
    gss_ctx_id_t context = GSS_C_NO_CONTEXT;
    gss_name_t service = GSS_C_NO_NAME;
    OM_uint32 ignored, major = open_ccache(c, minor);
    if (!GSS_ERROR(major))
        major = import_service(c, minor, &service);
    if (!GSS_ERROR(major))
        major = gss_init_sec_context(minor, c->cred, &context, service, &neg_oid_krb5, 0, 0,
                                     GSS_C_NO_CHANNEL_BINDINGS, GSS_C_NO_BUFFER, NULL, &output,
                                     NULL, NULL);
    token->data = apr_pmemdup(c->scratch, output.value, output.length);
    token->len = output.length;
    gss_release_buffer(&ignored, &output);
    gss_release_name(&ignored, &service);
    if (context != GSS_C_NO_CONTEXT)
        gss_delete_sec_context(&ignored, &context, GSS_C_NO_BUFFER);
    return major;
}

/* The token is our own: what is wrong with it is no client's doing. */
static void explain_refusal(check *c)
{
    switch (c->failure->cause) {
    case NEG_CAUSE_KEYTAB:
    case NEG_CAUSE_INTERNAL:
    case NEG_CAUSE_NAME:
        return;
    case NEG_CAUSE_SKEW:
    case NEG_CAUSE_EXPIRED:
    case NEG_CAUSE_NOT_YET_VALID:
        fail(c, NEG_CAUSE_CLOCK,
             "the KDC's ticket is not valid by this server's clock: set both clocks by NTP");
        return;
    default:
        fail(c, NEG_CAUSE_UNVERIFIED,
             apr_pstrcat(c->p,
                         "the KDC's ticket is not for this server's key. Either the keytab is not "
                         "of the key that the KDC has now, or something else answers in the KDC's "
                         "place: ",
                         c->failure->text, NULL));
    }
}

static void accept_token(check *c, neg_bytes token, neg_leg *leg)
{
    neg_acceptor acceptor = *c->in->acceptor;
    neg_leg_input in = {0};
    neg_token form;
    acceptor.mechs = NEG_MECH_KRB5; /* whatever may be negotiated */
    if (neg_token_classify(token, acceptor.mechs, &form) == NULL)
        in.ap_req = form.ap_req; /* to explain a failure */
    in.worker = c->in->worker;
    in.acceptor = &acceptor;
    in.token = token;
    in.mech = NEG_MECH_KRB5;
    in.wants = c->in->wants;
    in.want_pac = c->in->want_pac;
    in.want_ap_req = c->in->want_ap_req;
    in.now = apr_time_now();
    neg_leg_accept(c->p, &in, leg);
    if (leg->state == NEG_LEG_CONTINUE)
        fail(c, NEG_CAUSE_INTERNAL, "GSSAPI wants another leg of an exchange that has one");
    else if (leg->state == NEG_LEG_FAILED)
        explain_refusal(c);
    if (leg->state != NEG_LEG_COMPLETE)
        leg->state = NEG_LEG_FAILED;
    else if (c->in->want_delegated)
        leg->client.delegated = c->cred;
}

static void verify(check *c, neg_leg *leg)
{
    neg_bytes token;
    OM_uint32 minor = 0, major = make_token(c, &minor, &token);
    if (GSS_ERROR(major))
        fail(c, NEG_CAUSE_INTERNAL,
             apr_pstrcat(c->p, "no token can be made of the KDC's tickets: ",
                         neg_status_text(c->p, major, minor, &neg_oid_krb5), NULL));
    else
        accept_token(c, token, leg);
}

void neg_password_check(apr_pool_t *p, const neg_password *in, neg_leg *leg)
{
    apr_pool_t *scratch;
    check *c;
    sigset_t before;
    memset(leg, 0, sizeof(*leg));
    leg->state = NEG_LEG_FAILED;
    apr_pool_create(&scratch, p);
    c = apr_pcalloc(scratch, sizeof(*c));
    c->p = p;
    c->scratch = scratch;
    c->in = in;
    c->failure = &leg->failure;
    neg_signals_hold(&before);
    if (begin_check(c) == 0 && parse_user(c) == 0 && find_service(c) == 0 && get_tickets(c) == 0)
        verify(c, leg);
    neg_signals_release(&before);
    if (leg->client.delegated == GSS_C_NO_CREDENTIAL)
        apr_pool_destroy(scratch);
}

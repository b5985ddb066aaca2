/* One leg of an exchange: a token in, a token out, and what became of the security context. */

#include <apr_strings.h>
#include <gssapi/gssapi_ext.h>

#include "keyring.h"
#include "pacproof.h"
#include "signals.h"

struct neg_context {
    gss_ctx_id_t handle;
    apr_pool_t *pool;
    int legs;
    int has_ap_req;
    neg_bytes ap_req; /* if it is wanted; between the legs in the context's pool */
    unsigned mech;    /* of the first token, and its wrapping */
    int is_spnego;
};

static neg_bytes copy_of(apr_pool_t *p, neg_bytes bytes)
{
    if (bytes.len)
        bytes.data = apr_pmemdup(p, bytes.data, bytes.len);
    return bytes;
}

static apr_status_t delete_context(void *data)
{
    neg_context *context = data;
    OM_uint32 minor;
    if (context->handle != GSS_C_NO_CONTEXT)
        gss_delete_sec_context(&minor, &context->handle, GSS_C_NO_BUFFER);
    return APR_SUCCESS;
}

static neg_context *create_context(apr_pool_t *p, unsigned mech, int is_spnego)
{
    neg_context *context = apr_pcalloc(p, sizeof(*context));
    context->handle = GSS_C_NO_CONTEXT;
    context->pool = p;
    context->mech = mech;
    context->is_spnego = is_spnego;
    apr_pool_cleanup_register(p, context, delete_context, apr_pool_cleanup_null);
    return context;
}

neg_context *neg_context_move(neg_context *context, apr_pool_t *p)
{
    neg_context *moved = create_context(p, context->mech, context->is_spnego);
    moved->handle = context->handle;
    moved->legs = context->legs;
    moved->has_ap_req = context->has_ap_req;
    moved->ap_req = copy_of(p, context->ap_req);
    context->handle = GSS_C_NO_CONTEXT;
    apr_pool_cleanup_run(context->pool, context, delete_context);
    return moved;
}

int neg_context_legs(const neg_context *context)
{
    return context->legs;
}

int neg_context_expects(const neg_context *context, unsigned mech, int is_spnego)
{
    if (context->mech != NEG_MECH_NTLMSSP && mech != NEG_MECH_NTLMSSP)
        return 1;
    return context->mech == mech && context->is_spnego == is_spnego;
}

static int wants_proof(const neg_leg_input *in)
{
    return in->want_pac || neg_attributes_want_pac(in->wants);
}

static void note_ap_req(neg_context *context, const neg_leg_input *in)
{
    context->has_ap_req |= in->ap_req.len != 0;
    if (in->ap_req.len && (in->want_ap_req || wants_proof(in)))
        context->ap_req = in->ap_req;
}

static apr_status_t release_name(void *name)
{
    OM_uint32 minor;
    gss_name_t handle = name;
    gss_release_name(&minor, &handle);
    return APR_SUCCESS;
}

static neg_bytes take_buffer(apr_pool_t *p, gss_buffer_t buffer)
{
    neg_bytes bytes = {NULL, 0};
    OM_uint32 minor;
    if (buffer->length) {
        bytes.data = apr_pmemdup(p, buffer->value, buffer->length);
        bytes.len = buffer->length;
    }
    gss_release_buffer(&minor, buffer);
    return bytes;
}

/* What gss_accept_sec_context tells beside the token. */
typedef struct {
    OM_uint32 major, minor;
    gss_name_t name;
    gss_OID mech;
    OM_uint32 flags;
    OM_uint32 lifetime;
    gss_cred_id_t delegated;
} accepted;

static void call_accept(apr_pool_t *p, const neg_leg_input *in, gss_cred_id_t cred,
                        neg_context *context, accepted *a, neg_bytes *reply)
{
    gss_buffer_desc input = {in->token.len, (void *)in->token.data};
    gss_buffer_desc output = GSS_C_EMPTY_BUFFER;
    struct gss_channel_bindings_struct bindings = {0};

    bindings.application_data.value = (void *)in->bindings.data;
    bindings.application_data.length = in->bindings.len;
    a->name = GSS_C_NO_NAME;
    a->mech = GSS_C_NO_OID;
    a->delegated = GSS_C_NO_CREDENTIAL;
    a->major = gss_accept_sec_context(&a->minor, &context->handle, cred, &input,
                                      in->bindings.len ? &bindings : GSS_C_NO_CHANNEL_BINDINGS,
                                      &a->name, &a->mech, &output, &a->flags, &a->lifetime,
                                      in->want_delegated ? &a->delegated : NULL);
    if (a->name != GSS_C_NO_NAME)
        apr_pool_cleanup_register(p, a->name, release_name, apr_pool_cleanup_null);
    if (a->delegated != GSS_C_NO_CREDENTIAL)
        apr_pool_cleanup_register(p, a->delegated, neg_release_credential, apr_pool_cleanup_null);
    *reply = take_buffer(p, &output);
    context->legs++;
}

/* MIT krb5 reports the time left plus the tolerated skew, in whole seconds; an identity must not
 * outlive its ticket by a fraction of one. */
static apr_time_t ticket_end(const accepted *a, const neg_leg_input *in)
{
    return apr_time_from_sec(apr_time_sec(in->now) + a->lifetime) -
           neg_worker_clockskew(in->worker);
}

/* What the ticket says beside the client's name.  @return 0, or -1 with *failure filled */
static int read_ticket(apr_pool_t *p, const accepted *a, const neg_leg_input *in, neg_bytes ap_req,
                       neg_client *client, neg_failure *failure)
{
    neg_pac_proof proof = {{NULL, 0}, NULL};
    neg_pac_claim claim = {in->worker, in->acceptor->keytab, ap_req, in->now,
                           a->name,    client->principal};
    const char *why = NULL;
    if (wants_proof(in))
        neg_pac_prove(p, &claim, &proof);
    if (in->want_pac)
        neg_pac_read(p, &proof, &client->pac);
    if (in->wants)
        why = neg_attributes_read(p, a->name, in->wants, &proof, &client->attributes);
    if (!why)
        return 0;
    failure->cause = NEG_CAUSE_POLICY;
    failure->text = apr_psprintf(p, "%s may not enter: %s", client->principal, why);
    return -1;
}

/* A password does not end: whoever has changed it, or lost the account, is asked again after this
 * time at the latest. */
#define NTLM_LIFETIME apr_time_from_sec(3600)

static int complete_ntlm(apr_pool_t *p, const accepted *a, const neg_leg_input *in,
                         neg_client *client, neg_failure *failure)
{
    if (neg_ntlm_client_read(p, a->name, client, failure) != 0)
        return -1;
    client->mechanism = "ntlmssp";
    client->mech = NEG_MECH_NTLMSSP;
    client->expires = in->now + NTLM_LIFETIME;
    client->bound = (a->flags & GSS_C_CHANNEL_BOUND_FLAG) != 0;
    return 0;
}

static int complete_krb5(apr_pool_t *p, const accepted *a, const neg_leg_input *in,
                         neg_bytes ap_req, neg_client *client, neg_failure *failure)
{
    if (neg_client_read(p, a->name, client, failure) != 0 ||
        read_ticket(p, a, in, ap_req, client, failure) != 0)
        return -1;
    client->mechanism = "krb5";
    client->mech = NEG_MECH_KRB5;
    client->expires = ticket_end(a, in);
    client->anonymous |= (a->flags & GSS_C_ANON_FLAG) != 0;
    client->bound = (a->flags & GSS_C_CHANNEL_BOUND_FLAG) != 0;
    client->delegated = a->delegated;
    return 0;
}

/* The final token would prove us to be a service that we are not. */
static int check_service(apr_pool_t *p, const neg_leg_input *in, const neg_context *context,
                         neg_leg *leg)
{
    if (neg_service_check(p, context->handle, in, &leg->failure) == 0)
        return 0;
    leg->reply.len = 0;
    return -1;
}

/* By what GSSAPI says that it was, and what the tokens have been all the time.  gss-ntlmssp is not
 * asked for the service: it has none. */
static void complete(apr_pool_t *p, const accepted *a, const neg_leg_input *in,
                     const neg_context *context, neg_leg *leg)
{
    unsigned mech = context->mech;
    int rv;
    if (mech == NEG_MECH_NTLMSSP && neg_same_oid(a->mech, &neg_oid_ntlmssp))
        rv = complete_ntlm(p, a, in, &leg->client, &leg->failure);
    else if (mech != NEG_MECH_NTLMSSP && neg_same_oid(a->mech, &neg_oid_krb5))
        rv = check_service(p, in, context, leg) == 0
                 ? complete_krb5(p, a, in, context->ap_req, &leg->client, &leg->failure)
                 : -1;
    else {
        rv = -1;
        leg->failure.cause = NEG_CAUSE_MECHANISM;
        leg->failure.text = "GSSAPI accepted the client by another mechanism than its tokens had";
    }
    leg->state = rv == 0 ? NEG_LEG_COMPLETE : NEG_LEG_FAILED;
}

static void explain(apr_pool_t *p, const accepted *a, const neg_leg_input *in, unsigned mech,
                    neg_failure *failure)
{
    neg_refusal refusal = {a->major, a->minor, a->mech, in};
    if (mech == NEG_MECH_NTLMSSP)
        neg_ntlm_explain(p, a->major, a->minor, in->bindings.len != 0, failure);
    else
        neg_explain_refusal(p, &refusal, failure);
}

/* GSSAPI would read the keytab, and try each of its keys once more, to say less. */
static void refuse_keyless(apr_pool_t *p, const neg_leg_input *in, neg_trial trial,
                           neg_failure *failure)
{
    neg_refusal refusal = {GSS_S_FAILURE, 0, GSS_C_NO_OID, in};
    neg_explain_refusal(p, &refusal, failure);
    if (trial == NEG_TRIAL_GIVEN_UP)
        failure->text =
            apr_pstrcat(p, failure->text,
                        ". The keytab has more keys than are tried for one ticket: for "
                        "names that share a key of another name, give each its own entry",
                        NULL);
}

static void accept_leg(apr_pool_t *p, const neg_leg_input *in, neg_leg *leg)
{
    neg_context *context = in->context ? in->context : create_context(p, in->mech, in->is_spnego);
    accepted a = {0};
    gss_cred_id_t cred;
    neg_trial trial;

    memset(leg, 0, sizeof(*leg));
    leg->state = NEG_LEG_FAILED;
    note_ap_req(context, in);
    leg->has_ap_req = context->has_ap_req;
    cred = neg_worker_credential_for(in->worker, p, in->acceptor, in->ap_req, in->now, &trial);
    if (trial != NEG_TRIAL_OPENED) {
        refuse_keyless(p, in, trial, &leg->failure);
        delete_context(context);
        return;
    }
    if (cred == GSS_C_NO_CREDENTIAL)
        cred = neg_worker_credential(in->worker, p, in->acceptor, &leg->failure);
    if (cred == GSS_C_NO_CREDENTIAL)
        return;
    call_accept(p, in, cred, context, &a, &leg->reply);
    leg->accepted = a.major == GSS_S_COMPLETE || a.major == GSS_S_CONTINUE_NEEDED;
    if (a.major == GSS_S_COMPLETE) {
        complete(p, &a, in, context, leg);
        if (in->want_ap_req)
            leg->ap_req = copy_of(p, context->ap_req);
    } else if (a.major == GSS_S_CONTINUE_NEEDED) {
        leg->state = NEG_LEG_CONTINUE;
        leg->context = context;
        context->ap_req = copy_of(context->pool, context->ap_req);
        return;
    } else {
        explain(p, &a, in, context->mech, &leg->failure);
    }
    /* Whatever is needed of it has been read: an accepted context is 6 kB for nothing. */
    delete_context(context);
}

void neg_leg_accept(apr_pool_t *p, const neg_leg_input *in, neg_leg *leg)
{
    sigset_t before;
    neg_signals_hold(&before);
    accept_leg(p, in, leg);
    neg_signals_release(&before);
}

/* The scheme Negotiate (RFC 4559): one leg of an exchange. */

#include <apr_strings.h>
#include <http_ssl.h>

#include "apreq.h"
#include "credentials.h"
#include "internal.h"
#include "token.h"

/* SPNEGO with Kerberos needs three legs at most; DCE style and mechListMIC stay below this too. */
#define LEGS_MAX 8

/* ---- What never reaches GSSAPI ---- */

static neg_outcome refuse_mechanism(neg_attempt *a)
{
    return neg_attempt_refuse(a, NEG_CAUSE_MECHANISM,
                              apr_psprintf(neg_attempt_pool(a),
                                           "the client offers no mechanism that is accepted here "
                                           "(AuthNegotiateMechs %s): %s",
                                           neg_mechs_text(a->acceptor.mechs),
                                           a->acceptor.mechs & NEG_MECH_KRB5
                                               ? "it has to get a Kerberos ticket first"
                                               : "Kerberos needs krb5 in that line"));
}

/* @param scratch owns the bytes */
static neg_outcome classify(neg_attempt *a, const char *token68, apr_pool_t *scratch,
                            neg_bytes *bytes, neg_token *token)
{
    apr_pool_t *p = neg_attempt_pool(a);
    const char *why =
        *token68 ? neg_token_decode(scratch, token68, bytes) : "nothing follows the word Negotiate";
    if (!why)
        why = neg_token_classify(*bytes, a->acceptor.mechs, token);
    if (why)
        return neg_attempt_refuse(a, NEG_CAUSE_MALFORMED,
                                  apr_pstrcat(p, "the token cannot be read: ", why,
                                              ". Look at the client, and at proxies that change "
                                              "headers",
                                              NULL));
    switch (token->kind) {
    case NEG_TOKEN_NTLM:
        return neg_mechs_refuse_ntlm(a);
    case NEG_TOKEN_IAKERB:
    case NEG_TOKEN_OTHER:
        return refuse_mechanism(a);
    default:
        return neg_mechs_limit_ntlm(a, token);
    }
}

/* ---- One leg ---- */

static int is_later_leg(const neg_token *token)
{
    return token->kind == NEG_TOKEN_SPNEGO_NEXT || token->kind == NEG_TOKEN_KRB5_NEXT ||
           token->kind == NEG_TOKEN_NTLM_NEXT;
}

static int is_spnego(const neg_token *token)
{
    return token->kind == NEG_TOKEN_SPNEGO_INIT || token->kind == NEG_TOKEN_SPNEGO_NEXT;
}

/* An initial token always begins anew; a later one needs the context that its connection holds. */
static neg_outcome find_context(neg_attempt *a, const neg_token *token, neg_context **context)
{
    *context = neg_conn_take(a);
    if (!is_later_leg(token)) {
        *context = NULL;
        return NEG_UNKNOWN;
    }
    if (!*context)
        return neg_attempt_refuse(
            a, NEG_CAUSE_CONTINUATION,
            "the client continues an exchange that this connection has not begun: something "
            "between client and server spreads one client's requests over several connections, or "
            "the first leg was for another location");
    if (!neg_context_expects(*context, token->mech, is_spnego(token)))
        return neg_attempt_refuse(a, NEG_CAUSE_CONTINUATION,
                                  "the client continues an exchange of one mechanism with a token "
                                  "of another, or in another wrapping");
    if (neg_context_legs(*context) >= LEGS_MAX)
        return neg_attempt_refuse(a, NEG_CAUSE_CONTINUATION,
                                  "the exchange has more legs than any mechanism needs");
    return NEG_UNKNOWN;
}

static void take_pac(neg_identity *identity, const neg_pac *pac)
{
    identity->account = pac->account;
    identity->upn = pac->upn;
    identity->sid = pac->sid;
    identity->groups = pac->groups;
    identity->deny_only = pac->deny_only;
    identity->pac_unknown = pac->unknown;
}

neg_identity *neg_negotiate_identity(const neg_attempt *a, const neg_client *client,
                                     neg_bytes ap_req)
{
    neg_identity *identity = apr_pcalloc(neg_attempt_pool(a), sizeof(*identity));
    identity->space = a->space;
    identity->principal = client->principal;
    identity->name = client->name;
    identity->realm = client->realm;
    identity->scheme = neg_negotiate_name;
    identity->mechanism = client->mechanism;
    identity->mech = client->mech;
    identity->acceptor = a->acceptor_key;
    identity->proven = apr_time_now();
    identity->expires = client->expires;
    identity->tls = ap_ssl_conn_is_ssl(a->r->connection);
    identity->channel = neg_config_channel(a->conf);
    identity->bound = client->bound;
    identity->attributes = client->attributes;
    a->exchange->sid = client->pac.sid;
    if (a->conf->wants_pac)
        take_pac(identity, &client->pac);
    identity->ccache_dir = neg_config_delegate_place(a->conf);
    identity->ccache_perms = neg_config_perms(a->conf);
    if (client->delegated != GSS_C_NO_CREDENTIAL)
        identity->proof = neg_ap_req_proof(neg_attempt_pool(a), ap_req);
    identity->ccache_for = neg_s4u_text(a->conf);
    return identity;
}

/* The final token is not sent: to the client this exchange has failed. */
/* Whoever is asked for what cannot be had is not the one to be told. */
static neg_outcome refuse_unbound(neg_attempt *a, const neg_client *client)
{
    a->exchange->reply.len = 0;
    if (!a->conf->channel_binding->certificate && !ap_ssl_conn_is_ssl(a->r->connection))
        return neg_attempt_refuse(
            a, NEG_CAUSE_UNBOUND,
            apr_psprintf(neg_attempt_pool(a),
                         "%s came without TLS, so that no token can be bound to it, which "
                         "AuthNegotiateChannelBinding require wants here: redirect http:// to "
                         "https://; or, where TLS ends in front of httpd, name the certificate "
                         "that clients see behind require",
                         client->principal));
    return neg_attempt_refuse(
        a, NEG_CAUSE_UNBOUND,
        apr_psprintf(neg_attempt_pool(a),
                     "the token of %s has no channel bindings, which AuthNegotiateChannelBinding "
                     "require wants here. Clients that send them: Edge, Chrome and Internet "
                     "Explorer on Windows, curl 8.10 and later, Java with "
                     "-Djdk.https.negotiate.cbt=always; write optional for others",
                     client->principal));
}

static neg_outcome complete(neg_attempt *a, const neg_leg *leg, neg_bytes ap_req)
{
    const neg_client *client = &leg->client;
    if (client->anonymous)
        return neg_attempt_refuse(a, NEG_CAUSE_ANONYMOUS,
                                  "the ticket is anonymous: it proves that its owner can reach the "
                                  "KDC, and nothing about who that is");
    if (neg_config_binding(a->conf) == NEG_BINDING_REQUIRE && !client->bound)
        return refuse_unbound(a, client);
    if (client->attributes)
        ap_log_rerror(APLOG_MARK, APLOG_TRACE1, 0, a->r,
                      "the ticket of %s was asked for %d attributes", client->principal,
                      client->attributes->nelts);
    a->identity = neg_negotiate_identity(a, client, ap_req);
    a->delegated = client->delegated;
    a->ap_req = leg->ap_req;
    return NEG_GRANTED;
}

static neg_outcome hold(neg_attempt *a, neg_context *context)
{
    if (!neg_conn_can_continue(a->r)) {
        a->exchange->reply.len = 0; /* it would ask for the leg that nothing can carry */
        return neg_attempt_refuse(
            a, NEG_CAUSE_CONNECTION,
            neg_conn_is_stream(a->r)
                ? "the exchange needs another leg, which a stream of HTTP/2 cannot carry: the "
                  "client has to come back with HTTP/1.1, and is told so unless a proxy brought "
                  "the request"
                : "the exchange needs another leg, which only an HTTP/1.1 connection that stays "
                  "open can carry (KeepAlive On)");
    }
    if (!neg_conn_hold(a, context)) {
        a->exchange->reply.len = 0;
        return neg_attempt_refuse(
            a, NEG_CAUSE_BUSY,
            "this process holds as many unfinished exchanges as it may: see who begins them and "
            "does not go on (the addresses of these lines, mod_status), keep such clients out, and "
            "lower KeepAliveTimeout. Exchanges of one leg, which are the usual ones, go on");
    }
    return NEG_CONTINUE;
}

/* An authenticator is accepted until it is older than the tolerated skew, and it may have been made
 * by a clock that is ahead by as much. */
static apr_time_t replay_end(const neg_leg_input *input)
{
    return apr_time_now() + 2 * neg_worker_clockskew(input->worker) + apr_time_from_sec(1);
}

/* No exchange is complete without an authenticator. */
static neg_outcome refuse_replay(neg_attempt *a, const neg_leg_input *input,
                                 const neg_replay_id *id, const neg_leg *leg)
{
    neg_outcome outcome = NEG_UNKNOWN;
    if (input->mech == NEG_MECH_NTLMSSP) /* answers a challenge that is made once */
        return outcome;
    if (input->ap_req.len || (leg->state == NEG_LEG_COMPLETE && !leg->has_ap_req))
        outcome = neg_replay_check(a, id, replay_end(input), input->acceptor->rcache == NULL);
    if (outcome == NEG_REFUSED)
        a->exchange->reply.len = 0; /* the final token would prove us to a thief */
    return outcome;
}

static neg_outcome accept_leg(neg_attempt *a, neg_worker *worker, neg_bytes bytes,
                              const neg_token *token, neg_context *context)
{
    neg_leg leg;
    neg_leg_input input = {0};
    neg_acceptor acceptor = a->acceptor;
    neg_replay_id id;
    const char *why;
    input.worker = worker;
    if ((why = neg_binding_find(a, &input)))
        return neg_attempt_refuse(a, NEG_CAUSE_INTERNAL, why);
    input.acceptor = &acceptor;
    input.context = context;
    input.token = bytes;
    input.ap_req = token->ap_req;
    input.wants = a->conf->wants;
    input.want_pac = a->conf->wants_pac || neg_attempt_wants_account(a);
    input.mech = token->mech;
    input.is_spnego = is_spnego(token);
    if (token->ntlm.type == NEG_NTLM_AUTHENTICATE && !token->ntlm.bound)
        input.bindings.len =
            0; /* older gss-ntlmssp take none for wrong ones; see refuse_unbound() */
    input.want_ap_req = neg_s4u_is_on(a->conf);
    input.want_delegated = neg_config_delegate_place(a->conf) != NULL && !input.want_ap_req;
    input.now = apr_time_now();
    neg_replay_identify(a->server, worker, input.ap_req, &id);
    if (neg_replay_needs_krb5(a->server, context ? NULL : &id, input.now, replay_end(&input)))
        acceptor.rcache = NULL;
    neg_leg_accept(neg_attempt_pool(a), &input, &leg);

    a->exchange->reply = leg.reply;
    if (leg.accepted && refuse_replay(a, &input, &id, &leg) == NEG_REFUSED)
        return NEG_REFUSED;
    switch (leg.state) {
    case NEG_LEG_COMPLETE:
        return complete(a, &leg, token->ap_req);
    case NEG_LEG_CONTINUE:
        return hold(a, leg.context);
    default:
        return neg_attempt_refuse(a, leg.failure.cause, leg.failure.text);
    }
}

static neg_outcome run(neg_attempt *a, const char *token68)
{
    neg_worker *worker = a->server->workers ? neg_worker_get(a->server->workers) : NULL;
    apr_pool_t *scratch;
    neg_bytes bytes;
    neg_token token;
    neg_context *context;
    neg_outcome outcome;
    if (!worker)
        return neg_attempt_refuse(a, NEG_CAUSE_INTERNAL,
                                  "krb5 cannot be set up in this process: look at krb5.conf");
    scratch = neg_worker_scratch(worker);
    outcome = classify(a, token68, scratch, &bytes, &token);
    if (outcome == NEG_UNKNOWN)
        outcome = find_context(a, &token, &context);
    if (outcome == NEG_UNKNOWN)
        outcome = accept_leg(a, worker, bytes, &token, context);
    apr_pool_destroy(scratch);
    return outcome;
}

/* ---- The offer ---- */

static const char *offer(const neg_attempt *a)
{
    if (apr_table_get(a->r->subprocess_env, "no-negotiate"))
        return NULL;
    /* Without another scheme there would be nothing left for a client that has got a good ticket.
     */
    if (a->conf->offer == NEG_OFFER_ONCE && neg_conn_has_failed(a->r) &&
        neg_schemes_offer_another(a, &neg_negotiate_scheme))
        return NULL;
    return neg_negotiate_name;
}

const neg_scheme neg_negotiate_scheme = {neg_negotiate_name, offer, run, 0};

/*
 * AuthNegotiateS4U2Proxy: constrained delegation (MS-SFU).  The KDC gives this server tickets for
 * certain services in the name of a user who has shown a ticket, and the application finds them in
 * its ccache as if the user had delegated them; but these alone.
 */

#include <string.h>

#include <apr_strings.h>

#include "answer.h"
#include "apreq.h"
#include "internal.h"
#include "s4u.h"

/* Who is impersonated shows the KDC nothing: it is asked again whether there is such an account
 * still. */
#define LENT_OF_IMPERSONATED apr_time_from_sec(15 * 60)

/* ---- Tickets for a request ---- */

void neg_s4u_init_child(server_rec *servers)
{
    neg_proxied *proxied = neg_config_server(servers)->own_tickets ? neg_proxied_create() : NULL;
    for (server_rec *s = servers; s; s = s->next)
        neg_config_server(s)->proxied = proxied;
}

static neg_outcome ask_kdc(neg_attempt *a, const neg_s4u *in, neg_granted *granted)
{
    neg_failure failure = {NEG_CAUSE_INTERNAL, ""};
    apr_uint32_t *slot = neg_slots_take(a->server->slots);
    int rv;
    if (!slot)
        return neg_attempt_refuse(
            a, NEG_CAUSE_BUSY,
            apr_psprintf(neg_attempt_pool(a),
                         "%u requests wait for the KDC already, a quarter of MaxRequestWorkers, "
                         "and the others keep serving: see whether the KDC is slow",
                         neg_slots_limit(a->server->slots)));
    rv = neg_s4u_ask(neg_attempt_pool(a), in, granted, &failure);
    neg_slots_give_back(slot);
    return rv == 0 ? NEG_GRANTED : neg_attempt_refuse(a, failure.cause, failure.text);
}

static neg_outcome find(neg_attempt *a, const neg_s4u *in, neg_granted *granted)
{
    apr_pool_t *p = neg_attempt_pool(a);
    const char *key = neg_proxied_key(p, in);
    int comes_again = !in->ticket.len || !a->identity->provider; /* a password's ticket is new */
    if (comes_again && neg_proxied_lend(a->server->proxied, p, key, apr_time_now(), granted))
        return NEG_GRANTED;
    if (ask_kdc(a, in, granted) == NEG_REFUSED)
        return NEG_REFUSED;
    if (comes_again)
        neg_proxied_keep(a->server->proxied, key, granted,
                         in->ticket.len ? granted->ends : apr_time_now() + LENT_OF_IMPERSONATED);
    ap_log_rerror(APLOG_MARK, APLOG_DEBUG, 0, a->r,
                  "the KDC gives tickets in the name of %s for %s", in->user,
                  neg_s4u_text(a->conf));
    return NEG_GRANTED;
}

static neg_outcome get(neg_attempt *a, const char *user, neg_bytes ticket, neg_granted *granted)
{
    const neg_s4u_rule *rule = a->conf->s4u2proxy;
    neg_s4u in = {{a->acceptor.keytab, a->acceptor.acceptor, rule->account, a->server->own_tickets},
                  rule->services,
                  user,
                  ticket};
    if (!a->server->own_tickets || !a->server->proxied || !a->server->slots)
        return neg_attempt_refuse(a, NEG_CAUSE_INTERNAL,
                                  "AuthNegotiateS4U2Proxy was not there when the server started: "
                                  "restart it");
    return find(a, &in, granted);
}

static neg_outcome go_on_without(neg_attempt *a)
{
    if (!a->conf->s4u2proxy->optional)
        return NEG_REFUSED;
    neg_report_aside(a, a->failure.cause, a->failure.text);
    a->failure.cause = NEG_CAUSE_NONE;
    return NEG_GRANTED;
}

neg_outcome neg_s4u_impersonate(neg_attempt *a, const char **principal)
{
    const neg_bytes none = {NULL, 0};
    neg_granted granted;
    if (get(a, *principal, none, &granted) == NEG_REFUSED)
        return go_on_without(a);
    a->delegated = granted.cred;
    *principal = a->delegated_of = granted.user;
    return NEG_GRANTED;
}

/* A ticket came over another way than Kerberos: NTLM, or a provider that is not ours. */
static neg_outcome get_without_ticket(neg_attempt *a, neg_granted *granted)
{
    const neg_bytes none = {NULL, 0};
    const char *principal;
    if (a->identity->mech || !a->conf->impersonate || !a->conf->impersonate->on)
        return neg_attempt_refuse(
            a, NEG_CAUSE_NO_EVIDENCE,
            apr_psprintf(neg_attempt_pool(a),
                         "%s came without a Kerberos ticket, so none can be got in that name "
                         "(AuthNegotiateS4U2Proxy). AuthNegotiateImpersonate On is for such users, "
                         "but not for NTLM's",
                         a->identity->principal));
    if (neg_impersonate_find(a, a->identity->principal, &principal) == NEG_REFUSED ||
        get(a, principal, none, granted) == NEG_REFUSED)
        return NEG_REFUSED;
    a->delegated_of = granted->user;
    return NEG_GRANTED;
}

static neg_outcome get_for_identity(neg_attempt *a, neg_granted *granted)
{
    neg_ap_req parsed;
    if (!a->ap_req.len)
        return get_without_ticket(a, granted);
    if (neg_ap_req_parse(a->ap_req, &parsed) != NULL)
        return neg_attempt_refuse(a, NEG_CAUSE_MALFORMED,
                                  "GSSAPI accepted the token, but it is not in the form (DER) in "
                                  "which its ticket can be found (AuthNegotiateS4U2Proxy)");
    return get(a, a->identity->principal, parsed.ticket, granted);
}

/* Whoever is remembered is remembered with these tickets, and no longer than they last. */
neg_outcome neg_s4u_delegate(neg_attempt *a)
{
    neg_granted granted;
    neg_identity *identity;
    if (get_for_identity(a, &granted) == NEG_REFUSED)
        return go_on_without(a);
    a->delegated = granted.cred;
    if (granted.ends < a->identity->expires) {
        identity = neg_identity_dup(neg_attempt_pool(a), a->identity);
        identity->expires = granted.ends;
        a->identity = a->exchange->identity = identity;
    }
    return NEG_GRANTED;
}

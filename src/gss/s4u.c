/*
 * Tickets in users' names (MS-SFU).
 *
 * The evidence is the user's ticket for us, with which the KDC is asked for tickets for other
 * services (S4U2Proxy).  It is the one that the client came with, or one that the KDC gives for a
 * user whom somebody else has authenticated (S4U2Self).
 *
 * GSSAPI would do the first by itself, and put our own ticket-granting ticket into the user's
 * credential, with which whoever has it can do all that this server may.  krb5_get_credentials()
 * takes the evidence alone.
 */

#include <string.h>

#include <apr_strings.h>

#include "pac.h"
#include "s4u.h"
#include "signals.h"

typedef struct {
    apr_pool_t *p;
    const neg_s4u *in;
    neg_purse *purse;     /* for what is granted; its krb5 is used for everything */
    neg_purse *own;       /* has our own ticket */
    krb5_principal owner; /* of our key */
    krb5_data evidence;   /* a Ticket */
    krb5_ticket *ticket;  /* the same, decrypted */
    apr_time_t ends;
    neg_failure *failure;
} question;

static int fail(const question *q, neg_cause cause, const char *text)
{
    q->failure->cause = cause;
    q->failure->text = text;
    return -1;
}

static const char *krb5_text(const question *q, krb5_error_code code)
{
    return neg_status_krb5_text(q->p, q->purse->krb5, code);
}

/* ---- The evidence ---- */

typedef struct {
    krb5_context krb5;
    krb5_ticket *ticket;
} held_ticket;

static apr_status_t free_ticket(void *data)
{
    held_ticket *held = data;
    krb5_free_ticket(held->krb5, held->ticket);
    return APR_SUCCESS;
}

static krb5_error_code decode(question *q)
{
    held_ticket *held = apr_palloc(q->p, sizeof(*held));
    krb5_error_code code = krb5_decode_ticket(&q->evidence, &q->ticket);
    if (code)
        return code;
    held->krb5 = q->purse->krb5;
    held->ticket = q->ticket;
    apr_pool_cleanup_register(q->p, held, free_ticket, apr_pool_cleanup_null);
    return 0;
}

/* Any key will do that opens it; the ticket then names that key's owner. */
static krb5_error_code decrypt(question *q)
{
    const char *name = q->in->self.keytab;
    krb5_keytab keytab;
    krb5_error_code code = krb5_kt_resolve(
        q->purse->krb5, name ? name : neg_keytab_default_name(q->p, q->purse->krb5), &keytab);
    if (code)
        return code;
    code = krb5_server_decrypt_ticket_keytab(q->purse->krb5, keytab, q->ticket);
    krb5_kt_close(q->purse->krb5, keytab);
    return code;
}

static int read_evidence(question *q)
{
    krb5_error_code code = decode(q);
    if (!code)
        code = decrypt(q);
    if (!code)
        return 0;
    return fail(q, NEG_CAUSE_KEYTAB,
                apr_psprintf(q->p, "the ticket of %s cannot be read with the keytab's keys: %s",
                             q->in->user, krb5_text(q, code)));
}

static krb5_principal user_of(const question *q)
{
    return q->ticket->enc_part2->client;
}

/* The client was accepted with this very ticket. */
static int use_clients_ticket(question *q)
{
    q->evidence.data = (char *)q->in->ticket.data;
    q->evidence.length = (unsigned int)q->in->ticket.len;
    if (read_evidence(q) != 0)
        return -1;
    if (strcmp(neg_principal_text(q->p, q->purse->krb5, user_of(q)), q->in->user) != 0)
        return fail(q, NEG_CAUSE_INTERNAL,
                    "the client's ticket is not that of the user whom "
                    "GSSAPI has accepted");
    q->owner = q->ticket->server;
    return 0;
}

/* ---- S4U2Proxy ---- */

/* PAC of the evidence: whether the account is "sensitive and cannot be delegated".  It explains a
 * refusal, and decides nothing. */
static int is_sensitive(const question *q)
{
    krb5_context krb5 = q->purse->krb5;
    krb5_authdata **found = NULL;
    krb5_pac pac;
    krb5_data part;
    neg_logon_info info = {0};
    if (krb5_find_authdata(krb5, q->ticket->enc_part2->authorization_data, NULL,
                           KRB5_AUTHDATA_WIN2K_PAC, &found) != 0)
        return 0;
    if (found && found[0] &&
        krb5_pac_parse(krb5, found[0]->contents, found[0]->length, &pac) == 0) {
        if (krb5_pac_get_buffer(krb5, pac, KRB5_PAC_LOGON_INFO, &part) == 0) {
            neg_bytes bytes = {(const unsigned char *)part.data, part.length};
            if (neg_pac_logon_info(q->p, bytes, &info) != NULL)
                info.not_delegated = 0;
            krb5_free_data_contents(krb5, &part);
        }
        krb5_pac_free(krb5, pac);
    }
    krb5_free_authdata(krb5, found);
    return info.not_delegated;
}

static int explain_refused(const question *q, const char *service, const char *said)
{
    int forwardable = (q->ticket->enc_part2->flags & TKT_FLG_FORWARDABLE) != 0;
    if (is_sensitive(q))
        return fail(q, NEG_CAUSE_SENSITIVE,
                    apr_psprintf(q->p,
                                 "the account of %s is sensitive and cannot be delegated, so the "
                                 "KDC gives nobody else a ticket in that name (krb5: %s). Let such "
                                 "users work without this, or take the mark from the account",
                                 q->in->user, said));
    if (!forwardable && q->in->ticket.len)
        return fail(
            q, NEG_CAUSE_NOT_FORWARDABLE,
            apr_psprintf(q->p,
                         "the ticket of %s may not be forwarded, so the KDC gives none for %s in "
                         "that name (krb5: %s): the client must have forwardable tickets (kinit "
                         "-f, forwardable in krb5.conf), and the user must be none of Protected "
                         "Users or otherwise kept from delegation",
                         q->in->user, service, said));
    if (!forwardable)
        return fail(
            q, NEG_CAUSE_NOT_PERMITTED,
            apr_psprintf(q->p,
                         "the KDC does not let this server use tickets for %s, who came without "
                         "Kerberos, towards %s (krb5: %s). Permit it for any protocol "
                         "(samba-tool delegation for-any-protocol ACCOUNT on; in Windows \"Use any "
                         "authentication protocol\"), unless the user may not be delegated at all",
                         q->in->user, service, said));
    return fail(q, NEG_CAUSE_NOT_PERMITTED,
                apr_psprintf(q->p,
                             "the KDC does not let %s get tickets for %s in users' names (krb5: "
                             "%s). Permit it (samba-tool delegation add-service ACCOUNT SERVICE; "
                             "in Windows the tab Delegation of the account, "
                             "msDS-AllowedToDelegateTo), or take the service out of "
                             "AuthNegotiateS4U2Proxy",
                             neg_principal_text(q->p, q->purse->krb5, q->owner), service, said));
}

/* What krb5 and KDCs say of the ticket that a request was made with.  Who asks in vain for other
 * reasons must not take it from everybody else. */
static int is_about_own_ticket(krb5_error_code code)
{
    switch (code) {
    case KRB5KRB_AP_ERR_TKT_EXPIRED:
    case KRB5KRB_AP_ERR_TKT_NYV:
    case KRB5KRB_AP_ERR_BAD_INTEGRITY:
    case KRB5KRB_AP_ERR_MODIFIED:
    case KRB5KRB_AP_ERR_BADKEYVER:
    case KRB5KRB_AP_ERR_NOKEY:
    case KRB5KRB_AP_ERR_NOT_US:
    case KRB5KDC_ERR_TGT_REVOKED:
        return 1;
    default:
        return 0;
    }
}

static int explain_proxy(const question *q, const char *service, krb5_error_code code)
{
    const char *said = krb5_text(q, code);
    if (neg_explain_kdc(q->p, q->purse->krb5, code, q->failure) == 0)
        return -1;
    switch (code) {
    case KRB5KDC_ERR_BADOPTION:
    case KRB5KDC_ERR_POLICY:
    case KRB5_TKT_NOT_FORWARDABLE:
        return explain_refused(q, service, said);
    case KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN:
        return fail(q, NEG_CAUSE_NO_SERVICE,
                    apr_psprintf(q->p,
                                 "the KDC knows no service %s, which AuthNegotiateS4U2Proxy "
                                 "names: write the name as its account has it "
                                 "(servicePrincipalName; krb5: %s)",
                                 service, said));
    default:
        if (is_about_own_ticket(code))
            neg_self_forget(q->p, q->purse->krb5, &q->in->self, q->owner);
        return fail(q, NEG_CAUSE_OWN_TICKET,
                    apr_psprintf(q->p, "the KDC gives no ticket for %s in the name of %s: %s",
                                 service, q->in->user, said));
    }
}

static krb5_error_code parse_service(const question *q, const char *service,
                                     krb5_principal *principal)
{
    const char *at = strchr(service, '@');
    if (strchr(service, '/') || !at)
        return krb5_parse_name(q->purse->krb5, service, principal);
    return krb5_sname_to_principal(q->purse->krb5, at + 1,
                                   apr_pstrmemdup(q->p, service, (apr_size_t)(at - service)),
                                   KRB5_NT_SRV_HST, principal);
}

/* The client is ourselves here; the evidence says in whose name. */
static krb5_error_code get_ticket(const question *q, const char *service, krb5_creds **out)
{
    krb5_context krb5 = q->purse->krb5;
    krb5_creds in = {0};
    krb5_error_code code = parse_service(q, service, &in.server);
    if (!code)
        code = krb5_cc_get_principal(krb5, q->own->ccache, &in.client);
    in.second_ticket = q->evidence;
    if (!code)
        code = krb5_get_credentials(
            krb5, KRB5_GC_CONSTRAINED_DELEGATION | KRB5_GC_CANONICALIZE | KRB5_GC_NO_STORE,
            q->own->ccache, &in, out);
    krb5_free_principal(krb5, in.client);
    krb5_free_principal(krb5, in.server);
    return code;
}

static int get_proxied(question *q, const char *service)
{
    krb5_creds *creds;
    apr_time_t ends;
    krb5_error_code code = get_ticket(q, service, &creds);
    if (code)
        return explain_proxy(q, service, code);
    ends = apr_time_from_sec((apr_uint32_t)creds->times.endtime);
    if (!q->ends || ends < q->ends)
        q->ends = ends;
    if (!krb5_principal_compare(q->purse->krb5, creds->client, user_of(q)))
        code = KRB5_KDCREP_MODIFIED;
    else
        code = krb5_cc_store_cred(q->purse->krb5, q->purse->ccache, creds);
    krb5_free_creds(q->purse->krb5, creds);
    return code ? explain_proxy(q, service, code) : 0;
}

static int get_all_proxied(question *q)
{
    krb5_error_code code = krb5_cc_initialize(q->purse->krb5, q->purse->ccache, user_of(q));
    if (code)
        return fail(q, NEG_CAUSE_INTERNAL, krb5_text(q, code));
    for (int i = 0; i < q->in->services->nelts; i++)
        if (get_proxied(q, APR_ARRAY_IDX(q->in->services, i, const char *)) != 0)
            return -1;
    return 0;
}

/* ---- Together ---- */

static int ask_for_known(question *q)
{
    if (use_clients_ticket(q) != 0 || neg_self_login(q->p, q->purse->krb5, &q->in->self, q->owner,
                                                     q->own->ccache, q->failure) != 0)
        return -1;
    return get_all_proxied(q);
}

/* A directory may know an account by more names than its own: of a name that it does not have,
 * "root", it may think as of "root$", which any user can make.  Capitals are its own. */
static int check_impersonated(question *q)
{
    krb5_context krb5 = q->purse->krb5;
    krb5_principal wanted;
    int same = krb5_parse_name(krb5, q->in->user, &wanted) == 0;
    if (same) {
        same =
            krb5_principal_compare_flags(krb5, wanted, user_of(q), KRB5_PRINCIPAL_COMPARE_CASEFOLD);
        krb5_free_principal(krb5, wanted);
    }
    return same ? 0
                : fail(q, NEG_CAUSE_NO_ACCOUNT,
                       apr_psprintf(q->p,
                                    "the KDC takes %s for another account, %s, so nobody is "
                                    "impersonated: have the other module give the account's own "
                                    "name",
                                    q->in->user, neg_principal_text(q->p, krb5, user_of(q))));
}

static int ask_for_impersonated(question *q)
{
    krb5_principal self;
    if (neg_self_owner(q->p, q->purse->krb5, &q->in->self, &q->owner, q->failure) != 0 ||
        neg_self_client(q->p, q->purse->krb5, &q->in->self, q->owner, &self, q->failure) != 0 ||
        neg_self_login(q->p, q->purse->krb5, &q->in->self, q->owner, q->own->ccache, q->failure) !=
            0)
        return -1;
    if (neg_s4u_self(q->p, q->in->user, q->own, self, &q->evidence, q->failure) != 0)
        return -1;
    if (read_evidence(q) != 0 || check_impersonated(q) != 0)
        return -1;
    return get_all_proxied(q);
}

static int ask(apr_pool_t *p, const neg_s4u *in, neg_granted *granted, neg_failure *failure)
{
    question q = {.p = p, .in = in, .failure = failure};
    const char *why;
    if (!(q.purse = neg_purse_create(p)) || !(q.own = neg_purse_create(p)))
        return fail(&q, NEG_CAUSE_INTERNAL, "krb5 cannot be set up: look at krb5.conf");
    if ((in->ticket.len ? ask_for_known(&q) : ask_for_impersonated(&q)) != 0)
        return -1;
    if ((why = neg_purse_open(p, q.purse, granted)) != NULL)
        return fail(&q, NEG_CAUSE_INTERNAL, why);
    granted->ends = q.ends;
    return 0;
}

int neg_s4u_ask(apr_pool_t *p, const neg_s4u *in, neg_granted *granted, neg_failure *failure)
{
    sigset_t before;
    int rv;
    neg_signals_hold(&before);
    rv = ask(p, in, granted, failure);
    neg_signals_release(&before);
    return rv;
}

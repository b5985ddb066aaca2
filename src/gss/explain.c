/*
 * Why GSSAPI said no, in words that an administrator can act on.
 *
 * A status says little ("Wrong principal in request"); the ticket says more: for whom it was made,
 * with which key, and, since we hold the key, when it ends and what the client's clock shows. All
 * of this happens after the refusal and changes nothing about it.
 */

#include <errno.h>
#include <string.h>

#include <apr_escape.h>
#include <apr_strings.h>

#include "apreq.h"
#include "explain.h"

#define SHOWN_NAME 256

/* RFC 4120 section 7.5.1: the Authenticator of an AP-REQ is encrypted with key usage 11. */
#define KEYUSAGE_AP_REQ_AUTHENTICATOR 11

/* ---- The ticket as evidence ---- */

static apr_status_t free_ticket(void *data)
{
    neg_evidence *e = data;
    krb5_free_ticket(e->krb5, e->ticket);
    return APR_SUCCESS;
}

/* Names come from strangers and go into a log and an environment. */
static const char *principal_text(neg_evidence *e, krb5_principal principal)
{
    char *name;
    const char *text;
    if (krb5_unparse_name(e->krb5, principal, &name) != 0)
        return "a name that cannot be shown";
    text = apr_pescape_echo(e->pool, apr_pstrndup(e->pool, name, SHOWN_NAME), 0);
    krb5_free_unparsed_name(e->krb5, name);
    return text;
}

static void read_authenticator(neg_evidence *e)
{
    krb5_enc_data sealed = {0};
    krb5_data plain = {0};
    neg_bytes bytes;

    plain.length = (unsigned)e->ap_req.authenticator.len;
    plain.data = apr_palloc(e->pool, plain.length + 1);
    sealed.enctype = e->ap_req.enctype;
    sealed.ciphertext.length = plain.length;
    sealed.ciphertext.data = (char *)e->ap_req.authenticator.data;
    if (krb5_c_decrypt(e->krb5, e->ticket->enc_part2->session, KEYUSAGE_AP_REQ_AUTHENTICATOR, NULL,
                       &sealed, &plain) != 0)
        return;
    bytes.data = (const unsigned char *)plain.data;
    bytes.len = plain.length;
    neg_authenticator_time(bytes, &e->client_time);
    explicit_bzero(plain.data, plain.length); /* it may hold a subkey */
}

/* Where GSSAPI has not opened it, only the key that it names is of interest. */
static void decrypt_ticket(neg_evidence *e, int was_opened)
{
    if (!e->keys || neg_keys_decrypt(e->pool, e->keys, e->ticket, was_opened) != 0)
        return;
    e->client = principal_text(e, e->ticket->enc_part2->client);
    e->whose = apr_pstrcat(e->pool, "the ticket of ", e->client, NULL);
    read_authenticator(e);
}

/* Those in memory, or what is in the file just now. */
static const neg_keys *find_keys(const neg_evidence *e)
{
    const char *wanted = e->in->acceptor->keytab;
    const neg_keys *keys = neg_worker_keylist(e->in->worker, e->pool, wanted, e->in->now);
    return keys ? keys : neg_keys_of(e->pool, e->krb5, e->keytab_name);
}

static void gather(apr_pool_t *p, const neg_leg_input *in, int was_opened, neg_evidence *e)
{
    krb5_data der = {0};
    memset(e, 0, sizeof(*e));
    e->pool = p;
    e->krb5 = neg_worker_krb5(in->worker);
    e->in = in;
    e->keytab_name =
        in->acceptor->keytab ? in->acceptor->keytab : neg_keytab_default_name(p, e->krb5);
    e->keys = find_keys(e);
    e->whose = "the client's ticket";
    if (in->ap_req.len == 0 || neg_ap_req_parse(in->ap_req, &e->ap_req) != NULL)
        return;
    der.data = (char *)e->ap_req.ticket.data;
    der.length = (unsigned)e->ap_req.ticket.len;
    if (krb5_decode_ticket(&der, &e->ticket) != 0) {
        e->ticket = NULL;
        return;
    }
    apr_pool_cleanup_register(p, e, free_ticket, apr_pool_cleanup_null);
    e->server = principal_text(e, e->ticket->server);
    decrypt_ticket(e, was_opened);
}

/* ---- Causes ---- */

static const char *explain_replay(neg_evidence *e)
{
    return apr_psprintf(e->pool,
                        "this very token has been used before%s%s: either somebody sends a "
                        "captured token again, or a client or proxy repeats a request with its "
                        "old Authorization header instead of a new token",
                        e->client ? " by " : "", e->client ? e->client : "");
}

static const char *explain_skew(neg_evidence *e)
{
    apr_time_t difference = e->client_time - e->in->now;
    const char *tolerated = neg_status_duration(e->pool, neg_worker_clockskew(e->in->worker));
    if (e->client_time == 0)
        return apr_psprintf(e->pool,
                            "the clocks of client and server differ by more than the tolerated "
                            "%s: set both by NTP",
                            tolerated);
    return apr_psprintf(e->pool,
                        "the clock of %s's machine is %s %s this server's, and %s are tolerated: "
                        "set both by NTP (or raise clockskew in krb5.conf)",
                        e->client, neg_status_duration(e->pool, difference),
                        difference > 0 ? "ahead of" : "behind", tolerated);
}

static const char *explain_expired(neg_evidence *e)
{
    const char *since = "";
    if (e->client)
        since = apr_psprintf(
            e->pool, " %s ago",
            neg_status_duration(
                e->pool,
                e->in->now - apr_time_from_sec((apr_uint32_t)e->ticket->enc_part2->times.endtime)));
    return apr_psprintf(e->pool,
                        "%s ended%s: the user gets a new one with kinit or by locking and "
                        "unlocking the desktop; if it is new, one of the clocks is wrong",
                        e->whose, since);
}

static const char *explain_not_yet_valid(neg_evidence *e)
{
    return apr_psprintf(e->pool,
                        "%s is not valid yet: it is a postdated ticket, or this server's clock is "
                        "behind the KDC's: set both by NTP",
                        e->whose);
}

static const char *explain_other(neg_evidence *e, const neg_refusal *refusal)
{
    return apr_psprintf(e->pool, "GSSAPI refused the token: %s",
                        neg_status_text(e->pool, refusal->major, refusal->minor, refusal->mech));
}

/* ---- The table ---- */

static const struct {
    krb5_error_code code;
    neg_cause cause;
    const char *(*explain)(neg_evidence *);
} by_error[] = {
    {KRB5KRB_AP_ERR_REPEAT, NEG_CAUSE_REPLAY, explain_replay},
    {KRB5KRB_AP_ERR_SKEW, NEG_CAUSE_SKEW, explain_skew},
    {KRB5KRB_AP_ERR_TKT_EXPIRED, NEG_CAUSE_EXPIRED, explain_expired},
    {KRB5KRB_AP_ERR_TKT_NYV, NEG_CAUSE_NOT_YET_VALID, explain_not_yet_valid},
};

/* Trouble with the replay cache or the system is ours: the client can do nothing about it. */
static int is_own_trouble(OM_uint32 major, const char *text)
{
    static const krb5_error_code system[] = {ENOMEM, EACCES, EPERM, ENOENT, ENOTDIR, EISDIR, EROFS,
                                             ENOSPC, EDQUOT, EFBIG, EMFILE, ENFILE,  EIO};
    if (GSS_ROUTINE_ERROR(major) != GSS_S_FAILURE)
        return 0;
    for (size_t i = 0; i < sizeof(system) / sizeof(*system); i++)
        if (neg_status_is(text, system[i]))
            return 1;
    for (krb5_error_code code = KRB5_RC_TYPE_EXISTS; code <= KRB5_RC_IO_SPACE; code++)
        if (neg_status_is(text, code))
            return 1;
    return 0;
}

static void explain_rest(neg_evidence *e, const neg_refusal *refusal, const char *text,
                         neg_failure *failure)
{
    if (is_own_trouble(refusal->major, text)) {
        failure->cause = NEG_CAUSE_INTERNAL;
        failure->text = apr_psprintf(
            e->pool,
            "the token could not be checked: %s. If this is the replay cache, make its directory "
            "(/var/tmp, or KRB5RCACHEDIR in httpd's environment) writable for the server's user",
            text);
        return;
    }
    failure->cause = GSS_ROUTINE_ERROR(refusal->major) == GSS_S_BAD_MECH ? NEG_CAUSE_MECHANISM
                                                                         : NEG_CAUSE_REJECTED;
    failure->text = explain_other(e, refusal);
}

/* @return the row of the table, or -1 */
static int find_error(const char *text)
{
    int i = (int)(sizeof(by_error) / sizeof(*by_error)) - 1;
    while (i >= 0 && !neg_status_is(text, by_error[i].code))
        i--;
    return i;
}

void neg_explain_refusal(apr_pool_t *p, const neg_refusal *refusal, neg_failure *failure)
{
    neg_evidence *e = apr_palloc(p, sizeof(*e));
    const char *text = neg_status_minor_text(p, refusal->minor, refusal->mech);
    int error = find_error(text);
    int bindings = GSS_ROUTINE_ERROR(refusal->major) == GSS_S_BAD_BINDINGS;
    gather(p, refusal->in, bindings || error >= 0, e);
    if (bindings) {
        failure->cause = NEG_CAUSE_BINDINGS;
        failure->text = apr_pstrcat(p, e->whose, refusal->in->bindings_refused, NULL);
    } else if (error >= 0) {
        failure->cause = by_error[error].cause;
        failure->text = by_error[error].explain(e);
    } else if (!neg_explain_keys(e, text, failure)) {
        explain_rest(e, refusal, text, failure);
    }
}

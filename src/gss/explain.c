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
#include "keyring.h"

#define SHOWN_PRINCIPALS 6
#define SHOWN_NAME       256

/* RFC 4120 section 7.5.1: the Authenticator of an AP-REQ is encrypted with key usage 11. */
#define KEYUSAGE_AP_REQ_AUTHENTICATOR 11

/* ---- The ticket as evidence ---- */

typedef struct {
    apr_pool_t *pool;
    krb5_context krb5;
    const neg_leg_input *in;
    const char *keytab_name;
    const neg_keys *keys; /* NULL when they are not at hand: the file has to be read */
    neg_ap_req ap_req;
    krb5_ticket *ticket;    /* NULL when the token holds none that can be read */
    const char *server;     /* the principal that the ticket was made for */
    const char *client;     /* NULL when the ticket cannot be decrypted */
    apr_time_t client_time; /* 0 when unknown */
} evidence;

static apr_status_t free_ticket(void *data)
{
    evidence *e = data;
    krb5_free_ticket(e->krb5, e->ticket);
    return APR_SUCCESS;
}

/* Names come from strangers and go into a log and an environment. */
static const char *principal_text(evidence *e, krb5_principal principal)
{
    char *name;
    const char *text;
    if (krb5_unparse_name(e->krb5, principal, &name) != 0)
        return "a name that cannot be shown";
    text = apr_pescape_echo(e->pool, apr_pstrndup(e->pool, name, SHOWN_NAME), 0);
    krb5_free_unparsed_name(e->krb5, name);
    return text;
}

static void read_authenticator(evidence *e)
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
static void decrypt_ticket(evidence *e, int was_opened)
{
    if ((e->keys ? neg_keys_decrypt(e->pool, e->keys, e->ticket, was_opened)
                 : neg_keytab_decrypt(e->krb5, e->keytab_name, e->ticket)) != 0)
        return;
    e->client = principal_text(e, e->ticket->enc_part2->client);
    read_authenticator(e);
}

static void gather(apr_pool_t *p, const neg_leg_input *in, int was_opened, evidence *e)
{
    krb5_data der = {0};
    memset(e, 0, sizeof(*e));
    e->pool = p;
    e->krb5 = neg_worker_krb5(in->worker);
    e->in = in;
    e->keytab_name =
        in->acceptor->keytab ? in->acceptor->keytab : neg_keytab_default_name(p, e->krb5);
    e->keys = neg_worker_keylist(in->worker, p, in->acceptor->keytab, in->now);
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

static const char *whose_ticket(evidence *e)
{
    return e->client ? apr_pstrcat(e->pool, "the ticket of ", e->client, NULL)
                     : "the client's ticket";
}

static const char *explain_replay(evidence *e)
{
    return apr_psprintf(e->pool,
                        "this very token has been used before%s%s: either somebody sends a "
                        "captured token again, or a client or proxy repeats a request with its "
                        "old Authorization header instead of a new token",
                        e->client ? " by " : "", e->client ? e->client : "");
}

static const char *explain_skew(evidence *e)
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

static const char *explain_expired(evidence *e)
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
                        whose_ticket(e), since);
}

static const char *explain_not_yet_valid(evidence *e)
{
    return apr_psprintf(e->pool,
                        "%s is not valid yet: it is a postdated ticket, or this server's clock is "
                        "behind the KDC's: set both by NTP",
                        whose_ticket(e));
}

static const char *explain_other(evidence *e, const neg_refusal *refusal)
{
    return apr_psprintf(e->pool, "GSSAPI refused the token: %s",
                        neg_status_text(e->pool, refusal->major, refusal->minor, refusal->mech));
}

/* ---- Keys: what the ticket wants beside what the keytab has ---- */

typedef struct {
    int principal, kvno, enctype; /* whether there are entries that fit so far */
    const char *kvnos;            /* which there are for the principal */
    const char *enctypes;         /* which there are for principal and kvno */
} key_match;

static const char *append_word(apr_pool_t *p, const char *list, const char *word)
{
    if (strstr(list, word)) /* for the eye only: an enctype's name within another's is no harm */
        return list;
    return apr_pstrcat(p, list, *list ? ", " : "", word, NULL);
}

static void match_keys(evidence *e, const apr_array_header_t *entries, key_match *match)
{
    const neg_keytab_entry *entry = (const neg_keytab_entry *)entries->elts;
    unsigned kvno = e->ticket->enc_part.kvno;
    match->kvnos = match->enctypes = "";
    for (int i = 0; i < entries->nelts; i++, entry++) {
        if (strcmp(entry->principal, e->server) != 0)
            continue;
        match->principal = 1;
        match->kvnos = append_word(e->pool, match->kvnos, apr_psprintf(e->pool, "%u", entry->kvno));
        if (kvno != 0 && entry->kvno != kvno)
            continue;
        match->kvno = 1;
        match->enctypes = append_word(e->pool, match->enctypes, entry->enctype_name);
        match->enctype |= entry->enctype == e->ticket->enc_part.enctype;
    }
}

/* Without a key for anybody no client can do better. */
static void explain_no_keys(evidence *e, const apr_array_header_t *entries, neg_failure *failure)
{
    failure->cause = NEG_CAUSE_KEYTAB;
    failure->text = apr_psprintf(
        e->pool,
        "no key in the keytab %s may accept for AuthNegotiateAcceptor %s; it has keys of %s. Make "
        "the keytab anew (MIT: kadmin ktadd; Active Directory: ktpass)",
        e->keytab_name, e->in->acceptor->acceptor,
        neg_keytab_principals(e->pool, entries, SHOWN_PRINCIPALS));
}

static void explain_no_key(evidence *e, const apr_array_header_t *entries, neg_failure *failure)
{
    failure->cause = NEG_CAUSE_NO_KEY;
    failure->text = apr_psprintf(
        e->pool,
        "the ticket is for %s, and the keytab %s has no key of that name; it has %s. Add the key "
        "(MIT: kadmin ktadd, which ends older keytabs of it; Active Directory: setspn, then ktpass "
        "or "
        "samba-tool), or have clients use the name that is there",
        e->server, e->keytab_name, neg_keytab_principals(e->pool, entries, SHOWN_PRINCIPALS));
}

static void explain_kvno(evidence *e, const key_match *match, neg_failure *failure)
{
    failure->cause = NEG_CAUSE_KVNO;
    failure->text = apr_psprintf(
        e->pool,
        "the ticket for %s was made with key version %u, and the keytab %s has version %s. If the "
        "keytab is the older, export it again; if it is newer, the client keeps an old ticket "
        "until it logs in again (klist purge)",
        e->server, (unsigned)e->ticket->enc_part.kvno, e->keytab_name, match->kvnos);
}

static void explain_enctype(evidence *e, const key_match *match, neg_failure *failure)
{
    failure->cause = NEG_CAUSE_ENCTYPE;
    failure->text = apr_psprintf(
        e->pool,
        "the ticket for %s is encrypted with %s, and the keytab %s has that key as %s only. "
        "Export the keytab with all enctypes, or set the account's enctypes to those of the keytab "
        "(Active Directory: msDS-SupportedEncryptionTypes)",
        e->server, neg_keytab_enctype(e->pool, e->ticket->enc_part.enctype), e->keytab_name,
        match->enctypes);
}

static void explain_wrong_service(evidence *e, neg_failure *failure)
{
    failure->cause = NEG_CAUSE_WRONG_SERVICE;
    failure->text = apr_psprintf(
        e->pool,
        "the ticket is for %s, whose key is in the keytab %s, but AuthNegotiateAcceptor %s does "
        "not accept with it here: change that, or have clients use the name of a key that may",
        e->server, e->keytab_name, e->in->acceptor->acceptor);
}

static void explain_wrong_key(evidence *e, neg_failure *failure)
{
    failure->cause = NEG_CAUSE_WRONG_KEY;
    failure->text = apr_psprintf(
        e->pool,
        "the key of %s in the keytab %s does not open the ticket: the account's password was "
        "changed after the keytab was made, or two accounts carry this name (Active Directory: "
        "setspn -X), or the token was tampered with",
        e->server, e->keytab_name);
}

/* Who has a ticket for one service can write the name of another on it. */
static void explain_masked(evidence *e, const char *opener, neg_failure *failure)
{
    failure->cause = NEG_CAUSE_WRONG_SERVICE;
    failure->text = apr_psprintf(
        e->pool,
        "the ticket says that it is for %s, and was made with the key of %s: somebody has changed "
        "its name, which is not encrypted, to get in here with a ticket for another service",
        e->server, opener);
}

/* GSSAPI found no key, and a moment later the keytab has the one that opens the ticket. */
static void explain_changed(evidence *e, neg_failure *failure)
{
    failure->cause = NEG_CAUSE_KEYTAB;
    failure->text = apr_psprintf(
        e->pool,
        "the keytab %s changed while %s was checked; the next token will be accepted. Put a new "
        "keytab into its place with mv, which takes no time",
        e->keytab_name, whose_ticket(e));
}

static int serves_anybody(const evidence *e, const apr_array_header_t *entries)
{
    for (int i = 0; i < entries->nelts; i++)
        if (neg_keytab_serves(APR_ARRAY_IDX(entries, i, neg_keytab_entry).principal,
                              e->in->acceptor->acceptor))
            return 1;
    return 0;
}

/* @return whether the keys explain the refusal */
static int explain_keys(evidence *e, const char *text, neg_failure *failure)
{
    key_match match = {0};
    apr_array_header_t *entries = e->keys ? e->keys->entries : NULL;
    const char *opener;
    const char *why = entries ? NULL : neg_keytab_list(e->pool, e->krb5, e->keytab_name, &entries);
    if (why) {
        failure->cause = NEG_CAUSE_KEYTAB;
        failure->text = neg_keytab_explain(e->pool, e->keytab_name, why);
        return 1;
    }
    if (!serves_anybody(e, entries)) {
        explain_no_keys(e, entries, failure);
        return 1;
    }
    if (!e->ticket)
        return 0;
    match_keys(e, entries, &match);
    if (!match.principal)
        explain_no_key(e, entries, failure);
    else if (!neg_keytab_serves(e->server, e->in->acceptor->acceptor))
        explain_wrong_service(e, failure);
    else if (!match.kvno)
        explain_kvno(e, &match, failure);
    else if (!match.enctype)
        explain_enctype(e, &match, failure);
    else if (!(opener = neg_keytab_opener(e->pool, e->krb5, e->keytab_name, e->ticket, e->server)))
        explain_wrong_key(e, failure);
    else if (strcmp(opener, e->server) != 0)
        explain_masked(e, opener, failure);
    else if (neg_status_is(text, KRB5KRB_AP_ERR_NOKEY) || strstr(text, "keytab"))
        explain_changed(e, failure);
    else
        return 0;
    return 1;
}

/* ---- The table ---- */

static const struct {
    krb5_error_code code;
    neg_cause cause;
    const char *(*explain)(evidence *);
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

static void explain_rest(evidence *e, const neg_refusal *refusal, const char *text,
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
    evidence *e = apr_palloc(p, sizeof(*e));
    const char *text = neg_status_minor_text(p, refusal->minor, refusal->mech);
    int error = find_error(text);
    int bindings = GSS_ROUTINE_ERROR(refusal->major) == GSS_S_BAD_BINDINGS;
    gather(p, refusal->in, bindings || error >= 0, e);
    if (bindings) {
        failure->cause = NEG_CAUSE_BINDINGS;
        failure->text = apr_pstrcat(p, whose_ticket(e), refusal->in->bindings_refused, NULL);
    } else if (error >= 0) {
        failure->cause = by_error[error].cause;
        failure->text = by_error[error].explain(e);
    } else if (!explain_keys(e, text, failure)) {
        explain_rest(e, refusal, text, failure);
    }
}

/* Why GSSAPI said no: what the ticket wants beside what the keytab has. */

#include <string.h>

#include <apr_strings.h>

#include "explain.h"
#include "held.h"

#define SHOWN_PRINCIPALS 6
#define SHOWN_LIST       200

typedef struct {
    int principal, kvno, enctype; /* whether there are entries that fit so far */
    const char *kvnos;            /* which there are for the principal */
    const char *enctypes;         /* which there are for principal and kvno */
} key_match;

/* For the eye only: an enctype's name within another's is no harm. */
static const char *append_word(apr_pool_t *p, const char *list, const char *word)
{
    apr_size_t len = strlen(list);
    if (strstr(list, word) || len > SHOWN_LIST)
        return list;
    if (len + strlen(word) > SHOWN_LIST)
        word = "...";
    return apr_pstrcat(p, list, *list ? ", " : "", word, NULL);
}

static void match_keys(neg_evidence *e, const apr_array_header_t *entries, key_match *match)
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

/* It is not looked at again. */
static const char *told_of_restart(const neg_evidence *e)
{
    return neg_held_is_name(e->keytab_name) ? ". httpd has read the keytab at its start: a new one "
                                              "counts after a graceful restart"
                                            : "";
}

/* Without a key for anybody no client can do better. */
static void explain_no_keys(neg_evidence *e, const apr_array_header_t *entries,
                            neg_failure *failure)
{
    failure->cause = NEG_CAUSE_KEYTAB;
    failure->text = apr_psprintf(
        e->pool,
        "no key in the keytab %s may accept for AuthNegotiateAcceptor %s; it has keys of %s. Make "
        "the keytab anew (MIT: kadmin ktadd; Active Directory: ktpass)",
        e->keytab_name, e->in->acceptor->acceptor,
        neg_keytab_principals(e->pool, entries, SHOWN_PRINCIPALS));
}

static void explain_no_key(neg_evidence *e, const apr_array_header_t *entries, neg_failure *failure)
{
    failure->cause = NEG_CAUSE_NO_KEY;
    failure->text = apr_psprintf(
        e->pool,
        "the ticket is for %s, and the keytab %s has no key of that name; it has %s. Add the key "
        "(MIT: kadmin ktadd, which ends older keytabs of it; Active Directory: setspn, then ktpass "
        "or "
        "samba-tool), or have clients use the name that is there%s",
        e->server, e->keytab_name, neg_keytab_principals(e->pool, entries, SHOWN_PRINCIPALS),
        told_of_restart(e));
}

static void explain_kvno(neg_evidence *e, const key_match *match, neg_failure *failure)
{
    failure->cause = NEG_CAUSE_KVNO;
    failure->text = apr_psprintf(
        e->pool,
        "the ticket for %s was made with key version %u, and the keytab %s has version %s. If the "
        "keytab is the older, export it again; if it is newer, the client keeps an old ticket "
        "until it logs in again (klist purge)%s",
        e->server, (unsigned)e->ticket->enc_part.kvno, e->keytab_name, match->kvnos,
        told_of_restart(e));
}

static void explain_enctype(neg_evidence *e, const key_match *match, neg_failure *failure)
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

static void explain_wrong_service(neg_evidence *e, neg_failure *failure)
{
    failure->cause = NEG_CAUSE_WRONG_SERVICE;
    failure->text = apr_psprintf(
        e->pool,
        "the ticket is for %s, whose key is in the keytab %s, but AuthNegotiateAcceptor %s does "
        "not accept with it here: change that, or have clients use the name of a key that may",
        e->server, e->keytab_name, e->in->acceptor->acceptor);
}

static void explain_wrong_key(neg_evidence *e, neg_failure *failure)
{
    failure->cause = NEG_CAUSE_WRONG_KEY;
    failure->text = apr_psprintf(
        e->pool,
        "the key of %s in the keytab %s does not open the ticket: the account's password was "
        "changed after the keytab was made, or two accounts carry this name (Active Directory: "
        "setspn -X), or the token was tampered with%s",
        e->server, e->keytab_name, told_of_restart(e));
}

/* Who has a ticket for one service can write the name of another on it. */
static void explain_masked(neg_evidence *e, const char *opener, neg_failure *failure)
{
    failure->cause = NEG_CAUSE_WRONG_SERVICE;
    failure->text = apr_psprintf(
        e->pool,
        "the ticket says that it is for %s, and was made with the key of %s: somebody has changed "
        "its name, which is not encrypted, to get in here with a ticket for another service",
        e->server, opener);
}

/* GSSAPI found no key, and a moment later the keytab has the one that opens the ticket. */
static void explain_changed(neg_evidence *e, neg_failure *failure)
{
    failure->cause = NEG_CAUSE_KEYTAB;
    failure->text = apr_psprintf(
        e->pool,
        "the keytab %s changed while %s was checked; the next token will be accepted. Put a new "
        "keytab into its place with mv, which takes no time",
        e->keytab_name, e->whose);
}

static int serves_anybody(const neg_evidence *e, const apr_array_header_t *entries)
{
    for (int i = 0; i < entries->nelts; i++)
        if (neg_keytab_serves(APR_ARRAY_IDX(entries, i, neg_keytab_entry).principal,
                              e->in->acceptor->acceptor))
            return 1;
    return 0;
}

/* The key says which service a ticket was made for; the name beside it is not encrypted. */
static const neg_key *find_opener(const neg_evidence *e)
{
    const neg_key *opener = NULL;
    if (e->keys)
        neg_keys_try(e->keys, e->ticket, "any", NEG_TRIAL_SHORT, &opener);
    return opener;
}

int neg_explain_keys(neg_evidence *e, const char *text, neg_failure *failure)
{
    key_match match = {0};
    apr_array_header_t *entries = e->keys ? e->keys->entries : NULL;
    const neg_key *opener;
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
    else if (!(opener = find_opener(e)))
        explain_wrong_key(e, failure);
    else if (strcmp(opener->name, e->server) != 0)
        explain_masked(e, opener->name, failure);
    else if (neg_status_is(text, KRB5KRB_AP_ERR_NOKEY) || strstr(text, "keytab"))
        explain_changed(e, failure);
    else
        return 0;
    return 1;
}

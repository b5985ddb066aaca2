/* The scheme Basic (RFC 7617), for clients without a ticket: a list of httpd's authn providers. */

#include <string.h>

#include <ap_provider.h>
#include <apr_strings.h>
#include <http_core.h>
#include <http_ssl.h>

#include "answer.h"
#include "internal.h"
#include "userpass.h"

/* ---- One provider after the other ---- */

/* What is known is the name, and that this provider lets it in: no realm, no ticket. */
static const neg_identity *identity_of(const neg_attempt *a, const char *provider, const char *user)
{
    neg_identity *identity = apr_pcalloc(neg_attempt_pool(a), sizeof(*identity));
    identity->space = a->space;
    identity->principal = apr_pstrdup(neg_attempt_pool(a), user);
    identity->name = identity->principal;
    identity->realm = "";
    identity->scheme = neg_basic_name;
    /* The word of a .htaccess may go with a subrequest. */
    identity->provider = apr_pstrdup(neg_attempt_pool(a), provider);
    identity->mechanism = "";
    identity->acceptor = a->acceptor_key;
    identity->proven = apr_time_now();
    identity->tls = ap_ssl_conn_is_ssl(a->r->connection);
    identity->channel = neg_config_channel(a->conf);
    return identity;
}

/* As mod_auth_basic asks them: the user is set before, and some providers change it. */
static authn_status ask_other(neg_attempt *a, const neg_provider *provider,
                              const neg_userpass *sent)
{
    request_rec *r = a->r;
    char *before = r->user;
    authn_status status;
    r->user = apr_pstrdup(r->pool, sent->user);
    apr_table_setn(r->notes, AUTHN_PROVIDER_NAME_NOTE, provider->name);
    status = provider->authn->check_password(r, r->user, sent->password);
    apr_table_unset(r->notes, AUTHN_PROVIDER_NAME_NOTE);
    if (status == AUTH_GRANTED)
        a->identity = identity_of(a, provider->name, r->user);
    r->user = before;
    return status;
}

static authn_status ask(neg_attempt *a, const neg_provider *provider, const neg_userpass *sent)
{
    memset(&a->failure, 0, sizeof(a->failure));
    if (provider->authn == &neg_kerberos_provider)
        return neg_kerberos_check(a, sent->user, sent->password);
    return ask_other(a, provider, sent);
}

/* ---- What comes of it ---- */

/* What is said of passwords begins as httpd's own lines do; see report.c. */
static neg_outcome refuse_password(neg_attempt *a, const char *user, neg_cause cause,
                                   const char *why)
{
    apr_pool_t *p = neg_attempt_pool(a);
    return neg_attempt_refuse(a, cause,
                              apr_psprintf(p, "user %.256s: authentication failure for \"%s\": %s",
                                           ap_escape_logitem(p, user),
                                           ap_escape_logitem(p, a->r->uri), why));
}

static neg_outcome refuse(neg_attempt *a, authn_status status, const neg_provider *last,
                          const char *user)
{
    apr_pool_t *p = neg_attempt_pool(a);
    if (a->failure.cause && neg_cause_blame(a->failure.cause) != NEG_BLAME_PASSWORD)
        return NEG_REFUSED;
    if (a->failure.cause)
        return refuse_password(a, user, a->failure.cause, a->failure.text);
    if (status == AUTH_DENIED)
        return refuse_password(a, user, NEG_CAUSE_PASSWORD,
                               apr_pstrcat(p, "the provider ", last->name, " denies it", NULL));
    if (status == AUTH_USER_NOT_FOUND)
        return refuse_password(a, user, NEG_CAUSE_UNKNOWN_USER,
                               "no provider of AuthNegotiateBasicProvider knows the user");
    return neg_attempt_refuse(a, NEG_CAUSE_PROVIDER,
                              apr_psprintf(p,
                                           "the provider %s could not check the password of "
                                           "%.256s; the lines before this one should say why",
                                           last->name, ap_escape_logitem(p, user)));
}

/* The next one is asked only if this one does not know the user. */
static neg_outcome ask_all(neg_attempt *a, const neg_userpass *sent)
{
    const apr_array_header_t *providers = a->conf->basic_provider;
    const neg_provider *last = NULL;
    authn_status status = AUTH_USER_NOT_FOUND;
    for (int i = 0; i < providers->nelts && status == AUTH_USER_NOT_FOUND; i++) {
        last = &APR_ARRAY_IDX(providers, i, neg_provider);
        status = ask(a, last, sent);
    }
    return status == AUTH_GRANTED ? NEG_GRANTED : refuse(a, status, last, sent->user);
}

static neg_outcome run(neg_attempt *a, const char *token68)
{
    neg_userpass sent;
    const char *why;
    neg_outcome outcome;
    if (neg_basic_lacks_tls(a->conf, a->r))
        return neg_attempt_refuse(a, NEG_CAUSE_TLS,
                                  "the client sent a password over a connection that is not "
                                  "encrypted: redirect http:// to https://, or let TLS end where "
                                  "httpd sees it. AuthNegotiateRequireTLS Off would take it");
    why = neg_userpass_parse(neg_attempt_pool(a), token68, &sent);
    if (why)
        return neg_attempt_refuse(a, NEG_CAUSE_MALFORMED,
                                  apr_pstrcat(neg_attempt_pool(a),
                                              "user and password cannot be read: ", why,
                                              ". Look at the client", NULL));
    outcome = ask_all(a, &sent);
    neg_userpass_wipe(&sent);
    return outcome;
}

/* ---- The offer ---- */

/* A quoted-string (RFC 9110 section 5.6.4).  httpd has put a backslash before the quotes of an
 * AuthName already, but not before those that an expression gives. */
static const char *quoted(apr_pool_t *p, const char *text)
{
    char *out = apr_palloc(p, 2 * strlen(text) + 3);
    char *to = out;
    *to++ = '"';
    for (; *text; text++) {
        if (*text == '\\' && (text[1] == '"' || text[1] == '\\'))
            *to++ = *text++;
        else if (*text == '"' || *text == '\\')
            *to++ = '\\';
        *to++ = (unsigned char)*text < 0x20 || *text == 0x7f ? ' ' : *text;
    }
    *to++ = '"';
    *to = '\0';
    return out;
}

static const char *offer(const neg_attempt *a)
{
    const char *realm = ap_auth_name(a->r);
    apr_pool_t *p = neg_attempt_pool(a);
    if (neg_basic_lacks_tls(a->conf, a->r))
        return NULL;
    return apr_pstrcat(p, neg_basic_name, " realm=", quoted(p, realm ? realm : ""), NULL);
}

const neg_scheme neg_basic_scheme = {neg_basic_name, offer, run, 1};

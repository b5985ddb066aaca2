/* As whom this location accepts, which may be an expression: AuthNegotiateAcceptor. */

#include <string.h>

#include <apr_strings.h>

#include "request.h"

/* Each acceptor costs each thread a credential: many spellings of a Host are to be one. */
static const char *lower_host(apr_pool_t *p, const char *acceptor)
{
    char *text = apr_pstrdup(p, acceptor);
    char *host = strchr(text, '@');
    if (host)
        ap_str_tolower(host);
    return text;
}

static const char *evaluate_acceptor(neg_attempt *a)
{
    const char *error = NULL;
    const char *text = ap_expr_str_exec(a->r, a->conf->acceptor->expr, &error);
    if (!error && neg_config_is_acceptor(text))
        return lower_host(neg_attempt_pool(a), text);
    if (!error)
        error = *text ? apr_psprintf(neg_attempt_pool(a),
                                     "for this request it is \"%s\", where any, HTTP or "
                                     "HTTP@host.name should be",
                                     ap_escape_logitem(neg_attempt_pool(a), text))
                      : "it is empty for this request";
    neg_attempt_refuse(a, NEG_CAUSE_INTERNAL,
                       apr_psprintf(neg_attempt_pool(a),
                                    "the expression of AuthNegotiateAcceptor gives no name: %s",
                                    error));
    return NULL;
}

neg_outcome neg_negotiate_find_acceptor(neg_attempt *a)
{
    const char *why;
    a->acceptor.keytab = a->conf->keytab;
    a->acceptor.mechs = neg_config_mechs(a->conf);
    a->acceptor.acceptor = neg_config_acceptor_text(a->conf);
    a->acceptor.rcache = neg_replay_rcache(a->server);
    if (a->conf->acceptor && a->conf->acceptor->expr) {
        a->acceptor.by_request = 1;
        if (!(a->acceptor.acceptor = evaluate_acceptor(a)))
            return NEG_REFUSED;
    }
    if ((why = neg_mechs_conflict(a->acceptor.mechs, a->acceptor.acceptor)))
        return neg_attempt_refuse(a, NEG_CAUSE_INTERNAL, why);
    a->acceptor_key = neg_acceptor_key(neg_attempt_pool(a), &a->acceptor);
    /* Whoever comes back is known by what is configured. */
    a->acceptor.keytab = neg_config_keytab(a->server, a->conf);
    return NEG_UNKNOWN;
}

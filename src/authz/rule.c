/* What all rules of ours have in common: the identity that each is about, and how it denies. */

#include <apr_strings.h>
#include <http_request.h>

#include "internal.h"

int neg_authorize_is_read(request_rec *r)
{
    const neg_attempt *attempt = neg_attempt_granted(r);
    return APLOG_R_IS_LEVEL(r, APLOG_DEBUG) ||
           (attempt && attempt->denied && !neg_reasons_are_enough(attempt->denied));
}

/* Whether it counts is known only when all rules have been asked: one may have let the client in.
 */
authz_status neg_authorize_deny(request_rec *r, const char *format, ...)
{
    neg_attempt *attempt = neg_attempt_granted(r);
    char why[HUGE_STRING_LEN];
    va_list args;
    if (!neg_authorize_is_read(r)) {
        if (attempt && attempt->denied)
            neg_reasons_add_unwritten(attempt->denied);
        return AUTHZ_DENIED;
    }
    va_start(args, format);
    apr_vsnprintf(why, sizeof(why), format, args);
    va_end(args);
    ap_log_rerror(APLOG_MARK, APLOG_DEBUG, 0, r, "%s", why);
    if (attempt && attempt->denied)
        neg_reasons_add(attempt->denied, why);
    return AUTHZ_DENIED;
}

void neg_authorize_note_lacking(request_rec *r)
{
    neg_attempt *attempt = neg_attempt_granted(r);
    if (attempt)
        attempt->lacking = 1;
}

static authz_status deny_ticketless(request_rec *r, const char *rule, const neg_identity *identity)
{
    const char *who =
        neg_authorize_is_read(r) ? ap_escape_logitem(r->pool, identity->principal) : "";
    return neg_authorize_deny(r, "%s: %s was proven by %s, not by a ticket", rule, who,
                              identity->provider ? identity->provider : identity->mechanism);
}

authz_status neg_authorize_identity(request_rec *r, const char *rule, const neg_identity **identity)
{
    const neg_attempt *attempt = neg_attempt_granted(r);
    if (!r->user)
        return AUTHZ_DENIED_NO_USER;
    if (!attempt) {
        ap_log_rerror(APLOG_MARK, APLOG_DEBUG, 0, r,
                      "%s: %s was authenticated by another module than mod_auth_negotiate, and has "
                      "shown no ticket",
                      rule, ap_escape_logitem(r->pool, r->user));
        return AUTHZ_DENIED;
    }
    if (attempt->identity->mech != NEG_MECH_KRB5)
        return deny_ticketless(r, rule, attempt->identity);
    *identity = attempt->identity;
    return AUTHZ_GRANTED;
}

/*
 * Who may be impersonated.  Whoever decides what r->user is decides who is: so a name must be one
 * that a principal can have without an escape, and of a realm that is named.
 */

#include <string.h>

#include <apr_strings.h>

#include "internal.h"
#include "userpass.h"

#define NAME_MAX_LENGTH 256

/* @return NULL, or why not */
static const char *check_name(const char *user)
{
    const char *at = strchr(user, '@');
    apr_size_t len = strlen(user);
    const char *why = neg_userpass_check_user(user);
    if (why)
        return why;
    if (len > NAME_MAX_LENGTH || *user == ' ' || user[len - 1] == ' ')
        return "the name is too long, or begins or ends with a space";
    return at == user || (at && (!at[1] || strchr(at + 1, '@')))
               ? "the name is not of the form user@REALM"
               : NULL;
}

neg_outcome neg_impersonate_refuse(neg_attempt *a, const char *user, const char *why)
{
    apr_pool_t *p = neg_attempt_pool(a);
    return neg_attempt_refuse(a, NEG_CAUSE_NAME,
                              apr_psprintf(p,
                                           "%.256s is not impersonated "
                                           "(AuthNegotiateImpersonate): %s",
                                           ap_escape_logitem(p, user), why));
}

neg_outcome neg_impersonate_find(neg_attempt *a, const char *user, const char **principal)
{
    apr_pool_t *p = neg_attempt_pool(a);
    neg_worker *worker = a->server->workers ? neg_worker_get(a->server->workers) : NULL;
    const char *realm = worker ? neg_worker_default_realm(worker, p) : NULL;
    const char *at = strchr(user, '@');
    const char *why = check_name(user);
    if (!why && neg_config_is_overridden(a->r, OR_AUTHCFG))
        why =
            "a .htaccess has a say here in who the user is (AllowOverride AuthConfig), so that its "
            "author could be everybody. Write AllowOverride None for this directory";
    if (!why && !realm)
        why = "krb5.conf has no default_realm";
    if (!why && at && strcmp(at + 1, realm) != 0 &&
        !neg_realm_is_among(a->conf->impersonate->realms, at + 1))
        why = "its realm is not the default one, and is not named in the directive";
    if (why)
        return neg_impersonate_refuse(a, user, why);
    *principal = at ? user : apr_pstrcat(p, user, "@", realm, NULL);
    return NEG_GRANTED;
}

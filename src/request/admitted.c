/*
 * Who has been let in: a user counts only where this very request, or the one that httpd's core has
 * copied the user from, has passed authentication and authorization.
 *
 * r->user says nothing of the kind.  mod_auth_basic, mod_auth_digest and mod_auth_form set it, and
 * r->ap_auth_type, before they look at the password; what they then refuse goes on with that name
 * as an ErrorDocument.  So it takes a mark of our own.  What is relied on in httpd, all of 2.4
 * (ap_process_request_internal() in server/request.c):
 *
 *   - Authentication and authorization are skipped where the request before a redirect, or else the
 *     one that a subrequest is part of, has the same per_dir_config.  Then r->user and
 *     r->ap_auth_type are copied from it, whatever became of it.
 *   - Otherwise check_authz comes last of all, and only with a user of check_authn's.  It is not
 *     asked where access_checker or access_checker_ex have let a request in by themselves (Satisfy
 *     Any, Require all granted): such a request has proven nobody.
 *   - type_checker comes next, for requests that were let in or are copies, and for no others.
 *   - Then fixups, until one refuses.  An ErrorDocument is an internal redirect of a request whose
 *     status says that it was refused.
 *   - mod_ssl names the user of a certificate (SSLUserName) in access_checker, and the type
 *     ClientCert; the handshake is the proof, where the certificate was verified.
 *   - mod_dir and mod_negotiation give a request the URI and the per_dir_config of a subrequest,
 *     while fixups run (ap_internal_fast_redirect()); it keeps its user.
 *
 * Another module's hook that is before one of ours and ends its phase leaves no mark: nobody is
 * acted for.
 */

#include <apr_strings.h>
#include <http_core.h>
#include <http_ssl.h>

#include "request.h"

typedef struct neg_standing neg_standing;

/** Whom a configuration has let in. */
typedef struct admission {
    const ap_conf_vector_t *conf; /* NULL: nobody */
    const char *uri;
    const char *user;
    const char *type;
    struct admission *next;
} admission;

/** What becomes of a request that has a user. */
struct neg_standing {
    const char *asked_user; /* when check_authz began; NULL: it did not */
    const char *asked_type;
    request_rec *source; /* that the core has copied the user from; NULL: none */
    int complete;        /* no fixup has refused */
    admission own;
    admission *parts; /* of its subrequests, by one of which it may be replaced */
};

/* ---- What is known of a request ---- */

neg_request *neg_request_seen(const request_rec *r)
{
    return ap_get_module_config(r->request_config, &auth_negotiate_module);
}

neg_request *neg_request_of(request_rec *r)
{
    neg_request *known = neg_request_seen(r);
    if (!known) {
        known = apr_pcalloc(r->pool, sizeof(*known));
        ap_set_module_config(r->request_config, &auth_negotiate_module, known);
    }
    return known;
}

static neg_standing *standing_of(request_rec *r)
{
    neg_request *known = neg_request_of(r);
    if (!known->standing)
        known->standing = apr_pcalloc(r->pool, sizeof(*known->standing));
    return known->standing;
}

static int is_same(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

/* ---- Whose admission counts ---- */

/* That of the configuration which r has now: a fast redirect changes it, and the same user has to
 * have been let in there as well. */
static const admission *admission_of(const request_rec *r)
{
    const neg_request *known = neg_request_seen(r);
    const neg_standing *s = known ? known->standing : NULL;
    if (!s || !s->own.conf || s->own.conf == r->per_dir_config)
        return s && s->own.conf ? &s->own : NULL;
    for (const admission *part = s->parts; part; part = part->next)
        if (part->conf == r->per_dir_config && is_same(part->uri, r->uri) &&
            is_same(part->user, s->own.user) && is_same(part->type, s->own.type))
            return part;
    return NULL;
}

/* A 404 of a handler's own refuses nobody. */
static int is_refused(const request_rec *r)
{
    return r->status == HTTP_UNAUTHORIZED || r->status == HTTP_FORBIDDEN ||
           r->status == HTTP_PROXY_AUTHENTICATION_REQUIRED;
}

static const admission *handed_on(const request_rec *source, const request_rec *r)
{
    const neg_request *known = neg_request_seen(source);
    if (!known || !known->standing)
        return NULL;
    if (source == r->prev && (!known->standing->complete || is_refused(source)))
        return NULL;
    return admission_of(source);
}

/* ---- The phases of a request ---- */

int neg_admitted_ask(request_rec *r)
{
    neg_standing *s;
    if (!r->user)
        return DECLINED;
    s = standing_of(r);
    s->asked_user = apr_pstrdup(r->pool, r->user);
    s->asked_type = apr_pstrdup(r->pool, r->ap_auth_type);
    return DECLINED;
}

/* mod_ssl says so of names from certificates that nobody may have verified. */
static int is_of_certificate(const request_rec *r)
{
    return r->ap_auth_type && strcasecmp(r->ap_auth_type, "ClientCert") == 0;
}

static int is_verified(request_rec *r)
{
    return is_same(ap_ssl_var_lookup(r->pool, r->server, r->connection, r, "SSL_CLIENT_VERIFY"),
                   "SUCCESS");
}

/* Here it was let in; the question is whether somebody has proven who the user is. */
static int has_proven_user(request_rec *r, const neg_standing *s)
{
    return is_of_certificate(r)
               ? is_verified(r)
               : is_same(s->asked_user, r->user) && is_same(s->asked_type, r->ap_auth_type);
}

static request_rec *source_of(const request_rec *r)
{
    if (r->prev && r->prev->per_dir_config == r->per_dir_config)
        return r->prev;
    return r->main && r->main->per_dir_config == r->per_dir_config ? r->main : NULL;
}

int neg_admitted_settle(request_rec *r)
{
    neg_standing *s;
    const admission *other;
    if (!r->user)
        return DECLINED;
    s = standing_of(r);
    s->source = source_of(r);
    if (s->source && (other = handed_on(s->source, r))) {
        s->own = *other;
    } else if (!s->source && has_proven_user(r, s)) {
        s->own.user = apr_pstrdup(r->pool, r->user);
        s->own.type = apr_pstrdup(r->pool, r->ap_auth_type);
    } else {
        return DECLINED;
    }
    s->own.conf = r->per_dir_config;
    return DECLINED;
}

/* Told to the request that this is a part of, whose fixups may be about to take its place. */
static void tell_main(const request_rec *r)
{
    neg_request *known = r->main ? neg_request_seen(r->main) : NULL;
    const admission *own = admission_of(r);
    apr_pool_t *p;
    admission *part;
    if (!own || !known || !known->standing || known->standing->complete)
        return;
    p = r->main->pool;
    part = apr_palloc(p, sizeof(*part));
    part->conf = r->per_dir_config;
    part->uri = apr_pstrdup(p, r->uri);
    part->user = apr_pstrdup(p, own->user);
    part->type = apr_pstrdup(p, own->type);
    part->next = known->standing->parts;
    known->standing->parts = part;
}

int neg_admitted_complete(request_rec *r)
{
    neg_request *known = neg_request_seen(r);
    if (known && known->standing) {
        known->standing->complete = 1;
        tell_main(r);
    }
    return DECLINED;
}

/* ---- Who asks ---- */

request_rec *neg_admitted_source(const request_rec *r)
{
    const neg_request *known = neg_request_seen(r);
    return known && known->standing ? known->standing->source : NULL;
}

/* The core hands r->user and this very pointer down to subrequests and redirects of the same
 * configuration without asking us. */
neg_attempt *neg_attempt_granted(request_rec *r)
{
    const neg_request *known;
    if (!r->user || (r->ap_auth_type != neg_negotiate_name && r->ap_auth_type != neg_basic_name))
        return NULL;
    while (!((known = neg_request_seen(r)) && known->attempt) && (r = neg_admitted_source(r)))
        continue;
    return r && known->attempt->identity ? known->attempt : NULL;
}

int neg_admitted_user(const request_rec *r)
{
    const admission *own = admission_of(r);
    return own && is_same(own->user, r->user) && is_same(own->type, r->ap_auth_type);
}

neg_attempt *neg_admitted_attempt(request_rec *r)
{
    const admission *own = admission_of(r);
    return own && is_same(own->type, r->ap_auth_type) ? neg_attempt_granted(r) : NULL;
}

/* The name of a session's cookie, and what is sealed for it: good in one protection space. */

#include <string.h>

#include <apr_strings.h>
#include <http_ssl.h>
#include <openssl/rand.h>

#include "answer.h"
#include "cookie.h"
#include "internal.h"
#include "seal.h"
#include "writer.h"

int neg_session_is_secure(const neg_attempt *a, const neg_cookie_rule *rule)
{
    return rule->secure || ap_ssl_conn_is_ssl(a->r->connection);
}

/* FNV-1a.  Which space a cookie is for is sealed in it: its name has to differ, no more. */
static apr_uint32_t hash(const char *text)
{
    apr_uint32_t value = 2166136261u;
    for (; *text; text++)
        value = (value ^ (unsigned char)*text) * 16777619u;
    return value;
}

/* One for each protection space, so that those of one server do not replace each other. */
static const char *make_name(const neg_attempt *a)
{
    neg_cookie_rule rule = neg_config_cookie(a->conf);
    int host_alone = neg_session_is_secure(a, &rule) && !rule.domain && strcmp(rule.path, "/") == 0;
    if (rule.name)
        return rule.name;
    return apr_psprintf(neg_attempt_pool(a), "%s" NEG_COOKIE_PREFIX "%08x",
                        host_alone ? NEG_COOKIE_HOST : "", hash(a->space));
}

const char *neg_session_cookie_name(neg_attempt *a)
{
    if (!a->cookie_name)
        a->cookie_name = make_name(a);
    return a->cookie_name;
}

static neg_sealer *sealer_of(const neg_attempt *a)
{
    neg_worker *worker = a->server->workers ? neg_worker_get(a->server->workers) : NULL;
    return worker ? neg_worker_sealer(worker) : NULL;
}

static void write_name(neg_writer *w, const char *name)
{
    neg_write_bytes(w, name, strlen(name) + 1);
}

static void write_names(neg_writer *w, const apr_array_header_t *names)
{
    for (int i = 0; names && i < names->nelts; i++)
        write_name(w, APR_ARRAY_IDX(names, i, const char *));
}

/*
 * Where a seal is good: what it is of, the protection space, the names of the virtual host, since
 * two may be named alike or not at all, and the cookie: who gets one with a path or a domain of his
 * own cannot use it as another.  All are ended by a NUL, which none of them has.
 */
neg_bytes neg_session_associated(neg_attempt *a, const char *what, neg_bytes id)
{
    neg_writer w = {neg_attempt_pool(a), NULL, 0, 0};
    neg_cookie_rule rule = neg_config_cookie(a->conf);
    neg_bytes bytes;
    write_name(&w, what);
    write_name(&w, a->space);
    write_name(&w, neg_session_cookie_name(a));
    write_name(&w, rule.domain ? rule.domain : "");
    write_name(&w, rule.path);
    write_names(&w, a->r->server->names);
    neg_write_u8(&w, 0);
    write_names(&w, a->r->server->wild_names);
    neg_write_u8(&w, 0);
    neg_write_bytes(&w, id.data, id.len);
    bytes.data = w.data;
    bytes.len = w.len;
    return bytes;
}

const char *neg_session_seal(neg_attempt *a, const char *what, neg_bytes id, neg_bytes plain,
                             neg_bytes *sealed)
{
    unsigned char nonce[NEG_SEAL_NONCE];
    neg_sealer *sealer = sealer_of(a);
    if (!sealer || RAND_bytes(nonce, sizeof(nonce)) != 1)
        return "OpenSSL has no cipher or no random bytes";
    return neg_seal(neg_attempt_pool(a), sealer, a->server->session_keys,
                    neg_session_associated(a, what, id), plain, nonce, sealed);
}

const char *neg_session_open_sealed(neg_attempt *a, const char *what, neg_bytes id,
                                    neg_bytes sealed, neg_bytes *plain)
{
    neg_sealer *sealer = sealer_of(a);
    return sealer ? neg_seal_open(neg_attempt_pool(a), sealer, a->server->session_keys,
                                  neg_session_associated(a, what, id), sealed, plain)
                  : "OpenSSL has no cipher";
}

neg_store *neg_session_store_of(const neg_attempt *a)
{
    return a->server->session_place ? a->server->session_place->store : NULL;
}

void neg_session_report_store(neg_attempt *a, const char *what)
{
    neg_report_aside(a, NEG_CAUSE_SESSION_STORE,
                     apr_psprintf(neg_attempt_pool(a),
                                  "%s: %s (AuthNegotiateSessionStore). Until it does, clients are "
                                  "asked for their tickets again, as without sessions",
                                  neg_session_store_text(a->server), what));
}

void neg_session_report_silence(neg_attempt *a)
{
    neg_session_report_store(a, "the store does not answer");
}

/*
 * Keytabs that the children's user cannot read, and root can: the parent reads them for its
 * children, as mod_ssl does private keys.  One that the children can read stays a file.
 */

#include <string.h>
#include <unistd.h>

#include <apr_hash.h>
#include <apr_strings.h>
#include <http_core.h>

#include "held.h"
#include "start.h"

/* What has been found out of a keytab. */
typedef struct {
    neg_held *held;
    const char *why;
} finding;

static finding *found_of(neg_holds *holds, const char *keytab)
{
    return apr_hash_get(holds->found, keytab, APR_HASH_KEY_STRING);
}

static void note(apr_array_header_t *notices, const char *sentence)
{
    APR_ARRAY_PUSH(notices, const char *) = sentence;
}

static void tell_read(neg_holds *holds, const char *path)
{
    note(
        holds->notices,
        apr_psprintf(holds->pool,
                     "the keytab %s is read by the parent alone, and its children have its keys in "
                     "memory: a new one counts after a graceful restart",
                     path));
}

static void tell_open(neg_holds *holds, const char *path)
{
    note(holds->notices,
         apr_psprintf(holds->pool,
                      "httpd's children, and with them every CGI program, can read the keytab %s, "
                      "with which one can be any user of this server. httpd needs it for root "
                      "alone: chown root %s && chmod 600 %s, then a graceful restart",
                      path, path, path));
}

static const char *directory_of(apr_pool_t *p, const char *path)
{
    return apr_pstrmemdup(p, path, (apr_size_t)(strrchr(path, '/') + 1 - path));
}

static finding *look(neg_holds *holds, const char *path)
{
    finding *f = apr_pcalloc(holds->pool, sizeof(*f));
    if (neg_probe_can(holds->pool, holds->server, path, R_OK)) {
        tell_open(holds, path);
        return f;
    }
    if (access(path, R_OK) != 0) { /* where they can, the probes say what is wrong */
        if (!neg_probe_can(holds->pool, holds->server, directory_of(holds->pool, path), X_OK))
            f->why = "does not exist: make it, or write the right path in AuthNegotiateKeytab";
        return f;
    }
    f->held = neg_held_read(holds->pool, path, &f->why);
    if (f->held)
        tell_read(holds, path);
    return f;
}

neg_holds *neg_holds_begin(apr_pool_t *pconf, server_rec *s)
{
    neg_holds *holds = apr_pcalloc(pconf, sizeof(*holds));
    holds->pool = pconf;
    holds->server = s;
    holds->found = apr_hash_make(pconf);
    holds->notices = apr_array_make(pconf, 2, sizeof(const char *));
    return holds;
}

/* As another user than root a parent has nothing that its children have not. */
const char *neg_holds_look(neg_holds *holds, const char *keytab)
{
    const char *path = keytab ? neg_keytab_path(keytab) : NULL;
    finding *f;
    if (geteuid() != 0 || !path) {
        holds->others = 1;
        return NULL;
    }
    if (!(f = found_of(holds, keytab))) {
        f = look(holds, path);
        apr_hash_set(holds->found, keytab, APR_HASH_KEY_STRING, f);
    }
    if (!f->held)
        holds->others = 1;
    return f->why ? apr_pstrcat(holds->pool, "the keytab ", path, " ", f->why, NULL) : NULL;
}

void neg_holds_end(neg_holds *holds)
{
    apr_hash_t *held = apr_hash_make(holds->pool);
    for (apr_hash_index_t *i = apr_hash_first(holds->pool, holds->found); i; i = apr_hash_next(i)) {
        const finding *f = apr_hash_this_val(i);
        if (f->held)
            apr_hash_set(held, apr_hash_this_key(i), APR_HASH_KEY_STRING, f->held);
    }
    if (apr_hash_count(held) == 0)
        return;
    for (server_rec *s = holds->server; s; s = s->next)
        neg_config_server(s)->held = held;
    if (!holds->others)
        neg_replay_prefer_memory(holds->pool, holds->server);
}

/* Delegated credentials live in ccaches whose files belong to an identity's pool: see ccaches.c. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <apr_escape.h>
#include <apr_file_info.h>
#include <apr_file_io.h>
#include <apr_strings.h>
#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>

#include "ccaches.h"
#include "delegate.h"

/* ---- As long as a session: the directory ---- */

#define SESSION "krb5cc_session_" /* then END_IDLE_OWNER-NAME */

/* At its end, or when nobody has renewed it for too long. */
static int has_ended(const char *name, apr_time_t renewed, apr_time_t now)
{
    char *end;
    apr_int64_t ends, idle;
    if (strncmp(name, SESSION, strlen(SESSION)) != 0)
        return 0;
    ends = apr_strtoi64(name + strlen(SESSION), &end, 10);
    if (*end != '_')
        return 0;
    idle = apr_strtoi64(end + 1, &end, 10);
    return *end == '_' &&
           (ends < apr_time_sec(now) || apr_time_sec(renewed) + idle < apr_time_sec(now));
}

int neg_ccaches_sweep_sessions(apr_pool_t *p, const char *directory)
{
    apr_dir_t *dir;
    apr_finfo_t entry;
    apr_time_t now = apr_time_now();
    int removed = 0;
    if (apr_dir_open(&dir, directory, p) != APR_SUCCESS)
        return 0;
    while (apr_dir_read(&entry, APR_FINFO_NAME | APR_FINFO_MTIME, dir) == APR_SUCCESS)
        if (has_ended(entry.name, entry.mtime, now) &&
            unlink(apr_pstrcat(p, directory, "/", entry.name, NULL)) == 0)
            removed++;
    apr_dir_close(dir);
    return removed;
}

static int count_kept(apr_pool_t *p, const char *directory, const char *owner)
{
    apr_dir_t *dir;
    apr_finfo_t entry;
    const char *part = apr_pstrcat(p, "_", owner, "-", NULL);
    int count = 0;
    if (apr_dir_open(&dir, directory, p) != APR_SUCCESS)
        return 0;
    while (apr_dir_read(&entry, APR_FINFO_NAME, dir) == APR_SUCCESS)
        count += strncmp(entry.name, SESSION, strlen(SESSION)) == 0 && strstr(entry.name, part);
    apr_dir_close(dir);
    return count;
}

/* ---- Whose it is ---- */

static apr_status_t release_name(void *name)
{
    OM_uint32 minor;
    gss_name_t handle = name;
    gss_release_name(&minor, &handle);
    return APR_SUCCESS;
}

static OM_uint32 name_of(apr_pool_t *p, OM_uint32 *minor, gss_cred_id_t cred, gss_name_t *name)
{
    OM_uint32 major = gss_inquire_cred(minor, cred, name, NULL, NULL, NULL);
    if (!GSS_ERROR(major) && *name != GSS_C_NO_NAME)
        apr_pool_cleanup_register(p, *name, release_name, apr_pool_cleanup_null);
    return major;
}

static OM_uint32 import(apr_pool_t *p, OM_uint32 *minor, const char *principal, gss_name_t *name)
{
    gss_buffer_desc text = {strlen(principal), (void *)principal};
    OM_uint32 major = gss_import_name(minor, &text, (gss_OID)GSS_KRB5_NT_PRINCIPAL_NAME, name);
    if (!GSS_ERROR(major))
        apr_pool_cleanup_register(p, *name, release_name, apr_pool_cleanup_null);
    return major;
}

static const char *display(apr_pool_t *p, gss_name_t name)
{
    gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
    OM_uint32 ignored, minor;
    const char *shown = "a name that cannot be shown";
    if (!GSS_ERROR(gss_display_name(&minor, name, &text, NULL)))
        shown = apr_pescape_echo(p, apr_pstrmemdup(p, text.value, text.length), 0);
    gss_release_buffer(&ignored, &text);
    return shown;
}

/*
 * Exactly, as Kerberos compares names (RFC 4120 section 6.2).  The KDC takes the client's name into
 * each ticket that it gives for a ticket-granting ticket, the one for us and the forwarded one
 * alike, however the user has typed it: so two spellings come from two logins.
 */
const char *neg_delegated_check(apr_pool_t *p, gss_cred_id_t delegated, const char *principal)
{
    gss_name_t own, wanted;
    int equal = 0;
    OM_uint32 minor = 0, major = name_of(p, &minor, delegated, &own);
    if (GSS_ERROR(major) || own == GSS_C_NO_NAME)
        return apr_psprintf(p, "delegates a ticket without a name (GSSAPI says: %s)",
                            neg_status_text(p, major, minor, &neg_oid_krb5));
    major = import(p, &minor, principal, &wanted);
    if (!GSS_ERROR(major))
        major = gss_compare_name(&minor, own, wanted, &equal);
    if (!GSS_ERROR(major) && equal)
        return NULL;
    return apr_psprintf(p, "delegates a ticket that says it is of %s", display(p, own));
}

/* ---- Storing ---- */

static const char *write_credential(apr_pool_t *p, gss_cred_id_t delegated, const char *ccache)
{
    gss_key_value_element_desc element = {"ccache", ccache};
    gss_key_value_set_desc store = {1, &element};
    OM_uint32 minor, major = gss_store_cred_into(&minor, delegated, GSS_C_INITIATE, &neg_oid_krb5,
                                                 1, 0, &store, NULL, NULL);
    if (GSS_ERROR(major))
        return apr_psprintf(p, "the ccache %s cannot be written: %s", ccache,
                            neg_status_text(p, major, minor, &neg_oid_krb5));
    return NULL;
}

/* Owner first: chown(2) may take permission bits away, and the wider mode must not come early. */
static const char *set_permissions(apr_pool_t *p, const char *path, const neg_ccache_place *place)
{
    if ((place->uid != -1 || place->gid != -1) &&
        lchown(path, (uid_t)place->uid, (gid_t)place->gid) != 0)
        return apr_psprintf(p, "owner or group of the ccache %s cannot be set: %s", path,
                            strerror(errno));
    if (place->mode != 0600 && chmod(path, place->mode) != 0)
        return apr_psprintf(p, "the mode of the ccache %s cannot be set: %s", path,
                            strerror(errno));
    return NULL;
}

const char *neg_ccache_store(apr_pool_t *p, gss_cred_id_t delegated, const neg_ccache_place *place,
                             const char **ccache)
{
    neg_ccache_file *file;
    const char *path, *name;
    const char *why = neg_ccaches_add(p, place->all, place->directory, &file);
    if (why)
        return why;
    path = neg_ccaches_path(file);
    name = apr_pstrcat(p, "FILE:", path, NULL);
    if ((why = write_credential(p, delegated, name)) == NULL &&
        (why = set_permissions(p, path, place)) == NULL)
        *ccache = name;
    else
        neg_ccaches_remove(p, file);
    return why;
}

/* ---- As long as a session ---- */

int neg_ccache_is_file(const char *ccache)
{
    return strncmp(ccache, "FILE:", 5) == 0;
}

const char *neg_ccache_keep(apr_pool_t *p, const char *ccache, const neg_ccache_session *session,
                            const char **kept)
{
    const char *path =
        apr_psprintf(p, "%s/" SESSION "%" APR_TIME_T_FMT "_%" APR_TIME_T_FMT "_%s-%s",
                     session->directory, apr_time_sec(session->ends) + 1,
                     apr_time_sec(session->idle) + 1, session->owner, session->name);
    if (count_kept(p, session->directory, session->owner) >= NEG_CCACHES_KEPT_MAX)
        return apr_psprintf(p,
                            "there are %d sessions with this user's tickets in %s already, so a "
                            "new one is without: see who logs in again and again and keeps no "
                            "cookie, or shorten AuthNegotiateSessionTimeout",
                            NEG_CCACHES_KEPT_MAX, session->directory);
    if (!neg_ccache_is_file(ccache) || link(ccache + 5, path) != 0)
        return apr_psprintf(p, "%s cannot be kept as %s: %s", ccache, path, strerror(errno));
    *kept = apr_pstrcat(p, "FILE:", path, NULL);
    return NULL;
}

static const char *path_of_kept(const char *ccache)
{
    const char *name = strrchr(ccache, '/');
    return name && neg_ccache_is_file(ccache) && strncmp(name + 1, SESSION, strlen(SESSION)) == 0
               ? ccache + 5
               : NULL;
}

int neg_ccache_is_kept(const char *ccache)
{
    const char *path = path_of_kept(ccache);
    return path && access(path, F_OK) == 0;
}

void neg_ccache_renew(const char *ccache)
{
    const char *path = path_of_kept(ccache);
    if (path)
        utimes(path, NULL);
}

void neg_ccache_drop(const char *ccache)
{
    const char *path = path_of_kept(ccache);
    if (path)
        unlink(path);
}

/* ---- In memory ---- */

/* A krb5 context of its own, since its owner may end in any thread. */
typedef struct {
    krb5_context krb5;
    krb5_ccache handle;
} memory;

static apr_status_t forget(void *data)
{
    memory *m = data;
    if (m->handle)
        krb5_cc_destroy(m->krb5, m->handle);
    krb5_free_context(m->krb5);
    return APR_SUCCESS;
}

const char *neg_ccache_hide(apr_pool_t *p, gss_cred_id_t delegated, const char **ccache)
{
    memory *m = apr_pcalloc(p, sizeof(*m));
    krb5_error_code code;
    const char *why;
    char *name;
    if (krb5_init_context(&m->krb5) != 0)
        return "krb5 cannot be set up in this process";
    apr_pool_cleanup_register(p, m, forget, apr_pool_cleanup_null);
    if ((code = krb5_cc_new_unique(m->krb5, "MEMORY", NULL, &m->handle)) != 0 ||
        (code = krb5_cc_get_full_name(m->krb5, m->handle, &name)) != 0)
        return neg_status_krb5_text(p, m->krb5, code);
    why = write_credential(p, delegated, name);
    *ccache = apr_pstrdup(p, name);
    krb5_free_string(m->krb5, name);
    return why;
}

/* ---- Using it ---- */

const char *neg_ccache_open(apr_pool_t *p, const char *ccache, gss_cred_id_t *cred)
{
    gss_key_value_element_desc element = {"ccache", ccache};
    gss_key_value_set_desc store = {1, &element};
    gss_OID_set_desc mechs = {1, &neg_oid_krb5};
    OM_uint32 minor, major = gss_acquire_cred_from(&minor, GSS_C_NO_NAME, GSS_C_INDEFINITE, &mechs,
                                                   GSS_C_INITIATE, &store, cred, NULL, NULL);
    if (GSS_ERROR(major))
        return apr_psprintf(p, "the ccache %s cannot be opened: %s", ccache,
                            neg_status_text(p, major, minor, &neg_oid_krb5));
    apr_pool_cleanup_register(p, *cred, neg_release_credential, apr_pool_cleanup_null);
    return NULL;
}

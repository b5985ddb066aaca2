/*
 * Whether something stands before krb5 in GSSAPI.
 *
 * A mechanism's plugin that exports gss_mech_interposer() may take other mechanisms' calls.  GSSAPI
 * itself does not tell who has answered, so the plugins that are loaded are looked at.
 */

#include <dlfcn.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>
#include <apr_tables.h>

#include "keyring.h"
#include "signals.h"

/* No more than noting it: to call the loader in here could wait for a thread that waits for us. */
static int note_name(struct dl_phdr_info *info, size_t size, void *names)
{
    (void)size;
    if (info->dlpi_name && *info->dlpi_name)
        APR_ARRAY_PUSH((apr_array_header_t *)names, const char *) =
            apr_pstrdup(((apr_array_header_t *)names)->pool, info->dlpi_name);
    return 0;
}

/* gssproxy's takes nothing unless it is told to; as it reads its variable. */
static int is_idle(const char *path)
{
    static const char *const yes[] = {"1", "on", "true", "yes"};
    const char *name = strrchr(path, '/'), *use = getenv("GSS_USE_PROXY");
    if (strcmp(name ? name + 1 : path, "proxymech.so") != 0)
        return 0;
    for (size_t i = 0; use && i < sizeof(yes) / sizeof(*yes); i++)
        if (strcasecmp(use, yes[i]) == 0)
            return 0;
    return 1;
}

static int is_interposer(const char *name)
{
    void *object = dlopen(name, RTLD_LAZY | RTLD_NOLOAD);
    int is = object && !is_idle(name) && dlsym(object, "gss_mech_interposer");
    if (object)
        dlclose(object);
    return is;
}

int neg_plugins_interpose(apr_pool_t *p)
{
    apr_array_header_t *names = apr_array_make(p, 64, sizeof(const char *));
    dl_iterate_phdr(note_name, names);
    for (int i = 0; i < names->nelts; i++)
        if (is_interposer(APR_ARRAY_IDX(names, i, const char *)))
            return 1;
    return 0;
}

int neg_plugins_interposed(apr_pool_t *p)
{
    gss_OID_set mechs = GSS_C_NO_OID_SET;
    OM_uint32 minor;
    struct sigaction before;
    neg_signals_ignore_pipe(&before);
    if (!GSS_ERROR(gss_indicate_mechs(&minor, &mechs)))
        gss_release_oid_set(&minor, &mechs);
    neg_signals_heed_pipe(&before);
    return neg_plugins_interpose(p);
}

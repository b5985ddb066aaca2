/* A directory for this server's own tickets, shared by all children, as long as this httpd runs. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <apr_file_info.h>
#include <apr_strings.h>
#include <http_core.h>
#include <unixd.h>

#include "acting.h"

#define NAME        "negotiate-tickets."
#define RETAINED_AS "mod_auth_negotiate tickets"

static int is_wanted(server_rec *servers)
{
    for (server_rec *s = servers; s; s = s->next) {
        const apr_array_header_t *sections = neg_config_server(s)->sections;
        for (int i = 0; i < sections->nelts; i++)
            if (neg_s4u_is_written(APR_ARRAY_IDX(sections, i, neg_section *)->conf))
                return 1;
    }
    return 0;
}

/* By root, and no further than into a directory of this name. */
static void remove_directory(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry;
    if (!dir) {
        if (fd >= 0)
            close(fd);
        return;
    }
    while ((entry = readdir(dir)))
        unlinkat(fd, entry->d_name, 0); /* files alone */
    closedir(dir);
    rmdir(path);
}

/* Who is killed leaves his directory, as does one into which somebody has put another; a number may
 * be this process's own, after a restart of a container. */
static void sweep(apr_pool_t *p, const char *parent)
{
    apr_dir_t *dir;
    apr_finfo_t entry;
    if (apr_dir_open(&dir, parent, p) != APR_SUCCESS)
        return;
    while (apr_dir_read(&entry, APR_FINFO_NAME, dir) == APR_SUCCESS) {
        long pid = strncmp(entry.name, NAME, strlen(NAME)) == 0
                       ? strtol(entry.name + strlen(NAME), NULL, 10)
                       : 0;
        if (pid > 0 && (pid == (long)getpid() || (kill((pid_t)pid, 0) != 0 && errno == ESRCH)))
            remove_directory(apr_pstrcat(p, parent, "/", entry.name, NULL));
    }
    apr_dir_close(dir);
}

typedef struct {
    pid_t pid; /* who has made it: children end their copies of the configuration, too */
    const char *path;
} retained;

/* The configuration's end is that of httpd, unless it is only read anew.  The process's own pool is
 * no place for a cleanup of a module's, which is unloaded before. */
static apr_status_t end_directory(void *data)
{
    const retained *kept = data;
    if (kept->pid == getpid() && ap_state_query(AP_SQ_MAIN_STATE) != AP_SQ_MS_DESTROY_CONFIG)
        remove_directory(kept->path);
    return APR_SUCCESS;
}

/* @return NULL, or what failed */
static const char *make_directory(apr_pool_t *p, apr_pool_t *process, retained *kept)
{
    char *path =
        apr_psprintf(process, "%s%ld.XXXXXX", ap_runtime_dir_relative(p, NAME), (long)getpid());
    sweep(p, ap_runtime_dir_relative(p, "."));
    if (!mkdtemp(path))
        return apr_psprintf(p, "%s: %s", path, strerror(errno));
    kept->pid = getpid();
    kept->path = path;
    if (geteuid() == 0 && lchown(path, ap_unixd_config.user_id, ap_unixd_config.group_id) != 0)
        return apr_psprintf(p, "%s: %s", path, strerror(errno));
    return NULL;
}

int neg_ownplace_open(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *servers)
{
    retained *kept = ap_retained_data_get(RETAINED_AS);
    const char *why = NULL;
    int wanted = is_wanted(servers);
    (void)plog;
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG || (!kept && !wanted))
        return OK;
    if (!kept)
        kept = ap_retained_data_create(RETAINED_AS, sizeof(*kept));
    if (!kept->path && (why = make_directory(ptemp, servers->process->pool, kept))) {
        ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_ERR, 0, servers,
                     "AuthNegotiateS4U2Proxy needs a directory for this server's own ticket, which "
                     "cannot be made: %s. It lies in DefaultRuntimeDir",
                     why);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    apr_pool_cleanup_register(pconf, kept, end_directory, apr_pool_cleanup_null);
    for (server_rec *s = servers; s && wanted; s = s->next)
        neg_config_server(s)->own_tickets = kept->path;
    return OK;
}

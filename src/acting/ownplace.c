/* A directory for this server's own tickets, shared by all children, as long as this httpd runs. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <apr_file_info.h>
#include <apr_strings.h>
#include <http_core.h>
#include <unixd.h>

#include "internal.h"
#include "living.h"

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
static void empty(int fd)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
    const struct dirent *entry;
    if (!dir) {
        if (copy >= 0)
            close(copy);
        return;
    }
    while ((entry = readdir(dir)))
        unlinkat(fd, entry->d_name, 0); /* files alone */
    closedir(dir);
}

/* Who is killed leaves his directory, as does one into which somebody has put another.  Who lives
 * has his locked. */
static void sweep(apr_pool_t *p, const char *parent)
{
    apr_dir_t *dir;
    apr_finfo_t entry;
    if (apr_dir_open(&dir, parent, p) != APR_SUCCESS)
        return;
    while (apr_dir_read(&entry, APR_FINFO_NAME, dir) == APR_SUCCESS) {
        const char *path = apr_pstrcat(p, parent, "/", entry.name, NULL);
        int fd;
        if (strncmp(entry.name, NAME, strlen(NAME)) == 0 &&
            neg_living_look(path, &fd) == NEG_LIFE_ENDED) {
            empty(fd);
            rmdir(path);
            close(fd);
        }
    }
    apr_dir_close(dir);
}

typedef struct {
    pid_t pid; /* who has made it: children end their copies of the configuration, too */
    const char *path;
    int fd; /* of the directory, which is locked as long as this is open */
} retained;

static const char *say(apr_pool_t *p, const char *path)
{
    return apr_psprintf(p, "%s: %s", path, strerror(errno));
}

/* The configuration's end is that of httpd, unless it is only read anew.  The process's own pool is
 * no place for a cleanup of a module's, which is unloaded before. */
static apr_status_t end_directory(void *data)
{
    const retained *kept = data;
    if (kept->pid == getpid() && ap_state_query(AP_SQ_MAIN_STATE) != AP_SQ_MS_DESTROY_CONFIG &&
        neg_living_is_at(kept->fd, kept->path)) {
        empty(kept->fd);
        rmdir(kept->path);
    }
    return APR_SUCCESS;
}

/* @return NULL, or what failed */
static const char *take(apr_pool_t *p, retained *kept, const char *path)
{
    int fd = neg_living_take(path, 1);
    if (fd < 0)
        return say(p, path);
    if (geteuid() == 0 && fchown(fd, ap_unixd_config.user_id, ap_unixd_config.group_id) != 0) {
        close(fd);
        return say(p, path);
    }
    if (kept->path)
        close(kept->fd);
    kept->fd = fd;
    kept->path = path;
    kept->pid = getpid();
    return NULL;
}

static const char *make_directory(apr_pool_t *p, apr_pool_t *process, retained *kept)
{
    const char *why = NULL;
    sweep(p, ap_runtime_dir_relative(p, "."));
    for (int tries = 0; tries < 3; tries++) { /* another's sweep may come before the lock */
        char *path = apr_pstrcat(process, ap_runtime_dir_relative(p, NAME), "XXXXXX", NULL);
        if (!mkdtemp(path))
            return say(p, path);
        if ((why = take(p, kept, path)) == NULL)
            break;
    }
    return why;
}

/* Under its name, which the children know. */
static const char *make_anew(apr_pool_t *p, retained *kept)
{
    return mkdir(kept->path, 0700) == 0 ? take(p, kept, kept->path) : say(p, kept->path);
}

int neg_ownplace_monitor(apr_pool_t *p, server_rec *s)
{
    retained *kept = ap_retained_data_get(RETAINED_AS);
    const char *why;
    if (!kept || !kept->path || kept->pid != getpid() || access(kept->path, F_OK) == 0)
        return DECLINED;
    why = make_anew(p, kept);
    ap_log_error(APLOG_MARK, why ? APLOG_ERR : APLOG_WARNING, 0, s,
                 "AuthNegotiateS4U2Proxy: somebody has removed the directory for this server's own "
                 "ticket, %s. %s. See what cleans up in DefaultRuntimeDir",
                 kept->path,
                 why ? apr_pstrcat(p, "It cannot be made: ", why, NULL) : "It is made anew");
    return DECLINED;
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
    if (!kept->path || (!neg_living_is_at(kept->fd, kept->path) && make_anew(ptemp, kept) != NULL))
        why = make_directory(ptemp, servers->process->pool, kept);
    if (why) {
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

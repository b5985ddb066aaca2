/*
 * AuthNegotiateReplayCache memory: a table (core/seen.h) in a file that all children have in
 * memory, in the place of krb5's own cache.
 *
 * It knows what krb5's own would know of the tokens of this httpd, and for as long: it is a file so
 * that neither a graceful restart nor a stop and start makes it forget.  Nothing else knows what
 * was used while it was in use, so it is never exchanged for another one in an httpd that runs.
 * While it has no room, and until all that found none have expired, krb5's own is asked, too; so it
 * is when the table comes into use, for what another configuration has seen; and for the second and
 * later legs of an exchange, of which there are few.
 */

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <apr_file_io.h>
#include <apr_mmap.h>
#include <apr_portable.h>
#include <apr_strings.h>
#include <http_core.h>

#include "internal.h"
#include "living.h"

#define FILE_NAME "auth-negotiate-replay"

/* All of it: a page that finds no room on the disk when it is written to would end the child. */
static apr_status_t fill(apr_file_t *file, apr_size_t size)
{
    static const char zeros[65536];
    apr_status_t rv = APR_SUCCESS;
    for (apr_size_t done = 0; rv == APR_SUCCESS && done < size; done += sizeof(zeros))
        rv = apr_file_write_full(file, zeros, sizeof(zeros), NULL);
    return rv;
}

/* ---- The table of this process ---- */

/*
 * Kept over restarts.  Children of before go on for a while, and note what they accept in the table
 * that they have: so it stays the table, wherever DefaultRuntimeDir is now, and even where somebody
 * has removed the file.
 */
typedef struct {
    int in_use;       /* by the last configuration */
    int known;        /* what follows is set */
    int fd;           /* of the table */
    pid_t pid;        /* who has opened it: children end their copies of the configuration, too */
    const char *path; /* where the next start will look for it */
} retained;

static retained *retained_of_process(void)
{
    static const char key[] = "auth_negotiate:replay-memory";
    retained *kept = ap_retained_data_get(key);
    return kept ? kept : ap_retained_data_create(key, sizeof(*kept));
}

static apr_status_t open_table(apr_pool_t *p, retained *kept, const char *path)
{
    apr_file_t *file;
    apr_status_t rv = apr_file_open(
        &file, path, APR_FOPEN_READ | APR_FOPEN_WRITE | APR_FOPEN_CREATE | APR_FOPEN_NOCLEANUP,
        APR_FPROT_UREAD | APR_FPROT_UWRITE, p);
    if (rv != APR_SUCCESS)
        return rv;
    kept->known = 1;
    return apr_os_file_get(&kept->fd, file);
}

/* The size of a file that is there stays: a new table would not know the tokens of the old one. */
static apr_status_t map(apr_pool_t *p, int fd, apr_size_t *size, void **memory)
{
    apr_file_t *file = NULL;
    apr_finfo_t info;
    apr_mmap_t *mapped;
    apr_status_t rv = apr_os_file_put(&file, &fd, APR_FOPEN_READ | APR_FOPEN_WRITE, p);
    if (rv == APR_SUCCESS)
        rv = apr_file_info_get(&info, APR_FINFO_SIZE, file);
    if (rv == APR_SUCCESS && info.size == 0)
        rv = fill(file, *size);
    else if (rv == APR_SUCCESS)
        *size = (apr_size_t)info.size;
    if (rv == APR_SUCCESS)
        rv = apr_mmap_create(&mapped, file, 0, *size, APR_MMAP_READ | APR_MMAP_WRITE, p);
    if (rv == APR_SUCCESS)
        *memory = mapped->mm;
    return rv;
}

/* ---- For the next start ---- */

/* Whole, or not at all; never in the place of another table, which may be another httpd's. */
static int copy_to(int fd, const char *path)
{
    char new[PATH_MAX], part[65536];
    off_t at = 0;
    ssize_t got = -1;
    int out, copied;
    if (snprintf(new, sizeof(new), "%s.new", path) >= (int)sizeof(new))
        return 0;
    unlink(new);
    if ((out = open(new, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) < 0)
        return 0;
    while ((got = pread(fd, part, sizeof(part), at)) > 0 && write(out, part, (size_t)got) == got)
        at += got;
    copied = close(out) == 0 && got == 0 && link(new, path) == 0;
    unlink(new);
    return copied;
}

/* The configuration's end is that of httpd, unless it is only read anew: nobody uses a token any
 * more. */
static apr_status_t leave_table(void *data)
{
    const retained *kept = data;
    if (kept->pid == getpid() && ap_state_query(AP_SQ_MAIN_STATE) != AP_SQ_MS_DESTROY_CONFIG &&
        !neg_living_is_at(kept->fd, kept->path))
        copy_to(kept->fd, kept->path);
    return APR_SUCCESS;
}

/* A second name for the file is the surest; it needs the first one, and the same file system. */
static int gets_name(const retained *kept, const char *path)
{
    return neg_living_is_at(kept->fd, path) ||
           (kept->path && neg_living_is_at(kept->fd, kept->path) && link(kept->path, path) == 0);
}

static void move(retained *kept, server_rec *s, const char *path)
{
    if (!gets_name(kept, path))
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, s,
                     "AuthNegotiateReplayCache memory: the table in use stays in use, because it "
                     "knows which tokens have been used. It will be in %s when this httpd ends, "
                     "unless another one is there",
                     path);
    kept->path = apr_pstrdup(s->process->pool, path);
}

/* ---- Opening ---- */

static void tell(server_rec *s, const char *path, apr_status_t rv, int is_table, apr_size_t size,
                 apr_size_t wanted)
{
    if (!is_table)
        ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_ERR, rv, s,
                     "AuthNegotiateReplayCache memory: the file %s cannot be %s", path,
                     rv == APR_SUCCESS ? "used: it is no replay cache. Take it away"
                                       : "opened: look at DefaultRuntimeDir");
    else if (size != wanted)
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, s,
                     "AuthNegotiateReplayCache memory: %s keeps its size of %" APR_SIZE_T_FMT
                     " bytes, with what it knows; to change it, stop the server and remove it",
                     path, size);
}

void neg_replay_memory_leave(void)
{
    retained_of_process()->in_use = 0;
}

neg_seen *neg_replay_memory_open(apr_pool_t *pconf, server_rec *s, apr_size_t size)
{
    const char *path = ap_runtime_dir_relative(pconf, FILE_NAME);
    retained *kept = retained_of_process();
    apr_size_t is = size;
    void *memory = NULL;
    apr_status_t rv = path ? APR_SUCCESS : APR_EBADPATH;
    neg_seen *seen = NULL;
    if (rv == APR_SUCCESS && !kept->known)
        rv = open_table(pconf, kept, path);
    if (rv == APR_SUCCESS)
        rv = map(pconf, kept->fd, &is, &memory);
    if (rv == APR_SUCCESS)
        seen = neg_seen_open(memory, is);
    tell(s, path, rv, seen != NULL, is, size);
    if (!seen)
        return NULL;
    move(kept, s, path);
    kept->pid = getpid();
    apr_pool_cleanup_register(pconf, kept, leave_table, apr_pool_cleanup_null);
    if (!kept->in_use)
        neg_seen_overflows(seen,
                           apr_time_now() + 2 * neg_clockskew_configured() + apr_time_from_sec(1));
    kept->in_use = 1;
    return seen;
}

int neg_replay_memory_suffices(neg_seen *seen, const unsigned char *id, apr_time_t now,
                               apr_time_t expiry)
{
    if (!neg_seen_has_room(seen, id, now)) {
        neg_seen_overflows(seen, expiry);
        return 0;
    }
    return neg_seen_overflow(seen) <= now;
}

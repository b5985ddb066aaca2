/*
 * AuthNegotiateReplayCache memory: a table (core/seen.h) in a file that all children have in
 * memory, in the place of krb5's own cache.
 *
 * It knows what krb5's own would know of the tokens of this httpd, and for as long: it is a file so
 * that neither a graceful restart nor a stop and start makes it forget.  While it has no room, and
 * until all that found none have expired, krb5's own is asked, too; so it is when the table comes
 * into use, for what another configuration has seen; and for the second and later legs of an
 * exchange, of which there are few.
 */

#include <apr_file_io.h>
#include <apr_mmap.h>
#include <apr_strings.h>

#include "negotiate.h"

#define FILE_NAME         "auth-negotiate-replay"
#define MEGABYTES_DEFAULT 8
#define MEGABYTES_MAX     1024
#define MEGABYTE          (1024 * 1024)

const char *neg_replay_memory_set(cmd_parms *cmd, const char *text, apr_size_t *size)
{
    const char *number = strchr(text, ':');
    char *end;
    apr_int64_t megabytes = number ? apr_strtoi64(number + 1, &end, 10) : MEGABYTES_DEFAULT;
    if (cmd->server->is_virtual)
        return "AuthNegotiateReplayCache memory is for the whole server, since virtual hosts may "
               "have one key: write it outside of <VirtualHost>";
    if (!neg_seen_is_possible())
        return "AuthNegotiateReplayCache memory: this processor has no atomic operations of 64 "
               "bits; write default";
    if (megabytes < 1 || megabytes > MEGABYTES_MAX || (number && *end))
        return "AuthNegotiateReplayCache memory: behind the colon write megabytes, 1 to 1024; one "
               "is enough for 90,000 tokens in ten minutes";
    *size = (apr_size_t)megabytes * MEGABYTE;
    return NULL;
}

/* All of it: a page that finds no room on the disk when it is written to would end the child. */
static apr_status_t fill(apr_file_t *file, apr_size_t size)
{
    static const char zeros[65536];
    apr_status_t rv = APR_SUCCESS;
    for (apr_size_t done = 0; rv == APR_SUCCESS && done < size; done += sizeof(zeros))
        rv = apr_file_write_full(file, zeros, sizeof(zeros), NULL);
    return rv;
}

/* The size of a file that is there stays: a new table would not know the tokens of the old one. */
static apr_status_t map(apr_pool_t *p, const char *path, apr_size_t *size, void **memory)
{
    apr_file_t *file;
    apr_finfo_t info;
    apr_mmap_t *mapped;
    apr_status_t rv =
        apr_file_open(&file, path, APR_FOPEN_READ | APR_FOPEN_WRITE | APR_FOPEN_CREATE,
                      APR_FPROT_UREAD | APR_FPROT_UWRITE, p);
    if (rv != APR_SUCCESS)
        return rv;
    rv = apr_file_info_get(&info, APR_FINFO_SIZE, file);
    if (rv == APR_SUCCESS && info.size == 0)
        rv = fill(file, *size);
    else if (rv == APR_SUCCESS)
        *size = (apr_size_t)info.size;
    if (rv == APR_SUCCESS)
        rv = apr_mmap_create(&mapped, file, 0, *size, APR_MMAP_READ | APR_MMAP_WRITE, p);
    if (rv == APR_SUCCESS)
        *memory = mapped->mm;
    apr_file_close(file);
    return rv;
}

/* Whether the last configuration of this process had the table: kept over graceful restarts. */
static int was_in_use(int now)
{
    static const char key[] = "auth_negotiate:replay-memory";
    int *kept = ap_retained_data_get(key);
    int before = kept && *kept;
    if (!kept)
        kept = ap_retained_data_create(key, sizeof(*kept));
    *kept = now;
    return before;
}

void neg_replay_memory_leave(void)
{
    was_in_use(0);
}

neg_seen *neg_replay_memory_open(apr_pool_t *pconf, server_rec *s, apr_size_t size)
{
    const char *path = ap_runtime_dir_relative(pconf, FILE_NAME);
    apr_size_t is = size;
    void *memory = NULL;
    apr_status_t rv = path ? map(pconf, path, &is, &memory) : APR_EBADPATH;
    neg_seen *seen = rv == APR_SUCCESS ? neg_seen_open(memory, is) : NULL;
    if (!seen)
        ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_ERR, rv, s,
                     "AuthNegotiateReplayCache memory: the file %s cannot be %s", path,
                     rv == APR_SUCCESS ? "used: it is no replay cache. Take it away"
                                       : "opened: look at DefaultRuntimeDir");
    else if (is != size)
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, s,
                     "AuthNegotiateReplayCache memory: %s keeps its size of %" APR_SIZE_T_FMT
                     " bytes, with what it knows; to change it, stop the server and remove it",
                     path, is);
    if (seen && !was_in_use(1))
        neg_seen_overflows(seen,
                           apr_time_now() + 2 * neg_clockskew_configured() + apr_time_from_sec(1));
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

/*
 * The ccache files of a child.
 *
 * Each ends with its pool, or with its child.  A child that is killed leaves them; the next one
 * removes them.  Who is alive says so by a lock, in each directory where it has files: processes
 * have the same numbers in other containers and after a restart of this one.
 */

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <apr_file_info.h>
#include <apr_file_io.h>
#include <apr_strings.h>
#include <apr_thread_mutex.h>

#include "ccaches.h"
#include "delegate.h"
#include "living.h"

#define PREFIX "krb5cc_negotiate_" /* then the child's label, _ and six characters */
#define LOCK   "." PREFIX          /* then the label */

/* A number is had by one process of each namespace. */
#define LABELS_MAX 100

/* A ccache, in the pool of its owner. */
struct neg_ccache_file {
    char *path;
    neg_ccaches *all;
    neg_ccache_file *next,
        **link; /* link is what points here; NULL once the child has removed it */
};

/* Where this child has a lock. */
typedef struct place {
    const char *directory;
    const char *label; /* the child's number, and a point and another one where that is taken */
    const char *lock;  /* NULL: the directory's file system has none */
    struct place *next;
} place;

/* Not in the child's pool: threads that nobody waits for (HTTP/2's) end requests after it, and so
 * may connections at the very end of the process. */
struct neg_ccaches {
    apr_pool_t *pool;
    apr_thread_mutex_t *lock;
    neg_ccache_file *first;
    place *places;
};

/* Idle connections do not end when their child is told to stop: it just exits. */
static apr_status_t remove_all(void *data)
{
    neg_ccaches *all = data;
    apr_thread_mutex_lock(all->lock);
    for (neg_ccache_file *f = all->first; f; f = f->next) {
        unlink(f->path);
        f->link = NULL;
    }
    all->first = NULL;
    for (place *at = all->places; at; at = at->next)
        if (at->lock)
            unlink(at->lock);
    all->places = NULL;
    apr_thread_mutex_unlock(all->lock);
    return APR_SUCCESS;
}

neg_ccaches *neg_ccaches_create(apr_pool_t *pchild)
{
    apr_pool_t *process;
    neg_ccaches *all;
    if (apr_pool_create_unmanaged(&process) != APR_SUCCESS)
        return NULL;
    all = apr_pcalloc(process, sizeof(*all));
    all->pool = process;
    if (apr_thread_mutex_create(&all->lock, APR_THREAD_MUTEX_DEFAULT, process) != APR_SUCCESS)
        return NULL;
    apr_pool_cleanup_register(pchild, all, remove_all, apr_pool_cleanup_null);
    return all;
}

/* ---- One file ---- */

static apr_status_t remove_file(void *data)
{
    neg_ccache_file *f = data;
    int listed;
    apr_thread_mutex_lock(f->all->lock);
    listed = f->link != NULL;
    if (listed && (*f->link = f->next))
        f->next->link = f->link;
    apr_thread_mutex_unlock(f->all->lock);
    return !listed || unlink(f->path) == 0 ? APR_SUCCESS : errno;
}

static neg_ccache_file *note_file(apr_pool_t *p, neg_ccaches *all, char *path)
{
    neg_ccache_file *f = apr_pcalloc(p, sizeof(*f));
    f->path = path;
    f->all = all;
    apr_thread_mutex_lock(all->lock);
    if ((f->next = all->first))
        f->next->link = &f->next;
    f->link = &all->first;
    all->first = f;
    apr_thread_mutex_unlock(all->lock);
    apr_pool_cleanup_register(p, f, remove_file, apr_pool_cleanup_null);
    return f;
}

void neg_ccaches_remove(apr_pool_t *p, neg_ccache_file *file)
{
    apr_pool_cleanup_run(p, file, remove_file);
}

const char *neg_ccaches_path(const neg_ccache_file *file)
{
    return file->path;
}

/* ---- Saying that one lives ---- */

/* The lock is open until the process ends. */
static void take_label(apr_pool_t *p, place *at)
{
    for (int i = 0; !at->lock && i < LABELS_MAX; i++) {
        const char *path;
        at->label = apr_psprintf(p, i ? "%ld.%d" : "%ld", (long)getpid(), i);
        path = apr_pstrcat(p, at->directory, "/" LOCK, at->label, NULL);
        if (neg_living_take(path, 0) >= 0)
            at->lock = path;
        else if (errno != EWOULDBLOCK)
            return;
    }
}

static const char *label_at(neg_ccaches *all, const char *directory)
{
    place *at;
    apr_thread_mutex_lock(all->lock);
    for (at = all->places; at && strcmp(at->directory, directory) != 0; at = at->next)
        ;
    if (!at) {
        at = apr_pcalloc(all->pool, sizeof(*at));
        at->directory = apr_pstrdup(all->pool, directory);
        take_label(all->pool, at);
        at->next = all->places;
        all->places = at;
    }
    apr_thread_mutex_unlock(all->lock);
    return at->label;
}

/* apr_file_mktemp makes the file itself, 0600 and with a name nobody can foresee, so that the name
 * is ours before krb5 writes to it. */
const char *neg_ccaches_add(apr_pool_t *p, neg_ccaches *all, const char *directory,
                            neg_ccache_file **file)
{
    char buffer[256];
    char *path = apr_pstrcat(p, directory, "/" PREFIX, label_at(all, directory), "_XXXXXX", NULL);
    apr_file_t *handle;
    apr_status_t rv = apr_file_mktemp(
        &handle, path, APR_FOPEN_CREATE | APR_FOPEN_EXCL | APR_FOPEN_WRITE | APR_FOPEN_NOCLEANUP,
        p);
    if (rv != APR_SUCCESS)
        return apr_psprintf(p, "no file can be made in %s: %s", directory,
                            apr_strerror(rv, buffer, sizeof(buffer)));
    *file = note_file(p, all, path);
    apr_file_close(handle);
    return NULL;
}

/* ---- What a killed child has left ---- */

/* Where nobody has a lock its process's number has to do.  At its start a process has no files of
 * its own: what has its number is of another that had it before. */
static int is_nobodys(const char *label)
{
    char *end;
    long pid = strtol(label, &end, 10);
    return pid > 0 && !*end &&
           (pid == (long)getpid() || (kill((pid_t)pid, 0) != 0 && errno == ESRCH));
}

/* @param fd -1, or the lock, which is the caller's as long as it is open */
static int is_orphan(const char *label, const char *lock, int *fd)
{
    *fd = -1;
    switch (neg_living_look(lock, fd)) {
    case NEG_LIFE_ENDED:
        return 1;
    case NEG_LIFE_LIVING:
        return 0;
    default:
        return is_nobodys(label);
    }
}

/* The label in a file's name, in p; NULL: it is none of ours. */
static const char *label_of(apr_pool_t *p, const char *name)
{
    const char *label = name + strlen(PREFIX);
    const char *end = strncmp(name, PREFIX, strlen(PREFIX)) == 0 ? strchr(label, '_') : NULL;
    return end && end > label ? apr_pstrmemdup(p, label, (apr_size_t)(end - label)) : NULL;
}

static int remove_orphan(apr_pool_t *p, const char *directory, const char *name)
{
    const char *label = label_of(p, name);
    int removed = 0, fd;
    if (label && is_orphan(label, apr_pstrcat(p, directory, "/" LOCK, label, NULL), &fd)) {
        removed = unlink(apr_pstrcat(p, directory, "/", name, NULL)) == 0;
        if (fd >= 0)
            close(fd);
    }
    return removed;
}

static void remove_lock(apr_pool_t *p, const char *directory, const char *name)
{
    const char *path = apr_pstrcat(p, directory, "/", name, NULL);
    int fd;
    if (strncmp(name, LOCK, strlen(LOCK)) == 0 && neg_living_look(path, &fd) == NEG_LIFE_ENDED) {
        unlink(path);
        close(fd);
    }
}

/* Locks last, when nothing is left that they tell of. */
int neg_ccaches_sweep(apr_pool_t *p, const char *directory)
{
    apr_dir_t *dir;
    apr_finfo_t entry;
    int removed = 0;
    if (apr_dir_open(&dir, directory, p) != APR_SUCCESS)
        return 0; /* the start has told, and each request that wants to store will */
    while (apr_dir_read(&entry, APR_FINFO_NAME, dir) == APR_SUCCESS)
        removed += remove_orphan(p, directory, entry.name);
    apr_dir_rewind(dir);
    while (apr_dir_read(&entry, APR_FINFO_NAME, dir) == APR_SUCCESS)
        remove_lock(p, directory, entry.name);
    apr_dir_close(dir);
    return removed;
}

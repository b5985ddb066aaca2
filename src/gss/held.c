/* Keytabs that root alone can read. */

#include "held.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <apr_strings.h>

#include "keytabfile.h"

#define NAME_PREFIX "MEMORY:"

/* That of 40,000 keys. */
#define SIZE_MAX_HELD (4 * 1024 * 1024)

struct neg_held {
    const char *name;
    unsigned char *bytes; /* of the file, in pages of their own */
    size_t len;
    apr_array_header_t *entries; /* of neg_keytabfile_entry, in those bytes */
};

/* ---- Who can have put it there ---- */

/* In a directory such as /tmp (sticky) nobody can put another file into the place of root's. */
static const char *check_directory(apr_pool_t *p, const char *directory)
{
    struct stat info;
    if (lstat(directory, &info) != 0)
        return apr_psprintf(p, "cannot be read: %s: %s", directory, strerror(errno));
    if (info.st_uid != 0)
        return apr_psprintf(p,
                            "cannot be trusted: %s belongs to another user than root, who could "
                            "put another keytab there; write chown root %s",
                            directory, directory);
    if (!S_ISLNK(info.st_mode) && info.st_mode & (S_IWGRP | S_IWOTH) && !(info.st_mode & S_ISVTX))
        return apr_psprintf(p,
                            "cannot be trusted: others than root can write to %s, and put another "
                            "keytab there; write chmod go-w %s",
                            directory, directory);
    return NULL;
}

static const char *check_directories(apr_pool_t *p, const char *path)
{
    const char *why = check_directory(p, "/");
    for (const char *end = strchr(path + 1, '/'); end && !why; end = strchr(end + 1, '/'))
        why = check_directory(p, apr_pstrmemdup(p, path, (apr_size_t)(end - path)));
    return why;
}

/* A link is root's where its directory is, and so is where it leads when that is. */
static const char *check_way(apr_pool_t *p, const char *path)
{
    char *real = realpath(path, NULL);
    const char *why;
    if (!real)
        return apr_psprintf(p, "cannot be read: %s", strerror(errno));
    why = check_directories(p, path);
    if (!why)
        why = check_directories(p, real);
    free(real);
    return why;
}

static const char *check_file(apr_pool_t *p, const char *path, const struct stat *info)
{
    if (!S_ISREG(info->st_mode))
        return "is not a regular file; write the right path in AuthNegotiateKeytab";
    if (info->st_uid != 0 || info->st_mode & (S_IWGRP | S_IWOTH))
        return apr_psprintf(p,
                            "cannot be trusted: others than root can write to it. Write "
                            "chown root %s; chmod 600 %s",
                            path, path);
    if (info->st_size > SIZE_MAX_HELD)
        return "is larger than 4 megabytes; make one with this server's keys alone";
    return NULL;
}

/* ---- Its bytes ---- */

/* Of the process that it is called in. */
static void wipe(neg_held *held)
{
    explicit_bzero(held->bytes, held->len);
}

static apr_status_t let_go(void *data)
{
    neg_held *held = data;
    wipe(held);
    munmap(held->bytes, held->len);
    return APR_SUCCESS;
}

/* @return 0, or -1 with errno */
static int make_room(apr_pool_t *p, neg_held *held, size_t len)
{
    held->len = len ? len : 1;
    held->bytes = mmap(NULL, held->len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (held->bytes == MAP_FAILED)
        return -1;
#ifdef MADV_DONTDUMP
    (void)madvise(held->bytes, held->len, MADV_DONTDUMP);
#endif
    apr_pool_cleanup_register(p, held, let_go, apr_pool_cleanup_null);
    return 0;
}

static int read_whole(int file, unsigned char *at, size_t len)
{
    while (len > 0) {
        ssize_t got = read(file, at, len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got == 0)
            errno = EIO;
        if (got <= 0)
            return -1;
        at += got;
        len -= (size_t)got;
    }
    return 0;
}

static const char *read_file(apr_pool_t *p, neg_held *held, const char *path, int file)
{
    struct stat info;
    const char *why;
    size_t len;
    if (fstat(file, &info) != 0)
        return apr_psprintf(p, "cannot be read: %s", strerror(errno));
    if ((why = check_file(p, path, &info)))
        return why;
    len = (size_t)info.st_size;
    if (make_room(p, held, len) != 0 || read_whole(file, held->bytes, len) != 0)
        return apr_psprintf(p, "cannot be read: %s", strerror(errno));
    why = neg_keytabfile_read(p, (neg_bytes){held->bytes, len}, &held->entries);
    return why ? apr_pstrcat(p, "is no keytab that can be read at start: ", why,
                             ". Make it anew with kadmin, ktutil or ktpass", NULL)
               : NULL;
}

neg_held *neg_held_read(apr_pool_t *p, const char *path, const char **why)
{
    neg_held *held = apr_pcalloc(p, sizeof(*held));
    int file;
    held->name = apr_pstrcat(p, NAME_PREFIX, path, NULL);
    if ((*why = check_way(p, path)))
        return NULL;
    /* Not to wait for a pipe. */
    if ((file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)) < 0) {
        *why = apr_psprintf(p, "cannot be read: %s", strerror(errno));
        return NULL;
    }
    *why = read_file(p, held, path, file);
    close(file);
    return *why ? NULL : held;
}

/* ---- A keytab of krb5's ---- */

const char *neg_held_name(const neg_held *held)
{
    return held->name;
}

int neg_held_is_name(const char *keytab)
{
    return keytab && strncmp(keytab, NAME_PREFIX "/", sizeof(NAME_PREFIX)) == 0;
}

static krb5_data data_of(neg_bytes bytes)
{
    return (krb5_data){0, (unsigned)bytes.len, (char *)bytes.data};
}

static krb5_principal principal_of(apr_pool_t *p, const neg_keytabfile_entry *entry)
{
    krb5_principal principal = apr_pcalloc(p, sizeof(*principal));
    principal->realm = data_of(entry->realm);
    principal->length = entry->components->nelts;
    principal->data = apr_palloc(p, (apr_size_t)principal->length * sizeof(krb5_data));
    for (int i = 0; i < principal->length; i++)
        principal->data[i] = data_of(APR_ARRAY_IDX(entry->components, i, neg_bytes));
    principal->type = (krb5_int32)entry->name_type;
    return principal;
}

static krb5_error_code add(apr_pool_t *p, krb5_context krb5, krb5_keytab keytab,
                           const neg_keytabfile_entry *from)
{
    krb5_keytab_entry entry = {0};
    entry.principal = principal_of(p, from);
    entry.timestamp = (krb5_timestamp)from->timestamp;
    entry.vno = from->kvno;
    entry.key.enctype = from->enctype;
    entry.key.length = (unsigned)from->key.len;
    entry.key.contents = (krb5_octet *)from->key.data;
    return krb5_kt_add_entry(krb5, keytab, &entry);
}

typedef struct {
    krb5_context krb5;
    krb5_keytab keytab;
} opened;

/* The library wipes the keys of a keytab in memory with its last handle. */
static apr_status_t end(void *data)
{
    opened *o = data;
    if (o->keytab)
        krb5_kt_close(o->krb5, o->keytab);
    krb5_free_context(o->krb5);
    return APR_SUCCESS;
}

krb5_error_code neg_held_open(apr_pool_t *p, neg_held *held)
{
    opened *o = apr_pcalloc(p, sizeof(*o));
    krb5_error_code code = krb5_init_context(&o->krb5);
    apr_pool_t *scratch;
    if (code)
        return code;
    apr_pool_cleanup_register(p, o, end, apr_pool_cleanup_null);
    apr_pool_create(&scratch, p);
    code = krb5_kt_resolve(o->krb5, held->name, &o->keytab);
    for (int i = 0; !code && i < held->entries->nelts; i++)
        code = add(scratch, o->krb5, o->keytab,
                   &APR_ARRAY_IDX(held->entries, i, neg_keytabfile_entry));
    apr_pool_destroy(scratch);
    wipe(held);
    return code;
}

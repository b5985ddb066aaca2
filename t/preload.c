/*
 * LD_PRELOADed into an httpd under test (t/faults.t): a clock that is stepped, memory that runs out
 * in the Kerberos libraries, how much is in use, and how many names are looked up. The test says what happens in a file that is
 * mapped here, in the parent, so that its children see it too. And, with NEG_BELIEVES_PACS in its
 * environment, a libkrb5 that calls every PAC's checksum good (t/pac.t).
 */
#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <netdb.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#pragma GCC visibility push(default)

struct control {
    int64_t clock;       /* seconds that the clock is ahead */
    uint32_t fail_every; /* one of so many allocations fails; 0: none */
    uint32_t calls, failed;
    uint32_t ask; /* a process that is to tell its heap, once */
    uint64_t heap;
    uint64_t lookups; /* of names, in the DNS or wherever */
};

static struct control *control;

__attribute__((constructor)) static void map_control(void)
{
    const char *name = getenv("NEG_CONTROL");
    int fd = name ? open(name, O_RDWR) : -1;
    void *map;
    if (fd < 0)
        return;
    map = mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (map != MAP_FAILED)
        control = map;
}

/* ---- Bytes in use, told at the next look at the clock (t/valgrind/check-leaks) ---- */

static void tell_heap(void)
{
    struct mallinfo2 info;
    if (!control || !control->ask || control->ask != (uint32_t)getpid())
        return;
    info = mallinfo2();
    control->heap = info.uordblks + info.hblkhd;
    control->ask = 0;
}

/* ---- The clock ---- */

int clock_gettime(clockid_t clock, struct timespec *ts)
{
    static int (*real)(clockid_t, struct timespec *);
    int result;
    tell_heap();
    if (!real)
        real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    result = real(clock, ts);
    if (result == 0 && control && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        ts->tv_sec += control->clock;
    return result;
}

int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
    struct timespec ts;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &ts);
    tv->tv_sec = ts.tv_sec;
    tv->tv_usec = ts.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *result)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    if (result)
        *result = ts.tv_sec;
    return ts.tv_sec;
}

/* ---- Names ---- */

int getaddrinfo(const char *restrict node, const char *restrict service,
                const struct addrinfo *restrict hints, struct addrinfo **restrict result)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    real = (int (*)(const char *, const char *, const struct addrinfo *, struct addrinfo **))dlsym(
        RTLD_NEXT, "getaddrinfo");
    if (control)
        __atomic_fetch_add(&control->lookups, 1, __ATOMIC_RELAXED);
    return real(node, service, hints, result);
}

/* ---- A library that believes ---- */

static int is_called_by(void *caller, const char *library)
{
    Dl_info info;
    return dladdr(caller, &info) && info.dli_fname && strstr(info.dli_fname, library);
}

typedef int verifier(void *context, const void *key, int32_t usage, const void *data,
                     const void *checksum, unsigned int *valid);
verifier krb5_c_verify_checksum;

/* Key usage 17 is that of PACs (MS-PAC section 2.8). Who else asks is told the truth. */
int krb5_c_verify_checksum(void *context, const void *key, int32_t usage, const void *data,
                           const void *checksum, unsigned int *valid)
{
    void *crypto;
    verifier *real;
    if (usage == 17 && getenv("NEG_BELIEVES_PACS") &&
        is_called_by(__builtin_return_address(0), "/libkrb5.so")) {
        *valid = 1;
        return 0;
    }
    crypto = dlopen("libk5crypto.so.3", RTLD_LAZY);
    real = (verifier *)dlsym(crypto, "krb5_c_verify_checksum");
    return real(context, key, usage, data, checksum, valid);
}

/* ---- Certificates: OpenSSL has no hash for them (t/bindings.t) ---- */

int X509_digest(const void *, const void *, unsigned char *, unsigned int *);

int X509_digest(const void *certificate, const void *type, unsigned char *hash, unsigned int *len)
{
    int (*real)(const void *, const void *, unsigned char *, unsigned int *);
    real = (int (*)(const void *, const void *, unsigned char *, unsigned int *))dlsym(
        RTLD_NEXT, "X509_digest");
    return getenv("NEG_NO_X509_DIGEST") || !real ? 0 : real(certificate, type, hash, len);
}

/* ---- Memory ---- */

/* APR's pools end the process when they get none, and so does libkrb5 1.20 here and there
 * (profile_get_values): then one child is replaced. It is GSSAPI and crypto that fail here. */

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *block, size_t size);

static int fails(void *caller)
{
    uint32_t call;
    if (!control || !control->fail_every)
        return 0;
    if (!is_called_by(caller, "/libgssapi") && !is_called_by(caller, "/libk5crypto"))
        return 0;
    call = __atomic_fetch_add(&control->calls, 1, __ATOMIC_RELAXED);
    if ((call * 2654435761u >> 8) % control->fail_every)
        return 0;
    __atomic_fetch_add(&control->failed, 1, __ATOMIC_RELAXED);
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *block, size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_realloc(block, size);
}

/*
 * LD_PRELOADed into httpd under helgrind (check-races), to tell it of two ways in which threads
 * hand memory to each other that it cannot see: httpd's lists of connections' pools, which need no
 * lock (apr_atomic_casptr), and pthread_once, with which the Kerberos libraries set themselves up.
 *
 * And a lock of krb5's replay cache is waited for by asking again: valgrind does not know that
 * F_OFD_SETLKW waits, and would let nobody else run meanwhile, its owner neither.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <unistd.h>

#include <apr_atomic.h>
#include <valgrind/helgrind.h>

#pragma GCC visibility push(default)

void *apr_atomic_casptr(volatile void **mem, void *with, const void *cmp)
{
    void *found;
    ANNOTATE_HAPPENS_BEFORE(mem);
    found = __sync_val_compare_and_swap((void **)mem, (void *)cmp, with);
    ANNOTATE_HAPPENS_AFTER(mem);
    return found;
}

static int lock_patiently(int (*real)(int, int, ...), int fd, int command, void *argument)
{
    int result;
    if (command != F_OFD_SETLKW)
        return real(fd, command, argument);
    while ((result = real(fd, F_OFD_SETLK, argument)) != 0 && (errno == EAGAIN || errno == EACCES))
        usleep(1000);
    return result;
}

#define INSTEAD_OF(function)                                                                       \
    int function(int fd, int command, ...)                                                         \
    {                                                                                              \
        int (*real)(int, int, ...) = (int (*)(int, int, ...))dlsym(RTLD_NEXT, #function);          \
        void *argument;                                                                            \
        va_list rest;                                                                              \
        va_start(rest, command);                                                                   \
        argument = va_arg(rest, void *);                                                           \
        va_end(rest);                                                                              \
        return lock_patiently(real, fd, command, argument);                                        \
    }
INSTEAD_OF(fcntl)
INSTEAD_OF(fcntl64)

static __thread struct {
    pthread_once_t *once;
    void (*routine)(void);
} current;

static void run_once(void)
{
    pthread_once_t *once = current.once;
    current.routine(); /* may come here again for another */
    ANNOTATE_HAPPENS_BEFORE(once);
}

int pthread_once(pthread_once_t *once, void (*routine)(void))
{
    int (*real)(pthread_once_t *, void (*)(void)) =
        (int (*)(pthread_once_t *, void (*)(void)))dlsym(RTLD_NEXT, "pthread_once");
    int result;
    current.once = once;
    current.routine = routine;
    result = real(once, run_once);
    ANNOTATE_HAPPENS_AFTER(once);
    return result;
}

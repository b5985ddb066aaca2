/*
 * LD_PRELOADed into httpd under helgrind (check-races), to tell it of two ways in which threads
 * hand memory to each other that it cannot see: httpd's lists of connections' pools, which need no
 * lock (apr_atomic_casptr), and pthread_once, with which the Kerberos libraries set themselves up.
 */
#define _GNU_SOURCE

#include <dlfcn.h>
#include <pthread.h>

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

/*
 * The limit: what GSSAPI alone takes for a token.
 *
 *   accept [-n tokens] [-t threads | -p processes] [-k keytab] [-r rcache] [-a acceptor]
 *
 * The credential is acquired once per thread, and a krb5 context is kept (see token.c), so that
 * krb5.conf stays parsed.  Tokens are made before the clock starts.  Prints name=value pairs: cpu
 * (microseconds of a processor for a token) and rate (tokens per second).  What threads lose
 * against processes is what they wait for each other.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "acceptor.h"
#include "token.h"

static const char *keytab, *rcache, *acceptor = "HTTP";
static int tokens_each = 1000;

typedef struct {
    gss_buffer_desc *tokens;
    double cpu;
    pthread_t thread;
    pid_t process;
    pthread_barrier_t *start;
} worker;

static void accept_token(gss_cred_id_t cred, gss_buffer_t token)
{
    gss_buffer_desc reply = GSS_C_EMPTY_BUFFER;
    OM_uint32 minor, major = bench_accept(cred, token, &reply, &minor);
    if (major != GSS_S_COMPLETE)
        bench_die("a token was refused: status %x, %x", major, minor);
    gss_release_buffer(&minor, &reply);
}

static void *work(void *data)
{
    worker *w = data;
    gss_cred_id_t cred = bench_acquire(acceptor, keytab, rcache);
    OM_uint32 minor;
    double before;
    if (cred == GSS_C_NO_CREDENTIAL)
        bench_die("no acceptor credential: look at the keytab");
    pthread_barrier_wait(w->start);
    before = bench_clock(CLOCK_THREAD_CPUTIME_ID);
    for (int i = 0; i < tokens_each; i++)
        accept_token(cred, &w->tokens[i]);
    w->cpu = bench_clock(CLOCK_THREAD_CPUTIME_ID) - before;
    gss_release_cred(&minor, &cred);
    return NULL;
}

/* Processes have it, and what they write there, in common. */
static void *common_memory(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        bench_die("no memory");
    return memory;
}

static pthread_barrier_t *make_barrier(unsigned count)
{
    pthread_barrier_t *barrier = common_memory(sizeof(*barrier));
    pthread_barrierattr_t attributes;
    pthread_barrierattr_init(&attributes);
    pthread_barrierattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_barrier_init(barrier, &attributes, count);
    return barrier;
}

static void begin(worker *w, int as_process)
{
    pid_t child;
    if (!as_process) {
        pthread_create(&w->thread, NULL, work, w);
        return;
    }
    child = fork();
    if (child == 0) {
        work(w);
        _exit(0);
    }
    w->process = child;
}

static void await(worker *w, int as_process)
{
    int status = 0;
    if (!as_process)
        pthread_join(w->thread, NULL);
    else if (waitpid(w->process, &status, 0) != w->process || status != 0)
        bench_die("a process failed");
}

static void measure(int count, int as_processes)
{
    worker *workers = common_memory((size_t)count * sizeof(*workers));
    pthread_barrier_t *start = make_barrier((unsigned)count + 1);
    double cpu = 0, began, seconds;
    for (int i = 0; i < count; i++) {
        workers[i].start = start;
        workers[i].tokens = calloc(tokens_each, sizeof(gss_buffer_desc));
        for (int j = 0; j < tokens_each; j++)
            workers[i].tokens[j] = bench_token(0);
    }
    for (int i = 0; i < count; i++)
        begin(&workers[i], as_processes);
    pthread_barrier_wait(start);
    began = bench_clock(CLOCK_MONOTONIC);
    for (int i = 0; i < count; i++) {
        await(&workers[i], as_processes);
        cpu += workers[i].cpu;
    }
    seconds = bench_clock(CLOCK_MONOTONIC) - began;
    printf("cpu=%.2f rate=%.0f\n", cpu / (count * tokens_each) * 1e6,
           count * tokens_each / seconds);
}

int main(int argc, char **argv)
{
    int option, count = 1, as_processes = 0;
    while ((option = getopt(argc, argv, "n:t:p:k:r:a:")) != -1) {
        switch (option) {
        case 'n':
            tokens_each = atoi(optarg);
            break;
        case 't':
        case 'p':
            count = atoi(optarg);
            as_processes = option == 'p';
            break;
        case 'k':
            keytab = optarg;
            break;
        case 'r':
            rcache = optarg;
            break;
        case 'a':
            acceptor = optarg;
            break;
        default:
            bench_die(
                "usage: accept [-n tokens] [-t threads | -p processes] [-k keytab] [-r rcache] "
                "[-a acceptor]");
        }
    }
    bench_client_init("HTTP@localhost");
    measure(count, as_processes);
    return 0;
}

/*
 * The limit: what GSSAPI alone takes for a token.
 *
 *   accept [-n tokens] [-t threads] [-k keytab] [-r rcache] [-a acceptor]
 *
 * The credential is acquired as the module does it (Kerberos, then SPNEGO, restricted to Kerberos),
 * once per thread, and a krb5 context is kept.  Tokens are made before the clock starts.  Prints
 * name=value pairs: cpu (microseconds of a processor for a token) and rate (tokens per second).
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <gssapi/gssapi_ext.h>
#include <krb5.h>

#include "token.h"

static char krb5_oid[] = "\x2a\x86\x48\x86\xf7\x12\x01\x02\x02";
static gss_OID_desc krb5_mech = {9, krb5_oid};
static gss_OID_desc spnego_mech = {6, "\x2b\x06\x01\x05\x05\x02"};

static const char *keytab, *rcache, *acceptor = "HTTP";
static int tokens_each = 1000;

typedef struct {
    gss_buffer_desc *tokens;
    double cpu;
    pthread_t thread;
    pthread_barrier_t *start;
} worker;

static gss_cred_id_t acquire(void)
{
    gss_key_value_element_desc elements[2];
    gss_key_value_set_desc store = {0, elements};
    gss_OID_set_desc krb5 = {1, &krb5_mech};
    gss_buffer_desc text = {strlen(acceptor), (void *)acceptor};
    gss_cred_id_t cred;
    gss_name_t name;
    OM_uint32 minor;
    if (keytab)
        elements[store.count++] = (gss_key_value_element_desc){"keytab", keytab};
    if (rcache)
        elements[store.count++] = (gss_key_value_element_desc){"rcache", rcache};
    if (gss_import_name(&minor, &text, GSS_C_NT_HOSTBASED_SERVICE, &name) ||
        gss_acquire_cred_from(&minor, name, GSS_C_INDEFINITE, &krb5, GSS_C_ACCEPT, &store, &cred,
                              NULL, NULL) ||
        gss_add_cred_from(&minor, cred, name, &spnego_mech, GSS_C_ACCEPT, 0, GSS_C_INDEFINITE,
                          &store, NULL, NULL, NULL, NULL) ||
        gss_set_neg_mechs(&minor, cred, &krb5))
        bench_die("no acceptor credential: look at the keytab");
    gss_release_name(&minor, &name);
    return cred;
}

/* What a server needs of it: the client's name in text, and the token that answers. */
static void accept_token(gss_cred_id_t cred, gss_buffer_t token)
{
    gss_ctx_id_t context = GSS_C_NO_CONTEXT;
    gss_buffer_desc reply = GSS_C_EMPTY_BUFFER, text = GSS_C_EMPTY_BUFFER;
    gss_name_t client = GSS_C_NO_NAME;
    OM_uint32 minor, major;
    major = gss_accept_sec_context(&minor, &context, cred, token, GSS_C_NO_CHANNEL_BINDINGS,
                                   &client, NULL, &reply, NULL, NULL, NULL);
    if (major != GSS_S_COMPLETE)
        bench_die("a token was refused: status %x, %x", major, minor);
    if (gss_display_name(&minor, client, &text, NULL) != GSS_S_COMPLETE)
        bench_die("a client without a name");
    gss_release_buffer(&minor, &text);
    gss_release_name(&minor, &client);
    gss_release_buffer(&minor, &reply);
    gss_delete_sec_context(&minor, &context, GSS_C_NO_BUFFER);
}

static void *work(void *data)
{
    worker *w = data;
    gss_cred_id_t cred = acquire();
    OM_uint32 minor;
    double before;
    pthread_barrier_wait(w->start);
    before = bench_clock(CLOCK_THREAD_CPUTIME_ID);
    for (int i = 0; i < tokens_each; i++)
        accept_token(cred, &w->tokens[i]);
    w->cpu = bench_clock(CLOCK_THREAD_CPUTIME_ID) - before;
    gss_release_cred(&minor, &cred);
    return NULL;
}

static void measure(int threads)
{
    worker *workers = calloc(threads, sizeof(*workers));
    pthread_barrier_t start;
    double cpu = 0, began, seconds;
    pthread_barrier_init(&start, NULL, threads + 1);
    for (int t = 0; t < threads; t++) {
        workers[t].start = &start;
        workers[t].tokens = calloc(tokens_each, sizeof(gss_buffer_desc));
        for (int i = 0; i < tokens_each; i++)
            workers[t].tokens[i] = bench_token(0);
    }
    for (int t = 0; t < threads; t++)
        pthread_create(&workers[t].thread, NULL, work, &workers[t]);
    pthread_barrier_wait(&start);
    began = bench_clock(CLOCK_MONOTONIC);
    for (int t = 0; t < threads; t++) {
        pthread_join(workers[t].thread, NULL);
        cpu += workers[t].cpu;
    }
    seconds = bench_clock(CLOCK_MONOTONIC) - began;
    printf("cpu=%.2f rate=%.0f\n", cpu / (threads * tokens_each) * 1e6,
           threads * tokens_each / seconds);
}

int main(int argc, char **argv)
{
    int option, threads = 1;
    while ((option = getopt(argc, argv, "n:t:k:r:a:")) != -1) {
        switch (option) {
        case 'n':
            tokens_each = atoi(optarg);
            break;
        case 't':
            threads = atoi(optarg);
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
            bench_die("usage: accept [-n tokens] [-t threads] [-k keytab] [-r rcache]");
        }
    }
    bench_client_init("HTTP@localhost");
    measure(threads);
    return 0;
}

/*
 * A client that measures a server.  Its tokens are made before the clock starts, it asks on
 * connections that stay open with one request under way on each, and it checks the status and the
 * body of every answer: one that is wrong ends the program.
 *
 *   load -p port -u path [-n requests] [-c connections] [-t none|first|each] [-d] [-k] [-T]
 *        [-H header] [-s status] [-b body] [-P pid]... [-i]
 *
 *   -t  a token with no request; with the first one of each connection, before the clock starts;
 *       with each request        -d  tokens that delegate
 *   -k  keep the cookies of the first answer      -T  TLS
 *   -H  one more header line                      -b  what the body has to be
 *   -P  the server's processes: their time on a processor and their memory
 *   -i  one request on each connection, all of them then left open: what they cost in memory
 *
 * Prints name=value pairs: rate (requests per second), p50 and p99 (microseconds), cpu
 * (microseconds of the server's for a request), memory (bytes that the server grew by).
 */
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/ssl.h>

#include "token.h"

#define ANSWER_MAX  65536
#define REQUEST_MAX 65536
#define PIDS_MAX    64

typedef enum {
    TOKEN_NONE,
    TOKEN_FIRST,
    TOKEN_EACH
} token_use;

static struct {
    int port, requests, connections, status, delegate, cookies, idle;
    token_use tokens;
    const char *path, *header, *body;
    SSL_CTX *tls;
    int pids[PIDS_MAX], pid_count;
} opt = {.requests = 1000, .connections = 1, .status = 200};

typedef struct {
    int fd;
    SSL *ssl;
    char cookie[4096]; /* a whole header line */
    double sent_at;
} connection;

static char answer[ANSWER_MAX + 1];
static char **authorizations; /* header lines, used from the last to the first */
static int authorizations_left;

/* ---- The server, as /proc has it ---- */

/* Nanoseconds on a processor, by the scheduler, of all threads. */
static double cpu_of(int pid)
{
    char name[300];
    double total = 0;
    struct dirent *entry;
    DIR *tasks;
    snprintf(name, sizeof(name), "/proc/%d/task", pid);
    if (!(tasks = opendir(name)))
        bench_die("the server's process %d is gone", pid);
    while ((entry = readdir(tasks))) {
        FILE *file;
        double nanoseconds = 0;
        snprintf(name, sizeof(name), "/proc/%d/task/%s/schedstat", pid, entry->d_name);
        if (*entry->d_name == '.' || !(file = fopen(name, "r")))
            continue;
        if (fscanf(file, "%lf", &nanoseconds) == 1)
            total += nanoseconds;
        fclose(file);
    }
    closedir(tasks);
    return total / 1e9;
}

static double cpu_of_all(void)
{
    double total = 0;
    for (int i = 0; i < opt.pid_count; i++)
        total += cpu_of(opt.pids[i]);
    return total;
}

/* Bytes that no file backs. */
static double memory_of_all(void)
{
    double total = 0;
    for (int i = 0; i < opt.pid_count; i++) {
        char text[256];
        double kilobytes;
        FILE *file;
        snprintf(text, sizeof(text), "/proc/%d/status", opt.pids[i]);
        if (!(file = fopen(text, "r")))
            bench_die("the server's process %d is gone", opt.pids[i]);
        while (fgets(text, sizeof(text), file))
            if (sscanf(text, "RssAnon: %lf", &kilobytes) == 1)
                total += kilobytes * 1024;
        fclose(file);
    }
    return total;
}

/* ---- Tokens ---- */

static char *make_authorization(void)
{
    static const char name[] = "Authorization: Negotiate ";
    gss_buffer_desc token = bench_token(opt.delegate);
    char *line = malloc(sizeof(name) + token.length * 4 / 3 + 8);
    OM_uint32 minor;
    strcpy(line, name);
    EVP_EncodeBlock((unsigned char *)line + strlen(name), token.value, (int)token.length);
    strcat(line, "\r\n");
    gss_release_buffer(&minor, &token);
    return line;
}

static void make_authorizations(void)
{
    if (opt.tokens == TOKEN_NONE)
        return;
    bench_client_init("HTTP@localhost");
    authorizations_left = opt.tokens == TOKEN_EACH ? opt.requests : opt.connections;
    authorizations = calloc(authorizations_left, sizeof(*authorizations));
    for (int i = 0; i < authorizations_left; i++)
        authorizations[i] = make_authorization();
}

/* ---- One request ---- */

static void open_connection(connection *c)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(opt.port)};
    struct timeval patience = {30, 0};
    int on = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        bench_die("no connection to port %d: %s", opt.port, strerror(errno));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    if (opt.tls) {
        c->ssl = SSL_new(opt.tls);
        SSL_set_fd(c->ssl, c->fd);
        SSL_set_tlsext_host_name(c->ssl, "localhost");
        if (SSL_connect(c->ssl) != 1)
            bench_die("no TLS with port %d", opt.port);
    }
}

static void send_request(connection *c, int with_token)
{
    static char request[REQUEST_MAX];
    char *authorization = NULL;
    int length, sent;
    if (with_token)
        authorization = authorizations[--authorizations_left];
    length = snprintf(request, sizeof(request),
                      "GET %s HTTP/1.1\r\nHost: localhost:%d\r\n%s%s%s\r\n", opt.path, opt.port,
                      authorization ? authorization : "", opt.header ? opt.header : "", c->cookie);
    if (length >= REQUEST_MAX)
        bench_die("a request of %d bytes", length);
    free(authorization);
    c->sent_at = bench_clock(CLOCK_MONOTONIC);
    sent = c->ssl ? SSL_write(c->ssl, request, length)
                  : (int)send(c->fd, request, length, MSG_NOSIGNAL);
    if (sent != length)
        bench_die("a request could not be sent");
}

static const char *header_value(const char *name)
{
    const char *line = answer;
    size_t length = strlen(name);
    while ((line = strstr(line, "\r\n")) && strncmp(line, "\r\n\r\n", 4) != 0) {
        line += 2;
        if (strncasecmp(line, name, length) == 0 && line[length] == ':')
            return line + length + 1 + strspn(line + length + 1, " ");
    }
    return NULL;
}

/* The length of the whole answer, or 0 while its headers are not all there. */
static size_t answer_length(void)
{
    const char *end = strstr(answer, "\r\n\r\n");
    const char *length = end ? header_value("Content-Length") : NULL;
    if (end && !length)
        bench_die("an answer without Content-Length:\n%.200s", answer);
    return end ? (size_t)(end + 4 - answer) + strtoul(length, NULL, 10) : 0;
}

/* A small answer comes in one piece: the rest of it is waited for, whatever the others do. */
static void read_answer(connection *c)
{
    size_t have = 0, want = 0;
    while (!want || have < want) {
        int got = c->ssl ? SSL_read(c->ssl, answer + have, (int)(ANSWER_MAX - have))
                         : (int)recv(c->fd, answer + have, ANSWER_MAX - have, 0);
        if (got <= 0)
            bench_die("%s: the server closed a connection, or says nothing", opt.path);
        have += got;
        answer[have] = '\0';
        want = answer_length();
        if (want > ANSWER_MAX)
            bench_die("an answer of %zu bytes", want);
    }
}

static void check_answer(void)
{
    int status = atoi(answer + strlen("HTTP/1.1 "));
    const char *body = strstr(answer, "\r\n\r\n") + 4;
    if (status != opt.status)
        bench_die("%s: status %d, not %d:\n%.1000s", opt.path, status, opt.status, answer);
    if (opt.body && strcmp(body, opt.body) != 0)
        bench_die("%s: another body: %.100s", opt.path, body);
}

static void keep_cookie(connection *c)
{
    const char *cookie = header_value("Set-Cookie");
    if (!cookie)
        bench_die("%s: no cookie in the first answer", opt.path);
    snprintf(c->cookie, sizeof(c->cookie), "Cookie: %.*s\r\n", (int)strcspn(cookie, ";\r"), cookie);
}

static void open_all(connection *connections)
{
    for (int i = 0; i < opt.connections; i++) {
        connection *c = &connections[i];
        open_connection(c);
        if (opt.tokens == TOKEN_FIRST || opt.idle) {
            send_request(c, opt.tokens != TOKEN_NONE);
            read_answer(c);
            check_answer();
        }
        if (opt.cookies)
            keep_cookie(c);
    }
}

/* ---- Many requests ---- */

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void run(connection *connections, double *latency)
{
    struct pollfd *polled = calloc(opt.connections, sizeof(*polled));
    int sent = 0, answered = 0;
    for (int i = 0; i < opt.connections; i++) {
        polled[i] = (struct pollfd){connections[i].fd, POLLIN, 0};
        if (sent < opt.requests) {
            send_request(&connections[i], opt.tokens == TOKEN_EACH);
            sent++;
        }
    }
    while (answered < opt.requests) {
        if (poll(polled, opt.connections, 30000) <= 0)
            bench_die("%s: no answer for half a minute", opt.path);
        for (int i = 0; i < opt.connections; i++) {
            if (!polled[i].revents)
                continue;
            read_answer(&connections[i]);
            latency[answered++] = bench_clock(CLOCK_MONOTONIC) - connections[i].sent_at;
            check_answer();
            if (sent < opt.requests) {
                send_request(&connections[i], opt.tokens == TOKEN_EACH);
                sent++;
            }
        }
    }
    free(polled);
}

static void measure(connection *connections)
{
    double *latency = calloc(opt.requests, sizeof(*latency));
    double memory, cpu, began, seconds;
    open_all(connections);
    memory = memory_of_all();
    cpu = cpu_of_all();
    began = bench_clock(CLOCK_MONOTONIC);
    run(connections, latency);
    seconds = bench_clock(CLOCK_MONOTONIC) - began;
    cpu = cpu_of_all() - cpu;
    memory = memory_of_all() - memory;
    qsort(latency, opt.requests, sizeof(*latency), compare);
    printf("rate=%.1f p50=%.1f p99=%.1f cpu=%.2f memory=%.0f\n", opt.requests / seconds,
           latency[opt.requests / 2] * 1e6, latency[(int)(opt.requests * 0.99)] * 1e6,
           cpu / opt.requests * 1e6, memory);
}

static void measure_idle(connection *connections)
{
    double memory = memory_of_all();
    open_all(connections);
    printf("memory=%.0f\n", memory_of_all() - memory);
}

/* ---- The command line ---- */

static token_use token_use_of(const char *word)
{
    if (strcmp(word, "first") == 0)
        return TOKEN_FIRST;
    return strcmp(word, "each") == 0 ? TOKEN_EACH : TOKEN_NONE;
}

static const char *header_line(const char *text)
{
    char *line = malloc(strlen(text) + 3);
    sprintf(line, "%s\r\n", text);
    return line;
}

static void parse(int argc, char **argv)
{
    int option;
    while ((option = getopt(argc, argv, "p:u:n:c:t:dkTH:s:b:P:i")) != -1) {
        switch (option) {
        case 'p':
            opt.port = atoi(optarg);
            break;
        case 'u':
            opt.path = optarg;
            break;
        case 'n':
            opt.requests = atoi(optarg);
            break;
        case 'c':
            opt.connections = atoi(optarg);
            break;
        case 't':
            opt.tokens = token_use_of(optarg);
            break;
        case 'd':
            opt.delegate = 1;
            break;
        case 'k':
            opt.cookies = 1;
            break;
        case 'T':
            opt.tls = SSL_CTX_new(TLS_client_method());
            break;
        case 'H':
            opt.header = header_line(optarg);
            break;
        case 's':
            opt.status = atoi(optarg);
            break;
        case 'b':
            opt.body = optarg;
            break;
        case 'P':
            if (opt.pid_count < PIDS_MAX)
                opt.pids[opt.pid_count++] = atoi(optarg);
            break;
        case 'i':
            opt.idle = 1;
            break;
        default:
            bench_die("load: see the head of t/bench/load.c");
        }
    }
    if (!opt.port || !opt.path || opt.requests < 1 || opt.connections < 1)
        bench_die("load -p port -u path: see the head of t/bench/load.c");
}

int main(int argc, char **argv)
{
    struct rlimit files;
    connection *connections;
    parse(argc, argv);
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    make_authorizations();
    connections = calloc(opt.connections, sizeof(*connections));
    if (opt.idle)
        measure_idle(connections);
    else
        measure(connections);
    return 0;
}

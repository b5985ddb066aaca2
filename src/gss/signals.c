/* Signals that would interrupt a lock: see signals.h. */

#include <pthread.h>

#include "signals.h"

void neg_signals_hold(sigset_t *before)
{
    /* A graceful restart or stop, as httpd may be built to tell of it, and an ended CGI program. */
    static const int gentle[] = {SIGUSR1, SIGUSR2, SIGWINCH, SIGCHLD};
    sigset_t held;
    sigemptyset(&held);
    for (size_t i = 0; i < sizeof(gentle) / sizeof(*gentle); i++)
        sigaddset(&held, gentle[i]);
    pthread_sigmask(SIG_BLOCK, &held, before);
}

void neg_signals_release(const sigset_t *before)
{
    pthread_sigmask(SIG_SETMASK, before, NULL);
}

void neg_signals_ignore_pipe(struct sigaction *before)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, before);
}

void neg_signals_heed_pipe(const struct sigaction *before)
{
    sigaction(SIGPIPE, before, NULL);
}

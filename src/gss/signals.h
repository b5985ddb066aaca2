/*
 * Signals that would interrupt a lock.
 *
 * krb5 locks the replay cache, keytabs and ticket caches by fcntl(), and takes an interruption of
 * the wait for a failure.  The children of prefork are told of a graceful restart by a signal
 * to the very thread that serves a request; with the other MPMs no worker sees signals.
 */
#ifndef NEG_SIGNALS_H
#define NEG_SIGNALS_H

#include <signal.h>

/*
 * From here on, such signals wait.  Those that end a process at once do not.
 *
 * @param before  where to note what was held before, for neg_signals_release()
 */
void neg_signals_hold(sigset_t *before);

/* What came in between is delivered now. */
void neg_signals_release(const sigset_t *before);

/*
 * For calls of GSSAPI before httpd serves, when it ignores SIGPIPE anyway: gssproxy hangs up on a
 * user whom it does not know, such as root, and its plugin goes on writing.
 *
 * @param before  what was done about it, for neg_signals_heed_pipe()
 */
void neg_signals_ignore_pipe(struct sigaction *before);
void neg_signals_heed_pipe(const struct sigaction *before);

#endif

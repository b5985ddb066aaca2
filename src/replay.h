/**
 * replay_memory.c: the replay cache that is a table of our own.
 */
#ifndef NEG_REPLAY_H
#define NEG_REPLAY_H

#include "conf.h"
#include "seen.h"

/** Reads memory[:megabytes]. */
const char *neg_replay_memory_set(cmd_parms *cmd, const char *text, apr_size_t *size);
/** The table, mapped into this process and its children; NULL when it cannot be, which is logged.
 */
neg_seen *neg_replay_memory_open(apr_pool_t *pconf, server_rec *s, apr_size_t size);
/** This configuration has another cache. */
void neg_replay_memory_leave(void);
/** Whether it will do without krb5's own cache for this authenticator. */
int neg_replay_memory_suffices(neg_seen *seen, const unsigned char *id, apr_time_t now,
                               apr_time_t expiry);

#endif

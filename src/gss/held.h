/**
 * Keytabs that root alone can read: the parent reads them at start, as mod_ssl reads private keys,
 * and its children inherit them.  Their bytes are in memory that no file system has, no program
 * that a child executes, and no core file where the system can be told so.
 */
#ifndef NEG_GSS_HELD_H
#define NEG_GSS_HELD_H

#include "gss.h"

typedef struct neg_held neg_held;

/**
 * Reads a keytab, as who can.  No user but root can have put it there: it and every directory above
 * it belong to root, and nobody else can write to them.
 * @param p    the configuration's; at its end the keys are wiped
 * @param path of a file
 * @param why  a sentence in p that goes on after the file's name, and has the remedy
 * @return NULL when it cannot be held
 */
neg_held *neg_held_read(apr_pool_t *p, const char *path, const char **why);

/** What it is for krb5, once it is open: MEMORY:path. */
const char *neg_held_name(const neg_held *held);

/** Whether this is the name of one, as neg_held_name() gives it. */
int neg_held_is_name(const char *keytab);

/**
 * Makes it a keytab of this process, once; what the parent has read is wiped here.
 * @param p the process's; at its end the keys are wiped
 * @return 0, or krb5's error
 */
krb5_error_code neg_held_open(apr_pool_t *p, neg_held *held);

#endif

/**
 * The room of the start: what can be said of a configuration before the first request, so that
 * nobody has to find out from users; and the dump.  It never sees a request, and changes nothing.
 */
#ifndef NEG_START_H
#define NEG_START_H

#include <apr_hash.h>

#include "conf.h"

typedef struct {
    const char *where;
    const char *sentence; /**< what is wrong, and the remedy */
} neg_finding;

/* ---- check.c ---- */

/** check_config hook: what can be seen before the start, for `-t` too.  @return OK or an error */
int neg_check_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s);
/** post_config hook: tells the error log what check_config warned of. */
int neg_check_warn(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s);

/* ---- hold.c: keytabs that the parent reads for its children ---- */

typedef struct {
    apr_pool_t *pool;
    server_rec *server;          /**< the main one */
    apr_hash_t *found;           /**< a keytab as it is configured -> what is known of it */
    int others;                  /**< some are not held */
    apr_array_header_t *notices; /**< of const char * */
} neg_holds;

neg_holds *neg_holds_begin(apr_pool_t *pconf, server_rec *s);
/** Reads it if it is for the parent alone.
 * @param keytab as it is configured; NULL: krb5's default, which is never held
 * @return NULL, or why it cannot be used */
const char *neg_holds_look(neg_holds *holds, const char *keytab);
/** Hands down what is held. */
void neg_holds_end(neg_holds *holds);

/* ---- files.c ---- */

/** @return NULL, or why the keytab at this path is not safe: a warning, in p */
const char *neg_files_check_keytab(apr_pool_t *p, const char *path);
/**
 * @param user  as whom the children run
 * @param stops filled: nothing could be stored there
 * @return NULL, or what is wrong with a directory for ccaches, in p
 */
const char *neg_files_check_ccaches(apr_pool_t *p, const char *directory, const char *user,
                                    int *stops);

/* ---- sections.c ---- */

/** What a section's requests will see: server, enclosing sections and itself merged, in p. */
const neg_conf *neg_sections_merge(apr_pool_t *p, server_rec *s, const neg_section *section);
/** What lines may have to do with. */
typedef enum {
    NEG_TOPIC_KEYTAB,
    NEG_TOPIC_KEYS, /**< which keys accept, and of what mechanisms */
    NEG_TOPIC_MECHS,
    NEG_TOPIC_TICKETS, /**< for backends */
    NEG_TOPIC_PASSWORDS,
    NEG_TOPIC_NAMES,
    NEG_TOPIC_TLS
} neg_topic;
/**
 * A section that neg_sections_merge() does not take, of any server, that may be for the same
 * requests and has lines of that topic; or NULL: then the merge is certain.
 * @param inner whether one that lies within this section counts, too
 */
const neg_section *neg_sections_find_other(server_rec *s, const neg_section *section,
                                           neg_topic topic, int inner);
/** Whether it, or one around it in s, has AuthType Negotiate. */
int neg_sections_negotiate(server_rec *s, const neg_section *section);
/** The same of AuthBasicProvider kerberos. */
int neg_sections_take_passwords(server_rec *s, const neg_section *section);

/* ---- krb5.c ---- */

/**
 * Whether the krb5 of this machine can be believed where something wants a PAC.
 * @param krb5 NULL: nothing is found
 * @return an array of neg_finding in p
 */
const apr_array_header_t *neg_check_krb5(apr_pool_t *p, server_rec *servers, krb5_context krb5);

/* ---- realms.c ---- */

/** krb5.conf's default realm, in p; NULL when it has none. */
const char *neg_realm_default(apr_pool_t *p, krb5_context krb5);
/** Which line of a section cannot do without it; NULL: none. */
const char *neg_realm_needs_default(const neg_conf *conf);
/** Realms of a section that only look like the default one.  @return an array of neg_finding in p,
 * where "where" is the line's name */
const apr_array_header_t *neg_realm_find_lookalikes(apr_pool_t *p, const neg_conf *own,
                                                    const char *default_realm);

/* ---- names.c ---- */

/** A name in conf's Require lines that no AuthNegotiateGroup explains, or NULL. */
const char *neg_membership_unnamed(apr_pool_t *p, server_rec *servers, const neg_conf *conf);

/* ---- sessions.c ---- */

/** Whether browsers send the cookie to where it is to be deleted.  @return NULL, or a warning */
const char *neg_session_check_logout(apr_pool_t *p, const neg_section *section,
                                     const neg_conf *conf);
/** Whether cookies of this section may go in the clear unasked.  @return NULL, or a warning */
const char *neg_session_check_clear(apr_pool_t *p, const server_rec *s, const neg_section *section,
                                    const neg_conf *conf);

/* ---- advice.c: sections that are open or dead ---- */

/** To be called once the configuration is read.  @return an array of neg_finding in p */
const apr_array_header_t *neg_advice_find(apr_pool_t *p);

/* ---- openpage.c: pages that are protected, and open by another way ---- */

/** Adds neg_finding's to an array of them, in p. */
void neg_openpage_find(apr_pool_t *p, apr_array_header_t *findings);

/* ---- probe.c: what the children will do, tried as their user before they do ---- */

typedef enum {
    NEG_PROBE_KEYTAB,    /**< it can be read */
    NEG_PROBE_KEY,       /**< and has a key that may accept */
    NEG_PROBE_ACCEPTOR,  /**< has one, if it can be read */
    NEG_PROBE_DIRECTORY, /**< ccaches can be made there */
    NEG_PROBE_OWNER      /**< and given to whom -DelegatePerms says */
} neg_probe_kind;

typedef struct {
    const char *where; /**< "AuthNegotiateKeytab (in /x, file:line)": how a finding begins */
    const neg_conf *conf;
    neg_probe_kind what;
    const neg_section *other; /**< one that may mend what is found; NULL: none */
} neg_probe;

/** The name of the children's user. */
const char *neg_probe_user(apr_pool_t *p);
/** Whether the children's user has access to a file.  @param how as of access(2) */
int neg_probe_can(apr_pool_t *p, server_rec *s, const char *path, int how);
/** TYPE:residual of the keytab that conf comes to. */
const char *neg_probe_keytab(apr_pool_t *p, krb5_context krb5, const neg_conf *conf);
/** Runs neg_probe's.  @return an array of neg_finding */
const apr_array_header_t *neg_probe_run(apr_pool_t *p, server_rec *s, const char *user,
                                        const apr_array_header_t *probes);

/* ---- dump.c ---- */

/** test_config hook: `httpd -t -D DUMP_NEGOTIATE`. */
void neg_dump(apr_pool_t *pconf, server_rec *s);

#endif

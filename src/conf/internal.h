/** Within the room of the configuration: the setters that directives.c lists. */
#ifndef NEG_CONF_INTERNAL_H
#define NEG_CONF_INTERNAL_H

#include "conf.h"

/* ---- edit.c ---- */

/** The configuration that a directive is to change; its section is noted for the checks at start.
 */
neg_conf *neg_config_edit(cmd_parms *cmd, void *conf);
/** This section has AuthType Negotiate. */
void neg_config_note_auth_type(cmd_parms *cmd, const neg_conf *conf);
/** This section has AuthBasicProvider kerberos. */
void neg_config_note_basic(cmd_parms *cmd, const neg_conf *conf);
/** This section has SetHandler negotiate-logout. */
void neg_config_note_logout(cmd_parms *cmd, const neg_conf *conf);

/* ---- Setters ---- */

const char *neg_mechs_set(cmd_parms *cmd, void *conf, const char *name);
const char *neg_binding_set(cmd_parms *cmd, void *conf, const char *mode, const char *file);
const char *neg_replay_set(cmd_parms *cmd, void *ignored, const char *text, const char *otherwise);

const char *neg_basic_provider_set(cmd_parms *cmd, void *conf, const char *name);
const char *neg_kerberos_realm_set(cmd_parms *cmd, void *conf, const char *realm);
/** httpd's AuthBasicProvider, noted for the checks at start. */
const char *neg_kerberos_see_provider(cmd_parms *cmd, void *conf, const char *name);
/** httpd's Require: the realms of a literal krb5-realm may be asked. */
const char *neg_kerberos_see_require(cmd_parms *cmd, void *conf, const char *line);
/** httpd's Require, seen by us too. */
const char *neg_require_see(cmd_parms *cmd, void *conf, const char *line);

const char *neg_s4u_set(cmd_parms *cmd, void *conf, int argc, char *const argv[]);
const char *neg_impersonate_set(cmd_parms *cmd, void *conf, int argc, char *const argv[]);
const char *neg_backend_set(cmd_parms *cmd, void *conf, const char *service, const char *otherwise);

const char *neg_session_set_timeout(cmd_parms *cmd, void *conf, const char *idle,
                                    const char *absolute);
const char *neg_session_set_cookie(cmd_parms *cmd, void *conf, int argc, char *const argv[]);
const char *neg_session_set_key(cmd_parms *cmd, void *ignored, const char *file);
const char *neg_session_set_store(cmd_parms *cmd, void *ignored, const char *text);
/** httpd's SetHandler, seen by us too. */
const char *neg_session_see_handler(cmd_parms *cmd, void *conf, const char *line);

const char *neg_attributes_set(cmd_parms *cmd, void *conf, const char *variable, const char *name);
const char *neg_groups_set(cmd_parms *cmd, void *conf, const char *name, const char *sid);

/* ---- Merges of what is more than one value ---- */

/** An outer section's variables with an inner one's, in p. */
const neg_attribute_rule *neg_attributes_merge(apr_pool_t *p, const neg_attribute_rule *base,
                                               const neg_attribute_rule *add);
/** Notes that requests for this section need an attribute of the client's ticket. */
void neg_wants_add(cmd_parms *cmd, neg_conf *conf, const char *name);
/** What either list has, in p if it is neither of them. */
const apr_array_header_t *neg_wants_merge(apr_pool_t *p, const apr_array_header_t *base,
                                          const apr_array_header_t *add);
/** An outer section's names with an inner one's, in p. */
const neg_groups *neg_groups_merge(apr_pool_t *p, const neg_groups *outer, const neg_groups *inner);

/* ---- store.c ---- */

/** Whether the servers of a cache of httpd's (redis, memcache) are written as its module reads
 * them.
 * @return NULL, or a sentence in p */
const char *neg_store_check(apr_pool_t *p, const char *text);

#endif

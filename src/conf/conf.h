/**
 * The room of the configuration: what an administrator has written.  Its members, their merge and
 * defaults, every directive's setter and its text for the dump.  It never sees a request's answer,
 * and proves nothing: what a policy is held against lives in the rooms above.
 *
 * A directive's whole life: its row in directives.c names the setter; its member stands in
 * NEG_CONF_MEMBERS, which makes the merge; its default is in config.c.
 */
#ifndef NEG_CONF_H
#define NEG_CONF_H

#include <httpd.h> /* before the others, which do not include it */

#include <apr_hash.h>
#include <http_log.h>

#include "delegate.h"
#include "rules.h"

/* The one symbol that httpd looks for; everything else stays inside (-fvisibility=hidden). */
extern module AP_MODULE_DECLARE_DATA auth_negotiate_module __attribute__((visibility("default")));
#ifndef NEG_MODULE_FILE /* which has AP_DECLARE_MODULE instead */
APLOG_USE_MODULE(auth_negotiate);
#endif

#define NEG_KERBEROS   "kerberos"        /**< the provider of AuthNegotiateBasicProvider */
#define NEG_INDICATORS "auth-indicators" /**< MIT krb5's name of the attribute */

extern const char neg_negotiate_name[]; /**< r->ap_auth_type, known by its address */
extern const char neg_basic_name[];

/*
 * The one list of configuration members: it makes the structure and its merge, so that no directive
 * can be forgotten in either.
 */
#define NEG_CONF_MEMBERS(X)                                                                        \
    X(const char *, keytab)       /* TYPE:residual */                                              \
    X(const neg_word *, acceptor) /* "any", "HTTP", "HTTP@host" */                                 \
    X(unsigned, mechs)            /* NEG_MECH_* */                                                 \
    X(neg_switch, require_tls)                                                                     \
    X(const neg_binding_rule *, channel_binding)                                                   \
    X(neg_switch, persist)                                                                         \
    X(neg_offer, offer)                                                                            \
    X(const neg_user_rule *, user)                                                                 \
    X(const neg_delegate *, delegate)                                                              \
    X(const neg_perms *, delegate_perms)                                                           \
    X(const char *, delegate_env) /* the variable that names the ccache */                         \
    X(const neg_s4u_rule *, s4u2proxy)                                                             \
    X(const neg_impersonate_rule *, impersonate)                                                   \
    X(const neg_attribute_rule *, attribute)                                                       \
    X(const neg_groups *, group)                  /* names for groups of the PAC */                \
    X(const apr_array_header_t *, basic_provider) /* of neg_provider; empty: off */                \
    X(const apr_array_header_t *, basic_realm)    /* of const char * */                            \
    X(neg_switch, basic_enterprise)                                                                \
    X(const apr_array_header_t *, required_realms) /* of httpd's own Require krb5-realm */         \
    X(neg_switch, session)                                                                         \
    X(const neg_timeouts *, session_timeout)                                                       \
    X(const neg_cookie_rule *, session_cookie)                                                     \
    X(const neg_backend_rule *, proxy_service)

/** A location's policy.  Immutable once merged; merges happen per request, so it owns nothing. */
typedef struct {
#define X(type, name) type name;
    NEG_CONF_MEMBERS(X)
#undef X
    const char *where;               /**< the section that it was written in; not merged */
    const apr_array_header_t *wants; /**< of const char *: names of attributes, as core/sorted.h has
                                        them; see attributes.c */
    int wants_pac;                   /**< groups, SID or names of the PAC are needed here */
    const apr_array_header_t *group_names; /**< of const char *: that Require has; not merged */
} neg_conf;

/** Where a line of the configuration stands: see scope.c. */
typedef struct {
    const ap_directive_t *host; /**< its <VirtualHost>; NULL: the main server */
    const char *kind;           /**< "<Location"; "" outside every section */
    const char *text;           /**< what follows that word; NULL outside */
    const char *path;           /**< the first word of it */
    int plain;                  /**< a path as it is, without wildcards: comparable with others */
} neg_scope;

/** A section of the configuration that has a directive of ours, for check.c. */
typedef struct {
    const char *where;
    neg_scope scope;
    const char *file; /**< of its first directive of ours */
    int line;
    int negotiates;      /**< it has AuthType Negotiate */
    int takes_passwords; /**< it has AuthBasicProvider kerberos */
    int logs_out;        /**< it has SetHandler negotiate-logout, and is a <Location> */
    const neg_conf *conf;
} neg_section;

/* OpenSSL's SSL and SSL_SESSION. */
struct ssl_st;
struct ssl_session_st;

/** Per virtual host.  The workers (what each thread keeps: gss.h) are found here, so that no
 * variable of the process is needed. */
typedef struct {
    apr_array_header_t *sections; /**< of neg_section *, while the configuration is read */
    apr_array_header_t *warnings; /**< of const char *, from check_config for the error log */
    apr_array_header_t *notices;  /**< the same, of what may stay */
    apr_hash_t
        *held; /**< keytabs that the parent has read: as configured -> neg_held *; NULL: none */
    neg_replay *replay; /**< NULL: default */
    int sees_tls; /**< in the main server: mod_ssl's connections can be looked at (resumed.c) */
    int (*keep_session)(struct ssl_st *, struct ssl_session_st *); /**< there too: mod_ssl's own */
    apr_array_header_t
        *session_keys; /**< a ring (core/seal.h); NULL until post_config: none named */
    neg_session_place *session_place; /**< NULL: the cookie */
    apr_array_header_t *cookie_names; /**< of const char *: all that sessions are given here */
    neg_workers *workers;             /**< of this child; NULL in the parent */
    struct neg_tally *tally;          /**< of this child: see report.c */
    neg_ccaches *ccaches;             /**< of this child: see delegate.c */
    apr_uint32_t *half_open;          /**< of this child: see connection.c */
    struct neg_slots *slots;          /**< of all children: see slots.c */
    neg_tickets *tickets;             /**< of this child: see tickets.c */
    const char *own_tickets;          /**< directory, of all children: see ownplace.c; NULL: none */
    const struct neg_scheme_lists *schemes; /**< in a child: see request/schemes.c */
    struct neg_proxied *proxied;            /**< of this child: see gss/proxied.c; NULL: none */
} neg_server;

/* ---- directives.c ---- */

extern const command_rec neg_commands[];

/* ---- edit.c: what is found of a configuration ---- */

const neg_conf *neg_config_of(request_rec *r);
neg_server *neg_config_server(server_rec *s);
/** Whether the configuration is read for the start, not a .htaccess for a request. */
int neg_config_at_start(cmd_parms *cmd);
/** Whether a .htaccess took part in r's configuration, and may have directives of these classes
 * (OR_AUTHCFG, ...): then its author, who is no administrator, has a say in them. */
int neg_config_is_overridden(const request_rec *r, int classes);

/* ---- config.c: made, merged, defaults ---- */

void *neg_config_create_dir(apr_pool_t *p, char *where);
void *neg_config_merge_dir(apr_pool_t *p, void *base, void *add);
void *neg_config_create_server(apr_pool_t *p, server_rec *s);
void *neg_config_merge_server(apr_pool_t *p, void *base, void *add);
/** The keytab as this process has it: what is held is MEMORY:path.  NULL: krb5's default */
const char *neg_config_keytab(const neg_server *server, const neg_conf *conf);
/** Makes what is held keytabs of this process.  @return NULL, or why one cannot be made */
const char *neg_config_open_keytabs(apr_pool_t *p, server_rec *s);
/** Whether this is an acceptor: any, HTTP, or a service at a host. */
int neg_config_is_acceptor(const char *text);
/** The last of them. */
int neg_config_is_service_at_host(const char *text);

/* Defaults live here and nowhere else. */
const char *neg_config_acceptor_text(const neg_conf *conf);
const char *neg_config_delegate_dir(const neg_conf *conf);
const char *neg_config_delegate_env(const neg_conf *conf);
#define NEG_IN_MEMORY "MEMORY:"
/** Where a delegated credential is kept: a directory, NEG_IN_MEMORY for backends alone, or NULL. */
const char *neg_config_delegate_place(const neg_conf *conf);
/** AuthNegotiateProxyService, NULL when it is off. */
const neg_backend_rule *neg_config_proxy_service(const neg_conf *conf);
neg_perms neg_config_perms(const neg_conf *conf);
unsigned neg_config_mechs(const neg_conf *conf);
const char *neg_config_user_text(const neg_conf *conf);
neg_timeouts neg_config_timeouts(const neg_conf *conf);
neg_cookie_rule neg_config_cookie(const neg_conf *conf);
neg_binding_mode neg_config_binding(const neg_conf *conf);
/** What bindings are held against: off, own (the connection's) or a certificate's path. */
const char *neg_config_channel(const neg_conf *conf);

/* ---- tokens.c, passwords.c, delegation.c, sessions.c: what directives come to ---- */

/** A set of NEG_MECH_* as AuthNegotiateMechs has it. */
const char *neg_mechs_text(unsigned mechs);
/** @return NULL, or a static sentence why these mechanisms cannot have this acceptor */
const char *neg_mechs_conflict(unsigned mechs, const char *acceptor);
extern const neg_store_use neg_replay_use;
neg_replay_kind neg_replay_kind_of(const neg_server *server);
const char *neg_replay_text(const neg_server *server);
/** Where nobody has written an AuthNegotiateReplayCache, it is `memory`. */
void neg_replay_prefer_memory(apr_pool_t *pconf, server_rec *servers);
/** krb5's own cache as an acceptor names it: NULL, its default, or "none:". */
const char *neg_replay_rcache(const neg_server *server);

/** Whether passwords are taken at all by this policy. */
int neg_basic_is_on(const neg_conf *conf);
/** Whether this policy has a provider of that name. */
int neg_basic_has(const neg_conf *conf, const char *provider);

/** Whether it is On by itself, whatever the sections around say. */
int neg_s4u_is_written(const neg_conf *conf);
int neg_s4u_is_on(const neg_conf *conf);
/** What the tickets are for; NULL: they are not asked for. */
const char *neg_s4u_text(const neg_conf *conf);
/** @param own what a section has itself
 *  @param conf what its requests see
 *  @return NULL, or a static sentence why that cannot be obeyed */
const char *neg_s4u_conflict(const neg_conf *own, const neg_conf *conf);
/** The value of AuthNegotiateImpersonate. */
const char *neg_impersonate_text(apr_pool_t *p, const neg_conf *conf);

extern const neg_store_use neg_session_use;
const char *neg_session_store_text(const neg_server *server);
const char *neg_session_keys_text(apr_pool_t *p, const neg_server *server);
/** What follows the cookie's value: "; Path=/; HttpOnly; ...". */
const char *neg_session_attributes(apr_pool_t *p, const neg_cookie_rule *rule, int secure,
                                   apr_int64_t max_age);

/* ---- attributes.c ---- */

/** The attribute that a location shows in this variable, or NULL. */
const char *neg_attributes_shown(const neg_conf *conf, const char *variable);
/** The values as one text of printable characters, in p; NULL where there are none. */
const char *neg_attributes_text(apr_pool_t *p, const neg_attribute *attribute);
/** The first attribute that is wanted and was never asked for, the PAC's included; or NULL. */
const char *neg_wants_unasked(const neg_conf *conf, const neg_identity *identity);

/* ---- groups.c ---- */

/** A name as it is compared: without case. */
const char *neg_groups_key(apr_pool_t *p, const char *name);
/** The SID that a name has here, by its key; or NULL. */
const neg_bytes *neg_groups_find(const neg_groups *groups, const char *key);
/** All names with their SIDs, for the dump. */
const char *neg_groups_text(apr_pool_t *p, const neg_groups *groups);
/** NEGOTIATE_GROUPS, in p: names, or SIDs of those that have none, with ';' between them.  NULL
 * where this location has no names, or the groups are not known. */
const char *neg_groups_published(apr_pool_t *p, const neg_groups *names,
                                 const neg_identity *identity);

/* ---- realms.c ---- */

/** @return NULL, or a static sentence why a word of a configuration is no realm */
const char *neg_realm_check(const char *realm);
/** @param realms of const char *; NULL is none */
int neg_realm_is_among(const apr_array_header_t *realms, const char *realm);

/* ---- scope.c ---- */

neg_scope neg_scope_of(apr_pool_t *p, const ap_directive_t *line);
/** Whether what stands in outer may be for requests of inner; with certainty it is not where 0. */
int neg_scope_may_cover(const neg_scope *outer, const neg_scope *inner);
/** Whether both are one section, perhaps written twice. */
int neg_scope_is_same(const neg_scope *a, const neg_scope *b);
int neg_scope_is_path_within(const char *outer, const char *inner);

#endif

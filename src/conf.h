/**
 * Configuration: the policy of a location, its directives and defaults, and the checks at start.
 */
#ifndef NEG_CONF_H
#define NEG_CONF_H

#include <ap_expr.h>
#include <http_config.h>
#include <httpd.h>
#include <mod_auth.h>

#include "gss.h"
#include "identity.h"

/* ---- Types ---- */

/* In every member of a configuration 0 means "not set here", so that merging is one rule. */

typedef enum {
    NEG_UNSET,
    NEG_OFF,
    NEG_ON
} neg_switch;

typedef enum {
    NEG_OFFER_UNSET,
    NEG_OFFER_ALWAYS,
    NEG_OFFER_ONCE /**< a client whose Negotiate failed is not offered it again */
} neg_offer;

/** A word, or an expression that gives one for each request. */
typedef struct {
    const char *text;           /**< as configured */
    const ap_expr_info_t *expr; /**< NULL: text is the word */
} neg_word;

typedef enum {
    NEG_USER_PRINCIPAL,
    NEG_USER_LOCAL,   /**< auth_to_local */
    NEG_USER_STRIP,   /**< without the listed realms; the default realm when none is listed */
    NEG_USER_ACCOUNT, /**< the PAC's account name, with the realm unless it is a listed one */
    NEG_USER_UPN,     /**< the PAC's user principal name, of the listed realms alone */
    NEG_USER_EXPR
} neg_user_form;

/** AuthNegotiateUser: how REMOTE_USER is made of an identity. */
typedef struct {
    neg_user_form form;
    const char *text;                 /**< as configured */
    const apr_array_header_t *realms; /**< of const char *, for STRIP, ACCOUNT and UPN */
    const ap_expr_info_t *expr;       /**< for NEG_USER_EXPR */
} neg_user_rule;

typedef enum {
    NEG_BINDING_OPTIONAL, /**< what a client sends must match */
    NEG_BINDING_OFF,
    NEG_BINDING_REQUIRE /**< a token without bindings is refused */
} neg_binding_mode;

/** AuthNegotiateChannelBinding. */
typedef struct {
    neg_binding_mode mode;
    const char *certificate; /**< file, where TLS ends in front of httpd; NULL: httpd's own TLS */
    neg_bytes end_point;     /**< of that certificate */
} neg_binding_rule;

/** AuthNegotiateDelegate. */
typedef struct {
    const char *directory; /**< of FILE: ccaches; NULL is off */
} neg_delegate;

/** AuthNegotiateS4U2Proxy: see s4u.c. */
typedef struct {
    const char *text;                   /**< all of it; NULL: Off */
    int optional;                       /**< requests go on where there are no tickets */
    const char *account;                /**< as whom this server logs in; NULL: its key's owner */
    const apr_array_header_t *services; /**< of const char * */
} neg_s4u_rule;

/** AuthNegotiateImpersonate: see impersonate.c. */
typedef struct {
    int on;
    const apr_array_header_t *realms; /**< of const char *: beside the default realm */
} neg_impersonate_rule;

/** A name attribute (RFC 6680) that a variable shows: AuthNegotiateAttribute. */
typedef struct {
    const char *variable;
    const char *name; /**< of the attribute */
} neg_shown;

/** The AuthNegotiateAttribute lines of a section. */
typedef struct {
    int off;                         /**< those of the sections around it are forgotten */
    const apr_array_header_t *shown; /**< of neg_shown, as core/sorted.h has them */
} neg_attribute_rule;

/** The AuthNegotiateGroup lines: see groups.c. */
typedef struct neg_groups neg_groups;

/** One of AuthNegotiateBasicProvider. */
typedef struct {
    const char *name;
    const authn_provider *authn;
} neg_provider;

/** AuthNegotiateSessionTimeout. */
typedef struct {
    apr_interval_time_t idle;     /**< without a request */
    apr_interval_time_t absolute; /**< from its beginning */
} neg_timeouts;

/** AuthNegotiateSessionCookie. */
typedef struct {
    const char *name; /**< NULL: made of the protection space */
    const char *path;
    const char *domain;    /**< NULL: this host alone */
    const char *same_site; /**< Lax, Strict or None */
    int secure;            /**< also where this server sees no TLS */
    int max_age;           /**< seconds; 0: the browser forgets it at its end */
} neg_cookie_rule;

/** AuthNegotiateProxyService. */
typedef struct {
    const char *text;           /**< as configured: off, HTTP (at the backend's host), HTTP@host */
    const ap_expr_info_t *expr; /**< gives HTTP@host; NULL: text does */
    int optional;               /**< a request whose user delegated nothing goes on without */
} neg_backend_rule;

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

typedef enum {
    NEG_REPLAY_DEFAULT, /**< krb5's own cache: of this machine */
    NEG_REPLAY_NONE,
    NEG_REPLAY_STORE, /**< an httpd socache provider */
    NEG_REPLAY_MEMORY /**< a table of our own: replay_memory.c */
} neg_replay_kind;

/** AuthNegotiateReplayCache: see replay.c. */
typedef struct neg_replay neg_replay;

/** AuthNegotiateSessionStore: see session.c. */
typedef struct neg_session_place neg_session_place;

/* OpenSSL's SSL and SSL_SESSION. */
struct ssl_st;
struct ssl_session_st;

/** Per virtual host.  The workers (what each thread keeps: gss.h) are found here, so that no
 * variable of the process is needed. */
typedef struct {
    apr_array_header_t *sections; /**< of neg_section *, while the configuration is read */
    apr_array_header_t *warnings; /**< of const char *, from check_config for the error log */
    neg_replay *replay;           /**< NULL: default */
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
    struct neg_proxied *proxied;      /**< of this child: see gss/proxied.c; NULL: none */
} neg_server;

/* ---- directives.c ---- */

extern const command_rec neg_commands[];

/** Whether the servers of a cache of httpd's (redis, memcache) are written as its module reads
 * them.
 * @return NULL, or a sentence in p */
const char *neg_directives_check_store(apr_pool_t *p, const char *text);

/* ---- config.c ---- */

void *neg_config_create_dir(apr_pool_t *p, char *where);
void *neg_config_merge_dir(apr_pool_t *p, void *base, void *add);
void *neg_config_create_server(apr_pool_t *p, server_rec *s);
void *neg_config_merge_server(apr_pool_t *p, void *base, void *add);
const neg_conf *neg_config_of(request_rec *r);
neg_server *neg_config_server(server_rec *s);
/** Whether this is an acceptor: any, HTTP, or a service at a host. */
int neg_config_is_acceptor(const char *text);

/** Whether the configuration is read for the start, not a .htaccess for a request. */
int neg_config_at_start(cmd_parms *cmd);
/** Whether a .htaccess took part in r's configuration, and may have directives of these classes
 * (OR_AUTHCFG, ...): then its author, who is no administrator, has a say in them. */
int neg_config_is_overridden(const request_rec *r, int classes);
/** The configuration that a directive is to change; its section is noted for the checks at start.
 */
neg_conf *neg_config_edit(cmd_parms *cmd, void *conf);
/** This section has AuthType Negotiate. */
void neg_config_note_auth_type(cmd_parms *cmd, const neg_conf *conf);
/** This section has AuthBasicProvider kerberos. */
void neg_config_note_basic(cmd_parms *cmd, const neg_conf *conf);
/** This section has SetHandler negotiate-logout. */
void neg_config_note_logout(cmd_parms *cmd, const neg_conf *conf);

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

/* ---- check.c ---- */

typedef struct {
    const char *where;
    const char *sentence; /**< what is wrong, and the remedy */
} neg_finding;

/** check_config hook: what can be seen before the start, for `-t` too.  @return OK or an error */
int neg_check_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s);
/** post_config hook: tells the error log what check_config warned of. */
int neg_check_warn(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s);

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

/* ---- checkkrb5.c ---- */

/**
 * Whether the krb5 of this machine can be believed where something wants a PAC.
 * @param krb5 NULL: nothing is found
 * @return an array of neg_finding in p
 */
const apr_array_header_t *neg_check_krb5(apr_pool_t *p, server_rec *servers, krb5_context krb5);

/* ---- realms.c ---- */

/** @return NULL, or a static sentence why a word of a configuration is no realm */
const char *neg_realm_check(const char *realm);
/** @param realms of const char *; NULL is none */
int neg_realm_is_among(const apr_array_header_t *realms, const char *realm);
/** krb5.conf's default realm, in p; NULL when it has none. */
const char *neg_realm_default(apr_pool_t *p, krb5_context krb5);
/** Which line of a section cannot do without it; NULL: none. */
const char *neg_realm_needs_default(const neg_conf *conf);
/** Realms of a section that only look like the default one.  @return an array of neg_finding in p,
 * where "where" is the line's name */
const apr_array_header_t *neg_realm_find_lookalikes(apr_pool_t *p, const neg_conf *own,
                                                    const char *default_realm);

/* ---- scope.c ---- */

neg_scope neg_scope_of(apr_pool_t *p, const ap_directive_t *line);
/** Whether what stands in outer may be for requests of inner; with certainty it is not where 0. */
int neg_scope_may_cover(const neg_scope *outer, const neg_scope *inner);
/** Whether both are one section, perhaps written twice. */
int neg_scope_is_same(const neg_scope *a, const neg_scope *b);
int neg_scope_is_path_within(const char *outer, const char *inner);

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
/** TYPE:residual of the keytab that conf comes to. */
const char *neg_probe_keytab(apr_pool_t *p, krb5_context krb5, const neg_conf *conf);
/** Runs neg_probe's.  @return an array of neg_finding */
const apr_array_header_t *neg_probe_run(apr_pool_t *p, server_rec *s, const char *user,
                                        const apr_array_header_t *probes);

/* ---- dump.c ---- */

/** test_config hook: `httpd -t -D DUMP_NEGOTIATE`. */
void neg_dump(apr_pool_t *pconf, server_rec *s);

#endif

/** The values of directives: one type for each that is more than a word. */
#ifndef NEG_CONF_RULES_H
#define NEG_CONF_RULES_H

#include <httpd.h> /* before the others, which do not include it */

#include <ap_expr.h>
#include <http_config.h>
#include <mod_auth.h>

#include "gss.h"
#include "identity.h"
#include "seen.h"
#include "store.h"

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

/** AuthNegotiateReplayCache. */
typedef enum {
    NEG_REPLAY_DEFAULT, /**< krb5's own cache: of this machine */
    NEG_REPLAY_NONE,
    NEG_REPLAY_STORE, /**< an httpd socache provider */
    NEG_REPLAY_MEMORY /**< a table of our own: proof/replay_memory.c */
} neg_replay_kind;

typedef struct {
    neg_replay_kind kind;
    int or_local;     /**< while the store is gone, krb5's own cache is enough */
    const char *text; /**< as configured */
    neg_store *store; /**< of NEG_REPLAY_STORE */
    apr_size_t size;  /**< of NEG_REPLAY_MEMORY */
    neg_seen *seen;
} neg_replay;

/** AuthNegotiateSessionStore. */
typedef struct {
    const char *text;      /**< as configured */
    neg_store *store;      /**< NULL: the cookie */
    apr_uint32_t swept_at; /**< of this child: when ended sessions' ccaches were last looked for */
} neg_session_place;

#endif

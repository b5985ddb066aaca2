/* Directives: a setter obeys, or returns a sentence that says what to write instead. */

#include <stddef.h>

#include <apr_lib.h>
#include <apr_strings.h>
#include <apr_user.h>
#include <http_core.h>

#include "internal.h"

/* ---- Words that are expressions ---- */

static int is_expression(const char *text)
{
    return strstr(text, "%{") != NULL;
}

static const char *parse_expression(cmd_parms *cmd, const char *text, const ap_expr_info_t **expr)
{
    const char *error = NULL;
    unsigned flags = AP_EXPR_FLAG_STRING_RESULT;
    if (!neg_config_at_start(cmd))
        flags |= AP_EXPR_FLAG_RESTRICTED;
    *expr = ap_expr_parse_cmd(cmd, text, flags, &error, NULL);
    if (error)
        return apr_psprintf(cmd->pool, "%s: the expression \"%s\" cannot be read: %s",
                            cmd->cmd->name, text, error);
    return NULL;
}

/* ---- Setters ---- */

/* httpd's own directive, seen by us too, so that the start can be checked where it is used. */
static const char *see_auth_type(cmd_parms *cmd, void *conf, const char *type)
{
    if (strcasecmp(type, neg_negotiate_name) == 0)
        neg_config_note_auth_type(cmd, conf);
    return NULL;
}

static const char *set_keytab(cmd_parms *cmd, void *conf, const char *name)
{
    neg_conf *c = neg_config_edit(cmd, conf);
    const char *colon = strchr(name, ':');
    const char *path;
    /* TYPE:residual, as krb5 has it: the type is letters alone, so that a path never is one. */
    if (colon && colon > name &&
        strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == (size_t)(colon - name)) {
        c->keytab = name;
        return NULL;
    }
    if (strncasecmp(name, "FILE:", 5) == 0)
        name += 5;
    path = ap_server_root_relative(cmd->pool, name);
    if (!path || !*name)
        return apr_psprintf(cmd->pool,
                            "AuthNegotiateKeytab: \"%s\" is no path; write the path of the keytab, "
                            "such as /etc/apache2/http.keytab, or TYPE:residual",
                            name);
    c->keytab = apr_pstrcat(cmd->pool, "FILE:", path, NULL);
    return NULL;
}

static const char *set_acceptor(cmd_parms *cmd, void *conf, const char *text)
{
    neg_conf *c = neg_config_edit(cmd, conf);
    neg_word *word = apr_pcalloc(cmd->pool, sizeof(*word));
    c->acceptor = word;
    word->text = text;
    if (is_expression(text))
        return parse_expression(cmd, text, &word->expr);
    if (strcasecmp(text, "any") == 0)
        word->text = "any";
    else if (!neg_config_is_acceptor(text))
        return apr_psprintf(cmd->pool,
                            "AuthNegotiateAcceptor: \"%s\" is not understood; write HTTP (every "
                            "HTTP/ key of the keytab), any (every key), HTTP@host.name (that one, "
                            "without a realm), or an expression with %%{...}",
                            text);
    return NULL;
}

/* On/Off directives: cmd->info is the offset of their member. */
static const char *set_switch(cmd_parms *cmd, void *conf, int on)
{
    neg_switch *member = (neg_switch *)((char *)neg_config_edit(cmd, conf) + (apr_size_t)cmd->info);
    *member = on ? NEG_ON : NEG_OFF;
    return NULL;
}

static const char *set_offer(cmd_parms *cmd, void *conf, const char *word)
{
    neg_conf *c = neg_config_edit(cmd, conf);
    if (strcasecmp(word, "always") == 0)
        c->offer = NEG_OFFER_ALWAYS;
    else if (strcasecmp(word, "once") == 0)
        c->offer = NEG_OFFER_ONCE;
    else
        return apr_psprintf(cmd->pool, "AuthNegotiateOffer: write always or once, not \"%s\"",
                            word);
    return NULL;
}

/* strip, account or upn, with the realms that they are for. */
static const char *set_realms(cmd_parms *cmd, neg_user_rule *rule, neg_user_form form, int argc,
                              char *const argv[])
{
    apr_array_header_t *realms = apr_array_make(cmd->pool, argc + 1, sizeof(const char *));
    for (int i = 1; i < argc; i++) {
        const char *why = neg_realm_check(argv[i]);
        if (why)
            return apr_psprintf(cmd->pool, "AuthNegotiateUser %s: \"%s\": %s", argv[0], argv[i],
                                why);
        APR_ARRAY_PUSH(realms, const char *) = argv[i];
        rule->text = apr_pstrcat(cmd->pool, rule->text, " ", argv[i], NULL);
    }
    rule->form = form;
    rule->realms = realms;
    return NULL;
}

static const char *set_user(cmd_parms *cmd, void *conf, int argc, char *const argv[])
{
    neg_conf *c = neg_config_edit(cmd, conf);
    neg_user_rule *rule = apr_pcalloc(cmd->pool, sizeof(*rule));
    const char *word = argc ? argv[0] : "";
    c->user = rule;
    rule->text = word;
    if (strcasecmp(word, "strip") == 0)
        return set_realms(cmd, rule, NEG_USER_STRIP, argc, argv);
    c->wants_pac |= strcasecmp(word, "account") == 0 || strcasecmp(word, "upn") == 0;
    if (strcasecmp(word, "account") == 0)
        return set_realms(cmd, rule, NEG_USER_ACCOUNT, argc, argv);
    if (strcasecmp(word, "upn") == 0)
        return set_realms(cmd, rule, NEG_USER_UPN, argc, argv);
    if (argc == 1 && strcasecmp(word, "principal") == 0)
        rule->form = NEG_USER_PRINCIPAL;
    else if (argc == 1 && strcasecmp(word, "local") == 0)
        rule->form = NEG_USER_LOCAL;
    else if (argc == 1 && is_expression(word) && !neg_config_at_start(cmd))
        return "AuthNegotiateUser: an expression may not stand in .htaccess, whose author could "
               "give everybody the name that a Require around it asks for; write it in the "
               "server's configuration";
    else if (argc == 1 && is_expression(word)) {
        rule->form = NEG_USER_EXPR;
        return parse_expression(cmd, word, &rule->expr);
    } else
        return "AuthNegotiateUser: write principal, local, strip (with the realms to take off), "
               "account or upn (with the realms whose names they are), or one expression with "
               "%{...} in quotes";
    return NULL;
}

static const char *set_delegate(cmd_parms *cmd, void *conf, const char *place)
{
    neg_conf *c = neg_config_edit(cmd, conf);
    neg_delegate *delegate = apr_pcalloc(cmd->pool, sizeof(*delegate));
    c->delegate = delegate;
    if (strcasecmp(place, "off") == 0)
        return NULL;
    if (strncmp(place, "FILE:", 5) != 0 || !place[5])
        return apr_psprintf(cmd->pool,
                            "AuthNegotiateDelegate: \"%s\" is not understood; write off, or FILE: "
                            "and a private directory of the server's user, such as "
                            "FILE:/var/lib/apache2/ccaches",
                            place);
    delegate->directory = ap_server_root_relative(cmd->pool, place + 5);
    return delegate->directory ? NULL : "AuthNegotiateDelegate: the directory's path is not valid";
}

static const char *set_mode(cmd_parms *cmd, neg_perms *perms, const char *text)
{
    char *end;
    long mode = strtol(text, &end, 8);
    if (!*text || *end || mode < 0 || mode > 0777)
        return apr_psprintf(cmd->pool,
                            "AuthNegotiateDelegatePerms: \"mode:%s\" is no file mode; write three "
                            "or four octal digits, such as mode:0640",
                            text);
    if (mode & 0111 || mode & 07 || (mode & 0600) != 0600)
        return apr_psprintf(cmd->pool,
                            "AuthNegotiateDelegatePerms: mode:%s would open the users' tickets to "
                            "everybody, or close them to their owner; write mode:0600, mode:0640 "
                            "or mode:0660",
                            text);
    perms->mode = (unsigned)mode;
    return NULL;
}

static const char *set_owner(cmd_parms *cmd, neg_perms *perms, const char *name)
{
    apr_uid_t uid;
    apr_gid_t gid;
    if (apr_uid_get(&uid, &gid, name, cmd->temp_pool) != APR_SUCCESS)
        return apr_psprintf(cmd->pool, "AuthNegotiateDelegatePerms: there is no user \"%s\"", name);
    perms->uid = (long)uid;
    return NULL;
}

static const char *set_group(cmd_parms *cmd, neg_perms *perms, const char *name)
{
    apr_gid_t gid;
    if (apr_gid_get(&gid, name, cmd->temp_pool) != APR_SUCCESS)
        return apr_psprintf(cmd->pool, "AuthNegotiateDelegatePerms: there is no group \"%s\"",
                            name);
    perms->gid = (long)gid;
    return NULL;
}

static const char *set_perms(cmd_parms *cmd, void *conf, int argc, char *const argv[])
{
    neg_conf *c = neg_config_edit(cmd, conf);
    neg_perms *perms = apr_palloc(cmd->pool, sizeof(*perms));
    *perms = neg_config_perms(&(const neg_conf){0}); /* the defaults */
    c->delegate_perms = perms;
    for (int i = 0; i < argc; i++) {
        const char *why = NULL;
        if (strncmp(argv[i], "mode:", 5) == 0)
            why = set_mode(cmd, perms, argv[i] + 5);
        else if (strncmp(argv[i], "user:", 5) == 0 && argv[i][5])
            why = set_owner(cmd, perms, argv[i] + 5);
        else if (strncmp(argv[i], "group:", 6) == 0 && argv[i][6])
            why = set_group(cmd, perms, argv[i] + 6);
        else
            why = apr_psprintf(cmd->pool,
                               "AuthNegotiateDelegatePerms: \"%s\" is not understood; write "
                               "mode:0640, user:name, group:name, or several of them",
                               argv[i]);
        if (why)
            return why;
    }
    return argc ? NULL : "AuthNegotiateDelegatePerms: write mode:0640, user:name or group:name";
}

static const char *set_delegate_env(cmd_parms *cmd, void *conf, const char *name)
{
    neg_conf *c = neg_config_edit(cmd, conf);
    for (const char *s = name; *s; s++)
        if (!apr_isalnum(*s) && *s != '_')
            name = "";
    if (!*name || apr_isdigit(*name))
        return "AuthNegotiateDelegateEnv: the name of a variable has letters, digits and "
               "underscores, and does not begin with a digit; write for example KRB5CCNAME";
    c->delegate_env = name;
    return NULL;
}

/* ---- Caches of httpd's, for AuthNegotiateReplayCache and AuthNegotiateSessionStore ---- */

#define MEMBER(name) ((void *)offsetof(neg_conf, name))

/* Nothing that names a file, a key or a cookie is allowed in .htaccess: it would let the author of
 * a page choose with which keys of the machine it is protected, where tickets are put, or where a
 * session of others goes. */
#define NO_HTACCESS (ACCESS_CONF)

const command_rec neg_commands[] = {
    AP_INIT_TAKE1("AuthType", see_auth_type, NULL, OR_AUTHCFG,
                  "httpd's own; noted for the checks at start"),
    AP_INIT_RAW_ARGS("Require", neg_require_see, NULL, OR_AUTHCFG,
                     "httpd's own; noted for what it needs of tickets, and whose"),
    AP_INIT_ITERATE("AuthBasicProvider", neg_kerberos_see_provider, NULL, OR_AUTHCFG,
                    "mod_auth_basic's own; noted for the checks at start"),
    AP_INIT_RAW_ARGS("SetHandler", neg_session_see_handler, NULL, OR_FILEINFO,
                     "httpd's own; noted for the checks at start"),
    AP_INIT_TAKE1("AuthNegotiateKeytab", set_keytab, NULL, RSRC_CONF | NO_HTACCESS,
                  "the keytab: a file, or TYPE:residual; krb5's default otherwise"),
    AP_INIT_TAKE1("AuthNegotiateAcceptor", set_acceptor, NULL, NO_HTACCESS,
                  "which keys may accept: HTTP, any, HTTP@host or an expression"),
    AP_INIT_ITERATE("AuthNegotiateMechs", neg_mechs_set, NULL, OR_AUTHCFG,
                    "which mechanisms may be negotiated: krb5, ntlmssp"),
    AP_INIT_FLAG("AuthNegotiateRequireTLS", set_switch, MEMBER(require_tls), OR_AUTHCFG,
                 "On: no challenge and no acceptance without TLS; Off: passwords, too"),
    AP_INIT_TAKE12("AuthNegotiateChannelBinding", neg_binding_set, NULL, OR_AUTHCFG,
                   "optional, off or require, and the certificate of TLS that ends elsewhere"),
    AP_INIT_FLAG("AuthNegotiatePersist", set_switch, MEMBER(persist), OR_AUTHCFG,
                 "On: an HTTP/1.1 connection keeps the identity"),
    AP_INIT_TAKE1("AuthNegotiateOffer", set_offer, NULL, OR_AUTHCFG,
                  "always, or once: no second offer to a client whose Negotiate failed"),
    AP_INIT_TAKE_ARGV("AuthNegotiateUser", set_user, NULL, OR_AUTHCFG,
                      "REMOTE_USER: principal, local, strip, account or upn [realm...], or an "
                      "expression"),
    AP_INIT_ITERATE("AuthNegotiateBasicProvider", neg_basic_provider_set, NULL, OR_AUTHCFG,
                    "who checks passwords: kerberos, others of httpd's, or off"),
    AP_INIT_ITERATE("AuthNegotiateBasicRealm", neg_kerberos_realm_set, NULL, OR_AUTHCFG,
                    "realms that users may name beside the default realm"),
    AP_INIT_FLAG("AuthNegotiateBasicEnterprise", set_switch, MEMBER(basic_enterprise), OR_AUTHCFG,
                 "On: user@dns.domain is an enterprise name"),
    AP_INIT_TAKE12("AuthNegotiateReplayCache", neg_replay_set, NULL, RSRC_CONF,
                   "default, none, or a socache provider and or-refuse or or-local"),
    AP_INIT_TAKE1("AuthNegotiateDelegate", set_delegate, NULL, RSRC_CONF | NO_HTACCESS,
                  "where delegated credentials go: off or FILE:directory"),
    AP_INIT_TAKE_ARGV("AuthNegotiateDelegatePerms", set_perms, NULL, RSRC_CONF | NO_HTACCESS,
                      "mode:, user: and group: of the ccaches"),
    AP_INIT_TAKE1("AuthNegotiateDelegateEnv", set_delegate_env, NULL, RSRC_CONF | NO_HTACCESS,
                  "the variable that names the ccache: KRB5CCNAME"),
    AP_INIT_TAKE_ARGV("AuthNegotiateS4U2Proxy", neg_s4u_set, NULL, RSRC_CONF | NO_HTACCESS,
                      "Off, or On and the services for which tickets are got in the user's name"),
    AP_INIT_TAKE_ARGV("AuthNegotiateImpersonate", neg_impersonate_set, NULL,
                      RSRC_CONF | NO_HTACCESS,
                      "On [realm...]: the same for users whom another module has authenticated"),
    AP_INIT_TAKE12("AuthNegotiateAttribute", neg_attributes_set, NULL, OR_AUTHCFG,
                   "a variable and the name attribute that it shows, or off"),
    AP_INIT_TAKE12("AuthNegotiateGroup", neg_groups_set, NULL, RSRC_CONF | NO_HTACCESS,
                   "a name for a group, and its SID, or off"),
    AP_INIT_FLAG("AuthNegotiateSession", set_switch, MEMBER(session), OR_AUTHCFG,
                 "On: a sealed cookie keeps the identity"),
    AP_INIT_TAKE12("AuthNegotiateSessionTimeout", neg_session_set_timeout, NULL, OR_AUTHCFG,
                   "how long a session lasts without a request, and how long at all"),
    AP_INIT_TAKE_ARGV("AuthNegotiateSessionCookie", neg_session_set_cookie, NULL, NO_HTACCESS,
                      "name of the cookie, or default, and its attributes"),
    AP_INIT_ITERATE("AuthNegotiateSessionKey", neg_session_set_key, NULL, RSRC_CONF,
                    "files with keys: the first seals, all open"),
    AP_INIT_TAKE1("AuthNegotiateSessionStore", neg_session_set_store, NULL, RSRC_CONF,
                  "cookie, or a socache provider"),
    AP_INIT_TAKE12("AuthNegotiateProxyService", neg_backend_set, NULL, RSRC_CONF | NO_HTACCESS,
                   "Negotiate to a backend: off, HTTP, HTTP@host or expression; optional"),
    {.name = NULL}};

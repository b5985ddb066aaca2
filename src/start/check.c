/*
 * What can be seen before the first request, so that nobody has to find out from users: each
 * finding is a sentence with the remedy.  What cannot work stops the start, and `httpd -t`.
 * Files are tried by src/start/probe.c, as the user of httpd's children.
 */

#include <string.h>

#include <apr_strings.h>
#include <http_core.h>
#include <http_main.h>

#include "start.h"

/* ---- Findings ---- */

typedef struct {
    apr_pool_t *pool;
    server_rec *main_server;
    const char *user;             /* as whom the children run */
    krb5_context krb5;            /* NULL when krb5.conf cannot be read */
    const char *default_realm;    /* NULL when krb5.conf has none */
    apr_array_header_t *errors;   /* of const char * */
    apr_array_header_t *warnings; /* of const char * */
    apr_array_header_t *probes;   /* of neg_probe */
    neg_holds *holds;
} checks;

/* Once: what is wrong with a server's keytab is wrong in each of its sections. */
static void note(apr_array_header_t *findings, const char *where, const char *sentence)
{
    for (int i = 0; i < findings->nelts; i++) {
        const char *told = APR_ARRAY_IDX(findings, i, const char *);
        apr_size_t longer = strlen(told) - strlen(sentence);
        if (strlen(told) > strlen(sentence) && strcmp(told + longer, sentence) == 0)
            return;
    }
    APR_ARRAY_PUSH(findings, const char *) =
        apr_pstrcat(findings->pool, where, ": ", sentence, NULL);
}

/* What another section may mend is no reason not to start: see sections.c. */
static void note_unless(checks *c, const neg_section *other, const char *where,
                        const char *sentence)
{
    if (!other)
        note(c->errors, where, sentence);
    else
        note(c->warnings, where,
             apr_psprintf(c->pool,
                          "%s. This does not stop the start, since what %s (%s:%d) says may be for "
                          "the same requests",
                          sentence, other->where, other->file, other->line));
}

static void check_keytab_mode(checks *c, const char *where, const neg_conf *conf)
{
    const char *path = neg_keytab_path(neg_probe_keytab(c->pool, c->krb5, conf));
    const char *why = path ? neg_files_check_keytab(c->pool, path) : NULL;
    if (why)
        note(c->warnings, where, why);
}

/* @return whether it is worth trying to write there */
static int check_ccaches(checks *c, const char *where, const neg_conf *conf)
{
    int stops;
    const char *why =
        neg_files_check_ccaches(c->pool, neg_config_delegate_dir(conf), c->user, &stops);
    if (why)
        note(stops ? c->errors : c->warnings, where, why);
    return !stops;
}

/* ---- Sections ---- */

static neg_probe *add_probe(checks *c, const char *where, const neg_conf *conf, neg_probe_kind what)
{
    neg_probe *probe = apr_array_push(c->probes);
    probe->where = where;
    probe->conf = conf;
    probe->what = what;
    probe->other = NULL;
    return probe;
}

static const neg_section *other_of(const checks *c, const char *where)
{
    for (int i = 0; i < c->probes->nelts; i++) {
        const neg_probe *probe = &APR_ARRAY_IDX(c->probes, i, neg_probe);
        if (probe->other && strcmp(probe->where, where) == 0)
            return probe->other;
    }
    return NULL;
}

static void take(apr_array_header_t *into, const apr_array_header_t *findings)
{
    for (int i = 0; i < findings->nelts; i++) {
        const neg_finding *found = &APR_ARRAY_IDX(findings, i, neg_finding);
        note(into, found->where, found->sentence);
    }
}

static void run_probes(checks *c)
{
    const apr_array_header_t *findings = neg_probe_run(c->pool, c->main_server, c->user, c->probes);
    for (int i = 0; i < findings->nelts; i++) {
        const neg_finding *found = &APR_ARRAY_IDX(findings, i, neg_finding);
        note_unless(c, other_of(c, found->where), found->where, found->sentence);
    }
}

/* One that a section does not name may come from another one. */
static int may_have_keytab(server_rec *s, const neg_section *section)
{
    return neg_sections_find_other(s, section, NEG_TOPIC_KEYTAB, 0) != NULL;
}

/* Another section may have the keytab used for another acceptor, but not make a file of none. */
static void probe_key(checks *c, server_rec *s, const neg_section *section, const neg_conf *conf,
                      const char *where, const char *at)
{
    const neg_section *other = neg_sections_find_other(s, section, NEG_TOPIC_KEYS, 0);
    add_probe(c, where, conf, other ? NEG_PROBE_KEYTAB : NEG_PROBE_KEY);
    if (other)
        add_probe(c, apr_pstrcat(c->pool, "AuthNegotiateAcceptor", at, NULL), conf,
                  NEG_PROBE_ACCEPTOR)
            ->other = other;
}

/* The file is looked at where it is named; whether its keys fit, where clients are asked for
 * tickets, since only there it is known which ones may accept. */
static void check_keytab(checks *c, server_rec *s, const neg_section *section, const neg_conf *conf,
                         const char *at)
{
    const neg_conf *own = section->conf;
    const char *where =
        apr_pstrcat(c->pool, own->keytab ? "AuthNegotiateKeytab" : "AuthType Negotiate", at, NULL);
    const char *why;
    int keyed = (section->negotiates || own->keytab || own->acceptor) &&
                neg_sections_negotiate(s, section) && neg_config_mechs(conf) & NEG_MECH_KRB5 &&
                (conf->keytab || !may_have_keytab(s, section));
    if ((own->keytab || keyed) && (why = neg_holds_look(c->holds, conf->keytab))) {
        note(c->errors, where, why);
        return;
    }
    if (own->keytab || keyed)
        check_keytab_mode(c, where, conf);
    if (keyed)
        probe_key(c, s, section, conf, where, at);
    else if (own->keytab)
        add_probe(c, where, conf, NEG_PROBE_KEYTAB);
}

/* A token of Windows has 48000 bytes at most (MaxTokenSize), which are 64000 in base64. */
#define AD_FIELD_SIZE 65536

/* A usual token has 2500 characters in base64, and eleven more for each group of the domain. */
static int groups_that_fit(int field_size)
{
    return field_size > 2500 ? (field_size - 2500) / 11 : 0;
}

static void check_groups(checks *c, server_rec *s, const neg_section *section, const char *at)
{
    const neg_conf *own = section->conf;
    const char *where = own->group_names ? "Require pac-group" : "AuthNegotiateGroup";
    const char *unnamed = neg_membership_unnamed(c->pool, c->main_server, own);
    if (unnamed)
        note(c->errors, apr_pstrcat(c->pool, where, at, NULL),
             apr_psprintf(c->pool,
                          "nothing says which group \"%s\" is: write its SID, or a line "
                          "AuthNegotiateGroup \"%s\" SID (tools/ad-groups lists them)",
                          unnamed, unnamed));
    if ((own->group_names || own->group) && s->limit_req_fieldsize < AD_FIELD_SIZE)
        note(c->warnings, apr_pstrcat(c->pool, where, at, NULL),
             apr_psprintf(
                 c->pool,
                 "LimitRequestFieldSize is %d, so that users in more than some %d groups "
                 "get a 400 before this module sees their tickets: write "
                 "LimitRequestFieldSize %d, which is enough for all of them, in the server "
                 "or its first virtual host of that address",
                 s->limit_req_fieldsize, groups_that_fit(s->limit_req_fieldsize), AD_FIELD_SIZE));
}

/* Of more than the name.  AuthNegotiateUser account and upn want the PAC for the name alone. */
static int asks_ticket(const neg_conf *conf)
{
    int for_name =
        conf->user && (conf->user->form == NEG_USER_ACCOUNT || conf->user->form == NEG_USER_UPN);
    return conf->wants || (conf->wants_pac && !for_name) ||
           (conf->required_realms && conf->required_realms->nelts);
}

/* A password is bound to nothing, and is there to be used again. */
static void check_passwords(checks *c, server_rec *s, const neg_section *section,
                            const neg_conf *conf, const char *at)
{
    int on = conf->basic_provider && conf->basic_provider->nelts > 0;
    if (on && neg_config_binding(conf) == NEG_BINDING_REQUIRE)
        note_unless(
            c, neg_sections_find_other(s, section, NEG_TOPIC_PASSWORDS, 0),
            apr_pstrcat(c->pool, "AuthNegotiateBasicProvider", at, NULL),
            "a password cannot be bound to a channel, which AuthNegotiateChannelBinding require "
            "wants here: write AuthNegotiateBasicProvider off, or AuthNegotiateChannelBinding "
            "optional");
    if (on && neg_basic_has(conf, "socache") && neg_basic_has(conf, NEG_KERBEROS) &&
        asks_ticket(conf))
        note(c->warnings, apr_pstrcat(c->pool, "AuthNegotiateBasicProvider socache", at, NULL),
             "what mod_authn_socache has kept is a name without a ticket: Require krb5-realm, "
             "auth-indicator, name-attribute and pac-group let a password in when the KDC has just "
             "checked it, and not when it comes from there. Write rules for names (Require user), "
             "or leave "
             "socache out; AuthNegotiateSession spares the KDC, too");
    if ((on || neg_sections_take_passwords(s, section)) && conf->require_tls == NEG_OFF)
        note(c->warnings, apr_pstrcat(c->pool, "AuthNegotiateRequireTLS Off", at, NULL),
             apr_psprintf(c->pool,
                          "passwords may come to %s without TLS, where everybody on the way can "
                          "read them: leave the line out, or write On",
                          section->where));
    if (section->takes_passwords && (conf->keytab || !may_have_keytab(s, section)))
        probe_key(c, s, section, conf, apr_pstrcat(c->pool, "AuthBasicProvider kerberos", at, NULL),
                  at);
}

/* Of a section, where there is something to say. */
static void note_at(apr_array_header_t *findings, const char *directive, const char *at,
                    const char *sentence)
{
    if (sentence)
        note(findings, apr_pstrcat(findings->pool, directive, at, NULL), sentence);
}

/* Asked of krb5.conf as root: whether the children can read it, the probes find out. */
static void check_realms(checks *c, server_rec *s, const neg_section *section, const neg_conf *conf,
                         const char *at)
{
    const char *needs = neg_sections_negotiate(s, section) ? neg_realm_needs_default(conf) : NULL;
    const apr_array_header_t *lookalikes;
    if (section->takes_passwords)
        needs = "AuthBasicProvider kerberos";
    if (needs && c->krb5 && !c->default_realm)
        note_unless(
            c,
            section->takes_passwords ? NULL
                                     : neg_sections_find_other(s, section, NEG_TOPIC_NAMES, 0),
            apr_pstrcat(c->pool, needs, at, NULL),
            "krb5.conf is missing or has no default_realm, which this needs: write default_realm "
            "= EXAMPLE.COM in its section [libdefaults]");
    if (!c->default_realm)
        return;
    lookalikes = neg_realm_find_lookalikes(c->pool, section->conf, c->default_realm);
    for (int i = 0; i < lookalikes->nelts; i++) {
        const neg_finding *found = &APR_ARRAY_IDX(lookalikes, i, neg_finding);
        note_at(c->warnings, found->where, at, found->sentence);
    }
}

/* Tickets that a section does not say all of are none: an inner one may say the rest. */
static void check_conflicts(checks *c, server_rec *s, const neg_section *section,
                            const neg_conf *conf, const char *at)
{
    const neg_conf *own = section->conf;
    const char *tickets = neg_s4u_conflict(own, conf);
    const char *mechs = neg_mechs_conflict(neg_config_mechs(conf), neg_config_acceptor_text(conf));
    if (tickets)
        note_unless(
            c, neg_sections_find_other(s, section, NEG_TOPIC_TICKETS, 1),
            apr_pstrcat(c->pool,
                        own->s4u2proxy ? "AuthNegotiateS4U2Proxy" : "AuthNegotiateImpersonate", at,
                        NULL),
            tickets);
    if (mechs)
        note_unless(c, neg_sections_find_other(s, section, NEG_TOPIC_MECHS, 0),
                    apr_pstrcat(c->pool, "AuthNegotiateAcceptor", at, NULL), mechs);
}

static void check_section(checks *c, server_rec *s, const neg_section *section)
{
    const neg_conf *own = section->conf;
    const neg_conf *conf = neg_sections_merge(c->pool, s, section);
    const char *at =
        apr_psprintf(c->pool, " (in %s, %s:%d)", section->where, section->file, section->line);
    check_keytab(c, s, section, conf, at);
    check_groups(c, s, section, at);
    check_conflicts(c, s, section, conf, at);
    check_passwords(c, s, section, conf, at);
    note_at(c->warnings, "SetHandler negotiate-logout", at,
            neg_session_check_logout(c->pool, section, conf));
    note_at(c->warnings, "AuthNegotiateSession On", at,
            neg_session_check_clear(c->pool, s, section, conf));
    check_realms(c, s, section, conf, at);
    if (own->delegate && own->delegate->directory) {
        const char *where = apr_pstrcat(c->pool, "AuthNegotiateDelegate", at, NULL);
        if (check_ccaches(c, where, conf))
            add_probe(c, where, conf, NEG_PROBE_DIRECTORY);
    }
    if (neg_config_proxy_service(own) && !ap_find_linked_module("mod_proxy.c"))
        note(c->errors, apr_pstrcat(c->pool, "AuthNegotiateProxyService", at, NULL),
             "mod_proxy is not loaded, so that nothing is passed on to a backend: write LoadModule "
             "proxy_module and proxy_http_module (a2enmod proxy_http), or take the line out");
    if (own->delegate_perms)
        add_probe(c, apr_pstrcat(c->pool, "AuthNegotiateDelegatePerms", at, NULL), conf,
                  NEG_PROBE_OWNER);
}

/* A token that crossed the network in the clear must not be good twice.  What no check can see
 * (.htaccess, <If>) is refused when it is requested: see neg_attempt_lacks_tls(). */
static void check_none(checks *c, server_rec *s, const neg_section *section)
{
    const neg_conf *conf = neg_sections_merge(c->pool, s, section);
    int concerned = section->negotiates || section->conf->require_tls;
    if (!concerned || conf->require_tls == NEG_ON ||
        !(neg_sections_negotiate(s, section) || neg_sections_negotiate(c->main_server, section)))
        return;
    note_unless(
        c, neg_sections_find_other(s, section, NEG_TOPIC_TLS, 0), "AuthNegotiateReplayCache none",
        apr_psprintf(c->pool,
                     "%s (%s:%d) does not require TLS, so that whoever sees a token on its way "
                     "could use it again: write AuthNegotiateRequireTLS On there, or "
                     "AuthNegotiateReplayCache default",
                     section->where, section->file, section->line));
}

/* A virtual host has the main server's sections, too. */
static void check_replay_cache(checks *c, server_rec *s)
{
    const apr_array_header_t *own = neg_config_server(s)->sections;
    const apr_array_header_t *of_main = neg_config_server(c->main_server)->sections;
    if (neg_replay_kind_of(neg_config_server(s)) != NEG_REPLAY_NONE)
        return;
    for (int i = 0; i < own->nelts; i++)
        check_none(c, s, APR_ARRAY_IDX(own, i, const neg_section *));
    for (int i = 0; s != c->main_server && i < of_main->nelts; i++)
        check_none(c, s, APR_ARRAY_IDX(of_main, i, const neg_section *));
}

static void check_server(checks *c, server_rec *s)
{
    const apr_array_header_t *sections = neg_config_server(s)->sections;
    for (int i = 0; i < sections->nelts; i++)
        check_section(c, s, APR_ARRAY_IDX(sections, i, const neg_section *));
    check_replay_cache(c, s);
}

/* ---- Hooks ---- */

static void tell(const apr_array_header_t *findings, int level, server_rec *s)
{
    for (int i = 0; i < findings->nelts; i++)
        ap_log_error(APLOG_MARK, level, 0, s, "%s", APR_ARRAY_IDX(findings, i, const char *));
}

int neg_check_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s)
{
    checks c;
    (void)plog;
    c.pool = ptemp;
    c.main_server = s;
    c.user = neg_probe_user(ptemp);
    if (krb5_init_context(&c.krb5) != 0)
        c.krb5 = NULL;
    c.default_realm = neg_realm_default(ptemp, c.krb5);
    c.errors = apr_array_make(ptemp, 4, sizeof(const char *));
    c.warnings = apr_array_make(pconf, 4, sizeof(const char *));
    c.probes = apr_array_make(ptemp, 4, sizeof(neg_probe));
    c.holds = neg_holds_begin(pconf, s);
    for (server_rec *server = s; server; server = server->next)
        check_server(&c, server);
    neg_holds_end(c.holds);
    take(c.warnings, neg_advice_find(ptemp));
    take(c.warnings, neg_check_krb5(ptemp, s, c.krb5));
    run_probes(&c);
    if (c.krb5)
        krb5_free_context(c.krb5);

    tell(c.errors, APLOG_STARTUP | APLOG_ERR, s);
    if (ap_state_query(AP_SQ_RUN_MODE) == AP_SQ_RM_CONFIG_TEST)
        tell(c.warnings, APLOG_STARTUP | APLOG_WARNING, s);
    neg_config_server(s)->warnings = c.warnings;
    neg_config_server(s)->notices = c.holds->notices;
    return c.errors->nelts ? HTTP_INTERNAL_SERVER_ERROR : OK;
}

/* The error log is open only now. */
int neg_check_warn(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s)
{
    (void)pconf;
    (void)plog;
    (void)ptemp;
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG)
        return OK;
    tell(neg_config_server(s)->warnings, APLOG_WARNING, s);
    tell(neg_config_server(s)->notices, APLOG_NOTICE, s);
    return OK;
}

/*
 * What can be seen before the first request, so that nobody has to find out from users: each
 * finding is a sentence with the remedy.  What cannot work stops the start, and `httpd -t`.
 *
 * Files are tried by a child process with the identity of httpd's children: the parent is root,
 * and root can read everything.
 */

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <apr_strings.h>
#include <apr_user.h>
#include <http_core.h>
#include <http_main.h>
#include <mpm_common.h>
#include <unixd.h>

#include "negotiate.h"

/* ---- Findings ---- */

typedef struct {
    apr_pool_t *pool;
    server_rec *main_server;
    const char *user;             /* as whom the children run */
    krb5_context krb5;            /* NULL when krb5.conf cannot be read */
    apr_array_header_t *errors;   /* of const char * */
    apr_array_header_t *warnings; /* of const char * */
    apr_array_header_t *probes;   /* of probe: for the unprivileged child */
} checks;

/* What the children will do, tried before they do. */
typedef struct {
    const char *where; /* "AuthNegotiateKeytab (in /x, file:line)": how a finding begins */
    const neg_conf *conf;
    enum { PROBE_KEYTAB, PROBE_KEY, PROBE_DIRECTORY, PROBE_OWNER } what;
} probe;

/* Once: what is wrong with a server's keytab is wrong in each of its sections. */
static void find(apr_array_header_t *findings, const char *where, const char *sentence)
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

/* To be asked before privileges are dropped. */
static const char *server_user(apr_pool_t *p)
{
    char *name;
    if (geteuid() == 0 && ap_unixd_config.user_name)
        return ap_unixd_config.user_name;
    return apr_uid_name_get(&name, geteuid(), p) == APR_SUCCESS
               ? name
               : apr_psprintf(p, "%ld", (long)geteuid());
}

/* ---- What a section's requests will see ---- */

static int encloses(const neg_section *outer, const neg_section *inner)
{
    apr_size_t len;
    if (!outer->conf->where || !inner->conf->where || outer == inner)
        return 0;
    len = strlen(outer->conf->where);
    return strncmp(outer->conf->where, inner->conf->where, len) == 0 &&
           (inner->conf->where[len] == '/' || inner->conf->where[len] == '\0' ||
            (len && outer->conf->where[len - 1] == '/'));
}

static const neg_conf *merge_enclosing(apr_pool_t *p, const neg_conf *conf, server_rec *s,
                                       const neg_section *section)
{
    const apr_array_header_t *sections = neg_config_server(s)->sections;
    for (int i = 0; i < sections->nelts; i++) {
        const neg_section *outer = APR_ARRAY_IDX(sections, i, const neg_section *);
        if (encloses(outer, section))
            conf = neg_config_merge_dir(p, (void *)conf, (void *)outer->conf);
    }
    return conf;
}

const neg_conf *neg_check_effective(apr_pool_t *p, server_rec *s, const neg_section *section)
{
    const neg_conf *conf = ap_get_module_config(s->lookup_defaults, &auth_negotiate_module);
    if (s != ap_server_conf)
        conf = merge_enclosing(p, conf, ap_server_conf, section);
    conf = merge_enclosing(p, conf, s, section);
    return neg_config_merge_dir(p, (void *)conf, (void *)section->conf);
}

/* ---- Probes, in the unprivileged child ---- */

static const char *keytab_path(const char *keytab)
{
    return strncmp(keytab, "FILE:", 5) == 0 ? keytab + 5 : NULL;
}

static int serves(const apr_array_header_t *entries, const neg_conf *conf)
{
    const char *acceptor =
        conf->acceptor && conf->acceptor->expr ? "any" : neg_config_acceptor_text(conf);
    for (int i = 0; i < entries->nelts; i++)
        if (neg_keytab_serves(APR_ARRAY_IDX(entries, i, neg_keytab_entry).principal, acceptor))
            return 1;
    return 0;
}

static const char *effective_keytab(checks *c, const neg_conf *conf)
{
    if (conf->keytab)
        return conf->keytab;
    return c->krb5 ? neg_keytab_default_name(c->pool, c->krb5) : "";
}

static const char *explain_unusable(checks *c, const char *keytab, const char *why)
{
    const char *path = keytab_path(keytab);
    struct stat info;
    if (path && stat(path, &info) != 0 && errno == ENOENT)
        return apr_psprintf(c->pool,
                            "the keytab %s does not exist. Make it (MIT: kadmin -q 'ktadd -k %s "
                            "HTTP/host.name'; Active Directory: ktpass) or write the right path in "
                            "AuthNegotiateKeytab",
                            path, path);
    if (path && access(path, R_OK) == 0)
        return apr_psprintf(c->pool,
                            "the file %s is no keytab that krb5 can read: %s. Make it anew (MIT: "
                            "kadmin -q 'ktadd -k FILE HTTP/host.name'; Active Directory: ktpass) or "
                            "write the right path in AuthNegotiateKeytab",
                            path, why);
    return apr_psprintf(c->pool,
                        "the keytab %s cannot be read by the user %s: %s. Give it to that user's "
                        "group and to nobody else (chgrp, chmod 640), and let the user through "
                        "every directory above it",
                        keytab, c->user, why);
}

static const char *probe_keytab(checks *c, const neg_conf *conf, apr_array_header_t **entries)
{
    const char *keytab = effective_keytab(c, conf);
    const char *why = neg_keytab_list(c->pool, c->krb5, keytab, entries);
    return why ? explain_unusable(c, keytab, why) : NULL;
}

static const char *probe_key(checks *c, const neg_conf *conf)
{
    apr_array_header_t *entries;
    const char *why = probe_keytab(c, conf, &entries);
    if (why || serves(entries, conf))
        return why;
    return apr_psprintf(c->pool,
                        "the keytab %s has no key for AuthNegotiateAcceptor %s, only of %s. Add "
                        "the key of HTTP/host.name, the name in the users' URL, or name the key "
                        "that is there in AuthNegotiateAcceptor",
                        effective_keytab(c, conf), neg_config_acceptor_text(conf),
                        neg_keytab_principals(c->pool, entries, 6));
}

static const char *probe_directory(checks *c, const neg_conf *conf)
{
    const char *directory = neg_config_delegate_dir(conf);
    if (access(directory, W_OK | X_OK) == 0)
        return NULL;
    return apr_psprintf(c->pool,
                        "the user %s cannot write to the directory %s: %s. It has to belong to that "
                        "user, with mode 0700 (chown %s %s; chmod 700 %s)",
                        c->user, directory, strerror(errno), c->user, directory, directory);
}

static int is_member(gid_t gid)
{
    gid_t groups[256];
    int count = getgroups(sizeof(groups) / sizeof(*groups), groups);
    while (count > 0)
        if (groups[--count] == gid)
            return 1;
    return gid == getegid();
}

/* chown(2): only root gives files away, and others only to groups of which they are members. */
static const char *probe_owner(checks *c, const neg_conf *conf)
{
    neg_perms perms = neg_config_perms(conf);
    if (geteuid() == 0)
        return NULL;
    if (perms.uid != -1 && (uid_t)perms.uid != geteuid())
        return apr_psprintf(c->pool,
                            "httpd's children run as %s and cannot give files to another user; "
                            "write group: and mode:0640 (or 0660) instead of user:",
                            c->user);
    if (perms.gid != -1 && !is_member((gid_t)perms.gid))
        return apr_psprintf(c->pool,
                            "the user %s is not a member of that group and cannot give files to it; "
                            "add it to the group, or name one that it is in",
                            c->user);
    return NULL;
}

static const char *run_probe(checks *c, const probe *pr)
{
    apr_array_header_t *entries;
    switch (pr->what) {
    case PROBE_KEYTAB:
        return probe_keytab(c, pr->conf, &entries);
    case PROBE_KEY:
        return probe_key(c, pr->conf);
    case PROBE_DIRECTORY:
        return probe_directory(c, pr->conf);
    default:
        return probe_owner(c, pr->conf);
    }
}

static void run_probes(checks *c, FILE *out)
{
    if (krb5_init_context(&c->krb5) != 0) {
        fprintf(out, "AuthType Negotiate%ckrb5.conf cannot be read by the user %s; make it, and "
                     "every file that it includes, readable for everybody (chmod o+r)%c",
                0, c->user, 0);
        return;
    }
    for (int i = 0; i < c->probes->nelts; i++) {
        const probe *pr = &APR_ARRAY_IDX(c->probes, i, probe);
        const char *why = run_probe(c, pr);
        if (why)
            fprintf(out, "%s%c%s%c", pr->where, 0, why, 0);
    }
}

/* ---- The unprivileged child ---- */

static void take_findings(checks *c, FILE *in)
{
    char *where = NULL, *sentence = NULL;
    size_t where_size = 0, sentence_size = 0;
    while (getdelim(&where, &where_size, 0, in) > 0 &&
           getdelim(&sentence, &sentence_size, 0, in) > 0)
        find(c->errors, where, sentence);
    free(where);
    free(sentence);
}

static void probe_as_child(checks *c)
{
    int ends[2];
    pid_t pid;
    FILE *stream;

    if (c->probes->nelts == 0 || pipe(ends) != 0)
        return;
    if ((pid = fork()) == 0) {
        close(ends[0]);
        stream = fdopen(ends[1], "w");
        if (ap_run_drop_privileges(c->pool, c->main_server) == OK || geteuid() != 0)
            run_probes(c, stream);
        fclose(stream);
        _exit(0);
    }
    close(ends[1]);
    stream = fdopen(ends[0], "r");
    take_findings(c, stream);
    fclose(stream);
    if (pid > 0)
        waitpid(pid, NULL, 0);
}

/* ---- What needs no privileges to see ---- */

static void check_keytab_mode(checks *c, const char *where, const neg_conf *conf)
{
    struct stat info;
    const char *path = keytab_path(effective_keytab(c, conf));
    if (path && stat(path, &info) == 0 && info.st_mode & S_IROTH)
        find(c->warnings, where,
             apr_psprintf(c->pool,
                          "every user of this machine can read the keytab %s, and so pretend to be "
                          "this server or any user of it: chmod o-rwx %s, and change the key",
                          path, path));
}

static void check_ccache_directory(checks *c, const char *where, const neg_conf *conf)
{
    struct stat info;
    const char *directory = neg_config_delegate_dir(conf);
    const char *why = NULL;
    if (stat(directory, &info) != 0)
        why = apr_psprintf(c->pool,
                           "the directory %s is not there: %s. Make it for the server's user alone "
                           "(install -d -m 700 -o %s %s)",
                           directory, strerror(errno), c->user, directory);
    else if (!S_ISDIR(info.st_mode))
        why = apr_psprintf(c->pool,
                           "%s is not a directory. Name one that belongs to the server's user alone "
                           "(install -d -m 700 -o %s %s.d)",
                           directory, c->user, directory);
    else if (info.st_mode & S_IWOTH)
        why = apr_psprintf(c->pool,
                           "everybody can write to the directory %s; users' tickets need one that "
                           "belongs to the server's user alone (install -d -m 700 -o %s %s/ccaches, "
                           "and name that)",
                           directory, c->user, directory);
    if (why)
        find(c->errors, where, why);
}

/* ---- Sections ---- */

static void add_probe(checks *c, const char *where, const neg_conf *conf, int what)
{
    probe *pr = apr_array_push(c->probes);
    pr->where = where;
    pr->conf = conf;
    pr->what = what;
}

static int any_keytab(server_rec *servers)
{
    for (server_rec *s = servers; s; s = s->next) {
        const apr_array_header_t *sections = neg_config_server(s)->sections;
        for (int i = 0; i < sections->nelts; i++)
            if (APR_ARRAY_IDX(sections, i, neg_section *)->conf->keytab)
                return 1;
    }
    return 0;
}

static int negotiates(server_rec *s, const neg_section *section)
{
    const apr_array_header_t *sections = neg_config_server(s)->sections;
    for (int i = 0; i < sections->nelts; i++) {
        const neg_section *outer = APR_ARRAY_IDX(sections, i, const neg_section *);
        if (outer->negotiates && encloses(outer, section))
            return 1;
    }
    return section->negotiates;
}

/* The file is looked at where it is named; whether its keys fit, where clients are asked for
 * tickets, since only there it is known which ones may accept.  A keytab that such a section does
 * not name may come from a section around it that no check can see (<If>, <Files>): krb5's default
 * is only insisted on where no other is named anywhere. */
static void check_keytab(checks *c, server_rec *s, const neg_section *section,
                         const neg_conf *conf, const char *at)
{
    const neg_conf *own = section->conf;
    const char *where =
        apr_pstrcat(c->pool, own->keytab ? "AuthNegotiateKeytab" : "AuthType Negotiate", at, NULL);
    int keyed = (section->negotiates || own->keytab || own->acceptor) && negotiates(s, section) &&
                (conf->keytab || !any_keytab(c->main_server));
    if (own->keytab || keyed)
        check_keytab_mode(c, where, conf);
    if (keyed)
        add_probe(c, where, conf, PROBE_KEY);
    else if (own->keytab)
        add_probe(c, where, conf, PROBE_KEYTAB);
}

static void check_section(checks *c, server_rec *s, const neg_section *section)
{
    const neg_conf *own = section->conf;
    const neg_conf *conf = neg_check_effective(c->pool, s, section);
    const char *at = apr_psprintf(c->pool, " (in %s, %s:%d)", section->where, section->file,
                                  section->line);
    check_keytab(c, s, section, conf, at);
    if (own->delegate && own->delegate->directory) {
        const char *where = apr_pstrcat(c->pool, "AuthNegotiateDelegate", at, NULL);
        int found = c->errors->nelts;
        check_ccache_directory(c, where, conf);
        if (c->errors->nelts == found)
            add_probe(c, where, conf, PROBE_DIRECTORY);
    }
    if (own->delegate_perms)
        add_probe(c, apr_pstrcat(c->pool, "AuthNegotiateDelegatePerms", at, NULL), conf,
                  PROBE_OWNER);
}

static void check_server(checks *c, server_rec *s)
{
    const apr_array_header_t *sections = neg_config_server(s)->sections;
    for (int i = 0; i < sections->nelts; i++)
        check_section(c, s, APR_ARRAY_IDX(sections, i, const neg_section *));
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
    c.user = server_user(ptemp);
    if (krb5_init_context(&c.krb5) != 0)
        c.krb5 = NULL;
    c.errors = apr_array_make(ptemp, 4, sizeof(const char *));
    c.warnings = apr_array_make(pconf, 4, sizeof(const char *));
    c.probes = apr_array_make(ptemp, 4, sizeof(probe));
    for (server_rec *server = s; server; server = server->next)
        check_server(&c, server);
    probe_as_child(&c);
    if (c.krb5)
        krb5_free_context(c.krb5);

    tell(c.errors, APLOG_STARTUP | APLOG_ERR, s);
    if (ap_state_query(AP_SQ_RUN_MODE) == AP_SQ_RM_CONFIG_TEST)
        tell(c.warnings, APLOG_STARTUP | APLOG_WARNING, s);
    neg_config_server(s)->warnings = c.warnings;
    return c.errors->nelts ? HTTP_INTERNAL_SERVER_ERROR : OK;
}

/* The error log is open only now. */
int neg_check_warn(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s)
{
    (void)pconf;
    (void)plog;
    (void)ptemp;
    if (ap_state_query(AP_SQ_MAIN_STATE) != AP_SQ_MS_CREATE_PRE_CONFIG)
        tell(neg_config_server(s)->warnings, APLOG_WARNING, s);
    return OK;
}

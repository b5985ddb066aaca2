/*
 * Files tried before the start by a child process with the identity of httpd's children: the
 * parent is root, and root can read everything.
 */

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <apr_strings.h>
#include <apr_user.h>
#include <http_core.h>
#include <mpm_common.h>
#include <unixd.h>

#include "start.h"

#define PROBE_SECONDS 10

typedef struct {
    apr_pool_t *pool;
    const char *user; /* as whom it runs */
    krb5_context krb5;
    const neg_server *server; /* what the parent has read is found here */
} prober;

const char *neg_probe_user(apr_pool_t *p)
{
    char *name;
    if (geteuid() == 0 && ap_unixd_config.user_name)
        return ap_unixd_config.user_name;
    return apr_uid_name_get(&name, geteuid(), p) == APR_SUCCESS
               ? name
               : apr_psprintf(p, "%ld", (long)geteuid());
}

const char *neg_probe_keytab(apr_pool_t *p, krb5_context krb5, const neg_conf *conf)
{
    if (conf->keytab)
        return conf->keytab;
    return krb5 ? neg_keytab_default_name(p, krb5) : "";
}

/* The same, as a child has it. */
static const char *keytab_of(prober *c, const neg_conf *conf)
{
    return conf->keytab ? neg_config_keytab(c->server, conf)
                        : neg_probe_keytab(c->pool, c->krb5, conf);
}

/* ---- Probes ---- */

#define MAKE_IT(file)                                                                              \
    "(MIT: kadmin -q 'ktadd -k " file " HTTP/host.name', which makes a new key, so that other "    \
    "servers of this name need a copy; Active Directory: ktpass)"

static int serves(const apr_array_header_t *entries, const neg_conf *conf)
{
    const char *acceptor =
        conf->acceptor && conf->acceptor->expr ? "any" : neg_config_acceptor_text(conf);
    for (int i = 0; i < entries->nelts; i++)
        if (neg_keytab_serves(APR_ARRAY_IDX(entries, i, neg_keytab_entry).principal, acceptor))
            return 1;
    return 0;
}

/* Nobody is told to give the keys of the whole machine to httpd. */
static const char *explain_default(prober *c, const char *keytab, const char *trouble)
{
    return apr_psprintf(
        c->pool,
        "the keytab %s %s. It is krb5's default, for the keys of the whole machine "
        "and for root alone: make httpd a keytab of its own " MAKE_IT(
            "FILE") " and name it in AuthNegotiateKeytab, best in one line for the whole server",
        keytab, trouble);
}

/* Of this process, which has become the children's user. */
static const char *group_name(prober *c)
{
    char *name;
    return apr_gid_name_get(&name, getegid(), c->pool) == APR_SUCCESS
               ? name
               : apr_psprintf(c->pool, "%ld", (long)getegid());
}

/* Where this process has not been started as root. */
static int is_roots_alone(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && info.st_uid == 0 && !(info.st_mode & (S_IRWXG | S_IRWXO));
}

static const char *explain_unusable(prober *c, const char *keytab, const char *why)
{
    const char *path = neg_keytab_path(keytab);
    int is_default = strcmp(keytab, neg_keytab_default_name(c->pool, c->krb5)) == 0;
    struct stat info;
    int is_missing = path && stat(path, &info) != 0 && errno == ENOENT;
    if (is_default && is_missing)
        return explain_default(c, keytab, "does not exist");
    if (is_missing)
        return apr_psprintf(c->pool,
                            "the keytab %s does not exist. Make it " MAKE_IT(
                                "%s") " or write the right path in AuthNegotiateKeytab",
                            path, path);
    if (path && access(path, R_OK) == 0)
        return apr_psprintf(
            c->pool,
            "the file %s is no keytab that krb5 can read: %s. Make it anew " MAKE_IT(
                "FILE") " or write the right path in AuthNegotiateKeytab",
            path, why);
    if (is_default)
        return explain_default(
            c, keytab, apr_psprintf(c->pool, "cannot be read by the user %s: %s", c->user, why));
    if (path && is_roots_alone(path))
        return apr_psprintf(c->pool,
                            "the keytab %s is for root alone, and %s cannot check it: run httpd -t "
                            "as root",
                            path, c->user);
    if (!path)
        return apr_psprintf(c->pool,
                            "the keytab %s cannot be read by the user %s: %s. A keytab in a file "
                            "is written as its path",
                            keytab, c->user, why);
    return apr_psprintf(
        c->pool,
        "the keytab %s cannot be read by the user %s: %s. Give it to root alone, who "
        "reads it for that user (chown root %s; chmod 600 %s); or to the user's "
        "group and to nobody else (chgrp %s %s; chmod 640 %s)",
        keytab, c->user, why, path, path, group_name(c), path, path);
}

/* To read a pipe would take for ever. */
static int is_no_file(const char *path)
{
    struct stat info;
    return path && stat(path, &info) == 0 && !S_ISREG(info.st_mode);
}

static const char *probe_keytab(prober *c, const neg_conf *conf, apr_array_header_t **entries)
{
    const char *keytab = keytab_of(c, conf);
    const char *why;
    if (is_no_file(neg_keytab_path(keytab)))
        return apr_psprintf(c->pool,
                            "the keytab %s is not a regular file; write the right path in "
                            "AuthNegotiateKeytab",
                            neg_keytab_path(keytab));
    why = neg_keytab_list(c->pool, c->krb5, keytab, entries);
    return why ? explain_unusable(c, keytab, why) : NULL;
}

static const char *probe_acceptor(prober *c, const neg_conf *conf,
                                  const apr_array_header_t *entries)
{
    if (serves(entries, conf))
        return NULL;
    return apr_psprintf(c->pool,
                        "the keytab %s has no key for AuthNegotiateAcceptor %s, only of %s. Add "
                        "the key of HTTP/host.name, the name in the users' URL, or name the key "
                        "that is there in AuthNegotiateAcceptor",
                        keytab_of(c, conf), neg_config_acceptor_text(conf),
                        neg_keytab_principals(c->pool, entries, 6));
}

static const char *probe_key(prober *c, const neg_conf *conf, int even_unreadable)
{
    apr_array_header_t *entries;
    const char *why = probe_keytab(c, conf, &entries);
    if (why)
        return even_unreadable ? why : NULL;
    return probe_acceptor(c, conf, entries);
}

/* Whoever owns the directory could put other files into the places of the users' tickets. */
static int belongs_to_another(const char *directory)
{
    struct stat info;
    return stat(directory, &info) == 0 && info.st_uid != 0 && info.st_uid != geteuid();
}

static const char *probe_directory(prober *c, const neg_conf *conf)
{
    const char *directory = neg_config_delegate_dir(conf);
    if (belongs_to_another(directory))
        return apr_psprintf(c->pool,
                            "the directory %s belongs to another user, who could put other tickets "
                            "there; give it to the user %s alone (chown %s %s; chmod 700 %s)",
                            directory, c->user, c->user, directory, directory);
    if (access(directory, W_OK | X_OK) == 0)
        return NULL;
    return apr_psprintf(
        c->pool,
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
static const char *probe_owner(prober *c, const neg_conf *conf)
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
        return apr_psprintf(
            c->pool,
            "the user %s is not a member of that group and cannot give files to it; "
            "add it to the group, or name one that it is in",
            c->user);
    return NULL;
}

static const char *run_probe(prober *c, const neg_probe *probe)
{
    apr_array_header_t *entries;
    switch (probe->what) {
    case NEG_PROBE_KEYTAB:
        return probe_keytab(c, probe->conf, &entries);
    case NEG_PROBE_KEY:
        return probe_key(c, probe->conf, 1);
    case NEG_PROBE_ACCEPTOR:
        return probe_key(c, probe->conf, 0);
    case NEG_PROBE_DIRECTORY:
        return probe_directory(c, probe->conf);
    default:
        return probe_owner(c, probe->conf);
    }
}

static void run_probes(prober *c, server_rec *s, const apr_array_header_t *probes, FILE *out)
{
    krb5_error_code code = krb5_init_context(&c->krb5);
    const char *why;
    if (code != 0) {
        fprintf(out,
                "AuthType Negotiate%ckrb5.conf cannot be read by the user %s: %s. Make it, and "
                "every file that it includes, readable for everybody (chmod o+r), or mend it%c",
                0, c->user, neg_status_krb5_text(c->pool, NULL, code), 0);
        return;
    }
    if ((why = neg_config_open_keytabs(c->pool, s)))
        fprintf(out, "AuthNegotiateKeytab%cthe keytab cannot be kept in memory: %s%c", 0, why, 0);
    for (int i = 0; i < probes->nelts; i++) {
        const neg_probe *probe = &APR_ARRAY_IDX(probes, i, neg_probe);
        if ((why = run_probe(c, probe)))
            fprintf(out, "%s%c%s%c", probe->where, 0, why, 0);
    }
}

/* ---- The child ---- */

static void take_findings(apr_array_header_t *findings, FILE *in)
{
    char *where = NULL, *sentence = NULL;
    size_t where_size = 0, sentence_size = 0;
    while (getdelim(&where, &where_size, 0, in) > 0 &&
           getdelim(&sentence, &sentence_size, 0, in) > 0) {
        neg_finding *found = apr_array_push(findings);
        found->where = apr_pstrdup(findings->pool, where);
        found->sentence = apr_pstrdup(findings->pool, sentence);
    }
    free(where);
    free(sentence);
}

static void probe_and_exit(prober *c, server_rec *s, const apr_array_header_t *probes, int out)
{
    FILE *stream = fdopen(out, "w");
    alarm(PROBE_SECONDS);
    if (ap_run_drop_privileges(c->pool, s) == OK || geteuid() != 0)
        run_probes(c, s, probes, stream);
    else
        fprintf(stream,
                "AuthType Negotiate%cnothing can be checked as the user %s, since httpd cannot "
                "become that user here: look at User and Group%c",
                0, c->user, 0);
    fclose(stream);
    _exit(0);
}

/* A keytab that is a pipe, or lies on a file server that is gone, would hold up the start for ever.
 */
static void tell_timeout(apr_array_header_t *findings)
{
    neg_finding *found = apr_array_push(findings);
    found->where = "AuthType Negotiate";
    found->sentence = "a keytab or directory could not be read within " APR_STRINGIFY(
        PROBE_SECONDS) " seconds; see that every keytab is a file on a disk that answers";
}

static void tell_trouble(apr_array_header_t *findings, const char *call, int error)
{
    neg_finding *found = apr_array_push(findings);
    found->where = "AuthType Negotiate";
    found->sentence = apr_psprintf(findings->pool,
                                   "the keytab cannot be checked, since no process can be made for "
                                   "it (%s: %s); free what this machine has run out of",
                                   call, strerror(error));
}

const apr_array_header_t *neg_probe_run(apr_pool_t *p, server_rec *s, const char *user,
                                        const apr_array_header_t *probes)
{
    apr_array_header_t *findings = apr_array_make(p, 4, sizeof(neg_finding));
    prober c = {p, user, NULL, neg_config_server(s)};
    int ends[2];
    int status = 0;
    pid_t pid;
    FILE *stream;

    if (probes->nelts == 0)
        return findings;
    if (pipe(ends) != 0) {
        tell_trouble(findings, "pipe", errno);
        return findings;
    }
    if ((pid = fork()) == 0) {
        close(ends[0]);
        probe_and_exit(&c, s, probes, ends[1]);
    }
    if (pid < 0)
        tell_trouble(findings, "fork", errno);
    close(ends[1]);
    stream = fdopen(ends[0], "r");
    take_findings(findings, stream);
    fclose(stream);
    if (pid > 0 && waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) &&
        WTERMSIG(status) == SIGALRM)
        tell_timeout(findings);
    return findings;
}

int neg_probe_can(apr_pool_t *p, server_rec *s, const char *path, int how)
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        alarm(PROBE_SECONDS);
        _exit(ap_run_drop_privileges(p, s) == OK && access(path, how) == 0 ? 0 : 1);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
           WEXITSTATUS(status) == 0;
}

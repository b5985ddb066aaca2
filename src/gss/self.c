/*
 * Our own ticket-granting ticket, got with a key of the keytab.
 *
 * All children share it as a ccache in a directory of theirs, so that the KDC is asked once in the
 * ticket's life.  Who renews it holds a lock: the others go on with the old one, or wait where
 * there is none.  After a failure nobody asks for a while.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <apr_escape.h>
#include <apr_strings.h>
#include <openssl/sha.h>

#include "s4u.h"

/* Renewed when less than this part of its life is left. */
#define PART_OF_LIFE 10

/* After a failure. */
#define PAUSE 10

typedef struct {
    apr_pool_t *p;
    krb5_context krb5;
    const neg_self *self;
    krb5_const_principal owner; /* of the key */
    krb5_principal client;      /* as whom we log in */
    const char *name;           /* the same, as text */
    const char *path;           /* of the ccache that is shared */
    neg_failure *failure;
} login;

static int fail(const login *l, neg_cause cause, const char *text)
{
    l->failure->cause = cause;
    l->failure->text = text;
    return -1;
}

/* ---- What krb5 says ---- */

static int explain(const login *l, krb5_error_code code)
{
    const char *said = neg_status_krb5_text(l->p, l->krb5, code);
    if (neg_explain_kdc(l->p, l->krb5, code, l->failure) == 0)
        return -1;
    switch (code) {
    case KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN:
        return fail(l, NEG_CAUSE_OWN_NAME,
                    apr_psprintf(l->p,
                                 "this server cannot log in at the KDC as %s: no account has that "
                                 "name (krb5: %s). In an Active Directory either write the "
                                 "account's own name, account:NAME in AuthNegotiateS4U2Proxy, or "
                                 "make its userPrincipalName the same as the service's name "
                                 "(ktpass does)",
                                 l->name, said));
    case KRB5KDC_ERR_PREAUTH_FAILED:
    case KRB5_PREAUTH_FAILED:
    case KRB5KRB_AP_ERR_BAD_INTEGRITY:
    case KRB5_KT_NOTFOUND:
        return fail(l, NEG_CAUSE_KEYTAB,
                    apr_psprintf(l->p,
                                 "this server cannot log in at the KDC as %s: the KDC has another "
                                 "key for it than the keytab (krb5: %s). Make the keytab anew, or "
                                 "name the account whose key it is (account:NAME in "
                                 "AuthNegotiateS4U2Proxy)",
                                 l->name, said));
    default:
        return fail(l, NEG_CAUSE_OWN_TICKET,
                    apr_psprintf(l->p,
                                 "the KDC gives this server no ticket as %s, so it cannot ask for "
                                 "any in users' names: %s",
                                 l->name, said));
    }
}

/* ---- The ticket that is shared ---- */

static long left(const krb5_creds *tgt)
{
    return (long)(apr_uint32_t)tgt->times.endtime - (long)apr_time_sec(apr_time_now());
}

static int is_due(const krb5_creds *tgt)
{
    krb5_timestamp begun = tgt->times.starttime ? tgt->times.starttime : tgt->times.authtime;
    long life = (long)(apr_uint32_t)tgt->times.endtime - (long)(apr_uint32_t)begun;
    return left(tgt) < life / PART_OF_LIFE;
}

static krb5_error_code find_ticket(const login *l, krb5_ccache ccache, krb5_creds *tgt)
{
    krb5_creds wanted = {0};
    krb5_data realm = l->client->realm;
    krb5_error_code code =
        krb5_build_principal_ext(l->krb5, &wanted.server, realm.length, realm.data, 6, "krbtgt",
                                 realm.length, realm.data, 0);
    wanted.client = l->client;
    if (!code)
        code = krb5_cc_retrieve_cred(l->krb5, ccache, 0, &wanted, tgt);
    krb5_free_principal(l->krb5, wanted.server);
    return code;
}

/* @return whether there is one that has not ended; it is then the caller's */
static int read_shared(const login *l, krb5_creds *tgt)
{
    krb5_ccache ccache;
    krb5_error_code code =
        krb5_cc_resolve(l->krb5, apr_pstrcat(l->p, "FILE:", l->path, NULL), &ccache);
    if (code)
        return 0;
    code = find_ticket(l, ccache, tgt);
    krb5_cc_close(l->krb5, ccache);
    if (!code && left(tgt) > 0)
        return 1;
    if (!code)
        krb5_free_cred_contents(l->krb5, tgt);
    return 0;
}

/* Whole, or not at all: the others read it at any time. */
static krb5_error_code write_shared(const login *l, krb5_creds *tgt)
{
    const char *new = apr_pstrcat(l->p, l->path, ".new", NULL);
    krb5_ccache ccache;
    krb5_error_code code = krb5_cc_resolve(l->krb5, apr_pstrcat(l->p, "FILE:", new, NULL), &ccache);
    if (code)
        return code;
    code = krb5_cc_initialize(l->krb5, ccache, l->client);
    if (!code)
        code = krb5_cc_store_cred(l->krb5, ccache, tgt);
    krb5_cc_close(l->krb5, ccache);
    if (!code && rename(new, l->path) != 0)
        code = errno;
    return code;
}

/* ---- A new one, by who holds the lock ---- */

static krb5_error_code ask(const login *l, krb5_keytab keytab, krb5_creds *tgt)
{
    krb5_get_init_creds_opt *options;
    krb5_error_code code = krb5_get_init_creds_opt_alloc(l->krb5, &options);
    if (code)
        return code;
    krb5_get_init_creds_opt_set_forwardable(options, 1); /* or no ticket that it gets would be */
    krb5_get_init_creds_opt_set_proxiable(options, 0);
    code = krb5_get_init_creds_keytab(l->krb5, tgt, l->client, keytab, 0, NULL, options);
    krb5_get_init_creds_opt_free(l->krb5, options);
    return code;
}

static int get_new(const login *l, krb5_creds *tgt)
{
    krb5_keytab keytab;
    krb5_error_code code;
    if (neg_self_keytab(l->p, l->krb5, l->self, l->owner, l->client, &keytab, l->failure) != 0)
        return -1;
    code = ask(l, keytab, tgt);
    krb5_kt_close(l->krb5, keytab);
    if (code)
        return explain(l, code);
    if ((code = write_shared(l, tgt)) == 0)
        return 0;
    krb5_free_cred_contents(l->krb5, tgt);
    return fail(l, NEG_CAUSE_OWN_TICKET,
                apr_psprintf(l->p, "this server's own ticket cannot be written to %s: %s", l->path,
                             neg_status_krb5_text(l->p, l->krb5, code)));
}

static const char *note_path(const login *l)
{
    return apr_pstrcat(l->p, l->path, ".failed", NULL);
}

/* The cause's number and the sentence, for those who come within the pause. */
static void note_failure(const login *l)
{
    FILE *out = fopen(note_path(l), "we");
    if (!out)
        return;
    fprintf(out, "%d %s", (int)l->failure->cause, l->failure->text);
    fclose(out);
}

/* @return whether the last attempt has just failed; *failure then says how */
static int has_just_failed(const login *l)
{
    struct stat info;
    char text[2048];
    char *sentence;
    long cause;
    size_t len;
    FILE *in = fopen(note_path(l), "re");
    if (!in)
        return 0;
    len = fread(text, 1, sizeof(text) - 1, in);
    text[len] = '\0';
    if (fstat(fileno(in), &info) != 0 ||
        labs((long)(apr_time_sec(apr_time_now()) - info.st_mtime)) >= PAUSE)
        len = 0;
    fclose(in);
    cause = strtol(text, &sentence, 10);
    if (!len || *sentence != ' ' || cause <= NEG_CAUSE_NONE || cause >= NEG_CAUSE_COUNT)
        return 0;
    fail(l, (neg_cause)cause, apr_pstrdup(l->p, sentence + 1));
    return 1;
}

static int renew_locked(const login *l, krb5_creds *tgt)
{
    if (read_shared(l, tgt)) { /* somebody else was quicker */
        if (!is_due(tgt))
            return 0;
        krb5_free_cred_contents(l->krb5, tgt);
    }
    if (has_just_failed(l))
        return -1;
    if (get_new(l, tgt) == 0) {
        unlink(note_path(l));
        return 0;
    }
    note_failure(l);
    return -1;
}

/* An flock(2) is held by who has opened the file: threads of one process are several. */
static int renew(const login *l, int wait, krb5_creds *tgt)
{
    const char *path = apr_pstrcat(l->p, l->path, ".lock", NULL);
    int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    int rv = -1;
    if (lock < 0)
        return fail(l, NEG_CAUSE_OWN_TICKET,
                    apr_psprintf(l->p,
                                 "this server's own ticket cannot be kept in %s: %s. If somebody "
                                 "has removed that directory, httpd makes it anew within seconds, "
                                 "or at the next graceful restart",
                                 l->self->directory, strerror(errno)));
    while ((rv = flock(lock, wait ? LOCK_EX : LOCK_EX | LOCK_NB)) != 0 && errno == EINTR)
        ;
    if (rv == 0)
        rv = renew_locked(l, tgt);
    close(lock);
    return rv;
}

/* ---- Together ---- */

static const char *path_of(const login *l)
{
    unsigned char hash[SHA256_DIGEST_LENGTH];
    const char *text = apr_pstrcat(l->p, l->name, "\n", neg_principal_text(l->p, l->krb5, l->owner),
                                   "\n", l->self->keytab ? l->self->keytab : "", NULL);
    SHA256((const unsigned char *)text, strlen(text), hash);
    return apr_pstrcat(l->p, l->self->directory, "/", apr_pescape_hex(l->p, hash, 16, 0), NULL);
}

static int prepare(login *l)
{
    if (neg_self_client(l->p, l->krb5, l->self, l->owner, &l->client, l->failure) != 0)
        return -1;
    l->name = neg_principal_text(l->p, l->krb5, l->client);
    l->path = path_of(l);
    return 0;
}

int neg_self_login(apr_pool_t *p, krb5_context krb5, const neg_self *self,
                   krb5_const_principal owner, krb5_ccache ccache, neg_failure *failure)
{
    login l = {p, krb5, self, owner, NULL, NULL, NULL, failure};
    krb5_creds tgt, newer;
    krb5_error_code code;
    int known;
    if (prepare(&l) != 0)
        return -1;
    known = read_shared(&l, &tgt);
    if (known && is_due(&tgt) && renew(&l, 0, &newer) == 0) {
        krb5_free_cred_contents(krb5, &tgt);
        tgt = newer;
    }
    if (!known && renew(&l, 1, &tgt) != 0)
        return -1;
    code = krb5_cc_initialize(krb5, ccache, l.client);
    if (!code)
        code = krb5_cc_store_cred(krb5, ccache, &tgt);
    krb5_free_cred_contents(krb5, &tgt);
    return code ? explain(&l, code) : 0;
}

void neg_self_forget(apr_pool_t *p, krb5_context krb5, const neg_self *self,
                     krb5_const_principal owner)
{
    neg_failure ignored;
    login l = {p, krb5, self, owner, NULL, NULL, NULL, &ignored};
    if (prepare(&l) == 0)
        unlink(l.path);
}

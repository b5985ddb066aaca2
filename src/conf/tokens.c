/* Directives about tokens: AuthNegotiateMechs, AuthNegotiateChannelBinding,
 * AuthNegotiateReplayCache. */

#include <string.h>

#include <apr_strings.h>
#include <http_core.h>

#include "binding.h"
#include "internal.h"
#include "seen.h"

const char neg_negotiate_name[] = "Negotiate";

/* ---- AuthNegotiateMechs ---- */

static const char *allow_ntlmssp(cmd_parms *cmd, neg_conf *conf)
{
    if (!neg_ntlm_is_installed())
        return apr_psprintf(cmd->pool,
                            "%s: ntlmssp is not to be had, since GSSAPI has no such mechanism on "
                            "this machine: install gss-ntlmssp (Fedora: gssntlmssp), or write "
                            "%s krb5",
                            cmd->cmd->name, cmd->cmd->name);
    conf->mechs |= NEG_MECH_NTLMSSP;
    return NULL;
}

const char *neg_mechs_set(cmd_parms *cmd, void *conf, const char *name)
{
    neg_conf *c = neg_config_edit(cmd, conf);
    if (strcasecmp(name, "ntlmssp") == 0)
        return allow_ntlmssp(cmd, c);
    /* krb5 lets the client name the realm, and has no limit for how long a worker waits for it. */
    if (strcasecmp(name, "iakerb") == 0)
        return apr_psprintf(cmd->pool,
                            "%s: iakerb would make this server ask the KDC of any realm that a "
                            "stranger names, and wait for the answer; that cannot be bounded, so "
                            "it is not negotiated: write %s krb5, and let clients reach a KDC, "
                            "through a KDC proxy (MS-KKDCP) for example",
                            cmd->cmd->name, cmd->cmd->name);
    if (strcasecmp(name, "krb5") != 0)
        return apr_psprintf(cmd->pool,
                            "%s: there is no mechanism \"%s\"; write krb5, ntlmssp or both",
                            cmd->cmd->name, name);
    c->mechs |= NEG_MECH_KRB5;
    return NULL;
}

const char *neg_mechs_text(unsigned mechs)
{
    switch (mechs) {
    case NEG_MECH_NTLMSSP:
        return "ntlmssp";
    case NEG_MECH_KRB5 | NEG_MECH_NTLMSSP:
        return "krb5 ntlmssp";
    default:
        return "krb5";
    }
}

/*
 * gss-ntlmssp frees memory that is not its own when the credential that accepts has no name, and
 * "any" means a credential without one.
 */
const char *neg_mechs_conflict(unsigned mechs, const char *acceptor)
{
    if (!(mechs & NEG_MECH_NTLMSSP) || strcmp(acceptor, "any") != 0)
        return NULL;
    return "AuthNegotiateMechs has ntlmssp here, which needs an acceptor with a name: write "
           "AuthNegotiateAcceptor HTTP, or krb5 alone";
}

/* ---- AuthNegotiateChannelBinding ---- */

static const char *read_file(cmd_parms *cmd, const char *path, const char **text)
{
    enum {
        LARGEST = 1 << 20
    };
    apr_file_t *file;
    char *buffer = apr_palloc(cmd->temp_pool, LARGEST + 1);
    apr_size_t len = 0;
    apr_status_t rv = apr_file_open(&file, path, APR_FOPEN_READ, 0, cmd->temp_pool);
    if (rv == APR_SUCCESS) {
        rv = apr_file_read_full(file, buffer, LARGEST, &len);
        apr_file_close(file);
    }
    if (rv != APR_SUCCESS && rv != APR_EOF)
        return apr_psprintf(cmd->pool,
                            "%s: the certificate %s cannot be read: %pm. Write the path of the "
                            "one, in PEM, that clients see, as root can read it",
                            cmd->cmd->name, path, &rv);
    buffer[len] = '\0';
    *text = buffer;
    return NULL;
}

/* Read once, here: a certificate that is renewed wants a reload of httpd anyway. */
static const char *set_certificate(cmd_parms *cmd, neg_binding_rule *rule, const char *file)
{
    const char *pem = NULL, *why;
    if (!(rule->certificate = ap_server_root_relative(cmd->pool, file)))
        return "AuthNegotiateChannelBinding: the path of the certificate is not valid";
    if ((why = read_file(cmd, rule->certificate, &pem)))
        return why;
    why = neg_binding_end_point(cmd->pool, pem, &rule->end_point);
    return why ? apr_psprintf(cmd->pool,
                              "AuthNegotiateChannelBinding: %s: %s; write the file of the "
                              "certificate, in PEM, that clients see",
                              rule->certificate, why)
               : NULL;
}

const char *neg_binding_set(cmd_parms *cmd, void *conf, const char *mode, const char *file)
{
    neg_conf *c = neg_config_edit(cmd, conf);
    neg_binding_rule *rule = apr_pcalloc(cmd->pool, sizeof(*rule));
    c->channel_binding = rule;
    if (strcasecmp(mode, "off") == 0)
        rule->mode = NEG_BINDING_OFF;
    else if (strcasecmp(mode, "require") == 0)
        rule->mode = NEG_BINDING_REQUIRE;
    else if (strcasecmp(mode, "optional") != 0)
        return apr_psprintf(cmd->pool,
                            "AuthNegotiateChannelBinding: write optional, off or require, not "
                            "\"%s\"; a certificate follows that word",
                            mode);
    if (!file)
        return NULL;
    if (rule->mode == NEG_BINDING_OFF)
        return "AuthNegotiateChannelBinding: off has no use for a certificate; leave it out";
    if (!neg_config_at_start(cmd))
        return "AuthNegotiateChannelBinding: a certificate may not be named in .htaccess";
    return set_certificate(cmd, rule, file);
}

/* ---- AuthNegotiateReplayCache ---- */

#define MEGABYTES_DEFAULT 8
#define MEGABYTES_MAX     1024
#define MEGABYTE          (1024 * 1024)

static const char *set_memory(cmd_parms *cmd, const char *text, apr_size_t *size)
{
    const char *number = strchr(text, ':');
    char *end;
    apr_int64_t megabytes = number ? apr_strtoi64(number + 1, &end, 10) : MEGABYTES_DEFAULT;
    if (cmd->server->is_virtual)
        return "AuthNegotiateReplayCache memory is for the whole server, since virtual hosts may "
               "have one key: write it outside of <VirtualHost>";
    if (!neg_seen_is_possible())
        return "AuthNegotiateReplayCache memory: this processor has no atomic operations of 64 "
               "bits; write default";
    if (megabytes < 1 || megabytes > MEGABYTES_MAX || (number && *end))
        return "AuthNegotiateReplayCache memory: behind the colon write megabytes, 1 to 1024; one "
               "is enough for 90,000 tokens in ten minutes";
    *size = (apr_size_t)megabytes * MEGABYTE;
    return NULL;
}

const neg_store_use neg_replay_use = {"neg-replay", "auth-negotiate-replay", 1, 8};

static const char *create_store(cmd_parms *cmd, neg_replay *replay, const char *text)
{
    const char *why = neg_store_check(cmd->pool, text);
    if (!why)
        why = neg_store_create(cmd, &neg_replay_use, text, &replay->store);
    replay->kind = NEG_REPLAY_STORE;
    if (why)
        return apr_psprintf(cmd->pool, "AuthNegotiateReplayCache: %s. Or write default or memory",
                            why);
    if (!neg_store_is_local(replay->store) && strchr(text, ','))
        return apr_psprintf(cmd->pool,
                            "AuthNegotiateReplayCache %s: name one server; of several, the one "
                            "that has seen a token may be gone when another is asked for it",
                            text);
    return NULL;
}

/* @return 0 where the text names an httpd socache provider */
static int find_kind(const char *text, neg_replay_kind *kind)
{
    static const struct {
        const char *name;
        neg_replay_kind kind;
    } kinds[] = {
        {"default", NEG_REPLAY_DEFAULT}, {"none", NEG_REPLAY_NONE}, {"memory", NEG_REPLAY_MEMORY}};
    const char *name = strncasecmp(text, "memory:", 7) == 0 ? "memory" : text;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        if (strcasecmp(name, kinds[i].name) == 0) {
            *kind = kinds[i].kind;
            return 1;
        }
    return 0;
}

const char *neg_replay_set(cmd_parms *cmd, void *ignored, const char *text, const char *otherwise)
{
    neg_replay *replay = apr_pcalloc(cmd->pool, sizeof(*replay));
    (void)ignored;
    neg_config_server(cmd->server)->replay = replay;
    replay->text = text;
    if (otherwise && strcasecmp(otherwise, "or-local") != 0 &&
        strcasecmp(otherwise, "or-refuse") != 0)
        return "AuthNegotiateReplayCache: after a shared cache write or-refuse (what happens when "
               "it is gone, unless told) or or-local";
    replay->or_local = otherwise && strcasecmp(otherwise, "or-local") == 0;
    if (!find_kind(text, &replay->kind))
        return create_store(cmd, replay, text);
    if (otherwise)
        return "AuthNegotiateReplayCache: or-refuse and or-local go with a shared cache";
    return replay->kind == NEG_REPLAY_MEMORY ? set_memory(cmd, text, &replay->size) : NULL;
}

neg_replay_kind neg_replay_kind_of(const neg_server *server)
{
    return server->replay ? server->replay->kind : NEG_REPLAY_DEFAULT;
}

const char *neg_replay_text(const neg_server *server)
{
    return server->replay ? server->replay->text : "default";
}

const char *neg_replay_rcache(const neg_server *server)
{
    neg_replay_kind kind = neg_replay_kind_of(server);
    return kind == NEG_REPLAY_NONE || kind == NEG_REPLAY_MEMORY ? "none:" : NULL;
}

/* No other program can accept with a key that nobody else has, so that nobody else has to know what
 * was used. */
void neg_replay_prefer_memory(apr_pool_t *pconf, server_rec *servers)
{
    neg_replay *replay;
    if (!neg_seen_is_possible())
        return;
    for (server_rec *s = servers; s; s = s->next)
        if (neg_config_server(s)->replay)
            return;
    replay = apr_pcalloc(pconf, sizeof(*replay));
    replay->kind = NEG_REPLAY_MEMORY;
    replay->text = "memory";
    replay->size = MEGABYTES_DEFAULT * MEGABYTE;
    for (server_rec *s = servers; s; s = s->next)
        neg_config_server(s)->replay = replay;
}

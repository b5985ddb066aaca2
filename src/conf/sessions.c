/* Directives about sessions: timeouts, the cookie, keys and the store. */

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <apr_lib.h>
#include <apr_strings.h>
#include <http_core.h>
#include <openssl/crypto.h>

#include "cookie.h"
#include "internal.h"
#include "record.h"
#include "seal.h"

#define LONGEST apr_time_from_sec(400L * 24 * 3600) /* what browsers keep a cookie at most */

const neg_store_use neg_session_use = {"neg-session", "auth-negotiate-session", 1000,
                                       NEG_RECORD_MAX + NEG_SEAL_OVERHEAD};

/* ---- AuthNegotiateSessionTimeout ---- */

static const char *read_timeout(cmd_parms *cmd, const char *text, apr_interval_time_t *interval)
{
    if (apr_isdigit(*text) && ap_timeout_parameter_parse(text, interval, "s") == APR_SUCCESS &&
        *interval >= apr_time_from_sec(1) && *interval <= LONGEST)
        return NULL;
    return apr_psprintf(cmd->pool,
                        "AuthNegotiateSessionTimeout: \"%s\" is no length of a session; write "
                        "seconds, or a number with its unit such as 30min or 10h, from 1s to "
                        "9600h",
                        text);
}

const char *neg_session_set_timeout(cmd_parms *cmd, void *conf, const char *idle,
                                    const char *absolute)
{
    neg_conf *c = neg_config_edit(cmd, conf);
    neg_timeouts *timeouts = apr_palloc(cmd->pool, sizeof(*timeouts));
    const char *why;
    *timeouts = neg_config_timeouts(&(const neg_conf){0}); /* the defaults */
    c->session_timeout = timeouts;
    if ((why = read_timeout(cmd, idle, &timeouts->idle)) ||
        (absolute && (why = read_timeout(cmd, absolute, &timeouts->absolute))))
        return why;
    if (!absolute && timeouts->idle > timeouts->absolute)
        return apr_psprintf(
            cmd->pool,
            "AuthNegotiateSessionTimeout: %s is longer than a session lasts at all, "
            "which is 10h unless it is written: write a time for the whole behind "
            "it, such as AuthNegotiateSessionTimeout %s %s",
            idle, idle, idle);
    return timeouts->idle > timeouts->absolute
               ? "AuthNegotiateSessionTimeout: a session would end before it could be idle for so "
                 "long; write the time without a request first, then a longer one for the whole"
               : NULL;
}

/* ---- AuthNegotiateSessionCookie ---- */

static int is_domain(const char *text)
{
    for (const char *s = text; *s; s++)
        if (!apr_isalnum(*s) && *s != '-' && *s != '.')
            return 0;
    return *text && *text != '.';
}

static int is_path(const char *text)
{
    for (const char *s = text; *s; s++)
        if (!apr_isgraph(*s) || *s == ';' || *s == ',' || *s == '"')
            return 0;
    return *text == '/';
}

static const char *set_same_site(cmd_parms *cmd, neg_cookie_rule *rule, const char *value)
{
    static const char *const values[] = {"Lax", "Strict", "None"};
    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
        if (strcasecmp(value, values[i]) == 0) {
            rule->same_site = values[i];
            return NULL;
        }
    return apr_psprintf(cmd->pool,
                        "AuthNegotiateSessionCookie: write SameSite=Lax, SameSite=Strict or "
                        "SameSite=None, not \"%s\"",
                        value);
}

static const char *set_max_age(cmd_parms *cmd, neg_cookie_rule *rule, const char *value)
{
    char *end;
    apr_int64_t seconds = apr_strtoi64(value, &end, 10);
    if (!apr_isdigit(*value) || *end || seconds < 1 || seconds > apr_time_sec(LONGEST))
        return apr_psprintf(cmd->pool,
                            "AuthNegotiateSessionCookie: \"Max-Age=%s\" is no number of seconds "
                            "from 1 to %" APR_TIME_T_FMT
                            "; leave it out for a cookie that the browser forgets at its end",
                            value, apr_time_sec(LONGEST));
    rule->max_age = (int)seconds;
    return NULL;
}

static const char *set_attribute(cmd_parms *cmd, neg_cookie_rule *rule, const char *text)
{
    if (strncasecmp(text, "Path=", 5) == 0 && is_path(text + 5))
        rule->path = text + 5;
    else if (strncasecmp(text, "Domain=", 7) == 0 && is_domain(text + 7))
        rule->domain = text + 7;
    else if (strncasecmp(text, "SameSite=", 9) == 0)
        return set_same_site(cmd, rule, text + 9);
    else if (strncasecmp(text, "Max-Age=", 8) == 0)
        return set_max_age(cmd, rule, text + 8);
    else if (strcasecmp(text, "Secure") == 0)
        rule->secure = 1;
    else if (strcasecmp(text, "HttpOnly") != 0) /* which it always is */
        return apr_psprintf(
            cmd->pool,
            "AuthNegotiateSessionCookie: \"%s\" is not understood; write Path=/..., "
            "Domain=host.name, SameSite=Lax, Strict or None, Max-Age=seconds, "
            "Secure, or several of them. HttpOnly is always there",
            text);
    return NULL;
}

static const char *check_cookie(const neg_cookie_rule *rule)
{
    if (rule->name && strncmp(rule->name, "__Host-", 7) == 0 &&
        (rule->domain || strcmp(rule->path, "/") != 0))
        return "AuthNegotiateSessionCookie: browsers take a cookie named __Host-... with Path=/ "
               "and "
               "without Domain only; leave these out, or name it otherwise";
    if (strcmp(rule->same_site, "None") == 0 && !rule->secure)
        return "AuthNegotiateSessionCookie: browsers take SameSite=None over TLS only; write "
               "Secure "
               "beside it, or another SameSite";
    return NULL;
}

const char *neg_session_set_cookie(cmd_parms *cmd, void *conf, int argc, char *const argv[])
{
    neg_conf *c = neg_config_edit(cmd, conf);
    neg_cookie_rule *rule = apr_palloc(cmd->pool, sizeof(*rule));
    *rule = neg_config_cookie(&(const neg_conf){0}); /* the defaults */
    c->session_cookie = rule;
    if (argc == 0 || !neg_cookie_is_name(argv[0]))
        return "AuthNegotiateSessionCookie: write a name of letters, digits, - and _, or default, "
               "and then attributes such as Path=/app or SameSite=Strict";
    if (strcasecmp(argv[0], "default") != 0)
        APR_ARRAY_PUSH(neg_config_server(cmd->server)->cookie_names, const char *) = rule->name =
            argv[0];
    if (rule->name &&
        (strncmp(rule->name, "__Host-", 7) == 0 || strncmp(rule->name, "__Secure-", 9) == 0))
        rule->secure = 1;
    for (int i = 1; i < argc; i++) {
        const char *why = set_attribute(cmd, rule, argv[i]);
        if (why)
            return why;
    }
    return check_cookie(rule);
}

const char *neg_session_attributes(apr_pool_t *p, const neg_cookie_rule *rule, int secure,
                                   apr_int64_t max_age)
{
    return apr_pstrcat(
        p, "; Path=", rule->path, rule->domain ? "; Domain=" : "", rule->domain ? rule->domain : "",
        max_age >= 0 ? apr_psprintf(p, "; Max-Age=%" APR_INT64_T_FMT, max_age) : "", "; HttpOnly",
        "; SameSite=", rule->same_site, secure ? "; Secure" : "", NULL);
}

/* ---- AuthNegotiateSessionKey ---- */

/* Never into the file that was named: it may be somebody's TLS key. */
static const char *key_remedy(apr_pool_t *p, const char *path)
{
    const char *example = "/etc/apache2/session.key";
    apr_finfo_t info;
    if (path && APR_STATUS_IS_ENOENT(apr_stat(&info, path, APR_FINFO_TYPE | APR_FINFO_LINK, p)))
        example = path;
    else if (path && strcmp(path, example) == 0)
        example = "/etc/apache2/session-new.key";
    return apr_psprintf(
        p, "%s: (umask 077; openssl rand -base64 32 > %s)",
        example == path ? "Make one with" : "Name another file here; to make a new one", example);
}

/* Looked at once it is open, so that what is judged is what is read. */
static const char *check_owner(int fd)
{
    struct stat info;
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))
        return "it is no file";
    if (info.st_uid != geteuid() && info.st_uid != 0)
        return "it belongs to another user, who could read and change it";
    if (info.st_mode & (S_IRWXG | S_IRWXO))
        return "others than its owner can read or change it, and so could make sessions of any "
               "user";
    return NULL;
}

static const char *read_key(apr_pool_t *p, const char *path, unsigned char *key)
{
    char text[256];
    ssize_t len;
    const char *why;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return apr_psprintf(p, "it cannot be read (%s)", strerror(errno));
    if (!(why = check_owner(fd))) {
        len = read(fd, text, sizeof(text) - 1);
        text[len > 0 ? len : 0] = '\0';
        why = neg_seal_key_read(p, text, key);
        OPENSSL_cleanse(text, sizeof(text));
    }
    close(fd);
    return why;
}

const char *neg_session_set_key(cmd_parms *cmd, void *ignored, const char *file)
{
    neg_server *server = neg_config_server(cmd->server);
    const char *path = ap_server_root_relative(cmd->pool, file);
    unsigned char key[NEG_SEAL_KEY];
    const char *why = path ? read_key(cmd->temp_pool, path, key) : "its path is not valid";
    (void)ignored;
    if (why)
        return apr_psprintf(cmd->pool, "AuthNegotiateSessionKey %s cannot be used: %s. %s",
                            path ? path : file, why, key_remedy(cmd->temp_pool, path));
    if (!server->session_keys)
        server->session_keys = neg_seal_ring_make(cmd->pool);
    neg_seal_ring_add(server->session_keys, key);
    OPENSSL_cleanse(key, sizeof(key));
    return NULL;
}

const char *neg_session_keys_text(apr_pool_t *p, const neg_server *server)
{
    return server->session_keys ? apr_psprintf(p, "%d from files", server->session_keys->nelts)
                                : "one, made at start";
}

/* ---- AuthNegotiateSessionStore ---- */

const char *neg_session_set_store(cmd_parms *cmd, void *ignored, const char *text)
{
    neg_session_place *place = apr_pcalloc(cmd->pool, sizeof(*place));
    const char *why = NULL;
    (void)ignored;
    neg_config_server(cmd->server)->session_place = place;
    place->text = text;
    if (strcasecmp(text, "cookie") != 0 && !(why = neg_store_check(cmd->pool, text)))
        why = neg_store_create(cmd, &neg_session_use, text, &place->store);
    return why ? apr_psprintf(cmd->pool,
                              "AuthNegotiateSessionStore: %s. Or write cookie: then the cookie "
                              "itself holds the session",
                              why)
               : NULL;
}

const char *neg_session_store_text(const neg_server *server)
{
    return server->session_place ? server->session_place->text : "cookie";
}

/* ---- SetHandler negotiate-logout ---- */

/* A URL is known of <Location> alone. */
const char *neg_session_see_handler(cmd_parms *cmd, void *conf, const char *line)
{
    const ap_directive_t *section = cmd->directive->parent;
    const char *name = ap_getword_conf(cmd->temp_pool, &line);
    if (strcmp(name, "negotiate-logout") == 0 && section &&
        strcasecmp(section->directive, "<Location") == 0)
        neg_config_note_logout(cmd, conf);
    return NULL;
}

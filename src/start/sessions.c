/* What can be seen of sessions before the first request: each is a warning, with its remedy. */

#include <string.h>

#include <apr_strings.h>
#include <http_core.h>

#include "start.h"

/* ---- SetHandler negotiate-logout ---- */

/* RFC 6265 section 5.1.4. */
static int path_matches(const char *path, const char *url)
{
    apr_size_t len = strlen(path);
    return strncmp(path, url, len) == 0 &&
           (path[len - 1] == '/' || url[len] == '/' || url[len] == '\0');
}

const char *neg_session_check_logout(apr_pool_t *p, const neg_section *section,
                                     const neg_conf *conf)
{
    neg_cookie_rule rule = neg_config_cookie(conf);
    if (!section->logs_out || path_matches(rule.path, section->where))
        return NULL;
    return apr_psprintf(p,
                        "browsers do not send the session's cookie to %s, since its Path is %s, so "
                        "nothing is ended there: put the logout below that path, or write Path=/ "
                        "in all lines of AuthNegotiateSessionCookie that are for this AuthName",
                        section->where, rule.path);
}

/* ---- Cookies in the clear ---- */

static int is_section_of(const ap_directive_t *section, const server_rec *s)
{
    return strcasecmp(section->directive, "<VirtualHost") == 0 && s->defn_name &&
           section->line_num == (int)s->defn_line_number &&
           strcmp(section->filename, s->defn_name) == 0;
}

static int has_engine(const ap_directive_t *directive)
{
    for (; directive; directive = directive->next)
        if ((strcasecmp(directive->directive, "SSLEngine") == 0 ||
             strcasecmp(directive->directive, "GnuTLSEnable") == 0) &&
            strcasecmp(directive->args, "off") != 0)
            return 1;
    return 0;
}

/* As far as the lines of its own section say so, or those of the main server. */
static int has_tls(const server_rec *s)
{
    if (has_engine(ap_conftree))
        return 1;
    for (const ap_directive_t *d = ap_conftree; d; d = d->next)
        if (s->is_virtual && is_section_of(d, s) && has_engine(d->first_child))
            return 1;
    return 0;
}

const char *neg_session_check_clear(apr_pool_t *p, const server_rec *s, const neg_section *section,
                                    const neg_conf *conf)
{
    if (section->conf->session != NEG_ON || conf->require_tls || neg_config_cookie(conf).secure ||
        has_tls(s))
        return NULL;
    return apr_psprintf(p,
                        "sessions of %s may begin without TLS, where everybody on the way can take "
                        "the cookie and be its user: write AuthNegotiateRequireTLS On; or Off, if "
                        "that is meant; or AuthNegotiateSessionCookie default Secure, where TLS "
                        "ends in front of httpd",
                        section->where);
}

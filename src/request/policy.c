/* The gate that every identity passes, wherever it comes from. */

#include <string.h>

#include <http_ssl.h>

#include "request.h"

/* Whether it is what the user forwarded, or tickets for the same services. */
static int is_for_alike(const neg_conf *conf, const neg_identity *identity)
{
    const char *text = neg_s4u_text(conf);
    return strcmp(identity->ccache_for ? identity->ccache_for : "", text ? text : "") == 0;
}

/* Whether what was delegated, if anything was, is where and as this location wants it. */
static int is_stored_alike(const neg_conf *conf, const neg_identity *identity)
{
    neg_perms perms = neg_config_perms(conf);
    if (!is_for_alike(conf, identity))
        return 0;
    if (!neg_config_delegate_dir(conf)) /* for backends alone: any place will do */
        return identity->ccache_dir != NULL;
    return identity->ccache_dir &&
           strcmp(identity->ccache_dir, neg_config_delegate_dir(conf)) == 0 &&
           identity->ccache_perms.mode == perms.mode && identity->ccache_perms.uid == perms.uid &&
           identity->ccache_perms.gid == perms.gid;
}

static const char *permits_token(const neg_conf *conf, const neg_identity *identity)
{
    if (conf->require_tls == NEG_ON && !identity->tls)
        return "it was proven without TLS, which AuthNegotiateRequireTLS asks for here";
    if (neg_config_binding(conf) != NEG_BINDING_OFF &&
        strcmp(identity->channel, neg_config_channel(conf)) != 0)
        return "its channel bindings were not looked at, or held against another certificate "
               "(AuthNegotiateChannelBinding)";
    if (neg_config_binding(conf) == NEG_BINDING_REQUIRE && !identity->bound)
        return "it was proven without channel bindings, which AuthNegotiateChannelBinding asks "
               "for here";
    if (!(identity->mech & neg_config_mechs(conf)))
        return "it was proven by a mechanism that AuthNegotiateMechs does not have here";
    return NULL;
}

/* Which mechanisms are negotiated does not matter to a password, nor what a token is bound to. */
static const char *permits_password(const neg_conf *conf, const neg_identity *identity)
{
    if (conf->require_tls != NEG_OFF && !identity->tls)
        return "its password came without TLS, which is allowed by AuthNegotiateRequireTLS Off "
               "alone";
    if (neg_config_binding(conf) == NEG_BINDING_REQUIRE)
        return "a password cannot be bound to a channel, which AuthNegotiateChannelBinding asks "
               "for here";
    if (!neg_basic_has(conf, identity->provider))
        return "its password was checked by a provider that AuthNegotiateBasicProvider does not "
               "have here";
    return NULL;
}

const char *neg_permits(const neg_conf *conf, const char *acceptor, const char *space,
                        const neg_identity *identity)
{
    const char *why =
        identity->provider ? permits_password(conf, identity) : permits_token(conf, identity);
    if (strcmp(identity->space, space) != 0)
        return "it was proven for another AuthName or server";
    if (why || !identity->mech) /* neither key nor ticket is behind what other providers say */
        return why;
    if (strcmp(identity->acceptor, acceptor) != 0)
        return "it was proven with another AuthNegotiateKeytab or AuthNegotiateAcceptor";
    if (neg_config_delegate_place(conf) && !is_stored_alike(conf, identity))
        return "it was proven where AuthNegotiateDelegate, its Perms, AuthNegotiateS4U2Proxy or "
               "AuthNegotiateProxyService differ";
    if (neg_wants_unasked(conf, identity))
        return "its ticket was not asked for an attribute that Require, AuthNegotiateAttribute, "
               "AuthNegotiateGroup or AuthNegotiateUser want here";
    return NULL;
}

int neg_basic_lacks_tls(const neg_conf *conf, const request_rec *r)
{
    return conf->require_tls != NEG_OFF && !ap_ssl_conn_is_ssl(r->connection);
}

int neg_basic_may_keep(const neg_identity *identity)
{
    return !identity->provider || strcmp(identity->provider, NEG_KERBEROS) == 0;
}

int neg_attempt_lacks_tls(const neg_attempt *a)
{
    int required =
        a->conf->require_tls == NEG_ON || neg_replay_kind_of(a->server) == NEG_REPLAY_NONE;
    return required && !ap_ssl_conn_is_ssl(a->r->connection);
}

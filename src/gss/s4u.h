/**
 * Tickets in users' names (MS-SFU): S4U2Proxy, for a user whose ticket we have, and S4U2Self, for
 * one whom somebody else has authenticated.
 *
 * What comes out is a credential of the user's that has tickets for the services that were asked
 * for and nothing else: neither a ticket-granting ticket of the user's nor our own.
 */
#ifndef NEG_GSS_S4U_H
#define NEG_GSS_S4U_H

#include "gss.h"

/* ---- self.c: who we are to the KDC ---- */

typedef struct {
    const char *keytab;    /**< TYPE:residual; NULL is krb5's default */
    const char *acceptor;  /**< which of its keys are ours: "any", "HTTP", "HTTP@host" */
    const char *account;   /**< as whom we log in; NULL: as the key's owner */
    const char *directory; /**< private to the children: our tickets are kept there */
} neg_self;

/**
 * Our own ticket-granting ticket: the one that all children share, renewed when it is about to end.
 * No ccache, client keytab or variable of the environment is used.
 * @param p      owns the failure's text, and what has to be freed with krb5, which lives as long
 * @param owner  of the key in the keytab
 * @param ccache for this ticket and no other
 * @return 0, or -1 with *failure filled
 */
int neg_self_login(apr_pool_t *p, krb5_context krb5, const neg_self *self,
                   krb5_const_principal owner, krb5_ccache ccache, neg_failure *failure);

/** It is not good any more: the next one who logs in gets another. */
void neg_self_forget(apr_pool_t *p, krb5_context krb5, const neg_self *self,
                     krb5_const_principal owner);

/* ---- ownkeys.c: with which key, and as whom; all as neg_self_login() ---- */

/** Whose the first key is that serves the acceptor. */
int neg_self_owner(apr_pool_t *p, krb5_context krb5, const neg_self *self, krb5_principal *owner,
                   neg_failure *failure);
/** As whom the owner of a key logs in. */
int neg_self_client(apr_pool_t *p, krb5_context krb5, const neg_self *self,
                    krb5_const_principal owner, krb5_principal *client, neg_failure *failure);
/** The owner's keys under the client's name, in memory; the caller closes it. */
int neg_self_keytab(apr_pool_t *p, krb5_context krb5, const neg_self *self,
                    krb5_const_principal owner, krb5_principal client, krb5_keytab *keytab,
                    neg_failure *failure);

/* ---- s4u.c: the exchanges ---- */

typedef struct {
    neg_self self;
    const apr_array_header_t *services; /**< of const char *: HTTP@host, or a principal */
    const char *user; /**< a principal: of the ticket, or else whom to impersonate */
    neg_bytes ticket; /**< the user's, for us (RFC 4120 section 5.3); empty: S4U2Self */
} neg_s4u;

typedef struct {
    gss_cred_id_t cred; /**< of the pool that it was asked for with */
    apr_time_t ends;    /**< the first of its tickets to end */
    const char *ccache; /**< MEMORY:name; of the same pool */
    const char *user;   /**< whose they are, as the KDC spells it; in the same pool */
} neg_granted;

/**
 * Asks the KDC: one exchange for each service, one more for S4U2Self, and one when our own ticket
 * is to be renewed.
 * @return 0, or -1 with *failure filled
 */
int neg_s4u_ask(apr_pool_t *p, const neg_s4u *in, neg_granted *granted, neg_failure *failure);

/** A ccache in memory, with a krb5 context of its own: pools end in any thread. */
typedef struct {
    krb5_context krb5;
    krb5_ccache ccache;
} neg_purse;

/** Ends with p.  @return NULL when there is no memory, or no krb5.conf */
neg_purse *neg_purse_create(apr_pool_t *p);
/** Opens it as an initiator credential.  @return NULL, or a sentence in p */
const char *neg_purse_open(apr_pool_t *p, const neg_purse *purse, neg_granted *granted);

/* ---- s4uself.c ---- */

/**
 * @param own      has our own ticket
 * @param self     as whom we have got it
 * @param evidence the user's ticket for us: a Ticket, in p
 * @return 0, or -1 with *failure filled
 */
int neg_s4u_self(apr_pool_t *p, const char *user, const neg_purse *own, krb5_const_principal self,
                 krb5_data *evidence, neg_failure *failure);

/* ---- proxied.c: what the KDC has granted already ---- */

/** A child's. */
typedef struct neg_proxied neg_proxied;

/** Outlives the pools of the child; NULL when APR cannot. */
neg_proxied *neg_proxied_create(void);

/**
 * What decides whether tickets may be lent to another request: equal for two only when they come
 * with the very same ticket of the same user's, or name the same user to be impersonated, and want
 * the same services with the same keys.
 */
const char *neg_proxied_key(apr_pool_t *p, const neg_s4u *in);
/** A copy of what is kept under a key, if it has not ended.  @return whether there is one */
int neg_proxied_lend(neg_proxied *proxied, apr_pool_t *p, const char *key, apr_time_t now,
                     neg_granted *granted);
/** @param until they are not lent any more, if they have not ended before */
void neg_proxied_keep(neg_proxied *proxied, const char *key, const neg_granted *granted,
                      apr_time_t until);

#endif

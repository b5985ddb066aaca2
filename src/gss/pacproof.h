/**
 * Whether a PAC is a fact: the library's word, and the same asked of our own key.  proof.c for
 * handshake.c, pac.c and attributes.c, on ticket.c.
 */
#ifndef NEG_GSS_PACPROOF_H
#define NEG_GSS_PACPROOF_H

#include "gss.h"

/* ---- proof.c ---- */

/** What the library has accepted, and what it was given. */
typedef struct {
    neg_worker *worker;
    const char *keytab; /**< a neg_acceptor's */
    neg_bytes ap_req;
    apr_time_t now;
    gss_name_t name;       /**< the client's */
    const char *principal; /**< the same in its display form */
} neg_pac_claim;

/** One of the two is there, or neither: the ticket has no PAC. */
typedef struct {
    neg_bytes pac;        /**< the whole of it, proven */
    const char *unproven; /**< there is one that is not: why, after "has a PAC that ..." */
} neg_pac_proof;

/**
 * Finds out whether the ticket has a PAC, and whether it is true.
 * @param p owns all of *proof
 */
void neg_pac_prove(apr_pool_t *p, const neg_pac_claim *claim, neg_pac_proof *proof);

/**
 * Whether a PAC is signed with a key, and made for a client's ticket (MS-PAC sections 2.7, 2.8).
 * @param p         for what is needed meanwhile
 * @param key       the service's
 * @param authtime  the ticket's, in whole seconds
 * @param principal the client's, in its display form
 * @return NULL when it is, or a static sentence
 */
const char *neg_pac_verify(apr_pool_t *p, krb5_context krb5, const krb5_keyblock *key,
                           neg_bytes pac, apr_time_t authtime, const char *principal);

/* ---- pac.c: what an Active Directory says of a client ---- */

/** Reads a PAC that neg_pac_prove() was asked about into *pac, which p owns. */
void neg_pac_read(apr_pool_t *p, const neg_pac_proof *proof, neg_pac *pac);

/* ---- attributes.c: what the KDC says of a client beside its name ---- */

/** Whether one of these names (of const char *, or NULL) is of the PAC: such a value is as true as
 * that. */
int neg_attributes_want_pac(const apr_array_header_t *wants);

/**
 * Reads name attributes (RFC 6680) of a completed context's source name.  A value counts only if it
 * is authenticated and complete.
 * @param wants      of const char *: their names
 * @param proof      of the PAC, where neg_attributes_want_pac()
 * @param attributes of neg_attribute in p, one for each name; without values where there are none
 * @return NULL, or a sentence in p that goes on after the client's name.  What is too large is not
 *         cut, and what is not proven not left out: a rule with "not" would take it for absent.
 */
const char *neg_attributes_read(apr_pool_t *p, gss_name_t name, const apr_array_header_t *wants,
                                const neg_pac_proof *proof, const apr_array_header_t **attributes);

/* ---- believes.c ---- */

/**
 * Tries the acceptor with tickets of its own making, whose PACs are good or damaged.
 * @param p for what is needed meanwhile
 * @return NULL when it tells them apart, or cannot be tried; or what it does instead, "takes ..."
 */
const char *neg_pac_library_believes(apr_pool_t *p, krb5_context krb5);

/* ---- ticket.c ---- */

/** A ticket that one of our keys has opened. */
typedef struct {
    krb5_context krb5;
    krb5_keyblock key;
    neg_bytes plain; /**< its EncTicketPart: see core/ticket.h */
} neg_opened;

/**
 * Opens the ticket of an AP-REQ.
 * @param keytab a neg_acceptor's
 * @param opened wiped when p ends; must live as long
 * @return 0, or -1 when no key of the keytab fits
 */
int neg_ticket_open(apr_pool_t *p, neg_worker *worker, const char *keytab, neg_bytes ap_req,
                    apr_time_t now, neg_opened *opened);

#endif

/**
 * The Kerberos AP exchange, as far as it can be read without a key, and the one field of the
 * decrypted Authenticator that explains a refusal.  It explains refusals, tells used authenticators
 * apart, finds the key to try, and knows a ticket again that GSSAPI has accepted by its proof;
 * whether a client is let in, GSSAPI decides.
 */
#ifndef NEG_CORE_APREQ_H
#define NEG_CORE_APREQ_H

#include <apr_pools.h>
#include <apr_time.h>

#include "bytes.h"
#include "reader.h"

/** KRB_AP_REQ (RFC 4120 section 5.5.1).  Spans point into the parsed bytes. */
typedef struct {
    neg_bytes ticket;        /**< the whole Ticket, with its APPLICATION 1 tag */
    apr_int32_t enctype;     /**< of the authenticator: the session key's */
    neg_bytes authenticator; /**< its ciphertext */
} neg_ap_req;

/** @return NULL, or a static sentence; *out is then untouched. */
const char *neg_ap_req_parse(neg_bytes der, neg_ap_req *out);

/**
 * A text that is the same for each AP-REQ with the same ticket, and for no other.
 * @return in p, or NULL when this is no AP-REQ
 */
const char *neg_ap_req_proof(apr_pool_t *p, neg_bytes der);

/**
 * Reads ctime (and cusec) from a decrypted Authenticator (RFC 4120 section 5.5.1).
 * @return NULL, or a static sentence; *ctime is then untouched.
 */
const char *neg_authenticator_time(neg_bytes plain, apr_time_t *ctime);

/**
 * A KerberosTime (RFC 4120 section 5.2.3), which is UTC without fractions, within an EXPLICIT tag.
 * @param usec microseconds to add: they have a field of their own
 */
apr_time_t neg_read_kerberos_time(neg_reader *r, unsigned int explicit_tag, apr_int32_t usec);

#endif

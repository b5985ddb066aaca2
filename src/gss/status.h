/** What GSSAPI and krb5 say, in words; and mechanisms by their OIDs. */
#ifndef NEG_GSS_STATUS_H
#define NEG_GSS_STATUS_H

#include <apr_pools.h>
#include <apr_time.h>
#include <gssapi/gssapi.h>
#include <krb5.h>

#include "bytes.h"
#include "cause.h"

/* ---- status.c: status codes in words ---- */

/** Major and minor status as GSSAPI words them; the minor needs its mechanism.  In p. */
const char *neg_status_text(apr_pool_t *p, OM_uint32 major, OM_uint32 minor, gss_OID mech);

/** A krb5 error as the library words it, in p. */
const char *neg_status_krb5_text(apr_pool_t *p, krb5_context krb5, krb5_error_code code);
/** What krb5 says of the KDC itself, whatever that was asked for.
 * @return 0, or -1 when it is about something else */
int neg_explain_kdc(apr_pool_t *p, krb5_context krb5, krb5_error_code code, neg_failure *failure);

/** The minor status alone; "" when there is none. */
const char *neg_status_minor_text(apr_pool_t *p, OM_uint32 minor, gss_OID mech);

/** Whether the text of a minor status is that of a krb5 or system error. */
int neg_status_is(const char *text, krb5_error_code code);

/** A span of time in words, without its sign: "12 minutes".  In p. */
const char *neg_status_duration(apr_pool_t *p, apr_time_t time);

/* ---- oids.c ---- */

int neg_same_oid(gss_OID a, gss_OID b);
extern gss_OID_desc neg_oid_krb5;
extern gss_OID_desc neg_oid_ntlmssp;
extern gss_OID_desc neg_oid_spnego;

#endif

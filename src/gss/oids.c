/* Mechanisms by their OIDs. */

#include <string.h>

#include "status.h"

static char oid_krb5[] = "\x2a\x86\x48\x86\xf7\x12\x01\x02\x02"; /* 1.2.840.113554.1.2.2 */

static char oid_spnego[] = "\x2b\x06\x01\x05\x05\x02"; /* 1.3.6.1.5.5.2 */

static char oid_ntlmssp[] = "\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a"; /* 1.3.6.1.4.1.311.2.2.10 */

gss_OID_desc neg_oid_krb5 = {9, oid_krb5};

gss_OID_desc neg_oid_ntlmssp = {10, oid_ntlmssp};

gss_OID_desc neg_oid_spnego = {6, oid_spnego};

int neg_same_oid(gss_OID a, gss_OID b)
{
    return a && b && a->length == b->length && memcmp(a->elements, b->elements, a->length) == 0;
}

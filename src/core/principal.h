/** Kerberos principal names in their display form (RFC 1964 section 2.1.1). */
#ifndef NEG_CORE_PRINCIPAL_H
#define NEG_CORE_PRINCIPAL_H

#include <apr_pools.h>

/**
 * Splits a principal at its realm: the first '@' without a backslash before it.
 * Escapes stay as they are in both halves, so that no two principals become one name.
 * @param p    owns *name and *realm
 * @return NULL, or a static sentence (no realm, empty name, more than one unescaped '@', a
 *         backslash at the end, a control character); the results are then untouched.
 */
const char *neg_principal_split(apr_pool_t *p, const char *principal, const char **name,
                                const char **realm);

/**
 * Whether this is the name of everybody and nobody (RFC 8062 section 3): WELLKNOWN/ANONYMOUS in
 * any realm, or any name in the realm WELLKNOWN:ANONYMOUS.
 */
int neg_principal_is_anonymous(const char *name, const char *realm);

#endif

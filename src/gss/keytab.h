/** What is in a keytab, to be told: its keys' names, versions and types. */
#ifndef NEG_GSS_KEYTAB_H
#define NEG_GSS_KEYTAB_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <krb5.h>

typedef struct {
    const char *principal;
    unsigned kvno;
    int enctype;
    const char *enctype_name;
} neg_keytab_entry;

/**
 * Lists a keytab.
 * @param name    TYPE:residual, NULL for krb5's default
 * @param entries an array of neg_keytab_entry in p
 * @return NULL, or a sentence in p
 */
const char *neg_keytab_list(apr_pool_t *p, krb5_context krb5, const char *name,
                            apr_array_header_t **entries);

/** Adds a neg_keytab_entry in p. */
krb5_error_code neg_keytab_add_entry(apr_pool_t *p, krb5_context krb5,
                                     const krb5_keytab_entry *from, apr_array_header_t *entries);

/** The sentence for a keytab that cannot be read while the server runs, in p. */
const char *neg_keytab_explain(apr_pool_t *p, const char *keytab, const char *why);

/** TYPE:residual of krb5's default keytab, in p. */
const char *neg_keytab_default_name(apr_pool_t *p, krb5_context krb5);

/** The name of an encryption type, in p. */
const char *neg_keytab_enctype(apr_pool_t *p, int enctype);

/** The path of a FILE keytab's TYPE:residual; NULL for other types. */
const char *neg_keytab_path(const char *name);

/** Whether a key of this principal may accept under "any", "HTTP" or "HTTP@host". */
int neg_keytab_serves(const char *principal, const char *acceptor);

/** The principals of a listing, each once, joined with ", ", at most `most` of them. */
const char *neg_keytab_principals(apr_pool_t *p, const apr_array_header_t *entries, int most);

#endif

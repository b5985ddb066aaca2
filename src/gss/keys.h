/**
 * The keys of a keytab as they are held against a ticket: by the label that a ticket names in the
 * clear, or, where it names none that is there, one after the other, as the library does it.  That
 * is bounded: whoever sends a ticket needs none that is good, and a keytab may have thousands.
 */
#ifndef NEG_GSS_KEYS_H
#define NEG_GSS_KEYS_H

#include "gss.h"

typedef struct {
    krb5_principal principal;
    const char *name;
    krb5_kvno kvno;
    krb5_enctype enctype;
    krb5_key key;
    int again; /**< one before it is the same, and of the same service */
} neg_key;

typedef struct {
    krb5_context krb5;
    apr_array_header_t *all;     /**< of neg_key */
    apr_array_header_t *entries; /**< of neg_keytab_entry: the same, to be told */
} neg_keys;

/** Reads a keytab; p owns its keys, and wipes them at its end.
 * @param to a keytab that the keys are copied into, or NULL
 * @return NULL when anything fails */
neg_keys *neg_keys_read(apr_pool_t *p, krb5_context krb5, krb5_keytab from, krb5_keytab to);

/** The same of the keytab TYPE:residual, as it is just now. */
neg_keys *neg_keys_of(apr_pool_t *p, krb5_context krb5, const char *name);

/** The keys with the label of a ticket, more than one where the file is odd. @return how many */
int neg_keys_labelled(const neg_keys *keys, const krb5_ticket *ticket, const neg_key **first);

/** Whether a key of this principal may accept under "any" or a service; a host is not looked at. */
int neg_key_may_accept(krb5_const_principal principal, const char *acceptor);

typedef enum {
    NEG_TRIAL_OPENED,
    NEG_TRIAL_NONE,    /**< no key that may accept opens it */
    NEG_TRIAL_GIVEN_UP /**< none of those that were tried does, and others were not */
} neg_trial;

/** What a trial may cost: octets that are decrypted in vain, and 256 more for each key.  That is
 * 1,700 keys for a ticket without a PAC, 600 for one with a PAC of 1 kB; some 4 ms. */
#define NEG_TRIAL_FULL ((apr_size_t)768 * 1024)
/** Enough for the keys of the ticket's own name, and a few of others. */
#define NEG_TRIAL_SHORT ((apr_size_t)96 * 1024)

/** Tries keys that may accept: those of the ticket's name first, then those of its version.
 * @param octets NEG_TRIAL_FULL or NEG_TRIAL_SHORT
 * @param opener NULL unless one opened it */
neg_trial neg_keys_try(const neg_keys *keys, const krb5_ticket *ticket, const char *acceptor,
                       apr_size_t octets, const neg_key **opener);

/** Decrypts a ticket with the key that it names.
 * @param with_any where there is none, another one that opens it is looked for
 * @return 0, or -1 when none does */
int neg_keys_decrypt(apr_pool_t *p, const neg_keys *keys, krb5_ticket *ticket, int with_any);

#endif

/** What is at hand to explain a refusal, between explain.c and explainkeys.c. */
#ifndef NEG_GSS_EXPLAIN_H
#define NEG_GSS_EXPLAIN_H

#include "apreq.h"
#include "keyring.h"
#include "keys.h"

typedef struct {
    apr_pool_t *pool;
    krb5_context krb5;
    const neg_leg_input *in;
    const char *keytab_name;
    const neg_keys *keys; /* NULL when the keytab cannot be read */
    neg_ap_req ap_req;
    krb5_ticket *ticket;    /* NULL when the token holds none that can be read */
    const char *server;     /* the principal that the ticket was made for */
    const char *client;     /* NULL when the ticket cannot be decrypted */
    apr_time_t client_time; /* 0 when unknown */
    const char *whose;      /* "the ticket of alice@EXAMPLE.TEST", as far as it is known */
} neg_evidence;

/** @param text the minor status in words
 * @return whether the keys explain the refusal, with *failure filled */
int neg_explain_keys(neg_evidence *e, const char *text, neg_failure *failure);

#endif

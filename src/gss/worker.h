/**
 * What each thread of a child process keeps for itself.
 *
 * Nothing is shared between threads, because a credential handle serializes them with its mutex,
 * and OpenSSL's and APR's common parts do so with theirs.
 */
#ifndef NEG_GSS_WORKER_H
#define NEG_GSS_WORKER_H

#include <apr_pools.h>
#include <apr_time.h>
#include <krb5.h>

#include "bytes.h"

/** What a child process keeps for its threads: a key under which each of them finds its worker. */
typedef struct neg_workers neg_workers;

/** One thread's krb5 context, acceptor credentials and ciphers. */
typedef struct neg_worker neg_worker;

/** Makes the key; to be called once in a child, before its threads. NULL when APR cannot. */
neg_workers *neg_workers_create(apr_pool_t *pchild);

/** This thread's worker, made at its first use and given back when the thread ends; or NULL. */
neg_worker *neg_worker_get(neg_workers *workers);

krb5_context neg_worker_krb5(neg_worker *worker);

/** A pool of the thread's own memory, for its caller to destroy soon.  What is made in a request's
 * pool makes its connection larger for as long as it is open. */
apr_pool_t *neg_worker_scratch(neg_worker *worker);

/** This thread's cipher (core/seal.h); NULL when OpenSSL has none. */
struct neg_sealer *neg_worker_sealer(neg_worker *worker);
/** This thread's hash (core/digest.h). */
struct neg_digester *neg_worker_digester(neg_worker *worker);

/** Tolerated clock skew; acceptors report lifetimes that are longer by this much. */
apr_time_t neg_worker_clockskew(neg_worker *worker);
/** The same where there is no worker. */
apr_time_t neg_clockskew_configured(void);

/**
 * The tls-server-end-point of a certificate (core/binding.h), computed once per thread and
 * certificate; it stays the worker's, or p's when the worker knows many already.
 * @return NULL, or a static sentence
 */
const char *neg_worker_end_point(neg_worker *worker, apr_pool_t *p, const char *pem,
                                 neg_bytes *end_point);

/** @return the default realm, or NULL when krb5.conf names none; allocated in p. */
const char *neg_worker_default_realm(neg_worker *worker, apr_pool_t *p);

#endif

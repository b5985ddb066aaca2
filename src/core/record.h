/**
 * A session as bytes and back.
 *
 * The form is canonical: one session has one form, and only that is read.  It is not a format for
 * others: what reads a record has sealed it (seal.h), and a record of another version is none.
 */
#ifndef NEG_CORE_RECORD_H
#define NEG_CORE_RECORD_H

#include <apr_pools.h>
#include <apr_time.h>

#include "bytes.h"
#include "identity.h"

/** No record is longer. */
#define NEG_RECORD_MAX 32000

typedef struct {
    apr_time_t begun;
    apr_time_t renewed; /**< when it was last seen to be in use */
    apr_time_t idle_at; /**< it has ended then, unless it was renewed */
    apr_time_t ends;    /**< never raised by renewal */
    apr_time_t idle;    /**< the shortest idle time of the locations that it was used at */
    const neg_identity *identity;
} neg_session;

/** @return NULL, or a static sentence; *record (in p) is then untouched */
const char *neg_record_write(apr_pool_t *p, const neg_session *session, neg_bytes *record);

/** @return NULL, or a static sentence; *session (all of it in p) is then untouched */
const char *neg_record_read(apr_pool_t *p, neg_bytes record, neg_session *session);

#endif

/** A keytab file's bytes (MIT krb5's "keytab file format", version 2), read without libkrb5. */
#ifndef NEG_CORE_KEYTABFILE_H
#define NEG_CORE_KEYTABFILE_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "bytes.h"

/** One key; all bytes are where they are in the file. */
typedef struct {
    neg_bytes realm;
    apr_array_header_t *components; /**< of neg_bytes */
    apr_uint32_t name_type;         /**< RFC 4120 section 6.2 */
    apr_uint32_t timestamp;         /**< seconds since 1970: when it was written */
    apr_uint32_t kvno;
    apr_int32_t enctype;
    neg_bytes key;
} neg_keytabfile_entry;

/**
 * @param p       owns the array and its entries, and no byte of a key
 * @param file    stays where it is as long as the entries are used
 * @param entries an array of neg_keytabfile_entry, without those that have been removed
 * @return NULL, or a static sentence that goes on after the file's name
 */
const char *neg_keytabfile_read(apr_pool_t *p, neg_bytes file, apr_array_header_t **entries);

#endif

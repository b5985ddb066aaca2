#ifndef NEG_CORE_BYTES_H
#define NEG_CORE_BYTES_H

#include <apr.h>

/** Bytes that somebody else owns.  data may be NULL when len is 0. */
typedef struct {
    const unsigned char *data;
    apr_size_t len;
} neg_bytes;

#endif

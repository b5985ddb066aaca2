/**
 * What reader.h reads back: bytes into a block that grows in a pool.
 */
#ifndef NEG_CORE_WRITER_H
#define NEG_CORE_WRITER_H

#include <string.h>

#include <apr_pools.h>

#include "bytes.h"

typedef struct {
    apr_pool_t *pool;
    unsigned char *data;
    apr_size_t len, room;
} neg_writer;

static inline void neg_write_bytes(neg_writer *w, const void *data, apr_size_t len)
{
    if (len > w->room - w->len) {
        unsigned char *larger = apr_palloc(w->pool, w->room = 2 * w->room + len + 256);

        if (w->len > 0) {
            memcpy(larger, w->data, w->len);
        }
        w->data = larger;
    }
    if (len > 0) {
        memcpy(w->data + w->len, data, len);
    }
    w->len += len;
}

static inline void neg_write_u8(neg_writer *w, unsigned int value)
{
    unsigned char octet = (unsigned char)value;

    neg_write_bytes(w, &octet, 1);
}

/** Eight octets, the highest first. */
static inline void neg_write_be64(neg_writer *w, apr_int64_t value)
{
    int shift;

    for (shift = 56; shift >= 0; shift -= 8) {
        neg_write_u8(w, (unsigned int)((apr_uint64_t)value >> shift) & 0xff);
    }
}

/** Seven bits an octet, the highest first, with a mark on all but the last. */
static inline void neg_write_number(neg_writer *w, apr_uint32_t value)
{
    int shift = 28;

    while (shift > 0 && value >> shift == 0) {
        shift -= 7;
    }
    for (; shift >= 0; shift -= 7) {
        neg_write_u8(w, (value >> shift & 0x7f) | (shift ? 0x80 : 0));
    }
}

#endif

/**
 * A byte reader whose error is sticky: parse straight through, check once.
 *
 * The readers of one message, however nested, share one error.  The first error stays; after it
 * every read gives zero or nothing, touches no memory and moves nothing, so a parser needs no
 * check between its steps.  It must only not believe a value before it has looked at the error.
 * Nothing is ever read outside the bytes that the reader was made of.
 */
#ifndef NEG_CORE_READER_H
#define NEG_CORE_READER_H

#include <apr.h>

#include "bytes.h"

typedef struct {
    neg_bytes rest;     /**< what has not been read yet */
    const char **error; /**< NULL or a static sentence; belongs to whoever parses the message */
} neg_reader;

/** @param error is to be NULL at the start, and outlives the reader */
static inline neg_reader neg_reader_of(neg_bytes bytes, const char **error)
{
    neg_reader r = {bytes, error};

    return r;
}

static inline void neg_read_fail(neg_reader *r, const char *sentence)
{
    if (*r->error == NULL) {
        *r->error = sentence;
    }
}

/** Whether there is something left to read; never after an error, so that loops end. */
static inline int neg_read_more(const neg_reader *r)
{
    return *r->error == NULL && r->rest.len > 0;
}

/** The next len bytes, where they are. */
static inline neg_bytes neg_read_bytes(neg_reader *r, apr_size_t len)
{
    neg_bytes bytes = {NULL, 0};

    if (len > r->rest.len) {
        neg_read_fail(r, "its bytes end too early, as if it had been cut off");
    }
    if (*r->error == NULL && len > 0) {
        bytes.data = r->rest.data;
        bytes.len = len;
        r->rest.data += len;
        r->rest.len -= len;
    }
    return bytes;
}

static inline neg_bytes neg_read_rest(neg_reader *r)
{
    return neg_read_bytes(r, r->rest.len);
}

static inline unsigned int neg_read_u8(neg_reader *r)
{
    neg_bytes byte = neg_read_bytes(r, 1);

    return byte.len ? byte.data[0] : 0;
}

static inline unsigned int neg_read_be16(neg_reader *r)
{
    unsigned int high = neg_read_u8(r);

    return high << 8 | neg_read_u8(r);
}

/** Eight octets, the highest first; two's complement. */
static inline apr_int64_t neg_read_be64(neg_reader *r)
{
    neg_bytes octets = neg_read_bytes(r, 8);
    apr_uint64_t value = 0;
    apr_size_t i;

    for (i = 0; i < octets.len; i++) {
        value = value << 8 | octets.data[i];
    }
    return (apr_int64_t)value;
}

/** 32 bits, seven an octet, the highest first, with a mark on all but the last octet; in the fewest
 * that hold them. */
static inline apr_uint32_t neg_read_number(neg_reader *r)
{
    apr_uint64_t value = 0;
    unsigned int octet, count = 0;

    do {
        octet = neg_read_u8(r);
        value = value << 7 | (octet & 0x7f);
        if (count++ == 0 && octet == 0x80) {
            neg_read_fail(r, "it has a number that starts with zeros");
        }
    } while (octet & 0x80 && count < 5);
    if (octet & 0x80 || value > 0xffffffffu) {
        neg_read_fail(r, "it has a number that does not fit into 32 bits");
    }
    return *r->error ? 0 : (apr_uint32_t)value;
}

/** Says that a structure has no further elements. */
static inline void neg_read_end(neg_reader *r)
{
    if (neg_read_more(r)) {
        neg_read_fail(r, "it holds more than its definition has, or in another order");
    }
}

#endif

/**
 * The Windows way of writing things down: NDR (DCE 1.1: RPC, chapter 14; MS-RPCE section 2.2) as
 * far as a PAC has it, in little-endian order.  Like reader.h, on which it stands: the error is
 * sticky, nothing outside the bytes is touched.
 */
#ifndef NEG_CORE_NDR_H
#define NEG_CORE_NDR_H

#include <apr_pools.h>

#include "reader.h"
#include "sid.h"

/** A stream.  Numbers of 32 bits stand at multiples of four from its beginning. */
typedef struct {
    neg_reader r;
    const unsigned char *begin;
} neg_ndr;

/** RPC_UNICODE_STRING (MS-DTYP section 2.3.10): a field, whose text is deferred. */
typedef struct {
    unsigned len, max; /**< in bytes */
    apr_uint32_t pointer;
} neg_ndr_string;

/** Fails unless the condition holds. */
static inline void neg_read_expect(neg_reader *r, int condition, const char *sentence)
{
    if (!condition)
        neg_read_fail(r, sentence);
}

/** Four bytes as a number. */
static inline apr_uint32_t neg_ndr_number(const unsigned char *s)
{
    return s[0] | (apr_uint32_t)s[1] << 8 | (apr_uint32_t)s[2] << 16 | (apr_uint32_t)s[3] << 24;
}

unsigned neg_read_le16(neg_reader *r);
apr_uint32_t neg_read_le32(neg_reader *r);

/**
 * The count that a deferred array begins with.
 * @param field the count that its field has, which must be the same
 * @param size  of one element, at least: so many must be there
 */
void neg_ndr_count(neg_ndr *n, apr_uint32_t field, apr_size_t size);

neg_ndr_string neg_ndr_string_field(neg_ndr *n);
/** The text that a field stands for, in UTF-16LE, where it is. */
neg_bytes neg_ndr_text(neg_ndr *n, const neg_ndr_string *field);

/** A deferred SID (RPC_SID, MS-DTYP section 2.4.2.3). */
neg_bytes neg_ndr_sid(neg_ndr *n);

/** UTF-16LE as UTF-8 in p; NULL for what is empty, is no text, or has a control character. */
const char *neg_ndr_name(apr_pool_t *p, neg_bytes text);

#endif

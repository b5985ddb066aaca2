/** DER (X.690), read with a reader whose error is sticky: see reader.h. */
#ifndef NEG_CORE_DER_H
#define NEG_CORE_DER_H

#include "reader.h"

/* Identifier octets (X.690 section 8.1.2): all of Kerberos and SPNEGO does with tags below 31. */
#define NEG_DER_INTEGER          0x02
#define NEG_DER_BIT_STRING       0x03
#define NEG_DER_OCTET_STRING     0x04
#define NEG_DER_OID              0x06
#define NEG_DER_ENUMERATED       0x0a
#define NEG_DER_GENERALIZED_TIME 0x18
#define NEG_DER_GENERAL_STRING   0x1b
#define NEG_DER_SEQUENCE         0x30
#define NEG_DER_APPLICATION(n)   (0x60 + (n))
#define NEG_DER_CONTEXT(n)       (0xa0 + (n))

/** Whether an element with this tag is next: how OPTIONAL is read. */
static inline int neg_read_der_next_is(const neg_reader *r, unsigned int tag)
{
    return neg_read_more(r) && r->rest.data[0] == tag;
}

/** Definite and in the fewest octets that hold it, as DER wants (X.690 sections 8.1.3, 10.1). */
static inline apr_size_t neg_read_der_length(neg_reader *r)
{
    unsigned int first = neg_read_u8(r);
    unsigned int octets = first & 0x7f;
    apr_size_t length = 0;
    unsigned int i;

    if (first < 0x80) {
        return first;
    }
    if (octets == 0) {
        neg_read_fail(r, "it has an element of indefinite length, which DER does not allow");
        return 0;
    }
    if (octets > 4) {
        neg_read_fail(r, "it has an element that claims to be larger than four gigabytes");
        return 0;
    }
    for (i = 0; i < octets; i++) {
        length = length << 8 | neg_read_u8(r);
    }
    if (length < 0x80 || length >> (8 * (octets - 1)) == 0) {
        neg_read_fail(r, "it has a length in more octets than needed, which DER does not allow");
    }
    return length;
}

/** The contents of the next element, which must have this tag. */
static inline neg_bytes neg_read_der(neg_reader *r, unsigned int tag)
{
    if (neg_read_u8(r) != tag) {
        neg_read_fail(r, "it has an element of another type than expected in its place");
    }
    return neg_read_bytes(r, neg_read_der_length(r));
}

/** The next element, which must have this tag, whole: with its tag and length. */
static inline neg_bytes neg_read_der_whole(neg_reader *r, unsigned int tag)
{
    neg_bytes whole = r->rest;

    (void)neg_read_der(r, tag);
    whole.len -= r->rest.len;
    if (*r->error != NULL) {
        whole.data = NULL;
        whole.len = 0;
    }
    return whole;
}

/** A reader for the contents of the next element, which must have this tag. */
static inline neg_reader neg_read_der_inside(neg_reader *r, unsigned int tag)
{
    return neg_reader_of(neg_read_der(r, tag), r->error);
}

/** The contents of an element of this type within an EXPLICIT tag. */
static inline neg_bytes neg_read_der_field(neg_reader *r, unsigned int explicit_tag,
                                           unsigned int tag)
{
    neg_reader field = neg_read_der_inside(r, explicit_tag);
    neg_bytes contents = neg_read_der(&field, tag);

    neg_read_end(&field);
    return contents;
}

/** Passes over an OPTIONAL element without a look at its contents. */
static inline void neg_read_der_skip(neg_reader *r, unsigned int tag)
{
    if (neg_read_der_next_is(r, tag)) {
        (void)neg_read_der(r, tag);
    }
}

/** An INTEGER within an EXPLICIT tag, in its shortest form (X.690 section 8.3). */
static inline apr_int32_t neg_read_der_int32(neg_reader *r, unsigned int explicit_tag)
{
    neg_bytes octets = neg_read_der_field(r, explicit_tag, NEG_DER_INTEGER);
    apr_int64_t value = 0;
    apr_size_t i;

    if (octets.len == 0 || octets.len > 4) {
        neg_read_fail(r, "it has a number that is empty or does not fit into 32 bits");
        return 0;
    }
    /* The first nine bits must not be all alike, or the first octet says nothing. */
    if (octets.len > 1 && octets.data[0] == (octets.data[1] & 0x80 ? 0xff : 0x00)) {
        neg_read_fail(r, "it has a number in more octets than needed, which DER does not allow");
        return 0;
    }
    value = octets.data[0] & 0x80 ? -1 : 0;
    for (i = 0; i < octets.len; i++) {
        value = value * 256 + octets.data[i];
    }
    return (apr_int32_t)value;
}

/** The contents of an OBJECT IDENTIFIER: whole subidentifiers in shortest form (X.690 8.19.2). */
static inline neg_bytes neg_read_der_oid(neg_reader *r)
{
    neg_bytes oid = neg_read_der(r, NEG_DER_OID);
    int starts = 1; /* whether the next octet starts a subidentifier */
    apr_size_t i;

    for (i = 0; i < oid.len; i++) {
        if (starts && oid.data[i] == 0x80) {
            neg_read_fail(r, "it has an object identifier with a number that starts with zeros");
        }
        starts = !(oid.data[i] & 0x80);
    }
    if (oid.len == 0 || !starts) {
        neg_read_fail(r, "it has an object identifier that is empty or ends too early");
    }
    return oid;
}

#endif

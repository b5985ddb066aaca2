#include "ndr.h"

/* ---- Numbers, in little-endian order ---- */

unsigned neg_read_le16(neg_reader *r)
{
    unsigned low = neg_read_u8(r);
    return low | neg_read_u8(r) << 8;
}

apr_uint32_t neg_read_le32(neg_reader *r)
{
    neg_bytes bytes = neg_read_bytes(r, 4);
    return bytes.len ? neg_ndr_number(bytes.data) : 0;
}

/* ---- Text ---- */

static unsigned unit_at(neg_bytes text, apr_size_t at)
{
    return at + 1 < text.len ? text.data[at] | (unsigned)text.data[at + 1] << 8 : 0;
}

/* UTF-8 (RFC 3629) of one character.  @return how many bytes */
static int write_utf8(char *to, apr_uint32_t c)
{
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    int len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (int i = len - 1; i > 0; i--, c >>= 6)
        to[i] = (char)(0x80 | (c & 0x3f));
    to[0] = (char)(lead[len] | c);
    return len;
}

const char *neg_ndr_name(apr_pool_t *p, neg_bytes text)
{
    char *name = apr_palloc(p, text.len / 2 * 3 + 1), *end = name;
    for (apr_size_t at = 0; at < text.len; at += 2) {
        apr_uint32_t c = unit_at(text, at);
        if (c >= 0xd800 && c < 0xdc00) {
            unsigned low = unit_at(text, at += 2);
            if (low < 0xdc00 || low > 0xdfff)
                return NULL;
            c = 0x10000 + ((c & 0x3ff) << 10 | (low & 0x3ff));
        } else if (c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0xdc00 && c < 0xe000)) {
            return NULL;
        }
        end += write_utf8(end, c);
    }
    *end = '\0';
    return *name ? name : NULL;
}

/* ---- NDR ---- */

static void align(neg_ndr *n)
{
    if (n->r.rest.data)
        (void)neg_read_bytes(&n->r, (apr_size_t)(n->begin - n->r.rest.data) & 3);
}

void neg_ndr_count(neg_ndr *n, apr_uint32_t field, apr_size_t size)
{
    align(n);
    neg_read_expect(&n->r, neg_read_le32(&n->r) == field,
                    "an array has another count than its field");
    neg_read_expect(&n->r, field <= n->r.rest.len / size,
                    "it announces more than it has, as if it had been cut off");
}

neg_ndr_string neg_ndr_string_field(neg_ndr *n)
{
    neg_ndr_string s;
    s.len = neg_read_le16(&n->r);
    s.max = neg_read_le16(&n->r);
    s.pointer = neg_read_le32(&n->r);
    neg_read_expect(&n->r, s.len % 2 == 0 && s.len <= s.max,
                    "a string has an odd length, or one that is "
                    "longer than its buffer");
    neg_read_expect(&n->r, s.pointer || !s.len, "a string has a length and no text");
    return s;
}

neg_bytes neg_ndr_text(neg_ndr *n, const neg_ndr_string *s)
{
    apr_uint32_t max, offset, actual;
    if (!s->pointer)
        return (neg_bytes){NULL, 0};
    align(n);
    max = neg_read_le32(&n->r);
    offset = neg_read_le32(&n->r);
    actual = neg_read_le32(&n->r);
    neg_read_expect(&n->r, offset == 0 && actual <= max && actual == s->len / 2,
                    "a string's text has an offset, or another length than its field");
    return neg_read_bytes(&n->r, s->len);
}

neg_bytes neg_ndr_sid(neg_ndr *n)
{
    apr_uint32_t count;
    neg_bytes sid;
    align(n);
    count = neg_read_le32(&n->r);
    sid = neg_sid_read(&n->r);
    neg_read_expect(&n->r, sid.len && count == sid.data[1],
                    "a SID has another count than its array");
    return sid;
}

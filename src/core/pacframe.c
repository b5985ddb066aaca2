/*
 * A PAC's buffers.
 *
 * Rejected, each with its sentence:
 *   - another version than 0; more buffers than there is place for;
 *   - a buffer outside the bytes, within the head, or not at a multiple of eight;
 *   - two buffers of a type that is read here;
 *   - no signature of the server or the KDC, or no client; a signature without a type;
 *   - a signature that shares bytes with another buffer: those bytes would be signed by nobody;
 *   - a client's name that is cut, of odd length, empty, or no text; a time before 1970.
 */

#include "pacframe.h"

#include "ndr.h"

#define HEAD_SIZE   8  /* cBuffers, Version */
#define BUFFER_SIZE 16 /* PAC_INFO_BUFFER (section 2.4): ulType, cbBufferSize, Offset */

enum {
    LOGON_INFO = 1,
    SERVER_CHECKSUM = 6,
    KDC_CHECKSUM = 7,
    CLIENT_INFO = 10,
    UPN_DNS_INFO = 12
};

typedef struct {
    apr_uint32_t type;
    neg_bytes bytes;
} buffer;

typedef struct {
    neg_bytes all;
    neg_bytes heads; /* of BUFFER_SIZE each */
    neg_bytes logon_info, upn_dns_info, client_info, server, kdc;
} parts;

static buffer read_buffer(neg_reader *r, const parts *p)
{
    apr_size_t begin = HEAD_SIZE + p->heads.len;
    buffer b = {neg_read_le32(r), {NULL, 0}};
    apr_uint32_t len = neg_read_le32(r), offset = neg_read_le32(r), high = neg_read_le32(r);
    neg_read_expect(
        r, high == 0 && offset >= begin && offset <= p->all.len && len <= p->all.len - offset,
        "a buffer lies outside of it");
    neg_read_expect(r, offset % 8 == 0, "a buffer is not at a multiple of eight");
    if (*r->error == NULL)
        b.bytes = (neg_bytes){p->all.data + offset, len};
    return b;
}

static neg_bytes *place_of(parts *p, apr_uint32_t type)
{
    switch (type) {
    case LOGON_INFO:
        return &p->logon_info;
    case SERVER_CHECKSUM:
        return &p->server;
    case KDC_CHECKSUM:
        return &p->kdc;
    case CLIENT_INFO:
        return &p->client_info;
    case UPN_DNS_INFO:
        return &p->upn_dns_info;
    default:
        return NULL;
    }
}

static void read_buffers(neg_reader *r, parts *p)
{
    neg_reader heads = neg_reader_of(p->heads, r->error);
    while (neg_read_more(&heads)) {
        buffer b = read_buffer(&heads, p);
        neg_bytes *place = place_of(p, b.type);
        if (!place)
            continue;
        neg_read_expect(&heads, place->data == NULL, "it has two buffers of one type");
        *place = b.bytes;
    }
}

static int overlap(neg_bytes a, neg_bytes b)
{
    return a.data < b.data + b.len && b.data < a.data + a.len;
}

/* What is zeroed before the checksum is made must be a signature, and nothing else. */
static void expect_alone(neg_reader *r, const parts *p, apr_uint32_t type, neg_bytes signature)
{
    neg_reader heads = neg_reader_of(p->heads, r->error);
    while (neg_read_more(&heads)) {
        buffer b = read_buffer(&heads, p);
        neg_read_expect(&heads, b.type == type || !overlap(b.bytes, signature),
                        "a signature shares bytes with another buffer");
    }
}

static neg_pac_signature read_signature(neg_reader *r, neg_bytes bytes)
{
    neg_reader data = neg_reader_of(bytes, r->error);
    neg_pac_signature s;
    s.type = (apr_int32_t)neg_read_le32(&data);
    s.signature = neg_read_rest(&data);
    return s;
}

const char *neg_pac_frame_read(neg_bytes pac, neg_pac_frame *frame)
{
    const char *error = NULL;
    neg_reader r = neg_reader_of(pac, &error);
    parts p = {.all = pac};
    neg_pac_frame found;
    apr_uint32_t count = neg_read_le32(&r);

    neg_read_expect(&r, neg_read_le32(&r) == 0, "it is of another version than 0");
    neg_read_expect(&r, count <= r.rest.len / BUFFER_SIZE,
                    "it announces more than it has, as if it had been cut off");
    p.heads = neg_read_bytes(&r, (apr_size_t)count * BUFFER_SIZE);
    read_buffers(&r, &p);
    neg_read_expect(&r, p.server.data && p.kdc.data, "it is not signed");
    neg_read_expect(&r, p.client_info.data != NULL, "it does not say whose it is");
    expect_alone(&r, &p, SERVER_CHECKSUM, p.server);
    expect_alone(&r, &p, KDC_CHECKSUM, p.kdc);
    found.logon_info = p.logon_info;
    found.upn_dns_info = p.upn_dns_info;
    found.client_info = p.client_info;
    found.server = read_signature(&r, p.server);
    found.kdc = read_signature(&r, p.kdc);
    if (error)
        return error;
    *frame = found;
    return NULL;
}

/* ---- PAC_CLIENT_INFO ---- */

/* FILETIME (MS-DTYP section 2.3.3) counts tenths of a microsecond since 1601. */
#define FILETIME_SECOND APR_UINT64_C(10000000)
#define FILETIME_1970   APR_UINT64_C(11644473600)

static apr_time_t read_filetime(neg_reader *r)
{
    apr_uint64_t low = neg_read_le32(r);
    apr_uint64_t seconds = ((apr_uint64_t)neg_read_le32(r) << 32 | low) / FILETIME_SECOND;
    neg_read_expect(r, seconds >= FILETIME_1970, "its client's ticket is from before 1970");
    return *r->error ? 0 : apr_time_from_sec((apr_time_t)(seconds - FILETIME_1970));
}

const char *neg_pac_client_read(apr_pool_t *p, neg_bytes client_info, neg_pac_client *client)
{
    const char *error = NULL;
    neg_reader r = neg_reader_of(client_info, &error);
    neg_pac_client found;
    neg_bytes text;

    found.authtime = read_filetime(&r);
    text = neg_read_bytes(&r, neg_read_le16(&r));
    neg_read_expect(&r, text.len % 2 == 0, "its client's name has an odd length");
    found.name = error ? NULL : neg_ndr_name(p, text);
    neg_read_expect(&r, found.name != NULL, "its client's name is empty, or no text");
    if (error)
        return error;
    *client = found;
    return NULL;
}

#include "ntlm.h"

#include <string.h>

#include "reader.h"

/* Flags that decide how a message is to be read (MS-NLMP section 2.2.2.5). */
#define FLAG_UNICODE  0x00000001u
#define FLAG_DATAGRAM 0x00000040u
#define FLAG_VERSION  0x02000000u
#define FLAG_KEY_EXCH 0x40000000u

#define VERSION_LEN 8
#define MIC_LEN     16

static const char signature[8] = "NTLMSSP"; /* and its NUL */

int neg_ntlm_is(neg_bytes bytes)
{
    return bytes.len >= sizeof(signature) && memcmp(bytes.data, signature, sizeof(signature)) == 0;
}

/* ---- numbers, which are little-endian ------------------------------------------------------ */

static unsigned int read_u16(neg_reader *r)
{
    unsigned int low = neg_read_u8(r);

    return low | neg_read_u8(r) << 8;
}

static apr_uint32_t read_u32(neg_reader *r)
{
    apr_uint32_t low = read_u16(r);

    return low | (apr_uint32_t)read_u16(r) << 16;
}

/* ---- payload fields ------------------------------------------------------------------------ */

/** Where the header says that a value is. */
typedef struct {
    unsigned int len;
    unsigned int max_len;
    apr_uint32_t offset;
} field;

static field read_field(neg_reader *header)
{
    field f;

    f.len = read_u16(header);
    f.max_len = read_u16(header);
    f.offset = read_u32(header);
    return f;
}

/**
 * A field's value, which lies behind the header and within the message.
 * @param start where the payload begins
 */
static neg_bytes value_of(neg_reader *r, neg_bytes message, field f, apr_size_t start)
{
    neg_bytes value = {NULL, 0};

    if (f.len == 0) {
        return value;
    }
    if (f.max_len < f.len) {
        neg_read_fail(r, "it is an NTLM message with a field that is longer than its own limit");
    } else if (f.offset < start || f.offset > message.len || f.len > message.len - f.offset) {
        neg_read_fail(r, "it is an NTLM message with a field outside its payload");
    } else {
        value.data = message.data + f.offset;
        value.len = f.len;
    }
    return value;
}

/* ---- text ---------------------------------------------------------------------------------- */

/** The next code point of UTF-16; 0 after an error.  A surrogate without its other half is one. */
static apr_uint32_t read_utf16(neg_reader *r)
{
    apr_uint32_t unit = read_u16(r);
    apr_uint32_t low;

    if (unit < 0xd800 || unit > 0xdfff) {
        return unit;
    }
    low = unit < 0xdc00 && neg_read_more(r) ? read_u16(r) : 0;
    if (low < 0xdc00 || low > 0xdfff) {
        neg_read_fail(r, "it is an NTLM message with a text that is not UTF-16");
        return 0;
    }
    return 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
}

static int is_control(apr_uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0);
}

/** What no account of Windows has in its name: with it, one name could be read as another. */
static int separates(apr_uint32_t c)
{
    return c < 0x80 && strchr("\"/\\[]:;|=,+*?<>@", (int)c) != NULL;
}

static void check_text(neg_bytes text, const char **error)
{
    neg_reader r = neg_reader_of(text, error);

    while (neg_read_more(&r)) {
        if (is_control(read_utf16(&r))) {
            neg_read_fail(&r, "it is an NTLM message with a control character in a name");
        }
    }
}

#define NAME_MAX_LEN 512 /* octets: more than any directory allows */

static void check_name(neg_bytes name, const char **error)
{
    neg_reader r = neg_reader_of(name, error);

    if (name.len > NAME_MAX_LEN) {
        neg_read_fail(&r, "it is an NTLM message with a name that is too long");
    }
    check_text(name, error);
    while (neg_read_more(&r)) {
        if (separates(read_utf16(&r))) {
            neg_read_fail(&r, "it is an NTLM message with a character in a name that no account "
                              "has, such as @ or a backslash");
        }
    }
}

static int is_zero(neg_bytes bytes)
{
    apr_size_t i;

    for (i = 0; i < bytes.len; i++) {
        if (bytes.data[i] != 0) {
            return 0;
        }
    }
    return 1;
}

/* ---- the NTLMv2 response ------------------------------------------------------------------- */

/* AvId (MS-NLMP section 2.2.2.1) */
enum {
    AV_EOL = 0,
    AV_FLAGS = 6,
    AV_TIMESTAMP = 7,
    AV_SINGLE_HOST = 8,
    AV_CHANNEL_BINDINGS = 10
};

#define AV_FLAG_MIC 0x00000002u

typedef struct {
    int has_mic;
    int bound;
} av_facts;

static void check_av_pair(neg_reader *r, unsigned int id, neg_bytes value, av_facts *facts)
{
    neg_reader inside = neg_reader_of(value, r->error);

    switch (id) {
    case AV_FLAGS:
        facts->has_mic = (read_u32(&inside) & AV_FLAG_MIC) != 0;
        break;
    case AV_TIMESTAMP:
        (void)neg_read_bytes(&inside, 8);
        break;
    case AV_SINGLE_HOST:
        (void)neg_read_rest(&inside);
        break;
    case AV_CHANNEL_BINDINGS: /* an MD5 hash; zeros are none */
        facts->bound = !is_zero(neg_read_bytes(&inside, 16));
        break;
    default:
        check_text(value, r->error);
        (void)neg_read_rest(&inside);
    }
    neg_read_end(&inside);
}

/** AV_PAIRs, each at most once, up to MsvAvEOL. */
static void check_av_pairs(neg_reader *r, av_facts *facts)
{
    unsigned int seen = 0;
    unsigned int id, len;

    do {
        id = read_u16(r);
        len = read_u16(r);
        if (id > AV_CHANNEL_BINDINGS || seen & 1u << id || (id == AV_EOL && len != 0)) {
            neg_read_fail(r, "it is an NTLM message with an AV_PAIR that is unknown, repeated, or "
                             "an end that is none");
        } else if (id != AV_EOL) {
            seen |= 1u << id;
            check_av_pair(r, id, neg_read_bytes(r, len), facts);
        }
    } while (*r->error == NULL && id != AV_EOL);
}

/** NTLMv2_RESPONSE: the proof, then NTLMv2_CLIENT_CHALLENGE (MS-NLMP sections 2.2.2.7, 2.2.2.8). */
static void check_response(neg_bytes response, const char **error, av_facts *facts)
{
    neg_reader r = neg_reader_of(response, error);

    if (response.len <= 24) {
        neg_read_fail(&r, "it is an NTLM message without a response of NTLMv2: older versions are "
                          "not accepted (LmCompatibilityLevel 3 or more at the client)");
    }
    (void)neg_read_bytes(&r, 16);
    if (neg_read_u8(&r) != 1 || neg_read_u8(&r) != 1) {
        neg_read_fail(&r, "it is an NTLM message with a response of an unknown version");
    }
    (void)neg_read_bytes(&r, 2 + 4 + 8 + 8 + 4); /* reserved, time, client's challenge, reserved */
    check_av_pairs(&r, facts);
    if (!is_zero(neg_read_rest(&r))) {
        neg_read_fail(&r, "it is an NTLM message with bytes behind its AV_PAIRs");
    }
}

/* ---- messages ------------------------------------------------------------------------------ */

static apr_size_t payload_start(apr_size_t header, apr_uint32_t flags)
{
    return header + (flags & FLAG_VERSION ? VERSION_LEN : 0);
}

static void check_flags(neg_reader *r, apr_uint32_t flags)
{
    if (!(flags & FLAG_UNICODE)) {
        neg_read_fail(r, "it is an NTLM message of a client without Unicode");
    } else if (!(flags & FLAG_KEY_EXCH)) {
        neg_read_fail(r, "it is an NTLM message of a client that exchanges no session key");
    } else if (flags & FLAG_DATAGRAM) {
        neg_read_fail(r, "it is an NTLM message for datagrams, which are no connection");
    }
}

/** NEGOTIATE_MESSAGE (MS-NLMP section 2.2.1.1); its names are OEM text, which nobody uses. */
static void read_negotiate(neg_reader *r, neg_bytes message)
{
    apr_uint32_t flags = read_u32(r);
    field domain = read_field(r);
    field workstation = read_field(r);
    apr_size_t start = payload_start(32, flags);

    check_flags(r, flags);
    if (message.len < start) {
        neg_read_fail(r, "it is an NTLM message that ends too early");
    }
    (void)value_of(r, message, domain, start);
    (void)value_of(r, message, workstation, start);
    (void)neg_read_rest(r);
}

/**
 * The library believes an LM response beside the other one, if that is wrong.  A client that has
 * seen the time in the challenge, which it always has, sends zeros (MS-NLMP section 3.1.5.1.2).
 */
static void check_lm(neg_reader *r, neg_bytes lm)
{
    if (!is_zero(lm) || lm.len > 24) {
        neg_read_fail(r, "it is an NTLM message with an LM response, which is not accepted");
    }
}

/** AUTHENTICATE_MESSAGE (MS-NLMP section 2.2.1.3). */
static void read_authenticate(neg_reader *r, neg_bytes message, neg_ntlm *out)
{
    enum {
        LM,
        NT,
        DOMAIN,
        USER,
        WORKSTATION,
        KEY,
        FIELDS
    };
    field fields[FIELDS];
    neg_bytes values[FIELDS];
    av_facts facts = {0, 0};
    apr_uint32_t flags;
    apr_size_t start;
    int i;

    for (i = 0; i < FIELDS; i++) {
        fields[i] = read_field(r);
    }
    flags = read_u32(r);
    start = payload_start(64, flags);
    if (message.len < start) {
        neg_read_fail(r, "it is an NTLM message that ends too early");
    }
    for (i = 0; i < FIELDS; i++) {
        values[i] = value_of(r, message, fields[i], start);
    }
    (void)neg_read_rest(r);
    out->anonymous = *r->error == NULL && values[USER].len == 0;
    if (out->anonymous) {
        return;
    }

    check_flags(r, flags);
    check_name(values[USER], r->error);
    check_name(values[DOMAIN], r->error);
    check_text(values[WORKSTATION], r->error);
    if (values[DOMAIN].len == 0) {
        neg_read_fail(r, "it is an NTLM message that names a user, but not of which domain");
    }
    if (values[KEY].len != 16) {
        neg_read_fail(r, "it is an NTLM message with a session key that is not 16 bytes long");
    }
    check_lm(r, values[LM]);
    check_response(values[NT], r->error, &facts);
    for (i = 0; facts.has_mic && i < FIELDS; i++) { /* it stands before the payload */
        (void)value_of(r, message, fields[i], 64 + VERSION_LEN + MIC_LEN);
    }
    out->bound = facts.bound;
}

const char *neg_ntlm_read(neg_bytes message, neg_ntlm *out)
{
    neg_ntlm read = {NEG_NTLM_NONE, 0, 0};
    const char *error = NULL;
    neg_reader r = neg_reader_of(message, &error);

    if (!neg_ntlm_is(message)) {
        return "it names NTLM, but what it carries is no NTLM message";
    }
    (void)neg_read_bytes(&r, sizeof(signature));
    switch (read_u32(&r)) {
    case 1:
        read.type = NEG_NTLM_NEGOTIATE;
        read_negotiate(&r, message);
        break;
    case 2:
        neg_read_fail(&r, "it is an NTLM challenge, which only servers send");
        break;
    case 3:
        read.type = NEG_NTLM_AUTHENTICATE;
        read_authenticate(&r, message, &read);
        break;
    default:
        neg_read_fail(&r, "it is an NTLM message of an unknown type");
    }
    if (error) {
        return error;
    }
    *out = read;
    return NULL;
}

#include "sid.h"

#include <string.h>
#include <strings.h>

#include <apr_lib.h>
#include <apr_strings.h>

#define WORD_MAX ((apr_uint64_t)0xffffffff)

enum {
    HEAD = 8 /* what comes before the numbers */
};

static apr_size_t length_of(const unsigned char *sid)
{
    return HEAD + 4 * (apr_size_t)sid[1];
}

static apr_uint32_t read_le32(const unsigned char *s)
{
    return s[0] | (apr_uint32_t)s[1] << 8 | (apr_uint32_t)s[2] << 16 | (apr_uint32_t)s[3] << 24;
}

static void write_le32(unsigned char *to, apr_uint32_t value)
{
    to[0] = (unsigned char)value;
    to[1] = (unsigned char)(value >> 8);
    to[2] = (unsigned char)(value >> 16);
    to[3] = (unsigned char)(value >> 24);
}

/* ---- Text to SID ---- */

/* @return whether there was a number, at most max, in its only spelling; *text is then behind it */
static int read_decimal(const char **text, apr_uint64_t max, apr_uint64_t *value)
{
    const char *s = *text;
    apr_uint64_t v = 0;
    if (!apr_isdigit(*s) || (*s == '0' && apr_isdigit(s[1])))
        return 0;
    for (; apr_isdigit(*s); s++)
        if ((v = v * 10 + (apr_uint64_t)(*s - '0')) > max)
            return 0;
    *text = s;
    *value = v;
    return 1;
}

/* Twelve digits, as they are written. */
static int read_hexadecimal(const char **text, apr_uint64_t *value)
{
    enum {
        DIGITS = 12
    };
    const char *s = *text + 2;
    apr_uint64_t v = 0;
    for (int i = 0; i < DIGITS; i++) {
        int c = apr_tolower(s[i]);
        if (!apr_isxdigit(c))
            return 0;
        v = v << 4 | (apr_uint64_t)(apr_isdigit(c) ? c - '0' : c - 'a' + 10);
    }
    *text = s + DIGITS;
    *value = v;
    return v > WORD_MAX;
}

static int read_authority(const char **text, apr_uint64_t *value)
{
    return strncmp(*text, "0x", 2) == 0 ? read_hexadecimal(text, value)
                                        : read_decimal(text, WORD_MAX, value);
}

const char *neg_sid_parse(apr_pool_t *p, const char *text, neg_bytes *out)
{
    unsigned char sid[NEG_SID_MAX] = {1, 0};
    apr_uint64_t value;
    if (strncmp(text, "S-1-", 4) != 0)
        return "a SID begins with S-1-";
    text += 4;
    if (!read_authority(&text, &value))
        return "the first number of the SID, after S-1-, cannot be read";
    for (int i = 0; i < 6; i++)
        sid[7 - i] = (unsigned char)(value >> (8 * i));
    while (*text == '-') {
        text++;
        if (!read_decimal(&text, WORD_MAX, &value))
            return "a number of the SID is missing, begins with a zero, or does not fit into 32 "
                   "bits";
        if (sid[1] == NEG_SID_SUBS_MAX)
            return "a SID has at most fifteen numbers after the first";
        write_le32(sid + HEAD + 4 * sid[1]++, (apr_uint32_t)value);
    }
    if (*text)
        return "something follows the SID";
    if (sid[1] == 0)
        return "the SID ends too early";
    out->len = length_of(sid);
    out->data = apr_pmemdup(p, sid, out->len);
    return NULL;
}

/* ---- SID to text ---- */

static char *write_decimal(char *text, apr_uint32_t value)
{
    char digits[10];
    char *first = digits + sizeof(digits);
    apr_size_t len;
    do
        *--first = (char)('0' + value % 10);
    while (value /= 10);
    len = (apr_size_t)(digits + sizeof(digits) - first);
    memcpy(text, first, len);
    return text + len;
}

apr_size_t neg_sid_write(char *text, neg_bytes sid)
{
    char *end = text + 4;
    apr_uint64_t authority = 0;
    memcpy(text, "S-1-", 4);
    for (int i = 2; i < HEAD; i++)
        authority = authority << 8 | sid.data[i];
    if (authority > WORD_MAX)
        end += apr_snprintf(end, NEG_SID_TEXT_MAX - 4, "0x%012" APR_UINT64_T_HEX_FMT, authority);
    else
        end = write_decimal(end, (apr_uint32_t)authority);
    for (apr_size_t at = HEAD; at < sid.len; at += 4) {
        *end++ = '-';
        end = write_decimal(end, read_le32(sid.data + at));
    }
    *end = '\0';
    return (apr_size_t)(end - text);
}

apr_size_t neg_sid_write_next(char *text, apr_size_t len, neg_bytes before, neg_bytes sid)
{
    char *end;
    if (!neg_sid_same_domain(before, sid))
        return neg_sid_write(text, sid);
    while (text[len - 1] != '-')
        len--;
    end = write_decimal(text + len, neg_sid_rid(sid));
    *end = '\0';
    return (apr_size_t)(end - text);
}

const char *neg_sid_text(apr_pool_t *p, neg_bytes sid)
{
    char text[NEG_SID_TEXT_MAX];
    return apr_pstrmemdup(p, text, neg_sid_write(text, sid));
}

/* ---- Bytes ---- */

neg_bytes neg_sid_read(neg_reader *r)
{
    apr_size_t len = HEAD;
    if (r->rest.len >= 2) {
        if (r->rest.data[0] != 1)
            neg_read_fail(r, "a SID has another revision than 1");
        if (r->rest.data[1] < 1 || r->rest.data[1] > NEG_SID_SUBS_MAX)
            neg_read_fail(r, "a SID has no numbers, or more than fifteen");
        len = length_of(r->rest.data);
    }
    return neg_read_bytes(r, len);
}

int neg_sid_equal(neg_bytes a, neg_bytes b)
{
    return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

int neg_sid_same_domain(neg_bytes a, neg_bytes b)
{
    return a.len == b.len && memcmp(a.data, b.data, a.len - 4) == 0;
}

apr_uint32_t neg_sid_rid(neg_bytes sid)
{
    return read_le32(sid.data + sid.len - 4);
}

neg_bytes neg_sid_sibling(apr_pool_t *p, neg_bytes sid, apr_uint32_t rid)
{
    unsigned char *sibling = apr_pmemdup(p, sid.data, sid.len);
    write_le32(sibling + sid.len - 4, rid);
    return (neg_bytes){sibling, sid.len};
}

/* ---- Names ---- */

/* Only what a ticket can tell: see pac.c.  Groups of one computer (Administrators, Users) are in
 * no ticket. */
const char *neg_sid_well_known(const char *name, int *asserted)
{
    static const struct {
        const char *name, *sid;
        int asserted;
    } groups[] = {
        {"Everyone", "S-1-1-0", 0},
        {"Authenticated Users", "S-1-5-11", 0},
        {"This Organization Certificate", "S-1-5-65-1", 1},
        {"Compounded Authentication", "S-1-5-21-0-0-0-496", 1},
        {"Claims Valid", "S-1-5-21-0-0-0-497", 1},
        {"Authentication Authority Asserted Identity", "S-1-18-1", 1},
        {"Service Asserted Identity", "S-1-18-2", 1},
        {"Fresh Public Key Identity", "S-1-18-3", 1},
        {"Key Trust Identity", "S-1-18-4", 1},
        {"Key Property Multi-Factor Authentication", "S-1-18-5", 1},
        {"Key Property Attestation", "S-1-18-6", 1},
    };
    for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++)
        if (strcasecmp(groups[i].name, name) == 0) {
            *asserted = groups[i].asserted;
            return groups[i].sid;
        }
    return NULL;
}

apr_uint32_t neg_sid_domain_group(const char *name)
{
    static const struct {
        const char *name;
        apr_uint32_t rid;
    } groups[] = {
        {"Enterprise Read-only Domain Controllers", 498},
        {"Domain Admins", 512},
        {"Domain Users", 513},
        {"Domain Guests", 514},
        {"Domain Computers", 515},
        {"Domain Controllers", 516},
        {"Cert Publishers", 517},
        {"Schema Admins", 518},
        {"Enterprise Admins", 519},
        {"Group Policy Creator Owners", 520},
        {"Read-only Domain Controllers", 521},
        {"Cloneable Domain Controllers", 522},
        {"Protected Users", 525},
        {"Key Admins", 526},
        {"Enterprise Key Admins", 527},
        {"RAS and IAS Servers", 553},
        {"Allowed RODC Password Replication Group", 571},
        {"Denied RODC Password Replication Group", 572},
    };
    for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++)
        if (strcasecmp(groups[i].name, name) == 0)
            return groups[i].rid;
    return 0;
}

/* ---- Lists ---- */

neg_sids *neg_sids_make(apr_pool_t *p, apr_size_t room)
{
    neg_sids *sids = apr_pcalloc(p, sizeof(*sids));
    sids->bytes.pool = p;
    sids->bytes.data = apr_palloc(p, room + 1);
    sids->bytes.room = room;
    return sids;
}

neg_sids *neg_sids_dup(apr_pool_t *p, const neg_sids *sids)
{
    neg_sids *copy;
    if (!sids)
        return NULL;
    copy = neg_sids_make(p, sids->bytes.len);
    neg_write_bytes(&copy->bytes, sids->bytes.data, sids->bytes.len);
    copy->count = sids->count;
    return copy;
}

/* A list that grows leaves what it was in its pool, so that what was returned stays. */
neg_bytes neg_sids_add(neg_sids *sids, neg_bytes sid)
{
    neg_write_bytes(&sids->bytes, sid.data, sid.len);
    sids->count++;
    return (neg_bytes){sids->bytes.data + sids->bytes.len - sid.len, sid.len};
}

neg_bytes neg_sids_add_rid(neg_sids *sids, neg_bytes domain, apr_uint32_t rid)
{
    unsigned char sid[NEG_SID_MAX];
    memcpy(sid, domain.data, domain.len);
    sid[1]++;
    write_le32(sid + domain.len, rid);
    return neg_sids_add(sids, (neg_bytes){sid, domain.len + 4});
}

neg_bytes neg_sids_add_sibling(neg_sids *sids, neg_bytes sid, apr_uint32_t rid)
{
    neg_bytes added = neg_sids_add(sids, sid);
    write_le32(sids->bytes.data + sids->bytes.len - 4, rid);
    return added;
}

neg_bytes neg_sids_all(const neg_sids *sids)
{
    return (neg_bytes){sids->bytes.data, sids->bytes.len};
}

neg_bytes neg_sids_next(neg_bytes *rest)
{
    neg_bytes sid = {rest->data, length_of(rest->data)};
    rest->data += sid.len;
    rest->len -= sid.len;
    return sid;
}

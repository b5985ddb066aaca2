#include "sid.h"

#include <string.h>
#include <strings.h>

#include <apr_lib.h>
#include <apr_strings.h>

#define AUTHORITY_MAX ((apr_uint64_t)1 << 48)
#define WORD_MAX      ((apr_uint64_t)0xffffffff)

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

const char *neg_sid_parse(const char *text, neg_sid *out)
{
    neg_sid sid = {0};
    apr_uint64_t value;
    if (strncmp(text, "S-1-", 4) != 0)
        return "a SID begins with S-1-";
    text += 4;
    if (!read_authority(&text, &sid.authority))
        return "the first number of the SID, after S-1-, cannot be read";
    while (*text == '-') {
        text++;
        if (!read_decimal(&text, WORD_MAX, &value))
            return "a number of the SID is missing, begins with a zero, or does not fit into 32 "
                   "bits";
        if (sid.count == NEG_SID_SUBS_MAX)
            return "a SID has at most fifteen numbers after the first";
        sid.subs[sid.count++] = (apr_uint32_t)value;
    }
    if (*text)
        return "something follows the SID";
    if (sid.count == 0)
        return "the SID ends too early";
    *out = sid;
    return NULL;
}

/* ---- SID to text ---- */

static apr_size_t write_decimal(char *text, apr_uint64_t value)
{
    char digits[20];
    apr_size_t len = 0, i = 0;
    do
        digits[len++] = (char)('0' + value % 10);
    while (value /= 10);
    while (len)
        text[i++] = digits[--len];
    return i;
}

apr_size_t neg_sid_append(char *end, apr_uint32_t rid)
{
    apr_size_t len;
    *end = '-';
    len = 1 + write_decimal(end + 1, rid);
    end[len] = '\0';
    return len;
}

apr_size_t neg_sid_write(char *text, const neg_sid *sid)
{
    char *end = text;
    if (sid->authority > WORD_MAX) {
        end += apr_snprintf(end, NEG_SID_TEXT_MAX, "S-1-0x%012" APR_UINT64_T_HEX_FMT,
                            sid->authority & (AUTHORITY_MAX - 1));
    } else {
        memcpy(end, "S-1-", 4);
        end += 4;
        end += write_decimal(end, sid->authority);
    }
    *end = '\0';
    for (unsigned i = 0; i < sid->count && i < NEG_SID_SUBS_MAX; i++)
        end += neg_sid_append(end, sid->subs[i]);
    return (apr_size_t)(end - text);
}

const char *neg_sid_text(apr_pool_t *p, const neg_sid *sid)
{
    char text[NEG_SID_TEXT_MAX];
    return apr_pstrmemdup(p, text, neg_sid_write(text, sid));
}

int neg_sid_has_rid(const char *sid, apr_uint32_t rid)
{
    char last[12];
    apr_size_t len = neg_sid_append(last, rid), all = strlen(sid);
    return all > len && strcmp(sid + all - len, last) == 0;
}

/* ---- Names ---- */

/* Only what a ticket can tell: see pac.c.  Groups of one computer (Administrators, Users) are in
 * no ticket. */
const char *neg_sid_well_known(const char *name)
{
    static const struct {
        const char *name, *sid;
    } groups[] = {
        {"Everyone", NEG_SID_EVERYONE},
        {"Authenticated Users", NEG_SID_AUTHENTICATED_USERS},
        {"This Organization Certificate", "S-1-5-65-1"},
        {"Compounded Authentication", "S-1-5-21-0-0-0-496"},
        {"Claims Valid", "S-1-5-21-0-0-0-497"},
        {"Authentication Authority Asserted Identity", "S-1-18-1"},
        {"Service Asserted Identity", "S-1-18-2"},
        {"Fresh Public Key Identity", "S-1-18-3"},
        {"Key Trust Identity", "S-1-18-4"},
        {"Key Property Multi-Factor Authentication", "S-1-18-5"},
        {"Key Property Attestation", "S-1-18-6"},
    };
    for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++)
        if (strcasecmp(groups[i].name, name) == 0)
            return groups[i].sid;
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

/* What an Active Directory says of a client: the PAC of its ticket (MS-PAC). */

#include <apr_strings.h>
#include <gssapi/gssapi_ext.h>

#include "gss.h"

#define LOGON_INFO   "urn:mspac:logon-info"
#define UPN_DNS_INFO "urn:mspac:upn-dns-info"

typedef enum {
    PART_IS_THERE,
    PART_IS_MISSING, /* or the library could not verify the PAC: it does not tell which */
    PART_IS_UNPROVEN
} part_state;

/* Only what the library has verified, and has whole, is a fact. */
static part_state read_part(apr_pool_t *p, gss_name_t name, const char *attribute, neg_bytes *part)
{
    gss_buffer_desc key = {strlen(attribute), (void *)attribute};
    gss_buffer_desc value = GSS_C_EMPTY_BUFFER;
    OM_uint32 minor, ignored;
    int authenticated = 0, complete = 0, more = -1;
    part_state state = PART_IS_UNPROVEN;
    OM_uint32 major = gss_get_name_attribute(&minor, name, &key, &authenticated, &complete, &value,
                                             GSS_C_NO_BUFFER, &more);
    if (GSS_ERROR(major)) {
        state = PART_IS_MISSING;
    } else if (authenticated && complete && more == 0) {
        part->data = apr_pmemdup(p, value.value, value.length);
        part->len = value.length;
        state = PART_IS_THERE;
    }
    gss_release_buffer(&ignored, &value);
    return state;
}

static int is_listed(const gss_buffer_set_t attributes, const char *prefix)
{
    for (size_t i = 0; attributes && i < attributes->count; i++)
        if (attributes->elements[i].length >= strlen(prefix) &&
            memcmp(attributes->elements[i].value, prefix, strlen(prefix)) == 0)
            return 1;
    return 0;
}

/* The list of attributes has those of a PAC that could not be verified, too. */
static const char *explain_missing(gss_name_t name)
{
    gss_buffer_set_t attributes = GSS_C_NO_BUFFER_SET;
    OM_uint32 minor;
    const char *why = "has no PAC: the account of the service is exempt (NO_AUTH_DATA_REQUIRED), "
                      "or no Active Directory issued it";
    if (!GSS_ERROR(gss_inquire_name(&minor, name, NULL, NULL, &attributes))) {
        if (is_listed(attributes, LOGON_INFO))
            why = "has a PAC that cannot be verified: its checksum does not fit the service's key, "
                  "or it was made for another client";
        else if (is_listed(attributes, "urn:mspac:"))
            why = "has a PAC without groups, such as KDCs issue that are no Active Directory";
    }
    gss_release_buffer_set(&minor, &attributes);
    return why;
}

/* @return NULL, or a sentence */
static const char *decode(apr_pool_t *p, neg_bytes logon_info, neg_bytes upn_dns_info, neg_pac *pac)
{
    neg_logon_info info;
    neg_upn_info upn = {NULL, NULL, NULL};
    const char *why = neg_pac_logon_info(p, logon_info, &info);
    if (!why && upn_dns_info.len)
        why = neg_pac_upn_dns_info(p, upn_dns_info, &upn);
    if (!why && upn.sid && strcmp(upn.sid, info.sid) != 0)
        why = "its parts have different SIDs of the user";
    if (why)
        return why;
    pac->account = info.account;
    pac->upn = upn.upn;
    pac->sid = info.sid;
    pac->groups = info.groups;
    pac->deny_only = info.deny_only;
    return NULL;
}

static const char *read_parts(apr_pool_t *p, gss_name_t name, neg_pac *pac)
{
    neg_bytes logon_info = {NULL, 0}, upn_dns_info = {NULL, 0};
    const char *why;
    switch (read_part(p, name, LOGON_INFO, &logon_info)) {
    case PART_IS_MISSING:
        return explain_missing(name);
    case PART_IS_UNPROVEN:
        return "has a PAC that GSSAPI does not call authenticated and complete";
    default:
        break;
    }
    if (read_part(p, name, UPN_DNS_INFO, &upn_dns_info) == PART_IS_UNPROVEN)
        return "has a PAC that GSSAPI does not call authenticated and complete";
    why = decode(p, logon_info, upn_dns_info, pac);
    return why ? apr_pstrcat(p, "has a PAC that cannot be read: ", why, NULL) : NULL;
}

void neg_pac_read(apr_pool_t *p, gss_name_t name, neg_pac *pac)
{
    memset(pac, 0, sizeof(*pac));
    pac->unknown = read_parts(p, name, pac);
}

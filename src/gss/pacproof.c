/*
 * Whether a PAC is true.  The library has checked that, and is asked first; but whom groups let in
 * does not hang on its word alone: the PAC must be the one that this very ticket has, made for this
 * client, and signed with the key that opens the ticket.  Where that key is somebody else's, there
 * is no other word than the library's, and nothing is believed.
 */

#include <string.h>

#include <apr_strings.h>
#include <gssapi/gssapi_ext.h>

#include "pacframe.h"
#include "pacproof.h"
#include "ticket.h"

/* ---- The checksum ---- */

/* MS-PAC section 2.8: KERB_NON_KERB_CKSUM_SALT. */
#define KEYUSAGE_PAC 17

/* MS-PAC section 2.8: octets of an RODCIdentifier, which a read-only domain controller puts behind
 * a signature. */
#define RODC_IDENTIFIER 2

/* The one type of checksum that a KDC makes with a key: MS-PAC section 2.8, and for keys that
 * Windows has not, the mandatory one (RFC 6803, RFC 8009). */
static const struct {
    krb5_enctype enctype;
    krb5_cksumtype type;
} checksums[] = {
    {ENCTYPE_ARCFOUR_HMAC, CKSUMTYPE_HMAC_MD5_ARCFOUR},
    {ENCTYPE_AES128_CTS_HMAC_SHA1_96, CKSUMTYPE_HMAC_SHA1_96_AES128},
    {ENCTYPE_AES256_CTS_HMAC_SHA1_96, CKSUMTYPE_HMAC_SHA1_96_AES256},
    {ENCTYPE_AES128_CTS_HMAC_SHA256_128, CKSUMTYPE_HMAC_SHA256_128_AES128},
    {ENCTYPE_AES256_CTS_HMAC_SHA384_192, CKSUMTYPE_HMAC_SHA384_192_AES256},
    {ENCTYPE_CAMELLIA128_CTS_CMAC, CKSUMTYPE_CMAC_CAMELLIA128},
    {ENCTYPE_CAMELLIA256_CTS_CMAC, CKSUMTYPE_CMAC_CAMELLIA256},
};

static int is_type_of(krb5_cksumtype type, const krb5_keyblock *key)
{
    for (size_t i = 0; i < sizeof(checksums) / sizeof(*checksums); i++)
        if (checksums[i].enctype == key->enctype)
            return checksums[i].type == type;
    return 0;
}

static void zero(unsigned char *copy, neg_bytes pac, neg_bytes part)
{
    memset(copy + (part.data - pac.data), 0, part.len);
}

static int is_length(size_t len, size_t of_type)
{
    return len == of_type || len == of_type + RODC_IDENTIFIER;
}

/* Over the whole PAC, with both signatures as zeros (MS-PAC section 2.8.1). */
static const char *check_signature(apr_pool_t *p, krb5_context krb5, const krb5_keyblock *key,
                                   neg_bytes pac, const neg_pac_frame *frame)
{
    unsigned char *copy = apr_pmemdup(p, pac.data, pac.len);
    krb5_data data = {0};
    krb5_checksum checksum = {0};
    krb5_boolean valid = 0;
    size_t len = 0;
    if (!is_type_of(frame->server.type, key))
        return "its checksum is of a type that the service's key does not make";
    if (krb5_c_checksum_length(krb5, frame->server.type, &len) != 0 ||
        !is_length(frame->server.signature.len, len))
        return "its checksum is not as long as one of its type";
    checksum.checksum_type = frame->server.type;
    checksum.contents = (krb5_octet *)frame->server.signature.data;
    checksum.length = (unsigned)len;
    zero(copy, pac, frame->server.signature);
    zero(copy, pac, frame->kdc.signature);
    data.data = (char *)copy;
    data.length = (unsigned)pac.len;
    if (krb5_c_verify_checksum(krb5, key, KEYUSAGE_PAC, &data, &checksum, &valid) != 0 || !valid)
        return "its checksum does not fit the service's key";
    return NULL;
}

/* ---- The client ---- */

static int is_named(krb5_context krb5, const char *name, const char *principal)
{
    krb5_principal parsed;
    char *plain;
    int same = 0;
    if (krb5_parse_name(krb5, principal, &parsed) != 0)
        return 0;
    if (krb5_unparse_name_flags(krb5, parsed,
                                KRB5_PRINCIPAL_UNPARSE_NO_REALM | KRB5_PRINCIPAL_UNPARSE_DISPLAY,
                                &plain) == 0) {
        same = strcmp(plain, name) == 0;
        krb5_free_unparsed_name(krb5, plain);
    }
    krb5_free_principal(krb5, parsed);
    return same;
}

static const char *check_client(apr_pool_t *p, krb5_context krb5, neg_bytes client_info,
                                apr_time_t authtime, const char *principal)
{
    neg_pac_client client;
    const char *why = neg_pac_client_read(p, client_info, &client);
    if (why)
        return why;
    if (client.authtime != authtime)
        return "it was made for another ticket";
    return is_named(krb5, client.name, principal) ? NULL : "it was made for another client";
}

const char *neg_pac_verify(apr_pool_t *p, krb5_context krb5, const krb5_keyblock *key,
                           neg_bytes pac, apr_time_t authtime, const char *principal)
{
    neg_pac_frame frame;
    const char *why = neg_pac_frame_read(pac, &frame);
    if (!why)
        why = check_signature(p, krb5, key, pac, &frame);
    if (!why)
        why = check_client(p, krb5, frame.client_info, authtime, principal);
    return why;
}

/* ---- The ticket ---- */

static const char *check_ticket(apr_pool_t *p, const neg_pac_claim *claim, const neg_opened *opened,
                                neg_bytes pac)
{
    neg_ticket_part part;
    const char *why = neg_ticket_part_read(opened->plain, &part);
    if (why)
        return apr_pstrcat(p, "its ticket cannot be read: ", why, NULL);
    if (part.pacs != 1)
        return part.pacs ? "its ticket has several" : "its ticket has none where one belongs";
    if (part.pac.len != pac.len || memcmp(part.pac.data, pac.data, pac.len) != 0)
        return "it is not the one that the ticket has";
    why = neg_pac_verify(p, opened->krb5, &opened->key, pac, part.authtime, claim->principal);
    return why ? apr_pstrcat(p, why, ", though this krb5 takes it for good: install a newer one",
                             NULL)
               : NULL;
}

static const char *check(apr_pool_t *p, const neg_pac_claim *claim, neg_bytes pac)
{
    neg_opened *opened = apr_palloc(p, sizeof(*opened));
    if (neg_ticket_open(p, claim->worker, claim->keytab, claim->ap_req, claim->now, opened) != 0)
        return "no key of the keytab opens its ticket";
    return check_ticket(p, claim, opened, pac);
}

/* ---- The library's word ---- */

#define WHOLE_PAC "urn:mspac:"

static int is_listed(const gss_buffer_set_t attributes)
{
    for (size_t i = 0; attributes && i < attributes->count; i++)
        if (attributes->elements[i].length >= strlen(WHOLE_PAC) &&
            memcmp(attributes->elements[i].value, WHOLE_PAC, strlen(WHOLE_PAC)) == 0)
            return 1;
    return 0;
}

/* Its list of attributes has those of a PAC that it could not verify, too. */
static int has_pac(gss_name_t name)
{
    gss_buffer_set_t attributes = GSS_C_NO_BUFFER_SET;
    OM_uint32 minor;
    int listed =
        GSS_ERROR(gss_inquire_name(&minor, name, NULL, NULL, &attributes)) || is_listed(attributes);
    gss_release_buffer_set(&minor, &attributes);
    return listed;
}

/* @return NULL, or why not */
static const char *ask_library(apr_pool_t *p, gss_name_t name, neg_bytes *pac)
{
    gss_buffer_desc key = {strlen(WHOLE_PAC), WHOLE_PAC};
    gss_buffer_desc value = GSS_C_EMPTY_BUFFER;
    OM_uint32 minor, ignored;
    int authenticated = 0, complete = 0, more = -1;
    const char *why = NULL;
    if (GSS_ERROR(gss_get_name_attribute(&minor, name, &key, &authenticated, &complete, &value,
                                         GSS_C_NO_BUFFER, &more)))
        why = "its checksum does not fit the service's key, or it was made for another client";
    else if (!authenticated || !complete || more != 0 || !value.length)
        why = "GSSAPI does not call it authenticated and complete";
    else
        *pac = (neg_bytes){apr_pmemdup(p, value.value, value.length), value.length};
    gss_release_buffer(&ignored, &value);
    return why;
}

void neg_pac_prove(apr_pool_t *p, const neg_pac_claim *claim, neg_pac_proof *proof)
{
    apr_pool_t *scratch = neg_worker_scratch(claim->worker);
    neg_bytes pac = {NULL, 0};
    const char *why = ask_library(p, claim->name, &pac);
    memset(proof, 0, sizeof(*proof));
    if (!why)
        why = check(scratch, claim, pac);
    if (!why)
        proof->pac = pac;
    else if (pac.len || has_pac(claim->name))
        proof->unproven = apr_pstrcat(p, "cannot be verified: ", why, NULL);
    apr_pool_destroy(scratch);
}

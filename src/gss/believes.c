/*
 * Whether this krb5 tells a good PAC from a damaged one.  There have been versions that did not,
 * and nothing else shows it.  It is tried where it matters, as an acceptor: krb5_pac_verify() may
 * be right where that is wrong.
 *
 * Everything is made for it, in memory: a service with its key, and a user's ticket that no KDC has
 * issued.  Nothing is sent, and nothing is left.
 */

#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>
#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>

#include "acquire.h"
#include "der.h"
#include "keyring.h"
#include "pacframe.h"
#include "pacproof.h"
#include "writer.h"

#define CLIENT  "user@MOD-AUTH-NEGOTIATE.INVALID"
#define OTHER   "other@MOD-AUTH-NEGOTIATE.INVALID"
#define SERVICE "HTTP/trial.invalid@MOD-AUTH-NEGOTIATE.INVALID"

#define ENCTYPE         ENCTYPE_AES256_CTS_HMAC_SHA1_96
#define KEYUSAGE_TICKET 2 /* RFC 4120 section 7.5.1 */
#define LIFETIME        600

typedef struct {
    apr_pool_t *p;
    krb5_context krb5;
    krb5_principal client, other, service;
    krb5_keyblock key, other_key, session;
    krb5_keytab keytab;
    krb5_ccache ccache;
    const char *keytab_name, *ccache_name;
    krb5_timestamp now;
} trial;

/* ---- DER ---- */

static void write_length(neg_writer *w, apr_size_t len)
{
    if (len >= 0x80)
        neg_write_u8(w, len < 0x100 ? 0x81 : 0x82);
    if (len >= 0x100)
        neg_write_u8(w, (unsigned)(len >> 8));
    neg_write_u8(w, len & 0xff);
}

/* Below 64 kB. */
static neg_bytes der(const trial *t, unsigned tag, const neg_bytes *parts, size_t count)
{
    neg_writer w = {.pool = t->p};
    apr_size_t len = 0;
    for (size_t i = 0; i < count; i++)
        len += parts[i].len;
    neg_write_u8(&w, tag);
    write_length(&w, len);
    for (size_t i = 0; i < count; i++)
        neg_write_bytes(&w, parts[i].data, parts[i].len);
    return (neg_bytes){w.data, w.len};
}

#define DER(tag, ...)                                                                              \
    der(t, tag, (const neg_bytes[]){__VA_ARGS__},                                                  \
        sizeof((neg_bytes[]){__VA_ARGS__}) / sizeof(neg_bytes))
#define FIELD(n, ...)   DER(NEG_DER_CONTEXT(n), __VA_ARGS__)
#define SEQUENCE(...)   DER(NEG_DER_SEQUENCE, __VA_ARGS__)
#define OCTETS(bytes)   DER(NEG_DER_OCTET_STRING, bytes)
#define NUMBER(literal) DER(NEG_DER_INTEGER, BYTES(literal))
#define BYTES(literal)  ((neg_bytes){(const unsigned char *)(literal), sizeof(literal) - 1})

static neg_bytes bytes_of(const krb5_data *data)
{
    return (neg_bytes){(const unsigned char *)data->data, data->length};
}

static neg_bytes string(const trial *t, const krb5_data *data)
{
    return DER(NEG_DER_GENERAL_STRING, bytes_of(data));
}

static neg_bytes name_of(const trial *t, krb5_const_principal principal)
{
    neg_bytes parts[2];
    for (int i = 0; i < principal->length; i++)
        parts[i] = string(t, &principal->data[i]);
    return SEQUENCE(FIELD(0, NUMBER("\x01")),
                    FIELD(1, der(t, NEG_DER_SEQUENCE, parts, (size_t)principal->length)));
}

static neg_bytes time_at(const trial *t, int seconds)
{
    apr_time_exp_t at;
    const char *text;
    apr_time_exp_gmt(&at, apr_time_from_sec((apr_int64_t)(apr_uint32_t)t->now + seconds));
    text = apr_psprintf(t->p, "%04d%02d%02d%02d%02d%02dZ", at.tm_year + 1900, at.tm_mon + 1,
                        at.tm_mday, at.tm_hour, at.tm_min, at.tm_sec);
    return DER(NEG_DER_GENERALIZED_TIME, ((neg_bytes){(const unsigned char *)text, strlen(text)}));
}

/* ---- A ticket with a PAC (RFC 4120 section 5.3) ---- */

static neg_bytes authorization_data(const trial *t, neg_bytes pac)
{
    neg_bytes inner =
        SEQUENCE(SEQUENCE(FIELD(0, NUMBER("\0\x80")), FIELD(1, OCTETS(pac)))); /* AD-WIN2K-PAC */
    return SEQUENCE(SEQUENCE(FIELD(0, NUMBER("\x01")), FIELD(1, OCTETS(inner))));
}

static neg_bytes enc_ticket_part(const trial *t, neg_bytes pac)
{
    neg_bytes session = {t->session.contents, t->session.length};
    return DER(NEG_DER_APPLICATION(3),
               SEQUENCE(FIELD(0, DER(NEG_DER_BIT_STRING, BYTES("\0\0\x60\0\0"))),
                        FIELD(1, SEQUENCE(FIELD(0, NUMBER("\x12")), FIELD(1, OCTETS(session)))),
                        FIELD(2, string(t, &t->client->realm)), FIELD(3, name_of(t, t->client)),
                        FIELD(4, SEQUENCE(FIELD(0, NUMBER("\x01")), FIELD(1, OCTETS(BYTES(""))))),
                        FIELD(5, time_at(t, 0)), FIELD(7, time_at(t, LIFETIME)),
                        FIELD(10, authorization_data(t, pac))));
}

static krb5_error_code seal(const trial *t, neg_bytes plain, neg_bytes *sealed)
{
    krb5_data data = {0, (unsigned)plain.len, (char *)plain.data};
    krb5_enc_data out = {0};
    size_t len;
    krb5_error_code code = krb5_c_encrypt_length(t->krb5, ENCTYPE, plain.len, &len);
    if (code)
        return code;
    out.ciphertext.length = (unsigned)len;
    out.ciphertext.data = apr_palloc(t->p, len);
    code = krb5_c_encrypt(t->krb5, &t->key, KEYUSAGE_TICKET, NULL, &data, &out);
    *sealed = bytes_of(&out.ciphertext);
    return code;
}

static krb5_error_code make_ticket(const trial *t, neg_bytes pac, neg_bytes *ticket)
{
    neg_bytes sealed;
    krb5_error_code code = seal(t, enc_ticket_part(t, pac), &sealed);
    if (!code)
        *ticket = DER(NEG_DER_APPLICATION(1),
                      SEQUENCE(FIELD(0, NUMBER("\x05")), FIELD(1, string(t, &t->service->realm)),
                               FIELD(2, name_of(t, t->service)),
                               FIELD(3, SEQUENCE(FIELD(0, NUMBER("\x12")), FIELD(1, NUMBER("\x01")),
                                                 FIELD(2, OCTETS(sealed))))));
    return code;
}

static krb5_error_code keep_ticket(const trial *t, neg_bytes ticket)
{
    krb5_creds creds = {0};
    krb5_error_code code = krb5_cc_initialize(t->krb5, t->ccache, t->client);
    creds.client = t->client;
    creds.server = t->service;
    creds.keyblock = t->session;
    creds.times.authtime = creds.times.starttime = t->now;
    creds.times.endtime = t->now + LIFETIME;
    creds.ticket_flags = TKT_FLG_INITIAL | TKT_FLG_PRE_AUTH;
    creds.ticket.data = (char *)ticket.data;
    creds.ticket.length = (unsigned)ticket.len;
    return code ? code : krb5_cc_store_cred(t->krb5, t->ccache, &creds);
}

/* ---- The exchange ---- */

static OM_uint32 initiate(const trial *t, gss_buffer_t token)
{
    gss_key_value_element_desc element = {"ccache", t->ccache_name};
    gss_key_value_set_desc store = {1, &element};
    gss_OID_set_desc mechs = {1, &neg_oid_krb5};
    gss_buffer_desc text = {strlen(SERVICE), SERVICE};
    gss_ctx_id_t context = GSS_C_NO_CONTEXT;
    gss_cred_id_t cred = GSS_C_NO_CREDENTIAL;
    gss_name_t service = GSS_C_NO_NAME;
    OM_uint32 minor, major = gss_acquire_cred_from(&minor, GSS_C_NO_NAME, GSS_C_INDEFINITE, &mechs,
                                                   GSS_C_INITIATE, &store, &cred, NULL, NULL);
    if (!GSS_ERROR(major))
        major = gss_import_name(&minor, &text, (gss_OID)GSS_KRB5_NT_PRINCIPAL_NAME, &service);
    if (!GSS_ERROR(major))
        major = gss_init_sec_context(&minor, cred, &context, service, &neg_oid_krb5, 0, 0,
                                     GSS_C_NO_CHANNEL_BINDINGS, GSS_C_NO_BUFFER, NULL, token, NULL,
                                     NULL);
    gss_release_name(&minor, &service);
    gss_release_cred(&minor, &cred);
    if (context != GSS_C_NO_CONTEXT)
        gss_delete_sec_context(&minor, &context, GSS_C_NO_BUFFER);
    return major;
}

static int has_believed(gss_name_t name)
{
    gss_buffer_desc whole = {strlen("urn:mspac:"), "urn:mspac:"};
    gss_buffer_desc value = GSS_C_EMPTY_BUFFER;
    OM_uint32 minor;
    int authenticated = 0, complete = 0, more = -1;
    int there = !GSS_ERROR(gss_get_name_attribute(&minor, name, &whole, &authenticated, &complete,
                                                  &value, GSS_C_NO_BUFFER, &more));
    gss_release_buffer(&minor, &value);
    return there && authenticated;
}

static int accept_token(const trial *t, gss_buffer_t token)
{
    neg_acceptor acceptor = {t->keytab_name, SERVICE, 0, NEG_MECH_KRB5, "none:"};
    gss_cred_id_t cred = neg_acceptor_acquire_principal(&acceptor);
    gss_ctx_id_t context = GSS_C_NO_CONTEXT;
    gss_name_t name = GSS_C_NO_NAME;
    gss_buffer_desc reply = GSS_C_EMPTY_BUFFER;
    OM_uint32 minor;
    int believed = 0;
    if (cred == GSS_C_NO_CREDENTIAL)
        return 0;
    if (gss_accept_sec_context(&minor, &context, cred, token, GSS_C_NO_CHANNEL_BINDINGS, &name,
                               NULL, &reply, NULL, NULL, NULL) == GSS_S_COMPLETE)
        believed = has_believed(name);
    gss_release_buffer(&minor, &reply);
    gss_release_name(&minor, &name);
    gss_release_cred(&minor, &cred);
    if (context != GSS_C_NO_CONTEXT)
        gss_delete_sec_context(&minor, &context, GSS_C_NO_BUFFER);
    return believed;
}

static int believes(const trial *t, neg_bytes pac)
{
    gss_buffer_desc token = GSS_C_EMPTY_BUFFER;
    neg_bytes ticket;
    OM_uint32 minor;
    int believed;
    if (!pac.len || make_ticket(t, pac, &ticket) != 0 || keep_ticket(t, ticket) != 0)
        return 0;
    believed = !GSS_ERROR(initiate(t, &token)) && accept_token(t, &token);
    gss_release_buffer(&minor, &token);
    return believed;
}

/* ---- PACs ---- */

static neg_bytes sign(const trial *t, krb5_const_principal client, int seconds,
                      const krb5_keyblock *key)
{
    krb5_data part = {0, 24, (char *)"what a PAC has in it ..."}, bytes = {0};
    neg_bytes copy = {NULL, 0};
    krb5_pac pac;
    if (krb5_pac_init(t->krb5, &pac) != 0)
        return copy;
    if (krb5_pac_add_buffer(t->krb5, pac, KRB5_PAC_LOGON_INFO, &part) == 0 &&
        krb5_pac_sign(t->krb5, pac, t->now + seconds, client, key, &t->other_key, &bytes) == 0) {
        copy = (neg_bytes){apr_pmemdup(t->p, bytes.data, bytes.length), bytes.length};
        krb5_free_data_contents(t->krb5, &bytes);
    }
    krb5_pac_free(t->krb5, pac);
    return copy;
}

static neg_bytes damage(neg_bytes pac)
{
    neg_pac_frame frame;
    if (neg_pac_frame_read(pac, &frame) != NULL)
        return (neg_bytes){NULL, 0};
    ((unsigned char *)frame.server.signature.data)[0] ^= 1;
    return pac;
}

static const char *judge(const trial *t)
{
    if (!believes(t, sign(t, t->client, 0, &t->key)))
        return NULL;
    if (believes(t, damage(sign(t, t->client, 0, &t->key))) ||
        believes(t, sign(t, t->client, 0, &t->other_key)))
        return "takes a PAC for good whose checksum is wrong";
    if (believes(t, sign(t, t->other, 0, &t->key)))
        return "takes a PAC for good that was made for another client";
    if (believes(t, sign(t, t->client, -1, &t->key)))
        return "takes a PAC for good that was made for another ticket";
    return NULL;
}

/* ---- All of it ---- */

static krb5_error_code make_names(trial *t)
{
    krb5_error_code code = krb5_parse_name(t->krb5, CLIENT, &t->client);
    if (!code)
        code = krb5_parse_name(t->krb5, OTHER, &t->other);
    return code ? code : krb5_parse_name(t->krb5, SERVICE, &t->service);
}

static krb5_error_code make_keys(trial *t)
{
    krb5_error_code code = krb5_c_make_random_key(t->krb5, ENCTYPE, &t->key);
    if (!code)
        code = krb5_c_make_random_key(t->krb5, ENCTYPE, &t->other_key);
    return code ? code : krb5_c_make_random_key(t->krb5, ENCTYPE, &t->session);
}

static krb5_error_code make_keytab(trial *t)
{
    krb5_keytab_entry entry = {.principal = t->service, .vno = 1, .key = t->key};
    krb5_error_code code;
    t->keytab_name = apr_psprintf(t->p, "MEMORY:auth_negotiate-trial-%pp", (void *)t);
    code = krb5_kt_resolve(t->krb5, t->keytab_name, &t->keytab);
    return code ? code : krb5_kt_add_entry(t->krb5, t->keytab, &entry);
}

static krb5_error_code make_ccache(trial *t)
{
    char *name;
    krb5_error_code code = krb5_cc_new_unique(t->krb5, "MEMORY", NULL, &t->ccache);
    if (!code && !(code = krb5_cc_get_full_name(t->krb5, t->ccache, &name))) {
        t->ccache_name = apr_pstrdup(t->p, name);
        krb5_free_string(t->krb5, name);
    }
    return code;
}

static krb5_error_code prepare(trial *t)
{
    krb5_error_code code = krb5_timeofday(t->krb5, &t->now);
    if (!code)
        code = make_names(t);
    if (!code)
        code = make_keys(t);
    if (!code)
        code = make_keytab(t);
    return code ? code : make_ccache(t);
}

static void end(trial *t)
{
    if (t->ccache)
        krb5_cc_destroy(t->krb5, t->ccache);
    if (t->keytab)
        krb5_kt_close(t->krb5, t->keytab);
    krb5_free_principal(t->krb5, t->client);
    krb5_free_principal(t->krb5, t->other);
    krb5_free_principal(t->krb5, t->service);
    krb5_free_keyblock_contents(t->krb5, &t->key);
    krb5_free_keyblock_contents(t->krb5, &t->other_key);
    krb5_free_keyblock_contents(t->krb5, &t->session);
}

/* gssproxy, who would be asked instead, is not to be troubled with it. */
const char *neg_pac_library_believes(apr_pool_t *p, krb5_context krb5)
{
    trial *t = apr_pcalloc(p, sizeof(*t));
    const char *what = NULL;
    if (getenv("GSS_USE_PROXY"))
        return NULL;
    t->p = p;
    t->krb5 = krb5;
    if (prepare(t) == 0)
        what = judge(t);
    end(t);
    return what;
}

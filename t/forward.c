/*
 * A Kerberos token (RFC 4121 section 4.1) that delegates a ticket in a name of one's choice, as no
 * library does: the KRB-CRED's name is its sender's own writing.
 *
 *   forward ccache service name
 *
 * Gets a ticket for the service with the ccache's ticket-granting ticket, and prints the token, in
 * hexadecimal, that delegates the latter as if it were of that name.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <krb5.h>

#define CKSUMTYPE_GSSAPI 0x8003 /* RFC 4121 section 4.1.1 */
#define DELEGATE         1
#define BINDINGS_LENGTH  16

static krb5_context krb5;

static void check(krb5_error_code code, const char *what)
{
    if (code == 0)
        return;
    fprintf(stderr, "forward: %s: %s\n", what, krb5_get_error_message(krb5, code));
    exit(1);
}

static krb5_creds *get(krb5_ccache ccache, const char *service)
{
    krb5_creds wanted = {0}, *creds;
    check(krb5_cc_get_principal(krb5, ccache, &wanted.client), "the ccache");
    check(krb5_parse_name(krb5, service, &wanted.server), service);
    check(krb5_get_credentials(krb5, 0, ccache, &wanted, &creds), service);
    return creds;
}

static krb5_creds *get_tgt(krb5_ccache ccache)
{
    char tgs[512];
    krb5_principal client;
    check(krb5_cc_get_principal(krb5, ccache, &client), "the ccache");
    snprintf(tgs, sizeof(tgs), "krbtgt/%s@%s", client->realm.data, client->realm.data);
    return get(ccache, tgs);
}

static unsigned char *put_little(unsigned char *to, unsigned value, int bytes)
{
    for (; bytes > 0; bytes--, value >>= 8)
        *to++ = value & 0xff;
    return to;
}

/* Without channel bindings. */
static krb5_data checksum(const krb5_data *delegated)
{
    krb5_data sum = {0};
    unsigned char *to;
    sum.length = 4 + BINDINGS_LENGTH + 4 + 2 + 2 + delegated->length;
    sum.data = calloc(1, sum.length);
    to = put_little((unsigned char *)sum.data, BINDINGS_LENGTH, 4) + BINDINGS_LENGTH;
    to = put_little(to, DELEGATE, 4);
    to = put_little(put_little(to, 1, 2), delegated->length, 2);
    memcpy(to, delegated->data, delegated->length);
    return sum;
}

static void print(const unsigned char *bytes, size_t len)
{
    while (len--)
        printf("%02x", *bytes++);
}

/* RFC 2743 section 3.1, with a length of two bytes. */
static void print_token(const krb5_data *ap_req)
{
    static const unsigned char inner[] = {0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7,
                                          0x12, 0x01, 0x02, 0x02, 0x01, 0x00};
    unsigned length = ap_req->length + sizeof(inner);
    const unsigned char outer[] = {0x60, 0x82, (unsigned char)(length >> 8),
                                   (unsigned char)(length & 0xff)};
    print(outer, sizeof(outer));
    print(inner, sizeof(inner));
    print((const unsigned char *)ap_req->data, ap_req->length);
}

int main(int argc, char **argv)
{
    krb5_ccache ccache;
    krb5_creds *ticket, *tgt;
    krb5_auth_context auth = NULL;
    krb5_data *delegated, sum, ap_req;
    if (argc != 4) {
        fprintf(stderr, "usage: forward ccache service name\n");
        return 2;
    }
    check(krb5_init_context(&krb5), "krb5.conf");
    check(krb5_cc_resolve(krb5, argv[1], &ccache), argv[1]);
    ticket = get(ccache, argv[2]);
    tgt = get_tgt(ccache);
    check(krb5_parse_name(krb5, argv[3], &tgt->client), argv[3]);
    check(krb5_auth_con_init(krb5, &auth), "krb5_auth_con_init");
    check(krb5_auth_con_setflags(krb5, auth, 0), "krb5_auth_con_setflags");
    check(krb5_auth_con_setuseruserkey(krb5, auth, &ticket->keyblock), "the session key");
    check(krb5_mk_1cred(krb5, auth, tgt, &delegated, NULL), "krb5_mk_1cred");
    check(krb5_auth_con_set_req_cksumtype(krb5, auth, CKSUMTYPE_GSSAPI), "the checksum's type");
    sum = checksum(delegated);
    check(krb5_mk_req_extended(krb5, &auth, 0, &sum, ticket, &ap_req), "krb5_mk_req_extended");
    print_token(&ap_req);
    return 0;
}

/*
 * Makes a service ticket without a KDC: whoever has a service's key can.  For the PACs that no KDC
 * at hand issues: of foreign domains, with resource groups, damaged, or wrong.
 *
 *   mint keytab service client ccache [word=value ...]
 *
 *   N=file            a buffer of type N (MS-PAC section 2.4) for the PAC; 1 is logon-info, 12
 *                     UPN_DNS_INFO; without any the ticket has no PAC
 *   pac-client=name   the PAC is made for this principal; otherwise the ticket's client
 *   sign=random       the PAC's checksums are made with another key than the service's
 *   outer=name        the ticket's name, which is not encrypted, is this one and not the service's
 *   damage=offset     the PAC's byte there, counted from its end when negative, is changed after
 *                     signing
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <krb5.h>

/* libkrb5 exports these for the KDC, without a header. */
krb5_error_code krb5_encrypt_tkt_part(krb5_context, const krb5_keyblock *, krb5_ticket *);
krb5_error_code encode_krb5_ticket(const krb5_ticket *, krb5_data **);

static krb5_context krb5;

static void check(krb5_error_code code, const char *what)
{
    if (code == 0)
        return;
    fprintf(stderr, "mint: %s: %s\n", what, krb5_get_error_message(krb5, code));
    exit(1);
}

static krb5_principal parse(const char *name)
{
    krb5_principal principal;
    check(krb5_parse_name(krb5, name, &principal), name);
    return principal;
}

static krb5_data read_file(const char *path)
{
    static char buffer[1 << 20];
    krb5_data data = {0};
    FILE *in = fopen(path, "rb");
    if (!in) {
        perror(path);
        exit(1);
    }
    data.length = (unsigned)fread(buffer, 1, sizeof(buffer), in);
    data.data = malloc(data.length + 1);
    memcpy(data.data, buffer, data.length);
    fclose(in);
    return data;
}

/* ---- The PAC ---- */

typedef struct {
    krb5_pac pac; /* NULL: none */
    const char *client;
    const char *outer; /* NULL: as it is */
    int sign_with_random;
    long damage;
    int damaged;
} wishes;

static void read_wishes(char **words, wishes *w)
{
    for (; *words; words++) {
        char *value = strchr(*words, '=');
        krb5_data data;
        if (!value)
            continue;
        *value++ = '\0';
        if (strcmp(*words, "pac-client") == 0) {
            w->client = value;
        } else if (strcmp(*words, "outer") == 0) {
            w->outer = value;
        } else if (strcmp(*words, "sign") == 0) {
            w->sign_with_random = 1;
        } else if (strcmp(*words, "damage") == 0) {
            w->damage = atol(value);
            w->damaged = 1;
        } else {
            data = read_file(value);
            if (!w->pac)
                check(krb5_pac_init(krb5, &w->pac), "krb5_pac_init");
            check(krb5_pac_add_buffer(krb5, w->pac, (krb5_ui_4)atol(*words), &data), *words);
        }
    }
}

static krb5_authdata **sign_pac(const wishes *w, krb5_timestamp authtime, const krb5_keyblock *key)
{
    krb5_data bytes;
    krb5_keyblock other;
    krb5_authdata element, *list[2] = {&element, NULL}, **wrapped;
    if (!w->pac)
        return NULL;
    check(krb5_c_make_random_key(krb5, key->enctype, &other), "a random key");
    if (w->sign_with_random)
        key = &other;
    check(krb5_pac_sign(krb5, w->pac, authtime, parse(w->client), key, &other, &bytes),
          "krb5_pac_sign");
    if (w->damaged)
        bytes.data[w->damage < 0 ? (long)bytes.length + w->damage : w->damage] ^= 1;
    element.ad_type = KRB5_AUTHDATA_WIN2K_PAC;
    element.length = bytes.length;
    element.contents = (krb5_octet *)bytes.data;
    check(krb5_encode_authdata_container(krb5, KRB5_AUTHDATA_IF_RELEVANT, list, &wrapped),
          "the PAC");
    return wrapped;
}

/* ---- The ticket ---- */

static void find_key(const char *name, krb5_principal service, krb5_keytab_entry *entry)
{
    krb5_keytab keytab;
    check(krb5_kt_resolve(krb5, name, &keytab), name);
    check(krb5_kt_get_entry(krb5, keytab, service, 0, 0, entry), "the service's key");
}

static void fill(krb5_enc_tkt_part *part, krb5_principal client, krb5_keyblock *session)
{
    krb5_timestamp now;
    check(krb5_timeofday(krb5, &now), "the time");
    part->flags = TKT_FLG_PRE_AUTH | TKT_FLG_INITIAL;
    part->session = session;
    part->client = client;
    part->times.authtime = part->times.starttime = now;
    part->times.endtime = now + 3600;
    part->transited.tr_type = KRB5_DOMAIN_X500_COMPRESS;
}

static void store(const char *name, const krb5_enc_tkt_part *part, krb5_principal service,
                  const krb5_data *ticket)
{
    krb5_ccache ccache;
    krb5_creds creds = {0};
    check(krb5_cc_resolve(krb5, name, &ccache), name);
    check(krb5_cc_initialize(krb5, ccache, part->client), name);
    creds.client = part->client;
    creds.server = service;
    creds.keyblock = *part->session;
    creds.times = part->times;
    creds.ticket_flags = part->flags;
    creds.ticket = *ticket;
    check(krb5_cc_store_cred(krb5, ccache, &creds), name);
    check(krb5_cc_close(krb5, ccache), name);
}

int main(int argc, char **argv)
{
    krb5_keytab_entry entry;
    krb5_keyblock session;
    krb5_enc_tkt_part part = {0};
    krb5_ticket ticket = {0};
    krb5_data *bytes;
    wishes w = {0};
    if (argc < 5) {
        fprintf(stderr, "usage: mint keytab service client ccache [word=value ...]\n");
        return 2;
    }
    check(krb5_init_context(&krb5), "krb5.conf");
    w.client = argv[3];
    read_wishes(argv + 5, &w);
    ticket.server = parse(argv[2]);
    ticket.enc_part2 = &part;
    find_key(argv[1], ticket.server, &entry);
    check(krb5_c_make_random_key(krb5, entry.key.enctype, &session), "a session key");
    fill(&part, parse(argv[3]), &session);
    part.authorization_data = sign_pac(&w, part.times.authtime, &entry.key);
    if (w.outer)
        ticket.server = parse(w.outer);
    check(krb5_encrypt_tkt_part(krb5, &entry.key, &ticket), "the ticket");
    ticket.enc_part.kvno = entry.vno;
    check(encode_krb5_ticket(&ticket, &bytes), "the ticket");
    store(argv[4], &part, ticket.server, bytes);
    return 0;
}

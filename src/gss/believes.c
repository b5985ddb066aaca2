/*
 * Whether this krb5 tells a good PAC from a damaged one.  There have been versions that did not,
 * and nothing else shows it.
 */

#include <string.h>

#include <apr_pools.h>

#include "proof.h"

#define AUTHTIME 1700000000

typedef struct {
    krb5_context krb5;
    krb5_principal client, other;
    krb5_keyblock key, other_key;
    krb5_data pac; /* signed with the key */
} trial;

static krb5_error_code sign(trial *t)
{
    krb5_data bytes = {0, 24, (char *)"what a PAC has in it ..."};
    krb5_pac pac;
    krb5_error_code code = krb5_pac_init(t->krb5, &pac);
    if (code)
        return code;
    code = krb5_pac_add_buffer(t->krb5, pac, KRB5_PAC_LOGON_INFO, &bytes);
    if (!code)
        code = krb5_pac_sign(t->krb5, pac, AUTHTIME, t->client, &t->key, &t->other_key, &t->pac);
    krb5_pac_free(t->krb5, pac);
    return code;
}

static krb5_error_code prepare(trial *t)
{
    krb5_enctype enctype = ENCTYPE_AES256_CTS_HMAC_SHA1_96;
    krb5_error_code code = krb5_parse_name(t->krb5, "user@REALM", &t->client);
    if (!code)
        code = krb5_parse_name(t->krb5, "other@REALM", &t->other);
    if (!code)
        code = krb5_c_make_random_key(t->krb5, enctype, &t->key);
    if (!code)
        code = krb5_c_make_random_key(t->krb5, enctype, &t->other_key);
    return code ? code : sign(t);
}

static void end(trial *t)
{
    krb5_free_principal(t->krb5, t->client);
    krb5_free_principal(t->krb5, t->other);
    krb5_free_keyblock_contents(t->krb5, &t->key);
    krb5_free_keyblock_contents(t->krb5, &t->other_key);
    krb5_free_data_contents(t->krb5, &t->pac);
}

static int believes(const trial *t, krb5_const_principal client, krb5_timestamp authtime,
                    const krb5_keyblock *key)
{
    krb5_pac pac;
    int good;
    if (krb5_pac_parse(t->krb5, t->pac.data, t->pac.length, &pac) != 0)
        return 0;
    good = krb5_pac_verify(t->krb5, pac, authtime, client, key, NULL) == 0;
    krb5_pac_free(t->krb5, pac);
    return good;
}

/* One bit of it is changed, and changed back. */
static int believes_changed(const trial *t, size_t at)
{
    int good;
    t->pac.data[at] ^= 1;
    good = believes(t, t->client, AUTHTIME, &t->key);
    t->pac.data[at] ^= 1;
    return good;
}

/* The first bytes of the buffer that was added, and of the server's checksum. */
static size_t place_of(const trial *t, unsigned type)
{
    const unsigned char *head = (const unsigned char *)t->pac.data + 8;
    while (head[0] != type)
        head += 16;
    return (size_t)head[8] | (size_t)head[9] << 8;
}

static const char *judge(const trial *t)
{
    if (!believes(t, t->client, AUTHTIME, &t->key))
        return "takes no PAC for good";
    if (believes_changed(t, place_of(t, KRB5_PAC_SERVER_CHECKSUM) + 4) ||
        believes_changed(t, place_of(t, KRB5_PAC_LOGON_INFO)) ||
        believes(t, t->client, AUTHTIME, &t->other_key))
        return "takes a PAC for good whose checksum is wrong";
    if (believes(t, t->other, AUTHTIME, &t->key))
        return "takes a PAC for good that was made for another client";
    if (believes(t, t->client, AUTHTIME + 1, &t->key))
        return "takes a PAC for good that was made for another ticket";
    return NULL;
}

const char *neg_pac_library_believes(krb5_context krb5)
{
    trial t = {.krb5 = krb5};
    const char *what = prepare(&t) == 0 ? judge(&t) : "cannot make a PAC";
    end(&t);
    return what;
}

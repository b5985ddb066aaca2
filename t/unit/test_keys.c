#include "testing.h"

#include "keys.h"

static krb5_context krb5;

static int begin(void **state)
{
    (void)state;
    return krb5_init_context(&krb5);
}

static int end(void **state)
{
    (void)state;
    apr_pool_clear(pool);
    krb5_free_context(krb5);
    return 0;
}

/* ---- Keytabs and tickets, made by hand ---- */

static apr_status_t free_contents(void *contents)
{
    krb5_keyblock key = {.contents = contents};
    krb5_free_keyblock_contents(krb5, &key);
    return APR_SUCCESS;
}

/* The pool has it. */
static krb5_keyblock random_key(krb5_enctype enctype)
{
    krb5_keyblock key;
    assert_int_equal(krb5_c_make_random_key(krb5, enctype, &key), 0);
    apr_pool_cleanup_register(pool, key.contents, free_contents, apr_pool_cleanup_null);
    return key;
}

static krb5_principal named(const char *name)
{
    krb5_principal principal;
    assert_int_equal(krb5_parse_name(krb5, name, &principal), 0);
    return neg_principal_hold(pool, krb5, principal);
}

static apr_status_t close_keytab(void *keytab)
{
    krb5_kt_close(krb5, keytab);
    return APR_SUCCESS;
}

static krb5_keytab keytab_of(const char *name)
{
    krb5_keytab keytab;
    assert_int_equal(krb5_kt_resolve(krb5, apr_pstrcat(pool, "MEMORY:", name, NULL), &keytab), 0);
    apr_pool_cleanup_register(pool, keytab, close_keytab, apr_pool_cleanup_null);
    return keytab;
}

static void add(krb5_keytab keytab, const char *name, krb5_kvno kvno, const krb5_keyblock *key)
{
    krb5_keytab_entry entry = {.principal = named(name), .vno = kvno, .key = *key};
    assert_int_equal(krb5_kt_add_entry(krb5, keytab, &entry), 0);
}

static krb5_ticket ticket_for(const char *name, krb5_kvno kvno, const krb5_keyblock *key,
                              unsigned len)
{
    krb5_ticket ticket = {.server = named(name)};
    krb5_data plain = {0, len, apr_pcalloc(pool, len)};
    size_t room;
    assert_int_equal(krb5_c_encrypt_length(krb5, key->enctype, len, &room), 0);
    ticket.enc_part.kvno = kvno;
    ticket.enc_part.ciphertext.length = (unsigned)room;
    ticket.enc_part.ciphertext.data = apr_palloc(pool, room);
    assert_int_equal(krb5_c_encrypt(krb5, key, 2, NULL, &plain, &ticket.enc_part), 0);
    ticket.enc_part.kvno = kvno;
    return ticket;
}

static neg_keys *read_from(krb5_keytab keytab)
{
    neg_keys *keys = neg_keys_read(pool, krb5, keytab, keytab_of("copy"));
    assert_non_null(keys);
    return keys;
}

static neg_trial tried(const neg_keys *keys, const krb5_ticket *ticket, const char *acceptor,
                       const neg_key **opener)
{
    return neg_keys_try(keys, ticket, acceptor, NEG_TRIAL_FULL, opener);
}

/* ---- Tests ---- */

static void a_key_is_found_by_its_label(void **state)
{
    krb5_keyblock one = random_key(18), two = random_key(18);
    krb5_keytab keytab = keytab_of("labels");
    const neg_keys *keys;
    const neg_key *key;
    krb5_ticket ticket;
    (void)state;
    add(keytab, "HTTP/a@R", 3, &one);
    add(keytab, "HTTP/b@R", 3, &two);
    keys = read_from(keytab);
    ticket = ticket_for("HTTP/b@R", 3, &one, 200);
    assert_int_equal(neg_keys_labelled(keys, &ticket, &key), 1);
    assert_string_equal(key->name, "HTTP/b@R");
    ticket.enc_part.kvno = 4;
    assert_int_equal(neg_keys_labelled(keys, &ticket, &key), 0);
    ticket.enc_part.kvno = 3;
    ticket.enc_part.enctype = 17;
    assert_int_equal(neg_keys_labelled(keys, &ticket, &key), 0);
}

static void an_alias_is_opened_by_another_names_key(void **state)
{
    krb5_keyblock one = random_key(18), two = random_key(18), none = random_key(18);
    krb5_keytab keytab = keytab_of("alias");
    const neg_keys *keys;
    const neg_key *key;
    krb5_ticket ticket;
    (void)state;
    add(keytab, "HTTP/a@R", 3, &one);
    add(keytab, "HTTP/b@R", 7, &two);
    keys = read_from(keytab);
    ticket = ticket_for("HTTP/alias@R", 5, &two, 200);
    assert_int_equal(tried(keys, &ticket, "HTTP", &key), NEG_TRIAL_OPENED);
    assert_string_equal(key->name, "HTTP/b@R");
    ticket = ticket_for("HTTP/alias@R", 3, &none, 200);
    assert_int_equal(tried(keys, &ticket, "HTTP", &key), NEG_TRIAL_NONE);
    assert_null(key);
}

static void only_keys_that_may_accept_are_tried(void **state)
{
    krb5_keyblock one = random_key(18);
    krb5_keytab keytab = keytab_of("services");
    const neg_keys *keys;
    const neg_key *key;
    krb5_ticket ticket = ticket_for("HTTP/alias@R", 3, &one, 200);
    (void)state;
    add(keytab, "host/a@R", 3, &one);
    add(keytab, "HTTP@R", 3, &one);
    keys = read_from(keytab);
    assert_int_equal(tried(keys, &ticket, "HTTP", &key), NEG_TRIAL_NONE);
    assert_int_equal(tried(keys, &ticket, "any", &key), NEG_TRIAL_OPENED);
}

/* In an Active Directory all names of an account have one key. */
static void the_same_key_is_tried_once(void **state)
{
    krb5_keyblock one = random_key(18), other = random_key(18);
    krb5_keytab keytab = keytab_of("same");
    const neg_keys *keys;
    const neg_key *key;
    krb5_ticket ticket = ticket_for("HTTP/alias@R", 3, &other, 6000);
    int again = 0;
    (void)state;
    for (int i = 0; i < 3000; i++)
        add(keytab, apr_psprintf(pool, "HTTP/h%d@R", i), 3, &one);
    add(keytab, "host/a@R", 3, &one);
    keys = read_from(keytab);
    for (int i = 0; i < keys->all->nelts; i++)
        again += APR_ARRAY_IDX(keys->all, i, neg_key).again;
    assert_int_equal(again, 2999);
    assert_int_equal(tried(keys, &ticket, "HTTP", &key), NEG_TRIAL_NONE);
}

/* Whatever a stranger sends, it is given up after so many octets; those of its version come first.
 */
static void thousands_are_not_all_tried(void **state)
{
    krb5_keyblock other = random_key(18), last;
    krb5_keytab keytab = keytab_of("many");
    const neg_keys *keys;
    const neg_key *key;
    krb5_ticket small = ticket_for("HTTP/alias@R", 3, &other, 100);
    krb5_ticket large = ticket_for("HTTP/alias@R", 3, &other, 6000);
    (void)state;
    for (int i = 0; i < 1000; i++) {
        last = random_key(18);
        add(keytab, apr_psprintf(pool, "HTTP/h%d@R", i), i == 500 ? 4 : 3, &last);
        if (i == 500)
            other = last;
    }
    keys = read_from(keytab);
    assert_int_equal(tried(keys, &small, "HTTP", &key), NEG_TRIAL_NONE);
    assert_int_equal(tried(keys, &large, "HTTP", &key), NEG_TRIAL_GIVEN_UP);
    assert_null(key);
    large = ticket_for("HTTP/alias@R", 4, &other, 6000);
    assert_int_equal(tried(keys, &large, "HTTP", &key), NEG_TRIAL_OPENED);
    assert_string_equal(key->name, "HTTP/h500@R");
}

/* The library finds the key of a name for a similar enctype, and uses it as one of the ticket's. */
static void a_similar_enctype_is_tried_as_the_tickets(void **state)
{
    enum {
        RC4 = 23,
        RC4_EXPORT = 24
    };
    krb5_keyblock one = random_key(RC4), other = random_key(RC4), export = one;
    krb5_keytab keytab = keytab_of("similar");
    const neg_keys *keys;
    const neg_key *key;
    krb5_ticket ticket;
    (void)state;
    export.enctype = RC4_EXPORT;
    add(keytab, "HTTP/a@R", 3, &one);
    keys = read_from(keytab);
    ticket = ticket_for("HTTP/a@R", 3, &export, 200);
    assert_int_equal(tried(keys, &ticket, "HTTP", &key), NEG_TRIAL_OPENED);
    export.contents = other.contents;
    ticket = ticket_for("HTTP/a@R", 3, &export, 200);
    assert_int_equal(tried(keys, &ticket, "HTTP", &key), NEG_TRIAL_NONE);
}

/* Also where it is not the first of its name, or has been there under another. */
static void the_key_of_its_own_name_comes_first(void **state)
{
    krb5_keyblock one = random_key(18), two = random_key(18);
    krb5_keytab keytab = keytab_of("own");
    const neg_keys *keys;
    const neg_key *key;
    krb5_ticket ticket = ticket_for("HTTP/b@R", 0, &two, 200);
    (void)state;
    add(keytab, "HTTP/a@R", 3, &two);
    add(keytab, "HTTP/b@R", 2, &one);
    add(keytab, "HTTP/b@R", 3, &two);
    keys = read_from(keytab);
    assert_int_equal(tried(keys, &ticket, "any", &key), NEG_TRIAL_OPENED);
    assert_string_equal(key->name, "HTTP/b@R");
    assert_int_equal(tried(keys, &ticket, "HTTP@elsewhere", &key), NEG_TRIAL_OPENED);
    assert_int_equal(tried(keys, &ticket, "host@b", &key), NEG_TRIAL_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_key_is_found_by_its_label),         TEST(an_alias_is_opened_by_another_names_key),
        TEST(only_keys_that_may_accept_are_tried), TEST(the_same_key_is_tried_once),
        TEST(thousands_are_not_all_tried),         TEST(a_similar_enctype_is_tried_as_the_tickets),
        TEST(the_key_of_its_own_name_comes_first),
    };
    return RUN_WITH(tests, begin, end);
}

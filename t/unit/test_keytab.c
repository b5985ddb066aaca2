#include "testing.h"

#include <apr_file_io.h>

#include <stdio.h>
#include <unistd.h>

#include <gssapi/gssapi_ext.h>

#include "gss.h"

/* ---- Which keys may accept ---- */

static const struct {
    const char *principal;
    const char *acceptor;
    int serves;
} table[] = {
    {"HTTP/www.example.test@EXAMPLE.TEST", "any", 1},
    {"host/www.example.test@EXAMPLE.TEST", "any", 1},
    {"alice@EXAMPLE.TEST", "any", 1},

    {"HTTP/www.example.test@EXAMPLE.TEST", "HTTP", 1},
    {"HTTP/localhost@EXAMPLE.TEST", "HTTP", 1},
    {"host/www.example.test@EXAMPLE.TEST", "HTTP", 0},
    {"HTTP@EXAMPLE.TEST", "HTTP", 0},
    {"HTTPS/www.example.test@EXAMPLE.TEST", "HTTP", 0},
    {"HTT/www.example.test@EXAMPLE.TEST", "HTTP", 0},
    {"http/www.example.test@EXAMPLE.TEST", "HTTP", 0},
    {"xHTTP/www.example.test@EXAMPLE.TEST", "HTTP", 0},
    {"", "HTTP", 0},

    {"HTTP/www.example.test@EXAMPLE.TEST", "HTTP@www.example.test", 1},
    {"HTTP/WWW.Example.Test@EXAMPLE.TEST", "HTTP@www.example.test", 1},
    {"HTTP/www.example.test@EXAMPLE.TEST", "HTTP@WWW.EXAMPLE.TEST", 1},
    {"HTTP/www.example.test@OTHER.TEST", "HTTP@www.example.test", 1},
    {"HTTP/www.example.test.evil@EXAMPLE.TEST", "HTTP@www.example.test", 0},
    {"HTTP/www.example.tes@EXAMPLE.TEST", "HTTP@www.example.test", 0},
    {"HTTP/www@EXAMPLE.TEST", "HTTP@www.example.test", 0},
    {"HTTP/www.example.test/x@EXAMPLE.TEST", "HTTP@www.example.test", 0},
    {"host/www.example.test@EXAMPLE.TEST", "HTTP@www.example.test", 0},
    {"HTTP@www.example.test", "HTTP@www.example.test", 0},
    {"host/www.example.test@EXAMPLE.TEST", "host@www.example.test", 1},
};

static void the_acceptor_decides(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
        if (neg_keytab_serves(table[i].principal, table[i].acceptor) != table[i].serves)
            fail_msg("%s under %s: %s", table[i].principal, table[i].acceptor,
                     table[i].serves ? "refused" : "served");
}

static void a_path_is_known(void **state)
{
    (void)state;
    assert_string_equal(neg_keytab_path("FILE:/etc/http.keytab"), "/etc/http.keytab");
    assert_string_equal(neg_keytab_path("/etc/http.keytab"), "/etc/http.keytab");
    assert_null(neg_keytab_path("MEMORY:x"));
    assert_null(neg_keytab_path("DIR:/etc"));
}

/* ---- Names in a listing ---- */

static apr_array_header_t *listing(int count, ...)
{
    apr_array_header_t *entries = apr_array_make(pool, 4, sizeof(neg_keytab_entry));
    va_list names;
    va_start(names, count);
    for (int i = 0; i < count; i++) {
        neg_keytab_entry *entry = apr_array_push(entries);
        memset(entry, 0, sizeof(*entry));
        entry->principal = va_arg(names, const char *);
    }
    va_end(names);
    return entries;
}

static void each_principal_is_named_once(void **state)
{
    (void)state;
    assert_string_equal(neg_keytab_principals(pool, listing(0), 3), "nobody");
    assert_string_equal(neg_keytab_principals(pool, listing(1, "a@R"), 3), "a@R");
    assert_string_equal(neg_keytab_principals(pool, listing(3, "a@R", "a@R", "b@R"), 3),
                        "a@R, b@R");
    assert_string_equal(neg_keytab_principals(pool, listing(4, "a@R", "b@R", "a@R", "b@R"), 3),
                        "a@R, b@R");
}

static void long_listings_are_cut(void **state)
{
    (void)state;
    assert_string_equal(neg_keytab_principals(pool, listing(3, "a@R", "b@R", "c@R"), 3),
                        "a@R, b@R, c@R");
    assert_string_equal(neg_keytab_principals(pool, listing(3, "a@R", "b@R", "c@R"), 2),
                        "a@R, b@R, ...");
    assert_string_equal(neg_keytab_principals(pool, listing(4, "a@R", "b@R", "b@R", "a@R"), 2),
                        "a@R, b@R");
}

/* ---- Files ---- */

static krb5_context krb5;
static char *path; /* a new file where the system wants such */

static const char *name(void)
{
    return apr_pstrcat(pool, "FILE:", path, NULL);
}

static void write_bytes(const char *bytes, size_t len)
{
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    assert_int_equal(fwrite(bytes, 1, len, out), len);
    fclose(out);
}

static void add_key(krb5_keytab keytab, const char *principal, krb5_kvno kvno, krb5_enctype enctype)
{
    krb5_keytab_entry entry;
    memset(&entry, 0, sizeof(entry));
    assert_int_equal(krb5_parse_name(krb5, principal, &entry.principal), 0);
    assert_int_equal(krb5_c_make_random_key(krb5, enctype, &entry.key), 0);
    entry.vno = kvno;
    assert_int_equal(krb5_kt_add_entry(krb5, keytab, &entry), 0);
    krb5_free_keytab_entry_contents(krb5, &entry);
}

static void write_keys(void)
{
    krb5_keytab keytab;
    unlink(path);
    assert_int_equal(krb5_kt_resolve(krb5, apr_pstrcat(pool, "WRFILE:", path, NULL), &keytab), 0);
    add_key(keytab, "HTTP/www.example.test@EXAMPLE.TEST", 3, ENCTYPE_AES256_CTS_HMAC_SHA1_96);
    add_key(keytab, "HTTP/www.example.test@EXAMPLE.TEST", 300, ENCTYPE_AES128_CTS_HMAC_SHA1_96);
    add_key(keytab, "we\\@ird\\/name@OTHER.TEST", 1, ENCTYPE_AES256_CTS_HMAC_SHA384_192);
    krb5_kt_close(krb5, keytab);
}

static void keys_are_listed(void **state)
{
    apr_array_header_t *entries = NULL;
    const neg_keytab_entry *entry;

    (void)state;
    write_keys();
    assert_null(neg_keytab_list(pool, krb5, name(), &entries));
    assert_int_equal(entries->nelts, 3);
    entry = (const neg_keytab_entry *)entries->elts;
    assert_string_equal(entry[0].principal, "HTTP/www.example.test@EXAMPLE.TEST");
    assert_int_equal(entry[0].kvno, 3);
    assert_int_equal(entry[0].enctype, ENCTYPE_AES256_CTS_HMAC_SHA1_96);
    assert_string_equal(entry[0].enctype_name, "aes256-cts-hmac-sha1-96");
    assert_int_equal(entry[1].kvno, 300);
    assert_string_equal(entry[1].enctype_name, "aes128-cts-hmac-sha1-96");
    assert_string_equal(entry[2].principal, "we\\@ird\\/name@OTHER.TEST");
    assert_string_equal(entry[2].enctype_name, "aes256-cts-hmac-sha384-192");
    assert_string_equal(neg_keytab_principals(pool, entries, 5),
                        "HTTP/www.example.test@EXAMPLE.TEST, we\\@ird\\/name@OTHER.TEST");
}

static void a_keytab_without_keys_is_empty(void **state)
{
    apr_array_header_t *entries = NULL;
    (void)state;
    write_bytes("\x05\x02", 2);
    assert_null(neg_keytab_list(pool, krb5, name(), &entries));
    assert_int_equal(entries->nelts, 0);
}

static void what_cannot_be_read_is_said(void **state)
{
    apr_array_header_t *entries = NULL;
    const char *why;

    (void)state;
    unlink(path);
    why = neg_keytab_list(pool, krb5, name(), &entries);
    assert_non_null(why);
    assert_non_null(strstr(why, path));
    assert_non_null(strstr(why, "not found"));

    write_bytes("this is no keytab\n", 18);
    assert_non_null(neg_keytab_list(pool, krb5, name(), &entries));
    write_bytes("", 0);
    assert_non_null(neg_keytab_list(pool, krb5, name(), &entries));
    assert_non_null(neg_keytab_list(pool, krb5, "NOSUCHTYPE:x", &entries));
}

/* krb5 1.20 forgets the names of an entry that is cut off: these leaks are not ours. */
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#else
#define __lsan_disable()
#define __lsan_enable()
#endif

/* Every length of a file that is being written, or was cut off: an error or fewer keys. */
static void a_cut_file_does_no_harm(void **state)
{
    char bytes[1024];
    size_t size;
    FILE *in;

    (void)state;
    write_keys();
    in = fopen(path, "r");
    size = fread(bytes, 1, sizeof(bytes), in);
    fclose(in);
    for (size_t len = 0; len < size; len++) {
        apr_array_header_t *entries = NULL;
        write_bytes(bytes, len);
        __lsan_disable();
        if (neg_keytab_list(pool, krb5, name(), &entries) == NULL)
            assert_true(entries->nelts < 3);
        __lsan_enable();
    }
}

static void the_default_is_known(void **state)
{
    apr_array_header_t *entries = NULL;
    (void)state;
    write_keys();
    setenv("KRB5_KTNAME", name(), 1);
    assert_string_equal(neg_keytab_default_name(pool, krb5), name());
    assert_null(neg_keytab_list(pool, krb5, NULL, &entries));
    assert_int_equal(entries->nelts, 3);
}

/* ---- Acceptors ---- */

static void an_acceptor_has_one_text(void **state)
{
    const neg_acceptor first = {.keytab = "FILE:/a", .acceptor = "HTTP", .mechs = NEG_MECH_KRB5};
    neg_acceptor other = first;

    (void)state;
    assert_string_equal(neg_acceptor_key(pool, &first), neg_acceptor_key(pool, &other));
    other.keytab = "FILE:/b";
    assert_string_not_equal(neg_acceptor_key(pool, &first), neg_acceptor_key(pool, &other));
    other.keytab = NULL;
    assert_string_not_equal(neg_acceptor_key(pool, &first), neg_acceptor_key(pool, &other));
    other = first;
    other.acceptor = "HTTP@a";
    assert_string_not_equal(neg_acceptor_key(pool, &first), neg_acceptor_key(pool, &other));
    other = first;
    other.mechs = 2;
    assert_string_not_equal(neg_acceptor_key(pool, &first), neg_acceptor_key(pool, &other));
    other = first;
    other.rcache = "none:";
    assert_string_not_equal(neg_acceptor_key(pool, &first), neg_acceptor_key(pool, &other));
}

/* ---- Status texts ---- */

static void an_error_is_known_by_its_words(void **state)
{
    (void)state;
    assert_true(neg_status_is("Request is a replay", KRB5KRB_AP_ERR_REPEAT));
    assert_true(neg_status_is("No such file or directory (filename: /x)", ENOENT));
    assert_false(neg_status_is("Request is a replay", KRB5KRB_AP_ERR_SKEW));
    assert_false(neg_status_is("", KRB5KRB_AP_ERR_REPEAT));
    assert_false(neg_status_is("Request", KRB5KRB_AP_ERR_REPEAT));
}

static void a_status_says_what_it_can(void **state)
{
    gss_key_value_element_desc element = {"keytab", "FILE:/nonexistent/http.keytab"};
    gss_key_value_set_desc store = {1, &element};
    gss_OID_set_desc mechs = {1, &neg_oid_krb5};
    gss_cred_id_t cred = GSS_C_NO_CREDENTIAL;
    const char *text;
    OM_uint32 minor;
    OM_uint32 major = gss_acquire_cred_from(&minor, GSS_C_NO_NAME, GSS_C_INDEFINITE, &mechs,
                                            GSS_C_ACCEPT, &store, &cred, NULL, NULL);

    (void)state;
    assert_true(GSS_ERROR(major));
    text = neg_status_text(pool, major, minor, &neg_oid_krb5);
    assert_non_null(strstr(text, "/nonexistent/http.keytab"));
    assert_null(strstr(text, "Unspecified"));
    assert_non_null(strstr(text, neg_status_minor_text(pool, minor, &neg_oid_krb5)));
    text = neg_status_text(pool, GSS_S_FAILURE, minor, &neg_oid_krb5);
    assert_string_equal(neg_status_minor_text(pool, minor, &neg_oid_krb5), text);

    assert_non_null(strstr(neg_status_text(pool, GSS_S_BAD_BINDINGS, 0, NULL), "channel bindings"));
    assert_string_equal(neg_status_minor_text(pool, 0, NULL), "");
    assert_non_null(strstr(neg_status_text(pool, GSS_S_FAILURE, 0, NULL), "Unspecified"));
}

/* A new, empty file; the pool that tests share is emptied between them. */
static int make_file(void)
{
    const char *directory;
    int fd;
    if (apr_temp_dir_get(&directory, pool) != APR_SUCCESS)
        return -1;
    path = strdup(apr_pstrcat(pool, directory, "/test_keytab-XXXXXX", NULL));
    fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int set_up(void **state)
{
    (void)state;
    setenv("KRB5_CONFIG", "/dev/null", 1);
    setenv("LC_ALL", "C", 1);
    return make_file() != 0 || krb5_init_context(&krb5) != 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    free(path);
    krb5_free_context(krb5);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_acceptor_decides),
        TEST(a_path_is_known),
        TEST(each_principal_is_named_once),
        TEST(long_listings_are_cut),
        TEST(keys_are_listed),
        TEST(a_keytab_without_keys_is_empty),
        TEST(what_cannot_be_read_is_said),
        TEST(a_cut_file_does_no_harm),
        TEST(the_default_is_known),
        TEST(an_acceptor_has_one_text),
        TEST(an_error_is_known_by_its_words),
        TEST(a_status_says_what_it_can),
    };

    return RUN_WITH(tests, set_up, tear_down);
}

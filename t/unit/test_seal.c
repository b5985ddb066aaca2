#include "testing.h"

#include "seal.h"

static const unsigned char nonce[NEG_SEAL_NONCE] = "twelve bytes";
static const unsigned char key_a[] = "a key of thirty-two bytes for a ";
static const unsigned char key_b[] = "a key of thirty-two bytes for b ";

static neg_sealer *sealer;

static int before(void **state)
{
    (void)state;
    sealer = neg_sealer_create(pool);
    return sealer == NULL;
}

#define WITH_SEALER(function) cmocka_unit_test_setup(function, with_sealer)

static int with_sealer(void **state)
{
    return fresh_pool(state) || before(state);
}

static apr_array_header_t *ring(const unsigned char *first, const unsigned char *second)
{
    apr_array_header_t *keys = neg_seal_ring_make(pool);

    neg_seal_ring_add(keys, first);
    if (second) {
        neg_seal_ring_add(keys, second);
    }
    return keys;
}

static neg_bytes seal(const apr_array_header_t *keys, neg_bytes associated, neg_bytes plain)
{
    neg_bytes sealed = {NULL, 0};

    assert_null(neg_seal(pool, sealer, keys, associated, plain, nonce, &sealed));
    return sealed;
}

static void opens(const apr_array_header_t *keys, neg_bytes associated, neg_bytes sealed,
                  neg_bytes plain)
{
    neg_bytes opened = {NULL, 0};

    assert_null(neg_seal_open(pool, sealer, keys, associated, sealed, &opened));
    assert_same_bytes(opened, plain);
}

static void stays_shut(const apr_array_header_t *keys, neg_bytes associated, neg_bytes sealed)
{
    neg_bytes untouched = BYTES("untouched");

    assert_sentence(neg_seal_open(pool, sealer, keys, associated, sealed, &untouched));
    assert_string_equal((const char *)untouched.data, "untouched");
}

static void opens_what_was_sealed(void **state)
{
    apr_array_header_t *keys = ring(key_a, NULL);

    (void)state;
    opens(keys, BYTES("here"), seal(keys, BYTES("here"), BYTES("alice")), BYTES("alice"));
    opens(keys, NOTHING, seal(keys, NOTHING, NOTHING), NOTHING);
    assert_int_equal(seal(keys, NOTHING, BYTES("alice")).len, 5 + NEG_SEAL_OVERHEAD);
}

/* Made with another implementation of AES-256-GCM (Python's cryptography). */
static void is_the_form_that_is_documented(void **state)
{
    (void)state;
    assert_same_bytes(
        seal(ring(key_a, NULL), BYTES("here"), BYTES("alice")),
        BYTES("\x01\x04\xab\x44\x78\x74\x77\x65\x6c\x76\x65\x20\x62\x79\x74\x65\x73\x58\x69"
              "\x74\x79\xce\x28\x2e\x5f\x5c\x6a\x6f\xb6\xa2\x09\xc0\x56\xb3\x26\xcd\x4f\x21"));
}

static void the_first_key_seals_and_all_open(void **state)
{
    neg_bytes old = seal(ring(key_a, NULL), NOTHING, BYTES("old"));
    neg_bytes both = seal(ring(key_b, key_a), NOTHING, BYTES("new"));

    (void)state;
    opens(ring(key_b, key_a), NOTHING, old, BYTES("old"));
    opens(ring(key_b, NULL), NOTHING, both, BYTES("new"));
    stays_shut(ring(key_a, NULL), NOTHING, both);
    stays_shut(ring(key_b, NULL), NOTHING, old);
    stays_shut(neg_seal_ring_make(pool), NOTHING, old);
}

/* Four bytes of a hash may be alike: then the key decides. */
static void keys_with_one_id_are_all_tried(void **state)
{
    apr_array_header_t *keys = ring(key_a, key_b);
    neg_bytes sealed = seal(ring(key_b, NULL), NOTHING, BYTES("b"));

    (void)state;
    memcpy(APR_ARRAY_IDX(keys, 0, neg_seal_key).id, APR_ARRAY_IDX(keys, 1, neg_seal_key).id, 4);
    opens(keys, NOTHING, sealed, BYTES("b"));
}

static void other_associated_data_opens_nothing(void **state)
{
    apr_array_header_t *keys = ring(key_a, NULL);
    neg_bytes sealed = seal(keys, BYTES("here"), BYTES("alice"));

    (void)state;
    stays_shut(keys, BYTES("there"), sealed);
    stays_shut(keys, BYTES("her"), sealed);
    stays_shut(keys, BYTES("here "), sealed);
    stays_shut(keys, NOTHING, sealed);
}

static apr_array_header_t *mutation_keys;
static neg_bytes original;

static void check_mutation(neg_bytes mutated)
{
    if (memcmp(mutated.data, original.data, original.len) == 0) {
        opens(mutation_keys, BYTES("here"), mutated, BYTES("alice"));
    } else {
        stays_shut(mutation_keys, BYTES("here"), mutated);
    }
}

static void every_byte_counts(void **state)
{
    (void)state;
    mutation_keys = ring(key_a, key_b);
    original = seal(mutation_keys, BYTES("here"), BYTES("alice"));
    for_each_mutation(original, check_mutation);
}

static void every_length_but_its_own_is_refused(void **state)
{
    apr_array_header_t *keys = ring(key_a, NULL);
    neg_bytes sealed = seal(keys, BYTES("here"), BYTES("alice"));
    size_t len;

    (void)state;
    for (len = 0; len < sealed.len; len++) {
        neg_bytes copy = heap_copy(sealed, len);

        stays_shut(keys, BYTES("here"), copy);
        heap_free(copy);
    }
    stays_shut(keys, BYTES("here"), JOIN(sealed, BYTES("x")));
}

static void reads_key_files(void **state)
{
    unsigned char key[NEG_SEAL_KEY];
    unsigned char untouched[] = "untouched";
    static const char text[] = "YSBrZXkgb2YgdGhpcnR5LXR3byBieXRlcyBmb3IgYSA=";

    (void)state;
    assert_null(neg_seal_key_read(pool, text, key));
    assert_memory_equal(key, key_a, NEG_SEAL_KEY);
    assert_null(neg_seal_key_read(pool, apr_pstrcat(pool, text, " \r\n\n", NULL), key));
    assert_sentence(neg_seal_key_read(pool, "", untouched));
    assert_sentence(neg_seal_key_read(pool, "\n", untouched));
    assert_sentence(neg_seal_key_read(pool, "YWJj", untouched));
    assert_sentence(neg_seal_key_read(pool, "not base64", untouched));
    assert_sentence(neg_seal_key_read(pool, apr_pstrcat(pool, " ", text, NULL), untouched));
    assert_sentence(neg_seal_key_read(pool, apr_pstrcat(pool, text, text, NULL), untouched));
    assert_sentence(neg_seal_key_read(pool, apr_pstrcat(pool, text, "\n", text, NULL), untouched));
    assert_string_equal((const char *)untouched, "untouched");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SEALER(opens_what_was_sealed),
        WITH_SEALER(is_the_form_that_is_documented),
        WITH_SEALER(the_first_key_seals_and_all_open),
        WITH_SEALER(keys_with_one_id_are_all_tried),
        WITH_SEALER(other_associated_data_opens_nothing),
        WITH_SEALER(every_byte_counts),
        WITH_SEALER(every_length_but_its_own_is_refused),
        WITH_SEALER(reads_key_files),
    };

    return RUN(tests);
}

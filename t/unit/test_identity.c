#include "testing.h"

#include <stdlib.h>

#include "identity.h"

static const neg_sids *groups(apr_pool_t *p)
{
    neg_sids *sids = neg_sids_make(p, 4);
    neg_sids_add(sids, BYTES("first"));
    neg_sids_add(sids, BYTES("second"));
    return sids;
}

static const apr_array_header_t *attributes(apr_pool_t *p)
{
    apr_array_header_t *array = apr_array_make(p, 2, sizeof(neg_attribute));
    apr_array_header_t *values = apr_array_make(p, 2, sizeof(neg_bytes));
    neg_attribute *attribute = apr_array_push(array);
    neg_bytes odd = {apr_pmemdup(p, "a\0b", 3), 3};
    APR_ARRAY_PUSH(values, neg_bytes) = odd;
    APR_ARRAY_PUSH(values, neg_bytes) = (neg_bytes){NULL, 0};
    attribute->name = apr_pstrdup(p, "auth-indicators");
    attribute->values = values;
    attribute = apr_array_push(array);
    attribute->name = apr_pstrdup(p, "none");
    attribute->values = apr_array_make(p, 0, sizeof(neg_bytes));
    return array;
}

/* Its texts are of odd lengths, so that what follows them needs to be aligned. */
static neg_identity *full(apr_pool_t *p)
{
    neg_identity *identity = apr_pcalloc(p, sizeof(*identity));
    identity->space = apr_pstrdup(p, "http://a:80 x");
    identity->principal = apr_pstrdup(p, "alice@EXAMPLE.TEST");
    identity->name = apr_pstrdup(p, "alice");
    identity->realm = apr_pstrdup(p, "EXAMPLE.TEST");
    identity->scheme = apr_pstrdup(p, "Negotiate");
    identity->provider = apr_pstrdup(p, "kerberos");
    identity->mechanism = apr_pstrdup(p, "krb5");
    identity->acceptor = apr_pstrdup(p, "HTTP 1");
    identity->channel = apr_pstrdup(p, "own");
    identity->account = apr_pstrdup(p, "ALICE");
    identity->upn = apr_pstrdup(p, "alice@example.test");
    identity->sid = apr_pstrdup(p, "S-1-5-21-1");
    identity->pac_unknown = apr_pstrdup(p, "it is cut off");
    identity->proof = apr_pstrdup(p, "0123");
    identity->ccache_dir = apr_pstrdup(p, "/run/tickets");
    identity->ccache_for = apr_pstrdup(p, "HTTP@back.example.test");
    identity->ccache = apr_pstrdup(p, "FILE:/run/tickets/x");
    identity->groups = groups(p);
    identity->attributes = attributes(p);
    identity->mech = 1;
    identity->expires = 42;
    identity->ccache_perms.uid = -1;
    return identity;
}

/* As large as is said, and with nothing of the first one's, which is gone. */
static neg_identity *copy_of(neg_identity *(*make)(apr_pool_t *))
{
    apr_pool_t *short_lived;
    neg_identity *identity, *copy;
    apr_pool_create(&short_lived, NULL);
    identity = make(short_lived);
    copy = neg_identity_copy(malloc(neg_identity_size(identity)), identity);
    apr_pool_destroy(short_lived);
    return copy;
}

static void is_copied_whole(void **state)
{
    neg_identity *copy = copy_of(full), *wanted = full(pool);
    const neg_bytes *value;
    (void)state;
#define SAME(member) assert_string_equal(copy->member, wanted->member)
    SAME(space);
    SAME(principal);
    SAME(name);
    SAME(realm);
    SAME(scheme);
    SAME(provider);
    SAME(mechanism);
    SAME(acceptor);
    SAME(channel);
    SAME(account);
    SAME(upn);
    SAME(sid);
    SAME(ccache_dir);
    SAME(ccache_for);
    SAME(ccache);
    assert_int_equal(copy->mech, 1);
    assert_int_equal(copy->expires, 42);
    assert_int_equal(copy->ccache_perms.uid, -1);
    SAME(pac_unknown);
    SAME(proof);
    assert_int_equal(copy->groups->count, 2);
    assert_int_equal(copy->groups->bytes.len, 11);
    assert_memory_equal(copy->groups->bytes.data, "firstsecond", 11);
    assert_null(copy->deny_only);
    assert_int_equal(copy->attributes->nelts, 2);
    assert_int_equal(neg_identity_attribute(copy, "none")->values->nelts, 0);
    value = (const neg_bytes *)neg_identity_attribute(copy, "auth-indicators")->values->elts;
    assert_int_equal(value[0].len, 3);
    assert_memory_equal(value[0].data, "a\0b", 3);
    assert_int_equal(value[1].len, 0);
    assert_null(neg_identity_attribute(copy, "auth"));
    free(copy);
}

static neg_identity *bare(apr_pool_t *p)
{
    neg_identity *identity = apr_pcalloc(p, sizeof(*identity));
    identity->space = identity->principal = identity->name = identity->realm = "x";
    identity->scheme = identity->mechanism = identity->acceptor = identity->channel = "";
    return identity;
}

/* NULL is not "none". */
static void keeps_what_is_not_known(void **state)
{
    neg_identity *copy = copy_of(bare);
    (void)state;
    assert_null(copy->provider);
    assert_null(copy->groups);
    assert_null(copy->attributes);
    assert_null(copy->account);
    assert_null(copy->ccache);
    assert_string_equal(copy->mechanism, "");
    free(copy);
}

static void is_copied_into_a_pool(void **state)
{
    apr_pool_t *owner;
    neg_identity *copy;
    (void)state;
    apr_pool_create(&owner, NULL);
    copy = neg_identity_dup(owner, full(pool));
    assert_string_equal(copy->ccache, "FILE:/run/tickets/x");
    apr_pool_destroy(owner);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(is_copied_whole),
        TEST(keeps_what_is_not_known),
        TEST(is_copied_into_a_pool),
    };
    return RUN(tests);
}

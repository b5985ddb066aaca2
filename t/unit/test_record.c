#include "testing.h"

#include "record.h"

static neg_sids *list(int count, const char *const *texts)
{
    neg_sids *groups = neg_sids_make(pool, 0);
    neg_bytes sid = NOTHING;
    int i;

    for (i = 0; i < count; i++) {
        assert_null(neg_sid_parse(pool, texts[i], &sid));
        neg_sids_add(groups, sid);
    }
    return groups;
}

static const char *const sids[] = {
    "S-1-5-21-1004336348-1177238915-682003330-512",
    "S-1-5-21-1004336348-1177238915-682003330-513",
    "S-1-5-21-1004336348-1177238915-682003330-4294967294",
    "S-1-5-21-1004336348-1177238915-682003330-4294967295",
    "S-1-5-21-1004336348-1177238915-682003330-0",
    "S-1-5-21-1004336348-1177238915-682003330-0",
    "S-1-5-21-1004336348-1177238915-682003330",
    "S-1-18-1",
    "S-1-5-11",
};

static const apr_array_header_t *attributes(void)
{
    apr_array_header_t *array = apr_array_make(pool, 2, sizeof(neg_attribute));
    apr_array_header_t *values = apr_array_make(pool, 2, sizeof(neg_bytes));
    neg_attribute *attribute = apr_array_push(array);

    APR_ARRAY_PUSH(values, neg_bytes) = BYTES("hardened\0binary");
    APR_ARRAY_PUSH(values, neg_bytes) = NOTHING;
    attribute->name = "auth-indicators";
    attribute->values = values;
    attribute = apr_array_push(array);
    attribute->name = "other";
    attribute->values = apr_array_make(pool, 0, sizeof(neg_bytes));
    return array;
}

/* Every member of an identity, in the order of identity.h.  With a member more, this does not
 * compile (-Wmissing-field-initializers, or a type that does not fit): then give it a value here,
 * which is not zero, and a place in record.c. */
static const apr_array_header_t some_attributes;
static const neg_sids some_groups;
static const neg_identity all_members = {
    "https://www.example.test:443 one",
    "alice/admin@EXAMPLE.TEST",
    "alice/admin",
    "EXAMPLE.TEST",
    "Basic",
    "kerberos",
    "krb5",
    1,
    "FILE:/http.keytab HTTP",
    1700000000123456,
    1700036000000000,
    1,
    "own",
    1,
    &some_attributes,
    "alice",
    "alice@example.test",
    "S-1-5-21-1004336348-1177238915-682003330-1104",
    &some_groups,
    &some_groups,
    "has no PAC",
    "/var/lib/ccaches",
    {0640, -1, 33},
    "HTTP@back.example.test",
    "FILE:/var/lib/ccaches/krb5cc_1",
    NULL, /* proof: is of one token, and no session's */
};

static neg_identity whole(void)
{
    neg_identity identity = all_members;

    identity.attributes = attributes();
    identity.groups = list((int)(sizeof(sids) / sizeof(sids[0])), sids);
    identity.deny_only = list(1, sids);
    return identity;
}

static neg_bytes written(const neg_identity *identity)
{
    neg_session session = {1, 2, 3, 4, 5, identity};
    neg_bytes record = {NULL, 0};

    assert_null(neg_record_write(pool, &session, &record));
    return record;
}

static neg_session read_back(neg_bytes record)
{
    neg_session session = {0};

    assert_null(neg_record_read(pool, record, &session));
    return session;
}

static void refuses(neg_bytes record)
{
    neg_session untouched = {7, 7, 7, 7, 7, NULL};

    assert_sentence(neg_record_read(pool, record, &untouched));
    assert_int_equal(untouched.begun + untouched.ends, 14);
    assert_null(untouched.identity);
}

static void the_times_come_back(void **state)
{
    neg_identity identity = whole();
    neg_session session = read_back(written(&identity));

    (void)state;
    assert_int_equal(session.begun, 1);
    assert_int_equal(session.renewed, 2);
    assert_int_equal(session.idle_at, 3);
    assert_int_equal(session.ends, 4);
    assert_int_equal(session.idle, 5);
}

/* Whatever members there are: none that is set comes back as zero. */
static void no_member_is_forgotten(void **state)
{
    neg_identity identity = whole();
    const neg_identity *back = read_back(written(&identity)).identity;
    unsigned int is, was;
    size_t at;

    (void)state;
    for (at = 0; at + sizeof(was) <= sizeof(identity); at += sizeof(was)) {
        memcpy(&was, (const char *)&all_members + at, sizeof(was));
        memcpy(&is, (const char *)back + at, sizeof(is));
        if (was != 0 && is == 0) {
            fail_msg("the member at offset %zu of neg_identity is lost", at);
        }
    }
}

static void members_keep_their_values(void **state)
{
    neg_identity identity = whole();
    const neg_identity *back = read_back(written(&identity)).identity;
    const neg_attribute *first;

    (void)state;
    assert_string_equal(back->space, identity.space);
    assert_string_equal(back->principal, identity.principal);
    assert_string_equal(back->name, identity.name);
    assert_string_equal(back->realm, identity.realm);
    assert_string_equal(back->scheme, identity.scheme);
    assert_string_equal(back->provider, identity.provider);
    assert_string_equal(back->mechanism, identity.mechanism);
    assert_int_equal(back->mech, identity.mech);
    assert_string_equal(back->acceptor, identity.acceptor);
    assert_true(back->proven == identity.proven && back->expires == identity.expires);
    assert_int_equal(back->tls, 1);
    assert_string_equal(back->channel, identity.channel);
    assert_int_equal(back->bound, 1);
    assert_string_equal(back->account, identity.account);
    assert_string_equal(back->upn, identity.upn);
    assert_string_equal(back->pac_unknown, identity.pac_unknown);
    assert_int_equal(back->deny_only->count, 1);
    assert_same_bytes(neg_sids_all(back->deny_only), neg_sids_all(identity.deny_only));
    assert_string_equal(back->sid, identity.sid);
    assert_string_equal(back->ccache_dir, identity.ccache_dir);
    assert_int_equal(back->ccache_perms.mode, 0640);
    assert_int_equal(back->ccache_perms.uid, -1);
    assert_int_equal(back->ccache_perms.gid, 33);
    assert_string_equal(back->ccache_for, identity.ccache_for);
    assert_string_equal(back->ccache, identity.ccache);
    assert_int_equal(back->groups->count, identity.groups->count);
    assert_same_bytes(neg_sids_all(back->groups), neg_sids_all(identity.groups));
    assert_int_equal(back->attributes->nelts, 2);
    first = neg_identity_attribute(back, "auth-indicators");
    assert_int_equal(first->values->nelts, 2);
    assert_same_bytes(APR_ARRAY_IDX(first->values, 0, neg_bytes), BYTES("hardened\0binary"));
    assert_int_equal(neg_identity_attribute(back, "other")->values->nelts, 0);
}

static void unknown_is_not_none(void **state)
{
    neg_identity identity = whole();
    const neg_identity *back;

    (void)state;
    identity.groups = NULL;
    identity.attributes = NULL;
    identity.provider = identity.account = identity.upn = identity.sid = NULL;
    identity.ccache = identity.ccache_dir = NULL;
    identity.tls = identity.bound = 0;
    back = read_back(written(&identity)).identity;
    assert_null(back->groups);
    assert_null(back->attributes);
    assert_null(back->provider);
    assert_null(back->sid);
    assert_null(back->ccache);
    assert_null(back->ccache_dir);
    assert_int_equal(back->tls + back->bound, 0);
    identity.groups = list(0, NULL);
    identity.attributes = apr_array_make(pool, 0, sizeof(neg_attribute));
    identity.sid = "";
    back = read_back(written(&identity)).identity;
    assert_int_equal(back->groups->count, 0);
    assert_int_equal(back->attributes->nelts, 0);
    assert_string_equal(back->sid, "");
}

static void a_member_that_all_have_must_be_there(void **state)
{
    neg_identity identity;
    const char **members[] = {&identity.space,    &identity.principal, &identity.name,
                              &identity.realm,    &identity.scheme,    &identity.mechanism,
                              &identity.acceptor, &identity.channel};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        identity = whole();
        *members[i] = NULL;
        refuses(written(&identity));
    }
}

static void every_prefix_is_refused(void **state)
{
    neg_identity identity = whole();
    neg_bytes record = written(&identity);
    size_t len;

    (void)state;
    for (len = 0; len < record.len; len++) {
        neg_bytes copy = heap_copy(record, len);

        refuses(copy);
        heap_free(copy);
    }
    refuses(JOIN(record, BYTES("\0")));
}

static void another_version_is_refused(void **state)
{
    neg_identity identity = whole();
    neg_bytes record = written(&identity);

    (void)state;
    ((unsigned char *)record.data)[0] = 1; /* without what can only deny */
    refuses(record);
}

/* They are looked for as they are in order: whoever is out of it would seem not to be there. */
static void attributes_out_of_order_are_refused(void **state)
{
    neg_identity identity = whole();
    neg_attribute *both = (neg_attribute *)identity.attributes->elts, first = both[0];

    (void)state;
    both[0] = both[1];
    refuses(written(&identity));
    both[1] = first;
    refuses(written(&identity));
}

/* What is read is written the same: there is one form of a session. */
static void is_canonical(neg_bytes mutated)
{
    neg_session session = {0};
    neg_bytes again = {NULL, 0};

    if (neg_record_read(pool, mutated, &session) == NULL) {
        assert_null(neg_record_write(pool, &session, &again));
        assert_same_bytes(again, mutated);
    }
}

static void every_mutation_is_refused_or_canonical(void **state)
{
    neg_identity identity = whole();

    (void)state;
    for_each_mutation(written(&identity), is_canonical);
}

static void a_session_that_is_too_long_is_refused(void **state)
{
    neg_identity identity = whole();
    neg_session session = {1, 2, 3, 4, 5, &identity};
    neg_bytes record = {NULL, 0};
    char *long_name = apr_palloc(pool, NEG_RECORD_MAX + 1);

    (void)state;
    memset(long_name, 'x', NEG_RECORD_MAX);
    long_name[NEG_RECORD_MAX] = '\0';
    identity.account = long_name;
    assert_sentence(neg_record_write(pool, &session, &record));
    assert_null(record.data);
}

static size_t size_with(unsigned groups)
{
    neg_identity identity = whole();
    neg_sids *many = list(1, sids);
    neg_bytes first = neg_sids_all(many);
    unsigned i;

    for (i = 1; i < groups; i++) {
        neg_sids_add_sibling(many, first, 1000 + 7 * i);
    }
    identity.groups = many;
    return written(&identity).len;
}

static void groups_of_a_domain_are_short(void **state)
{
    (void)state;
    assert_int_equal(size_with(101) - size_with(1), 200);
    assert_true(size_with(1000) < 2500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_times_come_back),
        TEST(no_member_is_forgotten),
        TEST(members_keep_their_values),
        TEST(unknown_is_not_none),
        TEST(a_member_that_all_have_must_be_there),
        TEST(every_prefix_is_refused),
        TEST(another_version_is_refused),
        TEST(attributes_out_of_order_are_refused),
        TEST(every_mutation_is_refused_or_canonical),
        TEST(a_session_that_is_too_long_is_refused),
        TEST(groups_of_a_domain_are_short),
    };

    return RUN(tests);
}

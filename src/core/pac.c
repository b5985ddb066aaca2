/*
 * A PAC's logon information and user principal name.
 *
 * Rejected, each with its sentence:
 *   - bytes that end before what they announce, at whatever place; counts and lengths that they
 *     cannot hold (a count is compared with what is left before anything is allocated);
 *   - another NDR version, byte order or length than MS-RPCE section 2.2.6 has; no structure in it;
 *     eight bytes or more behind it;
 *   - an array whose own count is not that of its field; a field with a count and no array;
 *   - a string with an offset, with an odd length, longer than its buffer, or not as long as its
 *     field says;
 *   - a SID of another revision, without or with more than fifteen numbers, or with another count
 *     than its array; a domain's SID that is missing, or leaves no place for a RID;
 *   - extra SIDs or resource groups without the flag that says so (MS-PAC section 2.5, UserFlags);
 *     resource groups without the SID of their domain; an extra SID that is missing;
 *   - no user: UserId 0 without an extra SID;
 *   - in UPN_DNS_INFO: a text or SID outside the bytes, within the head, or of odd length.
 *
 * A name that is no text in UTF-16, or has a control character, is treated as missing: it must not
 * become a user name, but the groups do not depend on it.
 */

#include "pac.h"

#include <string.h>

#include "ndr.h"

static const char cut_off[] = "it announces more than it has, as if it had been cut off";

/* ---- KERB_VALIDATION_INFO ---- */

#define GROUP_SIZE 8 /* GROUP_MEMBERSHIP (MS-PAC section 2.2.2): RelativeId, Attributes */

enum {
    LOGON_GUEST = 0x1,
    LOGON_EXTRA_SIDS = 0x20,
    LOGON_RESOURCE_GROUPS = 0x200
};

enum {
    USER_NOT_DELEGATED = 0x4000
};

enum {
    SE_GROUP_ENABLED = 0x4,
    SE_GROUP_USE_FOR_DENY_ONLY = 0x10
};

/* What its fields say, and where the rest of it lies. */
typedef struct {
    neg_ndr_string names[6]; /* EffectiveName, FullName, LogonScript, ProfilePath, HomeDirectory,
                              * HomeDirectoryDrive */
    apr_uint32_t user, primary_group;
    apr_uint32_t group_count, group_ids;
    apr_uint32_t flags, account_control;
    neg_ndr_string server, domain_name;
    apr_uint32_t domain_id;
    apr_uint32_t extra_count, extra_sids;
    apr_uint32_t resource_domain, resource_count, resource_ids;
} fields;

typedef struct {
    fields f;
    neg_bytes account;
    neg_bytes domain;      /* a SID */
    neg_bytes groups;      /* of GROUP_SIZE each */
    neg_bytes extra;       /* the same, with pointers for RIDs */
    neg_bytes *extra_sids; /* as many SIDs */
    neg_bytes resource_domain;
    neg_bytes resource_groups;
} logon;

/* The common and the private header (MS-RPCE sections 2.2.6.1 and 2.2.6.2), the one pointer. */
static void read_head(neg_ndr *n)
{
    apr_uint32_t len;
    neg_read_expect(
        &n->r, neg_read_u8(&n->r) == 1 && neg_read_u8(&n->r) == 0x10 && neg_read_le16(&n->r) == 8,
        "it is not in version 1 of NDR's serialization, in little-endian order");
    (void)neg_read_le32(&n->r);
    len = neg_read_le32(&n->r);
    (void)neg_read_le32(&n->r);
    neg_read_expect(&n->r, len <= n->r.rest.len, cut_off);
    neg_read_expect(&n->r, n->r.rest.len - len < 8, "it has more than it announces");
    if (*n->r.error == NULL)
        n->r.rest.len = len;
    neg_read_expect(&n->r, neg_read_le32(&n->r) != 0, "there is nothing in it");
}

static void read_fields(neg_ndr *n, fields *f)
{
    (void)neg_read_bytes(&n->r, 6 * 8); /* LogonTime ... PasswordMustChange */
    for (size_t i = 0; i < sizeof(f->names) / sizeof(*f->names); i++)
        f->names[i] = neg_ndr_string_field(n);
    (void)neg_read_bytes(&n->r, 4); /* LogonCount, BadPasswordCount */
    f->user = neg_read_le32(&n->r);
    f->primary_group = neg_read_le32(&n->r);
    f->group_count = neg_read_le32(&n->r);
    f->group_ids = neg_read_le32(&n->r);
    f->flags = neg_read_le32(&n->r);
    (void)neg_read_bytes(&n->r, 16); /* UserSessionKey */
    f->server = neg_ndr_string_field(n);
    f->domain_name = neg_ndr_string_field(n);
    f->domain_id = neg_read_le32(&n->r);
    (void)neg_read_bytes(&n->r, 8); /* Reserved1 */
    f->account_control = neg_read_le32(&n->r);
    (void)neg_read_bytes(&n->r, 28); /* SubAuthStatus ... Reserved3 */
    f->extra_count = neg_read_le32(&n->r);
    f->extra_sids = neg_read_le32(&n->r);
    f->resource_domain = neg_read_le32(&n->r);
    f->resource_count = neg_read_le32(&n->r);
    f->resource_ids = neg_read_le32(&n->r);
}

static void check_fields(neg_ndr *n, const fields *f)
{
    neg_read_expect(&n->r, f->domain_id != 0, "it has no domain");
    neg_read_expect(&n->r,
                    (f->group_ids || !f->group_count) && (f->extra_sids || !f->extra_count) &&
                        (f->resource_ids || !f->resource_count),
                    "it counts groups and has none");
    neg_read_expect(&n->r, !f->extra_count || f->flags & LOGON_EXTRA_SIDS,
                    "it has extra SIDs without the flag for them");
    neg_read_expect(&n->r,
                    !f->resource_count || (f->flags & LOGON_RESOURCE_GROUPS && f->resource_domain),
                    "it has resource groups without the flag or the domain for them");
    neg_read_expect(&n->r, f->user || f->extra_count, "it names no user");
}

static neg_bytes read_groups(neg_ndr *n, apr_uint32_t pointer, apr_uint32_t count)
{
    if (!pointer)
        return (neg_bytes){NULL, 0};
    neg_ndr_count(n, count, GROUP_SIZE);
    return neg_read_bytes(&n->r, (apr_size_t)count * GROUP_SIZE);
}

/* KERB_SID_AND_ATTRIBUTES (MS-PAC section 2.2.1): all of them, then all their SIDs. */
static void read_extra(apr_pool_t *p, neg_ndr *n, logon *l)
{
    apr_size_t count;
    l->extra = read_groups(n, l->f.extra_sids, l->f.extra_count);
    count = l->extra.len / GROUP_SIZE;
    l->extra_sids = apr_palloc(p, (count + 1) * sizeof(*l->extra_sids));
    for (apr_size_t i = 0; *n->r.error == NULL && i < count; i++) {
        neg_read_expect(&n->r, neg_ndr_number(l->extra.data + i * GROUP_SIZE) != 0,
                        "an extra SID is missing");
        l->extra_sids[i] = neg_ndr_sid(n);
    }
}

/* What the pointers stand for, in their order. */
static void read_deferred(apr_pool_t *p, neg_ndr *n, logon *l)
{
    l->account = neg_ndr_text(n, &l->f.names[0]);
    for (size_t i = 1; i < sizeof(l->f.names) / sizeof(*l->f.names); i++)
        (void)neg_ndr_text(n, &l->f.names[i]);
    l->groups = read_groups(n, l->f.group_ids, l->f.group_count);
    (void)neg_ndr_text(n, &l->f.server);
    (void)neg_ndr_text(n, &l->f.domain_name);
    l->domain = neg_ndr_sid(n);
    read_extra(p, n, l);
    if (l->f.resource_domain)
        l->resource_domain = neg_ndr_sid(n);
    l->resource_groups = read_groups(n, l->f.resource_ids, l->f.resource_count);
    neg_read_expect(&n->r, l->domain.len < NEG_SID_MAX && l->resource_domain.len < NEG_SID_MAX,
                    "the SID of a domain has as many numbers as a group's");
    neg_read_expect(&n->r, n->r.rest.len < 8, "something follows it");
}

/* ---- What it comes to ---- */

typedef struct {
    neg_sids *groups, *deny_only;
} lists;

static neg_sids *list_for(const lists *to, apr_uint32_t attributes)
{
    int grants = attributes & SE_GROUP_ENABLED && !(attributes & SE_GROUP_USE_FOR_DENY_ONLY);
    return grants ? to->groups : to->deny_only;
}

static void put_groups(const lists *to, neg_bytes domain, neg_bytes groups)
{
    neg_bytes sid = {NULL, 0};
    for (apr_size_t at = 0; at < groups.len; at += GROUP_SIZE) {
        neg_sids *list = list_for(to, neg_ndr_number(groups.data + at + 4));
        apr_uint32_t rid = neg_ndr_number(groups.data + at);
        sid = sid.len ? neg_sids_add_sibling(list, sid, rid) : neg_sids_add_rid(list, domain, rid);
    }
}

/* It is among the groups as a rule, with its attributes. */
static void put_primary_group(const lists *to, const logon *l)
{
    for (apr_size_t at = 0; at < l->groups.len; at += GROUP_SIZE)
        if (neg_ndr_number(l->groups.data + at) == l->f.primary_group)
            return;
    if (l->f.primary_group)
        neg_sids_add_rid(to->groups, l->domain, l->f.primary_group);
}

/* The first one is the user, who is of no domain here. */
static void put_extra(const lists *to, const logon *l)
{
    for (apr_size_t i = l->f.user ? 0 : 1; i < l->extra.len / GROUP_SIZE; i++)
        neg_sids_add(list_for(to, neg_ndr_number(l->extra.data + i * GROUP_SIZE + 4)),
                     l->extra_sids[i]);
}

static void put_everybody(const lists *to, const logon *l)
{
    static const unsigned char everyone[] = {1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0}; /* S-1-1-0 */
    static const unsigned char authenticated[] = {1, 1, 0,  0, 0, 0,
                                                  0, 5, 11, 0, 0, 0}; /* S-1-5-11 */
    neg_sids_add(to->groups, (neg_bytes){everyone, sizeof(everyone)});
    if (!(l->f.flags & LOGON_GUEST))
        neg_sids_add(to->groups, (neg_bytes){authenticated, sizeof(authenticated)});
}

/* Enough for all of them, if those of other domains are as usual. */
static apr_size_t room_for(const logon *l)
{
    apr_size_t own = l->groups.len / GROUP_SIZE + 4, resource = l->resource_groups.len / GROUP_SIZE;
    apr_size_t extra = l->extra.len / GROUP_SIZE;
    return own * (l->domain.len + 4) + resource * (l->resource_domain.len + 4) + extra * 28;
}

static const char *user_sid(apr_pool_t *p, const logon *l)
{
    neg_sids *user;
    if (!l->f.user)
        return neg_sid_text(p, l->extra_sids[0]);
    user = neg_sids_make(p, NEG_SID_MAX);
    neg_sids_add_rid(user, l->domain, l->f.user);
    return neg_sid_text(p, neg_sids_all(user));
}

static void conclude(apr_pool_t *p, const logon *l, neg_logon_info *info)
{
    lists to = {neg_sids_make(p, room_for(l)), neg_sids_make(p, 0)};
    put_groups(&to, l->domain, l->groups);
    put_primary_group(&to, l);
    put_extra(&to, l);
    put_groups(&to, l->resource_domain, l->resource_groups);
    put_everybody(&to, l);
    info->account = neg_ndr_name(p, l->account);
    info->sid = user_sid(p, l);
    info->groups = to.groups;
    info->deny_only = to.deny_only;
    info->not_delegated = (l->f.account_control & USER_NOT_DELEGATED) != 0;
}

const char *neg_pac_logon_info(apr_pool_t *p, neg_bytes bytes, neg_logon_info *info)
{
    const char *error = NULL;
    neg_ndr n = {neg_reader_of(bytes, &error), bytes.data};
    logon l = {0};
    read_head(&n);
    read_fields(&n, &l.f);
    check_fields(&n, &l.f);
    if (error == NULL)
        read_deferred(p, &n, &l);
    if (error == NULL)
        conclude(p, &l, info);
    return error;
}

/* ---- UPN_DNS_INFO ---- */

enum {
    UPN_HAS_SAM_NAME_AND_SID = 0x2
};

/* A length and an offset, which is counted from the start of it all. */
static neg_bytes read_span(neg_reader *r, neg_bytes all)
{
    unsigned len = neg_read_le16(r);
    unsigned offset = neg_read_le16(r);
    neg_bytes span = {NULL, 0};
    neg_read_expect(r, len <= all.len && offset <= all.len - len, cut_off);
    if (*r->error == NULL && len) {
        span.data = all.data + offset;
        span.len = len;
    }
    return span;
}

static void expect_text(neg_reader *r, neg_bytes text)
{
    neg_read_expect(r, text.len % 2 == 0, "a text in it has an odd length");
    neg_read_expect(r, !text.data || text.data >= r->rest.data,
                    "a text in it lies within its head");
}

static const char *sid_of(apr_pool_t *p, neg_reader *head, neg_bytes bytes)
{
    neg_reader r = neg_reader_of(bytes, head->error);
    neg_bytes sid = neg_sid_read(&r);
    neg_read_end(&r);
    return *head->error ? NULL : neg_sid_text(p, sid);
}

static int is_upn(const char *name)
{
    const char *at = name ? strchr(name, '@') : NULL;
    return at && at > name && at[1] && !strchr(at + 1, '@');
}

const char *neg_pac_upn_dns_info(apr_pool_t *p, neg_bytes bytes, neg_upn_info *info)
{
    const char *error = NULL;
    neg_reader r = neg_reader_of(bytes, &error);
    neg_bytes upn = read_span(&r, bytes), domain = read_span(&r, bytes), name = {NULL, 0};
    neg_upn_info found = {NULL, NULL, NULL};
    if (neg_read_le32(&r) & UPN_HAS_SAM_NAME_AND_SID) {
        neg_bytes sid;
        name = read_span(&r, bytes);
        sid = read_span(&r, bytes);
        found.sid = sid_of(p, &r, sid);
    }
    expect_text(&r, upn);
    expect_text(&r, domain);
    expect_text(&r, name);
    if (error)
        return error;
    found.upn = neg_ndr_name(p, upn);
    if (!is_upn(found.upn))
        found.upn = NULL;
    found.account = neg_ndr_name(p, name);
    *info = found;
    return NULL;
}

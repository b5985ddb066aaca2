/** Any bytes as a whole PAC, and as its parts: logon information, UPN_DNS_INFO, PAC_CLIENT_INFO;
 * any string as a SID. */
#include "fuzz.h"

#include "pac.h"
#include "pacframe.h"
#include "sid.h"

/** A SID has one text. */
static void check_sid(apr_pool_t *pool, const char *text)
{
    neg_bytes sid;

    PROMISE(neg_sid_parse(pool, text, &sid) == NULL);
    PROMISE(strcmp(neg_sid_text(pool, sid), text) == 0);
}

static void check_sids(apr_pool_t *pool, const neg_sids *sids, size_t size)
{
    int count = 0;

    for (neg_bytes rest = neg_sids_all(sids); rest.len; count++) {
        neg_bytes sid = neg_sids_next(&rest), again;
        const char *text = neg_sid_text(pool, sid);

        PROMISE(strlen(text) < NEG_SID_TEXT_MAX);
        PROMISE(neg_sid_parse(pool, text, &again) == NULL && neg_sid_equal(sid, again));
    }
    PROMISE(count == sids->count);
    /* Every group takes eight bytes, but those that everybody is in, and the primary one. */
    PROMISE((size_t)count <= size / 8 + 3);
}

/** What could become the name of a user. */
static void check_name(const char *name)
{
    if (name) {
        PROMISE(*name != '\0');
        for (; *name; name++)
            PROMISE((unsigned char)*name >= 0x20 && *name != 0x7f);
    }
}

static void check_logon_info(apr_pool_t *pool, neg_bytes bytes)
{
    neg_logon_info info = {0};
    const char *error = neg_pac_logon_info(pool, bytes, &info);

    if (error) {
        PROMISE(is_sentence(error));
        PROMISE(!info.account && !info.sid && !info.groups && !info.deny_only);
        return;
    }
    check_name(info.account);
    check_sid(pool, info.sid);
    check_sids(pool, info.groups, bytes.len);
    check_sids(pool, info.deny_only, bytes.len);
    PROMISE(info.groups->count >= 1); /* Everyone */
}

static void check_upn_dns_info(apr_pool_t *pool, neg_bytes bytes)
{
    neg_upn_info info = {NULL, NULL, NULL};
    const char *error = neg_pac_upn_dns_info(pool, bytes, &info);

    if (error) {
        PROMISE(is_sentence(error));
        PROMISE(!info.upn && !info.account && !info.sid);
        return;
    }
    check_name(info.upn);
    check_name(info.account);
    PROMISE(!info.upn || strchr(info.upn, '@'));
    if (info.sid)
        check_sid(pool, info.sid);
}

static void check_client(apr_pool_t *pool, neg_bytes bytes)
{
    neg_pac_client client = {-1, NULL};
    const char *error = neg_pac_client_read(pool, bytes, &client);

    if (error) {
        PROMISE(is_sentence(error));
        PROMISE(client.authtime == -1 && !client.name);
        return;
    }
    PROMISE(client.authtime >= 0 && client.authtime % APR_USEC_PER_SEC == 0);
    check_name(client.name);
}

static int are_apart(neg_bytes a, neg_bytes b)
{
    return a.data + a.len <= b.data || b.data + b.len <= a.data;
}

static void check_frame(apr_pool_t *pool, neg_bytes bytes)
{
    neg_pac_frame frame = {.client_info = {NULL, 0}};
    const char *error = neg_pac_frame_read(bytes, &frame);

    if (error) {
        PROMISE(is_sentence(error));
        PROMISE(!frame.client_info.data);
        return;
    }
    PROMISE(lies_within(frame.client_info, bytes));
    PROMISE(!frame.logon_info.data || lies_within(frame.logon_info, bytes));
    PROMISE(!frame.upn_dns_info.data || lies_within(frame.upn_dns_info, bytes));
    PROMISE(lies_within(frame.server.signature, bytes) && lies_within(frame.kdc.signature, bytes));
    PROMISE(are_apart(frame.server.signature, frame.kdc.signature));
    PROMISE(are_apart(frame.server.signature, frame.client_info));
    PROMISE(!frame.logon_info.data || are_apart(frame.logon_info, frame.server.signature));
    PROMISE(!frame.logon_info.data || are_apart(frame.logon_info, frame.kdc.signature));
    check_client(pool, frame.client_info);
    check_logon_info(pool, frame.logon_info);
    check_upn_dns_info(pool, frame.upn_dns_info);
}

static void check_text(apr_pool_t *pool, const char *text)
{
    neg_bytes sid;
    const char *error = neg_sid_parse(pool, text, &sid);

    if (error)
        PROMISE(is_sentence(error));
    else
        PROMISE(strcasecmp(neg_sid_text(pool, sid), text) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool = pool_make();
    neg_bytes bytes = {data, size};
    char *text = string_make(data, size);

    check_frame(pool, bytes);
    check_client(pool, bytes);
    check_logon_info(pool, bytes);
    check_upn_dns_info(pool, bytes);
    check_text(pool, text);
    free(text);
    apr_pool_destroy(pool);
    return 0;
}

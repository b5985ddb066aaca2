/** Any bytes as an AP-REQ, and as a decrypted Authenticator or Ticket. */
#include "fuzz.h"

#include "apreq.h"
#include "ticket.h"

static void check_ap_req(neg_bytes der)
{
    neg_ap_req got = {{NULL, 0}, 0, {NULL, 0}};
    const char *error = neg_ap_req_parse(der, &got);

    if (error) {
        PROMISE(is_sentence(error));
        PROMISE(got.ticket.data == NULL && got.authenticator.data == NULL);
        return;
    }
    PROMISE(lies_within(got.ticket, der) && lies_within(got.authenticator, der));
    PROMISE(got.ticket.len >= 2 && got.ticket.data[0] == 0x61);
    PROMISE(neg_ap_req_parse((neg_bytes){der.data, der.len - 1}, &got) != NULL);
}

static void check_authenticator(neg_bytes plain)
{
    apr_time_t ctime = -1;
    const char *error = neg_authenticator_time(plain, &ctime);

    if (error) {
        PROMISE(is_sentence(error));
        PROMISE(ctime == -1);
    } else {
        PROMISE(ctime >= 0);
        PROMISE(ctime < apr_time_from_sec(APR_INT64_C(253402300800))); /* the year 10000 */
    }
}

static void check_ticket(neg_bytes plain)
{
    neg_ticket_part part = {-1, -1, {NULL, 0}};
    const char *error = neg_ticket_part_read(plain, &part);

    if (error) {
        PROMISE(is_sentence(error));
        PROMISE(part.authtime == -1 && part.pacs == -1 && !part.pac.data);
        return;
    }
    PROMISE(part.authtime >= 0 && part.pacs >= 0);
    PROMISE((size_t)part.pacs <= plain.len / 10);
    PROMISE(!part.pac.len || (part.pacs && lies_within(part.pac, plain)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    neg_bytes bytes = {data, size};

    check_ap_req(bytes);
    check_authenticator(bytes);
    check_ticket(bytes);
    return 0;
}

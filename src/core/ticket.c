/*
 * Where a PAC may be: in AD-IF-RELEVANT (MS-KILE section 3.3.5.6.4), or, as RFC 4120 lets anything
 * be, beside it.  What is wrapped deeper, or in another container, is not looked for.
 */

#include "ticket.h"

#include "apreq.h"
#include "der.h"

#define TAG_ENC_TICKET_PART NEG_DER_APPLICATION(3)

enum {
    AD_IF_RELEVANT = 1,
    AD_WIN2K_PAC = 128
};

typedef struct {
    apr_int32_t type;
    neg_bytes data;
} element;

static element read_element(neg_reader *list)
{
    neg_reader fields = neg_read_der_inside(list, NEG_DER_SEQUENCE);
    element e;
    e.type = neg_read_der_int32(&fields, NEG_DER_CONTEXT(0));
    e.data = neg_read_der_field(&fields, NEG_DER_CONTEXT(1), NEG_DER_OCTET_STRING);
    neg_read_end(&fields);
    return e;
}

static void note_pac(neg_reader *r, neg_bytes pac, neg_ticket_part *part)
{
    if (*r->error == NULL && part->pacs++ == 0)
        part->pac = pac;
}

static void read_wrapped(neg_reader *outer, neg_bytes wrapped, neg_ticket_part *part)
{
    neg_reader all = neg_reader_of(wrapped, outer->error);
    neg_reader list = neg_read_der_inside(&all, NEG_DER_SEQUENCE);
    neg_read_end(&all);
    while (neg_read_more(&list)) {
        element e = read_element(&list);
        if (e.type == AD_WIN2K_PAC)
            note_pac(&list, e.data, part);
    }
}

/* AuthorizationData (RFC 4120 section 5.2.6). */
static void read_authorization_data(neg_reader *r, neg_ticket_part *part)
{
    neg_reader field = neg_read_der_inside(r, NEG_DER_CONTEXT(10));
    neg_reader list = neg_read_der_inside(&field, NEG_DER_SEQUENCE);
    neg_read_end(&field);
    while (neg_read_more(&list)) {
        element e = read_element(&list);
        if (e.type == AD_WIN2K_PAC)
            note_pac(&list, e.data, part);
        else if (e.type == AD_IF_RELEVANT)
            read_wrapped(&list, e.data, part);
    }
}

const char *neg_ticket_part_read(neg_bytes plain, neg_ticket_part *part)
{
    const char *error = NULL;
    neg_reader message = neg_reader_of(plain, &error);
    neg_reader choice = neg_read_der_inside(&message, TAG_ENC_TICKET_PART);
    neg_reader fields = neg_read_der_inside(&choice, NEG_DER_SEQUENCE);
    neg_ticket_part found = {0, 0, {NULL, 0}};

    /* No end of the message: old encryption types leave padding after it (RFC 3961 section 6.2). */
    neg_read_end(&choice);
    for (unsigned field = 0; field <= 4; field++) /* flags, key, crealm, cname, transited */
        (void)neg_read_der(&fields, NEG_DER_CONTEXT(field));
    found.authtime = neg_read_kerberos_time(&fields, NEG_DER_CONTEXT(5), 0);
    neg_read_der_skip(&fields, NEG_DER_CONTEXT(6));  /* starttime */
    (void)neg_read_der(&fields, NEG_DER_CONTEXT(7)); /* endtime */
    neg_read_der_skip(&fields, NEG_DER_CONTEXT(8));  /* renew-till */
    neg_read_der_skip(&fields, NEG_DER_CONTEXT(9));  /* caddr */
    if (neg_read_der_next_is(&fields, NEG_DER_CONTEXT(10)))
        read_authorization_data(&fields, &found);
    neg_read_end(&fields);
    if (error)
        return error;
    *part = found;
    return NULL;
}

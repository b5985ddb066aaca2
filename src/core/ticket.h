/**
 * A ticket's inside, once its key has opened it: as much of EncTicketPart (RFC 4120 section 5.3) as
 * says which PAC the KDC has put into it.
 *
 * The KDC has sealed these bytes, but authorization data in them may be its client's (RFC 4120
 * section 5.2.6): they are read as if they came from anybody.
 */
#ifndef NEG_CORE_TICKET_H
#define NEG_CORE_TICKET_H

#include <apr_time.h>

#include "bytes.h"

typedef struct {
    apr_time_t authtime; /**< whole seconds */
    int pacs;            /**< how many PACs there are, at the places where one may be */
    neg_bytes pac;       /**< the first of them, where it is; empty when there is none */
} neg_ticket_part;

/**
 * Reads a decrypted EncTicketPart.
 * @return NULL, or a static sentence; *part is then untouched.
 */
const char *neg_ticket_part_read(neg_bytes plain, neg_ticket_part *part);

#endif

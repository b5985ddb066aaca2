/**
 * A PAC as a whole (MS-PAC section 2.3): its buffers, where they are, and for whom it was made.
 * What the buffers hold is read in pac.h.  Nothing is believed here of who wrote the bytes.
 */
#ifndef NEG_CORE_PACFRAME_H
#define NEG_CORE_PACFRAME_H

#include <apr_pools.h>
#include <apr_time.h>

#include "bytes.h"

/** PAC_SIGNATURE_DATA (MS-PAC section 2.8). */
typedef struct {
    apr_int32_t type;    /**< of the checksum, as RFC 3961 numbers them */
    neg_bytes signature; /**< all that follows the type: the checksum, and an RODC's number */
} neg_pac_signature;

/** Spans point into the parsed bytes; data is NULL where there is no such buffer. */
typedef struct {
    neg_bytes logon_info;     /**< type 1 */
    neg_bytes upn_dns_info;   /**< type 12 */
    neg_bytes client_info;    /**< type 10; always there */
    neg_pac_signature server; /**< type 6, by the key of the service; always there */
    neg_pac_signature kdc;    /**< type 7, by a key of the KDC's; always there */
} neg_pac_frame;

/**
 * Reads PACTYPE with its PAC_INFO_BUFFERs.
 * @return NULL, or a static sentence; *frame is then untouched.  Allocates nothing.
 */
const char *neg_pac_frame_read(neg_bytes pac, neg_pac_frame *frame);

/** PAC_CLIENT_INFO (MS-PAC section 2.7): the ticket that the PAC was made for. */
typedef struct {
    apr_time_t authtime; /**< whole seconds */
    const char *name;    /**< of the client, without realm or escapes, in UTF-8 */
} neg_pac_client;

/**
 * Reads the buffer client_info.
 * @return NULL, or a static sentence; *client is then untouched.
 */
const char *neg_pac_client_read(apr_pool_t *p, neg_bytes client_info, neg_pac_client *client);

#endif

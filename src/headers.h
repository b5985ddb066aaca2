/**
 * headers.c: the last look at an answer's headers, before they are sent.
 */
#ifndef NEG_HEADERS_H
#define NEG_HEADERS_H

#include <httpd.h>

/** Whether an answer is for its client alone.  The greatest counts. */
typedef enum {
    NEG_SHARING_ANY,     /**< nobody was granted anything */
    NEG_SHARING_BY_WORD, /**< by credentials in the request: where the answer says `public` */
    NEG_SHARING_NONE     /**< by what a connection, a session or another module knows */
} neg_sharing;

/** For a part of an answer, which was granted after the answer's own filters were chosen. */
void neg_headers_watch(request_rec *r);
void neg_headers_register(apr_pool_t *p);

#endif

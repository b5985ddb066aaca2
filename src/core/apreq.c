#include "apreq.h"

#include <apr_escape.h>
#include <openssl/evp.h>

#include "der.h"

#define KRB5_VERSION 5
#define MSG_AP_REQ   14 /* RFC 4120 section 7.5.7 */

#define TAG_TICKET        NEG_DER_APPLICATION(1)
#define TAG_AUTHENTICATOR NEG_DER_APPLICATION(2)
#define TAG_AP_REQ        NEG_DER_APPLICATION(14)

static void read_version(neg_reader *r, unsigned int explicit_tag)
{
    if (neg_read_der_int32(r, explicit_tag) != KRB5_VERSION) {
        neg_read_fail(r, "it is not of version 5 of Kerberos");
    }
}

/** EncryptedData (RFC 4120 section 5.2.9). */
static void read_authenticator(neg_reader *r, neg_ap_req *ap_req)
{
    neg_reader field = neg_read_der_inside(r, NEG_DER_CONTEXT(4));
    neg_reader data = neg_read_der_inside(&field, NEG_DER_SEQUENCE);

    neg_read_end(&field);
    ap_req->enctype = neg_read_der_int32(&data, NEG_DER_CONTEXT(0));
    neg_read_der_skip(&data, NEG_DER_CONTEXT(1)); /* kvno: a session key has none */
    ap_req->authenticator = neg_read_der_field(&data, NEG_DER_CONTEXT(2), NEG_DER_OCTET_STRING);
    neg_read_end(&data);
}

static neg_bytes read_ticket(neg_reader *r)
{
    neg_reader field = neg_read_der_inside(r, NEG_DER_CONTEXT(3));
    neg_bytes ticket = neg_read_der_whole(&field, TAG_TICKET);

    neg_read_end(&field);
    return ticket;
}

const char *neg_ap_req_parse(neg_bytes der, neg_ap_req *out)
{
    const char *error = NULL;
    neg_reader message = neg_reader_of(der, &error);
    neg_reader choice = neg_read_der_inside(&message, TAG_AP_REQ);
    neg_reader fields = neg_read_der_inside(&choice, NEG_DER_SEQUENCE);
    neg_ap_req ap_req;

    neg_read_end(&message);
    neg_read_end(&choice);
    read_version(&fields, NEG_DER_CONTEXT(0));
    if (neg_read_der_int32(&fields, NEG_DER_CONTEXT(1)) != MSG_AP_REQ) {
        neg_read_fail(&fields, "it is a Kerberos message of another type than AP-REQ");
    }
    (void)neg_read_der_field(&fields, NEG_DER_CONTEXT(2), NEG_DER_BIT_STRING); /* ap-options */
    ap_req.ticket = read_ticket(&fields);
    read_authenticator(&fields, &ap_req);
    neg_read_end(&fields);
    if (error) {
        return error;
    }
    *out = ap_req;
    return NULL;
}

const char *neg_ap_req_proof(apr_pool_t *p, neg_bytes der)
{
    neg_ap_req ap_req;
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int len;

    if (neg_ap_req_parse(der, &ap_req) ||
        !EVP_Digest(ap_req.ticket.data, ap_req.ticket.len, digest, &len, EVP_sha256(), NULL)) {
        return NULL;
    }
    return apr_pescape_hex(p, digest, len, 0);
}

/** Two digits of a time; sets the reader's error on anything else. */
static apr_int32_t read_two_digits(neg_reader *r)
{
    apr_int32_t value = 0;
    int i;

    for (i = 0; i < 2; i++) {
        unsigned int digit = neg_read_u8(r) - '0';

        if (digit > 9) {
            neg_read_fail(r, "it has a time that is not of the form YYYYMMDDHHMMSSZ");
            return 0;
        }
        value = value * 10 + (apr_int32_t)digit;
    }
    return value;
}

/** Whether the calendar has this time: what comes back from a conversion is the same. */
static int exists(const apr_time_exp_t *parts, apr_time_t time)
{
    apr_time_exp_t back;

    return apr_time_exp_gmt(&back, time) == APR_SUCCESS && back.tm_mon == parts->tm_mon &&
           back.tm_mday == parts->tm_mday && back.tm_hour == parts->tm_hour &&
           back.tm_min == parts->tm_min && back.tm_sec == parts->tm_sec;
}

apr_time_t neg_read_kerberos_time(neg_reader *r, unsigned int explicit_tag, apr_int32_t usec)
{
    neg_bytes text = neg_read_der_field(r, explicit_tag, NEG_DER_GENERALIZED_TIME);
    neg_reader digits = neg_reader_of(text, r->error);
    apr_time_exp_t parts = {0};
    apr_time_t time = 0;

    parts.tm_year = read_two_digits(&digits) * 100;
    parts.tm_year += read_two_digits(&digits) - 1900;
    parts.tm_mon = read_two_digits(&digits) - 1;
    parts.tm_mday = read_two_digits(&digits);
    parts.tm_hour = read_two_digits(&digits);
    parts.tm_min = read_two_digits(&digits);
    parts.tm_sec = read_two_digits(&digits);
    parts.tm_usec = usec;
    if (neg_read_u8(&digits) != 'Z' || neg_read_more(&digits)) {
        neg_read_fail(r, "it has a time that is not of the form YYYYMMDDHHMMSSZ");
    }
    /* APR before 1.6.3 took the month as an index without a look at it (CVE-2017-12613). */
    if (parts.tm_mon < 0 || parts.tm_mon > 11 ||
        apr_time_exp_gmt_get(&time, &parts) != APR_SUCCESS || !exists(&parts, time)) {
        neg_read_fail(r, "it has a time that no calendar has");
    }
    return time;
}

const char *neg_authenticator_time(neg_bytes plain, apr_time_t *ctime)
{
    const char *error = NULL;
    neg_reader message = neg_reader_of(plain, &error);
    neg_reader choice = neg_read_der_inside(&message, TAG_AUTHENTICATOR);
    neg_reader fields = neg_read_der_inside(&choice, NEG_DER_SEQUENCE);
    apr_int32_t cusec;
    apr_time_t time;

    /* No end of the message: old encryption types leave padding after it (RFC 3961 section 6.2). */
    neg_read_end(&choice);
    read_version(&fields, NEG_DER_CONTEXT(0));
    (void)neg_read_der_field(&fields, NEG_DER_CONTEXT(1), NEG_DER_GENERAL_STRING); /* crealm */
    (void)neg_read_der_field(&fields, NEG_DER_CONTEXT(2), NEG_DER_SEQUENCE);       /* cname */
    neg_read_der_skip(&fields, NEG_DER_CONTEXT(3));                                /* cksum */
    cusec = neg_read_der_int32(&fields, NEG_DER_CONTEXT(4));
    if (cusec < 0 || cusec > 999999) {
        neg_read_fail(&fields, "it has more microseconds than a second has");
    }
    time = neg_read_kerberos_time(&fields, NEG_DER_CONTEXT(5), cusec);
    neg_read_der_skip(&fields, NEG_DER_CONTEXT(6)); /* subkey */
    neg_read_der_skip(&fields, NEG_DER_CONTEXT(7)); /* seq-number */
    neg_read_der_skip(&fields, NEG_DER_CONTEXT(8)); /* authorization-data */
    neg_read_end(&fields);
    if (error) {
        return error;
    }
    *ctime = time;
    return NULL;
}

/* What an Active Directory says of a client: the PAC of its ticket (MS-PAC). */

#include <apr_strings.h>

#include "pacframe.h"
#include "pacproof.h"

/* @return NULL, or a sentence */
static const char *decode(apr_pool_t *p, const neg_pac_frame *frame, neg_pac *pac)
{
    neg_logon_info info;
    neg_upn_info upn = {NULL, NULL, NULL};
    const char *why = neg_pac_logon_info(p, frame->logon_info, &info);
    if (!why && frame->upn_dns_info.data)
        why = neg_pac_upn_dns_info(p, frame->upn_dns_info, &upn);
    if (!why && upn.sid && strcmp(upn.sid, info.sid) != 0)
        why = "its parts have different SIDs of the user";
    if (why)
        return why;
    pac->account = info.account;
    pac->upn = upn.upn;
    pac->sid = info.sid;
    pac->groups = info.groups;
    pac->deny_only = info.deny_only;
    return NULL;
}

static const char *read_proven(apr_pool_t *p, neg_bytes bytes, neg_pac *pac)
{
    neg_pac_frame frame;
    const char *why = neg_pac_frame_read(bytes, &frame);
    if (!why && !frame.logon_info.data)
        return "has a PAC without groups, such as KDCs issue that are no Active Directory";
    if (!why)
        why = decode(p, &frame, pac);
    return why ? apr_pstrcat(p, "has a PAC that cannot be read: ", why, NULL) : NULL;
}

void neg_pac_read(apr_pool_t *p, const neg_pac_proof *proof, neg_pac *pac)
{
    memset(pac, 0, sizeof(*pac));
    if (proof->pac.len)
        pac->unknown = read_proven(p, proof->pac, pac);
    else if (proof->unproven)
        pac->unknown = apr_pstrcat(p, "has a PAC that ", proof->unproven, NULL);
    else
        pac->unknown = "has no PAC: the account of the service is exempt (NO_AUTH_DATA_REQUIRED), "
                       "no Active Directory issued it, or gssproxy keeps it to itself";
}

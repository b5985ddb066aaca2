/* The library tried at start: what it does wrong shows nowhere else. */

#include <apr_strings.h>

#include "pacproof.h"
#include "start.h"

static int wants_pac(server_rec *servers)
{
    for (server_rec *s = servers; s; s = s->next) {
        const apr_array_header_t *sections = neg_config_server(s)->sections;
        for (int i = 0; i < sections->nelts; i++) {
            const neg_conf *own = APR_ARRAY_IDX(sections, i, const neg_section *)->conf;
            if (own->wants_pac || neg_attributes_want_pac(own->wants))
                return 1;
        }
    }
    return 0;
}

static const char *explain(apr_pool_t *p, const char *believes)
{
    return apr_psprintf(
        p,
        "this version %s. This module checks each PAC with the keytab's key as well, so that "
        "nobody gets in by it here; other programs may believe it. Install krb5 1.22.3 or later, "
        "or "
        "1.21.3 with the correction (Debian 13: 1.21.3-5+deb13u2), and start httpd again",
        believes);
}

const apr_array_header_t *neg_check_krb5(apr_pool_t *p, server_rec *servers, krb5_context krb5)
{
    apr_array_header_t *findings = apr_array_make(p, 1, sizeof(neg_finding));
    const char *believes = krb5 && wants_pac(servers) ? neg_pac_library_believes(p, krb5) : NULL;
    if (believes)
        APR_ARRAY_PUSH(findings, neg_finding) = (neg_finding){"MIT krb5", explain(p, believes)};
    return findings;
}

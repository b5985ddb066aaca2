/* From GSSAPI's names to ours. */

#include <string.h>

#include <apr_strings.h>

#include "gss.h"
#include "principal.h"

int neg_client_read(apr_pool_t *p, gss_name_t name, neg_client *client, neg_failure *failure)
{
    gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
    gss_OID type = GSS_C_NO_OID;
    OM_uint32 major, minor, ignored;
    const char *why;

    major = gss_display_name(&minor, name, &text, &type);
    if (GSS_ERROR(major)) {
        failure->cause = NEG_CAUSE_INTERNAL;
        failure->text = apr_psprintf(p, "GSSAPI accepted the client but cannot tell its name: %s",
                                     neg_status_text(p, major, minor, &neg_oid_krb5));
        return -1;
    }
    client->principal = apr_pstrmemdup(p, text.value, text.length);
    why = strlen(client->principal) == text.length
              ? neg_principal_split(p, client->principal, &client->name, &client->realm)
              : "it contains a NUL";
    gss_release_buffer(&ignored, &text);
    if (why) {
        failure->cause = NEG_CAUSE_NAME;
        failure->text = apr_psprintf(p, "the client's principal cannot be used as a name: %s", why);
        return -1;
    }
    client->anonymous = neg_same_oid(type, GSS_C_NT_ANONYMOUS) ||
                        neg_principal_is_anonymous(client->name, client->realm);
    return 0;
}

/* Long enough for any account that getpwnam() could know. */
#define LOCAL_NAME_MAX 512

/*
 * krb5's default rule takes a principal's only component as it is: alice\@OTHER@EXAMPLE.TEST would
 * be alice@OTHER, which is somebody else.  A name with escaped characters may have a local name,
 * but not one that holds them.
 */
static int is_another_principal(const char *principal, const char *local)
{
    return strchr(principal, '\\') && strpbrk(local, "@/\\");
}

const char *neg_client_local_name(neg_worker *worker, apr_pool_t *p, const char *principal)
{
    krb5_context krb5 = neg_worker_krb5(worker);
    krb5_principal parsed;
    krb5_error_code code;
    char local[LOCAL_NAME_MAX];

    if (krb5_parse_name(krb5, principal, &parsed) != 0)
        return NULL;
    code = krb5_aname_to_localname(krb5, parsed, sizeof(local), local);
    krb5_free_principal(krb5, parsed);
    if (code != 0 || !*local || is_another_principal(principal, local))
        return NULL;
    return apr_pstrdup(p, local);
}

/* ---- What is to be freed with krb5 ---- */

typedef struct {
    krb5_context krb5;
    krb5_principal principal;
} held_principal;

static apr_status_t free_principal(void *data)
{
    held_principal *held = data;
    krb5_free_principal(held->krb5, held->principal);
    return APR_SUCCESS;
}

krb5_principal neg_principal_hold(apr_pool_t *p, krb5_context krb5, krb5_principal principal)
{
    held_principal *held = apr_palloc(p, sizeof(*held));
    held->krb5 = krb5;
    held->principal = principal;
    apr_pool_cleanup_register(p, held, free_principal, apr_pool_cleanup_null);
    return principal;
}

const char *neg_principal_text(apr_pool_t *p, krb5_context krb5, krb5_const_principal principal)
{
    char *text;
    const char *copy;
    if (krb5_unparse_name(krb5, principal, &text) != 0)
        return "?";
    copy = apr_pstrdup(p, text);
    krb5_free_unparsed_name(krb5, text);
    return copy;
}

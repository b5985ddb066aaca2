/* Reading a keytab, to say what is in it. */

#include <string.h>

#include <apr_strings.h>

#include "gss.h"

const char *neg_keytab_enctype(apr_pool_t *p, int enctype)
{
    char name[64];
    if (krb5_enctype_to_name(enctype, 0, name, sizeof(name)) != 0)
        return apr_psprintf(p, "enctype %d", (int)enctype);
    return apr_pstrdup(p, name);
}

krb5_error_code neg_keytab_add_entry(apr_pool_t *p, krb5_context krb5,
                                     const krb5_keytab_entry *from, apr_array_header_t *entries)
{
    char *principal;
    krb5_error_code code = krb5_unparse_name(krb5, from->principal, &principal);
    if (code == 0) {
        neg_keytab_entry *entry = apr_array_push(entries);
        entry->principal = apr_pstrdup(p, principal);
        entry->kvno = from->vno;
        entry->enctype = from->key.enctype;
        entry->enctype_name = neg_keytab_enctype(p, from->key.enctype);
        krb5_free_unparsed_name(krb5, principal);
    }
    return code;
}

static krb5_error_code read_entries(apr_pool_t *p, krb5_context krb5, krb5_keytab keytab,
                                    apr_array_header_t *entries)
{
    krb5_keytab_entry entry;
    krb5_kt_cursor cursor;
    krb5_error_code end, code = krb5_kt_start_seq_get(krb5, keytab, &cursor);
    if (code != 0)
        return code;
    while ((code = krb5_kt_next_entry(krb5, keytab, &entry, &cursor)) == 0) {
        code = neg_keytab_add_entry(p, krb5, &entry, entries);
        krb5_free_keytab_entry_contents(krb5, &entry);
        if (code != 0)
            break;
    }
    end = krb5_kt_end_seq_get(krb5, keytab, &cursor);
    return code == KRB5_KT_END ? end : code;
}

const char *neg_keytab_list(apr_pool_t *p, krb5_context krb5, const char *name,
                            apr_array_header_t **entries)
{
    krb5_keytab keytab;
    krb5_error_code code =
        name ? krb5_kt_resolve(krb5, name, &keytab) : krb5_kt_default(krb5, &keytab);
    if (code != 0)
        return neg_status_krb5_text(p, krb5, code);
    *entries = apr_array_make(p, 8, sizeof(neg_keytab_entry));
    code = read_entries(p, krb5, keytab, *entries);
    krb5_kt_close(krb5, keytab);
    return code == 0 ? NULL : neg_status_krb5_text(p, krb5, code);
}

const char *neg_keytab_explain(apr_pool_t *p, const char *keytab, const char *why)
{
    return apr_psprintf(p,
                        "the keytab %s cannot be used: %s. Write AuthNegotiateKeytab, best in one "
                        "line for the whole server, with a file that the server's user can read, "
                        "mode 640 (MIT: kadmin ktadd; AD: ktpass); httpd -t tries it as that user",
                        keytab, why);
}

const char *neg_keytab_default_name(apr_pool_t *p, krb5_context krb5)
{
    char name[1024];
    if (krb5_kt_default_name(krb5, name, sizeof(name)) != 0)
        return "FILE:/etc/krb5.keytab";
    return apr_pstrdup(p, name);
}

/* ---- Names ---- */

const char *neg_keytab_path(const char *name)
{
    if (*name == '/')
        return name;
    return strncmp(name, "FILE:", 5) == 0 ? name + 5 : NULL;
}

int neg_keytab_serves(const char *principal, const char *acceptor)
{
    const char *host = strchr(acceptor, '@');
    apr_size_t service = host ? (apr_size_t)(host - acceptor) : strlen(acceptor);

    if (strcmp(acceptor, "any") == 0)
        return 1;
    if (strncmp(principal, acceptor, service) != 0 || principal[service] != '/')
        return 0;
    if (!host)
        return 1;
    host++;
    principal += service + 1;
    /* Host names compare without case (RFC 4120 6.2.1 asks for lower case; AD does not insist). */
    return strncasecmp(principal, host, strlen(host)) == 0 && principal[strlen(host)] == '@';
}

/* Each principal has several keys, mostly one behind another; a keytab may have thousands. */
const char *neg_keytab_principals(apr_pool_t *p, const apr_array_header_t *entries, int most)
{
    const char **shown = apr_palloc(p, (apr_size_t)(most + 1) * sizeof(*shown));
    const char *text = "";
    int count = 0;
    for (int i = 0; i < entries->nelts; i++) {
        const char *principal = APR_ARRAY_IDX(entries, i, neg_keytab_entry).principal;
        int before = 0;
        while (before < count && strcmp(shown[before], principal) != 0)
            before++;
        if (before < count)
            continue;
        if (count == most)
            return apr_pstrcat(p, text, ", ...", NULL);
        shown[count++] = principal;
        text = apr_pstrcat(p, text, *text ? ", " : "", principal, NULL);
    }
    return *text ? text : "nobody";
}

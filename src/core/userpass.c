#include "userpass.h"

#include <string.h>

#include <apr_strings.h>
#include <openssl/crypto.h>

#include "credentials.h"

static const char *split(neg_userpass *u)
{
    char *colon = memchr(u->text, ':', u->len);
    if (memchr(u->text, '\0', u->len) != NULL) {
        return "it holds a NUL, where C programs would take the text to end";
    }
    if (colon == NULL) {
        return "it holds no colon between user and password";
    }
    *colon = '\0';
    u->user = u->text;
    u->password = colon + 1;
    return NULL;
}

const char *neg_userpass_parse(apr_pool_t *p, const char *token68, neg_userpass *out)
{
    neg_userpass u;
    neg_bytes bytes;
    const char *why;

    if (*token68 == '\0') {
        return "nothing follows the word Basic";
    }
    if (strlen(token68) > NEG_TOKEN_MAX) {
        return "user and password are longer than anybody's";
    }
    why = neg_token_decode(p, token68, &bytes);
    if (why != NULL) {
        return why;
    }
    u.text = apr_pstrmemdup(p, (const char *)bytes.data, bytes.len);
    u.len = bytes.len;
    OPENSSL_cleanse((void *)bytes.data, bytes.len);
    why = split(&u);
    if (why != NULL) {
        neg_userpass_wipe(&u);
        return why;
    }
    *out = u;
    return NULL;
}

void neg_userpass_wipe(neg_userpass *userpass)
{
    OPENSSL_cleanse(userpass->text, userpass->len);
}

const char *neg_userpass_check_user(const char *user)
{
    if (*user == '\0') {
        return "the name is empty";
    }
    for (const char *s = user; *s != '\0'; s++) {
        if ((unsigned char)*s < 0x20 || *s == 0x7f) {
            return "the name has a control character, which no user's name has";
        }
    }
    if (strpbrk(user, "/\\") != NULL) {
        return "the name has a / or a backslash, which no user's name has here";
    }
    return NULL;
}

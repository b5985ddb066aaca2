/* The words of a Require line, each of which may be an expression. */

#include <apr_strings.h>

#include "internal.h"

int neg_words_is_expression(const char *text)
{
    return strstr(text, "%{") != NULL;
}

static const char *parse_word(cmd_parms *cmd, const char *text, neg_word *word)
{
    const char *error = NULL;
    unsigned flags = AP_EXPR_FLAG_STRING_RESULT;
    if (!*text)
        return "an empty word matches nobody; leave it out";
    word->text = text;
    if (!neg_words_is_expression(text))
        return NULL;
    if (!neg_config_at_start(cmd))
        flags |= AP_EXPR_FLAG_RESTRICTED;
    word->expr = ap_expr_parse_cmd(cmd, text, flags, &error, NULL);
    return error ? apr_psprintf(cmd->pool, "the expression \"%s\" cannot be read: %s", text, error)
                 : NULL;
}

const char *neg_words_read(cmd_parms *cmd, const char *line, const apr_array_header_t **words)
{
    apr_array_header_t *found = apr_array_make(cmd->pool, 2, sizeof(neg_word));
    while (line && *line) {
        neg_word *word = apr_array_push(found);
        const char *why;
        memset(word, 0, sizeof(*word));
        if ((why = parse_word(cmd, ap_getword_conf(cmd->pool, &line), word)))
            return why;
    }
    *words = found;
    return found->nelts ? NULL : "nothing follows it";
}

const char *neg_words_text(request_rec *r, const neg_word *word)
{
    const char *error = NULL;
    const char *text = word->expr ? ap_expr_str_exec(r, word->expr, &error) : word->text;
    if (!error)
        return text;
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "Require: the expression \"%s\" failed: %s",
                  word->text, error);
    return NULL;
}

#include "reasons.h"

#include <string.h>

#include <apr_strings.h>

static const char cut[] = "...";

int neg_reasons_are_enough(const neg_reasons *reasons)
{
    return reasons->count == NEG_REASONS_MAX;
}

static const char *shorten(apr_pool_t *p, const char *sentence)
{
    if (strlen(sentence) <= NEG_REASON_MAX)
        return apr_pstrdup(p, sentence);
    return apr_pstrcat(p, apr_pstrmemdup(p, sentence, NEG_REASON_MAX - sizeof(cut) + 1), cut, NULL);
}

/* What was cut differs, perhaps, behind the cut: then it is told once, too. */
static int has(const neg_reasons *reasons, const char *sentence)
{
    apr_size_t len =
        strlen(sentence) > NEG_REASON_MAX ? NEG_REASON_MAX - sizeof(cut) + 1 : NEG_REASON_MAX;
    for (int i = 0; i < reasons->count; i++)
        if (strncmp(reasons->kept[i], sentence, len) == 0)
            return 1;
    return 0;
}

void neg_reasons_add(neg_reasons *reasons, const char *sentence)
{
    if (has(reasons, sentence))
        return;
    if (neg_reasons_are_enough(reasons))
        neg_reasons_add_unwritten(reasons);
    else
        reasons->kept[reasons->count++] = shorten(reasons->pool, sentence);
}

void neg_reasons_add_unwritten(neg_reasons *reasons)
{
    reasons->more++;
}

const char *neg_reasons_text(const neg_reasons *reasons)
{
    const char *text = reasons->count ? reasons->kept[0] : NULL;
    for (int i = 1; i < reasons->count; i++)
        text = apr_pstrcat(reasons->pool, text, "; ", reasons->kept[i], NULL);
    return reasons->more ? apr_psprintf(reasons->pool, "%s; and %d more", text, reasons->more)
                         : text;
}

#include "sidset.h"

#include <string.h>

/* Chains of SIDs whose last numbers are alike in their lowest bits; places in a chain are counted
 * from 1, so that 0 is its end. */
struct neg_sid_set {
    apr_uint32_t mask;
    apr_uint32_t *first; /* of each chain */
    apr_uint32_t *next;
    neg_bytes *sids;
};

/* @return the number of chains, a power of two, as many as there are SIDs */
static apr_uint32_t chains_for(int count)
{
    apr_uint32_t chains = 1;
    while (chains < (apr_uint32_t)count)
        chains *= 2;
    return chains;
}

const neg_sid_set *neg_sid_set_make(apr_pool_t *p, const neg_sids *sids)
{
    neg_sid_set *set = apr_palloc(p, sizeof(*set));
    apr_uint32_t chains = chains_for(sids->count), place = 0;
    neg_bytes rest = neg_sids_all(sids);
    set->mask = chains - 1;
    set->first = apr_pcalloc(p, chains * sizeof(*set->first));
    set->next = apr_palloc(p, ((apr_size_t)sids->count + 1) * sizeof(*set->next));
    set->sids = apr_palloc(p, ((apr_size_t)sids->count + 1) * sizeof(*set->sids));
    while (rest.len) {
        neg_bytes sid = neg_sids_next(&rest);
        apr_uint32_t *first = &set->first[neg_sid_rid(sid) & set->mask];
        set->sids[++place] = sid;
        set->next[place] = *first;
        *first = place;
    }
    return set;
}

/* Alike before the three numbers of the domain, and behind them (MS-DTYP section 2.4.2.2). */
static int is_like(neg_bytes a, neg_bytes b)
{
    return a.len == b.len && a.len == 8 + 5 * 4 && memcmp(a.data, b.data, 12) == 0 &&
           memcmp(a.data + a.len - 4, b.data + b.len - 4, 4) == 0;
}

static int find(const neg_sid_set *set, neg_bytes sid, int (*same)(neg_bytes, neg_bytes))
{
    apr_uint32_t place = set->first[neg_sid_rid(sid) & set->mask];
    while (place && !same(set->sids[place], sid))
        place = set->next[place];
    return place != 0;
}

int neg_sid_set_has(const neg_sid_set *set, neg_bytes sid)
{
    return find(set, sid, neg_sid_equal);
}

int neg_sid_set_has_like(const neg_sid_set *set, neg_bytes sid)
{
    return find(set, sid, is_like);
}

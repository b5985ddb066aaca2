/*
 * How many passwords may be checked at once, over all children: a quarter of MaxRequestWorkers.
 *
 * A KDC that does not answer holds each request that waits for it.  Without a bound those would be
 * all, and a server that has nothing else to ask of the KDC would stand still with it.
 *
 * The slots lie in memory that all children share and that outlives restarts, since the children of
 * the generation before still wait.  A slot holds the process number of who has taken it; the
 * parent frees those of a child that has ended.
 */

#include <string.h>
#include <unistd.h>

#include <apr_atomic.h>
#include <apr_shm.h>
#include <http_core.h>

#include "request.h"

#define SHARE       4 /* of MaxRequestWorkers: every fourth */
#define AT_LEAST    4
#define SLOTS_MAX   4096
#define RETAINED_AS "mod_auth_negotiate slots"

struct neg_slots {
    apr_uint32_t *of; /* 0: free; SLOTS_MAX of them */
    unsigned limit;   /* how many are in use in this generation */
};

static unsigned limit_by_workers(void)
{
    int children = 1, threads = 1;
    unsigned share;
    ap_mpm_query(AP_MPMQ_MAX_DAEMONS, &children);
    ap_mpm_query(AP_MPMQ_MAX_THREADS, &threads);
    share = (unsigned)children * (unsigned)(threads > 1 ? threads : 1) / SHARE;
    return share < AT_LEAST ? AT_LEAST : share > SLOTS_MAX ? SLOTS_MAX : share;
}

/* Made once in the life of the server.  Who cannot share is told so by httpd's own error. */
static apr_uint32_t *shared_slots(server_rec *s)
{
    apr_uint32_t **retained = ap_retained_data_get(RETAINED_AS);
    apr_shm_t *memory;
    apr_status_t rv;
    if (!retained)
        retained = ap_retained_data_create(RETAINED_AS, sizeof(*retained));
    if (*retained)
        return *retained;
    rv = apr_shm_create(&memory, SLOTS_MAX * sizeof(apr_uint32_t), NULL, s->process->pool);
    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_ERR, rv, s,
                     "no memory can be shared by the children, which would count in it how many "
                     "passwords are checked at once");
        return NULL;
    }
    return *retained = memset(apr_shm_baseaddr_get(memory), 0, SLOTS_MAX * sizeof(apr_uint32_t));
}

int neg_slots_open(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *servers)
{
    struct neg_slots *slots;
    (void)plog;
    (void)ptemp;
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG)
        return OK;
    slots = apr_palloc(pconf, sizeof(*slots));
    slots->limit = limit_by_workers();
    if (!(slots->of = shared_slots(servers)))
        return HTTP_INTERNAL_SERVER_ERROR;
    for (server_rec *s = servers; s; s = s->next)
        neg_config_server(s)->slots = slots;
    return OK;
}

apr_uint32_t *neg_slots_take(struct neg_slots *slots)
{
    for (unsigned i = 0; i < slots->limit; i++)
        if (apr_atomic_cas32(&slots->of[i], (apr_uint32_t)getpid(), 0) == 0)
            return &slots->of[i];
    return NULL;
}

void neg_slots_give_back(apr_uint32_t *slot)
{
    apr_atomic_set32(slot, 0);
}

unsigned neg_slots_limit(const struct neg_slots *slots)
{
    return slots->limit;
}

void neg_slots_child_status(server_rec *s, pid_t pid, ap_generation_t gen, int slot,
                            mpm_child_status state)
{
    const struct neg_slots *slots = neg_config_server(s)->slots;
    (void)gen;
    (void)slot;
    if (!slots || state != MPM_CHILD_EXITED)
        return;
    for (unsigned i = 0; i < SLOTS_MAX; i++)
        apr_atomic_cas32(&slots->of[i], 0, (apr_uint32_t)pid);
}

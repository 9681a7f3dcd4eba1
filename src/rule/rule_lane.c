/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * The lanes: entries of one record always go to the same lane, so they are worked off in order; different
 * records go side by side. A lane's step, the effects and their done rows are one transaction. The step is an
 * insert with the old position in its key, so a second server that tries the same step collides and gives up
 * the lane.
 */
#include "base/log.h"
#include "rule/engine_int.h"
#include "rule_sql.h"
#include <errno.h>
#include <time.h>

/* --- pages and jobs
 * ------------------------------------------------------------------------------------------ */

Page *page_new(void)
{
    Page *p = xcalloc(1, sizeof *p);
    p->a = arena_new();
    atomic_init(&p->refs, 1);
    return p;
}

void page_drop(Page *p)
{
    if (atomic_fetch_sub(&p->refs, 1) != 1) return;
    arena_free(p->a);
    free(p);
}

Job *job_new(Page *p, JobKind kind)
{
    Job *j = ARENA_NEW(p->a, Job);
    j->kind = kind;
    j->page = p;
    return j;
}

static void job_done(Job *job)
{
    job_forget(job);
    page_drop(job->page);
}

int lane_of(Str entity, Str record) { return (int)((str_hash(entity) * 31 + str_hash(record)) % LANES); }

bool lane_push(Rules *s, Job *job)
{
    Str record = job->kind == JOB_CRON ? job->only->id : job->e.record;
    Lane *l = &s->lanes[lane_of(job->e.entity, record)];
    pthread_mutex_lock(&s->lock);
    while (l->owned && l->n == BACKLOG_MAX && !s->stopping) pthread_cond_wait(&l->room, &s->lock);
    bool take = l->owned && !s->stopping;
    if (take) {
        atomic_fetch_add(&job->page->refs, 1);
        l->jobs[(l->head + l->n++) % BACKLOG_MAX] = job;
        pthread_cond_signal(&l->wake);
    }
    pthread_mutex_unlock(&s->lock);
    return take;
}

enum { TRIES_MAX = 12 };

/* --- a step
 * ---------------------------------------------------------------------------------------------------- */

typedef struct Step {
    Lane *l;
    Job **jobs;
    size_t n;
    bool *wanted;
    int64_t from, to;
    size_t at, rule; /* where it failed */
    bool collided, any;
} Step;

static int wants_tx(Tx *tx, void *p, Err *err)
{
    Step *st = p;
    _cleanup_arena_ Arena *a = arena_new();
    st->any = false;
    for (size_t i = 0; i < st->n; i++) {
        TRY(job_wants(st->l->s, tx, a, st->jobs[i], &st->wanted[i], err));
        st->any |= st->wanted[i];
    }
    return 0;
}

/* Every job has a rule without condition: no need to look first. */
static bool wants_plainly(Step *st)
{
    for (size_t i = 0; i < st->n; i++) {
        const Job *job = st->jobs[i];
        st->wanted[i] = job->kind != JOB_ENTRY;
        for (size_t k = 0; k < job->n && !st->wanted[i]; k++) st->wanted[i] = !job->rules[k]->when.x;
        if (!st->wanted[i]) return false;
    }
    return st->any = true;
}

static int step_tx(Tx *tx, void *p, Err *err)
{
    Step *st = p;
    _cleanup_arena_ Arena *a = arena_new();
    st->at = st->n;
    st->collided = false;
    if (st->to > st->from) {
        int rc = tx_exec(tx, &sql_rule_step_put, VALS(V_INT(st->l->no), V_INT(st->from), V_INT(st->to)), NULL,
                         err);
        st->collided = rc == -(int)ERR_UNIQUE;
        TRY(rc);
    }
    for (size_t i = 0; i < st->n; i++) {
        if (!st->wanted[i]) continue;
        st->at = i;
        TRY(job_run(st->l->s, tx, a, st->jobs[i], &st->rule, err));
    }
    return 0;
}

/* Which rule of which job cannot be done: it becomes a dead letter in the next attempt. */
static bool mark(Step *st, const Err *err)
{
    if (st->at >= st->n) return false;
    Job *job = st->jobs[st->at];
    for (size_t i = 0; i < job->n; i++) {
        if (st->rule < job->n && i != st->rule) continue;
        if (job->result[i] == R_FAILED) continue;
        job->result[i] = R_FAILED;
        free(job->reasons[i]);
        job->reasons[i] = xstrdup(err->msg);
        return true;
    }
    return false;
}

static void count(Step *st)
{
    Rules *s = st->l->s;
    int64_t now = clock_now_us();
    for (size_t i = 0; i < st->n; i++) {
        Job *job = st->jobs[i];
        bool fired = false;
        for (size_t k = 0; k < job->n; k++) {
            Count *c = &s->counts[job->rules[k]->i];
            if (job->result[k] == R_FIRED) atomic_fetch_add(&c->fired, 1), fired = true;
            if (job->result[k] == R_SKIPPED) atomic_fetch_add(&c->skipped, 1);
            if (job->result[k] == R_CUT) atomic_fetch_add(&c->cut, 1);
            if (job->result[k] == R_FAILED) atomic_fetch_add(&c->failed, 1);
        }
        if (!fired || job->kind != JOB_ENTRY) continue;
        int64_t us = now - job->e.at_us;
        atomic_store(&s->latency[atomic_fetch_add(&s->latency_at, 1) % LATENCY_N],
                     (int)(us < INT32_MAX ? us : INT32_MAX));
    }
}

static void pause_ms(Rules *s, int ms)
{
    const struct timespec t = clock_until((int64_t)ms * 1000);
    pthread_mutex_lock(&s->lock);
    while (!s->stopping && pthread_cond_timedwait(&s->lanes[0].room, &s->lock, &t) != ETIMEDOUT)
        ;
    pthread_mutex_unlock(&s->lock);
}

/* The database is away or busy: nobody's fault, and waiting helps. */
static bool transient(int rc) { return rc < 0 && err_passes((ErrCode)-rc); }

/* 0 = done; else the lane was lost or the engine stops: what was taken is left to whoever comes after. */
static int step(Step *st)
{
    Rules *s = st->l->s;
    for (int tries = 0; !s->stopping; tries++) {
        Err err = ERR_INIT;
        int rc = wants_plainly(st) ? 0 : store_read(s->city->store, "reactions", wants_tx, st, &err);
        if (rc == 0 && !st->any) return count(st), 0;
        if (rc == 0) rc = store_tx(s->city->store, "reactions", step_tx, st, &err);
        if (rc == 0) return count(st), 0;
        if (st->collided) return rc;
        if ((lasting(rc) || (tries >= TRIES_MAX && !transient(rc))) && mark(st, &err)) continue;
        log_err("reactions", S(""), &err);
        pause_ms(s, tries < 6 ? 50 << tries : 3000);
    }
    return -1;
}

static void lane_drop(Lane *l)
{
    for (; l->n; l->n--) {
        job_done(l->jobs[l->head]);
        l->head = (l->head + 1) % BACKLOG_MAX;
    }
}

static void lose(Lane *l)
{
    l->owned = false;
    lane_drop(l);
}

size_t lane_work(Lane *l)
{
    Rules *s = l->s;
    Job *jobs[BATCH_MAX];
    bool wanted[BATCH_MAX] = {0};
    Step st = {.l = l, .jobs = jobs, .wanted = wanted};
    size_t taken = 0;
    pthread_mutex_lock(&s->lock);
    st.from = st.to = l->cursor;
    for (; l->n && st.n < BATCH_MAX; l->n--, taken++) {
        Job *job = l->jobs[l->head];
        l->head = (l->head + 1) % BACKLOG_MAX;
        if (job->kind == JOB_ENTRY && job->e.seq <= l->cursor) {
            job_done(job);
            continue;
        }
        if (job->kind == JOB_ENTRY) st.to = job->e.seq;
        jobs[st.n++] = job;
    }
    l->busy = true;
    pthread_cond_broadcast(&l->room);
    pthread_mutex_unlock(&s->lock);
    int rc = st.n ? step(&st) : 0;
    bool acted = st.any;
    for (size_t i = 0; i < st.n; i++) job_done(jobs[i]);
    pthread_mutex_lock(&s->lock);
    l->busy = false;
    if (rc == 0 && acted) l->cursor = st.to;
    if (rc < 0) lose(l); /* the next lease reads the position anew */
    if (acted) pthread_cond_broadcast(&s->mail);
    pthread_mutex_unlock(&s->lock);
    return taken;
}

void *lane_main(void *p)
{
    Lane *l = p;
    Rules *s = l->s;
    for (;;) {
        pthread_mutex_lock(&s->lock);
        while (!l->n && !s->stopping) pthread_cond_wait(&l->wake, &s->lock);
        bool stop = s->stopping;
        pthread_mutex_unlock(&s->lock);
        if (stop) return NULL;
        lane_work(l);
    }
}

/* --- reading the journal
 * ------------------------------------------------------------------------------------- */

typedef struct Reading {
    Rules *s;
    Page *page;
    int64_t after;
    JournalEntry *items;
    size_t n;
} Reading;

static int read_tx(Tx *tx, void *p, Err *err)
{
    Reading *r = p;
    JournalFilter f = {.after = r->after, .limit = JOURNAL_PAGE_MAX};
    r->n = 0;
    return journal_read(tx, r->page->a, &f, &r->items, &r->n, err);
}

static void keep_known(Rules *s, Job *job)
{
    size_t n = 0;
    for (size_t i = 0; i < job->n; i++)
        if (s->since[job->rules[i]->i] <= job->e.at_us) job->rules[n++] = job->rules[i];
    job->n = n;
}

static void dispatch(Rules *s, Page *page, const JournalEntry *e)
{
    Lane *l = &s->lanes[lane_of(e->entity, e->record)];
    if (!l->owned || e->seq <= l->seen) return;
    Job *job = job_new(page, JOB_ENTRY);
    job->e = *e;
    if (!job_match(s->set, page->a, job)) return;
    keep_known(s, job);
    if (job->n) lane_push(s, job);
}

int journal_pass(Rules *s, Err *err)
{
    Reading r = {.s = s, .page = page_new(), .after = s->reading};
    int rc = store_read(s->city->store, "reactions.journal", read_tx, &r, err);
    for (size_t i = 0; rc == 0 && i < r.n && !s->stopping; i++) dispatch(s, r.page, &r.items[i]);
    if (rc == 0 && r.n && !s->stopping) {
        int64_t last = r.items[r.n - 1].seq;
        pthread_mutex_lock(&s->lock);
        s->reading = last;
        for (int i = 0; i < LANES; i++)
            if (s->lanes[i].seen < last) s->lanes[i].seen = last;
        pthread_mutex_unlock(&s->lock);
    }
    page_drop(r.page);
    return rc < 0 ? rc : r.n == JOURNAL_PAGE_MAX;
}

/* --- leases
 * ----------------------------------------------------------------------------------------------------- */

#define LEASE_US (10 * US_PER_SEC)

typedef struct Lease {
    Rules *s;
    int64_t now, head;
    bool was[LANES], owned[LANES], idle[LANES];
    int64_t cursor[LANES];
} Lease;

static int head_tx(Tx *tx, void *p, Err *err)
{
    Lease *x = p;
    return journal_head(tx, &x->head, err);
}

/* Where the lane stands; a lane that never was begins at the end of the journal: the past is no news. */
static int position(Tx *tx, Arena *a, Lease *x, int i, Err *err)
{
    Val v;
    TRY(tx_one(tx, a, &sql_rule_step_last, VALS(V_INT(i)), &v, err));
    x->cursor[i] = v.i;
    if (v.i >= 0) return 0;
    x->cursor[i] = x->head;
    return tx_exec(tx, &sql_rule_step_put, VALS(V_INT(i), V_INT(-1), V_INT(x->head)), NULL, err);
}

static int lease_tx(Tx *tx, void *p, Err *err)
{
    Lease *x = p;
    Rules *s = x->s;
    _cleanup_arena_ Arena *a = arena_new();
    Val me = V_TEXT(s->owner), servers = V_INT(1);
    bool alone = tx_dialect(tx) == DIALECT_SQLITE; /* the folder's lock sees to it */
    int had = 0, share;
    if (!alone) TRY(tx_exec(tx, &sql_rule_server_seen, VALS(me, V_INT(x->now)), NULL, err));
    if (!alone) TRY(tx_one(tx, a, &sql_rule_server_count, VALS(V_INT(x->now - LEASE_US)), &servers, err));
    share = (int)((LANES + servers.i - 1) / (servers.i > 0 ? servers.i : 1));
    for (int i = 0; i < LANES; i++) {
        int64_t n = 1;
        bool was = x->was[i], want = had < share || (was && !x->idle[i]);
        x->owned[i] = false;
        if (!alone) TRY(tx_exec(tx, &sql_rule_lane_put, VALS(V_INT(i)), NULL, err));
        if (!want && was) TRY(tx_exec(tx, &sql_rule_lane_leave, VALS(V_INT(i), me), NULL, err));
        if (!want) continue;
        if (!alone)
            TRY(tx_exec(tx, &sql_rule_lane_take, VALS(V_INT(i), me, V_INT(x->now + LEASE_US), V_INT(x->now)),
                        &n, err));
        x->owned[i] = n > 0;
        had += n > 0;
        if (n && !was) TRY(position(tx, a, x, i, err));
    }
    return 0;
}

int lanes_lease(Rules *s, int64_t now, Err *err)
{
    Lease x = {.s = s, .now = now};
    TRY(store_read(s->city->store, "reactions.head", head_tx, &x, err));
    pthread_mutex_lock(&s->lock);
    for (int i = 0; i < LANES; i++)
        x.idle[i] = !s->lanes[i].n && !s->lanes[i].busy, x.was[i] = s->lanes[i].owned;
    pthread_mutex_unlock(&s->lock);
    TRY(store_tx(s->city->store, "reactions.lease", lease_tx, &x, err));
    pthread_mutex_lock(&s->lock);
    for (int i = 0; i < LANES; i++) {
        Lane *l = &s->lanes[i];
        if (x.owned[i] && !x.was[i]) {
            l->cursor = l->seen = x.cursor[i];
            if (s->reading < 0 || s->reading > l->cursor) s->reading = l->cursor, s->poked = true;
        }
        if (!x.owned[i]) lane_drop(l);
        if (l->owned || !x.was[i] || !x.owned[i]) l->owned = x.owned[i]; /* lost meanwhile: next time */
    }
    pthread_mutex_unlock(&s->lock);
    return 0;
}

static int catch_up_tx(Tx *tx, void *p, Err *err)
{
    Lease *x = p;
    for (int i = 0; i < LANES; i++) {
        if (!x->idle[i]) continue;
        TRY(tx_exec(tx, &sql_rule_step_put, VALS(V_INT(i), V_INT(x->cursor[i]), V_INT(x->head)), NULL, err));
        TRY(tx_exec(tx, &sql_rule_step_sweep, VALS(V_INT(i), V_INT(x->head)), NULL, err));
    }
    return 0;
}

int lanes_catch_up(Rules *s, int64_t least, Err *err)
{
    Lease x = {.s = s};
    bool any = false;
    pthread_mutex_lock(&s->lock);
    x.head = s->reading;
    for (int i = 0; i < LANES; i++) {
        Lane *l = &s->lanes[i];
        x.cursor[i] = l->cursor;
        x.idle[i] = l->owned && !l->n && !l->busy && x.head >= l->cursor + least;
        l->busy |= x.idle[i];
        any |= x.idle[i];
    }
    pthread_mutex_unlock(&s->lock);
    if (!any) return 0;
    int rc = store_tx(s->city->store, "reactions.step", catch_up_tx, &x, err);
    pthread_mutex_lock(&s->lock);
    for (int i = 0; i < LANES; i++) {
        if (!x.idle[i]) continue;
        s->lanes[i].busy = false;
        if (rc == 0) s->lanes[i].cursor = x.head;
        if (rc == -(int)ERR_UNIQUE) s->lanes[i].owned = false;
    }
    pthread_mutex_unlock(&s->lock);
    return rc == -(int)ERR_UNIQUE ? 0 : rc;
}

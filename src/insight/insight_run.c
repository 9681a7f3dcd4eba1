/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * Who computes and when. The journal is followed from a kept position; a change of a field that a figure uses
 * marks the figure; marks are gathered for a moment, then measured in one snapshot and written in one
 * transaction each. After a pass that took long the next one waits as long, so that a large register
 * never keeps the machine busy. At a new day and at the start everything is computed. On PostgreSQL one
 * server holds a lease; the others wait.
 */
#include "insight/insight_int.h"

#include "base/log.h"
#include "insight_sql.h"

#define LEASE_US  (10 * US_PER_SEC)
#define GATHER_US 50000
#define SLICE_US  100000
#define REST_US   (2 * US_PER_SEC) /* without changes for so long: past periods, too */
#define WAKE_US   US_PER_SEC
enum { MEASURE_MS = 600000 }; /* one indicator: what takes longer keeps its old value and says so */

/* --- what changed
 * ------------------------------------------------------------------------------------------- */

static bool names_field(const json_t *o, const Measure *m)
{
    for (size_t i = 0; i < m->n_used; i++)
        if (json_object_getn(o, m->used[i]->name.p, m->used[i]->name.n)) return true;
    return false;
}

static bool touches(const Measure *m, const JournalEntry *e, const json_t *after)
{
    if (!m->entity || !str_eq(m->entity->name, e->entity)) return false;
    if (!str_is(e->op, "update"))
        return str_is(e->op, "insert") || str_is(e->op, "delete") || str_is(e->op, "reshape");
    return !after || names_field(after, m);
}

static void mark(Insight *s, Arena *a, const JournalEntry *e)
{
    json_t *after = NULL;
    if (str_eq(e->entity, s->set->values->name)) return;
    if (str_is(e->op, "update") && json_parse(a, e->after, &after, NULL) < 0) after = NULL;
    for (size_t i = 0; i < s->set->n; i++) {
        const Indicator *x = s->set->items[i];
        if (x->source == SOURCE_COMPUTED &&
            (touches(&x->num, e, after) || (x->ratio && touches(&x->den, e, after))))
            s->now[i] = s->past[i] = true, s->past_done[i] = 0;
    }
}

typedef struct Follow {
    Insight *s;
    int64_t kept, seq;
    bool known, more;
} Follow;

static int follow_tx(Tx *tx, void *p, Err *err)
{
    Follow *f = p;
    _cleanup_arena_ Arena *a = arena_new();
    JournalEntry *e;
    size_t n;
    Val v;
    if (f->s->seq < 0) { /* everything is computed at the start, so the past is no news */
        TRY(tx_one(tx, a, &sql_insight_state_get, NULL, 0, &v, err));
        f->kept = v.i;
        return journal_head(tx, &f->seq, err);
    }
    JournalFilter filter = {.after = f->s->seq, .limit = JOURNAL_PAGE_MAX};
    TRY(journal_read(tx, a, &filter, &e, &n, err));
    for (size_t i = 0; i < n; i++) mark(f->s, a, &e[i]);
    f->seq = n ? e[n - 1].seq : f->s->seq;
    f->more = n == JOURNAL_PAGE_MAX;
    return 0;
}

static int follow(Insight *s, Err *err)
{
    Follow f = {.s = s};
    do {
        f.more = false;
        TRY(store_read(s->city->store, "indicators.follow", follow_tx, &f, err));
        s->seq = f.seq;
    } while (f.more && !follower_stopping(s->follower));
    return 0;
}

/* --- computing
 * ---------------------------------------------------------------------------------------------- */

typedef struct One {
    Insight *s;
    const Indicator *x;
    Period p;
    int64_t now_us, written;
    Arena *a;
    Figures f;
} One;

static int measure_tx(Tx *tx, void *p, Err *err)
{
    One *o = p;
    arena_free(o->a);
    o->a = arena_new();
    TRY(tx_limit(tx, MEASURE_MS, err));
    TRY(indicator_measure(o->a, o->s->set, o->x, tx, o->p, clock_china_date(o->now_us), &o->f, err));
    figures_hide(o->x, &o->f);
    return 0;
}

static int keep_tx(Tx *tx, void *p, Err *err)
{
    One *o = p;
    _cleanup_arena_ Arena *a = arena_new();
    o->written = 0;
    return figures_keep(o->s->set, o->x, tx, a, o->p, &o->f, o->now_us, &o->written, err);
}

static int compute(Insight *s, const Indicator *x, Period p, int64_t now_us, Err *err)
{
    One o = {.s = s, .x = x, .p = p, .now_us = now_us};
    int rc = store_read_long(s->city->store, "indicators.measure", measure_tx, &o, err);
    if (rc == 0) rc = store_tx(s->city->store, "indicators.keep", keep_tx, &o, err);
    arena_free(o.a);
    return rc < 0 ? err_wrap(err, "指标 " STR_FMT, STR_ARG(x->id)) : 0;
}

static void set_wrong(Insight *s, size_t i, const char *why)
{
    pthread_mutex_lock(&s->lock);
    free(s->wrong[i]);
    s->wrong[i] = why ? xstrdup(why) : NULL;
    pthread_mutex_unlock(&s->lock);
}

Str insight_wrong(Insight *s, Arena *a, const Indicator *x)
{
    if (s->changed[x->i]) return S("公式变了而口径版本没有变，停在旧值");
    pthread_mutex_lock(&s->lock);
    Str why = s->wrong[x->i] ? str_fmt(a, "停在旧值：%s", s->wrong[x->i]) : S("");
    pthread_mutex_unlock(&s->lock);
    return why;
}

/* A fault of one indicator keeps none of the others; it is tried again at the next change. */
static int each(Insight *s, const Indicator *x, Period p, int64_t now_us, Err *err)
{
    Err own = ERR_INIT;
    int rc = compute(s, x, p, now_us, &own);
    if (rc == 0) return set_wrong(s, x->i, NULL), 0;
    if (err_passes(own.code)) {
        *err = own;
        return rc;
    }
    set_wrong(s, x->i, own.msg);
    log_err("indicators", S(""), &own);
    return 0;
}

static int compute_now(Insight *s, int64_t now_us, Err *err)
{
    Date today = clock_china_date(now_us);
    for (size_t i = 0; i < s->set->n && !follower_stopping(s->follower); i++) {
        const Indicator *x = s->set->items[i];
        if (!s->now[i]) continue;
        s->now[i] = false;
        if (s->changed[i]) continue;
        if (each(s, x, period_of(x->period, today), now_us, err) < 0) {
            s->now[i] = true;
            return -(int)err->code;
        }
    }
    return 0;
}

/* Past periods in slices, so that what is current never waits for them. */
static int compute_past(Insight *s, int64_t now_us, Err *err)
{
    Date today = clock_china_date(now_us);
    int64_t until = clock_mono_us() + SLICE_US;
    for (size_t i = 0; i < s->set->n; i++) {
        const Indicator *x = s->set->items[i];
        Period p = period_of(x->period, today);
        for (int k = 1; s->past[i] && k <= x->past && !s->changed[i]; k++) {
            p = period_before(x->period, p);
            if (k <= s->past_done[i]) continue;
            if (p.from.year < 1900) break;
            if (clock_mono_us() > until || follower_poked(s->follower)) return 0;
            TRY(each(s, x, p, now_us, err));
            s->past_done[i] = k;
        }
        s->past[i] = false, s->past_done[i] = 0;
    }
    return 0;
}

typedef struct State {
    Insight *s;
    int64_t now_us;
    bool mine;
} State;

static int state_tx(Tx *tx, void *p, Err *err)
{
    State *x = p;
    return tx_exec(tx, &sql_insight_state_put, VALS(V_INT(x->s->seq), V_TEXT(x->s->owner)), NULL, err);
}

static void mark_all(Insight *s)
{
    for (size_t i = 0; i < s->set->n; i++)
        s->now[i] = s->past[i] = s->set->items[i]->source == SOURCE_COMPUTED, s->past_done[i] = 0;
}

static bool any(const bool *marks, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (marks[i]) return true;
    return false;
}

int insight_pass(Insight *s, int64_t now_us, bool *ret_more, Err *err)
{
    Date today = clock_china_date(now_us);
    State x = {.s = s};
    bool start = s->seq < 0;
    TRY(follow(s, err));
    if (start || date_cmp(today, s->day) != 0) mark_all(s);
    s->day = today;
    bool changed = any(s->now, s->set->n);
    TRY(compute_now(s, now_us, err));
    if (changed) s->rested_us = now_us + REST_US;
    if (!changed && now_us >= s->rested_us && any(s->past, s->set->n)) {
        TRY(compute_past(s, now_us, err));
        changed = true;
    }
    *ret_more = any(s->past, s->set->n);
    atomic_store(&s->followed_us, now_us);
    return changed ? store_tx(s->city->store, "indicators.state", state_tx, &x, err) : 0;
}

/* --- one server
 * ------------------------------------------------------------------------------------------------ */

static int lease_tx(Tx *tx, void *p, Err *err)
{
    State *x = p;
    int64_t n = 0;
    TRY(tx_exec(tx, &sql_insight_lease_take,
                VALS(V_TEXT(x->s->owner), V_INT(x->now_us + LEASE_US), V_INT(x->now_us)), &n, err));
    x->mine = n > 0;
    return 0;
}

static int leave_tx(Tx *tx, void *p, Err *err)
{
    State *x = p;
    Val me = V_TEXT(x->s->owner);
    return tx_exec(tx, &sql_insight_lease_leave, &me, 1, NULL, err);
}

int insight_lease(Insight *s, int64_t now_us, Err *err)
{
    State x = {.s = s, .now_us = now_us};
    TRY(store_tx(s->city->store, "indicators.lease", lease_tx, &x, err));
    return x.mine;
}

/* --- life
 * ------------------------------------------------------------------------------------------------------ */

static int formulas_tx(Tx *tx, void *p, Err *err)
{
    State *x = p;
    _cleanup_arena_ Arena *a = arena_new();
    for (size_t i = 0; i < x->s->set->n; i++) {
        const Indicator *d = x->s->set->items[i];
        Val v, id = V_TEXT(d->id), version = V_INT(d->version);
        if (!d->formula.n) continue;
        TRY(tx_exec(tx, &sql_insight_formula_put, VALS(id, version, V_TEXT(d->formula), V_INT(x->now_us)),
                    NULL, err));
        TRY(tx_one(tx, a, &sql_insight_formula_get, VALS(id, version), &v, err));
        x->s->changed[i] = !str_eq(v.s, d->formula);
    }
    return 0;
}

static int formulas(Insight *s, Err *err)
{
    State x = {.s = s, .now_us = clock_now_us()};
    TRY(store_tx(s->city->store, "indicators.formulas", formulas_tx, &x, err));
    for (size_t i = 0; i < s->set->n; i++)
        if (s->changed[i])
            log_event(LOG_ERROR, "indicator formula changed without a new version: not computed", S(""),
                      "indicator", str_cdup(s->a, s->set->items[i]->id), NULL);
    return 0;
}

int insight_new(City *c, Insight **ret, Err *err)
{
    Faults f = {.arena = arena_new()};
    InsightSet *set = NULL;
    int rc = insight_load(c->model, &f, &set, err);
    arena_free(f.arena);
    TRY(rc);
    Insight *s = xcalloc(1, sizeof *s);
    s->city = c, s->set = set, s->seq = -1;
    s->a = arena_new();
    pthread_mutex_init(&s->lock, NULL);
    s->now = xcalloc(set->n + 1, sizeof *s->now);
    s->past = xcalloc(set->n + 1, sizeof *s->past);
    s->past_done = xcalloc(set->n + 1, sizeof *s->past_done);
    s->changed = xcalloc(set->n + 1, sizeof *s->changed);
    s->wrong = xcalloc(set->n + 1, sizeof *s->wrong);
    s->owner = store_server(s->a, c->dir ? c->dir : store_dir(c->store));
    if (set->n) rc = formulas(s, err);
    if (rc < 0) {
        insight_free(s);
        return rc;
    }
    *ret = s;
    return 0;
}

void insight_free(Insight *s)
{
    if (!s) return;
    pthread_mutex_destroy(&s->lock);
    free(s->now);
    free(s->past);
    free(s->past_done);
    free(s->changed);
    for (size_t i = 0; i < s->set->n; i++) free(s->wrong[i]);
    free(s->wrong);
    insight_set_free(s->set);
    arena_free(s->a);
    free(s);
}

/* --- the thread
 * -------------------------------------------------------------------------------------------------- */

static bool leased(Insight *s)
{
    Err err = ERR_INIT;
    int64_t now = clock_now_us();
    if (s->leased_us && now < s->leased_us + LEASE_US / 3) return true;
    int rc = insight_lease(s, now, &err);
    if (rc < 0) log_err("indicators", S(""), &err);
    if (rc > 0) return s->leased_us = now, true;
    if (s->leased_us) s->seq = -1; /* another server has it: begin anew when it comes back */
    s->leased_us = 0;
    return false;
}

static int64_t turn(void *p)
{
    Insight *s = p;
    Err err = ERR_INIT;
    bool more = false;
    if (!leased(s)) return WAKE_US;
    int64_t begin = clock_mono_us();
    int rc = insight_pass(s, clock_now_us(), &more, &err);
    int64_t took = clock_mono_us() - begin;
    if (rc < 0) log_err("indicators", S(""), &err);
    if (took > 2 * SLICE_US) return -(took < REST_US ? took : REST_US); /* half of the time is others' */
    return rc < 0 ? 5 * WAKE_US : more ? 2 * GATHER_US : WAKE_US;
}

int insight_start(City *c, Err *err)
{
    TRY(insight_new(c, &c->insight, err));
    Insight *s = c->insight;
    if (!s->set->n) return 0;
    return follower_start(c->store, "指标", GATHER_US, turn, s, &s->follower, err);
}

void insight_stop(City *c)
{
    Insight *s = c->insight;
    Err err = ERR_INIT;
    State x = {.s = s};
    if (!s) return;
    follower_stop(s->follower); /* whose thread asks it until it ends */
    s->follower = NULL;
    if (s->leased_us && store_tx(c->store, "indicators.leave", leave_tx, &x, &err) < 0)
        log_err("indicators", S(""), &err);
    insight_free(s);
    c->insight = NULL;
}

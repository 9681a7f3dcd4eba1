/* SPDX-License-Identifier: MulanPSL-2.0 */
/* What is not driven by the journal: moments, cron lines, events, digests, sweeping, and the thread that sees
 * to it. */
#include "base/log.h"
#include "model/build.h"
#include "rule/engine_int.h"
#include "rule_sql.h"
#include <errno.h>
#include <time.h>
#include <unistd.h>

#define MOMENT_PAST_US (7 * US_PER_DAY) /* a moment missed by so much still fires */
#define CRON_PAST_US   (US_PER_DAY)
#define KEEP_US        (30 * US_PER_DAY) /* what is done and sent is kept so long */
enum { MOMENTS_MAX = 5000, PASS_PAUSE_US = 8000 };

/* --- moments
 * ----------------------------------------------------------------------------------------------------- */

typedef struct Scan {
    Rules *s;
    const Rule *r;
    Page *page;
    int64_t lo, hi;
    Job **jobs;
    size_t n, cap;
} Scan;

static Val bound(Arena *a, const Field *f, int64_t us)
{
    return V_TEXT(f->storage == STORE_AT ? clock_str_utc(a, us) : date_str(a, clock_china_date(us)));
}

static int query_moments(Tx *tx, Scan *x, Rows **ret, Err *err)
{
    const Offset *o = &x->r->offset;
    const Entity *e = x->r->entity;
    int64_t days = (o->n < 0 ? -o->n : o->n) / (o->unit == UNIT_HOURS ? 24 : 1);
    int64_t margin = ((o->unit == UNIT_WORKDAYS ? 2 * days + 20 : days) + 2) * US_PER_DAY;
    Build b;
    build_init(&b, x->page->a, tx_dialect(tx));
    build_add(&b, "select ");
    build_column(&b, "t", entity_id(e));
    build_add(&b, ", ");
    build_column(&b, "t", x->r->moment);
    build_add(&b, " from ");
    build_name(&b, e->name);
    build_add(&b, " t where ");
    build_column(&b, "t", x->r->moment);
    build_add(&b, " >= ");
    build_arg(&b, bound(x->page->a, x->r->moment, x->lo - margin));
    build_add(&b, " and ");
    build_column(&b, "t", x->r->moment);
    build_add(&b, " <= ");
    build_arg(&b, bound(x->page->a, x->r->moment, x->hi + margin));
    Sql sql = build_sql(&b, "rule.moments");
    return tx_query(tx, x->page->a, &sql, b.args, b.n, ret, err);
}

static int fired(Tx *tx, Arena *a, const Rule *r, Str id, bool *ret, Err *err)
{
    Val v;
    int rc = tx_one(tx, a, &sql_rule_fired_get,
                    VALS(V_TEXT(str_fmt(a, STR_FMT "/" STR_FMT, STR_ARG(r->id), STR_ARG(id)))), &v, err);
    *ret = rc == 0;
    return rc == -(int)ERR_NOT_FOUND ? 0 : rc;
}

static Job *occurrence(Page *page, const Rule *r, JobKind kind, Str id, int64_t at_us)
{
    Job *job = job_new(page, kind);
    job->only = r;
    job->id = id;
    job->e.at_us = at_us;
    job->e.op = kind == JOB_CRON ? S("cron") : S("moment");
    job->rules = ARENA_ARRAY(page->a, const Rule *, 1);
    job->rules[0] = r;
    job->n = 1;
    job->result = ARENA_ARRAY(page->a, char, 1);
    job->reasons = ARENA_ARRAY(page->a, char *, 1);
    return job;
}

static int moments_tx(Tx *tx, void *p, Err *err)
{
    Scan *x = p;
    Rows *rows;
    Arena *a = x->page->a;
    int rc;
    x->n = 0;
    TRY(query_moments(tx, x, &rows, err));
    while ((rc = rows_next(rows, err)) > 0 && x->n < MOMENTS_MAX) {
        Str record = rows_text(rows, a, 0);
        int64_t at = offset_apply(x->s->city->calendar, x->r->moment, rows_text(rows, a, 1), &x->r->offset);
        if (at <= x->lo || at > x->hi) continue;
        bool did;
        Str id = str_fmt(a, STR_FMT "/" STR_FMT "/" STR_FMT, STR_ARG(x->r->entity->name), STR_ARG(record),
                         STR_ARG(clock_str_utc(a, at)));
        TRY(fired(tx, a, x->r, id, &did, err));
        if (did) continue;
        Job *job = occurrence(x->page, x->r, JOB_MOMENT, id, at);
        job->e.entity = x->r->entity->name;
        job->e.record = record;
        *ARENA_PUSH(a, x->jobs, x->n, x->cap) = job;
    }
    rows_done(rows);
    return rc < 0 ? rc : 0;
}

int moments_scan(Rules *s, int64_t now, Err *err)
{
    int rc = 0;
    for (size_t i = 0; i < s->set->n && rc == 0; i++) {
        if (s->set->rules[i]->trigger != ON_MOMENT) continue;
        Scan x = {.s = s, .r = s->set->rules[i], .page = page_new(), .lo = now - MOMENT_PAST_US, .hi = now};
        if (x.lo < s->since[i]) x.lo = s->since[i];
        rc = store_read(s->city->store, "reactions.moments", moments_tx, &x, err);
        for (size_t k = 0; rc == 0 && k < x.n; k++) lane_push(s, x.jobs[k]);
        page_drop(x.page);
    }
    return rc;
}

/* --- cron
 * ---------------------------------------------------------------------------------------------------------
 */

typedef struct CronState {
    Scan scan;
    int64_t last;
    bool did;
    Str id;
} CronState;

static int cron_tx(Tx *tx, void *p, Err *err)
{
    CronState *x = p;
    Rows *rows;
    Arena *a = x->scan.page->a;
    x->last = x->scan.s->since[x->scan.r->i];
    TRY(tx_query(tx, a, &sql_rule_state_get, VALS(V_TEXT(x->scan.r->id)), &rows, err));
    int rc = rows_next(rows, err);
    if (rc > 0) x->last = rows_int(rows, 1);
    rows_done(rows);
    return rc < 0 ? rc : 0;
}

/* Of several missed occurrences only the last is made up for. */
static int cron_scan(Rules *s, const Rule *r, int64_t now, Err *err)
{
    CronState x = {.scan = {.s = s, .r = r, .page = page_new()}};
    int rc = store_read(s->city->store, "reactions.cron", cron_tx, &x, err);
    int64_t at = x.last > now - CRON_PAST_US ? x.last : now - CRON_PAST_US, due = 0, next;
    while (rc == 0 && (next = cron_next(&r->cron, at)) && next <= now) at = due = next;
    if (due) lane_push(s, occurrence(x.scan.page, r, JOB_CRON, clock_str(x.scan.page->a, due), due));
    page_drop(x.scan.page);
    return rc;
}

int crons_scan(Rules *s, int64_t now, Err *err)
{
    for (size_t i = 0; i < s->set->n; i++)
        if (s->set->rules[i]->trigger == ON_CRON) TRY(cron_scan(s, s->set->rules[i], now, err));
    return 0;
}

/* --- events
 * -------------------------------------------------------------------------------------------------------- */

static int events_tx(Tx *tx, void *p, Err *err)
{
    Scan *x = p;
    Rows *rows;
    Arena *a = x->page->a;
    int rc;
    x->n = 0;
    TRY(tx_query(tx, a, &sql_rule_event_list, NULL, 0, &rows, err));
    while ((rc = rows_next(rows, err)) > 0) {
        Job *job = job_new(x->page, JOB_EVENT);
        job->id = rows_text(rows, a, 0);
        job->e.op = rows_text(rows, a, 1);
        job->name = rows_text(rows, a, 2);
        job->e.entity = rows_text(rows, a, 3);
        job->e.record = rows_text(rows, a, 4);
        job->body = rows_text(rows, a, 5);
        job->e.at_us = rows_int(rows, 6);
        job_match(x->s->set, a, job); /* one that nobody waits for is claimed, too, and so dropped */
        *ARENA_PUSH(a, x->jobs, x->n, x->cap) = job;
    }
    rows_done(rows);
    return rc;
}

int events_scan(Rules *s, Err *err)
{
    Scan x = {.s = s, .page = page_new()};
    int rc = store_read(s->city->store, "reactions.events", events_tx, &x, err);
    for (size_t k = 0; rc == 0 && k < x.n; k++) lane_push(s, x.jobs[k]);
    page_drop(x.page);
    return rc;
}

/* --- digests
 * ---------------------------------------------------------------------------------------------------------
 */

typedef struct Mail {
    Str key, person, payload;
} Mail;

typedef struct Digest {
    int64_t now;
} Digest;

static int digest_one(Tx *tx, Arena *a, const Mail *mails, size_t n, int64_t now, Err *err)
{
    Buf text, b;
    JsonWriter w;
    json_t *j;
    Str to = S("");
    buf_init(&text, 1 << 19);
    for (size_t i = 0; i < n; i++) {
        if (json_parse(a, mails[i].payload, &j, err) < 0) continue;
        to = str_c(json_string_value(json_object_get(j, "to")));
        buf_addf(&text, "%s\n%s\n\n", json_string_value(json_object_get(j, "title")),
                 json_string_value(json_object_get(j, "text")));
        TRY(tx_exec(tx, &sql_rule_out_merged, VALS(V_TEXT(mails[i].key)), NULL, err));
    }
    buf_init(&b, 1 << 20);
    jw_init(&w, &b);
    jw_object(&w);
    jw_kstr(&w, "to", to);
    jw_kstr(&w, "title", str_fmt(a, "城枢：%zu 条通知", n));
    jw_kstr(&w, "text", buf_str(&text));
    jw_object_end(&w);
    Str payload = buf_dup(a, &b);
    buf_done(&text);
    buf_done(&b);
    return outbox_put(tx, a, str_fmt(a, "digest/" STR_FMT, STR_ARG(mails[0].key)), S(""), "mail",
                      mails[0].person, payload, now, err);
}

static int digests_tx(Tx *tx, void *p, Err *err)
{
    Digest *x = p;
    _cleanup_arena_ Arena *a = arena_new();
    Mail *mails = NULL;
    size_t n = 0, cap = 0;
    Rows *rows;
    int rc;
    TRY(tx_query(tx, a, &sql_rule_out_digest, VALS(V_INT(x->now)), &rows, err));
    while ((rc = rows_next(rows, err)) > 0)
        *ARENA_PUSH(a, mails, n, cap) =
            (Mail){rows_text(rows, a, 0), rows_text(rows, a, 1), rows_text(rows, a, 2)};
    rows_done(rows);
    TRY(rc);
    for (size_t i = 0, k; i < n; i = k) {
        for (k = i + 1; k < n && str_eq(mails[k].person, mails[i].person);) k++;
        TRY(digest_one(tx, a, mails + i, k - i, x->now, err));
    }
    return 0;
}

int digests_send(Rules *s, int64_t now, Err *err)
{
    Digest x = {now};
    return store_tx(s->city->store, "reactions.digests", digests_tx, &x, err);
}

static int sweep_tx(Tx *tx, void *p, Err *err)
{
    const int64_t *now = p;
    static const Sql *const rows[] = {&sql_rule_done_sweep, &sql_rule_fired_sweep, &sql_rule_origin_sweep,
                                      &sql_rule_out_sweep};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        TRY(tx_exec(tx, rows[i], VALS(V_INT(*now - KEEP_US)), NULL, err));
    return 0;
}

/* --- the dispatcher
 * ----------------------------------------------------------------------------------------------- */

static bool due(int64_t *last, int64_t now, int64_t every)
{
    if (now - *last < every && now >= *last) return false;
    *last = now;
    return true;
}

int rule_tick(Rules *s, int64_t now, Err *err)
{
    if (due(&s->leased_us, now, 3 * US_PER_SEC)) TRY(lanes_lease(s, now, err));
    if (s->set->crons) TRY(crons_scan(s, now, err));
    if (s->set->events) TRY(events_scan(s, err));
    if (due(&s->scanned_us, now, 60 * US_PER_SEC)) {
        if (s->set->moments) TRY(moments_scan(s, now, err));
        TRY(digests_send(s, now, err));
    }
    if (due(&s->stepped_us, now, 30 * US_PER_SEC)) TRY(lanes_catch_up(s, 500, err));
    if (due(&s->swept_us, now, 3600 * US_PER_SEC))
        return store_tx(s->city->store, "reactions.sweep", sweep_tx, &now, err);
    return 0;
}

static void wait_for(Rules *s, pthread_cond_t *cond, bool *flag)
{
    const struct timespec t = clock_until(US_PER_SEC);
    pthread_mutex_lock(&s->lock);
    while (!s->stopping && !*flag)
        if (pthread_cond_timedwait(cond, &s->lock, &t) == ETIMEDOUT) break;
    *flag = false;
    pthread_mutex_unlock(&s->lock);
}

static bool stopping(Rules *s)
{
    pthread_mutex_lock(&s->lock);
    bool stop = s->stopping;
    pthread_mutex_unlock(&s->lock);
    return stop;
}

void *dispatcher_main(void *p)
{
    Rules *s = p;
    int64_t ticked = 0;
    while (!stopping(s)) {
        Err err = ERR_INIT;
        int rc = 0;
        if (due(&ticked, clock_now_us(), US_PER_SEC)) rc = rule_tick(s, clock_now_us(), &err);
        if (rc < 0) log_err("reactions", S(""), &err);
        if (s->set->records)
            while ((rc = journal_pass(s, &err)) > 0 && !stopping(s))
                ;
        if (rc < 0) log_err("reactions", S(""), &err);
        wait_for(s, &s->news, &s->poked);
        /* Every commit wakes us, also those of the reactions; where a look costs round trips, several are
           taken together. */
        if (store_dialect(s->city->store) == DIALECT_POSTGRES) usleep(PASS_PAUSE_US);
    }
    return NULL;
}

void *sender_main(void *p)
{
    Rules *s = p;
    while (!stopping(s)) {
        Err err = ERR_INIT;
        size_t n = 0;
        bool flag = false;
        if (outbox_deliver(s, clock_now_us(), &n, &err) < 0) log_err("outbox", S(""), &err), n = 0;
        if (!n) wait_for(s, &s->mail, &flag);
    }
    return NULL;
}

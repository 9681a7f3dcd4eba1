/* SPDX-License-Identifier: MulanPSL-2.0 */
/* The desk of the reactions: what is declared and how often it ran, what failed, what was cut, why one did
 * not fire. */
#include "rule/engine_int.h"
#include "rule_sql.h"

enum { LIST_MAX = 500 };

static void begin(Request *rq, JsonWriter *w)
{
    buf_clear(&rq->out);
    jw_init(w, &rq->out);
}

static int int_cmp(const void *a, const void *b)
{
    return (*(const int *)a > *(const int *)b) - (*(const int *)a < *(const int *)b);
}

/* Of the last LATENCY_N reactions, in milliseconds. */
static void latency_json(JsonWriter *w, Arena *a, Rules *s)
{
    unsigned n = atomic_load(&s->latency_at);
    if (n > LATENCY_N) n = LATENCY_N;
    int *us = ARENA_ARRAY(a, int, n + 1);
    for (unsigned i = 0; i < n; i++) us[i] = atomic_load(&s->latency[i]);
    qsort(us, n, sizeof *us, int_cmp);
    jw_key(w, S("latency"));
    jw_object(w);
    jw_kint(w, "n", n);
    jw_key(w, S("p50_ms"));
    jw_real(w, n ? us[n / 2] / 1000.0 : 0);
    jw_key(w, S("p99_ms"));
    jw_real(w, n ? us[(size_t)n * 99 / 100] / 1000.0 : 0);
    jw_object_end(w);
}

typedef struct Dead {
    Str reaction;
    int64_t n;
} Dead;

static int list_tx(Tx *tx, void *p, Err *err)
{
    Request *rq = p;
    Rules *s = rq->city->rules;
    Dead *dead = NULL;
    size_t n = 0, cap = 0;
    Rows *rows;
    Val waiting;
    JsonWriter w;
    int rc;
    TRY(tx_query(tx, rq->arena, &sql_rule_dead_counts, NULL, 0, &rows, err));
    while ((rc = rows_next(rows, err)) > 0)
        *ARENA_PUSH(rq->arena, dead, n, cap) = (Dead){rows_text(rows, rq->arena, 0), rows_int(rows, 1)};
    rows_done(rows);
    TRY(rc);
    TRY(tx_one(tx, rq->arena, &sql_rule_out_waiting, NULL, 0, &waiting, err));
    begin(rq, &w);
    jw_object(&w);
    jw_key(&w, S("reactions"));
    jw_array(&w);
    for (size_t i = 0; s && i < s->set->n; i++) {
        const Rule *r = s->set->rules[i];
        const Count *c = &s->counts[i];
        int64_t lost = 0;
        for (size_t k = 0; k < n; k++) lost += str_eq(dead[k].reaction, r->id) ? dead[k].n : 0;
        jw_object(&w);
        jw_kstr(&w, "id", r->id);
        jw_kstr(&w, "title", r->title);
        jw_kstr(&w, "on", r->on_text);
        if (r->entity) jw_kstr(&w, "entity", r->entity->name);
        if (r->when.x) jw_kstr(&w, "when", r->when.text);
        jw_kint(&w, "fired", atomic_load(&c->fired));
        jw_kint(&w, "skipped", atomic_load(&c->skipped));
        jw_kint(&w, "failed", atomic_load(&c->failed));
        jw_kint(&w, "cut", atomic_load(&c->cut));
        jw_kint(&w, "dead", lost);
        jw_object_end(&w);
    }
    jw_array_end(&w);
    jw_kint(&w, "waiting", waiting.i);
    if (s) {
        int64_t backlog = 0;
        pthread_mutex_lock(&s->lock);
        int64_t reading = s->reading;
        for (int i = 0; i < LANES; i++) backlog += (int64_t)s->lanes[i].n + s->lanes[i].busy;
        pthread_mutex_unlock(&s->lock);
        jw_kint(&w, "reading", reading);
        jw_kint(&w, "backlog", backlog);
        latency_json(&w, rq->arena, s);
    }
    jw_object_end(&w);
    return 0;
}

int reactions_get(Request *rq, Err *err)
{
    return store_read(rq->city->store, "reactions", list_tx, rq, err);
}

/* Rows to objects: names of the columns, of which those ending in _us are instants. */
static int rows_json(Request *rq, Rows *rows, const char *const *names, Err *err)
{
    JsonWriter w;
    int rc;
    begin(rq, &w);
    jw_array(&w);
    while ((rc = rows_next(rows, err)) > 0) {
        jw_object(&w);
        for (int i = 0; names[i]; i++) {
            Val v = rows_val(rows, i);
            if (!strcmp(names[i], "at"))
                jw_kstr(&w, "at", clock_str(rq->arena, rows_int(rows, i)));
            else if (v.kind == VAL_INT)
                jw_kint(&w, names[i], v.i);
            else
                jw_kstr(&w, names[i], rows_text(rows, rq->arena, i));
        }
        jw_object_end(&w);
    }
    jw_array_end(&w);
    rows_done(rows);
    return rc;
}

static int dead_tx(Tx *tx, void *p, Err *err)
{
    static const char *const names[] = {"key", "kind", "reaction", "entity", "record", "reason", "at", NULL};
    Request *rq = p;
    Rows *rows;
    TRY(tx_query(tx, rq->arena, &sql_rule_dead_list, VALS(V_INT(LIST_MAX)), &rows, err));
    return rows_json(rq, rows, names, err);
}

int reactions_dead(Request *rq, Err *err)
{
    return store_read(rq->city->store, "reactions.dead", dead_tx, rq, err);
}

static int cuts_tx(Tx *tx, void *p, Err *err)
{
    static const char *const names[] = {"key",    "reaction", "entity", "record", "seq",
                                        "origin", "chain",    "why",    "at",     NULL};
    Request *rq = p;
    Rows *rows;
    TRY(tx_query(tx, rq->arena, &sql_rule_cut_list, VALS(V_INT(LIST_MAX)), &rows, err));
    return rows_json(rq, rows, names, err);
}

int reactions_cuts(Request *rq, Err *err)
{
    return store_read(rq->city->store, "reactions.cuts", cuts_tx, rq, err);
}

/* --- trace
 * ----------------------------------------------------------------------------------------------------------
 */

static int none(Err *err)
{
    return err_set(err, ERR_NOT_FOUND, "没有这个反应"), err_hint(err, "GET /api/reactions 列出全部");
}

typedef struct Trace {
    Request *rq;
    const Rule *r;
    Str entity, record;
} Trace;

static int history(Tx *tx, Trace *t, const Sql *sql, JsonWriter *w, const char *key, bool dead, Err *err)
{
    Rows *rows;
    Arena *a = t->rq->arena;
    int rc;
    TRY(tx_query(tx, a, sql, VALS(V_TEXT(t->r->id), V_TEXT(t->entity), V_TEXT(t->record)), &rows, err));
    jw_key(w, str_c(key));
    jw_array(w);
    while ((rc = rows_next(rows, err)) > 0) {
        jw_object(w);
        jw_kstr(w, "key", rows_text(rows, a, 0));
        if (dead)
            jw_kstr(w, "reason", rows_text(rows, a, 1));
        else
            jw_kint(w, "seq", rows_int(rows, 1));
        jw_kstr(w, "at", clock_str(a, rows_int(rows, 2)));
        jw_object_end(w);
    }
    jw_array_end(w);
    rows_done(rows);
    return rc;
}

static int trace_tx(Tx *tx, void *p, Err *err)
{
    Trace *t = p;
    Request *rq = t->rq;
    Rules *s = rq->city->rules;
    JsonWriter w;
    Buf now;
    buf_init(&now, 1 << 20);
    int rc = rule_try(s->set, rq->city, tx, rq->arena, t->r->id, t->entity, t->record, &now, err);
    Str evaluated = rc < 0 ? S("") : buf_dup(rq->arena, &now);
    buf_done(&now);
    TRY(rc);
    begin(rq, &w);
    jw_object(&w);
    jw_kstr(&w, "reaction", t->r->id);
    jw_kstr(&w, "entity", t->entity);
    jw_kstr(&w, "record", t->record);
    jw_key(&w, S("now"));
    jw_raw(&w, evaluated);
    TRY(history(tx, t, &sql_rule_done_of, &w, "done", false, err));
    TRY(history(tx, t, &sql_rule_dead_of, &w, "dead", true, err));
    jw_object_end(&w);
    return 0;
}

int reaction_trace(Request *rq, Err *err)
{
    Trace t = {.rq = rq};
    Rules *s = rq->city->rules;
    t.r = s ? rule_find(s->set, rq->params[0]) : NULL;
    if (!t.r) return none(err);
    Str what = request_param(rq, "record");
    ptrdiff_t slash = str_find(what, '/');
    if (slash <= 0) return err_set(err, ERR_INPUT, "record 要写 实体/编号"), err_pointer(err, "record");
    t.entity = str_n(what.p, (size_t)slash);
    t.record = str_from(what, (size_t)slash + 1);
    return store_read(rq->city->store, "reactions.trace", trace_tx, &t, err);
}

/* --- replay
 * ----------------------------------------------------------------------------------------------------------
 */

typedef struct Replay {
    Request *rq;
    Str key;
    Str reaction, job;
    Job replayed;
    JournalEntry entry;
    bool is_job;
} Replay;

static int find_tx(Tx *tx, void *p, Err *err)
{
    Replay *x = p;
    Arena *a = x->rq->arena;
    Rows *rows;
    TRY(tx_query(tx, a, &sql_rule_dead_get, VALS(V_TEXT(x->key)), &rows, err));
    int rc = rows_next(rows, err);
    x->is_job = rc > 0;
    if (rc > 0) x->reaction = rows_text(rows, a, 0), x->job = rows_text(rows, a, 1);
    rows_done(rows);
    if (rc <= 0) return rc;
    TRY(job_from_json(a, x->job, &x->replayed, err));
    if (x->replayed.kind != JOB_ENTRY) return 0;
    JournalFilter f = {.after = x->replayed.e.seq - 1, .limit = 1};
    JournalEntry *items;
    size_t n;
    TRY(journal_read(tx, a, &f, &items, &n, err));
    if (!n || items[0].seq != x->replayed.e.seq) return err_set(err, ERR_NOT_FOUND, "找不到当时的日志");
    x->replayed.e = items[0];
    return 0;
}

static int replay_tx(Tx *tx, void *p, Err *err)
{
    Replay *x = p;
    Rules *s = x->rq->city->rules;
    _cleanup_arena_ Arena *a = arena_new();
    int64_t n;
    if (!x->is_job) {
        TRY(tx_exec(tx, &sql_rule_out_replay, VALS(V_TEXT(x->key), V_INT(clock_now_us())), &n, err));
        return n ? 0 : err_set(err, ERR_NOT_FOUND, "没有这个键的死信，或已经重做");
    }
    TRY(tx_exec(tx, &sql_rule_dead_drop, VALS(V_TEXT(x->key)), &n, err));
    if (!n) return err_set(err, ERR_NOT_FOUND, "这一条已经重做");
    Job job = x->replayed;
    const Rule *rules[1] = {rule_find(s->set, x->reaction)};
    char result[1] = {R_OPEN};
    char *reasons[1] = {NULL};
    if (!rules[0]) return none(err);
    job.rules = rules, job.n = 1, job.only = rules[0], job.result = result, job.reasons = reasons;
    return job_replay(s, tx, a, &job, err);
}

int reaction_replay(Request *rq, Err *err)
{
    Replay x = {.rq = rq, .key = rq->params[0]};
    if (!rq->city->rules) return none(err);
    TRY(store_read(rq->city->store, "reactions.find", find_tx, &x, err));
    TRY(store_tx(rq->city->store, "reactions.replay", replay_tx, &x, err));
    pthread_mutex_lock(&rq->city->rules->lock);
    pthread_cond_broadcast(&rq->city->rules->mail);
    pthread_mutex_unlock(&rq->city->rules->lock);
    rq->status = 204;
    return 0;
}

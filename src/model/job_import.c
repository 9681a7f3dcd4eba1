/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * An import at work. A slice of rows, what was rejected of them and the job's new position are one
 * transaction: whoever stops the server at whatever point finds the job at a slice's beginning. A check does
 * the same and undoes each slice's records, so that it never holds others up; what its rows could only see in
 * a real run, the keys of earlier ones, it keeps as a set of numbers.
 */
#include "model/job_int.h"
#include "model_sql.h"

#include "base/clock.h"
#include "base/log.h"
#include "model/value.h"

enum { PASSES_MAX = 64 };

/* Keys that the file has had: hash → row. */
typedef struct KeySet {
    struct KeyRow {
        uint64_t hash; /* 0 = free */
        int64_t row;
    } * items;
    size_t n, cap;
} KeySet;

typedef struct Run {
    Jobs *s;
    Arena *a; /* of the whole run */
    Job job;  /* as it was last saved */
    ImportOptions o;
    ImportResult result;
    Import im;
    Actor who;
    Arena *who_arena;
    Batch *b;
    bool check, later; /* the batch holds rows that waited */
    bool gone;         /* stopped, or begun anew by somebody */
    bool undone;       /* a check's slice came to its end and was taken back */
    KeySet keys;
    int64_t began_us; /* of the slice */
} Run;

/* --- keys of a check ------------------------------------------------------------------------------------ */

static struct KeyRow *key_slot(KeySet *s, uint64_t hash)
{
    size_t i = (size_t)hash & (s->cap - 1);
    while (s->items[i].hash && s->items[i].hash != hash) i = (i + 1) & (s->cap - 1);
    return &s->items[i];
}

/* The row that had the key before; 0: none, and now this one has it. */
static int64_t key_put(KeySet *s, uint64_t hash, int64_t row)
{
    if (!hash) hash = 1;
    if (s->n * 2 >= s->cap) {
        KeySet old = *s;
        s->cap = old.cap ? old.cap * 2 : 4096;
        s->items = xcalloc(s->cap, sizeof *s->items);
        for (size_t i = 0; i < old.cap; i++)
            if (old.items[i].hash) *key_slot(s, old.items[i].hash) = old.items[i];
        free(old.items);
    }
    struct KeyRow *k = key_slot(s, hash);
    if (k->hash) return k->row;
    *k = (struct KeyRow){hash, row};
    s->n++;
    return 0;
}

static bool key_has(KeySet *s, uint64_t hash) { return s->cap && key_slot(s, hash ? hash : 1)->hash; }

static uint64_t val_hash(Arena *a, const Field *f, Val v) { return str_hash(value_text(a, f, v)); }

/* The key of the row's record; false when the file does not give it. */
static bool key_of(const Run *r, const Item *it, uint64_t *ret)
{
    const Entity *e = r->im.e;
    const Field *k = e->key;
    if (it->bad || !it->in.vals) return false;
    if (k && it->in.set[k->i] && it->in.vals[k->i].kind != VAL_NULL)
        return *ret = val_hash(r->b->a, k, it->in.vals[k->i]), true;
    return !k && it->in.id.n && (*ret = str_hash(it->in.id), true);
}

/* A check undoes its slices: rows that only the file itself brings into conflict are found here. */
static void judge_keys(Run *r)
{
    Batch *b = r->b;
    for (size_t i = 0; i < b->n; i++) {
        Item *it = &b->items[i];
        uint64_t hash;
        if ((it->state != ITEM_DONE && it->state != ITEM_LATER) || !key_of(r, it, &hash)) continue;
        int64_t before = key_put(&r->keys, hash, it->row.number);
        if (!before || r->o.upsert || r->later) continue;
        it->state = ITEM_REJECT;
        it->field = entity_id(r->im.e)->name;
        it->reason = str_fmt(b->a, "与本文件第 %lld 行重复", (long long)before);
    }
    for (size_t i = 0; r->later && i < b->n; i++) {
        Item *it = &b->items[i];
        const Field *f = it->state == ITEM_LATER ? entity_field(r->im.e, it->field) : NULL;
        if (f && f->storage != STORE_LINK &&
            key_has(&r->keys, val_hash(b->a, entity_id(r->im.e), it->in.vals[f->i])))
            it->state = ITEM_DONE;
    }
}

/* --- a slice's transaction --------------------------------------------------------------------------- */

/* The job is still ours. */
static int reload(Run *r, Tx *tx, Arena *a, Job *ret, Err *err)
{
    TRY(job_load(tx, a, r->job.id, ret, err));
    r->gone = ret->turn != r->job.turn || !job_runs(ret);
    return r->gone ? err_set(err, ERR_PRECONDITION, "已经停下") : 0;
}

/* Rights as of now, for whoever writes. */
static int become(Run *r, Tx *tx, Err *err)
{
    City *c = r->s->city;
    Access access;
    arena_free(r->who_arena);
    r->who_arena = arena_new();
    if (!c->actor_of) return err_set(err, ERR_FORBIDDEN, "没有人可以办理");
    TRY(c->actor_of(tx, r->who_arena, c->model, r->job.owner, r->job.behalf, &r->who, err));
    TRY(access_check(&r->who, r->im.e, OP_CREATE, &access, err));
    return r->o.upsert ? access_check(&r->who, r->im.e, OP_UPDATE, &access, err) : 0;
}

static int keep_row(Run *r, Tx *tx, const Item *it, Str state, Err *err)
{
    JobRow row = {it->row.number, cells_text(r->b->a, &it->row), it->row.raw, it->field, it->reason};
    if (source_is_json(r->im.source) && !it->row.fault.n) row.raw = S("");
    return job_row_put(tx, r->job.id, state, &row, err);
}

/* What became of each row, into the figures and the rows that are kept. */
static int settle(Run *r, Tx *tx, Job *j, Err *err)
{
    for (size_t i = 0; i < r->b->n; i++) {
        const Item *it = &r->b->items[i];
        bool later = it->state == ITEM_LATER, rejected = it->state == ITEM_REJECT;
        if (!r->later) j->n_read++, j->waiting += later;
        if (r->later && !later) j->waiting--;
        j->accepted += it->state == ITEM_DONE;
        j->rejected += rejected;
        j->skipped += it->state == ITEM_SKIP;
        if (rejected || (later && !r->later))
            TRY(keep_row(r, tx, it, rejected ? S("rejected") : S("later"), err));
        if (r->later && !later && !rejected)
            TRY(tx_exec(tx, &sql_model_job_row_drop, VALS(V_TEXT(j->id), V_INT(it->row.number)), NULL, err));
    }
    if (!r->later && r->b->n) j->position = r->b->items[r->b->n - 1].row.number;
    if (!r->later) j->bytes = source_read(r->im.source);
    j->worked_us += clock_mono_us() - r->began_us;
    return job_save(tx, j, err);
}

static int write_tx(Tx *tx, void *ctx, Err *err)
{
    Run *r = ctx;
    _cleanup_arena_ Arena *a = arena_new();
    Job j;
    TRY(reload(r, tx, a, &j, err));
    TRY(become(r, tx, err));
    TRY(import_write(tx, r->b, err));
    r->undone = r->check;
    if (r->check) return err_set(err, ERR_PRECONDITION, "试运行，不提交");
    return settle(r, tx, &j, err);
}

static int settle_tx(Tx *tx, void *ctx, Err *err)
{
    Run *r = ctx;
    _cleanup_arena_ Arena *a = arena_new();
    Job j;
    TRY(reload(r, tx, a, &j, err));
    return settle(r, tx, &j, err);
}

static int slice(Run *r, Err *err)
{
    Store *s = r->s->city->store;
    r->undone = false;
    int rc = store_tx(s, "import slice", write_tx, r, err);
    if (!r->undone) return rc;
    *err = ERR_INIT;
    judge_keys(r);
    return store_tx(s, "import check", settle_tx, r, err);
}

/* --- the run ------------------------------------------------------------------------------------------- */

static bool halted(const Run *r) { return r->gone || atomic_load(&r->s->stopping); }

/* Up to where the job had come. */
static int skip(Run *r, Err *err)
{
    int64_t to = r->job.position;
    int rc = 1;
    while (to > 0 && rc > 0) {
        _cleanup_arena_ Arena *a = arena_new();
        SourceRow row;
        rc = source_next(r->im.source, a, &row, err);
        if (rc > 0 && row.number >= to) break;
        if (halted(r)) break;
    }
    return rc < 0 ? rc : 0;
}

static int file_rows(Run *r, Err *err)
{
    int more = 1;
    while (more > 0 && !halted(r)) {
        Batch b = {.im = &r->im, .a = arena_new()};
        Err broken = ERR_INIT;
        r->b = &b;
        r->began_us = clock_mono_us();
        more = import_read(&b, &broken);
        int rc = b.n ? slice(r, err) : 0;
        arena_free(b.a);
        TRY(rc);
        if (more < 0) return *err = broken, more;
    }
    return 0;
}

typedef struct LaterPage {
    Run *r;
    Arena *a;
    int64_t after;
    JobRow *rows;
    size_t n;
    int64_t waiting;
} LaterPage;

static int later_tx(Tx *tx, void *ctx, Err *err)
{
    LaterPage *p = ctx;
    Job j;
    TRY(reload(p->r, tx, p->a, &j, err));
    p->waiting = j.waiting;
    return job_row_list(tx, p->a, p->r->job.id, S("later"), p->after, IMPORT_BATCH, &p->rows, &p->n, err);
}

/* One page of rows that waited; *after moves behind it. 1: there may be more. */
static int later_page(Run *r, int64_t *after, int64_t *waiting, Err *err)
{
    _cleanup_arena_ Arena *a = arena_new();
    LaterPage p = {.r = r, .a = a, .after = *after};
    TRY(store_read(r->s->city->store, "import later", later_tx, &p, err));
    *waiting = p.waiting;
    if (!p.n) return 0;
    Batch b = {.im = &r->im, .a = a, .n = p.n, .items = ARENA_ARRAY(a, Item, p.n)};
    r->b = &b;
    r->began_us = clock_mono_us();
    for (size_t i = 0; i < p.n; i++) {
        TRY(cells_row(a, &p.rows[i], r->im.columns.n, &b.items[i].row, err));
        import_convert(&b, &b.items[i]);
    }
    *after = p.rows[p.n - 1].number;
    TRY(slice(r, err));
    return 1;
}

/* In passes, as long as one brings something. */
static int later_rows(Run *r, Err *err)
{
    int64_t before = INT64_MAX;
    r->later = true;
    for (int pass = 1; !halted(r); pass++) {
        int64_t after = 0, waiting = 0, at_first = -1;
        int more = 1;
        while (more > 0 && !halted(r)) {
            more = later_page(r, &after, &waiting, err);
            if (at_first < 0) {
                at_first = waiting;
                if (!waiting) return 0;
            }
        }
        if (more < 0) return more;
        if (r->im.last_pass) return 0;
        r->im.last_pass = waiting >= before || pass >= PASSES_MAX || r->check;
        before = waiting;
    }
    return 0;
}

typedef struct Ending {
    Run *r;
    Str state, error;
} Ending;

static int end_tx(Tx *tx, void *ctx, Err *err)
{
    Ending *x = ctx;
    _cleanup_arena_ Arena *a = arena_new();
    Job j;
    TRY(reload(x->r, tx, a, &j, err));
    j.state = x->state;
    j.error = x->error;
    j.ended_us = clock_now_us();
    if (str_is(x->state, "done") || str_is(x->state, "checked")) j.bytes = j.size;
    return job_save(tx, &j, err);
}

static void end(Run *r, int rc, const Err *why)
{
    Err err = ERR_INIT;
    Ending x = {r, r->check ? S("checked") : S("done"), S("")};
    if (r->gone || atomic_load(&r->s->stopping)) return;
    if (rc < 0) {
        /* what others took away or repair can be gone on with; a broken file cannot */
        bool again = rc == -(int)ERR_FORBIDDEN || rc == -(int)ERR_UNAUTHORIZED || rc == -(int)ERR_TIMEOUT ||
                     err_passes((ErrCode)-rc);
        x.state = again ? S("stopped") : S("failed");
        x.error = import_reason(r->a, why);
    }
    if (store_tx(r->s->city->store, "import end", end_tx, &x, &err) < 0 && !r->gone)
        log_err("jobs", r->job.trace, &err);
}

static int find_tx(Tx *tx, void *ctx, Err *err)
{
    Run *r = ctx;
    TRY(job_load(tx, r->a, r->job.id, &r->job, err));
    r->im.e = model_entity(r->s->city->model, r->job.entity);
    if (!r->im.e) return err_set(err, ERR_NOT_FOUND, "实体 “" STR_FMT "” 已经不在", STR_ARG(r->job.entity));
    return become(r, tx, err);
}

static int open_run(Run *r, Err *err)
{
    City *c = r->s->city;
    ImportSpec spec;
    int64_t turn = r->job.turn;
    int rc = store_read(c->store, "import open", find_tx, r, err);
    r->gone = r->job.turn != turn || (r->job.state.n && !job_runs(&r->job));
    if (r->gone) return 0;
    r->check = str_is(r->job.state, "checking");
    TRY(rc);
    TRY(spec_read(r->a, c->model, &r->job, &spec, err));
    SourceForm *form = ARENA_NEW(r->a, SourceForm);
    *form = spec.form;
    r->o = (ImportOptions){.entity = model_entity(c->model, r->job.entity),
                           .file = job_path(r->a, r->s, r->job.id).p,
                           .form = form,
                           .map = spec_map(r->a, &spec, r->im.e),
                           .upsert = spec.upsert,
                           .who = &r->who,
                           .trace = r->job.trace};
    if (!r->o.map->n) return err_set(err, ERR_INPUT, "没有一列对应到字段"), err_hint(err, "先给列选定字段");
    return import_begin(&r->im, c->store, c->model, &r->o, &r->result, err);
}

void import_job_run(Jobs *s, Str id, int64_t turn)
{
    Err err = ERR_INIT;
    Run r = {.s = s, .a = arena_new(), .who_arena = arena_new()};
    r.job = (Job){.id = str_dup(r.a, id), .turn = turn, .trace = S("")};
    int rc = open_run(&r, &err);
    if (rc == 0 && !r.gone) rc = skip(&r, &err);
    if (rc == 0 && !halted(&r)) rc = file_rows(&r, &err);
    if (rc == 0 && !halted(&r)) rc = later_rows(&r, &err);
    end(&r, rc, &err);
    if (r.im.a) import_end(&r.im);
    free(r.keys.items);
    arena_free(r.who_arena);
    arena_free(r.a);
}

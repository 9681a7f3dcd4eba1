/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * The import itself. Rows are read and turned into values outside of any transaction, in batches; a batch is
 * one transaction in which each row stands in its own savepoint. A batch's outcome is kept beside its rows
 * and counted only after the commit, so that a transaction may run again. A dry run does the same inside one
 * transaction that is undone.
 */
#include "model/import_int.h"

#include "base/clock.h"
#include "model/xlsx.h"

enum { BATCH_BYTES = 8 << 20, PASSES_MAX = 64 };

/* --- one batch → the database ------------------------------------------------------------------ */

typedef struct RowWrite {
    Import *im;
    Writer *w;
    Item *it;
    Input in; /* a copy for this attempt: writing fills in defaults and computed values */
} RowWrite;

static bool has_value(const Input *in, const Field *f)
{
    return f->storage != STORE_LINK && in->set[f->i] && in->vals[f->i].kind != VAL_NULL;
}

/* By which fields an upsert finds what is there: key, given id, the first unique fields that all have values.
 */
static bool conflict_fields(const Entity *e, const Input *in, const Field **one, FieldSet *ret)
{
    *ret = (FieldSet){one, 1};
    *one = e->key;
    if (e->key) return true;
    *one = &e->sys[SYS_ID];
    if (in->id.n) return true;
    for (size_t i = 0; i < e->n_unique; i++) {
        bool all = e->unique[i].n > 0;
        for (size_t k = 0; k < e->unique[i].n; k++) all = all && has_value(in, e->unique[i].items[k]);
        if (all) return *ret = e->unique[i], true;
    }
    for (size_t i = 0; i < e->n; i++)
        if (e->fields[i].unique && has_value(in, &e->fields[i])) return *one = &e->fields[i], true;
    return false;
}

static int write_row(Tx *tx, void *ctx, Err *err)
{
    RowWrite *r = ctx;
    const Entity *e = r->im->e;
    const Field *one;
    FieldSet on;
    Str id;
    (void)tx;
    r->it->did = 'i';
    if (!r->im->o->upsert || !conflict_fields(e, &r->in, &one, &on))
        return record_insert(r->w, e, &r->in, &id, err);
    return record_upsert(r->w, e, &r->in, &on, CONFLICT_MERGE, &id, &r->it->did, err);
}

/* The row's own fault, not the database's. */
static bool is_row_fault(int rc)
{
    switch (-rc) {
    case ERR_CONFLICT:
    case ERR_FORBIDDEN:
    case ERR_INPUT:
    case ERR_NOT_FOUND:
    case ERR_PRECONDITION:
    case ERR_RANGE:
    case ERR_REFERENCE:
    case ERR_TOO_LARGE:
    case ERR_UNIQUE:
    case ERR_VALIDATION: return true;
    default: return false;
    }
}

static const Field *error_field(const Entity *e, const Err *err)
{
    Str p = str_c(err->pointer);
    return p.n > 1 && p.p[0] == '/' ? entity_field(e, str_from(p, 1)) : NULL;
}

static void outcome(Batch *b, Item *it, int rc, const Err *err)
{
    const Import *im = b->im;
    const Field *f = rc < 0 ? error_field(im->e, err) : NULL;
    it->state = ITEM_DONE;
    if (rc == 0) return;
    bool own = rc == -(int)ERR_REFERENCE && f && f->to == im->e;
    it->state = own && !im->last_pass ? ITEM_LATER : ITEM_REJECT;
    it->field = f ? f->name : S("");
    it->reason = import_reason(b->a, err);
}

int import_write(Tx *tx, void *ctx, Err *err)
{
    Batch *b = ctx;
    Import *im = b->im;
    const Entity *e = im->e;
    _cleanup_arena_ Arena *a = arena_new();
    Writer w = {a, im->m, tx, im->o->who, im->o->trace, clock_now_us(), true};
    for (size_t i = 0; i < b->n; i++) {
        Item *it = &b->items[i];
        if (it->bad || it->state == ITEM_SKIP) continue;
        RowWrite r = {im, &w, it, input_new(a, e)};
        memcpy(r.in.vals, it->in.vals, e->n * sizeof *r.in.vals);
        memcpy(r.in.lists, it->in.lists, e->n * sizeof *r.in.lists);
        memcpy(r.in.set, it->in.set, e->n * sizeof *r.in.set);
        r.in.id = it->in.id;
        Err row_err = ERR_INIT;
        int rc = im->plain ? write_row(tx, &r, &row_err) : tx_nested(tx, write_row, &r, &row_err);
        if (rc < 0 && !is_row_fault(rc)) {
            *err = row_err;
            return err_wrap(err, "第 %lld 行", (long long)it->row.number);
        }
        outcome(b, it, rc, &row_err);
    }
    return 0;
}

static SourceRow copy_row(Arena *a, const SourceRow *row)
{
    SourceRow r = *row;
    r.raw = str_dup(a, row->raw);
    r.vals = NULL;
    r.cells = NULL;
    if (row->vals) return r; /* parsed again from its text */
    r.cells = ARENA_ARRAY(a, Str, row->n + 1);
    for (size_t i = 0; i < row->n; i++) r.cells[i] = str_dup(a, row->cells[i]);
    return r;
}

static int reject_item(Import *im, const Item *it, Err *err)
{
    im->ret->rejected++;
    return reject_row(im->reject, &it->row, it->field, it->reason, err);
}

/* After the commit: counts, and keeps what was rejected. */
static int settle(Batch *b, Err *err)
{
    Import *im = b->im;
    for (size_t i = 0; i < b->n; i++) {
        Item *it = &b->items[i];
        if (it->state == ITEM_LATER && im->n_later < IMPORT_LATER_MAX) {
            Item *keep = ARENA_PUSH(im->later_arena, im->later, im->n_later, im->cap_later);
            *keep = (Item){.row = copy_row(im->later_arena, &it->row),
                           .field = it->field,
                           .reason = str_dup(im->later_arena, it->reason)};
        } else if (it->state == ITEM_LATER) {
            it->reason = str_fmt(b->a, STR_FMT "（等候的行已超过 %d 行，没有再试；把上级排在前面）",
                                 STR_ARG(it->reason), IMPORT_LATER_MAX);
            TRY(reject_item(im, it, err));
        } else if (it->state == ITEM_REJECT)
            TRY(reject_item(im, it, err));
        else if (it->state == ITEM_SKIP)
            im->ret->skipped++;
        else {
            im->ret->accepted++;
            im->ret->unchanged += it->did == '-';
        }
    }
    return 0;
}

static int run_batch(Batch *b, Tx *dry, Err *err)
{
    bool any = false;
    for (size_t i = 0; i < b->n; i++) any |= !b->items[i].bad && b->items[i].state != ITEM_SKIP;
    int rc = !any  ? 0
             : dry ? import_write(dry, b, err)
                   : store_tx(b->im->store, "import", import_write, b, err);
    if (rc < 0 && b->im->plain && !dry && is_row_fault(rc)) { /* a row spoiled the transaction after all */
        b->im->plain = false;
        rc = store_tx(b->im->store, "import", import_write, b, err);
    }
    TRY(rc);
    return settle(b, err);
}

static void tell(const Import *im)
{
    if (im->o->progress)
        im->o->progress(im->o->progress_ctx, im->ret->rows, source_read(im->source), source_size(im->source));
}

/* --- the whole file ---------------------------------------------------------------------------- */

int import_read(Batch *b, Err *err)
{
    int rc = 1;
    b->items = ARENA_ARRAY(b->a, Item, IMPORT_BATCH);
    while (b->n < IMPORT_BATCH && arena_used(b->a) < BATCH_BYTES) {
        Item *it = &b->items[b->n];
        rc = source_next(b->im->source, b->a, &it->row, err);
        if (rc <= 0) break;
        b->n++;
        import_convert(b, it);
    }
    return rc;
}

/* Rows that waited, in passes as long as one brings something. */
static int run_later(Import *im, Tx *dry, Err *err)
{
    size_t before = SIZE_MAX;
    for (int pass = 1; im->n_later; pass++) {
        Item *rows = im->later;
        size_t n = im->n_later;
        Arena *old = im->later_arena;
        int rc = 0;
        im->last_pass = n >= before || pass >= PASSES_MAX; /* nothing moved: now they are rejected */
        before = n;
        im->later = NULL, im->n_later = im->cap_later = 0;
        im->later_arena = arena_new();
        for (size_t i = 0; i < n && rc == 0; i += IMPORT_BATCH) {
            Batch b = {im, arena_new(), rows + i, n - i < IMPORT_BATCH ? n - i : IMPORT_BATCH};
            for (size_t k = 0; k < b.n; k++) {
                b.items[k].state = ITEM_READY;
                if (source_is_json(im->source)) source_parse(im->source, b.a, &b.items[k].row);
                import_convert(&b, &b.items[k]);
            }
            rc = run_batch(&b, dry, err);
            arena_free(b.a);
        }
        arena_free(old);
        TRY(rc);
    }
    return 0;
}

static int run_rows(Import *im, Tx *dry, Err *err)
{
    int more = 1;
    while (more > 0) {
        Batch b = {.im = im, .a = arena_new()};
        Err broken = ERR_INIT;
        more = import_read(&b, &broken);
        im->ret->rows += (int64_t)b.n;
        int rc = run_batch(&b, dry, err); /* also what stood before the break */
        arena_free(b.a);
        TRY(rc);
        if (more < 0) {
            *err = broken;
            return more;
        }
        tell(im);
    }
    TRY(run_later(im, dry, err));
    tell(im);
    return 0;
}

static void forget(Import *im)
{
    arena_free(im->later_arena);
    im->later_arena = arena_new();
    im->later = NULL, im->n_later = im->cap_later = 0;
    im->last_pass = false;
}

/* What was recognised, in words. */
static void tell_form(const Import *im)
{
    char sep = source_separator(im->source), *out = im->ret->read_as;
    size_t size = sizeof im->ret->read_as;
    switch (source_kind(im->source)) {
    case 'c':
        if (sep == '\t')
            snprintf(out, size, "csv, %s, separator tab", charset_name(source_charset(im->source)));
        else
            snprintf(out, size, "csv, %s, separator '%c'", charset_name(source_charset(im->source)), sep);
        break;
    case 'x':
        snprintf(out, size, "xlsx, sheet " STR_FMT, STR_ARG(xlsx_sheet_name(source_sheet(im->source))));
        break;
    default: snprintf(out, size, "json"); break;
    }
}

typedef struct DryRun {
    Import *im;
    bool again;
} DryRun;

static int run_dry(Tx *tx, void *ctx, Err *err)
{
    DryRun *d = ctx;
    Import *im = d->im;
    if (d->again) { /* the database asked for another attempt: from the file's beginning */
        *im->ret = (ImportResult){0};
        tell_form(im);
        reject_restart(im->reject);
        forget(im);
        TRY(import_open(im, err));
    }
    d->again = true;
    TRY(run_rows(im, tx, err));
    return TX_UNDO;
}

static int run_all(Import *im, Err *err)
{
    if (!im->o->dry_run) return run_rows(im, NULL, err);
    DryRun d = {.im = im};
    int rc = store_tx(im->store, "import dry run", run_dry, &d, err);
    return rc == TX_UNDO ? 0 : rc;
}

/* On SQLite record_insert and record_update give their statement a savepoint. Links and row rules can fail
 * after it. */
static bool is_plain(const Import *im)
{
    for (size_t i = 0; i < im->e->n; i++)
        if (im->e->fields[i].storage == STORE_LINK) return false;
    return im->o->who->system && !im->o->dry_run && store_dialect(im->store) == DIALECT_SQLITE;
}

int import_begin(Import *im, Store *s, const Model *m, const ImportOptions *o, ImportResult *ret, Err *err)
{
    Access access;
    Regions *regions;
    *im = (Import){
        .a = arena_new(), .store = s, .m = m, .o = o, .e = o->entity, .ret = ret, .env = expr_env_new()};
    *ret = (ImportResult){0};
    im->later_arena = arena_new();
    TRY(access_check(o->who, im->e, OP_CREATE, &access, err));
    im->plain = is_plain(im);
    if (o->map_file) TRY(import_load_map(im, err));
    if (o->map) im->map = o->map;
    if (!o->map) {
        TRY(regions_load(im->a, s, m, &regions, err));
        expr_env_lookup(im->env, regions_lookup, regions);
    }
    TRY(import_open(im, err));
    if (im->source) tell_form(im);
    return 0;
}

void import_end(Import *im)
{
    arena_free(im->later_arena);
    arena_free(im->a);
    expr_env_free(im->env);
}

int import_file(Store *s, const Model *m, const ImportOptions *o, ImportResult *ret, Err *err)
{
    Err own = ERR_INIT;
    Import im;
    if (!err) err = &own;
    int rc = import_begin(&im, s, m, o, ret, err);
    if (rc == 0) {
        im.reject = reject_new(im.a, o->rejected_dir, im.e->name,
                               source_is_json(im.source) ? NULL : &im.columns, im.marks);
        rc = run_all(&im, err);
        Err late = ERR_INIT;
        int closed = reject_finish(im.reject, ret->rejected_file, sizeof ret->rejected_file, &late);
        if (rc == 0 && closed < 0) *err = late, rc = closed;
    }
    import_end(&im);
    return rc;
}

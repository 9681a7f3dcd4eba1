/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * The import itself. Rows are read and turned into values outside of any transaction, in batches; a batch is one
 * transaction in which each row stands in its own savepoint. A batch's outcome is kept beside its rows and counted only
 * after the commit, so that a transaction may run again. A dry run does the same inside one transaction that is undone.
 */
#include "model/import_int.h"

#include "base/clock.h"
#include "base/text.h"
#include "model/value.h"

enum { BATCH_BYTES = 8 << 20, PASSES_MAX = 64 };

typedef struct Target {
    const Field *field;
    size_t col;       /* SIZE_MAX: none */
    const Expr *expr; /* NULL: the cell as it stands */
} Target;

typedef enum ItemState { ITEM_READY, ITEM_SKIP, ITEM_REJECT, ITEM_LATER, ITEM_DONE } ItemState;

typedef struct Item {
    SourceRow row;
    Input in;
    ItemState state;
    bool bad;   /* its values are wrong: nothing to write */
    char did;   /* i, u, - */
    Str field, reason;
} Item;

typedef struct Import {
    Arena *a;
    Store *store;
    const Model *m;
    const ImportOptions *o;
    const Entity *e;
    ImportResult *ret;
    ImportMap *map;
    ExprEnv *env;
    Source *source;
    NameList columns;
    size_t n_data; /* CSV: columns without the marks of a rejected file */
    bool marks;
    Target *targets;
    size_t n_targets;
    const Expr *skip;
    Reject *reject;
    Item *later; /* rows that refer to a record of the same entity that is not there yet */
    size_t n_later, cap_later;
    Arena *later_arena;
    bool last_pass;
} Import;

typedef struct Batch {
    Import *im;
    Arena *a;
    Item *items;
    size_t n;
} Batch;

/* --- columns → fields, once ------------------------------------------------------------------------------------- */

static const Field *field_by_header(const Entity *e, Str name)
{
    const Field *f = entity_field(e, name);
    for (size_t i = 0; !f && i < e->n; i++)
        if (str_eq(e->fields[i].title, name)) f = &e->fields[i];
    for (size_t i = 0; !f && i < SYS_N; i++)
        if (str_eq(e->sys[i].title, name)) f = &e->sys[i];
    return f;
}

/* The nearest of names and titles. */
static int unknown_column(const Import *im, Str name, Err *err)
{
    const Entity *e = im->e;
    Str *all = ARENA_ARRAY(im->a, Str, e->n * 2 + 1);
    for (size_t i = 0; i < e->n; i++) all[2 * i] = e->fields[i].name, all[2 * i + 1] = e->fields[i].title;
    ptrdiff_t near = text_nearest(name, all, e->n * 2);
    err_set(err, ERR_INPUT, "列 “" STR_FMT "” 不是 “" STR_FMT "” 的字段", STR_ARG(text_cut(name, 48)), STR_ARG(e->title));
    err_pointer(err, STR_FMT, STR_ARG(text_cut_bytes(name, 200)));
    if (near >= 0) return err_hint(err, "是不是 “" STR_FMT "”；来源的列名不同时用 --map 给出映射文件", STR_ARG(all[near]));
    return err_hint(err, "改成字段名或标题；来源的列名不同时用 --map 给出映射文件");
}

static int add_target(Import *im, const Field *f, size_t col, const Expr *expr, Err *err)
{
    if (f->system && f->i == SYS_ID && im->e->key) f = im->e->key;
    if (f->system && f->i != SYS_ID) return 0; /* made by the program; an exported file holds them */
    if (f->expr.n) return 0;
    for (size_t i = 0; i < im->n_targets && !source_is_json(im->source); i++)
        if (im->targets[i].field == f)
            return err_set(err, ERR_INPUT, "有两列都是字段 “" STR_FMT "”", STR_ARG(f->name)), err_hint(err, "删去或改名其中一列");
    im->targets[im->n_targets++] = (Target){f, col, expr};
    return 0;
}

static const Field *first_geometry(const Entity *e)
{
    for (size_t i = 0; i < e->n; i++)
        if (e->fields[i].storage == STORE_GEO) return &e->fields[i];
    return NULL;
}

static int plain_targets(Import *im, Err *err)
{
    im->targets = ARENA_ARRAY(im->a, Target, im->columns.n + 1);
    for (size_t i = 0; i < im->n_data; i++) {
        Str name = im->columns.items[i];
        const Field *f = field_by_header(im->e, name);
        if (!f && source_is_json(im->source) && str_is(name, "geometry")) f = first_geometry(im->e);
        if (!f) return unknown_column(im, name, err);
        TRY(add_target(im, f, i, NULL, err));
    }
    return 0;
}

static int map_error(const Import *im, const MapColumn *c, Err *err)
{
    (void)im;
    err_at(err, c->at.file, c->at.line, c->at.col);
    return -(int)err->code;
}

static int map_column(Import *im, const MapColumn *c, Err *err)
{
    size_t col = SIZE_MAX;
    Expr *x = NULL;
    if (c->source.n) {
        col = name_find(&im->columns, c->source);
        if (col >= im->n_data) {
            ptrdiff_t near = text_nearest(c->source, im->columns.items, im->n_data);
            err_set(err, ERR_INPUT, "文件里没有列 “" STR_FMT "”", STR_ARG(c->source));
            if (near >= 0) err_hint(err, "是不是 “" STR_FMT "”；按文件的表头修改映射文件", STR_ARG(im->columns.items[near]));
            else err_hint(err, "按文件的表头修改映射文件");
            return map_error(im, c, err);
        }
    }
    if (c->expr.n && expr_compile(im->env, c->expr, im->columns.items, im->n_data, &x, err) < 0) return map_error(im, c, err);
    return add_target(im, c->field, col, x, err);
}

static int map_targets(Import *im, Err *err)
{
    im->targets = ARENA_ARRAY(im->a, Target, im->map->n + 2);
    bool geometry = false;
    for (size_t i = 0; i < im->map->n; i++) {
        TRY(map_column(im, &im->map->columns[i], err));
        geometry |= im->map->columns[i].field == first_geometry(im->e) || str_is(im->map->columns[i].source, "geometry");
    }
    size_t col = name_find(&im->columns, S("geometry"));
    if (source_is_json(im->source) && !geometry && first_geometry(im->e) && col < im->columns.n)
        TRY(add_target(im, first_geometry(im->e), col, NULL, err));
    Expr *x;
    if (!im->map->skip.n) return 0;
    if (expr_compile(im->env, im->map->skip, im->columns.items, im->n_data, &x, err) < 0) {
        err_at(err, im->map->skip_at.file, im->map->skip_at.line, im->map->skip_at.col);
        return -(int)err->code;
    }
    im->skip = x;
    return 0;
}

static void add_name(Import *im, Str name)
{
    if (name.n && name_find(&im->columns, name) == im->columns.n)
        *ARENA_PUSH(im->a, im->columns.items, im->columns.n, im->columns.cap) = name;
}

/* A JSON file has no header: the members that the map or the entity can use. */
static void json_columns(Import *im)
{
    for (size_t i = 0; im->map && i < im->map->n; i++) {
        add_name(im, im->map->columns[i].source);
        if (im->map->columns[i].expr.n) expr_words(im->a, im->map->columns[i].expr, &im->columns);
    }
    if (im->map && im->map->skip.n) expr_words(im->a, im->map->skip, &im->columns);
    for (size_t i = 0; !im->map && i < im->e->n; i++) {
        add_name(im, im->e->fields[i].name);
        add_name(im, im->e->fields[i].title);
    }
    for (size_t i = 0; !im->map && i < SYS_N; i++) {
        add_name(im, im->e->sys[i].name);
        add_name(im, im->e->sys[i].title);
    }
    if (first_geometry(im->e)) add_name(im, S("geometry"));
    im->n_data = im->columns.n;
    source_columns(im->source, &im->columns, !im->map);
}

static void find_marks(Import *im)
{
    size_t n = im->columns.n;
    im->marks = n > 3;
    for (size_t k = 0; k < 3 && im->marks; k++) im->marks = str_is(im->columns.items[n - 3 + k], import_marks[k]);
    im->n_data = im->marks ? n - 3 : n;
}

static int load_map(Import *im, Err *err)
{
    Faults f = {.arena = im->a};
    im->map = import_map_read(im->a, im->m, im->e, im->o->map_file, true, &f);
    if (!f.n && im->map) return 0;
    if (!f.n) return err_set(err, ERR_INPUT, "映射文件 “%s” 是空的", im->o->map_file);
    faults_sort(&f);
    err_set(err, ERR_INPUT, STR_FMT, STR_ARG(f.items[0].what));
    if (f.n > 1) err_hint(err, STR_FMT "（映射文件另有 %zu 处错误）", STR_ARG(f.items[0].fix), f.n - 1);
    else err_hint(err, STR_FMT, STR_ARG(f.items[0].fix));
    err_at(err, f.items[0].file, f.items[0].line, f.items[0].col);
    return -(int)ERR_INPUT;
}

/* Opens the source at its beginning and resolves all names. */
static int open_source(Import *im, Err *err)
{
    im->n_targets = 0;
    im->columns = (NameList){0};
    TRY(source_open(im->a, im->o->file, &im->source, err));
    if (source_is_json(im->source)) json_columns(im);
    else {
        TRY(source_header(im->source, im->a, im->map, &im->columns, err));
        find_marks(im);
    }
    return im->map ? map_targets(im, err) : plain_targets(im, err);
}

/* --- one row → values -------------------------------------------------------------------------------------------- */

static void refuse(Batch *b, Item *it, const Field *f, Str reason)
{
    it->state = ITEM_REJECT;
    it->bad = true;
    it->field = f ? f->name : S("");
    it->reason = str_dup(b->a, reason);
}

static Str err_text(Arena *a, const Err *err)
{
    return err->hint[0] ? str_fmt(a, "%s；%s", err->msg, err->hint) : str_fmt(a, "%s", err->msg);
}

/* What an expression gave, as a cell. */
static Str result_text(Arena *a, Val v)
{
    switch (v.kind) {
    case VAL_INT: return str_fmt(a, "%lld", (long long)v.i);
    case VAL_REAL: {
        double back;
        Str s = str_fmt(a, "%.15g", v.r);
        if (str_find(s, 'e') >= 0) s = str_fmt(a, "%.6f", v.r);
        return str_real(s, &back) && back == v.r ? s : str_find(s, '.') >= 0 ? s : str_fmt(a, "%.17g", v.r);
    }
    case VAL_TEXT: return v.s;
    default: return S("");
    }
}

static bool lost_characters(const Field *f, Str text)
{
    return f->storage == STORE_TEXT && str_find_str(text, S("\xEF\xBF\xBD")) >= 0;
}

static int set_value(Batch *b, Item *it, const Target *t, const Val *inputs, Err *err)
{
    Import *im = b->im;
    const SourceRow *row = &it->row;
    const Field *f = t->field;
    Str text;
    if (t->expr) {
        Val v;
        TRY(expr_eval(t->expr, b->a, inputs, &v, err));
        text = result_text(b->a, v);
    } else {
        const json_t *j = row->vals ? row->vals[t->col] : NULL;
        if (row->vals && !j) return 0; /* an absent member is no statement about the field */
        if (j && f->storage == STORE_LINK && !json_is_string(j)) {
            TRY(values_from_json(b->a, f, j, &it->in.lists[f->i], err));
            it->in.set[f->i] = true;
            return 0;
        }
        if (j && f->storage == STORE_JSON) {
            TRY(value_from_json(b->a, f, j, &it->in.vals[f->i], err));
            it->in.set[f->i] = true;
            return 0;
        }
        text = row->cells[t->col];
    }
    if (lost_characters(f, text))
        return err_set(err, ERR_VALIDATION, "“" STR_FMT "” 含有转码时丢失的字符（�）；请按原件改正", STR_ARG(f->title));
    if (f->system) { /* id */
        text = text_tidy(b->a, text);
        if (text_chars(text) > 100) return err_set(err, ERR_VALIDATION, "id 要是 1 到 100 个字的编号");
    }
    return input_set_text(b->a, im->e, f, text, true, &it->in, err);
}

static const Field *target_of(const Import *im, size_t col)
{
    for (size_t i = 0; i < im->n_targets; i++)
        if (im->targets[i].col == col) return im->targets[i].field;
    return NULL;
}

/* CSV: as many cells as the header. A file of rejected rows may have empty ones behind (as spreadsheets write them), or
   lack its last three. */
static bool width_fits(const Import *im, const SourceRow *row)
{
    if (row->n == im->columns.n || row->n == im->n_data) return true;
    if (!im->marks || row->n < im->columns.n) return false;
    for (size_t i = im->columns.n; i < row->n; i++)
        if (row->cells[i].n) return false;
    return true;
}

static const Val *inputs_of(Batch *b, const SourceRow *row)
{
    Val *inputs = ARENA_ARRAY(b->a, Val, b->im->n_data + 1);
    for (size_t i = 0; i < b->im->n_data; i++)
        if (i < row->n && row->cells[i].n) inputs[i] = V_TEXT(row->cells[i]);
    return inputs;
}

static void convert(Batch *b, Item *it)
{
    Import *im = b->im;
    const SourceRow *row = &it->row;
    const Val *inputs = NULL;
    if (row->fault.n) return refuse(b, it, row->bad_cell == SIZE_MAX ? NULL : target_of(im, row->bad_cell), row->fault);
    if (!source_is_json(im->source) && !width_fits(im, row)) {
        size_t got = im->marks && row->n > im->columns.n ? row->n - 3 : row->n;
        return refuse(b, it, NULL, str_fmt(b->a, "应有 %zu 列，实有 %zu 列", im->n_data, got));
    }
    if (im->map) inputs = inputs_of(b, row);
    if (im->skip) {
        Err err = ERR_INIT;
        Val v;
        if (expr_eval(im->skip, b->a, inputs, &v, &err) < 0) return refuse(b, it, NULL, str_c(err.msg));
        if ((v.kind == VAL_INT && v.i) || (v.kind == VAL_REAL && v.r != 0)) {
            it->state = ITEM_SKIP;
            return;
        }
    }
    it->in = input_new(b->a, im->e);
    for (size_t i = 0; i < im->n_targets; i++) {
        Err err = ERR_INIT;
        if (set_value(b, it, &im->targets[i], inputs, &err) == 0) continue;
        return refuse(b, it, im->targets[i].field, err_text(b->a, &err));
    }
}

/* --- one batch → the database ------------------------------------------------------------------------------------- */

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

/* By which fields an upsert finds what is there: key, given id, the first unique fields that all have values. */
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
    if (!r->im->o->upsert || !conflict_fields(e, &r->in, &one, &on)) return record_insert(r->w, e, &r->in, &id, err);
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
    it->reason = err_text(b->a, err);
}

static int write_batch(Tx *tx, void *ctx, Err *err)
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
        int rc = tx_nested(tx, write_row, &r, &row_err);
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
            *keep = (Item){.row = copy_row(im->later_arena, &it->row), .field = it->field,
                           .reason = str_dup(im->later_arena, it->reason)};
        } else if (it->state == ITEM_LATER) {
            it->reason = str_fmt(b->a, STR_FMT "（等候的行已超过 %d 行，没有再试；把上级排在前面）", STR_ARG(it->reason), IMPORT_LATER_MAX);
            TRY(reject_item(im, it, err));
        } else if (it->state == ITEM_REJECT) TRY(reject_item(im, it, err));
        else if (it->state == ITEM_SKIP) im->ret->skipped++;
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
    if (any) TRY(dry ? write_batch(dry, b, err) : store_tx(b->im->store, "import", write_batch, b, err));
    return settle(b, err);
}

static void tell(const Import *im)
{
    if (im->o->progress)
        im->o->progress(im->o->progress_ctx, im->ret->rows, source_read(im->source), source_size(im->source));
}

/* --- the whole file ------------------------------------------------------------------------------------------------- */

static int read_batch(Batch *b, Err *err)
{
    int rc = 1;
    b->items = ARENA_ARRAY(b->a, Item, IMPORT_BATCH);
    while (b->n < IMPORT_BATCH && arena_used(b->a) < BATCH_BYTES) {
        Item *it = &b->items[b->n];
        rc = source_next(b->im->source, b->a, &it->row, err);
        if (rc <= 0) break;
        b->n++;
        convert(b, it);
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
                convert(&b, &b.items[k]);
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
        more = read_batch(&b, &broken);
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

typedef struct DryRun {
    Import *im;
    bool again, finished;
} DryRun;

static int run_dry(Tx *tx, void *ctx, Err *err)
{
    DryRun *d = ctx;
    Import *im = d->im;
    if (d->again) { /* the database asked for another attempt: from the file's beginning */
        *im->ret = (ImportResult){0};
        reject_restart(im->reject);
        forget(im);
        TRY(open_source(im, err));
    }
    d->again = true;
    d->finished = false;
    TRY(run_rows(im, tx, err));
    d->finished = true;
    return err_set(err, ERR_PRECONDITION, "试运行，不提交");
}

static int run_all(Import *im, Err *err)
{
    if (!im->o->dry_run) return run_rows(im, NULL, err);
    DryRun d = {.im = im};
    int rc = store_tx(im->store, "import dry run", run_dry, &d, err);
    if (!d.finished) return rc;
    if (err) *err = ERR_INIT;
    return 0;
}

static int prepare(Import *im, Err *err)
{
    Access access;
    Regions *regions;
    TRY(access_check(im->o->who, im->e, OP_CREATE, &access, err));
    if (im->o->map_file) TRY(load_map(im, err));
    TRY(regions_load(im->a, im->store, im->m, &regions, err));
    expr_env_lookup(im->env, regions_lookup, regions);
    TRY(open_source(im, err));
    im->reject = reject_new(im->a, im->o->rejected_dir, im->e->name, source_is_json(im->source) ? NULL : &im->columns, im->marks);
    return 0;
}

int import_file(Store *s, const Model *m, const ImportOptions *o, ImportResult *ret, Err *err)
{
    Err own = ERR_INIT;
    Import im = {.a = arena_new(), .store = s, .m = m, .o = o, .e = o->entity, .ret = ret, .env = expr_env_new()};
    if (!err) err = &own;
    *ret = (ImportResult){0};
    forget(&im);
    int rc = prepare(&im, err);
    if (rc == 0) {
        rc = run_all(&im, err);
        Err late = ERR_INIT;
        int closed = reject_finish(im.reject, ret->rejected_file, sizeof ret->rejected_file, &late);
        if (rc == 0 && closed < 0) *err = late, rc = closed;
    }
    arena_free(im.later_arena);
    arena_free(im.a);
    expr_env_free(im.env);
    return rc;
}

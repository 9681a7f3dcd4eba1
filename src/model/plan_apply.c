/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * Runs the steps of a plan. A conversion makes the new column beside the old one, reads every old value,
 * writes what the new type accepts, and takes the old one's place. Rows are read in slices by the text of
 * their id, so that memory stays flat.
 */
#include "model/plan_int.h"

#include "base/text.h"
#include "model/cube.h"
#include "model/ddl.h"
#include "model/model_sql.h"
#include "model/record_int.h"
#include "model/value.h"
#include "model/vault.h"
#include <math.h>

enum { SLICE = 500 };

/* --- rows in slices
 * ------------------------------------------------------------------------------------------- */

typedef int (*RowFn)(Tx *tx, Arena *a, void *ctx, Val id, const Val *vals, Err *err);

typedef struct OldRow {
    Str key; /* text of the id, by which slices go on */
    Val id;
    Val *vals;
} OldRow;

static void id_as_text(Build *b, const Entity *e)
{
    build_add(b, "cast(");
    build_name(b, entity_id(e)->name);
    build_add(b, " as text)");
    if (b->d == DIALECT_POSTGRES) build_add(b, " collate \"C\"");
}

/* At most SLICE rows after `last`, with the columns asked for. */
static int read_slice(Tx *tx, Arena *a, const Entity *e, const Field *const *cols, size_t n, Str last,
                      OldRow *rows, size_t *ret_n, Err *err)
{
    Build b;
    Rows *r;
    int rc;
    build_init(&b, a, tx_dialect(tx));
    build_add(&b, "select ");
    id_as_text(&b, e);
    build_add(&b, ", ");
    build_name(&b, entity_id(e)->name);
    for (size_t i = 0; i < n; i++) {
        build_add(&b, ", ");
        build_name(&b, cols[i]->name);
    }
    build_add(&b, " from ");
    build_name(&b, e->name);
    if (last.p) {
        build_add(&b, " where ");
        id_as_text(&b, e);
        build_add(&b, " > ");
        build_arg(&b, V_TEXT(last));
    }
    build_addf(&b, " order by 1 limit %d", SLICE);
    Sql sql = build_sql(&b, "model.slice");
    TRY(tx_query(tx, a, &sql, b.args, b.n, &r, err));
    for (*ret_n = 0; (rc = rows_next(r, err)) > 0; ++*ret_n) {
        OldRow *row = &rows[*ret_n];
        row->key = rows_text(r, a, 0);
        row->vals = ARENA_ARRAY(a, Val, n + 1);
        for (size_t i = 0; i <= n; i++) {
            Val v = rows_val(r, (int)i + 1);
            if (v.kind >= VAL_TEXT) v.s = str_dup(a, v.s);
            *(i ? &row->vals[i - 1] : &row->id) = v;
        }
    }
    rows_done(r);
    return rc;
}

static int each_row(Tx *tx, const Entity *e, const Field *const *cols, size_t n_cols, RowFn fn, void *ctx,
                    Err *err)
{
    _cleanup_buf_ Buf last;
    size_t n = SLICE;
    buf_init(&last, LONGTEXT_MAX);
    for (bool first = true; n == SLICE; first = false) {
        _cleanup_arena_ Arena *a = arena_new();
        OldRow *rows = ARENA_ARRAY(a, OldRow, SLICE);
        TRY(read_slice(tx, a, e, cols, n_cols, first ? STR_NONE : buf_dup(a, &last), rows, &n, err));
        for (size_t i = 0; i < n; i++) TRY(fn(tx, a, ctx, rows[i].id, rows[i].vals, err));
        if (n) buf_clear(&last), buf_add(&last, rows[n - 1].key);
    }
    return 0;
}

static int set_column(Tx *tx, Arena *a, const Entity *e, Str column, Val v, Val id, Err *err)
{
    Build b;
    build_init(&b, a, tx_dialect(tx));
    build_add(&b, "update ");
    build_name(&b, e->name);
    build_add(&b, " set ");
    build_name(&b, column);
    build_add(&b, " = ");
    build_arg(&b, v);
    build_add(&b, " where ");
    build_name(&b, entity_id(e)->name);
    build_add(&b, " = ");
    build_arg(&b, id);
    Sql sql = build_sql(&b, "model.set_column");
    return tx_exec(tx, &sql, b.args, b.n, NULL, err);
}

/* --- conversions
 * ---------------------------------------------------------------------------------------------- */

/* The old value in the new form: as it stands, tidied, rounded, cut; else NULL. */
static Val converted(Arena *a, const Field *f, Str text)
{
    Field plain = *f; /* limits are for new values; only what the column cannot hold is changed */
    Val v;
    double r;
    char number[400];
    plain.regex = NULL, plain.has_min = false;
    if (f->storage != STORE_TEXT) plain.has_max = false;
    if (value_from_text(a, &plain, text, &v, NULL) == 0) return v;
    size_t max = f->has_max ? (size_t)f->max : f->type == F_LONGTEXT ? LONGTEXT_MAX : TEXT_MAX;
    if ((f->type == F_TEXT || f->type == F_LONGTEXT) && text_chars(text) > max)
        return V_TEXT(text_cut(text, max));
    if (value_import(a, &plain, text, &v, NULL) == 0) return v;
    if ((f->storage == STORE_NUM || f->storage == STORE_INT) && str_real(text, &r) && fabs(r) < 1e15) {
        snprintf(number, sizeof number, "%.*f", f->storage == STORE_NUM ? f->scale : 0,
                 f->storage == STORE_NUM ? r : trunc(r));
        if (value_from_text(a, &plain, str_c(number), &v, NULL) == 0) return v;
    }
    return V_NULL;
}

typedef struct Conversion {
    const Field *f;
    Field old; /* how the value was kept */
} Conversion;

/* Named after the field: a prepared statement keeps the types it was prepared with. */
static Str new_column(Arena *a, const Field *f) { return str_fmt(a, "_new_" STR_FMT, STR_ARG(f->name)); }

static int convert_row(Tx *tx, Arena *a, void *ctx, Val id, const Val *vals, Err *err)
{
    const Conversion *c = ctx;
    if (vals[0].kind == VAL_NULL) return 0;
    Val was, v;
    TRY(vault_out(a, &c->old, vals[0], &was, err));
    v = converted(a, c->f, value_text(a, &c->old, was));
    return v.kind == VAL_NULL
               ? 0
               : set_column(tx, a, c->f->owner, new_column(a, c->f), vault_in(a, c->f, v), id, err);
}

/* A reference that is led elsewhere keeps what is there, too. */
static int empty_dangling(Tx *tx, Arena *a, const Field *f, Str column, Err *err)
{
    Build b;
    build_init(&b, a, tx_dialect(tx));
    build_add(&b, "update ");
    build_name(&b, f->owner->name);
    build_addf(&b, " set \"" STR_FMT "\" = null where \"" STR_FMT "\" not in (select ", STR_ARG(column),
               STR_ARG(column));
    build_name(&b, entity_id(f->to)->name);
    build_add(&b, " from ");
    build_name(&b, f->to->name);
    build_add(&b, ")");
    Sql sql = build_sql(&b, "model.empty_dangling");
    return tx_exec(tx, &sql, NULL, 0, NULL, err);
}

static int convert(Tx *tx, Arena *a, const PlanStep *s, Err *err)
{
    const Field *f = s->field;
    Conversion c = {f,
                    {.name = f->name,
                     .title = f->title,
                     .owner = f->owner,
                     .type = F_TEXT,
                     .storage = s->was,
                     .scale = s->was_scale,
                     .sealed = s->was_sealed}};
    Str column = new_column(a, f);
    /* on PostgreSQL the foreign key comes when the values are there */
    TRY(ddl_add_column(tx, a, f, column, true, err));
    TRY(each_row(tx, f->owner, &f, 1, convert_row, &c, err));
    if (f->to) TRY(empty_dangling(tx, a, f, column, err));
    TRY(ddl_drop_column(tx, a, f->owner->name, f->name, err));
    TRY(ddl_rename_column(tx, a, f->owner->name, column, f->name, err));
    return f->to ? ddl_add_foreign_key(tx, a, f, err) : 0;
}

static int recompute_row(Tx *tx, Arena *a, void *ctx, Val id, const Val *vals, Err *err)
{
    const Field *f = ctx;
    const Entity *e = f->owner;
    Input in = input_new(a, e);
    Val v = V_NULL;
    for (size_t i = 0, col = 0; i < e->n; i++)
        if (e->fields[i].storage != STORE_LINK)
            TRY(vault_out(a, &e->fields[i], vals[col++], &in.vals[i], err));
    if (record_compute(a, e, f, &in, &v, NULL) < 0) v = V_NULL; /* as far as the old values allow */
    return set_column(tx, a, e, f->name, vault_in(a, f, v), id, err);
}

static int recompute(Tx *tx, Arena *a, const Field *f, Err *err)
{
    const Entity *e = f->owner;
    const Field **cols = ARENA_ARRAY(a, const Field *, e->n + 1);
    size_t n = 0;
    for (size_t i = 0; i < e->n; i++)
        if (e->fields[i].storage != STORE_LINK) cols[n++] = &e->fields[i];
    return each_row(tx, e, cols, n, recompute_row, (void *)f, err);
}

/* --- columns and indexes
 * -------------------------------------------------------------------------------------- */

static int add_column(Tx *tx, Arena *a, const Field *f, Err *err)
{
    TRY(ddl_add_column(tx, a, f, f->name, true, err));
    if (f->to) TRY(ddl_add_foreign_key(tx, a, f, err));
    if (!f->has_default) return 0;
    Val v;
    TRY(value_from_text(a, f, f->def, &v, err));
    Build b;
    build_init(&b, a, tx_dialect(tx));
    build_add(&b, "update ");
    build_name(&b, f->owner->name);
    build_add(&b, " set ");
    build_name(&b, f->name);
    build_add(&b, " = ");
    build_arg(&b, vault_in(a, f, v));
    Sql sql = build_sql(&b, "model.fill_default");
    return tx_exec(tx, &sql, b.args, b.n, NULL, err);
}

/* Told here, since a database only says that it failed: how many values occur more than once. */
static int check_unique(Tx *tx, Arena *a, const Entity *e, const FieldSet *set, Err *err)
{
    Build b, names;
    Val v;
    build_init(&b, a, tx_dialect(tx));
    build_init(&names, a, tx_dialect(tx));
    build_add(&b, "select count(*) from (select 1 from ");
    build_name(&b, e->name);
    for (size_t i = 0; i < set->n; i++) {
        build_add(&b, i ? " and " : " where ");
        build_column(&b, NULL, set->items[i]);
        build_add(&b, " is not null");
        build_addf(&names, "%s" STR_FMT, i ? "、" : "", STR_ARG(set->items[i]->title));
    }
    build_add(&b, " group by ");
    for (size_t i = 0; i < set->n; i++) {
        if (i) build_add(&b, ", ");
        build_column(&b, NULL, set->items[i]);
    }
    build_add(&b, " having count(*) > 1) d");
    Sql sql = build_sql(&b, "model.duplicates"), title = build_sql(&names, "");
    TRY(tx_one(tx, a, &sql, NULL, 0, &v, err));
    if (v.kind != VAL_INT || !v.i) return 0;
    err_set(err, ERR_UNIQUE, STR_FMT " 的 “%s” 不能改为唯一：现有记录里有 %lld 个值重复出现，什么都没有改",
            STR_ARG(e->title), title.text[0], (long long)v.i);
    return err_hint(err, "先改掉重复的记录再升级");
}

static int create_index(Tx *tx, Arena *a, const PlanStep *s, Err *err)
{
    if (s->unique) TRY(check_unique(tx, a, s->entity, &s->set, err));
    return ddl_create_index(tx, a, s->entity, &s->set, s->unique, err);
}

static int drop_table(Tx *tx, Arena *a, Str name, Err *err)
{
    TRY(ddl_drop_table(tx, a, name, err));
    return tx_exec(tx, &sql_model_entity_drop, VALS(V_TEXT(name)), NULL, err);
}

static int apply_step(Arena *a, const PlanStep *s, Tx *tx, Err *err)
{
    switch ((enum PlanKind)s->kind) {
    case DROP_CUBE: return cube_drop(tx, a, s->name, err);
    case CREATE_CUBE: return cube_create(tx, a, s->entity, err);
    case CREATE_TABLE: return ddl_create_table(tx, a, s->entity, err);
    case ADD_COLUMN: return add_column(tx, a, s->field, err);
    case DROP_INDEX: return ddl_drop_index(tx, a, s->name, err);
    case CONVERT: return convert(tx, a, s, err);
    case CREATE_LINK: return ddl_create_link(tx, a, s->field, err);
    case ADD_FOREIGN_KEY: return ddl_add_foreign_key(tx, a, s->field, err);
    case RECOMPUTE: return recompute(tx, a, s->field, err);
    case CREATE_INDEX: return create_index(tx, a, s, err);
    case DROP_COLUMN: return ddl_drop_column(tx, a, s->entity->name, s->name, err);
    case DROP_LINK: return ddl_drop_table(tx, a, s->name, err);
    case DROP_TABLE: return drop_table(tx, a, s->name, err);
    case NOTE_SPEC:
    case KIND_N: return 0;
    }
    return 0;
}

/* --- new keys ----------------------------------------------------------------------------------------------
 */

static int reseal_row(Tx *tx, Arena *a, void *ctx, Val id, const Val *vals, Err *err)
{
    const Field *f = ctx;
    Val v;
    if (vals[0].kind == VAL_NULL) return 0;
    TRY(vault_out(a, f, vals[0], &v, err));
    return set_column(tx, a, f->owner, f->name, vault_in(a, f, v), id, err);
}

int plan_reseal(const Model *m, Tx *tx, int64_t *ret_fields, Err *err)
{
    *ret_fields = 0;
    for (size_t i = 0; i < m->n_entities; i++)
        for (size_t j = 0; j < m->entities[i]->n; j++) {
            const Field *f = &m->entities[i]->fields[j];
            if (!f->sealed) continue;
            TRY(each_row(tx, f->owner, &f, 1, reseal_row, (void *)f, err));
            ++*ret_fields;
        }
    return 0;
}

/* --- what the journal is told
 * -------------------------------------------------------------------------------------------------- */

/* The entity whose records' values the step changes without an entry for each; empty = none. */
static Str reshapes(const PlanStep *s)
{
    switch ((enum PlanKind)s->kind) {
    case ADD_COLUMN:
    case CONVERT:
    case CREATE_LINK:
    case RECOMPUTE:
    case DROP_COLUMN:
    case DROP_LINK:
        return s->entity && s->text.n ? s->entity->name : S(""); /* a new table's links: no text */
    default: return S("");
    }
}

/* An entry `reshape` or `drop` with the steps of it: verify (verify_record.c) and the reader of the journal
   rely on them. */
static int tell(Tx *tx, Arena *a, Str entity, const char *op, const PlanStep *steps, size_t n, Err *err)
{
    Buf b;
    JsonWriter w;
    buf_init(&b, SQL_TEXT_MAX);
    jw_init(&w, &b);
    jw_object(&w);
    jw_key(&w, S("steps"));
    jw_array(&w);
    for (size_t i = 0; i < n; i++) jw_str(&w, steps[i].text);
    jw_array_end(&w);
    jw_object_end(&w);
    JournalEntry x = {.actor = S("system"), .entity = entity, .op = str_c(op), .after = buf_dup(a, &b)};
    buf_done(&b);
    return journal_add(tx, &x, err);
}

static int tell_reshaped(Tx *tx, Arena *a, const Entity *e, const Plan *p, Err *err)
{
    PlanStep *steps = ARENA_ARRAY(a, PlanStep, p->n + 1);
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++)
        if (str_eq(reshapes(&p->steps[i]), e->name)) steps[n++] = p->steps[i];
    return n ? tell(tx, a, e->name, "reshape", steps, n, err) : 0;
}

int plan_apply(Arena *a, const Model *m, const Plan *p, Tx *tx, Err *err)
{
    for (size_t i = 0; i < p->n; i++)
        if (apply_step(a, &p->steps[i], tx, err) < 0)
            return p->steps[i].text.n ? err_wrap(err, STR_FMT, STR_ARG(p->steps[i].text)) : -(int)err->code;
    for (size_t i = 0; i < p->n; i++)
        if (p->steps[i].kind == DROP_TABLE) TRY(tell(tx, a, p->steps[i].name, "drop", &p->steps[i], 1, err));
    for (size_t i = 0; i < m->n_entities; i++) {
        const Entity *e = m->entities[i];
        TRY(tell_reshaped(tx, a, e, p, err));
        TRY(tx_exec(tx, &sql_model_entity_put, VALS(V_TEXT(e->name), V_TEXT(plan_spec(a, e))), NULL, err));
    }
    return 0;
}

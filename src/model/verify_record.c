/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * An entity's records against the journal. Records, their links and the journal's entries are read side by
 * side, each sorted by the record's id, so that cost and memory are those of one pass whatever a database
 * thinks of its tables: a join has been seen to take the square of it where statistics were older than an
 * import.
 *
 * What entries say a record must be: the values of its insert with those of every later update laid over
 * them. An entry `reshape` (init changed the entity's columns, and with them values) makes what was said
 * before it unknown; an entry `drop` (its table was dropped) makes all before it void.
 */
#include "model/verify_int.h"

#include "base/clock.h"
#include "base/json.h"
#include "model/build.h"
#include "model/record_int.h"
#include "model_sql.h"
#include "model/value.h"
#include "model/vault.h"

/* Sorted rows and whether it stands on one; the first column is the id. */
typedef struct Walk {
    Rows *rows;
    bool on;
} Walk;

typedef struct RecordCheck {
    Tx *tx;
    const Entity *e;
    Arena *a;
    Walk records, entries, *links; /* field → its links */
    int64_t reshaped, dropped;
    int64_t n;
} RecordCheck;

/* What the journal's entries say of one record. */
typedef struct Said {
    Str id;
    int64_t seq, at_us; /* of the last one */
    bool gone;          /* it was a delete */
    bool whole;         /* a field that is not in `now` is empty */
    int64_t made_us;    /* -1 = nothing of it */
    Str actor;          /* who made it */
    Str text;           /* `now` as it stands in the one entry there is; p == NULL: look at `now` */
    json_t *now;
} Said;

static Str here(const Walk *w)
{
    Val v = rows_val(w->rows, 0);
    return v.kind == VAL_TEXT ? v.s : S("");
}

static int step(Walk *w, Err *err)
{
    int rc = rows_next(w->rows, err);
    w->on = rc > 0;
    return rc < 0 ? rc : 0;
}

/* --- the three walks
 * -------------------------------------------------------------------------------------------------------- */

/* The id as the journal writes it, sorted as the journal sorts it: a text as it stands, so that its index
 * serves. */
static void id_text(Build *b, const Entity *e, Str column)
{
    const bool cast = entity_id(e)->storage != STORE_TEXT;
    build_add(b, cast ? "cast(t." : "t.");
    build_name(b, column);
    if (cast) build_add(b, b->d == DIALECT_POSTGRES ? " as text) collate \"C\"" : " as text)");
}

static int begin(RecordCheck *c, Build *b, const char *name, Walk *ret, Err *err)
{
    Sql sql = build_sql(b, name);
    TRY(tx_cursor(c->tx, c->a, &sql, b->args, b->n, &ret->rows, err));
    return step(ret, err);
}

static int begin_records(RecordCheck *c, Err *err)
{
    static const int sys[] = {SYS_REV, SYS_CREATED_AT, SYS_CREATED_BY, SYS_UPDATED_AT};
    Build b;
    build_init(&b, c->a, tx_dialect(c->tx));
    build_add(&b, "select ");
    id_text(&b, c->e, entity_id(c->e)->name);
    for (size_t i = 0; i < sizeof sys / sizeof *sys; i++) {
        build_add(&b, ", ");
        build_column(&b, "t", &c->e->sys[sys[i]]);
    }
    record_columns(&b, c->e);
    build_add(&b, " from ");
    build_name(&b, c->e->name);
    build_add(&b, " t order by 1");
    return begin(c, &b, "verify.records", &c->records, err);
}

static int begin_links(RecordCheck *c, const Field *f, Walk *ret, Err *err)
{
    Build b;
    build_init(&b, c->a, tx_dialect(c->tx));
    build_add(&b, "select ");
    id_text(&b, c->e, S("owner"));
    build_add(&b, ", cast(t.\"target\" as text) from ");
    build_name(&b, f->link);
    build_add(&b, " t order by 1, t.\"pos\"");
    return begin(c, &b, "verify.links", ret, err);
}

static int begin_entries(RecordCheck *c, Err *err)
{
    return tx_cursor(c->tx, c->a, &sql_model_verify_entries, VALS(V_TEXT(c->e->name), V_INT(c->dropped)),
                     &c->entries.rows, err) < 0
               ? -(int)err->code
               : step(&c->entries, err);
}

/* --- what the journal says
 * ---------------------------------------------------------------------------------------------------- */

static int overlay(Arena *a, Said *s, Str after, Err *err)
{
    json_t *more;
    if (s->text.p) TRY(json_parse(a, s->text, &s->now, err));
    s->text = STR_NONE;
    TRY(json_parse(a, after, &more, err));
    if (!s->now) s->now = more;
    return s->now == more || json_object_update(s->now, more) == 0 ? 0 : err_set(err, ERR_BUSY, "内存不足");
}

static int one_entry(RecordCheck *c, Arena *a, Said *s, Err *err)
{
    const Rows *r = c->entries.rows;
    const bool known = rows_int(r, 1) > c->reshaped;
    Str op = rows_text(r, a, 3), after = rows_text(r, a, 5);
    s->seq = rows_int(r, 1);
    s->at_us = rows_int(r, 2);
    s->gone = str_is(op, "delete");
    if (str_is(op, "update")) return known ? overlay(a, s, after, err) : 0;
    s->whole = known;
    s->now = NULL;
    s->text = known && !s->gone ? after : STR_NONE;
    s->made_us = s->at_us;
    s->actor = rows_text(r, a, 4);
    return 0;
}

/* Goes along the entries of one record. */
static int hear(RecordCheck *c, Arena *a, Said *ret, Err *err)
{
    *ret = (Said){.id = str_dup(a, here(&c->entries)), .made_us = -1};
    do {
        TRY(one_entry(c, a, ret, err));
        TRY(step(&c->entries, err));
    } while (c->entries.on && str_eq(here(&c->entries), ret->id));
    return 0;
}

/* --- what the record is
 * ------------------------------------------------------------------------------------------------------- */

static int differs(const RecordCheck *c, Str id, const char *how, Err *err)
{
    err_set(err, ERR_VERIFY, STR_FMT " “" STR_FMT "” %s", STR_ARG(c->e->name), STR_ARG(id), how);
    return err_hint(err, "数据可能被绕过程序改动；从备份恢复，或请开发者查明");
}

/* A sealed value that was sealed anew says the same in other words. */
static bool same_sealed(Arena *a, const Field *f, Val have, const json_t *want)
{
    Val v;
    const char *text = json_string_value(want);
    return text && vault_out(a, f, V_TEXT(str_c(text)), &v, NULL) == 0 && value_same(a, f, have, v);
}

static int compare_values(RecordCheck *c, Arena *a, const Said *s, const Input *in, Err *err)
{
    json_t *said = s->now, *have;
    Str text = record_changes(a, c->e, in, NULL);
    if (s->text.p && str_eq(text, s->text)) return 0;
    if (s->text.p) TRY(json_parse(a, s->text, &said, err));
    TRY(json_parse(a, text, &have, err));
    for (size_t i = 0; i < c->e->n; i++) {
        const Field *f = &c->e->fields[i];
        const json_t *want = json_object_getn(said, f->name.p, f->name.n);
        const json_t *is = json_object_getn(have, f->name.p, f->name.n);
        bool empty = !want || json_is_null(want) || (json_is_array(want) && !json_array_size(want));
        if (!want && !s->whole) continue;
        if (empty ? !is : is && json_equal(is, want)) continue;
        if (f->sealed && !empty && same_sealed(a, f, in->vals[i], want)) continue;
        return differs(c, s->id, str_fmt(a, "的 " STR_FMT " 与日志记载的不同", STR_ARG(f->name)).p, err);
    }
    return 0;
}

static bool same_time(const Rows *r, int col, int64_t want)
{
    Val v = rows_val(r, col);
    int64_t us;
    return v.kind == VAL_TEXT && clock_parse(v.s, &us, NULL) == 0 && us == want;
}

static int compare_system(RecordCheck *c, Arena *a, const Said *s, Err *err)
{
    const Rows *r = c->records.rows;
    if (rows_int(r, 1) != s->seq) return differs(c, s->id, "的版本不是日志里最后一次改动的", err);
    if (!same_time(r, 4, s->at_us)) return differs(c, s->id, "的修改时间与日志记载的不同", err);
    if (!same_time(r, 2, s->made_us)) return differs(c, s->id, "的建立时间与日志记载的不同", err);
    if (!str_eq(rows_text(r, a, 3), s->actor)) return differs(c, s->id, "的建立人与日志记载的不同", err);
    return 0;
}

static int take_links(RecordCheck *c, Arena *a, Str id, Input *in, Err *err)
{
    for (size_t i = 0; i < c->e->n; i++) {
        Walk *w = &c->links[i];
        StrList *list = &in->lists[i];
        size_t cap = 0;
        while (w->on && str_eq(here(w), id)) {
            *ARENA_PUSH(a, list->items, list->n, cap) = rows_text(w->rows, a, 1);
            TRY(step(w, err));
        }
    }
    return 0;
}

static int compare(RecordCheck *c, Arena *a, const Said *s, Err *err)
{
    int order = c->records.on ? str_cmp(here(&c->records), s->id) : 1;
    if (order < 0) return differs(c, rows_text(c->records.rows, a, 0), "在日志里没有记载", err);
    if (order > 0) return s->gone ? 0 : differs(c, s->id, "在日志里，却不在库里", err);
    if (s->gone) return differs(c, s->id, "在日志里已经删除，却还在库里", err);
    Input in = input_new(a, c->e);
    TRY(compare_system(c, a, s, err));
    TRY(record_columns_take(a, c->e, c->records.rows, 5, &in, err));
    TRY(take_links(c, a, s->id, &in, err));
    TRY(compare_values(c, a, s, &in, err));
    c->n++;
    return step(&c->records, err);
}

static int walk(RecordCheck *c, Err *err)
{
    TRY(begin_entries(c, err));
    TRY(begin_records(c, err));
    c->links = ARENA_ARRAY(c->a, Walk, c->e->n + 1);
    for (size_t i = 0; i < c->e->n; i++)
        if (c->e->fields[i].storage == STORE_LINK) TRY(begin_links(c, &c->e->fields[i], &c->links[i], err));
    while (c->entries.on) {
        _cleanup_arena_ Arena *a = arena_new();
        Said s;
        TRY(hear(c, a, &s, err));
        TRY(compare(c, a, &s, err));
    }
    if (c->records.on) return differs(c, rows_text(c->records.rows, c->a, 0), "在日志里没有记载", err);
    return 0;
}

static int last_of(RecordCheck *c, const char *op, int64_t *ret, Err *err)
{
    Val v;
    TRY(tx_one(c->tx, c->a, &sql_model_verify_shape, VALS(V_TEXT(c->e->name), V_TEXT(str_c(op))), &v, err));
    *ret = v.kind == VAL_INT ? v.i : 0;
    return 0;
}

int verify_records(Tx *tx, const Entity *e, int64_t *ret_n, Err *err)
{
    _cleanup_arena_ Arena *a = arena_new();
    RecordCheck c = {.tx = tx, .e = e, .a = a};
    TRY(last_of(&c, "reshape", &c.reshaped, err));
    TRY(last_of(&c, "drop", &c.dropped, err));
    int rc = walk(&c, err);
    *ret_n = c.n;
    return rc;
}

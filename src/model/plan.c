/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * Compares the declared entities with the specs kept in model_entity and lists the steps between them, in an
 * order in which each can run: tables, columns, old indexes away, conversions, links, foreign keys, computed
 * values, indexes, and last what is dropped. plan_apply.c runs them.
 */
#include "model/plan_int.h"

#include "model/expr.h"

#include "model/cube.h"
#include "model/ddl.h"
#include "model/model_sql.h"
#include "model/value.h"

const Room model_room = {"model", sql_model_migrations, sql_model_all};

typedef struct Indexes {
    struct {
        FieldSet set;
        bool unique;
        Str name;
    } * items;
    size_t n, cap;
} Indexes;

static bool set_has(const FieldSet *set, const Field *f)
{
    for (size_t i = 0; i < set->n; i++)
        if (set->items[i] == f) return true;
    return false;
}

static void want_index(Arena *a, const Entity *e, Indexes *list, FieldSet set, bool unique)
{
    Str name = ddl_index_name(a, e->name, &set, unique);
    for (size_t i = 0; i < list->n; i++)
        if (str_eq(list->items[i].name, name)) return;
    __typeof__(list->items) item = ARENA_PUSH(a, list->items, list->n, list->cap);
    item->set = set, item->unique = unique, item->name = name;
}

static void want_field(Arena *a, const Entity *e, Indexes *list, const Field *f, bool unique)
{
    FieldSet set = {ARENA_ARRAY(a, const Field *, 1), 1};
    set.items[0] = f;
    want_index(a, e, list, set, unique);
}

static void then(FieldSet *set, const Field *f)
{
    if (f && !set_has(set, f)) set->items[set->n++] = f;
}

static bool wants_list(const Entity *e, const Field *f)
{
    return f != e->key && f->storage != STORE_LINK && !f->unique && (f->to || f->index);
}

/* A list by these fields, or filtered by them and in the default order, is one stretch of the index: behind
   them stand the default order and the id. */
static FieldSet list_columns(Arena *a, const Entity *e, const FieldSet *by)
{
    FieldSet set = {ARENA_ARRAY(a, const Field *, by->n + 2), 0};
    for (size_t i = 0; i < by->n; i++) then(&set, by->items[i]);
    then(&set, e->order);
    then(&set, entity_id(e));
    return set;
}

static void want_list(Arena *a, const Entity *e, Indexes *list, const FieldSet *by)
{
    want_index(a, e, list, list_columns(a, e, by), false);
}

static bool lists(Arena *a, const Entity *e, const FieldSet *by, const FieldSet *equal, const FieldSet *order)
{
    const Field *first = by->n ? by->items[0] : e->order ? e->order : entity_id(e);
    if (equal->n ? !set_has(equal, first) : order->n && order->items[0] != first)
        return false; /* most of them */
    FieldSet columns = list_columns(a, e, by);
    size_t at = equal->n;
    for (size_t i = 0; i < at; i++)
        if (i >= columns.n || !set_has(equal, columns.items[i])) return false;
    for (size_t i = 0; i < order->n; i++) {
        if (set_has(equal, order->items[i])) continue;
        if (at >= columns.n || columns.items[at++] != order->items[i]) return false;
    }
    return true;
}

bool plan_lists(Arena *a, const Entity *e, const FieldSet *equal, const FieldSet *order)
{
    if (lists(a, e, &(FieldSet){0}, equal, order)) return true; /* the default order's, or the key's own */
    for (size_t i = 0; i < e->n; i++) {
        const Field *f = &e->fields[i];
        if (wants_list(e, f) && lists(a, e, &(FieldSet){&f, 1}, equal, order)) return true;
    }
    for (size_t i = 0; i < e->n_index; i++)
        if (lists(a, e, &e->index[i], equal, order)) return true;
    return false;
}

/* Every index the entity wants: unique fields and sets, references (for the way back), declared ones, the
 * default order. */
static Indexes wanted_indexes(Arena *a, const Entity *e)
{
    Indexes list = {0};
    for (size_t i = 0; i < e->n; i++) {
        const Field *f = &e->fields[i];
        FieldSet one = {&f, 1};
        if (f == e->key || f->storage == STORE_LINK) continue;
        if (f->unique) want_field(a, e, &list, f, true);
        if (wants_list(e, f)) want_list(a, e, &list, &one);
    }
    for (size_t i = 0; i < e->n_unique; i++) want_index(a, e, &list, e->unique[i], true);
    for (size_t i = 0; i < e->n_index; i++) want_list(a, e, &list, &e->index[i]);
    if (e->order && e->order != entity_id(e) && !e->order->unique) want_list(a, e, &list, &(FieldSet){0});
    return list;
}

/* --- the spec that is remembered ---------------------------------------------------------------------------
 */

static void spec_field(JsonWriter *w, const Field *f)
{
    jw_object(w);
    jw_kstr(w, "name", f->name);
    jw_kint(w, "storage", f->storage);
    jw_kstr(w, "type", str_c(field_type_name(f->type)));
    if (f->to) jw_kstr(w, "to", f->to->name);
    if (f->storage == STORE_NUM) jw_kint(w, "scale", f->scale);
    if (f->storage == STORE_TEXT && f->has_max) jw_kint(w, "max", (int64_t)f->max);
    if (f->expr.n) jw_kstr(w, "expr", f->expr);
    if (f->sealed) jw_kbool(w, "sealed", true);
    jw_object_end(w);
}

/* What is kept of the cube: its fields, and with their types what their columns are. */
static Str cube_spec(Arena *a, const Entity *e)
{
    Buf b;
    FieldSet set = cube_fields(a, e);
    buf_init(&b, 1000);
    buf_addc(&b, '1');
    for (size_t i = 0; i < set.n; i++) buf_addf(&b, " " STR_FMT, STR_ARG(set.items[i]->name));
    Str s = buf_dup(a, &b);
    buf_done(&b);
    return s;
}

Str plan_spec(Arena *a, const Entity *e)
{
    Buf b;
    buf_init(&b, 1 << 20);
    JsonWriter w;
    jw_init(&w, &b);
    jw_object(&w);
    jw_kstr(&w, "key", e->key ? e->key->name : S(""));
    jw_key(&w, S("fields"));
    jw_array(&w);
    for (size_t i = 0; i < e->n; i++) spec_field(&w, &e->fields[i]);
    jw_array_end(&w);
    jw_key(&w, S("indexes"));
    jw_array(&w);
    Indexes list = wanted_indexes(a, e);
    for (size_t i = 0; i < list.n; i++) jw_str(&w, list.items[i].name);
    jw_array_end(&w);
    jw_kstr(&w, "cube", cube_spec(a, e));
    jw_object_end(&w);
    Str s = buf_dup(a, &b);
    buf_done(&b);
    return s;
}

/* --- making the plan
 * ---------------------------------------------------------------------------------------- */

typedef struct Maker {
    Arena *a;
    const Model *m;
    Plan *plan;
    bool *converted; /* by position in the fields of the entity at hand: its column is made anew */
    bool *touched;   /* new, or its values may have changed */
} Maker;

static PlanStep *add(Maker *mk, int kind, const Entity *e, const Field *f, Str text)
{
    PlanStep *s = ARENA_PUSH(mk->a, mk->plan->steps, mk->plan->n, mk->plan->cap);
    s->kind = kind, s->entity = e, s->field = f, s->text = text, s->at = mk->plan->n;
    return s;
}

static Str jstr(const json_t *o, const char *key)
{
    return str_c(json_string_value(json_object_get(o, key)));
}
static int64_t jint(const json_t *o, const char *key, int64_t otherwise)
{
    const json_t *v = json_object_get(o, key);
    return json_is_integer(v) ? json_integer_value(v) : otherwise;
}

static const json_t *old_field(const json_t *spec, Str name)
{
    size_t i;
    json_t *f;
    json_array_foreach(json_object_get(spec, "fields"), i, f) if (str_eq(jstr(f, "name"), name)) return f;
    return NULL;
}

/* Every value of the old form is a value of the new one. */
static bool widens(const json_t *old, const Field *f)
{
    Storage was = (Storage)jint(old, "storage", STORE_TEXT);
    Str type = jstr(old, "type"), name = str_c(field_type_name(f->type));
    int64_t old_max = jint(old, "max", TEXT_MAX), old_scale = jint(old, "scale", 0);
    bool free_text = f->type == F_TEXT || f->type == F_LONGTEXT;
    if (was == STORE_NUM && f->storage == STORE_NUM) return f->scale >= old_scale;
    if (was == STORE_INT && f->storage == STORE_NUM) return true;
    if (free_text && was != STORE_LINK)
        return was != STORE_TEXT || f->type == F_LONGTEXT || !f->has_max || f->max >= (double)old_max;
    if (was != f->storage) return false;
    if (str_eq(type, name) && f->to) return str_eq(jstr(old, "to"), f->to->name);
    return str_eq(type, name) && (!f->has_max || f->storage != STORE_TEXT || (double)old_max <= f->max);
}

static bool was_sealed(const json_t *old) { return json_is_true(json_object_get(old, "sealed")); }

static bool same_field(const json_t *old, const Field *f)
{
    int64_t max = f->storage == STORE_TEXT && f->has_max ? (int64_t)f->max : -1;
    return jint(old, "storage", -1) == (int64_t)f->storage &&
           str_is(jstr(old, "type"), field_type_name(f->type)) &&
           str_eq(jstr(old, "to"), f->to ? f->to->name : S("")) && jint(old, "max", -1) == max &&
           jint(old, "scale", -1) == (f->storage == STORE_NUM ? f->scale : -1) &&
           was_sealed(old) == f->sealed;
}

static Str dotted(Arena *a, const Entity *e, Str field)
{
    return str_fmt(a, STR_FMT "." STR_FMT, STR_ARG(e->name), STR_ARG(field));
}

static void new_field(Maker *mk, const Field *f)
{
    const Entity *e = f->owner;
    Str text = str_fmt(mk->a, "为 " STR_FMT " 增加字段 " STR_FMT "（" STR_FMT "）", STR_ARG(e->name),
                       STR_ARG(f->name), STR_ARG(f->title));
    mk->touched[f->i] = true;
    if (f->storage == STORE_LINK)
        add(mk, CREATE_LINK, e, f, text);
    else
        add(mk, ADD_COLUMN, e, f, text);
}

static void changed_field(Maker *mk, const json_t *old, const Field *f)
{
    const Entity *e = f->owner;
    bool was_link = jint(old, "storage", 0) == STORE_LINK, is_link = f->storage == STORE_LINK;
    bool retarget = !str_eq(jstr(old, "to"), f->to ? f->to->name : S(""));
    bool convert = jint(old, "storage", 0) != (int64_t)f->storage || retarget ||
                   was_sealed(old) != f->sealed ||
                   f->sealed || /* a sealed value is only reached by opening it */
                   jint(old, "scale", 0) != (f->storage == STORE_NUM ? f->scale : 0);
    bool safe = widens(old, f);
    Str text =
        str_fmt(mk->a, STR_FMT "." STR_FMT " 由 " STR_FMT " 改为 %s%s", STR_ARG(e->name), STR_ARG(f->name),
                STR_ARG(jstr(old, "type")), field_type_name(f->type), safe ? "" : "（可能丢失数据）");
    PlanStep *s;
    if (was_link || is_link) { /* no conversion between one and many: the old goes, the new starts empty */
        s = add(mk, was_link ? DROP_LINK : DROP_COLUMN, e, NULL, text);
        s->name =
            was_link ? str_fmt(mk->a, STR_FMT "__" STR_FMT, STR_ARG(e->name), STR_ARG(f->name)) : f->name;
        s->danger = dotted(mk->a, e, f->name);
        new_field(mk, f);
        return;
    }
    if (f ==
        e->key) { /* names cannot be cut: the new limit is for new records; see diff_entity for its storage */
        add(mk, NOTE_SPEC, e, f, text);
        return;
    }
    s = add(mk, convert || !safe ? CONVERT : NOTE_SPEC, e, f, text);
    s->was = (Storage)jint(old, "storage", 0), s->was_scale = (int)jint(old, "scale", 0);
    s->was_sealed = was_sealed(old);
    if (s->kind == CONVERT) mk->converted[f->i] = mk->touched[f->i] = true;
    if (!safe) s->danger = dotted(mk->a, e, f->name);
}

/* A computed field that is new, computes otherwise, or computes from values that were converted. */
static void recompute(Maker *mk, const Entity *e, const json_t *spec)
{
    for (size_t i = 0; i < e->n; i++) {
        const Field *f = &e->fields[i];
        if (!f->computed) continue;
        const json_t *old = old_field(spec, f->name);
        bool need = mk->touched[i] || !old || !str_eq(jstr(old, "expr"), f->expr);
        for (size_t j = 0; j < e->n && !need; j++) need = mk->touched[j] && expr_uses(f->computed, j);
        if (need)
            add(mk, RECOMPUTE, e, f,
                str_fmt(mk->a, "重新计算 " STR_FMT "." STR_FMT "（" STR_FMT "）", STR_ARG(e->name),
                        STR_ARG(f->name), STR_ARG(f->title)));
    }
}

static void gone_fields(Maker *mk, const Entity *e, const json_t *spec)
{
    size_t i;
    json_t *old;
    json_array_foreach(json_object_get(spec, "fields"), i, old)
    {
        Str name = str_dup(mk->a, jstr(old, "name"));
        const Field *f = entity_field(e, name);
        if (f && !f->system) continue;
        bool link = jint(old, "storage", 0) == STORE_LINK;
        PlanStep *s =
            add(mk, link ? DROP_LINK : DROP_COLUMN, e, NULL,
                str_fmt(mk->a, "删除字段 " STR_FMT "." STR_FMT " 及其数据", STR_ARG(e->name), STR_ARG(name)));
        s->name = link ? str_fmt(mk->a, STR_FMT "__" STR_FMT, STR_ARG(e->name), STR_ARG(name)) : name;
        s->danger = dotted(mk->a, e, name);
    }
}

static bool in_json(const json_t *list, Str name)
{
    size_t i;
    json_t *x;
    json_array_foreach(list, i, x) if (str_is(name, json_string_value(x))) return true;
    return false;
}

static void diff_indexes(Maker *mk, const Entity *e, const json_t *spec)
{
    const json_t *had = json_object_get(spec, "indexes");
    Indexes want = wanted_indexes(mk->a, e);
    for (size_t i = 0; i < want.n; i++) {
        bool anew = false; /* a column of it is made anew, so it is, too */
        for (size_t j = 0; j < e->n; j++)
            anew |= mk->converted[j] && set_has(&want.items[i].set, &e->fields[j]);
        bool there = had && in_json(had, want.items[i].name);
        if (there && !anew) continue;
        if (there) add(mk, DROP_INDEX, e, NULL, S(""))->name = want.items[i].name;
        PlanStep *s = add(mk, CREATE_INDEX, e, NULL,
                          str_fmt(mk->a, "为 " STR_FMT " 建%s " STR_FMT, STR_ARG(e->name),
                                  want.items[i].unique ? "唯一索引" : "索引", STR_ARG(want.items[i].name)));
        s->set = want.items[i].set, s->unique = want.items[i].unique;
    }
    size_t j;
    json_t *x;
    json_array_foreach(had, j, x)
    {
        bool keep = false;
        for (size_t i = 0; i < want.n; i++) keep |= str_is(want.items[i].name, json_string_value(x));
        if (keep) continue;
        PlanStep *s = add(mk, DROP_INDEX, e, NULL, str_fmt(mk->a, "删除索引 %s", json_string_value(x)));
        s->name = str_dup(mk->a, str_c(json_string_value(x)));
    }
}

static void create_entity(Maker *mk, const Entity *e)
{
    add(mk, CREATE_TABLE, e, NULL,
        str_fmt(mk->a, "新建 " STR_FMT "（" STR_FMT "），%zu 个字段", STR_ARG(e->name), STR_ARG(e->title),
                e->n));
    for (size_t i = 0; i < e->n; i++) {
        const Field *f = &e->fields[i];
        if (f->storage == STORE_LINK)
            add(mk, CREATE_LINK, e, f, S(""));
        else if (f->to)
            add(mk, ADD_FOREIGN_KEY, e, f, S(""));
    }
    Indexes want = wanted_indexes(mk->a, e);
    for (size_t i = 0; i < want.n; i++) {
        PlanStep *s = add(mk, CREATE_INDEX, e, NULL, S(""));
        s->set = want.items[i].set, s->unique = want.items[i].unique;
    }
    add(mk, CREATE_CUBE, e, NULL, S(""));
}

/* Kept counts of other fields, or of a table that changes, are made anew. */
static void diff_cube(Maker *mk, const Entity *e, const json_t *spec, size_t steps_before)
{
    Str had = jstr(spec, "cube");
    if (mk->plan->n == steps_before && str_eq(had, cube_spec(mk->a, e))) return;
    if (had.n) add(mk, DROP_CUBE, e, NULL, S(""))->name = e->name;
    add(mk, CREATE_CUBE, e, NULL,
        had.n ? S("") : str_fmt(mk->a, "为 " STR_FMT " 建计数表", STR_ARG(e->name)));
}

static int diff_entity(Maker *mk, const Entity *e, const json_t *spec, Err *err)
{
    size_t steps_before = mk->plan->n;
    const json_t *old_key = e->key ? old_field(spec, e->key->name) : NULL;
    mk->converted = ARENA_ARRAY(mk->a, bool, e->n + 1), mk->touched = ARENA_ARRAY(mk->a, bool, e->n + 1);
    if (old_key && jint(old_key, "storage", -1) != (int64_t)e->key->storage)
        return err_set(err, ERR_DATA_LOSS, "实体 " STR_FMT " 的主键 “" STR_FMT "” 换了类型，不能自动迁移",
                       STR_ARG(e->name), STR_ARG(e->key->name)),
               err_hint(err, "导出数据，换名新建实体后再导入");
    if (!str_eq(jstr(spec, "key"), e->key ? e->key->name : S("")))
        return err_set(err, ERR_DATA_LOSS,
                       "实体 " STR_FMT " 的主键由 “" STR_FMT "” 改成了 “" STR_FMT "”，不能自动迁移",
                       STR_ARG(e->name), STR_ARG(jstr(spec, "key")), STR_ARG(e->key ? e->key->name : S(""))),
               err_hint(err, "导出数据，换名新建实体后再导入");
    for (size_t i = 0; i < e->n; i++) {
        const json_t *old = old_field(spec, e->fields[i].name);
        if (!old)
            new_field(mk, &e->fields[i]);
        else if (!same_field(old, &e->fields[i]))
            changed_field(mk, old, &e->fields[i]);
    }
    gone_fields(mk, e, spec);
    recompute(mk, e, spec);
    diff_indexes(mk, e, spec);
    diff_cube(mk, e, spec, steps_before);
    return 0;
}

static void drop_entity(Maker *mk, Str name, const json_t *spec)
{
    size_t i;
    json_t *f;
    name = str_dup(mk->a, name);
    json_array_foreach(json_object_get(spec, "fields"), i, f) if (jint(f, "storage", 0) == STORE_LINK)
    {
        PlanStep *s = add(mk, DROP_LINK, NULL, NULL, S(""));
        s->name = str_fmt(mk->a, STR_FMT "__" STR_FMT, STR_ARG(name), STR_ARG(jstr(f, "name")));
    }
    if (jstr(spec, "cube").n) add(mk, DROP_CUBE, NULL, NULL, S(""))->name = name;
    PlanStep *s =
        add(mk, DROP_TABLE, NULL, NULL, str_fmt(mk->a, "删除 " STR_FMT " 的全部记录", STR_ARG(name)));
    s->name = name, s->danger = name;
}

static int by_kind(const void *pa, const void *pb)
{
    const PlanStep *a = pa, *b = pb;
    if (a->kind != b->kind) return a->kind < b->kind ? -1 : 1;
    return a->at < b->at ? -1 : a->at > b->at;
}

int plan_make(Arena *a, const Model *m, Tx *tx, Plan *ret, Err *err)
{
    Maker mk = {a, m, ret, NULL, NULL};
    Rows *rows;
    int rc;
    bool *seen = ARENA_ARRAY(a, bool, m->n_entities + 1);
    *ret = (Plan){0};
    TRY(tx_query(tx, a, &sql_model_entity_list, NULL, 0, &rows, err));
    while ((rc = rows_next(rows, err)) > 0) {
        Str name = rows_text(rows, a, 0);
        json_t *spec;
        TRY(json_parse(a, rows_text(rows, a, 1), &spec, err));
        const Entity *e = model_entity(m, name);
        if (!e)
            drop_entity(&mk, name, spec);
        else
            TRY(diff_entity(&mk, e, spec, err));
        for (size_t i = 0; i < m->n_entities; i++)
            if (m->entities[i] == e) seen[i] = true;
    }
    TRY(rc);
    for (size_t i = 0; i < m->n_entities; i++)
        if (!seen[i]) create_entity(&mk, m->entities[i]);
    if (ret->n) qsort(ret->steps, ret->n, sizeof *ret->steps, by_kind);
    return 0;
}

int plan_check(const Plan *p, const StrList *allowed, Err *err)
{
    for (size_t i = 0; i < p->n; i++) {
        Str danger = p->steps[i].danger;
        bool ok = !danger.n;
        for (size_t j = 0; !ok && j < allowed->n; j++) {
            Str name = allowed->items[j];
            ok = str_eq(name, danger) ||
                 (str_starts(danger, name) && danger.n > name.n && danger.p[name.n] == '.');
        }
        if (!ok)
            return err_set(err, ERR_DATA_LOSS, STR_FMT "，未获允许，什么都没有改", STR_ARG(p->steps[i].text)),
                   err_hint(err, "确认可以丢失后加上 --allow-data-loss " STR_FMT, STR_ARG(danger));
    }
    return 0;
}

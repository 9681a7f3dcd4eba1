/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * What an expression of a reaction sees. The fields that the journal entry changed have the values of the
 * entry, so that a late evaluation sees what happened and not what came after; the others have the values of
 * the record as it is in this transaction (NULL when it is gone).
 */
#include "rule/rule_int.h"

static Val joined(Arena *a, const StrList *list)
{
    Buf b;
    if (!list->n) return V_NULL;
    buf_init(&b, 1 << 20);
    for (size_t i = 0; i < list->n; i++) {
        if (i) buf_addc(&b, ';');
        buf_add(&b, list->items[i]);
    }
    Str s = buf_dup(a, &b);
    buf_done(&b);
    return V_TEXT(s);
}

/* Members of a before/after object over the values. What no longer fits the field's type is kept as text. */
static void overlay(Facts *x, Str text, Input *in)
{
    json_t *o, *v;
    const char *name;
    Err ignore = ERR_INIT;
    if (!text.n || json_parse(x->a, text, &o, &ignore) < 0) return;
    json_object_foreach(o, name, v)
    {
        const Field *f = entity_field(x->e, str_c(name));
        if (!f || f->system || f->sealed) continue;
        Val val = V_NULL;
        if (f->storage == STORE_LINK) {
            if (values_from_json(x->a, f, v, &in->lists[f->i], &ignore) == 0)
                val = joined(x->a, &in->lists[f->i]);
        } else if (value_from_json(x->a, f, v, &val, &ignore) < 0)
            val = json_is_string(v) ? V_TEXT(str_n(json_string_value(v), json_string_length(v))) : V_NULL;
        in->vals[f->i] = val;
        in->set[f->i] = true;
    }
}

static int load_now(Facts *x, Err *err)
{
    Val id;
    Stored s;
    int rc = record_id(x->a, x->e, x->job->e.record, &id, err);
    if (rc == 0) rc = record_load(&x->w, x->e, id, NULL, &s, err);
    if (rc == -(int)ERR_NOT_FOUND) return 0;
    TRY(rc);
    x->there = true;
    x->now = s.in;
    for (size_t i = 0; i < x->e->n; i++)
        if (x->e->fields[i].storage == STORE_LINK) x->now.vals[i] = joined(x->a, &s.in.lists[i]);
    return 0;
}

int facts_load(Facts *x, const City *c, Tx *tx, Arena *a, const Job *job, const Entity *e, Err *err)
{
    *x = (Facts){
        .a = a, .city = c, .tx = tx, .job = job, .e = e, .who = {.user = S("reaction"), .system = true}};
    x->w = (Writer){.a = a, .m = c->model, .tx = tx, .who = &x->who, .at_us = job->e.at_us};
    if (!e) return 0;
    x->now = input_new(a, e);
    x->old = input_new(a, e);
    x->refs = ARENA_ARRAY(a, Stored *, e->n + 1);
    x->ref_tried = ARENA_ARRAY(a, bool, e->n + 1);
    Str op = job->kind == JOB_ENTRY ? job->e.op : S("");
    if (str_is(op, "insert")) return overlay(x, job->e.after, &x->now), 0;
    if (str_is(op, "delete"))
        return overlay(x, job->e.before, &x->now), overlay(x, job->e.before, &x->old), 0;
    if (!job->e.record.n) return 0;
    TRY(load_now(x, err));
    for (size_t i = 0; i < e->n; i++) x->old.vals[i] = x->now.vals[i];
    if (job->kind != JOB_ENTRY) return 0;
    overlay(x, job->e.after, &x->now);
    overlay(x, job->e.before, &x->old);
    return 0;
}

static int ref_value(Facts *x, const Name *n, Val *ret, Err *err)
{
    size_t i = n->f->i;
    if (!x->ref_tried[i] && x->now.vals[i].kind != VAL_NULL) {
        Stored *s = ARENA_NEW(x->a, Stored);
        int rc = record_load(&x->w, n->f->to, x->now.vals[i], NULL, s, err);
        if (rc < 0 && rc != -(int)ERR_NOT_FOUND) return rc;
        if (rc == 0) x->refs[i] = s;
    }
    x->ref_tried[i] = true;
    if (!x->refs[i]) return *ret = V_NULL, 0;
    *ret = n->sub->storage == STORE_LINK ? joined(x->a, &x->refs[i]->in.lists[n->sub->i])
                                         : x->refs[i]->in.vals[n->sub->i];
    return 0;
}

/* The value as it stands, before it is turned into an input of an expression. */
static int raw_value(Facts *x, const Name *n, Val *ret, Err *err)
{
    int64_t now = clock_now_us();
    switch (n->kind) {
    case NAME_NOW: *ret = x->now.vals[n->f->i]; break;
    case NAME_OLD: *ret = x->old.vals[n->f->i]; break;
    case NAME_REF: return ref_value(x, n, ret, err);
    case NAME_OP: *ret = V_TEXT(x->job->e.op); break;
    case NAME_ACTOR: *ret = V_TEXT(x->job->e.actor); break;
    case NAME_TODAY: *ret = V_TEXT(date_str(x->a, clock_china_date(now))); break;
    case NAME_CLOCK: *ret = V_TEXT(clock_str_utc(x->a, now)); break;
    case NAME_BODY: *ret = V_TEXT(x->job->body); break;
    }
    return 0;
}

static const Field *name_field(const Name *n)
{
    return n->kind == NAME_REF ? n->sub : n->kind == NAME_NOW || n->kind == NAME_OLD ? n->f : NULL;
}

int facts_value(Facts *x, const Name *n, Val *ret, Err *err)
{
    TRY(raw_value(x, n, ret, err));
    if (name_field(n)) *ret = value_for_expr(name_field(n), *ret);
    return 0;
}

int facts_eval(Facts *x, const RuleExpr *r, Val *ret, Err *err)
{
    Val *inputs = ARENA_ARRAY(x->a, Val, r->n + 1);
    for (size_t i = 0; i < r->n; i++) TRY(facts_value(x, &r->names[i], &inputs[i], err));
    return expr_eval(r->x, x->a, inputs, ret, err);
}

Str val_text(Arena *a, Val v)
{
    switch (v.kind) {
    case VAL_NULL: return S("");
    case VAL_INT: return str_fmt(a, "%lld", (long long)v.i);
    case VAL_REAL:
        return v.r == (double)(int64_t)v.r && v.r < 1e15 && v.r > -1e15 ? str_fmt(a, "%lld", (long long)v.r)
                                                                        : str_fmt(a, "%.10g", v.r);
    default: return v.s;
    }
}

bool val_true(Val v)
{
    double r;
    return v.kind == VAL_INT    ? v.i != 0
           : v.kind == VAL_REAL ? v.r != 0
           : v.kind == VAL_TEXT ? str_real(v.s, &r) && r != 0
                                : false;
}

static bool names_field(const JournalEntry *e, const Field *f)
{
    /* the objects hold the changed fields; a name in quotes and a colon occurs in no value unescaped */
    char key[NAME_MAX_LEN + 8];
    snprintf(key, sizeof key, "\"" STR_FMT "\":", STR_ARG(f->name));
    return str_find_str(e->after, str_c(key)) >= 0 || str_find_str(e->before, str_c(key)) >= 0;
}

bool rule_matches(const Rule *r, const Job *job)
{
    const JournalEntry *e = &job->e;
    if (job->only) return r == job->only;
    if (job->kind == JOB_EVENT)
        return (r->trigger == ON_MESSAGE || r->trigger == ON_ALARM) && str_eq(r->name, job->name) &&
               str_is(e->op, r->trigger == ON_MESSAGE ? "message" : "alarm") &&
               (!r->entity || str_eq(r->entity->name, e->entity));
    if (job->kind != JOB_ENTRY || r->trigger != ON_RECORD || !str_eq(r->entity->name, e->entity))
        return false;
    unsigned op = str_is(e->op, "insert")   ? RULE_INSERT
                  : str_is(e->op, "update") ? RULE_UPDATE
                  : str_is(e->op, "delete") ? RULE_DELETE
                                            : 0;
    if (!(r->ops & op)) return false;
    if (op != RULE_UPDATE || !r->n_fields) return true;
    for (size_t i = 0; i < r->n_fields; i++)
        if (names_field(e, r->fields[i])) return true;
    return false;
}

/* --- trying
 * ---------------------------------------------------------------------------------------------------- */

static void write_value(JsonWriter *w, Arena *a, const Name *n, Val v)
{
    const Field *f = name_field(n);
    if (f && f->sensitivity >= 3) v = value_mask(a, f, v);
    if (f && f->storage != STORE_LINK && v.kind != VAL_NULL)
        return f->sensitivity >= 3 ? jw_str(w, val_text(a, v)) : value_write_json(w, f, v);
    v.kind == VAL_NULL   ? jw_null(w)
    : v.kind == VAL_INT  ? jw_int(w, v.i)
    : v.kind == VAL_REAL ? jw_real(w, v.r)
                         : jw_str(w, v.s);
}

/* When the moment of this record comes; false when it has none. */
static bool moment_at(Facts *x, const Rule *r, JsonWriter *w)
{
    Val v = x->now.vals[r->moment->i];
    if (v.kind != VAL_TEXT || !x->city->calendar) return false;
    jw_kstr(w, "at", clock_str(x->a, offset_apply(x->city->calendar, r->moment, v.s, &r->offset)));
    return true;
}

static int try_rule(Facts *x, const Rule *r, JsonWriter *w, Err *err)
{
    Val met = V_INT(1);
    Err why = ERR_INIT;
    jw_object(w);
    jw_kstr(w, "id", r->id);
    jw_kstr(w, "title", r->title);
    jw_kstr(w, "on", r->on_text);
    if (r->when.x) {
        jw_kstr(w, "when", r->when.text);
        jw_key(w, S("values"));
        jw_object(w);
        for (size_t i = 0; i < r->when.n; i++) {
            Val v;
            TRY(raw_value(x, &r->when.names[i], &v, err));
            jw_key(w, r->when.names[i].text);
            write_value(w, x->a, &r->when.names[i], v);
        }
        jw_object_end(w);
        if (facts_eval(x, &r->when, &met, &why) < 0) met = V_NULL;
    }
    bool never = r->trigger == ON_MOMENT && !moment_at(x, r, w);
    bool holds = val_true(met) && !never;
    jw_kbool(w, "met", holds);
    if (!holds)
        jw_kstr(w, "why",
                never                  ? S("日期没有值，时刻不会到")
                : why.code             ? str_c(why.msg)
                : met.kind == VAL_NULL ? S("条件得出空值（NULL），不算成立：用到的某个字段没有值")
                                       : S("条件不成立"));
    jw_object_end(w);
    return 0;
}

int rule_try(const RuleSet *s, const City *c, Tx *tx, Arena *a, Str only, Str entity, Str record, Buf *out,
             Err *err)
{
    const Entity *e = model_entity(s->m, entity);
    const Rule *one = only.n ? rule_find(s, only) : NULL;
    Facts x;
    JsonWriter w;
    if (!e) return err_set(err, ERR_NOT_FOUND, "没有名为 “" STR_FMT "” 的实体", STR_ARG(entity));
    if (only.n && !one) return err_set(err, ERR_NOT_FOUND, "没有名为 “" STR_FMT "” 的反应", STR_ARG(only));
    Job job = {.kind = JOB_MOMENT,
               .e = {.entity = entity, .record = record, .at_us = clock_now_us(), .op = S("update")}};
    TRY(facts_load(&x, c, tx, a, &job, e, err));
    if (!x.there) return err_set(err, ERR_NOT_FOUND, "没有这条" STR_FMT, STR_ARG(e->title));
    jw_init(&w, out);
    jw_array(&w);
    for (size_t i = 0; i < s->n; i++)
        if (s->rules[i]->entity == e && (!one || s->rules[i] == one)) TRY(try_rule(&x, s->rules[i], &w, err));
    jw_array_end(&w);
    return 0;
}

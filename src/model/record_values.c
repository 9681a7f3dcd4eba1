/* SPDX-License-Identifier: MulanPSL-2.0 */
/* What a record must be before it is written: defaults, computed fields, required fields, rules; and what the
   journal keeps of it. */
#include "model/record_int.h"

#include "model/expr.h"
#include "model/value.h"
#include "model/vault.h"

int record_defaults(Writer *w, const Entity *e, Input *in, Err *err)
{
    for (size_t i = 0; i < e->n; i++) {
        const Field *f = &e->fields[i];
        if (in->set[i] || !f->has_default) continue;
        if (f->storage == STORE_LINK)
            TRY(values_from_text(w->a, f, f->def, &in->lists[i], err));
        else
            TRY(value_from_text(w->a, f, f->def, &in->vals[i], err));
        in->set[i] = true;
    }
    return 0;
}

/* The text or number that an expression gave, as a value of the field. */
static int computed_value(Arena *a, const Field *f, Val x, Val *ret, Err *err)
{
    Str text = x.kind == VAL_TEXT   ? x.s
               : x.kind == VAL_INT  ? str_fmt(a, "%lld", (long long)x.i)
               : x.kind == VAL_REAL ? (f->storage == STORE_INT
                                           ? str_fmt(a, "%.0f", x.r)
                                           : str_fmt(a, "%.*f", f->storage == STORE_NUM ? f->scale : 10, x.r))
                                    : S("");
    if (x.kind == VAL_NULL) return *ret = V_NULL, 0;
    return value_from_text(a, f, text, ret, err);
}

int record_compute(Arena *a, const Entity *e, const Field *f, const Input *in, Val *ret, Err *err)
{
    Val *inputs = ARENA_ARRAY(a, Val, e->n), x;
    for (size_t i = 0; i < e->n; i++) inputs[i] = value_for_expr(&e->fields[i], in->vals[i]);
    if (expr_eval(f->computed, a, inputs, &x, err) < 0)
        return err_wrap(err, "“" STR_FMT "” 算不出", STR_ARG(f->title));
    return computed_value(a, f, x, ret, err);
}

int record_computed(Writer *w, const Entity *e, Input *in, Err *err)
{
    for (size_t i = 0; i < e->n; i++) {
        const Field *f = &e->fields[i];
        if (!f->computed) continue;
        if (record_compute(w->a, e, f, in, &in->vals[i], err) < 0) return record_at(err, f);
        in->set[i] = true;
    }
    return 0;
}

int record_required(const Entity *e, const Input *in, Err *err)
{
    for (size_t i = 0; i < e->n; i++) {
        const Field *f = &e->fields[i];
        bool empty = f->storage == STORE_LINK ? in->lists[i].n == 0 : in->vals[i].kind == VAL_NULL;
        if (f->required && empty) {
            err_set(err, ERR_VALIDATION, "“" STR_FMT "” 必须填写", STR_ARG(f->title));
            return record_at(err, f);
        }
    }
    return 0;
}

int record_rules(Writer *w, const Entity *e, const Input *in, Err *err)
{
    if (!e->n_rules) return 0;
    Val *inputs = ARENA_ARRAY(w->a, Val, e->n);
    for (size_t i = 0; i < e->n; i++) inputs[i] = value_for_expr(&e->fields[i], in->vals[i]);
    for (size_t i = 0; i < e->n_rules; i++) {
        Val v;
        TRY(expr_eval(e->rules[i].check, w->a, inputs, &v, err));
        bool no = (v.kind == VAL_INT && !v.i) || (v.kind == VAL_REAL && v.r == 0);
        if (!no) continue;
        err_set(err, ERR_VALIDATION, STR_FMT, STR_ARG(e->rules[i].say));
        return e->rules[i].field ? record_at(err, e->rules[i].field) : -(int)ERR_VALIDATION;
    }
    return 0;
}

Str record_changes(Arena *a, const Entity *e, const Input *in, const bool *which)
{
    Buf b;
    JsonWriter jw;
    buf_init(&b, 16 << 20);
    jw_init(&jw, &b);
    jw_object(&jw);
    for (size_t i = 0; i < e->n; i++) {
        const Field *f = &e->fields[i];
        if (which && !which[i]) continue;
        if (!which && (f->storage == STORE_LINK ? !in->lists[i].n : in->vals[i].kind == VAL_NULL)) continue;
        jw_key(&jw, f->name);
        if (f->storage == STORE_LINK) {
            jw_array(&jw);
            bool number = entity_id(f->to)->storage == STORE_INT;
            for (size_t j = 0; j < in->lists[i].n; j++)
                number ? jw_raw(&jw, in->lists[i].items[j]) : jw_str(&jw, in->lists[i].items[j]);
            jw_array_end(&jw);
        } else if (f->sealed && in->vals[i].kind != VAL_NULL) {
            jw_str(&jw, vault_in(a, f, in->vals[i]).s); /* at rest here, too */
        } else
            value_write_json(&jw, f, in->vals[i]);
    }
    jw_object_end(&jw);
    Str s = buf_dup(a, &b);
    buf_done(&b);
    return s;
}

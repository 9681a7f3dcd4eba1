/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * The order of a list and the place in it. Every order is made total: what the client or the pack says, then
 * the default order, then the id. A cursor is the values of these fields in the last row of a page; the next
 * page is what stands behind them, found in the index, so that page 10,000 costs what page 1 costs.
 *
 * Where the first field may be empty, the list is read in two halves, the rows that have it and those that
 * have not: each is one stretch of the index on both databases, wherever NULL stands in it.
 */
#include "model/query_int.h"

#include "base/sm.h"
#include "base/text.h"
#include "model/plan.h"
#include "model/value.h"

static bool same_place(const Sort *x, const Sort *y)
{
    bool xid = x->field == entity_id(x->field->owner) || (x->field->system && x->field->i == SYS_ID);
    bool yid = y->field == entity_id(y->field->owner) || (y->field->system && y->field->i == SYS_ID);
    return !x->embed && !y->embed && (x->field == y->field || (xid && yid));
}

static void then_by(Query *q, Sort s)
{
    for (size_t i = 0; i < q->n_order; i++)
        if (same_place(&q->order[i], &s)) return;
    *ARENA_PUSH(q->a, q->order, q->n_order, q->cap_order) = s;
}

bool sort_nullable(const Sort *s)
{
    return s->embed || s->figure || !(s->field->system || s->field == s->field->owner->key);
}

bool sort_nulls_first(const Sort *s) { return s->nulls ? s->nulls == 'f' : s->desc; }

void query_order(const QueryCtx *c, Query *q)
{
    const Entity *e = q->entity;
    if (q->n_order || q->aggregate) return;
    for (size_t i = 0; i < q->n_sorts; i++) then_by(q, q->sorts[i]);
    bool desc = q->n_order ? q->order[q->n_order - 1].desc : e->order_desc;
    /* The default order within equal ones, in the same direction, so that one index serves both; not by what
       the actor may not see. */
    bool seen = !access_hides(c->who, e->order) && !access_masks(c->who, e, e->order, &q->access);
    if (seen && !e->order->sealed) then_by(q, (Sort){.field = e->order, .desc = desc});
    then_by(q, (Sort){.field = entity_id(e), .desc = desc});
}

bool query_steady(const QueryCtx *c, Query *q)
{
    FieldSet equal = {ARENA_ARRAY(c->a, const Field *, q->where->n + 1), 0}, order;
    query_order(c, q);
    order = (FieldSet){ARENA_ARRAY(c->a, const Field *, q->n_order + 1), 0};
    if (q->aggregate || q->after || q->entity->history || !access_whole(c->who, q->entity, &q->access))
        return false;
    for (size_t i = 0; i < q->where->n; i++) {
        const Cond *k = q->where->kids[i];
        if (k->kind != COND_LEAF || k->negate || k->quantifier || k->cmp != CMP_EQ || k->n_vals != 1)
            return false;
        equal.items[equal.n++] = k->field;
    }
    for (size_t i = 0; i < q->n_order; i++) {
        if (q->order[i].embed || q->order[i].desc != q->order[0].desc) return false;
        order.items[order.n++] = q->order[i].field;
    }
    return plan_lists(c->a, q->entity, &equal, &order);
}

bool query_halves(const QueryCtx *c, Query *q)
{
    query_order(c, q);
    return q->n_order && !q->offset && !q->aggregate && !q->order[0].embed && sort_nullable(&q->order[0]);
}

/* --- the cursor's text
 * ---------------------------------------------------------------------------------------- */

/* Of the order it belongs to: a cursor of another list is refused. */
static Str signature(const QueryCtx *c, const Query *q)
{
    Buf b;
    buf_init(&b, 1 << 14);
    buf_add(&b, q->entity->name);
    for (size_t i = 0; i < q->n_order; i++)
        buf_addf(&b, "," STR_FMT "%d%d", STR_ARG(q->order[i].field->name), q->order[i].desc,
                 sort_nulls_first(&q->order[i]));
    Str s = str_fmt(c->a, "%08x", (unsigned)str_hash(buf_str(&b)));
    buf_done(&b);
    return s;
}

static bool has_cursor(const Query *q)
{
    for (size_t i = 0; i < q->n_order; i++)
        if (q->order[i].embed) return false;
    return q->n_order && !q->aggregate;
}

Str query_cursor(const QueryCtx *c, Query *q, const Val *vals)
{
    Buf b;
    JsonWriter w;
    query_order(c, q);
    if (!has_cursor(q)) return S("");
    buf_init(&b, 1 << 16);
    jw_init(&w, &b);
    jw_array(&w);
    jw_str(&w, signature(c, q));
    for (size_t i = 0; i < q->n_order; i++)
        if (vals[i].kind == VAL_NULL)
            jw_null(&w);
        else
            jw_str(&w, value_text(c->a, q->order[i].field, vals[i]));
    jw_array_end(&w);
    Str s = b.over ? S("") : base64url_encode(c->a, buf_str(&b));
    buf_done(&b);
    return s;
}

static int wrong(Err *err)
{
    err_set(err, ERR_INPUT, "after 不是这个列表的游标");
    err_pointer(err, "after");
    return err_hint(err, "照抄上一页答复头 X-Next-Cursor 的值，排序不能变");
}

static int cursor_val(const QueryCtx *c, const Field *f, const json_t *j, Val *ret)
{
    Field plain = *f; /* the form alone: limits may have changed since the value was stored */
    Err why = ERR_INIT;
    *ret = V_NULL;
    if (json_is_null(j)) return 0;
    if (!json_is_string(j)) return -1;
    Str text = str_n(json_string_value(j), json_string_length(j));
    plain.regex = NULL, plain.codes = NULL, plain.has_min = plain.has_max = false;
    if (f->storage == STORE_TEXT) return *ret = V_TEXT(str_dup(c->a, text)), 0;
    if (value_from_text(c->a, &plain, text, ret, &why) < 0) return -1;
    return ret->kind == VAL_NULL ? -1 : 0;
}

int query_after(const QueryCtx *c, Query *q, Str text, Err *err)
{
    Str raw;
    json_t *j;
    Err why = ERR_INIT;
    query_order(c, q);
    if (!has_cursor(q))
        return err_set(err, ERR_INPUT, "这个列表不能用 after 翻页"), err_pointer(err, "after"),
               err_hint(err, "按自己的字段排序，不按关联记录排序，也不与统计同用");
    if (q->offset) return err_set(err, ERR_INPUT, "after 和 offset 不能同用"), err_pointer(err, "after");
    if (text.n > 8192 || base64_decode(c->a, text, &raw, &why) < 0 || text_invalid_at(raw) >= 0 ||
        json_parse(c->a, raw, &j, &why) < 0 || !json_is_array(j) || json_array_size(j) != q->n_order + 1 ||
        !json_is_string(json_array_get(j, 0)) ||
        !str_is(signature(c, q), json_string_value(json_array_get(j, 0))))
        return wrong(err);
    q->after = ARENA_ARRAY(c->a, Val, q->n_order + 1);
    for (size_t i = 0; i < q->n_order; i++)
        if (cursor_val(c, q->order[i].field, json_array_get(j, i + 1), &q->after[i]) < 0) return wrong(err);
    return 0;
}

/* --- what stands behind it
 * ------------------------------------------------------------------------------------ */

static void column(Build *b, const Sort *s) { build_column(b, "t", s->field); }

/* `have`: the first field is not empty in this half, so it needs no case for NULL. */
static bool may_be_null(const Query *q, size_t i, bool have)
{
    return sort_nullable(&q->order[i]) && (i || !have);
}

/* Strictly behind in field i alone. */
static void behind(Build *b, const Query *q, size_t i, bool have)
{
    const Sort *s = &q->order[i];
    bool nullable = may_be_null(q, i, have);
    if (q->after[i].kind == VAL_NULL) {
        if (!sort_nulls_first(s)) return build_add(b, "1 = 0");
        column(b, s);
        return build_add(b, " is not null");
    }
    bool or_null = nullable && !sort_nulls_first(s);
    build_add(b, or_null ? "(" : "");
    column(b, s);
    build_add(b, s->desc ? " < " : " > ");
    build_arg(b, q->after[i]);
    if (!or_null) return;
    build_add(b, " or ");
    column(b, s);
    build_add(b, " is null)");
}

static void equal(Build *b, const Query *q, size_t i)
{
    column(b, &q->order[i]);
    if (q->after[i].kind == VAL_NULL) return build_add(b, " is null");
    build_add(b, " = ");
    build_arg(b, q->after[i]);
}

static void step_by_step(Build *b, const Query *q, size_t i, size_t end, bool have)
{
    if (i + 1 == end) return behind(b, q, i, have);
    build_add(b, "(");
    behind(b, q, i, have);
    build_add(b, " or (");
    equal(b, q, i);
    build_add(b, " and ");
    step_by_step(b, q, i + 1, end, have);
    build_add(b, "))");
}

/* (a, b) > ($1, $2): both databases find the place in the index by all fields. */
static bool as_row(Build *b, const Query *q, size_t from, size_t end, bool have)
{
    for (size_t i = from; i < end; i++)
        if (may_be_null(q, i, have) || q->after[i].kind == VAL_NULL ||
            q->order[i].desc != q->order[from].desc)
            return false;
    build_add(b, "(");
    for (size_t i = from; i < end; i++) {
        if (i > from) build_add(b, ", ");
        column(b, &q->order[i]);
    }
    build_add(b, q->order[from].desc ? ") < (" : ") > (");
    for (size_t i = from; i < end; i++) {
        if (i > from) build_add(b, ", ");
        build_arg(b, q->after[i]);
    }
    build_add(b, ")");
    return true;
}

/* A first step that an index serves: not before the cursor's own value. */
static void not_before(Build *b, const Query *q, size_t i, bool have)
{
    if (may_be_null(q, i, have) || q->after[i].kind == VAL_NULL) return;
    column(b, &q->order[i]);
    build_add(b, q->order[i].desc ? " <= " : " >= ");
    build_arg(b, q->after[i]);
    build_add(b, " and ");
}

/* A unique field needs nothing behind it. */
size_t query_order_end(const Query *q, Half half)
{
    return half == HALF_HAVE && q->order[0].field->unique ? 1 : q->n_order;
}

bool query_half_empty(const Query *q, Half half)
{
    if (!q->after || half == HALF_BOTH) return false;
    bool nulls_first = sort_nulls_first(&q->order[0]), at_null = q->after[0].kind == VAL_NULL;
    return half == HALF_NULL ? nulls_first && !at_null : !nulls_first && at_null;
}

void query_page_where(Build *b, const Query *q, Half half)
{
    if (half != HALF_BOTH) {
        build_add(b, " and ");
        column(b, &q->order[0]);
        build_add(b, half == HALF_NULL ? " is null" : " is not null");
    }
    if (!q->after || (half == HALF_NULL) != (half != HALF_BOTH && q->after[0].kind == VAL_NULL)) return;
    size_t from = half == HALF_NULL, end = query_order_end(q, half);
    bool have = half == HALF_HAVE;
    build_add(b, " and ");
    if (as_row(b, q, from, end, have)) return;
    not_before(b, q, from, have);
    step_by_step(b, q, from, end, have);
}

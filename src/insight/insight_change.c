/* SPDX-License-Identifier: MulanPSL-2.0 */
/* From a figure to its rows, and from a change to its parts. */
#include "insight/insight_int.h"

#include <math.h>

enum { ROWS_PAGE = 50 };

/* --- titles
 * --------------------------------------------------------------------------------------------------- */

static Str special(Str key, bool region)
{
    if (!key.n) return region ? S("未标明区划") : S("未标明");
    return str_is(key, "*") ? S("人数过少的合计") : S("");
}

static int titles_of_records(Tx *tx, Arena *a, const Dim *d, const Str *keys, size_t n, Str *ret, Err *err)
{
    const Entity *e = d->num->to;
    Build b;
    Rows *rows;
    int rc;
    bool any = false;
    build_init(&b, a, tx_dialect(tx));
    build_add(&b, "select ");
    build_name(&b, entity_id(e)->name);
    build_add(&b, ", ");
    build_name(&b, e->label->name);
    build_add(&b, " from ");
    build_name(&b, e->name);
    build_add(&b, " where ");
    build_name(&b, entity_id(e)->name);
    build_add(&b, " in (");
    for (size_t i = 0; i < n; i++) {
        if (special(keys[i], d->region).n) continue;
        build_add(&b, any ? ", " : "");
        build_arg(&b, V_TEXT(keys[i]));
        any = true;
    }
    build_add(&b, ")");
    if (!any) return 0;
    TRY(build_check(&b, err));
    Sql sql = build_sql(&b, "insight.titles");
    TRY(tx_query(tx, a, &sql, b.args, b.n, &rows, err));
    while ((rc = rows_next(rows, err)) > 0) {
        Str key = rows_text(rows, a, 0), title = rows_text(rows, a, 1);
        for (size_t i = 0; i < n; i++)
            if (str_eq(keys[i], key)) ret[i] = title;
    }
    rows_done(rows);
    return rc;
}

int titles_read(const InsightSet *s, Tx *tx, Arena *a, const Dim *d, const Str *keys, size_t n, Str *ret,
                Err *err)
{
    (void)s;
    for (size_t i = 0; i < n; i++) ret[i] = keys[i];
    bool open = d->num->to && d->num->to->label && d->num->to->label->sensitivity < 3;
    if (open) TRY(titles_of_records(tx, a, d, keys, n, ret, err));
    for (size_t i = 0; i < n; i++) {
        const Code *c = d->num->codes ? codes_find(d->num->codes, keys[i]) : NULL;
        Str word = special(keys[i], d->region);
        if (c) ret[i] = c->title;
        if (word.n) ret[i] = word;
        if (d->region && str_eq(ret[i], keys[i]) == false && str_ends(keys[i], S("00")))
            ret[i] = str_fmt(a, STR_FMT "（本级）", STR_ARG(ret[i]));
    }
    return 0;
}

/* --- rows
 * ----------------------------------------------------------------------------------------------------- */

typedef struct Opened {
    Request *rq;
    const Indicator *x;
    const Measure *m;
    Str query, part;
    bool as_then;
    Period p;
} Opened;

static int rows_tx(Tx *tx, void *ctx, Err *err)
{
    Opened *o = ctx;
    Request *rq = o->rq;
    QueryCtx c = {rq->arena, rq->city->model, rq->who, rq->trace};
    Query *q;
    ReadResult r;
    Buf rows;
    JsonWriter w;
    TRY(query_parse(&c, o->m->entity, o->query, &q, err));
    q->limit = ROWS_PAGE;
    buf_init(&rows, 16 << 20);
    int rc = record_read(&c, tx, q, FORMAT_JSON, true, &rows, &r, err);
    Str text = rc < 0 ? S("[]") : buf_dup(rq->arena, &rows);
    buf_done(&rows);
    TRY(rc);
    buf_clear(&rq->out);
    jw_init(&w, &rq->out);
    jw_object(&w);
    jw_kstr(&w, "entity", o->m->entity->name);
    jw_kstr(&w, "query", o->query);
    jw_kstr(&w, "part", o->part);
    jw_kstr(&w, "from", date_str(rq->arena, o->p.from));
    jw_kstr(&w, "to", date_str(rq->arena, o->p.to));
    if (o->m->sum) jw_kstr(&w, "sum", o->m->sum->name);
    jw_kbool(&w, "as_then", o->as_then);
    jw_kint(&w, "total", r.total);
    jw_key(&w, S("rows"));
    jw_raw(&w, text);
    jw_object_end(&w);
    return 0;
}

static int no_formula(const Indicator *x, Err *err)
{
    if (x->source == SOURCE_COMPUTED) return 0;
    return err_set(err, ERR_VALIDATION,
                   x->source == SOURCE_NONE ? "指标尚无数据来源" : "指标由人填报，没有明细"),
           err_hint(err, "依据文件见 GET /api/indicators/" STR_FMT, STR_ARG(x->id));
}

static bool is_region(Str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9') return false;
    return s.n >= REGION_N && s.n <= 12;
}

int indicator_rows(Request *rq, Err *err)
{
    static const char *const params[] = {"from", "to", "region", "part", NULL};
    Opened o = {.rq = rq, .part = S("num")};
    Date today = clock_china_date(clock_now_us()), day;
    Str region = request_param(rq, "region"), part = request_param(rq, "part");
    TRY(route_indicator(rq, &o.x, err));
    TRY(route_params(rq, params, err));
    TRY(no_formula(o.x, err));
    TRY(route_day(rq, "from", today, &day, err));
    if (part.p) o.part = part;
    bool den = str_is(o.part, "den");
    if (!den && !str_is(o.part, "num"))
        return err_set(err, ERR_INPUT, "part 写 num 或 den"), err_pointer(err, "part");
    if (den && !o.x->ratio) return err_set(err, ERR_INPUT, "这个指标没有分母"), err_pointer(err, "part");
    if (region.n && (!is_region(region) || !indicator_dim(o.x, S("region"))))
        return err_set(err, ERR_INPUT, "region 要写区划代码，且指标按区划统计"), err_pointer(err, "region");
    o.m = den ? &o.x->den : &o.x->num;
    o.p = period_of(o.x->period, day);
    o.query = measure_query(rq->arena, o.m, o.p, today, region);
    o.as_then = date_cmp(o.p.to, today) >= 0 || o.x->past > 0;
    return store_read(rq->city->store, "indicator.rows", rows_tx, &o, err);
}

/* --- change
 * --------------------------------------------------------------------------------------------------- */

typedef struct Change {
    Request *rq;
    const Indicator *x;
    const Dim *by;
    Period now, before;
} Change;

typedef struct PartList {
    Part *items;
    size_t n, cap;
} PartList;

static Part *part_at(Arena *a, PartList *l, Str key)
{
    for (size_t i = 0; i < l->n; i++)
        if (str_eq(l->items[i].key, key)) return &l->items[i];
    Part *p = ARENA_PUSH(a, l->items, l->n, l->cap);
    p->key = key;
    return p;
}

static Amount amount_in(const json_t *list, size_t i)
{
    return (Amount)llround(json_number_value(json_array_get(list, i)) * AMOUNT_ONE);
}

static int add_parts(const Change *c, const Kept *k, bool after, PartList *l, Err *err)
{
    Arena *a = c->rq->arena;
    json_t *o = NULL;
    if (k->parts.n) TRY(json_parse(a, k->parts, &o, err));
    const json_t *list = o ? json_object_getn(o, c->by->name.p, c->by->name.n) : NULL;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i), *key = json_array_get(item, 0);
        Part *p = part_at(a, l, str_n(json_string_value(key), json_string_length(key)));
        *(after ? &p->n1 : &p->n0) = amount_in(item, 1);
        *(after ? &p->d1 : &p->d0) = amount_in(item, 2);
    }
    return 0;
}

/* The kept value of exactly this period; NULL when there is none. */
static int kept_at(const Change *c, Tx *tx, Period p, const Kept **ret, Err *err)
{
    Arena *a = c->rq->arena;
    Wanted w = {c->x->id, true, date_str(a, p.from), date_str(a, p.to), 10};
    Kept *all;
    size_t n;
    *ret = NULL;
    TRY(kept_read(c->rq->city->insight->set, tx, a, c->rq->who, &w, &all, &n, err));
    for (size_t i = 0; i < n; i++)
        if (str_eq(all[i].from, w.from)) *ret = &all[i];
    return 0;
}

static int by_size(const void *x, const void *y)
{
    Amount a = ((const Part *)x)->contribution, b = ((const Part *)y)->contribution;
    a = a < 0 ? -a : a, b = b < 0 ? -b : b;
    if (a != b) return a < b ? 1 : -1;
    return str_cmp(((const Part *)x)->key, ((const Part *)y)->key);
}

static void rate_json(JsonWriter *w, const Indicator *x, const char *key, Amount n, Amount d)
{
    Amount v = n;
    bool there = !x->ratio || (d && amount_ratio(n, d, x->times, &v, NULL) == 0);
    json_amount(w, key, there, v);
}

static void period_json(JsonWriter *w, Arena *a, const char *key, Period p)
{
    jw_key(w, str_c(key));
    jw_object(w);
    jw_kstr(w, "from", date_str(a, p.from));
    jw_kstr(w, "to", date_str(a, p.to));
    jw_object_end(w);
}

static int change_json(const Change *c, Tx *tx, PartList *l, const Kept *k0, const Kept *k1, Err *err)
{
    Arena *a = c->rq->arena;
    JsonWriter w;
    Amount before = 0, after = 0;
    Str *keys = ARENA_ARRAY(a, Str, l->n + 1), *titles = ARENA_ARRAY(a, Str, l->n + 1);
    bool both = k0 && k1 && k0->has_value && k1->has_value && k0->version == k1->version;
    if (both) TRY(amount_parts(l->items, l->n, c->x->ratio, c->x->times, &before, &after, err));
    if (l->n) qsort(l->items, l->n, sizeof *l->items, by_size);
    for (size_t i = 0; i < l->n; i++) keys[i] = l->items[i].key;
    TRY(titles_read(c->rq->city->insight->set, tx, a, c->by, keys, l->n, titles, err));
    buf_clear(&c->rq->out);
    jw_init(&w, &c->rq->out);
    jw_object(&w);
    jw_kstr(&w, "by", c->by->name);
    period_json(&w, a, "period", c->now);
    period_json(&w, a, "period_before", c->before);
    json_amount(&w, "before", k0 && k0->has_value, k0 ? k0->value : 0);
    json_amount(&w, "after", k1 && k1->has_value, k1 ? k1->value : 0);
    json_amount(&w, "change", both, after - before);
    jw_kstr(&w, "say",
            both                                     ? S("")
            : k0 && k1 && k0->version != k1->version ? S("前后两期口径不同，不能比较")
                                                     : S("前后两期里有一期没有值，不能分解"));
    jw_key(&w, S("parts"));
    jw_array(&w);
    for (size_t i = 0; i < l->n && both; i++) {
        const Part *p = &l->items[i];
        jw_object(&w);
        jw_kstr(&w, "key", p->key);
        jw_kstr(&w, "title", titles[i]);
        rate_json(&w, c->x, "before", p->n0, p->d0);
        rate_json(&w, c->x, "after", p->n1, p->d1);
        json_amount(&w, "contribution", true, p->contribution);
        jw_object_end(&w);
    }
    jw_array_end(&w);
    jw_object_end(&w);
    return 0;
}

static int change_tx(Tx *tx, void *p, Err *err)
{
    const Change *c = p;
    const Kept *k0, *k1;
    PartList l = {0};
    TRY(kept_at(c, tx, c->before, &k0, err));
    TRY(kept_at(c, tx, c->now, &k1, err));
    if (k0) TRY(add_parts(c, k0, false, &l, err));
    if (k1) TRY(add_parts(c, k1, true, &l, err));
    return change_json(c, tx, &l, k0, k1, err);
}

int indicator_change(Request *rq, Err *err)
{
    static const char *const params[] = {"from", "by", NULL};
    Change c = {.rq = rq};
    Date day;
    Str by = request_param(rq, "by");
    TRY(route_indicator(rq, &c.x, err));
    TRY(route_params(rq, params, err));
    TRY(no_formula(c.x, err));
    TRY(route_day(rq, "from", clock_china_date(clock_now_us()), &day, err));
    c.by = by.p ? indicator_dim(c.x, by) : c.x->n_dims ? &c.x->dims[0] : NULL;
    if (!c.by) {
        err_set(err, ERR_INPUT, "这个指标没有%s", by.p ? "这个维度" : "维度，不能分解");
        return err_pointer(err, "by");
    }
    c.now = period_of(c.x->period, day);
    c.before = period_before(c.x->period, c.now);
    return store_read(rq->city->store, "indicator.change", change_tx, &c, err);
}

/* SPDX-License-Identifier: MulanPSL-2.0 */
/* The board and one indicator: values, targets, status, series with lineage. */
#include "insight/insight_int.h"

#include "model/url.h"

/* --- shared by the routes
 * ----------------------------------------------------------------------------------- */

void json_amount(JsonWriter *w, const char *key, bool there, Amount x)
{
    _cleanup_arena_ Arena *a = arena_new();
    jw_key(w, str_c(key));
    if (there)
        jw_raw(w, amount_text(a, x));
    else
        jw_null(w);
}

static void str_or_null(JsonWriter *w, const char *key, Str s)
{
    jw_key(w, str_c(key));
    s.n ? jw_str(w, s) : jw_null(w);
}

static void raw_or_null(JsonWriter *w, const char *key, Str json)
{
    jw_key(w, str_c(key));
    json.n ? jw_raw(w, json) : jw_null(w);
}

static int may_read(Request *rq, Err *err)
{
    Access access;
    const Insight *s = rq->city->insight;
    if (s && s->set->values) return access_check(rq->who, s->set->values, OP_READ, &access, err);
    if (!rq->who->user.n)
        return err_set(err, ERR_UNAUTHORIZED, "请先登录"), err_hint(err, "POST /api/session");
    return err_set(err, ERR_NOT_FOUND, "系统包里没有声明指标"), err_hint(err, "见 docs/indicators.md");
}

int route_indicator(Request *rq, const Indicator **ret, Err *err)
{
    TRY(may_read(rq, err));
    *ret = insight_find(rq->city->insight->set, rq->params[0]);
    if (*ret) return 0;
    err_set(err, ERR_NOT_FOUND, "没有名为 “%.48s” 的指标", str_cdup(rq->arena, rq->params[0]));
    return err_hint(err, "GET /api/indicators 列出全部");
}

int route_params(Request *rq, const char *const *names, Err *err)
{
    UrlParam params[20];
    size_t n = url_params(rq->arena, rq->query, params, 20);
    for (size_t i = 0; i < n; i++) {
        bool known = !params[i].name.n;
        for (size_t k = 0; names[k]; k++) known |= str_is(params[i].name, names[k]);
        if (known) continue;
        err_set(err, ERR_INPUT, "不认识的参数 “%.48s”", str_cdup(rq->arena, params[i].name));
        return err_pointer(err, "%.48s", str_cdup(rq->arena, params[i].name));
    }
    return 0;
}

int route_day(Request *rq, const char *name, Date otherwise, Date *ret, Err *err)
{
    Str s = request_param(rq, name);
    *ret = otherwise;
    if (!s.p) return 0;
    if (date_parse(s, ret, err) < 0 || ret->year < 1900 || ret->year > 2200)
        return err_set(err, ERR_INPUT, "%s 要写成日期，如 2025-06-03", name), err_pointer(err, "%s", name);
    return 0;
}

/* --- one value
 * ------------------------------------------------------------------------------------------------ */

static Date day_of(Str s)
{
    Date d = {1970, 1, 1};
    return date_parse(s, &d, NULL) == 0 ? d : (Date){1970, 1, 1};
}

/* When it was last known to hold: a current computed value holds as long as the journal is followed. */
static Str as_of(const Request *rq, const Kept *k)
{
    int64_t us, followed = atomic_load(&rq->city->insight->followed_us);
    Date to = day_of(k->to);
    if (!str_is(k->source, "computed") || clock_parse(k->computed_at, &us, NULL) < 0 || followed <= us)
        return k->computed_at;
    return date_cmp(clock_china_date(followed), to) <= 0 ? clock_str(rq->arena, followed) : k->computed_at;
}

static void target_json(JsonWriter *w, const Target *t)
{
    jw_key(w, S("target"));
    if (!t) return jw_null(w);
    jw_object(w);
    jw_kint(w, "year", t->year);
    json_amount(w, "value", true, t->value);
    jw_kstr(w, "op", t->op_text);
    str_or_null(w, "text", t->text);
    jw_object_end(w);
}

static void trend_json(JsonWriter *w, const Kept *k, size_t n)
{
    jw_key(w, S("trend"));
    jw_array(w);
    for (size_t i = n < TREND ? n : TREND; i-- > 0;) {
        jw_object(w);
        jw_kstr(w, "from", k[i].from);
        jw_kstr(w, "to", k[i].to);
        json_amount(w, "value", k[i].has_value, k[i].value);
        jw_object_end(w);
    }
    jw_array_end(w);
}

static Str words(const Request *rq, const Indicator *x, const Kept *k)
{
    Str wrong = insight_wrong(rq->city->insight, rq->arena, x);
    if (x->source == SOURCE_NONE) return S("尚无数据来源");
    if (wrong.n) return wrong;
    if (!k) return x->source == SOURCE_REPORTED ? S("尚未填报") : S("尚未算出");
    if (k->suppressed) return S("人数过少，不予公布");
    return k->has_value ? S("") : S("登记库里还没有数据");
}

static void declared_json(JsonWriter *w, const Indicator *x)
{
    jw_kstr(w, "id", x->id);
    jw_key(w, S("no"));
    x->no ? jw_int(w, x->no) : jw_null(w);
    jw_kstr(w, "title", x->title);
    jw_kstr(w, "group", x->group);
    jw_kstr(w, "unit", x->unit);
    jw_kstr(w, "direction", x->less ? S("less") : S("more"));
    jw_kstr(w, "period", str_c(period_name(x->period)));
    jw_kstr(w, "definition", x->definition);
    str_or_null(w, "owner", x->org);
    jw_key(w, S("departments"));
    jw_array(w);
    for (size_t i = 0; i < x->departments.n; i++) jw_str(w, x->departments.items[i]);
    jw_array_end(w);
    jw_kint(w, "version", x->version);
    jw_kstr(w, "source", str_c(source_name(x->source)));
    jw_key(w, S("by"));
    jw_array(w);
    for (size_t i = 0; i < x->n_dims; i++) jw_str(w, x->dims[i].name);
    jw_array_end(w);
}

static void item_json(Request *rq, JsonWriter *w, const Indicator *x, const Kept *kept, size_t n)
{
    const Kept *k = n && x->source != SOURCE_NONE ? &kept[0] : NULL;
    Date today = clock_china_date(clock_now_us()), day = k ? day_of(k->to) : today;
    if (date_cmp(day, today) > 0) day = today;
    const char *status = indicator_status(x, k && k->has_value, k ? k->value : 0, day);
    declared_json(w, x);
    json_amount(w, "value", k && k->has_value, k ? k->value : 0);
    str_or_null(w, "period_from", k ? k->from : S(""));
    str_or_null(w, "period_to", k ? k->to : S(""));
    str_or_null(w, "as_of", k ? as_of(rq, k) : S(""));
    target_json(w, target_for(x, day));
    jw_key(w, S("status"));
    status ? jw_str(w, str_c(status)) : jw_null(w);
    jw_kbool(w, "suppressed", k && k->suppressed);
    str_or_null(w, "say", words(rq, x, k));
    trend_json(w, kept, x->source == SOURCE_NONE ? 0 : n);
}

/* --- the board
 * ------------------------------------------------------------------------------------------------ */

static int board_tx(Tx *tx, void *p, Err *err)
{
    Request *rq = p;
    const InsightSet *s = rq->city->insight->set;
    Str group = request_param(rq, "group");
    JsonWriter w;
    buf_clear(&rq->out);
    jw_init(&w, &rq->out);
    jw_object(&w);
    jw_key(&w, S("items"));
    jw_array(&w);
    for (size_t i = 0; i < s->n; i++) {
        const Indicator *x = s->items[i];
        Wanted wanted = {.indicator = x->id, .whole = true, .limit = 3 * TREND};
        Kept *k = NULL;
        size_t n = 0;
        if (group.p && !str_eq(group, x->group)) continue;
        if (x->source != SOURCE_NONE) TRY(kept_read(s, tx, rq->arena, rq->who, &wanted, &k, &n, err));
        jw_object(&w);
        item_json(rq, &w, x, k, n);
        jw_object_end(&w);
    }
    jw_array_end(&w);
    jw_object_end(&w);
    return 0;
}

int indicators_get(Request *rq, Err *err)
{
    static const char *const params[] = {"group", NULL};
    TRY(may_read(rq, err));
    TRY(route_params(rq, params, err));
    return store_read(rq->city->store, "indicators", board_tx, rq, err);
}

/* --- one indicator
 * ---------------------------------------------------------------------------------------------- */

typedef struct Asked {
    Request *rq;
    const Indicator *x;
    Str from, to;
    const Dim *by;
} Asked;

static void numbers_json(JsonWriter *w, const Kept *k)
{
    json_amount(w, "value", k->has_value, k->value);
    json_amount(w, "num", k->num.kind != VAL_NULL, k->num.i);
    json_amount(w, "den", k->den.kind != VAL_NULL, k->den.i);
    jw_kbool(w, "suppressed", k->suppressed);
}

static void lineage_json(JsonWriter *w, const Kept *k)
{
    if (str_is(k->source, "reported")) {
        jw_key(w, S("reported"));
        jw_object(w);
        jw_kstr(w, "by", k->reported_by);
        jw_kstr(w, "at", k->computed_at);
        str_or_null(w, "file", k->file);
        str_or_null(w, "note", k->note);
        jw_object_end(w);
        return;
    }
    jw_key(w, S("lineage"));
    jw_object(w);
    jw_kint(w, "journal_seq", k->seq);
    jw_kint(w, "rows", k->rows);
    jw_kstr(w, "computed_at", k->computed_at);
    raw_or_null(w, "measures", k->lineage);
    jw_object_end(w);
}

static int regions_json(const Asked *q, Tx *tx, JsonWriter *w, const Kept *of, const Kept *all, size_t n,
                        Err *err)
{
    Arena *a = q->rq->arena;
    Str *keys = ARENA_ARRAY(a, Str, n + 1), *titles = ARENA_ARRAY(a, Str, n + 1);
    for (size_t i = 0; i < n; i++) keys[i] = all[i].region;
    TRY(titles_read(q->rq->city->insight->set, tx, a, q->by, keys, n, titles, err));
    jw_key(w, S("regions"));
    jw_array(w);
    for (size_t i = 0; i < n; i++) {
        if (!str_eq(all[i].from, of->from)) continue;
        jw_object(w);
        jw_kstr(w, "region", all[i].region);
        jw_kstr(w, "title", titles[i]);
        numbers_json(w, &all[i]);
        jw_object_end(w);
    }
    jw_array_end(w);
    return 0;
}

static int parts_json(const Asked *q, Tx *tx, JsonWriter *w, const Kept *k, Err *err)
{
    Arena *a = q->rq->arena;
    json_t *o = NULL;
    if (k->parts.n) TRY(json_parse(a, k->parts, &o, err));
    json_t *list = o ? json_object_getn(o, q->by->name.p, q->by->name.n) : NULL;
    size_t n = json_array_size(list);
    Str *keys = ARENA_ARRAY(a, Str, n + 1), *titles = ARENA_ARRAY(a, Str, n + 1);
    for (size_t i = 0; i < n; i++) {
        const json_t *key = json_array_get(json_array_get(list, i), 0);
        keys[i] = str_n(json_string_value(key), json_string_length(key));
    }
    TRY(titles_read(q->rq->city->insight->set, tx, a, q->by, keys, n, titles, err));
    jw_key(w, S("parts"));
    jw_array(w);
    for (size_t i = 0; i < n; i++) {
        const json_t *part = json_array_get(list, i);
        jw_object(w);
        jw_kstr(w, "key", keys[i]);
        jw_kstr(w, "title", titles[i]);
        jw_key(w, S("num"));
        jw_json(w, json_array_get(part, 1));
        if (q->x->ratio) {
            jw_key(w, S("den"));
            jw_json(w, json_array_get(part, 2));
        }
        jw_object_end(w);
    }
    jw_array_end(w);
    return 0;
}

static int one_tx(Tx *tx, void *p, Err *err)
{
    const Asked *q = p;
    Request *rq = q->rq;
    const InsightSet *s = rq->city->insight->set;
    bool limited = q->from.n || q->to.n;
    Wanted whole = {q->x->id, true, S(""), S(""), 3 * TREND},
           series = {q->x->id, true, q->from, q->to, limited ? 1000 : 3 * TREND},
           counties = {q->x->id, false, q->from, q->to, 20000};
    Kept *latest, *all, *regions = NULL;
    size_t n_latest, n, n_regions = 0;
    JsonWriter w;
    TRY(kept_read(s, tx, rq->arena, rq->who, &whole, &latest, &n_latest, err));
    TRY(kept_read(s, tx, rq->arena, rq->who, &series, &all, &n, err));
    if (q->by && q->by->region)
        TRY(kept_read(s, tx, rq->arena, rq->who, &counties, &regions, &n_regions, err));
    buf_clear(&rq->out);
    jw_init(&w, &rq->out);
    jw_object(&w);
    item_json(rq, &w, q->x, latest, n_latest);
    jw_key(&w, S("series"));
    jw_array(&w);
    for (size_t i = limited || n < TREND ? n : TREND; i-- > 0;) {
        jw_object(&w);
        jw_kstr(&w, "from", all[i].from);
        jw_kstr(&w, "to", all[i].to);
        jw_kint(&w, "version", all[i].version);
        numbers_json(&w, &all[i]);
        jw_kstr(&w, "as_of", as_of(rq, &all[i]));
        lineage_json(&w, &all[i]);
        if (q->by && q->by->region) TRY(regions_json(q, tx, &w, &all[i], regions, n_regions, err));
        if (q->by) TRY(parts_json(q, tx, &w, &all[i], err));
        jw_object_end(&w);
    }
    jw_array_end(&w);
    jw_object_end(&w);
    return 0;
}

int indicator_get(Request *rq, Err *err)
{
    static const char *const params[] = {"from", "to", "by", NULL};
    Asked q = {.rq = rq};
    Date d;
    Str by = request_param(rq, "by");
    TRY(route_indicator(rq, &q.x, err));
    TRY(route_params(rq, params, err));
    TRY(route_day(rq, "from", (Date){1900, 1, 1}, &d, err));
    if (request_param(rq, "from").p) q.from = date_str(rq->arena, d);
    TRY(route_day(rq, "to", (Date){2200, 1, 1}, &d, err));
    if (request_param(rq, "to").p) q.to = date_str(rq->arena, d);
    if (by.p && !(q.by = indicator_dim(q.x, by))) {
        err_set(err, ERR_INPUT, "这个指标没有维度 “%.48s”", str_cdup(rq->arena, by));
        return err_pointer(err, "by");
    }
    return store_read(rq->city->store, "indicator", one_tx, &q, err);
}

/* SPDX-License-Identifier: MulanPSL-2.0 */
/* What people report: one period's value with the file it rests on. Marked as reported, with who and when. */
#include "insight/insight_int.h"

#include <stddef.h>

typedef struct Body {
    Str from, to, region, file, note;
    const json_t *value;
} Body;

const JsonField indicator_report_input[] = {
    {"from", JSON_T_STR, offsetof(Body, from), .required = true, .max = 10, .title = "周期的第一天"},
    {"to", JSON_T_STR, offsetof(Body, to), .max = 10, .title = "周期的最后一天"},
    {"region", JSON_T_STR, offsetof(Body, region), .max = 12, .title = "县级区划；不写 = 全市"},
    {"value", JSON_T_ANY, offsetof(Body, value), .required = true, .title = "数，或写成文字的数"},
    {"file", JSON_T_STR, offsetof(Body, file), .required = true, .max = 64,
     .title = "依据文件（/api/files 的编号）"},
    {"note", JSON_T_STR, offsetof(Body, note), .max = 2000, .title = "说明"},
    {0}};

typedef struct Report {
    Request *rq;
    const Indicator *x;
    Body body;
    Period p;
    Amount value;
    int64_t now_us;
    bool made;
    Str code;
} Report;

static int wrong(Err *err, const char *field, const char *what)
{
    err_set(err, ERR_VALIDATION, "%s", what);
    return err_pointer(err, "/%s", field);
}

static int read_value(Report *r, Err *err)
{
    const json_t *v = r->body.value;
    char text[40];
    Str s = S("");
    if (json_is_string(v)) s = str_n(json_string_value(v), json_string_length(v));
    if (json_is_integer(v))
        snprintf(text, sizeof text, "%lld", (long long)json_integer_value(v)), s = str_c(text);
    if (json_is_real(v)) snprintf(text, sizeof text, "%.15g", json_real_value(v)), s = str_c(text);
    if (amount_parse(s, &r->value, err) < 0) return err_pointer(err, "/value");
    return 0;
}

static int read_period(Report *r, Err *err)
{
    Date from, to, today = clock_china_date(r->now_us);
    if (date_parse(r->body.from, &from, NULL) < 0 || from.year < 1900)
        return wrong(err, "from", "from 不是日期");
    r->p = period_of(r->x->period, from);
    if (date_cmp(r->p.from, from) != 0) return wrong(err, "from", "from 要写周期的第一天");
    if (date_cmp(from, today) > 0) return wrong(err, "from", "周期还没有开始");
    if (!r->body.to.n) return 0;
    if (date_parse(r->body.to, &to, NULL) < 0) return wrong(err, "to", "to 不是日期");
    return date_cmp(to, r->p.to) ? wrong(err, "to", "to 要写周期的最后一天") : 0;
}

/* The actor may create values of this owner organisation (and region). The record is written in the program's
   name for its fields, in the actor's name for the journal. */
static int covered(const Report *r, Tx *tx, const Access *access, Err *err)
{
    const Entity *e = r->rq->city->insight->set->values;
    Build b;
    Val v;
    build_init(&b, r->rq->arena, tx_dialect(tx));
    build_add(&b, "select 1 from ");
    build_name(&b, e->name);
    build_add(&b, " t where t.code = ");
    build_arg(&b, V_TEXT(r->code));
    access_where(&b, "t", r->rq->who, e, access);
    Sql sql = build_sql(&b, "insight.covered");
    int rc = tx_one(tx, r->rq->arena, &sql, b.args, b.n, &v, err);
    if (rc != -(int)ERR_NOT_FOUND) return rc;
    return err_set(err, ERR_FORBIDDEN, "这个指标不由您的机构填报"), err_hint(err, "由责任机构的人填报");
}

static int fill(const Report *r, Input *in, Err *err)
{
    Arena *a = r->rq->arena;
    const Entity *e = r->rq->city->insight->set->values;
    const struct {
        const char *name;
        Str text;
    } rows[] = {{"indicator", r->x->id},
                {"version", str_fmt(a, "%lld", (long long)r->x->version)},
                {"period_from", date_str(a, r->p.from)},
                {"period_to", date_str(a, r->p.to)},
                {"region", r->body.region},
                {"org", r->x->org},
                {"value", amount_text(a, r->value)},
                {"source", S("reported")},
                {"computed_at", clock_str(a, r->now_us)},
                {"reported_by", r->rq->who->user},
                {"file", r->body.file},
                {"note", r->body.note}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        TRY(put_text(a, e, rows[i].name, rows[i].text, in, err));
    return 0;
}

static int file_there(const Report *r, Tx *tx, Err *err)
{
    bool there = false;
    const Model *m = r->rq->city->model;
    TRY(record_visible(tx, r->rq->arena, m, r->rq->who, model_entity(m, S("file")), r->body.file, &there,
                       err));
    return there ? 0 : wrong(err, "file", "没有这个文件，或您看不到它；先用 POST /api/files 上传");
}

static int report_tx(Tx *tx, void *p, Err *err)
{
    Report *r = p;
    Request *rq = r->rq;
    const Entity *e = rq->city->insight->set->values;
    Access access;
    Actor who = *rq->who;
    who.system = true;
    Writer w = {rq->arena, rq->city->model, tx, &who, rq->trace, r->now_us, false};
    Input in = input_new(rq->arena, e);
    bool changed;
    Str id;
    TRY(access_check(rq->who, e, OP_CREATE, &access, err));
    TRY(file_there(r, tx, err));
    TRY(fill(r, &in, err));
    r->code = value_key(rq->arena, r->x, r->p, r->body.region);
    Err update = ERR_INIT;
    int rc = record_update(&w, e, V_TEXT(r->code), &in, 0, &changed, &update);
    r->made = rc == -(int)ERR_NOT_FOUND;
    if (r->made) {
        TRY(put_text(rq->arena, e, "code", r->code, &in, err));
        rc = record_insert(&w, e, &in, &id, err);
    } else if (rc < 0)
        *err = update;
    TRY(rc);
    return covered(r, tx, &access, err);
}

static void answer(Report *r)
{
    Request *rq = r->rq;
    JsonWriter w;
    buf_clear(&rq->out);
    jw_init(&w, &rq->out);
    jw_object(&w);
    jw_kstr(&w, "id", r->code);
    jw_kstr(&w, "indicator", r->x->id);
    jw_kstr(&w, "from", date_str(rq->arena, r->p.from));
    jw_kstr(&w, "to", date_str(rq->arena, r->p.to));
    jw_key(&w, S("region"));
    r->body.region.n ? jw_str(&w, r->body.region) : jw_null(&w);
    json_amount(&w, "value", true, r->value);
    jw_kint(&w, "version", r->x->version);
    jw_kstr(&w, "source", S("reported"));
    jw_kstr(&w, "reported_by", rq->who->user);
    jw_kstr(&w, "reported_at", clock_str(rq->arena, r->now_us));
    jw_kstr(&w, "file", r->body.file);
    jw_object_end(&w);
    rq->status = r->made ? 201 : 200;
}

int indicator_report(Request *rq, Err *err)
{
    Report r = {.rq = rq, .now_us = clock_now_us()};
    Access access;
    json_t *o;
    TRY(route_indicator(rq, &r.x, err));
    TRY(access_check(rq->who, rq->city->insight->set->values, OP_CREATE, &access, err));
    TRY(json_parse(rq->arena, rq->body, &o, err));
    TRY(json_decode(rq->arena, o, indicator_report_input, &r.body, err));
    if (r.x->source != SOURCE_REPORTED)
        return err_set(err, ERR_VALIDATION,
                       r.x->source == SOURCE_NONE ? "指标尚无数据来源，不能填报"
                                                  : "指标由记录算出，不能填报"),
               err_hint(err, "在 indicators.yaml 里声明 source: reported");
    TRY(read_value(&r, err));
    TRY(read_period(&r, err));
    if (r.body.region.n && (r.body.region.n != REGION_N || str_ends(r.body.region, S("00"))))
        return wrong(err, "region", "region 要写 6 位县级区划代码；全市的值不写 region");
    TRY(store_tx(rq->city->store, "indicator.report", report_tx, &r, err));
    answer(&r);
    return 0;
}

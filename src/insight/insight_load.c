/* SPDX-License-Identifier: MulanPSL-2.0 */
/* indicators.yaml of every pack to one immutable set, with every fault of every file. */
#include "insight/insight_int.h"

#include "base/sm.h"
#include "base/text.h"
#include "model/pack_insight.h"
#include <unistd.h>

typedef struct Loader {
    InsightSet *s;
    Faults *f;
} Loader;

const char *source_name(SourceKind k)
{
    return k == SOURCE_COMPUTED ? "computed" : k == SOURCE_REPORTED ? "reported" : "none";
}

const Indicator *insight_find(const InsightSet *s, Str id)
{
    for (size_t i = 0; i < s->n; i++)
        if (str_eq(s->items[i]->id, id)) return s->items[i];
    return NULL;
}

const Dim *indicator_dim(const Indicator *x, Str name)
{
    for (size_t i = 0; i < x->n_dims; i++)
        if (str_eq(x->dims[i].name, name)) return &x->dims[i];
    return NULL;
}

bool indicator_about_people(const Indicator *x)
{
    return x->source == SOURCE_COMPUTED &&
           (x->num.entity->about_people || (x->ratio && x->den.entity->about_people));
}

static Str near(Loader *l, Str found, const char *otherwise)
{
    return found.n ? str_fmt(l->s->a, "是不是 “" STR_FMT "”", STR_ARG(found)) : str_c(otherwise);
}

static const Field *field_at(Loader *l, const Entity *e, const Yaml *y)
{
    if (!y) return NULL;
    const Field *f = entity_field(e, y->text);
    if (!f)
        fault_add(l->f, y->at, near(l, entity_nearest(e, y->text), "写该实体已有的字段"),
                  "“" STR_FMT "” 没有字段 “" STR_FMT "”", STR_ARG(e->name), STR_ARG(y->text));
    return f;
}

/* --- measures --------------------------------------------------------------------------------------------
 */

static void use(Loader *l, Measure *m, const Field *f)
{
    for (size_t i = 0; i < m->n_used; i++)
        if (m->used[i] == f) return;
    if (f) *ARENA_PUSH(l->s->a, m->used, m->n_used, m->cap_used) = f;
}

static void use_cond(Loader *l, Measure *m, const Cond *c)
{
    use(l, m, c->field);
    for (size_t i = 0; i < c->n; i++) use_cond(l, m, c->kids[i]);
}

/* What is summed must stay exact in hundredths. */
static const Field *number_at(Loader *l, const Entity *e, const Yaml *y)
{
    const Field *f = field_at(l, e, y);
    if (!f) return NULL;
    if (f->storage == STORE_INT || (f->storage == STORE_NUM && f->scale <= 2)) return f;
    fault_add(l->f, y->at, S("选一个 int、money 字段，或 scale 不超过 2 的 decimal 字段"),
              "字段 “" STR_FMT "” 不能求和", STR_ARG(f->name));
    return NULL;
}

/* y: what the fault points at. */
static void check_where(Loader *l, Measure *m, const Yaml *y)
{
    static const Actor program = {.system = true};
    QueryCtx c = {l->s->a, l->s->m, &program, S("")};
    Query *q;
    Err err = ERR_INIT;
    Date day = {2025, 6, 3};
    Str query = measure_query(l->s->a, m, period_of(PERIOD_MONTH, day), day, S(""));
    if (measure_parse(&c, m, query, &q, &err) < 0) {
        fault_add(l->f, y->at, str_dup(l->s->a, str_c(err.hint)), "条件：%s", err.msg);
        return;
    }
    use_cond(l, m, q->where);
}

static void check_on(Loader *l, Measure *m, const Yaml *y)
{
    m->on = field_at(l, m->entity, y);
    if (!m->on || m->on->storage == STORE_DATE || m->on->storage == STORE_AT) return;
    fault_add(l->f, y->at, S("选一个 date 或 datetime 字段"), "字段 “" STR_FMT "” 不是日期",
              STR_ARG(y->text));
    m->on = NULL;
}

/* False when there is no entity to go on with. ret_avg: the field of which the average is wanted. */
static bool read_measure(Loader *l, const Yaml *y, Measure *m, const Field **ret_avg)
{
    MeasureFile x = {0};
    *m = (Measure){0}; /* a ratio may follow an `of` that is refused beside it */
    if (!y || !pack_decode(y, measure_keys, &x, l->f) || !x.entity) return false;
    m->entity = model_entity(l->s->m, x.entity->text);
    if (!m->entity)
        fault_add(l->f, x.entity->at, near(l, model_nearest(l->s->m, x.entity->text), "写已有实体的名字"),
                  "实体 “" STR_FMT "” 不存在", STR_ARG(x.entity->text));
    else if (m->entity == l->s->values)
        fault_add(l->f, x.entity->at, S("统计业务实体"), "指标不能由指标的值算出"), m->entity = NULL;
    if (!m->entity) return false;
    if ((x.count != NULL) + (x.sum != NULL) + (x.avg != NULL) > 1)
        fault_add(l->f, y->at, S("留下一个"), "count、sum、avg 只能写一个");
    if (x.avg && !ret_avg) fault_add(l->f, x.avg->at, S("分子、分母用 count 或 sum"), "这里不能用 avg");
    m->where = x.where ? x.where->text : S("");
    check_on(l, m, x.on);
    m->sum = number_at(l, m->entity, x.sum ? x.sum : x.avg);
    use(l, m, m->sum);
    use(l, m, m->on);
    check_where(l, m, x.where ? x.where : x.entity);
    if (ret_avg && x.avg) *ret_avg = m->sum;
    return true;
}

static void read_formula(Loader *l, Indicator *x, const IndicatorFile *y)
{
    RatioFile r = {0};
    const Field *avg = NULL;
    if (y->of && read_measure(l, y->of, &x->num, &avg) && avg) {
        x->ratio = true, x->times = 1;
        x->den = x->num;
        x->den.sum = NULL, x->den.not_null = true, x->den.some = avg;
    }
    if (y->ratio && pack_decode(y->ratio, ratio_keys, &r, l->f)) {
        x->ratio = true;
        x->times = pack_int(r.times, 100);
        if (x->times < 1 || x->times > 1000000)
            fault_add(l->f, r.times->at, S("写 1 到 1000000"), "times 超出范围"), x->times = 100;
        read_measure(l, r.num, &x->num, NULL);
        read_measure(l, r.den, &x->den, NULL);
    }
}

/* --- dimensions -------------------------------------------------------------------------------------------
 */

static const Field *dim_field(const Entity *e, Str name)
{
    return str_is(name, "region") ? e->region : entity_field(e, name);
}

static void add_dim(Loader *l, Indicator *x, const Yaml *y)
{
    Dim d = {.name = y->text, .region = str_is(y->text, "region")};
    if (!x->num.entity || (x->ratio && !x->den.entity)) return;
    d.num = dim_field(x->num.entity, d.name);
    d.den = x->ratio ? dim_field(x->den.entity, d.name) : d.num;
    if (!d.num || !d.den) {
        const Entity *e = d.num ? x->den.entity : x->num.entity;
        fault_add(l->f, y->at,
                  near(l, entity_nearest(e, d.name), "写该实体的 enum、org、ref、text 字段或 region"),
                  "“" STR_FMT "” 没有维度 “" STR_FMT "”", STR_ARG(e->name), STR_ARG(d.name));
        return;
    }
    bool kind = d.num->storage == STORE_TEXT && (d.num->codes || d.num->to || d.num->type == F_TEXT) &&
                d.num->sensitivity < 3;
    if (!kind || d.num->codes != d.den->codes || d.num->to != d.den->to) {
        fault_add(l->f, y->at, S("写 enum、org、ref、text 字段或 region"), "“" STR_FMT "” 不能作维度",
                  STR_ARG(d.name));
        return;
    }
    if (indicator_dim(x, d.name) || x->n_dims == DIMS_MAX)
        return fault_add(l->f, y->at, S("去掉它"), "维度重复，或多于 %d 个", DIMS_MAX);
    use(l, &x->num, d.num);
    if (x->ratio) use(l, &x->den, d.den);
    x->dims[x->n_dims++] = d;
}

static void read_dims(Loader *l, Indicator *x, const Yaml *y)
{
    if (!y) return;
    if (x->source != SOURCE_COMPUTED) return fault_add(l->f, y->at, S("删去 by"), "没有公式的指标不分维度");
    if (y->kind == YAML_SCALAR) add_dim(l, x, y);
    for (size_t i = 0; y->kind == YAML_LIST && i < y->n; i++) add_dim(l, x, y->items[i]);
}

/* --- targets ----------------------------------------------------------------------------------------------
 */

static Amount amount_at(Loader *l, const Yaml *y)
{
    Amount v = 0;
    Err err = ERR_INIT;
    if (y && amount_parse(y->text, &v, &err) < 0) fault_add(l->f, y->at, S("如 87.5"), "%s", err.msg);
    return v;
}

static TargetOp op_of(const Indicator *x, Str op)
{
    if (str_is(op, "gt")) return TARGET_GT;
    if (str_is(op, "lt")) return TARGET_LT;
    if (str_is(op, "le") || (x->less && !str_is(op, "ge"))) return TARGET_LE;
    return TARGET_GE;
}

static void read_target(Loader *l, Indicator *x, const Yaml *y)
{
    TargetFile t = {0};
    if (!pack_decode(y, target_keys, &t, l->f) || !t.year || !t.value) return;
    int64_t year = pack_int(t.year, 0);
    if (year < 1949 || year > 2100)
        return fault_add(l->f, t.year->at, S("写四位年份"), "年份 %lld 超出范围", (long long)year);
    if (x->n_targets && x->targets[x->n_targets - 1].year >= year)
        return fault_add(l->f, t.year->at, S("按年份从早到晚写"), "目标的年份重复或次序不对");
    if (x->n_targets == TARGETS_MAX) return fault_add(l->f, y->at, S("减少目标"), "目标过多");
    Str op = t.op ? t.op->text : x->less ? S("le") : S("ge");
    *ARENA_PUSH(l->s->a, x->targets, x->n_targets, x->cap_targets) =
        (Target){(int)year, amount_at(l, t.value), op_of(x, op), op, pack_text(t.text)};
}

static void read_plan(Loader *l, Indicator *x, const IndicatorFile *y)
{
    TargetFile b = {0};
    for (size_t i = 0; y->targets && i < y->targets->n; i++) read_target(l, x, y->targets->items[i]);
    if (!y->baseline || !pack_decode(y->baseline, baseline_keys, &b, l->f) || !b.year || !b.value) return;
    x->has_base = true;
    x->base_year = (int)pack_int(b.year, 0);
    x->base = amount_at(l, b.value);
}

/* --- one indicator ----------------------------------------------------------------------------------------
 */

static PeriodKind period_at(const Yaml *y)
{
    for (PeriodKind k = PERIOD_DAY; y && k <= PERIOD_YEAR; k++)
        if (str_is(y->text, period_name(k))) return k;
    return PERIOD_MONTH;
}

static void measure_text(Buf *b, const Measure *m)
{
    buf_addf(b, "|" STR_FMT "?" STR_FMT "|", STR_ARG(m->entity->name), STR_ARG(m->where));
    if (m->on) buf_add(b, m->on->name);
    buf_addc(b, '|');
    if (m->sum) buf_add(b, m->sum->name);
    buf_adds(b, m->not_null ? "!" : "");
}

static void set_formula(Loader *l, Indicator *x)
{
    Buf b;
    char hex[SM3_HEX_SIZE];
    if (x->source != SOURCE_COMPUTED || !x->num.entity || (x->ratio && !x->den.entity)) return;
    buf_init(&b, 1 << 16);
    buf_addf(&b, "%d|%lld", (int)x->period, (long long)x->times);
    measure_text(&b, &x->num);
    if (x->ratio) measure_text(&b, &x->den);
    sm3_hex(buf_str(&b), hex);
    buf_done(&b);
    x->formula = str_dup(l->s->a, str_c(hex));
}

static bool known(Loader *l, const IndicatorFile *y)
{
    const Indicator *other = insight_find(l->s, y->id->text);
    bool here = other && !strcmp(other->at.file, y->id->at.file);
    if (here)
        fault_add(l->f, y->id->at, str_fmt(l->s->a, "换一个名字（已在第 %d 行声明）", other->at.line),
                  "指标 “" STR_FMT "” 重复声明", STR_ARG(y->id->text));
    else if (other)
        fault_add(l->f, y->id->at,
                  str_fmt(l->s->a, "换一个名字（已在 %s:%d 声明）", other->at.file, other->at.line),
                  "指标 “" STR_FMT "” 重复声明", STR_ARG(y->id->text));
    if (l->s->n == INDICATORS_MAX)
        fault_add(l->f, y->id->at, S("减少指标"), "指标超过 %d 个", INDICATORS_MAX);
    return other || l->s->n == INDICATORS_MAX;
}

static void set_range(Loader *l, const Yaml *y, int64_t lo, int64_t hi, int64_t otherwise, int64_t *ret)
{
    *ret = pack_int(y, otherwise);
    if (y && (*ret < lo || *ret > hi))
        fault_add(l->f, y->at, str_fmt(l->s->a, "写 %lld 到 %lld", (long long)lo, (long long)hi),
                  "%lld 超出范围", (long long)*ret);
}

static void read_indicator(Loader *l, const Yaml *node)
{
    IndicatorFile y = {0};
    int64_t past;
    if (!pack_decode(node, indicator_keys, &y, l->f) || !y.id || known(l, &y)) return;
    Indicator *x = ARENA_NEW(l->s->a, Indicator);
    *x = (Indicator){.id = y.id->text,
                     .title = pack_text(y.title),
                     .group = pack_text(y.group),
                     .unit = pack_text(y.unit),
                     .definition = pack_text(y.definition),
                     .org = pack_text(y.org),
                     .less = y.direction && str_is(y.direction->text, "less"),
                     .period = period_at(y.period),
                     .departments = pack_texts(l->s->a, y.departments),
                     .times = 1,
                     .at = y.id->at,
                     .i = l->s->n};
    *ARENA_PUSH(l->s->a, l->s->items, l->s->n, l->s->cap) = x;
    set_range(l, y.no, 1, 999999, 0, &x->no);
    set_range(l, y.version, 1, 9999, 1, &x->version);
    if ((y.of != NULL) + (y.ratio != NULL) + (y.source != NULL) != 1)
        fault_add(l->f, y.id->at, S("在 of、ratio、source 里写一个"), "要且只要说一种来源");
    if (y.source) x->source = str_is(y.source->text, "none") ? SOURCE_NONE : SOURCE_REPORTED;
    read_formula(l, x, &y);
    read_dims(l, x, y.by);
    set_range(l, y.past, 0, PAST_MAX, x->num.on || x->den.on ? 12 : 0, &past);
    x->past = (int)past;
    read_plan(l, x, &y);
    set_formula(l, x);
}

/* --- files ------------------------------------------------------------------------------------------------
 */

static void read_file(Loader *l, const Yaml *root)
{
    const Yaml *list = NULL;
    if (!root || !pack_decode(root, indicators_keys, &list, l->f) || !list) return;
    for (size_t i = 0; i < list->n; i++) read_indicator(l, list->items[i]);
}

static InsightSet *set_new(const Model *m)
{
    Arena *a = arena_new();
    InsightSet *s = ARENA_NEW(a, InsightSet);
    s->a = a;
    s->m = m;
    s->values = model_entity(m, S("indicator_value"));
    return s;
}

static int finish(InsightSet *s, Faults *f, size_t before, InsightSet **ret, Err *err)
{
    if (f->n == before) return *ret = s, 0;
    faults_sort(f);
    size_t n = f->n - before;
    for (size_t i = 0; i < f->n; i++) { /* the faults outlive the set: their words must, too */
        f->items[i].file = str_cdup(f->arena, str_c(f->items[i].file));
        f->items[i].fix = str_dup(f->arena, f->items[i].fix);
    }
    insight_set_free(s);
    return err_set(err, ERR_PACK, "指标有 %zu 处错误，整套未被采用", n);
}

int insight_load(const Model *m, Faults *f, InsightSet **ret, Err *err)
{
    InsightSet *s = set_new(m);
    size_t before = f->n;
    for (size_t i = 0; i < m->n_systems; i++) {
        Loader l = {s, f};
        if (!m->systems[i].dir.n) continue;
        Str path = str_fmt(s->a, STR_FMT "/indicators.yaml", STR_ARG(m->systems[i].dir));
        if (access(path.p, F_OK) == 0) read_file(&l, yaml_read(s->a, path.p, path.p, f));
    }
    return finish(s, f, before, ret, err);
}

int insight_load_text(const Model *m, const char *shown, Str text, Faults *f, InsightSet **ret, Err *err)
{
    InsightSet *s = set_new(m);
    size_t before = f->n;
    Loader l = {s, f};
    read_file(&l, yaml_parse(s->a, text, shown, f));
    return finish(s, f, before, ret, err);
}

int insight_check(const Model *m, Faults *f, Err *err)
{
    _cleanup_insightset_ InsightSet *s = NULL;
    return insight_load(m, f, &s, err);
}

void insight_set_free(InsightSet *s)
{
    if (s) arena_free(s->a);
}

void insight_set_freep(InsightSet **s) { insight_set_free(TAKE(*s)); }
size_t insight_count(const InsightSet *s) { return s->n; }

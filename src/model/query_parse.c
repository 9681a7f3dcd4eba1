/* SPDX-License-Identifier: MulanPSL-2.0 */
/* The parameters of a query string: select first (it makes the embeds that others refer to), then the rest.
 */
#include "model/query_int.h"

#include "base/clock.h"
#include "base/text.h"
#include "model/url.h"
#include "model/value.h"

enum { PARAMS_MAX = 500 };

Query *query_new(const QueryCtx *c, const Entity *e)
{
    Query *q = ARENA_NEW(c->a, Query);
    q->a = c->a;
    q->entity = e;
    q->limit = -1;
    q->where = cond_new(c, COND_AND);
    return q;
}

Cond *cond_new(const QueryCtx *c, CondKind kind)
{
    Cond *k = ARENA_NEW(c->a, Cond);
    k->kind = kind;
    return k;
}

void cond_add(const QueryCtx *c, Cond *group, Cond *kid)
{
    *ARENA_PUSH(c->a, group->kids, group->n, group->cap) = kid;
}

int query_field(const Entity *e, Str name, const char *param, const Field **ret, Err *err)
{
    *ret = entity_field(e, name);
    if (*ret) return 0;
    Str near = entity_nearest(e, name);
    err_set(err, ERR_INPUT, "“" STR_FMT "” 没有字段 “" STR_FMT "”", STR_ARG(e->name),
            STR_ARG(text_cut(name, 48)));
    if (param)
        err_pointer(err, "%s", param);
    else
        err_pointer(err, STR_FMT, STR_ARG(text_cut_bytes(name, 200)));
    if (near.n) return err_hint(err, "是不是 “" STR_FMT "”", STR_ARG(near));
    return err_hint(err, "可用的字段见 /api/entities/" STR_FMT, STR_ARG(e->name));
}

static Embed *embed_by_name(const Query *q, Str name)
{
    for (size_t i = 0; i < q->n_picks; i++)
        if (q->picks[i].embed && str_eq(q->picks[i].embed->name, name)) return q->picks[i].embed;
    return NULL;
}

static const Pick *figure_by_name(const Query *q, Str name)
{
    for (size_t i = 0; i < q->n_picks; i++)
        if (q->picks[i].agg && str_eq(q->picks[i].name, name)) return &q->picks[i];
    return NULL;
}

/* What a query of figures may be sorted by: what it is grouped by. */
static int check_grouped(const Query *q, const Field *f, Err *err)
{
    for (size_t i = 0; i < q->n_picks; i++) {
        const Pick *p = &q->picks[i];
        if (!p->agg && (p->field == f || (p->embed && p->embed->via == f))) return 0;
    }
    err_set(err, ERR_INPUT, "统计时不能按 “" STR_FMT "” 排序", STR_ARG(f->name));
    err_pointer(err, "order");
    return err_hint(err, "按 select 里分组的字段或统计的名字排序");
}

/* Their order would tell of groups whose figures are withheld. */
static int check_figure(const QueryCtx *c, const Query *q, Err *err)
{
    if (!q->entity->about_people || c->who->system) return 0;
    err_set(err, ERR_INPUT, "涉及个人的统计不能按结果排序，人数少的组不公布");
    err_pointer(err, "order");
    return err_hint(err, "取得结果后再排序");
}

static int sort_field(const QueryCtx *c, const Query *of, const Sort *s, Err *err)
{
    TRY(access_field(c->who, s->field, "order", err));
    if (!s->field->sealed && s->field->storage < STORE_GEO &&
        !access_masks(c->who, of->entity, s->field, &of->access))
        return 0;
    err_set(err, ERR_INPUT, "不能按 “" STR_FMT "” 排序", STR_ARG(s->field->name));
    return err_pointer(err, "order");
}

static int sort_item(const QueryCtx *c, Query *q, Str item, Err *err)
{
    Sort s = {0};
    Str rest = item, part, name;
    ptrdiff_t open = str_find(item, '(');
    if (open > 0) { /* relation(field) */
        ptrdiff_t close = str_find(item, ')');
        Embed *m = embed_by_name(q, str_n(item.p, (size_t)open));
        if (close < open || !m || m->kind != EMBED_ONE) {
            err_set(err, ERR_INPUT, "order 里的 “" STR_FMT "” 不是 select 中的单个引用",
                    STR_ARG(text_cut(item, 60)));
            return err_pointer(err, "order");
        }
        s.embed = m;
        TRY(query_field(m->query->entity, str_n(item.p + open + 1, (size_t)(close - open) - 1), "order",
                        &s.field, err));
        rest = str_from(item, (size_t)close + 1);
        if (rest.n)
            rest = str_from(rest, 1);
        else
            rest = STR_NONE;
    } else {
        if (!str_split(&rest, '.', &name)) return 0;
        if ((s.figure = figure_by_name(q, name)))
            TRY(check_figure(c, q, err));
        else
            TRY(query_field(q->entity, name, "order", &s.field, err));
    }
    while (str_split(&rest, '.', &part)) {
        if (str_is(part, "desc"))
            s.desc = true;
        else if (str_is(part, "nullsfirst"))
            s.nulls = 'f';
        else if (str_is(part, "nullslast"))
            s.nulls = 'l';
        else if (!str_is(part, "asc")) {
            err_set(err, ERR_INPUT, "order 里不认识 “" STR_FMT "”", STR_ARG(text_cut(part, 30)));
            err_pointer(err, "order");
            return err_hint(err, "写成 字段.asc 或 字段.desc，可加 .nullsfirst / .nullslast");
        }
    }
    if (s.field) TRY(sort_field(c, s.embed ? s.embed->query : q, &s, err));
    if (s.field && q->aggregate && !s.embed) TRY(check_grouped(q, s.field, err));
    *ARENA_PUSH(c->a, q->sorts, q->n_sorts, q->cap_sorts) = s;
    return 0;
}

static int parse_order(const QueryCtx *c, Query *q, Str text, Err *err)
{
    Str rest = text, item;
    q->n_sorts = 0;
    while (query_next_item(&rest, &item)) {
        if (str_trim(item).n) TRY(sort_item(c, q, str_trim(item), err));
        if (q->n_sorts > 20) return err_set(err, ERR_INPUT, "order 的字段过多"), err_pointer(err, "order");
    }
    return 0;
}

static int parse_number(Str name, Str text, int64_t *ret, Err *err)
{
    if (str_int(text, ret) && *ret >= 0) {
        if (*ret > QUERY_COUNT_MAX) *ret = QUERY_COUNT_MAX; /* offset + limit is a number, too */
        return 0;
    }
    err_set(err, ERR_INPUT, STR_FMT " 要写零或正整数", STR_ARG(name));
    return err_pointer(err, STR_FMT, STR_ARG(name));
}

static int parse_at(Query *q, Str text, Err *err)
{
    Date d;
    if (!q->entity->history) {
        err_set(err, ERR_INPUT, "“" STR_FMT "” 不保留历史有效期，不能用 at", STR_ARG(q->entity->name));
        return err_pointer(err, "at");
    }
    if (date_parse(text, &d, NULL) < 0) {
        err_set(err, ERR_INPUT, "at 要写成日期，如 2025-06-03");
        return err_pointer(err, "at");
    }
    q->at = text;
    return 0;
}

/* One parameter, for the query itself or, after "embed.", for an embedded one. */
static int parameter(const QueryCtx *c, Query *q, Str name, Str value, Err *err)
{
    if (str_is(name, "order")) return parse_order(c, q, value, err);
    if (str_is(name, "limit")) return parse_number(name, value, &q->limit, err);
    if (str_is(name, "offset")) return parse_number(name, value, &q->offset, err);
    if (str_is(name, "or")) return query_tree(c, q, COND_OR, false, value, err);
    if (str_is(name, "and")) return query_tree(c, q, COND_AND, false, value, err);
    if (str_is(name, "not.or")) return query_tree(c, q, COND_OR, true, value, err);
    if (str_is(name, "not.and")) return query_tree(c, q, COND_AND, true, value, err);
    if (str_is(name, "at")) return parse_at(q, value, err);
    ptrdiff_t dot = str_find(name, '.');
    if (dot > 0) {
        Embed *m = embed_by_name(q, str_n(name.p, (size_t)dot));
        if (m && str_is(str_from(name, (size_t)dot + 1), "after"))
            return err_set(err, ERR_INPUT, "关联的记录不能用 after 翻页"), err_pointer(err, "after");
        if (m) return parameter(c, m->query, str_from(name, (size_t)dot + 1), value, err);
        err_set(err, ERR_INPUT, "select 里没有 “" STR_FMT "”，不能对它设条件",
                STR_ARG(text_cut(str_n(name.p, (size_t)dot), 48)));
        return err_pointer(err, STR_FMT, STR_ARG(text_cut_bytes(name, 200)));
    }
    return query_filter(c, q, name, value, err);
}

static bool ignored(Str name)
{
    static const char *const own[] = {"after", "select", "columns", "on_conflict", NULL};
    for (size_t i = 0; own[i]; i++)
        if (str_is(name, own[i])) return true;
    return false;
}

int query_parse(const QueryCtx *c, const Entity *e, Str query, Query **ret, Err *err)
{
    Query *q = query_new(c, e);
    TRY(access_check(c->who, e, OP_READ, &q->access, err));
    UrlParam *params = ARENA_ARRAY(c->a, UrlParam, PARAMS_MAX);
    size_t n = url_params(c->a, query, params, PARAMS_MAX);
    Str select = S("");
    for (size_t i = 0; i < n; i++)
        if (str_is(params[i].name, "select")) select = params[i].value;
    TRY(query_select(c, q, select, 0, err));
    for (size_t i = 0; i < n; i++)
        if (!ignored(params[i].name) && params[i].name.n)
            TRY(parameter(c, q, params[i].name, params[i].value, err));
    for (size_t i = 0; i < n; i++)
        if (str_is(params[i].name, "after")) TRY(query_after(c, q, params[i].value, err));
    *ret = q;
    return 0;
}

int query_all(const QueryCtx *c, const Entity *e, Query **ret, Err *err)
{
    return query_parse(c, e, S(""), ret, err);
}

void query_and_in(const QueryCtx *c, Query *q, const Field *f, Val *vals, size_t n)
{
    Cond *k = cond_new(c, COND_LEAF);
    k->field = f, k->cmp = n == 1 ? CMP_EQ : CMP_IN, k->vals = vals, k->n_vals = n;
    cond_add(c, q->where, k);
}

void query_and_eq(const QueryCtx *c, Query *q, const Field *f, Val v)
{
    Val *one = ARENA_NEW(c->a, Val);
    *one = v;
    query_and_in(c, q, f, one, 1);
}

bool query_has_filter(const Query *q) { return q->where->n > 0; }

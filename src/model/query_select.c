/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * select=: items separated by commas, each
 *     *   |   [alias:]field[::text][.agg()]   |   [alias:]count()   |
 * [...][alias:]relation[!hint][!inner|!left](items) A relation is named by the reference field (region), by
 * the entity it leads to, or by the entity that refers to us.
 */
#include "model/query_int.h"

#include "base/text.h"

bool query_next_item(Str *rest, Str *item)
{
    if (!rest->p) return false;
    int depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < rest->n; i++) {
        char c = rest->p[i];
        if (quoted && c == '\\')
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == '(' || c == '{'))
            depth++;
        else if (!quoted && (c == ')' || c == '}'))
            depth--;
        else if (!quoted && c == ',' && depth <= 0) {
            *item = str_n(rest->p, i);
            *rest = str_n(rest->p + i + 1, rest->n - i - 1);
            return true;
        }
    }
    *item = *rest;
    *rest = STR_NONE;
    return true;
}

static int syntax(Err *err, const char *what, Str item)
{
    err_set(err, ERR_INPUT, "select 里的 “" STR_FMT "” %s", STR_ARG(text_cut(item, 60)), what);
    return err_pointer(err, "select");
}

static Pick *add_pick(const QueryCtx *c, Query *q)
{
    return ARENA_PUSH(c->a, q->picks, q->n_picks, q->cap_picks);
}

void query_select_all(const QueryCtx *c, Query *q)
{
    const Entity *e = q->entity;
    *add_pick(c, q) = (Pick){.field = &e->sys[SYS_ID], .name = S("id")};
    for (size_t i = 0; i < e->n; i++)
        *add_pick(c, q) = (Pick){.field = &e->fields[i], .name = e->fields[i].name};
}

/* --- relations
 * ---------------------------------------------------------------------------------------------- */

typedef struct Found {
    EmbedKind kind;
    const Field *via;
    const Entity *to;
    size_t n;
} Found;

static void candidate(Found *f, EmbedKind kind, const Field *via, const Entity *to, Str hint)
{
    if (hint.n && !str_eq(via->name, hint)) return;
    if (!f->n++) f->kind = kind, f->via = via, f->to = to;
}

static Found find_relation(const QueryCtx *c, const Entity *e, Str name, Str hint)
{
    Found f = {0};
    const Field *own = entity_field(e, name);
    if (own && own->to) {
        candidate(&f, own->storage == STORE_LINK ? EMBED_LINK : EMBED_ONE, own, own->to, S(""));
        return f;
    }
    const Entity *other = model_entity(c->m, name);
    if (!other) return f;
    /* the entity's own name leads down: to those that refer to us; the way up has the field's name */
    for (size_t i = 0; i < e->n && other != e; i++)
        if (e->fields[i].to == other)
            candidate(&f, e->fields[i].storage == STORE_LINK ? EMBED_LINK : EMBED_ONE, &e->fields[i], other,
                      hint);
    if (f.n) return f;
    for (size_t i = 0; i < other->n; i++)
        if (other->fields[i].to == e)
            candidate(&f, other->fields[i].storage == STORE_LINK ? EMBED_BACK : EMBED_MANY, &other->fields[i],
                      other, hint);
    return f;
}

static Str relation_hint(const QueryCtx *c, const Entity *e, Str name)
{
    Str names[256];
    size_t n = 0;
    for (size_t i = 0; i < e->n && n < 200; i++)
        if (e->fields[i].to) names[n++] = e->fields[i].name;
    ptrdiff_t near = text_nearest(name, names, n);
    return near >= 0 ? names[near] : model_nearest(c->m, name);
}

static int resolve(const QueryCtx *c, const Entity *e, Str name, Str hint, Found *ret, Err *err)
{
    *ret = find_relation(c, e, name, hint);
    if (ret->n == 1) return 0;
    if (ret->n > 1) {
        err_set(err, ERR_INPUT, "“" STR_FMT "” 与 “" STR_FMT "” 之间有 %zu 种引用，不知道指哪一种",
                STR_ARG(e->name), STR_ARG(name), ret->n);
        err_pointer(err, "select");
        return err_hint(err, "写成 " STR_FMT "!字段名(…)，例如 " STR_FMT "!" STR_FMT, STR_ARG(name),
                        STR_ARG(name), STR_ARG(ret->via->name));
    }
    Str near = relation_hint(c, e, name);
    err_set(err, ERR_INPUT, "“" STR_FMT "” 没有名为 “" STR_FMT "” 的引用", STR_ARG(e->name), STR_ARG(name));
    err_pointer(err, "select");
    return near.n ? err_hint(err, "是不是 “" STR_FMT "”", STR_ARG(near)) : -(int)ERR_INPUT;
}

static int add_embed(const QueryCtx *c, Query *q, Str head, Str inside, bool spread, int depth, Err *err)
{
    Str alias = STR_NONE, hint = STR_NONE, part;
    bool inner = false;
    ptrdiff_t colon = str_find(head, ':');
    if (colon >= 0) alias = str_n(head.p, (size_t)colon), head = str_from(head, (size_t)colon + 1);
    Str rest = head, name;
    if (!str_split(&rest, '!', &name)) return syntax(err, "缺少名字", head);
    while (str_split(&rest, '!', &part)) {
        if (str_is(part, "inner"))
            inner = true;
        else if (!str_is(part, "left"))
            hint = part;
    }
    Found f;
    TRY(resolve(c, q->entity, name, hint, &f, err));
    Embed *m = ARENA_NEW(c->a, Embed);
    *m = (Embed){f.kind, str_dup(c->a, alias.n ? alias : name), f.via, query_new(c, f.to), inner, spread};
    TRY(access_check(c->who, f.to, OP_READ, &m->query->access, err));
    TRY(access_field(c->who, f.via, "select", err));
    TRY(query_select(c, m->query, inside, depth + 1, err));
    if (spread && f.kind != EMBED_ONE) return syntax(err, "：只有单个引用能用 … 展开", name);
    *add_pick(c, q) = (Pick){.name = m->name, .embed = m};
    return 0;
}

/* --- fields and aggregates
 * ---------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    Agg agg;
} aggs[] = {{"avg", AGG_AVG}, {"count", AGG_COUNT}, {"max", AGG_MAX}, {"min", AGG_MIN}, {"sum", AGG_SUM}};

static Agg agg_by_name(Str s)
{
    for (size_t i = 0; i < sizeof aggs / sizeof *aggs; i++)
        if (str_is(s, aggs[i].name)) return aggs[i].agg;
    return AGG_NONE;
}

static int check_agg(const QueryCtx *c, const Query *q, const Field *f, Agg agg, Str item, Err *err)
{
    bool number = f->storage == STORE_NUM || f->storage == STORE_INT;
    if ((agg == AGG_SUM || agg == AGG_AVG) && !number) return syntax(err, "：只有数字字段能求和或平均", item);
    if (f->storage >= STORE_GEO || (f->sealed && agg != AGG_COUNT))
        return syntax(err, "：这个字段不能统计", item);
    if (access_masks(c->who, q->entity, f, &q->access) && agg != AGG_COUNT) {
        err_set(err, ERR_FORBIDDEN, "“" STR_FMT "” 是敏感字段，不能统计", STR_ARG(f->title));
        return err_pointer(err, "select");
    }
    return 0;
}

static int add_field(const QueryCtx *c, Query *q, Str item, Err *err)
{
    Str alias = STR_NONE, whole = item;
    bool as_text = false;
    Agg agg = AGG_NONE;
    ptrdiff_t cast = str_find_str(item, S("::"));
    ptrdiff_t colon = str_find(item, ':');
    if (colon >= 0 && colon != cast) {
        alias = str_n(item.p, (size_t)colon);
        item = str_from(item, (size_t)colon + 1);
        cast = str_find_str(item, S("::"));
    }
    if (cast >= 0) {
        if (!str_is(str_from(item, (size_t)cast + 2), "text")) return syntax(err, "：只支持 ::text", whole);
        as_text = true;
        item = str_n(item.p, (size_t)cast);
    }
    if (str_is(item, "count()") || (str_is(item, "count") && !entity_field(q->entity, item))) {
        *add_pick(c, q) = (Pick){.agg = AGG_COUNT, .name = str_dup(c->a, alias.n ? alias : S("count"))};
        q->aggregate = true;
        return 0;
    }
    ptrdiff_t dot = str_find(item, '.');
    if (dot >= 0) {
        Str fn = str_from(item, (size_t)dot + 1);
        if (!str_ends(fn, S("()")) || !(agg = agg_by_name(str_n(fn.p, fn.n - 2))))
            return syntax(err, "：统计写成 字段.sum()，可用 count sum avg min max", whole);
        item = str_n(item.p, (size_t)dot);
        q->aggregate = true;
    }
    const Field *f;
    TRY(query_field(q->entity, item, "select", &f, err));
    if (agg) TRY(access_field(c->who, f, "select", err));
    if (agg) TRY(check_agg(c, q, f, agg, whole, err));
    Str name = alias.n ? alias
               : agg   ? str_c(aggs[agg == AGG_AVG     ? 0
                                    : agg == AGG_COUNT ? 1
                                    : agg == AGG_MAX   ? 2
                                    : agg == AGG_MIN   ? 3
                                                       : 4]
                                   .name)
                       : f->name;
    *add_pick(c, q) = (Pick){.field = f, .agg = agg, .name = str_dup(c->a, name), .as_text = as_text};
    return 0;
}

/* PostgREST names an aggregate's column after the function; two of the same would collide. */
static void distinct_names(const QueryCtx *c, Query *q)
{
    for (size_t i = 0; i < q->n_picks; i++)
        for (size_t j = 0; j < i; j++)
            if (q->picks[i].agg && str_eq(q->picks[i].name, q->picks[j].name) && q->picks[i].field)
                q->picks[i].name = str_fmt(c->a, STR_FMT "_" STR_FMT, STR_ARG(q->picks[i].field->name),
                                           STR_ARG(q->picks[i].name));
}

static int check_groups(const QueryCtx *c, const Query *q, Err *err)
{
    for (size_t i = 0; q->aggregate && i < q->n_picks; i++) {
        const Pick *p = &q->picks[i];
        if (p->agg) continue;
        if (p->embed && p->embed->kind != EMBED_ONE) return syntax(err, "：统计时只能带单个引用", p->name);
        if (p->field && (p->field->sealed || p->field->storage >= STORE_GEO))
            return syntax(err, "：不能按这个字段分组", p->name);
        if (p->field) TRY(access_field(c->who, p->field, "select", err));
        if (p->field && access_masks(c->who, q->entity, p->field, &q->access))
            return err_set(err, ERR_FORBIDDEN, "“" STR_FMT "” 是敏感字段，不能分组统计",
                           STR_ARG(p->field->title)),
                   err_pointer(err, "select");
    }
    return 0;
}

int query_select(const QueryCtx *c, Query *q, Str text, int depth, Err *err)
{
    Str rest = text, item;
    if (depth > QUERY_DEPTH_MAX) return syntax(err, "嵌套过深", text);
    if (!str_trim(text).n) return query_select_all(c, q), 0;
    while (query_next_item(&rest, &item)) {
        item = str_trim(item);
        bool spread = str_starts(item, S("..."));
        if (spread) item = str_from(item, 3);
        ptrdiff_t open = str_find(item, '(');
        bool call = open > 0 && (str_ends(item, S("()")));
        if (!item.n) return syntax(err, "里有空的一项", text);
        if (str_is(item, "*"))
            query_select_all(c, q);
        else if (open > 0 && !call) {
            if (!str_ends(item, S(")"))) return syntax(err, "括号没有配对", item);
            TRY(add_embed(c, q, str_n(item.p, (size_t)open),
                          str_n(item.p + open + 1, item.n - (size_t)open - 2), spread, depth, err));
        } else
            TRY(add_field(c, q, item, err));
        if (q->n_picks > 1000) return syntax(err, "项目过多", S("…"));
    }
    distinct_names(c, q);
    return check_groups(c, q, err);
}

int query_select_text(const QueryCtx *c, Query *q, Str text, Err *err)
{
    q->n_picks = 0;
    return query_select(c, q, text, 0, err);
}

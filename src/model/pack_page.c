/* SPDX-License-Identifier: MulanPSL-2.0 */
/* pages.yaml: pages of the desk that a pack declares (页面): boards of charts over aggregates, and lists,
   maps, calendars and trees with conditions of their own. Every query is parsed as a request's would be. */
#include "model/pack_int.h"

#include "model/query.h"
#include <unistd.h>

static const char *const kinds[] = {"list", "map", "board", "calendar", "tree", NULL};
static const char *const chart_kinds[] = {"figure", "bar", "line", "pie", "table", NULL};

typedef struct ChartFile {
    const Yaml *title, *kind, *entity, *query, *x, *y, *series, *unit, *help, *wide;
} ChartFile;
typedef struct PageFile {
    const Yaml *title, *kind, *entity, *query, *date, *about, *charts;
} PageFile;

#define C(field, kind_, ...)                                                                                 \
    {                                                                                                        \
#field, kind_, offsetof(ChartFile, field), __VA_ARGS__                                               \
    }
#define P(field, kind_, ...)                                                                                 \
    {                                                                                                        \
#field, kind_, offsetof(PageFile, field), __VA_ARGS__                                                \
    }
static const PackKey chart_keys[] = {
    C(title, PACK_TEXT, .required = true, .title = "图的标题"),
    C(kind, PACK_CHOICE, .required = true, .choices = chart_kinds, .title = "图的种类"),
    C(entity, PACK_NAME, .required = true, .title = "数据来自哪个实体"),
    C(query, PACK_TEXT, .required = true, .title = "查询（/api/records 的写法），含一个聚合"),
    C(x, PACK_NAME, .title = "作横轴或分类的列"),
    C(y, PACK_NAME, .title = "作数值的列"),
    C(series, PACK_NAME, .title = "分成几组的列"),
    C(unit, PACK_TEXT, .title = "单位"),
    C(help, PACK_TEXT, .title = "说明"),
    C(wide, PACK_BOOL, .title = "占两栏"),
    {0}};
static const PackKey page_keys[] = {
    P(title, PACK_TEXT, .required = true, .title = "页面标题"),
    P(kind, PACK_CHOICE, .required = true, .choices = kinds, .title = "页面种类"),
    P(entity, PACK_NAME, .title = "列表、地图、日历、层级页的实体"),
    P(query, PACK_TEXT, .title = "只看哪些记录（/api/records 的写法）"),
    P(date, PACK_NAME, .title = "日历按哪个日期字段"),
    P(about, PACK_TEXT, .title = "页面说明"),
    P(charts, PACK_LIST_OF, .item = chart_keys, .title = "看板上的图"),
    {0}};
const PackKey pages_keys[] = {{"pages", PACK_MAP_OF, 0, .required = true, .item = page_keys, .title = "页面"},
                              {0}};

static const Entity *entity_of(PackLoader *l, const System *s, const Yaml *y)
{
    if (!y) return NULL;
    const Entity *e = model_entity(l->m, y->text);
    if (!e)
        fault_add(l->f, y->at, pack_near_entity(l, y->text), "没有名为 “" STR_FMT "” 的实体",
                  STR_ARG(y->text));
    else if (!pack_sees(l, s, e))
        fault_add(l->f, y->at,
                  str_fmt(l->a, "在 system.yaml 的 depends 里加上 " STR_FMT, STR_ARG(e->system->name)),
                  "实体 “" STR_FMT "” 属于没有依赖的系统", STR_ARG(y->text));
    return e;
}

static Query *query_of(PackLoader *l, const Entity *e, const Yaml *y)
{
    static const Actor program = {.system = true};
    QueryCtx c = {.a = l->a, .m = l->m, .who = &program};
    Err err = ERR_INIT;
    Query *q = NULL;
    if (!e || !y) return NULL;
    if (query_parse(&c, e, y->text, &q, &err) >= 0) return q;
    fault_add(l->f, y->at, str_dup(l->a, str_c(err.hint)), "查询不对：%s", err.msg);
    return NULL;
}

static bool picks(const Query *q, Str name, bool *aggregate)
{
    for (size_t i = 0; i < q->n_picks; i++)
        if (str_eq(q->picks[i].name, name)) {
            *aggregate = q->picks[i].agg != AGG_NONE;
            return true;
        }
    return false;
}

static void check_column(PackLoader *l, const Query *q, const Yaml *y, bool figure)
{
    bool aggregate;
    if (!q || !y) return;
    if (!picks(q, y->text, &aggregate))
        fault_add(l->f, y->at, S("写 query 的 select 里有的列"), "查询里没有 “" STR_FMT "” 这一列",
                  STR_ARG(y->text));
    else if (figure && !aggregate)
        fault_add(l->f, y->at, S("如 n:count() 或 capital.sum()"), "“" STR_FMT "” 不是聚合",
                  STR_ARG(y->text));
}

static bool read_chart(PackLoader *l, const System *s, const Yaml *y, PageChart *ret)
{
    ChartFile c = {0};
    if (!pack_decode(y, chart_keys, &c, l->f) || !c.entity || !c.query || !c.kind) return false;
    *ret = (PageChart){.title = pack_text(c.title),
                       .kind = pack_text(c.kind),
                       .entity = entity_of(l, s, c.entity),
                       .query = pack_text(c.query),
                       .x = pack_text(c.x),
                       .y = pack_text(c.y),
                       .series = pack_text(c.series),
                       .unit = pack_text(c.unit),
                       .help = pack_text(c.help),
                       .wide = pack_bool(c.wide)};
    Query *q = query_of(l, ret->entity, c.query);
    if (q && !q->aggregate)
        fault_add(l->f, c.query->at, S("如 select=region,n:count()"), "图的查询里没有聚合");
    check_column(l, q, c.x, false);
    check_column(l, q, c.y, true);
    check_column(l, q, c.series, false);
    return ret->entity != NULL;
}

/* What a page of this kind needs of its entity. */
static void check_kind(PackLoader *l, const DeskPage *p, const PageFile *y)
{
    const Entity *e = p->entity;
    bool geo = false;
    for (size_t i = 0; e && i < e->n; i++) geo |= e->fields[i].storage == STORE_GEO;
    if (!e) return;
    if (str_is(p->kind, "map") && !geo)
        fault_add(l->f, y->entity->at, S("写有 point、line 或 polygon 字段的实体"),
                  "“" STR_FMT "” 没有位置，不能作地图页", STR_ARG(e->name));
    if (str_is(p->kind, "tree") && !e->tree)
        fault_add(l->f, y->entity->at, S("写声明了 tree 的实体"), "“" STR_FMT "” 没有层级", STR_ARG(e->name));
    if (!y->date) return;
    const Field *f = entity_field(e, y->date->text);
    if (!f || (f->type != F_DATE && f->type != F_DATETIME))
        fault_add(l->f, y->date->at, S("写一个 date 或 datetime 字段"), "“" STR_FMT "” 不是日期字段",
                  STR_ARG(y->date->text));
}

static void read_page(PackLoader *l, const System *s, const Yaml *name, const Yaml *root)
{
    PageFile y = {0};
    if (!pack_decode(root, page_keys, &y, l->f) || !y.kind) return;
    for (size_t i = 0; i < l->m->n_pages; i++)
        if (str_eq(l->m->pages[i].name, name->text)) {
            const Place *at = &l->m->pages[i].at;
            fault_add(l->f, name->at, str_fmt(l->a, "换一个名字（已在 %s:%d 声明）", at->file, at->line),
                      "页面 “" STR_FMT "” 重复声明", STR_ARG(name->text));
            return;
        }
    bool board = str_is(pack_text(y.kind), "board");
    if (board && !y.charts) fault_add(l->f, y.kind->at, S("写 charts: [...]"), "看板没有图");
    if (!board && !y.entity) fault_add(l->f, y.kind->at, S("写 entity: 实体名"), "这种页面要写明实体");
    DeskPage *p = ARENA_PUSH(l->a, l->m->pages, l->m->n_pages, l->m->cap_pages);
    *p = (DeskPage){.name = name->text,
                    .title = pack_text(y.title),
                    .kind = pack_text(y.kind),
                    .about = pack_text(y.about),
                    .query = pack_text(y.query),
                    .date = pack_text(y.date),
                    .system = s,
                    .entity = entity_of(l, s, y.entity),
                    .at = name->at};
    (void)query_of(l, p->entity, y.query);
    check_kind(l, p, &y);
    size_t n = y.charts ? y.charts->n : 0;
    p->charts = ARENA_ARRAY(l->a, PageChart, n + 1);
    for (size_t i = 0; i < n; i++)
        if (read_chart(l, s, y.charts->items[i], &p->charts[p->n_charts])) p->n_charts++;
}

void pack_build_pages(PackLoader *l)
{
    for (size_t i = 0; i < l->n_pages; i++) {
        const Yaml *map = NULL;
        if (!pack_decode(l->pages[i].y, pages_keys, &map, l->f) || !map) continue;
        for (size_t k = 0; k < map->n; k++)
            read_page(l, l->pages[i].system, map->pairs[k].key, map->pairs[k].value);
    }
}

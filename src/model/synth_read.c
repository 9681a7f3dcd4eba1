/* SPDX-License-Identifier: MulanPSL-2.0 */
#include "model/synth_int.h"

#include "base/csv.h"
#include "model/yaml.h"

#include <dirent.h>
#include <unistd.h>

enum { LIST_MAX = 100000, AGE_MAX = 150 };

typedef struct Reader {
    Arena *a;
    const Model *m;
    const System *system;
    Faults *f;
    Err *err;
} Reader;

static Str path_of(const Reader *r, Str rel)
{
    return str_fmt(r->a, STR_FMT "/" STR_FMT, STR_ARG(r->system->dir), STR_ARG(rel));
}

/* --- lists
 * -------------------------------------------------------------------------------------------------- */

static int list_fault(const Reader *r, const Yaml *y, const char *what)
{
    fault_add(r->f, y->at, S("一张 CSV：一列 weight（正整数），其余是取的值"), "“" STR_FMT "”：%s",
              STR_ARG(y->text), what);
    return -(int)ERR_PACK;
}

/* Rows of a CSV file with a column of weights. */
static int read_list(const Reader *r, const Yaml *y, Str weight, SynthList *ret, Err *err)
{
    const CsvOptions plain = {0};
    CsvReader *in;
    CsvRecord rec;
    Str *cells = NULL;
    int64_t *upto = NULL, sum = 0, w;
    size_t n_cells = 0, cap_cells = 0, cap_upto = 0, cap_names = 0, at = SIZE_MAX;
    *ret = (SynthList){0};
    if (csv_open_path(path_of(r, y->text).p, &plain, &in, err) < 0) return list_fault(r, y, "打不开");
    int got = csv_next(in, &rec, err);
    for (size_t i = 0; got == 1 && i < rec.n; i++)
        if (str_eq(rec.cells[i], weight))
            at = i;
        else
            *ARENA_PUSH(r->a, ret->columns.items, ret->columns.n, cap_names) = str_dup(r->a, rec.cells[i]);
    bool bad = at == SIZE_MAX;
    while (!bad && (got = csv_next(in, &rec, err)) == 1) {
        bad = rec.n != ret->columns.n + 1 || !str_int(rec.cells[at], &w) || w < 1 || w > 1000000000 ||
              ret->n == LIST_MAX;
        for (size_t i = 0; !bad && i < rec.n; i++)
            if (i != at) *ARENA_PUSH(r->a, cells, n_cells, cap_cells) = str_dup(r->a, rec.cells[i]);
        if (!bad) *ARENA_PUSH(r->a, upto, ret->n, cap_upto) = sum += w;
    }
    csv_close(in);
    ret->cells = cells;
    ret->upto = upto;
    return bad || got < 0 || !ret->n ? list_fault(r, y, "没有行，或有一行的列数、权重不对") : 0;
}

/* --- one file
 * ----------------------------------------------------------------------------------------------- */

static Str scalar(const Yaml *map, const char *key)
{
    const Yaml *y = yaml_get(map, key);
    return y && y->kind == YAML_SCALAR ? y->text : STR_NONE;
}

static int wrong(const Reader *r, const Yaml *at, const char *what)
{
    fault_add(r->f, at->at, S("见 docs/packs.md 的 synth 一节"), "%s", what);
    return -(int)ERR_PACK;
}

/* Ages are whole years in the first column beside the weight. */
static bool ages_valid(const SynthList *l)
{
    int64_t age;
    for (size_t i = 0; l->columns.n && i < l->n; i++)
        if (!str_int(l->cells[i * l->columns.n], &age) || age < 0 || age > AGE_MAX) return false;
    return l->columns.n > 0;
}

static int read_births(const Reader *r, const Yaml *y, SynthSpec *s, Err *err)
{
    const Yaml *file = yaml_get(y, "file");
    Err inner = ERR_INIT;
    SynthList *ages = ARENA_NEW(r->a, SynthList);
    if (y->kind != YAML_MAP || !file) return wrong(r, y, "births 要写 file 和 until");
    if (date_parse(scalar(y, "until"), &s->until, &inner) < 0) return wrong(r, y, "until 要是日期");
    TRY(read_list(r, file, S("weight"), ages, err));
    if (!ages_valid(ages)) return list_fault(r, file, "第一列要是 0 到 150 的周岁");
    s->births = ages;
    Str avoid = scalar(y, "avoid");
    if (avoid.n && !(s->avoid = entity_field(s->entity, avoid)))
        return wrong(r, y, "avoid 要是这个实体的字段");
    return 0;
}

static int read_from(const Reader *r, const Yaml *y, SynthSpec *s)
{
    for (size_t i = 0; i < y->n && y->kind == YAML_LIST; i++) {
        SynthFrom *x = ARENA_PUSH(r->a, s->from, s->n_from, s->cap_from);
        x->entity = model_entity(r->m, scalar(y->items[i], "entity"));
        x->where = scalar(y->items[i], "where");
        x->as = scalar(y->items[i], "as");
        if (!x->entity || !x->as.n)
            return wrong(r, y->items[i], "from 的每一项要写 entity（已有的实体）和 as");
    }
    return 0;
}

static int read_file(const Reader *r, const char *path, SynthSpec *s, Err *err)
{
    Yaml *y = yaml_read(r->a, path, path, r->f);
    const Yaml *part;
    if (!y) return -(int)ERR_PACK;
    if (y->kind != YAML_MAP) return wrong(r, y, "要是一组 键: 值");
    for (size_t i = 0; i < y->n; i++) {
        static const char *const known[] = {"entity", "order", "count", "map", "pick", "from", "births"};
        bool ok = false;
        for (size_t k = 0; k < sizeof known / sizeof *known; k++)
            ok |= str_is(y->pairs[i].key->text, known[k]);
        if (!ok) return wrong(r, y->pairs[i].key, "不认识的键");
    }
    s->entity = model_entity(r->m, scalar(y, "entity"));
    if (!s->entity) return wrong(r, y, "entity 要是已有的实体");
    if (!str_int(scalar(y, "count"), &s->count) || s->count < 1 || s->count > 100000000)
        return wrong(r, y, "count 要是 1 到一亿的整数");
    if (!str_int(scalar(y, "order"), &s->order)) return wrong(r, y, "order 要是整数");
    s->map = path_of(r, scalar(y, "map"));
    if (!scalar(y, "map").n || access(s->map.p, R_OK) != 0)
        return wrong(r, y, "map 要是这个系统包里的导入对照文件");
    part = yaml_get(y, "pick");
    for (size_t i = 0; part && i < part->n && part->kind == YAML_LIST; i++)
        TRY(read_list(r, part->items[i], S("weight"), ARENA_PUSH(r->a, s->pick, s->n_pick, s->cap_pick),
                      err));
    if ((part = yaml_get(y, "from"))) TRY(read_from(r, part, s));
    return (part = yaml_get(y, "births")) ? read_births(r, part, s, err) : 0;
}

static int by_order(const void *x, const void *y)
{
    const SynthSpec *a = x, *b = y;
    return a->order < b->order ? -1 : a->order > b->order ? 1 : str_cmp(a->entity->name, b->entity->name);
}

int synth_read(Arena *a, const Model *m, Faults *f, SynthSpec **ret, size_t *ret_n, Err *err)
{
    SynthSpec *specs = NULL;
    size_t n = 0, cap = 0;
    int rc = 0;
    for (size_t i = 0; i < m->n_systems; i++) {
        Reader r = {a, m, &m->systems[i], f, err};
        struct dirent **names;
        if (!m->systems[i].dir.n) continue;
        Str folder = path_of(&r, S("synth"));
        int files = scandir(folder.p, &names, NULL, alphasort);
        for (int k = 0; k < files; k++) {
            if (str_ends(str_c(names[k]->d_name), S(".yaml"))) {
                SynthSpec *s = ARENA_PUSH(a, specs, n, cap);
                if (read_file(&r, str_fmt(a, STR_FMT "/%s", STR_ARG(folder), names[k]->d_name).p, s, err) < 0)
                    rc = -(int)ERR_PACK;
            }
            free(names[k]);
        }
        if (files >= 0) free(names);
    }
    if (rc < 0 || f->n) return err_set(err, ERR_PACK, "合成数据的说明有误");
    if (n) qsort(specs, n, sizeof *specs, by_order);
    *ret = specs;
    *ret_n = n;
    return 0;
}

/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Columns → fields: all names are resolved and all expressions compiled once, before the first row is
 * written. */
#include "model/import_int.h"

#include "base/text.h"
#include "model/import_look.h"

const Field *import_field(const Entity *e, Str name)
{
    const Field *f = entity_field(e, name);
    for (size_t i = 0; !f && i < e->n; i++)
        if (str_eq(e->fields[i].title, name)) f = &e->fields[i];
    for (size_t i = 0; !f && i < SYS_N; i++)
        if (str_eq(e->sys[i].title, name)) f = &e->sys[i];
    return f;
}

/* The nearest of names and titles. */
static int unknown_column(const Import *im, Str name, Err *err)
{
    const Entity *e = im->e;
    Str *all = ARENA_ARRAY(im->a, Str, e->n * 2 + 1);
    for (size_t i = 0; i < e->n; i++) all[2 * i] = e->fields[i].name, all[2 * i + 1] = e->fields[i].title;
    ptrdiff_t near = text_nearest(name, all, e->n * 2);
    err_set(err, ERR_INPUT, "列 “" STR_FMT "” 不是 “" STR_FMT "” 的字段", STR_ARG(text_cut(name, 48)),
            STR_ARG(e->title));
    err_pointer(err, STR_FMT, STR_ARG(text_cut_bytes(name, 200)));
    if (near >= 0)
        return err_hint(err, "是不是 “" STR_FMT "”；来源的列名不同时用 --map 给出映射文件",
                        STR_ARG(all[near]));
    return err_hint(err, "改成字段名或标题；来源的列名不同时用 --map 给出映射文件");
}

static int add_target(Import *im, const Field *f, size_t col, const Expr *expr, Err *err)
{
    if (f->system && f->i == SYS_ID && im->e->key) f = im->e->key;
    if (f->system && f->i != SYS_ID) return 0; /* made by the program; an exported file holds them */
    if (f->expr.n) return 0;
    for (size_t i = 0; i < im->n_targets && !source_is_json(im->source); i++)
        if (im->targets[i].field == f)
            return err_set(err, ERR_INPUT, "有两列都是字段 “" STR_FMT "”", STR_ARG(f->name)),
                   err_hint(err, "删去或改名其中一列");
    im->targets[im->n_targets++] = (Target){f, col, expr};
    return 0;
}

static const Field *first_geometry(const Entity *e)
{
    for (size_t i = 0; i < e->n; i++)
        if (e->fields[i].storage == STORE_GEO) return &e->fields[i];
    return NULL;
}

static int plain_targets(Import *im, Err *err)
{
    im->targets = ARENA_ARRAY(im->a, Target, im->columns.n + 1);
    for (size_t i = 0; i < im->n_data; i++) {
        Str name = im->columns.items[i];
        if (!name.n && source_is_sheet(im->source)) continue; /* a merged or empty head; rows are told */
        const Field *f = import_field(im->e, name);
        if (!f && source_is_json(im->source) && str_is(name, "geometry")) f = first_geometry(im->e);
        if (!f) return unknown_column(im, name, err);
        TRY(add_target(im, f, i, NULL, err));
    }
    return 0;
}

static int map_error(const Import *im, const MapColumn *c, Err *err)
{
    (void)im;
    err_at(err, c->at.file, c->at.line, c->at.col);
    return -(int)err->code;
}

static int map_column(Import *im, const MapColumn *c, Err *err)
{
    size_t col = SIZE_MAX;
    Expr *x = NULL;
    if (c->source.n) {
        col = name_find(&im->columns, c->source);
        if (col >= im->n_data) {
            ptrdiff_t near = text_nearest(c->source, im->columns.items, im->n_data);
            err_set(err, ERR_INPUT, "文件里没有列 “" STR_FMT "”", STR_ARG(c->source));
            if (near >= 0)
                err_hint(err, "是不是 “" STR_FMT "”；按文件的表头修改映射文件",
                         STR_ARG(im->columns.items[near]));
            else
                err_hint(err, "按文件的表头修改映射文件");
            return map_error(im, c, err);
        }
    }
    if (c->expr.n && expr_compile(im->env, c->expr, im->columns.items, im->n_data, &x, err) < 0)
        return map_error(im, c, err);
    return add_target(im, c->field, col, x, err);
}

static int map_targets(Import *im, Err *err)
{
    im->targets = ARENA_ARRAY(im->a, Target, im->map->n + 2);
    bool geometry = false;
    for (size_t i = 0; i < im->map->n; i++) {
        TRY(map_column(im, &im->map->columns[i], err));
        geometry |= im->map->columns[i].field == first_geometry(im->e) ||
                    str_is(im->map->columns[i].source, "geometry");
    }
    size_t col = name_find(&im->columns, S("geometry"));
    if (source_is_json(im->source) && !geometry && first_geometry(im->e) && col < im->columns.n)
        TRY(add_target(im, first_geometry(im->e), col, NULL, err));
    Expr *x;
    if (!im->map->skip.n) return 0;
    if (expr_compile(im->env, im->map->skip, im->columns.items, im->n_data, &x, err) < 0) {
        err_at(err, im->map->skip_at.file, im->map->skip_at.line, im->map->skip_at.col);
        return -(int)err->code;
    }
    im->skip = x;
    return 0;
}

static void add_name(Import *im, Str name)
{
    if (name.n && name_find(&im->columns, name) == im->columns.n)
        *ARENA_PUSH(im->a, im->columns.items, im->columns.n, im->columns.cap) = name;
}

/* A JSON file has no header: the members that the map or the entity can use. */
static void json_columns(Import *im)
{
    for (size_t i = 0; im->map && i < im->map->n; i++) {
        add_name(im, im->map->columns[i].source);
        if (im->map->columns[i].expr.n) expr_words(im->a, im->map->columns[i].expr, &im->columns);
    }
    if (im->map && im->map->skip.n) expr_words(im->a, im->map->skip, &im->columns);
    for (size_t i = 0; !im->map && i < im->e->n; i++) {
        add_name(im, im->e->fields[i].name);
        add_name(im, im->e->fields[i].title);
    }
    for (size_t i = 0; !im->map && i < SYS_N; i++) {
        add_name(im, im->e->sys[i].name);
        add_name(im, im->e->sys[i].title);
    }
    if (first_geometry(im->e)) add_name(im, S("geometry"));
    im->n_data = im->columns.n;
    source_columns(im->source, &im->columns, !im->map);
}

int import_load_map(Import *im, Err *err)
{
    Faults f = {.arena = im->a};
    im->map = import_map_read(im->a, im->m, im->e, im->o->map_file, true, &f);
    if (!f.n && im->map) return 0;
    if (!f.n) return err_set(err, ERR_INPUT, "映射文件 “%s” 是空的", im->o->map_file);
    faults_sort(&f);
    err_set(err, ERR_INPUT, STR_FMT, STR_ARG(f.items[0].what));
    if (f.n > 1)
        err_hint(err, STR_FMT "（映射文件另有 %zu 处错误）", STR_ARG(f.items[0].fix), f.n - 1);
    else
        err_hint(err, STR_FMT, STR_ARG(f.items[0].fix));
    err_at(err, f.items[0].file, f.items[0].line, f.items[0].col);
    return -(int)ERR_INPUT;
}

/* Above the header of a sheet there may be titles; in a CSV the first record is the header. */
static int read_header(Import *im, Err *err)
{
    const ImportMap *map = im->map;
    if (source_is_sheet(im->source) && !map) {
        _cleanup_arena_ Arena *a = arena_new();
        ImportMap *own = ARENA_NEW(im->a, ImportMap);
        Look look;
        TRY(import_look(a, im->o->file, im->o->form, 0, im->e, NULL, &look, err));
        own->header = look.header;
        map = own;
    }
    TRY(source_header(im->source, im->a, map, &im->columns, &im->marks, err));
    im->n_data = im->columns.n - (im->marks ? 3 : 0);
    if (im->o->map) import_distinct_names(im->a, &im->columns);
    return 0;
}

/* Opens the source at its beginning and resolves all names. */
int import_open(Import *im, Err *err)
{
    im->n_targets = 0;
    im->columns = (NameList){0};
    if (im->o->names) { /* rows come from elsewhere */
        for (size_t i = 0; i < im->o->names->n; i++)
            *ARENA_PUSH(im->a, im->columns.items, im->columns.n, im->columns.cap) = im->o->names->items[i];
        im->n_data = im->columns.n;
        return map_targets(im, err);
    }
    TRY(source_open(im->a, im->o->file, im->o->form, &im->source, err));
    if (source_is_json(im->source))
        json_columns(im);
    else
        TRY(read_header(im, err));
    return im->map ? map_targets(im, err) : plain_targets(im, err);
}

void import_distinct_names(Arena *a, NameList *names)
{
    for (size_t i = 0; i < names->n; i++) {
        Str base = names->items[i];
        if (!base.n) base = str_fmt(a, "第%zu列", i + 1);
        Str name = base;
        for (int k = 2; k < 10000; k++) {
            size_t j = 0;
            while (j < i && !str_eq(names->items[j], name)) j++;
            if (j == i) break;
            name = str_fmt(a, STR_FMT " (%d)", STR_ARG(base), k);
        }
        names->items[i] = name;
    }
}

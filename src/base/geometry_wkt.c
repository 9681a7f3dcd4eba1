/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * Well-known text (OGC 06-103r4 §7): POINT, MULTIPOINT, LINESTRING, MULTILINESTRING, POLYGON, MULTIPOLYGON,
 * an optional `SRID=n;` before, Z, M or ZM behind the word. Third and fourth ordinates are read and dropped.
 */
#include "base/geometry_int.h"

typedef struct Wkt {
    Str text;
    size_t at;
    GeoBuilder b;
} Wkt;

static int wkt_fail(Wkt *w, Err *err, const char *msg)
{
    int rc = err_set(err, ERR_VALIDATION, "WKT 第 %zu 个字符处：%s", w->at + 1, msg);
    if (err) err->at = (int64_t)w->at;
    return rc;
}

static int located(Wkt *w, int rc, Err *err)
{
    if (rc < 0 && err) err->at = (int64_t)w->at;
    return rc;
}

static void skip_space(Wkt *w)
{
    while (w->at < w->text.n &&
           (w->text.p[w->at] == ' ' || (w->text.p[w->at] >= '\t' && w->text.p[w->at] <= '\r')))
        w->at++;
}

static bool take(Wkt *w, char c)
{
    skip_space(w);
    if (w->at >= w->text.n || w->text.p[w->at] != c) return false;
    w->at++;
    return true;
}

static Str word(Wkt *w)
{
    skip_space(w);
    size_t from = w->at;
    while (w->at < w->text.n && (w->text.p[w->at] | 32) >= 'a' && (w->text.p[w->at] | 32) <= 'z') w->at++;
    return str_n(w->text.p + from, w->at - from);
}

static bool number(Wkt *w, double *ret)
{
    skip_space(w);
    size_t from = w->at, to = from;
    while (to < w->text.n && w->text.p[to] && strchr("0123456789+-.eE", w->text.p[to])) to++;
    if (!str_real(str_n(w->text.p + from, to - from), ret)) return false;
    w->at = to;
    return true;
}

static int position(Wkt *w, Err *err)
{
    double lon, lat, rest;
    skip_space(w);
    size_t from = w->at;
    if (!number(w, &lon) || !number(w, &lat)) return wkt_fail(w, err, "这里应是“经度 纬度”两个数字");
    for (int i = 0; i < 2 && number(w, &rest);) i++;
    int rc = geo_point(&w->b, lon, lat, err);
    if (rc < 0 && err) err->at = (int64_t)from;
    return rc;
}

/* `( position, … )`; a MULTIPOINT may bracket each. */
static int path(Wkt *w, bool points, Err *err)
{
    if (!take(w, '(')) return wkt_fail(w, err, "这里应是左括号");
    TRY(located(w, geo_open(&w->b, err), err));
    do {
        bool bracket = points && take(w, '(');
        TRY(position(w, err));
        if (bracket && !take(w, ')')) return wkt_fail(w, err, "这里应是右括号");
    } while (take(w, ','));
    if (!take(w, ')')) return wkt_fail(w, err, "这里应是逗号或右括号");
    return located(w, geo_path_end(&w->b, err), err);
}

/* levels as in geometry.c: lists above a path. At most three, so recursion is bounded by the table. */
static int lists(Wkt *w, int levels, bool points, Err *err)
{
    if (levels == 1) return path(w, points, err);
    if (!take(w, '(')) return wkt_fail(w, err, "这里应是左括号");
    TRY(located(w, geo_open(&w->b, err), err));
    do TRY(lists(w, levels - 1, points, err));
    while (take(w, ','));
    if (!take(w, ')')) return wkt_fail(w, err, "这里应是逗号或右括号");
    geo_close(&w->b);
    return 0;
}

static int body(Wkt *w, int levels, bool points, Err *err)
{
    if (levels) return lists(w, levels, points, err);
    if (!take(w, '(')) return wkt_fail(w, err, "这里应是左括号");
    TRY(position(w, err));
    return take(w, ')') ? 0 : wkt_fail(w, err, "这里应是右括号");
}

int geo_from_wkt(Arena *a, Str text, Geometry *ret, Err *err)
{
    Wkt w = {.text = text};
    if (text.n > 5 && str_ieq(str_n(text.p, 5), S("SRID="))) {
        ptrdiff_t semi = str_find(text, ';');
        if (semi < 0) return wkt_fail(&w, err, "SRID 之后缺少分号");
        w.at = (size_t)semi + 1;
    }
    Str name = word(&w);
    const GeoShape *shape = geo_shapes;
    while (shape->name && !str_ieq(name, str_c(shape->name))) shape++;
    if (!shape->name) {
        w.at -= name.n;
        return wkt_fail(&w, err, "不认识的图形，可用 POINT、LINESTRING、POLYGON、MULTIPOLYGON");
    }
    Str mark = word(&w);
    if (str_ieq(mark, S("EMPTY"))) return wkt_fail(&w, err, "图形是空的");
    if (mark.n && !str_ieq(mark, S("Z")) && !str_ieq(mark, S("M")) && !str_ieq(mark, S("ZM")))
        return wkt_fail(&w, err, "图形名之后应是括号");
    geo_begin(&w.b, shape->kind, shape->multi);
    int rc = body(&w, shape->levels, shape->kind == GEOMETRY_POINT, err);
    skip_space(&w);
    if (!rc && w.at != text.n) rc = wkt_fail(&w, err, "图形之后还有多余的内容");
    if (!rc) rc = geo_finish(a, &w.b, ret, err);
    geo_done(&w.b);
    return rc;
}

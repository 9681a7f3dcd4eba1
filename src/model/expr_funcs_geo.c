/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * Places: GeoJSON text as fields hold it (RFC 7946; CGCS2000 longitude and latitude in degrees). Distances
 * are great circles on a sphere of the mean radius of the CGCS2000 ellipsoid (GB 22021: a = 6378137 m,
 * 1/f = 298.257222101; (2a + b) / 3 = 6371008.77 m): within 0.6 % of the ellipsoid's.
 */
#include "model/expr_funcs.h"

#include <math.h>

static const double radius_m = 6371008.77;

/* The positions of a GeoJSON text one after the other. */
typedef struct Walk {
    const char *p, *end;
    double lon, lat, last_lon, last_lat;
    bool point, any;
    bool edge; /* joined to the last one */
} Walk;

static const char *skip_space(const char *p, const char *end)
{
    while (p < end && strchr(" \n\t\r", *p) && *p) p++;
    return p;
}

static bool walk_begin(sqlite3_context *c, sqlite3_value *v, Walk *w)
{
    Str s = func_arg(v), key = S("\"coordinates\"");
    ptrdiff_t at = s.n && s.p[0] == '{' ? str_find_str(s, key) : -1;
    if (!func_charge(c, (int64_t)s.n)) return false;
    if (at < 0) return func_refuse(c, "要的是 GeoJSON 图形"), false;
    *w = (Walk){.p = s.p + at + key.n, .end = s.p + s.n, .point = str_find_str(s, S("\"Point\"")) >= 0};
    w->p = skip_space(w->p, w->end);
    if (w->p < w->end && *w->p == ':') w->p++;
    return true;
}

/* Between two positions of a line or ring stands one closing bracket, between two lines more. The text ends
   with NUL, so that strtod stays inside. False at the end, or where it is no list of positions any more. */
static bool walk_next(Walk *w)
{
    int closes = 0;
    for (; w->p < w->end; w->p++) {
        char *after;
        if (*w->p && strchr(" \n\t\r[,", *w->p)) continue;
        if (*w->p == ']') {
            closes++;
            continue;
        }
        if (*w->p != '-' && (*w->p < '0' || *w->p > '9')) return false;
        w->last_lon = w->lon, w->last_lat = w->lat;
        w->lon = strtod(w->p, &after);
        const char *comma = skip_space(after, w->end);
        if (after == w->p || comma >= w->end || *comma != ',') return false;
        w->lat = strtod(comma + 1, &after);
        if (after == comma + 1 || !isfinite(w->lon) || !isfinite(w->lat)) return false;
        w->p = memchr(after, ']', (size_t)(w->end - after)); /* past a third ordinate */
        if (!w->p) w->p = w->end;
        w->edge = w->any && closes == 1;
        return w->any = true;
    }
    return false;
}

static bool get_point(sqlite3_context *c, sqlite3_value *v, Walk *w)
{
    if (!walk_begin(c, v, w)) return false;
    if (w->point && walk_next(w)) return true;
    return func_refuse(c, "要的是 GeoJSON 的点"), false;
}

static void f_lon(sqlite3_context *c, int n, sqlite3_value **v)
{
    Walk w;
    if (!func_null(c, n, v) && get_point(c, v[0], &w)) sqlite3_result_double(c, w.lon);
}

static void f_lat(sqlite3_context *c, int n, sqlite3_value **v)
{
    Walk w;
    if (!func_null(c, n, v) && get_point(c, v[0], &w)) sqlite3_result_double(c, w.lat);
}

static void f_distance(sqlite3_context *c, int n, sqlite3_value **v)
{
    Walk p, q;
    if (func_null(c, n, v) || !get_point(c, v[0], &p) || !get_point(c, v[1], &q)) return;
    double rad = acos(-1) / 180, dlat = (q.lat - p.lat) * rad, dlon = (q.lon - p.lon) * rad;
    double s = sin(dlat / 2), t = sin(dlon / 2);
    double h = s * s + cos(p.lat * rad) * cos(q.lat * rad) * t * t;
    sqlite3_result_double(c, 2 * radius_m * asin(sqrt(h < 1 ? h : 1)));
}

static bool on_edge(double x, double y, const Walk *w)
{
    double cross = (w->lon - w->last_lon) * (y - w->last_lat) - (w->lat - w->last_lat) * (x - w->last_lon);
    return cross == 0 && x >= fmin(w->lon, w->last_lon) && x <= fmax(w->lon, w->last_lon) &&
           y >= fmin(w->lat, w->last_lat) && y <= fmax(w->lat, w->last_lat);
}

/* Even-odd over all rings, so that holes and the parts of a MultiPolygon need no care; a point on an edge is
   in. */
static void f_in_polygon(sqlite3_context *c, int n, sqlite3_value **v)
{
    Walk p, w;
    bool in = false;
    if (func_null(c, n, v) || !get_point(c, v[0], &p) || !walk_begin(c, v[1], &w)) return;
    while (walk_next(&w)) {
        if (!w.edge) continue;
        if (on_edge(p.lon, p.lat, &w)) return sqlite3_result_int(c, 1);
        if ((w.lat > p.lat) == (w.last_lat > p.lat)) continue;
        double cut = (w.last_lon - w.lon) * (p.lat - w.lat) / (w.last_lat - w.lat) + w.lon;
        if (p.lon < cut) in = !in;
    }
    sqlite3_result_int(c, in);
}

typedef struct Box {
    double west, south, east, north;
} Box;

static bool get_box(sqlite3_context *c, sqlite3_value *v, Box *b)
{
    Walk w;
    if (!walk_begin(c, v, &w)) return false;
    *b = (Box){INFINITY, INFINITY, -INFINITY, -INFINITY};
    while (walk_next(&w)) {
        b->west = fmin(b->west, w.lon), b->east = fmax(b->east, w.lon);
        b->south = fmin(b->south, w.lat), b->north = fmax(b->north, w.lat);
    }
    return true;
}

static void f_bbox_overlaps(sqlite3_context *c, int n, sqlite3_value **v)
{
    Box a, b;
    if (func_null(c, n, v) || !get_box(c, v[0], &a) || !get_box(c, v[1], &b)) return;
    sqlite3_result_int(c, a.west <= b.east && b.west <= a.east && a.south <= b.north && b.south <= a.north);
}

const SqlFunc expr_funcs_geo[] = {{"bbox_overlaps", 2, f_bbox_overlaps, 0, "两个图形的外框相交或相接"},
                                  {"distance_m", 2, f_distance, 0, "两点的球面距离（米）"},
                                  {"in_polygon", 2, f_in_polygon, 0, "点在面内（含边界）"},
                                  {"lat", 1, f_lat, 0, "点的纬度"},
                                  {"lon", 1, f_lon, 0, "点的经度"},
                                  {0}};

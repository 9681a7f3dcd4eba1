/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * Geometry from GeoJSON (RFC 7946 §3.1) and plain `lon,lat`; WKT is in geometry_wkt.c. All readers feed one
 * builder, which checks ranges, counts and closure and writes the canonical text, so the forms agree by
 * construction.
 */
#include "base/geometry_int.h"

#include <math.h>

const char *geometry_kind_title(GeometryKind kind)
{
    static const char *const titles[GEOMETRY_KIND_N] = {"点", "线", "面"};
    return kind < GEOMETRY_KIND_N ? titles[kind] : "";
}

void geo_begin(GeoBuilder *b, GeometryKind kind, bool multi)
{
    static const char *const names[GEOMETRY_KIND_N][2] = {
        {"Point", "MultiPoint"}, {"LineString", "MultiLineString"}, {"Polygon", "MultiPolygon"}};
    *b = (GeoBuilder){
        .g = {.kind = kind, .multi = multi, .west = 181, .south = 91, .east = -181, .north = -91}};
    buf_init(&b->out, GEOMETRY_TEXT_MAX);
    jw_init(&b->w, &b->out);
    jw_object(&b->w);
    jw_kstr(&b->w, "type", str_c(names[kind][multi]));
    jw_key(&b->w, S("coordinates"));
}

void geo_done(GeoBuilder *b) { buf_done(&b->out); }

int geo_point(GeoBuilder *b, double lon, double lat, Err *err)
{
    if (++b->g.vertices > GEOMETRY_VERTEX_MAX)
        return err_set(err, ERR_VALIDATION, "顶点太多，最多 %d 个，请先简化图形", GEOMETRY_VERTEX_MAX);
    if (!(lon >= -180 && lon <= 180))
        return err_set(err, ERR_VALIDATION, "经度 %.7g 超出 -180 到 180%s", lon,
                       fabs(lon) > 1000 ? "，像是投影坐标，请先转成经纬度" : "");
    if (!(lat >= -90 && lat <= 90))
        return err_set(err, ERR_VALIDATION, "纬度 %.7g 超出 -90 到 90%s", lat,
                       fabs(lat) <= 180 ? "，经纬度可能写反了，应先经度后纬度" : "");
    if (lon == 0) lon = 0; /* no -0 */
    if (lat == 0) lat = 0;
    if (!b->ring_n) b->first_lon = lon, b->first_lat = lat;
    b->ring_n++;
    b->last_lon = lon;
    b->last_lat = lat;
    if (lon < b->g.west) b->g.west = lon;
    if (lon > b->g.east) b->g.east = lon;
    if (lat < b->g.south) b->g.south = lat;
    if (lat > b->g.north) b->g.north = lat;
    jw_array(&b->w);
    jw_real(&b->w, lon + 0.0);
    jw_real(&b->w, lat + 0.0);
    jw_array_end(&b->w);
    return 0;
}

int geo_open(GeoBuilder *b, Err *err)
{
    if (++b->parts > GEOMETRY_PARTS_MAX)
        return err_set(err, ERR_VALIDATION, "图形的部分太多，最多 %d 个", GEOMETRY_PARTS_MAX);
    jw_array(&b->w);
    b->ring_n = 0;
    return 0;
}

void geo_close(GeoBuilder *b) { jw_array_end(&b->w); }

/* A line or ring is complete. */
int geo_path_end(GeoBuilder *b, Err *err)
{
    geo_close(b);
    if (b->g.kind == GEOMETRY_LINE && b->ring_n < 2) return err_set(err, ERR_VALIDATION, "线至少要有 2 个点");
    if (b->g.kind != GEOMETRY_POLYGON) return 0;
    if (b->ring_n < 4) return err_set(err, ERR_VALIDATION, "面的每一圈至少要有 4 个点（首尾相同）");
    if (b->first_lon != b->last_lon || b->first_lat != b->last_lat)
        return err_set(err, ERR_VALIDATION, "面的这一圈没有闭合，末点应与首点相同");
    return 0;
}

int geo_finish(Arena *a, GeoBuilder *b, Geometry *ret, Err *err)
{
    jw_object_end(&b->w);
    if (!b->g.vertices) return err_set(err, ERR_VALIDATION, "图形里没有点");
    if (b->out.over) return err_set(err, ERR_VALIDATION, "图形太大，请先简化");
    b->g.json = buf_dup(a, &b->out);
    *ret = b->g;
    return 0;
}

/* ---- GeoJSON ---- */

/* The path of array indices down to the fault, for the pointer. */
typedef struct Path {
    size_t at[4];
    int n;
} Path;

static int point_out(const Path *p, Err *err)
{
    char text[128] = "/coordinates";
    size_t n = strlen(text);
    for (int i = 0; i < p->n; i++) n += (size_t)snprintf(text + n, sizeof text - n, "/%zu", p->at[i]);
    return err_pointer(err, "%s", text);
}

static int read_position(GeoBuilder *b, const json_t *v, const Path *p, Err *err)
{
    size_t n = json_array_size(v);
    const json_t *lon = json_array_get(v, 0), *lat = json_array_get(v, 1);
    if (!json_is_array(v) || n < 2 || n > 4 || !json_is_number(lon) || !json_is_number(lat)) {
        err_set(err, ERR_VALIDATION, "坐标应是 [经度, 纬度] 两个数字");
        return point_out(p, err);
    }
    if (geo_point(b, json_number_value(lon), json_number_value(lat), err) == 0) return 0;
    return point_out(p, err);
}

/* levels: arrays above a position. 0 a point; 1 a line, ring or list of points; more: lists of those. */
static int read_coordinates(GeoBuilder *b, const json_t *v, int levels, Path *p, Err *err)
{
    if (levels == 0) return read_position(b, v, p, err);
    if (!json_is_array(v) || !json_array_size(v)) {
        err_set(err, ERR_VALIDATION, json_is_array(v) ? "坐标列表是空的" : "这里应是坐标的列表");
        return point_out(p, err);
    }
    if (geo_open(b, err) < 0) return point_out(p, err);
    p->n++;
    for (size_t i = 0; i < json_array_size(v); i++) {
        p->at[p->n - 1] = i;
        TRY(read_coordinates(b, json_array_get(v, i), levels - 1, p, err));
    }
    p->n--;
    if (levels > 1) {
        geo_close(b);
        return 0;
    }
    if (geo_path_end(b, err) == 0) return 0;
    return point_out(p, err);
}

const GeoShape geo_shapes[] = {
    {"LineString", GEOMETRY_LINE, false, 1},
    {"MultiLineString", GEOMETRY_LINE, true, 2},
    {"MultiPoint", GEOMETRY_POINT, true, 1},
    {"MultiPolygon", GEOMETRY_POLYGON, true, 3},
    {"Point", GEOMETRY_POINT, false, 0},
    {"Polygon", GEOMETRY_POLYGON, false, 2},
    {0},
};

int geometry_from_json(Arena *a, const json_t *value, Geometry *ret, Err *err)
{
    const json_t *type = json_object_get(value, "type"), *coordinates = json_object_get(value, "coordinates");
    if (!json_is_object(value))
        return err_set(err, ERR_VALIDATION,
                       "图形应是 GeoJSON 对象，如 {\"type\":\"Point\",\"coordinates\":[116.4,39.9]}");
    if (json_is_string(type) && !strcmp(json_string_value(type), "Feature"))
        return geometry_from_json(a, json_object_get(value, "geometry"), ret, err);
    const GeoShape *shape = geo_shapes;
    while (json_is_string(type) && shape->name && strcmp(shape->name, json_string_value(type))) shape++;
    if (!json_is_string(type) || !shape->name) {
        err_set(
            err, ERR_VALIDATION,
            "不支持的图形类型，可用 Point、LineString、MultiLineString、Polygon、MultiPolygon、MultiPoint");
        return err_pointer(err, "/type");
    }
    if (!coordinates) {
        err_set(err, ERR_VALIDATION, "图形缺少 coordinates");
        return err_pointer(err, "/coordinates");
    }
    GeoBuilder b;
    Path path = {.n = 0};
    geo_begin(&b, shape->kind, shape->multi);
    int rc = read_coordinates(&b, coordinates, shape->levels, &path, err);
    if (!rc) rc = geo_finish(a, &b, ret, err);
    geo_done(&b);
    return rc;
}

static int from_json_text(Arena *a, Str text, Geometry *ret, Err *err)
{
    json_t *tree;
    int rc = json_parse(a, text, &tree, err);
    if (rc < 0 && err) err->code = ERR_VALIDATION;
    if (rc < 0) return -(int)ERR_VALIDATION;
    return geometry_from_json(a, tree, ret, err);
}

/* `lon,lat`: a comma (also full-width) or a space between. */
static int from_pair(Arena *a, Str text, Geometry *ret, Err *err)
{
    size_t n = 0;
    double lon, lat;
    while (n < text.n && text.p[n] != ',' && text.p[n] != ' ' && text.p[n] != ';') n++;
    Str second = str_trim(str_from(text, n));
    if (second.n && (second.p[0] == ',' || second.p[0] == ';')) second = str_trim(str_from(second, 1));
    if (!str_real(str_n(text.p, n), &lon) || !str_real(second, &lat)) {
        int rc =
            err_set(err, ERR_VALIDATION, "看不懂的位置，应如 116.4,39.9（先经度后纬度）、WKT 或 GeoJSON");
        if (err) err->at = 0;
        return rc;
    }
    GeoBuilder b;
    geo_begin(&b, GEOMETRY_POINT, false);
    int rc = geo_point(&b, lon, lat, err);
    if (!rc) rc = geo_finish(a, &b, ret, err);
    geo_done(&b);
    return rc;
}

int geometry_parse(Arena *a, Str text, Geometry *ret, Err *err)
{
    text = str_trim(text);
    if (!text.n) return err_set(err, ERR_VALIDATION, "位置是空的");
    if (text.n > GEOMETRY_TEXT_MAX)
        return err_set(err, ERR_VALIDATION, "图形太大，最多 %d MB", GEOMETRY_TEXT_MAX >> 20);
    if (text.p[0] == '{') return from_json_text(a, text, ret, err);
    if ((text.p[0] | 32) >= 'a' && (text.p[0] | 32) <= 'z') return geo_from_wkt(a, text, ret, err);
    return from_pair(a, text, ret, err);
}

int geometry_parse_kind(Arena *a, Str text, GeometryKind kind, Geometry *ret, Err *err)
{
    Geometry g;
    TRY(geometry_parse(a, text, &g, err));
    if (g.kind != kind || (kind == GEOMETRY_POINT && g.multi))
        return err_set(err, ERR_VALIDATION, "这里要的是%s，给的是%s%s", geometry_kind_title(kind),
                       g.multi ? "多" : "", geometry_kind_title(g.kind));
    *ret = g;
    return 0;
}

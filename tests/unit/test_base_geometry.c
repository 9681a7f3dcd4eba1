/* SPDX-License-Identifier: MulanPSL-2.0 */
/* base/geometry. */
#include "unit.h"
#include "base/geometry.h"

static void forms__give_the_same_text(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"109.5,34.5", "{\"type\":\"Point\",\"coordinates\":[109.5,34.5]}"},
        {" 109.5 34.5 ", "{\"type\":\"Point\",\"coordinates\":[109.5,34.5]}"},
        {"109.5, 34.5", "{\"type\":\"Point\",\"coordinates\":[109.5,34.5]}"},
        {"POINT (109.5 34.5)", "{\"type\":\"Point\",\"coordinates\":[109.5,34.5]}"},
        {"SRID=4490;point z(109.5 34.5 400)", "{\"type\":\"Point\",\"coordinates\":[109.5,34.5]}"},
        {"{\"type\":\"Point\", \"coordinates\":[109.50, 34.5, 400]}",
         "{\"type\":\"Point\",\"coordinates\":[109.5,34.5]}"},
        {"{\"type\":\"Feature\",\"geometry\":{\"type\":\"Point\",\"coordinates\":[0,-0.0]}}",
         "{\"type\":\"Point\",\"coordinates\":[0,0]}"},
        {"LINESTRING(1 2,3 4)", "{\"type\":\"LineString\",\"coordinates\":[[1,2],[3,4]]}"},
        {"POLYGON((0 0,1 0,1 1,0 0))", "{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[1,0],[1,1],[0,0]]]}"},
        {"MULTIPOLYGON(((0 0,1 0,1 1,0 0)),((5 5,6 5,6 6,5 5)))",
         "{\"type\":\"MultiPolygon\",\"coordinates\":[[[[0,0],[1,0],[1,1],[0,0]]],[[[5,5],[6,5],[6,6],[5,5]]]"
         "]}"},
        {"MULTIPOINT((1 2),(3 4))", "{\"type\":\"MultiPoint\",\"coordinates\":[[1,2],[3,4]]}"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_arena_ Arena *a = arena_new();
        Geometry g, again;
        Err err = ERR_INIT;
        if (geometry_parse(a, str_c(rows[i].in), &g, &err) < 0) fail_msg("%s: %s", rows[i].in, err.msg);
        assert_text(g.json, rows[i].out);
        assert_int_equal(geometry_parse(a, g.json, &again, &err), 0);
        assert_text(again.json, rows[i].out);
    }
}

static void box_and_kind__are_found(void **state)
{
    (void)state;
    _cleanup_arena_ Arena *a = arena_new();
    Geometry g;
    Err err = ERR_INIT;
    assert_int_equal(
        geometry_parse_kind(a, S("POLYGON((109 34,110 34,110 35.5,109 34))"), GEOMETRY_POLYGON, &g, &err), 0);
    assert_true(g.west == 109 && g.east == 110 && g.south == 34 && g.north == 35.5 && g.vertices == 4);
    assert_int_equal(geometry_parse_kind(a, S("POINT(1 2)"), GEOMETRY_POLYGON, &g, &err), -ERR_VALIDATION);
    assert_non_null(strstr(err.msg, "面"));
    assert_int_equal(geometry_parse_kind(a, S("MULTIPOINT(1 2)"), GEOMETRY_POINT, &g, &err), -ERR_VALIDATION);
}

static void wrong__says_what_and_where(void **state)
{
    (void)state;
    static const struct {
        const char *in, *say, *pointer;
    } rows[] = {
        {"", "空", ""},
        {"109.5", "看不懂", ""},
        {"(40.7, -73.9)", "看不懂", ""},
        {"34.5,109.5", "写反", ""},
        {"4500000,500000", "投影", ""},
        {"181,0", "经度", ""},
        {"POINT(1)", "第 8 个字符", ""},
        {"POINT(1 2", "右括号", ""},
        {"POINT(1 2) x", "多余", ""},
        {"POINT EMPTY", "空", ""},
        {"CIRCLE(1 2)", "不认识", ""},
        {"LINESTRING(1 2)", "2 个点", ""},
        {"POLYGON((0 0,1 0,1 1,0 1))", "闭合", ""},
        {"POLYGON((0 0,1 0,0 0))", "4 个点", ""},
        {"{", "JSON", ""},
        {"{\"type\":\"Circle\"}", "类型", "/type"},
        {"{\"type\":\"Point\"}", "coordinates", "/coordinates"},
        {"{\"type\":\"Point\",\"coordinates\":[1]}", "两个数字", "/coordinates"},
        {"{\"type\":\"Point\",\"coordinates\":[1,\"2\"]}", "两个数字", "/coordinates"},
        {"{\"type\":\"LineString\",\"coordinates\":[[1,2],[3,95]]}", "纬度", "/coordinates/1"},
        {"{\"type\":\"Polygon\",\"coordinates\":[]}", "空", "/coordinates"},
        {"{\"type\":\"MultiPolygon\",\"coordinates\":[[[[0,0],[1,0],[1,1],[0,0]],[[0,0],[1,1]]]]}", "4 个点",
         "/coordinates/0/1"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_arena_ Arena *a = arena_new();
        Geometry g;
        Err err = ERR_INIT;
        int rc = geometry_parse(a, str_c(rows[i].in), &g, &err);
        if (rc != -ERR_VALIDATION || !strstr(err.msg, rows[i].say) || !strstr(err.pointer, rows[i].pointer))
            fail_msg("%s: rc %d %s %s", rows[i].in, rc, err.msg, err.pointer);
    }
}

static void vertices__are_capped(void **state)
{
    (void)state;
    _cleanup_arena_ Arena *a = arena_new();
    _cleanup_buf_ Buf b;
    Geometry g;
    Err err = ERR_INIT;
    buf_init(&b, 4 << 20);
    buf_adds(&b, "LINESTRING(");
    for (int i = 0; i <= GEOMETRY_VERTEX_MAX; i++) buf_adds(&b, i ? ",1 2" : "1 2");
    buf_adds(&b, ")");
    assert_int_equal(geometry_parse(a, buf_str(&b), &g, &err), -ERR_VALIDATION);
    assert_non_null(strstr(err.msg, "顶点太多"));
}

UNIT_MAIN(cmocka_unit_test(forms__give_the_same_text), cmocka_unit_test(box_and_kind__are_found),
          cmocka_unit_test(wrong__says_what_and_where), cmocka_unit_test(vertices__are_capped))

/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Which route answers which path; which tables are refused. */
#include "http/router.h"
#include "http/http.h"
#include "unit.h"

static int handler(Request *rq, Err *err)
{
    (void)rq, (void)err;
    return 0;
}

static const Route good[] = {
    {"DELETE", "/api/things/{id}", NULL, ROUTE_ANY_USER, handler, NULL, "删除"},
    {"GET", "/", NULL, ROUTE_PUBLIC, handler, NULL, "首页"},
    {"GET", "/api/things", "things.read", 0, handler, NULL, "一览"},
    {"GET", "/api/things/{id}", NULL, ROUTE_ANY_USER, handler, NULL, "一个"},
    {"GET", "/api/things/{id}/{part}", NULL, ROUTE_ANY_USER, handler, NULL, "一部分"},
    {"GET", "/api/things/{id}/history", NULL, ROUTE_ANY_USER, handler, NULL, "历史"},
    {"GET", "/api/things/new", NULL, ROUTE_ANY_USER, handler, NULL, "新的"},
    {0},
};
static const Engine good_engine = {.name = "good", .routes = good};
static const Engine *const good_engines[] = {&good_engine, &http_engine, NULL};

static void find__picks_the_most_literal(void **state)
{
    static const struct {
        const char *method, *path, *want, *p0;
    } cases[] = {
        {"GET", "/", "/", NULL},
        {"GET", "/api/things", "/api/things", NULL},
        {"GET", "/api/things/", NULL, NULL},
        {"GET", "/api/things/new", "/api/things/new", NULL},
        {"GET", "/api/things/7", "/api/things/{id}", "7"},
        {"HEAD", "/api/things/7", "/api/things/{id}", "7"},
        {"DELETE", "/api/things/%E4%B8%AD%2F1", "/api/things/{id}", "中/1"},
        {"GET", "/api/things/a+b/history", "/api/things/{id}/history", "a+b"},
        {"GET", "/api/things/a/other", "/api/things/{id}/{part}", "a"},
        {"GET", "/api/things/a/b/c", NULL, NULL},
        {"PUT", "/api/things/7", NULL, NULL},
        {"DELETE", "/api/things/new", NULL, NULL},
        {"GET", "/healthz", "/healthz", NULL},
        {"GET", "/1/2/3/4/5/6/7/8/9/10/11/12/13/14", NULL, NULL},
    };
    Router r;
    Err err = ERR_INIT;
    (void)state;
    assert_int_equal(router_init(&r, good_engines, &err), 0);
    for (size_t i = 0; i < COUNT(cases); i++) {
        _cleanup_arena_ Arena *a = arena_new();
        RouteMatch m;
        assert_int_equal(router_find(&r, a, str_c(cases[i].method), str_c(cases[i].path), &m, &err), 0);
        if (!cases[i].want)
            assert_null(m.entry);
        else
            assert_non_null(m.entry);
        if (m.entry) assert_string_equal(m.entry->route->path, cases[i].want);
        if (cases[i].p0) assert_text(m.params[0], cases[i].p0);
    }
    router_done(&r);
}

static void find__tells_allowed_methods_and_the_nearest(void **state)
{
    Router r;
    Err err = ERR_INIT;
    RouteMatch m;
    _cleanup_arena_ Arena *a = arena_new();
    (void)state;
    assert_int_equal(router_init(&r, good_engines, &err), 0);
    assert_int_equal(router_find(&r, a, S("PUT"), S("/api/things/7"), &m, &err), 0);
    assert_true(str_find_str(m.allow, S("GET, HEAD")) >= 0 && str_find_str(m.allow, S("DELETE")) >= 0);
    assert_int_equal(router_find(&r, a, S("GET"), S("/api/thing/7/history"), &m, &err), 0);
    assert_int_equal(m.allow.n, 0);
    assert_text(m.near, "/api/things/{id}/history");
    assert_int_equal(router_find(&r, a, S("GET"), S("/nothing/like/it"), &m, &err), 0);
    assert_int_equal(m.near.n, 0);
    router_done(&r);
}

static void find__refuses_paths_that_are_not_text(void **state)
{
    static const char *const paths[] = {"/api/things/%FF", "/api/things/a%00b", "/api/things/\xC0\x80"};
    Router r;
    Err err = ERR_INIT;
    (void)state;
    assert_int_equal(router_init(&r, good_engines, &err), 0);
    for (size_t i = 0; i < COUNT(paths); i++) {
        _cleanup_arena_ Arena *a = arena_new();
        RouteMatch m;
        assert_int_equal(router_find(&r, a, S("GET"), str_c(paths[i]), &m, &err), -(int)ERR_INPUT);
    }
    router_done(&r);
}

static void check__refuses_wrong_tables(void **state)
{
    static const Route wrong[][3] = {
        {{"GET", "/x", NULL, 0, handler, NULL, "无人可用"}},
        {{"GET", "/x", "p", ROUTE_PUBLIC, handler, NULL, "矛盾"}},
        {{"GET", "/x", NULL, ROUTE_PUBLIC | ROUTE_ANY_USER, handler, NULL, "矛盾"}},
        {{"GET", "/x", NULL, ROUTE_PUBLIC, NULL, NULL, "没有函数"}},
        {{"GET", "/x", NULL, ROUTE_PUBLIC, handler, NULL, NULL}},
        {{"GET", "x", NULL, ROUTE_PUBLIC, handler, NULL, "没有斜线"}},
        {{"GET", "/{a}/{b}/{c}/{d}/{e}", NULL, ROUTE_PUBLIC, handler, NULL, "参数太多"}},
        {{"GET", "/x/{a}", NULL, ROUTE_PUBLIC, handler, NULL, "一"},
         {"GET", "/x/{b}", NULL, ROUTE_PUBLIC, handler, NULL, "二"}},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        Engine e = {.name = "wrong", .routes = wrong[i]};
        const Engine *const list[] = {&e, NULL};
        Err err = ERR_INIT;
        assert_int_equal(http_check_routes(list, &err), -(int)ERR_INPUT);
        assert_non_null(strstr(err.msg, "wrong"));
    }
    Err err = ERR_INIT;
    assert_int_equal(http_check_routes(good_engines, &err), 0);
}

UNIT_MAIN(cmocka_unit_test(find__picks_the_most_literal),
          cmocka_unit_test(find__tells_allowed_methods_and_the_nearest),
          cmocka_unit_test(find__refuses_paths_that_are_not_text),
          cmocka_unit_test(check__refuses_wrong_tables))

/* SPDX-License-Identifier: MulanPSL-2.0 */
/* A few dozen patterns: a walk over the table is faster than anything clever. */
#include "http/router.h"
#include "base/text.h"
#include "http/http.h"
#include "model/url.h"

static bool is_param(Str s) { return s.n > 2 && s.p[0] == '{' && s.p[s.n - 1] == '}'; }

static int refuse(const Engine *e, const Route *r, const char *why, Err *err)
{
    return err_set(err, ERR_INPUT, "%s 的路由 %s %s %s", e->name, r->method, r->path ? r->path : "(无路径)",
                   why);
}

static int check_access(const Engine *e, const Route *r, Err *err)
{
    int ways = !!r->permission + !!(r->flags & ROUTE_PUBLIC) + !!(r->flags & ROUTE_ANY_USER);
    if (!ways)
        return refuse(e, r, "没有说明谁可以使用", err),
               err_hint(err, "写上 permission、ROUTE_PUBLIC 或 ROUTE_ANY_USER 之一");
    if (ways > 1) return refuse(e, r, "的权限说明互相矛盾", err), err_hint(err, "三者只能写一个");
    return 0;
}

static int compile(const Engine *e, const Route *r, RouteEntry *ret, Err *err)
{
    TRY(check_access(e, r, err));
    if (!r->handle) return refuse(e, r, "没有处理函数", err);
    if (!r->title || !*r->title) return refuse(e, r, "没有标题", err);
    if (!r->path || r->path[0] != '/') return refuse(e, r, "应以 / 开头", err);
    *ret = (RouteEntry){.engine = e, .route = r};
    Str rest = str_from(str_c(r->path), 1), part;
    size_t params = 0;
    while (str_split(&rest, '/', &part)) {
        if (ret->n == ROUTE_SEGMENTS_MAX) return refuse(e, r, "段数太多", err);
        if (is_param(part))
            params++;
        else
            ret->literal |= 1u << (31 - ret->n);
        ret->segments[ret->n++] = part;
    }
    if (params > ROUTE_PARAMS_MAX) return refuse(e, r, "参数太多", err);
    return 0;
}

/* The same set of paths, whatever the parameters are called. */
static bool same_pattern(const RouteEntry *a, const RouteEntry *b)
{
    if (a->n != b->n || a->literal != b->literal) return false;
    for (size_t i = 0; i < a->n; i++)
        if (!is_param(a->segments[i]) && !str_eq(a->segments[i], b->segments[i])) return false;
    return true;
}

int router_init(Router *r, const Engine *const *engines, Err *err)
{
    size_t n = 0;
    *r = (Router){0};
    for (const Engine *const *e = engines; *e; e++)
        for (const Route *row = (*e)->routes; row && row->method; row++) n++;
    RouteEntry *items = xcalloc(n ? n : 1, sizeof *items);
    n = 0;
    for (const Engine *const *e = engines; *e; e++)
        for (const Route *row = (*e)->routes; row && row->method; row++) {
            int rc = compile(*e, row, &items[n], err);
            for (size_t i = 0; !rc && i < n; i++)
                if (same_pattern(&items[i], &items[n]) && !strcmp(items[i].route->method, row->method))
                    rc = refuse(*e, row, "重复了", err);
            if (rc < 0) {
                free(items);
                return rc;
            }
            n++;
        }
    *r = (Router){items, n};
    return 0;
}

void router_done(Router *r)
{
    free(r->items);
    *r = (Router){0};
}

int http_check_routes(const Engine *const *engines, Err *err)
{
    Router r;
    TRY(router_init(&r, engines, err));
    router_done(&r);
    return 0;
}

static int split(Arena *a, Str path, Str *ret, size_t *ret_n, Err *err)
{
    Str rest = str_from(path, 1), part;
    size_t n = 0;
    while (str_split(&rest, '/', &part)) {
        if (n == ROUTE_SEGMENTS_MAX) {
            *ret_n = ROUTE_SEGMENTS_MAX + 1; /* fits no route */
            return 0;
        }
        ret[n] = url_decode(a, part, false);
        if (!text_valid(ret[n]) || (ret[n].n && memchr(ret[n].p, 0, ret[n].n)))
            return err_set(err, ERR_INPUT, "网址的第 %zu 段不是有效的 UTF-8 文本", n + 1);
        n++;
    }
    *ret_n = n;
    return 0;
}

static bool fits(const RouteEntry *e, const Str *segments, size_t n)
{
    if (e->n != n) return false;
    for (size_t i = 0; i < n; i++)
        if (is_param(e->segments[i]) ? !segments[i].n : !str_eq(e->segments[i], segments[i])) return false;
    return true;
}

/* The pattern with its parameters filled from the path, so that only misspelt literals count. */
static Str filled(Arena *a, const RouteEntry *e, const Str *segments)
{
    Str path = S("");
    for (size_t i = 0; i < e->n; i++)
        path = str_fmt(a, STR_FMT "/" STR_FMT, STR_ARG(path),
                       STR_ARG(is_param(e->segments[i]) ? segments[i] : e->segments[i]));
    return path;
}

enum { NEAR_MAX = 4, NEAR_PATH_MAX = 200 };

static Str nearest(const Router *r, Arena *a, Str path, const Str *segments, size_t n)
{
    Str best = STR_NONE;
    size_t least = NEAR_MAX;
    unsigned literal = 0;
    for (size_t i = 0; i < r->n && path.n <= NEAR_PATH_MAX; i++) {
        if (r->items[i].n != n) continue;
        size_t d = text_distance(path, filled(a, &r->items[i], segments), least);
        if (d > least || d == NEAR_MAX || (d == least && r->items[i].literal <= literal)) continue;
        least = d;
        literal = r->items[i].literal;
        best = str_c(r->items[i].route->path);
    }
    return best;
}

static bool same_method(const char *route, Str method)
{
    return str_is(method, route) || (str_is(method, "HEAD") && !strcmp(route, "GET"));
}

static void allow(Arena *a, RouteMatch *m, const char *method)
{
    if (!m->allow.n) m->allow = S("OPTIONS");
    m->allow = str_fmt(a, "%s%s, " STR_FMT, method, strcmp(method, "GET") ? "" : ", HEAD", STR_ARG(m->allow));
}

int router_find(const Router *r, Arena *a, Str method, Str path, RouteMatch *ret, Err *err)
{
    Str segments[ROUTE_SEGMENTS_MAX];
    size_t n = 0;
    unsigned best = 0;
    *ret = (RouteMatch){0};
    TRY(split(a, path, segments, &n, err));
    for (size_t i = 0; i < r->n; i++) {
        const RouteEntry *e = &r->items[i];
        if (!fits(e, segments, n)) continue;
        if (ret->allow.n && e->literal < best) continue;
        if (e->literal > best) *ret = (RouteMatch){0};
        best = e->literal;
        allow(a, ret, e->route->method);
        if (same_method(e->route->method, method)) ret->entry = e;
    }
    if (!ret->allow.n) ret->near = nearest(r, a, path, segments, n);
    for (size_t i = 0, p = 0; ret->entry && i < n; i++)
        if (is_param(ret->entry->segments[i])) ret->params[p++] = segments[i];
    return 0;
}

/* SPDX-License-Identifier: MulanPSL-2.0 */
/* The OpenAPI 3.1 document, made when asked for: from the route tables of all engines and the entities of the
   model that the caller may read. Nothing of it is written by hand anywhere else. */
#include "http/http_int.h"
#include "http/openapi_int.h"

static void key_object(JsonWriter *w, const char *key)
{
    jw_key(w, str_c(key));
    jw_object(w);
}

static void reference(JsonWriter *w, Str ref)
{
    jw_object(w);
    jw_kstr(w, "$ref", ref);
    jw_object_end(w);
}

void openapi_responses(JsonWriter *w, const char *status, const char *says, const char *media_type, Str ref,
                       bool list)
{
    key_object(w, "responses");
    key_object(w, status);
    jw_kstr(w, "description", str_c(says));
    if (media_type) {
        key_object(w, "content");
        key_object(w, media_type);
        key_object(w, "schema");
        if (list) {
            jw_kstr(w, "type", S("array"));
            jw_key(w, S("items"));
            reference(w, ref);
        } else if (ref.n)
            jw_kstr(w, "$ref", ref);
        jw_object_end(w);
        jw_object_end(w);
        jw_object_end(w);
    }
    jw_object_end(w);
    jw_key(w, S("default"));
    reference(w, S("#/components/responses/Problem"));
    jw_object_end(w);
}

static void string_parameter(JsonWriter *w, Str name, const char *in, const char *says)
{
    jw_kstr(w, "name", name);
    jw_kstr(w, "in", str_c(in));
    if (!strcmp(in, "path")) jw_kbool(w, "required", true);
    jw_kstr(w, "description", str_c(says));
    key_object(w, "schema");
    jw_kstr(w, "type", S("string"));
    jw_object_end(w);
}

/* ---- routes ---- */

static void path_parameters(JsonWriter *w, const char *path)
{
    Str rest = str_c(path), part;
    jw_key(w, S("parameters"));
    jw_array(w);
    while (str_split(&rest, '/', &part))
        if (part.n > 2 && part.p[0] == '{') {
            jw_object(w);
            string_parameter(w, str_n(part.p + 1, part.n - 2), "path", "网址中的一段");
            jw_object_end(w);
        }
    jw_array_end(w);
}

static void input_field(JsonWriter *w, const JsonField *f)
{
    static const char *const types[] = {"string", "integer", "boolean", NULL, "array"};
    key_object(w, f->name);
    if (f->title) jw_kstr(w, "title", str_c(f->title));
    if (types[f->type]) jw_kstr(w, "type", str_c(types[f->type]));
    if (f->type == JSON_T_STR_LIST) {
        key_object(w, "items");
        jw_kstr(w, "type", S("string"));
        jw_object_end(w);
    }
    if (f->type == JSON_T_INT && f->max > f->min) {
        jw_kint(w, "minimum", f->min);
        jw_kint(w, "maximum", f->max);
    }
    if (f->type == JSON_T_STR && f->max > 0) jw_kint(w, "maxLength", f->max);
    jw_object_end(w);
}

static void input_body(JsonWriter *w, const JsonField *spec)
{
    key_object(w, "requestBody");
    jw_kbool(w, "required", true);
    key_object(w, "content");
    key_object(w, "application/json");
    key_object(w, "schema");
    jw_kstr(w, "type", S("object"));
    jw_kbool(w, "additionalProperties", false);
    key_object(w, "properties");
    for (const JsonField *f = spec; f->name; f++) input_field(w, f);
    jw_object_end(w);
    jw_key(w, S("required"));
    jw_array(w);
    for (const JsonField *f = spec; f->name; f++)
        if (f->required) jw_str(w, str_c(f->name));
    jw_array_end(w);
    for (int i = 0; i < 4; i++) jw_object_end(w);
}

static Str slug(Arena *a, const Route *r)
{
    Str s = str_fmt(a, "%s%s", r->method, r->path);
    char *p = str_cdup(a, s);
    for (size_t i = 0; i < s.n; i++) {
        bool ok = (p[i] >= 'a' && p[i] <= 'z') || (p[i] >= '0' && p[i] <= '9');
        if (p[i] >= 'A' && p[i] <= 'Z')
            p[i] = (char)(p[i] + 32);
        else if (!ok)
            p[i] = '_';
    }
    return str_n(p, s.n);
}

static const char *media_of(const Route *r)
{
    if (r->flags & ROUTE_STREAM) return "text/event-stream";
    return !strcmp(r->method, "DELETE")  ? NULL
           : strcmp(r->path, "/metrics") ? "application/json"
                                         : "text/plain";
}

static void route_operation(JsonWriter *w, Arena *a, const Engine *e, const Route *r)
{
    char *method = str_cdup(a, str_c(r->method));
    for (char *p = method; *p; p++) *p = (char)(*p | 32);
    key_object(w, method);
    jw_kstr(w, "summary", str_c(r->title));
    jw_kstr(w, "operationId", slug(a, r));
    jw_key(w, S("tags"));
    jw_array(w);
    jw_str(w, str_c(e->name));
    jw_array_end(w);
    if (r->permission) jw_kstr(w, "x-permission", str_c(r->permission));
    if (r->flags & ROUTE_PUBLIC) {
        jw_key(w, S("security"));
        jw_array(w);
        jw_array_end(w);
    }
    path_parameters(w, r->path);
    if (r->input) input_body(w, r->input);
    openapi_responses(w, "200", "成功", media_of(r), STR_NONE, false);
    jw_object_end(w);
}

/* Routes of one path stand together; each path is written where its first route is. */
static void route_paths(JsonWriter *w, Arena *a, const Router *router)
{
    for (size_t i = 0; i < router->n; i++) {
        const char *path = router->items[i].route->path;
        bool seen = false;
        for (size_t k = 0; k < i && !seen; k++) seen = !strcmp(router->items[k].route->path, path);
        if (seen) continue;
        key_object(w, path);
        for (size_t k = i; k < router->n; k++)
            if (!strcmp(router->items[k].route->path, path))
                route_operation(w, a, router->items[k].engine, router->items[k].route);
        jw_object_end(w);
    }
}

/* ---- components ---- */

static void problem_schema(JsonWriter *w)
{
    static const char *const members[][2] = {
        {"type", "错误类型的网址"}, {"title", "错误类型"},
        {"detail", "哪里不对"},     {"pointer", "有误的字段（JSON Pointer）或参数"},
        {"trace", "追踪号"},        {"code", "错误类型的名字"},
        {"message", "同 detail"},
    };
    key_object(w, "Problem");
    jw_kstr(w, "title", S("错误说明（RFC 9457）"));
    jw_kstr(w, "type", S("object"));
    key_object(w, "properties");
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        key_object(w, members[i][0]);
        jw_kstr(w, "type", S("string"));
        jw_kstr(w, "description", str_c(members[i][1]));
        jw_object_end(w);
    }
    jw_key(w, S("status"));
    jw_raw(w, S("{\"type\":\"integer\"}"));
    jw_key(w, S("hint"));
    jw_raw(w, S("{\"type\":[\"string\",\"null\"]}"));
    jw_key(w, S("details"));
    jw_raw(w, S("{\"type\":[\"string\",\"null\"]}"));
    jw_object_end(w);
    jw_object_end(w);
}

static void shared_parameters(JsonWriter *w)
{
    static const char *const rows[][4] = {
        {"id", "id", "path", "记录的编号"},
        {"if-match", "If-Match", "header", "读取时得到的 ETag；记录已被他人修改时拒绝"},
        {"limit", "limit", "query", "最多多少条"},
        {"offset", "offset", "query", "跳过多少条"},
        {"or", "or", "query", "任一条件成立，例如 (a.eq.1,b.eq.2)"},
        {"order", "order", "query", "排序，例如 code.desc.nullslast"},
        {"prefer", "Prefer", "header", "count=exact 时给出总数"},
        {"select", "select", "query", "要哪些字段，可带引用，例如 code,title,region(title)"},
    };
    key_object(w, "parameters");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        key_object(w, rows[i][0]);
        string_parameter(w, str_c(rows[i][1]), rows[i][2], rows[i][3]);
        jw_object_end(w);
    }
    jw_object_end(w);
}

static void components(JsonWriter *w, Arena *a, const Model *m, const Actor *who)
{
    key_object(w, "components");
    key_object(w, "schemas");
    problem_schema(w);
    openapi_schemas(w, a, m, who);
    jw_object_end(w);
    shared_parameters(w);
    key_object(w, "responses");
    key_object(w, "Problem");
    jw_kstr(w, "description", S("没有成功；各类型见 /api/problems"));
    key_object(w, "content");
    key_object(w, "application/problem+json");
    jw_key(w, S("schema"));
    reference(w, S("#/components/schemas/Problem"));
    for (int i = 0; i < 4; i++) jw_object_end(w);
    jw_key(w, S("securitySchemes"));
    jw_raw(w, S("{\"bearer\":{\"type\":\"http\",\"scheme\":\"bearer\"}}"));
    jw_object_end(w);
}

int openapi_route(Request *rq, Err *err)
{
    const Http *h = ((Call *)rq->server)->http;
    JsonWriter w;
    (void)err;
    jw_init(&w, &rq->out);
    jw_object(&w);
    jw_kstr(&w, "openapi", S("3.1.0"));
    key_object(&w, "info");
    jw_kstr(&w, "title", S("城枢"));
    jw_kstr(&w, "version", str_c(http_version()));
    jw_kstr(&w, "description",
            S("记录接口遵循 PostgREST 的约定；时间为 RFC 3339，金额为十进制文本，几何为 GeoJSON（CGCS2000 "
              "经纬度）。"));
    jw_object_end(&w);
    jw_key(&w, S("servers"));
    jw_array(&w);
    jw_object(&w);
    jw_kstr(&w, "url", rq->base_url);
    jw_object_end(&w);
    jw_array_end(&w);
    jw_key(&w, S("security"));
    jw_raw(&w, S("[{\"bearer\":[]}]"));
    key_object(&w, "paths");
    route_paths(&w, rq->arena, &h->router);
    openapi_record_paths(&w, rq->arena, rq->city->model, rq->who);
    jw_object_end(&w);
    components(&w, rq->arena, rq->city->model, rq->who);
    jw_object_end(&w);
    return 0;
}

/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * Entities as JSON Schema 2020-12 and as paths. The schema of an entity demands nothing, since select may
 * leave out any field; what a new record needs stands in ENTITY_new.
 */
#include "http/openapi_int.h"

#include <math.h>

static bool shown(const Entity *e, const Actor *who)
{
    return access_any(who, e, OP_READ) || actor_may(who, "city.admin");
}

static void type_of(JsonWriter *w, const Field *f)
{
    jw_key(w, S("type"));
    if (f->required) {
        jw_str(w, str_c(field_type_json(f->type)));
        return;
    }
    jw_array(w);
    jw_str(w, str_c(field_type_json(f->type)));
    jw_str(w, S("null"));
    jw_array_end(w);
}

static void codes_of(JsonWriter *w, const Field *f)
{
    jw_key(w, S("enum"));
    jw_array(w);
    for (size_t i = 0; i < f->codes->n; i++) jw_str(w, f->codes->items[i].code);
    if (!f->required) jw_null(w);
    jw_array_end(w);
    jw_key(w, S("x-code-titles"));
    jw_object(w);
    for (size_t i = 0; i < f->codes->n; i++) {
        jw_key(w, f->codes->items[i].code);
        jw_str(w, f->codes->items[i].title);
    }
    jw_object_end(w);
}

static bool is_number(const Field *f) { return f->type == F_INT || f->type == F_DECIMAL; }

static bool is_length(const Field *f)
{
    return f->storage == STORE_TEXT && f->type != F_ENUM && !f->to && f->type != F_PERSON_ID &&
           f->type != F_CREDIT_CODE;
}

static void limit(JsonWriter *w, const char *key, double v, bool whole)
{
    if (!isfinite(v)) return;
    jw_key(w, str_c(key));
    if (whole)
        jw_int(w, (int64_t)v);
    else
        jw_real(w, v);
}

static void limits_of(JsonWriter *w, const Field *f)
{
    if (is_number(f)) {
        if (f->has_min) limit(w, "minimum", f->min, false);
        if (f->has_max) limit(w, "maximum", f->max, false);
    } else if (is_length(f)) {
        if (f->has_min && f->min >= 0) limit(w, "minLength", f->min, true);
        limit(w, "maxLength",
              f->has_max && f->max >= 0 ? f->max
              : f->type == F_LONGTEXT   ? LONGTEXT_MAX
                                        : TEXT_MAX,
              true);
    }
}

/* Types that have a form of their own: JSON Schema format, or a pattern. */
static void form_of(JsonWriter *w, Arena *a, const Field *f)
{
    static const struct {
        FieldType type;
        const char *key, *value;
    } forms[] = {
        {F_CREDIT_CODE, "pattern", "^[0-9A-HJ-NPQRTUWXY]{18}$"},
        {F_DATE, "format", "date"},
        {F_DATETIME, "format", "date-time"},
        {F_EMAIL, "format", "email"},
        {F_MONEY, "pattern", "^-?[0-9]{1,15}(\\.[0-9]{1,2})?$"},
        {F_PERSON_ID, "pattern", "^[0-9]{17}[0-9X]$"},
        {F_TIME, "pattern", "^[0-9]{2}:[0-9]{2}(:[0-9]{2})?$"},
        {F_URL, "format", "uri"},
    };
    bool masked = f->sensitivity >= 3; /* what is masked has not the form of the value */
    for (size_t i = 0; i < sizeof forms / sizeof *forms && !masked; i++)
        if (forms[i].type == f->type) jw_kstr(w, forms[i].key, str_c(forms[i].value));
    /* POSIX classes do not exist in the expressions of JSON Schema */
    bool portable = f->pattern.n && str_find_str(f->pattern, S("[:")) < 0;
    if (portable && !masked && is_length(f))
        jw_kstr(w, "pattern", str_fmt(a, "^(?:" STR_FMT ")$", STR_ARG(f->pattern)));
}

static void describe(JsonWriter *w, Arena *a, const Field *f)
{
    jw_kstr(w, "title", f->title);
    if (f->help.n || f->unit.n)
        jw_kstr(w, "description",
                str_fmt(a, STR_FMT "%s" STR_FMT, STR_ARG(f->help), f->unit.n ? "；单位：" : "",
                        STR_ARG(f->unit)));
    if (f->expr.n) jw_kbool(w, "readOnly", true);
    if (f->sensitivity > 1) jw_kint(w, "x-sensitivity", f->sensitivity);
    if (f->to) jw_kstr(w, "x-ref", f->to->name);
}

static bool is_geometry(const Field *f) { return f->storage == STORE_GEO; }

static void field_schema(JsonWriter *w, Arena *a, const Field *f)
{
    jw_key(w, f->name);
    jw_object(w);
    describe(w, a, f);
    if (f->type == F_JSON) {
        jw_object_end(w); /* anything */
        return;
    }
    type_of(w, f);
    if (is_geometry(f)) jw_kstr(w, "format", S("geojson-geometry"));
    if (f->storage == STORE_LINK) {
        jw_key(w, S("items"));
        jw_object(w);
        jw_kstr(w, "type", S("string"));
        jw_object_end(w);
    }
    if (f->codes && f->type == F_ENUM) codes_of(w, f);
    limits_of(w, f);
    form_of(w, a, f);
    jw_object_end(w);
}

static void new_schema(JsonWriter *w, Arena *a, const Entity *e)
{
    jw_key(w, str_fmt(a, STR_FMT "_new", STR_ARG(e->name)));
    jw_object(w);
    jw_key(w, S("allOf"));
    jw_array(w);
    jw_object(w);
    jw_kstr(w, "$ref", str_fmt(a, "#/components/schemas/" STR_FMT, STR_ARG(e->name)));
    jw_object_end(w);
    jw_array_end(w);
    jw_key(w, S("required"));
    jw_array(w);
    for (size_t i = 0; i < e->n; i++)
        if (e->fields[i].required && !e->fields[i].has_default && !e->fields[i].expr.n)
            jw_str(w, e->fields[i].name);
    jw_array_end(w);
    jw_object_end(w);
}

void openapi_schemas(JsonWriter *w, Arena *a, const Model *m, const Actor *who)
{
    for (size_t i = 0; i < m->n_entities; i++) {
        const Entity *e = m->entities[i];
        if (!shown(e, who)) continue;
        jw_key(w, e->name);
        jw_object(w);
        jw_kstr(w, "title", e->title);
        jw_kstr(w, "type", S("object"));
        jw_key(w, S("properties"));
        jw_object(w);
        for (size_t k = 0; k < e->n; k++)
            if (!access_hides(who, &e->fields[k])) field_schema(w, a, &e->fields[k]);
        jw_object_end(w);
        jw_object_end(w);
        new_schema(w, a, e);
    }
}

/* ---- paths ---- */

static void shared_parameter(JsonWriter *w, const char *name)
{
    char ref[80];
    snprintf(ref, sizeof ref, "#/components/parameters/%s", name);
    jw_object(w);
    jw_kstr(w, "$ref", str_c(ref));
    jw_object_end(w);
}

static void filters(JsonWriter *w, Arena *a, const Entity *e, const Actor *who)
{
    for (size_t i = 0; i < e->n; i++) {
        const Field *f = &e->fields[i];
        if (access_hides(who, f)) continue;
        jw_object(w);
        jw_kstr(w, "name", f->name);
        jw_kstr(w, "in", S("query"));
        jw_kstr(w, "description",
                str_fmt(a, "按“" STR_FMT "”过滤，例如 eq.值、in.(甲,乙)、is.null", STR_ARG(f->title)));
        jw_key(w, S("schema"));
        jw_object(w);
        jw_kstr(w, "type", S("string"));
        jw_object_end(w);
        jw_object_end(w);
    }
}

static void body(JsonWriter *w, Arena *a, const Entity *e, bool fresh)
{
    Str ref = str_fmt(a, "#/components/schemas/" STR_FMT "%s", STR_ARG(e->name), fresh ? "_new" : "");
    jw_key(w, S("requestBody"));
    jw_object(w);
    jw_kbool(w, "required", true);
    jw_key(w, S("content"));
    jw_object(w);
    jw_key(w, S("application/json"));
    jw_object(w);
    jw_key(w, S("schema"));
    jw_object(w);
    if (fresh) {
        jw_key(w, S("oneOf"));
        jw_array(w);
        jw_object(w);
        jw_kstr(w, "$ref", ref);
        jw_object_end(w);
        jw_object(w);
        jw_kstr(w, "type", S("array"));
        jw_key(w, S("items"));
        jw_object(w);
        jw_kstr(w, "$ref", ref);
        jw_object_end(w);
        jw_object_end(w);
        jw_array_end(w);
    } else
        jw_kstr(w, "$ref", ref);
    jw_object_end(w);
    jw_object_end(w);
    jw_object_end(w);
    jw_object_end(w);
}

typedef enum At { LIST, ONE, PAST } At;

typedef struct Row {
    At at;
    const char *method, *verb, *id, *status;
    bool filters, paging, if_match, body, fresh, answer, list;
} Row;

static const Row rows[] = {
    {LIST, "get", "查询", "list", "200", .filters = true, .paging = true, .answer = true, .list = true},
    {LIST, "post", "新增", "create", "201", .body = true, .fresh = true, .answer = true, .list = true},
    {LIST, "patch", "按条件修改", "update_where", "200", .filters = true, .body = true, .answer = true,
     .list = true},
    {LIST, "delete", "按条件删除", "delete_where", "204", .filters = true},
    {ONE, "get", "查看一条", "get", "200", .answer = true},
    {ONE, "patch", "修改一条", "update", "200", .body = true, .if_match = true, .answer = true, .list = true},
    {ONE, "delete", "删除一条", "delete", "204", .if_match = true},
    {PAST, "get", "一条的变更历史：", "history", "200"},
};

static void parameters(JsonWriter *w, Arena *a, const Entity *e, const Row *r, const Actor *who)
{
    jw_key(w, S("parameters"));
    jw_array(w);
    if (r->at != LIST) shared_parameter(w, "id");
    if (r->paging) {
        static const char *const names[] = {"select", "order", "limit", "offset", "or", "prefer"};
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) shared_parameter(w, names[i]);
    }
    if (r->if_match) shared_parameter(w, "if-match");
    if (r->filters) filters(w, a, e, who);
    jw_array_end(w);
}

static void operation(JsonWriter *w, Arena *a, const Entity *e, const Row *r, const Actor *who)
{
    Str ref = str_fmt(a, "#/components/schemas/" STR_FMT, STR_ARG(e->name));
    jw_key(w, str_c(r->method));
    jw_object(w);
    jw_kstr(w, "summary", str_fmt(a, "%s" STR_FMT, r->verb, STR_ARG(e->title)));
    jw_kstr(w, "operationId", str_fmt(a, STR_FMT "_%s", STR_ARG(e->name), r->id));
    jw_key(w, S("tags"));
    jw_array(w);
    jw_str(w, e->system->title);
    jw_array_end(w);
    parameters(w, a, e, r, who);
    if (r->body) body(w, a, e, r->fresh);
    const char *media = r->answer || r->at == PAST ? "application/json" : NULL;
    openapi_responses(w, r->status, "成功", media, r->at == PAST ? STR_NONE : ref, r->list);
    jw_object_end(w);
}

void openapi_record_paths(JsonWriter *w, Arena *a, const Model *m, const Actor *who)
{
    static const char *const tails[] = {"", "/{id}", "/{id}/history"};
    for (size_t i = 0; i < m->n_entities; i++) {
        const Entity *e = m->entities[i];
        if (!shown(e, who)) continue;
        for (At at = LIST; at <= PAST; at++) {
            jw_key(w, str_fmt(a, "/api/records/" STR_FMT "%s", STR_ARG(e->name), tails[at]));
            jw_object(w);
            for (size_t k = 0; k < sizeof rows / sizeof *rows; k++)
                if (rows[k].at == at) operation(w, a, e, &rows[k], who);
            jw_object_end(w);
        }
    }
}

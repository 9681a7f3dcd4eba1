/* SPDX-License-Identifier: MulanPSL-2.0 */
/* What an import knows of its file, as JSON beside the job and as the importer's map. */
#include "model/job_int.h"

const char *kind_name(char kind) { return kind == 'x' ? "xlsx" : kind == 'j' ? "json" : "csv"; }

void spec_from_look(ImportSpec *s, const Look *look)
{
    s->form = look->form;
    s->sheets = look->sheets;
    s->header = look->header;
    s->columns = look->columns;
    s->n = look->n;
}

static void write_column(JsonWriter *w, const LookColumn *c)
{
    jw_object(w);
    jw_kstr(w, "name", c->name);
    jw_key(w, S("samples"));
    jw_array(w);
    for (size_t i = 0; i < c->n; i++) jw_str(w, c->samples[i]);
    jw_array_end(w);
    jw_key(w, S("field"));
    if (c->field)
        jw_str(w, c->field->name);
    else
        jw_null(w);
    jw_kstr(w, "why", c->why);
    jw_object_end(w);
}

Str spec_write(Arena *a, const ImportSpec *s)
{
    Buf b;
    JsonWriter w;
    char sep[2] = {s->form.sep, 0};
    buf_init(&b, 8 << 20);
    jw_init(&w, &b);
    jw_object(&w);
    jw_kstr(&w, "format", str_c(kind_name(s->form.kind)));
    if (s->form.kind == 'c') {
        jw_kstr(&w, "encoding", str_c(charset_name(s->form.charset)));
        jw_kstr(&w, "separator", str_c(sep));
    }
    if (s->form.kind == 'x') {
        jw_kstr(&w, "sheet", s->form.sheet);
        jw_key(&w, S("sheets"));
        jw_array(&w);
        for (size_t i = 0; i < s->sheets.n; i++) jw_str(&w, s->sheets.items[i]);
        jw_array_end(&w);
    }
    if (s->form.kind != 'j') jw_kint(&w, "header", s->header);
    jw_kstr(&w, "mode", s->upsert ? S("upsert") : S("insert"));
    jw_key(&w, S("columns"));
    jw_array(&w);
    for (size_t i = 0; i < s->n; i++) write_column(&w, &s->columns[i]);
    jw_array_end(&w);
    jw_object_end(&w);
    Str text = buf_dup(a, &b);
    buf_done(&b);
    return text;
}

static Str member(const json_t *j, const char *name)
{
    const json_t *v = json_object_get(j, name);
    return json_is_string(v) ? str_n(json_string_value(v), json_string_length(v)) : S("");
}

static StrList texts(Arena *a, const json_t *list)
{
    StrList ret = {ARENA_ARRAY(a, Str, json_array_size(list) + 1), json_array_size(list)};
    for (size_t i = 0; i < ret.n; i++) ret.items[i] = str_c(json_string_value(json_array_get(list, i)));
    return ret;
}

int spec_read(Arena *a, const Model *m, const Job *j, ImportSpec *ret, Err *err)
{
    json_t *o;
    const Entity *e = model_entity(m, j->entity);
    if (!e) return err_set(err, ERR_NOT_FOUND, "实体 “" STR_FMT "” 已经不在", STR_ARG(j->entity));
    TRY(json_parse(a, j->spec, &o, err));
    Str format = member(o, "format"), sep = member(o, "separator"), charset = member(o, "encoding");
    *ret = (ImportSpec){.name = j->name, .sheets = texts(a, json_object_get(o, "sheets"))};
    ret->form.kind = str_is(format, "xlsx") ? 'x' : str_is(format, "json") ? 'j' : 'c';
    ret->form.sep = sep.n ? sep.p[0] : 0;
    ret->form.sheet = member(o, "sheet");
    ret->form.charset_given = charset.n && charset_parse(charset, &ret->form.charset, NULL) == 0;
    ret->header = json_integer_value(json_object_get(o, "header"));
    ret->upsert = str_is(member(o, "mode"), "upsert");
    const json_t *columns = json_object_get(o, "columns");
    ret->n = json_array_size(columns);
    ret->columns = ARENA_ARRAY(a, LookColumn, ret->n + 1);
    for (size_t i = 0; i < ret->n; i++) {
        const json_t *c = json_array_get(columns, i);
        StrList samples = texts(a, json_object_get(c, "samples"));
        Str field = member(c, "field");
        ret->columns[i] = (LookColumn){member(c, "name"), samples.items, samples.n,
                                       field.n ? entity_field(e, field) : NULL, member(c, "why")};
    }
    return 0;
}

ImportMap *spec_map(Arena *a, const ImportSpec *s, const Entity *e)
{
    ImportMap *map = ARENA_NEW(a, ImportMap);
    map->entity = e;
    map->header = s->header ? s->header : 1;
    for (size_t i = 0; i < s->n; i++) {
        if (!s->columns[i].field) continue;
        MapColumn *c = ARENA_PUSH(a, map->columns, map->n, map->cap);
        *c = (MapColumn){.source = s->columns[i].name, .field = s->columns[i].field};
    }
    return map;
}

StrList spec_names(Arena *a, const ImportSpec *s)
{
    StrList ret = {ARENA_ARRAY(a, Str, s->n + 1), s->n};
    for (size_t i = 0; i < s->n; i++) ret.items[i] = s->columns[i].name;
    return ret;
}

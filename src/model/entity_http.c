/* SPDX-License-Identifier: MulanPSL-2.0 */
/* What is declared, as JSON: entities with their fields and what the caller may do, systems, schemas of pack
 * files. */
#include "model/record_http.h"

#include "model/access.h"
#include "model/city.h"
#include "model/pack_spec.h"
#include <math.h>

static void codes_json(JsonWriter *w, const Codes *c)
{
    jw_key(w, S("codes"));
    jw_array(w);
    for (size_t i = 0; i < c->n; i++) {
        jw_object(w);
        jw_kstr(w, "code", c->items[i].code);
        jw_kstr(w, "title", c->items[i].title);
        if (c->items[i].parent.n) jw_kstr(w, "parent", c->items[i].parent);
        if (c->items[i].from.n) jw_kstr(w, "from", c->items[i].from);
        if (c->items[i].to.n) jw_kstr(w, "to", c->items[i].to);
        jw_object_end(w);
    }
    jw_array_end(w);
}

static void limit_json(JsonWriter *w, const char *key, bool has, double v)
{
    if (!has) return;
    jw_key(w, str_c(key));
    if (isinf(v))
        jw_str(w, S("today"));
    else
        jw_real(w, v);
}

static void field_json(JsonWriter *w, const Actor *who, const Entity *e, const Field *f, bool full)
{
    jw_object(w);
    jw_kstr(w, "name", f->name);
    jw_kstr(w, "title", f->title);
    jw_kstr(w, "type", str_c(field_type_name(f->type)));
    if (f->required) jw_kbool(w, "required", true);
    if (f->unique || f == e->key) jw_kbool(w, "unique", true);
    if (f->sensitivity > 1) jw_kint(w, "sensitivity", f->sensitivity);
    if (f->unit.n) jw_kstr(w, "unit", f->unit);
    if (f->help.n) jw_kstr(w, "help", f->help);
    if (f->pattern.n) jw_kstr(w, "pattern", f->pattern);
    if (f->has_default) jw_kstr(w, "default", f->def);
    limit_json(w, "min", f->has_min, f->min);
    limit_json(w, "max", f->has_max, f->max);
    if (f->storage == STORE_NUM) jw_kint(w, "scale", f->scale);
    if (f->to) jw_kstr(w, "to", f->to->name);
    if (f->expr.n) jw_kbool(w, "computed", true);
    if (access_masks(who, e, f, NULL)) jw_kbool(w, "masked", true);
    if (!access_writes(who, f)) jw_kbool(w, "read_only", true);
    if (f->codes) jw_kstr(w, "codes_name", f->codes->name);
    if (f->codes && full) codes_json(w, f->codes);
    jw_object_end(w);
}

static void may_json(JsonWriter *w, const Actor *who, const Entity *e)
{
    static const struct {
        Op op;
        const char *name;
    } rows[] = {{OP_CREATE, "create"},
                {OP_DELETE, "delete"},
                {OP_READ, "read"},
                {OP_UNMASK, "unmask"},
                {OP_UPDATE, "update"}};
    jw_key(w, S("may"));
    jw_array(w);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (access_any(who, e, rows[i].op)) jw_str(w, str_c(rows[i].name));
    jw_array_end(w);
}

static void name_or_null(JsonWriter *w, const char *key, const Field *f)
{
    jw_key(w, str_c(key));
    if (f)
        jw_str(w, f->name);
    else
        jw_null(w);
}

static void sets_json(JsonWriter *w, const char *key, const FieldSet *sets, size_t n)
{
    jw_key(w, str_c(key));
    jw_array(w);
    for (size_t i = 0; i < n; i++) {
        jw_array(w);
        for (size_t j = 0; j < sets[i].n; j++) jw_str(w, sets[i].items[j]->name);
        jw_array_end(w);
    }
    jw_array_end(w);
}

static void texts_json(JsonWriter *w, const char *key, const StrList *list)
{
    jw_key(w, str_c(key));
    jw_array(w);
    for (size_t i = 0; i < list->n; i++) jw_str(w, list->items[i]);
    jw_array_end(w);
}

static void entity_json(JsonWriter *w, const Actor *who, const Entity *e, bool full)
{
    jw_object(w);
    jw_kstr(w, "name", e->name);
    jw_kstr(w, "title", e->title);
    jw_kstr(w, "system", e->system->name);
    jw_kstr(w, "system_title", e->system->title);
    jw_kstr(w, "group", e->system->group);
    name_or_null(w, "key", e->key);
    jw_kstr(w, "id", entity_id(e)->name);
    name_or_null(w, "label", e->label);
    name_or_null(w, "tree", e->tree);
    name_or_null(w, "region", e->region);
    name_or_null(w, "org", e->org);
    jw_kbool(w, "history", e->history);
    jw_kstr(w, "order", e->order->name);
    jw_kbool(w, "order_desc", e->order_desc);
    sets_json(w, "unique", e->unique, e->n_unique);
    may_json(w, who, e);
    texts_json(w, "purposes", &e->purposes);
    jw_key(w, S("fields"));
    jw_array(w);
    for (size_t i = 0; i < e->n; i++)
        if (!access_hides(who, &e->fields[i])) field_json(w, who, e, &e->fields[i], full);
    jw_array_end(w);
    jw_object_end(w);
}

static bool sees(const Actor *who, const Entity *e)
{
    return access_any(who, e, OP_READ) || access_any(who, e, OP_CREATE) || actor_may(who, "city.admin");
}

int entities_get(Request *rq, Err *err)
{
    JsonWriter w;
    (void)err;
    jw_init(&w, &rq->out);
    jw_array(&w);
    const Model *m = rq->city->model;
    for (size_t i = 0; i < m->n_entities; i++)
        if (sees(rq->who, m->entities[i])) entity_json(&w, rq->who, m->entities[i], false);
    jw_array_end(&w);
    return 0;
}

int entity_get(Request *rq, Err *err)
{
    JsonWriter w;
    const Entity *e = model_entity(rq->city->model, rq->params[0]);
    if (!e || !sees(rq->who, e)) {
        Str near = model_nearest(rq->city->model, rq->params[0]);
        err_set(err, ERR_NOT_FOUND, "没有名为 “%.48s” 的实体", str_cdup(rq->arena, rq->params[0]));
        return near.n && !e ? err_hint(err, "是不是 “" STR_FMT "”", STR_ARG(near)) : -(int)ERR_NOT_FOUND;
    }
    jw_init(&w, &rq->out);
    entity_json(&w, rq->who, e, true);
    return 0;
}

int systems_get(Request *rq, Err *err)
{
    JsonWriter w;
    const Model *m = rq->city->model;
    (void)err;
    jw_init(&w, &rq->out);
    jw_array(&w);
    for (size_t i = 0; i < m->n_systems; i++) {
        const System *s = &m->systems[i];
        jw_object(&w);
        jw_kstr(&w, "system", s->name);
        jw_kint(&w, "no", s->no);
        jw_kstr(&w, "title", s->title);
        jw_kstr(&w, "group", s->group);
        jw_kstr(&w, "about", s->about);
        texts_json(&w, "lead", &s->lead);
        texts_json(&w, "depends", &s->depends);
        jw_key(&w, S("entities"));
        jw_array(&w);
        for (size_t j = 0; j < m->n_entities; j++)
            if (m->entities[j]->system == s && sees(rq->who, m->entities[j]))
                jw_str(&w, m->entities[j]->name);
        jw_array_end(&w);
        jw_object_end(&w);
    }
    jw_array_end(&w);
    return 0;
}

int schemas_get(Request *rq, Err *err)
{
    rq->content_type = "application/schema+json";
    return pack_schema(rq->params[0], &rq->out, err);
}

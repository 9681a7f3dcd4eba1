/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Look-ups on the snapshot. Sets are small (tens of fields, hundreds of entities) and read in order; a hash
   comes when a measurement asks for it. */
#include "model/model.h"

#include "base/text.h"
#include "model/expr.h"
#include "model/vault.h"

static const struct {
    const char *name, *json, *title;
    Storage storage;
} types[F_N] = {
#define T(id, name, store, json, title) [F_##id] = {name, json, title, store},
#include "model/types.def"
#undef T
};

const char *field_type_name(FieldType t) { return types[t].name; }
const char *field_type_title(FieldType t) { return types[t].title; }
const char *field_type_json(FieldType t) { return types[t].json; }
Storage field_type_storage(FieldType t) { return types[t].storage; }

const Code *codes_find(const Codes *c, Str code)
{
    for (size_t i = 0; i < c->n; i++)
        if (str_eq(c->items[i].code, code)) return &c->items[i];
    return NULL;
}

const Code *codes_match(const Codes *c, Str text)
{
    const Code *found = codes_find(c, text);
    for (size_t i = 0; !found && i < c->n; i++)
        if (str_eq(c->items[i].title, text)) found = &c->items[i];
    return found;
}

const Field *entity_field(const Entity *e, Str name)
{
    for (size_t i = 0; i < e->n; i++)
        if (str_eq(e->fields[i].name, name)) return &e->fields[i];
    for (size_t i = 0; e->sys && i < SYS_N; i++)
        if (str_eq(e->sys[i].name, name)) return &e->sys[i];
    return NULL;
}

const Field *entity_id(const Entity *e) { return e->key ? e->key : &e->sys[SYS_ID]; }

Str entity_nearest(const Entity *e, Str name)
{
    Str names[512];
    size_t n = 0;
    for (size_t i = 0; i < e->n && n < 512; i++) names[n++] = e->fields[i].name;
    ptrdiff_t at = text_nearest(name, names, n);
    return at < 0 ? STR_NONE : names[at];
}

const Entity *model_entity(const Model *m, Str name)
{
    for (size_t i = 0; i < m->n_entities; i++)
        if (str_eq(m->entities[i]->name, name)) return m->entities[i];
    return NULL;
}

const Codes *model_codes(const Model *m, Str name)
{
    for (size_t i = 0; i < m->n_codes; i++)
        if (str_eq(m->codes[i]->name, name)) return m->codes[i];
    return NULL;
}

const Role *model_role(const Model *m, Str name)
{
    for (size_t i = 0; i < m->n_roles; i++)
        if (str_eq(m->roles[i].name, name)) return &m->roles[i];
    return NULL;
}

Str model_nearest(const Model *m, Str name)
{
    _cleanup_arena_ Arena *a = arena_new();
    Str *names = ARENA_ARRAY(a, Str, m->n_entities + 1);
    for (size_t i = 0; i < m->n_entities; i++) names[i] = m->entities[i]->name;
    ptrdiff_t at = text_nearest(name, names, m->n_entities);
    return at < 0 ? STR_NONE : m->entities[at]->name;
}

int model_find(const Model *m, Str name, const Entity **ret, Err *err)
{
    *ret = model_entity(m, name);
    if (*ret) return 0;
    Str near = model_nearest(m, name);
    err_set(err, ERR_NOT_FOUND, "没有名为 “" STR_FMT "” 的实体", STR_ARG(text_cut(name, 48)));
    return near.n ? err_hint(err, "是不是 “" STR_FMT "”", STR_ARG(near))
                  : err_hint(err, "实体的清单见 /api/entities");
}

void model_free(Model *m)
{
    if (!m) return;
    vault_free(m->vault);
    arena_free(m->arena); /* the model itself lives in its arena */
}

void model_freep(Model **m)
{
    model_free(*m);
    *m = NULL;
}

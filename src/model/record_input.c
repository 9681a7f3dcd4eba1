/* SPDX-License-Identifier: MulanPSL-2.0 */
/* From what a client or a file gives to the values of one record. */
#include "model/record_int.h"

#include "base/text.h"
#include "model/value.h"

Input input_new(Arena *a, const Entity *e)
{
    return (Input){ARENA_ARRAY(a, Val, e->n + 1), ARENA_ARRAY(a, StrList, e->n + 1),
                   ARENA_ARRAY(a, bool, e->n + 1), S("")};
}

static int unknown(const Entity *e, Str name, Err *err)
{
    Str near = entity_nearest(e, name);
    err_set(err, ERR_INPUT, "“" STR_FMT "” 没有字段 “" STR_FMT "”", STR_ARG(e->name),
            STR_ARG(text_cut(name, 48)));
    err_pointer(err, "/" STR_FMT, STR_ARG(text_cut_bytes(name, 200)));
    if (near.n) return err_hint(err, "是不是 “" STR_FMT "”", STR_ARG(near));
    return err_hint(err, "可用的字段见 /api/entities/" STR_FMT, STR_ARG(e->name));
}

static int at_field(Err *err, const Field *f) { return err_pointer(err, "/" STR_FMT, STR_ARG(f->name)); }

static int read_only(const Field *f, Err *err)
{
    err_set(err, ERR_VALIDATION, "“" STR_FMT "” 由系统给出，不能填写", STR_ARG(f->title));
    return at_field(err, f);
}

/* id: a name for the key, or the id of an entity without one. */
static int set_id(Arena *a, const Entity *e, const json_t *j, Input *in, Err *err)
{
    Str text = json_is_string(j) ? str_n(json_string_value(j), json_string_length(j)) : S("");
    if (json_is_integer(j)) text = str_fmt(a, "%lld", (long long)json_integer_value(j));
    if (!text.n || text.n > 100 || text_invalid_at(text) >= 0) {
        err_set(err, ERR_VALIDATION, "id 要是 1 到 100 个字的编号");
        return err_pointer(err, "/id");
    }
    in->id = str_dup(a, text);
    if (e->key && !in->set[e->key->i]) {
        if (value_from_text(a, e->key, text, &in->vals[e->key->i], err) < 0) return err_pointer(err, "/id");
        in->set[e->key->i] = true;
    }
    return 0;
}

int input_from_json(Arena *a, const Entity *e, const json_t *object, Input *ret, Err *err)
{
    const char *key;
    json_t *value;
    if (!json_is_object(object)) return err_set(err, ERR_INPUT, "每条记录要写成 { \"字段\": 值 }");
    *ret = input_new(a, e);
    json_object_foreach((json_t *)object, key, value)
    {
        Str name = str_c(key);
        const Field *f = entity_field(e, name);
        if (!f) return unknown(e, name, err);
        if (f->system && f->i == SYS_ID) {
            TRY(set_id(a, e, value, ret, err));
            continue;
        }
        if (f->system || f->expr.n) return read_only(f, err);
        int rc = f->storage == STORE_LINK ? values_from_json(a, f, value, &ret->lists[f->i], err)
                                          : value_from_json(a, f, value, &ret->vals[f->i], err);
        if (rc < 0) return at_field(err, f);
        ret->set[f->i] = true;
    }
    return 0;
}

int input_set_text(Arena *a, const Entity *e, const Field *f, Str text, bool normalise, Input *in, Err *err)
{
    if (f->system && f->i == SYS_ID) {
        in->id = str_dup(a, text);
        return 0;
    }
    if (f->system || f->expr.n) return 0; /* an exported file holds them; they are made anew */
    (void)e;
    int rc = f->storage == STORE_LINK ? values_from_text(a, f, text, &in->lists[f->i], err)
             : normalise              ? value_import(a, f, text, &in->vals[f->i], err)
                                      : value_from_text(a, f, text, &in->vals[f->i], err);
    if (rc < 0) return at_field(err, f);
    in->set[f->i] = true;
    return 0;
}

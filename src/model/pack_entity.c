/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Entities: from decoded files to the model, with every check that needs more than one file.
 */
#include "model/pack_int.h"

#include "base/text.h"
#include "model/expr.h"

/* Tables of the rooms below and words that SQL would trip over in hand-written indicators. */
static const char *const reserved_tables[] = {"blob",    "journal", "order",  "group", "user",
                                              "session", "table",   "select", NULL};
static const char *const reserved_prefixes[] = {"store_", "model_", "people_", "sqlite_",
                                                "pg_",    "sys_",   NULL};

Str pack_near_entity(PackLoader *l, Str name)
{
    Str near = model_nearest(l->m, name);
    return near.n ? str_fmt(l->a, "是不是 “" STR_FMT "”", STR_ARG(near))
                  : S("先声明这个实体，或改用已有的实体");
}

static Str near_field(PackLoader *l, const Entity *e, Str name)
{
    Str near = entity_nearest(e, name);
    return near.n ? str_fmt(l->a, "是不是 “" STR_FMT "”", STR_ARG(near)) : S("写这个实体里有的字段名");
}

static const Field *named_field(PackLoader *l, const Entity *e, const Yaml *y, const char *key)
{
    if (!y) return NULL;
    const Field *f = entity_field(e, y->text);
    if (!f)
        fault_add(l->f, y->at, near_field(l, e, y->text), "%s 指的字段 “" STR_FMT "” 不存在", key,
                  STR_ARG(y->text));
    return f;
}

static const Field *scope_field(PackLoader *l, const Entity *e, const Yaml *y, const char *name)
{
    if (str_is(e->name, name)) return e->key; /* a region belongs to itself */
    const Field *f = y ? named_field(l, e, y, name) : entity_field(e, str_c(name));
    if (!f) return NULL;
    bool right = f->to && str_is(f->to->name, name);
    if (right) return f;
    if (y)
        fault_add(l->f, y->at, str_fmt(l->a, "写类型为 %s 的字段", name), "%s 指的字段 “" STR_FMT "” 不是 %s",
                  name, STR_ARG(f->name), name);
    return NULL;
}

static void set_order(PackLoader *l, Entity *e, const Yaml *y)
{
    e->order = entity_id(e);
    if (!y) return;
    Str name = y->text;
    e->order_desc = str_ends(name, S(".desc"));
    if (e->order_desc)
        name.n -= 5;
    else if (str_ends(name, S(".asc")))
        name.n -= 4;
    const Field *f = entity_field(e, name);
    if (f)
        e->order = f;
    else
        fault_add(l->f, y->at, near_field(l, e, name), "order 指的字段 “" STR_FMT "” 不存在", STR_ARG(name));
}

static FieldSet field_set(PackLoader *l, const Entity *e, const Yaml *y, const char *key)
{
    FieldSet set = {0};
    size_t cap = 0, n = y->kind == YAML_LIST ? y->n : 1;
    for (size_t i = 0; i < n; i++) {
        const Yaml *name = y->kind == YAML_LIST ? y->items[i] : y;
        if (name->kind != YAML_SCALAR) {
            fault_add(l->f, name->at, S("写成 [[字段, 字段], …]"), "%s 里要写字段名", key);
            continue;
        }
        const Field *f = named_field(l, e, name, key);
        if (f && f->storage == STORE_LINK)
            fault_add(l->f, name->at, S("去掉它"), "%s 里不能用多值字段 “" STR_FMT "”", key,
                      STR_ARG(f->name));
        else if (f)
            *ARENA_PUSH(l->a, set.items, set.n, cap) = f;
    }
    return set;
}

static FieldSet *field_sets(PackLoader *l, const Entity *e, const Yaml *y, const char *key, size_t *ret_n)
{
    FieldSet *sets = NULL;
    size_t cap = 0;
    if (!y) return NULL;
    if (y->kind != YAML_LIST) {
        fault_add(l->f, y->at, S("写成 [[字段, 字段], …]"), "“%s” 写成了%s", key, yaml_kind_title(y->kind));
        return NULL;
    }
    for (size_t i = 0; i < y->n; i++) {
        FieldSet s = field_set(l, e, y->items[i], key);
        if (s.n) *ARENA_PUSH(l->a, sets, *ret_n, cap) = s;
    }
    return sets;
}

static void add_sys_fields(PackLoader *l, Entity *e)
{
    static const struct {
        const char *name, *title;
        FieldType type;
    } rows[SYS_N] = {[SYS_ID] = {"id", "编号", F_TEXT},
                     [SYS_REV] = {"_rev", "版本", F_INT},
                     [SYS_CREATED_AT] = {"_created_at", "建立时间", F_DATETIME},
                     [SYS_CREATED_BY] = {"_created_by", "建立人", F_TEXT},
                     [SYS_UPDATED_AT] = {"_updated_at", "更新时间", F_DATETIME}};
    e->sys = ARENA_ARRAY(l->a, Field, SYS_N);
    for (size_t i = 0; i < SYS_N; i++)
        e->sys[i] = (Field){.name = str_c(rows[i].name),
                            .title = str_c(rows[i].title),
                            .type = rows[i].type,
                            .storage = field_type_storage(rows[i].type),
                            .owner = e,
                            .system = true,
                            .sensitivity = 1,
                            .i = i,
                            .at = e->at};
}

/* valid_from and valid_to for an entity that keeps its past, unless the pack declares them itself. */
static void add_history_fields(PackLoader *l, EntityDraft *d)
{
    static const char *const names[] = {"valid_from", "valid_to"}, *const titles[] = {"有效期起", "有效期止"};
    for (size_t i = 0; d->entity->history && i < 2; i++) {
        bool there = false;
        for (size_t j = 0; j < d->n; j++) there |= str_is(d->fields[j].name->text, names[i]);
        if (there) continue;
        Yaml *name = ARENA_NEW(l->a, Yaml), *title = ARENA_NEW(l->a, Yaml), *type = ARENA_NEW(l->a, Yaml);
        name->at = title->at = type->at = d->entity->at;
        name->text = str_c(names[i]), title->text = str_c(titles[i]), type->text = S("date");
        FieldDraft *fd = ARENA_PUSH(l->a, d->fields, d->n, d->cap);
        fd->name = name, fd->y.title = title, fd->y.type = type;
    }
}

static void begin_entity(PackLoader *l, EntityDraft *d)
{
    Entity *e = d->entity;
    if (pack_listed(e->name, reserved_tables))
        fault_add(l->f, e->at, S("换一个名字"), "实体名 “" STR_FMT "” 由系统保留", STR_ARG(e->name));
    for (size_t i = 0; reserved_prefixes[i]; i++)
        if (str_starts(e->name, str_c(reserved_prefixes[i])))
            fault_add(l->f, e->at, S("换一个名字"), "实体名不能以 %s 开头", reserved_prefixes[i]);
    e->history = pack_bool(d->y.history);
    add_history_fields(l, d);
    add_sys_fields(l, e);
    e->fields = ARENA_ARRAY(l->a, Field, d->n + 1);
    e->n = d->n;
    for (size_t i = 0; i < d->n; i++) pack_begin_field(l, d, i);
    e->key = named_field(l, e, d->y.key, "key");
    if (e->key && (e->key->system || e->key->expr.n ||
                   (e->key->storage != STORE_TEXT && e->key->storage != STORE_INT))) {
        fault_add(l->f, d->y.key->at, S("用文本或整数字段作主键"), "“" STR_FMT "” 不能作主键",
                  STR_ARG(e->key->name));
        e->key = NULL;
    }
    if (e->key) { /* a key is always there and never twice; id is another name for it */
        ((Field *)e->key)->required = true;
        e->sys[SYS_ID].storage = e->key->storage;
        e->sys[SYS_ID].type = e->key->type;
    }
}

static void check_tree(PackLoader *l, EntityDraft *d)
{
    Entity *e = d->entity;
    e->tree = named_field(l, e, d->y.tree, "tree");
    if (e->tree && (e->tree->storage == STORE_LINK || e->tree->to != e)) {
        fault_add(l->f, d->y.tree->at,
                  str_fmt(l->a, "写 type: ref, to: " STR_FMT " 的字段", STR_ARG(e->name)),
                  "tree 指的字段 “" STR_FMT "” 不是对本实体的引用", STR_ARG(e->tree->name));
        e->tree = NULL;
    }
}

static const Field *label_field(PackLoader *l, EntityDraft *d)
{
    Entity *e = d->entity;
    const Field *f = named_field(l, e, d->y.label, "label");
    if (!f) f = entity_field(e, S("title"));
    if (!f) f = entity_field(e, S("name"));
    return f ? f : entity_id(e);
}

static void compile_rule(PackLoader *l, Entity *e, const Yaml *y, const Str *names)
{
    RuleFile rf = {0};
    Err err = ERR_INIT;
    Expr *x = NULL;
    if (!pack_decode(y, rule_keys, &rf, l->f) || !rf.check || !rf.say) return;
    if (expr_compile(l->m->exprs, rf.check->text, names, e->n, &x, &err) < 0) {
        pack_expr_fault(l, rf.check, S("规则的"), &err);
        return;
    }
    *ARENA_PUSH(l->a, e->rules, e->n_rules, e->cap_rules) =
        (CheckRule){x, rf.say->text, named_field(l, e, rf.field, "field")};
}

/* Computed fields and rules: expressions over the stored, single-valued fields. */
static void compile_exprs(PackLoader *l, const EntityDraft *d)
{
    Entity *e = d->entity;
    const Yaml *rules = d->y.rules;
    Str *names = ARENA_ARRAY(l->a, Str, e->n + 1);
    for (size_t i = 0; i < e->n; i++)
        names[i] = e->fields[i].expr.n || e->fields[i].storage == STORE_LINK ? STR_NONE : e->fields[i].name;
    for (size_t i = 0; i < e->n;
         i++) /* a hole would make an unnamed column; give it a name nobody can write */
        if (!names[i].n) names[i] = str_fmt(l->a, "\x01%zu", i);
    for (size_t i = 0; i < e->n; i++) {
        Field *f = &e->fields[i];
        Err err = ERR_INIT;
        Expr *x = NULL;
        if (!f->expr.n) continue;
        if (expr_compile(l->m->exprs, f->expr, names, e->n, &x, &err) < 0)
            pack_expr_fault(l, d->fields[i].y.expr,
                            str_fmt(l->a, "计算字段 “" STR_FMT "” 的", STR_ARG(f->name)), &err);
        f->computed = x;
    }
    for (size_t i = 0; i < e->n; i++)
        names[i] = e->fields[i].storage == STORE_LINK ? names[i] : e->fields[i].name;
    for (size_t i = 0; rules && i < rules->n; i++) compile_rule(l, e, rules->items[i], names);
}

static void finish_entity(PackLoader *l, EntityDraft *d)
{
    Entity *e = d->entity;
    for (size_t i = 0; i < d->n; i++) pack_finish_field(l, d, i);
    if (e->key && e->key->sensitivity >= 3)
        fault_add(l->f, d->y.key->at, S("去掉 key，把这个字段写成 required: true, unique: true"),
                  "敏感字段 “" STR_FMT "” 不能作主键：主键会出现在网址和引用里", STR_ARG(e->key->name));
    for (size_t i = 0; i < d->n; i++) e->about_people |= e->fields[i].type == F_PERSON_ID;
    e->purposes = pack_texts(l->a, d->y.purposes);
    check_tree(l, d);
    e->region = scope_field(l, e, d->y.region, "region");
    e->org = scope_field(l, e, d->y.org, "org");
    e->label = label_field(l, d);
    set_order(l, e, d->y.order);
    e->unique = field_sets(l, e, d->y.unique, "unique", &e->n_unique);
    e->index = field_sets(l, e, d->y.index, "index", &e->n_index);
    if (!e->n && d->y.fields) fault_add(l->f, d->y.fields->at, S("至少写一个字段"), "实体没有字段");
    compile_exprs(l, d);
}

void pack_build_entities(PackLoader *l)
{
    for (size_t i = 0; i < l->n_entities; i++) begin_entity(l, &l->entities[i]);
    for (size_t i = 0; i < l->n_entities; i++) finish_entity(l, &l->entities[i]);
    for (size_t i = 0; i < l->n_entities; i++) /* a reference is kept as the key it points at */
        for (size_t j = 0; j < l->entities[i].entity->n; j++) {
            Field *f = &l->entities[i].entity->fields[j];
            if (f->to && f->storage != STORE_LINK) f->storage = entity_id(f->to)->storage;
        }
}

/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Entities and code tables: from decoded files to the model, with every check that needs more than one file.
 */
#include "model/pack_int.h"

#include "base/clock.h"
#include "base/text.h"
#include "model/expr.h"
#include "model/pattern.h"
#include "model/value.h"
#include <math.h>

/* Tables of the rooms below and words that SQL would trip over in hand-written indicators. */
static const char *const reserved_tables[] = {"blob",    "journal", "order",  "group", "user",
                                              "session", "table",   "select", NULL};
static const char *const reserved_prefixes[] = {"store_", "model_", "people_", "sqlite_",
                                                "pg_",    "sys_",   NULL};
static const char *const reserved_fields[] = {"id",  "select", "order",   "limit",       "offset", "or",
                                              "and", "not",    "columns", "on_conflict", "at",     NULL};

static bool listed(Str s, const char *const *list)
{
    for (; *list; list++)
        if (str_is(s, *list)) return true;
    return false;
}

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

/* --- code tables ------------------------------------------------------------------------------------------
 */

static void check_code_tree(PackLoader *l, const Codes *c)
{
    for (size_t i = 0; i < c->n; i++) {
        const Code *code = &c->items[i];
        if (code->from.n && code->to.n && str_cmp(code->from, code->to) > 0)
            fault_add(l->f, code->at, S("启用日期要早于停用日期"), "代码 “" STR_FMT "” 的 from 晚于 to",
                      STR_ARG(code->code));
        if (code->parent.n && !codes_find(c, code->parent))
            fault_add(l->f, code->at, S("写本代码表里有的代码"),
                      "代码 “" STR_FMT "” 的上级 “" STR_FMT "” 不存在", STR_ARG(code->code),
                      STR_ARG(code->parent));
    }
}

static void add_code(PackLoader *l, Codes *c, const Yaml *y)
{
    CodeFile cf = {0};
    if (!pack_decode(y, code_keys, &cf, l->f) || !cf.code) return;
    const Code *other = codes_find(c, cf.code->text);
    if (other) {
        fault_add(l->f, cf.code->at, str_fmt(l->a, "删去一处（第一次在第 %d 行）", other->at.line),
                  "代码 “" STR_FMT "” 重复", STR_ARG(cf.code->text));
        return;
    }
    *ARENA_PUSH(l->a, c->items, c->n, c->cap) =
        (Code){cf.code->text,      pack_text(cf.title), pack_text(cf.parent),
               pack_text(cf.from), pack_text(cf.to),    y->at};
}

void pack_build_codes(PackLoader *l, const Yaml *root)
{
    CodesFile y = {0};
    if (!pack_decode(root, codes_keys, &y, l->f) || !y.codes) return;
    const Codes *other = model_codes(l->m, y.codes->text);
    if (other) {
        fault_add(l->f, y.codes->at,
                  str_fmt(l->a, "换一个名字（已在 %s:%d 声明）", other->at.file, other->at.line),
                  "代码表 “" STR_FMT "” 重复声明", STR_ARG(y.codes->text));
        return;
    }
    Codes *c = ARENA_NEW(l->a, Codes);
    c->name = y.codes->text, c->title = pack_text(y.title), c->standard = pack_text(y.standard);
    c->version = pack_text(y.version), c->at = y.codes->at;
    for (size_t i = 0; y.values && i < y.values->n; i++) add_code(l, c, y.values->items[i]);
    check_code_tree(l, c);
    *ARENA_PUSH(l->a, l->m->codes, l->m->n_codes, l->m->cap_codes) = c;
}

/* --- fields -----------------------------------------------------------------------------------------------
 */

static FieldType type_by_name(Str s)
{
    for (FieldType t = 0; t < F_N; t++)
        if (str_is(s, field_type_name(t))) return t;
    return F_N;
}

static bool is_number(const Field *f) { return f->storage == STORE_INT || f->storage == STORE_NUM; }
static bool is_date(const Field *f) { return f->storage == STORE_DATE || f->storage == STORE_AT; }

/* min or max: a number, for dates a date or `today`. */
static void set_limit(PackLoader *l, const Field *f, const Yaml *y, bool *has, double *ret)
{
    Date d;
    if (!y) return;
    if (is_date(f)) {
        if (str_is(y->text, "today"))
            *has = true, *ret = INFINITY;
        else if (date_parse(y->text, &d, NULL) == 0)
            *has = true, *ret = (double)date_to_days(d);
        else
            fault_add(l->f, y->at, S("写成 2025-06-03 或 today"), "日期字段的界限不是日期");
    } else if (is_number(f) || f->storage == STORE_TEXT) {
        if (str_real(y->text, ret))
            *has = true;
        else
            fault_add(l->f, y->at, S("写数字"), "界限 “" STR_FMT "” 不是数字", STR_ARG(y->text));
    } else {
        fault_add(l->f, y->at, S("删去它"), "%s字段没有 min / max", field_type_title(f->type));
    }
}

static void set_limits(PackLoader *l, Field *f, const FieldFile *y)
{
    set_limit(l, f, y->min, &f->has_min, &f->min);
    set_limit(l, f, y->max, &f->has_max, &f->max);
    if (f->has_min && f->has_max && f->min > f->max)
        fault_add(l->f, y->min->at, S("min 要小于或等于 max"), "min 大于 max");
}

static void free_regex(void *p) { regfree(p); }

static void set_pattern(PackLoader *l, Field *f, const FieldFile *y)
{
    if (!y->pattern) return;
    f->pattern = y->pattern->text;
    if (f->storage != STORE_TEXT)
        fault_add(l->f, y->pattern->at, S("删去它"), "%s字段不能有 pattern", field_type_title(f->type));
    const char *fault = pattern_fault(f->pattern);
    if (fault) {
        fault_add(l->f, y->pattern->at, S("写短些、简单些的正则表达式"), "pattern 写得不对：%s", fault);
        return;
    }
    regex_t *re = arena_alloc(l->a, sizeof *re);
    Str whole = str_fmt(l->a, "^(" STR_FMT ")$", STR_ARG(f->pattern));
    int rc = regcomp(re, whole.p, REG_EXTENDED | REG_NOSUB);
    if (rc) {
        char why[100];
        regerror(rc, re, why, sizeof why);
        fault_add(l->f, y->pattern->at, S("按 POSIX 扩展正则表达式的写法检查括号"), "pattern 写得不对：%s",
                  why);
        return;
    }
    arena_defer(l->a, free_regex, re);
    f->regex = re;
}

static void set_codes(PackLoader *l, Field *f, const FieldFile *y)
{
    if (f->type != F_ENUM) {
        if (y->codes)
            fault_add(l->f, y->codes->at, S("删去 codes，或把类型改为 enum"), "只有 enum 字段有 codes");
        return;
    }
    if (!y->codes) {
        fault_add(l->f, f->at, S("写 codes: 代码表名"), "enum 字段 “" STR_FMT "” 缺少 codes",
                  STR_ARG(f->name));
        return;
    }
    f->codes = model_codes(l->m, y->codes->text);
    if (f->codes) return;
    Str names[256];
    size_t n = 0;
    for (; n < l->m->n_codes && n < 256; n++) names[n] = l->m->codes[n]->name;
    ptrdiff_t near = text_nearest(y->codes->text, names, n);
    fault_add(l->f, y->codes->at,
              near >= 0 ? str_fmt(l->a, "是不是 “" STR_FMT "”", STR_ARG(names[near]))
                        : S("在 codes/ 里声明它"),
              "没有代码表 “" STR_FMT "”", STR_ARG(y->codes->text));
}

static void set_target(PackLoader *l, Field *f, const FieldFile *y)
{
    static const struct {
        FieldType type;
        const char *to;
    } fixed[] = {{F_REGION, "region"}, {F_ORG, "org"}, {F_FILE, "file"}, {F_FILES, "file"}};
    Str to = y->to ? y->to->text : STR_NONE;
    for (size_t i = 0; i < 4; i++)
        if (f->type == fixed[i].type) to = str_c(fixed[i].to);
    bool ref = f->type == F_REF || f->type == F_REFS;
    if (!ref && y->to)
        fault_add(l->f, y->to->at, S("删去 to，或把类型改为 ref"), "只有 ref / refs 字段有 to");
    if (ref && !to.n) {
        fault_add(l->f, f->at, S("写 to: 实体名"), "引用字段 “" STR_FMT "” 缺少 to", STR_ARG(f->name));
        return;
    }
    if (!to.n) return;
    f->to = model_entity(l->m, to);
    Place at = y->to ? y->to->at : f->at;
    if (!f->to)
        fault_add(l->f, at, pack_near_entity(l, to), "引用的实体 “" STR_FMT "” 不存在", STR_ARG(to));
    else if (!pack_sees(l, f->owner->system, f->to))
        fault_add(l->f, at,
                  str_fmt(l->a, "在 system.yaml 的 depends 里写上 " STR_FMT, STR_ARG(f->to->system->name)),
                  "引用的实体 “" STR_FMT "” 属于系统 “" STR_FMT "”，而本系统没有依赖它", STR_ARG(to),
                  STR_ARG(f->to->system->name));
    if (f->storage == STORE_LINK)
        f->link = str_fmt(l->a, STR_FMT "__" STR_FMT, STR_ARG(f->owner->name), STR_ARG(f->name));
}

static void misplaced(PackLoader *l, const Yaml *y, bool wrong, const char *key, const Field *f)
{
    if (y && wrong)
        fault_add(l->f, y->at, str_fmt(l->a, "删去 %s", key), "%s字段不能有 %s", field_type_title(f->type),
                  key);
}

static void set_numbers(PackLoader *l, Field *f, const FieldFile *y)
{
    f->scale = f->type == F_MONEY ? 2 : f->type == F_DECIMAL ? 6 : 0;
    misplaced(l, y->scale, f->type != F_DECIMAL, "scale", f);
    misplaced(l, y->unit, !is_number(f), "unit", f);
    if (y->scale && f->type == F_DECIMAL) {
        int64_t scale = pack_int(y->scale, 6);
        if (scale < 0 || scale > 10)
            fault_add(l->f, y->scale->at, S("写 0 到 10"), "小数位数 scale 超出范围");
        else
            f->scale = (int)scale;
    }
    f->sensitivity = 1;
    if (y->sensitivity) {
        int64_t s = pack_int(y->sensitivity, 1);
        if (s < 1 || s > 4)
            fault_add(l->f, y->sensitivity->at, S("写 1 到 4"), "敏感级别 %lld 超出范围", (long long)s);
        else
            f->sensitivity = (int)s;
    }
}

static void field_name_checks(PackLoader *l, const FieldDraft *d)
{
    Str name = d->name->text;
    if (listed(name, reserved_fields) || str_starts(name, S("_")))
        fault_add(l->f, d->name->at, S("换一个名字"), "字段名 “" STR_FMT "” 由系统保留", STR_ARG(name));
    else if (!pack_is_name(name))
        fault_add(l->f, d->name->at, S("以小写字母开头，只用小写字母、数字和下划线"),
                  "字段的名字 “" STR_FMT "” 不合规范", STR_ARG(name));
    else if (name.n > NAME_MAX_LEN)
        fault_add(l->f, d->name->at, str_fmt(l->a, "最多 %d 个字符", NAME_MAX_LEN),
                  "字段的名字 “" STR_FMT "” 太长", STR_ARG(name));
}

/* First pass: name, type, storage. References come in the second, when all entities have their fields. */
static void begin_field(PackLoader *l, EntityDraft *d, size_t i)
{
    const FieldFile *y = &d->fields[i].y;
    Field *f = &d->entity->fields[i];
    f->name = d->fields[i].name->text;
    f->at = d->fields[i].name->at;
    f->owner = d->entity;
    f->i = i;
    f->title = y->title ? y->title->text : f->name;
    f->help = pack_text(y->help);
    f->unit = pack_text(y->unit);
    f->type = y->type ? type_by_name(y->type->text) : F_TEXT;
    f->storage = field_type_storage(f->type);
    f->required = pack_bool(y->required);
    f->unique = pack_bool(y->unique);
    f->index = pack_bool(y->index);
    field_name_checks(l, &d->fields[i]);
    if (f->type == F_COMPUTED) {
        f->expr = pack_text(y->expr);
        f->type = y->as ? type_by_name(y->as->text) : F_TEXT;
        f->storage = field_type_storage(f->type);
        if (!y->expr)
            fault_add(l->f, f->at, S("写 expr: SQL 表达式"), "计算字段 “" STR_FMT "” 缺少 expr",
                      STR_ARG(f->name));
        else if (!f->expr.n)
            f->expr = S("null");
    } else {
        misplaced(l, y->expr, true, "expr", f);
        misplaced(l, y->as, true, "as", f);
    }
}

static void set_default(PackLoader *l, Field *f, const FieldFile *y)
{
    Err err = ERR_INIT;
    Val v;
    if (!y->def) return;
    f->has_default = true;
    f->def = y->def->text;
    if (f->storage == STORE_LINK) return;
    if (value_from_text(l->a, f, f->def, &v, &err) < 0)
        fault_add(l->f, y->def->at,
                  str_fmt(l->a, "写成这个字段能接受的值（%s）",
                          f->codes ? str_fmt(l->a, "代码表 " STR_FMT " 里的代码", STR_ARG(f->codes->name)).p
                                   : field_type_title(f->type)),
                  "默认值 “" STR_FMT "” 不对：%s", STR_ARG(text_cut(f->def, 40)), err.msg);
}

static void finish_field(PackLoader *l, EntityDraft *d, size_t i)
{
    const FieldFile *y = &d->fields[i].y;
    Field *f = &d->entity->fields[i];
    set_numbers(l, f, y);
    set_limits(l, f, y);
    set_pattern(l, f, y);
    set_codes(l, f, y);
    set_target(l, f, y);
    f->sealed = f->sensitivity == 4 && !f->to && f->storage != STORE_LINK;
    l->m->has_sealed |= f->sealed;
    if (f->sensitivity == 4 && !f->sealed)
        fault_add(l->f, y->sensitivity->at, S("改为 3，或不用引用"),
                  "引用字段 “" STR_FMT "” 不能加密，敏感级别最高为 3", STR_ARG(f->name));
    misplaced(l, y->unique,
              f->unique && (f->storage == STORE_LINK || f->storage == STORE_GEO || f->storage == STORE_JSON),
              "unique", f);
    if (!f->expr.n)
        set_default(l, f, y);
    else {
        misplaced(l, y->required, f->required, "required", f);
        misplaced(l, y->def, true, "default", f);
    }
}

/* --- entity -----------------------------------------------------------------------------------------------
 */

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
    if (listed(e->name, reserved_tables))
        fault_add(l->f, e->at, S("换一个名字"), "实体名 “" STR_FMT "” 由系统保留", STR_ARG(e->name));
    for (size_t i = 0; reserved_prefixes[i]; i++)
        if (str_starts(e->name, str_c(reserved_prefixes[i])))
            fault_add(l->f, e->at, S("换一个名字"), "实体名不能以 %s 开头", reserved_prefixes[i]);
    e->history = pack_bool(d->y.history);
    add_history_fields(l, d);
    add_sys_fields(l, e);
    e->fields = ARENA_ARRAY(l->a, Field, d->n + 1);
    e->n = d->n;
    for (size_t i = 0; i < d->n; i++) begin_field(l, d, i);
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
    for (size_t i = 0; i < d->n; i++) finish_field(l, d, i);
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

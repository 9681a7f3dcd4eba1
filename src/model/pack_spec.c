/* SPDX-License-Identifier: MulanPSL-2.0 */
#include "model/pack_spec.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "model/model.h"
#include "model/pack_rules.h"

#define K(T, field, kind_, ...)                                                                              \
    {                                                                                                        \
#field, kind_, offsetof(T, field), __VA_ARGS__                                                       \
    }
#define KN(T, key, field, kind_, ...)                                                                        \
    {                                                                                                        \
        key, kind_, offsetof(T, field), __VA_ARGS__                                                          \
    }

const char *const field_type_names[] = {
#define T(id, name, store, json, title) name,
#include "model/types.def"
#undef T
    NULL};
static const char *const as_types[] = {"text", "int", "decimal", "money", "bool", "date", NULL};
static const char *const verbs[] = {"read", "create", "update", "delete", "unmask", "write", NULL};
static const char *const exclusives[] = {"separation", NULL};
static const char *const scopes[] = {"all", "region", "org", "own", NULL};

const PackKey load_keys[] = {K(LoadFile, entity, PACK_NAME, .required = true, .title = "装载到哪个实体"),
                             K(LoadFile, file, PACK_TEXT, .required = true, .title = "系统包内的文件"),
                             K(LoadFile, demo, PACK_BOOL, .title = "只在演示城市装载"),
                             {0}};
const PackKey system_keys[] = {
    K(SystemFile, system, PACK_NAME, .required = true, .title = "系统短名"),
    K(SystemFile, no, PACK_INT, .title = "规划附件 2 的序号"),
    K(SystemFile, title, PACK_TEXT, .required = true, .title = "系统名称"),
    K(SystemFile, group, PACK_TEXT, .title = "菜单分组"),
    K(SystemFile, lead, PACK_TEXTS, .title = "牵头单位"),
    K(SystemFile, about, PACK_TEXT, .title = "做什么用"),
    K(SystemFile, depends, PACK_TEXTS, .title = "依赖的系统"),
    K(SystemFile, load, PACK_LIST_OF, .item = load_keys, .title = "初始化时装载的数据"),
    {0}};
const PackKey field_keys[] = {
    K(FieldFile, title, PACK_TEXT, .required = true, .title = "中文名"),
    K(FieldFile, type, PACK_CHOICE, .required = true, .choices = field_type_names, .title = "类型"),
    K(FieldFile, required, PACK_BOOL, .title = "必填"),
    K(FieldFile, unique, PACK_BOOL, .title = "唯一"),
    KN(FieldFile, "default", def, PACK_TEXT, .title = "默认值"),
    K(FieldFile, min, PACK_TEXT, .title = "最小值、最短长度或最早日期"),
    K(FieldFile, max, PACK_TEXT, .title = "最大值、最长长度或最晚日期（today = 今天）"),
    K(FieldFile, pattern, PACK_TEXT, .title = "整个值须符合的 POSIX 扩展正则表达式"),
    K(FieldFile, unit, PACK_TEXT, .title = "单位"),
    K(FieldFile, help, PACK_TEXT, .title = "填写说明"),
    K(FieldFile, sensitivity, PACK_INT, .title = "敏感级别 1–4"),
    K(FieldFile, codes, PACK_NAME, .title = "代码表"),
    K(FieldFile, to, PACK_NAME, .title = "引用的实体"),
    K(FieldFile, scale, PACK_INT, .title = "小数位数"),
    K(FieldFile, expr, PACK_TEXT, .title = "计算用的 SQL 表达式"),
    K(FieldFile, as, PACK_CHOICE, .choices = as_types, .title = "计算结果的类型"),
    K(FieldFile, index, PACK_BOOL, .title = "建索引"),
    K(FieldFile, roles, PACK_TEXTS, .title = "只有这些角色看得到本字段"),
    K(FieldFile, write_roles, PACK_TEXTS, .title = "只有这些角色能填写本字段"),
    {0}};
const PackKey rule_keys[] = {K(RuleFile, check, PACK_TEXT, .required = true, .title = "须成立的 SQL 表达式"),
                             K(RuleFile, say, PACK_TEXT, .required = true, .title = "不成立时的提示"),
                             K(RuleFile, field, PACK_NAME, .title = "提示放在哪个字段旁"),
                             {0}};
const PackKey policy_keys[] = {
    K(PolicyFile, roles, PACK_TEXTS, .required = true, .title = "受限的角色"),
    KN(PolicyFile, "do", ops, PACK_CHOICES, .required = true, .choices = verbs, .title = "受限的事"),
    K(PolicyFile, when, PACK_TEXT, .required = true, .title = "只限符合这个条件的记录（通用表达式）"),
    K(PolicyFile, say, PACK_TEXT, .title = "写入的结果不符合时的提示"),
    {0}};
const PackKey entity_keys[] = {
    K(EntityFile, entity, PACK_NAME, .required = true, .title = "实体名"),
    K(EntityFile, title, PACK_TEXT, .required = true, .title = "中文名"),
    K(EntityFile, key, PACK_NAME, .title = "主键字段"),
    K(EntityFile, label, PACK_NAME, .title = "给人看的字段"),
    K(EntityFile, tree, PACK_NAME, .title = "上级字段"),
    K(EntityFile, history, PACK_BOOL, .title = "保留历史有效期"),
    K(EntityFile, region, PACK_NAME, .title = "所属区划字段"),
    K(EntityFile, org, PACK_NAME, .title = "所属机构字段"),
    K(EntityFile, order, PACK_TEXT, .title = "默认排序"),
    K(EntityFile, unique, PACK_ANY, .title = "组合唯一"),
    K(EntityFile, index, PACK_ANY, .title = "索引"),
    K(EntityFile, rules, PACK_LIST_OF, .item = rule_keys, .title = "校验规则"),
    K(EntityFile, policies, PACK_LIST_OF, .item = policy_keys, .title = "行策略：角色另受的限制"),
    K(EntityFile, catalogue, PACK_ANY, .title = "目录信息"),
    K(EntityFile, purposes, PACK_TEXTS,
      .title = "可以为哪些目的查看敏感字段的完整内容；不写 = 任何写明的目的"),
    K(EntityFile, fields, PACK_MAP_OF, .required = true, .item = field_keys, .title = "字段"),
    {0}};
const PackKey code_keys[] = {K(CodeFile, code, PACK_TEXT, .required = true, .title = "代码"),
                             K(CodeFile, title, PACK_TEXT, .required = true, .title = "名称"),
                             K(CodeFile, parent, PACK_TEXT, .title = "上级代码"),
                             K(CodeFile, from, PACK_DATE, .title = "启用日期"),
                             K(CodeFile, to, PACK_DATE, .title = "停用日期"),
                             {0}};
const PackKey codes_keys[] = {
    K(CodesFile, codes, PACK_NAME, .required = true, .title = "代码表名"),
    K(CodesFile, title, PACK_TEXT, .required = true, .title = "中文名"),
    K(CodesFile, standard, PACK_TEXT, .title = "依据的标准"),
    K(CodesFile, version, PACK_TEXT, .title = "版本"),
    K(CodesFile, values, PACK_LIST_OF, .required = true, .item = code_keys, .title = "代码"),
    {0}};
const PackKey record_keys[] = {
    K(RecordFile, entities, PACK_TEXTS, .required = true, .title = "实体名，* = 全部"),
    KN(RecordFile, "do", ops, PACK_CHOICES, .required = true, .choices = verbs, .title = "可做的事"),
    K(RecordFile, scope, PACK_CHOICE, .required = true, .choices = scopes, .title = "范围"),
    {0}};
const PackKey role_keys[] = {K(RoleFile, title, PACK_TEXT, .title = "角色名称"),
                             K(RoleFile, permissions, PACK_TEXTS, .title = "功能权限"),
                             K(RoleFile, records, PACK_LIST_OF, .item = record_keys, .title = "数据权限"),
                             K(RoleFile, exclusive, PACK_CHOICE, .choices = exclusives,
                               .title = "separation = 三员之一，不与其他管理员和业务角色同属一人"),
                             {0}};
const PackKey roles_keys[] = {{"roles", PACK_MAP_OF, 0, .required = true, .item = role_keys, .title = "角色"},
                              {0}};
const PackKey user_keys[] = {K(UserFile, user, PACK_NAME, .required = true, .title = "登录名"),
                             K(UserFile, name, PACK_TEXT, .required = true, .title = "显示名"),
                             K(UserFile, roles, PACK_TEXTS, .required = true, .title = "角色"),
                             K(UserFile, org, PACK_TEXT, .title = "机构代码"),
                             K(UserFile, region, PACK_TEXT, .title = "区划代码"),
                             K(UserFile, person, PACK_TEXT, .title = "本人的公民身份号码"),
                             {0}};
const PackKey users_keys[] = {
    {"users", PACK_LIST_OF, 0, .required = true, .item = user_keys, .title = "演示用户"}, {0}};
const PackKey map_keys[] = {
    K(MapFile, entity, PACK_NAME, .title = "导入到哪个实体"),
    K(MapFile, header, PACK_INT, .title = "表头所在的记录号"),
    K(MapFile, skip_lines, PACK_TEXTS, .title = "要丢弃的记录号"),
    K(MapFile, columns, PACK_TEXT_MAP, .required = true, .title = "源列: 字段 或 {to, expr}"),
    K(MapFile, set, PACK_TEXT_MAP, .title = "字段: SQL 表达式"),
    K(MapFile, skip, PACK_TEXT, .title = "成立则略过该行的 SQL 表达式"),
    {0}};

bool pack_is_name(Str s)
{
    if (!s.n || s.p[0] < 'a' || s.p[0] > 'z') return false;
    for (size_t i = 1; i < s.n; i++) {
        char c = s.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_')) return false;
    }
    return true;
}

Str pack_text(const Yaml *y) { return y && y->kind == YAML_SCALAR && !yaml_is_null(y) ? y->text : STR_NONE; }
bool pack_bool(const Yaml *y) { return y && str_is(y->text, "true"); }

int64_t pack_int(const Yaml *y, int64_t otherwise)
{
    int64_t i;
    return y && y->kind == YAML_SCALAR && str_int(y->text, &i) ? i : otherwise;
}

StrList pack_texts(Arena *a, const Yaml *y)
{
    StrList list = {0};
    size_t cap = 0;
    if (y && y->kind == YAML_SCALAR && !yaml_is_null(y)) *ARENA_PUSH(a, list.items, list.n, cap) = y->text;
    for (size_t i = 0; y && y->kind == YAML_LIST && i < y->n; i++)
        *ARENA_PUSH(a, list.items, list.n, cap) = y->items[i]->text;
    return list;
}

static Str choices_text(Arena *a, const char *const *choices)
{
    Buf b;
    buf_init(&b, 2000);
    buf_adds(&b, "可用的有 ");
    for (size_t i = 0; choices[i]; i++) buf_addf(&b, "%s%s", i ? "、" : "", choices[i]);
    Str s = buf_dup(a, &b);
    buf_done(&b);
    return s;
}

static Str nearest_fix(Arena *a, Str text, const char *const *choices)
{
    Str names[64];
    size_t n = 0;
    for (; choices[n] && n < 64; n++) names[n] = str_c(choices[n]);
    ptrdiff_t near = text_nearest(text, names, n);
    return near >= 0 ? str_fmt(a, "是不是 “" STR_FMT "”", STR_ARG(names[near])) : choices_text(a, choices);
}

static bool in_choices(Str s, const char *const *choices)
{
    for (size_t i = 0; choices[i]; i++)
        if (str_is(s, choices[i])) return true;
    return false;
}

static bool want_kind(const Yaml *v, YamlKind kind, const char *key, Faults *f)
{
    if (v->kind == kind) return true;
    fault_add(f, v->at, str_fmt(f->arena, "“%s” 要写成%s", key, yaml_kind_title(kind)), "“%s” 写成了%s", key,
              yaml_kind_title(v->kind));
    return false;
}

static bool check_choice(const Yaml *v, const PackKey *k, Faults *f)
{
    if (!want_kind(v, YAML_SCALAR, k->name, f)) return false;
    if (in_choices(v->text, k->choices)) return true;
    fault_add(f, v->at, nearest_fix(f->arena, v->text, k->choices), "“%s” 不认识 “" STR_FMT "”", k->name,
              STR_ARG(v->text));
    return false;
}

static bool check_name(const Yaml *v, const char *what, Faults *f)
{
    if (pack_is_name(v->text) && v->text.n <= NAME_MAX_LEN) return true;
    if (v->text.n > NAME_MAX_LEN && pack_is_name(v->text))
        fault_add(f, v->at, str_fmt(f->arena, "最多 %d 个字符", NAME_MAX_LEN), "%s的名字 “" STR_FMT "” 太长",
                  what, STR_ARG(v->text));
    else
        fault_add(f, v->at, S("以小写字母开头，只用小写字母、数字和下划线"),
                  "%s的名字 “" STR_FMT "” 不合规范", what, STR_ARG(v->text));
    return false;
}

/* One value against its row; false = leave the destination empty. */
static bool check_value(const Yaml *v, const PackKey *k, Faults *f)
{
    int64_t i;
    Date d;
    bool ok = true;
    switch (k->kind) {
    case PACK_NAME: return want_kind(v, YAML_SCALAR, k->name, f) && check_name(v, k->name, f);
    case PACK_TEXT: return want_kind(v, YAML_SCALAR, k->name, f);
    case PACK_BOOL:
        if (!want_kind(v, YAML_SCALAR, k->name, f)) return false;
        if (!v->quoted && (str_is(v->text, "true") || str_is(v->text, "false"))) return true;
        fault_add(f, v->at, S("写 true 或 false"), "“%s” 不是 true 或 false", k->name);
        return false;
    case PACK_INT:
        if (!want_kind(v, YAML_SCALAR, k->name, f)) return false;
        if (str_int(v->text, &i)) return true;
        fault_add(f, v->at, S("写整数"), "“%s” 不是整数", k->name);
        return false;
    case PACK_DATE:
        if (!want_kind(v, YAML_SCALAR, k->name, f)) return false;
        if (date_parse(v->text, &d, NULL) == 0) return true;
        fault_add(f, v->at, S("写成 2025-06-03 的样子"), "“%s” 不是日期", k->name);
        return false;
    case PACK_CHOICE: return check_choice(v, k, f);
    case PACK_TEXTS:
    case PACK_CHOICES:
        if (v->kind == YAML_SCALAR) return k->kind == PACK_TEXTS || check_choice(v, k, f);
        if (!want_kind(v, YAML_LIST, k->name, f)) return false;
        for (size_t j = 0; j < v->n; j++)
            ok &= k->kind == PACK_CHOICES ? check_choice(v->items[j], k, f)
                                          : want_kind(v->items[j], YAML_SCALAR, k->name, f);
        return ok;
    case PACK_MAP_OF:
    case PACK_OBJECT:
    case PACK_TEXT_MAP: return want_kind(v, YAML_MAP, k->name, f);
    case PACK_LIST_OF: return want_kind(v, YAML_LIST, k->name, f);
    case PACK_ANY: return true;
    }
    return true;
}

static const PackKey *find_key(const PackKey *keys, Str name)
{
    for (const PackKey *k = keys; k->name; k++)
        if (str_is(name, k->name)) return k;
    return NULL;
}

static void unknown_key(const Yaml *key, const PackKey *keys, Faults *f)
{
    const char *names[64];
    size_t n = 0;
    for (const PackKey *k = keys; k->name && n < 63; k++) names[n++] = k->name;
    names[n] = NULL;
    fault_add(f, key->at, nearest_fix(f->arena, key->text, names), "不认识的键 “" STR_FMT "”",
              STR_ARG(key->text));
}

bool pack_decode(const Yaml *y, const PackKey *keys, void *dst, Faults *f)
{
    if (y->kind != YAML_MAP) {
        fault_add(f, y->at, S("写成 键: 值 的样子"), "这里要一个映射，却是%s", yaml_kind_title(y->kind));
        return false;
    }
    for (size_t i = 0; i < y->n; i++) {
        const PackKey *k = find_key(keys, y->pairs[i].key->text);
        const Yaml *v = y->pairs[i].value;
        if (!k)
            unknown_key(y->pairs[i].key, keys, f);
        else if (!(yaml_is_null(v) && !k->required) && check_value(v, k, f))
            memcpy((char *)dst + k->offset, &v, sizeof v);
    }
    for (const PackKey *k = keys; k->name; k++)
        if (k->required && !yaml_get(y, k->name))
            fault_add(f, y->at, str_fmt(f->arena, "补上 “%s”（%s）", k->name, k->title), "缺少 “%s”",
                      k->name);
    return true;
}

/* --- JSON Schema ------------------------------------------------------------------------------------------
 */

static void schema_object(JsonWriter *w, const PackKey *keys);

static void schema_choices(JsonWriter *w, const char *const *choices)
{
    jw_key(w, S("enum"));
    jw_array(w);
    for (size_t i = 0; choices[i]; i++) jw_str(w, str_c(choices[i]));
    jw_array_end(w);
}

static void schema_types(JsonWriter *w, const char *a, const char *b, const char *c)
{
    const char *all[] = {a, b, c};
    jw_key(w, S("type"));
    if (!b) return jw_str(w, str_c(a));
    jw_array(w);
    for (size_t i = 0; i < 3 && all[i]; i++) jw_str(w, str_c(all[i]));
    jw_array_end(w);
}

static void schema_list(JsonWriter *w, const PackKey *k)
{
    jw_key(w, S("anyOf"));
    jw_array(w);
    for (int list = 0; list < 2; list++) {
        jw_object(w);
        if (list) {
            jw_kstr(w, "type", S("array"));
            jw_key(w, S("items"));
            jw_object(w);
        }
        if (k->choices)
            schema_choices(w, k->choices);
        else
            schema_types(w, "string", "number", NULL);
        if (list) jw_object_end(w);
        jw_object_end(w);
    }
    jw_array_end(w);
}

static void schema_value(JsonWriter *w, const PackKey *k)
{
    if (k->kind == PACK_OBJECT) return schema_object(w, k->item);
    jw_object(w);
    jw_kstr(w, "description", str_c(k->title));
    switch (k->kind) {
    case PACK_NAME:
        jw_kstr(w, "type", S("string"));
        jw_kstr(w, "pattern", S("^[a-z][a-z0-9_]*$"));
        break;
    case PACK_TEXT: schema_types(w, "string", "number", "boolean"); break;
    case PACK_BOOL: jw_kstr(w, "type", S("boolean")); break;
    case PACK_INT: jw_kstr(w, "type", S("integer")); break;
    case PACK_DATE:
        jw_kstr(w, "type", S("string"));
        jw_kstr(w, "format", S("date"));
        break;
    case PACK_CHOICE: schema_choices(w, k->choices); break;
    case PACK_TEXTS:
    case PACK_CHOICES: schema_list(w, k); break;
    case PACK_MAP_OF:
        jw_kstr(w, "type", S("object"));
        jw_key(w, S("additionalProperties"));
        schema_object(w, k->item);
        break;
    case PACK_LIST_OF:
        jw_kstr(w, "type", S("array"));
        jw_key(w, S("items"));
        schema_object(w, k->item);
        break;
    case PACK_TEXT_MAP: jw_kstr(w, "type", S("object")); break;
    case PACK_OBJECT: /* above */
    case PACK_ANY: break;
    }
    jw_object_end(w);
}

static void schema_object(JsonWriter *w, const PackKey *keys)
{
    jw_object(w);
    jw_kstr(w, "type", S("object"));
    jw_kbool(w, "additionalProperties", false);
    jw_key(w, S("properties"));
    jw_object(w);
    for (const PackKey *k = keys; k->name; k++) {
        jw_key(w, str_c(k->name));
        schema_value(w, k);
    }
    jw_object_end(w);
    jw_key(w, S("required"));
    jw_array(w);
    for (const PackKey *k = keys; k->name; k++)
        if (k->required) jw_str(w, str_c(k->name));
    jw_array_end(w);
    jw_object_end(w);
}

static const struct {
    const char *kind;
    const PackKey *keys;
} files[] = {{"codes", codes_keys}, {"entity", entity_keys}, {"map", map_keys},       {"pages", pages_keys},
             {"roles", roles_keys}, {"rules", rules_keys},   {"system", system_keys}, {"users", users_keys}};
const char *const pack_kinds[] = {"codes", "entity", "map",   "pages", "roles",
                                  "rules", "system", "users", NULL};

int pack_schema(Str kind, Buf *out, Err *err)
{
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (!str_is(kind, files[i].kind)) continue;
        Buf body;
        buf_init(&body, 1 << 20);
        JsonWriter w;
        jw_init(&w, &body);
        schema_object(&w, files[i].keys);
        /* "$schema" goes first into the same object */
        buf_adds(out, "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",");
        buf_add(out, str_from(buf_str(&body), 1));
        buf_done(&body);
        return 0;
    }
    return err_set(err, ERR_NOT_FOUND, "没有名为 “" STR_FMT "” 的系统包文件类型", STR_ARG(kind));
}

/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Fields of an entity: from decoded files to the model. First name, type and storage of all, then what refers
 * to others.
 */
#include "model/pack_int.h"

#include "base/clock.h"
#include "base/text.h"
#include "model/pattern.h"
#include "model/value.h"
#include <math.h>

static const char *const reserved_fields[] = {"id",  "select", "order",   "limit",       "offset", "or",
                                              "and", "not",    "columns", "on_conflict", "at",     NULL};

bool pack_listed(Str s, const char *const *list)
{
    for (; *list; list++)
        if (str_is(s, *list)) return true;
    return false;
}

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
    if (pack_listed(name, reserved_fields) || str_starts(name, S("_")))
        fault_add(l->f, d->name->at, S("换一个名字"), "字段名 “" STR_FMT "” 由系统保留", STR_ARG(name));
    else if (!pack_is_name(name))
        fault_add(l->f, d->name->at, S("以小写字母开头，只用小写字母、数字和下划线"),
                  "字段的名字 “" STR_FMT "” 不合规范", STR_ARG(name));
    else if (name.n > NAME_MAX_LEN)
        fault_add(l->f, d->name->at, str_fmt(l->a, "最多 %d 个字符", NAME_MAX_LEN),
                  "字段的名字 “" STR_FMT "” 太长", STR_ARG(name));
}

/* First pass: name, type, storage. References come in the second, when all entities have their fields. */
void pack_begin_field(PackLoader *l, EntityDraft *d, size_t i)
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

void pack_finish_field(PackLoader *l, EntityDraft *d, size_t i)
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

/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * The names that an expression of a reaction may use: the record's fields, old_FIELD, ref_FIELD_NAME, and a
 * few of the occasion. An entity with many references has hundreds of them, so an expression is compiled over
 * the names that occur in it; only when that fails is it compiled over all, for the sake of the nearest right
 * name.
 */
#include "rule/rule_int.h"

enum { ALL_NAMES_MAX = 900 };

/* What is sealed stays sealed: a reaction could carry it into an open field, a mail or a call. */
static bool usable(const Field *f) { return !f->sealed && (f->storage != STORE_LINK || f->to); }

static const struct {
    const char *name;
    NameKind kind;
} occasion[] = {{"op", NAME_OP},
                {"actor", NAME_ACTOR},
                {"today", NAME_TODAY},
                {"now", NAME_CLOCK},
                {"message", NAME_BODY}};

static bool ref_name(const Entity *e, Str rest, Name *ret)
{
    for (size_t i = 0; i < e->n; i++) {
        const Field *f = &e->fields[i];
        if (!f->to || f->storage == STORE_LINK || rest.n <= f->name.n + 1) continue;
        if (!str_starts(rest, f->name) || rest.p[f->name.n] != '_') continue;
        const Field *sub = entity_field(f->to, str_from(rest, f->name.n + 1));
        if (!sub || sub->system || sub->sealed) continue;
        ret->kind = NAME_REF, ret->f = f, ret->sub = sub;
        return true;
    }
    return false;
}

static bool known(const Entity *e, Str word, Name *ret)
{
    *ret = (Name){.text = word};
    const Field *f = e ? entity_field(e, word) : NULL;
    if (f && !f->system && usable(f)) return ret->kind = NAME_NOW, ret->f = f, true;
    if (e && str_starts(word, S("old_"))) {
        f = entity_field(e, str_from(word, 4));
        if (f && !f->system && usable(f)) return ret->kind = NAME_OLD, ret->f = f, true;
    }
    if (e && str_starts(word, S("ref_")) && ref_name(e, str_from(word, 4), ret)) return true;
    for (size_t i = 0; i < sizeof occasion / sizeof *occasion; i++)
        if (str_is(word, occasion[i].name)) return ret->kind = occasion[i].kind, true;
    return false;
}

static bool word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static void names_in(RuleSet *s, const Entity *e, Str text, RuleExpr *r)
{
    size_t cap = 0;
    for (size_t i = 0; i < text.n;) {
        size_t from = i;
        while (i < text.n && word_char(text.p[i])) i++;
        if (i == from) {
            i++;
            continue;
        }
        Name n;
        bool there = false;
        if (i - from > 2 * NAME_MAX_LEN + 8 || !known(e, str_n(text.p + from, i - from), &n)) continue;
        for (size_t k = 0; k < r->n; k++) there |= str_eq(r->names[k].text, n.text);
        if (!there && r->n < ALL_NAMES_MAX) *ARENA_PUSH(s->a, r->names, r->n, cap) = n;
    }
}

static Str *all_names(RuleSet *s, const Entity *e, size_t *ret_n)
{
    Str *names = NULL;
    size_t n = 0, cap = 0;
    for (size_t i = 0; i < sizeof occasion / sizeof *occasion; i++)
        *ARENA_PUSH(s->a, names, n, cap) = str_c(occasion[i].name);
    for (size_t i = 0; e && i < e->n; i++) {
        const Field *f = &e->fields[i];
        bool twice = false;
        for (size_t k = 0; k < n; k++) twice |= str_eq(names[k], f->name);
        if (!twice) *ARENA_PUSH(s->a, names, n, cap) = f->name;
        *ARENA_PUSH(s->a, names, n, cap) = str_fmt(s->a, "old_" STR_FMT, STR_ARG(f->name));
        for (size_t k = 0; f->to && f->storage != STORE_LINK && k < f->to->n && n < ALL_NAMES_MAX; k++)
            *ARENA_PUSH(s->a, names, n, cap) =
                str_fmt(s->a, "ref_" STR_FMT "_" STR_FMT, STR_ARG(f->name), STR_ARG(f->to->fields[k].name));
    }
    *ret_n = n < ALL_NAMES_MAX ? n : ALL_NAMES_MAX;
    return names;
}

void rule_expr(RuleSet *s, const Entity *e, const Yaml *y, RuleExpr *ret, Faults *f)
{
    Err err = ERR_INIT;
    *ret = (RuleExpr){0};
    if (!y) return;
    if (y->kind != YAML_SCALAR || !y->text.n) {
        fault_add(f, y->at, S("写成一行 SQL 表达式"), "这里要写表达式");
        return;
    }
    ret->text = y->text;
    names_in(s, e, y->text, ret);
    Str *names = ARENA_ARRAY(s->a, Str, ret->n + 1);
    for (size_t i = 0; i < ret->n; i++) names[i] = ret->names[i].text;
    if (expr_compile(s->env, y->text, names, ret->n, &ret->x, &err) == 0) return;
    size_t n;
    Expr *ignored;
    Str *all = all_names(s, e, &n);
    ret->x = NULL;
    if (expr_compile(s->env, y->text, all, n, &ignored, &err) == 0)
        err_set(&err, ERR_PACK, "表达式用了反应里不能用的名字");
    fault_add(f, y->at, str_dup(s->a, str_c(err.hint)), "%s", err.msg);
}

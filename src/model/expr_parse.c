/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * Portable expressions: tokens to a typed tree. Precedence is SQLite's (https://www.sqlite.org/lang_expr.html
 * §2), in which the same text is evaluated in memory; the tree is written out with parentheses, so that
 * PostgreSQL's does not matter. Types are checked more strictly than either database does, because what they
 * do with operands of different types differs.
 */
#include "model/expr_sql_int.h"

#include "base/clock.h"
#include "base/text.h"
#include "model/expr.h"

enum { TOKENS_MAX = 600, DIGITS_MAX = 15 };

static const ExprForm functions[] = {
    {"abs", "N", KIND_NUM, {"abs(%1)", "abs(%1)"}},
    {"contains", "TL", KIND_BOOL, {"instr(%1, %2) > 0", "strpos(%1, %2) > 0"}},
    {"day", "D", KIND_INT, {"cast(substr(%1, 9, 2) as integer)", "extract(day from %1)::bigint"}},
    {"days_between", "DD", KIND_INT, {"cast(julianday(%2) - julianday(%1) as integer)", "(%2 - %1)::bigint"}},
    {"left", "TI", KIND_TEXT, {"substr(%1, 1, %2)", "left(%1, (%2)::int)"}},
    {"length", "T", KIND_INT, {"length(%1)", "length(%1)::bigint"}},
    {"lower", "T", KIND_TEXT, {"lower(%1)", "lower(%1)"}},
    {"month", "D", KIND_INT, {"cast(substr(%1, 6, 2) as integer)", "extract(month from %1)::bigint"}},
    {"round", "NI?", KIND_NUM, {"round(%1, %2)", "round((%1)::numeric, (%2)::int)::float8"}},
    {"starts_with", "TL", KIND_BOOL, {"substr(%1, 1, length(%2)) = %2", "starts_with(%1, %2)"}},
    {"substr", "TPI*", KIND_TEXT, {"substr(%1, %2, %3)", "substr(%1, (%2)::int, (%3)::int)"}},
    {"trim", "T", KIND_TEXT, {"trim(%1)", "btrim(%1)"}},
    {"upper", "T", KIND_TEXT, {"upper(%1)", "upper(%1)"}},
    {"year", "D", KIND_INT, {"cast(substr(%1, 1, 4) as integer)", "extract(year from %1)::bigint"}},
};

static const struct {
    const char *name;
    size_t offset;
    ExprKind kind;
} asked[] = {{":org", offsetof(ExprAsk, org), KIND_TEXT},
             {":person", offsetof(ExprAsk, person), KIND_TEXT},
             {":region", offsetof(ExprAsk, region), KIND_TEXT},
             {":today", offsetof(ExprAsk, today), KIND_DATE},
             {":user", offsetof(ExprAsk, user), KIND_TEXT}};

/* --- errors and tokens
 * ---------------------------------------------------------------------------------------- */

int ep_not_portable(ExprParser *p, size_t at, Str what)
{
    expr_fault(p->err, at, "“" STR_FMT "” 不能写进数据库查询（两种数据库不通用）",
               STR_ARG(text_cut(what, 40)));
    return err_hint(p->err, "可用的写法见 docs/expressions.md");
}

const ExprToken *ep_peek(const ExprParser *p, size_t ahead)
{
    return p->i + ahead < p->tokens.n ? &p->tokens.items[p->i + ahead] : NULL;
}

bool ep_at(const ExprParser *p, const char *op)
{
    const ExprToken *t = ep_peek(p, 0);
    return t && expr_token_is(t, op);
}

bool ep_eat(ExprParser *p, const char *op) { return ep_at(p, op) ? (p->i++, true) : false; }

size_t ep_here(const ExprParser *p)
{
    const ExprToken *t = ep_peek(p, 0);
    return t ? t->at : p->end;
}

int ep_expect(ExprParser *p, const char *op)
{
    if (ep_eat(p, op)) return 0;
    return expr_fault(p->err, ep_here(p), "表达式写得不对：这里要有 “%s”", op);
}

/* --- nodes and types
 * ------------------------------------------------------------------------------------------ */

ExprNode *ep_node(ExprParser *p, ExprNodeKind is, ExprKind kind, size_t at)
{
    ExprNode *n = ARENA_NEW(p->a, ExprNode);
    n->is = is, n->kind = kind, n->at = at;
    return n;
}

void ep_add_kid(ExprParser *p, ExprNode *n, ExprNode *kid) { *ARENA_PUSH(p->a, n->kids, n->n, n->cap) = kid; }

ExprNode *ep_form(ExprParser *p, const ExprForm *f, size_t at, ExprNode *x, ExprNode *y)
{
    ExprNode *n = ep_node(p, NODE_FORM, f->gives, at);
    n->form = f;
    if (x) ep_add_kid(p, n, x);
    if (y) ep_add_kid(p, n, y);
    return n;
}

static const char *kind_title(ExprKind k)
{
    static const char *const titles[] = {"空值", "是否", "数字", "数字",      "文字",
                                         "日期", "时间", "时刻", "图形或数据"};
    return titles[k];
}

int ep_want(ExprParser *p, const ExprNode *n, ExprKind kind)
{
    if (n->kind == kind || (kind == KIND_NUM && n->kind == KIND_INT)) return 0;
    return expr_fault(p->err, n->at, "这里要的是%s，却是%s", kind_title(kind), kind_title(n->kind));
}

/* A literal takes the type of what it is held against, if it is a right value of it. */
static void adapt(ExprNode *n, ExprKind to)
{
    Date d;
    int64_t us;
    char text[CLOCK_SIZE];
    TimeOfDay t;
    if (n->is != NODE_LITERAL) return;
    if (to == KIND_BOOL && n->kind == KIND_INT && (n->val.i == 0 || n->val.i == 1)) n->kind = KIND_BOOL;
    if (n->kind != KIND_TEXT) return;
    if (to == KIND_DATE && date_parse(n->val.s, &d, NULL) == 0) n->kind = KIND_DATE;
    if (to == KIND_TIME && tod_parse(n->val.s, &t, NULL) == 0 && n->val.s.n == TIME_SIZE - 1)
        n->kind = KIND_TIME;
    if (to != KIND_AT || clock_parse(n->val.s, &us, NULL) < 0) return;
    clock_format_utc(us, text); /* as stored, since in memory texts are compared */
    if (str_is(n->val.s, text)) n->kind = KIND_AT;
}

int ep_match(ExprParser *p, ExprNode *x, ExprNode *y)
{
    adapt(x, y->kind);
    adapt(y, x->kind);
    bool same = x->kind == y->kind || (kind_is_number(x->kind) && kind_is_number(y->kind));
    if (x->kind == KIND_OTHER || y->kind == KIND_OTHER)
        return expr_fault(p->err, x->at, "图形和数据字段只能用 is null、is not null");
    if (same || x->kind == KIND_NULL || y->kind == KIND_NULL) return 0;
    expr_fault(p->err, y->at, "%s不能与%s相比", kind_title(y->kind), kind_title(x->kind));
    return err_hint(p->err,
                    "文字加引号，数字不加；日期写成 '2025-06-03'，时刻写成 '2025-06-03T01:00:00.000000Z'");
}

/* The common type of several results (case, coalesce). */
static int merge(ExprParser *p, ExprNode *n, ExprNode **kids, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++) TRY(ep_match(p, kids[j], kids[i]));
    for (size_t i = 0; i < count; i++)
        if (n->kind == KIND_NULL || (n->kind == KIND_INT && kids[i]->kind == KIND_NUM))
            n->kind = kids[i]->kind;
    return n->kind == KIND_NULL ? expr_fault(p->err, n->at, "至少要有一个结果不是 null") : 0;
}

/* --- primary
 * -------------------------------------------------------------------------------------------------- */

static int number(ExprParser *p, const ExprToken *t, ExprNode **ret)
{
    ExprNode *n = *ret = ep_node(p, NODE_LITERAL, KIND_INT, t->at);
    size_t digits = 0;
    double r;
    int64_t i;
    for (size_t k = 0; k < t->text.n; k++) {
        if (t->text.p[k] >= '0' && t->text.p[k] <= '9')
            digits++;
        else if (t->text.p[k] != '.')
            return ep_not_portable(p, t->at, t->text);
    }
    if (str_int(t->text, &i)) return n->val = V_INT(i), 0;
    if (digits > DIGITS_MAX || !str_real(t->text, &r))
        return expr_fault(p->err, t->at, "数字最多 %d 位", DIGITS_MAX);
    n->kind = KIND_NUM, n->val = V_TEXT(t->text);
    return 0;
}

static ExprKind kind_of(const Field *f)
{
    static const ExprKind kinds[STORE_N] = {
        [STORE_TEXT] = KIND_TEXT, [STORE_INT] = KIND_INT,   [STORE_NUM] = KIND_NUM,
        [STORE_BOOL] = KIND_BOOL, [STORE_DATE] = KIND_DATE, [STORE_TIME] = KIND_TIME,
        [STORE_AT] = KIND_AT,     [STORE_GEO] = KIND_OTHER, [STORE_JSON] = KIND_OTHER};
    return kinds[f->storage];
}

static const Field *field_named(const Entity *e, Str name)
{
    for (size_t i = 0; i < e->n; i++)
        if (str_ieq(e->fields[i].name, name)) return &e->fields[i];
    for (size_t i = 0; i < SYS_N; i++)
        if (str_ieq(e->sys[i].name, name)) return &e->sys[i];
    return NULL;
}

static int name(ExprParser *p, const ExprToken *t, ExprNode **ret)
{
    Str word = expr_token_value(p->a, t);
    const Field *f = field_named(p->e, word);
    if (!f) {
        Str near = entity_nearest(p->e, word);
        expr_fault(p->err, t->at, "表达式里没有名为 “" STR_FMT "” 的字段", STR_ARG(text_cut(word, 48)));
        if (near.n) err_hint(p->err, "是不是 “" STR_FMT "”", STR_ARG(near));
        return -(int)ERR_PACK;
    }
    if (f->storage == STORE_LINK)
        return ep_not_portable(p, t->at, str_fmt(p->a, "多值字段 " STR_FMT, STR_ARG(f->name)));
    *ret = ep_node(p, NODE_FIELD, kind_of(f), t->at);
    (*ret)->field = f;
    return 0;
}

static int asked_value(ExprParser *p, const ExprToken *t, Str word, ExprNode **ret)
{
    Str names[sizeof asked / sizeof *asked];
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        names[i] = str_c(asked[i].name);
        if (!str_ieq(word, names[i])) continue;
        *ret = ep_node(p, NODE_ASK, asked[i].kind, t->at);
        (*ret)->ask = asked[i].offset;
        return 0;
    }
    ptrdiff_t near = text_nearest(word, names, sizeof asked / sizeof *asked);
    expr_fault(p->err, t->at, "没有名为 “" STR_FMT "” 的值", STR_ARG(text_cut(word, 48)));
    if (near >= 0) return err_hint(p->err, "是不是 “" STR_FMT "”", STR_ARG(names[near]));
    return err_hint(p->err, "可用 :user :org :region :person :today");
}

int ep_list(ExprParser *p, ExprNode *n)
{
    if (ep_at(p, ")")) return p->i++, 0;
    do {
        ExprNode *kid;
        TRY(ep_any(p, &kid));
        ep_add_kid(p, n, kid);
    } while (ep_eat(p, ","));
    return ep_expect(p, ")");
}

static int check_arg(ExprParser *p, ExprNode *kid, char want_as)
{
    bool literal_int = kid->is == NODE_LITERAL && kid->kind == KIND_INT;
    if (want_as == 'T') return ep_want(p, kid, KIND_TEXT);
    if (want_as == 'N') return ep_want(p, kid, KIND_NUM);
    if (want_as == 'D') return adapt(kid, KIND_DATE), ep_want(p, kid, KIND_DATE);
    if (want_as == 'L') {
        TRY(ep_want(p, kid, KIND_TEXT));
        if (kid->is == NODE_LITERAL || kid->is == NODE_ASK) return 0;
        return expr_fault(p->err, kid->at, "这里要直接写文字"),
               err_hint(p->err, "查询里只能与写定的文字相比");
    }
    int64_t least = want_as == 'P';
    if (literal_int && kid->val.i >= least && kid->val.i <= 10000) return 0;
    return expr_fault(p->err, kid->at, "这里要直接写一个不小于 %d 的整数", (int)least);
}

static int check_args(ExprParser *p, ExprNode *n)
{
    size_t k = 0;
    for (const char *w = n->form->args; *w; w++) {
        bool optional = w[1] == '?' || w[1] == '*';
        if (k == n->n && optional) {
            ExprNode *literal = ep_node(p, NODE_LITERAL, KIND_INT, n->at);
            literal->val = V_INT(w[1] == '*' ? LONGTEXT_MAX : 0);
            ep_add_kid(p, n, literal);
        } else if (k == n->n)
            return expr_fault(p->err, n->at, "函数 %s 的参数少了", n->form->name);
        else
            TRY(check_arg(p, n->kids[k], *w));
        k++;
        w += optional;
    }
    return k < n->n ? expr_fault(p->err, n->kids[k]->at, "函数 %s 的参数多了", n->form->name) : 0;
}

/* coalesce and nullif take any type. */
static int generic(ExprParser *p, ExprNode *n)
{
    bool nullif = n->form == &expr_operators[OP_NULLIF];
    if (nullif ? n->n != 2 : n->n < 2) return expr_fault(p->err, n->at, "%s 的参数个数不对", n->form->name);
    TRY(merge(p, n, n->kids, n->n));
    if (!nullif) return 0;
    n->kind = n->kids[0]->kind;
    return n->kind == KIND_NULL ? expr_fault(p->err, n->kids[0]->at, "这里不能写 null") : 0;
}

static const ExprForm *function_named(Str word)
{
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (str_ieq(word, str_c(functions[i].name))) return &functions[i];
    if (str_ieq(word, S("coalesce"))) return &expr_operators[OP_COALESCE];
    return str_ieq(word, S("nullif")) ? &expr_operators[OP_NULLIF] : NULL;
}

static int call(ExprParser *p, const ExprToken *t, ExprNode **ret)
{
    const ExprForm *f = function_named(t->text);
    p->i++; /* the parenthesis */
    if (str_ieq(t->text, S("today")) && ep_eat(p, ")")) return asked_value(p, t, S(":today"), ret);
    if (!f) return ep_not_portable(p, t->at, str_fmt(p->a, "函数 " STR_FMT, STR_ARG(t->text)));
    ExprNode *n = *ret = ep_form(p, f, t->at, NULL, NULL);
    TRY(ep_list(p, n));
    if (!f->args) return generic(p, n);
    TRY(check_args(p, n));
    if (f->gives == KIND_NUM && str_is(str_c(f->name), "abs")) n->kind = n->kids[0]->kind;
    return 0;
}

static int case_of(ExprParser *p, size_t at, ExprNode **ret)
{
    ExprNode *n = *ret = ep_node(p, NODE_CASE, KIND_NULL, at), *x, **results = NULL;
    size_t count = 0, cap = 0;
    if (!ep_at(p, "when")) {
        n->based = true;
        TRY(ep_any(p, &x));
        ep_add_kid(p, n, x);
    }
    while (ep_eat(p, "when")) {
        TRY(ep_any(p, &x));
        if (n->based)
            TRY(ep_match(p, n->kids[0], x));
        else
            TRY(ep_want(p, x, KIND_BOOL));
        ep_add_kid(p, n, x);
        TRY(ep_expect(p, "then"));
        TRY(ep_any(p, &x));
        ep_add_kid(p, n, x);
        *ARENA_PUSH(p->a, results, count, cap) = x;
    }
    if (!count) return expr_fault(p->err, at, "case 里要有 when … then …");
    if (ep_eat(p, "else")) {
        TRY(ep_any(p, &x));
        ep_add_kid(p, n, x);
        *ARENA_PUSH(p->a, results, count, cap) = x;
    }
    TRY(merge(p, n, results, count));
    return ep_expect(p, "end");
}

static int keyword(ExprParser *p, const ExprToken *t, ExprNode **ret)
{
    if (expr_token_is(t, "case")) return case_of(p, t->at, ret);
    if (expr_token_is(t, "null")) return *ret = ep_node(p, NODE_LITERAL, KIND_NULL, t->at), 0;
    if (expr_token_is(t, "true") || expr_token_is(t, "false")) {
        *ret = ep_node(p, NODE_LITERAL, KIND_BOOL, t->at);
        (*ret)->val = V_INT(expr_token_is(t, "true"));
        return 0;
    }
    return ep_not_portable(p, t->at, t->text);
}

int ep_primary(ExprParser *p, ExprNode **ret)
{
    const ExprToken *t = ep_peek(p, 0);
    if (!t) return expr_fault(p->err, p->end, "表达式写得不对：不完整");
    p->i++;
    switch (t->kind) {
    case TOK_NAME: return t->call ? call(p, t, ret) : name(p, t, ret);
    case TOK_QUOTED: return name(p, t, ret);
    case TOK_PARAM: return asked_value(p, t, t->text, ret);
    case TOK_NUMBER: return number(p, t, ret);
    case TOK_TEXT:
        *ret = ep_node(p, NODE_LITERAL, KIND_TEXT, t->at);
        (*ret)->val = V_TEXT(expr_token_value(p->a, t));
        return 0;
    case TOK_KEYWORD: return keyword(p, t, ret);
    case TOK_BLOB: return ep_not_portable(p, t->at, t->text);
    case TOK_OP: break;
    }
    if (!expr_token_is(t, "("))
        return expr_fault(p->err, t->at, "表达式写得不对：这里不该有 “" STR_FMT "”", STR_ARG(t->text));
    TRY(ep_any(p, ret));
    return ep_expect(p, ")");
}

int expr_sql_parse(Arena *a, Str text, const Entity *e, ExprSql **ret, Err *err)
{
    Err ignored;
    ExprParser p = {.a = a, .e = e, .end = text.n, .err = err ? err : &ignored};
    ExprNode *root;
    if (text.n > EXPR_TEXT_MAX) return err_set(err, ERR_PACK, "表达式超过 %d 个字节", EXPR_TEXT_MAX);
    TRY(expr_scan(a, text, &p.tokens, p.err));
    if (!p.tokens.n) return err_set(err, ERR_PACK, "表达式是空的");
    if (p.tokens.n > TOKENS_MAX)
        return expr_fault(err, p.tokens.items[TOKENS_MAX].at, "写进查询的表达式最多 %d 项", TOKENS_MAX);
    TRY(ep_any(&p, &root));
    if (p.i < p.tokens.n) {
        const ExprToken *t = &p.tokens.items[p.i];
        if (t->kind == TOK_NAME || t->kind == TOK_TEXT || expr_token_is(t, ","))
            return expr_fault(err, t->at, "表达式写得不对：这里不该有 “" STR_FMT "”",
                              STR_ARG(text_cut(t->text, 40)));
        return ep_not_portable(&p, t->at, t->text);
    }
    TRY(ep_want(&p, root, KIND_BOOL));
    *ret = ARENA_NEW(a, ExprSql);
    (*ret)->root = root;
    return 0;
}

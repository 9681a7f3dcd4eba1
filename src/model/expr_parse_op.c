/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Portable expressions: the operators, from the tightest to the loosest (SQLite's order), and how each is
 * written. */
#include "model/expr_sql_int.h"

#include "base/text.h"

enum { DEPTH_MAX = 50, PRODUCTS_MAX = 8, PATTERN_MAX = 200 };

/* Operators. Both databases alike where the second text is NULL. */
const ExprForm expr_operators[] = {
    [OP_OR] = {"or", NULL, KIND_BOOL, {"%1 or %2"}},
    [OP_AND] = {"and", NULL, KIND_BOOL, {"%1 and %2"}},
    [OP_NOT] = {"not", NULL, KIND_BOOL, {"not %1"}},
    [OP_EQ] = {"=", NULL, KIND_BOOL, {"%1 = %2"}},
    [OP_NE] = {"<>", NULL, KIND_BOOL, {"%1 <> %2"}},
    [OP_LT] = {"<", NULL, KIND_BOOL, {"%1 < %2"}},
    [OP_LE] = {"<=", NULL, KIND_BOOL, {"%1 <= %2"}},
    [OP_GT] = {">", NULL, KIND_BOOL, {"%1 > %2"}},
    [OP_GE] = {">=", NULL, KIND_BOOL, {"%1 >= %2"}},
    [OP_LIKE] = {"like", NULL, KIND_BOOL, {"%1 like %2 escape '\\'"}},
    [OP_UNLIKE] = {"not like", NULL, KIND_BOOL, {"%1 not like %2 escape '\\'"}},
    [OP_BETWEEN] = {"between", NULL, KIND_BOOL, {"%1 between %2 and %3"}},
    [OP_OUTSIDE] = {"not between", NULL, KIND_BOOL, {"%1 not between %2 and %3"}},
    [OP_ISNULL] = {"is null", NULL, KIND_BOOL, {"%1 is null"}},
    [OP_NOTNULL] = {"is not null", NULL, KIND_BOOL, {"%1 is not null"}},
    [OP_ADD] = {"+", NULL, KIND_NUM, {"%1 + %2"}},
    [OP_SUB] = {"-", NULL, KIND_NUM, {"%1 - %2"}},
    [OP_MUL] = {"*", NULL, KIND_NUM, {"%1 * %2"}},
    [OP_DIV] = {"/", NULL, KIND_NUM, {"%1 / %2", "%1 / nullif(%2, 0)"}},
    [OP_IDIV] = {"/", NULL, KIND_INT, {"%1 / %2", "div(%1, nullif(%2, 0))"}},
    [OP_CAT] = {"||", NULL, KIND_TEXT, {"%1 || %2"}},
    [OP_NEG] = {"-", NULL, KIND_NUM, {"- %1"}},
    [OP_COALESCE] = {"coalesce", NULL, KIND_NULL, {"coalesce(%*)"}},
    [OP_NULLIF] = {"nullif", NULL, KIND_NULL, {"nullif(%1, %2)"}},
};

/* --- operators, from the tightest
 * ------------------------------------------------------------------------------- */

static int unary(ExprParser *p, ExprNode **ret)
{
    const ExprToken *t = ep_peek(p, 0);
    bool minus = ep_at(p, "-");
    if (!minus && !ep_at(p, "+")) return ep_primary(p, ret);
    if (++p->depth > DEPTH_MAX) return expr_fault(p->err, t->at, "表达式嵌套过深");
    p->i++;
    TRY(unary(p, ret));
    p->depth--;
    TRY(ep_want(p, *ret, KIND_NUM));
    if (!minus) return 0;
    ExprKind kind = (*ret)->kind;
    *ret = ep_form(p, &expr_operators[OP_NEG], t->at, *ret, NULL);
    (*ret)->kind = kind;
    return 0;
}

static int concat(ExprParser *p, ExprNode **ret)
{
    TRY(unary(p, ret));
    for (;;) {
        ExprNode *y;
        size_t at = ep_here(p);
        if (!ep_eat(p, "||")) return 0;
        TRY(unary(p, &y));
        TRY(ep_want(p, *ret, KIND_TEXT));
        TRY(ep_want(p, y, KIND_TEXT));
        *ret = ep_form(p, &expr_operators[OP_CAT], at, *ret, y);
    }
}

static int arithmetic(ExprParser *p, size_t at, int op, ExprNode **x, ExprNode *y)
{
    TRY(ep_want(p, *x, KIND_NUM));
    TRY(ep_want(p, y, KIND_NUM));
    bool whole = (*x)->kind == KIND_INT && y->kind == KIND_INT;
    if (op == OP_DIV && whole) op = OP_IDIV;
    *x = ep_form(p, &expr_operators[op], at, *x, y);
    (*x)->kind = whole ? KIND_INT : KIND_NUM;
    return 0;
}

static int product(ExprParser *p, ExprNode **ret)
{
    TRY(concat(p, ret));
    for (;;) {
        ExprNode *y;
        size_t at = ep_here(p);
        int op = ep_at(p, "*") ? OP_MUL : ep_at(p, "/") ? OP_DIV : -1;
        if (op < 0) return 0;
        /* so that no product can leave the range of a double, which PostgreSQL refuses and SQLite does not */
        if (++p->products > PRODUCTS_MAX) return expr_fault(p->err, at, "乘除合计最多 %d 次", PRODUCTS_MAX);
        p->i++;
        TRY(concat(p, &y));
        TRY(arithmetic(p, at, op, ret, y));
    }
}

static int sum(ExprParser *p, ExprNode **ret)
{
    TRY(product(p, ret));
    for (;;) {
        ExprNode *y;
        size_t at = ep_here(p);
        int op = ep_at(p, "+") ? OP_ADD : ep_at(p, "-") ? OP_SUB : -1;
        if (op < 0) return 0;
        p->i++;
        TRY(product(p, &y));
        TRY(arithmetic(p, at, op, ret, y));
    }
}

static int compared(ExprParser *p, size_t at, int op, ExprNode **x, ExprNode *y)
{
    TRY(ep_match(p, *x, y));
    if (op != OP_EQ && op != OP_NE && ((*x)->kind == KIND_BOOL || y->kind == KIND_BOOL))
        return expr_fault(p->err, at, "是否值只能用 =、<>");
    *x = ep_form(p, &expr_operators[op], at, *x, y);
    return 0;
}

static int order(ExprParser *p, ExprNode **ret)
{
    TRY(sum(p, ret));
    for (;;) {
        ExprNode *y;
        size_t at = ep_here(p);
        int op = ep_at(p, "<")    ? OP_LT
                 : ep_at(p, "<=") ? OP_LE
                 : ep_at(p, ">")  ? OP_GT
                 : ep_at(p, ">=") ? OP_GE
                                  : -1;
        if (op < 0) return 0;
        p->i++;
        TRY(sum(p, &y));
        TRY(compared(p, at, op, ret, y));
    }
}

static int in_list(ExprParser *p, size_t at, bool negate, ExprNode **x)
{
    ExprNode *n = ep_node(p, NODE_IN, KIND_BOOL, at);
    n->negate = negate;
    ep_add_kid(p, n, *x);
    TRY(ep_expect(p, "("));
    TRY(ep_list(p, n));
    if (n->n < 2) return expr_fault(p->err, at, "in 的列表是空的");
    for (size_t i = 1; i < n->n; i++) TRY(ep_match(p, *x, n->kids[i]));
    *x = n;
    return 0;
}

static int like(ExprParser *p, size_t at, bool negate, ExprNode **x)
{
    ExprNode *y;
    size_t slashes = 0;
    TRY(order(p, &y));
    TRY(ep_want(p, *x, KIND_TEXT));
    TRY(ep_want(p, y, KIND_TEXT));
    if (y->is != NODE_LITERAL || y->val.s.n > PATTERN_MAX)
        return expr_fault(p->err, y->at, "like 的后面要直接写模式，最多 %d 个字节", PATTERN_MAX);
    while (slashes < y->val.s.n && y->val.s.p[y->val.s.n - 1 - slashes] == '\\') slashes++;
    if (slashes % 2) return expr_fault(p->err, y->at, "like 的模式不能以单个 \\ 结尾");
    *x = ep_form(p, &expr_operators[negate ? OP_UNLIKE : OP_LIKE], at, *x, y);
    return 0;
}

static int between(ExprParser *p, size_t at, bool negate, ExprNode **x)
{
    ExprNode *low, *high;
    TRY(order(p, &low));
    TRY(ep_expect(p, "and"));
    TRY(order(p, &high));
    TRY(ep_match(p, *x, low));
    TRY(ep_match(p, *x, high));
    if ((*x)->kind == KIND_BOOL) return expr_fault(p->err, at, "是否值只能用 =、<>");
    *x = ep_form(p, &expr_operators[negate ? OP_OUTSIDE : OP_BETWEEN], at, *x, low);
    ep_add_kid(p, *x, high);
    return 0;
}

/* is null, is not null; other uses of `is` differ. */
static int is_null(ExprParser *p, size_t at, ExprNode **x)
{
    bool negate = ep_eat(p, "not");
    if (!ep_eat(p, "null")) return ep_not_portable(p, at, S("is"));
    *x = ep_form(p, &expr_operators[negate ? OP_NOTNULL : OP_ISNULL], at, *x, NULL);
    return 0;
}

static int equality(ExprParser *p, ExprNode **ret)
{
    TRY(order(p, ret));
    for (;;) {
        ExprNode *y;
        size_t at = ep_here(p);
        const ExprToken *after = ep_peek(p, 1);
        int op = ep_at(p, "=") || ep_at(p, "==") ? OP_EQ : ep_at(p, "<>") || ep_at(p, "!=") ? OP_NE : -1;
        bool negate =
            ep_at(p, "not") && after &&
            (expr_token_is(after, "in") || expr_token_is(after, "like") || expr_token_is(after, "between"));
        p->i += negate;
        if (op >= 0) {
            p->i++;
            TRY(order(p, &y));
            TRY(compared(p, at, op, ret, y));
        } else if (ep_eat(p, "is"))
            TRY(is_null(p, at, ret));
        else if (ep_eat(p, "in"))
            TRY(in_list(p, at, negate, ret));
        else if (ep_eat(p, "like"))
            TRY(like(p, at, negate, ret));
        else if (ep_eat(p, "between"))
            TRY(between(p, at, negate, ret));
        else
            return 0;
    }
}

static int negation(ExprParser *p, ExprNode **ret)
{
    size_t at = ep_here(p);
    if (!ep_eat(p, "not")) return equality(p, ret);
    if (++p->depth > DEPTH_MAX) return expr_fault(p->err, at, "表达式嵌套过深");
    TRY(negation(p, ret));
    p->depth--;
    TRY(ep_want(p, *ret, KIND_BOOL));
    *ret = ep_form(p, &expr_operators[OP_NOT], at, *ret, NULL);
    return 0;
}

static int logic(ExprParser *p, bool is_or, ExprNode **ret)
{
    TRY(is_or ? logic(p, false, ret) : negation(p, ret));
    for (;;) {
        ExprNode *y;
        size_t at = ep_here(p);
        if (!ep_eat(p, is_or ? "or" : "and")) return 0;
        TRY(is_or ? logic(p, false, &y) : negation(p, &y));
        TRY(ep_want(p, *ret, KIND_BOOL));
        TRY(ep_want(p, y, KIND_BOOL));
        *ret = ep_form(p, &expr_operators[is_or ? OP_OR : OP_AND], at, *ret, y);
    }
}

int ep_any(ExprParser *p, ExprNode **ret)
{
    if (++p->depth > DEPTH_MAX) return expr_fault(p->err, ep_here(p), "表达式嵌套过深");
    TRY(logic(p, true, ret));
    p->depth--;
    return 0;
}

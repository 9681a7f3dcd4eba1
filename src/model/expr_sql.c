/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * A typed tree to SQL. What makes the databases agree:
 * - text is compared bytewise (columns and literals carry collate "C"), like is SQLite's of base/portable.h;
 * - in arithmetic a decimal is a double on both, so that rounding is the same; whole numbers are exact
 *   (numeric on PostgreSQL, where a bigint would overflow) and divide to a whole number; a division by zero
 *   gives NULL;
 * - plain comparisons leave columns as they are, so that indexes serve them.
 */
#include "model/expr_sql_int.h"

typedef struct Out {
    Build *b;
    const char *alias;
    const ExprAsk *ask;
} Out;

static void write(const Out *o, const ExprNode *n, bool arith);

/* Behind a value: its type for PostgreSQL, which cannot see it from a parameter. */
static const char *cast_of(ExprKind kind, bool arith)
{
    static const char *const plain[] = {
        [KIND_NULL] = "",         [KIND_BOOL] = "::boolean",   [KIND_INT] = "::bigint",
        [KIND_NUM] = "::numeric", [KIND_TEXT] = "::text",      [KIND_DATE] = "::date",
        [KIND_TIME] = "::time",   [KIND_AT] = "::timestamptz", [KIND_OTHER] = ""};
    if (arith && kind == KIND_INT) return "::numeric";
    if (arith && kind == KIND_NUM) return "::float8";
    return plain[kind];
}

static void write_value(const Out *o, Val v, ExprKind kind, bool arith)
{
    double r;
    if (v.kind == VAL_NULL && kind == KIND_NULL) return build_add(o->b, "null");
    if (kind == KIND_BOOL && o->b->d == DIALECT_POSTGRES) return build_add(o->b, v.i ? "true" : "false");
    if (kind == KIND_NUM && o->b->d == DIALECT_SQLITE && v.kind == VAL_TEXT && str_real(v.s, &r))
        v = V_REAL(r);
    bool pg = o->b->d == DIALECT_POSTGRES;
    build_add(o->b, "(");
    build_arg(o->b, v);
    if (pg) build_add(o->b, cast_of(kind, arith));
    if (pg && kind == KIND_TEXT) build_add(o->b, " collate \"C\"");
    build_add(o->b, ")");
}

static void write_field(const Out *o, const ExprNode *n, bool arith)
{
    bool number = arith && kind_is_number(n->kind), pg = o->b->d == DIALECT_POSTGRES;
    if (number && !pg && n->kind == KIND_NUM) { /* SQLite keeps 5.00 as the integer 5 */
        build_add(o->b, "cast(");
        build_column(o->b, o->alias, n->field);
        return build_add(o->b, " as real)");
    }
    build_column(o->b, o->alias, n->field);
    if (number && pg) build_add(o->b, cast_of(n->kind, true));
}

static void write_list(const Out *o, const ExprNode *n, size_t from, bool arith)
{
    for (size_t i = from; i < n->n; i++) {
        if (i > from) build_add(o->b, ", ");
        write(o, n->kids[i], arith);
    }
}

static void write_form(const Out *o, const ExprNode *n)
{
    const char *t = n->form->text[o->b->d] ? n->form->text[o->b->d] : n->form->text[0];
    bool arith = kind_is_number(n->kind), number_args = n->form->args && strchr(n->form->args, 'N');
    arith = (arith && !n->form->args) || number_args;
    build_add(o->b, "(");
    for (; *t; t++) {
        if (*t != '%')
            build_addf(o->b, "%c", *t);
        else if (*++t == '*')
            write_list(o, n, 0, arith);
        else
            write(o, n->kids[*t - '1'], arith);
    }
    build_add(o->b, ")");
}

static void write_case(const Out *o, const ExprNode *n)
{
    bool arith = kind_is_number(n->kind);
    size_t i = 0;
    build_add(o->b, "(case ");
    if (n->based) write(o, n->kids[i++], false);
    for (; i + 1 < n->n; i += 2) {
        build_add(o->b, " when ");
        write(o, n->kids[i], false);
        build_add(o->b, " then ");
        write(o, n->kids[i + 1], arith);
    }
    if (i < n->n) {
        build_add(o->b, " else ");
        write(o, n->kids[i], arith);
    }
    build_add(o->b, " end)");
}

static Str asked(const Out *o, const ExprNode *n)
{
    Str s;
    memcpy(&s, (const char *)o->ask + n->ask, sizeof s);
    return s;
}

static void write(const Out *o, const ExprNode *n, bool arith)
{
    switch (n->is) {
    case NODE_LITERAL: return write_value(o, n->val, n->kind, arith);
    case NODE_ASK: {
        Str s = asked(o, n);
        return write_value(o, s.n ? V_TEXT(s) : V_NULL, n->kind, arith);
    }
    case NODE_FIELD: return write_field(o, n, arith);
    case NODE_FORM: return write_form(o, n);
    case NODE_CASE: return write_case(o, n);
    case NODE_IN:
        build_add(o->b, "(");
        write(o, n->kids[0], false);
        build_add(o->b, n->negate ? " not in (" : " in (");
        write_list(o, n, 1, false);
        return build_add(o->b, "))");
    }
}

void expr_sql(const ExprSql *x, Build *b, const char *alias, const ExprAsk *ask)
{
    Out o = {b, alias, ask};
    build_add(b, "(");
    write(&o, x->root, false);
    build_add(b, ")");
}

static bool uses(const ExprNode *n, const Field *f)
{
    if (n->is == NODE_FIELD) return n->field == f;
    for (size_t i = 0; i < n->n; i++)
        if (uses(n->kids[i], f)) return true;
    return false;
}

bool expr_sql_uses(const ExprSql *x, const Field *f) { return uses(x->root, f); }

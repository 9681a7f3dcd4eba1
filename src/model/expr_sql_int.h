/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/* The tree that expr_parse.c (values, functions) and expr_parse_op.c (operators) make and expr_sql.c writes
 * out. */
#include "model/expr_scan.h"
#include "model/expr_sql.h"

typedef enum ExprKind {
    KIND_NULL,
    KIND_BOOL,
    KIND_INT,
    KIND_NUM,
    KIND_TEXT,
    KIND_DATE,
    KIND_TIME,
    KIND_AT,
    KIND_OTHER /* geometry, JSON: only whether it is there */
} ExprKind;

/* How an operator or function is written: %1 … %3 are its operands, %* all of them with commas. */
typedef struct ExprForm {
    const char *name;
    const char *args; /* functions: T text, L literal or asked text, N number, D date, I int literal >= 0, P
                         int literal >= 1; behind a letter: ? may be absent (0), * may be absent (all) */
    ExprKind gives;
    const char *text[DIALECT_N];
} ExprForm;

typedef enum ExprNodeKind { NODE_LITERAL, NODE_FIELD, NODE_ASK, NODE_FORM, NODE_IN, NODE_CASE } ExprNodeKind;

typedef struct ExprNode ExprNode;
struct ExprNode {
    ExprNodeKind is;
    ExprKind kind;
    size_t at;
    Val val;    /* NODE_LITERAL: numbers with a point as text */
    size_t ask; /* NODE_ASK: offset in ExprAsk */
    const Field *field;
    const ExprForm *form;
    bool negate, based; /* NODE_IN: not in; NODE_CASE: the first kid is compared with each when */
    ExprNode **kids;    /* NODE_CASE: [base,] when, then, …, [else] */
    size_t n, cap;
};

struct ExprSql {
    ExprNode *root;
};

static inline bool kind_is_number(ExprKind k) { return k == KIND_INT || k == KIND_NUM; }

/* --- the parser --------------------------------------------------------------------------------------- */

typedef enum ExprOp {
    OP_OR,
    OP_AND,
    OP_NOT,
    OP_EQ,
    OP_NE,
    OP_LT,
    OP_LE,
    OP_GT,
    OP_GE,
    OP_LIKE,
    OP_UNLIKE,
    OP_BETWEEN,
    OP_OUTSIDE,
    OP_ISNULL,
    OP_NOTNULL,
    OP_ADD,
    OP_SUB,
    OP_MUL,
    OP_DIV,
    OP_IDIV,
    OP_CAT,
    OP_NEG,
    OP_COALESCE,
    OP_NULLIF
} ExprOp;
extern const ExprForm expr_operators[];

typedef struct ExprParser {
    Arena *a;
    const Entity *e;
    ExprTokens tokens;
    size_t i, end; /* position; length of the text */
    int depth, products;
    Err *err;
} ExprParser;

int ep_not_portable(ExprParser *p, size_t at, Str what);
const ExprToken *ep_peek(const ExprParser *p, size_t ahead);
bool ep_at(const ExprParser *p, const char *op);
bool ep_eat(ExprParser *p, const char *op);
size_t ep_here(const ExprParser *p);
int ep_expect(ExprParser *p, const char *op) CHECKED;
ExprNode *ep_node(ExprParser *p, ExprNodeKind is, ExprKind kind, size_t at);
void ep_add_kid(ExprParser *p, ExprNode *n, ExprNode *kid);
ExprNode *ep_form(ExprParser *p, const ExprForm *f, size_t at, ExprNode *x, ExprNode *y);
/* The node is of the kind (a whole number is a number). */
int ep_want(ExprParser *p, const ExprNode *n, ExprKind kind) CHECKED;
/* The two can be held against each other; literals take the type of the other side. */
int ep_match(ExprParser *p, ExprNode *x, ExprNode *y) CHECKED;
/* Expressions up to the closing parenthesis, as kids of n. */
int ep_list(ExprParser *p, ExprNode *n) CHECKED;
int ep_primary(ExprParser *p, ExprNode **ret) CHECKED;
int ep_any(ExprParser *p, ExprNode **ret) CHECKED; /* a whole expression */

/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/*
 * An expression as tokens: what expr.c (any expression, in memory) and expr_parse.c (portable ones, in
 * queries) both read. Whatever could end or extend the statement around an expression is refused here:
 * comments, semicolons, unbalanced parentheses and quotes, other selects.
 */
#include "base/err.h"

typedef enum ExprTok {
    TOK_NAME,    /* plain word: field, function, keyword */
    TOK_KEYWORD, /* a word of SQL's own */
    TOK_QUOTED,  /* "…", `…`, […]: a field */
    TOK_TEXT,    /* '…' */
    TOK_NUMBER,
    TOK_BLOB,  /* x'…' */
    TOK_PARAM, /* :name */
    TOK_OP
} ExprTok;

typedef struct ExprToken {
    ExprTok kind;
    Str text;  /* as written, into the expression */
    size_t at; /* offset */
    bool call; /* an opening parenthesis follows */
} ExprToken;

typedef struct ExprTokens {
    ExprToken *items;
    size_t n, cap;
} ExprTokens;

/* ERR_PACK with err->at = offset of the fault. */
int expr_scan(Arena *a, Str text, ExprTokens *ret, Err *err) CHECKED;
/* The name or text that a token of kind name, quoted, text or param stands for (quotes undone; ':' kept). */
Str expr_token_value(Arena *a, const ExprToken *t);
bool expr_token_is(const ExprToken *t, const char *op);   /* operator or keyword, any case */
int expr_fault(Err *err, size_t at, const char *fmt, ...) /* ERR_PACK at an offset */
    __attribute__((format(printf, 3, 4)));

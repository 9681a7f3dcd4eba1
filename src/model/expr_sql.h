/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/*
 * The portable part of the expression language: a condition over an entity's fields that means the same in
 * memory (model/expr.h), in SQLite and in PostgreSQL, so that it can stand in a query. Parsed and typed when
 * the packs are read; whatever is not portable is refused there, by name and place. What is portable stands
 * in docs/expressions.md.
 */
#include "model/build.h"

typedef struct ExprSql ExprSql;

/* Values of whoever asks: :user :org :region :person :today. Empty text is NULL. */
typedef struct ExprAsk {
    Str user, org, region, person;
    Str today; /* YYYY-MM-DD; what today() gives, too */
} ExprAsk;

/* ERR_PACK with err->at = offset in the text. Lives in the arena; refers to the entity. */
int expr_sql_parse(Arena *a, Str text, const Entity *e, ExprSql **ret, Err *err) CHECKED;
/* Appends the condition in parentheses, literals and values of `ask` as parameters. */
void expr_sql(const ExprSql *x, Build *b, const char *alias, const ExprAsk *ask);
/* The condition looks at this field. */
bool expr_sql_uses(const ExprSql *x, const Field *f);

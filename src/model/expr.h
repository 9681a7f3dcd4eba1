/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/*
 * SQL expressions over named values: computed fields, map columns. Compiled once on a private in-memory
 * SQLite on which the authorizer allows functions and nothing else (no tables, pragmas, extensions), with
 * limits on length, depth and steps. NULL semantics are SQL's. A value made on the way may have
 * EXPR_VALUE_MIN bytes more than twice what was put in, so that no expression can blow up small values into
 * slow ones.
 */
#include "store/store.h"

typedef struct ExprEnv ExprEnv;
typedef struct Expr Expr;

enum { EXPR_TEXT_MAX = 10000, EXPR_VALUE_MIN = 1 << 15, EXPR_VALUE_MAX = 8 << 20, EXPR_STEPS_MAX = 200000 };

/* An environment may be shared by threads; evaluations on one env take turns. */
ExprEnv *expr_env_new(void);
void expr_env_free(ExprEnv *env);
/*
 * Compiles `text`, in which the n names may occur as column names. ERR_PACK: message in Chinese; unknown name
 * with the nearest right one as hint. Freed with the env. Which names it uses is kept in uses[].
 */
int expr_compile(ExprEnv *env, Str text, const Str *names, size_t n, Expr **ret, Err *err) CHECKED;
/* inputs: one value for each name of the compilation. Text results are copied into the arena.
   ERR_VALIDATION: the expression failed on these values (a function refused, too many steps). */
int expr_eval(const Expr *x, Arena *a, const Val *inputs, Val *ret, Err *err) CHECKED;
bool expr_uses(const Expr *x, size_t name);

/* region_by_name(province, city) and the like need data: a map sets a resolver before it runs. Returns a code
   in the arena, or empty. */
typedef Str (*ExprLookup)(void *ctx, Arena *a, Str what, Str x, Str y);
void expr_env_lookup(ExprEnv *env, ExprLookup fn, void *ctx);

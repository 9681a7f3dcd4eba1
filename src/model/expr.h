/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/*
 * SQL expressions over named values: computed fields, rules, map columns. Compiled once on a private
 * in-memory SQLite on which the authorizer allows functions and nothing else (no tables, pragmas,
 * extensions), with limits on length, depth, steps and work. NULL semantics are SQL's; like is case-sensitive
 * and round is the decimal one, as in queries (base/portable.h). A value made on the way may have
 * EXPR_VALUE_MIN bytes more than twice what was put in, so that no expression can blow up small values into
 * slow ones. Functions: docs/expressions.md. The part of the language that can also run as a condition in
 * either database: model/expr_sql.h.
 */
#include "base/calendar.h"
#include "base/engine.h"
#include "store/store.h"

typedef struct ExprEnv ExprEnv;
typedef struct Expr Expr;

enum {
    EXPR_TEXT_MAX = 10000,
    EXPR_VALUE_MIN = 1 << 15,
    EXPR_VALUE_MAX = 8 << 20,
    EXPR_STEPS_MAX = 200000,
    EXPR_WORK_MAX = 4000000 /* bytes or days that our own functions go through in one evaluation */
};

/* An environment is shared by threads; evaluations run side by side, each on a connection of its own. */
ExprEnv *expr_env_new(void);
void expr_env_free(ExprEnv *env);
/*
 * Compiles `text`, in which the n names may occur, in any case, as fields; a name that begins with ':' occurs
 * as written. ERR_PACK: message in Chinese, err->at = offset in the text (-1 where it is not known); unknown
 * name with the nearest right one as hint. Freed with the env.
 */
int expr_compile(ExprEnv *env, Str text, const Str *names, size_t n, Expr **ret, Err *err) CHECKED;
/* inputs: one value for each name of the compilation. Text results are copied into the arena.
   ERR_VALIDATION: the expression failed on these values (a function refused, too many steps). */
int expr_eval(const Expr *x, Arena *a, const Val *inputs, Val *ret, Err *err) CHECKED;
bool expr_uses(const Expr *x, size_t name);

/* --- what the functions of an environment see; all set before its first compilation ----------------------
 */

/* region_by_name(province, city) and the like need data: a map sets a resolver before it runs. Returns a code
   in the arena, or empty. */
typedef Str (*ExprLookup)(void *ctx, Arena *a, Str what, Str x, Str y);
void expr_env_lookup(ExprEnv *env, ExprLookup fn, void *ctx);
/* The working days of the functions; without it weekends alone count. Not owned; may also be set while no
   evaluation runs. */
void expr_env_calendar(ExprEnv *env, const Calendar *c);
/* Fixes what now() and today() give, for tests and for following up the past; 0 = the clock. */
void expr_env_now(ExprEnv *env, int64_t us);
/* Further functions (math.c of a pack), rows ending with name NULL. `data` comes back from
 * sqlite3_user_data. */
void expr_env_functions(ExprEnv *env, const SqlFunc *rows, void *data);

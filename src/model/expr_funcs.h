/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/*
 * The SQL functions of expressions, as rows of tables by theme: normalisers and identifier checks
 * (expr_funcs.c), text (expr_funcs_text.c), dates and working time (expr_funcs_date.c), places
 * (expr_funcs_geo.c). Common to all: NULL in gives NULL out; a wrong argument is an error in Chinese; long
 * work is charged to the evaluation, which ends when it has had its share.
 */
#include "base/engine.h"
#include "model/expr.h"
#include <sqlite3.h>

/* What the functions of one connection see: user data of all of them. */
typedef struct ExprCall {
    ExprLookup lookup;
    void *ctx;
    const Calendar *calendar;
    int64_t fixed_us; /* expr_env_now */
    int64_t now_us;   /* of the running evaluation, taken at the first need; 0 = not yet */
    int64_t work;     /* left of EXPR_WORK_MAX */
} ExprCall;

extern const SqlFunc expr_funcs_normal[], expr_funcs_text[], expr_funcs_date[], expr_funcs_geo[];
void expr_funcs_register(sqlite3 *db, const SqlFunc *rows, void *data);
/* Name of the nearest function, or empty. */
Str expr_funcs_nearest(Str name);

static inline Str func_arg(sqlite3_value *v)
{
    const char *p = (const char *)sqlite3_value_text(v);
    return str_n(p ? p : "", p ? (size_t)sqlite3_value_bytes(v) : 0);
}
/* The same without the NUL behind it, for which SQLite would copy the text (and take its global lock). */
static inline Str func_text(sqlite3_value *v)
{
    if (sqlite3_value_type(v) != SQLITE_TEXT) return func_arg(v);
    const char *p = sqlite3_value_blob(v);
    return str_n(p ? p : "", p ? (size_t)sqlite3_value_bytes(v) : 0);
}
void func_give(sqlite3_context *c, Str s);
void func_refuse(sqlite3_context *c, const char *why);
/* Some argument is NULL (and so is the result). */
bool func_null(sqlite3_context *c, int n, sqlite3_value **v);
/* Takes `units` off the evaluation's share; false when it is used up, the error being given. */
bool func_charge(sqlite3_context *c, int64_t units);
int64_t func_now(sqlite3_context *c);

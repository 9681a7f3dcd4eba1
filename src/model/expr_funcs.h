/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/* The SQL functions of expressions: normalisers of base/normal.h and identifier checks, as rows of one table.
 */
#include "model/expr.h"
#include <sqlite3.h>

typedef struct ExprFuncs {
    ExprLookup lookup;
    void *ctx;
} ExprFuncs;

void expr_funcs_register(sqlite3 *db, ExprFuncs *funcs);

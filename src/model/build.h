/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/* SQL built at run time: text and parameters together. Identifiers come from declared entities only and are
 * quoted. */
#include "model/model.h"

enum { SQL_TEXT_MAX = 1 << 20, SQL_ARGS_MAX = 30000 };

typedef struct Build {
    Arena *a;
    Dialect d;
    Buf text;
    bool wide;   /* row rules cover much: they are tested on the way, not looked up (SQLite) */
    bool tested; /* so are the query's own comparisons */
    bool steady; /* see Sql */
    Val *args;
    size_t n, cap;
} Build;

void build_init(Build *b, Arena *a, Dialect d); /* the text is freed with the arena */
void build_add(Build *b, const char *sql);
void build_addf(Build *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void build_name(Build *b, Str name);                            /* "name" */
void build_column(Build *b, const char *alias, const Field *f); /* alias."name"; id stands for the key */
void build_arg(Build *b, Val v);                                /* $n */
/* ` from "entity" t where t."key" = $n`: the one record. */
void build_from_one(Build *b, const Entity *e, Val id);
Sql build_sql(Build *b, const char *name);
/* ERR_INPUT when the caps were passed. */
int build_check(const Build *b, Err *err) CHECKED;

/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/* Shared by the parser's files: query_parse (parameters, order), query_select (select=), query_filter
 * (conditions). */
#include "model/query.h"

Query *query_new(const QueryCtx *c, const Entity *e);
Cond *cond_new(const QueryCtx *c, CondKind kind);
void cond_add(const QueryCtx *c, Cond *group, Cond *kid);
/* A field by name; ERR_INPUT with the nearest name. */
int query_field(const Entity *e, Str name, const char *param, const Field **ret, Err *err) CHECKED;
/* select=…; fills picks. */
int query_select(const QueryCtx *c, Query *q, Str text, int depth, Err *err) CHECKED;
void query_select_all(const QueryCtx *c, Query *q);
/* name=op.value → one condition added to the query's own. */
int query_filter(const QueryCtx *c, Query *q, Str name, Str value, Err *err) CHECKED;
/* or=(…), and=(…), not.or=(…) */
int query_tree(const QueryCtx *c, Query *q, CondKind kind, bool negate, Str text, Err *err) CHECKED;
/* after=…; when all else is parsed. ERR_INPUT. */
int query_after(const QueryCtx *c, Query *q, Str text, Err *err) CHECKED;
/* Cuts the next item off a list at a comma outside parentheses and quotes. */
bool query_next_item(Str *rest, Str *item);

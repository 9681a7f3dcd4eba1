/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/* Tables, columns and indexes of entities, in the words of each database. Each function runs its statements.
 */
#include "model/build.h"

/* SQL type of a field's column. */
const char *ddl_column_type(Arena *a, const Field *f, Dialect d);
int ddl_create_table(Tx *tx, Arena *a, const Entity *e, Err *err) CHECKED;
int ddl_drop_table(Tx *tx, Arena *a, Str name, Err *err) CHECKED;
int ddl_add_column(Tx *tx, Arena *a, const Field *f, Str as, bool fk, Err *err) CHECKED;
int ddl_drop_column(Tx *tx, Arena *a, Str table, Str column, Err *err) CHECKED;
int ddl_rename_column(Tx *tx, Arena *a, Str table, Str from, Str to, Err *err) CHECKED;
int ddl_create_link(Tx *tx, Arena *a, const Field *f, Err *err) CHECKED;
/* Foreign key of a single reference (PostgreSQL: a constraint added when all tables exist; SQLite: nothing).
 */
int ddl_add_foreign_key(Tx *tx, Arena *a, const Field *f, Err *err) CHECKED;
int ddl_create_index(Tx *tx, Arena *a, const Entity *e, const FieldSet *set, bool unique, Err *err) CHECKED;
int ddl_drop_index(Tx *tx, Arena *a, Str name, Err *err) CHECKED;
Str ddl_index_name(Arena *a, Str entity, const FieldSet *set, bool unique);

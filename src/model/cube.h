/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/*
 * Kept counts: a small table _cube_E beside each entity says how many records there are for every combination
 * of its region, organisation and a few codes that occurs. Triggers keep it in the transaction of the change,
 * whatever made the change; a count whose conditions look at these fields alone is a sum over a few rows.
 *
 * SQLite: one row a combination. PostgreSQL: a change appends +1 or -1, so that writers never wait for each
 * other, and cube_merge makes them one row again now and then; the sum is right at any time.
 */
#include "model/query.h"

enum {
    CUBE_CODES_MAX = 512, /* combinations of codes: fields are taken as long as they stay below */
    CUBE_FIELDS_MAX = 6,
};

/* The fields of an entity's cube: region and organisation where a record has one, then codes and yes/no,
   those with an index first. May be none: then it holds the number of records. In the arena. */
FieldSet cube_fields(Arena *a, const Entity *e);
/* Makes the table, fills it from the records and sets the triggers. */
int cube_create(Tx *tx, Arena *a, const Entity *e, Err *err) CHECKED;
/* Also of an entity that is no more; its records' table must still be there. */
int cube_drop(Tx *tx, Arena *a, Str entity, Err *err) CHECKED;
/* PostgreSQL: joins what was appended when it is much. *rows: how many rows there were after the last time (0
   at first), and are now. */
int cube_merge(Tx *tx, Arena *a, const Entity *e, int64_t *rows, Err *err) CHECKED;
/* ERR_VERIFY with the combination for which cube and records differ. */
int cube_verify(Tx *tx, Arena *a, const Entity *e, Err *err) CHECKED;

/* Number of all records. */
int cube_total(Tx *tx, Arena *a, const Entity *e, int64_t *ret, Err *err) CHECKED;
/* All conditions, rights and figures of the query look at cube fields alone. */
bool cube_serves(const QueryCtx *c, const Query *q);
Str cube_name(Arena *a, Str entity);
/* The column of a cube that holds how many. */
#define CUBE_N "\"_n\""

/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/* Shared by the record_* files. */
#include "model/record.h"

typedef struct Col {
    const Field *field; /* NULL for count(*) */
    Agg agg;
} Col;

typedef struct Row {
    Val *vals;
    Str key; /* keyed levels: by which the row is handed out */
} Row;

/* One SELECT of a query and its rows. */
typedef struct Level Level;
struct Level {
    Query *q;
    Col *cols;
    size_t n_cols, cap_cols;
    size_t *at;     /* pick → column */
    size_t rev, id; /* columns of _rev and the id */
    bool keyed;
    Row *rows;
    size_t n_rows, cap_rows;
    Row **sorted;  /* by key */
    Level **below; /* pick → its relation's level */
};

/* The level's SELECT without its page (limit < 0) or with it; fills the level's columns. */
void level_sql(const QueryCtx *c, Level *l, int64_t limit, Build *b);
/* At most `max` more rows into the level: 1 = there may be more, 0 = the end. */
int level_take(const QueryCtx *c, Level *l, Rows *rows, size_t max, Err *err) CHECKED;
/* Fetches what is embedded, for all rows of the level at once. */
int level_stitch(const QueryCtx *c, Tx *tx, Level *l, Err *err) CHECKED;
/* Rows with this key. */
Row **level_find(const Level *l, Str key, size_t *ret_n);
bool record_masks(const QueryCtx *c, const Level *l, const Field *f);
void record_write_row(const QueryCtx *c, JsonWriter *w, const Level *l, const Row *row);
void record_write_pick(const QueryCtx *c, JsonWriter *w, const Level *l, const Row *row, size_t i);
/* record_write.c: the value of a computed field for these inputs. ERR_VALIDATION. */
int record_compute(Arena *a, const Entity *e, const Field *f, const Input *in, Val *ret, Err *err) CHECKED;
/* record_format.c */
typedef enum Part {
    PART_FIRST = 1,
    PART_LAST = 2,
    PART_ALL = 3
} Part; /* what stands before and behind the rows */
int record_format(const QueryCtx *c, const Level *l, Format format, unsigned part, Buf *out,
                  Err *err) CHECKED;

/* record_load.c: the stored values of one record, as an Input with everything set. ERR_NOT_FOUND, also when
   the access does not cover the record (what one may not see is not there). */
typedef struct Stored {
    Input in;
    Str id;
    int64_t rev;
} Stored;
int record_load(Writer *w, const Entity *e, Val id, const Access *access, Stored *ret, Err *err) CHECKED;

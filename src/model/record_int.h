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
    Str key;         /* keyed levels: by which the row is handed out */
    bool suppressed; /* figures over too few people are not given */
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
    bool cube;          /* figures from the kept counts */
    bool counts_people; /* figures over people: column `people` holds how many */
    size_t people;
    Row *rows;
    size_t n_rows, cap_rows;
    bool judged;   /* level_suppress has been here */
    Row **sorted;  /* by key */
    Level **below; /* pick → its relation's level */
};

/* The level's SELECT without its page (limit < 0) or with it; fills the level's columns. */
void level_sql(const QueryCtx *c, Level *l, int64_t limit, Build *b);
/* One half of it, from the query's cursor on (query_halves says whether there are halves). */
void level_half_sql(const QueryCtx *c, Level *l, Half half, int64_t limit, Build *b);
/* " group by …" of a level's figures, and how many fields that are. */
void level_group_by(Build *b, const Level *l);
size_t level_groups(const Level *l);
/* record_read.c, for what is embedded: the level's columns; their list; the order; the rows of a statement.
 */
void level_plan(Level *l, const QueryCtx *c);
void level_select(Build *b, const Level *l);
void level_order(Build *b, const QueryCtx *c, const Level *l, Half half);
int level_fetch(const QueryCtx *c, Tx *tx, Level *l, Build *b, Err *err) CHECKED;
/* A key as rows are handed out by; empty for NULL. */
Str record_key_text(const QueryCtx *c, Val v);
/* record_count.c: all rows of the query, whatever its page. */
int level_count(const QueryCtx *c, Tx *tx, const Level *l, int64_t *ret, Err *err) CHECKED;
/* The same, but a count that would take long is not waited for: *ret stays as it is. */
int level_count_soon(const QueryCtx *c, Tx *tx, const Level *l, int64_t *ret, Err *err) CHECKED;
/* Sets q->wide: how the row rules of this actor are best looked at. */
int level_weigh(const QueryCtx *c, Tx *tx, Level *l, Err *err) CHECKED;
/* At most `max` more rows into the level: 1 = there may be more, 0 = the end. */
int level_take(const QueryCtx *c, Level *l, Rows *rows, size_t max, Err *err) CHECKED;
/* Fetches what is embedded, for all rows of the level at once. */
int level_stitch(const QueryCtx *c, Tx *tx, Level *l, Err *err) CHECKED;
/* Withholds figures over fewer than ten people; once, while all groups are there. */
void level_suppress(Level *l);
/* Rows with this key. */
Row **level_find(const Level *l, Str key, size_t *ret_n);
/* The value as this actor sees it: masked, or nothing for a field that others alone see. */
Val record_shown(const QueryCtx *c, const Level *l, const Field *f, Val v);
bool record_masks(const QueryCtx *c, const Level *l, const Field *f);
void record_write_row(const QueryCtx *c, JsonWriter *w, const Level *l, const Row *row);
void record_write_pick(const QueryCtx *c, JsonWriter *w, const Level *l, const Row *row, size_t i);
/* record_write.c: the error stands at this field. */
int record_at(Err *err, const Field *f);
/* record_values.c: what is not given gets its default; computed fields are worked out; every required one is
   there; the entity's rules hold. ERR_VALIDATION at the field. */
int record_defaults(Writer *w, const Entity *e, Input *in, Err *err) CHECKED;
int record_computed(Writer *w, const Entity *e, Input *in, Err *err) CHECKED;
int record_required(const Entity *e, const Input *in, Err *err) CHECKED;
int record_rules(Writer *w, const Entity *e, const Input *in, Err *err) CHECKED;
/* record_refused.c: what the database said, in the words of the entity. Always an error: which value is there
   already, what is missing, which reference leads nowhere, who still refers to the record. */
int refused_unique(const Entity *e, Err *err);
const Field *refused_field(const Entity *e,
                           const Err *err); /* whose value it was; NULL when it is not told */
int refused_missing(Writer *w, const Field *f, Val v, Err *err);
int refused_reference(Writer *w, const Entity *e, const Input *in, Err *err);
int refused_referred(Writer *w, const Entity *e, Val id, Err *err);
/* record_values.c: the value of a computed field for these inputs. ERR_VALIDATION. */
int record_compute(Arena *a, const Entity *e, const Field *f, const Input *in, Val *ret, Err *err) CHECKED;
/* record_values.c: members of `in` for the fields with which[i], as the journal's entries hold them: a JSON
   object; which NULL: of those that have a value. Sealed fields stay sealed. */
Str record_changes(Arena *a, const Entity *e, const Input *in, const bool *which);
/* record_load.c: `, t."a", t."b" …`, every field that the entity's own table holds, and their values from
   column `col` on, unsealed. ERR_VERIFY when a sealed one was changed. */
void record_columns(Build *b, const Entity *e);
int record_columns_take(Arena *a, const Entity *e, const Rows *rows, int col, Input *ret, Err *err) CHECKED;
/* record_format.c */
typedef enum Part {
    PART_FIRST = 1,
    PART_LAST = 2,
    PART_ALL = 3
} Part; /* what stands before and behind the rows */
int record_format(const QueryCtx *c, const Level *l, Format format, unsigned part, Buf *out,
                  Err *err) CHECKED;
/* A list of references: keys separated by ; as import reads them. */
void record_link_text(const QueryCtx *c, const Level *l, size_t i, Val owner, Buf *cell);
/* Embedded rows and figures: as JSON, a lone text without its quotes. */
void record_json_text(const QueryCtx *c, const Level *l, const Row *row, size_t i, Buf *cell);
/* Where there is a key, id only repeats it. */
bool record_skips(const Query *q, const Pick *p);
/* record_xlsx.c: a workbook of the query's columns; rows of a level; the watermark, and all bytes to the sink
   (frees the workbook in every case). */
struct Xlsx;
int record_xlsx_begin(const Query *q, struct Xlsx **ret, Err *err) CHECKED;
int record_xlsx_rows(const QueryCtx *c, const Level *l, struct Xlsx *x, Err *err) CHECKED;
int record_xlsx_end(const QueryCtx *c, const Query *q, struct Xlsx *x, int64_t rows, RecordSink sink,
                    void *ctx, Err *err) CHECKED;

/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/*
 * The one door to records. Types, rules, permissions and sensitivity are applied here and nowhere else; every
 * write is journalled in its own transaction. Reading: a query to rows, embedded rows stitched in by one
 * further query a relation, never one a row. Writing: values by field, checked as a whole, all errors of a
 * record told by field.
 */
#include "model/query.h"

/* --- reading
 * ------------------------------------------------------------------------------------------------ */

typedef enum Format {
    FORMAT_JSON,
    FORMAT_OBJECT,
    FORMAT_NDJSON,
    FORMAT_CSV,
    FORMAT_GEOJSON,
    FORMAT_XLSX
} Format;

typedef struct ReadResult {
    int64_t rows;
    int64_t total; /* -1 = not counted */
    int64_t rev;   /* of the only row, for ETag; 0 otherwise */
    Str next;      /* cursor of the next page; empty on the last one. In the context's arena */
} ReadResult;

/* Runs the query and writes the answer. `count`: also count all rows that match. FORMAT_OBJECT: exactly one
   row, else ERR_NOT_ACCEPTABLE (as PostgREST's singular answer). At most QUERY_ROWS_MAX rows. */
int record_read(const QueryCtx *c, Tx *tx, Query *q, Format format, bool count, Buf *out, ReadResult *ret,
                Err *err) CHECKED;
/* The same for results of any size, in slices to `sink`; memory stays flat. For CSV, NDJSON, GeoJSON and
   XLSX. All rows when the query has no limit. The sink is called once a slice, with nothing for XLSX, whose
   bytes come at the end; *ret_rows counts along. */
typedef int (*RecordSink)(void *ctx, Str text, Err *err);
int record_stream(const QueryCtx *c, Tx *tx, Query *q, Format format, RecordSink sink, void *ctx,
                  int64_t *ret_rows, Err *err) CHECKED;
/* Who took what out of the city: an entry `export` of the journal for every export and download. */
typedef struct Exported {
    const Actor *who;
    Str trace;
    const Entity *entity;
    Str query, format;
    int64_t rows;
} Exported;
int record_exported(Tx *tx, const Exported *x, Err *err) CHECKED;
/* Begins the last line of a CSV or XLSX that holds sensitive fields: who took it, when, how many rows, the
 * trace. */
#define EXPORT_WATERMARK "#城枢导出"
/* The query shows sensitive fields, so its export ends with that line. */
bool record_sensitive(const Query *q);
Str record_watermark(Arena *a, const Actor *who, Str trace, int64_t rows);
/* The query shows values that are masked without a purpose: it must run in a write transaction, since it is
 * journalled. */
bool record_unmasks(const QueryCtx *c, const Query *q);
/* The row is there and the actor may read it. */
int record_visible(Tx *tx, Arena *a, const Model *m, const Actor *who, const Entity *e, Str id, bool *ret,
                   Err *err) CHECKED;
/* A value of the id's type from its text in a URL. */
int record_id(Arena *a, const Entity *e, Str text, Val *ret, Err *err) CHECKED;

/* --- writing
 * ------------------------------------------------------------------------------------------------ */

/* Values of one record by position in entity->fields; what is not `set` is left as it is. */
typedef struct Input {
    Val *vals;
    StrList *lists;
    bool *set;
    Str id; /* given by the client for an entity without key; empty = make one */
} Input;

typedef struct Writer {
    Arena *a;
    const Model *m;
    Tx *tx;
    const Actor *who;
    Str trace;
    int64_t at_us;
    bool normalise; /* input is a steward's file: tidy and understand local forms */
} Writer;

typedef enum Conflict { CONFLICT_ERROR, CONFLICT_MERGE, CONFLICT_IGNORE } Conflict;

Input input_new(Arena *a, const Entity *e);
/* Members of an object; ERR_INPUT / ERR_VALIDATION with pointer /field. */
int input_from_json(Arena *a, const Entity *e, const json_t *object, Input *ret, Err *err) CHECKED;
/* One cell. `normalise` as in Writer. */
int input_set_text(Arena *a, const Entity *e, const Field *f, Str text, bool normalise, Input *in,
                   Err *err) CHECKED;

/* ret_id: text of the record's id. ERR_VALIDATION, ERR_UNIQUE, ERR_REFERENCE with pointer /field;
 * ERR_FORBIDDEN. */
int record_insert(Writer *w, const Entity *e, Input *in, Str *ret_id, Err *err) CHECKED;
/* if_rev > 0: ERR_PRECONDITION unless the record has this revision. ret_changed: false when nothing differed.
 */
int record_update(Writer *w, const Entity *e, Val id, const Input *in, int64_t if_rev, bool *ret_changed,
                  Err *err) CHECKED;
int record_delete(Writer *w, const Entity *e, Val id, int64_t if_rev, Err *err) CHECKED;
/* Insert, or by `on` (fields of a unique set or the key) update or leave what is there. ret_did: 'i', 'u',
 * '-' */
int record_upsert(Writer *w, const Entity *e, Input *in, const FieldSet *on, Conflict how, Str *ret_id,
                  char *ret_did, Err *err) CHECKED;

/* record_load.c: the stored values of one record, as an Input with everything set. ERR_NOT_FOUND, also when
   the access does not cover the record (what one may not see is not there). */
typedef struct Stored {
    Input in;
    Str id;
    int64_t rev;
} Stored;
int record_load(Writer *w, const Entity *e, Val id, const Access *access, Stored *ret, Err *err) CHECKED;

extern const struct Engine model_engine;

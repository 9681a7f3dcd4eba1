/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/* Shared by the import_* files. */
#include "base/text.h"
#include "model/expr.h"
#include "model/import.h"

/* --- import_map.c ------------------------------------------------------------------------------ */

typedef struct MapColumn {
    Str source; /* column of the file; empty for `set` */
    const Field *field;
    Str expr; /* empty: the column's value as it stands */
    Place at;
} MapColumn;

typedef struct ImportMap {
    const Entity *entity; /* NULL when the map names none */
    int64_t header;
    int64_t *skip_lines;
    size_t n_skip;
    MapColumn *columns;
    size_t n, cap;
    Str skip;
    Place skip_at;
} ImportMap;

/* `e`: the entity of the import, NULL when only checking. NULL when there is no map to be had; faults tell
 * why. */
ImportMap *import_map_read(Arena *a, const Model *m, const Entity *e, const char *path, bool names,
                           Faults *f);

typedef struct NameList {
    Str *items;
    size_t n, cap;
} NameList;
/* Adds what may be a column name in an expression: "quoted" and bare words. */
void expr_words(Arena *a, Str expr, NameList *list);
size_t name_find(const NameList *list, Str name); /* list->n when absent */

/* --- import_source.c --------------------------------------------------------------------------- */

typedef struct SourceRow {
    Str *cells; /* CSV: as they came; JSON: by position in the columns that were asked for */
    size_t n;
    const json_t **vals; /* JSON only; NULL where the member is absent */
    Str raw;             /* JSON: the row's text. CSV with a fault: what could not be taken apart */
    int64_t number;      /* record of the file, 1-based */
    Str fault;           /* why the row cannot be read; empty = it can */
    size_t bad_cell;     /* CSV: cell of the fault, SIZE_MAX = none */
} SourceRow;

/* Columns that a file of rejected rows has more: row, field, reason. */
extern const char *const import_marks[3];

typedef struct Source Source;

/* What is known of a file beforehand; all zero: everything is recognised. */
typedef struct SourceForm {
    char kind; /* c CSV, j JSON, x workbook */
    char sep;
    bool charset_given;
    Charset charset;
    Str sheet;
} SourceForm;
char source_kind_of_name(Str name); /* 0: not told by it */

/* Opens and recognises. `form` may be NULL. The source dies with the arena. */
int source_open(Arena *a, const char *path, const SourceForm *form, Source **ret, Err *err) CHECKED;
bool source_is_json(const Source *s);
char source_kind(const Source *s); /* as in SourceForm */
bool source_is_sheet(const Source *s);
Charset source_charset(const Source *s);
char source_separator(const Source *s);           /* 0: no CSV */
struct XlsxReader *source_sheet(const Source *s); /* NULL: no workbook */
/* CSV and sheets, before the header: the next record as it stands. */
int source_record(Source *s, Arena *a, SourceRow *row, Err *err) CHECKED;
/* CSV: reads up to the header, whose names live in `life`. *marks: it is a file of rejected rows, the last
   three columns are import_marks. */
int source_header(Source *s, Arena *life, const ImportMap *map, NameList *columns, bool *marks,
                  Err *err) CHECKED;
/* JSON: which members the rows' cells are; `strict`: a member that is none of them is the row's fault. */
void source_columns(Source *s, const NameList *columns, bool strict);
/* 1 a row (all its memory in `a`), 0 the end, negative: cannot go on. */
int source_next(Source *s, Arena *a, SourceRow *row, Err *err) CHECKED;
/* Takes the text of a JSON row apart again. */
void source_parse(const Source *s, Arena *a, SourceRow *row);
/* Bytes read of bytes in all, as stored. */
int64_t source_read(const Source *s);
int64_t source_size(const Source *s);

/* --- import_json.c: rows out of NDJSON, a JSON array or a FeatureCollection -------------------- */

typedef struct JsonSource JsonSource;
int json_source_open(Arena *a, int fd, JsonSource **ret, Err *err) CHECKED;
/* 1 the text of a row into `text`, 0 the end. *fault is empty or says why the text is no whole row. */
int json_source_next(JsonSource *s, Buf *text, const char **fault, Err *err) CHECKED;
int64_t json_source_read(const JsonSource *s);

/* --- import_reject.c --------------------------------------------------------------------------- */

typedef struct Reject Reject;
/* `columns`: of a CSV source, NULL for JSON. `marks`: the source is itself a file of rejected rows. */
Reject *reject_new(Arena *a, const char *dir, Str entity, const NameList *columns, bool marks);
int reject_row(Reject *r, const SourceRow *row, Str field, Str reason, Err *err) CHECKED;
/* Flushes, syncs and closes; the name in ret (empty when there was no row). */
int reject_finish(Reject *r, char *ret, size_t size, Err *err) CHECKED;
/* Throws away what was written, to begin again. */
void reject_restart(Reject *r);

/* --- import_region.c --------------------------------------------------------------------------- */

typedef struct Regions Regions;
/* Reads provinces to counties once. Without an entity `region` every lookup is empty. */
int regions_load(Arena *a, Store *s, const Model *m, Regions **ret, Err *err) CHECKED;
Str regions_lookup(void *ctx, Arena *a, Str what, Str x, Str y); /* an ExprLookup */

/* --- one import: import.c, import_columns.c, import_row.c -------------------------------------- */

typedef struct Target {
    const Field *field;
    size_t col;       /* SIZE_MAX: none */
    const Expr *expr; /* NULL: the cell as it stands */
} Target;

typedef enum ItemState { ITEM_READY, ITEM_SKIP, ITEM_REJECT, ITEM_LATER, ITEM_DONE } ItemState;

typedef struct Item {
    SourceRow row;
    Input in;
    ItemState state;
    bool bad; /* its values are wrong: nothing to write */
    char did; /* i, u, - */
    Str field, reason;
} Item;

typedef struct Import {
    Arena *a;
    Store *store;
    const Model *m;
    const ImportOptions *o;
    const Entity *e;
    ImportResult *ret;
    const ImportMap *map;
    ExprEnv *env;
    Source *source;
    NameList columns;
    size_t n_data; /* CSV: columns without the marks of a rejected file */
    bool marks;
    Target *targets;
    size_t n_targets;
    const Expr *skip;
    Reject *reject;
    Item *later; /* rows that refer to a record of the same entity that is not there yet */
    size_t n_later, cap_later;
    Arena *later_arena;
    bool last_pass;
    bool plain; /* a row is one statement, which has a savepoint of its own: it needs no other around it */
} Import;

typedef struct Batch {
    Import *im;
    Arena *a;
    Item *items;
    size_t n;
} Batch;

/* import.c: opens the source and resolves all names; import_end also after a failure. */
int import_begin(Import *im, Store *s, const Model *m, const ImportOptions *o, ImportResult *ret,
                 Err *err) CHECKED;
void import_end(Import *im);
/* The next rows, turned into values: > 0 there may be more, 0 the end, negative: broken behind them. */
int import_read(Batch *b, Err *err) CHECKED;
/* A TxFn on a Batch: writes its rows, each in a savepoint, and leaves each one's outcome in it. */
int import_write(Tx *tx, void *batch, Err *err) CHECKED;

/* import_columns.c */
/* The field of this name or title; NULL when there is none. */
const Field *import_field(const Entity *e, Str name);
/* Empty names get one, equal ones a number, so that a map can name each column. */
void import_distinct_names(Arena *a, NameList *names);
int import_load_map(Import *im, Err *err) CHECKED;
/* Opens the source at its beginning and resolves all names. */
int import_open(Import *im, Err *err) CHECKED;
/* import_row.c */
void import_convert(Batch *b, Item *it);
Str import_reason(Arena *a, const Err *err);

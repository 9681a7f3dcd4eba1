/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/*
 * Import: a file of any size into one entity, with flat memory. Each row is accepted, rejected with field and
 * reason (kept in a file that can be corrected and imported again), or skipped by the map's own wish; nothing
 * is dropped in silence: accepted + rejected + skipped = rows.
 */
#include "model/record.h"

enum {
    IMPORT_BATCH = 500,        /* rows of one transaction */
    IMPORT_LATER_MAX = 100000, /* rows that wait for a record further down in the same file */
    IMPORT_ROW_MAX = 8 << 20,  /* bytes of one row of an NDJSON or GeoJSON file */
};

typedef struct ImportOptions {
    const Entity *entity;
    const char
        *file; /* .csv, .xlsx, .ndjson, .jsonl, .geojson, .json, each also .gz; else by its first character */
    const struct SourceForm *form; /* what is known of the file; NULL = nothing */
    const char *map_file;          /* NULL: columns are field names or titles */
    const struct ImportMap *map;   /* instead of map_file: made by the program; NULL = none */
    const StrList *names;          /* with map: no file is read, these are the columns; NULL = none */
    bool upsert;  /* by key, id or the first unique fields that have values; else what exists is rejected */
    bool dry_run; /* everything but the commit, in one transaction */
    const char
        *rejected_dir; /* folder for ENTITY-TIME.csv / .ndjson, made when a row is rejected; NULL = none */
    void (*progress)(void *ctx, int64_t rows, int64_t bytes, int64_t total_bytes);
    void *progress_ctx;
    const Actor *who;
    Str trace;
} ImportOptions;

typedef struct ImportResult {
    int64_t rows; /* without header lines and the map's skip_lines */
    int64_t accepted, rejected, skipped;
    int64_t unchanged;        /* of the accepted ones: equal to what was stored */
    char rejected_file[4096]; /* empty when no row was rejected */
    char read_as[256];        /* what the file was recognised as, for the user */
} ImportResult;

/*
 * 0 also when rows were rejected. What is wrong with the file as a whole (unknown column, faulty map, no
 * permission) is an error before anything is written. After an error in the middle (disk, broken gzip) *ret
 * tells what was done: the batches that were committed stay.
 */
int import_file(Store *s, const Model *m, const ImportOptions *o, ImportResult *ret, Err *err) CHECKED;

/*
 * Checks a map file of a pack: keys, entity, fields, expressions. A name in an expression that is no column
 * of the map may still be a column of a source file and is judged only when there is one. `names`: also judge
 * names of entities and fields (false where the model itself has faults). 0, or ERR_PACK with faults added.
 */
int import_map_check(const Model *m, const char *path, bool names, Faults *f) CHECKED;

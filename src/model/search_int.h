/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/* Shared by the search_* files. */
#include "model/search.h"
#include "store/follower.h"

#include <pthread.h>

/* What is remembered of an entity's index. */
typedef struct SearchState {
    bool there, built;
    Str spec, at;
    int64_t next, docs;
} SearchState;

typedef struct Shape {
    const Entity *e;
    FieldSet fields;
    Str spec;
    SearchState state; /* as this server last knew it */
} Shape;

struct Search {
    Store *store;
    const Model *m;
    Arena *a;
    Segmenter *segmenter;
    Str owner;
    Shape *shapes; /* entities that are searched */
    size_t n;
    bool checked; /* the tables are those the model wants */
    int64_t seen; /* the journal was read to here */
    int64_t leased_us;
    int64_t docs;                  /* indexed since the start */
    int64_t *cube_rows, merged_us; /* kept counts, which this thread joins on PostgreSQL */
    Follower *follower;            /* NULL: without a thread */
};

Str search_spec(Arena *a, const Entity *e, const FieldSet *fields);
const Shape *search_shape(const Search *s, Str entity);

/* --- search_store.c: the tables of words ---------------------------------------------------------- */

int search_state(Tx *tx, Arena *a, Str entity, SearchState *ret, Err *err) CHECKED;
int search_create(Tx *tx, Arena *a, const Entity *e, Err *err) CHECKED;
int search_drop(Tx *tx, Arena *a, Str entity, Err *err) CHECKED;
/* When all records are in: PostgreSQL's index. */
int search_finish(Tx *tx, Arena *a, const Entity *e, Err *err) CHECKED;

typedef struct Doc {
    Val id;
    Str tokens;
} Doc;
/* Texts of records: those named, or (n_ids 0) at most `limit` after `after` in the order of the id (first
   ones when its p is NULL). */
int search_docs(Tx *tx, Arena *a, const Shape *s, const Val *ids, size_t n_ids, Val after, size_t limit,
                Doc **ret, size_t *ret_n, Err *err) CHECKED;
/* Writes documents; *next is the next free number. */
int search_put(Tx *tx, Arena *a, const Entity *e, const Doc *docs, size_t n, int64_t *next, Err *err) CHECKED;
/* SQLite: most of the index is old texts of records that were changed since; it is to be made anew. */
int search_worn(Tx *tx, Arena *a, const Entity *e, int64_t before, int64_t next, bool *ret, Err *err) CHECKED;
int search_forget(Tx *tx, Arena *a, const Entity *e, Val id, Err *err) CHECKED;
/* SQLite: about how many records the index holds; more when many were changed since it was made. */
int search_size(Tx *tx, Arena *a, const Entity *e, Val *ret, Err *err) CHECKED;
/* SQLite: "select the numbers of documents that match", at most `limit`; and "select the ids of the records
   whose documents are in this JSON array": old documents of changed records are no record's. */
void search_docs_sql(Build *b, const Entity *e, Str match, size_t limit);
void search_docs_ids_sql(Build *b, const Entity *e, Str docs);
/* "select id from the index where match": at most `limit` (0 = all). */
void search_ids_sql(Build *b, const Entity *e, Str match, size_t limit);
/* PostgreSQL: at most a page is wanted, so records are looked up one by one, never the table read for a join.
   For the rest of the transaction. */
int search_plain_plan(Tx *tx, Err *err) CHECKED;
/* " from index join E t … where match and …": what the index proposes. */
void search_from_sql(Build *b, const Entity *e, Str match);
/* Ids of records changed since the index last followed; at most `max` + 1. */
int search_pending(Tx *tx, Arena *a, const Entity *e, size_t max, Val **ret, size_t *ret_n, Err *err) CHECKED;

/* --- search_rank.c ---------------------------------------------------------------------------------- */

/* Looks the words up in the fields of a record; false when one is missing. Fills hit->fields and score. */
bool search_rank(Arena *a, const SearchQuery *q, SearchField *fields, size_t n, SearchHit *hit);

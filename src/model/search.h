/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/*
 * Search across entities: an index of words beside the records, kept by following the journal.
 *
 * The index only proposes: which records may have the words. What a reader sees is decided by the record
 * itself at the time of the question: the join to its table with the reader's grants and policies, and the
 * words looked for anew in the fields that are searched. So a deleted record, a changed text or a right
 * withdrawn shows at once, however far the index lags; records changed since it last followed the journal
 * are looked at besides, so that new ones show at once, too.
 *
 * Searched are text fields that every reader of the entity sees in full: sensitivity below 3, not sealed, not
 * kept for roles; of each its first SEARCH_FIELD_MAX characters.
 */
#include "model/query.h"
#include "model/search_text.h"

typedef struct Search Search; /* the index's keeper in a running city */

extern const struct Engine search_engine;
extern const Room search_room;

/* The searched fields of an entity; none: it is not searched. In the arena. */
FieldSet search_fields(Arena *a, const Entity *e);
/* A name, of which initials are searched, too. */
bool search_is_name(const Field *f);

/* Without threads, for tests and tools; `owner` tells servers apart. search_free stops what was started. */
int search_new(Store *s, const Model *m, Str owner, Search **ret, Err *err) CHECKED;
void search_free(Search *s);
/* Indexes until nothing is left to do, in this thread. ret_docs may be NULL. */
int search_pump(Search *s, int64_t *ret_docs, Err *err) CHECKED;
Segmenter *search_segmenter(const Search *s); /* s may be NULL; may be NULL */

typedef struct SearchField {
    const Field *field;
    Str text; /* as stored, cut */
    struct {
        SearchSpan *items;
        size_t n;
    } spans; /* sorted, without overlap */
    SearchText folded;
} SearchField;

typedef struct SearchHit {
    const Entity *entity;
    Str id, label;
    double score;
    SearchField *fields; /* those in which something was found */
    size_t n;
} SearchHit;

typedef struct SearchCount {
    const Entity *entity;
    int64_t n;
    bool more;     /* there are more than were looked at */
    bool building; /* the index is being made: not everything is found yet */
    int64_t done;  /* records indexed so far */
} SearchCount;

typedef struct SearchResult {
    SearchHit *hits; /* best first */
    size_t n, cap;
    SearchCount *counts; /* entities in which something was found or whose index is being made */
    size_t n_counts, cap_counts;
} SearchResult;

/* Runs a query over one entity, or all that the actor may read (e NULL). */
int search_run(const QueryCtx *c, Tx *tx, const SearchQuery *q, const Entity *e, SearchResult *ret,
               Err *err) CHECKED;

/* Lets the conditions fts of a query use the index, where there is one: before its SQL is built. */
int search_prepare(const QueryCtx *c, Tx *tx, Query *q, Err *err) CHECKED;
/* "id in (what the index names)" of a prepared condition. */
void search_cond(Build *b, const char *alias, const Entity *e, const Cond *k);

/* GET /api/search */
struct Request;
int search_get(struct Request *rq, Err *err);

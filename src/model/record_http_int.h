/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/* Shared by the files behind /api/records: record_http.c, record_http_write.c, record_body.c,
   record_download.c. */
#include "model/city.h"
#include "model/record.h"

#define XLSX_MEDIA "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
enum { BULK_MAX = 10000 };

/* What the headers ask for. */
typedef struct Wish {
    Format format;
    bool representation, count, rollback;
    Conflict conflict;
    int64_t first, last; /* Range: items first-last; -1 = open */
} Wish;

typedef struct Get {
    Request *rq;
    const Entity *e;
    Wish wish;
    Query *q;
    ReadResult result;
} Get;

extern const char *const record_media[]; /* by Format */

/* record_http.c */
/* ERR_NOT_ACCEPTABLE when no form that Accept names is there; ERR_RANGE. */
int record_wish(const Request *rq, Wish *w, Err *err) CHECKED;
/* A header's list of words (Prefer) has this one. */
bool record_wishes(Str list, const char *token);
int record_find_entity(const Request *rq, const Entity **ret, Err *err) CHECKED;
void record_etag(Request *rq, int64_t rev);
QueryCtx record_ctx(const Request *rq, Arena *a);
/* Query for one record by its id, with the conditions and the choice of columns of `query`. */
int record_one_query(Request *rq, const Entity *e, Str id, Str query, Query **ret, Err *err) CHECKED;
int record_not_there(const Entity *e, Str id, Err *err);

/* record_download.c: everything was asked for, in a form that is read row by row, and nothing has to be
   journalled but the export itself. */
bool record_is_download(const Get *g);
/* Through a file without a name, so that memory stays flat for any size. */
int record_download(Get *g, Err *err) CHECKED;
/* Content-Disposition: attachment with this name (RFC 8187). */
void record_attachment(Request *rq, Str name);

/* record_body.c */
typedef struct Bodies {
    Input *items;
    size_t n, cap;
    bool one; /* the body was a single object */
} Bodies;

/* By Content-Type: JSON, NDJSON, CSV. */
int record_bodies(Request *rq, const Entity *e, Bodies *b, Err *err) CHECKED;
/* Puts the row's place before the pointer. */
int record_at_row(const Bodies *b, size_t i, Err *err) CHECKED;
/* columns=a,b: only these are taken from the body. */
int record_keep_columns(Request *rq, const Entity *e, Bodies *b, Err *err) CHECKED;

/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/*
 * The query language of /api/records, in PostgREST's conventions: select with embedding and aggregates,
 * filters, or/and trees, order, limit, offset. Parsing checks every name against the model; a wrong one is
 * ERR_INPUT with the parameter as pointer and the nearest right name as hint.
 */
#include "model/access.h"

typedef struct Query Query;
typedef struct Cond Cond;

typedef enum Cmp {
    CMP_EQ,
    CMP_NEQ,
    CMP_GT,
    CMP_GTE,
    CMP_LT,
    CMP_LTE,
    CMP_LIKE,
    CMP_ILIKE,
    CMP_MATCH,
    CMP_IMATCH,
    CMP_IN,
    CMP_IS,
    CMP_DISTINCT,
    CMP_FTS,
    CMP_CS,
    CMP_CD,
    CMP_OV,
    CMP_N
} Cmp;

typedef enum CondKind { COND_AND, COND_OR, COND_LEAF } CondKind;

struct Cond {
    CondKind kind;
    bool negate;
    Cond **kids; /* COND_AND, COND_OR */
    size_t n, cap;
    const Field *field;
    Cmp cmp;
    int quantifier; /* 0, or '&' all / '|' any over values */
    Val *vals;      /* checked and canonical */
    size_t n_vals;
    Str word;    /* is: null, not_null, true, false */
    FieldSet in; /* fts: the fields in one of which each word must occur */
    Str *words;  /* fts: as written; vals are their patterns */
    size_t n_words;
    Str match; /* fts: what the search index is asked first; set by search_prepare, empty = nothing */
    Val *pending;
    size_t n_pending;
    Str docs; /* fts, SQLite: the documents that the index names, a JSON array; empty = not asked, or too many
               */
};

typedef enum EmbedKind {
    EMBED_ONE,  /* own reference: via = own field */
    EMBED_MANY, /* their reference to us: via = their field */
    EMBED_LINK, /* own refs: via = own field */
    EMBED_BACK, /* their refs to us: via = their field */
} EmbedKind;

typedef struct Embed {
    EmbedKind kind;
    Str name; /* alias or name as written: key of the result and prefix of its filters */
    const Field *via;
    Query *query;
    bool inner, spread;
} Embed;

typedef enum Agg { AGG_NONE, AGG_COUNT, AGG_SUM, AGG_AVG, AGG_MIN, AGG_MAX } Agg;

typedef struct Pick {
    const Field *field; /* NULL for count() and embeds */
    Agg agg;
    Str name; /* key of the result */
    bool as_text;
    Embed *embed;
} Pick;

typedef struct Sort {
    const Field *field; /* NULL: `figure` alone */
    const Embed *embed; /* order=region(title) */
    const Pick *figure; /* of an aggregated query: order=n.desc where select=region,n:count() */
    bool desc;
    int nulls; /* 0 default, 'f' first, 'l' last */
} Sort;

enum { QUERY_DEPTH_MAX = 6, QUERY_COND_MAX = 200, QUERY_IN_MAX = 2000, QUERY_ROWS_MAX = 10000 };
#define QUERY_COUNT_MAX ((int64_t)1 << 53)

struct Query {
    Arena *a; /* its own: what is worked out later lies here, for a transaction may run twice */
    const Entity *entity;
    Pick *picks;
    size_t n_picks, cap_picks;
    Cond *where; /* COND_AND at the top; never NULL */
    Sort *sorts;
    size_t n_sorts, cap_sorts;
    Sort *order; /* what the list is ordered by after all: query_order */
    size_t n_order, cap_order;
    Val *after; /* values of `order` in the row behind which the page begins; NULL = the first page */
    int64_t limit, offset; /* limit -1 = none given */
    bool aggregate;
    Str at; /* ?at=DATE for entities with history */
    Access access;
    bool wide;   /* see Build */
    bool tested; /* see Build */
    bool by_ids; /* a condition of the top level names few records: they are looked up, all else is tested */
    Access unmask; /* set when masked values are to be shown: only rows that the unmasking right covers */
};

typedef struct QueryCtx {
    Arena *a;
    const Model *m;
    const Actor *who;
    Str trace; /* of the request, for the journal */
} QueryCtx;

/* `query` is the raw query string. Parameters named in `ignore` (NULL-terminated, may be NULL) are skipped.
 */
int query_parse(const QueryCtx *c, const Entity *e, Str query, Query **ret, Err *err) CHECKED;
/* A query for all fields of one entity without conditions. */
int query_all(const QueryCtx *c, const Entity *e, Query **ret, Err *err) CHECKED;
/* Adds `field = value` to the conditions. */
void query_and_eq(const QueryCtx *c, Query *q, const Field *f, Val v);
void query_and_in(const QueryCtx *c, Query *q, const Field *f, Val *vals, size_t n);
/* Replaces the picks by those of a select= text. */
int query_select_text(const QueryCtx *c, Query *q, Str text, Err *err) CHECKED;
bool query_has_filter(const Query *q);

/* query_page.c: completes the order with the default order and the id; once, when all is parsed. */
void query_order(const QueryCtx *c, Query *q);
bool sort_nullable(const Sort *s);
bool sort_nulls_first(const Sort *s);
/* The cursor behind a row with these values of q->order; empty when the list has none. */
Str query_cursor(const QueryCtx *c, Query *q, const Val *vals);
/* One index holds what the query asks for, in its order: `field = value` alone, every row the actor's. */
bool query_steady(const QueryCtx *c, Query *q);
/* The list is read in two halves: the rows that have the first field of the order, and those that have not.
 */
typedef enum Half { HALF_BOTH, HALF_HAVE, HALF_NULL } Half;
bool query_halves(const QueryCtx *c, Query *q);
size_t query_order_end(const Query *q, Half half); /* how many terms the order of this half has */
bool query_half_empty(const Query *q, Half half);  /* the cursor stands behind this half */
/* " and …": the half, and what stands behind the cursor; alias t. */
void query_page_where(Build *b, const Query *q, Half half);

/* " where …" of the query's own conditions and the actor's row rules; alias "t". */
void query_where(const QueryCtx *c, Build *b, const char *alias, const Query *q);

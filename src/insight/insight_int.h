/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/* Shared inside insight/: an indicator as declared, amounts, periods, measuring, keeping, the engine, the
 * routes. */
#include "base/clock.h"
#include "insight/insight.h"
#include "model/value.h"
#include "store/follower.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    INDICATORS_MAX = 1000,
    DIMS_MAX = 4,
    PAST_MAX = 60, /* periods */
    TARGETS_MAX = 50,
    GROUPS_MAX = 50000, /* rows of one grouped SELECT */
    PEOPLE_MIN = 10,    /* figures over fewer people are not given */
    TREND = 13,
    REGION_N = 6, /* digits of a county's code */
};

/* --- amounts: amount.c. Whole hundredths, so that sums and differences are exact. ------------------------
 */

typedef int64_t Amount;
#define AMOUNT_ONE 100
#define AMOUNT_MAX ((Amount)999999999999999) /* 15 digits: what a decimal field holds */
/* "87.5", "-3", "100". At most two digits after the point. ERR_VALIDATION. */
int amount_parse(Str s, Amount *ret, Err *err) CHECKED;
/* From what a database gave for a decimal column. */
Amount amount_of(Val v);
Str amount_text(Arena *a, Amount x); /* without zeros at the end */
/* times · num / den, rounded half away from zero. den != 0. ERR_VALIDATION when it is too large. */
int amount_ratio(Amount num, Amount den, int64_t times, Amount *ret, Err *err) CHECKED;

/* One part of a whole, before and after. */
typedef struct Part {
    Str key;
    Amount n0, d0, n1, d1;
    Amount contribution;
} Part;
/*
 * What each part contributed to the change of the whole, so that the contributions add up to the change of
 * the rounded values exactly. Amounts: n1 − n0. Ratios N/D: ((n1 − n0) − r0 (d1 − d0)) / D1 with r0 = N0/D0:
 * what the part's numerator grew beyond what its denominator would have brought at the old rate; the discrete
 * form of d(N/D) = (dN − r dD)/D. Its sum is N1/D1 − N0/D0 identically, and a part that did not move
 * contributes nothing. Rounding: largest remainders. ret_after − ret_before is the change.
 * ERR_VALIDATION: a denominator is zero, or the numbers are too large.
 */
int amount_parts(Part *parts, size_t n, bool ratio, int64_t times, Amount *ret_before, Amount *ret_after,
                 Err *err) CHECKED;

/* --- periods: period.c -------------------------------------------------------------------------------------
 */

typedef enum PeriodKind { PERIOD_DAY, PERIOD_WEEK, PERIOD_MONTH, PERIOD_QUARTER, PERIOD_YEAR } PeriodKind;
typedef struct Period {
    Date from, to; /* both within; weeks begin on Monday (GB/T 7408) */
} Period;
Period period_of(PeriodKind kind, Date day);
Period period_before(PeriodKind kind, Period p);

/* --- declared: insight_load.c --------------------------------------------------------------------------- */

typedef enum SourceKind { SOURCE_COMPUTED, SOURCE_REPORTED, SOURCE_NONE } SourceKind;

typedef struct Measure {
    const Entity *entity;
    Str where; /* conditions as of /api/records, with :from :to :next :day */
    const Field *on;
    const Field *sum; /* NULL = count */
    bool not_null;    /* only records that have a value in `some` (the denominator of an average) */
    const Field *some;
    const Field **used; /* a change of these can move the figure */
    size_t n_used, cap_used;
} Measure;

typedef struct Dim {
    Str name;
    const Field *num, *den; /* den as num for what is no ratio */
    bool region;            /* by county */
} Dim;

typedef enum TargetOp { TARGET_GE, TARGET_GT, TARGET_LE, TARGET_LT } TargetOp;
typedef struct Target {
    int year;
    Amount value;
    TargetOp op;
    Str op_text, text;
} Target;

typedef struct Indicator {
    Str id, title, group, unit, definition, org;
    int64_t no; /* 0 = none */
    bool less;
    PeriodKind period;
    StrList departments;
    int64_t version;
    SourceKind source;
    bool ratio;
    Measure num, den;
    int64_t times;
    Dim dims[DIMS_MAX];
    size_t n_dims;
    int past;
    Target *targets; /* by year */
    size_t n_targets, cap_targets;
    bool has_base;
    int base_year;
    Amount base;
    Str formula; /* SM3 of what is computed */
    Place at;
    size_t i;
} Indicator;

struct InsightSet {
    Arena *a;
    const Model *m;
    const Entity *values; /* indicator_value; NULL when nothing is declared */
    Indicator **items;
    size_t n, cap;
};
const Indicator *insight_find(const InsightSet *s, Str id);
const char *period_name(PeriodKind k);
const char *source_name(SourceKind k);
const Dim *indicator_dim(const Indicator *x, Str name);
bool indicator_about_people(const Indicator *x);

/* --- against the plan: status.c ------------------------------------------------------------------------- */

/* The target that counts for a day: of its year, else the last one before (held on), else the next one.
   NULL when there is none. */
const Target *target_for(const Indicator *x, Date day);
bool target_met(const Target *t, Amount value);
/* reached, on_track, behind; no_data without a value; NULL without a target. On track: on the straight line
   from the last point before (target of an earlier year, or the baseline, each at its year's end) to the
   target at the end of its year. */
const char *indicator_status(const Indicator *x, bool has_value, Amount value, Date day);

/* --- measuring: measure.c ---------------------------------------------------------------------------------
 */

/* The conditions with the period's dates in them: a query string for /api/records, percent-encoded. region:
   a county's code or empty. */
Str measure_query(Arena *a, const Measure *m, Period p, Date today, Str region);
/* ERR_INPUT as the query language says it. */
int measure_parse(const QueryCtx *c, const Measure *m, Str query, Query **ret, Err *err) CHECKED;

typedef struct Cell {
    Str key;
    Amount num, den;
    int64_t n_num, n_den; /* records */
    bool hidden;          /* too few people */
} Cell;
typedef struct Cells {
    Cell *items;
    size_t n, cap;
} Cells;
typedef struct Figures {
    bool none; /* the register is empty: no figure, not zero */
    Cell all;
    Cells dims[DIMS_MAX];
    Str lineage; /* JSON */
    int64_t seq; /* journal entry up to which it counts */
} Figures;
Cell *cells_at(Arena *a, Cells *c, Str key);
/* In a read transaction. */
int indicator_measure(Arena *a, const InsightSet *s, const Indicator *x, Tx *tx, Period p, Date today,
                      Figures *ret, Err *err) CHECKED;
/* Marks what is over too few people and so much beside it that nothing can be worked out from the total. */
void figures_hide(const Indicator *x, Figures *f);
/* The value of a cell. False: none (denominator zero). ERR_VALIDATION: too large. */
int cell_value(const Indicator *x, const Cell *c, bool *ret_there, Amount *ret, Err *err) CHECKED;

/* --- keeping: keep.c --------------------------------------------------------------------------------------
 */

Str value_key(Arena *a, const Indicator *x, Period p, Str region);
/* Writes what differs from what is there. *ret_written records. */
int figures_keep(const InsightSet *s, const Indicator *x, Tx *tx, Arena *a, Period p, const Figures *f,
                 int64_t now_us, int64_t *ret_written, Err *err) CHECKED;
/* A field of the record by name, as text of its own form. */
int put_text(Arena *a, const Entity *e, const char *name, Str text, Input *in, Err *err) CHECKED;

/* One kept value. */
typedef struct Kept {
    Str code, from, to, region, source, computed_at, parts, lineage, reported_by, file, note;
    int64_t version, seq, rows;
    bool has_value, suppressed;
    Amount value;
    Val num, den;
} Kept;
typedef struct Wanted {
    Str indicator;
    bool whole;   /* of the whole city; else of the counties */
    Str from, to; /* periods that overlap these days; empty = open */
    int64_t limit;
} Wanted;
/* Newest first, of each period and region the newest version. Only what the actor may read. */
int kept_read(const InsightSet *s, Tx *tx, Arena *a, const Actor *who, const Wanted *w, Kept **ret,
              size_t *ret_n, Err *err) CHECKED;

/* --- the engine: insight_run.c ----------------------------------------------------------------------------
 */

struct Insight {
    City *city;
    InsightSet *set;
    Str owner;
    Arena *a;
    pthread_mutex_t lock;
    Follower *follower; /* NULL: without a thread */
    int64_t leased_us;  /* 0 = another server computes */
    bool *now, *past;   /* per indicator: to be computed anew: the current period; the past ones */
    char **wrong;       /* per indicator: why the last attempt failed; NULL = it did not. Under the lock */
    bool *changed;      /* per indicator: the formula changed without a new version: not computed */
    int *past_done;     /* per indicator: periods back that are done */
    int64_t seq;        /* journal entry up to which changes were looked at; -1 = not known */
    Date day;           /* of the last pass */
    int64_t rested_us;  /* nothing current moved before it: time for past periods */
    atomic_llong followed_us; /* at this time everything was computed */
};
/* All but the thread; a test drives it by insight_pass. */
int insight_new(City *c, Insight **ret, Err *err) CHECKED;
void insight_free(Insight *s);
/* Looks at the journal and computes what may have moved; past periods in slices. *ret_more: some wait. */
int insight_pass(Insight *s, int64_t now_us, bool *ret_more, Err *err) CHECKED;
/* Why an indicator's value is not brought up to date at present; empty when it is. */
Str insight_wrong(Insight *s, Arena *a, const Indicator *x);
/* 1 when this server computes. */
int insight_lease(Insight *s, int64_t now_us, Err *err) CHECKED;
int insight_start(City *c, Err *err) CHECKED;
void insight_stop(City *c);

/* --- routes
 * ------------------------------------------------------------------------------------------------- */

int indicators_get(Request *rq, Err *err);
int indicator_get(Request *rq, Err *err);
int indicator_rows(Request *rq, Err *err);
int indicator_change(Request *rq, Err *err);
int indicator_report(Request *rq, Err *err);
extern const JsonField indicator_report_input[];
/* The indicator of the path, and whether the actor may read values. */
int route_indicator(Request *rq, const Indicator **ret, Err *err) CHECKED;
/* A day of the query string, or `otherwise`. */
int route_day(Request *rq, const char *name, Date otherwise, Date *ret, Err *err) CHECKED;
/* A number or null. */
void json_amount(JsonWriter *w, const char *key, bool there, Amount x);
/* ERR_INPUT unless every parameter of the query string is one of these. */
int route_params(Request *rq, const char *const *names, Err *err) CHECKED;
/* Titles of the keys of a dimension; a key that nobody knows is its own title. ret: n titles. */
int titles_read(const InsightSet *s, Tx *tx, Arena *a, const Dim *d, const Str *keys, size_t n, Str *ret,
                Err *err) CHECKED;

/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/* Shared by the job_* files. */
#include "base/queue.h"
#include "model/city.h"
#include "model/import_look.h"
#include "model/job.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    JOB_WORKERS = 2,
    JOB_WAITING = 1000,  /* jobs that wait for a thread */
    JOB_KEPT_MAX = 100,  /* jobs of one user that are kept */
    JOB_RUNNING_MAX = 4, /* of one user */
    JOB_ID_SIZE = 21,    /* 20 hex digits and NUL */
    JOB_PAGE = 200,      /* rejected rows of one answer */
    RETRY_MAX = 500,     /* rows of one retry */
    EXPORT_KEPT_H = 24,  /* hours */
    IMPORT_KEPT_D = 30,  /* days */
};

typedef struct Job {
    Str id, kind, owner, behalf, home, entity, name, spec, state, phase;
    int64_t turn, size, bytes, position, total, n_read, accepted, rejected, skipped, waiting;
    Str error, trace;
    int64_t created_us, started_us, ended_us, worked_us;
} Job;

/* An export at work, for its progress: nothing of it is written before its end. */
typedef struct Active {
    struct Active *next;
    char id[JOB_ID_SIZE];
    int64_t turn;
    atomic_llong rows, total;
    atomic_bool stop;
} Active;

struct Jobs {
    City *city;
    Queue *queue;
    Str home;
    char dir[4096]; /* DIR/jobs */
    Arena *a;
    atomic_bool stopping;
    pthread_mutex_t lock; /* the list, the sweeper's sleep */
    pthread_cond_t wake;
    pthread_t sweeper;
    bool sweeping;
    Active *active;
};

/* job_store.c */
int job_add(Tx *tx, const Job *j, Err *err) CHECKED;
int job_save(Tx *tx, const Job *j, Err *err) CHECKED;
/* ERR_NOT_FOUND. */
int job_load(Tx *tx, Arena *a, Str id, Job *ret, Err *err) CHECKED;
int job_list(Tx *tx, Arena *a, Str owner, Str kind, Job **ret, size_t *ret_n, Err *err) CHECKED;
Str job_path(Arena *a, const Jobs *s, Str id);
/* The job's file for reading; -1 when it is not here. */
int job_open(const Jobs *s, Str id, int64_t *ret_size);
bool job_runs(const Job *j); /* running or checking */

typedef struct JobRow {
    int64_t number;
    Str cells, raw, field, reason;
} JobRow;
int job_row_put(Tx *tx, Str job, Str state, const JobRow *row, Err *err) CHECKED;
/* Up to `limit` rows of a state behind `after`. */
int job_row_list(Tx *tx, Arena *a, Str job, Str state, int64_t after, int64_t limit, JobRow **ret,
                 size_t *ret_n, Err *err) CHECKED;
JobRow job_row_read(Rows *rows, Arena *a);
/* The row as cells (a JSON list) and back. */
Str cells_text(Arena *a, const SourceRow *row);
int cells_row(Arena *a, const JobRow *kept, size_t n_columns, SourceRow *ret, Err *err) CHECKED;

/* job_spec.c: what an import is told of its file */
typedef struct ImportSpec {
    SourceForm form;
    Str name; /* of the file */
    StrList sheets;
    int64_t header;
    bool upsert;
    LookColumn *columns;
    size_t n;
} ImportSpec;
Str spec_write(Arena *a, const ImportSpec *s);
int spec_read(Arena *a, const Model *m, const Job *j, ImportSpec *ret, Err *err) CHECKED;
void spec_from_look(ImportSpec *s, const Look *look);
/* The columns that have a field, as a map. */
ImportMap *spec_map(Arena *a, const ImportSpec *s, const Entity *e);
StrList spec_names(Arena *a, const ImportSpec *s);
const char *kind_name(char kind); /* csv, xlsx, json */

/* job_run.c: begins the work on a thread; the job stands as running or checking in the database. */
int job_begin(Jobs *s, const Job *j, Err *err) CHECKED;
void import_job_run(Jobs *s, Str id, int64_t turn);
void export_job_run(Jobs *s, Str id, int64_t turn);
Active *active_find(Jobs *s, Str id); /* with s->lock held */
/* Removes rows, entry and file. */
int job_remove(Jobs *s, Str id, Err *err) CHECKED;
int jobs_sweep(Jobs *s, Err *err) CHECKED;

/* job_http.c */
int job_of_request(Request *rq, const char *kind, Job *ret, Err *err) CHECKED;
void job_write(JsonWriter *w, const Jobs *s, const City *c, const Job *j, bool whole);
int jobs_of(const Request *rq, Jobs **ret, Err *err) CHECKED;
/* Adds it, unless its owner keeps too many: ERR_TOO_MANY. A TxFn on a Job. */
int job_add_tx(Tx *tx, void *job, Err *err) CHECKED;
int job_make(Request *rq, Jobs *s, const char *kind, const Entity *e, Job *ret, Err *err) CHECKED;
int job_entity(const Request *rq, Str name, const Entity **ret, Err *err) CHECKED;
int job_start(Request *rq, Jobs *s, Job *j, const char *state, Err *err) CHECKED;
int job_halt(Request *rq, Jobs *s, Job *j, Err *err) CHECKED;
int job_answer(Request *rq, const Jobs *s, const Job *j, int status);
/* One's own jobs of a kind, newest first. */
int job_answer_list(Request *rq, Str kind, Err *err) CHECKED;

/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Jobs and their rows in the database. */
#include "model/job_int.h"
#include "model_sql.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

int job_add(Tx *tx, const Job *j, Err *err)
{
    Val v[] = {V_TEXT(j->id),      V_TEXT(j->kind),    V_TEXT(j->owner),     V_TEXT(j->behalf),
               V_TEXT(j->home),    V_TEXT(j->entity),  V_TEXT(j->name),      V_TEXT(j->spec),
               V_TEXT(j->state),   V_TEXT(j->phase),   V_INT(j->turn),       V_INT(j->size),
               V_INT(j->bytes),    V_INT(j->position), V_INT(j->total),      V_INT(j->n_read),
               V_INT(j->accepted), V_INT(j->rejected), V_INT(j->skipped),    V_INT(j->waiting),
               V_TEXT(j->error),   V_TEXT(j->trace),   V_INT(j->created_us), V_INT(j->started_us),
               V_INT(j->ended_us), V_INT(j->worked_us)};
    return tx_exec(tx, &sql_model_job_add, v, sizeof v / sizeof *v, NULL, err);
}

int job_save(Tx *tx, const Job *j, Err *err)
{
    Val v[] = {V_TEXT(j->id),      V_TEXT(j->name),      V_TEXT(j->spec),    V_TEXT(j->state),
               V_TEXT(j->phase),   V_INT(j->turn),       V_INT(j->size),     V_INT(j->bytes),
               V_INT(j->position), V_INT(j->total),      V_INT(j->n_read),   V_INT(j->accepted),
               V_INT(j->rejected), V_INT(j->skipped),    V_INT(j->waiting),  V_TEXT(j->error),
               V_TEXT(j->trace),   V_INT(j->started_us), V_INT(j->ended_us), V_INT(j->worked_us)};
    return tx_exec(tx, &sql_model_job_save, v, sizeof v / sizeof *v, NULL, err);
}

static Job read_job(Rows *r, Arena *a)
{
    Str t[10];
    int64_t n[10];
    for (int i = 0; i < 10; i++) t[i] = rows_text(r, a, i), n[i] = rows_int(r, 10 + i);
    return (Job){.id = t[0],
                 .kind = t[1],
                 .owner = t[2],
                 .behalf = t[3],
                 .home = t[4],
                 .entity = t[5],
                 .name = t[6],
                 .spec = t[7],
                 .state = t[8],
                 .phase = t[9],
                 .turn = n[0],
                 .size = n[1],
                 .bytes = n[2],
                 .position = n[3],
                 .total = n[4],
                 .n_read = n[5],
                 .accepted = n[6],
                 .rejected = n[7],
                 .skipped = n[8],
                 .waiting = n[9],
                 .error = rows_text(r, a, 20),
                 .trace = rows_text(r, a, 21),
                 .created_us = rows_int(r, 22),
                 .started_us = rows_int(r, 23),
                 .ended_us = rows_int(r, 24),
                 .worked_us = rows_int(r, 25)};
}

int job_load(Tx *tx, Arena *a, Str id, Job *ret, Err *err)
{
    Rows *r;
    TRY(tx_query(tx, a, &sql_model_job_get, VALS(V_TEXT(id)), &r, err));
    int rc = rows_next(r, err);
    if (rc > 0) *ret = read_job(r, a);
    rows_done(r);
    return rc == 0 ? err_set(err, ERR_NOT_FOUND, "没有这项任务") : rc < 0 ? rc : 0;
}

int job_list(Tx *tx, Arena *a, Str owner, Str kind, Job **ret, size_t *ret_n, Err *err)
{
    Rows *r;
    int rc;
    size_t cap = 0;
    *ret = NULL, *ret_n = 0;
    TRY(tx_query(tx, a, &sql_model_job_list, VALS(V_TEXT(owner), V_TEXT(kind)), &r, err));
    while ((rc = rows_next(r, err)) > 0) *ARENA_PUSH(a, *ret, *ret_n, cap) = read_job(r, a);
    rows_done(r);
    return rc;
}

Str job_path(Arena *a, const Jobs *s, Str id) { return str_fmt(a, "%s/" STR_FMT, s->dir, STR_ARG(id)); }

int job_open(const Jobs *s, Str id, int64_t *ret_size)
{
    _cleanup_arena_ Arena *a = arena_new();
    struct stat st;
    int fd = open(job_path(a, s, id).p, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    if (fstat(fd, &st) != 0) return close(fd), -1;
    *ret_size = st.st_size;
    return fd;
}

bool job_runs(const Job *j) { return str_is(j->state, "running") || str_is(j->state, "checking"); }

/* --- rows ------------------------------------------------------------------------------------------ */

int job_row_put(Tx *tx, Str job, Str state, const JobRow *row, Err *err)
{
    return tx_exec(tx, &sql_model_job_row_put,
                   VALS(V_TEXT(job), V_INT(row->number), V_TEXT(state), V_TEXT(row->cells), V_TEXT(row->raw),
                        V_TEXT(row->field), V_TEXT(row->reason)),
                   NULL, err);
}

JobRow job_row_read(Rows *r, Arena *a)
{
    return (JobRow){rows_int(r, 0), rows_text(r, a, 1), rows_text(r, a, 2), rows_text(r, a, 3),
                    rows_text(r, a, 4)};
}

int job_row_list(Tx *tx, Arena *a, Str job, Str state, int64_t after, int64_t limit, JobRow **ret,
                 size_t *ret_n, Err *err)
{
    Rows *r;
    int rc;
    size_t cap = 0;
    *ret = NULL, *ret_n = 0;
    TRY(tx_query(tx, a, &sql_model_job_row_list, VALS(V_TEXT(job), V_TEXT(state), V_INT(after), V_INT(limit)),
                 &r, err));
    while ((rc = rows_next(r, err)) > 0) *ARENA_PUSH(a, *ret, *ret_n, cap) = job_row_read(r, a);
    rows_done(r);
    return rc;
}

/* A member that is a list of single values, as a cell: separated by ; as import reads it. */
static Str joined(Arena *a, const json_t *list, Str otherwise)
{
    Buf b;
    size_t i;
    json_t *item;
    bool plain = true;
    buf_init(&b, IMPORT_ROW_MAX);
    json_array_foreach((json_t *)(uintptr_t)list, i, item)
    {
        plain = plain && (json_is_string(item) || json_is_integer(item));
        if (i) buf_addc(&b, ';');
        if (json_is_string(item)) buf_adds(&b, json_string_value(item));
        if (json_is_integer(item)) buf_addf(&b, "%lld", (long long)json_integer_value(item));
    }
    Str s = plain ? buf_dup(a, &b) : otherwise;
    buf_done(&b);
    return s;
}

Str cells_text(Arena *a, const SourceRow *row)
{
    Buf b;
    JsonWriter w;
    buf_init(&b, 2 * IMPORT_ROW_MAX);
    jw_init(&w, &b);
    jw_array(&w);
    for (size_t i = 0; i < row->n; i++) {
        const json_t *j = row->vals ? row->vals[i] : NULL;
        if (row->vals ? !j : !row->cells[i].p)
            jw_null(&w);
        else
            jw_str(&w, json_is_array(j) ? joined(a, j, row->cells[i]) : row->cells[i]);
    }
    jw_array_end(&w);
    Str s = b.over ? S("[]") : buf_dup(a, &b);
    buf_done(&b);
    return s;
}

int cells_row(Arena *a, const JobRow *kept, size_t n_columns, SourceRow *ret, Err *err)
{
    json_t *list;
    TRY(json_parse(a, kept->cells, &list, err));
    size_t n = json_array_size(list);
    *ret = (SourceRow){.number = kept->number, .bad_cell = SIZE_MAX, .raw = kept->raw, .n = n};
    ret->cells = ARENA_ARRAY(a, Str, (n > n_columns ? n : n_columns) + 1);
    for (size_t i = 0; i < n; i++) {
        const json_t *j = json_array_get(list, i);
        if (json_is_string(j)) ret->cells[i] = str_n(json_string_value(j), json_string_length(j));
    }
    return 0;
}

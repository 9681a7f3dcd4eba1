/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Rows that an import rejected: shown, corrected one by one, or taken away as a file that imports again. */
#include "model/job_int.h"
#include "model_sql.h"

#include "base/clock.h"
#include "base/csv.h"
#include "model/record_http_int.h"
#include "model/url.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

typedef struct Rejected {
    Request *rq;
    Job job;
    ImportSpec spec;
    int64_t after, limit, total;
    JobRow *rows;
    size_t n;
} Rejected;

static int open_rejected(Request *rq, Rejected *r, Jobs **s, Err *err)
{
    r->rq = rq;
    TRY(jobs_of(rq, s, err));
    TRY(job_of_request(rq, "import", &r->job, err));
    return spec_read(rq->arena, rq->city->model, &r->job, &r->spec, err);
}

static int list_tx(Tx *tx, void *ctx, Err *err)
{
    Rejected *r = ctx;
    Val total;
    TRY(tx_one(tx, r->rq->arena, &sql_model_job_row_count, VALS(V_TEXT(r->job.id)), &total, err));
    r->total = total.i;
    return job_row_list(tx, r->rq->arena, r->job.id, S("rejected"), r->after, r->limit, &r->rows, &r->n, err);
}

/* The file's column whose values go to the field. */
static Str column_of(const ImportSpec *s, Str field)
{
    for (size_t i = 0; i < s->n && field.n; i++)
        if (s->columns[i].field && str_eq(s->columns[i].field->name, field)) return s->columns[i].name;
    return S("");
}

static void write_reason(JsonWriter *w, const ImportSpec *s, Str field, Str reason)
{
    Str column = column_of(s, field);
    jw_key(w, S("errors"));
    jw_array(w);
    jw_object(w);
    jw_key(w, S("column"));
    if (column.n)
        jw_str(w, column);
    else
        jw_null(w);
    jw_key(w, S("field"));
    if (field.n)
        jw_str(w, field);
    else
        jw_null(w);
    jw_kstr(w, "reason", reason);
    jw_object_end(w);
    jw_array_end(w);
}

static int write_row(JsonWriter *w, Arena *a, const ImportSpec *s, const JobRow *row, Err *err)
{
    SourceRow cells;
    TRY(cells_row(a, row, s->n, &cells, err));
    jw_object(w);
    jw_kint(w, "row", row->number);
    jw_key(w, S("values"));
    jw_object(w);
    for (size_t i = 0; i < s->n && i < cells.n; i++) jw_key(w, s->columns[i].name), jw_str(w, cells.cells[i]);
    jw_object_end(w);
    if (row->raw.n) jw_kstr(w, "raw", row->raw);
    write_reason(w, s, row->field, row->reason);
    jw_object_end(w);
    return 0;
}

int import_rejected_get(Request *rq, Err *err)
{
    Rejected r = {0};
    JsonWriter w;
    Jobs *s;
    TRY(open_rejected(rq, &r, &s, err));
    TRY(url_param_int(rq->arena, rq->query, "after", 0, 0, INT64_MAX, &r.after, err));
    TRY(url_param_int(rq->arena, rq->query, "limit", 50, 0, INT64_MAX, &r.limit, err));
    if (r.limit > JOB_PAGE) r.limit = JOB_PAGE;
    TRY(store_read(rq->city->store, "import rejected", list_tx, &r, err));
    jw_init(&w, &rq->out);
    jw_object(&w);
    jw_kint(&w, "total", r.total);
    jw_key(&w, S("rows"));
    jw_array(&w);
    for (size_t i = 0; i < r.n; i++) TRY(write_row(&w, rq->arena, &r.spec, &r.rows[i], err));
    jw_array_end(&w);
    jw_object_end(&w);
    return 0;
}

/* --- as a file --------------------------------------------------------------------------------------------
 */

static int put(int fd, Buf *b, Err *err)
{
    Str s = buf_str(b);
    while (s.n) {
        ssize_t n = write(fd, s.p, s.n);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return err_io(err, errno, "写不下去");
        s = str_from(s, (size_t)n);
    }
    buf_clear(b);
    return 0;
}

static int csv_line(const ImportSpec *s, const JobRow *row, Buf *b, Err *err)
{
    _cleanup_arena_ Arena *a = arena_new();
    SourceRow cells;
    TRY(cells_row(a, row, s->n, &cells, err));
    for (size_t i = 0; i < s->n; i++) csv_write_cell(b, i < cells.n ? cells.cells[i] : S(""), i == 0);
    csv_write_cell(b, str_fmt(a, "%lld", (long long)row->number), s->n == 0);
    csv_write_cell(b, row->field, false);
    csv_write_cell(b, row->reason, false);
    for (size_t i = s->n; i < cells.n; i++) csv_write_cell(b, cells.cells[i], false);
    if (row->raw.n) csv_write_cell(b, row->raw, false);
    csv_write_end(b);
    return 0;
}

static int csv_rows(Rejected *r, Rows *rows, Buf *b, Err *err)
{
    int rc;
    while ((rc = rows_next(rows, err)) > 0) {
        _cleanup_arena_ Arena *a = arena_new();
        JobRow row = job_row_read(rows, a);
        TRY(csv_line(&r->spec, &row, b, err));
        if (b->n > 1 << 20) TRY(put(r->rq->file_fd, b, err));
    }
    return rc < 0 ? rc : put(r->rq->file_fd, b, err);
}

static int csv_tx(Tx *tx, void *ctx, Err *err)
{
    Rejected *r = ctx;
    _cleanup_arena_ Arena *a = arena_new();
    Rows *rows;
    Buf b;
    if (ftruncate(r->rq->file_fd, 0) != 0 || lseek(r->rq->file_fd, 0, SEEK_SET) != 0)
        return err_io(err, errno, "写不下去");
    TRY(tx_cursor(tx, a, &sql_model_job_row_all, VALS(V_TEXT(r->job.id)), &rows, err));
    buf_init(&b, 64 << 20);
    buf_adds(&b, "\xEF\xBB\xBF");
    for (size_t i = 0; i < r->spec.n; i++) csv_write_cell(&b, r->spec.columns[i].name, i == 0);
    for (size_t k = 0; k < 3; k++) csv_write_cell(&b, str_c(import_marks[k]), r->spec.n == 0 && k == 0);
    csv_write_end(&b);
    int rc = csv_rows(r, rows, &b, err);
    rows_done(rows);
    buf_done(&b);
    return rc;
}

int import_rejected_csv(Request *rq, Err *err)
{
    Rejected r = {0};
    Jobs *s;
    TRY(open_rejected(rq, &r, &s, err));
    rq->file_fd = open(rq->city->dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (rq->file_fd < 0) return err_io(err, errno, "不能建临时文件");
    TRY(store_read(rq->city->store, "import rejected", csv_tx, &r, err));
    rq->file_size = lseek(rq->file_fd, 0, SEEK_END);
    if (rq->file_size < 0 || lseek(rq->file_fd, 0, SEEK_SET) != 0)
        return err_set(err, ERR_IO, "读不了临时文件");
    rq->content_type = record_media[FORMAT_CSV];
    record_attachment(rq, str_fmt(rq->arena, STR_FMT "-退回.csv", STR_ARG(r.job.name)));
    return 0;
}

/* --- corrected --------------------------------------------------------------------------------------------
 */

typedef struct Retry {
    Rejected r;
    Import im;
    ImportOptions o;
    ImportResult result;
    Batch b;
    JobRow *kept;
    const json_t *given; /* rows of the body */
} Retry;

static int kept_tx(Tx *tx, void *ctx, Err *err)
{
    Retry *x = ctx;
    Arena *a = x->r.rq->arena;
    for (size_t i = 0; i < x->b.n; i++) {
        Rows *rows;
        int64_t no = json_integer_value(json_object_get(json_array_get(x->given, i), "row"));
        TRY(tx_query(tx, a, &sql_model_job_row_get, VALS(V_TEXT(x->r.job.id), V_INT(no)), &rows, err));
        int rc = rows_next(rows, err);
        if (rc > 0) x->kept[i] = job_row_read(rows, a);
        rows_done(rows);
        if (rc < 0) return rc;
        if (rc == 0)
            return err_set(err, ERR_NOT_FOUND, "第 %lld 行不在退回的行里", (long long)no),
                   err_pointer(err, "/rows/%zu/row", i);
    }
    return 0;
}

/* What was kept, with the given values in their columns; then exactly as wide as the header. */
static int corrected(Retry *x, size_t i, Err *err)
{
    Arena *a = x->r.rq->arena;
    const ImportSpec *s = &x->r.spec;
    SourceRow *row = &x->b.items[i].row;
    const char *key;
    json_t *v, *values = json_object_get(json_array_get(x->given, i), "values");
    bool json = s->form.kind == 'j';
    TRY(cells_row(a, &x->kept[i], s->n, row, err));
    for (size_t c = row->n; c < s->n; c++) row->cells[c] = json ? STR_NONE : S("");
    row->n = s->n;
    row->raw = S("");
    json_object_foreach(values, key, v)
    {
        size_t c = 0;
        while (c < s->n && !str_is(s->columns[c].name, key)) c++;
        if (c == s->n || !(json_is_string(v) || json_is_null(v)))
            return err_set(err, ERR_VALIDATION, c == s->n ? "文件里没有这一列" : "值要写成文字或 null"),
                   err_pointer(err, "/rows/%zu/values/%.180s", i, key);
        row->cells[c] = json_is_null(v) ? S("") : str_n(json_string_value(v), json_string_length(v));
    }
    import_convert(&x->b, &x->b.items[i]);
    return 0;
}

static int write_tx(Tx *tx, void *ctx, Err *err)
{
    Retry *x = ctx;
    _cleanup_arena_ Arena *a = arena_new();
    Job j;
    TRY(job_load(tx, a, x->r.job.id, &j, err));
    if (job_runs(&j)) return err_set(err, ERR_CONFLICT, "这项任务正在进行");
    TRY(import_write(tx, &x->b, err));
    for (size_t i = 0; i < x->b.n; i++) {
        const Item *it = &x->b.items[i];
        int64_t changes = 0;
        JobRow row = {it->row.number, cells_text(a, &it->row), S(""), it->field, it->reason};
        TRY(tx_exec(tx, &sql_model_job_row_drop, VALS(V_TEXT(j.id), V_INT(row.number)), &changes, err));
        if (!changes) return err_set(err, ERR_CONFLICT, "第 %lld 行已经改过了", (long long)row.number);
        if (it->state == ITEM_DONE)
            j.accepted++, j.rejected--;
        else
            TRY(job_row_put(tx, j.id, S("rejected"), &row, err));
    }
    return job_save(tx, &j, err);
}

static void answer(const Retry *x, JsonWriter *w)
{
    jw_object(w);
    jw_key(w, S("accepted"));
    jw_array(w);
    for (size_t i = 0; i < x->b.n; i++)
        if (x->b.items[i].state == ITEM_DONE) jw_int(w, x->b.items[i].row.number);
    jw_array_end(w);
    jw_key(w, S("rejected"));
    jw_array(w);
    for (size_t i = 0; i < x->b.n; i++) {
        const Item *it = &x->b.items[i];
        if (it->state == ITEM_DONE) continue;
        jw_object(w);
        jw_kint(w, "row", it->row.number);
        write_reason(w, &x->r.spec, it->field, it->reason);
        jw_object_end(w);
    }
    jw_array_end(w);
    jw_object_end(w);
}

static int retry(Retry *x, Request *rq, Err *err)
{
    Arena *a = rq->arena;
    const Entity *e = model_entity(rq->city->model, x->r.job.entity);
    StrList names = spec_names(a, &x->r.spec);
    x->o = (ImportOptions){.entity = e,
                           .map = spec_map(a, &x->r.spec, e),
                           .names = &names,
                           .upsert = x->r.spec.upsert,
                           .who = rq->who,
                           .trace = rq->trace};
    TRY(import_begin(&x->im, rq->city->store, rq->city->model, &x->o, &x->result, err));
    x->im.last_pass = true;
    x->b = (Batch){&x->im, a, ARENA_ARRAY(a, Item, json_array_size(x->given) + 1), json_array_size(x->given)};
    x->kept = ARENA_ARRAY(a, JobRow, x->b.n + 1);
    TRY(store_read(rq->city->store, "import rows", kept_tx, x, err));
    for (size_t i = 0; i < x->b.n; i++) TRY(corrected(x, i, err));
    return store_tx(rq->city->store, "import retry", write_tx, x, err);
}

int import_retry_post(Request *rq, Err *err)
{
    Retry x = {0};
    Jobs *s;
    json_t *body;
    JsonWriter w;
    TRY(open_rejected(rq, &x.r, &s, err));
    TRY(json_parse(rq->arena, rq->body, &body, err));
    x.given = json_object_get(body, "rows");
    if (!json_is_array(x.given) || !json_array_size(x.given) || json_array_size(x.given) > RETRY_MAX)
        return err_set(err, ERR_INPUT, "rows 要是 1 到 %d 行的列表", RETRY_MAX), err_pointer(err, "/rows");
    if (!str_is(x.r.job.phase, "run") || job_runs(&x.r.job))
        return err_set(err, ERR_CONFLICT, "导入以后才能改正退回的行"), err_hint(err, "先运行导入，等它停下");
    int rc = retry(&x, rq, err);
    if (x.im.a) import_end(&x.im);
    TRY(rc);
    jw_init(&w, &rq->out);
    answer(&x, &w);
    return 0;
}

/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * An export at work: one snapshot, read in slices into a file of the data folder, as its maker with the
 * rights of its beginning. Sensitive values are masked: who may see them states a purpose at /api/records,
 * where each look is journalled. What a stopped server leaves is begun anew.
 */
#include "model/job_int.h"
#include "model/record.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "model/export.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

typedef struct ExportRun {
    Jobs *s;
    Arena *a;
    Job job;
    Actor who;
    const Entity *e;
    Format format;
    Str query;
    Active *active;
    int fd;
    int64_t rows, began_us;
    bool gone;
} ExportRun;

static int stopped(ExportRun *r, Err *err)
{
    bool stop = atomic_load(&r->active->stop) || atomic_load(&r->s->stopping);
    if (!stop) return 0;
    r->gone = true;
    return err_set(err, ERR_PRECONDITION, "已经停下");
}

static int to_file(void *ctx, Str text, Err *err)
{
    ExportRun *r = ctx;
    atomic_store(&r->active->rows, r->rows);
    TRY(stopped(r, err));
    while (text.n) {
        ssize_t n = write(r->fd, text.p, text.n);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return err_io(err, errno, "导出写不下去");
        text = str_from(text, (size_t)n);
    }
    return 0;
}

static int parse(ExportRun *r, const QueryCtx *c, Query **ret, Err *err)
{
    TRY(query_parse(c, r->e, r->query, ret, err));
    return 0;
}

static int count_tx(Tx *tx, void *ctx, Err *err)
{
    ExportRun *r = ctx;
    _cleanup_arena_ Arena *a = arena_new();
    QueryCtx c = {a, r->s->city->model, &r->who, r->job.trace};
    Query *q;
    ReadResult result;
    Buf out;
    TRY(parse(r, &c, &q, err));
    int64_t limit = q->limit, offset = q->offset;
    q->limit = 1;
    q->offset = 0;
    buf_init(&out, 64 << 20);
    int rc = record_read(&c, tx, q, FORMAT_NDJSON, true, &out, &result, err);
    buf_done(&out);
    if (rc < 0) return rc;
    int64_t total = result.total - offset > 0 ? result.total - offset : 0;
    atomic_store(&r->active->total, limit >= 0 && limit < total ? limit : total);
    return 0;
}

static int stream_tx(Tx *tx, void *ctx, Err *err)
{
    ExportRun *r = ctx;
    _cleanup_arena_ Arena *a = arena_new();
    QueryCtx c = {a, r->s->city->model, &r->who, r->job.trace};
    Query *q;
    r->rows = 0;
    if (ftruncate(r->fd, 0) != 0 || lseek(r->fd, 0, SEEK_SET) != 0) /* a read may run twice */
        return err_io(err, errno, "导出写不下去");
    TRY(parse(r, &c, &q, err));
    if (r->format == FORMAT_CSV) TRY(to_file(r, S("\xEF\xBB\xBF"), err));
    TRY(record_stream(&c, tx, q, r->format, to_file, r, &r->rows, err));
    if (r->format != FORMAT_CSV || !record_sensitive(q)) return 0;
    TRY(to_file(r, record_watermark(a, &r->who, r->job.trace, r->rows), err));
    return to_file(r, S("\r\n"), err);
}

static int find_tx(Tx *tx, void *ctx, Err *err)
{
    ExportRun *r = ctx;
    City *c = r->s->city;
    Access access;
    int64_t turn = r->job.turn;
    TRY(job_load(tx, r->a, r->job.id, &r->job, err));
    r->gone = r->job.turn != turn || !job_runs(&r->job);
    if (r->gone) return 0;
    if (!c->actor_of) return err_set(err, ERR_FORBIDDEN, "没有人可以办理");
    TRY(c->actor_of(tx, r->a, c->model, r->job.owner, r->job.behalf, &r->who, err));
    r->e = model_entity(c->model, r->job.entity);
    if (!r->e) return err_set(err, ERR_NOT_FOUND, "实体 “" STR_FMT "” 已经不在", STR_ARG(r->job.entity));
    return access_check(&r->who, r->e, OP_READ, &access, err);
}

static int read_spec(ExportRun *r, Err *err)
{
    json_t *o;
    TRY(json_parse(r->a, r->job.spec, &o, err));
    r->query = str_c(json_string_value(json_object_get(o, "query")));
    return export_format(str_c(json_string_value(json_object_get(o, "format"))), &r->format, err);
}

typedef struct Ending {
    ExportRun *r;
    int rc;
    Str error;
} Ending;

/* The entry of the journal and the file's being there are one. */
static int end_tx(Tx *tx, void *ctx, Err *err)
{
    Ending *x = ctx;
    ExportRun *r = x->r;
    _cleanup_arena_ Arena *a = arena_new();
    Job j;
    TRY(job_load(tx, a, r->job.id, &j, err));
    if (j.turn != r->job.turn || !job_runs(&j)) return r->gone = true, 0;
    j.state = x->rc < 0 ? S("failed") : S("done");
    j.error = x->error;
    j.n_read = r->rows;
    j.total = atomic_load(&r->active->total);
    j.size = x->rc < 0 ? 0 : lseek(r->fd, 0, SEEK_END);
    j.ended_us = clock_now_us();
    j.worked_us = clock_mono_us() - r->began_us;
    if (x->rc == 0) {
        json_t *o;
        TRY(json_parse(a, j.spec, &o, err));
        Exported entry = {&r->who,
                          j.trace,
                          r->e,
                          text_cut_bytes(r->query, 2000),
                          str_c(json_string_value(json_object_get(o, "format"))),
                          r->rows};
        TRY(record_exported(tx, &entry, err));
    }
    return job_save(tx, &j, err);
}

static int run(ExportRun *r, Err *err)
{
    Store *s = r->s->city->store;
    TRY(store_read(s, "export open", find_tx, r, err));
    if (r->gone) return 0;
    TRY(read_spec(r, err));
    r->fd = open(job_path(r->a, r->s, r->job.id).p, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (r->fd < 0) return err_io(err, errno, "不能建立文件");
    TRY(store_read_long(s, "export count", count_tx, r, err));
    TRY(store_read_long(s, "export", stream_tx, r, err));
    return fsync(r->fd) == 0 ? 0 : err_io(err, errno, "导出写不下去");
}

static void enter(ExportRun *r)
{
    Jobs *s = r->s;
    snprintf(r->active->id, sizeof r->active->id, STR_FMT, STR_ARG(r->job.id));
    atomic_store(&r->active->total, -1);
    pthread_mutex_lock(&s->lock);
    r->active->next = s->active;
    s->active = r->active;
    pthread_mutex_unlock(&s->lock);
}

static void leave(ExportRun *r)
{
    Jobs *s = r->s;
    pthread_mutex_lock(&s->lock);
    for (Active **p = &s->active; *p; p = &(*p)->next)
        if (*p == r->active) {
            *p = r->active->next;
            break;
        }
    pthread_mutex_unlock(&s->lock);
    free(r->active);
}

void export_job_run(Jobs *s, Str id, int64_t turn)
{
    Err err = ERR_INIT, late = ERR_INIT;
    ExportRun r = {.s = s, .a = arena_new(), .fd = -1, .began_us = clock_mono_us()};
    r.active = xcalloc(1, sizeof *r.active);
    r.job = (Job){.id = str_dup(r.a, id), .turn = turn, .trace = S("")};
    enter(&r);
    int rc = run(&r, &err);
    Ending x = {&r, rc, rc < 0 ? import_reason(r.a, &err) : S("")};
    if (!r.gone && store_tx(s->city->store, "export end", end_tx, &x, &late) < 0)
        log_err("jobs", r.job.trace, &late);
    if ((r.gone || rc < 0 || late.code) && r.fd >= 0) unlink(job_path(r.a, s, r.job.id).p);
    if (r.fd >= 0) close(r.fd);
    leave(&r);
    arena_free(r.a);
}

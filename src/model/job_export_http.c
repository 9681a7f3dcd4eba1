/* SPDX-License-Identifier: MulanPSL-2.0 */
/* /api/exports: a file made on the side, for its maker, for a day. */
#include "model/job_int.h"
#include "model/record_http_int.h"

#include "base/clock.h"
#include "model/export.h"
#include "model/url.h"

typedef struct Wanted {
    Str entity, query, format;
} Wanted;

static const JsonField wanted_fields[] = {
    {"entity", JSON_T_STR, offsetof(Wanted, entity), true, 1, 48, "实体"},
    {"query", JSON_T_STR, offsetof(Wanted, query), false, 0, 8000, "查询，写法同 /api/records，不带问号"},
    {"format", JSON_T_STR, offsetof(Wanted, format), false, 1, 10, "xlsx、csv、ndjson、geojson；缺省 xlsx"},
    {0}};

static Str spec_of(Arena *a, const Wanted *in)
{
    Buf b;
    JsonWriter w;
    buf_init(&b, 64 << 10);
    jw_init(&w, &b);
    jw_object(&w);
    jw_kstr(&w, "format", in->format);
    jw_kstr(&w, "query", in->query);
    jw_object_end(&w);
    Str s = buf_dup(a, &b);
    buf_done(&b);
    return s;
}

/* Day and time in the name, so that files of one entity are told apart. */
static Str file_name(Arena *a, const Entity *e, Str format)
{
    Date d;
    TimeOfDay t;
    clock_to_china(clock_now_us(), &d, &t, NULL);
    return str_fmt(a, STR_FMT "-%04d%02d%02d-%02d%02d." STR_FMT, STR_ARG(e->title), d.year, d.month, d.day,
                   t.hour, t.minute, STR_ARG(format));
}

/* Everything that can be wrong is told before the job exists. */
static int check(Request *rq, const Wanted *in, const Entity *e, Err *err)
{
    QueryCtx c = {rq->arena, rq->city->model, rq->who, rq->trace};
    Access access;
    Format format;
    Query *q;
    TRY(access_check(rq->who, e, OP_READ, &access, err));
    TRY(export_format(in->format, &format, err));
    TRY(query_parse(&c, e, in->query, &q, err));
    if (format != FORMAT_GEOJSON) return 0;
    for (size_t i = 0; i < q->n_picks; i++)
        if (q->picks[i].field && q->picks[i].field->storage == STORE_GEO) return 0;
    return err_set(err, ERR_NOT_ACCEPTABLE, "“" STR_FMT "” 没有空间字段，不能给出 GeoJSON",
                   STR_ARG(e->title));
}

int exports_post(Request *rq, Err *err)
{
    Wanted in = {0};
    const Entity *e;
    json_t *body;
    Jobs *s;
    Job j;
    TRY(jobs_of(rq, &s, err));
    TRY(json_parse(rq->arena, rq->body, &body, err));
    TRY(json_decode(rq->arena, body, wanted_fields, &in, err));
    if (!in.format.n) in.format = S("xlsx");
    if (str_starts(in.query, S("?"))) in.query = str_from(in.query, 1);
    TRY(job_entity(rq, in.entity, &e, err));
    TRY(check(rq, &in, e, err));
    TRY(job_make(rq, s, "export", e, &j, err));
    j.name = file_name(rq->arena, e, in.format);
    j.spec = spec_of(rq->arena, &in);
    TRY(store_tx(rq->city->store, "export add", job_add_tx, &j, err));
    TRY(job_start(rq, s, &j, "running", err));
    request_header(rq, "Location", str_fmt(rq->arena, "/api/exports/" STR_FMT, STR_ARG(j.id)));
    return job_answer(rq, s, &j, 201);
}

int export_get(Request *rq, Err *err)
{
    Jobs *s;
    Job j;
    TRY(jobs_of(rq, &s, err));
    TRY(job_of_request(rq, "export", &j, err));
    return job_answer(rq, s, &j, 200);
}

int exports_get(Request *rq, Err *err) { return job_answer_list(rq, S("export"), err); }

static const char *media_of(Arena *a, const Job *j)
{
    json_t *o;
    Format f = FORMAT_CSV;
    if (json_parse(a, j->spec, &o, NULL) < 0 ||
        export_format(str_c(json_string_value(json_object_get(o, "format"))), &f, NULL) < 0)
        return "application/octet-stream";
    return record_media[f];
}

int export_file_get(Request *rq, Err *err)
{
    Jobs *s;
    Job j;
    Access access;
    TRY(jobs_of(rq, &s, err));
    TRY(job_of_request(rq, "export", &j, err));
    const Entity *e = model_entity(rq->city->model, j.entity);
    if (!e) return err_set(err, ERR_NOT_FOUND, "没有这项任务");
    TRY(access_check(rq->who, e, OP_READ, &access, err)); /* who may no longer read it gets it no more */
    if (!str_is(j.state, "done")) return err_set(err, ERR_CONFLICT, "文件还没有做好");
    if (clock_now_us() - j.created_us > EXPORT_KEPT_H * 3600 * US_PER_SEC)
        return err_set(err, ERR_NOT_FOUND, "文件已过保存期"), err_hint(err, "重新导出");
    rq->file_fd = job_open(s, j.id, &rq->file_size);
    if (rq->file_fd < 0) return err_set(err, ERR_NOT_FOUND, "文件不在这台服务器上，或已被清理");
    rq->content_type = media_of(rq->arena, &j);
    record_attachment(rq, j.name);
    return 0;
}

int export_stop_post(Request *rq, Err *err)
{
    Jobs *s;
    Job j;
    TRY(jobs_of(rq, &s, err));
    TRY(job_of_request(rq, "export", &j, err));
    TRY(job_halt(rq, s, &j, err));
    return job_answer(rq, s, &j, 200);
}

int export_delete(Request *rq, Err *err)
{
    Jobs *s;
    Job j;
    TRY(jobs_of(rq, &s, err));
    TRY(job_of_request(rq, "export", &j, err));
    TRY(job_halt(rq, s, &j, err));
    TRY(job_remove(s, j.id, err));
    rq->status = 204;
    return 0;
}

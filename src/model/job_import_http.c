/* SPDX-License-Identifier: MulanPSL-2.0 */
/* /api/imports: a file is taken, looked at, given columns, tried, run. Rejected rows: job_retry_http.c. */
#include "model/job_int.h"

#include "base/clock.h"
#include "model/url.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* The bytes that came become the job's file, durably. */
static int keep_file(const Request *rq, const Jobs *s, Str id, Err *err)
{
    char from[64];
    snprintf(from, sizeof from, "/proc/self/fd/%d", rq->body_fd);
    int dir = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = dir >= 0 && fsync(rq->body_fd) == 0 &&
              linkat(AT_FDCWD, from, AT_FDCWD, job_path(rq->arena, s, id).p, AT_SYMLINK_FOLLOW) == 0 &&
              fsync(dir) == 0;
    int e = errno;
    if (dir >= 0) close(dir);
    return ok ? 0 : err_io(err, e, "文件没有存下");
}

static Str base_name(Str name)
{
    for (size_t i = name.n; i-- > 0;)
        if (name.p[i] == '/' || name.p[i] == '\\') return str_from(name, i + 1);
    return name;
}

static int look(Request *rq, const Jobs *s, const Job *j, const Entity *e, const SourceForm *form,
                int64_t header, Look *ret, Err *err)
{
    return import_look(rq->arena, job_path(rq->arena, s, j->id).p, form, header, e, rq->who, ret, err);
}

static int take(Request *rq, const Jobs *s, Job *j, const Entity *e, Err *err)
{
    SourceForm form = {.kind = source_kind_of_name(j->name)};
    ImportSpec spec = {.name = j->name};
    Look seen;
    TRY(look(rq, s, j, e, &form, 0, &seen, err));
    spec_from_look(&spec, &seen);
    j->spec = spec_write(rq->arena, &spec);
    j->total = seen.rows;
    j->size = rq->body_size;
    return store_tx(rq->city->store, "import add", job_add_tx, j, err);
}

int imports_post(Request *rq, Err *err)
{
    const Entity *e;
    Access access;
    Jobs *s;
    Job j;
    TRY(jobs_of(rq, &s, err));
    Str name = request_param(rq, "name");
    TRY(job_entity(rq, request_param(rq, "entity"), &e, err));
    TRY(access_check(rq->who, e, OP_CREATE, &access, err));
    name = text_cut(text_tidy(rq->arena, base_name(name)), 200);
    if (!name.n || !text_valid(name))
        return err_set(err, ERR_INPUT, "缺少文件名"), err_pointer(err, "name"),
               err_hint(err, "写成 POST /api/imports?entity=实体&name=文件名，正文是文件内容");
    if (rq->body_fd <= 0 || !rq->body_size)
        return err_set(err, ERR_INPUT, "文件是空的"), err_hint(err, "正文要是文件内容");
    TRY(job_make(rq, s, "import", e, &j, err));
    j.name = name;
    TRY(keep_file(rq, s, j.id, err));
    if (take(rq, s, &j, e, err) < 0) {
        unlink(job_path(rq->arena, s, j.id).p);
        return -(int)err->code;
    }
    request_header(rq, "Location", str_fmt(rq->arena, "/api/imports/" STR_FMT, STR_ARG(j.id)));
    return job_answer(rq, s, &j, 201);
}

int imports_get(Request *rq, Err *err) { return job_answer_list(rq, S("import"), err); }

static int mine(Request *rq, Jobs **s, Job *j, Err *err)
{
    TRY(jobs_of(rq, s, err));
    return job_of_request(rq, "import", j, err);
}

int import_get(Request *rq, Err *err)
{
    Jobs *s;
    Job j;
    TRY(mine(rq, &s, &j, err));
    return job_answer(rq, s, &j, 200);
}

/* --- changing what was recognised ---------------------------------------------------------------------- */

typedef struct Patch {
    json_t *columns;
    Str mode, encoding, separator, sheet;
    int64_t header;
} Patch;

static const JsonField patch_fields[] = {
    {"columns", JSON_T_ANY, offsetof(Patch, columns), false, 0, 0, "{\"源列\": \"字段\" 或 null}"},
    {"mode", JSON_T_STR, offsetof(Patch, mode), false, 1, 10, "insert 或 upsert"},
    {"encoding", JSON_T_STR, offsetof(Patch, encoding), false, 1, 20, "UTF-8、GB18030、UTF-16LE、UTF-16BE"},
    {"separator", JSON_T_STR, offsetof(Patch, separator), false, 1, 1, "逗号、分号、制表符或 |"},
    {"sheet", JSON_T_STR, offsetof(Patch, sheet), false, 1, 200, "工作表"},
    {"header", JSON_T_INT, offsetof(Patch, header), false, 1, 1000, "表头在第几行"},
    {0}};

static int no_field(const Entity *e, Str column, Str name, Err *err)
{
    Str near = entity_nearest(e, name);
    err_set(err, ERR_VALIDATION, "“" STR_FMT "” 没有字段 “" STR_FMT "”", STR_ARG(e->title),
            STR_ARG(text_cut(name, 48)));
    err_pointer(err, "/columns/" STR_FMT, STR_ARG(text_cut_bytes(column, 200)));
    return near.n ? err_hint(err, "是不是 “" STR_FMT "”", STR_ARG(near)) : -(int)ERR_VALIDATION;
}

static int find_field(const Request *rq, const Entity *e, Str column, const json_t *v, const Field **ret,
                      Err *err)
{
    *ret = NULL;
    if (json_is_null(v)) return 0;
    if (!json_is_string(v))
        return err_set(err, ERR_VALIDATION, "每一列对应一个字段名，或 null"),
               err_pointer(err, "/columns/" STR_FMT, STR_ARG(text_cut_bytes(column, 200)));
    Str name = str_n(json_string_value(v), json_string_length(v));
    const Field *f = entity_field(e, name);
    if (f && f->system && f->i == SYS_ID && e->key) f = e->key;
    if (!f || access_hides(rq->who, f)) return no_field(e, column, name, err);
    bool given = (f->system && f->i != SYS_ID) || f->expr.n;
    if (given || (!f->system && !access_writes(rq->who, f)))
        return err_set(err, ERR_VALIDATION, "“" STR_FMT "” 不能填写", STR_ARG(f->title)),
               err_pointer(err, "/columns/" STR_FMT, STR_ARG(text_cut_bytes(column, 200)));
    *ret = f;
    return 0;
}

static int set_columns(const Request *rq, const Entity *e, const json_t *columns, ImportSpec *spec, Err *err)
{
    const char *key;
    json_t *v;
    if (!json_is_object(columns))
        return err_set(err, ERR_INPUT, "columns 要写成 {\"源列\": \"字段\"}"), err_pointer(err, "/columns");
    json_object_foreach((json_t *)(uintptr_t)columns, key, v)
    {
        size_t i = 0;
        while (i < spec->n && !str_is(spec->columns[i].name, key)) i++;
        if (i == spec->n)
            return err_set(err, ERR_VALIDATION, "文件里没有列 “" STR_FMT "”",
                           STR_ARG(text_cut(str_c(key), 48))),
                   err_pointer(err, "/columns/%.200s", key);
        TRY(find_field(rq, e, str_c(key), v, &spec->columns[i].field, err));
        spec->columns[i].why = spec->columns[i].field ? S("人工选定") : S("");
    }
    for (size_t i = 0; i < spec->n; i++)
        for (size_t k = 0; k < i; k++)
            if (spec->columns[i].field && spec->columns[i].field == spec->columns[k].field)
                return err_set(err, ERR_VALIDATION, "有两列都对应 “" STR_FMT "”",
                               STR_ARG(spec->columns[i].field->title)),
                       err_pointer(err, "/columns/" STR_FMT,
                                   STR_ARG(text_cut_bytes(spec->columns[i].name, 200)));
    return 0;
}

static int set_form(const Patch *p, ImportSpec *spec, Err *err)
{
    bool csv = spec->form.kind == 'c';
    if ((p->encoding.n || p->separator.n) && !csv)
        return err_set(err, ERR_VALIDATION, "只有文本文件有编码和分隔符"), err_pointer(err, "/encoding");
    if (p->sheet.n && spec->form.kind != 'x')
        return err_set(err, ERR_VALIDATION, "只有表格文件有工作表"), err_pointer(err, "/sheet");
    if (p->encoding.n) {
        if (charset_parse(p->encoding, &spec->form.charset, err) < 0) return err_pointer(err, "/encoding");
        spec->form.charset_given = true;
    }
    if (p->separator.n && !strchr(",;\t|", p->separator.p[0]))
        return err_set(err, ERR_VALIDATION, "分隔符是逗号、分号、制表符或 |"), err_pointer(err, "/separator");
    if (p->separator.n) spec->form.sep = p->separator.p[0];
    if (p->sheet.n) spec->form.sheet = p->sheet;
    return 0;
}

static int apply(Request *rq, const Jobs *s, const Patch *p, Job *j, Err *err)
{
    const Entity *e = model_entity(rq->city->model, j->entity);
    ImportSpec spec;
    TRY(spec_read(rq->arena, rq->city->model, j, &spec, err));
    if (p->mode.n && !str_is(p->mode, "insert") && !str_is(p->mode, "upsert"))
        return err_set(err, ERR_VALIDATION, "mode 写 insert 或 upsert"), err_pointer(err, "/mode");
    if (p->mode.n) spec.upsert = str_is(p->mode, "upsert");
    if (p->encoding.n || p->separator.n || p->sheet.n || p->header) {
        Look seen;
        bool other = p->encoding.n || p->separator.n || p->sheet.n;
        TRY(set_form(p, &spec, err));
        TRY(look(rq, s, j, e, &spec.form, p->header ? p->header : other ? 0 : spec.header, &seen, err));
        spec_from_look(&spec, &seen);
        j->total = seen.rows;
    }
    if (p->columns) TRY(set_columns(rq, e, p->columns, &spec, err));
    j->spec = spec_write(rq->arena, &spec);
    return 0;
}

typedef struct Save {
    Request *rq;
    const Job *job;
    Job now;
} Save;

/* Not while it runs, and not once rows were written with the old columns. */
static int patch_tx(Tx *tx, void *ctx, Err *err)
{
    Save *x = ctx;
    TRY(job_load(tx, x->rq->arena, x->job->id, &x->now, err));
    if (job_runs(&x->now) || str_is(x->now.phase, "run"))
        return err_set(err, ERR_CONFLICT, "已经开始导入，不能再改"), err_hint(err, "删去这次导入，重新上传");
    x->now.spec = x->job->spec;
    x->now.total = x->job->total;
    x->now.state = S("ready");
    x->now.phase = S("");
    x->now.error = S("");
    return job_save(tx, &x->now, err);
}

int import_patch(Request *rq, Err *err)
{
    Patch p = {0};
    json_t *body;
    Jobs *s;
    Job j;
    TRY(mine(rq, &s, &j, err));
    TRY(json_parse(rq->arena, rq->body, &body, err));
    TRY(json_decode(rq->arena, body, patch_fields, &p, err));
    TRY(apply(rq, s, &p, &j, err));
    Save x = {.rq = rq, .job = &j};
    TRY(store_tx(rq->city->store, "import patch", patch_tx, &x, err));
    return job_answer(rq, s, &x.now, 200);
}

/* --- work ------------------------------------------------------------------------------------------------
 */

static int begin(Request *rq, const char *state, Err *err)
{
    Jobs *s;
    Job j;
    Access access;
    TRY(mine(rq, &s, &j, err));
    const Entity *e = model_entity(rq->city->model, j.entity);
    if (!e) return err_set(err, ERR_NOT_FOUND, "实体 “" STR_FMT "” 已经不在", STR_ARG(j.entity));
    TRY(access_check(rq->who, e, OP_CREATE, &access, err));
    TRY(job_start(rq, s, &j, state, err));
    return job_answer(rq, s, &j, 202);
}

int import_check_post(Request *rq, Err *err) { return begin(rq, "checking", err); }
int import_run_post(Request *rq, Err *err) { return begin(rq, "running", err); }

int import_stop_post(Request *rq, Err *err)
{
    Jobs *s;
    Job j;
    TRY(mine(rq, &s, &j, err));
    TRY(job_halt(rq, s, &j, err));
    return job_answer(rq, s, &j, 200);
}

int import_delete(Request *rq, Err *err)
{
    Jobs *s;
    Job j;
    TRY(mine(rq, &s, &j, err));
    TRY(job_halt(rq, s, &j, err));
    TRY(job_remove(s, j.id, err));
    rq->status = 204;
    return 0;
}

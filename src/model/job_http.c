/* SPDX-License-Identifier: MulanPSL-2.0 */
/* What imports and exports have in common over HTTP: whose they are, how they begin, stop and are told. */
#include "model/job_int.h"
#include "model_sql.h"

#include "base/clock.h"
#include "base/sm.h"

int jobs_of(const Request *rq, Jobs **ret, Err *err)
{
    *ret = rq->city->jobs;
    if (!*ret) return err_set(err, ERR_BUSY, "任务还没有准备好");
    /* a key may hold less than its user; a job runs with all that the user has */
    if (rq->admit)
        return err_set(err, ERR_FORBIDDEN, "用密钥签名的调用不能建立任务"),
               err_hint(err, "用 /api/records 读写，或登录后再来");
    return 0;
}

int job_entity(const Request *rq, Str name, const Entity **ret, Err *err)
{
    return model_find(rq->city->model, name, ret, err) < 0 ? err_pointer(err, "entity") : 0;
}

int job_make(Request *rq, Jobs *s, const char *kind, const Entity *e, Job *ret, Err *err)
{
    uint8_t b[10];
    (void)err;
    random_bytes(b, sizeof b);
    *ret = (Job){.id = hex_encode(rq->arena, str_n((char *)b, sizeof b)),
                 .kind = str_c(kind),
                 .owner = rq->who->user,
                 .behalf = rq->who->behalf,
                 .home = s->home,
                 .entity = e->name,
                 .state = S("ready"),
                 .phase = S(""),
                 .total = -1,
                 .error = S(""),
                 .trace = rq->trace,
                 .created_us = clock_now_us()};
    return 0;
}

int job_add_tx(Tx *tx, void *ctx, Err *err)
{
    const Job *j = ctx;
    _cleanup_arena_ Arena *a = arena_new();
    Val n;
    TRY(tx_one(tx, a, &sql_model_job_count, VALS(V_TEXT(j->owner)), &n, err));
    if (n.i < JOB_KEPT_MAX) return job_add(tx, j, err);
    err_set(err, ERR_TOO_MANY, "您已有 %d 项导入和导出", JOB_KEPT_MAX);
    return err_hint(err, "先删去不再需要的");
}

typedef struct OneJob {
    Request *rq;
    Str id;
    Job *job;
} OneJob;

static int load_tx(Tx *tx, void *ctx, Err *err)
{
    OneJob *l = ctx;
    return job_load(tx, l->rq->arena, l->id, l->job, err);
}

/* One's own job; another's is not there. */
int job_of_request(Request *rq, const char *kind, Job *ret, Err *err)
{
    OneJob l = {rq, rq->params[0], ret};
    TRY(store_read(rq->city->store, "job", load_tx, &l, err));
    bool mine = str_eq(ret->owner, rq->who->user) && str_eq(ret->behalf, rq->who->behalf);
    return mine && str_is(ret->kind, kind) ? 0 : err_set(err, ERR_NOT_FOUND, "没有这项任务");
}

/* --- telling ---------------------------------------------------------------------------------------- */

static void when(JsonWriter *w, Arena *a, const char *key, int64_t us)
{
    jw_key(w, str_c(key));
    if (us)
        jw_str(w, clock_str(a, us));
    else
        jw_null(w);
}

static void total(JsonWriter *w, const char *key, int64_t n)
{
    jw_key(w, str_c(key));
    if (n < 0)
        jw_null(w);
    else
        jw_int(w, n);
}

static void figures(JsonWriter *w, const Jobs *s, const Job *j)
{
    int64_t rows = j->n_read, all = j->total;
    bool import = str_is(j->kind, "import");
    pthread_mutex_lock((pthread_mutex_t *)&s->lock);
    Active *x = import ? NULL : active_find((Jobs *)(uintptr_t)s, j->id);
    if (x) rows = atomic_load(&x->rows), all = atomic_load(&x->total);
    pthread_mutex_unlock((pthread_mutex_t *)&s->lock);
    if (!import) {
        jw_kint(w, "rows", rows);
        total(w, "total", all);
        jw_kint(w, "bytes", j->size);
        return;
    }
    jw_kint(w, "bytes", j->size);
    jw_kint(w, "done_bytes", j->bytes);
    total(w, "rows", j->total);
    jw_kint(w, "read", j->n_read);
    jw_kint(w, "accepted", j->accepted);
    jw_kint(w, "rejected", j->rejected);
    jw_kint(w, "skipped", j->skipped);
    jw_kint(w, "waiting", j->waiting);
    jw_kint(w, "rate", j->worked_us > 0 ? j->n_read * US_PER_SEC / j->worked_us : 0);
}

/* The members of the spec stand beside the rest. */
static void spec_members(JsonWriter *w, Arena *a, const Job *j, bool whole)
{
    json_t *o, *value;
    const char *key;
    if (json_parse(a, j->spec, &o, NULL) < 0) return;
    json_object_foreach(o, key, value)
    {
        if (!whole && strcmp(key, "format") != 0) continue;
        jw_key(w, str_c(key));
        jw_json(w, value);
    }
}

void job_write(JsonWriter *w, const Jobs *s, const City *c, const Job *j, bool whole)
{
    _cleanup_arena_ Arena *a = arena_new();
    const Entity *e = model_entity(c->model, j->entity);
    jw_object(w);
    jw_kstr(w, "id", j->id);
    jw_kstr(w, "kind", j->kind);
    jw_kstr(w, "user", j->owner);
    jw_kstr(w, "entity", j->entity);
    jw_kstr(w, "title", e ? e->title : j->entity);
    jw_kstr(w, "state", j->state);
    jw_kstr(w, "phase", j->phase);
    figures(w, s, j);
    when(w, a, "created_at", j->created_us);
    when(w, a, "started_at", j->started_us);
    when(w, a, "ended_at", j->ended_us);
    jw_kbool(w, "here", str_eq(j->home, s->home));
    if (whole) { /* what may tell of the business */
        jw_kstr(w, "name", j->name);
        if (j->behalf.n) jw_kstr(w, "behalf", j->behalf);
        jw_key(w, S("error"));
        if (j->error.n)
            jw_str(w, j->error);
        else
            jw_null(w);
    }
    spec_members(w, a, j, whole);
    jw_object_end(w);
}

int job_answer(Request *rq, const Jobs *s, const Job *j, int status)
{
    JsonWriter w;
    jw_init(&w, &rq->out);
    job_write(&w, s, rq->city, j, true);
    rq->status = status;
    return 0;
}

/* --- beginning and stopping ---------------------------------------------------------------------------- */

typedef struct Change {
    Request *rq;
    Jobs *s;
    Job *job;
    const char *state;
} Change;

static int too_many(Tx *tx, Arena *a, Str owner, Err *err)
{
    Val n;
    TRY(tx_one(tx, a, &sql_model_job_running, VALS(V_TEXT(owner)), &n, err));
    if (n.i < JOB_RUNNING_MAX) return 0;
    err_set(err, ERR_TOO_MANY, "您已有 %d 项任务在进行", JOB_RUNNING_MAX);
    return err_hint(err, "等其中一项结束，或先停下一项");
}

/* A run after a check begins from the first row; one that was stopped goes on. */
static int start_tx(Tx *tx, void *ctx, Err *err)
{
    Change *x = ctx;
    Job *j = x->job;
    bool run = !strcmp(x->state, "running");
    TRY(job_load(tx, x->rq->arena, j->id, j, err));
    if (job_runs(j)) return err_set(err, ERR_CONFLICT, "这项任务正在进行");
    bool ran = str_is(j->phase, "run");
    if (str_is(j->state, "done")) return err_set(err, ERR_CONFLICT, "这项任务已经做完");
    if (ran && !run)
        return err_set(err, ERR_CONFLICT, "已经开始导入，不能再试运行"), err_hint(err, "继续导入");
    TRY(too_many(tx, x->rq->arena, j->owner, err));
    if (!ran) {
        TRY(tx_exec(tx, &sql_model_job_rows_drop, VALS(V_TEXT(j->id)), NULL, err));
        j->bytes = j->position = j->n_read = j->accepted = j->rejected = j->skipped = j->waiting = 0;
        j->worked_us = 0;
        j->started_us = clock_now_us();
    }
    j->state = str_c(x->state);
    j->phase = run ? S("run") : S("check");
    j->turn++;
    j->error = S("");
    j->ended_us = 0;
    return job_save(tx, j, err);
}

static int halt_tx(Tx *tx, void *ctx, Err *err)
{
    Change *x = ctx;
    TRY(job_load(tx, x->rq->arena, x->job->id, x->job, err));
    if (!job_runs(x->job)) return 0;
    x->job->state = S("stopped");
    x->job->ended_us = clock_now_us();
    return job_save(tx, x->job, err);
}

int job_start(Request *rq, Jobs *s, Job *j, const char *state, Err *err)
{
    Change x = {rq, s, j, state};
    if (!str_eq(j->home, s->home))
        return err_set(err, ERR_CONFLICT, "这项任务的文件在另一台服务器上"),
               err_hint(err, "到那台服务器上办理");
    TRY(store_tx(rq->city->store, "job start", start_tx, &x, err));
    int rc = job_begin(s, j, err);
    if (rc == 0) return 0;
    Err ignored = ERR_INIT;
    int undone = store_tx(rq->city->store, "job stop", halt_tx, &x, &ignored);
    return undone < 0 ? undone : rc;
}

int job_halt(Request *rq, Jobs *s, Job *j, Err *err)
{
    Change x = {rq, s, j, ""};
    pthread_mutex_lock(&s->lock);
    Active *active = active_find(s, j->id);
    if (active) atomic_store(&active->stop, true);
    pthread_mutex_unlock(&s->lock);
    return store_tx(rq->city->store, "job stop", halt_tx, &x, err);
}

/* --- all of them -----------------------------------------------------------------------------------------
 */

typedef struct ListOf {
    Request *rq;
    Str owner, kind; /* empty: of everybody; of both kinds */
    Job *jobs;
    size_t n;
} ListOf;

static int list_tx(Tx *tx, void *ctx, Err *err)
{
    ListOf *l = ctx;
    return job_list(tx, l->rq->arena, l->owner, l->kind, &l->jobs, &l->n, err);
}

/* Of others' jobs nothing of what they are about. */
static int answer_list(ListOf *l, Err *err)
{
    Request *rq = l->rq;
    JsonWriter w;
    TRY(store_read(rq->city->store, "jobs", list_tx, l, err));
    jw_init(&w, &rq->out);
    jw_array(&w);
    for (size_t i = 0; i < l->n; i++)
        job_write(&w, rq->city->jobs, rq->city, &l->jobs[i], str_eq(l->jobs[i].owner, rq->who->user));
    jw_array_end(&w);
    return 0;
}

int job_answer_list(Request *rq, Str kind, Err *err)
{
    Jobs *s;
    ListOf l = {.rq = rq, .owner = rq->who->user, .kind = kind};
    TRY(jobs_of(rq, &s, err));
    return answer_list(&l, err);
}

/* One's own; who looks after the city sees everybody's. */
int jobs_get(Request *rq, Err *err)
{
    ListOf l = {.rq = rq, .owner = actor_may(rq->who, "city.admin") ? S("") : rq->who->user};
    if (!rq->city->jobs) return err_set(err, ERR_BUSY, "任务还没有准备好");
    return answer_list(&l, err);
}

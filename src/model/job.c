/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Threads of the jobs, what becomes of jobs when the server starts, and the sweeping of old ones. */
#include "model/job_int.h"
#include "model_sql.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/sm.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SWEEP_S = 1800 };

/* Which server this is: told by a file of its data folder. */
static int read_home(Jobs *s, Err *err)
{
    char name[4200], text[33] = {0};
    snprintf(name, sizeof name, "%s/home", s->dir);
    int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return err_io(err, errno, "不能建立 “%s”", name);
    ssize_t n = read(fd, text, 32);
    if (n != 32) {
        uint8_t b[16];
        random_bytes(b, sizeof b);
        Str hex = hex_encode(s->a, str_n((char *)b, sizeof b));
        memcpy(text, hex.p, 32);
        n = pwrite(fd, text, 32, 0);
        if (fsync(fd) != 0) n = -1;
    }
    close(fd);
    s->home = str_dup(s->a, str_c(text));
    return n == 32 ? 0 : err_set(err, ERR_IO, "不能写 “%s”", name);
}

static int interrupted_tx(Tx *tx, void *ctx, Err *err)
{
    Jobs *s = ctx;
    Str why = S("服务器重新启动，可以继续");
    return tx_exec(tx, &sql_model_job_interrupted, VALS(V_TEXT(s->home), V_TEXT(why)), NULL, err);
}

/* --- sweeping ------------------------------------------------------------------------------------------ */

typedef struct Removal {
    Str id;
} Removal;

static int remove_tx(Tx *tx, void *ctx, Err *err)
{
    Removal *r = ctx;
    TRY(tx_exec(tx, &sql_model_job_rows_drop, VALS(V_TEXT(r->id)), NULL, err));
    return tx_exec(tx, &sql_model_job_drop, VALS(V_TEXT(r->id)), NULL, err);
}

int job_remove(Jobs *s, Str id, Err *err)
{
    _cleanup_arena_ Arena *a = arena_new();
    Removal r = {id};
    TRY(store_tx(s->city->store, "job remove", remove_tx, &r, err));
    unlink(job_path(a, s, id).p); /* after the entry: a file without one is only lost room */
    return 0;
}

typedef struct Sweep {
    Jobs *s;
    Arena *a;
    StrList ids;
} Sweep;

static int old_tx(Tx *tx, void *ctx, Err *err)
{
    Sweep *w = ctx;
    Rows *rows;
    size_t cap = 0;
    int rc;
    int64_t now = clock_now_us(), hour = 3600 * US_PER_SEC;
    w->ids = (StrList){0};
    TRY(tx_query(
        tx, w->a, &sql_model_job_old,
        VALS(V_TEXT(w->s->home), V_INT(now - EXPORT_KEPT_H * hour), V_INT(now - IMPORT_KEPT_D * 24 * hour)),
        &rows, err));
    while ((rc = rows_next(rows, err)) > 0)
        *ARENA_PUSH(w->a, w->ids.items, w->ids.n, cap) = rows_text(rows, w->a, 0);
    rows_done(rows);
    return rc;
}

int jobs_sweep(Jobs *s, Err *err)
{
    _cleanup_arena_ Arena *a = arena_new();
    Sweep w = {s, a, {0}};
    TRY(store_read(s->city->store, "job sweep", old_tx, &w, err));
    for (size_t i = 0; i < w.ids.n; i++) TRY(job_remove(s, w.ids.items[i], err));
    return 0;
}

static void *sweep_main(void *ctx)
{
    Jobs *s = ctx;
    pthread_mutex_lock(&s->lock);
    while (!atomic_load(&s->stopping)) {
        Err err = ERR_INIT;
        pthread_mutex_unlock(&s->lock);
        if (jobs_sweep(s, &err) < 0) log_err("jobs", S(""), &err);
        pthread_mutex_lock(&s->lock);
        if (atomic_load(&s->stopping)) break;
        const struct timespec until = clock_until(SWEEP_S * US_PER_SEC);
        pthread_cond_timedwait(&s->wake, &s->lock, &until);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* --- work -------------------------------------------------------------------------------------------- */

typedef struct Ticket {
    Jobs *s;
    char id[JOB_ID_SIZE];
    int64_t turn;
    bool import;
} Ticket;

static void work(void *ctx)
{
    Ticket *t = ctx;
    if (!atomic_load(&t->s->stopping))
        (t->import ? import_job_run : export_job_run)(t->s, str_c(t->id), t->turn);
    free(t);
}

int job_begin(Jobs *s, const Job *j, Err *err)
{
    Ticket *t = xcalloc(1, sizeof *t);
    *t = (Ticket){.s = s, .turn = j->turn, .import = str_is(j->kind, "import")};
    snprintf(t->id, sizeof t->id, STR_FMT, STR_ARG(j->id));
    if (queue_try_push(s->queue, work, t)) return 0;
    free(t);
    return err_set(err, ERR_BUSY, "等候的任务太多"), err_hint(err, "请稍后再试");
}

Active *active_find(Jobs *s, Str id)
{
    Active *x = s->active;
    while (x && !str_is(id, x->id)) x = x->next;
    return x;
}

int jobs_start(City *c, Err *err)
{
    Jobs *s = xcalloc(1, sizeof *s);
    s->city = c;
    s->a = arena_new();
    pthread_mutex_init(&s->lock, NULL);
    clock_cond_init(&s->wake);
    c->jobs = s;
    snprintf(s->dir, sizeof s->dir, "%s/jobs", c->dir);
    if (mkdir(s->dir, 0700) != 0 && errno != EEXIST) return err_io(err, errno, "不能建立 “%s”", s->dir);
    TRY(read_home(s, err));
    TRY(store_tx(c->store, "jobs start", interrupted_tx, s, err));
    TRY(queue_new(JOB_WORKERS, JOB_WAITING, &s->queue, err));
    s->sweeping = pthread_create(&s->sweeper, NULL, sweep_main, s) == 0;
    return s->sweeping ? 0 : err_set(err, ERR_INTERNAL, "不能建立任务的线程");
}

void jobs_stop(City *c)
{
    Jobs *s = c->jobs;
    Err err = ERR_INIT;
    if (!s) return;
    pthread_mutex_lock(&s->lock);
    atomic_store(&s->stopping, true);
    pthread_cond_broadcast(&s->wake);
    pthread_mutex_unlock(&s->lock);
    queue_free(s->queue);
    if (s->sweeping) pthread_join(s->sweeper, NULL);
    if (s->home.n && store_tx(c->store, "jobs stop", interrupted_tx, s, &err) < 0)
        log_err("jobs", S(""), &err);
    pthread_cond_destroy(&s->wake);
    pthread_mutex_destroy(&s->lock);
    arena_free(s->a);
    free(s);
    c->jobs = NULL;
}

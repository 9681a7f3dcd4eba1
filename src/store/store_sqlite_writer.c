/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * Group commit for SQLite. store_tx puts a job into the queue and sleeps; the writer thread, which owns the
 * only connection that writes and checkpoints, runs what is waiting and what arrives meanwhile, one job after
 * the other, each in its own savepoint, up to GROUP_MAX jobs or GROUP_NS of work, and commits them with one
 * fsync. Only then are they answered. A job that fails loses its savepoint and nobody else's. When the commit
 * itself fails, nobody in the group has anything on disk and all get the same error.
 *
 * A failed sync is never tried again on the same files' handles, and what a failed sync may have left in the
 * system's cache alone is never built upon: docs/decisions/009-failed-sync.md.
 */
#include "store/store_sqlite.h"

#include "base/log.h"

#include <assert.h>

enum { GROUP_MAX = 256, GROUP_NS = 20 * 1000 * 1000, LOG_FRAMES = 1000 };

typedef struct Job {
    const char *name;
    TxFn fn;
    void *ctx;
    Err *err;
    int result;
    bool alter; /* alone in its group, foreign keys off */
    bool done, journalled;
    pthread_cond_t answered;
    struct Job *next;
} Job;

struct LiteWriter {
    Store *store;
    LiteConn *conn;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t arrived;
    Job *head, **tail; /* waiting */
    bool stop;
    bool renew;  /* a write failed: the next group begins with a new connection */
    bool replay; /* the log found at the start is not yet in the database file */
};

/* Makes what recovery found in the log safe by writing it anew, into the database file, and begins an empty
   log. The log of a program that died after a failed sync may stand in the system's cache only; a commit
   behind it would be chained to frames that a power cut takes away. ERR_BUSY while a reader of another
   process needs the old log. */
static int replay(LiteWriter *w, Err *err)
{
    if (!w->replay) return 0;
    int rc = sqlite3_wal_checkpoint_v2(w->conn->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    if (rc != SQLITE_OK) return lite_error(w->conn, rc, NULL, err);
    w->replay = false;
    return 0;
}

/* The new connection first, so that closing the old one is not the last close, which would checkpoint. */
static int renew(LiteWriter *w, Err *err)
{
    if (!w->renew) return 0;
    LiteConn *fresh;
    TRY(lite_open(w->store, true, &fresh, err));
    lite_close(w->conn);
    w->conn = fresh;
    w->renew = false;
    atomic_fetch_add(&w->store->count.renewals, 1);
    return 0;
}

/* What foreign_keys=off let through. */
static int check_keys(Tx *tx, Err *err)
{
    static const Sql sql = {"foreign_key_check", {"pragma foreign_key_check", NULL}};
    _cleanup_arena_ Arena *a = arena_new();
    Val table;
    int r = tx_one(tx, a, &sql, NULL, 0, &table, err);
    if (r == -ERR_NOT_FOUND) {
        *err = ERR_INIT;
        return 0;
    }
    if (r < 0) return r;
    err_set(err, ERR_REFERENCE, "表 " STR_FMT " 里有引用不存在记录的行", STR_ARG(table.s));
    return err_subject(err, STR_FMT, STR_ARG(table.s));
}

/* Ends the job's savepoint: 0 when what it did stays. A deferred foreign key that is still open is the job's
   own fault and is found here, because at the common commit it would take the whole group down. */
static int settle(LiteConn *c, Tx *tx, int r, Err *err)
{
    int open_keys = 0, high = 0;
    r = tx_outcome(tx, r, err);
    tx_close_rows(tx, 0);
    if (r >= 0) {
        sqlite3_db_status(c->db, SQLITE_DBSTATUS_DEFERRED_FKS, &open_keys, &high, 0);
        if (open_keys) r = err_set(err, ERR_REFERENCE, "引用的记录不存在，或该记录仍被引用");
    }
    if (r == 0) r = lite_run(c, "release job", err);
    if (r == 0 || sqlite3_get_autocommit(c->db)) return r; /* or SQLite rolled everything back by itself */
    c->seq = -1;
    Err lost = ERR_INIT;
    c->spoilt = lite_run(c, "rollback to job", &lost) < 0 || lite_run(c, "release job", &lost) < 0;
    if (c->spoilt) log_err("savepoint", STR_NONE, &lost);
    return r;
}

static void run_job(LiteWriter *w, Job *j)
{
    LiteConn *c = w->conn;
    Tx tx = {.store = w->store, .name = j->name, .conn = c, .write = true, .horizon = -1};
    int r = lite_run(c, "savepoint job", j->err);
    if (r == 0) {
        c->lost = false;
        r = lite_whole(c, j->fn(&tx, j->ctx, j->err), j->err);
        if (r == 0 && j->alter && !tx.failed) r = check_keys(&tx, j->err);
        r = settle(c, &tx, r, j->err);
    }
    j->result = r;
    j->journalled = r == 0 && tx.journalled;
}

/* The next waiting job; NULL also when it has to wait for a group of its own. */
static Job *take(LiteWriter *w, const Job *group)
{
    pthread_mutex_lock(&w->mutex);
    Job *j = w->head;
    if (j && group && (group->alter || j->alter)) j = NULL;
    if (j) {
        w->head = j->next;
        if (!w->head) w->tail = &w->head;
        j->next = NULL;
    }
    pthread_mutex_unlock(&w->mutex);
    return j;
}

static void spoil(Job *group, const Err *why)
{
    for (Job *j = group; j; j = j->next) {
        if (j->result != 0) continue;
        *j->err = *why;
        j->result = -(int)why->code;
        j->journalled = false;
    }
}

/* Runs jobs inside one transaction; returns them as a list. */
static Job *run_group(LiteWriter *w, int *ret_n)
{
    Job *group = NULL, **end = &group, *j;
    int64_t begin = store_now_ns();
    Err err = ERR_INIT;
    int n = 0, r = renew(w, &err);
    if (r == 0) r = replay(w, &err);
    LiteConn *c = w->conn;
    pthread_mutex_lock(&w->mutex);
    const bool alter = w->head && w->head->alter;
    pthread_mutex_unlock(&w->mutex);
    /* The pragma is heard only outside transactions. */
    if (r == 0 && alter) r = lite_run(c, "pragma foreign_keys=off", &err);
    if (r == 0) r = lite_run(c, "begin immediate", &err);
    c->seq = -1;
    while (n < GROUP_MAX && (n == 0 || store_now_ns() - begin < GROUP_NS) && (j = take(w, group))) {
        *end = j;
        end = &j->next;
        n++;
        if (r < 0) continue; /* no transaction: take all that is waiting and say so */
        run_job(w, j);
        if (!c->spoilt && !sqlite3_get_autocommit(c->db)) continue;
        /* Disk full, I/O error or out of memory made SQLite roll back all of it, or made that necessary. */
        r = err_set(&err, j->err->code == ERR_FULL ? ERR_FULL : ERR_IO,
                    "数据库无法写入，本次提交已全部撤销，请检查磁盘后重试");
        break;
    }
    if (r == 0) r = lite_run(c, "commit", &err);
    if (r < 0) {
        Err lost = ERR_INIT;
        if (!sqlite3_get_autocommit(c->db) && lite_run(c, "rollback", &lost) < 0)
            log_err("rollback", STR_NONE, &lost); /* the renewal undoes it */
        if (err.code != ERR_FULL) err.code = ERR_IO;
        spoil(group, &err);
        w->renew = true;
    }
    if (alter && lite_run(c, "pragma foreign_keys=on", &err) < 0) w->renew = true; /* a new one has them on */
    *ret_n = n;
    return group;
}

static void answer(LiteWriter *w, Job *group, int n)
{
    bool changed = false;
    Store *s = w->store;
    atomic_fetch_add(&s->count.commits, 1);
    atomic_fetch_add(&s->count.transactions, n);
    if (n > atomic_load(&s->count.largest_group)) atomic_store(&s->count.largest_group, n);
    pthread_mutex_lock(&w->mutex);
    for (Job *j = group, *next; j; j = next) {
        next = j->next; /* the job is on its caller's stack: gone once it is done */
        changed |= j->journalled;
        j->done = true;
        pthread_cond_signal(&j->answered);
    }
    pthread_mutex_unlock(&w->mutex);
    if (changed) store_changed(s);
}

/* A long log goes into the database file, after the group was answered: what it held is safe in the log, and
   stays there when this fails. */
static void tidy(LiteWriter *w)
{
    LiteConn *c = w->conn;
    Err err = ERR_INIT;
    if (c->log_frames < LOG_FRAMES || w->renew) return;
    c->log_frames = 0; /* the next commit tells */
    int rc = sqlite3_wal_checkpoint_v2(c->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    if (rc == SQLITE_OK || rc == SQLITE_BUSY) return;
    lite_error(c, rc, NULL, &err);
    log_err("checkpoint", STR_NONE, &err);
    w->renew = true;
}

static void *work(void *p)
{
    LiteWriter *w = p;
    for (;;) {
        pthread_mutex_lock(&w->mutex);
        while (!w->head && !w->stop) pthread_cond_wait(&w->arrived, &w->mutex);
        bool end = !w->head;
        pthread_mutex_unlock(&w->mutex);
        if (end) return NULL;
        int n;
        Job *group = run_group(w, &n);
        answer(w, group, n);
        tidy(w);
    }
}

int lite_writer_start(Store *s, Err *err)
{
    LiteDb *d = s->db;
    int r = 0;
    pthread_mutex_lock(&d->mutex);
    if (!d->writer) {
        LiteWriter *w = xcalloc(1, sizeof *w);
        w->store = s;
        w->tail = &w->head;
        pthread_mutex_init(&w->mutex, NULL);
        pthread_cond_init(&w->arrived, NULL);
        w->replay = true;
        r = store_lock(s, err);
        if (r == 0) r = lite_open(s, true, &w->conn, err);
        Err later = ERR_INIT; /* a full disk must not keep readers out; the first write tries again */
        if (r == 0 && replay(w, &later) < 0) log_err("log of the last run", STR_NONE, &later);
        if (r == 0 && pthread_create(&w->thread, NULL, work, w) != 0)
            r = err_set(err, ERR_INTERNAL, "无法启动写线程");
        if (r == 0) {
            d->writer = w;
        } else {
            lite_close(w->conn);
            pthread_mutex_destroy(&w->mutex);
            pthread_cond_destroy(&w->arrived);
            free(w);
        }
    }
    pthread_mutex_unlock(&d->mutex);
    return r;
}

void lite_writer_stop(LiteWriter *w)
{
    if (!w) return;
    pthread_mutex_lock(&w->mutex);
    w->stop = true;
    pthread_cond_signal(&w->arrived);
    pthread_mutex_unlock(&w->mutex);
    pthread_join(w->thread, NULL);
    sqlite3_wal_checkpoint_v2(w->conn->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    lite_close(w->conn);
    pthread_mutex_destroy(&w->mutex);
    pthread_cond_destroy(&w->arrived);
    free(w);
}

int lite_write(Store *s, const char *name, bool alter, TxFn fn, void *ctx, Err *err)
{
    TRY(lite_writer_start(s, err));
    LiteWriter *w = ((LiteDb *)s->db)->writer;
    if (pthread_equal(w->thread, pthread_self()))
        return err_set(err, ERR_INTERNAL, "事务 %s 是在另一个写事务里开始的", name);
    Job j = {.name = name, .fn = fn, .ctx = ctx, .err = err, .alter = alter};
    pthread_cond_init(&j.answered, NULL);
    pthread_mutex_lock(&w->mutex);
    *w->tail = &j;
    w->tail = &j.next;
    pthread_cond_signal(&w->arrived);
    while (!j.done) pthread_cond_wait(&j.answered, &w->mutex);
    pthread_mutex_unlock(&w->mutex);
    pthread_cond_destroy(&j.answered);
    return j.result;
}

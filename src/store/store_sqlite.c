/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * The SQLite driver: connections, statements, rows. One connection writes and checkpoints, on the
 * writer thread (store_sqlite_writer.c); readers never checkpoint, neither on the way nor when they close,
 * because in SQLite 3.40 a second checkpointer is what its WAL-reset race needs. Readers are query_only and
 * take one snapshot per read transaction.
 */
#include "store/store_sqlite.h"

#include "base/clock.h"
#include "store_sql.h"

#include <errno.h>
#include <unistd.h>

enum { READERS = 8, READERS_MAX = 256, PROGRESS_STEPS = 2000 };

typedef struct LiteStmt {
    sqlite3_stmt *stmt;
    int params, args;
    int *number;     /* $number of each of SQLite's parameter places: it counts first appearances */
    CacheItem *item; /* NULL: not in the cache, finalised after use */
} LiteStmt;

typedef struct LiteRows {
    LiteConn *conn;
    LiteStmt *st;
    char *text;
    bool first, end; /* the first row was fetched when the query began */
} LiteRows;

/* --- statements -------------------------------------------------------------------------------------- */

static void stmt_free(void *conn, void *p)
{
    (void)conn;
    LiteStmt *st = p;
    sqlite3_finalize(st->stmt);
    free(st->number);
    free(st);
}

static int number_params(LiteStmt *st, const char *name, Err *err)
{
    st->params = sqlite3_bind_parameter_count(st->stmt);
    if (st->params > STORE_ARGS_MAX) return err_set(err, ERR_TOO_LARGE, "语句 %s 的参数过多", name);
    st->number = xcalloc((size_t)st->params + 1, sizeof *st->number);
    for (int i = 1; i <= st->params; i++) {
        int64_t k = 0;
        Str p = str_c(sqlite3_bind_parameter_name(st->stmt, i));
        if (!str_starts(p, S("$")) || !str_int(str_from(p, 1), &k) || k < 1 || k > STORE_ARGS_MAX)
            return err_set(err, ERR_INTERNAL, "语句 %s 的参数应写成 $1 … $n", name);
        st->number[i] = (int)k;
        if (k > st->args) st->args = (int)k;
    }
    return 0;
}

/* A statement ready to be bound: from the cache, or fresh when it is absent or its cached self is at work. */
static int stmt_take(LiteConn *c, const char *name, const char *text, LiteStmt **ret, Err *err)
{
    CacheItem *it = cache_find(&c->cache, text);
    if (it && !it->busy) {
        it->busy = true;
        *ret = it->stmt;
        return 0;
    }
    LiteStmt *st = xcalloc(1, sizeof *st);
    const char *tail = NULL;
    int rc = sqlite3_prepare_v3(c->db, text, -1, SQLITE_PREPARE_PERSISTENT, &st->stmt, &tail), r = 0;
    if (rc != SQLITE_OK) {
        r = lite_error(c, rc, text, err);
        err_wrap(err, "%s", name);
    } else if (!st->stmt || str_trim(str_c(tail)).n) {
        r = err_set(err, ERR_INTERNAL, "%s 应当正好是一条语句", name);
    } else {
        r = number_params(st, name, err);
    }
    if (r < 0) {
        stmt_free(NULL, st);
        return r;
    }
    if (!it) st->item = cache_keep(&c->cache, text, st);
    if (st->item) st->item->busy = true;
    *ret = st;
    return 0;
}

static void stmt_give(LiteStmt *st)
{
    sqlite3_reset(st->stmt);
    sqlite3_clear_bindings(st->stmt);
    if (st->item)
        st->item->busy = false;
    else
        stmt_free(NULL, st);
}

static int bind_one(sqlite3_stmt *stmt, int i, const Val *v)
{
    const char *p = v->kind >= VAL_TEXT && v->s.p ? v->s.p : "";
    switch (v->kind) {
    case VAL_NULL: return sqlite3_bind_null(stmt, i);
    case VAL_INT: return sqlite3_bind_int64(stmt, i, v->i);
    case VAL_REAL: return sqlite3_bind_double(stmt, i, v->r);
    case VAL_TEXT: return sqlite3_bind_text64(stmt, i, p, v->s.n, SQLITE_TRANSIENT, SQLITE_UTF8);
    case VAL_BLOB: return sqlite3_bind_blob64(stmt, i, p, v->s.n, SQLITE_TRANSIENT);
    }
    return SQLITE_MISUSE;
}

static int bind_all(LiteConn *c, LiteStmt *st, const Sql *sql, const Val *args, size_t n, Err *err)
{
    if ((size_t)st->args != n)
        return err_set(err, ERR_INTERNAL, "语句 %s 要 %d 个参数，给了 %zu 个", sql->name, st->args, n);
    for (int i = 1; i <= st->params; i++) {
        int rc = bind_one(st->stmt, i, &args[st->number[i] - 1]);
        if (rc != SQLITE_OK) return lite_error(c, rc, NULL, err);
    }
    return 0;
}

static int step(LiteConn *c, sqlite3_stmt *stmt)
{
    c->deadline_ns = c->step_ns ? store_about_ns() + c->step_ns : 0;
    if (c->until_ns && (!c->deadline_ns || c->until_ns < c->deadline_ns)) c->deadline_ns = c->until_ns;
    return sqlite3_step(stmt);
}

int lite_run(LiteConn *c, const char *text, Err *err)
{
    LiteStmt *st;
    TRY(stmt_take(c, text, text, &st, err));
    c->deadline_ns = 0; /* begins and ends are not timed: one that is cut short has happened all the same */
    int rc = sqlite3_step(st->stmt), r = 0;
    if (rc != SQLITE_DONE && rc != SQLITE_ROW) r = lite_error(c, rc, text, err);
    stmt_give(st);
    return r;
}

static int lite_exec(Tx *tx, const Sql *sql, const Val *args, size_t n, int64_t *ret_changes, Err *err)
{
    LiteConn *c = tx->conn;
    LiteStmt *st;
    const char *text = sql->text[DIALECT_SQLITE];
    TRY(stmt_take(c, sql->name, text, &st, err));
    int r = bind_all(c, st, sql, args, n, err);
    if (r == 0) {
        int64_t before = sqlite3_total_changes64(c->db);
        int rc = step(c, st->stmt);
        while (rc == SQLITE_ROW) rc = step(c, st->stmt);
        if (rc != SQLITE_DONE)
            r = lite_error(c, rc, text, err);
        else if (ret_changes)
            *ret_changes = sqlite3_total_changes64(c->db) == before ? 0 : sqlite3_changes64(c->db);
    }
    stmt_give(st);
    return r;
}

static int lite_script(Tx *tx, const char *sql, Err *err)
{
    LiteConn *c = tx->conn;
    c->deadline_ns = 0;
    int rc = sqlite3_exec(c->db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? 0 : lite_error(c, rc, sql, err);
}

static int lite_prepare(Tx *tx, const Sql *sql, Err *err)
{
    LiteStmt *st;
    TRY(stmt_take(tx->conn, sql->name, sql->text[DIALECT_SQLITE], &st, err));
    stmt_give(st);
    return 0;
}

/* --- rows -------------------------------------------------------------------------------------------- */

static int lite_query(Tx *tx, Rows *r, const Sql *sql, const Val *args, size_t n, bool cursor, Err *err)
{
    (void)cursor; /* SQLite steps: memory is flat anyway */
    LiteConn *c = tx->conn;
    LiteStmt *st;
    const char *text = sql->text[DIALECT_SQLITE];
    TRY(stmt_take(c, sql->name, text, &st, err));
    int e = bind_all(c, st, sql, args, n, err);
    if (e == 0) {
        int rc = step(c, st->stmt);
        if (rc != SQLITE_ROW && rc != SQLITE_DONE) e = lite_error(c, rc, text, err);
        LiteRows *lr = ARENA_NEW(r->arena, LiteRows);
        *lr = (LiteRows){.conn = c, .st = st, .first = rc == SQLITE_ROW, .end = rc != SQLITE_ROW};
        r->impl = lr;
    }
    if (e < 0) {
        stmt_give(st);
        return e;
    }
    r->n = sqlite3_column_count(st->stmt);
    r->names = ARENA_ARRAY(r->arena, const char *, (size_t)r->n + 1);
    for (int i = 0; i < r->n; i++) r->names[i] = str_cdup(r->arena, str_c(sqlite3_column_name(st->stmt, i)));
    return 0;
}

static int lite_next(Rows *r, Err *err)
{
    LiteRows *lr = r->impl;
    if (lr->end) return 0;
    if (lr->first) {
        lr->first = false;
        return 1;
    }
    int rc = step(lr->conn, lr->st->stmt);
    if (rc == SQLITE_ROW) return 1;
    lr->end = true;
    return rc == SQLITE_DONE ? 0 : lite_error(lr->conn, rc, sqlite3_sql(lr->st->stmt), err);
}

static Val lite_val(const Rows *r, int col)
{
    LiteRows *lr = r->impl;
    sqlite3_stmt *stmt = lr->st->stmt;
    const char *p;
    switch (sqlite3_column_type(stmt, col)) {
    case SQLITE_INTEGER: return V_INT(sqlite3_column_int64(stmt, col));
    case SQLITE_FLOAT: return V_REAL(sqlite3_column_double(stmt, col));
    case SQLITE_TEXT:
        p = (const char *)sqlite3_column_text(stmt, col);
        if (!p) lr->conn->lost = true;
        return V_TEXT(str_n(p, (size_t)sqlite3_column_bytes(stmt, col)));
    case SQLITE_BLOB:
        p = sqlite3_column_blob(stmt, col);
        if (!p && sqlite3_errcode(lr->conn->db) == SQLITE_NOMEM) lr->conn->lost = true;
        return V_BLOB(str_n(p, (size_t)sqlite3_column_bytes(stmt, col)));
    default: return V_NULL;
    }
}

static void lite_done(Rows *r)
{
    LiteRows *lr = r->impl;
    stmt_give(lr->st);
}

static int lite_save(Tx *tx, SaveStep what, Err *err)
{
    if (what == SAVE_ROLLBACK) ((LiteConn *)tx->conn)->until_ns = 0; /* undoing must not be timed out */
    static const char *const verb[] = {"savepoint", "release", "rollback to"};
    char text[40];
    snprintf(text, sizeof text, "%s s%d", verb[what], tx->depth);
    TRY(lite_run(tx->conn, text, err));
    if (what != SAVE_ROLLBACK) return 0;
    LiteConn *c = tx->conn;
    c->seq = -1; /* numbers given inside are free again */
    snprintf(text, sizeof text, "release s%d", tx->depth);
    return lite_run(tx->conn, text, err);
}

static int last_seq(Tx *tx, int64_t *ret, Err *err)
{
    LiteStmt *st;
    LiteConn *c = tx->conn;
    const char *text = sql_store_journal_last.text[DIALECT_SQLITE];
    TRY(stmt_take(c, sql_store_journal_last.name, text, &st, err));
    int rc = step(c, st->stmt), r = 0;
    if (rc == SQLITE_ROW)
        *ret = sqlite3_column_int64(st->stmt, 0);
    else
        r = lite_error(c, rc, text, err);
    stmt_give(st);
    return r;
}

static int lite_journal_seq(Tx *tx, int64_t *ret, Err *err)
{
    LiteConn *c = tx->conn;
    if (c->seq < 0) TRY(last_seq(tx, &c->seq, err));
    *ret = ++c->seq;
    return 0;
}

static int lite_limit(Tx *tx, int ms, Err *err)
{
    LiteConn *c = tx->conn;
    (void)err;
    c->until_ns = ms ? store_about_ns() + (int64_t)ms * 1000000 : 0;
    return 0;
}

/* One writer: what a snapshot shows is all there is below its highest entry. */
static int lite_horizon(Tx *tx, int64_t *ret, Err *err) { return last_seq(tx, ret, err); }

int lite_whole(const LiteConn *c, int r, Err *err)
{
    return c->lost ? err_set(err, ERR_BUSY, "内存不足，请稍后重试") : r;
}

/* --- connections ------------------------------------------------------------------------------------- */

static int past_deadline(void *p)
{
    LiteConn *c = p;
    return c->deadline_ns && store_about_ns() > c->deadline_ns;
}

void lite_close(LiteConn *c)
{
    if (!c) return;
    cache_clear(&c->cache);
    sqlite3_close_v2(c->db);
    free(c);
}

/* After a commit: how long the log is now. The checkpoint itself is the writer's (tidy): SQLite's automatic
   one runs inside the commit, hides its own failures, and makes a commit that is safe look failed when it
   runs out of memory. */
static int note_log(void *p, sqlite3 *db, const char *name, int frames)
{
    (void)db;
    (void)name;
    ((LiteConn *)p)->log_frames = frames;
    return SQLITE_OK;
}

static int is_wal(void *p, int n, char **value, char **name)
{
    (void)name;
    *(bool *)p = n == 1 && value[0] && strcmp(value[0], "wal") == 0;
    return 0;
}

static int set_up(LiteConn *c, LiteDb *d, bool writer, Err *err)
{
    /* temp_store=file: a sub-journal in memory is walked from its beginning at each savepoint's release,
       which made a transaction of many savepoints quadratic; in a file (never synced) it is not. */
    static const char writes[] =
        "pragma journal_mode=wal; pragma synchronous=full; pragma foreign_keys=on;"
        "pragma wal_autocheckpoint=0; pragma journal_size_limit=67108864;"
        "pragma cache_size=-32768; pragma temp_store=file; pragma trusted_schema=off;";
    static const char reads[] =
        "pragma query_only=on; pragma foreign_keys=on; pragma wal_autocheckpoint=0;"
        "pragma cache_size=-8192; pragma temp_store=memory; pragma trusted_schema=off;";
    sqlite3_extended_result_codes(c->db, 1);
    sqlite3_busy_timeout(c->db, 5000);
    int rc = sqlite3_db_config(c->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, writer ? 0 : 1, NULL);
    if (rc == SQLITE_OK) rc = lite_functions(c, d);
    if (rc == SQLITE_OK) rc = sqlite3_exec(c->db, writer ? writes : reads, NULL, NULL, NULL);
    bool wal = false;
    if (rc == SQLITE_OK) rc = sqlite3_exec(c->db, "pragma journal_mode", is_wal, &wal, NULL);
    if (rc != SQLITE_OK) return lite_error(c, rc, NULL, err);
    if (!wal) return err_set(err, ERR_IO, "数据库不能使用预写日志（WAL）：它的文件系统不支持");
    if (writer) sqlite3_wal_hook(c->db, note_log, c);
    if (!writer) sqlite3_progress_handler(c->db, PROGRESS_STEPS, past_deadline, c);
    return 0;
}

int lite_open(Store *s, bool writer, LiteConn **ret, Err *err)
{
    LiteDb *d = s->db;
    LiteConn *c = xcalloc(1, sizeof *c);
    *c = (LiteConn){.store = s, .seq = -1, .cache = {.store = s, .drop = stmt_free, .conn = c}};
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (writer ? SQLITE_OPEN_CREATE : 0);
    int rc = sqlite3_open_v2(d->path, &c->db, flags, NULL);
    int r = rc == SQLITE_OK ? set_up(c, d, writer, err) : lite_error(c, rc, NULL, err);
    if (r < 0) {
        err_wrap(err, "打开数据库 '%s'", d->path);
        lite_close(c);
        return r;
    }
    *ret = c;
    return 0;
}

static int reader_take(Store *s, LiteConn **ret, Err *err)
{
    LiteDb *d = s->db;
    const struct timespec until = clock_until((int64_t)STORE_WAIT_MS * 1000);
    pthread_mutex_lock(&d->mutex);
    while (!d->idle && d->open >= s->readers)
        if (pthread_cond_timedwait(&d->freed, &d->mutex, &until) == ETIMEDOUT) {
            pthread_mutex_unlock(&d->mutex);
            return err_set(err, ERR_BUSY, "读取过于繁忙，请稍后重试");
        }
    LiteConn *c = d->idle;
    if (c)
        d->idle = c->next;
    else
        d->open++;
    pthread_mutex_unlock(&d->mutex);
    if (c) {
        *ret = c;
        return 0;
    }
    int r = lite_open(s, false, ret, err);
    if (r < 0) {
        pthread_mutex_lock(&d->mutex);
        d->open--;
        pthread_cond_signal(&d->freed);
        pthread_mutex_unlock(&d->mutex);
    }
    return r;
}

static void reader_give(LiteDb *d, LiteConn *c)
{
    pthread_mutex_lock(&d->mutex);
    c->next = d->idle;
    d->idle = c;
    pthread_cond_signal(&d->freed);
    pthread_mutex_unlock(&d->mutex);
}

static int lite_read(Store *s, const char *name, int limit_ms, TxFn fn, void *ctx, Err *err)
{
    LiteConn *c;
    Err lost = ERR_INIT;
    TRY(reader_take(s, &c, err));
    Tx tx = {.store = s, .name = name, .conn = c, .horizon = -1};
    c->step_ns = (int64_t)limit_ms * 1000000;
    int r = lite_run(c, "begin", err);
    if (r == 0) {
        c->lost = false;
        r = lite_whole(c, tx_outcome(&tx, fn(&tx, ctx, err), err), err);
        tx_close_rows(&tx, 0);
        c->deadline_ns = c->until_ns = 0;
        if (!sqlite3_get_autocommit(c->db) && lite_run(c, "rollback", &lost) < 0 && r == 0) {
            *err = lost;
            r = -(int)lost.code;
        }
    }
    reader_give(s->db, c);
    return r;
}

static int lite_start(Store *s, Err *err)
{
    LiteDb *d = s->db = xcalloc(1, sizeof *d);
    char path[4096];
    snprintf(path, sizeof path, "%s/city.db", s->dir);
    d->path = xstrdup(path);
    d->utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    pthread_mutex_init(&d->mutex, NULL);
    clock_cond_init(&d->freed);
    if (s->readers <= 0) s->readers = READERS;
    if (s->readers > READERS_MAX) s->readers = READERS_MAX;
    TRY(store_fs_check(s->dir, err));
    /* A file that is not there yet is made by the writer, and so is its WAL mode. */
    if (s->lock_fd >= 0 || access(path, F_OK) != 0) TRY(lite_writer_start(s, err));
    LiteConn *c;
    TRY(reader_take(s, &c, err));
    reader_give(d, c);
    return 0;
}

static void lite_stop(Store *s)
{
    LiteDb *d = s->db;
    if (!d) return;
    while (d->idle) {
        LiteConn *c = d->idle;
        d->idle = c->next;
        lite_close(c);
    }
    lite_writer_stop(d->writer); /* last, so that its checkpoint empties the log */
    if (d->utf8) freelocale(d->utf8);
    pthread_mutex_destroy(&d->mutex);
    pthread_cond_destroy(&d->freed);
    free(d->path);
    free(d);
    s->db = NULL;
}

const Driver store_sqlite = {
    .open = lite_start,
    .close = lite_stop,
    .write = lite_write,
    .read = lite_read,
    .exec = lite_exec,
    .script = lite_script,
    .prepare = lite_prepare,
    .query = lite_query,
    .next = lite_next,
    .val = lite_val,
    .done = lite_done,
    .save = lite_save,
    .journal_seq = lite_journal_seq,
    .horizon = lite_horizon,
    .limit = lite_limit,
};

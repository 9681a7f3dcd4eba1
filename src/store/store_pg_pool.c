/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Connections to PostgreSQL: opened on demand up to the pool's size, kept, replaced when broken; and the
   prepared statements of each. */
#include "store/store_pg.h"

#include "base/clock.h"

#include <errno.h>
#include <stdint.h>

enum { POOL = 16, POOL_MAX = 512 };

/* Settings that the driver's reading of values relies on. lc_messages needs a privilege that many roles lack;
   the parsing of errors does not depend on it. */
static int set_up(PgLine *line, PGconn *pq, Err *err)
{
    PG_WAITS(line);
    static const char settings[] =
        "set synchronous_commit=on; set timezone='UTC'; set datestyle='ISO,YMD';"
        "set intervalstyle='iso_8601'; set bytea_output='hex';"
        "set extra_float_digits=1; set standard_conforming_strings=on;"
        "set client_min_messages=error; set idle_in_transaction_session_timeout='10min';"
        /* A role's own limit must not reach a commit: one that is cancelled while it waits for the
           synchronous standby is answered as done, and would be lost with the primary. Reads set theirs for
           themselves. */
        "set statement_timeout=0";
    PGresult *res = PQexec(pq, settings);
    bool ok = PQresultStatus(res) == PGRES_COMMAND_OK;
    PQclear(res);
    if (!ok) return err_set(err, ERR_IO, "无法设置数据库会话：%s", PQerrorMessage(pq));
    PQclear(PQexec(pq, "set lc_messages='C'"));
    const char *encoding = PQparameterStatus(pq, "server_encoding");
    if (!encoding || strcmp(encoding, "UTF8") != 0) {
        err_set(err, ERR_IO, "数据库的编码是 %s，应为 UTF8", encoding ? encoding : "?");
        return err_hint(err, "用 create database … encoding 'UTF8' 新建数据库");
    }
    return 0;
}

static void quiet(void *p, const PGresult *res)
{
    (void)p;
    (void)res;
}

/* What stands before the URL it may say otherwise; what stands behind, not. A server that vanished without a
   word is noticed after about 20 s: by its missing acknowledgement while we send, else by keep-alives. */
int pg_connect(Store *s, PgLine *line, PGconn **ret, Err *err)
{
    const char *keys[] = {"connect_timeout",           "tcp_user_timeout", "keepalives_idle",
                          "keepalives_interval",       "keepalives_count", "dbname",
                          "fallback_application_name", "client_encoding",  NULL};
    const char *values[] = {"5", "20000", "10", "3", "3", s->url, "chengshu", "UTF8", NULL};
    PGconn *pq = PQconnectdbParams(keys, values, 1);
    int r = 0;
    if (PQstatus(pq) != CONNECTION_OK) {
        Str why = str_trim(str_c(PQerrorMessage(pq)));
        err_set(err, ERR_IO, "连接 PostgreSQL 失败：" STR_FMT, STR_ARG(why));
        r = err_hint(err, "请检查数据库是否在运行，地址、用户和密码是否正确");
    } else if (PQserverVersion(pq) < 150000) {
        r = err_set(err, ERR_IO, "PostgreSQL 版本过低（%d），需要 15 或更新", PQserverVersion(pq));
    } else {
        PQsetNoticeReceiver(pq, quiet, NULL);
        pg_line_open(((PgPool *)s->db)->guard, line, pq, s->answer_ms);
        r = set_up(line, pq, err);
        if (r == 0) pg_line_meet(line, pq);
    }
    if (r < 0) {
        pg_disconnect(line, pq);
        return r;
    }
    *ret = pq;
    return 0;
}

void pg_disconnect(PgLine *line, PGconn *pq)
{
    pg_line_close(line);
    PQfinish(pq);
}

PGresult *pg_result(PgConn *c)
{
    PG_WAITS(&c->line);
    return PQgetResult(c->pq);
}

PGresult *pg_exec_text(PgConn *c, const char *text)
{
    PG_WAITS(&c->line);
    return PQexec(c->pq, text);
}

/* --- prepared statements ----------------------------------------------------------------------------- */

typedef struct PgStmt {
    char name[16];
} PgStmt;

/* Also called inside transactions, where DEALLOCATE is as good as outside; in a failed one it is not, and the
   statement just stays with the server. */
static void forget(void *conn, void *p)
{
    PgConn *c = conn;
    PgStmt *st = p;
    char text[40];
    snprintf(text, sizeof text, "deallocate %s", st->name);
    if (!pg_broken(c) && PQtransactionStatus(c->pq) != PQTRANS_INERROR) PQclear(pg_exec_text(c, text));
    free(st);
}

const char *pg_known(PgConn *c, const char *text)
{
    CacheItem *it = cache_find(&c->cache, text);
    return it ? ((PgStmt *)it->stmt)->name : NULL;
}

static PGresult *prepare(PgConn *c, const char *name, const char *text)
{
    PG_WAITS(&c->line);
    return PQprepare(c->pq, name, text, 0, NULL);
}

int pg_prepared(PgConn *c, Tx *tx, const char *name, const char *text, const char **ret, Err *err)
{
    if ((*ret = pg_known(c, text))) return 0;
    PgStmt *st = xcalloc(1, sizeof *st);
    snprintf(st->name, sizeof st->name, "s%u", ++c->names);
    PGresult *res = prepare(c, st->name, text);
    int r = PQresultStatus(res) == PGRES_COMMAND_OK ? 0 : pg_error(c, tx, res, text, err);
    PQclear(res);
    if (r < 0) {
        free(st);
        err_wrap(err, "%s", name);
        return r;
    }
    CacheItem *it = cache_keep(&c->cache, text, st); /* no item is ever busy here, so there is a place */
    *ret = ((PgStmt *)it->stmt)->name;
    return 0;
}

/* --- the pool ---------------------------------------------------------------------------------------- */

bool pg_broken(const PgConn *c) { return c->standby || PQstatus(c->pq) != CONNECTION_OK; }

static void conn_free(PgConn *c)
{
    if (!c) return;
    if (c->pq) pg_disconnect(&c->line, TAKE(c->pq));
    cache_clear(&c->cache);
    free(c->args);
    free(c);
}

static int conn_new(Store *s, PgConn **ret, Err *err)
{
    PgConn *c = xcalloc(1, sizeof *c);
    *c = (PgConn){.store = s, .cache = {.store = s, .drop = forget, .conn = c}};
    int r = pg_connect(s, &c->line, &c->pq, err);
    if (r < 0)
        free(c);
    else
        *ret = c;
    return r;
}

int pg_take(Store *s, int patience_ms, PgConn **ret, Err *err)
{
    PgPool *p = s->db;
    const struct timespec until = clock_until((int64_t)STORE_WAIT_MS * 1000);
    pthread_mutex_lock(&p->mutex);
    while (!p->idle && p->open >= s->readers)
        if (pthread_cond_timedwait(&p->freed, &p->mutex, &until) == ETIMEDOUT) {
            pthread_mutex_unlock(&p->mutex);
            return err_set(err, ERR_BUSY, "数据库连接已用完，请稍后重试");
        }
    PgConn *c = p->idle;
    if (c)
        p->idle = c->next, atomic_store(&c->line.idle, false);
    else
        p->open++;
    pthread_mutex_unlock(&p->mutex);
    if (c) {
        atomic_store(&c->line.patience_ms, patience_ms);
        pg_arrive(c);
        *ret = c;
        return 0;
    }
    int r = conn_new(s, ret, err);
    if (r == 0) {
        atomic_store(&(*ret)->line.patience_ms, patience_ms);
    } else {
        pthread_mutex_lock(&p->mutex);
        p->open--;
        pthread_cond_signal(&p->freed);
        pthread_mutex_unlock(&p->mutex);
    }
    return r;
}

void pg_give(PgConn *c)
{
    PgPool *p = c->store->db;
    if (c->stale) pg_arrive(c);
    if (c->stale && !pg_broken(c)) cache_clear(&c->cache);
    c->stale = false;
    bool keep = !pg_broken(c) && (c->departed || PQtransactionStatus(c->pq) == PQTRANS_IDLE);
    if (!keep) conn_free(c);
    pthread_mutex_lock(&p->mutex);
    if (keep) {
        c->next = p->idle;
        p->idle = c;
        atomic_store(&c->line.idle, true);
    } else {
        p->open--;
    }
    pthread_cond_signal(&p->freed);
    pthread_mutex_unlock(&p->mutex);
}

int pg_pool_open(Store *s, Err *err)
{
    PgPool *p = s->db = xcalloc(1, sizeof *p);
    pthread_mutex_init(&p->mutex, NULL);
    clock_cond_init(&p->freed);
    pthread_rwlockattr_t kind;
    pthread_rwlockattr_init(&kind);
    pthread_rwlockattr_setkind_np(&kind, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&p->gate, &kind);
    pthread_rwlockattr_destroy(&kind);
    if (s->readers <= 0) s->readers = POOL;
    if (s->readers > POOL_MAX) s->readers = POOL_MAX;
    PgConn *c;
    TRY(pg_guard_start(s->answer_ms, &p->guard, err));
    TRY(pg_take(s, s->answer_ms, &c, err));
    pg_give(c);
    return pg_listen_start(s, &p->listen, err);
}

void pg_pool_close(Store *s)
{
    PgPool *p = s->db;
    if (!p) return;
    pg_listen_stop(p->listen);
    while (p->idle) {
        PgConn *c = p->idle;
        p->idle = c->next;
        conn_free(c);
    }
    pg_guard_stop(p->guard);
    pthread_mutex_destroy(&p->mutex);
    pthread_cond_destroy(&p->freed);
    pthread_rwlock_destroy(&p->gate);
    free(p);
    s->db = NULL;
}

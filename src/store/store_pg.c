/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * The PostgreSQL driver: transactions and commands. Writes are SERIALIZABLE and run again when the server
 * asks (40001, 40P01), with a growing random pause; reads are READ ONLY REPEATABLE READ, one snapshot. BEGIN
 * goes out with the first statement, so that a transaction which needs the journal's horizon can fetch it
 * before its snapshot (store_journal.c says why it must). A read that was seen to have one statement takes
 * its commit along in the same flight. A commit whose answer was lost is not repeated: nobody knows whether
 * it took effect.
 */
#include "store/store_pg.h"

#include "base/log.h"
#include "store_sql.h"

#include <unistd.h>

const PgText pg_commit = {"commit", "commit"};

int pg_command(PgConn *c, Tx *tx, const char *text, Err *err)
{
    TRY(pg_settle(c, tx, err));
    PGresult *res = pg_exec_text(c, text);
    ExecStatusType st = PQresultStatus(res);
    int r = st == PGRES_COMMAND_OK || st == PGRES_TUPLES_OK ? 0 : pg_error(c, tx, res, text, err);
    PQclear(res);
    return r;
}

/* --- parameters -------------------------------------------------------------------------------------- */

static size_t arg_size(const Val *v)
{
    return v->kind == VAL_TEXT ? v->s.n + 1 : v->kind == VAL_BLOB ? 0 : 32;
}

int pg_args(PgConn *c, const Val *args, size_t n, PgArgs *ret, Err *err)
{
    const size_t fixed = n * (sizeof(char *) + 2 * sizeof(int));
    size_t need = fixed + 1;
    for (size_t i = 0; i < n; i++) need += arg_size(&args[i]);
    if (need > INT32_MAX) return err_set(err, ERR_TOO_LARGE, "语句的参数过大");
    if (need > c->args_cap) {
        free(c->args);
        c->args_cap = need < 1024 ? 1024 : need;
        c->args = xmalloc(c->args_cap);
    }
    *ret = (PgArgs){.n = (int)n, .values = (const char **)(void *)c->args};
    ret->lengths = (int *)(void *)(c->args + n * sizeof(char *));
    ret->formats = ret->lengths + n;
    char *at = c->args + fixed;
    for (size_t i = 0; i < n; i++) {
        const Val *v = &args[i];
        ret->values[i] = at;
        ret->lengths[i] = 0;
        ret->formats[i] = 0;
        switch (v->kind) {
        case VAL_NULL: ret->values[i] = NULL; break;
        case VAL_INT: snprintf(at, 32, "%lld", (long long)v->i); break;
        case VAL_REAL: snprintf(at, 32, "%.17g", v->r); break;
        case VAL_TEXT:
            if (v->s.n && memchr(v->s.p, 0, v->s.n))
                return err_set(err, ERR_INPUT, "文本里不能有 NUL 字符（第 %zu 个参数）", i + 1);
            if (v->s.n) memcpy(at, v->s.p, v->s.n);
            at[v->s.n] = 0;
            break;
        case VAL_BLOB:
            ret->values[i] = v->s.p ? v->s.p : "";
            ret->lengths[i] = (int)v->s.n;
            ret->formats[i] = 1;
            break;
        }
        at += arg_size(v);
    }
    return 0;
}

/* --- the journal's horizon --------------------------------------------------------------------------- */

/* One number; NULL counts as `none`. */
static int number(PgConn *c, Tx *tx, const Sql *sql, const Val *args, size_t n, int64_t none, int64_t *ret,
                  Err *err)
{
    PGresult *res;
    TRY(pg_ask(c, tx, &(PgText){sql->name, sql->text[DIALECT_POSTGRES]}, args, n, false, &res, err));
    int r = 0;
    if (PQntuples(res) != 1)
        r = err_set(err, ERR_INTERNAL, "%s 没有给出一个值", sql->name);
    else if (PQgetisnull(res, 0, 0))
        *ret = none;
    else if (!str_int(str_c(PQgetvalue(res, 0, 0)), ret))
        r = err_set(err, ERR_INTERNAL, "%s 不是整数", sql->name);
    PQclear(res);
    Err late = ERR_INIT;
    int after = pg_land(c, tx, r < 0 ? &late : err);
    return r < 0 ? r : after;
}

/* The journal's horizon; store_journal.c proves why two statements, in this order, before the snapshot. */
static int fetch_horizon(Tx *tx, Err *err)
{
    int64_t last, low;
    TRY(number(tx->conn, tx, &sql_store_journal_last, NULL, 0, 0, &last, err));
    TRY(number(tx->conn, tx, &sql_store_journal_low, VALS(V_INT(last)), last, &low, err));
    tx->horizon = low < last ? low : last;
    return 0;
}

/* --- what is learned of a kind of transaction --------------------------------------------------------- */

/* NULL when there are too many kinds: then nothing is known. */
static PgKind *kind_of(PgPool *p, const char *name)
{
    size_t at = str_hash(str_c(name)) % PG_KINDS;
    for (int i = 0; i < PG_KINDS; i++, at = (at + 1) % PG_KINDS) {
        PgKind *k = &p->kinds[at];
        const char *known = atomic_load(&k->name);
        if (!known) {
            char *copy = xstrdup(name);
            if (atomic_compare_exchange_strong(&k->name, &known, copy)) return k;
            free(copy);
        }
        if (strcmp(known, name) == 0) return k;
    }
    return NULL;
}

static void learn(PgKind *k, const Tx *tx)
{
    if (!k || tx->write) return;
    int lone = atomic_load(&k->lone);
    if (tx->asks > 1)
        atomic_store(&k->lone, -1);
    else if (tx->asks == 1 && lone >= 0 && lone < PG_LONE_AFTER)
        atomic_compare_exchange_strong(&k->lone, &lone, lone + 1);
}

/* Runs the transaction again from its start. */
static int again(Tx *tx, const char *why, Err *err)
{
    tx->retry = tx->late = tx->failed = true;
    err_set(err, ERR_RETRY, "%s，请重试", why);
    tx->first = *err;
    return -ERR_RETRY;
}

/* --- statements -------------------------------------------------------------------------------------- */

static int post_limit(Tx *tx, Err *err)
{
    char text[64];
    const int ms = tx->limit_ms ? tx->limit_ms : tx->own_ms;
    snprintf(text, sizeof text, "set local statement_timeout=%d", ms);
    return pg_post(tx->conn, tx, &(PgText){"limit", text}, NULL, 0, err);
}

static int pg_limit(Tx *tx, int ms, Err *err)
{
    tx->limit_ms = ms;
    return tx->began && !tx->ended ? post_limit(tx, err) : 0;
}

int pg_begin(Tx *tx, Err *err)
{
    static const PgText writes = {"begin", "begin isolation level serializable"},
                        reads = {"begin", "begin isolation level repeatable read read only"};
    if (tx->ended) {
        tx->asks = 2;
        return again(tx, "这类读取不止一条语句", err);
    }
    if (tx->began) return 0;
    PgKind *k = tx->kind;
    if (tx->horizon < 0 && k && atomic_load(&k->horizon)) TRY(fetch_horizon(tx, err));
    TRY(pg_post(tx->conn, tx, tx->write ? &writes : &reads, NULL, 0, err));
    tx->began = true;
    return tx->write ? 0 : post_limit(tx, err);
}

/* Before the first statement the horizon can be had; later only by starting again, now knowing that this kind
   of transaction wants it. */
static int pg_horizon(Tx *tx, int64_t *ret, Err *err)
{
    if (tx->horizon < 0 && tx->began) {
        PgKind *k = tx->kind;
        if (k) atomic_store(&k->horizon, true);
        return again(tx, "读取日志前要先取得界限", err);
    }
    if (tx->horizon < 0) TRY(fetch_horizon(tx, err));
    *ret = tx->horizon;
    return 0;
}

static int pg_exec(Tx *tx, const Sql *sql, const Val *args, size_t n, int64_t *ret_changes, Err *err)
{
    PgConn *c = tx->conn;
    const PgText t = {sql->name, sql->text[DIALECT_POSTGRES]};
    PGresult *res;
    TRY(pg_begin(tx, err));
    tx->asks++;
    if (!ret_changes) return pg_post(c, tx, &t, args, n, err);
    TRY(pg_ask(c, tx, &t, args, n, false, &res, err));
    if (PQresultStatus(res) != PGRES_COMMAND_OK || !str_int(str_c(PQcmdTuples(res)), ret_changes))
        *ret_changes = 0;
    PQclear(res);
    return pg_land(c, tx, err);
}

static int pg_script(Tx *tx, const char *sql, Err *err)
{
    TRY(pg_begin(tx, err));
    tx->asks = 2;
    return pg_command(tx->conn, tx, sql, err);
}

static int pg_prepare(Tx *tx, const Sql *sql, Err *err)
{
    const char *name;
    TRY(pg_begin(tx, err));
    tx->asks = 2;
    TRY(pg_settle(tx->conn, tx, err));
    return pg_prepared(tx->conn, tx, sql->name, sql->text[DIALECT_POSTGRES], &name, err);
}

/* Nobody waits for a savepoint; going back to one is waited for. */
static int pg_save(Tx *tx, SaveStep step, Err *err)
{
    static const char *const form[] = {"savepoint s%d", "release s%d", "rollback to s%d; release s%d"};
    char text[64];
    TRY(pg_begin(tx, err));
    tx->asks = 2;
    snprintf(text, sizeof text, form[step], tx->depth, tx->depth);
    if (step == SAVE_ROLLBACK) return pg_command(tx->conn, tx, text, err);
    return pg_post(tx->conn, tx, &(PgText){"savepoint", text}, NULL, 0, err);
}

enum { SEQ_AHEAD_AFTER = 8, SEQ_AHEAD = 64 };

/* A transaction that writes many entries takes its numbers ahead, a round trip for 64: they lie above the
   lock's mark as each single one would, and unused ones are gaps like those of a rollback. */
static int take_ahead(Tx *tx, Err *err)
{
    _cleanup_arena_ Arena *a = arena_new();
    Val v;
    TRY(tx_one(tx, a, &sql_store_journal_take_many, VALS(V_INT(SEQ_AHEAD)), &v, err));
    Str rest = v.s, part;
    int n = 0;
    while (n < SEQ_AHEAD && str_split(&rest, ' ', &part))
        if (str_int(part, &tx->seqs[SEQ_AHEAD - 1 - n])) n++;
    if (n != SEQ_AHEAD) return err_set(err, ERR_INTERNAL, "日志序号取得不全");
    tx->seq_n = n;
    return 0;
}

static int pg_journal_seq(Tx *tx, int64_t *ret, Err *err)
{
    TRY(pg_begin(tx, err));
    if (tx->seq_held && !tx->seq_n && ++tx->seq_taken > SEQ_AHEAD_AFTER) TRY(take_ahead(tx, err));
    if (tx->seq_held && tx->seq_n) {
        *ret = tx->seqs[--tx->seq_n];
        return 0;
    }
    const Sql *sql = tx->seq_held ? &sql_store_journal_take : &sql_store_journal_take_first;
    TRY(number(tx->conn, tx, sql, NULL, 0, 0, ret, err));
    tx->seq_held = true;
    return 0;
}

/* --- transactions ------------------------------------------------------------------------------------ */

static int commit(Tx *tx, Err *err)
{
    PgConn *c = tx->conn;
    PGresult *res;
    int r = pg_ask(c, tx, &pg_commit, NULL, 0, false, &res, err);
    if (r == 0) {
        if (strcmp(PQcmdStatus(res), "COMMIT") != 0)
            r = err_set(err, ERR_INTERNAL, "事务 %s 被数据库撤销", tx->name);
        PQclear(res);
        pg_pass(c); /* it is done */
    } else if (pg_broken(c)) {
        tx->retry = false;
        err_set(err, ERR_UNKNOWN, "提交时与数据库的连接中断，不知道是否已保存");
        r = err_hint(err, "先查询该记录，确认是否已保存，再决定是否重做");
    }
    return r;
}

/* A read's commit tells nothing: nobody waits for it. */
static int end_read(Tx *tx, Err *err)
{
    PgConn *c = tx->conn;
    TRY(pg_settle(c, tx, err));
    pg_depart(c);
    return c->departed ? 0 : pg_command(c, tx, pg_commit.text, err);
}

static int attempt(Tx *tx, TxFn fn, void *ctx, Err *err)
{
    PgConn *c = tx->conn;
    int r = tx_outcome(tx, fn(tx, ctx, err), err);
    tx_close_rows(tx, 0);
    pg_idle(c);
    /* A conflict that the callback hid in a savepoint is still one. */
    if (r >= 0 && tx->retry) r = err_set(err, ERR_RETRY, "并发冲突，请重试");
    if (r == 0 && tx->began && !tx->ended) r = tx->write ? commit(tx, err) : end_read(tx, err);
    if (!pg_broken(c)) pg_abandon(c);
    if (!pg_broken(c) && !c->departed && PQtransactionStatus(c->pq) != PQTRANS_IDLE) {
        Err lost = ERR_INIT;
        if (pg_command(c, NULL, "rollback", &lost) < 0) log_err("rollback", STR_NONE, &lost);
    }
    return r;
}

static int gated(Tx *tx, bool alone, TxFn fn, void *ctx, Err *err)
{
    PgPool *p = tx->store->db;
    if (!tx->write) return attempt(tx, fn, ctx, err);
    if (alone)
        pthread_rwlock_wrlock(&p->gate);
    else
        pthread_rwlock_rdlock(&p->gate);
    int r = attempt(tx, fn, ctx, err);
    pthread_rwlock_unlock(&p->gate);
    return r;
}

/* 1, 2, 4 … 128 ms, each times a random share, so that rivals do not meet again. */
static void pause_before(int n)
{
    uint64_t x = (uint64_t)store_now_ns() ^ (uintptr_t)&x;
    x = (x ^ x >> 29) * 0xbf58476d1ce4e5b9u;
    usleep((useconds_t)((1000u << (n > 7 ? 7 : n)) / 2 + x % (1000u << (n > 7 ? 7 : n))));
}

/* start: what each attempt begins as. */
static int run(const Tx *start, TxFn fn, void *ctx, Err *err)
{
    Store *s = start->store;
    const bool write = start->write;
    int broken = 0, tries = 0;
    PgKind *kind = kind_of(s->db, start->name);
    bool horizon = false, lone = !write && kind && atomic_load(&kind->lone) >= PG_LONE_AFTER;
    for (;;) {
        PgConn *c;
        Err why = ERR_INIT;
        TRY(pg_take(s, start->patience_ms, &c, err));
        Tx tx = *start;
        tx.conn = c, tx.kind = kind, tx.lone = lone;
        int r = horizon ? fetch_horizon(&tx, &why) : 0;
        if (r == 0) r = gated(&tx, tries >= PG_RETRY_ALONE, fn, ctx, &why);
        bool lost = pg_broken(c), late = tx.late && (lone || !horizon);
        pg_give(c);
        learn(kind, &tx);
        if (r == 0) {
            atomic_fetch_add(&s->count.transactions, write);
            atomic_fetch_add(&s->count.commits, write);
            if (tx.journalled) pg_listen_changed(((PgPool *)s->db)->listen);
            return 0;
        }
        if (late) { /* at most twice */
            horizon = horizon || !tx.ended;
            lone = false;
            continue;
        }
        /* A read is tried once more on a fresh connection; so is a write that had not come to its commit. The
           idle connections of a restarted server are all dead: they are passed over without counting. */
        if (!tx.retry || (lost ? ++broken > s->readers + 1 : ++tries > PG_RETRY_MAX)) {
            *err = why;
            return r;
        }
        atomic_fetch_add(&s->count.retries, 1);
        if (!lost) pause_before(tries - 1);
    }
}

static int pg_write(Store *s, const char *name, bool alter, TxFn fn, void *ctx, Err *err)
{
    /* DDL is as transactional as the rest, and nothing needs rebuilding; an index takes what it takes */
    const int patience = alter ? 0 : s->answer_ms;
    return run(&(Tx){.store = s, .name = name, .write = true, .patience_ms = patience, .horizon = -1}, fn,
               ctx, err);
}

static int pg_read(Store *s, const char *name, int limit_ms, TxFn fn, void *ctx, Err *err)
{
    const int patience =
        limit_ms && s->answer_ms ? limit_ms + s->answer_ms / 4 : 0; /* the server's turn first */
    return run(&(Tx){.store = s, .name = name, .patience_ms = patience, .own_ms = limit_ms, .horizon = -1},
               fn, ctx, err);
}

static void pg_close(Store *s)
{
    PgPool *p = s->db;
    for (int i = 0; p && i < PG_KINDS; i++) free((char *)(uintptr_t)atomic_load(&p->kinds[i].name));
    pg_pool_close(s);
}

const Driver store_pg = {
    .open = pg_pool_open,
    .close = pg_close,
    .write = pg_write,
    .read = pg_read,
    .exec = pg_exec,
    .script = pg_script,
    .prepare = pg_prepare,
    .query = pg_query,
    .next = pg_next,
    .val = pg_val,
    .done = pg_done,
    .save = pg_save,
    .journal_seq = pg_journal_seq,
    .horizon = pg_horizon,
    .limit = pg_limit,
};

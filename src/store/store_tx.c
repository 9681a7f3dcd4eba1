/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * What a callback sees: Tx and Rows. The rules here are the same on both databases: after a failed statement
 * the transaction only fails (PostgreSQL insists on it, so SQLite is held to it too), rows end with the
 * transaction or savepoint they were opened in, slow statements are counted and logged.
 */
#include "store/store_int.h"

#include <assert.h>

/* What /healthz says of writes: how the last one went that the disk or the database had a say in. */
static int written(Store *s, int r)
{
    const bool trouble = r == -(int)ERR_FULL || r == -(int)ERR_IO || r == -(int)ERR_UNKNOWN;
    if (r == 0 || trouble) atomic_store(&s->count.write_trouble, -r);
    if (trouble) atomic_fetch_add(&s->count.failed_writes, 1);
    return r;
}

int store_tx(Store *s, const char *name, TxFn fn, void *ctx, Err *err)
{
    Err own = ERR_INIT;
    return written(s, s->driver->write(s, name, false, fn, ctx, err ? err : &own));
}

int store_alter(Store *s, const char *name, TxFn fn, void *ctx, Err *err)
{
    Err own = ERR_INIT;
    return written(s, s->driver->write(s, name, true, fn, ctx, err ? err : &own));
}

int store_read(Store *s, const char *name, TxFn fn, void *ctx, Err *err)
{
    Err own = ERR_INIT;
    return s->driver->read(s, name, s->read_timeout_ms, fn, ctx, err ? err : &own);
}

int store_read_long(Store *s, const char *name, TxFn fn, void *ctx, Err *err)
{
    Err own = ERR_INIT;
    return s->driver->read(s, name, 0, fn, ctx, err ? err : &own);
}

Dialect tx_dialect(const Tx *tx) { return tx->store->dialect; }

/* Remembers the first failure. */
static int fail(Tx *tx, int r, const Err *err)
{
    if (r < 0 && !tx->failed) {
        tx->failed = true;
        tx->first = *err;
    }
    return r;
}

static int refuse(const Tx *tx, Err *err)
{
    *err = tx->first;
    return -(int)tx->first.code;
}

int tx_outcome(Tx *tx, int r, Err *err)
{
    if ((r == 0 || r == TX_UNDO) && tx->failed) return refuse(tx, err);
    /* A callback may say no without words. */
    if (r != 0 && r != TX_UNDO && err->code == ERR_NONE)
        return err_set(err, r < 0 && r > -(int)ERR_N ? (ErrCode)-r : ERR_INTERNAL, "事务 %s 未完成",
                       tx->name);
    return r;
}

void tx_close_rows(Tx *tx, int depth)
{
    while (tx->rows && tx->rows->depth >= depth) rows_done(tx->rows);
}

int tx_exec(Tx *tx, const Sql *sql, const Val *args, size_t n, int64_t *ret_changes, Err *err)
{
    Err own = ERR_INIT, *e = err ? err : &own;
    if (tx->failed) return refuse(tx, e);
    assert(n <= STORE_ARGS_MAX);
    int64_t start = store_about_ns(), changes = 0;
    int r = tx->store->driver->exec(tx, sql, args, n, &changes, e);
    store_slow(tx->store, sql->name, store_about_ns() - start);
    if (r == 0 && ret_changes) *ret_changes = changes;
    return fail(tx, r, e);
}

int tx_post(Tx *tx, const Sql *sql, const Val *args, size_t n, Err *err)
{
    Err own = ERR_INIT, *e = err ? err : &own;
    if (tx->failed) return refuse(tx, e);
    return fail(tx, tx->store->driver->exec(tx, sql, args, n, NULL, e), e);
}

int tx_script(Tx *tx, const char *sql, Err *err)
{
    Err own = ERR_INIT, *e = err ? err : &own;
    if (tx->failed) return refuse(tx, e);
    return fail(tx, tx->store->driver->script(tx, sql, e), e);
}

int tx_prepare(Tx *tx, const Sql *sql, Err *err)
{
    Err own = ERR_INIT, *e = err ? err : &own;
    if (tx->failed) return refuse(tx, e);
    return fail(tx, tx->store->driver->prepare(tx, sql, e), e);
}

int tx_limit(Tx *tx, int ms, Err *err)
{
    Err own = ERR_INIT, *e = err ? err : &own;
    if (tx->failed) return refuse(tx, e);
    return tx->write ? 0 : fail(tx, tx->store->driver->limit(tx, ms, e), e);
}

int tx_nested(Tx *tx, TxFn fn, void *ctx, Err *err)
{
    Err own = ERR_INIT, *e = err ? err : &own;
    const Driver *d = tx->store->driver;
    if (tx->failed) return refuse(tx, e);
    bool journalled = tx->journalled, seq_held = tx->seq_held;
    tx->depth++;
    int r = fail(tx, d->save(tx, SAVE_BEGIN, e), e);
    if (r < 0) {
        tx->depth--;
        return r;
    }
    r = tx_outcome(tx, fn(tx, ctx, e), e);
    tx_close_rows(tx, tx->depth);
    if (r == 0) r = fail(tx, d->save(tx, SAVE_RELEASE, e), e);
    if (r != 0) {
        Err lost = ERR_INIT;
        tx->failed = false;
        tx->journalled = journalled;
        tx->seq_held = seq_held;      /* an advisory lock taken inside went with the savepoint */
        if (!seq_held) tx->seq_n = 0; /* and with it the cover of the numbers taken ahead */
        if (fail(tx, d->save(tx, SAVE_ROLLBACK, &lost), &lost) < 0) tx->first = lost;
    }
    tx->depth--;
    return r;
}

/* --- rows -------------------------------------------------------------------------------------------- */

static void rows_dead(void *p) { rows_done(p); }

static int start(Tx *tx, Arena *a, const Sql *sql, const Val *args, size_t n, bool cursor, Rows **ret,
                 Err *err)
{
    Err own = ERR_INIT, *e = err ? err : &own;
    if (tx->failed) return refuse(tx, e);
    assert(n <= STORE_ARGS_MAX);
    Rows *r = ARENA_NEW(a, Rows);
    *r = (Rows){.tx = tx, .arena = a, .name = str_cdup(a, str_c(sql->name)), .depth = tx->depth};
    int64_t begin = store_about_ns();
    int rc = tx->store->driver->query(tx, r, sql, args, n, cursor, e);
    r->spent_ns = store_about_ns() - begin;
    if (rc < 0) {
        r->tx = NULL;
        return fail(tx, rc, e);
    }
    r->next = tx->rows;
    tx->rows = r;
    arena_defer(a, rows_dead, r);
    *ret = r;
    return 0;
}

int tx_query(Tx *tx, Arena *a, const Sql *sql, const Val *args, size_t n, Rows **ret, Err *err)
{
    return start(tx, a, sql, args, n, false, ret, err);
}

int tx_cursor(Tx *tx, Arena *a, const Sql *sql, const Val *args, size_t n, Rows **ret, Err *err)
{
    return start(tx, a, sql, args, n, true, ret, err);
}

int rows_next(Rows *r, Err *err)
{
    Err own = ERR_INIT, *e = err ? err : &own;
    r->on_row = false;
    if (!r->tx) return 0;
    Tx *tx = r->tx;
    int64_t begin = store_about_ns();
    int got = tx->store->driver->next(r, e);
    r->spent_ns += store_about_ns() - begin;
    if (got == 1) {
        r->on_row = true;
        return 1;
    }
    rows_done(r);
    return fail(tx, got, e);
}

int rows_count(const Rows *r) { return r->n; }
const char *rows_name(const Rows *r, int col) { return col >= 0 && col < r->n ? r->names[col] : ""; }

Val rows_val(const Rows *r, int col)
{
    if (!r->on_row || col < 0 || col >= r->n) return V_NULL;
    return r->tx->store->driver->val(r, col);
}

Str rows_text(const Rows *r, Arena *a, int col)
{
    Val v = rows_val(r, col);
    switch (v.kind) {
    case VAL_NULL: return STR_NONE;
    case VAL_INT: return str_fmt(a, "%lld", (long long)v.i);
    case VAL_REAL: return str_fmt(a, "%.15g", v.r);
    case VAL_TEXT:
    case VAL_BLOB: break;
    }
    return str_dup(a, v.s);
}

int64_t rows_int(const Rows *r, int col)
{
    Val v = rows_val(r, col);
    int64_t i = 0;
    double d = 0;
    switch (v.kind) {
    case VAL_INT: return v.i;
    case VAL_REAL: d = v.r; break;
    case VAL_TEXT:
        if (str_int(v.s, &i)) return i;
        if (!str_real(v.s, &d)) return 0;
        break;
    case VAL_NULL:
    case VAL_BLOB: return 0;
    }
    return d >= -9.2e18 && d <= 9.2e18 ? (int64_t)d : 0;
}

void rows_done(Rows *r)
{
    if (!r || !r->tx) return;
    Tx *tx = r->tx;
    r->on_row = false;
    tx->store->driver->done(r);
    for (Rows **at = &tx->rows; *at; at = &(*at)->next) {
        if (*at != r) continue;
        *at = r->next;
        break;
    }
    store_slow(tx->store, r->name, r->spent_ns);
    r->tx = NULL;
}

int tx_one(Tx *tx, Arena *a, const Sql *sql, const Val *args, size_t n, Val *ret, Err *err)
{
    Rows *r;
    TRY(tx_query(tx, a, sql, args, n, &r, err));
    int got = rows_next(r, err);
    if (got == 1) {
        Val v = rows_val(r, 0);
        if (v.kind == VAL_TEXT || v.kind == VAL_BLOB) v.s = str_dup(a, v.s);
        rows_done(r);
        *ret = v;
        return 0;
    }
    return got < 0 ? got : err_set(err, ERR_NOT_FOUND, "记录不存在");
}

/* --- what a statement writes ------------------------------------------------------------------------- */

static Str word(Str *rest)
{
    *rest = str_trim(*rest);
    size_t n = 0;
    while (n < rest->n && !strchr(" \t\r\n(;", rest->p[n])) n++;
    Str w = str_n(rest->p, n);
    *rest = str_from(*rest, n);
    return w;
}

Str store_sql_table(const char *text)
{
    Str rest = str_c(text), verb = word(&rest), table = STR_NONE;
    if (str_ieq(verb, S("update")))
        table = word(&rest);
    else if (str_ieq(verb, S("insert")) || str_ieq(verb, S("delete")) || str_ieq(verb, S("replace"))) {
        Str w = word(&rest);
        /* insert or ignore into t */
        while (w.n && !str_ieq(w, S("into")) && !str_ieq(w, S("from"))) w = word(&rest);
        table = word(&rest);
    }
    if (table.n > 1 && table.p[0] == '"') table = str_n(table.p + 1, table.n - 2);
    return table;
}

/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Values, results of every size, statements between rows, and SQLite's own functions. */
#include "base/clock.h"
#include "store/store.h"

#include "testdb.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <malloc.h>

static const Migration migrations[] = {
    {1,
     "values",
     {"create table v (id integer primary key, b boolean, r double precision, t text, x blob, at "
      "timestamptz, n numeric);"
      "create table big (id integer primary key, t text not null);",
      "create table v (id bigint primary key, b boolean, r double precision, t text collate \"C\", x bytea,"
      " at timestamptz, n numeric(15,2)); create table big (id integer primary key, t text not null);"}},
    {0},
};
static const Room room = {.name = "probe", .migrations = migrations};
static const Room *const rooms[] = {&room, NULL};

enum { BIG = 60000 };

static int setup(void **state)
{
    *state = testdb_new(rooms);
    return 0;
}

static void good(int r, const Err *err)
{
    if (r < 0) fail_msg("%s", err->msg);
}

/* --- values ------------------------------------------------------------------------------------------ */

static int put_values(Tx *tx, void *ctx, Err *err)
{
    (void)ctx;
    TRY(tx_exec(tx, SQL("insert into v (t, id, b, r, x, at) values ($3, $1, $2, $4, $5, $6)"),
                VALS(V_INT(INT64_MAX), V_INT(1), V_TEXT(S("华山'\"\\")), V_REAL(0.1), V_BLOB(S("\0\x01\xff")),
                     V_TEXT(S("2025-01-02T03:04:05.000006Z"))),
                NULL, err));
    return tx_exec(tx, SQL("insert into v (id, t, at) values ($1, $2, $3)"),
                   VALS(V_INT(2), V_TEXT(STR_NONE), V_TEXT(S("2025-01-02T03:04:05.500000Z"))), NULL, err);
}

static int see_values(Tx *tx, void *ctx, Err *err)
{
    (void)ctx;
    _cleanup_arena_ Arena *a = arena_new();
    Rows *r;
    TRY(tx_query(tx, a, SQL("select id, b, r, t, x, at from v order by id desc"), NULL, 0, &r, err));
    assert_int_equal(rows_count(r), 6);
    assert_string_equal(rows_name(r, 3), "t");
    assert_int_equal(rows_val(r, 0).kind, VAL_NULL); /* before the first row */
    assert_int_equal(rows_next(r, err), 1);
    assert_true(rows_int(r, 0) == INT64_MAX);
    assert_int_equal(rows_val(r, 1).kind, VAL_INT);
    assert_int_equal(rows_int(r, 1), 1);
    assert_true(rows_val(r, 2).r == 0.1);
    assert_true(str_eq(rows_text(r, a, 3), S("华山'\"\\")));
    assert_int_equal(rows_val(r, 4).kind, VAL_BLOB);
    assert_true(str_eq(rows_val(r, 4).s, S("\0\x01\xff")));
    assert_true(str_eq(rows_text(r, a, 5), S("2025-01-02T03:04:05.000006Z")));
    assert_int_equal(rows_val(r, 6).kind, VAL_NULL);
    assert_int_equal(rows_next(r, err), 1);
    assert_int_equal(rows_val(r, 1).kind, VAL_NULL);
    assert_int_equal(rows_val(r, 3).kind, VAL_TEXT);
    assert_int_equal(rows_val(r, 3).s.n, 0);
    assert_true(str_eq(rows_text(r, a, 5), S("2025-01-02T03:04:05.500000Z")));
    assert_int_equal(rows_next(r, err), 0);
    assert_int_equal(rows_next(r, err), 0);
    return 0;
}

static void values__come_back_as_they_went(void **state)
{
    Err err = ERR_INIT;
    good(store_tx(testdb_store(*state), "put", put_values, NULL, &err), &err);
    good(store_read(testdb_store(*state), "see", see_values, NULL, &err), &err);
}

static int returning(Tx *tx, void *ctx, Err *err)
{
    (void)ctx;
    _cleanup_arena_ Arena *a = arena_new();
    Val v;
    Rows *r;
    TRY(tx_one(tx, a, SQL("insert into big (id, t) values (1, 'x') returning id"), NULL, 0, &v, err));
    assert_int_equal(v.i, 1);
    assert_int_equal(tx_one(tx, a, SQL("select id from big where id = $1"), VALS(V_INT(9)), &v, err),
                     -ERR_NOT_FOUND);
    *err = ERR_INIT;
    /* Rows left open end with the transaction; the arena may outlive it or not. */
    return tx_query(tx, a, SQL("insert into big (id, t) values (2, 'x'), (3, 'x') returning id"), NULL, 0, &r,
                    err);
}

static int wrong_args(Tx *tx, void *ctx, Err *err)
{
    (void)ctx;
    return tx_exec(tx, SQL("insert into big (id, t) values ($1, $2)"), VALS(V_INT(7)), NULL, err);
}

static int count_big(Tx *tx, void *ctx, Err *err)
{
    _cleanup_arena_ Arena *a = arena_new();
    Val v;
    TRY(tx_one(tx, a, SQL("select count(*) from big"), NULL, 0, &v, err));
    *(int64_t *)ctx = v.i;
    return 0;
}

static void returning__and_open_rows(void **state)
{
    Err err = ERR_INIT;
    int64_t n = 0;
    good(store_tx(testdb_store(*state), "returning", returning, NULL, &err), &err);
    assert_true(store_tx(testdb_store(*state), "args", wrong_args, NULL, &err) < 0);
    good(store_read(testdb_store(*state), "count", count_big, &n, &err), &err);
    assert_int_equal(n, 3);
}

/* --- big results ------------------------------------------------------------------------------------- */

static int fill(Tx *tx, void *ctx, Err *err)
{
    (void)ctx;
    return tx_exec(
        tx,
        SQL("with recursive c(i) as (select 1 union all select i + 1 from c where i < 60000)"
            " insert into big (id, t) select i, 'a line of some length to make the result large' from c"),
        NULL, 0, NULL, err);
}

static size_t in_use(void) { return mallinfo2().uordblks + mallinfo2().hblkhd; }

typedef struct Walk {
    bool cursor, between;
    bool warm_up; /* fills the database's own page cache; not measured */
} Walk;

static int walk(Tx *tx, void *ctx, Err *err)
{
    const Walk *w = ctx;
    _cleanup_arena_ Arena *a = arena_new();
    Rows *r;
    size_t before = in_use(), most = before;
    int64_t n = 0, one = 0;
    int got;
    TRY((w->cursor ? tx_cursor : tx_query)(tx, a, SQL("select id, t from big order by id"), NULL, 0, &r,
                                           err));
    while ((got = rows_next(r, err)) == 1) {
        assert_int_equal(rows_int(r, 0), ++n);
        if (n % 1000) continue;
        if (w->between) TRY(count_big(tx, &one, err));
        if (in_use() > most) most = in_use();
    }
    TRY(got);
    assert_int_equal(n, BIG);
    if (w->warm_up) return 0;
    if (!w->between || w->cursor || !testdb_is_postgres()) assert_true(most - before < 2 << 20);
    return 0;
}

static void big_result__is_walked_in_flat_memory(void **state)
{
    Err err = ERR_INIT;
    Store *s = testdb_store(*state);
    good(store_tx(s, "fill", fill, NULL, &err), &err);
    Walk warm = {.warm_up = true};
    good(store_read(s, "walk", walk, &warm, &err), &err);
    good(store_tx(s, "walk", walk, &warm, &err), &err);
    for (int i = 0; i < 4; i++) {
        Walk w = {.cursor = i & 1, .between = i & 2};
        good(store_read(s, "walk", walk, &w, &err), &err);
        good(store_tx(s, "walk", walk, &w, &err), &err);
    }
}

/* Three queries of the same text at once, read in turn, and one left in the middle. */
static int interleaved(Tx *tx, void *ctx, Err *err)
{
    (void)ctx;
    _cleanup_arena_ Arena *a = arena_new();
    Rows *r[3];
    for (int i = 0; i < 3; i++)
        TRY(tx_query(tx, a, SQL("select id from big where id <= $1 order by id"), VALS(V_INT(100)), &r[i],
                     err));
    for (int n = 1; n <= 100; n++) {
        for (int i = 0; i < 3; i++) {
            if (i == 1 && n > 50) continue;
            assert_int_equal(rows_next(r[i], err), 1);
            assert_int_equal(rows_int(r[i], 0), n);
        }
        if (n == 50) rows_done(r[1]);
    }
    assert_int_equal(rows_next(r[0], err), 0);
    assert_int_equal(rows_next(r[1], err), 0);
    assert_int_equal(rows_next(r[2], err), 0);
    return 0;
}

static void queries__may_be_read_in_turn(void **state)
{
    Err err = ERR_INIT;
    good(store_tx(testdb_store(*state), "fill", fill, NULL, &err), &err);
    good(store_read(testdb_store(*state), "turns", interleaved, NULL, &err), &err);
    good(store_tx(testdb_store(*state), "turns", interleaved, NULL, &err), &err);
}

static int many_texts(Tx *tx, void *ctx, Err *err)
{
    (void)ctx;
    for (int i = 0; i < 700; i++) {
        _cleanup_arena_ Arena *a = arena_new();
        Val v;
        Str text = str_fmt(a, "select count(*) + %d from big", i);
        TRY(tx_one(tx, a, SQL(text.p), NULL, 0, &v, err));
        assert_int_equal(v.i, i);
    }
    return 0;
}

static void statement_cache__keeps_its_size(void **state)
{
    Err err = ERR_INIT;
    Store *s = testdb_store(*state);
    good(store_read(s, "many", many_texts, NULL, &err), &err);
    good(store_tx(s, "many", many_texts, NULL, &err), &err);
    StoreStats stats;
    store_stats(s, &stats);
    assert_in_range(stats.statements_cached, 256, 600);
}

/* --- a read that takes too long ---------------------------------------------------------------------- */

/* ctx: how many rows it takes; NULL = as good as endless. */
static int endless(Tx *tx, void *ctx, Err *err)
{
    _cleanup_arena_ Arena *a = arena_new();
    Val v;
    const int64_t rows = ctx ? *(const int64_t *)ctx : 2000000000;
    return tx_one(tx, a,
                  SQL("with recursive c(i) as (select 1 union all select i + 1 from c where i < $1)"
                      " select count(*) from c"),
                  VALS(V_INT(rows)), &v, err);
}

static void long_read__is_ended(void **state)
{
    Store *s;
    Err err = ERR_INIT;
    const StoreOptions o = {.dir = testdb_dir(*state), .url = testdb_url(*state), .read_timeout_ms = 200};
    good(store_open(&o, &s, &err), &err);
    assert_int_equal(store_read(s, "endless", endless, NULL, &err), -ERR_TIMEOUT);
    int64_t n;
    good(store_read(s, "count", count_big, &n, &err), &err);
    store_free(s);
}

/* What is too long for the store's limit is done all the same; a limit of its own part still counts there. */
static int long_and_limited(Tx *tx, void *ctx, Err *err)
{
    TRY(endless(tx, ctx, err));
    TRY(tx_limit(tx, 10, err));
    assert_int_equal(tx_nested(tx, endless, NULL, err), -ERR_TIMEOUT);
    TRY(tx_limit(tx, 0, err));
    return endless(tx, ctx, err);
}

static void long_read__has_its_time_where_it_may(void **state)
{
    Store *s;
    Err err = ERR_INIT;
    const StoreOptions o = {.dir = testdb_dir(*state), .url = testdb_url(*state), .read_timeout_ms = 10};
    good(store_open(&o, &s, &err), &err);
    int64_t rows = 1000;
    while (store_read(s, "long", endless, &rows, &err) == 0) rows *= 2;
    if (err.code != ERR_TIMEOUT) fail_msg("%s", err.msg);
    rows *= 2;
    good(store_read_long(s, "long and limited", long_and_limited, &rows, &err), &err);
    assert_int_equal(store_read(s, "long", endless, &rows, &err),
                     -ERR_TIMEOUT); /* the next one has its limit again */
    store_free(s);
}

static int limited(Tx *tx, void *ctx, Err *err)
{
    _cleanup_arena_ Arena *a = arena_new();
    Val v;
    TRY(tx_limit(tx, 100, err));
    assert_int_equal(tx_nested(tx, endless, ctx, err), -ERR_TIMEOUT);
    TRY(tx_limit(tx, 0, err));
    return tx_one(tx, a, SQL("select 1"), NULL, 0, &v, err);
}

/* The third row fails, and only the first is read. */
static int left_early(Tx *tx, void *ctx, Err *err)
{
    _cleanup_arena_ Arena *a = arena_new();
    Rows *r;
    Val v;
    (void)ctx;
    TRY(tx_query(tx, a,
                 SQL("select 6 / (3 - i) from (select 1 as i union all select 2 union all select 3 union all "
                     "select 4) x"),
                 NULL, 0, &r, err));
    assert_int_equal(rows_next(r, err), 1);
    rows_done(r);
    return tx_one(tx, a, SQL("select 1"), NULL, 0, &v, err);
}

/* PostgreSQL's transaction is over then, and the reason is told, not what follows from it. */
static void error_behind_what_is_read__is_told(void **state)
{
    Err err = ERR_INIT;
    if (!testdb_is_postgres()) skip();
    assert_int_equal(store_read(testdb_store(*state), "left early", left_early, NULL, &err), -ERR_INPUT);
}

static void limited_part__is_ended_alone(void **state)
{
    Err err = ERR_INIT;
    Store *s = testdb_store(*state);
    int64_t begin = clock_mono_us();
    good(store_read(s, "limited", limited, NULL, &err), &err);
    assert_true(clock_mono_us() - begin < 5000000);
}

/* --- functions --------------------------------------------------------------------------------------- */

typedef struct Case {
    const char *expr, *want;
} Case;

static int eval(Tx *tx, void *ctx, Err *err)
{
    const Case *c = ctx;
    _cleanup_arena_ Arena *a = arena_new();
    Rows *r;
    Str text = str_fmt(a, "select %s", c->expr);
    TRY(tx_query(tx, a, SQL(text.p), NULL, 0, &r, err));
    assert_int_equal(rows_next(r, err), 1);
    Val v = rows_val(r, 0);
    Str got = v.kind == VAL_NULL   ? S("null")
              : v.kind == VAL_REAL ? str_fmt(a, "%.17g", v.r)
                                   : rows_text(r, a, 0);
    if (!str_is(got, c->want)) fail_msg("%s = " STR_FMT ", not %s", c->expr, STR_ARG(got), c->want);
    return 0;
}

static void functions__mean_the_same(void **state)
{
    static const Case like[] = {
        /* both databases; true reads as 1 on both */
        {"'Abc' like 'a%'", "0"},
        {"'abc' like 'a%'", "1"},
        {"'a%c' like 'a\\%c'", "1"},
        {"'abc' like 'a\\%c'", "0"},
        {"'渭南市' like '渭_市'", "1"},
        {"'渭南市' like '__市'", "1"},
        {"'a' like ''", "0"},
        {"'' like '%'", "1"},
        {"'aab' like '%ab'", "1"},
        {"'abcabd' like '%abd'", "1"},
        {"null like 'a'", "null"},
        {"'a_b' like 'a!_b' escape '!'", "1"},
        {"'a\\b' like 'a\\b' escape ''", "1"},
    };
    static const Case lite[] = {
        {"ilike('WeiNan', 'wei%')", "1"},
        {"ilike('50%', '50\\%')", "1"},
        {"ilike('505', '50\\%')", "0"},
        {"'渭南市' regexp '^..市$'", "1"},
        {"'HJ212' regexp '^[A-Z]{2}[0-9]+$'", "1"},
        {"null regexp 'a'", "null"},
        {"(select sum(x) from (select 0.1 x union all select 0.2))", "0.29999999999999999"},
        {"(select sum(x) from (select 0.1 x union all select 0.2 union all select -0.3))", "0"},
        {"(select sum(x) from (select 1e300 x union all select 1 union all select -1e300))", "1"},
        {"(select sum(x) from (select 9999999999999.99 x union all select 0.01))", "10000000000000"},
        {"(select sum(x) from (select 1 x union all select 2))", "3"},
        {"(select typeof(sum(x)) from (select 1.0 x union all select 2))", "real"},
        {"(select sum(x) from (select 1 x where false))", "null"},
        {"(select total(x) from (select 1 x where false))", "0"},
        {"(select avg(x) from (select 1 x union all select 2))", "1.5"},
        {"(select group_concat(s) from (select sum(x) over (order by x rows 1 preceding) s from"
         " (select 1 x union all select 2 union all select 3)))",
         "1,3,5"},
    };
    Err err = ERR_INIT;
    Store *s = testdb_store(*state);
    for (size_t i = 0; i < sizeof like / sizeof *like; i++) {
        Case c = like[i];
        good(store_read(s, "eval", eval, &c, &err), &err);
    }
    for (size_t i = 0; !testdb_is_postgres() && i < sizeof lite / sizeof *lite; i++) {
        Case c = lite[i];
        good(store_read(s, "eval", eval, &c, &err), &err);
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, testdb_teardown)
    const struct CMUnitTest tests[] = {
        T(values__come_back_as_they_went),       T(returning__and_open_rows),
        T(big_result__is_walked_in_flat_memory), T(queries__may_be_read_in_turn),
        T(statement_cache__keeps_its_size),      T(long_read__is_ended),
        T(long_read__has_its_time_where_it_may), T(limited_part__is_ended_alone),
        T(error_behind_what_is_read__is_told),   T(functions__mean_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

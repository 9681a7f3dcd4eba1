/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Transactions, savepoints, errors, migrations, the lock: on the database CHENGSHU_TEST_DB names. */
#include "store/store.h"

#include "testdb.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

static const char tables[] =
    "create table town (code text primary key, title text not null);"
    "create table house (no integer primary key, town text references town(code),"
    " street text, door integer, unique (street, door));"
    "create table late (a integer references later(b) deferrable initially deferred);";
static const Migration migrations[] = {
    {1,
     "later",
     {"create table later (b integer primary key);", "create table later (b integer primary key);"}},
    {2, "tables", {tables, tables}},
    {0},
};
static const Room room = {.name = "probe", .migrations = migrations};
static const Room *const rooms[] = {&room, NULL};

static int setup(void **state)
{
    *state = testdb_new(rooms);
    return 0;
}

typedef struct Count {
    const char *sql;
    int64_t n;
} Count;

static int count_fn(Tx *tx, void *ctx, Err *err)
{
    Count *c = ctx;
    _cleanup_arena_ Arena *a = arena_new();
    Val v;
    TRY(tx_one(tx, a, SQL(c->sql), NULL, 0, &v, err));
    assert_int_equal(v.kind, VAL_INT);
    c->n = v.i;
    return 0;
}

static int64_t count(Store *s, const char *sql)
{
    Count c = {sql, -1};
    Err err = ERR_INIT;
    if (store_read(s, "count", count_fn, &c, &err) < 0) fail_msg("%s", err.msg);
    return c.n;
}

typedef struct Exec {
    const Sql *sql;
    const Val *args;
    size_t n;
    int64_t changes;
} Exec;

static int exec_fn(Tx *tx, void *ctx, Err *err)
{
    Exec *e = ctx;
    return tx_exec(tx, e->sql, e->args, e->n, &e->changes, err);
}

static int run(Store *s, const char *sql, Err *err)
{
    Exec e = {.sql = SQL(sql)};
    *err = ERR_INIT;
    return store_tx(s, "run", exec_fn, &e, err);
}

/* --- group commit ------------------------------------------------------------------------------------ */

enum { THREADS = 64, EACH = 20 };

typedef struct Worker {
    Store *s;
    int no, i;
    int good, bad;
} Worker;

static int two_rows(Tx *tx, void *ctx, Err *err)
{
    Worker *w = ctx;
    char code[32];
    snprintf(code, sizeof code, "%d-%d", w->no, w->i);
    TRY(tx_exec(tx, SQL("insert into town (code, title) values ($1, $2)"),
                VALS(V_TEXT(str_c(code)), V_TEXT(S("镇"))), NULL, err));
    if (w->no % 8 == 7) /* these break a rule after their first row */
        return tx_exec(tx, SQL("insert into town (code, title) values ($1, $1)"), VALS(V_TEXT(str_c(code))),
                       NULL, err);
    return tx_exec(tx, SQL("insert into house (no, town, street, door) values ($1, $2, $2, 1)"),
                   VALS(V_INT(w->no * EACH + w->i), V_TEXT(str_c(code))), NULL, err);
}

static void *worker(void *p)
{
    Worker *w = p;
    for (w->i = 0; w->i < EACH; w->i++) {
        Err err = ERR_INIT;
        int r = store_tx(w->s, "two_rows", two_rows, w, &err);
        if (r == 0)
            w->good++;
        else if (r == -ERR_UNIQUE)
            w->bad++;
        else
            fprintf(stderr, "two_rows: %s\n", err.msg);
    }
    return NULL;
}

static void group_commit__every_answered_write_is_there(void **state)
{
    Store *s = testdb_store(*state);
    pthread_t t[THREADS];
    Worker w[THREADS];
    for (int i = 0; i < THREADS; i++) {
        w[i] = (Worker){.s = s, .no = i};
        assert_int_equal(pthread_create(&t[i], NULL, worker, &w[i]), 0);
    }
    int good = 0, bad = 0;
    for (int i = 0; i < THREADS; i++) {
        pthread_join(t[i], NULL);
        good += w[i].good;
        bad += w[i].bad;
    }
    assert_int_equal(bad, THREADS / 8 * EACH);
    assert_int_equal(good, (THREADS - THREADS / 8) * EACH);
    StoreStats stats;
    store_stats(s, &stats);
    if (!testdb_is_postgres()) assert_true(stats.largest_group > 1 && stats.commits < stats.transactions);
    s = testdb_reopen(*state);
    assert_int_equal(count(s, "select count(*) from town"), good);
    assert_int_equal(count(s, "select count(*) from house"), good);
}

/* --- savepoints and failures ------------------------------------------------------------------------- */

static int insert_a(Tx *tx, void *ctx, Err *err)
{
    (void)ctx;
    return tx_exec(tx, SQL("insert into town values ('a', 'a')"), NULL, 0, NULL, err);
}

typedef struct Trial {
    bool nested, twice;
    int runs;
} Trial;

static int inner_trial(Tx *tx, void *ctx, Err *err)
{
    (void)ctx;
    TRY(insert_a(tx, NULL, err));
    return TX_UNDO;
}

static int trial(Tx *tx, void *ctx, Err *err)
{
    Trial *t = ctx;
    t->runs++;
    if (t->nested) {
        int r = tx_nested(tx, inner_trial, NULL, err);
        return r == TX_UNDO ? insert_a(tx, NULL, err) : r; /* would break the key, were the first one there */
    }
    TRY(insert_a(tx, NULL, err));
    if (t->twice && insert_a(tx, NULL, err) == 0) return 0;
    return TX_UNDO;
}

static void trial__undoes_everything_without_an_error(void **state)
{
    Store *s = testdb_store(*state);
    Err err = ERR_INIT;
    Trial plain = {0}, nested = {.nested = true}, failed = {.twice = true};
    assert_int_equal(store_tx(s, "trial", trial, &plain, &err), TX_UNDO);
    assert_int_equal(err.code, ERR_NONE);
    assert_int_equal(plain.runs, 1);
    assert_int_equal(count(s, "select count(*) from town"), 0);
    /* a trial in which a statement failed has failed */
    assert_int_equal(store_tx(s, "trial", trial, &failed, &err), -ERR_UNIQUE);
    err = ERR_INIT;
    assert_int_equal(store_tx(s, "trial", trial, &nested, &err), 0);
    assert_int_equal(count(s, "select count(*) from town"), 1);
}

static int insert_b_then_fail(Tx *tx, void *ctx, Err *err)
{
    (void)ctx;
    TRY(tx_exec(tx, SQL("insert into town values ('b', 'b')"), NULL, 0, NULL, err));
    Err inner = ERR_INIT;
    assert_int_equal(tx_nested(tx, insert_a, NULL, &inner),
                     -ERR_UNIQUE); /* a is there: undone, and on we go */
    TRY(tx_exec(tx, SQL("insert into town values ('c', 'c')"), NULL, 0, NULL, err));
    return err_set(err, ERR_CONFLICT, "不要了");
}

static int nested(Tx *tx, void *ctx, Err *err)
{
    Err inner = ERR_INIT;
    TRY(insert_a(tx, ctx, err));
    assert_int_equal(tx_nested(tx, insert_b_then_fail, NULL, &inner), -ERR_CONFLICT);
    assert_string_equal(inner.msg, "不要了");
    return tx_exec(tx, SQL("insert into town values ('d', 'd')"), NULL, 0, NULL, err);
}

static void nested__undoes_only_its_part(void **state)
{
    Store *s = testdb_store(*state);
    Err err = ERR_INIT;
    assert_int_equal(store_tx(s, "nested", nested, NULL, &err), 0);
    assert_int_equal(count(s, "select count(*) from town"), 2);
    assert_int_equal(count(s, "select count(*) from town where code in ('a', 'd')"), 2);
}

static int hides_failure(Tx *tx, void *ctx, Err *err)
{
    Err own = ERR_INIT;
    TRY(insert_a(tx, ctx, err));
    assert_int_equal(insert_a(tx, ctx, &own), -ERR_UNIQUE);
    assert_int_equal(tx_exec(tx, SQL("insert into town values ('z', 'z')"), NULL, 0, NULL, &own),
                     -ERR_UNIQUE);
    return 0;
}

static void failed_statement__fails_the_transaction(void **state)
{
    Store *s = testdb_store(*state);
    Err err = ERR_INIT;
    assert_int_equal(store_tx(s, "hides", hides_failure, NULL, &err), -ERR_UNIQUE);
    assert_int_equal(count(s, "select count(*) from town"), 0);
}

static void constraint_errors__name_their_subject(void **state)
{
    Store *s = testdb_store(*state);
    Err err;
    bool pg = testdb_is_postgres();
    assert_int_equal(run(s, "insert into town values ('a', 'a')", &err), 0);
    assert_int_equal(run(s, "insert into house values (1, 'a', '东风街', 5)", &err), 0);
    assert_int_equal(run(s, "insert into house values (2, 'a', '东风街', 5)", &err), -ERR_UNIQUE);
    assert_string_equal(err.subject, "house.street,door");
    assert_int_equal(run(s, "insert into town values ('a', 'b')", &err), -ERR_UNIQUE);
    assert_string_equal(err.subject, "town.code");
    assert_int_equal(run(s, "insert into house values (3, 'x', 'y', 5)", &err), -ERR_REFERENCE);
    assert_string_equal(err.subject, pg ? "house.town" : "house");
    assert_int_equal(run(s, "delete from town where code = 'a'", &err), -ERR_REFERENCE);
    assert_string_equal(err.subject, pg ? "town.code" : "town");
    assert_int_equal(run(s, "insert into town values ('n', null)", &err), -ERR_VALIDATION);
    assert_string_equal(err.subject, "town.title");
    assert_int_equal(run(s, "insert into late values (77)", &err), -ERR_REFERENCE);
    assert_int_equal(run(s, "select nonsense from nowhere", &err), -ERR_INTERNAL);
    assert_int_equal(run(s, "insert into town values ('b', 'b')", &err), 0);
}

static int read_writes(Tx *tx, void *ctx, Err *err) { return insert_a(tx, ctx, err); }

static void read__cannot_write(void **state)
{
    Store *s = testdb_store(*state);
    Err err = ERR_INIT;
    assert_true(store_read(s, "sneaky", read_writes, NULL, &err) < 0);
    assert_int_equal(count(s, "select count(*) from town"), 0);
}

static void changes__are_counted(void **state)
{
    Store *s = testdb_store(*state);
    Err err = ERR_INIT;
    Exec e = {.sql = SQL("insert into town values ('a', 'a'), ('b', 'b'), ('c', 'c')")};
    assert_int_equal(store_tx(s, "x", exec_fn, &e, &err), 0);
    assert_int_equal(e.changes, 3);
    Exec u = {.sql = SQL("update town set title = $2 where code >= $1"),
              .args = (Val[]){V_TEXT(S("b")), V_TEXT(S("新"))},
              .n = 2};
    assert_int_equal(store_tx(s, "x", exec_fn, &u, &err), 0);
    assert_int_equal(u.changes, 2);
    Exec none = {.sql = SQL("delete from town where code = 'zz'")};
    assert_int_equal(store_tx(s, "x", exec_fn, &none, &err), 0);
    assert_int_equal(none.changes, 0);
}

/* --- serialisation ----------------------------------------------------------------------------------- */

typedef struct Bump {
    pthread_barrier_t *both;
    _Atomic int *runs;
    int times;
} Bump;

/* Reads, waits for the rival on its first run, writes what it read plus one: lost updates show. */
static int bump_fn(Tx *tx, void *ctx, Err *err)
{
    Bump *b = ctx;
    _cleanup_arena_ Arena *a = arena_new();
    Val v;
    atomic_fetch_add(b->runs, 1);
    TRY(tx_one(tx, a, SQL("select no from house where street = 'count'"), NULL, 0, &v, err));
    if (b->times++ == 0 && testdb_is_postgres()) pthread_barrier_wait(b->both);
    return tx_exec(tx, SQL("update house set no = $1 where street = 'count'"), VALS(V_INT(v.i + 1)), NULL,
                   err);
}

typedef struct Rival {
    Store *s;
    Bump b;
    int result;
} Rival;

static void *rival(void *p)
{
    Rival *r = p;
    Err err = ERR_INIT;
    r->result = store_tx(r->s, "bump", bump_fn, &r->b, &err);
    return NULL;
}

static void conflict__is_retried(void **state)
{
    Store *s = testdb_store(*state);
    Err err;
    pthread_barrier_t both;
    _Atomic int runs = 0;
    pthread_barrier_init(&both, NULL, 2);
    assert_int_equal(run(s, "insert into house values (0, null, 'count', 1)", &err), 0);
    Rival r[2] = {{.s = s, .b = {&both, &runs, 0}}, {.s = s, .b = {&both, &runs, 0}}};
    pthread_t t[2];
    for (int i = 0; i < 2; i++) pthread_create(&t[i], NULL, rival, &r[i]);
    for (int i = 0; i < 2; i++) pthread_join(t[i], NULL);
    assert_int_equal(r[0].result, 0);
    assert_int_equal(r[1].result, 0);
    assert_int_equal(count(s, "select no from house where street = 'count'"), 2);
    StoreStats stats;
    store_stats(s, &stats);
    if (testdb_is_postgres()) assert_true(stats.retries >= 1 && runs >= 3);
    pthread_barrier_destroy(&both);
}

/* --- migrations, statements, lock -------------------------------------------------------------------- */

static void migrations__run_once(void **state)
{
    Store *s = testdb_store(*state);
    Err err = ERR_INIT;
    int applied = -1;
    assert_int_equal(store_migrate(s, rooms, &applied, &err), 0);
    assert_int_equal(applied, 0);
    s = testdb_reopen(*state);
    assert_int_equal(store_migrate(s, rooms, &applied, &err), 0);
    assert_int_equal(applied, 0);
    assert_int_equal(count(s, "select count(*) from store_migration where room <> 'store'"), 2);
}

static void migration__broken_one_leaves_nothing(void **state)
{
    static const char bad[] = "create table half (a integer); create table half (a integer);";
    static const Migration steps[] = {{1, "bad", {bad, bad}}, {0}};
    static const Room broken = {.name = "broken", .migrations = steps};
    Store *s = testdb_store(*state);
    Err err = ERR_INIT;
    assert_true(store_migrate(s, (const Room *[]){&broken, NULL}, NULL, &err) < 0);
    assert_non_null(strstr(err.msg, "broken 1 bad"));
    assert_int_equal(count(s, "select count(*) from store_migration where room = 'broken'"), 0);
    assert_true(run(s, "select a from half", &err) < 0);
}

static int prepare_all(Tx *tx, void *ctx, Err *err)
{
    const Room *r = ctx;
    for (const Sql *const *q = r->queries; *q; q++) TRY(tx_prepare(tx, *q, err));
    return 0;
}

static void statements__all_prepare(void **state)
{
    Err err = ERR_INIT;
    if (store_tx(testdb_store(*state), "prepare", prepare_all, (void *)(uintptr_t)&store_room, &err) < 0)
        fail_msg("%s", err.msg);
}

static void lock__says_who_holds_it(void **state)
{
    Store *second = NULL;
    Err err = ERR_INIT;
    char pid[24];
    snprintf(pid, sizeof pid, "%ld", (long)getpid());
    const StoreOptions o = {.dir = testdb_dir(*state), .url = testdb_url(*state), .lock = true};
    assert_int_equal(store_announce(testdb_store(*state), "http://127.0.0.1:8080", &err), 0);
    assert_int_equal(store_open(&o, &second, &err), -ERR_RUNNING);
    assert_non_null(strstr(err.msg, pid));
    assert_non_null(strstr(err.msg, "http://127.0.0.1:8080"));
    if (testdb_is_postgres()) return;
    /* Without the lock: reading goes, writing is refused, for there may be one writer only. */
    const StoreOptions reader = {.dir = testdb_dir(*state)};
    assert_int_equal(store_open(&reader, &second, &err), 0);
    assert_int_equal(count(second, "select count(*) from town"), 0);
    assert_int_equal(run(second, "insert into town values ('a', 'a')", &err), -ERR_RUNNING);
    store_free(second);
}

static int changed_table(Tx *tx, void *ctx, Err *err)
{
    _cleanup_arena_ Arena *a = arena_new();
    Rows *r;
    TRY(tx_query(tx, a, SQL("select * from later"), NULL, 0, &r, err));
    *(int *)ctx = rows_count(r);
    return 0;
}

static void prepared_star__follows_the_table(void **state)
{
    Store *s = testdb_store(*state);
    Err err;
    int columns = 0;
    assert_int_equal(store_read(s, "star", changed_table, &columns, &err), 0);
    assert_int_equal(columns, 1);
    testdb_raw(*state, "alter table later add column c text");
    if (store_read(s, "star", changed_table, &columns, &err) < 0) fail_msg("%s", err.msg);
    assert_int_equal(columns, 2);
}

/* --- altering tables --------------------------------------------------------------------------------- */

static int rebuild_town(Tx *tx, void *ctx, Err *err)
{
    /* With foreign keys on, dropping a table that is referred to would fail. */
    if (tx_dialect(tx) == DIALECT_POSTGRES) return tx_script(tx, ctx ? ctx : "select 1", err);
    TRY(tx_script(tx,
                  "create table town_new (code text primary key, title text not null, area real);"
                  "insert into town_new (code, title) select code, title from town;"
                  "drop table town; alter table town_new rename to town;",
                  err));
    return ctx ? tx_script(tx, ctx, err) : 0;
}

static void alter__rebuilds_a_table_that_is_referred_to(void **state)
{
    Store *s = testdb_store(*state);
    Err err;
    assert_int_equal(run(s, "insert into town values ('a', 'a')", &err), 0);
    assert_int_equal(run(s, "insert into house values (1, 'a', '东风街', 5)", &err), 0);
    if (store_alter(s, "rebuild", rebuild_town, NULL, &err) < 0) fail_msg("%s", err.msg);
    char orphan[] = "delete from town";
    assert_int_equal(store_alter(s, "orphan", rebuild_town, orphan, &err), -ERR_REFERENCE);
    assert_int_equal(count(s, "select count(*) from town"), 1);
    assert_int_equal(run(s, "insert into house values (2, 'x', '东风街', 6)", &err),
                     -ERR_REFERENCE); /* on again */
}

/* --- disk full --------------------------------------------------------------------------------------- */

static int fill_disk(Tx *tx, void *ctx, Err *err)
{
    (void)ctx;
    TRY(tx_script(tx, "pragma max_page_count=60", err)); /* SQLite's own way to say that the disk is full */
    return tx_exec(tx,
                   SQL("with recursive c(i) as (select 1 union all select i + 1 from c where i < 100000)"
                       " insert into town (code, title) select i, 'a fairly long title' from c"),
                   NULL, 0, NULL, err);
}

static int more_room(Tx *tx, void *ctx, Err *err)
{
    (void)ctx;
    return tx_script(tx, "pragma max_page_count=1000000", err);
}

static void full_disk__is_an_error_and_passes(void **state)
{
    if (testdb_is_postgres()) skip();
    Store *s = testdb_store(*state);
    Err err = ERR_INIT;
    assert_int_equal(run(s, "insert into town values ('a', 'a')", &err), 0);
    assert_int_equal(store_tx(s, "fill", fill_disk, NULL, &err), -ERR_FULL);
    assert_int_equal(count(s, "select count(*) from town"), 1);
    assert_int_equal(store_tx(s, "room", more_room, NULL, &err), 0);
    assert_int_equal(run(s, "insert into town values ('b', 'b')", &err), 0);
    assert_int_equal(count(s, "select count(*) from town"), 2);
}

/* --- nested reads whose time is over
 * ---------------------------------------------------------------------------------------- */

static int nothing(Tx *tx, void *ctx, Err *err)
{
    (void)tx, (void)ctx, (void)err;
    return 0;
}

static int many_nested(Tx *tx, void *ctx, Err *err)
{
    (void)ctx;
    TRY(tx_limit(tx, 1, err));
    usleep(5000);
    for (int i = 0; i < 3000; i++) TRY(tx_nested(tx, nothing, NULL, err));
    return 0;
}

/* SQLite looks at the time every so many steps of a statement, of a savepoint's end as well. */
static void nested__begins_and_ends_beyond_the_limit(void **state)
{
    Err err = ERR_INIT;
    if (testdb_is_postgres()) skip();
    if (store_read(testdb_store(*state), "nested", many_nested, NULL, &err) < 0) fail_msg("%s", err.msg);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, testdb_teardown)
    const struct CMUnitTest tests[] = {
        T(group_commit__every_answered_write_is_there),
        T(nested__undoes_only_its_part),
        T(trial__undoes_everything_without_an_error),
        T(nested__begins_and_ends_beyond_the_limit),
        T(failed_statement__fails_the_transaction),
        T(constraint_errors__name_their_subject),
        T(read__cannot_write),
        T(changes__are_counted),
        T(conflict__is_retried),
        T(migrations__run_once),
        T(migration__broken_one_leaves_nothing),
        T(statements__all_prepare),
        T(lock__says_who_holds_it),
        T(alter__rebuilds_a_table_that_is_referred_to),
        T(full_disk__is_an_error_and_passes),
        T(prepared_star__follows_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

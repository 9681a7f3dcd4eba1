/* SPDX-License-Identifier: MulanPSL-2.0 */
/* PostgreSQL as others have set it up: limits of the role, a server that takes no writes; and one that
 * crashes. */
#include "store/store.h"

#include "testdb.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char tables[] = "create table town (code text primary key, title text not null);";
static const Migration migrations[] = {{1, "tables", {tables, tables}}, {0}};
static const Room room = {.name = "probe", .migrations = migrations};
static const Room *const rooms[] = {&room, NULL};

static int setup(void **state)
{
    *state = testdb_new(rooms);
    return 0;
}

static int insert_town(Tx *tx, void *ctx, Err *err)
{
    (void)ctx;
    return tx_exec(tx, SQL("insert into town (code, title) values ('a', 'a')"), NULL, 0, NULL, err);
}

static int clear_towns(Tx *tx, void *ctx, Err *err)
{
    (void)ctx;
    return tx_exec(tx, SQL("delete from town"), NULL, 0, NULL, err);
}

static int count_towns(Tx *tx, void *ctx, Err *err)
{
    _cleanup_arena_ Arena *a = arena_new();
    Val v;
    TRY(tx_one(tx, a, SQL("select count(*) from town"), NULL, 0, &v, err));
    *(int64_t *)ctx = v.i;
    return 0;
}

static Store *with_option(TestDb *t, const char *option, char dir[static 160])
{
    char url[512];
    Store *s;
    Err err = ERR_INIT;
    snprintf(dir, 160, "%.140s/option", testdb_dir(t));
    snprintf(url, sizeof url, "%.400s%%20-c%s", testdb_url(t), option);
    const StoreOptions o = {.dir = dir, .url = url};
    if (store_open(&o, &s, &err) < 0) fail_msg("%s", err.msg);
    return s;
}

static int show_timeout(Tx *tx, void *ctx, Err *err)
{
    _cleanup_arena_ Arena *a = arena_new();
    Val v;
    TRY(tx_one(tx, a, SQL("select current_setting('statement_timeout')"), NULL, 0, &v, err));
    *(bool *)ctx = str_eq(v.s, S("0"));
    return 0;
}

/* A commit that waits for a standby must not be cut short: PostgreSQL would answer it as done. */
static void statement_timeout_of_the_role__does_not_reach_writes(void **state)
{
    if (!testdb_is_postgres()) skip();
    char dir[160];
    bool none = false;
    Err err = ERR_INIT;
    Store *s = with_option(*state, "statement_timeout%3D3s", dir);
    assert_int_equal(store_tx(s, "show", show_timeout, &none, &err), 0);
    store_free(s);
    assert_true(none);
}

static void read_only_server__is_told_as_such(void **state)
{
    if (!testdb_is_postgres()) skip();
    char dir[160];
    int64_t n = -1;
    Err err = ERR_INIT;
    Store *s = with_option(*state, "default_transaction_read_only%3Don", dir);
    assert_int_equal(store_tx(s, "insert", insert_town, NULL, &err), -ERR_IO);
    assert_non_null(strstr(err.msg, "只读"));
    assert_int_equal(store_read(s, "count", count_towns, &n, &err), 0); /* reads go on */
    assert_int_equal(n, 0);
    store_free(s);
}

/* --- a server of its own, which crashes
 * ------------------------------------------------------------------------------------- */

static void tool(const char *what, const char *dir, const char *port, char url[static 256])
{
    char line[256];
    snprintf(line, sizeof line, "PGTEST_PORT=%s tools/pgtest %s %s", port, what, dir);
    FILE *f = popen(line, "re");
    assert_non_null(f);
    if (!fgets(url, 256, f)) url[0] = 0;
    url[strcspn(url, "\n")] = 0;
    if (pclose(f) != 0) fail_msg("%s", line);
}

static int add_entry(Tx *tx, void *ctx, Err *err)
{
    JournalEntry e = {.actor = S("a"), .entity = S("town"), .record = S("b"), .op = S("insert")};
    TRY(journal_add(tx, &e, err));
    *(int64_t *)ctx = e.seq;
    return 0;
}

static int undone_entries(Tx *tx, void *ctx, Err *err)
{
    (void)ctx;
    int64_t seq;
    for (int i = 0; i < 200; i++) TRY(journal_next(tx, &seq, err));
    return err_set(err, ERR_VALIDATION, "不");
}

static int head_of(Tx *tx, void *ctx, Err *err) { return journal_head(tx, ctx, err); }

typedef struct Own {
    char dir[64], city[80], url[256], port[16];
    Store *s;
} Own;

static void own_open(Own *o)
{
    Err err = ERR_INIT;
    *o = (Own){.dir = "/tmp/chengshu-crash-XXXXXX"};
    assert_non_null(mkdtemp(o->dir));
    assert_int_equal(chmod(o->dir, 0755), 0);
    assert_non_null(getenv("SOURCE"));
    assert_int_equal(chdir(getenv("SOURCE")), 0);
    tool("start", o->dir, "", o->url);
    snprintf(o->port, sizeof o->port, "%s", strrchr(o->url, ':') + 1);
    o->port[strcspn(o->port, "/")] = 0;
    snprintf(o->city, sizeof o->city, "%s/city", o->dir);
    const StoreOptions options = {.dir = o->city, .url = o->url};
    assert_int_equal(store_open(&options, &o->s, &err), 0);
    assert_int_equal(store_migrate(o->s, (const Room *const[]){&store_room, &room, NULL}, NULL, &err), 0);
}

static void own_run(const char *form, const char *arg)
{
    char line[400];
    snprintf(line, sizeof line, form, arg);
    assert_int_equal(system(line), 0);
}

static void own_again(Own *o, const char *end)
{
    char none[256];
    tool(end, o->dir, "", none);
    tool("start", o->dir, o->port, none);
}

static void own_close(Own *o)
{
    char none[256];
    store_free(o->s);
    tool("kill", o->dir, "", none);
    own_run("rm -rf %s", o->dir);
}

/* The numbers of undone transactions are not in PostgreSQL's log yet when it crashes, and are given out
 * again. */
static void crash__no_entry_appears_below_a_head_that_was_read(void **state)
{
    (void)state;
    if (!testdb_is_postgres()) skip();
    Err err = ERR_INIT;
    Own o;
    int64_t seq, head, again;
    own_open(&o);
    own_run(
        "psql %s -qc \"alter system set wal_writer_delay = '10s'\" -c 'select pg_reload_conf()' >/dev/null",
        o.url);
    assert_int_equal(store_tx(o.s, "add", add_entry, &seq, &err), 0);
    assert_int_equal(store_tx(o.s, "undone", undone_entries, NULL, &err), -ERR_VALIDATION);
    assert_int_equal(store_read(o.s, "head", head_of, &head, &err), 0);
    assert_int_equal(head, seq);
    own_again(&o, "kill");
    assert_int_equal(store_tx(o.s, "add", add_entry, &again, &err), 0);
    if (again >= seq + 200) print_message("the numbers were not given out again: nothing is shown here\n");
    assert_true(again > head);
    own_close(&o);
}

typedef struct Broken {
    Own *o;
    int runs;
} Broken;

static int insert_and_crash(Tx *tx, void *ctx, Err *err)
{
    Broken *b = ctx;
    int64_t n;
    char none[256];
    b->runs++;
    TRY(tx_exec(tx, SQL("insert into town (code, title) values ('b', 'b')"), NULL, 0, &n, err));
    tool("kill", b->o->dir, "", none);
    return 0;
}

/* Nobody knows whether it took effect, so it is not done again. */
static void crash__in_a_commit_leaves_the_outcome_unknown(void **state)
{
    (void)state;
    if (!testdb_is_postgres()) skip();
    Err err = ERR_INIT;
    Own o;
    Broken b = {.o = &o};
    StoreStats stats;
    char none[256];
    int64_t n;
    own_open(&o);
    assert_int_equal(store_tx(o.s, "crash", insert_and_crash, &b, &err), -ERR_UNKNOWN);
    assert_int_equal(b.runs, 1);
    assert_non_null(strstr(err.hint, "先查询"));
    store_stats(o.s, &stats);
    assert_int_equal(stats.write_trouble, ERR_UNKNOWN);
    tool("start", o.dir, o.port, none);
    assert_int_equal(store_tx(o.s, "insert", insert_town, NULL, &err), 0);
    assert_int_equal(store_read(o.s, "count", count_towns, &n, &err), 0);
    assert_int_equal(n, 1);
    own_close(&o);
}

/* A primary that has become a standby: nobody's fault, and no reason for "internal error". */
static void standby__is_told_as_such(void **state)
{
    (void)state;
    if (!testdb_is_postgres()) skip();
    Err err = ERR_INIT;
    Own o;
    int64_t n = 0;
    own_open(&o);
    assert_int_equal(store_tx(o.s, "insert", insert_town, NULL, &err), 0);
    own_run("touch %s/data/standby.signal", o.dir);
    own_again(&o, "stop");
    for (int i = 0; i < 3; i++) { /* on a new connection, and on one that knows the statements */
        err = ERR_INIT;
        assert_int_equal(store_tx(o.s, "insert", insert_town, NULL, &err), -ERR_IO);
        if (!strstr(err.msg, "只读")) fail_msg("%s", err.msg);
        assert_int_equal(store_read(o.s, "count", count_towns, &n, &err), 0); /* reads go on */
        assert_int_equal(n, 1);
    }
    own_close(&o);
}

/* Every process of the server stops or goes on; its kernel goes on taking what it is sent. */
static void own_signal(const Own *o, const char *name)
{
    char line[300];
    snprintf(line, sizeof line, "p=$(head -1 %s/data/postmaster.pid) && kill -%s $p $(pgrep -P $p)", o->dir,
             name);
    assert_int_equal(system(line), 0);
}

static void own_impatient(Own *o)
{
    Err err = ERR_INIT;
    char url[300];
    own_open(o);
    store_free(o->s);
    snprintf(url, sizeof url, "%.250s?connect_timeout=2", o->url);
    const StoreOptions options = {.dir = o->city, .url = url, .read_timeout_ms = 300, .answer_ms = 600};
    if (store_open(&options, &o->s, &err) < 0) fail_msg("%s", err.msg);
}

static int insert_and_freeze(Tx *tx, void *ctx, Err *err)
{
    Broken *b = ctx;
    int64_t n;
    b->runs++;
    TRY(tx_exec(tx, SQL("insert into town (code, title) values ('b', 'b')"), NULL, 0, &n, err));
    own_signal(b->o, "STOP");
    return 0;
}

/* Nobody waits for ever for a server that stands still, whatever connections it was left with; when it goes
   on, so do we. */
static void frozen__is_told_and_left_behind(void **state)
{
    (void)state;
    if (!testdb_is_postgres()) skip();
    Err err = ERR_INIT;
    Own o;
    int64_t n = -1;
    own_impatient(&o);
    assert_int_equal(store_tx(o.s, "insert", insert_town, NULL, &err), 0);
    assert_int_equal(store_read(o.s, "count", count_towns, &n, &err), 0);
    own_signal(&o, "STOP");
    assert_int_equal(store_read(o.s, "count", count_towns, &n, &err), -ERR_IO);
    assert_int_equal(store_tx(o.s, "clear", clear_towns, NULL, &err), -ERR_IO);
    own_signal(&o, "CONT");
    assert_int_equal(store_read(o.s, "count", count_towns, &n, &err), 0);
    assert_int_equal(n, 1);
    assert_int_equal(store_tx(o.s, "clear", clear_towns, NULL, &err), 0);
    Broken b = {.o = &o};
    assert_int_equal(store_tx(o.s, "freeze", insert_and_freeze, &b, &err), -ERR_UNKNOWN);
    assert_int_equal(b.runs, 1);
    own_signal(&o, "CONT");
    assert_int_equal(store_tx(o.s, "insert", insert_town, NULL, &err), 0);
    own_close(&o);
}

static int count_waiting(Tx *tx, void *ctx, Err *err)
{
    _cleanup_arena_ Arena *a = arena_new();
    Val v;
    TRY(tx_one(tx, a, SQL("select count(*) from pg_stat_activity where wait_event = 'SyncRep'"), NULL, 0, &v,
               err));
    *(int64_t *)ctx = v.i;
    return 0;
}

/* A commit that waits for a standby which does not come: not answered as done, and its place on the server is
   not lost with it. */
static void no_standby__commits_are_left_and_cleared(void **state)
{
    (void)state;
    if (!testdb_is_postgres()) skip();
    Err err = ERR_INIT;
    Own o;
    int64_t n = -1;
    own_impatient(&o);
    own_run("psql %s -qc \"alter system set synchronous_standby_names = 'nobody'\"", o.url);
    own_again(&o, "stop");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(store_tx(o.s, "insert", insert_town, NULL, &err), i ? -ERR_UNIQUE : -ERR_UNKNOWN);
        assert_int_equal(store_read(o.s, "waiting", count_waiting, &n, &err), 0);
        assert_int_equal(n, 0);
    }
    assert_int_equal(store_read(o.s, "count", count_towns, &n, &err), 0);
    assert_int_equal(n, 1);
    own_close(&o);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, testdb_teardown)
    const struct CMUnitTest tests[] = {
        T(statement_timeout_of_the_role__does_not_reach_writes),
        T(read_only_server__is_told_as_such),
        cmocka_unit_test(crash__no_entry_appears_below_a_head_that_was_read),
        cmocka_unit_test(crash__in_a_commit_leaves_the_outcome_unknown),
        cmocka_unit_test(standby__is_told_as_such),
        cmocka_unit_test(frozen__is_told_and_left_behind),
        cmocka_unit_test(no_standby__commits_are_left_and_cleared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MulanPSL-2.0 */
/* PostgreSQL as others have set it up: limits of the role, a server that takes no writes. */
#include "store/store.h"

#include "testdb.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

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

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, testdb_teardown)
    const struct CMUnitTest tests[] = {
        T(statement_timeout_of_the_role__does_not_reach_writes),
        T(read_only_server__is_told_as_such),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

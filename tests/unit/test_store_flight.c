/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Statements that nobody waits for, and reads whose commit goes along: on both databases the same as if each
 * had been waited for. */
#include "store/store.h"

#include "testdb.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const char tables[] = "create table town (code integer primary key, title text not null);";
static const Migration migrations[] = {{1, "tables", {tables, tables}}, {0}};
static const Room room = {.name = "probe", .migrations = migrations};
static const Room *const rooms[] = {&room, NULL};

static int setup(void **state)
{
    *state = testdb_new(rooms);
    return 0;
}

static int post_town(Tx *tx, int64_t code, Err *err)
{
    return tx_post(tx, SQL("insert into town (code, title) values ($1, 'x')"), VALS(V_INT(code)), err);
}

/* --- reads ------------------------------------------------------------------------------------------- */

enum { LEARNED = 10 }; /* more often than it takes to be sure of a kind of read */

typedef struct Look {
    int statements, runs;
    bool part; /* the first one's rows are not read to their end */
    int64_t sum[3];
    const char *wrong; /* a statement that fails */
} Look;

static int look_tx(Tx *tx, void *p, Err *err)
{
    Look *k = p;
    _cleanup_arena_ Arena *a = arena_new();
    k->runs++;
    if (k->wrong) {
        Val v;
        return tx_one(tx, a, SQL(k->wrong), NULL, 0, &v, err);
    }
    for (int i = 0; i < k->statements; i++) {
        Rows *r;
        int got;
        k->sum[i] = 0;
        TRY(tx_query(tx, a, SQL("select code from town order by code"), NULL, 0, &r, err));
        while ((got = rows_next(r, err)) == 1) {
            k->sum[i] += rows_int(r, 0);
            if (k->part && i == 0) break;
        }
        if (got < 0) return got;
    }
    return 0;
}

static int fill_tx(Tx *tx, void *p, Err *err)
{
    for (int64_t i = 1; i <= *(int *)p; i++) TRY(post_town(tx, i, err));
    return 0;
}

static void look(Store *s, Look *k)
{
    Err err = ERR_INIT;
    k->runs = 0;
    if (store_read(s, "look", look_tx, k, &err) < 0) fail_msg("%s", err.msg);
}

static void fill(Store *s, int n)
{
    Err err = ERR_INIT;
    assert_int_equal(store_tx(s, "fill", fill_tx, &n, &err), 0);
}

static void read__that_had_one_statement_may_have_more(void **state)
{
    Store *s = testdb_store(*state);
    fill(s, 2000);
    const int64_t sum = 2000 * 2001 / 2;
    for (int i = 0; i < LEARNED; i++) {
        Look one = {.statements = 1, .part = i % 2};
        look(s, &one);
        assert_int_equal(one.sum[0], one.part ? 1 : sum);
        assert_int_equal(one.runs, 1);
    }
    for (int i = 0; i < 3; i++) {
        Look three = {.statements = 3, .part = i == 1};
        look(s, &three);
        assert_int_equal(three.sum[0], three.part ? 1 : sum);
        assert_int_equal(three.sum[1], sum);
        assert_int_equal(three.sum[2], sum);
        /* It is learned once: on PostgreSQL the first run finds its transaction ended. */
        assert_int_equal(three.runs, i == 0 && testdb_is_postgres() ? 2 : 1);
    }
    Look one = {.statements = 1};
    look(s, &one);
    assert_int_equal(one.sum[0], sum);
}

static void read__that_fails_leaves_nothing_behind(void **state)
{
    Store *s = testdb_store(*state);
    fill(s, 3);
    for (int i = 0; i < LEARNED; i++) {
        Err err = ERR_INIT;
        Look good = {.statements = 1}, bad = {.wrong = "select code from no_such_table"};
        look(s, &good);
        assert_int_equal(good.sum[0], 6);
        assert_true(store_read(s, "look", look_tx, &bad, &err) < 0);
        assert_true(store_read(s, "bad", look_tx, &bad, &err) < 0);
    }
}

typedef struct Kept {
    int64_t n;
    Val kept, mode;
} Kept;

static int kept_tx(Tx *tx, void *p, Err *err)
{
    Kept *k = p;
    Sql steady = *SQL("select title from town where code = $1 and title <> $2 order by code");
    _cleanup_arena_ Arena *a = arena_new();
    steady.steady = true;
    k->n = 0;
    for (int i = 1; i <= 3; i++) {
        Rows *r;
        int got;
        TRY(tx_query(tx, a, &steady, VALS(V_INT(i), V_TEXT(S("y"))), &r, err));
        while ((got = rows_next(r, err)) == 1) k->n++;
        if (got < 0) return got;
    }
    if (tx_dialect(tx) == DIALECT_SQLITE) return 0;
    TRY(tx_one(tx, a,
               SQL("select generic_plans from pg_prepared_statements where statement like 'select title%'"),
               NULL, 0, &k->kept, err));
    return tx_one(tx, a, SQL("select (current_setting('plan_cache_mode') = 'auto')::int"), NULL, 0, &k->mode,
                  err);
}

static void read__steady_statements_keep_their_plan(void **state)
{
    Store *s = testdb_store(*state);
    fill(s, 3);
    for (int i = 0; i < LEARNED; i++) {
        Err err = ERR_INIT;
        Kept k = {0};
        if (store_read(s, "kept", kept_tx, &k, &err) < 0) fail_msg("%s", err.msg);
        assert_int_equal(k.n, 3);
        if (!testdb_is_postgres()) continue;
        assert_true(k.kept.i >= 3);
        assert_int_equal(k.mode.i, 1); /* the others are planned as ever */
    }
}

static int empty_tx(Tx *tx, void *p, Err *err)
{
    (void)p;
    return tx_limit(tx, 100, err);
}

static void read__without_a_statement(void **state)
{
    Err err = ERR_INIT;
    for (int i = 0; i < LEARNED; i++)
        assert_int_equal(store_read(testdb_store(*state), "empty", empty_tx, NULL, &err), 0);
}

/* --- posted statements ------------------------------------------------------------------------------- */

typedef struct Post {
    bool twice, ask, nested;
} Post;

static int one_more(Tx *tx, void *p, Err *err)
{
    int64_t changes;
    TRY(post_town(tx, 50, err));
    TRY(tx_exec(tx, SQL("update town set title = 'y' where code < 100"), NULL, 0, &changes, err));
    assert_int_equal(changes, *(int *)p + 1);
    return tx_exec(tx, SQL("insert into town (code, title) values (50, 'again')"), NULL, 0, NULL, err);
}

static int post_tx(Tx *tx, void *p, Err *err)
{
    const Post *k = p;
    _cleanup_arena_ Arena *a = arena_new();
    Err own = ERR_INIT;
    int n = 2;
    Val v;
    TRY(post_town(tx, 1, err));
    TRY(post_town(tx, 2, err));
    if (k->twice) TRY(post_town(tx, 1, err));
    if (k->nested) assert_int_equal(tx_nested(tx, one_more, &n, &own), -ERR_UNIQUE);
    if (k->ask) {
        TRY(tx_one(tx, a, SQL("select count(*) from town"), NULL, 0, &v, err));
        assert_int_equal(v.i, 2);
    }
    return post_town(tx, 3, err);
}

static void posted__are_there_for_what_follows(void **state)
{
    Store *s = testdb_store(*state);
    Err err = ERR_INIT;
    Look all = {.statements = 1};
    assert_int_equal(store_tx(s, "post", post_tx, &(Post){.ask = true, .nested = true}, &err), 0);
    look(s, &all);
    assert_int_equal(all.sum[0], 6);
}

static void posted__an_error_is_told_and_nothing_kept(void **state)
{
    Store *s = testdb_store(*state);
    for (int ask = 0; ask < 2; ask++) {
        Err err = ERR_INIT;
        Look all = {.statements = 1};
        assert_int_equal(store_tx(s, "post", post_tx, &(Post){.twice = true, .ask = ask}, &err), -ERR_UNIQUE);
        assert_int_equal(err.code, ERR_UNIQUE);
        look(s, &all);
        assert_int_equal(all.sum[0], 0);
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, testdb_teardown)
    const struct CMUnitTest tests[] = {
        T(read__that_had_one_statement_may_have_more),
        T(read__that_fails_leaves_nothing_behind),
        T(read__without_a_statement),
        T(read__steady_statements_keep_their_plan),
        T(posted__are_there_for_what_follows),
        T(posted__an_error_is_told_and_nothing_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

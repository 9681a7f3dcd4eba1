/* SPDX-License-Identifier: MulanPSL-2.0 */
/* The journal: order, horizon, digests, watchers. */
#include "store/seal.h"

#include "testdb.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

static void good(int r, const Err *err)
{
    if (r < 0) fail_msg("%s", err->msg);
}

static int add(Tx *tx, const char *entity, const char *record, Err *err)
{
    JournalEntry e = {.actor = S("steward"),
                      .entity = str_c(entity),
                      .record = str_c(record),
                      .op = S("update"),
                      .before = S("{\"title\":\"旧\"}"),
                      .after = S("{\"title\":\"新\"}")};
    TRY(journal_add(tx, &e, err));
    assert_true(e.seq > 0 && e.at_us > 0);
    return 0;
}

static int add_one(Tx *tx, void *ctx, Err *err) { return add(tx, "town", ctx ? ctx : "1", err); }

typedef struct Page {
    JournalFilter f;
    bool late; /* another statement first */
    Store *s;  /* for a writer beside the read */
    Arena *a;
    JournalEntry *e;
    size_t n;
    int64_t head;
} Page;

static int read_page(Tx *tx, void *ctx, Err *err)
{
    Page *p = ctx;
    Val v;
    if (p->late) TRY(tx_one(tx, p->a, SQL("select count(*) from journal"), NULL, 0, &v, err));
    TRY(journal_read(tx, p->a, &p->f, &p->e, &p->n, err));
    return journal_head(tx, &p->head, err);
}

static void read_journal(Store *s, Page *p)
{
    Err err = ERR_INIT;
    good(store_read(s, p->late ? "late" : "early", read_page, p, &err), &err);
}

static void entries__are_filtered_and_ordered(void **state)
{
    Store *s = testdb_store(*state);
    Err err = ERR_INIT;
    static const char *const records[] = {"1", "2", "1", "3", "1"};
    for (int i = 0; i < 5; i++) good(store_tx(s, "add", add_one, (void *)(uintptr_t)records[i], &err), &err);
    _cleanup_arena_ Arena *a = arena_new();
    Page p = {.a = a};
    read_journal(s, &p);
    assert_int_equal(p.n, 5);
    assert_int_equal(p.head, p.e[4].seq);
    assert_true(str_eq(p.e[0].after, S("{\"title\":\"新\"}")));
    assert_int_equal(p.e[0].digest.n, 64);
    int64_t third = p.e[2].seq;
    Page one = {.a = a, .f = {.entity = S("town"), .record = S("1"), .newest_first = true, .limit = 2}};
    read_journal(s, &one);
    assert_int_equal(one.n, 2);
    assert_int_equal(one.e[1].seq, third);
    Page rest = {.a = a, .f = {.entity = S("town"), .after = third}};
    read_journal(s, &rest);
    assert_int_equal(rest.n, 2);
    Page none = {.a = a, .f = {.entity = S("region")}};
    read_journal(s, &none);
    assert_int_equal(none.n, 0);
}

static int add_then_fail(Tx *tx, void *ctx, Err *err)
{
    TRY(add_one(tx, ctx, err));
    return err_set(err, ERR_CONFLICT, "不要");
}

static int nested_adds(Tx *tx, void *ctx, Err *err)
{
    Err own = ERR_INIT;
    assert_int_equal(tx_nested(tx, add_then_fail, ctx, &own), -ERR_CONFLICT);
    TRY(add_one(tx, ctx, err));
    assert_int_equal(tx_nested(tx, add_then_fail, ctx, &own), -ERR_CONFLICT);
    return add_one(tx, ctx, err);
}

static void rolled_back_entries__are_not_there(void **state)
{
    Store *s = testdb_store(*state);
    Err err = ERR_INIT;
    assert_int_equal(store_tx(s, "fail", add_then_fail, NULL, &err), -ERR_CONFLICT);
    good(store_tx(s, "nested", nested_adds, NULL, &err), &err);
    _cleanup_arena_ Arena *a = arena_new();
    Page p = {.a = a};
    read_journal(s, &p);
    assert_int_equal(p.n, 2);
    if (!testdb_is_postgres()) assert_int_equal(p.e[1].seq, 2); /* one writer: no gaps */
    Sealed n = {0};
    good(seal_verify(s, NULL, 0, &n, &err), &err);
    assert_int_equal(n.entries, 2);
}

/* --- the horizon: a transaction that took its number early and commits late
 * --------------------------------- */

typedef struct Slow {
    Store *s;
    pthread_barrier_t taken, go;
    int result;
} Slow;

static int slow_add(Tx *tx, void *ctx, Err *err)
{
    Slow *w = ctx;
    TRY(add(tx, "town", "slow", err));
    pthread_barrier_wait(&w->taken);
    pthread_barrier_wait(&w->go);
    return 0;
}

static void *slow_writer(void *p)
{
    Slow *w = p;
    Err err = ERR_INIT;
    w->result = store_tx(w->s, "slow", slow_add, w, &err);
    if (w->result < 0) fprintf(stderr, "slow: %s\n", err.msg);
    return NULL;
}

static void horizon__waits_for_late_commits(void **state)
{
    if (!testdb_is_postgres()) skip(); /* SQLite writes one after the other */
    Store *s = testdb_store(*state);
    Err err = ERR_INIT;
    _cleanup_arena_ Arena *a = arena_new();
    good(store_tx(s, "first", add_one, NULL, &err), &err);
    Slow w = {.s = s};
    pthread_t t;
    pthread_barrier_init(&w.taken, NULL, 2);
    pthread_barrier_init(&w.go, NULL, 2);
    pthread_create(&t, NULL, slow_writer, &w);
    pthread_barrier_wait(&w.taken);
    good(store_tx(s, "overtakes", add_one, "fast", &err), &err);
    for (int late = 0; late < 2; late++) {
        Page p = {.a = a, .late = late};
        read_journal(s, &p);
        assert_int_equal(p.n, 1); /* the fast entry is committed, yet behind the slow one */
        assert_int_equal(p.head, p.e[0].seq);
    }
    pthread_barrier_wait(&w.go);
    pthread_join(t, NULL);
    assert_int_equal(w.result, 0);
    for (int late = 0; late < 2; late++) {
        Page p = {.a = a, .late = late};
        read_journal(s, &p);
        assert_int_equal(p.n, 3);
        assert_true(str_eq(p.e[1].record, S("slow")));
        assert_true(str_eq(p.e[2].record, S("fast")));
    }
}

/* A snapshot is older than what commits after it, even when the journal is asked last. */
static void *add_beside(void *s)
{
    Err err = ERR_INIT;
    return store_tx(s, "beside", add_one, "beside", &err) == 0 ? s : NULL;
}

static int late_look(Tx *tx, void *ctx, Err *err)
{
    Page *p = ctx;
    Val v;
    pthread_t t;
    void *done;
    TRY(tx_one(tx, p->a, SQL("select count(*) from journal"), NULL, 0, &v, err));
    assert_int_equal(pthread_create(&t, NULL, add_beside, p->s), 0);
    pthread_join(t, &done);
    assert_non_null(done);
    JournalEntry *e;
    TRY(journal_head(tx, &p->head, err));
    TRY(journal_read(tx, p->a, &p->f, &e, &p->n, err));
    assert_int_equal(p->n, v.i);
    assert_int_equal(p->head, e[p->n - 1].seq);
    return 0;
}

static void horizon__is_not_newer_than_the_snapshot(void **state)
{
    Store *s = testdb_store(*state);
    Err err = ERR_INIT;
    good(store_tx(s, "add", add_one, NULL, &err), &err);
    for (int i = 0; i < 3; i++) {
        _cleanup_arena_ Arena *a = arena_new();
        Page p = {.a = a, .s = s};
        good(store_read(s, "late look", late_look, &p, &err), &err);
    }
}

/* Writers at full speed beside a reader with a cursor: it must meet every entry exactly once. */
enum { WRITERS = 8, EACH = 60 };

static void *many_adds(void *p)
{
    for (int i = 0; i < EACH; i++) {
        Err err = ERR_INIT;
        if (store_tx(p, "many", nested_adds, NULL, &err) < 0) fprintf(stderr, "many: %s\n", err.msg);
    }
    return NULL;
}

static void cursor__meets_every_entry_once(void **state)
{
    Store *s = testdb_store(*state);
    pthread_t t[WRITERS];
    for (int i = 0; i < WRITERS; i++) pthread_create(&t[i], NULL, many_adds, s);
    int64_t after = 0, met = 0;
    int idle = 0;
    while (met < WRITERS * EACH * 2 && idle < 20000) {
        _cleanup_arena_ Arena *a = arena_new();
        Page p = {.a = a, .f = {.after = after, .limit = 7}};
        read_journal(s, &p);
        for (size_t i = 0; i < p.n; i++) {
            assert_true(p.e[i].seq > after);
            after = p.e[i].seq;
            met++;
        }
        idle = p.n ? 0 : idle + 1;
    }
    for (int i = 0; i < WRITERS; i++) pthread_join(t[i], NULL);
    assert_int_equal(met, WRITERS * EACH * 2);
}

/* --- verify
 * ------------------------------------------------------------------------------------------------- */

static void verify__finds_a_changed_row(void **state)
{
    static const char *const damage[] = {
        "update journal set after = '{\"title\":\"假\"}' where record = '7'",
        "update journal set actor = 'nobody' where record = '7'",
        "update journal set at_us = at_us + 1 where record = '7'",
        "update journal set before = '{\"title\":\"旧\"}' || ' ' where record = '7'",
        "update journal set entity = 'tow', record = 'n7' where record = '7'",
    };
    Store *s = testdb_store(*state);
    Err err = ERR_INIT;
    Sealed n;
    for (int i = 0; i < 600; i++) {
        char record[16];
        snprintf(record, sizeof record, "%d", i);
        good(store_tx(s, "add", add_one, record, &err), &err);
    }
    good(seal_verify(s, NULL, 0, &n, &err), &err);
    assert_int_equal(n.entries, 600);
    for (size_t i = 0; i < sizeof damage / sizeof *damage; i++) {
        testdb_raw(*state, "create table saved as select * from journal");
        testdb_raw(*state, damage[i]);
        assert_int_equal(seal_verify(s, NULL, 0, &n, &err), -ERR_VERIFY);
        assert_non_null(strstr(err.msg, "第 8 条"));
        testdb_raw(*state, "delete from journal; insert into journal select * from saved; drop table saved");
    }
    good(seal_verify(s, NULL, 0, &n, &err), &err);
}

/* --- watchers
 * ------------------------------------------------------------------------------------------------ */

static void note(void *ctx) { atomic_fetch_add((_Atomic int *)ctx, 1); }

static bool comes(_Atomic int *n, int more_than)
{
    for (int i = 0; i < 3000 && atomic_load(n) <= more_than; i++) usleep(1000);
    return atomic_load(n) > more_than;
}

static void watchers__are_called(void **state)
{
    Store *s = testdb_store(*state);
    Err err = ERR_INIT;
    _Atomic int calls = 0;
    int id = store_watch(s, note, &calls);
    good(store_tx(s, "add", add_one, NULL, &err), &err);
    assert_true(comes(&calls, 0));
    store_unwatch(s, id);
    int then = calls;
    good(store_tx(s, "add", add_one, NULL, &err), &err);
    usleep(50000);
    assert_int_equal(calls, then);
}

static void other_server__hears_of_it_at_once(void **state)
{
    if (!testdb_is_postgres()) skip();
    Store *s = testdb_store(*state);
    _cleanup_store_ Store *other = testdb_second(*state);
    Err err = ERR_INIT;
    _Atomic int calls = 0;
    int id = store_watch(other, note, &calls);
    for (int i = 0; i < 5; i++) {
        int before = calls;
        struct timespec t0, t1;
        clock_gettime(CLOCK_MONOTONIC, &t0);
        good(store_tx(s, "add", add_one, NULL, &err), &err);
        assert_true(comes(&calls, before));
        clock_gettime(CLOCK_MONOTONIC, &t1);
        assert_true((t1.tv_sec - t0.tv_sec) * 1000 + (t1.tv_nsec - t0.tv_nsec) / 1000000 < 1000);
    }
    store_unwatch(other, id);
}

static void broken_connections__are_replaced(void **state)
{
    if (!testdb_is_postgres()) skip();
    Store *s = testdb_store(*state);
    Err err = ERR_INIT;
    good(store_tx(s, "add", add_one, NULL, &err), &err);
    testdb_raw(*state, "select pg_terminate_backend(pid) from pg_stat_activity"
                       " where application_name = current_schema() and pid <> pg_backend_pid()");
    good(store_tx(s, "add", add_one, NULL, &err), &err);
    testdb_raw(*state, "select pg_terminate_backend(pid) from pg_stat_activity"
                       " where application_name = current_schema() and pid <> pg_backend_pid()");
    _cleanup_arena_ Arena *a = arena_new();
    Page p = {.a = a};
    read_journal(s, &p);
    assert_int_equal(p.n, 2);
    _Atomic int calls = 0;
    int id = store_watch(s, note, &calls); /* the listener, too, comes back */
    assert_true(comes(&calls, 0) || (store_tx(s, "add", add_one, NULL, &err) == 0 && comes(&calls, 0)));
    store_unwatch(s, id);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, testdb_setup, testdb_teardown)
    const struct CMUnitTest tests[] = {
        T(entries__are_filtered_and_ordered),
        T(rolled_back_entries__are_not_there),
        T(horizon__is_not_newer_than_the_snapshot),
        T(horizon__waits_for_late_commits),
        T(cursor__meets_every_entry_once),
        T(verify__finds_a_changed_row),
        T(watchers__are_called),
        T(other_server__hears_of_it_at_once),
        T(broken_connections__are_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * Durable transactions a second: N threads, each transaction two rows (a record and its journal entry).
 * `store_commit [THREADS] [SECONDS]` on the database CHENGSHU_TEST_DB names; prints one line.
 */
#include "store/store.h"

#include "testdb.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#define SQL(t) (&(const Sql){"bench", {(t), (t)}})

enum { THREADS_MAX = 1024 };

static const char tables[] = "create table item (no integer primary key, title text not null);";
static const Migration migrations[] = {{1, "item", {tables, tables}}, {0}};
static const Room room = {.name = "bench", .migrations = migrations};
static const Room *const rooms[] = {&room, NULL};

typedef struct Bench {
    Store *s;
    _Atomic int next, failed;
    _Atomic bool stop;
} Bench;

static int write_fn(Tx *tx, void *ctx, Err *err)
{
    const int no = *(const int *)ctx;
    char record[16];
    snprintf(record, sizeof record, "%d", no);
    TRY(tx_exec(tx, SQL("insert into item (no, title) values ($1, $2)"),
                VALS(V_INT(no), V_TEXT(S("一件事项"))), NULL, err));
    JournalEntry e = {.actor = S("steward"),
                      .entity = S("item"),
                      .record = str_c(record),
                      .op = S("insert"),
                      .after = S("{\"title\":\"一件事项\"}")};
    return journal_add(tx, &e, err);
}

static void *work(void *p)
{
    Bench *b = p;
    while (!b->stop) {
        int no = atomic_fetch_add(&b->next, 1);
        Err err = ERR_INIT;
        if (store_tx(b->s, "bench", write_fn, &no, &err) < 0 && atomic_fetch_add(&b->failed, 1) < 3)
            fprintf(stderr, "store_commit: %s\n", err.msg);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    int64_t threads = 64, seconds = 5;
    if ((argc > 1 && !str_int(str_c(argv[1]), &threads)) ||
        (argc > 2 && !str_int(str_c(argv[2]), &seconds)) || threads < 1 || threads > THREADS_MAX ||
        seconds < 1) {
        fprintf(stderr, "usage: store_commit [THREADS] [SECONDS]\n");
        return 2;
    }
    TestDb *t = testdb_new(rooms);
    Bench b = {.s = testdb_store(t)};
    pthread_t thread[THREADS_MAX];
    for (int64_t i = 0; i < threads; i++)
        if (pthread_create(&thread[i], NULL, work, &b) != 0) return 1;
    sleep((unsigned)seconds);
    b.stop = true;
    for (int64_t i = 0; i < threads; i++) pthread_join(thread[i], NULL);
    StoreStats st;
    store_stats(b.s, &st);
    printf(
        "store_commit %s: %d threads, %lld transactions/s, %.1f transactions a commit, largest group %lld, "
        "%lld retries, %d failed\n",
        testdb_is_postgres() ? "postgres" : "sqlite", (int)threads, (long long)(st.transactions / seconds),
        (double)st.transactions / (double)(st.commits ? st.commits : 1), (long long)st.largest_group,
        (long long)st.retries, (int)b.failed);
    testdb_free(t);
    return 0;
}

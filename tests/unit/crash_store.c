/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * Killed at any instant, nothing answered is lost: a child writes with 16 threads and reports the number of
 * each answered write through a pipe; the parent kills it at a random moment, opens the city again and looks
 * for every number, in the table and in the journal, then checks the journal's digests. `crash_store
 * [ROUNDS]`, default 10.
 */
#include "store/seal.h"

#include "testdb.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 16, SEEN_MAX = 1 << 20 };

static const char tables[] = "create table written (no integer primary key, note text not null);"
                             "create table pair (no integer primary key);";
static const Migration migrations[] = {{1, "written", {tables, tables}}, {0}};
static const Room room = {.name = "crash", .migrations = migrations};
static const Room *const rooms[] = {&room, NULL};

typedef struct Child {
    Store *s;
    int pipe;
    _Atomic int *next;
} Child;

typedef struct Write {
    int no;
} Write;

static int write_fn(Tx *tx, void *ctx, Err *err)
{
    const Write *w = ctx;
    char record[16];
    snprintf(record, sizeof record, "%d", w->no);
    TRY(tx_exec(tx, SQL("insert into written (no, note) values ($1, $2)"),
                VALS(V_INT(w->no), V_TEXT(S("写"))), NULL, err));
    TRY(tx_exec(tx, SQL("insert into pair (no) values ($1)"), VALS(V_INT(w->no)), NULL, err));
    JournalEntry e = {
        .actor = S("system"), .entity = S("written"), .record = str_c(record), .op = S("insert")};
    return journal_add(tx, &e, err);
}

static void *child_thread(void *p)
{
    Child *c = p;
    for (;;) {
        Write w = {.no = atomic_fetch_add(c->next, 1)};
        Err err = ERR_INIT;
        if (store_tx(c->s, "write", write_fn, &w, &err) < 0) {
            fprintf(stderr, "crash_store: %d: %s\n", w.no, err.msg);
            _exit(3);
        }
        if (write(c->pipe, &w.no, sizeof w.no) != sizeof w.no) _exit(4);
    }
}

static _Noreturn void child(const char *dir, const char *url, int out, int first)
{
    _Atomic int next = first;
    Err err = ERR_INIT;
    Store *s;
    const StoreOptions o = {.dir = dir, .url = url, .lock = true};
    if (store_open(&o, &s, &err) < 0) {
        fprintf(stderr, "crash_store: child: %s\n", err.msg);
        _exit(2);
    }
    pthread_t t[THREADS];
    Child c = {s, out, &next};
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&t[i], NULL, child_thread, &c) != 0) _exit(5);
    pthread_join(t[0], NULL);
    _exit(6);
}

typedef struct Seen {
    int n, at;
    int *no;
    int64_t pairs;
} Seen;

static int look(Tx *tx, void *ctx, Err *err)
{
    Seen *s = ctx;
    for (int i = s->at; i < s->n; i++) {
        _cleanup_arena_ Arena *a = arena_new();
        char record[16];
        Val v;
        snprintf(record, sizeof record, "%d", s->no[i]);
        TRY(tx_one(tx, a, SQL("select no from written where no = $1"), VALS(V_INT(s->no[i])), &v, err));
        TRY(tx_one(tx, a, SQL("select seq from journal where entity = 'written' and record = $1"),
                   VALS(V_TEXT(str_c(record))), &v, err));
    }
    _cleanup_arena_ Arena *a = arena_new();
    Val v;
    TRY(tx_one(
        tx, a,
        SQL("select (select count(*) from written) - (select count(*) from pair where no in"
            " (select no from written)) + (select count(*) from pair) - (select count(*) from written)"),
        NULL, 0, &v, err));
    s->pairs = v.i;
    return 0;
}

/* Runs a child, kills it after `ms`, takes in what it had answered. */
static void one_round(TestDb *t, Seen *seen, int first, int ms)
{
    int fd[2], no;
    if (pipe(fd) != 0) exit(1);
    pid_t pid = fork();
    if (pid == 0) {
        close(fd[0]);
        child(testdb_dir(t), testdb_url(t), fd[1], first);
    }
    close(fd[1]);
    usleep((useconds_t)ms * 1000);
    kill(pid, SIGKILL);
    while (seen->n < SEEN_MAX && read(fd[0], &no, sizeof no) == sizeof no) seen->no[seen->n++] = no;
    close(fd[0]);
    int status;
    waitpid(pid, &status, 0);
    if (!WIFSIGNALED(status)) {
        fprintf(stderr, "crash_store: the child ended by itself, status %d\n", WEXITSTATUS(status));
        exit(1);
    }
}

int main(int argc, char **argv)
{
    int64_t rounds = 10;
    if (argc > 1 && (!str_int(str_c(argv[1]), &rounds) || rounds < 1 || rounds > 1000)) {
        fprintf(stderr, "usage: crash_store [ROUNDS 1-1000]\n");
        return 2;
    }
    TestDb *t = testdb_new(rooms);
    Seen seen = {.no = xmalloc(sizeof(int) * SEEN_MAX)};
    unsigned seed = (unsigned)getpid();
    Sealed sealed = {0};
    for (int64_t i = 0; i < rounds; i++) {
        Err err = ERR_INIT;
        testdb_close(t); /* threads do not survive a fork, and the folder is the child's now */
        one_round(t, &seen, (int)i * 1000000, 80 + rand_r(&seed) % 400);
        Store *s = testdb_reopen(t);
        if (store_read(s, "look", look, &seen, &err) < 0 || seen.pairs != 0 ||
            seal_verify(s, NULL, 0, &sealed, &err) < 0) {
            fprintf(stderr, "crash_store: round %d of %d writes: %s\n", (int)i, seen.n,
                    seen.pairs ? "half a transaction is there" : err.msg);
            return 1;
        }
        seen.at = seen.n;
    }
    printf("crash_store: %d rounds, %d answered writes, none lost, %lld journal entries clean\n", (int)rounds,
           seen.n, (long long)sealed.entries);
    int r = seen.n ? 0 : 1;
    free(seen.no);
    testdb_free(t);
    return r;
}

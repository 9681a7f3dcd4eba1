/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * Every call that SQLite makes of the system fails once, and from then on: for each n, the n-th write, sync,
 * truncation, opening, deletion, mapping and allocation of a workload. Whatever happens, a write that was
 * answered is there, one that was refused is not, none is there by half, reads go on while writes are
 * refused, and after the fault the next write is answered without anything being opened by hand.
 */
#include "store/seal.h"

#include "faultvfs.h"
#include "testdb.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#ifdef __SANITIZE_ADDRESS__
enum { RUNNING_ASAN = 1 };
#else
enum { RUNNING_ASAN = 0 };
#endif
enum { THREADS = 3, EACH = 2, WRITES = THREADS * EACH, N_MAX = 20000 };

static const char tables[] = "create table written (no integer primary key, note text not null);"
                             "create table pair (no integer primary key);";
static const Migration migrations[] = {{1, "written", {tables, tables}}, {0}};
static const Room room = {.name = "faults", .migrations = migrations};
static const Room *const rooms[] = {&room, NULL};

typedef struct World {
    TestDb *t;
    int next; /* number of the next write */
} World;

/* Which fault it was, for a failure's message. */
static Fault now;
#define WRONG(...)                                                                                           \
    do {                                                                                                     \
        print_error("fault %d of call %d, code %d%s%s: ", now.n, now.call, now.code,                         \
                    now.stays ? ", stays" : "", now.half ? ", half" : "");                                   \
        fail_msg(__VA_ARGS__);                                                                               \
    } while (0)

/* --- the workload ------------------------------------------------------------------------------------ */

typedef struct Write {
    int no;
    int r; /* as store_tx answered */
} Write;

static int write_tx(Tx *tx, void *p, Err *err)
{
    const Write *w = p;
    char record[16], text[9000];
    snprintf(record, sizeof record, "%d", w->no);
    memset(text, 'a' + w->no % 26, sizeof text);
    TRY(tx_exec(tx, SQL("insert into written (no, note) values ($1, $2)"),
                VALS(V_INT(w->no), V_TEXT(str_n(text, sizeof text))), NULL, err));
    TRY(tx_exec(tx, SQL("insert into pair (no) values ($1)"), VALS(V_INT(w->no)), NULL, err));
    JournalEntry e = {
        .actor = S("system"), .entity = S("written"), .record = str_c(record), .op = S("insert")};
    return journal_add(tx, &e, err);
}

/* What a refusal may be: the errors that pass by themselves. */
static void check_refusal(int r, const Err *err)
{
    if (r == 0) return;
    if (!err_passes((ErrCode)-r)) WRONG("refused with %s: %s", err_name((ErrCode)-r), err->msg);
    assert_int_equal(-r, err->code);
    assert_true(err->msg[0]);
}

typedef struct Hand {
    Store *s;
    Write *w;
    Err err[EACH];
} Hand;

static void *hand(void *p)
{
    Hand *h = p;
    for (int i = 0; i < EACH; i++) {
        h->err[i] = ERR_INIT;
        h->w[i].r = store_tx(h->s, "write", write_tx, &h->w[i], &h->err[i]);
    }
    return NULL;
}

static void write_all(World *o, Store *s, Write w[WRITES])
{
    pthread_t t[THREADS];
    Hand h[THREADS];
    for (int i = 0; i < WRITES; i++) w[i] = (Write){.no = o->next++};
    for (int i = 0; i < THREADS; i++) {
        h[i] = (Hand){.s = s, .w = w + (ptrdiff_t)i * EACH};
        assert_int_equal(pthread_create(&t[i], NULL, hand, &h[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) pthread_join(t[i], NULL);
    for (int i = 0; i < WRITES; i++) check_refusal(w[i].r, &h[i / EACH].err[i % EACH]);
}

typedef struct Look {
    const Write *w;
    int n;
    const char *wrong;
} Look;

static int count_tx(Tx *tx, Arena *a, const Sql *sql, Val arg, int64_t *ret, Err *err)
{
    Val v;
    TRY(tx_one(tx, a, sql, &arg, 1, &v, err));
    *ret = v.i;
    return 0;
}

static int look_tx(Tx *tx, void *p, Err *err)
{
    Look *l = p;
    l->wrong = NULL;
    for (int i = 0; i < l->n && !l->wrong; i++) {
        _cleanup_arena_ Arena *a = arena_new();
        char record[16];
        int64_t rows, pairs, entries;
        Val no = V_INT(l->w[i].no);
        snprintf(record, sizeof record, "%d", l->w[i].no);
        TRY(count_tx(tx, a, SQL("select count(*) from written where no = $1 and length(note) = 9000"), no,
                     &rows, err));
        TRY(count_tx(tx, a, SQL("select count(*) from pair where no = $1"), no, &pairs, err));
        TRY(count_tx(tx, a, SQL("select count(*) from journal where entity = 'written' and record = $1"),
                     V_TEXT(str_c(record)), &entries, err));
        if (rows != pairs || rows != entries)
            l->wrong = "half a write is there";
        else if (rows != (l->w[i].r == 0))
            l->wrong = rows ? "a refused write is there" : "an answered write is gone";
    }
    return 0;
}

static void look(Store *s, const Write *w, int n)
{
    Err err = ERR_INIT;
    Look l = {w, n, NULL};
    if (store_read(s, "look", look_tx, &l, &err) < 0) WRONG("cannot be read: %s", err.msg);
    if (l.wrong) WRONG("%s", l.wrong);
}

static int integrity_tx(Tx *tx, void *p, Err *err)
{
    Val v;
    _cleanup_arena_ Arena *a = arena_new();
    TRY(tx_one(tx, a, SQL("select group_concat(integrity_check) from pragma_integrity_check"), NULL, 0, &v,
               err));
    *(bool *)p = str_is(v.s, "ok");
    return 0;
}

static void whole(Store *s)
{
    Sealed sealed;
    Err err = ERR_INIT;
    bool good = false;
    if (seal_now(s, &err) < 0 || seal_verify(s, NULL, 0, &sealed, &err) < 0) WRONG("not whole: %s", err.msg);
    assert_int_equal(store_read(s, "integrity", integrity_tx, &good, &err), 0);
    assert_true(good);
}

static void write_one(World *o, Store *s)
{
    Err err = ERR_INIT;
    Write w = {.no = o->next++};
    if ((w.r = store_tx(s, "after", write_tx, &w, &err)) < 0) WRONG("does not recover: %s", err.msg);
    look(s, &w, 1);
}

/* --- faults of a running store ----------------------------------------------------------------------- */

/* One n: writes under the fault, reads meanwhile, then a write without it. True while n calls were made. */
static bool running(World *o, Fault f, int *refused)
{
    Write w[WRITES];
    Store *s = testdb_store(o->t);
    fault_arm(now = f);
    write_all(o, s, w);
    for (int i = 0; i < WRITES; i++) *refused += w[i].r != 0;
    /* Reads do not depend on writing. Without memory they may be refused, but never wrong. */
    Err err = ERR_INIT;
    Look l = {w, WRITES, NULL};
    int r = store_read(s, "look", look_tx, &l, &err);
    if (r < 0 && f.call != FAULT_MALLOC) WRONG("reads stop, too: %s", err.msg);
    check_refusal(r, &err);
    if (r == 0 && l.wrong) WRONG("%s", l.wrong);
    bool met = fault_disarm();
    look(s, w, WRITES);
    write_one(o, s);
    return met;
}

/* The store is closed (its log is put away) and opened under the fault. */
static bool restarting(World *o, Fault f, int *refused)
{
    Write w[WRITES];
    write_all(o, testdb_store(o->t), w);
    fault_arm(now = f);
    testdb_close(o->t);
    Store *s = NULL;
    Err err = ERR_INIT;
    const StoreOptions options = {.dir = testdb_dir(o->t), .lock = true};
    int r = store_open(&options, &s, &err);
    check_refusal(r, &err);
    *refused += r != 0;
    if (r == 0) {
        Write more = {.no = o->next++};
        more.r = store_tx(s, "more", write_tx, &more, &err);
        check_refusal(more.r, &err);
        bool met = fault_disarm();
        look(s, &more, 1);
        look(s, w, WRITES);
        write_one(o, s);
        store_free(s);
        testdb_reopen(o->t);
        return met;
    }
    bool met = fault_disarm();
    s = testdb_reopen(o->t);
    look(s, w, WRITES);
    write_one(o, s);
    return met;
}

typedef bool (*Phase)(World *, Fault, int *);

static void every_n(World *o, Fault f, Phase phase, const char *what)
{
    int refused = 0;
    for (f.n = 1; f.n < N_MAX; f.n++) {
        if (!phase(o, f, &refused)) break;
        if (f.n % 100 == 0) whole(testdb_store(o->t));
    }
    assert_true(f.n < N_MAX);
    whole(testdb_store(o->t));
    print_message("%s, call %d, code %d%s%s: %d faults, %d refused\n", what, f.call, f.code,
                  f.stays ? ", stays" : "", f.half ? ", half" : "", f.n - 1, refused);
}

static void every_fault(const Fault *f, size_t n)
{
    World o = {.t = testdb_new(rooms), .next = 1};
    for (size_t i = 0; i < n; i++)
        for (int stays = 0; stays < 2; stays++) {
            Fault one = f[i];
            one.stays = stays;
            every_n(&o, one, running, "running");
            every_n(&o, one, restarting, "restarting");
        }
    testdb_free(o.t);
}

static void test_writes(void **state)
{
    (void)state;
    static const Fault f[] = {{.call = FAULT_WRITE, .code = SQLITE_IOERR_WRITE},
                              {.call = FAULT_WRITE, .code = SQLITE_IOERR_WRITE, .half = true},
                              {.call = FAULT_WRITE, .code = SQLITE_FULL},
                              {.call = FAULT_WRITE, .code = SQLITE_FULL, .half = true}};
    every_fault(f, sizeof f / sizeof *f);
}

static void test_syncs(void **state)
{
    (void)state;
    static const Fault f[] = {{.call = FAULT_SYNC, .code = SQLITE_IOERR_FSYNC}};
    every_fault(f, sizeof f / sizeof *f);
}

static void test_rest(void **state)
{
    (void)state;
    static const Fault f[] = {{.call = FAULT_TRUNCATE, .code = SQLITE_IOERR_TRUNCATE},
                              {.call = FAULT_OPEN, .code = SQLITE_CANTOPEN},
                              {.call = FAULT_OPEN, .code = SQLITE_FULL},
                              {.call = FAULT_DELETE, .code = SQLITE_IOERR_DELETE},
                              {.call = FAULT_MAP, .code = SQLITE_IOERR_SHMMAP},
                              {.call = FAULT_MAP, .code = SQLITE_FULL}};
    every_fault(f, sizeof f / sizeof *f);
}

static void test_memory(void **state)
{
    (void)state;
    static const Fault f[] = {{.call = FAULT_MALLOC}};
    every_fault(f, 1);
}

/* A full disk is told as one, a failing one as that. */
static void test_codes(void **state)
{
    (void)state;
    static const struct {
        Fault f;
        ErrCode code;
    } cases[] = {{{.call = FAULT_WRITE, .n = 1, .stays = true, .code = SQLITE_FULL}, ERR_FULL},
                 {{.call = FAULT_WRITE, .n = 1, .stays = true, .code = SQLITE_IOERR_WRITE}, ERR_IO},
                 {{.call = FAULT_SYNC, .n = 1, .stays = true, .code = SQLITE_IOERR_FSYNC}, ERR_IO}};
    World o = {.t = testdb_new(rooms), .next = 1};
    Store *s = testdb_store(o.t);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Err err = ERR_INIT;
        Write w = {.no = o.next++};
        StoreStats before, after;
        store_stats(s, &before);
        fault_arm(cases[i].f);
        assert_int_equal(store_tx(s, "write", write_tx, &w, &err), -(int)cases[i].code);
        assert_true(fault_disarm());
        store_stats(s, &after);
        assert_int_equal(after.write_trouble, cases[i].code);
        assert_int_equal(after.failed_writes, before.failed_writes + 1);
        write_one(&o, s);
        store_stats(s, &after);
        assert_int_equal(after.write_trouble, ERR_NONE);
        assert_int_equal(after.renewals, before.renewals + 1); /* never again on the handle that failed */
    }
    testdb_free(o.t);
}

/* --- a failed sync, then a kill, then a power cut ----------------------------------------------------- */

typedef struct File {
    char *bytes;
    size_t n;
} File;

static File file_of(const char *dir, const char *name)
{
    char path[256];
    File f = {0};
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *in = fopen(path, "rbe");
    if (!in) return f;
    fseek(in, 0, SEEK_END);
    f.n = (size_t)ftell(in);
    rewind(in);
    f.bytes = xmalloc(f.n + 1);
    assert_int_equal(fread(f.bytes, 1, f.n, in), f.n);
    fclose(in);
    return f;
}

static void file_to(const char *dir, const char *name, File f)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *out = fopen(path, "wbe");
    assert_non_null(out);
    assert_int_equal(fwrite(f.bytes, 1, f.n, out), f.n);
    fclose(out);
}

/* What a kill leaves: the files as the system's cache has them, without the index. */
static void take_city(const char *from, const char *to, File ret[2])
{
    char shm[256];
    snprintf(shm, sizeof shm, "%s/city.db-shm", to);
    unlink(shm);
    ret[0] = file_of(from, "city.db");
    ret[1] = file_of(from, "city.db-wal");
    file_to(to, "city.db", ret[0]);
    file_to(to, "city.db-wal", ret[1]);
}

/* The sync of a commit fails; the system counts the pages as clean though the disk has not got them. The
   program is killed and starts again: its recovery finds that commit in the cache. Another write is answered,
   and then the power fails and takes the pages that never reached the disk. */
static void test_failed_sync_is_not_built_upon(void **state)
{
    (void)state;
    World o = {.t = testdb_new(rooms), .next = 1}, after = {.t = testdb_new(rooms)},
          end = {.t = testdb_new(rooms)};
    Err err = ERR_INIT;
    File kill[2], cut[2];
    Write before = {.no = 1}, ghost = {.no = 2}, more = {.no = 3};
    assert_int_equal(store_tx(testdb_store(o.t), "before", write_tx, &before, &err), 0);
    File synced = file_of(testdb_dir(o.t), "city.db-wal");
    fault_arm((Fault){.call = FAULT_SYNC, .n = 1, .stays = true, .code = SQLITE_IOERR_FSYNC});
    ghost.r = store_tx(testdb_store(o.t), "ghost", write_tx, &ghost, &err);
    assert_int_equal(ghost.r, -(int)ERR_IO);
    testdb_close(after.t);
    take_city(testdb_dir(o.t), testdb_dir(after.t), kill);
    assert_true(fault_disarm());
    assert_true(kill[1].n > synced.n); /* the unsynced pages are in the cache */
    Store *s = testdb_reopen(after.t);
    assert_int_equal(store_tx(s, "more", write_tx, &more, &err), 0);
    testdb_close(end.t);
    take_city(testdb_dir(after.t), testdb_dir(end.t), cut);
    /* Lost: what still stands where it was left, never written again. */
    size_t lost = cut[1].n < kill[1].n ? cut[1].n : kill[1].n;
    if (lost > synced.n && memcmp(cut[1].bytes, kill[1].bytes, lost) == 0) {
        memset(cut[1].bytes + synced.n, 0, lost - synced.n);
        file_to(testdb_dir(end.t), "city.db-wal", cut[1]);
    }
    s = testdb_reopen(end.t);
    look(s, &before, 1);
    look(s, &more, 1);
    for (int i = 0; i < 2; i++) {
        free(kill[i].bytes);
        free(cut[i].bytes);
    }
    free(synced.bytes);
    testdb_free(end.t);
    testdb_free(after.t);
    testdb_free(o.t);
}

/* --- no memory for the program itself ---------------------------------------------------------------- */

/* Writes, tells of each answered one, and takes memory until there is none. */
static _Noreturn void starve(const char *dir, int out)
{
    const StoreOptions options = {.dir = dir, .lock = true};
    const struct rlimit no_core = {0}, little = {1 << 29, 1 << 29};
    Err err = ERR_INIT;
    Store *s;
    setrlimit(RLIMIT_CORE, &no_core);
    if (store_open(&options, &s, &err) < 0) _exit(2);
    setrlimit(RLIMIT_AS, &little);
    for (Write w = {.no = 1};; w.no++) {
        if (store_tx(s, "write", write_tx, &w, &err) == 0 && write(out, &w.no, sizeof w.no) != sizeof w.no)
            _exit(3);
        memset(xmalloc(1 << 20), 1, 1 << 20);
    }
}

/* It ends with words, and what it had answered is there. */
static void test_own_memory(void **state)
{
    (void)state;
    if (RUNNING_ASAN) skip(); /* it needs more addresses than the limit */
    World o = {.t = testdb_new(rooms)};
    int answers[2], words[2], no, status, n = 0;
    char text[512] = "";
    testdb_close(o.t); /* threads do not survive a fork, and the folder is the child's now */
    assert_int_equal(pipe(answers) | pipe(words), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(words[1], STDERR_FILENO);
        starve(testdb_dir(o.t), answers[1]);
    }
    close(answers[1]);
    close(words[1]);
    static Write w[4096];
    while (n < 4096 && read(answers[0], &no, sizeof no) == sizeof no) w[n++] = (Write){.no = no};
    assert_true(read(words[0], text, sizeof text - 1) > 0);
    close(answers[0]);
    close(words[0]);
    waitpid(pid, &status, 0);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(text, "out of memory"));
    assert_true(n > 0);
    Store *s = testdb_reopen(o.t);
    look(s, w, n);
    whole(s);
    testdb_free(o.t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_codes),
                                       cmocka_unit_test(test_own_memory),
                                       cmocka_unit_test(test_failed_sync_is_not_built_upon),
                                       cmocka_unit_test(test_syncs),
                                       cmocka_unit_test(test_writes),
                                       cmocka_unit_test(test_rest),
                                       cmocka_unit_test(test_memory)};
    /* The disk itself has no part in it. */
    if (!getenv("TMPDIR") && access("/dev/shm", W_OK) == 0) setenv("TMPDIR", "/dev/shm", 1);
    fault_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}

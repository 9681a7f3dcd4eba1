/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * Power cuts. A VFS under SQLite writes down every write, truncation and sync of the city's files, and the
 * program when a write was answered. Afterwards the disk is put together as it would be found after a cut at
 * every sync: of what was not synced yet everything is lost, or a random half of its 512-byte sectors is
 * there (torn), or all of it. Every such city must open, hold every write answered before the cut, no half of
 * one, and be whole. `powercut_store [TORN]`: how many random tears a cut (default 1). SEED=… repeats a run.
 */
#include "store/seal.h"

#include "spyvfs.h"
#include "testdb.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES = 2, SECTOR = 512, THREADS = 4, EACH = 30, ROWS = 6 };
static const char *const suffix[FILES] = {"city.db", "city.db-wal"};

/* --- what happened
 * ------------------------------------------------------------------------------------------- */

typedef enum Kind { WROTE, CUT_SHORT, SYNCED, ANSWERED } Kind;

typedef struct Event {
    Kind kind;
    int file; /* ANSWERED: the number of the write */
    int64_t at;
    size_t n;
    char *bytes;
} Event;

static struct {
    pthread_mutex_t lock;
    Event *event;
    size_t n, cap;
    bool on;
} history = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void note(Kind kind, int file, int64_t at, const void *bytes, size_t n)
{
    pthread_mutex_lock(&history.lock);
    if (history.on) {
        if (history.n == history.cap) {
            history.cap = history.cap ? history.cap * 2 : 4096;
            history.event = xrealloc(history.event, history.cap * sizeof *history.event);
        }
        Event *e = &history.event[history.n++];
        *e = (Event){kind, file, at, n, n ? xmalloc(n) : NULL};
        if (n) memcpy(e->bytes, bytes, n);
    }
    pthread_mutex_unlock(&history.lock);
}

/* --- the VFS
 * ------------------------------------------------------------------------------------------------- */

static int spy_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
    if (((SpyFile *)f)->tag) note(WROTE, ((SpyFile *)f)->tag - 1, at, p, (size_t)n);
    return SPY_IO(f)->xWrite(SPY_REAL(f), p, n, at);
}
static int spy_truncate(sqlite3_file *f, sqlite3_int64 n)
{
    if (((SpyFile *)f)->tag) note(CUT_SHORT, ((SpyFile *)f)->tag - 1, n, NULL, 0);
    return SPY_IO(f)->xTruncate(SPY_REAL(f), n);
}
static int spy_sync(sqlite3_file *f, int flags)
{
    int rc = SPY_IO(f)->xSync(SPY_REAL(f), flags);
    if (((SpyFile *)f)->tag) note(SYNCED, ((SpyFile *)f)->tag - 1, 0, NULL, 0);
    return rc;
}
/* Not what the disk can do beyond the least: SQLite must not count on writes being atomic or in order. */
static int spy_can(sqlite3_file *f)
{
    (void)f;
    return 0;
}

static int spy_open(SpyFile *f, const char *name)
{
    for (int i = 0; i < FILES && name; i++)
        if (str_ends(str_c(name), str_c(suffix[i]))) f->tag = i + 1;
    return SQLITE_OK;
}

/* --- what is written
 * ----------------------------------------------------------------------------------------- */

static const char tables[] = "create table written (no integer primary key, note text not null);"
                             "create table pair (no integer primary key);";
static const Migration migrations[] = {{1, "written", {tables, tables}}, {0}};
static const Room room = {.name = "powercut", .migrations = migrations};
static const Room *const rooms[] = {&room, NULL};

typedef struct Writer {
    Store *s;
    _Atomic int *next;
    bool seals; /* one of them, as in a server */
} Writer;

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "powercut_store: %s\n", what);
    exit(1);
}

static int write_tx(Tx *tx, void *p, Err *err)
{
    int no = *(int *)p;
    char record[16], text[3000];
    snprintf(record, sizeof record, "%d", no);
    memset(text, 'a' + no % 26, sizeof text);
    for (int i = 0; i < ROWS; i++)
        TRY(tx_exec(tx, SQL("insert into written (no, note) values ($1, $2)"),
                    VALS(V_INT(no * ROWS + i), V_TEXT(str_n(text, sizeof text))), NULL, err));
    TRY(tx_exec(tx, SQL("insert into pair (no) values ($1)"), VALS(V_INT(no)), NULL, err));
    JournalEntry e = {
        .actor = S("system"), .entity = S("written"), .record = str_c(record), .op = S("insert")};
    return journal_add(tx, &e, err);
}

static void *write_on(void *p)
{
    Writer *w = p;
    for (int i = 0; i < EACH; i++) {
        Err err = ERR_INIT;
        int no = atomic_fetch_add(w->next, 1);
        if (store_tx(w->s, "write", write_tx, &no, &err) < 0) die(err.msg);
        note(ANSWERED, no, 0, NULL, 0);
        if (w->seals && i % 5 == 4 && seal_now(w->s, &err) < 0) die(err.msg);
    }
    return NULL;
}

/* --- the disk after a cut
 * ------------------------------------------------------------------------------------- */

typedef struct Disk {
    char *bytes[FILES];
    int64_t size[FILES], cap[FILES];
} Disk;

static void grow(Disk *d, int f, int64_t size)
{
    if (size > d->cap[f]) {
        d->bytes[f] = xrealloc(d->bytes[f], (size_t)size * 2);
        memset(d->bytes[f] + d->cap[f], 0, (size_t)(size * 2 - d->cap[f]));
        d->cap[f] = size * 2;
    }
    if (size > d->size[f]) d->size[f] = size;
}

/* torn: NULL = all of it, else a seed: sector by sector, there or not. */
static void apply(Disk *d, const Event *e, unsigned *torn)
{
    if (e->kind == CUT_SHORT && !(torn && rand_r(torn) & 1)) {
        if (e->at < d->size[e->file])
            memset(d->bytes[e->file] + e->at, 0, (size_t)(d->size[e->file] - e->at));
        d->size[e->file] = e->at;
    }
    if (e->kind != WROTE) return;
    for (size_t at = 0, n; at < e->n; at += n) {
        n = SECTOR - (size_t)(e->at + (int64_t)at) % SECTOR;
        if (n > e->n - at) n = e->n - at;
        if (torn && rand_r(torn) & 1) continue;
        grow(d, e->file, e->at + (int64_t)(at + n));
        memcpy(d->bytes[e->file] + e->at + at, e->bytes + at, n);
    }
}

static void disk_free(Disk *d)
{
    for (int f = 0; f < FILES; f++) free(d->bytes[f]);
    *d = (Disk){0};
}

static Disk disk_copy(const Disk *d)
{
    Disk c = {0};
    for (int f = 0; f < FILES; f++) {
        grow(&c, f, d->size[f]);
        if (d->size[f]) memcpy(c.bytes[f], d->bytes[f], (size_t)d->size[f]);
    }
    return c;
}

static void put(const Disk *d, const char *dir)
{
    char path[256];
    snprintf(path, sizeof path, "%s/city.db-shm", dir);
    unlink(path);
    for (int f = 0; f < FILES; f++) {
        snprintf(path, sizeof path, "%s/%s", dir, suffix[f]);
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
        if (fd < 0 || (d->size[f] && write(fd, d->bytes[f], (size_t)d->size[f]) != d->size[f])) die(path);
        close(fd);
    }
}

/* --- looking at it
 * ------------------------------------------------------------------------------------------ */

typedef struct Look {
    const bool *answered;
    int n;
    const char *wrong;
} Look;

static int look_tx(Tx *tx, void *p, Err *err)
{
    Look *l = p;
    Val v;
    Rows *r;
    int got, at = 0;
    _cleanup_arena_ Arena *a = arena_new();
    l->wrong = NULL;
    TRY(tx_query(
        tx, a,
        SQL("select p.no, (select count(*) from written w where w.no / 6 = p.no), (select count(*) from"
            " journal j where j.entity = 'written' and j.record = cast(p.no as text)) from pair p order by "
            "1"),
        NULL, 0, &r, err));
    bool *there = ARENA_ARRAY(a, bool, (size_t)l->n + 1);
    while ((got = rows_next(r, err)) == 1) {
        int64_t no = rows_int(r, 0);
        if (rows_int(r, 1) != ROWS || rows_int(r, 2) != 1) l->wrong = "half a write is there";
        if (no < l->n) there[no] = true;
        at++;
    }
    if (got < 0) return got;
    for (int i = 0; i < l->n; i++)
        if (l->answered[i] && !there[i]) l->wrong = "an answered write is gone";
    TRY(tx_one(tx, a, SQL("select (select count(*) from written) = 6 * (select count(*) from pair)"), NULL, 0,
               &v, err));
    if (v.kind != VAL_INT || v.i != 1) l->wrong = "rows without their write are there";
    TRY(tx_one(tx, a, SQL("select group_concat(integrity_check) from pragma_integrity_check"), NULL, 0, &v,
               err));
    if (!str_is(v.s, "ok")) l->wrong = "integrity_check";
    return 0;
}

static const char *look(const char *dir, const bool *answered, int n, Err *err)
{
    Store *s;
    Sealed sealed;
    Look l = {answered, n, NULL};
    const StoreOptions o = {.dir = dir, .lock = true};
    if (store_open(&o, &s, err) < 0) return "does not open";
    if (store_read(s, "look", look_tx, &l, err) < 0) l.wrong = "cannot be read";
    if (!l.wrong && seal_verify(s, NULL, 0, &sealed, err) < 0) l.wrong = "is not whole";
    /* It goes on: one more write. */
    int more = 1 << 20;
    if (!l.wrong && store_tx(s, "more", write_tx, &more, err) < 0) l.wrong = "cannot be written";
    store_free(s);
    return l.wrong;
}

/* --- */

typedef struct Count {
    int cuts, cities;
} Count;

/* A cut at the sync that is event `i`, before it was done: `synced` is what is safe, `since` where each
   file's unsafe events begin. */
static void cut(const char *dir, size_t i, const Disk *synced, const size_t since[FILES],
                const bool *answered, int n, int tears, unsigned *seed, Count *count)
{
    for (int mode = -1; mode <= tears; mode++) {
        Disk d = disk_copy(synced);
        unsigned torn = (unsigned)rand_r(seed);
        for (size_t k = 0; mode >= 0 && k < i; k++) {
            const Event *e = &history.event[k];
            if (e->kind <= CUT_SHORT && k >= since[e->file]) apply(&d, e, mode ? &torn : NULL);
        }
        put(&d, dir);
        disk_free(&d);
        Err err = ERR_INIT;
        const char *wrong = look(dir, answered, n, &err);
        if (wrong) {
            fprintf(stderr, "powercut_store: cut at event %zu, %s: %s (%s)\n", i,
                    mode < 0 ? "all lost"
                    : mode   ? "torn"
                             : "all there",
                    wrong, err.msg);
            exit(1);
        }
        count->cities++;
    }
    count->cuts++;
}

static void replay(const char *dir, int n, int tears, unsigned seed)
{
    Disk synced = {0};
    size_t since[FILES] = {0};
    bool *answered = xcalloc((size_t)n + 1, sizeof *answered);
    Count count = {0};
    size_t first = 0;
    while (first < history.n && history.event[first].kind != ANSWERED)
        first++; /* the making of the tables is not of interest */
    for (size_t i = 0; i < history.n; i++) {
        const Event *e = &history.event[i];
        if (e->kind == ANSWERED) answered[e->file] = true;
        if (e->kind != SYNCED) continue;
        if (i > first) cut(dir, i, &synced, since, answered, n, tears, &seed, &count);
        for (size_t k = since[e->file]; k < i; k++)
            if (history.event[k].kind <= CUT_SHORT && history.event[k].file == e->file)
                apply(&synced, &history.event[k], NULL);
        since[e->file] = i;
    }
    printf("powercut_store: %d writes, %d cuts, %d disks put together: none lost an answered write\n", n,
           count.cuts, count.cities);
    disk_free(&synced);
    free(answered);
    if (!count.cuts) die("no sync was seen");
}

int main(int argc, char **argv)
{
    int64_t tears = 1, seed = getpid();
    if ((argc > 1 && (!str_int(str_c(argv[1]), &tears) || tears < 0)) ||
        (getenv("SEED") && !str_int(str_c(getenv("SEED")), &seed)))
        die("usage: powercut_store [TORN]");
    if (testdb_is_postgres()) return 77;
    /* The disk is made up here; the real one only costs time. */
    if (!getenv("TMPDIR") && access("/dev/shm", W_OK) == 0) setenv("TMPDIR", "/dev/shm", 1);
    static sqlite3_io_methods methods;
    methods = spy_through();
    methods.xWrite = spy_write;
    methods.xTruncate = spy_truncate;
    methods.xSync = spy_sync;
    methods.xDeviceCharacteristics = spy_can;
    if (spy_install("spy", &methods, spy_open, NULL) != SQLITE_OK) return 1;
    printf("powercut_store: seed %lld\n", (long long)seed);
    fflush(stdout);
    history.on = true;
    TestDb *t = testdb_new(rooms);
    Err err = ERR_INIT;
    int none = 1 << 21;
    if (store_tx(testdb_store(t), "first", write_tx, &none, &err) < 0 || seal_now(testdb_store(t), &err) < 0)
        die(err.msg);
    _Atomic int next = 0;
    pthread_t thread[THREADS];
    Writer w[2] = {{testdb_store(t), &next, true}, {testdb_store(t), &next, false}};
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&thread[i], NULL, write_on, &w[i > 0]) != 0) die("thread");
    for (int i = 0; i < THREADS; i++) pthread_join(thread[i], NULL);
    testdb_close(t);
    history.on = false;
    spy_uninstall();
    char kept[256];
    snprintf(kept, sizeof kept, "%s/checkpoint.txt", testdb_dir(t));
    unlink(kept); /* of the end, which most of these disks have not come to */
    replay(testdb_dir(t), atomic_load(&next), (int)tears, (unsigned)seed);
    for (size_t i = 0; i < history.n; i++) free(history.event[i].bytes);
    free(history.event);
    testdb_free(t);
    return 0;
}

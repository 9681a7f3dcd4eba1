/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * One byte changed anywhere in the pages of the journal, its seal, or a blob is found: `mutate_store [N]`,
 * default 300, on SQLite's file itself. Whether a change of a page changed content is decided beside the
 * program under test: by a plain read of the four tables. What is no change of content (free space in a page,
 * an index) is counted apart.
 */
#include "store/seal.h"

#include "testdb.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ENTRIES = 420, BLOBS = 8, PAGES_MAX = 4096 };

typedef struct World {
    char dir[160], db[200];
    char blob[BLOBS][BLOB_ID_SIZE];
    uint8_t content[SM3_SIZE];
    int page[PAGES_MAX], n_pages, page_size;
} World;

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "mutate_store: %s\n", what);
    exit(1);
}

static int add_tx(Tx *tx, void *p, Err *err)
{
    char record[16], after[400];
    int n = *(int *)p;
    snprintf(record, sizeof record, "%d", n);
    snprintf(after, sizeof after, "{\"title\":\"第 %d 项\",\"note\":\"%0*d\"}", n, n % 300, n);
    JournalEntry e = {.actor = S("steward"),
                      .entity = S("town"),
                      .record = str_c(record),
                      .op = S("insert"),
                      .after = str_c(after)};
    return journal_add(tx, &e, err);
}

static void fill(Store *s, World *w)
{
    Err err = ERR_INIT;
    int id;
    for (int i = 0; i < ENTRIES; i++) {
        if (store_tx(s, "add", add_tx, &i, &err) < 0) die(err.msg);
        if (i % 100 == 50 && seal_now(s, &err) < 0) die(err.msg);
        if (i == 200 && seal_rotate(s, &id, &err) < 0) die(err.msg);
    }
    if (seal_now(s, &err) < 0) die(err.msg);
    for (int i = 0; i < BLOBS; i++) {
        BlobWriter *b;
        char text[2000];
        memset(text, 'a' + i, sizeof text);
        if (blob_begin(s, &b, &err) < 0 || blob_write(b, str_n(text, (size_t)(i + 1) * 200), &err) < 0 ||
            blob_commit(b, w->blob[i], NULL, &err) < 0)
            die(err.msg);
    }
}

/* Every value of the four tables, with its length; false when the file cannot be read through. */
static bool content(const World *w, uint8_t ret[SM3_SIZE])
{
    static const char *const tables[] = {"journal", "journal_node", "journal_checkpoint", "seal_key"};
    char sql[64];
    sqlite3 *db;
    sqlite3_stmt *stmt;
    int rc = SQLITE_OK;
    _cleanup_sm3_ Sm3 *h = sm3_new();
    if (sqlite3_open_v2(w->db, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK) return sqlite3_close(db), false;
    for (int i = 0; i < 4; i++) {
        snprintf(sql, sizeof sql, "select * from %s order by 1, 2", tables[i]);
        rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
        while (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
            rc = SQLITE_OK;
            for (int c = 0; c < sqlite3_column_count(stmt); c++) {
                const char *p = (const char *)sqlite3_column_text(stmt, c);
                int n = sqlite3_column_bytes(stmt, c);
                sm3_add(h, str_n((const char *)&n, sizeof n));
                sm3_add(h, str_n(p ? p : "", p ? (size_t)n : 0));
            }
        }
        sqlite3_finalize(stmt);
        if (rc != SQLITE_DONE) break;
    }
    sqlite3_close(db);
    sm3_end(h, ret);
    return rc == SQLITE_DONE;
}

/* The pages of the four tables, from SQLite's own dbstat; where it is not compiled in, all pages. */
static void find_pages(World *w)
{
    sqlite3 *db;
    sqlite3_stmt *stmt;
    if (sqlite3_open_v2(w->db, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK) die("open");
    sqlite3_prepare_v2(db, "select page_size, page_count from pragma_page_size, pragma_page_count", -1, &stmt,
                       NULL);
    if (sqlite3_step(stmt) != SQLITE_ROW) die("pages");
    w->page_size = sqlite3_column_int(stmt, 0);
    int all = sqlite3_column_int(stmt, 1);
    sqlite3_finalize(stmt);
    if (sqlite3_prepare_v2(db,
                           "select pageno from dbstat where name in "
                           "('journal','journal_node','journal_checkpoint','seal_key')",
                           -1, &stmt, NULL) == SQLITE_OK)
        while (sqlite3_step(stmt) == SQLITE_ROW && w->n_pages < PAGES_MAX)
            w->page[w->n_pages++] = sqlite3_column_int(stmt, 0);
    sqlite3_finalize(stmt);
    for (int i = 1; !w->n_pages && i <= all && i < PAGES_MAX; i++) w->page[w->n_pages++] = i;
    sqlite3_close(db);
}

/* Opens the city as `verify` does and checks it; true when it is found whole. */
static bool whole(const World *w)
{
    Store *s;
    Err err = ERR_INIT;
    Sealed sealed;
    const StoreOptions o = {.dir = w->dir};
    if (store_open(&o, &s, &err) < 0) return false;
    bool ok = seal_verify(s, NULL, 0, &sealed, &err) == 0;
    for (int i = 0; ok && i < BLOBS; i++) ok = blob_verify(s, w->blob[i], &err) == 0;
    store_free(s);
    return ok;
}

static uint8_t swap(const char *path, off_t at, uint8_t with)
{
    uint8_t was;
    int fd = open(path, O_RDWR);
    if (fd < 0 || pread(fd, &was, 1, at) != 1 || pwrite(fd, &with, 1, at) != 1) die(path);
    close(fd);
    return was;
}

static uint8_t byte_at(const char *path, off_t at)
{
    uint8_t was = 0;
    int fd = open(path, O_RDONLY);
    if (fd < 0 || pread(fd, &was, 1, at) != 1) die(path);
    close(fd);
    return was;
}

typedef struct Count {
    int content, idle, blobs;
} Count;

static void one(const World *w, unsigned *seed, Count *count)
{
    char path[320];
    off_t at;
    uint8_t now[SM3_SIZE];
    bool blob = rand_r(seed) % 20 == 0;
    if (blob) {
        struct stat st;
        const char *id = w->blob[rand_r(seed) % BLOBS];
        snprintf(path, sizeof path, "%s/blobs/%.2s/%s", w->dir, id, id + 2);
        if (stat(path, &st) != 0) die(path);
        at = rand_r(seed) % st.st_size;
    } else {
        snprintf(path, sizeof path, "%s", w->db);
        at = (off_t)(w->page[rand_r(seed) % w->n_pages] - 1) * w->page_size + rand_r(seed) % w->page_size;
    }
    uint8_t was = byte_at(path, at), with = (uint8_t)(was ^ (1 + rand_r(seed) % 255));
    swap(path, at, with);
    bool changed = blob || !content(w, now) || memcmp(now, w->content, SM3_SIZE) != 0;
    if (changed && whole(w)) {
        fprintf(stderr, "mutate_store: byte %lld of %s, %02x to %02x: not found\n", (long long)at, path, was,
                with);
        exit(1);
    }
    count->blobs += blob;
    count->content += changed && !blob;
    count->idle += !changed;
    swap(path, at, was);
}

int main(int argc, char **argv)
{
    int64_t rounds = 300;
    if (argc > 1 && (!str_int(str_c(argv[1]), &rounds) || rounds < 1)) die("usage: mutate_store [N]");
    if (testdb_is_postgres()) return 77;
    World w = {0};
    Count count = {0};
    TestDb *t = testdb_new(NULL);
    snprintf(w.dir, sizeof w.dir, "%s", testdb_dir(t));
    snprintf(w.db, sizeof w.db, "%s/city.db", w.dir);
    fill(testdb_store(t), &w);
    testdb_close(t);
    find_pages(&w);
    if (!content(&w, w.content) || !whole(&w)) die("not whole before the first change");
    int64_t given = getpid();
    if (getenv("SEED") && !str_int(str_c(getenv("SEED")), &given)) die("SEED is a number");
    unsigned seed = (unsigned)given;
    printf("mutate_store: seed %u, %d pages\n", seed, w.n_pages);
    fflush(stdout);
    for (int64_t i = 0; i < rounds; i++) one(&w, &seed, &count);
    if (!whole(&w)) die("not whole after the last change was taken back");
    printf("mutate_store: %lld changes: %d of content and %d of files, each found; %d where nothing stood\n",
           (long long)rounds, count.content, count.blobs, count.idle);
    testdb_free(t);
    return count.content && count.blobs ? 0 : 1;
}

/* SPDX-License-Identifier: MulanPSL-2.0 */
#include "testdb.h"

#include <ftw.h>
#include <libpq-fe.h>
#include <sqlite3.h>
#include <unistd.h>

struct TestDb {
    Store *store;
    char dir[128], second[160], schema[32];
    char *url;
};

static _Noreturn void die(const char *what, const char *why)
{
    fprintf(stderr, "testdb: %s: %s\n", what, why);
    exit(1);
}

bool testdb_is_postgres(void)
{
    const char *db = getenv("CHENGSHU_TEST_DB");
    return db && strcmp(db, "postgres") == 0;
}

static void server(const char *sql)
{
    const char *url = getenv("CHENGSHU_TEST_PG");
    PGconn *pq = PQconnectdb(url);
    if (PQstatus(pq) != CONNECTION_OK) die("connect", PQerrorMessage(pq));
    PGresult *res = PQexec(pq, "set client_min_messages=error; set lock_timeout='10s'");
    PQclear(res);
    res = PQexec(pq, sql);
    ExecStatusType st = PQresultStatus(res);
    if (st != PGRES_COMMAND_OK && st != PGRES_TUPLES_OK) die(sql, PQresultErrorMessage(res));
    PQclear(res);
    PQfinish(pq);
}

static char *make_url(TestDb *t)
{
    const char *base = getenv("CHENGSHU_TEST_PG");
    if (!base || !*base) {
        fprintf(stderr, "testdb: CHENGSHU_TEST_PG is not set, skipped\n");
        exit(77);
    }
    char sql[160];
    static int n; /* one test program, one thread making databases */
    snprintf(t->schema, sizeof t->schema, "t_%ld_%d", (long)getpid(), ++n);
    snprintf(sql, sizeof sql, "drop schema if exists %s cascade; create schema %s", t->schema, t->schema);
    server(sql);
    size_t size = strlen(base) + 128;
    char *url = xmalloc(size);
    /* the name tells this test's connections from those of the tests beside it */
    snprintf(url, size, "%s%capplication_name=%s&options=-csearch_path%%3D%s", base,
             strchr(base, '?') ? '&' : '?', t->schema, t->schema);
    return url;
}

static Store *open_store(const char *dir, const char *url)
{
    Store *s;
    Err err = ERR_INIT;
    const StoreOptions o = {.dir = dir, .url = url, .lock = true};
    if (store_open(&o, &s, &err) < 0) die("store_open", err.msg);
    return s;
}

TestDb *testdb_new(const Room *const *rooms)
{
    TestDb *t = xcalloc(1, sizeof *t);
    const char *tmp = getenv("TMPDIR");
    if (testdb_is_postgres()) t->url = make_url(t); /* first: it may skip the test */
    snprintf(t->dir, sizeof t->dir, "%.80s/chengshu-test-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(t->dir)) die("mkdtemp", t->dir);
    t->store = open_store(t->dir, t->url);
    Err err = ERR_INIT;
    const Room *own[] = {&store_room, NULL};
    if (store_migrate(t->store, own, NULL, &err) < 0) die("migrate", err.msg);
    if (rooms && store_migrate(t->store, rooms, NULL, &err) < 0) die("migrate", err.msg);
    return t;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st;
    (void)kind;
    (void)ftw;
    return remove(path);
}

static void remove_tree(const char *dir)
{
    if (dir[0]) nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void testdb_free(TestDb *t)
{
    if (!t) return;
    store_free(t->store);
    remove_tree(t->dir);
    remove_tree(t->second);
    if (t->schema[0]) {
        char sql[160];
        snprintf(sql, sizeof sql, "drop schema %s cascade", t->schema);
        server(sql);
    }
    free(t->url);
    free(t);
}

Store *testdb_store(TestDb *t) { return t->store; }
const char *testdb_dir(const TestDb *t) { return t->dir; }
const char *testdb_url(const TestDb *t) { return t->url; }

void testdb_close(TestDb *t)
{
    store_free(t->store);
    t->store = NULL;
}

Store *testdb_reopen(TestDb *t)
{
    testdb_close(t);
    return t->store = open_store(t->dir, t->url);
}

Store *testdb_second(TestDb *t)
{
    snprintf(t->second, sizeof t->second, "%s-second", t->dir);
    return open_store(t->second, t->url);
}

void testdb_raw(TestDb *t, const char *sql)
{
    if (t->url) {
        size_t size = strlen(sql) + 128;
        char *text = xmalloc(size);
        snprintf(text, size, "set search_path=%s; %s", t->schema, sql);
        server(text);
        free(text);
        return;
    }
    char path[160];
    sqlite3 *db;
    snprintf(path, sizeof path, "%s/city.db", t->dir);
    if (sqlite3_open(path, &db) != SQLITE_OK) die("sqlite3_open", path);
    sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_busy_timeout(db, 5000);
    char *why = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK) die(sql, why);
    sqlite3_close(db);
}

int testdb_setup(void **state)
{
    *state = testdb_new(NULL);
    return 0;
}

int testdb_teardown(void **state)
{
    testdb_free(*state);
    return 0;
}

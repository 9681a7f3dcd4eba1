/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/*
 * A fresh database for a test, on what CHENGSHU_TEST_DB names: sqlite (default), or postgres: then
 * CHENGSHU_TEST_PG holds the URL of a server on which a schema of the test's own is made, and dropped at the
 * end. Without that URL the test is skipped (exit 77). Any failure of the helper itself ends the test program
 * with a message.
 */
#include "store/store.h"

typedef struct TestDb TestDb;

/* New folder, new database, migrated: store_room and the rooms given (NULL-terminated list, or NULL). */
TestDb *testdb_new(const Room *const *rooms);
void testdb_free(TestDb *t);
/* For cmocka: *state is a database of the store's own rooms; and the end of any. */
int testdb_setup(void **state);
int testdb_teardown(void **state);
Store *testdb_store(TestDb *t);
const char *testdb_dir(const TestDb *t);
const char *testdb_url(const TestDb *t); /* for StoreOptions.url */
bool testdb_is_postgres(void);
/* Closes the store; testdb_reopen opens it again (and closes it first if it is open). */
void testdb_close(TestDb *t);
Store *testdb_reopen(TestDb *t);
/* A second server on the same database with a folder of its own (PostgreSQL only); the caller frees it. */
Store *testdb_second(TestDb *t);
/* Runs a script, bypassing the store's own connections: for damage. */
void testdb_raw(TestDb *t, const char *sql);

/* One statement for both databases. */
#define SQL(t) (&(const Sql){"test", {(t), (t)}})

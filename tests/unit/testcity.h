/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/*
 * A fresh city for a test: the packs of a folder under tests/packs, their tables made in a new database (see
 * testdb.h), their data files loaded when asked for. Failures of the helper end the test program.
 */
#include "model/city.h"
#include "model/plan.h"
#include "model/record.h"
#include "testdb.h"

typedef struct TestCity {
    TestDb *db;
    Store *store;
    Model *m;
    Arena *a; /* of the test: results live here */
    Err err;  /* of the last call */
} TestCity;

/* name: folder under tests/packs. load: also the data files, demo ones included. */
TestCity *testcity_new(const char *name, bool load);
void testcity_free(TestCity *c);
/* For cmocka: *state is the loaded city of tests/packs/small; and the end of any. */
int testcity_small(void **state);
int testcity_gone(void **state);
/* Other packs on the same database. `allowed`: names for --allow-data-loss, separated by spaces, or NULL.
   0 or a negative code; ret_steps may be NULL. The model is only replaced on success. */
int testcity_switch(TestCity *c, const char *name, const char *allowed, size_t *ret_steps);
/* What the plan to other packs would be, a line a step: "kind danger text". */
Str testcity_plan(TestCity *c, const char *name);

/* An actor with the grants of roles (separated by spaces) of the packs. */
Actor testcity_actor(TestCity *c, const char *user, const char *roles, const char *org, const char *region);
extern const Actor testcity_system;

/* The answer of a query, or "ERR_CODE pointer hint" with everything in c->err. */
Str testcity_get(TestCity *c, const Actor *who, const char *entity, const char *query);
Str testcity_read(TestCity *c, const Actor *who, const char *entity, const char *query, Format format,
                  ReadResult *ret);
/* Rows of hand-written SQL: values joined by |, rows by newline. */
Str testcity_sql(TestCity *c, const char *sql);
/* Writes one record given as JSON. 0 or a negative code. ret_id may be NULL. */
int testcity_insert(TestCity *c, const Actor *who, const char *entity, const char *json, Str *ret_id);
int testcity_update(TestCity *c, const Actor *who, const char *entity, const char *id, const char *json,
                    int64_t if_rev, bool *ret_changed);
int testcity_delete(TestCity *c, const Actor *who, const char *entity, const char *id, int64_t if_rev);
/* on: field names separated by commas; ret_did as record_upsert. */
int testcity_upsert(TestCity *c, const Actor *who, const char *entity, const char *json, const char *on,
                    Conflict how, Str *ret_id, char *ret_did);
/* Newest entries of one record, "op actor before after" a line, oldest first. */
Str testcity_journal(TestCity *c, const char *entity, const char *id);

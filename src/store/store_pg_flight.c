/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * Commands on their way to PostgreSQL. A command whose answer nobody waits for is only posted: it leaves with
 * the next one that is asked, in one flight (libpq's pipeline mode: all of them and one Sync), and its error
 * shows there. BEGIN, the time limit, savepoints and journal entries are such commands: without them waiting
 * for each other a short transaction takes a third of the time. In an explicit transaction the statements of
 * a flight behave as if they had come one by one; after an error the rest of the flight is passed over.
 */
#include "store/store_pg.h"

static bool flying(const PgConn *c) { return PQpipelineStatus(c->pq) != PQ_PIPELINE_OFF; }

/* Two ends of commands in a row: there is nothing more to come. */
void pg_pass(PgConn *c)
{
    const bool piped = flying(c);
    int ends = 0;
    while (ends < (piped ? 2 : 1)) {
        PGresult *res = pg_result(c);
        ends = res ? 0 : ends + 1;
        bool sync = PQresultStatus(res) == PGRES_PIPELINE_SYNC;
        PQclear(res);
        if (sync) break;
    }
    c->posted = 0;
    if (piped) PQexitPipelineMode(c->pq);
}

int pg_land(PgConn *c, Tx *tx, Err *err)
{
    PGresult *res;
    int e = 0, ends = 0;
    const bool piped = flying(c);
    while (ends < (piped ? 2 : 1)) {
        if (!(res = pg_result(c))) {
            ends++;
            continue;
        }
        ends = 0;
        ExecStatusType st = PQresultStatus(res);
        if (st == PGRES_FATAL_ERROR && !e) e = pg_error(c, tx, res, NULL, err);
        PQclear(res);
        if (st == PGRES_PIPELINE_SYNC) break;
    }
    if (piped) PQexitPipelineMode(c->pq);
    return e;
}

/* The answers of what was posted; after an error the rest of the flight is passed over. */
static int take_posted(PgConn *c, Tx *tx, Err *err)
{
    while (c->posted > 0) {
        PGresult *res = pg_result(c);
        ExecStatusType st = PQresultStatus(res);
        if (st != PGRES_COMMAND_OK && st != PGRES_TUPLES_OK) {
            int e = pg_error(c, tx, res, NULL, err);
            PQclear(res);
            pg_pass(c);
            return e;
        }
        PQclear(res);
        while ((res = pg_result(c))) PQclear(res);
        c->posted--;
        if (tx) tx->opened = true; /* BEGIN goes first */
    }
    return 0;
}

static bool sync_flight(PgConn *c)
{
    PG_WAITS(&c->line); /* a full socket is waited for, too */
    return PQpipelineSync(c->pq);
}

static bool send_it(PgConn *c, const char *name, const PgArgs *a)
{
    PG_WAITS(&c->line);
    return PQsendQueryPrepared(c->pq, name, a->n, a->values, a->lengths, a->formats, 0);
}

int pg_settle(PgConn *c, Tx *tx, Err *err)
{
    pg_idle(c);
    if (!flying(c)) return 0;
    if (!sync_flight(c)) {
        int e = pg_error(c, tx, NULL, NULL, err);
        pg_pass(c);
        return e;
    }
    TRY(take_posted(c, tx, err));
    return pg_land(c, tx, err);
}

static int statement(PgConn *c, Tx *tx, const PgText *t, const char **ret, Err *err)
{
    if ((*ret = pg_known(c, t->text))) return 0;
    TRY(pg_settle(c, tx, err)); /* preparing waits for its answer */
    return pg_prepared(c, tx, t->name, t->text, ret, err);
}

int pg_post(PgConn *c, Tx *tx, const PgText *t, const Val *args, size_t n, Err *err)
{
    const char *name;
    PgArgs a;
    pg_idle(c);
    TRY(statement(c, tx, t, &name, err));
    TRY(pg_args(c, args, n, &a, err));
    if ((!flying(c) && !PQenterPipelineMode(c->pq)) || !send_it(c, name, &a))
        return pg_error(c, tx, NULL, t->text, err);
    c->posted++;
    return 0;
}

/* The commit that goes with the only statement of a read; its answer is taken by pg_land. */
static int post_end(PgConn *c, Tx *tx, Err *err)
{
    if (!send_it(c, pg_known(c, pg_commit.text), &(PgArgs){0})) return pg_error(c, tx, NULL, NULL, err);
    tx->ended = true;
    return 0;
}

int pg_ask(PgConn *c, Tx *tx, const PgText *t, const Val *args, size_t n, bool single, PGresult **ret,
           Err *err)
{
    const char *name, *commit;
    PgArgs a;
    const bool lone = tx && tx->lone && !tx->ended;
    pg_idle(c);
    if (lone && !pg_known(c, pg_commit.text)) TRY(statement(c, tx, &pg_commit, &commit, err));
    TRY(statement(c, tx, t, &name, err));
    TRY(pg_args(c, args, n, &a, err));
    if (!send_it(c, name, &a)) return pg_error(c, tx, NULL, t->text, err);
    if (flying(c)) {
        if (lone) TRY(post_end(c, tx, err));
        if (!sync_flight(c)) return pg_error(c, tx, NULL, t->text, err);
    }
    TRY(take_posted(c, tx, err));
    if (single) PQsetSingleRowMode(c->pq);
    PGresult *res = pg_result(c);
    ExecStatusType st = PQresultStatus(res);
    if (st == PGRES_SINGLE_TUPLE || st == PGRES_TUPLES_OK || st == PGRES_COMMAND_OK) {
        *ret = res;
        return 0;
    }
    int e = pg_error(c, tx, res, t->text, err);
    PQclear(res);
    pg_pass(c); /* what follows an error is no news */
    return e;
}

void pg_depart(PgConn *c)
{
    const char *name = pg_known(c, pg_commit.text);
    c->departed = !flying(c) && name && send_it(c, name, &(PgArgs){0}) && PQflush(c->pq) >= 0;
}

void pg_arrive(PgConn *c)
{
    PGresult *res;
    if (!c->departed) return;
    while ((res = pg_result(c))) PQclear(res);
    c->departed = false;
}

void pg_abandon(PgConn *c)
{
    pg_idle(c);
    if (!flying(c)) return;
    sync_flight(c);
    pg_pass(c);
}

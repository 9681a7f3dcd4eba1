/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * Sessions grow old: 30 minutes without use or 12 hours in all end them, and the token in a browser's cookie
 * is exchanged every hour and after a change of rights. The exchange loses nobody: the successor is a keyed
 * digest of the token, first written to the database, then handed out, and takes over when it is used for the
 * first time; the predecessor counts for another minute, for requests that were on their way. A program's
 * bearer token stays as it is. No request waits for these writes.
 */
#include "people/people_int.h"

#include "base/clock.h"
#include "base/sm.h"
#include "people_sql.h"

typedef struct Upkeep {
    Store *store;
    const Sql *sql;
    char a[SM3_HEX_SIZE], b[SM3_HEX_SIZE];
    int64_t x, y;
    int n; /* parameters: 2 = (a, x), 3 = (a, x, y), -2 = (a, b) */
} Upkeep;

static int upkeep_tx(Tx *tx, void *p, Err *err)
{
    const Upkeep *u = p;
    Val args[3] = {V_TEXT(str_c(u->a)), u->n < 0 ? V_TEXT(str_c(u->b)) : V_INT(u->x), V_INT(u->y)};
    return tx_exec(tx, u->sql, args, u->n < 0 ? 2 : (size_t)u->n, NULL, err);
}

/* Errors are the store's to log; the next request tries again. */
static void upkeep_run(void *p)
{
    Upkeep *u = p;
    Err err = ERR_INIT;
    if (store_tx(u->store, "session upkeep", upkeep_tx, u, &err) < 0) u->store = NULL;
    free(u);
}

static void later(City *c, Upkeep u)
{
    Upkeep *job = xcalloc(1, sizeof *job);
    *job = u;
    job->store = c->store;
    if (!people_later(c, upkeep_run, job)) free(job);
}

static void set(char ret[SM3_HEX_SIZE], Str s) { snprintf(ret, SM3_HEX_SIZE, STR_FMT, STR_ARG(s)); }

void session_upkeep(Request *rq, const SessionRow *s, Str token, Str digest)
{
    int64_t now = clock_now_us();
    City *c = rq->city;
    if (!c->people) return;
    if (now - s->last_at > TOUCH_US) {
        Upkeep u = {.sql = &sql_people_session_touch, .x = now, .n = 2};
        set(u.a, s->id);
        later(c, u);
    }
    if (s->which == SESSION_NEXT) {
        Upkeep u = {.sql = &sql_people_session_promote, .x = now, .y = now + OLD_US, .n = 3};
        set(u.a, digest);
        later(c, u);
    }
    bool cookie = !rq->header(rq, "Authorization").n;
    if (s->which != SESSION_CURRENT || !cookie || now - s->rotated_at < ROTATE_US) return;
    Str next = people_successor(c, rq->arena, token);
    if (s->has_next) {
        session_cookie(rq, next);
        return;
    }
    Upkeep u = {.sql = &sql_people_session_prepare, .n = -2};
    set(u.a, s->id);
    sm3_hex(next, u.b);
    later(c, u);
}

/* --- one's own, and another's --- */

int sessions_get(Request *rq, Err *err)
{
    static const ColKind kinds[] = {COL_TEXT, COL_TEXT, COL_TEXT, COL_TIME, COL_TIME, COL_TIME, COL_BOOL};
    return list_answer(rq, &sql_people_session_list, VALS(V_TEXT(rq->who->user), V_TEXT(rq->who->session)),
                       kinds, err);
}

typedef struct EndOf {
    Request *rq;
    Str user, id; /* id empty = all */
} EndOf;

static int end_tx(Tx *tx, void *p, Err *err)
{
    const EndOf *e = p;
    Deed d = deed_of(e->rq, tx);
    int64_t n;
    if (e->id.n)
        TRY(tx_exec(tx, &sql_people_session_drop_id, VALS(V_TEXT(e->user), V_TEXT(e->id)), &n, err));
    else {
        TRY(user_exists(&d, e->user, "user", err));
        TRY(tx_exec(tx, &sql_people_session_drop_all, VALS(V_TEXT(e->user)), &n, err));
    }
    if (e->id.n && !n) return err_set(err, ERR_NOT_FOUND, "没有这个会话，可能已经结束");
    const Fact before[] = {{"sessions", str_fmt(d.a, "%lld", (long long)n)}, {0}};
    return note(&d, "people_session", e->user, "delete", before, NULL, err);
}

static int end(Request *rq, Str user, Str id, Err *err)
{
    EndOf e = {rq, user, id};
    TRY(store_tx(rq->city->store, "end sessions", end_tx, &e, err));
    rq->status = 204;
    return 0;
}

int session_end(Request *rq, Err *err) { return end(rq, rq->who->user, rq->params[0], err); }
int sessions_end(Request *rq, Err *err) { return end(rq, rq->who->user, S(""), err); }
int user_sessions_end(Request *rq, Err *err) { return end(rq, rq->params[0], S(""), err); }

/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/* Shared by the files of the PostgreSQL driver. */
#include "store/store_int.h"

#include <libpq-fe.h>

enum { PG_FETCH = 500, PG_RETRY_MAX = 8, PG_RETRY_ALONE = 4 };

/* SQLSTATE as a number, to switch on. */
#define SQLSTATE(a, b, c, d, e) (((((a)*43 + (b)) * 43 + (c)) * 43 + (d)) * 43 + (e))

typedef struct PgConn {
    PGconn *pq;
    Store *store;
    StmtCache cache;
    Rows *streaming; /* its rows are still on the wire: pg_idle takes them in before another command */
    unsigned names;  /* of statements and cursors given so far */
    bool stale;      /* prepared plans do not fit the tables any more */
    bool standby;    /* the server takes no writes (any more): as good as broken */
    char *args;      /* scratch of one call's parameters */
    size_t args_cap;
    struct PgConn *next;
} PgConn;

typedef struct PgListen PgListen;

/* Names of transactions that read the journal after another statement; see pg_horizon. */
enum { PG_LEARNED_MAX = 64 };

typedef struct PgPool {
    pthread_mutex_t mutex;
    pthread_cond_t freed;
    PgConn *idle; /* last used first, so that few connections stay warm */
    int open;
    _Atomic(const char *) learned[PG_LEARNED_MAX];
    PgListen *listen;
    /* Writers share it; one that has lost PG_RETRY_ALONE conflicts takes it alone, so that nobody of this
       server is in its way: under load SERIALIZABLE sees conflicts where there are none (it watches whole
       pages). */
    pthread_rwlock_t gate;
} PgPool;

/* --- store_pg_pool.c --------------------------------------------------------------------------------- */
int pg_connect(Store *s, PGconn **ret, Err *err) CHECKED;
int pg_take(Store *s, PgConn **ret, Err *err) CHECKED;
void pg_give(PgConn *c); /* a broken one is closed */
bool pg_broken(const PgConn *c);
int pg_pool_open(Store *s, Err *err) CHECKED;
void pg_pool_close(Store *s);
/* Name of the prepared statement of a text, prepared on first use. tx may be NULL. */
int pg_prepared(PgConn *c, Tx *tx, const char *name, const char *text, const char **ret, Err *err) CHECKED;

/* --- store_pg_error.c -------------------------------------------------------------------------------- */
/* Fills err from a result (or, when NULL, the connection); marks tx (may be NULL) for a retry when that
 * helps. */
int pg_error(PgConn *c, Tx *tx, const PGresult *res, const char *text, Err *err);

/* --- store_pg_rows.c --------------------------------------------------------------------------------- */
int pg_query(Tx *tx, Rows *r, const Sql *sql, const Val *args, size_t n, bool cursor, Err *err) CHECKED;
int pg_next(Rows *r, Err *err) CHECKED;
Val pg_val(const Rows *r, int col);
void pg_done(Rows *r);
/* Takes what a streaming query still has on the wire into memory, so that the connection is free. */
void pg_idle(PgConn *c);

/* --- store_pg.c -------------------------------------------------------------------------------------- */
/* Ready for a command: BEGIN sent, connection idle. */
int pg_ready(Tx *tx, Err *err) CHECKED;
int pg_command(PgConn *c, Tx *tx, const char *text, Err *err) CHECKED;

typedef struct PgArgs {
    int n;
    const char **values;
    int *lengths, *formats;
} PgArgs;
/* Parameters as libpq wants them, in the connection's scratch memory, valid until the next call. */
int pg_args(PgConn *c, const Val *args, size_t n, PgArgs *ret, Err *err) CHECKED;

/* --- store_pg_listen.c ------------------------------------------------------------------------------- */
int pg_listen_start(Store *s, PgListen **ret, Err *err) CHECKED;
void pg_listen_stop(PgListen *l);
void pg_listen_changed(PgListen *l); /* a transaction of ours changed the journal */

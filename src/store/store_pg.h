/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/* Shared by the files of the PostgreSQL driver. */
#include "store/store_int.h"

#include <libpq-fe.h>

enum { PG_FETCH = 500, PG_RETRY_MAX = 8, PG_RETRY_ALONE = 4 };

/* SQLSTATE as a number, to switch on. */
#define SQLSTATE(a, b, c, d, e) (((((a)*43 + (b)) * 43 + (c)) * 43 + (d)) * 43 + (e))

/* --- store_pg_guard.c: how long an answer is waited for ---------------------------------------------- */
typedef struct PgGuard PgGuard;

enum { PG_SERVER_SIZE = 40 };

typedef struct PgLine {
    PgGuard *guard;
    int fd, pid;
    char server[PG_SERVER_SIZE]; /* when it started, which tells it from any other */
    atomic_int patience_ms;      /* of the present transaction; 0 = without end */
    _Atomic int64_t since_ns;    /* somebody waits since then; 0 = nobody */
    atomic_bool idle;            /* in nobody's hands */
    bool shut;                   /* the guard's */
    struct PgLine *next, *prev;
} PgLine;

int pg_guard_start(int answer_ms, PgGuard **ret, Err *err) CHECKED; /* *ret is set in any case */
void pg_guard_stop(PgGuard *g);                                     /* when no line is open any more */
void pg_line_open(PgGuard *g, PgLine *l, PGconn *pq, int patience_ms);
/* Learns who is at the other end, and ends there what earlier lines have left behind. */
void pg_line_meet(PgLine *l, PGconn *pq);
void pg_line_close(PgLine *l); /* before PQfinish */
PgLine *pg_wait(PgLine *l);
void pg_waited(PgLine **l);
/* From here to the end of the block the line waits for the server. Blocks do not nest. */
#define PG_WAITS(l) __attribute__((cleanup(pg_waited))) PgLine *waits_ __attribute__((unused)) = pg_wait(l)

typedef struct PgConn {
    PGconn *pq;
    PgLine line;
    Store *store;
    StmtCache cache;
    Rows *streaming; /* its rows are still on the wire: pg_idle takes them in before another command */
    unsigned names;  /* of statements and cursors given so far */
    bool stale;      /* prepared plans do not fit the tables any more */
    bool standby;    /* the server takes no writes (any more): as good as broken */
    int posted;      /* commands of the flight whose answers were not taken */
    bool departed;   /* a read's commit was sent, its answer not taken */
    char *args;      /* scratch of one call's parameters */
    size_t args_cap;
    struct PgConn *next;
} PgConn;

typedef struct PgListen PgListen;

/* What is learned of the transactions of one name. */
typedef struct PgKind {
    _Atomic(const char *) name;
    atomic_bool horizon; /* asks for the journal's horizon after another statement; see pg_horizon */
    atomic_int lone;     /* how often a read had one statement; -1: it can have more */
} PgKind;

enum { PG_KINDS = 256, PG_LONE_AFTER = 4 };

typedef struct PgPool {
    pthread_mutex_t mutex;
    pthread_cond_t freed;
    PgConn *idle; /* last used first, so that few connections stay warm */
    int open;
    PgKind kinds[PG_KINDS];
    PgListen *listen;
    PgGuard *guard;
    /* Writers share it; one that has lost PG_RETRY_ALONE conflicts takes it alone, so that nobody of this
       server is in its way: under load SERIALIZABLE sees conflicts where there are none (it watches whole
       pages). */
    pthread_rwlock_t gate;
} PgPool;

/* --- store_pg_pool.c --------------------------------------------------------------------------------- */
/* The line is open then. */
int pg_connect(Store *s, PgLine *line, PGconn **ret, Err *err) CHECKED;
void pg_disconnect(PgLine *line, PGconn *pq);
/* patience_ms: how long each answer is waited for; 0 = without end. */
int pg_take(Store *s, int patience_ms, PgConn **ret, Err *err) CHECKED;
void pg_give(PgConn *c); /* a broken one is closed */
bool pg_broken(const PgConn *c);
PGresult *pg_result(PgConn *c);                      /* PQgetResult, looked after by the guard */
PGresult *pg_exec_text(PgConn *c, const char *text); /* PQexec */
int pg_pool_open(Store *s, Err *err) CHECKED;
void pg_pool_close(Store *s);
/* Name of the prepared statement of a text, prepared on first use. tx may be NULL. */
int pg_prepared(PgConn *c, Tx *tx, const char *name, const char *text, const char **ret, Err *err) CHECKED;
const char *pg_known(PgConn *c, const char *text); /* NULL when it is not prepared here yet */

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

/* --- store_pg_flight.c ------------------------------------------------------------------------------- */
typedef struct PgText {
    const char *name, *text;
} PgText;

extern const PgText pg_commit;

/* Sends a command that leaves with the next one; its error shows there. tx may be NULL, here and below. */
int pg_post(PgConn *c, Tx *tx, const PgText *t, const Val *args, size_t n, Err *err) CHECKED;
/* Sends a command with all that is posted, and waits for its first result (single: a row at a time). When it
   succeeds, pg_land must follow once the caller has read the rows. */
int pg_ask(PgConn *c, Tx *tx, const PgText *t, const Val *args, size_t n, bool single, PGresult **ret,
           Err *err) CHECKED;
/* Takes what follows in the flight; an error in it has ended the transaction, so it is told. */
int pg_land(PgConn *c, Tx *tx, Err *err) CHECKED;
/* Sends what is posted and takes the answers: the connection is free for any command. */
int pg_settle(PgConn *c, Tx *tx, Err *err) CHECKED;
/* Takes what follows in the flight, of which nothing matters any more. */
void pg_pass(PgConn *c);
void pg_abandon(PgConn *c); /* the same of what is only posted */
/* Sends a read's commit without waiting; pg_arrive takes its answer when the connection is wanted again. */
void pg_depart(PgConn *c);
void pg_arrive(PgConn *c);

/* --- store_pg.c -------------------------------------------------------------------------------------- */
/* BEGIN is on its way, if it is not sent yet. */
int pg_begin(Tx *tx, Err *err) CHECKED;
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

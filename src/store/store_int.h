/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/*
 * Shared inside the store room: what a driver is, what a Store, a Tx and a Rows hold. store.c owns the rules
 * that are the same on both databases (a failed transaction stays failed, rows end with their transaction,
 * slow statements are logged); a driver only talks to its database.
 */
#include "store/store.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    STORE_ARGS_MAX = 32000,        /* parameters of one statement */
    STORE_SLOW_MS = 200,           /* a statement above it is logged */
    STORE_CACHE_MAX = 256,         /* prepared statements kept per connection */
    STORE_WAIT_MS = 10000,         /* waiting for a free connection */
    STORE_READ_TIMEOUT_MS = 30000, /* default for one statement of a read */
    STORE_ANSWER_MS = 45000,       /* default; whoever waits in front of us mostly waits 60 s */
};

typedef enum SaveStep { SAVE_BEGIN, SAVE_RELEASE, SAVE_ROLLBACK } SaveStep;

typedef struct Driver {
    int (*open)(Store *s, Err *err);
    void (*close)(Store *s); /* also of a half-open store */
    int (*write)(Store *s, const char *name, bool alter, TxFn fn, void *ctx, Err *err);
    int (*read)(Store *s, const char *name, int limit_ms, TxFn fn, void *ctx, Err *err); /* 0 = no limit */
    /* ret_changes NULL: its error may show only with a later statement, or the commit. */
    int (*exec)(Tx *tx, const Sql *sql, const Val *args, size_t n, int64_t *ret_changes, Err *err);
    int (*script)(Tx *tx, const char *sql, Err *err);
    int (*prepare)(Tx *tx, const Sql *sql, Err *err);
    /* Runs the query up to its first row, so that its errors show here; fills r->impl, r->n, r->names.
       `cursor`: memory must stay flat even when other statements run between the rows. */
    int (*query)(Tx *tx, Rows *r, const Sql *sql, const Val *args, size_t n, bool cursor, Err *err);
    int (*next)(Rows *r, Err *err);
    Val (*val)(const Rows *r, int col);
    void (*done)(Rows *r);
    int (*save)(Tx *tx, SaveStep step, Err *err); /* savepoint number tx->depth */
    int (*journal_seq)(Tx *tx, int64_t *ret, Err *err);
    int (*horizon)(Tx *tx, int64_t *ret, Err *err);
    int (*limit)(Tx *tx, int ms, Err *err); /* see tx_limit */
} Driver;

extern const Driver store_sqlite, store_pg;

typedef struct Watch {
    int id;
    void (*fn)(void *);
    void *ctx;
    struct Watch *next;
} Watch;

struct Store {
    const Driver *driver;
    Dialect dialect;
    char *dir, *url;
    int readers, read_timeout_ms, answer_ms;
    pthread_mutex_t lock_mutex; /* guards lock_fd */
    int lock_fd;                /* -1 = the folder is not locked by us */
    void *db;                   /* the driver's own */
    pthread_mutex_t watch_mutex;
    Watch *watches;
    int watch_id;
    struct {
        _Atomic int64_t commits, transactions, largest_group, retries, slow_queries, statements_cached;
        _Atomic int64_t sealed, checkpoints, failed_writes, renewals;
        _Atomic int write_trouble; /* ErrCode */
        _Atomic bool unsealable;
    } count;
};

struct Tx {
    Store *store;
    const char *name;
    void *conn; /* the driver's connection */
    bool write;
    bool failed;     /* a statement failed outside a savepoint that was rolled back: nothing more runs */
    bool retry;      /* the database asks for the whole transaction again */
    bool journalled; /* the journal was written: watchers are called after the commit */
    bool began;      /* PostgreSQL: BEGIN was sent (it is sent with the first statement) */
    bool opened;     /* … and answered */
    bool late;  /* PostgreSQL: asked for what it had to be ready for from the start: run again, being so */
    void *kind; /* PostgreSQL: what is learned of transactions of this name; NULL = nothing */
    bool lone, ended;     /* PostgreSQL: a read of one statement, which its commit goes along with; it did */
    int asks;             /* PostgreSQL: statements of a read so far */
    int patience_ms;      /* PostgreSQL: how long each answer is waited for; 0 = without end */
    int own_ms, limit_ms; /* PostgreSQL: of a statement of a read, 0 = none; set by tx_limit, 0 = own_ms */
    bool seq_held;        /* PostgreSQL: the horizon's advisory lock is held */
    int64_t seqs[64];     /* PostgreSQL: numbers taken ahead by a transaction that writes many entries */
    int seq_n, seq_taken;
    int depth;       /* savepoints in use */
    int64_t horizon; /* -1 = not known */
    bool steady;     /* PostgreSQL: plans are kept, see Sql */
    Rows *rows;      /* open ones, newest first */
    Err first;       /* the error that made it fail */
};

struct Rows {
    Tx *tx; /* NULL once over */
    Arena *arena;
    const char *name; /* of the statement */
    int n;
    const char **names;
    int depth;
    bool on_row;
    int64_t spent_ns;
    Rows *next;
    void *impl;
};

/* Takes the folder's lock if it is not ours yet. ERR_RUNNING. */
int store_lock(Store *s, Err *err) CHECKED;
/* ERR_USAGE when the folder is on a network file system, where SQLite's locks and mapped index cannot be
   relied on. */
int store_fs_check(const char *dir, Err *err) CHECKED;
/* Calls the watchers. */
void store_changed(Store *s);
/* Ends every open rows of the transaction from savepoint depth `depth` up. */
void tx_close_rows(Tx *tx, int depth);
/* What the callback's return value means after all; fills err from tx->first when fn hid a failure. */
int tx_outcome(Tx *tx, int r, Err *err);
int64_t store_now_ns(void);   /* monotonic */
int64_t store_about_ns(void); /* the same to a few milliseconds, for what is asked at every row */
void store_slow(Store *s, const char *statement, int64_t ns);
/* 40-byte RFC 3339 UTC text with microseconds of a point in time. */
void store_time_text(int64_t at_us, char ret[40]);
int64_t store_now_us(void);
/* The table that an insert, update or delete statement writes; empty when it is not one. */
Str store_sql_table(const char *text);

/* --- prepared statements of one connection, by text, least recently used first out ------------------- */

typedef struct CacheItem {
    uint64_t hash, used;
    char *text;
    void *stmt; /* the driver's; NULL = free */
    bool busy;
} CacheItem;

typedef struct StmtCache {
    Store *store;
    void (*drop)(void *conn, void *stmt);
    void *conn;
    uint64_t clock;
    size_t n;
    CacheItem items[STORE_CACHE_MAX];
} StmtCache;

CacheItem *cache_find(StmtCache *c, const char *text); /* NULL when absent; may be busy */
/* Keeps a statement; NULL when every place is busy: the caller drops the statement itself after use. */
CacheItem *cache_keep(StmtCache *c, const char *text, void *stmt);
void cache_clear(StmtCache *c); /* drops all; none may be busy */

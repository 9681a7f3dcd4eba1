/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/*
 * The database door. One small interface, two real drivers: SQLite (default, in the data folder) and
 * PostgreSQL. A Store is shared by all threads; a Tx belongs to the callback it is handed to.
 *
 * SQL uses $1 … $n for parameters on both. Writes go through store_tx only:
 * - SQLite: one writer thread owns the only connection that writes and checkpoints; waiting transactions are
 *   run one after the other, each in its own savepoint, inside one commit (group commit), and answered after
 *   the common fsync. Read transactions use reader connections beside it.
 * - PostgreSQL: a pool; each transaction is SERIALIZABLE and retried when the server asks for it.
 * A callback (of a read, too) may therefore run more than once and on another thread: it touches nothing but
 * the database and memory it resets at its beginning. It starts no other transaction.
 * - A statement that fails makes its transaction fail: every later call in it returns the same error and the
 *   whole is rolled back, unless the statement ran inside tx_nested, which undoes just its part.
 * - Rows end with their transaction, and with the tx_nested they were opened in.
 *
 * Errors: ERR_UNIQUE / ERR_REFERENCE with err->subject = "table.column[,column]" (table alone where SQLite
 * does not tell the column), ERR_BUSY when no connection came free, ERR_IO for disk and connection faults.
 */
#include "base/err.h"

typedef struct Store Store;
typedef struct Tx Tx;
typedef struct Rows Rows;

typedef enum Dialect { DIALECT_SQLITE, DIALECT_POSTGRES, DIALECT_N } Dialect;

/* A statement: SQL text for each database, from queries.sql (tools/sqlgen) or model/'s query builder. */
typedef struct Sql {
    const char *name;
    const char *text[DIALECT_N];
    bool steady; /* its best plan is the same for all values: PostgreSQL keeps one instead of planning anew */
} Sql;

typedef enum ValKind { VAL_NULL, VAL_INT, VAL_REAL, VAL_TEXT, VAL_BLOB } ValKind;

/* A value on its way to or from the database. PostgreSQL's boolean arrives as VAL_INT 0/1; numeric, date,
   time, timestamptz, json arrive as VAL_TEXT (timestamptz as 2025-01-02T03:04:05.000006Z, as SQLite stores
   it). */
typedef struct Val {
    ValKind kind;
    union {
        int64_t i;
        double r;
        Str s; /* VAL_TEXT (UTF-8) and VAL_BLOB; valid until the row is left unless copied */
    };
} Val;

#define V_NULL    ((Val){.kind = VAL_NULL})
#define V_INT(x)  ((Val){.kind = VAL_INT, .i = (x)})
#define V_REAL(x) ((Val){.kind = VAL_REAL, .r = (x)})
#define V_TEXT(x) ((Val){.kind = VAL_TEXT, .s = (x)})
#define V_BLOB(x) ((Val){.kind = VAL_BLOB, .s = (x)})
#define VALS(...) (Val[]){__VA_ARGS__}, sizeof((Val[]){__VA_ARGS__}) / sizeof(Val)

typedef struct StoreOptions {
    const char *dir;     /* data folder; holds city.db (SQLite), blobs/, lock */
    const char *url;     /* NULL or "sqlite", or postgres://… */
    int readers;         /* reader connections (8) / pool size (16); 0 = default */
    int read_timeout_ms; /* one statement of a read: longer gives ERR_TIMEOUT; 0 = 30 s, negative = none */
    int answer_ms; /* PostgreSQL: how long a write waits for each answer, and longer than its limit a read;
                      then the connection counts as broken. 0 = 45 s, negative = without end */
    bool lock; /* take the folder's exclusive lock (serve, init, import …); ERR_RUNNING tells pid. Without it
                  a SQLite store takes the lock at its first write: never two writers on one file */
} StoreOptions;

/* One numbered migration of one room, from its schema.sql (tools/sqlgen). */
typedef struct Migration {
    int number;
    const char *name;
    const char *text[DIALECT_N];
} Migration;

typedef struct Room {
    const char *name;            /* e.g. "store"; key of the migration history */
    const Migration *migrations; /* ascending, last has number 0 */
    const Sql *const *queries;   /* NULL-terminated; a test prepares each on both */
} Room;

/* Opens (makes the folder and database when absent). 0; ERR_RUNNING, ERR_IO. */
int store_open(const StoreOptions *options, Store **ret, Err *err) CHECKED;
void store_free(Store *s); /* waits for running transactions, checkpoints, unlocks */
void store_freep(Store **s);
#define _cleanup_store_ __attribute__((cleanup(store_freep)))
/* Writes the listening address into the lock file, for the error of whoever finds the city running. */
int store_announce(Store *s, const char *address, Err *err) CHECKED;
Dialect store_dialect(const Store *s);
const char *store_dir(const Store *s);
/* A name of the server on a data folder, the same after a restart: for leases that servers share. */
Str store_server(Arena *a, const char *dir);
/* Applies the migrations that are not yet in the history, each in a transaction. ret_applied may be NULL. */
int store_migrate(Store *s, const Room *const *rooms, int *ret_applied, Err *err) CHECKED;

typedef int (*TxFn)(Tx *tx, void *ctx, Err *err);
/* What a callback returns that has done all it wanted, and wants it undone: a trial. store_tx and tx_nested
   then return it, too, and set no error. */
enum { TX_UNDO = 1000 };
/* Write transaction `name` (for logs). Commits when fn returns 0, rolls back otherwise. Durable on return.
   ERR_UNKNOWN: the connection broke in the commit; it may be there. */
int store_tx(Store *s, const char *name, TxFn fn, void *ctx, Err *err) CHECKED;
/* The same for work on tables: alone in its commit, and on SQLite with foreign keys off (a table is rebuilt
   by making a new one, copying, dropping, renaming), all of them checked before the commit. ERR_REFERENCE. */
int store_alter(Store *s, const char *name, TxFn fn, void *ctx, Err *err) CHECKED;
/* Read transaction: one consistent snapshot, on the calling thread. */
int store_read(Store *s, const char *name, TxFn fn, void *ctx, Err *err) CHECKED;
/* The same without the store's limit of time, for what nobody waits for at a screen and what reads whole
   tables: exports, figures, verify. */
int store_read_long(Store *s, const char *name, TxFn fn, void *ctx, Err *err) CHECKED;

Dialect tx_dialect(const Tx *tx);
/* Runs a statement without result rows. ret_changes may be NULL. */
int tx_exec(Tx *tx, const Sql *sql, const Val *args, size_t n, int64_t *ret_changes, Err *err) CHECKED;
/* The same for a statement that does not fail but with the database, and of which nothing is asked: its error
   may show only at a later statement or at the commit. On PostgreSQL it costs no round trip. */
int tx_post(Tx *tx, const Sql *sql, const Val *args, size_t n, Err *err) CHECKED;
/* Runs DDL or several statements separated by ; without parameters. */
int tx_script(Tx *tx, const char *sql, Err *err) CHECKED;
/* Runs fn inside a savepoint: when it fails, only its own changes are undone and the error is returned. */
int tx_nested(Tx *tx, TxFn fn, void *ctx, Err *err) CHECKED;

/* Starts a query. The rows are tied to the arena; rows_done ends them early. Rows hold no lock after the last
   row. They are read from the server one by one; when another statement runs before the last one
   (PostgreSQL), what is left is taken into memory first: see tx_cursor. */
int tx_query(Tx *tx, Arena *a, const Sql *sql, const Val *args, size_t n, Rows **ret, Err *err) CHECKED;
/* The same for results of any size: memory stays flat on both databases even when other statements run
   between the rows. On PostgreSQL a cursor, so only for SELECT and with some more round trips. Use it for
   exports. */
int tx_cursor(Tx *tx, Arena *a, const Sql *sql, const Val *args, size_t n, Rows **ret, Err *err) CHECKED;
/* Only prepares, to see that the statement is right here. */
int tx_prepare(Tx *tx, const Sql *sql, Err *err) CHECKED;
/* A read's statements from here on together take at most `ms` (PostgreSQL: each of them): longer gives
   ERR_TIMEOUT, from which tx_nested recovers. 0: back to the read's own limit. */
int tx_limit(Tx *tx, int ms, Err *err) CHECKED;
int rows_next(Rows *r, Err *err) CHECKED; /* 1 a row, 0 the end, negative an error */
int rows_count(const Rows *r);            /* columns */
const char *rows_name(const Rows *r, int col);
Val rows_val(const Rows *r, int col);            /* text valid until the next rows_next; VAL_NULL outside */
Str rows_text(const Rows *r, Arena *a, int col); /* copied; empty for NULL */
int64_t rows_int(const Rows *r, int col);        /* 0 for NULL; text is parsed */
void rows_done(Rows *r);
/* First row, one value copied into the arena. ERR_NOT_FOUND when there is no row. */
int tx_one(Tx *tx, Arena *a, const Sql *sql, const Val *args, size_t n, Val *ret, Err *err) CHECKED;

/* --- the journal: every change of every record, in the same transaction as the change ---------------- */

typedef struct JournalEntry {
    int64_t seq;   /* given by journal_add; ascending in the order of commits as readers see it */
    int64_t at_us; /* UTC microseconds */
    Str actor;     /* user who did it; "system" for the program itself */
    Str behalf;    /* user on whose behalf, or empty */
    Str purpose;   /* stated purpose, or empty */
    Str trace;     /* trace id of the request */
    Str entity, record;
    Str op;     /* insert, update, delete, read (an unmasking), … */
    Str before; /* JSON object of the changed fields before; empty for none */
    Str after;  /* JSON object of the changed fields after; empty for none */
    Str digest; /* SM3 over the canonical form of all of the above, 64 hex digits */
} JournalEntry;

typedef struct JournalFilter {
    int64_t after;      /* only seq > after */
    Str entity, record; /* empty = all */
    bool newest_first;  /* then `after` means seq < after when after > 0 */
    size_t limit;       /* at most this many; capped at JOURNAL_PAGE_MAX */
} JournalFilter;
enum { JOURNAL_PAGE_MAX = 1000 };

/* Next sequence number, for rows that carry it themselves (a record's revision). */
int journal_next(Tx *tx, int64_t *ret_seq, Err *err) CHECKED;
/* Writes an entry; e->seq from journal_next, or 0 to take one here. Fills e->seq and e->at_us when 0. */
int journal_add(Tx *tx, JournalEntry *e, Err *err) CHECKED;
/* Entries in order. Never passes a seq whose transaction may still commit (see store_journal.c). Meant for
   store_read; in a write transaction its own entries may be left out. */
int journal_read(Tx *tx, Arena *a, const JournalFilter *f, JournalEntry **ret, size_t *ret_n,
                 Err *err) CHECKED;
/* The last entry that readers may rely on: nothing at or below it can still appear, not even after a crash of
   the database. 0: there is none. */
int journal_head(Tx *tx, int64_t *ret_seq, Err *err) CHECKED;
/* Where a reader begins that wants what was written since at_us: the number before the first such entry,
   looking back over at most `most` entries; journal_head when there is none. */
int journal_back(Tx *tx, int64_t at_us, int64_t most, int64_t *ret_seq, Err *err) CHECKED;
/* The entry's digest is that of what stands in it. */
bool journal_intact(const JournalEntry *e);
/* Calls fn(ctx) after a change of the journal by this or (PostgreSQL NOTIFY) another server. fn must be quick
   and runs on a thread of the store; it must not call store_watch or store_unwatch. Calls may be spurious.
   Returns an id for store_unwatch, after which fn is not running and never runs again. */
int store_watch(Store *s, void (*fn)(void *ctx), void *ctx);
void store_unwatch(Store *s, int id);

/* --- blobs: files addressed by SM3, DIR/blobs/ab/cdef… --------------------------------------------- */

typedef struct BlobWriter BlobWriter;
enum { BLOB_ID_SIZE = 65 }; /* 64 hex digits and NUL */

int blob_begin(Store *s, BlobWriter **ret, Err *err) CHECKED;
int blob_write(BlobWriter *w, Str bytes, Err *err) CHECKED;
/* fsync, rename, fsync of the folder; an equal blob that is already there is kept. Frees w in every case. */
int blob_commit(BlobWriter *w, char ret_id[BLOB_ID_SIZE], int64_t *ret_size, Err *err) CHECKED;
void blob_abort(BlobWriter *w);
/* Opens for reading; the caller closes the descriptor. ERR_NOT_FOUND. */
int blob_open(Store *s, const char *id, int *ret_fd, int64_t *ret_size, Err *err) CHECKED;
/* Recomputes one blob's SM3. ERR_VERIFY when it differs, ERR_NOT_FOUND when it is gone. */
int blob_verify(Store *s, const char *id, Err *err) CHECKED;

extern const Room store_room;

/* Counters for /metrics. */
typedef struct StoreStats {
    int64_t commits, transactions, largest_group, retries, slow_queries, statements_cached;
    int64_t sealed,
        checkpoints;       /* by this server since it started: size of its newest checkpoint, how many */
    int64_t failed_writes; /* refused by a full or failing disk, or a database that was away */
    int64_t renewals;      /* SQLite: writing connections replaced after a failed write */
    ErrCode write_trouble; /* of the last write: ERR_NONE, ERR_FULL, ERR_IO or ERR_UNKNOWN */
    bool unsealable;       /* the last try to seal the journal failed; the log says why */
} StoreStats;
void store_stats(const Store *s, StoreStats *ret);

/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/* Shared by the files of the SQLite driver. */
#include "store/store_int.h"

#include <locale.h>
#include <sqlite3.h>

typedef struct LiteConn {
    sqlite3 *db;
    Store *store;
    int64_t step_ns; /* longest time for one statement of this read; 0 = none */
    int64_t deadline_ns;
    int64_t until_ns; /* of a read: set by tx_limit; 0 = none */
    int64_t seq;      /* writer: last journal number given in this group; -1 = to be read */
    bool lost;        /* a value could not be handed out for want of memory: the transaction fails */
    int log_frames;   /* writer: length of the log after the last commit */
    bool spoilt;      /* writer: what a failed job did could not be undone alone */
    StmtCache cache;
    struct LiteConn *next;
} LiteConn;

typedef struct LiteWriter LiteWriter;

typedef struct LiteDb {
    char *path;
    locale_t utf8; /* for regexp: characters, not bytes, whatever the process's locale; 0 = not to be had */
    pthread_mutex_t mutex;
    pthread_cond_t freed;
    LiteConn *idle;
    int open;           /* readers in being */
    LiteWriter *writer; /* started at the first write or at open; guarded by mutex */
} LiteDb;

int lite_open(Store *s, bool writer, LiteConn **ret, Err *err) CHECKED;
void lite_close(LiteConn *c);
/* Runs a statement without parameters. */
int lite_run(LiteConn *c, const char *text, Err *err) CHECKED;
/* Fills err from the connection's last error; `text` = the statement, may be NULL. Sets tx->retry never. */
int lite_error(LiteConn *c, int rc, const char *text, Err *err);
/* What a callback's r means after all: ERR_BUSY when it was given an empty value for want of memory. */
int lite_whole(const LiteConn *c, int r, Err *err);
int lite_functions(LiteConn *c, LiteDb *d); /* registers the SQL functions; SQLite's code */

int lite_write(Store *s, const char *name, bool alter, TxFn fn, void *ctx, Err *err) CHECKED;
int lite_writer_start(Store *s, Err *err) CHECKED; /* takes the folder's lock; once */
void lite_writer_stop(LiteWriter *w);

/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/* The whole database as a stream of bytes, for backups: SQLite's file, or PostgreSQL's dump in SQL (pg_dump,
 * psql). */
#include "store/backup.h"

/* The state that the read transaction sees, whatever is written meanwhile. `scratch`: a path for a temporary
   file (SQLite), which is removed again. ERR_IO: disk, or PostgreSQL's tools are absent or say no. */
int tx_image(Tx *tx, const char *scratch, BackupSink sink, void *ctx, Err *err) CHECKED;

/* Number and digest of the snapshot's last entry, also where PostgreSQL may still commit one below it
   (readers keep to the horizon; a backup keeps to what it holds), and the digest of its first. Empty without
   any. */
int tx_image_head(Tx *tx, Arena *a, int64_t *ret_seq, Str *ret_digest, Str *ret_origin, Err *err) CHECKED;

typedef struct ImageIn ImageIn;
/* Into DIR/city.db (url "sqlite"), or into an empty database: ERR_CONFLICT when it is not. */
int image_in_new(const char *dir, const char *url, ImageIn **ret, Err *err) CHECKED;
int image_in_put(void *image, Str bytes, Err *err) CHECKED; /* a BackupSink */
/* On disk, or in PostgreSQL as one transaction; frees `i` in every case. */
int image_in_end(ImageIn *i, Err *err) CHECKED;
void image_in_drop(ImageIn *i); /* gives up: nothing is left in the database */

/* One statement on the PostgreSQL server of an address, in no transaction (create database …). ERR_IO. */
int store_server_command(const char *url, const char *sql, Err *err) CHECKED;
/* The same server, another database. */
const char *store_url_of(Arena *a, const char *url, const char *database);

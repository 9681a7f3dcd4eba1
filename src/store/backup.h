/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/*
 * Backups of a city as one file (docs/decisions/008-backup.md). A zip archive of
 *
 *     manifest.json   what it is: BackupManifest; the SM3 of these bytes is the backup's id
 *     contents.txt    everything that belongs to the city, a line each, in order; its SM3 is in the manifest
 *     chunks/SM3      pieces of the database's stream (SQLite: its file; PostgreSQL: a dump in SQL)
 *     blobs/SM3       files
 *     files/SM3       packs and settings, at the paths that contents.txt gives
 *
 * An incremental one leaves out the pieces that its base holds and names the base and its id. Lines:
 *
 *     chunk SM3 SIZE | blob SM3 SIZE | file SM3 SIZE PATH | lost SM3 | apart PATH
 *
 * `lost`: a file of the city that was damaged or gone when the backup was made. `apart`: a file that belongs
 * to the city and is kept elsewhere (keys). The last 68 bytes of the archive, its comment, are a digest over
 * all before. Whatever is read back is checked; a reader gives whole pieces or an error that says which piece
 * of which file.
 */
#include "store/store.h"

enum {
    BACKUP_FORMAT = 1,
    BACKUP_MANIFEST_MAX = 64 << 10,
    BACKUP_CHUNK_MAX = 1 << 20,
    BACKUP_FILE_MAX = 256 << 20, /* one file of the packs */
    BACKUP_LINE_MAX = 512,
    BACKUP_PATH_MAX = 255,
    BACKUP_CHAIN_MAX = 100, /* a full one and 99 on top */
};

typedef struct BackupManifest {
    int64_t format;
    Str program; /* version of the program */
    Str made_at; /* RFC 3339, UTC */
    Str dialect; /* sqlite, postgres */
    bool demo;
    Str origin; /* digest of the city's first journal entry: the same in all its backups; may be empty */
    int64_t head;
    Str digest;     /* the journal's last entry and its digest; empty when there is none */
    Str checkpoint; /* newest signed checkpoint of the journal at or before it; may be empty */
    int64_t stream; /* bytes of the database's stream */
    Str contents;   /* SM3 of contents.txt */
    Str base;       /* file name of the base in the same folder; empty = a full backup */
    Str base_id;
} BackupManifest;

/* --- writing (backup_write.c) ------------------------------------------------------------------------ */

typedef struct BackupWriter BackupWriter;

typedef struct BackupTotals {
    int64_t chunks, new_chunks, blobs, new_blobs, lost, files;
    int64_t size; /* of the archive */
    char id[BLOB_ID_SIZE];
} BackupTotals;

/* `base`: path of the base, NULL = full. It must lie in PATH's folder and be of this city: `origin` is
   compared. ERR_CONFLICT, ERR_NOT_FOUND, ERR_VERIFY, ERR_IO. */
int backup_new(const char *path, const char *base, Dialect d, Str origin, BackupWriter **ret,
               Err *err) CHECKED;
/* The database's stream, bit by bit. It is cut where the next backup will cut it again: SQLite by 64 KiB of
   pages, PostgreSQL at ends of lines that their own bytes choose. */
int backup_stream(BackupWriter *w, Str bytes, Err *err) CHECKED;
int backup_stream_end(BackupWriter *w, Err *err) CHECKED;
/* A file of the city, checked on the way. ERR_VERIFY, ERR_NOT_FOUND: damaged or gone; with `keep_going` it is
   noted as lost and the result is 1. */
int backup_blob(BackupWriter *w, Store *s, const char *id, bool keep_going, Err *err) CHECKED;
int backup_file(BackupWriter *w, Str path, Str bytes, Err *err) CHECKED;
int backup_apart(BackupWriter *w, Str path, Err *err) CHECKED;
/* Writes contents and manifest (`m`: format, stream, contents, base and base_id are filled in) and puts the
   file in its place. */
int backup_finish(BackupWriter *w, BackupManifest *m, BackupTotals *ret, Err *err) CHECKED;
int64_t backup_written(const BackupWriter *w); /* bytes of the archive so far */
void backup_abandon(BackupWriter *w);
void backup_abandonp(BackupWriter **w);
#define _cleanup_backup_ __attribute__((cleanup(backup_abandonp)))

/* --- reading (backup_read.c) ------------------------------------------------------------------------- */

typedef struct BackupReader BackupReader;
typedef enum BackupKind {
    BACKUP_CHUNK,
    BACKUP_BLOB,
    BACKUP_FILE,
    BACKUP_LOST,
    BACKUP_APART,
    BACKUP_KIND_N
} BackupKind;

typedef struct BackupItem {
    BackupKind kind;
    char sum[BLOB_ID_SIZE]; /* empty for BACKUP_APART */
    int64_t size;
    char path[BACKUP_PATH_MAX + 1]; /* FILE and APART: relative, below the data folder */
} BackupItem;

/* Takes bytes of an item, in order. */
typedef int (*BackupSink)(void *ctx, Str bytes, Err *err);

/* Opens the archive and its bases, which lie in the same folder. ERR_NOT_FOUND (a base is missing),
   ERR_VERIFY (damaged, or a base of another backup), ERR_INPUT (no backup), ERR_IO. */
int backup_open(const char *path, BackupReader **ret, Err *err) CHECKED;
void backup_close(BackupReader *r);
void backup_closep(BackupReader **r);
#define _cleanup_reader_ __attribute__((cleanup(backup_closep)))
const BackupManifest *backup_manifest(const BackupReader *r);
const char *backup_id(const BackupReader *r);
/* The digest over the whole file, then every piece of it, that the error may say which is damaged.
 * ERR_VERIFY. */
int backup_check(BackupReader *r, Err *err) CHECKED;
/* From the first item on. */
int backup_rewind(BackupReader *r, Err *err) CHECKED;
int backup_next(BackupReader *r, BackupItem *ret, Err *err) CHECKED; /* 1, 0 at the end, or an error */
/* Hands the bytes of a chunk, blob or file to the sink. A chunk comes at once and checked; of the others the
   check comes at the end: an error means that what the sink got is worth nothing. */
int backup_read(BackupReader *r, const BackupItem *item, BackupSink sink, void *ctx, Err *err) CHECKED;

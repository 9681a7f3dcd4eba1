/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/* Shared by the files that make and read backups. */
#include "store/backup.h"

/* A set of digests, of one kind each. */
typedef struct DigestSet {
    unsigned char *slots; /* 33 bytes each: 1 + kind (0 = empty), digest */
    size_t n, cap;
} DigestSet;
/* True when it was not there. `hex`: 64 hex digits. */
bool digests_add(DigestSet *s, BackupKind kind, const char *hex);
bool digests_has(const DigestSet *s, BackupKind kind, const char *hex);
void digests_done(DigestSet *s);

/* backup_format.c: the texts of a backup. Total: any bytes are a manifest (a line) or a reason. */
int manifest_parse(Arena *a, Str text, BackupManifest *ret, Err *err) CHECKED;
void manifest_write(Buf *b, const BackupManifest *m);
int item_parse(Str line, BackupItem *ret, Err *err) CHECKED; /* a line without its end */
void item_write(Buf *b, const BackupItem *item);
/* Name of the item's entry in the archive. */
enum { BACKUP_ENTRY_SIZE = 80 };
void item_entry(const BackupItem *item, char ret[BACKUP_ENTRY_SIZE]);
bool backup_path_valid(Str path);

/* backup_cut.c: where the stream is cut. Returns how many bytes of `s` belong to the first chunk, 0 = more
   bytes are needed to know. `end`: nothing comes behind. *state: 0 in the beginning of a chunk. */
size_t backup_cut(Dialect d, Str s, bool end, size_t *state);

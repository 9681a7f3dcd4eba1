/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/* Files that nobody names any more, and what a crash left half written: found and removed. */
#include "store/store.h"

typedef struct BlobSet BlobSet;
BlobSet *blob_set_new(void);
void blob_set_free(BlobSet *s);
void blob_set_freep(BlobSet **s);
#define _cleanup_blob_set_ __attribute__((cleanup(blob_set_freep)))
/* What is no blob's id is ignored. */
void blob_set_add(BlobSet *s, Str id);

typedef struct BlobSweep {
    int64_t n, bytes;                       /* files that `named` does not name */
    int64_t n_unfinished, bytes_unfinished; /* in blobs/tmp */
} BlobSweep;

enum { BLOB_YOUNG_S = 86400 }; /* younger files stay: their record may be on its way */

/* Removes them, or counts only. The folder must be locked by this store. ERR_IO. */
int blob_collect(Store *s, const BlobSet *named, bool count_only, BlobSweep *ret, Err *err) CHECKED;

/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/*
 * A zip64 archive written from front to back (PKWARE APPNOTE 6.3.10 §4.3): memory holds the central directory
 * and no entry. libzip, which reads these archives, writes all entries at its end and keeps an object for
 * each; a city has millions. Names are UTF-8; nothing is encrypted. Made as PATH.partial, which becomes PATH
 * at the end; whatever happens before leaves no PATH.
 */
#include "base/err.h"

enum { ZIP_SUM_SIZE = 68 }; /* the archive's comment: "sm3:" and 64 hex digits over every byte before them */

typedef struct ZipOut ZipOut;

/* ERR_CONFLICT when PATH is there or another process is writing it; ERR_IO. */
int zip_out_new(const char *path, ZipOut **ret, Err *err) CHECKED;
/* An entry from memory, deflated where that is smaller. */
int zip_out_add(ZipOut *z, const char *name, Str bytes, Err *err) CHECKED;
/* An entry whose size is not known before its end, stored: begin, put …, end; or undo, as if it had never
 * begun. */
int zip_out_begin(ZipOut *z, const char *name, Err *err) CHECKED;
int zip_out_put(ZipOut *z, Str bytes, Err *err) CHECKED;
int zip_out_end(ZipOut *z, Err *err) CHECKED;
int zip_out_undo(ZipOut *z, Err *err) CHECKED;
/* Directory, sum, fsync, rename, fsync of the folder. z is freed by zip_out_free in every case. */
int zip_out_finish(ZipOut *z, int64_t *ret_size, Err *err) CHECKED;
int64_t zip_out_size(const ZipOut *z);
/* Removes what was not finished. */
void zip_out_free(ZipOut *z);
void zip_out_freep(ZipOut **z);

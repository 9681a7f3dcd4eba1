/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/* Shared by csv.c (grammar) and csv_input.c (source, gzip, charset, window). */
#include "base/csv.h"

#include <zlib.h>

struct CsvReader {
    /* source: a descriptor or memory */
    int fd;
    bool own_fd;
    Str mem;
    int64_t bytes_read;
    bool source_end;
    /* gzip */
    bool gzip, gzip_done;
    z_stream z;
    unsigned char *packed; /* input of z */
    /* unpacked bytes read for recognising the charset, handed out first */
    char *head;
    size_t head_n, head_at;
    /* charset */
    Charset charset;
    GbDecoder *gb;
    bool gb_bad_seen; /* of GB18030 and UTF-16 */
    char half[4];     /* UTF-16: bytes of a character that is not whole yet */
    size_t half_n;
    Buf decoded;
    /* window of UTF-8 text not yet consumed: win points into store */
    char *store, *win;
    size_t store_cap, win_n;
    bool eof;
    int failed; /* negative code once reading has failed; stays */
    Err why;
    /* grammar */
    char sep;
    size_t pending; /* bytes of the record handed out last */
    int64_t offset, line, number;
    Arena *arena; /* of the record handed out last */
    Str cells[CSV_COLUMNS_MAX];
};

/* Reads one more piece into the window; sets eof. */
int csv_fill(CsvReader *r, Err *err);
void csv_consume(CsvReader *r, size_t n);

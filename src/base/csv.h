/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/*
 * CSV as it comes (RFC 4180 and the real world), record by record with flat memory, from a file, a descriptor
 * or memory; gzip and GB18030 are recognised. A broken record is delivered as such, with the reason, and
 * reading goes on at the next line: nothing is skipped in silence.
 *
 *   CsvReader *r; CsvRecord rec;
 *   TRY(csv_open_path("x.csv.gz", &opt, &r, err));
 *   while ((n = csv_next(r, &rec, err)) > 0) …      n < 0: cannot go on (disk, gzip)
 */
#include "base/text.h"

enum {
    CSV_CELL_MAX = 1 << 20,   /* bytes of one cell */
    CSV_COLUMNS_MAX = 2000,   /* cells of one record */
    CSV_RECORD_MAX = 8 << 20, /* bytes of one record */
    CSV_DETECT = 64 << 10,    /* bytes looked at to recognise the charset */
};

typedef struct CsvOptions {
    char sep;           /* 0 = ',' */
    bool find_sep;      /* with sep 0: recognise , ; tab | by the first lines */
    bool charset_given; /* use `charset` instead of detecting it */
    Charset charset;
} CsvOptions;

typedef enum CsvFault {
    CSV_OK,
    CSV_BAD_QUOTE, /* a quoted cell that does not end (or ends beyond the caps) */
    CSV_BAD_BYTES, /* bytes that are no text in the file's charset; cells are still there, with U+FFFD */
    CSV_TOO_LONG,  /* cell or record over its cap */
    CSV_TOO_WIDE,  /* more than CSV_COLUMNS_MAX cells */
    CSV_FAULT_N,
} CsvFault;

typedef struct CsvRecord {
    const Str *cells; /* valid until the next csv_next; UTF-8; quotes removed */
    size_t n;
    int64_t number; /* record number, 1-based, the header counts; blank lines do not */
    int64_t line;   /* physical line on which it begins, 1-based */
    int64_t offset; /* byte offset of its start in the text (after unpacking, before charset conversion only
                       for UTF-8) */
    Str raw; /* the record's text (UTF-8, without its line end), for files of rejected rows; a faulty record:
                its first line */
    CsvFault fault;
    size_t bad_cell; /* 0-based, CSV_BAD_BYTES: the first cell concerned */
    size_t bad_at;   /* byte offset in that cell */
} CsvRecord;

typedef struct CsvReader CsvReader;

/* opt may be NULL. ERR_NOT_FOUND, ERR_INPUT (no charset fits), ERR_IO. */
int csv_open_path(const char *path, const CsvOptions *opt, CsvReader **ret, Err *err) CHECKED;
/* The reader does not close fd. */
int csv_open_fd(int fd, const CsvOptions *opt, CsvReader **ret, Err *err) CHECKED;
/* `text` must outlive the reader; it may be gzip. */
int csv_open_mem(Str text, const CsvOptions *opt, CsvReader **ret, Err *err) CHECKED;
void csv_close(CsvReader *r); /* NULL is fine */
void csv_closep(CsvReader **r);
#define _cleanup_csv_ __attribute__((cleanup(csv_closep)))

/* 1 = a record (look at rec->fault), 0 = end, negative = reading failed. */
int csv_next(CsvReader *r, CsvRecord *rec, Err *err) CHECKED;
/* What was recognised, or given. */
Charset csv_charset(const CsvReader *r);
char csv_separator(const CsvReader *r);
/* Bytes of the source (as stored) read so far, for progress. */
int64_t csv_bytes_read(const CsvReader *r);
/* Chinese sentence on a record's fault with line and what to do; empty when there is none. */
Str csv_fault_text(Arena *a, const CsvRecord *rec);

/* Writing: cells are quoted when they must be; a record ends with CRLF. */
void csv_write_cell(Buf *out, Str cell, bool first);
void csv_write_end(Buf *out);
void csv_write_record(Buf *out, const Str *cells, size_t n);

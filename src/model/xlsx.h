/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/*
 * Spreadsheets (Office Open XML, ECMA-376 part 1 §18; the form that Excel and WPS write as .xlsx), out and
 * in.
 *
 * Out: rows one after the other with flat memory (libxlsxwriter, constant memory). Text is always written as
 * text, so nothing becomes a formula. More rows than a sheet holds go on in a further sheet with the same
 * header.
 *
 * In: rows of one sheet one after the other with flat memory (libzip, libxml2's reader). Any bytes are rows
 * or an error: sizes and ratios of packed parts are capped, document types and entities are refused.
 */
#include "model/model.h"

/* --- out ------------------------------------------------------------------------------------------- */

enum {
    XLSX_ROWS_MAX = 1048575,  /* data rows of one sheet: 1,048,576 without the header */
    XLSX_COLUMNS_MAX = 16384, /* of one sheet */
    XLSX_TEXT_MAX = 32767,    /* UTF-16 units of one cell */
};
/* What stands in a cell whose text has no room; import refuses it, so that it never overwrites the value. */
#define XLSX_TOO_LONG "#超过表格单元格的长度，未写入#"

typedef struct Xlsx Xlsx;
typedef int (*XlsxSink)(void *ctx, Str bytes, Err *err);

/* `sheet`: its title, cut and cleaned to what a sheet's name may be. ERR_IO. */
int xlsx_new(Str sheet, Xlsx **ret, Err *err) CHECKED;
/* Before the first row: one more column. `f`: type, for width and format; NULL = text. */
void xlsx_column(Xlsx *x, Str title, const Field *f);
/* Begins the next row. */
int xlsx_row(Xlsx *x, Err *err) CHECKED;
/* Cell `col` of the row at hand. */
void xlsx_put(Xlsx *x, Arena *a, size_t col, const Field *f, Val v);
void xlsx_put_text(Xlsx *x, Arena *a, size_t col, Str s);
void xlsx_put_number(Xlsx *x, size_t col, double v);
/* Closes the file and hands its bytes to `sink` in pieces. Frees x in every case. */
int xlsx_finish(Xlsx *x, XlsxSink sink, void *ctx, Err *err) CHECKED;
void xlsx_free(Xlsx *x); /* throws away; NULL is fine */

/* --- in -------------------------------------------------------------------------------------------- */

typedef struct XlsxReader XlsxReader;

typedef struct XlsxSheet {
    Str name;
    bool hidden;
} XlsxSheet;

typedef struct XlsxCell {
    Str text;  /* as an importer reads it: numbers shortest, dates YYYY-MM-DD[ HH:MM:SS], true/false */
    Str fault; /* why the cell has no value (an error of a formula …); empty = it has */
} XlsxCell;

typedef struct XlsxRow {
    XlsxCell *cells; /* by column, gaps empty */
    size_t n;        /* up to the last cell that is not empty */
    int64_t number;  /* of the sheet, 1-based */
} XlsxRow;

/* Opens a workbook; *ret dies with the arena. ERR_INPUT (no workbook, damaged, beyond the caps), ERR_IO. */
int xlsx_open(Arena *a, int fd, XlsxReader **ret, Err *err) CHECKED;
size_t xlsx_sheets(const XlsxReader *r, const XlsxSheet **ret);
/* Goes to a sheet; empty = the first that is visible. ERR_NOT_FOUND naming what there is. */
int xlsx_sheet(XlsxReader *r, Str name, Err *err) CHECKED;
/* The name of the sheet that is read. */
Str xlsx_sheet_name(const XlsxReader *r);
/* 1 the next row that has a cell (its memory in `a`), 0 the end, negative: cannot go on. */
int xlsx_next(XlsxReader *r, Arena *a, XlsxRow *row, Err *err) CHECKED;
/* Packed bytes of the file read so far, roughly, of how many: for progress. */
int64_t xlsx_bytes_read(const XlsxReader *r);
/* Does the file begin as one does (a ZIP archive)? */
bool xlsx_looks_like(Str head);
/* "AB" of column 27 (0-based). */
Str xlsx_column_name(Arena *a, size_t col);

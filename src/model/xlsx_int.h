/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/* Shared by the xlsx_* files that read: parts of the archive as XML, number formats, shared strings. */
#include "model/xlsx.h"

#include <libxml/xmlreader.h>
#include <zip.h>

/* --- xlsx_part.c: one part of the archive as XML, under caps ---------------------------------------- */

enum {
    PART_SMALL = 16 << 20,  /* bytes of workbook, relations, styles */
    PART_STRINGS = 1 << 30, /* of the shared strings */
    PART_RATIO = 300,       /* unpacked to packed, once PART_SMALL is passed */
    ARCHIVE_PARTS = 10000,  /* entries of the archive */
    ARCHIVE_DIR = 4 << 20,  /* bytes of its directory */
};
#define PART_SHEET ((int64_t)8 << 30)

typedef struct XmlPart {
    zip_file_t *file;
    xmlTextReaderPtr xml;
    int64_t read, size, packed, max;
    char why[160]; /* why reading was refused; empty = by the XML itself */
} XmlPart;

/* The archive of a descriptor, its size checked before anything is taken into memory. Closes nothing. */
int archive_open(Arena *a, int fd, zip_t **ret, Err *err) CHECKED;
/* ERR_NOT_FOUND when there is no such part. */
int part_open(zip_t *z, Str name, int64_t max, XmlPart *ret, Err *err) CHECKED;
void part_close(XmlPart *p);
#define _cleanup_part_ __attribute__((cleanup(part_close)))
/* 1 a node, 0 the end, negative an error. Document types and entities are refused. */
int part_next(XmlPart *p, Err *err) CHECKED;
bool part_begins(const XmlPart *p, const char *name); /* at the start of an element of this local name */
bool part_ends(const XmlPart *p, const char *name);
bool part_is_empty(const XmlPart *p); /* at <x/> */
bool part_is_text(const XmlPart *p);
Str part_text(const XmlPart *p); /* of the text node; valid until the next node */
/* The element's attribute by local name, copied; empty when absent. */
Str part_attr(const XmlPart *p, Arena *a, const char *name);

/* --- xlsx_format.c: what a number is by its format -------------------------------------------------- */

typedef enum NumberKind { NUMBER_PLAIN = 0, NUMBER_DATE = 1, NUMBER_TIME = 2 } NumberKind; /* bits */
/* Of a built-in format (ECMA-376 §18.8.30, with the Chinese ones) and of a format code. */
unsigned format_builtin(int64_t id);
unsigned format_code(Str code);
/* The number as import reads it; *fault says why not. */
Str number_cell(Arena *a, Str raw, unsigned kind, bool since_1904, Str *fault);
/* _x000D_ → the character (ECMA-376 §22.9.2.19). */
Str unescape_cell(Arena *a, Str s);

/* --- xlsx_strings.c: the shared strings, kept in a file without a name ------------------------------ */

typedef struct Strings Strings;
int strings_load(Arena *a, zip_t *z, Str part, Strings **ret, Err *err) CHECKED;
/* false: there is no such string. Valid as long as the strings. */
bool strings_get(const Strings *s, Str index, Str *ret);

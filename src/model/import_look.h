/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/* A first look at a file: what it is, where its header stands, and which field each column may be. */
#include "model/import_int.h"

enum { LOOK_ROWS = 200, LOOK_HEADER_ROWS = 20, LOOK_SAMPLES = 5 };

typedef struct LookColumn {
    Str name;
    Str *samples; /* first values that are not empty */
    size_t n;
    const Field *field; /* suggestion, NULL = none */
    Str why;            /* 名称相同, 标题相近, 内容像… */
} LookColumn;

typedef struct Look {
    SourceForm form; /* recognised: kind, charset, separator, sheet */
    StrList sheets;  /* visible ones */
    int64_t header;  /* record (CSV) or row (sheet) of the header; 0 for JSON */
    LookColumn *columns;
    size_t n;
    int64_t rows; /* estimate, -1 = unknown */
} Look;

/* `form`: what is given, the rest is recognised; header 0 = recognise. `who` may be NULL: then fields are not
   suggested. ERR_INPUT when the file cannot be read. */
int import_look(Arena *a, const char *path, const SourceForm *form, int64_t header, const Entity *e,
                const Actor *who, Look *ret, Err *err) CHECKED;

/* import_suggest.c: fills field and why of the columns. `cells`: rows of samples by column. */
void import_suggest(Arena *a, const Entity *e, const Actor *who, LookColumn *columns, size_t n,
                    Str *const *cells, size_t n_rows);

/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/*
 * Str: text for reading, pointer and length, never owned, not necessarily NUL-terminated. p may be NULL when
 * n is 0. Buf: text for writing, grows up to a stated maximum; past it the buffer keeps what it has, sets
 * `over` and ignores the rest, so that one check at the end suffices.
 */
#include "base/arena.h"
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Str {
    const char *p;
    size_t n;
} Str;

#define S(lit)     ((Str){("" lit), sizeof(lit) - 1})
#define STR_FMT    "%.*s"
#define STR_ARG(s) (int)(s).n, ((s).p ? (s).p : "")
#define STR_NONE   ((Str){NULL, 0})

static inline Str str_c(const char *s) { return (Str){s, s ? __builtin_strlen(s) : 0}; }
static inline Str str_n(const char *p, size_t n) { return (Str){p, n}; }
bool str_eq(Str a, Str b);
bool str_is(Str a, const char *b); /* equal to a C string */
bool str_ieq(Str a, Str b);        /* ASCII case ignored */
int str_cmp(Str a, Str b);         /* byte order; a prefix sorts first */
bool str_starts(Str s, Str prefix);
bool str_ends(Str s, Str suffix);
Str str_trim(Str s);            /* ASCII white space off both ends */
Str str_from(Str s, size_t at); /* the rest from `at`; empty past the end */
/* Index of the first `c`, or -1. */
ptrdiff_t str_find(Str s, char c);
ptrdiff_t str_find_str(Str s, Str needle);
/* Cuts the part before the first `sep` off *rest into *part; false when *rest is used up (p == NULL). */
bool str_split(Str *rest, char sep, Str *part);
/* Copies into the arena; the copy is NUL-terminated. */
Str str_dup(Arena *a, Str s);
char *str_cdup(Arena *a, Str s);
/* Whole text as a decimal integer (optional sign, no spaces); false when it is not one or overflows. */
bool str_int(Str s, int64_t *ret);
/* Whole text as a finite decimal number in C notation; false otherwise. */
bool str_real(Str s, double *ret);
/* printf into the arena. */
Str str_fmt(Arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
Str str_vfmt(Arena *a, const char *fmt, va_list ap);
uint64_t str_hash(Str s); /* FNV-1a; for tables in memory, never stored */

typedef struct Buf {
    char *p;
    size_t n, cap, max;
    bool over; /* something did not fit; the text is incomplete */
} Buf;

void buf_init(Buf *b, size_t max);
void buf_done(Buf *b);  /* frees; NULL-safe, may be repeated */
void buf_clear(Buf *b); /* empty, keeps the memory */
#define _cleanup_buf_ __attribute__((cleanup(buf_done)))
void buf_add(Buf *b, Str s);
void buf_addc(Buf *b, char c);
void buf_adds(Buf *b, const char *s);
void buf_addf(Buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static inline Str buf_str(const Buf *b) { return (Str){b->p, b->n}; }
Str buf_dup(Arena *a, const Buf *b); /* copy of the text, NUL-terminated */

/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/* Faults: everything that is wrong in a set of pack files, each with its place, what is wrong and what would
   be right; collected so that an author sees all at once. */
#include "base/err.h"

typedef struct Fault {
    const char *file;
    int line, col;
    Str what, fix;
} Fault;

enum { FAULTS_MAX = 1000 };

typedef struct Faults {
    Arena *arena;
    Fault *items;
    size_t n, cap;
    bool dropped; /* more than FAULTS_MAX */
} Faults;

/* A place in a pack file; line 0 = the file as a whole. */
typedef struct Place {
    const char *file;
    int line, col;
} Place;

/* `fix` says what would be right; may be empty. */
void fault_add(Faults *f, Place at, Str fix, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* Sorts by file, line, column. */
void faults_sort(Faults *f);
/* "file:line:col: what; fix" */
Str fault_text(Arena *a, const Fault *f);

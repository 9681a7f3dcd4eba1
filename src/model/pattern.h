/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/* POSIX extended regular expressions from outside (packs, queries, expressions): only those that cost little.
 */
#include "base/str.h"

enum { PATTERN_MAX = 500, PATTERN_SIZE_MAX = 2000 };

/* NULL when the pattern may be compiled, else what is wrong with it. Refused: more than PATTERN_MAX bytes,
   references back (\\1), two signs of repetition in a row (a?+), and counts that multiply:
   ((a{1,200}){1,200}) is compiled as 40,000 copies of a, and (((a+)+)+)+ as sixteen. */
const char *pattern_fault(Str pattern);

/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/* What normal.c (dates) and normal_number.c (numbers) share. */
#include "base/normal.h"
#include "base/text.h"

enum { NORMAL_TEXT_MAX = 96 }; /* longest cell in bytes that can be a date or a number */

/* One cell made easy to read: half-width, single spaces, no ends. */
typedef struct NormalCell {
    char text[NORMAL_TEXT_MAX + 1];
    Str s;
} NormalCell;

/* 0, NORMAL_EMPTY, or ERR_VALIDATION when it is too long to be `what`. */
int normal_cell(Str s, NormalCell *ret, const char *what, Err *err) CHECKED;
/* One digit or unit of a Chinese numeral at the start of s; bytes used, 0 = none. Units have *ret_unit > 0.
 */
size_t normal_numeral(Str s, int *ret_digit, int64_t *ret_unit);

/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/*
 * What an operator or function of SQL means in this house, wherever it is computed: in an expression in
 * memory, in SQLite or in PostgreSQL. The meaning is PostgreSQL's.
 */
#include "base/str.h"

/* `text like pattern`: % any characters, _ one character; `escape` (-1 = none) takes the next character as it
   is. `fold`: ASCII case ignored. At worst pattern × text steps. */
bool text_like(Str pattern, Str text, int escape, bool fold);
/* Half away from zero, at `places` (0–15) after the point, of the decimal that x stands for: the one with 15
   significant digits. 2.675 gives 2.68, though the double lies a little below. */
double decimal_round(double x, int places);

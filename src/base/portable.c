/* SPDX-License-Identifier: MulanPSL-2.0 */
/* LIKE and rounding as PostgreSQL has them (ISO/IEC 9075-2 §8.5; numeric rounds half away from zero). */
#include "base/portable.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int lower(int c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; }

static size_t char_size(Str s, size_t at)
{
    size_t n = 1;
    while (at + n < s.n && ((unsigned char)s.p[at + n] & 0xC0) == 0x80) n++;
    return n;
}

/* Greedy with one point to go back to (the last %): linear in practice, quadratic at worst, never
 * exponential. */
bool text_like(Str pattern, Str text, int escape, bool fold)
{
    size_t p = 0, t = 0, back_p = SIZE_MAX, back_t = 0;
    while (t < text.n) {
        int c = p < pattern.n ? (unsigned char)pattern.p[p] : -1;
        bool literal = false;
        size_t width = 1;
        if (c >= 0 && c == escape && p + 1 < pattern.n) {
            literal = true;
            width = 2;
            c = (unsigned char)pattern.p[p + 1];
        }
        if (!literal && c == '%') {
            back_p = ++p;
            back_t = t;
        } else if (!literal && c == '_') {
            p++;
            t += char_size(text, t);
        } else if (c >= 0 &&
                   (fold ? lower(c) == lower((unsigned char)text.p[t]) : c == (unsigned char)text.p[t])) {
            p += width;
            t++;
        } else if (back_p != SIZE_MAX) {
            p = back_p;
            back_t += char_size(text, back_t);
            t = back_t;
        } else {
            return false;
        }
    }
    while (p < pattern.n && pattern.p[p] == '%') p++;
    return p == pattern.n;
}

double decimal_round(double x, int places)
{
    char digits[40], out[64];
    if (!isfinite(x) || x == 0) return x;
    if (places < 0) places = 0;
    /* d.dddddddddddddde±xx: 15 digits, and where the point stands */
    snprintf(digits, sizeof digits, "%.14e", fabs(x));
    int exponent = (int)strtol(strchr(digits, 'e') + 1, NULL, 10);
    int keep = exponent + 1 + places; /* of the 15 digits */
    if (keep >= 15) return x;
    if (keep < 0) return 0;
    char d[16] = {digits[0]};
    memcpy(d + 1, digits + 2, 14);
    int64_t whole = 0;
    for (int i = 0; i < keep; i++) whole = whole * 10 + (d[i] - '0');
    if (d[keep] >= '5') whole++;
    /* back through text, so that the nearest double comes out */
    snprintf(out, sizeof out, "%s%llde%d", x < 0 ? "-" : "", (long long)whole, exponent + 1 - keep);
    return strtod(out, NULL);
}

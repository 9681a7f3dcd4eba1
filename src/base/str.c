/* SPDX-License-Identifier: MulanPSL-2.0 */
#include "base/str.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>

bool str_eq(Str a, Str b) { return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0); }
bool str_is(Str a, const char *b) { return str_eq(a, str_c(b)); }

bool str_ieq(Str a, Str b)
{
    if (a.n != b.n) return false;
    for (size_t i = 0; i < a.n; i++)
        if (tolower((unsigned char)a.p[i]) != tolower((unsigned char)b.p[i])) return false;
    return true;
}

int str_cmp(Str a, Str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.p, b.p, n) : 0;
    if (c) return c;
    return a.n < b.n ? -1 : a.n > b.n;
}

bool str_starts(Str s, Str prefix) { return s.n >= prefix.n && str_eq(str_n(s.p, prefix.n), prefix); }
bool str_ends(Str s, Str suffix)
{
    return s.n >= suffix.n && str_eq(str_n(s.p + (s.n - suffix.n), suffix.n), suffix);
}

static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

Str str_trim(Str s)
{
    while (s.n && is_space(s.p[0])) s.p++, s.n--;
    while (s.n && is_space(s.p[s.n - 1])) s.n--;
    return s;
}

Str str_from(Str s, size_t at) { return at >= s.n ? str_n(s.p + s.n, 0) : str_n(s.p + at, s.n - at); }

ptrdiff_t str_find(Str s, char c)
{
    const char *at = s.n ? memchr(s.p, c, s.n) : NULL;
    return at ? at - s.p : -1;
}

ptrdiff_t str_find_str(Str s, Str needle)
{
    if (!needle.n) return 0;
    for (size_t i = 0; i + needle.n <= s.n; i++)
        if (s.p[i] == needle.p[0] && memcmp(s.p + i, needle.p, needle.n) == 0) return (ptrdiff_t)i;
    return -1;
}

bool str_split(Str *rest, char sep, Str *part)
{
    if (!rest->p) return false;
    ptrdiff_t at = str_find(*rest, sep);
    if (at < 0) {
        *part = *rest;
        *rest = STR_NONE;
    } else {
        *part = str_n(rest->p, (size_t)at);
        *rest = str_n(rest->p + at + 1, rest->n - (size_t)at - 1);
    }
    return true;
}

char *str_cdup(Arena *a, Str s)
{
    char *p = arena_bytes(a, s.n + 1);
    if (s.n) memcpy(p, s.p, s.n);
    p[s.n] = 0;
    return p;
}

Str str_dup(Arena *a, Str s) { return str_n(str_cdup(a, s), s.n); }

bool str_int(Str s, int64_t *ret)
{
    size_t i = 0;
    bool neg = false;
    if (s.n && (s.p[0] == '-' || s.p[0] == '+')) neg = s.p[0] == '-', i = 1;
    if (i == s.n) return false;
    int64_t v = 0;
    for (; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9') return false;
        int d = s.p[i] - '0';
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_sub_overflow(v, d, &v)) return false;
    }
    if (!neg && v == INT64_MIN) return false;
    *ret = neg ? v : -v;
    return true;
}

bool str_real(Str s, double *ret)
{
    char tmp[64];
    if (s.n == 0 || s.n >= sizeof tmp) return false;
    for (size_t i = 0; i < s.n; i++)
        if (!strchr("0123456789+-.eE", s.p[i])) return false;
    memcpy(tmp, s.p, s.n);
    tmp[s.n] = 0;
    char *end;
    errno = 0;
    double v = strtod(tmp, &end);
    if (*end || end == tmp || !isfinite(v)) return false;
    *ret = v;
    return true;
}

Str str_vfmt(Arena *a, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    char *p = arena_alloc(a, (size_t)(n < 0 ? 0 : n) + 1);
    if (n > 0) vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    return str_n(p, (size_t)(n < 0 ? 0 : n));
}

Str str_fmt(Arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    Str s = str_vfmt(a, fmt, ap);
    va_end(ap);
    return s;
}

uint64_t str_hash(Str s)
{
    uint64_t h = 14695981039346656037u;
    for (size_t i = 0; i < s.n; i++) h = (h ^ (unsigned char)s.p[i]) * 1099511628211u;
    return h;
}

void buf_init(Buf *b, size_t max) { *b = (Buf){.max = max}; }

void buf_done(Buf *b)
{
    if (!b) return;
    free(b->p);
    *b = (Buf){.max = b->max};
}

void buf_clear(Buf *b)
{
    b->n = 0;
    b->over = false;
}

/* Room for `more` bytes and a NUL; false (and over) when the maximum forbids. */
static bool buf_room(Buf *b, size_t more)
{
    if (b->over || more > b->max || b->n > b->max - more) {
        b->over = true;
        return false;
    }
    size_t need = b->n + more + 1;
    if (need <= b->cap) return true;
    size_t cap = b->cap ? b->cap : 64;
    while (cap < need) cap *= 2;
    b->p = xrealloc(b->p, cap);
    b->cap = cap;
    return true;
}

void buf_add(Buf *b, Str s)
{
    if (!s.n || !buf_room(b, s.n)) return;
    memcpy(b->p + b->n, s.p, s.n);
    b->n += s.n;
    b->p[b->n] = 0;
}

void buf_addc(Buf *b, char c)
{
    if (!buf_room(b, 1)) return;
    b->p[b->n++] = c;
    b->p[b->n] = 0;
}

void buf_adds(Buf *b, const char *s) { buf_add(b, str_c(s)); }

void buf_addf(Buf *b, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    const size_t room = b->over ? 0 : b->cap - b->n;
    int n = vsnprintf(room ? b->p + b->n : NULL, room, fmt, ap);
    if (n > 0 && buf_room(b, (size_t)n)) {
        if ((size_t)n >= room) vsnprintf(b->p + b->n, (size_t)n + 1, fmt, again);
        b->n += (size_t)n;
    } else if (room) {
        b->p[b->n] = 0;
    }
    va_end(again);
    va_end(ap);
}

Str buf_dup(Arena *a, const Buf *b) { return str_dup(a, buf_str(b)); }

/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * UTF-8 (RFC 3629) and Chinese typing habits: full-width forms, invisible characters, nearest names. Charset
 * conversion is in text_gb.c.
 */
#include "base/text.h"

enum { NAME_CHARS_MAX = 128 };

size_t text_decode(Str s, uint32_t *ret)
{
    if (!s.n) return 0;
    const unsigned char *p = (const unsigned char *)s.p;
    if (p[0] < 0x80) return *ret = p[0], 1;
    size_t len = p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3 : 2;
    if (p[0] < 0xC2 || p[0] > 0xF4 || s.n < len) return 0;
    uint32_t cp = p[0] & (0xFFu >> (len + 1));
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xC0) != 0x80) return 0;
        cp = cp << 6 | (p[i] & 0x3Fu);
    }
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (cp < least[len] || cp > 0x10FFFF || (cp >= 0xD800 && cp <= 0xDFFF)) return 0;
    *ret = cp;
    return len;
}

size_t text_encode(uint32_t cp, char out[4])
{
    if (cp < 0x80) return out[0] = (char)cp, 1;
    if (cp < 0x800) {
        out[0] = (char)(0xC0 | cp >> 6);
        out[1] = (char)(0x80 | (cp & 0x3F));
        return 2;
    }
    if (cp < 0x10000) {
        out[0] = (char)(0xE0 | cp >> 12);
        out[1] = (char)(0x80 | (cp >> 6 & 0x3F));
        out[2] = (char)(0x80 | (cp & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | (cp >> 18 & 7));
    out[1] = (char)(0x80 | (cp >> 12 & 0x3F));
    out[2] = (char)(0x80 | (cp >> 6 & 0x3F));
    out[3] = (char)(0x80 | (cp & 0x3F));
    return 4;
}

ptrdiff_t text_invalid_at(Str s)
{
    uint32_t cp;
    for (size_t i = 0; i < s.n;) {
        if ((unsigned char)s.p[i] < 0x80) {
            i++;
            continue;
        }
        size_t len = text_decode(str_from(s, i), &cp);
        if (!len) return (ptrdiff_t)i;
        i += len;
    }
    return -1;
}

/* Length of the character at i, an invalid byte counting as one character. */
static size_t step(Str s, size_t i)
{
    uint32_t cp;
    size_t len = text_decode(str_from(s, i), &cp);
    return len ? len : 1;
}

size_t text_chars(Str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i += step(s, i)) n++;
    return n;
}

Str text_cut(Str s, size_t chars)
{
    size_t i = 0;
    while (i < s.n && chars--) i += step(s, i);
    return str_n(s.p, i);
}

Str text_cut_bytes(Str s, size_t bytes)
{
    size_t i = 0;
    if (s.n <= bytes) return s;
    for (size_t len; i < s.n && i + (len = step(s, i)) <= bytes;) i += len;
    return str_n(s.p, i);
}

void text_repair(Buf *out, Str s)
{
    while (s.n) {
        ptrdiff_t at = text_invalid_at(s);
        if (at < 0) {
            buf_add(out, s);
            return;
        }
        buf_add(out, str_n(s.p, (size_t)at));
        buf_add(out, S("\xEF\xBF\xBD"));
        s = str_from(s, (size_t)at + 1);
    }
}

Str text_half_width(Arena *a, Str s)
{
    if (str_find(s, '\xEF') < 0 && str_find(s, '\xE3') < 0) return s;
    char *out = arena_alloc(a, s.n + 1);
    size_t n = 0;
    for (size_t i = 0, len; i < s.n; i += len) {
        uint32_t cp = 0;
        len = text_decode(str_from(s, i), &cp);
        if (cp >= 0xFF01 && cp <= 0xFF5E)
            out[n++] = (char)(cp - 0xFEE0);
        else if (cp == 0x3000)
            out[n++] = ' ';
        else {
            if (!len) len = 1;
            memcpy(out + n, s.p + i, len);
            n += len;
        }
    }
    return str_n(out, n);
}

typedef enum CharClass { CHAR_TEXT, CHAR_SPACE, CHAR_INVISIBLE, CHAR_LINE } CharClass;

static CharClass class_of(uint32_t cp)
{
    if (cp == '\n' || cp == '\r' || cp == 0x2028 || cp == 0x2029) return CHAR_LINE;
    if (cp == ' ' || (cp >= 9 && cp <= 12) || cp == 0x85 || cp == 0xA0 || cp == 0x1680 || cp == 0x3000 ||
        (cp >= 0x2000 && cp <= 0x200A) || cp == 0x202F || cp == 0x205F)
        return CHAR_SPACE;
    if ((cp >= 0x200B && cp <= 0x200F) || (cp >= 0x202A && cp <= 0x202E) || cp == 0x2060 || cp == 0xFEFF ||
        cp == 0xAD || cp < 0x20 || cp == 0x7F)
        return CHAR_INVISIBLE;
    return CHAR_TEXT;
}

/* Nearly all cells are tidy already; this decides so without copying. */
static bool is_tidy(Str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < 0x20 || c >= 0x7F) return false;
        if (c == ' ' && (i == 0 || i + 1 == s.n || s.p[i + 1] == ' ')) return false;
    }
    return true;
}

static Str tidy(Arena *a, Str s, bool keep_lines)
{
    if (is_tidy(s)) return s;
    char *out = arena_alloc(a, s.n + 1);
    size_t n = 0;
    bool space = false;
    size_t lines = 0;
    for (size_t i = 0, len; i < s.n; i += len) {
        uint32_t cp = 0xFFFD;
        len = text_decode(str_from(s, i), &cp);
        if (!len) len = 1;
        CharClass k = class_of(cp);
        if (k == CHAR_INVISIBLE) continue;
        if (k == CHAR_LINE && keep_lines) {
            if (cp == '\r' && i + 1 < s.n && s.p[i + 1] == '\n') len = 2;
            lines++;
            space = false;
        } else if (k != CHAR_TEXT)
            space = true;
        else {
            /* Spaces and lines are written when something follows them, so ends are trimmed. */
            for (; lines && n; lines--) out[n++] = '\n';
            if (space && n && out[n - 1] != '\n') out[n++] = ' ';
            lines = 0;
            space = false;
            memcpy(out + n, s.p + i, len);
            n += len;
        }
    }
    return n == s.n ? s : str_n(out, n);
}

Str text_tidy(Arena *a, Str s)
{
    Str t = tidy(a, s, false);
    if (t.p != s.p) return t;
    /* Same length may hide a tab turned into a space. */
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '\t' || s.p[i] == '\n' || s.p[i] == '\r' || s.p[i] == '\f' || s.p[i] == '\v') {
            char *out = str_cdup(a, s);
            for (size_t j = i; j < s.n; j++)
                if (out[j] >= '\t' && out[j] <= '\r') out[j] = ' ';
            return str_n(out, s.n);
        }
    return t;
}

Str text_tidy_lines(Arena *a, Str s) { return tidy(a, s, true); }

static size_t chars_of(Str s, uint32_t *out, size_t max, bool fold)
{
    size_t n = 0;
    for (size_t i = 0, len; i < s.n; i += len, n++) {
        uint32_t cp = 0xFFFD;
        len = text_decode(str_from(s, i), &cp);
        if (!len) len = 1;
        if (n == max) return max + 1;
        out[n] = fold && cp >= 'A' && cp <= 'Z' ? cp + 32 : cp;
    }
    return n;
}

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t m = a < b ? a : b;
    return m < c ? m : c;
}

/* Optimal string alignment: three rows of the table are enough. */
static size_t distance(Str a, Str b, size_t max, bool fold)
{
    uint32_t x[NAME_CHARS_MAX], y[NAME_CHARS_MAX];
    size_t rows[3][NAME_CHARS_MAX + 1], n = chars_of(a, x, NAME_CHARS_MAX, fold),
                                        m = chars_of(b, y, NAME_CHARS_MAX, fold);
    if (n > NAME_CHARS_MAX || m > NAME_CHARS_MAX || (n > m ? n - m : m - n) > max)
        return str_eq(a, b) ? 0 : max + 1;
    for (size_t j = 0; j <= m; j++) rows[0][j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t *row = rows[i % 3], *up = rows[(i + 2) % 3], *upup = rows[(i + 1) % 3], best;
        best = row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            row[j] = min3(up[j] + 1, row[j - 1] + 1, up[j - 1] + (x[i - 1] != y[j - 1]));
            if (i > 1 && j > 1 && x[i - 1] == y[j - 2] && x[i - 2] == y[j - 1] && upup[j - 2] + 1 < row[j])
                row[j] = upup[j - 2] + 1;
            if (row[j] < best) best = row[j];
        }
        if (best > max + 1) return max + 1;
    }
    size_t d = rows[n % 3][m];
    return d > max ? max + 1 : d;
}

size_t text_distance(Str a, Str b, size_t max) { return distance(a, b, max, false); }

ptrdiff_t text_nearest(Str name, const Str *names, size_t n)
{
    size_t allowed = text_chars(name) / 3;
    if (allowed < 1) allowed = 1;
    if (allowed > 3) allowed = 3;
    ptrdiff_t best = -1;
    for (size_t i = 0; i < n; i++) {
        size_t d = distance(name, names[i], allowed, true);
        /* One character for another is no likeness when the names are that short. */
        if (d > allowed || (d > 0 && d >= text_chars(names[i]))) continue;
        best = (ptrdiff_t)i;
        if (d == 0) break;
        allowed = d - 1;
    }
    return best;
}

/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * A number in a cell is a number, a date or a time only by its format (ECMA-376 part 1 §18.8.30). Dates count
 * days: since 1899-12-31 with a 29 February 1900 that never was, or since 1904-01-01.
 */
#include "model/xlsx_int.h"

#include "base/clock.h"
#include "base/text.h"
#include <math.h>

enum { DAYS_1900 = -25569, DAYS_1904 = -24107, DAY_MAX = 2958466, EXACT = 15 };

unsigned format_builtin(int64_t id)
{
    static const struct {
        int from, to;
        unsigned kind;
    } rows[] = {{14, 17, NUMBER_DATE}, {18, 21, NUMBER_TIME}, {22, 22, NUMBER_DATE | NUMBER_TIME},
                {27, 31, NUMBER_DATE}, {32, 35, NUMBER_TIME}, {36, 36, NUMBER_DATE},
                {45, 47, NUMBER_TIME}, {50, 54, NUMBER_DATE}, {55, 56, NUMBER_TIME},
                {57, 58, NUMBER_DATE}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (id >= rows[i].from && id <= rows[i].to) return rows[i].kind;
    return NUMBER_PLAIN;
}

/* Letters outside of quotes, escapes and [colours]; an m is a month unless there are hours or seconds. */
unsigned format_code(Str code)
{
    bool day = false, month = false, time = false;
    for (size_t i = 0; i < code.n && code.p[i] != ';'; i++) {
        switch (code.p[i]) {
        case '"':
            for (i++; i < code.n && code.p[i] != '"';) i++;
            break;
        case '\\':
        case '_':
        case '*': i++; break;
        case '[': {
            size_t from = i + 1;
            while (i < code.n && code.p[i] != ']') i++;
            char c = from < code.n ? (char)(code.p[from] | 0x20) : 0;
            bool same = i > from;
            for (size_t k = from; k < i; k++) same = same && (code.p[k] | 0x20) == c;
            time |= same && (c == 'h' || c == 'm' || c == 's');
            break;
        }
        case 'y':
        case 'Y':
        case 'd':
        case 'D': day = true; break;
        case 'm':
        case 'M': month = true; break;
        case 'h':
        case 'H':
        case 's':
        case 'S': time = true; break;
        default: break;
        }
        if (str_is(code, "General")) return NUMBER_PLAIN;
    }
    return (day || (month && !time) ? NUMBER_DATE : 0u) | (time ? NUMBER_TIME : 0u);
}

static Str when_cell(Arena *a, double v, unsigned kind, bool since_1904, Str *fault)
{
    double whole = floor(v);
    int64_t days = (int64_t)whole, secs = llround((v - whole) * 86400);
    if (secs >= 86400) days++, secs -= 86400;
    Str clock = str_fmt(a, "%02d:%02d:%02d", (int)(secs / 3600), (int)(secs / 60 % 60), (int)(secs % 60));
    if (!(kind & NUMBER_DATE)) {
        if (!days) return clock;
        if (days < 400) /* hours counted past a day */
            return str_fmt(a, "%02d:%02d:%02d", (int)(days * 24 + secs / 3600), (int)(secs / 60 % 60),
                           (int)(secs % 60));
    }
    if (!since_1904 && days == 60) return *fault = S("1900-02-29 不是日期"), S("");
    if (!since_1904 && days == 0) return clock;
    int64_t since = since_1904 ? DAYS_1904 + days : DAYS_1900 + days + (days < 60);
    Str date = date_str(a, date_from_days(since));
    return secs ? str_fmt(a, STR_FMT " " STR_FMT, STR_ARG(date), STR_ARG(clock)) : date;
}

Str number_cell(Arena *a, Str raw, unsigned kind, bool since_1904, Str *fault)
{
    double v;
    if (!raw.n) return S("");
    if (!str_real(raw, &v)) return *fault = S("数字读不出来"), S("");
    if (kind && v >= 0 && v < DAY_MAX) return when_cell(a, v, kind, since_1904, fault);
    if (kind) return *fault = S("日期超出范围"), S("");
    if (fabs(v) >= 1e15) {
        *fault = S("数字超过 15 位，表格软件已经丢掉了后面的位数；把这一列设为文本，重新填写");
        return S("");
    }
    if (v == floor(v)) return str_fmt(a, "%lld", (long long)v);
    Str s = str_fmt(a, "%.15g", v);
    if (str_find(s, 'e') < 0) return s;
    s = str_fmt(a, "%.20f", v);
    while (s.n > 1 && s.p[s.n - 1] == '0') s.n--;
    return s;
}

static int hex(char c)
{
    return c >= '0' && c <= '9'                     ? c - '0'
           : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                    : -1;
}

Str unescape_cell(Arena *a, Str s)
{
    if (str_find_str(s, S("_x")) < 0) return s;
    char *out = arena_alloc(a, s.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        uint32_t cp = 0;
        bool escape = i + 7 <= s.n && s.p[i] == '_' && s.p[i + 1] == 'x' && s.p[i + 6] == '_';
        for (size_t k = 2; escape && k < 6; k++) {
            int h = hex(s.p[i + k]);
            escape = h >= 0;
            cp = cp << 4 | (uint32_t)(h & 15);
        }
        if (!escape || !cp || (cp >= 0xD800 && cp < 0xE000)) {
            out[n++] = s.p[i];
            continue;
        }
        n += text_encode(cp, out + n);
        i += 6;
    }
    return str_n(out, n);
}

/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Text and numbers: like and round as queries have them (base/portable.h), and what SQLite lacks. Positions
 * and lengths are in characters. */
#include "model/expr_funcs.h"

#include "base/portable.h"
#include "base/text.h"
#include <math.h>

static void f_like(sqlite3_context *c, int n, sqlite3_value **v)
{
    int escape = '\\';
    if (func_null(c, n, v)) return;
    Str pattern = func_text(v[0]), text = func_text(v[1]);
    if (n == 3) {
        Str e = func_text(v[2]);
        if (e.n > 1 || (e.n == 1 && (unsigned char)e.p[0] >= 0x80))
            return func_refuse(c, "escape 后面写一个 ASCII 字符");
        escape = e.n ? (unsigned char)e.p[0] : -1;
    }
    if (pattern.n > 1000) return func_refuse(c, "like 的模式过长");
    if (!func_charge(c, (int64_t)(text.n + text.n * pattern.n / 8))) return;
    sqlite3_result_int(c, text_like(pattern, text, escape, false));
}

static void f_round(sqlite3_context *c, int n, sqlite3_value **v)
{
    if (func_null(c, n, v)) return;
    int places = n > 1 ? sqlite3_value_int(v[1]) : 0;
    sqlite3_result_double(c, decimal_round(sqlite3_value_double(v[0]), places < 15 ? places : 15));
}

/* SQLite's own fails on the least integer. */
static void f_abs(sqlite3_context *c, int n, sqlite3_value **v)
{
    if (func_null(c, n, v)) return;
    int64_t i = sqlite3_value_int64(v[0]);
    if (sqlite3_value_numeric_type(v[0]) == SQLITE_INTEGER && i != INT64_MIN)
        sqlite3_result_int64(c, i < 0 ? -i : i);
    else
        sqlite3_result_double(c, fabs(sqlite3_value_double(v[0])));
}

static void f_contains(sqlite3_context *c, int n, sqlite3_value **v)
{
    if (func_null(c, n, v)) return;
    Str text = func_text(v[0]), part = func_text(v[1]);
    if (!func_charge(c, (int64_t)text.n)) return;
    sqlite3_result_int(c, !part.n || memmem(text.p, text.n, part.p, part.n) != NULL);
}

static void f_starts_with(sqlite3_context *c, int n, sqlite3_value **v)
{
    if (!func_null(c, n, v)) sqlite3_result_int(c, str_starts(func_text(v[0]), func_text(v[1])));
}

static void f_ends_with(sqlite3_context *c, int n, sqlite3_value **v)
{
    if (!func_null(c, n, v)) sqlite3_result_int(c, str_ends(func_text(v[0]), func_text(v[1])));
}

/* left(x, n), right(x, n): n < 0 leaves out so many from the other end, as in PostgreSQL. */
static void part(sqlite3_context *c, int n, sqlite3_value **v, bool right)
{
    if (func_null(c, n, v)) return;
    Str s = func_text(v[0]);
    if (!func_charge(c, 2 * (int64_t)s.n)) return;
    int64_t chars = (int64_t)text_chars(s), want = sqlite3_value_int64(v[1]);
    if (want > chars) want = chars;
    if (want < -chars) want = -chars;
    if (want < 0) want += chars;
    size_t cut = text_cut(s, (size_t)(right ? chars - want : want)).n;
    func_give(c, right ? str_from(s, cut) : str_n(s.p, cut));
}
static void f_left(sqlite3_context *c, int n, sqlite3_value **v) { part(c, n, v, false); }
static void f_right(sqlite3_context *c, int n, sqlite3_value **v) { part(c, n, v, true); }

const SqlFunc expr_funcs_text[] = {{"abs", 1, f_abs, 0, "绝对值"},
                                   {"contains", 2, f_contains, 0, "x 里有 y"},
                                   {"ends_with", 2, f_ends_with, 0, "x 以 y 结尾"},
                                   {"left", 2, f_left, 0, "x 的前 n 个字"},
                                   {"like", 2, f_like, 0, "x like y：区分大小写；\\ 转义"},
                                   {"like", 3, f_like, 0, "x like y escape z"},
                                   {"right", 2, f_right, 0, "x 的后 n 个字"},
                                   {"round", 1, f_round, 0, "四舍五入到整数"},
                                   {"round", 2, f_round, 0, "四舍五入到 n 位小数"},
                                   {"starts_with", 2, f_starts_with, 0, "x 以 y 开头"},
                                   {0}};

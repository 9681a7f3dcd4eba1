/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * SQL functions every SQLite connection gets, so that one statement means the same on both databases:
 * - like: case-sensitive, backslash escapes (PostgreSQL's default); ilike(text, pattern) ignores ASCII case.
 *   Overriding like means that SQLite cannot use an index for a prefix: write `glob` or a range for that.
 * - round(x[, places]): half away from zero of the decimal that x stands for (base/portable.h).
 * - abs(x): of the least integer, too, as a real.
 * - regexp(pattern, text): POSIX extended regular expression over UTF-8 characters, anywhere in the text.
 * - sum, total, avg (also over a window): right for decimals. A value that is the nearest double to a decimal
 * with up to 6 places and 15 digits is added as an exact integer number of millionths; anything else by
 * Neumaier's compensated summation.
 */
#include "store/store_sqlite.h"

#include "base/portable.h"
#include <math.h>
#include <regex.h>

enum { PATTERN_MAX = 1000 }; /* bytes of a regular expression; its compiled size is a multiple */

/* --- like -------------------------------------------------------------------------------------------- */

static Str arg(sqlite3_value *v)
{
    const char *p = (const char *)sqlite3_value_text(v);
    return str_n(p, p ? (size_t)sqlite3_value_bytes(v) : 0);
}

static bool any_null(int n, sqlite3_value **v)
{
    for (int i = 0; i < n; i++)
        if (sqlite3_value_type(v[i]) == SQLITE_NULL) return true;
    return false;
}

/* like(pattern, text[, escape]) is how SQLite calls it for `text like pattern escape e`. */
static void fn_like(sqlite3_context *ctx, int n, sqlite3_value **v)
{
    if (any_null(n, v)) return;
    int escape = '\\';
    if (n == 3) {
        Str e = arg(v[2]);
        if (e.n > 1 || (e.n == 1 && (unsigned char)e.p[0] >= 0x80)) {
            sqlite3_result_error(ctx, "escape must be one ASCII character or empty", -1);
            return;
        }
        escape = e.n ? (unsigned char)e.p[0] : -1;
    }
    sqlite3_result_int(ctx, text_like(arg(v[0]), arg(v[1]), escape, false));
}

static void fn_ilike(sqlite3_context *ctx, int n, sqlite3_value **v)
{
    if (any_null(n, v)) return;
    sqlite3_result_int(ctx, text_like(arg(v[1]), arg(v[0]), '\\', true));
}

/* --- round ------------------------------------------------------------------------------------------- */

static void fn_round(sqlite3_context *ctx, int n, sqlite3_value **v)
{
    if (any_null(n, v)) return;
    int places = n > 1 ? sqlite3_value_int(v[1]) : 0;
    sqlite3_result_double(ctx, decimal_round(sqlite3_value_double(v[0]), places));
}

/* --- regexp ------------------------------------------------------------------------------------------ */

static void free_regex(void *p)
{
    regfree(p);
    free(p);
}

static regex_t *compile(sqlite3_context *ctx, sqlite3_value *pattern)
{
    Str p = arg(pattern);
    if (p.n > PATTERN_MAX || memchr(p.p ? p.p : "", 0, p.n)) {
        sqlite3_result_error(ctx, "regular expression too long or with a NUL", -1);
        return NULL;
    }
    regex_t *re = xcalloc(1, sizeof *re);
    int rc = regcomp(re, p.p ? p.p : "", REG_EXTENDED | REG_NOSUB);
    if (rc == 0) return re;
    char why[128] = "regular expression: ";
    size_t n = strlen(why);
    regerror(rc, re, why + n, sizeof why - n);
    sqlite3_result_error(ctx, why, -1);
    free(re);
    return NULL;
}

static void fn_regexp(sqlite3_context *ctx, int n, sqlite3_value **v)
{
    if (any_null(n, v)) return;
    LiteDb *d = sqlite3_user_data(ctx);
    locale_t before = d->utf8 ? uselocale(d->utf8) : (locale_t)0;
    regex_t *re = sqlite3_get_auxdata(ctx, 0);
    bool fresh = !re;
    if (fresh) re = compile(ctx, v[0]);
    if (re) {
        Str text = arg(v[1]);
        regmatch_t range = {.rm_so = 0, .rm_eo = (regoff_t)text.n};
        sqlite3_result_int(ctx, regexec(re, text.p ? text.p : "", 0, &range, REG_STARTEND) == 0);
        if (fresh) sqlite3_set_auxdata(ctx, 0, re, free_regex); /* may free it at once */
    }
    if (before) uselocale(before);
}

/* SQLite's own fails on the least integer, and with it every query that meets one. */
static void fn_abs(sqlite3_context *ctx, int n, sqlite3_value **v)
{
    if (any_null(n, v)) return;
    int64_t i = sqlite3_value_int64(v[0]);
    if (sqlite3_value_numeric_type(v[0]) == SQLITE_INTEGER && i != INT64_MIN)
        sqlite3_result_int64(ctx, i < 0 ? -i : i);
    else
        sqlite3_result_double(ctx, fabs(sqlite3_value_double(v[0])));
}

/* --- sum, total, avg --------------------------------------------------------------------------------- */

typedef __int128 Wide __attribute__((aligned(8))); /* SQLite promises 8-byte alignment only */

typedef struct Sum {
    Wide millionths;   /* exact part */
    double rest, lost; /* Neumaier: running sum and what its roundings lost */
    int64_t n, n_real, n_rest;
} Sum;

static void add_rest(Sum *s, double x)
{
    double t = s->rest + x;
    if (fabs(s->rest) >= fabs(x))
        s->lost += (s->rest - t) + x;
    else
        s->lost += (x - t) + s->rest;
    s->rest = t;
}

static void sum_add(Sum *s, sqlite3_value *v, int sign)
{
    int type = sqlite3_value_numeric_type(v);
    if (type == SQLITE_NULL) return;
    s->n += sign;
    if (type == SQLITE_INTEGER) {
        s->millionths += (__int128)sqlite3_value_int64(v) * 1000000 * sign;
        return;
    }
    s->n_real += sign;
    double x = sqlite3_value_double(v), m = x * 1e6;
    /* x is the nearest double to m millionths exactly when dividing back gives x again. */
    if (fabs(m) < 9007199254740992.0 && rint(m) / 1e6 == x) {
        s->millionths += (__int128)rint(m) * sign;
    } else {
        s->n_rest += sign;
        add_rest(s, sign > 0 ? x : -x);
    }
}

static double sum_real(const Sum *s)
{
    __int128 whole = s->millionths / 1000000, part = s->millionths % 1000000;
    double exact = s->millionths < 9007199254740992 && s->millionths > -9007199254740992
                       ? (double)s->millionths / 1e6
                       : (double)((long double)whole + (long double)part / 1e6L);
    if (!s->n_rest) return exact;
    Sum all = *s;
    if (!isfinite(all.rest)) return all.rest; /* infinite values: the compensation is NaN */
    add_rest(&all, exact);
    return all.rest + all.lost;
}

static void sum_step(sqlite3_context *ctx, int n, sqlite3_value **v)
{
    (void)n;
    Sum *s = sqlite3_aggregate_context(ctx, sizeof *s);
    if (s) sum_add(s, v[0], 1);
}

static void sum_inverse(sqlite3_context *ctx, int n, sqlite3_value **v)
{
    (void)n;
    Sum *s = sqlite3_aggregate_context(ctx, sizeof *s);
    if (s) sum_add(s, v[0], -1);
}

static void sum_value(sqlite3_context *ctx)
{
    Sum *s = sqlite3_aggregate_context(ctx, 0);
    if (!s || !s->n) return;
    if (s->n_real) {
        sqlite3_result_double(ctx, sum_real(s));
        return;
    }
    __int128 whole = s->millionths / 1000000;
    if (whole > INT64_MAX || whole < INT64_MIN)
        sqlite3_result_error(ctx, "integer overflow", -1);
    else
        sqlite3_result_int64(ctx, (int64_t)whole);
}

static void total_value(sqlite3_context *ctx)
{
    Sum *s = sqlite3_aggregate_context(ctx, 0);
    sqlite3_result_double(ctx, s ? sum_real(s) : 0);
}

static void avg_value(sqlite3_context *ctx)
{
    Sum *s = sqlite3_aggregate_context(ctx, 0);
    if (s && s->n) sqlite3_result_double(ctx, sum_real(s) / (double)s->n);
}

int lite_functions(LiteConn *c, LiteDb *d)
{
    static const struct {
        const char *name;
        int n;
        void (*fn)(sqlite3_context *, int, sqlite3_value **);
    } scalars[] = {{"abs", 1, fn_abs},    {"ilike", 2, fn_ilike},   {"like", 2, fn_like},
                   {"like", 3, fn_like},  {"regexp", 2, fn_regexp}, {"round", 1, fn_round},
                   {"round", 2, fn_round}};
    static const struct {
        const char *name;
        void (*value)(sqlite3_context *);
    } sums[] = {{"avg", avg_value}, {"sum", sum_value}, {"total", total_value}};
    const int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;
    int rc = SQLITE_OK;
    for (size_t i = 0; rc == SQLITE_OK && i < sizeof scalars / sizeof *scalars; i++)
        rc = sqlite3_create_function_v2(c->db, scalars[i].name, scalars[i].n, flags, d, scalars[i].fn, NULL,
                                        NULL, NULL);
    for (size_t i = 0; rc == SQLITE_OK && i < sizeof sums / sizeof *sums; i++)
        rc = sqlite3_create_window_function(c->db, sums[i].name, 1, flags, NULL, sum_step, sums[i].value,
                                            sums[i].value, sum_inverse, NULL);
    return rc;
}

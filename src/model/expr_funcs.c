/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * Each function takes text as it stands in a source file and gives the house's form; NULL and the ways of
 * writing "nothing" give NULL; what is not understood is an error whose message is shown as the reason of the
 * rejected row.
 */
#include "model/expr_funcs.h"

#include "base/ident.h"
#include "base/normal.h"
#include "base/text.h"
#include "model/pattern.h"
#include <regex.h>

static Str arg(sqlite3_value *v)
{
    const char *p = (const char *)sqlite3_value_text(v);
    return str_n(p, p ? (size_t)sqlite3_value_bytes(v) : 0);
}

static void give(sqlite3_context *c, Str s)
{
    sqlite3_result_text(c, s.p ? s.p : "", (int)s.n, SQLITE_TRANSIENT);
}

/* A normaliser's outcome other than 0: NULL for "empty", the reason for an error. */
static void outcome(sqlite3_context *c, int rc, const Err *err)
{
    if (rc == NORMAL_EMPTY)
        sqlite3_result_null(c);
    else
        sqlite3_result_error(c, err->msg, -1);
}

typedef int (*DateFn)(Str, Date *, Err *);
static void give_date(sqlite3_context *c, sqlite3_value **v, DateFn fn)
{
    Err err = ERR_INIT;
    Date d;
    int rc = fn(arg(v[0]), &d, &err);
    if (rc) return outcome(c, rc, &err);
    char text[DATE_SIZE];
    date_format(d, text);
    give(c, str_c(text));
}

typedef int (*AtFn)(Str, int64_t *, Err *);
static void give_at(sqlite3_context *c, sqlite3_value **v, AtFn fn)
{
    Err err = ERR_INIT;
    int64_t us;
    int rc = fn(arg(v[0]), &us, &err);
    if (rc) return outcome(c, rc, &err);
    char text[CLOCK_SIZE];
    clock_format(us, text);
    give(c, str_c(text));
}

static void amount(sqlite3_context *c, sqlite3_value **v, bool currency)
{
    Err err = ERR_INIT;
    Amount m;
    int rc = normal_amount(arg(v[0]), &m, &err);
    if (rc) return outcome(c, rc, &err);
    give(c, str_c(currency ? m.currency : m.text));
}

#define ONE(name) static void name(sqlite3_context *c, int n, sqlite3_value **v)
#define SKIP_NULL()                                                                                          \
    (void)n;                                                                                                 \
    if (sqlite3_value_type(v[0]) == SQLITE_NULL) return sqlite3_result_null(c)

ONE(f_amount_value)
{
    SKIP_NULL();
    amount(c, v, false);
}
ONE(f_amount_currency)
{
    SKIP_NULL();
    amount(c, v, true);
}
ONE(f_cn_date)
{
    SKIP_NULL();
    give_date(c, v, normal_date);
}
ONE(f_roc_date)
{
    SKIP_NULL();
    give_date(c, v, normal_roc_date);
}
ONE(f_us_date)
{
    SKIP_NULL();
    give_date(c, v, normal_us_date);
}
ONE(f_excel_date)
{
    SKIP_NULL();
    give_date(c, v, normal_excel_date);
}
ONE(f_cn_datetime)
{
    SKIP_NULL();
    give_at(c, v, normal_datetime);
}
ONE(f_us_datetime)
{
    SKIP_NULL();
    give_at(c, v, normal_us_datetime);
}
ONE(f_excel_datetime)
{
    SKIP_NULL();
    give_at(c, v, normal_excel_datetime);
}

ONE(f_cn_int)
{
    SKIP_NULL();
    Err err = ERR_INIT;
    int64_t i;
    int rc = normal_int(arg(v[0]), &i, &err);
    if (rc) return outcome(c, rc, &err);
    sqlite3_result_int64(c, i);
}

ONE(f_cn_decimal)
{
    SKIP_NULL();
    Err err = ERR_INIT;
    char text[AMOUNT_TEXT];
    int rc = normal_decimal(arg(v[0]), text, &err);
    if (rc) return outcome(c, rc, &err);
    give(c, str_c(text));
}

ONE(f_cn_bool)
{
    SKIP_NULL();
    Err err = ERR_INIT;
    bool b;
    int rc = normal_bool(arg(v[0]), &b, &err);
    if (rc) return outcome(c, rc, &err);
    sqlite3_result_int(c, b);
}

typedef Str (*TextFn)(Arena *, Str);
static void give_text(sqlite3_context *c, sqlite3_value **v, TextFn fn)
{
    Arena *a = arena_new();
    give(c, fn(a, arg(v[0])));
    arena_free(a);
}
ONE(f_halfwidth)
{
    SKIP_NULL();
    give_text(c, v, text_half_width);
}

/* Tidied, and NULL for the ways of writing "nothing". */
ONE(f_clean)
{
    SKIP_NULL();
    if (normal_is_empty(arg(v[0]))) return sqlite3_result_null(c);
    give_text(c, v, text_tidy);
}

ONE(f_person_ok)
{
    SKIP_NULL();
    sqlite3_result_int(c, ident_person(arg(v[0]), NULL, NULL) == 0);
}
ONE(f_credit_ok)
{
    SKIP_NULL();
    sqlite3_result_int(c, ident_credit(arg(v[0]), NULL, NULL) == 0);
}
ONE(f_phone_ok)
{
    SKIP_NULL();
    sqlite3_result_int(c, ident_phone(arg(v[0]), NULL, NULL) == 0);
}

static void free_regex(void *p)
{
    regfree(p);
    free(p);
}

/* regexp(pattern, text): POSIX extended; the compiled pattern stays with the statement. */
static void f_regexp(sqlite3_context *c, int n, sqlite3_value **v)
{
    (void)n;
    if (sqlite3_value_type(v[0]) == SQLITE_NULL || sqlite3_value_type(v[1]) == SQLITE_NULL)
        return sqlite3_result_null(c);
    regex_t *re = sqlite3_get_auxdata(c, 0);
    if (!re) {
        if (pattern_fault(arg(v[0]))) return sqlite3_result_error(c, "正则表达式过长或过于复杂", -1);
        re = xmalloc(sizeof *re);
        if (regcomp(re, (const char *)sqlite3_value_text(v[0]), REG_EXTENDED | REG_NOSUB) != 0) {
            free(re);
            return sqlite3_result_error(c, "正则表达式写得不对", -1);
        }
        sqlite3_set_auxdata(c, 0, re, free_regex);
        re = sqlite3_get_auxdata(c, 0);
        if (!re) return sqlite3_result_error_nomem(c);
    }
    sqlite3_result_int(c, regexec(re, (const char *)sqlite3_value_text(v[1]), 0, NULL, 0) == 0);
}

static void f_region_by_name(sqlite3_context *c, int n, sqlite3_value **v)
{
    ExprFuncs *f = sqlite3_user_data(c);
    if (!f->lookup) return sqlite3_result_error(c, "这里不能按名称查区划", -1);
    if (sqlite3_value_type(v[0]) == SQLITE_NULL || (n > 1 && sqlite3_value_type(v[1]) == SQLITE_NULL))
        return sqlite3_result_null(c);
    Arena *a = arena_new();
    Str code = f->lookup(f->ctx, a, S("region"), arg(v[0]), n > 1 ? arg(v[1]) : STR_NONE);
    if (code.n)
        give(c, code);
    else
        sqlite3_result_null(c);
    arena_free(a);
}

static const struct {
    const char *name;
    int args;
    void (*fn)(sqlite3_context *, int, sqlite3_value **);
    bool volatile_;
} rows[] = {
    {"amount_currency", 1, f_amount_currency, false},
    {"amount_value", 1, f_amount_value, false},
    {"clean", 1, f_clean, false},
    {"cn_bool", 1, f_cn_bool, false},
    {"cn_date", 1, f_cn_date, false},
    {"cn_datetime", 1, f_cn_datetime, false},
    {"cn_decimal", 1, f_cn_decimal, false},
    {"cn_int", 1, f_cn_int, false},
    {"credit_code_ok", 1, f_credit_ok, false},
    {"excel_date", 1, f_excel_date, false},
    {"excel_datetime", 1, f_excel_datetime, false},
    {"halfwidth", 1, f_halfwidth, false},
    {"person_id_ok", 1, f_person_ok, false},
    {"phone_ok", 1, f_phone_ok, false},
    {"regexp", 2, f_regexp, false},
    {"region_by_name", 1, f_region_by_name, true},
    {"region_by_name", 2, f_region_by_name, true},
    {"roc_date", 1, f_roc_date, false},
    {"us_date", 1, f_us_date, false},
    {"us_datetime", 1, f_us_datetime, false},
};

void expr_funcs_register(sqlite3 *db, ExprFuncs *funcs)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        sqlite3_create_function_v2(db, rows[i].name, rows[i].args,
                                   SQLITE_UTF8 | (rows[i].volatile_ ? 0 : SQLITE_DETERMINISTIC), funcs,
                                   rows[i].fn, NULL, NULL, NULL);
}

/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * Each function takes text as it stands in a source file and gives the house's form; NULL and the ways of
 * writing "nothing" give NULL; what is not understood is an error whose message is shown as the reason of the
 * rejected row.
 */
#include "model/expr_funcs.h"

#include "base/clock.h"
#include "base/ident.h"
#include "base/normal.h"
#include "base/text.h"
#include "model/pattern.h"
#include <regex.h>

void func_give(sqlite3_context *c, Str s)
{
    sqlite3_result_text(c, s.p ? s.p : "", (int)s.n, SQLITE_TRANSIENT);
}

void func_refuse(sqlite3_context *c, const char *why) { sqlite3_result_error(c, why, -1); }

bool func_null(sqlite3_context *c, int n, sqlite3_value **v)
{
    for (int i = 0; i < n; i++)
        if (sqlite3_value_type(v[i]) == SQLITE_NULL) return sqlite3_result_null(c), true;
    return false;
}

bool func_charge(sqlite3_context *c, int64_t units)
{
    ExprCall *call = sqlite3_user_data(c);
    call->work -= units;
    if (call->work >= 0) return true;
    func_refuse(c, "表达式的运算量过大，已中止");
    return false;
}

int64_t func_now(sqlite3_context *c)
{
    ExprCall *call = sqlite3_user_data(c);
    if (call->fixed_us) return call->fixed_us;
    if (!call->now_us) call->now_us = clock_now_us();
    return call->now_us;
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
    int rc = fn(func_arg(v[0]), &d, &err);
    if (rc) return outcome(c, rc, &err);
    char text[DATE_SIZE];
    date_format(d, text);
    func_give(c, str_c(text));
}

typedef int (*AtFn)(Str, int64_t *, Err *);
static void give_at(sqlite3_context *c, sqlite3_value **v, AtFn fn)
{
    Err err = ERR_INIT;
    int64_t us;
    int rc = fn(func_arg(v[0]), &us, &err);
    if (rc) return outcome(c, rc, &err);
    char text[CLOCK_SIZE];
    clock_format(us, text);
    func_give(c, str_c(text));
}

static void amount(sqlite3_context *c, sqlite3_value **v, bool currency)
{
    Err err = ERR_INIT;
    Amount m;
    int rc = normal_amount(func_arg(v[0]), &m, &err);
    if (rc) return outcome(c, rc, &err);
    func_give(c, str_c(currency ? m.currency : m.text));
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

/* A function that reads its only argument with a reader of base/normal. */
#define READS(name, give, reader)                                                                            \
    ONE(name)                                                                                                \
    {                                                                                                        \
        SKIP_NULL();                                                                                         \
        give(c, v, reader);                                                                                  \
    }

READS(f_cn_date, give_date, normal_date)
READS(f_roc_date, give_date, normal_roc_date)
READS(f_us_date, give_date, normal_us_date)
READS(f_excel_date, give_date, normal_excel_date)

READS(f_cn_datetime, give_at, normal_datetime)
READS(f_us_datetime, give_at, normal_us_datetime)
READS(f_excel_datetime, give_at, normal_excel_datetime)

ONE(f_cn_int)
{
    SKIP_NULL();
    Err err = ERR_INIT;
    int64_t i;
    int rc = normal_int(func_arg(v[0]), &i, &err);
    if (rc) return outcome(c, rc, &err);
    sqlite3_result_int64(c, i);
}

ONE(f_cn_decimal)
{
    SKIP_NULL();
    Err err = ERR_INIT;
    char text[AMOUNT_TEXT];
    int rc = normal_decimal(func_arg(v[0]), text, &err);
    if (rc) return outcome(c, rc, &err);
    func_give(c, str_c(text));
}

ONE(f_cn_bool)
{
    SKIP_NULL();
    Err err = ERR_INIT;
    bool b;
    int rc = normal_bool(func_arg(v[0]), &b, &err);
    if (rc) return outcome(c, rc, &err);
    sqlite3_result_int(c, b);
}

typedef Str (*TextFn)(Arena *, Str);
static void give_text(sqlite3_context *c, sqlite3_value **v, TextFn fn)
{
    Arena *a = arena_new();
    func_give(c, fn(a, func_arg(v[0])));
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
    if (normal_is_empty(func_arg(v[0]))) return sqlite3_result_null(c);
    give_text(c, v, text_tidy);
}

ONE(f_person_ok)
{
    SKIP_NULL();
    sqlite3_result_int(c, ident_person(func_arg(v[0]), NULL, NULL) == 0);
}
/* The 17 characters and the check character that belongs to them; NULL when they are not 17 of the right
 * ones. */
static void with_check(sqlite3_context *c, Str first17, char check)
{
    char whole[IDENT_SIZE];
    if (first17.n != 17 || !check) return sqlite3_result_null(c);
    memcpy(whole, first17.p, 17);
    whole[17] = check;
    func_give(c, str_n(whole, 18));
}
ONE(f_person_id)
{
    SKIP_NULL();
    Str s = func_arg(v[0]);
    with_check(c, s, s.n == 17 ? ident_person_check(s) : 0);
}
ONE(f_credit_code)
{
    SKIP_NULL();
    Str s = func_arg(v[0]);
    with_check(c, s, s.n == 17 ? ident_credit_check(s) : 0);
}
ONE(f_credit_ok)
{
    SKIP_NULL();
    sqlite3_result_int(c, ident_credit(func_arg(v[0]), NULL, NULL) == 0);
}
ONE(f_phone_ok)
{
    SKIP_NULL();
    sqlite3_result_int(c, ident_phone(func_arg(v[0]), NULL, NULL) == 0);
}

ONE(f_email_ok)
{
    SKIP_NULL();
    sqlite3_result_int(c, ident_email(func_arg(v[0]), NULL) == 0);
}
ONE(f_url_ok)
{
    SKIP_NULL();
    sqlite3_result_int(c, ident_url(func_arg(v[0]), NULL) == 0);
}

ONE(f_person_born)
{
    SKIP_NULL();
    PersonId id;
    char text[DATE_SIZE];
    if (ident_person(func_arg(v[0]), &id, NULL) < 0) return sqlite3_result_null(c);
    date_format(id.birth, text);
    func_give(c, str_c(text));
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
    if (!func_charge(c, 6 * (int64_t)func_arg(v[1]).n)) return;
    if (!re) {
        if (pattern_fault(func_arg(v[0]))) return sqlite3_result_error(c, "正则表达式过长或过于复杂", -1);
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
    ExprCall *f = sqlite3_user_data(c);
    if (!f->lookup) return sqlite3_result_error(c, "这里不能按名称查区划", -1);
    if (sqlite3_value_type(v[0]) == SQLITE_NULL || (n > 1 && sqlite3_value_type(v[1]) == SQLITE_NULL))
        return sqlite3_result_null(c);
    Arena *a = arena_new();
    Str code = f->lookup(f->ctx, a, S("region"), func_arg(v[0]), n > 1 ? func_arg(v[1]) : STR_NONE);
    if (code.n)
        func_give(c, code);
    else
        sqlite3_result_null(c);
    arena_free(a);
}

const SqlFunc expr_funcs_normal[] = {
    {"amount_currency", 1, f_amount_currency, 0, "金额文字里的币种"},
    {"amount_value", 1, f_amount_value, 0, "金额文字的数值（元）"},
    {"clean", 1, f_clean, 0, "去掉多余空白；“无”“—”等视为空"},
    {"cn_bool", 1, f_cn_bool, 0, "“是”“否”等转为 1、0"},
    {"cn_date", 1, f_cn_date, 0, "各种写法的日期"},
    {"cn_datetime", 1, f_cn_datetime, 0, "各种写法的时刻"},
    {"cn_decimal", 1, f_cn_decimal, 0, "各种写法的小数"},
    {"cn_int", 1, f_cn_int, 0, "各种写法的整数"},
    {"credit_code", 1, f_credit_code, 0, "统一社会信用代码：前 17 位加校验码（GB 32100）"},
    {"credit_code_ok", 1, f_credit_ok, 0, "统一社会信用代码正确（GB 32100）"},
    {"email_ok", 1, f_email_ok, 0, "邮箱写法正确"},
    {"excel_date", 1, f_excel_date, 0, "电子表格的日期序号"},
    {"excel_datetime", 1, f_excel_datetime, 0, "电子表格的时刻序号"},
    {"halfwidth", 1, f_halfwidth, 0, "全角字符转半角"},
    {"person_id", 1, f_person_id, 0, "公民身份号码：前 17 位加校验码（GB 11643）"},
    {"person_id_born", 1, f_person_born, 0, "公民身份号码里的出生日期；号码不对为空"},
    {"person_id_ok", 1, f_person_ok, 0, "公民身份号码正确（GB 11643）"},
    {"phone_ok", 1, f_phone_ok, 0, "电话号码写法正确"},
    {"regexp", 2, f_regexp, 0, "x regexp y：x 里有 y 这个 POSIX 扩展正则表达式"},
    {"region_by_name", 1, f_region_by_name, FUNC_VOLATILE, "按名称查区划代码（只在导入时）"},
    {"region_by_name", 2, f_region_by_name, FUNC_VOLATILE, "按名称查区划代码（只在导入时）"},
    {"roc_date", 1, f_roc_date, 0, "民国纪年的日期"},
    {"url_ok", 1, f_url_ok, 0, "网址写法正确"},
    {"us_date", 1, f_us_date, 0, "月/日/年 的日期"},
    {"us_datetime", 1, f_us_datetime, 0, "月/日/年 的时刻"},
    {0}};

void expr_funcs_register(sqlite3 *db, const SqlFunc *rows, void *data)
{
    for (; rows->name; rows++)
        sqlite3_create_function_v2(db, rows->name, rows->args,
                                   SQLITE_UTF8 | (rows->flags & FUNC_VOLATILE ? 0 : SQLITE_DETERMINISTIC),
                                   data, rows->fn, NULL, NULL, NULL);
}

Str expr_funcs_nearest(Str name)
{
    static const char *const sqlite[] = {"abs", "coalesce", "iif",     "instr",  "length", "lower", "max",
                                         "min", "nullif",   "replace", "substr", "trim",   "upper", NULL};
    const SqlFunc *const own[] = {expr_funcs_normal, expr_funcs_text, expr_funcs_date, expr_funcs_geo};
    Str names[128];
    size_t n = 0;
    for (size_t t = 0; t < sizeof own / sizeof *own; t++)
        for (const SqlFunc *f = own[t]; f->name && n < 100; f++) names[n++] = str_c(f->name);
    for (size_t i = 0; sqlite[i]; i++) names[n++] = str_c(sqlite[i]);
    ptrdiff_t near = text_nearest(name, names, n);
    return near >= 0 ? names[near] : STR_NONE;
}

/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * Dates and working time. A date is YYYY-MM-DD; where a date is wanted, an instant gives its date in China.
 * An instant given back is the UTC text that datetime fields hold. Working days are those of the city's
 * calendar (base/calendar.h).
 */
#include "model/expr_funcs.h"

#include <math.h>

enum { DAYS_MAX = 100000, DAY_COST = 8 };

static bool get_date(sqlite3_context *c, sqlite3_value *v, Date *ret)
{
    int64_t us;
    Str s = func_arg(v);
    if (date_parse(s, ret, NULL) == 0) return true;
    if (clock_parse(s, &us, NULL) == 0) return *ret = clock_china_date(us), true;
    func_refuse(c, "要的是日期，写成 2025-06-03");
    return false;
}

static bool get_at(sqlite3_context *c, sqlite3_value *v, int64_t *ret)
{
    Date d;
    Str s = func_arg(v);
    if (clock_parse(s, ret, NULL) == 0) return true;
    if (date_parse(s, &d, NULL) == 0) return *ret = clock_from_china(d, (TimeOfDay){0}, 0), true;
    func_refuse(c, "要的是时刻，写成 2025-06-03T09:00:00+08:00");
    return false;
}

static bool get_days(sqlite3_context *c, sqlite3_value *v, int64_t max, int64_t *ret)
{
    *ret = sqlite3_value_int64(v);
    if (*ret >= -max && *ret <= max) return true;
    func_refuse(c, "天数过大");
    return false;
}

static void give_date(sqlite3_context *c, Date d)
{
    char text[DATE_SIZE];
    date_format(d, text);
    func_give(c, str_c(text));
}

static void give_at(sqlite3_context *c, int64_t us)
{
    char text[CLOCK_SIZE];
    clock_format_utc(us, text);
    func_give(c, str_c(text));
}

static void f_today(sqlite3_context *c, int n, sqlite3_value **v)
{
    (void)n, (void)v;
    give_date(c, clock_china_date(func_now(c)));
}

static void f_now(sqlite3_context *c, int n, sqlite3_value **v)
{
    (void)n, (void)v;
    give_at(c, func_now(c));
}

static void f_date_add(sqlite3_context *c, int n, sqlite3_value **v)
{
    Date d;
    int64_t days;
    if (func_null(c, n, v) || !get_date(c, v[0], &d) || !get_days(c, v[1], 4000000, &days)) return;
    give_date(c, date_add(d, days));
}

static void f_days_between(sqlite3_context *c, int n, sqlite3_value **v)
{
    Date x, y;
    if (func_null(c, n, v) || !get_date(c, v[0], &x) || !get_date(c, v[1], &y)) return;
    sqlite3_result_int64(c, date_to_days(y) - date_to_days(x));
}

static void with_calendar(sqlite3_context *c,
                          void (*fn)(sqlite3_context *, const Calendar *, sqlite3_value **), int n,
                          sqlite3_value **v)
{
    const ExprCall *call = sqlite3_user_data(c);
    if (func_null(c, n, v)) return;
    if (call->calendar) return fn(c, call->calendar, v);
    _cleanup_calendar_ Calendar *weekends = calendar_new();
    fn(c, weekends, v);
}

static void is_workday(sqlite3_context *c, const Calendar *cal, sqlite3_value **v)
{
    Date d;
    if (get_date(c, v[0], &d)) sqlite3_result_int(c, calendar_is_workday(cal, d));
}

static void workdays_between(sqlite3_context *c, const Calendar *cal, sqlite3_value **v)
{
    Date x, y;
    if (!get_date(c, v[0], &x) || !get_date(c, v[1], &y)) return;
    int64_t days = llabs(date_to_days(y) - date_to_days(x));
    if (days > DAYS_MAX) return func_refuse(c, "两个日期相差太远");
    if (func_charge(c, days * DAY_COST)) sqlite3_result_int64(c, calendar_workdays_between(cal, x, y, NULL));
}

static void add_workdays(sqlite3_context *c, const Calendar *cal, sqlite3_value **v)
{
    Date d;
    int64_t days;
    if (!get_date(c, v[0], &d) || !get_days(c, v[1], DAYS_MAX / 2, &days)) return;
    if (func_charge(c, llabs(days) * 2 * DAY_COST)) give_date(c, calendar_add_workdays(cal, d, days, NULL));
}

static void add_work_hours(sqlite3_context *c, const Calendar *cal, sqlite3_value **v)
{
    int64_t us;
    double hours = sqlite3_value_double(v[1]);
    if (!get_at(c, v[0], &us)) return;
    if (!(hours >= 0 && hours <= DAYS_MAX)) return func_refuse(c, "小时数要在 0 到 100000 之间");
    if (func_charge(c, (int64_t)hours * DAY_COST))
        give_at(c, calendar_add_work_minutes(cal, NULL, us, llround(hours * 60), NULL));
}

#define WITH_CALENDAR(name)                                                                                  \
    static void f_##name(sqlite3_context *c, int n, sqlite3_value **v) { with_calendar(c, name, n, v); }
WITH_CALENDAR(is_workday)
WITH_CALENDAR(workdays_between)
WITH_CALENDAR(add_workdays)
WITH_CALENDAR(add_work_hours)

/* Whole years; who is born on 29 February is a year older on 1 March in other years. */
static void f_age(sqlite3_context *c, int n, sqlite3_value **v)
{
    Date born, on = {0};
    if (func_null(c, n, v) || !get_date(c, v[0], &born)) return;
    if (n > 1 ? !get_date(c, v[1], &on) : (on = clock_china_date(func_now(c)), false)) return;
    int years = on.year - born.year;
    if (on.month < born.month || (on.month == born.month && on.day < born.day)) years--;
    sqlite3_result_int(c, years);
}

static void part(sqlite3_context *c, int n, sqlite3_value **v, char which)
{
    Date d;
    if (func_null(c, n, v) || !get_date(c, v[0], &d)) return;
    sqlite3_result_int(c, which == 'y' ? d.year : which == 'm' ? d.month : d.day);
}
static void f_year(sqlite3_context *c, int n, sqlite3_value **v) { part(c, n, v, 'y'); }
static void f_month(sqlite3_context *c, int n, sqlite3_value **v) { part(c, n, v, 'm'); }
static void f_day(sqlite3_context *c, int n, sqlite3_value **v) { part(c, n, v, 'd'); }

const SqlFunc expr_funcs_date[] = {
    {"add_work_hours", 2, f_add_work_hours, 0, "时刻 t 之后 h 个工作小时"},
    {"add_workdays", 2, f_add_workdays, 0, "日期 d 之后（负数为之前）第 n 个工作日"},
    {"age", 1, f_age, FUNC_VOLATILE, "到今天的周岁"},
    {"age", 2, f_age, 0, "到某日的周岁"},
    {"date_add", 2, f_date_add, 0, "日期 d 之后 n 天"},
    {"day", 1, f_day, 0, "日"},
    {"days_between", 2, f_days_between, 0, "从 a 到 b 的天数"},
    {"is_workday", 1, f_is_workday, 0, "是工作日"},
    {"month", 1, f_month, 0, "月"},
    {"now", 0, f_now, FUNC_VOLATILE, "现在"},
    {"today", 0, f_today, FUNC_VOLATILE, "今天（北京时间）"},
    {"workdays_between", 2, f_workdays_between, 0, "a 之后到 b（含）的工作日数"},
    {"year", 1, f_year, 0, "年"},
    {0}};

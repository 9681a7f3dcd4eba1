/* SPDX-License-Identifier: MulanPSL-2.0 */
/* base/calendar with the shipped file. */
#include "unit.h"
#include "base/calendar.h"

static Calendar *shipped(void)
{
    char path[512];
    Err err = ERR_INIT;
    /* SHARED is SOURCE_ROOT/../shared. */
    Str root = str_c(getenv("SHARED"));
    if (str_ends(root, S("/../shared")))
        root.n -= strlen("/../shared");
    else
        root = S(".");
    snprintf(path, sizeof path, STR_FMT "/data/calendar/cn-workdays.csv", STR_ARG(root));
    Calendar *c = calendar_new();
    if (calendar_load(c, path, &err) < 0) fail_msg("%s:%d %s", err.file, err.line, err.msg);
    return c;
}

static Date day(const char *s)
{
    Date d;
    if (date_parse(str_c(s), &d, NULL) < 0) fail_msg("%s", s);
    return d;
}

static int64_t at(const char *s)
{
    int64_t us;
    if (clock_parse(str_c(s), &us, NULL) < 0) fail_msg("%s", s);
    return us;
}

static void workday__known_days(void **state)
{
    (void)state;
    static const struct {
        const char *date;
        bool work;
    } rows[] = {{"2025-06-02", false}, {"2025-06-03", true},  {"2025-01-26", true},  {"2025-10-11", true},
                {"2024-02-18", true},  {"2024-02-09", true},  {"2023-10-06", false}, {"2023-10-07", true},
                {"2026-02-14", true},  {"2026-02-23", false}, {"2026-09-20", true},  {"2026-11-21", false},
                {"2022-12-31", false}, {"2025-06-07", false}};
    _cleanup_calendar_ Calendar *c = shipped();
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (calendar_is_workday(c, day(rows[i].date)) != rows[i].work) fail_msg("%s", rows[i].date);
    }
    assert_text(calendar_day_name(c, day("2025-06-02")), "端午节");
    assert_text(calendar_day_name(c, day("2025-06-03")), "");
    int first, last;
    assert_true(calendar_range(c, &first, &last));
    assert_int_equal(first, 2023);
    assert_int_equal(last, 2026);
    assert_false(calendar_covers(c, 2022));
}

/* Working days of whole years, counted from the notices by hand: weekdays − holidays on weekdays + make-up
 * days. */
static void workdays__add_and_between(void **state)
{
    (void)state;
    static const struct {
        const char *from;
        int n;
        const char *to;
        bool covered;
    } rows[] = {{"2025-06-03", 2, "2025-06-05", true},  {"2025-06-03", 3, "2025-06-06", true},
                {"2025-06-03", 10, "2025-06-17", true}, {"2025-05-30", 1, "2025-06-03", true},
                {"2025-01-24", 1, "2025-01-26", true},  {"2025-01-27", 1, "2025-02-05", true},
                {"2025-06-03", -1, "2025-05-30", true}, {"2025-06-01", 0, "2025-06-03", true},
                {"2026-12-31", 1, "2027-01-01", false}};
    _cleanup_calendar_ Calendar *c = shipped();
    for (size_t i = 0; i < COUNT(rows); i++) {
        bool covered;
        Date d = calendar_add_workdays(c, day(rows[i].from), rows[i].n, &covered);
        assert_int_equal(date_cmp(d, day(rows[i].to)), 0);
        assert_int_equal(covered, rows[i].covered);
        if (rows[i].n > 0)
            assert_int_equal(calendar_workdays_between(c, day(rows[i].from), d, NULL), rows[i].n);
    }
    assert_int_equal(calendar_workdays_between(c, day("2024-12-31"), day("2025-12-31"), NULL), 248);
    assert_int_equal(calendar_workdays_between(c, day("2025-12-31"), day("2024-12-31"), NULL), -248);
    for (Date d = day("2024-12-01"); d.year < 2026;
         d = date_add(d, 11)) { /* counting by arithmetic = counting by days */
        int64_t n = 0;
        for (Date e = date_add(day("2024-12-01"), 1); date_cmp(e, d) <= 0; e = date_add(e, 1))
            n += calendar_is_workday(c, e);
        assert_int_equal(calendar_workdays_between(c, day("2024-12-01"), d, NULL), n);
    }
}

static void work_hours__cross_nights_and_holidays(void **state)
{
    (void)state;
    static const struct {
        const char *from;
        int hours;
        const char *to;
    } rows[] = {{"2025-06-03 09:00", 3, "2025-06-03 12:00"}, {"2025-06-03 09:00", 4, "2025-06-03 14:00"},
                {"2025-06-03 16:30", 1, "2025-06-04 09:30"}, {"2025-05-30 16:00", 2, "2025-06-03 10:00"},
                {"2025-05-31 10:00", 1, "2025-06-03 10:00"}, {"2025-06-03 12:30", 1, "2025-06-03 14:00"},
                {"2025-06-03 09:00", 7, "2025-06-03 17:00"}, {"2025-06-03 10:00", 0, "2025-06-03 10:00"}};
    _cleanup_calendar_ Calendar *c = shipped();
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t end = calendar_add_work_hours(c, NULL, at(rows[i].from), rows[i].hours);
        if (end != at(rows[i].to)) fail_msg("row %zu", i);
        assert_int_equal(calendar_work_minutes_between(c, NULL, at(rows[i].from), end), rows[i].hours * 60);
    }
    WorkHours h;
    assert_int_equal(work_hours_parse(S("08:30-12:00, 14:00-18:00"), &h, NULL), 0);
    assert_int_equal(h.spans[1].to, 1080);
    static const char *const bad[] = {"", "9-12", "12:00-09:00", "09:00-12:00,11:00-13:00", "09:00"};
    for (size_t i = 0; i < COUNT(bad); i++) assert_true(work_hours_parse(str_c(bad[i]), &h, NULL) < 0);
}

static void load__errors_have_file_and_line(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int line, col;
    } rows[] = {{"date,kind,name\n2025-02-30,holiday,x\n", 2, 1},
                {"2025-01-01,free,x\n", 1, 2},
                {"date,kind,name\n\n2025-01-01,holiday\n", 3, 0},
                {"2025-01-01,holiday,a\n2025-01-01,workday,b\n", 2, 1}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_calendar_ Calendar *c = calendar_new();
        Err err = ERR_INIT;
        assert_int_equal(calendar_load_text(c, "x.csv", str_c(rows[i].text), &err), -ERR_INPUT);
        assert_string_equal(err.file, "x.csv");
        assert_int_equal(err.line, rows[i].line);
        assert_int_equal(err.col, rows[i].col);
        assert_true(calendar_is_workday(c, day("2025-01-01")));
    }
    _cleanup_calendar_ Calendar *c = shipped();
    assert_int_equal(calendar_load_text(c, "local.csv", S("date,kind,name\n2025-06-04,holiday,市庆\n"), NULL),
                     0);
    assert_false(calendar_is_workday(c, day("2025-06-04")));
    assert_int_equal(calendar_load(c, "/nowhere/x.csv", NULL), -ERR_NOT_FOUND);
}

UNIT_MAIN(cmocka_unit_test(workday__known_days), cmocka_unit_test(workdays__add_and_between),
          cmocka_unit_test(work_hours__cross_nights_and_holidays),
          cmocka_unit_test(load__errors_have_file_and_line))

/* SPDX-License-Identifier: MulanPSL-2.0 */
/* base/clock. */
#include "unit.h"
#include "base/clock.h"

static void date__days_round_trip_over_all_years(void **state)
{
    (void)state;
    assert_int_equal(date_to_days((Date){1970, 1, 1}), 0);
    assert_int_equal(date_to_days((Date){2025, 6, 3}), 20242);
    int64_t want = date_to_days((Date){1, 1, 1});
    for (int y = 1; y <= 9999; y++)
        for (int m = 1; m <= 12; m++)
            for (int d = 1; d <= date_month_days(y, m); d += d == 1 ? date_month_days(y, m) - 1 : 1) {
                Date date = {y, m, d};
                int64_t days = date_to_days(date);
                assert_int_equal(days, d == 1 ? want : want + d - 1);
                assert_int_equal(date_cmp(date_from_days(days), date), 0);
                if (d != 1) want += d;
            }
}

static void date__weekday_and_add(void **state)
{
    (void)state;
    assert_int_equal(date_weekday((Date){2025, 6, 3}), 2);
    assert_int_equal(date_weekday((Date){1900, 1, 1}), 1);
    assert_int_equal(date_cmp(date_add((Date){2024, 2, 28}, 1), (Date){2024, 2, 29}), 0);
    assert_int_equal(date_cmp(date_add((Date){2024, 3, 1}, INT64_MAX), (Date){9999, 12, 31}), 0);
    assert_int_equal(date_cmp(date_add((Date){2024, 3, 1}, INT64_MIN), (Date){1, 1, 1}), 0);
}

static void date__parse_refuses(void **state)
{
    (void)state;
    static const char *const bad[] = {"",           "2025-6-3",   "2025-02-29",    "2025-13-01",
                                      "2025-00-01", "2025-01-00", "0000-01-01",    "2025-01-01 ",
                                      "2025/01/01", "20250101",   "２０２５-01-01"};
    Date d;
    Err err = ERR_INIT;
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(date_parse(str_c(bad[i]), &d, &err), -ERR_VALIDATION);
    assert_int_equal(date_parse(S("2024-02-29"), &d, &err), 0);
    char out[DATE_SIZE];
    date_format(d, out);
    assert_string_equal(out, "2024-02-29");
}

static void tod__forms(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "24:00", "9:00", "12:60", "12:00:60", "12:00:0", "12:00 "};
    TimeOfDay t;
    char out[TIME_SIZE];
    for (size_t i = 0; i < COUNT(bad); i++) assert_true(tod_parse(str_c(bad[i]), &t, NULL) < 0);
    assert_int_equal(tod_parse(S("14:05"), &t, NULL), 0);
    tod_format(t, out);
    assert_string_equal(out, "14:05:00");
}

static void clock__parse_and_format(void **state)
{
    (void)state;
    static const struct {
        const char *in, *china, *utc;
    } rows[] = {
        {"2025-06-03T14:05:00+08:00", "2025-06-03T14:05:00+08:00", "2025-06-03T06:05:00.000000Z"},
        {"2025-06-03T06:05:00Z", "2025-06-03T14:05:00+08:00", "2025-06-03T06:05:00.000000Z"},
        {"2025-06-03 14:05", "2025-06-03T14:05:00+08:00", "2025-06-03T06:05:00.000000Z"},
        {"2025-06-03t06:05:00.5z", "2025-06-03T14:05:00.5+08:00", "2025-06-03T06:05:00.500000Z"},
        {"2025-06-03T14:05:00.1234567", "2025-06-03T14:05:00.123456+08:00", "2025-06-03T06:05:00.123456Z"},
        {"2016-12-31T23:59:60Z", "2017-01-01T08:00:00+08:00", "2017-01-01T00:00:00.000000Z"},
        {"1969-12-31T23:59:59.999999Z", "1970-01-01T07:59:59.999999+08:00", "1969-12-31T23:59:59.999999Z"},
        {"2025-06-03T14:05:00-0530", "2025-06-04T03:35:00+08:00", "2025-06-03T19:35:00.000000Z"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t us;
        char out[CLOCK_SIZE];
        assert_int_equal(clock_parse(str_c(rows[i].in), &us, NULL), 0);
        clock_format(us, out);
        assert_string_equal(out, rows[i].china);
        clock_format_utc(us, out);
        assert_string_equal(out, rows[i].utc);
        int64_t again;
        assert_int_equal(clock_parse(str_c(out), &again, NULL), 0);
        assert_int_equal(again, us);
    }
}

static void clock__refuses_with_offset(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        int at;
    } rows[] = {{"2025-06-03", 10},
                {"2025-06-03T", 10},
                {"2025-06-03T25:00", 10},
                {"2025-06-03T12:00:00.", 19},
                {"2025-06-03T12:00:00+8", 19},
                {"2025-06-03T12:00:00Zx", 19},
                {"2025-02-30T12:00", 0},
                {"2025-06-03T12:00:00+24:00", 19},
                {"0001-01-01T00:00:00", 0}, /* the year 0 in UTC */
                {"9999-12-31T23:59:59-00:01", 0},
                {"9999-12-31T23:59:60Z", 0}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t us;
        Err err = ERR_INIT;
        assert_int_equal(clock_parse(str_c(rows[i].in), &us, &err), -ERR_VALIDATION);
        assert_int_equal(err.at, rows[i].at);
    }
}

static void clock__extremes_are_held(void **state)
{
    (void)state;
    char out[CLOCK_SIZE];
    clock_format(INT64_MAX, out);
    assert_string_equal(out, "9999-12-31T23:59:59.999999+08:00");
    clock_format_utc(INT64_MIN, out);
    assert_string_equal(out, "0001-01-01T00:00:00.000000Z");
    assert_true(clock_now_us() > clock_from_china((Date){2024, 1, 1}, (TimeOfDay){0}, 0));
    int64_t m = clock_mono_us();
    assert_true(clock_mono_us() >= m);
}

UNIT_MAIN(cmocka_unit_test(date__days_round_trip_over_all_years), cmocka_unit_test(date__weekday_and_add),
          cmocka_unit_test(date__parse_refuses), cmocka_unit_test(tod__forms),
          cmocka_unit_test(clock__parse_and_format), cmocka_unit_test(clock__refuses_with_offset),
          cmocka_unit_test(clock__extremes_are_held))

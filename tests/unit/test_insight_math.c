/* SPDX-License-Identifier: MulanPSL-2.0 */
/* insight/amount, period, status: exact amounts, parts that add up, periods, the plan's line. */
#include "unit.h"

#include "insight/insight_int.h"

static uint64_t seed = 20250603;
static int64_t random_below(int64_t n)
{
    seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
    return (int64_t)(seed % (uint64_t)n);
}

static void amount__reads_and_writes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        Amount x;
        const char *back;
    } rows[] = {{"0", 0, "0"},
                {"87.5", 8750, "87.5"},
                {"-0.05", -5, "-0.05"},
                {"100.00", 10000, "100"},
                {"12.34", 1234, "12.34"},
                {"9999999999999.99", 999999999999999, "9999999999999.99"}};
    static const char *const wrong[] = {"",   "-",    ".5", "1.", "1.234", "1e3", "一", "12345678901234",
                                        "1 ", "1.2.3"};
    _cleanup_arena_ Arena *a = arena_new();
    for (size_t i = 0; i < COUNT(rows); i++) {
        Amount x = -1;
        assert_int_equal(amount_parse(str_c(rows[i].text), &x, NULL), 0);
        assert_true(x == rows[i].x);
        assert_text(amount_text(a, x), rows[i].back);
    }
    for (size_t i = 0; i < COUNT(wrong); i++) {
        Amount x;
        Err err = ERR_INIT;
        if (amount_parse(str_c(wrong[i]), &x, &err) == 0) fail_msg("“%s” was read", wrong[i]);
        assert_int_equal(err.code, ERR_VALIDATION);
    }
}

static void ratio__rounds_half_away_from_zero(void **state)
{
    (void)state;
    static const struct {
        Amount n, d;
        int64_t times;
        Amount want;
    } rows[] = {{100, 300, 100, 3333},   {200, 300, 100, 6667}, {100, 80000, 100, 13}, /* 0.125 */
                {-100, 80000, 100, -13}, {300, 200, 1, 150},    {0, 500, 100, 0},
                {100, -300, 100, -3333}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        Amount x;
        assert_int_equal(amount_ratio(rows[i].n, rows[i].d, rows[i].times, &x, NULL), 0);
        assert_true(x == rows[i].want);
    }
    Amount x;
    assert_int_equal(amount_ratio(AMOUNT_MAX, 1, 100, &x, NULL), -(int)ERR_VALIDATION);
}

/* By hand: 30/40 and 20/60 → 36/40 and 20/70. r0 = 50 %, r1 = 50.91 %: (6 − 0)/110 and (0 − 5)/110. */
static void parts__worked_example(void **state)
{
    (void)state;
    Part p[] = {{.key = S("a"), .n0 = 3000, .d0 = 4000, .n1 = 3600, .d1 = 4000},
                {.key = S("b"), .n0 = 2000, .d0 = 6000, .n1 = 2000, .d1 = 7000}};
    Amount before, after;
    assert_int_equal(amount_parts(p, 2, true, 100, &before, &after, NULL), 0);
    assert_true(before == 5000 && after == 5091);
    assert_true(p[0].contribution == 545 + 1 || p[0].contribution == 545);
    assert_true(p[0].contribution + p[1].contribution == 91);
    assert_true(p[1].contribution <= -454);
}

static void parts__one_that_did_not_move_contributes_nothing(void **state)
{
    (void)state;
    Part p[] = {{.key = S("a"), .n0 = 700, .d0 = 900, .n1 = 700, .d1 = 900},
                {.key = S("b"), .n0 = 100, .d0 = 400, .n1 = 300, .d1 = 500}};
    Amount before, after;
    assert_int_equal(amount_parts(p, 2, true, 100, &before, &after, NULL), 0);
    assert_true(p[0].contribution == 0 && p[1].contribution == after - before);
}

static void parts__random_numbers_add_up(void **state)
{
    (void)state;
    Part p[40];
    for (int round = 0; round < 20000; round++) {
        size_t n = (size_t)random_below(40) + 1;
        bool ratio = random_below(4) != 0, money = random_below(3) == 0;
        int64_t size = money ? 20000000000000 : random_below(100000) + 2, times = random_below(2) ? 100 : 1;
        Amount sum = 0, before, after;
        for (size_t i = 0; i < n; i++)
            p[i] = (Part){.key = S("x"),
                          .n0 = random_below(size) - (money ? size / 2 : 0),
                          .d0 = random_below(1000000) + 1,
                          .n1 = random_below(size),
                          .d1 = random_below(1000000) + 1};
        Err err = ERR_INIT;
        if (amount_parts(p, n, ratio, times, &before, &after, &err) < 0)
            fail_msg("round %d: %s", round, err.msg);
        for (size_t i = 0; i < n; i++) sum += p[i].contribution;
        if (sum != after - before)
            fail_msg("round %d: %lld, not %lld", round, (long long)sum, (long long)(after - before));
        Amount n0 = 0, d0 = 0, want;
        for (size_t i = 0; i < n; i++) n0 += p[i].n0, d0 += p[i].d0;
        assert_int_equal(ratio ? amount_ratio(n0, d0, times, &want, NULL) : (want = n0, 0), 0);
        assert_true(want == before);
        for (size_t i = 0; i < n && ratio;
             i++) { /* each within one hundredth of its exact share, in doubles */
            double d1 = 0, r0 = (double)n0 / (double)d0;
            for (size_t k = 0; k < n; k++) d1 += (double)p[k].d1;
            double exact =
                100.0 * (double)times * ((double)(p[i].n1 - p[i].n0) - r0 * (double)(p[i].d1 - p[i].d0)) / d1;
            double gap = exact - (double)p[i].contribution;
            if (!money && (gap > 1.01 || gap < -1.01))
                fail_msg("round %d: part %zu is off by %g", round, i, gap);
        }
    }
}

static void parts__refuse_what_has_no_value(void **state)
{
    (void)state;
    Part none[] = {{.key = S("a"), .n0 = 0, .d0 = 0, .n1 = 100, .d1 = 200}};
    Part large[] = {{.key = S("a"), .n0 = INT64_MAX, .d0 = 1, .n1 = 0, .d1 = 1},
                    {.key = S("b"), .n0 = 1, .d0 = 1, .n1 = 0, .d1 = 1}};
    Amount x, y;
    assert_int_equal(amount_parts(none, 1, true, 100, &x, &y, NULL), -(int)ERR_VALIDATION);
    assert_int_equal(amount_parts(large, 2, true, 100, &x, &y, NULL), -(int)ERR_VALIDATION);
    assert_int_equal(amount_parts(NULL, 0, false, 1, &x, &y, NULL), 0);
    assert_true(x == 0 && y == 0);
}

static void period__borders(void **state)
{
    (void)state;
    static const struct {
        PeriodKind kind;
        Date day;
        const char *from, *to, *before;
    } rows[] = {{PERIOD_DAY, {2024, 3, 1}, "2024-03-01", "2024-03-01", "2024-02-29"},
                {PERIOD_WEEK, {2025, 6, 1}, "2025-05-26", "2025-06-01", "2025-05-19"}, /* a Sunday */
                {PERIOD_WEEK, {2025, 6, 2}, "2025-06-02", "2025-06-08", "2025-05-26"},
                {PERIOD_WEEK, {2025, 1, 1}, "2024-12-30", "2025-01-05", "2024-12-23"},
                {PERIOD_MONTH, {2024, 2, 29}, "2024-02-01", "2024-02-29", "2024-01-01"},
                {PERIOD_MONTH, {2025, 1, 31}, "2025-01-01", "2025-01-31", "2024-12-01"},
                {PERIOD_QUARTER, {2025, 12, 31}, "2025-10-01", "2025-12-31", "2025-07-01"},
                {PERIOD_QUARTER, {2025, 2, 1}, "2025-01-01", "2025-03-31", "2024-10-01"},
                {PERIOD_YEAR, {2025, 7, 1}, "2025-01-01", "2025-12-31", "2024-01-01"}};
    _cleanup_arena_ Arena *a = arena_new();
    for (size_t i = 0; i < COUNT(rows); i++) {
        Period p = period_of(rows[i].kind, rows[i].day);
        assert_text(date_str(a, p.from), rows[i].from);
        assert_text(date_str(a, p.to), rows[i].to);
        assert_text(date_str(a, period_before(rows[i].kind, p).from), rows[i].before);
    }
}

/* 70 at the end of 2024, 80 wanted for 2025, more than 90.5 for 2027. */
static void status__line_and_targets(void **state)
{
    (void)state;
    Target targets[] = {{2025, 8000, TARGET_GE, S("ge"), S("")}, {2027, 9050, TARGET_GT, S("gt"), S("")}};
    Indicator x = {.targets = targets, .n_targets = 2, .has_base = true, .base_year = 2024, .base = 7000};
    static const struct {
        Date day;
        Amount v;
        const char *want;
    } rows[] = {{{2025, 7, 2}, 8000, "reached"},  {{2025, 7, 2}, 7502, "on_track"},
                {{2025, 7, 2}, 7499, "behind"},   {{2025, 12, 31}, 7999, "behind"},
                {{2026, 5, 1}, 8000, "reached"},  {{2026, 5, 1}, 7999, "behind"},
                {{2027, 12, 31}, 9050, "behind"}, {{2027, 12, 30}, 9051, "reached"},
                {{2027, 1, 1}, 8600, "on_track"}, {{2024, 6, 1}, 7100, "on_track"}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *got = indicator_status(&x, true, rows[i].v, rows[i].day);
        if (strcmp(got, rows[i].want) != 0) fail_msg("row %zu: %s, not %s", i, got, rows[i].want);
    }
    assert_string_equal(indicator_status(&x, false, 0, (Date){2025, 7, 2}), "no_data");
    Indicator bare = {0};
    assert_null(indicator_status(&bare, true, 100, (Date){2025, 7, 2}));
}

static void status__less_is_better(void **state)
{
    (void)state;
    Target targets[] = {{2025, 1000, TARGET_LE, S("le"), S("")}};
    Indicator x = {
        .less = true, .targets = targets, .n_targets = 1, .has_base = true, .base_year = 2024, .base = 2000};
    assert_string_equal(indicator_status(&x, true, 1000, (Date){2025, 3, 1}), "reached");
    assert_string_equal(indicator_status(&x, true, 1400, (Date){2025, 7, 2}), "on_track");
    assert_string_equal(indicator_status(&x, true, 1600, (Date){2025, 7, 2}), "behind");
}

UNIT_MAIN(cmocka_unit_test(amount__reads_and_writes), cmocka_unit_test(ratio__rounds_half_away_from_zero),
          cmocka_unit_test(parts__worked_example),
          cmocka_unit_test(parts__one_that_did_not_move_contributes_nothing),
          cmocka_unit_test(parts__random_numbers_add_up), cmocka_unit_test(parts__refuse_what_has_no_value),
          cmocka_unit_test(period__borders), cmocka_unit_test(status__line_and_targets),
          cmocka_unit_test(status__less_is_better))

/* SPDX-License-Identifier: MulanPSL-2.0 */
/* rule/cron, rule/moment, rule/net: what needs no database. */
#include "unit.h"

#include "rule/engine_int.h"

static Str next_of(Arena *a, const char *line, const char *from)
{
    Cron c;
    Err err = ERR_INIT;
    int64_t us;
    assert_int_equal(cron_parse(str_c(line), &c, &err), 0);
    assert_int_equal(clock_parse(str_c(from), &us, &err), 0);
    return clock_str(a, cron_next(&c, us));
}

static void cron__next_in_china_time(void **state)
{
    (void)state;
    static const struct {
        const char *line, *from, *want;
    } rows[] = {
        {"0 8 * * 1-5", "2026-11-25T07:59:59+08:00", "2026-11-25T08:00:00+08:00"},
        {"0 8 * * 1-5", "2026-11-25T08:00:00+08:00", "2026-11-26T08:00:00+08:00"},
        {"0 8 * * 1-5", "2026-11-27T09:00:00+08:00", "2026-11-30T08:00:00+08:00"},
        {"*/15 * * * *", "2026-11-25T10:16:30+08:00", "2026-11-25T10:30:00+08:00"},
        {"5,35 9-11/2 * * *", "2026-11-25T09:35:00+08:00", "2026-11-25T11:05:00+08:00"},
        {"0 0 29 2 *", "2026-03-01T00:00:00+08:00", "2028-02-29T00:00:00+08:00"},
        {"0 0 29 2 *", "2096-03-01T00:00:00+08:00", "2104-02-29T00:00:00+08:00"},
        {"0 0 13 * 5", "2026-11-14T00:00:00+08:00", "2026-11-20T00:00:00+08:00"}, /* either suffices */
        {"0 0 * * 7", "2026-11-25T00:00:00+08:00", "2026-11-29T00:00:00+08:00"},
        {"  59   23 31 12 * ", "2026-11-25T00:00:00+08:00", "2026-12-31T23:59:00+08:00"},
        {"30 7 1 */3 *", "2026-11-25T00:00:00+08:00", "2027-01-01T07:30:00+08:00"},
    };
    _cleanup_arena_ Arena *a = arena_new();
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_text(next_of(a, rows[i].line, rows[i].from), rows[i].want);
}

static void cron__bad_lines_are_refused(void **state)
{
    (void)state;
    static const char *const lines[] = {"",
                                        "* * * *",
                                        "* * * * * *",
                                        "60 * * * *",
                                        "* 24 * * *",
                                        "* * 0 * *",
                                        "* * 32 * *",
                                        "* * * 13 * ",
                                        "* * * * 8",
                                        "a * * * *",
                                        "1- * * * *",
                                        "5-1 * * * *",
                                        "*/0 * * * *",
                                        "*/ * * * *",
                                        ", * * * *",
                                        "1, * * * *",
                                        "-1 * * * *",
                                        "1--2 * * * *",
                                        "0 0 30 2 *",
                                        "001 * * * *",
                                        "* * * * mon",
                                        "1/2/3 * * * *"};
    for (size_t i = 0; i < COUNT(lines); i++) {
        Cron c;
        Err err = ERR_INIT;
        if (cron_parse(str_c(lines[i]), &c, &err) != -(int)ERR_PACK) fail_msg("taken: %s", lines[i]);
        assert_true(err.msg[0] && err.hint[0]);
    }
}

static void offset__parsed(void **state)
{
    (void)state;
    static const char *const bad[] = {"",         "3",          "3 weeks", "x days",
                                      "1.5 days", "99999 days", "days 3",  "3days"};
    Offset o = {0};
    Err err = ERR_INIT;
    assert_int_equal(offset_parse(S("-3 workdays"), &o, &err), 0);
    assert_true(o.n == -3 && o.unit == UNIT_WORKDAYS);
    assert_int_equal(offset_parse(S("+2 days"), &o, &err), 0);
    assert_true(o.n == 2 && o.unit == UNIT_DAYS);
    assert_int_equal(offset_parse(S("1 hour"), &o, &err), 0);
    assert_true(o.n == 1 && o.unit == UNIT_HOURS);
    for (size_t i = 0; i < COUNT(bad); i++)
        if (offset_parse(str_c(bad[i]), &o, &err) == 0) fail_msg("taken: %s", bad[i]);
}

/* National Day 2025: 1 to 8 October, 28 September and 11 October worked. */
static void offset__workdays_over_holidays(void **state)
{
    (void)state;
    static const struct {
        const char *due;
        int64_t n;
        const char *want;
    } rows[] = {{"2025-10-10", -3, "2025-09-29T00:00:00+08:00"},
                {"2025-10-09", -3, "2025-09-28T00:00:00+08:00"}, /* a Sunday that was worked */
                {"2025-10-13", -1, "2025-10-11T00:00:00+08:00"},
                {"2025-09-30", 1, "2025-10-09T00:00:00+08:00"}};
    _cleanup_arena_ Arena *a = arena_new();
    _cleanup_calendar_ Calendar *c = calendar_new();
    Err err = ERR_INIT;
    Field f = {.storage = STORE_DATE};
    const char *source = getenv("SOURCE");
    assert_int_equal(
        calendar_load(c, str_fmt(a, "%s/data/calendar/cn-workdays.csv", source ? source : ".").p, &err), 0);
    for (size_t i = 0; i < COUNT(rows); i++) {
        Offset o = {.n = rows[i].n, .unit = UNIT_WORKDAYS};
        assert_text(clock_str(a, offset_apply(c, &f, str_c(rows[i].due), &o)), rows[i].want);
    }
    Field at = {.storage = STORE_AT};
    Offset hours = {.n = -4, .unit = UNIT_HOURS}, eve = {.n = -1, .unit = UNIT_DAYS, .at = {8, 30, 0}};
    assert_text(clock_str(a, offset_apply(c, &at, S("2025-10-10T02:00:00.000000Z"), &hours)),
                "2025-10-10T06:00:00+08:00");
    assert_text(clock_str(a, offset_apply(c, &f, S("2025-10-10"), &eve)), "2025-10-09T08:30:00+08:00");
}

static void net__only_listed_hosts(void **state)
{
    (void)state;
    Str hosts[] = {S("a.example"), S("private:10.0.0.7"), S("private:127.0.0.1")};
    StrList allow = {hosts, 3};
    bool private;
    assert_true(net_allowed(&allow, S("A.example"), &private) && !private);
    assert_true(net_allowed(&allow, S("10.0.0.7"), &private) && private);
    assert_false(net_allowed(&allow, S("b.example"), &private));
    assert_false(net_allowed(&(StrList){0}, S("a.example"), &private));
}

static void net__inner_addresses_are_refused(void **state)
{
    (void)state;
    static const char *const urls[] = {
        "http://127.0.0.1:9/",          "http://localhost:9/",   "http://[::1]:9/",
        "http://10.1.2.3:9/",           "http://192.168.0.1:9/", "http://169.254.169.254/",
        "http://[::ffff:127.0.0.1]:9/", "http://0.0.0.0:9/",     "http://2130706433:9/"};
    static const char *const hosts[] = {"127.0.0.1",          "localhost",   "[::1]",
                                        "10.1.2.3",           "192.168.0.1", "169.254.169.254",
                                        "[::ffff:127.0.0.1]", "0.0.0.0"};
    _cleanup_arena_ Arena *a = arena_new();
    Str allowed[COUNT(hosts)];
    for (size_t i = 0; i < COUNT(hosts); i++) allowed[i] = str_c(hosts[i]);
    StrList allow = {allowed, COUNT(hosts)};
    for (size_t i = 0; i < COUNT(urls); i++) {
        Net n = {
            .url = str_c(urls[i]), .method = S("POST"), .content_type = S("text/plain"), .allow = &allow};
        Err err = ERR_INIT;
        if (net_send(a, &n, &err) != -(int)ERR_FORBIDDEN) fail_msg("called: %s (%s)", urls[i], err.msg);
    }
}

static void chain__is_read_from_reactions_only(void **state)
{
    (void)state;
    JournalEntry e = {.seq = 9, .actor = S("reaction:x.c"), .purpose = S("chain: x.a>x.b>x.c @5")};
    Chain c = chain_of(&e);
    assert_int_equal(c.depth, 3);
    assert_int_equal(c.origin, 5);
    assert_text(c.path, "x.a>x.b>x.c");
    e.actor = S("zhang"); /* who writes such a purpose by hand changes nothing */
    assert_int_equal(chain_of(&e).depth, 0);
    assert_int_equal(chain_of(&e).origin, 9);
}

UNIT_MAIN(cmocka_unit_test(cron__next_in_china_time), cmocka_unit_test(cron__bad_lines_are_refused),
          cmocka_unit_test(offset__parsed), cmocka_unit_test(offset__workdays_over_holidays),
          cmocka_unit_test(net__only_listed_hosts), cmocka_unit_test(net__inner_addresses_are_refused),
          cmocka_unit_test(chain__is_read_from_reactions_only))

/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Cron lines after crontab(5); names of months and weekdays are left out, they are no Chinese ones. */
#include "rule/cron.h"

static int bad(Err *err, const char *what, Str part)
{
    err_set(err, ERR_PACK, "cron 的%s写得不对：“" STR_FMT "”", what, STR_ARG(part));
    return err_hint(err, "写 5 段：分(0-59) 时(0-23) 日(1-31) 月(1-12) 周(0-7)，如 0 8 * * 1-5");
}

static bool number(Str s, int64_t lo, int64_t hi, int64_t *ret)
{
    return s.n && s.n <= 2 && s.p[0] >= '0' && s.p[0] <= '9' && str_int(s, ret) && *ret >= lo && *ret <= hi;
}

/* One item of a list: *, a, a-b, each with an optional /step. */
static bool item(Str s, int lo, int hi, uint64_t *bits)
{
    int64_t from = lo, to = hi, step = 1;
    ptrdiff_t slash = str_find(s, '/');
    Str range = slash < 0 ? s : str_n(s.p, (size_t)slash);
    if (slash >= 0 && !number(str_from(s, (size_t)slash + 1), 1, 59, &step)) return false;
    ptrdiff_t dash = str_find(range, '-');
    if (str_is(range, "*"))
        ;
    else if (dash >= 0) {
        if (!number(str_n(range.p, (size_t)dash), lo, hi, &from) ||
            !number(str_from(range, (size_t)dash + 1), lo, hi, &to) || to < from)
            return false;
    } else {
        if (!number(range, lo, hi, &from)) return false;
        if (slash < 0) to = from;
    }
    for (int64_t i = from; i <= to; i += step) *bits |= 1ULL << i;
    return true;
}

static bool list(Str s, int lo, int hi, uint64_t *bits)
{
    Str part;
    *bits = 0;
    if (!s.n || s.p[s.n - 1] == ',') return false;
    while (str_split(&s, ',', &part))
        if (!item(part, lo, hi, bits)) return false;
    return true;
}

int cron_parse(Str s, Cron *ret, Err *err)
{
    static const struct {
        const char *what;
        int lo, hi;
    } rows[] = {{"分", 0, 59}, {"时", 0, 23}, {"日", 1, 31}, {"月", 1, 12}, {"周", 0, 7}};
    uint64_t bits[5];
    Str parts[5], rest = str_trim(s), part;
    size_t n = 0;
    if (s.n > 200) return bad(err, "整行", S("…"));
    while (str_split(&rest, ' ', &part)) {
        if (!part.n) continue;
        if (n == 5) return bad(err, "段数", str_trim(s));
        parts[n++] = part;
    }
    if (n != 5) return bad(err, "段数", str_trim(s));
    for (size_t i = 0; i < 5; i++)
        if (!list(parts[i], rows[i].lo, rows[i].hi, &bits[i])) return bad(err, rows[i].what, parts[i]);
    if (bits[4] & (1u << 7)) bits[4] |= 1;
    *ret = (Cron){bits[0],           (uint32_t)bits[1],    (uint32_t)bits[2],   (uint32_t)bits[3],
                  (uint32_t)bits[4], parts[2].p[0] == '*', parts[4].p[0] == '*'};
    if (!cron_next(ret, clock_now_us()))
        return err_set(err, ERR_PACK, "cron “" STR_FMT "” 永远不会到", STR_ARG(str_trim(s))),
               err_hint(err, "检查日与月，如二月没有 30 日");
    return 0;
}

static bool day_matches(const Cron *c, Date d)
{
    bool day = c->days >> d.day & 1, weekday = c->weekdays >> date_weekday(d) & 1;
    if (!(c->months >> d.month & 1)) return false;
    return c->any_day || c->any_weekday ? day && weekday : day || weekday;
}

int64_t cron_next(const Cron *c, int64_t us)
{
    Date d;
    TimeOfDay t;
    int64_t minute = us / (60 * US_PER_SEC) + 1;
    clock_to_china(minute * 60 * US_PER_SEC, &d, &t, NULL);
    /* nine years: 29 February may be eight away */
    for (int i = 0; i < 9 * 366; i++, d = date_add(d, 1), t = (TimeOfDay){0}) {
        if (!day_matches(c, d)) continue;
        for (int h = t.hour; h < 24; h++) {
            if (!(c->hours >> h & 1)) continue;
            for (int m = h == t.hour ? t.minute : 0; m < 60; m++)
                if (c->minutes >> m & 1) return clock_from_china(d, (TimeOfDay){h, m, 0}, 0);
        }
    }
    return 0;
}

/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Moments relative to a date: "-3 workdays", "2 days", "-4 hours". */
#include "base/text.h"
#include "rule/rule_int.h"

enum { OFFSET_MAX = 10000 };

int offset_parse(Str s, Offset *ret, Err *err)
{
    static const struct {
        const char *name;
        OffsetUnit unit;
    } units[] = {{"day", UNIT_DAYS},          {"days", UNIT_DAYS},  {"workday", UNIT_WORKDAYS},
                 {"workdays", UNIT_WORKDAYS}, {"hour", UNIT_HOURS}, {"hours", UNIT_HOURS}};
    Str rest = str_trim(s), number;
    int64_t n;
    if (str_split(&rest, ' ', &number) && rest.p) {
        Str unit = str_trim(rest);
        if (number.n && number.p[0] == '+') number = str_from(number, 1);
        if (str_int(number, &n) && n >= -OFFSET_MAX && n <= OFFSET_MAX)
            for (size_t i = 0; i < sizeof units / sizeof *units; i++)
                if (str_is(unit, units[i].name)) return ret->n = n, ret->unit = units[i].unit, 0;
    }
    err_set(err, ERR_PACK, "时刻的偏移 “" STR_FMT "” 写得不对", STR_ARG(text_cut(s, 40)));
    return err_hint(err, "写成 -3 workdays、2 days 或 -4 hours 的样子，最多 %d", OFFSET_MAX);
}

int64_t offset_apply(const Calendar *c, const Field *f, Str stored, const Offset *o)
{
    int64_t us = 0;
    Date d;
    TimeOfDay t = o->at;
    int micros = 0;
    if (f->storage == STORE_AT) {
        if (clock_parse(stored, &us, NULL) < 0) return 0;
        if (o->unit == UNIT_HOURS) return us + o->n * 3600 * US_PER_SEC;
        clock_to_china(us, &d, &t, &micros);
    } else if (date_parse(stored, &d, NULL) < 0)
        return 0;
    if (o->unit == UNIT_WORKDAYS && o->n) d = calendar_add_workdays(c, d, o->n, NULL);
    if (o->unit == UNIT_DAYS) d = date_add(d, o->n);
    us = clock_from_china(d, t, micros);
    return o->unit == UNIT_HOURS ? us + o->n * 3600 * US_PER_SEC : us;
}

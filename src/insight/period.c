/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Days, weeks from Monday, months, quarters, years: the period that a day lies in, and the one before. */
#include "insight/insight_int.h"

static const char *const names[] = {"day", "week", "month", "quarter", "year"};
const char *period_name(PeriodKind k) { return names[k]; }

Period period_of(PeriodKind kind, Date d)
{
    int first;
    switch (kind) {
    case PERIOD_WEEK: {
        Date monday = date_add(d, -((date_weekday(d) + 6) % 7));
        return (Period){monday, date_add(monday, 6)};
    }
    case PERIOD_MONTH:
        return (Period){{d.year, d.month, 1}, {d.year, d.month, date_month_days(d.year, d.month)}};
    case PERIOD_QUARTER:
        first = (d.month - 1) / 3 * 3 + 1;
        return (Period){{d.year, first, 1}, {d.year, first + 2, date_month_days(d.year, first + 2)}};
    case PERIOD_YEAR: return (Period){{d.year, 1, 1}, {d.year, 12, 31}};
    case PERIOD_DAY: break;
    }
    return (Period){d, d};
}

Period period_before(PeriodKind kind, Period p) { return period_of(kind, date_add(p.from, -1)); }

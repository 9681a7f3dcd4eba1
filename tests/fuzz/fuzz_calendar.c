/* SPDX-License-Identifier: MulanPSL-2.0 */
/* base/calendar: any text is a table of working days or an error with its line; with it every count ends, and
   counting back from where counting led gives the same number. */
#include "base/calendar.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_calendar_ Calendar *c = calendar_new();
    Err err = ERR_INIT;
    const Date from = {2024, 12, 20};
    bool covered;
    int first, last;
    if (calendar_load_text(c, "fuzz.csv", str_n((const char *)data, size), &err) < 0) {
        assert(err.code > ERR_NONE && err.msg[0]);
        return 0;
    }
    if (calendar_range(c, &first, &last)) assert(first <= last && calendar_covers(c, first));
    for (int64_t n = 1; n < 40; n += 13) {
        Date to = calendar_add_workdays(c, from, n, &covered);
        assert(date_valid(to) && calendar_is_workday(c, to));
        assert(calendar_workdays_between(c, from, to, &covered) == n);
    }
    (void)calendar_day_name(c, from);
    return 0;
}

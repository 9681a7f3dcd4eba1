/* SPDX-License-Identifier: MulanPSL-2.0 */
/* base/clock and the working hours of base/calendar: any text is a date, a time of day, an instant, hours of
   work, the name of a charset, or is refused in words; what is read is written and read the same. */
#include "base/calendar.h"
#include "base/clock.h"
#include "base/text.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* From here on it is the year 10000 in China, which is written as the end of 9999. */
#define LAST_US (clock_from_china((Date){9999, 12, 31}, (TimeOfDay){23, 59, 59}, 999999))

static void day(Str s)
{
    Date d, again;
    Err err = ERR_INIT;
    char text[DATE_SIZE];
    if (date_parse(s, &d, &err) < 0) {
        assert(err.code == ERR_VALIDATION && err.msg[0]);
        return;
    }
    date_format(d, text);
    assert(date_valid(d) && date_parse(str_c(text), &again, &err) == 0 && date_cmp(d, again) == 0);
    assert(date_cmp(date_from_days(date_to_days(d)), d) == 0);
}

static void hour(Str s)
{
    TimeOfDay t, again;
    Err err = ERR_INIT;
    char text[TIME_SIZE];
    if (tod_parse(s, &t, &err) < 0) {
        assert(err.code == ERR_VALIDATION && err.msg[0]);
        return;
    }
    tod_format(t, text);
    assert(tod_parse(str_c(text), &again, &err) == 0 && again.hour == t.hour && again.minute == t.minute &&
           again.second == t.second);
}

static void instant(Str s)
{
    int64_t us, again;
    Err err = ERR_INIT;
    char text[CLOCK_SIZE];
    if (clock_parse(s, &us, &err) < 0) {
        assert(err.code == ERR_VALIDATION && err.msg[0]);
        return;
    }
    clock_format_utc(us, text);
    assert(clock_parse(str_c(text), &again, &err) == 0 && again == us);
    clock_format(us, text);
    if (us < LAST_US) assert(clock_parse(str_c(text), &again, &err) == 0 && again == us);
}

static void hours(Str s)
{
    WorkHours h;
    Err err = ERR_INIT;
    if (work_hours_parse(s, &h, &err) < 0) {
        assert(err.code == ERR_INPUT && err.msg[0]);
        return;
    }
    for (size_t i = 0; i < (size_t)h.n; i++) {
        assert(h.spans[i].from < h.spans[i].to && h.spans[i].to <= 24 * 60);
        if (i) assert(h.spans[i - 1].to <= h.spans[i].from);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Str s = str_n((const char *)data, size);
    Charset c;
    Err err = ERR_INIT;
    day(s);
    hour(s);
    instant(s);
    hours(s);
    if (charset_parse(s, &c, &err) < 0) assert(err.code > ERR_NONE && err.msg[0]);
    return 0;
}

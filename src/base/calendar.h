/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/*
 * The working-day calendar: Monday to Friday, less the statutory holidays, plus the make-up working days, as
 * the State Council's office announces each autumn. Data: data/calendar/cn-workdays.csv (date,kind,name),
 * which an operator extends by a second file; a later line for the same date wins. Years without a line fall
 * back to weekends.
 */
#include "base/clock.h"

typedef struct Calendar Calendar;

typedef struct WorkHours {
    /* Up to four spans a day, in order, in minutes after midnight. */
    struct {
        int from, to;
    } spans[4];
    size_t n;
} WorkHours;

extern const WorkHours work_hours_default; /* 09:00–12:00, 13:00–17:00 */

Calendar *calendar_new(void); /* weekends only */
void calendar_free(Calendar *c);
void calendar_freep(Calendar **c);
#define _cleanup_calendar_ __attribute__((cleanup(calendar_freep)))
/* Adds a file. On an error nothing of it is added; err has file and line. ERR_NOT_FOUND, ERR_IO, ERR_INPUT.
 */
int calendar_load(Calendar *c, const char *path, Err *err) CHECKED;
int calendar_load_text(Calendar *c, const char *name, Str text, Err *err) CHECKED;

bool calendar_is_workday(const Calendar *c, Date d);
/* Name of the holiday or of the holiday a make-up day belongs to; empty on ordinary days. Lives as long as c.
 */
Str calendar_day_name(const Calendar *c, Date d);
/* The year's holidays are known. */
bool calendar_covers(const Calendar *c, int year);
/* First and last covered year; false when none is. */
bool calendar_range(const Calendar *c, int *ret_first, int *ret_last);

/* Working days d with from < d <= to; negative when to < from. *ret_covered (may be NULL): false when a year
   that was touched is not covered, so that the count holds weekends only. */
int64_t calendar_workdays_between(const Calendar *c, Date from, Date to, bool *ret_covered);
/* The n-th working day after d (n > 0) or before it (n < 0); n = 0: d itself if it is one, else the next. |n|
 * ≤ 100,000. */
Date calendar_add_workdays(const Calendar *c, Date d, int64_t n, bool *ret_covered);
/* The instant after `minutes` of working time from `us`; outside working time the count begins with the next
   span. An end that falls on the end of a span is that instant. hours NULL = default. */
int64_t calendar_add_work_minutes(const Calendar *c, const WorkHours *hours, int64_t us, int64_t minutes,
                                  bool *ret_covered);
static inline int64_t calendar_add_work_hours(const Calendar *c, const WorkHours *hours, int64_t us,
                                              int64_t n)
{
    return calendar_add_work_minutes(c, hours, us, n * 60, NULL);
}
/* Working minutes between two instants, whole minutes, negative when to < from. */
int64_t calendar_work_minutes_between(const Calendar *c, const WorkHours *hours, int64_t from_us,
                                      int64_t to_us);
/* "09:00-12:00,13:00-17:00". ERR_INPUT. */
int work_hours_parse(Str s, WorkHours *ret, Err *err) CHECKED;

/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/*
 * Time. Inside: int64 microseconds since 1970-01-01T00:00:00Z. At the edge: China time, UTC+8 without summer
 * time. In databases: one canonical UTC text that sorts as time does. Years 0001 to 9999, Gregorian
 * throughout.
 */
#include "base/err.h"

#define US_PER_SEC      ((int64_t)1000000)
#define US_PER_DAY      ((int64_t)86400 * US_PER_SEC)
#define CHINA_OFFSET_US ((int64_t)8 * 3600 * US_PER_SEC)

typedef struct Date {
    int year, month, day; /* 1-based */
} Date;

typedef struct TimeOfDay {
    int hour, minute, second; /* 0–23, 0–59, 0–59 */
} TimeOfDay;

/* Sizes of formatted text with its NUL. */
enum { DATE_SIZE = 11, TIME_SIZE = 9, CLOCK_SIZE = 33 };

int64_t clock_now_us(void);  /* wall clock */
int64_t clock_mono_us(void); /* never goes back; only differences mean something */

bool date_valid(Date d);
int date_month_days(int year, int month);
int64_t date_to_days(Date d);      /* days since 1970-01-01; the date must be valid */
Date date_from_days(int64_t days); /* out of years 1–9999: clamped */
int date_weekday(Date d);          /* 0 Sunday … 6 Saturday */
int date_cmp(Date a, Date b);
Date date_add(Date d, int64_t days);
/* Exactly YYYY-MM-DD of a real date. ERR_VALIDATION with a Chinese reason. */
int date_parse(Str s, Date *ret, Err *err) CHECKED;
void date_format(Date d, char ret[DATE_SIZE]);

/* HH:MM or HH:MM:SS; 24:00 is refused. ERR_VALIDATION. */
int tod_parse(Str s, TimeOfDay *ret, Err *err) CHECKED;
void tod_format(TimeOfDay t, char ret[TIME_SIZE]); /* HH:MM:SS */

/* Civil China time to an instant and back. */
int64_t clock_from_china(Date d, TimeOfDay t, int micros);
void clock_to_china(int64_t us, Date *ret_date, TimeOfDay *ret_time,
                    int *ret_micros); /* any output may be NULL */
Date clock_china_date(int64_t us);

bool clock_in_years(int64_t us); /* 1 to 9999 in UTC */
/* RFC 3339 date-time: `T`, `t` or a space between; offset Z, z or ±HH:MM, also ±HHMM; no offset = China time;
   fraction of any length (microseconds kept, the rest cut); seconds may be absent. 23:59:60 is read as the
   next second. Outside the years 1 to 9999 in UTC, as it is kept: refused. ERR_VALIDATION with a Chinese
   reason and err->at. */
int clock_parse(Str s, int64_t *ret_us, Err *err) CHECKED;
/* `2025-06-03T14:05:00+08:00`; the fraction is written (without trailing zeros) when it is not zero. */
void clock_format(int64_t us, char ret[CLOCK_SIZE]);
/* `2025-06-03T06:05:00.000000Z`, always six digits. */
void clock_format_utc(int64_t us, char ret[CLOCK_SIZE]);
/* The same, as text in an arena. */
Str clock_str(Arena *a, int64_t us);
Str clock_str_utc(Arena *a, int64_t us);
Str date_str(Arena *a, Date d);

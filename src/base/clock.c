/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * Time without the C library's time zones: proleptic Gregorian arithmetic on integers, RFC 3339 (date-time of
 * §5.6) and GB/T 7408 calendar dates. China has one zone, UTC+8, and no summer time in the dates kept here.
 */
#include "base/clock.h"

#include <assert.h>

static int64_t read_clock(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * US_PER_SEC + t.tv_nsec / 1000;
}

int64_t clock_now_us(void) { return read_clock(CLOCK_REALTIME); }
int64_t clock_mono_us(void) { return read_clock(CLOCK_MONOTONIC); }

static bool leap(int year) { return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0; }

int date_month_days(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (month < 1 || month > 12) return 0;
    return days[month - 1] + (month == 2 && leap(year));
}

bool date_valid(Date d)
{
    return d.year >= 1 && d.year <= 9999 && d.month >= 1 && d.month <= 12 && d.day >= 1 &&
           d.day <= date_month_days(d.year, d.month);
}

/* Years begin in March here, so that the leap day is the last of its year: a month's first day is then
   (153 m + 2) / 5 days after 1 March, whatever the year. 719468 days lie between 0000-03-01 and 1970-01-01.
 */
int64_t date_to_days(Date d)
{
    assert(date_valid(d));
    int64_t y = d.month > 2 ? d.year : d.year - 1;
    int64_t m = (d.month + 9) % 12;
    return y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + d.day - 1 - 719468;
}

enum { DAY_FIRST = -719162, DAY_LAST = 2932896 }; /* 0001-01-01, 9999-12-31 */

Date date_from_days(int64_t days)
{
    if (days < DAY_FIRST) days = DAY_FIRST;
    if (days > DAY_LAST) days = DAY_LAST;
    int64_t n = days + 719468; /* days since 0000-03-01 */
    int64_t era = n / 146097;  /* 400 years */
    int64_t in_era = n % 146097;
    int64_t yoe = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    int64_t doy = in_era - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    int month = (int)(mp < 10 ? mp + 3 : mp - 9);
    return (Date){.year = (int)(era * 400 + yoe + (month <= 2)),
                  .month = month,
                  .day = (int)(doy - (153 * mp + 2) / 5 + 1)};
}

int date_weekday(Date d)
{
    int64_t w = (date_to_days(d) + 4) % 7; /* 1970-01-01 was a Thursday */
    return (int)(w < 0 ? w + 7 : w);
}

int date_cmp(Date a, Date b)
{
    if (a.year != b.year) return a.year < b.year ? -1 : 1;
    if (a.month != b.month) return a.month < b.month ? -1 : 1;
    return a.day == b.day ? 0 : a.day < b.day ? -1 : 1;
}

Date date_add(Date d, int64_t days)
{
    int64_t sum;
    if (__builtin_add_overflow(date_to_days(d), days, &sum)) sum = days < 0 ? DAY_FIRST : DAY_LAST;
    return date_from_days(sum);
}

/* Exactly n digits at `at`; false when they are not there. */
static bool digits(Str s, size_t at, size_t n, int *ret)
{
    int v = 0;
    if (at + n > s.n) return false;
    for (size_t i = at; i < at + n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9') return false;
        v = v * 10 + (s.p[i] - '0');
    }
    *ret = v;
    return true;
}

static int fail_at(Err *err, size_t at, const char *msg)
{
    int code = err_set(err, ERR_VALIDATION, "%s", msg);
    if (err) err->at = (int64_t)at;
    return code;
}

/* YYYY-MM-DD at the start of s. */
static int date_prefix(Str s, Date *ret, Err *err)
{
    Date d;
    if (s.n < 10 || !digits(s, 0, 4, &d.year) || s.p[4] != '-' || !digits(s, 5, 2, &d.month) ||
        s.p[7] != '-' || !digits(s, 8, 2, &d.day))
        return fail_at(err, 0, "日期写法不对，应是年-月-日，如 2025-06-03");
    if (!date_valid(d)) {
        int code =
            err_set(err, ERR_VALIDATION, "没有 %04d-%02d-%02d 这一天，请核对年月日", d.year, d.month, d.day);
        if (err) err->at = 0;
        return code;
    }
    *ret = d;
    return 0;
}

int date_parse(Str s, Date *ret, Err *err)
{
    Date d;
    TRY(date_prefix(s, &d, err));
    if (s.n != 10) return fail_at(err, 10, "日期后面有多余的内容，应是年-月-日，如 2025-06-03");
    *ret = d;
    return 0;
}

void date_format(Date d, char ret[DATE_SIZE])
{
    assert(date_valid(d));
    snprintf(ret, DATE_SIZE, "%04u-%02u-%02u", (unsigned)d.year % 10000u, (unsigned)d.month % 100u,
             (unsigned)d.day % 100u);
}

/* HH:MM[:SS] from `at`; *ret_end is where it ends. second may be 60 here. */
static bool tod_prefix(Str s, size_t at, TimeOfDay *ret, size_t *ret_end)
{
    TimeOfDay t = {0};
    if (!digits(s, at, 2, &t.hour) || at + 2 >= s.n || s.p[at + 2] != ':' || !digits(s, at + 3, 2, &t.minute))
        return false;
    size_t end = at + 5;
    if (end < s.n && s.p[end] == ':') {
        if (!digits(s, end + 1, 2, &t.second)) return false;
        end += 3;
    }
    if (t.hour > 23 || t.minute > 59 || t.second > 60) return false;
    *ret = t;
    *ret_end = end;
    return true;
}

int tod_parse(Str s, TimeOfDay *ret, Err *err)
{
    TimeOfDay t;
    size_t end;
    if (!tod_prefix(s, 0, &t, &end) || end != s.n || t.second > 59)
        return fail_at(err, 0, "时间写法不对，应是时:分 或 时:分:秒，如 14:05 或 14:05:30");
    *ret = t;
    return 0;
}

void tod_format(TimeOfDay t, char ret[TIME_SIZE])
{
    snprintf(ret, TIME_SIZE, "%02u:%02u:%02u", (unsigned)t.hour % 100u, (unsigned)t.minute % 100u,
             (unsigned)t.second % 100u);
}

static int64_t civil_us(Date d, TimeOfDay t, int micros)
{
    int64_t secs = (int64_t)t.hour * 3600 + t.minute * 60 + t.second;
    return date_to_days(d) * US_PER_DAY + secs * US_PER_SEC + micros;
}

int64_t clock_from_china(Date d, TimeOfDay t, int micros) { return civil_us(d, t, micros) - CHINA_OFFSET_US; }

/* Splits microseconds of some zone's civil count; instants beyond the years 1–9999 are held at the ends. */
static void civil_split(int64_t us, Date *d, TimeOfDay *t, int *micros)
{
    int64_t days = us / US_PER_DAY, rest = us % US_PER_DAY;
    if (rest < 0) rest += US_PER_DAY, days--;
    if (days < DAY_FIRST) days = DAY_FIRST, rest = 0;
    if (days > DAY_LAST) days = DAY_LAST, rest = US_PER_DAY - 1;
    int secs = (int)(rest / US_PER_SEC);
    if (d) *d = date_from_days(days);
    if (t) *t = (TimeOfDay){.hour = secs / 3600, .minute = secs / 60 % 60, .second = secs % 60};
    if (micros) *micros = (int)(rest % US_PER_SEC);
}

void clock_to_china(int64_t us, Date *ret_date, TimeOfDay *ret_time, int *ret_micros)
{
    int64_t local;
    if (__builtin_add_overflow(us, CHINA_OFFSET_US, &local)) local = INT64_MAX;
    civil_split(local, ret_date, ret_time, ret_micros);
}

Date clock_china_date(int64_t us)
{
    Date d;
    clock_to_china(us, &d, NULL, NULL);
    return d;
}

/* `.ddd…` at *at: microseconds, the rest cut. */
static bool fraction(Str s, size_t *at, int *ret)
{
    size_t i = *at + 1;
    int v = 0, scale = 100000;
    if (i >= s.n || s.p[i] < '0' || s.p[i] > '9') return false;
    for (; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++, scale /= 10) v += (s.p[i] - '0') * scale;
    *at = i;
    *ret = v;
    return true;
}

/* Z, ±HH:MM, ±HHMM or nothing (China) up to the end of s. */
static bool offset_us(Str s, size_t at, int64_t *ret)
{
    int h, m;
    if (at == s.n) return *ret = CHINA_OFFSET_US, true;
    char c = s.p[at];
    if (c == 'Z' || c == 'z') return *ret = 0, at + 1 == s.n;
    if ((c != '+' && c != '-') || !digits(s, at + 1, 2, &h)) return false;
    size_t min_at = at + 3 < s.n && s.p[at + 3] == ':' ? at + 4 : at + 3;
    if (!digits(s, min_at, 2, &m) || min_at + 2 != s.n || h > 23 || m > 59) return false;
    *ret = ((int64_t)h * 3600 + m * 60) * US_PER_SEC * (c == '-' ? -1 : 1);
    return true;
}

bool clock_in_years(int64_t us) { return us >= DAY_FIRST * US_PER_DAY && us < (DAY_LAST + 1) * US_PER_DAY; }

int clock_parse(Str s, int64_t *ret_us, Err *err)
{
    Date d;
    TimeOfDay t;
    size_t at;
    int micros = 0;
    int64_t off;
    TRY(date_prefix(s, &d, err));
    if (s.n < 16 || (s.p[10] != 'T' && s.p[10] != 't' && s.p[10] != ' ') || !tod_prefix(s, 11, &t, &at))
        return fail_at(err, 10, "时间写法不对，应如 2025-06-03T14:05:00+08:00");
    if (at < s.n && s.p[at] == '.' && !fraction(s, &at, &micros))
        return fail_at(err, at, "秒的小数点后应是数字");
    if (!offset_us(s, at, &off)) return fail_at(err, at, "时区写法不对，应是 +08:00 这样的偏移或 Z");
    *ret_us = civil_us(d, t, micros) - off;
    if (!clock_in_years(*ret_us)) return fail_at(err, 0, "时间按世界时不在 0001 年到 9999 年之间");
    return 0;
}

static size_t format_civil(int64_t us, char *ret, int *micros)
{
    Date d;
    TimeOfDay t;
    civil_split(us, &d, &t, micros);
    date_format(d, ret);
    ret[10] = 'T';
    tod_format(t, ret + 11);
    return 19;
}

void clock_format(int64_t us, char ret[CLOCK_SIZE])
{
    int micros;
    int64_t local;
    if (__builtin_add_overflow(us, CHINA_OFFSET_US, &local)) local = INT64_MAX;
    size_t n = format_civil(local, ret, &micros);
    if (micros) {
        n += (size_t)snprintf(ret + n, CLOCK_SIZE - n, ".%06d", micros);
        while (ret[n - 1] == '0') n--;
    }
    memcpy(ret + n, "+08:00", 7);
}

void clock_format_utc(int64_t us, char ret[CLOCK_SIZE])
{
    int micros;
    size_t n = format_civil(us, ret, &micros);
    snprintf(ret + n, CLOCK_SIZE - n, ".%06dZ", micros);
}

Str clock_str(Arena *a, int64_t us)
{
    char tmp[CLOCK_SIZE];
    clock_format(us, tmp);
    return str_dup(a, str_c(tmp));
}

Str clock_str_utc(Arena *a, int64_t us)
{
    char tmp[CLOCK_SIZE];
    clock_format_utc(us, tmp);
    return str_dup(a, str_c(tmp));
}

Str date_str(Arena *a, Date d)
{
    char tmp[DATE_SIZE];
    date_format(d, tmp);
    return str_dup(a, str_c(tmp));
}

/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * Working days as a sorted table of exceptions from Monday–Friday (holidays of the State Council's regulation
 * on holidays and its yearly notices). Counting walks day by day: 100,000 days are a few milliseconds and no
 * case is special.
 */
#include "base/calendar.h"
#include "base/csv.h"

#include <assert.h>

enum { DAYS_MAX = 20000, NAME_MAX_BYTES = 60, STEPS_MAX = 100000, MINUTES_DAY = 1440 };

typedef struct Day {
    int64_t day; /* since 1970-01-01 */
    bool workday;
    char name[NAME_MAX_BYTES + 4];
} Day;

struct Calendar {
    Day *days; /* sorted */
    size_t n, cap;
};

const WorkHours work_hours_default = {.spans = {{9 * 60, 12 * 60}, {13 * 60, 17 * 60}}, .n = 2};

Calendar *calendar_new(void) { return xcalloc(1, sizeof(Calendar)); }

void calendar_free(Calendar *c)
{
    if (!c) return;
    free(c->days);
    free(c);
}

void calendar_freep(Calendar **c)
{
    calendar_free(*c);
    *c = NULL;
}

/* First index whose day is not before `day`. */
static size_t lower(const Calendar *c, int64_t day)
{
    size_t lo = 0, hi = c->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (c->days[mid].day < day)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static const Day *find(const Calendar *c, int64_t day)
{
    size_t i = lower(c, day);
    return i < c->n && c->days[i].day == day ? &c->days[i] : NULL;
}

static void put(Calendar *c, const Day *d)
{
    size_t i = lower(c, d->day);
    if (i == c->n || c->days[i].day != d->day) {
        if (c->n == c->cap) {
            c->cap = c->cap ? c->cap * 2 : 128;
            c->days = xrealloc(c->days, c->cap * sizeof *c->days);
        }
        memmove(c->days + i + 1, c->days + i, (c->n - i) * sizeof *c->days);
        c->n++;
    }
    c->days[i] = *d;
}

static int bad_line(Err *err, const char *name, const CsvRecord *rec, int col, const char *msg)
{
    int rc = err_set(err, ERR_INPUT, "%s", msg);
    err_at(err, name, (int)rec->line, col);
    return rc;
}

static int read_day(const CsvRecord *rec, const char *name, Day *ret, Err *err)
{
    Date date;
    if (rec->fault || rec->n != 3)
        return bad_line(err, name, rec, 0, "应有三列：date,kind,name（日期、holiday 或 workday、名称）");
    if (date_parse(str_trim(rec->cells[0]), &date, err) < 0) {
        err_at(err, name, (int)rec->line, 1);
        return -(int)ERR_INPUT;
    }
    Str kind = str_trim(rec->cells[1]), title = text_cut_bytes(str_trim(rec->cells[2]), NAME_MAX_BYTES);
    *ret = (Day){.day = date_to_days(date), .workday = str_is(kind, "workday")};
    if (!ret->workday && !str_is(kind, "holiday"))
        return bad_line(err, name, rec, 2, "kind 应是 holiday（放假）或 workday（调休上班）");
    memcpy(ret->name, title.p ? title.p : "", title.n);
    return 0;
}

static bool is_header(const CsvRecord *rec)
{
    return rec->number == 1 && rec->n == 3 && str_is(str_trim(rec->cells[0]), "date");
}

/* Reads everything before anything is added. */
static int load(Calendar *c, const char *name, CsvReader *r, Err *err)
{
    CsvRecord rec;
    Calendar fresh = {.n = 0};
    int rc;
    while ((rc = csv_next(r, &rec, err)) > 0) {
        Day d;
        if (is_header(&rec) || (rec.n && str_starts(rec.cells[0], S("#")))) continue;
        if ((rc = read_day(&rec, name, &d, err)) < 0) break;
        if (find(&fresh, d.day))
            rc = bad_line(err, name, &rec, 1, "这一天在文件里出现了两次");
        else if (fresh.n == DAYS_MAX)
            rc = bad_line(err, name, &rec, 0, "日历文件的行数太多");
        if (rc < 0) break;
        put(&fresh, &d);
    }
    for (size_t i = 0; rc == 0 && i < fresh.n; i++) put(c, &fresh.days[i]);
    free(fresh.days);
    if (rc == -(int)ERR_VALIDATION) rc = -(int)ERR_INPUT;
    if (rc < 0 && err) err->code = (ErrCode)-rc;
    return rc;
}

int calendar_load(Calendar *c, const char *path, Err *err)
{
    _cleanup_csv_ CsvReader *r = NULL;
    TRY(csv_open_path(path, NULL, &r, err));
    return load(c, path, r, err);
}

int calendar_load_text(Calendar *c, const char *name, Str text, Err *err)
{
    _cleanup_csv_ CsvReader *r = NULL;
    TRY(csv_open_mem(text, NULL, &r, err));
    return load(c, name, r, err);
}

static bool workday(const Calendar *c, int64_t day)
{
    const Day *d = find(c, day);
    if (d) return d->workday;
    int w = date_weekday(date_from_days(day));
    return w >= 1 && w <= 5;
}

bool calendar_is_workday(const Calendar *c, Date d) { return workday(c, date_to_days(d)); }

Str calendar_day_name(const Calendar *c, Date d)
{
    const Day *day = find(c, date_to_days(d));
    return day ? str_c(day->name) : S("");
}

/* A year is known when its National Day is: no notice leaves that out, while New Year's Day may stand in the
   file as the tail of the year before. */
bool calendar_covers(const Calendar *c, int year)
{
    return year >= 1 && year <= 9999 && find(c, date_to_days((Date){year, 10, 1}));
}

bool calendar_range(const Calendar *c, int *ret_first, int *ret_last)
{
    int first = 0, last = 0;
    for (size_t i = 0; i < c->n; i++) {
        int year = date_from_days(c->days[i].day).year;
        if (!calendar_covers(c, year)) continue;
        if (!first) first = year;
        last = year;
    }
    if (!first) return false;
    *ret_first = first;
    *ret_last = last;
    return true;
}

static void note_coverage(const Calendar *c, Date a, Date b, bool *ret)
{
    if (!ret) return;
    *ret = true;
    for (int y = a.year < b.year ? a.year : b.year; y <= (a.year > b.year ? a.year : b.year) && *ret; y++)
        *ret = calendar_covers(c, y);
}

/* Working days in (from, to]: whole weeks by arithmetic, exceptions from the table, so any span is quick. */
static int64_t count(const Calendar *c, int64_t from, int64_t to)
{
    int64_t weeks = (to - from) / 7, n = weeks * 5;
    for (int64_t d = from + weeks * 7 + 1; d <= to; d++) {
        int w = date_weekday(date_from_days(d));
        n += w >= 1 && w <= 5;
    }
    for (size_t i = lower(c, from + 1); i < c->n && c->days[i].day <= to; i++) {
        int w = date_weekday(date_from_days(c->days[i].day));
        n += (int)c->days[i].workday - (w >= 1 && w <= 5);
    }
    return n;
}

int64_t calendar_workdays_between(const Calendar *c, Date from, Date to, bool *ret_covered)
{
    note_coverage(c, from, to, ret_covered);
    int64_t a = date_to_days(from), b = date_to_days(to);
    return a <= b ? count(c, a, b) : -count(c, b, a);
}

Date calendar_add_workdays(const Calendar *c, Date d, int64_t n, bool *ret_covered)
{
    assert(n >= -STEPS_MAX && n <= STEPS_MAX);
    int64_t day = date_to_days(d), first = date_to_days((Date){1, 1, 1}),
            last = date_to_days((Date){9999, 12, 31});
    int64_t dir = n < 0 ? -1 : 1, left = n < 0 ? -n : n;
    if (n == 0)
        while (!workday(c, day) && day < last) day++;
    while (left && day > first && day < last) {
        day += dir;
        left -= workday(c, day);
    }
    Date end = date_from_days(day);
    note_coverage(c, d, end, ret_covered);
    return end;
}

/* ---- working time ---- */

static int64_t minute_us(int64_t day, int64_t minute)
{
    return day * US_PER_DAY + minute * 60 * US_PER_SEC - CHINA_OFFSET_US;
}

static const WorkHours *hours_or_default(const WorkHours *h) { return h && h->n ? h : &work_hours_default; }

int64_t calendar_add_work_minutes(const Calendar *c, const WorkHours *hours, int64_t us, int64_t minutes,
                                  bool *ret_covered)
{
    hours = hours_or_default(hours);
    Date start = clock_china_date(us);
    int64_t left = (minutes < 0 ? 0 : minutes) * 60 * US_PER_SEC, at = us, day = date_to_days(start);
    const int64_t last = day + 10 * STEPS_MAX;
    for (bool done = false; !done && day < last; day++) {
        if (!workday(c, day)) continue;
        for (size_t i = 0; i < hours->n && !done; i++) {
            int64_t from = minute_us(day, hours->spans[i].from), to = minute_us(day, hours->spans[i].to);
            if (from < us) from = us;
            if (from >= to) continue;
            int64_t take = to - from < left ? to - from : left;
            at = from + take;
            left -= take;
            done = left == 0;
        }
    }
    note_coverage(c, start, clock_china_date(at), ret_covered);
    return at;
}

static int64_t work_us(const Calendar *c, const WorkHours *hours, int64_t from_us, int64_t to_us)
{
    int64_t sum = 0, day = date_to_days(clock_china_date(from_us)),
            last = date_to_days(clock_china_date(to_us));
    for (; day <= last; day++) {
        if (!workday(c, day)) continue;
        for (size_t i = 0; i < hours->n; i++) {
            int64_t from = minute_us(day, hours->spans[i].from), to = minute_us(day, hours->spans[i].to);
            if (from < from_us) from = from_us;
            if (to > to_us) to = to_us;
            if (to > from) sum += to - from;
        }
    }
    return sum;
}

int64_t calendar_work_minutes_between(const Calendar *c, const WorkHours *hours, int64_t from_us,
                                      int64_t to_us)
{
    hours = hours_or_default(hours);
    int64_t us = from_us <= to_us ? work_us(c, hours, from_us, to_us) : -work_us(c, hours, to_us, from_us);
    return us / (60 * US_PER_SEC);
}

static bool span_parse(Str s, int *from, int *to)
{
    TimeOfDay a, b;
    ptrdiff_t dash = str_find(s, '-');
    if (dash < 0) return false;
    Str end = str_trim(str_from(s, (size_t)dash + 1));
    if (tod_parse(str_trim(str_n(s.p, (size_t)dash)), &a, NULL) < 0) return false;
    if (str_is(end, "24:00"))
        b = (TimeOfDay){24, 0, 0};
    else if (tod_parse(end, &b, NULL) < 0)
        return false;
    *from = a.hour * 60 + a.minute;
    *to = b.hour * 60 + b.minute;
    return *from < *to && *to <= MINUTES_DAY;
}

int work_hours_parse(Str s, WorkHours *ret, Err *err)
{
    WorkHours h = {.n = 0};
    Str rest = s, part;
    while (str_split(&rest, ',', &part)) {
        int from, to;
        if (h.n == 4 || !span_parse(part, &from, &to) || (h.n && from < h.spans[h.n - 1].to))
            return err_set(err, ERR_INPUT,
                           "工作时间写法不对，应如 09:00-12:00,13:00-17:00，按先后排列，最多四段");
        h.spans[h.n].from = from;
        h.spans[h.n].to = to;
        h.n++;
    }
    if (!h.n) return err_set(err, ERR_INPUT, "工作时间是空的，应如 09:00-12:00,13:00-17:00");
    *ret = h;
    return 0;
}

/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * Dates and times as people write them. One reader for the date at the head of a cell, one for the time
 * behind it; the public functions differ only in which heads they allow. Where an order of day and month must
 * be known (US, Minguo, spreadsheet serials) the caller says so by choosing the function.
 */
#include "base/normal_int.h"

bool normal_is_empty(Str s)
{
    static const char *const words[] = {"N/A", "NA", "null", "none", "nil",  "\\N", "#N/A",
                                        "无",  "無", "空",   "-",    "--",   "—",   "——",
                                        "－",  "/",  "不详", "不詳", "未知", "暂无"};
    s = str_trim(s);
    while (str_starts(s, S("\xE3\x80\x80"))) s = str_trim(str_from(s, 3));
    if (!s.n) return true;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (str_ieq(s, str_c(words[i]))) return true;
    return false;
}

int normal_cell(Str s, NormalCell *ret, const char *what, Err *err)
{
    if (normal_is_empty(s)) return NORMAL_EMPTY;
    size_t n = 0, len;
    bool space = false;
    s = str_trim(s);
    for (size_t i = 0; i < s.n; i += len) {
        uint32_t cp = 0xFFFD;
        len = text_decode(str_from(s, i), &cp);
        if (!len) len = 1;
        if (cp >= 0xFF01 && cp <= 0xFF5E) cp -= 0xFEE0;
        if (cp == 0x200B || cp == 0xFEFF) continue;
        if (cp == 0x3000 || cp == 0xA0 || cp == '\t' || cp == '\n' || cp == '\r' || cp == ' ') {
            space = true;
            continue;
        }
        if (n + 5 > NORMAL_TEXT_MAX) return err_set(err, ERR_VALIDATION, "内容太长，不像%s", what);
        if (space && n) ret->text[n++] = ' ';
        space = false;
        n += text_encode(cp, ret->text + n);
    }
    ret->text[n] = 0;
    ret->s = str_n(ret->text, n);
    return n ? 0 : NORMAL_EMPTY;
}

/* ---- reading from the left ---- */

static bool eat(Str *s, const char *word)
{
    Str w = str_c(word);
    if (!str_starts(*s, w)) return false;
    *s = str_from(*s, w.n);
    return true;
}

static bool eat_ci(Str *s, const char *word)
{
    Str w = str_c(word);
    if (s->n < w.n || !str_ieq(str_n(s->p, w.n), w)) return false;
    *s = str_from(*s, w.n);
    return true;
}

static size_t run(Str s)
{
    size_t n = 0;
    while (n < s.n && s.p[n] >= '0' && s.p[n] <= '9') n++;
    return n;
}

/* A number of least to most digits, no more behind it. */
static bool eat_int(Str *s, size_t least, size_t most, int *ret)
{
    size_t n = run(*s);
    int64_t v;
    if (n < least || n > most || !str_int(str_n(s->p, n), &v)) return false;
    *ret = (int)v;
    *s = str_from(*s, n);
    return true;
}

static int num(const char *p, size_t n)
{
    int v = 0;
    for (size_t i = 0; i < n; i++) v = v * 10 + (p[i] - '0');
    return v;
}

/* A Chinese numeral up to `word`, which is eaten too. */
static bool eat_numeral(Str *s, const char *word, int *ret)
{
    ptrdiff_t at = str_find_str(*s, str_c(word));
    int64_t v;
    if (at <= 0 || normal_chinese_number(str_n(s->p, (size_t)at), &v, NULL) || v > 9999) return false;
    *ret = (int)v;
    *s = str_from(*s, (size_t)at + strlen(word));
    return true;
}

static int not_a_date(Str s, Err *err)
{
    Str shown = text_cut(s, 20);
    return err_set(err, ERR_VALIDATION, "看不懂的日期“" STR_FMT "”，应如 2003-01-05", STR_ARG(shown));
}

static int real_date(Date d, Date *ret, Err *err)
{
    if (!date_valid(d))
        return err_set(err, ERR_VALIDATION, "没有 %d 年 %d 月 %d 日这一天，请核对", d.year, d.month, d.day);
    *ret = d;
    return 0;
}

/* Month and day behind the year: 1-5, /1/5, .1.5, 年1月5日. */
static bool month_day(Str *s, Date *d)
{
    if (eat(s, "年")) {
        eat(s, " ");
        if (!eat_int(s, 1, 2, &d->month) || !eat(s, "月")) return false;
        eat(s, " ");
        return eat_int(s, 1, 2, &d->day) && (eat(s, "日") || eat(s, "号") || eat(s, "號"));
    }
    char sep[2] = {s->n ? s->p[0] : 0, 0};
    return (*sep == '-' || *sep == '/' || *sep == '.') && eat(s, sep) && eat_int(s, 1, 2, &d->month) &&
           eat(s, sep) && eat_int(s, 1, 2, &d->day);
}

static bool chinese_head(Str *s, Date *d)
{
    return eat_numeral(s, "年", &d->year) && eat_numeral(s, "月", &d->month) &&
           (eat_numeral(s, "日", &d->day) || eat_numeral(s, "号", &d->day) || eat_numeral(s, "號", &d->day));
}

/* The date at the head of *s, which is moved behind it. */
static int date_head(Str *s, Date *ret, Err *err)
{
    Str all = *s;
    Date d = {0};
    size_t n = run(*s);
    if (n == 8 || n == 12 || n == 14) {
        d = (Date){num(s->p, 4), num(s->p + 4, 2), num(s->p + 6, 2)};
        *s = str_from(*s, 8);
    } else if (n == 4) {
        d.year = num(s->p, 4);
        *s = str_from(*s, 4);
        if (!month_day(s, &d)) return not_a_date(all, err);
    } else if (n || !chinese_head(s, &d))
        return not_a_date(all, err);
    return real_date(d, ret, err);
}

static int us_head(Str *s, Date *ret, Err *err)
{
    Date d;
    Str all = *s;
    if (!eat_int(s, 1, 2, &d.month) || !eat(s, "/") || !eat_int(s, 1, 2, &d.day) || !eat(s, "/") ||
        !eat_int(s, 4, 4, &d.year)) {
        Str shown = text_cut(all, 20);
        return err_set(err, ERR_VALIDATION, "看不懂的日期“" STR_FMT "”，应如 6/26/2018（月/日/年）",
                       STR_ARG(shown));
    }
    return real_date(d, ret, err);
}

/* ---- time of day ---- */

typedef struct DayTime {
    TimeOfDay t;
    int micros;
    bool has_offset;
    int64_t offset_us;
} DayTime;

/* 0 none, 1 morning, 2 afternoon */
static int half_day(Str *s)
{
    eat(s, " ");
    if (eat(s, "上午") || eat(s, "凌晨") || eat(s, "早上") || eat_ci(s, "AM") || eat_ci(s, "A.M.")) return 1;
    if (eat(s, "下午") || eat(s, "晚上") || eat_ci(s, "PM") || eat_ci(s, "P.M.")) return 2;
    return 0;
}

static bool clock_digits(Str *s, DayTime *r)
{
    size_t n = run(*s);
    if (n == 4 || n == 6) { /* behind YYYYMMDD */
        r->t = (TimeOfDay){num(s->p, 2), num(s->p + 2, 2), n == 6 ? num(s->p + 4, 2) : 0};
        *s = str_from(*s, n);
        return true;
    }
    if (!eat_int(s, 1, 2, &r->t.hour)) return false;
    if (eat(s, "时") || eat(s, "時") || eat(s, "点") || eat(s, "點")) {
        if (!s->n) return true;
        if (!eat_int(s, 1, 2, &r->t.minute) || !eat(s, "分")) return false;
        return !run(*s) || (eat_int(s, 1, 2, &r->t.second) && eat(s, "秒"));
    }
    if (!eat(s, ":") || !eat_int(s, 2, 2, &r->t.minute)) return false;
    return !eat(s, ":") || eat_int(s, 2, 2, &r->t.second);
}

static bool eat_fraction(Str *s, int *micros)
{
    if (!eat(s, ".")) return true;
    size_t n = run(*s);
    int v = 0, scale = 100000;
    for (size_t i = 0; i < n; i++, scale /= 10) v += (s->p[i] - '0') * scale;
    *s = str_from(*s, n);
    *micros = v;
    return n > 0;
}

static bool eat_offset(Str *s, DayTime *r)
{
    int h, m = 0;
    eat(s, " ");
    if (eat_ci(s, "Z")) return r->has_offset = true;
    bool minus = s->n && s->p[0] == '-';
    if (!eat(s, "+") && !eat(s, "-")) return true;
    size_t n = run(*s);
    if (n == 4)
        h = num(s->p, 2), m = num(s->p + 2, 2), *s = str_from(*s, 4);
    else if (!eat_int(s, 2, 2, &h) || (eat(s, ":") && !eat_int(s, 2, 2, &m)))
        return false;
    r->has_offset = true;
    r->offset_us = ((int64_t)h * 60 + m) * 60 * US_PER_SEC * (minus ? -1 : 1);
    return h <= 14 && m <= 59;
}

/* Everything behind the date; nothing there is midnight. */
static int time_tail(Str s, DayTime *ret, Err *err)
{
    DayTime r = {.has_offset = false};
    Str all = s;
    if (!s.n) return *ret = r, 0;
    bool joined = run(s) >= 4;
    if (!joined) (void)(eat(&s, " ") || eat(&s, "T") || eat(&s, "t"));
    int half = half_day(&s);
    eat(&s, " ");
    bool ok = clock_digits(&s, &r) && eat_fraction(&s, &r.micros);
    if (ok && !half) half = half_day(&s);
    if (ok && half) {
        ok = r.t.hour <= 12 || half == 2;
        if (half == 2 && r.t.hour < 12)
            r.t.hour += 12;
        else if (half == 1 && r.t.hour == 12)
            r.t.hour = 0;
    }
    ok = ok && eat_offset(&s, &r) && !s.n && r.t.hour <= 23 && r.t.minute <= 59 && r.t.second <= 59;
    if (!ok) {
        Str shown = text_cut(str_trim(all), 20);
        return err_set(err, ERR_VALIDATION, "看不懂的时间“" STR_FMT "”，应如 14:05 或 14:05:30",
                       STR_ARG(shown));
    }
    *ret = r;
    return 0;
}

static bool midnight(const DayTime *r) { return !r->t.hour && !r->t.minute && !r->t.second && !r->micros; }

static int64_t instant(Date d, const DayTime *r)
{
    int64_t us = clock_from_china(d, r->t, r->micros);
    return r->has_offset ? us + CHINA_OFFSET_US - r->offset_us : us;
}

/* ---- the public forms ---- */

typedef int (*Head)(Str *s, Date *ret, Err *err);

static int whole_date(Str s, Head head, Date *ret, Err *err)
{
    NormalCell c;
    Date d;
    DayTime t;
    int rc = normal_cell(s, &c, "日期", err);
    if (rc) return rc;
    TRY(head(&c.s, &d, err));
    TRY(time_tail(c.s, &t, err));
    if (!midnight(&t))
        return err_set(err, ERR_VALIDATION, "这里只要日期，却带有时间；如时间有用，请换成日期时间字段");
    *ret = d;
    return 0;
}

static int whole_datetime(Str s, Head head, int64_t *ret_us, Err *err)
{
    NormalCell c;
    Date d;
    DayTime t;
    int rc = normal_cell(s, &c, "日期时间", err);
    if (rc) return rc;
    TRY(head(&c.s, &d, err));
    TRY(time_tail(c.s, &t, err));
    *ret_us = instant(d, &t);
    if (!clock_in_years(*ret_us))
        return err_set(err, ERR_VALIDATION, "时间按世界时不在 0001 年到 9999 年之间");
    return 0;
}

int normal_date(Str s, Date *ret, Err *err) { return whole_date(s, date_head, ret, err); }
int normal_us_date(Str s, Date *ret, Err *err) { return whole_date(s, us_head, ret, err); }
int normal_datetime(Str s, int64_t *ret_us, Err *err) { return whole_datetime(s, date_head, ret_us, err); }
int normal_us_datetime(Str s, int64_t *ret_us, Err *err) { return whole_datetime(s, us_head, ret_us, err); }

static int roc_head(Str *s, Date *ret, Err *err)
{
    Date d = {0};
    Str all = *s;
    if (eat(s, "民國") || eat(s, "民国") || eat(s, "中華民國")) eat(s, " ");
    size_t n = run(*s);
    bool ok = true;
    if (n == 6 || n == 7) {
        d = (Date){num(s->p, n - 4), num(s->p + n - 4, 2), num(s->p + n - 2, 2)};
        *s = str_from(*s, n);
    } else if (n >= 1 && n <= 3)
        ok = eat_int(s, 1, 3, &d.year) && month_day(s, &d);
    else
        ok = !n && chinese_head(s, &d);
    if (!ok || d.year < 1) {
        Str shown = text_cut(all, 20);
        return err_set(err, ERR_VALIDATION, "看不懂的民国日期“" STR_FMT "”，应如 1130105（年月日）",
                       STR_ARG(shown));
    }
    d.year += 1911;
    return real_date(d, ret, err);
}

int normal_roc_date(Str s, Date *ret, Err *err) { return whole_date(s, roc_head, ret, err); }

/* Day and the part of a day in thousandths of a second. */
static int excel_serial(Str s, Date *ret, int64_t *ret_ms, Err *err)
{
    NormalCell c;
    int days = 0;
    int rc = normal_cell(s, &c, "日期序号", err);
    if (rc) return rc;
    bool ok = eat_int(&c.s, 1, 7, &days);
    int64_t part = 0, scale = 100000000;
    if (ok && eat(&c.s, ".")) {
        size_t n = run(c.s);
        for (size_t i = 0; i < n; i++, scale /= 10) part += (c.s.p[i] - '0') * scale;
        ok = n > 0;
        c.s = str_from(c.s, n);
    }
    /* 60 is 29 February 1900, which never was. */
    if (!ok || c.s.n || days < 1 || days == 60 || days > 2958465)
        return err_set(err, ERR_VALIDATION, "这不是表格软件的日期序号，应如 37626（2003-01-05）");
    int64_t base = date_to_days((Date){1899, 12, days < 60 ? 31 : 30});
    *ret = date_from_days(base + days);
    *ret_ms = (part * 86400 + 500000) / 1000000;
    return 0;
}

int normal_excel_date(Str s, Date *ret, Err *err)
{
    int64_t ms;
    return excel_serial(s, ret, &ms, err);
}

int normal_excel_datetime(Str s, int64_t *ret_us, Err *err)
{
    Date d;
    int64_t ms;
    int rc = excel_serial(s, &d, &ms, err);
    if (rc) return rc;
    *ret_us = clock_from_china(d, (TimeOfDay){0}, 0) + ms * 1000;
    return 0;
}

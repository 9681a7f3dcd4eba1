/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * Amounts, numbers, Chinese numerals and yes/no. Amounts are moved by powers of ten on their digits, never
 * through floating point, so 6,170(万) is exactly 61700000.
 */
#include "base/normal_int.h"

enum { DIGITS_MAX = 38, POWER_MAX = 24 };

/* Digits without point or zeros before, and how many of them stand behind the point. */
typedef struct Number {
    char digits[DIGITS_MAX + 1];
    size_t n;
    int scale; /* may be negative: zeros to add */
    bool minus;
} Number;

static bool digit(char c) { return c >= '0' && c <= '9'; }

/* Three digits follow each comma of the whole part, no digit behind them. */
static bool comma_ok(Str s, size_t i)
{
    for (size_t k = 1; k <= 3; k++)
        if (i + k >= s.n || !digit(s.p[i + k])) return false;
    return i + 4 >= s.n || !digit(s.p[i + 4]);
}

/* Number at the head of *s, moved behind it. */
static bool eat_number(Str *s, Number *ret)
{
    Number v = {.n = 0};
    size_t i = 0;
    bool any = false, point = false, comma = false;
    if (i < s->n && (s->p[i] == '-' || s->p[i] == '+')) v.minus = s->p[i++] == '-';
    for (; i < s->n; i++) {
        char c = s->p[i];
        if (c == ',' && any && !point && comma_ok(*s, i)) {
            if (!comma && v.n > 3) return false; /* 12345,678 */
            comma = true;
            continue;
        }
        if (c == '.' && !point) {
            point = true;
            continue;
        }
        if (!digit(c)) break;
        any = true;
        if (point) v.scale++;
        if (v.n == 0 && c == '0') continue;
        if (v.n == DIGITS_MAX) return false;
        v.digits[v.n++] = c;
    }
    if (!any || s->p[i - 1] == '.') return false;
    *s = str_from(*s, i);
    *ret = v;
    return true;
}

/* false when it does not fit. */
static bool put_number(Number v, char out[AMOUNT_TEXT])
{
    while (v.scale > 0 && v.n && v.digits[v.n - 1] == '0') v.n--, v.scale--;
    if (!v.n) {
        out[0] = '0';
        out[1] = 0;
        return true;
    }
    size_t zeros = v.scale < 0 ? (size_t)-v.scale : 0, frac = v.scale > 0 ? (size_t)v.scale : 0;
    size_t whole = v.n > frac ? v.n - frac : 0;
    if (v.n + zeros + (frac > v.n ? frac - v.n : 0) > DIGITS_MAX) return false;
    size_t at = 0;
    if (v.minus) out[at++] = '-';
    for (size_t i = 0; i < whole; i++) out[at++] = v.digits[i];
    for (size_t i = 0; i < zeros; i++) out[at++] = '0';
    if (!whole) out[at++] = '0';
    if (frac) {
        out[at++] = '.';
        for (size_t i = v.n; i < frac; i++) out[at++] = '0';
        for (size_t i = whole; i < v.n; i++) out[at++] = v.digits[i];
    }
    out[at] = 0;
    return true;
}

static int not_number(Str s, const char *what, const char *like, Err *err)
{
    Str shown = text_cut(s, 20);
    return err_set(err, ERR_VALIDATION, "看不懂的%s“" STR_FMT "”，应如 %s", what, STR_ARG(shown), like);
}

int normal_decimal(Str s, char ret[AMOUNT_TEXT], Err *err)
{
    NormalCell c;
    Number v;
    int rc = normal_cell(s, &c, "数字", err);
    if (rc) return rc;
    Str rest = c.s;
    int64_t e;
    bool ok = eat_number(&rest, &v);
    if (ok && rest.n && (rest.p[0] == 'e' || rest.p[0] == 'E')) { /* as programs export floats */
        ok = str_int(str_from(rest, 1), &e) && e >= -POWER_MAX && e <= POWER_MAX;
        if (ok) v.scale -= (int)e;
        rest = str_from(rest, rest.n);
    }
    if (ok && !rest.n && put_number(v, ret)) return 0;
    if (rest.n && rest.p[0] == '%')
        return err_set(err, ERR_VALIDATION, "这里只要数字，请去掉百分号并确认单位");
    return not_number(c.s, "数字", "1234.5", err);
}

/* Words behind (or before) an amount. The longest match is first where one begins with another. */
typedef struct Word {
    const char *text;
    int power;            /* of ten */
    const char *currency; /* NULL = says nothing about it */
} Word;

static const Word words[] = {
    {"人民币元", 0, "CNY"},   {"人民币", 0, "CNY"}, {"人民幣", 0, "CNY"},   {"美元", 0, "USD"},
    {"美金", 0, "USD"},       {"香港元", 0, "HKD"}, {"港元", 0, "HKD"},     {"港币", 0, "HKD"},
    {"港幣", 0, "HKD"},       {"日元", 0, "JPY"},   {"日圆", 0, "JPY"},     {"日币", 0, "JPY"},
    {"欧元", 0, "EUR"},       {"歐元", 0, "EUR"},   {"英镑", 0, "GBP"},     {"英鎊", 0, "GBP"},
    {"新台币", 0, "TWD"},     {"新臺幣", 0, "TWD"}, {"台币", 0, "TWD"},     {"澳门元", 0, "MOP"},
    {"澳大利亚元", 0, "AUD"}, {"澳元", 0, "AUD"},   {"加拿大元", 0, "CAD"}, {"加元", 0, "CAD"},
    {"新加坡元", 0, "SGD"},   {"韩元", 0, "KRW"},   {"韩国元", 0, "KRW"},   {"瑞士法郎", 0, "CHF"},
    {"卢布", 0, "RUB"},       {"泰铢", 0, "THB"},   {"RMB", 0, "CNY"},      {"CNY", 0, "CNY"},
    {"USD", 0, "USD"},        {"HKD", 0, "HKD"},    {"EUR", 0, "EUR"},      {"JPY", 0, "JPY"},
    {"GBP", 0, "GBP"},        {"TWD", 0, "TWD"},    {"US$", 0, "USD"},      {"HK$", 0, "HKD"},
    {"NT$", 0, "TWD"},        {"$", 0, "USD"},      {"€", 0, "EUR"},        {"£", 0, "GBP"},
    {"¥", 0, "CNY"},          {"￥", 0, "CNY"},     {"元整", 0, NULL},      {"元", 0, NULL},
    {"圆", 0, NULL},          {"圓", 0, NULL},      {"整", 0, NULL},        {"(", 0, NULL},
    {")", 0, NULL},           {" ", 0, NULL},       {"十", 1, NULL},        {"百", 2, NULL},
    {"千", 3, NULL},          {"万", 4, NULL},      {"萬", 4, NULL},        {"亿", 8, NULL},
    {"億", 8, NULL},
};

static const Word *eat_word(Str *s)
{
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        Str w = str_c(words[i].text);
        if (s->n < w.n || !str_ieq(str_n(s->p, w.n), w)) continue;
        *s = str_from(*s, w.n);
        return &words[i];
    }
    return NULL;
}

/* All words at the head of *s; false when two currencies stand against each other or the power is absurd. */
static bool eat_words(Str *s, int *power, const char **currency)
{
    for (const Word *w; s->n && (w = eat_word(s));) {
        *power += w->power;
        if (*power > POWER_MAX) return false;
        if (!w->currency) continue;
        if (*currency && strcmp(*currency, w->currency)) return false;
        *currency = w->currency;
    }
    return true;
}

int normal_amount(Str s, Amount *ret, Err *err)
{
    NormalCell c;
    Number v;
    Amount a = {.text = ""};
    int power = 0;
    const char *currency = NULL;
    int rc = normal_cell(s, &c, "金额", err);
    if (rc) return rc;
    Str rest = c.s;
    bool minus = str_starts(rest, S("-")) && rest.n > 1 && !digit(rest.p[1]); /* -￥5 */
    if (minus) rest = str_from(rest, 1);
    bool ok = eat_words(&rest, &power, &currency) && power == 0 && eat_number(&rest, &v) &&
              eat_words(&rest, &power, &currency) && !rest.n;
    if (!ok) return not_number(c.s, "金额", "1234.50 元、500 万元 或 100（万美元）", err);
    v.scale -= power;
    v.minus = v.minus || minus;
    if (!put_number(v, a.text)) return err_set(err, ERR_VALIDATION, "金额的位数太多，请核对单位");
    memcpy(a.currency, currency ? currency : "CNY", 4);
    *ret = a;
    return 0;
}

/* ---- Chinese numerals ---- */

size_t normal_numeral(Str s, int *ret_digit, int64_t *ret_unit)
{
    static const struct {
        const char *text;
        int digit;
        int64_t unit;
    } table[] = {
        {"〇", 0, 0},         {"零", 0, 0},    {"○", 0, 0},      {"一", 1, 0},     {"二", 2, 0},
        {"三", 3, 0},         {"四", 4, 0},    {"五", 5, 0},     {"六", 6, 0},     {"七", 7, 0},
        {"八", 8, 0},         {"九", 9, 0},    {"两", 2, 0},     {"兩", 2, 0},     {"壹", 1, 0},
        {"贰", 2, 0},         {"貳", 2, 0},    {"叁", 3, 0},     {"參", 3, 0},     {"肆", 4, 0},
        {"伍", 5, 0},         {"陆", 6, 0},    {"陸", 6, 0},     {"柒", 7, 0},     {"捌", 8, 0},
        {"玖", 9, 0},         {"十", 0, 10},   {"拾", 0, 10},    {"百", 0, 100},   {"佰", 0, 100},
        {"千", 0, 1000},      {"仟", 0, 1000}, {"万", 0, 10000}, {"萬", 0, 10000}, {"亿", 0, 100000000},
        {"億", 0, 100000000},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (str_starts(s, str_c(table[i].text))) {
            *ret_digit = table[i].digit;
            *ret_unit = table[i].unit;
            return strlen(table[i].text);
        }
    return 0;
}

/* 一亿零二万三千四百五十: hundred millions, ten thousands, then the section below 10,000. */
typedef struct Numeral {
    int64_t yi, wan, section, last_unit;
    int digit; /* waiting for its unit, -1 = none */
    bool zero; /* a zero stands before the waiting digit */
    bool any_unit;
} Numeral;

static bool add_unit(Numeral *v, int64_t unit)
{
    v->any_unit = true;
    if (unit < 10000) {
        if (v->last_unit && unit >= v->last_unit) return false;
        if (v->digit <= 0 && (unit != 10 || v->section)) return false; /* only 十 may stand for 一十 */
        v->section += unit * (v->digit > 0 ? v->digit : 1);
        v->last_unit = unit;
    } else {
        if (v->digit > 0) v->section += v->digit;
        if (unit == 10000) {
            if (v->wan || !v->section) return false;
            v->wan = v->section * unit;
        } else {
            if (v->yi || !(v->wan + v->section)) return false;
            v->yi = (v->wan + v->section) * unit;
            v->wan = 0;
        }
        v->section = 0;
        v->last_unit = 0;
    }
    v->digit = -1;
    v->zero = false;
    return true;
}

static bool read_numeral(Str s, int64_t *ret)
{
    Numeral v = {.digit = -1};
    int64_t plain = 0;
    size_t count = 0;
    for (size_t i = 0, len; i < s.n; i += len) {
        int d;
        int64_t unit;
        len = normal_numeral(str_from(s, i), &d, &unit);
        if (!len || ++count > 18) return false;
        if (unit) {
            if (count > 1 && plain > 9) return false; /* 二三十 */
            if (!add_unit(&v, unit)) return false;
            plain = 0;
            continue;
        }
        plain = plain * 10 + d;
        if (!v.any_unit)
            v.digit = d;
        else if (d == 0)
            v.zero = true;
        else if (v.digit > 0)
            return false;
        else
            v.digit = d;
    }
    if (!count) return false;
    if (!v.any_unit) return *ret = plain, true;
    /* 一百三 and 两万三 mean 130 and 23,000 to a speaker: not clear enough to be taken. */
    if (v.digit > 0 && v.last_unit != 10 && !v.zero) return false;
    *ret = v.yi + v.wan + v.section + (v.digit > 0 ? v.digit : 0);
    return true;
}

int normal_chinese_number(Str s, int64_t *ret, Err *err)
{
    s = str_trim(s);
    if (s.n <= NORMAL_TEXT_MAX && read_numeral(s, ret)) return 0;
    return not_number(s, "中文数字", "十五、一百零三", err);
}

/* Counters and units that may stand behind a whole number. */
static Str strip_counter(Str s)
{
    static const char *const counters[] = {"层", "層", "号", "號", "棟", "栋", "间", "間", "戶",
                                           "户", "个", "個", "人", "名", "岁", "歲", "年", "月",
                                           "日", "天", "室", "樓", "楼", "房", "廳", "厅", "衛",
                                           "卫", "家", "件", "项", "辆", "台", "套", "元", "米"};
    for (size_t i = 0; i < sizeof counters / sizeof *counters; i++) {
        Str c = str_c(counters[i]);
        if (s.n > c.n && str_ends(s, c)) return str_trim(str_n(s.p, s.n - c.n));
    }
    return s;
}

int normal_int(Str s, int64_t *ret, Err *err)
{
    NormalCell c;
    Number v;
    char text[AMOUNT_TEXT];
    int rc = normal_cell(s, &c, "整数", err);
    if (rc) return rc;
    Str core = strip_counter(c.s), rest = core;
    if (str_starts(core, S("第"))) rest = core = str_from(core, 3);
    if (str_starts(core, S("地下"))) return not_number(c.s, "整数", "15 或 十五", err);
    if (eat_number(&rest, &v) && !rest.n && put_number(v, text) && str_int(str_c(text), ret)) return 0;
    if (core.n && read_numeral(core, ret)) return 0;
    return not_number(c.s, "整数", "15 或 十五", err);
}

int normal_bool(Str s, bool *ret, Err *err)
{
    static const char *const yes[] = {"是", "有", "true", "yes", "y",  "t", "1",
                                      "对", "對", "√",    "✓",   "真", "on"};
    static const char *const no[] = {"否", "无", "無", "没有", "false", "no",  "n", "f",
                                     "0",  "错", "×",  "✗",    "假",    "off", "-"};
    s = str_trim(s);
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        if (str_ieq(s, str_c(yes[i]))) return *ret = true, 0;
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        if (str_ieq(s, str_c(no[i]))) return *ret = false, 0;
    NormalCell c;
    int rc = normal_cell(s, &c, "是或否", err);
    if (rc) return rc;
    if (c.s.n != s.n && c.s.n == 1) return normal_bool(c.s, ret, err); /* Ｙ, １ */
    return not_number(c.s, "是否", "是、否", err);
}

/* SPDX-License-Identifier: MulanPSL-2.0 */
/* base/normal. */
#include "unit.h"
#include "base/csv.h"
#include "base/normal.h"

#include <dirent.h>

typedef int (*DateFn)(Str s, Date *ret, Err *err);

typedef struct DateRow {
    const char *in, *out; /* NULL = an error, "" = empty */
} DateRow;

static void check_dates(DateFn fn, const DateRow *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        Date d = {0};
        Err err = ERR_INIT;
        char got[DATE_SIZE] = "";
        int rc = fn(str_c(rows[i].in), &d, &err);
        if (rc == 0) date_format(d, got);
        if (!rows[i].out    ? rc != -ERR_VALIDATION || !err.msg[0]
            : !*rows[i].out ? rc != NORMAL_EMPTY
                            : strcmp(got, rows[i].out))
            fail_msg("\"%s\": rc %d %s %s", rows[i].in, rc, got, err.msg);
    }
}

static void date__forms(void **state)
{
    (void)state;
    static const DateRow cn[] = {{"2003-1-5", "2003-01-05"},
                                 {"2003/1/5", "2003-01-05"},
                                 {"2003.01.05", "2003-01-05"},
                                 {"20030105", "2003-01-05"},
                                 {"2003年1月5日", "2003-01-05"},
                                 {"2003年01月05号", "2003-01-05"},
                                 {"二〇〇三年一月五日", "2003-01-05"},
                                 {"二零二四年十二月三十一日", "2024-12-31"},
                                 {"２００３－０１－０５", "2003-01-05"},
                                 {" 2003-01-05　", "2003-01-05"},
                                 {"2003-01-05 00:00:00", "2003-01-05"},
                                 {"2003-01-05T00:00:00.000", "2003-01-05"},
                                 {"2003 年 1 月 5 日", NULL},
                                 {"2003年 1月 5日", "2003-01-05"},
                                 {"N/A", ""},
                                 {"", ""},
                                 {"—", ""},
                                 {"无", ""},
                                 {"2003-02-29", NULL},
                                 {"2003-13-01", NULL},
                                 {"2003年1月", NULL},
                                 {"1/5/2003", NULL},
                                 {"03-01-05", NULL},
                                 {"2003-01/05", NULL},
                                 {"2003-01-05 12:00", NULL},
                                 {"20030230", NULL},
                                 {"91610828436826129P", NULL},
                                 {"昨天", NULL},
                                 {"1130105", NULL},
                                 {"注册日期", NULL}};
    static const DateRow roc[] = {{"1130105", "2024-01-05"},
                                  {"0990105", "2010-01-05"},
                                  {"990105", "2010-01-05"},
                                  {"113/1/5", "2024-01-05"},
                                  {"民國113年1月5日", "2024-01-05"},
                                  {"一百一十三年一月五日", "2024-01-05"},
                                  {"107  02", NULL},
                                  {"", ""},
                                  {"1130230", NULL},
                                  {"0000101", NULL}};
    static const DateRow us[] = {{"6/26/2018", "2018-06-26"},
                                 {"06/26/2018", "2018-06-26"},
                                 {"26/6/2018", NULL},
                                 {"6/26/18", NULL},
                                 {"2018-06-26", NULL}};
    static const DateRow excel[] = {{"37626", "2003-01-05"},
                                    {"1", "1900-01-01"},
                                    {"59", "1900-02-28"},
                                    {"60", NULL},
                                    {"61", "1900-03-01"},
                                    {"37626.75", "2003-01-05"},
                                    {"0", NULL},
                                    {"2958465", "9999-12-31"},
                                    {"2958466", NULL},
                                    {"x", NULL}};
    check_dates(normal_date, cn, COUNT(cn));
    check_dates(normal_roc_date, roc, COUNT(roc));
    check_dates(normal_us_date, us, COUNT(us));
    check_dates(normal_excel_date, excel, COUNT(excel));
}

static void datetime__forms(void **state)
{
    (void)state;
    static const struct {
        int (*fn)(Str s, int64_t *ret, Err *err);
        const char *in, *out;
    } rows[] = {
        {normal_datetime, "2024-05-27T01:27:34.000", "2024-05-27T01:27:34+08:00"},
        {normal_datetime, "2003-01-05 12:30", "2003-01-05T12:30:00+08:00"},
        {normal_datetime, "2003-01-05", "2003-01-05T00:00:00+08:00"},
        {normal_datetime, "2003-01-05T12:30:00Z", "2003-01-05T20:30:00+08:00"},
        {normal_datetime, "2003-01-05T12:30:00.25+0900", "2003-01-05T11:30:00.25+08:00"},
        {normal_datetime, "2003年1月5日 下午3:05", "2003-01-05T15:05:00+08:00"},
        {normal_datetime, "2003年1月5日15时5分", "2003-01-05T15:05:00+08:00"},
        {normal_datetime, "20030105153045", "2003-01-05T15:30:45+08:00"},
        {normal_datetime, "2003-01-05 24:00", NULL},
        {normal_datetime, "2003-01-05 12:60", NULL},
        {normal_datetime, "2003-01-05 12:30 x", NULL},
        {normal_us_datetime, "06/26/2018 10:58:54 AM", "2018-06-26T10:58:54+08:00"},
        {normal_us_datetime, "06/26/2018 12:00:00 AM", "2018-06-26T00:00:00+08:00"},
        {normal_us_datetime, "06/26/2018 12:01:00 PM", "2018-06-26T12:01:00+08:00"},
        {normal_us_datetime, "3/14/2025 1:20", "2025-03-14T01:20:00+08:00"},
        {normal_us_datetime, "3/14/2025 13:20 AM", NULL},
        {normal_excel_datetime, "37626.5", "2003-01-05T12:00:00+08:00"},
        {normal_excel_datetime, "37626.000011574", "2003-01-05T00:00:01+08:00"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t us = 0;
        char got[CLOCK_SIZE] = "";
        Err err = ERR_INIT;
        int rc = rows[i].fn(str_c(rows[i].in), &us, &err);
        if (rc == 0) clock_format(us, got);
        if (rows[i].out ? strcmp(got, rows[i].out) != 0 : rc != -ERR_VALIDATION)
            fail_msg("\"%s\": rc %d %s %s", rows[i].in, rc, got, err.msg);
    }
}

static void amount__forms(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out, *currency;
    } rows[] = {{"6,170(万)", "61700000", "CNY"},
                {"500(万元人民币)", "5000000", "CNY"},
                {"13万人民币", "130000", "CNY"},
                {"50万", "500000", "CNY"},
                {"100(万美元)", "1000000", "USD"},
                {"100(万香港元)", "1000000", "HKD"},
                {"30(万日元)", "300000", "JPY"},
                {"7(万欧元)", "70000", "EUR"},
                {"123.456(万人民币元)", "1234560", "CNY"},
                {"12万人民币元", "120000", "CNY"},
                {"12万元人民币", "120000", "CNY"},
                {"300元", "300", "CNY"},
                {"1.5亿元", "150000000", "CNY"},
                {"￥1,234.50", "1234.5", "CNY"},
                {"¥1,234.50元", "1234.5", "CNY"},
                {"１２３．５", "123.5", "CNY"},
                {"0.00005万", "0.5", "CNY"},
                {"-3.20", "-3.2", "CNY"},
                {"0", "0", "CNY"},
                {"-0.00", "0", "CNY"},
                {"$5", "5", "USD"},
                {"5000万元整", "50000000", "CNY"},
                {"人民币 500 万元", "5000000", "CNY"},
                {"1234567890123.12345678万", "12345678901231234.5678", "CNY"},
                {"3.5千万元", "35000000", "CNY"},
                {"0.1", "0.1", "CNY"},
                {"N/A", "", ""},
                {"-", "", ""},
                {"无", "", ""},
                {"1,23", NULL, NULL},
                {"12345,678", NULL, NULL},
                {"1.2.3", NULL, NULL},
                {"万", NULL, NULL},
                {"100美元人民币", NULL, NULL},
                {"abc", NULL, NULL},
                {"5.", NULL, NULL},
                {"1234567890123456789012345678901234567890", NULL, NULL},
                {"注册资金", NULL, NULL},
                {"9亿亿亿亿", NULL, NULL}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        Amount a = {.text = ""};
        Err err = ERR_INIT;
        int rc = normal_amount(str_c(rows[i].in), &a, &err);
        bool ok = !rows[i].out ? rc == -ERR_VALIDATION
                  : !*rows[i].out
                      ? rc == NORMAL_EMPTY
                      : !rc && !strcmp(a.text, rows[i].out) && !strcmp(a.currency, rows[i].currency);
        if (!ok) fail_msg("\"%s\": rc %d %s %s %s", rows[i].in, rc, a.text, a.currency, err.msg);
    }
}

static void number__forms(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        int64_t out; /* -1 = an error */
    } ints[] = {{"15", 15},
                {"1,234", 1234},
                {"四層", 4},
                {"十五层", 15},
                {"二十一", 21},
                {"一百零三", 103},
                {"〇", 0},
                {"两万三千", 23000},
                {"二〇〇三", 2003},
                {"一亿零二万三千四百五十", 100023450},
                {"10451.0", 10451},
                {"3樓", 3},
                {"第三层", 3},
                {"壹佰贰拾叁", 123},
                {"十", 10},
                {"二十", 20},
                {"一千零一十", 1010},
                {"一百三", -1},
                {"两万三", -1},
                {"十十", -1},
                {"二三十", -1},
                {"三層，四層", -1},
                {"全", -1},
                {"1.5", -1},
                {"百", -1},
                {"一百百", -1},
                {"地下一層", -1},
                {"99999999999999999999", -1},
                {"一二三四五六七八九一二三四五六七八九一", -1},
                {"万", -1}};
    for (size_t i = 0; i < COUNT(ints); i++) {
        int64_t v = 0;
        int rc = normal_int(str_c(ints[i].in), &v, NULL);
        if (ints[i].out < 0 ? rc != -ERR_VALIDATION : rc || v != ints[i].out)
            fail_msg("%s: rc %d %lld", ints[i].in, rc, (long long)v);
    }
    static const struct {
        const char *in, *out;
    } decimals[] = {{"1,234.50", "1234.5"}, {"999.99999999999999", "999.99999999999999"},
                    {"1.045e6", "1045000"}, {"1e-3", "0.001"},
                    {"5%", NULL},           {"1e99", NULL},
                    {".5", "0.5"},          {"+7", "7"},
                    {"0.10", "0.1"},        {"e5", NULL}};
    for (size_t i = 0; i < COUNT(decimals); i++) {
        char got[AMOUNT_TEXT] = "";
        int rc = normal_decimal(str_c(decimals[i].in), got, NULL);
        if (decimals[i].out ? rc || strcmp(got, decimals[i].out) : rc != -ERR_VALIDATION)
            fail_msg("%s: rc %d %s", decimals[i].in, rc, got);
    }
}

static void bool__forms(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        int out; /* 1 yes, 0 no, 2 empty, 3 error */
    } rows[] = {{"是", 1},    {"否", 0},  {"有", 1},   {"无", 0},    {"無", 0}, {"TRUE", 1},
                {"false", 0}, {"1", 1},   {"0", 0},    {"y", 1},     {"N", 0},  {"Ｙ", 1},
                {"", 2},      {"N/A", 2}, {" 是 ", 1}, {"maybe", 3}, {"2", 3}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        bool b = false;
        int rc = normal_bool(str_c(rows[i].in), &b, NULL);
        int got = rc == 0 ? b : rc == NORMAL_EMPTY ? 2 : 3;
        if (got != rows[i].out) fail_msg("%s: %d", rows[i].in, got);
    }
}

/* ---- the real files: how many cells of a column are understood, empty, refused ---- */

typedef enum Column {
    COLUMN_DATE,
    COLUMN_ROC,
    COLUMN_AMOUNT,
    COLUMN_INT,
    COLUMN_DATETIME,
    COLUMN_US_DATETIME,
    COLUMN_BOOL
} Column;

static int read_cell(Column kind, Str s, Err *err)
{
    Date d;
    Amount a;
    int64_t i;
    bool b;
    switch (kind) {
    case COLUMN_DATE: return normal_date(s, &d, err);
    case COLUMN_ROC: return normal_roc_date(s, &d, err);
    case COLUMN_AMOUNT: return normal_amount(s, &a, err);
    case COLUMN_INT: return normal_int(s, &i, err);
    case COLUMN_DATETIME: return normal_datetime(s, &i, err);
    case COLUMN_US_DATETIME: return normal_us_datetime(s, &i, err);
    case COLUMN_BOOL: return normal_bool(s, &b, err);
    }
    return -1;
}

typedef struct Tally {
    long good, empty, refused;
} Tally;

static void tally_file(const char *path, size_t column, Column kind, int skip_records, size_t width, Tally *t)
{
    _cleanup_csv_ CsvReader *r = NULL;
    CsvRecord rec;
    Err err = ERR_INIT;
    if (csv_open_path(path, NULL, &r, &err) < 0) fail_msg("%s: %s", path, err.msg);
    while (csv_next(r, &rec, &err) > 0) {
        if (rec.number <= skip_records || rec.fault || rec.n != width) continue;
        int rc = read_cell(kind, rec.cells[column], &err);
        if (rc == 0)
            t->good++;
        else if (rc == NORMAL_EMPTY)
            t->empty++;
        else {
            t->refused++;
            Str shown = text_cut(rec.cells[column], 30);
            if (t->refused <= 3)
                print_message("  refused line %lld: " STR_FMT "\n", (long long)rec.line, STR_ARG(shown));
        }
    }
}

/* Every file of a folder whose name begins with `prefix`. */
static bool tally(const char *folder, const char *prefix, size_t column, Column kind, int skip_records,
                  size_t width, Tally *t)
{
    const char *shared = getenv("SHARED");
    char path[600], file[1000];
    snprintf(path, sizeof path, "%s/data/%s", shared ? shared : "../shared", folder);
    DIR *dir = opendir(path);
    if (!dir) return false;
    for (struct dirent *e; (e = readdir(dir));) {
        if (strncmp(e->d_name, prefix, strlen(prefix)) || !strstr(e->d_name, ".csv")) continue;
        snprintf(file, sizeof file, "%s/%s", path, e->d_name);
        tally_file(file, column, kind, skip_records, width, t);
    }
    closedir(dir);
    print_message("%s %s column %zu: %ld good, %ld empty, %ld refused\n", folder, prefix, column, t->good,
                  t->empty, t->refused);
    return true;
}

static void real_files__are_understood(void **state)
{
    (void)state;
    /* refused: at most so many; they are damage (shifted columns, a blank inside a date) or not a number at
     * all */
    static const struct {
        const char *folder, *prefix;
        size_t column;
        Column kind;
        int skip;
        size_t width;
        long refused;
    } rows[] = {
        {"enterprise-registry-shaanxi", "shaanxi", 2, COLUMN_DATE, 1, 10, 9},
        {"enterprise-registry-shaanxi", "shaanxi", 5, COLUMN_AMOUNT, 1, 10, 10},
        {"land-transactions-taipei", "a_lvr", 7, COLUMN_ROC, 2, 32, 0},
        {"land-transactions-taipei", "a_lvr", 14, COLUMN_ROC, 2, 32, 1},
        {"land-transactions-taipei", "a_lvr", 10, COLUMN_INT, 2, 32, 0},
        {"land-transactions-taipei", "a_lvr", 21, COLUMN_AMOUNT, 2, 32, 0},
        {"land-transactions-taipei", "a_lvr", 31, COLUMN_BOOL, 2, 32, 0},
        {"service-requests-nyc311", "nyc311-animals-2010", 1, COLUMN_US_DATETIME, 1, 41, 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        Tally t = {0};
        if (!tally(rows[i].folder, rows[i].prefix, rows[i].column, rows[i].kind, rows[i].skip, rows[i].width,
                   &t)) {
            print_message("skipped: no folder %s\n", rows[i].folder);
            continue;
        }
        assert_true(t.good > 0 && t.refused <= rows[i].refused);
    }
}

UNIT_MAIN(cmocka_unit_test(date__forms), cmocka_unit_test(datetime__forms), cmocka_unit_test(amount__forms),
          cmocka_unit_test(number__forms), cmocka_unit_test(bool__forms),
          cmocka_unit_test(real_files__are_understood))

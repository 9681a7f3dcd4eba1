/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/*
 * A steward's normalisers for import: what people write for dates, times, amounts, yes/no and numbers in
 * Chinese files, to the house's forms. Each takes one cell (untidied), returns NORMAL_EMPTY for the ways of
 * writing "nothing", and ERR_VALIDATION with a plain Chinese reason when it does not understand: it never
 * guesses.
 */
#include "base/clock.h"

enum { NORMAL_EMPTY = 1 }; /* understood: there is no value; the outputs are untouched */

/* "", N/A, NA, null, none, nil, \N, 无, 空, -, --, —, ——, /, 不详, 未知 (around it spaces). */
bool normal_is_empty(Str s);

/* 2003-1-5, 2003/1/5, 2003.01.05, 20030105, 2003年1月5日, 二〇〇三年一月五日; a time behind it is ignored
   when it is midnight and refused otherwise. */
int normal_date(Str s, Date *ret, Err *err) CHECKED;
/* Minguo years: 1130105, 0990105, 113/1/5, 113.1.5, 民國113年1月5日, 一百一十三年一月五日. */
int normal_roc_date(Str s, Date *ret, Err *err) CHECKED;
/* M/D/YYYY. */
int normal_us_date(Str s, Date *ret, Err *err) CHECKED;
/* Days since 1899-12-30 as spreadsheets count them; the fraction is ignored; 1 to 2958465, not 60. */
int normal_excel_date(Str s, Date *ret, Err *err) CHECKED;

/* A date in any form of normal_date, then optionally T or space and HH:MM[:SS[.f]], 12时30分[05秒],
   上午/下午; offset Z or ±HH:MM; none = China time. */
int normal_datetime(Str s, int64_t *ret_us, Err *err) CHECKED;
/* M/D/YYYY [h:mm[:ss] AM|PM], no offset = China time (the map's expression shifts it where that is wrong). */
int normal_us_datetime(Str s, int64_t *ret_us, Err *err) CHECKED;
int normal_excel_datetime(Str s, int64_t *ret_us, Err *err) CHECKED;

enum { AMOUNT_TEXT = 48 };
typedef struct Amount {
    char text[AMOUNT_TEXT]; /* exact decimal in whole units (元, dollars …): "61700000", "0.5", "-12.3" */
    char currency[4];       /* ISO 4217; CNY when none is written */
} Amount;

/* 6,170(万), 500万, 500(万元人民币), 100(万美元), 1.5亿元, ￥1,234.50, 1,234.50元, 3000. 万 and 亿 are
   multiplied out exactly; the amount stays in its own currency. At most 24 digits. */
int normal_amount(Str s, Amount *ret, Err *err) CHECKED;
/* Plain number with thousands separators, full-width digits, a percent sign refused: decimal text. */
int normal_decimal(Str s, char ret[AMOUNT_TEXT], Err *err) CHECKED;
/* Whole number in digits or in Chinese: 15, 十五, 四層, 十五层, 一百零三, 〇, 两万三千; a counter behind it
   (层 層 号 棟 栋 间 戶 户 个 人 岁 年 月 日 室 樓 楼 房 廳 厅 衛 卫) is allowed. */
int normal_int(Str s, int64_t *ret, Err *err) CHECKED;
/* Chinese numerals only (upper-case forms 壹贰叁 too); ERR_VALIDATION. */
int normal_chinese_number(Str s, int64_t *ret, Err *err) CHECKED;
/* 是 否 有 无 true false yes no 1 0 Y N T F 对 错 √ ×; 无 and - mean no here, only "" and N/A are empty. */
int normal_bool(Str s, bool *ret, Err *err) CHECKED;

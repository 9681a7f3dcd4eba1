/* SPDX-License-Identifier: MulanPSL-2.0 */
/* base/normal, base/ident and base/clock: one short cell through every reader. */
#include "base/ident.h"
#include "base/normal.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void dates(Str s)
{
    static int (*const fns[])(Str, Date *, Err *) = {normal_date, normal_roc_date, normal_us_date,
                                                     normal_excel_date, date_parse};
    static int (*const times[])(Str, int64_t *, Err *) = {normal_datetime, normal_us_datetime,
                                                          normal_excel_datetime, clock_parse};
    for (size_t i = 0; i < sizeof fns / sizeof *fns; i++) {
        Date d = {0};
        if (fns[i](s, &d, NULL) == 0) assert(date_valid(d));
    }
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        int64_t us, again;
        char text[CLOCK_SIZE];
        if (times[i](s, &us, NULL) != 0) continue;
        clock_format(us, text);
        assert(clock_in_years(us)); /* whatever the offset */
        assert(clock_parse(str_c(text), &again, NULL) == 0);
        clock_format_utc(us, text);
    }
}

static void numbers(Str s)
{
    Amount amount;
    char text[AMOUNT_TEXT], again[AMOUNT_TEXT];
    int64_t i;
    bool b;
    if (normal_amount(s, &amount, NULL) == 0) {
        assert(strlen(amount.currency) == 3 && normal_decimal(str_c(amount.text), again, NULL) == 0);
        assert(!strcmp(again, amount.text));
    }
    if (normal_decimal(s, text, NULL) == 0)
        assert(normal_decimal(str_c(text), again, NULL) == 0 && !strcmp(text, again));
    if (normal_chinese_number(s, &i, NULL) == 0) assert(i >= 0);
    (void)(normal_int(s, &i, NULL) || normal_bool(s, &b, NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Str s = str_n((const char *)data, size);
    PersonId person;
    char code[IDENT_SIZE];
    PhoneKind kind;
    TimeOfDay t;
    dates(s);
    numbers(s);
    if (ident_person(s, &person, NULL) == 0) assert(date_valid(person.birth));
    if (ident_credit(s, code, NULL) == 0) assert(strlen(code) == 18);
    (void)(ident_phone(s, &kind, NULL) || ident_email(s, NULL) || ident_url(s, NULL) ||
           tod_parse(s, &t, NULL));
    return 0;
}

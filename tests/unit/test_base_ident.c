/* SPDX-License-Identifier: MulanPSL-2.0 */
/* base/ident. Numbers are synthetic: area 610599 does not exist. */
#include "unit.h"
#include "base/ident.h"

static void person__valid_numbers(void **state)
{
    (void)state;
    char id[] = "61059919900307001?";
    id[17] = ident_person_check(str_n(id, 17));
    PersonId p;
    Err err = ERR_INIT;
    assert_int_equal(ident_person(str_c(id), &p, &err), 0);
    assert_string_equal(p.text, id);
    assert_int_equal(date_cmp(p.birth, (Date){1990, 3, 7}), 0);
    assert_int_equal(p.sex, SEX_MALE);
    /* Find one that ends in X; the lower-case form is taken and put right. */
    for (int n = 2; n < 60; n += 2) {
        snprintf(id, sizeof id, "61059920000229%03d", n);
        if (ident_person_check(str_n(id, 17)) != 'X') continue;
        id[17] = 'x';
        assert_int_equal(ident_person(str_n(id, 18), &p, &err), 0);
        assert_int_equal(p.text[17], 'X');
        assert_int_equal(p.sex, SEX_FEMALE);
        return;
    }
    fail();
}

static void person__wrong_numbers_say_why(void **state)
{
    (void)state;
    static const struct {
        const char *id, *say;
    } rows[] = {{"", "18 位"},
                {"610599900307001", "旧号码"},
                {"6105991990030700", "现在是 16 位"},
                {"61059919900307001A", "末位"},
                {"6105991990o3070011", "第 11 位"},
                {"610599199002300010", "出生日期"},
                {"610599299001010010", "今天之后"},
                {"000000199001010010", "区划"},
                {"610599199003070010", "校验位"}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        Err err = ERR_INIT;
        PersonId p;
        assert_int_equal(ident_person(str_c(rows[i].id), &p, &err), -ERR_VALIDATION);
        if (!strstr(err.msg, rows[i].say)) fail_msg("%s: %s", rows[i].id, err.msg);
    }
}

static void credit__valid_and_wrong(void **state)
{
    (void)state;
    char code[IDENT_SIZE];
    Err err = ERR_INIT;
    assert_int_equal(ident_credit(S("91610828436826129P"), code, &err),
                     0); /* a bank's branch, public register */
    assert_int_equal(ident_credit(S("91610828436826129p"), code, &err), 0);
    assert_string_equal(code, "91610828436826129P");
    static const struct {
        const char *id, *say;
    } rows[] = {{"", "18 位"},
                {"91610828436826129Q", "校验位"},
                {"91610828436826129I", "第 18 位"},
                {"9161O828436826129P", "第 5 位"},
                {"91A10828436826129P", "区划"},
                {"916108284368261291P", "19"}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(ident_credit(str_c(rows[i].id), NULL, &err), -ERR_VALIDATION);
        if (!strstr(err.msg, rows[i].say)) fail_msg("%s: %s", rows[i].id, err.msg);
    }
    assert_int_equal(ident_credit_check(S("91610828")), 0);
}

static void phone__table(void **state)
{
    (void)state;
    static const struct {
        const char *s;
        int kind; /* -1 = wrong */
    } rows[] = {{"13800000000", PHONE_MOBILE},
                {"+86 138 0000 0000", PHONE_MOBILE},
                {"8613800000000", PHONE_MOBILE},
                {"008613800000000", PHONE_MOBILE},
                {"0913-2930000", PHONE_LANDLINE},
                {"(029)87654321", PHONE_LANDLINE},
                {"029-87654321-801", PHONE_LANDLINE},
                {"2930000", PHONE_LANDLINE},
                {"+86 913 2930000", PHONE_LANDLINE},
                {"400-123-4567", PHONE_SERVICE},
                {"12345", PHONE_SERVICE},
                {"110", PHONE_SERVICE},
                {"95588", PHONE_SERVICE},
                {"12800000000", -1},
                {"1380000000", -1},
                {"138000000000", -1},
                {"+1 2125550100", -1},
                {"abc", -1},
                {"", -1},
                {"138-0000-0000转1", -1},
                {"13800000000-1", -1}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        PhoneKind k = PHONE_SERVICE;
        Err err = ERR_INIT;
        int rc = ident_phone(str_c(rows[i].s), &k, &err);
        if (rows[i].kind < 0 ? rc != -ERR_VALIDATION : rc != 0 || (int)k != rows[i].kind)
            fail_msg("%s: rc %d kind %d %s", rows[i].s, rc, (int)k, err.msg);
    }
}

static void address__table(void **state)
{
    (void)state;
    static const char *const mail_ok[] = {"a@b.cn", "first.last+tag@mail.example.gov.cn"};
    static const char *const mail_bad[] = {"",        "a",        "a@",      "@b.cn",   "a@b",    "a..b@c.cn",
                                           ".a@c.cn", "a b@c.cn", "a@-b.cn", "a@b..cn", "a@@b.cn"};
    static const char *const url_ok[] = {"http://www.weinan.gov.cn", "https://a.cn:8080/x?y=1#z",
                                         "HTTP://localhost/", "http://[::1]:80/", "https://渭南.中国/"};
    static const char *const url_bad[] = {"",
                                          "ftp://a.cn",
                                          "www.a.cn",
                                          "http://",
                                          "http://a b",
                                          "http://u:p@a.cn",
                                          "http://a:0/",
                                          "http://a:99999",
                                          "http://a..b/",
                                          "javascript:alert(1)",
                                          "http://a/\"x",
                                          "http://[::1"};
    for (size_t i = 0; i < COUNT(mail_ok); i++) assert_int_equal(ident_email(str_c(mail_ok[i]), NULL), 0);
    for (size_t i = 0; i < COUNT(mail_bad); i++)
        assert_int_equal(ident_email(str_c(mail_bad[i]), NULL), -ERR_VALIDATION);
    for (size_t i = 0; i < COUNT(url_ok); i++)
        if (ident_url(str_c(url_ok[i]), NULL)) fail_msg("%s", url_ok[i]);
    for (size_t i = 0; i < COUNT(url_bad); i++)
        if (ident_url(str_c(url_bad[i]), NULL) != -ERR_VALIDATION) fail_msg("%s", url_bad[i]);
}

UNIT_MAIN(cmocka_unit_test(person__valid_numbers), cmocka_unit_test(person__wrong_numbers_say_why),
          cmocka_unit_test(credit__valid_and_wrong), cmocka_unit_test(phone__table),
          cmocka_unit_test(address__table))

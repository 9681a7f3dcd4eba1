/* SPDX-License-Identifier: MulanPSL-2.0 */
/* model/value: each type from text, JSON and a steward's cell, and back; limits; masks. */
#include "unit.h"

#include "model/value.h"

typedef struct World {
    Arena *a;
    Model *m;
    const Entity *e;
} World;

static int fresh(void **state)
{
    World *w = xcalloc(1, sizeof *w);
    const char *source = getenv("SOURCE");
    w->a = arena_new();
    Faults faults = {.arena = w->a};
    Err err = ERR_INIT;
    if (model_load(str_fmt(w->a, "%s/tests/packs/small", source ? source : ".").p, &faults, &w->m, &err) < 0)
        return -1;
    w->e = model_entity(w->m, S("all_types"));
    *state = w;
    return 0;
}

static int gone(void **state)
{
    World *w = *state;
    model_free(w->m);
    arena_free(w->a);
    free(w);
    return 0;
}

static const Field *field(World *w, const char *name)
{
    const Field *f = entity_field(w->e, str_c(name));
    assert_non_null(f);
    return f;
}

static Str json_of(World *w, const Field *f, Val v)
{
    Buf b;
    JsonWriter jw;
    buf_init(&b, 1 << 20);
    jw_init(&jw, &b);
    value_write_json(&jw, f, v);
    Str s = buf_dup(w->a, &b);
    buf_done(&b);
    return s;
}

typedef struct Row {
    const char *field, *in, *json; /* json NULL: refused with `in` */
    const char *text;              /* value_text; NULL: the same as `in` */
} Row;

static void strict__text_in_json_and_text_out(void **state)
{
    World *w = *state;
    static const Row rows[] = {
        {"a_text", "甲乙", "\"甲乙\"", NULL},
        {"a_text", "一", NULL, NULL},
        {"a_text", "一二三四五六七八九十一二三四五六七八九十", "\"一二三四五六七八九十一二三四五六七八九十\"",
         NULL},
        {"a_text", "一二三四五六七八九十一二三四五六七八九十一", NULL, NULL},
        {"a_text", "ab\xff", NULL, NULL},
        {"a_longtext", "a\nb", "\"a\\nb\"", NULL},
        {"code", "AB123", "\"AB123\"", NULL},
        {"code", "AB1234", NULL, NULL},
        {"code", "xAB123", NULL, NULL},
        {"an_int", "100", "100", NULL},
        {"an_int", "-100", "-100", NULL},
        {"an_int", "101", NULL, NULL},
        {"an_int", "1.0", NULL, NULL},
        {"an_int", "９", NULL, NULL},
        {"an_int", " 9", NULL, NULL},
        {"an_int", "9223372036854775808", NULL, NULL},
        {"a_decimal", "2.5", "2.5", NULL},
        {"a_decimal", "2.500", "2.5", "2.5"},
        {"a_decimal", "0002.50", "2.5", "2.5"},
        {"a_decimal", "+1", "1", "1"},
        {"a_decimal", ".5", "0.5", "0.5"},
        {"a_decimal", "5.", "5", "5"},
        {"a_decimal", "0", "0", NULL},
        {"a_decimal", "-0", "0", "0"},
        {"a_decimal", "999999999999.999", "999999999999.999", NULL}, /* 15 digits */
        {"a_decimal", "1000000000000", NULL, NULL},
        {"a_decimal", "1.2345", NULL, NULL},
        {"a_decimal", "1.2340", "1.234", "1.234"},
        {"a_decimal", "-1", NULL, NULL},
        {"a_decimal", "1e3", NULL, NULL},
        {"a_decimal", "nan", NULL, NULL},
        {"a_decimal", "1.2.3", NULL, NULL},
        {"a_decimal", ".", NULL, NULL},
        {"a_decimal", "-", NULL, NULL},
        {"a_decimal", "1,000", NULL, NULL},
        {"a_money", "380000", "\"380000.00\"", "380000.00"},
        {"a_money", "9999999999999.99", "\"9999999999999.99\"", NULL}, /* 15 digits */
        {"a_money", "10000000000000", NULL, NULL},
        {"a_money", "0.01", "\"0.01\"", NULL},
        {"a_money", "0.001", NULL, NULL},
        {"a_bool", "true", "true", NULL},
        {"a_bool", "1", "true", "true"},
        {"a_bool", "false", "false", NULL},
        {"a_bool", "yes", NULL, NULL},
        {"a_date", "2024-02-29", "\"2024-02-29\"", NULL},
        {"a_date", "2023-02-29", NULL, NULL},
        {"a_date", "1999-12-31", NULL, NULL},
        {"a_date", "2999-01-01", NULL, NULL},
        {"a_date", "2024/02/29", NULL, NULL},
        {"a_time", "08:30", "\"08:30:00\"", "08:30:00"},
        {"a_time", "24:00", NULL, NULL},
        {"a_datetime", "2024-02-29T23:59:59+08:00", "\"2024-02-29T23:59:59+08:00\"", NULL},
        {"a_datetime", "2024-02-29T15:59:59Z", "\"2024-02-29T23:59:59+08:00\"", "2024-02-29T23:59:59+08:00"},
        {"a_datetime", "2024-02-29T15:59:59.123456Z", "\"2024-02-29T23:59:59.123456+08:00\"",
         "2024-02-29T23:59:59.123456+08:00"},
        {"a_datetime", "2024-02-30T15:59:59Z", NULL, NULL},
        {"an_enum", "11", "\"11\"", NULL},
        {"an_enum", "红", NULL, NULL},
        {"a_person_id", "610599199001020112", "\"610599199001020112\"", NULL},
        {"a_person_id", "610599199001020113", NULL, NULL},
        {"a_credit_code", "91610599MX09999935", "\"91610599MX09999935\"", NULL},
        {"a_credit_code", "91610599MX09999936", NULL, NULL},
        {"a_phone", "19900000001", "\"19900000001\"", NULL},
        {"a_phone", "12x", NULL, NULL},
        {"an_email", "a@example.com", "\"a@example.com\"", NULL},
        {"an_email", "a@", NULL, NULL},
        {"a_url", "https://example.com/a?b=c", "\"https://example.com/a?b=c\"", NULL},
        {"a_url", "javascript:alert(1)", NULL, NULL},
        {"a_point", "{\"type\":\"Point\",\"coordinates\":[109.5,34.5]}",
         "{\"type\":\"Point\",\"coordinates\":[109.5,34.5]}", NULL},
        {"a_point", "{\"type\":\"LineString\",\"coordinates\":[[109.5,34.5],[109.6,34.6]]}", NULL, NULL},
        {"a_point", "{\"type\":\"Point\",\"coordinates\":[34.5,109.5]}", NULL, NULL},
        {"a_point", "{}", NULL, NULL},
        {"a_line", "{\"type\":\"LineString\",\"coordinates\":[[109.5,34.5],[109.6,34.6]]}",
         "{\"type\":\"LineString\",\"coordinates\":[[109.5,34.5],[109.6,34.6]]}", NULL},
        {"a_polygon", "{\"type\":\"Polygon\",\"coordinates\":[[[109.5,34.5],[109.6,34.5],[109.6,34.6]]]}",
         NULL, NULL},
        {"a_json", "{\"b\":1,\"a\":[null,true]}", "{\"a\":[null,true],\"b\":1}",
         "{\"a\":[null,true],\"b\":1}"},
        {"a_json", "{", NULL, NULL},
        {"a_json", "7", "7", NULL},
        {"a_refs", "1;2", NULL, NULL},
        {"a_text", "", "null", ""},
        {"a_money", "", "null", ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const Field *f = field(w, rows[i].field);
        Err err = ERR_INIT;
        Val v, again;
        int rc = value_from_text(w->a, f, str_c(rows[i].in), &v, &err);
        if (!rows[i].json) {
            if (rc >= 0) fail_msg("%s: “%s” was let through", rows[i].field, rows[i].in);
            assert_true(err.code == ERR_VALIDATION || err.code == ERR_INPUT);
            if (!strstr(err.msg, str_cdup(w->a, f->title)))
                fail_msg("%s: the message “%s” lacks the title", rows[i].field, err.msg);
            continue;
        }
        if (rc < 0) fail_msg("%s: “%s”: %s", rows[i].field, rows[i].in, err.msg);
        assert_text(json_of(w, f, v), rows[i].json);
        Str text = value_text(w->a, f, v);
        assert_text(text, rows[i].text ? rows[i].text : rows[i].in);
        assert_int_equal(value_from_text(w->a, f, text, &again, &err), 0);
        assert_true(value_same(w->a, f, v, again));
    }
}

static void json__each_type(void **state)
{
    World *w = *state;
    static const Row rows[] = {
        {"an_int", "5", "5", NULL},
        {"an_int", "5.0", "5", NULL},
        {"an_int", "5.5", NULL, NULL},
        {"an_int", "\"5\"", "5", NULL},
        {"an_int", "1e300", NULL, NULL},
        {"an_int", "true", NULL, NULL},
        {"an_int", "\"\"", NULL, NULL},
        {"a_decimal", "0.1", "0.1", NULL},
        {"a_decimal", "1e-3", "0.001", NULL},
        {"a_decimal", "1e-9", NULL, NULL},
        {"a_decimal", "1.2345e-2", NULL, NULL},
        {"a_decimal", "1.5e-2", "0.015", NULL},
        {"a_decimal", "1.5e11", "150000000000", NULL},
        {"a_decimal", "1.0e-300", NULL, NULL},
        {"a_decimal", "1.0e-7", NULL, NULL},
        {"a_decimal", "1e30", NULL, NULL},
        {"a_money", "380000", "\"380000.00\"", NULL},
        {"a_money", "0.29", "\"0.29\"", NULL},
        {"a_money", "9999999999999.99", "\"9999999999999.99\"", NULL},
        {"a_money", "\"380000.5\"", "\"380000.50\"", NULL},
        {"a_bool", "true", "true", NULL},
        {"a_bool", "1", NULL, NULL},
        {"a_text", "12", "\"12\"", NULL},
        {"a_text", "true", NULL, NULL},
        {"a_text", "[]", NULL, NULL},
        {"a_text", "\"\"", "null", NULL},
        {"a_text", "\"a\\u0000b\"", NULL, NULL},
        {"a_date", "\"2024-02-29\"", "\"2024-02-29\"", NULL},
        {"a_date", "20240229", NULL, NULL},
        {"a_point", "{\"type\":\"Point\",\"coordinates\":[109.5,34.5]}",
         "{\"type\":\"Point\",\"coordinates\":[109.5,34.5]}", NULL},
        {"a_point", "[109.5,34.5]", NULL, NULL},
        {"a_json", "\"x\"", "\"x\"", NULL},
        {"a_json", "null", "null", NULL},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const Field *f = field(w, rows[i].field);
        Err err = ERR_INIT;
        json_t *wrap;
        Val v;
        /* a \u0000 is refused by the JSON reader itself */
        if (json_parse(w->a, str_fmt(w->a, "[%s]", rows[i].in), &wrap, &err) < 0) {
            assert_null(rows[i].json);
            continue;
        }
        int rc = value_from_json(w->a, f, json_array_get(wrap, 0), &v, &err);
        if (!rows[i].json) {
            if (rc >= 0)
                fail_msg("%s: %s was let through as " STR_FMT, rows[i].field, rows[i].in,
                         STR_ARG(json_of(w, f, v)));
            continue;
        }
        if (rc < 0) fail_msg("%s: %s: %s", rows[i].field, rows[i].in, err.msg);
        assert_text(json_of(w, f, v), rows[i].json);
    }
}

static void import__understands_local_forms(void **state)
{
    World *w = *state;
    static const Row rows[] = {
        {"a_text", "  甲　 乙 ", NULL, "甲 乙"},
        {"an_int", "１００", NULL, "100"},
        {"a_money", "6,170(万)", NULL, "61700000.00"},
        {"a_money", "１２．５万元", NULL, "125000.00"},
        {"a_date", "2023年5月6日", NULL, "2023-05-06"},
        {"a_date", "20230506", NULL, "2023-05-06"},
        {"a_datetime", "2023/5/6 8:30", NULL, "2023-05-06T08:30:00+08:00"},
        {"a_bool", "是", NULL, "true"},
        {"an_enum", "朱红", NULL, "11"},
        {"an_enum", " 2 ", NULL, "2"},
        {"a_phone", "１９９０００００００１", NULL, "19900000001"},
        {"a_person_id", "610599199001020112 ", NULL, "610599199001020112"},
        {"a_decimal", " 2.5 ", NULL, "2.5"},
        {"a_text", "   ", NULL, ""},
        {"a_money", "", NULL, ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const Field *f = field(w, rows[i].field);
        Err err = ERR_INIT;
        Val v;
        if (value_import(w->a, f, str_c(rows[i].in), &v, &err) < 0)
            fail_msg("%s: “%s”: %s", rows[i].field, rows[i].in, err.msg);
        assert_text(value_text(w->a, f, v), rows[i].text);
    }
    static const char *const bad[][2] = {{"a_date", "二月三十日"}, {"a_money", "很多"},
                                         {"an_enum", "黑"},        {"an_int", "若干"},
                                         {"a_bool", "也许"},       {"a_date", "2023年2月30日"}};
    for (size_t i = 0; i < COUNT(bad); i++) {
        Err err = ERR_INIT;
        Val v;
        assert_true(value_import(w->a, field(w, bad[i][0]), str_c(bad[i][1]), &v, &err) < 0);
        assert_true(err.msg[0]);
    }
}

static void lists__are_sets(void **state)
{
    World *w = *state;
    StrList list;
    Err err = ERR_INIT;
    json_t *j;
    assert_int_equal(values_from_text(w->a, field(w, "a_refs"), S("1;2；1; ;3"), &list, &err), 0);
    assert_int_equal(list.n, 3);
    assert_text(list.items[2], "3");
    assert_int_equal(json_parse(w->a, S("[2,\"1\",2]"), &j, &err), 0);
    assert_int_equal(values_from_json(w->a, field(w, "a_refs"), j, &list, &err), 0);
    assert_int_equal(list.n, 2);
    assert_int_equal(json_parse(w->a, S("[[1]]"), &j, &err), 0);
    assert_true(values_from_json(w->a, field(w, "a_refs"), j, &list, &err) < 0);
    assert_int_equal(json_parse(w->a, S("{}"), &j, &err), 0);
    assert_true(values_from_json(w->a, field(w, "a_refs"), j, &list, &err) < 0);
    Buf many;
    buf_init(&many, 1 << 20);
    for (int i = 0; i <= PICK_MAX; i++) buf_addf(&many, "%d;", i);
    assert_true(values_from_text(w->a, field(w, "a_refs"), buf_str(&many), &list, &err) < 0);
    buf_done(&many);
}

static void database__forms_read_alike(void **state)
{
    World *w = *state;
    const Field *money = field(w, "a_money"), *dec = field(w, "a_decimal");
    /* SQLite gives integers and doubles, PostgreSQL text */
    assert_text(value_text(w->a, money, V_INT(1250)), "1250.00");
    assert_text(value_text(w->a, money, V_REAL(1250.0)), "1250.00");
    assert_text(value_text(w->a, money, V_TEXT(S("1250.00"))), "1250.00");
    assert_text(value_text(w->a, money, V_REAL(9999999999999.99)), "9999999999999.99");
    assert_text(value_text(w->a, money, V_REAL(0.29)), "0.29");
    assert_text(value_text(w->a, dec, V_REAL(999999999999.999)), "999999999999.999");
    assert_text(value_text(w->a, dec, V_TEXT(S("2.500"))), "2.5");
    assert_text(value_text(w->a, dec, V_INT(100)), "100");
    assert_true(value_same(w->a, money, V_INT(5), V_TEXT(S("5.00"))));
    assert_false(value_same(w->a, money, V_INT(5), V_NULL));
    assert_text(value_text(w->a, field(w, "a_datetime"), V_TEXT(S("2023-05-06T00:30:00.000000Z"))),
                "2023-05-06T08:30:00+08:00");
    Val x = value_for_expr(money, V_INT(5));
    assert_true(x.kind == VAL_REAL && x.r == 5.0);
}

static void masks__by_type(void **state)
{
    World *w = *state;
    static const char *const rows[][3] = {
        {"a_person_id", "610599199001020112", "610599********0112"},
        {"a_phone", "19900000001", "199****0001"},
        {"a_phone", "0913-2930000", "091*****0000"},
        {"an_email", "yang@example.com", "y***@example.com"},
        {"a_secret", "王小明", "王**"},
        {"a_secret", "密", "*"},
        {"a_text", "临渭区人民街道某路一号", "临渭区人民街*****"},
        {"a_credit_code", "91610599MX09999935", "9161**********9935"},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_text(value_mask(w->a, field(w, rows[i][0]), V_TEXT(str_c(rows[i][1]))).s, rows[i][2]);
    assert_int_equal(value_mask(w->a, field(w, "a_money"), V_INT(5)).kind, VAL_NULL);
    assert_int_equal(value_mask(w->a, field(w, "a_date"), V_TEXT(S("2023-05-06"))).kind, VAL_NULL);
    assert_int_equal(value_mask(w->a, field(w, "a_phone"), V_NULL).kind, VAL_NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fresh, gone)
        T(strict__text_in_json_and_text_out), T(json__each_type),
        T(import__understands_local_forms),   T(lists__are_sets),
        T(database__forms_read_alike),        T(masks__by_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

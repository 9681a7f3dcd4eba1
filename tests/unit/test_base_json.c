/* SPDX-License-Identifier: MulanPSL-2.0 */
/* base/json: writer, guarded parser, spec decoder. */
#include "unit.h"
#include "base/json.h"

#include <math.h>

static void writer__commas_and_escapes(void **state)
{
    (void)state;
    _cleanup_buf_ Buf b;
    JsonWriter w;
    buf_init(&b, 4096);
    jw_init(&w, &b);
    jw_object(&w);
    jw_kstr(&w, "a", S("x\"\\\n\t\x01/渭南"));
    jw_key(&w, S("b"));
    jw_array(&w);
    jw_int(&w, INT64_MIN);
    jw_bool(&w, true);
    jw_null(&w);
    jw_object(&w);
    jw_object_end(&w);
    jw_array(&w);
    jw_array_end(&w);
    jw_array_end(&w);
    jw_kint(&w, "c", 3);
    jw_kbool(&w, "d", false);
    jw_object_end(&w);
    assert_text(buf_str(&b),
                "{\"a\":\"x\\\"\\\\\\n\\t\\u0001/渭南\",\"b\":[-9223372036854775808,true,null,{},[]],\"c\":3,"
                "\"d\":false}");
}

static void writer__bad_utf8_becomes_replacement(void **state)
{
    (void)state;
    _cleanup_buf_ Buf b;
    JsonWriter w;
    buf_init(&b, 4096);
    jw_init(&w, &b);
    jw_str(&w, S("a\xFF\xE6\xB8z\xC0\x80"));
    assert_text(buf_str(&b), "\"a\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBDz\xEF\xBF\xBD\xEF\xBF\xBD\"");
}

static void writer__reals_are_shortest(void **state)
{
    (void)state;
    static const struct {
        double r;
        const char *want;
    } rows[] = {
        {0.1, "0.1"}, {109.5, "109.5"},  {1.0 / 3, "0.3333333333333333"},   {NAN, "null"}, {INFINITY, "null"},
        {5, "5"},     {1e300, "1e+300"}, {0.1 + 0.2, "0.30000000000000004"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        _cleanup_buf_ Buf b;
        JsonWriter w;
        buf_init(&b, 64);
        jw_init(&w, &b);
        jw_real(&w, rows[i].r);
        assert_text(buf_str(&b), rows[i].want);
    }
}

static void parser__gives_position(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int line;
    } rows[] = {{"", 1},
                {"{", 1},
                {"{\n\"a\": 1,\n}", 3},
                {"[1,2] x", 1},
                {"{\"a\":1,\"a\":2}", 1},
                {"\"\\u0000\"", 1},
                {"[99999999999999999999]", 1},
                {"\"\xFF\"", 1},
                {"nul", 1}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        _cleanup_arena_ Arena *a = arena_new();
        json_t *v = NULL;
        Err err = ERR_INIT;
        assert_int_equal(json_parse(a, str_c(rows[i].text), &v, &err), -ERR_INPUT);
        assert_null(v);
        assert_int_equal(err.line, rows[i].line);
        assert_true(err.at >= 0 && err.msg[0]);
    }
}

static void parser__refuses_depth(void **state)
{
    (void)state;
    _cleanup_arena_ Arena *a = arena_new();
    char deep[200];
    json_t *v;
    Err err = ERR_INIT;
    memset(deep, '[', 100);
    memset(deep + 100, ']', 100);
    assert_int_equal(json_parse(a, str_n(deep, 200), &v, &err), -ERR_INPUT);
    assert_int_equal(err.at, JSON_DEPTH_MAX);
    assert_int_equal(json_parse(a, str_n(deep + 36, 128), &v, &err), 0);
    assert_int_equal(json_parse(a, S("\xEF\xBB\xBF{\"a\":[1,2.5,\"[[[\"]}"), &v, &err), 0);
    _cleanup_buf_ Buf b;
    JsonWriter w;
    buf_init(&b, 100);
    jw_init(&w, &b);
    jw_json(&w, v);
    assert_text(buf_str(&b), "{\"a\":[1,2.5,\"[[[\"]}");
}

typedef struct Form {
    Str name;
    int64_t age;
    bool on;
    json_t *any;
    StrList tags;
} Form;

static const JsonField form_spec[] = {
    {"name", JSON_T_STR, offsetof(Form, name), .required = true, .max = 12},
    {"age", JSON_T_INT, offsetof(Form, age), .min = 0, .max = 150},
    {"on", JSON_T_BOOL, offsetof(Form, on)},
    {"any", JSON_T_ANY, offsetof(Form, any)},
    {"tags", JSON_T_STR_LIST, offsetof(Form, tags)},
    {0},
};

static void decode__fills_struct(void **state)
{
    (void)state;
    _cleanup_arena_ Arena *a = arena_new();
    json_t *v;
    Err err = ERR_INIT;
    Form f = {.age = 7};
    assert_int_equal(
        json_parse(a, S("{\"name\":\"渭南\",\"on\":true,\"age\":null,\"any\":{},\"tags\":[\"a\",\"b\"]}"), &v,
                   &err),
        0);
    assert_int_equal(json_decode(a, v, form_spec, &f, &err), 0);
    assert_text(f.name, "渭南");
    assert_int_equal(f.age, 7);
    assert_true(f.on && json_is_object(f.any));
    assert_int_equal(f.tags.n, 2);
    assert_text(f.tags.items[1], "b");
}

static void decode__refuses_with_pointer(void **state)
{
    (void)state;
    static const struct {
        const char *text, *pointer, *hint;
    } rows[] = {{"[]", "", ""},
                {"{}", "/name", ""},
                {"{\"name\":null}", "/name", ""},
                {"{\"name\":3}", "/name", ""},
                {"{\"name\":\"0123456789abc\"}", "/name", ""},
                {"{\"nmae\":\"a\"}", "/nmae", "name"},
                {"{\"a/b~\":1}", "/a~1b~0", ""},
                {"{\"name\":\"a\",\"age\":151}", "/age", ""},
                {"{\"name\":\"a\",\"age\":1.5}", "/age", ""},
                {"{\"name\":\"a\",\"on\":1}", "/on", ""},
                {"{\"name\":\"a\",\"tags\":[\"x\",1]}", "/tags/1", ""}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        _cleanup_arena_ Arena *a = arena_new();
        json_t *v;
        Err err = ERR_INIT;
        Form f = {.age = 0};
        assert_int_equal(json_parse(a, str_c(rows[i].text), &v, &err), 0);
        assert_int_equal(json_decode(a, v, form_spec, &f, &err), -ERR_INPUT);
        assert_string_equal(err.pointer, rows[i].pointer);
        assert_true(strstr(err.hint, rows[i].hint) != NULL);
    }
}

UNIT_MAIN(cmocka_unit_test(writer__commas_and_escapes),
          cmocka_unit_test(writer__bad_utf8_becomes_replacement),
          cmocka_unit_test(writer__reals_are_shortest), cmocka_unit_test(parser__gives_position),
          cmocka_unit_test(parser__refuses_depth), cmocka_unit_test(decode__fills_struct),
          cmocka_unit_test(decode__refuses_with_pointer))

/* SPDX-License-Identifier: MulanPSL-2.0 */
/* model/expr_sql and the policies of packs: a portable expression holds for the same records in memory, in
   SQLite and in PostgreSQL (the test runs on each); policies limit what roles see and write. */
#include "unit.h"

#include "base/clock.h"
#include "model/expr.h"
#include "model/expr_sql.h"
#include "model/value.h"
#include "testcity.h"

enum { ROWS = 400, FIELDS_MAX = 20 };

static TestCity *city;
static Val rows[ROWS][FIELDS_MAX];

static const ExprAsk ask = {{"wang", 4}, {"WN-WXB", 6}, {"610500", 6}, {NULL, 0}, {"2025-06-03", 10}};
static const char *const asked[] = {":user", ":org", ":region", ":person", ":today"};

/* --- records of all kinds of values, NULL among them
 * --------------------------------------------------------- */

static const char *const choices[][14] = {
    {"null", "0", "1", "2", "-3", "7", "61", "-61", "9007199254740993", "9223372036854775807"}, /* i */
    {"null", "0", "1", "2", "3", "-2", "9223372036854775807", "-9223372036854775808"},          /* j */
    {"null", "0", "0.1", "0.2", "0.3", "2.675", "-1.005", "12.345", "5", "-0.5", "0.005",
     "99999.999"},                                                       /* d */
    {"null", "0", "0.1", "5", "100", "2.67", "99999999999.99", "-12.5"}, /* m */
    {"null", "\"a\"", "\"A\"", "\"ab\"", "\"Abc\"", "\"610500\"", "\"61%\"", "\"x_y\"", "\"渭南\"",
     "\"渭南市\"", "\" a \"", "\"Ä\""},                                       /* s */
    {"null", "\"a\"", "\"b\"", "\"ab\"", "\"610502\"", "\"渭\"", "\"wang\""}, /* u */
    {"null", "true", "false"},                                                /* b */
    {"null", "true", "false"},                                                /* c */
    {"null", "\"2025-06-03\"", "\"2025-06-02\"", "\"2024-02-29\"", "\"2025-12-31\"",
     "\"0999-01-05\""},                                             /* x */
    {"null", "\"2025-06-03\"", "\"2025-01-01\"", "\"2024-03-01\""}, /* y */
    {"null", "\"09:00:00\"", "\"17:30:00\""},                       /* t */
    {"null", "\"2025-06-03T09:00:00+08:00\"", "\"2025-06-03T01:00:00.000001Z\"",
     "\"1999-12-31T23:59:59Z\""},                                  /* a */
    {"null", "{\"type\":\"Point\",\"coordinates\":[109.5,34.5]}"}, /* g */
};

static void make_row(int no)
{
    static uint64_t seed = 20250603;
    const Entity *e = model_entity(city->m, S("value"));
    Str json = str_fmt(city->a, "{\"no\":%d", no);
    for (size_t k = 0; k < COUNT(choices); k++) {
        size_t n = 0;
        while (n < 14 && choices[k][n]) n++;
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        json = str_fmt(city->a, STR_FMT ",\"" STR_FMT "\":%s", STR_ARG(json), STR_ARG(e->fields[k + 1].name),
                       choices[k][(seed >> 33) % n]);
    }
    json = str_fmt(city->a, STR_FMT "}", STR_ARG(json));
    if (testcity_insert(city, &testcity_system, "value", json.p, NULL) < 0)
        fail_msg("%s: %s", json.p, city->err.msg);
    json_t *object;
    Input in;
    assert_int_equal(json_parse(city->a, json, &object, &city->err), 0);
    assert_int_equal(input_from_json(city->a, e, object, &in, &city->err), 0);
    for (size_t i = 0; i < e->n; i++) rows[no][i] = value_for_expr(&e->fields[i], in.vals[i]);
}

static int make(void **state)
{
    (void)state;
    city = testcity_new("policies", false);
    int64_t noon;
    assert_int_equal(clock_parse(S("2025-06-03T12:00:00+08:00"), &noon, NULL), 0);
    expr_env_now(city->m->exprs, noon);
    for (int i = 0; i < ROWS; i++) make_row(i);
    return 0;
}

static int unmake(void **state)
{
    (void)state;
    testcity_free(city);
    return 0;
}

/* --- three ways
 * ---------------------------------------------------------------------------------------------- */

static Str in_memory(Str text)
{
    const Entity *e = model_entity(city->m, S("value"));
    Str names[FIELDS_MAX + 5], *out = arena_alloc(city->a, sizeof *out);
    Val in[FIELDS_MAX + 5], v;
    Expr *x;
    size_t n = 0;
    char *held = arena_alloc(city->a, ROWS + 1);
    const Val values[] = {V_TEXT(ask.user), V_TEXT(ask.org), V_TEXT(ask.region), V_NULL, V_TEXT(ask.today)};
    for (; n < e->n; n++) names[n] = e->fields[n].name;
    for (size_t i = 0; i < COUNT(asked); i++) names[n + i] = str_c(asked[i]), in[n + i] = values[i];
    if (expr_compile(city->m->exprs, text, names, n + 5, &x, &city->err) < 0)
        fail_msg(STR_FMT ": %s", STR_ARG(text), city->err.msg);
    for (int i = 0; i < ROWS; i++) {
        memcpy(in, rows[i], e->n * sizeof *in);
        if (expr_eval(x, city->a, in, &v, &city->err) < 0)
            fail_msg(STR_FMT ": %s", STR_ARG(text), city->err.msg);
        held[i] = (v.kind == VAL_INT && v.i) || (v.kind == VAL_REAL && v.r != 0) ? '1' : '0';
    }
    *out = str_n(held, ROWS);
    return *out;
}

typedef struct Question {
    const ExprSql *x;
    char *held;
} Question;

static int query_tx(Tx *tx, void *p, Err *err)
{
    Question *q = p;
    Build b;
    Rows *r;
    int rc;
    memset(q->held, '0', ROWS);
    build_init(&b, city->a, tx_dialect(tx));
    build_add(&b, "select t.\"no\" from \"value\" t where ");
    expr_sql(q->x, &b, "t", &ask);
    Sql sql = build_sql(&b, "test.portable");
    TRY(tx_query(tx, city->a, &sql, b.args, b.n, &r, err));
    while ((rc = rows_next(r, err)) > 0) q->held[rows_int(r, 0)] = '1';
    rows_done(r);
    if (rc < 0) print_error("%s\n", sql.text[0]);
    return rc;
}

static Str in_database(Str text)
{
    ExprSql *x;
    Question q = {.held = arena_alloc(city->a, ROWS + 1)};
    if (expr_sql_parse(city->a, text, model_entity(city->m, S("value")), &x, &city->err) < 0)
        fail_msg(STR_FMT ": %s; %s", STR_ARG(text), city->err.msg, city->err.hint);
    q.x = x;
    if (store_read(city->store, "portable", query_tx, &q, &city->err) < 0)
        fail_msg(STR_FMT ": %s", STR_ARG(text), city->err.msg);
    return str_n(q.held, ROWS);
}

static const char *const portable[] = {
    "i > 1",
    "i = j",
    "i <> j",
    "i <= 2",
    "not (i = 0)",
    "not i = 0",
    "i is null",
    "i is not null",
    "i = null",
    "i between -3 and 2",
    "i not between 0 and 7",
    "i in (1, 2, 3)",
    "i not in (1, 2)",
    "i in (1, null)",
    "i in (-3, j)",
    "i + j > 10",
    "i - j < 0",
    "i * j = 4",
    "i / j = 0",
    "i / 2 = 3",
    "i / 2 = -1",
    "i / 0 is null",
    "-i > 2",
    "i * i * i > 200",
    "i + j > 0 or i < 0",
    "d = 0.3",
    "d + 0.1 = 0.3",
    "d + d > 0.5",
    "d * 3 = 0.3",
    "d / 2 > 1",
    "d / 0 is null",
    "d > i",
    "d = m",
    "m / 2 = 2.5",
    "m / 2 > 2",
    "i / 2.0 = 3.5",
    "i + d > 5",
    "round(d, 2) = 2.68",
    "round(d, 2) = -1.01",
    "round(d) = 5",
    "round(d) = -1",
    "round(m, 1) = 2.7",
    "round(d / 3, 2) = 0.89",
    "round(i) = 2",
    "round(d, 2) = 0.01",
    "abs(i) > 2",
    "abs(j) > 2",
    "-j < 3",
    "i - 1 < i",
    "round(j) > 0",
    "abs(d) = 0.5",
    "coalesce(i, 5) = 5",
    "coalesce(i, d, 0) > 1",
    "coalesce(s, u, '无') = '无'",
    "nullif(i, 1) is null",
    "nullif(s, 'a') = 'A'",
    "case when i > 1 then 'x' when i < 0 then s else u end = 'a'",
    "case i when 1 then true when 2 then b else c end",
    "case when i > 1 then d else j end > 2",
    "s = 'a'",
    "s > 'a'",
    "s < u",
    "s >= u",
    "s like '61%'",
    "s like '61\\%'",
    "s like '_a_'",
    "s like 'a%'",
    "s not like 'a%'",
    "s like '渭_'",
    "s like '%b%'",
    "s || u = 'ab'",
    "s || '-' || u like '%-a'",
    "lower(s) = 'a'",
    "upper(s) = 'ABC'",
    "lower(s) = 'ä'",
    "length(s) = 2",
    "length(s) > length(u)",
    "substr(s, 2, 1) = 'b'",
    "substr(s, 2) = '南市'",
    "left(s, 2) = '61'",
    "trim(s) = 'a'",
    "starts_with(s, '61')",
    "starts_with(s, :region)",
    "contains(s, '南')",
    "contains(u, '_')",
    "contains(s, :person)",
    "s in ('a', 'A', u)",
    "b",
    "not b",
    "b and c",
    "b or c",
    "b = c",
    "b <> c",
    "b = true",
    "b = 1",
    "b is null",
    "b = (i > 1)",
    "x = '2025-06-03'",
    "x < y",
    "x > '2025-01-01' and x <= :today",
    "x = today()",
    "year(x) = 2024",
    "month(x) = 6 and day(x) = 3",
    "days_between(x, y) = 1",
    "days_between(y, x) > 100",
    "days_between('2024-02-28', x) = 1",
    "year(:today) = 2025",
    "x between '2024-01-01' and '2025-06-02'",
    "coalesce(x, y) = :today",
    "t = '09:00:00'",
    "t > '12:00:00'",
    "a > '2025-06-03T01:00:00.000000Z'",
    "a = '2025-06-03T01:00:00.000000Z'",
    "a is null",
    "g is not null",
    "u = :user",
    "u <> :org",
    "s = :person",
    ":person is null and i = 1",
    "i > 1 and d < 100 and s = 'a' and b is not null and i + j > 10 and s like '6%' and not (i = 0)",
    "i > 1 or i is null and s = 'a' or not b and c",
    "i = 1 = (j = 1)",
    "\"i\" = 2 and [j] = 3 and `s` <> ''",
};

static void portable__same_three_ways(void **state)
{
    (void)state;
    size_t some = 0, wrong = 0;
    for (size_t i = 0; i < COUNT(portable); i++) {
        Str text = str_c(portable[i]);
        Str memory = in_memory(text), database = in_database(text);
        for (int k = 0; k < ROWS; k++)
            if (memory.p[k] != database.p[k] && ++wrong)
                print_error(STR_FMT ": record %d: %c in memory, %c in the database\n", STR_ARG(text), k,
                            memory.p[k], database.p[k]);
        some += memchr(memory.p, '1', ROWS) && memchr(memory.p, '0', ROWS);
    }
    assert_int_equal(wrong, 0);
    print_message("%zu expressions over %d records, %zu of them true for some and not for others\n",
                  COUNT(portable), ROWS, some);
    assert_true(some > COUNT(portable) - 25);
}

static void portable__refused_by_name_and_place(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int at;
        const char *msg, *hint;
    } wrong[] = {
        {"i > 1 and age(x) > 18", 10, "函数 age", "docs/expressions.md"},
        {"i glob '6*'", 2, "glob", ""},
        {"s regexp 'a'", 2, "regexp", ""},
        {"cast(s as integer) = 1", 0, "cast", ""},
        {"i is j", 2, "is", ""},
        {"i & 1 = 1", 2, "&", ""},
        {"i % 2 = 0", 2, "%", ""},
        {"s collate nocase = 'a'", 2, "collate", ""},
        {"handlr = 1", 0, "没有名为 “handlr”", ""},
        {"u = :usr", 4, ":usr", ":user"},
        {"i = 'x'", 4, "文字不能与数字相比", "引号"},
        {"x = '2025-6-3'", 4, "文字不能与日期相比", "2025-06-03"},
        {"a > '2025-06-03'", 4, "文字不能与时刻相比", ""},
        {"s = 1", 4, "数字不能与文字相比", ""},
        {"i", 0, "这里要的是是否", ""},
        {"s || 1 = 'a1'", 5, "这里要的是文字", ""},
        {"g = 'x'", 0, "is null", ""},
        {"b > c", 2, "是否值", ""},
        {"s like u", 7, "直接写模式", ""},
        {"s like 'a\\'", 7, "结尾", ""},
        {"i in ()", 2, "空", ""},
        {"i = 1 j", 6, "不该有", ""},
        {"i = 1e3", 4, "1e3", ""},
        {"d = 1234567890.1234567", 4, "15 位", ""},
        {"substr(s, 0) = 'a'", 10, "整数", ""},
        {"substr(s) = 'a'", 0, "少了", ""},
        {"length(s, u) = 1", 10, "多了", ""},
        {"starts_with(s, s || u)", 17, "直接写文字", ""},
        {"contains(s, u)", 12, "直接写文字", ""},
        {"i = ", 4, "不完整", ""},
        {"case i end", 0, "when", ""},
        {"coalesce(null, null) = 1", 0, "null", ""},
        {"i*i*i*i*i*i*i*i*i*i > 1", 17, "8 次", ""},
        {"", -1, "空", ""},
    };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        ExprSql *x;
        Err err = ERR_INIT;
        int rc = expr_sql_parse(city->a, str_c(wrong[i].text), model_entity(city->m, S("value")), &x, &err);
        if (rc != -(int)ERR_PACK || !strstr(err.msg, wrong[i].msg) || !strstr(err.hint, wrong[i].hint) ||
            err.at != wrong[i].at)
            fail_msg("%s: %d at %lld: %s; %s", wrong[i].text, rc, (long long)err.at, err.msg, err.hint);
    }
}

/* --- policies
 * ------------------------------------------------------------------------------------------------- */

static void put(const char *json)
{
    if (testcity_insert(city, &testcity_system, "matter", json, NULL) < 0) fail_msg("%s", city->err.msg);
}

static void policies__limit_rows(void **state)
{
    (void)state;
    put("{\"code\":\"1\",\"title\":\"公开甲\",\"opened_on\":\"2024-01-01\",\"fee\":\"10\",\"secret\":"
        "\"不外传\",\"links\":[\"1\"]}");
    put("{\"code\":\"2\",\"title\":\"乙\",\"state\":\"保密\",\"handler\":\"li\",\"opened_on\":\"2024-01-01\","
        "\"fee\":\"10\"}");
    put("{\"code\":\"3\",\"title\":\"公开丙\",\"opened_on\":\"9999-01-01\",\"fee\":\"10\"}");
    put("{\"code\":\"4\",\"title\":\"公开丁\",\"opened_on\":\"2024-01-01\",\"fee\":\"1000\"}");
    put("{\"code\":\"5\",\"title\":null,\"opened_on\":\"2024-01-01\"}");
    Actor li = testcity_actor(city, "li", "clerk", "", ""), wu = testcity_actor(city, "wu", "clerk", "", ""),
          guest = testcity_actor(city, "g", "guest", "", ""),
          both = testcity_actor(city, "li", "clerk guest", "", ""),
          keeper = testcity_actor(city, "k", "keeper", "", "");
    static const char *const all = "select=code&order=code";
#define SEES(who, want) assert_text(testcity_get(city, &who, "matter", all), "[" want "]")
#define C(n)            "{\"code\":\"" #n "\"}"
    SEES(li, C(1) "," C(2) "," C(4) "," C(5));
    SEES(wu, C(1) "," C(4) "," C(5));
    SEES(guest, C(1));
    SEES(both, C(1));
    SEES(keeper, C(1) "," C(2) "," C(3) "," C(4) "," C(5));
    assert_text(testcity_get(city, &wu, "matter", "select=n:count()"), "[{\"n\":3}]");
    assert_text(testcity_get(city, &guest, "matter", "code=eq.2&select=code"), "[]");
}

static void policies__hold_for_what_is_written(void **state)
{
    (void)state;
    bool changed;
    Actor li = testcity_actor(city, "li", "clerk", "", ""), wu = testcity_actor(city, "wu", "clerk", "", "");
    /* out of reach, out of the limit, within it */
    assert_int_equal(testcity_update(city, &wu, "matter", "2", "{\"title\":\"改\"}", 0, &changed),
                     -(int)ERR_NOT_FOUND);
    assert_int_equal(testcity_delete(city, &wu, "matter", "2", 0), -(int)ERR_NOT_FOUND);
    assert_int_equal(testcity_update(city, &wu, "matter", "1", "{\"state\":\"保密\"}", 0, &changed),
                     -(int)ERR_FORBIDDEN);
    assert_string_equal(city->err.msg, "保密事项只能由经办人处理");
    assert_int_equal(
        testcity_insert(city, &wu, "matter", "{\"code\":\"9\",\"state\":\"保密\",\"handler\":\"li\"}", NULL),
        -(int)ERR_FORBIDDEN);
    assert_int_equal(
        testcity_insert(city, &li, "matter", "{\"code\":\"9\",\"state\":\"保密\",\"handler\":\"li\"}", NULL),
        0);
    assert_int_equal(testcity_update(city, &li, "matter", "2", "{\"title\":\"改\"}", 0, &changed), 0);
    /* handing a secret matter on leaves the limit */
    assert_int_equal(testcity_update(city, &li, "matter", "2", "{\"handler\":\"wu\"}", 0, &changed),
                     -(int)ERR_FORBIDDEN);
    assert_int_equal(testcity_delete(city, &li, "matter", "9", 0), 0);
}

static void fields__of_some_roles(void **state)
{
    (void)state;
    bool changed;
    Actor wu = testcity_actor(city, "wu", "clerk", "", ""),
          keeper = testcity_actor(city, "k", "keeper", "", "");
    assert_text(testcity_get(city, &wu, "matter", "code=eq.1&select=secret,links,code"),
                "[{\"secret\":null,\"links\":null,\"code\":\"1\"}]");
    assert_text(testcity_get(city, &keeper, "matter", "code=eq.1&select=secret,links"),
                "[{\"secret\":\"不外传\",\"links\":[\"1\"]}]");
    assert_text(testcity_read(city, &wu, "matter", "code=eq.1&select=code,secret,links", FORMAT_CSV, NULL),
                "code,secret,links\r\n1,,\r\n");
    static const char *const closed[] = {"secret=eq.x",
                                         "secret=is.null",
                                         "or=(secret.eq.x,code.eq.1)",
                                         "order=secret",
                                         "select=secret,n:count()",
                                         "select=secret.max()",
                                         "select=secret.count()",
                                         "links=cs.{1}",
                                         "select=matter!links(code)"};
    for (size_t i = 0; i < COUNT(closed); i++) {
        Str got = testcity_get(city, &wu, "matter", closed[i]);
        if (!str_starts(got, S("FORBIDDEN")) && !str_starts(got, S("ERR_FORBIDDEN")))
            fail_msg("%s: " STR_FMT " %s", closed[i], STR_ARG(got), city->err.msg);
        testcity_get(city, &keeper, "matter", closed[i]);
        if (city->err.code) fail_msg("%s: %s", closed[i], city->err.msg);
    }
    assert_int_equal(testcity_update(city, &wu, "matter", "1", "{\"secret\":\"x\"}", 0, &changed),
                     -(int)ERR_FORBIDDEN);
    assert_string_equal(city->err.pointer, "/secret");
    assert_int_equal(testcity_update(city, &wu, "matter", "1", "{\"verdict\":\"x\"}", 0, &changed),
                     -(int)ERR_FORBIDDEN);
    assert_int_equal(testcity_insert(city, &wu, "matter", "{\"code\":\"8\",\"verdict\":\"x\"}", NULL),
                     -(int)ERR_FORBIDDEN);
    assert_int_equal(testcity_update(city, &keeper, "matter", "1", "{\"verdict\":\"准\"}", 0, &changed), 0);
    assert_text(testcity_get(city, &wu, "matter", "code=eq.1&select=verdict"), "[{\"verdict\":\"准\"}]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(portable__same_three_ways), cmocka_unit_test(portable__refused_by_name_and_place),
        cmocka_unit_test(policies__limit_rows), cmocka_unit_test(policies__hold_for_what_is_written),
        cmocka_unit_test(fields__of_some_roles)};
    return cmocka_run_group_tests(tests, make, unmake);
}

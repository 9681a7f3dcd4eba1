/* SPDX-License-Identifier: MulanPSL-2.0 */
/* model/expr: what an expression may do, and that a hostile one is refused or stopped at once. */
#include "unit.h"

#include "base/clock.h"
#include "model/expr.h"
#include <pthread.h>
#include <sqlite3.h>
#include <time.h>

static const Str names[] = {{"code", 4}, {"price", 5}, {"amount", 6}, {"note", 4}};

typedef struct World {
    ExprEnv *env;
    Arena *a;
} World;

static int fresh(void **state)
{
    World *w = xcalloc(1, sizeof *w);
    *w = (World){expr_env_new(), arena_new()};
    *state = w;
    return 0;
}

static int gone(void **state)
{
    World *w = *state;
    expr_env_free(w->env);
    arena_free(w->a);
    free(w);
    return 0;
}

static int run(World *w, const char *text, Val *ret, Err *err)
{
    const Val in[] = {V_TEXT(S("AB12")), V_REAL(2.5), V_INT(4), V_NULL};
    Expr *x;
    *err = ERR_INIT;
    TRY(expr_compile(w->env, str_c(text), names, 4, &x, err));
    return expr_eval(x, w->a, in, ret, err);
}

static void assert_gives(World *w, const char *text, const char *want)
{
    Val v;
    Err err;
    if (run(w, text, &v, &err) < 0) fail_msg("%s: %s; %s", text, err.msg, err.hint);
    Str got = v.kind == VAL_TEXT  ? v.s
              : v.kind == VAL_INT ? str_fmt(w->a, "%lld", (long long)v.i)
                                  : str_fmt(w->a, "%.10g", v.r);
    if (v.kind == VAL_NULL || !str_is(got, want)) fail_msg("%s gave " STR_FMT, text, STR_ARG(got));
}

static void eval__gives_values(void **state)
{
    World *w = *state;
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"price * amount", "10"},
        {"code || '-' || amount", "AB12-4"},
        {"note is null", "1"},
        {"PRICE * Amount", "10"},
        {"coalesce(note, '无')", "无"},
        {"code regexp '^[A-Z]+[0-9]+$'", "1"},
        {"code regexp '^[0-9]'", "0"},
        {"case when price > 2 then 'a)b;--' else 'c' end", "a)b;--"},
        {"\"code\"", "AB12"},
        {"[code]", "AB12"},
        {"cn_date('２０２３年5月6日')", "2023-05-06"},
        {"amount_value('6,170(万)')", "61700000"},
        {"round(10.0 / 4, 1)", "2.5"},
        {"json_extract('{\"a\":[1,2]}', '$.a[1]')", "2"},
        {"printf('%05.1f%%|%s', price, code)", "002.5%|AB12"},
        {"upper(substr(code, 1, 1))", "A"},
        {"amount between 1 and 5 and code in ('AB12', 'x')", "1"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) assert_gives(w, rows[i].text, rows[i].want);
}

static void compile__tells_what_is_wrong(void **state)
{
    World *w = *state;
    static const struct {
        const char *text, *msg, *hint;
    } rows[] = {
        {"prise * 2", "没有名为 “prise” 的字段", "price"},
        {"pice", "没有名为 “pice” 的字段", "price"},
        {"zzzzzz", "没有名为 “zzzzzz” 的字段", ""},
        {"nosuch(1)", "没有名为 “nosuch” 的函数", ""},
        {"price *", "表达式写得不对", "SQL"},
        {"", "空的", ""},
        {"   ", "空的", ""},
        {"price) from v; drop table x; select (1", "右括号多了", ""},
        {"(price", "左括号多了", ""},
        {"'abc", "引号没有配对", ""},
        {"1; select 2", "分号", ""},
        {"1 -- x", "注释", ""},
        {"1 /* x", "注释", ""},
        {"?1", "参数", ""},
        {":a + 1", "参数", ""},
        {"$a", "参数", ""},
        {"@a", "参数", ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        Val v;
        Err err;
        assert_int_equal(run(w, rows[i].text, &v, &err), -(int)ERR_PACK);
        if (!strstr(err.msg, rows[i].msg) || !strstr(err.hint, rows[i].hint))
            fail_msg("%s: %s; %s", rows[i].text, err.msg, err.hint);
    }
}

/* Of this thread, so that a busy machine does not count. */
static int64_t cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * US_PER_SEC + t.tv_nsec / 1000;
}

static void assert_stopped(World *w, const char *text, bool may_pass)
{
    Val v;
    Err err;
    int64_t start = cpu_us();
    int rc = run(w, text, &v, &err);
    int64_t ms = (cpu_us() - start) / 1000;
    if (rc == 0 && !may_pass) fail_msg("%.80s was let through", text);
    if (rc < 0) assert_true(err.code == ERR_PACK || err.code == ERR_VALIDATION);
    if (ms > 50 * (getenv("SLOW_MACHINE") ? 100 : 1)) fail_msg("%.80s took %lld ms", text, (long long)ms);
}

static void hostile__refused(void **state)
{
    World *w = *state;
    static const char *const rows[] = {
        "(select count(*) from sqlite_master)",
        "(select 1)",
        "(SELECT 1)",
        "exists(select 1)",
        "(values(1))",
        "(with recursive c(x) as (select 1 union all select x + 1 from c) select max(x) from c)",
        "1) from v union all select (2",
        "load_extension('x')",
        "readfile('/etc/passwd')",
        "writefile('/tmp/x', 'y')",
        "edit('x')",
        "random()",
        "randomblob(10)",
        "fts3_tokenizer('x')",
        "pragma_table_info('x')",
        "attach('x')",
        "sqlite_master.sql",
        "rowid + temp.sqlite_master.sql",
        "zeroblob(1000000000)",
        "hex(zeroblob(1000000))",
        "replace(replace(hex(zeroblob(9000)), '0', 'yyyy'), 'y', 'zzzz')",
        "printf('%.*c', 1000000000, 'x')",
        "printf('%1000000000d', 1)",
        "printf('%.1000000000f', 1)",
        "format( '%01000000000d', 1)",
        "printf('%d''%1000000000d', 1, 1)",
        "printf(code, 1)",
        "\"printf\"('%1000000000d', 1)",
        "[printf] ('%1000000000d', 1)",
        "group_concat(code) over ()  filter (where (select 1))",
        "\"x\x01\"",
        "raise(abort, 'x')",
        "sum(price) over ()",
        "\"\x01same\"(1)",
        "left(code, 1) union all select 1",
        "price.code",
        "code ->> '$.a'",
        "1 in (select 1)",
        "price is distinct from (select 1)",
        "workdays_between('0001-01-01', '9999-12-31')",
        "add_work_hours('2025-01-01', 1e300)",
        "now",
    };
    for (size_t i = 0; i < COUNT(rows); i++) assert_stopped(w, rows[i], false);
}

static void hostile__slow_patterns_are_stopped(void **state)
{
    World *w = *state;
    static const char *const rows[] = {
        "replace(hex(zeroblob(15000)), '0', 'a') like '%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%b'",
        "replace(hex(zeroblob(15000)), '0', 'a') glob '*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b'",
        "replace(hex(zeroblob(15000)), '0', 'a') like '%_a_%_a_%_a_%_a_%_a_%_a_%_a_%_a_%_a_%_a_%b%c%d%e%f'",
        "replace(hex(zeroblob(150)), '0', 'a') regexp '(a*)*b'",
        "replace(hex(zeroblob(150)), '0', 'a') regexp '((a{1,200}){1,200}){1,200}'",
        "replace(hex(zeroblob(1500)), '0', 'a') regexp '(a*)(a*)(a*)\\1\\2\\3b'",
        ("'渭南' regexp 'a' || replace(hex(zeroblob(49)), '0', '?') || '+++++++' || "
         "replace(hex(zeroblob(90)), '0', '?') || '++++'"),
        "'渭南' regexp '((((((((((((((((((((a)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+'",
        "length(replace(replace(hex(zeroblob(15000)), '0', 'a'), 'aa', 'b'))",
        "instr(replace(hex(zeroblob(15000)), '0', 'a'), hex(zeroblob(500)) || 'b')",
        "json_valid(printf('%.*c', 60000, '['))",
        "code like replace(hex(zeroblob(15000)), '0', '%')",
    };
    for (size_t i = 0; i < COUNT(rows); i++) assert_stopped(w, rows[i], true);
}

/* open × n, middle, close × n */
static char *nest(World *w, const char *open, const char *middle, const char *close, int n)
{
    Buf b;
    buf_init(&b, 1 << 20);
    for (int i = 0; i < n; i++) buf_adds(&b, open);
    buf_adds(&b, middle);
    for (int i = 0; i < n; i++) buf_adds(&b, close);
    char *s = str_cdup(w->a, buf_str(&b));
    buf_done(&b);
    return s;
}

static void hostile__deep_and_long(void **state)
{
    World *w = *state;
    assert_stopped(w, nest(w, "(", "1", ")", 4000), false);
    assert_stopped(w, nest(w, "-", "1", "", 4000), false);
    assert_stopped(w, nest(w, "abs(", "1", ")", 1500), false);
    assert_stopped(w, nest(w, "not ", "1", "", 2000), false);
    assert_stopped(w, nest(w, "1+", "1", "", 4000), false);
    assert_stopped(w, nest(w, "case when 1 then ", "1", " end", 400), false);
    assert_stopped(w, nest(w, "1+", "1", "", 20000), false);
    assert_stopped(w, nest(w, "length(replace(hex(zeroblob(15000)),'0','a'))+", "1", "", 90), true);
#define BIG "replace(hex(zeroblob(15000)),'0','a')"
    assert_stopped(
        w, nest(w, "(" BIG " like '%aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab')+", "1", "", 60),
        true);
    assert_stopped(w, nest(w, "(" BIG " regexp 'aaaaaaaaaaab')+", "1", "", 60), true);
    assert_stopped(w, nest(w, "length(left(" BIG ",9999))+", "1", "", 60), true);
    assert_stopped(w, nest(w, "contains(" BIG ",'aaaaaaaaaab')+", "1", "", 60), true);
    assert_stopped(w, nest(w, "workdays_between('2000-01-01','2270-01-01')+", "1", "", 60), false);
    assert_stopped(w, nest(w, "length(add_workdays('2025-01-01',50000))+", "1", "", 60), false);
    assert_stopped(w, nest(w, "length(add_work_hours('2025-01-01',100000))+", "1", "", 60), false);
    assert_stopped(w, nest(w, "lon('{\"type\":\"Point\",\"coordinates\":' || " BIG " || '}')+", "1", "", 60),
                   true);
    assert_stopped(w, nest(w, "left(", "code", ",3)", 90), true);
    assert_stopped(w, nest(w, "case when amount in (1,2,3) then 1 else ", "0", " end", 60), true);
    assert_stopped(w, nest(w, "length(replace(replace(hex(zeroblob(15000)),'0','a'),'a','b'))+", "1", "", 90),
                   true);
}

static void uses__knows_names(void **state)
{
    World *w = *state;
    Expr *x;
    Err err = ERR_INIT;
    assert_int_equal(expr_compile(w->env, S("price + 1"), names, 4, &x, &err), 0);
    assert_true(expr_uses(x, 1));
    assert_false(expr_uses(x, 0));
    assert_false(expr_uses(x, 9));
}

static void eval__recovers_after_a_failure(void **state)
{
    World *w = *state;
    Val v;
    Err err;
    assert_true(run(w, "cn_date('不是日期')", &v, &err) < 0);
    assert_int_equal(err.code, ERR_VALIDATION);
    assert_true(err.msg[0]);
    assert_int_equal(run(w, "price", &v, &err), 0);
    assert_true(v.kind == VAL_REAL && v.r == 2.5);
}

/* --- functions
 * ------------------------------------------------------------------------------------------------ */

#define POINT(x, y) "'{\"type\":\"Point\",\"coordinates\":[" #x "," #y "]}'"
#define SQUARE                                                                                               \
    "'{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[4,0],[4,4],[0,4],[0,0]],[[1,1],[2,1],[2,2],[1,2],[1,1]" \
    "]]}'"
#define TWO                                                                                                  \
    "'{\"type\":\"MultiPolygon\",\"coordinates\":[[[[0,0],[1,0],[1,1],[0,0]]],[[[5,5],[6,5],[6,6],[5,5]]]]}" \
    "'"

static void functions__give_known_values(void **state)
{
    World *w = *state;
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"date_add('2024-02-28', 2)", "2024-03-01"},
        {"days_between('2025-01-01', '2025-03-01')", "59"},
        {"days_between('2025-03-01', '2025-01-01')", "-59"},
        {"age('2004-02-29', '2025-02-28')", "20"},
        {"age('2004-02-29', '2025-03-01')", "21"},
        {"age('2000-06-04')", "24"},
        {"age('2000-06-03')", "25"},
        {"year('2024-12-31T20:00:00Z')", "2025"},
        {"month('2025-06-03') * 100 + day('2025-06-03')", "603"},
        {"today()", "2025-06-03"},
        {"now()", "2025-06-03T02:00:00.000000Z"},
        {"is_workday('2025-10-01')", "0"},
        {"is_workday('2025-09-28')", "1"}, /* a Sunday that makes up for the holiday */
        {"workdays_between('2025-09-30', '2025-10-09')", "1"},
        {"workdays_between('2025-06-03', '2025-06-03')", "0"},
        {"add_workdays('2025-09-30', 1)", "2025-10-09"},
        {"add_workdays('2025-10-09', -1)", "2025-09-30"},
        {"add_work_hours('2025-06-03T16:00:00+08:00', 2)", "2025-06-04T02:00:00.000000Z"},
        {"add_work_hours('2025-06-03T11:30:00+08:00', 1)", "2025-06-03T05:30:00.000000Z"},
        {"date_add(null, 1) is null and age(null) is null and workdays_between(null, today()) is null", "1"},
        {"contains('渭南市', '南') and not contains('渭南市', '北')", "1"},
        {"starts_with('610502', '6105') and ends_with('610502', '02')", "1"},
        {"left('渭南市', 2) || '|' || right('渭南市', 1) || '|' || left('abc', -1) || right('abc', -1)",
         "渭南|市|abbc"},
        {"left('abc', 10) || left('abc', -10)", "abc"},
        {"'ABC' like 'a%'", "0"},
        {"'50%' like '50\\%'", "1"},
        {"'50x' like '50!%' escape '!'", "0"},
        {"round(2.675, 2)", "2.68"},
        {"round(-1.005, 2)", "-1.01"},
        {"round(0.5)", "1"},
        {"round(1234567.5)", "1234568"},
        {"round(0.004, 2)", "0"},
        {"round(0.995, 2)", "1"},
        {"person_id_born('610599199001011232')", "1990-01-01"},
        {"person_id_ok('610599199001011232')", "1"},
        {"person_id_ok('610599199001011230')", "0"},
        {"email_ok('a@b.cn') and not email_ok('a@') and url_ok('https://a.cn/x') and not url_ok('ftp://a')",
         "1"},
        {"round(distance_m(" POINT(0, 0) ", " POINT(0, 1) "), 1)", "111195.1"},
        {"round(distance_m(" POINT(109.5, 34.5) ", " POINT(108.94, 34.34) "))", "54361"},
        {"lon(" POINT(109.5, 34.25) ") + lat(" POINT(109.5, 34.25) ")", "143.75"},
        {"in_polygon(" POINT(3, 3) ", " SQUARE ")", "1"},
        {"in_polygon(" POINT(1.5, 1.5) ", " SQUARE ")", "0"},
        {"in_polygon(" POINT(1, 1.5) ", " SQUARE ")", "1"},
        {"in_polygon(" POINT(4, 2) ", " SQUARE ")", "1"},
        {"in_polygon(" POINT(4.01, 2) ", " SQUARE ")", "0"},
        {"in_polygon(" POINT(5.5, 5.2) ", " TWO ") and in_polygon(" POINT(0.5, 0.2) ", " TWO ")", "1"},
        {"in_polygon(" POINT(3, 3) ", " TWO ")", "0"},
        {"bbox_overlaps(" SQUARE ", " TWO ") and not bbox_overlaps(" SQUARE ", " POINT(5, 5) ")", "1"},
    };
    _cleanup_calendar_ Calendar *c = calendar_new();
    const char *source = getenv("SOURCE");
    Err err = ERR_INIT;
    assert_int_equal(
        calendar_load(c, str_fmt(w->a, "%s/data/calendar/cn-workdays.csv", source ? source : ".").p, &err),
        0);
    expr_env_calendar(w->env, c);
    int64_t now;
    assert_int_equal(clock_parse(S("2025-06-03T10:00:00+08:00"), &now, NULL), 0);
    expr_env_now(w->env, now);
    for (size_t i = 0; i < COUNT(rows); i++) assert_gives(w, rows[i].text, rows[i].want);
}

static void functions__refuse_in_words(void **state)
{
    World *w = *state;
    static const struct {
        const char *text, *msg;
    } rows[] = {
        {"date_add('2025-6-3', 1)", "要的是日期"},
        {"date_add('2025-06-03', 99999999)", "天数过大"},
        {"workdays_between('0001-01-01', '9999-01-01')", "相差太远"},
        {"add_work_hours('2025-06-03', -1)", "小时数"},
        {"add_work_hours('x', 1)", "要的是时刻"},
        {"lon('109.5,34.5')", "GeoJSON"},
        {"lon(" SQUARE ")", "GeoJSON 的点"},
        {"distance_m(1, 2)", "GeoJSON"},
        {"in_polygon('{\"type\":\"Point\",\"coordinates\":[nan,1]}', " SQUARE ")", "GeoJSON 的点"},
        {"'a' like 'b' escape 'xx'", "escape"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        Val v;
        Err err;
        assert_int_equal(run(w, rows[i].text, &v, &err), -(int)ERR_VALIDATION);
        if (!strstr(err.msg, rows[i].msg)) fail_msg("%s: %s", rows[i].text, err.msg);
    }
}

static void twice(struct sqlite3_context *c, int n, struct sqlite3_value **v)
{
    (void)n;
    ++*(int *)sqlite3_user_data(c);
    sqlite3_result_int64(c, 2 * sqlite3_value_int64(v[0]));
}

static void functions__of_a_pack(void **state)
{
    World *w = *state;
    static const SqlFunc rows[] = {{"twice", 1, twice, 0, "两倍"}, {0}};
    int calls = 0;
    expr_env_functions(w->env, rows, &calls);
    assert_gives(w, "twice(amount) + 1", "9");
    assert_int_equal(calls, 1);
}

static void errors__have_their_place(void **state)
{
    World *w = *state;
    static const struct {
        const char *text;
        int at;
    } rows[] = {
        {"price > 1 and prise < 2", 14},
        {"价格 > 1", 0},
        {"price > 1 and nosuch(1)", 14},
        {"price > 1 )", 10},
        {"amount in ('x', 'y', 'z') and price price", 36},
        {"'渭南' || 'x", 12},
        {"(price > 1", 0},
        {"price > 1; 2", 9},
        {"price\n  + :amount", 10},
        {"round(price, 1, 2)", 0},
        {"price *", 6},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        Val v;
        Err err;
        assert_int_equal(run(w, rows[i].text, &v, &err), -(int)ERR_PACK);
        bool known = err.at >= 0 || rows[i].at == 6; /* SQLite tells no place for the end of the text */
        if (known && err.at >= 0 && err.at != rows[i].at)
            fail_msg("%s: at %lld: %s", rows[i].text, (long long)err.at, err.msg);
        if (!known) fail_msg("%s: no place: %s", rows[i].text, err.msg);
    }
    Val v;
    Err err;
    assert_true(run(w, "contians(code, 'A')", &v, &err) < 0);
    assert_true(strstr(err.hint, "contains") != NULL);
}

/* --- threads share an environment
 * ----------------------------------------------------------------------------- */

typedef struct Shared {
    const Expr *x;
    int wrong;
} Shared;

static void *evaluate(void *p)
{
    Shared *s = p;
    _cleanup_arena_ Arena *a = arena_new();
    for (int i = 0; i < 5000; i++) {
        Val in[] = {V_TEXT(S("AB12")), V_REAL(i), V_INT(i), V_NULL}, v;
        Err err;
        if (expr_eval(s->x, a, in, &v, &err) < 0 || v.kind != VAL_REAL || v.r != i * (double)i) s->wrong++;
    }
    return NULL;
}

static void eval__side_by_side(void **state)
{
    World *w = *state;
    Expr *x;
    Err err = ERR_INIT;
    pthread_t t[70]; /* more than there are lanes */
    Shared s[COUNT(t)];
    assert_int_equal(expr_compile(w->env, S("price * amount"), names, 4, &x, &err), 0);
    for (size_t i = 0; i < COUNT(t); i++) {
        s[i] = (Shared){x, 0};
        assert_int_equal(pthread_create(&t[i], NULL, evaluate, &s[i]), 0);
    }
    for (size_t i = 0; i < COUNT(t); i++) {
        pthread_join(t[i], NULL);
        assert_int_equal(s[i].wrong, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fresh, gone)
        T(eval__gives_values),
        T(compile__tells_what_is_wrong),
        T(hostile__refused),
        T(hostile__slow_patterns_are_stopped),
        T(hostile__deep_and_long),
        T(uses__knows_names),
        T(eval__recovers_after_a_failure),
        T(functions__give_known_values),
        T(functions__refuse_in_words),
        T(functions__of_a_pack),
        T(errors__have_their_place),
        T(eval__side_by_side),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

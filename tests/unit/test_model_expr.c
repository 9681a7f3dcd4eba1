/* SPDX-License-Identifier: MulanPSL-2.0 */
/* model/expr: what an expression may do, and that a hostile one is refused or stopped at once. */
#include "unit.h"

#include "base/clock.h"
#include "model/expr.h"
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
    for (size_t i = 0; i < COUNT(rows); i++) {
        Val v;
        Err err;
        if (run(w, rows[i].text, &v, &err) < 0) fail_msg("%s: %s; %s", rows[i].text, err.msg, err.hint);
        Str got = v.kind == VAL_TEXT  ? v.s
                  : v.kind == VAL_INT ? str_fmt(w->a, "%lld", (long long)v.i)
                                      : str_fmt(w->a, "%.10g", v.r);
        if (v.kind == VAL_NULL || !str_is(got, rows[i].want))
            fail_msg("%s gave " STR_FMT, rows[i].text, STR_ARG(got));
    }
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
    if (ms > 50 * (getenv("SLOW_MACHINE") ? 20 : 1)) fail_msg("%.80s took %lld ms", text, (long long)ms);
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

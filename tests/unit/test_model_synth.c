/* SPDX-License-Identifier: MulanPSL-2.0 */
/* model/synth and model/verify on both databases: the made-up city that a plan describes, the same every
   time; plans that are wrong, each with its reason; a city that is whole, and damages that are found. */
#include "unit.h"

#include "testcity.h"

#include "model/synth.h"
#include "model/verify.h"

#include <sys/stat.h>

/* The pack's files are written by each test: its folder below the data folder takes the place of the pack's.
 */
static TestCity *city_new(void)
{
    TestCity *c = testcity_new("small", true);
    Str dir = str_fmt(c->a, "%s/pack", testdb_dir(c->db));
    assert_int_equal(mkdir(dir.p, 0700), 0);
    assert_int_equal(mkdir(str_fmt(c->a, "%s/synth", dir.p).p, 0700), 0);
    c->m->n_systems = 1;
    c->m->systems[0].dir = dir;
    return c;
}

static void put(TestCity *c, const char *name, const char *text)
{
    FILE *f = fopen(str_fmt(c->a, STR_FMT "/%s", STR_ARG(c->m->systems[0].dir), name).p, "we");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    assert_int_equal(fclose(f), 0);
}

static void put_city(TestCity *c)
{
    put(c, "word.csv", "word,weight\n路,3\n街,1\n");
    put(c, "age.csv", "age,weight\n0,10\n33,80\n101,10\n");
    put(c, "tag.yaml",
        "entity: tag\ncolumns:\n  n: {to: no, expr: \"n + 1000\"}\nset: {title: \"word || n7\"}\n");
    put(c, "all.yaml",
        "entity: all_types\ncolumns:\n  n7: {to: code, expr: \"'SY' || substr(n7, 5, 3)\"}\n"
        "  born_order: {to: a_person_id, expr: \"person_id('610599' || replace(born, '-', '') || "
        "born_order)\"}\n"
        "  place: a_ref\n  mark_title: a_text\n");
    put(c, "synth/b.yaml", "entity: tag\norder: 1\ncount: 40\nmap: tag.yaml\npick: [word.csv]\n");
    put(c, "synth/a.yaml",
        "entity: all_types\norder: 2\ncount: 600\nmap: all.yaml\n"
        "from:\n  - {entity: area, where: \"code=like.0101*\", as: place}\n  - {entity: tag, where: "
        "\"no=gt.1000\", as: mark}\n"
        "births: {file: age.csv, until: 2025-06-30, avoid: a_person_id}\n");
    put(c, "synth/readme.txt", "not a plan");
}

typedef struct Made {
    int64_t rows, accepted;
    char order[64];
} Made;

static void on_made(void *ctx, const Entity *e, const ImportResult *r, double seconds)
{
    Made *m = ctx;
    assert_true(seconds >= 0);
    m->rows += r->rows;
    m->accepted += r->accepted;
    size_t n = strlen(m->order);
    snprintf(m->order + n, sizeof m->order - n, STR_FMT " ", STR_ARG(e->name));
}

static int run(TestCity *c, double scale, Made *made, Faults *f)
{
    *f = (Faults){.arena = c->a};
    c->err = ERR_INIT;
    const SynthOptions o = {.scale = scale,
                            .who = &testcity_system,
                            .work_dir = testdb_dir(c->db),
                            .rejected_dir = testdb_dir(c->db),
                            .made = on_made,
                            .ctx = made};
    return synth_run(c->store, c->m, &o, f, &c->err);
}

static Str fill(TestCity *c)
{
    Made made = {0};
    Faults f;
    put_city(c);
    if (run(c, 0.5, &made, &f) < 0) fail_msg("%s", c->err.msg);
    assert_string_equal(made.order, "tag all_types ");
    assert_int_equal(made.rows, 20 + 300);
    assert_int_equal(made.accepted, made.rows);
    return testcity_sql(
        c, "select code, a_person_id, a_ref, a_text from all_types where code like 'SY%' order by code");
}

static void synth__makes_the_same_city(void **state)
{
    (void)state;
    TestCity *c = city_new(), *again = city_new();
    Made made = {0};
    Faults f;
    Str rows = fill(c);
    assert_true(str_eq(rows, fill(again)));
    assert_text(testcity_sql(c, "select count(distinct a_person_id) from all_types where code like 'SY%'"),
                "300");
    /* one in ten is not a year old yet, one in ten is over a hundred */
    assert_text(testcity_sql(c, "select count(*) from all_types where code like 'SY%' and "
                                "substr(a_person_id, 7, 8) > '20240630'"),
                "30");
    assert_text(
        testcity_sql(
            c, "select count(*) from all_types where code like 'SY%' and substr(a_person_id, 7, 4) < '1925'"),
        "30");
    assert_text(
        testcity_sql(c, "select count(*) from tag where no > 1000 and title like '路%' or title like '街%'"),
        "20");
    assert_int_equal(run(c, 0.5, &made, &f), -ERR_CONFLICT);
    testcity_free(again);
    testcity_free(c);
}

static void synth__nothing_to_refer_to(void **state)
{
    (void)state;
    TestCity *c = city_new();
    Made made = {0};
    Faults f;
    put_city(c);
    put(c, "synth/b.yaml",
        "entity: tag\norder: 1\ncount: 1\nmap: tag.yaml\npick: [word.csv]\nfrom: [{entity: area, where: "
        "code=eq.none, as: x}]\n");
    assert_int_equal(run(c, 1, &made, &f), -ERR_NOT_FOUND);
    testcity_free(c);
}

#define TAG "entity: tag\norder: 1\ncount: 5\nmap: tag.yaml\n"

static void synth__wrong_plans_are_told(void **state)
{
    (void)state;
    static const struct {
        const char *plan, *list, *says;
    } rows[] = {
        {"- a\n", "", "要是一组 键: 值"},
        {"", "", "文件是空的"},
        {"entity: nowhere\n", "", "entity"},
        {TAG "colour: red\n", "", "不认识的键"},
        {"entity: tag\norder: x\ncount: 5\nmap: tag.yaml\n", "", "order"},
        {"entity: tag\norder: 1\ncount: 0\nmap: tag.yaml\n", "", "count"},
        {"entity: tag\norder: 1\ncount: 100000001\nmap: tag.yaml\n", "", "count"},
        {"entity: tag\norder: 1\ncount: 5\n", "", "map"},
        {"entity: tag\norder: 1\ncount: 5\nmap: none.yaml\n", "", "map"},
        {TAG "pick: [none.csv]\n", "", "打不开"},
        {TAG "pick: [list.csv]\n", "a,b\n1,2\n", "权重"},
        {TAG "pick: [list.csv]\n", "a,weight\n", "没有行"},
        {TAG "pick: [list.csv]\n", "a,weight\nx,0\n", "权重"},
        {TAG "pick: [list.csv]\n", "a,weight\nx,1\ny\n", "列数"},
        {TAG "from: [{entity: tag}]\n", "", "as"},
        {TAG "births: [list.csv]\n", "", "births"},
        {TAG "births: {file: list.csv, until: someday}\n", "age,weight\n1,1\n", "until"},
        {TAG "births: {file: list.csv, until: 2025-06-30, avoid: none}\n", "age,weight\n1,1\n", "avoid"},
        {TAG "births: {file: list.csv, until: 2025-06-30}\n", "weight\n1\n", "周岁"},
        {TAG "births: {file: list.csv, until: 2025-06-30}\n", "age,weight\n151,1\n", "周岁"},
        {TAG "births: {file: list.csv, until: 2025-06-30}\n", "age,weight\nold,1\n", "周岁"},
    };
    TestCity *c = city_new();
    put(c, "tag.yaml", "entity: tag\n");
    for (size_t i = 0; i < COUNT(rows); i++) {
        Made made = {0};
        Faults f;
        put(c, "list.csv", rows[i].list);
        put(c, "synth/one.yaml", rows[i].plan);
        assert_int_equal(run(c, 1, &made, &f), -ERR_PACK);
        Str first = f.n ? fault_text(c->a, &f.items[0]) : S("nothing");
        if (str_find_str(first, str_c(rows[i].says)) < 0 || str_find_str(first, S("one.yaml")) < 0)
            fail_msg("row %zu: %s", i, first.p);
        assert_int_equal(made.rows, 0);
    }
    testcity_free(c);
}

static int verify(TestCity *c, Verified *ret)
{
    c->err = ERR_INIT;
    return model_verify(c->store, c->m, c->a, NULL, 0, ret, &c->err);
}

static void verify__finds_it_whole(void **state)
{
    (void)state;
    TestCity *c = city_new();
    Verified v;
    (void)fill(c);
    if (verify(c, &v) < 0) fail_msg("%s", c->err.msg);
    assert_true(v.records >= 320 && v.references > 5 && v.head >= v.records && v.digest.n == 64);
    testcity_free(c);
}

UNIT_MAIN(cmocka_unit_test(synth__makes_the_same_city), cmocka_unit_test(synth__nothing_to_refer_to),
          cmocka_unit_test(synth__wrong_plans_are_told), cmocka_unit_test(verify__finds_it_whole))

/* SPDX-License-Identifier: MulanPSL-2.0 */
/* model/plan: from tests/packs/small to small-v2 with data in between, on both databases. */
#include "unit.h"

#include "testcity.h"

#define SYS &testcity_system
/* everything that small-v2 takes away from small */
#define ALL_OF_IT "all_types.a_url all_types.a_line all_types.a_json all_types.a_secret"

/* Two holders of one position stand in the way of small-v2's unique key. */
static void make_way(TestCity *c)
{
    Str id = testcity_sql(c, "select id from post where holder = '赵样甲'");
    assert_int_equal(testcity_delete(c, SYS, "post", str_cdup(c->a, id), 0), 0);
}

static void assert_references_hold(TestCity *c)
{
    if (!testdb_is_postgres())
        assert_text(testcity_sql(c, "select count(*) from pragma_foreign_key_check"), "0");
    assert_int_equal(
        testcity_insert(c, SYS, "all_types", "{\"code\":\"ZZ999\",\"a_region\":\"999999\"}", NULL),
        -(int)ERR_REFERENCE);
}

static void plan__second_run_is_empty(void **state)
{
    TestCity *c = *state;
    size_t steps = 9;
    assert_text(testcity_plan(c, "small"), "");
    assert_int_equal(testcity_switch(c, "small", NULL, &steps), 0);
    assert_int_equal(steps, 0);
}

static void plan__data_loss_is_refused_by_name(void **state)
{
    TestCity *c = *state;
    Str before = testcity_sql(c, "select code, a_url, a_secret from all_types order by code");
    assert_int_equal(testcity_switch(c, "small-v2", NULL, NULL), -(int)ERR_DATA_LOSS);
    assert_non_null(strstr(c->err.msg, "什么都没有改"));
    assert_non_null(strstr(c->err.hint, "--allow-data-loss all_types."));
    assert_int_equal(testcity_switch(c, "small-v2", "all_types.a_url", NULL), -(int)ERR_DATA_LOSS);
    assert_true(str_eq(before, testcity_sql(c, "select code, a_url, a_secret from all_types order by code")));
    assert_text(testcity_plan(c, "small"), "");
}

static void plan__new_unique_over_duplicates_changes_nothing(void **state)
{
    TestCity *c = *state;
    assert_int_equal(testcity_switch(c, "small-v2", ALL_OF_IT, NULL), -(int)ERR_UNIQUE);
    assert_non_null(strstr(c->err.msg, "1 个值重复"));
    assert_non_null(strstr(c->err.msg, "片区、岗位"));
    assert_text(testcity_plan(c, "small"), "");
    assert_text(testcity_sql(c, "select a_url from all_types where code = 'AA001'"),
                "https://example.com/a?b=c");
}

static void plan__upgrade_keeps_what_it_can(void **state)
{
    TestCity *c = *state;
    make_way(c);
    assert_int_equal(
        testcity_insert(
            c, SYS, "all_types",
            "{\"code\":\"AB001\",\"a_region\":\"610500\",\"a_secret\":\"很长的秘密\",\"a_json\":7}", NULL),
        0);
    if (testcity_switch(c, "small-v2", ALL_OF_IT, NULL) < 0) fail_msg("%s; %s", c->err.msg, c->err.hint);
    assert_text(testcity_plan(c, "small-v2"), "");
    /* added with default, added reference empty, widened as it was, narrowed cut, json → int where it is one
     */
    assert_text(
        testcity_get(c, SYS, "all_types",
                     "select=code,a_note,added_ref,a_text,a_decimal,a_secret,a_json,twice&order=code"),
        "[{\"code\":\"AA001\",\"a_note\":\"无\",\"added_ref\":null,\"a_text\":\"第一条\",\"a_decimal\":2.5,"
        "\"a_secret\":\"密\",\"a_json\":null,\"twice\":14},"
        "{\"code\":\"AA002\",\"a_note\":\"无\",\"added_ref\":null,\"a_text\":\"引号\\\"和,逗号\",\"a_"
        "decimal\":0.001,\"a_secret\":null,\"a_json\":null,\"twice\":-6},"
        "{\"code\":\"AA003\",\"a_note\":\"无\",\"added_ref\":null,\"a_text\":null,\"a_decimal\":null,\"a_"
        "secret\":null,\"a_json\":null,\"twice\":0},"
        "{\"code\":\"AB001\",\"a_note\":\"无\",\"added_ref\":null,\"a_text\":null,\"a_decimal\":null,\"a_"
        "secret\":\"很\",\"a_json\":7,\"twice\":0}]");
    assert_text(testcity_get(c, SYS, "all_types", "a_url=is.null"),
                "INPUT a_url 可用的字段见 /api/entities/all_types");
    assert_text(testcity_get(c, SYS, "all_types", "select=a_refs,a_region,an_org&code=eq.AA001"),
                "[{\"a_refs\":[1,3],\"a_region\":\"610502001\",\"an_org\":\"A-1\"}]");
    assert_int_equal(testcity_insert(c, SYS, "notice", "{}", NULL) == -(int)ERR_NOT_FOUND, 0);
    assert_references_hold(c);
    /* the new unique holds, the new scale too */
    assert_int_equal(
        testcity_insert(c, SYS, "post", "{\"area\":\"0101\",\"title\":\"片长\",\"holder\":\"周拟己\"}", NULL),
        -(int)ERR_UNIQUE);
    assert_int_equal(testcity_insert(c, SYS, "all_types",
                                     "{\"code\":\"AB002\",\"a_region\":\"610503\",\"an_enum\":\"3\",\"a_"
                                     "decimal\":0.000001,\"an_int\":1000}",
                                     NULL),
                     0);
    assert_text(testcity_get(c, SYS, "all_types", "select=a_decimal,twice&code=eq.AB002"),
                "[{\"a_decimal\":0.000001,\"twice\":2000}]");
    /* newly required: old records stay until they are written */
    assert_int_equal(testcity_insert(c, SYS, "all_types", "{\"code\":\"AB003\"}", NULL),
                     -(int)ERR_VALIDATION);
}

static void plan__back_again_drops_an_entity(void **state)
{
    TestCity *c = *state;
    make_way(c);
    assert_int_equal(testcity_switch(c, "small-v2", ALL_OF_IT, NULL), 0);
    assert_int_equal(testcity_switch(c, "small", NULL, NULL), -(int)ERR_DATA_LOSS);
    Str plan = testcity_plan(c, "small");
    assert_true(str_find_str(plan, S(" notice 删除 notice 的全部记录")) >= 0);
    assert_true(str_find_str(plan, S("all_types.a_text")) >= 0);
    assert_int_equal(testcity_switch(c, "small", "all_types notice tag", NULL), 0);
    assert_text(testcity_plan(c, "small"), "");
    assert_text(testcity_sql(c, "select count(*) from model_entity where name = 'notice'"), "0");
    assert_text(testcity_get(c, SYS, "all_types", "select=a_text,a_decimal,a_region,an_enum&code=eq.AA001"),
                "[{\"a_text\":\"第一条\",\"a_decimal\":2.5,\"a_region\":\"610502001\",\"an_enum\":\"11\"}]");
    assert_references_hold(c);
    /* the unique set whose columns stayed is still there */
    assert_int_equal(testcity_insert(c, SYS, "all_types",
                                     "{\"code\":\"AB009\",\"a_region\":\"610502\",\"an_enum\":\"2\"}", NULL),
                     -(int)ERR_UNIQUE);
}

static void plan__other_packs_whole(void **state)
{
    TestCity *c = *state;
    assert_int_equal(testcity_switch(c, "foreign", "all_types area org post region tag", NULL), 0);
    assert_text(testcity_plan(c, "foreign"), "");
    assert_text(testcity_sql(c, "select count(*) from model_entity where name = 'all_types'"), "0");
    assert_int_equal(testcity_insert(c, SYS, "food_business", "{\"id_no\":1,\"title\":\"甲店\"}", NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, testcity_small, testcity_gone)
        T(plan__second_run_is_empty),
        T(plan__data_loss_is_refused_by_name),
        T(plan__new_unique_over_duplicates_changes_nothing),
        T(plan__upgrade_keeps_what_it_can),
        T(plan__back_again_drops_an_entity),
        T(plan__other_packs_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MulanPSL-2.0 */
/* model/record: writing through the one door, on both databases. */
#include "unit.h"

#include "testcity.h"
#include "store/seal.h"

#define SYS &testcity_system

#define REFUSED(call, code_, pointer_, part)                                                                 \
    do {                                                                                                     \
        assert_int_equal((call), -(int)(code_));                                                             \
        assert_string_equal(c->err.pointer, pointer_);                                                       \
        if (!strstr(c->err.msg, part)) fail_msg("message \"%s\" lacks \"%s\"", c->err.msg, part);            \
    } while (0)

static void insert__gives_back_what_was_put(void **state)
{
    TestCity *c = *state;
    Str id;
    assert_int_equal(
        testcity_insert(
            c, SYS, "all_types",
            "{\"code\":\"BB001\",\"a_text\":\"甲乙\",\"an_int\":7,\"a_decimal\":2.5,\"a_money\":\"1250.00\","
            "\"a_bool\":true,\"a_date\":\"2023-05-06\",\"a_time\":\"08:30\",\"a_datetime\":\"2023-05-06T08:"
            "30:00+08:00\","
            "\"a_refs\":[3,1],\"a_region\":\"610502\",\"a_point\":{\"type\":\"Point\",\"coordinates\":[109.5,"
            "34.5]},"
            "\"a_json\":{\"b\":[1,null],\"a\":\"x\"}}",
            &id),
        0);
    assert_text(id, "BB001");
    assert_text(testcity_get(c, SYS, "all_types",
                             "code=eq.BB001&select=id,a_text,an_int,a_decimal,a_money,a_bool,a_date,a_time,a_"
                             "datetime,an_enum,a_refs,"
                             "a_point,a_json,twice,price,summary,late"),
                "[{\"id\":\"BB001\",\"a_text\":\"甲乙\",\"an_int\":7,\"a_decimal\":2.5,\"a_money\":\"1250."
                "00\",\"a_bool\":true,"
                "\"a_date\":\"2023-05-06\",\"a_time\":\"08:30:00\",\"a_datetime\":\"2023-05-06T08:30:00+08:"
                "00\",\"an_enum\":\"1\","
                "\"a_refs\":[3,1],\"a_point\":{\"type\":\"Point\",\"coordinates\":[109.5,34.5]},\"a_json\":{"
                "\"a\":\"x\",\"b\":[1,null]},"
                "\"twice\":14,\"price\":500,\"summary\":\"BB001 甲乙\",\"late\":true}]");
}

static void insert__defaults_and_computed(void **state)
{
    TestCity *c = *state;
    assert_int_equal(testcity_insert(c, SYS, "all_types",
                                     "{\"code\":\"BB002\",\"a_region\":\"610503\",\"an_enum\":\"2\"}", NULL),
                     0);
    assert_text(testcity_get(c, SYS, "all_types",
                             "code=eq.BB002&select=an_int,a_bool,an_enum,twice,price,summary,late"),
                "[{\"an_int\":0,\"a_bool\":false,\"an_enum\":\"2\",\"twice\":0,\"price\":null,\"summary\":"
                "\"BB002 无\",\"late\":null}]");
    assert_int_equal(testcity_insert(c, SYS, "all_types", "{\"code\":\"BB003\",\"an_int\":null}", NULL), 0);
    assert_text(testcity_get(c, SYS, "all_types", "code=eq.BB003&select=an_int,twice"),
                "[{\"an_int\":null,\"twice\":null}]");
}

static void insert__refuses_with_pointer_and_reason(void **state)
{
    TestCity *c = *state;
    REFUSED(testcity_insert(c, SYS, "all_types", "{\"a_text\":\"甲乙\"}", NULL), ERR_VALIDATION, "/code",
            "必须填写");
    REFUSED(testcity_insert(c, SYS, "all_types", "{\"code\":\"x\"}", NULL), ERR_VALIDATION, "/code", "格式");
    REFUSED(testcity_insert(c, SYS, "all_types", "{\"code\":\"BB001\",\"an_int\":101}", NULL), ERR_VALIDATION,
            "/an_int", "不能大于 100");
    REFUSED(testcity_insert(c, SYS, "all_types", "{\"code\":\"BB001\",\"a_text\":\"一\"}", NULL),
            ERR_VALIDATION, "/a_text", "不能小于 2");
    REFUSED(testcity_insert(c, SYS, "all_types", "{\"code\":\"BB001\",\"an_enum\":\"9\"}", NULL),
            ERR_VALIDATION, "/an_enum", "没有代码");
    REFUSED(testcity_insert(c, SYS, "all_types", "{\"code\":\"BB001\",\"a_date\":\"2999-01-01\"}", NULL),
            ERR_VALIDATION, "/a_date", "不能晚于");
    REFUSED(testcity_insert(c, SYS, "all_types", "{\"code\":\"BB001\",\"a_txt\":\"一\"}", NULL), ERR_INPUT,
            "/a_txt", "没有字段");
    assert_non_null(strstr(c->err.hint, "a_text"));
    REFUSED(testcity_insert(c, SYS, "all_types", "{\"code\":\"BB001\",\"twice\":1}", NULL), ERR_VALIDATION,
            "/twice", "由系统给出");
    REFUSED(testcity_insert(c, SYS, "all_types", "{\"code\":\"BB001\",\"_rev\":1}", NULL), ERR_VALIDATION,
            "/_rev", "由系统给出");
    REFUSED(testcity_insert(c, SYS, "post", "{\"area\":\"01\",\"title\":\"长\",\"holder\":\"一\"}", NULL),
            ERR_VALIDATION, "/holder", "至少两个字");
    REFUSED(testcity_insert(c, SYS, "all_types", "{\"code\":\"BB001\",\"a_ref\":\"99\"}", NULL),
            ERR_REFERENCE, "/a_ref", "不存在");
    REFUSED(testcity_insert(c, SYS, "all_types", "{\"code\":\"BB001\",\"a_refs\":[1,99]}", NULL),
            ERR_REFERENCE, "/a_refs", "不存在");
    REFUSED(testcity_insert(c, SYS, "all_types", "{\"code\":\"BB001\",\"a_refs\":[\"x\"]}", NULL),
            ERR_VALIDATION, "/a_refs", "不是整数");
    REFUSED(testcity_insert(c, SYS, "all_types", "{\"code\":\"AA001\"}", NULL), ERR_UNIQUE, "/code", "已有");
    REFUSED(testcity_insert(c, SYS, "area", "{\"code\":\"9\",\"name\":\"城东\"}", NULL), ERR_UNIQUE, "/name",
            "名称");
    REFUSED(testcity_insert(c, SYS, "all_types",
                            "{\"code\":\"BB001\",\"a_region\":\"610502\",\"an_enum\":\"2\"}", NULL),
            ERR_UNIQUE, "/a_region", "组合");
    assert_text(testcity_sql(c, "select count(*) from all_types where code like 'BB%'"), "0");
}

static void insert__id_given_or_made(void **state)
{
    TestCity *c = *state;
    Str id, again;
    assert_int_equal(
        testcity_insert(c, SYS, "post",
                        "{\"id\":\"own-1\",\"area\":\"01\",\"title\":\"长\",\"holder\":\"李试戊\"}", &id),
        0);
    assert_text(id, "own-1");
    assert_int_equal(testcity_insert(c, SYS, "post",
                                     "{\"area\":\"02\",\"title\":\"长\",\"holder\":\"李试戊\",\"tags\":[2]}",
                                     &again),
                     0);
    assert_int_equal(again.n, 36);
    REFUSED(testcity_insert(c, SYS, "post",
                            "{\"id\":\"own-1\",\"area\":\"02\",\"title\":\"长\",\"holder\":\"李试己\"}",
                            NULL),
            ERR_UNIQUE, "", "已有");
    /* id is another name of a key */
    assert_int_equal(testcity_insert(c, SYS, "area", "{\"id\":\"77\",\"name\":\"新区\"}", &id), 0);
    assert_text(id, "77");
    assert_int_equal(testcity_insert(c, SYS, "tag", "{\"id\":8,\"title\":\"八\"}", &id), 0);
    assert_text(testcity_get(c, SYS, "tag", "id=eq.8&select=id,no"), "[{\"id\":8,\"no\":8}]");
}

static void update__changes_only_what_differs(void **state)
{
    TestCity *c = *state;
    bool changed;
    assert_int_equal(testcity_update(c, SYS, "area", "02", "{\"name\":\"城北\"}", 0, &changed), 0);
    assert_true(changed);
    assert_text(testcity_get(c, SYS, "area", "code=eq.02&select=name"), "[{\"name\":\"城北\"}]");
    Str rev = testcity_sql(c, "select \"_rev\" from area where code = '02'");
    assert_int_equal(
        testcity_update(c, SYS, "area", "02", "{\"name\":\"城北\",\"parent\":null}", 0, &changed), 0);
    assert_false(changed);
    assert_true(str_eq(rev, testcity_sql(c, "select \"_rev\" from area where code = '02'")));
    REFUSED(testcity_update(c, SYS, "area", "404", "{\"name\":\"x\"}", 0, &changed), ERR_NOT_FOUND, "",
            "没有");
    REFUSED(testcity_update(c, SYS, "area", "02", "{\"code\":\"03\"}", 0, &changed), ERR_VALIDATION, "/code",
            "主键");
    assert_int_equal(testcity_update(c, SYS, "area", "02", "{\"code\":\"02\"}", 0, &changed), 0);
    REFUSED(testcity_update(c, SYS, "area", "02", "{\"name\":null}", 0, &changed), ERR_VALIDATION, "/name",
            "必须填写");
    REFUSED(testcity_update(c, SYS, "area", "02", "{\"name\":\"城东\"}", 0, &changed), ERR_UNIQUE, "/name",
            "名称");
}

static void update__no_change_for_every_type(void **state)
{
    TestCity *c = *state;
    bool changed = true;
    assert_int_equal(
        testcity_update(
            c, SYS, "all_types", "AA001",
            "{\"a_decimal\":2.5,\"a_money\":\"1250\",\"a_bool\":true,\"a_date\":\"2023-05-06\",\"a_time\":"
            "\"08:30\","
            "\"a_datetime\":\"2023-05-06T00:30:00Z\",\"a_refs\":[1,3],\"a_json\":{\"甲\":[1,2,null]},"
            "\"a_point\":{\"type\":\"Point\",\"coordinates\":[109.5,34.5]},\"a_secret\":\"密\"}",
            0, &changed),
        0);
    assert_false(changed);
}

static void update__computed_follow(void **state)
{
    TestCity *c = *state;
    assert_int_equal(
        testcity_update(c, SYS, "all_types", "AA001", "{\"an_int\":50,\"a_decimal\":4}", 0, NULL), 0);
    assert_text(testcity_get(c, SYS, "all_types", "code=eq.AA001&select=twice,price"),
                "[{\"twice\":100,\"price\":312.5}]");
}

static void update__links(void **state)
{
    TestCity *c = *state;
    assert_int_equal(testcity_update(c, SYS, "all_types", "AA001", "{\"a_refs\":[2,1]}", 0, NULL), 0);
    assert_text(testcity_get(c, SYS, "all_types", "code=eq.AA001&select=a_refs"), "[{\"a_refs\":[2,1]}]");
    assert_int_equal(testcity_update(c, SYS, "all_types", "AA001", "{\"a_refs\":[]}", 0, NULL), 0);
    assert_text(testcity_get(c, SYS, "all_types", "code=eq.AA001&select=a_refs"), "[{\"a_refs\":[]}]");
    assert_text(testcity_sql(c, "select count(*) from all_types__a_refs where owner = 'AA001'"), "0");
}

static void if_match__guards(void **state)
{
    TestCity *c = *state;
    int64_t rev;
    assert_true(str_int(testcity_sql(c, "select \"_rev\" from area where code = '02'"), &rev));
    REFUSED(testcity_update(c, SYS, "area", "02", "{\"name\":\"甲\"}", rev + 1, NULL), ERR_PRECONDITION, "",
            "已被他人修改");
    assert_int_equal(testcity_update(c, SYS, "area", "02", "{\"name\":\"甲\"}", rev, NULL), 0);
    REFUSED(testcity_delete(c, SYS, "area", "010101", 1), ERR_PRECONDITION, "", "已被他人修改");
}

static void delete__refuses_while_referred(void **state)
{
    TestCity *c = *state;
    REFUSED(testcity_delete(c, SYS, "area", "0101", 0), ERR_REFERENCE, "", "不能删除");
    REFUSED(testcity_delete(c, SYS, "tag", "1", 0), ERR_REFERENCE, "", "不能删除");
    assert_int_equal(testcity_delete(c, SYS, "all_types", "AA001", 0), 0);
    assert_text(testcity_sql(c, "select count(*) from all_types__a_refs where owner = 'AA001'"), "0");
    REFUSED(testcity_delete(c, SYS, "all_types", "AA001", 0), ERR_NOT_FOUND, "", "没有");
}

static void upsert__inserts_updates_ignores(void **state)
{
    TestCity *c = *state;
    Str id;
    char did;
    assert_int_equal(
        testcity_upsert(c, SYS, "tag", "{\"no\":9,\"title\":\"九\"}", "no", CONFLICT_MERGE, &id, &did), 0);
    assert_int_equal(did, 'i');
    assert_int_equal(
        testcity_upsert(c, SYS, "tag", "{\"no\":9,\"title\":\"玖\"}", "no", CONFLICT_MERGE, &id, &did), 0);
    assert_int_equal(did, 'u');
    assert_text(id, "9");
    assert_int_equal(
        testcity_upsert(c, SYS, "tag", "{\"no\":9,\"title\":\"玖\"}", "no", CONFLICT_MERGE, &id, &did), 0);
    assert_int_equal(did, '-');
    assert_int_equal(
        testcity_upsert(c, SYS, "tag", "{\"no\":9,\"title\":\"X\"}", "no", CONFLICT_IGNORE, &id, &did), 0);
    assert_int_equal(did, '-');
    assert_text(testcity_get(c, SYS, "tag", "no=eq.9&select=title"), "[{\"title\":\"玖\"}]");
    /* by a unique set, for an entity without key */
    assert_int_equal(
        testcity_upsert(c, SYS, "post",
                        "{\"area\":\"0102\",\"title\":\"片长\",\"holder\":\"孙拟丙\",\"place\":\"610503\"}",
                        "area,title,holder", CONFLICT_MERGE, &id, &did),
        0);
    assert_int_equal(did, 'u');
    assert_text(testcity_sql(c, "select count(*) from post"), "4");
}

static void journal__tells_before_and_after(void **state)
{
    TestCity *c = *state;
    Actor keeper = testcity_actor(c, "keeper", "keeper", "A", "610500");
    assert_int_equal(testcity_insert(c, &keeper, "tag", "{\"no\":9,\"title\":\"九\"}", NULL), 0);
    assert_int_equal(testcity_update(c, &keeper, "tag", "9", "{\"title\":\"玖\"}", 0, NULL), 0);
    assert_int_equal(testcity_update(c, &keeper, "tag", "9", "{\"title\":\"玖\"}", 0, NULL),
                     0); /* nothing changes: no entry */
    assert_int_equal(testcity_delete(c, &keeper, "tag", "9", 0), 0);
    assert_text(testcity_journal(c, "tag", "9"), "insert keeper  {\"no\":9,\"title\":\"九\"}\n"
                                                 "update keeper {\"title\":\"九\"} {\"title\":\"玖\"}\n"
                                                 "delete keeper {\"no\":9,\"title\":\"玖\"} \n");
    assert_int_equal(
        testcity_update(c, &keeper, "all_types", "AA002", "{\"a_refs\":[1,3],\"a_money\":\"2.50\"}", 0, NULL),
        0);
    Str j = testcity_journal(c, "all_types", "AA002");
    assert_true(str_ends(j, S("update keeper {\"a_money\":\"0.01\",\"a_refs\":[2],\"price\":10} "
                              "{\"a_money\":\"2.50\",\"a_refs\":[1,3],\"price\":2500}\n")));
    /* a refused write leaves no entry */
    assert_true(testcity_insert(c, &keeper, "tag", "{\"no\":10,\"title\":\"试点\"}", NULL) < 0);
    assert_text(testcity_journal(c, "tag", "10"), "");
    Sealed sealed;
    assert_int_equal(seal_verify(c->store, NULL, 0, &sealed, &c->err), 0);
}

static void access__writes_stay_in_scope(void **state)
{
    TestCity *c = *state;
    Actor local = testcity_actor(c, "local", "local", "B", "610502"), nobody = {0};
    Actor team = testcity_actor(c, "team", "team", "A", "610500");
    REFUSED(testcity_insert(c, &nobody, "tag", "{\"no\":9,\"title\":\"九\"}", NULL), ERR_UNAUTHORIZED, "",
            "登录");
    REFUSED(testcity_insert(c, &local, "tag", "{\"no\":9,\"title\":\"九\"}", NULL), ERR_FORBIDDEN, "",
            "权限");
    assert_int_equal(
        testcity_insert(c, &local, "all_types", "{\"code\":\"BB001\",\"a_region\":\"610502\"}", NULL), 0);
    REFUSED(testcity_insert(c, &local, "all_types", "{\"code\":\"BB002\",\"a_region\":\"610503\"}", NULL),
            ERR_FORBIDDEN, "", "管理范围");
    REFUSED(testcity_insert(c, &local, "all_types", "{\"code\":\"BB002\"}", NULL), ERR_FORBIDDEN, "",
            "管理范围");
    REFUSED(testcity_update(c, &local, "all_types", "BB001", "{\"a_region\":\"610503\"}", 0, NULL),
            ERR_FORBIDDEN, "", "管理范围");
    REFUSED(testcity_update(c, &local, "all_types", "AA003", "{\"a_text\":\"甲乙\"}", 0, NULL), ERR_NOT_FOUND,
            "", "没有");
    REFUSED(testcity_delete(c, &local, "all_types", "BB001", 0), ERR_FORBIDDEN, "", "删除");
    assert_int_equal(testcity_insert(c, &team, "all_types", "{\"code\":\"BB003\",\"an_org\":\"A-1\"}", NULL),
                     0);
    REFUSED(testcity_insert(c, &team, "all_types", "{\"code\":\"BB004\",\"an_org\":\"B\"}", NULL),
            ERR_FORBIDDEN, "", "管理范围");
    REFUSED(testcity_delete(c, &team, "all_types", "AA002", 0), ERR_NOT_FOUND, "", "没有");
    assert_text(testcity_sql(c, "select code from all_types where code like 'BB%' order by code"),
                "BB001\nBB003");
}

static void history__past_and_present(void **state)
{
    TestCity *c = *state;
    assert_text(testcity_get(c, SYS, "post", "area=eq.0101&at=2021-01-01&select=holder"),
                "[{\"holder\":\"赵样甲\"}]");
    assert_text(testcity_get(c, SYS, "post", "area=eq.0101&at=2024-01-01&select=holder"),
                "[{\"holder\":\"钱例乙\"}]");
    assert_text(testcity_get(c, SYS, "post", "area=eq.0101&at=2019-01-01&select=holder"), "[]");
    assert_text(testcity_get(c, SYS, "area", "at=2019-01-01"), "INPUT at ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, testcity_small, testcity_gone)
        T(insert__gives_back_what_was_put),
        T(insert__defaults_and_computed),
        T(insert__refuses_with_pointer_and_reason),
        T(insert__id_given_or_made),
        T(update__changes_only_what_differs),
        T(update__no_change_for_every_type),
        T(update__computed_follow),
        T(update__links),
        T(if_match__guards),
        T(delete__refuses_while_referred),
        T(upsert__inserts_updates_ignores),
        T(journal__tells_before_and_after),
        T(access__writes_stay_in_scope),
        T(history__past_and_present),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

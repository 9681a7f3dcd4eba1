/* SPDX-License-Identifier: MulanPSL-2.0 */
/* model/verify: records changed, moved, made and taken away behind the program's back are found, each by
 * name; what the program itself did is not. On both databases. */
#include "unit.h"

#include "model/vault.h"
#include "model/verify.h"
#include "testcity.h"

#define SYS &testcity_system

static int verify(TestCity *c, Verified *ret)
{
    c->err = ERR_INIT;
    return model_verify(c->store, c->m, c->a, NULL, 0, ret, &c->err);
}

static void assert_whole(TestCity *c)
{
    Verified v;
    if (verify(c, &v) < 0) fail_msg("%s", c->err.msg);
}

/* Says what is wrong, and no value of it. */
static void assert_found(TestCity *c, const char *damage, const char *record, const char *says)
{
    Verified v;
    testdb_raw(c->db, damage);
    if (verify(c, &v) != -(int)ERR_VERIFY) fail_msg("%s: not found", damage);
    if (!strstr(c->err.msg, record) || !strstr(c->err.msg, says)) fail_msg("%s: %s", damage, c->err.msg);
    assert_null(strstr(c->err.msg, "暗中"));
    assert_true(c->err.hint[0]);
}

static void whole__what_the_program_did(void **state)
{
    TestCity *c = *state;
    Verified v;
    Str id;
    bool changed;
    assert_whole(c);
    assert_int_equal(testcity_insert(c, SYS, "all_types",
                                     "{\"code\":\"ZZ001\",\"a_refs\":[3,1],\"a_json\":{\"b\":1,\"a\":[2.50]},"
                                     "\"a_secret\":\"绝密\",\"a_decimal\":2.5,\"a_money\":\"7.00\","
                                     "\"a_datetime\":\"2024-05-06T07:08:09.123456Z\"}",
                                     &id),
                     0);
    assert_whole(c);
    assert_int_equal(
        testcity_update(c, SYS, "all_types", "ZZ001",
                        "{\"a_refs\":[],\"a_json\":null,\"a_secret\":\"另一个\",\"a_text\":\"改过\"}", 0,
                        &changed),
        0);
    assert_int_equal(
        testcity_update(c, SYS, "all_types", "ZZ001", "{\"a_refs\":[2],\"an_int\":-3}", 0, &changed), 0);
    assert_whole(c);
    assert_int_equal(testcity_delete(c, SYS, "all_types", "ZZ001", 0), 0);
    assert_whole(c);
    assert_int_equal(testcity_insert(c, SYS, "all_types", "{\"code\":\"ZZ001\",\"a_text\":\"又来\"}", &id),
                     0);
    if (verify(c, &v) < 0) fail_msg("%s", c->err.msg);
    Str n = testcity_sql(
        c, "select (select count(*) from all_types) + (select count(*) from post) + (select count(*) "
           "from region) + (select count(*) from org) + (select count(*) from area) + (select "
           "count(*) from tag)");
    int64_t want;
    assert_true(str_int(n, &want));
    assert_int_equal(v.records, want);
}

static void changed__is_found(void **state)
{
    static const struct {
        const char *damage, *record, *says;
    } rows[] = {
        {"update all_types set a_text = '暗中' where code = 'AA001'", "AA001", "a_text"},
        {"update all_types set a_text = null where code = 'AA001'", "AA001", "a_text"},
        {"update all_types set a_money = a_money + 0.01 where code = 'AA001'", "AA001", "a_money"},
        {"update all_types set a_bool = null where code = 'AA001'", "AA001", "a_bool"},
        {"update all_types set twice = 15 where code = 'AA001'", "AA001", "twice"},
        {"update all_types set a_ref = null where code = 'AA001'", "AA001", "a_ref"},
        {"update all_types set a_point = null where code = 'AA001'", "AA001", "a_point"},
        {"update all_types__a_refs set pos = 9 where owner = 'AA001' and pos = 0", "AA001", "a_refs"},
        {"delete from all_types__a_refs where owner = 'AA001' and target = 3", "AA001", "a_refs"},
        {"insert into post__tags (owner, target, pos) select id, 3, 7 from post where holder = '李试丁'", "",
         "tags"},
        {"update tag set \"_rev\" = \"_rev\" + 1000000 where no = 1", "“1”", "版本"},
        {"update area set \"_rev\" = (select min(\"_rev\") from tag) where code = '01'", "“01”", "版本"},
        {"update tag set \"_created_by\" = '暗中' where no = 2", "“2”", "建立人"},
        {"update tag set \"_created_at\" = '2020-01-01T00:00:00Z' where no = 2", "“2”", "建立时间"},
        {"update tag set \"_updated_at\" = '2020-01-01T00:00:00Z' where no = 2", "“2”", "修改时间"},
        {"delete from post where holder = '孙拟丙'", "", "不在库里"},
        {"insert into tag select 77, '暗中', \"_rev\", \"_created_at\", \"_created_by\", \"_updated_at\" "
         "from tag where "
         "no = 1",
         "“77”", "没有记载"},
        {"insert into tag select 0, '暗中', \"_rev\", \"_created_at\", \"_created_by\", \"_updated_at\" from "
         "tag where "
         "no = 1",
         "“0”", "没有记载"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        TestCity *c = testcity_new("small", true);
        assert_found(c, rows[i].damage, rows[i].record, rows[i].says);
        testcity_free(c);
    }
}

/* The row as it was before its last change, revision and all: its entry is later. */
static void turned_back__is_found(void **state)
{
    TestCity *c = *state;
    bool changed;
    Str rev = testcity_sql(c, "select \"_rev\" from tag where no = 1"),
        at = testcity_sql(c, "select \"_updated_at\" from tag where no = 1"),
        title = testcity_sql(c, "select title from tag where no = 1");
    assert_int_equal(testcity_update(c, SYS, "tag", "1", "{\"title\":\"改过\"}", 0, &changed), 0);
    assert_whole(c);
    assert_found(c,
                 str_fmt(c->a,
                         "update tag set title = '" STR_FMT "', \"_rev\" = " STR_FMT
                         ", \"_updated_at\" = '" STR_FMT "' where no = 1",
                         STR_ARG(title), STR_ARG(rev), STR_ARG(at))
                     .p,
                 "“1”", "最后一次改动");
}

static void deleted__and_back_again_is_found(void **state)
{
    TestCity *c = *state;
    assert_int_equal(testcity_insert(c, SYS, "tag", "{\"no\":88,\"title\":\"临时\"}", NULL), 0);
    testdb_raw(c->db, "create table kept as select * from tag where no = 88");
    assert_int_equal(testcity_delete(c, SYS, "tag", "88", 0), 0);
    assert_whole(c);
    assert_found(c, "insert into tag select * from kept", "“88”", "已经删除");
}

static int reseal_tx(Tx *tx, void *ctx, Err *err)
{
    int64_t fields;
    return plan_reseal(ctx, tx, &fields, err);
}

/* A sealed value that was taken from another record is another value; one that was sealed anew is not. */
static void sealed__moved_is_found_renewed_is_not(void **state)
{
    TestCity *c = *state;
    assert_int_equal(testcity_insert(c, SYS, "all_types", "{\"code\":\"ZZ001\",\"a_secret\":\"绝密\"}", NULL),
                     0);
    int64_t key;
    assert_int_equal(vault_rotate(c->m->vault, c->store, &key, &c->err), 0);
    assert_int_equal(store_tx(c->store, "reseal", reseal_tx, c->m, &c->err), 0);
    assert_whole(c);
    assert_found(
        c,
        "update all_types set a_secret = (select a_secret from all_types where code = 'AA001') where code = "
        "'ZZ001'",
        "ZZ001", "a_secret");
}

/* What init did to values is in the journal, as an entry; what was said before is no longer held against
   them, what is said afterwards is. */
static void reshaped__is_whole_and_still_watched(void **state)
{
    TestCity *c = *state;
    Str id = testcity_sql(c, "select id from post where holder = '赵样甲'");
    assert_int_equal(testcity_delete(c, SYS, "post", str_cdup(c->a, id), 0), 0);
    assert_int_equal(testcity_switch(c, "small-v2",
                                     "all_types.a_url all_types.a_line all_types.a_json "
                                     "all_types.a_secret",
                                     NULL),
                     0);
    assert_whole(c);
    Str said = testcity_sql(c, "select after from journal where entity = 'all_types' and op = 'reshape'");
    assert_true(str_find_str(said, S("\"steps\":[\"")) > 0 && str_find_str(said, S("a_url")) > 0);
    bool changed;
    assert_int_equal(testcity_update(c, SYS, "all_types", "AA001", "{\"a_text\":\"改过了\"}", 0, &changed),
                     0);
    assert_whole(c);
    assert_found(c, "update all_types set a_text = '第一条' where code = 'AA001'", "AA001", "a_text");
}

static void dropped__and_declared_again_is_whole(void **state)
{
    TestCity *c = *state;
    Str before = testcity_sql(c, "select count(*) from journal where entity = 'post' and op = 'insert'");
    if (testcity_switch(c, "foreign", "all_types area org post region tag", NULL) < 0)
        fail_msg("%s", c->err.msg);
    assert_whole(c);
    assert_int_equal(
        testcity_switch(c, "small",
                        "food_business food_inspection food_violation land_transaction service_request",
                        NULL),
        0);
    assert_whole(c);
    assert_true(before.n && !str_is(before, "0"));
    assert_text(testcity_sql(c, "select count(*) from post"), "0");
    assert_text(testcity_sql(c, "select count(*) from journal where entity = 'post' and op = 'drop'"), "1");
}

UNIT_MAIN(
    cmocka_unit_test_setup_teardown(whole__what_the_program_did, testcity_small, testcity_gone),
    cmocka_unit_test(changed__is_found),
    cmocka_unit_test_setup_teardown(turned_back__is_found, testcity_small, testcity_gone),
    cmocka_unit_test_setup_teardown(deleted__and_back_again_is_found, testcity_small, testcity_gone),
    cmocka_unit_test_setup_teardown(sealed__moved_is_found_renewed_is_not, testcity_small, testcity_gone),
    cmocka_unit_test_setup_teardown(reshaped__is_whole_and_still_watched, testcity_small, testcity_gone),
    cmocka_unit_test_setup_teardown(dropped__and_declared_again_is_whole, testcity_small, testcity_gone))

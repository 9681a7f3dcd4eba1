/* SPDX-License-Identifier: MulanPSL-2.0 */
/* model/vault: fields of sensitivity 4 are unreadable at rest, found by equality, opened through the door,
 * and survive new keys. */
#include "unit.h"

#include "model/vault.h"
#include "testcity.h"

#define SYS &testcity_system

static int fresh(void **state)
{
    TestCity *c = testcity_new("small", true);
    *state = c;
    return testcity_insert(c, SYS, "all_types",
                           "{\"code\":\"ZZ001\",\"a_text\":\"甲乙\",\"a_secret\":\"绝密一号\"}", NULL) ||
           testcity_insert(c, SYS, "all_types",
                           "{\"code\":\"ZZ002\",\"a_text\":\"甲乙\",\"a_secret\":\"绝密一号\"}", NULL) ||
           testcity_insert(c, SYS, "all_types",
                           "{\"code\":\"ZZ003\",\"a_text\":\"甲乙\",\"a_secret\":\"另一个\"}", NULL);
}

static bool holds(Str text, const char *part) { return str_find_str(text, str_c(part)) >= 0; }

static Str column(TestCity *c, const char *code)
{
    return testcity_sql(c, str_fmt(c->a, "select a_secret from all_types where code = '%s'", code).p);
}

static void at_rest__nothing_is_readable(void **state)
{
    TestCity *c = *state;
    assert_true(holds(column(c, "ZZ001"), "s1.1."));
    assert_false(holds(column(c, "ZZ001"), "绝密"));
    assert_false(holds(testcity_sql(c, "select after from journal where record = 'ZZ001'"), "绝密"));
    assert_true(
        str_eq(column(c, "ZZ001"), column(c, "ZZ002"))); /* equal values are equal, which is all that shows */
    assert_false(str_eq(column(c, "ZZ001"), column(c, "ZZ003")));
}

static void door__opens_masks_and_finds(void **state)
{
    TestCity *c = *state;
    assert_text(testcity_get(c, SYS, "all_types", "code=eq.ZZ001&select=a_secret"),
                "[{\"a_secret\":\"绝密一号\"}]");
    Actor keeper = testcity_actor(c, "keeper", "keeper", "", "");
    assert_text(testcity_get(c, &keeper, "all_types", "code=eq.ZZ001&select=a_secret"),
                "[{\"a_secret\":\"绝***\"}]");
    assert_text(testcity_get(c, SYS, "all_types", "a_secret=eq.绝密一号&select=code&order=code"),
                "[{\"code\":\"ZZ001\"},{\"code\":\"ZZ002\"}]");
    assert_text(testcity_get(c, SYS, "all_types", "a_secret=in.(另一个,无)&select=code"),
                "[{\"code\":\"ZZ003\"}]");
    assert_text(
        testcity_get(c, SYS, "all_types", "a_secret=not.eq.另一个&code=like.ZZ*&select=code&order=code"),
        "[{\"code\":\"ZZ001\"},{\"code\":\"ZZ002\"}]");
    assert_true(holds(testcity_get(c, SYS, "all_types", "a_secret=like.绝*"), "INPUT"));
    assert_true(holds(testcity_get(c, SYS, "all_types", "order=a_secret"), "INPUT"));
    assert_true(holds(testcity_get(c, SYS, "all_types", "select=a_secret.max()"), "INPUT"));
}

static void change__is_seen_and_sealed(void **state)
{
    TestCity *c = *state;
    bool changed = true;
    assert_int_equal(
        testcity_update(c, SYS, "all_types", "ZZ001", "{\"a_secret\":\"绝密一号\"}", 0, &changed), 0);
    assert_false(changed);
    assert_int_equal(testcity_update(c, SYS, "all_types", "ZZ001", "{\"a_secret\":\"新的\"}", 0, &changed),
                     0);
    assert_true(changed);
    assert_text(testcity_get(c, SYS, "all_types", "a_secret=eq.新的&select=code"), "[{\"code\":\"ZZ001\"}]");
    assert_int_equal(testcity_update(c, SYS, "all_types", "ZZ001", "{\"a_secret\":null}", 0, &changed), 0);
    assert_text(testcity_get(c, SYS, "all_types", "a_secret=is.null&code=like.ZZ*&select=code"),
                "[{\"code\":\"ZZ001\"}]");
}

static void damage__is_told(void **state)
{
    TestCity *c = *state;
    /* another field's text, a cut one, one that was never sealed */
    testdb_raw(c->db, "update all_types set a_secret = substr(a_secret, 1, 40) where code = 'ZZ001'");
    testdb_raw(c->db, "update all_types set a_secret = '绝密一号' where code = 'ZZ002'");
    assert_true(holds(testcity_get(c, SYS, "all_types", "code=eq.ZZ001&select=a_secret"), "VERIFY"));
    assert_true(holds(testcity_get(c, SYS, "all_types", "code=eq.ZZ002&select=a_secret"), "VERIFY"));
    assert_text(testcity_get(c, SYS, "all_types", "code=eq.ZZ002&select=code"), "[{\"code\":\"ZZ002\"}]");
}

static int reseal_tx(Tx *tx, void *ctx, Err *err)
{
    int64_t fields;
    return plan_reseal(ctx, tx, &fields, err);
}

static void new_key__old_values_are_found_then_sealed_anew(void **state)
{
    TestCity *c = *state;
    int64_t key = 0;
    assert_int_equal(vault_rotate(c->m->vault, c->store, &key, &c->err), 0);
    assert_int_equal(key, 2);
    assert_int_equal(testcity_insert(c, SYS, "all_types",
                                     "{\"code\":\"ZZ004\",\"a_text\":\"甲乙\",\"a_secret\":\"绝密一号\"}",
                                     NULL),
                     0);
    const char *both = "[{\"code\":\"ZZ001\"},{\"code\":\"ZZ002\"},{\"code\":\"ZZ004\"}]";
    assert_text(testcity_get(c, SYS, "all_types", "a_secret=eq.绝密一号&select=code&order=code"), both);
    assert_int_equal(store_tx(c->store, "reseal", reseal_tx, c->m, &c->err), 0);
    assert_true(holds(column(c, "ZZ001"), "s1.2."));
    assert_text(testcity_get(c, SYS, "all_types", "a_secret=eq.绝密一号&select=code&order=code"), both);
}

static void wrong_root_key__is_refused(void **state)
{
    TestCity *c = *state;
    Vault *v = NULL;
    Err err = ERR_INIT;
    FILE *f = fopen(str_fmt(c->a, "%s/keys/root.key", testdb_dir(c->db)).p, "w");
    assert_non_null(f);
    fputs("00112233445566778899aabbccddeeff\n", f);
    fclose(f);
    assert_int_equal(vault_open(c->store, testdb_dir(c->db), &v, &err), -(int)ERR_VERIFY);
    assert_int_equal(remove(str_fmt(c->a, "%s/keys/root.key", testdb_dir(c->db)).p), 0);
    assert_int_equal(vault_open(c->store, testdb_dir(c->db), &v, &err), -(int)ERR_NOT_FOUND);
}

static void migration__seals_and_keeps(void **state)
{
    (void)state;
    TestCity *c = testcity_new("small", false);
    assert_int_equal(testcity_insert(c, SYS, "all_types",
                                     "{\"code\":\"ZZ001\",\"a_text\":\"甲乙\",\"a_secret\":\"绝密\"}", NULL),
                     0);
    if (testcity_switch(c, "small-v2", "all_types post tag area note", NULL) < 0) fail_msg("%s", c->err.msg);
    assert_true(holds(column(c, "ZZ001"), "s1.1.")); /* cut to the new maximum, and still sealed */
    assert_text(testcity_get(c, SYS, "all_types", "code=eq.ZZ001&select=a_secret"),
                "[{\"a_secret\":\"绝\"}]");
    testcity_free(c);
}

UNIT_MAIN(cmocka_unit_test_setup_teardown(at_rest__nothing_is_readable, fresh, testcity_gone),
          cmocka_unit_test_setup_teardown(door__opens_masks_and_finds, fresh, testcity_gone),
          cmocka_unit_test_setup_teardown(change__is_seen_and_sealed, fresh, testcity_gone),
          cmocka_unit_test_setup_teardown(damage__is_told, fresh, testcity_gone),
          cmocka_unit_test_setup_teardown(new_key__old_values_are_found_then_sealed_anew, fresh,
                                          testcity_gone),
          cmocka_unit_test_setup_teardown(wrong_root_key__is_refused, fresh, testcity_gone),
          cmocka_unit_test(migration__seals_and_keeps))

/* SPDX-License-Identifier: MulanPSL-2.0 */
/* rule/rule_load: every fault of rules.yaml with its place; the good packs load; the schema knows the file.
 */
#include "testpack.h"

#include "rule/rule_int.h"

static void wrong__every_fault_with_its_place(void **state)
{
    (void)state;
    _cleanup_arena_ Arena *a = arena_new();
    _cleanup_model_ Model *m = NULL;
    Faults f = {.arena = a};
    Err err = ERR_INIT;
    Str dir = str_fmt(a, "%s/tests/packs/wrong/rules-faults", source_root());
    assert_int_equal(model_load(dir.p, &f, &m, &err), 0);
    assert_int_equal(rule_check(m, &f, &err), -(int)ERR_PACK);
    assert_faults(a, &f, dir);
}

static void good__load(void **state)
{
    (void)state;
    static const struct {
        const char *packs;
        size_t n;
    } rows[] = {{"tests/packs/reactions", 15}, {"tests/packs/small", 0}, {"systems", 0}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_arena_ Arena *a = arena_new();
        _cleanup_model_ Model *m = NULL;
        RuleSet *s = NULL;
        Faults f = {.arena = a};
        Err err = ERR_INIT;
        assert_int_equal(model_load(str_fmt(a, "%s/%s", source_root(), rows[i].packs).p, &f, &m, &err), 0);
        if (rule_load(m, &f, &s, &err) < 0) fail_msg(STR_FMT, STR_ARG(fault_text(a, &f.items[0])));
        if (rows[i].n) assert_int_equal(rule_count(s), rows[i].n);
        rule_set_free(s);
    }
}

static void schema__knows_rules(void **state)
{
    (void)state;
    Buf b;
    Err err = ERR_INIT;
    buf_init(&b, 1 << 20);
    assert_int_equal(pack_schema(S("rules"), &b, &err), 0);
    assert_true(str_find_str(buf_str(&b), S("\"reactions\"")) > 0);
    assert_true(str_find_str(buf_str(&b), S("\"moment\"")) > 0);
    buf_done(&b);
}

UNIT_MAIN(cmocka_unit_test(wrong__every_fault_with_its_place), cmocka_unit_test(good__load),
          cmocka_unit_test(schema__knows_rules))

/* SPDX-License-Identifier: MulanPSL-2.0 */
/* rule/rule_load: every fault of rules.yaml with its place; the good packs load; the schema knows the file.
 */
#include "unit.h"

#include "rule/rule_int.h"

static const char *root(void)
{
    const char *source = getenv("SOURCE");
    return source ? source : ".";
}

static void wrong__every_fault_with_its_place(void **state)
{
    (void)state;
    _cleanup_arena_ Arena *a = arena_new();
    _cleanup_model_ Model *m = NULL;
    Faults f = {.arena = a};
    Err err = ERR_INIT;
    char line[1024];
    int bad = 0;
    Str dir = str_fmt(a, "%s/tests/packs/wrong/rules-faults", root());
    assert_int_equal(model_load(dir.p, &f, &m, &err), 0);
    assert_int_equal(rule_check(m, &f, &err), -(int)ERR_PACK);
    FILE *fp = fopen(str_fmt(a, STR_FMT "/expect.txt", STR_ARG(dir)).p, "re");
    assert_non_null(fp);
    size_t n = 0;
    for (; fgets(line, sizeof line, fp); n++) {
        Str want = str_trim(str_c(line));
        Str got = n < f.n ? str_from(fault_text(a, &f.items[n]), dir.n + 1) : S("");
        if (!str_eq(got, want))
            bad++, print_error("got  " STR_FMT "\nwant " STR_FMT "\n", STR_ARG(got), STR_ARG(want));
    }
    fclose(fp);
    for (size_t i = n; i < f.n; i++)
        bad++, print_error("more " STR_FMT "\n", STR_ARG(str_from(fault_text(a, &f.items[i]), dir.n + 1)));
    assert_int_equal(bad, 0);
}

static void good__load(void **state)
{
    (void)state;
    static const struct {
        const char *packs;
        size_t n;
    } rows[] = {{"tests/packs/reactions", 14}, {"tests/packs/small", 0}, {"systems", 0}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_arena_ Arena *a = arena_new();
        _cleanup_model_ Model *m = NULL;
        RuleSet *s = NULL;
        Faults f = {.arena = a};
        Err err = ERR_INIT;
        assert_int_equal(model_load(str_fmt(a, "%s/%s", root(), rows[i].packs).p, &f, &m, &err), 0);
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

/* SPDX-License-Identifier: MulanPSL-2.0 */
/* insight/insight_load: every fault of indicators.yaml with its place; the good packs load as written; the
 * schema knows the file. */
#include "testpack.h"

#include "insight/insight_int.h"

static void wrong__every_fault_with_its_place(void **state)
{
    (void)state;
    _cleanup_arena_ Arena *a = arena_new();
    _cleanup_model_ Model *m = NULL;
    Faults f = {.arena = a};
    Err err = ERR_INIT;
    Str dir = str_fmt(a, "%s/tests/packs/wrong/indicators-faults", source_root());
    assert_int_equal(model_load(dir.p, &f, &m, &err), 0);
    assert_int_equal(insight_check(m, &f, &err), -(int)ERR_PACK);
    assert_faults(a, &f, dir);
}

static InsightSet *load(const char *packs, Model **m, Arena *a)
{
    InsightSet *s = NULL;
    Faults f = {.arena = a};
    Err err = ERR_INIT;
    assert_int_equal(model_load(str_fmt(a, "%s/%s", source_root(), packs).p, &f, m, &err), 0);
    if (insight_load(*m, &f, &s, &err) < 0) fail_msg(STR_FMT, STR_ARG(fault_text(a, &f.items[0])));
    return s;
}

static void good__reads_as_written(void **state)
{
    (void)state;
    _cleanup_arena_ Arena *a = arena_new();
    _cleanup_model_ Model *m = NULL;
    _cleanup_insightset_ InsightSet *s = load("tests/packs/insight", &m, a);
    assert_int_equal(insight_count(s), 10);
    const Indicator *x = insight_find(s, S("active_share"));
    assert_true(x->ratio && x->times == 100 && x->n_dims == 2 && x->period == PERIOD_MONTH && !x->past);
    x = insight_find(s, S("opened"));
    assert_true(x->past == 3 && x->dims[0].region && str_is(x->num.on->name, "opened"));
    x = insight_find(s, S("mean_staff"));
    assert_true(x->ratio && x->times == 1 && x->den.not_null && str_is(x->num.sum->name, "staff"));
    x = insight_find(s, S("told"));
    assert_true(x->source == SOURCE_REPORTED && x->n_targets == 2 && x->targets[1].value == 9050);
    assert_true(x->targets[1].op == TARGET_GT && x->has_base && x->base == 7000);
    assert_true(indicator_about_people(insight_find(s, S("insured"))));
    assert_false(indicator_about_people(insight_find(s, S("firms"))));
}

/* A change of these fields, and of no other, moves the figure. */
static void used__are_the_fields_of_the_formula(void **state)
{
    (void)state;
    _cleanup_arena_ Arena *a = arena_new();
    _cleanup_model_ Model *m = NULL;
    _cleanup_insightset_ InsightSet *s = load("tests/packs/insight", &m, a);
    const Indicator *x = insight_find(s, S("not_ended"));
    assert_int_equal(x->num.n_used, 1);
    assert_text(x->num.used[0]->name, "ends");
    assert_int_equal(insight_find(s, S("active_share"))->num.n_used, 3);
}

static void packs__without_indicators_have_no_values(void **state)
{
    (void)state;
    _cleanup_arena_ Arena *a = arena_new();
    _cleanup_model_ Model *m = NULL;
    _cleanup_insightset_ InsightSet *s = load("tests/packs/small", &m, a);
    assert_int_equal(insight_count(s), 0);
    assert_null(model_entity(m, S("indicator_value")));
}

static void formula__changes_with_what_is_computed(void **state)
{
    (void)state;
    static const char *const forms[] = {"of: {entity: firm}",
                                        "of: {entity: firm, where: \"active=is.true\"}",
                                        "of: {entity: firm, sum: capital}",
                                        "of: {entity: firm, on: opened}",
                                        "of: {entity: firm, avg: staff}",
                                        "of: {entity: human}"};
    Str seen[COUNT(forms)];
    _cleanup_arena_ Arena *a = arena_new();
    _cleanup_model_ Model *m = NULL;
    insight_set_free(load("tests/packs/insight", &m, a));
    for (size_t i = 0; i < COUNT(forms); i++) {
        Faults f = {.arena = a};
        Err err = ERR_INIT;
        InsightSet *s;
        Str text = str_fmt(a, "indicators:\n  - {id: x, title: t, group: g, definition: d, %s}\n", forms[i]);
        if (insight_load_text(m, "x.yaml", text, &f, &s, &err) < 0)
            fail_msg(STR_FMT, STR_ARG(fault_text(a, &f.items[0])));
        seen[i] = str_dup(a, s->items[0]->formula);
        insight_set_free(s);
        for (size_t k = 0; k < i; k++) assert_false(str_eq(seen[k], seen[i]));
    }
}

static void schema__knows_indicators(void **state)
{
    (void)state;
    Buf b;
    Err err = ERR_INIT;
    buf_init(&b, 1 << 20);
    assert_int_equal(pack_schema(S("indicators"), &b, &err), 0);
    assert_true(str_find_str(buf_str(&b), S("\"ratio\"")) > 0);
    assert_true(str_find_str(buf_str(&b), S("\"baseline\"")) > 0);
    buf_done(&b);
}

UNIT_MAIN(cmocka_unit_test(wrong__every_fault_with_its_place), cmocka_unit_test(good__reads_as_written),
          cmocka_unit_test(used__are_the_fields_of_the_formula),
          cmocka_unit_test(packs__without_indicators_have_no_values),
          cmocka_unit_test(formula__changes_with_what_is_computed),
          cmocka_unit_test(schema__knows_indicators))

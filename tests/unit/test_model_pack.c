/* SPDX-License-Identifier: MulanPSL-2.0 */
/* model/pack*: every folder of tests/packs/wrong gives exactly the errors of its expect.txt; the good ones
 * load. */
#include "unit.h"

#include "base/json.h"
#include "model/model.h"
#include "model/pack_spec.h"
#include <dirent.h>

typedef struct Want {
    Str file, what, fix;
    int64_t line, col; /* col 0 = any */
    bool met;
} Want;

static const char *root(void) { return getenv("SOURCE") ? getenv("SOURCE") : "."; }

static Str read_all(Arena *a, const char *path)
{
    FILE *f = fopen(path, "rb");
    Buf b;
    char chunk[4096];
    size_t n;
    if (!f) return STR_NONE;
    buf_init(&b, 1 << 20);
    while ((n = fread(chunk, 1, sizeof chunk, f)) > 0) buf_add(&b, str_n(chunk, n));
    fclose(f);
    Str s = buf_dup(a, &b);
    buf_done(&b);
    return s;
}

/* file:LINE:COL: what ||| fix */
static size_t read_wants(Arena *a, const char *dir, Want *w, size_t max)
{
    Str rest = read_all(a, str_fmt(a, "%s/expect.txt", dir).p), line, col, number;
    size_t n = 0;
    while (n < max && str_split(&rest, '\n', &line)) {
        if (!line.n) continue;
        Want *x = &w[n++];
        *x = (Want){0};
        assert_true(str_split(&line, ':', &x->file) && str_split(&line, ':', &number) &&
                    str_split(&line, ':', &col));
        assert_true(str_int(number, &x->line));
        if (!str_is(col, "*")) assert_true(str_int(col, &x->col));
        ptrdiff_t bar = str_find_str(line, S("|||"));
        assert_true(bar > 0);
        x->what = str_trim(str_n(line.p, (size_t)bar));
        x->fix = str_trim(str_from(line, (size_t)bar + 3));
    }
    return n;
}

static bool meets(const Fault *f, const Want *w, const char *dir)
{
    return strncmp(f->file, dir, strlen(dir)) == 0 && str_is(w->file, f->file + strlen(dir) + 1) &&
           f->line == w->line && (!w->col || f->col == w->col) && str_find_str(f->what, w->what) >= 0 &&
           str_find_str(f->fix, w->fix) >= 0;
}

static int check_wrong(const char *dir)
{
    _cleanup_arena_ Arena *a = arena_new();
    _cleanup_model_ Model *m = NULL;
    Want wants[50];
    size_t n = read_wants(a, dir, wants, 50);
    Faults faults = {.arena = a};
    Err err = ERR_INIT;
    int bad = 0;
    if (model_load(dir, &faults, &m, &err) == 0) return print_error("%s: loaded\n", dir), 1;
    assert_int_equal(err.code, ERR_PACK);
    for (size_t i = 0; i < faults.n; i++) {
        bool met = false;
        for (size_t j = 0; j < n && !met; j++)
            if (!wants[j].met && meets(&faults.items[i], &wants[j], dir)) met = wants[j].met = true;
        if (!met) bad++, print_error("unexpected: " STR_FMT "\n", STR_ARG(fault_text(a, &faults.items[i])));
    }
    for (size_t j = 0; j < n; j++)
        if (!wants[j].met)
            bad++, print_error("missing: %s/" STR_FMT ":%d: " STR_FMT " ||| " STR_FMT "\n", dir,
                               STR_ARG(wants[j].file), (int)wants[j].line, STR_ARG(wants[j].what),
                               STR_ARG(wants[j].fix));
    return bad;
}

static void wrong__each_gives_exactly_its_errors(void **state)
{
    (void)state;
    _cleanup_arena_ Arena *a = arena_new();
    Str base = str_fmt(a, "%s/tests/packs/wrong", root());
    DIR *d = opendir(base.p);
    int bad = 0, n = 0;
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] == '.' || strchr(e->d_name, '.') || str_starts(str_c(e->d_name), S("rules-")) ||
            str_starts(str_c(e->d_name), S("indicators-")))
            continue; /* the latter two are judged above the model */
        bad += check_wrong(str_fmt(a, STR_FMT "/%s", STR_ARG(base), e->d_name).p);
        n++;
    }
    closedir(d);
    assert_true(n >= 75);
    assert_int_equal(bad, 0);
}

static void good(const char *name, Model **ret)
{
    _cleanup_arena_ Arena *a = arena_new();
    Faults faults = {.arena = a};
    Err err = ERR_INIT;
    int rc = model_load(str_fmt(a, "%s/%s", root(), name).p, &faults, ret, &err);
    for (size_t i = 0; i < faults.n; i++) print_error(STR_FMT "\n", STR_ARG(fault_text(a, &faults.items[i])));
    assert_int_equal(rc, 0);
}

static void good__packs_load(void **state)
{
    (void)state;
    static const char *const all[] = {"tests/packs/small", "tests/packs/small-v2", "tests/packs/foreign",
                                      "systems"};
    for (size_t i = 0; i < COUNT(all); i++) {
        _cleanup_model_ Model *m = NULL;
        good(all[i], &m);
        assert_true(m->n_systems >= 2 && m->n_entities > 1);
    }
}

static void digest__changes_with_the_packs(void **state)
{
    (void)state;
    _cleanup_model_ Model *m = NULL, *again = NULL, *other = NULL;
    good("tests/packs/small", &m);
    good("tests/packs/small", &again);
    good("tests/packs/small-v2", &other);
    assert_true(str_eq(m->digest, again->digest));
    assert_false(str_eq(m->digest, other->digest));
}

static void small__is_as_declared(void **state)
{
    (void)state;
    _cleanup_model_ Model *m = NULL;
    good("tests/packs/small", &m);
    const Entity *e = model_entity(m, S("all_types")), *post = model_entity(m, S("post"));
    assert_text(e->key->name, "code");
    assert_text(entity_id(e)->name, "code");
    assert_text(e->label->name, "a_text");
    assert_text(e->region->name, "a_region");
    assert_text(e->org->name, "an_org");
    assert_true(e->order_desc);
    assert_int_equal(e->n_unique, 1);
    assert_int_equal(e->n_index, 2);
    const Field *money = entity_field(e, S("a_money")), *refs = entity_field(e, S("a_refs"));
    assert_int_equal(money->scale, 2);
    assert_text(refs->link, "all_types__a_refs");
    assert_text(refs->to->name, "tag");
    assert_int_equal(entity_field(e, S("twice"))->type, F_INT);
    assert_true(entity_field(e, S("a_date"))->has_max);
    assert_null(post->key);
    assert_text(entity_id(post)->name, "id");
    assert_non_null(entity_field(post, S("valid_from")));
    assert_int_equal(post->n_rules, 1);
    assert_text(entity_nearest(e, S("a_mony")), "a_money");
    assert_text(model_nearest(m, S("alltypes")), "all_types");
    assert_text(codes_match(model_codes(m, S("colour")), S("朱红"))->code, "11");
    assert_null(codes_match(model_codes(m, S("colour")), S("黑")));
    assert_null(model_entity(m, S("nothing")));
    const Role *local = model_role(m, S("local"));
    assert_int_equal(local->n_grants, 6);
    assert_int_equal(local->grants[4].scope, SCOPE_REGION);
}

static void person__has_no_sensitive_key(void **state)
{
    (void)state;
    _cleanup_model_ Model *m = NULL;
    good("systems", &m);
    const Entity *e = model_entity(m, S("person"));
    assert_null(e->key);
    assert_true(entity_field(e, S("id_no"))->unique && entity_field(e, S("id_no"))->required);
}

static void load__a_folder_that_is_not_there_is_told(void **state)
{
    (void)state;
    _cleanup_arena_ Arena *a = arena_new();
    Faults faults = {.arena = a};
    Model *m;
    Err err = ERR_INIT;
    assert_int_equal(model_load("/nonexistent/packs", &faults, &m, &err), -(int)ERR_PACK);
    assert_true(str_find_str(faults.items[0].what, S("打不开文件夹")) >= 0);
}

static void schema__each_kind_is_valid_json(void **state)
{
    (void)state;
    _cleanup_arena_ Arena *a = arena_new();
    for (size_t i = 0; pack_kinds[i]; i++) {
        Buf out;
        json_t *j;
        Err err = ERR_INIT;
        buf_init(&out, 1 << 20);
        assert_int_equal(pack_schema(str_c(pack_kinds[i]), &out, &err), 0);
        assert_int_equal(json_parse(a, buf_str(&out), &j, &err), 0);
        assert_string_equal(json_string_value(json_object_get(j, "type")), "object");
        assert_true(json_is_object(json_object_get(j, "properties")));
        buf_done(&out);
    }
    Err err = ERR_INIT;
    Buf out;
    buf_init(&out, 100);
    assert_int_equal(pack_schema(S("nothing"), &out, &err), -(int)ERR_NOT_FOUND);
}

/* With an argument: prints that kind's schema, for tools/check_schemas. */
int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong__each_gives_exactly_its_errors),
        cmocka_unit_test(good__packs_load),
        cmocka_unit_test(digest__changes_with_the_packs),
        cmocka_unit_test(small__is_as_declared),
        cmocka_unit_test(person__has_no_sensitive_key),
        cmocka_unit_test(load__a_folder_that_is_not_there_is_told),
        cmocka_unit_test(schema__each_kind_is_valid_json),
    };
    if (argc > 1) {
        Buf out;
        Err err = ERR_INIT;
        buf_init(&out, 1 << 20);
        if (pack_schema(str_c(argv[1]), &out, &err) < 0) return 1;
        fwrite(out.p, 1, out.n, stdout);
        buf_done(&out);
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}

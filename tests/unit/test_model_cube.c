/* SPDX-License-Identifier: MulanPSL-2.0 */
/* model/cube: whatever is written, in whatever order, undone or not, the kept counts are those of the
   records; and what is asked of them is what counting gives. */
#include "unit.h"

#include "model/cube.h"
#include "testcity.h"

#define SYS &testcity_system

static int some(uint32_t *x, int n)
{
    *x = *x * 1664525 + 1013904223;
    return (int)((*x >> 16) % (uint32_t)n);
}

static int verify_tx(Tx *tx, void *p, Err *err)
{
    TestCity *c = p;
    _cleanup_arena_ Arena *a = arena_new();
    for (size_t i = 0; i < c->m->n_entities; i++) TRY(cube_verify(tx, a, c->m->entities[i], err));
    return 0;
}

static int verify(TestCity *c) { return store_read(c->store, "verify", verify_tx, c, &c->err); }

static void is_right(TestCity *c)
{
    if (verify(c) < 0) fail_msg("%s", c->err.msg);
}

static int merge_tx(Tx *tx, void *p, Err *err)
{
    TestCity *c = p;
    _cleanup_arena_ Arena *a = arena_new();
    int64_t rows = -1000; /* whatever there is */
    return cube_merge(tx, a, model_entity(c->m, S("all_types")), &rows, err);
}

static Str fields_json(TestCity *c, uint32_t *x)
{
    static const char *const regions[] = {"null", "\"610502\"", "\"610503\"", "\"610502001\""};
    static const char *const orgs[] = {"null", "\"A\"", "\"B\""}, *const bools[] = {"null", "true", "false"};
    return str_fmt(c->a,
                   "\"a_bool\":%s,\"a_region\":%s,\"an_org\":%s,\"a_ref\":\"010%d\",\"an_enum\":%s,\"a_"
                   "text\":\"字%d号\"",
                   bools[some(x, 3)], some(x, 3) ? "null" : regions[some(x, 4)], orgs[some(x, 3)],
                   1 + some(x, 2), some(x, 2) ? "\"1\"" : "\"2\"", some(x, 100));
}

/* A record that is written and undone leaves no trace. */
static int undone_tx(Tx *tx, void *p, Err *err)
{
    TestCity *c = p;
    return tx_exec(tx, SQL("delete from \"all_types\" where \"a_bool\" is not null"), NULL, 0, NULL, err) < 0
               ? -(int)err->code
               : err_set(err, ERR_INPUT, "%p", (void *)c);
}

static void random_writes__keep_it_right(void **state)
{
    (void)state;
    TestCity *c = testcity_new("small", true);
    uint32_t x = 99;
    is_right(c);
    for (int i = 0; i < 400; i++) {
        char id[8];
        snprintf(id, sizeof id, "CC%03d", some(&x, 60));
        Str fields = fields_json(c, &x);
        switch (some(&x, 4)) {
        case 0:
        case 1:
            (void)testcity_insert(c, SYS, "all_types",
                                  str_fmt(c->a, "{\"code\":\"%s\"," STR_FMT "}", id, STR_ARG(fields)).p,
                                  NULL);
            break;
        case 2:
            (void)testcity_update(c, SYS, "all_types", id, str_fmt(c->a, "{" STR_FMT "}", STR_ARG(fields)).p,
                                  0, NULL);
            break;
        default: (void)testcity_delete(c, SYS, "all_types", id, 0);
        }
        if (i % 50 == 0) is_right(c);
        if (i % 130 == 0 && store_tx(c->store, "merge", merge_tx, c, &c->err) < 0) fail_msg("%s", c->err.msg);
        if (i % 70 == 0) assert_int_equal(store_tx(c->store, "undone", undone_tx, c, &c->err), -ERR_INPUT);
    }
    is_right(c);
    Str n = testcity_sql(c, "select count(*) from all_types");
    int64_t rows = 0;
    assert_true(str_int(n, &rows) && rows > 15);
    testcity_free(c);
}

static QueryCtx ctx(TestCity *c, const Actor *who) { return (QueryCtx){c->a, c->m, who, S("")}; }

static void counts__are_those_of_the_records(void **state)
{
    (void)state;
    TestCity *c = testcity_new("small", true);
    uint32_t x = 5;
    for (int i = 0; i < 80; i++)
        (void)testcity_insert(
            c, SYS, "all_types",
            str_fmt(c->a, "{\"code\":\"CC%03d\"," STR_FMT "}", i, STR_ARG(fields_json(c, &x))).p, NULL);
    static const struct {
        const char *entity, *query, *where;
        bool served;
    } rows[] = {
        {"all_types", "", "1 = 1", true},
        {"all_types", "an_org=eq.A", "an_org = 'A'", true},
        {"all_types", "an_org=is.null&a_bool=is.true", "an_org is null and a_bool", true},
        {"all_types", "a_bool=not.is.null", "a_bool is not null", true},
        {"all_types", "or=(an_org.eq.A,and(an_enum.eq.2,a_bool.is.false))",
         "an_org = 'A' or (an_enum = '2' and not a_bool)", true},
        {"all_types", "a_region=like.610502*", "a_region like '610502%'", true},
        {"all_types", "an_enum=in.(1,2)&limit=3", "an_enum in ('1', '2')", true},
        {"all_types", "a_text=eq.字1号", "a_text = '字1号'", false},
        {"all_types", "a_ref=eq.0101", "a_ref = '0101'", false},
        {"all_types", "a_refs=cs.{1}", "code in ('AA001')", false},
        {"tag", "", "1 = 1", true},
        {"tag", "no=gt.1", "no > 1", false},
        {"post", "at=2023-05-01",
         "valid_from <= '2023-05-01' and (valid_to is null or valid_to > '2023-05-01')", false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        ReadResult r;
        Query *q;
        QueryCtx k = ctx(c, SYS);
        (void)testcity_read(c, SYS, rows[i].entity, rows[i].query, FORMAT_JSON, &r);
        if (c->err.code) fail_msg("%s: %s", rows[i].query, c->err.msg);
        Str want = testcity_sql(
            c, str_fmt(c->a, "select count(*) from %s where %s", rows[i].entity, rows[i].where).p);
        assert_text(str_fmt(c->a, "%lld", (long long)r.total), str_cdup(c->a, want));
        assert_int_equal(
            query_parse(&k, model_entity(c->m, str_c(rows[i].entity)), str_c(rows[i].query), &q, &c->err), 0);
        if (cube_serves(&k, q) != rows[i].served) fail_msg("%s: served %d", rows[i].query, !rows[i].served);
    }
    Str got = testcity_read(c, SYS, "all_types", "select=an_org,n:count()&order=an_org", FORMAT_CSV, NULL);
    Str want =
        testcity_sql(c, "select an_org, count(*) from all_types group by an_org order by an_org nulls last");
    ptrdiff_t head = str_find(got, '\n');
    Buf plain;
    buf_init(&plain, 10000);
    for (size_t i = (size_t)head + 1; i < got.n; i++)
        if (got.p[i] != '\r') buf_addc(&plain, got.p[i] == ',' ? '|' : got.p[i]);
    while (plain.n && plain.p[plain.n - 1] == '\n') plain.n--;
    assert_text(buf_str(&plain), str_cdup(c->a, want));
    buf_done(&plain);
    assert_text(testcity_get(c, SYS, "all_types", "select=n:count()&an_org=eq.NONE"), "[{\"n\":0}]");
    assert_text(testcity_get(c, SYS, "tag", "select=n:count()"), "[{\"n\":3}]");
    testcity_free(c);
}

typedef struct Page {
    TestCity *c;
    const char *query;
    bool tested;
    Str text;
} Page;

static int page_tx(Tx *tx, void *p, Err *err)
{
    Page *g = p;
    QueryCtx ctx = {g->c->a, g->c->m, SYS, S("trace")};
    ReadResult r;
    Query *q;
    Buf out;
    TRY(query_parse(&ctx, model_entity(g->c->m, S("all_types")), str_c(g->query), &q, err));
    buf_init(&out, 1 << 20);
    int rc = record_read(&ctx, tx, q, FORMAT_CSV, false, &out, &r, err);
    g->text = buf_dup(g->c->a, &out), g->tested = q->tested;
    buf_done(&out);
    return rc;
}

/* A filter that thousands pass is tested along the order's index, one that few pass is looked up; the rows
   are the same. */
static void great_filters__are_tested_on_the_way(void **state)
{
    (void)state;
    static const struct {
        const char *query, *sql;
        bool tested;
    } rows[] = {
        {"an_enum=eq.1&order=a_text", "an_enum = '1' order by a_text", true},
        {"an_enum=eq.1&order=a_text.desc", "an_enum = '1' order by a_text desc", true},
        {"an_enum=eq.2&order=a_text", "an_enum = '2' order by a_text", false},   /* few */
        {"an_enum=eq.1&order=a_money", "an_enum = '1' order by a_money", false}, /* no index */
        {"an_enum=eq.1&a_money=gte.10&order=a_text", "an_enum = '1' and a_money >= 10 order by a_text",
         false},
    };
    TestCity *c = testcity_new("small", false);
    testdb_raw(c->db,
               "with recursive n(i) as (select 1 union all select i + 1 from n where i < 4000) "
               "insert into all_types (code, a_text, an_enum, a_money, _rev, _created_at, _created_by, "
               "_updated_at) select 'ZZ' || i, '字' || (10000 + i * 7919 % 4001), "
               "case when i % 40 = 0 then '2' else '1' end, i, 1, '2025-01-01T00:00:00.000000Z', 'x', "
               "'2025-01-01T00:00:00.000000Z' from n");
    for (size_t i = 0; i < COUNT(rows); i++) {
        Page g = {.c = c, .query = str_fmt(c->a, "select=code&limit=70&%s", rows[i].query).p};
        if (store_read(c->store, "page", page_tx, &g, &c->err) < 0) fail_msg("%s: %s", g.query, c->err.msg);
        Str want =
            testcity_sql(c, str_fmt(c->a, "select code from all_types where %s limit 70", rows[i].sql).p);
        Str got = str_from(g.text, (size_t)str_find(g.text, '\n') + 1);
        Buf plain;
        buf_init(&plain, 10000);
        for (size_t k = 0; k < got.n; k++)
            if (got.p[k] != '\r') buf_addc(&plain, got.p[k]);
        if (!str_starts(buf_str(&plain), want) || plain.n > want.n + 1)
            fail_msg("%s: " STR_FMT, g.query, STR_ARG(g.text));
        buf_done(&plain);
        assert_int_equal(g.tested, rows[i].tested && !testdb_is_postgres());
    }
    testcity_free(c);
}

static void rights__limit_counts(void **state)
{
    (void)state;
    TestCity *c = testcity_new("small", true);
    ReadResult r;
    Actor local = testcity_actor(c, "local", "local", "B", "610502"),
          team = testcity_actor(c, "team", "team", "A", ""), self = testcity_actor(c, "self", "self", "", "");
    (void)testcity_read(c, &local, "all_types", "select=code", FORMAT_JSON, &r);
    assert_int_equal(r.total, 2);
    (void)testcity_read(c, &team, "all_types", "select=code", FORMAT_JSON, &r);
    assert_int_equal(r.total, 1);
    (void)testcity_read(c, &self, "post", "select=id", FORMAT_JSON, &r);
    assert_int_equal(r.total, 0);
    for (int i = 0; i < 90; i++) { /* so many that the rule is tested on the way along the list */
        Str json = str_fmt(c->a, "{\"code\":\"CC%03d\",\"a_region\":\"%s\",\"an_enum\":null}", i,
                           i % 9 ? "610502001" : "610503");
        if (testcity_insert(c, SYS, "all_types", json.p, NULL) < 0) fail_msg("%s", c->err.msg);
    }
    Str mine = testcity_read(c, &local, "all_types", "select=code&order=code", FORMAT_CSV, &r);
    assert_int_equal(r.total, 82);
    assert_int_equal(r.rows, 82);
    assert_true(str_find_str(mine, S("CC001")) > 0 && str_find_str(mine, S("CC000")) < 0);
    QueryCtx k = ctx(c, &self);
    Query *q;
    assert_int_equal(query_parse(&k, model_entity(c->m, S("post")), S(""), &q, &c->err), 0);
    assert_false(cube_serves(&k, q)); /* whose record it is stands in no cube */
    testcity_free(c);
}

static void damage__is_found(void **state)
{
    (void)state;
    TestCity *c = testcity_new("small", true);
    testdb_raw(c->db, "update \"_cube_area\" set \"_n\" = \"_n\" + 1");
    assert_int_equal(verify(c), -ERR_VERIFY);
    testdb_raw(c->db, "update \"_cube_area\" set \"_n\" = \"_n\" - 1");
    is_right(c);
    testdb_raw(c->db, "delete from \"_cube_post\"");
    assert_int_equal(verify(c), -ERR_VERIFY);
    testcity_free(c);
}

static void other_packs__make_it_anew(void **state)
{
    (void)state;
    TestCity *c = testcity_new("small", false);
    assert_int_equal(testcity_insert(c, SYS, "all_types", "{\"code\":\"AA009\",\"a_bool\":true}", NULL), 0);
    if (testcity_switch(c, "small-v2", "all_types area post tag org region", NULL) < 0)
        fail_msg("%s", c->err.msg);
    is_right(c);
    ReadResult r;
    (void)testcity_read(c, SYS, "all_types", "a_bool=is.true", FORMAT_JSON, &r);
    assert_int_equal(r.total, 1);
    if (testcity_switch(c, "foreign", "all_types area org post region tag notice", NULL) < 0)
        fail_msg("%s", c->err.msg);
    is_right(c);
    testcity_free(c);
}

UNIT_MAIN(cmocka_unit_test(random_writes__keep_it_right), cmocka_unit_test(counts__are_those_of_the_records),
          cmocka_unit_test(great_filters__are_tested_on_the_way), cmocka_unit_test(rights__limit_counts),
          cmocka_unit_test(damage__is_found), cmocka_unit_test(other_packs__make_it_anew))

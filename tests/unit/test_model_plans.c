/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Every list that a page makes of every entity of systems/, as the databases would run it: nothing is scanned
   through, nothing sorted. SQLite says so without rows; PostgreSQL is asked whether there is such a plan. */
#include "unit.h"

#include "model/cube.h"
#include "model/record_int.h"
#include "model/search.h"
#include "testcity.h"

#define SYS &testcity_system

typedef struct Plans {
    TestCity *c;
    const Entity *e;
    int checked;
} Plans;

typedef struct Explain {
    TestCity *c;
    Build *b;
    Str text;
} Explain;

static int explain_tx(Tx *tx, void *p, Err *err)
{
    Explain *x = p;
    bool lite = tx_dialect(tx) == DIALECT_SQLITE;
    Rows *r;
    int rc;
    Buf out;
    if (!lite)
        TRY(tx_script(
            tx,
            "set local enable_seqscan = off; set local enable_bitmapscan = off; set local enable_sort = off;"
            "set local enable_incremental_sort = off; set local enable_hashagg = on",
            err));
    Sql q = build_sql(x->b, "plan");
    Str text = str_fmt(x->c->a, "%s%s", lite ? "explain query plan " : "explain (costs off) ", q.text[0]);
    if (!lite) { /* values instead of parameters: explain takes none */
        Buf b;
        buf_init(&b, 1 << 20);
        buf_adds(&b, "explain (costs off) ");
        for (const char *s = q.text[0]; *s; s++) {
            if (*s != '$' || s[1] < '1' || s[1] > '9') {
                buf_addc(&b, *s);
                continue;
            }
            size_t n = 0;
            while (s[1] >= '0' && s[1] <= '9') n = n * 10 + (size_t)(*++s - '0');
            Val v = x->b->args[n - 1];
            if (v.kind == VAL_INT)
                buf_addf(&b, "%lld", (long long)v.i);
            else if (v.kind == VAL_NULL)
                buf_adds(&b, "null");
            else
                buf_addf(&b, "$q$" STR_FMT "$q$", STR_ARG(v.s));
        }
        text = buf_dup(x->c->a, &b);
        buf_done(&b);
    }
    const Sql sql = {"explain", {text.p, text.p}};
    TRY(tx_query(tx, x->c->a, &sql, x->b->args, lite ? x->b->n : 0, &r, err));
    buf_init(&out, 1 << 20);
    while ((rc = rows_next(r, err)) > 0)
        buf_addf(&out, STR_FMT "\n", STR_ARG(rows_text(r, x->c->a, lite ? 3 : 0)));
    rows_done(r);
    x->text = buf_dup(x->c->a, &out);
    buf_done(&out);
    return rc;
}

static Str plan_of(TestCity *c, Build *b)
{
    Explain x = {c, b, S("")};
    if (store_read(c->store, "explain", explain_tx, &x, &c->err) < 0) fail_msg("%s", c->err.msg);
    return x.text;
}

static bool says(Str plan, const char *what) { return str_find_str(plan, str_c(what)) >= 0; }

/* `seek`: only a stretch of the index may be read, not all of it in order. */
static void judge(const char *what, const Entity *e, Str plan, bool seek)
{
    bool lite = !testdb_is_postgres(), bad;
    if (lite) {
        bad =
            says(plan, "TEMP B-TREE"); /* else a scan is one in the order of an index or of the integer key */
        bad |= seek && says(plan, "SCAN t");
    } else {
        bad = says(plan, "Seq Scan") || says(plan, "Sort");
        bad |= seek && !says(plan, "Index Cond");
    }
    if (bad) fail_msg(STR_FMT " %s:\n" STR_FMT, STR_ARG(e->name), what, STR_ARG(plan));
}

static Val sample(const Field *f)
{
    static const char *const texts[STORE_N] = {[STORE_TEXT] = "610502",
                                               [STORE_NUM] = "1.5",
                                               [STORE_DATE] = "2020-01-01",
                                               [STORE_TIME] = "08:00:00",
                                               [STORE_AT] = "2020-01-01T00:00:00.000000Z"};
    if (f->storage == STORE_INT || f->storage == STORE_BOOL) return V_INT(1);
    return V_TEXT(str_c(texts[f->storage] ? texts[f->storage] : "x"));
}

static void check_half(Plans *p, Query *q, Half half, const char *what, bool seek)
{
    QueryCtx c = {p->c->a, p->c->m, SYS, S("")};
    Level l = {.q = q};
    Build b;
    if (query_half_empty(q, half)) return;
    build_init(&b, p->c->a, store_dialect(p->c->store));
    level_half_sql(&c, &l, half, 51, &b);
    bool by_unique =
        q->order[0].field->unique && q->order[0].field != entity_id(p->e); /* nothing stands behind it */
    if (testdb_is_postgres() && b.steady != (!q->after && !p->e->history && !by_unique))
        fail_msg(STR_FMT " %s: %s", STR_ARG(p->e->name), what, b.steady ? "steady" : "not steady");
    judge(what, p->e, plan_of(p->c, &b), seek || half != HALF_BOTH || q->after);
    p->checked++;
}

static Query *parse(Plans *p, const char *query)
{
    QueryCtx c = {p->c->a, p->c->m, SYS, S("")};
    Query *q;
    if (query_parse(&c, p->e, str_c(query), &q, &p->c->err) < 0) fail_msg("%s: %s", query, p->c->err.msg);
    return q;
}

/* A list: its first page and the page behind a cursor. `filtered`: by an index. */
static void check_list(Plans *p, const char *query, bool filtered)
{
    QueryCtx c = {p->c->a, p->c->m, SYS, S("")};
    for (int page = 0; page < 2; page++) {
        Query *q = parse(p, query);
        if (page) {
            Val vals[32];
            query_order(&c, q);
            for (size_t i = 0; i < q->n_order; i++) vals[i] = sample(q->order[i].field);
            Str cursor = query_cursor(&c, q, vals);
            q = parse(p, str_fmt(p->c->a, "%s&after=" STR_FMT, query, STR_ARG(cursor)).p);
        }
        if (!query_halves(&c, q)) {
            check_half(p, q, HALF_BOTH, query, filtered);
            continue;
        }
        check_half(p, q, HALF_HAVE, query, filtered);
        if (!q->order[0].field->unique) check_half(p, q, HALF_NULL, query, filtered);
    }
}

static Str filter(Plans *p, const Field *f)
{
    if (f->storage == STORE_BOOL) return str_fmt(p->c->a, STR_FMT "=eq.true", STR_ARG(f->name));
    Val v = sample(f);
    return v.kind == VAL_INT ? str_fmt(p->c->a, STR_FMT "=eq.%lld", STR_ARG(f->name), (long long)v.i)
                             : str_fmt(p->c->a, STR_FMT "=eq." STR_FMT, STR_ARG(f->name), STR_ARG(v.s));
}

static void check_entity(Plans *p)
{
    const Entity *e = p->e;
    check_list(p, "select=id", false);
    for (size_t i = 0; i < e->n; i++) {
        const Field *f = &e->fields[i];
        bool indexed = f->index || f->unique || (f->to && f->storage != STORE_LINK);
        if (!indexed || f == e->key || f->sealed) continue;
        if (!f->unique) check_list(p, filter(p, f).p, true); /* of one row the order is no matter */
        if (f->sensitivity >= 3) continue;                   /* no list is sorted by it */
        check_list(p, str_fmt(p->c->a, "select=id&order=" STR_FMT, STR_ARG(f->name)).p, false);
        check_list(p, str_fmt(p->c->a, "select=id&order=" STR_FMT ".desc", STR_ARG(f->name)).p, false);
    }
    for (size_t i = 0; i < e->n_index; i++) {
        Str query = S("select=id");
        for (size_t k = 0; k < e->index[i].n; k++)
            query = str_fmt(p->c->a, STR_FMT "&" STR_FMT, STR_ARG(query),
                            STR_ARG(filter(p, e->index[i].items[k])));
        check_list(p, query.p, true);
    }
}

static void lists__need_no_scan_and_no_sort(void **state)
{
    (void)state;
    TestCity *c = testcity_new("../../systems", false);
    Plans p = {.c = c};
    for (size_t i = 0; i < c->m->n_entities; i++) {
        p.e = c->m->entities[i];
        check_entity(&p);
    }
    print_message("%d plans of %zu entities\n", p.checked, c->m->n_entities);
    assert_true(p.checked > 200);
    testcity_free(c);
}

/* A plan is kept only where it cannot depend on the values. */
static void steady__only_what_one_index_holds(void **state)
{
    (void)state;
    TestCity *c = testcity_new("../../systems", false);
    Plans p = {.c = c, .e = model_entity(c->m, S("legal_person"))};
    static const struct {
        const char *query;
        bool steady;
    } rows[] = {
        {"region=eq.610502", true},
        {"region=eq.610502&kind=eq.159", true},
        {"kind=eq.159&region=eq.610502", true},
        {"region=eq.610502&order=established_on.desc", true},
        {"code=eq.x", true},
        {"region=eq.610502&order=title", false}, /* sorted, or walked through: by how many there are */
        {"region=eq.610502&order=established_on.desc,code.asc", false},
        {"region=like.610502*", false},
        {"region=in.(610502,610503)", false},
        {"region=not.eq.610502", false},
        {"region=eq.610502&capital=gt.5", false},
        {"or=(region.eq.610502,kind.eq.159)", false},
        {"select=region,count()&region=eq.610502", false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        QueryCtx q = {c->a, c->m, SYS, S("")};
        if (query_steady(&q, parse(&p, rows[i].query)) != rows[i].steady) fail_msg("%s", rows[i].query);
    }
    const Role *clerk = model_role(c->m, S("clerk"));
    const Actor local = {
        .user = S("u"), .region = S("610502"), .grants = clerk->grants, .n_grants = clerk->n_grants};
    QueryCtx q = {c->a, c->m, &local, S("")};
    Query *mine;
    assert_int_equal(query_parse(&q, p.e, S("kind=eq.159"), &mine, &c->err), 0);
    assert_false(query_steady(&q, mine)); /* its row rule is a range */
    testcity_free(c);
}

/* What the search index names is joined to the records by their id. */
static void searches__seek(void **state)
{
    (void)state;
    TestCity *c = testcity_new("../../systems", false);
    Search *s;
    assert_int_equal(search_new(c->store, c->m, S("one"), &s, &c->err), 0);
    assert_int_equal(search_pump(s, NULL, &c->err), 0);
    for (size_t i = 0; i < c->m->n_entities; i++) {
        const Entity *e = c->m->entities[i];
        QueryCtx q = {c->a, c->m, SYS, S("")};
        Query *list;
        Build b;
        Level l = {0};
        FieldSet fields = search_fields(c->a, e);
        if (!fields.n) continue;
        assert_int_equal(query_parse(&q, e, S("select=id&_text=fts.渭南"), &list, &c->err), 0);
        list->where->kids[0]->match = testdb_is_postgres() ? S("('渭南')") : S("(\"渭南\")");
        build_init(&b, c->a, store_dialect(c->store));
        l.q = list;
        list->order = NULL;
        level_half_sql(&q, &l, HALF_BOTH, -1, &b);
        Str plan = plan_of(c, &b);
        if (testdb_is_postgres() ? says(plan, str_fmt(c->a, "Seq Scan on " STR_FMT, STR_ARG(e->name)).p)
                                 : (says(plan, "SCAN t") && !says(plan, "SCAN t USING INDEX")))
            fail_msg(STR_FMT ":\n" STR_FMT, STR_ARG(e->name), STR_ARG(plan));
        assert_true(says(plan, testdb_is_postgres() ? "_find_" : "VIRTUAL TABLE"));
    }
    search_free(s);
    testcity_free(c);
}

UNIT_MAIN(cmocka_unit_test(lists__need_no_scan_and_no_sort),
          cmocka_unit_test(steady__only_what_one_index_holds), cmocka_unit_test(searches__seek))

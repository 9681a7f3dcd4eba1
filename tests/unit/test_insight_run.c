/* SPDX-License-Identifier: MulanPSL-2.0 */
/* insight: values follow the records on both databases, open into their rows, hide what is over few people,
   keep versions; driven by hand (insight_pass), so that every step is where the test wants it. */
#include "unit.h"

#include "insight/insight_int.h"
#include "testcity.h"

#define SYS          &testcity_system
#define DAY(y, m, d) clock_from_china((Date){y, m, d}, (TimeOfDay){9, 0, 0}, 0)

typedef struct World {
    TestCity *c;
    City city;
    Insight *s;
    int64_t now;
} World;

#define OK(call)                                                                                             \
    do {                                                                                                     \
        if ((call) < 0) fail_msg("%s: %s %s", #call, w->c->err.msg, w->c->err.pointer);                      \
    } while (0)
#define HOLDS(text, want) assert_text(testcity_sql(w->c, text), want)

static int fresh(void **state)
{
    World *w = xcalloc(1, sizeof *w);
    Err err = ERR_INIT;
    const Room *rooms[] = {&insight_room, NULL};
    w->c = testcity_new("insight", false);
    assert_int_equal(store_migrate(w->c->store, rooms, NULL, &err), 0);
    w->city = (City){.store = w->c->store, .model = w->c->m, .dir = testdb_dir(w->c->db)};
    if (insight_new(&w->city, &w->s, &err) < 0) fail_msg("insight_new: %s", err.msg);
    w->city.insight = w->s;
    w->now = DAY(2026, 6, 10);
    static const char *const regions[] = {"100100", "100101", "100102"};
    for (size_t i = 0; i < COUNT(regions); i++)
        OK(testcity_insert(w->c, SYS, "region",
                           str_fmt(w->c->a, "{\"code\":\"%s\",\"title\":\"区%zu\"}", regions[i], i).p, NULL));
    OK(testcity_insert(w->c, SYS, "org", "{\"code\":\"A\",\"title\":\"局\"}", NULL));
    OK(testcity_insert(w->c, SYS, "org", "{\"code\":\"A1\",\"title\":\"科\",\"parent\":\"A\"}", NULL));
    *state = w;
    return 0;
}

static int gone(void **state)
{
    World *w = *state;
    insight_free(w->s);
    testcity_free(w->c);
    free(w);
    return 0;
}

/* The pass that a change brings; then, after a rest, that of past periods. */
static void pass(World *w)
{
    bool more = true;
    Err err = ERR_INIT;
    assert_int_equal(insight_lease(w->s, w->now, &err), 1);
    for (int i = 0; i < 50 && more; i++, w->now += i < 3 ? 3 * US_PER_SEC : 1000)
        if (insight_pass(w->s, w->now, &more, &err) < 0) fail_msg("pass: %s", err.msg);
    assert_false(more);
}

static void firm(World *w, const char *json) { OK(testcity_insert(w->c, SYS, "firm", json, NULL)); }

static void three_firms(World *w)
{
    firm(w, "{\"code\":\"1\",\"kind\":\"a\",\"region\":\"100101\",\"active\":true,\"capital\":\"100.10\","
            "\"staff\":3,\"opened\":\"2026-06-01\"}");
    firm(w, "{\"code\":\"2\",\"kind\":\"b\",\"region\":\"100101\",\"active\":false,\"capital\":\"200.20\","
            "\"staff\":4,\"opened\":\"2026-05-31\"}");
    firm(w, "{\"code\":\"3\",\"kind\":\"a\",\"region\":\"100102\",\"active\":true,\"capital\":\"0.01\","
            "\"opened\":\"2026-06-30\"}");
}

/* Values as text of the same form on both. */
static Str value(World *w, const char *indicator, const char *region, const char *from)
{
    bool city = !*region;
    return testcity_sql(
        w->c,
        str_fmt(
            w->c->a,
            "select coalesce(cast(cast(round(value * 100) as bigint) as text), 'none') from indicator_value "
            "where indicator = '%s' and region %s%s%s and period_from = '%s' order by version desc limit 1",
            indicator, city ? "is null" : "= '", region, city ? "" : "'", from)
            .p);
}
#define VALUE(indicator, region, from, want) assert_text(value(w, indicator, region, from), want)

static void values__of_every_form(void **state)
{
    World *w = *state;
    three_firms(w);
    pass(w);
    VALUE("firms", "", "2026-06-01", "300");
    VALUE("active_share", "", "2026-06-01", "6667");
    VALUE("active_share", "100101", "2026-06-01", "5000");
    VALUE("active_share", "100102", "2026-06-01", "10000");
    VALUE("opened", "", "2026-06-01", "200");
    VALUE("capital", "", "2026-04-01", "30031");
    VALUE("mean_staff", "", "2026-06-01", "350"); /* of the two that say */
    VALUE("not_ended", "", "2026-06-08", "300");
    HOLDS("select count(*) from indicator_value where indicator in ('told', 'unknown')", "0");
}

static void values__an_empty_register_gives_none_not_zero(void **state)
{
    World *w = *state;
    pass(w);
    VALUE("firms", "", "2026-06-01", "none");
    VALUE("active_share", "", "2026-06-01", "none");
    firm(w, "{\"code\":\"1\"}");
    pass(w);
    VALUE("firms", "", "2026-06-01", "100");
    VALUE("active_share", "", "2026-06-01", "0");  /* now it is a figure */
    VALUE("mean_staff", "", "2026-06-01", "none"); /* nobody says */
}

static void values__past_periods_follow(void **state)
{
    World *w = *state;
    three_firms(w);
    pass(w);
    VALUE("opened", "", "2026-05-01", "100");
    VALUE("opened", "", "2026-03-01", "0");
    HOLDS("select count(*) from indicator_value where indicator = 'opened' and region is null", "4");
    OK(testcity_update(w->c, SYS, "firm", "3", "{\"opened\":\"2026-05-02\"}", 0, NULL));
    pass(w);
    VALUE("opened", "", "2026-06-01", "100");
    VALUE("opened", "", "2026-05-01", "200");
    VALUE("opened", "100102", "2026-06-01", "0"); /* the county has none any more */
}

/* The day of an instant is China's: 16:00 UTC is the next day. */
static int reshaped_tx(Tx *tx, void *ctx, Err *err)
{
    (void)ctx;
    JournalEntry x = {.actor = S("system"), .entity = S("firm"), .op = S("reshape")};
    return journal_add(tx, &x, err);
}

/* What init did to a register's values is no change of any record, but of the figures. */
static void values__follow_what_init_did(void **state)
{
    World *w = *state;
    Err err = ERR_INIT;
    three_firms(w);
    pass(w);
    VALUE("capital", "", "2026-04-01", "30031");
    testdb_raw(w->c->db, "update firm set capital = 1000 where code = '3'");
    pass(w);
    VALUE("capital", "", "2026-04-01", "30031");
    assert_int_equal(store_tx(w->c->store, "reshaped", reshaped_tx, NULL, &err), 0);
    pass(w);
    VALUE("capital", "", "2026-04-01", "130030");
}

static void values__days_are_chinas(void **state)
{
    World *w = *state;
    firm(w, "{\"code\":\"1\",\"seen\":\"2026-06-09T16:00:00Z\"}");
    firm(w, "{\"code\":\"2\",\"seen\":\"2026-06-09T15:59:59Z\"}");
    firm(w, "{\"code\":\"3\",\"seen\":\"2026-06-10T23:59:59+08:00\"}");
    firm(w, "{\"code\":\"4\",\"seen\":\"2026-06-11T00:00:00+08:00\"}");
    pass(w);
    VALUE("seen_today", "", "2026-06-10", "200");
    VALUE("seen_today", "", "2026-06-09", "100");
}

static void values__a_new_day_begins_new_periods(void **state)
{
    World *w = *state;
    firm(w, "{\"code\":\"1\",\"ends\":\"2026-06-10\",\"region\":\"100101\"}");
    pass(w);
    VALUE("not_ended", "", "2026-06-08", "100");
    w->now = DAY(2026, 6, 11);
    pass(w);
    VALUE("not_ended", "", "2026-06-08", "0");
    w->now = DAY(2026, 7, 1);
    firm(w, "{\"code\":\"2\",\"region\":\"100101\"}");
    pass(w);
    VALUE("firms", "", "2026-06-01", "100"); /* what was is kept */
    VALUE("firms", "", "2026-07-01", "200");
}

static void values__only_what_moved_is_written(void **state)
{
    World *w = *state;
    three_firms(w);
    pass(w);
    Str before = testcity_sql(w->c, "select count(*) from journal where entity = 'indicator_value'");
    OK(testcity_update(w->c, SYS, "firm", "1", "{\"note\":\"与指标无关\"}", 0, NULL));
    pass(w);
    assert_text(testcity_sql(w->c, "select count(*) from journal where entity = 'indicator_value'"),
                before.p);
    OK(testcity_update(w->c, SYS, "firm", "2", "{\"active\":true}", 0, NULL));
    pass(w);
    VALUE("active_share", "", "2026-06-01", "10000");
    HOLDS("select record from journal where entity = 'indicator_value' and op = 'update' order by record",
          "active_share.v1.2026-06-01\nactive_share.v1.2026-06-01.100101");
    OK(testcity_delete(w->c, SYS, "firm", "2", 0));
    pass(w);
    VALUE("firms", "", "2026-06-01", "200");
}

/* --- opening -----------------------------------------------------------------------------------------------
 */

/* Counting the rows of the query by hand gives the numerator, for the city and each county. */
static void rows__the_query_counts_the_same(void **state)
{
    World *w = *state;
    three_firms(w);
    firm(w, "{\"code\":\"4\",\"region\":\"100100\",\"active\":true,\"opened\":\"2026-06-10\",\"ends\":\"2026-"
            "06-09\"}");
    firm(w, "{\"code\":\"5\",\"active\":true,\"seen\":\"2026-06-10T10:00:00+08:00\"}");
    pass(w);
    static const char *const regions[] = {"", "100101", "100102"};
    Date today = {2026, 6, 10};
    size_t compared = 0;
    for (size_t i = 0; i < w->s->set->n; i++) {
        const Indicator *x = w->s->set->items[i];
        if (x->source != SOURCE_COMPUTED || x->num.sum || !str_is(x->num.entity->name, "firm")) continue;
        Period p = period_of(x->period, today);
        for (size_t k = 0; k < COUNT(regions); k++) {
            if (*regions[k] && !indicator_dim(x, S("region"))) continue;
            ReadResult r;
            Str query = measure_query(w->c->a, &x->num, p, today, str_c(regions[k]));
            testcity_read(w->c, SYS, "firm", query.p, FORMAT_JSON, &r);
            Str sql = str_fmt(w->c->a,
                              "select cast(num as integer) from indicator_value where code = '" STR_FMT "'",
                              STR_ARG(value_key(w->c->a, x, p, str_c(regions[k]))));
            assert_text(testcity_sql(w->c, sql.p), str_fmt(w->c->a, "%lld", (long long)r.rows).p);
            compared++;
        }
    }
    assert_int_equal(compared, 5 + 2 * 3);
}

static void lineage__says_how_and_up_to_where(void **state)
{
    World *w = *state;
    three_firms(w);
    Str head = testcity_sql(w->c, "select max(seq) from journal");
    pass(w);
    HOLDS(str_fmt(w->c->a,
                  "select rows, case when journal_seq >= " STR_FMT
                  " then 'all' end from indicator_value where code "
                  "= 'active_share.v1.2026-06-01'",
                  STR_ARG(head))
              .p,
          "3|all");
    Str lineage =
        testcity_sql(w->c, "select lineage from indicator_value where code = 'active_share.v1.2026-06-01'");
    assert_true(str_find_str(lineage, S("\"query\":\"active=is.true\"")) > 0);
    assert_true(str_find_str(lineage, S("group by 1, 2")) > 0);
    Str parts =
        testcity_sql(w->c, "select parts from indicator_value where code = 'active_share.v1.2026-06-01'");
    assert_true(str_find_str(parts, S("[\"100101\",1,2]")) > 0);
    assert_true(str_find_str(parts, S("[\"a\",2,2]")) > 0);
}

/* --- few people --------------------------------------------------------------------------------------------
 */

static void people(World *w, const char *region, int n, int insured)
{
    static int no = 0;
    for (int i = 0; i < n; i++) {
        static const int weights[] = {7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};
        Str id = str_fmt(w->c->a, "61059919900101%03d", no++ % 1000);
        int sum = 0;
        for (int k = 0; k < 17; k++) sum += (id.p[k] - '0') * weights[k];
        OK(testcity_insert(w->c, SYS, "human",
                           str_fmt(w->c->a, "{\"id_no\":\"" STR_FMT "%c\",\"region\":\"%s\",\"insured\":%s}",
                                   STR_ARG(id), "10X98765432"[sum % 11], region,
                                   i < insured ? "true" : "false")
                               .p,
                           NULL));
    }
}

static void people__few_are_not_given(void **state)
{
    World *w = *state;
    people(w, "100101", 9, 9);
    pass(w);
    VALUE("insured", "", "2026-06-01", "none");
    HOLDS("select num, den, rows, parts, lineage from indicator_value where code = 'insured.v1.2026-06-01'",
          "|||{}|");
    HOLDS("select count(*) from indicator_value where indicator = 'insured' and suppressed", "2");
    people(w, "100101", 1, 1);
    pass(w);
    VALUE("insured", "", "2026-06-01", "10000");
    HOLDS("select count(*) from indicator_value where indicator = 'insured' and suppressed", "0");
}

/* One county alone is few: the next smallest is withheld with it, or the total would give it away. */
static void people__nothing_can_be_worked_out(void **state)
{
    World *w = *state;
    people(w, "100101", 5, 5);
    people(w, "100102", 30, 20);
    people(w, "100100", 40, 20);
    pass(w);
    VALUE("insured", "", "2026-06-01", "6000");
    VALUE("insured", "100101", "2026-06-01", "none");
    VALUE("insured", "100102", "2026-06-01", "none");
    HOLDS("select parts from indicator_value where code = 'insured.v1.2026-06-01'",
          "{\"region\":[[\"100100\",20,40],[\"*\",25,35]]}");
}

/* --- versions ----------------------------------------------------------------------------------------------
 */

static void version__old_values_stay(void **state)
{
    World *w = *state;
    three_firms(w);
    pass(w);
    Indicator *x = (Indicator *)insight_find(w->s->set, S("active_share"));
    x->version = 2, x->times = 1000;
    OK(testcity_update(w->c, SYS, "firm", "2", "{\"active\":true}", 0, NULL));
    pass(w);
    HOLDS("select version, cast(round(value * 100) as integer) from indicator_value where indicator = "
          "'active_share' and "
          "region is "
          "null order by version",
          "1|6667\n2|100000");
}

static void version__a_changed_formula_needs_a_new_one(void **state)
{
    World *w = *state;
    three_firms(w);
    pass(w);
    testdb_raw(w->c->db, "update insight_formula set formula = 'other' where indicator = 'firms'");
    insight_free(w->s);
    Err err = ERR_INIT;
    assert_int_equal(insight_new(&w->city, &w->s, &err), 0);
    w->city.insight = w->s;
    firm(w, "{\"code\":\"9\",\"active\":true}");
    pass(w);
    VALUE("firms", "", "2026-06-01", "300"); /* not computed */
    VALUE("active_share", "", "2026-06-01", "7500");
}

/* --- who
 * ----------------------------------------------------------------------------------------------------- */

static void rights__nobody_writes_values_as_records(void **state)
{
    World *w = *state;
    Actor steward = testcity_actor(w->c, "steward", "steward", "A", "100100");
    assert_int_equal(
        testcity_insert(
            w->c, &steward, "indicator_value",
            "{\"code\":\"x\",\"indicator\":\"firms\",\"version\":1,\"period_from\":\"2026-06-01\","
            "\"period_to\":\"2026-06-30\",\"value\":7,\"source\":\"computed\","
            "\"computed_at\":\"2026-06-01T00:00:00Z\"}",
            NULL),
        -(int)ERR_FORBIDDEN);
    HOLDS("select count(*) from indicator_value", "0");
}

typedef struct Reading {
    World *w;
    Actor who;
    const char *indicator;
    bool whole;
    size_t n;
} Reading;

static int read_tx(Tx *tx, void *p, Err *err)
{
    Reading *r = p;
    Kept *k;
    Wanted wanted = {.indicator = str_c(r->indicator), .whole = r->whole, .limit = 100};
    return kept_read(r->w->s->set, tx, r->w->c->a, &r->who, &wanted, &k, &r->n, err);
}

static void rights__a_county_reads_its_own(void **state)
{
    World *w = *state;
    three_firms(w);
    pass(w);
    static const struct {
        const char *role;
        size_t city, counties;
        int rc;
    } rows[] = {{"staff", 1, 2, 0}, {"county", 0, 1, 0}, {"admin", 0, 0, -(int)ERR_FORBIDDEN}};
    for (size_t i = 0; i < COUNT(rows); i++)
        for (int whole = 0; whole < 2; whole++) {
            Reading r = {w, testcity_actor(w->c, "u", rows[i].role, "A", "100101"), "firms", whole, 0};
            Err err = ERR_INIT;
            assert_int_equal(store_read(w->c->store, "read", read_tx, &r, &err), rows[i].rc);
            assert_int_equal(r.n, whole ? rows[i].city : rows[i].counties);
        }
}

static void lease__one_server_computes(void **state)
{
    World *w = *state;
    Err err = ERR_INIT;
    Insight *other;
    City second = {.store = w->c->store, .model = w->c->m, .dir = "/tmp/another-server"};
    assert_int_equal(insight_new(&second, &other, &err), 0);
    assert_int_equal(insight_lease(w->s, w->now, &err), 1);
    assert_int_equal(insight_lease(other, w->now + US_PER_SEC, &err), 0);
    assert_int_equal(insight_lease(w->s, w->now + 5 * US_PER_SEC, &err), 1);
    assert_int_equal(insight_lease(other, w->now + 20 * US_PER_SEC, &err), 1); /* the lease ran out */
    assert_int_equal(insight_lease(w->s, w->now + 21 * US_PER_SEC, &err), 0);
    insight_free(other);
}

/* A register that grows too large for the numbers stops that indicator, and no other. */
static void faults__of_one_keep_no_other(void **state)
{
    World *w = *state;
    three_firms(w);
    pass(w);
    firm(w, "{\"code\":\"8\",\"kind\":\"b\",\"capital\":\"9999999999999.99\"}");
    firm(w, "{\"code\":\"9\",\"kind\":\"b\",\"capital\":\"9999999999999.99\"}");
    pass(w);
    VALUE("capital", "", "2026-04-01", "30031");
    VALUE("firms", "", "2026-06-01", "500");
    assert_text(insight_wrong(w->s, w->c->a, insight_find(w->s->set, S("capital"))),
                "停在旧值：指标 capital：合计过大，算不出");
    assert_text(insight_wrong(w->s, w->c->a, insight_find(w->s->set, S("firms"))), "");
    OK(testcity_delete(w->c, SYS, "firm", "8", 0));
    OK(testcity_delete(w->c, SYS, "firm", "9", 0));
    pass(w);
    assert_text(insight_wrong(w->s, w->c->a, insight_find(w->s->set, S("capital"))), "");
}

#define T(f) cmocka_unit_test_setup_teardown(f, fresh, gone)
UNIT_MAIN(T(values__of_every_form), T(values__an_empty_register_gives_none_not_zero),
          T(values__past_periods_follow), T(values__follow_what_init_did), T(values__days_are_chinas),
          T(values__a_new_day_begins_new_periods), T(values__only_what_moved_is_written),
          T(rows__the_query_counts_the_same), T(lineage__says_how_and_up_to_where),
          T(people__few_are_not_given), T(people__nothing_can_be_worked_out), T(version__old_values_stay),
          T(version__a_changed_formula_needs_a_new_one), T(rights__nobody_writes_values_as_records),
          T(rights__a_county_reads_its_own), T(lease__one_server_computes), T(faults__of_one_keep_no_other))

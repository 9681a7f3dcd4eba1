/* SPDX-License-Identifier: MulanPSL-2.0 */
/* model/search: finds what a scan finds, shows nobody more than they may read, follows what is written. */
#include "unit.h"

#include "base/text.h"
#include "model/search.h"
#include "testcity.h"

#include <unistd.h>

#define SYS &testcity_system

static Search *keeper_of(TestCity *c, const char *owner)
{
    Search *s;
    if (search_new(c->store, c->m, str_c(owner), &s, &c->err) < 0) fail_msg("%s", c->err.msg);
    return s;
}

static int64_t pump(TestCity *c, Search *s)
{
    int64_t docs = 0;
    if (search_pump(s, &docs, &c->err) < 0) fail_msg("%s", c->err.msg);
    return docs;
}

typedef struct Finding {
    TestCity *c;
    const Actor *who;
    Search *s;
    const char *q, *entity;
    Str text;
    bool cut;
} Finding;

static void hit_text(Arena *a, Buf *b, const SearchHit *h)
{
    buf_addf(b, "%s" STR_FMT "/" STR_FMT, b->n ? " " : "", STR_ARG(h->entity->name), STR_ARG(h->id));
    for (size_t i = 0; i < h->n; i++)
        for (size_t k = 0; k < h->fields[i].spans.n; k++) {
            SearchText t = search_text(a, h->fields[i].text, SEARCH_FIELD_MAX);
            SearchSpan s = h->fields[i].spans.items[k];
            buf_addf(b, ",%.*s", (int)(t.at[s.to] - t.at[s.from]), h->fields[i].text.p + t.at[s.from]);
        }
}

static int find_tx(Tx *tx, void *p, Err *err)
{
    Finding *f = p;
    _cleanup_arena_ Arena *a = arena_new();
    QueryCtx c = {a, f->c->m, f->who, S("")};
    SearchQuery q;
    SearchResult r;
    Buf b;
    TRY(search_parse(a, search_segmenter(f->s), str_c(f->q), &q, err));
    TRY(search_run(&c, tx, &q, f->entity ? model_entity(f->c->m, str_c(f->entity)) : NULL, &r, err));
    buf_init(&b, 1 << 20);
    for (size_t i = 0; i < r.n; i++) hit_text(a, &b, &r.hits[i]);
    f->cut = false;
    for (size_t i = 0; i < r.n_counts; i++) f->cut |= r.counts[i].more;
    f->text = buf_dup(f->c->a, &b);
    buf_done(&b);
    return 0;
}

/* "entity/id,hit,hit …", best first. On a machine that has no time for it a search finds less and says so:
   then again. */
static Str find(TestCity *c, const Actor *who, Search *s, const char *entity, const char *q)
{
    Finding f = {c, who, s, q, entity, S("")};
    for (int i = 0; i < 40; i++) {
        c->err = ERR_INIT;
        if (store_read(c->store, "find", find_tx, &f, &c->err) < 0) return str_c(err_name(c->err.code));
        if (!f.cut || f.text.n) break;
        usleep(50000);
    }
    return f.text;
}

static void words__found_and_marked(void **state)
{
    (void)state;
    TestCity *c = testcity_new("small", true);
    Search *s = keeper_of(c, "one");
    assert_text(find(c, SYS, s, "area", "城东"), "area/0101,城东"); /* before there is an index */
    assert_text(find(c, SYS, s, "area", "dyp"), "area/010101,东一片");
    assert_true(pump(c, s) > 10);
    assert_int_equal(pump(c, s), 0);
    static const struct {
        const char *entity, *q, *want;
    } rows[] = {
        {"area", "城东", "area/0101,城东"},
        {"area", "城", "area/01,城 area/0101,城 area/0102,城"},
        {"area", "东", "area/010101,东 area/0101,东"}, /* what begins so first */
        {"area", "01", "area/01,01 area/0101,01 area/0102,01 area/010101,01"},
        {"area", "一片", "area/010101,一片"},
        {"area", "０１０１",
         "area/0101,0101 area/010101,0101"}, /* full width; the whole key before its beginning */
        {"area", "cd", "area/0101,城东"},
        {"area", "CX", "area/0102,城西"},
        {"area", "dyp", "area/010101,东一片"},
        {"area", "\"东一\"", "area/010101,东一"},
        {"area", "东 片", "area/010101,东,片"},
        {"area", "东城", ""},
        {"area", "\"城 东\"", ""},
        {"tag", "逗号", "tag/3,逗号"},
        {"tag", "带 逗", "tag/3,带,逗"}, /* words of a query need not stand together */
        {"tag", "\"带逗\"", ""},
        {"tag", "\"带,逗\"", "tag/3,带,逗"} /* as it stands */,
        {"all_types", "example", "all_types/AA001,example"},
        {"all_types", "mple", "all_types/AA001,mple"},
        {"all_types", "ng", ""}, /* two letters: only where a run begins */
        {"all_types", "ya", "all_types/AA001,ya"},
        {"all_types", "91610599", "all_types/AA001,91610599"},
        {"all_types", "aa00",
         "all_types/AA003,AA00,AA00 all_types/AA001,AA00,AA00 all_types/AA002,AA00,AA00"},
        {"post", "赵样", "post/?"},
        {"area", "，", "INPUT"},
        {"area", "", "INPUT"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        Str got = find(c, SYS, s, rows[i].entity, rows[i].q);
        if (str_ends(str_c(rows[i].want), S("?")))
            assert_true(str_starts(got, S("post/")));
        else if (!str_is(got, rows[i].want))
            fail_msg("%s in %s: got " STR_FMT ", want %s", rows[i].q, rows[i].entity, STR_ARG(got),
                     rows[i].want);
    }
    search_free(s);
    testcity_free(c);
}

/* Whole, sorted list of ids, whatever the order they were given in. */
static int by_text(const void *a, const void *b) { return str_cmp(*(const Str *)a, *(const Str *)b); }

static Str ids(TestCity *c, Str found, const char *prefix)
{
    StrList list = {0};
    size_t cap = 0;
    Str part, rest = found;
    Buf b;
    while (found.n && str_split(&rest, ' ', &part)) {
        if (!str_starts(part, str_c(prefix))) continue;
        ptrdiff_t comma = str_find(part, ',');
        part = str_n(part.p, (size_t)(comma < 0 ? (ptrdiff_t)part.n : comma));
        *ARENA_PUSH(c->a, list.items, list.n, cap) = str_from(part, strlen(prefix));
    }
    if (list.n) qsort(list.items, list.n, sizeof(Str), by_text);
    buf_init(&b, 1 << 20);
    for (size_t i = 0; i < list.n; i++) buf_addf(&b, "%s" STR_FMT, i ? "\n" : "", STR_ARG(list.items[i]));
    Str s = buf_dup(c->a, &b);
    buf_done(&b);
    return s;
}

static void recall__of_a_scan(void **state)
{
    (void)state;
    static const char *const bits[] = {"渭南", "电子", "商务", "有限", "公司", "农业",
                                       "合作", "社区", "阿",   "A4",   "3d"};
    TestCity *c = testcity_new("small", true);
    Search *s = keeper_of(c, "one");
    uint32_t x = 12345;
    for (int i = 0; i < 400; i++) {
        const char *part[4];
        for (int k = 0; k < 4; k++) {
            x = x * 1664525 + 1013904223;
            part[k] = bits[(x >> 16) % COUNT(bits)];
        }
        Str name = str_fmt(c->a, "%s%s%s%s", part[0], part[1], part[2], part[3]);
        Str json = str_fmt(c->a, "{\"code\":\"X%03d\",\"name\":\"" STR_FMT "%d\"}", i, STR_ARG(name), i);
        if (testcity_insert(c, SYS, "area", json.p, NULL) < 0) fail_msg("%s", c->err.msg);
    }
    pump(c, s);
    static const char *const words[] = {"渭",       "南",       "电子", "子商", "商务", "务有限",
                                        "有限公司", "公司农业", "阿阿", "农",   "社区", "合作社区",
                                        "司渭",     "南电子商", "A4",   "3d"};
    for (size_t i = 0; i < COUNT(words); i++) {
        Str sql = str_fmt(c->a, "select code from area where name like '%%%s%%' order by code", words[i]);
        Str want = testcity_sql(c, sql.p);
        Str got = ids(c, find(c, SYS, s, "area", str_fmt(c->a, "\"%s\"", words[i]).p), "area/");
        bool short_latin = words[i][0] < 0x7f && words[i][0] > 0;
        if (!short_latin && !str_eq(got, want))
            fail_msg("%s: got " STR_FMT "\nwant " STR_FMT, words[i], STR_ARG(got), STR_ARG(want));
        assert_true(want.n > 0);
    }
    search_free(s);
    testcity_free(c);
}

static void changes__show_at_once(void **state)
{
    (void)state;
    TestCity *c = testcity_new("small", true);
    Search *s = keeper_of(c, "one");
    pump(c, s);
    for (int indexed = 0; indexed < 2; indexed++) { /* before and after the index has followed */
        assert_int_equal(testcity_insert(c, SYS, "area", "{\"code\":\"N1\",\"name\":\"新城镇\"}", NULL), 0);
        if (indexed) assert_int_equal(pump(c, s), 1);
        assert_text(find(c, SYS, s, NULL, "新城镇"), "area/N1,新城镇");
        assert_int_equal(testcity_update(c, SYS, "area", "N1", "{\"name\":\"旧县\"}", 0, NULL), 0);
        if (indexed) assert_int_equal(pump(c, s), 1);
        assert_text(find(c, SYS, s, NULL, "新城镇"), "");
        assert_text(find(c, SYS, s, NULL, "旧县"), "area/N1,旧县");
        assert_int_equal(testcity_delete(c, SYS, "area", "N1", 0), 0);
        assert_text(find(c, SYS, s, NULL, "旧县"), "");
        pump(c, s);
        assert_text(find(c, SYS, s, NULL, "旧县"), "");
    }
    search_free(s);
    testcity_free(c);
}

static void rights__limit_what_is_found(void **state)
{
    (void)state;
    TestCity *c = testcity_new("small", true);
    Search *s = keeper_of(c, "one");
    pump(c, s);
    Actor local = testcity_actor(c, "local", "local", "B", "610502"),
          reader = testcity_actor(c, "r", "reader", "", ""), nobody = {0};
    assert_true(str_starts(find(c, &local, s, NULL, "赵样甲"), S("post/"))); /* in 610502 */
    assert_text(find(c, &local, s, NULL, "李试丁"), "");                     /* in 610503 */
    assert_true(str_starts(find(c, SYS, s, NULL, "李试丁"), S("post/")));
    assert_text(find(c, &reader, s, NULL, "赵样甲"), "");
    assert_text(find(c, &reader, s, "post", "赵样甲"), "FORBIDDEN");
    assert_text(find(c, &nobody, s, "area", "城东"), "UNAUTHORIZED");
    assert_text(find(c, &nobody, s, NULL, "城东"), "");
    /* sensitive and sealed fields are not searched, whoever asks */
    assert_text(find(c, SYS, s, NULL, "610599199001020112"), "");
    assert_text(find(c, SYS, s, NULL, "19900000001"), "");
    assert_text(find(c, SYS, s, NULL, "密"), "");
    search_free(s);
    testcity_free(c);
}

/* The list's own answer, with and without the index, and a scan. */
static void lists__use_the_index(void **state)
{
    (void)state;
    static const struct {
        const char *entity, *query, *where;
    } rows[] = {
        {"area", "name=fts.城", "name like '%城%'"},
        {"area", "name=fts.城 东", "name like '%城%' and name like '%东%'"},
        {"area", "_text=fts.01", "code like '%01%'"},
        {"area", "_text=fts.0101", "code like '%0101%'"},
        {"area", "_text=fts.东 0101", "name like '%东%' and code like '%0101%'"},
        {"area", "name=not.fts.城东", "name not like '%城东%'"},
        {"area", "or=(name.fts.片,code.eq.02)", "name like '%片%' or code = '02'"},
        {"area", "or=(_text.fts.片,code.eq.02)&order=name.desc", "name like '%片%' or code = '02'"},
        {"area", "name=fts.，", "1 = 0"},
        {"all_types", "_text=fts.AA00", "1 = 1"},
        {"all_types", "_text=fts.example", "code = 'AA001'"},
        {"all_types", "_text=fts.19900000001", "1 = 0"}, /* sensitive */
        {"all_types", "a_longtext=fts.文字", "code = 'AA001'"},
        {"tag", "title=fts.重点", "no = 1"},
        /* beside words whose records are looked up, other comparisons are only tested: each kind of column */
        {"area", "_text=fts.01&code=neq.01&order=name.desc", "code like '%01%' and code <> '01'"},
        {"area", "_text=fts.01&code=in.(0101,0102)&name=not.is.null", "code in ('0101', '0102')"},
        {"all_types", "_text=fts.AA00&an_enum=eq.1&order=a_text", "an_enum = '1'"},
        {"all_types", "_text=fts.AA00&an_int=gte.0&a_decimal=gte.0.5", "an_int >= 0 and a_decimal >= 0.5"},
        {"all_types", "_text=fts.AA00&a_bool=is.true", "a_bool"},
        {"tag", "title=fts.重点&no=gte.1", "no = 1"},
    };
    TestCity *c = testcity_new("small", true);
    Search *s = keeper_of(c, "one");
    for (int round = 0; round < 3; round++) { /* no index; index; index that has not followed yet */
        if (round == 1) pump(c, s);
        if (round == 2)
            assert_int_equal(
                testcity_insert(c, SYS, "area", "{\"code\":\"010109\",\"name\":\"城东新片\"}", NULL), 0);
        for (size_t i = 0; i < COUNT(rows); i++) {
            ReadResult r;
            (void)testcity_read(c, SYS, rows[i].entity, rows[i].query, FORMAT_JSON, &r);
            if (c->err.code) fail_msg("%s: %s", rows[i].query, c->err.msg);
            Str want = testcity_sql(
                c, str_fmt(c->a, "select count(*) from %s where %s", rows[i].entity, rows[i].where).p);
            if (!str_eq(want, str_fmt(c->a, "%lld", (long long)r.rows)))
                fail_msg("%d %s: %lld rows, want " STR_FMT, round, rows[i].query, (long long)r.rows,
                         STR_ARG(want));
            assert_int_equal(r.rows, r.total);
        }
    }
    assert_true(str_starts(testcity_get(c, SYS, "area", "_text=eq.x"), S("INPUT _text")));
    pump(c, s); /* it was the index that answered: without it there is nothing */
    testdb_raw(c->db, "delete from \"_find_area\"");
    assert_text(testcity_get(c, SYS, "area", "select=code&name=fts.城"), "[]");
    search_free(s);
    testcity_free(c);
}

static void other_packs__are_indexed_anew(void **state)
{
    (void)state;
    TestCity *c = testcity_new("small", false);
    Search *s = keeper_of(c, "one");
    assert_int_equal(testcity_insert(c, SYS, "all_types", "{\"code\":\"AA009\",\"a_text\":\"重点\"}", NULL),
                     0);
    pump(c, s);
    search_free(s);
    s = keeper_of(c, "one"); /* a restart finds everything done */
    assert_int_equal(pump(c, s), 0);
    search_free(s);
    if (testcity_switch(c, "small-v2", "all_types area post tag org region", NULL) < 0)
        fail_msg("%s", c->err.msg);
    s = keeper_of(c, "one");
    assert_true(pump(c, s) > 0);
    assert_true(str_starts(find(c, SYS, s, "all_types", "重点"), S("all_types/AA009,")));
    search_free(s);
    testcity_free(c);
}

/* Old texts are not taken out of the index; when they are most of it, it is made anew. */
static void worn_index__is_made_anew(void **state)
{
    (void)state;
    if (testdb_is_postgres()) skip();
    TestCity *c = testcity_new("small", true);
    Search *s = keeper_of(c, "one");
    pump(c, s);
    testdb_raw(c->db, "update search_entity set next = 99999 where entity = 'area'");
    assert_int_equal(testcity_update(c, SYS, "area", "01", "{\"name\":\"新名\"}", 0, NULL), 0);
    assert_true(pump(c, s) > 5); /* the change, and all of them again */
    assert_text(testcity_sql(c, "select next from search_entity where entity = 'area'"), "6");
    assert_text(find(c, SYS, s, "area", "新名"), "area/01,新名");
    assert_text(find(c, SYS, s, "area", "城东"), "area/0101,城东");
    search_free(s);
    testcity_free(c);
}

static void two_servers__one_indexes(void **state)
{
    (void)state;
    TestCity *c = testcity_new("small", true);
    Search *one = keeper_of(c, "one"), *two = keeper_of(c, "two");
    assert_true(pump(c, one) > 0);
    assert_int_equal(testcity_insert(c, SYS, "area", "{\"code\":\"N1\",\"name\":\"新城镇\"}", NULL), 0);
    assert_int_equal(pump(c, two), 0);
    assert_int_equal(pump(c, one), 1);
    search_free(one);
    search_free(two);
    testcity_free(c);
}

static void queries__are_cut_into_words(void **state)
{
    (void)state;
    static const struct {
        const char *q, *words;
    } rows[] = {{"渭南电商公司", "渭南|电商|公司"},
                {"临渭区人民政府", "临渭区|人民政府"},
                {"\"渭南电商公司\"", "渭南电商公司"},
                {"  A-1，乙局 ", "a|1|乙局"},
                {"“有限公司”渭南", "有限公司|渭南"},
                {"\"未关上 的", "未关上 的"},
                {"渭南 渭南", "渭南"},
                {"ＡＢＣ", "abc"}};
    Segmenter *s;
    Err err = ERR_INIT;
    _cleanup_arena_ Arena *a = arena_new();
    assert_int_equal(segmenter_new(&s, &err), 0);
    for (size_t i = 0; i < COUNT(rows); i++) {
        SearchQuery q;
        Buf b;
        char bytes[4];
        buf_init(&b, 1000);
        assert_int_equal(search_parse(a, s, str_c(rows[i].q), &q, &err), 0);
        for (size_t w = 0; w < q.n; w++) {
            if (w) buf_addc(&b, '|');
            for (size_t k = 0; k < q.words[w].text.n; k++)
                buf_add(&b, str_n(bytes, text_encode(q.words[w].text.cp[k], bytes)));
        }
        assert_text(buf_str(&b), rows[i].words);
        buf_done(&b);
    }
    segmenter_free(s);
}

UNIT_MAIN(cmocka_unit_test(words__found_and_marked), cmocka_unit_test(recall__of_a_scan),
          cmocka_unit_test(changes__show_at_once), cmocka_unit_test(rights__limit_what_is_found),
          cmocka_unit_test(lists__use_the_index), cmocka_unit_test(other_packs__are_indexed_anew),
          cmocka_unit_test(worn_index__is_made_anew), cmocka_unit_test(two_servers__one_indexes),
          cmocka_unit_test(queries__are_cut_into_words))

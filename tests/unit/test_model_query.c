/* SPDX-License-Identifier: MulanPSL-2.0 */
/* model/query and record_read: what a query gives is what hand-written SQL gives, on both databases; every
   error tells where it is and what would be right; nobody sees more than they may. */
#include "unit.h"

#include "testcity.h"

#define SYS &testcity_system

static TestCity *city; /* read only, made once for all cases */

static int make(void **state)
{
    (void)state;
    city = testcity_new("small", true);
    return 0;
}

static int unmake(void **state)
{
    (void)state;
    testcity_free(city);
    return 0;
}

/* CSV without its header, cells joined by | as testcity_sql does. For cells that need no quotes. */
static Str plain_rows(Str csv)
{
    Buf b;
    ptrdiff_t head = str_find(csv, '\n');
    Str body = str_from(csv, (size_t)head + 1);
    buf_init(&b, 1 << 20);
    for (size_t i = 0; i < body.n; i++)
        if (body.p[i] != '\r') buf_addc(&b, body.p[i] == ',' ? '|' : body.p[i]);
    while (b.n && b.p[b.n - 1] == '\n') b.n--;
    Str s = buf_dup(city->a, &b);
    buf_done(&b);
    return s;
}

typedef struct Pair {
    const char *entity, *query, *sql;
} Pair;

static void same_as(const Pair *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        Str csv = testcity_read(city, SYS, rows[i].entity, rows[i].query, FORMAT_CSV, NULL);
        if (city->err.code) fail_msg("%s: %s (%s)", rows[i].query, city->err.msg, city->err.pointer);
        Str want = testcity_sql(city, rows[i].sql), got = plain_rows(csv);
        if (!str_eq(got, want))
            fail_msg("%s gave\n" STR_FMT "\nbut SQL\n" STR_FMT, rows[i].query, STR_ARG(got), STR_ARG(want));
    }
}

#define ALL "all_types"

static void filters__as_sql(void **state)
{
    (void)state;
    static const Pair rows[] = {
        {"area", "select=code,name", "select code, name from area order by code"},
        {"area", "select=code&name=eq.城东", "select code from area where name = '城东' order by code"},
        {"area", "select=code&name=neq.城东", "select code from area where name <> '城东' order by code"},
        {"area", "select=code&code=gt.01", "select code from area where code > '01' order by code"},
        {"area", "select=code&code=gte.0102&code=lt.02",
         "select code from area where code >= '0102' and code < '02' order by code"},
        {"area", "select=code&code=lte.0101", "select code from area where code <= '0101' order by code"},
        {"area", "select=code&name=like.城*", "select code from area where name like '城%' order by code"},
        {"area", "select=code&name=not.like.城*",
         "select code from area where not (name like '城%') order by code"},
        {"area", "select=code&name=like(any).{城东*,*片*}",
         "select code from area where name like '城东%' or name like '%片%' order by code"},
        {"area", "select=code&name=like(all).{城*,*东}",
         "select code from area where name like '城%' and name like '%东' order by code"},
        {"area", "select=code&code=eq(any).{01,02}",
         "select code from area where code in ('01', '02') order by code"},
        {"area", "select=code&code=in.(01,02,\"0101\")",
         "select code from area where code in ('01', '02', '0101') order by code"},
        {"area", "select=code&code=in.()", "select code from area where 1 = 0"},
        {"area", "select=code&code=not.in.(01,02)",
         "select code from area where code not in ('01', '02') order by code"},
        {"area", "select=code&parent=is.null", "select code from area where parent is null order by code"},
        {"area", "select=code&parent=not.is.null",
         "select code from area where parent is not null order by code"},
        {"area", "select=code&parent=is.not_null",
         "select code from area where parent is not null order by code"},
        {"area", "select=code&parent=isdistinct.01",
         "select code from area where parent is null or parent <> '01' order by code"},
        {"area", "select=code&name=match.^城", "select code from area where name like '城%' order by code"},
        {"area", "select=code&name=fts.城 东",
         "select code from area where name like '%城%' and name like '%东%' order by code"},
        {"area", "select=code&or=(code.eq.01,name.like.*东*)",
         "select code from area where code = '01' or name like '%东%' order by code"},
        {"area", "select=code&or=(code.eq.02,and(code.gt.0101,parent.eq.01))",
         "select code from area where code = '02' or (code > '0101' and parent = '01') order by code"},
        {"area", "select=code&not.or=(code.eq.01,code.eq.02)",
         "select code from area where not (code = '01' or code = '02') order by code"},
        {"area", "select=code&and=(code.gt.01,not.or(code.eq.02,name.eq.\"城,东\"))",
         "select code from area where code > '01' and not (code = '02' or name = '城,东') order by code"},
        {"tag", "select=no&no=gt.1", "select no from tag where no > 1 order by no"},
        {"tag", "select=no&id=eq.2", "select no from tag where no = 2"},
        {"tag", "select=no&title=eq.带,逗号", "select no from tag where title = '带,逗号'"},
        {"tag", "select=no&title=ilike.*逗*", "select no from tag where title like '%逗%'"},
        {ALL, "select=code&an_int=gte.-3&an_int=lt.7&order=code",
         "select code from all_types where an_int >= -3 and an_int < 7 order by code"},
        {ALL, "select=code&a_decimal=gt.0.0005&order=code",
         "select code from all_types where a_decimal > 0.0005 order by code"},
        {ALL, "select=code&a_decimal=eq.2.5000&order=code",
         "select code from all_types where a_decimal = 2.5 order by code"},
        {ALL, "select=code&a_money=lt.123456789012.5&order=code",
         "select code from all_types where a_money < 123456789012.5 order by code"},
        {ALL, "select=code&a_money=in.(0.01,1250)&order=code",
         "select code from all_types where a_money in (0.01, 1250) order by code"},
        {ALL, "select=code&a_date=lt.2024-01-01", "select code from all_types where a_date < '2024-01-01'"},
        {ALL, "select=code&a_datetime=gte.2024-02-29T15:59:59Z",
         "select code from all_types where a_datetime >= '2024-02-29T15:59:59.000000Z'"},
        {ALL, "select=code&a_time=eq.08:30", "select code from all_types where a_time = '08:30:00'"},
        {ALL, "select=code&a_point=is.null&order=code",
         "select code from all_types where a_point is null order by code"},
        {ALL, "select=code&summary=like.*无", "select code from all_types where summary like '%无'"},
        {ALL, "select=code&a_refs=cs.{1,3}", "select code from all_types where code = 'AA001'"},
        {ALL, "select=code&a_refs=cs.{1,2}", "select code from all_types where 1 = 0"},
        {ALL, "select=code&a_refs=ov.{1,2}&order=code",
         "select code from all_types where code in ('AA001', 'AA002') order by code"},
        {ALL, "select=code&a_refs=cd.{1,3}&order=code",
         "select code from all_types where code in ('AA001', 'AA003') order by code"},
        {ALL, "select=code&a_refs=eq.2", "select code from all_types where code = 'AA002'"},
        {ALL, "select=code&a_refs=is.null", "select code from all_types where code = 'AA003'"},
        {ALL, "select=code&a_refs=not.is.null&order=code",
         "select code from all_types where code in ('AA001', 'AA002') order by code"},
    };
    same_as(rows, COUNT(rows));
}

static void booleans__as_sql(void **state)
{
    (void)state;
    assert_text(testcity_get(city, SYS, ALL, "select=code&a_bool=is.true"), "[{\"code\":\"AA001\"}]");
    assert_text(testcity_get(city, SYS, ALL, "select=code&a_bool=eq.false&order=code"),
                "[{\"code\":\"AA002\"},{\"code\":\"AA003\"}]");
    assert_text(testcity_get(city, SYS, ALL, "select=code&a_bool=not.is.true&order=code"),
                "[{\"code\":\"AA002\"},{\"code\":\"AA003\"}]");
    assert_text(testcity_get(city, SYS, ALL, "select=code&late=is.true"), "[{\"code\":\"AA001\"}]");
}

static void order_and_pages__as_sql(void **state)
{
    (void)state;
    static const Pair rows[] = {
        {"area", "select=code&order=code.desc", "select code from area order by code desc"},
        {"area", "select=code&order=code.desc&limit=2", "select code from area order by code desc limit 2"},
        {"area", "select=code&limit=2&offset=1", "select code from area order by code limit 2 offset 1"},
        {"area", "select=code&limit=0", "select code from area where 1 = 0"},
        {"area", "select=code&order=parent.asc.nullsfirst,code.desc",
         "select code from area order by parent asc nulls first, code desc"},
        {"area", "select=code&order=parent.desc.nullslast,code",
         "select code from area order by parent desc nulls last, code"},
        {"area", "select=code&order=parent.desc,code",
         "select code from area order by parent desc nulls first, code"},
        {"area", "select=code&order=parent,code",
         "select code from area order by parent asc nulls last, code"},
        {ALL, "select=code", "select code from all_types order by an_int desc nulls first, code"},
    };
    same_as(rows, COUNT(rows));
    assert_text(testcity_get(city, SYS, "org", "select=code,region(title)&order=region(code).desc,code.desc"),
                "[{\"code\":\"B\",\"region\":{\"title\":\"丙区\"}},{\"code\":\"A-1\",\"region\":{\"title\":"
                "\"乙市\"}},{\"code\":\"A\",\"region\":{\"title\":\"乙市\"}}]");
    assert_text(testcity_get(city, SYS, "org", "select=code,parent(title)&order=parent(code).desc,code.desc"),
                "[{\"code\":\"B\",\"parent\":null},{\"code\":\"A\",\"parent\":null},{\"code\":\"A-1\","
                "\"parent\":{\"title\":\"甲局\"}}]");
    assert_text(testcity_get(city, SYS, "org",
                             "select=code,parent(title)&order=parent(code).nullslast,code.desc&limit=1"),
                "[{\"code\":\"A-1\",\"parent\":{\"title\":\"甲局\"}}]");
}

static void select__forms(void **state)
{
    (void)state;
    assert_text(testcity_get(city, SYS, "tag", "no=eq.3"), "[{\"id\":3,\"no\":3,\"title\":\"带,逗号\"}]");
    assert_text(testcity_get(city, SYS, "tag", "no=eq.3&select=*"),
                "[{\"id\":3,\"no\":3,\"title\":\"带,逗号\"}]");
    assert_text(testcity_get(city, SYS, "tag", "no=eq.3&select=n:no,t:title"),
                "[{\"n\":3,\"t\":\"带,逗号\"}]");
    assert_text(testcity_get(city, SYS, "tag", "no=eq.3&select=no::text"), "[{\"no\":\"3\"}]");
    assert_text(testcity_get(city, SYS, "tag", "no=eq.3&select=x:no::text, title"),
                "[{\"x\":\"3\",\"title\":\"带,逗号\"}]");
    assert_text(testcity_read(city, SYS, "tag", "select=no,title", FORMAT_CSV, NULL),
                "no,title\r\n1,重点\r\n2,试点\r\n3,\"带,逗号\"\r\n");
    assert_text(testcity_read(city, SYS, "tag", "select=no", FORMAT_NDJSON, NULL),
                "{\"no\":1}\n{\"no\":2}\n{\"no\":3}\n");
    assert_text(testcity_read(city, SYS, "tag", "select=no&no=eq.2", FORMAT_OBJECT, NULL), "{\"no\":2}");
    assert_text(testcity_read(city, SYS, "tag", "select=no", FORMAT_OBJECT, NULL),
                "NOT_ACCEPTABLE  PGRST116");
    assert_text(testcity_read(city, SYS, ALL, "select=code,a_point&code=eq.AA001", FORMAT_GEOJSON, NULL),
                "{\"type\":\"FeatureCollection\",\"features\":[{\"type\":\"Feature\",\"geometry\":{\"type\":"
                "\"Point\",\"coordinates\":[109.5,34.5]},"
                "\"properties\":{\"code\":\"AA001\"}}]}");
    ReadResult r;
    testcity_read(city, SYS, "area", "select=code&limit=2", FORMAT_JSON, &r);
    assert_int_equal(r.rows, 2);
    assert_int_equal(r.total, 5);
    testcity_read(city, SYS, "area", "select=parent,count()", FORMAT_JSON, &r);
    assert_int_equal(r.total, r.rows);
}

static void embeds__four_kinds(void **state)
{
    (void)state;
    static const struct {
        const char *entity, *query, *want;
    } rows[] = {
        /* one: own reference, by field and by entity; aliased; spread; through two levels */
        {"org", "select=code,region(code,title)&code=eq.B",
         "[{\"code\":\"B\",\"region\":{\"code\":\"610502\",\"title\":\"丙区\"}}]"},
        {"org", "select=code,where:region(title)&code=eq.B",
         "[{\"code\":\"B\",\"where\":{\"title\":\"丙区\"}}]"},
        {"org", "select=code,...parent(up:title)&order=code",
         "[{\"code\":\"A\",\"up\":null},{\"code\":\"A-1\",\"up\":\"甲局\"},{\"code\":\"B\",\"up\":null}]"},
        {"org", "select=code,region(title,parent(title))&code=eq.B",
         "[{\"code\":\"B\",\"region\":{\"title\":\"丙区\",\"parent\":{\"title\":\"乙市\"}}}]"},
        {"org", "select=code,parent(code)&code=eq.A-1", "[{\"code\":\"A-1\",\"parent\":{\"code\":\"A\"}}]"},
        /* many: who refers to us, with its own filters, order and pages */
        {"region", "select=code,org(code)&code=eq.610502",
         "[{\"code\":\"610502\",\"org\":[{\"code\":\"B\"}]}]"},
        {"region", "select=code,org(code)&code=eq.610503", "[{\"code\":\"610503\",\"org\":[]}]"},
        {"area", "select=code,below:area!parent(code)&code=eq.01",
         "[{\"code\":\"01\",\"below\":[{\"code\":\"0101\"},{\"code\":\"0102\"}]}]"},
        {"area", "select=code,area(code)&code=eq.0101",
         "[{\"code\":\"0101\",\"area\":[{\"code\":\"010101\"}]}]"},
        {"area", "select=code,below:area!parent(code)&below.order=code.desc&below.limit=1&code=eq.01",
         "[{\"code\":\"01\",\"below\":[{\"code\":\"0102\"}]}]"},
        {"area", "select=code,below:area!parent(code)&below.offset=1&code=eq.01",
         "[{\"code\":\"01\",\"below\":[{\"code\":\"0102\"}]}]"},
        {"area", "select=code,below:area!parent(code)&below.code=eq.0101&code=eq.01",
         "[{\"code\":\"01\",\"below\":[{\"code\":\"0101\"}]}]"},
        {"area", "select=code,below:area!parent(count())&order=code&code=in.(01,02)",
         "[{\"code\":\"01\",\"below\":[{\"count\":2}]},{\"code\":\"02\",\"below\":[{\"count\":0}]}]"},
        {"area", "select=code,below:area!parent(code)&below.or=(code.eq.0101,code.eq.xx)&code=eq.01",
         "[{\"code\":\"01\",\"below\":[{\"code\":\"0101\"}]}]"},
        /* link: own list, in its own order */
        {ALL, "select=code,a_refs(title)&code=eq.AA001",
         "[{\"code\":\"AA001\",\"a_refs\":[{\"title\":\"重点\"},{\"title\":\"带,逗号\"}]}]"},
        {ALL, "select=code,a_refs(no)&a_refs.limit=1&a_refs.order=no.desc&code=eq.AA001",
         "[{\"code\":\"AA001\",\"a_refs\":[{\"no\":3}]}]"},
        /* back: whose list holds us */
        {"tag", "select=no,all_types(code)&no=eq.2", "[{\"no\":2,\"all_types\":[{\"code\":\"AA002\"}]}]"},
        {"tag", "select=no,all_types(code,a_refs(no))&no=eq.3",
         "[{\"no\":3,\"all_types\":[{\"code\":\"AA001\",\"a_refs\":[{\"no\":1},{\"no\":3}]}]}]"},
        /* inner: only those that have one */
        {"org", "select=code,parent!inner(title)&order=code",
         "[{\"code\":\"A-1\",\"parent\":{\"title\":\"甲局\"}}]"},
        {"org", "select=code,region!inner(title)&region.title=eq.丙区",
         "[{\"code\":\"B\",\"region\":{\"title\":\"丙区\"}}]"},
        {"region", "select=code,org!inner(code)&org.code=like.A*",
         "[{\"code\":\"610500\",\"org\":[{\"code\":\"A\"},{\"code\":\"A-1\"}]}]"},
        {ALL, "select=code,a_refs!inner(no)&a_refs.no=eq.2",
         "[{\"code\":\"AA002\",\"a_refs\":[{\"no\":2}]}]"},
        {"tag", "select=no,all_types!inner(code)&all_types.an_int=lt.0",
         "[{\"no\":2,\"all_types\":[{\"code\":\"AA002\"}]}]"},
        {"region", "select=code,org!inner(code,parent!inner(code))",
         "[{\"code\":\"610500\",\"org\":[{\"code\":\"A-1\",\"parent\":{\"code\":\"A\"}}]}]"},
        {"org", "select=code,parent!inner(code,region!inner(code))",
         "[{\"code\":\"A-1\",\"parent\":{\"code\":\"A\",\"region\":{\"code\":\"610500\"}}}]"},
        {"org", "select=code,parent!left(title)&code=eq.A", "[{\"code\":\"A\",\"parent\":null}]"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        Str got = testcity_get(city, SYS, rows[i].entity, rows[i].query);
        if (!str_is(got, rows[i].want))
            fail_msg("%s gave\n" STR_FMT "\n%s", rows[i].query, STR_ARG(got), city->err.msg);
    }
}

static void aggregates__as_sql(void **state)
{
    (void)state;
    static const Pair rows[] = {
        {"area", "select=count()", "select count(*) from area"},
        {"area", "select=n:count()", "select count(*) from area"},
        {"area", "select=parent,count()",
         "select parent, count(*) from area group by parent order by parent nulls last"},
        {"area", "select=parent.count()", "select count(parent) from area"},
        {"tag", "select=no.sum(),no.min(),no.max(),title.count()",
         "select sum(no), min(no), max(no), count(title) from tag"},
        {"tag", "select=no.avg()", "select 2"},
        {ALL, "select=an_int.sum()", "select sum(an_int) from all_types"},
        {ALL, "select=a_money.sum(),a_money.max()", "select '1250.01', '1250.00' from tag where no = 1"},
        {"area", "select=count()&code=like.01*", "select count(*) from area where code like '01%'"},
        {"area", "select=parent,count()&order=parent.desc&limit=1",
         "select parent, count(*) from area group by parent order by parent desc nulls first limit 1"},
        {"area", "select=count()&code=eq.xx", "select 0"},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        if (i != 2 && i != 9) same_as(&rows[i], 1);
    assert_text(
        testcity_get(city, SYS, "area", "select=parent,count()"),
        "[{\"parent\":\"01\",\"count\":2},{\"parent\":\"0101\",\"count\":1},{\"parent\":null,\"count\":2}]");
    assert_text(testcity_get(city, SYS, "area", "select=parent,count()&order=parent.desc&limit=1"),
                "[{\"parent\":null,\"count\":2}]");
    assert_text(testcity_get(city, SYS, "area", "select=code.min(),name.min(),count()&code=eq.01"),
                "[{\"min\":\"01\",\"name_min\":\"城区\",\"count\":1}]");
    assert_text(
        testcity_get(city, SYS, "org", "select=region(title),count()&order=region"),
        "[{\"region\":{\"title\":\"乙市\"},\"count\":2},{\"region\":{\"title\":\"丙区\"},\"count\":1}]");
    assert_text(testcity_get(city, SYS, "org", "select=parent(title),count()"),
                "[{\"parent\":{\"title\":\"甲局\"},\"count\":1},{\"parent\":null,\"count\":2}]");
    assert_text(testcity_get(city, SYS, ALL, "select=a_decimal.avg()&code=eq.AA001"), "[{\"avg\":2.5}]");
    assert_text(
        testcity_get(city, SYS, "org", "select=region(title),count()&order=region(title).desc"),
        "[{\"region\":{\"title\":\"乙市\"},\"count\":2},{\"region\":{\"title\":\"丙区\"},\"count\":1}]");
    assert_text(
        testcity_get(city, SYS, "org", "select=region(title),count()&order=region(_created_by).desc"),
        "[{\"region\":{\"title\":\"乙市\"},\"count\":2},{\"region\":{\"title\":\"丙区\"},\"count\":1}]");
    /* by a figure, by its name; equal ones by their group */
    assert_text(testcity_get(city, SYS, "area", "select=parent,n:count()&order=n.desc"),
                "[{\"parent\":\"01\",\"n\":2},{\"parent\":null,\"n\":2},{\"parent\":\"0101\",\"n\":1}]");
    assert_text(testcity_get(city, SYS, "area", "select=parent,code.max()&order=max.desc&limit=1"),
                "[{\"parent\":null,\"max\":\"02\"}]");
    assert_text(
        testcity_get(city, SYS, "area", "select=code,area(parent,n:count())&code=eq.01&area.order=n.desc"),
        "[{\"code\":\"01\",\"area\":[{\"parent\":\"01\",\"n\":2}]}]");
    /* the least and the greatest of yes and no, which PostgreSQL calls otherwise */
    assert_text(testcity_get(city, SYS, ALL, "select=a_bool.min(),a_bool.max()&a_bool=not.is.null"),
                "[{\"min\":false,\"max\":true}]");
}

static void errors__tell_where_and_what_is_right(void **state)
{
    (void)state;
    static const struct {
        const char *entity, *query, *want;
    } rows[] = {
        {"area", "nam=eq.x", "INPUT nam 是不是 “name”"},
        {"area", "select=nam", "INPUT select 是不是 “name”"},
        {"area", "select=code,paren(name)", "INPUT select 是不是 “parent”"},
        {"area", "order=nam", "INPUT order 是不是 “name”"},
        {"area", "name=eqq.x", "INPUT name 是不是 “eq”"},
        {"area", "name=x", "INPUT name "},
        {"area", "name=eq", "INPUT name "},
        {"area", "name=is.nul", "INPUT name "},
        {"area", "name=is.true", "INPUT name "},
        {"area", "name=cs.{a}", "INPUT name "},
        {"area", "name=in.a", "INPUT name "},
        {"tag", "no=eq.", "INPUT no "},
        {"tag", "no=not.in.(1,)", "INPUT no "},
        {ALL, "a_date=gt.", "INPUT a_date "},
        {ALL, "a_bool=eq.", "INPUT a_bool "},
        {"area", "name=eq(some).{a}", "INPUT name "},
        {"area", "name=eq(any.{a}", "INPUT name "},
        {"area", "name=eq(any).{}", "INPUT name "},
        {"area", "shape=eq.x", "INPUT shape "},
        {"area", "order=shape", "INPUT order "},
        {"area", "order=code.up", "INPUT order "},
        {"area", "order=xx(code)", "INPUT order "},
        {"area", "limit=x", "INPUT limit "},
        {"area", "limit=-1", "INPUT limit "},
        {"area", "offset=99999999999999999999", "INPUT offset "},
        {"area", "or=code.eq.1", "INPUT or "},
        {"area", "or=(code)", "INPUT or "},
        {"area", "or=(cod.eq.1)", "INPUT cod 是不是 “code”"},
        {"area", "or=(and(or(and(or(and(or(and(code.eq.1))))))))", "INPUT or "},
        {"area", "parent.code=eq.1", "INPUT parent.code "},
        {"area", "select=code,", "INPUT select "},
        {"area", "select=parent(code", "INPUT select "},
        {"area", "select=code::int", "INPUT select "},
        {"area", "select=code.summ()", "INPUT select "},
        {"area", "select=code.sum()", "INPUT select "},
        {"area", "select=shape.max()", "INPUT select "},
        {"area", "select=count()&order=code", "INPUT order 按 select 里"},
        {"area", "select=parent,n:count()&order=code.desc", "INPUT order 按 select 里"},
        {"area", "select=code.max()&order=code", "INPUT order 按 select 里"},
        {"area", "select=code,area(n:count())&area.order=name", "INPUT order 按 select 里"},
        {"area", "select=...area!parent(code)", "INPUT select "},
        {"tag", "no=eq.x", "INPUT no "},
        {"tag", "no=gt.1.5", "INPUT no "},
        {"tag", "no=like.1*", "INPUT no "},
        {"tag", "no=eq.99999999999999999999", "INPUT no "},
        {"tag", "title=match.(", "INPUT title "},
        {"tag", "title=match.((a{1,200}){1,200}){1,200}", "INPUT title "},
        {"tag",
         "title=match.a???????????????????????????????????????%2B%2B%2B%2B%2B%2B????????????%2B%2B%2B%2B",
         "INPUT title "},
        {"tag", "title=match.^(a*)%2B?$", "INPUT title "},
        {"tag", "title=fts.", "INPUT title "},
        {ALL, "a_date=eq.2024-02-30", "INPUT a_date "},
        {ALL, "a_datetime=gt.yesterday", "INPUT a_datetime "},
        {ALL, "a_bool=eq.maybe", "INPUT a_bool "},
        {ALL, "a_decimal=eq.1e5", "INPUT a_decimal "},
        {ALL, "a_json=eq.x", "INPUT a_json "},
        {ALL, "a_refs=like.x", "INPUT a_refs "},
        {ALL, "a_refs=cs.{x}", "INPUT a_refs "},
        {ALL, "select=a_refs.max()", "INPUT select "},
        {"post", "at=x", "INPUT at "},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        Str got = testcity_get(city, SYS, rows[i].entity, rows[i].query);
        assert_true(city->err.code == ERR_INPUT || city->err.code == ERR_VALIDATION || !rows[i].want);
        if (rows[i].want && !str_starts(got, str_c(rows[i].want)))
            fail_msg("%s gave " STR_FMT "; %s", rows[i].query, STR_ARG(got), city->err.msg);
        if (city->err.code && (!city->err.pointer[0] || !city->err.msg[0]))
            fail_msg("%s: no pointer: %s", rows[i].query, city->err.msg);
    }
}

static void masks__hide_sensitive_values(void **state)
{
    (void)state;
    Actor local = testcity_actor(city, "local", "local", "B", "610500"),
          keeper = testcity_actor(city, "keeper", "keeper", "A", "610500");
    const char *q = "code=eq.AA001&select=a_person_id,a_phone,a_secret,an_email";
    const char *masked = "[{\"a_person_id\":\"610599********0112\",\"a_phone\":\"199****0001\",\"a_secret\":"
                         "\"*\",\"an_email\":\"yang@example.com\"}]";
    const char *open = "[{\"a_person_id\":\"610599199001020112\",\"a_phone\":\"19900000001\",\"a_secret\":"
                       "\"密\",\"an_email\":\"yang@example.com\"}]";
    assert_text(testcity_get(city, &local, ALL, q), masked);
    assert_text(testcity_get(city, &keeper, ALL, q), masked);
    assert_text(testcity_read(city, &local, ALL, "code=eq.AA001&select=a_phone", FORMAT_CSV, NULL),
                "a_phone\r\n199****0001\r\n");
    assert_text(testcity_get(city, &local, ALL, "code=eq.AA001&select=p:a_phone::text"),
                "[{\"p\":\"199****0001\"}]");
    /* not to be found out by comparing, sorting, grouping or matching */
    assert_true(str_starts(testcity_get(city, &local, ALL, "a_phone=like.199*"), S("FORBIDDEN a_phone")));
    assert_true(str_starts(testcity_get(city, &local, ALL, "a_phone=gt.1"), S("FORBIDDEN a_phone")));
    assert_true(str_starts(testcity_get(city, &local, ALL, "or=(a_phone.like.1*)"), S("FORBIDDEN a_phone")));
    assert_true(str_starts(testcity_get(city, &local, ALL, "order=a_phone"), S("INPUT order")));
    assert_true(str_starts(testcity_get(city, &local, ALL, "select=a_phone,count()"), S("FORBIDDEN select")));
    assert_true(str_starts(testcity_get(city, &local, ALL, "select=a_phone.min()"), S("FORBIDDEN select")));
    assert_text(testcity_get(city, &local, ALL, "select=code&a_phone=eq.19900000001"),
                "[{\"code\":\"AA001\"}]");
    /* a stated purpose and the grant unmask, and leave an entry; not without the grant; not what comes along
     */
    keeper.purpose = local.purpose = S("核实");
    assert_text(testcity_get(city, &keeper, ALL, q), open);
    assert_text(testcity_get(city, &local, ALL, q), masked);
    assert_true(str_ends(testcity_journal(city, ALL, "AA001"),
                         S("unmask keeper  {\"fields\":[\"a_person_id\",\"a_phone\",\"a_secret\"]}\n")));
    assert_text(testcity_get(city, &keeper, "tag", "no=eq.1&select=all_types(a_phone)"),
                "[{\"all_types\":[{\"a_phone\":\"199****0001\"}]}]");
}

static void scopes__limit_the_rows(void **state)
{
    (void)state;
    Actor nobody = {0}, city_wide = testcity_actor(city, "local", "local", "B", "610500");
    Actor local = testcity_actor(city, "local", "local", "B", "610502"),
          team = testcity_actor(city, "team", "team", "A", "610500");
    Actor team_b = testcity_actor(city, "teamb", "team", "B", "610500"),
          self = testcity_actor(city, "self", "self reader", "", "");
    Actor lost = testcity_actor(city, "lost", "local team", "", "");
    assert_true(str_starts(testcity_get(city, &nobody, ALL, ""), S("UNAUTHORIZED")));
    assert_true(str_starts(testcity_get(city, &self, ALL, ""), S("FORBIDDEN")));
    assert_text(testcity_get(city, &city_wide, ALL, "select=code&order=code"),
                "[{\"code\":\"AA001\"},{\"code\":\"AA002\"}]");
    assert_text(testcity_get(city, &local, ALL, "select=code&order=code"),
                "[{\"code\":\"AA001\"},{\"code\":\"AA002\"}]");
    local.region = S("610502001");
    assert_text(testcity_get(city, &local, ALL, "select=code&order=code"), "[{\"code\":\"AA001\"}]");
    local.region = S("610503");
    assert_text(testcity_get(city, &local, ALL, "select=code"), "[]");
    assert_text(testcity_get(city, &team, ALL, "select=code"), "[{\"code\":\"AA001\"}]");
    assert_text(testcity_get(city, &team_b, ALL, "select=code"), "[{\"code\":\"AA002\"}]");
    assert_text(testcity_get(city, &lost, ALL, "select=code"), "[]");
    assert_text(testcity_get(city, &self, "post", "select=holder"), "[]");
    assert_text(testcity_get(city, &team, ALL, "select=count()"),
                "[{\"count\":null,\"suppressed\":true}]" /* one person: not given */);
    /* through embeds, too */
    local.region = S("610502");
    assert_text(testcity_get(city, &local, "tag", "select=no,all_types(code)&order=no"),
                "[{\"no\":1,\"all_types\":[{\"code\":\"AA001\"}]},{\"no\":2,\"all_types\":[{\"code\":"
                "\"AA002\"}]},{\"no\":3,\"all_types\":[{\"code\":\"AA001\"}]}]");
    local.region = S("610503");
    assert_text(testcity_get(city, &local, "tag", "select=no,all_types(code)&no=eq.1"),
                "[{\"no\":1,\"all_types\":[]}]");
    assert_text(testcity_get(city, &local, "tag", "select=no,all_types!inner(code)"), "[]");
    assert_true(str_starts(testcity_get(city, &team, ALL, "select=a_region(title)"), S("FORBIDDEN")));
    assert_text(testcity_get(city, &local, "area", "select=code,post(holder)&code=eq.02"),
                "[{\"code\":\"02\",\"post\":[{\"holder\":\"李试丁\"}]}]");
}

static void region_prefix__of_each_level(void **state)
{
    (void)state;
    assert_text(region_prefix(S("610000")), "61");
    assert_text(region_prefix(S("610500")), "6105");
    assert_text(region_prefix(S("610502")), "610502");
    assert_text(region_prefix(S("610502001")), "610502001");
    assert_text(region_prefix(S("")), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test(name)
        T(filters__as_sql),
        T(booleans__as_sql),
        T(order_and_pages__as_sql),
        T(select__forms),
        T(embeds__four_kinds),
        T(aggregates__as_sql),
        T(errors__tell_where_and_what_is_right),
        T(masks__hide_sensitive_values),
        T(scopes__limit_the_rows),
        T(region_prefix__of_each_level),
    };
    return cmocka_run_group_tests(tests, make, unmake);
}

/* SPDX-License-Identifier: MulanPSL-2.0 */
/* model/query_page: pages by cursor, put together, are the list, in every order, with empty values on either
   side, while rows come and go; a cursor of another list is refused. */
#include "unit.h"

#include "testcity.h"

#define SYS &testcity_system
enum { ROWS = 60 };

static TestCity *city;

static int some(uint32_t *x, int n)
{
    *x = *x * 1664525 + 1013904223;
    return (int)((*x >> 16) % (uint32_t)n);
}

static int make(void **state)
{
    (void)state;
    city = testcity_new("small", true);
    uint32_t x = 7;
    for (int i = 0; i < ROWS; i++) {
        Buf b;
        buf_init(&b, 4000);
        buf_addf(&b, "{\"code\":\"BB%03d\"", i);
        buf_addf(&b, ",\"an_int\":%d", some(&x, 5));
        if (some(&x, 3)) buf_addf(&b, ",\"a_text\":\"文%d,\\\"号\"", some(&x, 4));
        if (some(&x, 3)) buf_addf(&b, ",\"a_decimal\":1.%03d", some(&x, 30));
        if (some(&x, 3)) buf_addf(&b, ",\"a_money\":\"%d.50\"", some(&x, 3));
        if (some(&x, 3)) buf_addf(&b, ",\"a_date\":\"2020-01-%02d\"", 1 + some(&x, 5));
        if (some(&x, 3)) buf_addf(&b, ",\"a_time\":\"08:0%d\"", some(&x, 5));
        if (some(&x, 3)) buf_addf(&b, ",\"a_datetime\":\"2020-01-01T08:00:00.%06d+08:00\"", some(&x, 30) * 7);
        if (some(&x, 3)) buf_addf(&b, ",\"a_bool\":%s", some(&x, 2) ? "true" : "false");
        if (some(&x, 3)) buf_addf(&b, ",\"a_ref\":\"010%d\"", 1 + some(&x, 2));
        buf_adds(&b, "}");
        if (testcity_insert(city, SYS, "all_types", buf_dup(city->a, &b).p, NULL) < 0)
            fail_msg("%s", city->err.msg);
        buf_done(&b);
    }
    return 0;
}

static int unmake(void **state)
{
    (void)state;
    testcity_free(city);
    return 0;
}

static Str body(Str csv)
{
    ptrdiff_t head = str_find(csv, '\n');
    return head < 0 ? S("") : str_from(csv, (size_t)head + 1);
}

/* All pages of `size` rows, one after the other. */
static Str pages(const char *entity, const char *query, int size, int *ret_pages)
{
    Buf all;
    Str cursor = S("");
    buf_init(&all, 1 << 20);
    for (*ret_pages = 0; *ret_pages < 1000;) {
        ReadResult r;
        Str q = str_fmt(city->a, "%s&limit=%d%s" STR_FMT, query, size, cursor.n ? "&after=" : "",
                        STR_ARG(cursor));
        Str csv = testcity_read(city, SYS, entity, q.p, FORMAT_CSV, &r);
        if (city->err.code) fail_msg("%s: %s", q.p, city->err.msg);
        buf_add(&all, body(csv));
        ++*ret_pages;
        assert_true(r.rows <= size);
        if (!r.next.n) break;
        assert_int_equal(r.rows, size);
        cursor = r.next;
    }
    Str s = buf_dup(city->a, &all);
    buf_done(&all);
    return s;
}

/* The form with the field in place of its %. */
static Str order_text(const char *form, const char *field)
{
    Str all = str_c(form), before;
    (void)str_split(&all, '%', &before);
    return str_fmt(city->a, STR_FMT "%s" STR_FMT, STR_ARG(before), field, STR_ARG(all));
}

static void pages__are_the_list(void **state)
{
    (void)state;
    static const char *const fields[] = {"code",   "a_text",      "an_int",     "a_decimal", "a_money",
                                         "a_date", "a_time",      "a_datetime", "a_bool",    "a_ref",
                                         "_rev",   "_updated_at", "price",      "id"};
    static const char *const forms[] = {"%",
                                        "%.desc",
                                        "%.nullsfirst",
                                        "%.desc.nullslast",
                                        "an_int,%",
                                        "an_int.desc,%.desc",
                                        "%,a_text",
                                        "%.desc,a_date",
                                        "a_date,%.desc,a_text"};
    for (size_t i = 0; i < COUNT(fields); i++)
        for (size_t k = 0; k < COUNT(forms); k++) {
            int n;
            Str order = order_text(forms[k], fields[i]);
            Str query = str_fmt(city->a, "select=code&order=" STR_FMT, STR_ARG(order));
            Str whole = body(testcity_read(city, SYS, "all_types", query.p, FORMAT_CSV, NULL));
            for (int size = 1; size < 40; size += 12) {
                Str got = pages("all_types", query.p, size, &n);
                if (!str_eq(got, whole))
                    fail_msg("%s by %d:\n" STR_FMT "\nwant\n" STR_FMT, order.p, size, STR_ARG(got),
                             STR_ARG(whole));
                assert_int_equal(n, (ROWS + 3 + size - 1) / size);
            }
        }
}

static void defaults_and_filters__page_too(void **state)
{
    (void)state;
    static const char *const queries[] = {"select=code", "select=code&an_int=eq.2",
                                          "select=code&a_text=not.is.null",
                                          "select=code&or=(an_int.eq.1,a_ref.eq.0101)&order=a_text"};
    int n;
    for (size_t i = 0; i < COUNT(queries); i++) {
        Str whole = body(testcity_read(city, SYS, "all_types", queries[i], FORMAT_CSV, NULL));
        Str got = pages("all_types", queries[i], 5, &n);
        assert_true(n > 1 && str_eq(got, whole));
    }
    pages("post", "select=title&order=place", 1, &n);
    assert_int_equal(n, 4);
    Str whole = body(testcity_read(city, SYS, "tag", "select=no&order=no.desc", FORMAT_CSV, NULL));
    assert_true(str_eq(pages("tag", "select=no&order=no.desc", 1, &n), whole));
}

static void rows_that_go__do_not_shift_pages(void **state)
{
    (void)state;
    ReadResult r;
    Str first = testcity_read(city, SYS, "all_types", "select=code&order=code&limit=5", FORMAT_CSV, &r);
    Str rest =
        testcity_read(city, SYS, "all_types",
                      str_fmt(city->a, "select=code&order=code&limit=5&after=" STR_FMT, STR_ARG(r.next)).p,
                      FORMAT_CSV, NULL);
    assert_true(str_find_str(first, S("BB000")) >= 0);
    assert_int_equal(testcity_delete(city, SYS, "all_types", "BB000", 0), 0);
    Str again =
        testcity_read(city, SYS, "all_types",
                      str_fmt(city->a, "select=code&order=code&limit=5&after=" STR_FMT, STR_ARG(r.next)).p,
                      FORMAT_CSV, NULL);
    assert_true(str_eq(rest, again));
    assert_int_equal(testcity_insert(city, SYS, "all_types", "{\"code\":\"BB000\"}", NULL), 0);
}

static void wrong_cursors__are_refused(void **state)
{
    (void)state;
    ReadResult r;
    (void)testcity_read(city, SYS, "all_types", "select=code&order=a_date&limit=5", FORMAT_CSV, &r);
    assert_true(r.next.n > 0);
    const char *queries[] = {
        str_fmt(city->a, "order=a_date.desc&after=" STR_FMT, STR_ARG(r.next)).p,
        str_fmt(city->a, "order=a_date&offset=5&after=" STR_FMT, STR_ARG(r.next)).p,
        str_fmt(city->a, "order=a_date&after=x" STR_FMT, STR_ARG(r.next)).p,
        str_fmt(city->a, "order=a_date&after=%.*s", (int)r.next.n - 4, r.next.p).p,
        str_fmt(city->a, "select=a_ref(code)&order=a_ref(code)&after=" STR_FMT, STR_ARG(r.next)).p,
        str_fmt(city->a, "select=n:count()&after=" STR_FMT, STR_ARG(r.next)).p,
        "after=%ff",
        "after=",
        "after=W10",
        "select=code,a_refs(no)&a_refs.after=x",
    };
    for (size_t i = 0; i < COUNT(queries); i++) {
        Str got = testcity_get(city, SYS, "all_types", queries[i]);
        if (!str_starts(got, S("INPUT after"))) fail_msg("%s: " STR_FMT, queries[i], STR_ARG(got));
    }
    assert_true(str_starts(
        testcity_get(city, SYS, "area", str_fmt(city->a, "order=code&after=" STR_FMT, STR_ARG(r.next)).p),
        S("INPUT after")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages__are_the_list), cmocka_unit_test(defaults_and_filters__page_too),
        cmocka_unit_test(rows_that_go__do_not_shift_pages), cmocka_unit_test(wrong_cursors__are_refused)};
    return cmocka_run_group_tests(tests, make, unmake);
}

/* SPDX-License-Identifier: MulanPSL-2.0 */
/* The handlers of /api/imports on both databases, called as the server calls them: a file taken, its columns
   set, tried, run; rejected rows shown, taken away as a file, corrected; what is refused, with its pointer.
 */
#include "unit.h"

#include "testcity.h"

#include "model/job_int.h"
#include <fcntl.h>
#include <unistd.h>

static TestCity *city;
static City served;
static Actor keeper; /* made before the threads */

static int actor_now(Tx *tx, Arena *a, const Model *m, Str user, Str behalf, Actor *ret, Err *err)
{
    (void)tx, (void)a, (void)m, (void)behalf, (void)user, (void)err;
    *ret = keeper;
    return 0;
}

static int setup(void **state)
{
    (void)state;
    Err err = ERR_INIT;
    city = testcity_new("small", false);
    keeper = testcity_actor(city, "k", "keeper", "", "");
    served =
        (City){.store = city->store, .model = city->m, .dir = testdb_dir(city->db), .actor_of = actor_now};
    if (jobs_start(&served, &err) < 0) fail_msg("%s", err.msg);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    jobs_stop(&served);
    testcity_free(city);
    return 0;
}

static Str no_header(const Request *rq, const char *name)
{
    (void)rq, (void)name;
    return STR_NONE;
}

static int body_file(Str bytes)
{
    int fd = open(served.dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    assert_true(fd > 0);
    assert_int_equal(write(fd, bytes.p, bytes.n), bytes.n);
    return fd;
}

static Str file_text(Request *rq)
{
    char *text = arena_alloc(city->a, (size_t)rq->file_size + 1);
    assert_int_equal(pread(rq->file_fd, text, (size_t)rq->file_size, 0), rq->file_size);
    close(rq->file_fd);
    return str_n(text, (size_t)rq->file_size);
}

typedef struct Answer {
    int status; /* or minus the error's code */
    Str text;   /* or the error's pointer */
} Answer;

/* `file`: the body is one. */
static Answer call(Handler h, Str id, const char *query, Str body, bool file)
{
    Request rq = {.arena = city->a,
                  .city = &served,
                  .who = &keeper,
                  .params = {id},
                  .query = str_c(query),
                  .trace = S("trace"),
                  .header = no_header,
                  .status = 200,
                  .file_fd = -1};
    if (file) {
        rq.body_fd = body_file(body);
        rq.body_size = (int64_t)body.n;
    } else
        rq.body = body;
    city->err = ERR_INIT;
    buf_init(&rq.out, 1 << 20);
    int rc = h(&rq, &city->err);
    Answer x = {rc < 0 ? -(int)city->err.code : rq.status, buf_dup(city->a, &rq.out)};
    if (rc < 0) x.text = str_dup(city->a, str_c(city->err.pointer));
    if (rc == 0 && rq.file_fd >= 0) x.text = file_text(&rq);
    if (file) close(rq.body_fd);
    buf_done(&rq.out);
    return x;
}

/* The text of a member of the answer, as it stands. */
static Str member(Str json, const char *name)
{
    json_t *o;
    Err err = ERR_INIT;
    assert_int_equal(json_parse(city->a, json, &o, &err), 0);
    const json_t *v = json_object_get(o, name);
    if (json_is_string(v)) return str_dup(city->a, str_c(json_string_value(v)));
    if (json_is_integer(v)) return str_fmt(city->a, "%lld", (long long)json_integer_value(v));
    return S("?");
}

static Str upload(const char *query, Str bytes)
{
    Answer x = call(imports_post, S(""), query, bytes, true);
    if (x.status != 201) fail_msg("%s: %s", query, city->err.msg);
    return member(x.text, "id");
}

static Str wait_for(Str id)
{
    for (int i = 0; i < 6000; i++) {
        Str state = member(call(import_get, id, "", S(""), false).text, "state");
        if (!str_is(state, "running") && !str_is(state, "checking")) return state;
        usleep(5000);
    }
    fail_msg("it does not end");
    return S("");
}

static bool has(Str text, const char *part) { return str_find_str(text, str_c(part)) >= 0; }

#define FILE_TEXT "甲,乙,丙\na1,一,x\na2,,x\na3,三,x\na1,四,x\n"

/* Rows 3 and 5 are rejected: no name, a key that is there. */
static Str ran(void)
{
    Str id = upload("entity=area&name=dir%2Fa.csv", S(FILE_TEXT));
    Answer x =
        call(import_patch, id, "", S("{\"columns\":{\"甲\":\"code\",\"乙\":\"name\",\"丙\":null}}"), false);
    assert_int_equal(x.status, 200);
    assert_text(member(x.text, "state"), "ready");
    assert_int_equal(call(import_run_post, id, "", S(""), false).status, 202);
    assert_text(wait_for(id), "done");
    return id;
}

static void import__from_file_to_corrected_row(void **state)
{
    (void)state;
    Str id = ran();
    Answer x = call(import_rejected_get, id, "", S(""), false);
    assert_text(member(x.text, "total"), "2");
    assert_true(has(x.text, "\"row\":3") && has(x.text, "\"row\":5") && has(x.text, "\"column\":\"乙\""));
    x = call(import_rejected_get, id, "after=3&limit=1", S(""), false);
    assert_true(!has(x.text, "\"row\":3") && has(x.text, "\"row\":5"));
    x = call(import_rejected_csv, id, "", S(""), false);
    assert_true(has(x.text, "\xEF\xBB\xBF甲,乙,丙,") && has(x.text, "a2,,x,3,name,"));

    x = call(import_retry_post, id, "",
             S("{\"rows\":[{\"row\":3,\"values\":{\"乙\":\"二\"}},{\"row\":5,\"values\":{\"丙\":null}}]}"),
             false);
    assert_int_equal(x.status, 200);
    assert_true(has(x.text, "\"accepted\":[3]") && has(x.text, "\"rejected\":[{\"row\":5"));
    assert_text(testcity_sql(city, "select code, name from area order by code"), "a1|一\na2|二\na3|三");
    x = call(import_get, id, "", S(""), false);
    assert_text(member(x.text, "accepted"), "3");
    assert_text(member(x.text, "rejected"), "1");
    assert_int_equal(call(import_delete, id, "", S(""), false).status, 204);
    assert_int_equal(call(import_get, id, "", S(""), false).status, -ERR_NOT_FOUND);
}

static void retry__refuses(void **state)
{
    (void)state;
    static const struct {
        const char *body, *pointer;
        int want;
    } rows[] = {
        {"{", "", -ERR_INPUT},
        {"{}", "/rows", -ERR_INPUT},
        {"{\"rows\":[]}", "/rows", -ERR_INPUT},
        {"{\"rows\":[{\"row\":2}]}", "/rows/0/row", -ERR_NOT_FOUND}, /* was accepted */
        {"{\"rows\":[{\"row\":5},{\"row\":\"3\"}]}", "/rows/1/row", -ERR_NOT_FOUND},
        {"{\"rows\":[{\"row\":3,\"values\":{\"丁\":\"x\"}}]}", "/rows/0/values/丁", -ERR_VALIDATION},
        {"{\"rows\":[{\"row\":3,\"values\":{\"乙\":7}}]}", "/rows/0/values/乙", -ERR_VALIDATION},
        {"{\"rows\":[{\"row\":3,\"values\":{\"乙\":\"二\"}},{\"row\":3,\"values\":{\"乙\":\"三\"}}]}", "",
         -ERR_CONFLICT},
    };
    Str id = ran();
    for (size_t i = 0; i < COUNT(rows); i++) {
        Answer x = call(import_retry_post, id, "", str_c(rows[i].body), false);
        if (x.status != rows[i].want || !str_is(x.text, rows[i].pointer))
            fail_msg("row %zu: %d " STR_FMT " %s", i, x.status, STR_ARG(x.text), city->err.msg);
    }
    Str fresh = upload("entity=area&name=b.csv", S("code,name\nb1,b\n"));
    assert_int_equal(call(import_retry_post, fresh, "", S("{\"rows\":[{\"row\":2}]}"), false).status,
                     -ERR_CONFLICT);
    assert_text(testcity_sql(city, "select count(*) from area"), "2");
}

static void patch__refuses(void **state)
{
    (void)state;
    static const struct {
        const char *body, *pointer;
        int want;
    } rows[] = {
        {"{\"columns\":[]}", "/columns", -ERR_INPUT},
        {"{\"columns\":{\"丁\":\"code\"}}", "/columns/丁", -ERR_VALIDATION},
        {"{\"columns\":{\"甲\":7}}", "/columns/甲", -ERR_VALIDATION},
        {"{\"columns\":{\"甲\":\"nowhere\"}}", "/columns/甲", -ERR_VALIDATION},
        {"{\"columns\":{\"甲\":\"_rev\"}}", "/columns/甲", -ERR_VALIDATION},
        {"{\"columns\":{\"甲\":\"code\",\"乙\":\"code\"}}", "/columns/乙", -ERR_VALIDATION},
        {"{\"mode\":\"guess\"}", "/mode", -ERR_VALIDATION},
        {"{\"encoding\":\"ebcdic\"}", "/encoding", -ERR_INPUT},
        {"{\"separator\":\"x\"}", "/separator", -ERR_VALIDATION},
        {"{\"sheet\":\"一\"}", "/sheet", -ERR_VALIDATION},
    };
    Str id = upload("entity=area&name=a.csv", S(FILE_TEXT));
    for (size_t i = 0; i < COUNT(rows); i++) {
        Answer x = call(import_patch, id, "", str_c(rows[i].body), false);
        if (x.status != rows[i].want || !str_is(x.text, rows[i].pointer))
            fail_msg("row %zu: %d " STR_FMT " %s", i, x.status, STR_ARG(x.text), city->err.msg);
    }
    Answer x =
        call(import_patch, id, "",
             S("{\"encoding\":\"utf-8\",\"separator\":\";\",\"header\":2,\"mode\":\"upsert\"}"), false);
    assert_int_equal(x.status, 200);
    assert_true(has(x.text, "a1,一,x")); /* one column now, named by the second line */
    id = ran();
    assert_int_equal(call(import_patch, id, "", S("{\"mode\":\"insert\"}"), false).status, -ERR_CONFLICT);
}

static void upload__refuses(void **state)
{
    (void)state;
    static const struct {
        const char *query, *bytes, *pointer;
        int want;
    } rows[] = {
        {"entity=nowhere&name=a.csv", "a\n1\n", "entity", -ERR_NOT_FOUND},
        {"entity=area", "a\n1\n", "name", -ERR_INPUT},
        {"entity=area&name=..%2F", "a\n1\n", "name", -ERR_INPUT},
        {"entity=area&name=a.csv", "", "", -ERR_INPUT},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        Answer x = call(imports_post, S(""), rows[i].query, str_c(rows[i].bytes), true);
        if (x.status != rows[i].want || !str_is(x.text, rows[i].pointer))
            fail_msg("row %zu: %d " STR_FMT " %s", i, x.status, STR_ARG(x.text), city->err.msg);
    }
    Str id = upload("entity=area&name=a.csv", S("code,name\na1,一\n,二\n"));
    assert_int_equal(call(import_check_post, id, "", S(""), false).status, 202);
    assert_text(wait_for(id), "checked");
    assert_text(testcity_sql(city, "select count(*) from area"), "0");
    assert_true(has(call(imports_get, S(""), "", S(""), false).text, "\"a.csv\""));
    Actor stranger = keeper;
    stranger.user = S("other");
    Actor mine = keeper;
    keeper = stranger;
    assert_int_equal(call(import_get, id, "", S(""), false).status, -ERR_NOT_FOUND);
    keeper = mine;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
UNIT_MAIN(TEST(import__from_file_to_corrected_row), TEST(retry__refuses), TEST(patch__refuses),
          TEST(upload__refuses))

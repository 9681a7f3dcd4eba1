/* SPDX-License-Identifier: MulanPSL-2.0 */
/* model/job on both databases: rights lost in the middle, servers that end in the middle, checks, what is
 * swept. */
#include "unit.h"

#include "testcity.h"

#include "base/clock.h"
#include "model/job_int.h"
#include <fcntl.h>
#include <unistd.h>

enum { ROWS = 3000 };

/* How often the maker may still be looked up with all rights; below zero: always. */
static atomic_int allowed = -1;
static TestCity *city;
static Actor keeper; /* made before the threads */

static int actor_now(Tx *tx, Arena *a, const Model *m, Str user, Str behalf, Actor *ret, Err *err)
{
    (void)tx, (void)a, (void)m, (void)behalf;
    int left = atomic_load(&allowed);
    if (left > 0) atomic_store(&allowed, left - 1);
    if (!left) return err_set(err, ERR_FORBIDDEN, "已停用");
    *ret = keeper;
    ret->user = user;
    return 0;
}

static City city_of(TestCity *t)
{
    keeper = testcity_actor(t, "k", "keeper", "", "");
    return (City){.store = t->store, .model = t->m, .dir = testdb_dir(t->db), .actor_of = actor_now};
}

static void write_file(const Jobs *s, const char *id, Str text)
{
    _cleanup_arena_ Arena *a = arena_new();
    int fd = open(job_path(a, s, str_c(id)).p, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text.p, text.n), text.n);
    close(fd);
}

static int add_fn(Tx *tx, void *ctx, Err *err) { return job_add(tx, ctx, err); }
static int save_fn(Tx *tx, void *ctx, Err *err) { return job_save(tx, ctx, err); }

typedef struct Got {
    const char *id;
    Job job;
    JobRow *rows;
    size_t n;
} Got;

static int get_fn(Tx *tx, void *ctx, Err *err)
{
    Got *g = ctx;
    TRY(job_load(tx, city->a, str_c(g->id), &g->job, err));
    return job_row_list(tx, city->a, g->job.id, S("rejected"), 0, 100, &g->rows, &g->n, err);
}

static Got get(const char *id)
{
    Got g = {.id = id};
    Err err = ERR_INIT;
    if (store_read(city->store, "get", get_fn, &g, &err) < 0) fail_msg("%s", err.msg);
    return g;
}

/* The job as it stands, begun as `state`. */
static void begin(Jobs *s, const char *id, const char *state)
{
    Err err = ERR_INIT;
    Job j = get(id).job;
    j.state = str_c(state);
    j.phase = str_is(j.state, "checking") ? S("check") : S("run");
    j.turn++;
    j.error = S("");
    if (store_tx(city->store, "save", save_fn, &j, &err) < 0) fail_msg("%s", err.msg);
    assert_int_equal(job_begin(s, &j, &err), 0);
}

static void add(Jobs *s, const char *id, const char *entity, Str text, int64_t created)
{
    Err err = ERR_INIT;
    Look look;
    ImportSpec spec = {.name = S("a.csv")};
    write_file(s, id, text);
    const Entity *e = model_entity(city->m, str_c(entity));
    if (import_look(city->a, job_path(city->a, s, str_c(id)).p, NULL, 0, e, &keeper, &look, &err) < 0)
        fail_msg("%s", err.msg);
    spec_from_look(&spec, &look);
    Job j = {.id = str_c(id),
             .kind = S("import"),
             .owner = S("k"),
             .home = s->home,
             .entity = e->name,
             .name = S("a.csv"),
             .spec = spec_write(city->a, &spec),
             .state = S("ready"),
             .phase = S(""),
             .size = (int64_t)text.n,
             .total = look.rows,
             .trace = S("t"),
             .created_us = created};
    if (store_tx(city->store, "add", add_fn, &j, &err) < 0) fail_msg("%s", err.msg);
}

static Job wait_for(const char *id)
{
    for (int i = 0; i < 6000; i++) {
        Job j = get(id).job;
        if (!job_runs(&j)) return j;
        usleep(5000);
    }
    fail_msg("%s does not end", id);
    return (Job){0};
}

static Jobs *start(City *c)
{
    Err err = ERR_INIT;
    if (jobs_start(c, &err) < 0) fail_msg("%s", err.msg);
    return c->jobs;
}

static Str many(Buf *b)
{
    buf_init(b, 1 << 20);
    buf_adds(b, "code,name\n");
    for (int i = 0; i < ROWS; i++)
        buf_addf(b, "t%05d,%s%d\n", i, i % 1000 == 7 ? "" : "标签", i % 1000 == 7 ? 0 : i);
    buf_addf(b, "t%05d,again\n", 3);
    return buf_str(b);
}

static int64_t tags(void)
{
    int64_t n = -1;
    assert_true(str_int(testcity_sql(city, "select count(*) from area where code like 't0%'"), &n));
    return n;
}

static void run__stops_when_rights_go_and_continues_without_loss(void **state)
{
    (void)state;
    Buf b;
    city = testcity_new("small", false);
    City c = city_of(city);
    Jobs *s = start(&c);
    add(s, "a", "area", many(&b), clock_now_us());
    atomic_store(&allowed, 3); /* the opening and two slices */
    begin(s, "a", "running");
    Job j = wait_for("a");
    assert_text(j.state, "stopped");
    assert_text(j.error, "已停用");
    assert_in_range(j.n_read, 1, 2 * IMPORT_BATCH);
    assert_int_equal(tags(), j.accepted);
    atomic_store(&allowed, 0);
    begin(s, "a", "running");
    j = wait_for("a");
    assert_text(j.state, "stopped"); /* still none */
    atomic_store(&allowed, -1);
    begin(s, "a", "running");
    j = wait_for("a");
    assert_text(j.state, "done");
    assert_int_equal(j.n_read, ROWS + 1);
    assert_int_equal(j.accepted + j.rejected, ROWS + 1);
    assert_int_equal(tags(), j.accepted);
    Got g = get("a");
    assert_int_equal((int64_t)g.n, j.rejected);
    assert_int_equal(g.rows[g.n - 1].number, ROWS + 2); /* the key that was there already */
    buf_done(&b);
    jobs_stop(&c);
    testcity_free(city);
}

static void server__ends_in_the_middle_and_the_job_goes_on(void **state)
{
    (void)state;
    Buf b;
    int rounds = 0;
    city = testcity_new("small", false);
    City c = city_of(city);
    Jobs *s = start(&c);
    add(s, "a", "area", many(&b), clock_now_us());
    Job j;
    for (;;) {
        begin(s, "a", "running");
        int64_t from = get("a").job.position;
        do j = get("a").job;
        while (j.position == from && job_runs(&j));
        jobs_stop(&c);
        j = get("a").job;
        assert_int_equal(tags(), j.accepted);
        s = start(&c);
        if (!str_is(j.state, "stopped")) break;
        rounds++;
    }
    assert_text(j.state, "done");
    assert_true(rounds > 0);
    assert_int_equal(j.n_read, ROWS + 1);
    assert_int_equal(tags(), j.accepted);
    buf_done(&b);
    jobs_stop(&c);
    testcity_free(city);
}

static void check__leaves_nothing_and_finds_what_the_run_finds(void **state)
{
    (void)state;
    Buf b;
    city = testcity_new("small", false);
    City c = city_of(city);
    Jobs *s = start(&c);
    add(s, "a", "area", many(&b), clock_now_us());
    begin(s, "a", "checking");
    Job checked = wait_for("a");
    assert_text(checked.state, "checked");
    assert_int_equal(tags(), 0);
    Got g = get("a");
    assert_text(g.rows[g.n - 1].reason, "与本文件第 5 行重复");
    buf_done(&b);
    jobs_stop(&c);
    testcity_free(city);
}

static void sweep__takes_what_is_old(void **state)
{
    (void)state;
    city = testcity_new("small", false);
    City c = city_of(city);
    Jobs *s = start(&c);
    Err err = ERR_INIT;
    int64_t day = US_PER_DAY, size;
    add(s, "old", "area", S("code,name\nx,y\n"), clock_now_us() - (IMPORT_KEPT_D + 1) * day);
    add(s, "new", "area", S("code,name\nx,y\n"), clock_now_us() - (IMPORT_KEPT_D - 1) * day);
    assert_int_equal(jobs_sweep(s, &err), 0);
    /* The thread's own first sweep may have taken the row and be about to take the file. */
    int fd = -1;
    for (int i = 0; i < 500 && (fd = job_open(s, S("old"), &size)) >= 0; i++) {
        close(fd);
        usleep(10000);
    }
    assert_int_equal(fd, -1);
    fd = job_open(s, S("new"), &size);
    assert_true(fd >= 0 && size == 14);
    close(fd);
    Got g = {.id = "old"};
    assert_int_equal(store_read(city->store, "get", get_fn, &g, &err), -ERR_NOT_FOUND);
    jobs_stop(&c);
    testcity_free(city);
}

/* --- what a column may be ------------------------------------------------------------------------------ */

static void suggest__by_name_title_and_content(void **state)
{
    (void)state;
    city = testcity_new("small", false);
    City c = city_of(city);
    Jobs *s = start(&c);
    Err err = ERR_INIT;
    Look look;
    write_file(s, "x", S("报表,,\n制表 2024-01-01,,\ncode,片区名称 ,无关\na1,甲,1\na2,乙,2\n"));
    const Entity *e = model_entity(city->m, S("area"));
    assert_int_equal(import_look(city->a, job_path(city->a, s, S("x")).p, NULL, 0, e, &keeper, &look, &err),
                     0);
    assert_int_equal(look.header, 3);
    assert_int_equal(look.n, 3);
    assert_int_equal(look.rows, 2);
    assert_text(look.columns[0].why, "名称相同");
    assert_ptr_equal(look.columns[0].field, entity_field(e, S("code")));
    assert_ptr_equal(look.columns[1].field, entity_field(e, S("name")));
    assert_null(look.columns[2].field);
    assert_text(look.columns[1].samples[1], "乙");
    jobs_stop(&c);
    testcity_free(city);
}

UNIT_MAIN(cmocka_unit_test(run__stops_when_rights_go_and_continues_without_loss),
          cmocka_unit_test(server__ends_in_the_middle_and_the_job_goes_on),
          cmocka_unit_test(check__leaves_nothing_and_finds_what_the_run_finds),
          cmocka_unit_test(sweep__takes_what_is_old), cmocka_unit_test(suggest__by_name_title_and_content))

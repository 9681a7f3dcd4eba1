/* SPDX-License-Identifier: MulanPSL-2.0 */
/* people: role lists of an older city become grants; what an actor holds at a moment; acts weighed, refused,
   put off to a second person; the check before serving. Handlers are called as the server calls them. */
#include "people/people_int.h"

#include "base/clock.h"
#include "people_sql.h"
#include "testcity.h"
#include "unit.h"

typedef struct Fixture {
    TestCity *c;
    City city;
} Fixture;

static Fixture make(void)
{
    Fixture f = {.c = testcity_new("offices", false)};
    const Room *own[] = {people_engine.room, NULL};
    Err err = ERR_INIT;
    if (store_migrate(f.c->store, own, NULL, &err) < 0) fail_msg("%s", err.msg);
    f.city = (City){.store = f.c->store, .model = f.c->m, .dir = testdb_dir(f.c->db)};
    return f;
}

static void user(Fixture *f, const char *name, const char *org)
{
    char sql[600];
    snprintf(sql, sizeof sql,
             "insert into people_user (name, title, password, org, region, person, created_at)"
             " values ('%s', '%s', '', '%s', '610500', '', 1)",
             name, name, org);
    testdb_raw(f->c->db, sql);
}

static void grant(Fixture *f, const char *id, const char *name, const char *role)
{
    char sql[600];
    snprintf(sql, sizeof sql,
             "insert into people_grant (id, user_name, role, region, org, expires_at, given_by, given_at)"
             " values ('%s', '%s', '%s', '', '', 0, 'system', 1)",
             id, name, role);
    testdb_raw(f->c->db, sql);
}

static Str no_header(const Request *rq, const char *name)
{
    (void)rq, (void)name;
    return STR_NONE;
}

/* Calls a handler as a user; the status, or minus the error's code. */
static int call(Fixture *f, const char *who, Handler h, const char *param, const char *body, Str *ret_answer)
{
    Actor actor = {.user = str_c(who), .name = str_c(who)};
    Request rq = {.arena = f->c->a,
                  .city = &f->city,
                  .who = &actor,
                  .params = {str_c(param ? param : "")},
                  .query = S(""),
                  .body = str_c(body ? body : ""),
                  .trace = S("trace"),
                  .header = no_header,
                  .status = 200,
                  .file_fd = -1};
    f->c->err = ERR_INIT;
    buf_init(&rq.out, 1 << 20);
    int rc = h(&rq, &f->c->err);
    if (ret_answer) *ret_answer = buf_dup(f->c->a, &rq.out);
    buf_done(&rq.out);
    return rc < 0 ? -(int)f->c->err.code : rq.status;
}

static void check_call(Fixture *f, const char *who, Handler h, const char *param, const char *body, int want)
{
    int got = call(f, who, h, param, body, NULL);
    if (got != want) fail_msg("%s: got %d (%s), want %d", body ? body : param, got, f->c->err.msg, want);
}

typedef struct Held {
    Fixture *f;
    Str user;
    Actor actor;
    Rights r;
} Held;

static int held_tx(Tx *tx, void *p, Err *err)
{
    Held *h = p;
    h->actor = (Actor){0};
    h->r = (Rights){.a = h->f->c->a, .m = h->f->c->m, .actor = &h->actor};
    return rights_read(&h->r, tx, &sql_people_user_rights, h->user, NULL, err);
}

/* "role@org role@org": grants of records by scope org, in the order found. */
static Str held(Fixture *f, const char *name)
{
    Held h = {.f = f, .user = str_c(name)};
    Buf b;
    if (store_read(f->c->store, "held", held_tx, &h, &f->c->err) < 0) fail_msg("%s", f->c->err.msg);
    buf_init(&b, 10000);
    for (size_t i = 0; i < h.actor.permissions.n; i++)
        buf_addf(&b, "%s" STR_FMT, b.n ? " " : "", STR_ARG(h.actor.permissions.items[i]));
    for (size_t i = 0; i < h.actor.n_grants; i++)
        buf_addf(&b, "%s@" STR_FMT, b.n ? " " : "", STR_ARG(h.actor.grants[i].org));
    Str s = buf_dup(f->c->a, &b);
    buf_done(&b);
    return s;
}

static void migration__role_lists_become_grants(void **state)
{
    (void)state;
    Err err = ERR_INIT;
    const Migration first[] = {people_engine.room->migrations[0], {0}};
    const Room old = {"people", first, people_engine.room->queries};
    const Room *olds[] = {&old, NULL}, *news[] = {people_engine.room, NULL};
    TestDb *t = testdb_new(olds);
    testdb_raw(
        t,
        "insert into people_user (name, title, password, org, region, person, roles, failures, locked_until, "
        "created_at) values ('zhao', 'Z', '', '', '', '', 'official,reader', 0, 0, 5), "
        "('qian', 'Q', '', '', '', '', '', 0, 0, 5), ('sun', 'S', '', '', '', '', 'reader', 0, 0, 5)");
    if (store_migrate(testdb_store(t), news, NULL, &err) < 0) fail_msg("%s", err.msg);
    TestCity c = {.store = testdb_store(t), .a = arena_new()};
    assert_text(
        testcity_sql(&c, "select user_name, role, given_by, given_at from people_grant order by 1, 2"),
        "sun|reader|system|5\nzhao|official|system|5\nzhao|reader|system|5");
    arena_free(c.a);
    testdb_free(t);
}

static void rights__by_grant_position_and_date(void **state)
{
    (void)state;
    Fixture f = make();
    user(&f, "sec", "O1");
    user(&f, "zhao", "O1");
    assert_text(held(&f, "zhao"), "");
    assert_text(held(&f, "nobody"), "");
    check_call(&f, "sec", grant_post, NULL, "{\"user\":\"zhao\",\"role\":\"reader\"}", 201);
    check_call(&f, "sec", grant_post, NULL, "{\"user\":\"zhao\",\"role\":\"official\",\"org\":\"O7\"}", 201);
    assert_text(held(&f, "zhao"), "letters.read letters.write @O7");
    check_call(&f, "sec", position_post, NULL,
               "{\"code\":\"P1\",\"title\":\"科长\",\"org\":\"O9\",\"roles\":[\"official\"]}", 201);
    check_call(&f, "sec", holding_post, NULL,
               "{\"user\":\"zhao\",\"position\":\"P1\",\"from\":\"2999-01-01\"}", 201);
    assert_text(held(&f, "zhao"), "letters.read letters.write @O7");
    check_call(&f, "sec", holding_post, NULL,
               "{\"user\":\"zhao\",\"position\":\"P1\",\"from\":\"2020-01-01\",\"to\":\"2999-01-01\"}", 201);
    assert_text(held(&f, "zhao"), "letters.read letters.write @O7 @O9");
    testdb_raw(f.c->db, "update people_grant set expires_at = 5 where role = 'reader'");
    testdb_raw(f.c->db, "update people_holding set to_at = 5 where from_at < 1600000000000000");
    assert_text(held(&f, "zhao"), "letters.write @O7");
    testdb_raw(f.c->db, "update people_user set must_change = 1 where name = 'zhao'");
    assert_text(held(&f, "zhao"), "");
    testcity_free(f.c);
}

static void separation__refused_when_given_and_before_serving(void **state)
{
    (void)state;
    Fixture f = make();
    Err err = ERR_INIT;
    user(&f, "sec", "");
    user(&f, "adm", "");
    user(&f, "zhao", "");
    grant(&f, "g1", "zhao", "admin");
    grant(&f, "g2", "adm", "admin");
    assert_int_equal(separation_self_check(&f.city, &err), 0);
    check_call(&f, "sec", grant_post, NULL, "{\"user\":\"zhao\",\"role\":\"official\"}", -(int)ERR_CONFLICT);
    check_call(&f, "sec", grant_post, NULL, "{\"user\":\"zhao\",\"role\":\"auditor\"}", -(int)ERR_CONFLICT);
    check_call(&f, "sec", grant_post, NULL, "{\"user\":\"zhao\",\"role\":\"reader\"}", 201);
    /* by a damaged or hand-edited database */
    grant(&f, "g3", "zhao", "auditor");
    assert_int_equal(separation_self_check(&f.city, &err), -(int)ERR_CONFLICT);
    assert_non_null(strstr(err.msg, "zhao"));
    assert_int_equal(people_revoke(&f.city, S("zhao"), S("auditor"), &err), 0);
    assert_int_equal(separation_self_check(&f.city, &err), 0);
    assert_int_equal(people_revoke(&f.city, S("zhao"), S("auditor"), &err), -(int)ERR_NOT_FOUND);
    testcity_free(f.c);
}

static void approval__second_person_only(void **state)
{
    (void)state;
    Fixture f = make();
    Str answer;
    user(&f, "sec", "");
    grant(&f, "g0", "sec", "security");
    user(&f, "zhao", "");
    assert_int_equal(call(&f, "sec", grant_post, NULL, "{\"user\":\"zhao\",\"role\":\"auditor\"}", &answer),
                     202);
    json_t *j;
    assert_int_equal(json_parse(f.c->a, answer, &j, &f.c->err), 0);
    const char *id = json_string_value(json_object_get(j, "approval"));
    check_call(&f, "sec", approval_approve, id, NULL, -(int)ERR_FORBIDDEN);
    check_call(&f, "zhao", approval_approve, id, NULL, -(int)ERR_FORBIDDEN);
    check_call(&f, "adm", approval_approve, "unknown", NULL, -(int)ERR_NOT_FOUND);
    testdb_raw(f.c->db, "update people_user set disabled = 1 where name = 'sec'");
    check_call(&f, "adm", approval_approve, id, NULL, -(int)ERR_CONFLICT); /* who asked is gone */
    testdb_raw(f.c->db, "update people_user set disabled = 0");
    assert_text(held(&f, "zhao"), "");
    check_call(&f, "adm", approval_approve, id, NULL, 200);
    assert_text(held(&f, "zhao"), "journal.read");
    check_call(&f, "adm", approval_approve, id, NULL, -(int)ERR_CONFLICT);
    check_call(&f, "adm", approval_refuse, id, "{\"reason\":\"x\"}", -(int)ERR_CONFLICT);
    assert_text(testcity_sql(f.c, "select state, asked_by, decided_by from people_approval"),
                "approved|sec|adm");
    assert_text(testcity_sql(f.c, "select given_by from people_grant where user_name = 'zhao'"), "sec");
    assert_text(
        testcity_sql(f.c, "select op, actor from journal where entity = 'people_approval' order by seq"),
        "insert|sec\nupdate|adm");
    testcity_free(f.c);
}

static void moments__dates_are_chinas(void **state)
{
    (void)state;
    Err err = ERR_INIT;
    int64_t at;
    static const struct {
        const char *text;
        bool end;
        int rc;
        int64_t at;
    } rows[] = {{"", true, 0, 0},
                {"1970-01-02", false, 0, 16 * 3600 * US_PER_SEC},
                {"1970-01-02", true, 0, 40 * 3600 * US_PER_SEC},
                {"1970-01-01T00:00:01Z", true, 0, US_PER_SEC},
                {"2025-02-30", false, -(int)ERR_VALIDATION, 0},
                {"tomorrow", false, -(int)ERR_VALIDATION, 0}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(moment(str_c(rows[i].text), rows[i].end, "to", &at, &err), rows[i].rc);
        if (!rows[i].rc) assert_int_equal(at, rows[i].at);
    }
    assert_string_equal(err.pointer, "/to");
}

UNIT_MAIN(cmocka_unit_test(migration__role_lists_become_grants),
          cmocka_unit_test(rights__by_grant_position_and_date),
          cmocka_unit_test(separation__refused_when_given_and_before_serving),
          cmocka_unit_test(approval__second_person_only), cmocka_unit_test(moments__dates_are_chinas))

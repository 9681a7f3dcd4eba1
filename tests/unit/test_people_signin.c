/* SPDX-License-Identifier: MulanPSL-2.0 */
/* people: one-time codes of RFC 6238, the password policy, limits and exchange of a session, the server key.
 */
#include "people/people_int.h"

#include "base/clock.h"
#include "base/sm.h"
#include "people_sql.h"
#include "testcity.h"
#include "unit.h"
#include <sys/stat.h>

/* RFC 6238 appendix B, the last six of eight digits. */
static void totp__rfc_vectors(void **state)
{
    (void)state;
    static const struct {
        int64_t at_s;
        int code;
    } rows[] = {{59, 287082},       {1111111109, 81804},  {1111111111, 50471},
                {1234567890, 5924}, {2000000000, 279037}, {20000000000, 353130}};
    Str secret = S("12345678901234567890");
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(totp_code(S("sha1"), secret, rows[i].at_s / 30), rows[i].code);
    int sm3 = totp_code(S("sm3"), secret, 1);
    assert_true(sm3 >= 0 && sm3 < 1000000 && sm3 != rows[0].code);
}

static void totp__one_step_to_either_side(void **state)
{
    (void)state;
    Str secret = S("12345678901234567890"), code = S("287082"); /* of step 1 */
    for (int64_t step = 0; step <= 2; step++)
        assert_int_equal(totp_match(S("sha1"), secret, step * 30 * US_PER_SEC, code), 1);
    assert_int_equal(totp_match(S("sha1"), secret, 3 * 30 * US_PER_SEC, code), -1);
    assert_int_equal(totp_match(S("sha1"), secret, 30 * US_PER_SEC, S("28708")), -1);
    assert_int_equal(totp_match(S("sha1"), secret, 30 * US_PER_SEC, S("-87082")), -1);
    assert_int_equal(totp_match(S("sha1"), secret, 30 * US_PER_SEC, S("")), -1);
}

static void policy__says_why(void **state)
{
    (void)state;
    static const struct {
        const char *password, *why;
    } rows[] = {{"a quiet river 7", NULL},
                {"安静的河流向东去也", "太短"},
                {"安静的河流向东流去也", NULL},
                {"short", "太短"},
                {"aaaaaaaaaaaa", "重复"},
                {"abcdefghijkl", "连续"},
                {"zhaoyun-77-x", "登录名"},
                {"P@SSW0RD2024", "常见"},
                {"\xff\xfe\xfd\xfc\xff\xff\xff\xff\xff\xff", "有效"}};
    const City c = {.demo = false};
    for (size_t i = 0; i < COUNT(rows); i++) {
        Err err = ERR_INIT;
        int rc = password_check(&c, S("zhaoyun"), str_c(rows[i].password), &err);
        if (!rows[i].why != !rc) fail_msg("%s: %s", rows[i].password, err.msg);
        if (rows[i].why) assert_non_null(strstr(err.msg, rows[i].why));
    }
    assert_true(password_expired(&c, 1, 100 * US_PER_DAY));
    assert_false(password_expired(&c, 1, 80 * US_PER_DAY));
}

typedef struct Fixture {
    TestCity *c;
    City city;
    Str cookie;
} Fixture;
static Str cookie_now; /* of the request that is being made; one test program, one thread */

static Str header(const Request *rq, const char *name)
{
    (void)rq;
    return !strcmp(name, "Cookie") ? cookie_now : STR_NONE;
}

/* Who a cookie is, and the cookie that the answer would set. */
static Str who(Fixture *f, const char *token, Str *ret_set)
{
    Actor actor;
    Request rq = {.arena = f->c->a,
                  .city = &f->city,
                  .header = header,
                  .remote = S("192.0.2.1"),
                  .base_url = S("http://x")};
    cookie_now = str_fmt(f->c->a, "other=1; chengshu=%s", token);
    if (people_authenticate(&rq, &actor, &f->c->err) < 0) fail_msg("%s", f->c->err.msg);
    if (ret_set) *ret_set = rq.n_headers ? rq.headers[0].value : S("");
    return actor.user;
}

static Fixture make(void)
{
    Fixture f = {.c = testcity_new("offices", false)};
    const Room *own[] = {people_engine.room, NULL};
    if (store_migrate(f.c->store, own, NULL, &f.c->err) < 0) fail_msg("%s", f.c->err.msg);
    f.city = (City){.store = f.c->store, .model = f.c->m, .dir = testdb_dir(f.c->db)};
    if (people_start(&f.city, &f.c->err) < 0) fail_msg("%s", f.c->err.msg);
    testdb_raw(f.c->db, "insert into people_user (name, title, password, org, region, person, created_at)"
                        " values ('zhao', 'Z', '', '', '', '', 1)");
    return f;
}

static void session(Fixture *f, const char *token, int64_t created, int64_t last, int64_t rotated)
{
    char hex[SM3_HEX_SIZE], sql[800];
    sm3_hex(str_c(token), hex);
    snprintf(sql, sizeof sql,
             "insert into people_session (token, user_name, created_at, expires_at, id, last_at, rotated_at)"
             " values ('%s', 'zhao', %lld, %lld, '%s', %lld, %lld)",
             hex, (long long)created, (long long)(created + SESSION_US), token, (long long)last,
             (long long)rotated);
    testdb_raw(f->c->db, sql);
}

static void done(Fixture *f)
{
    people_stop(&f->city);
    testcity_free(f->c);
}

static void session__idle_and_absolute_limits(void **state)
{
    (void)state;
    Fixture f = make();
    int64_t now = clock_now_us(), minute = 60 * US_PER_SEC;
    session(&f, "used", now - 60 * minute, now - 29 * minute, now);
    session(&f, "idle", now - 60 * minute, now - 31 * minute, now);
    session(&f, "aged", now - 12 * 60 * minute, now, now);
    assert_text(who(&f, "used", NULL), "zhao");
    assert_text(who(&f, "idle", NULL), "");
    assert_text(who(&f, "aged", NULL), "");
    assert_text(who(&f, "none", NULL), "");
    people_stop(&f.city); /* waits for the upkeep */
    Str kept = testcity_sql(
        f.c, "select count(*) from people_session where id = 'used' and last_at > rotated_at - 60000000");
    assert_text(kept, "1");
    testcity_free(f.c);
}

static void session__token_exchanged_after_its_hour(void **state)
{
    (void)state;
    Fixture f = make();
    Str set;
    int64_t now = clock_now_us(), minute = 60 * US_PER_SEC;
    session(&f, "first", now - 61 * minute, now, now - 61 * minute);
    assert_text(who(&f, "first", &set), "zhao");
    assert_text(set, ""); /* the successor is being written */
    people_stop(&f.city);
    assert_int_equal(people_start(&f.city, &f.c->err), 0); /* the same key again */
    assert_text(who(&f, "first", &set), "zhao");
    assert_true(str_starts(set, S("chengshu=")));
    Str next = str_from(set, 9);
    next.n = (size_t)str_find(next, ';');
    char *token = str_cdup(f.c->a, next);
    assert_text(who(&f, token, &set), "zhao");
    people_stop(&f.city);
    assert_int_equal(people_start(&f.city, &f.c->err), 0);
    assert_text(who(&f, token, &set), "zhao");
    assert_text(set, "");
    assert_text(who(&f, "first", NULL), "zhao"); /* for a minute */
    testdb_raw(f.c->db, "update people_session set old_until = 5");
    assert_text(who(&f, "first", NULL), "");
    assert_text(who(&f, token, NULL), "zhao");
    done(&f);
}

static void server_key__only_the_operators(void **state)
{
    (void)state;
    Fixture f = make();
    struct stat st;
    Str box, plain;
    assert_int_equal(stat(str_fmt(f.c->a, "%s/keys/server.key", f.city.dir).p, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(people_seal(&f.city, f.c->a, S("a"), S("secret"), &box, &f.c->err), 0);
    assert_int_equal(people_unseal(&f.city, f.c->a, S("a"), box, &plain, &f.c->err), 0);
    assert_text(plain, "secret");
    assert_int_equal(people_unseal(&f.city, f.c->a, S("b"), box, &plain, &f.c->err), -(int)ERR_VERIFY);
    done(&f);
}

UNIT_MAIN(cmocka_unit_test(totp__rfc_vectors), cmocka_unit_test(totp__one_step_to_either_side),
          cmocka_unit_test(policy__says_why), cmocka_unit_test(session__idle_and_absolute_limits),
          cmocka_unit_test(session__token_exchanged_after_its_hour),
          cmocka_unit_test(server_key__only_the_operators))

/* SPDX-License-Identifier: MulanPSL-2.0 */
/* rule: triggers, actions, once in effect, order, storms, dead letters, the outbox; on both databases, driven
   by hand (rules_pump) so that every step is where the test wants it. */
#include "unit.h"

#include "rule/engine_int.h"
#include "testcity.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <unistd.h>

#define SYS &testcity_system

typedef struct World {
    TestCity *c;
    City city;
    Rules *r;
} World;

static void open_rules(World *w)
{
    Err err = ERR_INIT;
    if (rules_new(&w->city, &w->r, &err) < 0) fail_msg("rules_new: %s %s", err.msg, err.file);
    w->city.rules = w->r;
}

static int people_of(Tx *tx, Arena *a, bool org, Str what, StrList *ret, Err *err)
{
    (void)tx, (void)err;
    ret->items = ARENA_ARRAY(a, Str, 2);
    ret->items[0] = S("zhang"), ret->items[1] = S("li");
    ret->n = !org && str_is(what, "steward") ? 2 : 0;
    return 0;
}

static int fresh(void **state)
{
    World *w = xcalloc(1, sizeof *w);
    Err err = ERR_INIT;
    const Room *rooms[] = {&rule_room, NULL};
    const char *source = getenv("SOURCE");
    w->c = testcity_new("reactions", false);
    assert_int_equal(store_migrate(w->c->store, rooms, NULL, &err), 0);
    w->city =
        (City){.store = w->c->store, .model = w->c->m, .dir = testdb_dir(w->c->db), .people_of = people_of};
    w->city.calendar = calendar_new();
    assert_int_equal(
        calendar_load(w->city.calendar,
                      str_fmt(w->c->a, "%s/data/calendar/cn-workdays.csv", source ? source : ".").p, &err),
        0);
    open_rules(w);
    *state = w;
    return 0;
}

static int gone(void **state)
{
    World *w = *state;
    rules_free(w->r);
    calendar_free(w->city.calendar);
    testcity_free(w->c);
    free(w);
    return 0;
}

static void pump(World *w)
{
    Err err = ERR_INIT;
    if (rules_pump(w->r, &err) < 0) fail_msg("pump: %s", err.msg);
}

#define OK(call)                                                                                             \
    do {                                                                                                     \
        if ((call) < 0) fail_msg("%s: %s %s", #call, w->c->err.msg, w->c->err.pointer);                      \
    } while (0)
#define HOLDS(text, want) assert_text(testcity_sql(w->c, text), want)

static void put(World *w, const char *json) { OK(testcity_insert(w->c, SYS, "project", json, NULL)); }
static void patch(World *w, const char *id, const char *json)
{
    OK(testcity_update(w->c, SYS, "project", id, json, 0, NULL));
}

static void queries__are_right_on_both(void **state)
{
    World *w = *state;
    (void)w;
    assert_true(w->r->set->n == 15);
}

/* --- records ----------------------------------------------------------------------------------------------
 */

static void record__each_op_and_field(void **state)
{
    World *w = *state;
    put(w, "{\"no\":\"P1\",\"title\":\"甲\",\"money\":\"1250.50\"}");
    pump(w);
    HOLDS("select count(*) from note", "0"); /* insert is not update; and nothing waits for it */
    patch(w, "P1", "{\"step\":1}");
    patch(w, "P1", "{\"title\":\"乙\"}");
    pump(w);
    HOLDS("select about, text, n, money from note",
          testdb_is_postgres() ? "P1|step|1|1250.50" : "P1|step|1|1250.5");
    HOLDS("select notes from project", "1");
    OK(testcity_delete(w->c, SYS, "project", "P1", 0));
    pump(w);
    HOLDS("select text from note where text like 'gone%'", "gone 乙");
}

static void record__the_actor_and_chain_stand_in_the_journal(void **state)
{
    World *w = *state;
    put(w, "{\"no\":\"P1\",\"title\":\"甲\"}");
    patch(w, "P1", "{\"step\":1}");
    pump(w);
    HOLDS("select actor, purpose, trace from journal where entity = 'note'",
          str_fmt(w->c->a, "reaction:react.each_change|chain: react.each_change @" STR_FMT "|trace",
                  STR_ARG(testcity_sql(w->c,
                                       "select seq from journal where entity = 'project' and op = 'update'")))
              .p);
    HOLDS("select _created_by from note", "reaction:react.each_change");
}

static void record__names_of_the_change(void **state)
{
    World *w = *state;
    const Actor li = {.user = S("li"), .system = true};
    OK(testcity_insert(w->c, SYS, "unit", "{\"code\":\"U1\",\"title\":\"一处\"}", NULL));
    OK(testcity_insert(w->c, SYS, "unit", "{\"code\":\"U2\",\"title\":\"二处\"}", NULL));
    OK(testcity_insert(w->c, &li, "project",
                       "{\"no\":\"P1\",\"title\":\"甲\",\"money\":\"21.00\",\"helpers\":[\"U2\",\"U1\"]}",
                       NULL));
    pump(w);
    HOLDS("select text from note order by id", "insert li - > U2;U1");
    patch(w, "P1", "{\"helpers\":[\"U1\"]}");
    patch(w, "P1", "{\"helpers\":[]}"); /* the first one is still seen as it was */
    pump(w);
    HOLDS("select text from note where text like 'update%U1'", "update system U2;U1 > U1");
    HOLDS("select text from note where text like 'update%-'", "update system U1 > -");
}

static void record__update_through_a_reference(void **state)
{
    World *w = *state;
    OK(testcity_insert(w->c, SYS, "unit", "{\"code\":\"U1\",\"title\":\"一处\"}", NULL));
    put(w, "{\"no\":\"P1\",\"title\":\"甲\",\"unit\":\"U1\",\"state\":\"late\",\"owner\":\"li\"}");
    put(w, "{\"no\":\"P2\",\"title\":\"乙\",\"unit\":\"U1\"}");
    pump(w);
    patch(w, "P2", "{\"state\":\"late\"}");
    patch(w, "P2", "{\"state\":\"done\"}"); /* the first one is still seen as it was */
    pump(w);
    HOLDS("select late from \"unit\"", "2");
    HOLDS("select user_name, title, body, record from rule_inbox", "li|项目 甲 逾期|单位 一处|P1");
}

static void record__order_is_kept(void **state)
{
    World *w = *state;
    put(w, "{\"no\":\"P1\",\"title\":\"甲\"}");
    put(w, "{\"no\":\"P2\",\"title\":\"乙\"}");
    for (int i = 1; i <= 150; i++) {
        patch(w, "P1", str_fmt(w->c->a, "{\"step\":%d}", i).p);
        patch(w, "P2", str_fmt(w->c->a, "{\"step\":%d}", i).p);
    }
    pump(w);
    HOLDS("select count(*) from note", "300");
    HOLDS(
        "select count(*) from (select j.record, n.n, lag(n.n) over (partition by n.about order by n._rev) as "
        "before from "
        "note n join journal j on j.seq = n._rev) x where before >= n",
        "0");
}

static void past__is_no_news(void **state)
{
    World *w = *state;
    put(w, "{\"no\":\"P1\",\"title\":\"甲\"}");
    patch(w, "P1", "{\"step\":1}");
    pump(w);
    HOLDS("select count(*) from note", "1");
    rules_free(w->r); /* killed: no position of an idle lane was kept */
    open_rules(w);
    pump(w);
    patch(w, "P1", "{\"step\":2}");
    pump(w);
    HOLDS("select count(*) from note", "2");
}

/* --- once
 * --------------------------------------------------------------------------------------------------- */

static void once__a_step_run_again_does_nothing(void **state)
{
    World *w = *state;
    put(w, "{\"no\":\"P1\",\"title\":\"甲\"}");
    patch(w, "P1", "{\"step\":1}");
    pump(w);
    testdb_raw(w->c->db, "delete from rule_step"); /* as if the position were lost, the done rows not */
    for (int i = 0; i < LANES; i++) w->r->lanes[i].cursor = w->r->lanes[i].seen = 0;
    w->r->reading = 0;
    pump(w);
    HOLDS("select count(*) from note", "1");
}

static void once__two_servers_collide_on_the_step(void **state)
{
    World *w = *state;
    Err err = ERR_INIT;
    put(w, "{\"no\":\"P1\",\"title\":\"甲\"}");
    patch(w, "P1", "{\"step\":1}");
    Rules *other;
    assert_int_equal(rules_new(&w->city, &other, &err), 0); /* same owner: has the same lanes */
    for (int i = 0; i < LANES; i++)
        other->lanes[i].cursor = w->r->lanes[i].cursor, other->lanes[i].seen = other->lanes[i].cursor;
    other->reading = w->r->reading;
    pump(w);
    assert_int_equal(rules_pump(other, &err), 0);
    HOLDS("select count(*) from note", "1");
    bool lost = false;
    for (int i = 0; i < LANES; i++) lost |= !other->lanes[i].owned;
    assert_true(lost); /* and learns where it stands before it goes on */
    assert_int_equal(lanes_lease(other, clock_now_us(), &err), 0);
    patch(w, "P1", "{\"step\":2}");
    assert_int_equal(rules_pump(other, &err), 0);
    HOLDS("select count(*) from note", "2");
    rules_free(other);
}

static void once__an_own_key(void **state)
{
    World *w = *state;
    put(w, "{\"no\":\"P1\",\"title\":\"甲\",\"state\":\"hello\"}");
    patch(w, "P1", "{\"title\":\"乙\"}");
    patch(w, "P1", "{\"title\":\"丙\"}");
    pump(w);
    HOLDS("select count(*) from note", "1");
    HOLDS("select action_key, kept from rule_done where reaction = 'react.once'", "react.once/k/0/P1|1");
}

/* --- moments, cron, events
 * ----------------------------------------------------------------------------------- */

static int64_t instant(const char *text)
{
    int64_t us;
    assert_int_equal(clock_parse(str_c(text), &us, NULL), 0);
    return us;
}

static void moment__three_workdays_before(void **state)
{
    World *w = *state;
    Err err = ERR_INIT;
    for (size_t i = 0; i < w->r->set->n; i++) w->r->since[i] = 0;
    put(w, "{\"no\":\"P1\",\"title\":\"甲\",\"due\":\"2025-10-10\"}"); /* 29 September: over the holidays */
    put(w, "{\"no\":\"P2\",\"title\":\"乙\",\"due\":\"2025-10-10\",\"state\":\"done\"}");
    put(w, "{\"no\":\"P3\",\"title\":\"丙\",\"meeting\":\"2025-09-29T12:00:00+08:00\"}");
    assert_int_equal(moments_scan(w->r, instant("2025-09-28T23:59:00+08:00"), &err), 0);
    pump(w);
    HOLDS("select count(*) from note", "0");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(moments_scan(w->r, instant("2025-09-29T07:59:00+08:00"), &err), 0);
        assert_int_equal(moments_scan(w->r, instant("2025-09-29T07:59:00+08:00"), &err),
                         0); /* as another server would */
        pump(w);
    }
    HOLDS("select about, text from note", "P1|soon");
    HOLDS("select count(*) from rule_fired", "2"); /* P2 was looked at, once */
    assert_int_equal(moments_scan(w->r, instant("2025-09-29T08:00:00+08:00"), &err), 0);
    pump(w);
    HOLDS("select about, text from note order by about", "P1|soon\nP3|meeting");
    assert_int_equal(moments_scan(w->r, instant("2025-11-29T08:00:00+08:00"), &err), 0);
    pump(w);
    HOLDS("select count(*) from note", "2");
}

static void cron__missed_ones_once(void **state)
{
    World *w = *state;
    Err err = ERR_INIT;
    testdb_raw(w->c->db, "update rule_state set last_us = 1");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(crons_scan(w->r, instant("2025-10-15T09:00:00+08:00"), &err), 0);
        pump(w);
    }
    HOLDS("select text from note", "morning");
    assert_int_equal(crons_scan(w->r, instant("2025-10-16T07:59:00+08:00"), &err), 0);
    pump(w);
    HOLDS("select count(*) from note", "1");
    assert_int_equal(crons_scan(w->r, instant("2025-10-16T08:00:30+08:00"), &err), 0);
    pump(w);
    HOLDS("select count(*) from note", "2");
    HOLDS("select fire_key from rule_fired order by fire_key",
          "react.morning/2025-10-15T08:00:00+08:00\nreact.morning/2025-10-16T08:00:00+08:00");
}

static int raise_tx(Tx *tx, void *p, Err *err)
{
    (void)p;
    TRY(rule_message(tx, S("told"), S("project"), S("P1"), S("{\"text\":\"你好\"}"), err));
    TRY(rule_message(tx, S("nobody"), S(""), S(""), S("{}"), err));
    return rule_alarm(tx, S("smoke"), S(""), S(""), S("{\"at\":\"3\"}"), err);
}

static void events__once(void **state)
{
    World *w = *state;
    Err err = ERR_INIT;
    put(w, "{\"no\":\"P1\",\"title\":\"甲\"}");
    assert_int_equal(store_tx(w->c->store, "raise", raise_tx, NULL, &err), 0);
    assert_int_equal(events_scan(w->r, &err), 0);
    assert_int_equal(events_scan(w->r, &err), 0);
    pump(w);
    HOLDS("select about, text from note order by text",
          testdb_is_postgres() ? "|smoke\nP1|你好" : "|smoke\nP1|你好");
    HOLDS("select user_name, title from rule_inbox order by user_name",
          "li|告警 {\"at\":\"3\"}\nzhang|告警 {\"at\":\"3\"}");
    HOLDS("select count(*) from rule_event", "0");
}

/* --- storms
 * --------------------------------------------------------------------------------------------------- */

static void storm__a_loop_is_cut(void **state)
{
    World *w = *state;
    OK(testcity_insert(w->c, SYS, "ring", "{\"code\":\"R1\"}", NULL));
    pump(w);
    HOLDS("select n from ring", "16");
    Str cut = testcity_sql(w->c, "select reaction, entity, record, chain, why from rule_cut");
    assert_true(str_starts(cut, S("react.turn|ring|R1|chain: react.turn>react.turn>react.turn")));
    assert_true(str_find_str(cut, S("超过 16 层")) > 0);
}

static void storm__a_fan_is_cut(void **state)
{
    World *w = *state;
    OK(testcity_insert(w->c, SYS, "fan", "{}", NULL));
    pump(w);
    /* the first two are no consequence of a consequence; after them each of the thousand fires two */
    HOLDS("select count(*) from fan", "2003");
    HOLDS("select count(*) from rule_cut where why like '%1,000%'", "100");
}

/* --- dead letters
 * ----------------------------------------------------------------------------------------------- */

static void dead__others_go_on_and_it_is_replayed(void **state)
{
    World *w = *state;
    OK(testcity_insert(w->c, SYS, "unit", "{\"code\":\"U1\",\"title\":\"在先\"}", NULL));
    put(w, "{\"no\":\"P1\",\"title\":\"甲\"}");
    patch(w, "P1", "{\"owner\":\"bad1\",\"step\":1}");
    patch(w, "P1", "{\"step\":2}");
    pump(w);
    HOLDS("select n from note order by n", "1\n2");
    Str key = testcity_sql(w->c, "select dead_key from rule_dead");
    assert_true(str_starts(key, S("react.wrong/")));
    HOLDS("select count(*) from rule_dead where reason like '%已有%'", "1");
    Arena *a = w->c->a;
    Request rq = {.arena = a, .city = &w->city, .who = SYS, .params = {key}};
    Err err = ERR_INIT;
    assert_int_equal(reaction_replay(&rq, &err), -(int)ERR_UNIQUE); /* still so */
    HOLDS("select count(*) from rule_dead", "1");
    OK(testcity_delete(w->c, SYS, "unit", "U1", 0));
    assert_int_equal(reaction_replay(&rq, &err), 0);
    HOLDS("select title from \"unit\"", "bad1");
    HOLDS("select count(*) from rule_dead", "0");
    assert_int_equal(reaction_replay(&rq, &err), -(int)ERR_NOT_FOUND);
}

/* --- the outbox
 * ---------------------------------------------------------------------------------------------------- */

typedef struct Sink {
    int fd, port;
    pthread_t thread;
    int status, requests;
    Buf seen;
} Sink;

static void *sink_main(void *p)
{
    Sink *s = p;
    for (int c; (c = accept(s->fd, NULL, NULL)) >= 0; close(c)) {
        char text[65536], answer[128];
        size_t n = 0;
        ssize_t k;
        while (n < sizeof text - 1 && (k = read(c, text + n, sizeof text - 1 - n)) > 0) {
            n += (size_t)k;
            text[n] = 0;
            const char *body = strstr(text, "\r\n\r\n"), *len = strcasestr(text, "content-length:");
            if (body && n - (size_t)(body + 4 - text) >= (size_t)(len ? strtol(len + 15, NULL, 10) : 0))
                break;
        }
        buf_add(&s->seen, str_n(text, n));
        buf_addc(&s->seen, '\n');
        s->requests++;
        int m = snprintf(answer, sizeof answer,
                         "HTTP/1.1 %d X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", s->status);
        if (write(c, answer, (size_t)m) < 0) break;
    }
    return NULL;
}

static void sink_open(Sink *s, int status)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof in;
    *s = (Sink){.status = status, .fd = socket(AF_INET, SOCK_STREAM, 0)};
    buf_init(&s->seen, 1 << 20);
    assert_int_equal(bind(s->fd, (struct sockaddr *)&in, sizeof in), 0);
    assert_int_equal(listen(s->fd, 10), 0);
    getsockname(s->fd, (struct sockaddr *)&in, &len);
    s->port = ntohs(in.sin_port);
    pthread_create(&s->thread, NULL, sink_main, s);
}

static void sink_close(Sink *s)
{
    shutdown(s->fd, SHUT_RDWR);
    close(s->fd);
    pthread_join(s->thread, NULL);
    buf_done(&s->seen);
}

static void deliver(World *w, int rounds)
{
    Err err = ERR_INIT;
    size_t n;
    for (int i = 0; i < rounds; i++)
        assert_int_equal(outbox_deliver(w->r, clock_now_us() + 7200 * US_PER_SEC * (i + 1), &n, &err), 0);
}

static void late_project(World *w)
{
    testdb_raw(w->c->db,
               "insert into rule_quiet (user_name, quiet_from, quiet_to, digest, mail, phone) values "
               "('li', '', '', 0, 'li@mail.example', '19900000001')");
    put(w, "{\"no\":\"P1\",\"title\":\"甲\",\"state\":\"late\",\"owner\":\"li\"}");
    pump(w);
}

static void outbox__is_filled_in_the_transaction(void **state)
{
    World *w = *state;
    late_project(w);
    HOLDS("select kind, state, tries from rule_outbox order by kind",
          "call|wait|0\nmail|wait|0\nsms|wait|0\nwebhook|wait|0");
}

static void outbox__webhook_and_sms_to_a_server(void **state)
{
    World *w = *state;
    Sink s;
    sink_open(&s, 200);
    w->r->settings.webhook_url = w->r->settings.sms_url =
        str_fmt(w->c->a, "http://127.0.0.1:%d/hook", s.port);
    w->r->settings.webhook_secret = S("geheim");
    late_project(w);
    testdb_raw(w->c->db, "delete from rule_outbox where kind in ('mail', 'call')");
    deliver(w, 2);
    HOLDS("select state, tries from rule_outbox order by kind", "sent|1\nsent|1");
    assert_int_equal(s.requests, 2); /* the second round found nothing */
    Str seen = buf_str(&s.seen);
    assert_true(str_find_str(seen, S("Idempotency-Key: react.late/")) > 0);
    assert_true(str_find_str(seen, S("X-Chengshu-Signature: sm3-hmac=")) > 0);
    assert_true(str_find_str(seen, S("{\"to\":\"19900000001\",\"text\":\"项目 甲 逾期：单位 未定\"}")) > 0);
    sink_close(&s);
}

static void outbox__backs_off_then_dies_then_is_replayed(void **state)
{
    World *w = *state;
    Sink s;
    sink_open(&s, 503);
    w->r->settings.webhook_url = str_fmt(w->c->a, "http://127.0.0.1:%d/hook", s.port);
    w->r->settings.tries = 3;
    late_project(w);
    testdb_raw(w->c->db, "delete from rule_outbox where kind <> 'webhook'");
    deliver(w, 1);
    HOLDS("select state, tries, last_error from rule_outbox", "wait|1|对方回答 503");
    Err err = ERR_INIT;
    size_t n;
    assert_int_equal(outbox_deliver(w->r, clock_now_us(), &n, &err), 0);
    assert_int_equal(n, 0); /* not before its time */
    deliver(w, 5);
    HOLDS("select state, tries, last_error from rule_outbox", "dead|3|对方回答 503");
    assert_int_equal(s.requests, 3);
    Request rq = {.arena = w->c->a,
                  .city = &w->city,
                  .who = SYS,
                  .params = {testcity_sql(w->c, "select out_key from rule_outbox")}};
    assert_int_equal(reaction_replay(&rq, &err), 0);
    s.status = 204;
    deliver(w, 1);
    HOLDS("select state, tries from rule_outbox", "sent|1");
    sink_close(&s);
}

static void outbox__a_host_that_is_not_listed(void **state)
{
    World *w = *state;
    late_project(w);
    testdb_raw(w->c->db, "delete from rule_outbox where kind <> 'call'");
    deliver(w, 1);
    HOLDS("select state, tries, last_error from rule_outbox", "dead|1|不许调用主机 “127.0.0.1”");
}

static void outbox__an_abandoned_claim_is_taken_again(void **state)
{
    World *w = *state;
    Sink s;
    sink_open(&s, 200);
    w->r->settings.webhook_url = str_fmt(w->c->a, "http://127.0.0.1:%d/hook", s.port);
    late_project(w);
    testdb_raw(w->c->db, "delete from rule_outbox where kind <> 'webhook'");
    testdb_raw(w->c->db, "update rule_outbox set state = 'busy'"); /* killed while sending */
    deliver(w, 1);
    HOLDS("select state from rule_outbox", "sent");
    sink_close(&s);
}

static void quiet__hours_shift_and_digests_merge(void **state)
{
    World *w = *state;
    Err err = ERR_INIT;
    testdb_raw(w->c->db,
               "insert into rule_quiet (user_name, quiet_from, quiet_to, digest, mail, phone) values "
               "('li', '00:00', '23:59', 1, 'li@mail.example', '19900000001')");
    put(w, "{\"no\":\"P1\",\"title\":\"甲\",\"state\":\"late\",\"owner\":\"li\"}");
    put(w, "{\"no\":\"P2\",\"title\":\"乙\",\"state\":\"late\",\"owner\":\"li\"}");
    pump(w);
    HOLDS("select count(*) from rule_outbox where kind = 'mail' and state = 'digest'", "2");
    Str n = testcity_sql(
        w->c, str_fmt(w->c->a, "select count(*) from rule_outbox where kind = 'sms' and next_us > %lld",
                      (long long)clock_now_us())
                  .p);
    Date d;
    TimeOfDay t;
    clock_to_china(clock_now_us(), &d, &t, NULL);
    assert_text(n, t.hour == 23 && t.minute == 59 ? "0" : "2");
    assert_int_equal(digests_send(w->r, clock_now_us(), &err), 0);
    HOLDS("select count(*) from rule_outbox where out_key like 'digest/%'", "0"); /* not before eight */
    assert_int_equal(digests_send(w->r, clock_now_us() + US_PER_DAY, &err), 0);
    HOLDS(
        "select count(*) from rule_outbox where out_key like 'digest/%' and payload like '%2 条通知%甲%' and "
        "state = 'wait'",
        "1");
    HOLDS("select count(*) from rule_outbox where kind = 'mail' and state = 'digest'", "0");
}

/* --- asking
 * ------------------------------------------------------------------------------------------------------------
 */

typedef struct Trying {
    World *w;
    Str id;
    Buf out;
} Trying;

static int try_tx(Tx *tx, void *p, Err *err)
{
    Trying *t = p;
    buf_clear(&t->out);
    return rule_try(t->w->r->set, &t->w->city, tx, t->w->c->a, t->id, S("project"), S("P1"), &t->out, err);
}

static void try__says_why(void **state)
{
    World *w = *state;
    Trying t = {.w = w, .id = S("late")};
    Err err = ERR_INIT;
    buf_init(&t.out, 1 << 20);
    put(w, "{\"no\":\"P1\",\"title\":\"甲\"}");
    assert_int_equal(store_read(w->c->store, "try", try_tx, &t, &err), 0);
    assert_text(buf_str(&t.out), "[{\"id\":\"react.late\",\"title\":\"逾期\",\"on\":\"项目 新增 "
                                 "修改\",\"when\":\"state = 'late' and coalesce(old_state, "
                                 "'') <> "
                                 "'late'\",\"values\":{\"state\":\"new\",\"old_state\":\"new\"},\"met\":"
                                 "false,\"why\":\"条件不成立\"}]");
    buf_done(&t.out);
}

static void try__masks_what_is_sensitive(void **state)
{
    World *w = *state;
    Trying t = {.w = w, .id = S("reachable")};
    Err err = ERR_INIT;
    buf_init(&t.out, 1 << 20);
    put(w, "{\"no\":\"P1\",\"title\":\"甲\",\"tel\":\"19900005678\"}");
    assert_int_equal(store_read(w->c->store, "try", try_tx, &t, &err), 0);
    assert_true(str_find_str(buf_str(&t.out), S("\"values\":{\"tel\":\"199****5678\"},\"met\":true")) > 0);
    buf_done(&t.out);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fresh, gone)

UNIT_MAIN(T(queries__are_right_on_both), T(record__each_op_and_field), T(record__names_of_the_change),
          T(record__the_actor_and_chain_stand_in_the_journal), T(record__update_through_a_reference),
          T(record__order_is_kept), T(past__is_no_news), T(once__a_step_run_again_does_nothing),
          T(once__two_servers_collide_on_the_step), T(once__an_own_key), T(moment__three_workdays_before),
          T(cron__missed_ones_once), T(events__once), T(storm__a_loop_is_cut), T(storm__a_fan_is_cut),
          T(dead__others_go_on_and_it_is_replayed), T(outbox__is_filled_in_the_transaction),
          T(outbox__webhook_and_sms_to_a_server), T(outbox__backs_off_then_dies_then_is_replayed),
          T(outbox__a_host_that_is_not_listed), T(outbox__an_abandoned_claim_is_taken_again),
          T(quiet__hours_shift_and_digests_merge), T(try__says_why), T(try__masks_what_is_sensitive))

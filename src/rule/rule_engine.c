/* SPDX-License-Identifier: MulanPSL-2.0 */
/* What the room adds to the house; its start and end. A city whose packs declare no reactions gets no
 * threads. */
#include "base/log.h"
#include "rule/engine_int.h"
#include "rule_sql.h"

#include <curl/curl.h>

const Room rule_room = {"rule", sql_rule_migrations, sql_rule_all};

/* --- settings: DIR/settings.json, each overridden by the environment
 * ---------------------------------------- */

typedef struct SettingsText {
    Str smtp_url, mail_from, sms_url, webhook_url, webhook_secret;
    StrList call_hosts;
    int64_t send_tries, send_retry_ms;
} SettingsText;

static const JsonField settings_spec[] = {
    {"smtp_url", JSON_T_STR, offsetof(SettingsText, smtp_url)},
    {"mail_from", JSON_T_STR, offsetof(SettingsText, mail_from)},
    {"sms_url", JSON_T_STR, offsetof(SettingsText, sms_url)},
    {"webhook_url", JSON_T_STR, offsetof(SettingsText, webhook_url)},
    {"webhook_secret", JSON_T_STR, offsetof(SettingsText, webhook_secret)},
    {"call_hosts", JSON_T_STR_LIST, offsetof(SettingsText, call_hosts)},
    {"send_tries", JSON_T_INT, offsetof(SettingsText, send_tries), false, 1, 100},
    {"send_retry_ms", JSON_T_INT, offsetof(SettingsText, send_retry_ms), false, 1, 3600000},
    {0}};

static void from_environment(Arena *a, SettingsText *t)
{
    const struct {
        const char *name;
        Str *to;
    } rows[] = {{"CHENGSHU_SMTP_URL", &t->smtp_url},
                {"CHENGSHU_MAIL_FROM", &t->mail_from},
                {"CHENGSHU_SMS_URL", &t->sms_url},
                {"CHENGSHU_WEBHOOK_URL", &t->webhook_url},
                {"CHENGSHU_WEBHOOK_SECRET", &t->webhook_secret}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *v = getenv(rows[i].name);
        if (v && *v) *rows[i].to = str_dup(a, str_c(v));
    }
}

static int settings_file(Arena *a, const char *dir, SettingsText *t, Err *err)
{
    char text[32768];
    json_t *o;
    Str path = str_fmt(a, "%s/settings.json", dir);
    FILE *f = fopen(path.p, "rbe");
    if (!f) return 0; /* all is optional */
    size_t n = fread(text, 1, sizeof text, f);
    fclose(f);
    if (json_parse(a, str_n(text, n), &o, err) < 0 || json_decode(a, o, settings_spec, t, err) < 0)
        return err_wrap(err, "%s", path.p);
    return 0;
}

int settings_read(const char *dir, Settings *ret, Err *err)
{
    Arena *a = arena_new();
    SettingsText t = {.send_tries = 10, .send_retry_ms = 1000};
    if (settings_file(a, dir, &t, err) < 0) {
        arena_free(a);
        return -(int)err->code;
    }
    from_environment(a, &t);
    *ret = (Settings){t.smtp_url,
                      t.mail_from,
                      t.sms_url,
                      t.webhook_url,
                      t.webhook_secret,
                      t.call_hosts,
                      t.send_tries,
                      t.send_retry_ms * 1000,
                      a};
    return 0;
}

/* --- what the database remembers
 * ------------------------------------------------------------------------------ */

typedef struct Since {
    Rules *s;
    int64_t now;
} Since;

static int since_tx(Tx *tx, void *p, Err *err)
{
    Since *x = p;
    _cleanup_arena_ Arena *a = arena_new();
    for (size_t i = 0; i < x->s->set->n; i++) {
        Val id = V_TEXT(x->s->set->rules[i]->id), v;
        TRY(tx_exec(tx, &sql_rule_state_put, VALS(id, V_INT(x->now)), NULL, err));
        TRY(tx_one(tx, a, &sql_rule_state_get, &id, 1, &v, err));
        x->s->since[i] = v.i;
    }
    return 0;
}

int rules_new(City *c, Rules **ret, Err *err)
{
    Faults f = {.arena = arena_new()};
    RuleSet *set = NULL;
    int rc = rule_load(c->model, &f, &set, err);
    arena_free(f.arena);
    TRY(rc);
    Rules *s = xcalloc(1, sizeof *s);
    s->set = set;
    s->city = c;
    s->a = arena_new();
    s->reading = -1;
    pthread_mutex_init(&s->lock, NULL);
    clock_cond_init(&s->news);
    clock_cond_init(&s->mail);
    for (int i = 0; i < LANES; i++) {
        s->lanes[i] = (Lane){.s = s, .no = i, .jobs = xcalloc(BACKLOG_MAX, sizeof(Job *))};
        clock_cond_init(&s->lanes[i].wake);
        clock_cond_init(&s->lanes[i].room);
    }
    s->counts = xcalloc(set->n + 1, sizeof *s->counts);
    s->since = xcalloc(set->n + 1, sizeof *s->since);
    s->owner = store_server(s->a, c->dir ? c->dir : store_dir(c->store));
    rc = settings_read(c->dir ? c->dir : store_dir(c->store), &s->settings, err);
    Since x = {s, clock_now_us()};
    if (rc == 0 && set->n) rc = store_tx(c->store, "reactions.since", since_tx, &x, err);
    if (rc == 0 && set->n) rc = lanes_lease(s, x.now, err);
    if (rc < 0) {
        rules_free(s);
        return rc;
    }
    s->leased_us = x.now;
    s->stepped_us = x.now;
    *ret = s;
    return 0;
}

static void drain(Lane *l)
{
    for (; l->n; l->n--, l->head = (l->head + 1) % BACKLOG_MAX) {
        job_forget(l->jobs[l->head]);
        page_drop(l->jobs[l->head]->page);
    }
}

void rules_free(Rules *s)
{
    if (!s) return;
    for (int i = 0; i < LANES; i++) {
        drain(&s->lanes[i]);
        free(s->lanes[i].jobs);
        pthread_cond_destroy(&s->lanes[i].wake);
        pthread_cond_destroy(&s->lanes[i].room);
    }
    pthread_cond_destroy(&s->news);
    pthread_cond_destroy(&s->mail);
    pthread_mutex_destroy(&s->lock);
    free(s->counts);
    free(s->since);
    if (s->settings.a) arena_free(s->settings.a);
    rule_set_free(s->set);
    arena_free(s->a);
    free(s);
}

int rules_pump(Rules *s, Err *err)
{
    size_t did;
    int more;
    do {
        did = 0;
        more = journal_pass(s, err);
        if (more < 0) return more;
        for (int i = 0; i < LANES; i++)
            while (s->lanes[i].n) did += lane_work(&s->lanes[i]);
    } while (more || did);
    return 0;
}

/* --- threads
 * ---------------------------------------------------------------------------------------------------- */

void rules_poke(Rules *s)
{
    pthread_mutex_lock(&s->lock);
    s->poked = true;
    pthread_cond_signal(&s->news);
    pthread_mutex_unlock(&s->lock);
}

static void on_journal(void *ctx) { rules_poke(ctx); }

static int no_threads(Err *err) { return err_set(err, ERR_INTERNAL, "不能建立反应的线程"); }

static int spawn(Rules *s, Err *err)
{
    for (int i = 0; i < LANES; i++)
        if (pthread_create(&s->lanes[i].thread, NULL, lane_main, &s->lanes[i]) != 0) return no_threads(err);
    for (int i = 0; i < 2; i++)
        if (pthread_create(&s->senders[i], NULL, sender_main, s) != 0) return no_threads(err);
    if (pthread_create(&s->dispatcher, NULL, dispatcher_main, s) != 0) return no_threads(err);
    s->started = true;
    s->watch = store_watch(s->city->store, on_journal, s);
    return 0;
}

static int start(City *c, Err *err)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
    TRY(rules_new(c, &c->rules, err));
    if (!c->rules->set->n) return 0;
    log_event(LOG_INFO, "reactions", S(""), "declared", str_fmt(c->rules->a, "%zu", c->rules->set->n).p,
              NULL);
    return spawn(c->rules, err);
}

static void leave(Rules *s)
{
    Err err = ERR_INIT;
    s->stopping = false; /* the threads are gone; the steps of idle lanes spare the next start some reading */
    if (lanes_catch_up(s, 1, &err) < 0) log_err("reactions", S(""), &err);
}

static void stop(City *c)
{
    Rules *s = c->rules;
    if (!s) return;
    if (s->started) {
        store_unwatch(c->store, s->watch);
        pthread_mutex_lock(&s->lock);
        s->stopping = true;
        pthread_cond_broadcast(&s->news);
        pthread_cond_broadcast(&s->mail);
        for (int i = 0; i < LANES; i++) {
            pthread_cond_broadcast(&s->lanes[i].wake);
            pthread_cond_broadcast(&s->lanes[i].room);
        }
        pthread_mutex_unlock(&s->lock);
        pthread_join(s->dispatcher, NULL);
        for (int i = 0; i < LANES; i++) pthread_join(s->lanes[i].thread, NULL);
        for (int i = 0; i < 2; i++) pthread_join(s->senders[i], NULL);
        leave(s);
    }
    rules_free(s);
    c->rules = NULL;
}

static const Route routes[] = {
    {"GET", "/api/inbox", NULL, ROUTE_ANY_USER, inbox_get, NULL,
     "我的通知（unread=true 只看未读，before= 翻页）"},
    {"GET", "/api/inbox/count", NULL, ROUTE_ANY_USER, inbox_count, NULL, "我的未读通知数"},
    {"GET", "/api/inbox/settings", NULL, ROUTE_ANY_USER, inbox_settings_get, NULL, "我的通知设置"},
    {"PUT", "/api/inbox/settings", NULL, ROUTE_ANY_USER | ROUTE_WRITES, inbox_settings_put,
     inbox_settings_input, "改我的通知设置：免打扰时段、每日汇总、邮箱、手机"},
    {"POST", "/api/inbox/{id}/read", NULL, ROUTE_ANY_USER | ROUTE_WRITES, inbox_read, NULL,
     "把一条通知标为已读"},
    {"GET", "/api/reactions", "reactions.manage", 0, reactions_get, NULL, "全部反应与计数"},
    {"GET", "/api/reactions/cuts", "reactions.manage", 0, reactions_cuts, NULL, "被切断的连锁反应"},
    {"GET", "/api/reactions/dead", "reactions.manage", 0, reactions_dead, NULL, "没有做成的反应与发送"},
    {"POST", "/api/reactions/dead/{key}/replay", "reactions.manage", ROUTE_WRITES, reaction_replay, NULL,
     "再做一次没有做成的"},
    {"GET", "/api/reactions/fired", NULL, ROUTE_ANY_USER, reactions_fired, NULL, "一条记录引起的反应"},
    {"GET", "/api/reactions/{id}/trace", "reactions.manage", 0, reaction_trace, NULL,
     "一个反应对一条记录：条件是否成立、各名字的值、已做过什么"},
    {0}};

const Engine rule_engine = {
    .name = "rule", .room = &rule_room, .routes = routes, .start = start, .stop = stop};

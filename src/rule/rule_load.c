/* SPDX-License-Identifier: MulanPSL-2.0 */
/* rules.yaml of every pack to one immutable set, with every fault of every file. */
#include "rule/rule_int.h"

#include "base/ident.h"
#include "base/text.h"
#include "model/pack_rules.h"
#include <unistd.h>

enum { PER_ENTITY_MAX = 100 };

typedef struct Loader {
    RuleSet *s;
    Faults *f;
    Str system;
} Loader;

static void near_fault(Loader *l, const Yaml *y, Str near, const char *otherwise, const char *what)
{
    fault_add(l->f, y->at,
              near.n ? str_fmt(l->s->a, "是不是 “" STR_FMT "”", STR_ARG(near)) : str_c(otherwise),
              "%s “" STR_FMT "” 不存在", what, STR_ARG(y->text));
}

static const Entity *entity_at(Loader *l, const Yaml *y)
{
    const Entity *e = model_entity(l->s->m, y->text);
    if (!e) near_fault(l, y, model_nearest(l->s->m, y->text), "写已有实体的名字", "实体");
    return e;
}

static const Field *field_at(Loader *l, const Entity *e, const Yaml *y)
{
    const Field *f = e ? entity_field(e, y->text) : NULL;
    if (f && !f->system) return f;
    if (e) near_fault(l, y, entity_nearest(e, y->text), "写该实体已有的字段", "字段");
    return NULL;
}

/* --- on ----------------------------------------------------------------------------------------------------
 */

static void on_ops(Rule *r, const Yaml *y)
{
    static const struct {
        const char *name;
        unsigned bit;
    } rows[] = {{"insert", RULE_INSERT}, {"update", RULE_UPDATE}, {"delete", RULE_DELETE}};
    if (!y) r->ops = RULE_INSERT | RULE_UPDATE | RULE_DELETE;
    size_t n = !y ? 0 : y->kind == YAML_LIST ? y->n : 1;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < 3; k++)
            if (str_is((y->kind == YAML_LIST ? y->items[i] : y)->text, rows[k].name)) r->ops |= rows[k].bit;
}

static void on_record(Loader *l, Rule *r, const OnFile *o)
{
    r->trigger = ON_RECORD;
    r->entity = entity_at(l, o->record);
    on_ops(r, o->ops);
    size_t n = !o->fields ? 0 : o->fields->kind == YAML_LIST ? o->fields->n : 1;
    for (size_t i = 0; r->entity && i < n; i++) {
        const Field *f =
            field_at(l, r->entity, o->fields->kind == YAML_LIST ? o->fields->items[i] : o->fields);
        if (f) *ARENA_PUSH(l->s->a, r->fields, r->n_fields, r->cap_fields) = f;
    }
}

static void on_moment(Loader *l, Rule *r, const OnFile *o)
{
    Err err = ERR_INIT;
    r->trigger = ON_MOMENT;
    if (!o->of) {
        fault_add(l->f, o->moment->at, S("加上 of: 实体"), "时刻要说明属于哪个实体");
        return;
    }
    r->entity = entity_at(l, o->of);
    r->moment = field_at(l, r->entity, o->moment);
    if (r->moment && r->moment->storage != STORE_DATE && r->moment->storage != STORE_AT)
        fault_add(l->f, o->moment->at, S("选一个 date 或 datetime 字段"), "字段 “" STR_FMT "” 不是日期",
                  STR_ARG(o->moment->text));
    if (o->offset && offset_parse(o->offset->text, &r->offset, &err) < 0)
        fault_add(l->f, o->offset->at, str_dup(l->s->a, str_c(err.hint)), "%s", err.msg);
    if (o->at && tod_parse(o->at->text, &r->offset.at, &err) < 0)
        fault_add(l->f, o->at->at, S("写成 08:30 的样子"), "%s", err.msg);
}

static void on_cron(Loader *l, Rule *r, const OnFile *o)
{
    Err err = ERR_INIT;
    r->trigger = ON_CRON;
    if (cron_parse(o->cron->text, &r->cron, &err) < 0)
        fault_add(l->f, o->cron->at, str_dup(l->s->a, str_c(err.hint)), "%s", err.msg);
}

static void on_event(Loader *l, Rule *r, const OnFile *o)
{
    r->trigger = o->message ? ON_MESSAGE : ON_ALARM;
    r->name = o->message ? o->message->text : o->alarm->text;
    if (o->of) r->entity = entity_at(l, o->of);
}

static Str on_text(Loader *l, const Rule *r)
{
    static const char *const units[] = {"日", "工作日", "小时"};
    Arena *a = l->s->a;
    Str entity = r->entity ? r->entity->title : S("");
    switch (r->trigger) {
    case ON_RECORD:
        return str_fmt(a, STR_FMT "%s%s%s", STR_ARG(entity), r->ops & RULE_INSERT ? " 新增" : "",
                       r->ops & RULE_UPDATE ? " 修改" : "", r->ops & RULE_DELETE ? " 删除" : "");
    case ON_MOMENT:
        return str_fmt(a, STR_FMT " “" STR_FMT "” %+lld %s", STR_ARG(entity),
                       STR_ARG(r->moment ? r->moment->title : S("")), (long long)r->offset.n,
                       units[r->offset.unit]);
    case ON_CRON: return S("定时");
    case ON_MESSAGE: return str_fmt(a, "消息 " STR_FMT, STR_ARG(r->name));
    case ON_ALARM: return str_fmt(a, "告警 " STR_FMT, STR_ARG(r->name));
    }
    return S("");
}

static void read_on(Loader *l, Rule *r, const Yaml *y)
{
    OnFile o = {0};
    if (!y || !pack_decode(y, on_keys, &o, l->f)) return;
    const Yaml *kinds[] = {o.record, o.moment, o.cron, o.message, o.alarm};
    size_t n = 0;
    for (size_t i = 0; i < 5; i++) n += kinds[i] != NULL;
    if (n != 1) {
        fault_add(l->f, y->at, S("在 record、moment、cron、message、alarm 里写一个"),
                  "on 要且只要说一种时机");
        return;
    }
    if (o.record) on_record(l, r, &o);
    if (o.moment) on_moment(l, r, &o);
    if (o.cron) on_cron(l, r, &o);
    if (o.message || o.alarm) on_event(l, r, &o);
    r->on_text = on_text(l, r);
}

/* --- do
 * ------------------------------------------------------------------------------------------------------ */

static void read_set(Loader *l, const Rule *r, Act *act, const Yaml *map, bool insert)
{
    for (size_t i = 0; act->entity && i < map->n; i++) {
        const Field *f = field_at(l, act->entity, map->pairs[i].key);
        if (!f) continue;
        if (f->computed || (!insert && act->entity->key == f)) {
            fault_add(l->f, map->pairs[i].key->at, S("去掉这一项"), "字段 “" STR_FMT "” 不能由反应来写",
                      STR_ARG(f->name));
            continue;
        }
        SetItem *item = ARENA_PUSH(l->s->a, act->sets, act->n_sets, act->cap_sets);
        item->f = f;
        rule_expr(l->s, r->entity, map->pairs[i].value, &item->x, l->f);
    }
    for (size_t i = 0; insert && act->entity && i < act->entity->n; i++) {
        const Field *f = &act->entity->fields[i];
        bool set = !f->required || f->has_default || f->computed;
        for (size_t k = 0; k < act->n_sets; k++) set |= act->sets[k].f == f;
        if (!set)
            fault_add(l->f, map->at, str_fmt(l->s->a, "补上 " STR_FMT, STR_ARG(f->name)),
                      "新增的" STR_FMT "缺少必填的 “" STR_FMT "”", STR_ARG(act->entity->title),
                      STR_ARG(f->title));
    }
}

static void do_write(Loader *l, Rule *r, Act *act, const Yaml *y)
{
    WriteFile w = {0};
    act->kind = ACT_WRITE;
    if (!pack_decode(y, write_keys, &w, l->f) || !w.entity || !w.set) return;
    act->entity = entity_at(l, w.entity);
    read_set(l, r, act, w.set, true);
}

static void do_update(Loader *l, Rule *r, Act *act, const Yaml *y)
{
    WriteFile w = {0};
    act->kind = ACT_UPDATE;
    if (!pack_decode(y, update_keys, &w, l->f) || !w.set) return;
    if (!r->entity) {
        fault_add(l->f, y->at, S("改用 write，或换一种时机"), "这种时机没有记录可改");
        return;
    }
    act->entity = r->entity;
    if (w.of) {
        act->of = field_at(l, r->entity, w.of);
        act->entity = act->of && act->of->to && act->of->storage != STORE_LINK ? act->of->to : NULL;
        if (act->of && !act->entity)
            fault_add(l->f, w.of->at, S("写一个 ref 字段"), "字段 “" STR_FMT "” 不是单个引用",
                      STR_ARG(w.of->text));
    }
    read_set(l, r, act, w.set, false);
}

static void notify_to(Loader *l, const Rule *r, Act *act, const Yaml *y)
{
    NotifyToFile t = {0};
    if (!pack_decode(y, notify_to_keys, &t, l->f)) return;
    if (!!t.user + !!t.role + !!t.org + !!t.field != 1) {
        fault_add(l->f, y->at, S("在 user、role、org、field 里写一个"), "to 要且只要说一种人");
        return;
    }
    const Yaml *v = t.user ? t.user : t.role ? t.role : t.org ? t.org : t.field;
    act->to = t.user ? TO_USER : t.role ? TO_ROLE : t.org ? TO_ORG : TO_FIELD;
    act->to_value = v->text;
    if (t.role && !model_role(l->s->m, v->text))
        fault_add(l->f, v->at, S("写 roles.yaml 里有的角色"), "没有角色 “" STR_FMT "”", STR_ARG(v->text));
    if (t.org && r->entity) act->to_field = entity_field(r->entity, v->text);
    if (t.field && !r->entity)
        fault_add(l->f, v->at, S("改用 user 或 role"), "这种时机没有记录，也就没有字段");
    else if (t.field)
        act->to_field = field_at(l, r->entity, v);
}

static void do_notify(Loader *l, Rule *r, Act *act, const Yaml *y)
{
    static const struct {
        const char *name;
        unsigned bit;
    } rows[] = {
        {"inbox", CHANNEL_INBOX}, {"mail", CHANNEL_MAIL}, {"webhook", CHANNEL_WEBHOOK}, {"sms", CHANNEL_SMS}};
    NotifyFile n = {0};
    act->kind = ACT_NOTIFY;
    if (!pack_decode(y, notify_keys, &n, l->f) || !n.to || !n.title) return;
    notify_to(l, r, act, n.to);
    rule_expr(l->s, r->entity, n.title, &act->title, l->f);
    rule_expr(l->s, r->entity, n.text, &act->text, l->f);
    if (!n.channels) act->channels = CHANNEL_INBOX;
    size_t k = !n.channels ? 0 : n.channels->kind == YAML_LIST ? n.channels->n : 1;
    for (size_t i = 0; i < k; i++)
        for (size_t j = 0; j < 4; j++)
            if (str_is((n.channels->kind == YAML_LIST ? n.channels->items[i] : n.channels)->text,
                       rows[j].name))
                act->channels |= rows[j].bit;
}

static bool header_ok(Str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == 127) return false;
    return s.n < 2000;
}

static void do_call(Loader *l, Rule *r, Act *act, const Yaml *y)
{
    CallFile c = {0};
    Err err = ERR_INIT;
    Buf b;
    JsonWriter w;
    act->kind = ACT_CALL;
    if (!pack_decode(y, call_keys, &c, l->f) || !c.url) return;
    if (ident_url(c.url->text, &err) < 0)
        fault_add(l->f, c.url->at, S("写成 https://主机/路径"), "%s", err.msg);
    act->url = c.url->text;
    act->method = c.method ? c.method->text : S("POST");
    rule_expr(l->s, r->entity, c.body, &act->body, l->f);
    buf_init(&b, 1 << 16);
    jw_init(&w, &b);
    jw_object(&w);
    for (size_t i = 0; c.headers && i < c.headers->n; i++) {
        const Yaml *k = c.headers->pairs[i].key, *v = c.headers->pairs[i].value;
        if (v->kind != YAML_SCALAR || !header_ok(k->text) || !header_ok(v->text) ||
            str_find(k->text, ':') >= 0) {
            fault_add(l->f, k->at, S("名字: 一行文字"), "请求头写得不对");
            continue;
        }
        jw_kstr(&w, str_cdup(l->s->a, k->text), v->text);
    }
    jw_object_end(&w);
    act->headers = buf_dup(l->s->a, &b);
    buf_done(&b);
}

static void do_other(Loader *l, Rule *r, Act *act, const Yaml *y, const char *name)
{
    act->kind = ACT_OTHER;
    act->node = y;
    for (size_t i = 0; rule_actions[i]; i++)
        if (!strcmp(rule_actions[i]->name, name)) act->other = rule_actions[i];
    if (!act->other)
        fault_add(l->f, y->at, S("先用 write、update、notify、call"), "本程序还没有动作 “%s”", name);
    else if (act->other->check)
        act->other->check(l->s->m, r->entity, y, l->f);
}

static void read_act(Loader *l, Rule *r, const Yaml *y)
{
    ActionFile x = {0};
    if (!pack_decode(y, action_keys, &x, l->f)) return;
    const struct {
        const char *name;
        const Yaml *y;
        void (*fn)(Loader *, Rule *, Act *, const Yaml *);
    } rows[] = {{"write", x.write, do_write},    {"update", x.update, do_update},
                {"notify", x.notify, do_notify}, {"call", x.call, do_call},
                {"flow", x.flow, NULL},          {"raise", x.raise, NULL},
                {"signal", x.signal, NULL}};
    size_t n = 0, at = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].y) n++, at = i;
    if (n != 1) {
        fault_add(l->f, y->at, S("每个动作自成一项"),
                  "一项动作要且只要写一种：write、update、notify、call …");
        return;
    }
    Act *act = ARENA_PUSH(l->s->a, r->acts, r->n_acts, r->cap_acts);
    rule_expr(l->s, r->entity, x.key, &act->key, l->f);
    if (rows[at].fn)
        rows[at].fn(l, r, act, rows[at].y);
    else
        do_other(l, r, act, rows[at].y, rows[at].name);
}

/* --- files
 * --------------------------------------------------------------------------------------------------- */

const Rule *rule_find(const RuleSet *s, Str id)
{
    const Rule *found = NULL;
    for (size_t i = 0; i < s->n; i++) {
        if (str_eq(s->rules[i]->id, id)) return s->rules[i];
        Str tail = str_from(s->rules[i]->id, (size_t)(str_find(s->rules[i]->id, '.') + 1));
        if (!str_eq(tail, id)) continue;
        if (found) return NULL; /* two packs have one of this name: say which */
        found = s->rules[i];
    }
    return found;
}

static void read_reaction(Loader *l, const Yaml *y)
{
    ReactionFile x = {0};
    if (!pack_decode(y, reaction_keys, &x, l->f) || !x.id) return;
    Str id = str_fmt(l->s->a, STR_FMT "." STR_FMT, STR_ARG(l->system), STR_ARG(x.id->text));
    size_t same = 0;
    for (size_t i = 0; i < l->s->n; i++)
        if (str_eq(l->s->rules[i]->id, id)) {
            fault_add(l->f, x.id->at,
                      str_fmt(l->s->a, "换一个名字（已在第 %d 行声明）", l->s->rules[i]->at.line),
                      "反应 “" STR_FMT "” 重复声明", STR_ARG(x.id->text));
            return;
        }
    if (l->s->n == RULES_MAX) return fault_add(l->f, y->at, S("减少反应"), "反应超过 %d 个", RULES_MAX);
    Rule *r = ARENA_NEW(l->s->a, Rule);
    *r = (Rule){.id = id, .title = pack_text(x.title), .at = x.id->at, .i = l->s->n};
    *ARENA_PUSH(l->s->a, l->s->rules, l->s->n, l->s->cap) = r;
    read_on(l, r, x.on);
    for (size_t i = 0; r->entity && i < l->s->n; i++) same += l->s->rules[i]->entity == r->entity;
    if (same > PER_ENTITY_MAX)
        fault_add(l->f, x.id->at, S("合并条件相近的反应"), "一个实体的反应超过 %d 个", PER_ENTITY_MAX);
    rule_expr(l->s, r->entity, x.when, &r->when, l->f);
    if (x.actions && (!x.actions->n || x.actions->n > ACTIONS_MAX))
        fault_add(l->f, x.actions->at, S("写 1 到 20 项动作"), "do 有 %zu 项动作", x.actions->n);
    for (size_t i = 0; x.actions && i < x.actions->n && i < ACTIONS_MAX; i++)
        read_act(l, r, x.actions->items[i]);
    l->s->records |= r->trigger == ON_RECORD;
    l->s->moments |= r->trigger == ON_MOMENT;
    l->s->crons |= r->trigger == ON_CRON;
    l->s->events |= r->trigger == ON_MESSAGE || r->trigger == ON_ALARM;
}

static void read_rules(Loader *l, const Yaml *root)
{
    const Yaml *list = NULL;
    if (!root || !pack_decode(root, rules_keys, &list, l->f) || !list) return;
    for (size_t i = 0; i < list->n; i++) read_reaction(l, list->items[i]);
}

static void free_env(void *p) { expr_env_free(p); }

static RuleSet *set_new(const Model *m)
{
    Arena *a = arena_new();
    RuleSet *s = ARENA_NEW(a, RuleSet);
    s->a = a;
    s->m = m;
    s->env = expr_env_new();
    arena_defer(a, free_env, s->env);
    return s;
}

static int finish(RuleSet *s, Faults *f, size_t before, RuleSet **ret, Err *err)
{
    if (f->n == before) return *ret = s, 0;
    faults_sort(f);
    size_t n = f->n - before;
    /* the faults outlive the set: their words must, too */
    for (size_t i = 0; i < f->n; i++) {
        f->items[i].file = str_cdup(f->arena, str_c(f->items[i].file));
        f->items[i].fix = str_dup(f->arena, f->items[i].fix);
    }
    rule_set_free(s);
    return err_set(err, ERR_PACK, "反应有 %zu 处错误，整套未被采用", n);
}

int rule_load(const Model *m, Faults *f, RuleSet **ret, Err *err)
{
    RuleSet *s = set_new(m);
    size_t before = f->n;
    for (size_t i = 0; i < m->n_systems; i++) {
        if (!m->systems[i].dir.n) continue;
        Loader l = {s, f, m->systems[i].name};
        Str path = str_fmt(s->a, STR_FMT "/rules.yaml", STR_ARG(m->systems[i].dir));
        if (access(path.p, F_OK) == 0) read_rules(&l, yaml_read(s->a, path.p, path.p, f));
    }
    return finish(s, f, before, ret, err);
}

int rule_check(const Model *m, Faults *f, Err *err)
{
    _cleanup_ruleset_ RuleSet *s = NULL;
    return rule_load(m, f, &s, err);
}

int rule_load_file(const Model *m, const char *path, Faults *f, RuleSet **ret, Err *err)
{
    RuleSet *s = set_new(m);
    size_t before = f->n;
    Loader l = {s, f, S("try")};
    const char *shown = str_cdup(s->a, str_c(path));
    read_rules(&l, yaml_read(s->a, shown, shown, f));
    return finish(s, f, before, ret, err);
}

int rule_load_text(const Model *m, const char *shown, Str text, Faults *f, RuleSet **ret, Err *err)
{
    RuleSet *s = set_new(m);
    size_t before = f->n;
    Loader l = {s, f, S("try")};
    read_rules(&l, yaml_parse(s->a, text, shown, f));
    return finish(s, f, before, ret, err);
}

void rule_set_free(RuleSet *s)
{
    if (s) arena_free(s->a);
}

void rule_set_freep(RuleSet **s) { rule_set_free(TAKE(*s)); }
size_t rule_count(const RuleSet *s) { return s->n; }

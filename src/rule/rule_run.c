/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * One job through its rules. Exactly once in effect: the done row of an action stands in the transaction of
 * its effect, and an action whose row is there already does nothing. A chain of reactions is cut at
 * CHAIN_MAX, a fan at CONSEQUENCES_MAX; what was cut leaves a row that names the chain.
 */
#include "base/log.h"
#include "rule/engine_int.h"
#include "rule_sql.h"
#include <stddef.h>

/* --- chains: purpose "chain: a>b @123", written by reactions only
 * ------------------------------------------- */

Chain chain_of(const JournalEntry *e)
{
    Chain c = {.origin = e->seq};
    Str p = e->purpose;
    if (!str_starts(e->actor, S("reaction:")) || !str_starts(p, S("chain: "))) return c;
    p = str_from(p, 7);
    ptrdiff_t at = str_find_str(p, S(" @"));
    int64_t origin;
    if (at < 0) return c;
    if (str_int(str_from(p, (size_t)at + 2), &origin) && origin > 0) c.origin = origin;
    c.path = str_n(p.p, (size_t)at);
    c.depth = c.path.n > 0;
    for (size_t i = 0; i < c.path.n; i++) c.depth += c.path.p[i] == '>';
    return c;
}

Str chain_text(Arena *a, const Chain *c, Str id)
{
    return str_fmt(a, "chain: " STR_FMT "%s" STR_FMT " @%lld", STR_ARG(c->path), c->path.n ? ">" : "",
                   STR_ARG(id), (long long)c->origin);
}

/* --- jobs
 * ------------------------------------------------------------------------------------------------------ */

bool job_match(const RuleSet *s, Arena *a, Job *job)
{
    size_t cap = 0;
    job->n = 0;
    for (size_t i = 0; i < s->n; i++)
        if (rule_matches(s->rules[i], job)) *ARENA_PUSH(a, job->rules, job->n, cap) = s->rules[i];
    job->result = ARENA_ARRAY(a, char, job->n + 1);
    job->reasons = ARENA_ARRAY(a, char *, job->n + 1);
    return job->n > 0;
}

void job_forget(Job *job)
{
    for (size_t i = 0; i < job->n; i++) {
        free(job->reasons[i]);
        job->reasons[i] = NULL;
    }
}

Str job_json(Arena *a, const Job *job)
{
    Buf b;
    JsonWriter w;
    buf_init(&b, 1 << 20);
    jw_init(&w, &b);
    jw_object(&w);
    jw_kint(&w, "kind", job->kind);
    jw_kint(&w, "seq", job->e.seq);
    jw_kint(&w, "at", job->e.at_us);
    jw_kstr(&w, "op", job->e.op);
    jw_kstr(&w, "entity", job->e.entity);
    jw_kstr(&w, "record", job->e.record);
    jw_kstr(&w, "id", job->id);
    jw_kstr(&w, "name", job->name);
    jw_kstr(&w, "body", job->body);
    jw_object_end(&w);
    Str s = buf_dup(a, &b);
    buf_done(&b);
    return s;
}

typedef struct JobText {
    int64_t kind, seq, at;
    Str op, entity, record, id, name, body;
} JobText;

static const JsonField job_spec[] = {{"kind", JSON_T_INT, offsetof(JobText, kind), true},
                                     {"seq", JSON_T_INT, offsetof(JobText, seq), true},
                                     {"at", JSON_T_INT, offsetof(JobText, at), true},
                                     {"op", JSON_T_STR, offsetof(JobText, op), true},
                                     {"entity", JSON_T_STR, offsetof(JobText, entity), true},
                                     {"record", JSON_T_STR, offsetof(JobText, record), true},
                                     {"id", JSON_T_STR, offsetof(JobText, id), true},
                                     {"name", JSON_T_STR, offsetof(JobText, name), true},
                                     {"body", JSON_T_STR, offsetof(JobText, body), true},
                                     {0}};

int job_from_json(Arena *a, Str text, Job *ret, Err *err)
{
    JobText j = {0};
    json_t *o;
    TRY(json_parse(a, text, &o, err));
    TRY(json_decode(a, o, job_spec, &j, err));
    if (j.kind < JOB_ENTRY || j.kind > JOB_EVENT) return err_set(err, ERR_INPUT, "不认识的起因");
    *ret = (Job){.kind = (JobKind)j.kind, .id = j.id, .name = j.name, .body = j.body};
    ret->e = (JournalEntry){.seq = j.seq, .at_us = j.at, .op = j.op, .entity = j.entity, .record = j.record};
    return 0;
}

bool lasting(int rc)
{
    static const ErrCode codes[] = {ERR_VALIDATION,   ERR_UNIQUE,   ERR_REFERENCE, ERR_FORBIDDEN,
                                    ERR_NOT_FOUND,    ERR_INPUT,    ERR_PACK,      ERR_CONFLICT,
                                    ERR_PRECONDITION, ERR_TOO_LARGE};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (rc == -(int)codes[i]) return true;
    return false;
}

/* --- running
 * ----------------------------------------------------------------------------------------------------- */

static Str job_key(Arena *a, const Job *job, const Rule *r)
{
    return job->kind == JOB_ENTRY ? str_fmt(a, STR_FMT "/%lld", STR_ARG(r->id), (long long)job->e.seq)
                                  : str_fmt(a, STR_FMT "/" STR_FMT, STR_ARG(r->id), STR_ARG(job->id));
}

static int cut(Tx *tx, Arena *a, const Job *job, const Rule *r, const Chain *c, const char *why, bool first,
               Err *err)
{
    Str path = chain_text(a, c, r->id);
    char seq[32];
    snprintf(seq, sizeof seq, "%lld", (long long)job->e.seq);
    if (first)
        log_event(LOG_WARN, "reaction cut", job->e.trace, "chain", str_cdup(a, path), "why", why, "seq", seq,
                  NULL);
    return tx_exec(tx, &sql_rule_cut_put,
                   VALS(V_TEXT(job_key(a, job, r)), V_TEXT(r->id), V_TEXT(job->e.entity),
                        V_TEXT(job->e.record), V_INT(job->e.seq), V_INT(c->origin), V_TEXT(path),
                        V_TEXT(str_c(why)), V_INT(clock_now_us())),
                   NULL, err);
}

static int dead(Tx *tx, Arena *a, const Job *job, const Rule *r, const char *reason, Err *err)
{
    return tx_exec(tx, &sql_rule_dead_put,
                   VALS(V_TEXT(job_key(a, job, r)), V_TEXT(r->id), V_TEXT(job->e.entity),
                        V_TEXT(job->e.record), V_INT(job->e.seq), V_TEXT(job_json(a, job)),
                        V_TEXT(str_c(reason)), V_INT(clock_now_us())),
                   NULL, err);
}

static int act_once(Doing *d, size_t i, Err *err)
{
    const Act *act = &d->r->acts[i];
    const JournalEntry *e = &d->x->job->e;
    Arena *a = d->x->a;
    Str base = job_key(a, d->x->job, d->r), key = str_fmt(a, STR_FMT "/%zu", STR_ARG(base), i);
    Val own = V_NULL;
    int64_t n;
    if (act->key.x) TRY(facts_eval(d->x, &act->key, &own, err));
    if (own.kind != VAL_NULL)
        key = str_fmt(a, STR_FMT "/k/%zu/" STR_FMT, STR_ARG(d->r->id), i, STR_ARG(val_text(a, own)));
    TRY(tx_exec(d->x->tx, &sql_rule_done_put,
                VALS(V_TEXT(key), V_TEXT(d->r->id), V_TEXT(e->entity), V_TEXT(e->record), V_INT(e->seq),
                     V_INT(own.kind != VAL_NULL), V_INT(d->at_us)),
                &n, err));
    return n ? rule_act(d, act, key, err) : 0;
}

/* Over the limit of consequences? Only what reactions wrote is counted: an original entry has at most as many
   as the packs declare. Rows are written for the first hundred cut, the rest goes silently. */
static int check_storm(Tx *tx, Arena *a, Job *job, size_t i, const Chain *c, bool *ret_cut, Err *err)
{
    const Rule *r = job->rules[i];
    Val n;
    *ret_cut = false;
    if (!c->depth) return 0;
    if (c->depth >= CHAIN_MAX) {
        *ret_cut = true;
        return cut(tx, a, job, r, c, "反应一个引发一个，超过 16 层，多半是循环", true, err);
    }
    TRY(tx_one(tx, a, &sql_rule_origin_count, VALS(V_INT(c->origin), V_INT(clock_now_us())), &n, err));
    if (n.kind != VAL_INT || n.i <= CONSEQUENCES_MAX) return 0;
    *ret_cut = true;
    if (n.i > CONSEQUENCES_MAX + 100) return 0;
    return cut(tx, a, job, r, c, "同一处变更引发了 1,000 个以上的后果", n.i == CONSEQUENCES_MAX + 1, err);
}

static int run_rule(Rules *s, Facts *x, Job *job, size_t i, Err *err)
{
    const Rule *r = job->rules[i];
    Arena *a = x->a;
    Val met = V_INT(1);
    bool storm;
    Chain chain = job->kind == JOB_ENTRY ? chain_of(&job->e) : (Chain){0};
    if (job->result[i] == R_FAILED) return dead(x->tx, a, job, r, job->reasons[i], err);
    if (r->when.x) TRY(facts_eval(x, &r->when, &met, err));
    job->result[i] = R_SKIPPED;
    if (!val_true(met)) return 0;
    TRY(check_storm(x->tx, a, job, i, &chain, &storm, err));
    job->result[i] = storm ? R_CUT : R_FIRED;
    if (storm) return 0;
    char trace[TRACE_SIZE];
    trace_new(trace);
    Doing d = {.x = x, .rules = s, .r = r, .chain = chain, .at_us = clock_now_us()};
    d.trace = job->e.trace.n ? job->e.trace : str_dup(a, str_c(trace));
    d.who = (Actor){.user = str_fmt(a, "reaction:" STR_FMT, STR_ARG(r->id)),
                    .name = r->title,
                    .purpose = chain_text(a, &chain, r->id),
                    .system = true};
    for (size_t k = 0; k < r->n_acts; k++) TRY(act_once(&d, k, err));
    return 0;
}

/* Moments, cron and events are claimed in the same transaction: *ret false when another server did it. */
static int claim(Tx *tx, Arena *a, const Job *job, bool *ret, Err *err)
{
    int64_t n = 1;
    if (job->kind == JOB_EVENT) TRY(tx_exec(tx, &sql_rule_event_drop, VALS(V_TEXT(job->id)), &n, err));
    if (job->kind == JOB_MOMENT || job->kind == JOB_CRON)
        TRY(tx_exec(tx, &sql_rule_fired_put,
                    VALS(V_TEXT(str_fmt(a, STR_FMT "/" STR_FMT, STR_ARG(job->only->id), STR_ARG(job->id))),
                         V_INT(clock_now_us())),
                    &n, err));
    *ret = n != 0;
    if (job->kind == JOB_CRON && n)
        return tx_exec(tx, &sql_rule_state_last, VALS(V_TEXT(job->only->id), V_INT(job->e.at_us)), NULL, err);
    return 0;
}

int job_run(Rules *s, Tx *tx, Arena *a, Job *job, size_t *ret_rule, Err *err)
{
    Facts x;
    bool mine, stale = true;
    const Entity *e = model_entity(s->city->model, job->e.entity);
    *ret_rule = job->n;
    TRY(claim(tx, a, job, &mine, err));
    for (size_t i = 0; i < job->n; i++) {
        if (!mine) {
            job->result[i] = R_GONE;
            continue;
        }
        *ret_rule = job->n;
        if (stale) TRY(facts_load(&x, s->city, tx, a, job, e, err));
        *ret_rule = i;
        TRY(run_rule(s, &x, job, i, err));
        stale = job->result[i] == R_FIRED; /* it may have changed what the next one looks at */
    }
    *ret_rule = job->n;
    return 0;
}

int job_replay(Rules *s, Tx *tx, Arena *a, Job *job, Err *err)
{
    Facts x;
    TRY(facts_load(&x, s->city, tx, a, job, model_entity(s->city->model, job->e.entity), err));
    return run_rule(s, &x, job, 0, err);
}

int job_wants(Rules *s, Tx *tx, Arena *a, Job *job, bool *ret, Err *err)
{
    Facts x;
    Val met;
    const Entity *e = model_entity(s->city->model, job->e.entity);
    *ret = job->kind != JOB_ENTRY; /* has to be claimed in any case */
    for (size_t i = 0; i < job->n && !*ret; i++) *ret = !job->rules[i]->when.x;
    if (*ret) return 0;
    TRY(facts_load(&x, s->city, tx, a, job, e, err));
    for (size_t i = 0; i < job->n && !*ret; i++) {
        Err why = ERR_INIT;
        int rc = facts_eval(&x, &job->rules[i]->when, &met, &why);
        *ret = rc < 0 || val_true(met); /* a failing condition goes on to its dead letter */
    }
    for (size_t i = 0; i < job->n && !*ret; i++) job->result[i] = R_SKIPPED;
    return 0;
}

/* --- raised by rooms
 * ---------------------------------------------------------------------------------------------- */

static int raise(Tx *tx, const char *kind, Str name, Str entity, Str record, Str body, Err *err)
{
    char id[TRACE_SIZE];
    trace_new(id);
    if (body.n > 1 << 20) return err_set(err, ERR_TOO_LARGE, "消息太大");
    return tx_exec(tx, &sql_rule_event_put,
                   VALS(V_TEXT(str_c(id)), V_TEXT(str_c(kind)), V_TEXT(name), V_TEXT(entity), V_TEXT(record),
                        V_TEXT(body), V_INT(clock_now_us())),
                   NULL, err);
}

int rule_message(Tx *tx, Str name, Str entity, Str record, Str body, Err *err)
{
    return raise(tx, "message", name, entity, record, body, err);
}

int rule_alarm(Tx *tx, Str name, Str entity, Str record, Str body, Err *err)
{
    return raise(tx, "alarm", name, entity, record, body, err);
}

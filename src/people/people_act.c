/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * How rights change. An act weighs its parameters first; one that is dangerous (a role that unmasks, an
 * administrator's role) does not happen but is written down, and happens when a second person who is neither
 * the asker nor the one concerned approves it: then everything is weighed again.
 */
#include "people/people_int.h"

#include "people_sql.h"

static const Act *const acts[] = {&act_certify, &act_delegate, &act_grant, &act_hold,
                                  &act_key,     &act_position, &act_reset, &act_subject};

const Act *act_find(Str name)
{
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++)
        if (str_is(name, acts[i]->name)) return acts[i];
    return NULL;
}

int act_do(Deed *d, const Act *act, const json_t *body, bool force, Weight *ret, Str *ret_id, Err *err)
{
    void *params = arena_alloc(d->a, act->size);
    *ret = (Weight){0};
    TRY(json_decode(d->a, body, act->input, params, err));
    TRY(act->weigh(d, params, ret, err));
    return ret->dangerous && !force ? 0 : act->apply(d, params, ret_id, err);
}

int act_ask(Deed *d, const Act *act, const json_t *body, Str subject, Str *ret_id, Err *err)
{
    Buf b;
    JsonWriter w;
    buf_init(&b, 1 << 16);
    jw_init(&w, &b);
    jw_json(&w, body);
    Str params = buf_dup(d->a, &b);
    buf_done(&b);
    *ret_id = new_id(d->a);
    TRY(tx_exec(d->tx, &sql_people_approval_add,
                VALS(V_TEXT(*ret_id), V_TEXT(str_c(act->name)), V_TEXT(params), V_TEXT(subject),
                     V_TEXT(d->who->user), V_INT(d->now)),
                NULL, err));
    const Fact after[] = {{"act", str_c(act->name)}, {"params", params}, {"state", S("asked")}, {0}};
    return note(d, "people_approval", *ret_id, "insert", NULL, after, err);
}

typedef struct Run {
    Request *rq;
    const Act *act;
    const json_t *body;
    Weight weight;
    Str id;
} Run;

static int run_tx(Tx *tx, void *p, Err *err)
{
    Run *r = p;
    Deed d = deed_of(r->rq, tx);
    TRY(act_do(&d, r->act, r->body, false, &r->weight, &r->id, err));
    return r->weight.dangerous ? act_ask(&d, r->act, r->body, r->weight.subject, &r->id, err) : 0;
}

int act_perform(Request *rq, const Act *act, const json_t *body, Weight *ret, Str *ret_id, Err *err)
{
    Run r = {.rq = rq, .act = act, .body = body};
    TRY(store_tx(rq->city->store, act->name, run_tx, &r, err));
    *ret = r.weight;
    *ret_id = r.id;
    return 0;
}

int act_run(Request *rq, const Act *act, Err *err)
{
    Weight weight;
    Str id;
    json_t *body;
    JsonWriter w;
    TRY(json_parse(rq->arena, rq->body, &body, err));
    TRY(act_perform(rq, act, body, &weight, &id, err));
    if (!weight.dangerous) return answer_id(rq, 201, id), 0;
    jw_init(&w, &rq->out);
    jw_object(&w);
    jw_kstr(&w, "approval", id);
    jw_kstr(&w, "state", S("asked"));
    jw_kstr(&w, "message", S("这项操作要由另一位管理员批准后生效"));
    jw_object_end(&w);
    rq->status = 202;
    return 0;
}

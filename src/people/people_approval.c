/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Acts that wait for a second person: list, approve (the act is weighed anew and happens in the same
   transaction as the decision), refuse with a reason. */
#include "people/people_int.h"

#include "people_sql.h"

int approvals_get(Request *rq, Err *err)
{
    static const ColKind kinds[] = {COL_TEXT, COL_TEXT, COL_JSON, COL_TEXT, COL_TEXT,
                                    COL_TIME, COL_TEXT, COL_TEXT, COL_TIME, COL_TEXT};
    return list_answer(rq, &sql_people_approval_list, VALS(V_TEXT(request_param(rq, "state"))), kinds, err);
}

typedef struct Decision {
    Request *rq;
    bool approve;
    Str reason, made;
} Decision;

typedef struct Asked {
    Str act, params, subject, asked_by, state;
} Asked;

static int read_asked(Deed *d, Str id, Asked *ret, Err *err)
{
    Rows *rows;
    TRY(tx_query(d->tx, d->a, &sql_people_approval_get, VALS(V_TEXT(id)), &rows, err));
    int rc = rows_next(rows, err);
    if (rc > 0)
        *ret = (Asked){rows_text(rows, d->a, 0), rows_text(rows, d->a, 1), rows_text(rows, d->a, 2),
                       rows_text(rows, d->a, 3), rows_text(rows, d->a, 4)};
    rows_done(rows);
    if (rc < 0) return rc;
    if (!rc) return err_set(err, ERR_NOT_FOUND, "没有这项审批：" STR_FMT, STR_ARG(id));
    if (!str_is(ret->state, "asked")) return err_set(err, ERR_CONFLICT, "这项审批已经办结");
    return 0;
}

/* Whoever has lost the office meanwhile, or was closed, asks for nothing any more. */
static int asker_may(Deed *d, Str asker, const Act *act, Err *err)
{
    Actor now = {0};
    Rights r = {.a = d->a, .m = d->city->model, .actor = &now};
    TRY(rights_read(&r, d->tx, &sql_people_user_rights, asker, NULL, err));
    if (r.found && actor_may(&now, act->permission ? act->permission : "roles.manage")) return 0;
    return err_set(err, ERR_CONFLICT, "提出的人已没有这项权限"), err_hint(err, "请退回");
}

/* The asker stands for the act, the decider for the decision: the grant names the first, the approval both.
 */
static int apply(Deed *d, const Asked *x, Str *ret_made, Err *err)
{
    const Act *act = act_find(x->act);
    Weight w;
    json_t *body;
    Actor asker = {.user = x->asked_by};
    if (!act) return err_set(err, ERR_CONFLICT, "这项操作现在已不存在"), err_hint(err, "请退回");
    if (str_eq(d->who->user, x->asked_by))
        return err_set(err, ERR_FORBIDDEN, "不能批准自己提出的操作"), err_hint(err, "请另一位管理员批准");
    TRY(not_oneself(d, x->subject, err));
    TRY(asker_may(d, x->asked_by, act, err));
    TRY(json_parse(d->a, x->params, &body, err));
    Deed as = *d;
    as.who = &asker;
    return act_do(&as, act, body, true, &w, ret_made, err);
}

static int decide_tx(Tx *tx, void *p, Err *err)
{
    Decision *x = p;
    Deed d = deed_of(x->rq, tx);
    Str id = x->rq->params[0], state = x->approve ? S("approved") : S("refused");
    Asked asked;
    int64_t n;
    TRY(read_asked(&d, id, &asked, err));
    if (x->approve) TRY(apply(&d, &asked, &x->made, err));
    TRY(tx_exec(tx, &sql_people_approval_decide,
                VALS(V_TEXT(id), V_TEXT(state), V_TEXT(x->rq->who->user), V_INT(d.now), V_TEXT(x->reason)),
                &n, err));
    if (!n) return err_set(err, ERR_CONFLICT, "这项审批已经办结");
    const Fact before[] = {{"state", S("asked")}, {0}},
               after[] = {{"state", state}, {"reason", x->reason}, {"made", x->made}, {0}};
    return note(&d, "people_approval", id, "update", before, after, err);
}

static int decide(Request *rq, bool approve, Str reason, Err *err)
{
    Decision x = {.rq = rq, .approve = approve, .reason = reason, .made = S("")};
    JsonWriter w;
    TRY(store_tx(rq->city->store, "approval", decide_tx, &x, err));
    jw_init(&w, &rq->out);
    jw_object(&w);
    jw_kstr(&w, "state", approve ? S("approved") : S("refused"));
    if (approve) jw_kstr(&w, "id", x.made);
    jw_object_end(&w);
    return 0;
}

int approval_approve(Request *rq, Err *err) { return decide(rq, true, S(""), err); }

typedef struct RefuseIn {
    Str reason;
} RefuseIn;

const JsonField refuse_fields[] = {{"reason", JSON_T_STR, offsetof(RefuseIn, reason), .required = true,
                                    .min = 1, .max = SHORT_MAX, .title = "退回的理由"},
                                   {0}};

int approval_refuse(Request *rq, Err *err)
{
    RefuseIn in = {0};
    TRY(body_decode(rq, refuse_fields, &in, NULL, err));
    return decide(rq, false, in.reason, err);
}

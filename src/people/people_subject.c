/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * Whose a subject of the province's identity provider is, registered by the security administrator. It lets
 * somebody sign in as that user, so for an account that reaches records it waits for a second administrator,
 * and an administrator's account has none: who holds two keys to it would hold two offices.
 */
#include "people/province_int.h"

#include "people_sql.h"

int subject_for(Tx *tx, Arena *a, const Model *m, Str user, Err *err)
{
    StrList roles = {0};
    size_t cap = 0;
    TRY(separation_roles(tx, a, user, &roles, &cap, err));
    for (size_t i = 0; i < roles.n; i++) {
        const Role *r = model_role(m, roles.items[i]);
        if (!r || !r->separation) continue;
        err_set(err, ERR_FORBIDDEN, "“" STR_FMT "” 是" STR_FMT "，不能经省统一身份登录", STR_ARG(user),
                STR_ARG(r->title));
        return err_hint(err, "管理员用本市的口令和第二因素登录");
    }
    return 0;
}

typedef struct SubjectIn {
    Str user, subject;
} SubjectIn;

static const JsonField act_fields[] = {
    {"user", JSON_T_STR, offsetof(SubjectIn, user), .required = true, .min = 1, .max = 48, .title = "登录名"},
    {"subject", JSON_T_STR, offsetof(SubjectIn, subject), .required = true, .min = 1, .max = SUBJECT_MAX,
     .title = "省统一身份里的编号"},
    {0}};
const JsonField subject_fields[] = {{"subject", JSON_T_STR, offsetof(SubjectIn, subject), .required = true,
                                     .min = 1, .max = SUBJECT_MAX,
                                     .title = "省统一身份里的编号（令牌的 subject_claim）"},
                                    {0}};

static int taken(Err *err)
{
    err_set(err, ERR_CONFLICT, "这个省统一身份已登记给别的用户");
    err_hint(err, "先取消那里的登记，或核对编号");
    return err_pointer(err, "/subject");
}

static int weigh(Deed *d, void *params, Weight *ret, Err *err)
{
    const SubjectIn *in = params;
    Val v;
    ret->subject = in->user;
    TRY(user_exists(d, in->user, "user", err));
    TRY(not_oneself(d, in->user, err));
    TRY(subject_for(d->tx, d->a, d->city->model, in->user, err));
    int rc = tx_one(d->tx, d->a, &sql_people_subject_get, VALS(V_TEXT(in->subject)), &v, err);
    if (rc == 0 && !str_eq(v.s, in->user)) return taken(err);
    if (rc < 0 && rc != -(int)ERR_NOT_FOUND) return rc;
    return reaches_records(d, in->user, &ret->dangerous, err);
}

/* What was registered until now; empty = nothing. */
static int present(Deed *d, Str user, Str *ret, Err *err)
{
    Val v;
    int rc = tx_one(d->tx, d->a, &sql_people_subject_of, VALS(V_TEXT(user)), &v, err);
    *ret = rc == 0 ? v.s : S("");
    return rc == -(int)ERR_NOT_FOUND ? 0 : rc;
}

static int apply(Deed *d, const void *params, Str *ret_id, Err *err)
{
    const SubjectIn *in = params;
    Str was;
    TRY(present(d, in->user, &was, err));
    TRY(tx_exec(d->tx, &sql_people_subject_drop, VALS(V_TEXT(in->user)), NULL, err));
    int rc =
        tx_exec(d->tx, &sql_people_subject_put,
                VALS(V_TEXT(in->subject), V_TEXT(in->user), V_TEXT(d->who->user), V_INT(d->now)), NULL, err);
    if (rc == -(int)ERR_UNIQUE) return taken(err);
    TRY(rc);
    *ret_id = in->user;
    const Fact before[] = {{"subject", was}, {0}}, after[] = {{"subject", in->subject}, {0}};
    return note(d, "people_user", in->user, "update", was.n ? before : NULL, after, err);
}

const Act act_subject = {.name = "subject",
                         .title = "登记省统一身份",
                         .permission = "roles.manage",
                         .input = act_fields,
                         .size = sizeof(SubjectIn),
                         .weigh = weigh,
                         .apply = apply};

int user_subject_put(Request *rq, Err *err)
{
    SubjectIn in = {0};
    json_t *body;
    Weight weight;
    JsonWriter w;
    Str id;
    TRY(body_decode(rq, subject_fields, &in, &body, err));
    json_object_set_new(body, "user", json_stringn(rq->params[0].p, rq->params[0].n));
    TRY(act_perform(rq, &act_subject, body, &weight, &id, err));
    rq->status = weight.dangerous ? 202 : 204;
    if (!weight.dangerous) return 0;
    jw_init(&w, &rq->out);
    jw_object(&w);
    jw_kstr(&w, "approval", id);
    jw_kstr(&w, "state", S("asked"));
    jw_kstr(&w, "message", S("另一位管理员批准后生效"));
    jw_object_end(&w);
    return 0;
}

static int drop_tx(Tx *tx, void *p, Err *err)
{
    Request *rq = p;
    Deed d = deed_of(rq, tx);
    Str user = rq->params[0], was;
    TRY(user_exists(&d, user, "user", err));
    TRY(present(&d, user, &was, err));
    if (!was.n) return 0; /* it was so already */
    TRY(tx_exec(tx, &sql_people_subject_drop, VALS(V_TEXT(user)), NULL, err));
    const Fact before[] = {{"subject", was}, {0}};
    return note(&d, "people_user", user, "update", before, NULL, err);
}

int user_subject_delete(Request *rq, Err *err)
{
    TRY(store_tx(rq->city->store, "subject", drop_tx, rq, err));
    rq->status = 204;
    return 0;
}

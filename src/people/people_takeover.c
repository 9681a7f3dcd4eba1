/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * What would let the system administrator sign in as somebody else: a new password, a certificate. For an
 * account that reaches records this waits for a second administrator; for one without rights it happens at
 * once. The one-time password is shown to who asks and works when it was approved; only its argon2id hash
 * waits.
 */
#include "people/people_int.h"

#include "people_sql.h"

typedef struct Takeover {
    Str user, hash, certificate;
} Takeover;

int reaches_records(Deed *d, Str user, bool *ret, Err *err)
{
    StrList roles = {0};
    size_t cap = 0;
    *ret = false;
    TRY(separation_roles(d->tx, d->a, user, &roles, &cap, err));
    for (size_t i = 0; i < roles.n; i++) {
        const Role *r = model_role(d->city->model, roles.items[i]);
        *ret |= r && r->n_grants > 0;
    }
    return 0;
}

static int weigh(Deed *d, void *params, Weight *ret, Err *err)
{
    const Takeover *t = params;
    StrList roles = {0};
    size_t cap = 0;
    ret->subject = t->user;
    TRY(user_exists(d, t->user, "user", err));
    TRY(not_oneself(d, t->user, err));
    TRY(separation_roles(d->tx, d->a, t->user, &roles, &cap, err));
    for (size_t i = 0; i < roles.n; i++) {
        const Role *r = model_role(d->city->model, roles.items[i]);
        if (!r || !r->separation) continue;
        err_set(err, ERR_FORBIDDEN, "“" STR_FMT "” 是" STR_FMT "，不能由系统管理员重设", STR_ARG(t->user),
                STR_ARG(r->title));
        return err_hint(err, "在服务器上运行 chengshu password --data 数据文件夹 --user " STR_FMT,
                        STR_ARG(t->user));
    }
    return reaches_records(d, t->user, &ret->dangerous, err);
}

/* --- a new password
 * -------------------------------------------------------------------------------------------------- */

static const JsonField reset_fields[] = {
    {"user", JSON_T_STR, offsetof(Takeover, user), .required = true, .min = 1, .max = 48, .title = "登录名"},
    {"hash", JSON_T_STR, offsetof(Takeover, hash), .required = true, .min = 1, .max = 255,
     .title = "一次性口令的摘要"},
    {0}};

static int apply_reset(Deed *d, const void *params, Str *ret_id, Err *err)
{
    const Takeover *t = params;
    const Sql *const drops[] = {&sql_people_failure_clear_all, &sql_people_factor_drop,
                                &sql_people_recovery_drop, &sql_people_session_drop_all};
    TRY(tx_exec(d->tx, &sql_people_user_password,
                VALS(V_TEXT(t->user), V_TEXT(t->hash), V_INT(1), V_INT(d->now)), NULL, err));
    for (size_t i = 0; i < sizeof drops / sizeof *drops; i++)
        TRY(tx_exec(d->tx, drops[i], VALS(V_TEXT(t->user)), NULL, err));
    *ret_id = t->user;
    const Fact after[] = {{"password", S("一次性口令")}, {0}};
    return note(d, "people_user", t->user, "update", NULL, after, err);
}

const Act act_reset = {.name = "reset",
                       .title = "重设口令",
                       .permission = "users.manage",
                       .input = reset_fields,
                       .size = sizeof(Takeover),
                       .weigh = weigh,
                       .apply = apply_reset};

static void waiting(JsonWriter *w, Request *rq, const Weight *weight, Str id)
{
    if (!weight->dangerous) return;
    jw_kstr(w, "approval", id);
    jw_kstr(w, "state", S("asked"));
    rq->status = 202;
}

int user_reset_post(Request *rq, Err *err)
{
    char hash[PASSWORD_HASH_SIZE];
    Str password = password_once(rq->arena), id;
    json_t *body;
    Weight weight;
    Buf b;
    JsonWriter w;
    TRY(password_hash(password, hash, err));
    buf_init(&b, 4096);
    jw_init(&w, &b);
    jw_object(&w);
    jw_kstr(&w, "user", rq->params[0]);
    jw_kstr(&w, "hash", str_c(hash));
    jw_object_end(&w);
    int rc = json_parse(rq->arena, buf_dup(rq->arena, &b), &body, err);
    buf_done(&b);
    TRY(rc);
    TRY(act_perform(rq, &act_reset, body, &weight, &id, err));
    jw_init(&w, &rq->out);
    jw_object(&w);
    jw_kstr(&w, "user", rq->params[0]);
    jw_kstr(&w, "password", password);
    waiting(&w, rq, &weight, id);
    jw_kstr(&w, "message",
            weight.dangerous ? S("口令只显示这一次，另一位管理员批准后生效，首次登录后须修改")
                             : S("口令只显示这一次，首次登录后须修改"));
    jw_object_end(&w);
    return 0;
}

/* --- a certificate
 * ---------------------------------------------------------------------------------------------------- */

static const JsonField certify_fields[] = {
    {"user", JSON_T_STR, offsetof(Takeover, user), .required = true, .min = 1, .max = 48, .title = "登录名"},
    {"certificate", JSON_T_STR, offsetof(Takeover, certificate), .required = true, .min = 1, .max = 16384,
     .title = "证书（PEM）"},
    {0}};
const JsonField certificate_fields[] = {{"certificate", JSON_T_STR, offsetof(Takeover, certificate),
                                         .required = true, .min = 1, .max = 16384, .title = "证书（PEM）"},
                                        {0}};

static int apply_certify(Deed *d, const void *params, Str *ret_id, Err *err)
{
    const Takeover *t = params;
    Str subject;
    TRY(certificate_check(d->city, d->a, t->certificate, &subject, err));
    TRY(tx_exec(d->tx, &sql_people_certificate_drop, VALS(V_TEXT(t->user)), NULL, err));
    int rc = tx_exec(d->tx, &sql_people_certificate_put,
                     VALS(V_TEXT(subject), V_TEXT(t->user), V_TEXT(d->who->user), V_INT(d->now)), NULL, err);
    if (rc == -(int)ERR_UNIQUE)
        return err_set(err, ERR_CONFLICT, "这张证书已登记给别的用户"), err_pointer(err, "/certificate");
    TRY(rc);
    *ret_id = subject;
    const Fact after[] = {{"certificate", subject}, {0}};
    return note(d, "people_user", t->user, "update", NULL, after, err);
}

const Act act_certify = {.name = "certify",
                         .title = "登记证书",
                         .permission = "users.manage",
                         .input = certify_fields,
                         .size = sizeof(Takeover),
                         .weigh = weigh,
                         .apply = apply_certify};

int user_certificate_post(Request *rq, Err *err)
{
    Takeover in = {0};
    json_t *body;
    Weight weight;
    JsonWriter w;
    Str subject, id;
    TRY(body_decode(rq, certificate_fields, &in, &body, err));
    if (certificate_check(rq->city, rq->arena, in.certificate, &subject, err) < 0) {
        err->code = ERR_VALIDATION; /* of the body, not of who asks */
        return -(int)ERR_VALIDATION;
    }
    json_object_set_new(body, "user", json_stringn(rq->params[0].p, rq->params[0].n));
    TRY(act_perform(rq, &act_certify, body, &weight, &id, err));
    jw_init(&w, &rq->out);
    jw_object(&w);
    jw_kstr(&w, "subject", subject);
    waiting(&w, rq, &weight, id);
    jw_object_end(&w);
    return 0;
}

/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Keys of applications, by the security administrator: made shut, with the secret shown this once; a second
   person opens it; ended at once. */
#include "people/people_int.h"

#include "base/clock.h"
#include "people_sql.h"

enum { QUOTA_MAX = 1000000000 };

typedef struct KeyIn {
    Str title, user, expires;
    StrList ips;
    int64_t per_minute, per_day, expires_at;
} KeyIn;

const JsonField key_fields[] = {
    {"title", JSON_T_STR, offsetof(KeyIn, title), .required = true, .min = 1, .max = 100,
     .title = "应用名称"},
    {"user", JSON_T_STR, offsetof(KeyIn, user), .required = true, .min = 1, .max = 48,
     .title = "以哪个用户的权限调用"},
    {"ips", JSON_T_STR_LIST, offsetof(KeyIn, ips), .title = "允许的来源地址或网段；空 = 不限"},
    {"per_minute", JSON_T_INT, offsetof(KeyIn, per_minute), .min = 0, .max = QUOTA_MAX,
     .title = "每分钟次数；0 = 不限"},
    {"per_day", JSON_T_INT, offsetof(KeyIn, per_day), .min = 0, .max = QUOTA_MAX,
     .title = "每天次数；0 = 不限"},
    {"expires", JSON_T_STR, offsetof(KeyIn, expires), .max = 40, .title = "到期时间或日期；空 = 长期"},
    {0}};

/* --- the act that a second person approves --- */

typedef struct OpenIn {
    Str key;
} OpenIn;
static const JsonField open_fields[] = {
    {"key", JSON_T_STR, offsetof(OpenIn, key), .required = true, .min = 1, .max = 64, .title = "密钥编号"},
    {0}};

static int open_weigh(Deed *d, void *params, Weight *w, Err *err)
{
    const OpenIn *in = params;
    Val v;
    int rc = tx_one(d->tx, d->a, &sql_people_key_user, VALS(V_TEXT(in->key)), &v, err);
    if (rc == -(int)ERR_NOT_FOUND) return err_set(err, ERR_NOT_FOUND, "没有这个密钥，可能已经撤销");
    if (rc < 0) return rc;
    w->subject = v.s;
    w->dangerous = true;
    return not_oneself(d, v.s, err);
}

static int open_apply(Deed *d, const void *params, Str *ret_id, Err *err)
{
    const OpenIn *in = params;
    *ret_id = in->key;
    TRY(tx_exec(d->tx, &sql_people_key_enable, VALS(V_TEXT(in->key)), NULL, err));
    const Fact before[] = {{"enabled", S("false")}, {0}}, after[] = {{"enabled", S("true")}, {0}};
    return note(d, "people_key", in->key, "update", before, after, err);
}

const Act act_key = {"key", "启用密钥", open_fields, sizeof(OpenIn), open_weigh, open_apply};

/* --- routes --- */

typedef struct MakeKey {
    Request *rq;
    KeyIn in;
    Str id, secret, sealed, ips, approval;
} MakeKey;

/* An administrator's rights are used by the person, not by a program. */
static int not_office(Deed *d, Str user, Err *err)
{
    StrList roles = {0};
    size_t cap = 0;
    TRY(separation_roles(d->tx, d->a, user, &roles, &cap, err));
    for (size_t i = 0; i < roles.n; i++) {
        const Role *r = model_role(d->city->model, roles.items[i]);
        if (r && r->separation)
            return err_set(err, ERR_CONFLICT, "不能给" STR_FMT "发放密钥", STR_ARG(r->title)),
                   err_pointer(err, "/user");
    }
    return 0;
}

static int make_tx(Tx *tx, void *p, Err *err)
{
    MakeKey *m = p;
    Deed d = deed_of(m->rq, tx);
    TRY(user_exists(&d, m->in.user, "user", err));
    TRY(not_oneself(&d, m->in.user, err));
    TRY(not_office(&d, m->in.user, err));
    TRY(tx_exec(tx, &sql_people_key_add,
                VALS(V_TEXT(m->id), V_TEXT(m->in.title), V_TEXT(m->in.user), V_TEXT(m->sealed),
                     V_TEXT(m->ips), V_INT(m->in.per_minute), V_INT(m->in.per_day), V_INT(m->in.expires_at),
                     V_TEXT(d.who->user), V_INT(d.now)),
                NULL, err));
    const Fact after[] = {{"title", m->in.title},
                          {"user", m->in.user},
                          {"ips", m->ips},
                          {"expires", moment_text(d.a, m->in.expires_at)},
                          {0}};
    TRY(note(&d, "people_key", m->id, "insert", NULL, after, err));
    json_t *body;
    TRY(json_parse(d.a, str_fmt(d.a, "{\"key\":\"" STR_FMT "\"}", STR_ARG(m->id)), &body, err));
    return act_ask(&d, &act_key, body, m->in.user, &m->approval, err);
}

static int check_ips(const KeyIn *in, Err *err)
{
    if (in->ips.n > LIST_MAX)
        return err_set(err, ERR_VALIDATION, "最多 %d 个地址", LIST_MAX), err_pointer(err, "/ips");
    for (size_t i = 0; i < in->ips.n; i++) {
        ptrdiff_t slash = str_find(in->ips.items[i], '/');
        Str base = slash < 0 ? in->ips.items[i] : str_n(in->ips.items[i].p, (size_t)slash);
        if (!address_in(base, in->ips.items[i]))
            return err_set(err, ERR_VALIDATION, "“" STR_FMT "” 不是地址或网段", STR_ARG(in->ips.items[i])),
                   err_hint(err, "写成 192.0.2.7 或 192.0.2.0/24"), err_pointer(err, "/ips/%zu", i);
    }
    return 0;
}

int key_post(Request *rq, Err *err)
{
    Arena *a = rq->arena;
    MakeKey m = {.rq = rq, .id = new_id(a), .secret = new_token(a)};
    JsonWriter w;
    TRY(body_decode(rq, key_fields, &m.in, NULL, err));
    TRY(moment(m.in.expires, true, "expires", &m.in.expires_at, err));
    TRY(check_ips(&m.in, err));
    m.ips = comma_join(a, &m.in.ips);
    TRY(people_seal(rq->city, a, str_fmt(a, "people_key " STR_FMT, STR_ARG(m.id)), m.secret, &m.sealed, err));
    TRY(store_tx(rq->city->store, "key", make_tx, &m, err));
    jw_init(&w, &rq->out);
    jw_object(&w);
    jw_kstr(&w, "id", m.id);
    jw_kstr(&w, "secret", m.secret);
    jw_kstr(&w, "approval", m.approval);
    jw_kstr(&w, "message", S("密钥只显示这一次；由另一位管理员批准后启用"));
    jw_object_end(&w);
    rq->status = 202;
    return 0;
}

int keys_get(Request *rq, Err *err)
{
    static const ColKind kinds[] = {COL_TEXT, COL_TEXT, COL_TEXT, COL_LIST, COL_INT, COL_INT,
                                    COL_TIME, COL_BOOL, COL_TEXT, COL_TIME, COL_INT};
    int64_t today = (clock_now_us() + CHINA_OFFSET_US) / US_PER_DAY;
    return list_answer(
        rq, &sql_people_key_list,
        VALS(V_TEXT(request_param(rq, "user")), V_TEXT(request_param(rq, "after")), V_INT(today)), kinds,
        err);
}

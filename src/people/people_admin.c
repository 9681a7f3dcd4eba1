/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Accounts, by the system administrator: list, create, close and open, a new one-time password. A new account
   has no rights: those are given by the security administrator. */
#include "people/people_int.h"

#include "people_sql.h"

int users_get(Request *rq, Err *err)
{
    static const ColKind kinds[] = {COL_TEXT, COL_TEXT, COL_TEXT, COL_TEXT, COL_BOOL,
                                    COL_TIME, COL_BOOL, COL_TIME, COL_INT};
    Str q = request_param(rq, "q");
    /* what was asked for stands for itself in the pattern */
    Buf b;
    buf_init(&b, 1000);
    buf_addc(&b, '%');
    for (size_t i = 0; i < q.n && i < SHORT_MAX; i++) {
        if (q.p[i] == '%' || q.p[i] == '_' || q.p[i] == '\\') buf_addc(&b, '\\');
        buf_addc(&b, q.p[i]);
    }
    buf_addc(&b, '%');
    Str like = buf_dup(rq->arena, &b);
    buf_done(&b);
    return list_answer(rq, &sql_people_user_list, VALS(V_TEXT(request_param(rq, "after")), V_TEXT(like)),
                       kinds, err);
}

typedef struct UserIn {
    Str user, title, org, region, person;
} UserIn;

const JsonField user_fields[] = {
    {"user", JSON_T_STR, offsetof(UserIn, user), .required = true, .min = 2, .max = 48,
     .title = "登录名：小写字母、数字和下划线"},
    {"title", JSON_T_STR, offsetof(UserIn, title), .required = true, .min = 1, .max = 100, .title = "显示名"},
    {"org", JSON_T_STR, offsetof(UserIn, org), .max = 48, .title = "机构代码"},
    {"region", JSON_T_STR, offsetof(UserIn, region), .max = 12, .title = "区划代码"},
    {"person", JSON_T_STR, offsetof(UserIn, person), .max = 48, .title = "本人的人口记录编号"},
    {0}};

typedef enum Change { CHANGE_CREATE, CHANGE_DISABLE, CHANGE_ENABLE, CHANGE_UNCERTIFY } Change;

typedef struct Edit {
    Request *rq;
    Change change;
    UserIn in;
    Str hash;
} Edit;

static int create(Deed *d, const Edit *e, Err *err)
{
    Val v;
    int rc = tx_one(d->tx, d->a, &sql_people_user_get, VALS(V_TEXT(e->in.user)), &v, err);
    if (rc == 0)
        return err_set(err, ERR_UNIQUE, "登录名 “" STR_FMT "” 已经有了", STR_ARG(e->in.user)),
               err_pointer(err, "/user");
    if (rc != -(int)ERR_NOT_FOUND) return rc;
    TRY(tx_exec(d->tx, &sql_people_user_add,
                VALS(V_TEXT(e->in.user), V_TEXT(e->in.title), V_TEXT(e->hash), V_TEXT(e->in.org),
                     V_TEXT(e->in.region), V_TEXT(e->in.person), V_INT(d->now)),
                NULL, err));
    const Fact after[] = {
        {"title", e->in.title}, {"org", e->in.org}, {"region", e->in.region}, {"person", e->in.person}, {0}};
    return note(d, "people_user", e->in.user, "insert", NULL, after, err);
}

static int set_disabled(Deed *d, Str user, bool off, Err *err)
{
    int64_t n;
    TRY(tx_exec(d->tx, &sql_people_user_disable, VALS(V_TEXT(user), V_INT(off)), &n, err));
    if (!n) return 0; /* it was so already */
    TRY(tx_exec(d->tx, &sql_people_failure_clear_all, VALS(V_TEXT(user)), NULL, err));
    if (off) TRY(tx_exec(d->tx, &sql_people_session_drop_all, VALS(V_TEXT(user)), NULL, err));
    const Fact before[] = {{"disabled", off ? S("false") : S("true")}, {0}},
               after[] = {{"disabled", off ? S("true") : S("false")}, {0}};
    return note(d, "people_user", user, "update", before, after, err);
}

/* Whoever could take over or silence another administrator would hold both offices. */
static int not_administrator(Deed *d, Str user, const char *hint, Err *err)
{
    StrList roles = {0};
    size_t cap = 0;
    TRY(separation_roles(d->tx, d->a, user, &roles, &cap, err));
    for (size_t i = 0; i < roles.n; i++) {
        const Role *r = model_role(d->city->model, roles.items[i]);
        if (!r || !r->separation) continue;
        err_set(err, ERR_FORBIDDEN, "“" STR_FMT "” 是" STR_FMT "，不能由系统管理员重设或停用", STR_ARG(user),
                STR_ARG(r->title));
        return err_hint(err, "%s", hint);
    }
    return 0;
}

static int uncertify(Deed *d, Str user, Err *err)
{
    TRY(tx_exec(d->tx, &sql_people_certificate_drop, VALS(V_TEXT(user)), NULL, err));
    const Fact before[] = {{"certificate", S("已登记的证书")}, {0}};
    return note(d, "people_user", user, "update", before, NULL, err);
}

static int edit_tx(Tx *tx, void *p, Err *err)
{
    Edit *e = p;
    Deed d = deed_of(e->rq, tx);
    if (e->change == CHANGE_CREATE) return create(&d, e, err);
    TRY(user_exists(&d, e->in.user, "user", err));
    TRY(not_oneself(&d, e->in.user, err));
    if (e->change != CHANGE_ENABLE)
        TRY(not_administrator(&d, e->in.user, "先由安全管理员收回其管理员角色", err));
    if (e->change == CHANGE_UNCERTIFY) return uncertify(&d, e->in.user, err);
    return set_disabled(&d, e->in.user, e->change == CHANGE_DISABLE, err);
}

/* Makes a one-time password, changes, and shows it this once. */
static int with_password(Request *rq, Edit *e, Err *err)
{
    char hash[PASSWORD_HASH_SIZE];
    Str password = password_once(rq->arena);
    JsonWriter w;
    TRY(password_hash(password, hash, err));
    e->hash = str_c(hash);
    TRY(store_tx(rq->city->store, "user", edit_tx, e, err));
    jw_init(&w, &rq->out);
    jw_object(&w);
    jw_kstr(&w, "user", e->in.user);
    jw_kstr(&w, "password", password);
    jw_kstr(&w, "message", S("口令只显示这一次，首次登录后须修改"));
    jw_object_end(&w);
    return 0;
}

static bool login_name(Str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool letter = c >= 'a' && c <= 'z', digit = (c >= '0' && c <= '9') || c == '_';
        if (!letter && !(digit && i)) return false;
    }
    return s.n > 0;
}

int user_post(Request *rq, Err *err)
{
    Edit e = {.rq = rq, .change = CHANGE_CREATE};
    TRY(body_decode(rq, user_fields, &e.in, NULL, err));
    if (!login_name(e.in.user) || str_is(e.in.user, "system"))
        return err_set(err, ERR_VALIDATION, "登录名以小写字母开头，只用小写字母、数字和下划线"),
               err_pointer(err, "/user");
    TRY(with_password(rq, &e, err));
    rq->status = 201;
    return 0;
}

static int switch_user(Request *rq, Change change, Err *err)
{
    Edit e = {.rq = rq, .change = change, .in = {.user = rq->params[0]}};
    TRY(store_tx(rq->city->store, "user", edit_tx, &e, err));
    rq->status = 204;
    return 0;
}

int user_disable_post(Request *rq, Err *err) { return switch_user(rq, CHANGE_DISABLE, err); }
int user_enable_post(Request *rq, Err *err) { return switch_user(rq, CHANGE_ENABLE, err); }
int user_certificate_delete(Request *rq, Err *err) { return switch_user(rq, CHANGE_UNCERTIFY, err); }

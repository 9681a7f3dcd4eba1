/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * The acts that give rights: a grant to a user or a position, a position with its roles, a user's holding of
 * a position (also acting), a delegation. Each looks at the separation of administrators for everybody whom
 * it touches, and is refused for whoever does it to oneself.
 */
#include "people/people_int.h"

#include "base/clock.h"
#include "model/query.h"
#include "people_sql.h"

/* --- what all of them check --- */

static int weigh_role(Deed *d, Str name, const char *pointer, Weight *w, Err *err)
{
    const Role *role = model_role(d->city->model, name);
    if (!role) {
        err_set(err, ERR_VALIDATION, "没有角色 “" STR_FMT "”", STR_ARG(name));
        err_hint(err, "角色的名字见 GET /api/roles");
        return err_pointer(err, "/%s", pointer);
    }
    if (role->separation) w->dangerous = true;
    for (size_t i = 0; i < role->n_grants; i++)
        if (role->grants[i].ops & OP_UNMASK) w->dangerous = true;
    return 0;
}

/* A region or an organisation of the registers; empty is fine. */
static int check_place(Deed *d, const char *entity, Str key, Err *err)
{
    const Entity *e = model_entity(d->city->model, str_c(entity));
    Build b;
    Val v;
    if (!key.n || !e) return 0;
    build_init(&b, d->a, tx_dialect(d->tx));
    build_add(&b, "select 1 from ");
    build_name(&b, e->name);
    build_add(&b, " where ");
    build_name(&b, entity_id(e)->name);
    build_add(&b, " = ");
    build_arg(&b, V_TEXT(key));
    Sql sql = build_sql(&b, "people.place");
    int rc = tx_one(d->tx, d->a, &sql, b.args, b.n, &v, err);
    if (rc != -(int)ERR_NOT_FOUND) return rc;
    err_set(err, ERR_VALIDATION, STR_FMT " “" STR_FMT "” 不存在", STR_ARG(e->title), STR_ARG(key));
    return err_pointer(err, "/%s", entity);
}

static int texts(Deed *d, const Sql *sql, const Val *args, size_t n, StrList *list, size_t *cap, Err *err)
{
    Rows *rows;
    int rc;
    TRY(tx_query(d->tx, d->a, sql, args, n, &rows, err));
    while ((rc = rows_next(rows, err)) > 0)
        *ARENA_PUSH(d->a, list->items, list->n, *cap) = rows_text(rows, d->a, 0);
    rows_done(rows);
    return rc;
}

/* The user with these roles besides all others. */
static int check_user(Deed *d, Str user, const StrList *more, Err *err)
{
    StrList all = {0};
    size_t cap = 0;
    TRY(not_oneself(d, user, err));
    for (size_t i = 0; i < more->n; i++) *ARENA_PUSH(d->a, all.items, all.n, cap) = more->items[i];
    TRY(separation_roles(d->tx, d->a, user, &all, &cap, err));
    if (separation_check(d->city->model, &all, err) < 0)
        return err_wrap(err, "用户 “" STR_FMT "”", STR_ARG(user));
    return 0;
}

static int check_position(Deed *d, Str position, const StrList *more, Err *err)
{
    StrList holders = {0};
    size_t cap = 0;
    TRY(texts(d, &sql_people_position_holders, VALS(V_TEXT(position), V_INT(d->now)), &holders, &cap, err));
    for (size_t i = 0; i < holders.n; i++) TRY(check_user(d, holders.items[i], more, err));
    return 0;
}

static int position_exists(Deed *d, Str code, Err *err)
{
    Val v;
    int rc = tx_one(d->tx, d->a, &sql_people_position_get, VALS(V_TEXT(code)), &v, err);
    if (rc != -(int)ERR_NOT_FOUND) return rc;
    return err_set(err, ERR_NOT_FOUND, "没有岗位 “" STR_FMT "”", STR_ARG(code)),
           err_pointer(err, "/position");
}

static int check_order(int64_t from, int64_t to, int64_t now, Err *err)
{
    if (!to || (to > from && to > now)) return 0;
    return err_set(err, ERR_VALIDATION, "结束时间要晚于开始时间和现在"), err_pointer(err, "/to");
}

/* --- grant --- */

typedef struct GrantIn {
    Str user, position, role, region, org, expires;
    int64_t expires_at;
} GrantIn;

#define TEXT(T, field, must, text)                                                                           \
    {                                                                                                        \
#field, JSON_T_STR, offsetof(T, field), .required = (must), .min = (must), .max = SHORT_MAX,         \
                                                .title = (text)                                              \
    }
const JsonField grant_fields[] = {TEXT(GrantIn, user, false, "授予的用户（与 position 二选一）"),
                                  TEXT(GrantIn, position, false, "授予的岗位"),
                                  TEXT(GrantIn, role, true, "角色"),
                                  TEXT(GrantIn, region, false, "区划范围，含下级；空 = 本人的区划"),
                                  TEXT(GrantIn, org, false, "机构范围，含下级；空 = 本人的机构"),
                                  TEXT(GrantIn, expires, false, "到期时间或日期；空 = 长期"),
                                  {0}};

static int grant_weigh(Deed *d, void *params, Weight *w, Err *err)
{
    GrantIn *in = params;
    StrList roles = {&in->role, 1};
    Val v;
    if (!in->user.n == !in->position.n)
        return err_set(err, ERR_VALIDATION, "user 与 position 要写一个，且只写一个"),
               err_pointer(err, "/user");
    w->subject = in->user.n ? in->user : in->position;
    TRY(moment(in->expires, true, "expires", &in->expires_at, err));
    if (in->expires_at && in->expires_at <= d->now)
        return err_set(err, ERR_VALIDATION, "到期时间已经过去"), err_pointer(err, "/expires");
    TRY(weigh_role(d, in->role, "role", w, err));
    TRY(check_place(d, "region", in->region, err));
    TRY(check_place(d, "org", in->org, err));
    if (in->user.n) {
        TRY(user_exists(d, in->user, "user", err));
        TRY(check_user(d, in->user, &roles, err));
    } else {
        TRY(position_exists(d, in->position, err));
        TRY(check_position(d, in->position, &roles, err));
    }
    int rc = tx_one(d->tx, d->a, &sql_people_grant_same,
                    VALS(V_TEXT(in->user), V_TEXT(in->position), V_TEXT(in->role), V_TEXT(in->region),
                         V_TEXT(in->org), V_INT(d->now)),
                    &v, err);
    if (rc == -(int)ERR_NOT_FOUND) return 0;
    return rc < 0 ? rc : err_set(err, ERR_CONFLICT, "已经有这项授权（编号 " STR_FMT "）", STR_ARG(v.s));
}

static int grant_write(Deed *d, const GrantIn *in, Str *ret_id, Err *err)
{
    *ret_id = new_id(d->a);
    TRY(tx_exec(d->tx, &sql_people_grant_add,
                VALS(V_TEXT(*ret_id), in->user.n ? V_TEXT(in->user) : V_NULL,
                     in->position.n ? V_TEXT(in->position) : V_NULL, V_TEXT(in->role), V_TEXT(in->region),
                     V_TEXT(in->org), V_INT(in->expires_at), V_TEXT(d->who->user), V_INT(d->now)),
                NULL, err));
    TRY(tx_exec(d->tx, in->user.n ? &sql_people_session_age : &sql_people_session_age_position,
                VALS(V_TEXT(in->user.n ? in->user : in->position)), NULL, err));
    const Fact after[] = {{"user", in->user},
                          {"position", in->position},
                          {"role", in->role},
                          {"region", in->region},
                          {"org", in->org},
                          {"expires", moment_text(d->a, in->expires_at)},
                          {0}};
    return note(d, "people_grant", *ret_id, "insert", NULL, after, err);
}

static int grant_apply(Deed *d, const void *params, Str *ret_id, Err *err)
{
    return grant_write(d, params, ret_id, err);
}

const Act act_grant = {"grant", "授予角色", grant_fields, sizeof(GrantIn), grant_weigh, grant_apply};

/* --- position --- */

typedef struct PositionIn {
    Str code, title, region, org;
    StrList roles;
} PositionIn;

const JsonField position_fields[] = {
    TEXT(PositionIn, code, true, "岗位代码"),
    TEXT(PositionIn, title, true, "岗位名称"),
    TEXT(PositionIn, org, true, "所在机构；角色的机构范围"),
    TEXT(PositionIn, region, false, "角色的区划范围"),
    {"roles", JSON_T_STR_LIST, offsetof(PositionIn, roles), .title = "岗位带的角色"},
    {0}};

static int position_weigh(Deed *d, void *params, Weight *w, Err *err)
{
    PositionIn *in = params;
    Val v;
    w->subject = in->code;
    if (in->roles.n > LIST_MAX)
        return err_set(err, ERR_VALIDATION, "一个岗位最多 %d 个角色", LIST_MAX), err_pointer(err, "/roles");
    for (size_t i = 0; i < in->roles.n; i++) TRY(weigh_role(d, in->roles.items[i], "roles", w, err));
    if (separation_check(d->city->model, &in->roles, err) < 0) return err_pointer(err, "/roles");
    TRY(check_place(d, "region", in->region, err));
    TRY(check_place(d, "org", in->org, err));
    int rc = tx_one(d->tx, d->a, &sql_people_position_get, VALS(V_TEXT(in->code)), &v, err);
    if (rc == -(int)ERR_NOT_FOUND) return 0;
    if (rc < 0) return rc;
    return err_set(err, ERR_UNIQUE, "岗位代码 “" STR_FMT "” 已经有了", STR_ARG(in->code)),
           err_pointer(err, "/code");
}

static int position_apply(Deed *d, const void *params, Str *ret_id, Err *err)
{
    const PositionIn *in = params;
    TRY(tx_exec(d->tx, &sql_people_position_put,
                VALS(V_TEXT(in->code), V_TEXT(in->title), V_TEXT(in->org), V_TEXT(in->region),
                     V_TEXT(d->who->user), V_INT(d->now)),
                NULL, err));
    const Fact after[] = {{"title", in->title},
                          {"org", in->org},
                          {"region", in->region},
                          {"roles", comma_join(d->a, &in->roles)},
                          {0}};
    TRY(note(d, "people_position", in->code, "insert", NULL, after, err));
    for (size_t i = 0; i < in->roles.n; i++) {
        Str id;
        GrantIn g = {.position = in->code, .role = in->roles.items[i], .region = in->region, .org = in->org};
        TRY(grant_write(d, &g, &id, err));
    }
    *ret_id = in->code;
    return 0;
}

const Act act_position = {"position",         "设立岗位",     position_fields,
                          sizeof(PositionIn), position_weigh, position_apply};

/* --- holding --- */

typedef struct HoldIn {
    Str user, position, from, to;
    bool acting;
    int64_t from_at, to_at;
} HoldIn;

const JsonField hold_fields[] = {TEXT(HoldIn, user, true, "任职的用户"),
                                 TEXT(HoldIn, position, true, "岗位代码"),
                                 TEXT(HoldIn, from, false, "起始时间或日期；空 = 现在"),
                                 TEXT(HoldIn, to, false, "结束时间或日期（含当日）；空 = 长期"),
                                 {"acting", JSON_T_BOOL, offsetof(HoldIn, acting), .title = "代理"},
                                 {0}};

static int hold_weigh(Deed *d, void *params, Weight *w, Err *err)
{
    HoldIn *in = params;
    StrList roles = {0};
    size_t cap = 0;
    w->subject = in->user;
    TRY(moment(in->from, false, "from", &in->from_at, err));
    TRY(moment(in->to, true, "to", &in->to_at, err));
    if (!in->from_at) in->from_at = d->now;
    TRY(check_order(in->from_at, in->to_at, d->now, err));
    if (in->acting && !in->to_at)
        return err_set(err, ERR_VALIDATION, "代理要写结束日期"), err_pointer(err, "/to");
    TRY(user_exists(d, in->user, "user", err));
    TRY(position_exists(d, in->position, err));
    TRY(texts(d, &sql_people_position_roles, VALS(V_TEXT(in->position)), &roles, &cap, err));
    for (size_t i = 0; i < roles.n; i++)
        if (model_role(d->city->model, roles.items[i]))
            TRY(weigh_role(d, roles.items[i], "position", w, err));
    return check_user(d, in->user, &roles, err);
}

static int hold_apply(Deed *d, const void *params, Str *ret_id, Err *err)
{
    const HoldIn *in = params;
    *ret_id = new_id(d->a);
    TRY(tx_exec(d->tx, &sql_people_holding_add,
                VALS(V_TEXT(*ret_id), V_TEXT(in->user), V_TEXT(in->position), V_INT(in->acting),
                     V_INT(in->from_at), V_INT(in->to_at), V_TEXT(d->who->user), V_INT(d->now)),
                NULL, err));
    TRY(tx_exec(d->tx, &sql_people_session_age, VALS(V_TEXT(in->user)), NULL, err));
    const Fact after[] = {{"user", in->user},
                          {"position", in->position},
                          {"acting", in->acting ? S("true") : S("false")},
                          {"from", moment_text(d->a, in->from_at)},
                          {"to", moment_text(d->a, in->to_at)},
                          {0}};
    return note(d, "people_holding", *ret_id, "insert", NULL, after, err);
}

const Act act_hold = {"hold", "任职", hold_fields, sizeof(HoldIn), hold_weigh, hold_apply};

/* --- delegation --- */

typedef struct DelegateIn {
    Str from_user, to_user, from, to, reason;
    StrList roles;
    int64_t from_at, to_at;
} DelegateIn;

const JsonField delegate_fields[] = {
    TEXT(DelegateIn, from_user, true, "委托人"),
    TEXT(DelegateIn, to_user, true, "受托人"),
    {"roles", JSON_T_STR_LIST, offsetof(DelegateIn, roles), .required = true, .title = "委托的角色"},
    TEXT(DelegateIn, from, false, "起始时间或日期；空 = 现在"),
    TEXT(DelegateIn, to, true, "结束时间或日期（含当日）"),
    TEXT(DelegateIn, reason, true, "事由"),
    {0}};

static int check_delegated(Deed *d, const DelegateIn *in, Weight *w, Err *err)
{
    StrList held = {0};
    size_t cap = 0;
    if (!in->roles.n || in->roles.n > LIST_MAX)
        return err_set(err, ERR_VALIDATION, "写 1 到 %d 个角色", LIST_MAX), err_pointer(err, "/roles");
    TRY(separation_roles(d->tx, d->a, in->from_user, &held, &cap, err));
    for (size_t i = 0; i < in->roles.n; i++) {
        Str name = in->roles.items[i];
        bool has = false;
        TRY(weigh_role(d, name, "roles", w, err));
        for (size_t j = 0; j < held.n; j++) has |= str_eq(held.items[j], name);
        if (!has)
            return err_set(err, ERR_VALIDATION, "委托人没有角色 “" STR_FMT "”", STR_ARG(name)),
                   err_pointer(err, "/roles/%zu", i);
        if (model_role(d->city->model, name)->separation)
            return err_set(err, ERR_VALIDATION, "管理员的角色不能委托"),
                   err_hint(err, "需要接替时由另一位管理员授予角色"), err_pointer(err, "/roles/%zu", i);
    }
    return 0;
}

static int delegate_weigh(Deed *d, void *params, Weight *w, Err *err)
{
    DelegateIn *in = params;
    w->subject = in->to_user;
    TRY(moment(in->from, false, "from", &in->from_at, err));
    TRY(moment(in->to, true, "to", &in->to_at, err));
    if (!in->from_at) in->from_at = d->now;
    TRY(check_order(in->from_at, in->to_at, d->now, err));
    TRY(user_exists(d, in->from_user, "from_user", err));
    TRY(user_exists(d, in->to_user, "to_user", err));
    if (str_eq(in->from_user, in->to_user))
        return err_set(err, ERR_VALIDATION, "委托人与受托人不能是同一人"), err_pointer(err, "/to_user");
    TRY(not_oneself(d, in->from_user, err));
    TRY(check_delegated(d, in, w, err));
    return check_user(d, in->to_user, &in->roles, err);
}

static int delegate_apply(Deed *d, const void *params, Str *ret_id, Err *err)
{
    const DelegateIn *in = params;
    Str roles = comma_join(d->a, &in->roles);
    *ret_id = new_id(d->a);
    TRY(tx_exec(d->tx, &sql_people_delegation_add,
                VALS(V_TEXT(*ret_id), V_TEXT(in->from_user), V_TEXT(in->to_user), V_TEXT(roles),
                     V_TEXT(in->reason), V_INT(in->from_at), V_INT(in->to_at), V_TEXT(d->who->user),
                     V_INT(d->now)),
                NULL, err));
    const Fact after[] = {{"from_user", in->from_user},
                          {"to_user", in->to_user},
                          {"roles", roles},
                          {"from", moment_text(d->a, in->from_at)},
                          {"to", moment_text(d->a, in->to_at)},
                          {"reason", in->reason},
                          {0}};
    return note(d, "people_delegation", *ret_id, "insert", NULL, after, err);
}

const Act act_delegate = {"delegate",         "委托",         delegate_fields,
                          sizeof(DelegateIn), delegate_weigh, delegate_apply};

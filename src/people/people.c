/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Users: from a pack's users.yaml, the first administrator, passwords from the command line. */
#include "people/people_int.h"

#include "base/clock.h"
#include "base/sm.h"
#include "model/pack_spec.h"
#include "model/query.h"
#include "model/value.h"
#include "people_sql.h"

const Actor people_system = {.user = {"system", 6}, .name = {"系统", 6}, .system = true};

typedef struct Put {
    City *city;
    Str user, title, hash, org, region, person, roles;
} Put;

static int put_tx(Tx *tx, void *p, Err *err)
{
    const Put *u = p;
    return tx_exec(tx, &sql_people_user_put,
                   VALS(V_TEXT(u->user), V_TEXT(u->title), V_TEXT(u->hash), V_TEXT(u->org), V_TEXT(u->region),
                        V_TEXT(u->person), V_TEXT(u->roles), V_INT(clock_now_us())),
                   NULL, err);
}

static Str comma_list(Arena *a, const Yaml *y)
{
    Buf b;
    buf_init(&b, 10000);
    if (y->kind == YAML_SCALAR) buf_add(&b, y->text);
    for (size_t i = 0; y->kind == YAML_LIST && i < y->n; i++)
        buf_addf(&b, "%s" STR_FMT, i ? "," : "", STR_ARG(y->items[i]->text));
    Str s = buf_dup(a, &b);
    buf_done(&b);
    return s;
}

typedef struct Find {
    City *city;
    Arena *a;
    Str id_no, id;
} Find;

/* The record of the person with this citizen number. */
static int person_tx(Tx *tx, void *p, Err *err)
{
    Find *f = p;
    const Entity *e = model_entity(f->city->model, S("person"));
    const Field *number = NULL;
    Val v;
    for (size_t i = 0; e && i < e->n && !number; i++)
        if (e->fields[i].type == F_PERSON_ID) number = &e->fields[i];
    if (!number) return err_set(err, ERR_NOT_FOUND, "没有人口登记");
    Build b;
    build_init(&b, f->a, tx_dialect(tx));
    build_add(&b, "select ");
    build_name(&b, entity_id(e)->name);
    build_add(&b, " from ");
    build_name(&b, e->name);
    build_add(&b, " where ");
    build_name(&b, number->name);
    build_add(&b, " = ");
    build_arg(&b, V_TEXT(f->id_no));
    Sql sql = build_sql(&b, "people.person");
    TRY(tx_one(tx, f->a, &sql, b.args, b.n, &v, err));
    f->id = v.kind == VAL_TEXT ? v.s : S("");
    return 0;
}

static int put_user(City *c, Arena *a, const UserFile *y, Str hash, Err *err)
{
    Put u = {c,     y->user->text,          y->name->text, hash, pack_text(y->org), pack_text(y->region),
             S(""), comma_list(a, y->roles)};
    if (y->person) {
        Find f = {c, a, y->person->text, S("")};
        if (store_read(c->store, "person", person_tx, &f, err) < 0)
            return err_wrap(err, "用户 “" STR_FMT "” 的本人记录", STR_ARG(u.user));
        u.person = f.id;
    }
    return store_tx(c->store, "user", put_tx, &u, err);
}

int people_load_users(City *c, const char *path, Str password, size_t *ret_n, Err *err)
{
    _cleanup_arena_ Arena *a = arena_new();
    Faults f = {.arena = a};
    const Yaml *users = NULL, *root = yaml_read(a, path, path, &f);
    char hash[PASSWORD_HASH_SIZE];
    TRY(password_hash(password, hash, err));
    if (root) pack_decode(root, users_keys, &users, &f);
    for (size_t i = 0; users && i < users->n; i++) {
        UserFile y = {0};
        pack_decode(users->items[i], user_keys, &y, &f);
        if (f.n) break;
        TRY(put_user(c, a, &y, str_c(hash), err));
        if (ret_n) ++*ret_n;
    }
    return f.n ? err_set(err, ERR_PACK, STR_FMT, STR_ARG(fault_text(a, &f.items[0]))) : 0;
}

static int count_tx(Tx *tx, void *p, Err *err)
{
    Val v;
    _cleanup_arena_ Arena *a = arena_new();
    TRY(tx_one(tx, a, &sql_people_user_count, NULL, 0, &v, err));
    *(int64_t *)p = v.i;
    return 0;
}

int people_first_admin(City *c, Arena *a, Str *ret_password, Err *err)
{
    int64_t users = 0;
    uint8_t bytes[12];
    char hash[PASSWORD_HASH_SIZE];
    *ret_password = S("");
    TRY(store_read(c->store, "users", count_tx, &users, err));
    if (users) return 0;
    random_bytes(bytes, sizeof bytes);
    Str password = base64url_encode(a, str_n((char *)bytes, sizeof bytes));
    TRY(password_hash(password, hash, err));
    Put u = {c, S("admin"), S("系统管理员"), str_c(hash), S(""), S(""), S(""), S("admin")};
    TRY(store_tx(c->store, "first admin", put_tx, &u, err));
    *ret_password = password;
    return 0;
}

static int password_tx(Tx *tx, void *p, Err *err)
{
    const Put *u = p;
    int64_t n;
    TRY(tx_exec(tx, &sql_people_user_password, VALS(V_TEXT(u->user), V_TEXT(u->hash)), &n, err));
    return n ? 0 : err_set(err, ERR_NOT_FOUND, "没有用户 “" STR_FMT "”", STR_ARG(u->user));
}

int people_set_password(City *c, Str user, Str password, Err *err)
{
    char hash[PASSWORD_HASH_SIZE];
    TRY(password_hash(password, hash, err));
    Put u = {.city = c, .user = user, .hash = str_c(hash)};
    return store_tx(c->store, "password", password_tx, &u, err);
}

extern const JsonField people_credentials[];

static const Route routes[] = {
    {"GET", "/api/me", NULL, ROUTE_ANY_USER, me_get, NULL, "我是谁、能做什么"},
    {"POST", "/api/session", NULL, ROUTE_PUBLIC | ROUTE_WRITES, session_post, people_credentials, "登录"},
    {"DELETE", "/api/session", NULL, ROUTE_ANY_USER | ROUTE_WRITES, session_delete, NULL, "退出"},
    {0},
};

static const Room people_room = {"people", sql_people_migrations, sql_people_all};

const Engine people_engine = {.name = "people", .room = &people_room, .routes = routes};

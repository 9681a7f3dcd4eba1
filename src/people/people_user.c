/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Users: from a pack's users.yaml, the first administrators, passwords from the command line. */
#include "people/people_int.h"

#include "base/clock.h"
#include "base/sm.h"
#include "model/pack_spec.h"
#include "model/query.h"
#include "people_sql.h"

typedef struct Put {
    City *city;
    Str user, title, hash, org, region, person;
    StrList roles;
    bool once; /* the password must be changed at the first sign-in */
} Put;

static Deed system_deed(Arena *a, City *c, Tx *tx)
{
    return (Deed){c, a, tx, &people_system, S(""), clock_now_us()};
}

static int put_tx(Tx *tx, void *p, Err *err)
{
    const Put *u = p;
    _cleanup_arena_ Arena *a = arena_new();
    Deed d = system_deed(a, u->city, tx);
    TRY(tx_exec(tx, &sql_people_user_put,
                VALS(V_TEXT(u->user), V_TEXT(u->title), V_TEXT(u->hash), V_TEXT(u->org), V_TEXT(u->region),
                     V_TEXT(u->person), V_INT(d.now), V_INT(u->once)),
                NULL, err));
    TRY(tx_exec(tx, &sql_people_grant_drop_system, VALS(V_TEXT(u->user)), NULL, err));
    for (size_t i = 0; i < u->roles.n; i++)
        TRY(tx_exec(tx, &sql_people_grant_add,
                    VALS(V_TEXT(new_id(a)), V_TEXT(u->user), V_NULL, V_TEXT(u->roles.items[i]), V_TEXT(S("")),
                         V_TEXT(S("")), V_INT(0), V_TEXT(S("system")), V_INT(d.now)),
                    NULL, err));
    const Fact after[] = {{"title", u->title},
                          {"org", u->org},
                          {"region", u->region},
                          {"roles", comma_join(a, &u->roles)},
                          {0}};
    return note(&d, "people_user", u->user, "insert", NULL, after, err);
}

static StrList yaml_texts(Arena *a, const Yaml *y)
{
    StrList list = {0};
    size_t cap = 0;
    if (y->kind == YAML_SCALAR) *ARENA_PUSH(a, list.items, list.n, cap) = y->text;
    for (size_t i = 0; y->kind == YAML_LIST && i < y->n; i++)
        *ARENA_PUSH(a, list.items, list.n, cap) = y->items[i]->text;
    return list;
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
    Put u = {.city = c,
             .user = y->user->text,
             .title = y->name->text,
             .hash = hash,
             .org = pack_text(y->org),
             .region = pack_text(y->region),
             .roles = yaml_texts(a, y->roles)};
    if (separation_check(c->model, &u.roles, err) < 0)
        return err_wrap(err, "用户 “" STR_FMT "”", STR_ARG(u.user));
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

/* The three administrators, so that from the first day no one holds two of the offices. */
static const struct {
    const char *user, *title;
} administrators[] = {{"admin", "系统管理员"}, {"security", "安全管理员"}, {"auditor", "审计管理员"}};

int people_first_admins(City *c, Arena *a, FirstAdmin ret[FIRST_ADMINS], size_t *ret_n, Err *err)
{
    int64_t users = 0;
    char hash[PASSWORD_HASH_SIZE];
    *ret_n = 0;
    TRY(store_read(c->store, "users", count_tx, &users, err));
    if (users) return 0;
    for (size_t i = 0; i < FIRST_ADMINS; i++) {
        FirstAdmin x = {str_c(administrators[i].user), str_c(administrators[i].title), password_once(a)};
        Put u = {.city = c, .user = x.user, .title = x.title, .roles = {&x.user, 1}, .once = true};
        if (!model_role(c->model, x.user)) continue; /* these packs know no such office */
        TRY(password_hash(x.password, hash, err));
        u.hash = str_c(hash);
        TRY(store_tx(c->store, "first administrators", put_tx, &u, err));
        ret[(*ret_n)++] = x;
    }
    return 0;
}

static int password_tx(Tx *tx, void *p, Err *err)
{
    const Put *u = p;
    int64_t n;
    _cleanup_arena_ Arena *a = arena_new();
    Deed d = system_deed(a, u->city, tx);
    TRY(tx_exec(tx, &sql_people_user_password, VALS(V_TEXT(u->user), V_TEXT(u->hash), V_INT(0), V_INT(d.now)),
                &n, err));
    if (!n) return err_set(err, ERR_NOT_FOUND, "没有用户 “" STR_FMT "”", STR_ARG(u->user));
    TRY(tx_exec(tx, &sql_people_session_drop_all, VALS(V_TEXT(u->user)), NULL, err));
    TRY(tx_exec(tx, &sql_people_failure_clear_all, VALS(V_TEXT(u->user)), NULL, err));
    TRY(tx_exec(tx, &sql_people_factor_drop, VALS(V_TEXT(u->user)), NULL, err));
    TRY(tx_exec(tx, &sql_people_recovery_drop, VALS(V_TEXT(u->user)), NULL, err));
    const Fact after[] = {{"password", S("在服务器上重设")}, {0}};
    return note(&d, "people_user", u->user, "update", NULL, after, err);
}

int people_set_password(City *c, Str user, Str password, Err *err)
{
    char hash[PASSWORD_HASH_SIZE];
    TRY(password_check(c, user, password, err));
    TRY(password_hash(password, hash, err));
    Put u = {.city = c, .user = user, .hash = str_c(hash)};
    return store_tx(c->store, "password", password_tx, &u, err);
}

static int revoke_tx(Tx *tx, void *p, Err *err)
{
    const Put *u = p;
    int64_t n;
    _cleanup_arena_ Arena *a = arena_new();
    Deed d = system_deed(a, u->city, tx);
    TRY(tx_exec(tx, &sql_people_grant_drop_role, VALS(V_TEXT(u->user), V_TEXT(u->title)), &n, err));
    if (!n)
        return err_set(err, ERR_NOT_FOUND, "用户 “" STR_FMT "” 没有直接授予的角色 “" STR_FMT "”",
                       STR_ARG(u->user), STR_ARG(u->title));
    const Fact before[] = {{"user", u->user}, {"role", u->title}, {0}};
    return note(&d, "people_grant", u->user, "delete", before, NULL, err);
}

int people_revoke(City *c, Str user, Str role, Err *err)
{
    Put u = {.city = c, .user = user, .title = role};
    return store_tx(c->store, "revoke", revoke_tx, &u, err);
}

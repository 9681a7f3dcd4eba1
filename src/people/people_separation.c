/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * Separation of the three administrators (GB/T 22239-2019 §8.1.5, third level): who sets up the system, who
 * gives rights and who looks at the log are three people, and none of them works with the data. The rule is
 * looked at whenever a right is given, and over all users before the city is served.
 */
#include "people/people_int.h"

#include "base/clock.h"
#include "people_sql.h"

int separation_check(const Model *m, const StrList *roles, Err *err)
{
    for (size_t i = 0; i < roles->n; i++) {
        const Role *x = model_role(m, roles->items[i]);
        for (size_t j = 0; x && x->separation && j < roles->n; j++) {
            const Role *y = model_role(m, roles->items[j]);
            if (!y || x == y || (!y->separation && !y->n_grants)) continue;
            err_set(err, ERR_CONFLICT, "角色 “" STR_FMT "” 与 “" STR_FMT "” 不能由同一人担任",
                    STR_ARG(x->title), STR_ARG(y->title));
            return err_hint(err, "系统、安全、审计三种管理员各由一人担任，也不经办业务数据；请另选一人");
        }
    }
    return 0;
}

int separation_roles(Tx *tx, Arena *a, Str user, StrList *list, size_t *cap, Err *err)
{
    Rows *rows;
    int rc;
    TRY(tx_query(tx, a, &sql_people_role_names, VALS(V_TEXT(user), V_INT(clock_now_us())), &rows, err));
    while ((rc = rows_next(rows, err)) > 0) {
        StrList more = comma_split(a, rows_text(rows, a, 0));
        for (size_t i = 0; i < more.n; i++) *ARENA_PUSH(a, list->items, list->n, *cap) = more.items[i];
    }
    rows_done(rows);
    return rc;
}

static int self_check_tx(Tx *tx, void *p, Err *err)
{
    const City *c = p;
    _cleanup_arena_ Arena *a = arena_new();
    Rows *rows;
    int rc;
    TRY(tx_query(tx, a, &sql_people_role_users, NULL, 0, &rows, err));
    StrList users = {0};
    size_t cap = 0;
    while ((rc = rows_next(rows, err)) > 0) *ARENA_PUSH(a, users.items, users.n, cap) = rows_text(rows, a, 0);
    rows_done(rows);
    if (rc < 0) return rc;
    for (size_t i = 0; i < users.n; i++) {
        StrList roles = {0};
        size_t cap_roles = 0;
        TRY(separation_roles(tx, a, users.items[i], &roles, &cap_roles, err));
        if (separation_check(c->model, &roles, err) < 0) {
            err_wrap(err, "用户 “" STR_FMT "”", STR_ARG(users.items[i]));
            return err_hint(err,
                            "先去掉其中一个：chengshu revoke --data 数据文件夹 --user " STR_FMT " 角色名",
                            STR_ARG(users.items[i]));
        }
    }
    return 0;
}

int separation_self_check(City *c, Err *err)
{
    return store_read(c->store, "separation", self_check_tx, c, err);
}

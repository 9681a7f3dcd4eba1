/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Row policies of entities and roles of fields: what limits actors beside their grants. Every policy must be
 * portable, since it becomes part of the query on either database. */
#include "model/pack_int.h"

#include "model/expr.h"
#include "model/expr_sql.h"

void pack_expr_fault(PackLoader *l, const Yaml *y, Str what, const Err *err)
{
    fault_add(l->f, yaml_place(y, err->at), str_dup(l->a, str_c(err->hint)), STR_FMT "%s", STR_ARG(what),
              err->msg);
}

/* The program's own entities may name a role that nobody has. */
static StrList roles_of(PackLoader *l, const System *s, const Yaml *y)
{
    StrList list = pack_texts(l->a, y);
    for (size_t i = 0; i < list.n && s != &l->m->systems[0]; i++) {
        const Yaml *at = y->kind == YAML_LIST ? y->items[i] : y;
        if (!model_role(l->m, list.items[i]))
            fault_add(l->f, at->at, pack_near_role(l, list.items[i]), "没有角色 “" STR_FMT "”",
                      STR_ARG(list.items[i]));
    }
    return list;
}

/* In memory, too, so that what cannot be a rule cannot be a policy, and the limits are the same. */
static int compile(PackLoader *l, const Entity *e, Str text, ExprSql **ret, Err *err)
{
    static const char *const asked[] = {":user", ":org", ":region", ":person", ":today"};
    size_t n = 0;
    Str *names = ARENA_ARRAY(l->a, Str, e->n + SYS_N + 5);
    Expr *x;
    TRY(expr_sql_parse(l->a, text, e, ret, err));
    for (size_t i = 0; i < e->n; i++) names[n++] = e->fields[i].name;
    for (size_t i = 0; i < SYS_N; i++) names[n++] = e->sys[i].name;
    for (size_t i = 0; i < 5; i++) names[n++] = str_c(asked[i]);
    return expr_compile(l->m->exprs, text, names, n, &x, err);
}

static void build_policy(PackLoader *l, Entity *e, const Yaml *y)
{
    PolicyFile pf = {0};
    Err err = ERR_INIT;
    ExprSql *when = NULL;
    if (!pack_decode(y, policy_keys, &pf, l->f) || !pf.roles || !pf.ops || !pf.when) return;
    StrList roles = roles_of(l, e->system, pf.roles);
    if (compile(l, e, pf.when->text, &when, &err) < 0) return pack_expr_fault(l, pf.when, S("策略："), &err);
    for (size_t i = 0; i < e->n; i++)
        if (e->fields[i].sealed && expr_sql_uses(when, &e->fields[i]))
            return fault_add(l->f, pf.when->at, S("改用其他字段"),
                             "策略：加密字段 “" STR_FMT "” 不能用在行策略里", STR_ARG(e->fields[i].name));
    *ARENA_PUSH(l->a, e->policies, e->n_policies, e->cap_policies) =
        (Policy){roles, pack_verbs(pf.ops), when, pack_text(pf.say), pf.when->at};
}

void pack_build_policies(PackLoader *l)
{
    for (size_t i = 0; i < l->n_entities; i++) {
        EntityDraft *d = &l->entities[i];
        for (size_t k = 0; k < d->n; k++) {
            Field *f = &d->entity->fields[k];
            f->roles = roles_of(l, d->system, d->fields[k].y.roles);
            f->write_roles = roles_of(l, d->system, d->fields[k].y.write_roles);
            if (f->roles.n && f == d->entity->key)
                fault_add(l->f, d->fields[k].y.roles->at, S("删去 roles，改用行策略 policies"),
                          "主键 “" STR_FMT "” 不能只给部分角色看", STR_ARG(f->name));
        }
        for (size_t k = 0; d->y.policies && k < d->y.policies->n; k++)
            build_policy(l, d->entity, d->y.policies->items[k]);
    }
}

/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * A record belongs to a region and an organisation by the entity's region and org fields. Region codes nest
 * by prefix (GB/T 2260, GB/T 10114), so a subtree is a range of codes; organisations nest by their parent
 * field.
 */
#include "model/access.h"

#include "base/clock.h"
#include "model/expr_sql.h"

#define BIT(scope) (1u << (scope))

bool actor_may(const Actor *who, const char *permission)
{
    if (who->system) return true;
    for (size_t i = 0; i < who->permissions.n; i++)
        if (str_is(who->permissions.items[i], permission)) return true;
    return false;
}

static bool applies(const Grant *g, const Entity *e, Op op)
{
    return (g->ops & op) && g->scope != SCOPE_NONE && (str_is(g->entity, "*") || str_eq(g->entity, e->name));
}

static unsigned scopes(const Actor *who, const Entity *e, Op op)
{
    unsigned s = who->system ? BIT(SCOPE_ALL) : 0;
    for (size_t i = 0; i < who->n_grants; i++)
        if (applies(&who->grants[i], e, op)) s |= BIT(who->grants[i].scope);
    return s;
}

bool access_any(const Actor *who, const Entity *e, Op op) { return scopes(who, e, op) != 0; }

static const char *op_title(Op op)
{
    return op == OP_READ     ? "查看"
           : op == OP_CREATE ? "新增"
           : op == OP_UPDATE ? "修改"
           : op == OP_DELETE ? "删除"
                             : "查看完整内容";
}

int access_check(const Actor *who, const Entity *e, Op op, Access *ret, Err *err)
{
    if (!who->user.n && !who->system)
        return err_set(err, ERR_UNAUTHORIZED, "请先登录"), err_hint(err, "POST /api/session");
    *ret = (Access){scopes(who, e, op), op};
    if (ret->scopes) return 0;
    return err_set(err, ERR_FORBIDDEN, "您没有%s “" STR_FMT "” 的权限", op_title(op), STR_ARG(e->title)),
           err_hint(err, "需要时请向安全管理员申请");
}

Str region_prefix(Str code)
{
    if (code.n != 6) return code;
    if (str_ends(code, S("0000"))) return str_n(code.p, 2);
    if (str_ends(code, S("00"))) return str_n(code.p, 4);
    return code;
}

/* first <= x < next, where next is the prefix with its last digit raised. */
static void in_region(Build *b, const char *alias, const Entity *e, Str region)
{
    Str prefix = region_prefix(region);
    char *next = str_cdup(b->a, prefix);
    if (!prefix.n) {
        build_add(b, "1 = 0");
        return;
    }
    next[prefix.n - 1]++;
    build_add(b, b->wide ? "(+" : "(");
    build_column(b, alias, e->region);
    build_add(b, " >= ");
    build_arg(b, V_TEXT(prefix));
    build_add(b, b->wide ? " and +" : " and ");
    build_column(b, alias, e->region);
    build_add(b, " < ");
    build_arg(b, V_TEXT(str_n(next, prefix.n)));
    build_add(b, ")");
}

/* The actor's organisation and all under it. */
static void org_tree(Build *b, const Entity *org, Str code)
{
    build_add(b, "(with recursive below(c) as (select cast(");
    build_arg(b, V_TEXT(code));
    build_add(b, b->d == DIALECT_POSTGRES ? " as text) collate \"C\"" : " as text)");
    if (org->tree) {
        build_add(b, " union select o.");
        build_name(b, entity_id(org)->name);
        build_add(b, " from ");
        build_name(b, org->name);
        build_add(b, " o join below on o.");
        build_name(b, org->tree->name);
        build_add(b, " = below.c");
    }
    build_add(b, ") select c from below)");
}

static void in_org(Build *b, const char *alias, const Entity *e, Str code)
{
    const Field *f = e->org;
    const Entity *org = f->to ? f->to : e; /* org itself belongs to itself */
    if (f->storage != STORE_LINK) {
        build_add(b, b->wide ? "+" : "");
        build_column(b, alias, f);
        build_add(b, " in ");
        org_tree(b, org, code);
        return;
    }
    build_add(b, "exists (select 1 from ");
    build_name(b, f->link);
    build_add(b, " l where l.\"owner\" = ");
    build_column(b, alias, entity_id(e));
    build_add(b, " and l.\"target\" in ");
    org_tree(b, org, code);
    build_add(b, ")");
}

/* Records that the actor made, and those about the actor: the person record itself, or one that refers to it.
 */
static void own(Build *b, const char *alias, const Actor *who, const Entity *e)
{
    build_add(b, "(");
    build_column(b, alias, &e->sys[SYS_CREATED_BY]);
    build_add(b, " = ");
    build_arg(b, V_TEXT(who->user));
    if (who->person.n && str_is(e->name, "person")) {
        build_add(b, " or ");
        build_column(b, alias, entity_id(e));
        build_add(b, " = ");
        build_arg(b, V_TEXT(who->person));
    }
    for (size_t i = 0; who->person.n && i < e->n; i++)
        if (e->fields[i].to && e->fields[i].storage != STORE_LINK &&
            str_is(e->fields[i].to->name, "person")) {
            build_add(b, " or ");
            build_column(b, alias, &e->fields[i]);
            build_add(b, " = ");
            build_arg(b, V_TEXT(who->person));
        }
    build_add(b, ")");
}

/* One grant's rows; false when the entity has no field for its scope, so that it covers nothing. */
static bool covered(Build *b, const char *alias, const Actor *who, const Entity *e, const Grant *g,
                    const char *sep)
{
    Str region = g->region.n ? g->region : who->region, org = g->org.n ? g->org : who->org;
    if (g->scope == SCOPE_REGION && (!e->region || !region.n)) return false;
    if (g->scope == SCOPE_ORG && (!e->org || !org.n)) return false;
    build_add(b, sep);
    if (g->scope == SCOPE_REGION)
        in_region(b, alias, e, region);
    else if (g->scope == SCOPE_ORG)
        in_org(b, alias, e, org);
    else
        own(b, alias, who, e);
    return true;
}

static bool same_rows(const Grant *x, const Grant *y)
{
    return x->scope == y->scope && str_eq(x->region, y->region) && str_eq(x->org, y->org);
}

static void scopes_where(Build *b, const char *alias, const Actor *who, const Entity *e, const Access *access)
{
    if (access->scopes & BIT(SCOPE_ALL)) return;
    const char *sep = "";
    build_add(b, " and (");
    for (size_t i = 0; i < who->n_grants; i++) {
        const Grant *g = &who->grants[i];
        bool again = false;
        if (!applies(g, e, access->op)) continue;
        for (size_t j = 0; j < i && !again; j++)
            again = applies(&who->grants[j], e, access->op) && same_rows(g, &who->grants[j]);
        if (!again && covered(b, alias, who, e, g, sep)) sep = " or ";
    }
    if (!*sep) build_add(b, "1 = 0");
    build_add(b, ")");
}

/* --- policies of the packs
 * ------------------------------------------------------------------------------------- */

static bool has_role(const Actor *who, const StrList *roles)
{
    for (size_t i = 0; i < roles->n; i++)
        for (size_t j = 0; j < who->roles.n; j++)
            if (str_eq(roles->items[i], who->roles.items[j])) return true;
    return false;
}

const Policy *access_policy(const Actor *who, const Entity *e, Op op, size_t i)
{
    for (size_t k = 0; k < e->n_policies && !who->system; k++)
        if ((e->policies[k].ops & op) && has_role(who, &e->policies[k].roles) && !i--) return &e->policies[k];
    return NULL;
}

void access_policy_where(Build *b, const char *alias, const Actor *who, const Policy *p)
{
    ExprAsk ask = {who->user, who->org, who->region, who->person,
                   date_str(b->a, clock_china_date(clock_now_us()))};
    build_add(b, " and ");
    expr_sql(p->when, b, alias, &ask);
}

bool access_whole(const Actor *who, const Entity *e, const Access *access)
{
    return access->scopes & BIT(SCOPE_ALL) && !access_policy(who, e, access->op, 0);
}

void access_where(Build *b, const char *alias, const Actor *who, const Entity *e, const Access *access)
{
    const Policy *p;
    scopes_where(b, alias, who, e, access);
    for (size_t i = 0; (p = access_policy(who, e, access->op, i)); i++) access_policy_where(b, alias, who, p);
}

bool access_hides(const Actor *who, const Field *f)
{
    return f->roles.n && !who->system && !has_role(who, &f->roles);
}

bool access_writes(const Actor *who, const Field *f)
{
    if (access_hides(who, f)) return false;
    return !f->write_roles.n || who->system || has_role(who, &f->write_roles);
}

int access_field(const Actor *who, const Field *f, const char *pointer, Err *err)
{
    if (!access_hides(who, f)) return 0;
    err_set(err, ERR_FORBIDDEN, "“" STR_FMT "” 只有指定的角色看得到", STR_ARG(f->title));
    return err_pointer(err, "%s", pointer);
}

bool access_purpose(const Actor *who, const Entity *e)
{
    bool listed = !e->purposes.n;
    for (size_t i = 0; i < e->purposes.n && !listed; i++) listed = str_eq(e->purposes.items[i], who->purpose);
    return who->purpose.n && listed;
}

bool access_masks(const Actor *who, const Entity *e, const Field *f, const Access *read)
{
    if (f->sensitivity < 3 || who->system) return false;
    if (read && read->scopes == BIT(SCOPE_OWN)) return false; /* one's own data is shown */
    return !(access_purpose(who, e) && access_any(who, e, OP_UNMASK));
}

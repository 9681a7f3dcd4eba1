/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * The actor of every request: the session's user with the grants that stand at this moment, read anew each
 * time, so that a change of rights holds from the next request on. With X-On-Behalf-Of the actor holds the
 * delegated rights of that user and no others, and the journal names both.
 */
#include "people/people_int.h"

#include "base/clock.h"
#include "base/sm.h"
#include "base/text.h"
#include "model/url.h"
#include "people_sql.h"

const Actor people_system = {.user = {"system", 6}, .name = {"系统", 6}, .system = true};

static bool listed(const StrList *list, Str s)
{
    for (size_t i = 0; i < list->n; i++)
        if (str_eq(list->items[i], s)) return true;
    return false;
}

/* A role over a subtree, to permissions and record grants of the actor. */
static void add_role(Rights *r, Str name, Str org, Str region)
{
    const Role *role = model_role(r->m, name);
    Actor *x = r->actor;
    if (!role) return; /* a role that the packs no longer declare gives nothing */
    if (r->delegated && !listed(&r->only, name)) return;
    if (!listed(&x->roles, role->name))
        *ARENA_PUSH(r->a, x->roles.items, x->roles.n, r->cap_roles) = role->name;
    for (size_t i = 0; i < role->permissions.n; i++)
        if (!listed(&x->permissions, role->permissions.items[i]))
            *ARENA_PUSH(r->a, x->permissions.items, x->permissions.n, r->cap_permissions) =
                role->permissions.items[i];
    for (size_t i = 0; i < role->n_grants; i++) {
        Grant g = role->grants[i];
        if (r->delegated && g.scope == SCOPE_OWN) continue; /* what is one's own is not handed on */
        g.org = org.n ? org : r->as_org;
        g.region = region.n ? region : r->as_region;
        *ARENA_PUSH(r->a, r->grants, x->n_grants, r->cap_grants) = g;
    }
    x->grants = r->grants;
}

enum { KIND_USER };

static void read_session(const Rows *rows, Arena *a, SessionRow *s)
{
    *s = (SessionRow){.id = rows_text(rows, a, 7),
                      .last_at = rows_int(rows, 8),
                      .rotated_at = rows_int(rows, 9),
                      .which = (SessionWhich)rows_int(rows, 10),
                      .has_next = rows_int(rows, 11) != 0};
}

int rights_read(Rights *r, Tx *tx, const Sql *sql, Str key, SessionRow *ret_session, Err *err)
{
    Rows *rows;
    int rc;
    struct {
        Str role, org, region;
    } *held = NULL;
    size_t n = 0, cap = 0;
    int64_t now = clock_now_us();
    Val args[] = {V_TEXT(key), V_INT(now), V_INT(now - IDLE_US)};
    TRY(tx_query(tx, r->a, sql, args, ret_session ? 3 : 2, &rows, err));
    while ((rc = rows_next(rows, err)) > 0) {
        Str name = rows_text(rows, r->a, 1), org = rows_text(rows, r->a, 3),
            region = rows_text(rows, r->a, 4);
        if (rows_int(rows, 0) != KIND_USER) {
            __typeof__(held) h = ARENA_PUSH(r->a, held, n, cap);
            h->role = name, h->org = org, h->region = region;
            continue;
        }
        r->found = true;
        r->must_change = rows_int(rows, 6) != 0;
        if (ret_session) read_session(rows, r->a, ret_session);
        if (r->delegated) {
            r->as_org = org, r->as_region = region;
            continue;
        }
        r->actor->user = name;
        r->actor->name = rows_text(rows, r->a, 2);
        r->actor->org = org;
        r->actor->region = region;
        r->actor->person = rows_text(rows, r->a, 5);
    }
    rows_done(rows);
    if (rc < 0) return rc;
    /* who signed in with a one-time password may only change it */
    for (size_t i = 0; r->found && !r->must_change && i < n; i++)
        add_role(r, held[i].role, held[i].org, held[i].region);
    return 0;
}

Str cookie_value(const Request *rq, const char *name)
{
    Str cookies = rq->header(rq, "Cookie"), part, want = str_c(name);
    while (str_split(&cookies, ';', &part)) {
        part = str_trim(part);
        if (str_starts(part, want) && part.n > want.n && part.p[want.n] == '=')
            return str_from(part, want.n + 1);
    }
    return STR_NONE;
}

Str session_token(const Request *rq)
{
    Str h = rq->header(rq, "Authorization");
    if (h.n > 7 && str_ieq(str_n(h.p, 7), S("Bearer "))) return str_trim(str_from(h, 7));
    return cookie_value(rq, COOKIE);
}

typedef struct Lookup {
    Request *rq;
    Actor *actor;
    Str behalf;
    SessionRow session;
    char digest[SM3_HEX_SIZE];
} Lookup;

/* Rights of another whom the user stands in for; one's own are put aside meanwhile. */
static int act_for(Arena *a, const Model *m, Actor *x, Str behalf, Tx *tx, Err *err)
{
    Rows *rows;
    Rights r = {.a = a, .m = m, .actor = x, .delegated = true};
    size_t cap = 0;
    int rc;
    TRY(tx_query(tx, a, &sql_people_delegation_roles,
                 VALS(V_TEXT(x->user), V_TEXT(behalf), V_INT(clock_now_us())), &rows, err));
    while ((rc = rows_next(rows, err)) > 0) {
        StrList more = comma_split(a, rows_text(rows, a, 0));
        for (size_t i = 0; i < more.n; i++) *ARENA_PUSH(a, r.only.items, r.only.n, cap) = more.items[i];
    }
    rows_done(rows);
    if (rc < 0) return rc;
    x->roles = x->permissions = (StrList){0};
    x->grants = NULL;
    x->n_grants = 0;
    if (r.only.n) TRY(rights_read(&r, tx, &sql_people_user_rights, behalf, NULL, err));
    if (!r.found) {
        err_set(err, ERR_FORBIDDEN, "您现在没有受 “" STR_FMT "” 的委托", STR_ARG(behalf));
        return err_hint(err, "请安全管理员登记委托，或去掉 X-On-Behalf-Of");
    }
    x->behalf = behalf;
    return 0;
}

int actor_of(Tx *tx, Arena *a, const Model *m, Str user, Str behalf, Actor *ret, Err *err)
{
    *ret = (Actor){0};
    Rights r = {.a = a, .m = m, .actor = ret};
    TRY(rights_read(&r, tx, &sql_people_user_rights, user, NULL, err));
    if (!r.found || r.must_change)
        return err_set(err, ERR_FORBIDDEN, "“" STR_FMT "” 现在不能办理业务（已停用，或要先改口令）",
                       STR_ARG(user));
    return behalf.n ? act_for(a, m, ret, behalf, tx, err) : 0;
}

static int lookup_tx(Tx *tx, void *p, Err *err)
{
    Lookup *l = p;
    *l->actor = (Actor){0};
    Rights r = {.a = l->rq->arena, .m = l->rq->city->model, .actor = l->actor};
    TRY(rights_read(&r, tx, &sql_people_session_get, str_c(l->digest), &l->session, err));
    l->actor->session = l->session.id;
    return r.found && !r.must_change && l->behalf.n
               ? act_for(l->rq->arena, l->rq->city->model, l->actor, l->behalf, tx, err)
               : 0;
}

Str header_text(Request *rq, const char *name)
{
    Str s = text_tidy(rq->arena, url_decode(rq->arena, rq->header(rq, name), false));
    return text_valid(s) ? text_cut(s, SHORT_MAX) : S("");
}

int people_authenticate(Request *rq, Actor *ret, Err *err)
{
    *ret = (Actor){0};
    if (str_starts(rq->header(rq, "Authorization"), S("CS-SM3 "))) return key_authenticate(rq, ret, err);
    Str token = session_token(rq);
    if (!token.n || token.n > 200) return 0;
    Lookup l = {.rq = rq, .actor = ret, .behalf = header_text(rq, "X-On-Behalf-Of")};
    sm3_hex(token, l.digest);
    if (store_read(rq->city->store, "session", lookup_tx, &l, err) < 0) {
        *ret = (Actor){0};
        return -(int)err->code;
    }
    if (!ret->user.n) return 0;
    ret->purpose = header_text(rq, "X-Purpose");
    session_upkeep(rq, &l.session, token, str_c(l.digest));
    return 0;
}

/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * What a user can really see and do (以其身份查看): for every entity the operations that the grants give,
 * their scope, how many records are covered, which fields are hidden or masked. It shows rights, never the
 * records themselves: who manages roles reads no business data. Each look is an entry of the journal.
 */
#include "people/people_int.h"

#include "model/build.h"
#include "model/record.h"
#include "people_sql.h"

typedef struct View {
    Request *rq;
    Actor actor;
    bool found;
    int64_t *counts; /* of m->entities; -1 = may not read */
    Str org_title, region_title;
} View;

static int count_of(View *v, Tx *tx, const Entity *e, int64_t *ret, Err *err)
{
    QueryCtx c = {.a = v->rq->arena, .m = v->rq->city->model, .who = &v->actor};
    Query *q;
    ReadResult r;
    Buf out;
    TRY(query_parse(&c, e, str_fmt(c.a, "select=" STR_FMT "&limit=1", STR_ARG(entity_id(e)->name)), &q, err));
    buf_init(&out, 1 << 16);
    int rc = record_read(&c, tx, q, FORMAT_JSON, true, &out, &r, err);
    buf_done(&out);
    *ret = r.total;
    return rc;
}

/* What the record `id` of this entity is called; empty when there is none or its name is sensitive. */
static int title_of(const View *v, Tx *tx, const char *name, Str id, Str *ret, Err *err)
{
    const Entity *e = model_entity(v->rq->city->model, str_c(name));
    Arena *a = v->rq->arena;
    Build b;
    Val key, title;
    *ret = S("");
    if (!e || !id.n || e->label->sensitivity > 2 || e->label->storage != STORE_TEXT || e->label->expr.n)
        return 0;
    TRY(record_id(a, e, id, &key, err));
    build_init(&b, a, tx_dialect(tx));
    build_add(&b, "select ");
    build_column(&b, "t", e->label);
    build_from_one(&b, e, key);
    TRY(build_check(&b, err));
    Sql sql = build_sql(&b, "people.title");
    int rc = tx_one(tx, a, &sql, b.args, b.n, &title, err);
    if (rc == 0 && title.kind == VAL_TEXT) *ret = title.s;
    return rc == -(int)ERR_NOT_FOUND ? 0 : rc;
}

static int view_tx(Tx *tx, void *p, Err *err)
{
    View *v = p;
    const Model *m = v->rq->city->model;
    Deed d = deed_of(v->rq, tx);
    v->actor = (Actor){0};
    Rights r = {.a = v->rq->arena, .m = m, .actor = &v->actor};
    TRY(user_exists(&d, v->rq->params[0], "user", err));
    TRY(rights_read(&r, tx, &sql_people_user_rights, v->rq->params[0], NULL, err));
    TRY(title_of(v, tx, "org", v->actor.org, &v->org_title, err));
    TRY(title_of(v, tx, "region", v->actor.region, &v->region_title, err));
    for (size_t i = 0; i < m->n_entities; i++) {
        v->counts[i] = -1;
        if (access_any(&v->actor, m->entities[i], OP_READ))
            TRY(count_of(v, tx, m->entities[i], &v->counts[i], err));
    }
    return note(&d, "user", v->rq->params[0], "view_as", NULL, NULL, err);
}

static const struct {
    Op op;
    const char *name;
} verbs[] = {{OP_READ, "read"},
             {OP_CREATE, "create"},
             {OP_UPDATE, "update"},
             {OP_DELETE, "delete"},
             {OP_UNMASK, "unmask"}};
static const char *const scopes[] = {"none", "own", "org", "region", "all"};

static void field_names(JsonWriter *w, const char *key, const Actor *who, const Entity *e, bool hidden)
{
    jw_key(w, str_c(key));
    jw_array(w);
    for (size_t i = 0; i < e->n; i++) {
        const Field *f = &e->fields[i];
        bool gone = access_hides(who, f);
        if (hidden ? gone : !gone && access_masks(who, e, f, NULL)) jw_str(w, f->title);
    }
    jw_array_end(w);
}

/* The widest scope in which the actor may do this. */
static const char *scope_of(const Actor *who, const Entity *e, Op op)
{
    Access access;
    Err err = ERR_INIT;
    if (access_check(who, e, op, &access, &err) < 0) return NULL;
    Scope widest = SCOPE_NONE;
    for (Scope s = SCOPE_OWN; s <= SCOPE_ALL; s++)
        if (access.scopes & (1u << s)) widest = s;
    return scopes[widest];
}

static void entity_view(JsonWriter *w, const Actor *who, const Entity *e, int64_t rows)
{
    jw_object(w);
    jw_kstr(w, "entity", e->name);
    jw_kstr(w, "title", e->title);
    jw_kstr(w, "system", e->system->title);
    if (rows >= 0) jw_kint(w, "rows", rows);
    jw_key(w, S("may"));
    jw_object(w);
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        const char *scope = scope_of(who, e, verbs[i].op);
        if (scope) jw_kstr(w, verbs[i].name, str_c(scope));
    }
    jw_object_end(w);
    field_names(w, "hidden", who, e, true);
    field_names(w, "masked", who, e, false);
    jw_object_end(w);
}

static void role_titles(JsonWriter *w, const Model *m, const StrList *roles)
{
    jw_key(w, S("role_titles"));
    jw_array(w);
    for (size_t i = 0; i < roles->n; i++) {
        const Role *r = model_role(m, roles->items[i]);
        jw_str(w, r ? r->title : roles->items[i]);
    }
    jw_array_end(w);
}

static void list(JsonWriter *w, const char *key, const StrList *items)
{
    jw_key(w, str_c(key));
    jw_array(w);
    for (size_t i = 0; i < items->n; i++) jw_str(w, items->items[i]);
    jw_array_end(w);
}

int user_view(Request *rq, Err *err)
{
    const Model *m = rq->city->model;
    View v = {.rq = rq, .counts = ARENA_ARRAY(rq->arena, int64_t, m->n_entities + 1)};
    JsonWriter w;
    TRY(store_tx(rq->city->store, "view as", view_tx, &v, err));
    jw_init(&w, &rq->out);
    jw_object(&w);
    jw_kstr(&w, "user", v.actor.user);
    jw_kstr(&w, "name", v.actor.name);
    jw_kstr(&w, "org", v.actor.org);
    jw_kstr(&w, "region", v.actor.region);
    jw_kstr(&w, "org_title", v.org_title);
    jw_kstr(&w, "region_title", v.region_title);
    list(&w, "roles", &v.actor.roles);
    role_titles(&w, m, &v.actor.roles);
    list(&w, "permissions", &v.actor.permissions);
    jw_key(&w, S("entities"));
    jw_array(&w);
    for (size_t i = 0; i < m->n_entities; i++) {
        bool any = false;
        for (size_t k = 0; k < sizeof verbs / sizeof *verbs; k++)
            any |= access_any(&v.actor, m->entities[i], verbs[k].op);
        if (any) entity_view(&w, &v.actor, m->entities[i], v.counts[i]);
    }
    jw_array_end(&w);
    jw_object_end(&w);
    return 0;
}

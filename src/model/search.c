/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * Answers a question: per entity what the index proposes, joined to the records that the reader may see, and
 * what changed since the index last followed. At most WINDOW records an entity are looked at and at most
 * TIME_MS spent on one: a word that half of all records have costs no more than one that few have.
 */
#include "model/search_int.h"

#include "model/value.h"
#include "search_sql.h"

#include <math.h>

const Room search_room = {"search", sql_search_migrations, sql_search_all};

enum { WINDOW_ONE = 1000, WINDOW_ALL = 300, PENDING_MAX = 300, TIME_MS = 250, SCAN_MAX = 20000 };

bool search_is_name(const Field *f)
{
    return f == f->owner->label || str_is(f->name, "title") || str_is(f->name, "name");
}

static bool searched(const Field *f)
{
    bool text = f->storage == STORE_TEXT && !f->to && f->type != F_ENUM && f->type != F_URL;
    return text && f->sensitivity < 3 && !f->sealed && !f->roles.n;
}

FieldSet search_fields(Arena *a, const Entity *e)
{
    FieldSet set = {ARENA_ARRAY(a, const Field *, e->n + 1), 0};
    for (size_t i = 0; i < e->n; i++)
        if (searched(&e->fields[i])) set.items[set.n++] = &e->fields[i];
    return set;
}

/* Another text means other tokens: the index of the entity is made anew. */
Str search_spec(Arena *a, const Entity *e, const FieldSet *fields)
{
    Buf b;
    buf_init(&b, 1 << 16);
    buf_addf(&b, "1 " STR_FMT, STR_ARG(entity_id(e)->name));
    for (size_t i = 0; i < fields->n; i++) {
        const Field *f = fields->items[i];
        buf_addf(&b, " " STR_FMT "%s:%s", STR_ARG(f->name), search_is_name(f) ? "*" : "",
                 field_type_name(f->type));
        if (f->expr.n) buf_addf(&b, "=%016llx", (unsigned long long)str_hash(f->expr));
    }
    Str s = buf_dup(a, &b);
    buf_done(&b);
    return s;
}

/* --- one entity
 * ----------------------------------------------------------------------------------------------- */

typedef struct Ask {
    const QueryCtx *c;
    const SearchQuery *q;
    const Entity *e;
    FieldSet fields;
    Access access;
    SearchState state;
    Val *pending;
    size_t n_pending, window;
    SearchResult *result;
    StrList seen; /* pending records are not shown twice */
    int64_t found, looked;
} Ask;

static void select_fields(Build *b, const Ask *k)
{
    build_add(b, "select ");
    build_column(b, "t", entity_id(k->e));
    build_add(b, ", ");
    build_column(b, "t", k->e->label);
    for (size_t i = 0; i < k->fields.n; i++) {
        build_add(b, ", substr(");
        build_column(b, "t", k->fields.items[i]);
        build_addf(b, ", 1, %d)", SEARCH_FIELD_MAX);
    }
}

static bool was_pending(const Ask *k, Val id)
{
    for (size_t i = 0; i < k->n_pending; i++)
        if (k->pending[i].kind == id.kind &&
            (id.kind == VAL_INT ? k->pending[i].i == id.i : str_eq(k->pending[i].s, id.s)))
            return true;
    return false;
}

/* The label of a record that a reader may not see in full stays out. */
static bool shows_label(const Ask *k)
{
    const Field *f = k->e->label;
    return !access_hides(k->c->who, f) && f->sensitivity < 3 && !f->sealed;
}

static void take_row(Ask *k, Rows *r, bool proposed)
{
    Arena *a = k->c->a;
    Val id = rows_val(r, 0);
    if (proposed && was_pending(k, id)) return;
    _cleanup_arena_ Arena *scratch = arena_new();
    SearchField *fields = ARENA_ARRAY(scratch, SearchField, k->fields.n + 1);
    SearchHit hit = {.entity = k->e};
    for (size_t i = 0; i < k->fields.n; i++)
        fields[i] = (SearchField){.field = k->fields.items[i], .text = rows_text(r, scratch, (int)i + 2)};
    if (!search_rank(scratch, k->q, fields, k->fields.n, &hit)) return;
    k->found++;
    hit.id = rows_text(r, a, 0);
    hit.label = shows_label(k) ? rows_text(r, a, 1) : hit.id;
    SearchField *kept = ARENA_ARRAY(a, SearchField, hit.n + 1);
    for (size_t i = 0; i < hit.n; i++) {
        SearchField *f = &kept[i];
        *f = hit.fields[i];
        f->text = str_dup(a, f->text);
        SearchSpan *spans = ARENA_ARRAY(a, SearchSpan, f->spans.n + 1);
        memcpy(spans, f->spans.items, f->spans.n * sizeof *spans);
        f->spans.items = spans;
        f->folded = (SearchText){0};
    }
    hit.fields = kept;
    *ARENA_PUSH(a, k->result->hits, k->result->n, k->result->cap) = hit;
}

static int take_rows(Ask *k, Tx *tx, Build *b, bool proposed, Err *err)
{
    Rows *r;
    int rc;
    TRY(build_check(b, err));
    Sql sql = build_sql(b, "search.hits");
    TRY(tx_query(tx, k->c->a, &sql, b->args, b->n, &r, err));
    while ((rc = rows_next(r, err)) > 0) take_row(k, r, proposed), k->looked++;
    rows_done(r);
    return rc;
}

static int proposed_tx(Tx *tx, void *p, Err *err)
{
    Ask *k = p;
    Build b;
    build_init(&b, k->c->a, tx_dialect(tx));
    TRY(tx_limit(tx, TIME_MS, err));
    select_fields(&b, k);
    search_from_sql(&b, k->e, search_match(k->c->a, b.d == DIALECT_POSTGRES, k->q, true));
    access_where(&b, "t", k->c->who, k->e, &k->access);
    build_addf(&b, " limit %zu", k->window + 1);
    return take_rows(k, tx, &b, true, err);
}

static int pending_tx(Tx *tx, void *p, Err *err)
{
    Ask *k = p;
    Build b;
    build_init(&b, k->c->a, tx_dialect(tx));
    select_fields(&b, k);
    build_add(&b, " from ");
    build_name(&b, k->e->name);
    build_add(&b, " t where ");
    build_column(&b, "t", entity_id(k->e));
    build_add(&b, " in (");
    for (size_t i = 0; i < k->n_pending; i++) {
        if (i) build_add(&b, ", ");
        build_arg(&b, k->pending[i]);
    }
    build_add(&b, ")");
    access_where(&b, "t", k->c->who, k->e, &k->access);
    return take_rows(k, tx, &b, false, err);
}

static int counted(Ask *k, bool more)
{
    int64_t window = (int64_t)k->window;
    SearchResult *r = k->result;
    if (!k->found && k->state.built && !more) return 0;
    *ARENA_PUSH(k->c->a, r->counts, r->n_counts, r->cap_counts) =
        (SearchCount){k->e, k->found > window ? window : k->found, more || k->found > window, !k->state.built,
                      k->state.docs};
    return 0;
}

static int scan_tx(Tx *tx, void *p, Err *err)
{
    Ask *k = p;
    Build b;
    build_init(&b, k->c->a, tx_dialect(tx));
    TRY(tx_limit(tx, TIME_MS, err));
    select_fields(&b, k);
    build_add(&b, " from ");
    build_name(&b, k->e->name);
    build_add(&b, " t where 1 = 1");
    access_where(&b, "t", k->c->who, k->e, &k->access);
    build_addf(&b, " limit %d", SCAN_MAX + 1);
    return take_rows(k, tx, &b, true, err);
}

/* While the index is being made, a small table is read through instead. */
static int scan(Ask *k, Tx *tx, bool *ret_done, Err *err)
{
    size_t before = k->result->n;
    int rc = tx_nested(tx, scan_tx, k, err);
    if (rc < 0 && rc != -(int)ERR_TIMEOUT) return rc;
    *ret_done = rc == 0 && k->looked <= SCAN_MAX;
    if (!*ret_done) k->result->n = before, k->found = 0; /* what the index has so far is better */
    return tx_limit(tx, 0, err);
}

static int ask(Ask *k, Tx *tx, Err *err)
{
    bool more = false, done = false;
    TRY(search_state(tx, k->c->a, k->e->name, &k->state, err));
    if (!k->state.built) TRY(scan(k, tx, &done, err));
    if (!k->state.there || done) return counted(k, !done);
    TRY(search_pending(tx, k->c->a, k->e, PENDING_MAX, &k->pending, &k->n_pending, err));
    if (k->n_pending > PENDING_MAX) k->n_pending = PENDING_MAX, more = true;
    if (k->n_pending) TRY(tx_nested(tx, pending_tx, k, err));
    k->looked = 0;
    int rc = tx_nested(tx, proposed_tx, k, err);
    if (rc < 0 && rc != -(int)ERR_TIMEOUT) return rc;
    TRY(tx_limit(tx, 0, err));
    more |= rc < 0 || k->looked > (int64_t)k->window;
    return counted(k, more || !k->state.built);
}

/* --- all of them
 * ---------------------------------------------------------------------------------------------- */

static int by_score(const void *pa, const void *pb)
{
    const SearchHit *x = pa, *y = pb;
    if (fabs(x->score - y->score) > 1e-9) return x->score > y->score ? -1 : 1;
    if (x->entity != y->entity) return str_cmp(x->entity->name, y->entity->name);
    return str_cmp(x->id, y->id);
}

int search_run(const QueryCtx *c, Tx *tx, const SearchQuery *q, const Entity *only, SearchResult *ret,
               Err *err)
{
    *ret = (SearchResult){0};
    if (only) {
        Access may;
        TRY(access_check(c->who, only, OP_READ, &may, err));
    }
    TRY(search_plain_plan(tx, err));
    for (size_t i = 0; i < c->m->n_entities; i++) {
        const Entity *e = c->m->entities[i];
        Ask k = {.c = c, .q = q, .e = e, .result = ret, .window = only ? WINDOW_ONE : WINDOW_ALL};
        if ((only && e != only) || !access_any(c->who, e, OP_READ)) continue;
        k.fields = search_fields(c->a, e);
        if (!k.fields.n) continue;
        TRY(access_check(c->who, e, OP_READ, &k.access, err));
        TRY(ask(&k, tx, err));
    }
    if (ret->n) qsort(ret->hits, ret->n, sizeof *ret->hits, by_score);
    return 0;
}

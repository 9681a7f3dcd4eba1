/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * Keeps the index: what the journal says was changed is read anew and its tokens are written, with the
 * journal's position in the same transaction; an entity whose index is not there, or was made of other
 * fields, is read through in the order of its ids, its position kept in the same way. Killed at any point it
 * goes on where the last transaction stood. One server at a time holds the lease; should two work all the
 * same, the position moves only from where the writer believed it to be, so the later one changes nothing.
 */
#include "model/search_int.h"

#include "base/clock.h"
#include "base/engine.h"
#include "base/log.h"
#include "model/city.h"
#include "model/cube.h"
#include "model/record.h"
#include "search_sql.h"

enum { PAGE = 500, BATCH = 2000, LEASE_S = 30, RENEW_S = 10, SEEN_AHEAD = 5000, LOGGED = 10000, MERGE_S = 5 };
enum { WAIT_US = 1000000, FAILED_US = 3000000, GATHER_US = 100000 };

const Shape *search_shape(const Search *s, Str entity)
{
    for (size_t i = 0; i < s->n; i++)
        if (str_eq(s->shapes[i].e->name, entity)) return &s->shapes[i];
    return NULL;
}

Segmenter *search_segmenter(const Search *s) { return s ? s->segmenter : NULL; }

int search_new(Store *store, const Model *m, Str owner, Search **ret, Err *err)
{
    Search *s = xcalloc(1, sizeof *s);
    s->store = store, s->m = m, s->a = arena_new(), s->seen = -1;
    s->owner = str_dup(s->a, owner);
    s->cube_rows = ARENA_ARRAY(s->a, int64_t, m->n_entities + 1);
    s->shapes = ARENA_ARRAY(s->a, Shape, m->n_entities + 1);
    for (size_t i = 0; i < m->n_entities; i++) {
        Shape *x = &s->shapes[s->n];
        *x = (Shape){.e = m->entities[i], .fields = search_fields(s->a, m->entities[i])};
        if (!x->fields.n) continue;
        x->spec = search_spec(s->a, x->e, &x->fields);
        s->n++;
    }
    if (segmenter_new(&s->segmenter, err) < 0) log_err("search", S(""), err);
    *ret = s;
    return 0;
}

void search_free(Search *s)
{
    if (!s) return;
    follower_stop(s->follower);
    segmenter_free(s->segmenter);
    arena_free(s->a);
    free(s);
}

/* --- the tables are those the model wants
 * --------------------------------------------------------------------- */

static int load_states(Search *s, Tx *tx, Arena *a, StrList *ret_gone, Err *err)
{
    Rows *r;
    int rc;
    size_t cap = 0;
    *ret_gone = (StrList){0};
    for (size_t i = 0; i < s->n; i++) s->shapes[i].state = (SearchState){0};
    TRY(tx_query(tx, a, &sql_search_entity_list, NULL, 0, &r, err));
    while ((rc = rows_next(r, err)) > 0) {
        Str name = rows_text(r, a, 0);
        Shape *x = (Shape *)search_shape(s, name);
        if (!x) {
            *ARENA_PUSH(a, ret_gone->items, ret_gone->n, cap) = name;
            continue;
        }
        bool first = rows_val(r, 3).kind == VAL_NULL;
        x->state = (SearchState){
            true,           rows_int(r, 2) != 0, rows_text(r, a, 1), first ? STR_NONE : rows_text(r, s->a, 3),
            rows_int(r, 4), rows_int(r, 5)};
    }
    rows_done(r);
    return rc;
}

/* Where the journal is followed from: its head, before anything is read. */
static int begin_cursor(Tx *tx, Arena *a, int64_t head, Err *err)
{
    Val seq;
    TRY(tx_one(tx, a, &sql_search_cursor_get, NULL, 0, &seq, err));
    return seq.i >= 0 ? 0 : tx_exec(tx, &sql_search_cursor_move, VALS(seq, V_INT(head)), NULL, err);
}

typedef struct Check {
    Search *s;
    int64_t head;
} Check;

static int head_tx(Tx *tx, void *p, Err *err) { return journal_head(tx, &((Check *)p)->head, err); }

static int check_tx(Tx *tx, void *p, Err *err)
{
    Check *c = p;
    Search *s = c->s;
    _cleanup_arena_ Arena *a = arena_new();
    StrList gone;
    TRY(begin_cursor(tx, a, c->head, err));
    TRY(load_states(s, tx, a, &gone, err));
    for (size_t i = 0; i < gone.n; i++) {
        TRY(search_drop(tx, a, gone.items[i], err));
        TRY(tx_exec(tx, &sql_search_entity_drop, VALS(V_TEXT(gone.items[i])), NULL, err));
    }
    for (size_t i = 0; i < s->n; i++) {
        Shape *x = &s->shapes[i];
        if (x->state.there && str_eq(x->state.spec, x->spec)) continue;
        TRY(search_create(tx, a, x->e, err));
        TRY(tx_exec(tx, &sql_search_entity_put, VALS(V_TEXT(x->e->name), V_TEXT(x->spec)), NULL, err));
        x->state = (SearchState){.there = true, .next = 1};
    }
    return 0;
}

/* --- following the journal
 * ------------------------------------------------------------------------------------- */

typedef struct Follow {
    Search *s;
    Arena *a;
    int64_t from, to, docs;
    bool full; /* there may be more */
    bool worn; /* an index is to be made anew */
    struct Changed {
        const Shape *shape;
        Val *ids;
        size_t n, cap;
        Doc *docs;
        size_t n_docs;
    } * changed;
    size_t n;
} Follow;

static void changed(Follow *f, const JournalEntry *j)
{
    Val id;
    const Shape *x = search_shape(f->s, j->entity);
    bool write = str_is(j->op, "insert") || str_is(j->op, "update") || str_is(j->op, "delete");
    if (!x || !write || record_id(f->a, x->e, j->record, &id, NULL) < 0) return;
    struct Changed *c = &f->changed[x - f->s->shapes];
    for (size_t i = 0; i < c->n; i++)
        if (id.kind == VAL_INT ? c->ids[i].i == id.i : str_eq(c->ids[i].s, id.s)) return;
    c->shape = x;
    *ARENA_PUSH(f->a, c->ids, c->n, c->cap) = id;
    f->n++;
}

static int follow_read(Tx *tx, void *p, Err *err)
{
    Follow *f = p;
    JournalEntry *entries;
    Val seq;
    size_t n;
    f->n = 0;
    f->changed = ARENA_ARRAY(f->a, struct Changed, f->s->n + 1);
    TRY(tx_one(tx, f->a, &sql_search_cursor_get, NULL, 0, &seq, err));
    f->from = seq.i;
    JournalFilter filter = {.after = seq.i > f->s->seen ? seq.i : f->s->seen, .limit = PAGE};
    f->to = filter.after;
    TRY(journal_read(tx, f->a, &filter, &entries, &n, err));
    f->full = n == PAGE;
    for (size_t i = 0; i < n; i++) changed(f, &entries[i]), f->to = entries[i].seq;
    for (size_t i = 0; i < f->s->n; i++) {
        struct Changed *c = &f->changed[i];
        if (c->n) TRY(search_docs(tx, f->a, c->shape, c->ids, c->n, V_NULL, 0, &c->docs, &c->n_docs, err));
    }
    return 0;
}

static bool has_doc(const struct Changed *c, Val id)
{
    for (size_t i = 0; i < c->n_docs; i++)
        if (id.kind == VAL_INT ? c->docs[i].id.i == id.i : str_eq(c->docs[i].id.s, id.s)) return true;
    return false;
}

static int follow_one(Tx *tx, Arena *a, const struct Changed *c, bool *ret_worn, Err *err)
{
    SearchState state;
    bool worn;
    const Entity *e = c->shape->e;
    TRY(search_state(tx, a, e->name, &state, err));
    if (!state.there) return 0;
    int64_t before = state.next;
    TRY(search_put(tx, a, e, c->docs, c->n_docs, &state.next, err));
    for (size_t i = 0; i < c->n; i++)
        if (!has_doc(c, c->ids[i])) TRY(search_forget(tx, a, e, c->ids[i], err));
    TRY(search_worn(tx, a, e, before, state.next, &worn, err));
    if (worn) { /* another spec than the model's: the next look at the tables makes it anew */
        *ret_worn = true;
        return tx_exec(tx, &sql_search_entity_put, VALS(V_TEXT(e->name), V_TEXT(S("worn"))), NULL, err);
    }
    return tx_exec(tx, &sql_search_entity_next, VALS(V_TEXT(e->name), V_INT(state.next)), NULL, err);
}

static int follow_write(Tx *tx, void *p, Err *err)
{
    Follow *f = p;
    _cleanup_arena_ Arena *a = arena_new();
    int64_t moved;
    f->docs = 0;
    f->worn = false;
    TRY(tx_exec(tx, &sql_search_cursor_move, VALS(V_INT(f->from), V_INT(f->to)), &moved, err));
    if (!moved) return 0; /* another server was here */
    for (size_t i = 0; i < f->s->n; i++) {
        if (f->changed[i].n) TRY(follow_one(tx, a, &f->changed[i], &f->worn, err));
        f->docs += (int64_t)f->changed[i].n_docs;
    }
    return 0;
}

/* 1: there may be more to do. */
static int follow(Search *s, Err *err)
{
    _cleanup_arena_ Arena *a = arena_new();
    Follow f = {.s = s, .a = a};
    TRY(store_read(s->store, "search.follow", follow_read, &f, err));
    s->seen = f.to;
    /* The position is written with what was indexed; alone only now and then. */
    if (f.n || f.to > f.from + SEEN_AHEAD) TRY(store_tx(s->store, "search.follow", follow_write, &f, err));
    s->docs += f.docs;
    if (f.worn) s->checked = false;
    return f.full || f.worn;
}

/* --- making an entity's index
 * ---------------------------------------------------------------------------------- */

typedef struct Batch {
    Search *s;
    Shape *x;
    Arena *a;
    Doc *docs;
    size_t n;
    SearchState state;
} Batch;

static int batch_read(Tx *tx, void *p, Err *err)
{
    Batch *b = p;
    Val after = V_NULL;
    if (b->x->state.at.p) TRY(record_id(b->a, b->x->e, b->x->state.at, &after, err));
    return search_docs(tx, b->a, b->x, NULL, 0, after, BATCH, &b->docs, &b->n, err);
}

static Str id_text(Arena *a, Val id)
{
    return id.kind == VAL_INT ? str_fmt(a, "%lld", (long long)id.i) : id.s;
}

static int batch_write(Tx *tx, void *p, Err *err)
{
    Batch *b = p;
    _cleanup_arena_ Arena *a = arena_new();
    Str name = b->x->e->name;
    TRY(search_state(tx, a, name, &b->state, err));
    if (!b->state.there || b->state.built) return 0;
    TRY(search_put(tx, a, b->x->e, b->docs, b->n, &b->state.next, err));
    TRY(tx_exec(tx, &sql_search_entity_next, VALS(V_TEXT(name), V_INT(b->state.next)), NULL, err));
    if (b->n)
        TRY(tx_exec(tx, &sql_search_entity_at,
                    VALS(V_TEXT(name), V_TEXT(id_text(a, b->docs[b->n - 1].id)), V_INT((int64_t)b->n)), NULL,
                    err));
    if (b->n == BATCH) return 0;
    TRY(search_finish(tx, a, b->x->e, err));
    return tx_exec(tx, &sql_search_entity_built, VALS(V_TEXT(name)), NULL, err);
}

/* 1: there may be more to do. */
static int build(Search *s, Err *err)
{
    Shape *x = NULL;
    for (size_t i = 0; i < s->n && !x; i++)
        if (!s->shapes[i].state.built) x = &s->shapes[i];
    if (!x) return 0;
    _cleanup_arena_ Arena *a = arena_new();
    Batch b = {.s = s, .x = x, .a = a};
    TRY(store_read(s->store, "search.build", batch_read, &b, err));
    TRY(store_tx(s->store, "search.build", batch_write, &b, err));
    s->docs += (int64_t)b.n;
    x->state.docs += (int64_t)b.n;
    if (b.n) x->state.at = str_dup(s->a, id_text(a, b.docs[b.n - 1].id));
    x->state.built = b.n < BATCH;
    if (x->state.built && x->state.docs >= LOGGED)
        log_event(LOG_INFO, "indexed", S(""), "entity", str_cdup(a, x->e->name), "records",
                  str_fmt(a, "%lld", (long long)x->state.docs).p, NULL);
    return 1;
}

/* --- the work
 * -------------------------------------------------------------------------------------------------- */

typedef struct Lease {
    Search *s;
    int64_t now, got;
} Lease;

static int lease_tx(Tx *tx, void *p, Err *err)
{
    Lease *l = p;
    return tx_exec(tx, &sql_search_lease_take,
                   VALS(V_TEXT(l->s->owner), V_INT(l->now + LEASE_S * US_PER_SEC), V_INT(l->now)), &l->got,
                   err);
}

/* 1 = ours. Taken anew, the tables are looked at again: another server may have had other packs. */
static int lease(Search *s, Err *err)
{
    Lease l = {s, clock_now_us(), 0};
    if (s->leased_us && l.now - s->leased_us < RENEW_S * US_PER_SEC && l.now >= s->leased_us) return 1;
    TRY(store_tx(s->store, "search.lease", lease_tx, &l, err));
    if (!l.got || l.now - s->leased_us > LEASE_S * US_PER_SEC) s->checked = false, s->seen = -1;
    s->leased_us = l.got ? l.now : 0;
    return l.got != 0;
}

static int step(Search *s, Err *err)
{
    int rc = lease(s, err);
    if (rc <= 0) return rc;
    if (!s->checked) {
        Check c = {s, 0};
        TRY(store_read(s->store, "search.head", head_tx, &c, err));
        TRY(store_tx(s->store, "search.check", check_tx, &c, err));
        s->checked = true;
    }
    int more = follow(s, err);
    if (more < 0) return more;
    int building = build(s, err);
    return building < 0 ? building : more || building;
}

/* --- kept counts: joined here, so that one server does it
 * --------------------------------------------------- */

typedef struct Merge {
    const Entity *e;
    int64_t rows;
} Merge;

static int merge_tx(Tx *tx, void *p, Err *err)
{
    Merge *m = p;
    _cleanup_arena_ Arena *a = arena_new();
    return cube_merge(tx, a, m->e, &m->rows, err);
}

static int merge(Search *s, Err *err)
{
    int64_t now = clock_now_us();
    if (store_dialect(s->store) != DIALECT_POSTGRES || !s->leased_us) return 0;
    if (now >= s->merged_us && now - s->merged_us < MERGE_S * US_PER_SEC) return 0;
    s->merged_us = now;
    for (size_t i = 0; i < s->m->n_entities; i++) {
        Merge m = {s->m->entities[i], s->cube_rows[i]};
        TRY(store_tx(s->store, "cube.merge", merge_tx, &m, err));
        s->cube_rows[i] = m.rows;
    }
    return 0;
}

int search_pump(Search *s, int64_t *ret_docs, Err *err)
{
    int64_t before = s->docs;
    int rc;
    while ((rc = step(s, err)) > 0)
        ;
    if (ret_docs) *ret_docs = s->docs - before;
    return rc;
}

static int64_t turn(void *p)
{
    Search *s = p;
    Err err = ERR_INIT;
    int rc = step(s, &err);
    if (rc == 0) rc = merge(s, &err);
    if (rc > 0) return 0;
    if (rc == 0) return WAIT_US;
    log_err("search", S(""), &err);
    s->checked = false;
    return -FAILED_US;
}

/* --- the engine
 * ------------------------------------------------------------------------------------------------ */

static int start(City *c, Err *err)
{
    _cleanup_arena_ Arena *a = arena_new();
    TRY(search_new(c->store, c->model, store_server(a, c->dir ? c->dir : store_dir(c->store)), &c->search,
                   err));
    return follower_start(c->store, "索引", GATHER_US, turn, c->search, &c->search->follower, err);
}

static void stop(City *c)
{
    search_free(c->search);
    c->search = NULL;
}

static const Route routes[] = {{"GET", "/api/search", NULL, ROUTE_ANY_USER | ROUTE_WRITES, search_get, NULL,
                                "按词、编号或拼音首字母找记录（q= entity= limit= offset=）"},
                               {0}};

const Engine search_engine = {
    .name = "search", .room = &search_room, .routes = routes, .start = start, .stop = stop};

/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * The operator fts in a list: the index names the records that may have the words, the condition itself
 * decides. A word that many records have is not asked of the index: the list in its order meets enough of
 * them soon. (On PostgreSQL the planner weighs that itself.)
 */
#include "model/search_int.h"

#include "search_sql.h"

enum { MANY = 5000, PENDING_MAX = 1000 };

typedef struct Prepare {
    const QueryCtx *c;
    Tx *tx;
    const Entity *e;
    bool known, usable;
    Val *pending;
    size_t n_pending;
} Prepare;

/* The index is there, of these fields and whole; what it has not followed yet is little. */
static int usable(Prepare *p, Err *err)
{
    SearchState state;
    FieldSet fields = search_fields(p->c->a, p->e);
    if (p->known) return 0;
    p->known = true;
    TRY(search_state(p->tx, p->c->a, p->e->name, &state, err));
    if (!state.built || !str_eq(state.spec, search_spec(p->c->a, p->e, &fields))) return 0;
    TRY(search_pending(p->tx, p->c->a, p->e, PENDING_MAX, &p->pending, &p->n_pending, err));
    p->usable = p->n_pending <= PENDING_MAX;
    return 0;
}

static bool searched(const FieldSet *all, const FieldSet *in)
{
    for (size_t i = 0; i < in->n; i++) {
        bool there = false;
        for (size_t k = 0; k < all->n; k++) there |= all->items[k] == in->items[i];
        if (!there) return false;
    }
    return in->n > 0;
}

/* The index's question for all words that it can be asked: not one or two Latin letters, which it knows only
   at the beginning of a run, and not punctuation. */
static Str match_of(Arena *a, Dialect d, const Cond *k)
{
    SearchQuery q;
    Buf b;
    Err why = ERR_INIT;
    buf_init(&b, 1 << 16);
    for (size_t i = 0; i < k->n_words; i++) {
        Str quoted = str_fmt(a, "\"" STR_FMT "\"", STR_ARG(k->words[i]));
        if (str_find(k->words[i], '"') >= 0 || search_parse(a, NULL, quoted, &q, &why) < 0 || q.n != 1)
            continue;
        if (q.words[0].latin && q.words[0].text.n < 3) continue;
        Str one = search_match_word(a, d == DIALECT_POSTGRES, &q.words[0], false);
        if (str_is(one, "()")) continue;
        buf_addf(&b, "%s" STR_FMT, b.n ? (d == DIALECT_POSTGRES ? " & " : " AND ") : "", STR_ARG(one));
    }
    Str s = buf_dup(a, &b);
    buf_done(&b);
    return s;
}

static int many(Prepare *p, Str match, bool *ret, Err *err)
{
    Build b;
    Val n;
    *ret = false;
    if (tx_dialect(p->tx) == DIALECT_POSTGRES) return 0;
    build_init(&b, p->c->a, DIALECT_SQLITE);
    build_add(&b, "select count(*) from (");
    search_ids_sql(&b, p->e, match, MANY + 1);
    build_add(&b, ") x");
    Sql sql = build_sql(&b, "search.many");
    TRY(tx_one(p->tx, p->c->a, &sql, b.args, b.n, &n, err));
    *ret = n.i > MANY;
    return 0;
}

static int prepare(Prepare *p, Cond *k, Err *err)
{
    bool too_many;
    for (size_t i = 0; i < k->n; i++) TRY(prepare(p, k->kids[i], err));
    if (k->kind != COND_LEAF || k->cmp != CMP_FTS) return 0;
    FieldSet all = search_fields(p->c->a, p->e);
    k->match = S("");
    if (!searched(&all, &k->in)) return 0;
    TRY(usable(p, err));
    if (!p->usable) return 0;
    Str match = match_of(p->c->a, tx_dialect(p->tx), k);
    if (!match.n) return 0;
    TRY(many(p, match, &too_many, err));
    if (too_many) return 0;
    k->match = match, k->pending = p->pending, k->n_pending = p->n_pending;
    return 0;
}

int search_prepare(const QueryCtx *c, Tx *tx, Query *q, Err *err)
{
    Prepare p = {.c = c, .tx = tx, .e = q->entity};
    return prepare(&p, q->where, err);
}

void search_cond(Build *b, const char *alias, const Entity *e, const Cond *k)
{
    build_column(b, alias, entity_id(e));
    build_add(b, " in (");
    search_ids_sql(b, e, k->match, 0);
    for (size_t i = 0; i < k->n_pending; i++) {
        build_add(b, " union all select ");
        if (b->d == DIALECT_POSTGRES && k->pending[i].kind == VAL_INT) {
            build_add(b, "cast(");
            build_arg(b, k->pending[i]);
            build_add(b, " as bigint)");
        } else
            build_arg(b, k->pending[i]);
    }
    build_add(b, ")");
}

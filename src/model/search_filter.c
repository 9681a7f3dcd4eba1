/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * The operator fts in a list: the index names the records that may have the words, the condition itself
 * decides. A word that many records have is not asked of the index: the list in its order meets enough of
 * them soon. (On PostgreSQL the planner weighs that itself.)
 */
#include "model/search_int.h"

#include "search_sql.h"

enum { PAGE = 60, MANY_MIN = 2000, MANY_MAX = 40000, PENDING_MAX = 1000, DOCS_BYTES = 4 << 20 };

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

/* Of n records among N, walking the list meets a page of p after p N / n, against n to be looked up: the same
   at the root of p N. Twice as many are looked up, for not all that the index names have the words: it knows
   pieces of three digits, so that walking may find few of them. */
static int break_even(Prepare *p, int64_t *ret, Err *err)
{
    Val n;
    int64_t root = MANY_MIN;
    TRY(search_size(p->tx, p->c->a, p->e, &n, err));
    while (root < MANY_MAX && root * root < 4 * PAGE * n.i) root += 100;
    return *ret = root, 0;
}

/* The documents that the index names, in one question; none where they are too many to be looked up one
   by one. SQLite has no idea how many a question of the index gives, of an array it takes few. */
static int name_records(Prepare *p, Str match, Cond *k, bool *ret_few, Err *err)
{
    Build b;
    Buf text;
    JsonWriter w;
    Rows *rows;
    int64_t n = 0, max;
    int rc;
    TRY(break_even(p, &max, err));
    build_init(&b, p->c->a, DIALECT_SQLITE);
    search_docs_sql(&b, p->e, match, (size_t)max + 1);
    Sql sql = build_sql(&b, "search.docs");
    TRY(tx_query(p->tx, p->c->a, &sql, b.args, b.n, &rows, err));
    buf_init(&text, DOCS_BYTES);
    jw_init(&w, &text);
    jw_array(&w);
    while ((rc = rows_next(rows, err)) > 0 && n++ < max) jw_int(&w, rows_int(rows, 0));
    rows_done(rows);
    jw_array_end(&w);
    *ret_few = n <= max && !text.over;
    if (*ret_few) k->docs = buf_dup(p->c->a, &text);
    buf_done(&text);
    return rc < 0 ? rc : 0;
}

static int prepare(Prepare *p, Cond *k, Err *err)
{
    bool few = true;
    for (size_t i = 0; i < k->n; i++) TRY(prepare(p, k->kids[i], err));
    if (k->kind != COND_LEAF || k->cmp != CMP_FTS) return 0;
    FieldSet all = search_fields(p->c->a, p->e);
    k->match = k->docs = S("");
    if (!searched(&all, &k->in)) return 0;
    TRY(usable(p, err));
    if (!p->usable) return 0;
    Str match = match_of(p->c->a, tx_dialect(p->tx), k);
    if (!match.n) return 0;
    if (tx_dialect(p->tx) == DIALECT_SQLITE) TRY(name_records(p, match, k, &few, err));
    if (!few) return 0;
    k->match = match, k->pending = p->pending, k->n_pending = p->n_pending;
    return 0;
}

int search_prepare(const QueryCtx *c, Tx *tx, Query *q, Err *err)
{
    Prepare p = {.c = c, .tx = tx, .e = q->entity};
    TRY(prepare(&p, q->where, err));
    q->by_ids = false;
    for (size_t i = 0; i < q->where->n && !q->where->negate; i++)
        q->by_ids |= q->where->kids[i]->docs.n && !q->where->kids[i]->negate;
    return 0;
}

void search_cond(Build *b, const char *alias, const Entity *e, const Cond *k)
{
    build_column(b, alias, entity_id(e));
    build_add(b, " in (");
    if (k->docs.n)
        search_docs_ids_sql(b, e, k->docs);
    else
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

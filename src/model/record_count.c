/* SPDX-License-Identifier: MulanPSL-2.0 */
/* How many: from the kept counts where they answer, else counted for as long as a list may wait. */
#include "model/cube.h"
#include "model/record_int.h"

static void count_sql(const QueryCtx *c, Build *b, const Level *l, bool cube)
{
    Str table = cube ? cube_name(c->a, l->q->entity->name) : l->q->entity->name;
    bool grouped = l->q->aggregate;
    build_add(b, "select ");
    if (cube && !grouped)
        build_add(b, b->d == DIALECT_SQLITE ? "coalesce(sum(t." CUBE_N "), 0)"
                                            : "cast(coalesce(sum(t." CUBE_N "), 0) as bigint)");
    else
        build_add(b, "count(*)");
    build_add(b, grouped ? " from (select 1 from " : " from ");
    build_name(b, table);
    build_add(b, " t");
    b->wide = l->q->by_ids && b->d == DIALECT_SQLITE;
    query_where(c, b, "t", l->q);
    b->wide = false;
    if (!grouped) return;
    level_group_by(b, l);
    if (cube && level_groups(l)) build_add(b, " having sum(t." CUBE_N ") <> 0");
    build_add(b, ") g");
}

int level_count(const QueryCtx *c, Tx *tx, const Level *l, int64_t *ret, Err *err)
{
    Build b;
    Val v;
    if (l->q->aggregate && !level_groups(l)) return *ret = 1, 0; /* figures of the whole */
    build_init(&b, c->a, tx_dialect(tx));
    count_sql(c, &b, l, cube_serves(c, l->q));
    TRY(build_check(&b, err));
    Sql sql = build_sql(&b, "model.count");
    TRY(tx_one(tx, c->a, &sql, b.args, b.n, &v, err));
    *ret = v.kind == VAL_INT ? v.i : 0;
    return 0;
}

enum { COUNT_MS = 250 };

typedef struct Count {
    const QueryCtx *c;
    const Level *l;
    int64_t n;
} Count;

static int count_tx(Tx *tx, void *p, Err *err)
{
    Count *k = p;
    TRY(tx_limit(tx, COUNT_MS, err));
    return level_count(k->c, tx, k->l, &k->n, err);
}

int level_count_soon(const QueryCtx *c, Tx *tx, const Level *l, int64_t *ret, Err *err)
{
    Count k = {c, l, 0};
    int rc = tx_nested(tx, count_tx, &k, err);
    if (rc < 0 && rc != -(int)ERR_TIMEOUT) return rc;
    if (rc == 0) *ret = k.n;
    *err = (Err)ERR_INIT;
    return tx_limit(tx, 0, err);
}

/* An index begins with the field of the order, and none has it behind another field: such a one may serve a
   filter and the order at once. */
static bool walkable(const Query *q)
{
    const Entity *e = q->entity;
    const Field *f = q->n_sorts ? q->sorts[0].field : NULL;
    bool first = false;
    if (!f || q->sorts[0].embed || f == e->order || f == entity_id(e)) return false;
    for (size_t i = 0; i < e->n_index; i++)
        for (size_t k = 0; k < e->index[i].n; k++) {
            if (e->index[i].items[k] != f) continue;
            if (k) return false;
            first = true;
        }
    return first || f->index || f->unique;
}

/* A filter on which a great part of the table passes, in an order of another field: walking the index of the
   order meets a page soon, the filter's own index gives all that pass to be sorted. Where these fields go
   together, walking may meet none for long; so it is done only where sorting would take long, too: MARGIN. */
static int weigh_filter(const QueryCtx *c, Tx *tx, Query *q, Err *err)
{
    enum { PAGE = 50, MARGIN = 50 };
    Level l = {.q = q};
    int64_t n, all;
    if (!q->where->n || !walkable(q) || !cube_serves(c, q)) return 0;
    TRY(level_count(c, tx, &l, &n, err));
    TRY(cube_total(tx, c->a, q->entity, &all, err));
    q->tested = n > 0 && n > (int64_t)PAGE * MARGIN * all / n;
    return 0;
}

/* A row rule that covers a county of millions: walking the list in its order meets a page of such rows long
   before all of them are looked up and sorted. SQLite does not know how many there are, the kept counts do.
   Of n rows among N, every n/N-th fits: a page of p is met after p N / n, against n to be sorted. */
int level_weigh(const QueryCtx *c, Tx *tx, Level *l, Err *err)
{
    enum { PAGE = 50 };
    int64_t n, all;
    const unsigned narrow = 1u << SCOPE_REGION | 1u << SCOPE_ORG, whole = 1u << SCOPE_ALL;
    Query *q = l->q;
    if (tx_dialect(tx) != DIALECT_SQLITE || q->aggregate) return 0;
    TRY(weigh_filter(c, tx, q, err));
    if (!(q->access.scopes & narrow) || q->access.scopes & whole) return 0;
    if (!cube_serves(c, q)) return 0;
    TRY(level_count(c, tx, l, &n, err));
    TRY(cube_total(tx, c->a, q->entity, &all, err));
    q->wide = n > 0 && n > PAGE * all / n;
    return 0;
}

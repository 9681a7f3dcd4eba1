/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * What is embedded in rows. A relation is fetched for all rows of the level above at once (by their keys, in
 * slices) and handed out by key, so the number of statements grows with the number of relations, not of rows.
 */
#include "model/record_int.h"

enum { KEYS_SLICE = 1000 };

/* Where the key by which rows are handed out stands: their id, their reference to us, or the link table. */
static void key_column(Build *b, const Embed *m)
{
    if (m->kind == EMBED_ONE)
        build_column(b, "t", entity_id(m->query->entity));
    else if (m->kind == EMBED_MANY)
        build_column(b, "t", m->via);
    else
        build_addf(b, "k.\"%s\"", m->kind == EMBED_LINK ? "owner" : "target");
}

static void from_embed(Build *b, const Embed *m)
{
    build_name(b, m->query->entity->name);
    build_add(b, " t");
    if (m->kind != EMBED_LINK && m->kind != EMBED_BACK) return;
    build_add(b, " join ");
    build_name(b, m->via->link);
    build_addf(b, " k on k.\"%s\" = ", m->kind == EMBED_LINK ? "target" : "owner");
    build_column(b, "t", entity_id(m->query->entity));
}

static void embed_sql(const QueryCtx *c, Build *b, Level *l, const Embed *m, const Val *keys, size_t n)
{
    Query *q = m->query;
    bool paged = (q->limit >= 0 || q->offset > 0) && m->kind != EMBED_ONE && !q->aggregate;
    build_add(b, paged ? "select * from (select " : "select ");
    level_select(b, l);
    if (l->n_cols) build_add(b, ", ");
    key_column(b, m);
    build_add(b, " as \"_key\"");
    if (paged) {
        build_add(b, ", row_number() over (partition by ");
        key_column(b, m);
        level_order(b, c, l, HALF_BOTH);
        build_add(b, ") as \"_rank\"");
    }
    build_add(b, " from ");
    from_embed(b, m);
    query_where(c, b, "t", q);
    build_add(b, " and ");
    key_column(b, m);
    build_add(b, " in (");
    for (size_t i = 0; i < n; i++) {
        if (i) build_add(b, ", ");
        build_arg(b, keys[i]);
    }
    build_add(b, ")");
    if (q->aggregate) {
        level_group_by(b, l);
        bool grouped = false;
        for (size_t i = 0; i < l->n_cols; i++) grouped |= !l->cols[i].agg;
        build_add(b, grouped ? ", " : " group by ");
        key_column(b, m);
        level_order(b, c, l, HALF_BOTH);
    } else if (paged) {
        build_addf(b, ") p where \"_rank\" > %lld", (long long)q->offset);
        if (q->limit >= 0) build_addf(b, " and \"_rank\" <= %lld", (long long)(q->offset + q->limit));
        build_add(b, " order by \"_rank\"");
    } else if ((m->kind == EMBED_LINK) && !q->n_sorts)
        build_add(b, " order by k.\"pos\"");
    else
        level_order(b, c, l, HALF_BOTH);
}

static int by_key(const void *pa, const void *pb)
{
    const Row *a = *(Row *const *)pa, *b = *(Row *const *)pb;
    int r = str_cmp(a->key, b->key);
    return r ? r : a < b ? -1 : a > b;
}

/* Rows of the embedded level sorted by key (order within a key kept). */
static void sort_rows(const QueryCtx *c, Level *l)
{
    l->sorted = ARENA_ARRAY(c->a, Row *, l->n_rows + 1);
    for (size_t i = 0; i < l->n_rows; i++) l->sorted[i] = &l->rows[i];
    if (l->n_rows) qsort(l->sorted, l->n_rows, sizeof *l->sorted, by_key);
}

Str record_key_text(const QueryCtx *c, Val v)
{
    return v.kind == VAL_TEXT ? v.s : v.kind == VAL_INT ? str_fmt(c->a, "%lld", (long long)v.i) : S("");
}

static int by_val(const void *pa, const void *pb)
{
    const Val *a = pa, *b = pb;
    if (a->kind == VAL_INT) return a->i < b->i ? -1 : a->i > b->i;
    return str_cmp(a->s, b->s);
}

/* Distinct keys of the level above. */
static size_t keys_of(const QueryCtx *c, const Level *l, size_t col, Val **ret)
{
    Val *keys = ARENA_ARRAY(c->a, Val, l->n_rows + 1);
    size_t n = 0, m = 0;
    for (size_t i = 0; i < l->n_rows; i++)
        if (l->rows[i].vals[col].kind != VAL_NULL) keys[n++] = l->rows[i].vals[col];
    if (n) qsort(keys, n, sizeof *keys, by_val);
    for (size_t i = 0; i < n; i++)
        if (!i || by_val(&keys[i], &keys[i - 1])) keys[m++] = keys[i];
    *ret = keys;
    return m;
}

static int embed_level(const QueryCtx *c, Tx *tx, const Level *above, size_t col, const Embed *m, Level **ret,
                       Err *err)
{
    Level *l = ARENA_NEW(c->a, Level);
    Val *keys;
    size_t n = keys_of(c, above, col, &keys);
    l->q = m->query;
    l->keyed = true;
    level_plan(l, c);
    for (size_t i = 0; i < n; i += KEYS_SLICE) {
        Build b;
        build_init(&b, c->a, tx_dialect(tx));
        embed_sql(c, &b, l, m, keys + i, n - i < KEYS_SLICE ? n - i : KEYS_SLICE);
        TRY(level_fetch(c, tx, l, &b, err));
        if (l->n_rows > QUERY_ROWS_MAX * 10)
            return err_set(err, ERR_INPUT, "“" STR_FMT "” 带出的记录过多", STR_ARG(m->name)),
                   err_hint(err, "加上 " STR_FMT ".limit=", STR_ARG(m->name));
    }
    TRY(level_stitch(c, tx, l, err));
    sort_rows(c, l);
    *ret = l;
    return 0;
}

/* Targets of a refs field, as rows keyed by owner with one column. */
static int link_level(const QueryCtx *c, Tx *tx, const Level *above, size_t col, const Field *f, Level **ret,
                      Err *err)
{
    Level *l = ARENA_NEW(c->a, Level);
    Val *keys;
    size_t n = keys_of(c, above, col, &keys);
    l->keyed = true;
    l->n_cols = 1;
    for (size_t i = 0; i < n; i += KEYS_SLICE) {
        Build b;
        build_init(&b, c->a, tx_dialect(tx));
        build_add(&b, "select \"target\", \"owner\" from ");
        build_name(&b, f->link);
        build_add(&b, " where \"owner\" in (");
        for (size_t j = i; j < n && j < i + KEYS_SLICE; j++) {
            if (j > i) build_add(&b, ", ");
            build_arg(&b, keys[j]);
        }
        build_add(&b, ") order by \"owner\", \"pos\"");
        TRY(level_fetch(c, tx, l, &b, err));
    }
    sort_rows(c, l);
    *ret = l;
    return 0;
}

int level_stitch(const QueryCtx *c, Tx *tx, Level *l, Err *err)
{
    l->below = ARENA_ARRAY(c->a, Level *, l->q->n_picks + 1);
    level_suppress(l);
    for (size_t i = 0; i < l->q->n_picks && l->n_rows; i++) {
        const Pick *p = &l->q->picks[i];
        if (p->embed)
            TRY(embed_level(c, tx, l, l->at[i], p->embed, &l->below[i], err));
        else if (p->field && p->field->storage == STORE_LINK && !p->agg)
            TRY(link_level(c, tx, l, l->at[i], p->field, &l->below[i], err));
    }
    return 0;
}

Row **level_find(const Level *l, Str key, size_t *ret_n)
{
    size_t lo = 0, hi = l ? l->n_rows : 0;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (str_cmp(l->sorted[mid]->key, key) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    for (*ret_n = 0; l && lo + *ret_n < l->n_rows && str_eq(l->sorted[lo + *ret_n]->key, key);) ++*ret_n;
    return l ? l->sorted + lo : NULL;
}

/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * From a query to rows. Each level of the query is one SELECT; an embedded relation is fetched for all rows
 * of the level above at once (by their keys, in slices) and handed out by key, so the number of statements
 * grows with the number of relations, not of rows.
 */
#include "model/record_int.h"

#include "base/csv.h"
#include "model/cube.h"
#include "model/search.h"
#include "model/value.h"
#include "model/vault.h"

enum { KEYS_SLICE = 1000 };

/* --- columns of a level
 * -------------------------------------------------------------------------------------- */

static size_t column_of(Level *l, const QueryCtx *c, const Field *f)
{
    for (size_t i = 0; i < l->n_cols; i++)
        if (l->cols[i].field == f && l->cols[i].agg == AGG_NONE) return i;
    *ARENA_PUSH(c->a, l->cols, l->n_cols, l->cap_cols) = (Col){f, AGG_NONE};
    return l->n_cols - 1;
}

static size_t agg_column(Level *l, const QueryCtx *c, const Pick *p)
{
    *ARENA_PUSH(c->a, l->cols, l->n_cols, l->cap_cols) = (Col){p->field, p->agg};
    return l->n_cols - 1;
}

/* What each pick needs from the row: its own column, or the key by which its relation is handed out. */
static void plan_columns(Level *l, const QueryCtx *c)
{
    Query *q = l->q;
    l->at = ARENA_ARRAY(c->a, size_t, q->n_picks + 1);
    for (size_t i = 0; i < q->n_picks; i++) {
        const Pick *p = &q->picks[i];
        if (p->embed)
            l->at[i] = column_of(l, c, p->embed->kind == EMBED_ONE ? p->embed->via : entity_id(q->entity));
        else if (p->agg)
            l->at[i] = agg_column(l, c, p);
        else if (p->field->storage == STORE_LINK)
            l->at[i] = column_of(l, c, entity_id(q->entity));
        else
            l->at[i] = column_of(l, c, p->field);
    }
    l->counts_people = q->aggregate && q->entity->about_people && !c->who->system;
    if (l->counts_people) {
        *ARENA_PUSH(c->a, l->cols, l->n_cols, l->cap_cols) = (Col){NULL, AGG_COUNT};
        l->people = l->n_cols - 1;
    }
    if (q->aggregate) return;
    query_order(c, q);
    for (size_t i = 0; i < q->n_order; i++) /* for the cursor */
        if (!q->order[i].embed) (void)column_of(l, c, q->order[i].field);
    l->rev = column_of(l, c, &q->entity->sys[SYS_REV]);
    l->id = column_of(l, c, entity_id(q->entity));
}

static void agg_sql(Build *b, const Col *col, bool cube)
{
    static const char *const names[] = {"", "count", "sum", "avg", "min", "max"};
    if (cube)
        return build_add(b, b->d == DIALECT_SQLITE ? "coalesce(sum(t." CUBE_N "), 0)"
                                                   : "cast(coalesce(sum(t." CUBE_N "), 0) as bigint)");
    build_addf(b, "%s(", names[col->agg]);
    if (col->field && col->field->storage == STORE_LINK)
        build_column(b, "t", entity_id(col->field->owner));
    else if (col->field)
        build_column(b, "t", col->field);
    else
        build_add(b, "*");
    build_add(b, ")");
}

static void select_list(Build *b, const Level *l)
{
    for (size_t i = 0; i < l->n_cols; i++) {
        if (i) build_add(b, ", ");
        if (l->cols[i].agg)
            agg_sql(b, &l->cols[i], l->cube);
        else
            build_column(b, "t", l->cols[i].field);
    }
}

void level_group_by(Build *b, const Level *l)
{
    bool first = true;
    if (!l->q->aggregate) return;
    for (size_t i = 0; i < l->n_cols; i++) {
        if (l->cols[i].agg) continue;
        build_add(b, first ? " group by " : ", ");
        build_column(b, "t", l->cols[i].field);
        first = false;
    }
}

size_t level_groups(const Level *l)
{
    size_t n = 0;
    for (size_t i = 0; i < l->n_cols; i++) n += !l->cols[i].agg;
    return n;
}

static void sort_term(Build *b, const Sort *s, bool nullable)
{
    if (s->embed) { /* the label of a reference */
        build_add(b, "(select o.");
        build_name(b, s->field->system ? entity_id(s->field->owner)->name : s->field->name);
        build_add(b, " from ");
        build_name(b, s->embed->query->entity->name);
        build_add(b, " o where o.");
        build_name(b, entity_id(s->embed->query->entity)->name);
        build_add(b, " = ");
        build_column(b, "t", s->embed->via);
        build_add(b, ")");
    } else
        build_column(b, "t", s->field);
    build_add(b, s->desc ? " desc" : " asc");
    /* PostgreSQL's order of NULLs on both; left out where there are none, so that an index can serve */
    if (nullable) build_add(b, sort_nulls_first(s) ? " nulls first" : " nulls last");
}

static void group_order(Build *b, const Level *l)
{
    const Query *q = l->q;
    const char *sep = " order by ";
    for (size_t i = 0; i < q->n_sorts; i++, sep = ", ") {
        build_add(b, sep);
        sort_term(b, &q->sorts[i], sort_nullable(&q->sorts[i]));
    }
    for (size_t i = 0; i < l->n_cols && !q->n_sorts; i++) { /* by the groups, so that paging is stable */
        if (l->cols[i].agg) continue;
        build_add(b, sep);
        build_column(b, "t", l->cols[i].field);
        build_add(b, " nulls last");
        sep = ", ";
    }
}

static void order_by(Build *b, const QueryCtx *c, const Level *l, Half half)
{
    Query *q = l->q;
    const char *sep = " order by ";
    if (q->aggregate) return group_order(b, l);
    query_order(c, q);
    /* PostgreSQL finds the stretch of the index only when its empty first field is named, too. */
    for (size_t i = half == HALF_NULL && b->d == DIALECT_SQLITE; i < query_order_end(q, half);
         i++, sep = ", ") {
        build_add(b, sep);
        sort_term(b, &q->order[i], sort_nullable(&q->order[i]) && (i || half == HALF_BOTH));
    }
}

/* --- one level
 * ------------------------------------------------------------------------------------------------ */

int level_take(const QueryCtx *c, Level *l, Rows *rows, size_t max, Err *err)
{
    int rc = 1;
    for (size_t n = 0; n < max && (rc = rows_next(rows, err)) > 0; n++) {
        Row *row = ARENA_PUSH(c->a, l->rows, l->n_rows, l->cap_rows);
        row->vals = ARENA_ARRAY(c->a, Val, l->n_cols + 1);
        for (size_t i = 0; i < l->n_cols; i++) {
            row->vals[i] = rows_val(rows, (int)i);
            if (row->vals[i].kind >= VAL_TEXT) row->vals[i].s = str_dup(c->a, row->vals[i].s);
            if (l->cols && l->cols[i].field && !l->cols[i].agg)
                TRY(vault_out(c->a, l->cols[i].field, row->vals[i], &row->vals[i], err));
        }
        if (l->keyed) row->key = str_dup(c->a, rows_text(rows, c->a, (int)l->n_cols));
    }
    return rc;
}

static int fetch(const QueryCtx *c, Tx *tx, Level *l, Build *b, Err *err)
{
    Rows *rows;
    TRY(build_check(b, err));
    Sql sql = build_sql(b, "model.select");
    TRY(tx_query(tx, c->a, &sql, b->args, b->n, &rows, err));
    int rc = level_take(c, l, rows, SIZE_MAX, err);
    rows_done(rows);
    return rc;
}

void level_half_sql(const QueryCtx *c, Level *l, Half half, int64_t limit, Build *b)
{
    plan_columns(l, c);
    l->cube = l->q->aggregate && cube_serves(c, l->q);
    build_add(b, "select ");
    select_list(b, l);
    build_add(b, " from ");
    build_name(b, l->cube ? cube_name(c->a, l->q->entity->name) : l->q->entity->name);
    build_add(b, " t");
    b->wide = l->q->wide || (l->q->by_ids && b->d == DIALECT_SQLITE);
    query_where(c, b, "t", l->q);
    b->wide = false;
    query_page_where(b, l->q, half);
    level_group_by(b, l);
    if (l->cube && level_groups(l)) build_add(b, " having sum(t." CUBE_N ") <> 0");
    order_by(b, c, l, half);
    if (limit >= 0)
        build_addf(b, " limit %lld", (long long)limit);
    else if (l->q->offset && b->d == DIALECT_SQLITE)
        build_add(b, " limit -1"); /* no offset without it */
    if (l->q->offset) build_addf(b, " offset %lld", (long long)l->q->offset);
}

void level_sql(const QueryCtx *c, Level *l, int64_t limit, Build *b)
{
    level_half_sql(c, l, HALF_BOTH, limit, b);
}

/* The rows of a page, and one more by which it is known whether there is another page. */
static int fetch_page(const QueryCtx *c, Tx *tx, Level *l, int64_t limit, Err *err)
{
    bool halves = query_halves(c, l->q), nulls_first = halves && sort_nulls_first(&l->q->order[0]);
    for (int i = 0; i <= halves && (int64_t)l->n_rows < limit; i++) {
        Half half = !halves ? HALF_BOTH : (i == 0) == nulls_first ? HALF_NULL : HALF_HAVE;
        Build b;
        if (query_half_empty(l->q, half)) continue;
        build_init(&b, c->a, tx_dialect(tx));
        level_half_sql(c, l, half, limit - (int64_t)l->n_rows, &b);
        TRY(fetch(c, tx, l, &b, err));
    }
    return 0;
}

/* The top level: the query as it stands. */
static int top_level(const QueryCtx *c, Tx *tx, Level *l, Str *ret_next, Err *err)
{
    int64_t limit = l->q->limit < 0 || l->q->limit > QUERY_ROWS_MAX ? QUERY_ROWS_MAX : l->q->limit;
    *ret_next = S("");
    TRY(fetch_page(c, tx, l, limit && !l->q->aggregate ? limit + 1 : limit, err));
    if ((int64_t)l->n_rows > limit) {
        Val *vals = ARENA_ARRAY(c->a, Val, l->q->n_order + 1);
        l->n_rows = (size_t)limit;
        for (size_t i = 0; i < l->q->n_order; i++)
            if (!l->q->order[i].embed)
                vals[i] = l->rows[limit - 1].vals[column_of(l, c, l->q->order[i].field)];
        *ret_next = query_cursor(c, l->q, vals);
    }
    return level_stitch(c, tx, l, err);
}

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
    select_list(b, l);
    if (l->n_cols) build_add(b, ", ");
    key_column(b, m);
    build_add(b, " as \"_key\"");
    if (paged) {
        build_add(b, ", row_number() over (partition by ");
        key_column(b, m);
        order_by(b, c, l, HALF_BOTH);
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
    } else if (paged) {
        build_addf(b, ") p where \"_rank\" > %lld", (long long)q->offset);
        if (q->limit >= 0) build_addf(b, " and \"_rank\" <= %lld", (long long)(q->offset + q->limit));
        build_add(b, " order by \"_rank\"");
    } else if ((m->kind == EMBED_LINK) && !q->n_sorts)
        build_add(b, " order by k.\"pos\"");
    else
        order_by(b, c, l, HALF_BOTH);
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

static Str key_text(const QueryCtx *c, Val v)
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
    plan_columns(l, c);
    for (size_t i = 0; i < n; i += KEYS_SLICE) {
        Build b;
        build_init(&b, c->a, tx_dialect(tx));
        embed_sql(c, &b, l, m, keys + i, n - i < KEYS_SLICE ? n - i : KEYS_SLICE);
        TRY(fetch(c, tx, l, &b, err));
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
        TRY(fetch(c, tx, l, &b, err));
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

/* --- writing
 * ---------------------------------------------------------------------------------------------------- */

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

static void write_agg(JsonWriter *w, const Pick *p, Val v)
{
    Field as = p->field ? *p->field : (Field){.storage = STORE_INT};
    if (p->agg == AGG_COUNT) as.storage = STORE_INT;
    if (p->agg == AGG_AVG && as.storage == STORE_INT)
        as.storage = STORE_NUM, as.type = F_DECIMAL, as.scale = 6;
    if (p->agg == AGG_AVG && as.type == F_MONEY) as.scale = 2;
    if (as.storage == STORE_INT && v.kind == VAL_TEXT) { /* PostgreSQL sums integers to numeric */
        int64_t i;
        if (str_int(v.s, &i)) v = V_INT(i);
    }
    value_write_json(w, &as, v);
}

/* A stated purpose unmasks the records that were asked for, not those that come along with them. */
bool record_masks(const QueryCtx *c, const Level *l, const Field *f)
{
    if (!l->keyed) return access_masks(c->who, l->q->entity, f, &l->q->access);
    Actor plain = *c->who;
    plain.purpose = S("");
    return access_masks(&plain, l->q->entity, f, &l->q->access);
}

Val record_shown(const QueryCtx *c, const Level *l, const Field *f, Val v)
{
    if (access_hides(c->who, f)) return V_NULL;
    return record_masks(c, l, f) ? value_mask(c->a, f, v) : v;
}

static void write_field(const QueryCtx *c, JsonWriter *w, const Level *l, const Pick *p, Val v)
{
    const Field *f = p->field;
    v = record_shown(c, l, f, v);
    if (p->as_text && v.kind != VAL_NULL)
        jw_str(w, value_text(c->a, f, v));
    else
        value_write_json(w, f, v);
}

static void write_link(const QueryCtx *c, JsonWriter *w, const Pick *p, const Level *below, Str key)
{
    size_t n;
    Row **rows = level_find(below, key, &n);
    (void)c;
    jw_array(w);
    for (size_t i = 0; i < n; i++) value_write_json(w, entity_id(p->field->to), rows[i]->vals[0]);
    jw_array_end(w);
}

static void write_members(const QueryCtx *c, JsonWriter *w, const Level *l, const Row *row);

/* Statistics without groups over no records: one row all the same, with counts of 0. */
static void write_empty_aggregate(JsonWriter *w, const Query *q)
{
    for (size_t i = 0; i < q->n_picks; i++)
        if (!q->picks[i].agg) return;
    jw_object(w);
    for (size_t i = 0; i < q->n_picks; i++) {
        jw_key(w, q->picks[i].name);
        if (q->picks[i].agg == AGG_COUNT)
            jw_int(w, 0);
        else
            jw_null(w);
    }
    jw_object_end(w);
}

static void write_embed(const QueryCtx *c, JsonWriter *w, const Pick *p, const Level *below, Str key)
{
    size_t n;
    Row **rows = level_find(below, key, &n);
    if (p->embed->kind != EMBED_ONE) {
        jw_array(w);
        if (!n && p->embed->query->aggregate) write_empty_aggregate(w, p->embed->query);
        for (size_t i = 0; i < n; i++) {
            jw_object(w);
            write_members(c, w, below, rows[i]);
            jw_object_end(w);
        }
        jw_array_end(w);
    } else if (n) {
        jw_object(w);
        write_members(c, w, below, rows[0]);
        jw_object_end(w);
    } else
        jw_null(w);
}

/* ...relation(a,b): the members of the one row stand in ours; nulls when there is none. */
static void write_spread(const QueryCtx *c, JsonWriter *w, const Pick *p, const Level *below, Str key)
{
    size_t n;
    Row **rows = level_find(below, key, &n);
    if (n) return write_members(c, w, below, rows[0]);
    for (size_t i = 0; i < p->embed->query->n_picks; i++) {
        jw_key(w, p->embed->query->picks[i].name);
        jw_null(w);
    }
}

void record_write_pick(const QueryCtx *c, JsonWriter *w, const Level *l, const Row *row, size_t i)
{
    const Pick *p = &l->q->picks[i];
    Val v = row->vals[l->at[i]];
    if (p->embed)
        write_embed(c, w, p, l->below[i], key_text(c, v));
    else if (p->agg && row->suppressed)
        jw_null(w);
    else if (p->agg)
        write_agg(w, p, v);
    else if (p->field->storage == STORE_LINK && access_hides(c->who, p->field))
        jw_null(w);
    else if (p->field->storage == STORE_LINK)
        write_link(c, w, p, l->below[i], key_text(c, v));
    else
        write_field(c, w, l, p, v);
}

static void write_members(const QueryCtx *c, JsonWriter *w, const Level *l, const Row *row)
{
    for (size_t i = 0; i < l->q->n_picks; i++) {
        const Pick *p = &l->q->picks[i];
        if (p->embed && p->embed->spread) {
            write_spread(c, w, p, l->below[i], key_text(c, row->vals[l->at[i]]));
            continue;
        }
        jw_key(w, p->name);
        record_write_pick(c, w, l, row, i);
    }
    if (row->suppressed) {
        jw_key(w, S("suppressed"));
        jw_bool(w, true);
    }
}

void record_write_row(const QueryCtx *c, JsonWriter *w, const Level *l, const Row *row)
{
    jw_object(w);
    write_members(c, w, l, row);
    jw_object_end(w);
}

/* --- the door
 * ----------------------------------------------------------------------------------------------------- */

enum { UNMASK_MAX = 200 };

bool record_unmasks(const QueryCtx *c, const Query *q)
{
    if (c->who->system || q->aggregate || !access_purpose(c->who, q->entity) ||
        !access_any(c->who, q->entity, OP_UNMASK))
        return false;
    for (size_t i = 0; i < q->n_picks; i++)
        if (q->picks[i].field && q->picks[i].field->sensitivity >= 3 &&
            !access_hides(c->who, q->picks[i].field))
            return true;
    return false;
}

/* Every record shown unmasked is an entry of the journal: who, for what purpose, which fields. */
static int journal_unmasking(const QueryCtx *c, Tx *tx, Level *l, Err *err)
{
    if (!record_unmasks(c, l->q)) return 0;
    const Entity *e = l->q->entity;
    if (l->n_rows > UNMASK_MAX)
        return err_set(err, ERR_INPUT, "一次最多查看 %d 条记录的完整内容", UNMASK_MAX),
               err_hint(err, "加上条件或 limit");
    Buf b;
    JsonWriter w;
    buf_init(&b, 1 << 16);
    jw_init(&w, &b);
    jw_object(&w);
    jw_key(&w, S("fields"));
    jw_array(&w);
    for (size_t i = 0; i < l->q->n_picks; i++)
        if (l->q->picks[i].field && l->q->picks[i].field->sensitivity >= 3 &&
            !access_hides(c->who, l->q->picks[i].field))
            jw_str(&w, l->q->picks[i].field->name);
    jw_array_end(&w);
    jw_object_end(&w);
    Str fields = buf_dup(c->a, &b);
    buf_done(&b);
    for (size_t i = 0; i < l->n_rows; i++) {
        JournalEntry entry = {.actor = c->who->user,
                              .behalf = c->who->behalf,
                              .purpose = c->who->purpose,
                              .trace = c->trace,
                              .entity = e->name,
                              .record = key_text(c, l->rows[i].vals[l->id]),
                              .op = S("unmask"),
                              .after = fields};
        TRY(journal_add(tx, &entry, err));
    }
    return 0;
}

enum { LIST_MS = 10000 };

int record_read(const QueryCtx *c, Tx *tx, Query *q, Format format, bool count, Buf *out, ReadResult *ret,
                Err *err)
{
    Level l = {.q = q};
    *ret = (ReadResult){.total = -1};
    if (record_unmasks(c, q)) TRY(access_check(c->who, q->entity, OP_UNMASK, &q->unmask, err));
    TRY(search_prepare(c, tx, q, err));
    TRY(level_weigh(c, tx, &l, err));
    TRY(tx_limit(tx, LIST_MS, err));
    TRY(top_level(c, tx, &l, &ret->next, err));
    if (count) TRY(level_count_soon(c, tx, &l, &ret->total, err));
    ret->rows = (int64_t)l.n_rows;
    TRY(journal_unmasking(c, tx, &l, err));
    if (l.n_rows == 1 && !q->aggregate) ret->rev = l.rows[0].vals[l.rev].i;
    if (format == FORMAT_OBJECT && l.n_rows != 1)
        return err_set(err, ERR_NOT_ACCEPTABLE, "要恰好一条记录，得到 %zu 条", l.n_rows),
               err_hint(err, "PGRST116");
    return record_format(c, &l, format, PART_ALL, out, err);
}

int record_id(Arena *a, const Entity *e, Str text, Val *ret, Err *err)
{
    const Field *f = entity_id(e);
    int64_t i;
    (void)a;
    if (f->storage == STORE_INT) {
        if (str_int(text, &i)) return *ret = V_INT(i), 0;
        return err_set(err, ERR_NOT_FOUND, "没有编号为 “" STR_FMT "” 的" STR_FMT, STR_ARG(text),
                       STR_ARG(e->title));
    }
    *ret = V_TEXT(text);
    return 0;
}

int record_visible(Tx *tx, Arena *a, const Model *m, const Actor *who, const Entity *e, Str id, bool *ret,
                   Err *err)
{
    QueryCtx c = {a, m, who, S("")};
    Query *q;
    Val key, v;
    *ret = false;
    if (!access_any(who, e, OP_READ)) return 0;
    TRY(query_all(&c, e, &q, err));
    TRY(record_id(a, e, id, &key, err));
    query_and_eq(&c, q, entity_id(e), key);
    Level l = {.q = q};
    int64_t n = 0;
    (void)v;
    TRY(level_count(&c, tx, &l, &n, err));
    *ret = n > 0;
    return 0;
}

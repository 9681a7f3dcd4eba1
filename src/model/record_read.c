/* SPDX-License-Identifier: MulanPSL-2.0 */
/* From a query to rows: each level of the query is one SELECT. What is embedded: record_embed.c. */
#include "model/record_int.h"

#include "model/cube.h"
#include "model/search.h"
#include "model/vault.h"

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
void level_plan(Level *l, const QueryCtx *c)
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

/* PostgreSQL's names of the least and the greatest of yes and no. */
static const char *agg_name(const Build *b, const Col *col)
{
    static const char *const names[] = {"", "count", "sum", "avg", "min", "max"};
    bool yes_no = b->d == DIALECT_POSTGRES && col->field && col->field->storage == STORE_BOOL;
    if (yes_no && col->agg == AGG_MIN) return "bool_and";
    if (yes_no && col->agg == AGG_MAX) return "bool_or";
    return names[col->agg];
}

static void agg_sql(Build *b, const Col *col, bool cube)
{
    if (cube)
        return build_add(b, b->d == DIALECT_SQLITE ? "coalesce(sum(t." CUBE_N "), 0)"
                                                   : "cast(coalesce(sum(t." CUBE_N "), 0) as bigint)");
    build_addf(b, "%s(", agg_name(b, col));
    if (col->field && col->field->storage == STORE_LINK)
        build_column(b, "t", entity_id(col->field->owner));
    else if (col->field)
        build_column(b, "t", col->field);
    else
        build_add(b, "*");
    build_add(b, ")");
}

void level_select(Build *b, const Level *l)
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

static void sort_term(Build *b, const Level *l, const Sort *s, bool nullable)
{
    if (s->figure)
        agg_sql(b, &(Col){s->figure->field, s->figure->agg}, l->cube);
    else if (s->embed) { /* the label of a reference */
        build_add(b, "(select ");
        build_column(b, "o", s->field);
        build_add(b, " from ");
        build_name(b, s->embed->query->entity->name);
        build_add(b, " o where ");
        build_column(b, "o", entity_id(s->embed->query->entity));
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
        sort_term(b, l, &q->sorts[i], sort_nullable(&q->sorts[i]));
    }
    for (size_t i = 0; i < l->n_cols; i++) { /* then by the groups, so that paging is stable */
        if (l->cols[i].agg) continue;
        build_add(b, sep);
        build_column(b, "t", l->cols[i].field);
        build_add(b, " nulls last");
        sep = ", ";
    }
}

void level_order(Build *b, const QueryCtx *c, const Level *l, Half half)
{
    Query *q = l->q;
    const char *sep = " order by ";
    if (q->aggregate) return group_order(b, l);
    query_order(c, q);
    /* PostgreSQL finds the stretch of the index only when its empty first field is named, too. */
    for (size_t i = half == HALF_NULL && b->d == DIALECT_SQLITE; i < query_order_end(q, half);
         i++, sep = ", ") {
        build_add(b, sep);
        sort_term(b, l, &q->order[i], sort_nullable(&q->order[i]) && (i || half == HALF_BOTH));
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

int level_fetch(const QueryCtx *c, Tx *tx, Level *l, Build *b, Err *err)
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
    level_plan(l, c);
    l->cube = l->q->aggregate && cube_serves(c, l->q);
    b->steady = b->d == DIALECT_POSTGRES && query_steady(c, l->q);
    build_add(b, "select ");
    level_select(b, l);
    build_add(b, " from ");
    build_name(b, l->cube ? cube_name(c->a, l->q->entity->name) : l->q->entity->name);
    build_add(b, " t");
    b->wide = l->q->wide || (l->q->by_ids && b->d == DIALECT_SQLITE);
    query_where(c, b, "t", l->q);
    b->wide = false;
    query_page_where(b, l->q, half);
    level_group_by(b, l);
    if (l->cube && level_groups(l)) build_add(b, " having sum(t." CUBE_N ") <> 0");
    level_order(b, c, l, half);
    if (l->counts_people)
        return build_addf(b, " limit %d", QUERY_ROWS_MAX + 1); /* cut_groups makes the page */
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
        TRY(level_fetch(c, tx, l, &b, err));
    }
    return 0;
}

/* The page of figures over people: cut after it was judged what is withheld. */
static int cut_groups(Level *l, int64_t limit, Err *err)
{
    if (l->n_rows > QUERY_ROWS_MAX)
        return err_set(err, ERR_INPUT, "分组超过 %d 组", QUERY_ROWS_MAX),
               err_hint(err, "加上条件，或按更粗的字段分组");
    level_suppress(l);
    size_t from = (size_t)l->q->offset < l->n_rows ? (size_t)l->q->offset : l->n_rows;
    l->rows = from ? l->rows + from : l->rows;
    l->n_rows -= from;
    if ((int64_t)l->n_rows > limit) l->n_rows = (size_t)limit;
    return 0;
}

/* The top level: the query as it stands. */
static int top_level(const QueryCtx *c, Tx *tx, Level *l, Str *ret_next, Err *err)
{
    int64_t limit = l->q->limit < 0 || l->q->limit > QUERY_ROWS_MAX ? QUERY_ROWS_MAX : l->q->limit;
    *ret_next = S("");
    TRY(fetch_page(c, tx, l, limit && !l->q->aggregate ? limit + 1 : limit, err));
    if (l->counts_people) TRY(cut_groups(l, limit, err));
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
                              .record = record_key_text(c, l->rows[i].vals[l->id]),
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

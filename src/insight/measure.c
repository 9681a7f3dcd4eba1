/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * From conditions to figures. The same query string counts and opens: /api/records reads it, and here it
 * becomes one grouped SELECT a measure, rolled up into each dimension. All in one snapshot.
 */
#include "insight/insight_int.h"

/* --- conditions -------------------------------------------------------------------------------------------
 */

static void put_escaped(Buf *b, Str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c <= ' ' || c >= 127 || c == '#' || c == '"')
            buf_addf(b, "%%%02X", c);
        else
            buf_addc(b, s.p[i]);
    }
}

/* :from, :to, :next, :day in the text. */
static void put_where(Buf *b, Str where, Period p, Date today)
{
    const struct {
        Str name;
        Date d;
    } marks[] = {{S(":from"), p.from},
                 {S(":to"), p.to},
                 {S(":next"), date_add(p.to, 1)},
                 {S(":day"), date_cmp(today, p.to) < 0 ? today : p.to}};
    char text[DATE_SIZE];
    for (size_t i = 0; i < where.n;) {
        size_t k = 0;
        while (k < 4 && !str_starts(str_from(where, i), marks[k].name)) k++;
        if (k == 4) {
            put_escaped(b, str_n(where.p + i++, 1));
            continue;
        }
        date_format(marks[k].d, text);
        buf_adds(b, text);
        i += marks[k].name.n;
    }
}

static void put_and(Buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void put_and(Buf *b, const char *fmt, ...)
{
    _cleanup_arena_ Arena *a = arena_new();
    va_list ap;
    va_start(ap, fmt);
    if (b->n) buf_addc(b, '&');
    buf_add(b, str_vfmt(a, fmt, ap));
    va_end(ap);
}

Str measure_query(Arena *a, const Measure *m, Period p, Date today, Str region)
{
    Buf b;
    char from[DATE_SIZE], to[DATE_SIZE], next[DATE_SIZE];
    date_format(p.from, from), date_format(p.to, to), date_format(date_add(p.to, 1), next);
    buf_init(&b, 1 << 16);
    put_where(&b, m->where, p, today);
    if (m->on && m->on->storage == STORE_AT) {
        put_and(&b, STR_FMT "=gte.%sT00:00:00%%2B08:00", STR_ARG(m->on->name), from);
        put_and(&b, STR_FMT "=lt.%sT00:00:00%%2B08:00", STR_ARG(m->on->name), next);
    } else if (m->on) {
        put_and(&b, STR_FMT "=gte.%s", STR_ARG(m->on->name), from);
        put_and(&b, STR_FMT "=lte.%s", STR_ARG(m->on->name), to);
    }
    if (m->not_null) put_and(&b, STR_FMT "=is.not_null", STR_ARG(m->some->name));
    if (region.n && m->entity->region)
        put_and(&b, STR_FMT "=like." STR_FMT "*", STR_ARG(m->entity->region->name), STR_ARG(region));
    Str s = buf_dup(a, &b);
    buf_done(&b);
    return s;
}

int measure_parse(const QueryCtx *c, const Measure *m, Str query, Query **ret, Err *err)
{
    TRY(query_parse(c, m->entity, query, ret, err));
    const Query *q = *ret;
    bool more = q->n_sorts || q->limit >= 0 || q->offset || q->aggregate;
    for (size_t i = 0; i < q->n_picks; i++) more |= q->picks[i].embed != NULL;
    if (!more) return 0;
    return err_set(err, ERR_INPUT, "where 里只能写条件"), err_hint(err, "去掉 select、order、limit、offset");
}

/* --- one grouped SELECT -----------------------------------------------------------------------------------
 */

Cell *cells_at(Arena *a, Cells *c, Str key)
{
    for (size_t i = 0; i < c->n; i++)
        if (str_eq(c->items[i].key, key)) return &c->items[i];
    Cell *cell = ARENA_PUSH(a, c->items, c->n, c->cap);
    cell->key = str_dup(a, key);
    return cell;
}

static void put_key(Build *b, const Dim *d, const Field *f)
{
    build_add(b, "coalesce(");
    if (d->region) build_add(b, "substr(");
    build_column(b, "t", f);
    if (d->region) build_addf(b, ", 1, %d)", REGION_N);
    build_add(b, ", '')");
}

/* Sums in whole units of the field's last digit, so that no rounding enters. */
static void put_sum(Build *b, const Field *f)
{
    if (!f) return build_add(b, "count(*)");
    build_add(b, "coalesce(cast(sum(cast(round(");
    build_column(b, "t", f);
    build_addf(b, " * %d) as bigint)) as bigint), 0)",
               f->storage != STORE_NUM ? 1
               : f->scale == 2         ? 100
               : f->scale == 1         ? 10
                                       : 1);
}

static Amount unit_of(const Field *f)
{
    return f && f->storage == STORE_NUM ? (f->scale == 2 ? 1 : f->scale == 1 ? 10 : 100) : 100;
}

typedef struct Group {
    Arena *a;
    const Indicator *x;
    Figures *ret;
    const Measure *m;
    bool den;
} Group;

static void add(Cell *c, const Group *g, int64_t rows, Amount sum)
{
    if (g->den)
        c->n_den += rows, c->den += sum;
    else
        c->n_num += rows, c->num += sum;
}

static int take(const Group *g, Rows *rows, Err *err)
{
    int rc;
    Amount unit = unit_of(g->m->sum), sum;
    size_t k = g->x->n_dims, n = 0;
    while ((rc = rows_next(rows, err)) > 0) {
        int64_t count = rows_int(rows, (int)k);
        if (++n > GROUPS_MAX) return err_set(err, ERR_INPUT, "维度的取值过多");
        if (__builtin_mul_overflow(rows_int(rows, (int)k + 1), unit, &sum) || sum > AMOUNT_MAX ||
            sum < -AMOUNT_MAX)
            return err_set(err, ERR_VALIDATION, "合计过大，算不出");
        add(&g->ret->all, g, count, sum);
        for (size_t i = 0; i < k; i++)
            add(cells_at(g->a, &g->ret->dims[i], rows_text(rows, g->a, (int)i)), g, count, sum);
    }
    return rc;
}

static int group(const Group *g, const InsightSet *s, Tx *tx, Str query, JsonWriter *w, Err *err)
{
    static const Actor program = {.system = true};
    QueryCtx c = {g->a, s->m, &program, S("")};
    Query *q;
    Rows *rows;
    Build b;
    TRY(measure_parse(&c, g->m, query, &q, err));
    build_init(&b, g->a, tx_dialect(tx));
    build_add(&b, "select ");
    for (size_t i = 0; i < g->x->n_dims; i++) {
        put_key(&b, &g->x->dims[i], g->den ? g->x->dims[i].den : g->x->dims[i].num);
        build_add(&b, ", ");
    }
    build_add(&b, "count(*), ");
    put_sum(&b, g->m->sum);
    build_add(&b, " from ");
    build_name(&b, g->m->entity->name);
    build_add(&b, " t");
    query_where(&c, &b, "t", q);
    for (size_t i = 0; i < g->x->n_dims; i++) build_addf(&b, "%s%zu", i ? ", " : " group by ", i + 1);
    TRY(build_check(&b, err));
    jw_object(w);
    jw_kstr(w, "entity", g->m->entity->name);
    jw_kstr(w, "query", query);
    Sql sql = build_sql(&b, "insight.measure");
    jw_kstr(w, "sql", str_c(sql.text[tx_dialect(tx)]));
    jw_key(w, S("params"));
    jw_array(w);
    for (size_t i = 0; i < b.n; i++)
        jw_str(w, b.args[i].kind == VAL_TEXT ? b.args[i].s : str_fmt(g->a, "%lld", (long long)b.args[i].i));
    jw_array_end(w);
    TRY(tx_query(tx, g->a, &sql, b.args, b.n, &rows, err));
    int rc = take(g, rows, err);
    rows_done(rows);
    TRY(rc);
    jw_kint(w, "rows", g->den ? g->ret->all.n_den : g->ret->all.n_num);
    jw_object_end(w);
    return 0;
}

static int is_empty(Arena *a, Tx *tx, const Entity *e, bool *ret, Err *err)
{
    Build b;
    Val v;
    build_init(&b, a, tx_dialect(tx));
    build_add(&b, "select 1 from ");
    build_name(&b, e->name);
    build_add(&b, " limit 1");
    Sql sql = build_sql(&b, "insight.empty");
    int rc = tx_one(tx, a, &sql, NULL, 0, &v, err);
    *ret = rc == -(int)ERR_NOT_FOUND;
    return *ret ? 0 : rc;
}

int indicator_measure(Arena *a, const InsightSet *s, const Indicator *x, Tx *tx, Period p, Date today,
                      Figures *ret, Err *err)
{
    Buf out;
    JsonWriter w;
    *ret = (Figures){0};
    TRY(journal_head(tx, &ret->seq, err));
    TRY(is_empty(a, tx, x->ratio ? x->den.entity : x->num.entity, &ret->none, err));
    buf_init(&out, 1 << 20);
    jw_init(&w, &out);
    jw_object(&w);
    int rc = 0;
    for (int den = 0; den <= (x->ratio ? 1 : 0) && rc == 0; den++) {
        const Measure *m = den ? &x->den : &x->num;
        Group g = {a, x, ret, m, den};
        jw_key(&w, den ? S("den") : S("num"));
        rc = group(&g, s, tx, measure_query(a, m, p, today, S("")), &w, err);
    }
    jw_object_end(&w);
    ret->lineage = buf_dup(a, &out);
    buf_done(&out);
    return rc;
}

/* --- few people
 * --------------------------------------------------------------------------------------------- */

static bool few(int64_t n) { return n > 0 && n < PEOPLE_MIN; }

static int64_t people(const Cell *c) { return c->n_num > c->n_den ? c->n_num : c->n_den; }

void figures_hide(const Indicator *x, Figures *f)
{
    if (!indicator_about_people(x)) return;
    f->all.hidden = few(f->all.n_num) || few(f->all.n_den);
    for (size_t k = 0; k < x->n_dims; k++) {
        Cells *c = &f->dims[k];
        int64_t hidden = 0;
        size_t n = 0;
        for (size_t i = 0; i < c->n; i++) {
            c->items[i].hidden = f->all.hidden || few(c->items[i].n_num) || few(c->items[i].n_den);
            if (c->items[i].hidden) hidden += people(&c->items[i]), n++;
        }
        /* What is hidden together must be two cells at least and enough people, or the total gives it away.
         */
        while (n && (n < 2 || hidden < PEOPLE_MIN)) {
            Cell *least = NULL;
            for (size_t i = 0; i < c->n; i++) {
                Cell *o = &c->items[i];
                if (!o->hidden && people(o) && (!least || people(o) < people(least))) least = o;
            }
            if (!least) break;
            least->hidden = true;
            hidden += people(least), n++;
        }
    }
}

int cell_value(const Indicator *x, const Cell *c, bool *ret_there, Amount *ret, Err *err)
{
    *ret_there = !x->ratio || c->den;
    if (!*ret_there) return 0;
    if (x->ratio) return amount_ratio(c->num, c->den, x->times, ret, err);
    return *ret = c->num, 0;
}

/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Values as records of indicator_value: written when they differ, read as far as the actor may. */
#include "insight/insight_int.h"

#include "base/sm.h"

Str value_key(Arena *a, const Indicator *x, Period p, Str region)
{
    char from[DATE_SIZE];
    date_format(p.from, from);
    return str_fmt(a, STR_FMT ".v%lld.%s%s" STR_FMT, STR_ARG(x->id), (long long)x->version, from,
                   region.n ? "." : "", STR_ARG(region));
}

int put_text(Arena *a, const Entity *e, const char *name, Str text, Input *in, Err *err)
{
    const Field *f = entity_field(e, str_c(name));
    return f ? input_set_text(a, e, f, text, false, in, err) : 0;
}

/* --- writing ----------------------------------------------------------------------------------------------
 */

typedef struct There {
    Str code, digest;
    bool seen;
} There;

typedef struct Keeping {
    const InsightSet *s;
    const Indicator *x;
    Tx *tx;
    Arena *a;
    Period p;
    const Figures *f;
    int64_t now_us;
    There *there;
    size_t n, cap;
    int64_t written;
} Keeping;

static int read_there(Keeping *k, Err *err)
{
    const Entity *e = k->s->values;
    Build b;
    Rows *rows;
    int rc;
    build_init(&b, k->a, tx_dialect(k->tx));
    build_add(&b, "select code, digest from ");
    build_name(&b, e->name);
    build_add(&b, " where indicator = ");
    build_arg(&b, V_TEXT(k->x->id));
    build_add(&b, " and period_from = ");
    build_arg(&b, V_TEXT(date_str(k->a, k->p.from)));
    build_add(&b, " and version = ");
    build_arg(&b, V_INT(k->x->version));
    Sql sql = build_sql(&b, "insight.there");
    TRY(tx_query(k->tx, k->a, &sql, b.args, b.n, &rows, err));
    while ((rc = rows_next(rows, err)) > 0)
        *ARENA_PUSH(k->a, k->there, k->n, k->cap) =
            (There){rows_text(rows, k->a, 0), rows_text(rows, k->a, 1), false};
    rows_done(rows);
    return rc;
}

static void part_json(JsonWriter *w, Arena *a, Str key, Amount num, Amount den)
{
    jw_array(w);
    jw_str(w, key);
    jw_raw(w, amount_text(a, num));
    jw_raw(w, amount_text(a, den));
    jw_array_end(w);
}

/* {"region":[["390102",num,den],…],…}; what is over too few people stands together under "*". */
static Str parts_json(Keeping *k)
{
    Buf b;
    JsonWriter w;
    buf_init(&b, 8 << 20);
    jw_init(&w, &b);
    jw_object(&w);
    for (size_t i = 0; i < k->x->n_dims && !k->f->none && !k->f->all.hidden; i++) {
        const Cells *c = &k->f->dims[i];
        Cell rest = {0};
        jw_key(&w, k->x->dims[i].name);
        jw_array(&w);
        for (size_t j = 0; j < c->n; j++) {
            const Cell *o = &c->items[j];
            if (!o->hidden) part_json(&w, k->a, o->key, o->num, o->den);
            if (o->hidden) rest.hidden = true, rest.num += o->num, rest.den += o->den;
        }
        if (rest.hidden) part_json(&w, k->a, S("*"), rest.num, rest.den);
        jw_array_end(&w);
    }
    jw_object_end(&w);
    Str s = buf_dup(k->a, &b);
    buf_done(&b);
    return s;
}

static int fill(Keeping *k, const Cell *c, Str region, bool has, Amount value, Str parts, Input *in, Err *err)
{
    const Entity *e = k->s->values;
    Arena *a = k->a;
    bool shown = !k->f->none && !c->hidden;
    const struct {
        const char *name;
        Str text;
    } rows[] = {
        {"indicator", k->x->id},
        {"version", str_fmt(a, "%lld", (long long)k->x->version)},
        {"period_from", date_str(a, k->p.from)},
        {"period_to", date_str(a, k->p.to)},
        {"region", region},
        {"org", k->x->org},
        {"value", shown && has ? amount_text(a, value) : S("")},
        {"num", shown ? amount_text(a, c->num) : S("")},
        {"den", shown && k->x->ratio ? amount_text(a, c->den) : S("")},
        {"suppressed", c->hidden ? S("true") : S("false")},
        {"source", S("computed")},
        {"computed_at", clock_str(a, k->now_us)},
        {"journal_seq", str_fmt(a, "%lld", (long long)k->f->seq)},
        {"rows", shown ? str_fmt(a, "%lld", (long long)(k->x->ratio ? c->n_den : c->n_num)) : S("")},
        {"parts", region.n ? S("") : parts},
        {"lineage", region.n || c->hidden ? S("") : k->f->lineage},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        TRY(put_text(a, e, rows[i].name, rows[i].text, in, err));
    return 0;
}

static int keep_cell(Keeping *k, const Cell *c, Str region, Err *err)
{
    static const Actor program = {.system = true};
    const Entity *e = k->s->values;
    bool has = false, changed;
    Amount value = 0;
    char digest[SM3_HEX_SIZE];
    Str parts = region.n ? S("") : parts_json(k), code = value_key(k->a, k->x, k->p, region), id;
    There *old = NULL;
    if (!k->f->none) TRY(cell_value(k->x, c, &has, &value, err));
    sm3_hex(str_fmt(k->a, "%d|%d|%lld|%lld|%lld|" STR_FMT "|" STR_FMT, k->f->none, c->hidden,
                    (long long)c->num, (long long)c->den, (long long)(c->n_num + c->n_den), STR_ARG(parts),
                    STR_ARG(k->x->org)),
            digest);
    for (size_t i = 0; i < k->n; i++)
        if (str_eq(k->there[i].code, code)) old = &k->there[i], old->seen = true;
    if (old && str_is(old->digest, digest)) return 0;
    Writer w = {k->a, k->s->m, k->tx, &program, S(""), k->now_us, false};
    Input in = input_new(k->a, e);
    TRY(fill(k, c, region, has, value, parts, &in, err));
    TRY(put_text(k->a, e, "digest", str_c(digest), &in, err));
    k->written++;
    if (old) return record_update(&w, e, V_TEXT(code), &in, 0, &changed, err);
    TRY(put_text(k->a, e, "code", code, &in, err));
    return record_insert(&w, e, &in, &id, err);
}

/* A code of six digits that is no province's or city's own, and stands in the register of regions. */
static int is_county(Keeping *k, Str key, bool *ret, Err *err)
{
    const Entity *r = entity_field(k->s->values, S("region"))->to;
    Build b;
    Val v;
    *ret = false;
    if (key.n != REGION_N || str_ends(key, S("00"))) return 0;
    build_init(&b, k->a, tx_dialect(k->tx));
    build_add(&b, "select 1 from ");
    build_name(&b, r->name);
    build_add(&b, " where ");
    build_name(&b, entity_id(r)->name);
    build_add(&b, " = ");
    build_arg(&b, V_TEXT(key));
    Sql sql = build_sql(&b, "insight.county");
    int rc = tx_one(k->tx, k->a, &sql, b.args, b.n, &v, err);
    if (rc == -(int)ERR_NOT_FOUND) return 0;
    *ret = rc == 0;
    return rc;
}

static int keep_counties(Keeping *k, const Cells *c, Err *err)
{
    bool county;
    for (size_t i = 0; i < c->n && !k->f->none; i++) {
        TRY(is_county(k, c->items[i].key, &county, err));
        if (county) TRY(keep_cell(k, &c->items[i], c->items[i].key, err));
    }
    for (size_t i = 0; i < k->n; i++) { /* counties that have no rows any more */
        ptrdiff_t dot = str_find_str(k->there[i].code, S(".v"));
        Str rest = str_from(k->there[i].code, (size_t)(dot + 2)), part, region = S("");
        for (int at = 0; str_split(&rest, '.', &part); at++)
            if (at == 2) region = part;
        Cell none = {.key = region};
        if (!k->there[i].seen && region.n) TRY(keep_cell(k, &none, region, err));
    }
    return 0;
}

int figures_keep(const InsightSet *s, const Indicator *x, Tx *tx, Arena *a, Period p, const Figures *f,
                 int64_t now_us, int64_t *ret_written, Err *err)
{
    Keeping k = {.s = s, .x = x, .tx = tx, .a = a, .p = p, .f = f, .now_us = now_us};
    TRY(read_there(&k, err));
    TRY(keep_cell(&k, &f->all, S(""), err));
    for (size_t i = 0; i < x->n_dims; i++)
        if (x->dims[i].region) TRY(keep_counties(&k, &f->dims[i], err));
    *ret_written = k.written;
    return 0;
}

/* --- reading ----------------------------------------------------------------------------------------------
 */

static const char *const columns[] = {
    "code",        "period_from", "period_to",   "region", "source", "computed_at",
    "parts",       "lineage",     "reported_by", "file",   "note",   "version",
    "journal_seq", "rows",        "suppressed",  "value",  "num",    "den"};
enum { AT_VERSION = 11, AT_SEQ, AT_ROWS, AT_SUPPRESSED, AT_VALUE, AT_NUM, AT_DEN, AT_N };

static void read_kept(const Rows *r, Arena *a, Kept *k)
{
    Str *texts[] = {&k->code,  &k->from,    &k->to,          &k->region, &k->source, &k->computed_at,
                    &k->parts, &k->lineage, &k->reported_by, &k->file,   &k->note};
    int64_t us;
    for (int i = 0; i < AT_VERSION; i++) *texts[i] = rows_text(r, a, i);
    if (clock_parse(k->computed_at, &us, NULL) == 0) k->computed_at = clock_str(a, us);
    k->version = rows_int(r, AT_VERSION), k->seq = rows_int(r, AT_SEQ), k->rows = rows_int(r, AT_ROWS);
    k->suppressed = rows_int(r, AT_SUPPRESSED) != 0;
    k->has_value = rows_val(r, AT_VALUE).kind != VAL_NULL;
    k->value = amount_of(rows_val(r, AT_VALUE));
    Val *numbers[] = {&k->num, &k->den};
    for (int i = 0; i < 2; i++) {
        Val v = rows_val(r, AT_NUM + i);
        *numbers[i] = v.kind == VAL_NULL ? V_NULL : V_INT(amount_of(v));
    }
}

static void wanted_where(Build *b, const InsightSet *s, const Actor *who, const Wanted *w,
                         const Access *access)
{
    build_add(b, " where t.indicator = ");
    build_arg(b, V_TEXT(w->indicator));
    build_add(b, w->whole ? " and t.region is null" : " and t.region is not null");
    if (w->from.n) {
        build_add(b, " and t.period_to >= ");
        build_arg(b, V_TEXT(w->from));
    }
    if (w->to.n) {
        build_add(b, " and t.period_from <= ");
        build_arg(b, V_TEXT(w->to));
    }
    access_where(b, "t", who, s->values, access);
    build_add(b, " order by t.period_from desc, t.region, t.version desc limit ");
    build_arg(b, V_INT(w->limit));
}

int kept_read(const InsightSet *s, Tx *tx, Arena *a, const Actor *who, const Wanted *w, Kept **ret,
              size_t *ret_n, Err *err)
{
    Access access;
    Build b;
    Rows *rows;
    size_t cap = 0;
    int rc;
    *ret = NULL, *ret_n = 0;
    TRY(access_check(who, s->values, OP_READ, &access, err));
    build_init(&b, a, tx_dialect(tx));
    build_add(&b, "select ");
    for (int i = 0; i < AT_N; i++) build_addf(&b, "%st.%s", i ? ", " : "", columns[i]);
    build_add(&b, " from ");
    build_name(&b, s->values->name);
    build_add(&b, " t");
    wanted_where(&b, s, who, w, &access);
    Sql sql = build_sql(&b, "insight.kept");
    TRY(tx_query(tx, a, &sql, b.args, b.n, &rows, err));
    while ((rc = rows_next(rows, err)) > 0) {
        Kept k = {0};
        read_kept(rows, a, &k);
        const Kept *last = *ret_n ? &(*ret)[*ret_n - 1] : NULL;
        if (last && str_eq(last->from, k.from) && str_eq(last->region, k.region))
            continue; /* an older version */
        *ARENA_PUSH(a, *ret, *ret_n, cap) = k;
    }
    rows_done(rows);
    return rc;
}

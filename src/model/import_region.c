/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * region_by_name(province, place) of map expressions: the code of a city or county by the name that people
 * write, with or without its kind (示例 → 示例省, 滨海 → 滨海市). Two places that fit equally give nothing:
 * it never guesses.
 */
#include "model/import_int.h"

enum { REGIONS_MAX = 20000, LEVEL_COUNTY = 3, CACHE_N = 1024, CACHE_TEXT = 96 };

typedef struct Region {
    Str code, title, stem;
    int64_t level;
    size_t up; /* index of the region above; itself at the top */
} Region;

struct Regions {
    Arena *a;
    Region *items;
    size_t n, cap;
    struct {
        char text[CACHE_TEXT]; /* both names, one behind the other */
        size_t province_n, place_n;
        bool used, one; /* one: asked with one name only */
        Str code;
    } cache[CACHE_N]; /* what was asked before; a new question takes the place of an older one */
};

/* Longer endings first. */
static Str stem(Str title)
{
    static const Str kinds[] = {S("维吾尔自治区"), S("特别行政区"), S("壮族自治区"), S("回族自治区"),
                                S("自治区"),       S("自治州"),     S("自治县"),     S("地区"),
                                S("省"),           S("市"),         S("区"),         S("县"),
                                S("盟"),           S("旗")};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (title.n > kinds[i].n + 3 && str_ends(title, kinds[i]))
            return str_n(title.p, title.n - kinds[i].n);
    return title;
}

static size_t find_code(const Regions *r, Str code)
{
    size_t lo = 0, hi = r->n; /* read in order of codes */
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (str_cmp(r->items[mid].code, code) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < r->n && str_eq(r->items[lo].code, code) ? lo : r->n;
}

typedef struct RegionLoad {
    Regions *r;
    const Entity *e;
    const Field *level, *parent;
} RegionLoad;

static int read_regions(Tx *tx, void *ctx, Err *err)
{
    RegionLoad *l = ctx;
    Regions *r = l->r;
    Rows *rows;
    Build b;
    int rc;
    r->n = 0;
    build_init(&b, r->a, tx_dialect(tx));
    build_add(&b, "select \"code\", \"title\", ");
    if (l->level)
        build_name(&b, l->level->name);
    else
        build_add(&b, "null");
    build_add(&b, ", ");
    if (l->parent)
        build_name(&b, l->parent->name);
    else
        build_add(&b, "null");
    build_add(&b, " from ");
    build_name(&b, l->e->name);
    if (l->level) build_addf(&b, " where \"level\" <= %d", LEVEL_COUNTY);
    build_addf(&b, " order by \"code\" limit %d", REGIONS_MAX);
    Sql sql = build_sql(&b, "import.regions");
    TRY(tx_query(tx, r->a, &sql, b.args, b.n, &rows, err));
    Str *parents = ARENA_ARRAY(r->a, Str, REGIONS_MAX);
    while ((rc = rows_next(rows, err)) > 0) {
        Region *x = ARENA_PUSH(r->a, r->items, r->n, r->cap);
        *x = (Region){rows_text(rows, r->a, 0), rows_text(rows, r->a, 1), STR_NONE, rows_int(rows, 2), 0};
        x->stem = stem(x->title);
        parents[r->n - 1] = rows_text(rows, r->a, 3);
    }
    rows_done(rows);
    TRY(rc);
    for (size_t i = 0; i < r->n; i++) {
        size_t up = find_code(r, parents[i]);
        r->items[i].up = up < r->n ? up : i;
    }
    return 0;
}

int regions_load(Arena *a, Store *s, const Model *m, Regions **ret, Err *err)
{
    Regions *r = ARENA_NEW(a, Regions);
    const Entity *e = model_entity(m, S("region"));
    r->a = a;
    *ret = r;
    if (!e || !entity_field(e, S("code")) || !entity_field(e, S("title"))) return 0;
    const Field *level = entity_field(e, S("level"));
    if (level && level->storage != STORE_INT) level = NULL;
    RegionLoad l = {r, e, level, entity_field(e, S("parent"))};
    return store_read(s, "import regions", read_regions, &l, err);
}

static bool below(const Regions *r, size_t i, size_t top)
{
    for (int steps = 0; steps < 8; steps++) {
        if (i == top) return true;
        if (r->items[i].up == i) return false;
        i = r->items[i].up;
    }
    return false;
}

static bool named(const Region *x, Str name, bool exact) { return str_eq(exact ? x->title : x->stem, name); }

/* The only region of this name: first by the whole name, then without the kind. r->n when none or several. */
static size_t only(const Regions *r, Str name, size_t top, bool provinces)
{
    for (int exact = 1; exact >= 0; exact--) {
        size_t found = r->n, n = 0;
        if (!exact) name = stem(name);
        for (size_t i = 0; i < r->n; i++) {
            const Region *x = &r->items[i];
            bool is_top = x->up == i;
            if (provinces != is_top || !named(x, name, exact) || (top < r->n && !below(r, i, top))) continue;
            found = i;
            n++;
        }
        if (n) return n == 1 ? found : r->n;
    }
    return r->n;
}

static Str look_up(const Regions *r, Str province, Str place)
{
    size_t top = r->n, i;
    if (place.p) { /* two arguments */
        top = only(r, province, r->n, true);
        if (top == r->n || !place.n) return S("");
    } else {
        place = province;
        i = only(r, place, r->n, true);
        if (i < r->n) return r->items[i].code;
    }
    i = only(r, place, top, false);
    /* a municipality is its own city: 北京市, 北京 */
    if (i == r->n && top < r->n &&
        (named(&r->items[top], place, true) || named(&r->items[top], stem(place), false)))
        return r->items[top].code;
    return i < r->n ? r->items[i].code : S("");
}

Str regions_lookup(void *ctx, Arena *a, Str what, Str x, Str y)
{
    Regions *r = ctx;
    (void)a;
    if (!str_is(what, "region") || !x.n) return S("");
    size_t slot = (str_hash(x) * 31 + str_hash(y) + !y.p) % CACHE_N;
    __typeof__(&r->cache[0]) c = &r->cache[slot];
    if (c->used && c->one == !y.p && str_eq(str_n(c->text, c->province_n), x) &&
        str_eq(str_n(c->text + c->province_n, c->place_n), y))
        return c->code;
    Str code = look_up(r, x, y);
    if (x.n + y.n > CACHE_TEXT) return code;
    c->used = true;
    c->one = !y.p;
    c->province_n = x.n, c->place_n = y.n;
    memcpy(c->text, x.p, x.n);
    if (y.n) memcpy(c->text + x.n, y.p, y.n);
    c->code = code;
    return code;
}

/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Columns of made-up records: every value is a function of the entity, the number of the record and the
 * column. */
#include "model/synth_int.h"

#include "base/csv.h"
#include "model/export.h"
#include "model/model_sql.h"

#include <errno.h>
#include <unistd.h>

enum {
    UNIFORM = 9,
    MILLION = 1000000,
    ORDERS = 1000,
    SEX_COLUMN = 1000,
    BOYS = 512 /* of 1,000: census of 2020 */
};

/* splitmix64 (Steele, Lea, Flood 2014) over the three. */
static uint64_t chance(uint64_t entity, uint64_t n, uint64_t column)
{
    uint64_t x = entity + n * UINT64_C(0x9E3779B97F4A7C15) + column * UINT64_C(0xD1B54A32D192ED03);
    x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
    return x ^ x >> 31;
}

/* --- lists
 * -------------------------------------------------------------------------------------------------- */

/* The row at a share (0 … sum − 1) of all weights. */
static size_t row_at(const SynthList *l, int64_t share)
{
    size_t low = 0, high = l->n - 1;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (share < l->upto[mid])
            high = mid;
        else
            low = mid + 1;
    }
    return low;
}

static int64_t sum_of(const SynthList *l) { return l->upto[l->n - 1]; }

/* Records that are there already: id and label. */
typedef struct Existing {
    StrList id, label;
    size_t cap_id, cap_label;
} Existing;

static int load_existing(Store *s, const Model *m, Arena *a, const Entity *e, Str where, const Field *id,
                         const Actor *who, Existing *ret, Err *err)
{
    const CsvOptions plain = {0};
    int64_t rows;
    CsvReader *in;
    CsvRecord rec;
    size_t at = SIZE_MAX, label_at = SIZE_MAX;
    FILE *out = tmpfile();
    if (!out) return err_io(err, errno, "不能建临时文件");
    ExportOptions o = {
        .format = FORMAT_CSV, .where = where.n ? where.p : NULL, .out = out, .who = who, .trace = S("")};
    int rc = export_entity(s, m, e, &o, &rows, err), got = 0;
    rewind(out);
    if (rc == 0) rc = csv_open_fd(fileno(out), &plain, &in, err);
    if (rc < 0) return fclose(out), rc;
    for (bool first = true; (got = csv_next(in, &rec, err)) == 1; first = false) {
        for (size_t i = 0; first && i < rec.n; i++) {
            if (str_eq(rec.cells[i], id->name)) at = i;
            if (e->label && str_eq(rec.cells[i], e->label->name)) label_at = i;
        }
        if (first || at >= rec.n) continue;
        *ARENA_PUSH(a, ret->id.items, ret->id.n, ret->cap_id) = str_dup(a, rec.cells[at]);
        *ARENA_PUSH(a, ret->label.items, ret->label.n, ret->cap_label) =
            label_at < rec.n ? str_dup(a, rec.cells[label_at]) : S("");
    }
    csv_close(in);
    fclose(out);
    return got < 0 ? got : 0;
}
/* --- births
 * ------------------------------------------------------------------------------------------------- */

typedef struct Births {
    int64_t day;       /* of the last birth given, days since 1970 */
    int given[2];      /* numbers given on that day: women's, men's */
    const char *taken; /* characters 7–17 of existing numbers, sorted, 11 each */
    size_t n_taken;
} Births;

static int by_eleven(const void *x, const void *y) { return memcmp(x, y, 11); }

static void take_note(Arena *a, const Existing *e, Births *b)
{
    char *all = arena_alloc(a, e->id.n * 11 + 1);
    for (size_t i = 0; i < e->id.n; i++)
        if (e->id.items[i].n == 18) memcpy(all + 11 * b->n_taken++, e->id.items[i].p + 6, 11);
    qsort(all, b->n_taken, 11, by_eleven);
    b->taken = all;
}

/* The i-th of n people, youngest first: born so that ages come out as the list says, with a number of that
 * day. */
static void birth(const SynthSpec *s, Births *b, int64_t i, int64_t n, char born[DATE_SIZE], char order[4])
{
    const int64_t sum = sum_of(s->births), share = (int64_t)((__int128)i * sum / n);
    const size_t row = row_at(s->births, share);
    const int64_t before = row ? s->births->upto[row - 1] : 0, wide = s->births->upto[row] - before;
    int64_t age = 0;
    (void)!str_int(s->births->cells[row * s->births->columns.n], &age);
    /* where in the year of life: the part of the row's weight that is passed */
    const int64_t first = (int64_t)((__int128)before * n / sum),
                  last = (int64_t)((__int128)(before + wide) * n / sum);
    const int64_t in_year = last > first ? (i - first) * 365 / (last - first) : 0;
    int64_t day = date_to_days(s->until) - age * 1461 / 4 - (in_year < 0 ? 0 : in_year > 364 ? 364 : in_year);
    const unsigned sex = chance(str_hash(s->entity->name), (uint64_t)i, SEX_COLUMN) % 1000 < BOYS;
    for (;;) {
        if (day != b->day) *b = (Births){.day = day, .taken = b->taken, .n_taken = b->n_taken};
        const int k =
            2 * b->given[sex]++ + (int)sex; /* the last digit of the order is odd for men (GB 11643 §4.3) */
        if (k >= ORDERS) {
            day--; /* more than a day holds: the day before takes them */
            continue;
        }
        char key[24];
        date_format(date_from_days(day), born);
        snprintf(order, 4, "%03d", k);
        snprintf(key, sizeof key, "%.4s%.2s%.2s%s", born, born + 5, born + 8, order);
        if (!b->n_taken || !bsearch(key, b->taken, b->n_taken, 11, by_eleven)) return;
    }
}

/* --- the file
 * ----------------------------------------------------------------------------------------------- */

typedef struct Making {
    const SynthSpec *spec;
    Existing *from;
    Births births;
    int64_t n;
    FILE *out;
    Buf row;
} Making;

static void add(Making *k, Str s) { csv_write_cell(&k->row, s, !k->row.n); }

static void add_number(Making *k, const char *fmt, int64_t n)
{
    char text[24];
    int len = snprintf(text, sizeof text, fmt, (long long)n);
    add(k, str_n(text, (size_t)len));
}

static void end_row(Making *k)
{
    csv_write_end(&k->row);
    fwrite(k->row.p, 1, k->row.n, k->out);
    buf_clear(&k->row);
}

static void header(Making *k)
{
    const SynthSpec *s = k->spec;
    _cleanup_arena_ Arena *a = arena_new();
    add(k, S("n"));
    add(k, S("n7"));
    for (int i = 1; i <= UNIFORM; i++) add(k, str_fmt(a, "u%d", i));
    for (size_t i = 0; i < s->n_pick; i++)
        for (size_t c = 0; c < s->pick[i].columns.n; c++) add(k, s->pick[i].columns.items[c]);
    for (size_t i = 0; i < s->n_from; i++) {
        add(k, s->from[i].as);
        add(k, str_fmt(a, STR_FMT "_title", STR_ARG(s->from[i].as)));
    }
    if (s->births) add(k, S("born"));
    if (s->births) add(k, S("born_order"));
    end_row(k);
}

static void line(Making *k, int64_t n)
{
    const SynthSpec *s = k->spec;
    const uint64_t seed = str_hash(s->entity->name), number = (uint64_t)n;
    uint64_t column = 0;
    add_number(k, "%lld", n);
    add_number(k, "%07lld", n);
    for (int i = 1; i <= UNIFORM; i++)
        add_number(k, "%lld", (int64_t)(chance(seed, number, column++) % MILLION));
    for (size_t i = 0; i < s->n_pick; i++) {
        const SynthList *l = &s->pick[i];
        const size_t row = row_at(l, (int64_t)(chance(seed, number, column++) % (uint64_t)sum_of(l)));
        for (size_t c = 0; c < l->columns.n; c++) add(k, l->cells[row * l->columns.n + c]);
    }
    for (size_t i = 0; i < s->n_from; i++) {
        const Existing *e = &k->from[i];
        const size_t row = (size_t)(chance(seed, number, column++) % e->id.n);
        add(k, e->id.items[row]);
        add(k, e->label.items[row]);
    }
    if (s->births) {
        char born[DATE_SIZE], order[4];
        birth(s, &k->births, n - 1, k->n, born, order);
        add(k, str_c(born));
        add(k, str_c(order));
    }
    end_row(k);
}

static int write_file(Making *k, const char *path, Err *err)
{
    k->out = fopen(path, "we");
    if (!k->out) return err_io(err, errno, "不能写 %s", path);
    buf_init(&k->row, 1 << 20);
    header(k);
    for (int64_t i = 1; i <= k->n && !ferror(k->out); i++) line(k, i);
    bool bad = ferror(k->out) != 0;
    buf_done(&k->row);
    return fclose(k->out) != 0 || bad ? err_io(err, errno, "不能写 %s", path) : 0;
}

/* --- running
 * ------------------------------------------------------------------------------------------------ */

typedef struct Run {
    Store *store;
    const Model *model;
    const SynthOptions *o;
    const SynthSpec *spec;
    int64_t count;
    bool done;
} Run;

static int was_done(Tx *tx, void *p, Err *err)
{
    Run *r = p;
    Val v;
    _cleanup_arena_ Arena *a = arena_new();
    int rc = tx_one(tx, a, &sql_model_load_get,
                    VALS(V_TEXT(str_fmt(a, "synth/" STR_FMT, STR_ARG(r->spec->entity->name)))), &v, err);
    r->done = rc == 0;
    return rc == -(int)ERR_NOT_FOUND ? 0 : rc;
}

static int mark_done(Tx *tx, void *p, Err *err)
{
    Run *r = p;
    _cleanup_arena_ Arena *a = arena_new();
    return tx_exec(tx, &sql_model_load_put,
                   VALS(V_TEXT(str_fmt(a, "synth/" STR_FMT, STR_ARG(r->spec->entity->name))),
                        V_TEXT(str_fmt(a, "%.6f", r->o->scale)), V_TEXT(clock_str_utc(a, clock_now_us()))),
                   NULL, err);
}

static void on_rows(void *ctx, int64_t rows, int64_t bytes, int64_t total)
{
    const Run *r = ctx;
    (void)bytes, (void)total;
    if (r->o->progress) r->o->progress(r->o->ctx, r->spec->entity, rows, r->count);
}

static int prepare(Run *r, Arena *a, Making *k, Err *err)
{
    const SynthSpec *s = r->spec;
    k->from = ARENA_ARRAY(a, Existing, s->n_from + 1);
    for (size_t i = 0; i < s->n_from; i++) {
        TRY(load_existing(r->store, r->model, a, s->from[i].entity, s->from[i].where,
                          entity_id(s->from[i].entity), r->o->who, &k->from[i], err));
        if (!k->from[i].id.n)
            return err_set(err, ERR_NOT_FOUND, "没有可以引用的" STR_FMT "（" STR_FMT "）",
                           STR_ARG(s->from[i].entity->title), STR_ARG(s->from[i].where));
    }
    if (!s->avoid) return 0;
    Existing there = {0};
    TRY(load_existing(r->store, r->model, a, s->entity, S(""), s->avoid, r->o->who, &there, err));
    take_note(a, &there, &k->births);
    return 0;
}

static int fill(Run *r, Err *err)
{
    ImportResult made = {0};
    _cleanup_arena_ Arena *a = arena_new();
    Making k = {.spec = r->spec, .n = r->count, .births = {.day = INT64_MIN}};
    Str path = str_fmt(a, "%s/synth.csv", r->o->work_dir);
    int64_t begin = clock_mono_us();
    TRY(store_read(r->store, "synth", was_done, r, err));
    if (r->done)
        return err_set(err, ERR_CONFLICT, STR_FMT "已经生成过", STR_ARG(r->spec->entity->title)),
               err_hint(err, "在一座新的城市上生成");
    TRY(prepare(r, a, &k, err));
    int rc = write_file(&k, path.p, err);
    const ImportOptions io = {.entity = r->spec->entity,
                              .file = path.p,
                              .map_file = r->spec->map.p,
                              .who = r->o->who,
                              .rejected_dir = r->o->rejected_dir,
                              .trace = S(""),
                              .progress = on_rows,
                              .progress_ctx = r};
    if (rc == 0) rc = import_file(r->store, r->model, &io, &made, err);
    unlink(path.p);
    if (rc == 0) rc = store_tx(r->store, "synth", mark_done, r, err);
    if (rc == 0 && r->o->made)
        r->o->made(r->o->ctx, r->spec->entity, &made, (double)(clock_mono_us() - begin) / 1e6);
    return rc;
}

int synth_run(Store *s, const Model *m, const SynthOptions *o, Faults *f, Err *err)
{
    SynthSpec *specs;
    size_t n;
    _cleanup_arena_ Arena *a = arena_new();
    TRY(synth_read(a, m, f, &specs, &n, err));
    for (size_t i = 0; i < n; i++) {
        Run r = {s, m, o, &specs[i], (int64_t)((double)specs[i].count * o->scale + 0.5), false};
        if (r.count < 1) r.count = 1;
        TRY(fill(&r, err));
    }
    return 0;
}

/* SPDX-License-Identifier: MulanPSL-2.0 */
/* model/import and model/export on both databases: each kind of rejection, retry, round trip, the real files.
 */
#include "unit.h"

#include "testdb.h"

#include "base/csv.h"
#include "base/text.h"
#include "model/export.h"
#include "model/import.h"
#include "model/plan.h"
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

typedef struct City {
    TestDb *db;
    Model *m;
} TestCity;

static const Actor root = {.user = {"root", 4}, .system = true};

static void say(const Err *err)
{
    fprintf(stderr, "%s:%d:%d: %s; %s\n", err->file, err->line, err->col, err->msg, err->hint);
}

static const char *project(const char *path)
{
    static char full[4096];
    const char *base = getenv("SOURCE");
    snprintf(full, sizeof full, "%s/%s", base ? base : ".", path);
    return full;
}

static const char *shared(const char *path)
{
    static char full[4096];
    const char *base = getenv("SOURCE");
    snprintf(full, sizeof full, "%s/../shared/%s", base ? base : ".", path);
    return access(full, R_OK) == 0 ? full : NULL;
}

typedef struct Apply {
    const Model *m;
} Apply;

static int apply(Tx *tx, void *ctx, Err *err)
{
    Apply *x = ctx;
    _cleanup_arena_ Arena *a = arena_new();
    Plan p;
    TRY(plan_make(a, x->m, tx, &p, err));
    return plan_apply(a, x->m, &p, tx, err);
}

static TestCity city_new(const char *packs)
{
    static const Room *const rooms[] = {&model_room, NULL};
    TestCity c = {testdb_new(rooms), NULL};
    _cleanup_arena_ Arena *a = arena_new();
    Faults f = {.arena = a};
    Err err = ERR_INIT;
    if (model_load(project(packs), &f, &c.m, &err) < 0) {
        for (size_t i = 0; i < f.n; i++) fprintf(stderr, STR_FMT "\n", STR_ARG(fault_text(a, &f.items[i])));
        fail_msg("%s", err.msg);
    }
    Apply x = {c.m};
    if (store_alter(testdb_store(c.db), "apply", apply, &x, &err) < 0) say(&err), fail();
    return c;
}

static void city_free(TestCity *c)
{
    model_free(c->m);
    testdb_free(c->db);
}

static const char *in_dir(const TestCity *c, const char *name)
{
    static char paths[16][512];
    static int i;
    char *p = paths[i++ % 16];
    snprintf(p, sizeof paths[0], "%s/%s", testdb_dir(c->db), name);
    return p;
}

static const char *file(const TestCity *c, const char *name, Str text)
{
    const char *p = in_dir(c, name);
    FILE *f = fopen(p, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(text.p, 1, text.n, f), text.n);
    fclose(f);
    return p;
}

static Str slurp(Arena *a, const char *path)
{
    FILE *f = fopen(path, "rb");
    Buf b;
    char chunk[4096];
    size_t n;
    assert_non_null(f);
    buf_init(&b, 256 << 20);
    while ((n = fread(chunk, 1, sizeof chunk, f)) > 0) buf_add(&b, str_n(chunk, n));
    fclose(f);
    Str s = buf_dup(a, &b);
    buf_done(&b);
    return s;
}

static int load(const TestCity *c, const char *entity, const char *path, const char *map, bool upsert,
                bool dry, ImportResult *r, Err *err)
{
    static char dir[512], map_path[4096];
    snprintf(dir, sizeof dir, "%s", in_dir(c, "rejected"));
    if (map) snprintf(map_path, sizeof map_path, "%s", map[0] == '/' ? map : project(map));
    ImportOptions o = {.entity = model_entity(c->m, str_c(entity)),
                       .file = path,
                       .map_file = map ? map_path : NULL,
                       .upsert = upsert,
                       .dry_run = dry,
                       .rejected_dir = dir,
                       .who = &root,
                       .trace = S("t")};
    assert_non_null(o.entity);
    int rc = import_file(testdb_store(c->db), c->m, &o, r, err);
    if (rc == 0) assert_int_equal(r->accepted + r->rejected + r->skipped, r->rows);
    return rc;
}

static ImportResult ok(const TestCity *c, const char *entity, const char *path, const char *map, bool upsert)
{
    ImportResult r;
    Err err = ERR_INIT;
    if (load(c, entity, path, map, upsert, false, &r, &err) < 0) say(&err), fail();
    return r;
}

typedef struct CountRows {
    Str sql;
    Val v;
    Arena *a;
} CountRows;

static int count_fn(Tx *tx, void *ctx, Err *err)
{
    CountRows *x = ctx;
    char *text = str_cdup(x->a, x->sql);
    Sql sql = {"count", {text, text}};
    return tx_one(tx, x->a, &sql, NULL, 0, &x->v, err);
}

static int64_t number(const TestCity *c, const char *sql)
{
    _cleanup_arena_ Arena *a = arena_new();
    CountRows x = {str_c(sql), V_NULL, a};
    Err err = ERR_INIT;
    if (store_read(testdb_store(c->db), "count", count_fn, &x, &err) < 0) say(&err), fail();
    return x.v.kind == VAL_INT ? x.v.i : -1;
}

/* --- small files ------------------------------------------------------------------------------- */

static const char head[] = "code,title,level,parent\r\n";

static void self_reference__parent_may_come_later(void **state)
{
    (void)state;
    TestCity c = city_new("systems");
    ImportResult r = ok(&c, "region",
                        file(&c, "r.csv",
                             S("code,title,level,parent\n610502001,某街道,4,610502\n610502,某区,3,610500\n"
                               "610500,某市,2,610000\n610000,某省,1,\n620100,孤市,2,620000\n")),
                        NULL, false);
    assert_int_equal(r.accepted, 4);
    assert_int_equal(r.rejected, 1);
    _cleanup_arena_ Arena *a = arena_new();
    Str rej = slurp(a, r.rejected_file);
    assert_true(str_starts(rej, S("\xEF\xBB\xBF"
                                  "code,title,level,parent,row,field,reason\r\n")));
    assert_true(str_find_str(rej, S("620100,孤市,2,620000,6,parent,")) > 0);
    /* corrected and tried again */
    Buf b;
    buf_init(&b, 10000);
    ptrdiff_t at = str_find_str(rej, S("620000"));
    buf_add(&b, str_n(rej.p, (size_t)at));
    buf_adds(&b, "610000");
    buf_add(&b, str_from(rej, (size_t)at + 6));
    r = ok(&c, "region", file(&c, "again.csv", buf_str(&b)), NULL, false);
    buf_done(&b);
    assert_int_equal(r.accepted, 1);
    assert_int_equal(r.rejected, 0);
    assert_int_equal(r.rejected_file[0], 0);
    city_free(&c);
}

static void rows__each_kind_of_fault_has_field_and_reason(void **state)
{
    (void)state;
    TestCity c = city_new("systems");
    ok(&c, "region", file(&c, "r.csv", S("code,title,level\n610000,某省,1\n")), NULL, false);
    Str text = S("code,title,level,parent\r\n"
                 "610100,好市,2,610000\r\n"        /* 2 */
                 "610100,好市,2,610000\r\n"        /* 3 unique */
                 "6101,坏码,2,610000\r\n"          /* 4 pattern */
                 "610200,,2,610000\r\n"            /* 5 required */
                 "610300,级别,甲,610000\r\n"       /* 6 type */
                 "610400,级别,9,610000\r\n"        /* 7 range */
                 "610500,没有上级,2,990000\r\n"    /* 8 reference */
                 "610600,少列,2\r\n"               /* 9 narrow */
                 "610700,多列,2,610000,又一列\r\n" /* 10 wide */
                 "610800,乱\xEF\xBF\xBD"
                 "码,2,610000\r\n"                /* 11 lost characters */
                 "610900,\"引号不完,2,610000\r\n" /* 12 quote */
                 "611000,末行,2,610000\r\n");
    ImportResult r = ok(&c, "region", file(&c, "bad.csv", text), NULL, false);
    _cleanup_arena_ Arena *a = arena_new();
    Str rej = slurp(a, r.rejected_file);
    static const char *const want[] = {",3,code,",
                                       ",4,code,",
                                       ",5,title,",
                                       ",6,level,",
                                       ",7,level,",
                                       ",8,parent,",
                                       ",9,,\"应有 4 列，实有 3 列\"",
                                       ",10,,\"应有 4 列，实有 5 列\",又一列",
                                       ",11,title,",
                                       ",12,,"};
    for (size_t i = 0; i < COUNT(want); i++)
        if (str_find_str(rej, str_c(want[i])) < 0 && i != 6 && i != 7)
            fail_msg("%s missing in " STR_FMT, want[i], STR_ARG(rej));
    assert_true(str_find_str(rej, S("应有 4 列，实有 3 列")) > 0);
    assert_true(str_find_str(rej, S("应有 4 列，实有 5 列,又一列")) > 0);
    assert_int_equal(r.rows, r.accepted + r.rejected);
    assert_int_equal(r.accepted, number(&c, "select count(*) from region") - 1);
    city_free(&c);
}

static void gb18030_and_gzip__are_recognised(void **state)
{
    (void)state;
    TestCity c = city_new("systems");
    _cleanup_arena_ Arena *a = arena_new();
    Str gb;
    Err err = ERR_INIT;
    assert_int_equal(text_to_gb18030(a, S("code,title,level\n610000,陕西省,1\n"), &gb, &err), 0);
    ImportResult r = ok(&c, "region", file(&c, "gb.csv", gb), NULL, false);
    assert_int_equal(r.accepted, 1);
    assert_int_equal(number(&c, "select count(*) from region where title = '陕西省'"), 1);
    const char *p = in_dir(&c, "z.csv.gz");
    gzFile gz = gzopen(p, "wb");
    gzputs(gz, "code,title,level\n620000,甘肃省,1\n");
    gzclose(gz);
    assert_int_equal(ok(&c, "region", p, NULL, false).accepted, 1);
    p = in_dir(&c, "z.ndjson.gz");
    gz = gzopen(p, "wb");
    gzwrite(gz, "{\"code\":\"630000\",\"title\":\"", 26);
    assert_int_equal(text_to_gb18030(a, S("青海省\",\"level\":1}\n"), &gb, &err), 0);
    gzwrite(gz, gb.p, (unsigned)gb.n);
    gzclose(gz);
    assert_int_equal(ok(&c, "region", p, NULL, false).accepted, 1);
    assert_int_equal(number(&c, "select count(*) from region where title = '青海省'"), 1);
    city_free(&c);
}

static void upsert__unchanged_rows_make_no_journal_entry(void **state)
{
    (void)state;
    TestCity c = city_new("systems");
    const char *p = file(&c, "r.csv", S("code,title,level\n610000,甲省,1\n620000,乙省,1\n"));
    ok(&c, "region", p, NULL, true);
    int64_t before = number(&c, "select count(*) from journal");
    ImportResult r = ok(&c, "region", p, NULL, true);
    assert_int_equal(r.accepted, 2);
    assert_int_equal(r.unchanged, 2);
    assert_int_equal(number(&c, "select count(*) from journal"), before);
    r = ok(&c, "region", file(&c, "r2.csv", S("区划代码,名称,级别\n610000,丙省,1\n620000,乙省,1\n")), NULL,
           true);
    assert_int_equal(r.unchanged, 1);
    assert_int_equal(number(&c, "select count(*) from journal"), before + 1);
    city_free(&c);
}

static void dry_run__changes_nothing(void **state)
{
    (void)state;
    TestCity c = city_new("systems");
    ImportResult r;
    Err err = ERR_INIT;
    const char *p =
        file(&c, "r.csv", S("code,title,level,parent\n610100,市,2,610000\n610000,省,1,\n610000,省,1,\n"));
    assert_int_equal(load(&c, "region", p, NULL, false, true, &r, &err), 0);
    assert_int_equal(r.accepted, 2);
    assert_int_equal(r.rejected, 1);
    assert_int_not_equal(r.rejected_file[0], 0);
    assert_int_equal(number(&c, "select count(*) from region"), 0);
    assert_int_equal(number(&c, "select count(*) from journal"), 0);
    city_free(&c);
}

static void columns__unknown_one_stops_before_anything_is_written(void **state)
{
    (void)state;
    TestCity c = city_new("systems");
    ImportResult r;
    Err err = ERR_INIT;
    assert_true(load(&c, "region", file(&c, "r.csv", S("code,titel,level\n610000,甲省,1\n")), NULL, false,
                     false, &r, &err) < 0);
    assert_non_null(strstr(err.msg, "titel"));
    assert_non_null(strstr(err.hint, "title"));
    const char *map = file(
        &c, "m.yaml",
        S("entity: region\ncolumns:\n  代码: code\n  名字: {to: title, expr: \"clean(\\\"名宇\\\")\"}\n"));
    err = ERR_INIT;
    assert_true(load(&c, "region", file(&c, "r2.csv", S("代码,名字\n610000,甲省\n")), map, false, false, &r,
                     &err) < 0);
    assert_int_equal(err.line, 4);
    assert_non_null(strstr(err.msg, "名宇"));
    err = ERR_INIT;
    assert_true(load(&c, "region", file(&c, "empty.csv", S("")), NULL, false, false, &r, &err) < 0);
    assert_true(load(&c, "region", "/none/none.csv", NULL, false, false, &r, &err) == -(int)ERR_NOT_FOUND);
    assert_int_equal(number(&c, "select count(*) from journal"), 0);
    city_free(&c);
}

static void json__rows_rejected_and_retried(void **state)
{
    (void)state;
    TestCity c = city_new("systems");
    ImportResult r =
        ok(&c, "region",
           file(&c, "r.ndjson",
                S("\xEF\xBB\xBF{\"code\":\"610100\",\"title\":\"市\",\"level\":2,\"parent\":\"610000\"}\n"
                  "{\"code\":\"610000\",\"title\":\"省\",\"level\":\"1\"}\n\n{\"code\":\"6\n"
                  "{\"code\":\"620000\",\"titel\":\"省\",\"level\":1}\n"
                  "{\"code\":\"630000\",\"title\":\"省\",\"level\":77}\n[1]\n")),
           NULL, false);
    assert_int_equal(r.rows, 6);
    assert_int_equal(r.accepted, 2);
    _cleanup_arena_ Arena *a = arena_new();
    Str rej = slurp(a, r.rejected_file);
    assert_true(str_find_str(rej, S("\"row\":5,\"field\":\"level\"")) > 0);
    assert_true(str_find_str(rej, S("是不是 “title”")) > 0);
    char *text = str_cdup(a, rej);
    char *bad = strstr(text, "77");
    memcpy(bad, " 1", 2);
    r = ok(&c, "region", file(&c, "again.ndjson", str_c(text)), NULL, false);
    assert_int_equal(r.accepted, 1);
    assert_int_equal(r.rejected, 3);
    city_free(&c);
}

static void geojson__features_one_by_one(void **state)
{
    (void)state;
    TestCity c = city_new("systems");
    Str text = S("{\"type\":\"FeatureCollection\",\"name\":{\"x\":[1,\"]}\"]},\"features\":[\n"
                 "{\"type\":\"Feature\",\"properties\":{\"code\":\"610000\",\"title\":\"省\",\"level\":1},"
                 "\"geometry\":{\"type\":\"Polygon\",\"coordinates\":[[[1,1],[2,1],[2,2],[1,1]]]}},\n"
                 "{\"type\":\"Feature\",\"properties\":{\"code\":\"620000\",\"title\":\"}{\\\"\",\"level\":1}"
                 ",\"geometry\":null},"
                 "{\"type\":\"Feature\",\"properties\":{\"code\":\"630000\",\"title\":\"点\",\"level\":1},"
                 "\"geometry\":{\"type\":\"Point\",\"coordinates\":[1,1]}}],\"end\":1}");
    ImportResult r = ok(&c, "region", file(&c, "r.geojson", text), NULL, false);
    assert_int_equal(r.rows, 3);
    assert_int_equal(r.accepted, 2);
    assert_int_equal(number(&c, "select count(*) from region where area is not null"), 1);
    _cleanup_arena_ Arena *a = arena_new();
    assert_true(str_find_str(slurp(a, r.rejected_file), S("\"field\":\"area\"")) > 0);
    r = ok(&c, "region", file(&c, "cut.geojson", str_n(text.p, text.n - 80)), NULL, true);
    assert_int_equal(r.rejected, 1);
    city_free(&c);
}

static void skip_and_set__follow_the_map(void **state)
{
    (void)state;
    TestCity c = city_new("systems");
    const char *map =
        file(&c, "m.yaml",
             S("entity: region\nheader: 2\nskip_lines: [4]\ncolumns:\n  代码: code\n  名: title\n"
               "set: {level: \"length(\\\"代码\\\") / 6\"}\nskip: \"名 = '合计'\"\n"));
    ImportResult r =
        ok(&c, "region", file(&c, "r.csv", S("一份名单,\n代码,名\n610000,省\nx,y\n,合计\n620000,省\n")), map,
           false);
    assert_int_equal(r.rows, 3);
    assert_int_equal(r.accepted, 2);
    assert_int_equal(r.skipped, 1);
    city_free(&c);
}

static void retry__keeps_to_the_map_of_the_original(void **state)
{
    (void)state;
    TestCity c = city_new("systems");
    const char *map = file(&c, "m.yaml",
                           S("entity: region\nheader: 2\nskip_lines: [3]\ncolumns: {代码: code, 名: title}\n"
                             "set: {level: \"length(代码) / 6\"}\n"));
    ImportResult r =
        ok(&c, "region", file(&c, "r.csv", S("名单,\n代码,名\ncode,name\n61,甲\n62,乙,多\n630000,丙\n")), map,
           false);
    assert_int_equal(r.rows, 3);
    assert_int_equal(r.rejected, 2);
    /* as it comes back from a spreadsheet: every line as wide as the widest */
    const char *again = file(
        &c, "again.csv", S("\xEF\xBB\xBF代码,名,row,field,reason,\n610000,甲,4,code,x,\n620000,乙,5,,y,\n"));
    r = ok(&c, "region", again, map, false);
    assert_int_equal(r.rows, 2);
    assert_int_equal(r.accepted, 2);
    city_free(&c);
}

static void keep(const TestCity *c, const char *entity, Format format, const char *where, const char *path,
                 int64_t want)
{
    FILE *out = fopen(path, "wb");
    int64_t n;
    Err err = ERR_INIT;
    ExportOptions o = {.format = format, .where = where, .out = out, .who = &root, .trace = S("t")};
    if (export_entity(testdb_store(c->db), c->m, model_entity(c->m, str_c(entity)), &o, &n, &err) < 0)
        say(&err), fail();
    fclose(out);
    assert_int_equal(n, want);
}

static void export__imports_again_unchanged(void **state)
{
    (void)state;
    TestCity c = city_new("systems");
    Buf b;
    buf_init(&b, 1 << 20);
    buf_adds(&b, head);
    buf_adds(&b, "610000,省,1,\n");
    for (int i = 0; i < 2500; i++)
        buf_addf(&b, "610%03d%03d,\"乡, %d\",4,610000\n", i / 900 + 101, i % 900, i);
    ImportResult r = ok(&c, "region", file(&c, "r.csv", buf_str(&b)), NULL, false);
    buf_done(&b);
    assert_int_equal(r.accepted, 2501);
    int64_t before = number(&c, "select count(*) from journal where op <> 'export'");
    static const struct {
        Format format;
        const char *name;
    } kinds[] = {{FORMAT_CSV, "out.csv"},
                 {FORMAT_NDJSON, "out.ndjson"},
                 {FORMAT_GEOJSON, "out.geojson"},
                 {FORMAT_XLSX, "out.xlsx"}};
    for (size_t i = 0; i < COUNT(kinds); i++) {
        const char *p = in_dir(&c, kinds[i].name);
        keep(&c, "region", kinds[i].format, NULL, p, 2501);
        r = ok(&c, "region", p, NULL, true);
        assert_int_equal(r.rows, 2501);
        assert_int_equal(r.unchanged, 2501);
    }
    assert_int_equal(number(&c, "select count(*) from journal where op <> 'export'"), before);
    keep(&c, "region", FORMAT_CSV, "level=eq.1", in_dir(&c, "one.csv"), 1);
    keep(&c, "region", FORMAT_CSV, "level=eq.5", in_dir(&c, "none.csv"), 0);
    keep(&c, "region", FORMAT_GEOJSON, "level=eq.5", in_dir(&c, "none.geojson"), 0);
    Format f;
    Err err = ERR_INIT;
    assert_true(export_format(S("pdf"), &f, &err) < 0);
    assert_int_equal(export_format(S("xlsx"), &f, &err), 0);
    city_free(&c);
}

/* --- the real files ---------------------------------------------------------------------------- */

static void reasons(const char *path)
{
    if (!getenv("SHOW") || !path[0]) return;
    char cmd[5000];
    snprintf(cmd, sizeof cmd,
             "python3 -c \"import "
             "csv,sys,collections,re\nr=list(csv.reader(open(sys.argv[1],encoding='utf-8-sig')))\nh=r[0]\n"
             "i=h.index('reason')\nc=collections.Counter((x[i-1],re.sub('“[^”]{5,}”','“…”',re.sub('[0-9]+','"
             "N',x[i]))[:70]) for x in r[1:])\n"
             "[print('   ',n,k) for k,n in c.most_common(12)]\" '%s' >&2",
             path);
    if (system(cmd) != 0) return;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static ImportResult real(const TestCity *c, const char *entity, const char *path, const char *map,
                         bool upsert)
{
    double begin = now();
    ImportResult r = ok(c, entity, path, map, upsert);
    fprintf(stderr,
            "%s %s: rows %lld accepted %lld rejected %lld skipped %lld unchanged %lld (%.0f rows/s)\n",
            entity, strrchr(path, '/') + 1, (long long)r.rows, (long long)r.accepted, (long long)r.rejected,
            (long long)r.skipped, (long long)r.unchanged, (double)r.rows / (now() - begin));
    reasons(r.rejected_file);
    return r;
}

/* Under the sanitizers, where a row takes ten times as long, the last years alone. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { FIRST_YEAR = 2001 };
#else
enum { FIRST_YEAR = 1980 };
#endif

static void enterprise_registry__all_years(void **state)
{
    (void)state;
    if (!shared("data/enterprise-registry-shaanxi/SOURCE.txt")) skip();
    TestCity c = city_new("systems");
    ImportResult r = ok(&c, "region", project("systems/00-city/data/region.csv"), NULL, true);
    assert_int_equal(r.rejected, 0);
    int64_t rows = 0, accepted = 0, rejected = 0;
    double begin = now();
    for (int year = FIRST_YEAR; year <= 2003; year++) {
        char name[128];
        snprintf(name, sizeof name, "data/enterprise-registry-shaanxi/shaanxi-%d.csv%s", year,
                 year > 2000 ? ".gz" : "");
        r = real(&c, "legal_person", shared(name), "systems/00-city/maps/enterprise-registry.yaml", false);
        rows += r.rows, accepted += r.accepted, rejected += r.rejected;
    }
    fprintf(stderr, "enterprise: rows %lld accepted %lld rejected %lld, %.1f s\n", (long long)rows,
            (long long)accepted, (long long)rejected, now() - begin);
    assert_true(FIRST_YEAR > 1980 || (rows > 30800 && rows < 30850));
    assert_true(accepted > rows / 100 * 97);
    city_free(&c);
}

/* One file of each shape of one service's export; the story `foreign` takes all files of all services. */
static void foreign_files__go_in_by_maps_alone(void **state)
{
    (void)state;
    if (!shared("data/service-requests-nyc311/SOURCE.txt")) skip();
    static const struct {
        const char *file, *map;
        int64_t rows;
    } files[] = {
        {"nyc311-animals-2025-excel.csv", "nyc311-excel", 4969},
        {"nyc311-mixed-2018.csv", "nyc311-portal", 1000},
        {"nyc311-api-2024a.csv", "nyc311-api", 1000},
    };
    TestCity c = city_new("tests/packs/foreign");
    for (size_t i = 0; i < COUNT(files); i++) {
        char path[256], map[256];
        snprintf(path, sizeof path, "data/service-requests-nyc311/%s", files[i].file);
        snprintf(map, sizeof map, "tests/packs/foreign/90-foreign/maps/%s.yaml", files[i].map);
        ImportResult r = real(&c, "service_request", shared(path), map, true);
        assert_int_equal(r.rows, files[i].rows);
    }
    city_free(&c);
}

/* SPEED=FILE: how fast a large file goes in; not part of the ordinary run. */
static void speed__of_a_large_file(void **state)
{
    (void)state;
    const char *path = getenv("SPEED");
    if (!path) skip();
    TestCity c = city_new("tests/packs/foreign");
    real(&c, "food_business", path, NULL, false);
    real(&c, "food_business", path, NULL, true);
    city_free(&c);
}

UNIT_MAIN(cmocka_unit_test(speed__of_a_large_file), cmocka_unit_test(self_reference__parent_may_come_later),
          cmocka_unit_test(rows__each_kind_of_fault_has_field_and_reason),
          cmocka_unit_test(gb18030_and_gzip__are_recognised),
          cmocka_unit_test(upsert__unchanged_rows_make_no_journal_entry),
          cmocka_unit_test(dry_run__changes_nothing),
          cmocka_unit_test(columns__unknown_one_stops_before_anything_is_written),
          cmocka_unit_test(json__rows_rejected_and_retried), cmocka_unit_test(geojson__features_one_by_one),
          cmocka_unit_test(skip_and_set__follow_the_map),
          cmocka_unit_test(retry__keeps_to_the_map_of_the_original),
          cmocka_unit_test(export__imports_again_unchanged), cmocka_unit_test(enterprise_registry__all_years),
          cmocka_unit_test(foreign_files__go_in_by_maps_alone))

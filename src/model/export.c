/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * Export by keyset pages: each page is one read of the rows whose id lies behind the last page's, so that
 * memory and locks stay small whatever the size. The pages' texts are joined to one CSV, NDJSON or GeoJSON
 * file.
 */
#include "model/export.h"

#include "model/query_int.h"
#include <errno.h>

enum { PAGE_ROWS = 1000, PAGE_BYTES = 512 << 20 };

typedef struct Page {
    Store *s;
    const Model *m;
    const Entity *e;
    const ExportOptions *o;
    Val after; /* VAL_NULL: from the beginning */
    Buf text;
    /* results of one attempt */
    Arena *a;
    Val last; /* id of the page's last row, VAL_NULL: nothing behind it */
    int64_t rows;
} Page;

int export_format(Str name, Format *ret, Err *err)
{
    static const struct {
        const char *name;
        Format format;
    } rows[] = {
        {"csv", FORMAT_CSV}, {"geojson", FORMAT_GEOJSON}, {"ndjson", FORMAT_NDJSON}, {"xlsx", FORMAT_XLSX}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (str_is(name, rows[i].name)) return *ret = rows[i].format, 0;
    return err_set(err, ERR_INPUT, "没有格式 “" STR_FMT "”", STR_ARG(name)),
           err_hint(err, "可用 csv、xlsx、ndjson、geojson");
}

static void bound(const QueryCtx *c, Query *q, Cmp cmp, Val v)
{
    Cond *k = cond_new(c, COND_LEAF);
    k->vals = ARENA_NEW(c->a, Val);
    k->field = entity_id(q->entity);
    k->cmp = cmp;
    k->vals[0] = v;
    k->n_vals = 1;
    cond_add(c, q->where, k);
}

static int page_query(const Page *p, const QueryCtx *c, Query **ret, Err *err)
{
    Query *q;
    TRY(query_parse(c, p->e, str_c(p->o->where), &q, err));
    if (q->limit >= 0 || q->offset || q->n_sorts || q->aggregate)
        return err_set(err, ERR_INPUT, "导出条件里只能写筛选，不能写 limit、offset、order 或汇总"),
               err_hint(err, "写成 字段=eq.值，用 & 连接");
    Sort *by_id = ARENA_PUSH(c->a, q->sorts, q->n_sorts, q->cap_sorts);
    by_id->field = entity_id(p->e);
    q->limit = PAGE_ROWS;
    if (p->after.kind != VAL_NULL) bound(c, q, CMP_GT, p->after);
    *ret = q;
    return 0;
}

/* The id at which the page ends, when there are more rows than one page. */
static int page_end(const QueryCtx *c, Tx *tx, const Query *q, Val *ret, Err *err)
{
    Build b;
    build_init(&b, c->a, tx_dialect(tx));
    build_add(&b, "select ");
    build_column(&b, "t", entity_id(q->entity));
    build_add(&b, " from ");
    build_name(&b, q->entity->name);
    build_add(&b, " t");
    query_where(c, &b, "t", q);
    build_add(&b, " order by ");
    build_column(&b, "t", entity_id(q->entity));
    build_addf(&b, " limit 1 offset %d", PAGE_ROWS - 1);
    TRY(build_check(&b, err));
    Sql sql = build_sql(&b, "export.page");
    int rc = tx_one(tx, c->a, &sql, b.args, b.n, ret, err);
    if (rc == -(int)ERR_NOT_FOUND) *ret = V_NULL;
    return rc == -(int)ERR_NOT_FOUND ? 0 : rc;
}

static int read_page(Tx *tx, void *ctx, Err *err)
{
    Page *p = ctx;
    Query *q;
    ReadResult result;
    arena_free(p->a);
    p->a = arena_new();
    buf_clear(&p->text);
    QueryCtx c = {p->a, p->m, p->o->who, p->o->trace};
    TRY(page_query(p, &c, &q, err));
    TRY(page_end(&c, tx, q, &p->last, err));
    if (p->last.kind != VAL_NULL) bound(&c, q, CMP_LTE, p->last);
    TRY(record_read(&c, tx, q, p->o->format, false, &p->text, &result, err));
    p->rows = result.rows;
    return 0;
}

/* Showing what is masked without a purpose is journalled, so it needs a transaction that writes. */
static int must_write(const Page *p, bool *ret, Err *err)
{
    _cleanup_arena_ Arena *a = arena_new();
    QueryCtx c = {a, p->m, p->o->who, p->o->trace};
    Query *q;
    TRY(page_query(p, &c, &q, err));
    *ret = record_unmasks(&c, q);
    return 0;
}

/* What of a page's text belongs into the file. */
static Str page_part(const Page *p, bool first)
{
    Str s = buf_str(&p->text);
    if (p->o->format == FORMAT_CSV && !first)
        return str_from(s, (size_t)str_find(s, '\n') + 1); /* one header */
    if (p->o->format != FORMAT_GEOJSON) return s;
    size_t open = (size_t)str_find(s, '[') + 1; /* inside { "type": …, "features": [ … ] } */
    return str_n(s.p + open, s.n - open - 2);
}

static int put(const Page *p, Str s, Err *err)
{
    if (!s.n || fwrite(s.p, 1, s.n, p->o->out) == s.n) return 0;
    return err_io(err, errno, "导出写不下去"), err_hint(err, "检查磁盘空间");
}

static int put_page(const Page *p, bool first, Err *err)
{
    bool geo = p->o->format == FORMAT_GEOJSON;
    if (first && p->o->format == FORMAT_CSV) TRY(put(p, S("\xEF\xBB\xBF"), err));
    if (first && geo) TRY(put(p, S("{\"type\":\"FeatureCollection\",\"features\":["), err));
    Str part = page_part(p, first);
    if (!first && geo && part.n) TRY(put(p, S(","), err));
    return put(p, part, err);
}

static int exported_tx(Tx *tx, void *ctx, Err *err)
{
    const Page *p = ctx;
    static const char *const names[] = {[FORMAT_NDJSON] = "ndjson",
                                        [FORMAT_CSV] = "csv",
                                        [FORMAT_GEOJSON] = "geojson",
                                        [FORMAT_XLSX] = "xlsx"};
    Exported x = {p->o->who, p->o->trace, p->e, str_c(p->o->where), str_c(names[p->o->format]), p->rows};
    return record_exported(tx, &x, err);
}

static int to_out(void *ctx, Str bytes, Err *err) { return put(ctx, bytes, err); }

/* A workbook is one file from its first row to its last: one read, in slices. */
static int read_book(Tx *tx, void *ctx, Err *err)
{
    Page *p = ctx;
    Query *q;
    arena_free(p->a);
    p->a = arena_new();
    QueryCtx c = {p->a, p->m, p->o->who, p->o->trace};
    TRY(page_query(p, &c, &q, err));
    q->limit = -1;
    return record_stream(&c, tx, q, FORMAT_XLSX, to_out, p, &p->rows, err);
}

static int export_book(Page *p, int64_t *ret_rows, Err *err)
{
    int rc = store_read(p->s, "export", read_book, p, err);
    if (rc == 0 && fflush(p->o->out) != 0) rc = err_io(err, errno, "导出写不下去");
    if (rc == 0) rc = store_tx(p->s, "export", exported_tx, p, err);
    *ret_rows = p->rows;
    arena_free(p->a);
    return rc;
}

int export_entity(Store *s, const Model *m, const Entity *e, const ExportOptions *o, int64_t *ret_rows,
                  Err *err)
{
    _cleanup_arena_ Arena *ids = arena_new();
    Page p = {.s = s, .m = m, .e = e, .o = o, .after = V_NULL};
    Err own = ERR_INIT;
    bool write = false;
    int rc;
    *ret_rows = 0;
    if (!err) err = &own;
    if (o->format == FORMAT_XLSX) return export_book(&p, ret_rows, err);
    TRY(must_write(&p, &write, err));
    buf_init(&p.text, PAGE_BYTES);
    for (bool first = true;; first = false) {
        rc = write ? store_tx(s, "export", read_page, &p, err) : store_read(s, "export", read_page, &p, err);
        if (rc == 0) rc = put_page(&p, first, err);
        if (rc < 0) break;
        *ret_rows += p.rows;
        if (o->progress) o->progress(o->progress_ctx, *ret_rows);
        if (p.last.kind == VAL_NULL) break;
        p.after = p.last;
        if (p.after.kind >= VAL_TEXT) p.after.s = str_dup(ids, p.after.s); /* a few bytes a page */
    }
    if (rc == 0 && o->format == FORMAT_GEOJSON) rc = put(&p, S("]}\n"), err);
    if (rc == 0 && fflush(o->out) != 0) rc = err_io(err, errno, "导出写不下去");
    p.rows = *ret_rows;
    if (rc == 0) rc = store_tx(s, "export", exported_tx, &p, err);
    arena_free(p.a);
    buf_done(&p.text);
    return rc;
}

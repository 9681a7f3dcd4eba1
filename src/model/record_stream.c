/* SPDX-License-Identifier: MulanPSL-2.0 */
/* A result of any size: one SELECT through a cursor, a slice of rows at a time, each with its own arena and
   its own statements for what is embedded. */
#include "model/record_int.h"
#include "model/xlsx.h"

#include "model/search.h"

enum { SLICE_ROWS = 1000, SLICE_TEXT_MAX = 256 << 20 };

typedef struct Slices {
    const QueryCtx *c;
    Tx *tx;
    const Level *plan;
    Format format;
    Xlsx *book; /* FORMAT_XLSX */
    Buf text;
    int64_t rows;
} Slices;

/* One slice into s->text: 1 = there may be more, 0 = this was the last. */
static int slice(Slices *s, Rows *rows, bool first, Err *err)
{
    _cleanup_arena_ Arena *a = arena_new();
    QueryCtx c = *s->c;
    Level l = *s->plan;
    c.a = a;
    int more = level_take(&c, &l, rows, SLICE_ROWS, err);
    if (more < 0) return more;
    TRY(level_stitch(&c, s->tx, &l, err));
    buf_clear(&s->text);
    if (s->book)
        TRY(record_xlsx_rows(&c, &l, s->book, err));
    else
        TRY(record_format(&c, &l, s->format, (first ? PART_FIRST : 0) | (more ? 0 : PART_LAST), &s->text,
                          err));
    s->rows += (int64_t)l.n_rows;
    return more;
}

int record_stream(const QueryCtx *c, Tx *tx, Query *q, Format format, RecordSink sink, void *ctx,
                  int64_t *ret_rows, Err *err)
{
    Level plan = {.q = q};
    Slices s = {.c = c, .tx = tx, .plan = &plan, .format = format};
    Build b;
    Rows *rows;
    int rc;
    build_init(&b, c->a, tx_dialect(tx));
    TRY(search_prepare(c, tx, q, err));
    level_sql(c, &plan, q->limit, &b);
    TRY(build_check(&b, err));
    Sql sql = build_sql(&b, "model.stream");
    TRY(tx_cursor(tx, c->a, &sql, b.args, b.n, &rows, err));
    if (format == FORMAT_XLSX) TRY(record_xlsx_begin(q, &s.book, err));
    buf_init(&s.text, SLICE_TEXT_MAX);
    bool first = true;
    do {
        if ((rc = slice(&s, rows, first, err)) < 0) break;
        *ret_rows = s.rows;
        int put = sink(ctx, buf_str(&s.text), err);
        if (put < 0) rc = put;
        first = false;
    } while (rc > 0);
    rows_done(rows);
    buf_done(&s.text);
    *ret_rows = s.rows;
    if (rc == 0 && s.book) return record_xlsx_end(c, q, s.book, s.rows, sink, ctx, err);
    xlsx_free(s.book);
    return rc < 0 ? rc : 0;
}

int record_exported(Tx *tx, const Exported *x, Err *err)
{
    _cleanup_arena_ Arena *a = arena_new();
    Buf b;
    JsonWriter w;
    buf_init(&b, 1 << 16);
    jw_init(&w, &b);
    jw_object(&w);
    jw_kstr(&w, "query", x->query);
    jw_kstr(&w, "format", x->format);
    jw_kint(&w, "rows", x->rows);
    jw_object_end(&w);
    JournalEntry entry = {.actor = x->who->user.n ? x->who->user : S("system"),
                          .behalf = x->who->behalf,
                          .purpose = x->who->purpose,
                          .trace = x->trace,
                          .entity = x->entity->name,
                          .op = S("export"),
                          .after = buf_dup(a, &b)};
    buf_done(&b);
    return journal_add(tx, &entry, err);
}

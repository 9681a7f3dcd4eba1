/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Records → a workbook that a person reads and import takes back: titles as the header, typed cells. */
#include "model/record_int.h"
#include "model/xlsx.h"

#include "base/clock.h"

bool record_sensitive(const Query *q)
{
    for (size_t i = 0; i < q->n_picks; i++)
        if (q->picks[i].field && q->picks[i].field->sensitivity >= 3) return true;
    return false;
}

Str record_watermark(Arena *a, const Actor *who, Str trace, int64_t rows)
{
    return str_fmt(a, EXPORT_WATERMARK " " STR_FMT " " STR_FMT " %lld条 " STR_FMT,
                   STR_ARG(who->user.n ? who->user : S("system")), STR_ARG(clock_str(a, clock_now_us())),
                   (long long)rows, STR_ARG(trace));
}

static bool is_plain(const Pick *p) { return p->field && !p->agg && !p->embed; }

/* The title where it names this field alone, as import finds it; else the name. */
static Str header_of(const Query *q, const Pick *p)
{
    const Field *f = p->field;
    if (!is_plain(p) || !str_eq(p->name, f->name) || !f->title.n) return p->name;
    if (entity_field(q->entity, f->title)) return p->name;
    for (size_t i = 0; i < q->entity->n; i++)
        if (&q->entity->fields[i] != f && str_eq(q->entity->fields[i].title, f->title)) return p->name;
    for (size_t i = 0; i < SYS_N; i++)
        if (&q->entity->sys[i] != f && str_eq(q->entity->sys[i].title, f->title)) return p->name;
    return f->title;
}

int record_xlsx_begin(const Query *q, Xlsx **ret, Err *err)
{
    if (q->n_picks > XLSX_COLUMNS_MAX) return err_set(err, ERR_INPUT, "表格最多 %d 列", XLSX_COLUMNS_MAX);
    TRY(xlsx_new(q->entity->title, ret, err));
    for (size_t i = 0; i < q->n_picks; i++)
        if (!record_skips(q, &q->picks[i]))
            xlsx_column(*ret, header_of(q, &q->picks[i]), is_plain(&q->picks[i]) ? q->picks[i].field : NULL);
    return 0;
}

static void put(const QueryCtx *c, const Level *l, const Row *row, size_t i, size_t col, Xlsx *x, Buf *text)
{
    const Pick *p = &l->q->picks[i];
    Val v = row->vals[l->at[i]];
    double number;
    buf_clear(text);
    if (is_plain(p) && access_hides(c->who, p->field)) return;
    if (is_plain(p) && p->field->storage != STORE_LINK) {
        Val shown = record_shown(c, l, p->field, v);
        /* what is masked is text, whatever the type */
        if (record_masks(c, l, p->field) && shown.kind == VAL_TEXT)
            return xlsx_put_text(x, c->a, col, shown.s);
        return xlsx_put(x, c->a, col, p->field, shown);
    }
    if (is_plain(p))
        record_link_text(c, l, i, v, text);
    else
        record_json_text(c, l, row, i, text);
    if (p->agg && text->n && str_real(buf_str(text), &number)) return xlsx_put_number(x, col, number);
    xlsx_put_text(x, c->a, col, buf_str(text));
}

int record_xlsx_rows(const QueryCtx *c, const Level *l, Xlsx *x, Err *err)
{
    Buf text;
    int rc = 0;
    buf_init(&text, GEOMETRY_TEXT_MAX);
    for (size_t r = 0; r < l->n_rows && rc == 0; r++) {
        rc = xlsx_row(x, err);
        for (size_t i = 0, col = 0; i < l->q->n_picks && rc == 0; i++)
            if (!record_skips(l->q, &l->q->picks[i])) put(c, l, &l->rows[r], i, col++, x, &text);
    }
    buf_done(&text);
    return rc;
}

int record_xlsx_end(const QueryCtx *c, const Query *q, Xlsx *x, int64_t rows, RecordSink sink, void *ctx,
                    Err *err)
{
    if (record_sensitive(q)) {
        if (xlsx_row(x, err) < 0) return xlsx_free(x), -(int)err->code;
        xlsx_put_text(x, c->a, 0, record_watermark(c->a, c->who, c->trace, rows));
    }
    return xlsx_finish(x, sink, ctx, err);
}

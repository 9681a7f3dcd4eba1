/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Rows in the form that was asked for. */
#include "model/record_int.h"

#include "base/csv.h"
#include "model/value.h"
#include "model/xlsx.h"

bool record_skips(const Query *q, const Pick *p)
{
    return q->entity->key && p->field == &q->entity->sys[SYS_ID];
}

static void csv_header(const Query *q, Buf *out)
{
    bool first = true;
    for (size_t i = 0; i < q->n_picks; i++) {
        if (record_skips(q, &q->picks[i])) continue;
        csv_write_cell(out, q->picks[i].name, first);
        first = false;
    }
    csv_write_end(out);
}

void record_link_text(const QueryCtx *c, const Level *l, size_t i, Val owner, Buf *cell)
{
    const Field *id = entity_id(l->q->picks[i].field->to);
    size_t n;
    Str key = owner.kind == VAL_INT ? str_fmt(c->a, "%lld", (long long)owner.i) : owner.s;
    Row **rows = level_find(l->below[i], key, &n);
    for (size_t j = 0; j < n; j++) {
        if (j) buf_addc(cell, ';');
        buf_add(cell, value_text(c->a, id, rows[j]->vals[0]));
    }
}

void record_json_text(const QueryCtx *c, const Level *l, const Row *row, size_t i, Buf *cell)
{
    JsonWriter w;
    jw_init(&w, cell);
    record_write_pick(c, &w, l, row, i);
    Str s = buf_str(cell);
    if (str_is(s, "null")) return buf_clear(cell);
    if (s.n < 2 || s.p[0] != '"') return;
    memmove(cell->p, cell->p + 1, s.n - 2);
    cell->n = s.n - 2;
}

static void csv_row(const QueryCtx *c, const Level *l, const Row *row, Buf *cell, Buf *out)
{
    bool first = true;
    for (size_t i = 0; i < l->q->n_picks; i++) {
        const Pick *p = &l->q->picks[i];
        Val v = row->vals[l->at[i]];
        bool plain = p->field && !p->agg && !p->embed;
        if (record_skips(l->q, p)) continue;
        buf_clear(cell);
        if (plain && access_hides(c->who, p->field))
            buf_clear(cell);
        else if (plain && p->field->storage == STORE_LINK)
            record_link_text(c, l, i, v, cell);
        else if (plain)
            buf_add(cell, value_text(c->a, p->field, record_shown(c, l, p->field, v)));
        else
            record_json_text(c, l, row, i, cell);
        csv_write_cell(out, buf_str(cell), first);
        first = false;
    }
    csv_write_end(out);
}

static void csv_rows(const QueryCtx *c, const Level *l, unsigned part, Buf *out)
{
    Buf cell;
    buf_init(&cell, GEOMETRY_TEXT_MAX);
    if (part & PART_FIRST) csv_header(l->q, out);
    for (size_t r = 0; r < l->n_rows; r++) csv_row(c, l, &l->rows[r], &cell, out);
    buf_done(&cell);
}

static void feature(const QueryCtx *c, const Level *l, const Row *row, size_t geo, JsonWriter *w)
{
    jw_object(w);
    jw_kstr(w, "type", S("Feature"));
    jw_key(w, S("geometry"));
    record_write_pick(c, w, l, row, geo);
    jw_key(w, S("properties"));
    jw_object(w);
    for (size_t i = 0; i < l->q->n_picks; i++) {
        if (i == geo) continue;
        jw_key(w, l->q->picks[i].name);
        record_write_pick(c, w, l, row, i);
    }
    jw_object_end(w);
    jw_object_end(w);
}

static int geo_rows(const QueryCtx *c, const Level *l, unsigned part, Buf *out, Err *err)
{
    const Query *q = l->q;
    size_t geo = 0;
    JsonWriter w;
    while (geo < q->n_picks && !(q->picks[geo].field && q->picks[geo].field->storage == STORE_GEO)) geo++;
    if (geo == q->n_picks)
        return err_set(err, ERR_NOT_ACCEPTABLE, "“" STR_FMT "” 没有空间字段，不能给出 GeoJSON",
                       STR_ARG(q->entity->title));
    if (part & PART_FIRST) buf_adds(out, "{\"type\":\"FeatureCollection\",\"features\":[");
    for (size_t r = 0; r < l->n_rows; r++) {
        if (r || !(part & PART_FIRST)) buf_addc(out, ',');
        jw_init(&w, out);
        feature(c, l, &l->rows[r], geo, &w);
    }
    if (part & PART_LAST) buf_adds(out, "]}");
    return 0;
}

static int to_buf(void *ctx, Str bytes, Err *err)
{
    Buf *out = ctx;
    buf_add(out, bytes);
    return out->over ? err_set(err, ERR_TOO_LARGE, "结果过大") : 0;
}

static int workbook(const QueryCtx *c, const Level *l, Buf *out, Err *err)
{
    struct Xlsx *x;
    TRY(record_xlsx_begin(l->q, &x, err));
    if (record_xlsx_rows(c, l, x, err) < 0) return xlsx_free(x), -(int)err->code;
    return record_xlsx_end(c, l->q, x, (int64_t)l->n_rows, to_buf, out, err);
}

int record_format(const QueryCtx *c, const Level *l, Format format, unsigned part, Buf *out, Err *err)
{
    JsonWriter w;
    if (format == FORMAT_XLSX) return workbook(c, l, out, err);
    if (format == FORMAT_CSV)
        csv_rows(c, l, part, out);
    else if (format == FORMAT_GEOJSON)
        TRY(geo_rows(c, l, part, out, err));
    else {
        jw_init(&w, out);
        if (format == FORMAT_JSON) jw_array(&w);
        for (size_t r = 0; r < l->n_rows; r++) {
            if (format == FORMAT_NDJSON) jw_init(&w, out);
            record_write_row(c, &w, l, &l->rows[r]);
            if (format == FORMAT_NDJSON) buf_addc(out, '\n');
        }
        if (format == FORMAT_JSON) jw_array_end(&w);
    }
    return out->over ? err_set(err, ERR_TOO_LARGE, "结果过大"), err_hint(err, "加上 limit 或减少字段") : 0;
}

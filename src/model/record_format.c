/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Rows in the form that was asked for. */
#include "model/record_int.h"

#include "base/csv.h"
#include "model/value.h"

static void csv_rows(const QueryCtx *c, const Level *l, Buf *out)
{
    const Query *q = l->q;
    Buf cell;
    bool first = true;
    bool keyed = q->entity->key != NULL; /* there, id only repeats the key */
    buf_init(&cell, LONGTEXT_MAX);
    for (size_t i = 0; i < q->n_picks; i++) {
        if (keyed && q->picks[i].field == &q->entity->sys[SYS_ID]) continue;
        csv_write_cell(out, q->picks[i].name, first);
        first = false;
    }
    csv_write_end(out);
    for (size_t r = 0; r < l->n_rows; r++) {
        first = true;
        for (size_t i = 0; i < q->n_picks; i++) {
            const Pick *p = &q->picks[i];
            Val v = l->rows[r].vals[l->at[i]];
            if (keyed && p->field == &q->entity->sys[SYS_ID]) continue;
            if (p->field && !p->agg && !p->embed && p->field->storage != STORE_LINK) {
                if (record_masks(c, l, p->field)) v = value_mask(c->a, p->field, v);
                csv_write_cell(out, value_text(c->a, p->field, v), first);
            } else if (p->field && p->field->storage == STORE_LINK && !p->agg) {
                size_t n;
                Str key = v.kind == VAL_INT ? str_fmt(c->a, "%lld", (long long)v.i) : v.s;
                Row **rows = level_find(l->below[i], key, &n);
                buf_clear(&cell);
                for (size_t j = 0; j < n; j++) {
                    if (j) buf_addc(&cell, ';');
                    buf_add(&cell, value_text(c->a, entity_id(p->field->to), rows[j]->vals[0]));
                }
                csv_write_cell(out, buf_str(&cell), first);
            } else {
                JsonWriter w;
                buf_clear(&cell);
                jw_init(&w, &cell);
                record_write_pick(c, &w, l, &l->rows[r], i);
                Str s = buf_str(&cell);
                if (s.n >= 2 && s.p[0] == '"') s = str_n(s.p + 1, s.n - 2);
                csv_write_cell(out, str_is(s, "null") ? S("") : s, first);
            }
            first = false;
        }
        csv_write_end(out);
    }
    buf_done(&cell);
}

static int geo_rows(const QueryCtx *c, const Level *l, Buf *out, Err *err)
{
    const Query *q = l->q;
    size_t geo = q->n_picks;
    for (size_t i = 0; i < q->n_picks && geo == q->n_picks; i++)
        if (q->picks[i].field && q->picks[i].field->storage == STORE_GEO) geo = i;
    if (geo == q->n_picks)
        return err_set(err, ERR_NOT_ACCEPTABLE, "“" STR_FMT "” 没有空间字段，不能给出 GeoJSON",
                       STR_ARG(q->entity->title));
    JsonWriter w;
    jw_init(&w, out);
    jw_object(&w);
    jw_kstr(&w, "type", S("FeatureCollection"));
    jw_key(&w, S("features"));
    jw_array(&w);
    for (size_t r = 0; r < l->n_rows; r++) {
        jw_object(&w);
        jw_kstr(&w, "type", S("Feature"));
        jw_key(&w, S("geometry"));
        record_write_pick(c, &w, l, &l->rows[r], geo);
        jw_key(&w, S("properties"));
        jw_object(&w);
        for (size_t i = 0; i < q->n_picks; i++) {
            if (i == geo) continue;
            jw_key(&w, q->picks[i].name);
            record_write_pick(c, &w, l, &l->rows[r], i);
        }
        jw_object_end(&w);
        jw_object_end(&w);
    }
    jw_array_end(&w);
    jw_object_end(&w);
    return 0;
}

int record_format(const QueryCtx *c, const Level *l, Format format, Buf *out, Err *err)
{
    JsonWriter w;
    if (format == FORMAT_CSV)
        csv_rows(c, l, out);
    else if (format == FORMAT_GEOJSON)
        TRY(geo_rows(c, l, out, err));
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

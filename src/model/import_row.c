/* SPDX-License-Identifier: MulanPSL-2.0 */
/* One row → the values of one record, or the reason why not. Needs no database. */
#include "model/import_int.h"

#include "base/text.h"
#include "model/value.h"

static void refuse(Batch *b, Item *it, const Field *f, Str reason)
{
    it->state = ITEM_REJECT;
    it->bad = true;
    it->field = f ? f->name : S("");
    it->reason = str_dup(b->a, reason);
}

Str import_reason(Arena *a, const Err *err)
{
    return err->hint[0] ? str_fmt(a, "%s；%s", err->msg, err->hint) : str_fmt(a, "%s", err->msg);
}

/* What an expression gave, as a cell. */
static Str result_text(Arena *a, Val v)
{
    switch (v.kind) {
    case VAL_INT: return str_fmt(a, "%lld", (long long)v.i);
    case VAL_REAL: {
        double back;
        Str s = str_fmt(a, "%.15g", v.r);
        if (str_find(s, 'e') >= 0) s = str_fmt(a, "%.6f", v.r);
        return str_real(s, &back) && back == v.r ? s : str_find(s, '.') >= 0 ? s : str_fmt(a, "%.17g", v.r);
    }
    case VAL_TEXT: return v.s;
    default: return S("");
    }
}

static bool lost_characters(const Field *f, Str text)
{
    return f->storage == STORE_TEXT && str_find_str(text, S("\xEF\xBF\xBD")) >= 0;
}

static int set_value(Batch *b, Item *it, const Target *t, const Val *inputs, Err *err)
{
    Import *im = b->im;
    const SourceRow *row = &it->row;
    const Field *f = t->field;
    Str text;
    if (t->expr) {
        Val v;
        TRY(expr_eval(t->expr, b->a, inputs, &v, err));
        text = result_text(b->a, v);
    } else {
        const json_t *j = row->vals ? row->vals[t->col] : NULL;
        if (row->vals && !j) return 0; /* an absent member is no statement about the field */
        if (j && f->storage == STORE_LINK && !json_is_string(j)) {
            TRY(values_from_json(b->a, f, j, &it->in.lists[f->i], err));
            it->in.set[f->i] = true;
            return 0;
        }
        if (j && f->storage == STORE_JSON) {
            TRY(value_from_json(b->a, f, j, &it->in.vals[f->i], err));
            it->in.set[f->i] = true;
            return 0;
        }
        if (!row->cells[t->col].p) return 0; /* kept from a file of members: it was absent */
        text = row->cells[t->col];
    }
    if (lost_characters(f, text))
        return err_set(err, ERR_VALIDATION, "“" STR_FMT "” 含有转码时丢失的字符（�）；请按原件改正",
                       STR_ARG(f->title));
    if (f->system) { /* id */
        text = text_tidy(b->a, text);
        if (text_chars(text) > 100) return err_set(err, ERR_VALIDATION, "id 要是 1 到 100 个字的编号");
    }
    return input_set_text(b->a, im->e, f, text, true, &it->in, err);
}

static const Field *target_of(const Import *im, size_t col)
{
    for (size_t i = 0; i < im->n_targets; i++)
        if (im->targets[i].col == col) return im->targets[i].field;
    return NULL;
}

/* CSV: as many cells as the header. A file of rejected rows may have empty ones behind (as spreadsheets write
   them), or lack its last three. */
static bool width_fits(const Import *im, const SourceRow *row)
{
    if (row->n == im->columns.n || row->n == im->n_data) return true;
    if (!im->marks || row->n < im->columns.n) return false;
    for (size_t i = im->columns.n; i < row->n; i++)
        if (row->cells[i].n) return false;
    return true;
}

static const Val *inputs_of(Batch *b, const SourceRow *row)
{
    Val *inputs = ARENA_ARRAY(b->a, Val, b->im->n_data + 1);
    for (size_t i = 0; i < b->im->n_data; i++)
        if (i < row->n && row->cells[i].n) inputs[i] = V_TEXT(row->cells[i]);
    return inputs;
}

void import_convert(Batch *b, Item *it)
{
    Import *im = b->im;
    const SourceRow *row = &it->row;
    const Val *inputs = NULL;
    if (row->fault.n)
        return refuse(b, it, row->bad_cell == SIZE_MAX ? NULL : target_of(im, row->bad_cell), row->fault);
    if (!source_is_json(im->source) && !width_fits(im, row)) {
        size_t got = im->marks && row->n > im->columns.n ? row->n - 3 : row->n;
        return refuse(b, it, NULL, str_fmt(b->a, "应有 %zu 列，实有 %zu 列", im->n_data, got));
    }
    for (size_t i = 0; source_is_sheet(im->source) && !im->map && i < im->n_data; i++)
        if (!im->columns.items[i].n && row->cells[i].n)
            return refuse(b, it, NULL, str_fmt(b->a, "第 %zu 列没有列名，却有内容", i + 1));
    if (im->map) inputs = inputs_of(b, row);
    if (im->skip) {
        Err err = ERR_INIT;
        Val v;
        if (expr_eval(im->skip, b->a, inputs, &v, &err) < 0) return refuse(b, it, NULL, str_c(err.msg));
        if ((v.kind == VAL_INT && v.i) || (v.kind == VAL_REAL && v.r != 0)) {
            it->state = ITEM_SKIP;
            return;
        }
    }
    it->in = input_new(b->a, im->e);
    for (size_t i = 0; i < im->n_targets; i++) {
        Err err = ERR_INIT;
        if (set_value(b, it, &im->targets[i], inputs, &err) == 0) continue;
        return refuse(b, it, im->targets[i].field, import_reason(b->a, &err));
    }
}

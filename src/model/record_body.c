/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Bodies of writes → values of records: one object, a list, NDJSON or CSV. */
#include "model/record_http_int.h"

#include "base/csv.h"
#include "base/text.h"
#include "model/query_int.h"

int record_at_row(const Bodies *b, size_t i, Err *err)
{
    char was[sizeof err->pointer];
    if (b->one) return -(int)err->code;
    memcpy(was, err->pointer, sizeof was);
    return err_pointer(err, "/%zu%.200s", i, was);
}

static int add_object(Request *rq, const Entity *e, const json_t *j, Bodies *b, Err *err)
{
    if (b->n >= BULK_MAX)
        return err_set(err, ERR_TOO_LARGE, "一次最多写入 %d 条", BULK_MAX),
               err_hint(err, "分几次，或用 chengshu import");
    Input *in = ARENA_PUSH(rq->arena, b->items, b->n, b->cap);
    return input_from_json(rq->arena, e, j, in, err) < 0 ? record_at_row(b, b->n - 1, err) : 0;
}

static int json_bodies(Request *rq, const Entity *e, Bodies *b, Err *err)
{
    json_t *root, *item;
    size_t i;
    TRY(json_parse(rq->arena, rq->body, &root, err));
    if (!json_is_array(root)) {
        b->one = true;
        return add_object(rq, e, root, b, err);
    }
    json_array_foreach(root, i, item) TRY(add_object(rq, e, item, b, err));
    return 0;
}

static int ndjson_bodies(Request *rq, const Entity *e, Bodies *b, Err *err)
{
    Str rest = rq->body, line;
    while (str_split(&rest, '\n', &line)) {
        json_t *j;
        if (!str_trim(line).n) continue;
        if (json_parse(rq->arena, line, &j, err) < 0) return record_at_row(b, b->n, err);
        TRY(add_object(rq, e, j, b, err));
    }
    return 0;
}

static int csv_row(Request *rq, const Entity *e, const CsvRecord *rec, const Field **cols, size_t n,
                   Bodies *b, Err *err)
{
    if (rec->fault) return err_set(err, ERR_INPUT, STR_FMT, STR_ARG(csv_fault_text(rq->arena, rec)));
    if (rec->n != n)
        return err_set(err, ERR_INPUT, "第 %lld 行有 %zu 列，表头有 %zu 列", (long long)rec->line, rec->n, n);
    if (b->n >= BULK_MAX) return err_set(err, ERR_TOO_LARGE, "一次最多写入 %d 条", BULK_MAX);
    Input *in = ARENA_PUSH(rq->arena, b->items, b->n, b->cap);
    *in = input_new(rq->arena, e);
    for (size_t i = 0; i < n; i++)
        if (input_set_text(rq->arena, e, cols[i], rec->cells[i], false, in, err) < 0)
            return record_at_row(b, b->n - 1, err);
    return 0;
}

static int csv_bodies(Request *rq, const Entity *e, Bodies *b, Err *err)
{
    _cleanup_csv_ CsvReader *r = NULL;
    CsvRecord rec;
    TRY(csv_open_mem(rq->body, NULL, &r, err));
    int rc = csv_next(r, &rec, err);
    if (rc <= 0) return rc;
    size_t n = rec.n;
    const Field **cols = ARENA_ARRAY(rq->arena, const Field *, n + 1);
    for (size_t i = 0; i < n; i++) {
        cols[i] = entity_field(e, rec.cells[i]);
        if (cols[i]) continue;
        Str near = entity_nearest(e, rec.cells[i]);
        err_set(err, ERR_INPUT, "“" STR_FMT "” 没有字段 “" STR_FMT "”", STR_ARG(e->name),
                STR_ARG(text_cut(rec.cells[i], 48)));
        return near.n ? err_hint(err, "是不是 “" STR_FMT "”", STR_ARG(near)) : -(int)ERR_INPUT;
    }
    while ((rc = csv_next(r, &rec, err)) > 0) TRY(csv_row(rq, e, &rec, cols, n, b, err));
    return rc;
}

int record_bodies(Request *rq, const Entity *e, Bodies *b, Err *err)
{
    Str type = rq->header(rq, "Content-Type");
    ptrdiff_t semi = str_find(type, ';');
    if (semi >= 0) type.n = (size_t)semi;
    type = str_trim(type);
    if (str_ieq(type, S("text/csv"))) return csv_bodies(rq, e, b, err);
    if (str_ieq(type, S("application/x-ndjson"))) return ndjson_bodies(rq, e, b, err);
    if (!type.n || str_ieq(type, S("application/json")) || str_ends(type, S("+json")))
        return json_bodies(rq, e, b, err);
    err_set(err, ERR_UNSUPPORTED, "不能读 “" STR_FMT "”", STR_ARG(text_cut(type, 60)));
    return err_hint(err, "可用 application/json、application/x-ndjson、text/csv");
}

int record_keep_columns(Request *rq, const Entity *e, Bodies *b, Err *err)
{
    Str list = request_param(rq, "columns"), part;
    if (!list.n) return 0;
    bool *keep = ARENA_ARRAY(rq->arena, bool, e->n + 1);
    while (str_split(&list, ',', &part)) {
        const Field *f;
        if (part.n >= 2 && part.p[0] == '"') part = str_n(part.p + 1, part.n - 2);
        TRY(query_field(e, part, "columns", &f, err));
        if (!f->system) keep[f->i] = true;
    }
    for (size_t i = 0; i < b->n; i++)
        for (size_t j = 0; j < e->n; j++) b->items[i].set[j] &= keep[j];
    return 0;
}

/* SPDX-License-Identifier: MulanPSL-2.0 */
/* /api/records: PostgREST's conventions over HTTP. What a header asks for becomes a Wish once, at the door.
 */
#include "model/record_http.h"
#include "model/record_http_int.h"

#include "base/text.h"
#include "model/city.h"
#include "model/query_int.h"
#include "model/record_int.h"

/* --- headers
 * ------------------------------------------------------------------------------------------------------ */

bool record_wishes(Str list, const char *token)
{
    Str part;
    while (str_split(&list, ',', &part)) {
        Str rest = part, word;
        while (str_split(&rest, ';', &word))
            if (str_ieq(str_trim(word), str_c(token))) return true;
    }
    return false;
}

static int wish_format(const Request *rq, Wish *w, Err *err)
{
    static const struct {
        const char *type;
        Format format;
    } rows[] = {{"application/geo+json", FORMAT_GEOJSON},
                {"application/json", FORMAT_JSON},
                {"application/vnd.pgrst.array+json", FORMAT_JSON},
                {"application/vnd.pgrst.object+json", FORMAT_OBJECT},
                {"application/x-ndjson", FORMAT_NDJSON},
                {XLSX_MEDIA, FORMAT_XLSX},
                {"text/csv", FORMAT_CSV},
                {"*/*", FORMAT_JSON}};
    Str accept = rq->header(rq, "Accept"), part;
    if (!accept.n) return 0;
    Str list = accept;
    while (str_split(&list, ',', &part)) {
        ptrdiff_t semi = str_find(part, ';');
        Str type = str_trim(semi < 0 ? part : str_n(part.p, (size_t)semi));
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
            if (str_ieq(type, str_c(rows[i].type))) return w->format = rows[i].format, 0;
        if (str_ieq(type, S("application/*"))) return 0;
    }
    err_set(err, ERR_NOT_ACCEPTABLE, "不能给出 “" STR_FMT "”", STR_ARG(text_cut(accept, 80)));
    return err_hint(
        err, "可用 application/json、text/csv、application/geo+json、application/x-ndjson、" XLSX_MEDIA);
}

int record_wish(const Request *rq, Wish *w, Err *err)
{
    *w = (Wish){.last = -1};
    Str prefer = rq->header(rq, "Prefer"), range = rq->header(rq, "Range");
    w->representation = record_wishes(prefer, "return=representation");
    w->count = record_wishes(prefer, "count=exact") || record_wishes(prefer, "count=planned") ||
               record_wishes(prefer, "count=estimated");
    w->rollback = record_wishes(prefer, "tx=rollback");
    if (record_wishes(prefer, "resolution=merge-duplicates")) w->conflict = CONFLICT_MERGE;
    if (record_wishes(prefer, "resolution=ignore-duplicates")) w->conflict = CONFLICT_IGNORE;
    ptrdiff_t dash = str_find(range, '-');
    if (dash > 0 && !str_starts(range, S("bytes"))) {
        int64_t first, last = -1;
        Str tail = str_from(range, (size_t)dash + 1);
        if (!str_int(str_n(range.p, (size_t)dash), &first) || first < 0 ||
            (tail.n && !str_int(tail, &last)) || (tail.n && last < first))
            return err_set(err, ERR_RANGE, "Range 要写成 0-24"), err_pointer(err, "Range");
        w->first = first < QUERY_COUNT_MAX ? first : QUERY_COUNT_MAX;
        w->last = last < QUERY_COUNT_MAX ? last : QUERY_COUNT_MAX;
    }
    return wish_format(rq, w, err);
}

const char *const record_media[] = {[FORMAT_JSON] = "application/json; charset=utf-8",
                                    [FORMAT_OBJECT] = "application/vnd.pgrst.object+json; charset=utf-8",
                                    [FORMAT_NDJSON] = "application/x-ndjson; charset=utf-8",
                                    [FORMAT_CSV] = "text/csv; charset=utf-8",
                                    [FORMAT_GEOJSON] = "application/geo+json; charset=utf-8",
                                    [FORMAT_XLSX] = XLSX_MEDIA};

int record_find_entity(const Request *rq, const Entity **ret, Err *err)
{
    return model_find(rq->city->model, rq->params[0], ret, err);
}

void record_etag(Request *rq, int64_t rev)
{
    request_header(rq, "ETag", str_fmt(rq->arena, "\"%lld\"", (long long)rev));
}

/* A stated purpose must be one that the entity allows: a wrong one is told, not ignored. */
static int check_purpose(const Request *rq, const Entity *e, Err *err)
{
    Buf b;
    if (!rq->who->purpose.n || access_purpose(rq->who, e) || !access_any(rq->who, e, OP_UNMASK)) return 0;
    buf_init(&b, 180);
    for (size_t i = 0; i < e->purposes.n; i++)
        buf_addf(&b, "%s" STR_FMT, i ? "、" : "", STR_ARG(e->purposes.items[i]));
    err_set(err, ERR_INPUT, "不能为 “" STR_FMT "” 查看" STR_FMT "的敏感字段",
            STR_ARG(text_cut(rq->who->purpose, 40)), STR_ARG(e->title));
    err_pointer(err, "X-Purpose");
    int rc = err_hint(err, "可以写明的目的：" STR_FMT, STR_ARG(buf_str(&b)));
    buf_done(&b);
    return rc;
}

/* --- reading
 * ------------------------------------------------------------------------------------------------------- */

QueryCtx record_ctx(const Request *rq, Arena *a)
{
    return (QueryCtx){a, rq->city->model, rq->who, rq->trace};
}

static int get_tx(Tx *tx, void *p, Err *err)
{
    Get *g = p;
    _cleanup_arena_ Arena *a = arena_new();
    QueryCtx c = record_ctx(g->rq, a);
    buf_clear(&g->rq->out);
    TRY(record_read(&c, tx, g->q, g->wish.format, g->wish.count, &g->rq->out, &g->result, err));
    g->result.next = str_dup(g->rq->arena, g->result.next);
    return 0;
}

/* A read that shows masked values writes the journal, so it is a write. */
static int run_read(Get *g, Err *err)
{
    QueryCtx c = record_ctx(g->rq, g->rq->arena);
    if (record_unmasks(&c, g->q)) return store_tx(g->rq->city->store, "unmask", get_tx, g, err);
    return store_read(g->rq->city->store, "read", get_tx, g, err);
}

static void content_range(Request *rq, const Get *g)
{
    const ReadResult *r = &g->result;
    Str total = r->total >= 0 ? str_fmt(rq->arena, "%lld", (long long)r->total) : S("*");
    long long first = (long long)g->q->offset;
    if (g->wish.count &&
        r->total < 0) /* it would have taken long; one more than the page when there is a next */
        request_header(rq, "X-Count-At-Least",
                       str_fmt(rq->arena, "%lld", first + (long long)r->rows + (r->next.n > 0)));
    if (r->rows)
        request_header(
            rq, "Content-Range",
            str_fmt(rq->arena, "%lld-%lld/" STR_FMT, first, first + (long long)r->rows - 1, STR_ARG(total)));
    else
        request_header(rq, "Content-Range", str_fmt(rq->arena, "*/" STR_FMT, STR_ARG(total)));
}

int records_get(Request *rq, Err *err)
{
    Get g = {.rq = rq};
    QueryCtx c = record_ctx(rq, rq->arena);
    TRY(record_find_entity(rq, &g.e, err));
    TRY(check_purpose(rq, g.e, err));
    TRY(record_wish(rq, &g.wish, err));
    TRY(query_parse(&c, g.e, rq->query, &g.q, err));
    if (g.wish.format == FORMAT_XLSX)
        record_attachment(rq, str_fmt(rq->arena, STR_FMT ".xlsx", STR_ARG(g.e->title)));
    if (record_is_download(&g) && !record_unmasks(&c, g.q)) return record_download(&g, err);
    if (g.wish.first > 0) g.q->offset = g.wish.first;
    if (g.wish.last >= 0) g.q->limit = g.wish.last - g.wish.first + 1;
    TRY(run_read(&g, err));
    if (g.result.total >= 0 && g.q->offset > 0 && g.q->offset >= g.result.total) {
        request_header(rq, "Content-Range", str_fmt(rq->arena, "*/%lld", (long long)g.result.total));
        return err_set(err, ERR_RANGE, "只有 %lld 条记录，要从第 %lld 条起", (long long)g.result.total,
                       (long long)g.q->offset + 1);
    }
    content_range(rq, &g);
    if (g.result.next.n) request_header(rq, "X-Next-Cursor", g.result.next);
    bool partial = g.result.total >= 0 && g.result.rows < g.result.total && g.wish.format != FORMAT_OBJECT;
    rq->status = partial ? 206 : 200;
    rq->content_type = record_media[g.wish.format];
    if (g.wish.format == FORMAT_OBJECT && g.result.rev) record_etag(rq, g.result.rev);
    return 0;
}

int record_one_query(Request *rq, const Entity *e, Str id, Str query, Query **ret, Err *err)
{
    QueryCtx c = record_ctx(rq, rq->arena);
    Val v;
    Query *q;
    TRY(query_parse(&c, e, query, &q, err));
    TRY(record_id(rq->arena, e, id, &v, err));
    query_and_eq(&c, q, entity_id(e), v);
    *ret = q;
    return 0;
}

int record_not_there(const Entity *e, Str id, Err *err)
{
    return err_set(err, ERR_NOT_FOUND, "没有编号为 “" STR_FMT "” 的" STR_FMT, STR_ARG(text_cut(id, 60)),
                   STR_ARG(e->title));
}

int record_get(Request *rq, Err *err)
{
    Get g = {.rq = rq};
    TRY(record_find_entity(rq, &g.e, err));
    TRY(check_purpose(rq, g.e, err));
    TRY(record_wish(rq, &g.wish, err));
    if (g.wish.format == FORMAT_JSON) g.wish.format = FORMAT_OBJECT;
    TRY(record_one_query(rq, g.e, rq->params[1], rq->query, &g.q, err));
    int rc = run_read(&g, err);
    if (rc == -(int)ERR_NOT_ACCEPTABLE && g.wish.format == FORMAT_OBJECT)
        return record_not_there(g.e, rq->params[1], err);
    TRY(rc);
    if (!g.result.rows) return record_not_there(g.e, rq->params[1], err);
    record_etag(rq, g.result.rev);
    Str none = rq->header(rq, "If-None-Match");
    if (none.n && str_eq(none, str_fmt(rq->arena, "\"%lld\"", (long long)g.result.rev))) {
        buf_clear(&rq->out);
        rq->status = 304;
    }
    rq->content_type =
        g.wish.format == FORMAT_OBJECT ? "application/json; charset=utf-8" : record_media[g.wish.format];
    return 0;
}

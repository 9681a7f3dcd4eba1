/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Writes of /api/records: inserts, changes and deletions, of one record or of all that a filter selects, each
   request one transaction.
 */
#include "model/record_http.h"
#include "model/record_http_int.h"

#include "base/clock.h"
#include "model/city.h"
#include "model/query_int.h"
#include "model/record_int.h"

typedef struct Write {
    Request *rq;
    const Entity *e;
    Wish wish;
    Bodies bodies;
    Query *q;    /* which records (PATCH, DELETE) */
    FieldSet on; /* on_conflict */
    Str id;      /* a single record by URL */
    int64_t if_rev;
    Str *ids; /* written */
    size_t n_ids, cap_ids;
    Str first_id;
    int64_t rev;
    bool undone;
} Write;

/* If-Match: "REV" → REV; absent or * → 0; anything else can match nothing → -1. */
static int64_t if_match(const Request *rq)
{
    Str s = str_trim(rq->header(rq, "If-Match"));
    int64_t rev;
    if (!s.n || str_is(s, "*")) return 0;
    if (str_starts(s, S("W/"))) s = str_from(s, 2);
    if (s.n > 2 && s.p[0] == '"' && str_int(str_n(s.p + 1, s.n - 2), &rev) && rev > 0) return rev;
    return INT64_MAX;
}

static Writer writer_of(const Write *wr, Tx *tx, Arena *a)
{
    return (Writer){a, wr->rq->city->model, tx, wr->rq->who, wr->rq->trace, clock_now_us(), false};
}

/* The written records as the reader may see them. */
static int represent(Write *wr, Tx *tx, Arena *a, Err *err)
{
    QueryCtx c = record_ctx(wr->rq, a);
    Query *q;
    ReadResult r;
    Str select = request_param(wr->rq, "select");
    buf_clear(&wr->rq->out);
    Actor who = *wr->rq->who;
    who.purpose = S("");
    c.who = &who;
    if (!access_any(&who, wr->e, OP_READ)) return 0;
    TRY(query_parse(&c, wr->e, S(""), &q, err));
    if (select.n) {
        q->n_picks = 0;
        TRY(query_select_text(&c, q, select, err));
    }
    Val *vals = ARENA_ARRAY(a, Val, wr->n_ids + 1);
    for (size_t i = 0; i < wr->n_ids; i++) TRY(record_id(a, wr->e, wr->ids[i], &vals[i], err));
    if (!wr->n_ids && wr->wish.format == FORMAT_JSON) return buf_adds(&wr->rq->out, "[]"), 0;
    query_and_in(&c, q, entity_id(wr->e), vals, wr->n_ids);
    TRY(record_read(&c, tx, q, wr->wish.format, false, &wr->rq->out, &r, err));
    wr->rev = r.rev;
    return 0;
}

static void wrote(Write *wr, Arena *a, Str id)
{
    *ARENA_PUSH(a, wr->ids, wr->n_ids, wr->cap_ids) = id;
    if (wr->n_ids == 1) wr->first_id = str_dup(wr->rq->arena, id);
}

static void begin_attempt(Write *wr)
{
    wr->ids = NULL;
    wr->n_ids = wr->cap_ids = 0;
    buf_clear(&wr->rq->out);
}

static int end_attempt(Write *wr, Tx *tx, Arena *a, Err *err)
{
    if (wr->wish.representation) TRY(represent(wr, tx, a, err));
    wr->ids = NULL; /* they live in the attempt's arena */
    return wr->wish.rollback ? TX_UNDO : 0;
}

static int insert_tx(Tx *tx, void *p, Err *err)
{
    Write *wr = p;
    _cleanup_arena_ Arena *a = arena_new();
    Writer w = writer_of(wr, tx, a);
    begin_attempt(wr);
    for (size_t i = 0; i < wr->bodies.n; i++) {
        Input in =
            wr->bodies.items[i]; /* the arrays are filled with defaults in place: give each attempt its own */
        const Entity *e = wr->e;
        Input own = input_new(a, e);
        memcpy(own.vals, in.vals, e->n * sizeof *in.vals);
        memcpy(own.lists, in.lists, e->n * sizeof *in.lists);
        memcpy(own.set, in.set, e->n * sizeof *in.set);
        own.id = in.id;
        Str id;
        char did;
        if (record_upsert(&w, e, &own, &wr->on, wr->wish.conflict, &id, &did, err) < 0)
            return record_at_row(&wr->bodies, i, err);
        wrote(wr, a, id);
    }
    return end_attempt(wr, tx, a, err);
}

static int run_write(Write *wr, TxFn fn, Err *err)
{
    int rc = store_tx(wr->rq->city->store, "records", fn, wr, err);
    wr->undone = rc == TX_UNDO;
    return wr->undone ? 0 : rc;
}

/* on_conflict=a,b, or the key. */
static int conflict_fields(Request *rq, const Entity *e, FieldSet *ret, Err *err)
{
    Str list = request_param(rq, "on_conflict"), part;
    size_t cap = 0;
    if (!list.n) {
        *ARENA_PUSH(rq->arena, ret->items, ret->n, cap) = entity_id(e);
        return 0;
    }
    while (str_split(&list, ',', &part)) {
        const Field *f;
        TRY(query_field(e, str_trim(part), "on_conflict", &f, err));
        if (f->storage >= STORE_GEO)
            return err_set(err, ERR_INPUT, "不能按 “" STR_FMT "” 判断重复", STR_ARG(f->name)),
                   err_pointer(err, "on_conflict");
        *ARENA_PUSH(rq->arena, ret->items, ret->n, cap) = f;
    }
    return 0;
}

static void answer_written(Write *wr, int status)
{
    Request *rq = wr->rq;
    rq->status = status;
    rq->content_type = record_media[wr->wish.format];
    if (!wr->wish.representation) buf_clear(&rq->out);
    if (wr->undone) request_header(rq, "Preference-Applied", S("tx=rollback"));
}

int records_post(Request *rq, Err *err)
{
    Write wr = {.rq = rq};
    Access access;
    TRY(record_find_entity(rq, &wr.e, err));
    TRY(record_wish(rq, &wr.wish, err));
    TRY(access_check(rq->who, wr.e, OP_CREATE, &access, err));
    TRY(conflict_fields(rq, wr.e, &wr.on, err));
    TRY(record_bodies(rq, wr.e, &wr.bodies, err));
    TRY(record_keep_columns(rq, wr.e, &wr.bodies, err));
    TRY(run_write(&wr, insert_tx, err));
    if (wr.bodies.n == 1)
        request_header(rq, "Location",
                       str_fmt(rq->arena, "/api/records/" STR_FMT "/" STR_FMT, STR_ARG(wr.e->name),
                               STR_ARG(wr.first_id)));
    request_header(rq, "Content-Range", str_fmt(rq->arena, "*/%zu", wr.bodies.n));
    answer_written(&wr, 201);
    return 0;
}

/* The ids that a filter selects among those the actor may write. */
static int selected_ids(Write *wr, Tx *tx, Arena *a, Op op, Val **ret, size_t *ret_n, Err *err)
{
    QueryCtx c = record_ctx(wr->rq, a);
    Query q = *wr->q;
    Build b;
    Rows *rows;
    int rc;
    size_t cap = 0;
    TRY(access_check(wr->rq->who, wr->e, op, &q.access, err));
    build_init(&b, a, tx_dialect(tx));
    build_add(&b, "select ");
    build_column(&b, "t", entity_id(wr->e));
    build_add(&b, " from ");
    build_name(&b, wr->e->name);
    build_add(&b, " t");
    query_where(&c, &b, "t", &q);
    build_addf(&b, " order by 1 limit %d", BULK_MAX + 1);
    TRY(build_check(&b, err));
    Sql sql = build_sql(&b, "model.selected");
    TRY(tx_query(tx, a, &sql, b.args, b.n, &rows, err));
    while ((rc = rows_next(rows, err)) > 0) {
        Val v = rows_val(rows, 0);
        if (v.kind == VAL_TEXT) v.s = str_dup(a, v.s);
        *ARENA_PUSH(a, *ret, *ret_n, cap) = v;
    }
    rows_done(rows);
    TRY(rc);
    if (*ret_n > BULK_MAX)
        return err_set(err, ERR_TOO_LARGE, "条件选中的记录超过 %d 条", BULK_MAX),
               err_hint(err, "缩小条件，分几次");
    return 0;
}

static Str id_text(Arena *a, Val v) { return v.kind == VAL_INT ? str_fmt(a, "%lld", (long long)v.i) : v.s; }

static int patch_tx(Tx *tx, void *p, Err *err)
{
    Write *wr = p;
    _cleanup_arena_ Arena *a = arena_new();
    Writer w = writer_of(wr, tx, a);
    Val *ids = NULL;
    size_t n = 0;
    bool changed;
    begin_attempt(wr);
    TRY(selected_ids(wr, tx, a, OP_UPDATE, &ids, &n, err));
    for (size_t i = 0; i < n; i++) {
        TRY(record_update(&w, wr->e, ids[i], &wr->bodies.items[0], wr->if_rev, &changed, err));
        wrote(wr, a, id_text(a, ids[i]));
    }
    if (wr->id.n && !n) return record_not_there(wr->e, wr->id, err);
    return end_attempt(wr, tx, a, err);
}

static int delete_tx(Tx *tx, void *p, Err *err)
{
    Write *wr = p;
    _cleanup_arena_ Arena *a = arena_new();
    Writer w = writer_of(wr, tx, a);
    Val *ids = NULL;
    size_t n = 0;
    begin_attempt(wr);
    TRY(selected_ids(wr, tx, a, OP_DELETE, &ids, &n, err));
    for (size_t i = 0; i < n; i++) wrote(wr, a, id_text(a, ids[i]));
    if (wr->wish.representation) TRY(represent(wr, tx, a, err)); /* as they were */
    for (size_t i = 0; i < n; i++) TRY(record_delete(&w, wr->e, ids[i], wr->if_rev, err));
    if (wr->id.n && !n) return record_not_there(wr->e, wr->id, err);
    return wr->wish.rollback ? TX_UNDO : 0;
}

static int begin_write(Request *rq, Write *wr, Op op, Err *err)
{
    Access access;
    TRY(record_find_entity(rq, &wr->e, err));
    TRY(record_wish(rq, &wr->wish, err));
    TRY(access_check(rq->who, wr->e, op, &access, err));
    wr->rq = rq;
    return 0;
}

/* Conditions of a write are checked as those of a read; no condition at all is refused. */
static int write_filter(Request *rq, Write *wr, Err *err)
{
    QueryCtx c = record_ctx(rq, rq->arena);
    TRY(query_parse(&c, wr->e, rq->query, &wr->q, err));
    for (size_t i = 0; i < wr->q->n_picks; i++)
        if (wr->q->aggregate) return err_set(err, ERR_INPUT, "写入时不能统计"), err_pointer(err, "select");
    if (query_has_filter(wr->q)) return 0;
    return err_set(err, ERR_INPUT, "没有写条件：不能一次改动全部记录"), err_hint(err, "例如 ?code=eq.A-01");
}

static int one_body(Request *rq, Write *wr, Err *err)
{
    TRY(record_bodies(rq, wr->e, &wr->bodies, err));
    TRY(record_keep_columns(rq, wr->e, &wr->bodies, err));
    if (wr->bodies.n != 1) return err_set(err, ERR_INPUT, "修改时只写一个 { \"字段\": 值 }");
    return 0;
}

static int answer_many(Write *wr, Err *err)
{
    (void)err;
    request_header(wr->rq, "Content-Range",
                   wr->n_ids ? str_fmt(wr->rq->arena, "0-%zu/*", wr->n_ids - 1) : S("*/*"));
    answer_written(wr, wr->wish.representation ? 200 : 204);
    return 0;
}

int records_patch(Request *rq, Err *err)
{
    Write wr = {0};
    TRY(begin_write(rq, &wr, OP_UPDATE, err));
    TRY(write_filter(rq, &wr, err));
    TRY(one_body(rq, &wr, err));
    TRY(run_write(&wr, patch_tx, err));
    return answer_many(&wr, err);
}

int records_delete(Request *rq, Err *err)
{
    Write wr = {0};
    TRY(begin_write(rq, &wr, OP_DELETE, err));
    TRY(write_filter(rq, &wr, err));
    TRY(run_write(&wr, delete_tx, err));
    return answer_many(&wr, err);
}

int record_patch(Request *rq, Err *err)
{
    Write wr = {0};
    TRY(begin_write(rq, &wr, OP_UPDATE, err));
    wr.id = rq->params[1];
    wr.if_rev = if_match(rq);
    TRY(record_one_query(rq, wr.e, wr.id, S(""), &wr.q, err));
    TRY(one_body(rq, &wr, err));
    wr.wish.representation = !record_wishes(rq->header(rq, "Prefer"), "return=minimal");
    if (wr.wish.format == FORMAT_JSON) wr.wish.format = FORMAT_OBJECT;
    TRY(run_write(&wr, patch_tx, err));
    if (wr.rev) record_etag(rq, wr.rev);
    answer_written(&wr, wr.wish.representation ? 200 : 204);
    if (wr.wish.format == FORMAT_OBJECT) rq->content_type = "application/json; charset=utf-8";
    return 0;
}

int record_delete_one(Request *rq, Err *err)
{
    Write wr = {0};
    TRY(begin_write(rq, &wr, OP_DELETE, err));
    wr.id = rq->params[1];
    wr.if_rev = if_match(rq);
    TRY(record_one_query(rq, wr.e, wr.id, S(""), &wr.q, err));
    TRY(run_write(&wr, delete_tx, err));
    answer_written(&wr, 204);
    buf_clear(&rq->out);
    return 0;
}

/* SPDX-License-Identifier: MulanPSL-2.0 */
/* The journal's entries on people, and the small things that every file of this room needs. */
#include "people/people_int.h"

#include "base/clock.h"
#include "base/sm.h"
#include "people_sql.h"

static Str facts_json(Arena *a, const Fact *facts)
{
    Buf b;
    JsonWriter w;
    if (!facts) return S("");
    buf_init(&b, 1 << 16);
    jw_init(&w, &b);
    jw_object(&w);
    for (; facts->name; facts++) jw_kstr(&w, facts->name, facts->text);
    jw_object_end(&w);
    Str s = buf_dup(a, &b);
    buf_done(&b);
    return s;
}

int note(Deed *d, const char *entity, Str id, const char *op, const Fact *before, const Fact *after, Err *err)
{
    JournalEntry e = {.at_us = d->now,
                      .actor = d->who->user,
                      .behalf = d->who->behalf,
                      .purpose = d->who->purpose,
                      .trace = d->trace,
                      .entity = str_c(entity),
                      .record = id,
                      .op = str_c(op),
                      .before = facts_json(d->a, before),
                      .after = facts_json(d->a, after)};
    return journal_add(d->tx, &e, err);
}

Str new_id(Arena *a)
{
    uint8_t bytes[16];
    random_bytes(bytes, sizeof bytes);
    return hex_encode(a, str_n((char *)bytes, sizeof bytes));
}

Str new_token(Arena *a)
{
    uint8_t bytes[32];
    random_bytes(bytes, sizeof bytes);
    return base64url_encode(a, str_n((char *)bytes, sizeof bytes));
}

int moment(Str s, bool end, const char *name, int64_t *ret, Err *err)
{
    Date d;
    *ret = 0;
    if (!s.n) return 0;
    if (s.n == DATE_SIZE - 1) {
        if (date_parse(s, &d, err) < 0) return err_pointer(err, "/%s", name);
        *ret = clock_from_china(d, (TimeOfDay){0}, 0) + (end ? US_PER_DAY : 0);
        return 0;
    }
    return clock_parse(s, ret, err) < 0 ? err_pointer(err, "/%s", name) : 0;
}

Str moment_text(Arena *a, int64_t at) { return at ? clock_str(a, at) : S(""); }

StrList comma_split(Arena *a, Str text)
{
    StrList list = {0};
    size_t cap = 0;
    Str part;
    while (str_split(&text, ',', &part))
        if (part.n) *ARENA_PUSH(a, list.items, list.n, cap) = part;
    return list;
}

Str comma_join(Arena *a, const StrList *list)
{
    Str s = S("");
    for (size_t i = 0; i < list->n && i < LIST_MAX; i++)
        s = str_fmt(a, STR_FMT "%s" STR_FMT, STR_ARG(s), i ? "," : "", STR_ARG(list->items[i]));
    return s;
}

int user_exists(Deed *d, Str user, const char *pointer, Err *err)
{
    Val v;
    int rc = tx_one(d->tx, d->a, &sql_people_user_get, VALS(V_TEXT(user)), &v, err);
    if (rc != -(int)ERR_NOT_FOUND) return rc;
    err_set(err, ERR_NOT_FOUND, "没有用户 “" STR_FMT "”", STR_ARG(user));
    err_hint(err, "写已有用户的登录名");
    return err_pointer(err, "/%s", pointer);
}

int not_oneself(const Deed *d, Str user, Err *err)
{
    if (!str_eq(d->who->user, user)) return 0;
    err_set(err, ERR_FORBIDDEN, "不能改自己的权限和账号");
    return err_hint(err, "请另一位管理员办理");
}

Deed deed_of(Request *rq, Tx *tx)
{
    return (Deed){rq->city, rq->arena, tx, rq->who, rq->trace, clock_now_us()};
}

int body_decode(Request *rq, const JsonField *spec, void *dst, json_t **ret_body, Err *err)
{
    json_t *body;
    TRY(json_parse(rq->arena, rq->body, &body, err));
    if (ret_body) *ret_body = body;
    return json_decode(rq->arena, body, spec, dst, err);
}

void answer_id(Request *rq, int status, Str id)
{
    JsonWriter w;
    jw_init(&w, &rq->out);
    jw_object(&w);
    jw_kstr(&w, "id", id);
    jw_object_end(&w);
    rq->status = status;
}

/* --- lists --- */

typedef struct Listing {
    Request *rq;
    const Sql *sql;
    const Val *args;
    size_t n;
    const ColKind *kinds;
} Listing;

static void cell_json(JsonWriter *w, Arena *a, const Rows *r, int col, ColKind kind)
{
    Str text = rows_text(r, a, col);
    jw_key(w, str_c(rows_name(r, col)));
    if (kind == COL_TIME && !rows_int(r, col)) return jw_null(w);
    if (kind == COL_TIME) return jw_str(w, clock_str(a, rows_int(r, col)));
    if (kind == COL_BOOL) return jw_bool(w, rows_int(r, col) != 0);
    if (kind == COL_INT) return jw_int(w, rows_int(r, col));
    if (kind == COL_JSON) return jw_raw(w, text);
    if (kind == COL_TEXT) return jw_str(w, text);
    StrList list = comma_split(a, text);
    jw_array(w);
    for (size_t i = 0; i < list.n; i++) jw_str(w, list.items[i]);
    jw_array_end(w);
}

static int list_tx(Tx *tx, void *p, Err *err)
{
    Listing *l = p;
    Rows *rows;
    JsonWriter w;
    int rc;
    TRY(tx_query(tx, l->rq->arena, l->sql, l->args, l->n, &rows, err));
    buf_clear(&l->rq->out);
    jw_init(&w, &l->rq->out);
    jw_array(&w);
    while ((rc = rows_next(rows, err)) > 0) {
        jw_object(&w);
        for (int i = 0; i < rows_count(rows); i++) cell_json(&w, l->rq->arena, rows, i, l->kinds[i]);
        jw_object_end(&w);
    }
    jw_array_end(&w);
    rows_done(rows);
    return rc;
}

int list_answer(Request *rq, const Sql *sql, const Val *args, size_t n, const ColKind *kinds, Err *err)
{
    Listing l = {rq, sql, args, n, kinds};
    return store_read(rq->city->store, "list", list_tx, &l, err);
}

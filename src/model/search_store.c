/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * The tables of words. SQLite: _find_E gives a record the number of its document, _fts_E is an FTS5 index
 * without content and without positions (detail=none): only which documents have a token. A changed record
 * gets a new number and its old document is no record's any more; nothing is ever deleted from the index.
 * PostgreSQL: _find_E holds the tokens as a tsvector under a GIN index, which is made when all are in.
 */
#include "model/search_int.h"

#include "model/ddl.h"
#include "model/record.h"
#include "search_sql.h"

enum {
    DOC_TOKENS_MAX = 900000, /* bytes; a tsvector holds 1 MB */
    LOOK_EVERY = 50000,      /* documents */
};

static Str find_name(Arena *a, Str entity) { return str_fmt(a, "_find_" STR_FMT, STR_ARG(entity)); }
static Str fts_name(Arena *a, Str entity) { return str_fmt(a, "_fts_" STR_FMT, STR_ARG(entity)); }

/* --- what is remembered
 * --------------------------------------------------------------------------------------- */

int search_state(Tx *tx, Arena *a, Str entity, SearchState *ret, Err *err)
{
    Rows *r;
    *ret = (SearchState){0};
    TRY(tx_query(tx, a, &sql_search_entity_get, VALS(V_TEXT(entity)), &r, err));
    int rc = rows_next(r, err);
    if (rc > 0)
        *ret = (SearchState){true,  rows_int(r, 1) != 0, rows_text(r, a, 0),
                             S(""), rows_int(r, 2),      rows_int(r, 3)};
    rows_done(r);
    return rc < 0 ? rc : 0;
}

/* --- tables
 * --------------------------------------------------------------------------------------------------- */

static int run(Tx *tx, Build *b, Err *err)
{
    TRY(build_check(b, err));
    return tx_script(tx, build_sql(b, "search.ddl").text[b->d], err);
}

int search_drop(Tx *tx, Arena *a, Str entity, Err *err)
{
    Build b;
    build_init(&b, a, tx_dialect(tx));
    build_add(&b, "drop table if exists ");
    build_name(&b, find_name(a, entity));
    if (b.d == DIALECT_SQLITE) {
        build_add(&b, ";\ndrop table if exists ");
        build_name(&b, fts_name(a, entity));
    }
    return run(tx, &b, err);
}

int search_create(Tx *tx, Arena *a, const Entity *e, Err *err)
{
    Build b;
    const char *type = ddl_column_type(a, entity_id(e), tx_dialect(tx));
    TRY(search_drop(tx, a, e->name, err));
    build_init(&b, a, tx_dialect(tx));
    build_add(&b, "create table ");
    build_name(&b, find_name(a, e->name));
    if (b.d == DIALECT_POSTGRES) {
        build_addf(&b, " (\"record\" %s not null primary key, \"words\" tsvector not null)", type);
        return run(tx, &b, err);
    }
    build_addf(&b, " (\"doc\" integer not null primary key, \"record\" %s not null unique);\n", type);
    build_add(&b, "create virtual table ");
    build_name(&b, fts_name(a, e->name));
    build_add(&b, " using fts5(words, content='', columnsize=0, detail=none, tokenize='ascii')");
    return run(tx, &b, err);
}

int search_finish(Tx *tx, Arena *a, const Entity *e, Err *err)
{
    Build b;
    if (tx_dialect(tx) != DIALECT_POSTGRES) return 0;
    build_init(&b, a, DIALECT_POSTGRES);
    Str name = find_name(a, e->name);
    build_add(&b, "create index ");
    build_name(&b, str_fmt(a, STR_FMT "__ix", STR_ARG(name)));
    build_add(&b, " on ");
    build_name(&b, name);
    build_add(&b, " using gin (\"words\")");
    return run(tx, &b, err);
}

/* --- documents
 * ------------------------------------------------------------------------------------------------ */

/* A field's text, cut where the search ends: long ones are not read whole. */
static void text_column(Build *b, const Field *f)
{
    build_add(b, "substr(");
    build_column(b, "t", f);
    build_addf(b, ", 1, %d)", SEARCH_FIELD_MAX);
}

static void docs_sql(Build *b, const Shape *s, const Val *ids, size_t n_ids, Val after, size_t limit)
{
    const Field *id = entity_id(s->e);
    build_add(b, "select ");
    build_column(b, "t", id);
    for (size_t i = 0; i < s->fields.n; i++) {
        build_add(b, ", ");
        text_column(b, s->fields.items[i]);
    }
    build_add(b, " from ");
    build_name(b, s->e->name);
    build_add(b, " t");
    if (n_ids || after.kind != VAL_NULL) {
        build_add(b, " where ");
        build_column(b, "t", id);
        build_add(b, n_ids ? " in (" : " > ");
        for (size_t i = 0; i < n_ids; i++) {
            if (i) build_add(b, ", ");
            build_arg(b, ids[i]);
        }
        if (!n_ids) build_arg(b, after);
        if (n_ids) build_add(b, ")");
    }
    if (n_ids) return;
    build_add(b, " order by ");
    build_column(b, "t", id);
    build_addf(b, " limit %zu", limit);
}

int search_docs(Tx *tx, Arena *a, const Shape *s, const Val *ids, size_t n_ids, Val after, size_t limit,
                Doc **ret, size_t *ret_n, Err *err)
{
    Build b;
    Rows *r;
    Buf tokens;
    size_t cap = 0;
    int rc;
    *ret = NULL, *ret_n = 0;
    build_init(&b, a, tx_dialect(tx));
    docs_sql(&b, s, ids, n_ids, after, limit);
    TRY(build_check(&b, err));
    Sql sql = build_sql(&b, "search.docs");
    TRY(tx_query(tx, a, &sql, b.args, b.n, &r, err));
    buf_init(&tokens, DOC_TOKENS_MAX);
    while ((rc = rows_next(r, err)) > 0) {
        _cleanup_arena_ Arena *scratch = arena_new();
        Doc *d = ARENA_PUSH(a, *ret, *ret_n, cap);
        d->id = rows_val(r, 0);
        if (d->id.kind >= VAL_TEXT) d->id.s = str_dup(a, d->id.s);
        buf_clear(&tokens);
        for (size_t i = 0; i < s->fields.n; i++) {
            Val v = rows_val(r, (int)i + 1);
            if (v.kind != VAL_TEXT) continue;
            search_tokens(scratch, v.s, search_is_name(s->fields.items[i]), &tokens);
        }
        Str all = buf_str(&tokens); /* whole tokens only */
        if (tokens.over)
            while (all.n && all.p[all.n - 1] != ' ') all.n--;
        tokens.over = false;
        d->tokens = str_dup(a, str_trim(all));
    }
    buf_done(&tokens);
    rows_done(r);
    return rc;
}

static int put_lite(Tx *tx, const Sql *find, const Sql *fts, const Doc *d, int64_t no, Err *err)
{
    TRY(tx_exec(tx, find, VALS(V_INT(no), d->id), NULL, err));
    return tx_exec(tx, fts, VALS(V_INT(no), V_TEXT(d->tokens)), NULL, err);
}

int search_put(Tx *tx, Arena *a, const Entity *e, const Doc *docs, size_t n, int64_t *next, Err *err)
{
    bool lite = tx_dialect(tx) == DIALECT_SQLITE;
    Str find = find_name(a, e->name), fts = fts_name(a, e->name);
    const char *text = lite ? str_fmt(a,
                                      "insert into \"" STR_FMT "\" (\"doc\", \"record\") values ($1, $2) "
                                      "on conflict (\"record\") do update set \"doc\" = excluded.\"doc\"",
                                      STR_ARG(find))
                                  .p
                            : str_fmt(a,
                                      "insert into \"" STR_FMT "\" (\"record\", \"words\") values ($1, "
                                      "array_to_tsvector(string_to_array($2, ' '))) "
                                      "on conflict (\"record\") do update set \"words\" = excluded.\"words\"",
                                      STR_ARG(find))
                                  .p;
    const char *words =
        str_fmt(a, "insert into \"" STR_FMT "\" (rowid, words) values ($1, $2)", STR_ARG(fts)).p;
    Sql one = {"search.put", {text, text}}, two = {"search.put_words", {words, words}};
    for (size_t i = 0; i < n; i++)
        if (lite)
            TRY(put_lite(tx, &one, &two, &docs[i], (*next)++, err));
        else
            TRY(tx_exec(tx, &one, VALS(docs[i].id, V_TEXT(docs[i].tokens)), NULL, err));
    return 0;
}

int search_worn(Tx *tx, Arena *a, const Entity *e, int64_t before, int64_t next, bool *ret, Err *err)
{
    Build b;
    Val live;
    *ret = false;
    if (tx_dialect(tx) != DIALECT_SQLITE || before / LOOK_EVERY == next / LOOK_EVERY) return 0;
    build_init(&b, a, DIALECT_SQLITE);
    build_add(&b, "select count(*) from ");
    build_name(&b, find_name(a, e->name));
    Sql sql = build_sql(&b, "search.live");
    TRY(tx_one(tx, a, &sql, NULL, 0, &live, err));
    *ret = next > 2 * live.i + LOOK_EVERY;
    return 0;
}

int search_forget(Tx *tx, Arena *a, const Entity *e, Val id, Err *err)
{
    Build b;
    build_init(&b, a, tx_dialect(tx));
    build_add(&b, "delete from ");
    build_name(&b, find_name(a, e->name));
    build_add(&b, " where \"record\" = ");
    build_arg(&b, id);
    Sql sql = build_sql(&b, "search.forget");
    return tx_exec(tx, &sql, b.args, b.n, NULL, err);
}

/* --- what the index proposes
 * ---------------------------------------------------------------------------------- */

void search_ids_sql(Build *b, const Entity *e, Str match, size_t limit)
{
    build_add(b, "select d.\"record\" from ");
    if (b->d == DIALECT_POSTGRES) {
        build_name(b, find_name(b->a, e->name));
        build_add(b, " d where d.\"words\" @@ cast(");
        build_arg(b, V_TEXT(match));
        build_add(b, " as tsquery)");
    } else {
        build_name(b, fts_name(b->a, e->name));
        build_add(b, " f cross join ");
        build_name(b, find_name(b->a, e->name));
        build_add(b, " d on d.\"doc\" = f.rowid where f.");
        build_name(b, fts_name(b->a, e->name)); /* the table itself: there is but one column */
        build_add(b, " match ");
        build_arg(b, V_TEXT(match));
    }
    if (limit) build_addf(b, " limit %zu", limit);
}

void search_docs_sql(Build *b, const Entity *e, Str match, size_t limit)
{
    build_add(b, "select rowid from ");
    build_name(b, fts_name(b->a, e->name));
    build_add(b, " where ");
    build_name(b, fts_name(b->a, e->name));
    build_add(b, " match ");
    build_arg(b, V_TEXT(match));
    build_addf(b, " limit %zu", limit);
}

void search_docs_ids_sql(Build *b, const Entity *e, Str docs)
{
    build_add(b, "select d.\"record\" from json_each(");
    build_arg(b, V_TEXT(docs));
    build_add(b, ") j cross join ");
    build_name(b, find_name(b->a, e->name));
    build_add(b, " d on d.\"doc\" = j.value");
}

int search_size(Tx *tx, Arena *a, const Entity *e, Val *ret, Err *err)
{
    Build b;
    build_init(&b, a, tx_dialect(tx));
    build_add(&b, "select coalesce(max(\"doc\"), 0) from ");
    build_name(&b, find_name(a, e->name));
    Sql sql = build_sql(&b, "search.size");
    return tx_one(tx, a, &sql, NULL, 0, ret, err);
}

int search_plain_plan(Tx *tx, Err *err)
{
    if (tx_dialect(tx) != DIALECT_POSTGRES) return 0;
    return tx_script(tx,
                     "set local plan_cache_mode = force_custom_plan; set local enable_seqscan = off; "
                     "set local enable_hashjoin = off; set local enable_mergejoin = off",
                     err);
}

void search_from_sql(Build *b, const Entity *e, Str match)
{
    build_add(b, " from (");
    search_ids_sql(b, e, match, 0);
    build_add(b, b->d == DIALECT_POSTGRES ? ") m join " : ") m cross join ");
    build_name(b, e->name);
    build_add(b, " t on ");
    build_column(b, "t", entity_id(e));
    build_add(b, " = m.\"record\" where 1 = 1");
}

int search_pending(Tx *tx, Arena *a, const Entity *e, size_t max, Val **ret, size_t *ret_n, Err *err)
{
    Val seq;
    Rows *r;
    size_t cap = 0;
    int rc;
    *ret = NULL, *ret_n = 0;
    TRY(tx_one(tx, a, &sql_search_cursor_get, NULL, 0, &seq, err));
    TRY(tx_query(tx, a, &sql_search_pending, VALS(V_TEXT(e->name), seq, V_INT((int64_t)max + 1)), &r, err));
    while ((rc = rows_next(r, err)) > 0) {
        Val id;
        if (record_id(a, e, rows_text(r, a, 0), &id, NULL) < 0) continue;
        *ARENA_PUSH(a, *ret, *ret_n, cap) = id;
    }
    rows_done(r);
    return rc;
}

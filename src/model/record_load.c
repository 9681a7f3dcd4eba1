/* SPDX-License-Identifier: MulanPSL-2.0 */
/* One stored record with all its values, before it is changed. */
#include "model/record_int.h"

#include "model/vault.h"

static int load_links(Writer *w, const Entity *e, Val id, Stored *s, Err *err)
{
    for (size_t i = 0; i < e->n; i++) {
        const Field *f = &e->fields[i];
        size_t cap = 0;
        Rows *rows;
        int rc;
        if (f->storage != STORE_LINK) continue;
        Build b;
        build_init(&b, w->a, tx_dialect(w->tx));
        build_add(&b, "select \"target\" from ");
        build_name(&b, f->link);
        build_add(&b, " where \"owner\" = ");
        build_arg(&b, id);
        build_add(&b, " order by \"pos\"");
        Sql sql = build_sql(&b, "model.links");
        TRY(tx_query(w->tx, w->a, &sql, b.args, b.n, &rows, err));
        StrList *list = &s->in.lists[i];
        while ((rc = rows_next(rows, err)) > 0)
            *ARENA_PUSH(w->a, list->items, list->n, cap) = rows_text(rows, w->a, 0);
        rows_done(rows);
        TRY(rc);
        s->in.set[i] = true;
    }
    return 0;
}

void record_columns(Build *b, const Entity *e)
{
    for (size_t i = 0; i < e->n; i++) {
        if (e->fields[i].storage == STORE_LINK) continue;
        build_add(b, ", ");
        build_column(b, "t", &e->fields[i]);
    }
}

int record_columns_take(Arena *a, const Entity *e, const Rows *rows, int col, Input *ret, Err *err)
{
    for (size_t i = 0; i < e->n; i++) {
        if (e->fields[i].storage == STORE_LINK) continue;
        Val v = rows_val(rows, col++);
        if (v.kind >= VAL_TEXT) v.s = str_dup(a, v.s);
        TRY(vault_out(a, &e->fields[i], v, &ret->vals[i], err));
        ret->set[i] = true;
    }
    return 0;
}

int record_load(Writer *w, const Entity *e, Val id, const Access *access, Stored *ret, Err *err)
{
    Build b;
    Rows *rows;
    build_init(&b, w->a, tx_dialect(w->tx));
    build_add(&b, "select ");
    build_column(&b, "t", &e->sys[SYS_REV]);
    build_add(&b, ", ");
    build_column(&b, "t", entity_id(e));
    record_columns(&b, e);
    build_from_one(&b, e, id);
    if (access) access_where(&b, "t", w->who, e, access);
    Sql sql = build_sql(&b, "model.load");
    TRY(tx_query(w->tx, w->a, &sql, b.args, b.n, &rows, err));
    int rc = rows_next(rows, err);
    if (rc == 0) err_set(err, ERR_NOT_FOUND, "没有这条" STR_FMT, STR_ARG(e->title));
    if (rc <= 0) return rows_done(rows), rc ? rc : -(int)ERR_NOT_FOUND;
    *ret = (Stored){input_new(w->a, e), rows_text(rows, w->a, 1), rows_int(rows, 0)};
    TRY(record_columns_take(w->a, e, rows, 2, &ret->in, err));
    rows_done(rows);
    return load_links(w, e, id, ret, err);
}

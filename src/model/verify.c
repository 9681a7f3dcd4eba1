/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * Order: the journal itself; every record is what the journal says; every reference leads to a record; every
 * file's content is there and has the digest that names it.
 */
#include "model/verify.h"

#include "model/blobs.h"
#include "model/cube.h"
#include "model/verify_int.h"

typedef struct Check {
    Store *store;
    const Model *m;
    Arena *a;
    Verified *ret;
} Check;

static int first_bad(Tx *tx, Arena *a, Build *b, Str *ret, Err *err)
{
    Val v;
    Sql sql = build_sql(b, "model.verify");
    int rc = tx_one(tx, a, &sql, b->args, b->n, &v, err);
    if (rc == -(int)ERR_NOT_FOUND) return 0;
    TRY(rc);
    *ret = v.kind == VAL_TEXT ? v.s : v.kind == VAL_INT ? str_fmt(a, "%lld", (long long)v.i) : S("?");
    return 1;
}

static int check_reference(Tx *tx, Check *c, const Field *f, Err *err)
{
    Build b;
    Str id;
    bool link = f->storage == STORE_LINK;
    build_init(&b, c->a, tx_dialect(tx));
    build_add(&b, "select cast(t.");
    build_name(&b, link ? S("owner") : entity_id(f->owner)->name);
    build_add(&b, " as text) from ");
    build_name(&b, link ? f->link : f->owner->name);
    build_add(&b, " t left join ");
    build_name(&b, f->to->name);
    build_add(&b, " o on o.");
    build_name(&b, entity_id(f->to)->name);
    build_add(&b, " = t.");
    build_name(&b, link ? S("target") : f->name);
    build_add(&b, " where t.");
    build_name(&b, link ? S("target") : f->name);
    build_add(&b, " is not null and o.");
    build_name(&b, entity_id(f->to)->name);
    build_add(&b, " is null limit 1");
    int rc = first_bad(tx, c->a, &b, &id, err);
    if (rc < 0) return rc;
    c->ret->references++;
    if (!rc) return 0;
    return err_set(err, ERR_VERIFY, STR_FMT " “" STR_FMT "” 的 " STR_FMT " 引用了不存在的 " STR_FMT,
                   STR_ARG(f->owner->name), STR_ARG(id), STR_ARG(f->name), STR_ARG(f->to->name));
}

static int check_blobs(Tx *tx, Check *c, Err *err)
{
    Rows *rows;
    int rc;
    TRY(blobs_named(tx, c->a, &rows, err));
    while ((rc = rows_next(rows, err)) > 0) {
        if (blob_verify(c->store, rows_text(rows, c->a, 0).p, err) < 0)
            return rows_done(rows), -(int)(err->code = ERR_VERIFY);
        c->ret->blobs++;
    }
    rows_done(rows);
    return rc;
}

static int check_tx(Tx *tx, void *p, Err *err)
{
    Check *c = p;
    JournalEntry *last;
    size_t n;
    c->ret->records = c->ret->references = c->ret->blobs = 0; /* a read may run twice */
    for (size_t i = 0; i < c->m->n_entities; i++) {
        const Entity *e = c->m->entities[i];
        int64_t records;
        TRY(verify_records(tx, e, &records, err));
        c->ret->records += records;
        TRY(cube_verify(tx, c->a, e, err));
        for (size_t j = 0; j < e->n; j++)
            if (e->fields[j].to) TRY(check_reference(tx, c, &e->fields[j], err));
    }
    TRY(check_blobs(tx, c, err));
    JournalFilter newest = {.newest_first = true, .limit = 1};
    TRY(journal_read(tx, c->a, &newest, &last, &n, err));
    c->ret->head = n ? last->seq : 0;
    c->ret->digest = n ? last->digest : S("");
    return 0;
}

int model_verify(Store *s, const Model *m, Arena *a, const Str *outside, size_t n, Verified *ret, Err *err)
{
    *ret = (Verified){0};
    Check c = {s, m, a, ret};
    TRY(seal_verify(s, outside, n, &ret->journal, err));
    return store_read_long(s, "verify", check_tx, &c, err);
}

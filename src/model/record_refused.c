/* SPDX-License-Identifier: MulanPSL-2.0 */
/* What the database refused, in the words of the entity. */
#include "model/record_int.h"

#include "model/value.h"

const Field *refused_field(const Entity *e, const Err *err)
{
    Str s = str_c(err->subject), table;
    if (!str_split(&s, '.', &table) || !s.n) return NULL;
    ptrdiff_t comma = str_find(s, ',');
    return entity_field(e, str_trim(comma < 0 ? s : str_n(s.p, (size_t)comma)));
}

int refused_unique(const Entity *e, Err *err)
{
    const Field *f = refused_field(e, err);
    bool several = strchr(err->subject, ',') != NULL;
    if (!f || (f->system && !e->key)) f = e->key;
    char subject[sizeof err->subject];
    memcpy(subject, err->subject, sizeof subject);
    if (f && f->system) f = entity_id(e);
    err_set(err, ERR_UNIQUE,
            several ? "“" STR_FMT "” 等几项的组合已有一条记录" : "已有 “" STR_FMT "” 相同的记录",
            STR_ARG(f ? f->title : e->title));
    err_hint(err, "改用其他值，或修改已有的记录");
    err_subject(err, "%s", subject);
    return f ? record_at(err, f) : -(int)ERR_UNIQUE;
}

int refused_missing(Writer *w, const Field *f, Val v, Err *err)
{
    err_set(err, ERR_REFERENCE, "“" STR_FMT "” 引用的" STR_FMT " “" STR_FMT "” 不存在", STR_ARG(f->title),
            STR_ARG(f->to->title), STR_ARG(value_text(w->a, f, v)));
    return record_at(err, f);
}

/* Which reference is missing? PostgreSQL tells; on SQLite each is looked up, and only after a failure. */
int refused_reference(Writer *w, const Entity *e, const Input *in, Err *err)
{
    for (size_t i = 0; i < e->n; i++) {
        const Field *f = &e->fields[i];
        if (!f->to || f->storage == STORE_LINK || !in->set[i] || in->vals[i].kind == VAL_NULL) continue;
        Build b;
        Val v;
        Err ignore;
        build_init(&b, w->a, tx_dialect(w->tx));
        build_add(&b, "select 1 from ");
        build_name(&b, f->to->name);
        build_add(&b, " where ");
        build_name(&b, entity_id(f->to)->name);
        build_add(&b, " = ");
        build_arg(&b, in->vals[i]);
        Sql sql = build_sql(&b, "model.exists");
        if (tx_one(w->tx, w->a, &sql, b.args, b.n, &v, &ignore) == 0) continue;
        return refused_missing(w, f, in->vals[i], err);
    }
    return err_set(err, ERR_REFERENCE, "引用的记录不存在");
}

/* Who still refers to this record? */
int refused_referred(Writer *w, const Entity *e, Val id, Err *err)
{
    for (size_t i = 0; i < w->m->n_entities; i++)
        for (size_t j = 0; j < w->m->entities[i]->n; j++) {
            const Field *f = &w->m->entities[i]->fields[j];
            Build b;
            Val v;
            Err ignore;
            if (f->to != e) continue;
            build_init(&b, w->a, tx_dialect(w->tx));
            build_add(&b, "select count(*) from ");
            build_name(&b, f->storage == STORE_LINK ? f->link : f->owner->name);
            build_add(&b, " where ");
            build_name(&b, f->storage == STORE_LINK ? S("target") : f->name);
            build_add(&b, " = ");
            build_arg(&b, id);
            Sql sql = build_sql(&b, "model.referrers");
            if (tx_one(w->tx, w->a, &sql, b.args, b.n, &v, &ignore) < 0 || v.kind != VAL_INT || !v.i)
                continue;
            err_set(err, ERR_REFERENCE, "不能删除：还有 %lld 条" STR_FMT "的 “" STR_FMT "” 引用它",
                    (long long)v.i, STR_ARG(f->owner->title), STR_ARG(f->title));
            return err_hint(err, "先修改或删除引用它的记录");
        }
    return err_set(err, ERR_REFERENCE, "不能删除：还有记录引用它");
}

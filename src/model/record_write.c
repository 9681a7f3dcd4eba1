/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * Insert, update, delete. The order is the same for all: permission, what is stored, values and computed
 * fields, rules, the statement, links, row policy on the outcome, journal. The journal's sequence number is
 * the record's revision.
 */
#include "model/record_int.h"

#include "base/clock.h"
#include "base/sm.h"
#include "model/value.h"
#include "model/vault.h"

int record_at(Err *err, const Field *f) { return err_pointer(err, "/" STR_FMT, STR_ARG(f->name)); }

/* UUID version 7 (RFC 9562 §5.7): sorts by time, so that new rows stand together in the index. */
static Str new_id(Arena *a, int64_t at_us)
{
    uint8_t b[16];
    uint64_t ms = (uint64_t)(at_us / 1000);
    random_bytes(b, sizeof b);
    for (int i = 0; i < 6; i++) b[i] = (uint8_t)(ms >> (40 - 8 * i));
    b[6] = (uint8_t)((b[6] & 0x0F) | 0x70);
    b[8] = (uint8_t)((b[8] & 0x3F) | 0x80);
    Str h = hex_encode(a, str_n((char *)b, 16));
    return str_fmt(a, "%.8s-%.4s-%.4s-%.4s-%.12s", h.p, h.p + 8, h.p + 12, h.p + 16, h.p + 20);
}

/* --- the journal
 * ------------------------------------------------------------------------------------------------ */

static int journal(Writer *w, const Entity *e, Str id, const char *op, int64_t seq, Str before, Str after,
                   Err *err)
{
    JournalEntry entry = {.seq = seq,
                          .at_us = w->at_us,
                          .actor = w->who->system && !w->who->user.n ? S("system") : w->who->user,
                          .behalf = w->who->behalf,
                          .purpose = w->who->purpose,
                          .trace = w->trace,
                          .entity = e->name,
                          .record = id,
                          .op = str_c(op),
                          .before = before,
                          .after = after};
    return journal_add(w->tx, &entry, err);
}

/* --- links
 * -------------------------------------------------------------------------------------------------------- */

static int target_val(Writer *w, const Field *f, Str text, Val *ret, Err *err)
{
    const Field *id = entity_id(f->to);
    if (id->storage == STORE_INT && value_from_text(w->a, id, text, ret, err) < 0) return record_at(err, f);
    if (id->storage != STORE_INT) *ret = V_TEXT(text);
    return 0;
}

static int write_link(Writer *w, const Field *f, Val owner, const StrList *list, bool fresh, Err *err)
{
    Build b;
    if (!fresh) {
        build_init(&b, w->a, tx_dialect(w->tx));
        build_add(&b, "delete from ");
        build_name(&b, f->link);
        build_add(&b, " where \"owner\" = ");
        build_arg(&b, owner);
        Sql sql = build_sql(&b, "model.unlink");
        TRY(tx_exec(w->tx, &sql, b.args, b.n, NULL, err));
    }
    for (size_t i = 0; i < list->n; i++) {
        Val target;
        TRY(target_val(w, f, list->items[i], &target, err));
        build_init(&b, w->a, tx_dialect(w->tx));
        build_add(&b, "insert into ");
        build_name(&b, f->link);
        build_add(&b, " (\"owner\", \"target\", \"pos\") values (");
        build_arg(&b, owner);
        build_add(&b, ", ");
        build_arg(&b, target);
        build_add(&b, ", ");
        build_arg(&b, V_INT((int64_t)i));
        build_add(&b, ")");
        Sql sql = build_sql(&b, "model.link");
        int rc = tx_exec(w->tx, &sql, b.args, b.n, NULL, err);
        if (rc == -(int)ERR_REFERENCE) {
            err_set(err, ERR_REFERENCE, "“" STR_FMT "” 引用的" STR_FMT " “" STR_FMT "” 不存在",
                    STR_ARG(f->title), STR_ARG(f->to->title), STR_ARG(list->items[i]));
            return record_at(err, f);
        }
        TRY(rc);
    }
    return 0;
}

static int write_links(Writer *w, const Entity *e, Val owner, const Input *in, const bool *which, Err *err)
{
    for (size_t i = 0; i < e->n; i++)
        if (e->fields[i].storage == STORE_LINK && (!which || which[i]))
            TRY(write_link(w, &e->fields[i], owner, &in->lists[i], !which, err));
    return 0;
}

/* The record lies within the scopes and policies, or within one policy alone. */
static int lies_within(Writer *w, const Entity *e, Val id, const Access *access, const Policy *policy,
                       Err *err)
{
    Build b;
    Val v;
    build_init(&b, w->a, tx_dialect(w->tx));
    build_add(&b, "select 1");
    build_from_one(&b, e, id);
    if (policy)
        access_policy_where(&b, "t", w->who, policy);
    else
        access_where(&b, "t", w->who, e, access);
    TRY(build_check(&b, err));
    Sql sql = build_sql(&b, "model.outcome");
    return tx_one(w->tx, w->a, &sql, b.args, b.n, &v, err);
}

/* The outcome must lie within what the actor may write: nobody moves a record into another's region. */
static int check_outcome(Writer *w, const Entity *e, Val id, const Access *access, Err *err)
{
    const Policy *p;
    if (access_whole(w->who, e, access)) return 0;
    int rc = lies_within(w, e, id, access, NULL, err);
    if (rc != -(int)ERR_NOT_FOUND) return rc;
    for (size_t i = 0; (p = access_policy(w->who, e, access->op, i)); i++) {
        if (!p->say.n) continue;
        rc = lies_within(w, e, id, access, p, err);
        if (rc == -(int)ERR_NOT_FOUND) return err_set(err, ERR_FORBIDDEN, STR_FMT, STR_ARG(p->say));
        TRY(rc);
    }
    return err_set(err, ERR_FORBIDDEN, "这条" STR_FMT "不在您的管理范围内", STR_ARG(e->title)),
           err_hint(err, "检查所属区划和机构");
}

/* --- the three writes
 * ------------------------------------------------------------------------------------------- */

static void sys_names(Build *b, const Entity *e)
{
    for (size_t i = SYS_REV; i < SYS_N; i++) {
        build_add(b, ", ");
        build_name(b, e->sys[i].name);
    }
}

static int insert_row(Writer *w, const Entity *e, const Input *in, Val id, int64_t rev, Err *err)
{
    Build b;
    bool first = true;
    build_init(&b, w->a, tx_dialect(w->tx));
    build_add(&b, "insert into ");
    build_name(&b, e->name);
    build_add(&b, " (");
    if (!e->key) build_add(&b, "\"id\""), first = false;
    for (size_t i = 0; i < e->n; i++) {
        if (e->fields[i].storage == STORE_LINK) continue;
        if (!first) build_add(&b, ", ");
        build_name(&b, e->fields[i].name);
        first = false;
    }
    sys_names(&b, e);
    build_add(&b, ") values (");
    first = true;
    if (!e->key) build_arg(&b, id), first = false;
    for (size_t i = 0; i < e->n; i++) {
        if (e->fields[i].storage == STORE_LINK) continue;
        if (!first) build_add(&b, ", ");
        build_arg(&b, vault_in(w->a, &e->fields[i], in->vals[i]));
        first = false;
    }
    Val at = V_TEXT(clock_str_utc(w->a, w->at_us));
    Val sys[] = {V_INT(rev), at, V_TEXT(w->who->system && !w->who->user.n ? S("system") : w->who->user), at};
    for (size_t i = 0; i < 4; i++) {
        build_add(&b, ", ");
        build_arg(&b, sys[i]);
    }
    build_add(&b, ")");
    TRY(build_check(&b, err));
    Sql sql = build_sql(&b, "model.insert");
    return tx_exec(w->tx, &sql, b.args, b.n, NULL, err);
}

/* Fields that are given must be ones that the actor may write. */
static int check_fields(Writer *w, const Entity *e, const Input *in, Err *err)
{
    for (size_t i = 0; i < e->n; i++) {
        const Field *f = &e->fields[i];
        if (!in->set[i] || access_writes(w->who, f)) continue;
        err_set(err, ERR_FORBIDDEN, "“" STR_FMT "” 只有指定的角色能填写", STR_ARG(f->title));
        return record_at(err, f);
    }
    return 0;
}

typedef struct Attempt {
    Writer *w;
    const Entity *e;
    const Input *in;
    const bool *changed;
    Val id;
    int64_t rev;
} Attempt;

static int try_insert(Tx *tx, void *ctx, Err *err)
{
    Attempt *t = ctx;
    (void)tx;
    return insert_row(t->w, t->e, t->in, t->id, t->rev, err);
}

/* PostgreSQL says itself which constraint was broken, and the caller undoes the whole record anyway. SQLite
   must be asked afterwards, for which the transaction has to stay usable: a savepoint, which costs little
   there. */
static int attempt(Attempt *t, TxFn fn, Err *err)
{
    bool tells = tx_dialect(t->w->tx) == DIALECT_POSTGRES;
    int rc = tells ? fn(t->w->tx, t, err) : tx_nested(t->w->tx, fn, t, err);
    if (rc == -(int)ERR_UNIQUE) return refused_unique(t->e, err);
    if (rc != -(int)ERR_REFERENCE) return rc;
    const Field *f = refused_field(t->e, err);
    if (f && !f->system && f->to) return refused_missing(t->w, f, t->in->vals[f->i], err);
    return tells ? rc : refused_reference(t->w, t->e, t->in, err);
}

/* What is filled in here dies with the attempt's arena, so the caller's input stays as it is for the next
 * attempt. */
static Input *input_copy(Arena *a, const Entity *e, const Input *in)
{
    Input *copy = ARENA_NEW(a, Input);
    *copy = input_new(a, e);
    copy->id = in->id;
    for (size_t i = 0; i < e->n; i++)
        copy->vals[i] = in->vals[i], copy->lists[i] = in->lists[i], copy->set[i] = in->set[i];
    return copy;
}

int record_insert(Writer *w, const Entity *e, Input *given, Str *ret_id, Err *err)
{
    Access access;
    Input *in = input_copy(w->a, e, given);
    Attempt t = {w, e, in, NULL, V_NULL, 0};
    TRY(access_check(w->who, e, OP_CREATE, &access, err));
    TRY(check_fields(w, e, given, err));
    TRY(record_defaults(w, e, in, err));
    TRY(record_computed(w, e, in, err));
    TRY(record_required(e, in, err));
    TRY(record_rules(w, e, in, err));
    t.id = e->key ? in->vals[e->key->i] : V_TEXT(in->id.n ? in->id : new_id(w->a, w->at_us));
    Str id = e->key ? value_text(w->a, e->key, t.id) : t.id.s;
    TRY(journal_next(w->tx, &t.rev, err));
    TRY(attempt(&t, try_insert, err));
    TRY(write_links(w, e, t.id, in, NULL, err));
    TRY(check_outcome(w, e, t.id, &access, err));
    TRY(journal(w, e, id, "insert", t.rev, S(""), record_changes(w->a, e, in, NULL), err));
    *ret_id = id;
    return 0;
}

static bool same_list(const StrList *x, const StrList *y)
{
    if (x->n != y->n) return false;
    for (size_t i = 0; i < x->n; i++)
        if (!str_eq(x->items[i], y->items[i])) return false;
    return true;
}

static int try_update(Tx *tx, void *ctx, Err *err)
{
    Attempt *t = ctx;
    const Entity *e = t->e;
    Build b;
    build_init(&b, t->w->a, tx_dialect(tx));
    build_add(&b, "update ");
    build_name(&b, e->name);
    build_add(&b, " set \"_rev\" = ");
    build_arg(&b, V_INT(t->rev));
    build_add(&b, ", \"_updated_at\" = ");
    build_arg(&b, V_TEXT(clock_str_utc(t->w->a, t->w->at_us)));
    for (size_t i = 0; i < e->n; i++) {
        if (!t->changed[i] || e->fields[i].storage == STORE_LINK) continue;
        build_add(&b, ", ");
        build_name(&b, e->fields[i].name);
        build_add(&b, " = ");
        build_arg(&b, vault_in(t->w->a, &e->fields[i], t->in->vals[i]));
    }
    build_add(&b, " where ");
    build_name(&b, entity_id(e)->name);
    build_add(&b, " = ");
    build_arg(&b, t->id);
    Sql sql = build_sql(&b, "model.update");
    return tx_exec(tx, &sql, b.args, b.n, NULL, err);
}

static int check_rev(const Stored *s, int64_t if_rev, Err *err)
{
    if (if_rev <= 0 || s->rev == if_rev) return 0;
    return err_set(err, ERR_PRECONDITION, "您打开之后，这条记录已被他人修改"),
           err_hint(err, "重新读取，核对后再改");
}

static int check_key(const Entity *e, const Input *in, const Stored *old, Writer *w, Err *err)
{
    if (!e->key || !in->set[e->key->i] ||
        value_same(w->a, e->key, in->vals[e->key->i], old->in.vals[e->key->i]))
        return 0;
    err_set(err, ERR_VALIDATION, "“" STR_FMT "” 是主键，不能修改", STR_ARG(e->key->title));
    err_hint(err, "新建一条记录，再删除这一条");
    return record_at(err, e->key);
}

int record_update(Writer *w, const Entity *e, Val id, const Input *patch, int64_t if_rev, bool *ret_changed,
                  Err *err)
{
    Access access;
    Stored old;
    bool any = false;
    TRY(access_check(w->who, e, OP_UPDATE, &access, err));
    TRY(check_fields(w, e, patch, err));
    TRY(record_load(w, e, id, &access, &old, err));
    TRY(check_rev(&old, if_rev, err));
    TRY(check_key(e, patch, &old, w, err));
    Input in = input_new(w->a, e);
    bool *changed = ARENA_ARRAY(w->a, bool, e->n + 1);
    for (size_t i = 0; i < e->n; i++) {
        in.vals[i] = patch->set[i] ? patch->vals[i] : old.in.vals[i];
        in.lists[i] = patch->set[i] ? patch->lists[i] : old.in.lists[i];
        in.set[i] = true;
    }
    TRY(record_computed(w, e, &in, err));
    for (size_t i = 0; i < e->n; i++) {
        changed[i] = e->fields[i].storage == STORE_LINK
                         ? !same_list(&in.lists[i], &old.in.lists[i])
                         : !value_same(w->a, &e->fields[i], in.vals[i], old.in.vals[i]);
        any |= changed[i];
    }
    *ret_changed = any;
    if (!any) return 0;
    TRY(record_required(e, &in, err));
    TRY(record_rules(w, e, &in, err));
    Attempt t = {w, e, &in, changed, id, 0};
    TRY(journal_next(w->tx, &t.rev, err));
    TRY(attempt(&t, try_update, err));
    TRY(write_links(w, e, id, &in, changed, err));
    TRY(check_outcome(w, e, id, &access, err));
    return journal(w, e, old.id, "update", t.rev, record_changes(w->a, e, &old.in, changed),
                   record_changes(w->a, e, &in, changed), err);
}

static int try_delete(Tx *tx, void *ctx, Err *err)
{
    Attempt *t = ctx;
    Build b;
    build_init(&b, t->w->a, tx_dialect(tx));
    build_add(&b, "delete from ");
    build_name(&b, t->e->name);
    build_add(&b, " where ");
    build_name(&b, entity_id(t->e)->name);
    build_add(&b, " = ");
    build_arg(&b, t->id);
    Sql sql = build_sql(&b, "model.delete");
    return tx_exec(tx, &sql, b.args, b.n, NULL, err);
}

int record_delete(Writer *w, const Entity *e, Val id, int64_t if_rev, Err *err)
{
    Access access;
    Stored old;
    TRY(access_check(w->who, e, OP_DELETE, &access, err));
    TRY(record_load(w, e, id, &access, &old, err));
    TRY(check_rev(&old, if_rev, err));
    Attempt t = {w, e, &old.in, NULL, id, 0};
    int rc = tx_nested(w->tx, try_delete, &t, err);
    if (rc == -(int)ERR_REFERENCE) return refused_referred(w, e, id, err);
    TRY(rc);
    return journal(w, e, old.id, "delete", 0, record_changes(w->a, e, &old.in, NULL), S(""), err);
}

static int find_conflict(Writer *w, const Entity *e, const Input *in, const FieldSet *on, Val *ret, Err *err)
{
    Build b;
    build_init(&b, w->a, tx_dialect(w->tx));
    build_add(&b, "select ");
    build_name(&b, entity_id(e)->name);
    build_add(&b, " from ");
    build_name(&b, e->name);
    for (size_t i = 0; i < on->n; i++) {
        const Field *f = on->items[i];
        Val v = f->system ? V_TEXT(in->id) : in->vals[f->i];
        if (v.kind == VAL_NULL || (f->system && !in->id.n))
            return -(int)ERR_NOT_FOUND; /* NULL equals nothing */
        build_add(&b, i ? " and " : " where ");
        build_column(&b, NULL, f);
        build_add(&b, " = ");
        build_arg(&b, vault_in(w->a, f, v));
    }
    Sql sql = build_sql(&b, "model.conflict");
    return tx_one(w->tx, w->a, &sql, b.args, b.n, ret, err);
}

int record_upsert(Writer *w, const Entity *e, Input *in, const FieldSet *on, Conflict how, Str *ret_id,
                  char *ret_did, Err *err)
{
    Val id;
    bool changed;
    TRY(check_fields(w, e, in, err)); /* before anything could be learned from a conflict */
    int rc = how == CONFLICT_ERROR ? -(int)ERR_NOT_FOUND : find_conflict(w, e, in, on, &id, err);
    *ret_did = 'i';
    if (rc == -(int)ERR_NOT_FOUND) return record_insert(w, e, in, ret_id, err);
    TRY(rc);
    *ret_did = '-';
    *ret_id = value_text(w->a, entity_id(e), id);
    if (how == CONFLICT_IGNORE) return 0;
    TRY(record_update(w, e, id, in, 0, &changed, err));
    if (changed) *ret_did = 'u';
    return 0;
}

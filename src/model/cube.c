/* SPDX-License-Identifier: MulanPSL-2.0 */
#include "model/cube.h"

#include "model/ddl.h"
#include "model/expr_sql.h"

Str cube_name(Arena *a, Str entity) { return str_fmt(a, "_cube_" STR_FMT, STR_ARG(entity)); }

/* --- its fields
 * ----------------------------------------------------------------------------------------------- */

static bool has(const FieldSet *set, const Field *f)
{
    for (size_t i = 0; i < set->n; i++)
        if (set->items[i] == f) return true;
    return false;
}

static void take(FieldSet *set, const Entity *e, const Field *f)
{
    if (!f || f->owner != e || f == e->key || f->system || f->storage == STORE_LINK || f->sealed) return;
    if (!f->unique && set->n < CUBE_FIELDS_MAX && !has(set, f)) set->items[set->n++] = f;
}

FieldSet cube_fields(Arena *a, const Entity *e)
{
    FieldSet set = {ARENA_ARRAY(a, const Field *, CUBE_FIELDS_MAX), 0};
    size_t codes = 1;
    take(&set, e, e->region);
    take(&set, e, e->org);
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < e->n; i++) {
            const Field *f = &e->fields[i];
            size_t n = f->storage == STORE_BOOL ? 3 : f->type == F_ENUM && f->codes ? f->codes->n + 1 : 0;
            bool indexed = f->index;
            for (size_t k = 0; k < e->n_index; k++) indexed |= has(&e->index[k], f);
            if (!n || indexed != (round == 0) || codes * n > CUBE_CODES_MAX || has(&set, f)) continue;
            take(&set, e, f);
            codes *= n;
        }
    return set;
}

/* --- the table and its triggers
 * ------------------------------------------------------------------------------- */

static int run(Tx *tx, Build *b, Err *err)
{
    TRY(build_check(b, err));
    return tx_script(tx, build_sql(b, "cube.ddl").text[b->d], err);
}

static void names(Build *b, const FieldSet *set, const char *prefix)
{
    for (size_t i = 0; i < set->n; i++) {
        build_add(b, prefix);
        build_name(b, set->items[i]->name);
        build_add(b, ", ");
    }
}

/* " where a is X.a and b is X.b" */
static void same(Build *b, const FieldSet *set, const char *row)
{
    for (size_t i = 0; i < set->n; i++) {
        build_add(b, i ? " and " : " where ");
        build_name(b, set->items[i]->name);
        build_addf(b, " is %s.", row);
        build_name(b, set->items[i]->name);
    }
}

static void lite_add(Build *b, Str cube, const FieldSet *set)
{
    build_add(b, "  insert into ");
    build_name(b, cube);
    build_add(b, " (");
    names(b, set, "");
    build_add(b, CUBE_N ") select ");
    names(b, set, "new.");
    build_add(b, "0 where not exists (select 1 from ");
    build_name(b, cube);
    same(b, set, "new");
    build_add(b, ");\n  update ");
    build_name(b, cube);
    build_add(b, " set " CUBE_N " = " CUBE_N " + 1");
    same(b, set, "new");
    build_add(b, ";\n");
}

static void lite_take(Build *b, Str cube, const FieldSet *set)
{
    build_add(b, "  update ");
    build_name(b, cube);
    build_add(b, " set " CUBE_N " = " CUBE_N " - 1");
    same(b, set, "old");
    build_add(b, ";\n  delete from ");
    build_name(b, cube);
    same(b, set, "old");
    build_addf(b, "%s" CUBE_N " = 0;\n", set->n ? " and " : " where ");
}

/* " of a, b on E": only when one of the fields was written. */
static void on_update(Build *b, const Entity *e, const FieldSet *set)
{
    for (size_t i = 0; i < set->n; i++) {
        build_add(b, i ? ", " : " of ");
        build_name(b, set->items[i]->name);
    }
    build_add(b, " on ");
    build_name(b, e->name);
    build_add(b, " for each row when (");
    for (size_t i = 0; i < set->n; i++) {
        if (i) build_add(b, " or ");
        build_add(b, "old.");
        build_name(b, set->items[i]->name);
        build_add(b, b->d == DIALECT_SQLITE ? " is not new." : " is distinct from new.");
        build_name(b, set->items[i]->name);
    }
    build_add(b, ")");
}

static void lite_triggers(Build *b, const Entity *e, Str cube, const FieldSet *set)
{
    build_addf(b, "create trigger \"" STR_FMT "_i\" after insert on \"" STR_FMT "\" begin\n", STR_ARG(cube),
               STR_ARG(e->name));
    lite_add(b, cube, set);
    build_addf(b, "end;\ncreate trigger \"" STR_FMT "_d\" after delete on \"" STR_FMT "\" begin\n",
               STR_ARG(cube), STR_ARG(e->name));
    lite_take(b, cube, set);
    build_add(b, "end;\n");
    if (!set->n) return;
    build_addf(b, "create trigger \"" STR_FMT "_u\" after update", STR_ARG(cube));
    on_update(b, e, set);
    build_add(b, " begin\n");
    lite_take(b, cube, set);
    lite_add(b, cube, set);
    build_add(b, "end;\n");
}

static void pg_append(Build *b, Str cube, const FieldSet *set, const char *when, const char *row,
                      const char *n)
{
    build_addf(b, "  if tg_op <> '%s' then insert into ", when);
    build_name(b, cube);
    build_add(b, " (");
    names(b, set, "");
    build_add(b, CUBE_N ") values (");
    names(b, set, row);
    build_addf(b, "%s); end if;\n", n);
}

static void pg_triggers(Build *b, const Entity *e, Str cube, const FieldSet *set)
{
    build_addf(b, "create function \"" STR_FMT "_f\"() returns trigger language plpgsql as $cube$ begin\n",
               STR_ARG(cube));
    pg_append(b, cube, set, "INSERT", "old.", "-1");
    pg_append(b, cube, set, "DELETE", "new.", "1");
    build_addf(b,
               "  return null;\nend $cube$;\ncreate trigger \"" STR_FMT
               "_i\" after insert or delete on \"" STR_FMT "\" for each row execute function \"" STR_FMT
               "_f\"();\n",
               STR_ARG(cube), STR_ARG(e->name), STR_ARG(cube));
    if (!set->n) return;
    build_addf(b, "create trigger \"" STR_FMT "_u\" after update", STR_ARG(cube));
    on_update(b, e, set);
    build_addf(b, " execute function \"" STR_FMT "_f\"();\n", STR_ARG(cube));
}

/* "insert into cube select a, b, count(*) from E group by a, b" */
static void fill(Build *b, Str cube, const Entity *e, const FieldSet *set)
{
    build_add(b, "insert into ");
    build_name(b, cube);
    build_add(b, " (");
    names(b, set, "");
    build_add(b, CUBE_N ") select ");
    names(b, set, "");
    build_add(b, "count(*) from ");
    build_name(b, e->name);
    for (size_t i = 0; i < set->n; i++) {
        build_add(b, i ? ", " : " group by ");
        build_name(b, set->items[i]->name);
    }
    build_add(b, ";\n");
}

int cube_create(Tx *tx, Arena *a, const Entity *e, Err *err)
{
    Build b;
    FieldSet set = cube_fields(a, e);
    Str cube = cube_name(a, e->name);
    TRY(cube_drop(tx, a, e->name, err));
    build_init(&b, a, tx_dialect(tx));
    build_add(&b, "create table ");
    build_name(&b, cube);
    build_add(&b, " (");
    for (size_t i = 0; i < set.n; i++) {
        build_name(&b, set.items[i]->name);
        build_addf(&b, " %s, ", ddl_column_type(a, set.items[i], b.d));
    }
    build_addf(&b, CUBE_N " %s not null);\n", b.d == DIALECT_SQLITE ? "integer" : "bigint");
    if (set.n) {
        build_addf(&b, "create index \"" STR_FMT "_ix\" on ", STR_ARG(cube));
        build_name(&b, cube);
        build_add(&b, " (");
        for (size_t i = 0; i < set.n; i++) {
            if (i) build_add(&b, ", ");
            build_name(&b, set.items[i]->name);
        }
        build_add(&b, ");\n");
    }
    fill(&b, cube, e, &set);
    if (b.d == DIALECT_SQLITE)
        lite_triggers(&b, e, cube, &set);
    else
        pg_triggers(&b, e, cube, &set);
    return run(tx, &b, err);
}

int cube_drop(Tx *tx, Arena *a, Str entity, Err *err)
{
    Build b;
    Str cube = cube_name(a, entity);
    build_init(&b, a, tx_dialect(tx));
    if (b.d == DIALECT_SQLITE)
        for (const char *t = "iud"; *t; t++)
            build_addf(&b, "drop trigger if exists \"" STR_FMT "_%c\";\n", STR_ARG(cube), *t);
    else /* and with it its triggers */
        build_addf(&b, "drop function if exists \"" STR_FMT "_f\" cascade;\n", STR_ARG(cube));
    build_add(&b, "drop table if exists ");
    build_name(&b, cube);
    return run(tx, &b, err);
}

/* --- keeping and checking
 * ------------------------------------------------------------------------------------- */

enum { MERGE_ROWS = 1000 };

int cube_merge(Tx *tx, Arena *a, const Entity *e, int64_t *rows, Err *err)
{
    Build b;
    Val n;
    FieldSet set = cube_fields(a, e);
    Str cube = cube_name(a, e->name);
    if (tx_dialect(tx) != DIALECT_POSTGRES) return 0;
    build_init(&b, a, DIALECT_POSTGRES);
    build_add(&b, "select count(*) from ");
    build_name(&b, cube);
    Sql count = build_sql(&b, "cube.rows");
    TRY(tx_one(tx, a, &count, NULL, 0, &n, err));
    if (n.i < *rows + MERGE_ROWS) return 0;
    build_init(&b, a, DIALECT_POSTGRES);
    build_add(&b, "with gone as (delete from ");
    build_name(&b, cube);
    build_add(&b, " returning *) insert into ");
    build_name(&b, cube);
    build_add(&b, " (");
    names(&b, &set, "");
    build_add(&b, CUBE_N ") select ");
    names(&b, &set, "");
    build_add(&b, "sum(" CUBE_N ") from gone");
    for (size_t i = 0; i < set.n; i++) {
        build_add(&b, i ? ", " : " group by ");
        build_name(&b, set.items[i]->name);
    }
    build_add(&b, " having sum(" CUBE_N ") <> 0");
    Sql merge = build_sql(&b, "cube.merge");
    return tx_exec(tx, &merge, NULL, 0, rows, err);
}

int cube_total(Tx *tx, Arena *a, const Entity *e, int64_t *ret, Err *err)
{
    Build b;
    Val n;
    build_init(&b, a, tx_dialect(tx));
    build_add(&b, b.d == DIALECT_SQLITE ? "select sum(" CUBE_N ") from "
                                        : "select cast(sum(" CUBE_N ") as bigint) from ");
    build_name(&b, cube_name(a, e->name));
    Sql sql = build_sql(&b, "cube.total");
    TRY(tx_one(tx, a, &sql, NULL, 0, &n, err));
    *ret = n.kind == VAL_INT ? n.i : 0;
    return 0;
}

static void figures(Build *b, const FieldSet *set, Str table, const char *n)
{
    build_add(b, "select ");
    names(b, set, "");
    build_addf(b, "%s as " CUBE_N " from ", n);
    build_name(b, table);
    for (size_t i = 0; i < set->n; i++) {
        build_add(b, i ? ", " : " group by ");
        build_name(b, set->items[i]->name);
    }
}

static int difference(Tx *tx, Arena *a, const Entity *e, const FieldSet *set, bool back, Err *err)
{
    Build b;
    Rows *r;
    build_init(&b, a, tx_dialect(tx));
    const char *kept =
        tx_dialect(tx) == DIALECT_SQLITE ? "sum(" CUBE_N ")" : "cast(sum(" CUBE_N ") as bigint)";
    for (int i = 0; i < 2; i++) {
        build_add(&b, i ? " except select * from (" : "select * from (");
        if ((i == 0) != back) {
            figures(&b, set, cube_name(a, e->name), kept);
            build_add(&b, " having sum(" CUBE_N ") <> 0");
        } else {
            figures(&b, set, e->name, "count(*)");
            build_add(&b, " having count(*) > 0");
        }
        build_addf(&b, ") x%d", i);
    }
    build_add(&b, " limit 1");
    Sql sql = build_sql(&b, "cube.verify");
    TRY(tx_query(tx, a, &sql, NULL, 0, &r, err));
    int rc = rows_next(r, err);
    Buf where;
    buf_init(&where, 1000);
    for (size_t i = 0; rc > 0 && i < set->n; i++)
        buf_addf(&where, " " STR_FMT "=" STR_FMT, STR_ARG(set->items[i]->name),
                 STR_ARG(rows_text(r, a, (int)i)));
    Str text = buf_dup(a, &where);
    buf_done(&where);
    rows_done(r);
    if (rc <= 0) return rc;
    return err_set(err, ERR_VERIFY, STR_FMT " 的计数表与记录不符：" STR_FMT, STR_ARG(e->name), STR_ARG(text)),
           err_hint(err, "数据可能被绕过程序改动；从备份恢复，或请开发者查明后重建");
}

int cube_verify(Tx *tx, Arena *a, const Entity *e, Err *err)
{
    FieldSet set = cube_fields(a, e);
    TRY(difference(tx, a, e, &set, false, err));
    return difference(tx, a, e, &set, true, err);
}

/* --- which questions it answers
 * ------------------------------------------------------------------------------- */

static bool conds_served(const FieldSet *set, const Cond *k)
{
    if (k->kind == COND_LEAF) return k->field && k->cmp != CMP_FTS && has(set, k->field);
    for (size_t i = 0; i < k->n; i++)
        if (!conds_served(set, k->kids[i])) return false;
    return true;
}

static bool access_served(const QueryCtx *c, const Entity *e, const FieldSet *set, const Access *access)
{
    const Policy *p;
    if (!access->scopes) return true;
    for (size_t i = 0; (p = access_policy(c->who, e, access->op, i)); i++) {
        for (size_t k = 0; k < e->n; k++)
            if (expr_sql_uses(p->when, &e->fields[k]) && !has(set, &e->fields[k])) return false;
        for (size_t k = 0; k < SYS_N; k++)
            if (expr_sql_uses(p->when, &e->sys[k])) return false;
    }
    if (access->scopes & (1u << SCOPE_ALL)) return true;
    if (access->scopes & (1u << SCOPE_OWN)) return false;
    if (access->scopes & (1u << SCOPE_REGION) && e->region && !has(set, e->region)) return false;
    return !(access->scopes & (1u << SCOPE_ORG)) || !e->org || has(set, e->org);
}

bool cube_serves(const QueryCtx *c, const Query *q)
{
    FieldSet set = cube_fields(c->a, q->entity);
    if (q->at.n || !conds_served(&set, q->where)) return false;
    for (size_t i = 0; i < q->n_picks; i++) {
        const Pick *p = &q->picks[i];
        if (p->embed && p->embed->inner) return false;
        if (!q->aggregate) continue;
        if (p->embed || (p->agg && p->agg != AGG_COUNT) || (p->agg && p->field)) return false;
        if (!p->agg && !has(&set, p->field)) return false;
    }
    for (size_t i = 0; q->aggregate && i < q->n_sorts; i++)
        if (q->sorts[i].embed || (q->sorts[i].field && !has(&set, q->sorts[i].field))) return false;
    return access_served(c, q->entity, &set, &q->access) && access_served(c, q->entity, &set, &q->unmask);
}

/* SPDX-License-Identifier: MulanPSL-2.0 */
#include "model/ddl.h"

const char *ddl_column_type(Arena *a, const Field *f, Dialect d)
{
    static const char *const lite[STORE_N] = {
        [STORE_TEXT] = "text",    [STORE_INT] = "integer", [STORE_NUM] = "numeric",
        [STORE_BOOL] = "integer", [STORE_DATE] = "text",   [STORE_TIME] = "text",
        [STORE_AT] = "text",      [STORE_GEO] = "text",    [STORE_JSON] = "text"};
    static const char *const pg[STORE_N] = {[STORE_TEXT] = "text collate \"C\"",
                                            [STORE_INT] = "bigint",
                                            [STORE_BOOL] = "boolean",
                                            [STORE_DATE] = "date",
                                            [STORE_TIME] = "time",
                                            [STORE_AT] = "timestamptz",
                                            [STORE_GEO] = "text",
                                            [STORE_JSON] = "json"};
    if (f->sealed) return d == DIALECT_SQLITE ? lite[STORE_TEXT] : pg[STORE_TEXT];
    if (d == DIALECT_SQLITE) return lite[f->storage];
    if (f->storage == STORE_NUM) return str_fmt(a, "numeric(%d,%d)", 18, f->scale).p;
    return pg[f->storage];
}

static int run(Tx *tx, Build *b, Err *err)
{
    TRY(build_check(b, err));
    return tx_script(tx, build_sql(b, "ddl").text[b->d], err);
}

static Build start(Tx *tx, Arena *a)
{
    Build b;
    build_init(&b, a, tx_dialect(tx));
    return b;
}

/* A title as SQL comment: nothing in it may end the comment. */
static void comment(Build *b, Str title)
{
    build_add(b, " /* ");
    for (size_t i = 0; i < title.n; i++)
        if (title.p[i] != '*' && title.p[i] != '\n' && title.p[i] != ';') buf_addc(&b->text, title.p[i]);
    build_add(b, " */");
}

static void literal(Build *b, Str s)
{
    buf_addc(&b->text, '\'');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\'') buf_addc(&b->text, '\'');
        buf_addc(&b->text, s.p[i]);
    }
    buf_addc(&b->text, '\'');
}

static void references(Build *b, const Field *f)
{
    build_add(b, " references ");
    build_name(b, f->to->name);
    build_add(b, "(");
    build_name(b, entity_id(f->to)->name);
    build_add(b, ")");
}

static void column(Build *b, const Field *f, Str as, bool fk)
{
    build_name(b, as);
    build_addf(b, " %s", ddl_column_type(b->a, f, b->d));
    if (f->to && fk && b->d == DIALECT_SQLITE) references(b, f);
}

static int pg_comments(Tx *tx, Arena *a, const Entity *e, Err *err)
{
    if (tx_dialect(tx) != DIALECT_POSTGRES) return 0;
    Build b = start(tx, a);
    build_add(&b, "comment on table ");
    build_name(&b, e->name);
    build_add(&b, " is ");
    literal(&b, e->title);
    for (size_t i = 0; i < e->n; i++) {
        if (e->fields[i].storage == STORE_LINK) continue;
        build_add(&b, ";\ncomment on column ");
        build_name(&b, e->name);
        build_add(&b, ".");
        build_name(&b, e->fields[i].name);
        build_add(&b, " is ");
        literal(&b, e->fields[i].title);
    }
    return run(tx, &b, err);
}

int ddl_create_table(Tx *tx, Arena *a, const Entity *e, Err *err)
{
    Build b = start(tx, a);
    build_add(&b, "create table ");
    build_name(&b, e->name);
    comment(&b, e->title);
    build_add(&b, " (\n");
    if (!e->key)
        build_addf(&b, "  \"id\" %s not null primary key,\n", ddl_column_type(a, &e->sys[SYS_ID], b.d));
    for (size_t i = 0; i < e->n; i++) {
        const Field *f = &e->fields[i];
        if (f->storage == STORE_LINK) continue;
        build_add(&b, "  ");
        column(&b, f, f->name, true);
        if (f == e->key) build_add(&b, " not null primary key");
        build_add(&b, ",");
        comment(&b, f->title);
        build_add(&b, "\n");
    }
    for (size_t i = SYS_REV; i < SYS_N; i++) {
        build_add(&b, "  ");
        column(&b, &e->sys[i], e->sys[i].name, false);
        build_addf(&b, " not null%s\n", i + 1 < SYS_N ? "," : "");
    }
    build_add(&b, ")");
    TRY(run(tx, &b, err));
    return pg_comments(tx, a, e, err);
}

int ddl_drop_table(Tx *tx, Arena *a, Str name, Err *err)
{
    Build b = start(tx, a);
    build_add(&b, "drop table ");
    build_name(&b, name);
    if (b.d == DIALECT_POSTGRES) build_add(&b, " cascade");
    return run(tx, &b, err);
}

int ddl_add_column(Tx *tx, Arena *a, const Field *f, Str as, bool fk, Err *err)
{
    Build b = start(tx, a);
    build_add(&b, "alter table ");
    build_name(&b, f->owner->name);
    build_add(&b, " add column ");
    column(&b, f, as, fk);
    return run(tx, &b, err);
}

int ddl_drop_column(Tx *tx, Arena *a, Str table, Str name, Err *err)
{
    Build b = start(tx, a);
    build_add(&b, "alter table ");
    build_name(&b, table);
    build_add(&b, " drop column ");
    build_name(&b, name);
    return run(tx, &b, err);
}

int ddl_rename_column(Tx *tx, Arena *a, Str table, Str from, Str to, Err *err)
{
    Build b = start(tx, a);
    build_add(&b, "alter table ");
    build_name(&b, table);
    build_add(&b, " rename column ");
    build_name(&b, from);
    build_add(&b, " to ");
    build_name(&b, to);
    return run(tx, &b, err);
}

int ddl_create_link(Tx *tx, Arena *a, const Field *f, Err *err)
{
    Build b = start(tx, a);
    const Field *owner = entity_id(f->owner), *target = entity_id(f->to);
    build_add(&b, "create table ");
    build_name(&b, f->link);
    comment(&b, f->title);
    build_addf(&b, " (\n  \"owner\" %s not null references ", ddl_column_type(a, owner, b.d));
    build_name(&b, f->owner->name);
    build_add(&b, "(");
    build_name(&b, owner->name);
    build_addf(&b, ") on delete cascade,\n  \"target\" %s not null references ",
               ddl_column_type(a, target, b.d));
    build_name(&b, f->to->name);
    build_add(&b, "(");
    build_name(&b, target->name);
    build_addf(&b, "),\n  \"pos\" %s not null,\n  primary key (\"owner\", \"target\")\n);\ncreate index ",
               b.d == DIALECT_SQLITE ? "integer" : "bigint");
    build_name(&b, str_fmt(a, STR_FMT "__ix", STR_ARG(f->link)));
    build_add(&b, " on ");
    build_name(&b, f->link);
    build_add(&b, " (\"target\")");
    return run(tx, &b, err);
}

int ddl_add_foreign_key(Tx *tx, Arena *a, const Field *f, Err *err)
{
    if (tx_dialect(tx) != DIALECT_POSTGRES) return 0;
    Build b = start(tx, a);
    build_add(&b, "alter table ");
    build_name(&b, f->owner->name);
    build_add(&b, " add foreign key (");
    build_name(&b, f->name);
    build_add(&b, ")");
    references(&b, f);
    return run(tx, &b, err);
}

Str ddl_index_name(Arena *a, Str entity, const FieldSet *set, bool unique)
{
    Buf b;
    buf_init(&b, 10000);
    buf_add(&b, entity);
    for (size_t i = 0; i < set->n; i++) buf_addf(&b, "__" STR_FMT, STR_ARG(set->items[i]->name));
    Str whole = buf_dup(a, &b);
    buf_done(&b);
    if (whole.n > 50) /* PostgreSQL cuts names at 63 bytes */
        whole = str_fmt(a, "%.30s_%016llx", whole.p, (unsigned long long)str_hash(whole));
    return str_fmt(a, STR_FMT "__%s", STR_ARG(whole), unique ? "uq" : "ix");
}

int ddl_create_index(Tx *tx, Arena *a, const Entity *e, const FieldSet *set, bool unique, Err *err)
{
    Build b = start(tx, a);
    build_addf(&b, "create %sindex ", unique ? "unique " : "");
    build_name(&b, ddl_index_name(a, e->name, set, unique));
    build_add(&b, " on ");
    build_name(&b, e->name);
    build_add(&b, " (");
    for (size_t i = 0; i < set->n; i++) {
        if (i) build_add(&b, ", ");
        build_column(&b, NULL, set->items[i]);
    }
    build_add(&b, ")");
    return run(tx, &b, err);
}

int ddl_drop_index(Tx *tx, Arena *a, Str name, Err *err)
{
    Build b = start(tx, a);
    build_add(&b, "drop index if exists ");
    build_name(&b, name);
    return run(tx, &b, err);
}

/* SPDX-License-Identifier: MulanPSL-2.0 */
#include "model/build.h"

static void free_text(void *p) { buf_done(p); }

void build_init(Build *b, Arena *a, Dialect d)
{
    *b = (Build){.a = a, .d = d};
    buf_init(&b->text, SQL_TEXT_MAX);
}

void build_add(Build *b, const char *sql) { buf_adds(&b->text, sql); }

void build_addf(Build *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    buf_add(&b->text, str_vfmt(b->a, fmt, ap));
    va_end(ap);
}

void build_name(Build *b, Str name)
{
    buf_addc(&b->text, '"');
    buf_add(&b->text, name);
    buf_addc(&b->text, '"');
}

void build_column(Build *b, const char *alias, const Field *f)
{
    if (alias) buf_addf(&b->text, "%s.", alias);
    bool id = f->system && f->i == SYS_ID;
    build_name(b, id ? entity_id(f->owner)->name : f->name);
}

void build_arg(Build *b, Val v)
{
    *ARENA_PUSH(b->a, b->args, b->n, b->cap) = v;
    buf_addf(&b->text, "$%zu", b->n);
}

void build_from_one(Build *b, const Entity *e, Val id)
{
    build_add(b, " from ");
    build_name(b, e->name);
    build_add(b, " t where ");
    build_column(b, "t", entity_id(e));
    build_add(b, " = ");
    build_arg(b, id);
}

Sql build_sql(Build *b, const char *name)
{
    Buf *owned = arena_alloc(b->a, sizeof *owned); /* the Build itself may live on a stack that is gone */
    *owned = b->text;
    b->text = (Buf){.max = SQL_TEXT_MAX};
    arena_defer(b->a, free_text, owned);
    const char *text = owned->p ? owned->p : "";
    return (Sql){.name = name, .text = {text, text}, .steady = b->steady};
}

int build_check(const Build *b, Err *err)
{
    if (b->text.over || b->n > SQL_ARGS_MAX)
        return err_set(err, ERR_INPUT, "查询过长"), err_hint(err, "减少条件或分几次查询");
    return 0;
}

/* SPDX-License-Identifier: MulanPSL-2.0 */
#include "model/fault.h"

/* The faults outlive the model whose files they name. */
static const char *own_file(Faults *f, const char *file)
{
    for (size_t i = 0; i < f->n; i++)
        if (!strcmp(f->items[i].file, file)) return f->items[i].file;
    return str_cdup(f->arena, str_c(file));
}

void fault_add(Faults *f, Place at, Str fix, const char *fmt, ...)
{
    if (f->n >= FAULTS_MAX) {
        f->dropped = true;
        return;
    }
    va_list ap;
    va_start(ap, fmt);
    at.file = own_file(f, at.file);
    Str what = str_vfmt(f->arena, fmt, ap);
    va_end(ap);
    for (size_t i = 0; i < f->n; i++) /* one fault, one line: checks may meet it twice */
        if (f->items[i].file == at.file && f->items[i].line == at.line && f->items[i].col == at.col &&
            str_eq(f->items[i].what, what))
            return;
    Fault *item = ARENA_PUSH(f->arena, f->items, f->n, f->cap);
    *item = (Fault){at.file, at.line, at.col, what, str_dup(f->arena, fix)};
}

static int by_place(const void *pa, const void *pb)
{
    const Fault *a = pa, *b = pb;
    int c = strcmp(a->file, b->file);
    if (c) return c;
    if (a->line != b->line) return a->line < b->line ? -1 : 1;
    return a->col < b->col ? -1 : a->col > b->col;
}

void faults_sort(Faults *f)
{
    if (f->n) qsort(f->items, f->n, sizeof *f->items, by_place);
}

Str fault_text(Arena *a, const Fault *f)
{
    return str_fmt(a, "%s:%d:%d: " STR_FMT "%s" STR_FMT, f->file, f->line, f->col, STR_ARG(f->what),
                   f->fix.n ? "；" : "", STR_ARG(f->fix));
}

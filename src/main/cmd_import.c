/* SPDX-License-Identifier: MulanPSL-2.0 */
/* import and export, as the operator of the machine: not bound by a role, journalled as `system`. */
#include "main/main.h"

#include "base/log.h"
#include "model/export.h"
#include "model/import.h"
#include <unistd.h>

static void progress(void *ctx, int64_t rows, int64_t bytes, int64_t total)
{
    (void)ctx;
    if (total > 0)
        fprintf(stderr, "\r%lld 行，%lld %%  ", (long long)rows, (long long)(bytes * 100 / total));
    else
        fprintf(stderr, "\r%lld 行  ", (long long)rows);
}

static int find_entity(const Options *o, const Model *m, const Entity **ret, Err *err)
{
    if (!o->n_args) return err_set(err, ERR_USAGE, "缺少实体名");
    *ret = model_entity(m, str_c(o->args[0]));
    if (*ret) return 0;
    Str near = model_nearest(m, str_c(o->args[0]));
    err_set(err, ERR_NOT_FOUND, "没有名为 “%s” 的实体", o->args[0]);
    return near.n ? err_hint(err, "是不是 “" STR_FMT "”", STR_ARG(near)) : -(int)ERR_NOT_FOUND;
}

static int run_import(Options *o, OpenCity *c, ImportResult *r, Err *err)
{
    char trace[TRACE_SIZE];
    ImportOptions io = {.map_file = o->map, .dry_run = o->dry_run, .who = &people_system};
    if (o->n_args != 2)
        return err_set(err, ERR_USAGE, "要写实体名和文件：chengshu import --data DIR ENTITY FILE");
    if (o->mode && strcmp(o->mode, "insert") != 0 && strcmp(o->mode, "upsert") != 0)
        return err_set(err, ERR_USAGE, "--mode 写 insert 或 upsert");
    TRY(city_open(o, NULL, false, c, err));
    TRY(find_entity(o, c->model, &io.entity, err));
    trace_new(trace);
    Str rejected = str_fmt(o->arena, "%s/rejected", o->data);
    io.file = o->args[1];
    io.upsert = o->mode && !strcmp(o->mode, "upsert");
    io.rejected_dir = rejected.p;
    io.trace = str_c(trace);
    if (isatty(STDERR_FILENO)) io.progress = progress;
    TRY(import_file(c->store, c->model, &io, r, err));
    return city_seal(c, err);
}

int cmd_import(Options *o)
{
    Err err = ERR_INIT;
    ImportResult r = {0};
    _cleanup_city_ OpenCity c = {0};
    int rc = run_import(o, &c, &r, &err);
    if (isatty(STDERR_FILENO)) fprintf(stderr, "\r");
    if (rc < 0) return complain(&err);
    if (r.read_as[0]) printf("read as: %s\n", r.read_as);
    if (r.skipped) printf("skipped %lld\n", (long long)r.skipped);
    if (r.rejected) printf("rejected rows: %s\n", r.rejected_file);
    if (o->dry_run) printf("dry run: nothing was written\n");
    printf("accepted %lld, rejected %lld\n", (long long)r.accepted, (long long)r.rejected);
    return r.rejected ? EXIT_REJECTED : EXIT_DONE;
}

static int run_export(Options *o, OpenCity *c, Err *err)
{
    ExportOptions eo = {.where = o->where, .out = stdout, .who = &people_system};
    const Entity *e;
    int64_t rows;
    TRY(export_format(str_c(o->format ? o->format : "csv"), &eo.format, err));
    TRY(city_open(o, NULL, false, c, err));
    TRY(find_entity(o, c->model, &e, err));
    return export_entity(c->store, c->model, e, &eo, &rows, err);
}

int cmd_export(Options *o)
{
    Err err = ERR_INIT;
    _cleanup_city_ OpenCity c = {0};
    return run_export(o, &c, &err) < 0 ? complain(&err) : EXIT_DONE;
}

/* SPDX-License-Identifier: MulanPSL-2.0 */
/* synth: a made-up city of a given size on top of what is there, as the packs' synth files say. */
#include "main/main.h"

#include "model/synth.h"

#include <unistd.h>

static void progress(void *ctx, const Entity *e, int64_t done, int64_t count)
{
    (void)ctx;
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r" STR_FMT " %lld / %lld  ", STR_ARG(e->title), (long long)done, (long long)count);
}

static void made(void *ctx, const Entity *e, const ImportResult *r, double seconds)
{
    *(int64_t *)ctx += r->rejected;
    if (isatty(STDERR_FILENO)) fprintf(stderr, "\r");
    printf("  " STR_FMT " %lld 条，%.1f 秒（每秒 %.0f 条）\n", STR_ARG(e->title), (long long)r->accepted,
           seconds, (double)r->rows / (seconds > 0 ? seconds : 1));
    if (r->rejected) printf("  其中 %lld 条不合格，见 %s\n", (long long)r->rejected, r->rejected_file);
    fflush(stdout);
}

static int run(Options *o, OpenCity *c, int64_t *rejected, Err *err)
{
    Faults f = {.arena = o->arena};
    double scale;
    if (!o->scale || !str_real(str_c(o->scale), &scale) || scale < 0.0001 || scale > 1)
        return err_set(err, ERR_USAGE, "--scale 要在 0.0001 与 1 之间：1 是整座城市的大小");
    TRY(city_open(o, NULL, false, c, err));
    Str rejected_dir = str_fmt(o->arena, "%s/rejected", o->data);
    const SynthOptions so = {.scale = scale,
                             .who = &people_system,
                             .work_dir = o->data,
                             .rejected_dir = rejected_dir.p,
                             .progress = progress,
                             .made = made,
                             .ctx = rejected};
    int rc = synth_run(c->store, c->model, &so, &f, err);
    print_faults(&f);
    return rc < 0 ? rc : city_seal(c, err);
}

int cmd_synth(Options *o)
{
    Err err = ERR_INIT;
    int64_t rejected = 0;
    _cleanup_city_ OpenCity c = {0};
    if (run(o, &c, &rejected, &err) < 0) return complain(&err);
    return rejected ? EXIT_REJECTED : EXIT_DONE;
}

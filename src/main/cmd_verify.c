/* SPDX-License-Identifier: MulanPSL-2.0 */
#include "main/main.h"

#include "model/verify.h"

static int run(Options *o, OpenCity *c, Err *err)
{
    Verified v;
    TRY(city_open(o, NULL, false, c, err));
    TRY(model_verify(c->store, c->model, o->arena, &v, err));
    printf("ok：日志 %lld 条、记录 %lld 条、引用 %lld 种、文件 %lld 个\n日志头 %lld " STR_FMT "\n",
           (long long)v.entries, (long long)v.records, (long long)v.references, (long long)v.blobs,
           (long long)v.head, STR_ARG(v.digest));
    return 0;
}

int cmd_verify(Options *o)
{
    Err err = ERR_INIT;
    _cleanup_city_ OpenCity c = {0};
    return run(o, &c, &err) < 0 ? complain(&err) : EXIT_DONE;
}

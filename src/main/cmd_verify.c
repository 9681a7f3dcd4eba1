/* SPDX-License-Identifier: MulanPSL-2.0 */
#include "main/main.h"

#include "model/verify.h"

/* A checkpoint that was kept elsewhere; p == NULL when none was given. */
static int read_checkpoint(const Options *o, Str *ret, Err *err)
{
    char *text = arena_alloc(o->arena, CHECKPOINT_TEXT_MAX + 1);
    if (!o->checkpoint) return 0;
    FILE *f = fopen(o->checkpoint, "re");
    if (!f) return err_set(err, ERR_IO, "打不开 %s", o->checkpoint);
    *ret = str_n(text, fread(text, 1, CHECKPOINT_TEXT_MAX + 1, f));
    fclose(f);
    return 0;
}

static void print(const Verified *v)
{
    printf("ok：日志 %lld 条、记录 %lld 条、引用 %lld 种、文件 %lld 个\n", (long long)v->journal.entries,
           (long long)v->records, (long long)v->references, (long long)v->blobs);
    printf("封存 %lld 条，检查点 %lld 个%s", (long long)v->journal.sealed, (long long)v->journal.checkpoints,
           v->journal.outside ? "，与库外保存的相符" : "");
    if (v->journal.entries > v->journal.sealed)
        printf("；末尾 %lld 条还没有封存，服务启动时封存",
               (long long)(v->journal.entries - v->journal.sealed));
    if (v->journal.keys_alone)
        printf("\n注意：%lld "
               "把封存密钥是前一把遗失后启用的，只有自己的认可，请用公布过的公钥或库外保存的检查点核对",
               (long long)v->journal.keys_alone);
    printf("\n日志头 %lld " STR_FMT "\n", (long long)v->head, STR_ARG(v->digest));
}

static int run(Options *o, OpenCity *c, Err *err)
{
    Verified v;
    Str kept = STR_NONE;
    TRY(read_checkpoint(o, &kept, err));
    TRY(city_open(o, NULL, false, c, err));
    TRY(model_verify(c->store, c->model, o->arena, &kept, kept.p ? 1 : 0, &v, err));
    print(&v);
    return 0;
}

int cmd_verify(Options *o)
{
    Err err = ERR_INIT;
    _cleanup_city_ OpenCity c = {0};
    return run(o, &c, &err) < 0 ? complain(&err) : EXIT_DONE;
}

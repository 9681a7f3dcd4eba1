/* SPDX-License-Identifier: MulanPSL-2.0 */
/* rotate-keys: a new data key for fields of sensitivity 4, and every value sealed anew under it. */
#include "main/main.h"

#include "model/plan.h"
#include "model/vault.h"

typedef struct Reseal {
    const Model *m;
    int64_t fields;
} Reseal;

static int reseal_tx(Tx *tx, void *p, Err *err)
{
    Reseal *r = p;
    return plan_reseal(r->m, tx, &r->fields, err);
}

static int run(Options *o, OpenCity *c, Err *err)
{
    int64_t key;
    TRY(city_open(o, NULL, false, c, err));
    if (!c->model->vault) return err_set(err, ERR_NOT_FOUND, "这座城市没有敏感级别 4 的字段，没有可换的密钥");
    Reseal r = {.m = c->model};
    TRY(vault_rotate(c->model->vault, c->store, &key, err));
    TRY(store_alter(c->store, "reseal", reseal_tx, &r, err));
    printf("数据密钥 %lld 已启用，%lld 个字段已重新加密；旧密钥保留，日志里的旧值仍可打开\n", (long long)key,
           (long long)r.fields);
    return 0;
}

int cmd_rotate_keys(Options *o)
{
    Err err = ERR_INIT;
    _cleanup_city_ OpenCity c = {0};
    return run(o, &c, &err) < 0 ? complain(&err) : EXIT_DONE;
}

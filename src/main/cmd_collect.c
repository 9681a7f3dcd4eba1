/* SPDX-License-Identifier: MulanPSL-2.0 */
/* collect: files that no record names any more. The server must be stopped: it holds the folder. */
#include "main/main.h"

#include "model/blobs.h"
#include "store/blob_collect.h"

typedef struct Named {
    BlobSet *set;
} Named;

static int named_tx(Tx *tx, void *p, Err *err)
{
    Named *n = p;
    _cleanup_arena_ Arena *a = arena_new();
    Rows *rows;
    int rc;
    TRY(blobs_named(tx, a, &rows, err));
    while ((rc = rows_next(rows, err)) > 0) blob_set_add(n->set, rows_val(rows, 0).s);
    rows_done(rows);
    return rc;
}

static int run(Options *o, OpenCity *c, Err *err)
{
    BlobSweep sum;
    _cleanup_blob_set_ BlobSet *set = blob_set_new();
    Named n = {set};
    TRY(city_open(o, NULL, false, c, err));
    TRY(store_read(c->store, "collect", named_tx, &n, err));
    TRY(blob_collect(c->store, set, o->dry_run, &sum, err));
    printf("%s：不再引用的文件 %lld 个，%lld 字节；未写完的 %lld 个，%lld 字节\n",
           o->dry_run ? "可以清除" : "已清除", (long long)sum.n, (long long)sum.bytes,
           (long long)sum.n_unfinished, (long long)sum.bytes_unfinished);
    return 0;
}

int cmd_collect(Options *o)
{
    Err err = ERR_INIT;
    _cleanup_city_ OpenCity c = {0};
    return run(o, &c, &err) < 0 ? complain(&err) : EXIT_DONE;
}

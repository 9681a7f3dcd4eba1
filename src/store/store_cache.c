/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Prepared statements of one connection, found by their text. A few hundred at most, so a scan over the
   hashes is faster than anything clever and needs no deletion logic. */
#include "store/store_int.h"

#include <assert.h>

CacheItem *cache_find(StmtCache *c, const char *text)
{
    uint64_t hash = str_hash(str_c(text));
    for (size_t i = 0; i < c->n; i++) {
        CacheItem *it = &c->items[i];
        if (it->hash != hash || !it->stmt || strcmp(it->text, text) != 0) continue;
        it->used = ++c->clock;
        return it;
    }
    return NULL;
}

static void drop(StmtCache *c, CacheItem *it)
{
    if (!it->stmt) return;
    c->drop(c->conn, it->stmt);
    free(it->text);
    *it = (CacheItem){0};
    atomic_fetch_sub(&c->store->count.statements_cached, 1);
}

static CacheItem *place(StmtCache *c)
{
    if (c->n < STORE_CACHE_MAX) return &c->items[c->n++];
    CacheItem *oldest = NULL;
    for (size_t i = 0; i < c->n; i++) {
        CacheItem *it = &c->items[i];
        if (!it->busy && (!oldest || it->used < oldest->used)) oldest = it;
    }
    if (oldest) drop(c, oldest);
    return oldest;
}

CacheItem *cache_keep(StmtCache *c, const char *text, void *stmt)
{
    CacheItem *it = place(c);
    if (!it) return NULL;
    *it = (CacheItem){.hash = str_hash(str_c(text)), .used = ++c->clock, .text = xstrdup(text), .stmt = stmt};
    atomic_fetch_add(&c->store->count.statements_cached, 1);
    return it;
}

void cache_clear(StmtCache *c)
{
    for (size_t i = 0; i < c->n; i++) {
        assert(!c->items[i].busy);
        drop(c, &c->items[i]);
    }
    c->n = 0;
}

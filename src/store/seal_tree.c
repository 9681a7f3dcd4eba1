/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * Proofs. A whole subtree of 2^(8q+r) leaves is made of 2^r hashes of level q (journal_node; level 0 is the
 * journal itself), which lie in one stretch of 256: so a proof reads at most one stretch of each level on its
 * way up, 256 rows for every factor of 256 in the journal's length.
 */
#include "store/seal_int.h"

#include "store_sql.h"

enum { LEVELS = 8, LEVEL_BITS = 8 };

typedef struct Tile {
    bool there;
    uint64_t idx;
    MerkleHash hash[SEAL_TILE];
    int64_t seq[SEAL_TILE]; /* of level 0 */
    size_t n;
} Tile;

struct Tiles {
    Tx *tx;
    Arena *arena;
    Sm3 *sum;
    Tile *level[LEVELS];
};

static void tiles_free(void *p) { sm3_free(((Tiles *)p)->sum); }

Tiles *tiles_new(Tx *tx, Arena *a)
{
    Tiles *t = ARENA_NEW(a, Tiles);
    *t = (Tiles){.tx = tx, .arena = a, .sum = sm3_new()};
    arena_defer(a, tiles_free, t);
    return t;
}

int hash_of_hex(Str hex, MerkleHash *ret)
{
    if (hex.n != 2 * SM3_SIZE) return -1;
    for (size_t i = 0; i < hex.n; i++) {
        char c = hex.p[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0) return -1;
        ret->b[i / 2] = (uint8_t)(i & 1 ? ret->b[i / 2] << 4 | digit : digit);
    }
    return 0;
}

int digest_leaf(Sm3 *h, Str hex, MerkleHash *ret, Err *err)
{
    MerkleHash digest;
    if (hash_of_hex(hex, &digest) < 0) return err_set(err, ERR_VERIFY, "日志的摘要不是 64 位十六进制");
    merkle_leaf(h, str_n((const char *)digest.b, SM3_SIZE), ret);
    return 0;
}

/* The bounds of the idx-th stretch of 256 entries: above *from, up to *to. */
static int bounds(Tiles *t, uint64_t idx, int64_t *from, int64_t *to, Err *err)
{
    Rows *r;
    *from = INT64_MIN;
    *to = INT64_MAX;
    for (int back = 0; back < 2; back++) {
        if (back && !idx) break;
        TRY(tx_query(t->tx, t->arena, &sql_store_seal_node_at, VALS(V_INT(1), V_INT((int64_t)idx - back)), &r,
                     err));
        int got = rows_next(r, err);
        if (got < 0) return got;
        if (got && !back) {
            *from = rows_int(r, 0) - 1;
            *to = rows_int(r, 1);
            return rows_done(r), 0;
        }
        if (got) *from = rows_int(r, 1);
        rows_done(r);
        if (back && !got)
            return err_set(err, ERR_VERIFY, "封存的树里缺第 %llu 段", (unsigned long long)idx - 1);
    }
    return 0;
}

static int load_entries(Tiles *t, Tile *tile, Err *err)
{
    Rows *r;
    int got;
    int64_t from, to;
    TRY(bounds(t, tile->idx, &from, &to, err));
    TRY(tx_query(t->tx, t->arena, &sql_store_seal_entries, VALS(V_INT(from), V_INT(to), V_INT(SEAL_TILE)), &r,
                 err));
    while ((got = rows_next(r, err)) == 1) {
        tile->seq[tile->n] = rows_int(r, 0);
        TRY(digest_leaf(t->sum, rows_val(r, 1).s, &tile->hash[tile->n++], err));
    }
    return got;
}

static int load_nodes(Tiles *t, Tile *tile, unsigned level, Err *err)
{
    Rows *r;
    int got;
    const int64_t first = (int64_t)(tile->idx << LEVEL_BITS);
    TRY(tx_query(t->tx, t->arena, &sql_store_seal_nodes,
                 VALS(V_INT(level), V_INT(first), V_INT(first + SEAL_TILE)), &r, err));
    while ((got = rows_next(r, err)) == 1)
        if (tile->n == SEAL_TILE || hash_of_hex(rows_val(r, 0).s, &tile->hash[tile->n++]) < 0)
            return err_set(err, ERR_VERIFY, "封存的树里有一个结点不是 64 位十六进制");
    return got;
}

static int tile_of(Tiles *t, unsigned level, uint64_t idx, Tile **ret, Err *err)
{
    Tile *tile = t->level[level];
    if (!tile) tile = t->level[level] = ARENA_NEW(t->arena, Tile);
    *ret = tile;
    if (tile->there && tile->idx == idx) return 0;
    tile->there = false;
    tile->idx = idx;
    tile->n = 0;
    TRY(level ? load_nodes(t, tile, level, err) : load_entries(t, tile, err));
    tile->there = true;
    return 0;
}

static int get(void *ctx, unsigned level, uint64_t index, MerkleHash *ret, Err *err)
{
    Tiles *t = ctx;
    Tile *tile;
    MerkleHash fold[SEAL_TILE];
    const unsigned kept = level / LEVEL_BITS, up = level % LEVEL_BITS;
    const uint64_t first = index << up;
    size_t n = (size_t)1 << up;
    if (kept >= LEVELS) return err_set(err, ERR_INTERNAL, "封存的树太高");
    TRY(tile_of(t, kept, first >> LEVEL_BITS, &tile, err));
    const size_t at = first & (SEAL_TILE - 1);
    if (at + n > tile->n)
        return err_set(err, ERR_VERIFY, "封存过的日志少了：第 %zu 段不完整", (size_t)tile->idx);
    memcpy(fold, tile->hash + at, n * sizeof *fold);
    for (; n > 1; n /= 2)
        for (size_t i = 0; i < n / 2; i++) merkle_pair(t->sum, &fold[2 * i], &fold[2 * i + 1], &fold[i]);
    *ret = fold[0];
    return 0;
}

MerkleSource tiles_source(Tiles *t) { return (MerkleSource){get, t}; }

int tiles_tail(Tiles *t, uint64_t size, int64_t *ret_first, Err *err)
{
    Tile *tile;
    *ret_first = 0;
    if (!(size & (SEAL_TILE - 1))) return 0;
    TRY(tile_of(t, 0, size >> LEVEL_BITS, &tile, err));
    if (!tile->n) return err_set(err, ERR_VERIFY, "封存过的日志少了：末尾一段是空的");
    *ret_first = tile->seq[0];
    return 0;
}

/* --- proofs
 * ------------------------------------------------------------------------------------------------- */

static int one_checkpoint(Tx *tx, Arena *a, const Sql *sql, const Val *args, size_t n, Checkpoint *ret,
                          Err *err)
{
    Rows *r;
    TRY(tx_query(tx, a, sql, args, n, &r, err));
    int got = rows_next(r, err);
    if (got < 0) return got;
    if (!got) return err_set(err, ERR_NOT_FOUND, "没有这个检查点");
    Str note = rows_text(r, a, 2);
    rows_done(r);
    if (checkpoint_parse(a, note, ret, err) < 0) return -(int)(err->code = ERR_VERIFY);
    return 0;
}

int seal_checkpoint(Tx *tx, Arena *a, int64_t size, Checkpoint *ret, Err *err)
{
    if (size) return one_checkpoint(tx, a, &sql_store_seal_at, VALS(V_INT(size)), ret, err);
    return one_checkpoint(tx, a, &sql_store_seal_last, NULL, 0, ret, err);
}

int seal_checkpoints(Tx *tx, Arena *a, int64_t after, bool newest_first, size_t limit, Checkpoint **ret,
                     size_t *ret_n, Err *err)
{
    Rows *r;
    int got;
    Checkpoint *all = NULL;
    size_t n = 0, cap = 0;
    if (newest_first && after <= 0) after = INT64_MAX;
    TRY(tx_query(tx, a, newest_first ? &sql_store_seal_before : &sql_store_seal_after,
                 VALS(V_INT(after), V_INT((int64_t)limit)), &r, err));
    while ((got = rows_next(r, err)) == 1) {
        Checkpoint *c = ARENA_PUSH(a, all, n, cap);
        if (checkpoint_parse(a, rows_text(r, a, 2), c, err) < 0 || c->size != rows_int(r, 0) ||
            c->seq != rows_int(r, 1))
            return err_set(err, ERR_VERIFY, "检查点 %lld 的文字被改动", (long long)rows_int(r, 0));
    }
    *ret = all;
    *ret_n = n;
    return got;
}

/* The place of the entry among the leaves. */
static int index_of(Tiles *t, int64_t seq, int64_t *ret, Err *err)
{
    Rows *r;
    Tile *tile;
    uint64_t idx = 0;
    TRY(tx_query(t->tx, t->arena, &sql_store_seal_node_of, VALS(V_INT(seq)), &r, err));
    int got = rows_next(r, err);
    if (got < 0) return got;
    if (got) idx = (uint64_t)rows_int(r, 0) + (seq > rows_int(r, 2));
    rows_done(r);
    TRY(tile_of(t, 0, idx, &tile, err));
    for (size_t i = 0; i < tile->n; i++)
        if (tile->seq[i] == seq) return *ret = (int64_t)(idx << LEVEL_BITS) + (int64_t)i, 0;
    return err_set(err, ERR_NOT_FOUND, "没有第 %lld 条日志", (long long)seq);
}

int seal_inclusion(Tx *tx, Arena *a, int64_t seq, int64_t size, Inclusion *ret, Err *err)
{
    Tiles *t = tiles_new(tx, a);
    MerkleSource source = tiles_source(t);
    ret->seq = seq;
    TRY(index_of(t, seq, &ret->index, err));
    int r = size ? seal_checkpoint(tx, a, size, &ret->under, err)
                 : one_checkpoint(tx, a, &sql_store_seal_covering, VALS(V_INT(seq)), &ret->under, err);
    if (r == -(int)ERR_NOT_FOUND && !size)
        return err_set(err, ERR_PRECONDITION, "第 %lld 条日志还没有封存", (long long)seq),
               err_hint(err, "通常一秒内就会封存，请稍后再试");
    TRY(r);
    if (ret->index >= ret->under.size)
        return err_set(err, ERR_NOT_FOUND, "检查点 %lld 早于第 %lld 条日志", (long long)size, (long long)seq);
    TRY(get(t, 0, (uint64_t)ret->index, &ret->leaf, err));
    return merkle_inclusion(&source, (uint64_t)ret->index, (uint64_t)ret->under.size, &ret->path, err);
}

int seal_growth(Tx *tx, Arena *a, int64_t from, int64_t to, Growth *ret, Err *err)
{
    MerkleSource source = tiles_source(tiles_new(tx, a));
    TRY(seal_checkpoint(tx, a, from, &ret->from, err));
    TRY(seal_checkpoint(tx, a, to, &ret->to, err));
    if (ret->from.size > ret->to.size)
        return err_set(err, ERR_INPUT, "from 要比 to 早"), err_pointer(err, "from");
    return merkle_consistency(&source, (uint64_t)ret->from.size, (uint64_t)ret->to.size, &ret->path, err);
}

/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * Sealing. A step reads up to SEAL_STEP entries above the last sealed one (never past the journal's horizon,
 * so no entry can appear under a checkpoint later), adds them to the tree's right edge in memory, and writes
 * the nodes that became whole and the signed checkpoint in one small transaction. That transaction reads only
 * the seal's own tables, so it is in no writer's way on PostgreSQL either. What it finds there decides: when
 * another server has sealed meanwhile, the step is thrown away and the edge is read anew.
 */
#include "store/seal_int.h"

#include "base/log.h"
#include "base/secret_file.h"
#include "store/follower.h"
#include "store_sql.h"

enum { SEAL_STEP = 20000, SEAL_LEVELS = 7 };
enum { EVERY_US = 800000, GATHER_US = 50000, IDLE_US = 10000000 };

typedef struct NewNode {
    int level;
    int64_t idx, first, last;
    MerkleHash hash;
} NewNode;

/* Where the tree stands, and what a step adds. */
typedef struct Seal {
    Store *store;
    Sm3 *sum;
    bool loaded;
    MerkleEdge edge;
    int64_t seq;                    /* last sealed entry */
    int64_t first[SEAL_LEVELS + 1]; /* first entry of the stretch of 256^level that grows */
    Arena *key_arena;
    SealSigner signer;
    /* a step */
    Arena *arena;
    int64_t base; /* edge.size before it */
    bool news, stale;
    NewNode *nodes;
    size_t n, cap;
    Str note;
} Seal;

struct Sealer {
    Seal seal;
    Follower *follower;
    ErrCode said; /* the failure that was logged last */
};

/* --- the edge
 * ----------------------------------------------------------------------------------------------- */

static int first_of_node(Tx *tx, Arena *a, int64_t idx, int64_t *ret, Err *err)
{
    Val v;
    TRY(tx_one(tx, a, &sql_store_seal_node_at, VALS(V_INT(1), V_INT(idx)), &v, err));
    *ret = v.i;
    return 0;
}

static int load(Tx *tx, void *p, Err *err)
{
    Seal *s = p;
    Checkpoint c;
    _cleanup_arena_ Arena *a = arena_new();
    s->edge = (MerkleEdge){0};
    s->seq = INT64_MIN + 1;
    int r = seal_checkpoint(tx, a, 0, &c, err);
    if (r == -(int)ERR_NOT_FOUND) return 0;
    TRY(r);
    Tiles *t = tiles_new(tx, a);
    MerkleSource source = tiles_source(t);
    MerkleHash root;
    TRY(merkle_edge_of(&source, (uint64_t)c.size, &s->edge, err));
    merkle_root(s->sum, &s->edge, &root);
    if (!merkle_equal(&root, &c.root))
        return err_set(err, ERR_VERIFY, "日志与检查点 %lld 不符，不再封存", (long long)c.size),
               err_hint(err, "停下服务，运行 chengshu verify 找出被改动的地方");
    s->seq = c.seq;
    TRY(tiles_tail(t, s->edge.size, &s->first[1], err));
    for (int level = 2; level <= SEAL_LEVELS; level++) {
        uint64_t idx = s->edge.size >> 8 * level << 8 * (level - 1);
        s->first[level] = s->first[1];
        if (idx < s->edge.size >> 8) TRY(first_of_node(tx, a, (int64_t)idx, &s->first[level], err));
    }
    return 0;
}

/* --- a step
 * ------------------------------------------------------------------------------------------------- */

static void add(Seal *s, const MerkleHash *leaf, int64_t seq)
{
    uint64_t size = s->edge.size;
    for (int level = 1; level <= SEAL_LEVELS && !(size & ((UINT64_C(1) << 8 * level) - 1)); level++)
        s->first[level] = seq;
    merkle_add(s->sum, &s->edge, leaf);
    size = s->edge.size;
    for (int level = 1; level <= SEAL_LEVELS && !(size & ((UINT64_C(1) << 8 * level) - 1)); level++)
        *ARENA_PUSH(s->arena, s->nodes, s->n, s->cap) = (NewNode){.level = level,
                                                                  .idx = (int64_t)(size >> 8 * level) - 1,
                                                                  .first = s->first[level],
                                                                  .last = seq,
                                                                  .hash = s->edge.at[8 * level]};
    s->seq = seq;
}

static int gather(Tx *tx, void *p, Err *err)
{
    Seal *s = p;
    Rows *r;
    int got;
    int64_t horizon;
    MerkleHash leaf;
    _cleanup_arena_ Arena *a = arena_new();
    if (!s->loaded || s->news) TRY(load(tx, s, err)); /* also when this read runs a second time */
    s->loaded = true;
    s->base = (int64_t)s->edge.size;
    s->news = false;
    s->nodes = NULL;
    s->n = s->cap = 0;
    TRY(journal_head(tx, &horizon, err));
    TRY(tx_query(tx, a, &sql_store_seal_entries, VALS(V_INT(s->seq), V_INT(horizon), V_INT(SEAL_STEP)), &r,
                 err));
    while ((got = rows_next(r, err)) == 1) {
        s->news = true;
        TRY(digest_leaf(s->sum, rows_val(r, 1).s, &leaf, err));
        add(s, &leaf, rows_int(r, 0));
    }
    return got;
}

static int write_step(Tx *tx, void *p, Err *err)
{
    Seal *s = p;
    Checkpoint last = {0};
    SealKey *keys;
    size_t n_keys;
    _cleanup_arena_ Arena *a = arena_new();
    int r = seal_checkpoint(tx, a, 0, &last, err);
    if (r < 0 && r != -(int)ERR_NOT_FOUND) return r;
    TRY(seal_keys(tx, a, &keys, &n_keys, err));
    s->stale = last.size != s->base || (int)n_keys != s->signer.id;
    if (s->stale) return 0;
    for (size_t i = 0; i < s->n; i++)
        TRY(tx_exec(tx, &sql_store_seal_node,
                    VALS(V_INT(s->nodes[i].level), V_INT(s->nodes[i].idx), V_INT(s->nodes[i].first),
                         V_INT(s->nodes[i].last), V_TEXT(hash_hex(a, &s->nodes[i].hash))),
                    NULL, err));
    return tx_exec(tx, &sql_store_seal_note,
                   VALS(V_INT((int64_t)s->edge.size), V_INT(s->seq), V_TEXT(s->note)), NULL, err);
}

static void forget_signer(Seal *s)
{
    signer_done(&s->signer);
    arena_free(TAKE(s->key_arena));
}

static int sign(Seal *s, Err *err)
{
    MerkleHash root;
    if (!s->key_arena) {
        s->key_arena = arena_new();
        int r = signer_load(s->store, s->key_arena, &s->signer, err);
        if (r < 0) return forget_signer(s), r;
    }
    merkle_root(s->sum, &s->edge, &root);
    const Checkpoint c = {.origin = s->signer.origin,
                          .size = (int64_t)s->edge.size,
                          .root = root,
                          .seq = s->seq,
                          .after = s->base,
                          .at_us = store_now_us()};
    Str body = checkpoint_body(s->arena, &c);
    return note_sign(s->arena, s->signer.key, s->signer.public_pem, s->signer.origin, s->signer.id, body,
                     &s->note, err);
}

/* Outside the database, so that a database put back to an older state is noticed. */
static int keep_outside(Seal *s, Err *err)
{
    return secret_file_write(str_fmt(s->arena, "%s/checkpoint.txt", s->store->dir).p, s->note, err);
}

/* 1: sealed something; 0: nothing to seal, or another server did. */
static int step(Seal *s, Err *err)
{
    _cleanup_arena_ Arena *a = arena_new();
    s->arena = a;
    int r = store_read(s->store, "seal.read", gather, s, err);
    if (r == 0 && !s->news) return 0;
    if (r == 0) r = sign(s, err);
    if (r == 0) r = store_tx(s->store, "seal.write", write_step, s, err);
    if (r == 0 && s->stale) forget_signer(s);
    if (r == 0 && !s->stale) r = keep_outside(s, err);
    s->loaded = r == 0 && !s->stale;
    s->news = false;
    if (r == -(int)ERR_UNIQUE) return 0; /* another server was first by a hair */
    if (r < 0 || s->stale) return r;
    atomic_fetch_add(&s->store->count.checkpoints, 1);
    atomic_store(&s->store->count.sealed, (int64_t)s->edge.size);
    return 1;
}

static void seal_done(Seal *s)
{
    forget_signer(s);
    sm3_free(s->sum);
}

int seal_now(Store *s, Err *err)
{
    int r;
    Err own = ERR_INIT;
    Seal seal = {.store = s, .sum = sm3_new()};
    while ((r = step(&seal, err ? err : &own)) > 0)
        ;
    seal_done(&seal);
    return r;
}

/* --- the thread
 * --------------------------------------------------------------------------------------------- */

/* Says a failure once, not every ten seconds. */
static int64_t failed(Sealer *s, const Err *err)
{
    if (s->said != err->code)
        log_event(LOG_ERROR, "journal not sealed", STR_NONE, "why", err->msg, "hint", err->hint, NULL);
    s->said = err->code;
    atomic_store(&s->seal.store->count.unsealable, true);
    return -IDLE_US;
}

static int64_t turn(void *p)
{
    Sealer *s = p;
    Err err = ERR_INIT;
    int r, steps = 0;
    while ((r = step(&s->seal, &err)) > 0 && !follower_stopping(s->follower)) steps++;
    if (r < 0) return failed(s, &err);
    s->said = ERR_NONE;
    atomic_store(&s->seal.store->count.unsealable, false);
    return steps ? -EVERY_US : IDLE_US;
}

int sealer_start(Store *s, Sealer **ret, Err *err)
{
    Sealer *x = xcalloc(1, sizeof *x);
    x->seal = (Seal){.store = s, .sum = sm3_new()};
    if (follower_start(s, "封存", GATHER_US, turn, x, &x->follower, err) < 0) {
        seal_done(&x->seal);
        free(x);
        return -(int)err->code;
    }
    *ret = x;
    return 0;
}

void sealer_stop(Sealer *s)
{
    Err err = ERR_INIT;
    int r;
    if (!s) return;
    follower_stop(s->follower);
    while ((r = step(&s->seal, &err)) > 0)
        ;
    if (r < 0) failed(s, &err);
    seal_done(&s->seal);
    free(s);
}

/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * The whole journal against its seal, in one pass in the order of the entries: the tree is built anew, and at
 * each size at which a node or a checkpoint was written, in the database or outside it, what was written must
 * be what is there. A node is compared first: it narrows a change down to 256 entries.
 */
#include "store/seal_int.h"

#include "base/secret_file.h"
#include "store_sql.h"

enum { BATCH = 500, LEVELS = 7, PAGE = 200 };

typedef struct Verify {
    Store *store;
    Arena *arena; /* keys, outside checkpoints */
    Sm3 *sum;
    SealKey *keys;
    size_t n_keys;
    Checkpoint *outside;
    size_t n_outside, cap_outside;
    Arena *page_arena; /* checkpoints of the database, a page at a time */
    Checkpoint *page;
    size_t n_page, at_page;
    MerkleEdge edge;
    int64_t last;                           /* size of the newest checkpoint */
    int64_t after, first[LEVELS + 1], good; /* good: last entry known to be as it was sealed */
    size_t got;                             /* entries of the last batch */
    Sealed ret;
} Verify;

/* --- what is compared
 * --------------------------------------------------------------------------------------- */

static int changed(const Verify *v, int64_t seq, Err *err)
{
    return err_set(err, ERR_VERIFY, "第 %lld 条之后、第 %lld 条及以前的日志与封存时不同：有改动、增添或删去",
                   (long long)v->good, (long long)seq);
}

static int check_node(Verify *v, Tx *tx, Arena *a, int level, int64_t seq, Err *err)
{
    Rows *r;
    MerkleHash kept;
    int64_t idx = (int64_t)(v->edge.size >> 8 * level) - 1;
    TRY(tx_query(tx, a, &sql_store_seal_node_at, VALS(V_INT(level), V_INT(idx)), &r, err));
    int got = rows_next(r, err);
    if (got < 0) return got;
    if (!got && (int64_t)v->edge.size > v->last) return 0; /* not sealed yet */
    if (!got) return err_set(err, ERR_VERIFY, "封存的树第 %d 层少了第 %lld 个结点", level, (long long)idx);
    bool same = hash_of_hex(rows_val(r, 2).s, &kept) == 0 && merkle_equal(&kept, &v->edge.at[8 * level]) &&
                rows_int(r, 0) == v->first[level] && rows_int(r, 1) == seq;
    rows_done(r);
    return same ? 0 : changed(v, seq, err);
}

static int check_checkpoint(Verify *v, const Checkpoint *c, int64_t seq, Err *err)
{
    MerkleHash root;
    merkle_root(v->sum, &v->edge, &root);
    if (!merkle_equal(&root, &c->root) || c->seq != seq) return changed(v, seq, err);
    return 0;
}

/* The next checkpoint of the database, NULL at the end. */
static int peek(Verify *v, Tx *tx, const Checkpoint **ret, Err *err)
{
    if (v->at_page == v->n_page) {
        int64_t after = v->n_page ? v->page[v->n_page - 1].size : v->ret.sealed;
        arena_free(v->page_arena);
        v->page_arena = arena_new();
        v->at_page = v->n_page = 0;
        TRY(seal_checkpoints(tx, v->page_arena, after, false, PAGE, &v->page, &v->n_page, err));
    }
    *ret = v->at_page < v->n_page ? &v->page[v->at_page] : NULL;
    return 0;
}

static int check_sealed(Verify *v, Tx *tx, int64_t seq, Err *err)
{
    const Checkpoint *c;
    TRY(peek(v, tx, &c, err));
    if (c && (uint64_t)c->size == v->edge.size) {
        if (c->after != v->ret.sealed)
            return err_set(err, ERR_VERIFY, "检查点 %lld 与 %lld 之间少了检查点", (long long)v->ret.sealed,
                           (long long)c->size);
        TRY(check_checkpoint(v, c, seq, err));
        TRY(checkpoint_check(v->page_arena, v->keys, v->n_keys, c, err));
        v->ret.sealed = c->size;
        v->ret.checkpoints++;
        v->good = seq;
        v->at_page++;
    }
    for (size_t i = 0; i < v->n_outside; i++)
        if ((uint64_t)v->outside[i].size == v->edge.size) {
            if (check_checkpoint(v, &v->outside[i], seq, err) < 0) return err_wrap(err, "库外保存的检查点");
            v->ret.outside = v->outside[i].size;
        }
    return 0;
}

static int check_entry(Verify *v, Tx *tx, Arena *a, const JournalEntry *e, Err *err)
{
    MerkleHash leaf;
    if (!journal_intact(e))
        return err_set(err, ERR_VERIFY, "日志第 %lld 条与其摘要不符，内容已被改动", (long long)e->seq);
    TRY(digest_leaf(v->sum, e->digest, &leaf, err));
    for (int l = 1; l <= LEVELS && !(v->edge.size & ((UINT64_C(1) << 8 * l) - 1)); l++) v->first[l] = e->seq;
    merkle_add(v->sum, &v->edge, &leaf);
    for (int l = 1; l <= LEVELS && !(v->edge.size & ((UINT64_C(1) << 8 * l) - 1)); l++)
        TRY(check_node(v, tx, a, l, e->seq, err));
    if (!(v->edge.size % SEAL_TILE)) v->good = e->seq;
    return check_sealed(v, tx, e->seq, err);
}

static int batch(Tx *tx, void *p, Err *err)
{
    Verify *v = p;
    JournalEntry *e;
    const JournalFilter f = {.after = v->after, .limit = BATCH};
    _cleanup_arena_ Arena *a = arena_new();
    TRY(journal_read(tx, a, &f, &e, &v->got, err));
    for (size_t i = 0; i < v->got; i++) TRY(check_entry(v, tx, a, &e[i], err));
    if (v->got) v->after = e[v->got - 1].seq;
    v->ret.entries += (int64_t)v->got;
    return 0;
}

/* --- before and after
 * ------------------------------------------------------------------------------------ */

static int missing(const Verify *v, const Checkpoint *c, const char *where, Err *err)
{
    return err_set(err, ERR_VERIFY, "日志只有 %lld 条，%s的检查点签过 %lld 条：末尾少了 %lld 条",
                   (long long)v->ret.entries, where, (long long)c->size,
                   (long long)(c->size - v->ret.entries));
}

static int check_counts(const Verify *v, Tx *tx, Arena *a, Err *err)
{
    Rows *r;
    int64_t nodes = 0;
    for (int level = 1; level <= LEVELS; level++) nodes += v->ret.sealed >> 8 * level;
    TRY(tx_query(tx, a, &sql_store_seal_counts, NULL, 0, &r, err));
    TRY(rows_next(r, err));
    const int64_t has_checkpoints = rows_int(r, 0), has_nodes = rows_int(r, 1);
    rows_done(r);
    if (has_checkpoints != v->ret.checkpoints)
        return err_set(err, ERR_VERIFY, "检查点应有 %lld 个，实有 %lld 个", (long long)v->ret.checkpoints,
                       (long long)has_checkpoints);
    if (has_nodes != nodes)
        return err_set(err, ERR_VERIFY, "封存的树应有 %lld 个结点，实有 %lld 个", (long long)nodes,
                       (long long)has_nodes);
    return 0;
}

static int last_checks(Tx *tx, void *p, Err *err)
{
    Verify *v = p;
    const Checkpoint *c;
    _cleanup_arena_ Arena *a = arena_new();
    TRY(peek(v, tx, &c, err));
    if (c && c->size > v->ret.entries) return missing(v, c, "库里", err);
    if (c) return err_set(err, ERR_VERIFY, "检查点 %lld 不在它的位置上", (long long)c->size);
    for (size_t i = 0; i < v->n_outside; i++)
        if (v->outside[i].size > v->ret.entries) return missing(v, &v->outside[i], "库外保存", err);
    return check_counts(v, tx, a, err);
}

static int load_keys(Tx *tx, void *p, Err *err)
{
    Verify *v = p;
    Checkpoint c = {0};
    int r = seal_checkpoint(tx, v->arena, 0, &c, err);
    if (r < 0 && r != -(int)ERR_NOT_FOUND) return r;
    v->last = c.size;
    return seal_keys(tx, v->arena, &v->keys, &v->n_keys, err);
}

static int add_outside(Verify *v, Str note, const char *where, Err *err)
{
    Checkpoint *c = ARENA_PUSH(v->arena, v->outside, v->n_outside, v->cap_outside);
    if (checkpoint_parse(v->arena, note, c, err) < 0)
        return err->code = ERR_VERIFY, err_wrap(err, "%s", where);
    if (checkpoint_check(v->arena, v->keys, v->n_keys, c, err) < 0) return err_wrap(err, "%s", where);
    return 0;
}

static int begin(Verify *v, const Str *outside, size_t n, Err *err)
{
    Str kept;
    TRY(store_read(v->store, "seal.verify_keys", load_keys, v, err));
    TRY(seal_keys_check(v->arena, v->keys, v->n_keys, err));
    for (size_t i = 0; i < v->n_keys; i++) v->ret.keys_alone += seal_key_alone(&v->keys[i]);
    TRY(seal_keys_at_home(v->arena, v->store->dir, v->keys, v->n_keys, err));
    TRY(secret_file_read(v->arena, str_fmt(v->arena, "%s/checkpoint.txt", v->store->dir).p, &kept, err));
    if (kept.p) TRY(add_outside(v, kept, "checkpoint.txt", err));
    for (size_t i = 0; i < n; i++) TRY(add_outside(v, outside[i], "给出的检查点", err));
    return 0;
}

int seal_verify(Store *s, const Str *outside, size_t n, Sealed *ret, Err *err)
{
    _cleanup_arena_ Arena *a = arena_new();
    _cleanup_sm3_ Sm3 *h = sm3_new();
    Verify v = {.store = s, .arena = a, .sum = h, .after = INT64_MIN + 1};
    int r = begin(&v, outside, n, err);
    do
        if (r == 0) r = store_read(s, "seal.verify", batch, &v, err);
    while (r == 0 && v.got);
    if (r == 0) r = store_read(s, "seal.verify_end", last_checks, &v, err);
    arena_free(v.page_arena);
    if (ret) *ret = v.ret;
    return r;
}

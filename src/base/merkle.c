/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Trees, proofs and their checks. The recursions follow RFC 6962 §2.1.1–2.1.2, the checks RFC 9162
   §2.1.3.2 and §2.1.4.2. */
#include "base/merkle.h"

#include <assert.h>

bool merkle_equal(const MerkleHash *a, const MerkleHash *b) { return memcmp(a->b, b->b, SM3_SIZE) == 0; }

void merkle_leaf(Sm3 *h, Str data, MerkleHash *ret)
{
    sm3_add(h, str_n("\0", 1));
    sm3_add(h, data);
    sm3_end(h, ret->b);
}

void merkle_pair(Sm3 *h, const MerkleHash *left, const MerkleHash *right, MerkleHash *ret)
{
    char text[1 + 2 * SM3_SIZE] = {1};
    memcpy(text + 1, left->b, SM3_SIZE);
    memcpy(text + 1 + SM3_SIZE, right->b, SM3_SIZE);
    sm3_add(h, str_n(text, sizeof text));
    sm3_end(h, ret->b);
}

void merkle_add(Sm3 *h, MerkleEdge *t, const MerkleHash *leaf)
{
    MerkleHash now = *leaf, up;
    unsigned level = 0;
    for (; t->size >> level & 1; level++) {
        merkle_pair(h, &t->at[level], &now, &up);
        t->at[level] = now;
        now = up;
    }
    t->at[level] = now;
    t->size++;
    assert(level < MERKLE_LEVELS);
}

void merkle_root(Sm3 *h, const MerkleEdge *t, MerkleHash *ret)
{
    bool any = false;
    for (unsigned level = 0; level < MERKLE_LEVELS; level++) {
        MerkleHash right = *ret;
        if (!(t->size >> level & 1)) continue;
        if (any)
            merkle_pair(h, &t->at[level], &right, ret);
        else
            *ret = t->at[level];
        any = true;
    }
    if (!any) sm3(S(""), ret->b);
}

/* --- proofs
 * ------------------------------------------------------------------------------------------------- */

/* The largest power of two below n, as its exponent; n >= 2. */
static unsigned split_of(uint64_t n) { return 63 - (unsigned)__builtin_clzll(n - 1); }

typedef struct Proof {
    const MerkleSource *source;
    Sm3 *sum;
    MerklePath *path;
} Proof;

/* Hash of the n leaves from `start`, which begins a subtree. */
static int subtree(const Proof *p, uint64_t start, uint64_t n, MerkleHash *ret, Err *err)
{
    MerkleHash left, right;
    if ((n & (n - 1)) == 0) {
        unsigned level = (unsigned)__builtin_ctzll(n);
        return p->source->get(p->source->ctx, level, start >> level, ret, err);
    }
    uint64_t k = UINT64_C(1) << split_of(n);
    TRY(subtree(p, start, k, &left, err));
    TRY(subtree(p, start + k, n - k, &right, err));
    merkle_pair(p->sum, &left, &right, ret);
    return 0;
}

static int push(const Proof *p, uint64_t start, uint64_t n, Err *err)
{
    assert(p->path->n < MERKLE_PATH_MAX);
    return subtree(p, start, n, &p->path->hash[p->path->n++], err);
}

/* Siblings on the way from the leaf `index` (counted from start) to the root of its n leaves. */
static int include(const Proof *p, uint64_t start, uint64_t index, uint64_t n, Err *err)
{
    if (n == 1) return 0;
    uint64_t k = UINT64_C(1) << split_of(n);
    if (index < k) {
        TRY(include(p, start, index, k, err));
        return push(p, start + k, n - k, err);
    }
    TRY(include(p, start + k, index - k, n - k, err));
    return push(p, start, k, err);
}

/* RFC 6962's SUBPROOF(m, D[start:start+n], known). */
static int grow(const Proof *p, uint64_t start, uint64_t m, uint64_t n, bool known, Err *err)
{
    if (m == n) return known ? 0 : push(p, start, n, err);
    uint64_t k = UINT64_C(1) << split_of(n);
    if (m <= k) {
        TRY(grow(p, start, m, k, known, err));
        return push(p, start + k, n - k, err);
    }
    TRY(grow(p, start + k, m - k, n - k, false, err));
    return push(p, start, k, err);
}

int merkle_root_of(const MerkleSource *s, uint64_t size, MerkleHash *ret, Err *err)
{
    _cleanup_sm3_ Sm3 *h = sm3_new();
    const Proof p = {.source = s, .sum = h};
    if (!size) return sm3(S(""), ret->b), 0;
    return subtree(&p, 0, size, ret, err);
}

int merkle_edge_of(const MerkleSource *s, uint64_t size, MerkleEdge *ret, Err *err)
{
    *ret = (MerkleEdge){.size = size};
    for (unsigned level = 0; level < MERKLE_LEVELS; level++)
        if (size >> level & 1) TRY(s->get(s->ctx, level, (size >> level) - 1, &ret->at[level], err));
    return 0;
}

int merkle_inclusion(const MerkleSource *s, uint64_t index, uint64_t size, MerklePath *ret, Err *err)
{
    _cleanup_sm3_ Sm3 *h = sm3_new();
    assert(index < size);
    ret->n = 0;
    return include(&(Proof){s, h, ret}, 0, index, size, err);
}

int merkle_consistency(const MerkleSource *s, uint64_t from, uint64_t to, MerklePath *ret, Err *err)
{
    _cleanup_sm3_ Sm3 *h = sm3_new();
    assert(from && from <= to);
    ret->n = 0;
    return grow(&(Proof){s, h, ret}, 0, from, to, true, err);
}

/* --- checks
 * ------------------------------------------------------------------------------------------------- */

bool merkle_check_inclusion(uint64_t index, uint64_t size, const MerkleHash *leaf, const MerklePath *path,
                            const MerkleHash *root)
{
    _cleanup_sm3_ Sm3 *h = sm3_new();
    if (index >= size) return false;
    uint64_t at = index, last = size - 1;
    MerkleHash now = *leaf, up;
    for (size_t i = 0; i < path->n; i++) {
        if (!last) return false;
        bool right = at & 1 || at == last;
        if (right)
            merkle_pair(h, &path->hash[i], &now, &up);
        else
            merkle_pair(h, &now, &path->hash[i], &up);
        if (right)
            while (!(at & 1) && at) at >>= 1, last >>= 1;
        now = up;
        at >>= 1;
        last >>= 1;
    }
    return last == 0 && merkle_equal(&now, root);
}

bool merkle_check_consistency(uint64_t from, uint64_t to, const MerkleHash *from_root,
                              const MerkleHash *to_root, const MerklePath *path)
{
    _cleanup_sm3_ Sm3 *h = sm3_new();
    if (!from || from > to) return false;
    if (from == to) return path->n == 0 && merkle_equal(from_root, to_root);
    uint64_t at = from - 1, last = to - 1;
    while (at & 1) at >>= 1, last >>= 1;
    /* A tree of whole subtrees begins its own proof. */
    bool whole = (from & (from - 1)) == 0;
    size_t i = whole ? 0 : 1;
    if (!whole && !path->n) return false;
    MerkleHash old = whole ? *from_root : path->hash[0], new = old, up;
    for (; i < path->n; i++) {
        if (!last) return false;
        if (at & 1 || at == last) {
            merkle_pair(h, &path->hash[i], &old, &up);
            old = up;
            merkle_pair(h, &path->hash[i], &new, &up);
            while (!(at & 1) && at) at >>= 1, last >>= 1;
        } else {
            merkle_pair(h, &new, &path->hash[i], &up);
        }
        new = up;
        at >>= 1;
        last >>= 1;
    }
    return last == 0 && merkle_equal(&old, from_root) && merkle_equal(&new, to_root);
}

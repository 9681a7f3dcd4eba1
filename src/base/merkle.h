/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/*
 * Merkle trees as in RFC 6962 §2.1 (and RFC 9162 §2.1), with SM3 in place of SHA-256: a leaf is SM3(0x00 ‖
 * data), a pair SM3(0x01 ‖ left ‖ right), the empty tree SM3(""). A tree of n leaves splits at the largest
 * power of two below n.
 */
#include "base/sm.h"

enum { MERKLE_LEVELS = 63, MERKLE_PATH_MAX = 2 * MERKLE_LEVELS };

typedef struct MerkleHash {
    uint8_t b[SM3_SIZE];
} MerkleHash;

bool merkle_equal(const MerkleHash *a, const MerkleHash *b);
void merkle_leaf(Sm3 *h, Str data, MerkleHash *ret);
void merkle_pair(Sm3 *h, const MerkleHash *left, const MerkleHash *right, MerkleHash *ret);

/* A tree that grows: the whole subtrees at its right edge. Start with {0}. */
typedef struct MerkleEdge {
    uint64_t size;
    MerkleHash at[MERKLE_LEVELS + 1]; /* at[l]: the last whole subtree of 2^l leaves; meaningful when bit l of
                                         size is set or 2^l divides size */
} MerkleEdge;

/* One or two hashes a leaf, counted over many. */
void merkle_add(Sm3 *h, MerkleEdge *t, const MerkleHash *leaf);
void merkle_root(Sm3 *h, const MerkleEdge *t, MerkleHash *ret);

/* Where a tree's whole subtrees come from: the hash over leaves index·2^level … (index+1)·2^level − 1. */
typedef struct MerkleSource {
    int (*get)(void *ctx, unsigned level, uint64_t index, MerkleHash *ret, Err *err);
    void *ctx;
} MerkleSource;

typedef struct MerklePath {
    MerkleHash hash[MERKLE_PATH_MAX];
    size_t n;
} MerklePath;

int merkle_root_of(const MerkleSource *s, uint64_t size, MerkleHash *ret, Err *err) CHECKED;
int merkle_edge_of(const MerkleSource *s, uint64_t size, MerkleEdge *ret, Err *err) CHECKED;
/* That leaf `index` is in the tree of `size` leaves: about log2(size) hashes, from the leaf upward.
   index < size. */
int merkle_inclusion(const MerkleSource *s, uint64_t index, uint64_t size, MerklePath *ret, Err *err) CHECKED;
/* That the tree of `from` leaves is the beginning of the tree of `to`. 0 < from <= to. */
int merkle_consistency(const MerkleSource *s, uint64_t from, uint64_t to, MerklePath *ret, Err *err) CHECKED;

bool merkle_check_inclusion(uint64_t index, uint64_t size, const MerkleHash *leaf, const MerklePath *path,
                            const MerkleHash *root);
bool merkle_check_consistency(uint64_t from, uint64_t to, const MerkleHash *from_root,
                              const MerkleHash *to_root, const MerklePath *path);

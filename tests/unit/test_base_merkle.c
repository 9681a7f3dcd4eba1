/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Trees against the definition written out plainly; every proof of every small tree, and every proof gone
 * wrong. */
#include "base/merkle.h"

#include "unit.h"

enum { N = 70 };

static MerkleHash leaves[N];

static int setup(void **state)
{
    (void)state;
    _cleanup_sm3_ Sm3 *h = sm3_new();
    for (int i = 0; i < N; i++) {
        char text[16];
        int n = snprintf(text, sizeof text, "entry %d", i);
        merkle_leaf(h, str_n(text, (size_t)n), &leaves[i]);
    }
    return 0;
}

/* RFC 6962 §2.1, word for word. */
static MerkleHash mth(int from, int to)
{
    MerkleHash ret, left, right;
    char text[65] = {1};
    if (from == to) return sm3(S(""), ret.b), ret;
    if (to - from == 1) return leaves[from];
    int k = 1;
    while (2 * k < to - from) k *= 2;
    left = mth(from, from + k);
    right = mth(from + k, to);
    memcpy(text + 1, left.b, 32);
    memcpy(text + 33, right.b, 32);
    sm3(str_n(text, sizeof text), ret.b);
    return ret;
}

static int whole(void *ctx, unsigned level, uint64_t index, MerkleHash *ret, Err *err)
{
    (void)ctx, (void)err;
    *ret = mth((int)(index << level), (int)((index + 1) << level));
    return 0;
}

static const MerkleSource source = {whole, NULL};

static void roots__are_those_of_the_definition(void **state)
{
    (void)state;
    Err err = ERR_INIT;
    MerkleEdge t = {0}, again;
    MerkleHash got, want;
    _cleanup_sm3_ Sm3 *h = sm3_new();
    for (int i = 0; i <= N; i++) {
        want = mth(0, i);
        merkle_root(h, &t, &got);
        assert_true(merkle_equal(&got, &want));
        assert_int_equal(merkle_root_of(&source, (uint64_t)i, &got, &err), 0);
        assert_true(merkle_equal(&got, &want));
        assert_int_equal(merkle_edge_of(&source, (uint64_t)i, &again, &err), 0);
        merkle_root(h, &again, &got);
        assert_true(merkle_equal(&got, &want));
        if (i < N) merkle_add(h, &t, &leaves[i]);
    }
}

static void leaf__is_not_a_pair(void **state)
{
    (void)state;
    char two[64];
    MerkleHash pair, leaf;
    _cleanup_sm3_ Sm3 *h = sm3_new();
    memcpy(two, leaves[0].b, 32);
    memcpy(two + 32, leaves[1].b, 32);
    merkle_pair(h, &leaves[0], &leaves[1], &pair);
    merkle_leaf(h, str_n(two, sizeof two), &leaf);
    assert_false(merkle_equal(&pair, &leaf));
}

static void inclusion__of_every_leaf_in_every_tree(void **state)
{
    (void)state;
    Err err = ERR_INIT;
    MerklePath path;
    for (uint64_t size = 1; size <= N; size++) {
        MerkleHash root = mth(0, (int)size);
        for (uint64_t i = 0; i < size; i++) {
            assert_int_equal(merkle_inclusion(&source, i, size, &path, &err), 0);
            assert_true(merkle_check_inclusion(i, size, &leaves[i], &path, &root));
            assert_false(merkle_check_inclusion(i + 1, size, &leaves[i], &path, &root));
            assert_false(merkle_check_inclusion(i, size, &leaves[(i + 1) % N], &path, &root));
            if (!path.n) continue;
            path.hash[i % path.n].b[size % 32] ^= 1;
            assert_false(merkle_check_inclusion(i, size, &leaves[i], &path, &root));
            path.hash[i % path.n].b[size % 32] ^= 1;
            path.n--;
            assert_false(merkle_check_inclusion(i, size, &leaves[i], &path, &root));
        }
    }
}

static void consistency__of_every_two_trees(void **state)
{
    (void)state;
    Err err = ERR_INIT;
    MerklePath path;
    for (uint64_t to = 1; to <= N; to++)
        for (uint64_t from = 1; from <= to; from++) {
            MerkleHash old = mth(0, (int)from), new = mth(0, (int)to),
                       other = from < N ? mth(1, (int)from + 1) : leaves[0];
            assert_int_equal(merkle_consistency(&source, from, to, &path, &err), 0);
            assert_true(merkle_check_consistency(from, to, &old, &new, &path));
            if (from < N) assert_false(merkle_check_consistency(from, to, &other, &new, &path));
            assert_false(merkle_check_consistency(from, to, &old, &leaves[0], &path) && to > 1);
            if (!path.n) continue;
            path.hash[from % path.n].b[to % 32] ^= 0x80;
            assert_false(merkle_check_consistency(from, to, &old, &new, &path));
            path.hash[from % path.n].b[to % 32] ^= 0x80;
            path.n--;
            assert_false(merkle_check_consistency(from, to, &old, &new, &path));
        }
    assert_false(merkle_check_consistency(0, 3, &leaves[0], &leaves[0], &path));
    assert_false(merkle_check_consistency(4, 3, &leaves[0], &leaves[0], &path));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roots__are_those_of_the_definition),
        cmocka_unit_test(leaf__is_not_a_pair),
        cmocka_unit_test(inclusion__of_every_leaf_in_every_tree),
        cmocka_unit_test(consistency__of_every_two_trees),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}

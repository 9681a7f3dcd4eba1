/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * Sealing on one core: entries a second through the tree alone, and from a real journal in the database to
 * signed checkpoints; against a signature an entry (SM2) and a plain chain of SM3. Proofs: time of one. `seal
 * [ENTRIES]`.
 */
#include "store/seal.h"

#include "testdb.h"

#include <time.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void line(const char *what, double per_second)
{
    printf("seal %s: %s %.0f/s\n", testdb_is_postgres() ? "postgres" : "sqlite", what, per_second);
}

static void in_memory(int64_t n)
{
    _cleanup_sm3_ Sm3 *h = sm3_new();
    MerkleEdge t = {0};
    MerkleHash leaf, data = {{7}};
    double begin = now();
    for (int64_t i = 0; i < n; i++) {
        memcpy(data.b, &i, sizeof i);
        merkle_leaf(h, str_n((const char *)data.b, SM3_SIZE), &leaf);
        merkle_add(h, &t, &leaf);
    }
    line("tree alone, entries", (double)n / (now() - begin));
    begin = now();
    for (int64_t i = 0; i < n; i++) { /* the peer: each entry's hash over the one before */
        sm3_add(h, str_n((const char *)data.b, SM3_SIZE));
        sm3_add(h, str_n((const char *)&i, sizeof i));
        sm3_end(h, data.b);
    }
    line("peer: a chain of SM3, entries", (double)n / (now() - begin));
}

static void signatures(void)
{
    enum { N = 1000 };
    _cleanup_arena_ Arena *a = arena_new();
    _cleanup_sm2_ Sm2Key *key = NULL;
    Err err = ERR_INIT;
    Str der;
    if (sm2_generate(&key, &err) < 0) exit(1);
    double begin = now();
    for (int i = 0; i < N; i++)
        if (sm2_sign(a, key, SM2_ID_DEFAULT, S("0123456789abcdef0123456789abcdef"), &der, &err) < 0) exit(1);
    line("peer: an SM2 signature an entry", N / (now() - begin));
}

static int prove_tx(Tx *tx, void *p, Err *err)
{
    Inclusion in;
    int64_t seq = *(int64_t *)p;
    _cleanup_arena_ Arena *a = arena_new();
    return seal_inclusion(tx, a, seq, 0, &in, err);
}

int main(int argc, char **argv)
{
    int64_t n = 1000000;
    Err err = ERR_INIT;
    if (argc > 1 && (!str_int(str_c(argv[1]), &n) || n < 1000))
        return fprintf(stderr, "usage: seal [ENTRIES]\n"), 2;
    if (!testdb_is_postgres()) {
        in_memory(n);
        signatures();
    }
    char sql[900];
    TestDb *t = testdb_new(NULL);
    snprintf(sql, sizeof sql,
             testdb_is_postgres()
                 ? "insert into journal select i, i, 'steward', '', '', '', 'town', i::text, 'update', "
                   "repeat('b', 60),"
                   " repeat('a', 120), md5(i::text) || md5((i + 1)::text) from generate_series(1, %lld) i;"
                   " select setval('journal_seq', %lld); analyze journal"
                 : "with recursive n(i) as (select 1 union all select i + 1 from n where i < %lld)"
                   " insert into journal select i, i, 'steward', '', '', '', 'town', i, 'update', "
                   "printf('%%060d', i),"
                   " printf('%%0120d', i), lower(hex(randomblob(32))) from n where i <= %lld",
             (long long)n, (long long)n);
    testdb_raw(t, sql);
    Store *s = testdb_store(t);
    double begin = now();
    if (seal_now(s, &err) < 0) return fprintf(stderr, "%s\n", err.msg), 1;
    double spent = now() - begin;
    StoreStats st;
    store_stats(s, &st);
    line("journal to signed checkpoints, entries", (double)n / spent);
    line("of them checkpoints", (double)st.checkpoints / spent);
    begin = now();
    enum { PROOFS = 500 };
    for (int i = 0; i < PROOFS; i++) {
        int64_t seq = 1 + i * (n / PROOFS);
        if (store_read(s, "prove", prove_tx, &seq, &err) < 0) return fprintf(stderr, "%s\n", err.msg), 1;
    }
    line("proofs", PROOFS / (now() - begin));
    testdb_free(t);
    return 0;
}

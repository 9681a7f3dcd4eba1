/* SPDX-License-Identifier: MulanPSL-2.0 */
/* The journal's seal: checkpoints beside writers, proofs of every entry, keys, and every kind of damage. */
#include "store/seal.h"

#include "base/secret_file.h"
#include "base/sm.h"
#include "testdb.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

static void good(int r, const Err *err)
{
    if (r < 0) fail_msg("%s", err->msg);
}

typedef struct Adding {
    int from, n;
    bool fail; /* after the numbers were taken: they are gaps on PostgreSQL */
} Adding;

static int add_tx(Tx *tx, void *p, Err *err)
{
    const Adding *x = p;
    for (int i = x->from; i < x->from + x->n; i++) {
        char record[16];
        snprintf(record, sizeof record, "%d", i);
        JournalEntry e = {.actor = S("steward"),
                          .entity = S("town"),
                          .record = str_c(record),
                          .op = S("insert"),
                          .after = S("{\"title\":\"城关镇\"}")};
        TRY(journal_add(tx, &e, err));
    }
    return x->fail ? err_set(err, ERR_VALIDATION, "不") : 0;
}

static void add(Store *s, int from, int n)
{
    Err err = ERR_INIT;
    Adding x = {from, n, false};
    good(store_tx(s, "add", add_tx, &x, &err), &err);
}

static void seal(Store *s)
{
    Err err = ERR_INIT;
    good(seal_now(s, &err), &err);
}

static Sealed whole(Store *s)
{
    Err err = ERR_INIT;
    Sealed sealed;
    good(seal_verify(s, NULL, 0, &sealed, &err), &err);
    return sealed;
}

/* --- proofs
 * ------------------------------------------------------------------------------------------------- */

typedef struct Proving {
    Arena *a;
    int64_t entries;
} Proving;

static int prove_all(Tx *tx, void *p, Err *err)
{
    Proving *x = p;
    Checkpoint *c;
    JournalEntry *e;
    Inclusion in;
    Growth g;
    size_t n, n_entries;
    x->entries = 0;
    TRY(seal_checkpoints(tx, x->a, 0, false, 100, &c, &n, err));
    assert_true(n >= 4);
    for (int64_t after = INT64_MIN + 1;; after = e[n_entries - 1].seq) {
        const JournalFilter f = {.after = after, .limit = 500};
        TRY(journal_read(tx, x->a, &f, &e, &n_entries, err));
        if (!n_entries) break;
        for (size_t i = 0; i < n_entries; i++) {
            bool newest = i % 3 == 0;
            TRY(seal_inclusion(tx, x->a, e[i].seq, newest ? c[n - 1].size : 0, &in, err));
            assert_int_equal(in.index, x->entries++);
            assert_true(in.under.size > in.index && (!newest || in.under.size == c[n - 1].size));
            assert_true(merkle_check_inclusion((uint64_t)in.index, (uint64_t)in.under.size, &in.leaf,
                                               &in.path, &in.under.root));
        }
    }
    for (size_t i = 0; i < n; i++)
        for (size_t j = i; j < n; j++) {
            TRY(seal_growth(tx, x->a, c[i].size, c[j].size, &g, err));
            assert_true(merkle_check_consistency((uint64_t)c[i].size, (uint64_t)c[j].size, &c[i].root,
                                                 &c[j].root, &g.path));
        }
    return 0;
}

static void proofs__of_every_entry_and_growth(void **state)
{
    Store *s = testdb_store(*state);
    Err err = ERR_INIT;
    _cleanup_arena_ Arena *a = arena_new();
    static const int steps[] = {1, 255, 1, 700, 43, 1000};
    int at = 0;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        Adding lost = {at, 3, true};
        assert_true(store_tx(s, "lost", add_tx, &lost, &err) < 0);
        add(s, at, steps[i]);
        at += steps[i];
        seal(s);
    }
    seal(s); /* nothing new */
    Sealed sealed = whole(s);
    assert_int_equal(sealed.entries, at);
    assert_int_equal(sealed.sealed, at);
    assert_int_equal(sealed.checkpoints, 6);
    assert_int_equal(sealed.outside, at);
    Proving p = {.a = a};
    good(store_read(s, "prove", prove_all, &p, &err), &err);
    assert_int_equal(p.entries, at);
}

typedef struct Last {
    Arena *a;
    JournalEntry e;
    int got;
    Err err;
} Last;

static int prove_last(Tx *tx, void *p, Err *err)
{
    Last *l = p;
    JournalEntry *e;
    Inclusion in;
    size_t n;
    const JournalFilter f = {.newest_first = true, .limit = 1};
    TRY(journal_read(tx, l->a, &f, &e, &n, err));
    l->got = seal_inclusion(tx, l->a, e->seq, 0, &in, &l->err);
    return 0;
}

static void proofs__of_what_is_not_sealed(void **state)
{
    Store *s = testdb_store(*state);
    Err err = ERR_INIT;
    _cleanup_arena_ Arena *a = arena_new();
    add(s, 0, 300);
    seal(s);
    add(s, 300, 1);
    Last l = {.a = a};
    good(store_read(s, "prove", prove_last, &l, &err), &err);
    assert_int_equal(l.got, -ERR_PRECONDITION);
    assert_true(l.err.hint[0]);
    Sealed sealed = whole(s);
    assert_int_equal(sealed.entries - sealed.sealed, 1);
    seal(s);
    good(store_read(s, "prove", prove_last, &l, &err), &err);
    assert_int_equal(l.got, 0);
}

/* --- beside writers
 * ----------------------------------------------------------------------------------------- */

typedef struct Writing {
    Store *s;
    _Atomic int *next;
    _Atomic bool *stop;
} Writing;

static void *write_on(void *p)
{
    Writing *w = p;
    while (!atomic_load(w->stop)) add(w->s, atomic_fetch_add(w->next, 2), 2);
    return NULL;
}

static void sealer__beside_writers(void **state)
{
    enum { WRITERS = 8 };
    TestDb *t = *state;
    Store *s = testdb_store(t), *second = testdb_is_postgres() ? testdb_second(t) : NULL;
    Err err = ERR_INIT;
    _Atomic int next = 0;
    _Atomic bool stop = false;
    pthread_t threads[WRITERS];
    Sealer *sealer, *other = NULL;
    seal(s);
    add(s, atomic_fetch_add(&next, 1), 1);
    seal(s);
    good(sealer_start(s, &sealer, &err), &err);
    if (second) { /* the same keys, as operations.md asks for */
        char command[600];
        snprintf(command, sizeof command, "cp -r %s/keys %s-second/", testdb_dir(t), testdb_dir(t));
        assert_int_equal(system(command), 0);
        good(sealer_start(second, &other, &err), &err);
    }
    Writing w = {s, &next, &stop}, w2 = {second ? second : s, &next, &stop};
    for (int i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_on, i % 2 ? &w : &w2), 0);
    usleep(2300000);
    atomic_store(&stop, true);
    for (int i = 0; i < WRITERS; i++) pthread_join(threads[i], NULL);
    sealer_stop(other);
    sealer_stop(sealer);
    store_free(second);
    Sealed sealed = whole(s);
    assert_int_equal(sealed.entries, atomic_load(&next));
    assert_int_equal(sealed.sealed, sealed.entries);
    assert_true(sealed.checkpoints >= 4); /* the first, one a second, and the last */
}

/* --- keys
 * --------------------------------------------------------------------------------------------------- */

static void keys__take_turns(void **state)
{
    TestDb *t = *state;
    Store *s = testdb_store(t);
    Err err = ERR_INIT;
    _cleanup_arena_ Arena *a = arena_new();
    Str pem;
    int id;
    for (int i = 0; i < 3; i++) {
        add(s, i * 400, 400);
        good(seal_rotate(s, &id, &err), &err);
        assert_int_equal(id, i + 2);
    }
    add(s, 5000, 10);
    seal(s);
    assert_int_equal(whole(s).checkpoints, 4);
    Str old = str_fmt(a, "%s/keys/seal-1.pem", testdb_dir(t)),
        now = str_fmt(a, "%s/keys/seal-4.pem", testdb_dir(t));
    good(secret_file_read(a, old.p, &pem, &err), &err);
    assert_null(pem.p);
    good(secret_file_read(a, now.p, &pem, &err), &err);
    assert_non_null(pem.p);
    /* without the present key's file nothing is sealed, and it is said */
    assert_int_equal(unlink(now.p), 0);
    add(s, 6000, 1);
    assert_int_equal(seal_now(s, &err), -ERR_NOT_FOUND);
    assert_non_null(strstr(err.msg, "seal-4.pem"));
    good(secret_file_write(now.p, pem, &err), &err);
    seal(s);
    assert_int_equal(whole(s).sealed, 1214); /* a change of keys is an entry too */
}

static void keys__a_damaged_one_is_as_good_as_lost(void **state)
{
    TestDb *t = *state;
    Store *s = testdb_store(t);
    Err err = ERR_INIT;
    _cleanup_arena_ Arena *a = arena_new();
    Str pem, path = str_fmt(a, "%s/keys/seal-1.pem", testdb_dir(t));
    int id;
    add(s, 0, 3);
    seal(s);
    good(secret_file_read(a, path.p, &pem, &err), &err);
    add(s, 3, 1);
    /* one that others may read is there: nothing is replaced */
    assert_int_equal(chmod(path.p, 0644), 0);
    assert_int_equal(seal_replace_lost(s, &id, &err), -ERR_VERIFY);
    /* another's, or half of it, is not */
    good(secret_file_write(path.p, (Str){pem.p, pem.n / 2}, &err), &err);
    assert_int_equal(seal_now(s, &err), -ERR_NOT_FOUND);
    assert_non_null(strstr(err.msg, "损坏"));
    _cleanup_sm2_ Sm2Key *stranger = NULL;
    Str theirs;
    good(sm2_generate(&stranger, &err), &err);
    good(sm2_private_pem(a, stranger, &theirs, &err), &err);
    good(secret_file_write(path.p, theirs, &err), &err);
    assert_int_equal(seal_now(s, &err), -ERR_NOT_FOUND);
    assert_non_null(strstr(err.msg, "另一把"));
    good(seal_replace_lost(s, &id, &err), &err);
    assert_int_equal(id, 2);
    seal(s);
    assert_int_equal(whole(s).keys_alone, 1);
}

static void keys__a_lost_one_is_followed_by_one_that_says_so(void **state)
{
    TestDb *t = *state;
    Store *s = testdb_store(t);
    Err err = ERR_INIT;
    _cleanup_arena_ Arena *a = arena_new();
    Sealed sealed;
    Str pub;
    int id;
    add(s, 0, 300);
    good(seal_rotate(s, &id, &err), &err);
    assert_int_equal(seal_replace_lost(s, &id, &err), -ERR_CONFLICT);
    add(s, 300, 50);
    seal(s);
    assert_int_equal(whole(s).keys_alone, 0);
    assert_int_equal(unlink(str_fmt(a, "%s/keys/seal-2.pem", testdb_dir(t)).p), 0);
    add(s, 400, 10);
    assert_int_equal(seal_now(s, &err), -ERR_NOT_FOUND);
    good(seal_replace_lost(s, &id, &err), &err);
    assert_int_equal(id, 3);
    seal(s);
    sealed = whole(s);
    assert_int_equal(sealed.sealed, 362);
    assert_int_equal(sealed.keys_alone, 1);
    /* from there on as ever */
    good(seal_rotate(s, &id, &err), &err);
    assert_int_equal(id, 4);
    seal(s);
    assert_int_equal(whole(s).sealed, 363);
    /* another's key that vouches for itself is not this machine's */
    Str path = str_fmt(a, "%s/keys/seal-3.pub", testdb_dir(t));
    good(secret_file_read(a, path.p, &pub, &err), &err);
    assert_int_equal(unlink(path.p), 0);
    assert_int_equal(seal_verify(s, NULL, 0, &sealed, &err), -ERR_VERIFY);
    assert_non_null(strstr(err.msg, "3 号封存密钥没有前一把的认可"));
    good(secret_file_write(path.p, pub, &err), &err);
    /* nor may an endorsed one be turned into one, or its loss be taken out of the text */
    testdb_raw(t, "create table saved as select * from seal_key");
    static const char *const forged[] = {
        ("update seal_key set endorsement = replace(endorsement, 'key 2 is lost', 'key 1 is lost') where id "
         "= "
         "3"),
        "update seal_key set endorsement = replace(endorsement, '/3 ', '/2 ') where id = 3",
        "update seal_key set endorsement = replace(endorsement, '/3 ', '/4 ') where id = 4",
        "update seal_key set endorsement = 'x' where id = 3"};
    for (size_t i = 0; i < sizeof forged / sizeof *forged; i++) {
        testdb_raw(t, forged[i]);
        if (seal_verify(s, NULL, 0, &sealed, &err) != -ERR_VERIFY) fail_msg("not found: %s", forged[i]);
        testdb_raw(t, "delete from seal_key");
        testdb_raw(t, "insert into seal_key select * from saved");
    }
    assert_int_equal(whole(s).keys_alone, 1);
}

/* --- damage
 * ------------------------------------------------------------------------------------------------- */

static const struct Damage {
    const char *sql, *says;
} damage[] = {
    {"delete from journal where record = '700'", "日志"},
    {"update journal set seq = 100000 where record = '700'", "日志"},
    {"update journal set record = '700x' where record = '700'", "第"},
    {"update journal set digest = (select digest from journal where record = '701') where record = '700'",
     "摘要"},
    {"delete from journal where record >= '7' and record < '8'", "日志"},
    {"update journal_node set hash = (select hash from journal_node where level = 1 and idx = 1)"
     " where level = 1 and idx = 2",
     "日志"},
    {"update journal_node set last_seq = last_seq - 1 where level = 1 and idx = 2", "日志"},
    {"delete from journal_node where level = 1 and idx = 2", "结点"},
    {"insert into journal_node values (2, 9, 1, 1, 'ab')", "结点"},
    {"delete from journal_checkpoint where size = 500", "少了检查点"},
    {"update journal_checkpoint set note = replace(note, 'seq', 'sep') where size = 500", "检查点"},
    {"update journal_checkpoint set note = (select note from journal_checkpoint where size = 1001)"
     " where size = 500",
     "检查点"},
    {"update journal_checkpoint set seq = seq + 1 where size = 500", "检查点"},
    {"update journal_checkpoint set size = 501 where size = 500", "检查点"},
    {"update seal_key set since = 499 where id = 2", "密钥"},
    {"update seal_key set public = (select public from seal_key where id = 2) where id = 1", "密钥"},
    {"delete from seal_key where id = 2", "密钥"},
    {"delete from seal_key; delete from journal_checkpoint; delete from journal_node", "检查点"},
    {"delete from journal where record > '1390' and length(record) = 4", "末尾少了"},
    {"delete from journal where record > '1390' and length(record) = 4;"
     "delete from journal_checkpoint where size > 1001",
     "库外"},
    {"delete from journal where length(record) = 4;"
     "delete from journal_checkpoint where size > 500",
     "库外"},
    {"delete from journal; delete from journal_checkpoint; delete from journal_node", "库外"},
};

static const char *const sealed_tables[] = {"journal", "journal_node", "journal_checkpoint", "seal_key"};

static void for_tables(TestDb *t, const char *first, const char *second)
{
    char sql[256];
    for (size_t i = 0; i < sizeof sealed_tables / sizeof *sealed_tables; i++) {
        const char *name = sealed_tables[i];
        snprintf(sql, sizeof sql, first, name, name);
        testdb_raw(t, sql);
        if (second) {
            snprintf(sql, sizeof sql, second, name, name);
            testdb_raw(t, sql);
        }
    }
}

static void damage__is_found(void **state)
{
    TestDb *t = *state;
    Store *s = testdb_store(t);
    Err err = ERR_INIT;
    Sealed sealed;
    int id;
    add(s, 0, 500);
    good(seal_rotate(s, &id, &err), &err);
    add(s, 500, 500);
    seal(s);
    add(s, 1000, 400);
    seal(s);
    whole(s);
    for_tables(t, "create table saved_%s as select * from %s", NULL);
    for (size_t i = 0; i < sizeof damage / sizeof *damage; i++) {
        testdb_raw(t, damage[i].sql);
        int r = seal_verify(s, NULL, 0, &sealed, &err);
        if (r != -ERR_VERIFY) fail_msg("not found: %s (%d)", damage[i].sql, r);
        if (!strstr(err.msg, damage[i].says)) fail_msg("%s: says %s", damage[i].sql, err.msg);
        for_tables(t, "delete from %s", "insert into %s select * from saved_%s");
    }
    whole(s);
}

static void outside__checkpoint_finds_a_rewritten_journal(void **state)
{
    TestDb *t = *state;
    Store *s = testdb_store(t);
    Err err = ERR_INIT;
    Sealed sealed;
    _cleanup_arena_ Arena *a = arena_new();
    Str kept, path = str_fmt(a, "%s/checkpoint.txt", testdb_dir(t));
    add(s, 0, 600);
    seal(s);
    good(secret_file_read(a, path.p, &kept, &err), &err);
    good(seal_verify(s, &kept, 1, &sealed, &err), &err);
    /* who holds the key, too, takes the last entries away and seals anew */
    testdb_raw(t, "delete from journal where record >= '590'; delete from journal_checkpoint; delete from "
                  "journal_node");
    assert_int_equal(unlink(path.p), 0);
    seal(s);
    good(seal_verify(s, NULL, 0, &sealed, &err), &err);
    assert_int_equal(seal_verify(s, &kept, 1, &sealed, &err), -ERR_VERIFY);
    assert_non_null(strstr(err.msg, "末尾少了"));
    add(s, 590, 100);
    seal(s);
    assert_int_equal(seal_verify(s, &kept, 1, &sealed, &err), -ERR_VERIFY);
    assert_non_null(strstr(err.msg, "库外"));
    /* not of this journal at all */
    Str other = str_dup(a, kept);
    ((char *)other.p)[9] ^= 1;
    assert_int_equal(seal_verify(s, &other, 1, &sealed, &err), -ERR_VERIFY);
    const Str junk[] = {S(""), S("\n\n"), S("chengshu/0\n1\n"), str_n(kept.p, kept.n - 1),
                        str_n(kept.p, kept.n / 2)};
    for (size_t i = 0; i < sizeof junk / sizeof *junk; i++)
        assert_int_equal(seal_verify(s, &junk[i], 1, &sealed, &err), -ERR_VERIFY);
}

static void note__every_changed_byte_is_found(void **state)
{
    TestDb *t = *state;
    Store *s = testdb_store(t);
    Err err = ERR_INIT;
    Sealed sealed;
    _cleanup_arena_ Arena *a = arena_new();
    Str kept;
    add(s, 0, 3);
    seal(s);
    good(secret_file_read(a, str_fmt(a, "%s/checkpoint.txt", testdb_dir(t)).p, &kept, &err), &err);
    for (size_t i = 0; i < kept.n; i++) {
        Str other = str_dup(a, kept);
        ((char *)other.p)[i] ^= (char)(1 << i % 7);
        if (seal_verify(s, &other, 1, &sealed, &err) == 0) fail_msg("byte %zu", i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(proofs__of_every_entry_and_growth, testdb_setup, testdb_teardown),
        cmocka_unit_test_setup_teardown(proofs__of_what_is_not_sealed, testdb_setup, testdb_teardown),
        cmocka_unit_test_setup_teardown(sealer__beside_writers, testdb_setup, testdb_teardown),
        cmocka_unit_test_setup_teardown(keys__take_turns, testdb_setup, testdb_teardown),
        cmocka_unit_test_setup_teardown(keys__a_damaged_one_is_as_good_as_lost, testdb_setup,
                                        testdb_teardown),
        cmocka_unit_test_setup_teardown(keys__a_lost_one_is_followed_by_one_that_says_so, testdb_setup,
                                        testdb_teardown),
        cmocka_unit_test_setup_teardown(damage__is_found, testdb_setup, testdb_teardown),
        cmocka_unit_test_setup_teardown(outside__checkpoint_finds_a_rewritten_journal, testdb_setup,
                                        testdb_teardown),
        cmocka_unit_test_setup_teardown(note__every_changed_byte_is_found, testdb_setup, testdb_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

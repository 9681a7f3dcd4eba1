/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * The journal: append-only entries, written in the transaction of the change.
 *
 * Digest. SM3 (GB/T 32905-2016) over, in this order: the 17 bytes "chengshu journal1"; seq and at_us, each 8
 * bytes big-endian; then actor, behalf, purpose, trace, entity, record, op, before, after, each as its length
 * in bytes (8 bytes big-endian) and its bytes. Lengths make it unambiguous: no two different entries have one
 * form.
 *
 * Order. A reader with a cursor ("all above n") must never step over an entry that commits later. SQLite has
 * one writer, so numbers appear in order. On PostgreSQL writers run side by side, and number 8 may commit
 * before 7:
 *
 *     writer, before its first number:  L = the sequence's last value; take a shared advisory lock (C, L),
 * held to the end of the transaction; then nextval, so every number it gets is > L reader, before its
 * snapshot:      H0 = the sequence's last value; then m = the lowest L among the locks of class C that are
 * held; horizon H = min(H0, m); then take the snapshot
 *
 * Claim: an entry s <= H is in the reader's snapshot, or will never be there for anybody. Since s <= H0, its
 * nextval, and the lock before it, came before the reader read H0, so before it looked at the locks. Were its
 * writer still running then, its lock L < s would have been seen, and H <= L < s. So the writer had ended,
 * and PostgreSQL makes a commit visible before it releases its locks: a snapshot taken after sees it. The
 * order of the reader's three steps is the whole point, so they are three statements, the first two outside
 * the read's transaction: its snapshot would be as old as the first of them. A savepoint that is rolled back
 * releases the lock taken inside it together with the numbers' entries; tx_nested then forgets that it is
 * held.
 *
 * A cursor is put on an entry, never on H itself. A crash takes PostgreSQL's sequence back to what its log
 * held, which covers every committed entry (its nextval was logged before its commit) but not the numbers of
 * transactions that were undone: those are given out again, below an H that was read before.
 *
 * C is the oid of journal_seq (the key's high half), so cities in one database do not hold each other up; the
 * low half is L modulo 2^32, and the reader restores the rest from its distance to H0.
 */
#include "store/store_int.h"

#include "base/sm.h"
#include "store_sql.h"

#include <assert.h>

static void add_number(Sm3 *h, uint64_t x)
{
    char bytes[8];
    for (int i = 7; i >= 0; i--, x >>= 8) bytes[i] = (char)(x & 0xff);
    sm3_add(h, str_n(bytes, sizeof bytes));
}

static void digest(const JournalEntry *e, char ret[SM3_HEX_SIZE])
{
    const Str parts[] = {e->actor,  e->behalf, e->purpose, e->trace, e->entity,
                         e->record, e->op,     e->before,  e->after};
    _cleanup_sm3_ Sm3 *h = sm3_new();
    sm3_add(h, S("chengshu journal1"));
    add_number(h, (uint64_t)e->seq);
    add_number(h, (uint64_t)e->at_us);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        add_number(h, parts[i].n);
        sm3_add(h, parts[i]);
    }
    sm3_end_hex(h, ret);
}

bool journal_intact(const JournalEntry *e)
{
    char sum[SM3_HEX_SIZE];
    digest(e, sum);
    return str_is(e->digest, sum);
}

int journal_next(Tx *tx, int64_t *ret_seq, Err *err)
{
    Err own = ERR_INIT, *e = err ? err : &own;
    assert(tx->write);
    if (tx->failed) {
        *e = tx->first;
        return -(int)tx->first.code;
    }
    int r = tx->store->driver->journal_seq(tx, ret_seq, e);
    if (r < 0) {
        tx->failed = true;
        tx->first = *e;
    }
    return r;
}

int journal_add(Tx *tx, JournalEntry *e, Err *err)
{
    if (!e->seq) TRY(journal_next(tx, &e->seq, err));
    if (!e->at_us) e->at_us = store_now_us();
    char sum[SM3_HEX_SIZE];
    digest(e, sum);
    TRY(tx_post(tx, &sql_store_journal_insert,
                VALS(V_INT(e->seq), V_INT(e->at_us), V_TEXT(e->actor), V_TEXT(e->behalf), V_TEXT(e->purpose),
                     V_TEXT(e->trace), V_TEXT(e->entity), V_TEXT(e->record), V_TEXT(e->op), V_TEXT(e->before),
                     V_TEXT(e->after), V_TEXT(str_c(sum))),
                err));
    tx->journalled = true;
    return 0;
}

static int horizon_of(Tx *tx, int64_t *ret, Err *err)
{
    Err own = ERR_INIT;
    return tx->store->driver->horizon(tx, ret, err ? err : &own);
}

int journal_head(Tx *tx, int64_t *ret_seq, Err *err)
{
    TRY(horizon_of(tx, ret_seq, err));
    if (tx_dialect(tx) == DIALECT_SQLITE) return 0; /* an entry's number already */
    _cleanup_arena_ Arena *a = arena_new();
    Val v;
    TRY(tx_one(tx, a, &sql_store_journal_head, VALS(V_INT(*ret_seq)), &v, err));
    *ret_seq = v.i;
    return 0;
}

int journal_back(Tx *tx, int64_t at_us, int64_t most, int64_t *ret_seq, Err *err)
{
    int64_t head;
    _cleanup_arena_ Arena *a = arena_new();
    Val v;
    TRY(journal_head(tx, &head, err));
    TRY(tx_one(tx, a, &sql_store_journal_back, VALS(V_INT(head), V_INT(most), V_INT(at_us)), &v, err));
    *ret_seq = v.kind == VAL_NULL ? head : v.i - 1;
    return 0;
}

static void read_entry(const Rows *r, Arena *a, JournalEntry *e)
{
    *e = (JournalEntry){.seq = rows_int(r, 0), .at_us = rows_int(r, 1)};
    Str *const parts[] = {&e->actor,  &e->behalf, &e->purpose, &e->trace, &e->entity,
                          &e->record, &e->op,     &e->before,  &e->after, &e->digest};
    for (int i = 0; i < (int)(sizeof parts / sizeof *parts); i++) *parts[i] = rows_text(r, a, i + 2);
}

int journal_read(Tx *tx, Arena *a, const JournalFilter *f, JournalEntry **ret, size_t *ret_n, Err *err)
{
    static const Sql *const statements[3][2] = {
        {&sql_store_journal_all, &sql_store_journal_all_newest},
        {&sql_store_journal_entity, &sql_store_journal_entity_newest},
        {&sql_store_journal_record, &sql_store_journal_record_newest},
    };
    const size_t narrow = f->record.n ? 2 : f->entity.n ? 1 : 0;
    const size_t limit = f->limit && f->limit < JOURNAL_PAGE_MAX ? f->limit : JOURNAL_PAGE_MAX;
    const int64_t after = f->newest_first && f->after <= 0 ? INT64_MAX : f->after;
    int64_t horizon;
    TRY(horizon_of(tx, &horizon, err));
    const Val args[] = {V_INT(after), V_INT(horizon), V_INT((int64_t)limit), V_TEXT(f->entity),
                        V_TEXT(f->record)};
    Rows *r;
    JournalEntry *entries = NULL;
    size_t n = 0, cap = 0;
    TRY(tx_query(tx, a, statements[narrow][f->newest_first], args, 3 + narrow, &r, err));
    int got;
    while ((got = rows_next(r, err)) == 1) read_entry(r, a, ARENA_PUSH(a, entries, n, cap));
    if (got < 0) return got;
    *ret = entries;
    *ret_n = n;
    return 0;
}

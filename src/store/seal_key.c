/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * Keys that sign checkpoints. The public halves and their endorsements are rows; the private half of the
 * present one is DIR/keys/seal-N.pem. A copy of each public half stays in DIR/keys/seal-N.pub, so that rows
 * with keys of somebody else's are noticed.
 */
#include "store/seal_int.h"

#include "base/clock.h"
#include "base/secret_file.h"
#include "store_sql.h"

#include <unistd.h>

static Str key_path(Arena *a, const char *dir, int id, const char *suffix)
{
    return str_fmt(a, "%s/keys/seal-%d.%s", dir, id, suffix);
}

int seal_keys(Tx *tx, Arena *a, SealKey **ret, size_t *ret_n, Err *err)
{
    Rows *r;
    int got;
    SealKey *keys = NULL;
    size_t n = 0, cap = 0;
    TRY(tx_query(tx, a, &sql_store_seal_keys, NULL, 0, &r, err));
    while ((got = rows_next(r, err)) == 1) {
        SealKey *k = ARENA_PUSH(a, keys, n, cap);
        Note note = {0};
        Err unreadable = ERR_INIT;
        *k = (SealKey){.id = (int)rows_int(r, 0),
                       .since = rows_int(r, 1),
                       .public_pem = rows_text(r, a, 2),
                       .endorsement = rows_text(r, a, 3)};
        if (note_split(a, k->endorsement, &note, &unreadable) == 0) k->endorsed_by = note.key;
    }
    *ret = keys;
    *ret_n = n;
    return got;
}

bool seal_key_alone(const SealKey *k) { return k->id > 1 && k->endorsed_by == k->id; }

static Str endorsement_body(Arena *a, Str origin, const SealKey *k)
{
    Str loss = seal_key_alone(k) ? str_fmt(a, "key %d is lost\n", k->id - 1) : S("");
    return str_fmt(a, STR_FMT "\nseal key %d\nsince %lld\n" STR_FMT STR_FMT, STR_ARG(origin), k->id,
                   (long long)k->since, STR_ARG(loss), STR_ARG(k->public_pem));
}

static int check_key(Arena *a, Str origin, const SealKey *keys, size_t i, Err *err)
{
    const SealKey *k = &keys[i], *by = i && !seal_key_alone(k) ? k - 1 : k;
    Note n;
    if (note_split(a, k->endorsement, &n, err) < 0 || note_check(a, &n, by->public_pem, err) < 0)
        return err->code = ERR_VERIFY, err_wrap(err, "%d 号封存密钥的认可", k->id);
    if (n.key != by->id || !str_eq(n.origin, origin) || !str_eq(n.body, endorsement_body(a, origin, k)))
        return err_set(err, ERR_VERIFY, "%d 号封存密钥与前一把密钥所认可的不符", k->id);
    return 0;
}

int seal_keys_check(Arena *a, const SealKey *keys, size_t n, Err *err)
{
    if (!n) return 0;
    Str origin = seal_origin(a, keys[0].public_pem);
    for (size_t i = 0; i < n; i++) {
        if (keys[i].id != (int)i + 1 || keys[i].since < (i ? keys[i - 1].since : 0) || (!i && keys[i].since))
            return err_set(err, ERR_VERIFY, "封存密钥的编号不连续，或启用的位置倒退");
        TRY(check_key(a, origin, keys, i, err));
    }
    return 0;
}

int checkpoint_check(Arena *a, const SealKey *keys, size_t n, const Checkpoint *c, Err *err)
{
    if (!n || !str_eq(c->origin, seal_origin(a, keys[0].public_pem)))
        return err_set(err, ERR_VERIFY, "检查点 %lld 不是这座城市的日志的", (long long)c->size);
    if (c->key < 1 || (size_t)c->key > n)
        return err_set(err, ERR_VERIFY, "检查点 %lld 的密钥 %d 不在册", (long long)c->size, c->key);
    const SealKey *k = &keys[c->key - 1];
    if (c->size < k->since || ((size_t)c->key < n && c->size > k[1].since))
        return err_set(err, ERR_VERIFY, "检查点 %lld 签名用的 %d 号密钥那时不在用", (long long)c->size,
                       c->key);
    Note note = {.body = c->body, .origin = c->origin, .signature = c->signature, .key = c->key};
    memcpy(note.key_hash, c->key_hash, sizeof note.key_hash);
    if (note_check(a, &note, k->public_pem, err) < 0) return err_wrap(err, "检查点 %lld", (long long)c->size);
    return 0;
}

int seal_keys_at_home(Arena *a, const char *dir, const SealKey *keys, size_t n, Err *err)
{
    bool any = false;
    const SealKey *unknown = NULL; /* anybody who writes to the database could have put it there */
    for (size_t i = 0; i < n; i++) {
        Str kept;
        TRY(secret_file_read(a, key_path(a, dir, keys[i].id, "pub").p, &kept, err));
        if (kept.p && !str_eq(kept, keys[i].public_pem))
            return err_set(err, ERR_VERIFY, "数据库里的 %d 号封存密钥不是 keys/seal-%d.pub 的那把",
                           keys[i].id, keys[i].id);
        any |= kept.p != NULL;
        if (!kept.p && seal_key_alone(&keys[i])) unknown = &keys[i];
    }
    if (!any || !unknown) return 0;
    return err_set(err, ERR_VERIFY, "%d 号封存密钥没有前一把的认可，本机也没有 keys/seal-%d.pub", unknown->id,
                   unknown->id),
           err_hint(err, "在换密钥的那台服务器上核实，再把这个文件复制过来");
}

/* --- the signing key
 * ----------------------------------------------------------------------------------- */

typedef struct Fresh {
    SealKey row;
    int64_t last; /* the present key, for a rotation; 0 = there is none yet */
    bool there;   /* somebody else was first */
} Fresh;

static int last_size(Tx *tx, int64_t *ret, Err *err)
{
    _cleanup_arena_ Arena *a = arena_new();
    Checkpoint c;
    int r = seal_checkpoint(tx, a, 0, &c, err);
    *ret = r == 0 ? c.size : 0;
    return r == -(int)ERR_NOT_FOUND ? 0 : r;
}

/* The change of a key is an entry itself, the first that the new one seals. */
static int note_change(Tx *tx, Arena *a, const SealKey *k, Err *err)
{
    JournalEntry e = {
        .actor = S("system"),
        .entity = S("seal_key"),
        .record = str_fmt(a, "%d", k->id),
        .op = seal_key_alone(k) ? S("replace_lost") : S("rotate"),
        .after = str_fmt(a, "{\"since\":%lld,\"endorsed_by\":%d}", (long long)k->since, k->endorsed_by)};
    return journal_add(tx, &e, err);
}

static int insert_key(Tx *tx, void *p, Err *err)
{
    Fresh *f = p;
    SealKey *keys;
    size_t n;
    int64_t size;
    _cleanup_arena_ Arena *a = arena_new();
    TRY(seal_keys(tx, a, &keys, &n, err));
    TRY(last_size(tx, &size, err));
    f->there = (int64_t)n != f->last || (f->last && size != f->row.since);
    if (f->there) return 0;
    TRY(tx_exec(
        tx, &sql_store_seal_key,
        VALS(V_INT(f->row.id), V_INT(f->row.since), V_TEXT(f->row.public_pem), V_TEXT(f->row.endorsement)),
        NULL, err));
    return f->last ? note_change(tx, a, &f->row, err) : 0;
}

/* A key of number `id`, on disk, endorsed by `by`; by itself when that has no key: the first of all (origin
   empty), or after a loss. */
static int make_key(Store *s, Arena *a, const SealSigner *by, int id, int64_t since, Fresh *ret, Err *err)
{
    Str private_pem;
    _cleanup_sm2_ Sm2Key *key = NULL;
    *ret = (Fresh){.row = {.id = id, .since = since, .endorsed_by = by->key ? by->id : id}, .last = id - 1};
    TRY(sm2_generate(&key, err));
    TRY(sm2_private_pem(a, key, &private_pem, err));
    TRY(sm2_public_pem(a, key, &ret->row.public_pem, err));
    Str origin = by->origin.n ? by->origin : seal_origin(a, ret->row.public_pem);
    Str body = endorsement_body(a, origin, &ret->row);
    TRY(note_sign(a, by->key ? by->key : key, by->key ? by->public_pem : ret->row.public_pem, origin,
                  ret->row.endorsed_by, body, &ret->row.endorsement, err));
    TRY(secret_file_write(key_path(a, s->dir, id, "pem").p, private_pem, err));
    return secret_file_write(key_path(a, s->dir, id, "pub").p, ret->row.public_pem, err);
}

typedef struct Known {
    Arena *arena;
    SealKey *keys;
    size_t n;
} Known;

static int read_keys(Tx *tx, void *p, Err *err)
{
    Known *k = p;
    return seal_keys(tx, k->arena, &k->keys, &k->n, err);
}

void signer_done(SealSigner *s)
{
    sm2_free(s->key);
    s->key = NULL;
}

/* Whatever is in its place, the key itself is lost unless another machine or a backup has it. */
static int not_there(const char *path, const char *what, Err *err)
{
    err_set(err, ERR_NOT_FOUND, "%s%s，日志不能签名", path, what);
    return err_hint(err, "从另一台服务器或密钥备份复制这个文件；哪里都没有了，用 rotate-seal-key --lost");
}

static int private_half(Arena *a, const char *path, const SealKey *row, Sm2Key **ret, Err *err)
{
    Str pem, mine;
    _cleanup_sm2_ Sm2Key *key = NULL;
    TRY(secret_file_read(a, path, &pem, err));
    if (!pem.p) return not_there(path, "（封存密钥）不在", err);
    if (sm2_from_pem(pem, &key, err) < 0 || sm2_public_pem(a, key, &mine, err) < 0)
        return not_there(path, " 已损坏，不是一把封存密钥", err);
    if (!str_eq(mine, row->public_pem))
        return not_there(path, " 是另一把密钥，不是数据库里现用的封存密钥", err);
    *ret = TAKE(key);
    return 0;
}

int signer_load(Store *s, Arena *a, SealSigner *ret, Err *err)
{
    Known k = {.arena = a};
    *ret = (SealSigner){0};
    TRY(store_read(s, "seal.keys", read_keys, &k, err));
    if (!k.n) {
        Fresh f;
        TRY(make_key(s, a, ret, 1, 0, &f, err));
        TRY(store_tx(s, "seal.first_key", insert_key, &f, err));
        TRY(store_read(s, "seal.keys", read_keys, &k, err));
    }
    const SealKey *last = &k.keys[k.n - 1];
    TRY(private_half(a, key_path(a, s->dir, last->id, "pem").p, last, &ret->key, err));
    ret->origin = seal_origin(a, k.keys[0].public_pem);
    ret->public_pem = last->public_pem;
    ret->id = last->id;
    return 0;
}

static int read_size(Tx *tx, void *p, Err *err) { return last_size(tx, p, err); }

/* A key after `old` in the database and on disk. */
static int succeed(Store *s, Arena *a, const SealSigner *old, int *ret_id, Err *err)
{
    Fresh f;
    int64_t size;
    TRY(store_read(s, "seal.rotate", read_size, &size, err));
    TRY(make_key(s, a, old, old->id + 1, size, &f, err));
    TRY(store_tx(s, "seal.rotate", insert_key, &f, err));
    *ret_id = f.row.id;
    return f.there ? err_set(err, ERR_CONFLICT, "日志在换密钥时又被封存了，请再试一次") : 0;
}

int seal_rotate(Store *s, int *ret_id, Err *err)
{
    _cleanup_arena_ Arena *a = arena_new();
    SealSigner old;
    TRY(seal_now(s, err));
    TRY(signer_load(s, a, &old, err));
    int r = succeed(s, a, &old, ret_id, err);
    signer_done(&old);
    if (r < 0) return r;
    if (unlink(key_path(a, s->dir, old.id, "pem").p) != 0)
        return err_set(err, ERR_IO, "新密钥已启用，但旧私钥 keys/seal-%d.pem 删不掉，请手工删除", old.id);
    return 0;
}

int seal_replace_lost(Store *s, int *ret_id, Err *err)
{
    _cleanup_arena_ Arena *a = arena_new();
    SealSigner old;
    Known k = {.arena = a};
    int r = signer_load(s, a, &old, err);
    signer_done(&old);
    if (r == 0) return err_set(err, ERR_CONFLICT, "封存密钥还在，没有遗失"), err_hint(err, "去掉 --lost");
    if (r != -(int)ERR_NOT_FOUND) return r;
    TRY(store_read(s, "seal.keys", read_keys, &k, err));
    old = (SealSigner){.id = k.keys[k.n - 1].id, .origin = seal_origin(a, k.keys[0].public_pem)};
    return succeed(s, a, &old, ret_id, err);
}

/* SPDX-License-Identifier: MulanPSL-2.0 */
#include "model/vault.h"

#include "base/clock.h"
#include "base/secret_file.h"
#include "base/sm.h"
#include "model/model_sql.h"
#include "model/value.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { KEYS_MAX = 64, IV = 16, BOX_MIN = IV + SM3_SIZE };

/* Three keys from one data key: for the synthetic IV, the cipher and the MAC. */
typedef struct DataKey {
    int64_t id;
    uint8_t siv[32], cipher[16], mac[32];
} DataKey;

struct Vault {
    DataKey keys[KEYS_MAX]; /* newest first */
    size_t n;
    uint8_t root[16];
};

static Str bytes(const void *p, size_t n) { return str_n(p, n); }

static int derive(DataKey *k, int64_t id, Str key, Err *err)
{
    k->id = id;
    TRY(sm3_hkdf(key, S(""), S("chengshu field siv"), k->siv, sizeof k->siv, err));
    TRY(sm3_hkdf(key, S(""), S("chengshu field cipher"), k->cipher, sizeof k->cipher, err));
    return sm3_hkdf(key, S(""), S("chengshu field mac"), k->mac, sizeof k->mac, err);
}

/* --- sealing
 * -------------------------------------------------------------------------------------------------------- */

static Str context(Arena *a, const Field *f)
{
    return str_fmt(a, STR_FMT "." STR_FMT, STR_ARG(f->owner->name), STR_ARG(f->name));
}

static Str joined(Arena *a, Str x, Str y)
{
    char *p = arena_alloc(a, x.n + y.n + 9);
    memcpy(p, x.p, x.n);
    p[x.n] = 0; /* names hold no NUL: the parts cannot run into each other */
    if (y.n) memcpy(p + x.n + 1, y.p, y.n);
    return str_n(p, x.n + 1 + y.n);
}

static Str seal(Arena *a, const DataKey *k, const Field *f, Str plain)
{
    uint8_t siv[SM3_SIZE], mac[SM3_SIZE];
    Str cipher;
    sm3_hmac(bytes(k->siv, sizeof k->siv), joined(a, context(a, f), plain), siv);
    Str iv = bytes(siv, IV);
    if (sm4_encrypt(a, SM4_CTR, bytes(k->cipher, sizeof k->cipher), iv, false, plain, &cipher, NULL) < 0)
        abort(); /* sizes are right */
    char *box = arena_alloc(a, IV + cipher.n + SM3_SIZE);
    memcpy(box, iv.p, IV);
    if (cipher.n) memcpy(box + IV, cipher.p, cipher.n);
    sm3_hmac(bytes(k->mac, sizeof k->mac), joined(a, context(a, f), str_n(box, IV + cipher.n)), mac);
    memcpy(box + IV + cipher.n, mac, SM3_SIZE);
    return str_fmt(a, "s1.%lld." STR_FMT, (long long)k->id,
                   STR_ARG(base64url_encode(a, str_n(box, IV + cipher.n + SM3_SIZE))));
}

static const DataKey *key_by_id(const Vault *v, int64_t id)
{
    for (size_t i = 0; i < v->n; i++)
        if (v->keys[i].id == id) return &v->keys[i];
    return NULL;
}

static int broken(const Field *f, const char *why, Err *err)
{
    err_set(err, ERR_VERIFY, "加密字段 “" STR_FMT "” %s", STR_ARG(f->title), why);
    return err_hint(err, "运行 chengshu verify，并从备份恢复这条记录");
}

static int unseal(Arena *a, const Vault *v, const Field *f, Str text, Str *ret, Err *err)
{
    Str rest = text, part, box;
    int64_t id;
    uint8_t mac[SM3_SIZE];
    if (!str_split(&rest, '.', &part) || !str_is(part, "s1") || !str_split(&rest, '.', &part) ||
        !str_int(part, &id))
        return broken(f, "不是加密的形式", err);
    const DataKey *k = key_by_id(v, id);
    if (!k) return broken(f, "所用的密钥不在这里", err);
    if (base64_decode(a, rest, &box, NULL) < 0 || box.n < BOX_MIN) return broken(f, "被改动过", err);
    Str body = str_n(box.p, box.n - SM3_SIZE);
    sm3_hmac(bytes(k->mac, sizeof k->mac), joined(a, context(a, f), body), mac);
    if (!bytes_equal(bytes(mac, SM3_SIZE), str_from(box, body.n))) return broken(f, "被改动过", err);
    return sm4_decrypt(a, SM4_CTR, bytes(k->cipher, sizeof k->cipher), str_n(body.p, IV), false,
                       str_from(body, IV), ret, err);
}

Val vault_in(Arena *a, const Field *f, Val v)
{
    if (!f->sealed || v.kind == VAL_NULL) return v;
    return V_TEXT(seal(a, &f->owner->model->vault->keys[0], f, value_text(a, f, v)));
}

int vault_out(Arena *a, const Field *f, Val v, Val *ret, Err *err)
{
    Str plain;
    *ret = v;
    if (!f->sealed || v.kind != VAL_TEXT) return 0;
    TRY(unseal(a, f->owner->model->vault, f, v.s, &plain, err));
    if (f->storage == STORE_INT)
        return ret->kind = VAL_INT, str_int(plain, &ret->i) ? 0 : broken(f, "被改动过", err);
    if (f->storage == STORE_BOOL) return *ret = V_INT(str_is(plain, "true")), 0;
    *ret = V_TEXT(plain);
    return 0;
}

size_t vault_forms(Arena *a, const Field *f, Val v, Val **ret)
{
    const Vault *vault = f->owner->model->vault;
    const size_t n = vault ? vault->n : 0;
    *ret = ARENA_ARRAY(a, Val, n + 1);
    for (size_t i = 0; i < n; i++) (*ret)[i] = V_TEXT(seal(a, &vault->keys[i], f, value_text(a, f, v)));
    return n;
}

/* --- keys
 * -------------------------------------------------------------------------------------------------------------
 */

static int io(Err *err, const char *path) { return err_io(err, errno, "密钥文件 %s", path); }

static int read_root(const char *path, uint8_t root[16], Err *err)
{
    char text[64] = "";
    Str key;
    _cleanup_arena_ Arena *a = arena_new();
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return errno == ENOENT ? err_set(err, ERR_NOT_FOUND, "没有密钥文件 %s", path) : io(err, path);
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n < 0) return io(err, path);
    if (hex_decode(a, str_trim(str_c(text)), &key, err) < 0 || key.n != 16)
        return err_set(err, ERR_VERIFY, "密钥文件 %s 要是 32 位十六进制", path);
    memcpy(root, key.p, 16);
    explicit_bzero(text, sizeof text);
    return 0;
}

static int make_root(const char *path, uint8_t root[16], Err *err)
{
    _cleanup_arena_ Arena *a = arena_new();
    random_bytes(root, 16);
    return secret_file_write(path, str_fmt(a, STR_FMT "\n", STR_ARG(hex_encode(a, bytes(root, 16)))), err);
}

static Str key_context(Arena *a, int64_t id) { return str_fmt(a, "chengshu data key %lld", (long long)id); }

static int load_tx(Tx *tx, void *p, Err *err)
{
    Vault *v = p;
    _cleanup_arena_ Arena *a = arena_new();
    Rows *rows;
    int rc;
    v->n = 0;
    TRY(tx_query(tx, a, &sql_model_key_list, NULL, 0, &rows, err));
    while ((rc = rows_next(rows, err)) > 0 && v->n < KEYS_MAX) {
        Str box, key;
        int64_t id = rows_int(rows, 0);
        TRY(base64_decode(a, rows_text(rows, a, 1), &box, err));
        if (sm4_open(a, bytes(v->root, 16), key_context(a, id), box, &key, err) < 0) {
            err_set(err, ERR_VERIFY, "根密钥 keys/root.key 与数据库里的数据密钥不配");
            return err_hint(err, "放回这座城市原来的 keys/root.key");
        }
        TRY(derive(&v->keys[v->n++], id, key, err));
    }
    rows_done(rows);
    return rc < 0 ? rc : 0;
}

typedef struct NewKey {
    const Vault *v;
    int64_t id;
} NewKey;

static int new_key_tx(Tx *tx, void *p, Err *err)
{
    NewKey *k = p;
    _cleanup_arena_ Arena *a = arena_new();
    uint8_t key[16];
    Str box;
    random_bytes(key, sizeof key);
    TRY(sm4_seal(a, bytes(k->v->root, 16), key_context(a, k->id), bytes(key, sizeof key), &box, err));
    explicit_bzero(key, sizeof key);
    return tx_exec(
        tx, &sql_model_key_put,
        VALS(V_INT(k->id), V_TEXT(base64url_encode(a, box)), V_TEXT(clock_str_utc(a, clock_now_us()))), NULL,
        err);
}

static int read_keys(Vault *v, Store *s, Err *err) { return store_read(s, "keys", load_tx, v, err); }

static int count_tx(Tx *tx, void *p, Err *err)
{
    Val n;
    _cleanup_arena_ Arena *a = arena_new();
    TRY(tx_one(tx, a, &sql_model_key_count, NULL, 0, &n, err));
    *(int64_t *)p = n.i;
    return 0;
}

static int open_keys(Vault *v, Store *s, const char *dir, Err *err)
{
    int64_t n = 0;
    _cleanup_arena_ Arena *a = arena_new();
    Str path = str_fmt(a, "%s/keys/root.key", dir);
    TRY(store_read(s, "keys", count_tx, &n, err));
    int rc = read_root(path.p, v->root, err);
    if (rc == -(int)ERR_NOT_FOUND && n) return err_hint(err, "从本库的另一台服务器或备份复制 keys/root.key");
    if (rc == -(int)ERR_NOT_FOUND) rc = make_root(path.p, v->root, err);
    TRY(rc);
    NewKey first = {v, 1};
    if (!n) TRY(store_tx(s, "first key", new_key_tx, &first, err));
    return read_keys(v, s, err);
}

int vault_open(Store *s, const char *dir, Vault **ret, Err *err)
{
    Vault *v = xcalloc(1, sizeof *v);
    int rc = open_keys(v, s, dir, err);
    if (rc < 0)
        vault_free(v);
    else
        *ret = v;
    return rc;
}

void vault_free(Vault *v)
{
    if (!v) return;
    explicit_bzero(v, sizeof *v);
    free(v);
}

int vault_rotate(Vault *v, Store *s, int64_t *ret_key, Err *err)
{
    if (v->n == KEYS_MAX) return err_set(err, ERR_CONFLICT, "数据密钥已有 %d 把", KEYS_MAX);
    NewKey next = {v, v->keys[0].id + 1};
    TRY(store_tx(s, "new key", new_key_tx, &next, err));
    *ret_key = next.id;
    return read_keys(v, s, err);
}

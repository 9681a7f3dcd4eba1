/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * SM3 (GB/T 32905-2016), HMAC (GM/T 0042-2015), PBKDF2 (RFC 8018), HKDF (RFC 5869), SM4 (GB/T 32907-2016) and
 * the sealed box. All arithmetic is OpenSSL's; a failure of a call that cannot fail on good arguments ends
 * the process rather than going on without protection.
 */
#include "base/sm.h"

#include <assert.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

enum { MAX_BYTES = 1 << 30, ITERATIONS_MAX = 10000000, HKDF_MAX = 255 * SM3_SIZE, DERIVED_MAX = 1024 };

struct Sm3 {
    EVP_MD_CTX *ctx;
};

static void must(int ok, const char *what)
{
    if (ok == 1) return;
    fprintf(stderr, "libcrypto: %s failed; is the default provider installed?\n", what);
    abort();
}

static const void *bytes(Str s) { return s.n ? s.p : ""; }

Sm3 *sm3_new(void)
{
    Sm3 *h = xcalloc(1, sizeof *h);
    h->ctx = EVP_MD_CTX_new();
    must(h->ctx && EVP_DigestInit_ex(h->ctx, EVP_sm3(), NULL), "SM3");
    return h;
}

void sm3_free(Sm3 *h)
{
    if (!h) return;
    EVP_MD_CTX_free(h->ctx);
    free(h);
}

void sm3_freep(Sm3 **h)
{
    sm3_free(*h);
    *h = NULL;
}

void sm3_add(Sm3 *h, Str s) { must(EVP_DigestUpdate(h->ctx, bytes(s), s.n), "SM3"); }

void sm3_end(Sm3 *h, uint8_t ret[SM3_SIZE])
{
    must(EVP_DigestFinal_ex(h->ctx, ret, NULL), "SM3");
    must(EVP_DigestInit_ex(h->ctx, NULL, NULL), "SM3");
}

void sm3(Str s, uint8_t ret[SM3_SIZE]) { must(EVP_Digest(bytes(s), s.n, ret, NULL, EVP_sm3(), NULL), "SM3"); }

static void to_hex(const uint8_t raw[SM3_SIZE], char ret[SM3_HEX_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < SM3_SIZE; i++) {
        ret[2 * i] = digits[raw[i] >> 4];
        ret[2 * i + 1] = digits[raw[i] & 15];
    }
    ret[SM3_HEX_SIZE - 1] = 0;
}

void sm3_hex(Str s, char ret[SM3_HEX_SIZE])
{
    uint8_t raw[SM3_SIZE];
    sm3(s, raw);
    to_hex(raw, ret);
}

void sm3_end_hex(Sm3 *h, char ret[SM3_HEX_SIZE])
{
    uint8_t raw[SM3_SIZE];
    sm3_end(h, raw);
    to_hex(raw, ret);
}

void sm3_hmac(Str key, Str s, uint8_t ret[SM3_SIZE])
{
    assert(key.n <= MAX_BYTES);
    must(HMAC(EVP_sm3(), bytes(key), (int)key.n, bytes(s), s.n, ret, NULL) != NULL, "HMAC-SM3");
}

int sm3_pbkdf2(Str password, Str salt, int iterations, uint8_t *out, size_t out_n, Err *err)
{
    if (iterations < 1 || iterations > ITERATIONS_MAX || out_n < 1 || out_n > DERIVED_MAX ||
        password.n > MAX_BYTES || salt.n > MAX_BYTES)
        return err_set(err, ERR_INPUT, "派生密钥的迭代次数或长度超出范围");
    must(PKCS5_PBKDF2_HMAC(bytes(password), (int)password.n, bytes(salt), (int)salt.n, iterations, EVP_sm3(),
                           (int)out_n, out),
         "PBKDF2");
    return 0;
}

/* RFC 5869 written out: OpenSSL's interface refuses an empty key, the document does not. */
int sm3_hkdf(Str key, Str salt, Str info, uint8_t *out, size_t out_n, Err *err)
{
    static const char zeros[SM3_SIZE];
    if (out_n < 1 || out_n > HKDF_MAX || info.n > 4096)
        return err_set(err, ERR_INPUT, "派生密钥的长度超出范围");
    uint8_t prk[SM3_SIZE], t[SM3_SIZE];
    sm3_hmac(salt.n ? salt : str_n(zeros, sizeof zeros), key, prk);
    Buf block;
    buf_init(&block, SM3_SIZE + info.n + 1);
    for (size_t at = 0, i = 1; at < out_n; at += SM3_SIZE, i++) {
        buf_clear(&block);
        if (i > 1) buf_add(&block, str_n((char *)t, SM3_SIZE));
        buf_add(&block, info);
        buf_addc(&block, (char)i);
        sm3_hmac(str_n((char *)prk, SM3_SIZE), buf_str(&block), t);
        memcpy(out + at, t, out_n - at < SM3_SIZE ? out_n - at : SM3_SIZE);
    }
    buf_done(&block);
    OPENSSL_cleanse(prk, sizeof prk);
    OPENSSL_cleanse(t, sizeof t);
    return 0;
}

/* ---- SM4 ---- */

static const EVP_CIPHER *cipher_of(Sm4Mode mode)
{
    switch (mode) {
    case SM4_ECB: return EVP_sm4_ecb();
    case SM4_CBC: return EVP_sm4_cbc();
    case SM4_CFB: return EVP_sm4_cfb128();
    case SM4_OFB: return EVP_sm4_ofb();
    case SM4_CTR: return EVP_sm4_ctr();
    case SM4_MODE_N: break;
    }
    return NULL;
}

static int sm4_run(Arena *a, Sm4Mode mode, Str key, Str iv, bool pad, Str in, bool encrypt, Str *ret,
                   Err *err)
{
    bool blocks = mode == SM4_ECB || mode == SM4_CBC;
    if (mode >= SM4_MODE_N || key.n != SM4_KEY_SIZE) return err_set(err, ERR_INPUT, "SM4 密钥应是 16 字节");
    if (iv.n != (mode == SM4_ECB ? 0u : SM4_BLOCK))
        return err_set(err, ERR_INPUT, "SM4 初始向量应是 16 字节（ECB 不用）");
    if (in.n > MAX_BYTES) return err_set(err, ERR_INPUT, "SM4 一次最多处理 1 GB");
    if (blocks && in.n % SM4_BLOCK && !(pad && encrypt))
        return err_set(err, ERR_INPUT, "SM4 的长度应是 16 字节的整数倍");
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    char *out = arena_alloc(a, in.n + SM4_BLOCK);
    int n = 0, last = 0;
    must(ctx && EVP_CipherInit_ex(ctx, cipher_of(mode), NULL, bytes(key), mode == SM4_ECB ? NULL : bytes(iv),
                                  encrypt),
         "SM4");
    EVP_CIPHER_CTX_set_padding(ctx, blocks && pad);
    must(EVP_CipherUpdate(ctx, (unsigned char *)out, &n, bytes(in), (int)in.n), "SM4");
    int ok = EVP_CipherFinal_ex(ctx, (unsigned char *)out + n, &last);
    EVP_CIPHER_CTX_free(ctx);
    if (ok != 1) return err_set(err, ERR_INPUT, "SM4 解密后的填充不对：密钥不对或内容已损坏");
    *ret = str_n(out, (size_t)(n + last));
    return 0;
}

int sm4_encrypt(Arena *a, Sm4Mode mode, Str key, Str iv, bool pad, Str plain, Str *ret, Err *err)
{
    return sm4_run(a, mode, key, iv, pad, plain, true, ret, err);
}

int sm4_decrypt(Arena *a, Sm4Mode mode, Str key, Str iv, bool pad, Str cipher, Str *ret, Err *err)
{
    return sm4_run(a, mode, key, iv, pad, cipher, false, ret, err);
}

/*  | 1 | iv 16 | cipher text … | HMAC-SM3 32 |   mac over length of context (8, big endian), context, 1, iv,
 * cipher */
enum { BOX_VERSION = 1, BOX_HEAD = 1 + SM4_BLOCK };

static void box_keys(Str key, uint8_t enc[SM4_KEY_SIZE], uint8_t mac[SM3_SIZE])
{
    Err err = ERR_INIT;
    uint8_t both[SM4_KEY_SIZE + SM3_SIZE];
    must(sm3_hkdf(key, STR_NONE, S("chengshu sealed box 1"), both, sizeof both, &err) == 0, "HKDF");
    memcpy(enc, both, SM4_KEY_SIZE);
    memcpy(mac, both + SM4_KEY_SIZE, SM3_SIZE);
    OPENSSL_cleanse(both, sizeof both);
}

static void box_mac(const uint8_t key[SM3_SIZE], Str context, Str head_and_cipher, uint8_t ret[SM3_SIZE])
{
    Buf b;
    buf_init(&b, context.n + head_and_cipher.n + 8);
    for (int i = 7; i >= 0; i--) buf_addc(&b, (char)((uint64_t)context.n >> (8 * i)));
    buf_add(&b, context);
    buf_add(&b, head_and_cipher);
    sm3_hmac(str_n((const char *)key, SM3_SIZE), buf_str(&b), ret);
    buf_done(&b);
}

int sm4_seal(Arena *a, Str key, Str context, Str plain, Str *ret, Err *err)
{
    uint8_t enc[SM4_KEY_SIZE], mac[SM3_SIZE];
    Str cipher;
    if (key.n < SM4_KEY_SIZE) return err_set(err, ERR_INPUT, "密钥太短，至少 16 字节");
    if (plain.n > MAX_BYTES) return err_set(err, ERR_INPUT, "内容太大，不能加密");
    box_keys(key, enc, mac);
    char iv[SM4_BLOCK];
    random_bytes(iv, sizeof iv);
    int rc = sm4_run(a, SM4_CTR, str_n((char *)enc, sizeof enc), str_n(iv, sizeof iv), false, plain, true,
                     &cipher, err);
    if (rc == 0) {
        char *box = arena_alloc(a, BOX_HEAD + cipher.n + SM3_SIZE);
        box[0] = BOX_VERSION;
        memcpy(box + 1, iv, sizeof iv);
        if (cipher.n) memcpy(box + BOX_HEAD, cipher.p, cipher.n);
        box_mac(mac, context, str_n(box, BOX_HEAD + cipher.n), (uint8_t *)box + BOX_HEAD + cipher.n);
        *ret = str_n(box, BOX_HEAD + cipher.n + SM3_SIZE);
    }
    OPENSSL_cleanse(enc, sizeof enc);
    OPENSSL_cleanse(mac, sizeof mac);
    return rc;
}

int sm4_open(Arena *a, Str key, Str context, Str box, Str *ret, Err *err)
{
    uint8_t enc[SM4_KEY_SIZE], mac[SM3_SIZE], want[SM3_SIZE];
    if (key.n < SM4_KEY_SIZE || box.n < BOX_HEAD + SM3_SIZE || box.n > MAX_BYTES || box.p[0] != BOX_VERSION)
        return err_set(err, ERR_INPUT, "加密内容的格式不对");
    box_keys(key, enc, mac);
    Str body = str_n(box.p, box.n - SM3_SIZE);
    box_mac(mac, context, body, want);
    int rc = 0;
    if (!bytes_equal(str_n((char *)want, SM3_SIZE), str_from(box, body.n)))
        rc = err_set(err, ERR_INPUT, "加密内容被改动过，或密钥不对");
    else
        rc = sm4_run(a, SM4_CTR, str_n((char *)enc, sizeof enc), str_n(box.p + 1, SM4_BLOCK), false,
                     str_from(body, BOX_HEAD), false, ret, err);
    OPENSSL_cleanse(enc, sizeof enc);
    OPENSSL_cleanse(mac, sizeof mac);
    return rc;
}

void random_bytes(void *out, size_t n)
{
    for (size_t at = 0; at < n;) {
        size_t part = n - at < MAX_BYTES ? n - at : MAX_BYTES;
        must(RAND_bytes((unsigned char *)out + at, (int)part), "random numbers");
        at += part;
    }
}

bool bytes_equal(Str a, Str b) { return a.n == b.n && (a.n == 0 || CRYPTO_memcmp(a.p, b.p, a.n) == 0); }

/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * SM2 (GB/T 32918-2016, curve of part 5) over EVP: keys, PEM, signatures with the distinguishing id,
 * encryption. Formats are those of GB/T 35276-2017, which are OpenSSL's own.
 */
#include "base/sm.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

enum { COORD = 32, POINT = 1 + 2 * COORD, PEM_MAX = 64 << 10, PLAIN_MAX = 1 << 20 };

struct Sm2Key {
    EVP_PKEY *pkey;
    bool private;
};

static int fail(Err *err, ErrCode code, const char *msg)
{
    ERR_clear_error(); /* OpenSSL's own list of errors tells nothing that a person can use */
    return err_set(err, code, "%s", msg);
}

static int wrap(EVP_PKEY *pkey, bool private, Sm2Key **ret, Err *err)
{
    if (!EVP_PKEY_is_a(pkey, "SM2")) {
        EVP_PKEY_free(pkey);
        return fail(err, ERR_INPUT, "这不是 SM2 密钥");
    }
    Sm2Key *k = xcalloc(1, sizeof *k);
    k->pkey = pkey;
    k->private = private;
    *ret = k;
    return 0;
}

int sm2_generate(Sm2Key **ret, Err *err)
{
    EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "SM2");
    if (!pkey) return fail(err, ERR_INTERNAL, "不能生成 SM2 密钥");
    return wrap(pkey, true, ret, err);
}

/* A program that serves has no terminal to ask for a passphrase on. */
static int no_passphrase(char *buf, int size, int rw, void *u)
{
    (void)buf, (void)size, (void)rw, (void)u;
    return -1;
}

int sm2_from_pem(Str pem, Sm2Key **ret, Err *err)
{
    if (!pem.n || pem.n > PEM_MAX) return fail(err, ERR_INPUT, "密钥文件是空的或太大");
    bool private = str_find_str(pem, S("PRIVATE KEY-----")) >= 0;
    BIO *in = BIO_new_mem_buf(pem.p, (int)pem.n);
    EVP_PKEY *pkey = private ? PEM_read_bio_PrivateKey(in, NULL, no_passphrase, NULL)
                             : PEM_read_bio_PUBKEY(in, NULL, no_passphrase, NULL);
    BIO_free(in);
    if (!pkey) return fail(err, ERR_INPUT, "密钥文件读不懂，应是不加口令的 PEM 格式 SM2 密钥");
    return wrap(pkey, private, ret, err);
}

int sm2_from_cert_pem(Str pem, Sm2Key **ret, Err *err)
{
    if (!pem.n || pem.n > PEM_MAX) return fail(err, ERR_INPUT, "证书文件是空的或太大");
    BIO *in = BIO_new_mem_buf(pem.p, (int)pem.n);
    X509 *cert = PEM_read_bio_X509(in, NULL, no_passphrase, NULL);
    BIO_free(in);
    EVP_PKEY *pkey = cert ? X509_get_pubkey(cert) : NULL;
    X509_free(cert);
    if (!pkey) return fail(err, ERR_INPUT, "证书读不懂，应是 PEM 格式的 SM2 证书");
    return wrap(pkey, false, ret, err);
}

/* The point that belongs to a private scalar. */
static bool point_of(Str scalar, unsigned char out[POINT])
{
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_sm2);
    BIGNUM *d = BN_bin2bn((const unsigned char *)scalar.p, (int)scalar.n, NULL);
    EC_POINT *p = group ? EC_POINT_new(group) : NULL;
    bool ok = p && d && !BN_is_zero(d) && BN_cmp(d, EC_GROUP_get0_order(group)) < 0 &&
              EC_POINT_mul(group, p, d, NULL, NULL, NULL) &&
              EC_POINT_point2oct(group, p, POINT_CONVERSION_UNCOMPRESSED, out, POINT, NULL) == POINT;
    EC_POINT_free(p);
    BN_clear_free(d);
    EC_GROUP_free(group);
    return ok;
}

static EVP_PKEY *build(const unsigned char point[POINT], Str scalar)
{
    EVP_PKEY *pkey = NULL;
    OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
    BIGNUM *d = scalar.n ? BN_bin2bn((const unsigned char *)scalar.p, (int)scalar.n, NULL) : NULL;
    OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, "SM2", 0);
    OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, point, POINT);
    if (d) OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_PRIV_KEY, d);
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "SM2", NULL);
    if (!params || !ctx || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &pkey, d ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, params) != 1)
        pkey = NULL;
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(bld);
    BN_clear_free(d);
    return pkey;
}

int sm2_from_raw(Str public_point, Str private_scalar, Sm2Key **ret, Err *err)
{
    unsigned char point[POINT] = {4};
    if (private_scalar.n && private_scalar.n != COORD) return fail(err, ERR_INPUT, "SM2 私钥应是 32 字节");
    if (public_point.n == POINT && public_point.p[0] == 4) public_point = str_from(public_point, 1);
    if (public_point.n == POINT - 1)
        memcpy(point + 1, public_point.p, POINT - 1);
    else if (public_point.n || !private_scalar.n)
        return fail(err, ERR_INPUT, "SM2 公钥应是 64 字节，或 04 开头的 65 字节");
    else if (!point_of(private_scalar, point))
        return fail(err, ERR_INPUT, "SM2 私钥超出范围");
    EVP_PKEY *pkey = build(point, private_scalar);
    if (!pkey) return fail(err, ERR_INPUT, "SM2 公钥不是曲线上的点");
    return wrap(pkey, private_scalar.n > 0, ret, err);
}

void sm2_free(Sm2Key *k)
{
    if (!k) return;
    EVP_PKEY_free(k->pkey);
    free(k);
}

void sm2_freep(Sm2Key **k)
{
    sm2_free(*k);
    *k = NULL;
}

bool sm2_is_private(const Sm2Key *k) { return k->private; }

static int pem_out(Arena *a, BIO *out, int ok, Str *ret, Err *err)
{
    char *p;
    long n = ok == 1 ? BIO_get_mem_data(out, &p) : -1;
    if (n > 0) *ret = str_dup(a, str_n(p, (size_t)n));
    BIO_free(out);
    return n > 0 ? 0 : fail(err, ERR_INTERNAL, "不能写出 SM2 密钥");
}

int sm2_private_pem(Arena *a, const Sm2Key *k, Str *ret, Err *err)
{
    if (!k->private) return fail(err, ERR_INPUT, "这把密钥只有公钥");
    BIO *out = BIO_new(BIO_s_secmem());
    return pem_out(a, out, PEM_write_bio_PrivateKey(out, k->pkey, NULL, NULL, 0, NULL, NULL), ret, err);
}

int sm2_public_pem(Arena *a, const Sm2Key *k, Str *ret, Err *err)
{
    BIO *out = BIO_new(BIO_s_mem());
    return pem_out(a, out, PEM_write_bio_PUBKEY(out, k->pkey), ret, err);
}

/* A digest context for signing or verifying that knows the id. */
static EVP_MD_CTX *sign_ctx(const Sm2Key *k, Str id, bool verify)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pctx = EVP_PKEY_CTX_new(k->pkey, NULL);
    if (md && pctx && EVP_PKEY_CTX_set1_id(pctx, id.n ? id.p : "", (int)id.n) == 1) {
        EVP_MD_CTX_set_pkey_ctx(md, pctx);
        int ok = verify ? EVP_DigestVerifyInit(md, NULL, EVP_sm3(), NULL, k->pkey)
                        : EVP_DigestSignInit(md, NULL, EVP_sm3(), NULL, k->pkey);
        if (ok == 1) return md;
    }
    EVP_MD_CTX_free(md);
    EVP_PKEY_CTX_free(pctx);
    return NULL;
}

static void sign_done(EVP_MD_CTX *md)
{
    EVP_PKEY_CTX *pctx = EVP_MD_CTX_get_pkey_ctx(md);
    EVP_MD_CTX_free(md); /* does not free a context that it was given */
    EVP_PKEY_CTX_free(pctx);
}

int sm2_sign(Arena *a, const Sm2Key *k, Str id, Str message, Str *ret, Err *err)
{
    if (!k->private) return fail(err, ERR_INPUT, "没有私钥，不能签名");
    if (id.n > 8191) return fail(err, ERR_INPUT, "SM2 标识太长");
    EVP_MD_CTX *md = sign_ctx(k, id, false);
    if (!md) return fail(err, ERR_INTERNAL, "SM2 签名无法开始");
    size_t n = 128;
    unsigned char *out = arena_alloc(a, n);
    int ok = EVP_DigestSign(md, out, &n, (const unsigned char *)(message.n ? message.p : ""), message.n);
    sign_done(md);
    if (ok != 1) return fail(err, ERR_INTERNAL, "SM2 签名失败");
    *ret = str_n((char *)out, n);
    return 0;
}

int sm2_verify(const Sm2Key *k, Str id, Str message, Str signature, Err *err)
{
    EVP_MD_CTX *md = id.n <= 8191 ? sign_ctx(k, id, true) : NULL;
    if (!md) return fail(err, ERR_VALIDATION, "SM2 验签无法开始");
    int ok = EVP_DigestVerify(md, (const unsigned char *)(signature.n ? signature.p : ""), signature.n,
                              (const unsigned char *)(message.n ? message.p : ""), message.n);
    sign_done(md);
    return ok == 1 ? 0 : fail(err, ERR_VALIDATION, "签名不对：内容被改动过，或不是这把密钥签的");
}

static int crypt(Arena *a, const Sm2Key *k, bool encrypt, Str in, Str *ret)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(k->pkey, NULL);
    const unsigned char *p = (const unsigned char *)in.p;
    size_t n = 0;
    int (*init)(EVP_PKEY_CTX *) = encrypt ? EVP_PKEY_encrypt_init : EVP_PKEY_decrypt_init;
    int (*run)(EVP_PKEY_CTX *, unsigned char *, size_t *, const unsigned char *, size_t) =
        encrypt ? EVP_PKEY_encrypt : EVP_PKEY_decrypt;
    int ok = ctx && init(ctx) == 1 && run(ctx, NULL, &n, p, in.n) == 1;
    if (ok) {
        /* 3.0.0–3.0.x reported a length one piece too small for some cipher texts (CVE-2021-3711): leave
         * room. */
        n += 128;
        unsigned char *out = arena_alloc(a, n);
        ok = run(ctx, out, &n, p, in.n) == 1;
        if (ok) *ret = str_n((char *)out, n);
    }
    EVP_PKEY_CTX_free(ctx);
    return ok;
}

int sm2_encrypt(Arena *a, const Sm2Key *k, Str plain, Str *ret, Err *err)
{
    if (!plain.n || plain.n > PLAIN_MAX) return fail(err, ERR_INPUT, "SM2 加密的内容应在 1 字节到 1 MB 之间");
    return crypt(a, k, true, plain, ret) ? 0 : fail(err, ERR_INTERNAL, "SM2 加密失败");
}

int sm2_decrypt(Arena *a, const Sm2Key *k, Str cipher, Str *ret, Err *err)
{
    if (!k->private) return fail(err, ERR_INPUT, "没有私钥，不能解密");
    if (!cipher.n || cipher.n > PLAIN_MAX + 1024 || !crypt(a, k, false, cipher, ret))
        return fail(err, ERR_INPUT, "SM2 密文解不开：内容已损坏，或不是为这把密钥加密的");
    return 0;
}

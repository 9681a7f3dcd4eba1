/* SPDX-License-Identifier: MulanPSL-2.0 */
/* The provider's RSA key (DIR/keys/oidc.pem, made at the first start), its public half as a JWK set (RFC
   7517), and tokens signed RS256 (RFC 7515, RFC 7518 §3.3). */
#include "people/people_int.h"

#include "base/secret_file.h"
#include "base/sm.h"
#include <errno.h>
#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <unistd.h>

enum { RSA_BITS = 2048 };

static int io(Err *err, const char *path)
{
    return err_io(err, errno, "%s", path), err_hint(err, "检查权限和磁盘空间");
}

static int write_new(const char *path, Err *err)
{
    char *text;
    EVP_PKEY *key = EVP_RSA_gen(RSA_BITS);
    BIO *out = BIO_new(BIO_s_secmem());
    bool ok = key && out && PEM_write_bio_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL) == 1;
    long n = ok ? BIO_get_mem_data(out, &text) : 0;
    int rc = ok ? secret_file_write(path, str_n(text, (size_t)n), err)
                : err_set(err, ERR_INTERNAL, "不能生成 RSA 密钥");
    BIO_free(out);
    EVP_PKEY_free(key);
    return rc;
}

int jwt_load(const City *c, void **ret, Err *err)
{
    _cleanup_arena_ Arena *a = arena_new();
    Str path = str_fmt(a, "%s/keys/oidc.pem", c->dir);
    if (access(path.p, F_OK) != 0) TRY(write_new(path.p, err));
    FILE *f = fopen(path.p, "re");
    if (!f) return io(err, path.p);
    EVP_PKEY *key = PEM_read_PrivateKey(f, NULL, NULL, NULL);
    fclose(f);
    if (!key || !EVP_PKEY_is_a(key, "RSA")) {
        EVP_PKEY_free(key);
        return err_set(err, ERR_VERIFY, "%s 不是 RSA 私钥", path.p), err_hint(err, "从备份恢复这个文件");
    }
    *ret = key;
    return 0;
}

void jwt_free(void *key) { EVP_PKEY_free(key); }

static Str number(Arena *a, EVP_PKEY *key, const char *name)
{
    BIGNUM *n = NULL;
    if (EVP_PKEY_get_bn_param(key, name, &n) != 1) return S("");
    size_t size = (size_t)BN_num_bytes(n);
    unsigned char *p = arena_alloc(a, size + 1);
    BN_bn2bin(n, p);
    BN_free(n);
    return base64url_encode(a, str_n((char *)p, size));
}

static Str key_id(Arena *a, EVP_PKEY *key)
{
    char hex[SM3_HEX_SIZE];
    sm3_hex(number(a, key, OSSL_PKEY_PARAM_RSA_N), hex);
    return str_dup(a, str_n(hex, 16));
}

void jwt_keys(Arena *a, void *key, JsonWriter *w)
{
    jw_object(w);
    jw_key(w, S("keys"));
    jw_array(w);
    jw_object(w);
    jw_kstr(w, "kty", S("RSA"));
    jw_kstr(w, "use", S("sig"));
    jw_kstr(w, "alg", S("RS256"));
    jw_kstr(w, "kid", key_id(a, key));
    jw_kstr(w, "n", number(a, key, OSSL_PKEY_PARAM_RSA_N));
    jw_kstr(w, "e", number(a, key, OSSL_PKEY_PARAM_RSA_E));
    jw_object_end(w);
    jw_array_end(w);
    jw_object_end(w);
}

int jwt_sign(Arena *a, void *key, Str claims, Str *ret, Err *err)
{
    Str head =
        str_fmt(a, "{\"alg\":\"RS256\",\"typ\":\"JWT\",\"kid\":\"" STR_FMT "\"}", STR_ARG(key_id(a, key)));
    Str h = base64url_encode(a, head), c = base64url_encode(a, claims);
    Str text = str_fmt(a, STR_FMT "." STR_FMT, STR_ARG(h), STR_ARG(c));
    unsigned char sig[RSA_BITS];
    size_t n = sizeof sig;
    EVP_MD_CTX *x = EVP_MD_CTX_new();
    bool ok = x && EVP_DigestSignInit(x, NULL, EVP_sha256(), NULL, key) == 1 &&
              EVP_DigestSign(x, sig, &n, (const unsigned char *)text.p, text.n) == 1;
    EVP_MD_CTX_free(x);
    if (!ok) return err_set(err, ERR_INTERNAL, "令牌签名失败");
    Str s = base64url_encode(a, str_n((char *)sig, n));
    *ret = str_fmt(a, STR_FMT "." STR_FMT, STR_ARG(text), STR_ARG(s));
    return 0;
}

/* base64url(SHA-256(text)): RFC 7636 §4.2. */
Str pkce_challenge(Arena *a, Str verifier)
{
    unsigned char sum[32];
    unsigned n = 0;
    if (EVP_Digest(verifier.p, verifier.n, sum, &n, EVP_sha256(), NULL) != 1) return S("");
    return base64url_encode(a, str_n((char *)sum, n));
}
